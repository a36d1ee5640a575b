// A table: columns as wide as their widest cell, two spaces between them.
#ifndef AKA_CLI_TABLE_HPP
#define AKA_CLI_TABLE_HPP

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flow.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace cli {

class table {
  public:
    enum class align { left, right };

    // Where a terminal is too narrow: `shrink` cuts texts in the middle, `wrap` puts a sentence on
    // several lines (in the last column); if that is not enough, columns that can be left out are,
    // the last one first; those of `at_last` when no other is left.
    enum class narrow { keep, shrink, wrap, leave_out, at_last };
    static constexpr align left = align::left, right = align::right;
    static constexpr narrow shrink = narrow::shrink, wrap = narrow::wrap,
                            leave_out = narrow::leave_out, at_last = narrow::at_last;

    table& column(std::string title, align a = align::left, style s = style::plain,
                  narrow n = narrow::keep) {
        columns_.push_back({std::move(title), a, s, n, 0});
        return *this;
    }
    // Cells are text for people: escape what comes from a file.
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const { return rows_.empty(); }

    void print(std::FILE* out, const look& l) {
        measure(l);
        std::vector<std::string> titles;
        for (const column_info& c : columns_) titles.push_back(c.title);
        print_row(out, l, titles, true);
        for (const std::vector<std::string>& r : rows_) print_row(out, l, r, false);
    }

  private:
    struct column_info {
        std::string title;
        align side;
        style s;
        narrow when_narrow;
        std::size_t wide;
    };

    // Of a column that shrinks: what can still be read, and where nothing else helps.
    static constexpr std::size_t readable = 22, least = 9;

    void measure(const look& l) {
        std::size_t all = 0;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            column_info& c = columns_[i];
            bool used = false;
            for (const auto& r : rows_) {
                c.wide = std::max(c.wide, width(r[i]));
                used = used || !r[i].empty();
            }
            // A column that nobody uses is not shown.
            c.wide = used ? std::max(c.wide, width(c.title)) : 0;
            all += used ? c.wide + 2 : 0;
        }
        if (l.columns == 0) return;
        const std::size_t room = l.columns + 2;  // the last column has nothing behind it
        const auto soft = [](const column_info& c, std::size_t to) {
            const bool may = c.when_narrow == narrow::shrink || c.when_narrow == narrow::wrap;
            return may && c.wide > to;
        };
        std::size_t spare = 0;
        for (const column_info& c : columns_)
            if (soft(c, readable)) spare += c.wide - readable;
        for (const narrow now : {narrow::leave_out, narrow::at_last})
            for (auto c = columns_.rbegin(); c != columns_.rend() && all > room + spare; ++c) {
                if (c->when_narrow != now || c->wide == 0) continue;
                all -= c->wide + 2;
                c->wide = 0;
            }
        const std::size_t to = all > room + spare ? least : readable;
        // The widest first, so that columns end alike.
        for (column_info* widest = &columns_[0]; all > room && widest != nullptr; --all) {
            widest = nullptr;
            for (column_info& c : columns_)
                if (soft(c, to) && (widest == nullptr || c.wide > widest->wide)) widest = &c;
            if (widest == nullptr) break;
            --widest->wide;
        }
    }

    void print_row(std::FILE* out, const look& l, const std::vector<std::string>& cells,
                   bool title) const {
        std::string line;
        std::size_t owed = 0;  // blanks, written only where something follows them
        std::size_t at = 0;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const column_info& c = columns_[i];
            if (c.wide == 0) continue;
            const auto follows = [](const column_info& other) { return other.wide != 0; };
            if (c.when_narrow == narrow::wrap && width(cells[i]) > c.wide &&
                std::none_of(&c + 1, columns_.data() + columns_.size(), follows)) {
                line.append(owed, ' ');
                flow f(l, at, line, at);
                f.words(cells[i]);
                return f.print(out);
            }
            at += c.wide + 2;
            const std::string text = cut_middle(cells[i], c.wide);
            const std::size_t n = width(text), pad = n < c.wide ? c.wide - n : 0;
            const std::size_t before = c.side == align::right ? pad : 0;
            if (n != 0) {
                line.append(owed + before, ' ');
                line += l.paint(text, title ? style::dim : c.s);
                owed = 2 + pad - before;
            } else {
                owed += c.wide + 2;
            }
        }
        line += '\n';
        std::fwrite(line.data(), 1, line.size(), out);
    }

    std::vector<column_info> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace cli

#endif  // AKA_CLI_TABLE_HPP
