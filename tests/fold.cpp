// Names fold into shapes and numbers, wrappers come off, 92,000 names take no time.
#include <aka/fold.hpp>
#include <doctest/doctest.h>

#include "support/sanitized.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace test_fold {

namespace {

aka::folded_names fold(const std::vector<std::string>& names) {
    auto f = aka::folded_names::of(names.size(),
                                   [&](std::size_t i) { return std::string_view(names[i]); });
    REQUIRE(f.has_value());
    return std::move(*f);
}
// A shape with its holes written out, so that checks can be read.
std::string readable(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == aka::name_hole ? std::string("{}") : std::string(1, c);
    return out;
}
// The name again, from shape and numbers.
std::string unfold(const aka::folded_names& f, std::size_t i) {
    const aka::name_shape& s = f.shapes()[f[i].shape];
    std::string out;
    unsigned n = 0;
    for (const char c : s.text)
        out += c == aka::name_hole ? std::to_string(f[i].number[n++]) : std::string(1, c);
    return out;
}

struct wrapped {
    const char* name;
    const char* prefix;
    const char* core;
};
const wrapped wrapped_names[] = {
    {"layers.3.x.weight", "", "layers.{}.x.weight"},
    {"model.layers.3.x.weight", "model.", "layers.{}.x.weight"},
    {"module._orig_mod.model.layers.3.x", "module._orig_mod.model.", "layers.{}.x"},
    {"_orig_mod.module.model.norm.weight", "_orig_mod.module.model.", "norm.weight"},
    {"base_model.model.model.layers.0.q.lora_A.weight", "base_model.model.model.",
     "layers.{}.q.lora_A.weight"},
    {"model.language_model.layers.1.y", "model.language_model.", "layers.{}.y"},
    {"language_model.model.layers.1.y", "language_model.model.", "layers.{}.y"},
    {"model.text_model.layers.1.y", "model.text_model.", "layers.{}.y"},
    {"model/layers/3/mlp/kernel", "model/", "layers/{}/mlp/kernel"},
    {"model.layers.1._fsdp_wrapped_module.mlp._checkpoint_wrapped_module.up.weight", "model.",
     "layers.{}.mlp.up.weight"},
    {"model.layers.1.q_proj.base_layer.weight", "model.", "layers.{}.q_proj.weight"},
    {"model.lm_head.modules_to_save.default.weight", "model.", "lm_head.weight"},
    {"model.", "", "model."},  // nothing would be left
    {"module.model", "module.", "model"},
    {"supermodel.layers.0.x", "", "supermodel.layers.{}.x"},
};

std::vector<std::string> many_names(std::size_t layers, std::size_t experts) {
    std::vector<std::string> names;
    for (std::size_t l = 0; l < layers; ++l) {
        const std::string layer = "model.layers." + std::to_string(l) + ".";
        for (const char* leaf : {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj",
                                 "self_attn.v_proj", "self_attn.o_proj", "mlp.gate"})
            names.push_back(layer + leaf + ".weight");
        for (std::size_t e = 0; e < experts; ++e)
            for (const char* leaf : {".down_proj", ".gate_proj", ".up_proj"})
                names.push_back(layer + "mlp.experts." + std::to_string(e) + leaf + ".weight");
    }
    return names;
}

}  // namespace

TEST_CASE("fold: what is a number and what is not") {
    const std::vector<std::string> names = {"a.0.b",
                                            "a.12.b",
                                            "a.007.b",
                                            "a.00.b",
                                            "a1.b",
                                            "w1.2",
                                            "3",
                                            "5/6/x",
                                            "a.1.2.3.4.5",
                                            "a.1234567890.b",
                                            "a.999999999.b",
                                            "e.weight12",
                                            "e.weight0",
                                            "e.weight01",
                                            "e.weights1",
                                            "e.weight12.x",
                                            "a.1",
                                            "a.-1",
                                            "",
                                            ".",
                                            "a..b",
                                            "a.1.",
                                            "1.a"};
    const char* const shapes[] = {"a.{}.b",
                                  "a.{}.b",
                                  "a.007.b",
                                  "a.00.b",
                                  "a1.b",
                                  "w1.{}",
                                  "{}",
                                  "{}/{}/x",
                                  "a.{}.{}.{}.{}.5",
                                  "a.1234567890.b",
                                  "a.{}.b",
                                  "e.weight{}",
                                  "e.weight{}",
                                  "e.weight01",
                                  "e.weights1",
                                  "e.weight12.x",
                                  "a.{}",
                                  "a.-1",
                                  "",
                                  ".",
                                  "a..b",
                                  "a.{}.",
                                  "{}.a"};
    const aka::folded_names f = fold(names);
    REQUIRE(f.size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        CHECK(readable(f.shapes()[f[i].shape].text) == shapes[i]);
        CHECK(unfold(f, i) == names[i]);
    }
    // control characters cannot pretend to be holes
    const std::string fake = std::string("a.") + aka::name_hole + ".b";
    const aka::folded_names g = fold({"a.1.b", fake, fake + ".2", std::string(70000, '7')});
    CHECK(g.shapes().size() == 4);
    CHECK(g.shapes()[g[1].shape].holes == 0);
}

TEST_CASE("fold: wrappers come off to a fixed point") {
    for (const wrapped& w : wrapped_names) {
        CAPTURE(w.name);
        const aka::folded_names f = fold({w.name});
        const aka::name_shape& s = f.shapes()[0];
        CHECK(readable(s.prefix) == w.prefix);
        CHECK(readable(s.core) == w.core);
        CHECK(unfold(f, 0) == w.name);
    }
}

TEST_CASE("fold: counts, ranges and members, in any order of names") {
    std::vector<std::string> names = many_names(5, 7);
    for (unsigned seed = 0; seed < 4; ++seed) {
        if (seed != 0) std::shuffle(names.begin(), names.end(), std::mt19937(seed));
        const aka::folded_names f = fold(names);
        CHECK(f.shapes().size() == 9);
        std::size_t total = 0;
        for (std::size_t s = 0; s < f.shapes().size(); ++s) {
            const aka::name_shape& shape = f.shapes()[s];
            std::size_t members = 0;
            for (std::uint32_t i = shape.first_member; i != aka::folded_names::none;
                 i = f[i].next) {
                CHECK(f[i].shape == s);
                ++members;
            }
            CHECK(members == shape.count);
            CHECK(shape.first == names[shape.first_member]);
            CHECK(shape.low[0] == 0);
            CHECK(shape.high[0] == 4);
            if (shape.holes == 2) CHECK(shape.high[1] == 6);
            total += shape.count;
        }
        CHECK(total == names.size());
        for (std::size_t i = 0; i < names.size(); ++i) CHECK(unfold(f, i) == names[i]);
    }
}

TEST_CASE("fold: real indexes fold as a regular expression folds them") {
    SKIP_WITHOUT_DATA();
    const std::regex number("(^|[./])(0|[1-9][0-9]*)(?=[./]|$)");
    std::size_t files = 0;
    for (const auto& folder :
         std::filesystem::directory_iterator(test::shared_data() / "checkpoints")) {
        if (!folder.is_directory()) continue;
        for (const auto& file : std::filesystem::directory_iterator(folder)) {
            if (file.path().string().find(".index.json") == std::string::npos) continue;
            const test::json index = test::json::parse(test::read_file(file.path()));
            const std::vector<std::string>& names = index["weight_map"].keys;
            if (names.size() > 3000) continue;  // the expression is slow, and these are alike
            const aka::folded_names f = fold(names);
            std::set<std::string> expected, found;
            for (std::size_t i = 0; i < names.size(); ++i) {
                expected.insert(std::regex_replace(names[i], number, "$1{}"));
                CHECK(unfold(f, i) == names[i]);
            }
            for (const aka::name_shape& s : f.shapes()) found.insert(readable(s.text));
            CHECK_MESSAGE(found == expected, file.path().string());
            ++files;
        }
    }
    CHECK(files > 20);
}

TEST_CASE("fold: 92,000 names") {
    std::vector<std::string> names = many_names(61, 501);
    names.resize(92000 < names.size() ? 92000 : names.size());
    const auto best = [&] {
        double fastest = 1e9;
        for (int i = 0; i < 9; ++i) {
            const auto start = std::chrono::steady_clock::now();
            const aka::folded_names f = fold(names);
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
            CHECK(f.shapes().size() == 9);
            fastest = std::min(fastest, took.count());
        }
        return fastest;
    };
    const double in_order = best();
    std::shuffle(names.begin(), names.end(), std::mt19937(1));
    // a file of names in any order still holds them one after the other
    names = std::vector<std::string>(names);
    const double shuffled = best();
    const auto per_name = [&](double s) { return s / static_cast<double>(names.size()) * 1e9; };
    MESSAGE("fold: " << names.size() << " names in order " << in_order * 1e3 << " ms ("
                     << per_name(in_order) << " ns a name), shuffled " << shuffled * 1e3 << " ms ("
                     << per_name(shuffled) << " ns a name)");
    // Generous: the machine is shared; the figure is printed.
    if (test::timed) CHECK(in_order < 0.05);
}

}  // namespace test_fold
