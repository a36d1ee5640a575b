// aka: scales that 128 by 128 weights share, as FP8 checkpoints have them: where they go when the
// weights move.
#ifndef AKA_BLOCK_SCALES_HPP
#define AKA_BLOCK_SCALES_HPP

#include <cstdint>

#include "layout.hpp"
#include "shape.hpp"

AKA_BEGIN
namespace detail {

inline constexpr std::uint64_t scale_side = 128;

/// A matrix of weights, or a stack of them, seen as rows below each other.
struct weight_grid {
    std::uint64_t each = 0;  // rows of one matrix
    std::uint64_t rows = 0;  // of all
    std::uint64_t columns = 0;

    static weight_grid of(const placement& p) noexcept {
        weight_grid g;
        if (p.rank < 2) return g;
        g.columns = p.dims[p.rank - 1];
        g.rows = g.each = p.dims[p.rank - 2];
        for (unsigned i = 0; i + 2 < p.rank; ++i) g.rows *= p.dims[i];
        return g;
    }
    static constexpr std::uint64_t blocks(std::uint64_t n) noexcept {
        return n / scale_side + (n % scale_side != 0);
    }
    bool has_scales(const shape& s) const noexcept {
        std::uint64_t n = blocks(each) * (each == 0 ? 0 : rows / each) * blocks(columns);
        return s.rank() >= 2 && s.back() == blocks(columns) && s[s.rank() - 2] == blocks(each) &&
               s.elements() == n;
    }
    // A stack's matrices begin on borders of blocks only where they are of whole ones.
    bool stacks() const noexcept { return each == rows || each % scale_side == 0; }
};

/// Turns a copy of weights, one byte each, into the copy of their scales of `size` bytes. False
/// where it would cut a block: `cut` is the row or column, or how many of them.
inline bool copy_of_scales(const weight_grid& from, const weight_grid& to, std::uint64_t size,
                           box& b, std::uint64_t& cut) noexcept {
    if (from.columns == 0 || to.columns == 0 || !from.stacks() || !to.stacks())
        return cut = from.stacks() ? to.each : from.each, false;
    auto whole = [&](std::uint64_t n) { return n % scale_side == 0 || (cut = n, false); };
    const std::uint64_t src_row = b.src / from.columns, dst_row = b.dst / to.columns;
    const std::uint64_t src_at = b.src % from.columns, dst_at = b.dst % to.columns;
    if (!whole(src_row) || !whole(dst_row) || !whole(src_at) || !whole(dst_at)) return false;
    // The last block of a side may be smaller, where it is the last one on both.
    auto rows = [&](std::uint64_t n, bool alone) {
        return (alone && src_row + n == from.rows && dst_row + n == to.rows) || whole(n);
    };
    const std::uint64_t src_width = weight_grid::blocks(from.columns),
                        dst_width = weight_grid::blocks(to.columns);
    if (from.columns == to.columns && b.run % from.columns == 0) {
        const std::uint64_t n = b.run / from.columns;
        if (!rows(n, b.depth == 0)) return false;
        b.run = weight_grid::blocks(n) * src_width;
    } else {
        const bool last = src_at + b.run == from.columns && dst_at + b.run == to.columns;
        if (!last && !whole(b.run)) return false;
        b.run = weight_grid::blocks(b.run);
    }
    for (unsigned i = 0; i < b.depth; ++i) {
        loop& l = b.loops[i];
        if (l.src % from.columns != 0 || l.dst % to.columns != 0) {  // along a row
            if (!whole(l.src) || !whole(l.dst)) return false;
            l.src /= scale_side, l.dst /= scale_side;
            continue;
        }
        std::uint64_t src = l.src / from.columns, dst = l.dst / to.columns;
        if (src == 1 && dst == 1) {
            if (!rows(l.n, b.depth == 1)) return false;
            l.n = weight_grid::blocks(l.n);
            src = dst = scale_side;
        }
        if (!whole(src) || !whole(dst)) return false;
        l.src = src / scale_side * src_width, l.dst = dst / scale_side * dst_width;
    }
    b.src = src_row / scale_side * src_width + src_at / scale_side;
    b.dst = dst_row / scale_side * dst_width + dst_at / scale_side;
    for (std::uint64_t* n : {&b.src, &b.dst, &b.run}) *n *= size;
    for (unsigned i = 0; i < b.depth; ++i) b.loops[i].src *= size, b.loops[i].dst *= size;
    simplify(b);
    return true;
}

}  // namespace detail
AKA_END

#endif  // AKA_BLOCK_SCALES_HPP
