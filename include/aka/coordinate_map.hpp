// aka: from (role, layer, expert, part) to a tensor's position.
#ifndef AKA_COORDINATE_MAP_HPP
#define AKA_COORDINATE_MAP_HPP

#include <cstdint>

#include "arena.hpp"
#include "name_index.hpp"
#include "parts.hpp"
#include "roles.hpp"

AKA_BEGIN
namespace detail {

/// A hash table of packed coordinates.
class coordinate_map {
  public:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    static std::uint64_t key(role r, std::int64_t layer, std::int64_t expert,
                             const part_info& part) noexcept {
        // 8 bits for the role, 8 for the part, 24 each for layer and expert, none being all ones.
        return static_cast<std::uint64_t>(r) | static_cast<std::uint64_t>(&part - part_table) << 8 |
               (static_cast<std::uint64_t>(layer) & 0xffffff) << 16 |
               (static_cast<std::uint64_t>(expert) & 0xffffff) << 40;
    }

    bool reserve(std::size_t n) noexcept {
        std::size_t size = 16;
        while (size < 2 * n) size *= 2;
        slots_.clear();
        return slots_.resize(size);
    }
    /// The position that was there already, or `none` when this one is new. Reserve first.
    std::uint32_t insert(std::uint64_t k, std::uint32_t position) noexcept {
        slot* s = place(k);
        if (s->position != 0) return s->position - 1;
        *s = {k, position + 1};
        return none;
    }
    std::uint32_t find(std::uint64_t k) const noexcept {
        if (slots_.empty()) return none;
        const slot* s = const_cast<coordinate_map*>(this)->place(k);
        return s->position == 0 ? none : s->position - 1;
    }

  private:
    struct slot {
        std::uint64_t key;
        std::uint32_t position;  // plus one
    };
    slot* place(std::uint64_t k) noexcept {
        std::size_t mask = slots_.size() - 1;
        // Eight experts in a row share 128 bytes: they are asked for one after the other.
        std::uint64_t last = k >> 40 & 7, group = k ^ (last << 40);
        auto at = static_cast<std::size_t>(hash_end(hash_step(hash_start, group), 8) ^ last) & mask;
        while (slots_[at].position != 0 && slots_[at].key != k) at = (at + 1) & mask;
        return &slots_[at];
    }
    growing<slot> slots_;
};

}  // namespace detail
AKA_END

#endif  // AKA_COORDINATE_MAP_HPP
