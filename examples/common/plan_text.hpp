// A plan of a rewrite as a table: what becomes of each tensor, layers and experts on one row, what
// changes in a name in bold.
#ifndef AKA_CLI_PLAN_TEXT_HPP
#define AKA_CLI_PLAN_TEXT_HPP

#include <aka/rewrite_plan.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fold.hpp"
#include "json_writer.hpp"
#include "table.hpp"
#include "text.hpp"

namespace cli {

inline std::string_view old_name(const aka::rewrite_plan& p, std::uint32_t source) {
    return p.original_name(source);
}

// Numbers of a name as holes of another one's group: `blk.{0..31}.x` for model.layers.0.x.
inline std::string with_holes(std::string_view name, const name_group& g) {
    std::string out;
    std::size_t n = 0;
    for (hole h; find_hole(name, h); name.remove_prefix(h.at + h.size)) {
        out += name.substr(0, h.at);
        out += n < g.holes.size() ? list_numbers(g.holes[n], 4) : std::string("*");
        ++n;
    }
    return out.append(name);
}

class plan_table {
  public:
    explicit plan_table(const aka::rewrite_plan& p) : plan_(p) {
        std::unordered_map<std::string, std::uint32_t> ways;
        for (std::uint32_t i = 0; i < p.size(); ++i) {
            // What makes two tensors fall on two rows: the step, and what they are made of.
            std::string way(aka::name(p[i].step));
            for (const std::uint32_t s : p.sources(i)) {
                if (way.size() > 400) break;
                std::string_view rest = old_name(p, s);
                for (hole h; find_hole(rest, h); rest.remove_prefix(h.at + h.size))
                    (way += rest.substr(0, h.at)) += '\0';
                way += rest;
            }
            facts f;
            f.name = p[i].name;
            f.made = ways.emplace(way, static_cast<std::uint32_t>(ways.size())).first->second;
            all_.push_back(f);
            (p[i].step == aka::rewrite_step::keep ? kept_ : which_).push_back(i);
        }
    }

    // `everything`: what is kept, too.
    void print(const look& l, bool everything) const {
        table t;
        t.column("", table::align::left, style::dim);
        t.column("old name", table::align::left, style::folded, table::narrow::shrink);
        t.column("", table::align::left, style::dim);
        t.column("new name", table::align::left, style::bold, table::narrow::shrink);
        t.column("", table::align::right);
        t.column("moved", table::align::right, style::plain, table::narrow::leave_out);
        std::vector<std::uint32_t> which = which_;
        if (everything) which.insert(which.end(), kept_.begin(), kept_.end());
        for (const name_group& g : fold_names(all_, which)) {
            const aka::planned_tensor& p = plan_[g.first];
            const std::string from = sources_of(g, l);
            const std::string to = escape(g.label(4));
            t.row({std::string(aka::name(p.step)), from, "->",
                   p.step == aka::rewrite_step::keep ? "" : to,
                   g.count == 1 ? "" : std::to_string(g.count) + ' ' + l.times,
                   p.moved == 0 ? "" : human_size(p.moved * g.count)});
        }
        if (!t.empty()) t.print(stdout, l);
        if (!everything && !kept_.empty())
            std::printf("%s%s %s\n", t.empty() ? "" : "\n", plural(kept_.size(), "tensor").c_str(),
                        kept_.size() == 1 ? "keeps its name" : "keep their names");
    }

  private:
    // "a + b + c", "a + b + c + 4 more"; "8 x a.*.b" of experts.
    std::string sources_of(const name_group& g, const look& l) const {
        std::vector<std::string> texts;
        std::vector<std::size_t> counts;
        for (const std::uint32_t s : plan_.sources(g.first)) {
            std::string text = escape(with_holes(old_name(plan_, s), g));
            const auto known = std::find(texts.begin(), texts.end(), text);
            if (known == texts.end())
                texts.push_back(std::move(text)), counts.push_back(1);
            else
                ++counts[static_cast<std::size_t>(known - texts.begin())];
        }
        std::string out;
        for (std::size_t i = 0; i < texts.size() && i < 3; ++i) {
            if (i != 0) out += " + ";
            if (counts[i] != 1) out += std::to_string(counts[i]) + ' ' + l.times + ' ';
            out += texts[i];
        }
        if (texts.size() > 3) out += " + " + std::to_string(texts.size() - 3) + " more";
        return texts.empty() ? "(computed)" : out;
    }

    const aka::rewrite_plan& plan_;
    std::vector<facts> all_;
    std::vector<std::uint32_t> which_, kept_;
};

// Remarks of one reason together, their names folded.
inline void print_remarks(const char* title, aka::span<const aka::plan_remark> remarks,
                          const look& l, style s) {
    if (remarks.empty()) return;
    std::printf("\n%s\n", l.paint(title, s).c_str());
    std::vector<facts> all;
    std::vector<std::uint32_t> which;
    std::unordered_map<std::string, std::uint32_t> whys;
    std::vector<std::string> reasons;
    for (const aka::plan_remark& r : remarks) {
        const auto [at, fresh] =
            whys.emplace(std::string(r.why), static_cast<std::uint32_t>(reasons.size()));
        if (fresh) reasons.push_back(std::string(r.why));
        facts f;
        f.name = r.name;
        f.made = at->second;
        which.push_back(static_cast<std::uint32_t>(all.size()));
        all.push_back(f);
    }
    table t;
    t.column("", table::align::left, style::folded, table::narrow::shrink);
    t.column("", table::align::right);
    t.column("", table::align::left, style::plain, table::narrow::wrap);
    for (const name_group& g : fold_names(all, which))
        t.row({escape(g.label(4)), g.count == 1 ? "" : std::to_string(g.count) + ' ' + l.times,
               escape(reasons[all[g.first].made])});
    t.print(stdout, l);
}

// "120 renamed, 3 fused, 423 kept, 2 left out"
inline std::string count_steps(const aka::rewrite_plan& p) {
    struct word {
        aka::rewrite_step step;
        const char* text;
    };
    using aka::rewrite_step;
    constexpr word words[] = {{rewrite_step::rename, "renamed"},
                              {rewrite_step::split, "split off"},
                              {rewrite_step::fuse, "fused"},
                              {rewrite_step::reorder, "re-ordered"},
                              {rewrite_step::transpose, "transposed"},
                              {rewrite_step::stack, "stacked"},
                              {rewrite_step::unstack, "unstacked"},
                              {rewrite_step::compute, "computed"},
                              {rewrite_step::keep, "kept"},
                              {rewrite_step::drop, "left out"}};
    std::string out;
    for (const word& w : words)
        if (const std::uint64_t n = p.count(w.step); n != 0)
            out += (out.empty() ? "" : ", ") + std::to_string(n) + ' ' + w.text;
    return out.empty() ? "no tensors" : out;
}

// "actions": [{old new how bytes}], "unmatched", "collisions", "dropped", "bytes_copied".
inline void write_plan(json_writer& json, const aka::rewrite_plan& p) {
    json.key("actions").array(true);
    for (std::size_t i = 0; i < p.size(); ++i) {
        const auto sources = p.sources(i);
        json.object().key("old");
        if (sources.size() == 1) {
            json.string(old_name(p, sources[0]));
        } else {
            json.array();
            for (const std::uint32_t s : sources) json.string(old_name(p, s));
            json.end();
        }
        json.key("new").string(p[i].name).key("how").string(aka::name(p[i].step));
        json.key("dtype").string(aka::name(p[i].dtype)).key("bytes").number(p[i].bytes);
        json.key("bytes_copied").number(p[i].moved).end();
    }
    json.end();
    const auto remarks = [&](const char* key, aka::span<const aka::plan_remark> all, auto wanted) {
        json.key(key).array(true);
        for (const aka::plan_remark& r : all)
            if (wanted(r)) json.object().key("name").string(r.name).key("why").string(r.why).end();
        json.end();
    };
    using remark = const aka::plan_remark&;
    remarks("unmatched", p.problems(), [](remark r) { return r.code == aka::errc::not_found; });
    remarks("collisions", p.problems(), [](remark r) { return r.code == aka::errc::collision; });
    remarks("refused", p.problems(), [](remark r) {
        return r.code != aka::errc::not_found && r.code != aka::errc::collision;
    });
    remarks("dropped", p.dropped(), [](remark) { return true; });
    json.key("bytes_copied").number(p.bytes_moved());
}

}  // namespace cli

#endif  // AKA_CLI_PLAN_TEXT_HPP
