// binary16 and bfloat16, written the plain way: the tests' own conversions.
#ifndef AKA_TEST_NUMBERS_HPP
#define AKA_TEST_NUMBERS_HPP

#include "bytes.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

inline std::uint32_t f32_bits(float v) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &v, sizeof bits);
    return bits;
}
inline float f32_from_bits(std::uint32_t bits) {
    float v = 0;
    std::memcpy(&v, &bits, sizeof v);
    return v;
}

inline float bf16_to_f32(std::uint16_t h) { return f32_from_bits(std::uint32_t{h} << 16); }

// To nearest, ties to even; a NaN stays one.
inline std::uint16_t f32_to_bf16(float v) {
    const std::uint32_t bits = f32_bits(v);
    if (std::isnan(v)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
    return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

inline float f16_to_f32(std::uint16_t h) {
    const int exponent = (h >> 10) & 31;
    const int fraction = h & 1023;
    const float sign = (h & 0x8000) != 0 ? -1.0f : 1.0f;
    if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
    return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

// To nearest, ties to even, by arithmetic in steps of the result's last place.
inline std::uint16_t f32_to_f16(float v) {
    const auto sign = static_cast<std::uint16_t>(std::signbit(v) ? 0x8000u : 0u);
    const auto with_sign = [sign](unsigned bits) {
        return static_cast<std::uint16_t>(sign | bits);
    };
    if (std::isnan(v)) return with_sign(0x7E00);
    const double a = std::fabs(static_cast<double>(v));
    if (a >= 65520.0) return with_sign(0x7C00);  // the tie above the largest goes to infinity
    if (a == 0.0) return sign;
    int exponent = 0;
    std::frexp(a, &exponent);  // a = m * 2^exponent with m in [0.5, 1)
    const int e = exponent < -13 ? -13 : exponent;
    // In units of 2^(e-11) a normal number is 1024..2047; rounding up to 2048 carries by itself.
    const auto units = static_cast<unsigned>(std::nearbyint(std::ldexp(a, 11 - e)));
    return with_sign(static_cast<unsigned>(e + 13) * 1024u + units);
}

// Floats as the little-endian bytes of a safetensors dtype: F32, F16 or BF16.
inline std::string encode_floats(const std::vector<float>& values, std::string_view dtype) {
    bytes_builder out;
    for (const float v : values) {
        if (dtype == "F32")
            out.put_f32(v);
        else if (dtype == "F16")
            out.put_u16(f32_to_f16(v));
        else if (dtype == "BF16")
            out.put_u16(f32_to_bf16(v));
        else
            throw std::runtime_error("encode_floats: " + std::string(dtype));
    }
    return std::move(out).str();
}

inline std::vector<float> decode_floats(std::string_view bytes, std::string_view dtype) {
    const std::size_t width = dtype == "F32" ? 4 : 2;
    if (dtype != "F32" && dtype != "F16" && dtype != "BF16") {
        throw std::runtime_error("decode_floats: " + std::string(dtype));
    }
    std::vector<float> out;
    for (std::size_t at = 0; at + width <= bytes.size(); at += width) {
        std::uint32_t bits = 0;
        for (std::size_t k = width; k-- > 0;) {
            bits = bits << 8 | static_cast<unsigned char>(bytes[at + k]);
        }
        if (dtype == "F32")
            out.push_back(f32_from_bits(bits));
        else if (dtype == "F16")
            out.push_back(f16_to_f32(static_cast<std::uint16_t>(bits)));
        else
            out.push_back(bf16_to_f32(static_cast<std::uint16_t>(bits)));
    }
    return out;
}

}  // namespace test

#endif  // AKA_TEST_NUMBERS_HPP
