// Arithmetic that notices overflow, loads of either byte order, the cursor, the sort, and span.
#include <aka/bytes.hpp>
#include <doctest/doctest.h>

#include "support/bytes.hpp"
#include "support/guard.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace test_bytes {

namespace {

using aka::byte_span;
using aka::detail::checked_add;
using aka::detail::checked_align;
using aka::detail::checked_mul;
using aka::detail::cursor;
using test::byte_order;
using test::bytes_builder;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

// Around every power of two, where sums and products begin not to fit.
std::vector<std::uint64_t> edges() {
    std::vector<std::uint64_t> v = {0, 3, 5, 7, 10, 641, 6700417, largest / 3, largest / 5};
    for (int bit = 0; bit < 64; ++bit)
        for (const std::uint64_t around : {largest, std::uint64_t{0}, std::uint64_t{1}})
            v.push_back((std::uint64_t{1} << bit) + around);
    return v;
}

constexpr bool add_fits(std::uint64_t a, std::uint64_t b) { return a <= largest - b; }
constexpr bool mul_fits(std::uint64_t a, std::uint64_t b) { return b == 0 || a <= largest / b; }

byte_span span_of(const test::guard_buffer& b) {
    return {reinterpret_cast<const std::byte*>(b.data()), b.size()};
}

// Bits as a value of T, and what the independent writer makes of them.
template <class T>
T from_bits(std::uint64_t bits) {
    T v;
    if constexpr (std::is_same_v<T, float>) {
        const auto narrow = static_cast<std::uint32_t>(bits);
        std::memcpy(&v, &narrow, sizeof v);
    } else if constexpr (std::is_same_v<T, double>) {
        std::memcpy(&v, &bits, sizeof v);
    } else {
        v = static_cast<T>(bits);
    }
    return v;
}
template <class T>
bool same(T a, T b) {
    return std::memcmp(&a, &b, sizeof a) == 0;  // a NaN is itself
}

template <class T>
void check_loads() {
    test::rng random(sizeof(T));
    for (int i = 0; i < 200; ++i) {
        const std::uint64_t bits = random.next() >> random.below(60);
        const T v = from_bits<T>(bits);
        const bytes_builder little = bytes_builder().put_uint(bits, sizeof(T));
        const bytes_builder big = bytes_builder(byte_order::big).put_uint(bits, sizeof(T));
        const std::string pad(random.below(9), '\xee');  // at any address
        const test::guard_buffer le(pad + little.str()), be(pad + big.str());
        CHECK(same(aka::detail::load_le<T>(le.data() + pad.size()), v));
        CHECK(same(aka::detail::load_be<T>(be.data() + pad.size()), v));
        if constexpr (std::is_integral_v<T>) {
            CHECK(aka::detail::byte_swapped(v) == aka::detail::load_le<T>(be.data() + pad.size()));
            CHECK(aka::detail::byte_swapped(aka::detail::byte_swapped(v)) == v);
        }
    }
}

}  // namespace

TEST_CASE("bytes: sums and products that do not fit are noticed") {
    const std::vector<std::uint64_t> all = edges();
    for (const std::uint64_t a : all) {
        for (const std::uint64_t b : all) {
            std::uint64_t sum = 0, product = 0;
            const bool adds = checked_add(a, b, sum), multiplies = checked_mul(a, b, product);
            CHECK(adds == add_fits(a, b));
            CHECK(multiplies == mul_fits(a, b));
            if (adds) CHECK(sum == a + b);
            if (multiplies) CHECK(product == a * b);
            // `out` may be one of the operands.
            std::uint64_t self = a;
            if (checked_mul(self, b, self)) CHECK(self == product);
        }
    }
    test::rng random(1);
    for (int i = 0; i < 20000; ++i) {
        const std::uint64_t a = random.next() >> random.below(64);
        const std::uint64_t b = random.next() >> random.below(64);
        std::uint64_t out = 0;
        CHECK(checked_add(a, b, out) == add_fits(a, b));
        CHECK(checked_mul(a, b, out) == mul_fits(a, b));
    }
    constexpr auto at_compile_time = [] {
        std::uint64_t n = 0;
        return checked_add(2, 3, n) && n == 5 && checked_mul(n, n, n) && n == 25 &&
               checked_align(n, 8, n) && n == 32 && !checked_mul(largest, 2, n);
    };
    static_assert(at_compile_time());
}

TEST_CASE("bytes: alignment") {
    for (int bit = 0; bit < 64; ++bit) {
        const std::uint64_t alignment = std::uint64_t{1} << bit;
        for (const std::uint64_t n : edges()) {
            const std::uint64_t rest = n % alignment;
            const std::uint64_t more = rest == 0 ? 0 : alignment - rest;
            std::uint64_t out = 0;
            // As documented, a sum that does not fit is refused; the next multiple itself may fit.
            const bool fits = checked_align(n, alignment, out);
            CHECK(fits == add_fits(n, alignment - 1));
            if (!fits) continue;
            CHECK(out == n + more);
            CHECK(out % alignment == 0);
        }
    }
    CHECK(aka::detail::fits_memory(0));
    CHECK(aka::detail::fits_memory(SIZE_MAX / 2));
    CHECK_FALSE(aka::detail::fits_memory(SIZE_MAX / 2 + 1));
    CHECK_FALSE(aka::detail::fits_memory(largest));
}

TEST_CASE("bytes: loads of every width, at any address, of both byte orders") {
    check_loads<std::uint8_t>();
    check_loads<std::int8_t>();
    check_loads<std::uint16_t>();
    check_loads<std::int16_t>();
    check_loads<std::uint32_t>();
    check_loads<std::int32_t>();
    check_loads<std::uint64_t>();
    check_loads<std::int64_t>();
    check_loads<float>();
    check_loads<double>();
    static_assert(aka::detail::byte_swapped(std::uint32_t{0x01020304}) == 0x04030201);
    static_assert(aka::detail::byte_swapped(std::int16_t{-2}) == static_cast<std::int16_t>(0xfeff));
}

TEST_CASE("cursor: reads in order, in either byte order") {
    for (const byte_order order : {byte_order::little, byte_order::big}) {
        bytes_builder b(order);
        b.put_u8(0xfe).put_u16(0xfedc).put_u32(0xfedcba98).put_u64(0xfedcba9876543210);
        b.put_f32(-1.5f).put_f64(1e300).put_raw("raw");
        const test::guard_buffer bytes(b.str());
        cursor c(span_of(bytes), order == byte_order::big);
        CHECK(c.get<std::uint8_t>() == 0xfe);
        CHECK(c.get<std::int16_t>() == static_cast<std::int16_t>(0xfedc));
        CHECK(c.get<std::uint32_t>() == 0xfedcba98);
        CHECK(c.get<std::uint64_t>() == 0xfedcba9876543210);
        CHECK(c.get<float>() == -1.5f);
        CHECK(c.get<double>() == 1e300);
        CHECK(c.pos() == b.size() - 3);
        CHECK(c.left() == 3);
        CHECK(c.need(3));
        CHECK(c.at() == span_of(bytes).data() + c.pos());
        const std::byte* raw = c.take(3);
        REQUIRE(raw != nullptr);
        CHECK(std::memcmp(raw, "raw", 3) == 0);
        CHECK(c.ok());
        CHECK(c.left() == 0);
        CHECK(c.take(0) != nullptr);  // nothing is there, and nothing is asked for
        CHECK(c.ok());
    }
}

TEST_CASE("cursor: a read past the end gives zero, and nothing after it succeeds") {
    const std::string data = test::random_bytes(16, 2);
    for (std::size_t size = 0; size <= data.size(); ++size) {
        const test::guard_buffer bytes(data.substr(0, size));
        for (std::size_t skip = 0; skip <= size; ++skip) {
            CAPTURE(size);
            CAPTURE(skip);
            const std::uint64_t left = size - skip;
            const auto check = [&](auto read, std::uint64_t width) {
                cursor c(span_of(bytes), false);
                if (skip != 0) REQUIRE(c.take(skip) != nullptr);
                const bool zero = read(c);
                CHECK(c.ok() == (width <= left));
                if (c.ok()) {
                    CHECK(c.pos() == skip + width);
                    return;
                }
                CHECK(zero);
                CHECK(c.pos() == skip);  // where the read began
                CHECK(c.get<std::uint8_t>() == 0);
                CHECK(c.take(0) == nullptr);
                CHECK_FALSE(c.need(0));
                CHECK(c.pos() == skip);
            };
            check([](cursor& c) { return c.get<std::uint8_t>() == 0; }, 1);
            check([](cursor& c) { return c.get<std::int16_t>() == 0; }, 2);
            check([](cursor& c) { return same(c.get<float>(), 0.0f); }, 4);
            check([](cursor& c) { return c.get<std::uint64_t>() == 0; }, 8);
            for (const std::uint64_t n : {left, left + 1, largest / 2, largest})
                check([n](cursor& c) { return c.take(n) == nullptr; }, n);
        }
    }
    cursor nothing({}, false);
    CHECK(nothing.ok());
    CHECK(nothing.left() == 0);
    CHECK(nothing.get<std::uint32_t>() == 0);
    CHECK_FALSE(nothing.ok());
}

TEST_CASE("sort: as std::sort, and never much slower than n log n") {
    struct item {
        std::uint32_t key, place;
    };
    test::rng random(3);
    const auto check = [](std::vector<item> v) {
        std::uint64_t compared = 0;
        for (std::size_t i = 0; i < v.size(); ++i) v[i].place = static_cast<std::uint32_t>(i);
        std::vector<item> expected = v;
        const auto less = [](const item& a, const item& b) {
            return a.key != b.key ? a.key < b.key : a.place < b.place;
        };
        std::sort(expected.begin(), expected.end(), less);
        aka::detail::sort(v.data(), v.size(), [&](const item& a, const item& b) {
            ++compared;
            return less(a, b);
        });
        bool equal = true;
        for (std::size_t i = 0; i < v.size(); ++i)
            equal = equal && v[i].key == expected[i].key && v[i].place == expected[i].place;
        CHECK(equal);
        std::uint64_t log = 1;
        while ((std::uint64_t{1} << log) < v.size()) ++log;
        CHECK(compared <= 2 * v.size() * (log + 1));
    };
    for (std::size_t n = 0; n < 66; ++n) {
        for (const std::uint64_t kinds : {1u, 2u, 5u, 1000u}) {
            std::vector<item> v(n);
            for (item& i : v) i.key = static_cast<std::uint32_t>(random.below(kinds));
            check(v);
        }
    }
    constexpr std::uint32_t n = 100000;
    for (int form = 0; form < 6; ++form) {  // shapes that quicksorts dislike
        std::vector<item> v(n);
        for (std::uint32_t i = 0; i < n; ++i) {
            const std::uint32_t keys[] = {i, n - i, 7, i % 2 * i, i % 1000, i < n / 2 ? i : n - i};
            v[i].key = keys[form];
        }
        check(v);
    }
    // Equal elements may change places, but none is lost: a heap sort is not stable.
    std::vector<item> v(1000);
    for (std::uint32_t i = 0; i < 1000; ++i) v[i] = {i % 3, i};
    aka::detail::sort(v.data(), v.size(),
                      [](const item& a, const item& b) { return a.key < b.key; });
    std::vector<bool> there(1000);
    for (std::size_t i = 0; i < v.size(); ++i) {
        CHECK(v[i].key == v[i].place % 3);
        if (i != 0) CHECK(v[i - 1].key <= v[i].key);
        there[v[i].place] = true;
    }
    CHECK(std::count(there.begin(), there.end(), true) == 1000);
}

TEST_CASE("span: made from what is contiguous, cut without leaving it") {
    std::vector<int> vector = {1, 2, 3, 4, 5};
    const std::vector<int>& fixed = vector;
    std::array<int, 2> array = {6, 7};
    int plain[] = {8, 9, 10};
    const auto sum = [](aka::span<const int> s) {
        int n = 0;
        for (const int v : s) n += v;
        return n;
    };
    CHECK(sum(vector) == 15);
    CHECK(sum(fixed) == 15);
    CHECK(sum(array) == 13);
    CHECK(sum(plain) == 27);
    CHECK(sum({}) == 0);
    static_assert(!std::is_convertible_v<const std::vector<int>&, aka::span<int>>);
    static_assert(!std::is_convertible_v<std::vector<int>&, aka::span<const long>>);
    static_assert(std::is_convertible_v<aka::span<int>, aka::span<const int>>);

    aka::span<int> s = vector;
    s[0] = 11;
    CHECK(vector[0] == 11);
    CHECK(s.front() == 11);
    CHECK(s.back() == 5);
    CHECK(s.size_bytes() == 5 * sizeof(int));
    for (std::size_t first = 0; first < 8; ++first) {
        for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{5}, SIZE_MAX}) {
            const aka::span<int> part = s.subspan(first, count);
            const std::size_t at = std::min<std::size_t>(first, 5);
            CHECK(part.data() == s.data() + at);
            CHECK(part.size() == std::min(count, 5 - at));
        }
    }
    CHECK(s.first(2).size() == 2);
    CHECK(s.first(9).size() == 5);

    struct theirs {  // std::span's likes
        theirs(int* p, std::size_t n) : data(p), size(n) {}
        int* data;
        std::size_t size;
    };
    const auto other = static_cast<theirs>(s);
    CHECK(other.data == s.data());
    CHECK(other.size == s.size());
#if __cplusplus >= 202002L
    const auto standard = static_cast<std::span<int>>(s);
    CHECK(standard.data() == s.data());
    CHECK(sum(standard) == sum(s));
#endif

    const std::string text = "text";
    CHECK(aka::as_bytes(text).size() == 4);
    CHECK(aka::as_bytes(text)[3] == std::byte{'t'});
    CHECK(aka::as_bytes(aka::span<const int>(vector)).size() == 5 * sizeof(int));
}

}  // namespace test_bytes
