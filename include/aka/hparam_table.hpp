// aka: the hyper-parameters of a model, and the keys that give them.
#ifndef AKA_HPARAM_TABLE_HPP
#define AKA_HPARAM_TABLE_HPP

#include <cstdint>
#include <string_view>

#include "hparam_sources.hpp"

AKA_BEGIN

class checkpoint;
namespace detail {
class path;
template <class S>
class hparams_reader;
}  // namespace detail

/// Plain values. A count of 0, a NaN, an empty text and `unsaid` mean: not said, and not to be
/// worked out from what is said. `said` tells which fields a key gave; what follows from others
/// (kv heads as many as heads, a head's width, the feed-forward width of Meta's params.json) is
/// filled in all the same. Owns its memory: the file may go. Move-only.
struct hparams {
    /// What a source says to a question.
    enum class answer : std::uint8_t { unsaid, no, yes };
    /// The kind of norm.
    enum class norm : std::uint8_t { unsaid, rms, layer };
    /// Of the rows of q and k, where a source says it.
    enum class row_order : std::uint8_t { unsaid, half_split, interleaved };
    /// How rotary embedding is stretched to longer contexts.
    enum class scaling : std::uint8_t {
        unsaid,
        none,
        linear,
        dynamic,
        yarn,
        llama3,
        longrope,
        mrope,
        other
    };
    /// How experts are weighed.
    enum class gating : std::uint8_t { unsaid, softmax, sigmoid, softmax_weight, other };

    hparams_source source = hparams_source::none;  ///< which kind of file was read
    std::string_view model_type;          ///< of the language model; general.architecture in GGUF
    std::string_view architecture;        ///< architectures[0] of the language model
    std::string_view outer_architecture;  ///< of what wraps it: a vision-language model

    std::uint64_t n_vocab = 0;     ///< rows of the embedding, padding included where that is said
    std::uint64_t n_ctx = 0;       ///< tokens that it was trained for
    std::uint64_t n_embd = 0;      ///< width of the residual stream
    std::uint64_t n_layer = 0;     ///< GGUF counts the n_layer_nextn draft layers in
    std::uint64_t n_head = 0;      ///< where layers differ, the most; see n_head_at
    std::uint64_t n_head_kv = 0;   ///< the same
    std::uint64_t head_dim = 0;    ///< of q and k: GGUF's key_length
    std::uint64_t head_dim_v = 0;  ///< of v: GGUF's value_length
    std::uint64_t n_ff = 0;        ///< dense layers; of one of gate and up, never of both together
    std::uint64_t n_rot = 0;       ///< rotary dimensions of a head; 0 unsaid, all of them
    std::uint64_t n_layer_nextn = 0;   ///< layers that only draft tokens ahead
    std::uint64_t sliding_window = 0;  ///< 0 also where the config switches it off

    double rope_freq_base = nan();           ///< theta
    double rope_freq_base_swa = nan();       ///< of the layers with a sliding window
    double rope_fraction = nan();            ///< partial_rotary_factor; see n_rot
    scaling rope_scaling = scaling::unsaid;  ///< the kind; its numbers follow
    std::string_view rope_scaling_name;      ///< as it is written
    double rope_factor = nan();              ///< how many times longer the context is made
    double rope_low_freq_factor = nan();     ///< llama3: slower waves are stretched whole
    double rope_high_freq_factor = nan();    ///< llama3: faster waves are left alone
    double rope_attn_factor = nan();         ///< yarn, longrope: cos and sin are multiplied by it
    double rope_beta_fast = nan();           ///< yarn: turns from which on nothing is stretched
    double rope_beta_slow = nan();           ///< yarn: turns up to which all is
    double rope_mscale = nan();              ///< yarn: mscale, which DeepSeek has
    double rope_mscale_all_dim = nan();      ///< yarn: mscale_all_dim, likewise
    std::uint64_t rope_original_ctx = 0;     ///< tokens before it was stretched
    std::uint64_t n_long_factors = 0;        ///< entries of LongRoPE's list, numbers or not
    std::uint64_t n_short_factors = 0;       ///< the same
    /// LongRoPE's lists; empty where an entry is no number.
    span<const float> long_factors() const noexcept AKA_LIFETIMEBOUND {
        return {factors_[0].data(), factors_[0].size()};
    }
    /// Likewise.
    span<const float> short_factors() const noexcept AKA_LIFETIMEBOUND {
        return {factors_[1].data(), factors_[1].size()};
    }
    row_order rope_rows = row_order::unsaid;  ///< only where the file says it itself
    answer alibi = answer::unsaid;            ///< positions by bias, without rotary embedding

    double norm_eps = nan();        ///< added to the mean square, or to the variance
    norm norm_kind = norm::unsaid;  ///< RMSNorm or LayerNorm

    std::uint64_t n_expert = 0;              ///< of a layer, to choose from
    std::uint64_t n_expert_used = 0;         ///< chosen for a token
    std::uint64_t n_expert_shared = 0;       ///< that every token goes through
    std::uint64_t n_expert_groups = 0;       ///< in which experts are chosen
    std::uint64_t n_expert_groups_used = 0;  ///< of those, for a token
    std::uint64_t n_ff_exp = 0;              ///< of one expert
    std::uint64_t n_ff_shexp = 0;            ///< of all shared experts together
    std::uint64_t n_layer_dense_lead = 0;    ///< layers in front that have no experts
    gating expert_gating = gating::unsaid;   ///< what the router's logits go through
    answer expert_norm = answer::unsaid;  ///< whether the chosen experts' weights are made to sum 1
    double expert_scale = nan();          ///< the experts' sum is multiplied by it

    std::uint64_t q_lora_rank = 0;       ///< MLA: width that q is squeezed to; 0: it is not
    std::uint64_t kv_lora_rank = 0;      ///< MLA: width that k and v are
    std::uint64_t qk_nope_head_dim = 0;  ///< MLA: numbers of a head that do not turn
    std::uint64_t qk_rope_head_dim = 0;  ///< MLA: those that do

    double embedding_scale = nan();  ///< embeddings are multiplied by it
    double residual_scale = nan();   ///< what a block adds is multiplied by it
    double logit_scale = nan();      ///< logits are multiplied by it, also where the file divides
    double attn_scale = nan();       ///< q k is multiplied by it; unsaid: 1 / sqrt(head_dim)
    double attn_softcap = nan();     ///< c tanh(x / c) of q k
    double final_softcap = nan();    ///< the same of logits
    double clip_qkv = nan();         ///< q, k and v are kept within plus and minus this

    /// What gate rows go through, as it is written ("silu"), and the key; GGUF has no word for it.
    /// What it means, and what is meant where nothing is said: forward_hparams.
    std::string_view activation_name;
    std::string_view activation_key;  ///< where it was found

    answer tied = answer::unsaid;      ///< the output is the embedding
    answer qkv_bias = answer::unsaid;  ///< many models have it without a word
    std::string_view quant_method;     ///< "gptq", "mlx"; "unnamed" where only its settings are
    std::uint64_t quant_bits = 0;      ///< of a weight
    std::uint64_t quant_group = 0;     ///< weights that share a scale

    /// False: there was nothing to read, which is no error.
    bool found() const noexcept { return source != hparams_source::none; }

    /// Layers count from 0. Deci and hybrid models have layers without attention: 0 heads.
    std::uint64_t n_head_at(std::uint64_t layer) const noexcept { return at(0, layer, n_head); }
    /// Of one layer; see n_head_at.
    std::uint64_t n_head_kv_at(std::uint64_t layer) const noexcept {
        if (layers_[1].empty() && !said(&hparams::n_head_kv) && !layers_[0].empty())
            return n_head_at(layer);
        return at(1, layer, n_head_kv);
    }
    /// Of one layer; see n_head_at.
    std::uint64_t n_ff_at(std::uint64_t layer) const noexcept { return at(2, layer, n_ff); }
    /// Whether layers have different numbers of heads or widths.
    bool layers_differ() const noexcept {
        return !layers_[0].empty() || !layers_[1].empty() || !layers_[2].empty();
    }

    /// The key that gave a field, `said(&hparams::n_head_kv)`; for GGUF without the architecture.
    template <class T>
    std::string_view key(T hparams::*field) const noexcept;
    /// Whether a source says this field.
    template <class T>
    bool said(T hparams::*field) const noexcept {
        return !key(field).empty();
    }

    /// From the text of a config. `source` says whose spelling is tried first, and what Meta's and
    /// Mistral's files imply. Of a key that occurs twice the last counts, as in Python.
    /// Errors: bad_json, bad_hparams, out_of_memory.
    static result<hparams> from_config(
        byte_span json, hparams_source source = hparams_source::config_json) noexcept;
    /// From GGUF's keys; says nothing where there is no general.architecture.
    static result<hparams> from_gguf(const metadata& m) noexcept;
    /// From the checkpoint's own metadata (GGUF), or from the config in its folder.
    static result<hparams> of(const checkpoint& c) noexcept;
    /// From config.json, or else params.json, of a folder. Neither: says nothing.
    static result<hparams> from_folder(const detail::path& folder,
                                       bool params_first = false) noexcept;

    /// More is taken for a damaged file.
    static constexpr std::uint64_t max_layers = std::uint64_t{1} << 20;
    /// Likewise, of any count.
    static constexpr std::uint64_t max_count = std::uint64_t{1} << 31;

  private:
    template <class S>
    friend class detail::hparams_reader;

    static constexpr double nan() noexcept { return __builtin_nan("0"); }
    std::uint64_t at(int which, std::uint64_t layer, std::uint64_t all) const noexcept {
        const detail::growing<std::uint64_t>& each = layers_[which];
        if (each.empty()) return all;
        return layer < each.size() ? each[static_cast<std::size_t>(layer)] : 0;
    }

    static constexpr unsigned rows = 51;
    std::string_view keys_[rows];  // static text
    detail::growing<std::uint64_t> layers_[3];
    detail::growing<float> factors_[2];  // long, short
    detail::arena text_;
};

namespace detail {

enum hparam_rule : std::uint8_t {
    positive = 1,  // 0 is nonsense, not silence
    lenient = 2,   // what makes no sense here means nothing: -1, "auto", 1e30
    layered = 4,   // may be an array with one number a layer
    outer = 8,     // what wraps a language model may say it in its stead
};

/// A field and the keys that give it, the first that says something counts. Dots go into objects.
struct hparam_row {
    std::uint64_t hparams::*count = nullptr;
    double hparams::*real = nullptr;
    hparams::answer hparams::*flag = nullptr;
    std::uint8_t rule;
    std::string_view gguf, config, params;

    using text = std::string_view;
    constexpr hparam_row(std::uint64_t hparams::*f, int r, text g, text c, text p = {}) noexcept
        : count(f), rule(static_cast<std::uint8_t>(r)), gguf(g), config(c), params(p) {}
    constexpr hparam_row(double hparams::*f, int r, text g, text c, text p = {}) noexcept
        : real(f), rule(static_cast<std::uint8_t>(r)), gguf(g), config(c), params(p) {}
    constexpr hparam_row(hparams::answer hparams::*f, int r, text g, text c, text p = {}) noexcept
        : flag(f), rule(static_cast<std::uint8_t>(r)), gguf(g), config(c), params(p) {}

    constexpr bool is(std::uint64_t hparams::*f) const noexcept { return count == f; }
    constexpr bool is(double hparams::*f) const noexcept { return real == f; }
    constexpr bool is(hparams::answer hparams::*f) const noexcept { return flag == f; }
};

// clang-format off
inline constexpr hparam_row hparam_table[] = {
    {&hparams::n_layer, positive, "block_count",
     "num_hidden_layers n_layer num_layers num_transformer_layers", "n_layers"},
    {&hparams::n_vocab, lenient, "vocab_size", "padded_vocab_size vocab_size", "vocab_size"},
    {&hparams::n_ctx, lenient, "context_length",
     "max_position_embeddings n_ctx n_positions max_sequence_length model_max_length seq_length "
     "block_size max_length", "max_seq_len max_position_embeddings"},
    {&hparams::n_embd, positive, "embedding_length",
     "hidden_size n_embd n_embed d_model model_dim", "dim"},
    {&hparams::n_head, positive | layered, "attention.head_count",
     "num_attention_heads n_head num_heads num_query_heads", "n_heads"},
    {&hparams::n_head_kv, positive | layered, "attention.head_count_kv",
     "num_key_value_heads n_head_kv num_kv_heads n_query_groups num_key_value_heads_per_layer "
     "attn_config.kv_n_heads", "n_kv_heads"},
    // With MLA, newer GGUFs put the compressed widths in key_length.
    {&hparams::head_dim, positive, "attention.key_length_mla attention.key_length",
     "head_dim kv_channels head_size", "head_dim"},
    {&hparams::head_dim_v, 0, "attention.value_length_mla attention.value_length", "v_head_dim"},
    // Llama 4: intermediate_size is the experts' width.
    {&hparams::n_ff, layered, "feed_forward_length",
     "intermediate_size_mlp intermediate_size ffn_hidden_size n_inner mlp_hidden_size "
     "ffn_config.ffn_hidden_size", "hidden_dim inter_dim"},
    {&hparams::n_rot, 0, "rope.dimension_count", "rotary_dim"},
    {&hparams::n_layer_nextn, 0, "nextn_predict_layers", "num_nextn_predict_layers"},
    {&hparams::sliding_window, lenient, "attention.sliding_window",
     "sliding_window sliding_window_size", "sliding_window _sliding_window"},

    {&hparams::rope_freq_base, positive, "rope.freq_base",
     "rope_theta rope_parameters.rope_theta rope_parameters.full_attention.rope_theta "
     "rotary_emb_base rotary_base rope_base attn_config.rope_theta", "rope_theta"},
    {&hparams::rope_freq_base_swa, positive, "rope.freq_base_swa",
     "rope_local_base_freq rope_parameters.sliding_attention.rope_theta"},
    {&hparams::rope_fraction, positive, "",
     "partial_rotary_factor rope_pct rotary_pct rope_percent rotary_percent rotary_percentage "
     "rope_parameters.partial_rotary_factor rope_parameters.full_attention.partial_rotary_factor"},
    {&hparams::rope_factor, positive, "rope.scaling.factor rope.scale_linear",
     "rope_scaling.factor rope_parameters.factor rope_parameters.full_attention.factor",
     "yarn.factor rope_scaling_factor"},
    {&hparams::rope_low_freq_factor, 0, "",
     "rope_scaling.low_freq_factor rope_parameters.low_freq_factor"},
    {&hparams::rope_high_freq_factor, 0, "",
     "rope_scaling.high_freq_factor rope_parameters.high_freq_factor", "rope_high_freq_factor"},
    {&hparams::rope_attn_factor, 0, "rope.scaling.attn_factor rope.scaling.yarn_attn_factor",
     "rope_scaling.attention_factor rope_parameters.attention_factor"},
    {&hparams::rope_beta_fast, 0, "rope.scaling.yarn_beta_fast",
     "rope_scaling.beta_fast rope_parameters.beta_fast", "yarn.beta"},
    {&hparams::rope_beta_slow, 0, "rope.scaling.yarn_beta_slow",
     "rope_scaling.beta_slow rope_parameters.beta_slow", "yarn.alpha"},
    {&hparams::rope_mscale, 0, "", "rope_scaling.mscale rope_parameters.mscale"},
    {&hparams::rope_mscale_all_dim, 0, "",
     "rope_scaling.mscale_all_dim rope_parameters.mscale_all_dim"},
    {&hparams::rope_original_ctx, lenient, "rope.scaling.original_context_length",
     "rope_scaling.original_max_position_embeddings "
     "rope_parameters.original_max_position_embeddings original_max_position_embeddings",
     "yarn.original_max_position_embeddings"},
    {&hparams::alibi, 0, "", "alibi attn_config.alibi"},

    {&hparams::norm_eps, 0, "attention.layer_norm_rms_epsilon attention.layer_norm_epsilon",
     "rms_norm_eps norm_eps layernorm_epsilon layer_norm_epsilon layer_norm_eps norm_epsilon",
     "norm_eps"},

    {&hparams::n_expert, 0, "expert_count",
     "num_local_experts num_experts n_routed_experts moe_num_experts num_moe_experts "
     "ffn_config.moe_num_experts", "moe.num_experts moe_args.num_experts"},
    {&hparams::n_expert_used, 0, "expert_used_count",
     "num_experts_per_tok num_experts_per_token top_k_experts moe_topk moe_router_topk "
     "ffn_config.moe_top_k", "moe.num_experts_per_tok moe_args.top_k n_activated_experts"},
    {&hparams::n_expert_shared, 0, "expert_shared_count",
     "n_shared_experts num_shared_experts num_shared_expert moe_num_shared_experts",
     "moe.num_shared_experts"},
    {&hparams::n_expert_groups, lenient, "expert_group_count", "n_group", "n_expert_groups"},
    {&hparams::n_expert_groups_used, lenient, "expert_group_used_count", "topk_group",
     "n_limited_groups"},
    {&hparams::n_ff_exp, 0, "expert_feed_forward_length",
     "moe_intermediate_size moe_ffn_hidden_size", "moe.expert_hidden_dim moe_inter_dim ffn_exp"},
    {&hparams::n_ff_shexp, 0, "expert_shared_feed_forward_length",
     "shared_expert_intermediate_size shared_intermediate_size"},
    {&hparams::n_layer_dense_lead, 0, "leading_dense_block_count", "first_k_dense_replace",
     "moe.first_k_dense_replace n_dense_layers"},
    {&hparams::expert_norm, 0, "expert_weights_norm", "norm_topk_prob"},
    {&hparams::expert_scale, 0, "expert_weights_scale", "routed_scaling_factor",
     "moe.routed_scale route_scale"},

    {&hparams::q_lora_rank, 0, "attention.q_lora_rank", "q_lora_rank"},
    {&hparams::kv_lora_rank, 0, "attention.kv_lora_rank", "kv_lora_rank"},
    {&hparams::qk_nope_head_dim, 0, "", "qk_nope_head_dim"},
    {&hparams::qk_rope_head_dim, 0, "", "qk_rope_head_dim"},

    {&hparams::embedding_scale, 0, "embedding_scale", "scale_emb embedding_multiplier"},
    {&hparams::residual_scale, 0, "residual_scale", "residual_multiplier"},
    {&hparams::logit_scale, 0, "logit_scale", "logit_scale logits_scaling"},
    {&hparams::attn_scale, 0, "attention.scale", "attention_multiplier query_pre_attn_scalar"},
    {&hparams::attn_softcap, 0, "attn_logit_softcapping", "attn_logit_softcapping"},
    {&hparams::final_softcap, 0, "final_logit_softcapping", "final_logit_softcapping"},
    {&hparams::clip_qkv, 0, "attention.clamp_kqv", "clip_qkv attn_config.clip_qkv"},

    {&hparams::tied, outer, "",
     "tie_word_embeddings weight_tying share_embeddings_and_output_weights", "tied_embeddings"},
    {&hparams::qkv_bias, 0, "",
     "attention_bias qkv_bias use_qkv_bias add_qkv_bias include_qkv_bias bias"},
    {&hparams::quant_bits, lenient | outer, "",
     "quantization_config.bits quantization_config.w_bit quantization.bits"},
    {&hparams::quant_group, lenient | outer, "",
     "quantization_config.group_size quantization_config.q_group_size quantization.group_size"},
};
// clang-format on

inline constexpr unsigned hparam_row_count = sizeof(hparam_table) / sizeof(hparam_table[0]);

template <class F>
constexpr unsigned hparam_row_of(F field) noexcept {
    unsigned i = 0;
    while (i < hparam_row_count && !hparam_table[i].is(field)) ++i;
    return i;
}

template <class T>
struct named {
    std::string_view name;
    T value;
};
template <class T, std::size_t N>
constexpr T look_up(const named<T> (&table)[N], std::string_view name, T otherwise) noexcept {
    for (const named<T>& n : table)
        if (n.name == name) return n.value;
    return otherwise;
}

inline constexpr named<hparams::scaling> scaling_names[] = {
    {"none", hparams::scaling::none},         {"default", hparams::scaling::none},
    {"linear", hparams::scaling::linear},     {"dynamic", hparams::scaling::dynamic},
    {"yarn", hparams::scaling::yarn},         {"llama3", hparams::scaling::llama3},
    {"longrope", hparams::scaling::longrope}, {"su", hparams::scaling::longrope},
    {"mrope", hparams::scaling::mrope},
};
// Which norm the key of its epsilon names; model types for which that is not so.
inline constexpr named<hparams::norm> norm_keys[] = {
    {"rms_norm_eps", hparams::norm::rms},
    {"attention.layer_norm_rms_epsilon", hparams::norm::rms},
    {"layer_norm_eps", hparams::norm::layer},
    {"layer_norm_epsilon", hparams::norm::layer},
    {"attention.layer_norm_epsilon", hparams::norm::layer},
};
inline constexpr named<hparams::norm> norm_types[] = {
    {"orion", hparams::norm::layer},    {"phimoe", hparams::norm::layer},
    {"stablelm", hparams::norm::layer}, {"stablelm_epoch", hparams::norm::layer},
    {"qwen", hparams::norm::rms},       {"exaone", hparams::norm::rms},
};
// Configs whose width is that of gate and up together.
inline constexpr named<bool> doubled_widths[] = {
    {"qwen", true}, {"molmo", true}, {"hf_olmo", true}};
// GGUF architectures that write by what logits are divided; Cohere's is a factor.
inline constexpr named<bool> divided_logits[] = {
    {"granite", true}, {"granitemoe", true}, {"granitehybrid", true}, {"minicpm", true}};

}  // namespace detail

template <class T>
std::string_view hparams::key(T hparams::*field) const noexcept {
    static_assert(rows == detail::hparam_row_count, "one key for each row");
    unsigned i = detail::hparam_row_of(field);
    return i < rows ? keys_[i] : std::string_view();
}

AKA_END

#endif  // AKA_HPARAM_TABLE_HPP
