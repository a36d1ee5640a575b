// What was found of each pair of tensors, as rows of a table: one each, or layers and experts of
// which the same is to be said together.
#ifndef AKA_CLI_VERDICT_TABLE_HPP
#define AKA_CLI_VERDICT_TABLE_HPP

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "fold.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace cli {

// equal: the same bytes of one type, in one layout. row_order: the same rows, in another order than
// names and metadata say. converted: of another type, and equal up to its rounding.
enum class verdict { equal, row_order, converted, different, missing };
inline constexpr std::size_t verdict_count = 5;
inline constexpr const char* verdict_names[verdict_count] = {"equal", "row_order", "converted",
                                                             "different", "missing"};
inline const char* name(verdict v) { return verdict_names[static_cast<std::size_t>(v)]; }

struct verdict_line {
    std::string tensor, types;
    std::int32_t layer = -1, expert = -1;
    verdict status = verdict::equal;
    bool counts = true;  // false: no difference, whatever the status is
    bool has_error = false, has_cosine = false, has_share = false;
    double error = 0, cosine = 1;
    std::uint64_t differ = 0, of = 0;
    std::string first, note;
};

// Of anything that has a status and says whether it counts.
template <class Compared>
std::size_t count(const std::vector<Compared>& all, verdict v) {
    std::size_t n = 0;
    for (const Compared& c : all) n += c.status == v && c.counts;
    return n;
}
template <class Compared>
bool differs(const std::vector<Compared>& all) {
    return count(all, verdict::row_order) + count(all, verdict::different) +
               count(all, verdict::missing) !=
           0;
}

class verdict_table {
  public:
    verdict_table(const look& l, bool each) : look_(l), each_(each) {
        table_.column("tensor", table::align::left, style::folded, table::narrow::shrink);
        table_.column("layer").column("expert").column("", table::align::right).column("type");
        table_.column("status", table::align::left, style::bold);
        for (const char* title : {"error", "cosine", "differ"})
            table_.column(title, table::align::right);
        table_.column("first", table::align::left, style::plain, table::narrow::leave_out);
        table_.column("");
    }

    void print(const std::vector<verdict_line>& lines) {
        each_ ? rows(lines) : groups(lines);
        if (!lines.empty()) table_.print(stdout, look_);
        std::string text;
        for (std::size_t v = 0; v < verdict_count; ++v)
            if (const std::size_t n = count(lines, static_cast<verdict>(v)); n != 0)
                text += (text.empty() ? "" : ", ") + std::to_string(n) + ' ' + verdict_names[v];
        std::printf("%s%s\n", lines.empty() ? "" : "\n",
                    text.empty() ? "nothing to compare" : text.c_str());
    }

  private:
    static std::string number(double v) {
        char text[32];
        std::snprintf(text, sizeof text, "%.3g", v);
        return text;
    }
    // What is nearly 1 is said by how far it is from it.
    static std::string cosine(double c) {
        char text[32];
        const bool almost = c != 1 && 1 - c < 5e-7;
        std::snprintf(text, sizeof text, almost ? "1 - %.1g" : "%.6f", almost ? 1 - c : c);
        return text;
    }
    void row(const verdict_line& l, const std::string& layers, const std::string& experts,
             std::uint64_t n) {
        table_.row({l.tensor, layers, experts, n == 1 ? "" : std::to_string(n) + ' ' + look_.times,
                    l.types, name(l.status), l.has_error ? number(l.error) : "",
                    l.has_cosine ? cosine(l.cosine) : "",
                    l.has_share ? percent(l.differ, l.of) : "", l.first, escape(l.note)});
    }
    void rows(const std::vector<verdict_line>& lines) {
        for (const verdict_line& l : lines)
            row(l, l.layer < 0 ? "" : std::to_string(l.layer),
                l.expert < 0 ? "" : std::to_string(l.expert), 1);
    }
    void groups(const std::vector<verdict_line>& lines) {
        struct group {
            verdict_line worst;
            std::set<std::uint64_t> layers, experts;
            std::uint64_t count = 0;
        };
        std::vector<group> all;
        std::map<std::tuple<std::string, std::string, verdict, std::string>, std::size_t> seen;
        for (const verdict_line& l : lines) {
            const auto at =
                seen.emplace(std::make_tuple(l.tensor, l.types, l.status, l.note), all.size());
            if (at.second) all.push_back({l, {}, {}, 0});
            group& g = all[at.first->second];
            if (l.layer >= 0) g.layers.insert(static_cast<std::uint64_t>(l.layer));
            if (l.expert >= 0) g.experts.insert(static_cast<std::uint64_t>(l.expert));
            if (g.count++ == 0) continue;
            g.worst.error = std::max(g.worst.error, l.error);
            g.worst.cosine = std::min(g.worst.cosine, l.cosine);
            g.worst.differ += l.differ;
            g.worst.of += l.of;
        }
        const std::size_t most = look_.columns == 0 ? std::string::npos : 4;
        const auto list = [&](const std::set<std::uint64_t>& n) {
            return n.empty() ? std::string() : list_numbers({n.begin(), n.end()}, most);
        };
        for (const group& g : all) row(g.worst, list(g.layers), list(g.experts), g.count);
    }

    const look& look_;
    bool each_;
    table table_;
};

}  // namespace cli

#endif  // AKA_CLI_VERDICT_TABLE_HPP
