// aka: the blocks of ggml's quantised types as float32, in plain C++: the portable path, and what
// the vector paths are compared with.
//
// One function a type; `b` is the block, `y` its elements. All arithmetic is binary32, one rounding
// an operator, in ggml's order, so that the bits are ggml's.
#ifndef AKA_DEQUANTIZE_BLOCKS_HPP
#define AKA_DEQUANTIZE_BLOCKS_HPP

#include <cstdint>

#include "bytes.hpp"
#include "convert.hpp"
#include "dequantize_grids.hpp"

AKA_BEGIN
namespace detail {

/// A product that is to be rounded before something is added: compilers that may contract
/// expressions must not make a fused multiply-add of it, which would round once.
AKA_INLINE float rounded(float product) noexcept {
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    __asm__("" : "+x"(product));
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
    __asm__("" : "+w"(product));
#elif defined(__GNUC__) || defined(__clang__)
    __asm__("" : "+m"(product));
#endif
    return product;
}

namespace blocks {

AKA_INLINE unsigned u8(const std::byte* b, std::size_t at) noexcept {
    return static_cast<unsigned>(b[at]);
}
AKA_INLINE unsigned u16(const std::byte* b, std::size_t at) noexcept {
    return load_le<std::uint16_t>(b + at);
}
AKA_INLINE std::uint32_t u32(const std::byte* b, std::size_t at) noexcept {
    return load_le<std::uint32_t>(b + at);
}
AKA_INLINE float i8(const std::byte* b, std::size_t at) noexcept {
    return static_cast<float>(static_cast<std::int8_t>(b[at]));
}
AKA_INLINE float half(const std::byte* b, std::size_t at) noexcept {
    return f16_to_f32(load_le<std::uint16_t>(b + at));
}
AKA_INLINE float number(unsigned q) noexcept { return static_cast<float>(static_cast<int>(q)); }
AKA_INLINE float number(unsigned q, int less) noexcept {
    return static_cast<float>(static_cast<int>(q) - less);
}

// ---- 32 elements and a scale -------------------------------------------------------------------

// Low nibbles are the first half of the block, high ones the second.
inline void q4_0(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned j = 0; j < 16; ++j) {
        y[j] = number(u8(b, 2 + j) & 15, 8) * d;
        y[j + 16] = number(u8(b, 2 + j) >> 4, 8) * d;
    }
}
inline void q4_1(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0), m = half(b, 2);
    for (unsigned j = 0; j < 16; ++j) {
        y[j] = rounded(number(u8(b, 4 + j) & 15) * d) + m;
        y[j + 16] = rounded(number(u8(b, 4 + j) >> 4) * d) + m;
    }
}
inline void q5_0(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    const std::uint32_t high = u32(b, 2);
    for (unsigned j = 0; j < 16; ++j) {
        y[j] = number((u8(b, 6 + j) & 15) | (high >> j & 1) << 4, 16) * d;
        y[j + 16] = number(u8(b, 6 + j) >> 4 | (high >> (j + 16) & 1) << 4, 16) * d;
    }
}
inline void q5_1(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0), m = half(b, 2);
    const std::uint32_t high = u32(b, 4);
    for (unsigned j = 0; j < 16; ++j) {
        y[j] = rounded(number((u8(b, 8 + j) & 15) | (high >> j & 1) << 4) * d) + m;
        y[j + 16] = rounded(number(u8(b, 8 + j) >> 4 | (high >> (j + 16) & 1) << 4) * d) + m;
    }
}
inline void q8_0(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned i = 0; i < 32; ++i) y[i] = i8(b, 2 + i) * d;
}
// Bytes 2 and 3 are d times the sum of the elements: redundant.
inline void q8_1(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned i = 0; i < 32; ++i) y[i] = i8(b, 4 + i) * d;
}
inline void q1_0(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned i = 0; i < 128; ++i) y[i] = (u8(b, 2 + i / 8) >> (i % 8) & 1) != 0 ? d : -d;
}
inline void q2_0(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned i = 0; i < 64; ++i) y[i] = number(u8(b, 2 + i / 4) >> (2 * (i % 4)) & 3, 1) * d;
}

// ---- four-bit floating point -------------------------------------------------------------------

// Half the scale, since the table holds doubled values. 255 is not NaN to ggml's decoder.
AKA_INLINE float mxfp4_scale(unsigned e) noexcept {
    return float_of(e < 2 ? 0x00200000u << e : static_cast<std::uint32_t>(e - 1) << 23);
}
inline void mxfp4(const std::byte* b, float* y) noexcept {
    const float d = mxfp4_scale(u8(b, 0));
    for (unsigned j = 0; j < 16; ++j) {
        y[j] = static_cast<float>(fp4_doubled[u8(b, 1 + j) & 15]) * d;
        y[j + 16] = static_cast<float>(fp4_doubled[u8(b, 1 + j) >> 4]) * d;
    }
}
// An unsigned E4M3 (bit 7 does not count, the NaN code is zero), halved likewise.
constexpr std::uint32_t nvfp4_scale_bits(unsigned c) noexcept {
    return (c & 127) == 0 || c == 0x7f
               ? 0
               : small_to_f32({4, 3, 8, specials::none}, c & 127);  // a bias of 8 halves
}
struct nvfp4_scale_table {
    std::uint32_t of[256];
};
constexpr nvfp4_scale_table make_nvfp4_scales() noexcept {
    nvfp4_scale_table t{};
    for (unsigned c = 0; c < 256; ++c) t.of[c] = nvfp4_scale_bits(c);
    return t;
}
inline constexpr nvfp4_scale_table nvfp4_scales = make_nvfp4_scales();
inline void nvfp4(const std::byte* b, float* y) noexcept {
    for (unsigned s = 0; s < 4; ++s) {
        const float d = float_of(nvfp4_scales.of[u8(b, s)]);
        for (unsigned j = 0; j < 8; ++j) {
            const unsigned q = u8(b, 4 + 8 * s + j);
            y[16 * s + j] = static_cast<float>(fp4_doubled[q & 15]) * d;
            y[16 * s + j + 8] = static_cast<float>(fp4_doubled[q >> 4]) * d;
        }
    }
}

// ---- K-quants: 256 elements, scales of sub-blocks that are quantised themselves ----------------

inline void q2_k(const std::byte* b, float* y) noexcept {
    const float d = half(b, 80), dmin = half(b, 82);
    for (unsigned k = 0; k < 16; ++k) {
        const float dl = d * number(u8(b, k) & 15), ml = dmin * number(u8(b, k) >> 4);
        const unsigned at = 16 + 32 * (k / 8) + 16 * (k % 2), shift = 2 * (k % 8 / 2);
        for (unsigned l = 0; l < 16; ++l)
            y[16 * k + l] = rounded(dl * number(u8(b, at + l) >> shift & 3)) - ml;
    }
}
// Six bits and a bias of 32: low nibbles, then pairs of high bits.
AKA_INLINE int q3_k_scale(const std::byte* s, unsigned k) noexcept {
    const unsigned low = k < 8 ? u8(s, k) & 15 : u8(s, k - 8) >> 4;
    return static_cast<int>(low | (u8(s, 8 + k % 4) >> (2 * (k / 4)) & 3) << 4) - 32;
}
inline void q3_k(const std::byte* b, float* y) noexcept {
    const float d = half(b, 108);
    for (unsigned k = 0; k < 16; ++k) {
        const float dl = d * static_cast<float>(q3_k_scale(b + 96, k));
        const unsigned n = k / 8, p = k % 8 / 2, first = 16 * (k % 2);
        for (unsigned l = first; l < first + 16; ++l) {
            const unsigned high = u8(b, l) >> (4 * n + p) & 1;
            y[128 * n + 32 * p + l] =
                dl * number((u8(b, 32 + 32 * n + l) >> (2 * p) & 3) | high << 2, 4);
        }
    }
}
// Q4_K, Q5_K: eight scales and eight minima of six bits in twelve bytes.
AKA_INLINE void six_bit_pair(const std::byte* s, unsigned k, unsigned& scale,
                             unsigned& least) noexcept {
    scale = k < 4 ? u8(s, k) & 63 : (u8(s, k + 4) & 15) | u8(s, k - 4) >> 6 << 4;
    least = k < 4 ? u8(s, k + 4) & 63 : u8(s, k + 4) >> 4 | u8(s, k) >> 6 << 4;
}
inline void q4_k(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0), dmin = half(b, 2);
    for (unsigned k = 0; k < 8; ++k) {
        unsigned scale = 0, least = 0;
        six_bit_pair(b + 4, k, scale, least);
        const float dl = d * number(scale), ml = dmin * number(least);
        const unsigned at = 16 + 32 * (k / 2), shift = 4 * (k % 2);
        for (unsigned l = 0; l < 32; ++l)
            y[32 * k + l] = rounded(dl * number(u8(b, at + l) >> shift & 15)) - ml;
    }
}
inline void q5_k(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0), dmin = half(b, 2);
    for (unsigned k = 0; k < 8; ++k) {
        unsigned scale = 0, least = 0;
        six_bit_pair(b + 4, k, scale, least);
        const float dl = d * number(scale), ml = dmin * number(least);
        const unsigned at = 48 + 32 * (k / 2), shift = 4 * (k % 2);
        for (unsigned l = 0; l < 32; ++l) {
            const unsigned high = u8(b, 16 + l) >> k & 1;
            y[32 * k + l] = rounded(dl * number((u8(b, at + l) >> shift & 15) | high << 4)) - ml;
        }
    }
}
inline void q6_k(const std::byte* b, float* y) noexcept {
    const float d = half(b, 208);
    for (unsigned k = 0; k < 16; ++k) {
        const float dl = d * i8(b, 192 + k);
        const unsigned n = k / 8, p = k % 8 / 2, first = 16 * (k % 2);
        for (unsigned l = first; l < first + 16; ++l) {
            const unsigned low = u8(b, 64 * n + 32 * (p % 2) + l) >> (p < 2 ? 0 : 4) & 15;
            const unsigned high = u8(b, 128 + 32 * n + l) >> (2 * p) & 3;
            y[128 * n + 32 * p + l] = dl * number(low | high << 4, 32);
        }
    }
}
// Bytes 260 to 291 are sums of 16 elements: redundant.
inline void q8_k(const std::byte* b, float* y) noexcept {
    const float d = load_le<float>(b);
    for (unsigned i = 0; i < 256; ++i) y[i] = d * i8(b, 4 + i);
}

// ---- codebooks ---------------------------------------------------------------------------------

inline constexpr float iq2_digits[4] = {8, 25, 43, 0};
inline constexpr float iq3xxs_digits[8] = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr float iq3s_digits[8] = {1, 3, 5, 7, 9, 11, 13, 15};

/// Eight elements: digits of a row of a grid, times `db`, with the signs of a mask.
AKA_INLINE void octet(float* y, float db, unsigned row, unsigned signs) noexcept {
    for (unsigned j = 0; j < 8; ++j) {
        const float v = db * iq2_digits[row >> (2 * j) & 3];
        y[j] = (signs >> j & 1) != 0 ? -v : v;
    }
}
/// The same from two rows of four digits of three bits.
AKA_INLINE void octet(float* y, float db, const float* digits, unsigned row, unsigned next,
                      unsigned signs) noexcept {
    const unsigned both = row | next << 12;
    for (unsigned j = 0; j < 8; ++j) {
        const float v = db * digits[both >> (3 * j) & 7];
        y[j] = (signs >> j & 1) != 0 ? -v : v;
    }
}
inline void iq2_xxs(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned s = 0; s < 8; ++s) {
        const std::uint32_t a = u32(b, 2 + 8 * s + 4);
        const float db = d * (0.5f + number(a >> 28)) * 0.25f;
        for (unsigned g = 0; g < 4; ++g)
            octet(y + 32 * s + 8 * g, db, iq2xxs_grid.row[u8(b, 2 + 8 * s + g)],
                  even_signs.of[a >> (7 * g) & 127]);
    }
}
AKA_INLINE float iq2_scale(float d, const std::byte* scales, unsigned s, unsigned g) noexcept {
    return d * (0.5f + number(u8(scales, s) >> (g < 2 ? 0 : 4) & 15)) * 0.25f;
}
inline void iq2_xs(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned s = 0; s < 8; ++s) {
        for (unsigned g = 0; g < 4; ++g) {
            const unsigned q = u16(b, 2 + 2 * (4 * s + g));
            octet(y + 32 * s + 8 * g, iq2_scale(d, b + 66, s, g), iq2xs_grid.row[q & 511],
                  even_signs.of[q >> 9]);
        }
    }
}
inline void iq2_s(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned s = 0; s < 8; ++s) {
        for (unsigned g = 0; g < 4; ++g) {
            const unsigned row = u8(b, 2 + 4 * s + g) | (u8(b, 66 + s) >> (2 * g) & 3) << 8;
            octet(y + 32 * s + 8 * g, iq2_scale(d, b + 74, s, g), iq2s_grid.row[row],
                  u8(b, 34 + 4 * s + g));
        }
    }
}
inline void iq3_xxs(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned s = 0; s < 8; ++s) {
        const std::uint32_t a = u32(b, 66 + 4 * s);
        const float db = d * (0.5f + number(a >> 28)) * 0.5f;
        for (unsigned g = 0; g < 4; ++g)
            octet(y + 32 * s + 8 * g, db, iq3xxs_digits, iq3xxs_grid.row[u8(b, 2 + 8 * s + 2 * g)],
                  iq3xxs_grid.row[u8(b, 3 + 8 * s + 2 * g)], even_signs.of[a >> (7 * g) & 127]);
    }
}
inline void iq3_s(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned s = 0; s < 8; ++s) {
        const float db = d * number(1 + 2 * (u8(b, 106 + s / 2) >> (4 * (s % 2)) & 15));
        const unsigned high = u8(b, 66 + s);
        for (unsigned g = 0; g < 4; ++g) {
            const unsigned row = u8(b, 2 + 8 * s + 2 * g) | (high >> (2 * g) & 1) << 8;
            const unsigned next = u8(b, 3 + 8 * s + 2 * g) | (high >> (2 * g + 1) & 1) << 8;
            octet(y + 32 * s + 8 * g, db, iq3s_digits, iq3s_grid.row[row], iq3s_grid.row[next],
                  u8(b, 74 + 4 * s + g));
        }
    }
}
AKA_INLINE void ternary_octet(float* y, float dl, unsigned row, float delta) noexcept {
    for (unsigned j = 0; j < 8; ++j) y[j] = dl * (number(row >> (2 * j) & 3, 1) + delta);
}
inline void iq1_s(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned s = 0; s < 8; ++s) {
        const unsigned h = u16(b, 34 + 2 * s);
        const float dl = d * number(2 * (h >> 12 & 7) + 1);
        for (unsigned g = 0; g < 4; ++g) {
            const unsigned row = u8(b, 2 + 4 * s + g) | (h >> (3 * g) & 7) << 8;
            ternary_octet(y + 32 * s + 8 * g, dl, iq1s_grid.row[row],
                          (h & 0x8000) != 0 ? -0.125f : 0.125f);
        }
    }
}
/// The scale of an IQ1_M block is scattered over the upper nibbles of its four last words.
AKA_INLINE std::uint16_t iq1_m_scale(const std::byte* b) noexcept {
    return static_cast<std::uint16_t>(u16(b, 48) >> 12 | u16(b, 50) >> 12 << 4 |
                                      u16(b, 52) >> 12 << 8 | u16(b, 54) >> 12 << 12);
}
inline void iq1_m(const std::byte* b, float* y) noexcept {
    const float d = f16_to_f32(iq1_m_scale(b));
    for (unsigned s = 0; s < 8; ++s) {
        const unsigned scales = u16(b, 48 + s / 2 * 2) >> (6 * (s % 2));
        for (unsigned g = 0; g < 4; ++g) {
            const unsigned t = u8(b, 32 + 2 * s + g / 2) >> (4 * (g % 2)) & 15;
            const float dl = d * number(2 * (scales >> (3 * (g / 2)) & 7) + 1);
            ternary_octet(y + 32 * s + 8 * g, dl, iq1s_grid.row[u8(b, 4 * s + g) | (t & 7) << 8],
                          (t & 8) != 0 ? -0.125f : 0.125f);
        }
    }
}
inline void iq4_nl(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned j = 0; j < 16; ++j) {
        y[j] = d * static_cast<float>(iq4nl_values[u8(b, 2 + j) & 15]);
        y[j + 16] = d * static_cast<float>(iq4nl_values[u8(b, 2 + j) >> 4]);
    }
}
AKA_INLINE float iq4_xs_scale(const std::byte* b, unsigned s) noexcept {
    const unsigned low = u8(b, 4 + s / 2) >> (4 * (s % 2)) & 15, high = u16(b, 2) >> (2 * s) & 3;
    return number(low | high << 4, 32);
}
inline void iq4_xs(const std::byte* b, float* y) noexcept {
    const float d = half(b, 0);
    for (unsigned s = 0; s < 8; ++s) {
        const float dl = d * iq4_xs_scale(b, s);
        for (unsigned j = 0; j < 16; ++j) {
            const unsigned q = u8(b, 8 + 16 * s + j);
            y[32 * s + j] = dl * static_cast<float>(iq4nl_values[q & 15]);
            y[32 * s + j + 16] = dl * static_cast<float>(iq4nl_values[q >> 4]);
        }
    }
}

// ---- ternary -----------------------------------------------------------------------------------

// Five trits a byte (four in the last four bytes) as a fraction of 256: times three, the next trit
// stands above the byte.
inline void tq1_0(const std::byte* b, float* y) noexcept {
    const float d = half(b, 52);
    constexpr struct { unsigned at, bytes, trits; } runs[] = {{0, 32, 5}, {32, 16, 5}, {48, 4, 4}};
    for (const auto& run : runs) {
        for (unsigned n = 0, power = 1; n < run.trits; ++n, power *= 3)
            for (unsigned j = 0; j < run.bytes; ++j)
                *y++ = number((u8(b, run.at + j) * power & 255) * 3 >> 8, 1) * d;
    }
}
inline void tq2_0(const std::byte* b, float* y) noexcept {
    const float d = half(b, 64);
    for (unsigned i = 0; i < 256; ++i)
        y[i] = number(u8(b, 32 * (i / 128) + i % 32) >> (2 * (i % 128 / 32)) & 3, 1) * d;
}

}  // namespace blocks

/// Decodes `n` blocks that lie one behind the other.
using block_decoder = void (*)(const std::byte* in, float* out, std::size_t n);

template <aka::dtype T, void (*Block)(const std::byte*, float*)>
void decode_blocks(const std::byte* in, float* out, std::size_t n) noexcept {
    constexpr dtype_info type = info(T);
    for (std::size_t i = 0; i < n; ++i)
        Block(in + i * type.block_bytes, out + i * type.block_elements);
}

struct block_type {
    aka::dtype dtype;
    block_decoder decode;
};
template <aka::dtype T, void (*Block)(const std::byte*, float*)>
constexpr block_type block_row() noexcept {
    return {T, decode_blocks<T, Block>};
}
inline constexpr block_type block_types[] = {
    block_row<dtype::q4_0, blocks::q4_0>(),       block_row<dtype::q4_1, blocks::q4_1>(),
    block_row<dtype::q5_0, blocks::q5_0>(),       block_row<dtype::q5_1, blocks::q5_1>(),
    block_row<dtype::q8_0, blocks::q8_0>(),       block_row<dtype::q8_1, blocks::q8_1>(),
    block_row<dtype::q2_k, blocks::q2_k>(),       block_row<dtype::q3_k, blocks::q3_k>(),
    block_row<dtype::q4_k, blocks::q4_k>(),       block_row<dtype::q5_k, blocks::q5_k>(),
    block_row<dtype::q6_k, blocks::q6_k>(),       block_row<dtype::q8_k, blocks::q8_k>(),
    block_row<dtype::iq2_xxs, blocks::iq2_xxs>(), block_row<dtype::iq2_xs, blocks::iq2_xs>(),
    block_row<dtype::iq3_xxs, blocks::iq3_xxs>(), block_row<dtype::iq1_s, blocks::iq1_s>(),
    block_row<dtype::iq4_nl, blocks::iq4_nl>(),   block_row<dtype::iq3_s, blocks::iq3_s>(),
    block_row<dtype::iq2_s, blocks::iq2_s>(),     block_row<dtype::iq4_xs, blocks::iq4_xs>(),
    block_row<dtype::iq1_m, blocks::iq1_m>(),     block_row<dtype::tq1_0, blocks::tq1_0>(),
    block_row<dtype::tq2_0, blocks::tq2_0>(),     block_row<dtype::mxfp4, blocks::mxfp4>(),
    block_row<dtype::nvfp4, blocks::nvfp4>(),     block_row<dtype::q1_0, blocks::q1_0>(),
    block_row<dtype::q2_0, blocks::q2_0>(),
};

/// One decoder for each dtype: `n` counts blocks, which are elements for most plain types.
struct decoder_table {
    block_decoder of[dtype_count];
};

/// The plain types, counted in blocks.
template <std::size_t Type>
void decode_plain(const std::byte* in, float* out, std::size_t n) noexcept {
    plain_types[Type].decode(in, out, n * info(plain_types[Type].dtype).block_elements);
}
template <std::size_t Type = 0>
constexpr void add_plain_decoders(decoder_table& t) noexcept {
    if constexpr (Type < sizeof(plain_types) / sizeof(plain_types[0])) {
        t.of[static_cast<std::size_t>(plain_types[Type].dtype)] = decode_plain<Type>;
        add_plain_decoders<Type + 1>(t);
    }
}
constexpr decoder_table make_portable_decoders() noexcept {
    decoder_table t{};
    add_plain_decoders(t);
    for (const block_type& b : block_types) t.of[static_cast<std::size_t>(b.dtype)] = b.decode;
    return t;
}
inline constexpr decoder_table portable_decoders = make_portable_decoders();

constexpr bool every_dtype_has_a_decoder() noexcept {
    for (std::size_t i = 1; i < dtype_count; ++i) {
        bool found = false;
        for (const plain_type& p : plain_types) found |= p.dtype == static_cast<aka::dtype>(i);
        for (const block_type& b : block_types) found |= b.dtype == static_cast<aka::dtype>(i);
        if (!found) return false;
    }
    return true;
}
static_assert(every_dtype_has_a_decoder(), "a dtype without a decoder");

}  // namespace detail
AKA_END

#endif  // AKA_DEQUANTIZE_BLOCKS_HPP
