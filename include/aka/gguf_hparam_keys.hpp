// aka: hyper-parameters as the keys of a GGUF: the way back from the table that reads them.
#include "version.hpp"

#ifndef AKA_GGUF_HPARAM_KEYS_HPP
#define AKA_GGUF_HPARAM_KEYS_HPP

#include <cstdint>
#include <string_view>

#include "hparams.hpp"
#include "metadata_edits.hpp"

AKA_BEGIN
namespace detail {

struct hparam_word {
    unsigned row;
    std::string_view word;
};
// Where the first key of a row is not the one to write. With MLA the keys of whole heads are the
// ones that go with attn_kv_b in one piece, as every other spelling has it.
inline constexpr hparam_word written_gguf_keys[] = {
    {hparam_row_of(&hparams::head_dim), "attention.key_length"},
    {hparam_row_of(&hparams::head_dim_v), "attention.value_length"},
};
inline constexpr hparam_word written_config_fields[] = {
    {hparam_row_of(&hparams::n_vocab), "vocab_size"},
    {hparam_row_of(&hparams::n_ff), "intermediate_size"},
    {hparam_row_of(&hparams::n_rot), "partial_rotary_factor"},
    {hparam_row_of(&hparams::rope_fraction), "partial_rotary_factor"},
};
template <std::size_t N>
constexpr std::string_view written_word(const hparam_word (&table)[N], unsigned row,
                                        std::string_view words) noexcept {
    for (const hparam_word& w : table)
        if (w.row == row) return w.word;
    return words.substr(0, words.find(' '));
}

// What llama.cpp refuses to load a model without.
inline constexpr unsigned needed_gguf_rows[] = {
    hparam_row_of(&hparams::n_layer), hparam_row_of(&hparams::n_ctx),
    hparam_row_of(&hparams::n_embd), hparam_row_of(&hparams::n_head)};

// Which ways of scaling RoPE GGUF has a word for. Those of Llama 3 and of LongRoPE are tensors
// there (rope_freqs, rope_factors_long and _short); "dynamic" changes nothing up to the length that
// a model was trained for.
inline constexpr named<hparams::scaling> written_scalings[] = {
    {"linear", hparams::scaling::linear},
    {"yarn", hparams::scaling::yarn},
    {"longrope", hparams::scaling::longrope}};
struct scaling_number {
    double hparams::*field;
    bool linear, yarn, longrope;  // with which of them it means something
};
inline constexpr scaling_number scaling_numbers[] = {
    {&hparams::rope_factor, true, true, false},
    {&hparams::rope_attn_factor, false, true, true},
    {&hparams::rope_beta_fast, false, true, false},
    {&hparams::rope_beta_slow, false, true, false},
};

// Of v >= 1, to about ten digits (<cmath> is a large include): squaring v doubles its logarithm.
inline double binary_logarithm(double v) noexcept {
    double n = 0;
    for (; v >= 2; v /= 2) n += 1;
    for (double bit = 0.5; bit > 1e-12; bit /= 2) {
        v *= v;
        if (v >= 2) v /= 2, n += bit;
    }
    return n;
}

class hparam_key_writer {
  public:
    hparam_key_writer(const hparams& h, std::string_view arch, metadata_edits& to) noexcept
        : h_(h), arch_(arch), to_(to) {}

    status write() noexcept {
        if (arch_.empty() || arch_.size() > 64)
            return fail(errc::bad_hparams, error::nowhere, "the name of an architecture has 1 to ",
                        "64 characters, not ", arch_.size());
        put_whole("general.architecture", arch_);
        for (unsigned i = 0; i < hparam_row_count; ++i) row(i);
        others();
        if (!done_) return done_;
        // No tokenizer, in llama.cpp's words. Without this key it refuses the file.
        put_whole("tokenizer.ggml.model", std::string_view("no_vocab"));
        return done_ ? missing() : done_;
    }

  private:
    using key_text = fixed_text<192>;
    key_text full(std::string_view key) const noexcept {
        key_text k;
        return k << arch_ << '.' << key;
    }
    template <class T>
    void put_whole(std::string_view key, T value) noexcept {
        if (done_ && to_.find(key) == nullptr) done_ = to_.set(key, value);
    }
    template <class T>
    void put(std::string_view key, T value) noexcept {
        put_whole(full(key).view(), value);
    }
    void put(std::string_view key, double value) noexcept {
        if (value == value) put_whole(full(key).view(), static_cast<float>(value));
    }
    void put(std::string_view key, std::uint64_t value) noexcept {
        put_whole(full(key).view(), static_cast<std::uint32_t>(value));
    }

    void row(unsigned i) noexcept {
        const hparam_row& r = hparam_table[i];
        std::string_view key = written_word(written_gguf_keys, i, r.gguf);
        if (key.empty() || by_hand(r)) return;
        if (r.flag != nullptr) {
            if (h_.*r.flag != hparams::answer::unsaid) put(key, h_.*r.flag == hparams::answer::yes);
        } else if (r.real != nullptr) {
            put(key, h_.*r.real);
        } else if ((r.rule & layered) != 0 && h_.layers_differ()) {
            each_layer(r, key);
        } else if (h_.*r.count != 0) {
            put(key, h_.*r.count);
        }
    }
    bool by_hand(const hparam_row& r) const noexcept {
        for (const scaling_number& n : scaling_numbers)
            if (r.is(n.field)) return true;
        return r.is(&hparams::norm_eps) || r.is(&hparams::logit_scale) ||
               r.is(&hparams::rope_original_ctx) || r.is(&hparams::n_rot) ||
               r.is(&hparams::n_layer_nextn);
    }
    std::uint64_t at(const hparam_row& r, std::uint64_t layer) const noexcept {
        return r.is(&hparams::n_head)      ? h_.n_head_at(layer)
               : r.is(&hparams::n_head_kv) ? h_.n_head_kv_at(layer)
                                           : h_.n_ff_at(layer);
    }
    // An array where layers do differ in this.
    void each_layer(const hparam_row& r, std::string_view key) noexcept {
        growing<std::int32_t> all;
        bool same = true;
        for (std::uint64_t l = 0; l < h_.n_layer && l < hparams::max_layers; ++l) {
            same = same && at(r, l) == at(r, 0);
            if (!all.push(static_cast<std::int32_t>(at(r, l)))) {
                done_ = no_memory();
                return;
            }
        }
        if (same) {
            if (h_.*r.count != 0) put(key, h_.*r.count);
        } else if (key_text k = full(key); done_ && to_.find(k.view()) == nullptr) {
            done_ = to_.set_array(k.view(), span<const std::int32_t>(all));
        }
    }

    void others() noexcept {
        // Draft layers are no part of what adapters carry over; a GGUF counts its own.
        if (h_.source == hparams_source::gguf && h_.n_layer_nextn != 0)
            put("nextn_predict_layers", h_.n_layer_nextn);
        put(h_.norm_kind == hparams::norm::layer ? "attention.layer_norm_epsilon"
                                                 : "attention.layer_norm_rms_epsilon",
            h_.norm_eps);
        bool divides = look_up(divided_logits, arch_, false);
        put("logit_scale", divides ? 1 / h_.logit_scale : h_.logit_scale);

        constexpr hparams::gating kinds[] = {hparams::gating::unsaid, hparams::gating::softmax,
                                             hparams::gating::sigmoid,
                                             hparams::gating::softmax_weight};
        for (std::uint32_t i = 1; i < 4; ++i)
            if (h_.expert_gating == kinds[i]) put("expert_gating_func", std::uint64_t{i});

        if (h_.alibi == hparams::answer::yes) {
            put("attention.max_alibi_bias", 8.0);
            return;
        }
        std::uint64_t rotary = h_.n_rot != 0 ? h_.n_rot : h_.head_dim;
        if (rotary != 0) put("rope.dimension_count", rotary);
        for (const named<hparams::scaling>& s : written_scalings) {
            if (h_.rope_scaling != s.value) continue;
            put("rope.scaling.type", s.name);
            if (s.value != hparams::scaling::linear && h_.rope_original_ctx != 0)
                put("rope.scaling.original_context_length", h_.rope_original_ctx);
            for (const scaling_number& n : scaling_numbers)
                if (s.value == hparams::scaling::linear ? n.linear
                    : s.value == hparams::scaling::yarn ? n.yarn
                                                        : n.longrope)
                    put(written_word(written_gguf_keys, hparam_row_count,
                                     hparam_table[hparam_row_of(n.field)].gguf),
                        h_.*n.field);
            // LongRoPE's factor on attention follows from the two lengths where no key says it;
            // llama.cpp would take 1.
            if (s.value == hparams::scaling::longrope && h_.rope_original_ctx > 1 &&
                h_.n_ctx > h_.rope_original_ctx) {
                const auto old = static_cast<double>(h_.rope_original_ctx);
                const double longer = static_cast<double>(h_.n_ctx) / old;
                put("rope.scaling.attn_factor",
                    square_root(1 + binary_logarithm(longer) / binary_logarithm(old)));
            }
            // DeepSeek's: llama.cpp wants a tenth of it.
            if (s.value == hparams::scaling::yarn)
                put("rope.scaling.yarn_log_multiplier", 0.1 * h_.rope_mscale_all_dim);
        }
    }

    status missing() const noexcept {
        for (unsigned i : needed_gguf_rows) {
            const hparam_row& r = hparam_table[i];
            key_text key = full(written_word(written_gguf_keys, i, r.gguf));
            if (to_.find(key.view()) != nullptr) continue;
            return fail(errc::bad_hparams, error::nowhere, "llama.cpp reads no model without ",
                        key.view(), ", and nothing says it (a config would, as ",
                        written_word(written_config_fields, i, r.config), "): set it");
        }
        return {};
    }

    const hparams& h_;
    std::string_view arch_;
    metadata_edits& to_;
    status done_;
};

}  // namespace detail

/// Adds what a GGUF of an architecture ("llama", "qwen2": general.architecture) needs to be read:
/// block_count, embedding_length, head counts (arrays where layers differ), widths, RoPE, norms,
/// experts, scales. Keys that `to` has already, set or taken away, stay as they are. There is no
/// tokenizer in it: tokenizer.ggml.model is "no_vocab", with which llama.cpp loads and computes,
/// but takes and gives numbers of tokens only; say so to the user. Not in hparams, so left to the
/// caller: patterns of layers (sliding windows, Llama 4's experts), general.name and its like.
/// Errors: bad_hparams (the architecture's name; something that llama.cpp demands is not said),
/// out_of_memory.
inline status gguf_hparam_keys(const hparams& h, std::string_view arch,
                               metadata_edits& to) noexcept {
    return detail::hparam_key_writer(h, arch, to).write();
}

/// The other way only a list: calls `f(std::string_view)` for each field of config.json that these
/// hyper-parameters would fill, as Llama's config calls them. Dots go into objects.
template <class F>
void for_each_config_field(const hparams& h, F f) noexcept {
    for (unsigned i = 0; i < detail::hparam_row_count; ++i) {
        const detail::hparam_row& r = detail::hparam_table[i];
        if (r.config.empty()) continue;
        bool said = r.count != nullptr  ? h.*r.count != 0
                    : r.real != nullptr ? h.*r.real == h.*r.real
                                        : h.*r.flag != hparams::answer::unsaid;
        // What follows from others needs no field.
        if (r.is(&hparams::n_rot))
            said = said && h.n_rot != h.head_dim && h.rope_fraction != h.rope_fraction;
        if (r.is(&hparams::head_dim_v)) said = said && h.head_dim_v != h.head_dim;
        std::string_view field = detail::written_word(detail::written_config_fields, i, r.config);
        if (r.is(&hparams::norm_eps) && h.norm_kind == hparams::norm::layer)
            field = "layer_norm_eps";
        if (said) f(field);
    }
}

AKA_END

#endif  // AKA_GGUF_HPARAM_KEYS_HPP
