// aka: models that are not of the family: known so that they can be refused with a reason.
#ifndef AKA_CONVENTIONS_FOREIGN_HPP
#define AKA_CONVENTIONS_FOREIGN_HPP

#include "config.hpp"

AKA_BEGIN
namespace detail {

// In pieces: some compilers take no literal over 16 KB.
// clang-format off
inline constexpr char foreign_conventions[] =
R"aka(
# ---- not of the family: known so that they can be refused with a reason

convention gguf:* extends others
  title GGUF
  each gpt2 gptj gptneox mpt starcoder starcoder2 refact bloom falcon codeshell phi2 jais jais2
  not_llama an older kind of block: LayerNorm, and a feed-forward without a gate
convention gguf:* extends others
  title GGUF
  each bert modern-bert nomic-bert nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert
  not_llama an encoder (BERT)
convention gguf:* extends others
  title GGUF
  each t5 t5encoder
  not_llama an encoder-decoder (T5)
convention gguf:* extends others
  title GGUF
  each mamba mamba2 rwkv6 rwkv6qwen2 rwkv7 arwkv7
  not_llama a recurrent model
convention gguf:* extends others
  title GGUF
  each jamba falcon-h1 nemotron_h nemotron_h_moe plamo2 lfm2 lfm2moe kimi-linear
  not_llama a hybrid with recurrent or convolutional layers
convention gguf:* extends others
  title GGUF
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
)aka";
// clang-format on

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTIONS_FOREIGN_HPP
