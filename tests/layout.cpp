// What is no layout is refused, with the reason and the column; what two places must have in
// common to be copied. What a layout means is in random_layouts.cpp.
#include <aka/layout.hpp>
#include <doctest/doctest.h>

#include "support/outcome.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace test_layout {

namespace {

using aka::atom_place;
using aka::axis;
using aka::axis_sizes;
using aka::placement;
using aka::role;

axis_sizes sizes() {
    axis_sizes z;
    z.v = 11, z.x = 6, z.kv = 2, z.g = 3, z.d = 7, z.head = 10, z.rotary = 4;
    z.f = 5, z.f_exps = 8, z.f_shexp = 9, z.e = 3;
    return z;
}
aka::status walk(const std::string& text, placement& p, const axis_sizes& z = sizes(),
                 bool inputs = true, role own = role::none) {
    return aka::walk(text, own, aka::rope_order::half, z, inputs, p);
}
std::vector<std::uint64_t> dims_of(const std::string& text, bool inputs = true,
                                   role own = role::none) {
    placement p;
    REQUIRE_OK(walk(text, p, sizes(), inputs, own));
    std::uint64_t n = 1;
    for (unsigned i = 0; i < p.rank; ++i) n *= p.dims[i];
    CHECK(n == p.elements);
    return {p.dims, p.dims + p.rank};
}
using dims = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("layout: what is none is refused, with the reason and where") {
    struct row {
        const char* text;
        unsigned column;
        const char* why;
    };
    const row rows[] = {
        {"q kv zz x", 6, "neither an axis nor a role"},
        {"q kv g s x", 9, "'s' and 'i' stand side by side"},
        {"q kv g s", 9, "'s' and 'i' stand side by side"},
        {"q kv g i i x", 9, "'s' and 'i' stand side by side"},
        {"q kv s (x)", 7, "'s' and 'i' stand side by side"},
        {"q x ) kv", 5, "unexpected text"},
        {"q x + k x", 5, "unexpected text"},
        {"(q x + k x", 11, "expected '+' or ')'"},
        {"x (q kv + k s)", 14, "'s' and 'i' stand side by side"},
        {"((((((q x))))))", 5, "nested too deep"},
        {"(q x + k x) (q kv + k kv)", 0, "two sums in one product"},
        {"q s i kv i s", 0, "two rotary pairs in one product"},
        {"s i (q x + k x)", 0, "a rotary pair outside its atom"},
        {"x f", 0, "no role for these axes"},
        {"q x kv x", 0, "an axis twice"},
        {"x (q kv + k x)", 0, "an axis twice"},
        {"q kv r s i", 0, "an axis twice"},  // the rest of a head is its axis r
        {"gate kv g x d f e r", 0, "too many axes"},
        {"q kv g x d f s i", 0, "too many axes"},
        {"q kv g x d f e s i", 0, "too many axes"},
        {"(q x + q kv)", 0, "a role twice"},
        {"x (q s i + q i s)", 0, "a role twice"},
        {"(q x + k x + v x + o x + gate x + up x + down x + attn_norm x + ffn_norm x)", 0,
         "too many roles"},
        {"q kv , g , d , x , f", 0, "too many dimensions"},
        {"o kv x g f d", 0, "too many dimensions"},  // parted where summed axes meet others
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        placement p;
        const aka::status s = walk(r.text, p);
        CHECK_REFUSED(s, bad_layout);
        if (s) continue;
        CHECK_MESSAGE(test::mentions(s.error(), r.why), test::said(s));
        if (r.column == 0) continue;
        const std::string where = "column " + std::to_string(r.column) + ":";
        CHECK_MESSAGE(test::mentions(s.error(), where), test::said(s));
    }
}

TEST_CASE("layout: as many levels, axes, roles and dimensions as there may be") {
    CHECK(dims_of("((((q kv g x))))") == dims{36});
    CHECK(dims_of("gate kv g x d f e").size() > 0);  // six axes
    CHECK(dims_of("(q x + k x + v x + o x + gate x + up x + down x + attn_norm x)") == dims{48});
    CHECK(dims_of("gate kv , g , d f , x") == dims{2, 3, 35, 6});
    placement p;
    REQUIRE_OK(walk("q kv g s i x", p));  // a head's rotary rows, and the rest of it
    CHECK(p.atoms == 2);
    CHECK(p.find(role::attn_q)->axes == 5);
    CHECK(p.find(role::attn_q, true)->axes == 4);
    CHECK(p.find(role::attn_q, true)->find(axis::r)->n == 6);
    CHECK(p.find(role::attn_k) == nullptr);
}

TEST_CASE("layout: sizes that do not fit in 64 bits are refused") {
    axis_sizes z = sizes();
    z.x = std::uint64_t{1} << 40;
    z.f = std::uint64_t{1} << 23;
    placement p;
    REQUIRE_OK(walk("gate f x", p, z));
    CHECK(p.elements == std::uint64_t{1} << 63);
    z.f *= 2;
    CHECK_REFUSED(walk("gate f x", p, z), bad_layout);
    CHECK_REFUSED(walk("x (gate f + up f)", p, z), bad_layout);
    z.x = 1;
    z.f = std::uint64_t{1} << 63;
    REQUIRE_OK(walk("gate f x", p, z));
    const aka::status s = walk("(gate f + up f)", p, z);
    CHECK_REFUSED(s, bad_layout);
    CHECK(test::mentions(s.error(), "more than 2^64 elements"));
    // Where an axis has no steps there is nothing, and nothing is divided by it.
    z.x = 0;
    REQUIRE_OK(walk("x (gate f + up f)", p, sizes()));
    z.f = 5;
    for (const char* text : {"gate f x", "gate x f", "x (gate f + up f)", "(gate x + up x) f"}) {
        REQUIRE_OK(walk(text, p, z));
        CHECK(p.elements == 0);
    }
}

TEST_CASE("layout: `v` is the vocabulary where a role has one, else the role attn_v") {
    CHECK(dims_of("v x", true, role::token_embd) == dims{11, 6});
    CHECK(dims_of("v x", true, role::output) == dims{11, 6});
    CHECK(dims_of("token_embd v x") == dims{11, 6});
    CHECK(dims_of("(q kv g d + v kv d) x") == dims{42 + 14, 6});
    placement p;
    REQUIRE_OK(walk("v x", p, sizes(), true, role::attn_norm));
    CHECK((p.atoms == 1 && p.find(role::attn_v) != nullptr && p.elements == 6));
}

TEST_CASE("layout: dimensions without commas, with and without the axes that are summed over") {
    CHECK(dims_of("(q kv g d + k kv d + v kv d) x") == dims{42 + 14 + 14, 6});
    CHECK(dims_of("(q kv g d + k kv d + v kv d) x", false) == dims{42 + 14 + 14});
    CHECK(dims_of("x kv g d", true, role::attn_output) == dims{6, 42});
    CHECK(dims_of("x kv g d", false, role::attn_output) == dims{6});
    CHECK(dims_of("e x f", true, role::ffn_down_exps) == dims{3, 6, 8});
    CHECK(dims_of("e (gate_exps f + up_exps f) x") == dims{3, 16, 6});
    CHECK(dims_of("e x (gate_exps f + up_exps f)") == dims{3, 6, 16});
    CHECK(dims_of("e", true, role::exp_probs_b) == dims{3});
    CHECK(dims_of("(gate_shexp f + up_shexp f) x") == dims{18, 6});
    CHECK(dims_of("x f", true, role::ffn_down_shexp) == dims{6, 9});
    CHECK(dims_of("x f", true, role::ffn_down) == dims{6, 5});
    CHECK(dims_of("q kv g r x") == dims{2 * 3 * 6, 6});  // what does not turn of a head
    placement p;
    REQUIRE_OK(walk("*", p, sizes(), true, role::rope_freqs));
    CHECK((p.opaque && p.rank == 0 && p.atoms == 1 && p.find(role::rope_freqs) != nullptr));
}

TEST_CASE("layout: sizes are the same when all of them are") {
    using member = std::uint64_t axis_sizes::*;
    for (const member m : {&axis_sizes::v, &axis_sizes::x, &axis_sizes::kv, &axis_sizes::g,
                           &axis_sizes::d, &axis_sizes::head, &axis_sizes::rotary, &axis_sizes::f,
                           &axis_sizes::f_exps, &axis_sizes::f_shexp, &axis_sizes::e}) {
        axis_sizes other = sizes();
        CHECK(other == sizes());
        ++(other.*m);
        CHECK_FALSE(other == sizes());
        CHECK(axis_sizes().*m == 0);
    }
}

TEST_CASE("layout: two places that do not have the same axes are not copied") {
    placement whole, bias, part;
    REQUIRE_OK(walk("gate f x", whole));
    REQUIRE_OK(walk("gate f x", bias, sizes(), false));
    REQUIRE_OK(walk("gate f x", part));
    REQUIRE(part.atom[0].restrict_to(axis::f, 1, 3));
    CHECK_FALSE(part.atom[0].restrict_to(axis::e, 0, 1));
    aka::box b;
    CHECK_OK(aka::zip(whole.atom[0], whole.atom[0], aka::dtype::f32, b));
    CHECK((b.depth == 0 && b.run == 5 * 6 * 4));
    aka::status s = aka::zip(bias.atom[0], whole.atom[0], aka::dtype::f32, b);
    CHECK_REFUSED(s, bad_layout);
    CHECK(test::mentions(s.error(), "axis x has 1 steps on one side and 6 on the other"));
    s = aka::zip(part.atom[0], whole.atom[0], aka::dtype::f32, b);
    CHECK_REFUSED(s, bad_layout);
    CHECK(test::mentions(s.error(), "axis f has 3 steps on one side and 5 on the other"));
    s = aka::zip(whole.atom[0], bias.atom[0], aka::dtype::f32, b);
    CHECK_REFUSED(s, bad_layout);
    CHECK(test::mentions(s.error(), "2 axes on one side and 1 on the other"));
    // An axis of one step may be missing on either side.
    atom_place one = whole.atom[0];
    REQUIRE(one.restrict_to(axis::x, 2, 1));
    CHECK_OK(aka::zip(one, bias.atom[0], aka::dtype::u8, b));
    CHECK((b.src == 2 && b.depth == 1 && b.run == 1 && b.loops[0].n == 5 && b.loops[0].src == 6));
    CHECK_OK(aka::zip(bias.atom[0], one, aka::dtype::u8, b));
    CHECK((b.dst == 2 && b.depth == 1 && b.loops[0].dst == 6));
}

TEST_CASE("layout: what does not move as whole elements or blocks, or by five loops, is refused") {
    placement from, to;
    aka::box b;
    REQUIRE_OK(walk("gate f x", from));
    CHECK_REFUSED(aka::zip(from.atom[0], from.atom[0], aka::dtype::unknown, b), bad_block);
    CHECK_REFUSED(aka::zip(from.atom[0], from.atom[0], aka::dtype::q8_0, b), bad_block);
    REQUIRE_OK(walk("gate kv g x d f", from));
    REQUIRE_OK(walk("gate f d x g kv", to));
    REQUIRE_OK(aka::zip(from.atom[0], to.atom[0], aka::dtype::u8, b));
    CHECK((b.depth == 5 && b.run == 1));
    REQUIRE_OK(walk("gate kv g x d f e", from));
    REQUIRE_OK(walk("gate e f d x g kv", to));
    CHECK_REFUSED(aka::zip(from.atom[0], to.atom[0], aka::dtype::u8, b), bad_block);
}

}  // namespace test_layout
