// aka: the text of conventions to conventions: what each says of itself, and what it takes from its
// base. The grammar is described at `catalog` in names.hpp.
#ifndef AKA_TABLE_COMPILER_HPP
#define AKA_TABLE_COMPILER_HPP

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
#include "span.hpp"
#include "table_index.hpp"
#include "table_overlaps.hpp"
#include "table_rows.hpp"
#include "table_text.hpp"

AKA_BEGIN
namespace detail {

class table_compiler {
  public:
    explicit table_compiler(tables& t) noexcept : t_(t) {}
    table_compiler(const table_compiler&) = delete;
    table_compiler& operator=(const table_compiler&) = delete;

    /// All or nothing.
    status add(span<const std::string_view> texts, bool copy, std::string_view file) noexcept {
        std::size_t conventions = t_.conventions.size(), rows = t_.rows.size();
        status s = compile(texts, copy);
        if (s && !index_.index()) s = no_memory();
        if (s) return s;
        // shrinking cannot fail
        if (!t_.conventions.resize(conventions) || !t_.rows.resize(rows)) return no_memory();
        if (!index_.enter_all() || !index_.index()) return no_memory();
        error e = s.error();
        if (!file.empty()) e.in(file);
        return e;
    }

  private:
    /// The convention that is being read.
    struct draft {
        convention head;
        std::string_view id;
        std::uint64_t without = 0;
        const char* where = nullptr;
        bool open = false;
    };

    status compile(span<const std::string_view> texts, bool copy) noexcept {
        for (std::string_view text : texts) {
            if (copy) {
                const char* p = t_.memory.copy(text);
                if (p == nullptr) return no_memory();
                text = {p, text.size()};
            }
            text_ = {text};
            for (std::string_view line; take_line(text, line);)
                if (status s = read_line(line); !s) return s;
            if (status s = finish(); !s) return s;
        }
        return {};
    }

    status read_line(std::string_view line) noexcept {
        std::string_view rest = line, first = take_word(rest);
        if (first == "convention") return begin(first.data(), rest);
        if (!now_.open)
            return text_.bad(first.data(), "a table begins with 'convention ID', not with ",
                             quoted{first});
        std::string_view after = rest;
        if (take_word(after) == "=") return rows_.read(first, after);
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
        now_.id = take_word(rest);
        if (now_.id.empty()) return text_.bad(where, "a convention needs a name");
        bool star = false;
        for (const char& c : now_.id) {
            bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
                         c == '_' || c == '.' || c == ':' || c == '-';
            if (c == '*' && !star)
                star = true;
            else if (!known)
                return text_.bad(&c, "the name of a convention has letters, digits and _.:- only");
        }
        bool unverified = false;
        while (!rest.empty()) {
            std::string_view w = take_word(rest);
            if (w == "extends") {
                std::string_view base = take_word(rest);
                const convention* b = t_.find(base);
                if (b == nullptr)
                    return text_.bad(base.empty() ? w.data() : base.data(), "unknown base ",
                                     quoted{base});
                now_.head = *b;
                now_.head.base_ = b;
                now_.head.aliases_ = now_.head.model_types_ = {};
                // Many under one heading are all what their base is: GGUF.
                if (!star) now_.head.title_ = {};
            } else if (w == "unverified") {
                unverified = true;
            } else {
                return text_.bad(w.data(), "expected 'extends' or 'unverified', not ", quoted{w});
            }
        }
        now_.head.unverified_ = now_.head.unverified_ || unverified;
        return {};
    }

    status read_directive(std::string_view what, std::string_view rest) noexcept {
        convention& c = now_.head;
        if (rest.empty()) return text_.bad(what.data(), quoted{what}, " stands alone");
        if (what == "title") return c.title_ = rest, status{};
        if (what == "not_llama") return c.not_llama_ = rest, status{};
        if (what == "alias") return words(rest, aliases_);
        if (what == "model_type") return words(rest, model_types_);
        if (what == "each") return words(rest, each_);
        std::string_view value = take_word(rest);
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
                return text_.bad(at, "rope is half, interleaved or none, not ", quoted{value});
            if (!rest.empty()) {
                value = take_word(rest);
                if (value != "inferred")
                    return text_.bad(value.data(), "unknown word ", quoted{value});
                c.rope_inferred_ = true;
            }
        } else if (what == "rotary") {
            unsigned n = 0;
            std::size_t i = 0;
            while (i < value.size() && i < 3 && is_digit(value[i]))
                n = n * 10 + static_cast<unsigned>(value[i++] - '0');
            if (i == 0 || value.substr(i) != "%" || n < 1 || n > 100)
                return text_.bad(at, "rotary is 1% to 100%, not ", quoted{value});
            c.rotary_percent_ = static_cast<std::uint8_t>(n);
        } else if (what == "norm") {
            if (value == "rms")
                c.norm_ = norm_kind::rms;
            else if (value == "layer")
                c.norm_ = norm_kind::layer;
            else if (value == "none")
                c.norm_ = norm_kind::none;
            else
                return text_.bad(at, "norm is rms, layer or none, not ", quoted{value});
        } else if (what == "tied") {
            if (value == "yes")
                c.tied_ = tied_kind::yes;
            else if (value == "no")
                c.tied_ = tied_kind::no;
            else if (value == "config")
                c.tied_ = tied_kind::config;
            else
                return text_.bad(at, "tied is yes, no or config, not ", quoted{value});
        } else if (what == "norm_offset") {
            if (value != "0" && value != "1")
                return text_.bad(at, "norm_offset is 0 or 1, not ", quoted{value});
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
            return text_.bad(what.data(), "unknown word ", quoted{what},
                             " (a row is PATTERN = ROLE)");
        }
        if (!rest.empty()) return text_.bad(rest.data(), "unknown word ", quoted{rest});
        return {};
    }

    static status words(std::string_view rest, growing<std::string_view>& to) noexcept {
        while (!rest.empty())
            if (!to.push(take_word(rest))) return no_memory();
        return {};
    }
    status roles_of(std::string_view rest, std::uint64_t& set) noexcept {
        while (!rest.empty()) {
            std::string_view w = take_word(rest);
            role r = role_from_name(w);
            if (r == role::none) return text_.bad(w.data(), "unknown role ", quoted{w});
            set |= bit(r);
        }
        return {};
    }

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
                return text_.bad(now_.where, "'without' a role that the base has not");
        } else if (now_.without != 0) {
            return text_.bad(now_.where, "'without' in a convention that has no base");
        }
        auto** rows = t_.memory.make<const name_row*>(kept + own_.size() + 1);
        if (rows == nullptr) return no_memory();
        std::size_t n = 0;
        if (base != nullptr)
            for (const name_row* row : base->rows())
                if ((row->role_set & replaced) == 0) rows[n++] = row;
        for (const name_row* row : own_) {
            if (!row->also && (row->role_set & held) != 0)
                return text_.bad(text_.place_of(row->pattern, now_.where),
                                 "a role twice: another row holds ",
                                 first_role(row->role_set & held), " (mark one 'also')");
            held |= row->also ? 0 : row->role_set;
            rows[n++] = row;
        }
        now_.head.rows_ = rows;
        now_.head.row_count_ = n;
        if (status s =
                overlaps_.check(now_.head.rows(), {own_.data(), own_.size()}, text_, now_.where);
            !s)
            return s;
        return publish();
    }
    static std::string_view first_role(std::uint64_t set) noexcept {
        for (unsigned i = 0; i < role_count; ++i)
            if ((set >> i & 1) != 0) return role_table[i].name;
        return {};
    }
    status publish() noexcept {
        std::size_t star = now_.id.find('*');
        if ((star != std::string_view::npos) != !each_.empty())
            return text_.bad(now_.where, "a * in the name of a convention and 'each' go together");
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
            return text_.bad(now_.where, "there is a convention ", quoted{id}, " already");
        for (std::string_view a : aliases_)
            if (t_.find(a) != nullptr)
                return text_.bad(a.data(), "there is a convention ", quoted{a}, " already");
        if (t_.conventions.size() == 0xffff) return text_.bad(now_.where, "too many conventions");
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

    tables& t_;
    table_index index_{t_};
    table_overlaps overlaps_{t_, index_};
    table_text text_;
    draft now_;
    growing<const name_row*> own_;  // its own rows
    row_reader rows_{t_, index_, text_, own_};
    growing<std::string_view> aliases_, model_types_, each_;
};

}  // namespace detail
AKA_END

#endif  // AKA_TABLE_COMPILER_HPP
