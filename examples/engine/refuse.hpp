// What the engine has no code for. Tensors that nothing asked for are noticed when a model is
// loaded; here is what would only make wrong numbers.
#ifndef ENGINE_REFUSE_HPP
#define ENGINE_REFUSE_HPP

#include "aka.hpp"

namespace engine {

template <class... Words>
aka::error no(const Words&... what) {
    return aka::error(aka::errc::unsupported).say("no code here for ", what...);
}

inline aka::status refuse(const aka::llama& m, const aka::forward_hparams& f) {
    using h = aka::hparams;
    using scaling = h::scaling;
    const h& said = m.hparams();
    const scaling s = said.rope_scaling;
    // Of text, all axes of mrope turn alike.
    const bool plain = s == scaling::unsaid || s == scaling::none || s == scaling::linear ||
                       s == scaling::llama3 || s == scaling::mrope;
    const bool no_factors = s == scaling::llama3 && !m.get(aka::role::rope_freqs);
    const bool softmax =
        said.expert_gating != h::gating::sigmoid && said.expert_gating != h::gating::other;
    const struct {
        bool there;
        const char* what;
    } features[] = {
        {!plain, "this kind of RoPE scaling"},
        {no_factors, "RoPE scaling without its factor"},
        {said.said(&h::rope_freq_base_swa), "layers with another RoPE"},
        {said.alibi == h::answer::yes, "ALiBi"},
        {said.attn_softcap > 0 || said.final_softcap > 0, "capped logits"},
        {said.clip_qkv > 0, "clipped q, k and v"},
        {said.n_layer_nextn != 0, "draft layers"},
        {!softmax, "experts that are not chosen by a softmax"},
        {said.n_expert_groups > 1, "groups of experts"},
        {m.n_expert() != 0 && said.n_expert_used == 0, "an unknown number of experts at once"},
        {f.act.value == aka::activation::other, "this activation of the feed-forward"},
    };
    for (const auto& it : features)
        if (it.there) return no(it.what);

    // What stands in no key and no tensor, but in the code of these models.
    if (!f.besides.empty()) return no(f.besides);
    return {};
}

}  // namespace engine

#endif  // ENGINE_REFUSE_HPP
