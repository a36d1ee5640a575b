// Quantised weights by role: of a checkpoint as it is stored, through adapters and bound models, in
// another row order, of stacks of experts; and the forms of real checkpoints' indexes.
#include <aka/dequantize_parts.hpp>
#include <doctest/doctest.h>

#include "../examples/common/packed_weights.hpp"
#include "support/bound.hpp"
#include "support/files.hpp"
#include "support/outcome.hpp"
#include "support/pack_parts.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace test_parts_checkpoints {

namespace {

using aka::part_scheme;
using aka::quantised_weight;
using aka::role;
using test::packed_weight;
using test::rng;
using test::st_tensor;
using packer = std::function<packed_weight(const std::string& base, std::uint64_t rows,
                                           std::uint64_t columns)>;

constexpr std::uint64_t embd = 64, ff = 96, vocab = 40, heads = 4, kv_heads = 2, head_dim = 16;

// A small Llama whose matrices a packer makes; and what each of them is worth.
struct small_model {
    std::vector<st_tensor> tensors;
    std::map<std::string, packed_weight> weights;
    std::string config;
    test::temp_folder folder;

    void matrix(const std::string& base, std::uint64_t rows, std::uint64_t columns,
                const packer& pack) {
        packed_weight w = pack(base, rows, columns);
        for (const st_tensor& t : w.parts) tensors.push_back(t);
        weights.emplace(base, std::move(w));
    }
    void plain(const std::string& name, std::vector<std::uint64_t> shape) {
        st_tensor t{name, "F32", std::move(shape), {}};
        t.data = std::string(static_cast<std::size_t>(t.bytes()), '\0');
        tensors.push_back(t);
    }
    aka::checkpoint open() {
        test::write_file(folder / "model.safetensors", test::write_safetensors(tensors));
        test::write_file(folder / "config.json", config);
        auto c = aka::checkpoint::open(folder.path().string());
        REQUIRE_OK(c);
        return std::move(*c);
    }
};
std::string sizes(const std::string& type, const std::string& more) {
    return R"({"model_type": ")" + type +
           R"(", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
           "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96, "vocab_size": 40,
           "rms_norm_eps": 1e-5)" +
           more + "}";
}
void attention(small_model& m, const std::string& layer, const packer& pack) {
    m.plain(layer + "input_layernorm.weight", {embd});
    m.plain(layer + "post_attention_layernorm.weight", {embd});
    m.matrix(layer + "self_attn.q_proj", heads * head_dim, embd, pack);
    m.matrix(layer + "self_attn.k_proj", kv_heads * head_dim, embd, pack);
    m.matrix(layer + "self_attn.v_proj", kv_heads * head_dim, embd, pack);
    m.matrix(layer + "self_attn.o_proj", embd, heads * head_dim, pack);
}
void around(small_model& m) {
    m.plain("model.embed_tokens.weight", {vocab, embd});
    m.plain("model.norm.weight", {embd});
    m.plain("lm_head.weight", {vocab, embd});
}
small_model* dense(small_model& m, const packer& pack, const std::string& quantization) {
    m.config = sizes("llama", quantization);
    around(m);
    for (int l = 0; l < 2; ++l) {
        const std::string layer = "model.layers." + std::to_string(l) + ".";
        attention(m, layer, pack);
        m.matrix(layer + "mlp.gate_proj", ff, embd, pack);
        m.matrix(layer + "mlp.up_proj", ff, embd, pack);
        m.matrix(layer + "mlp.down_proj", embd, ff, pack);
    }
    return &m;
}

// Any NaN for any NaN.
bool same(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
    return true;
}
std::vector<float> decoded(aka::result<quantised_weight>& w) {
    REQUIRE_OK(w);
    std::vector<float> out(static_cast<std::size_t>(w->rows() * w->columns()));
    const aka::status s = w->to_f32(0, w->rows(), out);
    REQUIRE_OK(s);
    return out;
}
aka::quant_settings settings(const aka::checkpoint& c) {
    auto q = aka::quant_settings::of(c);
    REQUIRE_OK(q);
    return std::move(*q);
}
// Row 2i + s of a head from row s * 8 + i.
std::vector<float> interleaved(const packed_weight& w) {
    std::vector<float> out;
    for (std::uint64_t r = 0; r < w.rows; ++r) {
        const std::uint64_t h = r / head_dim, i = r % head_dim;
        const std::uint64_t from = h * head_dim + i % 2 * (head_dim / 2) + i / 2;
        for (std::uint64_t c = 0; c < w.columns; ++c)
            out.push_back(w.values[static_cast<std::size_t>(from * w.columns + c)]);
    }
    return out;
}

struct spelled_role {
    role r;
    const char* name;
};
constexpr spelled_role roles[] = {
    {role::attn_q, "self_attn.q_proj"}, {role::attn_k, "self_attn.k_proj"},
    {role::attn_v, "self_attn.v_proj"}, {role::attn_output, "self_attn.o_proj"},
    {role::ffn_gate, "mlp.gate_proj"},  {role::ffn_up, "mlp.up_proj"},
    {role::ffn_down, "mlp.down_proj"},
};

}  // namespace

TEST_CASE("by role: of the checkpoint, an adapter and a bound model") {
    rng r(1);
    struct form {
        part_scheme scheme;
        std::string quantization;
        packer pack;
    };
    const form forms[] = {
        {part_scheme::gptq,
         R"(, "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32})",
         [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
             test::gptq_form f;
             f.group = 32;
             return pack_gptq(b, o, i, f, r);
         }},
        {part_scheme::awq,
         R"(, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 32})",
         [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
             return test::pack_awq(b, o, i, 32, r);
         }},
        {part_scheme::scaled, R"(, "quantization_config": {"quant_method": "fp8"})",
         [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
             test::scaled_form f;
             f.scale_shape = {1, 1};
             return pack_scaled(b, o, i, f, r);
         }},
        {part_scheme::mlx,
         R"(, "quantization": {"bits": 4, "group_size": 32,
              "model.layers.1.mlp.up_proj": {"bits": 8, "group_size": 32}})",
         [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
             return pack_mlx(b, o, i, b == "model.layers.1.mlp.up_proj" ? 8 : 4, 32, "F16", r);
         }},
        {part_scheme::bnb_4bit, "",
         [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
             return pack_bnb4(b, o, i, {}, r);
         }},
        {part_scheme::packed_int, R"(, "quantization_config": {"quant_method":
            "compressed-tensors", "format": "pack-quantized"})",
         [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
             test::packed_form f;
             f.group = 32;
             return pack_int(b, o, i, f, r);
         }},
    };
    for (const form& f : forms) {
        CAPTURE(std::string(name(f.scheme)));
        small_model m;
        dense(m, f.pack, f.quantization);
        const aka::checkpoint c = m.open();
        const aka::quant_settings q = settings(c);
        auto id = aka::identify(c, test::known());
        REQUIRE_OK(id);
        auto hf = aka::adapt(c, "hf");
        REQUIRE_OK(hf);
        auto bound = aka::llama::bind(c, {}, test::known());
        REQUIRE_OK(bound);
        for (int l = 0; l < 2; ++l)
            for (const spelled_role& s : roles) {
                const std::string base = "model.layers." + std::to_string(l) + "." + s.name;
                CAPTURE(base);
                const packed_weight& w = m.weights.at(base);
                auto stored = quantised_weight::find(c, *id, s.r, l, -1, q);
                CHECK(same(decoded(stored), w.values));
                CHECK(stored->form().scheme == f.scheme);
                auto adapted = quantised_weight::find(*hf, s.r, l, -1, q);
                CHECK(same(decoded(adapted), w.values));
                auto named = quantised_weight::find(*hf, base, q);
                CHECK(same(decoded(named), w.values));
                auto model = quantised_weight::find(*bound, s.r, l, -1, q);
                CHECK(same(decoded(model), w.values));
            }
        auto norm = quantised_weight::find(*bound, role::output_norm, -1, -1, q);
        REQUIRE_OK(norm);
        CHECK(norm->form().scheme == part_scheme::plain);
        CHECK_REFUSED(quantised_weight::find(c, *id, role::attn_sinks, 0, -1, q), not_found);
        CHECK_REFUSED(quantised_weight::find(*bound, role::attn_sinks, 0, -1, q), not_found);
    }
}

TEST_CASE("rows in the other order, with their scales") {
    rng r(2);
    small_model m;
    dense(
        m,
        [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
            test::scaled_form f;
            f.scale_name = "weight_scale";
            f.scale_shape = {o, 1};
            f.block_rows = 1, f.block_columns = i;
            return pack_scaled(b, o, i, f, r);
        },
        R"(, "quantization_config": {"quant_method": "compressed-tensors"})");
    const aka::checkpoint c = m.open();
    aka::llama_options o;
    o.rope = aka::rope_order::interleaved;
    auto bound = aka::llama::bind(c, o, test::known());
    REQUIRE_OK(bound);
    const packed_weight& w = m.weights.at("model.layers.1.self_attn.q_proj");
    auto q = quantised_weight::find(*bound, role::attn_q, 1, -1, settings(c));
    CHECK(same(decoded(q), interleaved(w)));
}

TEST_CASE("experts") {
    rng r(3);
    small_model m;
    m.config = sizes("mixtral", R"(, "num_local_experts": 3, "num_experts_per_tok": 2,
        "quantization_config": {"quant_method": "compressed-tensors"})");
    around(m);
    const packer pack = [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
        return test::pack_fp4(b, o, i, test::fp4_form::mxfp4, r);
    };
    for (int l = 0; l < 2; ++l) {
        const std::string layer = "model.layers." + std::to_string(l) + ".";
        attention(m, layer, pack);
        m.plain(layer + "block_sparse_moe.gate.weight", {3, embd});
        for (int e = 0; e < 3; ++e) {
            const std::string x = layer + "block_sparse_moe.experts." + std::to_string(e) + ".";
            m.matrix(x + "w1", ff, embd, pack);
            m.matrix(x + "w3", ff, embd, pack);
            m.matrix(x + "w2", embd, ff, pack);
        }
    }
    const aka::checkpoint c = m.open();
    const aka::quant_settings q = settings(c);
    auto id = aka::identify(c, test::known());
    REQUIRE_OK(id);
    auto bound = aka::llama::bind(c, {}, test::known());
    REQUIRE_OK(bound);
    for (int e = 0; e < 3; ++e) {
        const packed_weight& w =
            m.weights.at("model.layers.1.block_sparse_moe.experts." + std::to_string(e) + ".w2");
        auto stored = quantised_weight::find(c, *id, role::ffn_down_exps, 1, e, q);
        CHECK(same(decoded(stored), w.values));
        auto one = quantised_weight::find(*bound, role::ffn_down_exps, 1, e, q);
        CHECK(same(decoded(one), w.values));
        auto stack = quantised_weight::find(*bound, role::ffn_down_exps, 1, -1, q);
        REQUIRE_OK(stack);
        CHECK(stack->rows() == 3 * embd);
        std::vector<float> rows(w.values.size());
        const auto first = static_cast<std::uint64_t>(e) * embd;
        CHECK_OK(stack->to_f32(first, embd, rows));
        CHECK(same(rows, w.values));
    }
}

TEST_CASE("gpt-oss: blocks of a stack, gate and up taking turns") {
    rng r(4);
    small_model m;
    m.config = sizes("gpt_oss", R"(, "num_local_experts": 3, "num_experts_per_tok": 2,
        "quantization_config": {"quant_method": "mxfp4"})");
    around(m);
    const packer plain = [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
        packed_weight w;
        w.rows = o, w.columns = i;
        const test::number_list n =
            test::random_numbers("BF16", static_cast<std::size_t>(o * i), r);
        for (const double v : n.values) w.values.push_back(test::once(v));
        w.parts = {{b + ".weight", "BF16", {o, i}, n.data},
                   {b + ".bias", "BF16", {o}, std::string(static_cast<std::size_t>(2 * o), '\0')}};
        return w;
    };
    for (int l = 0; l < 2; ++l) {
        const std::string layer = "model.layers." + std::to_string(l) + ".";
        attention(m, layer, plain);
        m.plain(layer + "self_attn.sinks", {heads});
        m.plain(layer + "mlp.router.weight", {3, embd});
        m.plain(layer + "mlp.router.bias", {3});
        const auto blocks = [&](const std::string& b, std::uint64_t o, std::uint64_t i) {
            return pack_fp4(b, o, i, test::fp4_form::gpt_oss, r, 3);
        };
        m.matrix(layer + "mlp.experts.gate_up_proj", 2 * ff, embd, blocks);
        m.matrix(layer + "mlp.experts.down_proj", embd, ff, blocks);
        m.plain(layer + "mlp.experts.gate_up_proj_bias", {3, 2 * ff});
        m.plain(layer + "mlp.experts.down_proj_bias", {3, embd});
    }
    const aka::checkpoint c = m.open();
    const aka::quant_settings q = settings(c);
    auto id = aka::identify(c, test::known());
    REQUIRE_OK(id);
    const packed_weight& w = m.weights.at("model.layers.1.mlp.experts.down_proj");
    auto stored = quantised_weight::find(c, *id, role::ffn_down_exps, 1, -1, q);
    CHECK(same(decoded(stored), w.values));
    // Gate and up share a tensor: by role it cannot be had, by name it can.
    CHECK_REFUSED(quantised_weight::find(c, *id, role::ffn_up_exps, 1, -1, q), unsupported);
    const packed_weight& both = m.weights.at("model.layers.1.mlp.experts.gate_up_proj");
    auto named = quantised_weight::find(c, "model.layers.1.mlp.experts.gate_up_proj_blocks", q);
    CHECK(same(decoded(named), both.values));
    auto bound = aka::llama::bind(c, {}, test::known());
    REQUIRE_OK(bound);
    for (int e = 0; e < 3; ++e) {
        auto up = quantised_weight::find(*bound, role::ffn_up_exps, 1, e, q);
        const std::vector<float> got = decoded(up);
        std::vector<float> want;
        for (std::uint64_t row = 0; row < ff; ++row)
            for (std::uint64_t i = 0; i < embd; ++i)
                want.push_back(both.values[static_cast<std::size_t>(
                    ((static_cast<std::uint64_t>(e) * 2 * ff) + 2 * row + 1) * embd + i)]);
        CHECK(same(got, want));
    }
}

TEST_CASE("real checkpoints: the form of every matrix is known") {
    SKIP_WITHOUT_DATA();
    struct real {
        const char* folder;
        const char* payload;  // what ends the names of quantised matrices
        const char* beside;   // a part that they have and others have not
        const char* words;
        std::size_t matrices;
    };
    const real all[] = {
        {"qwen1-vl-chat-gptq-int4", ".qweight", ".scales", "GPTQ 4-bit, groups of 128", 160},
        {"molmo-7b-d-nf4", ".weight", ".weight.absmax", "bitsandbytes 4-bit", 112},
        {"qwen3-14b-mlx-4bit", ".weight", ".scales", "MLX 4-bit, groups of 64", 282},
    };
    for (const real& x : all) {
        CAPTURE(std::string(x.folder));
        aka::checkpoint_options o;
        o.names_only = true;
        auto c =
            aka::checkpoint::open((test::shared_data() / "checkpoints" / x.folder).string(), o);
        REQUIRE_OK(c);
        const aka::quant_settings q = settings(*c);
        std::size_t quantised = 0, plain = 0;
        for (const aka::tensor t : *c) {
            const std::string name(t.name());
            const std::string end = x.payload;
            if (name.size() <= end.size() || name.substr(name.size() - end.size()) != end) continue;
            const std::string base = name.substr(0, name.size() - end.size());
            CAPTURE(name);
            auto w = quantised_weight::find(*c, name, q);
            REQUIRE_OK(w);
            if (!c->find(base + x.beside)) {
                CHECK(w->form().scheme == part_scheme::plain);
                ++plain;
                continue;
            }
            aka::detail::fixed_text<96> words;
            w->form().describe(words);
            CHECK(std::string(words.view()) == x.words);
            ++quantised;
        }
        CHECK(quantised == x.matrices);
        CHECK(cli::packed_weights(*c, *c).text() ==
              x.words + (" (" + std::to_string(x.matrices) + ")"));
        MESSAGE(std::string(x.folder) << ": " << quantised << " quantised, " << plain << " plain");
    }
}

}  // namespace test_parts_checkpoints
