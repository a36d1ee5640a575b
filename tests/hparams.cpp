// Hyper-parameters: real configs against an independent reading of them and against the table that
// came with them; every trap from a config made for it; GGUF keys; nonsense; no memory.
#include <aka/hparams.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/json.hpp"
#include "support/outcome.hpp"
#include "support/writer.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace test_hparams {

namespace {

using aka::hparams;
using aka::hparams_source;
using answer = hparams::answer;
namespace fs = std::filesystem;

// From a buffer with a guard behind it, which is gone when the answer comes back.
aka::result<hparams> parse(std::string_view json,
                           hparams_source from = hparams_source::config_json) {
    test::guard_buffer text(json);
    return hparams::from_config(aka::as_bytes(text.view()), from);
}
hparams config(std::string_view json, hparams_source from = hparams_source::config_json) {
    auto h = parse(json, from);
    REQUIRE_OK(h);
    return std::move(h).value();
}
aka::result<hparams> params_of(std::string_view json) {
    return parse(json, hparams_source::params_json);
}
hparams params(std::string_view json) { return config(json, hparams_source::params_json); }

// A dense model that nothing is wrong with, and what is added to it.
std::string llama(const std::string& more = {}) {
    return R"({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 4,
        "num_attention_heads": 8, "intermediate_size": 96)" +
           (more.empty() ? "" : ", " + more) + "}";
}

test::gguf_writer gguf(const std::string& arch = "llama") {
    test::gguf_writer w;
    w.add("general.architecture", arch);
    return w;
}
aka::result<hparams> read(const test::gguf_writer& w) {
    const std::string bytes = w.bytes();
    auto file = aka::gguf::parse(aka::as_bytes(std::string_view(bytes)));
    REQUIRE_OK(file);
    return hparams::from_gguf(file->metadata());
}
hparams good(const test::gguf_writer& w) {
    auto h = read(w);
    REQUIRE_OK(h);
    return std::move(h).value();
}

#define CHECK_BAD(r, words)                                           \
    do {                                                              \
        const auto& bad_ = (r);                                       \
        CHECK_REFUSED(bad_, bad_hparams);                             \
        std::istringstream all_(words);                               \
        for (std::string word_; all_ >> word_;)                       \
            CHECK_MESSAGE(test::mentions(bad_.error(), word_), word_, \
                          " expected: ", test::said(bad_));           \
    } while (false)

// The same fields, read another way: the first of these keys that is a number.
std::uint64_t number(const test::json& c, std::initializer_list<const char*> keys) {
    for (const char* k : keys)
        if (const test::json* v = c.find(k); v != nullptr && v->type == test::json::kind::number)
            return static_cast<std::uint64_t>(v->as_double());
    return 0;
}
double real(const test::json& c, std::initializer_list<const char*> keys) {
    for (const char* k : keys)
        if (const test::json* v = c.find(k); v != nullptr && v->type == test::json::kind::number)
            return v->as_double();
    return std::nan("");
}
bool same(double a, double b) { return (a != a && b != b) || a == b; }

// The rows of INDEX.md: folder -> column -> cell.
std::map<std::string, std::map<std::string, std::string>> index_table(const fs::path& file) {
    std::istringstream lines(test::read_file(file));
    std::vector<std::string> columns;
    std::map<std::string, std::map<std::string, std::string>> out;
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("| ", 0) != 0) continue;
        std::vector<std::string> cells;
        std::istringstream row(line.substr(1));
        for (std::string cell; std::getline(row, cell, '|');) {
            const std::size_t b = cell.find_first_not_of(' '), e = cell.find_last_not_of(' ');
            cells.push_back(b == std::string::npos ? "" : cell.substr(b, e - b + 1));
        }
        if (columns.empty()) {
            columns = cells;
            continue;
        }
        for (std::size_t i = 0; i < cells.size() && i < columns.size(); ++i)
            out[cells[0]][columns[i]] = cells[i];
    }
    return out;
}

}  // namespace

TEST_CASE("hparams: the configs of real checkpoints, read twice") {
    SKIP_WITHOUT_DATA();
    int configs = 0;
    for (const auto& folder : fs::directory_iterator(test::shared_data() / "checkpoints")) {
        if (!fs::exists(folder.path() / "config.json")) continue;
        const std::string name = folder.path().filename().string();
        CAPTURE(name);
        const auto r = hparams::from_folder(folder.path());
        REQUIRE_OK(r);
        const hparams& h = *r;
        CHECK(h.source == hparams_source::config_json);

        const test::json root = test::json::parse(test::read_file(folder.path() / "config.json"));
        const test::json* inner = root.find("text_config");
        if (inner == nullptr) inner = root.find("language_config");
        const test::json& c = inner != nullptr ? *inner : root;
        CHECK(h.n_layer == number(c, {"num_hidden_layers", "num_layers", "n_layer"}));
        CHECK(h.n_embd == number(c, {"hidden_size", "n_embd", "n_embed"}));
        CHECK(h.n_head == number(c, {"num_attention_heads", "n_head"}));
        const std::uint64_t kv =
            number(c, {"num_key_value_heads", "n_head_kv", "multi_query_group_num"});
        CHECK(h.n_head_kv == (kv != 0 ? kv : h.n_head));
        CHECK(h.said(&hparams::n_head_kv) == (kv != 0));
        const std::uint64_t vocab = number(c, {"padded_vocab_size", "vocab_size"});
        CHECK(h.n_vocab == vocab);
        const bool both = h.model_type == "qwen" || h.model_type == "molmo";
        CHECK(h.n_ff * (both ? 2 : 1) == number(c, {"intermediate_size", "ffn_hidden_size"}));
        CHECK(h.n_ctx == number(c, {"max_position_embeddings", "n_positions", "max_sequence_length",
                                    "model_max_length", "seq_length"}));
        CHECK(same(h.norm_eps, real(c, {"rms_norm_eps", "norm_eps", "layernorm_epsilon",
                                        "layer_norm_epsilon", "layer_norm_eps"})));
        const test::json* v5 = c.find("rope_parameters");
        const double theta = real(c, {"rope_theta", "rotary_emb_base"});
        CHECK(same(h.rope_freq_base, v5 != nullptr ? real(*v5, {"rope_theta"}) : theta));
        CHECK(h.n_expert == number(c, {"num_experts", "n_routed_experts", "num_local_experts"}));
        CHECK(h.n_expert_used == (h.n_expert == 0 ? 0 : number(c, {"num_experts_per_tok"})));
        if (h.kv_lora_rank == 0) {
            const std::uint64_t d = number(c, {"head_dim", "kv_channels"});
            CHECK(h.head_dim == (d != 0 ? d : h.n_embd / h.n_head));
        }
        const test::json* tied = root.find("tie_word_embeddings");
        if (const test::json* t = c.find("tie_word_embeddings")) tied = t;
        CHECK(h.tied == (tied == nullptr   ? answer::unsaid
                         : tied->as_bool() ? answer::yes
                                           : answer::no));
        const test::json* q = root.find("quantization_config");
        CHECK(h.quant_method.empty() == (q == nullptr));
        if (q != nullptr && q->find("quant_method") != nullptr)
            CHECK(h.quant_method == (*q)["quant_method"].as_string());
        ++configs;
    }
    CHECK(configs >= 36);
}

TEST_CASE("hparams: the configs of real checkpoints, against their table") {
    SKIP_WITHOUT_DATA();
    const fs::path all = test::shared_data() / "checkpoints";
    const auto table = index_table(all / "INDEX.md");
    int rows = 0, seen = 0;
    for (const auto& entry : table) {
        const std::string& name = entry.first;
        const auto& row = entry.second;
        const auto cell = [&row](const char* column) {
            const std::string& s = row.at(column);
            return s.find_first_not_of("0123456789") == std::string::npos && !s.empty()
                       ? std::stoull(s)
                       : 0;
        };
        if (cell("layers") == 0) continue;
        ++rows;
        CAPTURE(name);
        const auto r = hparams::from_folder(all / name);
        REQUIRE_OK(r);
        CHECK(r->n_layer == cell("layers"));
        CHECK(r->n_head == cell("heads"));
        CHECK(r->n_embd == cell("hidden"));
        CHECK(r->n_head_kv == (cell("kv heads") != 0 ? cell("kv heads") : cell("heads")));
        CHECK(r->model_type == row.at("model_type"));
        CHECK((r->architecture == row.at("architecture") ||
               r->outer_architecture == row.at("architecture")));
        seen += r->found();
    }
    CHECK(rows >= 36);
    CHECK(seen == rows);
}

TEST_CASE("hparams: what only some real configs say") {
    SKIP_WITHOUT_DATA();
    const fs::path all = test::shared_data() / "checkpoints";
    const auto of = [&](const char* name) {
        auto r = hparams::from_folder(all / name);
        REQUIRE_OK(r);
        return std::move(r).value();
    };
    {
        const hparams h = of("deepseek-r1");
        const test::json c = test::json::parse(test::read_file(all / "deepseek-r1/config.json"));
        CHECK(h.head_dim == c["qk_nope_head_dim"].as_u64() + c["qk_rope_head_dim"].as_u64());
        CHECK(h.head_dim_v == c["v_head_dim"].as_u64());
        CHECK(h.n_rot == c["qk_rope_head_dim"].as_u64());
        CHECK(h.rope_scaling == hparams::scaling::yarn);
        CHECK(h.rope_factor == c["rope_scaling"]["factor"].as_double());
        CHECK(h.rope_original_ctx ==
              c["rope_scaling"]["original_max_position_embeddings"].as_u64());
        CHECK(h.expert_gating == hparams::gating::sigmoid);
        CHECK(h.expert_norm == answer::yes);
        CHECK(h.expert_scale == c["routed_scaling_factor"].as_double());
        CHECK(h.n_ff_exp == c["moe_intermediate_size"].as_u64());
        CHECK(h.n_ff_shexp == c["moe_intermediate_size"].as_u64() * c["n_shared_experts"].as_u64());
        CHECK(h.n_layer_nextn == c["num_nextn_predict_layers"].as_u64());
        // DeepSeek's own spelling of the same model.
        const std::string own =
            test::read_file(all / "deepseek-r1/deepseek-v3-inference-config_671B.json");
        const hparams p = config(own);
        CHECK(p.n_layer == h.n_layer);
        CHECK(p.n_embd == h.n_embd);
        CHECK(p.n_ff == h.n_ff);
        CHECK(p.n_ff_exp == h.n_ff_exp);
        CHECK(p.n_expert_used == h.n_expert_used);
        CHECK(p.n_layer_dense_lead == h.n_layer_dense_lead);
        CHECK(p.head_dim == h.head_dim);
    }
    {
        const hparams h = of("llama3.2-3b-one-tensor-per-shard");
        CHECK(h.rope_scaling == hparams::scaling::llama3);
        CHECK(h.rope_factor == 32);
        CHECK(h.rope_low_freq_factor == 1);
        CHECK(h.rope_high_freq_factor == 4);
        CHECK(h.tied == answer::yes);
    }
    CHECK(of("baichuan2-13b-chat").alibi == answer::yes);
    CHECK(of("qwen1-7b-chat").norm_kind == hparams::norm::rms);
    CHECK(of("molmo-7b-d-nf4").norm_kind == hparams::norm::rms);
    CHECK(of("stablelm-stable-code-3b").norm_kind == hparams::norm::layer);
    CHECK(of("stablelm-stable-code-3b").n_rot == 20);  // a quarter of 80
    CHECK(of("qwen3.5-moe-reap").n_rot == 64);
    CHECK(of("chatglm3-6b").n_rot == 64);
    CHECK(of("chatglm3-6b").rope_rows == hparams::row_order::interleaved);
    CHECK(of("internlm1-7b").qkv_bias == answer::yes);
    CHECK(of("gemma2-2b").attn_softcap == 50);
    CHECK(of("gemma2-2b").attn_scale == doctest::Approx(1.0 / 16));
    CHECK(of("qwen2.5-14b-cogito").sliding_window == 0);
    CHECK(of("phi3-mini").sliding_window == 2047);
    CHECK(of("qwen3-mlx").quant_method.empty());
    CHECK(of("qwen3-14b-mlx-4bit").quant_method == "mlx");
    CHECK(of("qwen3-14b-mlx-4bit").quant_bits == 4);
    CHECK(of("mixtral-8x22b-wizardlm2").n_ff_exp == 16384);
    CHECK(of("deepseek-ocr2").outer_architecture == "DeepseekOCR2ForCausalLM");
    CHECK_FALSE(of("yi-original-NAMES-ONLY").found());
    // One model in two spellings, beside each other.
    for (const char* name : {"mistral-7b", "mistral-devstral-small"}) {
        CAPTURE(name);
        const hparams a = of(name);
        const auto r = hparams::from_folder(all / name, true);
        REQUIRE_OK(r);
        CHECK(r->source == hparams_source::params_json);
        CHECK(r->rope_rows == hparams::row_order::interleaved);
        CHECK(a.rope_rows == hparams::row_order::unsaid);
        CHECK(r->n_layer == a.n_layer);
        CHECK(r->n_head_kv == a.n_head_kv);
        CHECK(r->head_dim == a.head_dim);
        CHECK(r->n_ff == a.n_ff);
        CHECK(r->n_vocab == a.n_vocab);
        CHECK(r->rope_freq_base == a.rope_freq_base);
        CHECK(r->norm_kind == a.norm_kind);
    }
}

TEST_CASE("hparams: what is said, what follows, what stays unsaid") {
    const hparams h = config(llama());
    CHECK(h.found());
    CHECK(h.key(&hparams::n_head) == "num_attention_heads");
    CHECK_FALSE(h.said(&hparams::n_head_kv));
    CHECK(h.n_head_kv == 8);
    CHECK_FALSE(h.said(&hparams::head_dim));
    CHECK(h.head_dim == 8);
    CHECK(h.head_dim_v == 8);
    CHECK(h.n_rot == 0);
    CHECK(h.rope_freq_base != h.rope_freq_base);
    CHECK(h.tied == answer::unsaid);
    CHECK_FALSE(h.layers_differ());
    CHECK(h.n_head_at(3) == 8);

    const hparams wide = config(llama(R"("head_dim": 32, "num_key_value_heads": 2)"));
    CHECK(wide.head_dim == 32);
    CHECK(wide.n_head_kv == 2);
    CHECK(wide.said(&hparams::head_dim));

    const hparams nothing = config("{}");
    CHECK(nothing.found());
    CHECK(nothing.n_layer == 0);
    CHECK(nothing.model_type.empty());
    CHECK_FALSE(hparams().found());
}

TEST_CASE("hparams: duplicates, escapes, null, NaN, numbers with a point") {
    CHECK(config(llama(R"("hidden_size": 128)")).n_embd == 128);  // the last, as in Python
    CHECK(config(R"({"hidden\u005fsize": 48})").n_embd == 48);
    CHECK(config(R"({"model_type": "lla\u006da"})").model_type == "llama");
    CHECK(config(llama(R"("num_key_value_heads": null)")).n_head_kv == 8);
    CHECK(config(llama(R"("num_key_value_heads": 4.0)")).n_head_kv == 4);
    CHECK(config(llama(R"("limits": [0.0, Infinity, -Infinity, NaN, {"a": [NaN]}], "x": NaN)"))
              .n_head == 8);
    CHECK(config(llama(R"("rope_scaling": {"type": "linear", "factor": 2}, "rope_scaling": null)"))
              .rope_scaling == hparams::scaling::unsaid);
    CHECK(config(llama(R"("num_hidden_layers": null, "n_layer": 7)")).n_layer == 7);
    CHECK(config(R"({"vocab_size": -1})").n_vocab == 0);
    CHECK(config(R"({"max_position_embeddings": 1e30, "n_ctx": 512})").n_ctx == 512);
}

TEST_CASE("hparams: the traps of configs") {
    SUBCASE("Qwen 1 and its like: gate and up together") {
        const char* text = R"({"model_type": "qwen", "intermediate_size": 22016})";
        CHECK(config(text).n_ff == 11008);
        CHECK(config(R"({"model_type": "qwen2", "intermediate_size": 22016})").n_ff == 22016);
        CHECK(config(R"({"model_type": "hf_olmo", "mlp_hidden_size": 22016})").n_ff == 11008);
        CHECK_BAD(parse(R"({"model_type": "qwen", "intermediate_size": 22017})"),
                  "intermediate_size 22017 even");
    }
    SUBCASE("ChatGLM") {
        const std::string glm = R"({"model_type": "chatglm", "hidden_size": 64, "num_layers": 2,
            "num_attention_heads": 8, "kv_channels": 16, "padded_vocab_size": 640,
            "vocab_size": 600, "seq_length": 99, "rope_ratio": 50, "multi_query_group_num": 2,
            "original_rope": false, "rmsnorm": true, "layernorm_epsilon": 1e-5,
            "multi_query_attention": )";
        const hparams h = config(glm + "true}");
        CHECK(h.n_head_kv == 2);
        CHECK(h.key(&hparams::n_head_kv) == "multi_query_group_num");
        CHECK(h.head_dim == 16);
        CHECK(h.n_rot == 8);
        CHECK(h.n_vocab == 640);
        CHECK(h.n_ctx == 99);
        CHECK(h.rope_freq_base == 500000);
        CHECK(h.rope_rows == hparams::row_order::half_split);
        CHECK(h.norm_kind == hparams::norm::rms);
        CHECK(config(glm + "false}").n_head_kv == 8);
    }
    SUBCASE("kv heads that another key switches off") {
        CHECK(config(llama(R"("num_query_groups": 2)")).n_head_kv == 2);
        CHECK(config(llama(R"("num_query_groups": 2, "group_query_attention": false)")).n_head_kv ==
              8);
        CHECK(config(llama(R"("num_query_groups": 2, "num_key_value_heads": 4)")).n_head_kv == 4);
        CHECK(config(llama(R"("multi_query": true)")).n_head_kv == 1);
        CHECK(config(llama(R"("multi_query": true, "new_decoder_architecture": true,
                              "num_kv_heads": 4)"))
                  .n_head_kv == 4);
    }
    SUBCASE("Meta's params.json has no feed-forward width") {
        // Widths of the released models.
        const hparams two = params(R"({"dim": 4096, "multiple_of": 256, "n_heads": 32,
            "n_layers": 32, "norm_eps": 1e-05, "vocab_size": -1})");
        CHECK(two.n_ff == 11008);
        CHECK(two.n_vocab == 0);
        CHECK(two.n_head_kv == 32);
        CHECK(two.norm_kind == hparams::norm::rms);
        CHECK(params(R"({"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3})").n_ff ==
              28672);
        const hparams three = params(R"({"dim": 4096, "multiple_of": 1024,
            "ffn_dim_multiplier": 1.3, "use_scaled_rope": true})");
        CHECK(three.n_ff == 14336);
        CHECK(three.rope_scaling == hparams::scaling::llama3);
        CHECK(three.rope_high_freq_factor == 4);
        CHECK(three.rope_original_ctx == 8192);
        CHECK(three.rope_factor != three.rope_factor);
        CHECK_BAD(params_of(R"({"dim": 4096, "multiple_of": 0})"), "multiple_of 0");
        CHECK_BAD(params_of(R"({"dim": 4096, "ffn_dim_multiplier": -1})"), "ffn_dim_multiplier -1");
    }
    SUBCASE("Mistral's params.json") {
        const hparams h = params(R"({"dim": 64, "n_layers": 2, "head_dim": 16, "hidden_dim": 96,
            "n_heads": 8, "n_kv_heads": 2, "moe": {"num_experts": 8, "num_experts_per_tok": 2},
            "yarn": {"factor": 4, "alpha": 1, "beta": 32,
            "original_max_position_embeddings": 8192}, "_sliding_window": 128,
            "tied_embeddings": true})");
        CHECK(h.n_ff == 96);
        CHECK(h.n_ff_exp == 96);
        CHECK(h.n_expert == 8);
        CHECK(h.rope_scaling == hparams::scaling::yarn);
        CHECK(h.rope_beta_fast == 32);
        CHECK(h.rope_beta_slow == 1);
        CHECK(h.sliding_window == 128);
        CHECK(h.tied == answer::yes);
    }
    SUBCASE("the language model of a larger one") {
        const std::string text = llama(R"("num_key_value_heads": 2)");
        for (const char* name : {"text_config", "llm_config", "language_config"}) {
            const hparams h = config(R"({"architectures": ["Outer"], "hidden_size": 7,
                "model_type": "vl", "tie_word_embeddings": true, "vision_config":
                {"hidden_size": 9, "num_hidden_layers": 3}, ")" +
                                     std::string(name) + "\": " + text + "}");
            CHECK(h.n_embd == 64);
            CHECK(h.n_head_kv == 2);
            CHECK(h.model_type == "llama");
            CHECK(h.architecture == "Outer");
            CHECK(h.outer_architecture == "Outer");
            CHECK(h.tied == answer::yes);
        }
        CHECK(config(R"({"thinker_config": {"text_config": )" + text + "}}").n_embd == 64);
        CHECK(config(llama(R"("text_config": {})")).n_embd == 64);
        CHECK(config(llama(R"("text_config": null)")).n_embd == 64);
    }
    SUBCASE("rope_parameters") {
        const hparams h = config(llama(R"("rope_parameters": {"rope_type": "llama3",
            "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "partial_rotary_factor": 0.5})"));
        CHECK(h.rope_freq_base == 500000);
        CHECK(h.rope_scaling == hparams::scaling::llama3);
        CHECK(h.rope_factor == 8);
        CHECK(h.n_rot == 4);
        const hparams gemma = config(llama(R"("rope_parameters": {"sliding_attention":
            {"rope_theta": 10000}, "full_attention": {"rope_type": "linear", "factor": 8,
            "rope_theta": 1000000}})"));
        CHECK(gemma.rope_freq_base == 1000000);
        CHECK(gemma.rope_freq_base_swa == 10000);
        CHECK(gemma.rope_scaling == hparams::scaling::linear);
        CHECK(gemma.rope_factor == 8);
    }
    SUBCASE("rope_scaling") {
        const auto type = [](const char* t) {
            return config(llama("\"rope_scaling\": {\"type\": \"" + std::string(t) + "\"}"));
        };
        CHECK(type("su").rope_scaling == hparams::scaling::longrope);
        CHECK(type("default").rope_scaling == hparams::scaling::none);
        CHECK(type("mrope").rope_scaling == hparams::scaling::mrope);
        CHECK(type("dynamic").rope_scaling == hparams::scaling::dynamic);
        CHECK(type("new").rope_scaling == hparams::scaling::other);
        CHECK(type("new").rope_scaling_name == "new");
        const hparams h = config(llama(R"("rope_scaling": {"type": "longrope",
            "long_factor": [1, 2, 3, 4], "short_factor": [1.5, 2]},
            "original_max_position_embeddings": 4096)"));
        CHECK(h.n_long_factors == 4);
        CHECK(h.n_short_factors == 2);
        CHECK(h.rope_original_ctx == 4096);
    }
    SUBCASE("experts") {
        const hparams mixtral =
            config(llama(R"("num_local_experts": 8, "num_experts_per_tok": 2)"));
        CHECK(mixtral.n_ff_exp == 96);
        CHECK(mixtral.n_ff_shexp == 0);
        const hparams four =
            config(llama(R"("num_local_experts": 16, "intermediate_size_mlp": 192)"));
        CHECK(four.n_ff == 192);
        CHECK(four.n_ff_exp == 96);
        const hparams seek = config(llama(R"("n_routed_experts": 64, "n_shared_experts": 2,
            "moe_intermediate_size": 12, "scoring_func": "softmax", "norm_topk_prob": false)"));
        CHECK(seek.n_ff == 96);
        CHECK(seek.n_ff_exp == 12);
        CHECK(seek.n_ff_shexp == 24);
        CHECK(seek.expert_gating == hparams::gating::softmax);
        CHECK(seek.expert_norm == answer::no);
        const hparams qwen = config(llama(R"("num_experts": 60,
            "moe_intermediate_size": 12, "shared_expert_intermediate_size": 48)"));
        CHECK(qwen.n_ff_shexp == 48);
        CHECK(config(llama()).n_ff_exp == 0);
    }
    SUBCASE("MLA: the head_dim of newer configs is the rotary part alone") {
        const hparams h = config(llama(R"("kv_lora_rank": 32, "q_lora_rank": null, "head_dim": 4,
            "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8)"));
        CHECK(h.head_dim == 12);
        CHECK(h.head_dim_v == 8);
        CHECK(h.n_rot == 4);
        CHECK(h.q_lora_rank == 0);
    }
    SUBCASE("scales") {
        const hparams granite = config(llama(R"("embedding_multiplier": 12.0,
            "residual_multiplier": 0.22, "logits_scaling": 8.0, "attention_multiplier": 0.0078125)"));
        CHECK(granite.embedding_scale == 12);
        CHECK(granite.residual_scale == 0.22);
        CHECK(granite.logit_scale == 0.125);
        CHECK(granite.attn_scale == 0.0078125);
        const hparams cpm = config(llama(R"("scale_emb": 12, "scale_depth": 1.4,
            "dim_model_base": 16)"));
        CHECK(cpm.residual_scale == doctest::Approx(1.4 / std::sqrt(4.0)));
        CHECK(cpm.logit_scale == 0.25);
        CHECK(config(llama(R"("logit_scale": 0.0625)")).logit_scale == 0.0625);
        for (double n : {1.0, 2.0, 0.5, 224.0, 256.0, 1e-9, 1e12}) {
            CAPTURE(n);
            const hparams h =
                config(llama("\"query_pre_attn_scalar\": " + std::to_string(n * 1e9)));
            CHECK(h.attn_scale == doctest::Approx(1 / std::sqrt(n * 1e9)).epsilon(1e-12));
        }
    }
    SUBCASE("norms whose key misleads") {
        const auto norm = [](const char* type, const char* key) {
            return config("{\"model_type\": \"" + std::string(type) + "\", \"" + key + "\": 1e-5}")
                .norm_kind;
        };
        CHECK(norm("llama", "rms_norm_eps") == hparams::norm::rms);
        CHECK(norm("orion", "rms_norm_eps") == hparams::norm::layer);
        CHECK(norm("exaone", "layer_norm_epsilon") == hparams::norm::rms);
        CHECK(norm("cohere", "layer_norm_eps") == hparams::norm::layer);
        CHECK(norm("llama", "norm_eps") == hparams::norm::unsaid);
    }
    SUBCASE("others") {
        CHECK(config(R"({"model_type": "baichuan", "hidden_size": 5120})").alibi == answer::yes);
        CHECK(config(R"({"model_type": "baichuan", "hidden_size": 4096})").alibi == answer::unsaid);
        CHECK(config(R"({"vocab_size": 50280, "embedding_size": 50304})").n_vocab == 50304);
        CHECK(config(R"({"vocab_size": 30000, "embedding_size": 128})").n_vocab == 30000);
        const hparams dbrx = config(R"({"d_model": 64, "n_layers": 2, "n_heads": 8, "attn_config":
            {"kv_n_heads": 2, "rope_theta": 500000}, "ffn_config": {"ffn_hidden_size": 32,
            "moe_num_experts": 16, "moe_top_k": 4}})");
        CHECK(dbrx.n_embd == 64);
        CHECK(dbrx.n_head_kv == 2);
        CHECK(dbrx.n_expert_used == 4);
        CHECK(dbrx.n_ff_exp == 32);
        const auto quant = [](const char* q) {
            return std::string(
                config("{\"quantization_config\": " + std::string(q) + "}").quant_method);
        };
        CHECK(quant(R"({"quant_method": "awq"})") == "awq");
        CHECK(quant(R"({"load_in_4bit": true})") == "bitsandbytes");
        CHECK(quant(R"({"bits": 4})") == "unnamed");
        CHECK(quant("null").empty());
        CHECK(quant("{}").empty());
    }
    SUBCASE("a number a layer") {
        const hparams h = config(llama(R"("num_key_value_heads_per_layer": [4, 2, 8, 1],
            "num_key_value_heads": null)"));
        CHECK(h.layers_differ());
        CHECK(h.n_head_kv_at(0) == 4);
        CHECK(h.n_head_kv_at(3) == 1);
        CHECK(h.n_head_kv_at(4) == 0);
        CHECK(h.n_head_at(3) == 8);
        CHECK(h.n_head_kv == 8);
        CHECK_FALSE(config(llama(R"("num_key_value_heads": [2, 2, 2, 2])")).layers_differ());
        CHECK(config(llama(R"("num_shared_expert": [1, 1, 1, 1])")).n_expert_shared == 1);
        CHECK(config(llama(R"("num_shared_expert": [1, 2, 1, 1])")).n_expert_shared == 0);
    }
}

TEST_CASE("hparams: nonsense in a config is refused, by key and number") {
    const auto with = [](const std::string& more) { return parse(llama(more)); };
    CHECK_BAD(with(R"("num_attention_heads": 0)"), "num_attention_heads 0");
    CHECK_BAD(with(R"("num_attention_heads": -8)"), "num_attention_heads -8");
    CHECK_BAD(with(R"("num_attention_heads": 8.5)"), "num_attention_heads 8.5");
    CHECK_BAD(with(R"("num_attention_heads": "8")"), "num_attention_heads text");
    CHECK_BAD(with(R"("num_attention_heads": true)"), "num_attention_heads true");
    CHECK_BAD(with(R"("num_attention_heads": 4294967296)"), "num_attention_heads 4294967296");
    CHECK_BAD(with(R"("num_attention_heads": 1e300)"), "num_attention_heads 1e300");
    CHECK_BAD(with(R"("num_attention_heads": Infinity)"), "num_attention_heads Infinity");
    CHECK_BAD(with(R"("num_key_value_heads": 3)"), "num_key_value_heads 3 num_attention_heads 8");
    CHECK_BAD(with(R"("num_key_value_heads": 16)"), "num_key_value_heads 16");
    CHECK_BAD(with(R"("head_dim": 0)"), "head_dim 0");
    CHECK_BAD(with(R"("hidden_size": 0)"), "hidden_size 0");
    CHECK_BAD(with(R"("num_hidden_layers": 0)"), "num_hidden_layers 0");
    CHECK_BAD(with(R"("num_hidden_layers": 1048577)"), "num_hidden_layers 1048577");
    CHECK_OK(with(R"("num_hidden_layers": 1048576)"));
    CHECK_BAD(with(R"("rope_theta": 0)"), "rope_theta 0");
    CHECK_BAD(with(R"("rope_theta": -1.5)"), "rope_theta -1.5");
    CHECK_BAD(with(R"("rope_theta": NaN)"), "rope_theta NaN");
    CHECK_BAD(with(R"("rope_scaling": {"type": "linear", "factor": 0})"), "rope_scaling.factor 0");
    CHECK_BAD(with(R"("rms_norm_eps": -1e-5)"), "rms_norm_eps");
    CHECK_BAD(with(R"("tie_word_embeddings": 1)"), "tie_word_embeddings 1");
    CHECK_BAD(with(R"("num_key_value_heads": [8, 8])"), "num_key_value_heads 2 4");
    CHECK_BAD(with(R"("num_key_value_heads": [8, 8, -1, 8])"), "num_key_value_heads -1");
    CHECK_BAD(with(R"("num_key_value_heads": [8, 8, 3, 8])"), "layer 2 3 8");
    CHECK_BAD(with(R"("num_local_experts": 4, "num_experts_per_tok": 5)"),
              "num_experts_per_tok 5 num_local_experts 4");
    CHECK_BAD(with(R"("first_k_dense_replace": 5)"), "first_k_dense_replace 5 num_hidden_layers 4");
    CHECK_BAD(with(R"("logits_scaling": 0)"), "logits_scaling 0");
    // Where in the text.
    const std::string text = R"({"head_dim": 0})";
    CHECK(parse(text).error().offset() == text.find('0'));
}

TEST_CASE("hparams: what is not JSON") {
    for (const char* text : {"", "[]", "null", "{", "{\"a\": }", "{\"a\": 1,}", "{} {}",
                             "{\"a\": nul}", "{\"a\": -}", "{\"a\": Inf}", "{'a': 1}"}) {
        CAPTURE(text);
        CHECK_REFUSED(parse(text), bad_json);
    }
    const std::string deep = "{\"a\":" + std::string(100000, '[');
    CHECK_REFUSED(parse(deep), bad_json);
    std::string objects;
    for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
    CHECK_REFUSED(parse(objects), bad_json);
    CHECK_REFUSED(parse(std::string(5 << 20, ' ')), bad_json);
    // Every prefix is an error, and reads nothing behind its end.
    const std::string whole = llama(R"("rope_scaling": {"type": "yarn", "factor": 2.5e0},
        "architectures": ["A\u00e9"], "x": [NaN, -Infinity, null, true]})");
    const std::string good = whole.substr(0, whole.size() - 1);
    CHECK_OK(parse(good));
    for (std::size_t n = 0; n < good.size(); ++n) {
        CAPTURE(n);
        CHECK_REFUSED(parse(std::string_view(good).substr(0, n)), bad_json);
    }
}

TEST_CASE("hparams: GGUF") {
    const auto u = [](std::uint32_t v) { return v; };
    SUBCASE("a usual file") {
        for (const bool big : {false, true}) {
            auto w = gguf();
            w.big_endian = big;
            w.add("llama.block_count", u(4)).add("llama.embedding_length", u(64));
            w.add("llama.attention.head_count", u(8)).add("llama.attention.head_count_kv", u(2));
            w.add("llama.feed_forward_length", std::uint64_t{96});
            w.add("llama.context_length", std::int16_t{512}).add("llama.vocab_size", u(1000));
            w.add("llama.rope.freq_base", 5e5f).add("llama.rope.dimension_count", u(8));
            w.add("llama.rope.scaling.type", "yarn").add("llama.rope.scaling.factor", 4.0);
            w.add("llama.attention.layer_norm_rms_epsilon", 1e-5f);
            w.add("llama.expert_count", u(4)).add("llama.expert_used_count", u(2));
            w.add("llama.expert_weights_norm", true).add("llama.expert_gating_func", u(2));
            const hparams h = good(w);
            CHECK(h.source == hparams_source::gguf);
            CHECK(h.model_type == "llama");
            CHECK(h.n_layer == 4);
            CHECK(h.n_embd == 64);
            CHECK(h.n_head == 8);
            CHECK(h.n_head_kv == 2);
            CHECK(h.head_dim == 8);
            CHECK(h.n_ff == 96);
            CHECK(h.n_ff_exp == 96);
            CHECK(h.n_ctx == 512);
            CHECK(h.n_vocab == 1000);
            CHECK(h.n_rot == 8);
            CHECK(h.rope_freq_base == 500000);
            CHECK(h.rope_scaling == hparams::scaling::yarn);
            CHECK(h.rope_factor == 4);
            CHECK(h.norm_eps == static_cast<double>(1e-5f));
            CHECK(h.norm_kind == hparams::norm::rms);
            CHECK(h.expert_norm == answer::yes);
            CHECK(h.expert_gating == hparams::gating::sigmoid);
            CHECK(h.rope_rows == hparams::row_order::unsaid);
            CHECK(h.key(&hparams::n_layer) == "block_count");
            CHECK(h.tied == answer::unsaid);
        }
    }
    SUBCASE("kv heads, vocabulary and old scaling where they are not said as usual") {
        auto w = gguf("qwen2");
        w.add("qwen2.attention.head_count", u(8)).add("qwen2.rope.scale_linear", 2.0f);
        w.add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"});
        const hparams h = good(w);
        CHECK(h.n_head_kv == 8);
        CHECK(h.n_vocab == 3);
        CHECK(h.rope_scaling == hparams::scaling::linear);
        // Another architecture's keys are not this one's.
        CHECK(good(gguf("qwen3").add("qwen2.block_count", u(4))).n_layer == 0);
    }
    SUBCASE("a number a layer") {
        auto w = gguf("deci");
        w.add("deci.block_count", u(3)).add("deci.embedding_length", u(64));
        w.add("deci.attention.head_count", std::vector<std::uint32_t>{8, 0, 4});
        const auto without = good(w);
        CHECK(without.n_head_kv_at(0) == 8);
        CHECK(without.n_head_kv_at(2) == 4);
        w.add("deci.attention.head_count_kv", std::vector<std::int32_t>{2, 0, 1});
        w.add("deci.feed_forward_length", std::vector<std::uint32_t>{96, 0, 48});
        hparams first = good(w);
        const hparams h = std::move(first);
        CHECK(h.n_head == 8);
        CHECK(h.n_head_at(1) == 0);
        CHECK(h.n_head_at(2) == 4);
        CHECK(h.n_head_kv_at(0) == 2);
        CHECK(h.n_head_kv_at(2) == 1);
        CHECK(h.n_ff_at(2) == 48);
        CHECK(h.n_ff == 96);
    }
    SUBCASE("MLA") {
        auto w = gguf("deepseek2");
        w.add("deepseek2.attention.kv_lora_rank", u(512))
            .add("deepseek2.attention.head_count", u(128));
        w.add("deepseek2.attention.head_count_kv", u(1));
        w.add("deepseek2.attention.key_length", u(576))
            .add("deepseek2.attention.value_length", u(512));
        w.add("deepseek2.attention.key_length_mla", u(192));
        w.add("deepseek2.attention.value_length_mla", u(128))
            .add("deepseek2.rope.dimension_count", u(64));
        const hparams h = good(w);
        CHECK(h.head_dim == 192);
        CHECK(h.head_dim_v == 128);
        CHECK(h.qk_rope_head_dim == 64);
        CHECK(h.qk_nope_head_dim == 128);
    }
    SUBCASE("logits: divided or multiplied") {
        CHECK(good(gguf("granite").add("granite.logit_scale", 8.0f)).logit_scale == 0.125);
        CHECK(good(gguf("command-r").add("command-r.logit_scale", 0.0625f)).logit_scale == 0.0625);
    }
    SUBCASE("nonsense") {
        CHECK_BAD(read(gguf().add("llama.attention.head_count", u(0))),
                  "llama.attention.head_count 0");
        CHECK_OK(read(gguf("mamba")
                          .add("mamba.attention.head_count", u(0))
                          .add("mamba.ssm.state_size", u(16))));
        CHECK_BAD(
            read(gguf("mamba").add("mamba.ssm.state_size", u(16)).add("mamba.block_count", u(0))),
            "mamba.block_count 0");
        CHECK_BAD(read(gguf().add("llama.block_count", std::int32_t{-4})), "llama.block_count -4");
        CHECK_BAD(read(gguf().add("llama.block_count", u((1u << 20) + 1))),
                  "llama.block_count 1048577");
        CHECK_BAD(read(gguf().add("llama.block_count", ~std::uint64_t{0})), "llama.block_count");
        CHECK_BAD(read(gguf().add("llama.block_count", "four")), "llama.block_count text");
        CHECK_BAD(read(gguf().add("llama.rope.freq_base", 0.0f)), "llama.rope.freq_base 0");
        CHECK_BAD(read(gguf().add("llama.rope.freq_base", std::nanf(""))),
                  "llama.rope.freq_base not");
        CHECK_BAD(read(gguf().add("llama.attention.key_length", u(0))),
                  "llama.attention.key_length 0");
        CHECK_BAD(read(gguf()
                           .add("llama.attention.head_count", u(8))
                           .add("llama.attention.head_count_kv", u(3))),
                  "llama.attention.head_count_kv 3 llama.attention.head_count 8");
        CHECK_BAD(read(gguf()
                           .add("llama.block_count", u(2))
                           .add("llama.attention.head_count", std::vector<std::uint32_t>{8, 8, 8})),
                  "llama.attention.head_count 3 2");
        CHECK_BAD(read(gguf(std::string(65, 'x'))), "general.architecture 65");
    }
    SUBCASE("no architecture: nothing said") {
        test::gguf_writer w;
        w.add("llama.block_count", u(4));
        CHECK_FALSE(good(w).found());
        CHECK_FALSE(good(test::gguf_writer().add("general.architecture", u(4))).found());
    }
}

TEST_CASE("hparams: of a checkpoint, whichever file speaks") {
    const test::temp_folder folder;
    const std::vector<test::st_tensor> tensors = {{"a", "F32", {1}, {}}};
    const auto of = [&](const char* file) {
        auto c = aka::checkpoint::open(folder / file);
        REQUIRE_OK(c);
        return hparams::of(*c);
    };
    test::write_file(folder / "model.safetensors", test::write_safetensors(tensors));
    test::write_file(folder / "consolidated.safetensors", test::write_safetensors(tensors));
    {
        const auto r = of("model.safetensors");
        REQUIRE_OK(r);
        CHECK_FALSE(r->found());
    }
    test::write_file(folder / "params.json", R"({"dim": 32, "n_layers": 3})");
    CHECK(of("model.safetensors")->source == hparams_source::params_json);
    test::write_file(folder / "config.json", llama());
    CHECK(of("model.safetensors")->n_layer == 4);
    CHECK(of("consolidated.safetensors")->n_layer == 3);
    // A config that names a class and no numbers leaves it to the other.
    test::write_file(folder / "config.json", R"({"model_type": "mistral"})");
    CHECK(of("model.safetensors")->n_layer == 3);
    std::filesystem::remove(folder / "params.json");
    CHECK(of("model.safetensors")->model_type == "mistral");
    // An error names the file.
    test::write_file(folder / "config.json", llama("\"head_dim\": 0"));
    const auto bad = of("model.safetensors");
    CHECK_BAD(bad, "config.json head_dim 0");
    // GGUF speaks for itself, whatever lies beside.
    gguf().add("llama.block_count", std::uint32_t{5}).save(folder / "m.gguf");
    CHECK(of("m.gguf")->n_layer == 5);
    gguf().add("llama.block_count", std::uint32_t{0}).save(folder / "m.gguf");
    CHECK_BAD(of("m.gguf"), "m.gguf llama.block_count 0");
    CHECK_FALSE(hparams::from_folder(folder / "absent")->found());
    // A folder of that name is not a file.
    std::filesystem::remove(folder / "config.json");
    std::filesystem::create_directory(folder / "config.json");
    CHECK_REFUSED(hparams::from_folder(folder.path()), cannot_open);
}

TEST_CASE("hparams: no memory is an error, and none is lost") {
    const test::temp_folder folder;
    const std::string text = llama(R"("architectures": ["X\u00e9"], "quantization_config":
        {"quant_method": "gptq"}, "rope_scaling": {"type": "yarn"},
        "num_key_value_heads": [8, 4, 2, 1])");
    test::write_file(folder / "config.json", text);
    auto w = gguf();
    w.add("llama.block_count", std::uint32_t{2}).add("llama.rope.scaling.type", "yarn");
    w.add("llama.attention.head_count", std::vector<std::uint32_t>{8, 4});
    const std::string bytes = w.bytes();
    const auto file = aka::gguf::parse(aka::as_bytes(std::string_view(bytes)));
    REQUIRE_OK(file);
    const auto exhaust = [](auto f) {
        std::uint64_t failures = 0;
        for (std::uint64_t k = 0;; ++k) {
            CAPTURE(k);
            test::alloc_scope scope;
            scope.fail_at(k);
            bool refused = false;
            {
                const auto r = f();
                scope.lift();
                refused = scope.refused() != 0;
                if (refused)
                    CHECK_REFUSED(r, out_of_memory);
                else
                    CHECK_OK(r);
            }
            CHECK(scope.blocks() == 0);
            failures += refused;
            if (!refused) return failures;
        }
    };
    CHECK(exhaust([&] { return hparams::from_config(aka::as_bytes(std::string_view(text))); }) > 3);
    CHECK(exhaust([&] { return hparams::from_gguf(file->metadata()); }) > 1);
    const aka::detail::path where(folder.path());
    CHECK(exhaust([&] { return hparams::from_folder(where); }) > 5);
}

TEST_CASE("hparams: moved, the texts and arrays go along") {
    hparams a = config(llama(R"("num_key_value_heads": [8, 4, 2, 1])"));
    hparams b = std::move(a);
    hparams c;
    c = std::move(b);
    CHECK(c.model_type == "llama");
    CHECK(c.n_head_kv_at(2) == 2);
    CHECK(c.key(&hparams::n_embd) == "hidden_size");
}

}  // namespace test_hparams
