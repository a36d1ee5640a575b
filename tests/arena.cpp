// The arena and the growing array: alignment, growth, and memory that runs out at every turn.
#include <aka/arena.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/bytes.hpp"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace test_arena {

namespace {

using aka::detail::arena;
using aka::detail::growing;

struct alignas(64) wide {
    std::uint64_t n = 7;
};

template <class T>
std::vector<T> items(const growing<T>& g) {
    return std::vector<T>(g.begin(), g.end());
}

}  // namespace

TEST_CASE("arena: every block is aligned, and its own") {
    test::alloc_scope allocs;
    {
        arena a;
        test::rng random(1);
        struct block {
            unsigned char* at;
            std::size_t size;
            unsigned char fill;
        };
        std::vector<block> blocks;
        for (int i = 0; i < 5000; ++i) {
            const std::size_t align = std::size_t{1} << random.below(8);
            std::size_t size = 1 + random.below(100);
            if (random.below(100) == 0) size = random.below(200000);
            auto* p = static_cast<unsigned char*>(a.allocate(size, align));
            REQUIRE(p != nullptr);
            CHECK(reinterpret_cast<std::uintptr_t>(p) % align == 0);
            const auto fill = static_cast<unsigned char>(i);
            if (size != 0) std::memset(p, fill, size);
            blocks.push_back({p, size, fill});
        }
        bool whole = true;
        for (const block& b : blocks)
            for (std::size_t i = 0; i < b.size; ++i) whole = whole && b.at[i] == b.fill;
        CHECK(whole);
        CHECK(allocs.blocks() > 1);
    }
    CHECK(allocs.blocks() == 0);
    CHECK(allocs.held() == 0);
}

TEST_CASE("arena: no request to the system for every block, and none that is much too large") {
    test::alloc_scope allocs;
    arena a;
    std::uint64_t used = 0;
    for (int i = 0; i < 100000; ++i) {
        REQUIRE(a.allocate(24, 8) != nullptr);
        used += 24;
        // What is taken is at most about twice what is used, and small to begin with.
        CHECK(static_cast<std::uint64_t>(allocs.held()) <= 2 * used + 4096 + (1 << 16));
        if (i == 0) CHECK(allocs.held() <= 4096);
    }
    CHECK(allocs.count() < 100);
    a.clear();
    CHECK(allocs.held() == 0);
    CHECK(a.allocate(1, 1) != nullptr);  // and it can be used again
    // One large piece is no reason to take as much again for the next small one.
    a.clear();
    CHECK(a.allocate(10000, 1) != nullptr);
    CHECK(a.allocate(100, 1) != nullptr);
    CHECK(allocs.held() <= 10000 + 2048);
}

TEST_CASE("arena: objects and copies of text") {
    arena a;
    for (std::size_t n = 1; n < 50; ++n) {
        auto* p = a.make<wide>(n);
        REQUIRE(p != nullptr);
        CHECK(reinterpret_cast<std::uintptr_t>(p) % alignof(wide) == 0);
        for (std::size_t i = 0; i < n; ++i) CHECK(p[i].n == 7);
        std::uint64_t* zeros = a.make<std::uint64_t>(n);
        REQUIRE(zeros != nullptr);
        for (std::size_t i = 0; i < n; ++i) CHECK(zeros[i] == 0);
        const std::string text(n, static_cast<char>('a' + n % 26));
        const char* copy = a.copy(text);
        REQUIRE(copy != nullptr);
        CHECK(text == copy);
    }
    const std::string with_nul("a\0b", 3);
    const char* copy = a.copy(with_nul);
    REQUIRE(copy != nullptr);
    CHECK(std::memcmp(copy, "a\0b\0", 4) == 0);
    CHECK(a.copy({})[0] == 0);
}

TEST_CASE("arena: nothing is something too") {
    // Null means that there is no memory, so even no bytes must have an address.
    arena a, b, c;
    CHECK(a.allocate(0, 8) != nullptr);
    CHECK(b.make<std::uint64_t>(0) != nullptr);
    CHECK(c.copy("") != nullptr);
}

TEST_CASE("arena: moving takes the memory along") {
    test::alloc_scope allocs;
    {
        arena a;
        const char* text = a.copy("kept");
        arena b = std::move(a);
        CHECK(std::string(text) == "kept");
        a.clear();  // empty: frees nothing
        CHECK(std::string(text) == "kept");
        const char* more = a.copy("new");  // and is usable
        arena c;
        c.copy("gone after the assignment");
        c = std::move(b);
        arena& alias = c;
        c = std::move(alias);
        CHECK(std::string(text) == "kept");
        CHECK(std::string(more) == "new");
    }
    CHECK(allocs.blocks() == 0);
}

TEST_CASE("arena: requests that cannot be met are refused, and change nothing") {
    test::alloc_scope allocs;
    arena a;
    const char* text = a.copy("kept");
    const auto held = allocs.held();
    constexpr std::size_t largest = std::numeric_limits<std::size_t>::max();
    for (const std::size_t size :
         {largest, largest - 1, largest - 64, largest / 2, largest / 2 - 8})
        for (const std::size_t align : {1u, 8u, 4096u}) CHECK(a.allocate(size, align) == nullptr);
    CHECK(a.make<wide>(largest) == nullptr);
    CHECK(a.make<wide>(largest / sizeof(wide) + 1) == nullptr);  // as a product it would be small
    allocs.fail_from(0);
    CHECK(a.allocate(100000, 1) == nullptr);
    CHECK(a.make<wide>(10000) == nullptr);
    CHECK(a.copy(std::string(100000, 'x')) == nullptr);
    allocs.lift();
    CHECK(std::string(text) == "kept");
    CHECK(allocs.held() == held);
    CHECK(a.allocate(100000, 1) != nullptr);

    // Wherever memory runs out, what was given before stays, and later requests can succeed.
    for (std::uint64_t k = 0; k < 12; ++k) {
        arena b;
        std::vector<const char*> given;
        allocs.fail_at(k);
        std::uint64_t refused = 0;
        for (int i = 0; i < 1000; ++i) {
            const char* p = b.copy(std::to_string(i));
            refused += p == nullptr;
            given.push_back(p);
        }
        allocs.lift();
        CHECK(refused <= 1);
        if (k == 0) CHECK(refused == 1);
        for (std::size_t i = 0; i < given.size(); ++i)
            if (given[i] != nullptr) CHECK(given[i] == std::to_string(i));
    }
}

TEST_CASE("growing: as a vector") {
    test::alloc_scope allocs;
    {
        growing<std::uint32_t> g;
        std::vector<std::uint32_t> v;
        test::rng random(2);
        CHECK(g.empty());
        CHECK(items(g) == v);
        for (int i = 0; i < 20000; ++i) {
            const auto n = static_cast<std::uint32_t>(random.next());
            const std::uint64_t how = random.below(100);
            if (how < 60) {
                REQUIRE(g.push(n));
                v.push_back(n);
            } else if (how < 80) {
                std::uint32_t* p = g.push();
                REQUIRE(p != nullptr);
                *p = n;
                v.push_back(n);
            } else if (how < 95) {
                const std::vector<std::uint32_t> more(random.below(20), n);
                REQUIRE(g.append(more.data(), more.size()));
                v.insert(v.end(), more.begin(), more.end());
            } else if (how < 97) {
                const std::size_t size = random.below(2 * v.size() + 1);
                REQUIRE(g.resize(size));  // with zeros, also where there was something before
                v.resize(size);
            } else if (how < 98) {
                REQUIRE(g.reserve(random.below(30000)));
            } else if (how < 99) {
                g.shrink();
            } else {
                g.clear();
                v.clear();
            }
            REQUIRE(g.size() == v.size());
            CHECK(g.empty() == v.empty());
            if (!v.empty()) CHECK(g.back() == v.back());
            if (i % 50 == 0) CHECK(items(g) == v);
        }
        CHECK(items(g) == v);
    }
    CHECK(allocs.blocks() == 0);
}

TEST_CASE("growing: an element of its own can be pushed") {
    for (std::uint64_t n = 1; n < 100; ++n) {
        growing<std::uint64_t> g;
        for (std::uint64_t i = 0; i < n; ++i) REQUIRE(g.push(i + 1));
        for (std::uint64_t i = 0; i < n; ++i) REQUIRE(g.push(g[i]));  // moves, now and then
        for (std::uint64_t i = 0; i < n; ++i) CHECK(g[n + i] == i + 1);
    }
}

TEST_CASE("growing: room grows in steps, is kept, and can be given back") {
    test::alloc_scope allocs;
    growing<std::uint32_t> g;
    for (std::uint32_t i = 0; i < 100000; ++i) REQUIRE(g.push(i));
    CHECK(allocs.count() < 40);
    CHECK(allocs.held() <= 2 * 100000 * 4);
    allocs.restart();
    g.clear();
    for (std::uint32_t i = 0; i < 100000; ++i) REQUIRE(g.push(i));
    CHECK(allocs.count() == 0);
    g.shrink();
    CHECK(allocs.held() == 100000 * 4);
    CHECK(g[99999] == 99999);
    g.clear();
    g.shrink();
    CHECK(allocs.held() == 0);
    CHECK(g.data() == nullptr);
    g.shrink();
    CHECK(g.push(1u));
}

TEST_CASE("growing: moving") {
    static_assert(!std::is_copy_constructible_v<growing<int>>);
    test::alloc_scope allocs;
    {
        growing<int> a, b;
        REQUIRE(a.push(1));
        REQUIRE(b.push(2));
        growing<int> c = std::move(a);
        CHECK(a.empty());
        CHECK(items(c) == std::vector<int>{1});
        REQUIRE(a.push(3));
        b = std::move(c);
        CHECK(items(b) == std::vector<int>{1});
        growing<int>& alias = b;
        b = std::move(alias);
        CHECK(items(b) == std::vector<int>{1});
        CHECK(items(a) == std::vector<int>{3});
    }
    CHECK(allocs.blocks() == 0);
}

TEST_CASE("growing: what does not fit is refused, and what is there stays") {
    test::alloc_scope allocs;
    constexpr std::size_t largest = std::numeric_limits<std::size_t>::max();
    growing<std::uint64_t> g;
    const std::vector<std::uint64_t> four = {1, 2, 3, 4};
    REQUIRE(g.append(four.data(), 4));
    for (const std::size_t n : {largest, largest / 2, largest / 8, largest / 16 + 1}) {
        CHECK_FALSE(g.reserve(n));
        CHECK_FALSE(g.resize(n));
        CHECK_FALSE(g.append(four.data(), n));
        CHECK(items(g) == four);
    }
    allocs.fail_from(0);
    g.shrink();  // keeps all it has where the system will not
    CHECK(items(g) == four);
    while (g.size() < 100 && g.push(5)) {
    }
    const auto full = items(g);
    CHECK(full.size() < 100);
    CHECK(g.push() == nullptr);
    CHECK_FALSE(g.push(6));
    CHECK_FALSE(g.append(four.data(), 4));
    CHECK_FALSE(g.resize(1000));
    CHECK(items(g) == full);
    allocs.lift();
    CHECK(g.push(6));
    CHECK(g.back() == 6);
    CHECK(g.size() == full.size() + 1);
}

}  // namespace test_arena
