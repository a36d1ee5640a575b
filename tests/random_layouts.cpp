// Layouts against brute force: random ones in the notation of axes, and every one that a built-in
// convention has, walked by aka and interpreted one element at a time.
#include <aka/layout.hpp>
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/bytes.hpp"
#include "support/layout_elements.hpp"
#include "support/outcome.hpp"
#include "support/rounds.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace test_random_layouts {
namespace {

using aka::atom_place;
using aka::box;
using aka::placement;
using test::layout_element;
using test::layout_lengths;
using words = std::vector<std::string>;

// Roles that files fuse with each other, and their axes. `s i` is one word: the two stay together.
struct atom {
    std::string name;
    words axes;
};
const std::vector<std::vector<atom>> groups = {
    {{"q", {"kv", "g", "s i", "x"}}, {"k", {"kv", "s i", "x"}}, {"v", {"kv", "d", "x"}}},
    {{"q", {"kv", "g", "s i", "x"}}, {"attn_q_gate", {"kv", "g", "d", "x"}}},
    {{"gate", {"f", "x"}}, {"up", {"f", "x"}}, {"down", {"x", "f"}}},
    {{"gate_exps", {"e", "f", "x"}}, {"up_exps", {"e", "f", "x"}}},
    {{"gate_shexp", {"f", "x"}}, {"up_shexp", {"f", "x"}}},
    {{"o", {"x", "kv", "g", "d"}}},
    {{"down_exps", {"e", "x", "f"}}},
    {{"token_embd", {"v", "x"}}},
};

template <class T>
void shuffle(std::vector<T>& v, test::rng& random) {
    for (std::size_t i = v.size(); i > 1; --i)
        std::swap(v[i - 1], v[static_cast<std::size_t>(random.below(i))]);
}

// A random layout of these atoms: axes that all of them have may stand around their sum, on either
// side; a sum may be split into sums; an atom's name may stand anywhere among its axes.
words random_layout(std::vector<atom> atoms, test::rng& random, int depth = 0) {
    words out;
    shuffle(atoms, random);
    if (atoms.size() == 1) {
        out = atoms[0].axes;
        shuffle(out, random);
        out.insert(out.begin() + static_cast<std::ptrdiff_t>(random.below(out.size() + 1)),
                   atoms[0].name);
    } else {
        words front, behind;
        for (const std::string& axis : words(atoms[0].axes)) {
            bool shared = axis != "s i" && random.below(2) == 0;
            for (const atom& a : atoms)
                shared = shared && std::count(a.axes.begin(), a.axes.end(), axis) != 0;
            if (!shared) continue;
            (random.below(2) == 0 ? front : behind).push_back(axis);
            for (atom& a : atoms) a.axes.erase(std::find(a.axes.begin(), a.axes.end(), axis));
        }
        shuffle(front, random);
        shuffle(behind, random);
        std::string sum;
        for (std::size_t at = 0; at < atoms.size();) {
            std::size_t n = 1 + static_cast<std::size_t>(random.below(atoms.size() - 1));
            if (depth >= 2) n = 1;
            const auto from = atoms.begin() + static_cast<std::ptrdiff_t>(at);
            at = std::min(at + n, atoms.size());
            const auto to = atoms.begin() + static_cast<std::ptrdiff_t>(at);
            sum += sum.empty() ? "(" : " + ";
            std::string term;
            for (const std::string& w : random_layout({from, to}, random, depth + 1))
                term += (term.empty() ? "" : " ") + w;
            sum += term;
        }
        out = front;
        out.push_back(sum + ")");
        out.insert(out.end(), behind.begin(), behind.end());
    }
    return out;
}
// The words as a text, with up to three commas between them.
std::string with_commas(const words& w, test::rng& random) {
    std::string out;
    std::uint64_t commas = 0;
    for (const std::string& word : w) {
        if (!out.empty()) out += commas < 3 && random.below(3) == 0 ? (++commas, " , ") : " ";
        out += word;
    }
    return out;
}

aka::axis_sizes random_sizes(test::rng& random, std::uint64_t unit = 1) {
    const auto few = [&](std::uint64_t most) { return 1 + random.below(most); };
    aka::axis_sizes z;
    z.v = few(5), z.x = unit * few(unit == 1 ? 5 : 2), z.kv = few(3), z.g = few(3);
    z.d = few(4), z.rotary = 2 * few(3), z.head = z.rotary + random.below(3);
    z.f = unit * few(unit == 1 ? 5 : 2), z.f_exps = few(4), z.f_shexp = few(4), z.e = few(3);
    return z;
}
// The same, as the interpreter takes it: an axis has one length for all the atoms of a group.
layout_lengths lengths_of(const aka::axis_sizes& z, aka::role first, bool vocabulary = false) {
    layout_lengths l;
    l.axes = {{"x", z.x}, {"kv", z.kv}, {"g", z.g},          {"d", z.d},
              {"s", 2},   {"e", z.e},   {"i", z.rotary / 2}, {"f", z.of(aka::axis::f, first)}};
    if (vocabulary) l.axes["v"] = z.v;
    l.rest = z.head - z.rotary;
    return l;
}

// The index that a place gives to an element: -1 where it is not of this place.
std::uint64_t index_of(const atom_place& p, const layout_element& e) {
    std::uint64_t at = p.base, found = 0;
    for (const auto& [axis, step] : e.at) {
        const auto id = std::find(std::begin(aka::axis_names), std::end(aka::axis_names), axis);
        const aka::atom_axis* a = p.find(static_cast<aka::axis>(id - std::begin(aka::axis_names)));
        if (a == nullptr || step >= a->n) return ~std::uint64_t{0};
        at += step * a->stride;
        ++found;
    }
    return found == p.axes ? at : ~std::uint64_t{0};
}
std::uint64_t index_of(const placement& p, const layout_element& e) {
    const atom_place* a = p.find(aka::role_from_name(e.role), e.at.count("r") != 0);
    return a == nullptr ? ~std::uint64_t{0} : index_of(*a, e);
}

// A layout as aka walks it: each element is where brute force has it.
void check_walk(const std::string& text, const placement& p, const test::layout_elements& want) {
    const std::vector<layout_element> all = want.list();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < all.size(); ++i) wrong += index_of(p, all[i]) != i;
    CHECK_MESSAGE(wrong == 0, text, ": ", wrong, " of ", all.size(), " elements elsewhere");
    CHECK_MESSAGE(p.elements == all.size(), text);
    // Without commas the dimensions are told by the roles' own.
    if (text.find(',') == std::string::npos) return;
    CHECK_MESSAGE((want.shape() == std::vector<std::uint64_t>(p.dims, p.dims + p.rank)), text);
}

aka::role first_of(const std::vector<atom>& atoms) { return aka::role_from_name(atoms[0].name); }
aka::role own_of(const std::vector<atom>& atoms) {
    return atoms[0].name == "token_embd" ? aka::role::token_embd : aka::role::none;
}

struct walked {
    std::string text;
    placement where;
    std::vector<layout_element> elements;
};
walked walk_random(const std::vector<atom>& atoms, const aka::axis_sizes& z, test::rng& random) {
    walked w;
    w.text = with_commas(random_layout(atoms, random), random);
    const aka::status s =
        aka::walk(w.text, own_of(atoms), aka::rope_order::unknown, z, true, w.where);
    REQUIRE_MESSAGE(s, test::said(s));
    const test::layout_elements want(
        w.text, lengths_of(z, first_of(atoms), own_of(atoms) != aka::role::none));
    check_walk(w.text, w.where, want);
    w.elements = want.list();
    return w;
}

// What one place becomes in the other, by hand: for each element of the target the source's.
using moves = std::map<std::uint64_t, std::uint64_t>;

// Whether whole blocks of `n` elements move as blocks.
bool keeps_blocks(const moves& m, std::uint64_t n) {
    for (const auto& [to, from] : m) {
        const auto first = m.find(to - to % n);
        if (from % n != to % n || first == m.end() || first->second != from - from % n)
            return false;
        if (m.count(to - to % n + n - 1) == 0) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("random layouts: each element is where brute force has it") {
    std::size_t longest = 0;
    for (std::uint64_t round = 0; round < test::rounds(2000); ++round) {
        CAPTURE(round);
        test::rng random(round);
        std::vector<atom> atoms = groups[static_cast<std::size_t>(random.below(groups.size()))];
        shuffle(atoms, random);
        atoms.resize(1 + static_cast<std::size_t>(random.below(atoms.size())));
        const walked w = walk_random(atoms, random_sizes(random), random);
        longest = std::max(longest, w.text.size());
    }
    CHECK(longest > 30);
}

TEST_CASE("random layouts: zipped, each is the other, in bytes and in whole blocks") {
    struct type {
        aka::dtype dtype;
        std::uint64_t elements, bytes;  // of a block
    };
    const type types[] = {{aka::dtype::u8, 1, 1},
                          {aka::dtype::f16, 1, 2},
                          {aka::dtype::f32, 1, 4},
                          {aka::dtype::q4_0, 32, 18},
                          {aka::dtype::q8_0, 32, 34}};
    std::size_t legal[5] = {}, refused[5] = {};
    unsigned deepest = 0;
    for (std::uint64_t round = 0; round < test::rounds(1500); ++round) {
        CAPTURE(round);
        test::rng random(round + (std::uint64_t{1} << 40));
        const auto& atoms = groups[static_cast<std::size_t>(random.below(groups.size()))];
        const std::size_t which = static_cast<std::size_t>(random.below(5));
        const type& t = types[which];
        const aka::axis_sizes z = random_sizes(random, t.elements == 1 ? 1 : 32);
        const walked from = walk_random(atoms, z, random), to = walk_random(atoms, z, random);
        CAPTURE(from.text);
        CAPTURE(to.text);
        std::map<layout_element, std::uint64_t> source;
        for (std::size_t i = 0; i < from.elements.size(); ++i) source[from.elements[i]] = i;
        std::map<std::pair<std::string, bool>, moves> wanted;
        for (std::size_t i = 0; i < to.elements.size(); ++i) {
            const layout_element& e = to.elements[i];
            wanted[{e.role, e.at.count("r") != 0}][i] = source.at(e);
        }
        for (const auto& [who, m] : wanted) {
            const aka::role r = aka::role_from_name(who.first);
            const atom_place *a = from.where.find(r, who.second), *b = to.where.find(r, who.second);
            REQUIRE((a != nullptr && b != nullptr));
            box copy;
            const aka::status s = aka::zip(*a, *b, t.dtype, copy);
            if (!s) {
                CHECK_REFUSED(s, bad_block);
                CHECK_FALSE(keeps_blocks(m, t.elements));
                ++refused[which];
                continue;
            }
            ++legal[which];
            deepest = std::max<unsigned>(deepest, copy.depth);
            REQUIRE(keeps_blocks(m, t.elements));
            aka::box_extent e;
            REQUIRE(aka::measure(copy, e));
            CHECK(e.bytes == m.size() / t.elements * t.bytes);
            const std::size_t size = from.elements.size() / t.elements * t.bytes;
            REQUIRE((e.src_end <= size && e.dst_end <= size));
            const std::string bytes = random.bytes(size);
            std::string out(size, '\0'), want = out;
            for (const auto& [dst, src] : m) {
                if (dst % t.elements != 0) continue;
                want.replace(dst / t.elements * t.bytes, t.bytes, bytes, src / t.elements * t.bytes,
                             t.bytes);
            }
            aka::copy_box(reinterpret_cast<std::byte*>(out.data()),
                          reinterpret_cast<const std::byte*>(bytes.data()), copy);
            CHECK((out == want));
        }
    }
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(legal[i] > 100);
        CHECK((refused[i] > 0) == (types[i].elements != 1));
    }
    MESSAGE("blocks moved whole ", legal[3] + legal[4], " times, refused ", refused[3] + refused[4],
            " times; at most ", deepest, " loops");
}

TEST_CASE("random layouts: a part of an axis is the layout of that part") {
    std::size_t parts = 0;
    for (std::uint64_t round = 0; round < test::rounds(2000); ++round) {
        CAPTURE(round);
        test::rng random(round + (std::uint64_t{2} << 40));
        const auto& atoms = groups[static_cast<std::size_t>(random.below(groups.size()))];
        const aka::axis_sizes z = random_sizes(random);
        const walked w = walk_random(atoms, z, random);
        // One that every atom has.
        const std::string axis = atoms[0].axes[static_cast<std::size_t>(random.below(2))];
        if (axis == "s i") continue;
        std::uint64_t n = 0;
        for (const layout_element& e : w.elements)
            if (e.at.count(axis) != 0) n = std::max(n, e.at.at(axis) + 1);
        const std::uint64_t first = random.below(n), count = 1 + random.below(n - first);
        const auto id = static_cast<aka::axis>(
            std::find(std::begin(aka::axis_names), std::end(aka::axis_names), axis) -
            std::begin(aka::axis_names));
        placement cut = w.where;
        for (unsigned i = 0; i < cut.atoms; ++i) {
            CHECK_FALSE(atom_place(cut.atom[i]).restrict_to(id, first, n - first + 1));
            CHECK_FALSE(atom_place(cut.atom[i]).restrict_to(id, n + 1, 0));
            if (cut.atom[i].find(id) != nullptr) REQUIRE(cut.atom[i].restrict_to(id, first, count));
        }
        for (std::size_t i = 0; i < w.elements.size(); ++i) {
            layout_element e = w.elements[i];
            if (e.at.count(axis) == 0) continue;
            const std::uint64_t step = e.at[axis];
            e.at[axis] = step - first;  // wraps where it is in front of the part
            const bool inside = step >= first && step - first < count;
            REQUIRE(index_of(cut, e) == (inside ? i : ~std::uint64_t{0}));
            parts += inside;
        }
    }
    CHECK(parts > 1000);
}

TEST_CASE("random layouts: every layout of a built-in convention, as a weight and as a bias") {
    std::size_t layouts = 0, own = 0;
    for (const aka::convention* c : test::known().conventions()) {
        for (const aka::name_row* at : c->rows()) {
            const aka::name_row& row = *at;
            if (!row.is_tensor() || row.layout == "*" || row.roles.empty()) continue;
            const aka::role r = row.roles[0];
            std::string text(row.layout);
            if (text.empty()) {
                text = std::string(aka::info(r).axes);
                ++own;
                if (text == "*") continue;
                const std::size_t pair = text.find("s i");
                if (pair != std::string::npos && c->rope() == aka::rope_order::interleaved)
                    text.replace(pair, 3, "i s");
            }
            for (const bool inputs : {true, false}) {
                test::rng random(layouts);
                const aka::axis_sizes z = random_sizes(random);
                const bool vocabulary = r == aka::role::token_embd || r == aka::role::output;
                layout_lengths l = lengths_of(z, r, vocabulary);
                l.own = std::string(aka::name(r));
                const std::string summed = " " + std::string(aka::info(r).inputs) + " ";
                for (const auto& [axis, n] : l.axes)
                    if (!inputs && summed.find(" " + axis + " ") != std::string::npos)
                        l.left_out.insert(axis);
                placement p;
                const aka::status s = aka::walk(row.layout, r, c->rope(), z, inputs, p);
                REQUIRE_MESSAGE(s, c->id(), ": ", test::said(s));
                check_walk(std::string(c->id()) + ": " + text, p, test::layout_elements(text, l));
                ++layouts;
            }
        }
    }
    MESSAGE(layouts, " layouts, ", own, " of them a role's own");
    CHECK(layouts > 1000);
}

}  // namespace test_random_layouts
