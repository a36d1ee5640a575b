// aka: which form a weight has, and whether its parts are what that form asks for: a function a
// form, each with the source of its rule.
#ifndef AKA_PART_BINDER_HPP
#define AKA_PART_BINDER_HPP

#include <cstdint>

#include "part_sizes.hpp"

AKA_BEGIN
namespace detail {

/// Binds parts; see quantised_weight.
class part_binder : part_checks {
  public:
    part_binder(const part_set& p, std::string_view base, const quant_settings& q,
                bound_parts& b) noexcept
        : part_checks(p, base, q, b) {}

    status bind() noexcept {
        const part_rule* r = nullptr;
        if (status s = choose_rule(p_, base_, q_, r); !s) return s;
        b_.payload = p_[r == nullptr ? part_slot::weight : r->payload];
        if (r != nullptr) b_.scale = p_[r->scale];
        form().stored = b_.payload.dtype();
        form().scheme = r == nullptr ? part_scheme::plain : r->scheme;
        known_ = b_.payload.has_shape() && form().stored != dtype::unknown &&
                 (!b_.scale || b_.scale.has_shape());
        switch (form().scheme) {
            case part_scheme::plain:
                return plain();
            case part_scheme::scaled:
            case part_scheme::bnb_int8:
                return scaled(r->scale);
            case part_scheme::packed_int:
                return packed_int();
            case part_scheme::nvfp4:
            case part_scheme::nvfp4_modelopt:
            case part_scheme::mxfp4:
                return fp4();
            case part_scheme::mxfp4_blocks:
                return blocks();
            case part_scheme::mlx:
                return mlx();
            case part_scheme::mlx_mx:
                return mlx_mx();
            case part_scheme::gptq:
            case part_scheme::awq:
                return transposed();
            case part_scheme::bnb_4bit:
                return bnb_4bit();
        }
        return {};
    }

  private:
    status plain() noexcept {
        if (!known_) return {};
        form().bits = info(form().stored).block_bytes * 8u / info(form().stored).block_elements;
        const unsigned rank = b_.payload.shape().rank();
        if (plain_decoder_of(form().stored) == nullptr) return {};
        const unsigned inner = rank == 0 ? 0 : rank > 3 ? rank - 2 : 1;
        std::uint64_t columns = 1;
        for (unsigned i = rank - inner; i < rank; ++i) columns *= b_.payload.shape()[i];
        return sizes(inner, columns);
    }
    // DeepSeek, README of the weights: value * scale_inv of its 128 x 128 block. compressed-tensors
    // (naive_quantized): (q - zero) * scale. ModelOpt and Mistral FP8: value * scale.
    status scaled(part_slot which) noexcept {
        form().bits = 8;
        if (!known_) {
            form().group = q_.block_columns;
            form().block_rows = q_.block_rows;
            return {};
        }
        if (status s = sizes(1, b_.payload.shape().back()); !s) return s;
        if (status s = numbers(b_.scale, b_.decode_scale); !s) return s;
        if (status s = grid(b_.scale, which == part_slot::scale_inv || which == part_slot::scale);
            !s)
            return s;
        if (form().scheme == part_scheme::bnb_int8 &&
            (form().group < form().columns || form().block_rows != 1))
            return mismatch(b_.scale, "one a row");
        if (!p_.has(part_slot::zero_point)) return {};
        b_.zero = p_[part_slot::zero_point];
        if (form().stored != dtype::i8 || plain_decoder_of(b_.zero.dtype()) == nullptr)
            return type(b_.zero, "zero points of an I8 weight only");
        if (b_.zero.shape() != b_.scale.shape())
            return mismatch(b_.zero, b_.scale.shape(), " as its scales");
        return {};
    }
    // compressed-tensors, pack_quantized: rows of codes, 32 bits a word, the first in the lowest
    // bits, each less 2^(bits - 1); zero points likewise, packed along the rows.
    status packed_int() noexcept {
        form().bits = static_cast<unsigned>(said_.first);
        form().group = said_.second;
        if (!known_) return {};
        if (!p_.has(part_slot::shape)) return missing(part_slot::shape);
        const tensor& t = p_[part_slot::shape];
        std::uint64_t dims[3] = {};
        const unsigned rank = b_.payload.shape().rank();
        if (rank < 2 || rank > 3) return mismatch(b_.payload, "a matrix, or a stack of them");
        if (t.dtype() != dtype::i64 && t.dtype() != dtype::i32) return type(t, "I64 or I32");
        if (t.shape().rank() != 1 || t.shape()[0] < 2 || t.shape()[0] > rank)
            return mismatch(t, "[2]");
        std::byte bytes[24] = {};
        const std::uint64_t n = t.shape()[0];
        status r = t.copy_to({bytes, static_cast<std::size_t>(t.size_bytes())});
        if (r.code() == errc::no_data) return {};
        if (!r) return r;
        for (std::uint64_t i = 0; i < n; ++i) {
            std::int64_t d = t.dtype() == dtype::i64 ? load_native<std::int64_t>(bytes + 8 * i)
                                                     : load_native<std::int32_t>(bytes + 4 * i);
            if (d < 0) return mismatch(t, "sizes that are not negative");
            dims[i] = static_cast<std::uint64_t>(d);
        }
        const std::uint64_t columns = dims[n - 1], words = b_.payload.shape().back();
        if (dims[n - 2] != b_.payload.shape()[rank - 2])
            return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{t.name()}, " says ",
                        dims[n - 2], " rows, ", quoted{b_.payload.name()}, " is ",
                        b_.payload.shape())
                .in(t.file());
        unsigned fit = 0, fits = 0;
        for (unsigned bits : {2u, 3u, 4u, 5u, 6u, 8u}) {
            std::uint64_t all = 0;
            if (!checked_mul(columns, bits, all) || divided_up(all, 32) != words) continue;
            ++fits;
            if (fit == 0 || bits == said_.first) fit = bits;
        }
        if (fits == 0)
            return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{b_.payload.name()},
                        ": ", words, " words a row do not hold ", columns,
                        " codes of 2, 3, 4, 5, 6 or 8 bits")
                .in(b_.payload.file());
        if (fits > 1 && fit != said_.first)
            return unclear(words, " words a row hold ", columns,
                           " codes of several lengths, and no config says which");
        form().bits = fit;
        if (status s = sizes(1, columns); !s) return s;
        if (status s = numbers(b_.scale, b_.decode_scale); !s) return s;
        if (status s = grid(b_.scale, false); !s) return s;
        if (form().block_rows > 1 && form().block_rows < form().matrix_rows)
            return mismatch(b_.scale, "one scale a row or a group");
        if (form().group < columns && form().group % 8 != 0)
            return fail(errc::unsupported, error::nowhere, "tensor ", quoted{b_.payload.name()},
                        ": groups of ", form().group, ", which are not whole bytes of codes")
                .in(b_.payload.file());
        if (p_.has(part_slot::zero_point))
            if (status s = packed_zero(p_[part_slot::zero_point]); !s) return s;
        return group_index(p_[part_slot::weight_g_idx], true);
    }
    status packed_zero(const tensor& t) noexcept {
        b_.zero = t;
        if (t.dtype() != dtype::i32) {
            if (plain_decoder_of(t.dtype()) == nullptr || is_number(t.dtype()))
                return type(t, "I32 or I8");
            if (t.shape() != b_.scale.shape())
                return mismatch(t, b_.scale.shape(), " as its scales");
            return {};
        }
        if (32 % form().bits != 0 || b_.lead != 1 || b_.scale.elements() != form().rows * b_.groups)
            return fail(errc::unsupported, error::nowhere, "tensor ", quoted{t.name()},
                        ": packed zero points of ", form().bits, " bits for scales of ",
                        b_.scale.shape())
                .in(t.file());
        const std::uint64_t dims[2] = {divided_up(form().rows * form().bits, 32), b_.groups};
        if (t.shape() != shape(dims)) return mismatch(t, shape(dims));
        b_.zero_packed = true;
        return {};
    }
    // OCP MX 1.0; compressed-tensors nvfp4: value * (scale / global scale); ModelOpt's
    // NVFP4QTensor: value * (scale * weight_scale_2). Both: the first of two codes in the lower
    // half of a byte.
    status fp4() noexcept {
        form().bits = 4;
        form().group = form().scheme == part_scheme::mxfp4 ? 32 : 16;
        if (!known_) return {};
        if (status s = sizes(1, 2 * b_.payload.shape().back()); !s) return s;
        if (status s = groups_of(b_.scale, form().group); !s) return s;
        if (form().scheme == part_scheme::mxfp4) {
            if (b_.scale.dtype() != dtype::u8 && b_.scale.dtype() != dtype::f8_e8m0)
                return type(b_.scale, "U8 or F8_E8M0");
            b_.decode_scale = plain_decoder_of(dtype::f8_e8m0);
            return {};
        }
        if (b_.scale.dtype() != dtype::f8_e4m3) return type(b_.scale, "F8_E4M3");
        b_.decode_scale = plain_decoder_of(dtype::f8_e4m3);
        b_.divide_global = form().scheme == part_scheme::nvfp4;
        b_.global = p_[b_.divide_global ? part_slot::global_scale : part_slot::scale_2];
        if (b_.global.dtype() != dtype::f32) return type(b_.global, "F32");
        if (b_.global.elements() != 1) return mismatch(b_.global, "one number");
        return {};
    }
    // gpt-oss: blocks [.., rows, groups, 16] of 32 FP4 codes, the first in the lower half of a
    // byte; scales [.., rows, groups], E8M0.
    status blocks() noexcept {
        form().bits = 4;
        form().group = 32;
        if (!known_) return {};
        const shape& s = b_.payload.shape();
        if (s.rank() < 3 || s.rank() > 4 || s.back() != 16)
            return mismatch(b_.payload, "[.., rows, groups, 16]");
        if (status r = sizes(2, s[s.rank() - 2] * 32); !r) return r;
        if (b_.scale.dtype() != dtype::u8 && b_.scale.dtype() != dtype::f8_e8m0)
            return type(b_.scale, "U8 or F8_E8M0");
        b_.decode_scale = plain_decoder_of(dtype::f8_e8m0);
        return groups_of(b_.scale, 32);
    }
    // MLX: rows of codes in one stream of bits; scale * q + bias. 2, 3, 4, 5, 6 or 8 bits in groups
    // of 32, 64 or 128.
    status mlx() noexcept {
        form().bits = static_cast<unsigned>(said_.first);
        form().group = said_.second;
        if (!known_) return {};
        const std::uint64_t words = b_.payload.shape().back(), n = b_.scale.shape().back();
        if (n == 0 || words * 32 % n != 0 || b_.scale.shape().rank() == 0)
            return mismatch(b_.scale, "groups that divide a row");
        const std::uint64_t both = words * 32 / n;  // bits times group
        unsigned fits = 0;
        for (unsigned bits : {2u, 3u, 4u, 5u, 6u, 8u})
            for (unsigned group : {32u, 64u, 128u}) {
                if (bits * group != both) continue;
                if (said_.first != 0 && said_.first != bits) continue;
                if (said_.second != 0 && said_.second != group) continue;
                ++fits;
                form().bits = bits;
                form().group = group;
            }
        if (fits == 0)
            return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{b_.payload.name()},
                        ": ", words, " words and ", n, " scales a row are ", both,
                        " bits a group, which is not what the config says (", said_.first,
                        " bits, groups of ", said_.second, "; 0: nothing) or MLX has")
                .in(b_.payload.file());
        if (fits > 1)
            return unclear(both,
                           " bits a group are several pairs of bits and group size, and no "
                           "config says which");
        if (status s = sizes(1, words * 32 / form().bits); !s) return s;
        if (status s = numbers(b_.scale, b_.decode_scale); !s) return s;
        if (status s = groups_of(b_.scale, form().group); !s) return s;
        b_.zero = p_[part_slot::biases];
        if (b_.zero.dtype() != b_.scale.dtype())
            return type(b_.zero, "the same type as the scales");
        if (b_.zero.shape() != b_.scale.shape())
            return mismatch(b_.zero, b_.scale.shape(), " as its scales");
        return {};
    }
    // MLX's other modes, scales as U8: mxfp4 (E8M0, groups of 32), nvfp4 (E4M3, groups of 16),
    // mxfp8 (E4M3 codes, E8M0, groups of 32).
    status mlx_mx() noexcept {
        if (!known_) return {};
        if (b_.scale.dtype() != dtype::u8) {
            if (is_number(b_.scale.dtype())) return missing(part_slot::biases);
            return type(b_.scale, "U8");
        }
        const std::uint64_t words = b_.payload.shape().back(), n = b_.scale.shape().back();
        const std::uint64_t each = n == 0 || words % n != 0 ? 0 : words / n;
        if (each != 2 && each != 4 && each != 8)
            return mismatch(b_.scale, "2, 4 or 8 words a group");
        form().bits = each == 8 ? 8 : 4;
        form().group = each == 2 ? 16 : 32;
        b_.decode_scale = plain_decoder_of(each == 2 ? dtype::f8_e4m3 : dtype::f8_e8m0);
        if (status s = sizes(1, words * 32 / form().bits); !s) return s;
        return groups_of(b_.scale, form().group);
    }

    // GPTQ: qweight [in * bits / 32, out], qzeros [groups, out * bits / 32], scales [groups, out].
    // AWQ (AutoAWQ, gemm): qweight [in, out / 8], qzeros [groups, out / 8], scales [groups, out].
    status transposed() noexcept {
        form().bits = static_cast<unsigned>(said_.first);
        form().group = said_.second;
        const bool indexed = p_.has(part_slot::g_idx);
        if (!known_) {
            // Names alone: g_idx is GPTQ's, and a config may say.
            if (q_.method == "awq")
                form().scheme = part_scheme::awq;
            else if (!indexed && q_.method != "gptq")
                return unclear("GPTQ and AWQ have the same names, and no config says which");
            return {};
        }
        const tensor &w = b_.payload, &s = b_.scale, &z = p_[part_slot::qzeros];
        for (const tensor* t : {&w, &s, &z})
            if (t->shape().rank() != 2) return mismatch(*t, "a matrix");
        if (z.dtype() != dtype::i32) return type(z, "I32");
        if (status r = numbers(s, b_.decode_scale); !r) return r;
        const std::uint64_t out = s.shape()[1], groups = s.shape()[0], zero_words = z.shape()[1];
        const bool awq = w.shape()[1] != out;
        if (out == 0 || zero_words * 32 % out != 0 || z.shape()[0] != groups ||
            (awq && (w.shape()[1] * 8 != out || zero_words != w.shape()[1])))
            return fail(errc::size_mismatch, error::nowhere, "tensors ", quoted{w.name()}, " ",
                        w.shape(), ", ", quoted{z.name()}, " ", z.shape(), " and ",
                        quoted{s.name()}, " ", s.shape(),
                        " are neither GPTQ's ([in * bits / 32, out], [groups, out * bits / 32], "
                        "[groups, out]) nor AWQ's ([in, out / 8], [groups, out / 8], [groups, "
                        "out])")
                .in(w.file());
        if (awq && indexed) return unclear("AWQ's shapes, and GPTQ's g_idx");
        form().scheme = awq ? part_scheme::awq : part_scheme::gptq;
        const std::uint64_t bits = zero_words * 32 / out;
        if (bits != 2 && bits != 4 && bits != 8)
            return fail(errc::unsupported, error::nowhere, "tensor ", quoted{w.name()}, ": ",
                        name(form().scheme), " of ", bits, " bits; 2, 4 and 8 are known")
                .in(w.file());
        form().bits = static_cast<unsigned>(bits);
        b_.zero = z;
        b_.groups = groups;
        b_.lead = 1;
        form().rows = form().matrix_rows = out;
        form().columns = awq ? w.shape()[0] : w.shape()[0] * (32 / bits);
        std::uint64_t all = 0;
        if (!checked_mul(form().rows, form().columns, all) || !fits_memory(all))
            return mismatch(w, "a smaller matrix");
        form().sized = true;
        form().block_rows = 1;
        if (!awq) {
            // The first form, AutoGPTQ's, stores zero points less one.
            if (q_.gptq_format != quant_settings::gptq::v1 &&
                q_.gptq_format != quant_settings::gptq::v2)
                return unclear(
                    "no config says whether its zero points are stored less one "
                    "(checkpoint_format gptq) or as they are (gptq_v2)");
            b_.plus_one = q_.gptq_format == quant_settings::gptq::v1;
        }
        if (status r = group_size(groups); !r) return r;
        return indexed ? group_index(p_[part_slot::g_idx], false) : status();
    }
    // From the config if that fits; else groups must divide the row.
    status group_size(std::uint64_t groups) noexcept {
        const std::uint64_t n = form().columns;
        std::uint64_t g = said_.second;
        if (g == quant_settings::whole_rows) g = n;
        if (g != 0 && n != 0 && divided_up(n, g) == groups) {
            form().group = g;
            return {};
        }
        const bool indexed = p_.has(part_slot::g_idx);
        if (groups == 0 || (!indexed && (g != 0 || n % groups != 0)))
            return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{b_.scale.name()},
                        ": ", groups, " groups for ", n, " inputs, and the config says groups of ",
                        g, " (0: nothing)")
                .in(b_.scale.file());
        form().group = g != 0 ? g : n / groups;
        return {};
    }
    /// Which group each column is in (act-order). compressed-tensors writes -1 where nothing is
    /// said.
    status group_index(const tensor& t, bool may_be_unset) noexcept {
        if (!t) return {};
        const std::uint64_t n = form().columns;
        if (t.dtype() != dtype::i32) return type(t, "I32");
        if (t.shape() != shape({&n, 1})) return mismatch(t, shape({&n, 1}));
        growing<std::uint32_t>& in = b_.in_group;
        if (!in.resize(static_cast<std::size_t>(n))) return no_memory();
        status s = t.copy_to({reinterpret_cast<std::byte*>(in.data()), in.size() * 4});
        if (s.code() == errc::no_data) {
            b_.index = t;
            b_.index_missing = true;
            return {};
        }
        if (!s) return s;
        std::size_t first = 0;  // what a group's length would be
        while (first < in.size() && in[first] == 0) ++first;
        bool in_order = first != 0;
        for (std::size_t i = 0; i < in.size(); ++i) {
            if (may_be_unset && in[i] == ~std::uint32_t{0}) {
                in.clear();
                return {};
            }
            if (in[i] >= b_.groups)
                return fail(errc::out_of_range, error::nowhere, "tensor ", quoted{t.name()},
                            ": column ", i, " is in group ", static_cast<std::int32_t>(in[i]),
                            " of ", b_.groups)
                    .in(t.file());
            in_order = in_order && in[i] == i / first;
        }
        if (in_order) {
            form().group = first;
            in.clear();
        }
        return {};
    }

    // bitsandbytes: flat codes in blocks, values in quant_map, the largest of a block in absmax,
    // which may be quantised itself; shape and sizes in quant_state.
    status bnb_4bit() noexcept {
        form().bits = 4;
        const bool nf4 = p_.has(part_slot::state_nf4), fp4 = p_.has(part_slot::state_fp4);
        if (nf4 == fp4) {
            if (!nf4) return missing(part_slot::state_nf4);
            return unclear("both an NF4 and an FP4 quant_state");
        }
        const tensor& t = p_[nf4 ? part_slot::state_nf4 : part_slot::state_fp4];
        const tensor& map = p_[part_slot::quant_map];
        if (!known_ || !t.has_shape()) return {};
        if (t.dtype() != dtype::u8 || t.size_bytes() > bnb_state::most_bytes)
            return mismatch(t, "a short JSON text as U8");
        if (map.dtype() != dtype::f32 || map.elements() != 16) return mismatch(map, "F32 [16]");
        std::byte text[bnb_state::most_bytes];
        const auto n = static_cast<std::size_t>(t.size_bytes());
        status s = t.copy_to({text, n});
        if (s.code() == errc::no_data) return {};
        if (!s) return s;
        const char* what = nullptr;
        if (!b_.state.read({reinterpret_cast<const char*>(text), n}, what))
            return fail(errc::bad_json, error::nowhere, "tensor ", quoted{t.name()}, ": ", what)
                .in(t.file());
        form().rows = form().matrix_rows = b_.state.rows;
        form().columns = b_.state.columns;
        form().group = b_.state.block;
        form().block_rows = 1;
        std::uint64_t all = 0;
        if (!checked_mul(form().rows, form().columns, all) || !fits_memory(all))
            return mismatch(t, "a smaller shape");
        if (b_.payload.size_bytes() != divided_up(all, 2))
            return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{b_.payload.name()},
                        ": expected ", divided_up(all, 2), " bytes for ", form().rows, " x ",
                        form().columns, ", found ", b_.payload.size_bytes())
                .in(b_.payload.file());
        const std::uint64_t blocks = divided_up(all, b_.state.block);
        if (b_.scale.elements() != blocks)
            return mismatch(b_.scale, shape({&blocks, 1}), " (blocks of ", b_.state.block, ")");
        if (status r = copy_floats(map, b_.map, 16); !r) return r;
        if (b_.scale.dtype() == dtype::u8) {
            if (status r = nested(blocks); !r) return r;
        } else if (status r = numbers(b_.scale, b_.decode_scale); !r) {
            return r;
        }
        form().sized = true;
        return {};
    }
    status nested(std::uint64_t blocks) noexcept {
        for (part_slot s : {part_slot::nested_absmax, part_slot::nested_quant_map})
            if (!p_.has(s)) return missing(s);
        b_.nested = p_[part_slot::nested_absmax];
        const tensor& map = p_[part_slot::nested_quant_map];
        if (b_.state.nested_block == 0)
            return mismatch(b_.scale, "F32: its quant_state has no nested_blocksize");
        const std::uint64_t n = divided_up(blocks, b_.state.nested_block);
        if (b_.nested.elements() != n)
            return mismatch(b_.nested, shape({&n, 1}), " (blocks of ", b_.state.nested_block, ")");
        if (map.dtype() != dtype::f32 || map.elements() != 256) return mismatch(map, "F32 [256]");
        if (status r = numbers(b_.nested, b_.decode_nested); !r) return r;
        return copy_floats(map, b_.nested_map, 256);
    }
    static status copy_floats(const tensor& t, float* out, std::size_t n) noexcept {
        return t.copy_to({reinterpret_cast<std::byte*>(out), n * sizeof(float)});
    }
};

}  // namespace detail
AKA_END

#endif  // AKA_PART_BINDER_HPP
