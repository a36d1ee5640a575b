// aka: what a checkpoint is to be seen as, and which convention that comes down to.
#ifndef AKA_TARGET_HPP
#define AKA_TARGET_HPP

#include <cstdint>
#include <string_view>

#include "identify.hpp"
#include "role_set.hpp"

AKA_BEGIN

/// How a tensor-parallel rank is cut out: q, k, v, gate and up by rows, attn_output and down by
/// columns; k and v are replicated where there are fewer kv heads than ranks.
struct shard {
    std::uint32_t rank = 0;   ///< from 0
    std::uint32_t world = 1;  ///< how many there are
};

/// Which element types the tensors of a target have. `convention`: the convention's own rule,
/// where it has one; GGUF's is that of llama.cpp's converter, for which norms, vectors, biases and
/// routers are F32. What is stored otherwise has a conversion pending (see tensor::is_pending).
enum class type_rules : std::uint8_t { convention, as_stored };

/// What to see a checkpoint as.
struct target {
    /// A convention's id or alias; "hf": the family's Hugging Face spelling, as its models are on
    /// disk; "gguf": the architecture that llama.cpp's converter gives; "gguf:llama" forces one;
    /// "roles": GGUF's names, of no architecture in particular.
    std::string_view convention = "hf";
    rope_order rope = rope_order::unknown;  ///< unknown: the convention's own
    aka::shard shard;                       ///< this rank's part only
    /// In `resolved()`: as_stored also where the convention has no rule, and for "roles".
    type_rules types = type_rules::convention;
    /// Patterns of the convention that are otherwise only read (`also`) and are to be used here, in
    /// place of those for the same roles: as a file has them that was written so. Borrowed.
    span<const std::string_view> rows;
};

namespace detail {

/// Chooses the convention of a target for a checkpoint that holds the roles `have`.
struct target_choice {
    const identification& id;
    const catalog& known;
    std::uint64_t have;

    // Whether a convention has a name for everything that the file holds.
    const name_row* cannot_hold(const convention& c, role& lacking) const noexcept {
        std::uint64_t can = 0;
        for (const name_row* row : c.rows())
            if (row->is_tensor() && !row->also) can |= row->role_set;
        // These are computed from hyper-parameters where a convention has no place for them.
        constexpr role free[] = {role::rope_freqs, role::rope_factors_long,
                                 role::rope_factors_short};
        for (role r : free) can |= bit(r);
        for (unsigned r = 1; r < detail::role_count; ++r) {
            if ((have & ~can & bit(static_cast<role>(r))) == 0) continue;
            lacking = static_cast<role>(r);
            return id.convention()->row_of(lacking);
        }
        return nullptr;
    }
    std::size_t lacks(const convention& c) const noexcept {
        std::size_t n = 0;
        for (const name_row* row : c.rows())
            if (row->is_tensor() && !row->also && !row->optional && (row->role_set & ~have) != 0 &&
                !(row->holds(role::output) && (have & bit(role::output)) == 0))
                ++n;
        return n;
    }
    bool says(const convention& c, std::string_view type) const noexcept {
        for (std::string_view t : c.model_types())
            if (t == type) return true;
        return false;
    }
    // The same word where only separators differ, and what says that this is the text half of more:
    // qwen3_moe is qwen3moe in GGUF, and qwen2_vl_text is qwen2vl.
    static bool alike(std::string_view a, std::string_view b) noexcept {
        constexpr std::string_view text = "_text";
        if (a.size() > text.size() && a.substr(a.size() - text.size()) == text)
            a.remove_suffix(text.size());
        std::size_t j = 0;
        for (char c : a) {
            if (c == '_' || c == '-') continue;
            while (j < b.size() && (b[j] == '_' || b[j] == '-')) ++j;
            if (j == b.size() || b[j++] != c) return false;
        }
        return j == b.size();
    }
    // Model types that llama.cpp's converter gives the architecture of another word.
    static std::string_view architecture_of(std::string_view type) noexcept {
        struct pair {
            std::string_view type, architecture;
        };
        constexpr pair others[] = {
            {"qwen2_5_vl", "qwen2vl"}, {"qwen2_5_vl_text", "qwen2vl"},     {"mistral", "llama"},
            {"mixtral", "llama"},      {"granitemoeshared", "granitemoe"}, {"cohere", "command-r"}};
        for (const pair& p : others)
            if (p.type == type) return p.architecture;
        return type;
    }
    // Of all conventions whose id begins so: the one that the model's type names, or else the first
    // that holds everything and asks for least.
    const convention* family(std::string_view first,
                             bool (*belongs)(const convention&)) const noexcept {
        const convention* best = nullptr;
        const convention* stored = id.convention();
        role lacking = role::none;
        if (belongs(*stored) && cannot_hold(*stored, lacking) == nullptr) return stored;
        for (const convention* c : known.conventions())
            if (belongs(*c) && says(*c, id.hparams().model_type) &&
                cannot_hold(*c, lacking) == nullptr)
                return c;
        for (const convention* c : known.conventions())
            for (std::string_view t : c->model_types())
                if (belongs(*c) && is_gguf(*c) &&
                    alike(architecture_of(id.hparams().model_type), t) &&
                    cannot_hold(*c, lacking) == nullptr)
                    return c;
        // The config may not name the model, or name what wraps it; its convention knows its kin.
        for (std::string_view type : stored->model_types())
            for (const convention* c : known.conventions())
                if (belongs(*c) && says(*c, type) && cannot_hold(*c, lacking) == nullptr) return c;
        best = known.find(first);
        if (best != nullptr && cannot_hold(*best, lacking) == nullptr && lacks(*best) == 0)
            return best;
        best = nullptr;
        for (const convention* c : known.conventions()) {
            if (!belongs(*c) || !c->not_llama().empty() || cannot_hold(*c, lacking) != nullptr)
                continue;
            if (best == nullptr || lacks(*c) < lacks(*best)) best = c;
        }
        return best != nullptr ? best : known.find(first);
    }
    // Hugging Face's own: a convention without fused or renamed tensors is one of its models; the
    // others of the `hf` kind are models that were published under other names.
    static bool is_hf(const convention& c) noexcept {
        constexpr std::string_view ids[] = {"hf_",        "mixtral_hf", "qwen2_moe",
                                            "gpt_oss_hf", "llama4_hf",  "deepseek_mla_hf",
                                            "qwen3_next", "phimoe",     "granite_moe",
                                            "apertus",    "nemotron",   "deepseek_moe_v1"};
        for (std::string_view s : ids)
            if (c.id().substr(0, s.size()) == s) return true;
        return false;
    }
    static bool is_gguf(const convention& c) noexcept { return c.id().substr(0, 5) == "gguf:"; }
    static bool uses_gguf_names(const convention& c) noexcept {
        for (const convention* b = &c; b != nullptr; b = b->base())
            if (b->id() == "gguf") return true;
        return false;
    }
    // llama.cpp's converter puts the value heads of linear attention into another order, and other
    // numbers in place of some: what looks like the same tensor is not.
    status linear_attention(const convention& to, bool roles) const noexcept {
        std::uint64_t linear = 0;
        for (unsigned r = static_cast<unsigned>(role::ssm_in); r < role_count; ++r)
            linear |= bit(static_cast<role>(r));
        if (roles || (have & linear) == 0 ||
            uses_gguf_names(to) == uses_gguf_names(*id.convention()))
            return {};
        for (unsigned r = static_cast<unsigned>(role::ssm_in); r < role_count; ++r)
            if ((have & bit(static_cast<role>(r))) != 0)
                return fail(errc::unsupported, error::nowhere, "from ", id.convention()->id(),
                            " to ", to.id(), ": the rows of linear attention (",
                            name(static_cast<role>(r)),
                            ") lie in another order in GGUF, where llama.cpp's converter re-orders "
                            "the value heads; they would have to be moved, which aka does not do");
        return {};
    }

    /// The convention of this name. Errors: not_found; unsupported where it cannot hold the model.
    status choose(std::string_view wanted, const convention*& to) const noexcept {
        if (wanted == "hf")
            to = family("hf_llama", is_hf);
        else if (wanted == "gguf")
            to = family("gguf:llama", is_gguf);
        else if (wanted == "roles")
            to = known.find("gguf");
        else
            to = known.find(wanted);
        if (to == nullptr)
            return fail(errc::not_found, error::nowhere, "there is no convention ", quoted{wanted});
        if (!to->not_llama().empty())
            return fail(errc::unsupported, error::nowhere, "convention ", to->id(), ": ",
                        to->not_llama());
        if (status s = linear_attention(*to, wanted == "roles"); !s) return s;
        role lacking = role::none;
        if (cannot_hold(*to, lacking) == nullptr && lacking == role::none) return {};
        return fail(errc::unsupported, error::nowhere, "convention ", to->id(), " has no name for ",
                    name(lacking), ", which this ", id.convention()->id(), " checkpoint has");
    }
};

/// Whether a tensor of GGUF is F32 whatever the file it comes from holds: norms, vectors, routers,
/// convolutions, and whatever is no weight. As in llama.cpp's converter.
inline bool gguf_wants_f32(std::string_view name, role r, const tensor_record& t) noexcept {
    constexpr std::string_view norm = "_norm.weight", weight = ".weight";
    auto ends = [&](std::string_view s) {
        return name.size() >= s.size() && name.substr(name.size() - s.size()) == s;
    };
    if (r == role::ffn_gate_inp || r == role::ssm_conv1d || !ends(weight) || ends(norm))
        return true;
    std::uint32_t wide = 0;  // dimensions of one element do not count
    const shape s = t.shape();
    for (std::uint64_t n : s) wide += n != 1;
    return wide <= 1;
}
/// Types that a conversion to F32 can be pending for: plain numbers, not blocks, not scales.
inline bool is_plain_float(dtype t) noexcept {
    return t == dtype::f16 || t == dtype::bf16 || t == dtype::f64;
}

/// How the axes of a rank are cut: heads by kv head, or, where there are fewer kv heads than ranks,
/// by query heads within one; feed-forward widths evenly.
struct shard_cut {
    shard part;

    status check(const axis_sizes& z) const noexcept {
        std::uint64_t world = part.world;
        if (world == 0 || part.rank >= world)
            return fail(errc::out_of_range, error::nowhere, "rank ", part.rank, " of ", world);
        if (world == 1) return {};
        if (z.kv != 0 && (z.kv % world == 0 || (world % z.kv == 0 && z.g % (world / z.kv) == 0)))
            return {};
        return fail(errc::bad_hparams, error::nowhere, z.kv * z.g, " heads and ", z.kv,
                    " kv heads cannot be cut into ", world, " ranks");
    }
    status sizes(axis_sizes& z) const noexcept {
        std::uint64_t w = part.world;
        if (w == 1) return {};
        if (z.kv % w == 0) {
            z.kv /= w;
        } else {
            z.g /= w / z.kv;
            z.kv = 1;
        }
        for (std::uint64_t* f : {&z.f, &z.f_exps, &z.f_shexp}) {
            if (*f % w != 0)
                return fail(errc::bad_hparams, error::nowhere, "a feed-forward width of ", *f,
                            " cannot be cut into ", w, " ranks");
            *f /= w;
        }
        return {};
    }
    void source(atom_place& p, const axis_sizes& z) const noexcept {
        std::uint64_t w = part.world, rank = part.rank;
        if (w == 1) return;
        if (z.kv % w == 0) {
            p.restrict_to(axis::kv, rank * (z.kv / w), z.kv / w);
        } else {
            std::uint64_t ranks_each = w / z.kv;
            p.restrict_to(axis::kv, rank / ranks_each, 1);
            p.restrict_to(axis::g, rank % ranks_each * (z.g / ranks_each), z.g / ranks_each);
        }
        for (unsigned i = 0; i < p.axes; ++i)
            if (p.axis[i].axis == axis::f)
                p.restrict_to(axis::f, rank * (p.axis[i].n / w), p.axis[i].n / w);
    }
};

}  // namespace detail
AKA_END

#endif  // AKA_TARGET_HPP
