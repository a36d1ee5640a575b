// How far numbers may lie apart where one side was converted from the other: half a unit in the
// last place of plain types, and of quantised blocks what their quantisers usually leave.
#ifndef AKA_CLI_ROUNDING_HPP
#define AKA_CLI_ROUNDING_HPP

#include <aka/dtype.hpp>

#include <cstddef>

namespace cli {

// Of plain types, |a - b| may be `step` times the power of two below the lesser of both, and
// `least` in any case. Of blocks, the greatest error among 512 numbers may be `block` times the
// greatest of them and `least`, and the relative error of the whole `whole`.
struct rounding {
    float step = 0, least = 0;
    float block = 0, whole = 0;
    bool blocks = false;
};

namespace detail {

struct plain_rounding {
    aka::dtype type;
    float step;   // 2^-(p + 1) for p bits of fraction
    float least;  // half of the smallest number
};
inline constexpr plain_rounding plain_roundings[] = {
    {aka::dtype::f64, 0, 0},
    {aka::dtype::f32, 0, 0},
    {aka::dtype::f16, 0x1p-11f, 0x1p-25f},
    {aka::dtype::bf16, 0x1p-8f, 0x1p-134f},
    {aka::dtype::f8_e5m2, 0x1p-3f, 0x1p-17f},
    {aka::dtype::f8_e4m3, 0x1p-4f, 0x1p-10f},
    {aka::dtype::f8_e8m0, 0x1p-1f, 0},
    {aka::dtype::f8_e4m3fnuz, 0x1p-4f, 0x1p-11f},
    {aka::dtype::f8_e5m2fnuz, 0x1p-3f, 0x1p-18f},
    {aka::dtype::f6_e2m3, 0x1p-4f, 0x1p-4f},
    {aka::dtype::f6_e3m2, 0x1p-3f, 0x1p-5f},
    {aka::dtype::f4, 0x1p-2f, 0x1p-2f},
};

// Most blocks have a scale in binary16, in steps of 2^-24 at least: 127 halves of that.
inline constexpr float scale_step = 4e-6f;

struct block_rounding {
    aka::dtype type;
    float block, whole;
};
// Q8_0 and Q8_1 take the greatest of 32 numbers as 127 steps: half a step, and the rounding of the
// scale to binary16. Of the others, half as much again as ggml's quantisers were seen to leave on
// normal numbers and on numbers with heavy tails, with an importance matrix and without. Those let
// go of outliers, so that a block's bound is wide.
inline constexpr block_rounding block_roundings[] = {
    {aka::dtype::q8_0, 0.0045f, 0.02f}, {aka::dtype::q8_1, 0.0045f, 0.02f},
    {aka::dtype::q8_k, 0.0041f, 0.02f}, {aka::dtype::q4_0, 0.6f, 0.22f},
    {aka::dtype::q4_1, 0.6f, 0.2f},     {aka::dtype::q5_0, 0.45f, 0.13f},
    {aka::dtype::q5_1, 0.35f, 0.1f},    {aka::dtype::q2_k, 1.5f, 0.55f},
    {aka::dtype::q3_k, 0.8f, 0.35f},    {aka::dtype::q4_k, 0.6f, 0.2f},
    {aka::dtype::q5_k, 0.3f, 0.1f},     {aka::dtype::q6_k, 0.5f, 0.1f},
    {aka::dtype::iq2_xxs, 2, 1},        {aka::dtype::iq2_xs, 2, 0.9f},
    {aka::dtype::iq3_xxs, 1.6f, 0.6f},  {aka::dtype::iq1_s, 2, 1},
    {aka::dtype::iq4_nl, 0.75f, 0.22f}, {aka::dtype::iq3_s, 1.3f, 0.5f},
    {aka::dtype::iq2_s, 1.5f, 0.9f},    {aka::dtype::iq4_xs, 0.7f, 0.22f},
    {aka::dtype::iq1_m, 2, 0.95f},      {aka::dtype::tq1_0, 1, 1},
    {aka::dtype::tq2_0, 1, 1},          {aka::dtype::mxfp4, 0.4f, 0.25f},
    {aka::dtype::nvfp4, 0.3f, 0.2f},    {aka::dtype::q1_0, 1.2f, 1},
    {aka::dtype::q2_0, 0.8f, 1},
};

}  // namespace detail

// What one type can be off by, if it is known of it.
inline bool find_rounding(aka::dtype t, rounding& r) {
    for (const detail::plain_rounding& p : detail::plain_roundings)
        if (p.type == t) return r = {p.step, p.least, 0, 0, false}, true;
    for (const detail::block_rounding& b : detail::block_roundings)
        if (b.type == t) return r = {0, detail::scale_step, b.block, b.whole, true}, true;
    return false;
}
// Whether numbers of this type can be said to be near each other at all.
inline bool is_measured(aka::dtype t) {
    rounding r;
    return find_rounding(t, r);
}

// Both from the same numbers. One type: nothing is rounded, so nothing may differ.
inline rounding rounding_between(aka::dtype a, aka::dtype b) {
    rounding x, y;
    if (a == b || !find_rounding(a, x) || !find_rounding(b, y)) return {};
    rounding r{x.step + y.step, x.least + y.least, x.block + y.block, x.whole + y.whole,
               x.blocks || y.blocks};
    // Beside blocks, what a plain type is off by is an error of the block, too.
    if (r.blocks) r.block += 2 * r.step, r.whole += 2 * r.step;
    return r;
}

}  // namespace cli

#endif  // AKA_CLI_ROUNDING_HPP
