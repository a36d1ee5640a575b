// aka: how a weight is quantised, by the parts that it has, their types and what a config says.
#include "version.hpp"

#ifndef AKA_PART_FORM_HPP
#define AKA_PART_FORM_HPP

#include <cstdint>
#include <string_view>

#include "quant_settings.hpp"
#include "tensor.hpp"

AKA_BEGIN

enum class part_scheme : std::uint8_t {
    plain,           ///< not quantised: one tensor of numbers
    scaled,          ///< F8 or I8 times one scale, one a row, a group or a block of 128 x 128
    bnb_int8,        ///< bitsandbytes: I8 and SCB
    packed_int,      ///< compressed-tensors `pack-quantized`
    nvfp4,           ///< compressed-tensors: a global scale that divides
    nvfp4_modelopt,  ///< ModelOpt: a second scale that multiplies
    mxfp4,           ///< compressed-tensors
    mxfp4_blocks,    ///< gpt-oss: `_blocks` and `_scales`
    mlx,             ///< affine: scales and biases
    mlx_mx,          ///< MLX's mxfp4, nvfp4 and mxfp8: scales alone
    gptq,
    awq,
    bnb_4bit,  ///< bitsandbytes NF4 and FP4
};
constexpr std::string_view name(part_scheme s) noexcept {
    constexpr std::string_view names[] = {"plain",
                                          "scaled",
                                          "bitsandbytes int8",
                                          "compressed-tensors int",
                                          "NVFP4",
                                          "NVFP4 (ModelOpt)",
                                          "MXFP4",
                                          "MXFP4 blocks",
                                          "MLX",
                                          "MLX MX",
                                          "GPTQ",
                                          "AWQ",
                                          "bitsandbytes 4-bit"};
    return names[static_cast<unsigned>(s)];
}

/// A form, and its sizes as far as the shapes are known.
struct part_form {
    part_scheme scheme = part_scheme::plain;  ///< whose way of packing
    dtype stored = dtype::unknown;            ///< of the payload
    unsigned bits = 0;                        ///< of a weight; 0: not known
    bool sized = false;                       ///< whether what follows is known
    std::uint64_t rows = 0;                   ///< of all matrices of a stack
    std::uint64_t columns = 0;                ///< weights of a row
    std::uint64_t matrix_rows = 0;            ///< of one of them
    std::uint64_t group = 0;                  ///< columns that share a scale; 0: not known
    std::uint64_t block_rows = 0;             ///< rows that share one

    /// "GPTQ 4-bit, groups of 128".
    template <std::size_t N>
    void describe(detail::fixed_text<N>& t) const noexcept;
};

namespace detail {

/// The parts that numbers are made of. The order is that of part_slots.
// clang-format off
enum class part_slot : std::uint8_t {
    weight, qweight, weight_packed, blocks,  // payloads
    scale_inv, weight_scale, scales, scale, scb, qscale_weight, weight_scaler,  // scales
    qzeros, zero_point, biases, g_idx, weight_g_idx, shape, global_scale, scale_2,
    absmax, quant_map, nested_absmax, nested_quant_map, state_nf4, state_fp4, none,
};
constexpr unsigned part_slot_count = static_cast<unsigned>(part_slot::none);
inline constexpr std::string_view part_slots[part_slot_count] = {
    "weight", "qweight", "weight_packed", "blocks",
    "weight_scale_inv", "weight_scale", "scales", "scale", "SCB", "qscale_weight", "weight_scaler",
    "qzeros", "weight_zero_point", "biases", "g_idx", "weight_g_idx", "weight_shape",
    "weight_global_scale", "weight_scale_2",
    "weight.absmax", "weight.quant_map", "weight.nested_absmax", "weight.nested_quant_map",
    "weight.quant_state.bitsandbytes__nf4", "weight.quant_state.bitsandbytes__fp4",
};
// clang-format on

struct part_set {
    tensor of[part_slot_count];
    const tensor& operator[](part_slot s) const noexcept { return of[static_cast<unsigned>(s)]; }
    bool has(part_slot s) const noexcept {
        return s != part_slot::none && static_cast<bool>((*this)[s]);
    }
};

enum part_types : std::uint8_t { f8 = 1, i8 = 2, i32 = 4, u8 = 8, u32 = 16, others = 32 };
constexpr unsigned part_type_of(dtype t) noexcept {
    switch (t) {
        case dtype::f8_e4m3:
        case dtype::f8_e5m2:
        case dtype::f8_e4m3fnuz:
        case dtype::f8_e5m2fnuz:
            return f8;
        case dtype::i8:
            return i8;
        case dtype::i32:
            return i32;
        case dtype::u8:
            return u8;
        case dtype::u32:
            return u32;
        case dtype::unknown:
            return 255;  // an index without shards: any of them
        default:
            return others;
    }
}

/// A form by its payload, that one's type, its scale, a part that must be there and two that must
/// not.
struct part_rule {
    part_scheme scheme;
    part_slot payload;
    unsigned types;
    part_slot scale, with, without, nor;
};
// Which names go with which form: the writers of these forms, named at each check in
// part_binder.hpp.
// clang-format off
inline constexpr part_rule part_rules[] = {
    // scheme                      payload                 types     scale                     with                     without                 nor
    {part_scheme::scaled,         part_slot::weight,        f8,      part_slot::scale_inv,     part_slot::none,         part_slot::none,         part_slot::none},
    {part_scheme::scaled,         part_slot::weight,        f8 | i8, part_slot::weight_scale,  part_slot::none,         part_slot::scale_2,      part_slot::none},
    {part_scheme::scaled,         part_slot::weight,        f8,      part_slot::qscale_weight, part_slot::none,         part_slot::none,         part_slot::none},
    {part_scheme::scaled,         part_slot::weight,        f8,      part_slot::scale,         part_slot::none,         part_slot::none,         part_slot::none},
    {part_scheme::scaled,         part_slot::weight,        i8,      part_slot::weight_scaler, part_slot::none,         part_slot::none,         part_slot::none},
    {part_scheme::bnb_int8,       part_slot::weight,        i8,      part_slot::scb,           part_slot::none,         part_slot::none,         part_slot::none},
    {part_scheme::packed_int,     part_slot::weight_packed, i32,     part_slot::weight_scale,  part_slot::none,         part_slot::global_scale, part_slot::none},
    {part_scheme::nvfp4,          part_slot::weight_packed, u8,      part_slot::weight_scale,  part_slot::global_scale, part_slot::none,         part_slot::none},
    {part_scheme::mxfp4,          part_slot::weight_packed, u8,      part_slot::weight_scale,  part_slot::none,         part_slot::global_scale, part_slot::shape},
    {part_scheme::nvfp4_modelopt, part_slot::weight,        u8,      part_slot::weight_scale,  part_slot::scale_2,      part_slot::none,         part_slot::none},
    {part_scheme::mxfp4_blocks,   part_slot::blocks,        u8,      part_slot::scales,        part_slot::none,         part_slot::none,         part_slot::none},
    {part_scheme::mlx,            part_slot::weight,        u32,     part_slot::scales,        part_slot::biases,       part_slot::none,         part_slot::none},
    {part_scheme::mlx_mx,         part_slot::weight,        u32,     part_slot::scales,        part_slot::none,         part_slot::biases,       part_slot::none},
    {part_scheme::gptq,           part_slot::qweight,       i32,     part_slot::scales,        part_slot::qzeros,       part_slot::none,         part_slot::none},
    {part_scheme::bnb_4bit,       part_slot::weight,        u8 | i8 | others, part_slot::absmax, part_slot::quant_map,  part_slot::scb,          part_slot::none},
};
// clang-format on

constexpr part_slot payloads[] = {part_slot::weight, part_slot::qweight, part_slot::weight_packed,
                                  part_slot::blocks};

/// Which rule the parts follow; null: none, `plain` or an error. GPTQ stands for AWQ as well, whose
/// parts have the same names. Errors: not_found, ambiguous, missing_tensor, wrong_type.
inline status choose_rule(const part_set& p, std::string_view base, const quant_settings& q,
                          const part_rule*& out) noexcept {
    part_slot payload = part_slot::none;
    for (part_slot s : payloads) {
        if (!p.has(s)) continue;
        if (payload != part_slot::none)
            return fail(errc::ambiguous, error::nowhere, quoted{base}, " has both ",
                        part_slots[static_cast<unsigned>(payload)], " and ",
                        part_slots[static_cast<unsigned>(s)]);
        payload = s;
    }
    out = nullptr;
    if (payload == part_slot::none)
        return fail(errc::not_found, error::nowhere, "there is no weight of ", quoted{base});
    const tensor& w = p[payload];
    const unsigned type = part_type_of(w.dtype());
    bool some = false;
    for (const part_rule& r : part_rules) {
        if (r.payload != payload || !p.has(r.scale)) continue;
        some = true;
        if ((r.types & type) == 0 || (r.with != part_slot::none && !p.has(r.with)) ||
            p.has(r.without) || p.has(r.nor))
            continue;
        if (out != nullptr)
            return fail(errc::ambiguous, error::nowhere, "tensor ", quoted{w.name()},
                        ": its parts fit ", name(out->scheme), " (",
                        part_slots[static_cast<unsigned>(out->scale)], ") and ", name(r.scheme),
                        " (", part_slots[static_cast<unsigned>(r.scale)], ')')
                .in(w.file());
        out = &r;
    }
    if (out != nullptr) return {};
    if (some)
        return fail(errc::wrong_type, error::nowhere, "tensor ", quoted{w.name()}, " is ",
                    w.dtype_name(), ": with its scales that is no form that is known")
            .in(w.file());
    // No scales. Numbers without any are themselves, unless they are too short to be weights, or
    // the config says that they are quantised.
    const bool wide =
        payload == part_slot::weight && (type == others || w.dtype() == dtype::unknown);
    if (wide || (payload == part_slot::weight && type == f8 && q.method.empty())) return {};
    return fail(errc::missing_tensor, error::nowhere, "tensor ", quoted{w.name()}, " is ",
                w.dtype_name(), " and its scales are missing")
        .in(w.file());
}

}  // namespace detail

template <std::size_t N>
void part_form::describe(detail::fixed_text<N>& t) const noexcept {
    if (scheme == part_scheme::plain) {
        t << aka::name(stored);
        return;
    }
    if (scheme == part_scheme::scaled)
        t << (stored == dtype::unknown ? std::string_view("8-bit") : aka::name(stored));
    else
        t << name(scheme);
    const bool said = scheme == part_scheme::mlx || scheme == part_scheme::gptq ||
                      scheme == part_scheme::awq || scheme == part_scheme::packed_int ||
                      scheme == part_scheme::mlx_mx;
    if (said && bits != 0) t << ' ' << bits << "-bit";
    if (group == 0) return;
    if (scheme == part_scheme::bnb_4bit)
        t << ", blocks of " << group;
    else if (sized && block_rows > 1 && block_rows >= matrix_rows && group >= columns)
        t << ", one scale";
    else if (block_rows > 1)
        t << ", blocks of " << block_rows << " x " << group;
    else if (group >= columns && sized)
        t << ", a scale a row";
    else
        t << ", groups of " << group;
}

AKA_END

#endif  // AKA_PART_FORM_HPP
