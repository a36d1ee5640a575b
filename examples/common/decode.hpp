// Elements of any type as float32.
#ifndef AKA_CLI_DECODE_HPP
#define AKA_CLI_DECODE_HPP

#include <aka/dequantize.hpp>

#include <cstddef>

#include "row_source.hpp"

namespace cli {

// `n` elements in whole blocks, as read from `s`, and what is pending added. Float32 in this
// machine's byte order: where they lie if they are that, else in `buffer`.
inline const std::byte* decode(const row_source& s, const std::byte* at, float* buffer,
                               std::size_t n) {
#if !AKA_BIG_ENDIAN_HOST
    if (s.dtype() == aka::dtype::f32 && s.offset() == 0) return at;
#endif
    // Types that cannot be decoded are not asked for.
    (void)aka::dequantize(s.dtype(), {at, static_cast<std::size_t>(s.bytes(n))}, {buffer, n});
    for (std::size_t i = 0; s.offset() != 0 && i < n; ++i) buffer[i] += s.offset();
    return reinterpret_cast<const std::byte*>(buffer);
}

}  // namespace cli

#endif  // AKA_CLI_DECODE_HPP
