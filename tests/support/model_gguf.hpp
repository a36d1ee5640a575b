// A random model as llama.cpp's converter would write it.
#ifndef AKA_TEST_MODEL_GGUF_HPP
#define AKA_TEST_MODEL_GGUF_HPP

#include "model.hpp"
#include "rows.hpp"
#include "write_gguf.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace test {

// ggml's id of F32, F16, BF16 or a block type.
inline std::uint32_t ggml_id_of(const std::string& dtype) {
    if (dtype == "F32") return 0;
    if (dtype == "F16") return 1;
    if (dtype == "BF16") return 30;
    return ggml_id(dtype);
}

// `weight_type`: block type of all matrices, filled with random bytes (rows must be whole blocks);
// otherwise the model's own values.
struct gguf_model_options {
    std::string arch = "llama";  // "llama" interleaves the rows of q and k; "qwen2" keeps them
    bool stack_experts = true;   // false: an expert a tensor, as files of early 2024
    std::uint32_t weight_type = UINT32_MAX;
    std::uint64_t seed = 1;
};

namespace detail {

inline void add_hparams(gguf_writer& out, const model_config& c, const std::string& arch) {
    const auto count = [&](const char* key, std::uint64_t v) {
        out.add(arch + "." + key, static_cast<std::uint32_t>(v));
    };
    out.add("general.architecture", arch);
    count("block_count", c.n_layer);
    count("context_length", 64);
    count("embedding_length", c.n_embd);
    count("feed_forward_length", c.n_ff);
    count("attention.head_count", c.n_head);
    count("attention.head_count_kv", c.n_head_kv);
    count("attention.key_length", c.head_dim);
    count("attention.value_length", c.head_dim);
    count("rope.dimension_count", c.head_dim);
    count("vocab_size", c.n_vocab);
    if (c.n_expert != 0) {
        count("expert_count", c.n_expert);
        count("expert_used_count", c.n_expert_used);
    }
    out.add(arch + ".rope.freq_base", c.rope_theta);
    out.add(arch + ".attention.layer_norm_rms_epsilon", c.norm_eps);
}

inline void add_model_tensor(gguf_writer& out, const std::string& name, const st_tensor& t,
                             const gguf_model_options& options) {
    if (t.shape.size() == 1) {  // the converter keeps what is 1-D in F32
        out.add_tensor(name, 0, t.shape, encode_floats(decode_floats(t.data, t.dtype), "F32"));
    } else if (options.weight_type != UINT32_MAX) {
        const std::uint64_t n = ggml_bytes(options.weight_type, t.shape);
        const std::uint64_t seed = options.seed ^ hash_bytes(name);
        out.add_tensor(name, options.weight_type, t.shape,
                       random_bytes(static_cast<std::size_t>(n), seed));
    } else {
        out.add_tensor(name, ggml_id_of(t.dtype), t.shape, t.data);
    }
}

}  // namespace detail

inline gguf_writer to_gguf(const model& m, const gguf_model_options& options = {}) {
    const model_config& c = m.config;
    gguf_writer out;
    detail::add_hparams(out, c, options.arch);
    for (const std::string& key : m.order) {
        const st_tensor& t = m.at(key);
        const bool q = key.find(".attn_q.") != std::string::npos;
        const bool k = key.find(".attn_k.") != std::string::npos;
        const bool interleave = options.arch == "llama" && (q || k);
        const bool expert = t.name.find(".experts.") != std::string::npos;
        if (expert && options.stack_experts) {
            const std::size_t first = key.rfind(".0.weight");
            if (first == std::string::npos) continue;  // it went along with expert 0
            const std::string role = key.substr(0, first);
            std::vector<st_tensor> all;
            for (std::uint64_t e = 0; e < c.n_expert; ++e) {
                all.push_back(m.at(role + "." + std::to_string(e) + ".weight"));
            }
            const std::string name = role + "_exps.weight";
            detail::add_model_tensor(out, name, stack(name, all), options);
        } else if (interleave) {
            const auto order = pairs_from_halves(q ? c.n_head : c.n_head_kv, c.head_dim);
            detail::add_model_tensor(out, key, take_rows(t, order), options);
        } else {
            detail::add_model_tensor(out, key, t, options);
        }
    }
    return out;
}

// As llama.cpp loads it, without a vocabulary; routers are F32.
inline gguf_writer to_llama_cpp(const model& m, const std::string& arch) {
    gguf_model_options o;
    o.arch = arch;
    gguf_writer out = to_gguf(m, o);
    out.add("tokenizer.ggml.model", "no_vocab");
    for (gguf_tensor& t : out.tensors) {
        if (t.name.find("ffn_gate_inp") == std::string::npos || t.type == 0) continue;
        t.data = encode_floats(decode_floats(t.data, m.config.dtype), "F32");
        t.type = 0;
    }
    return out;
}

}  // namespace test

#endif  // AKA_TEST_MODEL_GGUF_HPP
