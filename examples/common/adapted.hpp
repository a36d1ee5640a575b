// A checkpoint under another convention's names: how each tensor is made, of which stored ones, and
// what has no place on the other side.
#ifndef AKA_CLI_ADAPTED_HPP
#define AKA_CLI_ADAPTED_HPP

#include <aka/adapt.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "fold.hpp"
#include "json_writer.hpp"
#include "table.hpp"
#include "text.hpp"

namespace cli {

// "view", "1 box", "128 boxes"; what is to be added to every element, and from which type it is to
// be converted. "made": of numbers that no file has.
inline std::string how_made(const aka::tensor& t) {
    const std::uint64_t n = t.boxes().size();
    std::string out = std::to_string(n) + (n == 1 ? " box" : " boxes");
    if (t.is_packed()) out = t.has_shape() && t.file().empty() ? "made" : "view";
    if (const float offset = t.norm_offset(); offset != 0)
        out += (offset < 0 ? ", less " : ", plus ") + shortest(offset < 0 ? -offset : offset);
    if (t.stored_dtype() != t.dtype()) out += ", from " + std::string(aka::name(t.stored_dtype()));
    return out;
}

// Whether a tensor is a copy of parts, or has to be computed with.
inline std::string count_made(const aka::adapter& a) {
    std::uint64_t views = 0;
    for (const aka::tensor t : a) views += t.is_packed();
    std::string out = plural(views, "view");
    if (views != a.size()) out += ", " + std::to_string(a.size() - views) + " made of boxes";
    return out;
}

// The stored tensors that one of the adapter's is made of.
class sources {
  public:
    sources(const aka::checkpoint& file, const aka::adapter& view) : file_(file), view_(view) {
        const bool names_only = file.format() == aka::checkpoint_format::index;
        for (std::uint32_t i = 0; i < file.size(); ++i) {
            const aka::tensor t = file[i];
            if (names_only)
                by_coordinate_.push_back({of(view.source().names()[i]), i});
            else
                by_place_.push_back({{t.file_index(), t.offset(), t.size_bytes()}, i});
        }
        std::sort(by_place_.begin(), by_place_.end());
        std::sort(by_coordinate_.begin(), by_coordinate_.end());
    }

    std::vector<std::string_view> operator()(const aka::tensor& t) const {
        std::vector<std::string_view> out;
        if (!by_coordinate_.empty()) {
            const auto name = view_.convention().parse(t.name());
            if (!name) return out;
            const aka::name_row& row = *name->row;
            const aka::bound_name b{&row,         name->layer,
                                    name->expert, name->head,
                                    nullptr,      name->part.empty() ? row.part : name->part};
            const auto at = std::lower_bound(by_coordinate_.begin(), by_coordinate_.end(),
                                             entry<coordinate>{of(b), 0});
            if (at != by_coordinate_.end() && at->key == of(b))
                out.push_back(file_[at->tensor].name());
            return out;
        }
        if (t.is_packed()) add({t.file_index(), t.offset(), t.size_bytes()}, out);
        // A box takes from one tensor.
        for (const aka::box& b : t.boxes()) add({b.file, b.src, 1}, out);
        return out;
    }

  private:
    using place = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>;
    using coordinate = std::tuple<std::uint64_t, std::int32_t, std::int32_t, std::int32_t,
                                  std::string_view>;  // roles, layer, expert, head, part
    template <class Key>
    struct entry {
        Key key;
        std::uint32_t tensor;
        friend bool operator<(const entry& a, const entry& b) {
            return a.key != b.key ? a.key < b.key : a.tensor < b.tensor;
        }
    };

    static coordinate of(const aka::bound_name& b) {
        if (b.row == nullptr) return {};
        const std::string_view part = b.part_text.empty() ? "weight" : b.part_text;
        return {b.row->role_set, b.layer, b.expert, b.head, part};
    }
    // The tensor that has these bytes: the last one that begins here or before. One without bytes
    // may begin here too.
    void add(const place& p, std::vector<std::string_view>& out) const {
        const auto [file, offset, bytes] = p;
        const std::uint64_t most = bytes == 0 ? 0 : ~std::uint64_t{0};
        auto at = std::upper_bound(by_place_.begin(), by_place_.end(),
                                   entry<place>{{file, offset, most}, ~std::uint32_t{0}});
        if (at == by_place_.begin()) return;
        if (std::get<0>((--at)->key) != file) return;  // made
        const std::string_view name = file_[at->tensor].name();
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }

    const aka::checkpoint& file_;
    const aka::adapter& view_;
    std::vector<entry<place>> by_place_;
    std::vector<entry<coordinate>> by_coordinate_;  // where only names are known
};

// What does not go from one to the other, the same reasons and names on one row.
inline void print_ledger(const aka::adapter& a, const look& look) {
    const auto print = [&](const char* title, aka::span<const aka::ledger_entry> entries) {
        if (entries.size() == 0) return;
        std::printf("\n%s\n", look.paint(title, style::dim).c_str());
        std::vector<facts> all;
        std::vector<std::uint32_t> which;
        std::vector<std::string_view> reasons;
        for (const aka::ledger_entry& e : entries) {
            const auto why = std::find(reasons.begin(), reasons.end(), e.why);
            which.push_back(static_cast<std::uint32_t>(all.size()));
            all.push_back({e.name, static_cast<std::uint32_t>(why - reasons.begin())});
            if (why == reasons.end()) reasons.push_back(e.why);
        }
        table t;
        t.column("name", table::align::left, style::folded, table::narrow::shrink);
        t.column("", table::align::right).column("why", table::left, style::plain, table::wrap);
        for (const name_group& g : fold_names(all, which))
            t.row({escape(g.label(look.columns == 0 ? std::string::npos : 4)),
                   g.count == 1 ? "" : std::to_string(g.count) + ' ' + look.times,
                   escape(reasons[all[g.first].dtype])});
        t.print(stdout, look);
    };
    print("not in the file, but made:", a.made());
    print("missing:", a.missing());
    print("unbound:", a.unbound());
}

inline void write_adapted(json_writer& json, const aka::adapter& a) {
    json.key("as").object(true).key("convention").string(a.convention().id());
    json.key("title").string(a.convention().title());
    json.key("verified").number(a.convention().verified());
    json.key("rope").string(aka::name(a.rope()));
    const auto write = [&](const char* key, aka::span<const aka::ledger_entry> entries) {
        json.key(key).array(true);
        for (const aka::ledger_entry& e : entries)
            json.object().key("name").string(e.name).key("why").string(e.why).end();
        json.end();
    };
    write("made", a.made());
    write("missing", a.missing());
    write("unbound", a.unbound());
    json.end();
}

}  // namespace cli

#endif  // AKA_CLI_ADAPTED_HPP
