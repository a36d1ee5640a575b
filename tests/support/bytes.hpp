// Bytes put together by hand, random numbers that are the same everywhere, and hex.
// Part of the independent side of the tests: nothing here includes an aka header.
#ifndef AKA_TEST_BYTES_HPP
#define AKA_TEST_BYTES_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace test {

enum class byte_order { little, big };

class bytes_builder {
  public:
    explicit bytes_builder(byte_order order = byte_order::little) : order_(order) {}

    bytes_builder& put_u8(std::uint8_t v) { return put_uint(v, 1); }
    bytes_builder& put_u16(std::uint16_t v) { return put_uint(v, 2); }
    bytes_builder& put_u32(std::uint32_t v) { return put_uint(v, 4); }
    bytes_builder& put_u64(std::uint64_t v) { return put_uint(v, 8); }

    bytes_builder& put_f32(float v) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &v, sizeof bits);
        return put_u32(bits);
    }
    bytes_builder& put_f64(double v) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, &v, sizeof bits);
        return put_u64(bits);
    }

    // The low `width` bytes of v in the order of this builder.
    bytes_builder& put_uint(std::uint64_t v, unsigned width) {
        for (unsigned i = 0; i < width; ++i) {
            const unsigned at = order_ == byte_order::little ? i : width - 1 - i;
            out_.push_back(static_cast<char>(static_cast<unsigned char>((v >> (8 * at)) & 0xFFu)));
        }
        return *this;
    }

    bytes_builder& put_raw(std::string_view bytes) {
        out_.append(bytes);
        return *this;
    }
    bytes_builder& put_fill(std::size_t n, char c = '\0') {
        out_.append(n, c);
        return *this;
    }
    bytes_builder& pad_to(std::uint64_t alignment, char c = '\0') {
        while (alignment != 0 && out_.size() % alignment != 0) out_.push_back(c);
        return *this;
    }
    // A length of `width` bytes, then the text: GGUF's string (8; 4 in version 1).
    bytes_builder& put_string(std::string_view text, unsigned width = 8) {
        put_uint(text.size(), width);
        return put_raw(text);
    }

    // Overwrites what stands at `at`, for fields that are known late or must be wrong.
    bytes_builder& patch(std::size_t at, std::uint64_t v, unsigned width) {
        bytes_builder field(order_);
        field.put_uint(v, width);
        out_.replace(at, width, field.out_);
        return *this;
    }

    std::size_t size() const { return out_.size(); }
    const std::string& str() const& { return out_; }
    std::string str() && { return std::move(out_); }

  private:
    std::string out_;
    byte_order order_;
};

inline std::uint64_t round_up(std::uint64_t n, std::uint64_t alignment) {
    if (alignment < 2 || n % alignment == 0) return n;
    return n + (alignment - n % alignment);
}

// splitmix64: the standard distributions differ between libraries, this one never does.
class rng {
  public:
    explicit rng(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15u;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
    // Uniform in [-1, 1), exact in binary32.
    float unit() { return static_cast<float>(next() >> 40) / 8388608.0f - 1.0f; }

    std::string bytes(std::size_t n) {
        std::string out;
        out.reserve(n + 8);
        while (out.size() < n) {
            std::uint64_t v = next();
            for (int i = 0; i < 8; ++i, v >>= 8) {
                out.push_back(static_cast<char>(static_cast<unsigned char>(v & 0xFFu)));
            }
        }
        out.resize(n);
        return out;
    }

  private:
    std::uint64_t state_;
};

inline std::string random_bytes(std::size_t n, std::uint64_t seed = 1) {
    return rng(seed).bytes(n);
}

inline std::string hex_encode(std::string_view bytes) {
    static const char digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        const auto b = static_cast<unsigned char>(c);
        out.push_back(digits[b >> 4]);
        out.push_back(digits[b & 15]);
    }
    return out;
}

inline std::string hex_decode(std::string_view hex) {
    const auto digit = [](char c) -> unsigned {
        if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
        if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
        if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
        throw std::runtime_error("hex_decode: not a hex digit");
    };
    if (hex.size() % 2 != 0) throw std::runtime_error("hex_decode: odd number of digits");
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const unsigned b = digit(hex[i]) * 16 + digit(hex[i + 1]);
        out.push_back(static_cast<char>(static_cast<unsigned char>(b)));
    }
    return out;
}

// FNV-1a: enough to say that two long byte strings differ, without printing them.
inline std::uint64_t hash_bytes(std::string_view bytes) {
    std::uint64_t h = 0xCBF29CE484222325u;
    for (const char c : bytes) {
        h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    }
    return h;
}

}  // namespace test

#endif  // AKA_TEST_BYTES_HPP
