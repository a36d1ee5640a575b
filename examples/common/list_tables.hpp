// What aka-list prints for people: a line of totals, and a table of layers, names or tensors.
#ifndef AKA_CLI_LIST_TABLES_HPP
#define AKA_CLI_LIST_TABLES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapted.hpp"
#include "content_hash.hpp"
#include "flow.hpp"
#include "fold.hpp"
#include "issues.hpp"
#include "listing.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "values.hpp"

namespace cli {

inline std::string format_name(const aka::checkpoint& c) {
    if (c.format() == aka::checkpoint_format::index)
        return "names only, " + plural(c.notes().size(), "shard") + " not read";
    if (c.format() == aka::checkpoint_format::safetensors) return "safetensors";
    const auto& g = c.gguf_header();
    return "GGUF v" + std::to_string(g.version) + (g.big_endian ? " big-endian" : "");
}

inline std::string title(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    const std::string_view name = file_name(path);
    return escape(name.empty() || name == "." || name == ".." ? path : name);
}

// What the first line says, piece by piece; nothing of it needs escaping.
inline std::vector<std::string> totals(const listing& l, std::string_view path) {
    std::vector<std::string> parts{title(path), format_name(l.file)};
    if (l.file.file_count() > 1) parts.push_back(plural(l.file.file_count(), "file"));
    std::string count = l.which.size() == l.all.size() ? "" : std::to_string(l.which.size());
    if (!count.empty()) count += " of ";
    parts.push_back(count + plural(l.all.size(), "tensor"));
    if (l.all.empty()) parts.push_back(plural(l.file.metadata().size(), "key"));
    bool known = false;
    const std::uint64_t listed = total_size(l.file, known);
    if (l.names_only) {
        if (known) parts.push_back(human_size(listed));
    } else if (!l.which.empty()) {
        sums s;
        for (const std::uint32_t i : l.which) s.add(l.tensors[i]);
        parts.push_back(human_count(s.elements) +
                        (l.packed.unclear() ? " stored numbers" : " parameters"));
        parts.push_back(human_size(s.bytes));
        if (l.quantised && s.elements != 0) {
            char text[40];
            std::snprintf(text, sizeof text, "%.2f bits a weight",
                          8 * static_cast<double>(s.bytes) / static_cast<double>(s.elements));
            parts.emplace_back(text);
        }
        parts.push_back(s.types(l, true, 6));
    }
    return parts;
}
inline void print_totals(const listing& l, std::string_view path, const look& look) {
    const std::vector<std::string> parts = totals(l, path);
    flow f(look, 0);
    for (const std::string& p : parts)
        if (!p.empty()) f.piece(p, look.between, &p == &parts[0] ? style::bold : style::plain);
    f.print();
}

inline std::string times(std::uint64_t n, const look& look) {
    return n == 1 ? "" : std::to_string(n) + ' ' + look.times;
}

// A terminal is narrow: of many numbers, the first and last are shown.
inline std::size_t most_parts(const look& look) {
    return look.columns == 0 ? std::string::npos : 4;
}

inline void add_group(table& t, const listing& l, const layer_group& g, std::uint64_t outer,
                      bool inner, const look& look) {
    const group_sums s(l, g);
    std::string label = escape(g.label(most_parts(look)));
    if (inner) label = "  " + label.substr(label.find_first_not_of("./"));
    t.row({label, times(g.count(), look), std::to_string(g.items.size()),
           human_count(s.one.elements), (g.mixed ? "~" : "") + human_size(s.bytes),
           percent(s.total * outer, l.bytes), s.all.types(l, false, 3), s.one.largest(l, look),
           s.all.made(l, 3)});
    for (const layer_group& in : g.inside) add_group(t, l, in, g.count() * outer, true, look);
}

// Layers that are alike on one row.
inline void print_layers(const listing& l, const look& look) {
    std::vector<layer_group::item> items;
    for (const std::uint32_t i : l.which) items.push_back({l.tensors[i].name, i});
    table t;
    t.column("name", table::left, style::folded, table::shrink)
        .column("", table::right)
        .column("tensors", table::right, style::plain, table::leave_out);
    t.column("params", table::right, style::plain, table::leave_out).column("size", table::right);
    t.column("share", table::right, style::dim, table::leave_out)
        .column("type", table::left, style::plain, table::at_last);
    t.column("largest", table::left, style::plain, table::leave_out)
        .column("made", table::left, style::plain, table::wrap);
    for (const layer_group& g : layer_folder(l.tensors).fold(items))
        add_group(t, l, g, 1, false, look);
    t.print(stdout, look);
}

inline std::string made(const listing& l, const facts& f) {
    return l.view == nullptr ? std::string() : l.made[f.made];
}

// Names that are alike on one row, or each on its own.
inline void print_names(const listing& l, bool fold, const look& look) {
    table t;
    t.column("name", table::left, fold ? style::folded : style::plain, table::shrink)
        .column("", table::right);
    t.column("params", table::right, style::plain, table::leave_out)
        .column("size", table::right)
        .column("type", table::left, style::plain, table::at_last)
        .column("shape", table::left, style::plain, table::leave_out)
        .column("made", table::left, style::plain, table::wrap);
    const auto row = [&](const std::string& label, std::uint64_t count, const facts& f) {
        const bool n = l.names_only;
        // Scales are bytes, and no weights.
        const bool helper = f.elements == 0 && f.bytes != 0;
        t.row({escape(label), times(count, look), n || helper ? "" : human_count(f.elements),
               n ? "" : human_size(f.bytes), n ? "" : l.types[f.dtype], l.shapes[f.shape],
               made(l, f)});
    };
    if (fold)
        for (const name_group& g : fold_names(l.tensors, l.which))
            row(g.label(most_parts(look)), g.count, l.tensors[g.first]);
    else
        for (const std::uint32_t i : l.which) row(std::string(l.tensors[i].name), 1, l.tensors[i]);
    t.print(stdout, look);
}

inline void print_long(const listing& l, const look& look) {
    table t;
    t.column(content_hash::name, table::left, style::dim);
    t.column("offset", table::right, style::plain, table::leave_out)
        .column("bytes", table::right)
        .column("type", table::left, style::plain, table::at_last)
        .column("shape", table::left, style::plain, table::leave_out);
    t.column("name", table::left, style::plain, table::shrink)
        .column("made", table::left, style::plain, table::shrink);
    t.column("of", table::left, style::plain, table::leave_out);
    t.column("file", table::left, style::dim, table::leave_out);
    std::optional<sources> sources;
    if (l.view != nullptr) sources.emplace(l.file, *l.view);
    for (std::size_t k = 0; k < l.which.size(); ++k) {
        const aka::tensor a = l.all[l.which[k]];
        const facts& f = l.tensors[l.which[k]];
        const bool n = l.names_only;
        std::string of;
        if (sources) {
            const std::vector<std::string_view> all = (*sources)(a);
            if (!all.empty()) of = escape(all[0]);
            if (all.size() > 1) of += " +" + std::to_string(all.size() - 1);
        }
        t.row({l.hashes.empty() ? "" : l.hashes[k],
               n || !a.is_packed() ? "" : std::to_string(a.offset()),
               n ? "" : std::to_string(f.bytes), n ? "" : l.types[f.dtype], l.shapes[f.shape],
               escape(f.name), made(l, f), of,
               l.file.file_count() < 2 ? "" : escape(file_name(a.file()))});
    }
    t.print(stdout, look);
}

inline void print_metadata(const listing& l, const look& look) {
    const aka::metadata& m = l.file.metadata();
    std::size_t keys = 0, types = 0;
    for (const aka::metadata_value v : m) {
        keys = std::max(keys, width(escape(v.key())));
        types = std::max(types, value_type_text(v).size());
    }
    // A value is cut at its end, and then says how long it was.
    const std::size_t taken = keys + types + 4 + 18;
    const std::size_t most = look.columns == 0 ? 100 : std::max(look.columns, taken + 20) - taken;
    table t;
    t.column("key", table::left, style::plain, table::shrink)
        .column("type", table::left, style::dim)
        .column("value", table::left, style::plain, table::wrap);
    t.column("file", table::left, style::dim, table::leave_out);
    for (std::size_t i = 0; i < m.size(); ++i) {
        const std::string value = value_text(m[i], most);
        // Shards repeat each other's keys: what they say again is left out.
        const aka::metadata_value first = m.find(m[i].key());
        const bool again = first.raw().at != m[i].raw().at;
        if (again && (value_text(first, most) == value || m.file(i) >= l.file.file_count()))
            continue;
        t.row({escape(m[i].key()), value_type_text(m[i]), value,
               again ? escape(file_name(l.file.file(m.file(i)).path())) : ""});
    }
    if (t.empty())
        std::printf("no metadata\n");
    else
        t.print(stdout, look);
}

}  // namespace cli

#endif  // AKA_CLI_LIST_TABLES_HPP
