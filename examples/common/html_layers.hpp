// The page's map of layers, a column for each, and its list of layers that are alike.
#ifndef AKA_CLI_HTML_LAYERS_HPP
#define AKA_CLI_HTML_LAYERS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fold.hpp"
#include "html_sizes.hpp"
#include "html_text.hpp"

namespace cli {

// Names that are the same up to a number: model.layers., visual.blocks.
struct layer_family {
    std::string_view prefix;
    std::map<std::uint64_t, std::vector<std::uint32_t>> layers;
};

inline std::vector<layer_family> layer_families(const listing& l) {
    std::vector<layer_family> out;
    std::map<std::string_view, std::size_t> seen;
    for (const std::uint32_t i : l.which) {
        hole h;
        const std::string_view name = l.tensors[i].name;
        if (!find_hole(name, h)) continue;
        const auto at = seen.emplace(name.substr(0, h.at), out.size());
        if (at.second) out.push_back({name.substr(0, h.at), {}});
        out[at.first->second].layers[h.number].push_back(i);
    }
    return out;
}

// Where it has at least this many layers, a family is worth a map.
inline constexpr std::size_t least_layers = 4;

inline void write_map(html_text& out, const html_source& s, const layer_family& family) {
    std::uint64_t most = 0;
    std::vector<std::uint64_t> bytes;
    for (const auto& layer : family.layers) {
        std::uint64_t n = 0;
        for (const std::uint32_t i : layer.second) n = saturated(n, s.l.tensors[i].bytes);
        bytes.push_back(n);
        most = std::max(most, n);
    }
    const std::string name(family.prefix.substr(0, family.prefix.find_last_not_of("./") + 1));
    out.markup("<h3><code>")
        .text(name)
        .markup("</code> <small>")
        .text(plural(bytes.size(), "layer"));
    out.markup(", the largest ")
        .text(human_size(most))
        .markup("</small></h3>\n<div style=\"max-width:");
    out.number(3 * bytes.size()).markup("rem\"><div class=\"map\">");
    std::size_t k = 0;
    for (const auto& [number, tensors] : family.layers) {
        html_pieces pieces(s);
        sums all;
        for (const std::uint32_t i : tensors) {
            pieces.add(i);
            all.add(s.l.tensors[i]);
        }
        out.markup("<div title=\"").text(name).markup(".").number(number).markup(": ");
        out.text(plural(tensors.size(), "tensor")).markup(", ").text(human_size(bytes[k++]));
        out.markup(", ").text(all.types(s.l, true, 4)).markup("\">");
        pieces.write_column(out, most);
        out.markup("</div>");
    }
    out.markup("</div><div class=\"axis\"><span>").number(family.layers.begin()->first);
    out.markup("</span><span>")
        .number(family.layers.rbegin()->first)
        .markup("</span></div></div>\n");
}

// The tensors of a group: of layers whose types differ, with all of their types.
inline void write_items(html_text& out, const html_source& s, const layer_group& g) {
    constexpr std::size_t most = 200;
    out.markup("<table><tr><th>name<th>shape<th>type<th class=\"r\">size\n");
    std::size_t n = 0;
    for (const layer_group::item& i : g.items) {
        const bool inside = std::any_of(g.inside.begin(), g.inside.end(), [&](const auto& in) {
            return i.rest.substr(0, in.prefix.size()) == in.prefix;
        });
        if (inside) continue;
        if (++n > most) continue;
        sums types;
        types.add(s.l.tensors[i.index]);
        if (g.mixed)
            for (const layer_group::item& other : g.all)
                if (other.rest == i.rest) types.add(s.l.tensors[other.index]);
        const std::size_t dot = !i.rest.empty() && (i.rest[0] == '.' || i.rest[0] == '/');
        const facts& f = s.l.tensors[i.index];
        out.markup("<tr><td class=\"n\">").text(i.rest.substr(dot)).markup("<td>");
        out.text(s.l.shapes[f.shape]).markup("<td>").text(types.types(s.l, false, 4));
        out.markup("<td class=\"r\">").text(human_size(f.bytes)).markup("\n");
    }
    if (n > most)
        out.markup("<tr><td colspan=\"4\" class=\"dim\">and ").number(n - most).markup(" more\n");
    out.markup("</table>");
}

inline void write_group(html_text& out, const html_source& s, const layer_group& g,
                        std::uint64_t outer, bool inner, const look& look) {
    const group_sums sum(s.l, g);
    const std::uint64_t total = sum.total * outer;
    html_pieces pieces(s);
    for (const auto& i : g.mixed ? g.all : g.items)
        pieces.add(i.index, g.mixed ? outer : outer * g.count());
    std::string label = g.label(6);
    if (inner) label = label.substr(std::min(label.find_first_not_of("./"), label.size()));
    const bool single = g.items.size() == 1;
    single ? out.markup("<div class=\"g\"><div class=\"row\">")
           : out.markup("<details class=\"g\"><summary class=\"row\">");
    out.markup("<span class=\"n\">").text(label).markup("</span><span class=\"r dim\">");
    if (g.count() > 1) out.number(g.count()).markup(" &times;");
    out.markup("</span><span class=\"r p\">").text(human_count(sum.one.elements));
    out.markup("</span><span class=\"r\">");
    if (g.mixed) out.markup("~");
    out.text(human_size(sum.bytes))
        .markup("</span><span class=\"s\" title=\"")
        .text(percent(total, s.l.bytes));
    out.markup("\"><span class=\"bar\">");
    pieces.write_row(out, s.l.bytes);
    out.markup("</span></span><span class=\"d\">");
    if (!single) out.text(plural(g.items.size(), "tensor")).markup(", ");
    out.text(sum.all.types(s.l, false, 4)).markup(", ");
    if (!single) out.markup("the largest ");
    out.text(sum.one.largest(s.l, look));
    if (single) {
        out.markup("</span></div></div>\n");
        return;
    }
    out.markup("</span></summary>\n");
    for (const layer_group& in : g.inside) write_group(out, s, in, g.count() * outer, true, look);
    write_items(out, s, g);
    out.markup("</details>\n");
}

inline void write_layers(html_text& out, const html_source& s, const look& look) {
    out.markup("<section id=\"layers\"><h2>Layers</h2>\n");
    for (const layer_family& f : layer_families(s.l))
        if (f.layers.size() >= least_layers) write_map(out, s, f);
    std::vector<layer_group::item> items;
    for (const std::uint32_t i : s.l.which) items.push_back({s.l.tensors[i].name, i});
    out.markup("<h3>Layers that are alike, on one row</h3>\n");
    for (const layer_group& g : layer_folder(s.l.tensors).fold(items))
        write_group(out, s, g, 1, false, look);
    out.markup("</section>\n");
}

}  // namespace cli

#endif  // AKA_CLI_HTML_LAYERS_HPP
