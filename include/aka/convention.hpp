// aka: one way to name tensors, compiled: a name to what it means, and back.
#ifndef AKA_CONVENTION_HPP
#define AKA_CONVENTION_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "error.hpp"
#include "fold.hpp"
#include "name_index.hpp"
#include "parts.hpp"
#include "roles.hpp"
#include "span.hpp"

AKA_BEGIN

/// What a tensor is, whatever it is called. -1: there is no such number.
struct coordinate {
    aka::role role = aka::role::none;  ///< what it does in the model
    std::int32_t layer = -1;           ///< from 0
    std::int32_t expert = -1;          ///< from 0
    std::int32_t head = -1;            ///< from 0, where heads are tensors of their own
    std::string_view part;             ///< "weight", "bias", "scales"
};

// rope_order is in roles.hpp
enum class norm_kind : std::uint8_t { rms, layer, none };
enum class tied_kind : std::uint8_t { config, yes, no };

/// Which number a hole of a pattern stands for. `fixed`: a number that is always the same.
enum class hole_kind : std::uint8_t { layer, expert, head, fixed };

/// One line of a convention: `PATTERN = roles and layout`.
struct name_row {
    std::string_view pattern;    ///< with holes: `model.layers.{l}.self_attn.q_proj.{part}`
    std::string_view layout;     ///< as written; empty: the role's own, under the convention's rope
    std::string_view words;      ///< whose tensor it is, of `other` rows
    span<const role> roles;      ///< in the order of the layout; none for `drop` and `other`
    std::uint64_t role_set = 0;  ///< a bit a role
    std::string_view part;       ///< of a pattern without {part}
    bool has_part = false;       ///< its pattern ends in {part}
    bool optional = false;       ///< its absence is not worth a word
    bool also = false;           ///< read, never written
    bool drop = false;           ///< known, holds no weights
    bool other = false;          ///< known, belongs to something else

    /// @cond
    // How names find it: the pattern without wrappers, in front of {part}, with holes.
    std::string_view prefix, stem;
    /// How the pattern is looked up.
    enum class form : std::uint8_t { regular, irregular, begins, ends } matches = form::regular;
    std::uint8_t holes = 0;
    hole_kind hole[detail::max_holes] = {};
    std::uint32_t fixed[detail::max_holes] = {};
    std::uint8_t first[3] = {};                // what layers, experts and heads are counted from
    std::uint32_t next = 0;                    // of the same stem, plus one
    std::uint32_t number = 0;                  // position in the catalog
    std::uint32_t used_from = 0, used_to = 0;  // by these conventions
    /// @endcond

    /// Whether it names weights, and not what is dropped or belongs to something else.
    bool is_tensor() const noexcept { return !drop && !other; }
    /// Whether tensors of this name hold that role.
    bool holds(role r) const noexcept { return (role_set >> static_cast<unsigned>(r) & 1) != 0; }
};

/// What a name says under one convention.
struct parsed_name {
    const name_row* row = nullptr;  ///< the line that it follows
    std::int32_t layer = -1;        ///< from 0, whatever the names count from
    std::int32_t expert = -1;       ///< the same
    std::int32_t head = -1;         ///< the same
    std::string_view part;          ///< what stood for {part}
};

class convention;

namespace detail {

struct row_slot {
    std::uint32_t row;  // plus one; 0 is an empty slot
    std::uint32_t hash;
};
/// Where all rows of a catalog are found. Conventions point at it, so it stays in one place.
struct row_index {
    name_row* const* rows = nullptr;
    const row_slot* slots = nullptr;
    std::size_t slot_mask = 0;
    const std::uint32_t* irregular = nullptr;  // rows that are not found by their stem
    std::size_t irregular_count = 0;
    const std::uint32_t* wild = nullptr;
    std::size_t wild_count = 0;
    const std::uint16_t* used = nullptr;
};
class table_compiler;

}  // namespace detail

/// Where a row's numbers are in a shape: hole `from`, or `value` where that is -1.
struct shape_match {
    const name_row* row = nullptr;  ///< the line that the shape follows
    std::string_view part;          ///< what stands for {part}
    std::int8_t layer_from = -1;    ///< the hole that has the layer's number
    std::int8_t expert_from = -1;   ///< the hole that has the expert's
    std::int8_t head_from = -1;     ///< the hole that has the head's
    std::int32_t layer = -1;        ///< where no hole has it
    std::int32_t expert = -1;       ///< where no hole has it
    std::int32_t head = -1;         ///< where no hole has it

    /// The name with these numbers in its holes.
    parsed_name at(const std::uint32_t* number) const noexcept {
        auto pick = [&](std::int8_t from, std::int32_t value, hole_kind k) {
            return from < 0 ? value
                            : static_cast<std::int32_t>(number[from]) -
                                  row->first[static_cast<unsigned>(k)];
        };
        return {row, pick(layer_from, layer, hole_kind::layer),
                pick(expert_from, expert, hole_kind::expert),
                pick(head_from, head, hole_kind::head), part};
    }
};

/// One way to name the tensors of a model. Lives in its catalog.
class convention {
  public:
    /// By which it is asked for.
    std::string_view id() const noexcept { return id_; }
    /// For people; empty where the table has none.
    std::string_view title() const noexcept { return title_; }
    /// Other ids.
    span<const std::string_view> aliases() const noexcept { return aliases_; }
    /// `model_type` of config.json, or GGUF's architecture.
    span<const std::string_view> model_types() const noexcept { return model_types_; }
    /// What it extends; null: nothing.
    const convention* base() const noexcept { return base_; }
    /// Order of the rows of q and k. `rope_inferred`: not read in any implementation.
    rope_order rope() const noexcept { return rope_; }
    /// Whether the order of rows was concluded rather than read in a source.
    bool rope_inferred() const noexcept { return rope_inferred_; }
    /// Per cent of a head that is rotated, where the convention fixes it; else 0.
    unsigned rotary_percent() const noexcept { return rotary_percent_; }
    /// Of which kind its norms are.
    norm_kind norm() const noexcept { return norm_; }
    /// Whether the output is the embedding.
    tied_kind tied() const noexcept { return tied_; }
    /// To be added to the stored weight of this norm.
    int norm_offset(role r) const noexcept {
        return (norm_offset_ >> static_cast<unsigned>(r) & 1) != 0 ? 1 : 0;
    }
    /// False: partly from hearsay, and what rests on it has to say so.
    bool verified() const noexcept { return !unverified_; }
    /// Why this is not of the Llama family; empty when it is.
    std::string_view not_llama() const noexcept { return not_llama_; }

    /// How many rows there are.
    std::size_t size() const noexcept { return row_count_; }
    /// A row, in the order of the table.
    const name_row& operator[](std::size_t i) const noexcept { return *rows_[i]; }
    /// All rows, those of its bases among them.
    span<const name_row* const> rows() const noexcept { return {rows_, row_count_}; }

    /// The row that a tensor of this role is written by; null when there is none.
    const name_row* row_of(role r) const noexcept {
        for (const name_row* row : rows())
            if (row->holds(r) && !row->also) return row;
        return nullptr;
    }
    /// Exactly this convention's name, wrappers and all: `format` gives it back.
    result<parsed_name> parse(std::string_view name) const noexcept;

  private:
    friend class detail::table_compiler;

    std::string_view id_, title_, not_llama_;
    span<const std::string_view> aliases_, model_types_;
    const convention* base_ = nullptr;
    const name_row* const* rows_ = nullptr;
    std::size_t row_count_ = 0;
    const detail::row_index* index_ = nullptr;
    std::uint64_t norm_offset_ = 0;
    std::uint32_t number_ = 0;
    rope_order rope_ = rope_order::half;
    norm_kind norm_ = norm_kind::rms;
    tied_kind tied_ = tied_kind::config;
    std::uint8_t rotary_percent_ = 0;
    bool rope_inferred_ = false;
    bool unverified_ = false;
};

namespace detail {

/// A pattern's piece: literal text, a number, or the part at its end.
struct pattern_piece {
    enum class what : std::uint8_t { text, number, part } kind = what::text;
    std::string_view text;
    hole_kind hole = hole_kind::fixed;
    std::uint8_t first = 0, digits = 1;  // counted from, and how many are written at least
};
/// Walks a checked pattern.
inline bool next_piece(std::string_view& rest, pattern_piece& p) noexcept {
    if (rest.empty()) return false;
    p = {};
    if (rest[0] != '{') {
        std::size_t n = rest.find('{');
        p.text = rest.substr(0, n);
        rest.remove_prefix(p.text.size());
        return true;
    }
    std::size_t n = rest.find('}') + 1;
    char c = rest[1];
    p.text = rest.substr(0, n);
    p.kind = c == 'p' ? pattern_piece::what::part : pattern_piece::what::number;
    p.hole = c == 'l'   ? hole_kind::layer
             : c == 'e' ? hole_kind::expert
             : c == 'h' ? hole_kind::head
                        : hole_kind::fixed;
    // {l+1:02}
    if (n > 4 && rest[2] == '+') p.first = static_cast<std::uint8_t>(rest[3] - '0');
    if (n > 5 && rest[n - 4] == ':') p.digits = static_cast<std::uint8_t>(rest[n - 2] - '0');
    rest.remove_prefix(n);
    return true;
}
/// What a hole holds: 1 or more digits, zeros in front only up to as many as it asks for. Returns
/// how many bytes of `text` it takes; 0: it cannot be.
inline std::size_t read_hole(const pattern_piece& p, std::string_view text,
                             std::int32_t& v) noexcept {
    std::size_t n = 0;
    v = 0;
    for (; n < text.size() && n < 9 && is_digit(text[n]); ++n) v = v * 10 + (text[n] - '0');
    bool ok = n == p.digits || (n > p.digits && text[0] != '0');
    v -= p.first;
    return ok && v >= 0 ? n : 0;
}

/// Takes literal text of a pattern from the front of a name. A number in it may be a hole of the
/// name, from `low` to `high`: then it is always that number.
inline bool take_literal(std::string_view literal, std::string_view& text, const std::uint32_t* low,
                         const std::uint32_t* high, int& hole) noexcept {
    while (!literal.empty()) {
        if (text.empty()) return false;
        std::size_t n = 1;
        if (text[0] == name_hole) {
            std::uint32_t v = 0;
            for (n = 0; n < literal.size() && n < 9 && is_digit(literal[n]); ++n)
                v = v * 10 + static_cast<std::uint32_t>(literal[n] - '0');
            if (n == 0 || (n > 1 && literal[0] == '0') || low[hole] != v || high[hole] != v)
                return false;
            ++hole;
        } else if (text[0] != literal[0]) {
            return false;
        }
        literal.remove_prefix(n);
        text.remove_prefix(1);
    }
    return true;
}

/// Whether `text`, a name in which numbers from `low` to `high` may be holes, is what a pattern
/// spells.
inline bool matches_pattern(std::string_view pattern, std::string_view text,
                            const std::uint32_t* low, const std::uint32_t* high,
                            shape_match& m) noexcept {
    int hole = 0;
    pattern_piece p;
    while (next_piece(pattern, p)) {
        if (p.kind == pattern_piece::what::text) {
            if (!take_literal(p.text, text, low, high, hole)) return false;
        } else if (p.kind == pattern_piece::what::part) {
            if (find_part(text) == nullptr) return false;
            m.part = text;
            return true;
        } else {
            std::int8_t from = -1;
            std::int32_t value = 0;
            std::size_t n = 0;
            if (!text.empty() && text[0] == name_hole) {
                // A hole has no zeros in front: its least number is the shortest.
                std::uint32_t least = p.first, power = 1;
                for (unsigned i = 1; i < p.digits; ++i) power *= 10;
                if (power > 1 && power > least) least = power;
                if (low[hole] < least) return false;
                from = static_cast<std::int8_t>(hole++);
                n = 1;
            } else if ((n = read_hole(p, text, value)) == 0) {
                return false;
            }
            text.remove_prefix(n);
            auto put = [&](std::int8_t& to_from, std::int32_t& to) {
                to_from = from;
                to = from < 0 ? value : -1;
            };
            if (p.hole == hole_kind::layer) put(m.layer_from, m.layer);
            if (p.hole == hole_kind::expert) put(m.expert_from, m.expert);
            if (p.hole == hole_kind::head) put(m.head_from, m.head);
        }
    }
    return text.empty();
}

inline bool fits_wild(const name_row& row, std::string_view core) noexcept {
    if (row.matches == name_row::form::begins) return begins_with(core, row.stem);
    return core.size() >= row.stem.size() - 1 &&
           // `**.x` also where x is all that is left
           (core.size() >= row.stem.size() ? core.substr(core.size() - row.stem.size()) == row.stem
                                           : core == row.stem.substr(1));
}

/// Calls `f(match)` for every row that spells this name without wrappers; `low` and `high`,
/// the least and the greatest of each hole, decide about fixed numbers. Rows with `**` come last.
template <class F>
void each_match(const row_index& index, std::string_view core, std::uint32_t holes,
                const std::uint32_t* low, const std::uint32_t* high, F f) noexcept {
    auto try_stem = [&](std::string_view stem, std::string_view part) {
        std::uint32_t h = hash_name(stem);
        if (index.slots == nullptr) return;
        std::size_t at = h & index.slot_mask;
        for (; index.slots[at].row != 0; at = (at + 1) & index.slot_mask) {
            if (index.slots[at].hash != h) continue;
            const name_row* row = index.rows[index.slots[at].row - 1];
            if (row->stem != stem) continue;
            for (;; row = index.rows[row->next - 1]) {
                bool fits = row->holes == holes && row->has_part == !part.empty();
                shape_match m;
                for (std::uint32_t i = 0; fits && i < holes; ++i) {
                    auto from = static_cast<std::int8_t>(i);
                    if (row->hole[i] != hole_kind::fixed)
                        fits = low[i] >= row->first[static_cast<unsigned>(row->hole[i])];
                    switch (row->hole[i]) {
                        case hole_kind::layer:
                            m.layer_from = from;
                            break;
                        case hole_kind::expert:
                            m.expert_from = from;
                            break;
                        case hole_kind::head:
                            m.head_from = from;
                            break;
                        case hole_kind::fixed:
                            fits = low[i] == row->fixed[i] && high[i] == row->fixed[i];
                            break;
                    }
                }
                if (fits) {
                    m.row = row;
                    m.part = row->has_part ? part : row->part;
                    f(m);
                }
                if (row->next == 0) break;
            }
            break;
        }
    };
    try_stem(core, {});
    each_part(core, try_stem);
    for (std::size_t i = 0; i < index.irregular_count; ++i) {
        const name_row* row = index.rows[index.irregular[i]];
        shape_match m;
        if (!matches_pattern(row->pattern.substr(row->prefix.size()), core, low, high, m)) continue;
        m.row = row;
        if (!row->has_part) m.part = row->part;
        f(m);
    }
    for (std::size_t i = 0; i < index.wild_count; ++i) {
        const name_row* row = index.rows[index.wild[i]];
        if (!fits_wild(*row, core)) continue;
        shape_match m;
        m.row = row;
        f(m);
    }
}

}  // namespace detail

inline result<parsed_name> convention::parse(std::string_view name) const noexcept {
    constexpr std::size_t longest = 512;
    char buffer[longest];
    detail::folded_text folded;
    parsed_name found;
    if (name.size() <= longest && detail::fold_name(name, buffer, folded)) {
        std::string_view text(buffer, folded.size), core = text;
        core.remove_prefix(detail::wrapped_prefix(text));
        std::string_view prefix = name.substr(0, text.size() - core.size());
        detail::each_match(*index_, core, folded.holes, folded.number, folded.number,
                           [&](const shape_match& m) {
                               bool wild = m.row->matches == name_row::form::begins ||
                                           m.row->matches == name_row::form::ends;
                               if (found.row != nullptr || (!wild && m.row->prefix != prefix))
                                   return;
                               for (std::uint32_t i = m.row->used_from; i < m.row->used_to; ++i)
                                   if (index_->used[i] == number_) found = m.at(folded.number);
                           });
    }
    if (found.row == nullptr)
        return detail::fail(errc::not_found, error::nowhere, "convention ", id_, " has no name ",
                            detail::quoted{name});
    // The part is in the name itself, which outlives the buffer.
    if (found.row->has_part) found.part = name.substr(name.size() - found.part.size());
    return found;
}

namespace detail {

/// Spells a name: calls `put(text)` for its pieces.
template <class Put>
status spell(const name_row& row, const coordinate& at, Put put) noexcept {
    if (!row.is_tensor() || row.matches == name_row::form::begins ||
        row.matches == name_row::form::ends)
        return fail(errc::unsupported, error::nowhere, "a name like '", row.pattern,
                    "' is read, never made");
    if (row.has_part ? find_part(at.part) == nullptr : at.part != row.part)
        return fail(errc::not_found, error::nowhere, "'", row.pattern, "' has no part ",
                    quoted{at.part});
    std::string_view rest = row.pattern;
    pattern_piece p;
    while (next_piece(rest, p)) {
        if (p.kind == pattern_piece::what::text) {
            put(p.text);
        } else if (p.kind == pattern_piece::what::part) {
            put(at.part);
        } else {
            std::int32_t v = p.hole == hole_kind::layer    ? at.layer
                             : p.hole == hole_kind::expert ? at.expert
                                                           : at.head;
            if (v < 0)
                return fail(errc::out_of_range, error::nowhere, "'", row.pattern,
                            "' needs a number for ", p.text);
            fixed_text<16> digits;
            std::uint64_t number = static_cast<std::uint64_t>(v) + p.first, scale = 1;
            for (unsigned i = 1; i < p.digits; ++i) scale *= 10;
            for (; scale > number && scale > 1; scale /= 10) digits << '0';
            digits << number;
            put(digits.view());
        }
    }
    return {};
}

}  // namespace detail

/// The name of this coordinate under a row, into `out`. Only the numbers and the part count.
inline result<std::string_view> format(const name_row& row, const coordinate& at,
                                       span<char> out) noexcept {
    std::size_t n = 0;
    status s = detail::spell(row, at, [&](std::string_view text) {
        if (n + text.size() <= out.size() && !text.empty())
            std::memcpy(out.data() + n, text.data(), text.size());
        n += text.size();
    });
    if (!s) return s.error();
    if (n > out.size())
        return detail::fail(errc::wrong_size, error::nowhere, "the name takes ", n, " bytes, ",
                            out.size(), " are there");
    return std::string_view(out.data(), n);
}
inline result<std::string_view> format(const parsed_name& name, span<char> out) noexcept {
    return format(*name.row, {role::none, name.layer, name.expert, name.head, name.part}, out);
}
namespace detail {
/// The same, into an arena and with a NUL behind it.
inline result<std::string_view> format(const name_row& row, const coordinate& at,
                                       arena& memory) noexcept {
    std::size_t n = 0;
    status s = spell(row, at, [&](std::string_view text) { n += text.size(); });
    if (!s) return s.error();
    auto* p = static_cast<char*>(memory.allocate(n + 1, 1));
    if (p == nullptr) return no_memory();
    p[n] = 0;
    return aka::format(row, at, {p, n});
}
}  // namespace detail

namespace detail {

/// What a catalog owns.
struct tables {
    arena memory;
    growing<const convention*> conventions;
    growing<name_row*> rows;
    growing<row_slot> slots;
    growing<std::uint32_t> irregular, wild;
    growing<std::uint16_t> used;
    row_index* index = nullptr;

    const convention* find(std::string_view id_or_alias) const noexcept {
        for (const convention* c : conventions) {
            if (c->id() == id_or_alias) return c;
            for (std::string_view a : c->aliases())
                if (a == id_or_alias) return c;
        }
        return nullptr;
    }
};

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTION_HPP
