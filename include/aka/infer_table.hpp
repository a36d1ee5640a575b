// aka: an inference as a table in the grammar of conventions: what is assigned as rows, each with
// what it rests on; what is open as comments.
#ifndef AKA_INFER_TABLE_HPP
#define AKA_INFER_TABLE_HPP

#include <cstddef>
#include <string_view>

#include "config.hpp"
#include "fold.hpp"
#include "hparams.hpp"
#include "infer_units.hpp"
#include "inference.hpp"
#include "role_set.hpp"
#include "roles.hpp"
#include "text_writer.hpp"

AKA_BEGIN
namespace detail {

class infer_table {
  public:
    /// `out` holds all but the table; its rows are in the order of the units.
    infer_table(const unknown_names& in, const inference& out) noexcept : in_(in), out_(out) {}

    void print(text_writer& t) const noexcept {
        t << "convention " << inference::id << " unverified\n";
        if (out_.rope() == rope_order::unknown)
            t << "  rope half inferred  # unknown: names and shapes cannot say it; half is usual\n";
        else
            t << "  rope " << name(out_.rope()) << "\n";
        bool layer_norm = false, norms = false, output = false, embd = false;
        for (std::size_t i = 0; i < in_.units.size(); ++i) {
            const name_unit& u = in_.units[i];
            if (u.role_count == 1 && is_norm(u.roles[0]))
                norms = true, layer_norm = layer_norm || u.bias != nothing;
            output = output || (u.role_count == 1 && u.roles[0] == role::output);
            embd = embd || (u.role_count == 1 && u.roles[0] == role::token_embd);
        }
        if (in_.h != nullptr && in_.h->norm_kind != hparams::norm::unsaid)
            t << "  norm " << (in_.h->norm_kind == hparams::norm::rms ? "rms" : "layer") << "\n";
        else if (norms && layer_norm)
            t << "  norm layer\n";
        if (embd && !output) {
            bool maybe = false;
            for (const name_unit& u : in_.units)
                maybe = maybe || (u.candidates & bit(role::output)) != 0;
            if (!maybe) t << "  tied yes\n";
        }
        std::size_t longest = 0;
        for (const inferred_row& r : out_.rows())
            if (r.pattern.size() > longest && r.pattern.size() < 72) longest = r.pattern.size();
        for (std::size_t i = 0; i < in_.units.size(); ++i) {
            const name_unit& u = in_.units[i];
            const inferred_row& r = out_.rows()[i];
            std::size_t pad = longest > r.pattern.size() ? longest - r.pattern.size() : 0;
            const bool can = can_spell(u, in_.name_of(u));
            if (r.drop && can) {
                t << "  " << r.pattern;
                spaces(t, pad);
                t << " = drop\n";
                continue;
            }
            auto line = [&](const char* lead, std::string_view names, std::string_view layout,
                            const char* tail) {
                t << lead << names;
                spaces(t, pad);
                t << " = ";
                if (layout.empty())
                    t << name(u.roles[0]);
                else
                    t << layout;
                t << tail;
            };
            if (r.role_count == 0 || !can) {
                t << "  # ";
                safe(t, r.pattern);
                spaces(t, pad);
                if (r.role_count != 0) {
                    t << " = " << name(r.roles[0]) << " (the grammar cannot hold this name)\n";
                    continue;
                }
                t << " = ?";
                for (unsigned k = 0; k < role_count; ++k)
                    if ((r.candidates >> k & 1) != 0) t << " " << name(static_cast<role>(k));
                t << "  (" << (r.why.empty() ? std::string_view("nothing known") : r.why) << ")\n";
                continue;
            }
            bool part = r.pattern.size() > 6 && r.pattern.substr(r.pattern.size() - 6) == "{part}";
            if (r.order_open) {
                t << "  # which rows are whose cannot be seen; one of\n";
                line("  # ", r.pattern, r.layout, "\n");
                line("  # ", r.pattern, r.other_layout, "\n");
                continue;
            }
            if (u.is_bias && !part) {
                if (u.role_count == 1) {
                    line("  ", r.pattern, {}, ".bias also\n");
                } else {
                    line("  # the grammar has no bias of fused roles: ", r.pattern, r.layout, "\n");
                }
                continue;
            }
            line("  ", r.pattern, r.layout, "");
            if (part && u.is_bias) t << " also";
            t << "  # ";
            bool any = false;
            auto by = [&](unsigned e, const char* what, std::string_view more) {
                if ((u.by & e) == 0) return;
                t << (any ? ", " : "") << what;
                if (!more.empty()) t << " " << more;
                any = true;
            };
            by(by_word, "word", r.words);
            by(by_shape, "shape", {});
            by(by_elimination, "elimination", {});
            t << "\n";
            if (!part && u.bias != nothing && u.weight != nothing) {
                const std::string_view bias = in_.patterns[u.bias].text;
                if (!can_spell(u, bias)) {
                    t << "  # ";
                    safe(t, bias);
                    t << " = " << name(u.roles[0]) << ".bias (the grammar cannot hold this name)\n";
                } else if (u.role_count == 1) {
                    line("  ", bias, {}, ".bias also\n");
                } else {
                    line("  # the grammar has no bias of fused roles: ", bias, r.layout, "\n");
                }
            }
        }
    }

  private:
    // Whether the grammar can hold these names of a unit.
    static bool can_spell(const name_unit& u, std::string_view s) noexcept {
        unsigned braces = 0;
        for (std::size_t i = 0; i < s.size(); ++i) {
            if (static_cast<unsigned char>(s[i]) <= ' ' || s[i] == '#' || s[i] == '|' ||
                s[i] == '*' || s[i] == '=' || static_cast<unsigned char>(s[i]) >= 0x7f)
                return false;
            if (s[i] == '}' && i + 1 < s.size() && (is_digit(s[i + 1]) || s[i + 1] == '{'))
                return false;
            if (s[i] == '{' && i != 0 && is_digit(s[i - 1])) return false;
            braces += s[i] == '{' || s[i] == '}';
        }
        // Those of its own holes, and none that the names have.
        if (braces != 2u * u.layered + 2u * u.expert) return false;
        return !s.empty() && s.size() < 200;
    }
    static void spaces(text_writer& t, std::size_t n) noexcept {
        while (n-- > 0) t << " ";
    }
    // Names are a stranger's: no control characters.
    static void safe(text_writer& t, std::string_view s) noexcept {
        for (char c : s)
            t << ((static_cast<unsigned char>(c) < ' ' || c == 0x7f) ? std::string_view("?")
                                                                     : std::string_view(&c, 1));
    }
    static bool is_norm(role r) noexcept {
        return r == role::attn_norm || r == role::ffn_norm || r == role::output_norm ||
               r == role::attn_post_norm || r == role::ffn_post_norm;
    }

    const unknown_names& in_;
    const inference& out_;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_TABLE_HPP
