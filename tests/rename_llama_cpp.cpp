// Renamed files in llama.cpp itself: it loads them, and the model says, bit for bit, what it says
// from a file that had llama.cpp's names from the start.
#include "support/llama_library.hpp"
#include "support/outcome.hpp"
#include "support/read_back.hpp"
#include "support/rename_files.hpp"
#include "support/spellings.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace test_rename_llama_cpp {

#if defined(__unix__)
namespace {

namespace fs = std::filesystem;
using test::gguf_writer;

aka::rewrite_options to_gguf(std::string_view arch) {
    aka::rewrite_options o;
    o.to = arch;
    o.container = aka::checkpoint_format::gguf;
    return o;
}

// The same keys before tensors of another family's names and layout.
gguf_writer in_gguf(const test::model& m, const std::string& arch, const std::string& spelling) {
    gguf_writer out = test::to_llama_cpp(m, arch);
    out.tensors.clear();
    for (test::st_tensor t : test::find_spelling(spelling).write(m)) {
        if (t.shape.size() == 1)
            t.data = test::encode_floats(test::decode_floats(t.data, t.dtype), "F32");
        const std::uint32_t type = t.shape.size() == 1 ? 0 : test::ggml_id_of(t.dtype);
        out.add_tensor(t.name, type, t.shape, t.data);
    }
    return out;
}

struct sample {
    const char* name;
    const char* arch;  // of llama.cpp
    const char* hf;    // how Hugging Face spells it
    const char *model_type, *architecture;
    std::vector<const char*> foreign;  // more spellings of the same
    test::model_config config;
};
std::vector<sample> samples() {
    test::model_config dense;
    dense.n_embd = 64, dense.n_head = 4, dense.n_head_kv = 2, dense.head_dim = 16;
    dense.n_ff = 96, dense.n_vocab = 61;
    test::model_config biases = dense;
    biases.n_layer = 3, biases.n_embd = 48, biases.n_head = 6, biases.n_head_kv = 3;
    biases.head_dim = 8, biases.biases = true;
    test::model_config experts = dense;
    experts.n_expert = 4, experts.n_expert_used = 2, experts.n_ff = 32;
    return {{"dense",
             "llama",
             "hf_llama",
             "llama",
             "LlamaForCausalLM",
             {"yi_v1", "meta_llama", "internlm2"},
             dense},
            {"biases", "qwen2", "hf_qwen2", "qwen2", "Qwen2ForCausalLM", {}, biases},
            {"experts",
             "llama",
             "mixtral_hf",
             "mixtral",
             "MixtralForCausalLM",
             {"mixtral_hf/fused"},
             experts}};
}

const test::llama_question question = {{1, 7, 3, 22, 40, 5}, 16};
constexpr auto ask = [](const fs::path& model) { return test::load_with_llama(model, question); };

void check_says(const fs::path& model, const test::llama_answer& expected) {
    const test::llama_answer found = ask(model);
    CHECK_MESSAGE(found.loaded, found.log);
    CHECK(found.parameters == expected.parameters);
    CHECK(found.tokens == expected.tokens);
    CHECK((found.logits == expected.logits));
}
// Names, types, shapes and bytes; the order is of no matter.
void check_holds(const fs::path& model, const gguf_writer& expected) {
    const auto found = test::read_back(model);
    CHECK(found.tensors.size() == expected.tensors.size());
    for (const test::gguf_tensor& t : expected.tensors) {
        CAPTURE(t.name);
        const auto at = found.tensors.find(t.name);
        REQUIRE(at != found.tensors.end());
        CHECK(at->second.dtype == (t.type == 0 ? "F32" : t.type == 1 ? "F16" : "BF16"));
        CHECK(at->second.shape == t.shape);
        CHECK((at->second.data == t.data));
    }
}

}  // namespace

TEST_CASE("llama.cpp says the same from renamed files as from one with its own names") {
    const test::temp_folder folder;
    std::uint64_t seed = 40;
    for (const sample& s : samples()) {
        CAPTURE(s.name);
        const std::string name = s.name, arch = s.arch, to = "gguf:" + arch;
        const test::model m = test::random_model(s.config, ++seed);
        const gguf_writer right = test::to_llama_cpp(m, arch);
        const fs::path first = folder / (name + ".gguf");
        right.save(first);
        const test::llama_answer expected = ask(first);
        if (!expected.problem.empty()) SKIP_TEST(expected.problem);
        REQUIRE_MESSAGE(expected.loaded, expected.log);
        REQUIRE(expected.tokens.size() == question.answers);
        REQUIRE(expected.logits.size() == question.answers * s.config.n_vocab);
        // A model that always says one word, or nothing at all, would prove little.
        CHECK(std::set<std::int32_t>(expected.tokens.begin(), expected.tokens.end()).size() > 2);
        for (const float v : expected.logits) REQUIRE((v > -100 && v < 100));

        std::vector<std::string> spellings = {s.hf};
        for (const char* other : s.foreign) spellings.emplace_back(other);
        for (const std::string& foreign : spellings) {
            CAPTURE(foreign);
            const fs::path other = folder / "foreign.gguf", mine = folder / "mine.gguf";
            in_gguf(m, arch, foreign).save(other);
            CHECK_FALSE(ask(other).loaded);
            fs::remove(mine);
            const aka::status done = test::rename(other, mine, to_gguf(to));
            REQUIRE_OK(done);
            check_holds(mine, right);
            check_says(mine, expected);
        }

        // From the safetensors that Hugging Face would publish.
        const fs::path original = folder / ("hf-" + name), made = folder / "made.gguf";
        fs::create_directory(original);
        test::write_sparse_safetensors(original / "model.safetensors",
                                       test::find_spelling(s.hf).write(m), {{"format", "pt"}});
        std::string config = test::hf_config_json(s.config, s.model_type, s.architecture);
        config.insert(1, "\"max_position_embeddings\": 64,");
        test::write_file(original / "config.json", config);
        fs::remove(made);
        const aka::status done = test::rename(original, made, to_gguf(to));
        REQUIRE_OK(done);
        check_holds(made, right);
        check_says(made, expected);

        // One wrong name, where the file lies, and the right one again.
        const auto turn = [&](std::string_view rule) {
            const auto r = aka::rename_rule::parse(rule);
            REQUIRE_OK(r);
            aka::rewrite_options o;
            o.rules = {&*r, 1};
            const aka::status changed = test::rename(made, {}, o);
            REQUIRE_OK(changed);
        };
        turn("blk.1.attn_k.weight => blk.1.attn_kk.weight");
        const test::llama_answer refused = ask(made);
        CHECK_FALSE(refused.loaded);
        CHECK(refused.log.find("blk.1.attn_k.weight") != std::string::npos);
        turn("blk.1.attn_kk.weight => blk.1.attn_k.weight");
        check_says(made, expected);
    }
}

TEST_CASE("llama.cpp notices rows that were left in the other order") {
    const test::temp_folder folder;
    const sample s = samples()[0];
    const test::model m = test::random_model(s.config, 50);
    test::to_llama_cpp(m, s.arch).save(folder / "right.gguf");
    const test::llama_answer right = ask(folder / "right.gguf");
    if (!right.problem.empty()) SKIP_TEST(right.problem);
    // q and k keep the rows of Hugging Face.
    gguf_writer wrong = test::to_llama_cpp(m, s.arch);
    for (test::gguf_tensor& t : wrong.tensors)
        if (t.name.find("attn_q") != std::string::npos ||
            t.name.find("attn_k.") != std::string::npos)
            t.data = m.at(t.name).data;
    wrong.save(folder / "wrong.gguf");
    const test::llama_answer other = ask(folder / "wrong.gguf");
    CHECK(other.loaded);
    CHECK((other.logits != right.logits));
}

TEST_CASE("names alone are changed in place, and llama.cpp says the same") {
    const test::temp_folder folder;
    for (const sample& s : samples()) {
        if (std::string(s.arch) != "qwen2") continue;  // the others' rows have to be moved
        const test::model m = test::random_model(s.config, 60);
        const gguf_writer right = test::to_llama_cpp(m, s.arch);
        right.save(folder / "right.gguf");
        const test::llama_answer expected = ask(folder / "right.gguf");
        if (!expected.problem.empty()) SKIP_TEST(expected.problem);
        REQUIRE(expected.loaded);
        const fs::path mine = folder / "mine.gguf";
        in_gguf(m, s.arch, s.hf).save(mine);
        const std::string before = test::read_file(mine);
        const aka::status done = test::rename(mine, {}, to_gguf("gguf:qwen2"));
        REQUIRE_OK(done);
        check_holds(mine, right);
        check_says(mine, expected);
        aka::rewrite_options back;
        back.undo = true;
        const aka::status undone = test::rename(mine, {}, back);
        REQUIRE_OK(undone);
        CHECK_FALSE(ask(mine).loaded);
        const auto was = test::read_back_gguf(before), is = test::read_back(mine);
        CHECK((is.tensors == was.tensors));
    }
}
#endif

}  // namespace test_rename_llama_cpp
