// XXH64 (https://github.com/Cyan4973/xxHash, seed 0): a fast 64-bit hash of content, not a
// cryptographic one. `xxhsum -H1` gives the same number for the same bytes.
#ifndef AKA_CLI_CONTENT_HASH_HPP
#define AKA_CLI_CONTENT_HASH_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace cli {

class content_hash {
  public:
    static constexpr const char* name = "xxh64";

    void add(const void* data, std::size_t size) {
        const auto* p = static_cast<const unsigned char*>(data);
        total_ += size;
        if (held_ + size < sizeof block_) {
            if (size != 0) std::memcpy(block_ + held_, p, size);
            held_ += size;
            return;
        }
        if (held_ != 0) {
            const std::size_t n = sizeof block_ - held_;
            std::memcpy(block_ + held_, p, n);
            blocks(block_, 1);
            p += n;
            size -= n;
        }
        blocks(p, size / sizeof block_);
        held_ = size % sizeof block_;
        if (held_ != 0) std::memcpy(block_, p + (size - held_), held_);
    }

    std::uint64_t value() const {
        std::uint64_t h = prime5;
        if (total_ >= sizeof block_) {
            h = rotate(lane_[0], 1) + rotate(lane_[1], 7) + rotate(lane_[2], 12) +
                rotate(lane_[3], 18);
            for (const std::uint64_t v : lane_) h = (h ^ round(0, v)) * prime1 + prime4;
        }
        h += total_;
        std::size_t i = 0;
        for (; i + 8 <= held_; i += 8)
            h = rotate(h ^ round(0, load(block_ + i, 8)), 27) * prime1 + prime4;
        for (; i + 4 <= held_; i += 4)
            h = rotate(h ^ load(block_ + i, 4) * prime1, 23) * prime2 + prime3;
        for (; i < held_; ++i) h = rotate(h ^ block_[i] * prime5, 11) * prime1;
        h = (h ^ h >> 33) * prime2;
        h = (h ^ h >> 29) * prime3;
        return h ^ h >> 32;
    }
    std::string hex() const {
        static constexpr char digits[] = "0123456789abcdef";
        std::string out;
        for (int shift = 60; shift >= 0; shift -= 4) out += digits[value() >> shift & 15];
        return out;
    }

  private:
    static constexpr std::uint64_t prime1 = 0x9E3779B185EBCA87, prime2 = 0xC2B2AE3D27D4EB4F,
                                   prime3 = 0x165667B19E3779F9, prime4 = 0x85EBCA77C2B2AE63,
                                   prime5 = 0x27D4EB2F165667C5;

    static constexpr std::uint64_t rotate(std::uint64_t v, int n) { return v << n | v >> (64 - n); }
    static constexpr std::uint64_t round(std::uint64_t lane, std::uint64_t v) {
        return rotate(lane + v * prime2, 31) * prime1;
    }
    // Little-endian, whatever this machine is.
    static std::uint64_t load(const unsigned char* p, std::size_t size) {
        std::uint64_t v = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        for (std::size_t i = 0; i < size; ++i) v |= std::uint64_t{p[i]} << (8 * i);
#else
        std::memcpy(&v, p, size);
#endif
        return v;
    }
    void blocks(const unsigned char* p, std::size_t n) {
        std::uint64_t a = lane_[0], b = lane_[1], c = lane_[2], d = lane_[3];
        for (; n != 0; --n, p += 32) {
            a = round(a, load(p, 8));
            b = round(b, load(p + 8, 8));
            c = round(c, load(p + 16, 8));
            d = round(d, load(p + 24, 8));
        }
        lane_[0] = a, lane_[1] = b, lane_[2] = c, lane_[3] = d;
    }

    std::uint64_t lane_[4] = {prime1 + prime2, prime2, 0, 0 - prime1};
    std::uint64_t total_ = 0;
    std::size_t held_ = 0;
    unsigned char block_[32] = {};
};

}  // namespace cli

#endif  // AKA_CLI_CONTENT_HASH_HPP
