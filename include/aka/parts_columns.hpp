// aka: GPTQ and AWQ to float32: matrices of codes that lie transposed, the weight's rows being
// their columns.
//
// Pure functions over bytes, unchecked. Rows of the weight are done some at a time (`n`), their
// scales and zero points of all groups lying beside each other as [groups][128] floats. Results
// are put together in a small place first: rows of a weight are often a power of two apart, where
// caches have room for a few only.
#ifndef AKA_PARTS_COLUMNS_HPP
#define AKA_PARTS_COLUMNS_HPP

#include <cstdint>
#include <cstring>

#include "parts_rows.hpp"

AKA_BEGIN
namespace detail {

/// Rows of the weight, columns here, that are done together.
constexpr unsigned column_width = 128;

/// Which group each of the weight's columns is in: `index` (act-order), or column / group.
struct column_groups {
    const std::uint32_t* index;
    std::size_t group;
    std::size_t of(std::size_t i) const noexcept { return index != nullptr ? index[i] : i / group; }
};
/// Scales and zero points of the rows at hand.
struct column_numbers {
    const float *scale, *zero;
};

/// What each code stands for, where that stays for a whole group.
template <unsigned Width>
void fill_tables(float (&table)[Width][16], const column_numbers& t, std::size_t k, unsigned at,
                 unsigned n) noexcept {
    for (unsigned c = 0; c < n; ++c) {
        const float s = t.scale[k * column_width + at + c], z = t.zero[k * column_width + at + c];
        for (unsigned q = 0; q < 16; ++q) table[c][q] = (static_cast<float>(q) - z) * s;
    }
}
/// Moves `count` columns from column i on of rows [from, to) to the result.
template <unsigned Width, unsigned Room>
void put_rows(const float (&done)[Width][Room], unsigned from, unsigned to, std::size_t i,
              std::size_t count, float* out, std::size_t step) noexcept {
    for (unsigned c = from; c < to; ++c)
        std::memcpy(out + (c - from) * step + i, done[c], count * sizeof(float));
}

/// GPTQ: word w of a column holds the codes of inputs w * 32 / Bits and following, the first in
/// the lowest bits. `words` is the first of n columns, at most 128; row c of the result goes to
/// out + c * step. Inputs are done in blocks, so that a row of words is read in one go.
template <unsigned Bits>
void gptq_rows(const std::byte* words, std::size_t stride, std::size_t inputs,
               const column_groups& groups, const column_numbers& t, unsigned n, float* out,
               std::size_t step) noexcept {
    constexpr unsigned each = 32 / Bits, room = 128, some = 16;
    constexpr std::uint32_t mask = (1u << Bits) - 1;
    float table[some][16], done[some][room + 16];
    const bool whole = groups.index == nullptr && groups.group % each == 0;
    for (std::size_t from = 0; from < inputs; from += room) {
        const std::size_t count = inputs - from < room ? inputs - from : room;
        const std::byte* block = words + from / each * stride;
        for (unsigned at = 0; at < n; at += some) {
            const unsigned end = n - at < some ? n - at : some;
            const std::byte* p = block + std::size_t{4} * at;
            std::size_t have = ~std::size_t{0};
            for (std::size_t i = 0; i < count; i += each, p += stride) {
                if (!whole) {
                    for (unsigned j = 0; j < each; ++j) {
                        const std::size_t k = groups.of(from + i + j) * column_width + at;
                        for (unsigned c = 0; c < end; ++c) {
                            const auto w = load_le<std::uint32_t>(p + 4 * c);
                            const auto q = static_cast<int>(w >> (Bits * j) & mask);
                            done[c][i + j] =
                                (static_cast<float>(q) - t.zero[k + c]) * t.scale[k + c];
                        }
                    }
                    continue;
                }
                const std::size_t k = (from + i) / groups.group;
                if (Bits == 4 && k != have) fill_tables(table, t, have = k, at, end);
                const float *s = t.scale + k * column_width + at,
                            *z = t.zero + k * column_width + at;
                for (unsigned c = 0; c < end; ++c) {
                    const auto w = load_le<std::uint32_t>(p + 4 * c);
                    float* o = done[c] + i;
                    const float zc = z[c], sc = s[c];
                    unrolled<each>([&](auto j) {
                        const std::uint32_t q = w >> (Bits * j) & mask;
                        o[j] = Bits == 4 ? table[c][q & 15]
                                         : (static_cast<float>(static_cast<int>(q)) - zc) * sc;
                    });
                }
            }
            put_rows(done, 0, end, from, count, out + at * step, step);
        }
    }
}

/// AWQ: a word holds the codes of eight of the weight's rows for one input, in this order of rows
/// from the lowest bits on (AutoAWQ's gemm layout).
inline constexpr unsigned awq_order[8] = {0, 2, 4, 6, 1, 3, 5, 7};

/// `words` is the first of the words that hold rows 0 to 127, of which [from, to) are wanted; there
/// are numbers for `whole` rows, `to` rounded up to eight.
inline void awq_rows(const std::byte* words, std::size_t stride, std::size_t inputs,
                     std::size_t group, const column_numbers& t, unsigned from, unsigned to,
                     unsigned whole, float* out, std::size_t step) noexcept {
    // Rows of the small place are not a power of two apart either.
    constexpr unsigned room = 128, ahead = 16;
    float table[column_width][16], done[column_width][room + 16];
    std::size_t have = ~std::size_t{0};
    for (std::size_t at = 0; at < inputs; at += room) {
        const std::size_t count = inputs - at < room ? inputs - at : room;
        for (std::size_t i = 0; i < count; ++i, words += stride) {
            if (at + i + ahead < inputs) AKA_PREFETCH(words + ahead * stride);
            if (std::size_t k = (at + i) / group; k != have)
                fill_tables(table, t, have = k, 0, whole);
            for (unsigned c = from / 8 * 8; c < whole; c += 8) {
                const auto w = load_le<std::uint32_t>(words + c / 2);
                unrolled<4>([&](auto j) {  // awq_order: the even rows, then the odd ones
                    done[c + 2 * j][i] = table[c + 2 * j][w >> (4 * j) & 15];
                    done[c + 2 * j + 1][i] = table[c + 2 * j + 1][w >> (4 * j + 16) & 15];
                });
            }
        }
        put_rows(done, from, to, at, count, out, step);
    }
}

}  // namespace detail
AKA_END

#endif  // AKA_PARTS_COLUMNS_HPP
