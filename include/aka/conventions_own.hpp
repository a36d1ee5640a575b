// aka: conventions with names of their own: the original releases, trainers and engines.
#ifndef AKA_CONVENTIONS_OWN_HPP
#define AKA_CONVENTIONS_OWN_HPP

#include "config.hpp"

AKA_BEGIN
namespace detail {

// In pieces: some compilers take no literal over 16 KB.
// clang-format off
inline constexpr char own_conventions[] =
R"aka(
# ---- names of their own

convention meta_llama extends others
  alias meta
  title Meta's original Llama 1, 2 and 3
  rope interleaved
  tok_embeddings.{part} = token_embd
  norm.{part} = output_norm
  output.{part} = output
  rope.freqs = drop
  layers.{l}.attention.inner_attention.rope.freqs = drop
  layers.{l}.attention_norm.{part} = attn_norm
  layers.{l}.ffn_norm.{part} = ffn_norm
  layers.{l}.attention.wq.{part} = attn_q
  layers.{l}.attention.wk.{part} = attn_k
  layers.{l}.attention.wv.{part} = attn_v
  layers.{l}.attention.wo.{part} = attn_output
  layers.{l}.feed_forward.w1.{part} = ffn_gate
  layers.{l}.feed_forward.w3.{part} = ffn_up
  layers.{l}.feed_forward.w2.{part} = ffn_down

convention mistral_consolidated extends meta_llama
  alias mistral
  title Mistral's consolidated files

# rows of an expert after rows of an expert; w2 transposed
convention mixtral_original extends mistral_consolidated
  title Mixtral's consolidated files
  without ffn_gate ffn_up ffn_down
  layers.{l}.block_sparse_moe.gate.{part} = ffn_gate_inp
  layers.{l}.block_sparse_moe.w1 = gate_exps e f , x
  layers.{l}.block_sparse_moe.w3 = up_exps e f , x
  layers.{l}.block_sparse_moe.w2 = down_exps e f , x
  # later files
  layers.{l}.feed_forward.gate.{part} = ffn_gate_inp also
  layers.{l}.feed_forward.experts.{e}.w1.{part} = ffn_gate_exps also
  layers.{l}.feed_forward.experts.{e}.w3.{part} = ffn_up_exps also
  layers.{l}.feed_forward.experts.{e}.w2.{part} = ffn_down_exps also

convention mistral_moe_mla extends mistral_consolidated
  title Mistral Large 3
  rope interleaved inferred
  without attn_q attn_k attn_v ffn_gate ffn_up ffn_down
  layers.{l}.attention.wo.{part} = attn_output *
  layers.{l}.attention.wq_a.{part} = attn_q_a *
  layers.{l}.attention.q_a_norm.{part} = attn_q_a_norm *
  layers.{l}.attention.wq_b.{part} = attn_q_b *
  layers.{l}.attention.wkv_a_with_mqa.{part} = attn_kv_a_mqa *
  layers.{l}.attention.kv_a_norm.{part} = attn_kv_a_norm *
  layers.{l}.attention.wkv_b.{part} = attn_kv_b *
  layers.{l}.feed_forward.w1.{part} = ffn_gate optional
  layers.{l}.feed_forward.w3.{part} = ffn_up optional
  layers.{l}.feed_forward.w2.{part} = ffn_down optional
  layers.{l}.gate.{part} = ffn_gate_inp
  layers.{l}.experts.{e}.w1.{part} = ffn_gate_exps
  layers.{l}.experts.{e}.w3.{part} = ffn_up_exps
  layers.{l}.experts.{e}.w2.{part} = ffn_down_exps
  layers.{l}.shared_experts.w1.{part} = ffn_gate_shexp
  layers.{l}.shared_experts.w3.{part} = ffn_up_shexp
  layers.{l}.shared_experts.w2.{part} = ffn_down_shexp

# of one shard: shards interleave, so each is split first
convention meta_llama4 extends others
  title Meta's original Llama 4
  rope interleaved
  tok_embeddings.{part} = token_embd
  norm.{part} = output_norm
  output.{part} = output
  layers.{l}.feed_forward.global_gate_stats_3E = drop
  layers.{l}.feed_forward.expert_activation_DE = drop
  layers.{l}.attention.wqkv.layer_norm_weight = attn_norm
  layers.{l}.attention_norm.weight = attn_norm also
  layers.{l}.feed_forward.norm.{part} = ffn_norm
  layers.{l}.feed_forward.mlp.layer_norm_weight = ffn_norm also
  layers.{l}.attention.wqkv.{part} = (q kv g i s + k kv i s + v kv d) , x
  layers.{l}.attention.wo.{part} = attn_output
  layers.{l}.feed_forward.mlp.fc1_weight = (gate f + up f) , x optional
  layers.{l}.feed_forward.mlp.fc2_weight = ffn_down optional
  layers.{l}.feed_forward.router_DE = ffn_gate_inp x , e
  layers.{l}.feed_forward.experts.moe_w_in_eD_F = gate_exps e x , f
  layers.{l}.feed_forward.experts.moe_w_swiglu_eD_F = up_exps e x , f
  layers.{l}.feed_forward.experts.moe_w_out_eF_D = down_exps e f , x
  layers.{l}.feed_forward.w_in_shared_FD.{part} = ffn_gate_shexp
  layers.{l}.feed_forward.w_swiglu_FD.{part} = ffn_up_shexp
  layers.{l}.feed_forward.w_out_shared_DF.{part} = ffn_down_shexp

convention torchtitan_llama3 extends meta_llama
  alias torchtitan
  title torchtitan Llama 3
  lm_head.{part} = output
  layers.{l}.attention.qkv_linear.wq.{part} = attn_q
  layers.{l}.attention.qkv_linear.wk.{part} = attn_k
  layers.{l}.attention.qkv_linear.wv.{part} = attn_v

convention gpt_fast extends meta_llama
  title gpt-fast
  layers.{l}.attention.wqkv.{part} = (q kv g i s + k kv i s + v kv d) , x

convention torchtune extends others
  title torchtune
  rope interleaved
  tok_embeddings.{part} = token_embd
  norm.scale = output_norm
  output.{part} = output
  layers.{l}.sa_norm.scale = attn_norm
  layers.{l}.mlp_norm.scale = ffn_norm
  layers.{l}.attn.q_proj.{part} = attn_q
  layers.{l}.attn.k_proj.{part} = attn_k
  layers.{l}.attn.v_proj.{part} = attn_v
  layers.{l}.attn.output_proj.{part} = attn_output
  layers.{l}.mlp.w1.{part} = ffn_gate
  layers.{l}.mlp.w3.{part} = ffn_up
  layers.{l}.mlp.w2.{part} = ffn_down

convention deepseek_official extends others unverified
  title DeepSeek-V3, own inference format
  rope interleaved inferred
  embed.{part} = token_embd
  norm.{part} = output_norm
  head.{part} = output
  layers.{l}.attn_norm.{part} = attn_norm
  layers.{l}.ffn_norm.{part} = ffn_norm
  layers.{l}.attn.wq.{part} = attn_q * optional
  layers.{l}.attn.wo.{part} = attn_output *
  layers.{l}.attn.wq_a.{part} = attn_q_a *
  layers.{l}.attn.q_norm.{part} = attn_q_a_norm *
  layers.{l}.attn.wq_b.{part} = attn_q_b *
  layers.{l}.attn.wkv_a.{part} = attn_kv_a_mqa *
  layers.{l}.attn.kv_norm.{part} = attn_kv_a_norm *
  layers.{l}.attn.wkv_b.{part} = attn_kv_b *
  layers.{l}.ffn.w1.{part} = ffn_gate optional
  layers.{l}.ffn.w3.{part} = ffn_up optional
  layers.{l}.ffn.w2.{part} = ffn_down optional
  layers.{l}.ffn.gate.weight = ffn_gate_inp
  layers.{l}.ffn.gate.bias = exp_probs_b.bias optional
  layers.{l}.ffn.experts.{e}.w1.{part} = ffn_gate_exps
  layers.{l}.ffn.experts.{e}.w3.{part} = ffn_up_exps
  layers.{l}.ffn.experts.{e}.w2.{part} = ffn_down_exps
  layers.{l}.ffn.shared_experts.w1.{part} = ffn_gate_shexp
  layers.{l}.ffn.shared_experts.w3.{part} = ffn_up_shexp
  layers.{l}.ffn.shared_experts.w2.{part} = ffn_down_shexp

# up comes first
convention olmo_ai2 extends others
  alias olmo
  title OLMo and OLMo 2, AI2's own
  transformer.wte.{part} = token_embd
  transformer.ln_f.{part} = output_norm optional
  transformer.ff_out.{part} = output
  transformer.blocks.{l}.attn_norm.{part} = attn_post_norm optional
  transformer.blocks.{l}.ff_norm.{part} = ffn_post_norm optional
  transformer.blocks.{l}.q_norm.{part} = attn_q_norm kv g s i optional
  transformer.blocks.{l}.k_norm.{part} = attn_k_norm kv s i optional
  transformer.blocks.{l}.att_proj.{part} = (q kv g s i + k kv s i + v kv d) , x
  transformer.blocks.{l}.attn_out.{part} = attn_output
  transformer.blocks.{l}.ff_proj.{part} = (up f + gate f) , x
  transformer.blocks.{l}.ff_out.{part} = ffn_down

# up first, as in OLMo: vLLM runs it with MulAndSilu, LMDeploy takes the second half as the gate
convention molmo extends others
  title Molmo
  model_type molmo
  model.transformer.wte.embedding = token_embd
  model.transformer.wte.new_embedding = token_embd_extra optional
  model.transformer.ln_f.{part} = output_norm
  model.transformer.ff_out.{part} = output
  model.transformer.blocks.{l}.attn_norm.{part} = attn_norm
  model.transformer.blocks.{l}.ff_norm.{part} = ffn_norm
  model.transformer.blocks.{l}.att_proj.{part} = (q kv g s i + k kv s i + v kv d) , x
  model.transformer.blocks.{l}.attn_out.{part} = attn_output
  model.transformer.blocks.{l}.ff_proj.{part} = (up f + gate f) , x
  model.transformer.blocks.{l}.ff_out.{part} = ffn_down

convention llada extends others
  title LLaDA
  model_type llada
  rope half inferred
  model.transformer.wte.{part} = token_embd
  model.transformer.ln_f.{part} = output_norm
  model.transformer.ff_out.{part} = output
  model.transformer.blocks.{l}.attn_norm.{part} = attn_norm
  model.transformer.blocks.{l}.ff_norm.{part} = ffn_norm
  model.transformer.blocks.{l}.q_proj.{part} = attn_q
  model.transformer.blocks.{l}.k_proj.{part} = attn_k
  model.transformer.blocks.{l}.v_proj.{part} = attn_v
  model.transformer.blocks.{l}.attn_out.{part} = attn_output
  model.transformer.blocks.{l}.ff_proj.{part} = ffn_gate
  model.transformer.blocks.{l}.up_proj.{part} = ffn_up
  model.transformer.blocks.{l}.ff_out.{part} = ffn_down

convention chatglm extends others
  title ChatGLM 2 and 3, GLM-4-9B
  model_type chatglm
  rope interleaved
  rotary 50%
  transformer.embedding.word_embeddings.{part} = token_embd
  transformer.encoder.final_layernorm.{part} = output_norm
  transformer.output_layer.{part} = output
  transformer.rotary_pos_emb.inv_freq = drop
  transformer.encoder.layers.{l}.input_layernorm.{part} = attn_norm
  transformer.encoder.layers.{l}.post_attention_layernorm.{part} = ffn_norm
  transformer.encoder.layers.{l}.self_attention.query_key_value.{part} = (q kv g i s + k kv i s + v kv d) , x
  transformer.encoder.layers.{l}.self_attention.dense.{part} = attn_output
  transformer.encoder.layers.{l}.mlp.dense_h_to_4h.{part} = (gate f + up f) , x
  transformer.encoder.layers.{l}.mlp.dense_4h_to_h.{part} = ffn_down

# w1 is up, w2 is the gate
convention qwen1 extends others
  alias qwen
  title Qwen 1
  model_type qwen
  transformer.wte.{part} = token_embd
  transformer.ln_f.{part} = output_norm
  lm_head.{part} = output
  transformer.h.{l}.ln_1.{part} = attn_norm
  transformer.h.{l}.ln_2.{part} = ffn_norm
  transformer.h.{l}.attn.c_attn.{part} = (q kv g s i + k kv s i + v kv d) , x
  transformer.h.{l}.attn.c_proj.{part} = attn_output
  transformer.h.{l}.mlp.w2.{part} = ffn_gate
  transformer.h.{l}.mlp.w1.{part} = ffn_up
  transformer.h.{l}.mlp.c_proj.{part} = ffn_down

convention exaone3 extends others
  title EXAONE 3
  model_type exaone
  transformer.wte.{part} = token_embd
  transformer.ln_f.{part} = output_norm
  lm_head.{part} = output
  transformer.h.{l}.ln_1.{part} = attn_norm
  transformer.h.{l}.ln_2.{part} = ffn_norm
  transformer.h.{l}.attn.attention.q_proj.{part} = attn_q
  transformer.h.{l}.attn.attention.k_proj.{part} = attn_k
  transformer.h.{l}.attn.attention.v_proj.{part} = attn_v
  transformer.h.{l}.attn.attention.out_proj.{part} = attn_output
  transformer.h.{l}.mlp.c_fc_0.{part} = ffn_gate
  transformer.h.{l}.mlp.c_fc_1.{part} = ffn_up
  transformer.h.{l}.mlp.c_proj.{part} = ffn_down

convention telechat2 extends others unverified
  title TeleChat 2
  model_type telechat
  transformer.word_embeddings.{part} = token_embd
  transformer.ln_f.{part} = output_norm
  lm_head.{part} = output
  transformer.h.{l}.input_layernorm.{part} = attn_norm
  transformer.h.{l}.post_attention_layernorm.{part} = ffn_norm
  transformer.h.{l}.self_attention.query.{part} = attn_q
  transformer.h.{l}.self_attention.key_value.{part} = kv (k s i + v d) , x
  transformer.h.{l}.self_attention.dense.{part} = attn_output
  transformer.h.{l}.mlp.gate_proj.{part} = ffn_gate
  transformer.h.{l}.mlp.up_proj.{part} = ffn_up
  transformer.h.{l}.mlp.down_proj.{part} = ffn_down

convention gpt_oss_original extends others
  title gpt-oss, OpenAI's own
  embedding.{part} = token_embd
  norm.scale = output_norm
  unembedding.{part} = output
  block.{l}.attn.norm.scale = attn_norm
  block.{l}.mlp.norm.scale = ffn_norm
  block.{l}.attn.qkv.{part} = (q kv g s i + k kv s i + v kv d) , x
  block.{l}.attn.out.{part} = attn_output
  block.{l}.attn.sinks = attn_sinks
  block.{l}.mlp.gate.{part} = ffn_gate_inp
  block.{l}.mlp.mlp1_weight.{part} = e , f (gate_exps + up_exps) , x
  block.{l}.mlp.mlp2_weight.{part} = down_exps e , x , f
  # the biases are called otherwise than the matrices
  block.{l}.mlp.mlp1_{part} = e , f (gate_exps + up_exps) , x also
  block.{l}.mlp.mlp2_{part} = down_exps e , x , f also

convention litgpt extends others
  title LitGPT
  transformer.wte.{part} = token_embd
  transformer.ln_f.{part} = output_norm
  lm_head.{part} = output
  transformer.h.{l}.norm_1.{part} = attn_norm
  transformer.h.{l}.norm_2.{part} = ffn_norm
  transformer.h.{l}.post_attention_norm.{part} = attn_post_norm optional
  transformer.h.{l}.post_mlp_norm.{part} = ffn_post_norm optional
  transformer.h.{l}.attn.norm_q.{part} = attn_q_norm optional
  transformer.h.{l}.attn.norm_k.{part} = attn_k_norm optional
  transformer.h.{l}.attn.qkv.{part} = (q kv g s i + k kv s i + v kv d) , x
  transformer.h.{l}.attn.proj.{part} = attn_output
  transformer.h.{l}.mlp.fc_1.{part} = ffn_gate optional
  transformer.h.{l}.mlp.fc_2.{part} = ffn_up optional
  transformer.h.{l}.mlp.proj.{part} = ffn_down optional
  transformer.h.{l}.mlp.gate.{part} = ffn_gate_inp optional
  transformer.h.{l}.mlp.experts.{e}.fc_1.{part} = ffn_gate_exps optional
  transformer.h.{l}.mlp.experts.{e}.fc_2.{part} = ffn_up_exps optional
  transformer.h.{l}.mlp.experts.{e}.proj.{part} = ffn_down_exps optional

convention litgpt_legacy extends litgpt
  title LitGPT before 2024-12-26
  transformer.h.{l}.attn.attn.{part} = kv (q g s i + k s i + v d) , x

convention trtllm extends others
  alias tensorrt_llm
  title TensorRT-LLM
  rope half inferred
  transformer.vocab_embedding.{part} = token_embd
  transformer.ln_f.{part} = output_norm
  lm_head.{part} = output
  transformer.layers.{l}.input_layernorm.{part} = attn_norm
  transformer.layers.{l}.post_layernorm.{part} = ffn_norm
  transformer.layers.{l}.attention.qkv.{part} = (q kv g s i + k kv s i + v kv d) , x
  transformer.layers.{l}.attention.dense.{part} = attn_output
  transformer.layers.{l}.mlp.fc.{part} = ffn_gate
  transformer.layers.{l}.mlp.gate.{part} = ffn_up
  transformer.layers.{l}.mlp.proj.{part} = ffn_down
)aka";
inline constexpr char own_more_conventions[] =
R"aka(
convention megatron_core extends others
  alias megatron
  title Megatron-Core
  embedding.word_embeddings.{part} = token_embd
  decoder.final_layernorm.{part} = output_norm
  output_layer.{part} = output
  decoder.layers.{l}.self_attention.linear_qkv.layer_norm_weight = attn_norm
  decoder.layers.{l}.input_layernorm.{part} = attn_norm also
  decoder.layers.{l}.mlp.linear_fc1.layer_norm_weight = ffn_norm
  decoder.layers.{l}.pre_mlp_layernorm.{part} = ffn_norm also
  decoder.layers.{l}.self_attention.linear_qkv.{part} = kv (q g s i + k s i + v d) , x
  decoder.layers.{l}.self_attention.linear_proj.{part} = attn_output
  decoder.layers.{l}.self_attention.q_layernorm.{part} = attn_q_norm optional
  decoder.layers.{l}.self_attention.k_layernorm.{part} = attn_k_norm optional
  decoder.layers.{l}.mlp.linear_fc1.{part} = (gate f + up f) , x optional
  decoder.layers.{l}.mlp.linear_fc2.{part} = ffn_down optional
  decoder.layers.{l}.mlp.router.weight = ffn_gate_inp optional
  decoder.layers.{l}.mlp.router.expert_bias = exp_probs_b.bias optional
  decoder.layers.{l}.mlp.experts.linear_fc1.weight{e} = (gate_exps f + up_exps f) , x optional
  decoder.layers.{l}.mlp.experts.linear_fc2.weight{e} = ffn_down_exps optional
  decoder.layers.{l}.mlp.experts.local_experts.{e}.linear_fc1.{part} = (gate_exps f + up_exps f) , x also
  decoder.layers.{l}.mlp.experts.local_experts.{e}.linear_fc2.{part} = ffn_down_exps also

convention megatron_legacy extends others
  title Megatron-LM, legacy
  language_model.embedding.word_embeddings.{part} = token_embd
  language_model.encoder.final_norm|final_layernorm.{part} = output_norm
  language_model.output_layer.{part} = output
  language_model.encoder.layers.{l}.input_norm|input_layernorm.{part} = attn_norm
  language_model.encoder.layers.{l}.post_attention_norm|post_attention_layernorm.{part} = ffn_norm
  language_model.encoder.layers.{l}.self_attention.query_key_value.{part} = kv (q g s i + k s i + v d) , x
  language_model.encoder.layers.{l}.self_attention.dense.{part} = attn_output
  language_model.encoder.layers.{l}.mlp.dense_h_to_4h.{part} = (gate f + up f) , x
  language_model.encoder.layers.{l}.mlp.dense_4h_to_h.{part} = ffn_down
)aka";
// clang-format on

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTIONS_OWN_HPP
