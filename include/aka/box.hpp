// aka: the copy plan. A box says which bytes of a source go where in a destination, as runs
// under a few nested loops: slices, fused tensors, RoPE row orders, stacked experts and ranks are
// all lists of boxes.
#ifndef AKA_BOX_HPP
#define AKA_BOX_HPP

#include <cstdint>
#include <cstring>

#include "bytes.hpp"

AKA_BEGIN

/// `n` steps; each moves on by `src` bytes in the source and `dst` bytes in the destination.
struct loop {
    std::uint64_t n;    ///< steps
    std::uint64_t src;  ///< bytes from one to the next in the source
    std::uint64_t dst;  ///< the same in the destination
};

/// Copies `run` bytes from `src` to `dst`, once for each combination of the loops' steps,
/// outermost first. Without loops it is one contiguous range: a view, if that is all there is.
struct box {
    static constexpr unsigned max_depth = 5;  ///< loops that a box can have

    std::uint32_t file = 0;      ///< which file `src` counts in
    std::uint8_t depth = 0;      ///< loops in use
    std::uint64_t src = 0;       ///< byte of the file
    std::uint64_t dst = 0;       ///< byte of the destination
    std::uint64_t run = 0;       ///< bytes in one piece
    loop loops[max_depth] = {};  ///< the first `depth`, outermost first
};

/// What a box touches: bytes copied, and the ends of the ranges it stays in.
struct box_extent {
    std::uint64_t bytes = 0;    ///< copied
    std::uint64_t src_end = 0;  ///< the byte of the file behind the last one read
    std::uint64_t dst_end = 0;  ///< the byte of the destination behind the last one written
};

/// Measures a box. False: it has too many loops or does not fit in 64 bits. An empty box (a run
/// of 0 or a loop of 0 steps) touches nothing.
inline bool measure(const box& b, box_extent& e) noexcept {
    using detail::checked_add;
    using detail::checked_mul;
    e = {b.run, 0, 0};
    if (b.depth > box::max_depth) return false;
    for (unsigned i = 0; i < b.depth; ++i)
        if (!checked_mul(e.bytes, b.loops[i].n, e.bytes)) return false;
    if (e.bytes == 0) return true;
    if (!checked_add(b.src, b.run, e.src_end) || !checked_add(b.dst, b.run, e.dst_end))
        return false;
    for (unsigned i = 0; i < b.depth; ++i) {
        std::uint64_t last = 0;
        const loop& l = b.loops[i];
        if (!checked_mul(l.n - 1, l.src, last) || !checked_add(e.src_end, last, e.src_end) ||
            !checked_mul(l.n - 1, l.dst, last) || !checked_add(e.dst_end, last, e.dst_end))
            return false;
    }
    return true;
}

/// The same copy with fewer loops: single steps go, neighbours that follow each other on both
/// sides become one.
inline void simplify(box& b) noexcept {
    box r = b;
    r.depth = 0;
    for (unsigned i = 0; i < b.depth; ++i) {
        const loop& l = b.loops[i];
        if (l.n == 1) continue;
        if (r.depth != 0) {
            loop& outer = r.loops[r.depth - 1];
            std::uint64_t src = 0, dst = 0, n = 0;
            if (detail::checked_mul(l.n, l.src, src) && detail::checked_mul(l.n, l.dst, dst) &&
                detail::checked_mul(outer.n, l.n, n) && outer.src == src && outer.dst == dst) {
                outer = {n, l.src, l.dst};
                continue;
            }
        }
        r.loops[r.depth++] = l;
    }
    while (r.depth != 0) {
        const loop& l = r.loops[r.depth - 1];
        std::uint64_t run = 0;
        if (l.src != r.run || l.dst != r.run || !detail::checked_mul(r.run, l.n, run)) break;
        r.run = run;
        --r.depth;
    }
    b = r;
}

/// The copy back: what was source is destination.
inline box inverted(const box& b) noexcept {
    box r = b;
    r.src = b.dst;
    r.dst = b.src;
    for (unsigned i = 0; i < b.depth; ++i) {
        r.loops[i].src = b.loops[i].dst;
        r.loops[i].dst = b.loops[i].src;
    }
    return r;
}

/// `n` runs of `run` bytes, `src_step` and `dst_step` bytes apart: what a box hands to whoever
/// carries it out.
struct strip {
    std::uint64_t src;       ///< byte of the file where the first run begins
    std::uint64_t dst;       ///< byte of the destination
    std::uint64_t n;         ///< runs
    std::uint64_t src_step;  ///< bytes from one run to the next in the file
    std::uint64_t dst_step;  ///< the same in the destination
    std::uint64_t run;       ///< bytes of each
};

namespace detail {

/// Walks the part of a box that falls on destination bytes [first, last), in strips.
template <class F>
class box_walk {
  public:
    box_walk(const box& b, std::uint64_t first, std::uint64_t last, F& f) noexcept
        : b_(b), first_(first), last_(last), f_(f) {
        reach_[b.depth] = b.run;
        // A loop of no steps wraps around here; nothing is walked then.
        for (unsigned i = b.depth; i-- > 1;)
            reach_[i] = reach_[i + 1] + (b.loops[i].n - 1) * b.loops[i].dst;
    }
    bool operator()() noexcept {
        if (b_.run == 0) return true;
        for (unsigned i = 0; i < b_.depth; ++i)
            if (b_.loops[i].n == 0) return true;
        return b_.depth == 0 ? run(b_.src, b_.dst) : level(0, b_.src, b_.dst);
    }

  private:
    // Which steps of a loop can touch [first, last) at all, given how far each reaches.
    bool steps(const loop& l, std::uint64_t reach, std::uint64_t dst, std::uint64_t& from,
               std::uint64_t& to) const noexcept {
        from = 0, to = l.n;
        if (dst >= last_) return false;
        if (l.dst == 0) return dst + reach > first_;
        if (dst + reach <= first_) from = (first_ - dst - reach) / l.dst + 1;
        std::uint64_t below = (last_ - dst - 1) / l.dst + 1;
        if (below < to) to = below;
        return from < to;
    }
    bool level(unsigned d, std::uint64_t src, std::uint64_t dst) noexcept {
        const loop& l = b_.loops[d];
        std::uint64_t from = 0, to = 0;
        if (!steps(l, reach_[d + 1], dst, from, to)) return true;
        src += from * l.src;
        dst += from * l.dst;
        // (The second bound follows from the first; compilers that unroll this do not see that.)
        if (d + 1 < b_.depth && d + 1 < box::max_depth) {
            for (; from < to; ++from, src += l.src, dst += l.dst)
                if (!level(d + 1, src, dst)) return false;
            return true;
        }
        // The innermost loop: whole runs as one strip, runs cut by the range on their own.
        while (from < to && dst < first_) {
            if (!run(src, dst)) return false;
            ++from, src += l.src, dst += l.dst;
        }
        std::uint64_t whole = to;
        while (whole > from && dst + (whole - 1 - from) * l.dst + b_.run > last_) --whole;
        if (whole > from && !f_(strip{src, dst, whole - from, l.src, l.dst, b_.run})) return false;
        for (; whole < to; ++whole)
            if (!run(src + (whole - from) * l.src, dst + (whole - from) * l.dst)) return false;
        return true;
    }
    bool run(std::uint64_t src, std::uint64_t dst) noexcept {
        std::uint64_t a = dst < first_ ? first_ : dst;
        std::uint64_t e = dst + b_.run > last_ ? last_ : dst + b_.run;
        return a >= e || f_(strip{src + (a - dst), a, 1, 0, 0, e - a});
    }

    const box& b_;
    std::uint64_t first_, last_;
    F& f_;
    std::uint64_t reach_[box::max_depth + 1] = {};
};

}  // namespace detail

/// Hands the strips of a box that fall on destination bytes [first, last) to `f(strip) -> bool`;
/// runs that cross the range's ends are cut. Stops, and returns false, when `f` returns false.
/// The box must have been measured.
template <class F>
bool for_each_strip(const box& b, std::uint64_t first, std::uint64_t last, F&& f) noexcept {
    return detail::box_walk<F>(b, first, last, f)();
}

namespace detail {

template <std::size_t Run>
void copy_runs(std::byte* dst, const std::byte* src, const strip& s) noexcept {
    for (std::uint64_t i = 0; i < s.n; ++i) {
        std::memcpy(dst, src, Run);
        dst += s.dst_step;
        src += s.src_step;
    }
}

/// Carries out one strip in memory; `src` and `dst` are where byte 0 of each side is.
inline void copy_strip(std::byte* dst, const std::byte* src, const strip& s) noexcept {
    dst += s.dst;
    src += s.src;
    // Short runs are single elements, of a transposition say: no call for each.
    switch (s.run) {
        case 1:
            return copy_runs<1>(dst, src, s);
        case 2:
            return copy_runs<2>(dst, src, s);
        case 4:
            return copy_runs<4>(dst, src, s);
        case 8:
            return copy_runs<8>(dst, src, s);
        default:
            break;
    }
    for (std::uint64_t i = 0; i < s.n; ++i)
        std::memcpy(dst + i * s.dst_step, src + i * s.src_step, static_cast<std::size_t>(s.run));
}

}  // namespace detail

/// Copies a whole box from memory to memory. `src` and `dst` are where byte 0 of each side is;
/// the caller has measured the box against both.
inline void copy_box(std::byte* dst, const std::byte* src, const box& b) noexcept {
    for_each_strip(b, 0, ~std::uint64_t{0}, [=](const strip& s) {
        detail::copy_strip(dst, src, s);
        return true;
    });
}

AKA_END

#endif  // AKA_BOX_HPP
