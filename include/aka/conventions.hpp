// aka: every convention that aka knows, as text. The grammar is at `catalog` in names.hpp; the ids
// and the facts are those of the survey of conventions.
#ifndef AKA_CONVENTIONS_HPP
#define AKA_CONVENTIONS_HPP

#include <string_view>

#include "config.hpp"

AKA_BEGIN
namespace detail {

// In pieces: some compilers take no literal over 16 KB.
// clang-format off
inline constexpr std::string_view builtin_tables[] = {
R"aka(
# What stands beside a language model, and what carries no weights: in every table.
convention others
  title Other towers and buffers, in every convention
  **.rotary_emb.inv_freq = drop
  **.rotary_emb.cos_cached = drop
  **.rotary_emb.sin_cached = drop
  **.rotary_pos_emb.inv_freq = drop
  **.rope.freqs = drop
  **.freqs_cis = drop
  **.freq_cis = drop
  **._extra_state = drop
  **.masked_bias = drop
  **.position_ids = drop
  **.kv_fake_quantizer.qscale_act = other scales of an FP8 cache
  vision_tower.** = other the vision tower
  vision_model.** = other the vision tower
  vision_encoder.** = other the vision tower
  vision_backbone.** = other the vision tower
  vision.** = other the vision tower
  visual.** = other the vision tower
  vpm.** = other the vision tower
  v.** = other the vision tower
  sam_model.** = other the vision tower (SAM)
  qwen2_model.** = other the vision tower (a Qwen 2 inside the encoder)
  view_seperator = other the vision tower
  image_newline = other the vision tower
  vision_language_adapter.** = other the vision projector
  multi_modal_projector.** = other the vision projector
  mm_projector.** = other the vision projector
  mm.** = other the vision projector
  projector.** = other the vision projector
  patch_merger.** = other the vision projector
  pre_mm_projector_norm.** = other the vision projector
  connector.** = other the vision projector
  resampler.** = other the vision projector
  aligner.** = other the vision projector
  embed_vision.** = other the vision projector
  embed_audio.** = other the audio projector
  audio_tower.** = other the audio tower
  audio_encoder.** = other the audio tower
  audio_model.** = other the audio tower
  apm.** = other the audio tower
  talker.** = other the speech tower
  token2wav.** = other the speech tower
  mtp.** = other the draft head
  mtp_layers.** = other the draft head
  medusa_head.** = other the draft head

convention hf_llama extends others
  alias hf
  title Hugging Face Llama, and everything that uses its names
  model_type llama mistral aquila xverse minicpm granite smollm3 seed_oss arcee
  rope half
  model.embed_tokens.{part} = token_embd
  model.norm.{part} = output_norm
  lm_head.{part} = output
  model.layers.{l}.input_layernorm.{part} = attn_norm
  model.layers.{l}.post_attention_layernorm.{part} = ffn_norm
  model.layers.{l}.self_attn.q_proj.{part} = attn_q
  model.layers.{l}.self_attn.k_proj.{part} = attn_k
  model.layers.{l}.self_attn.v_proj.{part} = attn_v
  model.layers.{l}.self_attn.o_proj.{part} = attn_output
  model.layers.{l}.mlp.gate_proj.{part} = ffn_gate
  model.layers.{l}.mlp.up_proj.{part} = ffn_up
  model.layers.{l}.mlp.down_proj.{part} = ffn_down

convention hf_qwen2 extends hf_llama
  title Hugging Face Qwen 2 and 2.5
  model_type qwen2 qwen2_vl qwen2_5_vl qwen2_vl_text qwen2_5_vl_text

convention hf_qwen3 extends hf_llama
  title Hugging Face Qwen 3, dense
  model_type qwen3 qwen3_vl qwen3_vl_text LLaVAOneVision1_5_text
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm

convention hf_olmo extends hf_llama
  title Hugging Face OLMo 1
  model_type olmo
  norm none
  without attn_norm ffn_norm output_norm

# the norms are on what attention and feed-forward add
convention hf_olmo2 extends hf_llama
  title Hugging Face OLMo 2 and 3
  model_type olmo2 olmo3
  without attn_norm ffn_norm
  model.layers.{l}.post_attention_layernorm.{part} = attn_post_norm
  model.layers.{l}.post_feedforward_layernorm.{part} = ffn_post_norm
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm kv g s i
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm kv s i

convention hf_exaone4 extends hf_olmo2
  title Hugging Face EXAONE 4
  model_type exaone4
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm

convention hf_stablelm extends hf_llama
  title Hugging Face StableLM
  model_type stablelm stablelm_epoch
  norm layer
  model.layers.{l}.self_attn.q_layernorm.norms.{h}.{part} = attn_q_norm optional
  model.layers.{l}.self_attn.k_layernorm.norms.{h}.{part} = attn_k_norm optional

convention hf_gemma extends hf_llama
  title Hugging Face Gemma 1
  model_type gemma
  norm_offset 1
  tied yes

convention hf_gemma2 extends hf_gemma
  title Hugging Face Gemma 2
  model_type gemma2
  model.layers.{l}.pre_feedforward_layernorm.{part} = ffn_norm
  model.layers.{l}.post_attention_layernorm.{part} = attn_post_norm
  model.layers.{l}.post_feedforward_layernorm.{part} = ffn_post_norm

convention hf_gemma3 extends hf_gemma2
  title Hugging Face Gemma 3, text
  model_type gemma3 gemma3_text
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm

# separators are slashes, matrices are transposed
convention flax_gemma extends others
  alias flax
  title Flax Gemma 1
  norm_offset 1
  tied yes
  model/embed_tokens/embedding = token_embd
  model/norm/weight = output_norm
  lm_head/kernel = output x , v optional
  model/layers/{l}/input_layernorm/weight = attn_norm
  model/layers/{l}/post_attention_layernorm/weight = ffn_norm
  model/layers/{l}/self_attn/q_proj/kernel = attn_q x , kv g s i
  model/layers/{l}/self_attn/k_proj/kernel = attn_k x , kv s i
  model/layers/{l}/self_attn/v_proj/kernel = attn_v x , kv d
  model/layers/{l}/self_attn/o_proj/kernel = attn_output kv g d , x
  model/layers/{l}/mlp/gate_proj/kernel = ffn_gate x , f
  model/layers/{l}/mlp/up_proj/kernel = ffn_up x , f
  model/layers/{l}/mlp/down_proj/kernel = ffn_down f , x

# of the second and the third Gemma
convention gemma_pytorch extends hf_gemma2
  title google/gemma_pytorch, Gemma 2 and 3
  rope half inferred
  without output
  embedder.{part} = token_embd
  model.layers.{l}.self_attn.qkv_proj.{part} = (q kv g s i + k kv s i + v kv d) , x
  model.layers.{l}.self_attn.query_norm.{part} = attn_q_norm optional
  model.layers.{l}.self_attn.key_norm.{part} = attn_k_norm optional

convention gemma_pytorch_v1 extends gemma_pytorch
  title google/gemma_pytorch, Gemma 1
  without attn_post_norm ffn_post_norm attn_q_norm attn_k_norm
  model.layers.{l}.post_attention_layernorm.{part} = ffn_norm

# one norm a layer; a norm of q and k for each head
convention hf_cohere extends hf_llama
  title Hugging Face Command-R, R+ and Cohere 2
  model_type cohere cohere2
  rope interleaved
  norm layer
  tied yes
  without ffn_norm
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm kv g , i s optional
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm kv , i s optional

convention hf_orion extends hf_llama
  title Orion
  model_type orion
  norm layer

convention hf_glm extends hf_llama
  title Hugging Face GLM (glm-4-9b-chat-hf)
  model_type glm
  rope interleaved
  rotary 50%
  model.layers.{l}.mlp.gate_up_proj.{part} = (gate f + up f) , x

convention hf_glm4 extends hf_glm
  title Hugging Face GLM-4-0414
  model_type glm4
  model.layers.{l}.post_self_attn_layernorm.{part} = attn_post_norm
  model.layers.{l}.post_mlp_layernorm.{part} = ffn_post_norm

convention yi_v1 extends hf_llama
  alias yi
  title Yi, as first published (November 2023)
  model_type Yi
  model.layers.{l}.ln1.{part} = attn_norm
  model.layers.{l}.ln2.{part} = ffn_norm
  # both spellings are in the wild
  model.layers.{l}.input_layernorm.{part} = attn_norm also
  model.layers.{l}.post_attention_layernorm.{part} = ffn_norm also

convention baichuan extends hf_llama
  title Baichuan and Baichuan 2
  model_type baichuan
  model.layers.{l}.self_attn.W_pack.{part} = (q kv g s i + k kv s i + v kv d) , x

convention internlm1 extends hf_llama
  title InternLM 1
  model_type internlm
  rope half inferred

convention internlm2 extends others
  title InternLM 2 and 2.5
  model_type internlm2
  rope half inferred
  model.tok_embeddings.{part} = token_embd
  model.norm.{part} = output_norm
  output.{part} = output
  model.layers.{l}.attention_norm.{part} = attn_norm
  model.layers.{l}.ffn_norm.{part} = ffn_norm
  model.layers.{l}.attention.wqkv.{part} = kv (q g s i + k s i + v d) , x
  model.layers.{l}.attention.wo.{part} = attn_output
  model.layers.{l}.feed_forward.w1.{part} = ffn_gate
  model.layers.{l}.feed_forward.w3.{part} = ffn_up
  model.layers.{l}.feed_forward.w2.{part} = ffn_down

convention internlm3 extends hf_llama
  title InternLM 3
  model_type internlm3
  rope half inferred

convention phi3 extends hf_llama
  title Phi-3, Phi-3.5 and Phi-4
  model_type phi3
  model.layers.{l}.self_attn.qkv_proj.{part} = (q kv g s i + k kv s i + v kv d) , x
  model.layers.{l}.mlp.gate_up_proj.{part} = (gate f + up f) , x

# the name says up_gate, the data is [gate; up]
convention ernie45_original extends hf_llama
  title ERNIE-4.5, original
  model_type ernie4_5
  rope interleaved
  model.layers.{l}.self_attn.qkv_proj.{part} = (q kv g i s + k kv i s + v kv d) , x
  model.layers.{l}.mlp.up_gate_proj.{part} = (gate f + up f) , x

convention apertus extends hf_llama
  title Apertus (no gate)
  model_type apertus
  without ffn_gate
  model.layers.{l}.attention_layernorm.{part} = attn_norm
  model.layers.{l}.feedforward_layernorm.{part} = ffn_norm
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm
  model.layers.{l}.mlp.act_fn.alpha_p = other the activation's parameters
  model.layers.{l}.mlp.act_fn.alpha_n = other the activation's parameters
  model.layers.{l}.mlp.act_fn.beta = other the activation's parameters
  model.layers.{l}.mlp.act_fn.eps = other the activation's parameters

convention nemotron extends hf_llama
  title Nemotron (no gate)
  model_type nemotron
  norm layer
  norm_offset 1
  without ffn_gate
)aka",
R"aka(
# ---- experts, with Hugging Face's names

convention mixtral_hf extends hf_llama
  alias mixtral
  title Hugging Face Mixtral
  model_type mixtral
  without ffn_gate ffn_up ffn_down
  model.layers.{l}.block_sparse_moe.gate.{part} = ffn_gate_inp
  model.layers.{l}.block_sparse_moe.experts.{e}.w1.{part} = ffn_gate_exps
  model.layers.{l}.block_sparse_moe.experts.{e}.w3.{part} = ffn_up_exps
  model.layers.{l}.block_sparse_moe.experts.{e}.w2.{part} = ffn_down_exps
  # as the fifth transformers keeps them in memory
  model.layers.{l}.mlp.gate.{part} = ffn_gate_inp also
  model.layers.{l}.mlp.experts.gate_up_proj = e , (gate_exps f + up_exps f) , x also
  model.layers.{l}.mlp.experts.down_proj = down_exps e , x , f also

convention phimoe extends mixtral_hf unverified
  title Phi-3.5-MoE
  model_type phimoe
  norm layer

convention qwen2_moe extends hf_llama
  title Hugging Face Qwen 2 MoE, Qwen 3 MoE and OLMoE
  model_type qwen2_moe qwen3_moe olmoe
  model.layers.{l}.mlp.gate_proj.{part} = ffn_gate optional
  model.layers.{l}.mlp.up_proj.{part} = ffn_up optional
  model.layers.{l}.mlp.down_proj.{part} = ffn_down optional
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm optional
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm optional
  model.layers.{l}.mlp.gate.{part} = ffn_gate_inp
  model.layers.{l}.mlp.experts.{e}.gate_proj.{part} = ffn_gate_exps
  model.layers.{l}.mlp.experts.{e}.up_proj.{part} = ffn_up_exps
  model.layers.{l}.mlp.experts.{e}.down_proj.{part} = ffn_down_exps
  model.layers.{l}.mlp.shared_expert.gate_proj.{part} = ffn_gate_shexp optional
  model.layers.{l}.mlp.shared_expert.up_proj.{part} = ffn_up_shexp optional
  model.layers.{l}.mlp.shared_expert.down_proj.{part} = ffn_down_shexp optional
  model.layers.{l}.mlp.shared_expert_gate.{part} = ffn_gate_inp_shexp optional
  model.layers.{l}.mlp.experts.gate_up_proj = e , (gate_exps f + up_exps f) , x also
  model.layers.{l}.mlp.experts.down_proj = down_exps e , x , f also

# stacked and transposed
convention qwen3_vl_moe extends qwen2_moe
  title Hugging Face Qwen 3 VL MoE
  model_type qwen3_vl_moe qwen3_vl_moe_text
  model.language_model.embed_tokens.{part} = token_embd
  model.language_model.norm.{part} = output_norm
  model.language_model.layers.{l}.input_layernorm.{part} = attn_norm
  model.language_model.layers.{l}.post_attention_layernorm.{part} = ffn_norm
  model.language_model.layers.{l}.self_attn.q_proj.{part} = attn_q
  model.language_model.layers.{l}.self_attn.k_proj.{part} = attn_k
  model.language_model.layers.{l}.self_attn.v_proj.{part} = attn_v
  model.language_model.layers.{l}.self_attn.o_proj.{part} = attn_output
  model.language_model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm optional
  model.language_model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm optional
  model.language_model.layers.{l}.mlp.gate.{part} = ffn_gate_inp
  model.language_model.layers.{l}.mlp.experts.gate_up_proj = e , x , (gate_exps f + up_exps f)
  model.language_model.layers.{l}.mlp.experts.down_proj = down_exps e , f , x

# rows of q hold q and a gate for what attention gives, head by head
convention qwen3_next extends qwen2_moe unverified
  title Qwen 3 Next and Qwen 3.5, hybrid
  model_type qwen3_next qwen3_5 qwen3_5_text qwen3_5_moe qwen3_5_moe_text
  norm_offset 1
  without attn_q
  model.layers.{l}.self_attn.q_proj.{part} = kv g (q s i + attn_q_gate d) , x optional
  model.layers.{l}.self_attn.k_proj.{part} = attn_k optional
  model.layers.{l}.self_attn.v_proj.{part} = attn_v optional
  model.layers.{l}.self_attn.o_proj.{part} = attn_output optional
  model.layers.{l}.mlp.gate.{part} = ffn_gate_inp optional
  model.layers.{l}.mlp.experts.{e}.gate_proj.{part} = ffn_gate_exps optional
  model.layers.{l}.mlp.experts.{e}.up_proj.{part} = ffn_up_exps optional
  model.layers.{l}.mlp.experts.{e}.down_proj.{part} = ffn_down_exps optional
  model.layers.{l}.linear_attn.in_proj_qkvz.{part} = ssm_in * optional
  model.layers.{l}.linear_attn.in_proj_qkv.{part} = ssm_qkv * optional
  model.layers.{l}.linear_attn.in_proj_z.{part} = ssm_z * optional
  model.layers.{l}.linear_attn.in_proj_ba.{part} = ssm_ba * optional
  model.layers.{l}.linear_attn.in_proj_a.{part} = ssm_alpha * optional
  model.layers.{l}.linear_attn.in_proj_b.{part} = ssm_beta * optional
  model.layers.{l}.linear_attn.conv1d.{part} = ssm_conv1d * optional
  model.layers.{l}.linear_attn.A_log = ssm_a_log * optional
  model.layers.{l}.linear_attn.dt_bias = ssm_dt.bias optional
  model.layers.{l}.linear_attn.norm.{part} = ssm_norm * optional
  model.layers.{l}.linear_attn.out_proj.{part} = ssm_out * optional

convention deepseek_moe_v1 extends hf_llama
  title DeepSeek-MoE 16B, DeepSeek-OCR
  model_type deepseek deepseek_vl_v2
  rope half inferred
  model.layers.{l}.mlp.gate_proj.{part} = ffn_gate optional
  model.layers.{l}.mlp.up_proj.{part} = ffn_up optional
  model.layers.{l}.mlp.down_proj.{part} = ffn_down optional
  model.layers.{l}.mlp.gate.{part} = ffn_gate_inp
  model.layers.{l}.mlp.experts.{e}.gate_proj.{part} = ffn_gate_exps
  model.layers.{l}.mlp.experts.{e}.up_proj.{part} = ffn_up_exps
  model.layers.{l}.mlp.experts.{e}.down_proj.{part} = ffn_down_exps
  model.layers.{l}.mlp.shared_experts.gate_proj.{part} = ffn_gate_shexp optional
  model.layers.{l}.mlp.shared_experts.up_proj.{part} = ffn_up_shexp optional
  model.layers.{l}.mlp.shared_experts.down_proj.{part} = ffn_down_shexp optional

convention hf_glm4_moe extends deepseek_moe_v1
  title Hugging Face GLM-4.5
  model_type glm4_moe
  rope half
  rotary 50%
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm optional
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm optional
  model.layers.{l}.mlp.gate.e_score_correction_bias = exp_probs_b.bias
  model.layers.{l}.enorm.{part} = other the draft layer
  model.layers.{l}.hnorm.{part} = other the draft layer
  model.layers.{l}.eh_proj.{part} = other the draft layer
  model.layers.{l}.shared_head.norm.{part} = other the draft layer
  model.layers.{l}.shared_head.head.{part} = other the draft layer
  model.layers.{l}.embed_tokens.{part} = other the draft layer

# of the class of DeepSeek-V3, but with plain q, k and v: read in one index, in no code
convention deepseek_qk_layernorm extends deepseek_moe_v1 unverified
  title DeepSeek-V3's class without MLA (derived from Kimi K2)
  rope half inferred
  model.layers.{l}.self_attn.q_layernorm.{part} = attn_q_norm
  model.layers.{l}.self_attn.k_layernorm.{part} = attn_k_norm
  model.layers.{l}.mlp.gate.e_score_correction_bias = exp_probs_b.bias

# a head of q has its plain rows first: never re-ordered
convention deepseek_mla_hf extends deepseek_moe_v1
  alias deepseek
  title Hugging Face DeepSeek V2, V3, R1 and Kimi K2
  model_type deepseek_v2 deepseek_v3 kimi_k2
  rope interleaved
  without attn_k attn_v
  model.layers.{l}.self_attn.q_proj.{part} = attn_q * optional
  model.layers.{l}.self_attn.o_proj.{part} = attn_output *
  model.layers.{l}.self_attn.q_a_proj.{part} = attn_q_a * optional
  model.layers.{l}.self_attn.q_a_layernorm.{part} = attn_q_a_norm * optional
  model.layers.{l}.self_attn.q_b_proj.{part} = attn_q_b * optional
  model.layers.{l}.self_attn.kv_a_proj_with_mqa.{part} = attn_kv_a_mqa *
  model.layers.{l}.self_attn.kv_a_layernorm.{part} = attn_kv_a_norm *
  model.layers.{l}.self_attn.kv_b_proj.{part} = attn_kv_b *
  model.layers.{l}.mlp.gate.e_score_correction_bias = exp_probs_b.bias optional
  model.layers.{l}.enorm.{part} = other the draft layer
  model.layers.{l}.hnorm.{part} = other the draft layer
  model.layers.{l}.eh_proj.{part} = other the draft layer
  model.layers.{l}.shared_head.norm.{part} = other the draft layer
  model.layers.{l}.shared_head.head.{part} = other the draft layer
  model.layers.{l}.embed_tokens.{part} = other the draft layer

convention llama4_hf extends others
  title Hugging Face Llama 4
  model_type llama4 llama4_text
  rope interleaved
  language_model.model.embed_tokens.{part} = token_embd
  language_model.model.norm.{part} = output_norm
  language_model.lm_head.{part} = output
  language_model.model.layers.{l}.input_layernorm.{part} = attn_norm
  language_model.model.layers.{l}.post_attention_layernorm.{part} = ffn_norm
  language_model.model.layers.{l}.self_attn.q_proj.{part} = attn_q
  language_model.model.layers.{l}.self_attn.k_proj.{part} = attn_k
  language_model.model.layers.{l}.self_attn.v_proj.{part} = attn_v
  language_model.model.layers.{l}.self_attn.o_proj.{part} = attn_output
  language_model.model.layers.{l}.feed_forward.gate_proj.{part} = ffn_gate optional
  language_model.model.layers.{l}.feed_forward.up_proj.{part} = ffn_up optional
  language_model.model.layers.{l}.feed_forward.down_proj.{part} = ffn_down optional
  language_model.model.layers.{l}.feed_forward.router.{part} = ffn_gate_inp
  language_model.model.layers.{l}.feed_forward.experts.gate_up_proj = e , x , (gate_exps f + up_exps f)
  language_model.model.layers.{l}.feed_forward.experts.down_proj = down_exps e , f , x
  language_model.model.layers.{l}.feed_forward.shared_expert.gate_proj.{part} = ffn_gate_shexp
  language_model.model.layers.{l}.feed_forward.shared_expert.up_proj.{part} = ffn_up_shexp
  language_model.model.layers.{l}.feed_forward.shared_expert.down_proj.{part} = ffn_down_shexp

# gate and up take turns
convention gpt_oss_hf extends hf_llama
  alias gpt_oss
  title Hugging Face gpt-oss
  model_type gpt_oss
  without ffn_gate ffn_up ffn_down
  model.layers.{l}.self_attn.sinks = attn_sinks
  model.layers.{l}.mlp.router.{part} = ffn_gate_inp
  model.layers.{l}.mlp.experts.gate_up_proj_{part} = e , f (gate_exps + up_exps) , x
  model.layers.{l}.mlp.experts.down_proj_{part} = down_exps e , x , f
  # dequantised, and transposed
  model.layers.{l}.mlp.experts.gate_up_proj = e , x , f (gate_exps + up_exps) also
  model.layers.{l}.mlp.experts.down_proj = down_exps e , f , x also

convention granite_moe extends hf_llama
  title Granite MoE
  model_type granitemoe granitemoeshared
  without ffn_gate ffn_up ffn_down
  model.layers.{l}.block_sparse_moe.router.layer.{part} = ffn_gate_inp
  model.layers.{l}.block_sparse_moe.input_linear.{part} = e , (gate_exps f + up_exps f) , x
  model.layers.{l}.block_sparse_moe.output_linear.{part} = ffn_down_exps
  model.layers.{l}.shared_mlp.input_linear.{part} = (gate_shexp f + up_shexp f) , x optional
  model.layers.{l}.shared_mlp.output_linear.{part} = ffn_down_shexp optional

convention bailing extends others unverified
  title Bailing and Ling MoE
  model_type bailing_moe bailing_moe_v2
  rope half inferred
  model.word_embeddings.{part} = token_embd
  model.norm.{part} = output_norm
  lm_head.{part} = output
  model.layers.{l}.input_layernorm.{part} = attn_norm
  model.layers.{l}.post_attention_layernorm.{part} = ffn_norm
  model.layers.{l}.attention.query_key_value.{part} = (q kv g s i + k kv s i + v kv d) , x
  model.layers.{l}.attention.dense.{part} = attn_output
  model.layers.{l}.attention.query_layernorm.{part} = attn_q_norm optional
  model.layers.{l}.attention.key_layernorm.{part} = attn_k_norm optional
  model.layers.{l}.mlp.gate_proj.{part} = ffn_gate optional
  model.layers.{l}.mlp.up_proj.{part} = ffn_up optional
  model.layers.{l}.mlp.down_proj.{part} = ffn_down optional
  model.layers.{l}.mlp.gate.weight = ffn_gate_inp
  model.layers.{l}.mlp.gate.expert_bias = exp_probs_b.bias optional
  model.layers.{l}.mlp.experts.{e}.gate_proj.{part} = ffn_gate_exps
  model.layers.{l}.mlp.experts.{e}.up_proj.{part} = ffn_up_exps
  model.layers.{l}.mlp.experts.{e}.down_proj.{part} = ffn_down_exps
  model.layers.{l}.mlp.shared_experts.gate_proj.{part} = ffn_gate_shexp optional
  model.layers.{l}.mlp.shared_experts.up_proj.{part} = ffn_up_shexp optional
  model.layers.{l}.mlp.shared_experts.down_proj.{part} = ffn_down_shexp optional

convention hunyuan_dense extends hf_llama unverified
  title HunYuan, dense and MoE
  model_type hunyuan hunyuan_v1_dense hunyuan_v1_moe
  model.layers.{l}.mlp.gate_proj.{part} = ffn_gate optional
  model.layers.{l}.mlp.up_proj.{part} = ffn_up optional
  model.layers.{l}.mlp.down_proj.{part} = ffn_down optional
  model.layers.{l}.self_attn.query_layernorm.{part} = attn_q_norm
  model.layers.{l}.self_attn.key_layernorm.{part} = attn_k_norm
  model.layers.{l}.mlp.gate.wg.{part} = ffn_gate_inp optional
  model.layers.{l}.mlp.experts.{e}.gate_proj.{part} = ffn_gate_exps optional
  model.layers.{l}.mlp.experts.{e}.up_proj.{part} = ffn_up_exps optional
  model.layers.{l}.mlp.experts.{e}.down_proj.{part} = ffn_down_exps optional
  model.layers.{l}.mlp.shared_mlp.gate_proj.{part} = ffn_gate_shexp optional
  model.layers.{l}.mlp.shared_mlp.up_proj.{part} = ffn_up_shexp optional
  model.layers.{l}.mlp.shared_mlp.down_proj.{part} = ffn_down_shexp optional

convention mlx extends hf_llama
  title MLX
  model.layers.{l}.mlp.gate_proj.{part} = ffn_gate optional
  model.layers.{l}.mlp.up_proj.{part} = ffn_up optional
  model.layers.{l}.mlp.down_proj.{part} = ffn_down optional
  model.layers.{l}.self_attn.q_norm.{part} = attn_q_norm optional
  model.layers.{l}.self_attn.k_norm.{part} = attn_k_norm optional
  model.layers.{l}.mlp.gate.{part} = ffn_gate_inp optional
  model.layers.{l}.mlp.switch_mlp.gate_proj.{part} = ffn_gate_exps optional
  model.layers.{l}.mlp.switch_mlp.up_proj.{part} = ffn_up_exps optional
  model.layers.{l}.mlp.switch_mlp.down_proj.{part} = ffn_down_exps optional
  model.layers.{l}.self_attn.embed_q.{part} = attn_k_b * optional
  model.layers.{l}.self_attn.unembed_out.{part} = attn_v_b * optional

convention mlc extends hf_llama unverified
  title MLC-LLM
  rope half inferred
  model.layers.{l}.self_attn.qkv_proj|wqkv_pack.{part} = (q kv g s i + k kv s i + v kv d) , x
  model.layers.{l}.mlp.gate_up_proj.{part} = (gate f + up f) , x
)aka",
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
)aka",
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
)aka",
R"aka(
# ---- GGUF: one set of names; the architecture says how the rows lie

convention gguf extends others
  title GGUF
  token_embd.{part} = token_embd
  output_norm.{part} = output_norm
  output.{part} = output optional
  rope_freqs.{part} = rope_freqs optional
  rope_factors_long.{part} = rope_factors_long optional
  rope_factors_short.{part} = rope_factors_short optional
  blk.{l}.attn_norm.{part} = attn_norm
  blk.{l}.ffn_norm.{part} = ffn_norm
  blk.{l}.post_attention_norm.{part} = attn_post_norm optional
  blk.{l}.post_ffw_norm.{part} = ffn_post_norm optional
  blk.{l}.attn_q.{part} = attn_q
  blk.{l}.attn_k.{part} = attn_k
  blk.{l}.attn_v.{part} = attn_v
  blk.{l}.attn_qkv.{part} = (q kv g s i + k kv s i + v kv d) , x also
  blk.{l}.attn_output.{part} = attn_output
  blk.{l}.attn_q_norm.{part} = attn_q_norm optional
  blk.{l}.attn_k_norm.{part} = attn_k_norm optional
  blk.{l}.attn_sinks.{part} = attn_sinks optional
  blk.{l}.attn_gate.{part} = attn_gate * optional
  blk.{l}.attn_q_a.{part} = attn_q_a * optional
  blk.{l}.attn_q_a_norm.{part} = attn_q_a_norm * optional
  blk.{l}.attn_q_b.{part} = attn_q_b * optional
  blk.{l}.attn_kv_a_mqa.{part} = attn_kv_a_mqa * optional
  blk.{l}.attn_kv_a_norm.{part} = attn_kv_a_norm * optional
  blk.{l}.attn_kv_b.{part} = attn_kv_b * optional
  blk.{l}.attn_k_b.{part} = attn_k_b * optional
  blk.{l}.attn_v_b.{part} = attn_v_b * optional
  blk.{l}.attn_rot_embd.{part} = drop
  blk.{l}.ffn_gate.{part} = ffn_gate optional
  blk.{l}.ffn_up.{part} = ffn_up optional
  blk.{l}.ffn_down.{part} = ffn_down optional
  blk.{l}.ffn_gate_inp.{part} = ffn_gate_inp optional
  blk.{l}.exp_probs_b.bias = exp_probs_b.bias optional
  blk.{l}.ffn_gate_exps.{part} = ffn_gate_exps optional
  blk.{l}.ffn_up_exps.{part} = ffn_up_exps optional
  blk.{l}.ffn_down_exps.{part} = ffn_down_exps optional
  blk.{l}.ffn_gate_up_exps.{part} = e , (gate_exps f + up_exps f) , x also
  # the first Mixtral files: an expert a tensor
  blk.{l}.ffn_gate.{e}.{part} = ffn_gate_exps also
  blk.{l}.ffn_up.{e}.{part} = ffn_up_exps also
  blk.{l}.ffn_down.{e}.{part} = ffn_down_exps also
  blk.{l}.ffn_gate_inp_shexp.{part} = ffn_gate_inp_shexp optional
  blk.{l}.ffn_gate_shexp.{part} = ffn_gate_shexp optional
  blk.{l}.ffn_up_shexp.{part} = ffn_up_shexp optional
  blk.{l}.ffn_down_shexp.{part} = ffn_down_shexp optional
  blk.{l}.ssm_in.{part} = ssm_in * optional
  blk.{l}.ssm_ba.{part} = ssm_ba * optional
  blk.{l}.ssm_conv1d.{part} = ssm_conv1d * optional
  blk.{l}.ssm_a = ssm_a * optional
  blk.{l}.ssm_dt.bias = ssm_dt.bias optional
  blk.{l}.ssm_alpha.{part} = ssm_alpha * optional
  blk.{l}.ssm_beta.{part} = ssm_beta * optional
  blk.{l}.ssm_norm.{part} = ssm_norm * optional
  blk.{l}.ssm_out.{part} = ssm_out * optional
  blk.{l}.nextn.eh_proj.{part} = other the draft layer
  blk.{l}.nextn.embed_tokens.{part} = other the draft layer
  blk.{l}.nextn.enorm.{part} = other the draft layer
  blk.{l}.nextn.hnorm.{part} = other the draft layer
  blk.{l}.nextn.shared_head_head.{part} = other the draft layer
  blk.{l}.nextn.shared_head_norm.{part} = other the draft layer

# rope NORM: permuted by the converter, or interleaved from the beginning
convention gguf:* extends gguf
  each llama deci baichuan xverse minicpm internlm2 arctic deepseek granite granitemoe granitehybrid
  each smollm3 arcee bailingmoe llada mistral3 llama-embed ernie4_5 ernie4_5-moe llama4
  rope interleaved
convention gguf:* extends gguf unverified
  each maincoder deepseek2-ocr
  rope interleaved
convention gguf:* extends gguf
  each olmo
  rope interleaved
  norm none
  without attn_norm ffn_norm output_norm
convention gguf:* extends gguf
  each command-r cohere2
  rope interleaved
  norm layer
  tied yes
  without ffn_norm
  blk.{l}.attn_q_norm.{part} = attn_q_norm kv g , i s optional
  blk.{l}.attn_k_norm.{part} = attn_k_norm kv , i s optional
convention gguf:* extends gguf
  each chameleon
  rope interleaved
  blk.{l}.attn_q_norm.{part} = attn_q_norm kv g , i s optional
  blk.{l}.attn_k_norm.{part} = attn_k_norm kv , i s optional
# ffn_up holds [gate; up]
convention gguf:* extends gguf
  each chatglm
  rope interleaved
  rotary 50%
  blk.{l}.attn_qkv.{part} = (q kv g i s + k kv i s + v kv d) , x
  blk.{l}.attn_q.{part} = attn_q also
  blk.{l}.attn_k.{part} = attn_k also
  blk.{l}.attn_v.{part} = attn_v also
  blk.{l}.ffn_up.{part} = (gate f + up f) , x
convention gguf:* extends gguf
  each glm4
  rope interleaved
  rotary 50%
  blk.{l}.ffn_up.{part} = (gate f + up f) , x
# MLA
convention gguf:* extends gguf
  each deepseek2 glm-dsa mistral4
  rope interleaved
  without attn_k attn_v
  blk.{l}.attn_q.{part} = attn_q * optional
  blk.{l}.attn_k.{part} = attn_k * optional
  blk.{l}.attn_v.{part} = attn_v * optional
  blk.{l}.attn_output.{part} = attn_output *
convention gguf:* extends gguf unverified
  each plm
  rope interleaved
  without attn_k attn_v
  blk.{l}.attn_q.{part} = attn_q *
  blk.{l}.attn_output.{part} = attn_output *
convention gguf:* extends gguf
  each minicpm3
  without attn_q attn_k attn_v
  blk.{l}.attn_output.{part} = attn_output *

# rope NEOX (and its MROPE kin): as Hugging Face has it. +1 is in Gemma's norms already
convention gguf:* extends gguf
  each qwen2 qwen2moe qwen2vl qwen3 qwen3moe qwen3vl qwen3vlmoe gemma gemma2 gemma3 olmoe
  each bitnet exaone exaone4 exaone-moe bailingmoe2 dots1 afmoe hunyuan-moe hunyuan-dense hunyuan_vl
  each dream smallthinker llada-moe grovemoe minimax-m2 rnd1 pangu-embedded paddleocr mimo2 step35
convention gguf:* extends gguf unverified
  each gemma3n gemma4 gemma-embedding grok plamo3
convention gguf:* extends gguf
  each orion phimoe
  norm layer
convention gguf:* extends gguf
  each stablelm
  norm layer
  blk.{l}.attn_q_norm.{part} = attn_q_norm kv g , s i optional
  blk.{l}.attn_k_norm.{part} = attn_k_norm kv , s i optional
convention gguf:* extends gguf
  each olmo2
  without attn_norm ffn_norm
  blk.{l}.post_attention_norm.{part} = attn_post_norm
  blk.{l}.post_ffw_norm.{part} = ffn_post_norm
  blk.{l}.attn_q_norm.{part} = attn_q_norm kv g s i
  blk.{l}.attn_k_norm.{part} = attn_k_norm kv s i
convention gguf:* extends gguf
  each qwen openelm
  blk.{l}.attn_qkv.{part} = (q kv g s i + k kv s i + v kv d) , x
convention gguf:* extends gguf
  each phi3
  blk.{l}.attn_qkv.{part} = (q kv g s i + k kv s i + v kv d) , x
  blk.{l}.attn_q.{part} = attn_q also
  blk.{l}.attn_k.{part} = attn_k also
  blk.{l}.attn_v.{part} = attn_v also
  blk.{l}.ffn_up.{part} = (gate f + up f) , x
convention gguf:* extends gguf unverified
  each dbrx
  norm layer
  blk.{l}.attn_qkv.{part} = (q kv g s i + k kv s i + v kv d) , x
  blk.{l}.attn_output_norm.{part} = ffn_norm
convention gguf:* extends gguf unverified
  each plamo
  without ffn_norm
# no gate
convention gguf:* extends gguf
  each nemotron
  norm layer
  without ffn_gate
convention gguf:* extends gguf
  each apertus
  without ffn_gate
# here post_attention_norm is what the feed-forward reads through
convention gguf:* extends gguf
  each gpt-oss glm4moe seed_oss
  without attn_post_norm
  blk.{l}.post_attention_norm.{part} = ffn_norm
convention gguf:* extends gguf unverified
  each qwen3next qwen35 qwen35moe
  without attn_post_norm attn_gate
  blk.{l}.post_attention_norm.{part} = ffn_norm
  blk.{l}.attn_q.{part} = kv g (q s i + attn_q_gate d) , x optional
  blk.{l}.attn_k.{part} = attn_k optional
  blk.{l}.attn_v.{part} = attn_v optional
  blk.{l}.attn_output.{part} = attn_output optional
  blk.{l}.attn_qkv.{part} = ssm_qkv * optional
  blk.{l}.attn_gate.{part} = ssm_z * optional

# ---- not of the family: known so that they can be refused with a reason

convention gguf:* extends others
  each gpt2 gptj gptneox mpt starcoder starcoder2 refact bloom falcon codeshell phi2 jais jais2
  not_llama an older kind of block: LayerNorm, and a feed-forward without a gate
convention gguf:* extends others
  each bert modern-bert nomic-bert nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert
  not_llama an encoder (BERT)
convention gguf:* extends others
  each t5 t5encoder
  not_llama an encoder-decoder (T5)
convention gguf:* extends others
  each mamba mamba2 rwkv6 rwkv6qwen2 rwkv7 arwkv7
  not_llama a recurrent model
convention gguf:* extends others
  each jamba falcon-h1 nemotron_h nemotron_h_moe plamo2 lfm2 lfm2moe kimi-linear
  not_llama a hybrid with recurrent or convolutional layers
convention gguf:* extends others
  each clip wavtokenizer-dec cogvlm dflash-draft
  not_llama a tower or a helper of another model

convention gpt2_style extends others
  alias gpt2
  title GPT-2 (Conv1D: matrices are transposed)
  model_type gpt2
  rope none
  norm layer
  not_llama GPT-2: learned positions, LayerNorm, transposed matrices, no gate
  transformer.wte.{part} = other GPT-2's embedding
  transformer.wpe.{part} = other GPT-2's positions
  transformer.ln_f.{part} = other GPT-2's norm
  transformer.h.{l}.ln_1.{part} = other GPT-2's norm
  transformer.h.{l}.ln_2.{part} = other GPT-2's norm
  transformer.h.{l}.attn.bias = drop
  transformer.h.{l}.attn.c_attn.{part} = other GPT-2's attention
  transformer.h.{l}.attn.c_proj.{part} = other GPT-2's attention
  transformer.h.{l}.mlp.c_fc.{part} = other GPT-2's feed-forward
  transformer.h.{l}.mlp.c_proj.{part} = other GPT-2's feed-forward

convention gpt_neox extends others
  title GPT-NeoX and Pythia
  model_type gpt_neox
  norm layer
  not_llama GPT-NeoX: LayerNorm, attention and feed-forward side by side, no gate
  gpt_neox.** = other GPT-NeoX
  embed_out.{part} = other GPT-NeoX's head

convention falcon extends others
  title Falcon
  model_type falcon RefinedWeb RefinedWebModel
  norm layer
  not_llama Falcon: LayerNorm, attention and feed-forward side by side, no gate
  transformer.word_embeddings.{part} = other Falcon's embedding
  transformer.ln_f.{part} = other Falcon's norm
  lm_head.{part} = other Falcon's head
  transformer.h.{l}.ln_attn.{part} = other Falcon's norm
  transformer.h.{l}.ln_mlp.{part} = other Falcon's norm
  transformer.h.{l}.input_layernorm.{part} = other Falcon's norm
  transformer.h.{l}.post_attention_layernorm.{part} = other Falcon's norm
  transformer.h.{l}.self_attention.query_key_value.{part} = other Falcon's attention
  transformer.h.{l}.self_attention.dense.{part} = other Falcon's attention
  transformer.h.{l}.mlp.dense_h_to_4h.{part} = other Falcon's feed-forward
  transformer.h.{l}.mlp.dense_4h_to_h.{part} = other Falcon's feed-forward

convention bloom extends others
  title BLOOM
  model_type bloom
  rope none
  norm layer
  not_llama BLOOM: ALiBi, LayerNorm, no gate
  word_embeddings.{part} = other BLOOM's embedding
  word_embeddings_layernorm.{part} = other BLOOM's norm
  ln_f.{part} = other BLOOM's norm
  lm_head.{part} = other BLOOM's head
  h.{l}.input_layernorm.{part} = other BLOOM's norm
  h.{l}.post_attention_layernorm.{part} = other BLOOM's norm
  h.{l}.self_attention.query_key_value.{part} = other BLOOM's attention
  h.{l}.self_attention.dense.{part} = other BLOOM's attention
  h.{l}.mlp.dense_h_to_4h.{part} = other BLOOM's feed-forward
  h.{l}.mlp.dense_4h_to_h.{part} = other BLOOM's feed-forward

convention phi2 extends others
  title Phi-1, Phi-1.5 and Phi-2
  model_type phi
  norm layer
  not_llama Phi-2: LayerNorm, attention and feed-forward side by side, no gate
  model.embed_tokens.{part} = other Phi-2's embedding
  model.final_layernorm.{part} = other Phi-2's norm
  lm_head.{part} = other Phi-2's head
  model.layers.{l}.input_layernorm.{part} = other Phi-2's norm
  model.layers.{l}.self_attn.q_proj.{part} = other Phi-2's attention
  model.layers.{l}.self_attn.k_proj.{part} = other Phi-2's attention
  model.layers.{l}.self_attn.v_proj.{part} = other Phi-2's attention
  model.layers.{l}.self_attn.dense.{part} = other Phi-2's attention
  model.layers.{l}.mlp.fc1.{part} = other Phi-2's feed-forward
  model.layers.{l}.mlp.fc2.{part} = other Phi-2's feed-forward

convention mamba extends others
  title Mamba
  model_type mamba mamba2
  not_llama Mamba: no attention
  backbone.embedding|embeddings.{part} = other Mamba's embedding
  backbone.norm_f.{part} = other Mamba's norm
  lm_head.{part} = other Mamba's head
  backbone.layers.{l}.norm.{part} = other Mamba's norm
  backbone.layers.{l}.mixer.in_proj.{part} = other Mamba's mixer
  backbone.layers.{l}.mixer.out_proj.{part} = other Mamba's mixer
  backbone.layers.{l}.mixer.x_proj.{part} = other Mamba's mixer
  backbone.layers.{l}.mixer.dt_proj.{part} = other Mamba's mixer
  backbone.layers.{l}.mixer.conv1d.{part} = other Mamba's mixer
  backbone.layers.{l}.mixer.norm.{part} = other Mamba's mixer
  backbone.layers.{l}.mixer.A_log = other Mamba's mixer
  backbone.layers.{l}.mixer.D = other Mamba's mixer
  backbone.layers.{l}.mixer.dt_bias = other Mamba's mixer

convention bert extends others
  title BERT
  model_type bert roberta
  norm layer
  not_llama BERT: an encoder
  bert.** = other BERT
  roberta.** = other BERT
  cls.** = other BERT's heads
  embeddings.** = other BERT's embeddings
  pooler.** = other BERT's heads
  encoder.layer.** = other BERT's layers

convention diffusion extends others
  title Diffusion models
  not_llama a diffusion model
  diffusion_model.** = other a diffusion model
  first_stage_model.** = other a diffusion model
  cond_stage_model.** = other a diffusion model
  conditioner.** = other a diffusion model
  unet.** = other a diffusion model
  down_blocks.** = other a diffusion model
  mid_block.** = other a diffusion model
  up_blocks.** = other a diffusion model
  double_blocks.** = other a diffusion model
  single_blocks.** = other a diffusion model
  transformer_blocks.** = other a diffusion model
  single_transformer_blocks.** = other a diffusion model
  joint_blocks.** = other a diffusion model
)aka",
};
// clang-format on

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTIONS_HPP
