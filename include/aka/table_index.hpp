// aka: where the rows of a catalog are found: by stem, in a hash table that chains rows of one
// stem; and which conventions use each.
#ifndef AKA_TABLE_INDEX_HPP
#define AKA_TABLE_INDEX_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "convention.hpp"
#include "name_index.hpp"

AKA_BEGIN
namespace detail {

class table_index {
  public:
    explicit table_index(tables& t) noexcept : t_(t) {}

    /// The first row with this stem; `next` of a row leads to the others.
    const name_row* find(std::string_view stem) const noexcept {
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

    /// Enters all rows again, in a table of the same size, which cannot run out.
    bool enter_all() noexcept {
        std::size_t slots = t_.slots.size();
        if (!t_.slots.resize(0) || !t_.slots.resize(slots)) return false;
        for (name_row* row : t_.rows) row->next = 0;
        for (name_row* row : t_.rows)
            if (!enter(*row)) break;
        return true;
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
        for (std::size_t i = 0; ok && i < t_.conventions.size(); ++i)
            for (const name_row* row : t_.conventions[i]->rows())
                t_.used[t_.rows[row->number]->used_to++] = static_cast<std::uint16_t>(i);
        *t_.index = {t_.rows.data(),      t_.slots.empty() ? nullptr : t_.slots.data(),
                     t_.slots.size() - 1, t_.irregular.data(),
                     t_.irregular.size(), t_.wild.data(),
                     t_.wild.size(),      t_.used.data()};
        return ok && lists;
    }

  private:
    void place(row_slot s) noexcept {
        std::size_t mask = t_.slots.size() - 1, at = s.hash & mask;
        while (t_.slots[at].row != 0) at = (at + 1) & mask;
        t_.slots[at] = s;
    }

    tables& t_;
};

}  // namespace detail
AKA_END

#endif  // AKA_TABLE_INDEX_HPP
