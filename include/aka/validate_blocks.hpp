// aka: numbers in tensor data that no engine can use: what ggml's own validation refuses.
#ifndef AKA_VALIDATE_BLOCKS_HPP
#define AKA_VALIDATE_BLOCKS_HPP

#include <cstdint>

#include "convert_tensor.hpp"
#include "dequantize_blocks.hpp"
#include "tensor.hpp"

AKA_BEGIN

/// What `validate_blocks` found: how many elements (of F16, BF16, F32, F64) are infinite or NaN
/// (F64: as float32), or how many blocks have a scale that is (or, of MXFP4, the code that stands
/// for NaN); and the first of them, counted in elements or blocks.
struct bad_values {
    std::uint64_t count = 0;  ///< blocks, or elements of plain types
    std::uint64_t first = 0;  ///< the first of them, from 0
};

namespace detail {

/// Where the scales of a block are: binary16, but binary32 of Q8_K and a byte of MXFP4. IQ1_M
/// scatters the bits of its own.
struct scale_field {
    aka::dtype dtype;
    std::uint8_t bytes;
    std::uint8_t offset[2];  // the same twice: there is one
};
inline constexpr scale_field scale_fields[] = {
    {dtype::q4_0, 2, {0, 0}},    {dtype::q4_1, 2, {0, 2}},     {dtype::q5_0, 2, {0, 0}},
    {dtype::q5_1, 2, {0, 2}},    {dtype::q8_0, 2, {0, 0}},     {dtype::q8_1, 2, {0, 2}},
    {dtype::q2_k, 2, {80, 82}},  {dtype::q3_k, 2, {108, 108}}, {dtype::q4_k, 2, {0, 2}},
    {dtype::q5_k, 2, {0, 2}},    {dtype::q6_k, 2, {208, 208}}, {dtype::q8_k, 4, {0, 0}},
    {dtype::iq2_xxs, 2, {0, 0}}, {dtype::iq2_xs, 2, {0, 0}},   {dtype::iq3_xxs, 2, {0, 0}},
    {dtype::iq1_s, 2, {0, 0}},   {dtype::iq4_nl, 2, {0, 0}},   {dtype::iq3_s, 2, {0, 0}},
    {dtype::iq2_s, 2, {0, 0}},   {dtype::iq4_xs, 2, {0, 0}},   {dtype::tq1_0, 2, {52, 52}},
    {dtype::tq2_0, 2, {64, 64}}, {dtype::mxfp4, 1, {0, 0}},    {dtype::q1_0, 2, {0, 0}},
    {dtype::q2_0, 2, {0, 0}},
};

/// Plain floating point: the bits of the exponent.
struct exponent_field {
    aka::dtype dtype;
    std::uint8_t bytes;
    std::uint64_t mask;
};
inline constexpr exponent_field exponent_fields[] = {
    {dtype::f16, 2, 0x7c00},
    {dtype::bf16, 2, 0x7f80},
    {dtype::f32, 4, 0x7f800000},
};

AKA_INLINE std::uint64_t load_number(const std::byte* p, unsigned bytes) noexcept {
    std::uint64_t v = 0;
    for (unsigned i = 0; i < bytes; ++i) v |= static_cast<std::uint64_t>(p[i]) << (8 * i);
    return v;
}

/// Elements whose exponent is all ones. Eight bytes at once: adding the lowest bit of the exponent
/// carries into the sign just there, and the sign was masked.
inline void count_not_finite(const exponent_field& f, const std::byte* p, std::uint64_t n,
                             std::uint64_t first, bad_values& out) noexcept {
    std::uint64_t ones = 0;  // bit 0 of each element in eight bytes
    for (unsigned i = 0; i < 64; i += 8u * f.bytes) ones |= std::uint64_t{1} << i;
    const std::uint64_t exponents = ones * f.mask, signs = ones << (8 * f.bytes - 1);
    const std::uint64_t lowest = exponents & ~(exponents << 1);
    constexpr std::uint64_t group = 64;  // bytes
    const std::uint64_t in_group = group / f.bytes;
    for (std::uint64_t at = 0; at < n; at += in_group) {
        if (!AKA_BIG_ENDIAN_HOST && n - at >= in_group) {
            std::uint64_t any = 0;
            for (unsigned k = 0; k < group; k += 8)
                any |= (load_native<std::uint64_t>(p + at * f.bytes + k) & exponents) + lowest;
            if (AKA_LIKELY((any & signs) == 0)) continue;
        }
        for (std::uint64_t i = at; i < n && i < at + in_group; ++i)
            if ((load_number(p + i * f.bytes, f.bytes) & f.mask) == f.mask)
                if (out.count++ == 0) out.first = first + i;
    }
}
AKA_INLINE bool bad_scale(const std::byte* p, unsigned bytes) noexcept {
    const std::uint64_t v = load_number(p, bytes);
    const std::uint64_t ones = bytes == 1 ? 0xff : bytes == 2 ? 0x7c00 : 0x7f800000;
    return (v & ones) == ones;
}

/// `n` elements or blocks, the first of which is number `first`.
inline void count_bad(aka::dtype t, const std::byte* p, std::uint64_t n, std::uint64_t first,
                      bad_values& out) noexcept {
    const unsigned block = info(t).block_bytes;
    // From here on a float64 is infinite as float32, as which ggml looks at it.
    constexpr std::uint64_t too_large = 0x47effffff0000000;
    if (t == dtype::f64)
        for (std::uint64_t i = 0; i < n; ++i)
            if ((load_le<std::uint64_t>(p + 8 * i) & ~(std::uint64_t{1} << 63)) >= too_large)
                if (out.count++ == 0) out.first = first + i;
    for (const exponent_field& f : exponent_fields)
        if (f.dtype == t) return count_not_finite(f, p, n, first, out);
    for (const scale_field& f : scale_fields) {
        if (f.dtype != t) continue;
        for (std::uint64_t i = 0; i < n; ++i, p += block)
            if (bad_scale(p + f.offset[0], f.bytes) || bad_scale(p + f.offset[1], f.bytes))
                if (out.count++ == 0) out.first = first + i;
    }
    if (t == dtype::iq1_m)
        for (std::uint64_t i = 0; i < n; ++i, p += block)
            if ((blocks::iq1_m_scale(p) & 0x7c00) == 0x7c00)
                if (out.count++ == 0) out.first = first + i;
}

}  // namespace detail

/// Counts what ggml's validation refuses in the little-endian bytes of packed elements. Types that
/// have nothing to refuse (integers, NVFP4, those that GGUF has not) give none. Bytes beyond the
/// last whole block are not looked at.
inline bad_values validate_blocks(dtype t, byte_span in) noexcept {
    bad_values out;
    const unsigned block = info(t).block_bytes;
    if (block != 0) detail::count_bad(t, in.data(), in.size() / block, 0, out);
    return out;
}

/// The same for a tensor, wherever it lies and in either byte order: where it is a view nothing is
/// copied, else it comes in pieces of fixed size. What an adapter leaves pending is not applied.
/// Errors: no_data, unsupported (a byte order that is not settled), and those of reading.
inline result<bad_values> validate_blocks(const tensor& asked) noexcept {
    using parts = detail::include_convert_tensor_hpp;
    const tensor t = asked.stored();
    const unsigned elements = info(t.dtype()).block_elements;
    bad_values out;
    if (elements == 0) return out;
    if (t.is_view() && !parts::big_endian(t))
        return validate_blocks(t.dtype(), *t.bytes().get_if());
    if (parts::big_endian(t) && !detail::can_swap(t.dtype())) {
        return detail::fail(errc::unsupported, error::nowhere, "tensor ", detail::quoted{t.name()},
                            ": the byte order of this type is not settled")
            .in(t.file());
    }
    status done = parts::for_each_piece(
        t, t.elements(),
        [&](const std::byte* in, std::size_t count, std::uint64_t first) -> status {
            detail::count_bad(t.dtype(), in, count / elements, first / elements, out);
            return {};
        });
    if (!done) return done.error();
    return out;
}

AKA_END

#endif  // AKA_VALIDATE_BLOCKS_HPP
