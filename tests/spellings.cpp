// The writer of spellings, which tests of adapting rest on: checked without aka, against closed
// forms, texts written by hand, the table of conventions and the names of real files.
#include "support/spellings.hpp"

#include "support/json.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace test_spellings {

namespace {

using test::model;
using test::model_config;
using test::named_model;
using test::spelling;
using test::st_tensor;
using u64 = std::uint64_t;

std::vector<named_model> all_models(const std::string& dtype) {
    std::vector<named_model> out = test::standard_models(dtype);
    for (named_model& m : test::special_models(dtype)) out.push_back(std::move(m));
    return out;
}

// The same shapes with every weight another whole number, exact in F32.
model labelled(const model_config& config) {
    model_config c = config;
    c.dtype = "F32";
    c.norm_dtype = "";
    model m = test::model_shapes(c);
    float next = 0;
    for (const std::string& key : m.order) {
        st_tensor& t = m.tensors.at(key);
        std::vector<float> values(static_cast<std::size_t>(test::count_elements(t.shape)));
        for (float& v : values) v = next++;
        t.data = test::encode_floats(values, "F32");
    }
    REQUIRE(next < 16777216.0f);
    return m;
}

std::map<std::string, st_tensor> by_name(const std::vector<st_tensor>& tensors) {
    std::map<std::string, st_tensor> out;
    for (const st_tensor& t : tensors) out[t.name] = t;
    return out;
}

// Where an element of the model stands in a spelling: closed forms, row by row.
struct place {
    std::string pattern;
    u64 expert = 0;
    u64 at = 0;  // counted in elements
};

struct element {
    std::string role, part;  // "attn_q", "weight"
    u64 expert, row, column, columns;
};

u64 row_in_head(const spelling& s, const model_config& c, u64 i, bool turns) {
    const u64 n_rot = c.n_rot == 0 ? c.head_dim : c.n_rot;
    if (!s.pairs || !turns || i >= n_rot) return i;
    return 2 * (i % (n_rot / 2)) + i / (n_rot / 2);
}

place of_attention(const spelling& s, const model_config& c, const element& x) {
    const u64 d = c.head_dim, h = x.row / d, g = c.n_head / c.n_head_kv;
    const bool q = x.role == "attn_q", k = x.role == "attn_k";
    const u64 i = row_in_head(s, c, x.row % d, q || k);
    u64 block = h;  // counted in heads
    std::string name = q ? s.names.q : k ? s.names.k : s.names.v;
    if (s.qkv == test::qkv_form::joined) {
        name = s.names.qkv;
        block = q ? h : k ? c.n_head + h : c.n_head + c.n_head_kv + h;
    } else if (s.qkv == test::qkv_form::by_group) {
        name = s.names.qkv;
        block = q ? h / g * (g + 2) + h % g : k ? h * (g + 2) + g : h * (g + 2) + g + 1;
    } else if (s.qkv == test::qkv_form::kv_by_head && !q) {
        name = s.names.kv;
        block = 2 * h + (k ? 0 : 1);
    }
    return {name, 0, (block * d + i) * x.columns + x.column};
}

place of_experts(const spelling& s, const model_config& c, const element& x) {
    using test::expert_form;
    const u64 F = c.n_ff, H = c.n_embd, e = x.expert, r = x.row, col = x.column;
    const bool gate = x.role == "ffn_gate", down = x.role == "ffn_down";
    const bool bias = x.part == "bias";
    const u64 half = gate ? 0 : F;
    const std::string& apart = gate ? s.names.exp_gate : down ? s.names.exp_down : s.names.exp_up;
    const std::string& both = down ? s.names.exp_down : s.names.exp_gate_up;
    const u64 n = x.columns, rows = down ? H : F;
    switch (s.experts) {
        case expert_form::none:
            break;
        case expert_form::each:
            return {apart, e, r * n + col};
        case expert_form::each_gate_up:
            return {both, e, (down ? r : half + r) * n + col};
        case expert_form::stacked:
            return {apart, 0, (e * rows + r) * n + col};
        case expert_form::gate_up:
            return {both, 0, (down ? e * H + r : e * 2 * F + half + r) * n + col};
        case expert_form::gate_up_t:
            if (bias) return {both, 0, down ? e * H + r : e * 2 * F + half + r};
            return {both, 0, down ? (e * F + col) * H + r : (e * H + col) * 2 * F + half + r};
        case expert_form::even_odd_t:
            if (bias) return {both, 0, down ? e * H + r : e * 2 * F + 2 * r + (gate ? 0 : 1)};
            return {both, 0,
                    down ? (e * F + col) * H + r : (e * H + col) * 2 * F + 2 * r + (gate ? 0 : 1)};
        case expert_form::flat:
            return {apart, 0, down ? (e * F + col) * H + r : (e * F + r) * n + col};
    }
    return {};
}

place of_dense(const spelling& s, const model_config& c, const element& x) {
    const bool gate = x.role == "ffn_gate", down = x.role == "ffn_down";
    if (down) return {s.names.down, 0, x.row * x.columns + x.column};
    if (s.mlp == test::mlp_form::apart) {
        return {gate ? s.names.gate : s.names.up, 0, x.row * x.columns + x.column};
    }
    const bool first = gate == (s.mlp == test::mlp_form::gate_up);
    return {s.names.gate_up, 0, ((first ? 0 : c.n_ff) + x.row) * x.columns + x.column};
}

struct key_parts {
    u64 layer = 0, expert = 0;
    std::string role, part;
};
// "blk.1.ffn_gate.3.weight"
key_parts split_key(const std::string& key) {
    std::vector<std::string> words(1);
    for (const char c : key) {
        if (c == '.')
            words.emplace_back();
        else
            words.back() += c;
    }
    key_parts out;
    out.part = words.back();
    if (words[0] != "blk") {
        out.role = words[0];
        return out;
    }
    out.layer = std::stoull(words.at(1));
    out.role = words.at(2);
    if (words.size() == 5) out.expert = std::stoull(words[3]);
    return out;
}

place find_place(const spelling& s, const model_config& c, const element& x) {
    const test::spelling_names& n = s.names;
    if (x.role == "attn_q" || x.role == "attn_k" || x.role == "attn_v") {
        return of_attention(s, c, x);
    }
    if (x.role == "ffn_gate" || x.role == "ffn_up" || x.role == "ffn_down") {
        return c.n_expert != 0 ? of_experts(s, c, x) : of_dense(s, c, x);
    }
    const std::map<std::string, std::string> names = {
        {"token_embd", n.token_embd}, {"output_norm", n.output_norm},
        {"output", n.output},         {"attn_norm", n.attn_norm},
        {"ffn_norm", n.ffn_norm},     {"attn_output", n.attn_output},
        {"attn_sinks", n.sinks},      {"ffn_gate_inp", n.router}};
    return {names.at(x.role), 0, x.row * x.columns + x.column};
}

std::string full_name(const place& where, u64 layer, const std::string& part) {
    std::string name = where.pattern;
    const bool hole = name.find("{part}") != std::string::npos;
    const std::pair<const char*, std::string> holes[] = {
        {"{l}", std::to_string(layer)}, {"{e}", std::to_string(where.expert)}, {"{part}", part}};
    for (const auto& [text, value] : holes) {
        const std::size_t at = name.find(text);
        if (at != std::string::npos) name.replace(at, std::string(text).size(), value);
    }
    return part == "bias" && !hole ? name + "_bias" : name;
}

// Every element of the model that is not where the closed forms say: the count, and the first.
std::string misplaced(const spelling& s, const model& m) {
    const auto tensors = by_name(s.write(m));
    for (const std::string& key : m.order) {
        const st_tensor& from = m.at(key);
        const key_parts k = split_key(key);
        const u64 columns = from.shape.size() == 1 ? 1 : from.shape[1];
        for (u64 i = 0; i < test::count_elements(from.shape); ++i) {
            const element x{k.role, k.part, k.expert, i / columns, i % columns, columns};
            const place where = find_place(s, m.config, x);
            const std::string name = full_name(where, k.layer, k.part);
            const auto to = tensors.find(name);
            if (to == tensors.end()) return key + ": no tensor " + name;
            if (to->second.data.compare(where.at * 4, 4, from.data, i * 4, 4) != 0) {
                return key + " [" + std::to_string(i) + "] in " + name;
            }
        }
    }
    return "";
}

model_config tiny(u64 n_head, u64 n_head_kv, u64 head_dim, u64 n_expert = 0) {
    model_config c;
    c.n_layer = 1;
    c.n_embd = 2;
    c.n_head = n_head;
    c.n_head_kv = n_head_kv;
    c.head_dim = head_dim;
    c.n_ff = 3;
    c.n_expert = n_expert;
    c.dtype = "F32";
    return c;
}

// Names the rows of a tensor by where they come from: "q0 q1 k0 v0".
std::string row_labels(const model& m, const st_tensor& t,
                       const std::vector<std::pair<std::string, std::string>>& sources) {
    std::string out;
    for (u64 r = 0; r < t.shape[0]; ++r) {
        const std::string row = test::take_rows(t, r, 1).data;
        for (const auto& [letter, key] : sources) {
            const st_tensor& from = m.at(key);
            for (u64 i = 0; i < from.shape[0]; ++i) {
                if (test::take_rows(from, i, 1).data != row) continue;
                out += (out.empty() ? "" : " ") + letter + std::to_string(i);
            }
        }
    }
    return out;
}

std::filesystem::path index_in(const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.size() > 11 && name.compare(name.size() - 11, 11, ".index.json") == 0) {
            return entry.path();
        }
    }
    return {};
}

std::string convention_of(const spelling& s) {
    const std::size_t at = s.id.find_first_of("/:");
    return s.id.substr(0, at);
}

}  // namespace

TEST_CASE("interleaved rows: the closed form, and reshape with swapped axes") {
    const u64 cases[][3] = {{1, 4, 4}, {2, 8, 8}, {8, 64, 64}, {3, 16, 8}, {5, 6, 2}};
    for (const auto& [n, d, rot] : cases) {
        const std::vector<u64> order = test::pairs_from_halves(n, d, rot);
        REQUIRE(order.size() == n * d);
        for (u64 h = 0; h < n; ++h) {
            for (u64 s = 0; s < 2; ++s) {
                for (u64 i = 0; i < rot / 2; ++i) {
                    CHECK(order[h * d + 2 * i + s] == h * d + s * (rot / 2) + i);
                }
            }
            for (u64 r = rot; r < d; ++r) CHECK(order[h * d + r] == h * d + r);
        }
        if (rot == d) {
            CHECK(order == test::pairs_from_halves(n, d));
        }
    }
    // reshape(n, 2, d/2), swapaxes(1, 2): rows counted through in the order of the new axes.
    std::vector<u64> swapped;
    for (u64 h = 0; h < 2; ++h) {
        for (u64 i = 0; i < 4; ++i) {
            for (u64 s = 0; s < 2; ++s) swapped.push_back(h * 8 + s * 4 + i);
        }
    }
    CHECK(test::pairs_from_halves(2, 8, 8) == swapped);
}

TEST_CASE("interleaved rows: an involution for heads of 4, of order 7 for heads of 128") {
    const auto times = [](u64 d, int n) {
        const std::vector<u64> once = test::pairs_from_halves(1, d, d);
        std::vector<u64> at(d);
        for (u64 i = 0; i < d; ++i) at[i] = i;
        for (int k = 0; k < n; ++k) {
            std::vector<u64> next(d);
            for (u64 i = 0; i < d; ++i) next[i] = at[once[i]];
            at = next;
        }
        bool same = true;
        for (u64 i = 0; i < d; ++i) same = same && at[i] == i;
        return same;
    };
    CHECK(times(4, 2));
    CHECK_FALSE(times(8, 2));
    CHECK(times(128, 7));
    for (int n = 1; n < 7; ++n) CHECK_FALSE(times(128, n));
}

TEST_CASE("spellings: fused rows as written by hand") {
    const std::vector<std::pair<std::string, std::string>> qkv = {
        {"q", "blk.0.attn_q.weight"}, {"k", "blk.0.attn_k.weight"}, {"v", "blk.0.attn_v.weight"}};
    const std::vector<std::pair<std::string, std::string>> mlp = {{"g", "blk.0.ffn_gate.weight"},
                                                                  {"u", "blk.0.ffn_up.weight"}};
    const model m = labelled(tiny(4, 2, 4));
    const auto rows = [&](const char* id, const char* name) {
        const auto all = by_name(test::find_spelling(id).write(m));
        const bool is_mlp = std::string(name).find("mlp") != std::string::npos;
        return row_labels(m, all.at(name), is_mlp ? mlp : qkv);
    };
    const std::string grouped =
        "q0 q1 q2 q3 q4 q5 q6 q7 k0 k1 k2 k3 v0 v1 v2 v3 "
        "q8 q9 q10 q11 q12 q13 q14 q15 k4 k5 k6 k7 v4 v5 v6 v7";
    CHECK(rows("internlm2", "model.layers.0.attention.wqkv.weight") == grouped);
    CHECK(rows("megatron_core", "decoder.layers.0.self_attention.linear_qkv.weight") == grouped);
    CHECK(rows("litgpt_legacy", "transformer.h.0.attn.attn.weight") == grouped);
    const std::string joined =
        "q0 q1 q2 q3 q4 q5 q6 q7 q8 q9 q10 q11 q12 q13 q14 q15 k0 k1 k2 k3 k4 k5 k6 k7 "
        "v0 v1 v2 v3 v4 v5 v6 v7";
    CHECK(rows("phi3", "model.layers.0.self_attn.qkv_proj.weight") == joined);
    CHECK(rows("litgpt", "transformer.h.0.attn.qkv.weight") == joined);
    CHECK(rows("gpt_fast", "layers.0.attention.wqkv.weight") ==
          "q0 q2 q1 q3 q4 q6 q5 q7 q8 q10 q9 q11 q12 q14 q13 q15 k0 k2 k1 k3 k4 k6 k5 k7 "
          "v0 v1 v2 v3 v4 v5 v6 v7");
    CHECK(rows("meta_llama", "layers.0.attention.wk.weight") == "k0 k2 k1 k3 k4 k6 k5 k7");
    CHECK(rows("gguf:llama", "blk.0.attn_k.weight") == "k0 k2 k1 k3 k4 k6 k5 k7");
    CHECK(rows("gguf:qwen2", "blk.0.attn_k.weight") == "k0 k1 k2 k3 k4 k5 k6 k7");
    CHECK(rows("telechat2", "transformer.h.0.self_attention.key_value.weight") ==
          "k0 k1 k2 k3 v0 v1 v2 v3 k4 k5 k6 k7 v4 v5 v6 v7");
    CHECK(rows("phi3", "model.layers.0.mlp.gate_up_proj.weight") == "g0 g1 g2 u0 u1 u2");
    CHECK(rows("megatron_core", "decoder.layers.0.mlp.linear_fc1.weight") == "g0 g1 g2 u0 u1 u2");
    CHECK(rows("trtllm", "transformer.layers.0.mlp.fc.weight") == "g0 g1 g2");
    CHECK(rows("trtllm", "transformer.layers.0.mlp.gate.weight") == "u0 u1 u2");
    const auto molmo = by_name(test::find_spelling("molmo").write(m));
    CHECK(row_labels(m, molmo.at("model.transformer.blocks.0.ff_proj.weight"), mlp) ==
          "u0 u1 u2 g0 g1 g2");

    const model mha = labelled(tiny(2, 2, 2));
    const auto qwen = by_name(test::find_spelling("qwen1").write(mha));
    CHECK(row_labels(mha, qwen.at("transformer.h.0.attn.c_attn.weight"), qkv) ==
          "q0 q1 q2 q3 k0 k1 k2 k3 v0 v1 v2 v3");
    CHECK(row_labels(mha, qwen.at("transformer.h.0.mlp.w1.weight"), mlp) == "u0 u1 u2");
    CHECK(row_labels(mha, qwen.at("transformer.h.0.mlp.w2.weight"), mlp) == "g0 g1 g2");

    model_config half = tiny(2, 1, 8);
    half.n_rot = 4;
    const model glm = labelled(half);
    const auto chat = by_name(test::find_spelling("chatglm").write(glm));
    CHECK(row_labels(glm,
                     chat.at("transformer.encoder.layers.0.self_attention.query_key_value.weight"),
                     qkv) ==
          "q0 q2 q1 q3 q4 q5 q6 q7 q8 q10 q9 q11 q12 q13 q14 q15 k0 k2 k1 k3 k4 k5 k6 k7 "
          "v0 v1 v2 v3 v4 v5 v6 v7");
}

TEST_CASE("spellings: experts as written by hand") {
    // One layer, 2 experts of 2 x 3: the numbers are those of `plain`, counted through the model.
    model_config c = tiny(1, 1, 2, 2);
    const model m = labelled(c);
    const float g0 = test::decode_floats(m.at("blk.0.ffn_gate.0.weight").data, "F32")[0];
    const float u0 = test::decode_floats(m.at("blk.0.ffn_up.0.weight").data, "F32")[0];
    const float d0 = test::decode_floats(m.at("blk.0.ffn_down.0.weight").data, "F32")[0];
    CHECK(u0 == g0 + 6);
    CHECK(d0 == g0 + 12);
    const auto values = [&](const char* id, const std::string& name) {
        const auto tensors = by_name(test::find_spelling(id).write(m));
        const st_tensor& t = tensors.at(name);
        std::string out = "[";
        for (const u64 d : t.shape) out += std::to_string(d) + " ";
        out.back() = ']';
        for (const float v : test::decode_floats(t.data, "F32")) {
            out += " " + std::to_string(static_cast<int>(v - g0));
        }
        return out;
    };
    const std::string moe = "model.layers.0.mlp.experts.";
    CHECK(values("mixtral_hf/fused", moe + "gate_up_proj") ==
          "[2 6 2] 0 1 2 3 4 5 6 7 8 9 10 11 18 19 20 21 22 23 24 25 26 27 28 29");
    CHECK(values("mixtral_hf/fused", moe + "down_proj") ==
          "[2 2 3] 12 13 14 15 16 17 30 31 32 33 34 35");
    CHECK(values("qwen3_vl_moe", "model.language_model.layers.0.mlp.experts.gate_up_proj") ==
          "[2 2 6] 0 2 4 6 8 10 1 3 5 7 9 11 18 20 22 24 26 28 19 21 23 25 27 29");
    CHECK(values("gpt_oss_hf", moe + "gate_up_proj") ==
          "[2 2 6] 0 6 2 8 4 10 1 7 3 9 5 11 18 24 20 26 22 28 19 25 21 27 23 29");
    CHECK(values("gpt_oss_hf", moe + "down_proj") == "[2 3 2] 12 15 13 16 14 17 30 33 31 34 32 35");
    const std::string original = "layers.0.block_sparse_moe.";
    CHECK(values("mixtral_original", original + "w1") == "[6 2] 0 1 2 3 4 5 18 19 20 21 22 23");
    CHECK(values("mixtral_original", original + "w2") ==
          "[6 2] 12 15 13 16 14 17 30 33 31 34 32 35");
    CHECK(values("mixtral_original", original + "w3") == "[6 2] 6 7 8 9 10 11 24 25 26 27 28 29");
    CHECK(values("granite_moe", "model.layers.0.block_sparse_moe.input_linear.weight") ==
          values("mixtral_hf/fused", moe + "gate_up_proj"));
    CHECK(values("mlx", "model.layers.0.mlp.switch_mlp.up_proj.weight") ==
          "[2 3 2] 6 7 8 9 10 11 24 25 26 27 28 29");
    CHECK(values("gguf:llama", "blk.0.ffn_down_exps.weight") ==
          values("mixtral_hf/fused", moe + "down_proj"));
    CHECK(values("gguf:llama/each", "blk.0.ffn_up.1.weight") == "[3 2] 24 25 26 27 28 29");
    CHECK(values("megatron_core/moe",
                 "decoder.layers.0.mlp.experts.local_experts.1.linear_fc1.weight") ==
          "[6 2] 18 19 20 21 22 23 24 25 26 27 28 29");
    CHECK(values("megatron_core/grouped", "decoder.layers.0.mlp.experts.linear_fc2.weight0") ==
          "[2 3] 12 13 14 15 16 17");
}

TEST_CASE("spellings: every weight once, under a name of its own, where the closed forms say") {
    std::set<std::string> used;
    for (const named_model& named : all_models("F32")) {
        const model m = labelled(named.model.config);
        std::size_t n_weights = 0;
        for (const std::string& key : m.order) n_weights += m.at(key).data.size() / 4;
        std::string held;
        for (const spelling& s : test::spellings()) {
            if (!s.holds(m.config)) {
                CHECK_THROWS(s.write(m));
                continue;
            }
            CAPTURE(named.name);
            CAPTURE(s.id);
            held += " " + s.id;
            if (s.natural(m.config)) used.insert(s.id);
            std::set<std::string> names;
            std::vector<float> values;
            for (const st_tensor& t : s.write(m)) {
                CHECK(names.insert(t.name).second);
                CHECK(t.name.find_first_of("{}") == std::string::npos);
                CHECK(t.data.size() == test::count_elements(t.shape) * 4);
                const bool again = m.config.tied && s.writes_tied && t.name == "lm_head.weight";
                if (again) {
                    CHECK(t.data == m.at("token_embd.weight").data);
                    continue;
                }
                for (const float v : test::decode_floats(t.data, "F32")) values.push_back(v);
            }
            std::sort(values.begin(), values.end());
            REQUIRE(values.size() == n_weights);
            bool each_once = true;
            for (std::size_t i = 0; i < values.size(); ++i) {
                each_once = each_once && values[i] == static_cast<float>(i);
            }
            CHECK(each_once);
            CHECK(misplaced(s, m) == "");
        }
        MESSAGE(named.name << " in" << held);
    }
    // No spelling without a model that its own family would take.
    for (const spelling& s : test::spellings()) CHECK_MESSAGE(used.count(s.id) == 1, s.id);
}

TEST_CASE("spellings: the models differ where they should") {
    for (const char* dtype : {"F32", "F16", "BF16"}) {
        for (const named_model& named : all_models(dtype)) {
            const model_config& c = named.model.config;
            CAPTURE(named.name);
            CHECK(named.model.at("token_embd.weight").dtype == dtype);
            CHECK(c.n_head % c.n_head_kv == 0);
            CHECK(c.n_vocab != c.n_embd);
            CHECK(c.n_ff % c.n_embd != 0);
            CHECK(c.n_ff != c.n_head * c.head_dim);
        }
    }
    const auto all = test::standard_models("F16");
    REQUIRE(all.size() == 4);
    CHECK(all[0].model.config.n_embd != all[0].model.config.n_head * all[0].model.config.head_dim);
    CHECK(all[0].model.config.n_head_kv < all[0].model.config.n_head);
    CHECK(all[1].model.config.n_head_kv == all[1].model.config.n_head);
    CHECK(all[2].model.has("blk.0.attn_q.bias"));
    CHECK(all[3].model.config.n_expert == 4);
}

TEST_CASE("spellings: what cannot be said is refused with a reason") {
    const auto models = test::standard_models("F16");
    const auto why = [&](const char* id, std::size_t i) {
        return test::find_spelling(id).refuses(models[i].model.config);
    };
    CHECK(why("baichuan", 0) == "q, k and v are equal parts");
    CHECK(why("baichuan", 1).empty());
    CHECK(why("qwen1", 2) == "q, k and v are equal parts");
    CHECK(why("phi3", 3) == "no names for experts");
    CHECK(why("gpt_oss_hf", 0) == "no names for a feed-forward without experts");
    CHECK(why("chatglm", 0) == "half of each head turns");
    CHECK(why("olmo_ai2", 1) == "norms have no weights");
    const auto special = test::special_models("F16");
    CHECK(test::find_spelling("meta_llama").refuses(special[0].model.config) == "whole heads turn");
    CHECK(test::find_spelling("hf_llama").refuses(special[2].model.config) == "norms have weights");
    CHECK(test::find_spelling("mixtral_hf").refuses(special[3].model.config) ==
          "no name for attention sinks");
}

TEST_CASE("spellings: GGUF agrees with the other writer of it") {
    struct row {
        std::string id, arch;
        bool stack;
        std::size_t model;
    };
    const row rows[] = {{"gguf:llama", "llama", true, 0},      {"gguf:llama", "llama", true, 1},
                        {"gguf:llama", "llama", true, 2},      {"gguf:llama", "llama", true, 3},
                        {"gguf:qwen2", "qwen2", true, 0},      {"gguf:qwen2", "qwen2", true, 2},
                        {"gguf:llama/each", "llama", false, 3}};
    for (const char* dtype : {"F32", "F16", "BF16"}) {
        const auto models = test::standard_models(dtype);
        for (const row& r : rows) {
            CAPTURE(r.id);
            test::gguf_model_options options;
            options.arch = r.arch;
            options.stack_experts = r.stack;
            const test::gguf_writer theirs = test::to_gguf(models[r.model].model, options);
            const test::gguf_writer ours =
                test::find_spelling(r.id).write_gguf(models[r.model].model);
            std::map<std::string, const test::gguf_tensor*> named;
            for (const test::gguf_tensor& t : ours.tensors) named[t.name] = &t;
            REQUIRE(named.size() == theirs.tensors.size());
            for (const test::gguf_tensor& t : theirs.tensors) {
                REQUIRE_MESSAGE(named.count(t.name) == 1, t.name);
                CHECK(named[t.name]->type == t.type);
                CHECK(named[t.name]->shape == t.shape);
                CHECK(named[t.name]->data == t.data);
            }
            REQUIRE(ours.kvs.size() == theirs.kvs.size());
            for (std::size_t i = 0; i < ours.kvs.size(); ++i) {
                CHECK(ours.kvs[i].first == theirs.kvs[i].first);
                CHECK(ours.kvs[i].second.bits == theirs.kvs[i].second.bits);
                CHECK(ours.kvs[i].second.text == theirs.kvs[i].second.text);
            }
        }
    }
}

TEST_CASE("spellings: quantised rows move as whole blocks") {
    for (const char* type : {"q4_0", "q8_0", "q4_K"}) {
        const u64 bytes = test::ggml_type(test::ggml_id(type))->bytes;
        for (const named_model& named : test::quantised_models(type)) {
            const model& m = named.model;
            CAPTURE(type);
            CAPTURE(named.name);
            std::size_t n_gguf = 0;
            for (const spelling& s : test::spellings()) {
                if (!s.holds(m.config)) continue;
                CAPTURE(s.id);
                n_gguf += s.gguf() ? 1 : 0;
                const auto tensors = by_name(s.write(m));
                for (const std::string& key : m.order) {
                    const st_tensor& from = m.at(key);
                    if (from.dtype != type) continue;
                    const key_parts k = split_key(key);
                    const std::size_t row = test::row_bytes(from);
                    REQUIRE(row % bytes == 0);
                    std::size_t bad = 0;
                    for (u64 r = 0; r < from.shape[0]; ++r) {
                        const element x{k.role, k.part, k.expert, r, 0, 1};
                        const place where = find_place(s, m.config, x);
                        const st_tensor& to = tensors.at(full_name(where, k.layer, k.part));
                        bad += to.data.compare(where.at * row, row, from.data, r * row, row) != 0;
                        bad += to.dtype != type;
                    }
                    CHECK_MESSAGE(bad == 0, key);
                }
                const test::gguf_writer file = s.write_gguf(m);
                for (const test::gguf_tensor& t : file.tensors) {
                    CHECK(t.data.size() == test::ggml_bytes(t.type, t.shape));
                }
            }
            CHECK(n_gguf >= 2);
        }
    }
    const auto moe = test::quantised_models("q8_0").back();
    for (const char* id : {"gpt_oss_hf", "qwen3_vl_moe", "mixtral_original"}) {
        CHECK(test::find_spelling(id).refuses(moe.model.config) ==
              "transposed experts would cut blocks of q8_0");
    }
}

TEST_CASE("spellings: configs are JSON, and say what the model is") {
    for (const named_model& named : all_models("BF16")) {
        const model_config& c = named.model.config;
        for (const spelling& s : test::spellings()) {
            if (!s.holds(c)) continue;
            CAPTURE(named.name);
            CAPTURE(s.id);
            const std::string text = s.config(named.model);
            CHECK(text.empty() == s.gguf());
            if (text.empty()) continue;
            const test::json config = test::json::parse(text);
            std::set<std::string> keys(config.keys.begin(), config.keys.end());
            CHECK(keys.size() == config.keys.size());
            if (s.id == "meta_llama") {
                CHECK(test::meta_n_ff(config["dim"].as_u64(), config["multiple_of"].as_u64(),
                                      config["ffn_dim_multiplier"].as_double()) == c.n_ff);
            } else if (s.id == "qwen1" || s.id == "molmo") {
                CHECK(config["intermediate_size"].as_u64() == c.n_ff * 2);
            } else if (s.id == "chatglm") {
                CHECK(config["ffn_hidden_size"].as_u64() == c.n_ff);
            } else if (s.id == "qwen3_vl_moe") {
                CHECK(config["text_config"]["num_experts"].as_u64() == c.n_expert);
            }
        }
    }
    // 4096: int(8 * 4096 / 3) = 10922, in steps of 256: 11008.
    CHECK(test::meta_n_ff(4096, 256, 1.0) == 11008);
    CHECK(test::meta_n_ff(8192, 4096, 1.3) == 28672);
}

TEST_CASE("spellings: names and layouts are those of the table of conventions") {
    SKIP_WITHOUT_DATA();
    const test::json table =
        test::json::parse(test::read_file(test::shared_data() / "conventions.json"));
    std::map<std::string, const test::json*> rows;
    for (const test::json& row : table["conventions"].items) rows[row["id"].as_string()] = &row;
    std::map<std::string, std::string> rope;
    for (const test::json& row : table["gguf_archs"].items) {
        if (row["rope_2026_05"].is_string()) {
            rope[row["arch"].as_string()] = row["rope_2026_05"].as_string();
        }
    }
    for (const spelling& s : test::spellings()) {
        CAPTURE(s.id);
        if (s.id == "molmo" || s.id == "mixtral_original/each") continue;  // not in the table
        REQUIRE(rows.count(convention_of(s)) == 1);
        const test::json& row = *rows[convention_of(s)];
        const test::spelling_names& n = s.names;
        const std::map<std::string, std::string> mine = {{"tok_embd", n.token_embd},
                                                         {"output_norm", n.output_norm},
                                                         {"output", n.output},
                                                         {"attn_norm", n.attn_norm},
                                                         {"ffn_norm", n.ffn_norm},
                                                         {"attn_o", n.attn_output},
                                                         {"attn_q", n.q},
                                                         {"attn_k", n.k},
                                                         {"attn_v", n.v},
                                                         {"attn_qkv", n.qkv},
                                                         {"attn_kv", n.kv},
                                                         {"attn_sinks", n.sinks},
                                                         {"ffn_gate", n.gate},
                                                         {"ffn_up", n.up},
                                                         {"ffn_down", n.down},
                                                         {"ffn_gate_up", n.gate_up},
                                                         {"ffn_up_gate", n.gate_up},
                                                         {"moe_router", n.router},
                                                         {"exp_gate", n.exp_gate},
                                                         {"exp_up", n.exp_up},
                                                         {"exp_down", n.exp_down},
                                                         {"exp_gate_up", n.exp_gate_up},
                                                         {"exp_gate_stacked", n.exp_gate},
                                                         {"exp_up_stacked", n.exp_up},
                                                         {"exp_down_stacked", n.exp_down},
                                                         {"exp_gate_up_stacked", n.exp_gate_up},
                                                         {"exp_gate_stacked2d", n.exp_gate},
                                                         {"exp_up_stacked2d", n.exp_up},
                                                         {"exp_down_stacked2d", n.exp_down}};
        const bool form = s.id.find('/') != std::string::npos;  // one of several, not the table's
        std::size_t compared = 0;
        for (std::size_t i = 0; i < row["names"].size(); ++i) {
            const std::string& role = row["names"].keys[i];
            const auto found = mine.find(role);
            if (found == mine.end() || found->second.empty()) continue;
            const bool expert = role.compare(0, 3, "exp") == 0 || role == "moe_router";
            if (form && expert && convention_of(s) != "megatron_core") continue;
            if (s.id == "gguf:gpt-oss" && role == "ffn_norm") continue;  // named otherwise there
            std::string theirs = row["names"].items[i].as_string();
            std::string name = found->second;
            for (const char* end : {".{part}", ".weight"}) {
                const std::size_t at = name.rfind(end);
                if (at != std::string::npos && at + std::string(end).size() == name.size()) {
                    name.resize(at);
                }
            }
            name = test::fill_hole(name, "{part}", "weight");
            // Alternatives, remarks in brackets, and a tail of a name behind an ellipsis.
            bool same = false;
            for (std::size_t from = 0; from <= theirs.size();) {
                std::size_t to = theirs.find(" | ", from);
                if (to == std::string::npos) to = theirs.size();
                std::string one = theirs.substr(from, to - from);
                one = one.substr(0, one.find(" ("));
                one = one.substr(0, one.find(" ["));
                const std::size_t weight = one.rfind(".weight");
                if (weight != std::string::npos && weight + 7 == one.size()) one.resize(weight);
                if (one.compare(0, 3, "...") == 0) {
                    one = one.substr(3);
                    same = same || (name.size() >= one.size() &&
                                    name.compare(name.size() - one.size(), one.size(), one) == 0);
                }
                same = same || one == name;
                from = to + 3;
            }
            CHECK_MESSAGE(same, role << ": " << name << " against " << theirs);
            ++compared;
        }
        CHECK(compared >= (row.find("base") != nullptr ? 1u : 7u));

        if (s.gguf()) {
            CHECK((rope[s.gguf_arch] == "NORM") == s.pairs);
            continue;
        }
        const std::string& qkv = row["layout"]["qkv"].as_string();
        const std::string& turn = row["layout"]["rope"].as_string();
        const std::string& mlp = row["layout"]["mlp"].as_string();
        CHECK((qkv.find("concat") == 0) == (s.qkv == test::qkv_form::joined));
        CHECK((qkv.find("INTERLEAVED") == 0) == (s.qkv == test::qkv_form::by_group));
        CHECK((qkv.find("q separate; key_value") == 0) == (s.qkv == test::qkv_form::kv_by_head));
        CHECK((turn.find("interleaved") == 0) == s.pairs);
        CHECK((mlp.find("concat [GATE; UP]") == 0) == (s.mlp == test::mlp_form::gate_up));
        CHECK((mlp.find("concat [UP; GATE]") == 0) == (s.mlp == test::mlp_form::up_gate));
        CHECK((mlp.find("INTERLEAVED: row 2i") == 0) ==
              (s.experts == test::expert_form::even_odd_t));
    }
}

TEST_CASE("spellings: a block of a real file has these names") {
    SKIP_WITHOUT_DATA();
    struct row {
        std::string folder, id, model;
    };
    const row rows[] = {{"baichuan2-13b-chat", "baichuan", "mha"},
                        {"internlm2-chat-7b", "internlm2", "gqa"},
                        {"phi3-mini", "phi3", "mha"},
                        {"qwen1-72b", "qwen1", "mha-biases"},
                        {"chatglm3-6b", "chatglm", "half"},
                        {"molmo-7b-d-nf4", "molmo", "biases"},
                        {"mixtral-8x22b-wizardlm2", "mixtral_hf", "moe"},
                        {"llama1-7b", "hf_llama", "mha"},
                        {"qwen2.5-14b-cogito", "hf_qwen2", "biases"}};
    const auto models = all_models("F16");
    for (const row& r : rows) {
        CAPTURE(r.folder);
        const auto index = index_in(test::shared_data() / "checkpoints" / r.folder);
        REQUIRE_FALSE(index.empty());
        const test::json json = test::json::parse(test::read_file(index));
        std::set<std::string> real(json["weight_map"].keys.begin(), json["weight_map"].keys.end());
        bool done = false;
        for (const named_model& named : models) {
            if (named.name != r.model) continue;
            done = true;
            for (const st_tensor& t : test::find_spelling(r.id).write(named.model)) {
                CHECK_MESSAGE(real.count(t.name) == 1, t.name);
            }
        }
        CHECK(done);
    }
}

TEST_CASE("spellings: wrappers") {
    const std::string q = "model.layers.10.self_attn.q_proj.weight";
    CHECK(test::wrap_name("", q) == q);
    CHECK(test::wrap_name("module._orig_mod.", q) == "module._orig_mod." + q);
    CHECK(test::wrap_name("language_model.", "lm_head.weight") == "language_model.lm_head.weight");
    CHECK(test::wrap_name("model.language_model.", q) ==
          "model.language_model.layers.10.self_attn.q_proj.weight");
    CHECK(test::wrap_name("model.language_model.", "lm_head.weight") == "lm_head.weight");
    CHECK(test::wrap_name("bare", q) == "layers.10.self_attn.q_proj.weight");
    CHECK(test::wrap_name("peft", q) ==
          "base_model.model.model.layers.10.self_attn.q_proj.base_layer.weight");
    CHECK(test::wrap_name("peft", "model.norm.weight") == "base_model.model.model.norm.weight");
    CHECK(test::wrap_name("fsdp", q) ==
          "_fsdp_wrapped_module.model.layers.10._fsdp_wrapped_module.self_attn.q_proj.weight");
    CHECK(test::wrap_name("fsdp", "norm.weight") == "_fsdp_wrapped_module.norm.weight");
    const model m = test::standard_models("F16")[0].model;
    for (const spelling& s : test::spellings()) {
        if (!s.holds(m.config)) continue;
        for (const std::string& wrapper : test::wrapper_ids()) {
            if (!test::can_wrap(wrapper, s)) continue;
            std::set<std::string> names;
            for (const st_tensor& t : s.write(m)) {
                CHECK(names.insert(test::wrap_name(wrapper, t.name)).second);
            }
        }
    }
}

TEST_CASE("spellings: files, shards, splits and the other container") {
    const model m = test::standard_models("BF16")[0].model;
    const auto size = [](const std::filesystem::path& p) { return std::filesystem::file_size(p); };
    for (const char* id : {"hf_llama", "mistral_consolidated", "trtllm", "gguf:llama"}) {
        CAPTURE(id);
        const spelling& s = test::find_spelling(id);
        u64 bytes = 0;
        for (const st_tensor& t : s.write(m)) bytes += t.data.size();
        for (const std::size_t shards : {std::size_t{1}, std::size_t{3}}) {
            for (const test::container where :
                 {test::container::native, test::container::gguf, test::container::safetensors}) {
                const test::temp_folder folder;
                test::spelling_options options;
                options.shards = shards;
                options.container = where;
                const auto path = test::write_spelling(s, m, folder.path(), options);
                CHECK(std::filesystem::exists(path));
                const bool gguf = where == test::container::gguf ||
                                  (where == test::container::native && s.gguf());
                CHECK((path.extension() == ".gguf") == gguf);
                u64 total = 0, files = 0;
                for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
                    const std::string kind = entry.path().extension().string();
                    if (kind == ".json") continue;
                    CHECK(kind == (gguf ? ".gguf" : ".safetensors"));
                    total += size(entry.path());
                    ++files;
                }
                CHECK(files == shards);
                CHECK(total > bytes);
                CHECK(total < bytes + 20000);
                if (!s.gguf()) {
                    CHECK(test::read_file(folder / s.config_file) == s.config(m));
                }
                if (shards > 1 && !gguf) {
                    const test::json index = test::json::parse(
                        test::read_file(folder / (s.file + ".safetensors.index.json")));
                    CHECK(index["weight_map"].size() == s.write(m).size());
                }
            }
        }
    }
    const test::temp_folder folder;
    test::spelling_options options;
    options.container = test::container::safetensors;
    const auto blocks = test::quantised_models("q8_0")[0];
    CHECK_THROWS(test::write_spelling(test::find_spelling("gguf:llama"), blocks.model,
                                      folder.path(), options));
}

}  // namespace test_spellings
