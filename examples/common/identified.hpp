// What there is to say of an identification: what is renamed, laid out otherwise, tied, missing.
#ifndef AKA_CLI_IDENTIFIED_HPP
#define AKA_CLI_IDENTIFIED_HPP

#include <aka/identify.hpp>
#include <aka/infer.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hparams_text.hpp"
#include "text.hpp"

namespace cli {

struct renamed {
    aka::role role;
    std::string_view name, hf;               // patterns
    aka::evidence by = aka::evidence::none;  // of what was inferred
};
struct layout {
    const char* kind;             // rope, fused, split, experts, order, norm_offset
    std::string text;             // for people
    std::string_view name, axes;  // of a row that is not laid out as Hugging Face's
};
struct quantisation {
    std::string_view part, scheme;
    std::uint64_t count = 0;
};

struct identified {
    const aka::identification* id = nullptr;  // null: there is only a config
    aka::hparams only_config;
    std::vector<renamed> names;
    std::vector<layout> layouts;
    std::vector<quantisation> parts;
    std::vector<std::string_view> missing;
    std::vector<const aka::convention*> by_type;  // that the config's model_type names
    std::string reason, forms;
    aka::inference guess;  // where no convention fits: has rows if there is anything to say
    bool tied = false;

    const aka::hparams& hparams() const { return id == nullptr ? only_config : id->hparams(); }
    // Null also where the answer is that this is no Llama.
    const aka::convention* convention() const {
        return id == nullptr || !id->is_llama() ? nullptr : id->convention();
    }
};

// Hugging Face's name for a role: Llama's, or that of the model that the config names, or this
// convention's own where it is one of Llama's relatives, or the first relative's that has one.
inline std::string_view hf_name(const identified& r, const aka::catalog& known, aka::role role) {
    const aka::convention* const llama = known.find("hf_llama");
    std::vector<const aka::convention*> order{llama};
    order.insert(order.end(), r.by_type.begin(), r.by_type.end());
    order.push_back(r.id->convention());
    order.insert(order.end(), known.conventions().begin(), known.conventions().end());
    for (const aka::convention* c : order) {
        const aka::convention* base = c;
        while (base != nullptr && base != llama) base = base->base();
        const aka::name_row* row = base == nullptr ? nullptr : c->row_of(role);
        if (row != nullptr) return row->pattern;
    }
    return {};
}

// Conventions of the config's model type; GGUF's architectures are types of their own.
inline void find_types(identified& r, const aka::catalog& known) {
    const aka::hparams& h = r.hparams();
    for (const aka::convention* c : known.conventions()) {
        const bool gguf = c->id().substr(0, 5) == "gguf:";
        for (const std::string_view t : c->model_types())
            if (t == h.model_type && !t.empty() && gguf == (h.source == aka::hparams_source::gguf))
                r.by_type.push_back(c);
    }
}

// The rows of the convention that the checkpoint's tensors are of, in the convention's order.
inline std::vector<const aka::name_row*> rows_seen(const aka::identification& id) {
    std::vector<const aka::name_row*> out;
    for (const aka::name_row* row : id.convention()->rows()) {
        if (!row->is_tensor()) continue;
        for (const aka::bound_name& b : id.names()) {
            if (b.row != row) continue;
            out.push_back(row);
            break;
        }
    }
    return out;
}

inline std::uint64_t dropped(const aka::identification& id) {
    std::uint64_t n = 0;
    for (const aka::bound_name& b : id.names()) n += b.row != nullptr && b.row->drop;
    return n;
}

inline std::string role_names(aka::span<const aka::role> roles) {
    std::vector<std::string> names;
    for (const aka::role r : roles) names.emplace_back(aka::name(r));
    return joined(names);
}

inline void find_layouts(identified& r, const std::vector<const aka::name_row*>& rows) {
    const aka::identification& id = *r.id;
    const aka::convention& c = *id.convention();
    std::string rope = "rows of q and k: ";
    rope += id.rope() == aka::rope_order::half          ? "first halves of all pairs, then second"
            : id.rope() == aka::rope_order::interleaved ? "pair by pair"
                                                        : "no rotary embedding";
    if (c.rope_inferred()) rope += " (inferred: read in no implementation)";
    r.layouts.push_back({"rope", rope, aka::name(id.rope()), {}});
    std::vector<std::string> offsets;
    bool experts = false;
    for (const aka::name_row* row : rows) {
        for (const aka::role role : row->roles) {
            if (c.norm_offset(role) != 0) offsets.emplace_back(aka::name(role));
            if (!aka::is_expert(role) || experts) continue;
            experts = true;
            bool each = false;
            for (unsigned i = 0; i < row->holes; ++i)
                each = each || row->hole[i] == aka::hole_kind::expert;
            r.layouts.push_back({"experts", each ? "experts: a tensor each" : "experts: stacked",
                                 each ? "each" : "stacked", row->layout});
        }
        if (row->roles.size() > 1)
            r.layouts.push_back(
                {"fused", role_names(row->roles) + " in one tensor", row->pattern, row->layout});
        else if (!row->layout.empty() && row->layout != "*")
            r.layouts.push_back({"order", role_names(row->roles) + " in an order of its own",
                                 row->pattern, row->layout});
    }
    // Several rows may hold one role.
    std::sort(offsets.begin(), offsets.end());
    offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
    if (!offsets.empty())
        r.layouts.push_back(
            {"norm_offset", "1 is to be added to the weights of " + joined(offsets), "1", {}});
}

inline void find_parts(identified& r) {
    for (const aka::bound_name& b : r.id->names()) {
        if (b.part == nullptr || b.part->scheme.empty()) continue;
        const auto same = [&](const quantisation& q) { return q.part == b.part->text; };
        auto at = std::find_if(r.parts.begin(), r.parts.end(), same);
        if (at == r.parts.end()) at = r.parts.insert(at, {b.part->text, b.part->scheme, 0});
        ++at->count;
    }
}

inline void sort_names(identified& r) {
    std::stable_sort(r.names.begin(), r.names.end(), [](const renamed& a, const renamed& b) {
        return static_cast<int>(a.role) < static_cast<int>(b.role);
    });
}

// What names and shapes say where no convention knows them.
inline aka::status infer_names(identified& r, const aka::checkpoint& c, const aka::catalog& known) {
    const aka::convention* nearest = r.id->convention();
    if (r.id->unmatched().empty() || (nearest != nullptr && !nearest->not_llama().empty()))
        return {};
    auto guess = aka::infer(c, &r.id->hparams());
    if (!guess) return guess.error();
    r.guess = std::move(*guess);
    for (const aka::inferred_row& row : r.guess.rows())
        for (unsigned i = 0; i < row.role_count; ++i)
            r.names.push_back({row.roles[i], row.pattern, hf_name(r, known, row.roles[i]), row.by});
    sort_names(r);
    return {};
}

inline identified make_report(const aka::identification& id, const aka::catalog& known) {
    identified r;
    r.id = &id;
    r.reason = std::string(id.reason());
    find_types(r, known);
    if (id.convention() == nullptr) return r;
    std::uint64_t have = 0;  // roles
    for (const aka::bound_name& b : id.names())
        if (b.row != nullptr) have |= b.row->role_set;
    const auto has = [&](aka::role role) { return (have >> static_cast<unsigned>(role) & 1) != 0; };
    // An absent output is the embedding, unless the config says that it is not.
    r.tied = has(aka::role::token_embd) && !has(aka::role::output) &&
             id.hparams().tied != aka::hparams::answer::no;
    for (const aka::name_row* row : id.missing())
        if (!r.tied || !row->holds(aka::role::output)) r.missing.push_back(row->pattern);
    if (!id.is_llama()) return r;
    const std::vector<const aka::name_row*> rows = rows_seen(id);
    for (const aka::name_row* row : rows)
        for (const aka::role role : row->roles) {
            const std::string_view hf = hf_name(r, known, role);
            if (hf != row->pattern) r.names.push_back({role, row->pattern, hf, {}});
        }
    sort_names(r);
    find_layouts(r, rows);
    find_parts(r);
    return r;
}

}  // namespace cli

#endif  // AKA_CLI_IDENTIFIED_HPP
