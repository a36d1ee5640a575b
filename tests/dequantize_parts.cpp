// Quantised safetensors forms: packed by tests/support/pack_parts.hpp, decoded, and compared bit by
// bit, whole and by ranges of rows, from mappings and through windows.
#include <aka/dequantize_parts.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/outcome.hpp"
#include "support/pack_parts.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace test_dequantize_parts {

namespace {

using aka::part_scheme;
using aka::quant_settings;
using aka::quantised_weight;
using test::packed_weight;
using test::rng;
using test::st_tensor;

quant_settings settings(const std::string& config) {
    auto q = quant_settings::from_config(aka::as_bytes(std::string_view(config)));
    REQUIRE_OK(q);
    return std::move(*q);
}
std::string words(const quantised_weight& w) {
    aka::detail::fixed_text<160> t;
    w.form().describe(t);
    return t.c_str();
}

// The same bits, any NaN for any NaN.
bool same(const float* a, const float* b, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i])) continue;
        if (std::memcmp(a + i, b + i, 4) == 0) continue;
        MESSAGE("number " << i << " is " << a[i] << ", expected " << b[i]);
        return false;
    }
    return true;
}
// Rows into memory that ends at a guard page.
bool rows_are(const quantised_weight& q, const packed_weight& w, std::uint64_t first,
              std::uint64_t count) {
    const auto n = static_cast<std::size_t>(count * w.columns);
    test::guard_buffer out(std::string(n * 4, '\x55'), test::guard_side::behind, true);
    auto* numbers = reinterpret_cast<float*>(out.data());
    const aka::status s = q.to_f32(first, count, {numbers, n});
    REQUIRE_OK(s);
    return same(numbers, w.values.data() + first * w.columns, n);
}
void check_rows(const quantised_weight& q, const packed_weight& w, rng& r) {
    REQUIRE(q.rows() == w.rows);
    REQUIRE(q.columns() == w.columns);
    CHECK(rows_are(q, w, 0, w.rows));
    CHECK(rows_are(q, w, 0, 0));
    for (int i = 0; i < 12; ++i) {
        const std::uint64_t first = r.below(w.rows);
        CHECK(rows_are(q, w, first, 1 + r.below(w.rows - first)));
        CHECK(rows_are(q, w, r.below(w.rows), 1));
    }
}
// Every way to the data: each part last before a guard page, a mapped file, one that is read.
void check_all(const packed_weight& w, part_scheme scheme, const std::string& text,
               const std::string& base = "m") {
    CAPTURE(text);
    rng r(7);
    const quant_settings q = settings(w.config);
    for (std::size_t k = 0; k < w.parts.size(); ++k) {
        std::vector<st_tensor> parts = w.parts;
        std::rotate(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(k), parts.end());
        const test::parsed<aka::safetensors, aka::safetensors_options> file(
            test::write_safetensors(parts));
        REQUIRE_OK(file.file);
        auto found = quantised_weight::find(*file.file, base, q);
        REQUIRE_OK(found);
        CHECK(found->form().scheme == scheme);
        CHECK(words(*found) == text);
        check_rows(*found, w, r);
    }
    test::temp_folder folder;
    test::write_file(folder / "model.safetensors", test::write_safetensors(w.parts));
    test::write_file(folder / "config.json", w.config);
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        aka::checkpoint_options o;
        o.how = how;
        auto c = aka::checkpoint::open(folder.path().string(), o);
        REQUIRE_OK(c);
        auto said = quant_settings::of(*c);
        REQUIRE_OK(said);
        auto found = quantised_weight::find(*c, w.parts[0].name, *said);
        REQUIRE_OK(found);
        check_rows(*found, w, r);
    }
}

}  // namespace

TEST_CASE("FP8 and INT8 with scales") {
    rng r(1);
    auto form = [](const char* dtype, const char* name, const char* scale,
                   std::vector<std::uint64_t> shape, std::uint64_t rows, std::uint64_t columns) {
        test::scaled_form f;
        f.dtype = dtype, f.scale_name = name, f.scale_dtype = scale;
        f.scale_shape = std::move(shape);
        f.block_rows = rows, f.block_columns = columns;
        return f;
    };
    SUBCASE("DeepSeek: blocks of 128 x 128, the last ones partial") {
        for (const char* scale : {"F32", "BF16", "F8_E8M0"})
            check_all(pack_scaled("m", 200, 300,
                                  form("F8_E4M3", "weight_scale_inv", scale, {2, 3}, 128, 128), r),
                      part_scheme::scaled, "F8_E4M3, blocks of 128 x 128");
    }
    SUBCASE("blocks of another size") {
        test::scaled_form f = form("F8_E4M3", "weight_scale_inv", "F32", {5, 3}, 32, 64);
        f.config = R"({"quantization_config": {"quant_method": "fp8",
                       "weight_block_size": [32, 64]}})";
        check_all(pack_scaled("m", 130, 190, f, r), part_scheme::scaled,
                  "F8_E4M3, blocks of 32 x 64");
    }
    SUBCASE("one scale") {
        for (std::vector<std::uint64_t> shape :
             {std::vector<std::uint64_t>{}, std::vector<std::uint64_t>{1}})
            check_all(
                pack_scaled("m", 9, 31, form("F8_E4M3", "weight_scale", "F32", shape, 9, 31), r),
                part_scheme::scaled, "F8_E4M3, one scale");
        check_all(pack_scaled("m", 9, 31, form("F8_E4M3", "qscale_weight", "BF16", {}, 9, 31), r),
                  part_scheme::scaled, "F8_E4M3, one scale");
    }
    SUBCASE("a scale a row") {
        check_all(
            pack_scaled("m", 9, 31, form("F8_E4M3", "weight_scale", "BF16", {9, 1}, 1, 31), r),
            part_scheme::scaled, "F8_E4M3, a scale a row");
        check_all(pack_scaled("m", 9, 31, form("F8_E5M2", "weight_scale", "F16", {9}, 1, 31), r),
                  part_scheme::scaled, "F8_E5M2, a scale a row");
        check_all(pack_scaled("m", 9, 31, form("I8", "weight_scale", "F32", {9, 1}, 1, 31), r),
                  part_scheme::scaled, "I8, a scale a row");
        check_all(pack_scaled("m", 9, 31, form("I8", "weight_scaler", "F32", {9}, 1, 31), r),
                  part_scheme::scaled, "I8, a scale a row");
    }
    SUBCASE("groups, zero points") {
        test::scaled_form f = form("I8", "weight_scale", "F16", {5, 3}, 1, 32);
        check_all(pack_scaled("m", 5, 96, f, r), part_scheme::scaled, "I8, groups of 32");
        f.zeros = true;
        check_all(pack_scaled("m", 5, 96, f, r), part_scheme::scaled, "I8, groups of 32");
    }
    SUBCASE("bitsandbytes") {
        check_all(test::pack_bnb_int8("m", 7, 45, r), part_scheme::bnb_int8,
                  "bitsandbytes int8, a scale a row");
    }
}

TEST_CASE("integers packed by compressed-tensors") {
    rng r(2);
    for (unsigned bits : {2u, 3u, 4u, 5u, 6u, 8u})
        for (std::uint64_t group : {std::uint64_t{0}, std::uint64_t{32}, std::uint64_t{64}}) {
            test::packed_form f;
            f.bits = bits, f.group = group;
            const std::string text = "compressed-tensors int " + std::to_string(bits) + "-bit, " +
                                     (group == 0 ? "a scale a row" : "groups of ") +
                                     (group == 0 ? "" : std::to_string(group));
            check_all(pack_int("m", 11, 192, f, r), part_scheme::packed_int, text);
        }
    test::packed_form f;
    f.group = 32;
    const std::string text = "compressed-tensors int 4-bit, groups of 32";
    SUBCASE("zero points") {
        for (test::zero_form z : {test::zero_form::packed, test::zero_form::apart}) {
            f.zeros = z;
            check_all(pack_int("m", 21, 96, f, r), part_scheme::packed_int, text);
            f.bits = 8;
            check_all(pack_int("m", 21, 96, f, r), part_scheme::packed_int,
                      "compressed-tensors int 8-bit, groups of 32");
            f.bits = 4;
        }
    }
    SUBCASE("act-order") {
        f.ordered = true;
        check_all(pack_int("m", 21, 96, f, r), part_scheme::packed_int, text);
        f.zeros = test::zero_form::packed;
        check_all(pack_int("m", 21, 96, f, r), part_scheme::packed_int, text);
    }
    SUBCASE("rows that are not whole words") {
        f.group = 0;
        check_all(pack_int("m", 5, 37, f, r), part_scheme::packed_int,
                  "compressed-tensors int 4-bit, a scale a row");
    }
}

TEST_CASE("FP4: NVFP4, MXFP4, gpt-oss, MLX") {
    rng r(3);
    using test::fp4_form;
    check_all(pack_fp4("m", 6, 96, fp4_form::nvfp4, r), part_scheme::nvfp4, "NVFP4, groups of 16");
    check_all(pack_fp4("m", 6, 96, fp4_form::modelopt, r), part_scheme::nvfp4_modelopt,
              "NVFP4 (ModelOpt), groups of 16");
    check_all(pack_fp4("m", 6, 96, fp4_form::mxfp4, r), part_scheme::mxfp4, "MXFP4, groups of 32");
    check_all(pack_fp4("m", 6, 96, fp4_form::gpt_oss, r, 3), part_scheme::mxfp4_blocks,
              "MXFP4 blocks, groups of 32");
    check_all(pack_fp4("m", 6, 96, fp4_form::mlx_mxfp4, r), part_scheme::mlx_mx,
              "MLX MX 4-bit, groups of 32");
    check_all(pack_fp4("m", 6, 96, fp4_form::mlx_nvfp4, r), part_scheme::mlx_mx,
              "MLX MX 4-bit, groups of 16");
}

TEST_CASE("MLX affine") {
    rng r(4);
    for (unsigned bits : {2u, 3u, 4u, 5u, 6u, 8u})
        for (std::uint64_t group : {32u, 64u, 128u})
            for (const char* dtype : {"F32", "F16", "BF16"})
                check_all(
                    pack_mlx("m", 3, 256, bits, group, dtype, r), part_scheme::mlx,
                    "MLX " + std::to_string(bits) + "-bit, groups of " + std::to_string(group));
}

TEST_CASE("GPTQ") {
    rng r(5);
    for (unsigned bits : {2u, 4u, 8u})
        for (bool v2 : {false, true}) {
            test::gptq_form f;
            f.bits = bits, f.v2 = v2, f.group = 32;
            const std::string text = "GPTQ " + std::to_string(bits) + "-bit, groups of 32";
            for (auto index : {test::gptq_form::no_index, test::gptq_form::in_order,
                               test::gptq_form::act_order}) {
                f.index = index;
                check_all(pack_gptq("m", 48, 96, f, r), part_scheme::gptq, text);
            }
            f.zero_is_zero = true;
            check_all(pack_gptq("m", 160, 64, f, r), part_scheme::gptq, text);
        }
    SUBCASE("a last group that is short") {
        test::gptq_form f;
        f.group = 64;
        for (auto index : {test::gptq_form::no_index, test::gptq_form::in_order}) {
            f.index = index;
            check_all(pack_gptq("m", 32, 96, f, r), part_scheme::gptq, "GPTQ 4-bit, groups of 64");
        }
    }
}

TEST_CASE("AWQ") {
    rng r(6);
    check_all(test::pack_awq("m", 48, 96, 32, r), part_scheme::awq, "AWQ 4-bit, groups of 32");
    check_all(test::pack_awq("m", 24, 128, 64, r), part_scheme::awq, "AWQ 4-bit, groups of 64");
    check_all(test::pack_awq("m", 296, 32, 16, r), part_scheme::awq, "AWQ 4-bit, groups of 16");
}

TEST_CASE("bitsandbytes in 4 bits") {
    rng r(7);
    test::bnb_form f;
    check_all(pack_bnb4("m", 6, 128, f, r), part_scheme::bnb_4bit,
              "bitsandbytes 4-bit, blocks of 64");
    f.type = "fp4", f.storage = "BF16", f.block = 32;
    check_all(pack_bnb4("m", 6, 128, f, r), part_scheme::bnb_4bit,
              "bitsandbytes 4-bit, blocks of 32");
    f.nested = true;
    check_all(pack_bnb4("m", 300, 64, f, r), part_scheme::bnb_4bit,
              "bitsandbytes 4-bit, blocks of 32");
    // Rows that begin in the middle of a block and of a byte, and a last block that is short.
    f.storage = "U8", f.block = 64;
    check_all(pack_bnb4("m", 7, 37, f, r), part_scheme::bnb_4bit,
              "bitsandbytes 4-bit, blocks of 64");
}

}  // namespace test_dequantize_parts
