// aka: reading hyper-parameters, whoever says them: config.json, params.json or GGUF metadata.
#include "version.hpp"

#ifndef AKA_HPARAMS_HPP
#define AKA_HPARAMS_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "checkpoint.hpp"
#include "hparam_sources.hpp"
#include "hparam_table.hpp"

AKA_BEGIN
namespace detail {

// <cmath> costs more than the rest of this file.
inline double square_root(double v) noexcept {
    if (!(v > 0) || v - v != 0) return 0;
    double r = v > 1 ? v : 1;
    for (double last = 2 * r; r < last;) {
        last = r;
        r = (r + v / r) / 2;
    }
    return r;
}

/// Fills one hparams from one source: the table first, then what the table cannot say.
template <class S>
class hparams_reader {
  public:
    hparams_reader(const S& s, hparams& h) noexcept : source_(s), h_(h) {}

    status read() noexcept {
        h_.source = source_.from();
        for (unsigned i = 0; i < hparam_row_count; ++i)
            if (status s = row(i); !s) return s;
        for (auto step : {&hparams_reader::heads, &hparams_reader::widths, &hparams_reader::rope,
                          &hparams_reader::words, &hparams_reader::scales, &hparams_reader::check})
            if (status s = (this->*step)(); !s) return s;
        return {};
    }
    /// A text of the source, copied.
    status keep(std::string_view& to, const said_value& v) noexcept {
        std::string_view t;
        if (!text_of(v.text, h_.text_, t)) return no_memory();
        const char* p = h_.text_.copy(t);
        if (p == nullptr) return no_memory();
        to = {p, t.size()};
        return {};
    }
    status keep(std::string_view& to, std::string_view keys, bool outer = false) noexcept {
        said_value v;
        bool there = any_word(keys, [&](std::string_view k) {
            return source_.find(k, outer, v) && v.is(kind::text);
        });
        return there ? keep(to, v) : status();
    }

  private:
    using kind = said_value::kind;
    using answer = hparams::answer;

    // --- the table

    status row(unsigned i) noexcept {
        const hparam_row& r = hparam_table[i];
        status s;
        for (int pass = 0; pass < 2; ++pass)
            if (any_word(source_.keys(r, pass), [&](std::string_view key) {
                    said_value v;
                    if (!source_.find(key, (r.rule & outer) != 0, v)) return false;
                    bool took = false;
                    s = r.count != nullptr  ? count(r, key, v, took)
                        : r.real != nullptr ? real(r, key, v, took)
                                            : flag(r, key, v, took);
                    if (took) h_.keys_[i] = key;
                    return took || !s;
                }))
                break;
        return s;
    }
    AKA_COLD error bad(std::string_view key, const said_value& v, const char* expected) noexcept {
        error e(errc::bad_hparams, v.at);
        source_.name(key, e);
        v.describe(e);
        return e.say(", expected ", expected);
    }
    static bool fits(const said_value& v) noexcept {
        return v.is(kind::number) && v.whole && v.count <= hparams::max_count;
    }
    status count(const hparam_row& r, std::string_view key, const said_value& v,
                 bool& took) noexcept {
        if (v.is(kind::list)) return list(r, key, v, took);
        if (!fits(v)) {
            if ((r.rule & lenient) != 0) return {};
            return bad(key, v, "a whole number below 2^31");
        }
        bool heads = r.is(&hparams::n_head) || r.is(&hparams::n_head_kv);
        if (v.count == 0 && (r.rule & positive) != 0 && !(heads && source_.heads_may_be_zero()))
            return bad(key, v, "at least 1");
        took = v.count != 0;
        h_.*r.count = v.count;
        return {};
    }
    // One number a layer where that is meant; elsewhere as many times the same number, or nothing.
    status list(const hparam_row& r, std::string_view key, const said_value& v,
                bool& took) noexcept {
        growing<std::uint64_t>* to = nullptr;
        if ((r.rule & layered) != 0) {
            to = &h_.layers_[r.is(&hparams::n_head) ? 0 : r.is(&hparams::n_head_kv) ? 1 : 2];
            if (v.count != h_.n_layer || h_.n_layer > hparams::max_layers) {
                error e(errc::bad_hparams, v.at);
                source_.name(key, e);
                return e.say(" has ", v.count, " numbers for ", h_.n_layer, " layers");
            }
            to->clear();
            if (!to->reserve(static_cast<std::size_t>(v.count))) return no_memory();
        }
        std::uint64_t most = 0, least = ~std::uint64_t{0};
        said_value wrong;
        bool good = source_.each(v, [&](const said_value& n) {
            if (!fits(n)) return wrong = n, false;
            if (n.count > most) most = n.count;
            if (n.count < least) least = n.count;
            return to == nullptr || to->push(n.count);
        });
        if (!good && to == nullptr) return {};
        if (!good) return bad(key, wrong, "whole numbers below 2^31");
        if (to != nullptr && most == least) to->clear();
        took = most != 0 && (to != nullptr || most == least);
        if (took) h_.*r.count = most;
        return {};
    }
    status real(const hparam_row& r, std::string_view key, const said_value& v,
                bool& took) noexcept {
        if (!v.is(kind::number) || v.real - v.real != 0) return bad(key, v, "a number");
        if ((r.rule & positive) != 0 && !(v.real > 0)) return bad(key, v, "more than 0");
        h_.*r.real = v.real;
        took = true;
        return {};
    }
    status flag(const hparam_row& r, std::string_view key, const said_value& v,
                bool& took) noexcept {
        if (!v.is(kind::flag)) return bad(key, v, "true or false");
        h_.*r.flag = v.truth ? answer::yes : answer::no;
        took = true;
        return {};
    }

    // --- what the table cannot say

    bool find(std::string_view key, kind k, said_value& v) const noexcept {
        return source_.find(key, false, v) && v.is(k);
    }
    answer truth(std::string_view key) const noexcept {
        said_value v;
        if (!find(key, kind::flag, v)) return answer::unsaid;
        return v.truth ? answer::yes : answer::no;
    }
    template <class T>
    void set_key(T hparams::*field, std::string_view key) noexcept {
        h_.keys_[hparam_row_of(field)] = key;
    }
    bool of_type(std::string_view type) const noexcept { return h_.model_type == type; }

    status heads() noexcept {
        // A number of kv heads that counts only where another key says that there are such.
        struct gated {
            std::string_view key, gate;
            answer without;
        };
        constexpr gated gates[] = {
            {"multi_query_group_num", "multi_query_attention", answer::no},  // ChatGLM
            {"num_query_groups", "group_query_attention", answer::yes},      // Megatron, CodeShell
        };
        for (const gated& g : gates) {
            said_value v;
            answer open = truth(g.gate);
            if (h_.n_head_kv != 0 || (open == answer::unsaid ? g.without : open) == answer::no ||
                !source_.find(g.key, false, v))
                continue;
            bool took = false;
            const hparam_row& r = hparam_table[hparam_row_of(&hparams::n_head_kv)];
            if (status s = count(r, g.key, v, took); !s) return s;
            if (took) set_key(&hparams::n_head_kv, g.key);
        }
        // Falcon 7B and GPT-BigCode: one kv head, whatever a kv count says, unless it is the newer
        // Falcon.
        if (truth("multi_query") == answer::yes &&
            truth("new_decoder_architecture") != answer::yes) {
            h_.n_head_kv = 1;
            set_key(&hparams::n_head_kv, "multi_query");
        }
        if (h_.n_head_kv == 0 && h_.layers_[1].empty()) h_.n_head_kv = h_.n_head;

        said_value v;
        if (h_.source == hparams_source::gguf && h_.kv_lora_rank != 0) {
            if (h_.n_rot != 0 && h_.n_rot < h_.head_dim) {
                h_.qk_rope_head_dim = h_.n_rot;
                h_.qk_nope_head_dim = h_.head_dim - h_.n_rot;
            }
        } else if (h_.kv_lora_rank != 0 && h_.qk_rope_head_dim != 0) {
            // MLA. Newer transformers write the rotary part alone as head_dim.
            h_.head_dim = h_.qk_nope_head_dim + h_.qk_rope_head_dim;
            h_.n_rot = h_.qk_rope_head_dim;
        }
        if (h_.head_dim == 0 && h_.n_head != 0 && h_.n_embd % h_.n_head == 0)
            h_.head_dim = h_.n_embd / h_.n_head;
        if (h_.head_dim_v == 0) h_.head_dim_v = h_.head_dim;
        // Rows of the embedding: more than the vocabulary where it is padded. (ALBERT's key of the
        // same name is a width, and smaller.)
        if (find("embedding_size", kind::number, v) && fits(v) && v.count > h_.n_vocab &&
            h_.n_vocab != 0) {
            h_.n_vocab = v.count;
            set_key(&hparams::n_vocab, "embedding_size");
        }
        return {};
    }

    status widths() noexcept {
        said_value v;
        if (h_.source != hparams_source::gguf && h_.n_ff != 0 &&
            look_up(doubled_widths, h_.model_type, false)) {
            if (h_.n_ff % 2 != 0)
                return bad(h_.key(&hparams::n_ff), number(h_.n_ff),
                           "an even number: gate and up together");
            h_.n_ff /= 2;
        }
        // Meta: 8/3 of the width, rounded up. Where there are experts another rule holds.
        if (h_.source == hparams_source::params_json && h_.n_ff == 0 && h_.n_embd != 0 &&
            h_.n_expert == 0) {
            std::uint64_t n = 8 * h_.n_embd / 3, to = 256;
            if (find("ffn_dim_multiplier", kind::number, v)) {
                if (!(v.real > 0 && v.real < 1024))
                    return bad("ffn_dim_multiplier", v, "0 to 1024");
                n = static_cast<std::uint64_t>(v.real * static_cast<double>(n));
            }
            if (source_.find("multiple_of", false, v)) {
                if (!fits(v) || v.count == 0) return bad("multiple_of", v, "a whole number");
                to = v.count;
            }
            h_.n_ff = (n + to - 1) / to * to;
        }
        if (h_.n_expert == 0) return {};
        if (h_.n_ff_exp == 0) experts_width();
        if (h_.n_ff_shexp == 0) h_.n_ff_shexp = h_.n_expert_shared * h_.n_ff_exp;
        return {};
    }
    // Mixtral, gpt-oss, Llama 4: the width that others give to dense layers.
    void experts_width() noexcept {
        said_value v;
        if (h_.source == hparams_source::gguf) {
            bool parts = starts_with(h_.model_type, "qwen");  // older files: as llama.cpp does
            if (!parts)
                h_.n_ff_exp = h_.n_ff;
            else if (h_.n_expert_used != 0 && h_.n_ff % h_.n_expert_used == 0)
                h_.n_ff_exp = h_.n_ff / h_.n_expert_used;
        } else if (find("intermediate_size", kind::number, v) && fits(v)) {
            h_.n_ff_exp = v.count;
            set_key(&hparams::n_ff_exp, "intermediate_size");
        } else {
            h_.n_ff_exp = h_.n_ff;
        }
    }

    status rope() noexcept {
        said_value v;
        if (h_.rope_freq_base != h_.rope_freq_base && of_type("chatglm") &&
            find("rope_ratio", kind::number, v)) {
            if (!(v.real > 0) || v.real - v.real != 0) return bad("rope_ratio", v, "more than 0");
            h_.rope_freq_base = 10000 * v.real;
            set_key(&hparams::rope_freq_base, "rope_ratio");
        }
        bool json = h_.source != hparams_source::gguf;
        if (json && h_.n_rot == 0) {
            double part = h_.rope_fraction;
            if (part != part && of_type("chatglm")) part = 0.5;  // in its code, in no key
            if (part == part && part <= 1)
                h_.n_rot = static_cast<std::uint64_t>(part * static_cast<double>(h_.head_dim));
        }
        if (status s =
                keep(h_.rope_scaling_name, json ? "rope_scaling.rope_type rope_scaling.type "
                                                  "rope_parameters.rope_type rope_parameters.type "
                                                  "rope_parameters.full_attention.rope_type"
                                                : "rope.scaling.type");
            !s)
            return s;
        if (!h_.rope_scaling_name.empty())
            h_.rope_scaling = look_up(scaling_names, h_.rope_scaling_name, hparams::scaling::other);
        else if (truth("use_scaled_rope") == answer::yes)
            meta_scaling();
        else if (find("yarn", kind::object, v))
            h_.rope_scaling = hparams::scaling::yarn;
        else if (h_.key(&hparams::rope_factor) == "rope.scale_linear")
            h_.rope_scaling = hparams::scaling::linear;
        for (auto o : {"rope_scaling", "rope_parameters"}) {
            fixed_text<64> key;
            key << o << ".long_factor";
            if (find(key.view(), kind::list, v))
                if (status s = factors(v, h_.n_long_factors, h_.factors_[0]); !s) return s;
            fixed_text<64> other;
            other << o << ".short_factor";
            if (find(other.view(), kind::list, v))
                if (status s = factors(v, h_.n_short_factors, h_.factors_[1]); !s) return s;
        }

        if (h_.source == hparams_source::params_json)
            h_.rope_rows = hparams::row_order::interleaved;
        for (std::string_view k : {"rope_interleave", "rotary_interleaved", "original_rope"})
            if (answer a = truth(k); a != answer::unsaid)
                h_.rope_rows = a == answer::yes ? hparams::row_order::interleaved
                                                : hparams::row_order::half_split;
        // Baichuan 13B has no rotary embedding, and no key that says so.
        if (of_type("baichuan") && h_.n_embd == 5120) h_.alibi = answer::yes;
        if (!json && find("attention.max_alibi_bias", kind::number, v) && v.real > 0)
            h_.alibi = answer::yes;
        if (truth("use_sliding_window") == answer::no) h_.sliding_window = 0;
        return {};
    }
    status factors(const said_value& list, std::uint64_t& n, growing<float>& to) noexcept {
        n = list.count;
        to.clear();
        bool room = true;
        bool numbers = source_.each(list, [&](const said_value& v) {
            if (!v.is(kind::number)) return false;
            return room = to.push(static_cast<float>(v.real)), room;
        });
        if (!numbers) to.clear();
        return room ? status() : status(no_memory());
    }
    // The numbers are in Meta's code. The factor is 8 there and 32 for Llama 3.2, so it stays
    // unsaid.
    void meta_scaling() noexcept {
        auto fill = [](double& d, double with) {
            if (d != d) d = with;
        };
        h_.rope_scaling = hparams::scaling::llama3;
        fill(h_.rope_low_freq_factor, 1);
        fill(h_.rope_high_freq_factor, 4);
        if (h_.rope_original_ctx == 0) h_.rope_original_ctx = 8192;
    }

    status words() noexcept {
        said_value v;
        std::string_view eps = h_.key(&hparams::norm_eps);
        h_.norm_kind = look_up(norm_keys, eps, hparams::norm::unsaid);
        if (eps == "norm_eps" && h_.source == hparams_source::params_json)
            h_.norm_kind = hparams::norm::rms;
        h_.norm_kind = look_up(norm_types, h_.model_type, h_.norm_kind);
        if (answer a = truth("rmsnorm"); a != answer::unsaid)
            h_.norm_kind = a == answer::yes ? hparams::norm::rms : hparams::norm::layer;
        for (std::string_view k : {"layer_norm_type", "normalization", "norm_class_name"}) {
            if (!find(k, kind::text, v)) continue;
            bool rms = v.text.raw().find("rms") != std::string_view::npos ||
                       v.text.raw().find("RMS") != std::string_view::npos;
            h_.norm_kind = rms ? hparams::norm::rms : hparams::norm::layer;
        }

        if (source_.from() == hparams_source::gguf) {
            constexpr hparams::gating kinds[] = {hparams::gating::unsaid, hparams::gating::softmax,
                                                 hparams::gating::sigmoid,
                                                 hparams::gating::softmax_weight};
            if (find("expert_gating_func", kind::number, v) && v.whole)
                h_.expert_gating = v.count < 4 ? kinds[v.count] : hparams::gating::other;
            return {};
        }
        for (std::string_view k : {"hidden_activation", "hidden_act", "activation_function",
                                   "activation_type", "ffn_config.ffn_act_fn.name"}) {
            if (!find(k, kind::text, v)) continue;
            if (status s = keep(h_.activation_name, v); !s) return s;
            h_.activation_key = k;
            break;
        }
        std::string_view gating;
        if (status s = keep(gating,
                            "scoring_func score_function score_func moe_router_activation "
                            "moe_router_score_function");
            !s)
            return s;
        if (!gating.empty())
            h_.expert_gating = gating == "softmax"   ? hparams::gating::softmax
                               : gating == "sigmoid" ? hparams::gating::sigmoid
                                                     : hparams::gating::other;
        return quantisation();
    }
    status quantisation() noexcept {
        if (status s = keep(h_.quant_method, "quantization_config.quant_method", true); !s)
            return s;
        if (!h_.quant_method.empty()) return {};
        said_value v;
        auto object = [&](std::string_view key) {
            return source_.find(key, true, v) && v.is(kind::object) && v.count != 0;
        };
        auto on = [&](std::string_view key) {
            return source_.find(key, true, v) && v.is(kind::flag) && v.truth;
        };
        if (on("quantization_config.load_in_4bit") || on("quantization_config.load_in_8bit"))
            h_.quant_method = "bitsandbytes";
        else if (object("quantization"))
            h_.quant_method = "mlx";
        else if (object("compression_config"))
            h_.quant_method = "compressed-tensors";
        else if (object("quantization_config"))
            h_.quant_method = "unnamed";
        return {};
    }

    status scales() noexcept {
        said_value v;
        if (h_.key(&hparams::attn_scale) == "query_pre_attn_scalar")
            h_.attn_scale = h_.attn_scale > 0 ? 1 / square_root(h_.attn_scale) : hparams::nan();
        bool divides =
            h_.key(&hparams::logit_scale) == "logits_scaling" ||
            (h_.source == hparams_source::gguf && look_up(divided_logits, h_.model_type, false));
        if (divides && h_.logit_scale == h_.logit_scale) {
            if (h_.logit_scale == 0) return bad(h_.key(&hparams::logit_scale), number(0), "not 0");
            h_.logit_scale = 1 / h_.logit_scale;
        }
        if (find("dim_model_base", kind::number, v) && v.real > 0 && h_.n_embd != 0) {  // MiniCPM
            h_.logit_scale = v.real / static_cast<double>(h_.n_embd);
            set_key(&hparams::logit_scale, "dim_model_base");
        }
        if (find("scale_depth", kind::number, v) && h_.n_layer != 0) {
            h_.residual_scale = v.real / square_root(static_cast<double>(h_.n_layer));
            set_key(&hparams::residual_scale, "scale_depth");
        }
        return {};
    }

    static said_value number(std::uint64_t n) noexcept {
        said_value v;
        return v.number(static_cast<double>(n)), v;
    }
    /// "num_attention_heads 32"
    template <class T>
    AKA_COLD void tell(error& e, T hparams::*field, std::uint64_t n) const noexcept {
        if (h_.said(field))
            source_.name(h_.key(field), e);
        else
            e.say("its default");
        e.say(' ', n);
    }
    status check() noexcept {
        if (h_.n_layer > hparams::max_layers)
            return bad(h_.key(&hparams::n_layer), number(h_.n_layer), "at most 2^20");
        if (!(h_.norm_eps >= 0) && h_.norm_eps == h_.norm_eps)
            return bad(h_.key(&hparams::norm_eps), negative(h_.norm_eps), "at least 0");
        std::uint64_t layers = h_.layers_differ() ? h_.n_layer : 1;
        for (std::uint64_t l = 0; l < layers; ++l) {
            std::uint64_t q = h_.n_head_at(l), kv = h_.n_head_kv_at(l);
            if (q == 0 || kv == 0 || q % kv == 0) continue;
            error e(errc::bad_hparams);
            if (layers != 1) e.say("layer ", l, ": ");
            tell(e, &hparams::n_head_kv, kv);
            e.say(" does not divide ");
            tell(e, &hparams::n_head, q);
            return e;
        }
        struct pair {
            std::uint64_t hparams::*less, hparams::*more;
        };
        for (const pair& p : {pair{&hparams::n_expert_used, &hparams::n_expert},
                              pair{&hparams::n_layer_dense_lead, &hparams::n_layer},
                              pair{&hparams::n_rot, &hparams::head_dim}}) {
            if (!h_.said(p.less) || !h_.said(p.more) || h_.*p.less <= h_.*p.more) continue;
            error e(errc::bad_hparams);
            tell(e, p.less, h_.*p.less);
            e.say(" is more than ");
            return tell(e, p.more, h_.*p.more), e;
        }
        return {};
    }
    static said_value negative(double d) noexcept {
        said_value v;
        return v.number(d), v;
    }

    const S& source_;
    hparams& h_;
};

}  // namespace detail

inline result<hparams> hparams::from_config(byte_span json, hparams_source source) noexcept {
    detail::config_source s(json, source);
    if (status r = s.read(); !r) return r.error();
    hparams h;
    detail::hparams_reader<detail::config_source> reader(s, h);
    if (status r = reader.keep(h.model_type, "model_type", true); !r) return r.error();
    auto first_of = [&](std::string_view& to, bool outer) -> status {
        detail::said_value v, first;
        if (!(outer ? s.find_outer("architectures", v) : s.find("architectures", false, v)) ||
            !v.is(detail::said_value::kind::list))
            return {};
        (void)s.each(v, [&](const detail::said_value& e) { return first = e, false; });
        if (!first.is(detail::said_value::kind::text)) return {};
        return reader.keep(to, first);
    };
    if (status r = first_of(h.architecture, false); !r) return r.error();
    if (s.wrapped())
        if (status r = first_of(h.outer_architecture, true); !r) return r.error();
    if (h.architecture.empty()) h.architecture = h.outer_architecture;
    if (status r = reader.read(); !r) return r.error();
    return h;
}

inline result<hparams> hparams::from_gguf(const metadata& m) noexcept {
    hparams h;
    result<std::string_view> arch = m.find("general.architecture").as_string();
    if (!arch) return h;
    // The name of an architecture is a word; a stranger's may be anything.
    if (arch.get_if()->size() > 64)
        return detail::fail(errc::bad_hparams, error::nowhere, "general.architecture of ",
                            arch.get_if()->size(), " bytes");
    const char* p = h.text_.copy(*arch.get_if());
    if (p == nullptr) return detail::no_memory();
    h.model_type = {p, arch.get_if()->size()};
    detail::gguf_source s(m, h.model_type);
    if (status r = detail::hparams_reader<detail::gguf_source>(s, h).read(); !r) return r.error();
    metadata_value tokens = m.find("tokenizer.ggml.tokens");
    if (h.n_vocab == 0 && tokens.is_array()) h.n_vocab = tokens.raw().count;
    return h;
}

inline result<hparams> hparams::from_folder(const detail::path& folder,
                                            bool params_first) noexcept {
    if (!folder.ok()) return detail::no_memory();
    hparams best;
    for (int i = 0; i < 2; ++i) {
        bool params = (i == 0) == params_first;
        detail::path p(folder.view());
        p /= params ? "params.json" : "config.json";
        if (!p.ok()) return detail::no_memory();
        result<mapped_file> f = mapped_file::open(std::move(p), access::read);
        if (f.code() == errc::missing_file) continue;
        if (!f) return f.error();
        const mapped_file& file = *f.get_if();
        detail::growing<std::byte> text;
        // One byte past the limit is enough for the error.
        std::uint64_t n = file.size(), most = detail::config_source::most_bytes + 1;
        if (!text.resize(static_cast<std::size_t>(n < most ? n : most))) return detail::no_memory();
        if (status r = file.read(0, {text.data(), text.size()}); !r) return r.error();
        result<hparams> h =
            from_config({text.data(), text.size()},
                        params ? hparams_source::params_json : hparams_source::config_json);
        if (!h) {
            error e = h.error();
            return e.in(file.path());
        }
        // A config that only names a class, as beside Mistral's params.json, leaves it to the
        // other.
        if (h.get_if()->n_layer != 0 || h.get_if()->n_embd != 0) return h;
        if (!best.found()) best = std::move(*h.get_if());
    }
    return best;
}

inline result<hparams> hparams::of(const checkpoint& c) noexcept {
    if (c.format() == checkpoint_format::gguf) {
        result<hparams> h = from_gguf(c.metadata());
        if (!h && c.file_count() != 0) {
            error e = h.error();
            return e.in(c.file(0).path());
        }
        if (!h || h.get_if()->found()) return h;
    }
    // consolidated*.safetensors is Mistral's own file; the other spelling's config lies beside.
    bool own = c.file_count() != 0 &&
               detail::starts_with(detail::path(c.file(0).path()).file_name(), "consolidated");
    return from_folder(c.folder(), own);
}

AKA_END

#endif  // AKA_HPARAMS_HPP
