// aka-rename as a user meets it: the plan, what is written where, each option, and how it ends.
#include "support/rewritten.hpp"
#include "support/run_rename.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace test_rename_cli {

namespace {

namespace fs = std::filesystem;
using test::folder_bytes;
using test::json;
using test::read_back;
using test::rename_json;
using test::run_rename;
using test::says;

std::string sample(const char* name) { return (test::samples() / name).string(); }

// A sample beside files that come along, and a folder that does not.
struct yi_folder {
    test::temp_folder work{test::memory_folder()};
    fs::path path = work / "yi";
    yi_folder() {
        fs::copy(sample("yi"), path, fs::copy_options::recursive);
        test::write_file(path / "tokenizer.json", std::string("{\"a\": \"\0\xff\"}\n", 12));
        fs::create_directory(path / "sub");
        test::write_file(path / "sub" / "inner.txt", "inner");
        test::write_file(path / "pytorch_model.bin", "other weights");
    }
    std::string str() const { return path.string(); }
    std::string operator/(const char* name) const { return (work / name).string(); }
};

}  // namespace

TEST_CASE("aka-rename shows the plan") {
    NEEDS_RENAME();
    const auto yi = run_rename(0, {sample("yi"), "--to=hf"});
    CHECK(yi.err == "");
    CHECK(yi.out ==
          R"(        old name                           new name
rename  model.layers.{0,1}.ln1.weight  ->  model.layers.{0,1}.input_layernorm.weight           2 x
rename  model.layers.{0,1}.ln2.weight  ->  model.layers.{0,1}.post_attention_layernorm.weight  2 x

17 tensors keep their names

4 renamed, 17 kept | an edit of the header: --in-place, or -o DST
note: config.json stays as it is; --update-config would change architectures: [ "YiForCausalLM" ] -> ["LlamaForCausalLM"]
note: config.json stays as it is; --update-config would change auto_map: taken away
note: config.json stays as it is; --update-config would change model_type: "Yi" -> "llama"
)");
    const auto meta = run_rename(0, {sample("baichuan"), "--to=meta", "--all"});
    CHECK(
        meta.out ==
        R"(        old name                                                new name                                  moved
rename  model.embed_tokens.weight                           ->  tok_embeddings.weight
rename  model.norm.weight                                   ->  norm.weight
rename  lm_head.weight                                      ->  output.weight
rename  model.layers.{0,1}.input_layernorm.weight           ->  layers.{0,1}.attention_norm.weight   2 x
rename  model.layers.{0,1}.post_attention_layernorm.weight  ->  layers.{0,1}.ffn_norm.weight         2 x
split   model.layers.{0,1}.self_attn.W_pack.weight          ->  layers.{0,1}.attention.wq.weight     2 x  4 KiB
split   model.layers.{0,1}.self_attn.W_pack.weight          ->  layers.{0,1}.attention.wk.weight     2 x  4 KiB
split   model.layers.{0,1}.self_attn.W_pack.weight          ->  layers.{0,1}.attention.wv.weight     2 x
rename  model.layers.{0,1}.self_attn.o_proj.weight          ->  layers.{0,1}.attention.wo.weight     2 x
rename  model.layers.{0,1}.mlp.gate_proj.weight             ->  layers.{0,1}.feed_forward.w1.weight  2 x
rename  model.layers.{0,1}.mlp.up_proj.weight               ->  layers.{0,1}.feed_forward.w3.weight  2 x
rename  model.layers.{0,1}.mlp.down_proj.weight             ->  layers.{0,1}.feed_forward.w2.weight  2 x

15 renamed, 6 split off | 8 KiB are to be put into another layout: -o DST
)");
    const auto all = run_rename(0, {sample("yi"), "--to=hf", "--all"});
    CHECK(says(all.out, "keep    model.layers.{0,1}.mlp.up_proj.weight"));
    CHECK_FALSE(says(all.out, "keep their names"));
    const auto coloured = run_rename(0, {sample("yi"), "--to=hf", "--color=always"});
    CHECK(says(coloured.out, "\x1b["));
    CHECK(says(run_rename(0, {sample("yi")}).out, "no name changes"));
}

TEST_CASE("aka-rename shows the plan of a mixture of experts") {
    NEEDS_RENAME();
    const test::temp_folder work(test::memory_folder());
    const auto moe = test::standard_models("F16")[3];
    test::write_spelling(test::find_spelling("mixtral_hf"), moe.model, work.path());
    const auto r = run_rename(0, {work.path().string(), "--to", "gguf"});
    CHECK_MESSAGE(
        says(r.out,
             "\nstack    4 x model.layers.{0,1}.block_sparse_moe.experts.*.w1.weight  ->  "
             "blk.{0,1}.ffn_gate_exps.weight"),
        r.out);
    const json j = rename_json(0, {work.path().string(), "--to", "gguf"});
    std::map<std::string, std::size_t> how;
    for (const json& a : j["actions"].items) {
        ++how[a["how"].as_string()];
        if (a["how"].as_string() != "stack") continue;
        REQUIRE(a["old"].is_array());
        CHECK(a["old"].size() == 4);
        CHECK(a["bytes_copied"].as_u64() == a["bytes"].as_u64());
    }
    CHECK(how["stack"] == 6);
    CHECK(how["reorder"] == 4);
}

TEST_CASE("aka-rename --json says what it would do, what it did, and why not") {
    NEEDS_RENAME();
    const yi_folder yi;
    json j = rename_json(0, {yi.str(), "--to=hf"});
    CHECK(j["path"].as_string() == yi.str());
    CHECK(j["from"].as_string() == "yi_v1");
    CHECK(j["to"].as_string() == "hf_llama");
    CHECK(j["container"].as_string() == "safetensors");
    CHECK(j["ok"].as_bool());
    CHECK(j["way"].as_string() == "plan");
    CHECK(j["header_only"].as_bool());
    CHECK(j["undoable"].as_bool());
    CHECK(j["bytes_copied"].as_u64() == 0);
    CHECK(j["unmatched"].size() == 0);
    CHECK(j["collisions"].size() == 0);
    CHECK(j["refused"].size() == 0);
    CHECK(j["dropped"].size() == 0);
    CHECK(j["notes"].size() == 3);
    REQUIRE(j["actions"].size() == 21);
    std::size_t renamed = 0;
    for (const json& a : j["actions"].items) {
        const bool other = a["old"].as_string() != a["new"].as_string();
        CHECK(a["how"].as_string() == (other ? "rename" : "keep"));
        renamed += other;
    }
    CHECK(renamed == 4);

    j = rename_json(0, {yi.str(), "--to=hf", "-o", yi / "out", "--verify"});
    CHECK(j["way"].as_string() == "written");
    CHECK(j["verified"].as_u64() == 21);
    std::uint64_t bytes = 0, files = 0;
    for (const auto& [name, text] : folder_bytes(yi.work / "out")) bytes += text.size(), ++files;
    CHECK(j["files"].as_u64() == files);
    CHECK(j["bytes"].as_u64() == bytes);

    j = rename_json(1, {yi.str(), "--rule=model.norm.weight => lm_head.weight"});
    CHECK_FALSE(j["ok"].as_bool());
    REQUIRE(j["collisions"].size() == 1);
    CHECK(j["collisions"][0]["name"].as_string() == "lm_head.weight");
    j = rename_json(1, {yi.str(), "--to=hf", "--rule=lm_head.weight => strange"});
    REQUIRE(j["unmatched"].size() == 1);
    CHECK(j["unmatched"][0]["name"].as_string() == "strange");
    j = rename_json(3, {yi / "nowhere", "--to=hf"});
    CHECK(j["error"]["code"].as_string() == "missing_file");
}

TEST_CASE("aka-rename writes a folder: what lies beside the weights comes along") {
    NEEDS_RENAME();
    const yi_folder yi;
    const auto before = folder_bytes(yi.path);
    const auto r = run_rename(0, {yi.str(), "--to", "hf", "-o", yi / "out", "--verify"});
    CHECK(says(r.out, "4 renamed, 17 kept | 3 files written"));
    CHECK(says(r.out, "verified: 21 tensors as in the source"));
    const auto out = folder_bytes(yi.work / "out");
    CHECK(out.size() == 3);
    CHECK(out.at("tokenizer.json") == before.at("tokenizer.json"));
    CHECK(out.at("config.json") == before.at("config.json"));
    const auto was = read_back(yi.path / "model.safetensors");
    const auto is = read_back(yi.work / "out" / "model.safetensors");
    CHECK(is.tensors.size() == was.tensors.size());
    CHECK(is.tensors.at("model.layers.1.post_attention_layernorm.weight") ==
          was.tensors.at("model.layers.1.ln2.weight"));
    CHECK(is.text("format") == was.text("format"));
    CHECK(is.text("aka.renamed") ==
          "{\"version\":1,\"from\":\"yi_v1\",\"to\":\"hf_llama\",\"rope\":\"half\"}");
    CHECK(folder_bytes(yi.path) == before);

    run_rename(0, {yi / "out", "--undo", "-o", yi / "back"});
    const auto back = folder_bytes(yi.work / "back");
    CHECK(back.at("model.safetensors") == before.at("model.safetensors"));
    run_rename(0, {yi.str(), "--to=hf", "-o", yi / "plain", "--no-provenance"});
    CHECK(read_back(yi.work / "plain" / "model.safetensors").text("aka.renamed") == "(none)");
    const auto nothing = run_rename(1, {yi / "plain", "--undo"});
    CHECK(says(nothing.err, "there is nothing to undo"));
    // The key of an earlier time goes, too.
    run_rename(0, {yi / "out", "--to=meta", "-o", yi / "meta", "--no-provenance"});
    CHECK(read_back(yi.work / "meta" / "model.safetensors").text("aka.renamed") == "(none)");
}

TEST_CASE("aka-rename --update-config") {
    NEEDS_RENAME();
    const yi_folder yi;
    const auto r = run_rename(0, {yi.str(), "--to=hf", "-o", yi / "out", "--update-config"});
    CHECK_FALSE(says(r.out, "note:"));
    const json was = json::parse(test::read_file(yi.path / "config.json"));
    const json is = json::parse(test::read_file(yi.work / "out" / "config.json"));
    CHECK(is["model_type"].as_string() == "llama");
    REQUIRE(is["architectures"].size() == 1);
    CHECK(is["architectures"][0].as_string() == "LlamaForCausalLM");
    CHECK(is.find("auto_map") == nullptr);
    CHECK(is.size() + 1 == was.size());
    CHECK(is["rms_norm_eps"].as_double() == was["rms_norm_eps"].as_double());
    test::write_file(yi.path / "config.json", "{\"model_type\": \"Yi\"");
    run_rename(1, {yi.str(), "--to=hf", "-o", yi / "bad", "--update-config"});
    CHECK_FALSE(fs::exists(yi.work / "bad"));
}

TEST_CASE("aka-rename: one file, the other format") {
    NEEDS_RENAME();
    const test::temp_folder work(test::memory_folder());
    const auto at = [&](const char* name) { return (work / name).string(); };
    // Three shards become one file, and nothing comes along.
    run_rename(0, {sample("llama-sharded"), "--to=meta", "-o", at("one.safetensors"), "--verify"});
    const auto one = read_back(work / "one.safetensors");
    CHECK(one.tensors.size() == 21);
    CHECK(one.tensors.count("layers.1.attention.wq.weight") == 1);
    CHECK(folder_bytes(work.path()).size() == 1);

    const auto r = run_rename(0, {sample("llama-sharded"), "--to=gguf", "-o", at("one.gguf"),
                                  "--set=general.name=string:it", "--set=x.y=u32[]:1,2"});
    CHECK(says(r.out, "the GGUF gets no tokenizer"));
    const auto gguf = read_back(work / "one.gguf");
    CHECK(gguf.text("general.architecture") == "llama");
    CHECK(gguf.text("general.name") == "it");
    REQUIRE(gguf.key("x.y") != nullptr);
    CHECK(gguf.key("x.y")->items.size() == 2);
    REQUIRE(gguf.key("llama.block_count") != nullptr);
    CHECK(gguf.key("llama.block_count")->bits == 2);
    CHECK(gguf.tensors.at("output_norm.weight").dtype == "F32");
    CHECK(gguf.alignment == 32);

    // Parts of a split become one file without the numbers of a split.
    const auto m = test::standard_models("F32")[0];
    fs::create_directory(work / "split");
    test::spelling_options three;
    three.shards = 3;
    const fs::path part =
        test::write_spelling(test::find_spelling("gguf:llama"), m.model, work / "split", three);
    run_rename(0, {part.string(), "--to=hf", "-o", at("joined.gguf"), "--verify"});
    const auto joined = read_back(work / "joined.gguf");
    for (const auto& key : joined.keys) CHECK_MESSAGE(!says(key.first, "split."), key.first);
    CHECK(joined.tensors.size() == m.model.order.size());
    run_rename(0, {part.string(), "--to=hf", "-o", at("joined.safetensors"), "--verify"});
    std::size_t by_value = 0;
    CHECK(test::difference(test::read_checkpoint(work / "joined.safetensors").tensors,
                           test::find_spelling("hf_llama").write(m.model), by_value) == "");

    // A name of no architecture is no GGUF.
    const auto refused =
        run_rename(1, {sample("llama-sharded"), "--to=meta", "-o", at("meta.gguf")});
    CHECK(says(refused.err, "needs an architecture"));
    CHECK_FALSE(fs::exists(work / "meta.gguf"));

    const auto blocks =
        run_rename(1, {sample("llama.gguf"), "--to=hf", "-o", at("hf.safetensors")});
    CHECK(says(blocks.out, "safetensors has no type Q8_0"));
    CHECK_FALSE(fs::exists(work / "hf.safetensors"));
    run_rename(0, {sample("llama.gguf"), "--to=hf", "-o", at("hf.safetensors"), "--dequantize=f16",
                   "--verify"});
    CHECK(
        read_back(work / "hf.safetensors").tensors.at("model.layers.0.mlp.up_proj.weight").dtype ==
        "F16");
    CHECK(read_back(work / "hf.safetensors").text("format") == "pt");
}

TEST_CASE("aka-rename to GGUF: what the config does not say can be set") {
    NEEDS_RENAME();
    const test::temp_folder work(test::memory_folder());
    const auto m = test::standard_models("F16")[0];
    fs::create_directory(work / "a");
    test::write_spelling(test::find_spelling("hf_llama"), m.model, work / "a");
    std::string config = test::read_file(work / "a" / "config.json");
    const std::size_t context = config.find("\"max_position_embeddings\"");
    REQUIRE(context != config.npos);
    config.insert(context + 1, "no_");
    test::write_file(work / "a" / "config.json", config);
    const std::string to = (work / "a.gguf").string();
    const auto r = run_rename(1, {(work / "a").string(), "--to=gguf", "-o", to});
    CHECK(says(r.err, "llama.context_length"));
    run_rename(0, {(work / "a").string(), "--to=gguf", "-o", to,
                   "--set=llama.context_length=u32:64", "--set=general.architecture=string:llama"});
    const auto f = read_back(to);
    CHECK(f.key("llama.context_length")->bits == 64);
    CHECK(f.key("llama.attention.head_count_kv")->bits == 2);
}

TEST_CASE("aka-rename --set, --unset and --align") {
    NEEDS_RENAME();
    const test::temp_folder work(test::memory_folder());
    const auto at = [&](const char* name) { return (work / name).string(); };
    const auto was = read_back(sample("llama.gguf"));
    run_rename(0, {sample("llama.gguf"), "--rule={any}.ffn_up.weight => {any}.mlp_up.weight", "-o",
                   at("a.gguf"), "--set=llama.block_count=u32:3", "--unset=llama.rope.freq_base",
                   "--set=new=-1", "--align=4096"});
    const auto is = read_back(work / "a.gguf");
    // The others in their order, values and all; the new ones behind.
    std::vector<std::string> keys;
    for (const auto& [key, value] : was.keys) {
        if (key == "llama.rope.freq_base") continue;
        keys.push_back(key);
        REQUIRE(is.key(key) != nullptr);
        if (key != "llama.block_count" && key != "general.alignment") CHECK(*is.key(key) == value);
    }
    REQUIRE(is.keys.size() >= keys.size() + 2);
    for (std::size_t i = 0; i < keys.size(); ++i) CHECK(is.keys[i].first == keys[i]);
    CHECK(is.key("llama.block_count")->bits == 3);
    CHECK(is.key("llama.rope.freq_base") == nullptr);
    CHECK(is.text("new") == "-1");
    CHECK(is.alignment == 4096);
    CHECK(is.data_begin % 4096 == 0);
    for (const auto& [name, t] : is.tensors) CHECK(t.offset % 4096 == 0);
    CHECK(is.tensors.at("blk.1.mlp_up.weight") == was.tensors.at("blk.1.ffn_up.weight"));

    const auto text =
        run_rename(1, {sample("llama.gguf"), "--set=llama.block_count=4", "-o", at("b.gguf")});
    CHECK(says(text.err, "u32"));
    CHECK_FALSE(fs::exists(work / "b.gguf"));
    run_rename(2, {sample("llama.gguf"), "--set=a=u8:256", "-o", at("b.gguf")});
    run_rename(2, {sample("llama.gguf"), "--set=a", "-o", at("b.gguf")});
    run_rename(2, {sample("llama.gguf"), "--align=48"});

    for (const std::uint64_t n : {64u, 4096u}) {
        run_rename(0, {sample("yi"), "--to=hf", "-o", at("c.safetensors"), "--force",
                       "--align=" + std::to_string(n), "--set=who=me", "--unset=format"});
        const auto st = read_back(work / "c.safetensors");
        CHECK(st.data_begin % n == 0);
        CHECK(st.text("who") == "me");
        CHECK(st.text("format") == "(none)");
        for (const auto& named : st.tensors)
            if (named.second.data.size() % 64 == 0)
                CHECK_MESSAGE(named.second.offset % 64 == 0, named.first);
    }
}

TEST_CASE("aka-rename: rules, tables, and names that nobody knows") {
    NEEDS_RENAME();
    const yi_folder yi;
    const auto r = run_rename(0, {yi.str(), "--rule", "model.layers.{l}.ln1.{part} => a.{l}.{part}",
                                  "--rule=lm_head.weight => drop", "-o", yi / "out.safetensors"});
    CHECK(says(r.out, "2 renamed, 18 kept, 1 left out | 1 file"));
    const auto f = read_back(yi / "out.safetensors");
    CHECK(f.tensors.count("a.1.weight") == 1);
    CHECK(f.tensors.count("lm_head.weight") == 0);
    CHECK(
        says(run_rename(1, {yi.str(), "--rule=none => b"}).out, "no tensor has a name like this"));
    CHECK(says(run_rename(2, {yi.str(), "--rule=none"}).err, "expected OLD => NEW"));

    test::write_file(yi.work / "own.txt",
                     "convention own extends hf_llama\n"
                     "  model.layers.{l}.first.{part} = attn_norm\n");
    run_rename(0, {yi.str(), "--rules", yi / "own.txt", "--to=own", "-o", yi / "own.safetensors"});
    CHECK(read_back(yi / "own.safetensors").tensors.count("model.layers.0.first.weight") == 1);
    run_rename(0, {yi / "own.safetensors", "--rules", yi / "own.txt", "--undo", "-o",
                   yi / "own-back.safetensors"});
    CHECK(read_back(yi / "own-back.safetensors").tensors ==
          read_back(yi.path / "model.safetensors").tensors);
    test::write_file(yi.work / "bad.txt", "convention own extends hf_llama\n  x\n");
    run_rename(2, {yi.str(), "--rules", yi / "bad.txt", "--to=own"});
    run_rename(3, {yi.str(), "--rules", yi / "none.txt", "--to=own"});
    run_rename(2, {yi.str(), "--to=own"});

    const std::string odd = "--rule=lm_head.weight => strange.thing";
    CHECK(says(run_rename(1, {yi.str(), "--to=hf", odd}).out, "no rule of the convention knows"));
    run_rename(0, {yi.str(), "--to=hf", odd, "--keep-unmatched", "-o", yi / "odd.safetensors"});
    CHECK(read_back(yi / "odd.safetensors").tensors.count("strange.thing") == 1);
}

TEST_CASE("aka-rename: nothing is written where something is in the way") {
    NEEDS_RENAME();
    const yi_folder yi;
    const auto before = folder_bytes(yi.work.path());
    const auto unchanged = [&] { return folder_bytes(yi.work.path()) == before; };
    // The source itself, by whatever name.
    const std::string file = (yi.path / "model.safetensors").string();
    for (const char* to : {"hf", "meta"})
        for (const std::string& target : {yi.str(), yi.str() + "/../yi", file})
            for (const bool force : {false, true}) {
                std::vector<std::string> line = {yi.str(), "--to", to, "-o", target};
                if (force) line.push_back("--force");
                const auto r = run_rename(3, line);
                CHECK_MESSAGE(says(r.err, "--in-place"), r.err);
                CHECK(unchanged());
            }
    CHECK(says(
        run_rename(1, {yi.str(), "--rule=model.norm.weight => lm_head.weight", "-o", yi / "out"})
            .out,
        "two tensors would have this name"));
    CHECK(unchanged());
    run_rename(1, {yi.str(), "--to=hf", "--rule=model.norm.weight => odd", "--in-place"});
    CHECK(unchanged());
    run_rename(3, {yi.str(), "--to=hf", "-o", yi / "no/such/folder"});
    CHECK(unchanged());
    for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
             {},
             {yi.str(), yi.str()},
             {yi.str(), "--bogus"},
             {yi.str(), "--to=nobody"},
             {yi.str(), "--to=hf", "--undo"},
             {yi.str(), "--to=hf", "--in-place", "-o", yi / "out"},
             {yi.str(), "--to=hf", "--in-place", "--verify"}})
        CHECK(says(run_rename(2, line).err, "--help"));
    CHECK(unchanged());

    // A file that is there already: not without --force.
    fs::create_directory(yi.work / "out");
    test::write_file(yi.work / "out" / "tokenizer.json", "older");
    const auto there = folder_bytes(yi.work.path());
    const auto r = run_rename(1, {yi.str(), "--to=hf", "-o", yi / "out"});
    CHECK(rename_json(1, {yi.str(), "--to=hf", "-o", yi / "out"})["error"]["code"].as_string() ==
          "already_exists");
    CHECK(says(r.err, "tokenizer.json"));
    CHECK(says(r.err, "there is such a file already"));
    CHECK(folder_bytes(yi.work.path()) == there);
    run_rename(0, {yi.str(), "--to=hf", "-o", yi / "out", "--force"});
    CHECK(test::read_file(yi.work / "out" / "tokenizer.json") ==
          test::read_file(yi.path / "tokenizer.json"));
}

TEST_CASE("aka-rename --undo leads back through every time") {
    NEEDS_RENAME();
    const yi_folder yi;
    run_rename(0, {yi.str(), "--to=hf", "-o", yi / "1.safetensors"});
    run_rename(0, {yi / "1.safetensors", "--rule=lm_head.{p} => the \"head\".{p}", "-o",
                   yi / "2.safetensors"});
    run_rename(0, {yi / "2.safetensors", "--rule=model.{a} => m.{a}", "-o", yi / "3.safetensors"});
    const char* const names[] = {"3", "2", "1"};
    for (const char* from : names) {
        const std::string to = yi / (std::string(from) + "-back.safetensors").c_str();
        const std::string source =
            *from == '3'
                ? yi / "3.safetensors"
                : yi / (std::string(1, static_cast<char>(*from + 1)) + "-back.safetensors").c_str();
        run_rename(0, {source, "--undo", "-o", to});
    }
    const auto same = [&](const char* a, const std::string& b) {
        CHECK(test::read_file(yi / a) == test::read_file(b));
    };
    same("3-back.safetensors", yi / "2.safetensors");
    same("2-back.safetensors", yi / "1.safetensors");
    same("1-back.safetensors", (yi.path / "model.safetensors").string());
    run_rename(1, {yi / "1-back.safetensors", "--undo"});
}

}  // namespace test_rename_cli
