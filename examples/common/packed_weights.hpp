// How the weights of a checkpoint are quantised, where that takes several tensors a weight, and how
// many weights there are: eight of GPTQ's share an integer, and its scales are none.
#ifndef AKA_CLI_PACKED_WEIGHTS_HPP
#define AKA_CLI_PACKED_WEIGHTS_HPP

#include <aka/dequantize_parts.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "errors.hpp"
#include "text.hpp"

namespace cli {

class packed_weights {
  public:
    // `all`: the tensors of `c`, or what an adapter makes of them.
    packed_weights(const aka::tensor_list& all, const aka::checkpoint& c) {
        for (const aka::tensor t : all) weights_.push_back(t.elements());
        const auto settings = aka::quant_settings::of(c);
        if (!settings) {
            wrong_ = describe(settings.error());
            return;
        }
        std::unordered_set<std::string_view> bases;
        std::size_t i = 0;
        for (const aka::tensor t : all) {
            if (const std::string_view base = base_of(all, t); !base.empty())
                if (add(aka::quantised_weight::find(all, t.name(), *settings), t, weights_[i]))
                    bases.insert(base);
            ++i;
        }
        std::stable_sort(forms_.begin(), forms_.end(),
                         [](const auto& a, const auto& b) { return a.second > b.second; });
        if (forms_.empty()) return;
        i = 0;
        for (const aka::tensor t : all) {
            aka::detail::each_part(t.name(), [&](std::string_view rest, std::string_view part) {
                const std::string_view base = rest.substr(0, rest.size() - 1);
                if (bases.count(base) != 0 && is_helper(part)) weights_[i] = 0;
            });
            ++i;
        }
    }

    // "GPTQ 4-bit, groups of 128 (160)", the most frequent first; empty: nothing is quantised so.
    std::string text() const {
        std::string out = wrong_;
        for (const auto& [words, n] : forms_)
            out += (out.empty() ? "" : "; ") + words + " (" + std::to_string(n) + ")";
        // Where no form is known, integers may be anything.
        if (!forms_.empty() && unclear_ != 0) out += "; unclear (" + std::to_string(unclear_) + ")";
        return escape(out);
    }
    bool any() const { return !forms_.empty(); }
    // Whether integers may be several weights each, and nobody knows how many.
    bool unclear() const { return unclear_ != 0; }
    // Of the tensor at that position: 0 where it only says what the weights of another are.
    std::uint64_t weights(std::size_t i) const { return weights_[i]; }

  private:
    static constexpr std::string_view payloads[] = {"weight", "qweight", "weight_packed", "blocks"};

    static bool is_helper(std::string_view part) {
        const bool payload =
            std::find(std::begin(payloads), std::end(payloads), part) != std::end(payloads);
        return !payload && !aka::find_part(part)->scheme.empty();
    }
    // The module whose codes may be in `t`; empty: what is of another type than codes are holds
    // none, and nor do tensors of other names.
    static std::string_view base_of(const aka::tensor_list& all, const aka::tensor& t) {
        const std::string_view name = t.name();
        const bool others = aka::detail::part_type_of(t.dtype()) == aka::detail::others;
        for (const std::string_view part : payloads) {
            if (name.size() < part.size() + 2 || !aka::detail::ends_with(name, part)) continue;
            const std::size_t end = name.size() - part.size() - 1;
            if (name[end] != '.' && !(name[end] == '_' && part == "blocks")) continue;
            // bitsandbytes' codes may be stored as any type.
            if (others && !(part == "weight" && all.find(std::string(name) + ".absmax"))) break;
            return name.substr(0, end);
        }
        return {};
    }
    bool add(const aka::result<aka::quantised_weight>& w, const aka::tensor& t,
             std::uint64_t& weights) {
        if (!w) {
            ++unclear_;
            return false;
        }
        const aka::part_form& form = w->form();
        if (form.scheme == aka::part_scheme::plain) return false;
        if (form.sized)
            weights = form.rows * form.columns;
        else if (form.bits != 0)
            weights = t.size_bytes() / form.bits * 8 + t.size_bytes() % form.bits * 8 / form.bits;
        aka::detail::fixed_text<96> words;
        form.describe(words);
        const auto same = std::find_if(forms_.begin(), forms_.end(),
                                       [&](const auto& f) { return f.first == words.view(); });
        if (same == forms_.end())
            forms_.emplace_back(std::string(words.view()), 1);
        else
            ++same->second;
        return true;
    }

    std::vector<std::pair<std::string, std::size_t>> forms_;
    std::vector<std::uint64_t> weights_;
    std::size_t unclear_ = 0;
    std::string wrong_;
};

}  // namespace cli

#endif  // AKA_CLI_PACKED_WEIGHTS_HPP
