// An HTML page as it is put together. Markup is string literals only; whatever else goes in is
// text, and is escaped: a name from a stranger's file cannot become markup or script.
#ifndef AKA_CLI_HTML_TEXT_HPP
#define AKA_CLI_HTML_TEXT_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "text.hpp"

namespace cli {

class html_text {
  public:
    template <std::size_t N>
    html_text& markup(const char (&literal)[N]) {
        out_.append(literal, N - 1);
        return *this;
    }
    // Inside an element or a quoted attribute. Control characters, and those that change the
    // direction of writing, are written as on a terminal: \xNN.
    html_text& text(std::string_view s) {
        const std::string shown = escape(s);
        for (const char c : shown) {
            switch (c) {
                case '&':
                    out_ += "&amp;";
                    break;
                case '<':
                    out_ += "&lt;";
                    break;
                case '>':
                    out_ += "&gt;";
                    break;
                case '"':
                    out_ += "&quot;";
                    break;
                case '\'':
                    out_ += "&#39;";
                    break;
                default:
                    out_ += c;
            }
        }
        return *this;
    }
    html_text& number(std::uint64_t n) {
        out_ += std::to_string(n);
        return *this;
    }
    // A length in CSS. Nothing that is there is invisible: at least a thousandth.
    html_text& share(std::uint64_t part, std::uint64_t whole) {
        const double v =
            whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
        char text[32];
        std::snprintf(text, sizeof text, "%.3f%%", v < 0.001 && part != 0 ? 0.001 : v);
        out_ += text;
        return *this;
    }
    const std::string& str() const { return out_; }

  private:
    std::string out_;
};

}  // namespace cli

#endif  // AKA_CLI_HTML_TEXT_HPP
