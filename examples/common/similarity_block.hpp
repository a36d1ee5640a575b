// The sums over one block of numbers that a similarity is made of, in eight lanes: as vectors where
// the compiler has them, twice as wide where the machine does. The lanes are the same everywhere
// and nothing is contracted, so that every path gives the same bits.
#ifndef AKA_CLI_SIMILARITY_BLOCK_HPP
#define AKA_CLI_SIMILARITY_BLOCK_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rounding.hpp"

#if defined(__GNUC__)
#define AKA_CLI_INLINE inline __attribute__((always_inline))
#else
#define AKA_CLI_INLINE inline
#endif
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__)) && !defined(AKA_NO_DISPATCH)
#define AKA_CLI_AVX2 __attribute__((target("avx2")))
#endif

namespace cli {
namespace detail {

struct block_sums {
    double aa = 0, bb = 0, dd = 0;   // squares
    double a1 = 0, d1 = 0;           // absolute values
    float worst = 0;                 // the greatest |a - b| / max(|a|, |b|)
    float error = 0, magnitude = 0;  // the greatest |a - b| and max(|a|, |b|)
    std::uint64_t differ = 0;        // farther apart than the rounding allows
};

inline float above_zero(float v) { return v < 0 ? -v : v; }

// Whether |x - y| is more than `step` times the power of two below the lesser, and than `least`: a
// number is never rounded past a power of two, so that both have their exponent's steps between
// them, or the lesser's.
inline bool is_apart(float x, float y, float step, float least) {
    const float ax = above_zero(x), ay = above_zero(y), m = ax < ay ? ax : ay;
    std::uint32_t bits = 0;
    std::memcpy(&bits, &m, 4);
    bits &= 0x7f800000u;
    float power = 0;
    std::memcpy(&power, &bits, 4);
    const float d = above_zero(x - y);
    return d > power * step && d > least;
}

#if defined(__GNUC__)

template <int N>
struct lanes_of;
template <>
struct lanes_of<4> {
    typedef float floats __attribute__((vector_size(16)));
    typedef std::int32_t ints __attribute__((vector_size(16)));
    typedef double doubles __attribute__((vector_size(16)));
    typedef float half __attribute__((vector_size(8)));
};
template <>
struct lanes_of<8> {
    typedef float floats __attribute__((vector_size(32)));
    typedef std::int32_t ints __attribute__((vector_size(32)));
    typedef double doubles __attribute__((vector_size(32)));
    typedef float half __attribute__((vector_size(16)));
};

// Macros, since vectors that are passed to functions change the calling convention.
#define AKA_CLI_SELECT(condition, x, y) \
    (floats)(((condition) & (ints)(x)) | (~(condition) & (ints)(y)))

template <int N, bool Blocks>
AKA_CLI_INLINE void sum_lanes(const std::byte* a, const std::byte* b, std::size_t n,
                              const rounding& r, block_sums& out) {
    using floats = typename lanes_of<N>::floats;
    using ints = typename lanes_of<N>::ints;
    using doubles = typename lanes_of<N>::doubles;
    using half = typename lanes_of<N>::half;
    constexpr int vectors = 8 / N;
    doubles aa[2 * vectors]{}, bb[2 * vectors]{}, dd[2 * vectors]{};
    floats a1[vectors]{}, d1[vectors]{}, worst[vectors]{}, error[vectors]{}, magnitude[vectors]{};
    ints differ[vectors]{};
    const ints no_sign = ints{} + 0x7fffffff, exponent = ints{} + 0x7f800000;
    const floats step = floats{} + r.step, least = floats{} + r.least;
    for (std::size_t i = 0; i < n; i += 8) {
#pragma GCC unroll 2
        for (int k = 0; k < vectors; ++k) {
            floats x, y;
            std::memcpy(&x, a + 4 * (i + static_cast<std::size_t>(k * N)), sizeof x);
            std::memcpy(&y, b + 4 * (i + static_cast<std::size_t>(k * N)), sizeof y);
            const floats ax = (floats)((ints)x & no_sign), ay = (floats)((ints)y & no_sign);
            const floats d = (floats)((ints)(x - y) & no_sign);
            const ints greater = (ints)ax > (ints)ay;  // as numbers that are not negative
            const floats m = AKA_CLI_SELECT(greater, ax, ay);
            a1[k] += ax;
            d1[k] += d;
            if constexpr (Blocks) {
                const ints e = (ints)d > (ints)error[k], g = (ints)m > (ints)magnitude[k];
                error[k] = AKA_CLI_SELECT(e, d, error[k]);
                magnitude[k] = AKA_CLI_SELECT(g, m, magnitude[k]);
            } else {
                const floats ratio = d / m;  // of two zeros NaN, which is not greater
                const ints w = ratio > worst[k];
                worst[k] = AKA_CLI_SELECT(w, ratio, worst[k]);
                const floats lesser = AKA_CLI_SELECT(greater, ay, ax);
                const floats power = (floats)((ints)lesser & exponent);
                differ[k] -= (d > power * step) & (d > least);
            }
            half p[2], q[2];
            std::memcpy(p, &x, sizeof x);
            std::memcpy(q, &y, sizeof y);
#pragma GCC unroll 2
            for (int h = 0; h < 2; ++h) {
                const doubles u = __builtin_convertvector(p[h], doubles);
                const doubles v = __builtin_convertvector(q[h], doubles);
                const doubles w = u - v;
                aa[2 * k + h] += u * u;
                bb[2 * k + h] += v * v;
                dd[2 * k + h] += w * w;
            }
        }
    }
    double sums[3][8];
    std::memcpy(sums[0], aa, sizeof aa);
    std::memcpy(sums[1], bb, sizeof bb);
    std::memcpy(sums[2], dd, sizeof dd);
    float more[5][8];
    std::memcpy(more[0], a1, sizeof a1);
    std::memcpy(more[1], d1, sizeof d1);
    std::memcpy(more[2], worst, sizeof worst);
    std::memcpy(more[3], error, sizeof error);
    std::memcpy(more[4], magnitude, sizeof magnitude);
    std::uint32_t count[8];
    std::memcpy(count, differ, sizeof differ);
    for (int k = 0; k < 8; ++k) {
        out.aa += sums[0][k];
        out.bb += sums[1][k];
        out.dd += sums[2][k];
        out.a1 += static_cast<double>(more[0][k]);
        out.d1 += static_cast<double>(more[1][k]);
        if (more[2][k] > out.worst) out.worst = more[2][k];
        if (more[3][k] > out.error) out.error = more[3][k];
        if (more[4][k] > out.magnitude) out.magnitude = more[4][k];
        out.differ += count[k];
    }
}
#undef AKA_CLI_SELECT

#else

template <int, bool Blocks>
void sum_lanes(const std::byte* a, const std::byte* b, std::size_t n, const rounding& r,
               block_sums& out) {
    double aa[8] = {}, bb[8] = {}, dd[8] = {};
    float a1[8] = {}, d1[8] = {};
    for (std::size_t i = 0; i < n; ++i) {
        float x = 0, y = 0;
        std::memcpy(&x, a + 4 * i, 4);
        std::memcpy(&y, b + 4 * i, 4);
        const float d = above_zero(x - y), ax = above_zero(x), ay = above_zero(y);
        const float m = ax > ay ? ax : ay;
        const double u = static_cast<double>(x), v = static_cast<double>(y), w = u - v;
        aa[i % 8] += u * u;
        bb[i % 8] += v * v;
        dd[i % 8] += w * w;
        a1[i % 8] += ax;
        d1[i % 8] += d;
        if (Blocks) {
            if (d > out.error) out.error = d;
            if (m > out.magnitude) out.magnitude = m;
        } else {
            const float ratio = m == 0 ? 0 : d / m;
            if (ratio > out.worst) out.worst = ratio;
            out.differ += is_apart(x, y, r.step, r.least);
        }
    }
    for (int k = 0; k < 8; ++k) {
        out.aa += aa[k];
        out.bb += bb[k];
        out.dd += dd[k];
        out.a1 += static_cast<double>(a1[k]);
        out.d1 += static_cast<double>(d1[k]);
    }
}

#endif

inline void sum_block_portable(const std::byte* a, const std::byte* b, std::size_t n,
                               const rounding& r, block_sums& out) {
    r.blocks ? sum_lanes<4, true>(a, b, n, r, out) : sum_lanes<4, false>(a, b, n, r, out);
}

#if defined(AKA_CLI_AVX2)
AKA_CLI_AVX2 inline void sum_block_avx2(const std::byte* a, const std::byte* b, std::size_t n,
                                        const rounding& r, block_sums& out) {
    r.blocks ? sum_lanes<8, true>(a, b, n, r, out) : sum_lanes<8, false>(a, b, n, r, out);
}
#endif

// `n` float32, a multiple of eight.
inline void sum_block(const std::byte* a, const std::byte* b, std::size_t n, const rounding& r,
                      block_sums& out) {
#if defined(AKA_CLI_AVX2)
    static const bool wide = __builtin_cpu_supports("avx2") != 0;
    if (wide) return sum_block_avx2(a, b, n, r, out);
#endif
    sum_block_portable(a, b, n, r, out);
}

}  // namespace detail
}  // namespace cli

#endif  // AKA_CLI_SIMILARITY_BLOCK_HPP
