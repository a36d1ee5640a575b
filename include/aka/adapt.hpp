// aka: builds adapters.
#ifndef AKA_ADAPT_HPP
#define AKA_ADAPT_HPP

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "adapter.hpp"
#include "places.hpp"

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
    static bool has_heads(const name_row& row) noexcept {
        for (role r : row.roles)
            if (turns(r) || r == role::attn_v || r == role::attn_output || r == role::attn_sinks)
                return true;
        return false;
    }
    static const part_info& part_of(const name_row& row) noexcept {
        return *find_part(row.part.empty() ? std::string_view("weight") : row.part);
    }

    // --- what the file has

    status index_source() noexcept {
        std::size_t roles = 0;
        for (const bound_name& b : id_.names())
            if (b.row != nullptr && b.row->is_tensor()) roles += b.row->roles.size();
        if (!by_source_.reserve(roles) || !used_.resize(source_.size())) return detail::no_memory();
        if (status s = places_.start(id_, source_, *store_->source, catalog_.row_count()); !s)
            return s;
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

    status resolve() noexcept {
        detail::target_choice choice{id_, catalog_, have_};
        if (status s = choice.choose(roles_ ? std::string_view("roles") : want_.convention, to_);
            !s)
            return s;
        if (want_.rope == rope_order::unknown) want_.rope = to_->rope();
        if (id_.rope() == rope_order::none || id_.rope() == rope_order::unknown)
            want_.rope = id_.rope();
        places_.from_rope = id_.rope();
        places_.to_rope = want_.rope;
        cut_.part = want_.shard;
        return cut_.check(id_.sizes(0));
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

    // --- one target tensor from its sources

    bool same_layout(const name_row& from, const name_row& to) const noexcept {
        if (from.role_set != to.role_set || from.layout != to.layout || want_.shard.world != 1)
            return false;
        if (id_.rope() == want_.rope) return true;
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
        if (!places_.heads_known() && has_heads(row))
            return detail::fail(errc::bad_hparams, error::nowhere,
                                "the number of heads is not known (no config), so ",
                                detail::quoted{like.name()}, " cannot be put into another layout");
        const detail::places::placed* stored = nullptr;
        if (status s = places_.place_source(any, stored); !s) return s;
        const placement& from = stored->where;
        const axis_sizes& z = stored->sizes;
        axis_sizes cut = z;
        cut.e = id_.sizes(layer < 0 ? 0 : static_cast<std::uint64_t>(layer)).e;
        if (status s = cut_.sizes(cut); !s) return s;
        std::string_view layout = row.layout;
        role r = row.roles[0];
        if (r == role::attn_q_norm || r == role::attn_k_norm)
            layout = detail::places::norm_layout(row, r, from.elements, z, want_.rope);
        // One expert's tensor lacks the axis that a stack has.
        axis_sizes own = cut;
        if (index >= 0 && is_expert(r)) own.e = 1;
        const placement* target_place = nullptr;
        if (status s = places_.place_target(row, layout, detail::places::has_inputs(*part.info),
                                            own, target_place);
            !s)
            return s;
        const placement& to = *target_place;
        std::uint64_t unit = kind == part_kind::rows ? detail::places::unit_of(like) : 1;
        if (kind == part_kind::rows)
            if (status s = rows_whole(row, z, own, any); !s) return s;
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
    status rows_whole(const name_row& row, const axis_sizes& z, const axis_sizes& own,
                      std::uint32_t any) noexcept {
        const name_row& src = *id_.names()[any].row;
        placement a, b;
        if (status s = walk(src.layout, src.roles[0], id_.rope(), z, true, a); !s) return s;
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
        const detail::places::placed* p = nullptr;
        if (status s = places_.place_source(t, p); !s) return s;
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
        // Parts that already lie side by side are one: fused again they may be a view.
        if (!pieces_.empty() && b.depth == 0) {
            box& before = pieces_.back();
            if (before.depth == 0 && before.file == b.file && before.src + before.run == b.src &&
                before.dst + before.run == b.dst)
                return before.run += b.run, status();
        }
        return pieces_.push(b) ? status() : status(detail::no_memory());
    }
    AKA_COLD status no_blocks(std::uint32_t t) const noexcept {
        return detail::fail(errc::bad_block, error::nowhere, "tensor ",
                            detail::quoted{source_[t].name()}, ": not whole blocks")
            .in(source_[t].file());
    }
    status zip_new(const detail::places::placed& p, const atom_place& to, std::uint32_t t,
                   std::int32_t expert, std::uint64_t unit, box& out) noexcept {
        tensor src = source_[t];
        const atom_place* from = p.where.find(to.role, to.rest);
        if (from == nullptr)
            return detail::fail(errc::bad_layout, error::nowhere, "tensor ",
                                detail::quoted{src.name()}, " does not have ", name(to.role));
        atom_place f = *from;
        if (expert >= 0 && !f.restrict_to(axis::e, static_cast<std::uint64_t>(expert), 1))
            return detail::fail(errc::out_of_range, error::nowhere, "tensor ",
                                detail::quoted{src.name()}, " has no expert ", expert);
        cut_.source(f, p.sizes);
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
        auto* kept = static_cast<box*>(store_->names.allocate(n * sizeof(box), alignof(box)));
        auto* plan = store_->names.make<detail::tensor_plan>();
        if (kept == nullptr || plan == nullptr) return detail::no_memory();
        std::memcpy(static_cast<void*>(kept), boxes, n * sizeof(box));
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
        auto has = [&](role r) { return (have_ & detail::bit(r)) != 0; };
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
    detail::store_ref store_;
    detail::coordinate_map by_source_, by_role_;
    detail::places places_;
    detail::shard_cut cut_;
    detail::growing<seen_part> parts_;
    detail::growing<std::uint8_t> used_;
    detail::growing<box> pieces_;
    struct copied {
        const detail::places::placed* from = nullptr;
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
