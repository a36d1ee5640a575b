// The sums over one block of numbers that a similarity is made of, in eight lanes: as vectors where
// the compiler has them, twice as wide where the machine does. The lanes are the same everywhere
// and nothing is contracted, so that every path gives the same bits.
//
// Squares are float32, added by eight, and the rest is double: each sum of squares is right to one
// part in two millions at least. Where float32 has no such squares there is `add_exactly`.
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
    float error = 0, magnitude = 0;  // the greatest |a - b| and max(|a|, |b|)
    float worst = 0;                 // given: the greatest |a - b| / max(|a|, |b|) so far
    bool worse = false;              // whether some are greater here
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

template <int N, bool Blocks>
AKA_CLI_INLINE void sum_lanes(const std::byte* a, const std::byte* b, std::size_t n,
                              const rounding& r, block_sums& out) {
    using floats = typename lanes_of<N>::floats;
    using ints = typename lanes_of<N>::ints;
    using doubles = typename lanes_of<N>::doubles;
    using half = typename lanes_of<N>::half;
    constexpr int vectors = 8 / N;
    doubles sum[3][2 * vectors]{};
    floats a1[vectors]{}, d1[vectors]{};
    ints error[vectors]{}, magnitude[vectors]{}, differ[vectors]{}, worse[vectors]{};
    const ints no_sign = ints{} + 0x7fffffff, exponent = ints{} + 0x7f800000;
    const floats step = floats{} + r.step, worst = floats{} + out.worst;
    const ints least = (ints)(floats{} + r.least);
    for (std::size_t i = 0; i < n; i += 64) {
        const std::size_t end = n - i < 64 ? n - i : 64;
#pragma GCC unroll 2
        for (int k = 0; k < vectors; ++k) {
            floats aa{}, bb{}, dd{};
            for (std::size_t j = 0; j < end; j += 8) {
                const std::size_t at = 4 * (i + j + static_cast<std::size_t>(k * N));
                floats x, y;
                std::memcpy(&x, a + at, sizeof x);
                std::memcpy(&y, b + at, sizeof y);
                const floats w = x - y;
                aa += x * x;
                bb += y * y;
                dd += w * w;
                // Numbers that are not negative are in the order of their bits.
                const ints ax = (ints)x & no_sign, ay = (ints)y & no_sign, d = (ints)w & no_sign;
                const ints greater = ax > ay ? ax : ay, lesser = ax < ay ? ax : ay;
                a1[k] += (floats)ax;
                d1[k] += (floats)d;
                if constexpr (Blocks) {
                    error[k] = d > error[k] ? d : error[k];
                    magnitude[k] = greater > magnitude[k] ? greater : magnitude[k];
                } else {
                    worse[k] |= (floats)d > (floats)greater * worst;
                    const ints part = (ints)((floats)(lesser & exponent) * step);
                    const ints allowed = part > least ? part : least;
                    differ[k] -= d > allowed;
                }
            }
            const floats* squares[3] = {&aa, &bb, &dd};
#pragma GCC unroll 3
            for (int q = 0; q < 3; ++q) {
                half p[2];
                std::memcpy(p, squares[q], sizeof aa);
                sum[q][2 * k] += __builtin_convertvector(p[0], doubles);
                sum[q][2 * k + 1] += __builtin_convertvector(p[1], doubles);
            }
        }
    }
    double sums[3][8];
    std::memcpy(sums, sum, sizeof sums);
    float more[4][8];
    std::memcpy(more[0], a1, sizeof a1);
    std::memcpy(more[1], d1, sizeof d1);
    std::memcpy(more[2], error, sizeof error);
    std::memcpy(more[3], magnitude, sizeof magnitude);
    std::uint32_t count[2][8];
    std::memcpy(count[0], differ, sizeof differ);
    std::memcpy(count[1], worse, sizeof worse);
    std::uint32_t any = 0;
    block_sums total = out;
    for (int k = 0; k < 8; ++k) {
        total.aa += sums[0][k];
        total.bb += sums[1][k];
        total.dd += sums[2][k];
        total.a1 += static_cast<double>(more[0][k]);
        total.d1 += static_cast<double>(more[1][k]);
        if constexpr (Blocks) {
            if (more[2][k] > total.error) total.error = more[2][k];
            if (more[3][k] > total.magnitude) total.magnitude = more[3][k];
        } else {
            total.differ += count[0][k];
            any |= count[1][k];
        }
    }
    out = total;
    out.worse = any != 0;
}

#else

template <int, bool Blocks>
void sum_lanes(const std::byte* a, const std::byte* b, std::size_t n, const rounding& r,
               block_sums& out) {
    double sums[3][8] = {};
    float a1[8] = {}, d1[8] = {};
    for (std::size_t i = 0; i < n; i += 64) {
        for (std::size_t k = 0; k < 8; ++k) {
            float aa = 0, bb = 0, dd = 0;
            for (std::size_t j = i + k; j < n && j < i + 64; j += 8) {
                float x = 0, y = 0;
                std::memcpy(&x, a + 4 * j, 4);
                std::memcpy(&y, b + 4 * j, 4);
                const float w = x - y, d = above_zero(w);
                const float ax = above_zero(x), ay = above_zero(y), m = ax > ay ? ax : ay;
                aa += x * x;
                bb += y * y;
                dd += w * w;
                a1[k] += ax;
                d1[k] += d;
                if (Blocks) {
                    if (d > out.error) out.error = d;
                    if (m > out.magnitude) out.magnitude = m;
                } else {
                    out.worse = out.worse || d > m * out.worst;
                    out.differ += is_apart(x, y, r.step, r.least);
                }
            }
            sums[0][k] += static_cast<double>(aa);
            sums[1][k] += static_cast<double>(bb);
            sums[2][k] += static_cast<double>(dd);
        }
    }
    for (int k = 0; k < 8; ++k) {
        out.aa += sums[0][k];
        out.bb += sums[1][k];
        out.dd += sums[2][k];
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

// One pair of numbers whose squares float32 may not have.
inline void add_exactly(float x, float y, block_sums& out) {
    const double u = static_cast<double>(x), v = static_cast<double>(y), w = u - v;
    out.aa += u * u, out.bb += v * v, out.dd += w * w;
    out.a1 += u < 0 ? -u : u, out.d1 += w < 0 ? -w : w;
    const float d = above_zero(x - y), ax = above_zero(x), ay = above_zero(y);
    if (d > out.error) out.error = d;
    if (ax > out.magnitude) out.magnitude = ax;
    if (ay > out.magnitude) out.magnitude = ay;
}

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
