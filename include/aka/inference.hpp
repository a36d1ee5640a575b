// aka: what is found out about names that no convention knows: each pattern's role, or why it is
// open, and what that rests on. `infer` in infer.hpp makes it.
#ifndef AKA_INFERENCE_HPP
#define AKA_INFERENCE_HPP

#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "roles.hpp"
#include "shape.hpp"
#include "span.hpp"

AKA_BEGIN

namespace detail {
class infer_report;
}

/// A name, and its shape where that is known (rank 0: it is not).
struct named_shape {
    std::string_view name;  ///< as in the file
    aka::shape shape;       ///< row-major, outermost first
};

/// What an assignment rests on; a set.
enum class evidence : std::uint8_t { none = 0, shape = 1, word = 2, elimination = 4 };
constexpr bool has(evidence set, evidence e) noexcept {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(e)) != 0;
}

/// The order of a fused tensor cannot be seen: q, k and v (or gate and up) one after the other, or
/// group by group (row by row). Who knows can say it.
enum class fused_order : std::uint8_t { unsaid, parts, groups };
/// What to take for granted where names and shapes cannot tell.
struct infer_options {
    fused_order qkv = fused_order::unsaid;      ///< of q, k and v in one tensor
    fused_order gate_up = fused_order::unsaid;  ///< of gate and up in one tensor
};

/// What was found out about the tensors of one name pattern.
struct inferred_row {
    static constexpr unsigned most_roles = 3;  ///< in one tensor

    std::string_view pattern;       ///< `net.{l}.mix.qry.{part}`
    std::string_view bias_pattern;  ///< where a bias is spelled otherwise than by {part}
    std::uint64_t tensors = 0;      ///< that it is for
    aka::shape shape;  ///< of the weight in the first layer; rank 0: not known, or layers differ
    role roles[most_roles] = {};   ///< the first `role_count`, in the order of the rows
    std::uint8_t role_count = 0;   ///< 0: open; more than one: fused
    evidence by = evidence::none;  ///< what speaks for it
    std::string_view words;        ///< those of the name that say something
    std::string_view facts;        ///< what the shape says
    /// In the grammar of conventions; empty: as the role has it. Where `order_open`, the first of
    /// two ways, and `other_layout` the second: neither is in the table, both are beside it.
    std::string_view layout;
    std::string_view other_layout;  ///< empty: there is one way only
    bool order_open = false;        ///< which of the two it is, nothing says
    bool drop = false;              ///< holds no weights
    bool bias = false;              ///< a bias of these roles, under a name of its own
    std::uint64_t candidates = 0;   ///< where open: the roles it may have, a set of `1 << role`
    std::string_view why;           ///< where open: why

    /// Whether its meaning was found.
    bool assigned() const noexcept { return role_count != 0; }
    /// Whether several roles are possible, and which one cannot be told.
    bool ambiguous() const noexcept { return role_count == 0 && candidates != 0; }
    /// Whether this is one of them.
    bool may_be(role r) const noexcept { return (candidates >> static_cast<unsigned>(r) & 1) != 0; }
};

/// What `infer` found. Views in it live as long as it does; `shape`s of more than eight sizes as
/// long as the list.
class inference {
  public:
    /// In the order in which the patterns first occur.
    span<const inferred_row> rows() const noexcept AKA_LIFETIMEBOUND {
        return {rows_.data(), rows_.size()};
    }
    /// Text in the grammar of conventions, for `catalog::add`, for printing and correcting: what
    /// is assigned as rows, what is open as comments that name the candidates.
    std::string_view table() const noexcept AKA_LIFETIMEBOUND { return table_; }
    static constexpr std::string_view id = "inferred";  ///< of the convention in the table

    /// Whether everything that a Llama-like model needs is assigned.
    bool complete() const noexcept { return complete_; }
    /// Names of which it is not known what they are.
    std::uint64_t open() const noexcept { return open_; }

    /// As the names have it.
    std::uint64_t n_layer() const noexcept { return n_layer_; }
    /// As the names have it; 0: none.
    std::uint64_t n_expert() const noexcept { return n_expert_; }
    /// As the shapes have it; 0: unknown.
    std::uint64_t n_embd() const noexcept { return n_embd_; }
    /// Never from names or shapes: `unknown` unless the hyper-parameters say it.
    rope_order rope() const noexcept { return rope_; }

    /// The row of this role; null: there is none.
    const inferred_row* find(role r) const noexcept AKA_LIFETIMEBOUND {
        for (const inferred_row& row : rows_)
            for (unsigned i = 0; i < row.role_count; ++i)
                if (row.roles[i] == r && !row.bias) return &row;
        return nullptr;
    }

  private:
    friend class detail::infer_report;

    detail::arena text_;
    detail::growing<inferred_row> rows_;
    std::string_view table_;
    std::uint64_t n_layer_ = 0, n_expert_ = 0, n_embd_ = 0, open_ = 0;
    rope_order rope_ = rope_order::unknown;
    bool complete_ = false;
};

AKA_END

#endif  // AKA_INFERENCE_HPP
