// aka-compare as a user meets it: text, JSON, exit status, fingerprints, and files larger than
// memory.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/programs.hpp"
#include "support/spellings.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace test_compare_cli {

namespace {

using test::json;
using test::st_tensor;
namespace fs = std::filesystem;

test::program_result run(const std::vector<std::string>& arguments,
                         const std::string& shell_before = {}) {
    return test::run_program(shell_before +
                             test::program_command("aka-compare", arguments, "NO_COLOR=1"));
}
json compare(const fs::path& a, const fs::path& b, int exit_code) {
    const test::program_result r = run({"--json", a.string(), b.string()});
    CAPTURE(a);
    CAPTURE(b);
    CAPTURE(r.err);
    CHECK(r.exit_code == exit_code);
    return json::parse(r.out);
}
// By "attn_q.1.weight" or a name.
std::map<std::string, json> tensors(const json& answer) {
    std::map<std::string, json> out;
    for (const json& t : answer["tensors"].items) {
        std::string key = t["role"].is_null()
                              ? (t["a"].is_null() ? t["b"] : t["a"])["names"].items[0].as_string()
                              : t["role"].as_string();
        for (const char* number : {"layer", "expert"})
            if (!t[number].is_null()) key += "." + std::to_string(t[number].as_u64());
        out.emplace(key, t);
    }
    return out;
}
std::string without_path(std::string text, const std::string& path) {
    for (std::size_t at; (at = text.find(path)) != std::string::npos;) text.erase(at, path.size());
    return text;
}

}  // namespace

TEST_CASE("aka-compare: the same model under two names, in text") {
    NEEDS_PROGRAM("aka-compare");
    const std::string samples = test::samples().string() + "/";
    const test::program_result r = run({samples + "yi", samples + "llama-sharded"});
    CHECK(r.exit_code == 0);
    CHECK(r.err.empty());
    CHECK(
        without_path(r.out, samples) ==
        R"(A      yi: 21 tensors, 41.31 KiB; Yi, as first published (November 2023) (yi_v1), 21 of 21 recognised
B      llama-sharded: 21 tensors, 41.31 KiB; Hugging Face Llama (hf_llama), 21 of 21 recognised

architecture  the same: Yi, 2 layers, width 32, 4 heads (2 of k and v) of 8, feed-forward 64, vocabulary 40, context 64
rows of q, k  the same order: half
names         different: 17 in common

tensor       layer       type  status
token_embd               F16   equal
output_norm              F16   equal
output                   F16   equal
attn_norm    {0,1}  2 x  F16   equal
attn_q       {0,1}  2 x  F16   equal
attn_k       {0,1}  2 x  F16   equal
attn_v       {0,1}  2 x  F16   equal
attn_output  {0,1}  2 x  F16   equal
ffn_norm     {0,1}  2 x  F16   equal
ffn_gate     {0,1}  2 x  F16   equal
ffn_up       {0,1}  2 x  F16   equal
ffn_down     {0,1}  2 x  F16   equal

21 equal
)");
}

TEST_CASE("aka-compare: Hugging Face and GGUF, other row order and types, in text") {
    NEEDS_PROGRAM("aka-compare");
    const std::string samples = test::samples().string() + "/";
    const test::program_result r = run({samples + "llama-sharded", samples + "llama.gguf"});
    CHECK(r.exit_code == 0);
    CHECK(
        without_path(r.out, samples) ==
        R"(A      llama-sharded: 21 tensors, 41.31 KiB; Hugging Face Llama (hf_llama), 21 of 21 recognised
B      llama.gguf: 21 tensors, 30.38 KiB; GGUF (gguf:llama), 21 of 21 recognised

architecture  the same: llama, 2 layers, width 32, 4 heads (2 of k and v) of 8, feed-forward 64, vocabulary 40, context 64
rows of q, k  half in A, interleaved in B; compared as half
names         different: none in common

tensor       layer       type       status       error    cosine
token_embd               F16        equal
output_norm              F16, F32   converted        0  1.000000
output                   F16        equal
attn_norm    {0,1}  2 x  F16, F32   converted        0  1.000000
attn_q       {0,1}  2 x  F16        equal
attn_k       {0,1}  2 x  F16        equal
attn_v       {0,1}  2 x  F16        equal
attn_output  {0,1}  2 x  F16        equal
ffn_norm     {0,1}  2 x  F16, F32   converted        0  1.000000
ffn_gate     {0,1}  2 x  F16, Q8_0  converted  0.00382  0.999993
ffn_up       {0,1}  2 x  F16, Q8_0  converted  0.00382  0.999993
ffn_down     {0,1}  2 x  F16, Q8_0  converted  0.00378  0.999993

10 equal, 11 converted
)");
}

TEST_CASE("aka-compare: JSON has a stable form") {
    NEEDS_PROGRAM("aka-compare");
    const json a = compare(test::samples() / "llama-sharded", test::samples() / "llama.gguf", 0);
    CHECK(a["same_architecture"].as_bool());
    CHECK_FALSE(a["same_names"].as_bool());
    CHECK(a["names_in_common"].as_u64() == 0);
    CHECK(a["architecture"].size() == 0);
    CHECK(a["a"]["convention"]["id"].as_string() == "hf_llama");
    CHECK(a["b"]["rope"].as_string() == "interleaved");
    CHECK(a["counts"]["equal"].as_u64() == 10);
    CHECK(a["counts"]["converted"].as_u64() == 11);
    CHECK(a["counts"]["missing"].as_u64() == 0);
    REQUIRE(a["tensors"].size() == 21);
    const auto all = tensors(a);
    const json& q = all.at("attn_q.1");
    CHECK(q["part"].as_string() == "weight");
    CHECK(q["expert"].is_null());
    CHECK(q["status"].as_string() == "equal");
    CHECK(q["distance"].as_double() == 0);
    CHECK(q["a"]["names"].items[0].as_string() == "model.layers.1.self_attn.q_proj.weight");
    CHECK(q["b"]["names"].items[0].as_string() == "blk.1.attn_q.weight");
    CHECK(q["b"]["dtype"].as_string() == "F16");
    const json& up = all.at("ffn_up.0");
    CHECK(up["status"].as_string() == "converted");
    CHECK(up["distance"].as_double() == doctest::Approx(0.0038).epsilon(0.1));
    CHECK(up["block_error"].as_double() < 0.0045);
    CHECK(up["cosine"].as_double() > 0.99999);
    const json same = compare(test::samples() / "yi", test::samples() / "yi", 0);
    CHECK(same["same_names"].as_bool());
    CHECK(same["counts"]["equal"].as_u64() == 21);
}

TEST_CASE("aka-compare: what differs, with numbers that can be checked by hand") {
    NEEDS_PROGRAM("aka-compare");
    const test::temp_folder folder;
    const auto write = [&](const char* name, const std::vector<st_tensor>& tensors) {
        test::write_sparse_safetensors(folder / name, tensors);
        return folder / name;
    };
    const auto f32 = [](const std::string& name, std::vector<std::uint64_t> shape,
                        const std::vector<float>& v) {
        return st_tensor{name, "F32", std::move(shape), test::encode_floats(v, "F32")};
    };
    const fs::path a = write("a.safetensors", {f32("e", {2}, {1, 2}),
                                               f32("moved", {2, 2}, {1, 2, 3, 4}),
                                               f32("one", {2, 2}, {3, 0, 0, 4}),
                                               f32("only", {1}, {1}),
                                               f32("shape", {4}, {1, 2, 3, 4}),
                                               {"int", "I32", {1}, "abcd"},
                                               f32("x\x1b[31m", {1}, {1})});
    const fs::path b = write("b.safetensors", {f32("e", {2}, {1, 2}),
                                               f32("moved", {2, 2}, {3, 4, 1, 2}),
                                               f32("one", {2, 2}, {3, 0, 1, 4}),
                                               f32("shape", {2, 2}, {1, 2, 3, 4}),
                                               {"int", "I32", {1}, "abce"},
                                               f32("x\x1b[31m", {1}, {1})});
    const json answer = compare(a, b, 1);
    CHECK_FALSE(answer["same_architecture"].as_bool());
    CHECK(answer["names_in_common"].as_u64() == 6);
    const auto all = tensors(answer);
    CHECK(all.at("e")["status"].as_string() == "equal");
    CHECK(all.at("moved")["status"].as_string() == "row_order");
    CHECK(all.at("moved")["note"].as_string() == "the same rows in another order");
    const json& one = all.at("one");
    CHECK(one["status"].as_string() == "different");
    CHECK(one["distance"].as_double() == doctest::Approx(0.2));
    CHECK(one["cosine"].as_double() == doctest::Approx(25 / (5 * std::sqrt(26.0))));
    CHECK(one["mean_error"].as_double() == doctest::Approx(1.0 / 7));
    CHECK(one["worst_error"].as_double() == doctest::Approx(1));
    CHECK(one["differ"].as_u64() == 1);
    CHECK(one["elements"].as_u64() == 4);
    REQUIRE(one["first"].size() == 2);
    CHECK(one["first"].items[0].as_u64() == 1);
    CHECK(one["first"].items[1].as_u64() == 0);
    CHECK(all.at("only")["status"].as_string() == "missing");
    CHECK(all.at("only")["b"].is_null());
    CHECK(all.at("only")["distance"].is_null());
    CHECK(all.at("shape")["note"].as_string() == "shapes [4] and [2, 2]");
    CHECK(all.at("int")["note"].as_string() == "compared as bytes");

    const test::program_result r = run({"--long", a.string(), b.string()});
    CHECK(r.exit_code == 1);
    CHECK(r.out.find("2 equal, 1 row_order, 3 different, 1 missing") != std::string::npos);
    CHECK(r.out.find("[1, 0]") != std::string::npos);
    CHECK(r.out.find("no roles are known") != std::string::npos);
    CHECK(r.out.find('\x1b') == std::string::npos);
    CHECK(r.out.find("x\\x1b[31m") != std::string::npos);
}

TEST_CASE("aka-compare: one expert's one weight is named") {
    NEEDS_PROGRAM("aka-compare");
    const test::temp_folder folder;
    const auto m = test::standard_models("BF16").back().model;
    auto other = m;
    std::string& data = other.tensors.at("blk.1.ffn_up.3.weight").data;
    data[data.size() - 2] = static_cast<char>(data[data.size() - 2] ^ 1);
    fs::create_directory(folder / "a");
    fs::create_directory(folder / "b");
    const auto a = test::write_spelling(test::find_spelling("mixtral_hf"), m, folder / "a");
    const auto b = test::write_spelling(test::find_spelling("gguf:llama"), other, folder / "b");
    const json answer = compare(a, b, 1);
    CHECK(answer["counts"]["different"].as_u64() == 1);
    CHECK(answer["counts"]["missing"].as_u64() == 0);
    const json t = tensors(answer).at("ffn_up_exps.1.3");
    CHECK(t["status"].as_string() == "different");
    CHECK(t["differ"].as_u64() == 1);
    CHECK(t["first"].items[0].as_u64() == m.config.n_ff - 1);
    CHECK(t["first"].items[1].as_u64() == m.config.n_embd - 1);
    CHECK(answer["same_architecture"].as_bool());
}

TEST_CASE("aka-compare: fingerprints are printed, read and compared") {
    NEEDS_PROGRAM("aka-compare");
    const test::temp_folder folder;
    const std::string yi = (test::samples() / "yi").string(),
                      sharded = (test::samples() / "llama-sharded").string(),
                      gguf = (test::samples() / "llama.gguf").string();
    const test::program_result one = run({"--fingerprint", yi}),
                               two = run({"--fingerprint", sharded});
    REQUIRE(one.exit_code == 0);
    const json f = json::parse(one.out);
    CHECK(f["fingerprint"].as_string() == "aka-fp1");
    CHECK(f["rope"].as_string() == "half");
    CHECK(f["content"].as_string() == json::parse(two.out)["content"].as_string());
    REQUIRE(f["tensors"].size() == 21);
    for (const json& t : f["tensors"].items) {
        CHECK(t["hash"].as_string().size() == 16);
        CHECK(t["norms"].size() == 17);
    }
    const std::string saved = (folder / "yi.json").string();
    test::write_file(saved, one.out);
    CHECK(run({saved, sharded}).exit_code == 0);
    CHECK(run({sharded, saved}).exit_code == 0);
    CHECK(run({saved, saved}).exit_code == 0);
    const test::program_result text = run({saved, gguf});
    CHECK(text.exit_code == 0);
    CHECK(text.out.find("10 equal, 11 converted") != std::string::npos);
    CHECK(text.out.find("as far as lengths of rows show") != std::string::npos);
    const json answer = compare(saved, test::samples() / "baichuan", 1);
    CHECK(answer["counts"]["different"].as_u64() == 21);
    CHECK(answer["same_names"].is_null());
    CHECK_FALSE(answer["same_architecture"].as_bool());
    CHECK(answer["architecture"].items[0]["name"].as_string() == "n_head_kv");
    // What is no fingerprint, or another kind.
    struct row {
        const char* from;
        const char* to;
        const char* words;
    };
    for (const row& r : {row{"aka-fp1", "aka-fp9", "its version is not the one"},
                         row{"\"norms\": [", "\"norms\": [[", "expected a number"},
                         row{"\"layer\": 0", "\"layer\": -1", "whole number"}}) {
        std::string bad = one.out;
        bad.replace(bad.find(r.from), std::string(r.from).size(), r.to);
        test::write_file(folder / "bad.json", bad);
        const test::program_result answered = run({(folder / "bad.json").string(), yi});
        CAPTURE(r.to);
        CAPTURE(answered.err);
        CHECK(answered.exit_code == 3);
        CHECK(answered.err.find(r.words) != std::string::npos);
    }
    test::write_file(folder / "short.json", one.out.substr(0, one.out.size() / 2));
    CHECK(run({(folder / "short.json").string(), yi}).exit_code == 3);
}

TEST_CASE("aka-compare: usage, and files that are not there") {
    NEEDS_PROGRAM("aka-compare");
    const std::string yi = (test::samples() / "yi").string();
    CHECK(run({}).exit_code == 2);
    CHECK(run({yi}).exit_code == 2);
    CHECK(run({yi, yi, yi}).exit_code == 2);
    CHECK(run({"--fingerprint", yi, yi}).exit_code == 2);
    CHECK(run({"--threads=0", yi, yi}).exit_code == 2);
    CHECK(run({"--nothing", yi, yi}).exit_code == 2);
    CHECK(run({"--threads=3", yi, yi}).exit_code == 0);
    CHECK(run({"--help"}).out.find("usage: aka-compare") == 0);
    CHECK(run({"--version"}).out.find("aka-compare ") == 0);
    const test::temp_folder folder;
    const test::program_result r = run({yi, (folder / "none").string()});
    CHECK(r.exit_code == 3);
    CHECK(r.err.find("none") != std::string::npos);
    const json answer = compare(yi, folder / "none", 3);
    CHECK_FALSE(answer["error"]["message"].as_string().empty());
}

TEST_CASE("aka-compare: files larger than the memory that it may have") {
    NEEDS_PROGRAM("aka-compare");
#if defined(_WIN32) || defined(__SANITIZE_ADDRESS__)
    SKIP_TEST("no such limit here");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    SKIP_TEST("no such limit here");
#endif
#endif
    const test::temp_folder folder;
    // 1.5 GiB each, nearly all of it holes.
    test::model_config c;
    c.n_layer = 1;
    c.n_embd = 4096;
    c.n_head = 32;
    c.n_head_kv = 8;
    c.head_dim = 128;
    c.n_ff = 16384;
    c.n_vocab = 32000;
    c.dtype = "BF16";
    const auto write = [&](const char* name) {
        fs::create_directory(folder / name);
        std::vector<st_tensor> all;
        for (const st_tensor& t : test::model_shapes(c).list()) all.push_back(t);
        test::write_sparse_safetensors(folder / name / "model.safetensors", all);
        test::write_file(folder / name / "config.json",
                         test::hf_config_json(c, "llama", "LlamaForCausalLM"));
        return (folder / name).string();
    };
    const std::string a = write("a");
    const std::string b = write("b");
    // What is allocated, stacks of threads included: not what is mapped of files.
    const std::string limit = "ulimit -d 65536 && ulimit -s 1024 && ";
    test::program_result r = run({"--threads=4", a, b}, limit);
    CAPTURE(r.err);
    CHECK(r.exit_code == 0);
    CHECK(r.out.find("12 equal") != std::string::npos);
    // One number, at the end; everything of that tensor is then measured.
    {
        std::fstream f(b + "/model.safetensors", std::ios::binary | std::ios::in | std::ios::out);
        f.seekp(-2, std::ios::end);
        f.write("\x80\x3f", 2);
    }
    r = run({"--threads=4", a, b}, limit);
    CHECK(r.exit_code == 1);
    CHECK(r.out.find("11 equal, 1 different") != std::string::npos);
    CHECK(r.out.find("[31999, 4095]") != std::string::npos);
    r = run({"--threads=2", "--fingerprint", a}, limit);
    CHECK(r.exit_code == 0);
    CHECK(json::parse(r.out)["tensors"].size() == 12);
}

}  // namespace test_compare_cli
