// Words from left to right; on a terminal too narrow for them, on several lines.
#ifndef AKA_CLI_FLOW_HPP
#define AKA_CLI_FLOW_HPP

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "terminal.hpp"
#include "text.hpp"

namespace cli {

class flow {
  public:
    // Lines begin at column `indent`. The first may have something before it, `at` columns wide.
    flow(const look& l, std::size_t indent, std::string before = {}, std::size_t at = 0)
        : look_(l), indent_(indent), at_(at), out_(std::move(before)) {
        if (at_ < indent_) fill();
        if (l.columns != 0) most_ = std::max(l.columns, indent_ + 8);
    }
    // Behind `gap`, or first on a line. What no line holds is cut where the line ends.
    void put(std::string_view word, std::string_view gap = " ", style s = style::plain) {
        if (!first_ && at_ + width(gap) + width(word) > most_) new_line();
        if (!first_) {
            out_ += look_.paint(gap, style::dim);
            at_ += width(gap);
        }
        for (first_ = false; at_ + width(word) > most_; new_line()) {
            const std::string_view part = fit(word, most_ - at_);
            out_ += look_.paint(part, s);
            word.remove_prefix(part.size());
        }
        out_ += look_.paint(word, s);
        at_ += width(word);
        first_ = false;
    }
    // Text that may be cut at its blanks.
    void words(std::string_view text, std::string_view gap = " ", style s = style::plain) {
        for (std::size_t end = 0; end != text.npos; gap = " ") {
            end = text.find(' ');
            put(text.substr(0, end), gap, s);
            text.remove_prefix(end == text.npos ? 0 : end + 1);
        }
    }
    // Text that stays in one piece where a line holds it.
    void piece(std::string_view text, std::string_view gap, style s = style::plain) {
        indent_ + width(text) <= most_ ? put(text, gap, s) : words(text, gap, s);
    }
    void print(std::FILE* to = stdout) {
        out_ += '\n';
        std::fwrite(out_.data(), 1, out_.size(), to);
    }

  private:
    void fill() {
        out_.append(indent_ - at_, ' ');
        at_ = indent_;
    }
    void new_line() {
        out_ += '\n';
        at_ = 0;
        fill();
        first_ = true;
    }

    const look& look_;
    std::size_t indent_, at_, most_ = std::string_view::npos;
    bool first_ = true;
    std::string out_;
};

// What it is about, then a text from column `indent` on.
inline void print_wrapped(std::string_view head, std::string_view text, const look& look,
                          std::size_t indent = 7) {
    flow f(look, indent, look.paint(head, style::dim), width(head));
    f.words(text);
    f.print();
}

}  // namespace cli

#endif  // AKA_CLI_FLOW_HPP
