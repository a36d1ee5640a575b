// aka: builds adapters.
#ifndef AKA_ADAPT_HPP
#define AKA_ADAPT_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "adapter.hpp"

AKA_BEGIN

/// Builds one adapter; see `adapt`.
class adapter_builder {
  public:
    adapter_builder(const checkpoint& c, const catalog& known, const target& want) noexcept
        : source_(c), catalog_(known), want_(want) {}

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
        if (status s = index_source(); !s) return s.error();
        if (status s = resolve(); !s) return s.error();
        if (status s = check_shapes(); !s) return s.error();
        if (status s = every_row(); !s) return s.error();
        if (status s = rest(); !s) return s.error();
        if (status s = detail::index_tensors(*store_, duplicates::refuse); !s) return s.error();
        adapter a(std::move(store_), std::move(id_));
        a.convention_ = to_;
        a.resolved_ = want_;
        a.resolved_.convention = to_->id();
        a.by_role_ = std::move(by_role_);
        a.missing_ = std::move(missing_);
        a.unbound_ = std::move(unbound_);
        a.made_ = std::move(made_);
        return a;
    }

  private:
    static constexpr std::uint32_t none = detail::coordinate_map::none;
    struct seen_part {
        const part_info* info;
        std::string_view text;
    };

    static std::uint64_t bit(role r) noexcept {
        return std::uint64_t{1} << static_cast<unsigned>(r);
    }
    // The number that tells tensors of one role and layer apart: an expert's or a head's.
    static std::int32_t index_of(const bound_name& b) noexcept {
        return b.head >= 0 ? b.head : b.expert;
    }
    static bool has_hole(const name_row& row, hole_kind k) noexcept {
        for (unsigned i = 0; i < row.holes; ++i)
            if (row.hole[i] == k) return true;
        return false;
    }
    static bool turns(role r) noexcept {  // has rows in rotary order
        return r == role::attn_q || r == role::attn_k || r == role::attn_q_norm ||
               r == role::attn_k_norm;
    }
    static const part_info& part_of(const name_row& row) noexcept {
        return *find_part(row.part.empty() ? std::string_view("weight") : row.part);
    }

    // --- what the file has

    status index_source() noexcept {
        std::size_t roles = 0;
        for (const bound_name& b : id_.names())
            if (b.row != nullptr && b.row->is_tensor()) roles += b.row->roles.size();
        if (!by_source_.reserve(roles) || !used_.resize(source_.size()) ||
            !placed_.resize(catalog_.row_count()) || !wanted_.resize(catalog_.row_count()))
            return detail::no_memory();
        for (std::uint32_t i = 0; i < id_.names().size(); ++i) {
            const bound_name& b = id_.names()[i];
            if (b.row == nullptr || !b.row->is_tensor() || b.part == nullptr) continue;
            have_ |= b.row->role_set;
            bool known = false;
            for (const seen_part& p : parts_) known = known || p.text == b.part_text;
            if (!known && !parts_.push({b.part, b.part_text})) return detail::no_memory();
            for (role r : b.row->roles) {
                std::uint32_t first = by_source_.insert(
                    detail::coordinate_map::key(r, b.layer, index_of(b), *b.part), i);
                if (first == none) continue;
                // Several adapters of one kind have one part between them; they only pass through.
                if (b.part->text.find('*') != std::string_view::npos) continue;
                return detail::fail(errc::collision, error::nowhere, "tensors ",
                                    detail::quoted{source_[first].name()}, " and ",
                                    detail::quoted{source_[i].name()}, " are both ", name(r), " (",
                                    b.part->text, ") of layer ", b.layer)
                    .in(source_[i].file());
            }
        }
        return {};
    }
    std::uint32_t find(role r, std::int64_t layer, std::int64_t index,
                       const part_info& p) const noexcept {
        return by_source_.find(detail::coordinate_map::key(r, layer, index, p));
    }

    // --- what is wanted

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
            if ((have_ & ~can & bit(static_cast<role>(r))) == 0) continue;
            lacking = static_cast<role>(r);
            return id_.convention()->row_of(lacking);
        }
        return nullptr;
    }
    std::size_t lacks(const convention& c) const noexcept {
        std::size_t n = 0;
        for (const name_row* row : c.rows())
            if (row->is_tensor() && !row->also && !row->optional && (row->role_set & ~have_) != 0 &&
                !(row->holds(role::output) && (have_ & bit(role::output)) == 0))
                ++n;
        return n;
    }
    bool says(const convention& c, std::string_view type) const noexcept {
        for (std::string_view t : c.model_types())
            if (t == type) return true;
        return false;
    }
    // Of all conventions whose id begins so: the one that the model's type names, or else the first
    // that holds everything and asks for least.
    const convention* family(std::string_view first,
                             bool (*belongs)(const convention&)) const noexcept {
        const convention* best = nullptr;
        const convention* stored = id_.convention();
        role lacking = role::none;
        if (belongs(*stored) && cannot_hold(*stored, lacking) == nullptr) return stored;
        for (const convention* c : catalog_.conventions())
            if (belongs(*c) && says(*c, id_.hparams().model_type) &&
                cannot_hold(*c, lacking) == nullptr)
                return c;
        best = catalog_.find(first);
        if (best != nullptr && cannot_hold(*best, lacking) == nullptr && lacks(*best) == 0)
            return best;
        best = nullptr;
        for (const convention* c : catalog_.conventions()) {
            if (!belongs(*c) || !c->not_llama().empty() || cannot_hold(*c, lacking) != nullptr)
                continue;
            if (best == nullptr || lacks(*c) < lacks(*best)) best = c;
        }
        return best != nullptr ? best : catalog_.find(first);
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

    status resolve() noexcept {
        if (roles_)
            to_ = catalog_.find("gguf");
        else if (want_.convention == "hf")
            to_ = family("hf_llama", is_hf);
        else if (want_.convention == "gguf")
            to_ = family("gguf:llama", is_gguf);
        else
            to_ = catalog_.find(want_.convention);
        if (to_ == nullptr)
            return detail::fail(errc::not_found, error::nowhere, "there is no convention ",
                                detail::quoted{want_.convention});
        role lacking = role::none;
        if (cannot_hold(*to_, lacking) != nullptr || lacking != role::none)
            return detail::fail(errc::unsupported, error::nowhere, "convention ", to_->id(),
                                " has no name for ", name(lacking), ", which this ",
                                id_.convention()->id(), " checkpoint has");
        from_rope_ = id_.rope();
        if (want_.rope == rope_order::unknown) want_.rope = to_->rope();
        if (from_rope_ == rope_order::none || from_rope_ == rope_order::unknown)
            want_.rope = from_rope_;
        return check_shard();
    }
    status check_shard() noexcept {
        std::uint64_t world = want_.shard.world;
        if (world == 0 || want_.shard.rank >= world)
            return detail::fail(errc::out_of_range, error::nowhere, "rank ", want_.shard.rank,
                                " of ", world);
        if (world == 1) return {};
        axis_sizes z = id_.sizes(0);
        std::uint64_t heads = z.kv * z.g;
        bool kv =
            z.kv != 0 && (z.kv % world == 0 || (world % z.kv == 0 && z.g % (world / z.kv) == 0));
        if (!kv)
            return detail::fail(errc::bad_hparams, error::nowhere, heads, " heads and ", z.kv,
                                " kv heads cannot be cut into ", world, " ranks");
        return {};
    }

    // --- layouts of both sides

    axis_sizes sizes_of(const bound_name& b, std::uint32_t tensor) const noexcept {
        axis_sizes z = id_.sizes(b.layer < 0 ? 0 : static_cast<std::uint64_t>(b.layer));
        aka::tensor t = source_[tensor];
        if (b.expert >= 0) z.e = 1;
        // The vocabulary may be padded, and feed-forward widths differ by layer and kind: a tensor
        // knows its own.
        role r = b.row->roles[0];
        std::uint64_t* own = nullptr;
        if (r == role::token_embd || r == role::output)
            own = &z.v;
        else if (is_expert(r))
            own = &z.f_exps;
        else if (r == role::ffn_gate || r == role::ffn_up || r == role::ffn_down)
            own = &z.f;
        else if (r == role::ffn_gate_shexp || r == role::ffn_up_shexp || r == role::ffn_down_shexp)
            own = &z.f_shexp;
        if (own == nullptr || !t.has_shape() || b.part->kind != part_kind::weight) return z;
        placement p;
        *own = 1;
        if (walk(b.row->layout, r, from_rope_, z, true, p) && p.elements != 0) {
            *own = t.elements() / p.elements;
        }
        return z;
    }
    // The layout of a norm on q or k: one head's, shared by all, or the whole vector's.
    static std::string_view norm_layout(const name_row& row, role r, std::uint64_t elements,
                                        const axis_sizes& z, rope_order rope) noexcept {
        if (!row.layout.empty() || (r != role::attn_q_norm && r != role::attn_k_norm))
            return row.layout;
        if (elements == z.head) return {};
        bool pairs = rope == rope_order::interleaved;
        if (r == role::attn_q_norm && elements == z.kv * z.g * z.head)
            return pairs ? "kv g i s" : "kv g s i";
        if (r == role::attn_k_norm && elements == z.kv * z.head) return pairs ? "kv i s" : "kv s i";
        return "*";
    }
    static bool has_inputs(const part_info& p) noexcept {
        return p.kind != part_kind::bias && p.kind != part_kind::row_scale &&
               p.kind != part_kind::rows;
    }

    // Where the roles of a stored tensor lie. Layers repeat themselves, so each kind of tensor is
    // walked once.
    struct placed {
        placed* next;
        const part_info* part;
        std::int32_t layer;  // where layers differ
        bool of_expert;
        std::uint32_t rank;
        std::uint64_t dims[4];
        axis_sizes sizes;
        placement where;
    };
    status place_source(std::uint32_t tensor, const placed*& out) noexcept {
        const bound_name& b = id_.names()[tensor];
        const detail::tensor_record& r = store_->source->tensors[tensor];
        std::int32_t layer = id_.hparams().layers_differ() ? b.layer : -1;
        placed*& first = placed_[b.row->number];
        if (r.rank <= 4) {
            for (placed* p = first; p != nullptr; p = p->next) {
                if (p->part != b.part || p->layer != layer || p->of_expert != (b.expert >= 0) ||
                    p->rank != r.rank)
                    continue;
                bool same = true;
                for (std::uint32_t i = 0; i < r.rank; ++i) same = same && p->dims[i] == r.dims[i];
                if (same) return out = p, status();
            }
        }
        auto* p = store_->names.make<placed>();
        if (p == nullptr) return detail::no_memory();
        p->part = b.part;
        p->layer = layer;
        p->of_expert = b.expert >= 0;
        p->rank = r.rank;
        if (r.rank <= 4)
            for (std::uint32_t i = 0; i < r.rank; ++i) p->dims[i] = r.dims[i];
        if (status s = walk_source(tensor, p->where, p->sizes); !s) return s;
        p->next = first;
        first = p;
        return out = p, status();
    }
    status walk_source(std::uint32_t tensor, placement& out, axis_sizes& z) noexcept {
        const bound_name& b = id_.names()[tensor];
        aka::tensor t = source_[tensor];
        z = sizes_of(b, tensor);
        role r = b.row->roles[0];
        std::uint64_t n = t.has_shape() ? t.elements() : 0;
        std::string_view layout = norm_layout(*b.row, r, n, z, from_rope_);
        if (status s = walk(layout, r, from_rope_, z, has_inputs(*b.part), out); !s) return s;
        if (out.opaque || !t.has_shape()) return {};
        if (b.part->kind == part_kind::rows) n = t.shape().rank() == 0 ? 0 : n / unit_of(t);
        if (b.part->kind == part_kind::weight || b.part->kind == part_kind::bias ||
            b.part->kind == part_kind::row_scale || b.part->kind == part_kind::rows) {
            if (out.elements != n) return contradiction(t, out, z);
        }
        return {};
    }
    // The same for what is wanted.
    struct wanted {
        wanted* next;
        std::string_view layout;
        bool inputs;
        axis_sizes sizes;
        placement where;
    };
    status place_target(const name_row& row, std::string_view layout, bool inputs,
                        const axis_sizes& sizes, const placement*& out) noexcept {
        wanted*& first = wanted_[row.number];
        for (wanted* p = first; p != nullptr; p = p->next)
            if (p->inputs == inputs && p->layout == layout && p->sizes == sizes)
                return out = &p->where, status();
        auto* p = store_->names.make<wanted>();
        if (p == nullptr) return detail::no_memory();
        if (status s = walk(layout, row.roles[0], want_.rope, sizes, inputs, p->where); !s)
            return s;
        p->layout = layout;
        p->inputs = inputs;
        p->sizes = sizes;
        p->next = first;
        first = p;
        return out = &p->where, status();
    }
    // Elements of one row of a part that has rows of its own make.
    static std::uint64_t unit_of(const tensor& t) noexcept {
        return t.shape().rank() < 2 || t.shape().back() == 0 ? 1 : t.shape().back();
    }
    AKA_COLD status contradiction(const tensor& t, const placement& p,
                                  const axis_sizes& z) const noexcept {
        return detail::fail(errc::size_mismatch, error::nowhere, "tensor ",
                            detail::quoted{t.name()}, ": expected ", shape({p.dims, p.rank}),
                            " from the hyper-parameters (n_embd ", z.x, ", n_head ", z.kv * z.g,
                            ", n_head_kv ", z.kv, ", head_dim ", z.head, "), found ", t.shape())
            .in(t.file());
    }
    // Whether sizes are known well enough to walk anything with heads.
    bool heads_known() const noexcept {
        axis_sizes z = id_.sizes(0);
        return z.kv != 0 && z.g != 0 && z.head != 0;
    }

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
        if (!heads_known()) return {};
        const placed* p = nullptr;
        for (std::uint32_t i = 0; i < id_.names().size(); ++i) {
            const bound_name& b = id_.names()[i];
            if (b.row == nullptr || !b.row->is_tensor() || b.part == nullptr || b.head >= 0)
                continue;
            if (status s = place_source(i, p); !s) return s;
        }
        return {};
    }

    // --- one target tensor from its sources

    bool same_layout(const name_row& from, const name_row& to) const noexcept {
        if (from.role_set != to.role_set || from.layout != to.layout || want_.shard.world != 1)
            return false;
        if (from_rope_ == want_.rope) return true;
        for (role r : to.roles)
            if (turns(r) && to.layout.empty()) return false;
        return true;
    }

    status make(const name_row& row, std::int32_t layer, std::int32_t index, const seen_part& part,
                bool& made) noexcept {
        made = false;
        const role r = row.roles[0];
        std::uint32_t first = find(r, layer, index, *part.info);
        bool one_each = index >= 0;
        if (first != none && same_layout(*id_.names()[first].row, row)) {
            made = true;
            return emit(row, layer, index, part, first);
        }
        // Which tensor has each role: of its own, or a stack of experts.
        std::uint32_t any = first;
        for (role a : row.roles) {
            std::uint32_t t = find(a, layer, index, *part.info);
            if (t == none && one_each) t = find(a, layer, -1, *part.info);
            if (t == none && !one_each && is_expert(a)) t = find(a, layer, 0, *part.info);
            if (t == none && any != none && a != r)
                return detail::fail(errc::missing_tensor, error::nowhere, "'", row.pattern,
                                    "' of layer ", layer, " needs ", name(a), " (", part.text,
                                    "), which the file lacks");
            if (t == none) continue;
            if (any == none && a != r)
                return detail::fail(errc::missing_tensor, error::nowhere, "'", row.pattern,
                                    "' of layer ", layer, " needs ", name(r), " (", part.text,
                                    "), which the file lacks");
            if (any == none) any = t;
        }
        if (any == none) return {};
        made = true;
        return compose(row, layer, index, part, any);
    }

    // The copy plan of a target tensor whose layout is not its source's.
    status compose(const name_row& row, std::int32_t layer, std::int32_t index,
                   const seen_part& part, std::uint32_t any) noexcept {
        tensor like = source_[any];
        if (!like.has_shape())
            return detail::fail(
                errc::no_data, error::nowhere, "tensor ", detail::quoted{like.name()},
                ": its shape is not known, so it cannot be put into another layout");
        part_kind kind = part.info->kind;
        if (kind != part_kind::weight && kind != part_kind::bias && kind != part_kind::row_scale &&
            kind != part_kind::rows)
            return detail::fail(errc::unsupported, error::nowhere, "tensor ",
                                detail::quoted{like.name()}, ": ", part.text, " (",
                                part.info->scheme, ") cannot be moved with its rows");
        if (!heads_known())
            return detail::fail(errc::bad_hparams, error::nowhere,
                                "the number of heads is not known (no config), so ",
                                detail::quoted{like.name()}, " cannot be put into another layout");
        const placed* stored = nullptr;
        if (status s = place_source(any, stored); !s) return s;
        const placement& from = stored->where;
        const axis_sizes& z = stored->sizes;
        axis_sizes cut = z;
        cut.e = id_.sizes(layer < 0 ? 0 : static_cast<std::uint64_t>(layer)).e;
        if (status s = cut_sizes(cut); !s) return s;
        std::string_view layout = row.layout;
        role r = row.roles[0];
        if (r == role::attn_q_norm || r == role::attn_k_norm)
            layout = norm_layout(row, r, from.elements, z, want_.rope);
        // One expert's tensor lacks the axis that a stack has.
        axis_sizes own = cut;
        if (index >= 0 && is_expert(r)) own.e = 1;
        const placement* target_place = nullptr;
        if (status s = place_target(row, layout, has_inputs(*part.info), own, target_place); !s)
            return s;
        const placement& to = *target_place;
        std::uint64_t unit = kind == part_kind::rows ? unit_of(like) : 1;
        if (kind == part_kind::rows)
            if (status s = rows_whole(row, layer, z, own, any); !s) return s;
        pieces_.clear();
        last_ = copied();
        if (to.opaque) {
            if (!from.opaque)
                return detail::fail(errc::bad_layout, error::nowhere, name(r),
                                    " is kept as it is in ", to_->id(), " and not in ",
                                    id_.convention()->id());
            return emit(row, layer, index, part, any);
        }
        for (unsigned a = 0; a < to.atoms; ++a) {
            const atom_place& place = to.atom[a];
            bool many = place.find(axis::e) != nullptr && own.e != 1 && is_expert(place.role);
            if (index >= 0 || !many) {
                if (status s = zip_one(place, layer, index, index, part, like, unit); !s) return s;
                continue;
            }
            std::uint32_t stack = find(place.role, layer, -1, *part.info);
            if (stack != none) {
                if (status s = zip_one(place, layer, -1, -1, part, like, unit); !s) return s;
                continue;
            }
            for (std::uint64_t e = 0; e < own.e; ++e) {
                atom_place one = place;
                one.restrict_to(axis::e, e, 1);
                if (status s = zip_one(one, layer, static_cast<std::int32_t>(e),
                                       static_cast<std::int32_t>(e), part, like, unit, &place);
                    !s)
                    return s;
            }
        }
        return emit_plan(row, layer, index, part, like, to, unit);
    }
    // Rows with payloads can be moved while they are whole on both sides.
    status rows_whole(const name_row& row, std::int32_t, const axis_sizes& z, const axis_sizes& own,
                      std::uint32_t any) noexcept {
        const name_row& src = *id_.names()[any].row;
        placement a, b;
        if (status s = walk(src.layout, src.roles[0], from_rope_, z, true, a); !s) return s;
        if (status s = walk(row.layout, row.roles[0], want_.rope, own, true, b); !s) return s;
        for (const placement* p : {&a, &b})
            for (unsigned i = 0; i < p->atoms; ++i)
                if (!rows_inside(p->atom[i]))
                    return detail::fail(
                        errc::unsupported, error::nowhere, "tensor ",
                        detail::quoted{source_[any].name()},
                        ": its rows would have to be cut, and it is packed along them");
        if (want_.shard.world != 1)
            for (unsigned i = 0; i < b.atoms; ++i)
                if (b.atom[i].role == role::attn_output || b.atom[i].role == role::ffn_down ||
                    b.atom[i].role == role::ffn_down_exps)
                    return detail::fail(errc::unsupported, error::nowhere, "tensor ",
                                        detail::quoted{source_[any].name()},
                                        ": its columns cannot be cut for a rank, they are packed");
        return {};
    }
    static bool rows_inside(const atom_place& p) noexcept {
        std::string_view inputs = info(p.role).inputs;
        std::uint64_t least = ~std::uint64_t{0}, most = 0;
        for (unsigned i = 0; i < p.axes; ++i) {
            std::string_view a = axis_names[static_cast<unsigned>(p.axis[i].axis)];
            bool input = false;
            for (std::size_t at = inputs.find(a); at != std::string_view::npos;
                 at = inputs.find(a, at + 1))
                input = input || ((at == 0 || inputs[at - 1] == ' ') &&
                                  (at + a.size() == inputs.size() || inputs[at + a.size()] == ' '));
            std::uint64_t stride = p.axis[i].n == 1 ? 0 : p.axis[i].stride;
            if (stride == 0) continue;
            if (input && stride > most) most = stride;
            if (!input && stride < least) least = stride;
        }
        return most < least;
    }

    // One role of the target from the tensor that holds it: `index` is asked for first, then the
    // stack, of which expert `expert` is taken.
    status zip_one(const atom_place& to, std::int32_t layer, std::int32_t index,
                   std::int32_t expert, const seen_part& part, const tensor& like,
                   std::uint64_t unit, const atom_place* whole = nullptr) noexcept {
        std::uint32_t t = find(to.role, layer, index, *part.info);
        bool stacked = t == none && index >= 0;
        if (stacked) t = find(to.role, layer, -1, *part.info);
        if (t == none)
            return detail::fail(errc::missing_tensor, error::nowhere, "layer ", layer, " lacks ",
                                name(to.role), expert < 0 ? "" : " of an expert");
        const detail::tensor_record& src = store_->source->tensors[t];
        if (src.dtype() != like.dtype())
            return detail::fail(errc::unsupported, error::nowhere, "tensors ",
                                detail::quoted{like.name()}, " (", like.dtype_name(), ") and ",
                                detail::quoted{src.name_view()}, " (", source_[t].dtype_name(),
                                ") would have to be one tensor");
        const placed* p = nullptr;
        if (status s = place_source(t, p); !s) return s;
        box b;
        // The experts of a stack differ in nothing but where they begin.
        if (whole != nullptr && p == last_.from && whole == last_.to && !stacked) {
            b = last_.b;
            std::uint64_t more = 0;
            if (!detail::bytes_of(src.dtype(), (to.base - last_.base) * unit, more))
                return no_blocks(t);
            b.dst += more;
        } else {
            if (status s = zip_new(*p, to, t, stacked ? expert : -1, unit, b); !s) return s;
            last_.from = p;
            last_.to = stacked ? nullptr : whole;
            last_.base = to.base;
            last_.b = b;
        }
        b.file = src.file;
        b.src += src.offset;
        used_[t] = 1;
        return pieces_.push(b) ? status() : status(detail::no_memory());
    }
    AKA_COLD status no_blocks(std::uint32_t t) const noexcept {
        return detail::fail(errc::bad_block, error::nowhere, "tensor ",
                            detail::quoted{source_[t].name()}, ": not whole blocks")
            .in(source_[t].file());
    }
    status zip_new(const placed& p, const atom_place& to, std::uint32_t t, std::int32_t expert,
                   std::uint64_t unit, box& out) noexcept {
        tensor src = source_[t];
        const atom_place* from = p.where.find(to.role, to.rest);
        if (from == nullptr)
            return detail::fail(errc::bad_layout, error::nowhere, "tensor ",
                                detail::quoted{src.name()}, " does not have ", name(to.role));
        atom_place f = *from;
        if (expert >= 0 && !f.restrict_to(axis::e, static_cast<std::uint64_t>(expert), 1))
            return detail::fail(errc::out_of_range, error::nowhere, "tensor ",
                                detail::quoted{src.name()}, " has no expert ", expert);
        cut_source(f, p.sizes);
        if (unit != 1) return zip_rows(f, to, src, unit, out);
        status s = zip(f, to, src.dtype(), out);
        if (s) return s;
        error e = s.error();
        return e.in(src.file());
    }
    // The same for rows of `unit` elements: the row is the element.
    status zip_rows(const atom_place& f, const atom_place& to, const tensor& src,
                    std::uint64_t unit, box& out) noexcept {
        std::uint64_t bytes = 0;
        if (!detail::bytes_of(src.dtype(), unit, bytes))
            return detail::fail(errc::bad_block, error::nowhere, "tensor ",
                                detail::quoted{src.name()}, ": a row is not whole blocks");
        if (status s = zip(f, to, dtype::u8, out); !s) return s;
        out.src *= bytes;
        out.dst *= bytes;
        out.run *= bytes;
        for (unsigned i = 0; i < out.depth; ++i) {
            out.loops[i].src *= bytes;
            out.loops[i].dst *= bytes;
        }
        return {};
    }

    // --- tensor-parallel ranks: axes are cut first

    status cut_sizes(axis_sizes& z) const noexcept {
        std::uint64_t w = want_.shard.world;
        if (w == 1) return {};
        if (z.kv % w == 0) {
            z.kv /= w;
        } else {
            z.g /= w / z.kv;
            z.kv = 1;
        }
        for (std::uint64_t* f : {&z.f, &z.f_exps, &z.f_shexp}) {
            if (*f % w != 0)
                return detail::fail(errc::bad_hparams, error::nowhere, "a feed-forward width of ",
                                    *f, " cannot be cut into ", w, " ranks");
            *f /= w;
        }
        return {};
    }
    void cut_source(atom_place& p, const axis_sizes& z) const noexcept {
        std::uint64_t w = want_.shard.world, rank = want_.shard.rank;
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

    // --- the result

    coordinate at(std::int32_t layer, std::int32_t index, const name_row& row,
                  const seen_part& part) const noexcept {
        coordinate c;
        c.role = row.roles[0];
        c.layer = layer;
        (has_hole(row, hole_kind::head) ? c.head : c.expert) = index;
        c.part = row.has_part ? part.text : row.part;
        return c;
    }
    status add(const name_row& row, std::int32_t layer, std::int32_t index, const seen_part& part,
               detail::tensor_record& r, const detail::tensor_plan* plan) noexcept {
        auto text = detail::format(row, at(layer, index, row, part), store_->names);
        if (!text) return text.error();
        r.name = text.get_if()->data();
        r.name_size = static_cast<std::uint32_t>(text.get_if()->size());
        r.hash = detail::hash_name(*text.get_if());
        auto position = static_cast<std::uint32_t>(store_->tensors.size());
        if (!store_->tensors.push(r) || !store_->plans.push(plan)) return detail::no_memory();
        if (row.roles.size() == 1)
            entries_.push(
                {detail::coordinate_map::key(row.roles[0], layer, index, *part.info), position});
        return {};
    }
    float pending(const name_row& row, const seen_part& part) const noexcept {
        if (part.info->kind != part_kind::weight) return 0;
        role r = row.roles[0];
        return static_cast<float>(id_.convention()->norm_offset(r) - to_->norm_offset(r));
    }
    // A tensor that lies in the file as the target wants it.
    status emit(const name_row& row, std::int32_t layer, std::int32_t index, const seen_part& part,
                std::uint32_t from) noexcept {
        used_[from] = 1;
        detail::tensor_record r = store_->source->tensors[from];
        const detail::tensor_plan* plan = nullptr;
        if (float add_to = pending(row, part); add_to != 0) {
            box b;
            b.file = r.file;
            b.src = r.offset;
            b.run = r.bytes;
            if (status s = keep_plan(&b, 1, add_to, plan); !s) return s;
        }
        return add(row, layer, index, part, r, plan);
    }
    status keep_plan(const box* boxes, std::uint32_t n, float offset,
                     const detail::tensor_plan*& out) noexcept {
        auto* kept = store_->names.make<box>(n);
        auto* plan = store_->names.make<detail::tensor_plan>();
        if (kept == nullptr || plan == nullptr) return detail::no_memory();
        for (std::uint32_t i = 0; i < n; ++i) kept[i] = boxes[i];
        *plan = {kept, n, offset};
        return out = plan, status();
    }
    status emit_plan(const name_row& row, std::int32_t layer, std::int32_t index,
                     const seen_part& part, const tensor& like, const placement& to,
                     std::uint64_t unit) noexcept {
        detail::tensor_record r{};
        r.type = static_cast<std::uint32_t>(like.dtype());
        r.rank = to.rank;
        std::uint64_t n = unit;
        for (unsigned i = 0; i < to.rank; ++i) {
            r.dims[i] = to.dims[i];
            n *= to.dims[i];
        }
        // One expert's own tensor has no dimension for experts.
        if (index >= 0 && is_expert(row.roles[0]) && r.rank > 1 && r.dims[0] == 1) {
            for (unsigned i = 1; i < r.rank; ++i) r.dims[i - 1] = r.dims[i];
            --r.rank;
        }
        if (unit != 1 && r.rank < placement::most_dims) r.dims[r.rank++] = unit;
        if (!detail::bytes_of(like.dtype(), n, r.bytes))
            return detail::fail(errc::size_overflow, error::nowhere, "'", row.pattern,
                                "': too large");
        const detail::tensor_plan* plan = nullptr;
        float offset = pending(row, part);
        std::uint64_t covered = 0;
        for (const box& b : pieces_) {
            box_extent e;
            if (!measure(b, e) || e.dst_end > r.bytes)
                return detail::fail(errc::bad_layout, error::nowhere, "'", row.pattern,
                                    "': a box leaves the tensor");
            covered += e.bytes;
        }
        if (covered != r.bytes)
            return detail::fail(errc::bad_layout, error::nowhere, "'", row.pattern, "' of layer ",
                                layer, ": ", covered, " of its ", r.bytes, " bytes are known");
        r.file = pieces_[0].file;
        if (pieces_.size() == 1 && pieces_[0].depth == 0 && offset == 0) {
            r.offset = pieces_[0].src;
        } else if (status s = keep_plan(pieces_.data(), static_cast<std::uint32_t>(pieces_.size()),
                                        offset, plan);
                   !s) {
            return s;
        }
        return add(row, layer, index, part, r, plan);
    }

    // --- all of the target's rows

    status every_row() noexcept {
        std::size_t guess = source_.size() + 16;
        if (!store_->tensors.reserve(guess) || !store_->plans.reserve(guess))
            return detail::no_memory();
        for (const name_row* row : to_->rows())
            if (row->is_tensor() && !has_hole(*row, hole_kind::layer))
                if (status s = one_row(*row, -1); !s) return s;
        for (std::uint64_t l = 0; l < id_.n_layer(); ++l)
            for (const name_row* row : to_->rows())
                if (row->is_tensor() && has_hole(*row, hole_kind::layer))
                    if (status s = one_row(*row, static_cast<std::int32_t>(l)); !s) return s;
        if (!by_role_.reserve(entries_.size())) return detail::no_memory();
        for (const entry& e : entries_) by_role_.insert(e.key, e.position);
        return {};
    }
    // Whether a row has a name for this part: `gate_up_proj_{part}` has none for the weight itself.
    static bool spells(const name_row& row, const seen_part& p) noexcept {
        if (!row.has_part) return p.info == &part_of(row);
        return p.text != "weight" || row.pattern.find("_{part}") == std::string_view::npos;
    }
    // What is only read is written after all where the convention has no other name for the part.
    bool writes(const name_row& row, const seen_part& p) const noexcept {
        if (!spells(row, p)) return false;
        if (!row.also) return true;
        for (const name_row* other : to_->rows())
            if (other->is_tensor() && !other->also && (other->role_set & row.role_set) != 0 &&
                spells(*other, p))
                return false;
        return true;
    }
    // A convention may hold a role in two ways (a stack, an expert each): the first row counts.
    bool superseded(const name_row& row, const seen_part& p) const noexcept {
        std::uint64_t left = row.role_set;
        for (const name_row* other : to_->rows()) {
            if (other == &row) break;
            if (other->is_tensor() && !other->also && spells(*other, p)) left &= ~other->role_set;
        }
        return left == 0;
    }
    status one_row(const name_row& row, std::int32_t layer) noexcept {
        if ((row.role_set & have_) == 0 && !row.roles.empty()) return lacks_row(row, layer);
        bool each = has_hole(row, hole_kind::expert), heads = has_hole(row, hole_kind::head);
        std::uint64_t n = 1;
        if (each) n = id_.sizes(0).e;
        if (heads)
            n = id_.sizes(layer < 0 ? 0 : static_cast<std::uint64_t>(layer)).kv * id_.sizes(0).g;
        bool any = false;
        for (const seen_part& p : parts_) {
            if (!writes(row, p)) continue;
            if (superseded(row, p)) {
                any = true;
                continue;
            }
            for (std::uint64_t i = 0; i < n; ++i) {
                bool made = false;
                auto index = each || heads ? static_cast<std::int32_t>(i) : -1;
                if (status s = make(row, layer, index, p, made); !s) return s;
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
        bool tied = output && id_.hparams().tied != aka::hparams::answer::no &&
                    find(role::token_embd, -1, -1, *find_part("weight")) != none;
        // Layers of hybrid models have one kind of attention or feed-forward, not all.
        if (!tied && layer >= 0 && ((row.role_set & have_) != 0 || has_other_kind(row))) return {};
        seen_part weight{find_part("weight"), "weight"};
        std::int32_t index =
            has_hole(row, hole_kind::expert) || has_hole(row, hole_kind::head) ? 0 : -1;
        auto text = detail::format(row, at(layer, index, row, weight), store_->names);
        ledger_entry e{text ? *text.get_if() : row.pattern,
                       tied ? "the embedding, which is tied to it" : "not in the file"};
        return (tied ? made_ : missing_).push(e) ? status() : status(detail::no_memory());
    }
    // Dense rows of a mixture of experts, and the other way round.
    bool has_other_kind(const name_row& row) const noexcept {
        auto has = [&](role r) { return (have_ & bit(r)) != 0; };
        if (row.holds(role::ffn_gate) || row.holds(role::ffn_up) || row.holds(role::ffn_down))
            return has(role::ffn_down_exps);
        return false;
    }

    // What of the file the target has no name for.
    status rest() noexcept {
        for (std::uint32_t i = 0; i < source_.size(); ++i) {
            if (used_[i] != 0) continue;
            const bound_name& b = id_.names()[i];
            const char* why = "no rule of the convention knows this name";
            if (b.row != nullptr)
                why = b.row->drop    ? "holds no weights"
                      : b.row->other ? "belongs to something else than the language model"
                                     : "the target has no name for it";
            if (!unbound_.push({source_[i].name(), why})) return detail::no_memory();
        }
        return {};
    }

    struct entry {
        std::uint64_t key;
        std::uint32_t position;
    };

    const checkpoint& source_;
    const catalog& catalog_;
    target want_;
    identification id_;
    const convention* to_ = nullptr;
    rope_order from_rope_ = rope_order::unknown;
    detail::store_ref store_;
    detail::coordinate_map by_source_, by_role_;
    detail::growing<placed*> placed_;  // by row
    detail::growing<wanted*> wanted_;
    detail::growing<seen_part> parts_;
    detail::growing<std::uint8_t> used_;
    detail::growing<box> pieces_;
    struct copied {
        const placed* from = nullptr;
        const atom_place* to = nullptr;
        std::uint64_t base = 0;
        box b;
    };
    copied last_;
    detail::growing<entry> entries_;
    detail::growing<ledger_entry> missing_, unbound_, made_;
    std::uint64_t have_ = 0;
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

AKA_END

#endif  // AKA_ADAPT_HPP
