// aka: GPTQ and AWQ to float32: matrices of codes that lie transposed, the weight's rows being
// their columns.
//
// Pure functions over bytes, unchecked. A tile is up to 16 of the weight's rows (`n`); scales and
// zero points of all groups are beside each other as [groups][16] floats.
#ifndef AKA_PARTS_COLUMNS_HPP
#define AKA_PARTS_COLUMNS_HPP

#include <cstdint>

#include "convert.hpp"

AKA_BEGIN
namespace detail {

constexpr unsigned tile_rows = 16;

/// Which group each of the weight's columns is in: `index` (act-order), or column / group.
struct column_groups {
    const std::uint32_t* index;
    std::size_t group;
    std::size_t of(std::size_t i) const noexcept { return index != nullptr ? index[i] : i / group; }
};
/// Scales and zero points of a tile.
struct tile_numbers {
    const float *scale, *zero;
};

/// Codes of one tile in a table, where they stay the same for a whole group.
inline void fill_tables(float (*table)[16], const tile_numbers& t, std::size_t k,
                        unsigned n) noexcept {
    for (unsigned c = 0; c < n; ++c) {
        const float s = t.scale[k * tile_rows + c], z = t.zero[k * tile_rows + c];
        for (unsigned q = 0; q < 16; ++q) table[c][q] = (static_cast<float>(q) - z) * s;
    }
}

/// GPTQ: word w of a column holds the codes of inputs w * 32 / Bits and following, the first in
/// the lowest bits. `words` is the tile's first column; row c of the result goes to out + c * step.
template <unsigned Bits>
void gptq_tile(const std::byte* words, std::size_t stride, std::size_t inputs,
               const column_groups& groups, const tile_numbers& t, unsigned n, float* out,
               std::size_t step) noexcept {
    constexpr unsigned each = 32 / Bits;
    constexpr std::uint32_t mask = (Bits == 32 ? 0 : 1u << Bits) - 1;
    float table[tile_rows][16];
    std::size_t have = ~std::size_t{0};
    const bool whole = groups.index == nullptr && groups.group % each == 0;
    for (std::size_t i = 0; i < inputs; i += each, words += stride) {
        if (Bits == 4 && whole) {
            if (std::size_t k = i / groups.group; k != have) fill_tables(table, t, have = k, n);
            for (unsigned c = 0; c < n; ++c) {
                const auto w = load_le<std::uint32_t>(words + 4 * c);
                float* o = out + c * step + i;
                for (unsigned j = 0; j < each; ++j) o[j] = table[c][w >> (4 * j) & 15];
            }
            continue;
        }
        for (unsigned j = 0; j < each; ++j) {
            const std::size_t k = groups.of(i + j) * tile_rows;
            for (unsigned c = 0; c < n; ++c) {
                const auto w = load_le<std::uint32_t>(words + 4 * c);
                out[c * step + i + j] =
                    (static_cast<float>(w >> (Bits * j) & mask) - t.zero[k + c]) * t.scale[k + c];
            }
        }
    }
}

/// AWQ: a word holds the codes of eight of the weight's rows for one input, in this order of rows
/// from the lowest bits on (AutoAWQ's gemm layout).
inline constexpr unsigned awq_order[8] = {0, 2, 4, 6, 1, 3, 5, 7};

/// Two words a row of `words`: 16 of the weight's rows, of which [from, to) are wanted.
inline void awq_tile(const std::byte* words, std::size_t stride, std::size_t inputs,
                     std::size_t group, const tile_numbers& t, unsigned from, unsigned to,
                     float* out, std::size_t step) noexcept {
    float table[tile_rows][16];
    std::size_t have = ~std::size_t{0};
    for (std::size_t i = 0; i < inputs; ++i, words += stride) {
        if (std::size_t k = i / group; k != have) fill_tables(table, t, have = k, to);
        for (unsigned half = 0; half < 2 && 8 * half < to; ++half) {
            const auto w = load_le<std::uint32_t>(words + 4 * half);
            for (unsigned j = 0; j < 8; ++j) {
                const unsigned c = 8 * half + awq_order[j];
                if (c >= from && c < to) out[(c - from) * step + i] = table[c][w >> (4 * j) & 15];
            }
        }
    }
}

}  // namespace detail
AKA_END

#endif  // AKA_PARTS_COLUMNS_HPP
