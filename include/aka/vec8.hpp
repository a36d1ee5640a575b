// aka: vectors of eight numbers, by the extensions that gcc and clang share, and the few
// instructions that these have no operator for. On x86-64 every function here is for AVX2 and F16C:
// it may be called only where `has_vectors()`. <immintrin.h> alone is longer than all of aka.
#ifndef AKA_VEC8_HPP
#define AKA_VEC8_HPP

#include <cstdint>
#include <cstring>

#include "cpu.hpp"

#if AKA_VECTORS

AKA_BEGIN
namespace detail {
namespace vec8 {

typedef float floats8 __attribute__((vector_size(32)));
typedef std::int32_t ints8 __attribute__((vector_size(32)));
typedef std::uint32_t uints8 __attribute__((vector_size(32)));
typedef std::uint8_t bytes8 __attribute__((vector_size(8)));
typedef std::int8_t signed8 __attribute__((vector_size(8)));
typedef std::uint16_t words8 __attribute__((vector_size(16)));
typedef std::int16_t shorts8 __attribute__((vector_size(16)));
typedef std::uint8_t bytes16 __attribute__((vector_size(16)));
typedef char chars16 __attribute__((vector_size(16)));
typedef float floats4 __attribute__((vector_size(16)));
typedef double doubles4 __attribute__((vector_size(32)));
typedef std::uint64_t quads4 __attribute__((vector_size(32)));

template <class V>
AKA_VECTOR_INLINE V load(const void* p) noexcept {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class V>
AKA_VECTOR_INLINE void store(void* p, V v) noexcept {
    std::memcpy(p, &v, sizeof v);
}
AKA_VECTOR_INLINE floats8 splat(float x) noexcept { return floats8{x, x, x, x, x, x, x, x}; }
AKA_VECTOR_INLINE uints8 splat(std::uint32_t x) noexcept { return uints8{x, x, x, x, x, x, x, x}; }
AKA_VECTOR_INLINE floats8 to_floats(ints8 v) noexcept {
    return __builtin_convertvector(v, floats8);
}
AKA_VECTOR_INLINE floats8 to_floats(uints8 v) noexcept {  // less than 2^31
    return to_floats(reinterpret_cast<ints8>(v));
}
/// Flips the sign of each number whose mask has the uppermost bit; the other bits must be zero.
AKA_VECTOR_INLINE floats8 flip(floats8 v, uints8 mask) noexcept {
    return reinterpret_cast<floats8>(reinterpret_cast<uints8>(v) ^ mask);
}

// ---- what differs between processors and compilers ---------------------------------------------

#if defined(__x86_64__)

/// A product that is to be rounded before something is added; see `rounded` of blocks.
AKA_VECTOR_INLINE floats8 rounded(floats8 product) noexcept {
    __asm__("" : "+x"(product));
    return product;
}
#if defined(__clang__)
AKA_VECTOR_INLINE uints8 widen_u8(const void* p) noexcept {
    return __builtin_convertvector(load<bytes8>(p), uints8);
}
AKA_VECTOR_INLINE ints8 widen_i8(const void* p) noexcept {
    return __builtin_convertvector(load<signed8>(p), ints8);
}
AKA_VECTOR_INLINE uints8 widen_u16(const void* p) noexcept {
    return __builtin_convertvector(load<words8>(p), uints8);
}
AKA_VECTOR_INLINE ints8 widen_i16(const void* p) noexcept {
    return __builtin_convertvector(load<shorts8>(p), ints8);
}
AKA_VECTOR_INLINE void stream(float* aligned, floats8 v) noexcept {
    __builtin_nontemporal_store(v, reinterpret_cast<floats8*>(aligned));
}
#else
typedef long long quads2 __attribute__((vector_size(16)));
AKA_VECTOR_INLINE chars16 low_eight(const void* p) noexcept {
    return reinterpret_cast<chars16>(quads2{load<long long>(p), 0});
}
AKA_VECTOR_INLINE uints8 widen_u8(const void* p) noexcept {
    return reinterpret_cast<uints8>(__builtin_ia32_pmovzxbd256(low_eight(p)));
}
AKA_VECTOR_INLINE ints8 widen_i8(const void* p) noexcept {
    return __builtin_ia32_pmovsxbd256(low_eight(p));
}
AKA_VECTOR_INLINE uints8 widen_u16(const void* p) noexcept {
    return reinterpret_cast<uints8>(__builtin_ia32_pmovzxwd256(load<shorts8>(p)));
}
AKA_VECTOR_INLINE ints8 widen_i16(const void* p) noexcept {
    return __builtin_ia32_pmovsxwd256(load<shorts8>(p));
}
AKA_VECTOR_INLINE void stream(float* aligned, floats8 v) noexcept {
    __builtin_ia32_movntps256(aligned, v);
}
#endif
constexpr bool can_stream = true;
AKA_VECTOR_INLINE void end_of_stream() noexcept { __builtin_ia32_sfence(); }

/// binary16 to binary32, eight of them or one.
AKA_VECTOR_INLINE floats8 widen_half(const void* p) noexcept {
    return __builtin_ia32_vcvtph2ps256(load<shorts8>(p));
}
AKA_VECTOR_INLINE float half(std::uint16_t bits) noexcept {
    return __builtin_ia32_vcvtph2ps(shorts8{static_cast<short>(bits), 0, 0, 0, 0, 0, 0, 0})[0];
}
/// table[i & 3], of a table that is there twice; table[i & 7].
AKA_VECTOR_INLINE floats8 pick4(floats8 table, uints8 i) noexcept {
    return __builtin_ia32_vpermilvarps256(table, reinterpret_cast<ints8>(i));
}
AKA_VECTOR_INLINE floats8 pick8(floats8 table, uints8 i) noexcept {
    return __builtin_ia32_permvarsf256(table, reinterpret_cast<ints8>(i));
}
/// table[i] of sixteen bytes; i up to 15.
AKA_VECTOR_INLINE bytes16 pick16(bytes16 table, bytes16 i) noexcept {
    return reinterpret_cast<bytes16>(
        __builtin_ia32_pshufb128(reinterpret_cast<chars16>(table), reinterpret_cast<chars16>(i)));
}

#else  // arm64

typedef __fp16 halves4 __attribute__((vector_size(8)));

struct two_bytes16 {
    bytes16 low, high;
};
struct two_floats4 {
    floats4 low, high;
};
AKA_VECTOR_INLINE floats8 rounded(floats8 product) noexcept {
    auto v = load<two_floats4>(&product);
    __asm__("" : "+w"(v.low), "+w"(v.high));
    return load<floats8>(&v);
}
AKA_VECTOR_INLINE uints8 widen_u8(const void* p) noexcept {
    return __builtin_convertvector(load<bytes8>(p), uints8);
}
AKA_VECTOR_INLINE ints8 widen_i8(const void* p) noexcept {
    return __builtin_convertvector(load<signed8>(p), ints8);
}
AKA_VECTOR_INLINE uints8 widen_u16(const void* p) noexcept {
    return __builtin_convertvector(load<words8>(p), uints8);
}
AKA_VECTOR_INLINE ints8 widen_i16(const void* p) noexcept {
    return __builtin_convertvector(load<shorts8>(p), ints8);
}
constexpr bool can_stream = false;
AKA_VECTOR_INLINE void stream(float* to, floats8 v) noexcept { store(to, v); }
AKA_VECTOR_INLINE void end_of_stream() noexcept {}

AKA_VECTOR_INLINE floats8 widen_half(const void* p) noexcept {
    const auto* bytes = static_cast<const std::byte*>(p);
    const two_floats4 v{__builtin_convertvector(load<halves4>(bytes), floats4),
                        __builtin_convertvector(load<halves4>(bytes + 8), floats4)};
    return load<floats8>(&v);
}
AKA_VECTOR_INLINE float half(std::uint16_t bits) noexcept {
    return static_cast<float>(load<__fp16>(&bits));
}
#if defined(__clang__)
AKA_VECTOR_INLINE bytes16 pick16(bytes16 table, bytes16 i) noexcept {
    return reinterpret_cast<bytes16>(__builtin_neon_vqtbl1q_v(
        reinterpret_cast<signed char __attribute__((vector_size(16)))>(table),
        reinterpret_cast<signed char __attribute__((vector_size(16)))>(i), 48));
}
#else
AKA_VECTOR_INLINE bytes16 pick16(bytes16 table, bytes16 i) noexcept {
    return __builtin_shuffle(table, i);
}
#endif
/// From indices of four-byte numbers to those of their bytes.
AKA_VECTOR_INLINE uints8 byte_indices(uints8 i) noexcept { return i * 0x04040404u + 0x03020100u; }
AKA_VECTOR_INLINE floats8 pick4(floats8 table, uints8 i) noexcept {
    const uints8 at = byte_indices(i & 3);
    const auto t = load<two_bytes16>(&table);
    const auto k = load<two_bytes16>(&at);
    const two_bytes16 r{pick16(t.low, k.low), pick16(t.low, k.high)};
    return load<floats8>(&r);
}
/// Indices beyond the sixteen bytes give zero (clang's) or wrap (gcc's): each half on its own.
AKA_VECTOR_INLINE floats8 pick8(floats8 table, uints8 i) noexcept {
    const uints8 at = byte_indices(i & 3);
    const uints8 upper = reinterpret_cast<uints8>((i & 4) != 0);
    const auto t = load<two_bytes16>(&table);
    const auto k = load<two_bytes16>(&at);
    const two_bytes16 low{pick16(t.low, k.low), pick16(t.low, k.high)};
    const two_bytes16 high{pick16(t.high, k.low), pick16(t.high, k.high)};
    return reinterpret_cast<floats8>((load<uints8>(&low) & ~upper) | (load<uints8>(&high) & upper));
}

#endif

}  // namespace vec8
}  // namespace detail
AKA_END

#endif  // AKA_VECTORS

#endif  // AKA_VEC8_HPP
