// aka: what a tensor is in a Llama-family model, by GGUF's short names, and which axes it has.
#ifndef AKA_ROLES_HPP
#define AKA_ROLES_HPP

#include <cstdint>
#include <string_view>

#include "config.hpp"

AKA_BEGIN

/// `attn_post_norm` (on what attention adds) and `ffn_norm` (on what the feed-forward reads) are
/// two roles, though some files give them one name.
// clang-format off
enum class role : std::uint8_t {
    none,
    // the model's own
    token_embd, token_embd_extra, output_norm, output, rope_freqs, rope_factors_long, rope_factors_short,
    // one a layer: attention
    attn_norm, attn_q, attn_k, attn_v, attn_output,
    attn_q_norm, attn_k_norm, attn_sinks, attn_post_norm,
    attn_q_a, attn_q_a_norm, attn_q_b, attn_kv_a_mqa, attn_kv_a_norm, attn_kv_b, attn_k_b, attn_v_b,
    attn_gate, attn_q_gate,
    // feed-forward
    ffn_norm, ffn_gate, ffn_up, ffn_down, ffn_post_norm,
    ffn_gate_inp, exp_probs_b, ffn_gate_exps, ffn_up_exps, ffn_down_exps,
    ffn_gate_inp_shexp, ffn_gate_shexp, ffn_up_shexp, ffn_down_shexp,
    // the linear attention of hybrid models
    ssm_in, ssm_qkv, ssm_ba, ssm_conv1d, ssm_a, ssm_a_log, ssm_dt, ssm_norm, ssm_out, ssm_z, ssm_alpha, ssm_beta,
};
// clang-format on

/// The axes of a tensor, which layouts put in order:
/// v vocabulary; x model width; kv heads of k and v; g query heads for each of them; s the two
/// halves of the rotary part of a head and i the pairs; r the rest of a head; d a whole head; f
/// feed-forward width; e experts.
enum class axis : std::uint8_t { v, x, kv, g, s, i, r, d, f, e };
inline constexpr unsigned axis_count = 10;
inline constexpr std::string_view axis_names[axis_count] = {"v", "x", "kv", "g", "s",
                                                            "i", "r", "d",  "f", "e"};

/// What a role is: a row of the table.
struct role_info {
    aka::role role;         ///< which row it is
    std::string_view name;  ///< as in GGUF
    bool layered;           ///< one a layer, not one a model
    std::string_view
        axes;  ///< Hugging Face's layout; commas part dimensions; `*`: never re-ordered
    std::string_view
        inputs;  ///< axes that are summed over: a bias, or a scale for each row, lacks them
    std::string_view atom;  ///< short name in layouts, where there is one
};

namespace detail {

inline constexpr role_info role_table[] = {
    {role::none, "none", false, "*", "", ""},
    {role::token_embd, "token_embd", false, "v , x", "x", ""},
    {role::token_embd_extra, "token_embd_extra", false, "*", "", ""},
    {role::output_norm, "output_norm", false, "x", "", ""},
    {role::output, "output", false, "v , x", "x", ""},
    {role::rope_freqs, "rope_freqs", false, "*", "", ""},
    {role::rope_factors_long, "rope_factors_long", false, "*", "", ""},
    {role::rope_factors_short, "rope_factors_short", false, "*", "", ""},
    {role::attn_norm, "attn_norm", true, "x", "", ""},
    {role::attn_q, "attn_q", true, "kv g s i , x", "x", "q"},
    {role::attn_k, "attn_k", true, "kv s i , x", "x", "k"},
    {role::attn_v, "attn_v", true, "kv d , x", "x", "v"},
    {role::attn_output, "attn_output", true, "x , kv g d", "kv g d", "o"},
    {role::attn_q_norm, "attn_q_norm", true, "s i", "", ""},
    {role::attn_k_norm, "attn_k_norm", true, "s i", "", ""},
    {role::attn_sinks, "attn_sinks", true, "kv g", "", ""},
    {role::attn_post_norm, "attn_post_norm", true, "x", "", ""},
    {role::attn_q_a, "attn_q_a", true, "*", "", ""},
    {role::attn_q_a_norm, "attn_q_a_norm", true, "*", "", ""},
    {role::attn_q_b, "attn_q_b", true, "*", "", ""},
    {role::attn_kv_a_mqa, "attn_kv_a_mqa", true, "*", "", ""},
    {role::attn_kv_a_norm, "attn_kv_a_norm", true, "*", "", ""},
    {role::attn_kv_b, "attn_kv_b", true, "*", "", ""},
    {role::attn_k_b, "attn_k_b", true, "*", "", ""},
    {role::attn_v_b, "attn_v_b", true, "*", "", ""},
    {role::attn_gate, "attn_gate", true, "*", "", ""},
    {role::attn_q_gate, "attn_q_gate", true, "kv g d , x", "x", ""},
    {role::ffn_norm, "ffn_norm", true, "x", "", ""},
    {role::ffn_gate, "ffn_gate", true, "f , x", "x", "gate"},
    {role::ffn_up, "ffn_up", true, "f , x", "x", "up"},
    {role::ffn_down, "ffn_down", true, "x , f", "f", "down"},
    {role::ffn_post_norm, "ffn_post_norm", true, "x", "", ""},
    {role::ffn_gate_inp, "ffn_gate_inp", true, "e , x", "x", ""},
    {role::exp_probs_b, "exp_probs_b", true, "e", "", ""},
    {role::ffn_gate_exps, "ffn_gate_exps", true, "e , f , x", "x", "gate_exps"},
    {role::ffn_up_exps, "ffn_up_exps", true, "e , f , x", "x", "up_exps"},
    {role::ffn_down_exps, "ffn_down_exps", true, "e , x , f", "f", "down_exps"},
    {role::ffn_gate_inp_shexp, "ffn_gate_inp_shexp", true, "*", "", ""},
    {role::ffn_gate_shexp, "ffn_gate_shexp", true, "f , x", "x", "gate_shexp"},
    {role::ffn_up_shexp, "ffn_up_shexp", true, "f , x", "x", "up_shexp"},
    {role::ffn_down_shexp, "ffn_down_shexp", true, "x , f", "f", "down_shexp"},
    {role::ssm_in, "ssm_in", true, "*", "", ""},
    {role::ssm_qkv, "ssm_qkv", true, "*", "", ""},
    {role::ssm_ba, "ssm_ba", true, "*", "", ""},
    {role::ssm_conv1d, "ssm_conv1d", true, "*", "", ""},
    {role::ssm_a, "ssm_a", true, "*", "", ""},
    {role::ssm_a_log, "ssm_a_log", true, "*", "", ""},
    {role::ssm_dt, "ssm_dt", true, "*", "", ""},
    {role::ssm_norm, "ssm_norm", true, "*", "", ""},
    {role::ssm_out, "ssm_out", true, "*", "", ""},
    {role::ssm_z, "ssm_z", true, "*", "", ""},
    {role::ssm_alpha, "ssm_alpha", true, "*", "", ""},
    {role::ssm_beta, "ssm_beta", true, "*", "", ""},
};
inline constexpr unsigned role_count = sizeof(role_table) / sizeof(role_table[0]);

constexpr bool role_table_in_order() noexcept {
    for (unsigned i = 0; i < role_count; ++i)
        if (role_table[i].role != static_cast<role>(i)) return false;
    return role_count == static_cast<unsigned>(role::ssm_beta) + 1 && role_count <= 64;
}
static_assert(role_table_in_order(), "looked up by position, and kept in 64-bit sets");

}  // namespace detail

constexpr const role_info& info(role r) noexcept {
    return detail::role_table[static_cast<unsigned>(r)];
}
constexpr std::string_view name(role r) noexcept { return info(r).name; }

/// The role of this name, or of this short name in layouts; `none` when there is none.
constexpr role role_from_name(std::string_view s) noexcept {
    if (s.empty()) return role::none;
    for (const role_info& row : detail::role_table)
        if (row.name == s || row.atom == s) return row.role;
    return role::none;
}

/// Whether the role is of an expert: its tensors have an `e` axis, or there is one an expert.
constexpr bool is_expert(role r) noexcept {
    return r == role::ffn_gate_exps || r == role::ffn_up_exps || r == role::ffn_down_exps;
}

/// The order of the rows of a head in q and k: all first halves of the pairs before all second
/// halves (Hugging Face, NEOX), or pair by pair (Meta, NORM). `none`: no rotary embedding, rows
/// stay as they are.
enum class rope_order : std::uint8_t { unknown, half, interleaved, none };

constexpr std::string_view name(rope_order r) noexcept {
    constexpr std::string_view names[] = {"unknown", "half", "interleaved", "none"};
    return names[static_cast<unsigned>(r)];
}

AKA_END

#endif  // AKA_ROLES_HPP
