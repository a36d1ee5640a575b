// aka: whether two rows of one convention can spell the same name, which would then mean two
// things.
#ifndef AKA_TABLE_OVERLAPS_HPP
#define AKA_TABLE_OVERLAPS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "convention.hpp"
#include "error.hpp"
#include "fold.hpp"
#include "parts.hpp"
#include "span.hpp"
#include "table_index.hpp"
#include "table_text.hpp"

AKA_BEGIN
namespace detail {

class table_overlaps {
  public:
    table_overlaps(tables& t, const table_index& index) noexcept : t_(t), index_(index) {}

    /// Compares the `own` rows of a convention with `all` of them. Errors are said at the later of
    /// two rows, or at `where` when it does not stand in this text.
    status check(span<const name_row* const> all, span<const name_row* const> own,
                 const table_text& text, const char* where) noexcept {
        if (!marks_.resize(t_.rows.size())) return no_memory();
        ++mark_;
        for (const name_row* row : all) marks_[row->number] = mark_;
        for (const name_row* row : own) {
            const name_row* twin = twin_of(row, all);
            if (twin == nullptr) continue;
            const char* a = text.place_of(row->pattern, where);
            const char* b = text.place_of(twin->pattern, where);
            bool mine = false;
            for (const name_row* o : own) mine = mine || o == twin;
            return text.bad(mine && b > a ? b : a, "overlap: ", quoted{row->pattern}, " and ",
                            quoted{twin->pattern}, " can spell one name");
        }
        return {};
    }

  private:
    const name_row* twin_of(const name_row* row, span<const name_row* const> all) const noexcept {
        const name_row* twin = nullptr;
        auto look = [&](std::string_view stem, bool has_part) {
            for (const name_row* o = index_.find(stem); o != nullptr;
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
        for (const name_row* o : all) {
            if (row->matches == name_row::form::regular && o->matches != name_row::form::irregular)
                continue;
            bool wild = row->matches != name_row::form::irregular &&
                        row->matches != name_row::form::regular;
            if (o == row) continue;
            if (wild ? o->matches == row->matches && o->stem == row->stem
                     : o->matches != name_row::form::begins && o->matches != name_row::form::ends &&
                           meet(o->pattern, row->pattern))
                twin = o;
        }
        return twin;
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

    tables& t_;
    const table_index& index_;
    growing<std::uint32_t> marks_;
    std::uint32_t mark_ = 0;
};

}  // namespace detail
AKA_END

#endif  // AKA_TABLE_OVERLAPS_HPP
