// aka: the decoders of dequantize_blocks.hpp with vectors of eight numbers, for many blocks at
// once. The same arithmetic in the same order, so the same bits.
//
// Two ideas make most types cheap. Where a sub-block has only four or eight different values, these
// are computed once, and elements pick theirs by a shuffle that looks at the low bits alone. And a
// row of a codebook, packed, is spread over the lanes by one shift, each by its own distance.
#ifndef AKA_DEQUANTIZE_VEC8_HPP
#define AKA_DEQUANTIZE_VEC8_HPP

#include <cstdint>

#include "dequantize_blocks.hpp"
#include "vec8.hpp"

#if AKA_VECTORS

AKA_BEGIN
namespace detail {
namespace vec8 {

using blocks::u16;
using blocks::u32;
using blocks::u8;

AKA_VECTOR_INLINE float half_at(const std::byte* p) noexcept {
    return half(load_native<std::uint16_t>(p));
}
AKA_VECTOR_INLINE floats8 scaled(uints8 q, floats8 d) noexcept { return to_floats(q) * d; }
AKA_VECTOR_INLINE floats8 less8(uints8 q, std::int32_t less, floats8 d) noexcept {
    return to_floats(reinterpret_cast<ints8>(q) - less) * d;
}
AKA_VECTOR_INLINE floats8 affine(uints8 q, floats8 d, floats8 m) noexcept {
    const floats8 product = rounded(to_floats(q) * d);
    return product + m;
}
AKA_VECTOR_INLINE floats8 affine_less(uints8 q, floats8 d, floats8 m) noexcept {
    const floats8 product = rounded(d * to_floats(q));
    return product - m;
}

// ---- 32 elements and a scale -------------------------------------------------------------------

AKA_VECTOR_FN inline void q4_0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 18, y += 32) {
        const floats8 d = splat(half_at(b));
        const uints8 p = widen_u8(b + 2), q = widen_u8(b + 10);
        store(y, less8(p & 15, 8, d));
        store(y + 8, less8(q & 15, 8, d));
        store(y + 16, less8(p >> 4, 8, d));
        store(y + 24, less8(q >> 4, 8, d));
    }
}
AKA_VECTOR_FN inline void q4_1(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 20, y += 32) {
        const floats8 d = splat(half_at(b)), m = splat(half_at(b + 2));
        const uints8 p = widen_u8(b + 4), q = widen_u8(b + 12);
        store(y, affine(p & 15, d, m));
        store(y + 8, affine(q & 15, d, m));
        store(y + 16, affine(p >> 4, d, m));
        store(y + 24, affine(q >> 4, d, m));
    }
}
/// The high bits of elements [first, first + 8) as 16 or 0.
AKA_VECTOR_INLINE uints8 fifth_bits(std::uint32_t high, std::uint32_t first) noexcept {
    return ((splat(high) >> (uints8{0, 1, 2, 3, 4, 5, 6, 7} + first)) & 1) << 4;
}
AKA_VECTOR_FN inline void q5_0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 22, y += 32) {
        const floats8 d = splat(half_at(b));
        const std::uint32_t high = u32(b, 2);
        const uints8 p = widen_u8(b + 6), q = widen_u8(b + 14);
        store(y, less8((p & 15) | fifth_bits(high, 0), 16, d));
        store(y + 8, less8((q & 15) | fifth_bits(high, 8), 16, d));
        store(y + 16, less8((p >> 4) | fifth_bits(high, 16), 16, d));
        store(y + 24, less8((q >> 4) | fifth_bits(high, 24), 16, d));
    }
}
AKA_VECTOR_FN inline void q5_1(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 24, y += 32) {
        const floats8 d = splat(half_at(b)), m = splat(half_at(b + 2));
        const std::uint32_t high = u32(b, 4);
        const uints8 p = widen_u8(b + 8), q = widen_u8(b + 16);
        store(y, affine((p & 15) | fifth_bits(high, 0), d, m));
        store(y + 8, affine((q & 15) | fifth_bits(high, 8), d, m));
        store(y + 16, affine((p >> 4) | fifth_bits(high, 16), d, m));
        store(y + 24, affine((q >> 4) | fifth_bits(high, 24), d, m));
    }
}
AKA_VECTOR_INLINE void signed32(const std::byte* b, float* y, floats8 d) noexcept {
    store(y, to_floats(widen_i8(b)) * d);
    store(y + 8, to_floats(widen_i8(b + 8)) * d);
    store(y + 16, to_floats(widen_i8(b + 16)) * d);
    store(y + 24, to_floats(widen_i8(b + 24)) * d);
}
AKA_VECTOR_FN inline void q8_0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 34, y += 32) signed32(b + 2, y, splat(half_at(b)));
}
AKA_VECTOR_FN inline void q8_1(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 36, y += 32) signed32(b + 4, y, splat(half_at(b)));
}
AKA_VECTOR_FN inline void q8_k(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 292, y += 256) {
        const floats8 d = splat(load_native<float>(b));
        for (unsigned i = 0; i < 256; i += 32) signed32(b + 4 + i, y + i, d);
    }
}

constexpr std::uint32_t sign_bit = 0x80000000u;
/// Bit j of a byte at the top of lane j; what is above the byte falls out.
AKA_VECTOR_INLINE uints8 bit_signs(std::uint32_t mask) noexcept {
    return (splat(mask) << uints8{31, 30, 29, 28, 27, 26, 25, 24}) & sign_bit;
}
AKA_VECTOR_FN inline void q1_0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 18, y += 128) {
        const floats8 d = splat(half_at(b));
        for (unsigned i = 0; i < 16; ++i) store(y + 8 * i, flip(d, bit_signs(~u8(b, 2 + i))));
    }
}
/// Sixteen bits as eight numbers of two, each in the low bits of its lane, with others above them.
AKA_VECTOR_INLINE uints8 pairs(std::uint32_t packed) noexcept {
    return splat(packed) >> uints8{0, 2, 4, 6, 8, 10, 12, 14};
}
AKA_VECTOR_INLINE floats8 less_one(floats8 d) noexcept {
    return floats8{-1, 0, 1, 2, -1, 0, 1, 2} * d;
}
AKA_VECTOR_FN inline void q2_0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 18, y += 64) {
        const floats8 values = less_one(splat(half_at(b)));
        for (unsigned i = 0; i < 8; ++i) store(y + 8 * i, pick4(values, pairs(u16(b, 2 + 2 * i))));
    }
}

// ---- sixteen values of a byte each -------------------------------------------------------------

AKA_VECTOR_INLINE void nibbles(const std::byte* b, float* y, bytes16 values, floats8 d) noexcept {
    const auto q = load<bytes16>(b);
    bytes16 picked[2] = {pick16(values, q & 15), pick16(values, q >> 4)};
    signed32(reinterpret_cast<const std::byte*>(picked), y, d);
}
AKA_VECTOR_FN inline void iq4_nl(const std::byte* b, float* y, std::size_t n) noexcept {
    const auto values = load<bytes16>(iq4nl_values);
    for (; n != 0; --n, b += 18, y += 32) nibbles(b + 2, y, values, splat(half_at(b)));
}
AKA_VECTOR_FN inline void iq4_xs(const std::byte* b, float* y, std::size_t n) noexcept {
    const auto values = load<bytes16>(iq4nl_values);
    for (; n != 0; --n, b += 136, y += 256) {
        const float d = half_at(b);
        for (unsigned s = 0; s < 8; ++s)
            nibbles(b + 8 + 16 * s, y + 32 * s, values, splat(d * blocks::iq4_xs_scale(b, s)));
    }
}
AKA_VECTOR_FN inline void mxfp4(const std::byte* b, float* y, std::size_t n) noexcept {
    const auto values = load<bytes16>(fp4_doubled);
    for (; n != 0; --n, b += 17, y += 32)
        nibbles(b + 1, y, values, splat(blocks::mxfp4_scale(u8(b, 0))));
}
AKA_VECTOR_INLINE void nvfp4_pair(const std::byte* b, float* y, bytes16 values,
                                  const std::byte* scales) noexcept {
    const auto q = load<bytes16>(b);
    bytes16 picked[2] = {pick16(values, q & 15), pick16(values, q >> 4)};
    const auto* low = reinterpret_cast<const std::byte*>(picked);
    const floats8 d = splat(float_of(blocks::nvfp4_scales.of[u8(scales, 0)]));
    const floats8 e = splat(float_of(blocks::nvfp4_scales.of[u8(scales, 1)]));
    store(y, to_floats(widen_i8(low)) * d);
    store(y + 8, to_floats(widen_i8(low + 16)) * d);
    store(y + 16, to_floats(widen_i8(low + 8)) * e);
    store(y + 24, to_floats(widen_i8(low + 24)) * e);
}
AKA_VECTOR_FN inline void nvfp4(const std::byte* b, float* y, std::size_t n) noexcept {
    const auto values = load<bytes16>(fp4_doubled);
    for (; n != 0; --n, b += 36, y += 64) {
        nvfp4_pair(b + 4, y, values, b);
        nvfp4_pair(b + 20, y + 32, values, b + 2);
    }
}

// ---- K-quants ----------------------------------------------------------------------------------

AKA_VECTOR_INLINE void q2_k_pair(uints8 q, uints8 r, float* y, floats8 d, floats8 m) noexcept {
    const floats8 product = rounded(floats8{0, 1, 2, 3, 0, 1, 2, 3} * d);
    const floats8 values = product - m;
    store(y, pick4(values, q));
    store(y + 8, pick4(values, r));
}
AKA_VECTOR_FN inline void q2_k(const std::byte* b, float* y, std::size_t n) noexcept {
    float dl[16], ml[16];
    for (; n != 0; --n, b += 84) {
        const floats8 d = splat(half_at(b + 80)), dmin = splat(half_at(b + 82));
        const uints8 s = widen_u8(b), t = widen_u8(b + 8);
        store(dl, scaled(s & 15, d));
        store(dl + 8, scaled(t & 15, d));
        store(ml, scaled(s >> 4, dmin));
        store(ml + 8, scaled(t >> 4, dmin));
        for (unsigned k = 0; k < 16; k += 8, y += 128) {
            const std::byte* at = b + 16 + 4 * k;
            for (unsigned side = 0; side < 2; ++side) {  // of each 32 elements
                const uints8 q = widen_u8(at + 16 * side), r = widen_u8(at + 16 * side + 8);
                const float *e = dl + k + side, *m = ml + k + side;
                float* to = y + 16 * side;
                q2_k_pair(q, r, to, splat(e[0]), splat(m[0]));
                q2_k_pair(q >> 2, r >> 2, to + 32, splat(e[2]), splat(m[2]));
                q2_k_pair(q >> 4, r >> 4, to + 64, splat(e[4]), splat(m[4]));
                q2_k_pair(q >> 6, r >> 6, to + 96, splat(e[6]), splat(m[6]));
            }
        }
    }
}

/// The low bits of two bits q and the third of h, which stands at bit 2.
AKA_VECTOR_INLINE void q3_k_pair(uints8 q, uints8 r, uints8 g, uints8 h, float* y,
                                 float d) noexcept {
    const floats8 values = floats8{-4, -3, -2, -1, 0, 1, 2, 3} * splat(d);
    store(y, pick8(values, (q & 3) | (g & 4)));
    store(y + 8, pick8(values, (r & 3) | (h & 4)));
}
AKA_VECTOR_FN inline void q3_k(const std::byte* b, float* y, std::size_t n) noexcept {
    float dl[16];
    for (; n != 0; --n, b += 110, y += 256) {
        const floats8 d = splat(half_at(b + 108));
        constexpr std::uint64_t low = 0x0f0f0f0f0f0f0f0f, three = 0x03030303;
        const auto s = load_native<std::uint64_t>(b + 96);
        const std::uint64_t t = u32(b, 104);
        const std::uint64_t scales[2] = {
            (s & low) | ((t & three) | (t >> 2 & three) << 32) << 4,
            (s >> 4 & low) | ((t >> 4 & three) | (t >> 6 & three) << 32) << 4};
        store(dl, less8(widen_u8(scales), 32, d));
        store(dl + 8, less8(widen_u8(scales + 1), 32, d));
        for (unsigned side = 0; side < 2; ++side) {
            uints8 g = widen_u8(b + 16 * side) << 2, h = widen_u8(b + 16 * side + 8) << 2;
            for (unsigned k = 0; k < 2; ++k, g >>= 4, h >>= 4) {
                const std::byte* at = b + 32 + 32 * k + 16 * side;
                const uints8 q = widen_u8(at), r = widen_u8(at + 8);
                const float* e = dl + 8 * k + side;
                float* to = y + 128 * k + 16 * side;
                q3_k_pair(q, r, g, h, to, e[0]);
                q3_k_pair(q >> 2, r >> 2, g >> 1, h >> 1, to + 32, e[2]);
                q3_k_pair(q >> 4, r >> 4, g >> 2, h >> 2, to + 64, e[4]);
                q3_k_pair(q >> 6, r >> 6, g >> 3, h >> 3, to + 96, e[6]);
            }
        }
    }
}

/// The eight scales and minima of Q4_K and Q5_K, as numbers.
AKA_VECTOR_INLINE void six_bit_pairs(const std::byte* b, float* dl, float* ml) noexcept {
    constexpr std::uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, high = 0x30303030;
    const std::uint32_t a = u32(b, 4), c = u32(b, 8), e = u32(b, 12);
    const std::uint32_t scales[2] = {a & six, (e & four) | (a >> 2 & high)};
    const std::uint32_t least[2] = {c & six, (e >> 4 & four) | (c >> 2 & high)};
    store(dl, scaled(widen_u8(scales), splat(half_at(b))));
    store(ml, scaled(widen_u8(least), splat(half_at(b + 2))));
}
AKA_VECTOR_FN inline void q4_k(const std::byte* b, float* y, std::size_t n) noexcept {
    float dl[8], ml[8];
    for (; n != 0; --n, b += 144, y += 256) {
        six_bit_pairs(b, dl, ml);
        for (unsigned k = 0; k < 8; k += 2) {
            const floats8 d = splat(dl[k]), m = splat(ml[k]);
            const floats8 e = splat(dl[k + 1]), o = splat(ml[k + 1]);
            for (unsigned l = 0; l < 32; l += 16) {
                const uints8 q = widen_u8(b + 16 + 16 * k + l);
                const uints8 r = widen_u8(b + 24 + 16 * k + l);
                float* to = y + 32 * k + l;
                store(to, affine_less(q & 15, d, m));
                store(to + 8, affine_less(r & 15, d, m));
                store(to + 32, affine_less(q >> 4, e, o));
                store(to + 40, affine_less(r >> 4, e, o));
            }
        }
    }
}
AKA_VECTOR_FN inline void q5_k(const std::byte* b, float* y, std::size_t n) noexcept {
    float dl[8], ml[8];
    for (; n != 0; --n, b += 176, y += 256) {
        six_bit_pairs(b, dl, ml);
        for (unsigned l = 0; l < 32; l += 8) {
            uints8 high = widen_u8(b + 16 + l) << 4;  // the bit of sub-block k stands at 4 + k
            for (unsigned k = 0; k < 8; k += 2, high >>= 2) {
                const uints8 q = widen_u8(b + 48 + 16 * k + l);
                float* to = y + 32 * k + l;
                store(to, affine_less((q & 15) | (high & 16), splat(dl[k]), splat(ml[k])));
                store(to + 32,
                      affine_less((q >> 4) | (high >> 1 & 16), splat(dl[k + 1]), splat(ml[k + 1])));
            }
        }
    }
}
AKA_VECTOR_FN inline void q6_k(const std::byte* b, float* y, std::size_t n) noexcept {
    float dl[16];
    for (; n != 0; --n, b += 210) {
        const floats8 d = splat(half_at(b + 208));
        store(dl, d * to_floats(widen_i8(b + 192)));
        store(dl + 8, d * to_floats(widen_i8(b + 200)));
        for (unsigned k = 0; k < 2; ++k, y += 128) {
            for (unsigned l = 0; l < 32; l += 8) {
                const uints8 q = widen_u8(b + 64 * k + l), r = widen_u8(b + 64 * k + 32 + l);
                const uints8 high = widen_u8(b + 128 + 32 * k + l);
                const float* e = dl + 8 * k + l / 16;
                store(y + l, less8((q & 15) | (high << 4 & 48), 32, splat(e[0])));
                store(y + 32 + l, less8((r & 15) | (high << 2 & 48), 32, splat(e[2])));
                store(y + 64 + l, less8((q >> 4) | (high & 48), 32, splat(e[4])));
                store(y + 96 + l, less8((r >> 4) | (high >> 2 & 48), 32, splat(e[6])));
            }
        }
    }
}

// ---- codebooks ---------------------------------------------------------------------------------

/// A row of a grid of two-bit digits; the upper half of the word is another row's.
template <std::size_t Rows>
AKA_VECTOR_INLINE uints8 digits(const packed_grid<Rows>& g, unsigned row) noexcept {
    return pairs(load_native<std::uint32_t>(&g.row[row]));
}
/// Two rows of four three-bit digits.
template <std::size_t Rows>
AKA_VECTOR_INLINE uints8 digits(const packed_grid<Rows>& g, unsigned row, unsigned next) noexcept {
    const std::uint32_t both = g.row[row] | static_cast<std::uint32_t>(g.row[next]) << 12;
    return splat(both) >> uints8{0, 3, 6, 9, 12, 15, 18, 21};
}
AKA_VECTOR_INLINE uints8 coded_signs(std::uint32_t code) noexcept {
    return bit_signs(even_signs.of[code & 127]);
}
AKA_VECTOR_INLINE floats8 iq2_values(float db) noexcept {
    return splat(db) * floats8{8, 25, 43, 0, 8, 25, 43, 0};
}
AKA_VECTOR_FN inline void iq2_xxs(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 66) {
        const float d = half_at(b);
        for (unsigned s = 0; s < 8; ++s, y += 32) {
            const std::byte* at = b + 2 + 8 * s;
            const std::uint32_t a = u32(at, 4);
            const floats8 v = iq2_values(d * (0.5f + blocks::number(a >> 28)) * 0.25f);
            store(y, flip(pick4(v, digits(iq2xxs_grid, u8(at, 0))), coded_signs(a)));
            store(y + 8, flip(pick4(v, digits(iq2xxs_grid, u8(at, 1))), coded_signs(a >> 7)));
            store(y + 16, flip(pick4(v, digits(iq2xxs_grid, u8(at, 2))), coded_signs(a >> 14)));
            store(y + 24, flip(pick4(v, digits(iq2xxs_grid, u8(at, 3))), coded_signs(a >> 21)));
        }
    }
}
AKA_VECTOR_INLINE void iq2_xs_octet(unsigned q, float* y, floats8 v) noexcept {
    store(y, flip(pick4(v, digits(iq2xs_grid, q & 511)), coded_signs(q >> 9)));
}
AKA_VECTOR_FN inline void iq2_xs(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 74) {
        const float d = half_at(b);
        for (unsigned s = 0; s < 8; ++s, y += 32) {
            const floats8 v = iq2_values(blocks::iq2_scale(d, b + 66, s, 0));
            const floats8 w = iq2_values(blocks::iq2_scale(d, b + 66, s, 2));
            iq2_xs_octet(u16(b, 2 + 8 * s), y, v);
            iq2_xs_octet(u16(b, 4 + 8 * s), y + 8, v);
            iq2_xs_octet(u16(b, 6 + 8 * s), y + 16, w);
            iq2_xs_octet(u16(b, 8 + 8 * s), y + 24, w);
        }
    }
}
AKA_VECTOR_INLINE void iq2_s_octet(const std::byte* at, unsigned high, float* y,
                                   floats8 v) noexcept {
    store(y, flip(pick4(v, digits(iq2s_grid, u8(at, 0) | (high & 3) << 8)), bit_signs(u8(at, 32))));
}
AKA_VECTOR_FN inline void iq2_s(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 82) {
        const float d = half_at(b);
        for (unsigned s = 0; s < 8; ++s, y += 32) {
            const floats8 v = iq2_values(blocks::iq2_scale(d, b + 74, s, 0));
            const floats8 w = iq2_values(blocks::iq2_scale(d, b + 74, s, 2));
            const std::byte* at = b + 2 + 4 * s;
            const unsigned high = u8(b, 66 + s);
            iq2_s_octet(at, high, y, v);
            iq2_s_octet(at + 1, high >> 2, y + 8, v);
            iq2_s_octet(at + 2, high >> 4, y + 16, w);
            iq2_s_octet(at + 3, high >> 6, y + 24, w);
        }
    }
}
AKA_VECTOR_INLINE void iq3_xxs_octet(const std::byte* at, float* y, floats8 v,
                                     std::uint32_t code) noexcept {
    store(y, flip(pick8(v, digits(iq3xxs_grid, u8(at, 0), u8(at, 1))), coded_signs(code)));
}
AKA_VECTOR_FN inline void iq3_xxs(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 98) {
        const float d = half_at(b);
        for (unsigned s = 0; s < 8; ++s, y += 32) {
            const std::byte* at = b + 2 + 8 * s;
            const std::uint32_t a = u32(b, 66 + 4 * s);
            const floats8 v = splat(d * (0.5f + blocks::number(a >> 28)) * 0.5f) *
                              load<floats8>(blocks::iq3xxs_digits);
            iq3_xxs_octet(at, y, v, a);
            iq3_xxs_octet(at + 2, y + 8, v, a >> 7);
            iq3_xxs_octet(at + 4, y + 16, v, a >> 14);
            iq3_xxs_octet(at + 6, y + 24, v, a >> 21);
        }
    }
}
AKA_VECTOR_INLINE void iq3_s_octet(const std::byte* at, unsigned high, float* y, floats8 v,
                                   unsigned signs) noexcept {
    const unsigned row = u8(at, 0) | (high & 1) << 8, next = u8(at, 1) | (high & 2) << 7;
    store(y, flip(pick8(v, digits(iq3s_grid, row, next)), bit_signs(signs)));
}
AKA_VECTOR_FN inline void iq3_s(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 110) {
        const float d = half_at(b);
        for (unsigned s = 0; s < 8; ++s, y += 32) {
            const unsigned scale = u8(b, 106 + s / 2) >> (4 * (s % 2)) & 15, high = u8(b, 66 + s);
            const floats8 v =
                splat(d * blocks::number(1 + 2 * scale)) * load<floats8>(blocks::iq3s_digits);
            const std::byte *at = b + 2 + 8 * s, *signs = b + 74 + 4 * s;
            iq3_s_octet(at, high, y, v, u8(signs, 0));
            iq3_s_octet(at + 2, high >> 2, y + 8, v, u8(signs, 1));
            iq3_s_octet(at + 4, high >> 4, y + 16, v, u8(signs, 2));
            iq3_s_octet(at + 6, high >> 6, y + 24, v, u8(signs, 3));
        }
    }
}
AKA_VECTOR_INLINE floats8 ternary_values(float dl, float delta) noexcept {
    return splat(dl) * (floats8{-1, 0, 1, 2, -1, 0, 1, 2} + splat(delta));
}
AKA_VECTOR_FN inline void iq1_s(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 50) {
        const float d = half_at(b);
        for (unsigned s = 0; s < 8; ++s, y += 32) {
            const std::byte* at = b + 2 + 4 * s;
            const unsigned h = u16(b, 34 + 2 * s);
            const floats8 v = ternary_values(d * blocks::number(2 * (h >> 12 & 7) + 1),
                                             (h & 0x8000) != 0 ? -0.125f : 0.125f);
            store(y, pick4(v, digits(iq1s_grid, u8(at, 0) | (h & 7) << 8)));
            store(y + 8, pick4(v, digits(iq1s_grid, u8(at, 1) | (h >> 3 & 7) << 8)));
            store(y + 16, pick4(v, digits(iq1s_grid, u8(at, 2) | (h >> 6 & 7) << 8)));
            store(y + 24, pick4(v, digits(iq1s_grid, u8(at, 3) | (h >> 9 & 7) << 8)));
        }
    }
}
AKA_VECTOR_INLINE void iq1_m_octet(unsigned low, unsigned t, float* y, float dl) noexcept {
    const floats8 v = ternary_values(dl, (t & 8) != 0 ? -0.125f : 0.125f);
    store(y, pick4(v, digits(iq1s_grid, low | (t & 7) << 8)));
}
AKA_VECTOR_FN inline void iq1_m(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 56) {
        const float d = half(blocks::iq1_m_scale(b));
        for (unsigned s = 0; s < 8; ++s, y += 32) {
            const std::byte* at = b + 4 * s;
            const unsigned c = u16(b, 48 + s / 2 * 2) >> (6 * (s % 2));
            const unsigned t = u8(b, 32 + 2 * s), u = u8(b, 33 + 2 * s);
            const float dl = d * blocks::number(2 * (c & 7) + 1);
            const float el = d * blocks::number(2 * (c >> 3 & 7) + 1);
            iq1_m_octet(u8(at, 0), t, y, dl);
            iq1_m_octet(u8(at, 1), t >> 4, y + 8, dl);
            iq1_m_octet(u8(at, 2), u, y + 16, el);
            iq1_m_octet(u8(at, 3), u >> 4, y + 24, el);
        }
    }
}

// ---- ternary -----------------------------------------------------------------------------------

/// One trit of each byte, which stands above the byte once it is tripled; the byte moves on.
AKA_VECTOR_INLINE floats8 next_trits(uints8& v, floats8 values) noexcept {
    const uints8 tripled = v + v + v;
    v = tripled & 255;
    return pick4(values, tripled >> 8);
}
AKA_VECTOR_FN inline void tq1_0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 54, y += 256) {
        const floats8 values = less_one(splat(half_at(b + 52)));
        for (unsigned j = 0; j < 32; j += 8) {
            uints8 v = widen_u8(b + j);
            for (unsigned k = 0; k < 5; ++k) store(y + 32 * k + j, next_trits(v, values));
        }
        for (unsigned j = 0; j < 16; j += 8) {
            uints8 v = widen_u8(b + 32 + j);
            for (unsigned k = 0; k < 5; ++k) store(y + 160 + 16 * k + j, next_trits(v, values));
        }
        const std::uint32_t last[2] = {u32(b, 48), u32(b, 48)};
        uints8 v = widen_u8(last) * uints8{1, 1, 1, 1, 3, 3, 3, 3} & 255;
        store(y + 240, next_trits(v, values));
        v = v * 3 & 255;
        store(y + 248, next_trits(v, values));
    }
}
AKA_VECTOR_FN inline void tq2_0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n != 0; --n, b += 66) {
        const floats8 values = less_one(splat(half_at(b + 64)));
        for (unsigned k = 0; k < 2; ++k, y += 128) {
            for (unsigned l = 0; l < 32; l += 8) {
                const uints8 q = widen_u8(b + 32 * k + l);
                store(y + l, pick4(values, q));
                store(y + 32 + l, pick4(values, q >> 2));
                store(y + 64 + l, pick4(values, q >> 4));
                store(y + 96 + l, pick4(values, q >> 6));
            }
        }
    }
}

}  // namespace vec8
}  // namespace detail
AKA_END

#endif  // AKA_VECTORS

#endif  // AKA_DEQUANTIZE_VEC8_HPP
