// The tensors that were asked for, and what there is to say of them together.
#ifndef AKA_CLI_LISTING_HPP
#define AKA_CLI_LISTING_HPP

#include <aka/checkpoint.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapted.hpp"
#include "fold.hpp"
#include "glob.hpp"
#include "packed_weights.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "values.hpp"

namespace cli {

// Bytes are there and can be added up; of an unknown type, a shape may claim any number.
inline std::uint64_t saturated(std::uint64_t a, std::uint64_t b) {
    return a > ~b ? ~std::uint64_t{0} : a + b;
}

struct listing {
    // `v`: null, or the checkpoint under other names, which are then what is listed.
    listing(const aka::checkpoint& c, const aka::adapter* v,
            const std::vector<std::string_view>& globs)
        : file(c),
          view(v),
          all(v == nullptr ? static_cast<const aka::tensor_list&>(c) : *v),
          packed(all, c) {
        names_only = c.format() == aka::checkpoint_format::index;
        tensors.resize(all.size());
        for (std::uint32_t i = 0; i < all.size(); ++i) {
            const aka::tensor t = all[i];
            bool wanted = globs.empty();
            for (const std::string_view g : globs) wanted = wanted || selects(g, t.name());
            if (!wanted) continue;
            which.push_back(i);
            facts& f = tensors[i];
            f.name = t.name();
            f.dtype = number_of(type_name(t), seen_types_, types);
            f.shape = number_of(shape_text(t), seen_shapes_, shapes);
            if (view != nullptr) f.made = number_of(how_made(t), seen_made_, made);
            f.elements = packed.weights(i);
            f.bytes = t.size_bytes();
            elements = saturated(elements, f.elements);
            bytes = saturated(bytes, f.bytes);
            quantised = quantised || aka::info(t.dtype()).block_elements > 1;
        }
        quantised = quantised || packed.any();
    }

    const aka::checkpoint& file;
    const aka::adapter* view;
    const aka::tensor_list& all;  // of the one or the other
    packed_weights packed;
    bool names_only = false;           // an index alone: no types, shapes and bytes
    std::vector<facts> tensors;        // at the positions in `all`
    std::vector<std::uint32_t> which;  // positions of those that were asked for
    std::vector<std::string> types, shapes, made;
    std::vector<std::string> hashes;  // in the order of `which`
    std::uint64_t elements = 0, bytes = 0;
    bool quantised = false;

  private:
    using numbering = std::unordered_map<std::string, std::uint32_t>;
    static std::uint32_t number_of(const std::string& text, numbering& seen,
                                   std::vector<std::string>& distinct) {
        const auto at = seen.emplace(text, static_cast<std::uint32_t>(distinct.size()));
        if (at.second) distinct.push_back(text);
        return at.first->second;
    }
    numbering seen_types_, seen_shapes_, seen_made_;
};

// What a row, or the first line, says of its tensors.
class sums {
  public:
    std::uint64_t elements = 0, bytes = 0;

    void add(const facts& f) {
        elements = saturated(elements, f.elements);
        bytes = saturated(bytes, f.bytes);
        by_type_[f.dtype] += f.bytes;
        ++by_made_[f.made];
        if (largest_ == nullptr || f.bytes > largest_->bytes) {
            largest_ = &f;
            as_large_ = 0;
        }
        as_large_ += f.shape == largest_->shape && f.dtype == largest_->dtype;
    }
    // The types by their bytes: "Q4_K, Q6_K, F32", or with their shares.
    std::string types(const listing& l, bool shares, std::size_t most) const {
        return most_first(by_type_, l.types, most, [&](std::uint64_t n) {
            return shares && by_type_.size() > 1 ? ' ' + percent(n, bytes) : std::string();
        });
    }
    // How the tensors are made, by their number: "view 7, 1 box 2".
    std::string made(const listing& l, std::size_t most) const {
        if (l.view == nullptr) return {};
        return most_first(by_made_, l.made, most, [&](std::uint64_t n) {
            return by_made_.size() > 1 ? " (" + std::to_string(n) + ")" : std::string();
        });
    }
    std::string largest(const listing& l, const look& look) const {
        std::string out = l.shapes[largest_->shape];
        if (as_large_ > 1) (out += " ") += look.times + (" " + std::to_string(as_large_));
        return out;
    }

  private:
    using counts = std::unordered_map<std::uint32_t, std::uint64_t>;
    template <class Share>
    static std::string most_first(const counts& of, const std::vector<std::string>& names,
                                  std::size_t most, Share share) {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
        for (const auto& t : of) order.emplace_back(t.second, t.first);
        std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
            return a.first != b.first ? a.first > b.first : a.second < b.second;
        });
        const std::size_t shown = order.size() > most ? most - 1 : order.size();
        std::string out;
        for (std::size_t i = 0; i < shown; ++i)
            out += (i == 0 ? "" : ", ") + names[order[i].second] + share(order[i].first);
        if (order.size() > shown) out += ", +" + std::to_string(order.size() - shown);
        return out;
    }

    counts by_type_, by_made_;
    const facts* largest_ = nullptr;
    std::uint64_t as_large_ = 0;
};

// Of a row of layers.
struct group_sums {
    sums one, all;            // of one layer; of all, where their types differ
    std::uint64_t bytes = 0;  // of one layer, where the types differ their mean
    std::uint64_t total = 0;

    group_sums(const listing& l, const layer_group& g) {
        for (const auto& i : g.items) one.add(l.tensors[i.index]);
        for (const auto& i : g.mixed ? g.all : g.items) all.add(l.tensors[i.index]);
        bytes = g.mixed ? all.bytes / g.count() : one.bytes;
        total = g.mixed ? all.bytes : one.bytes * g.count();
    }
};

}  // namespace cli

#endif  // AKA_CLI_LISTING_HPP
