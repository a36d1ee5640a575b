// aka: rules that rename tensors by pattern, `OLD => NEW`: names only, no layout.
#include "version.hpp"

#ifndef AKA_RENAME_RULES_HPP
#define AKA_RENAME_RULES_HPP

#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "error.hpp"
#include "span.hpp"

AKA_BEGIN
namespace detail {

/// One side of a rule, cut into text and holes. A hole {l}, {e} or {h} is a whole number, any other
/// one the shortest text, of one character at least, that lets the rest match.
struct rule_piece {
    std::string_view text;  // of a hole its name
    bool hole = false;
    bool number() const noexcept { return hole && (text == "l" || text == "e" || text == "h"); }
};

}  // namespace detail

/// `OLD => NEW`, both with the same holes, such as
///
///     model.layers.{l}.ln1.{part} => model.layers.{l}.input_layernorm.{part}
///
/// NEW may leave holes out, and then cannot be undone;
/// `OLD => drop` leaves the tensor out. OLD is the whole of a name.
class rename_rule {
  public:
    static constexpr unsigned most_holes = 8;                    ///< of a pattern
    static constexpr unsigned most_pieces = 2 * most_holes + 1;  ///< of a name, holes and text

    /// The text is borrowed. Errors: bad_table, with the column in the text.
    static result<rename_rule> parse(std::string_view text) noexcept {
        rename_rule r;
        std::size_t arrow = text.find("=>");
        if (arrow == std::string_view::npos)
            return detail::fail(errc::bad_table, error::nowhere, "rule ", detail::quoted{text},
                                ": expected OLD => NEW");
        std::string_view from = trim(text.substr(0, arrow)), to = trim(text.substr(arrow + 2));
        auto column = [&](std::string_view part) {
            return static_cast<std::size_t>(part.data() - text.data()) + 1;
        };
        if (from.empty() || to.empty())
            return detail::fail(errc::bad_table, error::nowhere, "rule ", detail::quoted{text},
                                ": nothing ", from.empty() ? "before" : "after", " the =>");
        r.from_text_ = from;
        r.to_text_ = to;
        r.drops_ = to == "drop";
        if (status s = r.cut(from, column(from), r.from_); !s) return s.error();
        if (r.drops_) return r;
        if (status s = r.cut(to, column(to), r.to_); !s) return s.error();
        for (unsigned i = 0; i < r.to_.count; ++i)
            if (r.to_.piece[i].hole && r.from_.find(r.to_.piece[i].text) < 0)
                return detail::fail(errc::bad_table, error::nowhere, "rule ", detail::quoted{text},
                                    ": column ", column(r.to_.piece[i].text) - 1, ": {",
                                    r.to_.piece[i].text, "} is not in the old name");
        return r;
    }

    /// The left side, as written.
    std::string_view from() const noexcept { return from_text_; }
    /// The right side, as written.
    std::string_view to() const noexcept { return to_text_; }
    /// Whether tensors of these names are left out.
    bool drops() const noexcept { return drops_; }

    /// Whether the name is one that the rule is for; and then its new name, piece by piece.
    template <class Put>
    bool apply(std::string_view name, Put put) const noexcept {
        std::string_view held[most_holes];
        if (!match(name, held)) return false;
        for (unsigned i = 0; i < to_.count; ++i) {
            const detail::rule_piece& p = to_.piece[i];
            put(p.hole ? held[from_.find(p.text)] : p.text);
        }
        return true;
    }
    /// Whether the rule is for this name.
    bool matches(std::string_view name) const noexcept {
        return apply(name, [](std::string_view) {});
    }

    /// The rule that leads back. Errors: unsupported where a hole is lost on the way.
    result<rename_rule> inverse() const noexcept {
        rename_rule r = *this;
        bool whole = !drops_;
        for (unsigned i = 0; i < from_.count; ++i)
            if (from_.piece[i].hole) whole = whole && to_.find(from_.piece[i].text) >= 0;
        if (!whole)
            return detail::fail(errc::unsupported, error::nowhere, "the rule ", from_text_, " => ",
                                to_text_, " cannot be undone: it forgets a part of the name");
        r.from_ = to_;
        r.to_ = from_;
        r.from_text_ = to_text_;
        r.to_text_ = from_text_;
        return r;
    }

  private:
    struct side {
        detail::rule_piece piece[most_pieces];
        unsigned count = 0;

        // The number of a hole among the holes; -1: there is none of this name.
        int find(std::string_view hole) const noexcept {
            int n = 0;
            for (unsigned i = 0; i < count; ++i) {
                if (!piece[i].hole) continue;
                if (piece[i].text == hole) return n;
                ++n;
            }
            return -1;
        }
    };

    static std::string_view trim(std::string_view s) noexcept {
        while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
        while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r'))
            s.remove_suffix(1);
        return s;
    }
    status cut(std::string_view text, std::size_t column, side& out) noexcept {
        auto bad = [&](std::size_t at, const char* what) {
            return detail::fail(errc::bad_table, error::nowhere, "pattern ", detail::quoted{text},
                                ": column ", column + at, ": ", what);
        };
        unsigned holes = 0;
        for (std::size_t i = 0; i < text.size();) {
            std::size_t n = text.find_first_of("{}", i);
            if (n == std::string_view::npos) n = text.size();
            if (out.count + 2 > most_pieces) return bad(i, "too many holes (8 at most)");
            if (n > i) out.piece[out.count++] = {text.substr(i, n - i), false};
            if (n == text.size()) break;
            std::size_t end = text.find('}', n);
            if (text[n] == '}' || end == std::string_view::npos)
                return bad(n, "a brace without its other one");
            std::string_view name = text.substr(n + 1, end - n - 1);
            if (name.empty() || name.find('{') != std::string_view::npos)
                return bad(n, "a hole needs a name, as in {l} or {part}");
            if (out.find(name) >= 0) return bad(n, "a hole of this name twice");
            if (out.count != 0 && out.piece[out.count - 1].hole)
                return bad(n, "two holes side by side");
            if (++holes > most_holes) return bad(n, "too many holes (8 at most)");
            out.piece[out.count++] = {name, true};
            i = end + 1;
        }
        return {};
    }

    // A run of pieces up to the next hole of text, from `at`. Numbers have no leading zero and
    // take all digits that are there, so that there is one way only.
    bool run(std::string_view name, unsigned first, unsigned last, std::size_t& at, int hole,
             std::string_view* held) const noexcept {
        for (unsigned i = first; i < last; ++i) {
            const detail::rule_piece& p = from_.piece[i];
            if (!p.hole) {
                if (name.substr(at, p.text.size()) != p.text) return false;
                at += p.text.size();
                continue;
            }
            std::size_t n = at;
            while (n < name.size() && name[n] >= '0' && name[n] <= '9') ++n;
            if (n == at || (name[at] == '0' && n - at > 1)) return false;
            held[hole++] = name.substr(at, n - at);
            at = n;
        }
        return true;
    }
    bool match(std::string_view name, std::string_view* held) const noexcept {
        std::size_t at = 0;
        unsigned i = 0, end = 0;
        int hole = 0;
        auto next_text = [&](unsigned from) {
            unsigned k = from;
            while (k < from_.count && (!from_.piece[k].hole || from_.piece[k].number())) ++k;
            return k;
        };
        auto numbers = [&](unsigned a, unsigned b) {
            int n = 0;
            for (; a < b; ++a) n += from_.piece[a].hole;
            return n;
        };
        end = next_text(0);
        if (!run(name, 0, end, at, hole, held)) return false;
        hole += numbers(0, end);
        // As with file name patterns, the first place that fits each run is as good as any later
        // one, but for the last run, which has to end where the name does.
        while (end < from_.count) {
            i = end + 1;
            end = next_text(i);
            bool last = end == from_.count, found = false;
            for (std::size_t start = at + 1; start <= name.size() && !found; ++start) {
                std::size_t here = start;
                if (i == end && last) here = start = name.size();
                found = run(name, i, end, here, hole + 1, held) && (!last || here == name.size());
                if (!found) continue;
                held[hole] = name.substr(at, start - at);
                at = here;
            }
            if (!found) return false;
            hole += 1 + numbers(i, end);
        }
        return at == name.size();
    }

    std::string_view from_text_, to_text_;
    side from_, to_;
    bool drops_ = false;
};

AKA_END

#endif  // AKA_RENAME_RULES_HPP
