// aka: the quantised forms of safetensors to float32: the parts of one weight are found by name,
// held against each other, and decoded row by row.
#include "version.hpp"

#ifndef AKA_DEQUANTIZE_PARTS_HPP
#define AKA_DEQUANTIZE_PARTS_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "llama.hpp"
#include "part_binder.hpp"
#include "parts_columns.hpp"
#include "parts_rows.hpp"

AKA_BEGIN

/// One weight and what it needs to be float32: FP8 and INT8 with scales, compressed-tensors'
/// packed integers, NVFP4 and MXFP4, gpt-oss, MLX, GPTQ, AWQ, bitsandbytes; or a plain tensor.
/// Borrows from the checkpoint (or adapter, or model) like its tensors. Move-only; const calls are
/// thread-safe, so that rows may be shared out among threads.
///
/// Values are what the form's definition gives in float32: where a library computes in a shorter
/// type, its result is this one rounded.
class quantised_weight {
  public:
    /// By name: of the module (`model.layers.0.mlp.down_proj`) or of the tensor that holds its
    /// codes (`....weight`, `....qweight`). Parts that are not known to belong to a form are left
    /// alone. Errors: not_found; missing_tensor (a part that the form needs), ambiguous (several
    /// forms, or a config would have to say more), wrong_type, size_mismatch, unsupported: with the
    /// tensor and the numbers; out_of_range (a g_idx), bad_json (a quant_state); those of reading.
    static result<quantised_weight> find(const tensor_list& all, std::string_view name,
                                         const quant_settings& q = {}) noexcept {
        detail::growing<char> text;
        if (!text.append(name.data(), name.size())) return detail::no_memory();
        std::string_view base = module_of(all, name);
        detail::part_set p;
        for (unsigned i = 0; i < detail::part_slot_count; ++i) {
            for (char separator : {'.', '_'}) {  // gpt-oss: gate_up_proj_blocks
                text.resize(base.size());
                std::string_view part = detail::part_slots[i];
                if (!text.push(separator) || !text.append(part.data(), part.size()))
                    return detail::no_memory();
                p.of[i] = all.find({text.data(), text.size()});
                if (p.of[i]) break;
            }
        }
        bool any = false;
        for (detail::part_slot s : detail::payloads) any = any || p.has(s);
        if (!any) p.of[0] = all.find(name);  // a parameter without `weight` in its name
        return bind(p, base, q);
    }
    /// By coordinate, of an adapter or a bound model: in its row order and of its rank. Of experts:
    /// -1 the stack, else one of them. Errors: as by name.
    template <class Model, class = decltype(std::declval<const Model&>().get(role::none, 0, 0, ""))>
    static result<quantised_weight> find(const Model& m, role r, std::int64_t layer = -1,
                                         std::int64_t expert = -1,
                                         const quant_settings& q = {}) noexcept {
        detail::part_set p;
        for (unsigned i = 0; i < detail::part_slot_count; ++i) {
            p.of[i] = m.get(r, layer, expert, detail::part_slots[i]);
            if (p.of[i] || expert < 0) continue;
            if (tensor stack = m.get(r, layer, -1, detail::part_slots[i])) {
                result<tensor> one = stack.select(static_cast<std::uint64_t>(expert));
                if (!one) return one.error();
                p.of[i] = *one.get_if();
            }
        }
        // A config that speaks of single modules knows them by the file's names.
        const detail::store_ref s = list_of(m).keep();
        std::string_view base = module_of(*s->source, m.source(), r, layer, expert);
        return bind(p, base.empty() ? aka::name(r) : base, q);
    }
    /// By coordinate, as it is stored: nothing is put into another layout, so that forms which
    /// cannot be are read as well. Errors: as by name; unsupported where the role shares a tensor
    /// with others (a fused q, k and v), or its experts one stack (ask for -1).
    static result<quantised_weight> find(const checkpoint& c, const identification& id, role r,
                                         std::int64_t layer = -1, std::int64_t expert = -1,
                                         const quant_settings& q = {}) noexcept {
        for (std::size_t i = 0; i < id.names().size() && i < c.size(); ++i) {
            const bound_name& b = id.names()[i];
            if (!is_payload(b) || b.layer != layer || !b.row->holds(r)) continue;
            if (b.expert != expert && !(b.expert < 0 && expert >= 0)) continue;
            std::string_view tensor_name = c[i].name();
            if (b.row->roles.size() != 1 || b.expert != expert)
                return detail::fail(errc::unsupported, error::nowhere, "tensor ",
                                    detail::quoted{tensor_name}, " holds more than ", aka::name(r),
                                    ": ask for it by name")
                    .in(c[i].file());
            return find(c, tensor_name, q);
        }
        return detail::fail(errc::not_found, error::nowhere, "there is no ", aka::name(r),
                            " of layer ", layer, ", expert ", expert)
            .in(c.folder());
    }

    /// What it is. Of checkpoints without data only as far as names and shapes say.
    const part_form& form() const noexcept AKA_LIFETIMEBOUND { return b_.form; }
    /// Of the tensor that holds the codes.
    std::string_view name() const noexcept { return b_.payload.name(); }
    /// Rows of the weight, a stack's one after the other, and their length.
    std::uint64_t rows() const noexcept { return b_.form.rows; }
    /// Numbers of a row.
    std::uint64_t columns() const noexcept { return b_.form.columns; }

    /// Writes rows [first, first + count) to `out`, row-major; out.size() must be count *
    /// columns(). Takes a few buffers a call, none a row: at most a few MiB where tensors are not
    /// views, unless single rows are longer. Errors: out_of_range, wrong_size, no_data,
    /// wrong_type (a plain type that is not decoded here), those of reading, out_of_memory.
    status to_f32(std::uint64_t first, std::uint64_t count, span<float> out) const noexcept {
        const part_form& f = b_.form;
        if (!f.sized || b_.index_missing) return unread();
        if (first > f.rows || count > f.rows - first)
            return detail::fail(errc::out_of_range, error::nowhere, "tensor ",
                                detail::quoted{name()}, ": rows ", first, " to ", first + count,
                                " of ", f.rows)
                .in(b_.payload.file());
        if (out.size() != count * f.columns)
            return detail::fail(errc::wrong_size, error::nowhere, "tensor ", detail::quoted{name()},
                                ": room for ", out.size(), " numbers, ", count, " rows of ",
                                f.columns, " are to be written")
                .in(b_.payload.file());
        if (out.empty()) return {};
        switch (f.scheme) {
            case part_scheme::gptq:
                return gptq(first, count, out.data());
            case part_scheme::awq:
                return awq(first, count, out.data());
            case part_scheme::bnb_4bit:
                return flat(first * f.columns, out);
            default:
                return in_rows(first, count, out.data());
        }
    }

  private:
    quantised_weight() noexcept = default;

    static result<quantised_weight> bind(const detail::part_set& p, std::string_view base,
                                         const quant_settings& q) noexcept {
        quantised_weight w;
        if (status s = detail::part_binder(p, base, q, w.b_).bind(); !s) return s.error();
        return w;
    }
    static const tensor_list& list_of(const adapter& a) noexcept { return a; }
    static const tensor_list& list_of(const llama& m) noexcept { return m.tensors(); }

    /// A name without the part that holds codes.
    static std::string_view module_of(const tensor_list& all, std::string_view name) noexcept {
        if (all.find(name))
            for (detail::part_slot s : detail::payloads) {
                std::string_view part = detail::part_slots[static_cast<unsigned>(s)];
                if (name.size() <= part.size() + 1 || !detail::ends_with(name, part)) continue;
                char c = name[name.size() - part.size() - 1];
                if (c == '.' || c == '_') return name.substr(0, name.size() - part.size() - 1);
            }
        return name;
    }
    static bool is_payload(const bound_name& b) noexcept {
        if (b.row == nullptr || !b.row->is_tensor() || b.part == nullptr) return false;
        for (detail::part_slot s : detail::payloads)
            if (b.part->text == detail::part_slots[static_cast<unsigned>(s)]) return true;
        return false;
    }
    static std::string_view module_of(const detail::store& source, const identification& id, role r,
                                      std::int64_t layer, std::int64_t expert) noexcept {
        for (std::size_t i = 0; i < id.names().size() && i < source.tensors.size(); ++i) {
            const bound_name& b = id.names()[i];
            if (!is_payload(b) || b.layer != layer || !b.row->holds(r)) continue;
            if (b.expert >= 0 && expert >= 0 && b.expert != expert) continue;
            std::string_view text = source.tensors[i].name_view();
            return text.substr(0, text.size() - b.part_text.size() - 1);
        }
        return {};
    }

    AKA_COLD error unread() const noexcept {
        if (b_.form.scheme == part_scheme::plain && b_.payload.has_shape())
            return detail::fail(errc::wrong_type, error::nowhere, "tensor ", detail::quoted{name()},
                                ": ", b_.payload.dtype_name(),
                                " is not one of safetensors' plain types")
                .in(b_.payload.file());
        return detail::fail(errc::no_data, error::nowhere, "tensor ", detail::quoted{name()},
                            ": only names or headers were read")
            .in(b_.payload.file());
    }
    static bool room(detail::growing<float>& g, std::uint64_t n) noexcept {
        return detail::fits_memory(n) && g.resize(static_cast<std::size_t>(n));
    }

    // --- forms whose rows are rows

    /// The numbers of the row at hand.
    struct row_numbers {
        detail::row_window scales, zeros;
        detail::growing<float> scale, zero, ones;
        std::uint64_t have = ~std::uint64_t{0};
        float global = 1;
    };
    status open_numbers(row_numbers& n) const noexcept {
        if (b_.form.scheme == part_scheme::plain) return {};
        if (status s = n.scales.open(b_.scale, b_.scale_lead); !s) return s;
        if (!room(n.scale, b_.groups)) return detail::no_memory();
        if (b_.zero) {
            if (status s = n.zeros.open(b_.zero, b_.zero_packed ? 1 : b_.scale_lead); !s) return s;
            if (!room(n.zero, b_.groups)) return detail::no_memory();
        }
        if (b_.global) {
            detail::row_window w;
            const std::byte* p = nullptr;
            if (status s = w.open(b_.global, 0); !s) return s;
            if (status s = w.row(0, p); !s) return s;
            n.global = detail::load_le<float>(p);
        }
        return {};
    }
    /// Scales and zero points of weight row r.
    status load_numbers(row_numbers& n, std::uint64_t r) const noexcept {
        const part_form& f = b_.form;
        const std::uint64_t at =
            r / f.matrix_rows * b_.scale_step + r % f.matrix_rows / f.block_rows;
        if (at == n.have && !b_.zero_packed) return {};
        const auto groups = static_cast<std::size_t>(b_.groups);
        const std::byte* p = nullptr;
        if (at != n.have) {
            if (status s = n.scales.row(at, p); !s) return s;
            b_.decode_scale(p, n.scale.data(), groups);
            if (b_.divide_global)
                for (float& s : n.scale) s /= n.global;
            else if (b_.global)
                for (float& s : n.scale) s *= n.global;
            n.have = at;
        }
        if (!b_.zero) return {};
        if (!b_.zero_packed) {
            if (status s = n.zeros.row(at, p); !s) return s;
            detail::plain_decoder_of(b_.zero.dtype())(p, n.zero.data(), groups);
            // Signed zero points of codes that are stored unsigned.
            if (f.scheme == part_scheme::packed_int)
                for (float& z : n.zero) z += static_cast<float>(1u << (f.bits - 1));
            return {};
        }
        const std::uint64_t each = 32 / f.bits;
        if (status s = n.zeros.row(r / each, p); !s) return s;
        const auto shift = static_cast<unsigned>(r % each) * f.bits;
        for (std::size_t k = 0; k < groups; ++k)
            n.zero[k] = static_cast<float>(detail::load_le<std::uint32_t>(p + 4 * k) >> shift &
                                           ((1u << f.bits) - 1));
        return {};
    }
    status in_rows(std::uint64_t first, std::uint64_t count, float* out) const noexcept {
        row_numbers n;
        detail::row_window weights;
        const auto columns = static_cast<std::size_t>(b_.form.columns);
        if (status s = open_numbers(n); !s) return s;
        if (status s = weights.open(b_.payload, b_.lead); !s) return s;
        const bool plain = b_.form.scheme == part_scheme::plain;
        if (!b_.in_group.empty()) {  // codes as they are, to be scaled column by column
            if (!room(n.ones, 1)) return detail::no_memory();
            n.ones[0] = 1;
        }
        for (std::uint64_t r = first; r < first + count; ++r, out += columns) {
            const std::byte* p = nullptr;
            if (!plain)
                if (status s = load_numbers(n, r); !s) return s;
            if (status s = weights.row(r, p); !s) return s;
            one_row(n, p, columns, out);
        }
        return {};
    }
    void one_row(const row_numbers& n, const std::byte* p, std::size_t columns,
                 float* out) const noexcept {
        const part_form& f = b_.form;
        const auto group = static_cast<std::size_t>(f.group);
        const float* scale = n.scale.data();
        const float* zero = b_.zero ? n.zero.data() : nullptr;
        switch (f.scheme) {
            case part_scheme::plain:
                detail::plain_decoder_of(f.stored)(p, out, columns);
                break;
            case part_scheme::scaled:
                if (f.stored == dtype::i8)
                    detail::int8_row(p, scale, zero, group, columns, out);
                else
                    detail::codes_row(codes_of(f.stored), p, scale, group, columns, out);
                break;
            case part_scheme::bnb_int8:
                detail::bnb_int8_row(p, *scale, columns, out);
                break;
            case part_scheme::packed_int: {
                const float middle = static_cast<float>(1u << (f.bits - 1));
                const auto row = detail::bits_row_of<detail::minus_zeros>(f.bits);
                if (b_.in_group.empty()) {
                    row(p, {scale, zero, middle}, group, columns, out);
                    break;
                }
                row(p, {n.ones.data(), nullptr, 0}, columns, columns, out);
                for (std::size_t i = 0; i < columns; ++i) {
                    const std::uint32_t k = b_.in_group[i];
                    out[i] = (out[i] - (zero == nullptr ? middle : zero[k])) * scale[k];
                }
                break;
            }
            case part_scheme::mlx:
                if (b_.scale.dtype() == dtype::f16 || b_.scale.dtype() == dtype::bf16)
                    detail::bits_row_of<detail::plus_biases<detail::plus_bias>>(f.bits)(
                        p, {scale, zero}, group, columns, out);
                else
                    detail::bits_row_of<detail::plus_biases<detail::plus_bias_apart>>(f.bits)(
                        p, {scale, zero}, group, columns, out);
                break;
            case part_scheme::mlx_mx:
                if (f.bits == 8) {
                    detail::codes_row(codes_of(dtype::f8_e4m3), p, scale, group, columns, out);
                    break;
                }
                [[fallthrough]];
            default:
                detail::bits_to_row<4>(p, detail::times_values{codes_of(dtype::f4), scale}, group,
                                       columns, out);
                break;
        }
    }
    static const std::uint32_t* codes_of(dtype t) noexcept {
        for (const detail::code_type& c : detail::code_types)
            if (c.dtype == t) return c.values;
        return detail::f8_e4m3_values.bits;
    }

    // --- forms whose rows are columns

    /// What 128 rows of the weight need: columns of all three matrices.
    static constexpr unsigned strip = detail::column_width;
    struct columns_at_hand {
        detail::column_window words, zeros, scales;
        detail::growing<float> scale, zero;
    };
    status open_columns(columns_at_hand& c, std::uint64_t per_word) const noexcept {
        const std::uint64_t zero_words = strip * std::uint64_t{b_.form.bits} / 32;
        if (status s = c.words.open(b_.payload, strip / per_word); !s) return s;
        if (status s = c.zeros.open(b_.zero, zero_words); !s) return s;
        if (status s = c.scales.open(b_.scale, strip); !s) return s;
        if (!room(c.scale, b_.groups * strip) || !room(c.zero, b_.groups * strip))
            return detail::no_memory();
        return {};
    }
    status load_columns(columns_at_hand& c, std::uint64_t from, std::uint64_t n,
                        std::uint64_t per_word) const noexcept {
        const unsigned bits = b_.form.bits;
        if (status s = c.words.load(from / per_word, n / per_word); !s) return s;
        if (status s = c.zeros.load(from * bits / 32, detail::divided_up(n * bits, 32)); !s)
            return s;
        return c.scales.load(from, n);
    }
    /// Scales and zero points of n rows, the first of which is `at` in the strip. `order`: where in
    /// a word of zero points each row is.
    detail::column_numbers numbers(columns_at_hand& c, unsigned at, unsigned n,
                                   const unsigned* order) const noexcept {
        const unsigned bits = b_.form.bits, each = 32 / bits;
        const std::size_t size = info(b_.scale.dtype()).block_bytes;
        // GPTQ's first form: one is added to whole words, as its writers took it from whole words;
        // fields that hold all ones (a zero point of 0) come out right where they borrowed.
        const std::uint32_t one = !b_.plus_one ? 0 : ~std::uint32_t{0} / ((1u << bits) - 1);
        for (std::size_t k = 0; k < b_.groups; ++k) {
            float* z = c.zero.data() + k * strip;
            b_.decode_scale(c.scales.at + k * c.scales.stride + at * size,
                            c.scale.data() + k * strip, n);
            const std::byte* words = c.zeros.at + k * c.zeros.stride;
            for (unsigned i = 0; i < n; ++i) {
                const unsigned r = at + i, field = order == nullptr ? r % each : order[r % each];
                const std::uint32_t w = detail::load_le<std::uint32_t>(words + r / each * 4) + one;
                z[i] = static_cast<float>(w >> (field * bits) & ((1u << bits) - 1));
            }
        }
        return {c.scale.data(), c.zero.data()};
    }
    /// Calls `f(from, begin, end)` for each strip: rows [begin, end) of the one that begins at
    /// `from`.
    template <class Load, class F>
    status each_strip(std::uint64_t first, std::uint64_t count, Load load, F f) const noexcept {
        const std::uint64_t last = first + count;
        for (std::uint64_t from = first / strip * strip; from < last; from += strip) {
            const std::uint64_t left = b_.form.rows - from;
            if (status s = load(from, left < strip ? left : strip); !s) return s;
            const std::uint64_t begin = first > from ? first - from : 0;
            const std::uint64_t end = last - from < strip ? last - from : strip;
            f(from, static_cast<unsigned>(begin), static_cast<unsigned>(end));
        }
        return {};
    }
    status gptq(std::uint64_t first, std::uint64_t count, float* out) const noexcept {
        columns_at_hand c;
        if (status s = open_columns(c, 1); !s) return s;
        const auto inputs = static_cast<std::size_t>(b_.form.columns);
        const auto rows = b_.form.bits == 2   ? detail::gptq_rows<2>
                          : b_.form.bits == 4 ? detail::gptq_rows<4>
                                              : detail::gptq_rows<8>;
        const detail::column_groups groups = {b_.in_group.empty() ? nullptr : b_.in_group.data(),
                                              static_cast<std::size_t>(b_.form.group)};
        return each_strip(
            first, count,
            [&](std::uint64_t from, std::uint64_t n) { return load_columns(c, from, n, 1); },
            [&](std::uint64_t from, unsigned begin, unsigned end) {
                rows(c.words.at + std::size_t{4} * begin, c.words.stride, inputs, groups,
                     numbers(c, begin, end - begin, nullptr), end - begin,
                     out + static_cast<std::size_t>(from + begin - first) * inputs, inputs);
            });
    }
    status awq(std::uint64_t first, std::uint64_t count, float* out) const noexcept {
        columns_at_hand c;
        if (status s = open_columns(c, 8); !s) return s;
        const auto inputs = static_cast<std::size_t>(b_.form.columns);
        unsigned field[8];  // where in a word each row is
        for (unsigned j = 0; j < 8; ++j) field[detail::awq_order[j]] = j;
        return each_strip(
            first, count,
            [&](std::uint64_t from, std::uint64_t n) { return load_columns(c, from, n, 8); },
            [&](std::uint64_t from, unsigned begin, unsigned end) {
                const unsigned whole = (end + 7) / 8 * 8;  // rows come by eight
                detail::awq_rows(
                    c.words.at, c.words.stride, inputs, static_cast<std::size_t>(b_.form.group),
                    numbers(c, 0, whole, field), begin, end, whole,
                    out + static_cast<std::size_t>(from + begin - first) * inputs, inputs);
            });
    }

    // --- bitsandbytes' flat blocks

    status flat(std::uint64_t first, span<float> out) const noexcept {
        // A packed U8 tensor [n / 2, 1], or wider elements: bytes all the same.
        const std::uint64_t last = first + out.size(), block = b_.form.group;
        detail::row_window codes, largest, nested;
        if (status s = codes.open(b_.payload, b_.payload.shape().rank() == 0 ? 0 : 1); !s) return s;
        if (status s = largest.open(b_.scale, b_.scale.shape().rank() == 0 ? 0 : 1); !s) return s;
        if (b_.nested)
            if (status s = nested.open(b_.nested, b_.nested.shape().rank() == 0 ? 0 : 1); !s)
                return s;
        const std::uint64_t unit = codes.row_bytes();
        float* to = out.data();
        for (std::uint64_t at = first; at < last;) {
            const std::uint64_t k = at / block;
            std::uint64_t end = (k + 1) * block < last ? (k + 1) * block : last;
            const std::byte* p = nullptr;
            if (status s = largest.row(k, p); !s) return s;
            float absmax = 0;
            if (b_.nested) {
                const float value = b_.nested_map[static_cast<unsigned>(*p)];
                float outer = 0;
                if (status s = nested.row(k / b_.state.nested_block, p); !s) return s;
                b_.decode_nested(p, &outer, 1);
                absmax = detail::bnb_nested(value, outer, b_.state.nested_offset);
            } else {
                b_.decode_scale(p, &absmax, 1);
            }
            while (at < end) {
                // As far as the window reaches in one piece: to the end of its element at least.
                const std::uint64_t byte = at / 2;
                if (status s = codes.row(byte / unit, p); !s) return s;
                const std::uint64_t here = codes.ahead(byte / unit) * unit - byte % unit;
                std::uint64_t stop = (byte + here) * 2;
                if (stop > end) stop = end;
                detail::bnb4_run(p + byte % unit, at % 2 != 0, b_.map, absmax,
                                 static_cast<std::size_t>(stop - at), to);
                to += stop - at;
                at = stop;
            }
        }
        return {};
    }

    detail::bound_parts b_;
};

AKA_END

#endif  // AKA_DEQUANTIZE_PARTS_HPP
