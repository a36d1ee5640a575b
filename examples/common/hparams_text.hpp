// Hyper-parameters as text: each field with the key that gave it, or all on one line.
#ifndef AKA_CLI_HPARAMS_TEXT_HPP
#define AKA_CLI_HPARAMS_TEXT_HPP

#include <aka/hparams.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text.hpp"

namespace cli {

inline std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& w : words) (out += out.empty() ? "" : ", ") += w;
    return out;
}
struct said_field {
    std::string name, value;
    std::string_view key;  // that gave it; empty: it follows from others
    bool number = true;
};
inline std::vector<said_field> said_fields(const aka::hparams& h) {
    using aka::hparams;
    static constexpr struct {
        const char* name;
        std::uint64_t hparams::*field;
    } counts[] = {{"n_layer", &hparams::n_layer},
                  {"n_embd", &hparams::n_embd},
                  {"n_head", &hparams::n_head},
                  {"n_head_kv", &hparams::n_head_kv},
                  {"head_dim", &hparams::head_dim},
                  {"head_dim_v", &hparams::head_dim_v},
                  {"n_rot", &hparams::n_rot},
                  {"n_ff", &hparams::n_ff},
                  {"n_vocab", &hparams::n_vocab},
                  {"n_ctx", &hparams::n_ctx},
                  {"sliding_window", &hparams::sliding_window},
                  {"n_expert", &hparams::n_expert},
                  {"n_expert_used", &hparams::n_expert_used},
                  {"n_expert_shared", &hparams::n_expert_shared},
                  {"n_ff_exp", &hparams::n_ff_exp},
                  {"n_ff_shexp", &hparams::n_ff_shexp},
                  {"n_layer_dense_lead", &hparams::n_layer_dense_lead},
                  {"q_lora_rank", &hparams::q_lora_rank},
                  {"kv_lora_rank", &hparams::kv_lora_rank},
                  {"rope_original_ctx", &hparams::rope_original_ctx}};
    static constexpr struct {
        const char* name;
        double hparams::*field;
    } reals[] = {{"norm_eps", &hparams::norm_eps},
                 {"rope_freq_base", &hparams::rope_freq_base},
                 {"rope_factor", &hparams::rope_factor},
                 {"embedding_scale", &hparams::embedding_scale},
                 {"residual_scale", &hparams::residual_scale},
                 {"logit_scale", &hparams::logit_scale},
                 {"attn_scale", &hparams::attn_scale},
                 {"attn_softcap", &hparams::attn_softcap},
                 {"final_softcap", &hparams::final_softcap},
                 {"expert_scale", &hparams::expert_scale}};
    std::vector<said_field> out;
    for (const auto& c : counts)
        if (h.*c.field != 0)
            out.push_back({c.name, std::to_string(h.*c.field), h.key(c.field), true});
    for (const auto& c : reals)
        if (h.*c.field == h.*c.field)
            out.push_back({c.name, cli::shortest(h.*c.field), h.key(c.field), true});
    if (!h.rope_scaling_name.empty())
        out.push_back({"rope_scaling", std::string(h.rope_scaling_name), {}, false});
    if (!h.quant_method.empty())
        out.push_back({"quant_method", std::string(h.quant_method), {}, false});
    return out;
}

inline std::string hparams_line(const aka::hparams& h) {
    std::vector<std::string> parts;
    const auto add = [&](std::uint64_t n, const std::string& text) {
        if (n != 0) parts.push_back(text);
    };
    const auto text = [](std::uint64_t n) { return std::to_string(n); };
    add(!h.model_type.empty(), cli::escape(h.model_type));
    add(h.n_layer, cli::plural(h.n_layer, "layer"));
    add(h.n_embd, "width " + text(h.n_embd));
    add(h.n_head,
        cli::plural(h.n_head, "head") +
            (h.n_head_kv != h.n_head && h.n_head_kv != 0 ? " (" + text(h.n_head_kv) + " of k and v)"
                                                         : "") +
            (h.head_dim != 0 ? " of " + text(h.head_dim) : ""));
    add(h.n_ff, "feed-forward " + text(h.n_ff));
    add(h.n_expert, cli::plural(h.n_expert, "expert") +
                        (h.n_expert_used != 0 ? ", " + text(h.n_expert_used) + " at a time" : ""));
    add(h.n_vocab, "vocabulary " + text(h.n_vocab));
    add(h.n_ctx, "context " + text(h.n_ctx));
    if (h.layers_differ()) parts.emplace_back("layers differ");
    return joined(parts);
}

}  // namespace cli

#endif  // AKA_CLI_HPARAMS_TEXT_HPP
