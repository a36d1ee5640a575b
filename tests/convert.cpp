// Plain element types to float32 and back: every code of the short types and every number where
// rounding can turn, against the definitions written out with ldexp.
#include <aka/convert.hpp>
#include <doctest/doctest.h>

#include "support/bytes.hpp"
#include "support/guard.hpp"
#include "support/numbers.hpp"
#include "support/outcome.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace test_convert {

namespace {

using aka::dtype;
using aka::errc;

// Same value: same bits, or both NaN.
bool same(float a, float b) {
    return test::f32_bits(a) == test::f32_bits(b) || (std::isnan(a) && std::isnan(b));
}

enum class has { nothing, infinity_and_nan, one_nan, unsigned_zero };

// Sign, exponent, fraction, as the standards define them.
float by_definition(unsigned code, int exponent_bits, int fraction_bits, int bias, has special) {
    const int sign = static_cast<int>(code >> (exponent_bits + fraction_bits)) & 1;
    const int e = static_cast<int>(code >> fraction_bits) & ((1 << exponent_bits) - 1);
    const int m = static_cast<int>(code) & ((1 << fraction_bits) - 1);
    const int last = (1 << exponent_bits) - 1;
    if (special == has::infinity_and_nan && e == last)
        return m != 0 ? NAN : sign != 0 ? -INFINITY : INFINITY;
    if (special == has::one_nan && e == last && m == (1 << fraction_bits) - 1) return NAN;
    if (special == has::unsigned_zero && sign != 0 && e == 0 && m == 0) return NAN;
    const double fraction = std::ldexp(m, -fraction_bits);
    const double v = e == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, e - bias);
    return static_cast<float>(sign != 0 ? -v : v);
}

std::vector<float> rows(dtype t, const std::string& bytes, std::size_t n) {
    std::vector<float> out(n);
    // A guard behind and an odd address: one byte too far, or an aligned load, would show.
    const test::guard_buffer in(bytes);
    const auto s = aka::to_f32(t, {reinterpret_cast<const std::byte*>(in.data()), bytes.size()},
                               aka::span<float>(out));
    REQUIRE_MESSAGE(s, test::said(s));
    const std::string shifted = 'x' + bytes;
    std::vector<float> again(n);
    REQUIRE(aka::to_f32(t, aka::as_bytes(std::string_view(shifted)).subspan(1),
                        aka::span<float>(again)));
    CHECK(std::memcmp(out.data(), again.data(), 4 * n) == 0);
    return out;
}

template <class Scalar>
void check_codes(dtype t, Scalar scalar, int exponent_bits, int fraction_bits, int bias,
                 has special) {
    CAPTURE(std::string(aka::name(t)));
    std::string bytes;
    for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
    const std::vector<float> row = rows(t, bytes, 256);
    int wrong = 0;
    for (unsigned c = 0; c < 256; ++c) {
        const float expected = by_definition(c, exponent_bits, fraction_bits, bias, special);
        wrong += !same(scalar(static_cast<std::uint8_t>(c)), expected) || !same(row[c], expected);
    }
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("convert: every code of the 8-bit types") {
    check_codes(dtype::f8_e5m2, aka::f8_e5m2_to_f32, 5, 2, 15, has::infinity_and_nan);
    check_codes(dtype::f8_e4m3, aka::f8_e4m3_to_f32, 4, 3, 7, has::one_nan);
    check_codes(dtype::f8_e4m3fnuz, aka::f8_e4m3fnuz_to_f32, 4, 3, 8, has::unsigned_zero);
    check_codes(dtype::f8_e5m2fnuz, aka::f8_e5m2fnuz_to_f32, 5, 2, 16, has::unsigned_zero);
    // The largest numbers, as the standards print them.
    CHECK(aka::f8_e5m2_to_f32(0x7b) == 57344.0f);
    CHECK(aka::f8_e4m3_to_f32(0x7e) == 448.0f);
    CHECK(aka::f8_e4m3fnuz_to_f32(0x7f) == 240.0f);
    CHECK(aka::f8_e5m2fnuz_to_f32(0x7f) == 57344.0f);

    std::string bytes;
    for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
    const std::vector<float> scales = rows(dtype::f8_e8m0, bytes, 256);
    for (int c = 0; c < 255; ++c) {
        CHECK(aka::f8_e8m0_to_f32(static_cast<std::uint8_t>(c)) == std::ldexp(1.0f, c - 127));
        CHECK(scales[static_cast<unsigned>(c)] == std::ldexp(1.0f, c - 127));
    }
    CHECK(std::isnan(aka::f8_e8m0_to_f32(255)));
    CHECK(std::isnan(scales[255]));
}

TEST_CASE("convert: every code of the 6-bit and 4-bit types, and how they are packed") {
    std::string sixes, fours;
    for (unsigned i = 0; i < 64; i += 4) {
        const unsigned all = i | (i + 1) << 6 | (i + 2) << 12 | (i + 3) << 18;
        for (unsigned k = 0; k < 3; ++k) sixes += static_cast<char>(all >> (8 * k) & 255);
    }
    const std::vector<float> e2m3 = rows(dtype::f6_e2m3, sixes, 64);
    const std::vector<float> e3m2 = rows(dtype::f6_e3m2, sixes, 64);
    for (unsigned c = 0; c < 64; ++c) {
        const auto code = static_cast<std::uint8_t>(c);
        CHECK(same(aka::f6_e2m3_to_f32(code), by_definition(c, 2, 3, 1, has::nothing)));
        CHECK(same(aka::f6_e3m2_to_f32(code), by_definition(c, 3, 2, 3, has::nothing)));
        CHECK(same(e2m3[c], aka::f6_e2m3_to_f32(code)));
        CHECK(same(e3m2[c], aka::f6_e3m2_to_f32(code)));
    }
    for (unsigned i = 0; i < 16; i += 2) fours += static_cast<char>(i | (i + 1) << 4);
    const std::vector<float> e2m1 = rows(dtype::f4, fours, 16);
    const float expected[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    for (unsigned c = 0; c < 16; ++c) {
        const float v = c < 8 ? expected[c] : -expected[c - 8];
        CHECK(same(aka::f4_to_f32(static_cast<std::uint8_t>(c)), v));
        CHECK(same(e2m1[c], v));
    }
}

TEST_CASE("convert: every binary16 and bfloat16") {
    test::bytes_builder all;
    for (unsigned c = 0; c < 65536; ++c) all.put_u16(static_cast<std::uint16_t>(c));
    const std::vector<float> halves = rows(dtype::f16, all.str(), 65536);
    const std::vector<float> brains = rows(dtype::bf16, all.str(), 65536);
    int wrong = 0, back = 0;
    for (unsigned c = 0; c < 65536; ++c) {
        const auto h = static_cast<std::uint16_t>(c);
        const float half = by_definition(c, 5, 10, 15, has::infinity_and_nan);
        const float brain = by_definition(c, 8, 7, 127, has::infinity_and_nan);
        wrong += !same(aka::f16_to_f32(h), half) || !same(halves[c], half);
        wrong += !same(aka::bf16_to_f32(h), brain) || !same(brains[c], brain);
        // NaN keeps its sign and payload; binary16's is made quiet.
        if (std::isnan(half)) {
            const std::uint32_t bits = test::f32_bits(aka::f16_to_f32(h));
            wrong += bits != ((c & 0x8000u) << 16 | 0x7fc00000u | (c & 0x3ffu) << 13);
            back += aka::f32_to_f16(half) != ((test::f32_bits(half) >> 16 & 0x8000u) | 0x7e00u);
        } else {
            back += aka::f32_to_f16(half) != h;
        }
        wrong += std::isnan(brain) && test::f32_bits(aka::bf16_to_f32(h)) != c << 16;
        back += !std::isnan(brain) && aka::f32_to_bf16(brain) != h;
    }
    CHECK(wrong == 0);
    CHECK(back == 0);
}

TEST_CASE("convert: float32 to the short types at every turning point") {
    int wrong = 0;
    const auto check = [&wrong](float f) {
        wrong += aka::f32_to_f16(f) != test::f32_to_f16(f);
        wrong += aka::f32_to_bf16(f) != test::f32_to_bf16(f);
    };
    // Halfway between neighbours, and the float32 on either side of that.
    for (unsigned c = 0; c < 0x7c00; ++c) {
        const float low = test::f16_to_f32(static_cast<std::uint16_t>(c));
        const float high =
            c == 0x7bff ? 65536 : test::f16_to_f32(static_cast<std::uint16_t>(c + 1));
        const float middle = (low + high) / 2;
        for (const float f :
             {low, middle, std::nextafter(middle, low), std::nextafter(middle, high)})
            check(f), check(-f);
    }
    for (std::uint32_t c = 0; c < 0x7f80; ++c)
        for (const std::uint32_t low : {0x0000u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
            check(test::f32_from_bits(c << 16 | low)), check(-test::f32_from_bits(c << 16 | low));
    test::rng r(5);
    for (int i = 0; i < 1000000; ++i) {
        const float f = test::f32_from_bits(static_cast<std::uint32_t>(r.next()));
        if (!std::isnan(f)) check(f);
    }
    for (const float f : {INFINITY, -INFINITY, 0.0f, -0.0f, 65504.0f, 65519.996f, 65520.0f})
        check(f);
    CHECK(wrong == 0);

    // NaN: quiet, with the bits that fit, never infinity.
    CHECK(aka::f32_to_f16(test::f32_from_bits(0xff800001u)) == 0xfe00);
    CHECK(aka::f32_to_f16(test::f32_from_bits(0x7fabcdefu)) == (0x7e00 | (0xabcdef >> 13 & 0x3ff)));
    CHECK(aka::f32_to_bf16(test::f32_from_bits(0x7f800001u)) == 0x7fc0);
}

TEST_CASE("convert: integers, booleans, binary64") {
    test::bytes_builder b;
    b.put_u8(0x80).put_u8(0x7f).put_u8(0xff);
    CHECK(rows(dtype::i8, b.str(), 3) == std::vector<float>{-128, 127, -1});
    CHECK(rows(dtype::u8, b.str(), 3) == std::vector<float>{128, 127, 255});
    CHECK(rows(dtype::boolean, std::string("\0\1\2", 3), 3) == std::vector<float>{0, 1, 1});
    test::bytes_builder h;
    h.put_u16(0x8000).put_u16(0x1234);
    CHECK(rows(dtype::i16, h.str(), 2) == std::vector<float>{-32768, 0x1234});
    CHECK(rows(dtype::u16, h.str(), 2) == std::vector<float>{32768, 0x1234});
    // 2^24 + 1 and + 3 are ties: to even.
    test::bytes_builder w;
    w.put_u32(16777217).put_u32(16777219).put_u32(0xffffffff);
    CHECK(rows(dtype::i32, w.str(), 3) == std::vector<float>{16777216, 16777220, -1});
    CHECK(rows(dtype::u32, w.str(), 3) == std::vector<float>{16777216, 16777220, 4294967296.0f});
    test::bytes_builder q;
    q.put_u64(0xffffffffffffffff).put_u64(0x8000008000000001).put_u64(0x8000008000000000);
    CHECK(rows(dtype::u64, q.str(), 3) == std::vector<float>{18446744073709551616.0f,
                                                             9223373136366403584.0f,
                                                             9223372036854775808.0f});
    CHECK(rows(dtype::i64, q.str().substr(0, 8), 1) == std::vector<float>{-1});
    test::bytes_builder d;
    d.put_f64(1.0 + std::ldexp(1.0, -24)).put_f64(1.0 + std::ldexp(3.0, -24)).put_f64(1e300);
    d.put_f64(-1e-320).put_f64(std::ldexp(1.0, -149));
    const std::vector<float> f = rows(dtype::f64, d.str(), 5);
    CHECK(f[0] == 1.0f);
    CHECK(f[1] == 1.0f + std::ldexp(1.0f, -22));
    CHECK(f[2] == INFINITY);
    CHECK(same(f[3], -0.0f));
    CHECK(f[4] == std::ldexp(1.0f, -149));
    test::bytes_builder s;
    s.put_f32(-0.0f).put_u32(0x7f800001);
    const std::vector<float> as_is = rows(dtype::f32, s.str(), 2);
    CHECK(same(as_is[0], -0.0f));
    std::uint32_t bits = 0;
    std::memcpy(&bits, &as_is[1], 4);
    CHECK(bits == 0x7f800001);
}

TEST_CASE("convert: complex numbers only where they are real") {
    test::bytes_builder c;
    c.put_f32(1.5f).put_f32(0.0f).put_f32(-2.0f).put_f32(-0.0f);
    CHECK(rows(dtype::c64, c.str(), 2) == std::vector<float>{1.5f, -2.0f});
    c.put_f32(3).put_f32(1e-40f);
    float out[3];
    const auto s = aka::to_f32(dtype::c64, aka::as_bytes(std::string_view(c.str())), out);
    CHECK(s.code() == errc::unsupported);
    CHECK(test::said(s) ==
          "unsupported: element 2 of C64 has an imaginary part: it is not one number");
}

TEST_CASE("convert: wrong sizes and types") {
    const std::string bytes(12, '\1');
    const aka::byte_span in = aka::as_bytes(std::string_view(bytes));
    float out[8];
    const auto to = [&](dtype t, std::size_t n, std::size_t floats) {
        return aka::to_f32(t, in.first(n), aka::span<float>(out, floats));
    };
    CHECK(to(dtype::f16, 12, 5).code() == errc::wrong_size);
    CHECK(test::said(to(dtype::f16, 11, 6)) ==
          "wrong_size: 11 bytes for 6 elements of F16, which take 12");
    CHECK(to(dtype::f4, 1, 1).code() == errc::bad_block);
    CHECK(test::said(to(dtype::f6_e2m3, 3, 3)) ==
          "bad_block: 3 elements are not whole blocks of F6_E2M3, which have 4 each");
    CHECK(to(dtype::q8_0, 12, 8).code() == errc::wrong_type);
    CHECK(to(dtype::unknown, 12, 8).code() == errc::wrong_type);
    CHECK(to(dtype::f16, 0, 0));

    std::byte raw[16];
    CHECK(aka::from_f32(dtype::q8_0, out, raw).code() == errc::wrong_type);
    CHECK(aka::from_f32(dtype::f16, aka::span<const float>(out, 7), raw).code() ==
          errc::wrong_size);
}

TEST_CASE("convert: rows of float32 as F32, F16, BF16, F64") {
    const std::vector<float> in = {1.0f, -2.5f, 65520.0f, -0.0f, 3.14159274f};
    std::string bytes(1 + 8 * in.size(), '\0');  // an odd address
    const auto write = [&](dtype t) {
        const aka::span<std::byte> out(reinterpret_cast<std::byte*>(&bytes[1]),
                                       aka::info(t).block_bytes * in.size());
        REQUIRE(aka::from_f32(t, aka::span<const float>(in), out));
        std::string got = bytes.substr(1, out.size());
        // In this machine's order, but little-endian here.
        if (AKA_BIG_ENDIAN_HOST != 0)
            for (std::size_t i = 0, width = got.size() / in.size(); i < got.size(); i += width)
                std::reverse(&got[i], &got[i] + width);
        return got;
    };
    CHECK(write(dtype::f32) == test::encode_floats(in, "F32"));
    CHECK(write(dtype::f16) == test::encode_floats(in, "F16"));
    CHECK(write(dtype::bf16) == test::encode_floats(in, "BF16"));
    test::bytes_builder doubles;
    for (const float f : in) doubles.put_f64(static_cast<double>(f));
    CHECK(write(dtype::f64) == doubles.str());
}

}  // namespace test_convert
