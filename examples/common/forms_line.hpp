// How the weights of a checkpoint are quantised, where that takes several tensors a weight.
#ifndef AKA_CLI_FORMS_LINE_HPP
#define AKA_CLI_FORMS_LINE_HPP

#include <aka/dequantize_parts.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "errors.hpp"
#include "text.hpp"

namespace cli {

// "GPTQ 4-bit, groups of 128 (160)", the most frequent first; empty: nothing is quantised so.
inline std::string forms_text(const aka::checkpoint& c) {
    auto settings = aka::quant_settings::of(c);
    if (!settings) return describe(settings.error());
    std::vector<std::pair<std::string, std::size_t>> forms;
    std::size_t unclear = 0;
    for (const aka::tensor t : c) {
        // What is of another type than codes are is no payload.
        const unsigned type = aka::detail::part_type_of(t.dtype());
        const bool bnb = type == aka::detail::others && aka::detail::ends_with(t.name(), ".weight");
        if (type == aka::detail::others && !(bnb && c.find(std::string(t.name()) + ".absmax")))
            continue;
        bool payload = false;
        for (const std::string_view end :
             {".weight", ".qweight", ".weight_packed", "_blocks", ".blocks"})
            payload = payload || aka::detail::ends_with(t.name(), end);
        if (!payload) continue;
        const auto w = aka::quantised_weight::find(c, t.name(), *settings);
        if (!w) {
            ++unclear;
            continue;
        }
        if (w->form().scheme == aka::part_scheme::plain) continue;
        aka::detail::fixed_text<96> words;
        w->form().describe(words);
        const auto same = std::find_if(forms.begin(), forms.end(),
                                       [&](const auto& f) { return f.first == words.view(); });
        if (same == forms.end())
            forms.emplace_back(std::string(words.view()), 1);
        else
            ++same->second;
    }
    std::stable_sort(forms.begin(), forms.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string out;
    for (const auto& [words, n] : forms)
        out += (out.empty() ? "" : "; ") + words + " (" + std::to_string(n) + ")";
    // Where no form is known, integers may be anything.
    if (!out.empty() && unclear != 0) out += "; unclear (" + std::to_string(unclear) + ")";
    return escape(out);
}

}  // namespace cli

#endif  // AKA_CLI_FORMS_LINE_HPP
