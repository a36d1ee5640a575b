// What configs leave out of a forward pass: the values, whether they are defaults, and who says so.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/model_gguf.hpp"

#include <aka/forward_hparams.hpp>

#include <cmath>
#include <string>
#include <utility>

namespace test_forward_hparams {

namespace {

using aka::activation;
using aka::forward_hparams;

// The views are of the hyper-parameters, which are kept beside.
struct read_config {
    aka::hparams h;
    forward_hparams f;

    explicit read_config(const std::string& json,
                         aka::hparams_source source = aka::hparams_source::config_json) {
        auto r = aka::hparams::from_config(
            {reinterpret_cast<const std::byte*>(json.data()), json.size()}, source);
        REQUIRE_MESSAGE(r, r.error().message().view());
        h = std::move(*r);
        f = forward_hparams::of(h);
    }
};
std::string config(const std::string& type, const std::string& more = "") {
    return "{\"model_type\": \"" + type +
           "\", \"hidden_size\": 64, \"num_hidden_layers\": 2, \"num_attention_heads\": 4" +
           (more.empty() ? "" : ", " + more) + "}";
}

}  // namespace

TEST_CASE("forward_hparams: what is said is taken, with its key") {
    const read_config c(config("qwen3_moe",
                               "\"rope_theta\": 1000000.0, \"rms_norm_eps\": 1e-7,"
                               "\"norm_topk_prob\": true, \"hidden_act\": \"silu\","
                               "\"attention_multiplier\": 0.25"));
    CHECK((c.f.rope_freq_base.value == 1e6 && !c.f.rope_freq_base.is_default));
    CHECK(c.f.rope_freq_base.source == "rope_theta");
    CHECK((c.f.norm_eps.value == 1e-7 && c.f.norm_eps.source == "rms_norm_eps"));
    CHECK((c.f.expert_norm.value && !c.f.expert_norm.is_default));
    CHECK(c.f.expert_norm.source == "norm_topk_prob");
    CHECK((c.f.act.value == activation::silu && !c.f.act.is_default));
    CHECK((c.f.act.source == "hidden_act" && c.f.act_name == "silu"));
    CHECK((c.f.attn_scale.value == 0.25 && !c.f.attn_scale.is_default));
}

TEST_CASE("forward_hparams: what is not said is a default, and says whose") {
    const read_config c(config("llama"));
    CHECK((c.f.rope_freq_base.value == 10000 && c.f.rope_freq_base.is_default));
    CHECK(c.f.rope_freq_base.source.find("Llama") != std::string_view::npos);
    CHECK((c.f.norm_eps.value == 1e-6 && c.f.norm_eps.is_default));
    CHECK((c.f.attn_scale.value == 0.25 && c.f.attn_scale.is_default));  // heads of 16
    CHECK((c.f.act.value == activation::silu && c.f.act.is_default && c.f.act_name.empty()));
    CHECK((c.f.expert_norm.value && c.f.expert_norm.is_default));
    // As files, and so the fields themselves, say nothing.
    CHECK(c.h.rope_freq_base != c.h.rope_freq_base);
    CHECK(!c.h.said(&aka::hparams::norm_eps));

    const read_config meta("{\"dim\": 64, \"n_layers\": 2, \"n_heads\": 4}",
                           aka::hparams_source::params_json);
    CHECK((meta.f.norm_eps.value == 1e-5 && meta.f.norm_eps.is_default));
    CHECK(meta.f.norm_eps.source.find("Meta") != std::string_view::npos);
}

TEST_CASE("forward_hparams: defaults differ by model type") {
    struct expected {
        const char* type;
        bool expert_norm;
        double eps;
    };
    for (const expected& e : {expected{"mixtral", true, 1e-5},
                              {"qwen2_moe", false, 1e-6},
                              {"qwen3_moe", false, 1e-6},
                              {"olmoe", false, 1e-6},
                              {"deepseek_v2", false, 1e-6},
                              {"deepseek_v3", true, 1e-6},
                              {"olmo", true, 1e-5},
                              {"glm4", true, 1.5625e-7}}) {
        const read_config c(config(e.type));
        CHECK_MESSAGE(c.f.expert_norm.value == e.expert_norm, e.type);
        CHECK(c.f.expert_norm.is_default);
        CHECK_MESSAGE(c.f.norm_eps.value == e.eps, e.type);
    }
    using of_arch = std::pair<const char*, bool>;
    for (const of_arch& a : {of_arch{"llama", true}, of_arch{"qwen2moe", false},
                             of_arch{"qwen3moe", true}, of_arch{"olmoe", false}}) {
        const char* arch = a.first;
        const bool norm = a.second;
        test::gguf_model_options o;
        o.arch = arch;
        test::temp_folder folder;
        test::to_gguf(test::random_model({}, 1), o).save(folder / "m.gguf");
        auto file = aka::checkpoint::open((folder / "m.gguf").string());
        REQUIRE(file);
        auto h = aka::hparams::of(*file);
        REQUIRE(h);
        const forward_hparams f = forward_hparams::of(*h);
        CHECK_MESSAGE(f.expert_norm.value == norm, arch);
        CHECK((f.act.value == activation::silu && f.act.is_default));
        CHECK(f.act.source.find("llama.cpp") != std::string_view::npos);
        CHECK(f.norm_eps.source == "attention.layer_norm_rms_epsilon");
    }
}

TEST_CASE("forward_hparams: Gemma multiplies embeddings by what no file says") {
    for (const char* type : {"gemma", "gemma2", "gemma3_text"})
        CHECK_MESSAGE(read_config(config(type)).f.embedding_scale.value == 8, type);
    CHECK(read_config(config("gemma")).f.embedding_scale.is_default);
    CHECK(read_config(config("llama")).f.embedding_scale.value == 1);
    const read_config said(config("granite", "\"embedding_multiplier\": 12"));
    CHECK(said.f.embedding_scale.value == 12);
    CHECK(said.f.embedding_scale.source == "embedding_multiplier");
}

TEST_CASE("forward_hparams: what only the code of a model says") {
    const auto besides = [](const char* type) {
        aka::hparams h;
        h.model_type = type;
        return std::string(aka::forward_hparams::of(h).besides);
    };
    for (const char* type : {"llama", "mistral", "qwen2", "gemma", "mixtral", ""})
        CHECK_MESSAGE(besides(type).empty(), type);
    CHECK(besides("gemma3_text").find("window") != std::string::npos);
    CHECK(besides("smollm3").find("without RoPE") != std::string::npos);
    CHECK(besides("command-r").find("side by side") != std::string::npos);
    CHECK(besides("llada").find("what follows") != std::string::npos);
}

TEST_CASE("forward_hparams: activations") {
    struct expected {
        const char *type, *keys;
        activation act;
        bool is_default;
    };
    for (const expected& e : {
             expected{"llama", "\"hidden_act\": \"gelu\"", activation::gelu, false},
             {"llama", "\"hidden_act\": \"gelu_pytorch_tanh\"", activation::gelu_tanh, false},
             {"llama", "\"hidden_act\": \"gelu_new\"", activation::gelu_tanh, false},
             {"llama", "\"hidden_act\": \"swish\"", activation::silu, false},
             {"llama", "\"hidden_act\": \"relu2\"", activation::relu2, false},
             {"llama", "\"hidden_act\": \"mish\"", activation::other, false},
             {"exaone", "\"activation_function\": \"silu\"", activation::silu, false},
             {"olmo", "\"activation_type\": \"swiglu\"", activation::silu, false},
             // Its first configs say gelu, its code takes the approximation all the same.
             {"gemma", "\"hidden_act\": \"gelu\"", activation::gelu_tanh, true},
             {"gemma", "\"hidden_act\": \"gelu\", \"hidden_activation\": null",
              activation::gelu_tanh, true},
             {"gemma2", "\"hidden_activation\": \"gelu_pytorch_tanh\"", activation::gelu_tanh,
              true},
             {"gemma3_text", "", activation::gelu_tanh, true},
             // A clamped function of its own, whatever the config says.
             {"gpt_oss", "\"hidden_act\": \"silu\"", activation::other, true},
             {"nemotron", "", activation::relu2, true},
         }) {
        const read_config c(config(e.type, e.keys));
        CHECK_MESSAGE(c.f.act.value == e.act, e.type, " ", e.keys, ": ", aka::name(c.f.act.value));
        CHECK_MESSAGE(c.f.act.is_default == e.is_default, e.type, " ", e.keys);
        CHECK(!c.f.act.source.empty());
    }
}

}  // namespace test_forward_hparams
