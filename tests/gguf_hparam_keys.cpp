// Hyper-parameters written as the keys of a GGUF: against lists made by hand, and read back.
#include <aka/adapt.hpp>
#include <aka/convert_tensor.hpp>
#include <aka/gguf_hparam_keys.hpp>
#include <aka/hparams.hpp>
#include <aka/write_gguf.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/llama_library.hpp"
#include "support/read_back.hpp"
#include "support/written.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_gguf_hparam_keys {

namespace {

using aka::hparams;
using aka::hparams_source;
using aka::metadata_edits;
using test::gguf_of;
namespace fs = std::filesystem;

hparams config(std::string_view json, hparams_source from = hparams_source::config_json) {
    auto h = hparams::from_config(aka::as_bytes(json), from);
    REQUIRE_OK(h);
    return std::move(h).value();
}
std::string file_of(const metadata_edits& edits) {
    aka::header_metadata keys;
    keys.edits = &edits;
    const auto h = aka::render_gguf({}, keys);
    REQUIRE_OK(h);
    return std::string(test::text_of(h->bytes()));
}
std::string written(const hparams& h, std::string_view arch) {
    metadata_edits edits;
    REQUIRE_OK(aka::gguf_hparam_keys(h, arch, edits));
    return file_of(edits);
}
using pairs = std::vector<std::pair<std::string, test::gguf_value>>;
void check_keys(const std::string& file, const pairs& expected) {
    const auto back = test::read_back_gguf(file);
    for (const auto& e : expected) {
        CAPTURE(e.first);
        const test::gguf_value* v = back.key(e.first);
        REQUIRE(v != nullptr);
        CHECK((*v == e.second));
    }
    for (const auto& k : back.keys) {
        CAPTURE(k.first);
        bool there = false;
        for (const auto& e : expected) there = there || e.first == k.first;
        CHECK(there);
    }
}
bool same(double a, double b) {
    return (a != a && b != b) || static_cast<float>(a) == static_cast<float>(b);
}

}  // namespace

TEST_CASE("a dense model: each key with its type, and no other") {
    const auto h = config(R"({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 4,
        "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 96,
        "vocab_size": 1000, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": true, "attention_bias": false,
        "rope_scaling": {"rope_type": "linear", "factor": 4.0}})");
    check_keys(written(h, "llama"), {{"general.architecture", gguf_of("llama")},
                                     {"llama.block_count", gguf_of(4u)},
                                     {"llama.vocab_size", gguf_of(1000u)},
                                     {"llama.context_length", gguf_of(2048u)},
                                     {"llama.embedding_length", gguf_of(64u)},
                                     {"llama.attention.head_count", gguf_of(8u)},
                                     {"llama.attention.head_count_kv", gguf_of(2u)},
                                     {"llama.attention.key_length", gguf_of(8u)},
                                     {"llama.attention.value_length", gguf_of(8u)},
                                     {"llama.feed_forward_length", gguf_of(96u)},
                                     {"llama.rope.dimension_count", gguf_of(8u)},
                                     {"llama.rope.freq_base", gguf_of(10000.0f)},
                                     {"llama.rope.scaling.type", gguf_of("linear")},
                                     {"llama.rope.scaling.factor", gguf_of(4.0f)},
                                     {"llama.attention.layer_norm_rms_epsilon", gguf_of(1e-5f)},
                                     {"tokenizer.ggml.model", gguf_of("no_vocab")}});
    std::string fields;
    aka::for_each_config_field(h, [&](std::string_view f) { fields += std::string(f) + " "; });
    CHECK(fields ==
          "num_hidden_layers vocab_size max_position_embeddings hidden_size num_attention_heads "
          "num_key_value_heads head_dim intermediate_size rope_theta rope_scaling.factor "
          "rms_norm_eps tie_word_embeddings attention_bias ");
}

TEST_CASE("experts, layer norms, scales") {
    const auto h = config(R"({"model_type": "x", "hidden_size": 64, "num_hidden_layers": 4,
        "num_attention_heads": 8, "max_position_embeddings": 64, "layer_norm_eps": 1e-6,
        "intermediate_size": 96, "n_routed_experts": 16, "num_experts_per_tok": 4,
        "n_shared_experts": 2, "moe_intermediate_size": 24, "first_k_dense_replace": 1,
        "n_group": 4, "topk_group": 2, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
        "scoring_func": "sigmoid", "partial_rotary_factor": 0.5, "sliding_window": 32,
        "embedding_multiplier": 12.0, "residual_multiplier": 0.25, "logits_scaling": 8.0,
        "attention_multiplier": 0.125, "clip_qkv": 8.0, "final_logit_softcapping": 30.0})");
    const pairs expected = {{"general.architecture", gguf_of("granite")},
                            {"granite.block_count", gguf_of(4u)},
                            {"granite.context_length", gguf_of(64u)},
                            {"granite.embedding_length", gguf_of(64u)},
                            {"granite.attention.head_count", gguf_of(8u)},
                            {"granite.attention.head_count_kv", gguf_of(8u)},
                            {"granite.attention.key_length", gguf_of(8u)},
                            {"granite.attention.value_length", gguf_of(8u)},
                            {"granite.feed_forward_length", gguf_of(96u)},
                            {"granite.rope.dimension_count", gguf_of(4u)},
                            {"granite.attention.sliding_window", gguf_of(32u)},
                            {"granite.attention.layer_norm_epsilon", gguf_of(1e-6f)},
                            {"granite.expert_count", gguf_of(16u)},
                            {"granite.expert_used_count", gguf_of(4u)},
                            {"granite.expert_shared_count", gguf_of(2u)},
                            {"granite.expert_group_count", gguf_of(4u)},
                            {"granite.expert_group_used_count", gguf_of(2u)},
                            {"granite.expert_feed_forward_length", gguf_of(24u)},
                            {"granite.expert_shared_feed_forward_length", gguf_of(48u)},
                            {"granite.leading_dense_block_count", gguf_of(1u)},
                            {"granite.expert_weights_norm", gguf_of(true)},
                            {"granite.expert_weights_scale", gguf_of(2.5f)},
                            {"granite.expert_gating_func", gguf_of(2u)},
                            {"granite.embedding_scale", gguf_of(12.0f)},
                            {"granite.residual_scale", gguf_of(0.25f)},
                            {"granite.logit_scale", gguf_of(8.0f)},  // by what is divided
                            {"granite.attention.scale", gguf_of(0.125f)},
                            {"granite.final_logit_softcapping", gguf_of(30.0f)},
                            {"granite.attention.clamp_kqv", gguf_of(8.0f)},
                            {"tokenizer.ggml.model", gguf_of("no_vocab")}};
    check_keys(written(h, "granite"), expected);
    // Cohere's is a factor.
    const auto back = test::read_back_gguf(written(h, "command-r"));
    CHECK((*back.key("command-r.logit_scale") == gguf_of(0.125f)));
}

TEST_CASE("ways of scaling RoPE; ALiBi; MLA") {
    const std::string base = R"({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 4,
        "num_attention_heads": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, )";
    const auto keys_of = [&](const std::string& more) {
        return test::read_back_gguf(written(config(base + more + "}"), "llama"));
    };
    const auto yarn = keys_of(R"("rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32,
        "beta_slow": 1, "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096})");
    CHECK(yarn.text("llama.rope.scaling.type") == "yarn");
    CHECK((*yarn.key("llama.rope.scaling.factor") == gguf_of(40.0f)));
    CHECK((*yarn.key("llama.rope.scaling.yarn_beta_fast") == gguf_of(32.0f)));
    CHECK((*yarn.key("llama.rope.scaling.yarn_beta_slow") == gguf_of(1.0f)));
    CHECK((*yarn.key("llama.rope.scaling.yarn_log_multiplier") == gguf_of(0.0707f)));
    CHECK((*yarn.key("llama.rope.scaling.original_context_length") == gguf_of(4096u)));

    const auto longrope = keys_of(R"("rope_scaling": {"type": "longrope", "attention_factor": 1.19,
        "short_factor": [1], "long_factor": [2], "original_max_position_embeddings": 4096})");
    CHECK(longrope.text("llama.rope.scaling.type") == "longrope");
    CHECK((*longrope.key("llama.rope.scaling.attn_factor") == gguf_of(1.19f)));
    CHECK((*longrope.key("llama.rope.scaling.original_context_length") == gguf_of(4096u)));
    CHECK(longrope.key("llama.rope.scaling.factor") == nullptr);

    // As Phi-3 has it: sqrt(1 + ln(131072 / 4096) / ln(4096)).
    const auto phi = config(R"({"model_type": "phi3", "hidden_size": 64, "num_hidden_layers": 4,
        "num_attention_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-6,
        "original_max_position_embeddings": 4096,
        "rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [2]}})");
    const auto phi_keys = test::read_back_gguf(written(phi, "phi3"));
    CHECK((*phi_keys.key("phi3.rope.scaling.attn_factor") == gguf_of(1.1902380714238083f)));

    // A tensor in GGUF (rope_freqs), and nothing at all.
    for (const char* type : {"llama3", "dynamic"}) {
        const auto none = keys_of("\"rope_scaling\": {\"rope_type\": \"" + std::string(type) +
                                  R"(", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
            "original_max_position_embeddings": 8192})");
        for (const auto& k : none.keys) {
            CAPTURE(k.first);
            CHECK(k.first.find("scaling") == std::string::npos);
        }
    }
    const auto alibi = keys_of(R"("alibi": true)");
    CHECK((*alibi.key("llama.attention.max_alibi_bias") == gguf_of(8.0f)));
    CHECK(alibi.key("llama.rope.dimension_count") == nullptr);

    const auto mla = keys_of(R"("q_lora_rank": 24, "kv_lora_rank": 16, "qk_nope_head_dim": 12,
        "qk_rope_head_dim": 4, "v_head_dim": 10)");
    CHECK((*mla.key("llama.attention.q_lora_rank") == gguf_of(24u)));
    CHECK((*mla.key("llama.attention.kv_lora_rank") == gguf_of(16u)));
    CHECK((*mla.key("llama.attention.key_length") == gguf_of(16u)));
    CHECK((*mla.key("llama.attention.value_length") == gguf_of(10u)));
    CHECK((*mla.key("llama.rope.dimension_count") == gguf_of(4u)));
    CHECK(mla.key("llama.attention.key_length_mla") == nullptr);
}

TEST_CASE("layers that differ are arrays, and those that do not are numbers") {
    test::gguf_writer w;
    w.add("general.architecture", "deci").add("deci.block_count", 3u);
    w.add("deci.context_length", 64u).add("deci.embedding_length", 64u);
    w.add("deci.attention.head_count", std::vector<std::int32_t>{8, 0, 8});
    w.add("deci.attention.head_count_kv", std::vector<std::int32_t>{2, 0, 4});
    w.add("deci.feed_forward_length", 96u).add("deci.attention.layer_norm_rms_epsilon", 1e-5f);
    w.add("deci.nextn_predict_layers", 1u);
    const std::string source = w.bytes();
    const auto file = aka::gguf::parse(aka::as_bytes(std::string_view(source)));
    REQUIRE_OK(file);
    const auto h = hparams::from_gguf(file->metadata());
    REQUIRE_OK(h);
    const auto back = test::read_back_gguf(written(*h, "deci"));
    for (const auto& k : w.kvs) {
        CAPTURE(k.first);
        REQUIRE(back.key(k.first) != nullptr);
        CHECK((*back.key(k.first) == k.second));
    }
}

TEST_CASE("what llama.cpp demands and nobody says; what the caller has set already") {
    const auto h = config(R"({"dim": 64, "n_layers": 4, "n_heads": 8, "norm_eps": 1e-5})",
                          hparams_source::params_json);
    metadata_edits edits;
    const aka::status s = aka::gguf_hparam_keys(h, "llama", edits);
    CHECK_REFUSED(s, bad_hparams);
    CHECK(test::mentions(s.error(),
                         "llama.cpp reads no model without llama.context_length, and nothing says "
                         "it (a config would, as max_position_embeddings): set it"));
    metadata_edits mine;
    REQUIRE_OK(mine.set("llama.context_length", 4096u));
    REQUIRE_OK(mine.set("tokenizer.ggml.model", "gpt2"));
    REQUIRE_OK(mine.unset("llama.attention.key_length"));
    REQUIRE_OK(aka::gguf_hparam_keys(h, "llama", mine));
    const auto back = test::read_back_gguf(file_of(mine));
    CHECK((*back.key("llama.context_length") == gguf_of(4096u)));
    CHECK(back.text("tokenizer.ggml.model") == "gpt2");
    CHECK(back.key("llama.attention.key_length") == nullptr);
    CHECK((*back.key("llama.attention.layer_norm_rms_epsilon") == gguf_of(1e-5f)));

    CHECK_REFUSED(aka::gguf_hparam_keys(h, "", mine), bad_hparams);
    CHECK_REFUSED(aka::gguf_hparam_keys(h, std::string(65, 'x'), mine), bad_hparams);
    const hparams nothing;
    metadata_edits none;
    const aka::status n = aka::gguf_hparam_keys(nothing, "llama", none);
    CHECK(test::mentions(n.error(), "llama.block_count"));
}

TEST_CASE("the configs of real checkpoints, written as keys and read back") {
    SKIP_WITHOUT_DATA();
    int configs = 0;
    for (const auto& folder : fs::directory_iterator(test::shared_data() / "checkpoints")) {
        if (!fs::exists(folder.path() / "config.json")) continue;
        CAPTURE(folder.path().filename().string());
        const auto r = hparams::from_folder(folder.path());
        REQUIRE_OK(r);
        const hparams& h = *r;
        const std::string arch = h.model_type.substr(0, 4) == "gran" ? "granite" : "llama";
        metadata_edits edits;
        if (h.n_ctx == 0) REQUIRE_OK(edits.set(arch + ".context_length", 2048u));
        REQUIRE_OK(aka::gguf_hparam_keys(h, arch, edits));
        const std::string bytes = file_of(edits);
        const auto file = aka::gguf::parse(aka::as_bytes(std::string_view(bytes)));
        REQUIRE_OK(file);
        const auto back = hparams::from_gguf(file->metadata());
        REQUIRE_OK(back);
        const hparams& g = *back;
        for (unsigned i = 0; i < aka::detail::hparam_row_count; ++i) {
            const aka::detail::hparam_row& row = aka::detail::hparam_table[i];
            CAPTURE(std::string(row.gguf));
            // Written only where it means something in GGUF.
            if (row.gguf.empty() || row.is(&hparams::n_layer_nextn)) continue;
            if (row.is(&hparams::n_ctx) && h.n_ctx == 0) continue;
            if (row.gguf.find("rope.scaling") == 0 &&
                (h.rope_scaling == hparams::scaling::llama3 ||
                 h.rope_scaling == hparams::scaling::dynamic ||
                 h.rope_scaling == hparams::scaling::mrope ||
                 h.rope_scaling == hparams::scaling::none ||
                 h.rope_scaling == hparams::scaling::unsaid))
                continue;
            if (row.is(&hparams::rope_attn_factor) && h.rope_attn_factor != h.rope_attn_factor)
                continue;
            if (row.is(&hparams::rope_factor) && h.rope_scaling == hparams::scaling::longrope)
                continue;
            if (row.is(&hparams::n_rot)) {
                if (h.alibi != hparams::answer::yes)
                    CHECK(g.n_rot == (h.n_rot != 0 ? h.n_rot : h.head_dim));
            } else if (row.count != nullptr) {
                CHECK(g.*row.count == h.*row.count);
            } else if (row.real != nullptr) {
                CHECK(same(g.*row.real, h.*row.real));
            } else {
                CHECK(g.*row.flag == h.*row.flag);
            }
        }
        for (std::uint64_t l = 0; l < h.n_layer; ++l) {
            CHECK(g.n_head_at(l) == h.n_head_at(l));
            CHECK(g.n_head_kv_at(l) == h.n_head_kv_at(l));
            CHECK(g.n_ff_at(l) == h.n_ff_at(l));
        }
        CHECK(g.expert_gating == h.expert_gating);
        ++configs;
    }
    CHECK(configs >= 36);
}

TEST_CASE("no memory for keys is an error") {
    test::gguf_writer w;
    w.add("general.architecture", "deci").add("deci.block_count", 2u);
    w.add("deci.context_length", 64u).add("deci.embedding_length", 64u);
    w.add("deci.attention.head_count", std::vector<std::int32_t>{8, 4});
    const std::string source = w.bytes();
    const auto file = aka::gguf::parse(aka::as_bytes(std::string_view(source)));
    REQUIRE_OK(file);
    const auto h = hparams::from_gguf(file->metadata());
    REQUIRE_OK(h);
    test::every_allocation_fails([&] {
        metadata_edits edits;
        return aka::gguf_hparam_keys(*h, "deci", edits).code();
    });
}

#if defined(__unix__)
TEST_CASE("llama.cpp loads weights with these keys, and refuses them without") {
    const test::temp_folder folder;
    for (const char* sample : {"yi", "baichuan", "llama-sharded"}) {
        CAPTURE(sample);
        const auto source = aka::checkpoint::open(test::samples() / sample);
        REQUIRE_OK(source);
        const auto model = aka::adapt(*source, "gguf");
        REQUIRE_OK(model);
        std::vector<aka::tensor_entry> entries;
        std::uint64_t elements = 0;
        for (const aka::tensor t : *model) {
            entries.push_back(aka::tensor_entry::of(t));
            elements += t.elements();
        }
        REQUIRE_OK(aka::lay_out_gguf(entries));
        const std::string arch(model->convention().id().substr(5));  // behind "gguf:"
        for (const char* without : {"", "block_count", "attention.layer_norm_rms_epsilon"}) {
            CAPTURE(without);
            metadata_edits edits;
            REQUIRE_OK(aka::gguf_hparam_keys(model->hparams(), arch, edits));
            if (*without != 0) REQUIRE_OK(edits.unset(arch + "." + without));
            aka::header_metadata keys;
            keys.edits = &edits;
            const auto h = aka::render_gguf(entries, keys);
            REQUIRE_OK(h);
            std::string file(test::text_of(h->bytes()));
            file.resize(static_cast<std::size_t>(h->file_size()), '\0');
            std::size_t i = 0;
            for (const aka::tensor t : *model) {
                std::string data(static_cast<std::size_t>(t.size_bytes()), '\0');
                auto* bytes = reinterpret_cast<std::byte*>(data.data());
                REQUIRE_OK(t.convert_to(t.dtype(), {bytes, data.size()}));
                file.replace(static_cast<std::size_t>(h->size() + entries[i++].offset), data.size(),
                             data);
            }
            test::write_file(folder / "model.gguf", file);
            const auto answer = test::load_with_llama(folder / "model.gguf");
            if (!answer.problem.empty()) SKIP_TEST(answer.problem);
            CHECK_MESSAGE(answer.loaded == (*without == 0), answer.log);
            if (answer.loaded)
                CHECK(answer.parameters == elements);
            else
                CHECK(answer.log.find(without) != std::string::npos);
        }
    }
}
#endif

}  // namespace test_gguf_hparam_keys
