// aka: the conventions of Hugging Face's model classes, and what stands beside every model.
#ifndef AKA_CONVENTIONS_HF_HPP
#define AKA_CONVENTIONS_HF_HPP

#include "config.hpp"

AKA_BEGIN
namespace detail {

// In pieces: some compilers take no literal over 16 KB.
// clang-format off
inline constexpr char hf_conventions[] =
R"aka(
# What stands beside a language model, and what carries no weights: in every table. Of the towers'
# prefixes visual, vision_backbone, sam_model, qwen2_model and view_seperator were seen in real
# files; the others are not verified.
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
)aka";
inline constexpr char hf_expert_conventions[] =
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
)aka";
// clang-format on

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTIONS_HF_HPP
