// The spellings of trainers, of engines and of GGUF; and the list of all.
#ifndef AKA_TEST_SPELL_TOOLS_HPP
#define AKA_TEST_SPELL_TOOLS_HPP

#include "spell_families.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace test {

namespace detail {

inline std::string config_mlx(const spelling& s, const model_config& c) {
    spelling now = s;
    now.model_type = c.n_expert == 0 ? "llama" : "qwen2_moe";
    return config_hf(now, c);
}
inline spelling spell_mlx() {
    spelling s = spell_hf("mlx", "llama", "");
    s.experts = expert_form::stacked;
    s.config_text = config_mlx;
    const std::string mlp = "model.layers.{l}.mlp.";
    s.names.router = mlp + "gate.{part}";
    s.names.exp_gate = mlp + "switch_mlp.gate_proj.{part}";
    s.names.exp_up = mlp + "switch_mlp.up_proj.{part}";
    s.names.exp_down = mlp + "switch_mlp.down_proj.{part}";
    return s;
}

inline spelling with_hf_config(spelling s) {
    s.model_type = "llama";
    s.architecture = "LlamaForCausalLM";
    s.config_file = "config.json";
    s.config_text = config_hf;
    s.file = "model";
    return s;
}

inline spelling spell_torchtitan() {
    spelling s = with_hf_config(spell_meta());
    s.id = "torchtitan_llama3";
    s.names.output = "lm_head.{part}";
    s.names.q = "layers.{l}.attention.qkv_linear.wq.{part}";
    s.names.k = "layers.{l}.attention.qkv_linear.wk.{part}";
    s.names.v = "layers.{l}.attention.qkv_linear.wv.{part}";
    return s;
}

inline spelling spell_gpt_fast() {
    spelling s = with_hf_config(spell_meta());
    s.id = "gpt_fast";
    s.qkv = qkv_form::joined;
    s.names.qkv = "layers.{l}.attention.wqkv.{part}";
    return s;
}

inline spelling spell_torchtune() {
    spelling s = with_hf_config(spell_meta());
    s.id = "torchtune";
    s.names.output_norm = "norm.scale";
    s.names.attn_norm = "layers.{l}.sa_norm.scale";
    s.names.ffn_norm = "layers.{l}.mlp_norm.scale";
    s.names.q = "layers.{l}.attn.q_proj.{part}";
    s.names.k = "layers.{l}.attn.k_proj.{part}";
    s.names.v = "layers.{l}.attn.v_proj.{part}";
    s.names.attn_output = "layers.{l}.attn.output_proj.{part}";
    s.names.gate = "layers.{l}.mlp.w1.{part}";
    s.names.up = "layers.{l}.mlp.w3.{part}";
    s.names.down = "layers.{l}.mlp.w2.{part}";
    return s;
}

inline spelling spell_litgpt(bool legacy) {
    spelling s = spell_hf(legacy ? "litgpt_legacy" : "litgpt", "llama", "LlamaForCausalLM");
    s.qkv = legacy ? qkv_form::by_group : qkv_form::joined;
    s.experts = expert_form::each;
    s.writes_tied = true;
    const std::string layer = "transformer.h.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "transformer.wte.{part}";
    n.output_norm = "transformer.ln_f.{part}";
    n.attn_norm = layer + "norm_1.{part}";
    n.ffn_norm = layer + "norm_2.{part}";
    n.qkv = layer + (legacy ? "attn.attn.{part}" : "attn.qkv.{part}");
    n.attn_output = layer + "attn.proj.{part}";
    n.gate = layer + "mlp.fc_1.{part}";
    n.up = layer + "mlp.fc_2.{part}";
    n.down = layer + "mlp.proj.{part}";
    n.router = layer + "mlp.gate.{part}";
    n.exp_gate = layer + "mlp.experts.{e}.fc_1.{part}";
    n.exp_up = layer + "mlp.experts.{e}.fc_2.{part}";
    n.exp_down = layer + "mlp.experts.{e}.proj.{part}";
    return s;
}

// Dense with Transformer Engine's names, where a linear layer keeps the norm before it.
inline spelling spell_megatron() {
    spelling s;
    s.id = "megatron_core";
    s.qkv = qkv_form::by_group;
    s.mlp = mlp_form::gate_up;
    s.config_text = config_megatron;
    const std::string layer = "decoder.layers.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "embedding.word_embeddings.{part}";
    n.output_norm = "decoder.final_layernorm.{part}";
    n.output = "output_layer.{part}";
    n.attn_norm = layer + "self_attention.linear_qkv.layer_norm_weight";
    n.ffn_norm = layer + "mlp.linear_fc1.layer_norm_weight";
    n.qkv = layer + "self_attention.linear_qkv.{part}";
    n.attn_output = layer + "self_attention.linear_proj.{part}";
    n.gate_up = layer + "mlp.linear_fc1.{part}";
    n.down = layer + "mlp.linear_fc2.{part}";
    return s;
}
inline spelling spell_megatron_local() {
    spelling s = spell_megatron();
    s.id = "megatron_core/local";
    s.names.attn_norm = "decoder.layers.{l}.input_layernorm.{part}";
    s.names.ffn_norm = "decoder.layers.{l}.pre_mlp_layernorm.{part}";
    return s;
}
inline spelling spell_megatron_moe(bool grouped) {
    spelling s = spell_megatron();
    s.id = grouped ? "megatron_core/grouped" : "megatron_core/moe";
    s.dense = false;
    s.experts = expert_form::each_gate_up;
    const std::string mlp = "decoder.layers.{l}.mlp.";
    const std::string local = mlp + "experts.local_experts.{e}.";
    s.names.ffn_norm = "decoder.layers.{l}.pre_mlp_layernorm.{part}";
    s.names.router = mlp + "router.{part}";
    s.names.exp_gate_up =
        grouped ? mlp + "experts.linear_fc1.{part}{e}" : local + "linear_fc1.{part}";
    s.names.exp_down = grouped ? mlp + "experts.linear_fc2.{part}{e}" : local + "linear_fc2.{part}";
    return s;
}

// mlp.fc is the gate, and mlp.gate is not.
inline spelling spell_trtllm() {
    spelling s;
    s.id = "trtllm";
    s.architecture = "LlamaForCausalLM";
    s.qkv = qkv_form::joined;
    s.rotary = rotary_part::whole;
    s.file = "rank0";
    s.config_text = config_trtllm;
    const std::string layer = "transformer.layers.{l}.";
    spelling_names& n = s.names;
    n.token_embd = "transformer.vocab_embedding.{part}";
    n.output_norm = "transformer.ln_f.{part}";
    n.output = "lm_head.{part}";
    n.attn_norm = layer + "input_layernorm.{part}";
    n.ffn_norm = layer + "post_layernorm.{part}";
    n.qkv = layer + "attention.qkv.{part}";
    n.attn_output = layer + "attention.dense.{part}";
    n.gate = layer + "mlp.fc.{part}";
    n.up = layer + "mlp.gate.{part}";
    n.down = layer + "mlp.proj.{part}";
    return s;
}

inline spelling spell_gguf(const std::string& id, const std::string& arch, bool pairs) {
    spelling s;
    s.id = id;
    s.gguf_arch = arch;
    s.pairs = pairs;
    s.rotary = pairs ? rotary_part::whole : rotary_part::any;
    s.config_file = "";
    spelling_names& n = s.names;
    n.token_embd = "token_embd.{part}";
    n.output_norm = "output_norm.{part}";
    n.output = "output.{part}";
    n.attn_norm = "blk.{l}.attn_norm.{part}";
    n.ffn_norm = "blk.{l}.ffn_norm.{part}";
    n.q = "blk.{l}.attn_q.{part}";
    n.k = "blk.{l}.attn_k.{part}";
    n.v = "blk.{l}.attn_v.{part}";
    n.qkv = "blk.{l}.attn_qkv.{part}";
    n.attn_output = "blk.{l}.attn_output.{part}";
    n.gate = "blk.{l}.ffn_gate.{part}";
    n.up = n.gate_up = "blk.{l}.ffn_up.{part}";
    n.down = "blk.{l}.ffn_down.{part}";
    n.router = "blk.{l}.ffn_gate_inp.{part}";
    n.exp_gate = "blk.{l}.ffn_gate_exps.{part}";
    n.exp_up = "blk.{l}.ffn_up_exps.{part}";
    n.exp_down = "blk.{l}.ffn_down_exps.{part}";
    return s;
}

inline spelling spell_gguf_llama() {
    spelling s = spell_gguf("gguf:llama", "llama", true);
    s.experts = expert_form::stacked;
    return s;
}
// Mixtral as written before experts were stacked (early 2024).
inline spelling spell_gguf_llama_early() {
    spelling s = spell_gguf("gguf:llama/each", "llama", true);
    s.experts = expert_form::each;
    s.dense = false;
    s.names.exp_gate = "blk.{l}.ffn_gate.{e}.{part}";
    s.names.exp_up = "blk.{l}.ffn_up.{e}.{part}";
    s.names.exp_down = "blk.{l}.ffn_down.{e}.{part}";
    return s;
}
inline spelling spell_gguf_qwen2() {
    spelling s = spell_gguf("gguf:qwen2", "qwen2", false);
    s.biases = habit::always;
    return s;
}
inline spelling spell_gguf_qwen2moe() {
    spelling s = spell_gguf("gguf:qwen2moe", "qwen2moe", false);
    s.experts = expert_form::stacked;
    s.dense = false;
    return s;
}
inline spelling spell_gguf_baichuan() {
    spelling s = spell_gguf("gguf:baichuan", "baichuan", true);
    s.biases = habit::never;
    s.mha_only = true;
    return s;
}
inline spelling spell_gguf_internlm2() { return spell_gguf("gguf:internlm2", "internlm2", true); }
inline spelling spell_gguf_olmo() {
    spelling s = spell_gguf("gguf:olmo", "olmo", true);
    s.names.output_norm = s.names.attn_norm = s.names.ffn_norm = "";
    s.norms = habit::never;
    return s;
}
inline spelling spell_gguf_qwen() {
    spelling s = spell_gguf("gguf:qwen", "qwen", false);
    s.qkv = qkv_form::joined;
    s.mha_only = true;
    s.biases = habit::always;
    return s;
}
inline spelling spell_gguf_phi3() {
    spelling s = spell_gguf("gguf:phi3", "phi3", false);
    s.qkv = qkv_form::joined;
    s.mlp = mlp_form::gate_up;
    s.biases = habit::never;
    return s;
}
inline spelling spell_gguf_chatglm() {
    spelling s = spell_gguf("gguf:chatglm", "chatglm", true);
    s.qkv = qkv_form::joined;
    s.mlp = mlp_form::gate_up;
    s.rotary = rotary_part::half;
    return s;
}
// Its post_attention_norm is what others call ffn_norm.
inline spelling spell_gguf_gpt_oss() {
    spelling s = spell_gguf("gguf:gpt-oss", "gpt-oss", false);
    s.experts = expert_form::stacked;
    s.dense = false;
    s.names.ffn_norm = "blk.{l}.post_attention_norm.{part}";
    s.names.sinks = "blk.{l}.attn_sinks.{part}";
    return s;
}

}  // namespace detail

inline const std::vector<spelling>& spellings() {
    using namespace detail;
    static const std::vector<spelling> all = {
        spell_hf("hf_llama", "llama", "LlamaForCausalLM"),
        spell_hf_qwen2(),
        spell_hf_olmo(),
        spell_hf_glm(),
        spell_yi(),
        spell_baichuan(),
        spell_internlm2(),
        spell_phi3(),
        spell_qwen1(),
        spell_chatglm(),
        spell_olmo_ai2(),
        spell_molmo(),
        spell_exaone3(),
        spell_telechat2(),
        spell_meta(),
        spell_mistral(),
        spell_litgpt(false),
        spell_litgpt(true),
        spell_torchtune(),
        spell_torchtitan(),
        spell_gpt_fast(),
        spell_megatron(),
        spell_megatron_local(),
        spell_megatron_moe(false),
        spell_megatron_moe(true),
        spell_trtllm(),
        spell_mlx(),
        spell_mixtral(),
        spell_hf_moe("mixtral_hf/fused", "mixtral", "MixtralForCausalLM", expert_form::gate_up),
        spell_mixtral_original(),
        spell_mixtral_original_each(),
        spell_qwen2_moe(),
        [] {
            spelling s =
                spell_hf_moe("qwen3_vl_moe", "qwen3_vl_moe", "Qwen3VLMoeForConditionalGeneration",
                             expert_form::gate_up_t, "model.language_model.");
            s.config_text = config_hf_nested;
            return s;
        }(),
        spell_granite_moe(),
        spell_gpt_oss(),
        spell_gguf_llama(),
        spell_gguf_llama_early(),
        spell_gguf_qwen2(),
        spell_gguf_qwen2moe(),
        spell_gguf_baichuan(),
        spell_gguf_internlm2(),
        spell_gguf_olmo(),
        spell_gguf_qwen(),
        spell_gguf_phi3(),
        spell_gguf_chatglm(),
        spell_gguf_gpt_oss(),
    };
    return all;
}

inline const spelling& find_spelling(const std::string& id) {
    for (const spelling& s : spellings()) {
        if (s.id == id) return s;
    }
    throw std::runtime_error("no spelling " + id);
}

}  // namespace test

#endif  // AKA_TEST_SPELL_TOOLS_HPP
