// Boxes against brute force: every byte that a box moves, one at a time.
#include <aka/box_list.hpp>
#include <doctest/doctest.h>

#include "support/bytes.hpp"
#include "support/guard.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace test_box {

namespace {

using aka::box;
using aka::strip;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

struct move {
    std::uint64_t src, dst;
    bool operator==(const move& o) const { return src == o.src && dst == o.dst; }
    bool operator<(const move& o) const { return dst != o.dst ? dst < o.dst : src < o.src; }
};
using moves = std::vector<move>;

// Every byte in the order that the definition gives: loops from the outside in, then the run.
void walk(const box& b, unsigned depth, std::uint64_t src, std::uint64_t dst, moves& out) {
    if (depth == b.depth || depth == box::max_depth) {
        for (std::uint64_t i = 0; i < b.run; ++i) out.push_back({src + i, dst + i});
        return;
    }
    const aka::loop& l = b.loops[depth];
    for (std::uint64_t i = 0; i < l.n; ++i)
        walk(b, depth + 1, src + i * l.src, dst + i * l.dst, out);
}
moves moves_of(const box& b) {
    moves out;
    walk(b, 0, b.src, b.dst, out);
    return out;
}

std::byte* bytes_of(std::string& s) { return reinterpret_cast<std::byte*>(s.data()); }
const std::byte* bytes_of(const std::string& s) {
    return reinterpret_cast<const std::byte*>(s.data());
}

std::string said(const box& b) {
    std::string s = std::to_string(b.src) + "->" + std::to_string(b.dst);
    for (unsigned i = 0; i < b.depth; ++i) {
        const aka::loop& l = b.loops[i];
        s += " " + std::to_string(l.n) + "x(" + std::to_string(l.src) + "," +
             std::to_string(l.dst) + ")";
    }
    return s + " run " + std::to_string(b.run);
}

// Any strides: sources may be read twice, destinations written twice (then the order counts).
box any_box(test::rng& random, std::uint64_t most_n, std::uint64_t most_stride) {
    box b;
    b.depth = static_cast<std::uint8_t>(random.below(box::max_depth + 1));
    b.src = random.below(20);
    b.dst = random.below(20);
    b.run = random.below(10);
    for (unsigned i = 0; i < b.depth; ++i)
        b.loops[i] = {random.below(most_n + 1), random.below(most_stride + 1),
                      random.below(most_stride + 1)};
    return b;
}

// What plans are made of: both sides packed, their axes in another order, perhaps with gaps. Every
// destination byte is written once.
box layout_box(test::rng& random) {
    box b;
    b.depth = static_cast<std::uint8_t>(random.below(box::max_depth + 1));
    b.run = 1 + random.below(9);
    unsigned order[2][box::max_depth] = {{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}};
    for (unsigned i = 0; i < b.depth; ++i) b.loops[i].n = 1 + random.below(4);
    for (int side = 0; side < 2; ++side) {
        for (unsigned i = b.depth; i > 1; --i)
            if (random.below(2) == 0) std::swap(order[side][i - 1], order[side][random.below(i)]);
        std::uint64_t stride = b.run;
        for (unsigned k = b.depth; k-- > 0;) {
            aka::loop& l = b.loops[order[side][k]];
            stride += random.below(4) == 0 ? random.below(3) : 0;
            (side == 0 ? l.src : l.dst) = stride;
            stride *= l.n;
        }
    }
    b.src = random.below(5);
    b.dst = random.below(5);
    return b;
}

// A source of exactly the bytes that the box touches, and what copying it must give.
struct bench {
    std::string src, before, after;
    bench(const moves& all, std::uint64_t seed) {
        std::uint64_t src_end = 0, dst_end = 0;
        for (const move& m : all) {
            src_end = std::max(src_end, m.src + 1);
            dst_end = std::max(dst_end, m.dst + 1);
        }
        src = test::random_bytes(static_cast<std::size_t>(src_end), seed);
        before = test::random_bytes(static_cast<std::size_t>(dst_end), seed + 1);
        after = copied(all, 0, largest);
    }
    std::string copied(const moves& all, std::uint64_t first, std::uint64_t last) const {
        std::string out = before;
        for (const move& m : all)
            if (m.dst >= first && m.dst < last)
                out[static_cast<std::size_t>(m.dst)] = src[static_cast<std::size_t>(m.src)];
        return out;
    }
};

// The box, and every part of it that a pair of cuts gives when there are few bytes.
void check_box(const box& b, std::uint64_t seed) {
    const moves all = moves_of(b);
    const bench t(all, seed);
    CAPTURE(said(b));

    aka::box_extent e;
    REQUIRE(aka::measure(b, e));
    CHECK(e.bytes == all.size());
    CHECK(e.src_end == t.src.size());
    CHECK(e.dst_end == t.before.size());

    std::string out = t.before;
    aka::copy_box(bytes_of(out), bytes_of(t.src), b);
    CHECK((out == t.after));

    // Cuts everywhere in small boxes, here and there in larger ones.
    const std::uint64_t end = t.before.size() + 2;
    const std::uint64_t step = end <= 24 ? 1 : end / 9;
    for (std::uint64_t first = 0; first <= end; first += step) {
        for (std::uint64_t last = first; last <= end; last += step) {
            out = t.before;
            bool inside = true;
            aka::for_each_strip(b, first, last, [&](const strip& s) {
                for (std::uint64_t i = 0; i < s.n; ++i) {
                    const std::uint64_t dst = s.dst + i * s.dst_step, src = s.src + i * s.src_step;
                    inside = inside && s.run != 0 && dst >= first && dst + s.run <= last &&
                             src + s.run <= t.src.size();
                }
                if (inside) aka::detail::copy_strip(bytes_of(out), bytes_of(t.src), s);
                return true;
            });
            CHECK(inside);
            CHECK((out == t.copied(all, first, last)));
        }
    }
}

}  // namespace

TEST_CASE("box: a copy is what brute force copies, whole and in any part") {
    test::rng random(1);
    for (std::uint64_t i = 0; i < 3000; ++i) check_box(any_box(random, 3, 12), i);
    for (std::uint64_t i = 0; i < 1000; ++i) check_box(any_box(random, 2, 2), i);
    for (std::uint64_t i = 0; i < 3000; ++i) check_box(layout_box(random), i);
}

TEST_CASE("box: runs of every length stay inside their buffers") {
    test::rng random(3);
    for (std::uint64_t run = 1; run <= 40; ++run) {
        for (const std::uint64_t n : {1u, 2u, 7u}) {
            box b;
            b.depth = 2;
            b.run = run;
            b.loops[0] = {n, run + random.below(3), 2 * (run + 1)};
            b.loops[1] = {2, n * b.loops[0].src, run + random.below(2)};
            const bench t(moves_of(b), run);
            const test::guard_buffer src(t.src);
            for (const auto side : {test::guard_side::behind, test::guard_side::before}) {
                test::guard_buffer dst(t.before, side, true);
                aka::copy_box(reinterpret_cast<std::byte*>(dst.data()),
                              reinterpret_cast<const std::byte*>(src.data()), b);
                CHECK((dst.view() == t.after));
            }
        }
    }
}

TEST_CASE("box: simplifying changes the loops, not the copy") {
    test::rng random(4);
    for (int i = 0; i < 6000; ++i) {
        const box b = i % 2 == 0 ? any_box(random, 3, 12) : layout_box(random);
        box s = b;
        aka::simplify(s);
        CAPTURE(said(b));
        CAPTURE(said(s));
        CHECK((moves_of(s) == moves_of(b)));  // in the same order, even
        CHECK(s.depth <= b.depth);
        for (unsigned k = 0; k < s.depth; ++k) CHECK(s.loops[k].n != 1);
        CHECK(s.file == b.file);
        box again = s;
        aka::simplify(again);
        CHECK(again.depth == s.depth);
        CHECK(again.run == s.run);
    }
    // Packed on both sides in the same order is one run, however many loops say it.
    for (int i = 0; i < 500; ++i) {
        box b;
        b.file = 3;
        b.depth = static_cast<std::uint8_t>(random.below(box::max_depth + 1));
        b.run = 1 + random.below(100);
        std::uint64_t size = b.run;
        for (unsigned k = b.depth; k-- > 0;) {
            b.loops[k] = {1 + random.below(50), size, size};
            size *= b.loops[k].n;
        }
        aka::simplify(b);
        CHECK(b.depth == 0);
        CHECK(b.run == size);
        CHECK(b.file == 3);
    }
    // Products that would not fit are left as they are.
    box b;
    b.depth = 2;
    b.run = largest / 2;
    b.loops[0] = b.loops[1] = {3, largest / 2, largest / 2};
    aka::simplify(b);
    CHECK(b.depth == 2);
}

TEST_CASE("box: a new one is one range that touches nothing") {
    const box b;
    CHECK(said(b) == "0->0 run 0");
    CHECK(b.file == 0);
    const aka::box_extent e;
    CHECK((e.bytes == 0 && e.src_end == 0 && e.dst_end == 0));
    CHECK(box::max_depth == 5);
}

TEST_CASE("box: runs inside the range are one strip, a run that it cuts is one of its own") {
    box b;
    b.depth = 1;
    b.src = 3;
    b.dst = 5;
    b.run = 4;
    b.loops[0] = {10, 4, 6};
    const std::uint64_t end = 5 + 9 * 6 + 4;
    for (std::uint64_t first = 0; first <= end + 2; ++first) {
        for (std::uint64_t last = first; last <= end + 2; ++last) {
            std::vector<strip> want;
            for (std::uint64_t k = 0; k < 10; ++k) {
                const std::uint64_t dst = 5 + 6 * k, from = std::max(first, dst);
                const std::uint64_t to = std::min(last, dst + 4);
                if (from >= to) continue;
                const bool whole = to - from == 4;
                if (whole && !want.empty() && want.back().run == 4)
                    ++want.back().n;
                else
                    want.push_back({3 + 4 * k + (from - dst), from, 1, 0, 0, to - from});
            }
            std::size_t i = 0;
            CAPTURE(first);
            CAPTURE(last);
            aka::for_each_strip(b, first, last, [&](const strip& s) {
                REQUIRE(i < want.size());
                const strip& w = want[i++];
                CHECK((s.src == w.src && s.dst == w.dst && s.n == w.n && s.run == w.run));
                if (s.n > 1) CHECK((s.src_step == 4 && s.dst_step == 6));
                return true;
            });
            CHECK(i == want.size());
        }
    }
}

TEST_CASE("box: the inverse copies back") {
    test::rng random(5);
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const box b = layout_box(random);
        const box back = aka::inverted(b);
        moves there = moves_of(b), here = moves_of(back);
        for (move& m : here) std::swap(m.src, m.dst);
        CHECK((here == there));
        const bench t(there, i);
        std::string again(t.src.size(), '\0');
        aka::copy_box(bytes_of(again), bytes_of(t.after), back);
        for (const move& m : there) {
            const auto at = static_cast<std::size_t>(m.src);
            REQUIRE(again[at] == t.src[at]);
        }
        CHECK((moves_of(aka::inverted(back)) == there));
    }
}

TEST_CASE("box: a list keeps what a box says, and takes no more than the loops in use") {
    test::rng random(9);
    std::vector<box> all;
    std::size_t loops = 0;
    for (std::uint64_t i = 0; i < 300; ++i) {
        all.push_back(i % 3 == 0 ? box() : layout_box(random));
        all.back().file = static_cast<std::uint32_t>(i);
        loops += all.back().depth;
        if (i % 3 == 0) all.back().run = i + 1;
    }
    const auto n = static_cast<std::uint32_t>(all.size());
    const std::size_t size = aka::box_list::packed_size(all.data(), n);
    CHECK(size == all.size() * 32 + loops * 24);
    test::guard_buffer memory(std::string(size, 'x'), test::guard_side::behind, true);
    const aka::box_list list = aka::box_list::pack(all.data(), n, memory.data());
    CHECK(list.size() == all.size());
    CHECK(said(list.front()) == said(all[0]));
    std::size_t i = 0;
    for (const box& b : list) {
        REQUIRE(i < all.size());
        CHECK(b.file == all[i].file);
        CHECK(said(b) == said(all[i++]));
    }
    CHECK(i == all.size());
    const aka::box_list none;
    CHECK((none.empty() && none.begin() == none.end()));
}

TEST_CASE("box: measuring notices what does not fit in 64 bits") {
    const std::uint64_t half = std::uint64_t{1} << 32;
    struct row {
        std::uint64_t src, dst, run;
        std::vector<aka::loop> loops;
        bool fits;
    };
    const row rows[] = {
        {largest, largest, 0, {}, true},  // empty: touches nothing
        {largest - 5, 0, 5, {}, true},
        {largest - 5, 0, 6, {}, false},
        {0, largest - 5, 6, {}, false},
        {0, 0, largest, {{1, 0, 0}}, true},
        {0, 0, largest, {{2, 0, 0}}, false},
        {0, 0, half, {{half, 0, 0}}, false},
        {0, 0, half, {{half - 1, 0, 0}}, true},
        {0, 0, half, {{half / 2, 0, 0}, {2, 0, 0}}, false},
        {0, 0, 1, {{2, largest, 0}}, false},
        {0, 0, 1, {{2, largest - 1, 0}}, true},
        {1, 0, 1, {{2, largest - 1, 0}}, false},
        {0, 0, 1, {{2, 0, largest}}, false},
        {0, 0, 1, {{1, largest, largest}}, true},  // a single step goes nowhere
        {0, 0, 1, {{0, largest, largest}}, true},
        {0, 0, 1, {{3, largest / 2, 0}}, true},  // to the last byte that there could be
        {0, 0, 2, {{3, largest / 2, 0}}, false},
        {0, 0, 2, {{2, largest / 2, 0}, {2, largest / 2, 0}}, false},
        {0, 0, 1, {{2, 0, largest / 2}, {2, 0, largest / 2 - 1}}, true},
        {0, 0, 1, {{half, half, 1}, {half, 1, half}}, false},  // 2^64 bytes in all
        {0, 0, 1, {{half, half, 1}, {half - 1, 1, half}}, true},
    };
    for (const row& r : rows) {
        box b;
        b.src = r.src;
        b.dst = r.dst;
        b.run = r.run;
        b.depth = static_cast<std::uint8_t>(r.loops.size());
        std::copy(r.loops.begin(), r.loops.end(), b.loops);
        CAPTURE(said(b));
        aka::box_extent e;
        CHECK(aka::measure(b, e) == r.fits);
        CHECK(aka::measure(aka::inverted(b), e) == r.fits);
    }
    box b;
    b.run = 1;
    for (unsigned i = 0; i < box::max_depth; ++i) b.loops[i] = {1, 1, 1};
    aka::box_extent e;
    b.depth = box::max_depth;
    CHECK(aka::measure(b, e));
    b.depth = box::max_depth + 1;
    CHECK_FALSE(aka::measure(b, e));
    b.depth = 255;
    CHECK_FALSE(aka::measure(b, e));
}

TEST_CASE("box: far offsets do not overflow on the way") {
    // Strips only name places; nobody has to have so much memory.
    const std::uint64_t tib = std::uint64_t{1} << 40;
    box b;
    b.src = 3 * tib;
    b.dst = 5 * tib;
    b.run = 7;
    b.depth = 2;
    b.loops[0] = {1u << 20, 64 * tib / (1u << 20), 16};
    b.loops[1] = {2, 7, 8};
    const std::uint64_t first = b.dst + 16 * 777777 + 3, last = first + 15;
    moves seen;
    const bool went = aka::for_each_strip(b, first, last, [&](const strip& s) {
        for (std::uint64_t i = 0; i < s.n; ++i)
            for (std::uint64_t k = 0; k < s.run; ++k)
                seen.push_back({s.src + i * s.src_step + k, s.dst + i * s.dst_step + k});
        return true;
    });
    CHECK(went);
    std::sort(seen.begin(), seen.end());
    moves expected;
    for (std::uint64_t dst = first; dst < last; ++dst) {
        const std::uint64_t row = (dst - b.dst) / 16, at = (dst - b.dst) % 16;
        if (at % 8 == 7) continue;  // a gap
        expected.push_back({b.src + row * b.loops[0].src + at / 8 * 7 + at % 8, dst});
    }
    CHECK((seen == expected));
}

TEST_CASE("box: a walk stops when it is told to") {
    test::rng random(6);
    for (int i = 0; i < 500; ++i) {
        const box b = layout_box(random);
        const auto walked = [&](std::uint64_t most) {
            std::uint64_t n = 0;
            const bool went =
                aka::for_each_strip(b, 1, b.dst + 30, [&](const strip&) { return ++n < most; });
            return std::pair(went, n);
        };
        const auto [whole, strips] = walked(largest);
        CHECK(whole);
        for (std::uint64_t most = 1; most <= strips; ++most)
            CHECK((walked(most) == std::pair(false, most)));
        CHECK((walked(strips + 1) == std::pair(true, strips)));
    }
}

}  // namespace test_box
