// aka: finding a name among a million, whoever chose the names.
#ifndef AKA_NAME_INDEX_HPP
#define AKA_NAME_INDEX_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "arena.hpp"
#include "bytes.hpp"

AKA_BEGIN
namespace detail {

// The hash takes sixteen bytes a step, so that a reader that looks at a name sixteen bytes at a
// time anyway (for its end, for escapes) can hash it on the way: `hash_block` for every sixteen
// bytes, once more for the 0 to 15 that are left (zeros behind them), `hash_end` last.
constexpr std::uint64_t hash_start = 0x2545f4914f6cdd1d;
AKA_INLINE std::uint64_t hash_step(std::uint64_t h, std::uint64_t word) noexcept {
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}
AKA_INLINE std::uint64_t hash_block(std::uint64_t h, std::uint64_t a, std::uint64_t b) noexcept {
    b *= 0xe7037ed1a0b428dbu;  // beside the chain from block to block, which has one product
    return hash_step(h, a ^ (b << 32 | b >> 32));
}
AKA_INLINE std::uint32_t hash_end(std::uint64_t h, std::uint64_t size) noexcept {
    h = (h ^ size) * 0xd6e8feb86659fd93u;
    return static_cast<std::uint32_t>(h >> 32);
}
/// The first `n` bytes of a little-endian word; all of it for 8 and more.
AKA_INLINE std::uint64_t low_bytes(std::uint64_t word, unsigned n) noexcept {
    return n >= 8 ? word : word & ((std::uint64_t{1} << (8 * n)) - 1);
}
/// The 0 to 7 bytes at p, zeros behind them.
AKA_INLINE std::uint64_t load_few(const char* p, std::size_t n) noexcept {
    auto byte = [p](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
    if (n >= 4)  // the two loads overlap
        return load_le<std::uint32_t>(p) | std::uint64_t{load_le<std::uint32_t>(p + n - 4)}
                                               << (8 * (n - 4));
    return n == 0 ? 0 : byte(0) | byte(n / 2) << (8 * (n / 2)) | byte(n - 1) << (8 * (n - 1));
}
inline std::uint32_t hash_name(std::string_view s) noexcept {
    const char* p = s.data();
    std::size_t left = s.size();
    std::uint64_t h = hash_start;
    for (; left >= 16; left -= 16, p += 16)
        h = hash_block(h, load_le<std::uint64_t>(p), load_le<std::uint64_t>(p + 8));
    if (left >= 8)
        h = hash_block(h, load_le<std::uint64_t>(p), load_few(p + 8, left - 8));
    else
        h = hash_block(h, load_few(p, left), 0);
    return hash_end(h, s.size());
}

/// The same, where sixteen bytes behind the name can be read: without a branch for what is left.
AKA_INLINE std::uint32_t hash_inner_name(const char* p, std::size_t size) noexcept {
    std::size_t left = size;
    std::uint64_t h = hash_start;
    for (; left >= 16; left -= 16, p += 16)
        h = hash_block(h, load_le<std::uint64_t>(p), load_le<std::uint64_t>(p + 8));
    auto n = static_cast<unsigned>(left);
    std::uint64_t b = load_le<std::uint64_t>(p + 8);
    h = hash_block(h, low_bytes(load_le<std::uint64_t>(p), n), n < 8 ? 0 : low_bytes(b, n - 8));
    return hash_end(h, size);
}

/// Names to positions. A hash table; and where somebody chose names that collide, a sorted list:
/// never quadratic. 16 to 32 bytes a name.
class name_index {
  public:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    enum class outcome { ok, duplicate, no_memory };

    /// `name(i)` and `hash(i)` for positions below n. At a duplicate `twice(earlier, later)` says
    /// which of the two positions stays; `none` stops with `duplicate`.
    template <class Name, class Hash, class Twice>
    outcome build(std::size_t n, Name name, Hash hash, Twice twice) noexcept {
        slots_.clear();
        sorted_ = false;
        if (n == 0) return outcome::ok;
        std::size_t size = 8;
        while (size < 2 * n) size *= 2;
        if (n >= none / 4 || !slots_.resize(size)) return outcome::no_memory;
        std::size_t mask = size - 1;
        constexpr std::size_t ahead = 12;  // the slots are all over a table larger than a cache
        for (std::size_t i = 0; i < n; ++i) {
            if (i + ahead < n) AKA_PREFETCH(slots_.data() + (hash(i + ahead) & mask));
            std::uint32_t h = hash(i);
            std::size_t at = h & mask, steps = 0;
            for (; slots_[at].position != 0; at = (at + 1) & mask) {
                if (slots_[at].hash == h) {
                    std::uint32_t earlier = slots_[at].position - 1;
                    if (name(earlier) == name(i)) {
                        std::uint32_t stays = twice(earlier, static_cast<std::uint32_t>(i));
                        if (stays == none) return outcome::duplicate;
                        slots_[at].position = stays + 1;
                        goto next;
                    }
                }
                if (++steps > most_steps) return sort_names(n, name, twice);
            }
            slots_[at] = {static_cast<std::uint32_t>(i) + 1, h};
        next:;
        }
        return outcome::ok;
    }

    template <class Name>
    std::uint32_t find(std::string_view s, Name name) const noexcept {
        if (slots_.empty()) return none;
        if (sorted_) return find_sorted(s, name);
        std::uint32_t h = hash_name(s);
        std::size_t mask = slots_.size() - 1, left = most_steps + 1;
        for (std::size_t at = h & mask; slots_[at].position != 0 && left != 0; --left) {
            if (slots_[at].hash == h && name(slots_[at].position - 1) == s)
                return slots_[at].position - 1;
            at = (at + 1) & mask;
        }
        return none;
    }

  private:
    // No name is further from its place, so that looking for one that is not there stops as well.
    static constexpr std::size_t most_steps = 256;

    struct slot {
        std::uint32_t position;  // plus one; 0 is an empty slot
        std::uint32_t hash;
    };

    template <class Name, class Twice>
    outcome sort_names(std::size_t n, Name name, Twice twice) noexcept {
        sorted_ = true;
        if (!slots_.resize(n)) return outcome::no_memory;
        for (std::size_t i = 0; i < n; ++i) slots_[i] = {static_cast<std::uint32_t>(i) + 1, 0};
        sort(slots_.data(), n, [&](const slot& a, const slot& b) {
            int c = name(a.position - 1).compare(name(b.position - 1));
            return c < 0 || (c == 0 && a.position < b.position);
        });
        std::size_t kept = 0;
        for (std::size_t i = 0; i < n; ++i) {
            if (kept != 0 && name(slots_[kept - 1].position - 1) == name(slots_[i].position - 1)) {
                std::uint32_t stays = twice(slots_[kept - 1].position - 1, slots_[i].position - 1);
                if (stays == none) return outcome::duplicate;
                slots_[kept - 1].position = stays + 1;
            } else {
                slots_[kept++] = slots_[i];
            }
        }
        if (!slots_.resize(kept)) return outcome::no_memory;
        return outcome::ok;
    }
    template <class Name>
    std::uint32_t find_sorted(std::string_view s, Name name) const noexcept {
        std::size_t low = 0, high = slots_.size();
        while (low < high) {
            std::size_t mid = low + (high - low) / 2;
            int c = name(slots_[mid].position - 1).compare(s);
            if (c == 0) return slots_[mid].position - 1;
            if (c < 0)
                low = mid + 1;
            else
                high = mid;
        }
        return none;
    }

    growing<slot> slots_;
    bool sorted_ = false;
};

}  // namespace detail
AKA_END

#endif  // AKA_NAME_INDEX_HPP
