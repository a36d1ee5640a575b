// The page's table of names, in every convention that can spell the model.
#ifndef AKA_CLI_HTML_NAMES_HPP
#define AKA_CLI_HTML_NAMES_HPP

#include <aka/adapt.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapted.hpp"
#include "convention_line.hpp"
#include "html_text.hpp"
#include "listing.hpp"

namespace cli {

// Names that are alike are one row, as in the file or as a convention has them.
struct name_row_text {
    std::string name, shape, type, made, of;
    std::uint64_t count = 0;

    friend bool operator==(const name_row_text& a, const name_row_text& b) {
        return a.name == b.name && a.count == b.count && a.shape == b.shape && a.type == b.type &&
               a.made == b.made && a.of == b.of;
    }
};
struct spelling {
    std::string title;
    std::vector<std::string> also;  // conventions that come to the same
    std::string unbound;            // what has no name there
    std::vector<name_row_text> rows;
};

// model.layers.0.mlp.up_proj.weight: model.layers.*.mlp.up_proj.weight
inline std::string without_numbers(std::string_view name) {
    std::string out;
    for (hole h; find_hole(name, h); name.remove_prefix(h.at + h.size))
        out.append(name.substr(0, h.at)) += '*';
    return out.append(name);
}

inline std::vector<name_row_text> name_rows(const listing& l) {
    constexpr std::size_t parts = 6;
    std::vector<name_row_text> out;
    for (const name_group& g : fold_names(l.tensors, l.which)) {
        const facts& f = l.tensors[g.first];
        name_row_text r{g.label(parts),
                        l.shapes[f.shape],
                        l.names_only ? "" : l.types[f.dtype],
                        l.view == nullptr ? "" : l.made[f.made],
                        {},
                        g.count};
        out.push_back(std::move(r));
    }
    return out;
}

class spellings {
  public:
    // The file's own names first; then those of `wanted`, if any, "hf", "gguf" and "meta".
    spellings(const listing& stored, const aka::catalog& known, std::string_view wanted) {
        all_.push_back({"as in the file", {}, {}, name_rows(stored)});
        struct seen {
            aka::adapter view;
            std::string title;
        };
        std::vector<seen> views;
        std::size_t least = ~std::size_t{0};  // that has no name, but in GGUF: it has most of all
        const auto add = [&](std::string_view id) {
            auto view = aka::adapt(stored.file, id, known);
            if (!view || view->missing().size() != 0) return;
            for (const seen& s : views)
                if (&s.view.convention() == &view->convention()) return;
            if (!is_gguf(*view)) least = std::min(least, view->unbound().size());
            std::string title = title_of(view->convention());
            views.push_back({std::move(*view), std::move(title)});
        };
        if (!wanted.empty()) add(wanted);
        for (const std::string_view id : {"hf", "gguf", "meta"}) add(id);
        // Of GGUF's architectures, the one that llama.cpp's converter would give is enough.
        for (const aka::convention* c : known.conventions())
            if (c->id().substr(0, 4) != "gguf") add(c->id());
        for (const seen& v : views)
            if (is_gguf(v.view) || v.view.unbound().size() == least)
                add_view(stored, v.view, v.title);
        first_ = !wanted.empty() && all_.size() > 1 ? 1 : 0;
    }

    const std::vector<spelling>& all() const { return all_; }
    std::size_t first() const { return first_; }  // to be shown

  private:
    static bool is_gguf(const aka::adapter& a) {
        return a.convention().id().substr(0, 4) == "gguf";
    }
    void add_view(const listing& stored, const aka::adapter& view, const std::string& title) {
        const listing l(stored.file, &view, {});
        spelling s{title, {}, unbound(view), name_rows(l)};
        const sources from(stored.file, view);
        std::size_t k = 0;
        for (const name_group& g : fold_names(l.tensors, l.which)) {
            const std::vector<std::string_view> names = from(view[g.first]);
            std::string& of = s.rows[k++].of;
            if (!names.empty()) of = without_numbers(names[0]);
            if (names.size() > 1) of += " +" + std::to_string(names.size() - 1);
        }
        for (std::size_t i = 1; i < all_.size(); ++i)
            if (all_[i].rows == s.rows) {
                all_[i].also.push_back(title);
                return;
            }
        all_.push_back(std::move(s));
    }
    static std::string unbound(const aka::adapter& view) {
        std::vector<facts> names;
        std::vector<std::uint32_t> which;
        for (const aka::ledger_entry& e : view.unbound()) {
            which.push_back(static_cast<std::uint32_t>(names.size()));
            names.push_back({e.name});
        }
        std::string out;
        for (const name_group& g : fold_names(names, which))
            (out += out.empty() ? "" : ", ") += g.label(4);
        return out;
    }

    std::vector<spelling> all_;
    std::size_t first_ = 0;
};

// No script: which of the tables is shown, the style sheet sees from the option that is chosen.
inline void write_names(html_text& out, const spellings& names) {
    out.markup("<section id=\"names\"><h2>Names</h2>\n<style>");
    for (std::size_t i = 0; i < names.all().size(); ++i) {
        out.markup("main:has(#spelling option[value=\"").number(i).markup("\"]:checked) .n");
        out.number(i).markup("{display:block}\n");
    }
    out.markup(
        "</style>\n<p><label>The tensors as <select id=\"spelling\" autocomplete=\"off\">\n");
    for (std::size_t i = 0; i < names.all().size(); ++i) {
        const spelling& s = names.all()[i];
        out.markup("<option value=\"").number(i);
        i == names.first() ? out.markup("\" selected>") : out.markup("\">");
        out.text(s.title);
        if (!s.also.empty()) out.text(", and " + std::to_string(s.also.size()) + " more");
        out.markup("</option>\n");
    }
    out.markup("</select></label></p>\n");
    for (std::size_t i = 0; i < names.all().size(); ++i) {
        const spelling& s = names.all()[i];
        out.markup("<div class=\"spelling n").number(i).markup("\">");
        if (!s.also.empty()) {
            out.markup("<p class=\"dim\">The same in: ");
            for (const std::string& t : s.also) {
                if (&t != &s.also[0]) out.markup("; ");
                out.text(t);
            }
            out.markup("</p>");
        }
        const bool made = i != 0;
        out.markup("<div class=\"scroll\"><table><tr><th>name<th class=\"r\"><th>shape<th>type");
        if (made) out.markup("<th>how it is made<th class=\"o\">of");
        out.markup("\n");
        for (const name_row_text& r : s.rows) {
            out.markup("<tr><td class=\"n\">").text(r.name).markup("<td class=\"r dim\">");
            if (r.count > 1) out.number(r.count).markup(" &times;");
            out.markup("<td>").text(r.shape).markup("<td>").text(r.type);
            if (made) out.markup("<td>").text(r.made).markup("<td class=\"n o dim\">").text(r.of);
            out.markup("\n");
        }
        out.markup("</table></div>");
        if (!s.unbound.empty())
            out.markup("<p class=\"dim\">No name there: <code>")
                .text(s.unbound)
                .markup("</code></p>");
        out.markup("</div>\n");
    }
    out.markup("</section>\n");
}

}  // namespace cli

#endif  // AKA_CLI_HTML_NAMES_HPP
