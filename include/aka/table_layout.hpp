// aka: the syntax of a layout in a row, `(q kv g s i + k kv s i + v kv d) x`: which roles and axes
// it names, and what is wrong with it. What it means is layout.hpp's business.
#ifndef AKA_TABLE_LAYOUT_HPP
#define AKA_TABLE_LAYOUT_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config.hpp"
#include "error.hpp"
#include "roles.hpp"
#include "table_text.hpp"

AKA_BEGIN
namespace detail {

struct row_layout {
    static constexpr unsigned most_roles = 8;

    role roles[most_roles] = {};
    unsigned count = 0;
    std::uint32_t axes = 0;  // a set of 1 << axis
};

/// Reads one layout into a `row_layout` that is empty.
class layout_syntax {
  public:
    layout_syntax(const table_text& text, std::string_view layout, row_layout& out) noexcept
        : text_(text), rest_(layout), out_(out) {}

    status read() noexcept {
        std::string_view whole = rest_;
        bool found = false;
        if (status s = sequence(0, 0, found, out_.axes); !s) return s;
        if (!found) return text_.bad(whole.data(), "no role in ", quoted{whole});
        return {};
    }

  private:
    /// Items up to a `+` or `)` of this depth; every way through has one role, no axis twice.
    status sequence(unsigned depth, std::uint32_t before, bool& found,
                    std::uint32_t& axes) noexcept {
        axes = before;
        const char* begin = rest_.data();
        for (bool empty = true;; empty = false) {
            while (!rest_.empty() && is_blank(rest_[0])) rest_.remove_prefix(1);
            const char* at = rest_.data();
            char c = rest_.empty() ? '\0' : rest_[0];
            if (c == '\0' || c == '+' || c == ')') {
                if (c == '\0' && depth != 0)
                    return text_.bad(open_at_, "unbalanced: this ( is never closed");
                if (c != '\0' && depth == 0)
                    return text_.bad(at, "unbalanced: '", c, "' outside of parentheses");
                if (empty) return text_.bad(c == '\0' ? begin : at, "nothing stands here");
                return {};
            }
            if (c == ',') {
                if (depth != 0 || empty) return text_.bad(at, "a comma parts dimensions: not here");
                rest_.remove_prefix(1);
                std::string_view left = rest_;
                if (take_word(left).empty()) return text_.bad(at, "nothing follows this comma");
                continue;
            }
            if (c == '(') {
                if (found)
                    return text_.bad(at, "two roles in one place: one stands outside of this (");
                if (depth == 4) return text_.bad(at, "nested too deep");
                std::uint32_t inside = axes, all = axes;
                const char* was_open = open_at_;
                open_at_ = at;
                do {
                    rest_.remove_prefix(1);
                    const char* branch = rest_.data();
                    bool role_inside = false;
                    if (status s = sequence(depth + 1, axes, role_inside, inside); !s) return s;
                    if (!role_inside) return text_.bad(branch, "no role in this part");
                    all |= inside;
                } while (rest_[0] == '+');
                rest_.remove_prefix(1);
                open_at_ = was_open;
                axes = all;
                found = true;
                continue;
            }
            std::size_t n = 0;
            while (n < rest_.size() && !is_blank(rest_[n]) &&
                   std::string_view("(),+").find(rest_[n]) == std::string_view::npos)
                ++n;
            std::string_view w = rest_.substr(0, n);
            rest_.remove_prefix(n);
            std::uint32_t axis = 0;
            for (unsigned i = 0; i < axis_count; ++i)
                if (axis_names[i] == w) axis = 1u << i;
            // `v` is the role until there is one, then the vocabulary's axis
            if (axis != 0 && (found || role_from_name(w) == role::none)) {
                if ((axes & axis) != 0) return text_.bad(at, "axis ", quoted{w}, " twice");
                axes |= axis;
                continue;
            }
            role r = role_from_name(w);
            if (r == role::none) return text_.bad(at, "unknown role or axis ", quoted{w});
            if (found) return text_.bad(at, "two roles in one place: ", quoted{w});
            for (unsigned i = 0; i < out_.count; ++i)
                if (out_.roles[i] == r) return text_.bad(at, "role ", quoted{w}, " twice");
            if (out_.count == row_layout::most_roles)
                return text_.bad(at, "too many roles in a row");
            out_.roles[out_.count++] = r;
            found = true;
        }
    }

    const table_text& text_;
    std::string_view rest_;
    row_layout& out_;
    const char* open_at_ = nullptr;
};

}  // namespace detail
AKA_END

#endif  // AKA_TABLE_LAYOUT_HPP
