// aka: where the roles of stored and of wanted tensors lie. Layers repeat themselves, so each kind
// of tensor is walked once.
#ifndef AKA_PLACES_HPP
#define AKA_PLACES_HPP

#include <cstdint>
#include <string_view>

#include "target.hpp"

AKA_BEGIN
namespace detail {

class places {
  public:
    rope_order from_rope = rope_order::unknown, to_rope = rope_order::unknown;

    status start(const identification& id, const checkpoint& source, const store& records,
                 std::size_t rows) noexcept {
        id_ = &id;
        source_ = &source;
        records_ = &records;
        bool room = placed_.resize(rows) && wanted_.resize(rows);
        return room ? status() : status(no_memory());
    }

    // Whether sizes are known well enough to walk anything with heads.
    bool heads_known() const noexcept {
        axis_sizes z = id_->sizes(0);
        return z.kv != 0 && z.g != 0 && z.head != 0;
    }

    axis_sizes sizes_of(const bound_name& b, std::uint32_t tensor) const noexcept {
        axis_sizes z = id_->sizes(b.layer < 0 ? 0 : static_cast<std::uint64_t>(b.layer));
        aka::tensor t = (*source_)[tensor];
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
        part_kind k = b.part->kind;
        bool whole = (k == part_kind::weight && !packs(*b.part, t.dtype())) ||
                     k == part_kind::bias || k == part_kind::row_scale;
        if (own == nullptr || !t.has_shape() || !whole) return z;
        placement p;
        *own = 1;
        if (walk(b.row->layout, r, from_rope, z, has_inputs(b.part->kind), p) && p.elements != 0) {
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
    static bool has_inputs(part_kind k) noexcept {
        return k != part_kind::bias && k != part_kind::row_scale && k != part_kind::rows;
    }
    /// Weights as codes, several in one number: rows are rows, but of another length.
    static bool packs(const part_info& p, dtype t) noexcept {
        return p.kind == part_kind::weight &&
               (t == dtype::u8 || t == dtype::u32 || t == dtype::i32);
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
        part_kind kind;      // the part's, as far as the shape does not say otherwise
        std::uint32_t lead;  // of `rows`: dimensions that count them,
        std::uint64_t unit;  // and elements of the others
    };
    status place_source(std::uint32_t tensor, const placed*& out) noexcept {
        const bound_name& b = id_->names()[tensor];
        const tensor_record& r = source_record(tensor);
        std::int32_t layer = id_->hparams().layers_differ() ? b.layer : -1;
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
        auto* p = memory_.make<placed>();
        if (p == nullptr) return no_memory();
        p->part = b.part;
        p->layer = layer;
        p->of_expert = b.expert >= 0;
        p->rank = r.rank;
        if (r.rank <= 4)
            for (std::uint32_t i = 0; i < r.rank; ++i) p->dims[i] = r.dims[i];
        if (status s = walk_source(tensor, *p); !s) return s;
        p->next = first;
        first = p;
        return out = p, status();
    }
    status walk_source(std::uint32_t tensor, placed& p) noexcept {
        const bound_name& b = id_->names()[tensor];
        aka::tensor t = (*source_)[tensor];
        placement& out = p.where;
        axis_sizes& z = p.sizes;
        z = sizes_of(b, tensor);
        role r = b.row->roles[0];
        std::uint64_t n = t.has_shape() ? t.elements() : 0;
        const bool packed = t.has_shape() && packs(*b.part, t.dtype());
        p.kind = packed ? part_kind::rows : b.part->kind;
        p.unit = 1;
        p.lead = t.shape().rank();
        std::string_view layout = norm_layout(*b.row, r, n, z, from_rope);
        if (status s = walk(layout, r, from_rope, z, has_inputs(p.kind), out); !s) return s;
        if (out.opaque || !t.has_shape()) return {};
        if (p.kind == part_kind::rows) {
            std::uint64_t rows = 1;
            for (p.lead = 0; p.lead < t.shape().rank() && rows != out.elements;)
                rows *= t.shape()[p.lead++];
            if (rows == out.elements) return p.unit = rows == 0 ? 1 : n / rows, status();
            // Not rows: bitsandbytes' flat codes, one scale for all, GPTQ's scales.
            p.lead = t.shape().rank();
            p.kind = packed   ? part_kind::opaque
                     : n == 1 ? part_kind::scalar
                              : b.part->beside_qweight;
            if (p.kind == part_kind::rows) return contradiction(t, out, z);
            return {};
        }
        if (p.kind == part_kind::weight || p.kind == part_kind::bias ||
            p.kind == part_kind::row_scale) {
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
        auto* p = memory_.make<wanted>();
        if (p == nullptr) return no_memory();
        if (status s = walk(layout, row.roles[0], to_rope, sizes, inputs, p->where); !s) return s;
        p->layout = layout;
        p->inputs = inputs;
        p->sizes = sizes;
        p->next = first;
        first = p;
        return out = &p->where, status();
    }
    AKA_COLD status contradiction(const tensor& t, const placement& p,
                                  const axis_sizes& z) const noexcept {
        return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{t.name()}, ": expected ",
                    shape({p.dims, p.rank}), " from the hyper-parameters (n_embd ", z.x,
                    ", n_head ", z.kv * z.g, ", n_head_kv ", z.kv, ", head_dim ", z.head,
                    "), found ", t.shape())
            .in(t.file());
    }

  private:
    const tensor_record& source_record(std::uint32_t i) const noexcept {
        return records_->tensors[i];
    }

    const identification* id_ = nullptr;
    const checkpoint* source_ = nullptr;
    const store* records_ = nullptr;
    arena memory_;
    growing<placed*> placed_;  // by row
    growing<wanted*> wanted_;
};

}  // namespace detail
AKA_END

#endif  // AKA_PLACES_HPP
