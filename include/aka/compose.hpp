// aka: how one tensor of a target is put together from the tensors that the file has.
#ifndef AKA_COMPOSE_HPP
#define AKA_COMPOSE_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "block_scales.hpp"
#include "places.hpp"
#include "source_tensors.hpp"

AKA_BEGIN
namespace detail {

inline bool has_hole(const name_row& row, hole_kind k) noexcept {
    for (unsigned i = 0; i < row.holes; ++i)
        if (row.hole[i] == k) return true;
    return false;
}

/// Makes the tensors of a target, one by one, in the adapter's store.
class composer {
  public:
    composer(const checkpoint& source, const identification& id, source_tensors& have,
             places& where, const shard_cut& cut, const target& want) noexcept
        : source_(source), id_(id), have_(have), places_(where), cut_(cut), want_(want) {}

    /// `to` is what the target's convention came down to, `into` the adapter's store, which has its
    /// source already.
    status start(const convention& to, type_rules types, store& into) noexcept {
        to_ = &to;
        types_ = types;
        store_ = &into;
        std::size_t guess = source_.size() + 16;
        bool room = store_->tensors.reserve(guess) && store_->plans.reserve(guess);
        return room ? status() : status(no_memory());
    }

    /// The tensor that `row` names for this layer, this expert or head (-1: there is one) and this
    /// part. `made` is false where the file has nothing for it. Errors: as `adapt`.
    status make(const name_row& row, std::int32_t layer, std::int32_t index, const seen_part& part,
                bool& made) noexcept {
        made = false;
        const role r = row.roles[0];
        std::uint32_t first = have_.find(r, layer, index, *part.info);
        bool one_each = index >= 0;
        if (first != none && same_layout(*id_.names()[first].row, row)) {
            made = true;
            return emit(row, layer, index, part, first);
        }
        // Which tensor has each role: of its own, or a stack of experts.
        std::uint32_t any = first;
        for (role a : row.roles) {
            std::uint32_t t = have_.find(a, layer, index, *part.info);
            if (t == none && one_each) t = have_.find(a, layer, -1, *part.info);
            if (t == none && !one_each && is_expert(a)) t = have_.find(a, layer, 0, *part.info);
            if (t == none && any != none && a != r)
                return fail(errc::missing_tensor, error::nowhere, "'", row.pattern, "' of layer ",
                            layer, " needs ", name(a), " (", part.text, "), which the file lacks");
            if (t == none) continue;
            if (any == none && a != r)
                return fail(errc::missing_tensor, error::nowhere, "'", row.pattern, "' of layer ",
                            layer, " needs ", name(r), " (", part.text, "), which the file lacks");
            if (any == none) any = t;
        }
        if (any == none) return {};
        made = true;
        return compose(row, layer, index, part, any);
    }
    /// A tensor of numbers that no file has. They stay in the adapter's store, as one more file
    /// behind the source's.
    status make(const name_row& row, const float* values, std::size_t n) noexcept {
        tensor_record r{};
        r.type = static_cast<std::uint32_t>(dtype::f32);
        r.rank = 1;
        r.dims[0] = n;
        r.bytes = n * sizeof(float);
        void* kept = store_->names.allocate(n * sizeof(float), 32);
        if (kept == nullptr) return no_memory();
        std::memcpy(kept, values, n * sizeof(float));
        file_list& files = store_->files;
        if (files.size() == 0 && !files.extend(store_->source->data(), most_made))
            return no_memory();
        r.file = files.size();
        file_entry& f = files.add();
        f.file = mapped_file::memory({static_cast<const std::byte*>(kept), n * sizeof(float)});
        f.data_end = r.bytes;
        return add(row, -1, -1, {find_part("weight"), "weight"}, r, nullptr, 0);
    }
    static constexpr std::size_t most_made = 4;

    coordinate at(std::int32_t layer, std::int32_t index, const name_row& row,
                  const seen_part& part) const noexcept {
        coordinate c;
        c.role = row.roles[0];
        c.layer = layer;
        (has_hole(row, hole_kind::head) ? c.head : c.expert) = index;
        c.part = row.has_part ? part.text : row.part;
        return c;
    }
    /// Where each role of the target is, once all are made.
    status index_roles(coordinate_map& by_role) const noexcept {
        if (!by_role.reserve(entries_.size())) return no_memory();
        for (const entry& e : entries_) by_role.insert(e.key, e.position);
        return {};
    }

  private:
    static constexpr std::uint32_t none = source_tensors::none;

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

    bool same_layout(const name_row& from, const name_row& to) const noexcept {
        if (from.role_set != to.role_set || from.layout != to.layout || want_.shard.world != 1)
            return false;
        if (id_.rope() == want_.rope) return true;
        for (role r : to.roles)
            if (turns(r) && to.layout.empty()) return false;
        return true;
    }

    // The copy plan of a target tensor whose layout is not its source's.
    status compose(const name_row& row, std::int32_t layer, std::int32_t index,
                   const seen_part& part, std::uint32_t any) noexcept {
        tensor like = source_[any];
        if (!like.has_shape())
            return fail(errc::no_data, error::nowhere, "tensor ", quoted{like.name()},
                        ": its shape is not known, so it cannot be put into another layout");
        const part_kind kind = part.info->kind;
        if (!moves(kind) && kind != part_kind::block_scale) return immovable(like, part);
        if (!places_.heads_known() && has_heads(row))
            return fail(errc::bad_hparams, error::nowhere,
                        "the number of heads is not known (no config), so ", quoted{like.name()},
                        " cannot be put into another layout");
        std::uint32_t placed_as = any;
        blocks_ = nullptr;
        if (kind == part_kind::block_scale)
            if (status s = weight_of(any, placed_as); !s) return s;
        const places::placed* stored = nullptr;
        if (status s = places_.place_source(placed_as, stored); !s) return s;
        if (!moves(stored->kind) ||
            (kind == part_kind::block_scale && stored->kind != part_kind::weight))
            return immovable(like, part);
        const bool rows = stored->kind == part_kind::rows;
        const placement& from = stored->where;
        const axis_sizes& z = stored->sizes;
        axis_sizes cut = z;
        cut.e = id_.sizes(layer < 0 ? 0 : static_cast<std::uint64_t>(layer)).e;
        if (status s = cut_.sizes(cut); !s) return s;
        std::string_view layout = row.layout;
        role r = row.roles[0];
        if (r == role::attn_q_norm || r == role::attn_k_norm)
            layout = places::norm_layout(row, r, from.elements, z, want_.rope);
        // One expert's tensor lacks the axis that a stack has.
        axis_sizes own = cut;
        if (index >= 0 && is_expert(r)) own.e = 1;
        const placement* target_place = nullptr;
        if (status s = places_.place_target(row, layout, places::has_inputs(stored->kind), own,
                                            target_place);
            !s)
            return s;
        const placement& to = *target_place;
        const std::uint64_t unit = stored->unit;
        if (rows)
            if (status s = rows_whole(row, z, own, any); !s) return s;
        pieces_.clear();
        last_ = copied();
        if (to.opaque) {
            if (!from.opaque)
                return fail(errc::bad_layout, error::nowhere, name(r), " is kept as it is in ",
                            to_->id(), " and not in ", id_.convention()->id());
            return emit(row, layer, index, part, any);
        }
        if (kind == part_kind::block_scale) blocks_ = &to;
        for (unsigned a = 0; a < to.atoms; ++a) {
            const atom_place& place = to.atom[a];
            bool many = place.find(axis::e) != nullptr && own.e != 1 && is_expert(place.role);
            if (index >= 0 || !many) {
                if (status s = zip_one(place, layer, index, index, part, like, unit); !s) return s;
                continue;
            }
            std::uint32_t stack = have_.find(place.role, layer, -1, *part.info);
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
        return emit_plan(row, layer, index, part, like, to, *stored);
    }
    static bool moves(part_kind k) noexcept {
        return k == part_kind::weight || k == part_kind::bias || k == part_kind::row_scale ||
               k == part_kind::rows;
    }
    AKA_COLD static error immovable(const tensor& t, const seen_part& part) noexcept {
        return fail(errc::unsupported, error::nowhere, "tensor ", quoted{t.name()}, ": ", part.text,
                    " (", part.info->scheme, ") cannot be moved with its rows");
    }
    // Scales of blocks lie where their weights do, only coarser.
    status weight_of(std::uint32_t scale, std::uint32_t& weight) const noexcept {
        const bound_name& b = id_.names()[scale];
        weight =
            have_.find(b.row->roles[0], b.layer, source_tensors::index_of(b), *find_part("weight"));
        if (weight != none) return {};
        return fail(errc::missing_tensor, error::nowhere, "tensor ", quoted{source_[scale].name()},
                    " has scales of a weight that the file lacks");
    }
    status zip_scales(const atom_place& f, const atom_place& to, const placement& source,
                      const tensor& src, box& out) noexcept {
        const weight_grid from = weight_grid::of(source), into = weight_grid::of(*blocks_);
        if (!from.has_scales(src.shape()))
            return fail(errc::unsupported, error::nowhere, "tensor ", quoted{src.name()},
                        ": its shape ", src.shape(), " is not one scale for ", scale_side, " by ",
                        scale_side, " of ", from.rows, " by ", from.columns, " weights");
        if (status s = zip(f, to, dtype::u8, out); !s) return s;
        std::uint64_t cut = 0;
        if (copy_of_scales(from, into, info(src.dtype()).block_bytes, out, cut)) return {};
        return fail(errc::unsupported, error::nowhere, "tensor ", quoted{src.name()},
                    ": its scales belong to blocks of ", scale_side, " by ", scale_side,
                    " weights, and ", cut, " rows or columns of ", from.rows, " by ", from.columns,
                    " would be moved, which cuts them")
            .in(src.file());
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
                    return fail(errc::unsupported, error::nowhere, "tensor ",
                                quoted{source_[any].name()},
                                ": its rows would have to be cut, and it is packed along them");
        if (want_.shard.world != 1)
            for (unsigned i = 0; i < b.atoms; ++i)
                if (b.atom[i].role == role::attn_output || b.atom[i].role == role::ffn_down ||
                    b.atom[i].role == role::ffn_down_exps)
                    return fail(errc::unsupported, error::nowhere, "tensor ",
                                quoted{source_[any].name()},
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
        std::uint32_t t = have_.find(to.role, layer, index, *part.info);
        bool stacked = t == none && index >= 0;
        if (stacked) t = have_.find(to.role, layer, -1, *part.info);
        if (t == none)
            return fail(errc::missing_tensor, error::nowhere, "layer ", layer, " lacks ",
                        name(to.role), expert < 0 ? "" : " of an expert");
        const tensor_record& src = store_->source->tensors[t];
        if (src.dtype() != like.dtype())
            return fail(errc::unsupported, error::nowhere, "tensors ", quoted{like.name()}, " (",
                        like.dtype_name(), ") and ", quoted{src.name_view()}, " (",
                        source_[t].dtype_name(), ") would have to be one tensor");
        const places::placed* p = nullptr;
        std::uint32_t placed_as = t;
        if (blocks_ != nullptr) {
            if (status s = weight_of(t, placed_as); !s) return s;
            whole = nullptr;
        }
        if (status s = places_.place_source(placed_as, p); !s) return s;
        if (p->unit != unit || !moves(p->kind))
            return fail(errc::unsupported, error::nowhere, "tensors ", quoted{like.name()}, " ",
                        like.shape(), " and ", quoted{src.name_view()}, " ", source_[t].shape(),
                        " have rows of different lengths");
        box b;
        // The experts of a stack differ in nothing but where they begin.
        if (whole != nullptr && p == last_.from && whole == last_.to && !stacked) {
            b = last_.b;
            std::uint64_t more = 0;
            if (!bytes_of(src.dtype(), (to.base - last_.base) * unit, more)) return no_blocks(t);
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
        have_.use(t);
        // Parts that already lie side by side are one: fused again they may be a view.
        if (!pieces_.empty() && b.depth == 0) {
            box& before = pieces_.back();
            if (before.depth == 0 && before.file == b.file && before.src + before.run == b.src &&
                before.dst + before.run == b.dst)
                return before.run += b.run, status();
        }
        return pieces_.push(b) ? status() : status(no_memory());
    }
    AKA_COLD status no_blocks(std::uint32_t t) const noexcept {
        return fail(errc::bad_block, error::nowhere, "tensor ", quoted{source_[t].name()},
                    ": not whole blocks")
            .in(source_[t].file());
    }
    status zip_new(const places::placed& p, const atom_place& to, std::uint32_t t,
                   std::int32_t expert, std::uint64_t unit, box& out) noexcept {
        tensor src = source_[t];
        const atom_place* from = p.where.find(to.role, to.rest);
        if (from == nullptr)
            return fail(errc::bad_layout, error::nowhere, "tensor ", quoted{src.name()},
                        " does not have ", name(to.role));
        atom_place f = *from;
        if (expert >= 0 && !f.restrict_to(axis::e, static_cast<std::uint64_t>(expert), 1))
            return fail(errc::out_of_range, error::nowhere, "tensor ", quoted{src.name()},
                        " has no expert ", expert);
        cut_.source(f, p.sizes);
        if (blocks_ != nullptr) return zip_scales(f, to, p.where, src, out);
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
        if (!bytes_of(src.dtype(), unit, bytes))
            return fail(errc::bad_block, error::nowhere, "tensor ", quoted{src.name()},
                        ": a row is not whole blocks");
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

    float pending(const name_row& row, const seen_part& part) const noexcept {
        if (part.info->kind != part_kind::weight) return 0;
        role r = row.roles[0];
        return static_cast<float>(id_.convention()->norm_offset(r) - to_->norm_offset(r));
    }
    // A tensor that lies in the file as the target wants it.
    status emit(const name_row& row, std::int32_t layer, std::int32_t index, const seen_part& part,
                std::uint32_t from) noexcept {
        have_.use(from);
        tensor_record r = store_->source->tensors[from];
        r.at = from;
        return add(row, layer, index, part, r, nullptr, 0);
    }
    // The tensor is made: what is pending is the convention's to say. Without boxes it is the range
    // that the record names.
    status add(const name_row& row, std::int32_t layer, std::int32_t index, const seen_part& part,
               tensor_record r, const box* boxes, std::uint32_t n) noexcept {
        auto text = format(row, at(layer, index, row, part), store_->names);
        if (!text) return text.error();
        const float offset = pending(row, part);
        const aka::dtype stored = r.dtype();
        const std::uint64_t stored_bytes = r.bytes;
        if (types_ == type_rules::convention && wants_f32(*text.get_if(), row, part, r)) {
            if (!bytes_of(dtype::f32, r.shape().elements(), r.bytes)) return too_large(row);
            r.type = static_cast<std::uint32_t>(dtype::f32);
        }
        const tensor_plan* plan = nullptr;
        if (offset != 0 || stored != r.dtype() || n > 1 || (n == 1 && boxes[0].depth != 0)) {
            box whole;
            if (n == 0) {
                whole.file = r.file;
                whole.src = r.offset;
                whole.run = stored_bytes;
                boxes = &whole, n = 1;
            }
            if (status s = keep_plan(boxes, n, offset, stored, plan); !s) return s;
        } else if (n == 1) {
            r.offset = boxes[0].src;
        }
        r.name = text.get_if()->data();
        r.name_size = static_cast<std::uint32_t>(text.get_if()->size());
        r.hash = hash_name(*text.get_if());
        auto position = static_cast<std::uint32_t>(store_->tensors.size());
        if (!store_->tensors.push(r) || !store_->plans.push(plan)) return no_memory();
        if (row.roles.size() != 1) return {};
        const entry e{coordinate_map::key(row.roles[0], layer, index, *part.info), position};
        return entries_.push(e) ? status() : status(no_memory());
    }
    static bool wants_f32(std::string_view name, const name_row& row, const seen_part& part,
                          const tensor_record& r) noexcept {
        return (part.info->kind == part_kind::weight || part.info->kind == part_kind::bias) &&
               is_plain_float(r.dtype()) && gguf_wants_f32(name, row.roles[0], r);
    }
    AKA_COLD status too_large(const name_row& row) const noexcept {
        return fail(errc::size_overflow, error::nowhere, "'", row.pattern, "': too large");
    }
    status keep_plan(const box* boxes, std::uint32_t n, float offset, aka::dtype stored,
                     const tensor_plan*& out) noexcept {
        void* kept =
            store_->names.allocate(box_list::packed_size(boxes, n), alignof(std::uint64_t));
        auto* plan = store_->names.make<tensor_plan>();
        if (kept == nullptr || plan == nullptr) return no_memory();
        *plan = {box_list::pack(boxes, n, kept), offset, stored};
        return out = plan, status();
    }
    status emit_plan(const name_row& row, std::int32_t layer, std::int32_t index,
                     const seen_part& part, const tensor& like, const placement& to,
                     const places::placed& stored) noexcept {
        tensor_record r{};
        r.type = static_cast<std::uint32_t>(like.dtype());
        r.rank = to.rank;
        std::uint64_t n = stored.unit;
        for (unsigned i = 0; i < to.rank; ++i) {
            r.dims[i] = to.dims[i];
            if (blocks_ != nullptr && i + 2 >= to.rank) r.dims[i] = weight_grid::blocks(to.dims[i]);
            n *= r.dims[i];
        }
        // One expert's own tensor has no dimension for experts.
        if (index >= 0 && is_expert(row.roles[0]) && r.rank > 1 && r.dims[0] == 1) {
            for (unsigned i = 1; i < r.rank; ++i) r.dims[i - 1] = r.dims[i];
            --r.rank;
        }
        // What a row has keeps its own dimensions.
        const std::uint32_t rank = like.shape().rank(),
                            inner = rank > stored.lead ? rank - stored.lead : 0;
        if (r.rank + inner <= placement::most_dims)
            for (std::uint32_t i = 0; i < inner; ++i)
                r.dims[r.rank++] = like.shape()[stored.lead + i];
        else if (stored.unit != 1 && r.rank < placement::most_dims)
            r.dims[r.rank++] = stored.unit;
        if (!bytes_of(like.dtype(), n, r.bytes)) return too_large(row);
        std::uint64_t covered = 0;
        for (const box& b : pieces_) {
            box_extent e;
            if (!measure(b, e) || e.dst_end > r.bytes)
                return fail(errc::bad_layout, error::nowhere, "'", row.pattern,
                            "': a box leaves the tensor");
            covered += e.bytes;
        }
        if (covered != r.bytes)
            return fail(errc::bad_layout, error::nowhere, "'", row.pattern, "' of layer ", layer,
                        ": ", covered, " of its ", r.bytes, " bytes are known");
        r.file = pieces_[0].file;
        return add(row, layer, index, part, r, pieces_.data(),
                   static_cast<std::uint32_t>(pieces_.size()));
    }

    struct entry {
        std::uint64_t key;
        std::uint32_t position;
    };
    struct copied {
        const places::placed* from = nullptr;
        const atom_place* to = nullptr;
        std::uint64_t base = 0;
        box b;
    };

    const checkpoint& source_;
    const identification& id_;
    source_tensors& have_;
    places& places_;
    const shard_cut& cut_;
    const target& want_;
    const convention* to_ = nullptr;
    type_rules types_ = type_rules::as_stored;
    store* store_ = nullptr;
    const placement* blocks_ = nullptr;  // of the target's weight, while its scales are composed
    growing<box> pieces_;
    copied last_;
    growing<entry> entries_;
};

}  // namespace detail
AKA_END

#endif  // AKA_COMPOSE_HPP
