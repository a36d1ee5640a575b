// aka: conventions, which are text: a name to what it means, and back.
//
//     convention yi extends hf_llama        # Yi-34B as published in November 2023
//       model.layers.{l}.ln1.{part} = attn_norm
//       model.layers.{l}.ln2.{part} = ffn_norm
#ifndef AKA_NAMES_HPP
#define AKA_NAMES_HPP

#include <cstdint>
#include <string_view>

#include "config.hpp"
#include "convention.hpp"
#include "conventions.hpp"
#include "error.hpp"
#include "fold.hpp"
#include "span.hpp"
#include "table_compiler.hpp"

AKA_BEGIN

/// Compiled conventions, owned by whoever asks: there are no globals. A table is lines of text;
/// `#` begins a comment:
///
///     convention ID [extends BASE] [unverified]  # ID may hold one *, see `each`
///       alias NAME ...             # other ids
///       title WORDS ...
///       each NAME ...              # one convention for each name, which takes the place of * in
///                                  # ID and is its model_type
///       rope half|interleaved|none [inferred]
///       rotary N%
///       norm rms|layer|none
///       norm_offset 0|1 [ROLE ...] # to be added to norm weights; with roles, to those only
///       tied yes|no|config
///       model_type WORD ...
///       not_llama WORDS ...        # the reason why nothing of this can be bound
///       without ROLE ...           # the base's rows for these roles go
///       PATTERN = RHS [optional] [also]
///       PATTERN = drop             # known, holds no weights
///       PATTERN = other WORDS ...  # known, belongs to something else
///
/// A pattern has holes: {l} layer, {e} expert, {h} head, {part} at its end. Layers are from 0;
/// names that count from 1 have {l+1}, names with zeros in front {l:02} (at least two digits), and
/// with both {l+1:02}. A segment may have alternatives, `ln1|input_layernorm`: the first is
/// written, all are read. `**` in front or at the end of a `drop` or `other` pattern stands for
/// anything. RHS is a role, a role and `.bias` (what the pattern without {part} holds), a role and
/// `*` (kept in its order), or a layout: axes and roles from the outside in, with `+` in
/// parentheses for what lies one after the other. A row replaces the base's rows for the same
/// roles; `also` adds one that is only read.
class catalog {
  public:
    catalog() noexcept = default;

    /// Every convention that aka knows.
    static result<catalog> builtin() noexcept {
        catalog c;
        detail::table_compiler compiler(c.tables_);
        status s = compiler.add(detail::builtin_tables, false, "built-in tables");
        if (!s) return s.error();
        return c;
    }
    /// A user's table, copied. When it fails, with line and column in the text (and `file` as its
    /// name), the catalog is as before.
    status add(std::string_view text, std::string_view file = {}) noexcept {
        detail::table_compiler compiler(tables_);
        return compiler.add({&text, 1}, true, file);
    }

    /// In the order in which they were added.
    span<const convention* const> conventions() const noexcept AKA_LIFETIMEBOUND {
        return {tables_.conventions.data(), tables_.conventions.size()};
    }
    /// Null where there is none.
    const convention* find(std::string_view id_or_alias) const noexcept AKA_LIFETIMEBOUND {
        return tables_.find(id_or_alias);
    }
    /// Calls `f(const shape_match&)` for every row that spells these names, whatever is wrapped
    /// around them. `used_by` tells in which conventions the row is.
    template <class F>
    void match(const name_shape& s, F f) const noexcept {
        if (tables_.index != nullptr)
            detail::each_match(*tables_.index, s.core, s.holes, s.low, s.high, f);
    }
    /// Positions in `conventions()`.
    span<const std::uint16_t> used_by(const name_row& row) const noexcept AKA_LIFETIMEBOUND {
        return {tables_.used.data() + row.used_from, row.used_to - row.used_from};
    }
    /// How many distinct rows there are.
    std::size_t row_count() const noexcept { return tables_.rows.size(); }

  private:
    detail::tables tables_;
};

AKA_END

#endif  // AKA_NAMES_HPP
