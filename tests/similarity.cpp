// How alike two ranges of numbers are: closed forms, rounding, what is no number, and the same bits
// on every path.
#include "../examples/common/similarity.hpp"

#include <doctest/doctest.h>

#include "support/guard.hpp"
#include "support/numbers.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace test_similarity {

namespace {

using aka::dtype;
using cli::rounding;
using cli::rounding_between;
using cli::similarity;
using floats = std::vector<float>;

similarity measure(const floats& a, const floats& b, const rounding& r = {}) {
    REQUIRE(a.size() == b.size());
    similarity s;
    s.add(a.data(), b.data(), a.size(), r);
    return s;
}
floats random_floats(std::size_t n, unsigned seed) {
    std::mt19937 g(seed);
    std::normal_distribution<float> normal(0.0f, 0.02f);
    floats out(n);
    for (float& v : out) v = normal(g);
    return out;
}
floats rounded(const floats& a, const char* type) {
    return test::decode_floats(test::encode_floats(a, type), type);
}
constexpr float inf = std::numeric_limits<float>::infinity();
const float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("similarity: closed forms") {
    // The same, the opposite, at right angles.
    const floats x = {3, 4}, y = {-3, -4}, z = {-4, 3};
    CHECK(measure(x, x).cosine() == 1);
    CHECK(measure(x, x).relative_error() == 0);
    CHECK(measure(x, x).differ() == 0);
    CHECK(measure(x, x).first() == similarity::none);
    CHECK(measure(x, y).cosine() == -1);
    CHECK(measure(x, y).relative_error() == 2);
    CHECK(measure(x, z).cosine() == doctest::Approx(0).epsilon(1e-15));
    CHECK(measure(x, z).relative_error() == doctest::Approx(std::sqrt(2.0)));
    CHECK(measure(x, z).mean_error() == doctest::Approx(8.0 / 7));
    CHECK(measure(x, z).differ() == 2);
    CHECK(measure(x, z).first() == 0);
    CHECK(measure(x, z).norm_a() == 5);
    CHECK(measure(x, z).norm_b() == 5);
    CHECK(measure({1, 2, 4}, {1, 2, 5}).worst_error() == doctest::Approx(0.2));
    CHECK(measure({1, 2, 4}, {1, 2, 5}).first() == 2);
    // 60 degrees.
    CHECK(measure({1, 0}, {0.5f, std::sqrt(0.75f)}).cosine() == doctest::Approx(0.5));
    // Nothing, and against nothing.
    CHECK(measure({0, 0}, {0, 0}).cosine() == 1);
    CHECK(measure({0, 0}, {0, 0}).relative_error() == 0);
    CHECK(measure({0, 0}, {0, 0}).worst_error() == 0);
    CHECK(measure({0, 0}, {1, 0}).cosine() == 0);
    CHECK(std::isinf(measure({0, 0}, {1, 0}).relative_error()));
    CHECK(measure({0.0f}, {-0.0f}).differ() == 0);
    CHECK(measure({}, {}).count() == 0);
}

TEST_CASE("similarity: sums of n numbers, whatever n is") {
    for (const std::size_t n : {1u, 7u, 8u, 9u, 255u, 256u, 257u, 1000u, 1024u, 1025u, 70001u}) {
        CAPTURE(n);
        floats a(n), b(n);
        for (std::size_t i = 0; i < n; ++i) a[i] = static_cast<float>(i + 1), b[i] = 2 * a[i];
        const similarity s = measure(a, b);
        const auto m = static_cast<double>(n);
        CHECK(s.norm_a() ==
              doctest::Approx(std::sqrt(m * (m + 1) * (2 * m + 1) / 6)).epsilon(5e-7));
        CHECK(s.relative_error() == doctest::Approx(1).epsilon(5e-7));
        CHECK(s.mean_error() == doctest::Approx(1).epsilon(1e-6));
        CHECK(s.cosine() == doctest::Approx(1).epsilon(1e-12));
        CHECK(s.worst_error() == doctest::Approx(0.5));
        CHECK(s.count() == n);
        CHECK(s.differ() == n);
        // One of them, at every kind of place.
        for (const std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
            floats c = a;
            c[at] += 1;
            CHECK(measure(a, c).differ() == 1);
            CHECK(measure(a, c).first() == at);
            CHECK(measure(a, c).relative_error() * s.norm_a() == doctest::Approx(1));
        }
    }
}

TEST_CASE("similarity: small differences among large numbers are kept") {
    // 1 - cos of a vector turned by a small angle is half its square, far below 2^-53 of the sums.
    floats a(100000, 1.0f), b = a;
    b[70000] = 1.0f + 0x1p-20f;
    const similarity s = measure(a, b);
    CHECK(s.relative_error() == doctest::Approx(0x1p-20 / std::sqrt(1e5)).epsilon(1e-12));
    CHECK(s.first() == 70000);
    // Sums of a million and one thousandth, a thousand times: no rounding is left.
    cli::exact_sum sum;
    for (int i = 0; i < 1000; ++i) sum.add(1e16), sum.add(1), sum.add(-1e16);
    CHECK(sum.value() == 1000);
}

TEST_CASE("similarity: parts merged are the whole") {
    const floats a = random_floats(5000, 1);
    floats b = a;
    b[3210] += 1;
    const similarity whole = measure(a, b);
    similarity parts;
    for (std::size_t at = 0; at < a.size(); at += 1024) {
        similarity one;
        one.add(a.data() + at, b.data() + at, std::min<std::size_t>(1024, a.size() - at), {});
        parts.merge(one);
    }
    CHECK(parts.count() == whole.count());
    CHECK(parts.first() == 3210);
    CHECK(parts.differ() == 1);
    CHECK(parts.cosine() == doctest::Approx(whole.cosine()).epsilon(1e-15));
    CHECK(parts.relative_error() == doctest::Approx(whole.relative_error()).epsilon(1e-15));
}

TEST_CASE("similarity: rounding to shorter types explains itself, and nothing more") {
    floats a = random_floats(20000, 2);
    a.push_back(65504), a.push_back(1e-7f), a.push_back(-5.9e-8f), a.push_back(0);
    struct row {
        const char* type;
        dtype t;
    };
    for (const row& r : {row{"F16", dtype::f16}, row{"BF16", dtype::bf16}}) {
        CAPTURE(r.type);
        const floats b = rounded(a, r.type);
        const rounding allowed = rounding_between(dtype::f32, r.t);
        CHECK(measure(a, b, allowed).within(allowed));
        CHECK(measure(b, a, rounding_between(r.t, dtype::f32)).within(allowed));
        CHECK(measure(a, b).differ() > 15000);
        // The next number of the shorter type is not what this one is rounded to.
        std::size_t missed = 0;
        for (std::size_t i = 0; i < 20000; ++i) {
            if (std::fabs(a[i]) < 0x1p-13f) continue;  // binary16 has wider steps there
            const std::uint32_t step = r.t == dtype::f16 ? 1u << 13 : 1u << 16;
            const float next = test::f32_from_bits(test::f32_bits(b[i]) + step);
            if (next - a[i] == a[i] - b[i]) continue;  // in the middle, either will do
            missed += measure({a[i]}, {next}, allowed).within(allowed);
        }
        CHECK(missed == 0);
    }
    // Both from the same numbers.
    const rounding both = rounding_between(dtype::f16, dtype::bf16);
    CHECK(measure(rounded(a, "F16"), rounded(a, "BF16"), both).within(both));
    // Nothing is rounded between types that are the same.
    CHECK(rounding_between(dtype::bf16, dtype::bf16).step == 0);
}

TEST_CASE("similarity: blocks") {
    const rounding r = rounding_between(dtype::f32, dtype::q8_0);
    CHECK(r.blocks);
    floats a = random_floats(4096, 3), b = a;
    // As Q8_0 does it, with a scale in binary16.
    for (std::size_t i = 0; i < a.size(); i += 32) {
        float most = 0;
        for (std::size_t k = 0; k < 32; ++k) most = std::max(most, std::fabs(a[i + k]));
        const float d = most / 127, scale = test::f16_to_f32(test::f32_to_f16(d));
        for (std::size_t k = 0; k < 32; ++k) b[i + k] = std::round(a[i + k] / d) * scale;
    }
    const similarity s = measure(a, b, r);
    CHECK(s.within(r));
    CHECK(s.block_error() < 0.0045);
    CHECK(s.relative_error() > 0.001);
    CHECK(s.differ() == 0);
    b[1234] += 0.01f;
    CHECK_FALSE(measure(a, b, r).within(r));
    // Numbers too small for a scale in binary16 become zeros.
    CHECK(measure(floats(64, 1e-8f), floats(64, 0.0f), r).block_error() == 0);
    CHECK(measure(floats(64, 1e-30f), floats(64, 0.0f), r).block_error() == 0);
    // Every type that has blocks is known, and allows less than everything.
    for (int id = 0; id < 43; ++id) {
        const dtype t = aka::dtype_from_ggml(static_cast<std::uint32_t>(id));
        if (aka::info(t).block_elements < 32) continue;
        CAPTURE(aka::name(t));
        CHECK(cli::is_measured(t));
        CHECK(rounding_between(t, dtype::f32).whole <= 1);
        CHECK(rounding_between(t, dtype::f32).blocks);
    }
    CHECK_FALSE(cli::is_measured(dtype::i32));
    CHECK_FALSE(cli::is_measured(dtype::unknown));
}

TEST_CASE("similarity: what is no number") {
    const floats a = {1, not_a_number, inf, -inf, 2, 3};
    const similarity same = measure(a, a);
    CHECK(same.odd() == 0);
    CHECK(same.differ() == 0);
    CHECK(same.cosine() == 1);
    CHECK(same.norm_a() == doctest::Approx(std::sqrt(14.0)));
    const similarity s = measure(a, {1, 0, inf, inf, 2, not_a_number});
    CHECK(s.odd() == 3);
    CHECK(s.differ() == 3);
    CHECK(s.first() == 1);
    CHECK(s.count() == 6);
    CHECK(s.norm_b() == doctest::Approx(std::sqrt(5.0)));
    const rounding r = rounding_between(dtype::f32, dtype::q8_0);
    CHECK_FALSE(measure({1, not_a_number}, {1, 1}, r).within(r));
    // Numbers whose squares are too large for a double do not exist; of float32 all fit.
    const float huge = std::numeric_limits<float>::max();
    CHECK(measure({huge, huge}, {huge, huge}).relative_error() == 0);
    CHECK(measure({huge, 0}, {-huge, 0}).relative_error() == 2);
    // Nor too small.
    CHECK(measure({3e-30f, 4e-30f}, {3e-30f, -4e-30f}).cosine() == doctest::Approx(-0.28));
    CHECK(measure({3e-30f, 4e-30f}, {3e-30f, -4e-30f}).relative_error() == doctest::Approx(1.6));
    CHECK(measure({1, 1e-20f}, {1, 2e-20f}).relative_error() == doctest::Approx(1e-20));
    CHECK(measure({1, 1e-20f}, {1, 2e-20f}).worst_error() == doctest::Approx(0.5));
}

TEST_CASE("similarity: the same bits on every path, and no byte too many") {
    const floats a = random_floats(256, 4);
    floats b = rounded(a, "BF16");
    b[77] = 1;
    for (const rounding& r : {rounding{}, rounding_between(dtype::f32, dtype::bf16),
                              rounding_between(dtype::f32, dtype::q4_0)}) {
        for (std::size_t n = 8; n <= 256; n += 8) {
            const test::guard_buffer x({reinterpret_cast<const char*>(a.data()), 4 * n}),
                y({reinterpret_cast<const char*>(b.data()), 4 * n});
            const auto* p = reinterpret_cast<const std::byte*>(x.data());
            const auto* q = reinterpret_cast<const std::byte*>(y.data());
            cli::detail::block_sums one, two;
            cli::detail::sum_block(p, q, n, r, one);
            cli::detail::sum_block_portable(p, q, n, r, two);
            CHECK(one.aa == two.aa);
            CHECK(one.bb == two.bb);
            CHECK(one.dd == two.dd);
            CHECK(one.a1 == two.a1);
            CHECK(one.d1 == two.d1);
            CHECK(one.worse == two.worse);
            CHECK(one.error == two.error);
            CHECK(one.magnitude == two.magnitude);
            CHECK(one.differ == two.differ);
        }
    }
}

}  // namespace test_similarity
