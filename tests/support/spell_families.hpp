// The spellings that models are published in, each as what it changes against another one. Ids are
// those of the conventions, with a suffix where one convention has several forms.
#ifndef AKA_TEST_SPELL_FAMILIES_HPP
#define AKA_TEST_SPELL_FAMILIES_HPP

#include "spell_config.hpp"

#include <string>

namespace test {

namespace detail {

inline spelling spell_hf(const std::string& id, const std::string& model_type,
                         const std::string& architecture, const std::string& root = "model.") {
    const std::string layer = root + "layers.{l}.";
    spelling s;
    s.id = id;
    s.model_type = model_type;
    s.architecture = architecture;
    s.config_text = config_hf;
    spelling_names& n = s.names;
    n.token_embd = root + "embed_tokens.{part}";
    n.output_norm = root + "norm.{part}";
    n.output = "lm_head.{part}";
    n.attn_norm = layer + "input_layernorm.{part}";
    n.ffn_norm = layer + "post_attention_layernorm.{part}";
    n.q = layer + "self_attn.q_proj.{part}";
    n.k = layer + "self_attn.k_proj.{part}";
    n.v = layer + "self_attn.v_proj.{part}";
    n.attn_output = layer + "self_attn.o_proj.{part}";
    n.gate = layer + "mlp.gate_proj.{part}";
    n.up = layer + "mlp.up_proj.{part}";
    n.down = layer + "mlp.down_proj.{part}";
    return s;
}

inline spelling spell_hf_moe(const std::string& id, const std::string& model_type,
                             const std::string& architecture, expert_form form,
                             const std::string& root = "model.") {
    spelling s = spell_hf(id, model_type, architecture, root);
    s.experts = form;
    s.dense = false;
    s.names.router = root + "layers.{l}.mlp.gate.{part}";
    s.names.exp_gate_up = root + "layers.{l}.mlp.experts.gate_up_proj";
    s.names.exp_down = root + "layers.{l}.mlp.experts.down_proj";
    return s;
}

inline spelling spell_mixtral() {
    spelling s = spell_hf_moe("mixtral_hf", "mixtral", "MixtralForCausalLM", expert_form::each);
    const std::string moe = "model.layers.{l}.block_sparse_moe.";
    s.names.router = moe + "gate.{part}";
    s.names.exp_gate = moe + "experts.{e}.w1.{part}";
    s.names.exp_up = moe + "experts.{e}.w3.{part}";
    s.names.exp_down = moe + "experts.{e}.w2.{part}";
    return s;
}

inline spelling spell_qwen2_moe() {
    spelling s = spell_hf_moe("qwen2_moe", "qwen2_moe", "Qwen2MoeForCausalLM", expert_form::each);
    const std::string expert = "model.layers.{l}.mlp.experts.{e}.";
    s.names.exp_gate = expert + "gate_proj.{part}";
    s.names.exp_up = expert + "up_proj.{part}";
    s.names.exp_down = expert + "down_proj.{part}";
    return s;
}

inline spelling spell_granite_moe() {
    spelling s =
        spell_hf_moe("granite_moe", "granitemoe", "GraniteMoeForCausalLM", expert_form::gate_up);
    const std::string moe = "model.layers.{l}.block_sparse_moe.";
    s.names.router = moe + "router.layer.{part}";
    s.names.exp_gate_up = moe + "input_linear.{part}";
    s.names.exp_down = moe + "output_linear.{part}";
    return s;
}

inline spelling spell_gpt_oss() {
    spelling s =
        spell_hf_moe("gpt_oss_hf", "gpt_oss", "GptOssForCausalLM", expert_form::even_odd_t);
    s.names.router = "model.layers.{l}.mlp.router.{part}";
    s.names.sinks = "model.layers.{l}.self_attn.sinks";
    return s;
}

inline spelling spell_yi() {
    spelling s = spell_hf("yi_v1", "Yi", "YiForCausalLM");
    s.names.attn_norm = "model.layers.{l}.ln1.{part}";
    s.names.ffn_norm = "model.layers.{l}.ln2.{part}";
    s.biases = habit::never;
    s.derives_head_dim = true;
    return s;
}

inline spelling spell_baichuan() {
    spelling s = spell_hf("baichuan", "baichuan", "BaiChuanForCausalLM");
    s.qkv = qkv_form::joined;
    s.mha_only = true;
    s.names.qkv = "model.layers.{l}.self_attn.W_pack.{part}";
    s.biases = habit::never;
    s.derives_head_dim = true;
    return s;
}

inline spelling spell_phi3() {
    spelling s = spell_hf("phi3", "phi3", "Phi3ForCausalLM");
    s.qkv = qkv_form::joined;
    s.mlp = mlp_form::gate_up;
    s.names.qkv = "model.layers.{l}.self_attn.qkv_proj.{part}";
    s.names.gate_up = "model.layers.{l}.mlp.gate_up_proj.{part}";
    s.biases = habit::never;
    s.derives_head_dim = true;
    return s;
}

inline spelling spell_hf_glm() {
    spelling s = spell_hf("hf_glm", "glm", "GlmForCausalLM");
    s.pairs = true;
    s.mlp = mlp_form::gate_up;
    s.names.gate_up = "model.layers.{l}.mlp.gate_up_proj.{part}";
    return s;
}

inline spelling spell_hf_olmo() {
    spelling s = spell_hf("hf_olmo", "olmo", "OlmoForCausalLM");
    s.names.output_norm = s.names.attn_norm = s.names.ffn_norm = "";
    s.norms = habit::never;
    return s;
}

inline spelling spell_hf_qwen2() {
    spelling s = spell_hf("hf_qwen2", "qwen2", "Qwen2ForCausalLM");
    s.biases = habit::always;
    return s;
}

// What Meta, Mistral, torchtitan and gpt-fast have in common.
inline spelling spell_meta() {
    spelling s;
    s.id = "meta_llama";
    s.pairs = true;
    s.rotary = rotary_part::whole;
    s.biases = habit::never;
    s.derives_head_dim = true;
    s.file = "consolidated";
    s.config_file = "params.json";
    s.config_text = config_meta;
    spelling_names& n = s.names;
    n.token_embd = "tok_embeddings.{part}";
    n.output_norm = "norm.{part}";
    n.output = "output.{part}";
    n.attn_norm = "layers.{l}.attention_norm.{part}";
    n.ffn_norm = "layers.{l}.ffn_norm.{part}";
    n.q = "layers.{l}.attention.wq.{part}";
    n.k = "layers.{l}.attention.wk.{part}";
    n.v = "layers.{l}.attention.wv.{part}";
    n.attn_output = "layers.{l}.attention.wo.{part}";
    n.gate = "layers.{l}.feed_forward.w1.{part}";
    n.up = "layers.{l}.feed_forward.w3.{part}";
    n.down = "layers.{l}.feed_forward.w2.{part}";
    return s;
}

inline spelling spell_mistral() {
    spelling s = spell_meta();
    s.id = "mistral_consolidated";
    s.config_text = config_mistral;
    s.derives_head_dim = false;
    return s;
}

inline spelling spell_mixtral_original() {
    spelling s = spell_mistral();
    s.id = "mixtral_original";
    s.experts = expert_form::flat;
    s.dense = false;
    const std::string moe = "layers.{l}.block_sparse_moe.";
    s.names.router = moe + "gate.{part}";
    s.names.exp_gate = moe + "w1";
    s.names.exp_up = moe + "w3";
    s.names.exp_down = moe + "w2";
    return s;
}

// Mistral's later files: an expert a tensor.
inline spelling spell_mixtral_original_each() {
    spelling s = spell_mixtral_original();
    s.id = "mixtral_original/each";
    s.experts = expert_form::each;
    const std::string moe = "layers.{l}.feed_forward.";
    s.names.router = moe + "gate.{part}";
    s.names.exp_gate = moe + "experts.{e}.w1.{part}";
    s.names.exp_up = moe + "experts.{e}.w3.{part}";
    s.names.exp_down = moe + "experts.{e}.w2.{part}";
    return s;
}

inline spelling spell_internlm2() {
    spelling s = spell_hf("internlm2", "internlm2", "InternLM2ForCausalLM");
    s.qkv = qkv_form::by_group;
    s.derives_head_dim = true;
    spelling_names& n = s.names;
    n.token_embd = "model.tok_embeddings.{part}";
    n.output = "output.{part}";
    n.attn_norm = "model.layers.{l}.attention_norm.{part}";
    n.ffn_norm = "model.layers.{l}.ffn_norm.{part}";
    n.qkv = "model.layers.{l}.attention.wqkv.{part}";
    n.attn_output = "model.layers.{l}.attention.wo.{part}";
    n.gate = "model.layers.{l}.feed_forward.w1.{part}";
    n.up = "model.layers.{l}.feed_forward.w3.{part}";
    n.down = "model.layers.{l}.feed_forward.w2.{part}";
    return s;
}

inline spelling spell_qwen1() {
    spelling s = spell_hf("qwen1", "qwen", "QWenLMHeadModel");
    s.qkv = qkv_form::joined;
    s.mha_only = true;
    s.biases = habit::always;
    s.config_text = config_qwen1;
    const std::string layer = "transformer.h.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "transformer.wte.{part}";
    n.output_norm = "transformer.ln_f.{part}";
    n.attn_norm = layer + "ln_1.{part}";
    n.ffn_norm = layer + "ln_2.{part}";
    n.qkv = layer + "attn.c_attn.{part}";
    n.attn_output = layer + "attn.c_proj.{part}";
    n.up = layer + "mlp.w1.{part}";
    n.gate = layer + "mlp.w2.{part}";
    n.down = layer + "mlp.c_proj.{part}";
    return s;
}

inline spelling spell_chatglm() {
    spelling s = spell_hf("chatglm", "chatglm", "ChatGLMForConditionalGeneration");
    s.qkv = qkv_form::joined;
    s.mlp = mlp_form::gate_up;
    s.pairs = true;
    s.rotary = rotary_part::half;
    s.config_text = config_chatglm;
    const std::string layer = "transformer.encoder.layers.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "transformer.embedding.word_embeddings.{part}";
    n.output_norm = "transformer.encoder.final_layernorm.{part}";
    n.output = "transformer.output_layer.{part}";
    n.attn_norm = layer + "input_layernorm.{part}";
    n.ffn_norm = layer + "post_attention_layernorm.{part}";
    n.qkv = layer + "self_attention.query_key_value.{part}";
    n.attn_output = layer + "self_attention.dense.{part}";
    n.gate_up = layer + "mlp.dense_h_to_4h.{part}";
    n.down = layer + "mlp.dense_4h_to_h.{part}";
    return s;
}

// [up; gate]. OLMo 1 has norms without weights. With weights and norm_after false, AI2's code puts
// them in front, as Llama does; OLMo 2's files use the same names for norms behind.
inline spelling spell_olmo_ai2() {
    spelling s = spell_hf("olmo_ai2", "hf_olmo", "OLMoForCausalLM");
    s.qkv = qkv_form::joined;
    s.mlp = mlp_form::up_gate;
    s.rotary = rotary_part::whole;
    s.norms = habit::never;
    s.config_text = config_olmo_ai2;
    const std::string layer = "transformer.blocks.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "transformer.wte.{part}";
    n.output_norm = "transformer.ln_f.{part}";
    n.output = "transformer.ff_out.{part}";
    n.attn_norm = layer + "attn_norm.{part}";
    n.ffn_norm = layer + "ff_norm.{part}";
    n.qkv = layer + "att_proj.{part}";
    n.attn_output = layer + "attn_out.{part}";
    n.gate_up = layer + "ff_proj.{part}";
    n.down = layer + "ff_out.{part}";
    return s;
}

// Molmo: AI2's names, [up; gate], norms in front.
inline spelling spell_molmo() {
    spelling s = spell_olmo_ai2();
    s.id = "molmo";
    s.model_type = "molmo";
    s.architecture = "MolmoForCausalLM";
    s.norms = habit::always;
    s.config_text = config_molmo;
    for (std::string* name :
         {&s.names.token_embd, &s.names.output_norm, &s.names.output, &s.names.attn_norm,
          &s.names.ffn_norm, &s.names.qkv, &s.names.attn_output, &s.names.gate_up, &s.names.down}) {
        *name = "model." + *name;
    }
    s.names.token_embd = "model.transformer.wte.embedding";
    return s;
}

inline spelling spell_exaone3() {
    spelling s = spell_hf("exaone3", "exaone", "ExaoneForCausalLM");
    s.rotary = rotary_part::whole;
    s.config_text = config_exaone;
    const std::string layer = "transformer.h.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "transformer.wte.{part}";
    n.output_norm = "transformer.ln_f.{part}";
    n.attn_norm = layer + "ln_1.{part}";
    n.ffn_norm = layer + "ln_2.{part}";
    n.q = layer + "attn.attention.q_proj.{part}";
    n.k = layer + "attn.attention.k_proj.{part}";
    n.v = layer + "attn.attention.v_proj.{part}";
    n.attn_output = layer + "attn.attention.out_proj.{part}";
    n.gate = layer + "mlp.c_fc_0.{part}";
    n.up = layer + "mlp.c_fc_1.{part}";
    n.down = layer + "mlp.c_proj.{part}";
    return s;
}

inline spelling spell_telechat2() {
    spelling s = spell_hf("telechat2", "telechat", "TeleChat2ForCausalLM");
    s.qkv = qkv_form::kv_by_head;
    s.rotary = rotary_part::whole;
    s.biases = habit::never;
    s.config_text = config_telechat;
    const std::string layer = "transformer.h.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "transformer.word_embeddings.{part}";
    n.output_norm = "transformer.ln_f.{part}";
    n.attn_norm = layer + "input_layernorm.{part}";
    n.ffn_norm = layer + "post_attention_layernorm.{part}";
    n.q = layer + "self_attention.query.{part}";
    n.kv = layer + "self_attention.key_value.{part}";
    n.attn_output = layer + "self_attention.dense.{part}";
    n.gate = layer + "mlp.gate_proj.{part}";
    n.up = layer + "mlp.up_proj.{part}";
    n.down = layer + "mlp.down_proj.{part}";
    return s;
}

}  // namespace detail

}  // namespace test

#endif  // AKA_TEST_SPELL_FAMILIES_HPP
