// aka: the elements of every type of both formats as float32, ggml's quantised blocks included.
//
// Pure functions on ranges of bytes, without state and without threads: whoever has several cores
// gives each its own rows. The bits are ggml's own (NaN counts as NaN), whatever the processor.
#ifndef AKA_DEQUANTIZE_HPP
#define AKA_DEQUANTIZE_HPP

#include <cstdint>
#include <cstring>

#include "convert.hpp"
#include "dequantize_blocks.hpp"

AKA_BEGIN
namespace detail {

/// The decoder of a type for this processor; null for `unknown`.
inline block_decoder decoder_of(aka::dtype t) noexcept {
    return portable_decoders.of[static_cast<std::size_t>(t)];
}

/// Decodes `n` blocks; null is no type that has any.
inline void decode(aka::dtype t, const std::byte* in, float* out, std::size_t n) noexcept {
    if (n != 0) decoder_of(t)(in, out, n);
}

}  // namespace detail

/// Decodes out.size() elements of any type: rows, slices of whole blocks, whole tensors. Bytes are
/// little-endian, as files hold them, packed, and need no alignment; for F4, F6 and C64 see to_f32.
/// Errors: wrong_type (`unknown`); bad_block, elements that are not whole blocks of the type;
/// wrong_size, another number of bytes than they take; unsupported (C64 that is not real).
inline status dequantize(dtype t, byte_span in, span<float> out) noexcept {
    if (status s = detail::check_elements(t, in.size(), out.size()); !s) return s;
    if (t == dtype::c64)
        if (status s = detail::check_real(in.data(), out.size()); !s) return s;
    detail::decode(t, in.data(), out.data(), out.size() / info(t).block_elements);
    return {};
}

/// Elements [first, first + out.size()) of the packed elements in `in`, wherever they begin and end
/// inside blocks. Errors: wrong_type; bad_block, `in` is not whole blocks; out_of_range;
/// unsupported.
inline status dequantize_range(dtype t, byte_span in, std::uint64_t first,
                               span<float> out) noexcept {
    const dtype_info& type = info(t);
    if (type.block_elements == 0)
        return detail::fail(errc::wrong_type, error::nowhere, "elements of an unknown type");
    if (in.size() % type.block_bytes != 0) {
        return detail::fail(errc::bad_block, error::nowhere, in.size(),
                            " bytes are not whole blocks of ", type.name, ", which have ",
                            type.block_bytes, " each");
    }
    const std::uint64_t have =
        static_cast<std::uint64_t>(in.size()) / type.block_bytes * type.block_elements;
    if (first > have || out.size() > have - first) {
        return detail::fail(errc::out_of_range, error::nowhere, "elements ", first, " to ",
                            first + out.size(), " of ", have);
    }
    auto block = static_cast<std::size_t>(first / type.block_elements);
    auto skip = static_cast<std::size_t>(first % type.block_elements);
    const std::byte* at = in.data() + block * type.block_bytes;
    float* to = out.data();
    std::size_t left = out.size();
    if (t == dtype::c64)
        if (status s = detail::check_real(at, left); !s) return s;
    float whole[256];  // a block of which a part is wanted
    auto part = [&](std::size_t n) {
        detail::decode(t, at, whole, 1);
        std::memcpy(to, whole + skip, n * sizeof(float));
        at += type.block_bytes, to += n, left -= n, skip = 0;
    };
    if (skip != 0 && left != 0)
        part(left < type.block_elements - skip ? left : type.block_elements - skip);
    const std::size_t blocks = left / type.block_elements;
    detail::decode(t, at, to, blocks);
    at += blocks * type.block_bytes, to += blocks * type.block_elements;
    left -= blocks * type.block_elements;
    if (left != 0) part(left);
    return {};
}

AKA_END

#endif  // AKA_DEQUANTIZE_HPP
