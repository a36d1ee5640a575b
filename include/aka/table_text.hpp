// aka: the text of tables, as lines and words; and where in it an error is. A line is what stands
// before `#`; its words are parted by blanks.
#ifndef AKA_TABLE_TEXT_HPP
#define AKA_TABLE_TEXT_HPP

#include <cstddef>
#include <string_view>

#include "config.hpp"
#include "error.hpp"

AKA_BEGIN
namespace detail {

struct table_text {
    std::string_view text;

    /// An error at `where`, a place in this text, with line and column.
    template <class... A>
    AKA_COLD error bad(const char* where, const A&... parts) const noexcept {
        auto offset = static_cast<std::size_t>(where - text.data());
        std::size_t line = 1, column = 1;
        for (char c : text.substr(0, offset)) {
            ++column;
            if (c == '\n') ++line, column = 1;
        }
        error e(errc::bad_table, offset);
        e.say("line ", line, ", column ", column, ": ");
        return e.say(parts...);
    }

    /// Where `s` stands, or `otherwise` when it is not of this text.
    const char* place_of(std::string_view s, const char* otherwise) const noexcept {
        const char* p = s.data();
        return p >= text.data() && p < text.data() + text.size() ? p : otherwise;
    }
};

inline bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }
inline std::string_view without_blanks(std::string_view s) noexcept {
    while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
    while (!s.empty() && is_blank(s[0])) s.remove_prefix(1);
    return s;
}
/// Takes the first word, and the blanks around it, from a line.
inline std::string_view take_word(std::string_view& line) noexcept {
    line = without_blanks(line);
    std::size_t n = 0;
    while (n < line.size() && !is_blank(line[n])) ++n;
    std::string_view w = line.substr(0, n);
    line = without_blanks(line.substr(n));
    return w;
}
/// Takes the next line that says something from a text; false when there is none.
inline bool take_line(std::string_view& text, std::string_view& line) noexcept {
    while (!text.empty()) {
        std::size_t end = text.find('\n');
        line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        line = without_blanks(line.substr(0, line.find('#')));
        if (!line.empty()) return true;
    }
    return false;
}

}  // namespace detail
AKA_END

#endif  // AKA_TABLE_TEXT_HPP
