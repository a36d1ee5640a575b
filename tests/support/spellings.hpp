// Random models in every spelling that can hold them, as files: what adapting is tested on.
#ifndef AKA_TEST_SPELLINGS_HPP
#define AKA_TEST_SPELLINGS_HPP

#include "files.hpp"
#include "spell_tools.hpp"
#include "write_shards.hpp"

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace test {

struct named_model {
    std::string name;
    test::model model;
};

namespace detail {

inline model_config dims(std::uint64_t n_embd, std::uint64_t n_head, std::uint64_t n_head_kv,
                         std::uint64_t head_dim, std::uint64_t n_ff, const std::string& dtype) {
    model_config c;
    c.n_embd = n_embd;
    c.n_head = n_head;
    c.n_head_kv = n_head_kv;
    c.head_dim = head_dim;
    c.n_ff = n_ff;
    c.dtype = dtype;
    return c;
}
inline model_config with_experts(model_config c) {
    c.n_expert = 4;
    c.n_expert_used = 2;
    return c;
}

// The matrices of a model as random blocks, but for the router, which stays what it is.
inline model with_blocks(model m, const std::string& type, std::uint64_t seed) {
    const std::uint32_t id = ggml_id(type);
    m.config.dtype = type;
    for (const std::string& key : m.order) {
        st_tensor& t = m.tensors.at(key);
        if (t.shape.size() == 1 || key.find("ffn_gate_inp") != std::string::npos) continue;
        if (t.shape[1] % ggml_type(id)->elems != 0) throw std::runtime_error("cuts rows of " + key);
        t.dtype = type;
        t.data =
            random_bytes(static_cast<std::size_t>(ggml_bytes(id, t.shape)), seed ^ hash_bytes(key));
    }
    return m;
}

}  // namespace detail

// No two widths are equal or multiples where a mistake could hide; GQA has more or less rows of q
// than columns.
inline std::vector<named_model> standard_models(const std::string& dtype) {
    model_config gqa = detail::dims(56, 6, 2, 8, 76, dtype);
    gqa.n_layer = 3;
    model_config mha = detail::dims(32, 4, 4, 8, 44, dtype);
    mha.norm_dtype = "F32";
    model_config biases = detail::dims(48, 6, 3, 8, 68, dtype);
    biases.biases = true;
    const model_config moe = detail::with_experts(detail::dims(24, 4, 2, 8, 20, dtype));
    return {{"gqa", random_model(gqa, 1)},
            {"mha", random_model(mha, 2)},
            {"biases", random_model(biases, 3)},
            {"moe", random_model(moe, 4)}};
}

// What some families need to be themselves: half of each head turning (GLM), MHA with biases
// (Qwen 1), norms without weights (OLMo 1), sinks and biases everywhere (gpt-oss), a tied output.
inline std::vector<named_model> special_models(const std::string& dtype) {
    model_config half = detail::dims(56, 6, 2, 16, 76, dtype);
    half.n_rot = 8;
    half.biases = true;
    model_config qwen1 = detail::dims(32, 4, 4, 8, 44, dtype);
    qwen1.biases = true;
    model_config olmo = detail::dims(48, 6, 6, 8, 44, dtype);
    olmo.norms = false;
    model_config oss = detail::with_experts(detail::dims(24, 4, 2, 8, 20, dtype));
    oss.gpt_oss = true;
    model_config tied = detail::dims(56, 6, 2, 8, 76, dtype);
    tied.tied = true;
    return {{"half", random_model(half, 5)},
            {"mha-biases", random_model(qwen1, 6)},
            {"no-norms", random_model(olmo, 7)},
            {"gpt-oss", random_model(oss, 8)},
            {"tied", random_model(tied, 9)}};
}

// Of q4_0, q8_0 or q4_K: the four kinds again, with rows of whole blocks, F32 norms and biases.
inline std::vector<named_model> quantised_models(const std::string& type) {
    const bool wide = ggml_type(ggml_id(type))->elems == 256;
    const std::uint64_t unit = wide ? 256 : 32;
    const std::uint64_t head = wide ? 64 : 8;
    model_config gqa = detail::dims(3 * unit, 8, 2, head, 5 * unit, "F32");
    model_config mha = detail::dims(2 * unit, 8, 8, head, 3 * unit, "F32");
    model_config biases = detail::dims(unit, 8, 4, head, 3 * unit, "F32");
    biases.biases = true;
    const model_config moe = detail::with_experts(detail::dims(unit, 8, 2, head, 2 * unit, "F32"));
    std::vector<named_model> out;
    out.push_back({"gqa", detail::with_blocks(random_model(gqa, 11), type, 1)});
    out.push_back({"mha", detail::with_blocks(random_model(mha, 12), type, 2)});
    out.push_back({"biases", detail::with_blocks(random_model(biases, 13), type, 3)});
    out.push_back({"moe", detail::with_blocks(random_model(moe, 14), type, 4)});
    return out;
}

// Wrappers are named by what they put in front, or where:
//   "model.language_model."  in place of "model."
//   "fsdp"                   _fsdp_wrapped_module. in front and after every layer's number
//   "peft"                   base_model.model. in front, .base_layer in projections of a layer
//   "bare"                   "model." taken away (a model saved without its head)
inline const std::vector<std::string>& wrapper_ids() {
    static const std::vector<std::string> all = {"",
                                                 "module.",
                                                 "_orig_mod.",
                                                 "module._orig_mod.",
                                                 "_orig_mod.module.",
                                                 "language_model.",
                                                 "model.language_model.",
                                                 "model.text_model.",
                                                 "base_model.model.",
                                                 "fsdp",
                                                 "peft",
                                                 "bare"};
    return all;
}

// Whether the wrapper makes sense around these names; some need Hugging Face's "model." root, and
// a layer that "layers.N." or the like shows.
inline bool can_wrap(const std::string& wrapper, const spelling& s) {
    const bool hf = s.names.token_embd == "model.embed_tokens.{part}";
    const bool plain = s.names.token_embd.find("{part}") != std::string::npos && !s.gguf();
    if (wrapper.empty()) return true;
    if (wrapper == "model.language_model." || wrapper == "model.text_model." || wrapper == "bare" ||
        wrapper == "peft") {
        return hf;
    }
    return plain;
}

inline std::string wrap_name(const std::string& wrapper, std::string name) {
    const bool root = name.compare(0, 6, "model.") == 0;
    if (wrapper == "bare") return root ? name.substr(6) : name;
    if (wrapper == "model.language_model." || wrapper == "model.text_model.") {
        return root ? wrapper + name.substr(6) : name;
    }
    if (wrapper == "peft") {
        const std::size_t at = name.rfind("_proj.");
        if (at != std::string::npos) name.insert(at + 5, ".base_layer");
        return "base_model.model." + name;
    }
    if (wrapper == "fsdp") {
        for (std::size_t at = 0; (at = name.find('.', at)) != std::string::npos; ++at) {
            std::size_t end = at + 1;
            while (end < name.size() && name[end] >= '0' && name[end] <= '9') ++end;
            if (end == at + 1 || end == name.size() || name[end] != '.') continue;
            name.insert(end + 1, "_fsdp_wrapped_module.");
            break;
        }
        return "_fsdp_wrapped_module." + name;
    }
    return wrapper + name;
}

enum class container { native, safetensors, gguf };

// native: GGUF for GGUF's own spellings, safetensors for the rest. A foreign one keeps the names:
// config.json stands beside a GGUF file, and GGUF's names in safetensors come without any config.
struct spelling_options {
    std::size_t shards = 1;
    std::string wrapper;
    test::container container = test::container::native;
};

// Into an existing folder; gives the path to open: the folder, or the (first) GGUF file.
inline std::filesystem::path write_spelling(const spelling& s, const model& m,
                                            const std::filesystem::path& folder,
                                            const spelling_options& options = {}) {
    const bool gguf =
        options.container == container::native ? s.gguf() : options.container == container::gguf;
    if (!can_wrap(options.wrapper, s)) throw std::runtime_error(s.id + ": " + options.wrapper);
    const std::string config = s.config(m);
    if (!config.empty()) write_file(folder / s.config_file, config);
    if (gguf) {
        gguf_writer whole = s.write_gguf(m);
        for (gguf_tensor& t : whole.tensors) t.name = wrap_name(options.wrapper, t.name);
        if (options.shards > 1) return write_gguf_split(folder, whole, options.shards).front();
        whole.save(folder / "model.gguf");
        return folder / "model.gguf";
    }
    std::vector<st_tensor> tensors = s.write(m);
    for (st_tensor& t : tensors) {
        if (is_quantised(t.dtype)) throw std::runtime_error("safetensors has no " + t.dtype);
        t.name = wrap_name(options.wrapper, t.name);
    }
    if (options.shards > 1) {
        shard_options shards;
        shards.prefix = s.file;
        shards.index = s.file + ".safetensors.index.json";
        write_sharded(folder, tensors, options.shards, shards);
    } else {
        write_sparse_safetensors(folder / (s.file + ".safetensors"), tensors, {{"format", "pt"}});
    }
    return folder;
}

}  // namespace test

#endif  // AKA_TEST_SPELLINGS_HPP
