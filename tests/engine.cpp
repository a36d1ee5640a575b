// aka-engine, which has nothing of aka but the one header: its tokens are llama.cpp's, and the same
// in every spelling.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/llama_library.hpp"
#include "support/model_gguf.hpp"
#include "support/programs.hpp"
#include "support/spellings.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace test_engine {

namespace {

namespace fs = std::filesystem;
using test::model;
using test::named_model;

test::program_result run(const fs::path& path, const std::vector<std::int32_t>& tokens,
                         std::size_t n, const std::vector<std::string>& more = {}) {
    std::string list;
    for (const std::int32_t t : tokens) list += (list.empty() ? "" : ",") + std::to_string(t);
    std::vector<std::string> words = {path.string(), "--tokens", list, "-n", std::to_string(n)};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_named("aka-engine", words);
}

struct answer {
    std::vector<std::int32_t> tokens;
    std::vector<std::vector<float>> logits;  // of each
};
answer read_answer(const std::string& text) {
    answer out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::int32_t token = -1;
        words >> token;
        out.tokens.push_back(token);
        out.logits.emplace_back();
        for (float v = 0; words >> v;) out.logits.back().push_back(v);
    }
    return out;
}

const std::vector<std::int32_t> prompt = {2, 11, 30, 4};

void change_config(const fs::path& folder, const std::string& from, const std::string& to) {
    std::string config = test::read_file(folder / "config.json");
    REQUIRE(config.find(from) != std::string::npos);
    config.replace(config.find(from), from.size(), to);
    test::write_file(folder / "config.json", config);
}

#if defined(__unix__)
// Random blocks whose scales make the numbers as large as those of random_model: `step` is of one
// unit of what a block holds, and Q4_K's least values are such that the mean is 0.
void set_scales(model& m, const std::string& type) {
    const std::size_t block = type == "q8_0" ? 34 : 144;
    for (const std::string& key : m.order) {
        test::st_tensor& t = m.tensors.at(key);
        if (t.dtype != type) continue;
        const float size = 1.7f / std::sqrt(static_cast<float>(t.shape.back()));
        const float step = type == "q8_0" ? size / 127 : size / 300;
        const std::string d = test::encode_floats({step, 7.5f * step}, "F16");
        for (std::size_t at = 0; at < t.data.size(); at += block)
            t.data.replace(at, type == "q8_0" ? 2 : 4, d, 0, type == "q8_0" ? 2 : 4);
    }
}

struct sample {
    std::string name, arch;
    test::model model;
};
// GQA, MHA, biases and experts, in every type; and Gemma, whose code has what no file says.
std::vector<sample> samples(const std::string& type) {
    const bool blocks = type == "q8_0" || type == "q4_K";
    std::vector<sample> out;
    for (named_model& m : blocks ? test::quantised_models(type) : test::standard_models(type)) {
        if (blocks) set_scales(m.model, type);
        // llama.cpp wants heads as wide as the model for Qwen 2, and takes biases for Llama.
        const test::model_config& c = m.model.config;
        const bool qwen = c.biases && c.n_head * c.head_dim == c.n_embd;
        out.push_back({m.name, qwen ? "qwen2" : "llama", std::move(m.model)});
    }
    if (!blocks) {
        test::model_config c = out[0].model.config;
        c.tied = true;
        out.push_back({"gemma", "gemma", test::random_model(c, 9)});
    }
    return out;
}

}  // namespace

TEST_CASE("engine: the tokens are those of llama.cpp") {
    NEEDS_PROGRAM("aka-engine");
    // llama.cpp keeps keys and values as F16, and rounds what is multiplied to the type of the
    // weights, or to 8 bits. Relative to the largest logit.
    struct rounding {
        const char* type;
        float most;
    };
    const test::llama_question question = {prompt, 12};
    const test::temp_folder folder;
    for (const rounding& r :
         {rounding{"F32", 0.006f}, rounding{"F16", 0.008f}, rounding{"BF16", 0.03f},
          rounding{"q8_0", 0.06f}, rounding{"q4_K", 0.06f}}) {
        const std::string type = r.type;
        std::size_t same = 0, asked = 0;
        for (const sample& s : samples(type)) {
            CAPTURE(s.name);
            CAPTURE(type);
            const fs::path path = folder / (s.name + type + ".gguf");
            test::to_llama_cpp(s.model, s.arch).save(path);
            const test::llama_answer llama = test::load_with_llama(path, question);
            if (!llama.problem.empty()) SKIP_TEST(llama.problem);
            REQUIRE_MESSAGE(llama.loaded, llama.log);
            REQUIRE(llama.tokens.size() == question.answers);
            const test::program_result ran = run(path, prompt, question.answers, {"--logits"});
            REQUIRE_MESSAGE(ran.exit_code == 0, ran.err);
            const answer mine = read_answer(ran.out);
            REQUIRE(mine.tokens.size() == question.answers);
            asked += question.answers;

            const std::size_t n = s.model.config.n_vocab;
            for (std::size_t i = 0; i < question.answers; ++i) {
                const float* theirs = &llama.logits[i * n];
                REQUIRE(mine.logits[i].size() == n);
                const auto best = static_cast<std::size_t>(llama.tokens[i]);
                float largest = 0, error = 0, second = -1e30f;
                for (std::size_t k = 0; k < n; ++k) {
                    largest = std::max(largest, std::abs(theirs[k]));
                    error = std::max(error, std::abs(theirs[k] - mine.logits[i][k]));
                    if (k != best) second = std::max(second, theirs[k]);
                }
                CHECK(error < r.most * largest);
                // Either is right, and what follows is about other words.
                const bool close = theirs[best] - second < 2 * r.most * largest;
                if (close && mine.tokens[i] != llama.tokens[i]) break;
                CHECK(mine.tokens[i] == llama.tokens[i]);
                ++same;
            }
        }
        MESSAGE(type, ": ", same, " of ", asked, " tokens, the others too close to call");
        CHECK(4 * same >= 3 * asked);
    }
}
#else
}  // namespace
#endif

TEST_CASE("engine: every spelling gives the same bits, a prompt at once or word by word") {
    NEEDS_PROGRAM("aka-engine");
    const char* dtypes[] = {"F16", "BF16", "F32"};
    std::size_t i = 0, compared = 0;
    for (const auto& list : {test::standard_models, test::special_models})
        for (const named_model& m : list(dtypes[i++ % 3])) {
            CAPTURE(m.name);
            std::string expected;
            for (const test::spelling& s : test::spellings()) {
                // gpt-oss has an activation of its own, which is refused; of qwen2moe llama.cpp
                // takes the experts' weights as the softmax gives them.
                if (!s.holds(m.model.config) || s.id.find("oss") != std::string::npos ||
                    s.id == "gguf:qwen2moe")
                    continue;
                CAPTURE(s.id);
                const test::temp_folder folder;
                const auto path = test::write_spelling(s, m.model, folder.path());
                const test::program_result r = run(path, prompt, 8, {"--logits"});
                CHECK_MESSAGE(r.exit_code == 0, r.err);
                if (!expected.empty()) {
                    CHECK(r.out == expected);
                    ++compared;
                    continue;
                }
                expected = r.out;
                const answer all = read_answer(r.out);
                REQUIRE(all.tokens.size() == 8);
                auto longer = prompt;
                longer.insert(longer.end(), all.tokens.begin(), all.tokens.begin() + 3);
                const std::string rest = run(path, longer, 5, {"--logits"}).out;
                CHECK(!rest.empty());
                CHECK(expected.substr(expected.size() - rest.size()) == rest);
                std::string ids;
                for (const std::int32_t t : all.tokens)
                    ids += (ids.empty() ? "" : " ") + std::to_string(t);
                CHECK(run(path, prompt, 8).out == ids + "\n");
            }
        }
    MESSAGE(compared, " spellings with the logits of another");
    CHECK(compared > 100);
}

TEST_CASE("engine: what configs change changes the same as in aka-forward") {
    NEEDS_PROGRAM("aka-engine");
    NEEDS_PROGRAM("aka-forward");
    const model m = test::standard_models("F32")[0].model;
    const std::string llama3 =
        R"("rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
           "high_freq_factor": 4.0, "original_max_position_embeddings": 32})";
    struct change {
        std::string from, to;
    };
    std::set<std::string> distinct;
    for (const change& c : std::vector<change>{
             {"\"hidden_act\": \"silu\"", "\"hidden_act\": \"silu\""},
             {"\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\""},
             {"\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu_pytorch_tanh\""},
             {"\"hidden_act\": \"silu\"", "\"hidden_act\": \"relu\""},
             {"\"hidden_act\"",
              "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}, \"hidden_act\""},
             {"\"hidden_act\"", llama3 + ", \"hidden_act\""},
             {"\"hidden_act\"",
              "\"embedding_multiplier\": 3, \"residual_multiplier\": 0.5, "
              "\"attention_multiplier\": 0.25, \"logits_scaling\": 2, \"hidden_act\""},
             {"\"model_type\": \"llama\"", "\"model_type\": \"stablelm\""},
             {"\"model_type\": \"llama\"", "\"model_type\": \"gemma\""}}) {
        CAPTURE(c.to);
        const test::temp_folder folder;
        const auto path = test::write_spelling(test::find_spelling("hf_llama"), m, folder.path());
        change_config(folder.path(), c.from, c.to);
        const test::program_result mine = run(path, prompt, 1, {"--logits"});
        REQUIRE_MESSAGE(mine.exit_code == 0, mine.err);
        std::vector<std::string> words = {"--json", path.string()};
        for (const std::int32_t t : prompt) words.push_back(std::to_string(t));
        const test::json other = test::json::parse(test::run_named("aka-forward", words).out);
        const std::vector<float> logits = read_answer(mine.out).logits[0];
        REQUIRE(other["logits"].size() == logits.size());
        for (std::size_t k = 0; k < logits.size(); ++k)
            CHECK(std::abs(other["logits"][k].as_double() - static_cast<double>(logits[k])) < 2e-4);
        CHECK(distinct.insert(mine.out).second);
    }
}

TEST_CASE("engine: what it cannot compute it refuses by name") {
    NEEDS_PROGRAM("aka-engine");
    const model plain = test::standard_models("F16")[0].model;
    struct refusal {
        const char *from, *to, *said;
    };
    for (const refusal& r : std::vector<refusal>{
             {"\"silu\"", "\"mish\"", "activation"},
             {"{", "{\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4},", "RoPE scaling"},
             {"{", "{\"rope_scaling\": {\"rope_type\": \"llama3\"},", "without its factor"},
             {"{", "{\"attn_logit_softcapping\": 50.0,", "capped logits"},
             {"{", "{\"clip_qkv\": 8.0,", "clipped"},
             {"{", "{\"sliding_window\": 4,", "more positions"},
             {"\"llama\"", "\"smollm3\"", "layers without RoPE"}}) {
        CAPTURE(r.said);
        const test::temp_folder folder;
        const auto path =
            test::write_spelling(test::find_spelling("hf_llama"), plain, folder.path());
        change_config(folder.path(), r.from, r.to);
        const test::program_result ran = run(path, prompt, 8);
        CHECK(ran.exit_code == 1);
        CHECK(ran.out.empty());
        CHECK_MESSAGE(ran.err.find("no code here for ") != std::string::npos, ran.err);
        CHECK_MESSAGE(ran.err.find(r.said) != std::string::npos, ran.err);
    }
    // A tensor that nothing asked for.
    test::gguf_writer sinks = test::to_gguf(plain);
    sinks.add_tensor("blk.0.attn_sinks.weight", 0, {6}, std::string(24, '\0'));
    const test::temp_folder folder;
    sinks.save(folder / "sinks.gguf");
    const test::program_result ran = run(folder / "sinks.gguf", prompt, 8);
    CHECK(ran.exit_code == 1);
    CHECK_MESSAGE(ran.err.find("attn_sinks") != std::string::npos, ran.err);
    // The command line.
    test::to_gguf(plain).save(folder / "good.gguf");
    const std::string good = (folder / "good.gguf").string();
    CHECK(test::run_named("aka-engine", {"--help"}).exit_code == 0);
    CHECK(test::run_named("aka-engine", {good}).exit_code == 2);
    CHECK(test::run_named("aka-engine", {good, "--tokens", "1,"}).exit_code == 2);
    CHECK(test::run_named("aka-engine", {good, "--tokens", "1,x"}).exit_code == 2);
    CHECK(test::run_named("aka-engine", {good, "--tokens", "40"}).exit_code == 2);  // of 0 to 39
    CHECK(test::run_named("aka-engine", {good, "--tokens", "39", "-n", "0"}).exit_code == 0);
    CHECK(run(folder / "nothing.gguf", prompt, 8).exit_code == 3);
}

TEST_CASE("engine: one file of aka is enough") {
    // Its own source names no other.
    std::size_t includes = 0;
    for (const auto& f : fs::directory_iterator(fs::path(AKA_SOURCE_DIR) / "examples/engine")) {
        const std::string text = test::read_file(f.path().string());
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            if (line.rfind("#include", 0) != 0 || line.find("aka") == std::string::npos) continue;
            CHECK_MESSAGE(line == "#include \"aka.hpp\"", f.path().string());
            ++includes;
        }
    }
    CHECK(includes >= 3);
}

}  // namespace test_engine
