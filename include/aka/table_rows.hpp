// aka: one row of a table, `PATTERN = roles and layout`: alternatives become rows of their own,
// and a pattern becomes a stem with holes, by which names find it.
#ifndef AKA_TABLE_ROWS_HPP
#define AKA_TABLE_ROWS_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "convention.hpp"
#include "error.hpp"
#include "fold.hpp"
#include "role_set.hpp"
#include "roles.hpp"
#include "table_index.hpp"
#include "table_layout.hpp"
#include "table_text.hpp"

AKA_BEGIN
namespace detail {

class row_reader {
  public:
    /// Rows go into `t`, its index and `own`.
    row_reader(tables& t, table_index& index, const table_text& text,
               growing<const name_row*>& own) noexcept
        : t_(t), index_(index), text_(text), own_(own) {}

    /// A row of the convention that is being read: PATTERN = RHS [optional] [also].
    status read(std::string_view pattern, std::string_view rhs) noexcept {
        name_row row;
        const char* where = pattern.data();
        for (bool flag = true; flag;) {
            flag = false;
            for (std::string_view f : {std::string_view("optional"), std::string_view("also")}) {
                if (rhs.size() > f.size() && rhs.substr(rhs.size() - f.size()) == f &&
                    is_blank(rhs[rhs.size() - f.size() - 1])) {
                    (f == "also" ? row.also : row.optional) = flag = true;
                    rhs.remove_suffix(f.size());
                    while (!rhs.empty() && is_blank(rhs.back())) rhs.remove_suffix(1);
                }
            }
        }
        if (rhs.empty())
            return text_.bad(where, "this row means nothing: a role is missing after =");
        std::string_view rest = rhs, first = take_word(rest);
        row.part = "weight";
        layout_ = {};
        if (first == "drop" && rest.empty()) {
            row.drop = true;
        } else if (first == "other") {
            if (rest.empty())
                return text_.bad(first.data(), "'other' needs words: other than what");
            row.other = true;
            row.words = rest;
        } else if (status s = read_layout(rhs, row); !s) {
            return s;
        }
        for (unsigned i = 0; i < layout_.count; ++i) row.role_set |= bit(layout_.roles[i]);
        if (layout_.count != 0) {
            auto* p = t_.memory.make<role>(layout_.count);
            if (p == nullptr) return no_memory();
            std::memcpy(p, layout_.roles, layout_.count * sizeof(role));
            row.roles = {p, layout_.count};
        }
        return alternatives(pattern, row);
    }

  private:
    static constexpr std::size_t longest_pattern = 400, most_alternatives = 64;

    status read_layout(std::string_view rhs, name_row& row) noexcept {
        std::string_view rest = rhs, first = take_word(rest);
        if (first.size() > 5 && rest.empty() && first.substr(first.size() - 5) == ".bias") {
            row.part = "bias";
            first.remove_suffix(5);
            rhs = first;
        }
        role r = role_from_name(first);
        if (r != role::none && (rest.empty() || rest == "*")) {
            layout_.roles[layout_.count++] = r;
            row.layout = rest;
            return {};
        }
        if (status s = layout_syntax(text_, rhs, layout_).read(); !s) return s;
        row.layout = rhs;
        return {};
    }

    /// `a|b` in a segment: a row for each.
    status alternatives(std::string_view pattern, name_row row) noexcept {
        if (pattern.find('|') == std::string_view::npos) return add_row(pattern, pattern, row);
        std::size_t ways = 1;
        for (std::size_t i = 0; i <= pattern.size();) {
            std::size_t n = 1, j = i;
            for (; j < pattern.size() && !is_separator(pattern[j]); ++j) n += pattern[j] == '|';
            ways *= n;
            i = j + 1;
            if (ways > most_alternatives)
                return text_.bad(pattern.data(), "more than ", most_alternatives, " alternatives");
        }
        for (std::size_t way = 0; way < ways; ++way) {
            auto* out = static_cast<char*>(t_.memory.allocate(pattern.size(), 1));
            if (out == nullptr) return no_memory();
            std::size_t size = 0, code = way;
            for (std::size_t i = 0; i < pattern.size();) {
                std::size_t n = 1, j = i;
                for (; j < pattern.size() && !is_separator(pattern[j]); ++j) n += pattern[j] == '|';
                std::size_t pick = code % n;
                code /= n;
                for (; i < j; ++i) {
                    if (pattern[i] == '|')
                        --pick;
                    else if (pick == 0)
                        out[size++] = pattern[i];
                    if (pick == SIZE_MAX) break;
                }
                i = j;
                if (i < pattern.size()) out[size++] = pattern[i++];
            }
            if (way != 0) row.also = true;
            if (status s = add_row(pattern, {out, size}, row); !s) return s;
        }
        return {};
    }

    status add_row(std::string_view written, std::string_view pattern, name_row row) noexcept {
        const char* where = written.data();
        row.pattern = pattern;
        if (pattern.size() > longest_pattern) return text_.bad(where, "this pattern is too long");
        row.prefix = pattern.substr(0, wrapped_prefix(pattern));
        std::string_view core = pattern.substr(row.prefix.size());
        std::size_t stars = core.find("**");
        if (pattern.find('*') != std::string_view::npos) {
            bool front = stars == 0 && row.prefix.empty();
            std::string_view literal = front ? core.substr(2) : core.substr(0, core.size() - 2);
            if (stars == std::string_view::npos || (!front && stars != core.size() - 2) ||
                literal.find_first_of("*{}") != std::string_view::npos || literal.empty())
                return text_.bad(where, "** stands in front or at the end of a literal name");
            if (row.is_tensor()) return text_.bad(where, "** is for drop and other rows");
            row.matches = front ? name_row::form::ends : name_row::form::begins;
            row.stem = literal;
            return keep(row);
        }
        if (status s = holes_of(where, core, row); !s) return s;
        if (row.is_tensor())
            if (status s = check_holes(where, row); !s) return s;
        return keep(row);
    }

    /// The stem, with holes where a name has numbers, and which numbers these are.
    status holes_of(const char* where, std::string_view core, name_row& row) noexcept {
        auto* stem = static_cast<char*>(t_.memory.allocate(core.size() + 1, 1));
        if (stem == nullptr) return no_memory();
        std::size_t n = 0, segment = 0;  // where the segment begins in `stem`
        std::uint32_t seen = 0;
        for (std::size_t i = 0; i < core.size();) {
            char c = core[i];
            if (c == '}') return text_.bad(where, "unbalanced: } without { in the pattern");
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
                return text_.bad(where, "control character in the pattern");
            if (c != '{') {
                // a number that is always the same: a segment, or behind `weight` at the end
                std::size_t end = i, begin = segment_begin(core, i);
                bool counted = core.substr(begin, i - begin) == weight_word;
                if (i == begin || counted)
                    while (end < core.size() && is_digit(core[end])) ++end;
                bool whole = end > i && (end - i == 1 || c != '0') && end - i <= 9 &&
                             (end == core.size() || (!counted && is_separator(core[end])));
                if (whole) {
                    if (row.holes == max_holes)
                        return text_.bad(where, "too many numbers in a pattern");
                    std::uint32_t v = 0;
                    for (; i < end; ++i) v = v * 10 + static_cast<std::uint32_t>(core[i] - '0');
                    row.hole[row.holes] = hole_kind::fixed;
                    row.fixed[row.holes++] = v;
                    stem[n++] = name_hole;
                } else {
                    stem[n++] = c;
                    if (is_separator(c)) segment = n;
                    ++i;
                }
                continue;
            }
            std::size_t close = core.find('}', i);
            if (close == std::string_view::npos)
                return text_.bad(where, "unbalanced: { without } in the pattern");
            std::string_view hole = core.substr(i + 1, close - i - 1);
            std::string_view after = core.substr(close + 1);
            const char* here = text_.place_of(core.substr(i), where);
            i = close + 1;
            if (hole == "part") {
                if (!after.empty())
                    return text_.bad(where, "{part} stands at the end of a pattern");
                if (n < 2 || (!is_separator(stem[n - 1]) && stem[n - 1] != '_'))
                    return text_.bad(where, "{part} stands after a name and a separator");
                row.has_part = true;
                row.part = {};
                break;
            }
            std::string_view kinds = "leh", form = hole.substr(hole.empty() ? 0 : 1);
            std::size_t which = hole.empty() ? kinds.npos : kinds.find(hole[0]);
            // Counted from 1, {l+1}, or with zeros in front, {l:02}, or both.
            unsigned first = 0;
            bool counts = form.size() > 1 && form[0] == '+' && form[1] >= '1' && form[1] <= '9';
            if (counts) first = static_cast<unsigned>(form[1] - '0'), form.remove_prefix(2);
            bool padded = form.size() == 3 && form[0] == ':' && form[1] == '0' && form[2] >= '2' &&
                          form[2] <= '9';
            if (which == kinds.npos || (!form.empty() && !padded)) {
                if (which != kinds.npos && (form[0] == '+' || form[0] == ':'))
                    return text_.bad(here, "bad hole {", hole, "}: numbers are as in {",
                                     hole.substr(0, 1), "+1}, {", hole.substr(0, 1), ":02} or {",
                                     hole.substr(0, 1), "+1:02}");
                return text_.bad(here, "unknown hole {", hole, "}");
            }
            auto kind = static_cast<hole_kind>(which);
            row.first[which] = static_cast<std::uint8_t>(first);
            if (row.holes == max_holes) return text_.bad(where, "too many numbers in a pattern");
            if ((seen >> static_cast<unsigned>(kind) & 1) != 0)
                return text_.bad(here, "hole {", hole.substr(0, 1), "} twice");
            seen |= 1u << static_cast<unsigned>(kind);
            bool whole = segment == n && (after.empty() || is_separator(after[0]));
            bool counted =
                after.empty() && std::string_view(stem + segment, n - segment) == weight_word;
            if ((!after.empty() && (is_digit(after[0]) || after[0] == '{')) ||
                (n != 0 && is_digit(stem[n - 1])))
                return text_.bad(where, "a number runs into another");
            if (padded || (!whole && !counted)) row.matches = name_row::form::irregular;
            row.hole[row.holes++] = kind;
            stem[n++] = name_hole;
        }
        if (n == 0) return text_.bad(where, "this pattern is empty");
        stem[n] = 0;
        row.stem = {stem, n};
        return {};
    }
    static std::size_t segment_begin(std::string_view s, std::size_t i) noexcept {
        while (i > 0 && !is_separator(s[i - 1])) --i;
        return i;
    }

    status check_holes(const char* where, const name_row& row) noexcept {
        bool layer = false, expert = false;
        for (unsigned i = 0; i < row.holes; ++i) {
            layer = layer || row.hole[i] == hole_kind::layer;
            expert = expert || row.hole[i] == hole_kind::expert;
        }
        constexpr auto e_axis = std::uint32_t{1} << static_cast<unsigned>(axis::e);
        bool own_layout = !row.layout.empty() && row.layout != "*";
        for (role r : row.roles) {
            if (info(r).layered && !layer)
                return text_.bad(where, "missing hole {l}: ", name(r), " is one a layer");
            if (!info(r).layered && layer)
                return text_.bad(where, "hole {l}, but ", name(r), " is one for the whole model");
            if (expert && !is_expert(r))
                return text_.bad(where, "hole {e}, but ", name(r), " is no expert's");
            if (is_expert(r) && !expert && own_layout && (layout_.axes & e_axis) == 0)
                return text_.bad(where, "missing hole {e}, or axis e in the layout, for ", name(r));
        }
        if (expert && (layout_.axes & e_axis) != 0)
            return text_.bad(where, "hole {e} and axis e: an expert is either a tensor or a slice");
        return {};
    }

    status keep(const name_row& row) noexcept {
        auto* p = t_.memory.make<name_row>();
        if (p == nullptr) return no_memory();
        *p = row;
        p->number = static_cast<std::uint32_t>(t_.rows.size());
        if (!t_.rows.push(p) || !own_.push(p) || !index_.enter(*p)) return no_memory();
        return {};
    }

    tables& t_;
    table_index& index_;
    const table_text& text_;
    growing<const name_row*>& own_;
    row_layout layout_;  // of the row that is being read
};

}  // namespace detail
AKA_END

#endif  // AKA_TABLE_ROWS_HPP
