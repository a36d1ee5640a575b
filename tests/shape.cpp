// Shapes of any rank: what they hold, whose memory it is, and products that do not fit.
#include <aka/shape.hpp>
#include <doctest/doctest.h>

#include "support/bytes.hpp"
#include "support/ggml_types.hpp"
#include "support/write_safetensors.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace test_shape {

namespace {

using aka::shape;
using dims = std::vector<std::uint64_t>;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

shape make(const dims& d) { return shape({d.data(), d.size()}); }
dims sizes(const shape& s) { return {s.begin(), s.end()}; }

dims counting(std::size_t rank, std::uint64_t from = 1) {
    dims d(rank);
    for (std::size_t i = 0; i < rank; ++i) d[i] = from + i;
    return d;
}

std::string written(const shape& s) {
    aka::detail::fixed_text<512> t;
    t << s;
    return std::string(t.view());
}

}  // namespace

TEST_CASE("shape: any rank, small ones inside, large ones borrowed") {
    static_assert(std::is_trivially_copyable_v<shape>);
    for (std::size_t rank = 0; rank < 30; ++rank) {
        CAPTURE(rank);
        const dims d = counting(rank);
        dims source = d;
        const shape s = make(source);
        const shape copy = s;
        const bool far = rank > 8;
        CHECK(s.rank() == rank);
        CHECK(s.size() == rank);
        CHECK(sizes(s) == d);
        CHECK(sizes(copy) == d);
        CHECK(s.back() == (rank == 0 ? 1 : d.back()));
        for (std::size_t i = 0; i < rank; ++i) CHECK(s[i] == d[i]);
        // A borrowed shape looks at its source; an inline one, and its copy, do not.
        CHECK((s.data() == source.data()) == far);
        if (!far) {
            std::fill(source.begin(), source.end(), 0);
            source = dims();
            CHECK(sizes(s) == d);
            CHECK(copy.data() != s.data());
        }
    }
    const shape none{};
    CHECK(none.rank() == 0);
    CHECK(none.elements() == 1);
    CHECK(none.begin() == none.end());
}

TEST_CASE("shape: equality") {
    const std::vector<dims> all = {{},     {0},       {1},         {1, 1},      {2, 3},
                                   {3, 2}, {2, 3, 1}, counting(8), counting(9), counting(9, 2)};
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t k = 0; k < all.size(); ++k) {
            const dims other = all[k];  // in memory of its own, borrowed or not
            CHECK((make(all[i]) == make(other)) == (i == k));
            CHECK((make(all[i]) != make(other)) == (i != k));
        }
    }
    for (const std::size_t rank : {1u, 4u, 8u, 9u, 25u}) {
        for (std::size_t i = 0; i < rank; ++i) {
            dims other = counting(rank);
            other[i] += std::uint64_t{1} << 32;
            CHECK(make(other) != make(counting(rank)));
        }
    }
}

TEST_CASE("shape: the four numbers of GGUF, fastest first") {
    const auto ne = [](const dims& d) {
        const aka::ne4 n = make(d).ne();
        return dims{n[0], n[1], n[2], n[3]};
    };
    CHECK(ne({}) == dims{1, 1, 1, 1});
    CHECK(ne({7}) == dims{7, 1, 1, 1});
    CHECK(ne({5, 7}) == dims{7, 5, 1, 1});
    CHECK(ne({3, 5, 7}) == dims{7, 5, 3, 1});
    CHECK(ne({2, 3, 5, 7}) == dims{7, 5, 3, 2});
    CHECK(ne({0, 3}) == dims{3, 0, 1, 1});
    // Beyond four, the outer sizes are one: the elements in memory lie the same.
    CHECK(ne({11, 2, 3, 5, 7}) == dims{7, 5, 3, 22});
    for (std::size_t rank = 0; rank < 15; ++rank) {
        const dims d = counting(rank);
        const shape s = make(d);
        const aka::ne4 n = s.ne();
        CHECK(n[0] * n[1] * n[2] * n[3] == s.elements());
    }
}

TEST_CASE("shape: counting notices what does not fit") {
    const std::uint64_t half = std::uint64_t{1} << 32;
    struct row {
        dims d;
        bool fits;
    };
    const row rows[] = {
        {{}, true},
        {{0}, true},
        {{largest}, true},
        {{largest, 1}, true},
        {{1, largest, 1}, true},
        {{largest, 2}, false},
        {{half, half}, false},
        {{half, half - 1}, true},
        {{half - 1, half + 1}, true},  // 2^64 - 1 exactly
        {{half, half + 1}, false},
        {{0, largest, largest}, true},
        {{3, 5, 17, 257, 641, 65537, 6700417}, true},  // its prime factors
        {{3, 5, 17, 257, 641, 65537, 6700418}, false},
        {dims(64, 2), false},
        {dims(63, 2), true},
        {dims(100, 1), true},
    };
    for (const row& r : rows) {
        CAPTURE(written(make(r.d)));
        std::uint64_t n = 1;
        CHECK(make(r.d).count(n) == r.fits);
        CHECK(make(r.d).elements() == (r.fits ? test::count_elements(r.d) : 0));
        if (r.fits) CHECK(n == test::count_elements(r.d));
    }
    test::rng random(1);
    for (int i = 0; i < 20000; ++i) {
        dims d(random.below(7));
        for (std::uint64_t& n : d) n = 1 + (random.next() >> (40 + random.below(24)));
        std::uint64_t product = 1, n = 0;
        bool fits = true;
        for (const std::uint64_t v : d) {
            fits = fits && product <= largest / v;
            product *= v;
        }
        CHECK(make(d).count(n) == fits);
        if (fits) CHECK(n == product);
    }
}

TEST_CASE("shape: bytes of a number of elements") {
    const auto bytes = [](aka::dtype t, std::uint64_t n) {
        std::uint64_t out = 0;
        return aka::detail::bytes_of(t, n, out) ? out : largest;
    };
    for (const test::st_dtype& d : test::st_dtypes) {
        const aka::dtype t = aka::dtype_from_name(d.name);
        for (std::uint64_t n = 0; n < 40; ++n)
            CHECK(bytes(t, n) == (n * d.bits % 8 == 0 ? n * d.bits / 8 : largest));
    }
    for (const test::ggml_type_row& row : test::ggml_types) {
        if (row.elems == 0) continue;
        const aka::dtype t = aka::dtype_from_ggml(row.id);
        for (std::uint64_t n = 0; n < 600; ++n)
            CHECK(bytes(t, n) == (n % row.elems == 0 ? n / row.elems * row.bytes : largest));
        const std::uint64_t whole = largest / row.elems * row.elems;  // blocks, as many as count
        std::uint64_t out = 0;
        CHECK(aka::detail::bytes_of(t, whole, out) == (row.bytes <= row.elems));
    }
    CHECK(bytes(aka::dtype::unknown, 0) == largest);
    CHECK(bytes(aka::dtype::unknown, 8) == largest);
}

TEST_CASE("shape: in messages") {
    CHECK(written(shape()) == "[]");
    CHECK(written(make({5})) == "[5]");
    CHECK(written(make({0, largest})) == "[0, " + std::to_string(largest) + "]");
    CHECK(written(make(counting(12))) == "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]");
    CHECK(written(make(counting(13))) == "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ... 13 sizes]");
    CHECK(written(make(dims(100000, 1))) ==
          "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ... 100000 sizes]");
}

}  // namespace test_shape
