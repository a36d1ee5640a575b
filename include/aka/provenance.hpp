// aka: what a rewrite leaves in the metadata so that it can be undone exactly: the convention that
// the names came from, and rules for the names that this convention would not have made.
#include "version.hpp"

#ifndef AKA_PROVENANCE_HPP
#define AKA_PROVENANCE_HPP

#include <cstdint>
#include <string_view>

#include "fold.hpp"
#include "json.hpp"
#include "rename_rules.hpp"
#include "renamed_as.hpp"
#include "roles.hpp"
#include "text_writer.hpp"

AKA_BEGIN

namespace detail {

/// JSON's escapes for what a string must not hold as it is (RFC 8259, 7).
inline void json_escape(text_writer& out, std::string_view s) noexcept {
    constexpr char hex[] = "0123456789abcdef";
    std::size_t plain = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
        auto u = static_cast<unsigned char>(s[i]);
        if (u >= 0x20 && u != '"' && u != '\\') continue;
        out << s.substr(plain, i - plain);
        plain = i + 1;
        if (u >= 0x20) {
            const char both[] = {'\\', s[i]};
            out << std::string_view(both, 2);
        } else {
            const char six[] = {'\\', 'u', '0', '0', hex[u >> 4], hex[u & 15]};
            out << std::string_view(six, 6);
        }
    }
    out << s.substr(plain);
}

/// A list of rules that owns its text; the first rule that fits a name is the one that counts.
class rule_list {
  public:
    span<const rename_rule> rules() const noexcept { return {rules_.data(), rules_.size()}; }
    std::size_t size() const noexcept { return rules_.size(); }

    status add(std::string_view text) noexcept {
        const char* kept = memory_.copy(text);
        if (kept == nullptr) return no_memory();
        result<rename_rule> r = rename_rule::parse({kept, text.size()});
        if (!r) return r.error();
        return rules_.push(*r.get_if()) ? status() : status(no_memory());
    }
    static const rename_rule* find(span<const rename_rule> rules, std::string_view name) noexcept {
        for (const rename_rule& r : rules)
            if (r.matches(name)) return &r;
        return nullptr;
    }
    /// The new name by the first rule that fits; else the old one.
    static bool spell(span<const rename_rule> rules, std::string_view name,
                      text_writer& out) noexcept {
        out.clear();
        const rename_rule* r = find(rules, name);
        if (r == nullptr || r->drops())
            out << name;
        else
            r->apply(name, [&](std::string_view piece) { out << piece; });
        return out.ok();
    }

  private:
    arena memory_;
    growing<rename_rule> rules_;
};

/// Collects pairs of names (what a convention makes, what it should be), and finds few rules for
/// many of them: numbers that stand on both sides in the same order become holes.
class rule_finder {
  public:
    static constexpr std::size_t most_rules = 4096;

    /// Errors: out_of_memory; unsupported where the names need too many rules, or hold braces.
    status add(std::string_view from, std::string_view to) noexcept {
        if (from == to && found_.size() == 0) return {};
        if (!rule_list::spell(found_.rules(), from, text_)) return no_memory();
        if (text_.view() == to) return {};
        text_.clear();
        // A rule that is too wide for this name has gone before: then this one by name, in front.
        bool by_name = rule_list::find(found_.rules(), from) != nullptr;
        for (std::string_view s : {from, to})
            if (s.find_first_of("{}") != std::string_view::npos ||
                s.find("=>") != std::string_view::npos || s.empty() || s.front() == ' ' ||
                s.back() == ' ' || s == "drop")
                return fail(errc::unsupported, error::nowhere, "tensor ", quoted{s},
                            ": no rule can be written for this name");
        if (found_.size() + by_name_.size() >= most_rules)
            return fail(errc::unsupported, error::nowhere, "more than ", most_rules,
                        " rules would be needed to lead the names back");
        if (by_name || !folded(from, to)) {
            text_.clear();
            text_ << from << " => " << to;
        }
        if (!text_.ok()) return no_memory();
        return (by_name ? by_name_ : found_).add(text_.view());
    }
    template <class F>
    void each(F f) const noexcept {
        for (const rule_list* l : {&by_name_, &found_})
            for (const rename_rule& r : l->rules()) f(r);
    }
    std::size_t size() const noexcept { return by_name_.size() + found_.size(); }
    /// Whether the rules lead there, tried in their order.
    bool leads(std::string_view from, std::string_view to) noexcept {
        const rule_list& l = rule_list::find(by_name_.rules(), from) != nullptr ? by_name_ : found_;
        return rule_list::spell(l.rules(), from, text_) && text_.view() == to;
    }

  private:
    bool folded(std::string_view from, std::string_view to) noexcept {
        constexpr std::size_t longest = 512;
        if (from.size() > longest || to.size() > longest) return false;
        char a[longest], b[longest];
        folded_text f, t;
        if (!fold_name(from, a, f) || !fold_name(to, b, t) || f.holes != t.holes || f.holes == 0 ||
            f.holes > 3)
            return false;
        for (std::uint32_t i = 0; i < f.holes; ++i)
            if (f.number[i] != t.number[i]) return false;
        text_.clear();
        write({a, f.size});
        text_ << " => ";
        write({b, t.size});
        return true;
    }
    void write(std::string_view shape) noexcept {
        constexpr std::string_view holes[] = {"{l}", "{e}", "{h}"};
        unsigned n = 0;
        for (std::size_t i = 0; i < shape.size();) {
            std::size_t end = shape.find(name_hole, i);
            text_ << shape.substr(i, end == std::string_view::npos ? end : end - i);
            if (end == std::string_view::npos) break;
            text_ << holes[n++];
            i = end + 1;
        }
    }

    rule_list by_name_, found_;
    text_writer text_;
};

}  // namespace detail

/// What the metadata say of an earlier rewrite.
struct provenance {
    std::string_view from;                  ///< a convention's id
    std::string_view to;                    ///< conventions' ids; empty where only rules renamed
    rope_order rope = rope_order::unknown;  ///< of the source
    /// Patterns of `from` that are otherwise only read, and were used: see target::rows.
    detail::growing<std::string_view> rows;
    detail::rule_list rules;  ///< from the names that `from` makes to the names that were
    /// The value that the key had before: of an earlier rewrite, which is to be undone after this
    /// one; empty: none.
    std::string_view before;
    detail::arena text;  ///< what the views here are of

    /// Of earlier rewrites at most this much is kept.
    static constexpr std::size_t most_before = std::size_t{1} << 18;

    /// Errors: bad_json, with the offset in the text; unsupported (of a later version).
    static result<provenance> parse(std::string_view json_text) noexcept {
        provenance p;
        std::uint64_t version = 0;
        std::string_view rope;
        error failed;
        detail::json_reader json(json_text);
        auto keep = [&](std::string_view& field) {
            detail::json_string s;
            if (!json.string(s)) return false;
            if (!detail::text_of(s, p.text, field)) failed = detail::no_memory();
            const char* copy = p.text.copy(field);  // the metadata may go before this does
            if (copy == nullptr) failed = detail::no_memory();
            field = {copy, copy == nullptr ? 0 : field.size()};
            return failed.code() == errc::none;
        };
        bool good = json.object([&](const detail::json_string& key) {
            if (detail::equal(key, "version")) return json.whole(version);
            if (detail::equal(key, "from")) return keep(p.from);
            if (detail::equal(key, "to")) return keep(p.to);
            if (detail::equal(key, "rope")) return keep(rope);
            if (detail::equal(key, "before")) {
                json.peek();
                const char* begin = json.at();
                if (!json.skip()) return false;
                std::string_view raw(begin, static_cast<std::size_t>(json.at() - begin));
                const char* copy = p.text.copy(raw);
                if (copy == nullptr) failed = detail::no_memory();
                p.before = {copy, copy == nullptr ? 0 : raw.size()};
                return copy != nullptr;
            }
            if (detail::equal(key, "rows"))
                return json.array([&] {
                    std::string_view pattern;
                    if (!keep(pattern)) return false;
                    if (!p.rows.push(pattern)) failed = detail::no_memory();
                    return failed.code() == errc::none;
                });
            if (!detail::equal(key, "rules")) return json.skip();
            return json.array([&] {
                std::string_view rule;
                if (!keep(rule)) return false;
                status s = p.rules.add(rule);
                if (!s) failed = s.error();
                return static_cast<bool>(s);
            });
        });
        if (failed.code() != errc::none) return failed;
        if (!good || !json.finish())
            return detail::fail(errc::bad_json, json.pos(), "key ", provenance_key, ": ",
                                json.what());
        if (version != 1)
            return detail::fail(errc::unsupported, error::nowhere, "key ", provenance_key,
                                " is of version ", version, ", known is 1");
        for (rope_order r : {rope_order::half, rope_order::interleaved, rope_order::none})
            if (name(r) == rope) p.rope = r;
        return p;
    }

    /// The value of the key. `to_rope`: unknown where it is the convention's own. `before`: the
    /// value until now, an object of JSON; may be empty.
    static void write(detail::text_writer& out, std::string_view from, std::string_view to,
                      rope_order rope, rope_order to_rope, span<const std::string_view> rows,
                      const detail::rule_finder& rules, std::string_view before) noexcept {
        auto quote = [&](std::string_view key, std::string_view value) {
            out << ",\"" << key << "\":\"";
            detail::json_escape(out, value);
            out << "\"";
        };
        out << "{\"version\":1";
        if (!from.empty()) quote("from", from);
        if (!to.empty()) quote("to", to);
        if (!from.empty()) quote("rope", name(rope));
        if (to_rope != rope_order::unknown) quote("to_rope", name(to_rope));
        bool first = true;
        for (std::string_view pattern : rows) {
            out << (first ? ",\"rows\":[\"" : ",\"");
            first = false;
            detail::json_escape(out, pattern);
            out << "\"";
        }
        if (!rows.empty()) out << "]";
        if (rules.size() != 0) {
            out << ",\"rules\":[";
            first = true;
            rules.each([&](const rename_rule& r) {
                out << (first ? "\"" : ",\"");
                first = false;
                detail::json_escape(out, r.from());
                out << " => ";
                detail::json_escape(out, r.to());
                out << "\"";
            });
            out << "]";
        }
        if (!before.empty() && before.size() <= most_before) out << ",\"before\":" << before;
        out << "}";
    }
};

AKA_END

#endif  // AKA_PROVENANCE_HPP
