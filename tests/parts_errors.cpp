// Quantised weights that are not whole: each refused with the tensor and the numbers, nothing
// guessed; and no memory.
#include <aka/dequantize_parts.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/files.hpp"
#include "support/outcome.hpp"
#include "support/pack_parts.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace test_parts_errors {

namespace {

using aka::errc;
using test::mentions;
using test::packed_weight;
using test::rng;
using test::st_tensor;

// A file and what is found in it.
struct sought {
    test::parsed<aka::safetensors, aka::safetensors_options> file;
    aka::result<aka::quantised_weight> weight = aka::error();

    explicit sought(const std::vector<st_tensor>& parts, const std::string& config = "{}")
        : file(test::write_safetensors(parts)) {
        REQUIRE_OK(file.file);
        auto q = aka::quant_settings::from_config(aka::as_bytes(std::string_view(config)));
        REQUIRE_OK(q);
        weight = aka::quantised_weight::find(*file.file, "m", *q);
    }
};
void refused(const sought& s, errc why, const std::vector<std::string>& words) {
    REQUIRE_FALSE(s.weight);
    CAPTURE(std::string(s.weight.error().message().view()));
    CHECK(s.weight.code() == why);
    for (const std::string& w : words) CHECK_MESSAGE(mentions(s.weight.error(), w), w);
}
void refused(const packed_weight& w, errc why, const std::vector<std::string>& words) {
    refused(sought(w.parts, w.config), why, words);
}
st_tensor& part(packed_weight& w, const std::string& name) {
    for (st_tensor& t : w.parts)
        if (t.name == name) return t;
    throw std::runtime_error("no part " + name);
}
void drop(packed_weight& w, const std::string& name) {
    for (std::size_t i = 0; i < w.parts.size(); ++i)
        if (w.parts[i].name == name) {
            w.parts.erase(w.parts.begin() + static_cast<std::ptrdiff_t>(i));
            return;
        }
    throw std::runtime_error("no part " + name);
}
// Another shape, filled with ones.
void reshape(packed_weight& w, const std::string& name, std::vector<std::uint64_t> shape) {
    st_tensor& t = part(w, name);
    t.shape = std::move(shape);
    t.data.clear();
    t.data.assign(static_cast<std::size_t>(t.bytes()), '\1');
}

test::scaled_form fp8_blocks() {
    test::scaled_form f;
    f.scale_shape = {2, 3};
    return f;
}

}  // namespace

TEST_CASE("a scale that is missing or of the wrong shape") {
    rng r(1);
    packed_weight w = pack_scaled("m", 200, 300, fp8_blocks(), r);
    SUBCASE("missing, and the config says that the model is quantised") {
        drop(w, "m.weight_scale_inv");
        w.config = R"({"quantization_config": {"quant_method": "fp8"}})";
        refused(w, errc::missing_tensor, {"'m.weight'", "F8_E4M3"});
    }
    SUBCASE("of another number of blocks") {
        reshape(w, "m.weight_scale_inv", {2, 2});
        refused(w, errc::size_mismatch, {"'m.weight_scale_inv'", "[2, 3]", "[200, 300]", "[2, 2]"});
    }
    SUBCASE("of rows that are not there") {
        reshape(w, "m.weight_scale_inv", {199, 1});
        refused(w, errc::size_mismatch, {"'m.weight_scale_inv'", "[199, 1]"});
    }
    SUBCASE("of integers") {
        w.parts[1] = {"m.weight_scale_inv", "I32", {2, 3}, std::string(24, '\0')};
        refused(w, errc::wrong_type, {"'m.weight_scale_inv'", "I32"});
    }
    SUBCASE("integers without a scale are no weight") {
        w = test::pack_bnb_int8("m", 4, 8, r);
        drop(w, "m.SCB");
        refused(w, errc::missing_tensor, {"'m.weight'", "I8"});
        w = test::pack_awq("m", 16, 16, 16, r);
        drop(w, "m.scales");
        refused(w, errc::missing_tensor, {"'m.qweight'"});
    }
    SUBCASE("SCB is one a row") {
        w = test::pack_bnb_int8("m", 4, 8, r);
        reshape(w, "m.SCB", {1});
        refused(w, errc::size_mismatch, {"'m.SCB'", "[1]"});
    }
}

TEST_CASE("rows that are not whole groups") {
    rng r(2);
    packed_weight w = pack_fp4("m", 4, 64, test::fp4_form::nvfp4, r);
    reshape(w, "m.weight_packed", {4, 36});
    refused(w, errc::size_mismatch, {"'m.weight_scale'", "rows of 72", "groups of 16"});
    w = pack_fp4("m", 4, 64, test::fp4_form::gpt_oss, r);
    reshape(w, "m_blocks", {1, 4, 2, 15});
    refused(w, errc::size_mismatch, {"'m_blocks'", "16]", "[1, 4, 2, 15]"});
    w = pack_fp4("m", 4, 64, test::fp4_form::gpt_oss, r);
    reshape(w, "m_scales", {1, 4, 3});
    refused(w, errc::size_mismatch, {"'m_scales'", "[1, 4, 2]", "[1, 4, 3]"});
    w = test::pack_mlx("m", 4, 128, 4, 64, "F16", r);
    reshape(w, "m.scales", {4, 3});
    refused(w, errc::size_mismatch, {"'m.scales'", "[4, 3]"});
    w = test::pack_mlx("m", 4, 128, 4, 64, "F16", r);
    reshape(w, "m.biases", {4, 1});
    refused(w, errc::size_mismatch, {"'m.biases'", "[4, 2]", "[4, 1]"});
    test::packed_form f;
    f.group = 32;
    w = pack_int("m", 8, 96, f, r);
    reshape(w, "m.weight_scale", {8, 5});
    refused(w, errc::size_mismatch, {"'m.weight_scale'", "[8, 5]"});
}

TEST_CASE("parts that contradict each other") {
    rng r(3);
    SUBCASE("compressed-tensors: words and the shape") {
        packed_weight w = pack_int("m", 8, 128, {}, r);
        reshape(w, "m.weight_packed", {8, 22});
        refused(w, errc::size_mismatch, {"'m.weight_packed'", "22 words", "128 codes"});
        w = pack_int("m", 8, 128, {}, r);
        reshape(w, "m.weight_packed", {9, 16});
        refused(w, errc::size_mismatch, {"'m.weight_shape'", "8 rows", "[9, 16]"});
        w = pack_int("m", 8, 128, {}, r);
        drop(w, "m.weight_shape");
        refused(w, errc::missing_tensor, {"'m.weight_packed'", "weight_shape"});
    }
    SUBCASE("compressed-tensors: zero points") {
        test::packed_form f;
        f.zeros = test::zero_form::packed;
        packed_weight w = pack_int("m", 21, 128, f, r);
        reshape(w, "m.weight_zero_point", {2, 1});
        refused(w, errc::size_mismatch, {"'m.weight_zero_point'", "[3, 1]", "[2, 1]"});
    }
    SUBCASE("GPTQ and AWQ") {
        packed_weight w = pack_gptq("m", 32, 64, {}, r);
        reshape(w, "m.qzeros", {1, 5});
        refused(w, errc::unsupported, {"'m.qweight'", "5 bits"});
        reshape(w, "m.qzeros", {2, 4});
        refused(w, errc::size_mismatch, {"'m.qzeros'", "[2, 4]", "[1, 32]"});
        w = pack_gptq("m", 32, 64, {}, r);
        reshape(w, "m.qweight", {8, 31});
        refused(w, errc::size_mismatch, {"'m.qweight'", "[8, 31]"});
        test::gptq_form f;
        f.group = 16;
        f.index = test::gptq_form::no_index;
        w = pack_gptq("m", 32, 64, f, r);
        w.config = R"({"quantization_config": {"quant_method": "gptq", "group_size": 32}})";
        refused(w, errc::size_mismatch, {"'m.scales'", "4 groups", "64 inputs", "groups of 32"});
    }
    SUBCASE("a g_idx that leaves the groups, or is too short") {
        test::gptq_form f;
        f.group = 16;
        packed_weight w = pack_gptq("m", 32, 64, f, r);
        part(w, "m.g_idx").data[4 * 9] = 4;
        refused(w, errc::out_of_range, {"'m.g_idx'", "column 9", "group 4 of 4"});
        reshape(w, "m.g_idx", {63});
        refused(w, errc::size_mismatch, {"'m.g_idx'", "[64]", "[63]"});
    }
    SUBCASE("bitsandbytes") {
        packed_weight w = pack_bnb4("m", 4, 64, {}, r);
        const std::string state = "m.weight.quant_state.bitsandbytes__nf4";
        reshape(w, "m.weight.absmax", {3});
        refused(w, errc::size_mismatch, {"'m.weight.absmax'", "[4]", "[3]"});
        w = pack_bnb4("m", 4, 64, {}, r);
        reshape(w, "m.weight", {127, 1});
        refused(w, errc::size_mismatch, {"'m.weight'", "128 bytes", "4 x 64", "127"});
        w = pack_bnb4("m", 4, 64, {}, r);
        part(w, state).data.back() = ' ';
        refused(w, errc::bad_json, {state});
        drop(w, state);
        refused(w, errc::missing_tensor, {"'m.weight'", "quant_state"});
        test::bnb_form f;
        f.nested = true;
        w = pack_bnb4("m", 4, 64, f, r);
        drop(w, "m.weight.nested_quant_map");
        refused(w, errc::missing_tensor, {"'m.weight'", "nested_quant_map"});
    }
}

TEST_CASE("what could be several things is not guessed") {
    rng r(4);
    SUBCASE("two scales") {
        packed_weight w = pack_scaled("m", 200, 300, fp8_blocks(), r);
        w.parts.push_back({"m.weight_scale", "F32", {1}, std::string(4, '\0')});
        refused(w, errc::ambiguous, {"'m.weight'", "weight_scale_inv", "weight_scale"});
    }
    SUBCASE("two payloads") {
        packed_weight w = pack_gptq("m", 32, 64, {}, r);
        w.parts.push_back({"m.weight", "F32", {1}, std::string(4, '\0')});
        refused(w, errc::ambiguous, {"'m'", "weight", "qweight"});
    }
    SUBCASE("MLX without a config: 256 bits a group are 4 x 64, 2 x 128 and 8 x 32") {
        packed_weight w = test::pack_mlx("m", 4, 128, 4, 64, "F16", r);
        w.config = "{}";
        refused(w, errc::ambiguous, {"'m.weight'", "256 bits"});
        w = test::pack_mlx("m", 4, 128, 5, 64, "F16", r);  // 320 are nothing else
        w.config = "{}";
        CHECK_OK(sought(w.parts).weight);
        w.config = R"({"quantization": {"bits": 8, "group_size": 128}})";
        refused(w, errc::size_mismatch, {"'m.weight'", "8 bits", "groups of 128"});
    }
    SUBCASE("GPTQ without a config: zero points less one, or not") {
        packed_weight w = pack_gptq("m", 32, 64, {}, r);
        w.config = "{}";
        refused(w, errc::ambiguous, {"'m.qweight'", "gptq_v2"});
        w.config = R"({"quantization_config": {"quant_method": "gptq",
                       "checkpoint_format": "marlin"}})";
        refused(w, errc::ambiguous, {"'m.qweight'"});
    }
    SUBCASE("compressed-tensors: one word may be four codes or eight") {
        test::packed_form f;
        f.group = 0;
        refused(pack_int("m", 8, 4, f, r), errc::ambiguous, {"'m.weight_packed'", "1 words"});
    }
}

TEST_CASE("there is nothing, or too little to decode") {
    rng r(5);
    sought none({{"other", "F32", {1}, std::string(4, '\0')}});
    refused(none, errc::not_found, {"'m'"});
    test::temp_folder folder;
    const packed_weight w = pack_scaled("m", 200, 300, fp8_blocks(), r);
    test::write_file(folder / "model.safetensors", test::write_safetensors(w.parts));
    aka::checkpoint_options o;
    o.how = aka::access::header;
    auto c = aka::checkpoint::open(folder.path().string(), o);
    REQUIRE_OK(c);
    auto q = aka::quantised_weight::find(*c, "m");
    REQUIRE_OK(q);
    CHECK(q->rows() == 200);
    std::vector<float> out(300);
    CHECK_REFUSED(q->to_f32(0, 1, out), no_data);
}

TEST_CASE("rows and room") {
    rng r(6);
    const packed_weight w = pack_scaled("m", 200, 300, fp8_blocks(), r);
    sought s(w.parts);
    REQUIRE_OK(s.weight);
    std::vector<float> out(600);
    CHECK_OK(s.weight->to_f32(198, 2, out));
    for (const auto& [first, count] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
             {199, 2}, {201, 0}, {0, 201}, {~std::uint64_t{0}, 2}, {1, ~std::uint64_t{0}}}) {
        const aka::status e = s.weight->to_f32(first, count, out);
        CHECK_REFUSED(e, out_of_range);
        CHECK(mentions(e.error(), "'m.weight'"));
        CHECK(mentions(e.error(), "of 200"));
    }
    const aka::status e = s.weight->to_f32(0, 1, out);
    CHECK_REFUSED(e, wrong_size);
    CHECK(mentions(e.error(), "600"));
    CHECK(mentions(e.error(), "1 rows of 300"));
}

TEST_CASE("a config that makes no sense") {
    for (const char* text :
         {R"({"quantization_config": {"bits": 99}})", R"({"quantization": {"bits": 0}})",
          R"({"quantization_config": {"group_size": 0.5}})",
          R"({"quantization_config": {"group_size": -2}})",
          R"({"quantization": {"bits": 4, "model.a.b": {"bits": 77}}})",
          R"({"quantization_config": {"weight_block_size": [128]}})",
          R"({"quantization_config": {"weight_block_size": [128, "x"]}})"}) {
        CAPTURE(text);
        CHECK_REFUSED(aka::quant_settings::from_config(aka::as_bytes(std::string_view(text))),
                      bad_hparams);
    }
    CHECK_REFUSED(aka::quant_settings::from_config(aka::as_bytes(std::string_view("{"))), bad_json);
    // Modules that differ are known by their whole names, the last of two counts.
    const std::string_view text =
        R"({"quantization": {"bits": 4, "group_size": 64, "mode": "affine",
        "model.layers.0.mlp.down_proj": {"bits": 8}, "lm_head": {"group_size": 32, "bits": 6,
        "inner": {"bits": 1}}, "model": false}})";
    auto q = aka::quant_settings::from_config(aka::as_bytes(text));
    REQUIRE_OK(q);
    using two = std::pair<std::uint64_t, std::uint64_t>;
    CHECK(q->of("model.layers.0.mlp.down_proj") == two(8, 64));
    CHECK(q->of("model.layers.1.mlp.down_proj") == two(4, 64));
    CHECK(q->of("lm_head") == two(6, 32));
    CHECK(q->method == "mlx");
}

TEST_CASE("memory that runs out") {
    rng r(8);
    test::gptq_form f;
    f.group = 32;
    f.index = test::gptq_form::act_order;
    test::bnb_form nested;
    nested.nested = true;
    test::packed_form packed;
    packed.zeros = test::zero_form::packed;
    packed.ordered = true;
    packed.group = 32;
    for (const packed_weight& w :
         {pack_gptq("m", 32, 64, f, r), test::pack_awq("m", 32, 64, 32, r),
          pack_bnb4("m", 8, 64, nested, r), pack_int("m", 8, 64, packed, r),
          test::pack_mlx("m", 8, 64, 4, 64, "F16", r)}) {
        test::temp_folder folder;
        test::write_file(folder / "model.safetensors", test::write_safetensors(w.parts));
        test::write_file(folder / "config.json", w.config);
        aka::checkpoint_options o;
        o.how = aka::access::read;
        auto c = aka::checkpoint::open(folder.path().string(), o);
        REQUIRE_OK(c);
        std::vector<float> out(w.values.size());
        bool done = false;
        for (std::uint64_t k = 0; k < 200 && !done; ++k) {
            test::alloc_scope scope;
            scope.fail_at(k);
            aka::error e;
            {
                auto q = aka::quant_settings::of(*c);
                e = q.error();
                if (q) {
                    auto m = aka::quantised_weight::find(*c, "m", *q);
                    e = m.error();
                    if (m) e = m->to_f32(0, w.rows, out).error();
                }
            }
            done = scope.refused() == 0;
            if (done)
                CHECK(e.code() == errc::none);
            else
                CHECK(e.code() == errc::out_of_memory);
            CHECK(scope.blocks() == 0);
        }
        CHECK(done);
        CHECK(out == w.values);
    }
}

}  // namespace test_parts_errors
