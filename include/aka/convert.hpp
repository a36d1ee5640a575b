// aka: numbers of every plain element type as float32, exactly, and float32 as the shorter ones.
//
// Bytes are little-endian, as both formats store them, and need no alignment. What is wider than
// float32 (F64, I32, U32, I64, U64) is rounded to the nearest, ties to even.
#ifndef AKA_CONVERT_HPP
#define AKA_CONVERT_HPP

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "bytes.hpp"
#include "dtype.hpp"
#include "error.hpp"

AKA_BEGIN
namespace detail {

AKA_INLINE float float_of(std::uint32_t bits) noexcept { return load_native<float>(&bits); }
AKA_INLINE std::uint32_t bits_of(float f) noexcept { return load_native<std::uint32_t>(&f); }

/// What the codes of a small floating-point type mean that are not plain numbers.
enum class specials : std::uint8_t {
    none,          // every code is a number: OCP MX, element types of 6 and 4 bits
    ieee,          // the highest exponent: infinity, and NaN
    nan_all_ones,  // OCP FP8 E4M3 ("fn"): only exponent and fraction all ones, NaN
    fnuz,          // no infinity, no negative zero; its code is NaN
    scale,         // E8M0: 2^(code - 127) without sign; 255 is NaN
};
struct small_float {
    unsigned exponent_bits, fraction_bits;
    int bias;
    specials kind;
};

constexpr std::uint32_t quiet_nan = 0x7fc00000;

/// The bits of the float32 that has the value of `code`. Every one of these types fits exactly.
constexpr std::uint32_t small_to_f32(const small_float& f, std::uint32_t code) noexcept {
    if (f.kind == specials::scale)
        return code == 255 ? quiet_nan : code == 0 ? 0x00400000 : code << 23;
    const unsigned width = f.exponent_bits + f.fraction_bits;
    const std::uint32_t most = (1u << f.exponent_bits) - 1, ones = (1u << f.fraction_bits) - 1;
    const std::uint32_t sign = (code >> width & 1) << 31;
    std::uint32_t e = code >> f.fraction_bits & most, m = code & ones;
    if (f.kind == specials::ieee && e == most)
        return sign | 0x7f800000 | m << (23 - f.fraction_bits) | (m != 0 ? 0x00400000u : 0u);
    if (f.kind == specials::nan_all_ones && e == most && m == ones) return sign | quiet_nan;
    if (f.kind == specials::fnuz && sign != 0 && e == 0 && m == 0) return quiet_nan;
    if (e == 0 && m == 0) return sign;
    int exponent = static_cast<int>(e) - f.bias;
    if (e == 0) {  // a subnormal number, as a normal one
        ++exponent;
        while ((m & (ones + 1)) == 0) m <<= 1, --exponent;
        m &= ones;
    }
    return sign | static_cast<std::uint32_t>(exponent + 127) << 23 | m << (23 - f.fraction_bits);
}

template <std::size_t N>
struct code_values {
    std::uint32_t bits[N];  // of a float32
};
template <std::size_t N>
constexpr code_values<N> values_of(const small_float& f) noexcept {
    code_values<N> t{};
    for (std::uint32_t i = 0; i < N; ++i) t.bits[i] = small_to_f32(f, i);
    return t;
}

// OCP 8-bit floating point 1.0; ONNX for the "fnuz" forms; OCP microscaling formats 1.0.
inline constexpr auto f8_e5m2_values = values_of<256>({5, 2, 15, specials::ieee});
inline constexpr auto f8_e4m3_values = values_of<256>({4, 3, 7, specials::nan_all_ones});
inline constexpr auto f8_e8m0_values = values_of<256>({8, 0, 127, specials::scale});
inline constexpr auto f8_e4m3fnuz_values = values_of<256>({4, 3, 8, specials::fnuz});
inline constexpr auto f8_e5m2fnuz_values = values_of<256>({5, 2, 16, specials::fnuz});
inline constexpr auto f6_e2m3_values = values_of<64>({2, 3, 1, specials::none});
inline constexpr auto f6_e3m2_values = values_of<64>({3, 2, 3, specials::none});
inline constexpr auto f4_values = values_of<16>({2, 1, 1, specials::none});

/// The types of at most 8 bits that are looked up.
struct code_type {
    aka::dtype dtype;
    unsigned bits;
    const std::uint32_t* values;
};
inline constexpr code_type code_types[] = {
    {dtype::f8_e5m2, 8, f8_e5m2_values.bits},
    {dtype::f8_e4m3, 8, f8_e4m3_values.bits},
    {dtype::f8_e8m0, 8, f8_e8m0_values.bits},
    {dtype::f8_e4m3fnuz, 8, f8_e4m3fnuz_values.bits},
    {dtype::f8_e5m2fnuz, 8, f8_e5m2fnuz_values.bits},
    {dtype::f6_e2m3, 6, f6_e2m3_values.bits},
    {dtype::f6_e3m2, 6, f6_e3m2_values.bits},
    {dtype::f4, 4, f4_values.bits},
};

}  // namespace detail

// ---- one number --------------------------------------------------------------------------------

/// IEEE binary16 to binary32: exact. NaN stays NaN, made quiet, its payload kept.
inline float f16_to_f32(std::uint16_t h) noexcept {
    const std::uint32_t sign = (h & 0x8000u) << 16, e = h >> 10 & 31u, m = h & 0x3ffu;
    if (e == 0) {  // units of 2^-24
        return detail::float_of(detail::bits_of(static_cast<float>(m) * (1.0f / 16777216)) | sign);
    }
    if (e == 31)
        return detail::float_of(sign | 0x7f800000u | m << 13 | (m != 0 ? 0x00400000u : 0u));
    return detail::float_of(sign | (e + 112) << 23 | m << 13);
}
/// bfloat16 is the upper half of a binary32: exact, NaN as it is.
inline float bf16_to_f32(std::uint16_t h) noexcept {
    return detail::float_of(static_cast<std::uint32_t>(h) << 16);
}

/// To the nearest binary16, ties to even; from 65520 on infinity. NaN is made quiet and keeps the
/// upper bits of its payload.
inline std::uint16_t f32_to_f16(float f) noexcept {
    const std::uint32_t b = detail::bits_of(f), sign = b >> 16 & 0x8000u;
    std::uint32_t a = b & 0x7fffffffu;
    if (a > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | (a >> 13 & 0x3ffu));
    if (a >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
    if (a >= 0x38800000u) {  // 2^-14: normal there too
        a += 0xfffu + (a >> 13 & 1u);
        return static_cast<std::uint16_t>(sign | (a - 0x38000000u) >> 13);
    }
    if (a <= 0x33000000u) return static_cast<std::uint16_t>(sign);  // up to 2^-25, half a unit
    const std::uint32_t m = (a & 0x7fffffu) | 0x800000u, shift = 126 - (a >> 23);
    const std::uint32_t r = m >> shift, rest = m & ((1u << shift) - 1), half = 1u << (shift - 1);
    return static_cast<std::uint16_t>(sign | (r + (rest > half || (rest == half && (r & 1)))));
}
/// To the nearest bfloat16, ties to even. NaN is made quiet and keeps its upper bits.
inline std::uint16_t f32_to_bf16(float f) noexcept {
    const std::uint32_t b = detail::bits_of(f);
    if ((b & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(b >> 16 | 0x40u);
    return static_cast<std::uint16_t>((b + 0x7fffu + (b >> 16 & 1u)) >> 16);
}

/// OCP FP8 E5M2: the upper half of a binary16.
inline float f8_e5m2_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f8_e5m2_values.bits[c]);
}
/// OCP FP8 E4M3 ("e4m3fn"): to 448, no infinity, 0x7f and 0xff are NaN.
inline float f8_e4m3_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f8_e4m3_values.bits[c]);
}
/// To 240; 0x80 is NaN, and there is neither infinity nor a negative zero.
inline float f8_e4m3fnuz_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f8_e4m3fnuz_values.bits[c]);
}
/// To 57344; 0x80 is NaN, and there is neither infinity nor a negative zero.
inline float f8_e5m2fnuz_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f8_e5m2fnuz_values.bits[c]);
}
/// A scale of OCP microscaling: 2^(c - 127); 255 is NaN.
inline float f8_e8m0_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f8_e8m0_values.bits[c]);
}
/// OCP FP6 E2M3, to 7.5; the low six bits count.
inline float f6_e2m3_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f6_e2m3_values.bits[c & 63]);
}
/// OCP FP6 E3M2, to 28; the low six bits count.
inline float f6_e3m2_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f6_e3m2_values.bits[c & 63]);
}
/// OCP FP4 E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives; the low four bits count.
inline float f4_to_f32(std::uint8_t c) noexcept {
    return detail::float_of(detail::f4_values.bits[c & 15]);
}

namespace detail {

// ---- rows, unchecked ---------------------------------------------------------------------------

template <class T>
void numbers_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(load_le<T>(in + i * sizeof(T)));
}
template <float (*Of)(std::uint16_t)>
void halves_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) out[i] = Of(load_le<std::uint16_t>(in + 2 * i));
}
inline void booleans_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) out[i] = in[i] != std::byte{0} ? 1.0f : 0.0f;
}
inline void f32_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
#if AKA_BIG_ENDIAN_HOST
    numbers_to_f32<float>(in, out, n);
#else
    if (n != 0) std::memcpy(out, in, n * sizeof(float));
#endif
}
/// Of C64 the real parts; its imaginary parts are looked at elsewhere.
inline void real_parts_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) out[i] = load_le<float>(in + 8 * i);
}
/// U64 without a branch: an odd and an even half of it, of which the conversion is signed.
inline void u64_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        const auto v = load_le<std::uint64_t>(in + 8 * i);
        const std::uint64_t top = v >> 63;  // halved, the bit that falls out still decides a tie
        const auto f = static_cast<float>(static_cast<std::int64_t>(v >> top | (v & top)));
        out[i] = f * (1.0f + static_cast<float>(static_cast<int>(top)));
    }
}
/// Codes of less than a byte are packed from the lowest bit of the first byte on.
template <std::size_t Type>
void codes_to_f32(const std::byte* in, float* out, std::size_t n) noexcept {
    constexpr code_type type = code_types[Type];
    auto value = [&](std::uint32_t bits) {
        return float_of(type.values[bits & ((1u << type.bits) - 1)]);
    };
    if constexpr (type.bits == 8) {
        for (std::size_t i = 0; i < n; ++i) out[i] = value(static_cast<std::uint32_t>(in[i]));
    } else if constexpr (type.bits == 4) {
        for (std::size_t i = 0; i < n / 2; ++i) {
            const auto both = static_cast<std::uint32_t>(in[i]);
            out[2 * i] = value(both);
            out[2 * i + 1] = value(both >> 4);
        }
    } else {
        for (std::size_t i = 0; i < n / 4; ++i, in += 3, out += 4) {
            const std::uint32_t four =
                load_le<std::uint16_t>(in) | static_cast<std::uint32_t>(in[2]) << 16;
            out[0] = value(four);
            out[1] = value(four >> 6);
            out[2] = value(four >> 12);
            out[3] = value(four >> 18);
        }
    }
}

/// `n` elements, a multiple of what the type packs together (4 of F6, 2 of F4).
using plain_decoder = void (*)(const std::byte* in, float* out, std::size_t n);

struct plain_type {
    aka::dtype dtype;
    plain_decoder decode;
};
inline constexpr plain_type plain_types[] = {
    {dtype::f64, numbers_to_f32<double>},
    {dtype::f32, f32_to_f32},
    {dtype::f16, halves_to_f32<f16_to_f32>},
    {dtype::bf16, halves_to_f32<bf16_to_f32>},
    {dtype::i64, numbers_to_f32<std::int64_t>},
    {dtype::i32, numbers_to_f32<std::int32_t>},
    {dtype::i16, numbers_to_f32<std::int16_t>},
    {dtype::i8, numbers_to_f32<std::int8_t>},
    {dtype::u64, u64_to_f32},
    {dtype::u32, numbers_to_f32<std::uint32_t>},
    {dtype::u16, numbers_to_f32<std::uint16_t>},
    {dtype::u8, numbers_to_f32<std::uint8_t>},
    {dtype::boolean, booleans_to_f32},
    {dtype::c64, real_parts_to_f32},
    {code_types[0].dtype, codes_to_f32<0>},
    {code_types[1].dtype, codes_to_f32<1>},
    {code_types[2].dtype, codes_to_f32<2>},
    {code_types[3].dtype, codes_to_f32<3>},
    {code_types[4].dtype, codes_to_f32<4>},
    {code_types[5].dtype, codes_to_f32<5>},
    {code_types[6].dtype, codes_to_f32<6>},
    {code_types[7].dtype, codes_to_f32<7>},
};

constexpr plain_decoder plain_decoder_of(aka::dtype t) noexcept {
    for (const plain_type& p : plain_types)
        if (p.dtype == t) return p.decode;
    return nullptr;
}

/// Whether `bytes` hold exactly `n` elements of a type, and in whole blocks.
inline status check_elements(aka::dtype t, std::uint64_t bytes, std::uint64_t n) noexcept {
    const dtype_info& type = info(t);
    if (type.block_elements == 0)
        return fail(errc::wrong_type, error::nowhere, "elements of an unknown type");
    if (n % type.block_elements != 0) {
        return fail(errc::bad_block, error::nowhere, n, " elements are not whole blocks of ",
                    type.name, ", which have ", type.block_elements, " each");
    }
    const std::uint64_t blocks = n / type.block_elements;
    if (bytes % type.block_bytes != 0 || bytes / type.block_bytes != blocks) {
        return fail(errc::wrong_size, error::nowhere, bytes, " bytes for ", n, " elements of ",
                    type.name, ", which take ", blocks * type.block_bytes);
    }
    return {};
}

/// A complex number is converted where it is a real one: C64 whose imaginary parts are all zero
/// (of either sign). Anything else would lose half of the data.
inline status check_real(const std::byte* in, std::uint64_t n) noexcept {
    for (std::uint64_t i = 0; i < n; ++i) {
        if ((load_le<std::uint32_t>(in + 8 * i + 4) & 0x7fffffffu) != 0) {
            return fail(errc::unsupported, error::nowhere, "element ", i,
                        " of C64 has an imaginary part: it is not one number");
        }
    }
    return {};
}

template <std::uint16_t (*Of)(float)>
void halves_from_f32(const float* in, std::byte* out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint16_t h = Of(in[i]);
        std::memcpy(out + 2 * i, &h, 2);
    }
}

}  // namespace detail

// ---- rows --------------------------------------------------------------------------------------

/// Decodes out.size() elements of a plain type (any of safetensors' 22). F4 and F6 are packed from
/// the lowest bit of the first byte on, as PyTorch packs F4. C64 gives its real parts, if all
/// imaginary ones are zero. `dequantize` (dequantize.hpp) does all types, and is faster. Errors:
/// wrong_type (a quantised type), bad_block, wrong_size, unsupported (C64 that is not real).
inline status to_f32(dtype t, byte_span in, span<float> out) noexcept {
    const detail::plain_decoder decode = detail::plain_decoder_of(t);
    if (decode == nullptr) {
        return detail::fail(errc::wrong_type, error::nowhere, name(t),
                            " is not a plain type: see dequantize");
    }
    if (status s = detail::check_elements(t, in.size(), out.size()); !s) return s;
    if (t == dtype::c64)
        if (status s = detail::check_real(in.data(), out.size()); !s) return s;
    decode(in.data(), out.data(), out.size());
    return {};
}

/// Writes float32 as F32, F16, BF16 or F64, in this machine's byte order, rounding to the nearest,
/// ties to even. Errors: wrong_type (no such target), wrong_size.
inline status from_f32(dtype t, span<const float> in, span<std::byte> out) noexcept {
    if (t != dtype::f32 && t != dtype::f16 && t != dtype::bf16 && t != dtype::f64) {
        return detail::fail(errc::wrong_type, error::nowhere, "float32 is not written as ",
                            name(t));
    }
    if (status s = detail::check_elements(t, out.size(), in.size()); !s) return s;
    if (t == dtype::f16) {
        detail::halves_from_f32<f32_to_f16>(in.data(), out.data(), in.size());
    } else if (t == dtype::bf16) {
        detail::halves_from_f32<f32_to_bf16>(in.data(), out.data(), in.size());
    } else if (t == dtype::f64) {
        for (std::size_t i = 0; i < in.size(); ++i) {
            const double d = in[i];
            std::memcpy(out.data() + 8 * i, &d, 8);
        }
    } else if (!in.empty()) {
        std::memcpy(out.data(), in.data(), in.size_bytes());
    }
    return {};
}

AKA_END

#endif  // AKA_CONVERT_HPP
