// The page's first part: which kinds of tensors, roles and element types the bytes are.
#ifndef AKA_CLI_HTML_SIZES_HPP
#define AKA_CLI_HTML_SIZES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "html_text.hpp"
#include "listing.hpp"
#include "tensor_kinds.hpp"

namespace cli {

// What all parts of the page look at.
struct html_source {
    const listing& l;
    const tensor_kinds& kinds;
    std::vector<std::uint32_t> type_rank;  // of each element type, by its bytes: 0 has the most

    static constexpr std::uint32_t colours = 8;
    html_source(const listing& all, const tensor_kinds& of) : l(all), kinds(of) {
        std::vector<std::uint64_t> bytes(l.types.size());
        for (const std::uint32_t i : l.which) bytes[l.tensors[i].dtype] += l.tensors[i].bytes;
        std::vector<std::uint32_t> order(bytes.size());
        for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
        std::stable_sort(order.begin(), order.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return bytes[a] > bytes[b]; });
        type_rank.resize(bytes.size());
        for (std::uint32_t i = 0; i < order.size(); ++i) type_rank[order[i]] = i;
    }
    // class="k1 t0
    static void classes(html_text& out, kind k, std::uint32_t rank) {
        out.markup(" class=\"k").number(static_cast<std::uint64_t>(k)).markup(" t");
        out.number(std::min(rank, colours - 1));
    }
};

// Bytes by kind and type: the coloured pieces of a bar, in one order everywhere.
class html_pieces {
  public:
    explicit html_pieces(const html_source& s) : s_(s) {}
    void add(std::uint32_t tensor, std::uint64_t times = 1) {
        const facts& f = s_.l.tensors[tensor];
        std::uint64_t& n = bytes_[{s_.kinds[tensor].is, s_.type_rank[f.dtype]}];
        n = saturated(n, f.bytes * times);
    }
    // Lying from left to right, or standing: those in a column are written from the top.
    void write_row(html_text& out, std::uint64_t whole) const {
        for (const auto& p : bytes_) write(out, p, whole, false);
    }
    void write_column(html_text& out, std::uint64_t whole) const {
        for (auto p = bytes_.rbegin(); p != bytes_.rend(); ++p) write(out, *p, whole, true);
    }

  private:
    using key = std::pair<kind, std::uint32_t>;
    static void write(html_text& out, const std::pair<const key, std::uint64_t>& p,
                      std::uint64_t whole, bool standing) {
        if (p.second == 0) return;
        out.markup("<i");
        html_source::classes(out, p.first.first, p.first.second);
        standing ? out.markup("\" style=\"height:") : out.markup("\" style=\"width:");
        out.share(p.second, whole).markup("\"></i>");
    }

    const html_source& s_;
    std::map<key, std::uint64_t> bytes_;
};

struct html_total {
    std::string label;
    std::uint64_t tensors = 0, elements = 0, bytes = 0;
    std::uint32_t colour = 0;
    std::size_t key = 0;  // its position, before they are sorted

    void add(const facts& f) {
        ++tensors;
        elements = saturated(elements, f.elements);
        bytes = saturated(bytes, f.bytes);
    }
};

// One bar of all bytes, and what its colours mean.
inline void write_bar(html_text& out, const std::vector<html_total>& totals, bool types,
                      std::uint64_t all) {
    const auto colour = [&](const html_total& t) {
        types ? out.markup("<i class=\"t") : out.markup("<i class=\"k");
        out.number(t.colour).markup("\"");
    };
    types ? out.markup("<div class=\"by-type\">") : out.markup("<div>");
    out.markup("<div class=\"bar\">");
    for (const html_total& t : totals) {
        if (t.bytes == 0) continue;
        colour(t);
        out.markup(" style=\"width:").share(t.bytes, all).markup("\" title=\"").text(t.label);
        out.markup(": ").text(human_size(t.bytes)).markup("\"></i>");
    }
    out.markup("</div><div class=\"key\">");
    for (const html_total& t : totals) {
        if (t.tensors == 0) continue;
        out.markup("<span>");
        colour(t);
        out.markup("></i>").text(t.label).markup(" <span class=\"dim\">");
        out.text(percent(t.bytes, all)).markup("</span></span>\n");
    }
    out.markup("</div></div>\n");
}

inline void write_sizes(html_text& out, const html_source& s) {
    std::vector<html_total> kinds(kind_count), types(s.l.types.size());
    std::vector<html_total> roles(s.kinds.labels().size());
    for (std::uint32_t k = 0; k < kind_count; ++k)
        kinds[k].label = kind_titles[k], kinds[k].colour = k;
    for (std::uint32_t t = 0; t < types.size(); ++t) {
        types[t].label = s.l.types[t];
        types[t].colour = std::min(s.type_rank[t], html_source::colours - 1);
    }
    std::vector<sums> role_types(roles.size());
    std::vector<html_pieces> role_pieces(roles.size(), html_pieces(s));
    for (const std::uint32_t i : s.l.which) {
        const facts& f = s.l.tensors[i];
        const tensor_kinds::entry& e = s.kinds[i];
        kinds[static_cast<std::size_t>(e.is)].add(f);
        types[f.dtype].add(f);
        roles[e.label].label = s.kinds.labels()[e.label];
        roles[e.label].colour = static_cast<std::uint32_t>(e.is);
        roles[e.label].key = e.label;
        roles[e.label].add(f);
        role_types[e.label].add(f);
        role_pieces[e.label].add(i);
    }
    const auto by_bytes = [](const html_total& a, const html_total& b) {
        return a.bytes > b.bytes;
    };
    for (std::vector<html_total>* all : {&kinds, &types, &roles})
        std::stable_sort(all->begin(), all->end(), by_bytes);

    out.markup("<section id=\"sizes\"><h2>Sizes</h2>\n");
    write_bar(out, kinds, false, s.l.bytes);
    write_bar(out, types, true, s.l.bytes);
    out.markup(
        "<div class=\"scroll\"><table><tr><th>role<th class=\"r\">tensors<th class=\"r p\">");
    out.markup("parameters<th class=\"r\">size<th class=\"r\">share<th class=\"w\"><th>type\n");
    constexpr std::size_t most = 60;
    const std::uint64_t largest = roles.empty() ? 0 : roles[0].bytes;
    for (std::size_t i = 0; i < roles.size() && i < most; ++i) {
        const html_total& t = roles[i];
        out.markup("<tr><td class=\"n\">").text(t.label).markup("<td class=\"r\">");
        out.number(t.tensors).markup("<td class=\"r p\">").text(human_count(t.elements));
        out.markup("<td class=\"r\">").text(human_size(t.bytes)).markup("<td class=\"r\">");
        out.text(percent(t.bytes, s.l.bytes)).markup("<td class=\"w\"><div class=\"bar\">");
        role_pieces[t.key].write_row(out, largest);
        out.markup("</div><td>");
        out.text(role_types[t.key].types(s.l, false, 3)).markup("\n");
    }
    if (roles.size() > most)
        out.markup("<tr><td colspan=\"7\" class=\"dim\">and ")
            .number(roles.size() - most)
            .markup(" more\n");
    out.markup("</table></div></section>\n");
}

}  // namespace cli

#endif  // AKA_CLI_HTML_SIZES_HPP
