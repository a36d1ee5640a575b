// Folds many tensors into few rows: whole-number segments of a name are holes, and what is the
// same but for the number (layers, experts) is said once.
#ifndef AKA_CLI_FOLD_HPP
#define AKA_CLI_FOLD_HPP

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "glob.hpp"

namespace cli {

// What folding looks at. Types, shapes and ways to make a tensor are numbers that somebody gave to
// distinct ones.
struct facts {
    std::string_view name;
    std::uint32_t dtype = 0, shape = 0, made = 0;
    std::uint64_t elements = 0, bytes = 0;
};

// The first segment, between dots or slashes, that is a whole number. Leading zeros and numbers of
// more than 17 digits are left alone, so that a folded name can be unfolded.
struct hole {
    std::size_t at = 0, size = 0;
    std::uint64_t number = 0;
};
inline bool find_hole(std::string_view name, hole& h) {
    const auto separator = [&](std::size_t i) {
        return i >= name.size() || name[i] == '.' || name[i] == '/';
    };
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (i != 0 && !separator(i - 1)) continue;
        h.at = i;
        h.size = detail::leading_number(name.substr(i), h.number);
        if (h.size != 0 && separator(i + h.size)) return true;
    }
    return false;
}

// Sorted numbers as a hole is written: 7, {0..31}, {0..3,6..27..3,31}. Of more than `most` parts
// those in the middle are left out.
inline std::string list_numbers(const std::vector<std::uint64_t>& n,
                                std::size_t most = std::string::npos) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < n.size();) {
        std::size_t last = i + 1;
        const std::uint64_t step = last < n.size() ? n[last] - n[i] : 1;
        while (last + 1 < n.size() && n[last + 1] - n[last] == step) ++last;
        const std::size_t run = last - i + 1;
        parts.push_back(std::to_string(n[i]));
        if (last < n.size() && run >= (step == 1 ? 3u : 4u)) {
            parts.back() += ".." + std::to_string(n[last]);
            if (step != 1) parts.back() += ".." + std::to_string(step);
            i = last + 1;
        } else {
            ++i;
        }
    }
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const bool cut = parts.size() > most && i + 1 == most;
        (out += i == 0 ? "" : ",") += cut ? "..." : parts[i];
        if (cut) i = parts.size() - 2;
    }
    return n.size() == 1 ? out : '{' + out + '}';
}

// One row: layers with the same tensors, or what else belongs together.
struct layer_group {
    struct item {
        std::string_view rest;  // of the name, behind the number
        std::uint32_t index;
    };
    std::string_view prefix;  // what comes before the number, with its separator
    std::vector<std::uint64_t> numbers;
    std::vector<item> items;          // of the first layer, by name
    std::vector<item> all;            // of all layers, where their types are not the same
    bool mixed = false;               // that is so
    std::vector<layer_group> inside;  // what repeats inside a layer: experts

    std::uint64_t count() const { return numbers.empty() ? 1 : numbers.size(); }

    // model.layers.{0..31}, blk.{0..3}.attn_q.weight, model.norm.{bias,weight}
    std::string label(std::size_t most_parts = std::string::npos) const {
        std::string out(prefix), names;
        if (!numbers.empty()) out += list_numbers(numbers, most_parts);
        if (items.size() == 1) return out.append(items[0].rest);
        const std::string_view first = items[0].rest;
        const bool dot = !first.empty() && (first[0] == '.' || first[0] == '/');
        for (const item& i : items) {
            if (&i != &items[0]) names += ',';
            names += i.rest.substr(dot && !i.rest.empty() ? 1 : 0);
            if (names.size() > 40) break;
        }
        if (items.size() <= 3 && names.size() <= 40 && names.find_first_of("./") == names.npos) {
            if (dot) out += first[0];
            return out + '{' + names + '}';
        }
        return numbers.empty() ? out + '*' : out;
    }
};

class layer_folder {
  public:
    using item = layer_group::item;
    explicit layer_folder(const std::vector<facts>& tensors) : tensors_(tensors) {}

    // Rows in the order in which their prefixes first occur, then by number.
    std::vector<layer_group> fold(const std::vector<item>& items, bool deeper = true) const {
        std::vector<layer_group> out;
        for (family& f : families(items)) {
            if (!f.numbered) {
                out.emplace_back();
                out.back().prefix = f.prefix;
                for (const member& m : f.members) out.back().items.push_back(m.it);
                continue;
            }
            std::vector<layer_group> rows = layers(f, true);
            // Mixed quantisations make every other layer different: past a few rows, say less.
            if (rows.size() > most_variants)
                if (auto fewer = layers(f, false); fewer.size() < rows.size())
                    rows = std::move(fewer);
            for (layer_group& g : rows) {
                if (deeper && !g.mixed && g.items.size() > 1)
                    for (layer_group& in : fold(g.items, false))
                        if (in.numbers.size() >= least_inside) g.inside.push_back(std::move(in));
                out.push_back(std::move(g));
            }
        }
        return out;
    }

  private:
    static constexpr std::size_t most_variants = 4, least_inside = 4;

    struct member {
        std::uint64_t number;
        item it;
    };
    struct family {
        std::string_view prefix;
        bool numbered;
        std::vector<member> members;
    };

    static std::vector<family> families(const std::vector<item>& items) {
        std::vector<family> out;
        std::unordered_map<std::string_view, std::size_t> by_prefix[2];
        for (const item& i : items) {
            hole h;
            const bool numbered = find_hole(i.rest, h);
            // Without a number, the weight and bias of one module go together.
            if (!numbered) h = {i.rest.find_last_of("./") + 1, 0, 0};
            const std::string_view prefix = i.rest.substr(0, h.at);
            std::size_t at = out.size();
            if (numbered || !prefix.empty())
                at = by_prefix[numbered].emplace(prefix, out.size()).first->second;
            if (at == out.size()) out.push_back({prefix, numbered, {}});
            out[at].members.push_back({h.number, {i.rest.substr(h.at + h.size), i.index}});
        }
        for (family& f : out)
            if (f.numbered)
                std::sort(f.members.begin(), f.members.end(), [](const member& a, const member& b) {
                    return a.number != b.number ? a.number < b.number : a.it.rest < b.it.rest;
                });
        return out;
    }

    // Layers with the same names and shapes, and if `types` the same types, as one row.
    std::vector<layer_group> layers(const family& f, bool types) const {
        std::vector<layer_group> out;
        std::unordered_multimap<std::uint64_t, std::size_t> seen;
        for (auto m = f.members.begin(); m != f.members.end();) {
            layer_group g;
            g.prefix = f.prefix;
            g.numbers = {m->number};
            for (; m != f.members.end() && m->number == g.numbers[0]; ++m) g.items.push_back(m->it);
            const std::uint64_t h = hash(g, types);
            std::size_t at = out.size();
            const auto like = seen.equal_range(h);
            for (auto i = like.first; i != like.second; ++i)
                if (same(out[i->second], g, types)) at = i->second;
            if (at == out.size()) {
                seen.emplace(h, at);
                out.push_back(g);
            } else {
                out[at].numbers.push_back(g.numbers[0]);
                out[at].mixed = out[at].mixed || !same(out[at], g, true);
            }
            if (!types) out[at].all.insert(out[at].all.end(), g.items.begin(), g.items.end());
        }
        return out;
    }
    std::uint64_t hash(const layer_group& g, bool types) const {
        std::uint64_t h = 0xcbf29ce484222325;
        const auto mix = [&h](std::uint64_t v) { h = (h ^ v) * 0x100000001b3; };
        for (const item& i : g.items) {
            mix(std::hash<std::string_view>()(i.rest));
            mix(tensors_[i.index].shape);
            if (types) mix(std::uint64_t{tensors_[i.index].made} << 32 | tensors_[i.index].dtype);
        }
        return h;
    }
    bool same(const layer_group& a, const layer_group& b, bool types) const {
        return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(),
                          [&](const item& x, const item& y) {
                              const facts &s = tensors_[x.index], &t = tensors_[y.index];
                              return x.rest == y.rest && s.shape == t.shape &&
                                     (!types || (s.dtype == t.dtype && s.made == t.made));
                          });
    }

    const std::vector<facts>& tensors_;
};

// Tensors whose names are the same but for the numbers, of one type and shape.
struct name_group {
    std::vector<std::string_view> text;             // around the holes: one more than those
    std::vector<std::vector<std::uint64_t>> holes;  // the numbers in each, sorted
    std::uint32_t first = 0;
    std::uint64_t count = 0;

    std::string label(std::size_t most_parts = std::string::npos) const {
        std::string out;
        for (std::size_t i = 0; i < text.size(); ++i) {
            out += text[i];
            if (i < holes.size()) out += list_numbers(holes[i], most_parts);
        }
        return out;
    }
};

// Rows in the order in which their names first occur; types and shapes of one name together.
inline std::vector<name_group> fold_names(const std::vector<facts>& tensors,
                                          const std::vector<std::uint32_t>& which) {
    std::vector<name_group> groups;
    std::vector<std::vector<std::size_t>> by_order;  // groups of each name
    std::unordered_map<std::string, std::size_t> names, rows;
    for (const std::uint32_t index : which) {
        std::string key;
        name_group g;
        std::vector<std::uint64_t> numbers;
        std::string_view rest = tensors[index].name;
        for (hole h; find_hole(rest, h); rest.remove_prefix(h.at + h.size)) {
            g.text.push_back(rest.substr(0, h.at));
            numbers.push_back(h.number);
            (key += g.text.back()) += '\0';
        }
        g.text.push_back(rest);
        key += rest;
        const std::size_t name = names.emplace(key, by_order.size()).first->second;
        if (name == by_order.size()) by_order.emplace_back();
        const facts& f = tensors[index];
        for (const std::uint32_t n : {f.dtype, f.shape, f.made}) (key += '\0') += std::to_string(n);
        const std::size_t row = rows.emplace(key, groups.size()).first->second;
        if (row == groups.size()) {
            by_order[name].push_back(row);
            g.holes.resize(numbers.size());
            g.first = index;
            groups.push_back(std::move(g));
        }
        ++groups[row].count;
        for (std::size_t i = 0; i < numbers.size(); ++i) groups[row].holes[i].push_back(numbers[i]);
    }
    std::vector<name_group> out;
    for (const auto& rows_of_name : by_order)
        for (const std::size_t i : rows_of_name) {
            for (auto& n : groups[i].holes) {
                std::sort(n.begin(), n.end());
                n.erase(std::unique(n.begin(), n.end()), n.end());
            }
            out.push_back(std::move(groups[i]));
        }
    return out;
}

}  // namespace cli

#endif  // AKA_CLI_FOLD_HPP
