// ggml's own decoders beside ours, on random blocks with scales of every kind: the same bits, on
// the portable path and on what runs here. ggml's library is described in CONTRIBUTING.md.
#include <aka/dequantize.hpp>
#include <doctest/doctest.h>

#include "support/bytes.hpp"
#include "support/files.hpp"
#include "support/ggml_decoders.hpp"
#include "support/numbers.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace test_dequantize_oracle {

namespace {

// As 32-bit patterns; NaN only as NaN, since which one comes out of two is the compiler's choice.
std::size_t differing(const std::vector<float>& a, const std::vector<float>& b) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        wrong +=
            test::f32_bits(a[i]) != test::f32_bits(b[i]) && !(std::isnan(a[i]) && std::isnan(b[i]));
    return wrong;
}

}  // namespace

TEST_CASE("dequantize_oracle: 20,480 random blocks of every type that ggml decodes") {
    if (!test::ggml_functions().problem.empty()) SKIP_TEST(test::ggml_functions().problem);
    test::rng r(2024);
    std::size_t types = 0, infinite = 0, minus_zero = 0, nan = 0;
    for (std::size_t i = 1; i < aka::detail::dtype_count; ++i) {
        const aka::dtype_info& type = aka::info(static_cast<aka::dtype>(i));
        CAPTURE(std::string(type.name));
        if (type.ggml_id < 0) continue;
        const auto theirs =
            test::ggml_functions().of(type.ggml_id, type.block_elements, type.block_bytes);
        if (theirs == nullptr) continue;
        ++types;
        // Plain types have 16 times as many "blocks", of one element.
        const std::size_t n = type.block_elements == 1 ? 20480 * 16 : 20480;
        std::string data = r.bytes(n * type.block_bytes);
        // Every tenth block holds words that are infinite, NaN, zero, subnormal as binary16.
        static const std::uint16_t odd[] = {0x7c00, 0xfc00, 0x7e01, 0x7c01, 0x0000,
                                            0x8000, 0x0001, 0x83ff, 0x7bff};
        for (std::size_t b = 0; b < n; b += 10)
            for (std::size_t at = 0; at + 2 <= type.block_bytes; at += 2) {
                if (r.below(4) != 0) continue;
                const std::uint16_t word = odd[r.below(sizeof odd / sizeof odd[0])];
                data[b * type.block_bytes + at] = static_cast<char>(word & 255);
                data[b * type.block_bytes + at + 1] = static_cast<char>(word >> 8);
            }
        const auto* bytes = reinterpret_cast<const std::byte*>(data.data());
        std::vector<float> want(n * type.block_elements), got(want.size());
        theirs(data.data(), want.data(), static_cast<std::int64_t>(want.size()));
        REQUIRE(aka::dequantize(type.dtype, {bytes, data.size()}, aka::span<float>(got)));
        CHECK(differing(got, want) == 0);
        aka::detail::portable_decoders.of[i](bytes, got.data(), n);
        CHECK(differing(got, want) == 0);
        for (const float f : want) {
            infinite += std::isinf(f);
            nan += std::isnan(f);
            minus_zero += f == 0.0f && std::signbit(f);
        }
    }
    MESSAGE(types << " types; " << infinite << " infinities, " << minus_zero << " negative zeros, "
                  << nan << " NaN");
    CHECK(types >= 26);
    CHECK(infinite > 1000);
    CHECK(minus_zero > 1000);
    CHECK(nan > 1000);
}

}  // namespace test_dequantize_oracle
