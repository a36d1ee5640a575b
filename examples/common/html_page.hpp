// aka-list --html: a checkpoint as one page. It needs nothing from elsewhere, has no script, and
// asks the browser to run none, whatever the file's names may say.
#ifndef AKA_CLI_HTML_PAGE_HPP
#define AKA_CLI_HTML_PAGE_HPP

#include <aka/output_file.hpp>
#include <aka/version.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "byte_map.hpp"
#include "convention_line.hpp"
#include "html_layers.hpp"
#include "html_names.hpp"
#include "html_sizes.hpp"
#include "html_style.hpp"
#include "html_text.hpp"
#include "issues.hpp"
#include "list_tables.hpp"

namespace cli {

// The first bytes of every page: a file that begins so may be replaced.
inline constexpr char html_start[] = "<!doctype html>\n<!-- aka-list -->\n";

inline void write_head(html_text& out, const std::string& title) {
    out.markup(html_start).markup("<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    out.markup(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
    out.markup("'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n");
    out.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.markup("<title>").text(title).markup("</title>\n<style>").markup(html_style);
    out.markup("</style></head>\n<body><main>\n");
}

// Of every file, what each of its bytes is.
inline void write_bytes(html_text& out, const html_source& s) {
    constexpr std::uint64_t pieces = 1500;  // more cannot be told apart
    out.markup("<section id=\"bytes\"><h2>Bytes</h2>\n");
    for (std::uint32_t file = 0; file < s.l.file.file_count(); ++file) {
        const std::uint64_t size = s.l.file.file(file).size();
        std::uint64_t header = size, data = 0, tensors = 0;
        for (const std::uint32_t i : s.l.which) {
            if (s.l.all[i].file_index() != file) continue;
            ++tensors;
            data += s.l.tensors[i].bytes;
            header = std::min(header, s.l.all[i].offset());
        }
        out.markup("<h3><code>")
            .text(file_name(s.l.file.file(file).path()))
            .markup("</code> <small>");
        out.text(human_size(size)).markup(": header ").text(human_size(header)).markup(", ");
        out.text(plural(tensors, "tensor")).markup(" ").text(human_size(data)).markup(", padding ");
        out.text(human_size(size - header - data)).markup("</small></h3>\n<div class=\"bytes\">");
        for (const byte_run& r : byte_map(s.l, s.kinds, file, size, size / pieces)) {
            out.markup("<i");
            if (r.what == byte_run::of::tensors)
                html_source::classes(out, r.is, s.type_rank[r.type]);
            else
                r.what == byte_run::of::header ? out.markup(" class=\"head")
                                               : out.markup(" class=\"gap");
            out.markup("\" style=\"width:").share(r.bytes(), size).markup("\" title=\"bytes ");
            out.number(r.begin).markup(" to ").number(r.end).markup(", ").text(
                human_size(r.bytes()));
            if (r.what == byte_run::of::tensors) {
                out.markup(": ").text(s.l.tensors[r.first].name);
                if (r.tensors > 1) out.markup(" to ").text(s.l.tensors[r.last].name);
                out.markup(", ").text(plural(r.tensors, "tensor"));
            } else {
                r.what == byte_run::of::header ? out.markup(": header") : out.markup(": nobody's");
            }
            out.markup("\"></i>");
        }
        out.markup("</div>\n");
    }
    out.markup("</section>\n");
}

inline void write_metadata(html_text& out, const listing& l) {
    const aka::metadata& m = l.file.metadata();
    if (m.size() == 0) return;
    out.markup("<section id=\"metadata\"><h2>Metadata</h2>\n<div class=\"scroll\"><table>");
    out.markup("<tr><th>key<th>type<th>value\n");
    for (std::size_t i = 0; i < m.size(); ++i) {
        if (m.find(m[i].key()).raw().at != m[i].raw().at) continue;  // a shard repeats it
        out.markup("<tr><td class=\"n key-name\">").text(m[i].key()).markup("<td class=\"dim\">");
        out.text(value_type_text(m[i])).markup("<td class=\"n\">").text(value_text(m[i], 300));
        out.markup("\n");
    }
    out.markup("</table></div></section>\n");
}

inline void write_issues(html_text& out, const std::vector<issue>& issues) {
    out.markup("<section id=\"issues\"><h2>Issues</h2>\n");
    if (issues.empty()) out.markup("<p>none</p>");
    for (const issue& i : issues) {
        out.markup("<p>");
        if (!i.file.empty()) out.markup("<code>").text(file_name(i.file)).markup("</code> ");
        if (!i.tensor.empty()) out.markup("<code>").text(i.tensor).markup("</code> ");
        out.text(i.message).markup("</p>\n");
    }
    out.markup("</section>\n");
}

// `as`: the convention that the names are shown in at first. `issues`: null where nobody asked.
inline std::string html_page(const listing& l, std::string_view path, const convention_line& names,
                             const aka::catalog& known, std::string_view as,
                             const std::vector<issue>* issues) {
    html_text out;
    const std::vector<std::string> facts = totals(l, path);
    write_head(out, facts[0]);
    out.markup("<h1>").text(facts[0]).markup("</h1>\n<p class=\"facts\">");
    for (std::size_t i = 1; i < facts.size(); ++i)
        if (!facts[i].empty()) out.markup("<span>").text(facts[i]).markup("</span>");
    out.markup("</p>\n");
    if (!l.file.empty())
        out.markup("<p><span class=\"dim\">names</span> ").text(names.text()).markup("</p>\n");
    if (const std::string forms = l.packed.text(); !forms.empty())
        out.markup("<p><span class=\"dim\">form</span> ").text(forms).markup("</p>\n");
    if (!l.which.empty()) {
        const tensor_kinds kinds(names.identification(), l.tensors);
        const html_source s(l, kinds);
        if (!l.names_only) {
            out.markup(
                "<p class=\"switch\">colours: <label><input type=\"radio\" name=\"by\" checked>");
            out.markup(
                " what it is for</label><label><input type=\"radio\" name=\"by\" id=\"by-type\">");
            out.markup(" element type</label></p>\n");
            write_sizes(out, s);
            look plain("never");
            plain.times = "\xc3\x97";
            write_layers(out, s, plain);
            write_bytes(out, s);
        }
        write_names(out, spellings(l, known, as));
    }
    write_metadata(out, l);
    if (issues != nullptr) write_issues(out, *issues);
    out.markup("<footer>aka-list ").number(AKA_VERSION_MAJOR).markup(".").number(AKA_VERSION_MINOR);
    out.markup(".").number(AKA_VERSION_PATCH).markup("</footer>\n</main></body></html>\n");
    return out.str();
}

// There whole, or not at all. Replaces only what is such a page already: a slip of the hand is not
// to cost a checkpoint.
inline aka::status write_page(const std::string& to, const std::string& page) {
    constexpr std::size_t n = sizeof html_start - 1;
    bool replace = false;
    if (std::FILE* f = std::fopen(to.c_str(), "rb")) {
        char start[n];
        replace = std::fread(start, 1, n, f) == n && std::memcmp(start, html_start, n) == 0;
        std::fclose(f);
    }
    aka::output_options how;
    how.size = page.size();
    how.replace = replace;
    auto file = aka::output_file::create(to, how);
    if (!file) return file.error();
    aka::output_file& f = *file.get_if();
    const auto* bytes = reinterpret_cast<const std::byte*>(page.data());
    if (const auto r = f.write(0, {bytes, page.size()}); !r) return r;
    return f.commit();
}

}  // namespace cli

#endif  // AKA_CLI_HTML_PAGE_HPP
