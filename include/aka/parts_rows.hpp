// aka: rows of quantised weights to float32 where a row's weights lie one behind the other: 8-bit
// codes, and codes of 2 to 8 bits in one stream of bits.
//
// Pure functions over bytes, unchecked. Weights share numbers in groups of `group` columns, the
// last of which may be short; `scale[k]` is of group k.
#ifndef AKA_PARTS_ROWS_HPP
#define AKA_PARTS_ROWS_HPP

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "convert.hpp"

AKA_BEGIN
namespace detail {

/// Calls `f(std::integral_constant<unsigned, j>())` for j in [0, N): loops that -O2 leaves as they
/// are, unrolled.
template <class F, unsigned... J>
AKA_INLINE void unrolled(F f, std::integer_sequence<unsigned, J...>) noexcept {
    (f(std::integral_constant<unsigned, J>()), ...);
}
template <unsigned N, class F>
AKA_INLINE void unrolled(F f) noexcept {
    unrolled(f, std::make_integer_sequence<unsigned, N>());
}

/// Calls `f(k, from, count)` for each group of n columns.
template <class F>
AKA_INLINE void each_group(std::size_t n, std::size_t group, F f) noexcept {
    std::size_t k = 0;
    for (std::size_t from = 0; from < n; from += group, ++k)
        f(k, from, n - from < group ? n - from : group);
}

/// 8-bit codes of a type whose values are in a table (code_types), times the group's scale.
inline void codes_row(const std::uint32_t* values, const std::byte* in, const float* scale,
                      std::size_t group, std::size_t n, float* out) noexcept {
    each_group(n, group, [&](std::size_t k, std::size_t from, std::size_t count) {
        const float s = scale[k];
        const std::byte* p = in + from;
        float* o = out + from;
        for (std::size_t i = 0; i < count; ++i)
            o[i] = load_native<float>(values + static_cast<unsigned>(p[i])) * s;
    });
}
/// Calls `one(i)` for n numbers, by sixteen into a place of their own: loops of a known length that
/// alias nothing are vectorised at -O2 as well.
template <class One>
AKA_INLINE void by_sixteen(std::size_t n, float* out, One one) noexcept {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        float t[16];
        for (unsigned j = 0; j < 16; ++j) t[j] = one(i + j);
        std::memcpy(out + i, t, sizeof t);
    }
    for (; i < n; ++i) out[i] = one(i);
}
/// Signed bytes: (q - zero) * scale; `zero` may be null.
inline void int8_row(const std::byte* in, const float* scale, const float* zero, std::size_t group,
                     std::size_t n, float* out) noexcept {
    each_group(n, group, [&](std::size_t k, std::size_t from, std::size_t count) {
        const float s = scale[k], z = zero == nullptr ? 0.0f : zero[k];
        const std::byte* p = in + from;
        by_sixteen(count, out + from, [=](std::size_t i) {
            return (static_cast<float>(static_cast<std::int8_t>(p[i])) - z) * s;
        });
    });
}
/// bitsandbytes' int8: times the row's SCB, then times 1/127 in float32 (its
/// int8_vectorwise_dequant).
inline void bnb_int8_row(const std::byte* in, float scb, std::size_t n, float* out) noexcept {
    constexpr float unit = 7.874015718698502e-3f;
    by_sixteen(n, out, [=](std::size_t i) {
        return static_cast<float>(static_cast<std::int8_t>(in[i])) * scb * unit;
    });
}

/// What a code stands for.
struct minus_zero {  ///< (q - z) * s: exact up to the one product
    float s, z;
    float operator()(float q) const noexcept { return (q - z) * s; }
};
/// s * q + b, where the product of a short scale and a code is exact, fused with the sum or not.
struct plus_bias {
    float s, b;
    float operator()(float q) const noexcept { return s * q + b; }
};
/// The same of a float32 scale. The product is rounded by itself (that of two floats is exact in
/// double), so that it cannot be fused with the sum on some machines and not on others.
struct plus_bias_apart {
    float s, b;
    float operator()(float q) const noexcept {
        return static_cast<float>(static_cast<double>(s) * static_cast<double>(q)) + b;
    }
};
struct times_value {  ///< a table's value times s
    const std::uint32_t* values;
    float s;
    float operator()(float q) const noexcept {
        return load_native<float>(values + static_cast<unsigned>(q)) * s;
    }
};

/// Nibbles, the lower one first, through a table of what each stands for.
inline void nibbles(const std::byte* in, const float* table, std::size_t n, float* out) noexcept {
    for (std::size_t i = 0; i < n / 2; ++i) {
        const auto b = static_cast<unsigned>(in[i]);
        out[2 * i] = table[b & 15];
        out[2 * i + 1] = table[b >> 4];
    }
    if (n % 2 != 0) out[n - 1] = table[static_cast<unsigned>(in[n / 2]) & 15];
}

/// Code i of a stream of bits: the first code is in the lowest bits of the first byte.
template <unsigned Bits>
AKA_INLINE unsigned code_at(const std::byte* in, std::size_t i) noexcept {
    const std::size_t bit = i * Bits, at = bit / 8;
    const auto shift = static_cast<unsigned>(bit % 8);
    unsigned v = static_cast<unsigned>(in[at]) >> shift;
    if (shift + Bits > 8) v |= static_cast<unsigned>(in[at + 1]) << (8 - shift);
    return v & ((1u << Bits) - 1);
}
/// n codes from a byte on.
template <unsigned Bits, class Value>
void bits_to_f32(const std::byte* in, std::size_t n, Value value, float* out) noexcept {
    constexpr unsigned codes = 1u << Bits;
    if constexpr (Bits == 4) {
        float table[16];
        for (unsigned q = 0; q < 16; ++q) table[q] = value(static_cast<float>(q));
        return nibbles(in, table, n, out);
    }
    if constexpr (Bits == 8)
        return by_sixteen(n, out, [=](std::size_t i) {
            return value(static_cast<float>(static_cast<unsigned char>(in[i])));
        });
    float table[codes];
    if constexpr (Bits < 4)
        for (unsigned q = 0; q < codes; ++q) table[q] = value(static_cast<float>(q));
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8, in += Bits) {  // eight codes are whole bytes
        std::uint64_t all = 0;
        for (unsigned k = 0; k < Bits; ++k) all |= static_cast<std::uint64_t>(in[k]) << (8 * k);
        float* o = out + i;
        unrolled<8>([&](auto j) {
            const auto q = static_cast<unsigned>(all >> (Bits * j)) & (codes - 1);
            o[j] = Bits < 4 ? table[q] : value(static_cast<float>(static_cast<int>(q)));
        });
    }
    for (std::size_t j = 0; i < n; ++i, ++j)
        out[i] = value(static_cast<float>(code_at<Bits>(in, j)));
}
/// A row of codes in groups; `value(k)` makes what group k's codes stand for. A group begins at a
/// whole byte.
template <class Values>
using bits_row = void (*)(const std::byte* in, const Values& value, std::size_t group,
                          std::size_t n, float* out);
template <unsigned Bits, class Values>
void bits_to_row(const std::byte* in, const Values& value, std::size_t group, std::size_t n,
                 float* out) noexcept {
    each_group(n, group, [&](std::size_t k, std::size_t from, std::size_t count) {
        bits_to_f32<Bits>(in + from * Bits / 8, count, value(k), out + from);
    });
}
template <class Values>
bits_row<Values> bits_row_of(unsigned bits) noexcept {
    switch (bits) {
        case 2:
            return bits_to_row<2, Values>;
        case 3:
            return bits_to_row<3, Values>;
        case 4:
            return bits_to_row<4, Values>;
        case 5:
            return bits_to_row<5, Values>;
        case 6:
            return bits_to_row<6, Values>;
        case 8:
            return bits_to_row<8, Values>;
        default:
            return nullptr;
    }
}

struct minus_zeros {  ///< `zero` null: `middle` everywhere
    const float *scale, *zero;
    float middle;
    minus_zero operator()(std::size_t k) const noexcept {
        return {scale[k], zero == nullptr ? middle : zero[k]};
    }
};
template <class Value>
struct plus_biases {
    const float *scale, *bias;
    Value operator()(std::size_t k) const noexcept { return {scale[k], bias[k]}; }
};
struct times_values {
    const std::uint32_t* values;
    const float* scale;
    times_value operator()(std::size_t k) const noexcept { return {values, scale[k]}; }
};

}  // namespace detail
AKA_END

#endif  // AKA_PARTS_ROWS_HPP
