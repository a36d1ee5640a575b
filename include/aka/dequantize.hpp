// aka: the elements of every type of both formats as float32, ggml's quantised blocks included.
//
// Pure functions on ranges of bytes, without state and without threads: whoever has several cores
// gives each its own rows. The bits are ggml's own (NaN counts as NaN), whatever the processor.
#ifndef AKA_DEQUANTIZE_HPP
#define AKA_DEQUANTIZE_HPP

#include <cstdint>
#include <cstring>

#include "convert.hpp"
#include "convert_vec8.hpp"
#include "cpu.hpp"
#include "dequantize_blocks.hpp"
#include "dequantize_vec8.hpp"

AKA_BEGIN
namespace detail {

#if AKA_VECTORS

struct vector_type {
    aka::dtype dtype;
    block_decoder decode;
};
inline constexpr vector_type vector_types[] = {
    {dtype::f16, vec8::f16},
    {dtype::bf16, vec8::bf16},
    {dtype::i8, vec8::i8},
    {dtype::u8, vec8::u8},
    {dtype::i16, vec8::i16},
    {dtype::u16, vec8::u16},
    {dtype::i32, vec8::i32},
    {dtype::boolean, vec8::booleans},
    {dtype::f64, vec8::f64},
    {dtype::f8_e5m2fnuz, vec8::f8_e5m2fnuz},
    {dtype::u64, vec8::u64},
    {dtype::f8_e4m3, vec8::f8_e4m3},
    {dtype::f8_e4m3fnuz, vec8::f8_e4m3fnuz},
    {dtype::f8_e8m0, vec8::f8_e8m0},
    {dtype::f8_e5m2, vec8::f8_e5m2},
    {dtype::q4_0, vec8::q4_0},
    {dtype::q4_1, vec8::q4_1},
    {dtype::q5_0, vec8::q5_0},
    {dtype::q5_1, vec8::q5_1},
    {dtype::q8_0, vec8::q8_0},
    {dtype::q8_1, vec8::q8_1},
    {dtype::q2_k, vec8::q2_k},
    {dtype::q3_k, vec8::q3_k},
    {dtype::q4_k, vec8::q4_k},
    {dtype::q5_k, vec8::q5_k},
    {dtype::q6_k, vec8::q6_k},
    {dtype::q8_k, vec8::q8_k},
    {dtype::iq2_xxs, vec8::iq2_xxs},
    {dtype::iq2_xs, vec8::iq2_xs},
    {dtype::iq3_xxs, vec8::iq3_xxs},
    {dtype::iq1_s, vec8::iq1_s},
    {dtype::iq4_nl, vec8::iq4_nl},
    {dtype::iq3_s, vec8::iq3_s},
    {dtype::iq2_s, vec8::iq2_s},
    {dtype::iq4_xs, vec8::iq4_xs},
    {dtype::iq1_m, vec8::iq1_m},
    {dtype::tq1_0, vec8::tq1_0},
    {dtype::tq2_0, vec8::tq2_0},
    {dtype::mxfp4, vec8::mxfp4},
    {dtype::nvfp4, vec8::nvfp4},
    {dtype::q1_0, vec8::q1_0},
    {dtype::q2_0, vec8::q2_0},
    {dtype::f4, vec8::f4_blocks},
};
/// The portable decoder where there is no other.
constexpr decoder_table make_vector_decoders() noexcept {
    decoder_table t = make_portable_decoders();
    for (const vector_type& v : vector_types) t.of[static_cast<std::size_t>(v.dtype)] = v.decode;
    return t;
}
inline constexpr decoder_table vector_decoders = make_vector_decoders();

/// Outputs that are larger than caches like it go around them: their lines are not read before they
/// are written, which is a third of the traffic, and what is in the caches stays there.
constexpr std::size_t streamed_from = std::size_t{4} << 20;

AKA_VECTOR_FN inline void decode_streaming(aka::dtype t, const std::byte* in, float* out,
                                           std::size_t n) noexcept {
    constexpr std::size_t line = 16, room = 1024;  // floats
    const dtype_info& type = info(t);
    const block_decoder decode = vector_decoders.of[static_cast<std::size_t>(t)];
    const std::size_t step = room / type.block_elements;  // blocks at once
    float stage[room + line];
    std::size_t have = 0;  // floats that are in the stage, of a line that is not full yet
    // Up to the first whole line of the output the ordinary way.
    std::size_t skip = (64 - reinterpret_cast<std::uintptr_t>(out) % 64) % 64 / sizeof(float);
    while (n != 0) {
        const std::size_t blocks = n < step ? n : step;
        decode(in, stage + have, blocks);
        in += blocks * type.block_bytes, n -= blocks;
        have += blocks * type.block_elements;
        const float* from = stage;
        if (skip > have) skip = have;
        std::memcpy(out, from, skip * sizeof(float));
        from += skip, out += skip, have -= skip, skip = 0;
        for (; have >= line; from += line, out += line, have -= line) {
            vec8::stream(out, vec8::load<vec8::floats8>(from));
            vec8::stream(out + 8, vec8::load<vec8::floats8>(from + 8));
        }
        std::memmove(stage, from, have * sizeof(float));
    }
    std::memcpy(out, stage, have * sizeof(float));
    vec8::end_of_stream();
}

#endif

/// The decoder of a type for this processor; null for `unknown`.
inline block_decoder decoder_of(aka::dtype t) noexcept {
#if AKA_VECTORS
    if (has_vectors()) return vector_decoders.of[static_cast<std::size_t>(t)];
#endif
    return portable_decoders.of[static_cast<std::size_t>(t)];
}

/// Decodes `n` blocks of any type but `unknown`.
inline void decode(aka::dtype t, const std::byte* in, float* out, std::size_t n) noexcept {
    if (n == 0) return;
#if AKA_VECTORS
    if (vec8::can_stream && t != dtype::f32 && has_vectors() &&
        n >= streamed_from / sizeof(float) / info(t).block_elements)
        return decode_streaming(t, in, out, n);
#endif
    decoder_of(t)(in, out, n);
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
