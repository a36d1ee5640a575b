// aka-identify as a user meets it: real checkpoints' names, samples, other ways to answer.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/programs.hpp"
#include "support/spellings.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace test_identify_cli {

namespace {

using test::json;
namespace fs = std::filesystem;

test::program_result run(const std::vector<std::string>& arguments) {
    return test::run_named("aka-identify", arguments);
}
json identify(const fs::path& path, int exit_code, std::vector<std::string> options = {}) {
    options.insert(options.begin(), "--json");
    options.push_back(path.string());
    const test::program_result r = run(options);
    CAPTURE(path);
    CAPTURE(r.err);
    CHECK(r.exit_code == exit_code);
    return json::parse(r.out);
}
std::uint64_t hparam(const json& answer, const std::string& name) {
    const json* field = answer["hparams"].find(name);
    return field == nullptr ? 0 : (*field)["value"].as_u64();
}
std::vector<std::string> strings(const json& list) {
    std::vector<std::string> out;
    for (const json& v : list.items) out.push_back(v.as_string());
    return out;
}
std::uint64_t total(const json& notes) {
    std::uint64_t n = 0;
    for (const json& v : notes.items) n += v["count"].as_u64();
    return n;
}

// ---- what INDEX.md says ------------------------------------------------------------------------

struct index_row {
    std::string type, architecture, unusual;
    std::uint64_t tensors = 0, layers = 0, heads = 0, kv_heads = 0, hidden = 0;
};
std::map<std::string, index_row> read_index(const fs::path& file) {
    std::map<std::string, index_row> out;
    std::istringstream lines(test::read_file(file));
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> cells;
        std::istringstream text(line);
        for (std::string c; std::getline(text, c, '|');) {
            const std::size_t first = c.find_first_not_of(' ');
            if (first == std::string::npos)
                cells.emplace_back();
            else
                cells.push_back(c.substr(first, c.find_last_not_of(' ') - first + 1));
        }
        if (cells.size() < 15 || cells[1] == "checkpoint" || cells[1].find("---") == 0) continue;
        const auto number = [&](std::size_t i) {
            return std::strtoull(cells[i].c_str(), nullptr, 10);
        };
        index_row& r = out[cells[1]];
        r.type = cells[2] == "-" ? "" : cells[2];
        r.architecture = cells[3];
        r.tensors = number(4);
        r.layers = number(7);
        r.heads = number(8);
        r.kv_heads = number(9);
        r.hidden = number(10);
        for (std::size_t i = 14; i < cells.size(); ++i) r.unusual += cells[i];
    }
    return out;
}

// The convention by the id of conventions.json, as INDEX.md describes the names.
const std::map<std::string, std::string>& expected_conventions() {
    static const std::map<std::string, std::string> all = {
        {"baichuan2-13b-chat", "baichuan"},
        {"bloom-176b", "bloom"},
        {"chatglm3-6b", "chatglm"},
        {"deepseek-ocr2", "deepseek_moe_v1"},
        {"falcon-40b", "falcon"},
        {"gemma", "hf_gemma"},
        {"gemma-2b-flax", "flax_gemma"},
        {"gemma2-2b", "hf_gemma2"},
        {"gptneox-redpajama-7b", "gpt_neox"},
        {"granite-3b-code", "hf_llama"},
        {"internlm1-7b", "internlm1"},
        {"internlm2-chat-7b", "internlm2"},
        {"kimi-k2-derived-deepseekv3", "deepseek_qk_layernorm"},
        {"llama1-7b", "hf_llama"},
        {"llama2-70b-lzlv", "hf_llama"},
        {"llama3.1-70b-reflection", "hf_llama"},
        {"llama3.2-3b-one-tensor-per-shard", "hf_llama"},
        {"llava-onevision-1.5-8b", "hf_qwen3"},
        {"mistral-7b", "hf_llama"},
        {"mistral-devstral-small", "hf_llama"},
        {"mixtral-8x22b-wizardlm2", "mixtral_hf"},
        {"molmo-7b-d-nf4", "molmo"},
        {"phi3-mini", "phi3"},
        {"qwen1-72b", "qwen1"},
        {"qwen1-vl-chat-gptq-int4", "qwen1"},
        {"qwen2-vl-olmocr", "hf_qwen2"},
        {"qwen2.5-14b-cogito", "hf_qwen2"},
        {"qwen3-14b-mlx-4bit", "hf_qwen3"},
        {"qwen3-mlx", "hf_qwen3"},
        {"qwen3.5-moe-reap", "qwen3_next"},
        {"stablelm-stable-code-3b", "hf_stablelm"},
        {"yi1.5-6b", "hf_llama"},
    };
    return all;
}
// Numbers of INDEX.md that are not the language model's.
bool other_counts(const std::string& folder) { return folder == "qwen3.5-moe-reap"; }

void write_index(const fs::path& folder, const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& n : names)
        text +=
            (text.empty() ? "" : ",\n") + ("\"" + n + "\": \"model-00001-of-00001.safetensors\"");
    test::write_file(folder / "model.safetensors.index.json",
                     "{\"metadata\": {}, \"weight_map\": {" + text + "}}");
}
std::vector<std::string> names_of(const test::spelling& s, const test::model& m) {
    std::vector<std::string> out;
    for (const test::st_tensor& t : s.write(m)) out.push_back(t.name);
    return out;
}

}  // namespace

TEST_CASE("identify: real checkpoints") {
    NEEDS_PROGRAM("aka-identify");
    SKIP_WITHOUT_DATA();
    const fs::path folder = test::shared_data() / "checkpoints";
    const auto index = read_index(folder / "INDEX.md");
    REQUIRE(index.size() >= 37);
    std::size_t seen = 0;
    for (const auto& entry : index) {
        const std::string& name = entry.first;
        const index_row& row = entry.second;
        CAPTURE(name);
        REQUIRE(fs::is_directory(folder / name));
        if (row.type.empty() && row.tensors == 0) {  // not even a config
            CHECK(identify(folder / name, 3)["family"].is_null());
            continue;
        }
        ++seen;
        const auto found = expected_conventions().find(name);
        const bool config_only = row.unusual.find("CONFIG ONLY") == 0;
        const bool negative = row.unusual.find("NEGATIVE") == 0;
        const json a = identify(folder / name, config_only || negative ? 1 : 0);
        const std::string convention =
            a["convention"].is_null() ? "none" : a["convention"].as_string();
        std::printf(
            "%-34s %-22s %6llu matched, %4llu other, %3llu without weights%s\n", name.c_str(),
            convention.c_str(), static_cast<unsigned long long>(a["matched"].as_u64()),
            static_cast<unsigned long long>(total(a["other"])),
            static_cast<unsigned long long>(a["dropped"].as_u64()), negative ? ", refused" : "");
        // The config is read whatever the names are.
        if (!other_counts(name)) {
            CHECK(hparam(a, "n_layer") == row.layers);
            CHECK(hparam(a, "n_head") == row.heads);
            CHECK(hparam(a, "n_embd") == row.hidden);
            if (row.kv_heads != 0) CHECK(hparam(a, "n_head_kv") == row.kv_heads);
        }
        CHECK(a["hparams"]["model_type"].as_string() == row.type);
        if (config_only) {
            CHECK(a["family"].is_null());
            CHECK(a["convention"].is_null());
            CHECK(a["candidates"].size() >= 1);
            continue;
        }
        REQUIRE(found != expected_conventions().end());
        CHECK(convention == found->second);
        CHECK(strings(a["unmatched"]).empty());
        if (negative) {
            CHECK(a["family"].is_null());
            CHECK_FALSE(a["reason"].as_string().empty());
            CHECK(a["renamed"].size() == 0);
            continue;
        }
        CHECK(a["family"].as_string() == "llama");
        CHECK(a["matched"].as_u64() + total(a["other"]) + a["dropped"].as_u64() == row.tensors);
        CHECK(a["layers"].as_u64() == row.layers);
        CHECK(strings(a["missing"]).empty());
        const bool tied = row.unusual.find("tied head") != std::string::npos;
        CHECK(a["tied"].as_bool() == (tied || name == "gemma-2b-flax"));  // not said of that one
        CHECK_FALSE(a["ambiguous"].as_bool());
    }
    CHECK(seen == index.size() - 1);
}

TEST_CASE("identify: samples, and what was renamed") {
    NEEDS_PROGRAM("aka-identify");
    struct sample {
        const char *file, *convention, *kind;
        std::vector<std::string> renamed;
    };
    const sample all[] = {
        {"yi", "yi_v1", "rope", {"attn_norm", "ffn_norm"}},
        {"baichuan", "baichuan", "fused", {"attn_q", "attn_k", "attn_v"}},
        {"llama-sharded", "hf_llama", "rope", {}},
        {"llama.gguf", "gguf:llama", "rope", {}},
    };
    for (const sample& s : all) {
        const json a = identify(test::samples() / s.file, 0);
        CHECK(a["convention"].as_string() == s.convention);
        CHECK(a["layers"].as_u64() == 2);
        CHECK(strings(a["wrappers"]).empty());
        bool has_kind = false;
        for (const json& l : a["layouts"].items)
            has_kind = has_kind || l["kind"].as_string() == s.kind;
        CHECK(has_kind);
        std::set<std::string> roles;
        for (const json& r : a["renamed"].items) {
            roles.insert(r["role"].as_string());
            CHECK(r["name"].as_string() != r["hf"].as_string());
        }
        if (s.convention == std::string("gguf:llama")) {
            CHECK(roles.size() == 12);  // everything
            continue;
        }
        CHECK(roles == std::set<std::string>(s.renamed.begin(), s.renamed.end()));
    }
    const json yi = identify(test::samples() / "yi", 0);
    CHECK(yi["renamed"][0]["name"].as_string() == "model.layers.{l}.ln1.{part}");
    CHECK(yi["renamed"][0]["hf"].as_string() == "model.layers.{l}.input_layernorm.{part}");
    CHECK(yi["layouts"][0]["name"].as_string() == "half");
    CHECK(identify(test::samples() / "llama.gguf", 0)["layouts"][0]["name"].as_string() ==
          "interleaved");
}

TEST_CASE("identify: wrappers are said, what a convention begins with is none") {
    NEEDS_PROGRAM("aka-identify");
    const test::named_model m = test::standard_models("F16")[0];
    const test::spelling& hf = test::find_spelling("hf_llama");
    for (const std::string wrapper :
         {"", "module.", "_orig_mod.", "module._orig_mod.", "language_model.",
          "model.language_model.", "model.text_model.", "base_model.model.", "bare"}) {
        CAPTURE(wrapper);
        const test::temp_folder folder;
        test::spelling_options options;
        options.wrapper = wrapper;
        const json a = identify(test::write_spelling(hf, m.model, folder.path(), options), 0);
        CHECK(a["convention"].as_string() == "hf_llama");
        CHECK(a["renamed"].size() == 0);
        const auto said = strings(a["wrappers"]);
        if (wrapper.empty() || wrapper == "bare")
            CHECK(said.empty());
        else
            CHECK(said == std::vector<std::string>{wrapper});
    }
}

TEST_CASE("identify: names alone leave open what only a config says") {
    NEEDS_PROGRAM("aka-identify");
    const test::named_model m = test::standard_models("F16")[0];
    const test::temp_folder folder;
    write_index(folder.path(), names_of(test::find_spelling("hf_llama"), m.model));
    const json a = identify(folder.path(), 0);
    CHECK(a["family"].as_string() == "llama");
    CHECK(a["ambiguous"].as_bool());
    std::set<std::string> ids;
    for (const json& c : a["candidates"].items) ids.insert(c["convention"].as_string());
    for (const char* id : {"hf_llama", "hf_gemma"}) CHECK(ids.count(id) == 1);
    CHECK(run({folder.path().string()}).out.find("ambiguous") != std::string::npos);
    // A config settles it.
    for (const char* type : {"llama", "gemma"}) {
        test::write_file(folder / "config.json", "{\"model_type\": \"" + std::string(type) + "\"}");
        const json b = identify(folder.path(), 0);
        CHECK(b["convention"].as_string() == "hf_" + std::string(type));
        CHECK_FALSE(b["ambiguous"].as_bool());
    }
}

TEST_CASE("identify: what no table knows, and the user's own table") {
    NEEDS_PROGRAM("aka-identify");
    const test::temp_folder folder;
    std::vector<std::string> names = {"emb.weight", "final.weight", "head.weight"};
    std::string rules =
        "convention mine\n  emb.{part} = token_embd\n  final.{part} = output_norm\n"
        "  head.{part} = output\n";
    const std::pair<const char*, const char*> rows[] = {
        {"na", "attn_norm"}, {"qq", "attn_q"},      {"kk", "attn_k"},
        {"vv", "attn_v"},    {"oo", "attn_output"}, {"nf", "ffn_norm"},
        {"g", "ffn_gate"},   {"u", "ffn_up"},       {"d", "ffn_down"}};
    for (const auto& r : rows) {
        for (int l = 0; l < 3; ++l)
            names.push_back("stage." + std::to_string(l) + "." + r.first + ".weight");
        rules += "  stage.{l}." + std::string(r.first) + ".{part} = " + r.second + "\n";
    }
    write_index(folder.path(), names);
    const json no = identify(folder.path(), 1);
    CHECK(no["family"].is_null());
    CHECK_FALSE(no["reason"].as_string().empty());
    test::write_file(folder / "mine.txt", rules);
    const json yes = identify(folder.path(), 0, {"--rules", (folder / "mine.txt").string()});
    CHECK(yes["convention"].as_string() == "mine");
    CHECK(yes["matched"].as_u64() == names.size());
    CHECK(yes["layers"].as_u64() == 3);
    CHECK(yes["renamed"].size() == 12);
    // One rule less: its tensors are unmatched, and that is said with the nearest rule.
    const std::size_t last = rules.rfind("  stage");
    test::write_file(folder / "mine.txt",
                     rules.substr(0, last) + "  stage.{l}.dd.{part} = ffn_down\n");
    const json part = identify(folder.path(), 1, {"--rules", (folder / "mine.txt").string()});
    CHECK(strings(part["unmatched"]) == std::vector<std::string>{"stage.{}.d.weight"});
    CHECK(part["nearest"][0]["rule"].as_string().find("stage.{l}.d") == 0);
    CHECK(strings(part["missing"]) == std::vector<std::string>{"stage.{l}.dd.{part}"});
    // A bad table is refused with its place.
    test::write_file(folder / "mine.txt", rules + "  x.{l}.{part = output\n");
    const test::program_result bad =
        run({"--rules", (folder / "mine.txt").string(), folder.path().string()});
    CHECK(bad.exit_code == 2);
    CHECK(bad.err.find("mine.txt") != std::string::npos);
    CHECK(bad.err.find("14") != std::string::npos);  // its last line
}

TEST_CASE("identify: an unknown spelling is inferred, and the table can be passed back") {
    NEEDS_PROGRAM("aka-identify");
    const test::named_model m = test::standard_models("F16")[0];
    const test::temp_folder folder;
    const std::pair<const char*, const char*> words[] = {
        {"model.embed_tokens", "net.vocabulary_embedding"},
        {"model.norm", "net.last_norm"},
        {"lm_head", "net.unembedding"},
        {"model.layers.", "net.stages."},
        {"input_layernorm", "norm_before_attention"},
        {"post_attention_layernorm", "norm_before_ffn"},
        {"self_attn.q_proj", "mixer.query"},
        {"self_attn.k_proj", "mixer.key"},
        {"self_attn.v_proj", "mixer.value"},
        {"self_attn.o_proj", "mixer.out"},
        {"mlp.gate_proj", "ffn.gate"},
        {"mlp.up_proj", "ffn.up"},
        {"mlp.down_proj", "ffn.down"}};
    auto tensors = test::find_spelling("hf_llama").write(m.model);
    for (test::st_tensor& t : tensors)
        for (const auto& w : words) {
            const std::size_t at = t.name.find(w.first);
            if (at == std::string::npos) continue;
            if (std::string(w.first) == "model.norm" && t.name != "model.norm.weight") continue;
            t.name.replace(at, std::string(w.first).size(), w.second);
        }
    test::write_sparse_safetensors(folder / "model.safetensors", tensors, {});
    const json a = identify(folder.path(), 1);
    CHECK(a["family"].is_null());
    REQUIRE(a["inferred"].is_string());
    std::map<std::string, std::string> found;
    for (const json& r : a["renamed"].items) {
        found[r["role"].as_string()] = r["name"].as_string();
        CHECK(r["evidence"].size() >= 1);
    }
    CHECK(found["attn_q"] == "net.stages.{l}.mixer.query.{part}");
    CHECK(found["ffn_down"] == "net.stages.{l}.ffn.down.{part}");
    CHECK(found.size() == 12);
    const std::string shown = run({folder.path().string()}).out;
    CHECK(shown.find("  net.stages.{l}.mixer.query.{part} ") != std::string::npos);
    CHECK(shown.find(" = attn_q ") != std::string::npos);
    test::write_file(folder / "table.txt", a["inferred"].as_string());
    const json b = identify(folder.path(), 0, {"--rules", (folder / "table.txt").string()});
    CHECK(b["family"].as_string() == "llama");
    CHECK(b["convention"].as_string() == "inferred");
    CHECK(b["matched"].as_u64() == tensors.size());
}

TEST_CASE("identify: GGUF of another kind is refused by its architecture") {
    NEEDS_PROGRAM("aka-identify");
    const test::temp_folder folder;
    test::gguf_writer w;
    w.add("general.architecture", "gpt2");
    w.add("gpt2.block_count", std::uint32_t{1});
    w.add_tensor("token_embd.weight", 0, {4, 4}, std::string(64, '\0'));
    w.add_tensor("blk.0.attn_qkv.weight", 0, {12, 4}, std::string(192, '\0'));
    w.save(folder / "gpt2.gguf");
    const json a = identify(folder / "gpt2.gguf", 1);
    CHECK(a["family"].is_null());
    CHECK(a["convention"].as_string() == "gguf:gpt2");
    CHECK(a["reason"].as_string().find("gate") != std::string::npos);
}

TEST_CASE("identify: for people, and exit statuses") {
    NEEDS_PROGRAM("aka-identify");
    const std::string yi = (test::samples() / "yi").string();
    const test::program_result shown = run({yi});
    CHECK(shown.exit_code == 0);
    CHECK(shown.out.find("yi_v1") == 0);
    for (const char* text : {"21 tensors in 2 layers", "model.layers.{l}.ln1.{part}", "attn_norm",
                             "4 heads (2 of k and v)"})
        CHECK_MESSAGE(shown.out.find(text) != std::string::npos, text);
    CHECK(shown.out.find('\x1b') == std::string::npos);
    CHECK(run({"--color=always", yi}).out.find('\x1b') != std::string::npos);
    CHECK(run({"--hparams", yi}).out.find("num_key_value_heads") != std::string::npos);
    CHECK(run({}).exit_code == 2);
    CHECK(run({"--nonsense", yi}).exit_code == 2);
    CHECK(run({yi, yi}).exit_code == 2);
    CHECK(run({"--help"}).exit_code == 0);
    const test::temp_folder empty;
    CHECK(run({empty.path().string()}).exit_code == 3);
    const json gone = identify(empty / "nothing.safetensors", 3);
    CHECK(gone["family"].is_null());
    CHECK_FALSE(gone["error"]["message"].as_string().empty());
    // Names are the file's choice.
    write_index(empty.path(), {"\\u001b[2Jx.weight"});
    const test::program_result escaped = run({empty.path().string()});
    CHECK(escaped.exit_code == 1);
    CHECK(escaped.out.find('\x1b') == std::string::npos);
}

TEST_CASE("adapt: an engine with one spelling reads the others") {
    NEEDS_PROGRAM("aka-adapt");
    const auto out_of = [&](const std::string& sample, const std::string& convention) {
        std::vector<std::string> words = {(test::samples() / sample).string()};
        if (!convention.empty()) words.push_back(convention);
        const test::program_result r = test::run_named("aka-adapt", words);
        CHECK(r.exit_code == 0);
        return r.out;
    };
    const std::string reads = "cannot read the file, and reads the view";
    CHECK(out_of("baichuan", "").find(reads) != std::string::npos);
    CHECK(out_of("llama.gguf", "hf").find(reads) != std::string::npos);
    // Parts of W_pack are views; rows in another order are copied.
    CHECK(out_of("baichuan", "hf").find("copied") == std::string::npos);
    CHECK(out_of("yi", "gguf:llama").find("copied by 1 box") != std::string::npos);
    CHECK(out_of("yi", "gguf:qwen2").find("copied") == std::string::npos);
    // GGUF's norms are F32.
    CHECK(out_of("yi", "gguf:qwen2").find("computed: 1 box, from F16") != std::string::npos);
}

}  // namespace test_identify_cli
