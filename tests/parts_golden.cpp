// Quantised forms worked out by hand: codes, scales and values small enough to be checked with
// paper and the definition of each form.
#include <aka/dequantize_parts.hpp>
#include <doctest/doctest.h>

#include "support/outcome.hpp"
#include "support/pack_parts.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace test_parts_golden {

namespace {

using test::st_tensor;

std::string bytes(const std::string& hex) { return test::hex_decode(hex); }
std::string f32(const std::vector<float>& v) {
    test::bytes_builder b;
    for (const float f : v) b.put_f32(f);
    return std::move(b).str();
}
std::string u32(const std::vector<std::uint32_t>& v) {
    test::bytes_builder b;
    for (const std::uint32_t w : v) b.put_u32(w);
    return std::move(b).str();
}
std::string u64(const std::vector<std::uint64_t>& v) {
    test::bytes_builder b;
    for (const std::uint64_t w : v) b.put_u64(w);
    return std::move(b).str();
}

std::vector<float> values(const std::vector<st_tensor>& parts, const std::string& config = "{}") {
    const test::parsed<aka::safetensors, aka::safetensors_options> file(
        test::write_safetensors(parts));
    REQUIRE_OK(file.file);
    const std::string text = config == "{}" ? config : R"({"quantization_config": )" + config + "}";
    auto q = aka::quant_settings::from_config(aka::as_bytes(std::string_view(text)));
    REQUIRE_OK(q);
    auto w = aka::quantised_weight::find(*file.file, "w", *q);
    REQUIRE_OK(w);
    std::vector<float> out(static_cast<std::size_t>(w->rows() * w->columns()), -999.0f);
    const aka::status s = w->to_f32(0, w->rows(), out);
    REQUIRE_OK(s);
    return out;
}
using floats = std::vector<float>;

}  // namespace

TEST_CASE("FP8 with an inverse scale that multiplies") {
    // E4M3, bias 7: 0x38 is 2^0, 0x7e 2^8 * 1.75, 0x01 2^-6 / 8.
    CHECK(values({{"w.weight", "F8_E4M3", {1, 5}, bytes("38b87e0100")},
                  {"w.weight_scale_inv", "F32", {1, 1}, f32({0.5f})}}) ==
          floats{0.5f, -0.5f, 224.0f, 0.0009765625f, 0.0f});
}

TEST_CASE("INT8 with a zero point") {
    // (10 - 3) / 4, (-128 - 3) / 4
    CHECK(values({{"w.weight", "I8", {1, 2}, bytes("0a80")},
                  {"w.weight_scale", "F32", {1, 1}, f32({0.25f})},
                  {"w.weight_zero_point", "I8", {1, 1}, bytes("03")}}) == floats{1.75f, -32.75f});
}

TEST_CASE("bitsandbytes int8") {
    // 127 * 1 / 127; -64 * 2 / 127: -128 times the float nearest to 1/127.
    CHECK(values({{"w.weight", "I8", {2, 1}, bytes("7fc0")},
                  {"w.SCB", "F32", {2}, f32({1.0f, 2.0f})}}) ==
          floats{1.0f, -128.0f * 0.00787401571869850158691f});
}

TEST_CASE("compressed-tensors pack-quantized") {
    // Codes 1 to 8, the first in the lowest bits, each less 8, times 2.
    const st_tensor codes{"w.weight_packed", "I32", {1, 1}, u32({0x87654321})};
    const st_tensor scale{"w.weight_scale", "F32", {1, 1}, f32({2.0f})};
    const st_tensor shape{"w.weight_shape", "I64", {2}, u64({1, 8})};
    // Eight codes in a word may have 3 or 4 bits: the config says.
    const std::string four = R"({"quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": {"num_bits": 4}}}})";
    CHECK(values({codes, scale, shape}, four) == floats{-14, -12, -10, -8, -6, -4, -2, 0});
    // A zero point of 3, stored as 11 in the lowest bits of the word of rows 0 to 7.
    CHECK(values({codes, scale, shape, {"w.weight_zero_point", "I32", {1, 1}, u32({0x0000000b})}},
                 four) == floats{-20, -18, -16, -14, -12, -10, -8, -6});
}

TEST_CASE("NVFP4: the global scale divides in one form and multiplies in the other") {
    // Codes 1 (0.5), 2 (1), 7 (6), 15 (-6), the first in the lower half; 0x40 is 2 in E4M3.
    const std::string codes = bytes("21f7000000000000");
    floats divided(16, 0.0f), multiplied(16, 0.0f);
    divided[0] = 0.25f, divided[1] = 0.5f, divided[2] = 3, divided[3] = -3;
    multiplied[0] = 4, multiplied[1] = 8, multiplied[2] = 48, multiplied[3] = -48;
    CHECK(values({{"w.weight_packed", "U8", {1, 8}, codes},
                  {"w.weight_scale", "F8_E4M3", {1, 1}, bytes("40")},
                  {"w.weight_global_scale", "F32", {1}, f32({4.0f})}}) == divided);
    CHECK(values({{"w.weight", "U8", {1, 8}, codes},
                  {"w.weight_scale", "F8_E4M3", {1, 1}, bytes("40")},
                  {"w.weight_scale_2", "F32", {}, f32({4.0f})}}) == multiplied);
}

TEST_CASE("MXFP4: exponents with a bias of 127") {
    // 128 is 2, 126 is a half. Codes 0 to 15 in order, twice.
    const std::string row = bytes("1032547698badcfe1032547698badcfe");
    floats two;
    for (const float scale : {2.0f, 0.5f})
        for (int i = 0; i < 2; ++i)
            for (const float v : {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, -0.0f, -0.5f,
                                  -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f})
                two.push_back(v * scale);
    CHECK(values({{"w_blocks", "U8", {1, 2, 1, 16}, row + row},
                  {"w_scales", "U8", {1, 2, 1}, bytes("807e")}}) == two);
    CHECK(values({{"w.weight_packed", "U8", {2, 16}, row + row},
                  {"w.weight_scale", "U8", {2, 1}, bytes("807e")}}) == two);
}

TEST_CASE("MLX") {
    const auto row = [](const char* bits, const std::string& packed, std::uint64_t words) {
        return values({{"w.weight", "U32", {1, words}, packed},
                       {"w.scales", "F32", {1, 1}, f32({0.5f})},
                       {"w.biases", "F32", {1, 1}, f32({-1.0f})}},
                      std::string(R"({"group_size": 32, "bits": )") + bits + "}");
    };
    const auto first = [](floats v, std::size_t n) { return floats(v.data(), v.data() + n); };
    // 0 to 7: in octal 76543210, which is 0xfac688.
    CHECK(first(row("3", bytes("88c6fa000000000000000000"), 3), 9) ==
          floats{-1, -0.5f, 0, 0.5f, 1, 1.5f, 2, 2.5f, -1});
    CHECK(first(row("4", bytes("10325476000000000000000000000000"), 4), 9) ==
          floats{-1, -0.5f, 0, 0.5f, 1, 1.5f, 2, 2.5f, -1});
    // 1, 2, 3, 63: 1 + (2 << 6) + (3 << 12) + (63 << 18) is 0xfc3081.
    CHECK(first(row("6", bytes("8130fc000000000000000000000000000000000000000000"), 6), 5) ==
          floats{-0.5f, 0, 0.5f, 30.5f, -1});
    CHECK(first(row("8", bytes("0102ff00") + std::string(28, '\0'), 8), 4) ==
          floats{-0.5f, 0, 126.5f, -1});
    CHECK(first(row("2", bytes("e4") + std::string(7, '\0'), 2), 5) ==
          floats{-1, -0.5f, 0, 0.5f, -1});
    // 31, 0, 1: 31 + (1 << 10) is 0x041f.
    CHECK(first(row("5", bytes("1f04") + std::string(18, '\0'), 5), 4) ==
          floats{14.5f, -1, -0.5f, -1});
}

TEST_CASE("GPTQ: inputs from the lowest bits on; zero points less one in the first form") {
    std::vector<std::uint32_t> words(8, 0x88888888);
    words[0] = 0x76543210, words[1] = 0xfedcba98;
    test::bytes_builder scales;
    for (int i = 0; i < 8; ++i) scales.put_u16(0x3800);  // a half in binary16
    const auto rows = [&](std::uint32_t zeros, const char* format) {
        return values(
            {{"w.qweight", "I32", {1, 8}, u32(words)},
             {"w.qzeros", "I32", {1, 1}, u32({zeros})},
             {"w.scales", "F16", {1, 8}, scales.str()}},
            std::string(R"({"quant_method": "gptq", "bits": 4, "group_size": 8)") + format + "}");
    };
    floats v1 = rows(0x77777777, ""), v2 = rows(0x77777777, R"(, "checkpoint_format": "gptq_v2")");
    CHECK(floats(v1.begin(), v1.begin() + 17) == floats{-4, -3.5f, -3, -2.5f, -2, -1.5f, -1, -0.5f,
                                                        0, 0.5f, 1, 1.5f, 2, 2.5f, 3, 3.5f, 0});
    CHECK(floats(v2.begin(), v2.begin() + 9) ==
          floats{-3.5f, -3, -2.5f, -2, -1.5f, -1, -0.5f, 0, 0.5f});
    // Zero points 0, 8, 8, ...: 0x88888880 less 0x11111111 borrows into the second.
    v1 = rows(0x7777776f, "");
    CHECK(v1[1] == 0.5f);   // (1 - 0) / 2
    CHECK(v1[8] == 0.0f);   // (8 - 8) / 2
    CHECK(v1[16] == 0.0f);  // (8 - 8) / 2
}

TEST_CASE("AWQ: rows 0, 2, 4, 6, 1, 3, 5, 7 from the lowest bits on") {
    test::bytes_builder scales;
    for (int i = 0; i < 8; ++i) scales.put_u16(0x3c00);  // 1
    const auto rows = [&](std::uint32_t zeros) {
        return values({{"w.qweight", "I32", {1, 1}, u32({0x76543210})},
                       {"w.qzeros", "I32", {1, 1}, u32({zeros})},
                       {"w.scales", "F16", {1, 8}, scales.str()}},
                      R"({"quant_method": "awq", "bits": 4, "group_size": 1})");
    };
    CHECK(rows(0) == floats{0, 4, 1, 5, 2, 6, 3, 7});
    CHECK(rows(0x76543210) == floats(8, 0.0f));
    CHECK(rows(0x00000001) == floats{-1, 4, 1, 5, 2, 6, 3, 7});
    CHECK(rows(0x00010000) == floats{0, 3, 1, 5, 2, 6, 3, 7});
}

TEST_CASE("bitsandbytes NF4: the upper half first; largest values quantised themselves") {
    floats map(16, 0.0f);
    map[0] = -1.0f, map[1] = -0.5f, map[15] = 1.0f;
    const std::string state = R"({"quant_type": "nf4", "blocksize": 2, "dtype": "float16",
        "shape": [1, 4], "nested_blocksize": 256, "nested_dtype": "float32",
        "nested_offset": 0.5})";
    std::vector<st_tensor> parts = {
        {"w.weight", "U8", {2, 1}, bytes("0f1f")},
        {"w.weight.quant_map", "F32", {16}, f32(map)},
        {"w.weight.quant_state.bitsandbytes__nf4", "U8", {state.size()}, state},
        {"w.weight.absmax", "F32", {2}, f32({2.0f, 8.0f})}};
    CHECK(values(parts) == floats{-2, 2, -4, 8});
    // 0.25 * 4 + 0.5 and 0.75 * 4 + 0.5
    floats nested(256, 0.0f);
    nested[2] = 0.25f, nested[255] = 0.75f;
    parts.pop_back();
    parts.push_back({"w.weight.absmax", "U8", {2}, bytes("02ff")});
    parts.push_back({"w.weight.nested_absmax", "F32", {1}, f32({4.0f})});
    parts.push_back({"w.weight.nested_quant_map", "F32", {256}, f32(nested)});
    CHECK(values(parts) == floats{-1.5f, 1.5f, -1.75f, 3.5f});
}

TEST_CASE("a plain tensor is what it is") {
    CHECK(values({{"w.weight", "BF16", {2, 1}, bytes("803f00c0")}}) == floats{1, -2});
    CHECK(values({{"w", "F32", {2}, f32({1, 3})}}) == floats{1, 3});
    CHECK(values({{"w.weight", "F8_E4M3", {1}, bytes("38")}}) == floats{1});
}

}  // namespace test_parts_golden
