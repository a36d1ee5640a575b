// aka: the text of conventions to rows. The grammar is described at `catalog` in names.hpp.
#ifndef AKA_TABLE_COMPILER_HPP
#define AKA_TABLE_COMPILER_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "convention.hpp"
#include "error.hpp"
#include "fold.hpp"
#include "name_index.hpp"
#include "parts.hpp"
#include "roles.hpp"
#include "span.hpp"

AKA_BEGIN
namespace detail {

constexpr std::uint64_t bit(role r) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(r);
}
inline constexpr std::uint64_t norm_roles = bit(role::attn_norm) | bit(role::ffn_norm) |
                                            bit(role::output_norm) | bit(role::attn_post_norm) |
                                            bit(role::ffn_post_norm) | bit(role::attn_q_norm) |
                                            bit(role::attn_k_norm);

class table_compiler {
  public:
    explicit table_compiler(tables& t) noexcept : t_(t) {}

    /// All or nothing.
    status add(span<const std::string_view> texts, bool copy, std::string_view file) noexcept {
        std::size_t conventions = t_.conventions.size(), rows = t_.rows.size();
        status s = compile(texts, copy);
        if (s && !index()) s = no_memory();
        if (s) return s;
        // shrinking cannot fail
        if (!t_.conventions.resize(conventions) || !t_.rows.resize(rows)) return no_memory();
        std::size_t slots = t_.slots.size();
        if (!t_.slots.resize(0) || !t_.slots.resize(slots)) return no_memory();
        for (name_row* row : t_.rows) row->next = 0;
        for (name_row* row : t_.rows)
            if (!enter(*row)) break;  // cannot run out: there was room for more
        if (!index()) return no_memory();
        error e = s.error();
        if (!file.empty()) e.in(file);
        return e;
    }

  private:
    static constexpr std::size_t longest_pattern = 400, most_alternatives = 64;

    /// The convention that is being read.
    struct draft {
        convention head;
        std::string_view id;
        std::uint64_t without = 0;
        const char* where = nullptr;
        bool open = false;
    };

    // ---- text

    status compile(span<const std::string_view> texts, bool copy) noexcept {
        for (std::string_view text : texts) {
            if (copy) {
                const char* p = t_.memory.copy(text);
                if (p == nullptr) return no_memory();
                text = {p, text.size()};
            }
            text_ = text;
            for (std::size_t at = 0; at < text.size();) {
                std::size_t end = text.find('\n', at);
                if (end == std::string_view::npos) end = text.size();
                std::string_view line = text.substr(at, end - at);
                line = line.substr(0, line.find('#'));
                at = end + 1;
                while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
                while (!line.empty() && is_space(line[0])) line.remove_prefix(1);
                if (line.empty()) continue;
                if (status s = read_line(line); !s) return s;
            }
            if (status s = finish(); !s) return s;
        }
        return {};
    }

    static bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }
    static std::string_view word(std::string_view& line) noexcept {
        while (!line.empty() && is_space(line[0])) line.remove_prefix(1);
        std::size_t n = 0;
        while (n < line.size() && !is_space(line[n])) ++n;
        std::string_view w = line.substr(0, n);
        line.remove_prefix(n);
        while (!line.empty() && is_space(line[0])) line.remove_prefix(1);
        return w;
    }

    template <class... A>
    AKA_COLD error bad(const char* where, const A&... parts) const noexcept {
        auto offset = static_cast<std::size_t>(where - text_.data());
        std::size_t line = 1, column = 1;
        for (char c : text_.substr(0, offset)) {
            ++column;
            if (c == '\n') ++line, column = 1;
        }
        error e(errc::bad_table, offset);
        e.say("line ", line, ", column ", column, ": ");
        return e.say(parts...);
    }

    // ---- lines

    status read_line(std::string_view line) noexcept {
        std::string_view rest = line, first = word(rest);
        if (first == "convention") return begin(first.data(), rest);
        if (!now_.open)
            return bad(first.data(), "a table begins with 'convention ID', not with ",
                       quoted{first});
        std::string_view after = rest;
        if (word(after) == "=") return read_row(first, after);
        return read_directive(first, rest);
    }

    status begin(const char* where, std::string_view rest) noexcept {
        if (status s = finish(); !s) return s;
        now_ = {};
        own_.clear();
        aliases_.clear();
        model_types_.clear();
        each_.clear();
        now_.where = where;
        now_.open = true;
        now_.id = word(rest);
        if (now_.id.empty()) return bad(where, "a convention needs a name");
        bool star = false;
        for (const char& c : now_.id) {
            bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
                         c == '_' || c == '.' || c == ':' || c == '-';
            if (c == '*' && !star)
                star = true;
            else if (!known)
                return bad(&c, "the name of a convention has letters, digits and _.:- only");
        }
        bool unverified = false;
        while (!rest.empty()) {
            std::string_view w = word(rest);
            if (w == "extends") {
                std::string_view base = word(rest);
                const convention* b = t_.find(base);
                if (b == nullptr)
                    return bad(base.empty() ? w.data() : base.data(), "unknown base ",
                               quoted{base});
                now_.head = *b;
                now_.head.base_ = b;
                now_.head.aliases_ = now_.head.model_types_ = {};
                now_.head.title_ = {};
            } else if (w == "unverified") {
                unverified = true;
            } else {
                return bad(w.data(), "expected 'extends' or 'unverified', not ", quoted{w});
            }
        }
        now_.head.unverified_ = now_.head.unverified_ || unverified;
        return {};
    }

    status read_directive(std::string_view what, std::string_view rest) noexcept {
        convention& c = now_.head;
        if (rest.empty()) return bad(what.data(), quoted{what}, " stands alone");
        if (what == "title") return c.title_ = rest, status{};
        if (what == "not_llama") return c.not_llama_ = rest, status{};
        if (what == "alias") return words(rest, aliases_);
        if (what == "model_type") return words(rest, model_types_);
        if (what == "each") return words(rest, each_);
        std::string_view value = word(rest);
        const char* at = value.data();
        if (what == "rope") {
            c.rope_inferred_ = false;
            if (value == "half")
                c.rope_ = rope_order::half;
            else if (value == "interleaved")
                c.rope_ = rope_order::interleaved;
            else if (value == "none")
                c.rope_ = rope_order::none;
            else
                return bad(at, "rope is half, interleaved or none, not ", quoted{value});
            if (!rest.empty()) {
                value = word(rest);
                if (value != "inferred") return bad(value.data(), "unknown word ", quoted{value});
                c.rope_inferred_ = true;
            }
        } else if (what == "rotary") {
            unsigned n = 0;
            std::size_t i = 0;
            while (i < value.size() && i < 3 && is_digit(value[i]))
                n = n * 10 + static_cast<unsigned>(value[i++] - '0');
            if (i == 0 || value.substr(i) != "%" || n < 1 || n > 100)
                return bad(at, "rotary is 1% to 100%, not ", quoted{value});
            c.rotary_percent_ = static_cast<std::uint8_t>(n);
        } else if (what == "norm") {
            if (value == "rms")
                c.norm_ = norm_kind::rms;
            else if (value == "layer")
                c.norm_ = norm_kind::layer;
            else if (value == "none")
                c.norm_ = norm_kind::none;
            else
                return bad(at, "norm is rms, layer or none, not ", quoted{value});
        } else if (what == "tied") {
            if (value == "yes")
                c.tied_ = tied_kind::yes;
            else if (value == "no")
                c.tied_ = tied_kind::no;
            else if (value == "config")
                c.tied_ = tied_kind::config;
            else
                return bad(at, "tied is yes, no or config, not ", quoted{value});
        } else if (what == "norm_offset") {
            if (value != "0" && value != "1")
                return bad(at, "norm_offset is 0 or 1, not ", quoted{value});
            std::uint64_t set = norm_roles;
            if (!rest.empty()) {
                set = 0;
                if (status s = roles_of(rest, set); !s) return s;
            }
            c.norm_offset_ = value == "1" ? c.norm_offset_ | set : c.norm_offset_ & ~set;
            return {};
        } else if (what == "without") {
            std::uint64_t set = 0;
            if (status s = roles_of(value, set); !s) return s;
            if (status s = roles_of(rest, set); !s) return s;
            now_.without |= set;
            return {};
        } else {
            return bad(what.data(), "unknown word ", quoted{what}, " (a row is PATTERN = ROLE)");
        }
        if (!rest.empty()) return bad(rest.data(), "unknown word ", quoted{rest});
        return {};
    }

    status words(std::string_view rest, growing<std::string_view>& to) noexcept {
        while (!rest.empty())
            if (!to.push(word(rest))) return no_memory();
        return {};
    }
    status roles_of(std::string_view rest, std::uint64_t& set) noexcept {
        while (!rest.empty()) {
            std::string_view w = word(rest);
            role r = role_from_name(w);
            if (r == role::none) return bad(w.data(), "unknown role ", quoted{w});
            set |= bit(r);
        }
        return {};
    }

    // ---- rows

    status read_row(std::string_view pattern, std::string_view rhs) noexcept {
        name_row row;
        const char* where = pattern.data();
        for (bool flag = true; flag;) {
            flag = false;
            for (std::string_view f : {std::string_view("optional"), std::string_view("also")}) {
                if (rhs.size() > f.size() && rhs.substr(rhs.size() - f.size()) == f &&
                    is_space(rhs[rhs.size() - f.size() - 1])) {
                    (f == "also" ? row.also : row.optional) = flag = true;
                    rhs.remove_suffix(f.size());
                    while (!rhs.empty() && is_space(rhs.back())) rhs.remove_suffix(1);
                }
            }
        }
        if (rhs.empty()) return bad(where, "this row means nothing: a role is missing after =");
        std::string_view rest = rhs, first = word(rest);
        row.part = "weight";
        role_count_ = 0;
        axes_ = 0;
        if (first == "drop" && rest.empty()) {
            row.drop = true;
        } else if (first == "other") {
            if (rest.empty()) return bad(first.data(), "'other' needs words: other than what");
            row.other = true;
            row.words = rest;
        } else if (status s = read_layout(rhs, row); !s) {
            return s;
        }
        for (unsigned i = 0; i < role_count_; ++i) row.role_set |= bit(roles_[i]);
        if (role_count_ != 0) {
            auto* p = t_.memory.make<role>(role_count_);
            if (p == nullptr) return no_memory();
            std::memcpy(p, roles_, role_count_ * sizeof(role));
            row.roles = {p, role_count_};
        }
        return alternatives(pattern, row);
    }

    status read_layout(std::string_view rhs, name_row& row) noexcept {
        std::string_view rest = rhs, first = word(rest);
        if (first.size() > 5 && rest.empty() && first.substr(first.size() - 5) == ".bias") {
            row.part = "bias";
            first.remove_suffix(5);
            rhs = first;
        }
        role r = role_from_name(first);
        if (r != role::none && (rest.empty() || rest == "*")) {
            roles_[role_count_++] = r;
            row.layout = rest;
            return {};
        }
        layout_ = rhs;
        bool found = false;
        if (status s = sequence(0, 0, found, axes_); !s) return s;
        if (!found) return bad(rhs.data(), "no role in ", quoted{rhs});
        row.layout = rhs;
        return {};
    }

    /// Items up to a `+` or `)` of this depth; every way through has one role, no axis twice.
    status sequence(unsigned depth, std::uint32_t before, bool& found,
                    std::uint32_t& axes) noexcept {
        axes = before;
        const char* begin = layout_.data();
        for (bool empty = true;; empty = false) {
            while (!layout_.empty() && is_space(layout_[0])) layout_.remove_prefix(1);
            const char* at = layout_.data();
            char c = layout_.empty() ? '\0' : layout_[0];
            if (c == '\0' || c == '+' || c == ')') {
                if (c == '\0' && depth != 0)
                    return bad(open_at_, "unbalanced: this ( is never closed");
                if (c != '\0' && depth == 0)
                    return bad(at, "unbalanced: '", c, "' outside of parentheses");
                if (empty) return bad(c == '\0' ? begin : at, "nothing stands here");
                return {};
            }
            if (c == ',') {
                if (depth != 0 || empty) return bad(at, "a comma parts dimensions: not here");
                layout_.remove_prefix(1);
                std::string_view left = layout_;
                if (word(left).empty()) return bad(at, "nothing follows this comma");
                continue;
            }
            if (c == '(') {
                if (found) return bad(at, "two roles in one place: one stands outside of this (");
                if (depth == 4) return bad(at, "nested too deep");
                std::uint32_t inside = axes, all = axes;
                const char* was_open = open_at_;
                open_at_ = at;
                do {
                    layout_.remove_prefix(1);
                    const char* branch = layout_.data();
                    bool role_inside = false;
                    if (status s = sequence(depth + 1, axes, role_inside, inside); !s) return s;
                    if (!role_inside) return bad(branch, "no role in this part");
                    all |= inside;
                } while (layout_[0] == '+');
                layout_.remove_prefix(1);
                open_at_ = was_open;
                axes = all;
                found = true;
                continue;
            }
            std::size_t n = 0;
            while (n < layout_.size() && !is_space(layout_[n]) &&
                   std::string_view("(),+").find(layout_[n]) == std::string_view::npos)
                ++n;
            std::string_view w = layout_.substr(0, n);
            layout_.remove_prefix(n);
            std::uint32_t axis = 0;
            for (unsigned i = 0; i < axis_count; ++i)
                if (axis_names[i] == w) axis = 1u << i;
            // `v` is the role until there is one, then the vocabulary's axis
            if (axis != 0 && (found || role_from_name(w) == role::none)) {
                if ((axes & axis) != 0) return bad(at, "axis ", quoted{w}, " twice");
                axes |= axis;
                continue;
            }
            role r = role_from_name(w);
            if (r == role::none) return bad(at, "unknown role or axis ", quoted{w});
            if (found) return bad(at, "two roles in one place: ", quoted{w});
            for (unsigned i = 0; i < role_count_; ++i)
                if (roles_[i] == r) return bad(at, "role ", quoted{w}, " twice");
            if (role_count_ == most_roles) return bad(at, "too many roles in a row");
            roles_[role_count_++] = r;
            found = true;
        }
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
                return bad(pattern.data(), "more than ", most_alternatives, " alternatives");
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
        if (pattern.size() > longest_pattern) return bad(where, "this pattern is too long");
        row.prefix = pattern.substr(0, wrapped_prefix(pattern));
        std::string_view core = pattern.substr(row.prefix.size());
        std::size_t stars = core.find("**");
        if (pattern.find('*') != std::string_view::npos) {
            bool front = stars == 0 && row.prefix.empty();
            std::string_view literal = front ? core.substr(2) : core.substr(0, core.size() - 2);
            if (stars == std::string_view::npos || (!front && stars != core.size() - 2) ||
                literal.find_first_of("*{}") != std::string_view::npos || literal.empty())
                return bad(where, "** stands in front or at the end of a literal name");
            if (row.is_tensor()) return bad(where, "** is for drop and other rows");
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
            if (c == '}') return bad(where, "unbalanced: } without { in the pattern");
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
                return bad(where, "control character in the pattern");
            if (c != '{') {
                // a number that is always the same
                std::size_t end = i;
                if (i == segment_begin(core, i))
                    while (end < core.size() && is_digit(core[end])) ++end;
                bool whole = end > i && (end == core.size() || is_separator(core[end])) &&
                             (end - i == 1 || c != '0') && end - i <= 9;
                if (whole) {
                    if (row.holes == max_holes) return bad(where, "too many numbers in a pattern");
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
                return bad(where, "unbalanced: { without } in the pattern");
            std::string_view hole = core.substr(i + 1, close - i - 1);
            std::string_view after = core.substr(close + 1);
            i = close + 1;
            if (hole == "part") {
                if (!after.empty()) return bad(where, "{part} stands at the end of a pattern");
                if (n == 0 || (!is_separator(stem[n - 1]) && stem[n - 1] != '_'))
                    return bad(where, "{part} stands after a separator");
                row.has_part = true;
                row.part = {};
                break;
            }
            hole_kind kind = hole == "l"   ? hole_kind::layer
                             : hole == "e" ? hole_kind::expert
                                           : hole_kind::head;
            if (hole != "l" && hole != "e" && hole != "h")
                return bad(where, "unknown hole {", hole, "}");
            if (row.holes == max_holes) return bad(where, "too many numbers in a pattern");
            if ((seen >> static_cast<unsigned>(kind) & 1) != 0)
                return bad(where, "hole {", hole, "} twice");
            seen |= 1u << static_cast<unsigned>(kind);
            bool whole = segment == n && (after.empty() || is_separator(after[0]));
            bool counted =
                after.empty() && std::string_view(stem + segment, n - segment) == weight_word;
            if (!after.empty() && (is_digit(after[0]) || after[0] == '{'))
                return bad(where, "a number runs into another");
            if (!whole && !counted) row.matches = name_row::form::irregular;
            row.hole[row.holes++] = kind;
            stem[n++] = name_hole;
        }
        if (n == 0) return bad(where, "this pattern is empty");
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
                return bad(where, "missing hole {l}: ", name(r), " is one a layer");
            if (!info(r).layered && layer)
                return bad(where, "hole {l}, but ", name(r), " is one for the whole model");
            if (expert && !is_expert(r))
                return bad(where, "hole {e}, but ", name(r), " is no expert's");
            if (is_expert(r) && !expert && own_layout && (axes_ & e_axis) == 0)
                return bad(where, "missing hole {e}, or axis e in the layout, for ", name(r));
        }
        if (expert && (axes_ & e_axis) != 0)
            return bad(where, "hole {e} and axis e: an expert is either a tensor or a slice");
        return {};
    }

    status keep(const name_row& row) noexcept {
        auto* p = t_.memory.make<name_row>();
        if (p == nullptr) return no_memory();
        *p = row;
        p->number = static_cast<std::uint32_t>(t_.rows.size());
        if (!t_.rows.push(p) || !own_.push(p) || !enter(*p)) return no_memory();
        return {};
    }

    // ---- a convention's end

    status finish() noexcept {
        if (!now_.open) return {};
        now_.open = false;
        std::uint64_t replaced = now_.without, held = 0;
        for (const name_row* row : own_) replaced |= row->also ? 0 : row->role_set;
        std::size_t kept = 0;
        const convention* base = now_.head.base_;
        if (base != nullptr) {
            std::uint64_t there = 0;
            for (const name_row* row : base->rows()) {
                there |= row->role_set;
                if ((row->role_set & replaced) != 0) continue;
                held |= row->also ? 0 : row->role_set;
                ++kept;
            }
            if ((now_.without & ~there) != 0)
                return bad(now_.where, "'without' a role that the base has not");
        } else if (now_.without != 0) {
            return bad(now_.where, "'without' in a convention that has no base");
        }
        auto** rows = t_.memory.make<const name_row*>(kept + own_.size() + 1);
        if (rows == nullptr) return no_memory();
        std::size_t n = 0;
        if (base != nullptr)
            for (const name_row* row : base->rows())
                if ((row->role_set & replaced) == 0) rows[n++] = row;
        for (const name_row* row : own_) {
            if (!row->also && (row->role_set & held) != 0)
                return bad(where_of(*row), "a role twice: another row holds ",
                           first_role(row->role_set & held), " (mark one 'also')");
            held |= row->also ? 0 : row->role_set;
            rows[n++] = row;
        }
        now_.head.rows_ = rows;
        now_.head.row_count_ = n;
        if (status s = overlaps(); !s) return s;
        return publish();
    }
    static std::string_view first_role(std::uint64_t set) noexcept {
        for (unsigned i = 0; i < role_count; ++i)
            if ((set >> i & 1) != 0) return role_table[i].name;
        return {};
    }
    /// Where a row of this text stands; alternatives are spelled elsewhere.
    const char* where_of(const name_row& row) const noexcept {
        const char* p = row.pattern.data();
        return p >= text_.data() && p < text_.data() + text_.size() ? p : now_.where;
    }

    status overlaps() noexcept {
        if (!marks_.resize(t_.rows.size())) return no_memory();
        ++mark_;
        for (const name_row* row : now_.head.rows()) marks_[row->number] = mark_;
        for (const name_row* row : own_) {
            const name_row* twin = nullptr;
            auto look = [&](std::string_view stem, bool has_part) {
                for (const name_row* o = chain(stem); o != nullptr;
                     o = o->next == 0 ? nullptr : t_.rows[o->next - 1])
                    if (o != row && o->has_part == has_part && marks_[o->number] == mark_ &&
                        (o->prefix == row->prefix || o->role_set != row->role_set) &&
                        same_numbers(*o, *row))
                        twin = o;
            };
            if (row->matches == name_row::form::regular) {
                look(row->stem, row->has_part);
                if (!row->has_part)
                    each_part(row->stem,
                              [&](std::string_view rest, std::string_view) { look(rest, true); });
            }
            for (const name_row* o : now_.head.rows()) {
                if (row->matches == name_row::form::regular &&
                    o->matches != name_row::form::irregular)
                    continue;
                bool wild = row->matches != name_row::form::irregular &&
                            row->matches != name_row::form::regular;
                if (o == row) continue;
                if (wild ? o->matches == row->matches && o->stem == row->stem
                         : o->matches != name_row::form::begins &&
                               o->matches != name_row::form::ends && meet(o->pattern, row->pattern))
                    twin = o;
            }
            if (twin == nullptr) continue;
            // said at the later of the two
            const char *a = where_of(*row), *b = where_of(*twin);
            bool mine = false;
            for (const name_row* o : own_) mine = mine || o == twin;
            return bad(mine && b > a ? b : a, "overlap: ", quoted{row->pattern}, " and ",
                       quoted{twin->pattern}, " can spell one name");
        }
        return {};
    }
    static bool same_numbers(const name_row& a, const name_row& b) noexcept {
        for (unsigned i = 0; i < a.holes; ++i)
            if (a.hole[i] == hole_kind::fixed && b.hole[i] == hole_kind::fixed &&
                a.fixed[i] != b.fixed[i])
                return false;
        return true;
    }
    /// Whether some name is spelled by both patterns.
    static bool meet(std::string_view a, std::string_view b) noexcept {
        for (;;) {
            bool part_a = a.substr(0, 2) == "{p", part_b = b.substr(0, 2) == "{p";
            if (part_a || part_b) {
                if (part_a && part_b) return true;
                std::string_view rest = part_a ? b : a;
                for (const part_info& p : part_table) {
                    if (p.text == rest) return true;
                    if (rest.find('{') != std::string_view::npos) continue;
                    if (part_matches(p.text, rest)) return true;
                }
                return false;
            }
            if (a.empty() || b.empty()) return a.empty() && b.empty();
            bool hole_a = a[0] == '{', hole_b = b[0] == '{';
            if (!hole_a && !hole_b) {
                if (a[0] != b[0]) return false;
                a.remove_prefix(1);
                b.remove_prefix(1);
                continue;
            }
            // A hole takes all digits that stand there, or what the other's hole takes.
            auto skip = [](std::string_view& s) {
                std::size_t n = 0;
                while (n < s.size() && is_digit(s[n])) ++n;
                if (n == 0 && !s.empty() && s[0] == '{' && s.substr(0, 2) != "{p")
                    n = s.find('}') + 1;
                s.remove_prefix(n);
                return n != 0;
            };
            if (!skip(a) || !skip(b)) return false;
        }
    }

    status publish() noexcept {
        std::size_t star = now_.id.find('*');
        if ((star != std::string_view::npos) != !each_.empty())
            return bad(now_.where, "a * in the name of a convention and 'each' go together");
        if (each_.empty()) return publish_one(now_.id, model_types_);
        for (std::string_view each : each_) {
            auto* id = static_cast<char*>(t_.memory.allocate(now_.id.size() + each.size(), 1));
            if (id == nullptr) return no_memory();
            std::memcpy(id, now_.id.data(), star);
            std::memcpy(id + star, each.data(), each.size());
            std::string_view after = now_.id.substr(star + 1);
            if (!after.empty()) std::memcpy(id + star + each.size(), after.data(), after.size());
            model_types_.clear();
            if (!model_types_.push(each)) return no_memory();
            if (status s = publish_one({id, now_.id.size() - 1 + each.size()}, model_types_); !s)
                return s;
        }
        return {};
    }
    status publish_one(std::string_view id, const growing<std::string_view>& types) noexcept {
        if (t_.find(id) != nullptr)
            return bad(now_.where, "there is a convention ", quoted{id}, " already");
        for (std::string_view a : aliases_)
            if (t_.find(a) != nullptr)
                return bad(a.data(), "there is a convention ", quoted{a}, " already");
        if (t_.conventions.size() == 0xffff) return bad(now_.where, "too many conventions");
        auto* c =
            static_cast<convention*>(t_.memory.allocate(sizeof(convention), alignof(convention)));
        if (c == nullptr) return no_memory();
        ::new (static_cast<void*>(c)) convention(now_.head);
        if (!copy_words(types, c->model_types_) || !copy_words(aliases_, c->aliases_) ||
            !t_.conventions.push(c))
            return no_memory();
        if (t_.index == nullptr && (t_.index = t_.memory.make<row_index>()) == nullptr)
            return no_memory();
        c->id_ = id;
        c->number_ = static_cast<std::uint32_t>(t_.conventions.size() - 1);
        c->index_ = t_.index;
        return {};
    }
    bool copy_words(const growing<std::string_view>& from,
                    span<const std::string_view>& to) noexcept {
        to = {};
        if (from.empty()) return true;
        auto* p = t_.memory.make<std::string_view>(from.size());
        if (p == nullptr) return false;
        std::memcpy(static_cast<void*>(p), from.data(), from.size() * sizeof(std::string_view));
        to = {p, from.size()};
        return true;
    }

    // ---- finding rows

    const name_row* chain(std::string_view stem) const noexcept {
        if (t_.slots.empty()) return nullptr;
        std::uint32_t h = hash_name(stem);
        std::size_t mask = t_.slots.size() - 1;
        for (std::size_t at = h & mask; t_.slots[at].row != 0; at = (at + 1) & mask)
            if (t_.slots[at].hash == h && t_.rows[t_.slots[at].row - 1]->stem == stem)
                return t_.rows[t_.slots[at].row - 1];
        return nullptr;
    }
    bool enter(name_row& row) noexcept {
        if (row.matches != name_row::form::regular) return true;
        if (2 * (t_.rows.size() + 1) > t_.slots.size()) {
            growing<row_slot> old = static_cast<growing<row_slot>&&>(t_.slots);
            std::size_t size = 64;
            while (size < 4 * (t_.rows.size() + 1)) size *= 2;
            t_.slots = {};
            if (!t_.slots.resize(size)) return false;
            for (const row_slot& s : old)
                if (s.row != 0) place(s);
        }
        std::uint32_t h = hash_name(row.stem);
        std::size_t mask = t_.slots.size() - 1, at = h & mask;
        for (; t_.slots[at].row != 0; at = (at + 1) & mask) {
            if (t_.slots[at].hash != h) continue;
            name_row* first = t_.rows[t_.slots[at].row - 1];
            if (first->stem != row.stem) continue;
            row.next = first->next;
            first->next = row.number + 1;
            return true;
        }
        t_.slots[at] = {row.number + 1, h};
        return true;
    }
    void place(row_slot s) noexcept {
        std::size_t mask = t_.slots.size() - 1, at = s.hash & mask;
        while (t_.slots[at].row != 0) at = (at + 1) & mask;
        t_.slots[at] = s;
    }

    /// Which conventions use a row; and where conventions find rows.
    bool index() noexcept {
        if (t_.index == nullptr) return true;
        std::uint32_t total = 0;
        bool lists = true;
        t_.irregular.clear();
        t_.wild.clear();
        for (name_row* row : t_.rows) row->used_from = row->used_to = 0;
        for (const convention* c : t_.conventions)
            for (const name_row* row : c->rows()) ++t_.rows[row->number]->used_to;
        for (name_row* row : t_.rows) {
            std::uint32_t n = row->used_to;
            row->used_from = row->used_to = total;
            total += n;
            if (row->matches == name_row::form::regular) continue;
            if (!(row->matches == name_row::form::irregular ? t_.irregular : t_.wild)
                     .push(row->number))
                lists = false;
        }
        bool ok = t_.used.resize(total);
        for (const convention* c : t_.conventions)
            for (const name_row* row : c->rows())
                if (ok)
                    t_.used[t_.rows[row->number]->used_to++] =
                        static_cast<std::uint16_t>(c->number_);
        *t_.index = {t_.rows.data(),      t_.slots.empty() ? nullptr : t_.slots.data(),
                     t_.slots.size() - 1, t_.irregular.data(),
                     t_.irregular.size(), t_.wild.data(),
                     t_.wild.size(),      t_.used.data()};
        return ok && lists;
    }

    static constexpr unsigned most_roles = 8;

    tables& t_;
    std::string_view text_;
    draft now_;
    growing<const name_row*> own_;
    growing<std::string_view> aliases_, model_types_, each_;
    growing<std::uint32_t> marks_;
    std::uint32_t mark_ = 0;
    std::string_view layout_;  // what is left of the one being read
    const char* open_at_ = nullptr;
    role roles_[most_roles] = {};
    unsigned role_count_ = 0;
    std::uint32_t axes_ = 0;
};

}  // namespace detail
AKA_END

#endif  // AKA_TABLE_COMPILER_HPP
