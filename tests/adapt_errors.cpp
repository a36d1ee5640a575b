// What cannot be adapted is refused, naming the tensors and the numbers.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/spellings.hpp"
#include "support/write_gguf.hpp"

#include <aka/llama.hpp>

#include <string>
#include <vector>

namespace test_adapt_errors {

namespace {

using test::st_tensor;

struct changed_model {
    test::temp_folder folder;
    std::vector<st_tensor> tensors;
    std::string config;

    explicit changed_model(const char* spelling, std::size_t which = 0) {
        auto m = test::standard_models("F16")[which];
        const test::spelling& s = test::find_spelling(spelling);
        REQUIRE(s.holds(m.model.config));
        tensors = s.write(m.model);
        config = s.config(m.model);
    }
    st_tensor& at(const std::string& name) {
        for (st_tensor& t : tensors)
            if (t.name == name) return t;
        FAIL("no tensor " << name);
        return tensors[0];
    }
    void resize(const std::string& name, std::vector<std::uint64_t> shape) {
        st_tensor& t = at(name);
        t.shape = std::move(shape);
        std::uint64_t n = 2;
        for (std::uint64_t d : t.shape) n *= d;
        t.data.assign(static_cast<std::size_t>(n), 'x');
    }
    void replace(const std::string& from, const std::string& to) {
        std::size_t at = config.find(from);
        REQUIRE_MESSAGE(at != std::string::npos, from, " is not in ", config);
        config.replace(at, from.size(), to);
    }
    aka::error open() {
        test::write_file((folder / "model.safetensors").string(), test::write_safetensors(tensors));
        test::write_file((folder / "config.json").string(), config);
        auto l = aka::llama::open(folder.path().string());
        CHECK(!l);
        return l.error();
    }
};

bool says(const aka::error& e, std::string_view text) {
    bool found = e.message().view().find(text) != std::string_view::npos;
    CHECK_MESSAGE(found, e.message().view(), " does not say ", text);
    return found;
}

}  // namespace

TEST_CASE("two tensors for one coordinate") {
    changed_model m("hf_llama");
    st_tensor twin = m.at("model.layers.1.mlp.up_proj.weight");
    twin.name = "module.model.layers.1.mlp.up_proj.weight";
    m.tensors.push_back(twin);
    aka::error e = m.open();
    CHECK(e.code() == aka::errc::collision);
    says(e, "'model.layers.1.mlp.up_proj.weight'");
    says(e, "'module.model.layers.1.mlp.up_proj.weight'");
    says(e, "ffn_up");
}

TEST_CASE("a shape that contradicts the hyper-parameters") {
    changed_model m("hf_llama");
    auto shape = m.at("model.layers.0.self_attn.k_proj.weight").shape;
    shape[0] += 8;
    m.resize("model.layers.0.self_attn.k_proj.weight", shape);
    aka::error e = m.open();
    CHECK(e.code() == aka::errc::size_mismatch);
    says(e, "'model.layers.0.self_attn.k_proj.weight'");
    says(e, "n_head_kv");
    says(e, "[" + std::to_string(shape[0]) + ", ");
}

TEST_CASE("a fused tensor whose rows do not divide") {
    changed_model m("baichuan", 1);
    auto shape = m.at("model.layers.0.self_attn.W_pack.weight").shape;
    shape[0] -= 1;
    m.resize("model.layers.0.self_attn.W_pack.weight", shape);
    aka::error e = m.open();
    CHECK(e.code() == aka::errc::size_mismatch);
    says(e, "W_pack");
}

TEST_CASE("more layers said than the file has, and fewer") {
    changed_model more("hf_llama");
    more.replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 40");
    aka::error e = more.open();
    CHECK(e.code() == aka::errc::bad_hparams);
    says(e, "40 layers");
    changed_model fewer("hf_llama");
    fewer.replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1");
    CHECK(fewer.open().code() == aka::errc::bad_hparams);
}

TEST_CASE("no heads") {
    changed_model m("hf_llama");
    m.replace("\"num_attention_heads\": 6", "\"num_attention_heads\": 0");
    CHECK(m.open().code() == aka::errc::bad_hparams);
}

TEST_CASE("what is not of the family is refused with the reason") {
    test::temp_folder folder;
    std::vector<st_tensor> gpt2;
    auto add = [&](const std::string& name, std::vector<std::uint64_t> shape) {
        std::uint64_t n = 2;
        for (std::uint64_t d : shape) n *= d;
        gpt2.push_back(
            {name, "F16", std::move(shape), std::string(static_cast<std::size_t>(n), 'x')});
    };
    add("wte.weight", {40, 16});
    add("wpe.weight", {64, 16});
    for (int l = 0; l < 2; ++l) {
        std::string p = "h." + std::to_string(l) + ".";
        add(p + "ln_1.weight", {16});
        add(p + "ln_1.bias", {16});
        add(p + "attn.c_attn.weight", {16, 48});
        add(p + "attn.c_attn.bias", {48});
        add(p + "attn.c_proj.weight", {16, 16});
        add(p + "mlp.c_fc.weight", {16, 64});
        add(p + "mlp.c_proj.weight", {64, 16});
    }
    test::write_file((folder / "model.safetensors").string(), test::write_safetensors(gpt2));
    auto l = aka::llama::open(folder.path().string());
    REQUIRE(!l);
    CHECK(l.code() == aka::errc::not_identified);
    says(l.error(), "GPT-2");
}

TEST_CASE("a target that cannot hold the model") {
    auto m = test::standard_models("F16")[3];
    REQUIRE(m.model.config.n_expert != 0);
    test::temp_folder folder;
    auto path = test::write_spelling(test::find_spelling("mixtral_hf"), m.model, folder.path());
    auto file = aka::checkpoint::open(path.string());
    REQUIRE(file);
    auto a = aka::adapt(*file, "phi3");
    REQUIRE(!a);
    CHECK(a.code() == aka::errc::unsupported);
    says(a.error(), "phi3 has no name for ffn_gate");
    CHECK(aka::adapt(*file, "no such convention").code() == aka::errc::not_found);
}

TEST_CASE("linear attention is not passed through as if GGUF had it alike") {
    // A hybrid of two layers, one with each kind of attention; no config: sizes are not asked for.
    std::vector<st_tensor> all;
    auto add = [&](const std::string& name, std::vector<std::uint64_t> shape) {
        std::uint64_t n = 2;
        for (std::uint64_t d : shape) n *= d;
        all.push_back(
            {name, "BF16", std::move(shape), std::string(static_cast<std::size_t>(n), 'x')});
    };
    const bool gguf_names[] = {false, true};
    for (bool gguf : gguf_names) {
        all.clear();
        auto both = [&](const std::string& hf, const std::string& name,
                        std::vector<std::uint64_t> shape) {
            add(gguf ? name : hf, std::move(shape));
        };
        both("model.embed_tokens.weight", "token_embd.weight", {40, 16});
        both("model.norm.weight", "output_norm.weight", {16});
        both("lm_head.weight", "output.weight", {40, 16});
        for (const char* l : {"0", "1"}) {
            const std::string h = std::string("model.layers.") + l + ".";
            const std::string b = std::string("blk.") + l + ".";
            both(h + "input_layernorm.weight", b + "attn_norm.weight", {16});
            both(h + "post_attention_layernorm.weight", b + "post_attention_norm.weight", {16});
            both(h + "mlp.gate_proj.weight", b + "ffn_gate.weight", {24, 16});
            both(h + "mlp.up_proj.weight", b + "ffn_up.weight", {24, 16});
            both(h + "mlp.down_proj.weight", b + "ffn_down.weight", {16, 24});
        }
        both("model.layers.0.linear_attn.in_proj_qkv.weight", "blk.0.attn_qkv.weight", {32, 16});
        both("model.layers.0.linear_attn.in_proj_z.weight", "blk.0.attn_gate.weight", {16, 16});
        both("model.layers.0.linear_attn.in_proj_a.weight", "blk.0.ssm_alpha.weight", {2, 16});
        both("model.layers.0.linear_attn.in_proj_b.weight", "blk.0.ssm_beta.weight", {2, 16});
        both("model.layers.0.linear_attn.conv1d.weight", "blk.0.ssm_conv1d.weight", {32, 1, 4});
        both("model.layers.0.linear_attn.A_log", "blk.0.ssm_a", {2});
        both("model.layers.0.linear_attn.dt_bias", "blk.0.ssm_dt.bias", {2});
        both("model.layers.0.linear_attn.norm.weight", "blk.0.ssm_norm.weight", {8});
        both("model.layers.0.linear_attn.out_proj.weight", "blk.0.ssm_out.weight", {16, 16});
        both("model.layers.1.self_attn.q_proj.weight", "blk.1.attn_q.weight", {32, 16});
        both("model.layers.1.self_attn.k_proj.weight", "blk.1.attn_k.weight", {8, 16});
        both("model.layers.1.self_attn.v_proj.weight", "blk.1.attn_v.weight", {8, 16});
        both("model.layers.1.self_attn.o_proj.weight", "blk.1.attn_output.weight", {16, 16});
        test::temp_folder folder;
        if (gguf) {
            test::gguf_writer g;
            g.add("general.architecture", "qwen3next");
            const auto count = [&](const char* key, std::uint32_t v) {
                g.add(std::string("qwen3next.") + key, v);
            };
            count("block_count", 2);
            count("embedding_length", 16);
            count("feed_forward_length", 24);
            count("attention.head_count", 2);
            count("attention.head_count_kv", 1);
            count("attention.key_length", 8);
            count("attention.value_length", 8);
            for (const st_tensor& t : all) g.add_tensor(t.name, 30, t.shape, t.data);
            g.save(folder / "model.gguf");
        } else {
            test::write_file((folder / "model.safetensors").string(), test::write_safetensors(all));
        }
        auto file = aka::checkpoint::open(folder.path().string());
        REQUIRE_MESSAGE(file, file.error().message().view());
        auto source = aka::identify(*file, test::known());
        REQUIRE((source && source->convention() != nullptr));
        const std::string id(source->convention()->id());
        CHECK_MESSAGE(id == (gguf ? "gguf:qwen3next" : "qwen3_next"), id);
        for (const char* to : {"gguf", "gguf:qwen3next", "gguf:qwen35", "hf", "qwen3_next"}) {
            auto a = aka::adapt(*file, to, test::known());
            if ((std::string_view(to).substr(0, 4) == "gguf") == gguf) continue;
            REQUIRE_MESSAGE(!a, to);
            CHECK(a.code() == aka::errc::unsupported);
            says(a.error(), "linear attention (ssm_");
            says(a.error(), "value heads");
        }
        // Among GGUF's own, or Hugging Face's, they are what they are.
        auto same = aka::adapt(*file, id, test::known());
        REQUIRE_MESSAGE(same, same.error().message().view());
        CHECK(same->size() == all.size());
    }
}

TEST_CASE("without a config what needs no head count still works, the rest says why not") {
    auto m = test::standard_models("F16")[0];
    test::temp_folder folder;
    auto tensors = test::find_spelling("yi_v1").write(m.model);
    test::write_file((folder / "model.safetensors").string(), test::write_safetensors(tensors));
    auto file = aka::checkpoint::open(folder.path().string());
    REQUIRE(file);
    auto hf = aka::adapt(*file, "hf_llama");
    REQUIRE_MESSAGE(hf, hf.error().message().view());
    CHECK(hf->find("model.layers.0.input_layernorm.weight"));
    CHECK(hf->size() == tensors.size());
    auto meta = aka::adapt(*file, "meta_llama");
    REQUIRE(!meta);
    CHECK(meta.code() == aka::errc::bad_hparams);
    says(meta.error(), "number of heads is not known");
}

}  // namespace test_adapt_errors
