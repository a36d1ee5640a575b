// aka: the factors of rotary embeddings that some conventions keep as tensors and others compute
// from the hyper-parameters.
#ifndef AKA_ROPE_FACTORS_HPP
#define AKA_ROPE_FACTORS_HPP

#include <cstdint>

#include "hparams.hpp"
#include "roles.hpp"

AKA_BEGIN
namespace detail {

inline double whole_power(double v, std::uint64_t n) noexcept {
    double r = 1;
    for (; n != 0; n /= 2, v *= v)
        if (n % 2 != 0) r *= v;
    return r;
}
/// The n-th root of v >= 1, to the last bits of a double (<cmath> is a large include).
inline double nth_root(double v, std::uint64_t n) noexcept {
    double r = 1;
    while (whole_power(r, n) < v) r *= 2;
    // From above, Newton's steps only go down.
    for (double last = 2 * r; r < last;) {
        last = r;
        r -= (r - v / whole_power(r, n - 1)) / static_cast<double>(n);
    }
    return r;
}

/// What a tensor of factors holds, and why it can be made or not.
struct made_factors {
    const char* why = nullptr;
    bool wanted = false;  // the hyper-parameters ask for this tensor
    bool known = false;   // and `values` has it
    growing<float> values;
};

/// By how much each wave of Llama 3.1's scaling is longer: 1 for waves that fit into the first
/// context `high` times and more, `factor` for those that do not fit `low` times, and a blend of
/// the two frequencies between. What a config leaves out is 1, 4 and 8192, as in llama.cpp's
/// converter; the factor has to be said.
inline status llama3_factors(const hparams& h, std::uint64_t rotary, made_factors& out) noexcept {
    constexpr double two_pi = 6.283185307179586;
    auto said = [](double v, double otherwise) { return v == v ? v : otherwise; };
    const double factor = h.rope_factor, low = said(h.rope_low_freq_factor, 1),
                 high = said(h.rope_high_freq_factor, 4), base = said(h.rope_freq_base, 10000);
    const double context =
        h.rope_original_ctx == 0 ? 8192 : static_cast<double>(h.rope_original_ctx);
    out.wanted = true;
    out.why = "the factor of its scaling is not said";
    if (!(factor > 0)) return {};
    out.why = "its scaling makes no sense";
    if (!(low > 0) || !(high > low) || !(base >= 1) || base - base != 0) return {};
    out.why = "the rotary width is not known";
    if (rotary < 2 || rotary > 1u << 20) return {};
    const std::uint64_t n = rotary / 2;
    const double step = nth_root(base, n);
    if (!out.values.reserve(static_cast<std::size_t>(n))) return no_memory();
    double wave = two_pi;
    for (std::uint64_t i = 0; i < n; ++i, wave *= step) {
        const double fits = context / wave;
        const double smooth = (fits - low) / (high - low);
        const double f = fits > high  ? 1
                         : fits < low ? factor
                                      : 1 / ((1 - smooth) / factor + smooth);
        if (!out.values.push(static_cast<float>(f))) return no_memory();
    }
    out.why = "computed from the scaling in the hyper-parameters (llama3)";
    return out.known = true, status();
}

/// LongRoPE's lists stand in the config; there is one number a pair.
inline status longrope_factors(span<const float> said, std::uint64_t rotary,
                               made_factors& out) noexcept {
    out.wanted = true;
    out.why = said.empty() ? "the hyper-parameters have no list of factors"
                           : "the list of factors in the hyper-parameters has another length";
    if (said.empty() || said.size() != rotary / 2) return {};
    if (!out.values.append(said.data(), said.size())) return no_memory();
    out.why = "the list of factors in the hyper-parameters (longrope)";
    return out.known = true, status();
}

/// `rotary`: rows of a head that turn. Errors: out_of_memory.
inline status factors_of(role r, const hparams& h, std::uint64_t rotary,
                         made_factors& out) noexcept {
    if (r == role::rope_freqs && h.rope_scaling == hparams::scaling::llama3)
        return llama3_factors(h, rotary, out);
    if (h.rope_scaling != hparams::scaling::longrope) return {};
    // GGUF's own keys have no lists: there they are tensors, or nothing.
    if (h.source == hparams_source::gguf) return {};
    if (r == role::rope_factors_long) return longrope_factors(h.long_factors(), rotary, out);
    if (r == role::rope_factors_short) return longrope_factors(h.short_factors(), rotary, out);
    return {};
}

inline bool is_factors(role r) noexcept {
    return r == role::rope_freqs || r == role::rope_factors_long || r == role::rope_factors_short;
}

}  // namespace detail
AKA_END

#endif  // AKA_ROPE_FACTORS_HPP
