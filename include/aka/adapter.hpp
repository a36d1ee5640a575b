// aka: any checkpoint seen through any convention: the same tensors under other names and in the
// layout that goes with them. Nothing is copied until asked.
#include "version.hpp"

#ifndef AKA_ADAPTER_HPP
#define AKA_ADAPTER_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "coordinate_map.hpp"
#include "identify.hpp"
#include "target.hpp"

AKA_BEGIN

class adapter;
result<adapter> adapt(const checkpoint& source, const target& to) noexcept;

/// A tensor of the ledger.
struct ledger_entry {
    std::string_view name;  ///< of the file (unbound) or of the target (missing, made)
    std::string_view why;   ///< for people
};

/// A checkpoint's own interface, under the target's names. Keeps the checkpoint's store alive;
/// tensors borrow from the adapter's store.
class adapter : public tensor_list {
  public:
    /// Every field decided.
    const aka::target& resolved() const noexcept { return resolved_; }
    /// The one that the target came down to.
    const aka::convention& convention() const noexcept { return *convention_; }
    /// What the source's names are.
    const identification& source() const noexcept AKA_LIFETIMEBOUND { return id_; }
    /// Of the source.
    const aka::hparams& hparams() const noexcept AKA_LIFETIMEBOUND { return id_.hparams(); }
    /// The order of rows of q and k, as they come.
    rope_order rope() const noexcept { return resolved_.rope; }

    /// What the target needs and the file lacks.
    span<const ledger_entry> missing() const noexcept AKA_LIFETIMEBOUND { return view(missing_); }
    /// What the file has and the target does not name.
    span<const ledger_entry> unbound() const noexcept AKA_LIFETIMEBOUND { return view(unbound_); }
    /// What the file lacks and follows from something else. A tied output: where the target's
    /// readers ask for one, `find` and `get` give the embedding under its name, but it is not
    /// listed a second time; else (GGUF, Gemma) they know to take the embedding. Factors of rotary
    /// embeddings (rope_freqs, rope_factors_long and _short of GGUF) are tensors like any other,
    /// F32, computed once; their bytes are in the adapter's memory, their `file()` is empty.
    span<const ledger_entry> made() const noexcept AKA_LIFETIMEBOUND { return view(made_); }

    /// By coordinate: the tensor of the target that is this role alone. False in a condition where
    /// there is none (fused targets have no attn_q of their own).
    tensor get(role r, std::int64_t layer = -1, std::int64_t expert = -1,
               std::string_view part = "weight") const noexcept AKA_LIFETIMEBOUND {
        const part_info* p = find_part(part);
        if (p == nullptr) return {};
        std::uint32_t i = by_role_.find(detail::coordinate_map::key(r, layer, expert, *p));
        return i == detail::coordinate_map::none ? tensor() : (*this)[i];
    }
    using tensor_list::get;

  private:
    friend class adapter_builder;
    friend result<adapter> adapt(const checkpoint&, const target&) noexcept;
    adapter(detail::store_ref s, identification id) noexcept
        : tensor_list(std::move(s)), id_(std::move(id)) {}
    static span<const ledger_entry> view(const detail::growing<ledger_entry>& g) noexcept {
        return {g.data(), g.size()};
    }

    catalog known_;  // where the caller brought none
    identification id_;
    aka::target resolved_;
    const aka::convention* convention_ = nullptr;
    detail::coordinate_map by_role_;
    detail::growing<ledger_entry> missing_, unbound_, made_;
};

AKA_END

#endif  // AKA_ADAPTER_HPP
