// aka: what a checkpoint has, by coordinate, and what of it an adapter has used.
#ifndef AKA_SOURCE_TENSORS_HPP
#define AKA_SOURCE_TENSORS_HPP

#include <cstdint>
#include <string_view>

#include "coordinate_map.hpp"
#include "identify.hpp"
#include "role_set.hpp"

AKA_BEGIN
namespace detail {

/// A part that some tensor of the checkpoint is; of LoRA there may be several of one kind.
struct seen_part {
    const part_info* info;
    std::string_view text;
};

class source_tensors {
  public:
    static constexpr std::uint32_t none = coordinate_map::none;

    /// The number that tells tensors of one role and layer apart: an expert's or a head's.
    static std::int32_t index_of(const bound_name& b) noexcept {
        return b.head >= 0 ? b.head : b.expert;
    }

    /// Errors: collision, where two tensors are one coordinate; out_of_memory.
    status start(const identification& id, const checkpoint& source) noexcept {
        std::size_t roles = 0;
        for (const bound_name& b : id.names())
            if (b.row != nullptr && b.row->is_tensor()) roles += b.row->roles.size();
        if (!by_role_.reserve(roles) || !used_.resize(source.size())) return no_memory();
        for (std::uint32_t i = 0; i < id.names().size(); ++i) {
            const bound_name& b = id.names()[i];
            if (b.row == nullptr || !b.row->is_tensor() || b.part == nullptr) continue;
            roles_ |= b.row->role_set;
            bool known = false;
            for (const seen_part& p : parts_) known = known || p.text == b.part_text;
            if (!known && !parts_.push({b.part, b.part_text})) return no_memory();
            for (role r : b.row->roles) {
                std::uint32_t first =
                    by_role_.insert(coordinate_map::key(r, b.layer, index_of(b), *b.part), i);
                if (first == none) continue;
                // Several adapters of one kind have one part between them; they only pass through.
                if (b.part->text.find('*') != std::string_view::npos) continue;
                return fail(errc::collision, error::nowhere, "tensors ",
                            quoted{source[first].name()}, " and ", quoted{source[i].name()},
                            " are both ", name(r), " (", b.part->text, ") of layer ", b.layer)
                    .in(source[i].file());
            }
        }
        return {};
    }

    std::uint32_t find(role r, std::int64_t layer, std::int64_t index,
                       const part_info& p) const noexcept {
        return by_role_.find(coordinate_map::key(r, layer, index, p));
    }
    /// All roles and all parts that there are.
    std::uint64_t roles() const noexcept { return roles_; }
    bool has(role r) const noexcept { return (roles_ & bit(r)) != 0; }
    const growing<seen_part>& parts() const noexcept { return parts_; }

    void use(std::uint32_t tensor) noexcept { used_[tensor] = 1; }
    bool used(std::uint32_t tensor) const noexcept { return used_[tensor] != 0; }

  private:
    coordinate_map by_role_;
    growing<seen_part> parts_;
    growing<std::uint8_t> used_;
    std::uint64_t roles_ = 0;
};

}  // namespace detail
AKA_END

#endif  // AKA_SOURCE_TENSORS_HPP
