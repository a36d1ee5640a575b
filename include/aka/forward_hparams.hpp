// aka: what a forward pass has to know and configs leave out: the value, and who says so.
#include "version.hpp"

#ifndef AKA_FORWARD_HPARAMS_HPP
#define AKA_FORWARD_HPARAMS_HPP

#include <cstdint>
#include <string_view>

#include "hparams.hpp"

AKA_BEGIN

/// What gate rows go through. `gelu` is by the error function, `gelu_tanh` the usual approximation;
/// `other` has a name that is not one of these, or is known to be something else.
enum class activation : std::uint8_t { silu, gelu, gelu_tanh, relu, relu2, other };

constexpr std::string_view name(activation a) noexcept {
    constexpr std::string_view names[] = {"silu", "gelu", "gelu_tanh", "relu", "relu2", "other"};
    return names[static_cast<unsigned>(a)];
}

/// A value, and whether the file says it: then `source` is its key, else who implies it.
template <class T>
struct implied {
    T value{};                ///< what to compute with
    bool is_default = false;  ///< no file says it
    std::string_view source;  ///< a key, or a model type; lives as long as the checkpoint
};

/// Nothing here is a guess from weights. A default is what the implementation of this kind of model
/// takes where its config has no such key; for a model type that no table here has, that of Llama.
struct forward_hparams {
    implied<double> rope_freq_base;  ///< theta of the rotary embedding
    implied<double> norm_eps;        ///< added to the mean square, or to the variance
    implied<double> attn_scale;      ///< 1 / sqrt(head_dim) unless said; 0: the heads are not known
    /// Embeddings are multiplied by it; sqrt(n_embd) in Gemma's code, which no file says.
    implied<double> embedding_scale;
    implied<bool> expert_norm;     ///< whether the chosen experts' weights are made to sum to 1
    implied<aka::activation> act;  ///< of the feed-forward
    std::string_view act_name;     ///< as it is written, where it is
    /// What this type of model computes otherwise than Llama though no key and no tensor says so:
    /// an engine that does not know it gets wrong numbers. Empty: nothing is known of.
    std::string_view besides;

    /// From what a checkpoint says.
    static forward_hparams of(const hparams& h) noexcept;
};

namespace detail {

inline constexpr named<activation> activation_names[] = {
    {"silu", activation::silu},
    {"swish", activation::silu},
    {"swiglu", activation::silu},
    {"gelu", activation::gelu},
    {"gelu_pytorch_tanh", activation::gelu_tanh},
    {"gelu_new", activation::gelu_tanh},
    {"gelu_fast", activation::gelu_tanh},
    {"geglu", activation::gelu},
    {"relu", activation::relu},
    {"relu2", activation::relu2},
};

// Model types of Hugging Face and architectures of GGUF, whose files have no word for it, that are
// not SiLU; Gemma's code takes the approximation also where a config says "gelu".
inline constexpr named<activation> activation_types[] = {
    {"gemma", activation::gelu_tanh},   {"gemma2", activation::gelu_tanh},
    {"gemma3", activation::gelu_tanh},  {"gemma3_text", activation::gelu_tanh},
    {"gemma3n", activation::gelu_tanh}, {"gemma3n_text", activation::gelu_tanh},
    {"gemma4", activation::gelu_tanh},  {"gemma-embedding", activation::gelu_tanh},
    {"grok", activation::gelu_tanh},    {"nemotron", activation::relu2},
    {"arcee", activation::relu2},       {"smallthinker", activation::relu},
    {"apertus", activation::other},     {"gpt_oss", activation::other},
    {"gpt-oss", activation::other},
};
// Whose norms have another epsilon than Llama's 1e-6 where the config has none.
inline constexpr named<double> norm_eps_types[] = {
    {"olmo", 1e-5},   {"hf_olmo", 1e-5},  {"olmo2", 1e-5},    {"mixtral", 1e-5}, {"phi3", 1e-5},
    {"cohere", 1e-5}, {"cohere2", 1e-5},  {"stablelm", 1e-5}, {"chatglm", 1e-5}, {"orion", 1e-5},
    {"exaone", 1e-5}, {"glm", 1.5625e-7}, {"glm4", 1.5625e-7}};
inline bool is_gemma(std::string_view type) noexcept { return type.substr(0, 5) == "gemma"; }

// Model types whose config class, or whose architecture in llama.cpp, leaves the weights of the
// chosen experts as the softmax gives them. Qwen 3's class does, llama.cpp's qwen3moe does not.
inline constexpr named<bool> unscaled_experts[] = {
    {"qwen2_moe", true},   {"qwen3_moe", true}, {"qwen2moe", true},
    {"olmoe", true},       {"deepseek", true},  {"deepseek2", true},
    {"deepseek_v2", true}, {"dots1", true},     {"qwen3_vl_moe", true}};

// By how the model type begins; the first that fits.
inline constexpr std::string_view sees_a_window = "layers that see a window only",
                                  some_without_rope = "layers without RoPE",
                                  sees_both_ways = "words that see what follows";
inline constexpr named<std::string_view> besides_types[] = {
    {"gemma2", sees_a_window},
    {"gemma3", sees_a_window},
    {"gemma4", sees_a_window},
    {"gemma-embedding", sees_both_ways},
    {"cohere", "attention and feed-forward side by side"},
    {"command-r", "attention and feed-forward side by side"},
    {"llama4", some_without_rope},
    {"smollm3", some_without_rope},
    {"exaone4", some_without_rope},
    {"smallthinker", some_without_rope},
    {"llada", sees_both_ways},
    {"dream", sees_both_ways},
    {"rnd1", sees_both_ways},
    {"llama-embed", sees_both_ways},
    {"hunyuan", "norms after RoPE"},
    {"phimoe", "a choice of experts of its own"},
    {"chameleon", "norms of q and k of its own"},
    {"arctic", "experts beside a feed-forward"},
};

}  // namespace detail

inline forward_hparams forward_hparams::of(const hparams& h) noexcept {
    constexpr std::string_view code = "the model's code, which has it fixed";
    constexpr std::string_view llama = "the default of Hugging Face's Llama";
    constexpr std::string_view llama_cpp = "the default of llama.cpp";
    constexpr std::string_view meta = "the default of Meta's code";
    const bool gguf = h.source == hparams_source::gguf;
    const bool params = h.source == hparams_source::params_json;
    const std::string_view usual = gguf ? llama_cpp : params ? meta : llama;
    auto real = [&](double hparams::*field, double otherwise, std::string_view why) {
        if (h.*field == h.*field) return implied<double>{h.*field, false, h.key(field)};
        return implied<double>{otherwise, true, why};
    };
    forward_hparams f;
    f.rope_freq_base = real(&hparams::rope_freq_base, 10000, usual);
    const double own = gguf ? 0 : detail::look_up(detail::norm_eps_types, h.model_type, 0.0);
    f.norm_eps = real(&hparams::norm_eps,
                      own != 0         ? own
                      : params || gguf ? 1e-5
                                       : 1e-6,
                      own != 0 ? "the default of this model type" : usual);
    const double root = detail::square_root(static_cast<double>(h.head_dim));
    f.attn_scale = real(&hparams::attn_scale, root == 0 ? 0 : 1 / root, "1 / sqrt(head_dim)");
    const bool gemma = detail::is_gemma(h.model_type);
    f.embedding_scale =
        real(&hparams::embedding_scale,
             gemma ? detail::square_root(static_cast<double>(h.n_embd)) : 1.0, gemma ? code : "1");

    if (h.expert_norm != hparams::answer::unsaid)
        f.expert_norm = {h.expert_norm == hparams::answer::yes, false,
                         h.key(&hparams::expert_norm)};
    else if (detail::look_up(detail::unscaled_experts, h.model_type, false))
        f.expert_norm = {false, true, "the default of this model type"};
    else
        f.expert_norm = {true, true, "the default of Mixtral"};

    constexpr aka::activation none = aka::activation::other;
    f.act_name = h.activation_name;
    bool known = false;
    aka::activation type = none;
    for (const auto& row : detail::activation_types)
        if (row.name == h.model_type) type = row.value, known = true;
    if (known && (f.act_name.empty() || detail::is_gemma(h.model_type) || type == none))
        f.act = {type, true, code};
    else if (!f.act_name.empty())
        f.act = {detail::look_up(detail::activation_names, f.act_name, none), false,
                 h.activation_key};
    else
        f.act = {aka::activation::silu, true, usual};
    for (const auto& row : detail::besides_types)
        if (f.besides.empty() && h.model_type.substr(0, row.name.size()) == row.name)
            f.besides = row.value;
    return f;
}

AKA_END

#endif  // AKA_FORWARD_HPARAMS_HPP
