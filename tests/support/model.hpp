// Random models of the Llama family, by role: the material that tests write in other spellings.
//
// The key of a tensor is its name in GGUF with an expert a tensor (blk.3.attn_q.weight,
// blk.3.ffn_gate.2.weight, token_embd.weight); its rows and its name are Hugging Face's.
#ifndef AKA_TEST_MODEL_HPP
#define AKA_TEST_MODEL_HPP

#include "numbers.hpp"
#include "write_safetensors.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace test {

struct model_config {
    std::uint64_t n_layer = 2;
    std::uint64_t n_embd = 32;
    std::uint64_t n_head = 4;
    std::uint64_t n_head_kv = 2;
    std::uint64_t head_dim = 8;
    std::uint64_t n_ff = 48;
    std::uint64_t n_vocab = 40;
    bool biases = false;         // of q, k and v, as Qwen 2
    std::uint64_t n_expert = 0;  // 0: dense; otherwise spelled as Mixtral
    std::uint64_t n_expert_used = 0;
    bool tied = false;  // no output tensor
    float norm_eps = 1e-5f;
    float rope_theta = 10000.0f;
    std::string dtype = "F16";    // F32, F16 or BF16
    std::string norm_dtype = {};  // of norms and biases; empty: as dtype
    std::uint64_t n_rot = 0;      // rows of a head that turn, in halves like the whole; 0: all
    bool norms = true;            // false: without weights, as OLMo 1
    bool gpt_oss = false;         // biases of everything in a block, and attention sinks
};

struct model {
    model_config config;
    std::map<std::string, st_tensor> tensors;  // by role key
    std::vector<std::string> order;            // the keys, outermost and layer by layer

    const st_tensor& at(const std::string& key) const {
        const auto found = tensors.find(key);
        if (found == tensors.end()) throw std::runtime_error("model: no tensor " + key);
        return found->second;
    }
    bool has(const std::string& key) const { return tensors.count(key) != 0; }

    // In order, under their Hugging Face names.
    std::vector<st_tensor> list() const {
        std::vector<st_tensor> out;
        for (const std::string& key : order) out.push_back(at(key));
        return out;
    }
};

inline std::string layer_key(std::uint64_t layer, const std::string& role,
                             const std::string& part = "weight") {
    return "blk." + std::to_string(layer) + "." + role + "." + part;
}

namespace detail {

class model_maker {
  public:
    model_maker(const model_config& config, std::uint64_t seed, bool holes)
        : random_(seed), holes_(holes) {
        made_.config = config;
    }

    model make() {
        const model_config& c = made_.config;
        const std::uint64_t x = c.n_embd;
        add("token_embd.weight", "model.embed_tokens.weight", {c.n_vocab, x});
        for (std::uint64_t l = 0; l < c.n_layer; ++l) layer(l);
        norm("output_norm.weight", "model.norm.weight");
        if (!c.tied) add("output.weight", "lm_head.weight", {c.n_vocab, x});
        return std::move(made_);
    }

  private:
    void layer(std::uint64_t l) {
        const model_config& c = made_.config;
        const std::string hf = "model.layers." + std::to_string(l) + ".";
        const std::uint64_t q = c.n_head * c.head_dim, kv = c.n_head_kv * c.head_dim;
        norm(layer_key(l, "attn_norm"), hf + "input_layernorm.weight");
        linear(l, "attn_q", hf + "self_attn.q_proj", q, c.biases || c.gpt_oss);
        linear(l, "attn_k", hf + "self_attn.k_proj", kv, c.biases || c.gpt_oss);
        linear(l, "attn_v", hf + "self_attn.v_proj", kv, c.biases || c.gpt_oss);
        add(layer_key(l, "attn_output"), hf + "self_attn.o_proj.weight", {c.n_embd, q});
        if (c.gpt_oss) {
            add(layer_key(l, "attn_output", "bias"), hf + "self_attn.o_proj.bias", {c.n_embd});
            add(layer_key(l, "attn_sinks"), hf + "self_attn.sinks", {c.n_head});
        }
        norm(layer_key(l, "ffn_norm"), hf + "post_attention_layernorm.weight");
        if (c.n_expert == 0) {
            feed_forward(l, "", hf + "mlp.gate_proj", hf + "mlp.up_proj", hf + "mlp.down_proj");
            return;
        }
        const std::string moe = hf + "block_sparse_moe.";
        linear(l, "ffn_gate_inp", moe + "gate", c.n_expert, c.gpt_oss);
        for (std::uint64_t e = 0; e < c.n_expert; ++e) {
            const std::string expert = moe + "experts." + std::to_string(e);
            feed_forward(l, "." + std::to_string(e), expert + ".w1", expert + ".w3",
                         expert + ".w2");
        }
    }
    void feed_forward(std::uint64_t l, const std::string& expert, const std::string& gate,
                      const std::string& up, const std::string& down) {
        const model_config& c = made_.config;
        linear(l, "ffn_gate" + expert, gate, c.n_ff, c.gpt_oss);
        linear(l, "ffn_up" + expert, up, c.n_ff, c.gpt_oss);
        add(layer_key(l, "ffn_down" + expert), down + ".weight", {c.n_embd, c.n_ff});
        if (c.gpt_oss) add(layer_key(l, "ffn_down" + expert, "bias"), down + ".bias", {c.n_embd});
    }
    void linear(std::uint64_t l, const std::string& role, const std::string& name,
                std::uint64_t rows, bool bias) {
        add(layer_key(l, role), name + ".weight", {rows, made_.config.n_embd});
        if (bias) add(layer_key(l, role, "bias"), name + ".bias", {rows});
    }
    void norm(const std::string& key, const std::string& name) {
        if (made_.config.norms) add(key, name, {made_.config.n_embd}, 1.0f);
    }

    void add(const std::string& key, const std::string& name, std::vector<std::uint64_t> shape,
             float centre = 0.0f) {
        const model_config& c = made_.config;
        st_tensor t;
        t.name = name;
        t.dtype = shape.size() == 1 && !c.norm_dtype.empty() ? c.norm_dtype : c.dtype;
        if (!holes_) {
            // Sums over a row stay near 1, so that logits are neither flat nor infinite.
            const float scale =
                shape.size() == 1 ? 0.2f : 1.7f / std::sqrt(static_cast<float>(shape.back()));
            std::vector<float> values(static_cast<std::size_t>(count_elements(shape)));
            for (float& v : values) v = centre + scale * random_.unit();
            t.data = encode_floats(values, t.dtype);
        }
        t.shape = std::move(shape);
        made_.order.push_back(key);
        made_.tensors.emplace(key, std::move(t));
    }

    model made_;
    rng random_;
    bool holes_;
};

}  // namespace detail

inline model random_model(const model_config& config, std::uint64_t seed) {
    return detail::model_maker(config, seed, false).make();
}
// Names and shapes without data, for sparse files of any size.
inline model model_shapes(const model_config& config) {
    return detail::model_maker(config, 0, true).make();
}

// config.json as Hugging Face writes it for llama, mixtral or qwen2.
inline std::string hf_config_json(const model_config& c, const std::string& model_type,
                                  const std::string& architecture) {
    const auto number = [](const char* key, std::uint64_t v) {
        return ",\n  \"" + std::string(key) + "\": " + std::to_string(v);
    };
    const auto real = [](const char* key, float v) {
        char text[64];
        std::snprintf(text, sizeof text, ",\n  \"%s\": %.9g", key, static_cast<double>(v));
        return std::string(text);
    };
    std::string out = "{\n  \"architectures\": [\n    " + json_quote(architecture) + "\n  ]";
    out += ",\n  \"model_type\": " + json_quote(model_type);
    out += number("hidden_size", c.n_embd) + number("intermediate_size", c.n_ff);
    out += number("num_hidden_layers", c.n_layer) + number("num_attention_heads", c.n_head);
    out += number("num_key_value_heads", c.n_head_kv) + number("head_dim", c.head_dim);
    out += number("vocab_size", c.n_vocab);
    if (c.n_expert != 0) {
        out += number("num_local_experts", c.n_expert);
        out += number("num_experts_per_tok", c.n_expert_used);
    }
    out += real("rms_norm_eps", c.norm_eps) + real("rope_theta", c.rope_theta);
    out += ",\n  \"hidden_act\": \"silu\",\n  \"tie_word_embeddings\": ";
    return out + (c.tied ? "true" : "false") + "\n}\n";
}

}  // namespace test

#endif  // AKA_TEST_MODEL_HPP
