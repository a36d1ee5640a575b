// aka: the element types of both formats, in one table.
#ifndef AKA_DTYPE_HPP
#define AKA_DTYPE_HPP

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "bytes.hpp"

AKA_BEGIN

/// What the elements of a tensor are. `unknown` is a type that this version has no name for (its
/// tensor is listed all the same) or that nothing said (a tensor of an index without shards).
// clang-format off
enum class dtype : std::uint8_t {
    unknown,
    // both formats
    f64, f32, f16, bf16, i64, i32, i16, i8,
    // safetensors
    u64, u32, u16, u8, boolean, c64,
    f8_e5m2, f8_e4m3, f8_e8m0, f8_e4m3fnuz, f8_e5m2fnuz, f6_e2m3, f6_e3m2, f4,
    // GGUF: blocks of quantised weights
    q4_0, q4_1, q5_0, q5_1, q8_0, q8_1,
    q2_k, q3_k, q4_k, q5_k, q6_k, q8_k,
    iq2_xxs, iq2_xs, iq3_xxs, iq1_s, iq4_nl, iq3_s, iq2_s, iq4_xs, iq1_m,
    tq1_0, tq2_0, mxfp4, nvfp4, q1_0, q2_0,
};
// clang-format on

/// One row of the table. Elements come in blocks of `block_elements` that take `block_bytes`:
/// 1 and the size for plain types, 2 and 1 for F4, 256 and 144 for Q4_K.
struct dtype_info {
    aka::dtype dtype;              ///< which row it is
    std::string_view name;         ///< as safetensors writes it, or ggml's name in capitals
    int ggml_id;                   ///< -1: GGUF has no such type
    bool in_safetensors;           ///< whether that format has it
    std::uint16_t block_elements;  ///< of a row, side by side
    std::uint16_t block_bytes;     ///< that they take together
    std::uint8_t
        swap_bytes;  ///< width of the numbers to swap between byte orders; 0: of mixed width
};

namespace detail {

// ggml ids and block sizes: ggml's own table, ids 0 to 42. Sizes of the rest: safetensors.
inline constexpr dtype_info dtype_table[] = {
    {dtype::unknown, "unknown", -1, false, 0, 0, 0},
    {dtype::f64, "F64", 28, true, 1, 8, 8},
    {dtype::f32, "F32", 0, true, 1, 4, 4},
    {dtype::f16, "F16", 1, true, 1, 2, 2},
    {dtype::bf16, "BF16", 30, true, 1, 2, 2},
    {dtype::i64, "I64", 27, true, 1, 8, 8},
    {dtype::i32, "I32", 26, true, 1, 4, 4},
    {dtype::i16, "I16", 25, true, 1, 2, 2},
    {dtype::i8, "I8", 24, true, 1, 1, 1},
    {dtype::u64, "U64", -1, true, 1, 8, 8},
    {dtype::u32, "U32", -1, true, 1, 4, 4},
    {dtype::u16, "U16", -1, true, 1, 2, 2},
    {dtype::u8, "U8", -1, true, 1, 1, 1},
    {dtype::boolean, "BOOL", -1, true, 1, 1, 1},
    {dtype::c64, "C64", -1, true, 1, 8, 4},
    {dtype::f8_e5m2, "F8_E5M2", -1, true, 1, 1, 1},
    {dtype::f8_e4m3, "F8_E4M3", -1, true, 1, 1, 1},
    {dtype::f8_e8m0, "F8_E8M0", -1, true, 1, 1, 1},
    {dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", -1, true, 1, 1, 1},
    {dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", -1, true, 1, 1, 1},
    {dtype::f6_e2m3, "F6_E2M3", -1, true, 4, 3, 1},
    {dtype::f6_e3m2, "F6_E3M2", -1, true, 4, 3, 1},
    {dtype::f4, "F4", -1, true, 2, 1, 1},
    {dtype::q4_0, "Q4_0", 2, false, 32, 18, 0},
    {dtype::q4_1, "Q4_1", 3, false, 32, 20, 0},
    {dtype::q5_0, "Q5_0", 6, false, 32, 22, 0},
    {dtype::q5_1, "Q5_1", 7, false, 32, 24, 0},
    {dtype::q8_0, "Q8_0", 8, false, 32, 34, 0},
    {dtype::q8_1, "Q8_1", 9, false, 32, 36, 0},
    {dtype::q2_k, "Q2_K", 10, false, 256, 84, 0},
    {dtype::q3_k, "Q3_K", 11, false, 256, 110, 0},
    {dtype::q4_k, "Q4_K", 12, false, 256, 144, 0},
    {dtype::q5_k, "Q5_K", 13, false, 256, 176, 0},
    {dtype::q6_k, "Q6_K", 14, false, 256, 210, 0},
    {dtype::q8_k, "Q8_K", 15, false, 256, 292, 0},
    {dtype::iq2_xxs, "IQ2_XXS", 16, false, 256, 66, 0},
    {dtype::iq2_xs, "IQ2_XS", 17, false, 256, 74, 0},
    {dtype::iq3_xxs, "IQ3_XXS", 18, false, 256, 98, 0},
    {dtype::iq1_s, "IQ1_S", 19, false, 256, 50, 0},
    {dtype::iq4_nl, "IQ4_NL", 20, false, 32, 18, 0},
    {dtype::iq3_s, "IQ3_S", 21, false, 256, 110, 0},
    {dtype::iq2_s, "IQ2_S", 22, false, 256, 82, 0},
    {dtype::iq4_xs, "IQ4_XS", 23, false, 256, 136, 0},
    {dtype::iq1_m, "IQ1_M", 29, false, 256, 56, 0},
    {dtype::tq1_0, "TQ1_0", 34, false, 256, 54, 0},
    {dtype::tq2_0, "TQ2_0", 35, false, 256, 66, 0},
    {dtype::mxfp4, "MXFP4", 39, false, 32, 17, 1},
    {dtype::nvfp4, "NVFP4", 40, false, 64, 36, 1},
    {dtype::q1_0, "Q1_0", 41, false, 128, 18, 0},
    {dtype::q2_0, "Q2_0", 42, false, 64, 18, 0},
};
inline constexpr std::size_t dtype_count = sizeof(dtype_table) / sizeof(dtype_table[0]);

constexpr bool dtype_table_in_order() noexcept {
    for (std::size_t i = 0; i < dtype_count; ++i)
        if (dtype_table[i].dtype != static_cast<dtype>(i)) return false;
    return dtype_count == static_cast<std::size_t>(dtype::q2_0) + 1;
}
static_assert(dtype_table_in_order(), "dtype_info is looked up by position");

inline constexpr int ggml_type_count = 43;  // the first id that this version does not know

struct ggml_type_map {
    aka::dtype of[ggml_type_count];
};
constexpr ggml_type_map make_ggml_type_map() noexcept {
    ggml_type_map m{};
    for (const dtype_info& row : dtype_table)
        if (row.ggml_id >= 0) m.of[row.ggml_id] = row.dtype;
    return m;
}
inline constexpr ggml_type_map ggml_types = make_ggml_type_map();

/// Blocks have 1, 2, 4, ... elements: as a shift, since dividing is slow.
struct block_shift_map {
    std::uint8_t of[dtype_count];
};
constexpr block_shift_map make_block_shift_map() noexcept {
    block_shift_map m{};
    for (std::size_t i = 1; i < dtype_count; ++i)
        while ((1u << m.of[i]) < dtype_table[i].block_elements) ++m.of[i];
    return m;
}
inline constexpr block_shift_map block_shifts = make_block_shift_map();
constexpr bool blocks_are_powers_of_two() noexcept {
    for (std::size_t i = 1; i < dtype_count; ++i)
        if ((1u << block_shifts.of[i]) != dtype_table[i].block_elements) return false;
    return true;
}
static_assert(blocks_are_powers_of_two(), "block_shifts divides by shifting");

}  // namespace detail

constexpr const dtype_info& info(dtype t) noexcept {
    return detail::dtype_table[static_cast<std::size_t>(t)];
}
constexpr std::string_view name(dtype t) noexcept { return info(t).name; }

/// The dtype of a ggml type id; `unknown` for removed ids (4, 5, 31-33, 36-38) and for later ones.
constexpr dtype dtype_from_ggml(std::uint32_t id) noexcept {
    return id < static_cast<std::uint32_t>(detail::ggml_type_count) ? detail::ggml_types.of[id]
                                                                    : dtype::unknown;
}

/// The dtype with this name, as `name` writes it (case matters, as in both formats).
constexpr dtype dtype_from_name(std::string_view s) noexcept {
    for (const dtype_info& row : detail::dtype_table)
        if (row.name == s) return row.dtype;
    return dtype::unknown;
}

/// Which dtype a C++ type reads: float is F32, std::uint16_t reads the bits of U16, F16 and BF16.
template <class T>
constexpr bool reads(dtype t) noexcept {
    using U = std::remove_cv_t<T>;
    if constexpr (std::is_same_v<U, float>) return t == dtype::f32;
    if constexpr (std::is_same_v<U, double>) return t == dtype::f64;
    if constexpr (std::is_same_v<U, bool>) return false;  // a byte of 2 would be no bool
    if constexpr (std::is_same_v<U, std::byte>) return true;
    if constexpr (std::is_integral_v<U>) {
        const dtype_info& i = info(t);
        if (i.block_elements != 1 || i.block_bytes != sizeof(U)) return false;
        if (std::is_signed_v<U>)
            return t == dtype::i8 || t == dtype::i16 || t == dtype::i32 || t == dtype::i64;
        // Unsigned words also carry the bits of the types that C++ has no name for.
        return t == dtype::u64 || t == dtype::u32 || t == dtype::u16 || t == dtype::f16 ||
               t == dtype::bf16 || sizeof(U) == 1;
    }
    return false;
}

AKA_END

#endif  // AKA_DTYPE_HPP
