// FP8 with a scale for 128 by 128 weights: scales go where their weights go, and where a block
// would have to be cut the adapter says so.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/spellings.hpp"

#include <aka/llama.hpp>

#include <string>
#include <vector>

namespace test_block_scales {

namespace {

using aka::adapt;
using test::bytes_of;
using test::known;
using test::st_tensor;
using u64 = std::uint64_t;

u64 blocks(u64 n) { return (n + 127) / 128; }

// A model in a spelling, its matrices of a layer as FP8 with scales beside them; a scale's value is
// a number of its own.
struct fp8_model {
    test::temp_folder folder;
    std::vector<st_tensor> tensors;
    float next = 1;

    fp8_model(const char* spelling, test::model_config c, const char* part = "weight_scale_inv") {
        c.dtype = "BF16";
        const test::model m = test::random_model(c, 8);
        const test::spelling& s = test::find_spelling(spelling);
        for (st_tensor t : s.write(m)) {
            const bool layer = t.name.find("layers.") != std::string::npos;
            const bool matrix = t.shape.size() >= 2 && t.name.find(".gate.") == std::string::npos;
            if (!layer || !matrix) {
                tensors.push_back(t);
                continue;
            }
            st_tensor scale;
            scale.name = t.name.substr(0, t.name.rfind('.') + 1) + part;
            scale.dtype = "F32";
            scale.shape = {blocks(t.shape[0]), blocks(t.shape[1])};
            std::vector<float> values(static_cast<std::size_t>(scale.shape[0] * scale.shape[1]));
            for (float& v : values) v = next++;
            scale.data = test::encode_floats(values, "F32");
            t.dtype = "F8_E4M3";
            t.data.resize(t.data.size() / 2);
            tensors.push_back(t);
            tensors.push_back(scale);
        }
        test::write_file((folder / "model.safetensors").string(), test::write_safetensors(tensors));
        test::write_file((folder / "config.json").string(), s.config(m));
    }
    aka::checkpoint open() const {
        auto c = aka::checkpoint::open(folder.path().string());
        REQUIRE_MESSAGE(c, c.error().message().view());
        return std::move(*c);
    }
    const st_tensor& at(const std::string& name) const {
        for (const st_tensor& t : tensors)
            if (t.name == name) return t;
        FAIL("no tensor " << name);
        return tensors[0];
    }
    const std::string& scales(const std::string& name) const {
        return at("model.layers.1." + name + ".weight_scale_inv").data;
    }
};

test::model_config config(u64 head, u64 n_embd, u64 n_ff) {
    test::model_config c;
    c.n_head = 4;
    c.n_head_kv = 2;
    c.head_dim = head;
    c.n_embd = n_embd;
    c.n_ff = n_ff;
    return c;
}
aka::adapter adapted(const fp8_model& m, aka::target to) {
    auto a = adapt(m.open(), to, known());
    REQUIRE_MESSAGE(a, to.convention, ": ", a.error().message().view());
    return std::move(*a);
}
aka::adapter adapted(const fp8_model& m, std::string_view convention) {
    aka::target to;
    to.convention = convention;
    return adapted(m, to);
}
void check(const aka::adapter& a, const std::string& name, std::vector<u64> shape,
           const std::string& data) {
    aka::tensor t = a.find(name);
    REQUIRE_MESSAGE(t, name);
    CHECK(t.dtype() == aka::dtype::f32);
    CHECK_MESSAGE((std::vector<u64>(t.shape().begin(), t.shape().end()) == shape), name);
    CHECK_MESSAGE(bytes_of(t) == data, name);
}
std::string refused(const fp8_model& m, std::string_view convention) {
    auto a = adapt(m.open(), convention, known());
    REQUIRE_MESSAGE(!a, convention);
    CHECK(a.code() == aka::errc::unsupported);
    return std::string(a.error().message().view());
}
bool has(const std::string& text, std::string_view what) {
    return text.find(what) != std::string::npos;
}
// Columns [first, first + n) of a matrix of F32 with `width` of them.
std::string columns(const std::string& data, u64 width, u64 first, u64 n) {
    std::string out;
    for (u64 at = first; at * 4 < data.size(); at += width)
        out += data.substr(static_cast<std::size_t>(4 * at), static_cast<std::size_t>(4 * n));
    return out;
}

}  // namespace

TEST_CASE("scales of blocks: fused parts are split and joined along whole blocks") {
    const fp8_model m("hf_llama", config(128, 320, 384));  // 320: the last block is half a block
    const aka::adapter fused = adapted(m, "phi3");
    const std::string p = "model.layers.1.";
    const std::string q = m.scales("self_attn.q_proj"), k = m.scales("self_attn.k_proj"),
                      v = m.scales("self_attn.v_proj");
    check(fused, p + "self_attn.qkv_proj.weight_scale_inv", {8, 3}, q + k + v);
    check(fused, p + "mlp.gate_up_proj.weight_scale_inv", {6, 3},
          m.scales("mlp.gate_proj") + m.scales("mlp.up_proj"));
    check(fused, p + "mlp.down_proj.weight_scale_inv", {3, 3}, m.scales("mlp.down_proj"));
    // By kv head: q q k v, q q k v.
    const std::size_t head = 12;  // a row of three scales
    const aka::adapter grouped = adapted(m, "internlm2");
    check(grouped, p + "attention.wqkv.weight_scale_inv", {8, 3},
          q.substr(0, 2 * head) + k.substr(0, head) + v.substr(0, head) + q.substr(2 * head) +
              k.substr(head) + v.substr(head));

    // And apart again, as views of the fused tensor's rows.
    const fp8_model packed("phi3", config(128, 320, 384));
    const aka::adapter hf = adapted(packed, "hf_llama");
    const std::string& all = packed.scales("self_attn.qkv_proj");
    check(hf, p + "self_attn.q_proj.weight_scale_inv", {4, 3}, all.substr(0, 4 * head));
    check(hf, p + "self_attn.k_proj.weight_scale_inv", {2, 3}, all.substr(4 * head, 2 * head));
    check(hf, p + "self_attn.v_proj.weight_scale_inv", {2, 3}, all.substr(6 * head));
    CHECK(hf.find(p + "self_attn.k_proj.weight_scale_inv").is_view());
}

TEST_CASE("scales of blocks: experts are stacked") {
    test::model_config c = config(128, 256, 128);
    c.n_expert = 3;
    c.n_expert_used = 2;
    const fp8_model m("mixtral_hf", c);
    auto l = aka::llama::bind(m.open(), {aka::access::map, aka::rope_order::half, {}}, known());
    REQUIRE_MESSAGE(l, l.error().message().view());
    std::string expected;
    for (const char* e : {"0", "1", "2"})
        expected += m.scales(std::string("block_sparse_moe.experts.") + e + ".w2");
    aka::tensor t = l->get(aka::role::ffn_down_exps, 1, -1, "weight_scale_inv");
    REQUIRE(t);
    CHECK((t.shape().rank() == 3 && t.shape()[0] == 3 && t.shape()[1] == 2 && t.shape()[2] == 1));
    CHECK(bytes_of(t) == expected);
    // Experts whose matrices end inside a block have no place below each other.
    c.n_ff = 192;
    const std::string why = refused(fp8_model("mixtral_hf", c), "roles");
    CHECK(has(why, "192 rows or columns"));
    CHECK(has(why, "blocks of 128 by 128"));
}

TEST_CASE("scales of blocks: ranks take whole blocks of rows and of columns") {
    const fp8_model m("hf_llama", config(128, 256, 512));
    for (std::uint32_t rank : {0u, 1u}) {
        aka::target to;
        to.convention = "hf_llama";
        to.shard = {rank, 2};
        const aka::adapter a = adapted(m, to);
        const std::string p = "model.layers.1.";
        const std::string &q = m.scales("self_attn.q_proj"), &gate = m.scales("mlp.gate_proj");
        check(a, p + "self_attn.q_proj.weight_scale_inv", {2, 2},
              q.substr(rank * q.size() / 2, q.size() / 2));
        check(a, p + "mlp.gate_proj.weight_scale_inv", {2, 2},
              gate.substr(rank * gate.size() / 2, gate.size() / 2));
        check(a, p + "self_attn.o_proj.weight_scale_inv", {2, 2},
              columns(m.scales("self_attn.o_proj"), 4, 2 * rank, 2));
        check(a, p + "mlp.down_proj.weight_scale_inv", {2, 2},
              columns(m.scales("mlp.down_proj"), 4, 2 * rank, 2));
    }
    aka::target to;
    to.convention = "hf_llama";
    to.shard = {0, 2};
    auto a = adapt(fp8_model("hf_llama", config(128, 256, 384)).open(), to, known());
    REQUIRE(!a);
    CHECK(has(std::string(a.error().message().view()), "192 rows or columns"));
}

TEST_CASE("scales of blocks: what would cut a block is refused with the numbers") {
    // Another row order moves single rows.
    const fp8_model m("hf_llama", config(128, 256, 384));
    CHECK(has(refused(m, "meta_llama"), "q_proj.weight_scale_inv"));
    // Heads of 64: k begins at row 256, v at row 384, and heads by group inside blocks.
    const fp8_model small("hf_llama", config(64, 256, 384));
    CHECK(adapted(small, "phi3").find("model.layers.0.self_attn.qkv_proj.weight_scale_inv"));
    CHECK(has(refused(small, "internlm2"), "64 rows or columns"));
    CHECK(
        has(refused(fp8_model("hf_llama", config(128, 256, 192)), "phi3"), "192 rows or columns"));
    // Scales that are no such blocks.
    fp8_model other("hf_llama", config(128, 256, 384));
    for (st_tensor& t : other.tensors)
        if (t.name == "model.layers.0.mlp.up_proj.weight_scale_inv") t.shape = {6, 1};
    test::write_file((other.folder / "model.safetensors").string(),
                     test::write_safetensors(other.tensors));
    CHECK(has(refused(other, "phi3"), "[6, 1] is not one scale for 128 by 128 of 384 by 256"));
    // A pure renaming needs no blocks at all; GPTQ's columns are refused as before.
    CHECK(adapted(other, "yi_v1").find("model.layers.0.mlp.up_proj.weight_scale_inv"));
    const fp8_model gptq("hf_llama", config(128, 256, 384), "qweight");
    CHECK(has(refused(gptq, "phi3"), "cannot be moved with its rows"));
}

}  // namespace test_block_scales
