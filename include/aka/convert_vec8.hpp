// aka: rows of plain element types with vectors of eight numbers; see convert.hpp, vec8.hpp.
#ifndef AKA_CONVERT_VEC8_HPP
#define AKA_CONVERT_VEC8_HPP

#include <cstdint>

#include "convert.hpp"
#include "vec8.hpp"

#if AKA_VECTORS

AKA_BEGIN
namespace detail {
namespace vec8 {

// Whole vectors, and the portable way for the rest.
AKA_VECTOR_FN inline void f16(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 16, y += 8) store(y, widen_half(b));
    halves_to_f32<f16_to_f32>(b, y, n);
}
AKA_VECTOR_FN inline void bf16(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 16, y += 8) store(y, widen_u16(b) << 16);
    halves_to_f32<bf16_to_f32>(b, y, n);
}
AKA_VECTOR_FN inline void i8(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8) store(y, to_floats(widen_i8(b)));
    numbers_to_f32<std::int8_t>(b, y, n);
}
AKA_VECTOR_FN inline void u8(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8) store(y, to_floats(widen_u8(b)));
    numbers_to_f32<std::uint8_t>(b, y, n);
}
AKA_VECTOR_FN inline void i16(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 16, y += 8) store(y, to_floats(widen_i16(b)));
    numbers_to_f32<std::int16_t>(b, y, n);
}
AKA_VECTOR_FN inline void u16(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 16, y += 8) store(y, to_floats(widen_u16(b)));
    numbers_to_f32<std::uint16_t>(b, y, n);
}
AKA_VECTOR_FN inline void i32(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 32, y += 8) store(y, to_floats(load<ints8>(b)));
    numbers_to_f32<std::int32_t>(b, y, n);
}
AKA_VECTOR_FN inline void booleans(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8)  // true is all ones: one of them, converted
        store(y, to_floats(reinterpret_cast<uints8>(widen_u8(b) != 0) & 1));
    booleans_to_f32(b, y, n);
}
/// F4: eight codes in four bytes, each in the low bits of its lane. `n` counts bytes.
AKA_VECTOR_FN inline void f4_blocks(const std::byte* b, float* y, std::size_t n) noexcept {
    const floats8 values{0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    for (; n >= 4; n -= 4, b += 4, y += 8) {
        const uints8 q = splat(load<std::uint32_t>(b)) >> uints8{0, 4, 8, 12, 16, 20, 24, 28};
        store(y, flip(pick8(values, q), q << 28 & 0x80000000u));
    }
    codes_to_f32<7>(b, y, 2 * n);
}
/// The upper half of a binary16.
AKA_VECTOR_FN inline void f8_e5m2(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8) {
        const auto bytes = load<bytes8>(b);
        const words8 halves = __builtin_convertvector(bytes, words8) << 8;
        store(y, widen_half(&halves));
    }
    codes_to_f32<0>(b, y, n);
}
AKA_VECTOR_INLINE uints8 choose(uints8 mask, uints8 yes, uints8 no) noexcept {
    return (yes & mask) | (no & ~mask);
}
/// E4M3 as the binary16 of the same exponent and fraction, which is a power of two too small.
AKA_VECTOR_INLINE uints8 e4m3_bits(uints8 code, float scale) noexcept {
    const words8 halves = __builtin_convertvector((code & 127) << 7, words8);
    const floats8 value = widen_half(&halves) * splat(scale);
    return reinterpret_cast<uints8>(value) | (code & 128) << 24;
}
AKA_VECTOR_FN inline void f8_e4m3(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8) {
        const uints8 code = widen_u8(b);
        const uints8 nan = reinterpret_cast<uints8>((code & 127) == 127);
        store(y, choose(nan, (code & 128) << 24 | quiet_nan, e4m3_bits(code, 256)));
    }
    codes_to_f32<1>(b, y, n);
}
AKA_VECTOR_FN inline void f8_e4m3fnuz(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8) {
        const uints8 code = widen_u8(b);
        const uints8 nan = reinterpret_cast<uints8>(code == 128);
        store(y, choose(nan, splat(quiet_nan), e4m3_bits(code, 128)));
    }
    codes_to_f32<3>(b, y, n);
}
AKA_VECTOR_FN inline void f8_e5m2fnuz(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8) {
        // The binary16 with an exponent less by one; where there is none, a subnormal one.
        const uints8 code = widen_u8(b), c = code & 127;
        const uints8 tiny = reinterpret_cast<uints8>(c < 8);
        const words8 halves =
            __builtin_convertvector(choose(tiny, c << 7, (c << 8) - 0x400), words8);
        const uints8 value = reinterpret_cast<uints8>(widen_half(&halves)) | (code & 128) << 24;
        store(y, choose(reinterpret_cast<uints8>(code == 128), splat(quiet_nan), value));
    }
    codes_to_f32<4>(b, y, n);
}
AKA_VECTOR_FN inline void f8_e8m0(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, b += 8, y += 8) {
        const uints8 code = widen_u8(b);
        const uints8 least = reinterpret_cast<uints8>(code == 0);
        const uints8 nan = reinterpret_cast<uints8>(code == 255);
        store(y, code << 23 | (least & 0x00400000u) | (nan & quiet_nan));
    }
    codes_to_f32<2>(b, y, n);
}
static_assert(code_types[0].dtype == dtype::f8_e5m2 && code_types[1].dtype == dtype::f8_e4m3 &&
                  code_types[2].dtype == dtype::f8_e8m0 &&
                  code_types[3].dtype == dtype::f8_e4m3fnuz &&
                  code_types[4].dtype == dtype::f8_e5m2fnuz && code_types[7].dtype == dtype::f4,
              "the rests are decoded by the rows of another type");

AKA_VECTOR_FN inline void f64(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 4; n -= 4, b += 32, y += 4)
        store(y, __builtin_convertvector(load<doubles4>(b), floats4));
    numbers_to_f32<double>(b, y, n);
}

/// Whole numbers of 64 bits as float64, exactly, but that of more than 53 bits all that a float32
/// cannot hold is one bit, which still decides how it is rounded.
AKA_VECTOR_INLINE doubles4 nearly_exact(quads4 v) noexcept {
    const quads4 large = reinterpret_cast<quads4>((v >> 32) > 0x1fffff);
    const quads4 rest = reinterpret_cast<quads4>((v & 0x7ff) != 0) & 0x800;
    v = (((v & ~std::uint64_t{0x7ff}) | rest) & large) | (v & ~large);
    // The halves as fractions of 2^84 and 2^52; sums of what fits are exact.
    const quads4 high = (v >> 32) | 0x4530000000000000, low = (v & 0xffffffff) | 0x4330000000000000;
    const doubles4 upper = reinterpret_cast<doubles4>(high) - 19342813118337666422669312.0;
    return upper + reinterpret_cast<doubles4>(low);
}
AKA_VECTOR_FN inline void u64(const std::byte* b, float* y, std::size_t n) noexcept {
    for (; n >= 4; n -= 4, b += 32, y += 4)
        store(y, __builtin_convertvector(nearly_exact(load<quads4>(b)), floats4));
    u64_to_f32(b, y, n);
}

/// To binary16, rounded to the nearest, ties to even.
#if defined(__x86_64__)
AKA_VECTOR_FN inline void to_f16(const float* x, std::byte* out, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, x += 8, out += 16)
        store(out, __builtin_ia32_vcvtps2ph256(load<floats8>(x), 0));
    halves_from_f32<f32_to_f16>(x, out, n);
}
#else
AKA_VECTOR_FN inline void to_f16(const float* x, std::byte* out, std::size_t n) noexcept {
    for (; n >= 4; n -= 4, x += 4, out += 8)
        store(out, __builtin_convertvector(load<floats4>(x), halves4));
    halves_from_f32<f32_to_f16>(x, out, n);
}
#endif
/// To bfloat16 likewise.
AKA_VECTOR_FN inline void to_bf16(const float* x, std::byte* out, std::size_t n) noexcept {
    for (; n >= 8; n -= 8, x += 8, out += 16) {
        const uints8 v = load<uints8>(x);
        const uints8 nan = reinterpret_cast<uints8>((v & 0x7fffffffu) > 0x7f800000u);
        const uints8 rounded = (v + 0x7fffu + (v >> 16 & 1)) >> 16, quiet = v >> 16 | 0x40u;
        const uints8 r = (rounded & ~nan) | (quiet & nan);
        store(out, __builtin_convertvector(r, words8));
    }
    halves_from_f32<f32_to_bf16>(x, out, n);
}

}  // namespace vec8
}  // namespace detail
AKA_END

#endif  // AKA_VECTORS

AKA_BEGIN
namespace detail {

/// What from_f32 does, unchecked, with what this processor has for it.
inline void narrow(aka::dtype to, const float* in, std::byte* out, std::size_t n) noexcept {
#if AKA_VECTORS
    if (has_vectors() && to == dtype::f16) return vec8::to_f16(in, out, n);
    if (has_vectors() && to == dtype::bf16) return vec8::to_bf16(in, out, n);
#endif
    (void)from_f32(to, {in, n}, {out, n * info(to).block_bytes});
}

}  // namespace detail
AKA_END

#endif  // AKA_CONVERT_VEC8_HPP
