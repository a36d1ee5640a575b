// aka: what stands at the end of a name: weight, bias, and what quantisers and adapters add.
#ifndef AKA_PARTS_HPP
#define AKA_PARTS_HPP

#include <cstdint>
#include <string_view>

#include "config.hpp"

AKA_BEGIN

/// How a part lies beside the weight that it belongs to: what has to move when rows move.
enum class part_kind : std::uint8_t {
    weight,
    bias,         ///< one number a row
    row_scale,    ///< one number a row, too, but to be multiplied
    rows,         ///< the same rows, each with another payload
    input,        ///< has no rows of the weight: LoRA's A, g_idx
    scalar,       ///< one for the tensor (or one a head): stays as it is
    block_scale,  ///< one for 128 by 128 weights
    columns,      ///< transposed: the weight's rows are its columns (GPTQ and AWQ)
    opaque,       ///< flat, packed or a description: cannot be cut
};

/// What may stand for {part} in a name, and what it is.
struct part_info {
    std::string_view text;     ///< one `*` stands for an adapter's name
    part_kind kind;            ///< how it lies beside the weight
    part_kind beside_qweight;  ///< where the weight is a `qweight`: GPTQ's scales are [groups, out]
    std::string_view scheme;   ///< who writes it, for people; empty: everybody
};

namespace detail {

// clang-format off
inline constexpr part_info part_table[] = {
    {"weight", part_kind::weight, part_kind::weight, ""},
    {"bias", part_kind::bias, part_kind::bias, ""},
    {"qweight", part_kind::columns, part_kind::columns, "GPTQ or AWQ"},
    {"qzeros", part_kind::opaque, part_kind::opaque, "GPTQ or AWQ"},
    {"scales", part_kind::rows, part_kind::columns, "MLX, GPTQ, AWQ or MXFP4"},
    {"g_idx", part_kind::input, part_kind::input, "GPTQ"},
    {"SCB", part_kind::row_scale, part_kind::row_scale, "bitsandbytes int8"},
    {"weight_format", part_kind::scalar, part_kind::scalar, "bitsandbytes int8"},
    {"weight.absmax", part_kind::opaque, part_kind::opaque, "bitsandbytes 4-bit"},
    {"weight.quant_map", part_kind::opaque, part_kind::opaque, "bitsandbytes 4-bit"},
    {"weight.nested_absmax", part_kind::opaque, part_kind::opaque, "bitsandbytes 4-bit"},
    {"weight.nested_quant_map", part_kind::opaque, part_kind::opaque, "bitsandbytes 4-bit"},
    {"weight.quant_state.bitsandbytes__nf4", part_kind::opaque, part_kind::opaque, "bitsandbytes 4-bit"},
    {"weight.quant_state.bitsandbytes__fp4", part_kind::opaque, part_kind::opaque, "bitsandbytes 4-bit"},
    {"weight_scale_inv", part_kind::block_scale, part_kind::block_scale, "FP8 in blocks"},
    {"scale", part_kind::block_scale, part_kind::block_scale, "FP8 in blocks"},
    {"activation_scale", part_kind::scalar, part_kind::scalar, "FP8"},
    {"weight_packed", part_kind::rows, part_kind::rows, "compressed-tensors"},
    {"weight_scale", part_kind::rows, part_kind::rows, "compressed-tensors or ModelOpt"},
    {"weight_shape", part_kind::opaque, part_kind::opaque, "compressed-tensors"},
    {"weight_zero_point", part_kind::rows, part_kind::rows, "compressed-tensors"},
    {"weight_g_idx", part_kind::input, part_kind::input, "compressed-tensors"},
    {"input_scale", part_kind::scalar, part_kind::scalar, "compressed-tensors or ModelOpt"},
    {"output_scale", part_kind::scalar, part_kind::scalar, "quanto"},
    {"weight_global_scale", part_kind::scalar, part_kind::scalar, "compressed-tensors NVFP4"},
    {"input_global_scale", part_kind::scalar, part_kind::scalar, "compressed-tensors NVFP4"},
    {"weight_scale_2", part_kind::scalar, part_kind::scalar, "ModelOpt NVFP4"},
    {"k_scale", part_kind::scalar, part_kind::scalar, "FP8 cache"},
    {"v_scale", part_kind::scalar, part_kind::scalar, "FP8 cache"},
    {"qscale_weight", part_kind::scalar, part_kind::scalar, "Mistral FP8"},
    {"qscale_act", part_kind::scalar, part_kind::scalar, "Mistral FP8"},
    {"blocks", part_kind::rows, part_kind::rows, "MXFP4"},
    {"biases", part_kind::rows, part_kind::rows, "MLX"},
    {"weight:qdata", part_kind::rows, part_kind::rows, "torchao"},
    {"weight:scale", part_kind::rows, part_kind::rows, "torchao"},
    {"weight._data", part_kind::rows, part_kind::rows, "quanto"},
    {"weight._scale", part_kind::rows, part_kind::rows, "quanto"},
    {"weight_quantized", part_kind::rows, part_kind::rows, "MLC"},
    {"q_weight", part_kind::rows, part_kind::rows, "MLC"},
    {"q_scale", part_kind::rows, part_kind::rows, "MLC"},
    {"weight_scaler", part_kind::row_scale, part_kind::row_scale, "gemma_pytorch int8"},
    {"weight.lora_a", part_kind::input, part_kind::input, "LoRA in GGUF"},
    {"weight.lora_b", part_kind::rows, part_kind::rows, "LoRA in GGUF"},
    {"lora_A.weight", part_kind::input, part_kind::input, "LoRA"},
    {"lora_B.weight", part_kind::rows, part_kind::rows, "LoRA"},
    {"lora_A.*.weight", part_kind::input, part_kind::input, "LoRA"},
    {"lora_B.*.weight", part_kind::rows, part_kind::rows, "LoRA"},
    {"lora_embedding_A", part_kind::opaque, part_kind::opaque, "LoRA"},
    {"lora_embedding_B", part_kind::opaque, part_kind::opaque, "LoRA"},
    {"lora_embedding_A.*", part_kind::opaque, part_kind::opaque, "LoRA"},
    {"lora_embedding_B.*", part_kind::opaque, part_kind::opaque, "LoRA"},
    {"lora_magnitude_vector", part_kind::row_scale, part_kind::row_scale, "DoRA"},
    {"lora_magnitude_vector.*.weight", part_kind::row_scale, part_kind::row_scale, "DoRA"},
    {"lora_a.weight", part_kind::input, part_kind::input, "LoRA of torchtune"},
    {"lora_b.weight", part_kind::rows, part_kind::rows, "LoRA of torchtune"},
    {"magnitude", part_kind::row_scale, part_kind::row_scale, "DoRA of torchtune"},
};
// clang-format on
inline constexpr unsigned part_count = sizeof(part_table) / sizeof(part_table[0]);

inline bool is_separator(char c) noexcept { return c == '.' || c == '/'; }

inline bool part_matches(std::string_view known, std::string_view s) noexcept {
    std::size_t star = known.find('*');
    if (star == std::string_view::npos) return known == s;
    std::string_view after = known.substr(star + 1);
    if (s.size() <= star + after.size() || s.substr(0, star) != known.substr(0, star) ||
        s.substr(s.size() - after.size()) != after)
        return false;
    for (char c : s.substr(star, s.size() - after.size() - star))
        if (is_separator(c)) return false;
    return true;
}

}  // namespace detail

/// What is known of this part; null when it is none.
inline const part_info* find_part(std::string_view s) noexcept {
    for (const part_info& p : detail::part_table)
        if (p.text.size() <= s.size() + 1 && p.text[0] == (s.empty() ? '\0' : s[0]) &&
            detail::part_matches(p.text, s))
            return &p;
    return nullptr;
}

namespace detail {

/// Every way to cut a part off the end of a name: `f(rest, part)`; `rest` keeps its separator.
template <class F>
void each_part(std::string_view name, F f) noexcept {
    int segments = 0;
    for (std::size_t i = name.size(); i-- > 1;) {
        char c = name[i];
        if (c != '_' && !is_separator(c)) continue;
        std::string_view part = name.substr(i + 1);
        if (find_part(part) != nullptr) f(name.substr(0, i + 1), part);
        if (c != '_' && ++segments == 4) return;
    }
}

}  // namespace detail
AKA_END

#endif  // AKA_PARTS_HPP
