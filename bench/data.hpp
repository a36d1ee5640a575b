// The files that the benchmarks open, written by the tests' independent writer, sparse: 810 GB of
// Llama 3.1 405B cost their header.
#ifndef AKA_BENCH_DATA_HPP
#define AKA_BENCH_DATA_HPP

#include "support/files.hpp"
#include "support/model.hpp"
#include "support/writer.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace bench {

using tensors = std::vector<test::st_tensor>;

inline test::model_config llama_8b() {
    test::model_config c;
    c.n_layer = 32, c.n_embd = 4096, c.n_head = 32, c.n_head_kv = 8, c.head_dim = 128;
    c.n_ff = 14336, c.n_vocab = 128256, c.dtype = "BF16";
    return c;
}
inline test::model_config llama_405b() {
    test::model_config c = llama_8b();
    c.n_layer = 126, c.n_embd = 16384, c.n_head = 128, c.n_ff = 53248;
    return c;
}
// 92,113 tensors: an expert a tensor, as Mixtral, and as GGUF files before experts were stacked.
inline test::model_config many_experts() {
    test::model_config c = llama_8b();
    c.n_layer = 61, c.n_ff = 512, c.n_expert = 501, c.n_expert_used = 8;
    return c;
}

/// DeepSeek V3 as published: FP8 with a tensor of scales for each matrix, an expert a tensor,
/// 61 layers and one that predicts a further token.
inline tensors deepseek_v3() {
    using shape = std::vector<std::uint64_t>;
    tensors out;
    auto add = [&out](const std::string& name, const char* dtype, shape s) {
        out.push_back({name, dtype, std::move(s), {}});
    };
    auto matrix = [&](const std::string& name, std::uint64_t rows, std::uint64_t columns) {
        add(name + ".weight", "F8_E4M3", {rows, columns});
        add(name + ".weight_scale_inv", "F32", {(rows + 127) / 128, (columns + 127) / 128});
    };
    auto feed_forward = [&](const std::string& at, std::uint64_t n) {
        matrix(at + "gate_proj", n, 7168);
        matrix(at + "up_proj", n, 7168);
        matrix(at + "down_proj", 7168, n);
    };
    add("model.embed_tokens.weight", "BF16", {129280, 7168});
    add("lm_head.weight", "BF16", {129280, 7168});
    add("model.norm.weight", "BF16", {7168});
    for (int l = 0; l < 62; ++l) {
        const std::string layer = "model.layers." + std::to_string(l) + ".";
        const std::string attention = layer + "self_attn.", mlp = layer + "mlp.";
        add(layer + "input_layernorm.weight", "BF16", {7168});
        add(layer + "post_attention_layernorm.weight", "BF16", {7168});
        matrix(attention + "q_a_proj", 1536, 7168);
        add(attention + "q_a_layernorm.weight", "BF16", {1536});
        matrix(attention + "q_b_proj", 24576, 1536);
        matrix(attention + "kv_a_proj_with_mqa", 576, 7168);
        add(attention + "kv_a_layernorm.weight", "BF16", {512});
        matrix(attention + "kv_b_proj", 32768, 512);
        matrix(attention + "o_proj", 7168, 16384);
        if (l < 3) {
            feed_forward(mlp, 18432);
            continue;
        }
        add(mlp + "gate.weight", "BF16", {256, 7168});
        add(mlp + "gate.e_score_correction_bias", "F32", {256});
        feed_forward(mlp + "shared_experts.", 2048);
        for (int e = 0; e < 256; ++e)
            feed_forward(mlp + "experts." + std::to_string(e) + ".", 2048);
        if (l < 61) continue;
        for (const char* name : {"enorm", "hnorm", "shared_head.norm"})
            add(layer + name + ".weight", "BF16", {7168});
        add(layer + "eh_proj.weight", "BF16", {7168, 14336});
        add(layer + "embed_tokens.weight", "BF16", {129280, 7168});
        add(layer + "shared_head.head.weight", "BF16", {129280, 7168});
    }
    return out;
}

/// As many as the 100 MB that a header may have can hold: short names, small shapes.
inline tensors a_million() {
    tensors out;
    for (std::uint64_t i = 0; i < 1000000; ++i) {
        std::string name = "layers." + std::to_string(i / 10000) + ".experts.";
        name += std::to_string(i % 10000 / 4) + ".w" + std::to_string(i % 4);
        out.push_back({std::move(name), "BF16", {4}, {}});
    }
    return out;
}

/// As the format's reference writes it: by dtype, then by name.
inline void write_safetensors(const std::filesystem::path& path, const tensors& list) {
    test::st_options o;
    o.reference_order = true;
    test::write_sparse_safetensors(path, list, {{"format", "pt"}}, o);
}

/// The same with the config.json that its model has, as the only checkpoint of a folder.
inline void write_folder(const std::filesystem::path& folder, const test::model_config& c) {
    std::filesystem::create_directories(folder);
    const bool moe = c.n_expert != 0;
    test::write_file(folder / "config.json",
                     test::hf_config_json(c, moe ? "mixtral" : "llama",
                                          moe ? "MixtralForCausalLM" : "LlamaForCausalLM"));
    tensors list = test::model_shapes(c).list();
    // A buffer that older versions saved, known to hold no weights: 405B's tensor 1,138.
    list.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {c.head_dim / 2}, {}});
    write_safetensors(folder / "model.safetensors", list);
}

/// The tensors of a model under their GGUF names: norms F32, the rest Q8_0.
inline void add_tensors(test::gguf_writer& w, const test::model_config& c, std::size_t most) {
    constexpr std::uint32_t f32 = 0, q8_0 = 8;
    const test::model m = test::model_shapes(c);
    for (const std::string& key : m.order) {
        if (w.tensors.size() == most) break;
        const std::vector<std::uint64_t>& shape = m.at(key).shape;
        w.add_tensor(key, shape.size() == 1 ? f32 : q8_0, shape);
    }
}
inline void write_gguf_tensors(const std::filesystem::path& path) {
    test::gguf_writer w;
    w.add("general.architecture", std::string("llama"));
    add_tensors(w, many_experts(), 92000);
    w.save(path);
}
/// Llama 3's vocabulary in size: lengths of 1 to 15 bytes for a token, and two tokens a merge.
inline void write_gguf_vocabulary(const std::filesystem::path& path) {
    test::rng random(3);
    auto token = [&random] { return std::string(1 + random.below(8) + random.below(8), 'a'); };
    std::vector<std::string> words, merges;
    std::vector<float> scores;
    std::vector<std::int32_t> types;
    for (std::int32_t i = 0; i < 128256; ++i) {
        words.push_back(token());
        scores.push_back(static_cast<float>(-i));
        types.push_back(1 + i % 6);
    }
    for (int i = 0; i < 280000; ++i) merges.push_back(token() + ' ' + token());
    test::gguf_writer w;
    w.add("general.architecture", std::string("llama"));
    w.add("llama.block_count", std::uint32_t{32}).add("llama.rope.freq_base", 500000.0f);
    w.add("tokenizer.ggml.model", std::string("gpt2"));
    w.add("tokenizer.ggml.tokens", words).add("tokenizer.ggml.scores", scores);
    w.add("tokenizer.ggml.token_type", types).add("tokenizer.ggml.merges", merges);
    add_tensors(w, llama_8b(), 291);
    w.save(path);
}

}  // namespace bench

#endif  // AKA_BENCH_DATA_HPP
