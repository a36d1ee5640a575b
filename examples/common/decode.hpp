// Elements of any type as float32.
#ifndef AKA_CLI_DECODE_HPP
#define AKA_CLI_DECODE_HPP

#include <aka/convert.hpp>

#include <cstddef>

namespace cli {

using decoder = void (*)(const std::byte* in, float* out, std::size_t n);

// Null: no numbers are made of this type here.
inline decoder decoder_of(aka::dtype t) { return aka::detail::plain_decoder_of(t); }

}  // namespace cli

#endif  // AKA_CLI_DECODE_HPP
