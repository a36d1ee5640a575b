// The configs that go with spellings: one set of numbers under every family's keys.
#ifndef AKA_TEST_SPELL_CONFIG_HPP
#define AKA_TEST_SPELL_CONFIG_HPP

#include "spell_writer.hpp"

#include <cstdint>
#include <cstdio>
#include <string>

namespace test {

class json_object {
  public:
    json_object& add(const std::string& key, std::uint64_t v) {
        return raw(key, std::to_string(v));
    }
    json_object& add(const std::string& key, double v) {
        char text[64];
        std::snprintf(text, sizeof text, "%.9g", v);
        return raw(key, text);
    }
    json_object& add(const std::string& key, float v) { return add(key, static_cast<double>(v)); }
    json_object& add(const std::string& key, bool v) { return raw(key, v ? "true" : "false"); }
    json_object& add(const std::string& key, const std::string& v) {
        return raw(key, json_quote(v));
    }
    json_object& add(const std::string& key, const char* v) { return add(key, std::string(v)); }
    json_object& raw(const std::string& key, const std::string& json) {
        text_ += (text_.empty() ? "\n  " : ",\n  ") + json_quote(key) + ": " + json;
        return *this;
    }
    std::string str() const { return "{" + text_ + "\n}\n"; }

  private:
    std::string text_;
};

namespace detail {

inline json_object hf_head(const spelling& s) {
    json_object out;
    if (!s.architecture.empty()) out.raw("architectures", "[" + json_quote(s.architecture) + "]");
    if (!s.model_type.empty()) out.add("model_type", s.model_type);
    return out;
}

inline void hf_body(json_object& out, const spelling& s, const model_config& c) {
    const bool biased = c.biases || c.gpt_oss;
    const bool moe = c.n_expert != 0;
    const bool qwen = s.model_type.find("qwen") == 0;  // other keys for experts
    out.add("hidden_size", c.n_embd).add("intermediate_size", c.n_ff);
    out.add("num_hidden_layers", c.n_layer).add("num_attention_heads", c.n_head);
    if (!s.mha_only) out.add("num_key_value_heads", c.n_head_kv);
    if (!s.derives_head_dim || c.n_head * c.head_dim != c.n_embd) out.add("head_dim", c.head_dim);
    out.add("vocab_size", c.n_vocab).add("max_position_embeddings", std::uint64_t{64});
    if (moe) {
        out.add(qwen ? "num_experts" : "num_local_experts", c.n_expert);
        out.add("num_experts_per_tok", c.n_expert_used);
        if (qwen) out.add("moe_intermediate_size", c.n_ff).add("norm_topk_prob", true);
    }
    // GLM's code turns half of each head where the config is silent.
    if (rotary_rows(c) != c.head_dim || s.model_type == "glm") {
        out.add("partial_rotary_factor",
                static_cast<double>(rotary_rows(c)) / static_cast<double>(c.head_dim));
    }
    if (s.biases != habit::always) out.add("attention_bias", biased);
    if (c.norms) out.add("rms_norm_eps", c.norm_eps);
    out.add("rope_theta", c.rope_theta).add("hidden_act", "silu");
    out.add("tie_word_embeddings", c.tied);
}

}  // namespace detail

inline std::string config_hf(const spelling& s, const model_config& c) {
    json_object out = detail::hf_head(s);
    detail::hf_body(out, s, c);
    return out.str();
}

// A vision-language model: the text model is an object inside.
inline std::string config_hf_nested(const spelling& s, const model_config& c) {
    json_object text;
    text.add("model_type", s.model_type + "_text");
    detail::hf_body(text, s, c);
    json_object out = detail::hf_head(s);
    out.raw("text_config", text.str()).add("tie_word_embeddings", c.tied);
    return out.str();
}

inline std::string config_qwen1(const spelling& s, const model_config& c) {
    json_object out = detail::hf_head(s);
    out.add("hidden_size", c.n_embd).add("intermediate_size", c.n_ff * 2);  // gate and up together
    out.add("num_hidden_layers", c.n_layer).add("num_attention_heads", c.n_head);
    out.add("kv_channels", c.head_dim).add("vocab_size", c.n_vocab);
    out.add("seq_length", std::uint64_t{64}).add("no_bias", true);
    out.add("rotary_pct", static_cast<double>(rotary_rows(c)) / static_cast<double>(c.head_dim));
    out.add("rotary_emb_base", c.rope_theta).add("layer_norm_epsilon", c.norm_eps);
    return out.add("tie_word_embeddings", c.tied).str();
}

inline std::string config_chatglm(const spelling& s, const model_config& c) {
    json_object out = detail::hf_head(s);
    out.add("hidden_size", c.n_embd).add("ffn_hidden_size", c.n_ff);
    out.add("num_layers", c.n_layer).add("num_attention_heads", c.n_head);
    out.add("kv_channels", c.head_dim).add("multi_query_attention", c.n_head_kv != c.n_head);
    if (c.n_head_kv != c.n_head) out.add("multi_query_group_num", c.n_head_kv);
    out.add("padded_vocab_size", c.n_vocab).add("vocab_size", c.n_vocab);
    out.add("seq_length", std::uint64_t{64}).add("layernorm_epsilon", c.norm_eps);
    out.add("rmsnorm", true).add("add_bias_linear", false).add("add_qkv_bias", c.biases);
    out.add("original_rope", true).add("rope_ratio", c.rope_theta / 10000.0f);
    return out.add("tie_word_embeddings", c.tied).str();
}

inline std::string config_exaone(const spelling& s, const model_config& c) {
    json_object out = detail::hf_head(s);
    out.add("hidden_size", c.n_embd).add("intermediate_size", c.n_ff).add("num_layers", c.n_layer);
    out.add("num_attention_heads", c.n_head).add("num_key_value_heads", c.n_head_kv);
    out.add("head_dim", c.head_dim).add("vocab_size", c.n_vocab);
    out.add("layer_norm_epsilon", c.norm_eps).add("rope_theta", c.rope_theta);
    return out.add("tie_word_embeddings", c.tied).str();
}

inline std::string config_telechat(const spelling& s, const model_config& c) {
    json_object out = detail::hf_head(s);
    out.add("hidden_size", c.n_embd).add("ffn_hidden_size", c.n_ff).add("n_layer", c.n_layer);
    out.add("n_head", c.n_head).add("num_key_value_heads", c.n_head_kv);
    out.add("head_dim", c.head_dim).add("vocab_size", c.n_vocab);
    out.add("layer_norm_epsilon", c.norm_eps).add("rope_theta", c.rope_theta);
    return out.add("tie_word_embeddings", c.tied).str();
}

// AI2's own: mlp_hidden_size counts both halves of ff_proj.
inline std::string config_olmo_ai2(const spelling& s, const model_config& c) {
    json_object out = detail::hf_head(s);
    out.add("d_model", c.n_embd).add("mlp_hidden_size", c.n_ff * 2).add("n_layers", c.n_layer);
    out.add("n_heads", c.n_head).add("n_kv_heads", c.n_head_kv).add("head_dim", c.head_dim);
    out.add("vocab_size", c.n_vocab).add("embedding_size", c.n_vocab);
    out.add("max_sequence_length", std::uint64_t{64}).add("rope", true);
    out.add("layer_norm_type", c.norms ? "rms" : "default");
    out.add("layer_norm_with_affine", c.norms).add("norm_after", false);
    out.add("activation_type", "swiglu").add("rope_theta", c.rope_theta);
    if (c.norms) out.add("layer_norm_eps", c.norm_eps);
    return out.add("include_bias", c.biases).add("weight_tying", c.tied).str();
}

// Molmo: Hugging Face's keys, but intermediate_size counts both halves of ff_proj.
inline std::string config_molmo(const spelling& s, const model_config& c) {
    json_object out = detail::hf_head(s);
    out.add("hidden_size", c.n_embd).add("intermediate_size", c.n_ff * 2);
    out.add("num_hidden_layers", c.n_layer).add("num_attention_heads", c.n_head);
    out.add("num_key_value_heads", c.n_head_kv);
    if (c.n_head * c.head_dim != c.n_embd) out.add("head_dim", c.head_dim);
    out.add("vocab_size", c.n_vocab).add("embedding_size", c.n_vocab);
    out.add("max_position_embeddings", std::uint64_t{64}).add("layer_norm_type", "rms");
    out.add("norm_after", false).add("attention_layer_norm", false).add("qkv_bias", c.biases);
    out.add("layer_norm_eps", c.norm_eps).add("rope_theta", c.rope_theta);
    return out.add("tie_word_embeddings", c.tied).add("weight_tying", c.tied).str();
}

inline std::string config_megatron(const spelling&, const model_config& c) {
    json_object out;
    out.add("num_layers", c.n_layer).add("hidden_size", c.n_embd).add("ffn_hidden_size", c.n_ff);
    out.add("num_attention_heads", c.n_head).add("num_query_groups", c.n_head_kv);
    out.add("kv_channels", c.head_dim).add("vocab_size", c.n_vocab);
    out.add("seq_length", std::uint64_t{64}).add("layernorm_epsilon", c.norm_eps);
    out.add("normalization", "RMSNorm").add("layernorm_zero_centered_gamma", false);
    out.add("gated_linear_unit", true).add("add_bias_linear", false).add("add_qkv_bias", c.biases);
    out.add("position_embedding_type", "rope").add("rotary_interleaved", false);
    out.add("rotary_base", c.rope_theta);
    out.add("rotary_percent",
            static_cast<double>(rotary_rows(c)) / static_cast<double>(c.head_dim));
    if (c.n_expert != 0) {
        out.add("num_moe_experts", c.n_expert).add("moe_router_topk", c.n_expert_used);
        out.add("moe_ffn_hidden_size", c.n_ff);
    }
    return out.add("share_embeddings_and_output_weights", c.tied).str();
}

inline std::string config_trtllm(const spelling& s, const model_config& c) {
    json_object out;
    out.add("architecture", s.architecture);
    out.add("dtype", c.dtype == "F32" ? "float32" : c.dtype == "F16" ? "float16" : "bfloat16");
    out.add("num_hidden_layers", c.n_layer).add("num_attention_heads", c.n_head);
    out.add("num_key_value_heads", c.n_head_kv).add("head_size", c.head_dim);
    out.add("hidden_size", c.n_embd).add("intermediate_size", c.n_ff).add("vocab_size", c.n_vocab);
    out.add("max_position_embeddings", std::uint64_t{64}).add("norm_epsilon", c.norm_eps);
    out.add("position_embedding_type", "rope_gpt_neox").add("rotary_base", c.rope_theta);
    out.add("hidden_act", "silu").add("attn_bias", c.biases);
    return out.raw("mapping", "{\"world_size\": 1, \"tp_size\": 1, \"pp_size\": 1}").str();
}

// Llama's params.json does not name the feed-forward width: it is computed (see meta_n_ff).
inline std::string config_meta(const spelling&, const model_config& c) {
    json_object out;
    out.add("dim", c.n_embd).add("n_layers", c.n_layer).add("n_heads", c.n_head);
    out.add("n_kv_heads", c.n_head_kv).add("vocab_size", c.n_vocab);
    if (c.n_head * c.head_dim != c.n_embd) out.add("head_dim", c.head_dim);
    out.add("multiple_of", c.n_ff);
    out.add("ffn_dim_multiplier",
            0.5 * static_cast<double>(c.n_ff) / static_cast<double>(8 * c.n_embd / 3));
    return out.add("norm_eps", c.norm_eps).add("rope_theta", c.rope_theta).str();
}

// What Llama's code makes of the keys above.
inline std::uint64_t meta_n_ff(std::uint64_t dim, std::uint64_t multiple_of, double multiplier) {
    const auto wanted =
        static_cast<std::uint64_t>(multiplier * static_cast<double>(2 * (4 * dim) / 3));
    return multiple_of * ((wanted + multiple_of - 1) / multiple_of);
}

inline std::string config_mistral(const spelling&, const model_config& c) {
    json_object out;
    out.add("dim", c.n_embd).add("n_layers", c.n_layer).add("head_dim", c.head_dim);
    out.add("hidden_dim", c.n_ff).add("n_heads", c.n_head).add("n_kv_heads", c.n_head_kv);
    out.add("norm_eps", c.norm_eps).add("vocab_size", c.n_vocab).add("rope_theta", c.rope_theta);
    if (c.n_expert != 0) {
        json_object moe;
        moe.add("num_experts", c.n_expert).add("num_experts_per_tok", c.n_expert_used);
        out.raw("moe", moe.str());
    }
    return out.add("tied_embeddings", c.tied).str();
}

}  // namespace test

#endif  // AKA_TEST_SPELL_CONFIG_HPP
