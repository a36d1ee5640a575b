// aka: builds adapters.
#ifndef AKA_ADAPT_HPP
#define AKA_ADAPT_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "adapter.hpp"
#include "compose.hpp"
#include "rope_factors.hpp"

AKA_BEGIN

/// Builds one adapter; see `adapt`.
class adapter_builder {
  public:
    adapter_builder(const checkpoint& c, const catalog& known, const target& want) noexcept
        : source_(c), catalog_(known), want_(want) {}
    adapter_builder(const adapter_builder&) = delete;
    adapter_builder& operator=(const adapter_builder&) = delete;

    /// The target is the roles themselves: GGUF's names and stacks of no architecture in
    /// particular.
    adapter_builder& to_roles() noexcept { return roles_ = true, *this; }

    result<adapter> build() noexcept {
        result<identification> id = identify(source_, catalog_);
        if (!id) return id.error();
        return build(std::move(*id.get_if()));
    }
    result<adapter> build(identification id) noexcept {
        id_ = std::move(id);
        if (id_.convention() == nullptr || !id_.is_llama())
            return detail::fail(errc::not_identified, error::nowhere, id_.reason())
                .in(source_.folder());
        store_ = detail::store_ref::make();
        if (!store_) return detail::no_memory();
        store_->source = source_.keep().release();
        if (status s = have_.start(id_, source_); !s) return s.error();
        if (status s = places_.start(id_, source_, *store_->source, catalog_.row_count()); !s)
            return s.error();
        if (status s = resolve(); !s) return s.error();
        if (status s = check_shapes(); !s) return s.error();
        if (status s = every_row(); !s) return s.error();
        if (status s = rest(); !s) return s.error();
        if (status s = tie(); !s) return s.error();
        if (status s = detail::index_tensors(*store_, duplicates::refuse); !s) return s.error();
        adapter a(std::move(store_), std::move(id_));
        a.convention_ = to_;
        a.resolved_ = want_;
        a.resolved_.convention = to_->id();
        a.resolved_.rows = {};  // borrowed
        a.by_role_ = std::move(by_role_);
        a.missing_ = std::move(missing_);
        a.unbound_ = std::move(unbound_);
        a.made_ = std::move(made_);
        return a;
    }

  private:
    using seen_part = detail::seen_part;

    static const part_info& part_of(const name_row& row) noexcept {
        return *find_part(row.part.empty() ? std::string_view("weight") : row.part);
    }

    // --- what is wanted

    status resolve() noexcept {
        detail::target_choice choice{id_, catalog_, have_.roles()};
        if (status s = choice.choose(roles_ ? std::string_view("roles") : want_.convention, to_);
            !s)
            return s;
        if (want_.rope == rope_order::unknown) want_.rope = to_->rope();
        if (id_.rope() == rope_order::none || id_.rope() == rope_order::unknown)
            want_.rope = id_.rope();
        places_.from_rope = id_.rope();
        places_.to_rope = want_.rope;
        cut_.part = want_.shard;
        if (status s = cut_.check(id_.sizes(0)); !s) return s;
        if (roles_ || want_.convention == "roles" || !choice.uses_gguf_names(*to_))
            want_.types = type_rules::as_stored;
        return make_.start(*to_, want_.types, *store_);
    }

    // --- shapes

    // Every stored tensor against the hyper-parameters, where these are known.
    status check_shapes() noexcept {
        const aka::hparams& h = id_.hparams();
        if (h.n_layer != 0 && id_.n_layer() > h.n_layer + h.n_layer_nextn)
            return detail::fail(errc::bad_hparams, error::nowhere, "names go up to layer ",
                                id_.n_layer() - 1, ", the hyper-parameters say ", h.n_layer,
                                " layers");
        if (h.n_layer > id_.n_layer() + h.n_layer_nextn)
            return detail::fail(errc::bad_hparams, error::nowhere, "the hyper-parameters say ",
                                h.n_layer, " layers, the file has ", id_.n_layer());
        if (!places_.heads_known()) return {};
        const detail::places::placed* p = nullptr;
        for (std::uint32_t i = 0; i < id_.names().size(); ++i) {
            const bound_name& b = id_.names()[i];
            if (b.row == nullptr || !b.row->is_tensor() || b.part == nullptr || b.head >= 0)
                continue;
            if (status s = places_.place_source(i, p); !s) return s;
        }
        return {};
    }

    // --- all of the target's rows

    status every_row() noexcept {
        for (const name_row* row : to_->rows())
            if (row->is_tensor() && !detail::has_hole(*row, hole_kind::layer))
                if (status s = one_row(*row, -1); !s) return s;
        for (std::uint64_t l = 0; l < id_.n_layer(); ++l)
            for (const name_row* row : to_->rows())
                if (row->is_tensor() && detail::has_hole(*row, hole_kind::layer))
                    if (status s = one_row(*row, static_cast<std::int32_t>(l)); !s) return s;
        return make_.index_roles(by_role_);
    }
    // Whether a row has a name for this part: `gate_up_proj_{part}` has none for the weight itself.
    static bool spells(const name_row& row, const seen_part& p) noexcept {
        if (!row.has_part) return p.info == &part_of(row);
        return p.text != "weight" || row.pattern.find("_{part}") == std::string_view::npos;
    }
    // What is only read is written after all where the convention has no other name for the part.
    bool writes(const name_row& row, const seen_part& p) const noexcept {
        if (!spells(row, p)) return false;
        if (asked_for(row)) return true;
        for (const name_row* other : to_->rows())
            if (asked_for(*other) && (other->role_set & row.role_set) != 0 && spells(*other, p))
                return false;
        if (!row.also) return true;
        for (const name_row* other : to_->rows())
            if (other->is_tensor() && !other->also && (other->role_set & row.role_set) != 0 &&
                spells(*other, p))
                return false;
        return true;
    }
    bool asked_for(const name_row& row) const noexcept {
        for (std::string_view pattern : want_.rows)
            if (row.also && row.is_tensor() && row.pattern == pattern) return true;
        return false;
    }
    // A convention may hold a role in two ways (a stack, an expert each): the first row counts.
    bool superseded(const name_row& row, const seen_part& p) const noexcept {
        if (asked_for(row)) return false;
        std::uint64_t left = row.role_set;
        for (const name_row* other : to_->rows()) {
            if (other == &row) break;
            if (other->is_tensor() && !other->also && spells(*other, p)) left &= ~other->role_set;
        }
        return left == 0;
    }
    status one_row(const name_row& row, std::int32_t layer) noexcept {
        if ((row.role_set & have_.roles()) == 0 && !row.roles.empty())
            return detail::is_factors(row.roles[0]) ? factors(row) : lacks_row(row, layer);
        bool each = detail::has_hole(row, hole_kind::expert),
             heads = detail::has_hole(row, hole_kind::head);
        std::uint64_t n = 1;
        if (each) n = id_.sizes(0).e;
        if (heads)
            n = id_.sizes(layer < 0 ? 0 : static_cast<std::uint64_t>(layer)).kv * id_.sizes(0).g;
        bool any = false;
        for (const seen_part& p : have_.parts()) {
            if (!writes(row, p)) continue;
            if (superseded(row, p)) {
                any = true;
                continue;
            }
            for (std::uint64_t i = 0; i < n; ++i) {
                bool made = false;
                auto index = each || heads ? static_cast<std::int32_t>(i) : -1;
                if (status s = make_.make(row, layer, index, p, made); !s) return s;
                any = any || (made && (p.info->kind == part_kind::weight ||
                                       p.info->kind == part_kind::columns ||
                                       p.info->kind == part_kind::rows));
            }
        }
        return any ? status() : lacks_row(row, layer);
    }
    status lacks_row(const name_row& row, std::int32_t layer) noexcept {
        bool output = row.holds(role::output);
        if (row.also || (!output && row.optional)) return {};
        const bool tied = output && id_.hparams().tied != aka::hparams::answer::no &&
                          have_.find(role::token_embd, -1, -1, *find_part("weight")) != have_.none;
        // Layers of hybrid models have one kind of attention or feed-forward, not all.
        if (!tied && layer >= 0 && ((row.role_set & have_.roles()) != 0 || has_other_kind(row)))
            return {};
        seen_part weight{find_part("weight"), "weight"};
        std::int32_t index =
            detail::has_hole(row, hole_kind::expert) || detail::has_hole(row, hole_kind::head) ? 0
                                                                                               : -1;
        auto text = detail::format(row, make_.at(layer, index, row, weight), store_->names);
        ledger_entry e{text ? *text.get_if() : row.pattern,
                       tied ? "the embedding, which is tied to it" : "not in the file"};
        if (tied && !row.optional && to_->tied() != tied_kind::yes && text) tied_name_ = e.name;
        return (tied ? made_ : missing_).push(e) ? status() : status(detail::no_memory());
    }
    // Factors of rotary embeddings are no loss where the hyper-parameters give them.
    status factors(const name_row& row) noexcept {
        detail::made_factors f;
        if (status s = detail::factors_of(row.roles[0], id_.hparams(), id_.sizes(0).rotary, f);
            !s || !f.wanted)
            return s;
        auto text = detail::format(row, make_.at(-1, -1, row, {find_part("weight"), "weight"}),
                                   store_->names);
        if (!text) return text.error();
        if (!(f.known ? made_ : missing_).push({*text.get_if(), f.why})) return detail::no_memory();
        return f.known ? make_.make(row, f.values.data(), f.values.size()) : status();
    }
    // A tied output is found by its name, though it is listed once, as the embedding.
    status tie() noexcept {
        const part_info& weight = *find_part("weight");
        std::uint32_t i =
            by_role_.find(detail::coordinate_map::key(role::token_embd, -1, -1, weight));
        if (tied_name_.empty() || i == detail::coordinate_map::none) return {};
        detail::tensor_record r = store_->tensors[i];
        r.name = tied_name_.data();
        r.name_size = static_cast<std::uint32_t>(tied_name_.size());
        r.hash = detail::hash_name(tied_name_);
        auto position = static_cast<std::uint32_t>(store_->tensors.size());
        if (!store_->tensors.push(r) || !store_->plans.push(store_->plans[i]))
            return detail::no_memory();
        by_role_.insert(detail::coordinate_map::key(role::output, -1, -1, weight), position);
        return store_->hidden = 1, status();
    }
    // Dense rows of a mixture of experts, and the other way round.
    bool has_other_kind(const name_row& row) const noexcept {
        return have_.has(role::ffn_down_exps) &&
               (row.holds(role::ffn_gate) || row.holds(role::ffn_up) || row.holds(role::ffn_down));
    }

    // What of the file the target has no name for.
    status rest() noexcept {
        for (std::uint32_t i = 0; i < source_.size(); ++i) {
            if (have_.used(i)) continue;
            const bound_name& b = id_.names()[i];
            const char* why = "no rule of the convention knows this name";
            if (b.row != nullptr)
                why = b.row->drop    ? "holds no weights"
                      : b.row->other ? "belongs to something else than the language model"
                      : b.row->is_tensor() && detail::is_factors(b.row->roles[0])
                          ? "no tensor there: rope_scaling in the config says it"
                          : "the target has no name for it";
            if (!unbound_.push({source_[i].name(), why})) return detail::no_memory();
        }
        return {};
    }

    const checkpoint& source_;
    const catalog& catalog_;
    target want_;
    identification id_;
    const convention* to_ = nullptr;
    detail::store_ref store_;
    detail::source_tensors have_;
    detail::places places_;
    detail::shard_cut cut_;
    detail::composer make_{source_, id_, have_, places_, cut_, want_};
    detail::coordinate_map by_role_;
    detail::growing<ledger_entry> missing_, unbound_, made_;
    std::string_view tied_name_;
    bool roles_ = false;
};

/// Sees a checkpoint through another convention. The catalog must outlive the adapter.
/// Errors: not_identified (with the reason), not_found (no such convention), unsupported (the
/// target cannot hold this model), collision, size_mismatch, bad_hparams, bad_block (a copy would
/// cut quantised blocks), missing_tensor, out_of_memory.
inline result<adapter> adapt(const checkpoint& source, const target& to,
                             const catalog& known) noexcept {
    return adapter_builder(source, known, to).build();
}
inline result<adapter> adapt(const checkpoint& source, std::string_view convention,
                             const catalog& known) noexcept {
    target to;
    to.convention = convention;
    return adapt(source, to, known);
}

/// The same with aka's own conventions, compiled for the occasion (about a millisecond; a program
/// that adapts often keeps a catalog).
inline result<adapter> adapt(const checkpoint& source, const target& to) noexcept {
    result<catalog> known = catalog::builtin();
    if (!known) return known.error();
    result<adapter> a = adapt(source, to, *known.get_if());
    if (a) a.get_if()->known_ = std::move(*known.get_if());
    return a;
}
inline result<adapter> adapt(const checkpoint& source, std::string_view convention) noexcept {
    target to;
    to.convention = convention;
    return adapt(source, to);
}

AKA_END

#endif  // AKA_ADAPT_HPP
