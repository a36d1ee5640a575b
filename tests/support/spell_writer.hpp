// One way to spell a model: names, layouts and what it cannot say; and the tensors that come of it.
//
// Independent of aka: a spelling here is C++ and moves rows, there it is a table and moves axes.
#ifndef AKA_TEST_SPELL_WRITER_HPP
#define AKA_TEST_SPELL_WRITER_HPP

#include "model.hpp"
#include "model_gguf.hpp"
#include "spell_rows.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace test {

// Names with the holes {l} layer, {e} expert, {part} weight or bias. Without {part} a weight has
// the plain name and a bias adds "_bias". Empty: the spelling has no such tensor.
struct spelling_names {
    std::string token_embd, output_norm, output;
    std::string attn_norm, ffn_norm;
    std::string q, k, v, kv, qkv, attn_output, sinks;
    std::string gate, up, gate_up, down;
    std::string router, exp_gate, exp_up, exp_gate_up, exp_down;
};

enum class qkv_form {
    apart,
    joined,     // [q; k; v]
    by_group,   // for each kv head: its q heads, k, v
    kv_by_head  // q apart; for each kv head: k, v
};
enum class mlp_form { apart, gate_up, up_gate };
enum class expert_form {
    none,
    each,          // a tensor for each expert and part
    each_gate_up,  // [gate; up] for each expert
    stacked,       // [E,F,H], [E,F,H], [E,H,F]
    gate_up,       // [E,2F,H], [E,H,F]
    gate_up_t,     // [E,H,2F] in halves, [E,F,H]
    even_odd_t,    // [E,H,2F], gate in the even columns, up in the odd ones; [E,F,H]
    flat           // [E*F,H] each, down too: transposed
};
enum class rotary_part { whole, half, any };
enum class habit { either, never, always };

struct spelling {
    std::string id;
    spelling_names names;
    qkv_form qkv = qkv_form::apart;
    mlp_form mlp = mlp_form::apart;
    expert_form experts = expert_form::none;
    bool pairs = false;  // q and k: rows of a pair next to each other
    bool dense = true;   // has names for a feed-forward without experts
    bool mha_only = false;
    rotary_part rotary = rotary_part::any;
    habit norms = habit::always;
    bool writes_tied = false;       // a tied output is written all the same
    habit biases = habit::either;   // what the family's own code expects of q, k and v
    bool derives_head_dim = false;  // so does that code with n_embd / n_head
    std::string gguf_arch;          // empty: safetensors
    std::string model_type, architecture;
    std::string file = "model";  // of a single file or the shards, without extension
    std::string config_file = "config.json";
    std::string (*config_text)(const spelling&, const model_config&) = nullptr;

    bool gguf() const { return !gguf_arch.empty(); }
    // Why the names and layouts, or the config, cannot say the model; empty: they can.
    inline std::string refuses(const model_config& c) const;
    // Why the family's own code would not take it, though names and layouts can say it; or empty.
    inline std::string odd(const model_config& c) const;
    bool holds(const model_config& c) const { return refuses(c).empty(); }
    bool natural(const model_config& c) const { return holds(c) && odd(c).empty(); }

    // The tensors under their names, row-major; of GGUF those that a file would hold (1-D in F32).
    inline std::vector<st_tensor> write(const model& m) const;
    // The text of config_file; empty for GGUF, whose metadata write_gguf() adds.
    std::string config(const model& m) const {
        return config_text == nullptr ? std::string() : config_text(*this, m.config);
    }
    inline gguf_writer write_gguf(const model& m) const;
};

// dtype of a model's matrices that is a ggml block type: "q4_0".
inline bool is_quantised(const std::string& dtype) { return st_bits(dtype) == 0; }

inline std::uint64_t rotary_rows(const model_config& c) {
    return c.n_rot == 0 ? c.head_dim : c.n_rot;
}

inline std::string spelling::refuses(const model_config& c) const {
    if (c.n_expert == 0 && !dense) return "no names for a feed-forward without experts";
    if (c.n_expert != 0 && experts == expert_form::none) return "no names for experts";
    if (mha_only && c.n_head != c.n_head_kv) return "q, k and v are equal parts";
    const std::uint64_t n_rot = rotary_rows(c);
    if (rotary == rotary_part::half && n_rot * 2 != c.head_dim) return "half of each head turns";
    if (rotary == rotary_part::whole && n_rot != c.head_dim) return "whole heads turn";
    if (norms == habit::always && !c.norms) return "norms have weights";
    if (norms == habit::never && c.norms) return "norms have no weights";
    if (c.gpt_oss && names.sinks.empty()) return "no name for attention sinks";
    const bool turned = experts == expert_form::gate_up_t || experts == expert_form::even_odd_t ||
                        experts == expert_form::flat;
    if (c.n_expert != 0 && turned && is_quantised(c.dtype)) {
        return "transposed experts would cut blocks of " + c.dtype;
    }
    return "";
}

inline std::string spelling::odd(const model_config& c) const {
    const bool biased = c.biases || c.gpt_oss;
    if (biases == habit::always && !biased) return "q, k and v have biases";
    if (biases == habit::never && biased) return "q, k and v have no biases";
    if (!names.sinks.empty() && !c.gpt_oss) return "there are sinks, and biases of everything";
    if (derives_head_dim && c.n_head * c.head_dim != c.n_embd) return "n_embd is n_head * head_dim";
    return "";
}

inline std::string fill_hole(std::string name, const std::string& hole, const std::string& value) {
    for (std::size_t at; (at = name.find(hole)) != std::string::npos;) {
        name.replace(at, hole.size(), value);
    }
    return name;
}

namespace detail {

class spell_writer {
  public:
    spell_writer(const spelling& s, const model& m) : s_(s), n_(s.names), m_(m), c_(m.config) {
        if (!s.holds(c_)) throw std::runtime_error(s.id + ": " + s.refuses(c_));
    }

    std::vector<st_tensor> write() {
        put(n_.token_embd, "weight", m_.at("token_embd.weight"));
        for (layer_ = 0; layer_ < c_.n_layer; ++layer_) block();
        if (c_.norms) put(n_.output_norm, "weight", m_.at("output_norm.weight"));
        if (!c_.tied) put(n_.output, "weight", m_.at("output.weight"));
        if (c_.tied && s_.writes_tied) put(n_.output, "weight", m_.at("token_embd.weight"));
        return std::move(out_);
    }

  private:
    void block() {
        if (c_.norms) put(n_.attn_norm, "weight", of("attn_norm", "weight"));
        for (const std::string part : {"weight", "bias"}) {
            if (has("attn_q", part)) attention(part);
            if (has("attn_output", part)) put(n_.attn_output, part, of("attn_output", part));
        }
        if (c_.gpt_oss) put(n_.sinks, "weight", of("attn_sinks", "weight"));
        if (c_.norms) put(n_.ffn_norm, "weight", of("ffn_norm", "weight"));
        if (c_.n_expert == 0) {
            feed_forward();
            return;
        }
        for (const std::string part : {"weight", "bias"}) {
            if (has("ffn_gate_inp", part)) put(n_.router, part, of("ffn_gate_inp", part));
            if (has("ffn_gate.0", part)) experts(part);
        }
    }

    void attention(const std::string& part) {
        const st_tensor q = turned("attn_q", part, c_.n_head);
        const st_tensor k = turned("attn_k", part, c_.n_head_kv);
        const st_tensor v = of("attn_v", part);
        switch (s_.qkv) {
            case qkv_form::apart:
                put(n_.q, part, q);
                put(n_.k, part, k);
                put(n_.v, part, v);
                break;
            case qkv_form::joined:
                put(n_.qkv, part, join_rows("", {q, k, v}));
                break;
            case qkv_form::by_group:
                put(n_.qkv, part, join_groups("", {q, k, v}, c_.n_head_kv));
                break;
            case qkv_form::kv_by_head:
                put(n_.q, part, q);
                put(n_.kv, part, join_groups("", {k, v}, c_.n_head_kv));
                break;
        }
    }
    st_tensor turned(const std::string& role, const std::string& part, std::uint64_t heads) const {
        const st_tensor& t = of(role, part);
        return s_.pairs ? take_rows(t, pairs_from_halves(heads, c_.head_dim, rotary_rows(c_))) : t;
    }

    void feed_forward() {
        const st_tensor& gate = of("ffn_gate", "weight");
        const st_tensor& up = of("ffn_up", "weight");
        switch (s_.mlp) {
            case mlp_form::apart:
                put(n_.gate, "weight", gate);
                put(n_.up, "weight", up);
                break;
            case mlp_form::gate_up:
                put(n_.gate_up, "weight", join_rows("", {gate, up}));
                break;
            case mlp_form::up_gate:
                put(n_.gate_up, "weight", join_rows("", {up, gate}));
                break;
        }
        put(n_.down, "weight", of("ffn_down", "weight"));
    }

    void experts(const std::string& part) {
        std::vector<st_tensor> gate, up, both, zipped, down, turned_down;
        for (std::uint64_t e = 0; e < c_.n_expert; ++e) {
            const std::string number = "." + std::to_string(e);
            gate.push_back(of("ffn_gate" + number, part));
            up.push_back(of("ffn_up" + number, part));
            down.push_back(of("ffn_down" + number, part));
            both.push_back(join_rows("", {gate.back(), up.back()}));
            zipped.push_back(zip_rows("", {gate.back(), up.back()}));
        }
        switch (s_.experts) {
            case expert_form::none:
                break;
            case expert_form::each:
                for (std::uint64_t e = 0; e < c_.n_expert; ++e) {
                    put(n_.exp_gate, part, gate[e], e);
                    put(n_.exp_up, part, up[e], e);
                    put(n_.exp_down, part, down[e], e);
                }
                break;
            case expert_form::each_gate_up:
                for (std::uint64_t e = 0; e < c_.n_expert; ++e) {
                    put(n_.exp_gate_up, part, both[e], e);
                    put(n_.exp_down, part, down[e], e);
                }
                break;
            case expert_form::stacked:
                put(n_.exp_gate, part, stack("", gate));
                put(n_.exp_up, part, stack("", up));
                put(n_.exp_down, part, stack("", down));
                break;
            case expert_form::gate_up:
                put(n_.exp_gate_up, part, stack("", both));
                put(n_.exp_down, part, stack("", down));
                break;
            case expert_form::gate_up_t:
                put(n_.exp_gate_up, part, stack("", over(both)));
                put(n_.exp_down, part, stack("", over(down)));
                break;
            case expert_form::even_odd_t:
                put(n_.exp_gate_up, part, stack("", over(zipped)));
                put(n_.exp_down, part, stack("", over(down)));
                break;
            case expert_form::flat:
                put(n_.exp_gate, part, join_rows("", gate));
                put(n_.exp_up, part, join_rows("", up));
                put(n_.exp_down, part, join_rows("", over(down)));
                break;
        }
    }
    static std::vector<st_tensor> over(std::vector<st_tensor> all) {
        for (st_tensor& t : all) t = transpose_matrix(t);
        return all;
    }

    bool has(const std::string& role, const std::string& part) const {
        return m_.has(layer_key(layer_, role, part));
    }
    const st_tensor& of(const std::string& role, const std::string& part) const {
        return m_.at(layer_key(layer_, role, part));
    }
    void put(const std::string& pattern, const std::string& part, st_tensor t,
             std::uint64_t expert = 0) {
        if (pattern.empty()) throw std::runtime_error(s_.id + ": no name for " + t.name);
        const bool plain_bias = part == "bias" && pattern.find("{part}") == std::string::npos;
        t.name = fill_hole(pattern, "{l}", std::to_string(layer_));
        t.name = fill_hole(t.name, "{e}", std::to_string(expert));
        t.name = fill_hole(t.name, "{part}", part) + (plain_bias ? "_bias" : "");
        if (s_.gguf() && t.shape.size() == 1) {  // the converter keeps what is 1-D in F32
            t.data = encode_floats(decode_floats(t.data, t.dtype), "F32");
            t.dtype = "F32";
        }
        out_.push_back(std::move(t));
    }

    const spelling& s_;
    const spelling_names& n_;
    const model& m_;
    const model_config& c_;
    std::uint64_t layer_ = 0;
    std::vector<st_tensor> out_;
};

inline void set_kv(gguf_writer& out, const std::string& key, std::uint64_t v) {
    const gguf_value value = gguf_of(static_cast<std::uint32_t>(v));
    for (auto& kv : out.kvs) {
        if (kv.first == key) {
            kv.second = value;
            return;
        }
    }
    out.kvs.emplace_back(key, value);
}

// Any list of tensors as a GGUF file without metadata; ggml's block types by name.
inline gguf_writer as_gguf(const std::vector<st_tensor>& tensors) {
    gguf_writer out;
    for (const st_tensor& t : tensors) {
        const std::uint32_t type = is_quantised(t.dtype) ? ggml_id(t.dtype) : ggml_id_of(t.dtype);
        out.add_tensor(t.name, type, t.shape, t.data);
    }
    return out;
}

}  // namespace detail

inline std::vector<st_tensor> spelling::write(const model& m) const {
    return detail::spell_writer(*this, m).write();
}

// Names of another family in a GGUF file have no architecture: they come without metadata.
inline gguf_writer spelling::write_gguf(const model& m) const {
    gguf_writer out = detail::as_gguf(write(m));
    if (!gguf()) return out.add("general.name", id);
    const model_config& c = m.config;
    detail::add_hparams(out, c, gguf_arch);
    detail::set_kv(out, gguf_arch + ".rope.dimension_count", rotary_rows(c));
    if (gguf_arch == "qwen") {  // counts gate and up together, as its config.json
        detail::set_kv(out, "qwen.feed_forward_length", c.n_ff * 2);
    }
    if (gguf_arch == "qwen2moe" || gguf_arch == "gpt-oss") {
        detail::set_kv(out, gguf_arch + ".expert_feed_forward_length", c.n_ff);
    }
    return out;
}

}  // namespace test

#endif  // AKA_TEST_SPELL_WRITER_HPP
