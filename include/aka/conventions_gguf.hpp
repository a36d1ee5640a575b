// aka: the architectures of GGUF, which share their names and not their layouts.
#ifndef AKA_CONVENTIONS_GGUF_HPP
#define AKA_CONVENTIONS_GGUF_HPP

#include "config.hpp"

AKA_BEGIN
namespace detail {

// In pieces: some compilers take no literal over 16 KB.
// clang-format off
inline constexpr char gguf_conventions[] =
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
# how the norms of q and k of these two lie was not read in any converter
convention gguf:* extends gguf unverified
  each command-r cohere2
  rope interleaved
  norm layer
  tied yes
  without ffn_norm
  blk.{l}.attn_q_norm.{part} = attn_q_norm kv g , i s optional
  blk.{l}.attn_k_norm.{part} = attn_k_norm kv , i s optional
convention gguf:* extends gguf unverified
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

)aka";
// clang-format on

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTIONS_GGUF_HPP
