// Every quantised type to float32: ggml's own golden vectors, the vector paths beside the portable
// one on random blocks, parts of blocks, and what is refused.
#include <aka/dequantize.hpp>
#include <doctest/doctest.h>

#include "support/bytes.hpp"
#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/json.hpp"
#include "support/numbers.hpp"
#include "support/outcome.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace test_dequantize {

namespace {

using aka::dtype;
using aka::errc;

aka::byte_span bytes_of(const test::guard_buffer& b) {
    return {reinterpret_cast<const std::byte*>(b.data()), b.size()};
}
aka::byte_span bytes_of(const std::string& s) { return aka::as_bytes(std::string_view(s)); }

// Elements that differ in a bit and are not both NaN.
std::size_t differing(const float* a, const float* b, std::size_t n) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i)
        wrong +=
            test::f32_bits(a[i]) != test::f32_bits(b[i]) && !(std::isnan(a[i]) && std::isnan(b[i]));
    return wrong;
}

void portable(dtype t, aka::byte_span in, std::vector<float>& out) {
    aka::detail::portable_decoders.of[static_cast<std::size_t>(t)](
        in.data(), out.data(), out.size() / aka::info(t).block_elements);
}

template <class F>
void for_each_dtype(F f) {
    for (std::size_t i = 1; i < aka::detail::dtype_count; ++i) {
        const auto t = static_cast<dtype>(i);
        CAPTURE(std::string(aka::name(t)));
        f(t, aka::info(t));
    }
}

// Random bytes, now and then with words that are infinite, NaN, zero or subnormal as binary16, so
// that scales of all kinds occur.
std::string random_blocks(test::rng& r, std::size_t bytes) {
    static const std::uint16_t odd[] = {0x7c00, 0xfc00, 0x7e01, 0x0000, 0x8000, 0x0001, 0x83ff};
    std::string out = r.bytes(bytes);
    for (std::size_t at = 0; at + 2 <= bytes; at += 2) {
        if (r.below(16) != 0) continue;
        const std::uint16_t word = odd[r.below(sizeof odd / sizeof odd[0])];
        out[at] = static_cast<char>(word & 255), out[at + 1] = static_cast<char>(word >> 8);
    }
    return out;
}

}  // namespace

TEST_CASE("dequantize: ggml's golden vectors") {
    SKIP_WITHOUT_DATA();
    const test::json all =
        test::json::parse(test::read_file(test::shared_data() / "ggml_golden.json"));
    std::size_t types = 0;
    for (const test::json& entry : all.items) {
        if (!entry.is_object()) continue;
        const dtype t = aka::dtype_from_ggml(static_cast<std::uint32_t>(entry["id"].as_u64()));
        CAPTURE(std::string(aka::name(t)));
        REQUIRE(t != dtype::unknown);
        const std::string data = test::hex_decode(entry["data"].as_string());
        const std::string expected = test::hex_decode(entry["f32"].as_string());
        std::vector<float> want, got(expected.size() / 4);
        for (std::size_t i = 0; i < expected.size(); i += 4) {  // big-endian numbers
            std::uint32_t bits = 0;
            for (std::size_t k = 0; k < 4; ++k)
                bits = bits << 8 | static_cast<unsigned char>(expected[i + k]);
            want.push_back(test::f32_from_bits(bits));
        }
        const test::guard_buffer in(data);
        const auto s = aka::dequantize(t, bytes_of(in), aka::span<float>(got));
        REQUIRE_MESSAGE(s, test::said(s));
        CHECK(differing(got.data(), want.data(), got.size()) == 0);
        portable(t, bytes_of(in), got);
        CHECK(differing(got.data(), want.data(), got.size()) == 0);
        ++types;
    }
    CHECK(types == 26);  // all that ggml decodes
}

TEST_CASE("dequantize: what runs here gives the bits of the portable path") {
    test::rng r(11);
    for_each_dtype([&](dtype t, const aka::dtype_info& type) {
        // Odd counts, so that whatever is done in groups has a rest; 20,000 blocks of each type.
        const std::size_t counts[] = {1, 2, 3, 5, 7, 9, 15, 31, 33, 1000, 18894};
        for (const std::size_t n : counts) {
            const std::string data = random_blocks(r, n * type.block_bytes);
            std::vector<float> got(n * type.block_elements), want(got.size());
            portable(t, bytes_of(data), want);
            if (t == dtype::c64) continue;  // refused, and not quantised
            REQUIRE(aka::dequantize(t, bytes_of(data), aka::span<float>(got)));
            CHECK(differing(got.data(), want.data(), got.size()) == 0);
        }
    });
}

TEST_CASE("dequantize: nothing outside is read or written, at any address") {
    test::rng r(12);
    for_each_dtype([&](dtype t, const aka::dtype_info& type) {
        if (t == dtype::c64) return;
        for (const std::size_t n :
             {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{64}}) {
            const std::string data = random_blocks(r, n * type.block_bytes);
            const std::size_t floats = n * type.block_elements;
            std::vector<float> want(floats);
            portable(t, bytes_of(data), want);
            for (const test::guard_side side :
                 {test::guard_side::behind, test::guard_side::before}) {
                // An odd number of bytes up to a guard makes an odd address.
                const test::guard_buffer in(data, side);
                test::guard_buffer out(std::string(4 * floats, '\x55'), side, true);
                const aka::span<float> to(reinterpret_cast<float*>(out.data()), floats);
                REQUIRE(aka::dequantize(t, bytes_of(in), to));
                CHECK(differing(to.data(), want.data(), floats) == 0);
            }
        }
    });
}

TEST_CASE("dequantize: large outputs, whose stores go around the caches, at any alignment") {
    test::rng r(13);
    for (const dtype t :
         {dtype::f16, dtype::bf16, dtype::q8_0, dtype::q4_k, dtype::tq1_0, dtype::u8, dtype::f4}) {
        CAPTURE(std::string(aka::name(t)));
        const aka::dtype_info& type = aka::info(t);
        const std::size_t n = ((std::size_t{9} << 20) / 4 + 256) / type.block_elements;
        const std::string data = random_blocks(r, n * type.block_bytes);
        std::vector<float> want(n * type.block_elements), got(want.size() + 32, 7.0f);
        portable(t, bytes_of(data), want);
        for (const std::size_t shift : {std::size_t{0}, std::size_t{1}, std::size_t{6}}) {
            got.assign(got.size(), 7.0f);
            REQUIRE(aka::dequantize(t, bytes_of(data),
                                    aka::span<float>(got.data() + 16 + shift, want.size())));
            CHECK(differing(got.data() + 16 + shift, want.data(), want.size()) == 0);
            CHECK(got[15 + shift] == 7.0f);
            CHECK(got[16 + shift + want.size()] == 7.0f);
        }
    }
}

TEST_CASE("dequantize: parts that begin and end inside blocks") {
    test::rng r(14);
    for_each_dtype([&](dtype t, const aka::dtype_info& type) {
        if (t == dtype::c64) return;
        const std::size_t n = 5, floats = n * type.block_elements;
        const std::string data = random_blocks(r, n * type.block_bytes);
        std::vector<float> want(floats);
        portable(t, bytes_of(data), want);
        for (int k = 0; k < 50; ++k) {
            const auto first = static_cast<std::size_t>(r.below(floats + 1));
            const auto count = static_cast<std::size_t>(r.below(floats - first + 1));
            std::vector<float> got(count + 1, 7.0f);
            REQUIRE(aka::dequantize_range(t, bytes_of(data), first,
                                          aka::span<float>(got.data(), count)));
            CHECK(differing(got.data(), want.data() + first, count) == 0);
            CHECK(got[count] == 7.0f);
        }
        std::vector<float> out(floats + 1);
        CHECK(aka::dequantize_range(t, bytes_of(data), 1, aka::span<float>(out.data(), floats))
                  .code() == errc::out_of_range);
        CHECK(aka::dequantize_range(t, bytes_of(data), ~std::uint64_t{0},
                                    aka::span<float>(out.data(), 1))
                  .code() == errc::out_of_range);
        if (type.block_bytes > 1)
            CHECK(aka::dequantize_range(t, bytes_of(data).first(type.block_bytes + 1), 0,
                                        aka::span<float>(out.data(), 1))
                      .code() == errc::bad_block);
    });
}

TEST_CASE("dequantize: whole numbers of 64 bits at every tie") {
    // Around halfway between neighbouring float32, at every magnitude.
    test::bytes_builder b;
    for (int shift = 0; shift < 40; ++shift)
        for (const std::uint64_t m : {0x1000000u, 0x1000001u, 0x1ffffffu, 0x1fffffeu, 0x1234567u})
            for (const std::uint64_t low : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
                b.put_u64((m << shift) + low);
    const std::string data = b.str();
    for (const dtype t : {dtype::u64, dtype::i64}) {
        std::vector<float> got(data.size() / 8);
        REQUIRE(aka::dequantize(t, bytes_of(data), aka::span<float>(got)));
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            std::uint64_t v = 0;
            for (unsigned k = 8; k-- != 0;)
                v = v << 8 | static_cast<unsigned char>(data[8 * i + k]);
            wrong += got[i] != (t == dtype::u64 ? static_cast<float>(v)
                                                : static_cast<float>(static_cast<std::int64_t>(v)));
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("dequantize: narrowing with vectors gives the bits of the portable path") {
    test::rng r(15);
    std::vector<float> in;
    for (std::uint32_t c = 0; c < 0x10000; ++c)  // ties, and what is beside them, and all of NaN
        for (const std::uint32_t low :
             {0x0000u, 0x0001u, 0x0fffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
            in.push_back(test::f32_from_bits(c << 16 | low));
    for (int i = 0; i < 300003; ++i)
        in.push_back(test::f32_from_bits(static_cast<std::uint32_t>(r.next())));
    for (const dtype to : {dtype::f16, dtype::bf16, dtype::f64, dtype::f32}) {
        CAPTURE(std::string(aka::name(to)));
        std::string want(in.size() * aka::info(to).block_bytes, '\0'), got(want.size(), '\1');
        REQUIRE(aka::from_f32(to, aka::span<const float>(in),
                              {reinterpret_cast<std::byte*>(&want[0]), want.size()}));
        aka::detail::narrow(to, in.data(), reinterpret_cast<std::byte*>(&got[0]), in.size());
        CHECK((got == want));
    }
}

TEST_CASE("dequantize: wrong sizes and types") {
    const std::string data(288, '\1');
    std::vector<float> out(512);
    const auto to = [&](dtype t, std::size_t bytes, std::size_t floats) {
        return aka::dequantize(t, bytes_of(data).first(bytes), aka::span<float>(out).first(floats));
    };
    CHECK(to(dtype::q4_k, 288, 512));
    CHECK(to(dtype::q4_k, 0, 0));
    CHECK(test::said(to(dtype::q4_k, 144, 255)) ==
          "bad_block: 255 elements are not whole blocks of Q4_K, which have 256 each");
    CHECK(test::said(to(dtype::q4_k, 288, 256)) ==
          "wrong_size: 288 bytes for 256 elements of Q4_K, which take 144");
    CHECK(to(dtype::q4_k, 143, 256).code() == errc::wrong_size);
    CHECK(to(dtype::unknown, 4, 4).code() == errc::wrong_type);
    CHECK(aka::dequantize_range(dtype::unknown, bytes_of(data), 0, aka::span<float>(out)).code() ==
          errc::wrong_type);
}

}  // namespace test_dequantize
