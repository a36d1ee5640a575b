// What a tensor is for: its role where the convention is known, else what its name sounds like.
#ifndef AKA_CLI_TENSOR_KINDS_HPP
#define AKA_CLI_TENSOR_KINDS_HPP

#include <aka/identify.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fold.hpp"

namespace cli {

enum class kind : std::uint8_t { attention, feed_forward, experts, norm, embedding, state, other };
inline constexpr std::size_t kind_count = 7;
inline constexpr const char* kind_titles[kind_count] = {
    "attention",        "feed-forward",  "experts and routers", "norms", "embedding and output",
    "linear attention", "something else"};

struct kind_word {
    std::string_view word;
    kind is;
};
// The first word that is part of a role's name decides.
inline constexpr kind_word role_words[] = {
    {"_norm", kind::norm},        {"_exps", kind::experts},     {"_shexp", kind::experts},
    {"gate_inp", kind::experts},  {"exp_probs", kind::experts}, {"attn_", kind::attention},
    {"ffn_", kind::feed_forward}, {"ssm_", kind::state},        {"token_embd", kind::embedding},
    {"output", kind::embedding},
};
// The same for the names of a file that no convention knows.
inline constexpr kind_word name_words[] = {
    {"norm", kind::norm},
    {"ln_", kind::norm},
    {"expert", kind::experts},
    {"router", kind::experts},
    {"attn", kind::attention},
    {"attention", kind::attention},
    {"mlp", kind::feed_forward},
    {"ffn", kind::feed_forward},
    {"feed_forward", kind::feed_forward},
    {"dense_", kind::feed_forward},
    {"embed", kind::embedding},
    {"wte", kind::embedding},
    {"lm_head", kind::embedding},
    {"mamba", kind::state},
    {"ssm", kind::state},
};
template <std::size_t N>
kind kind_of(std::string_view name, const kind_word (&words)[N]) {
    for (const kind_word& w : words)
        if (name.find(w.word) != name.npos) return w.is;
    return kind::other;
}

// Of each tensor, its kind and the number of its role's label.
class tensor_kinds {
  public:
    struct entry {
        kind is = kind::other;
        std::uint32_t label = 0;
    };

    // `id`: null where nothing could be said of the names.
    tensor_kinds(const aka::identification* id, const std::vector<facts>& tensors) {
        const bool known = id != nullptr && id->is_llama() && id->names().size() == tensors.size();
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            const aka::name_row* row = known ? id->names()[i].row : nullptr;
            if (row != nullptr && row->roles.size() != 0) {
                std::string label;
                for (const aka::role r : row->roles)
                    (label += label.empty() ? "" : " + ") += aka::name(r);
                add(kind_of(aka::name(row->roles[0]), role_words), label);
            } else {
                add(known ? kind::other : kind_of(tensors[i].name, name_words),
                    module_of(tensors[i].name));
            }
        }
    }

    const entry& operator[](std::size_t tensor) const { return entries_[tensor]; }
    const std::vector<std::string>& labels() const { return labels_; }

  private:
    void add(kind is, const std::string& label) {
        const auto at = seen_.emplace(label, static_cast<std::uint32_t>(labels_.size()));
        if (at.second) labels_.push_back(label);
        entries_.push_back({is, at.first->second});
    }
    // visual.blocks.3.attn.qkv.bias: visual.blocks. Without a number: the module.
    static std::string module_of(std::string_view name) {
        hole h;
        std::size_t end = find_hole(name, h) ? h.at : name.find_last_of("./");
        if (end == name.npos || end == 0) return std::string(name);
        if (name[end - 1] == '.' || name[end - 1] == '/') --end;
        return std::string(name.substr(0, end)) + ".*";
    }

    std::vector<entry> entries_;
    std::vector<std::string> labels_;
    std::unordered_map<std::string, std::uint32_t> seen_;
};

}  // namespace cli

#endif  // AKA_CLI_TENSOR_KINDS_HPP
