// Names that no convention knows: what is inferred is right, and what cannot be known stays open.
#include <aka/infer.hpp>
#include <aka/names.hpp>

#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/vocabularies.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace test_infer {

namespace {

using tensors = std::vector<test::vocabulary_tensor>;

std::vector<aka::named_shape> as_list(const tensors& t, bool shapes = true) {
    std::vector<aka::named_shape> out;
    for (const test::vocabulary_tensor& x : t)
        out.push_back({x.name, shapes ? aka::shape({x.dims.data(), x.dims.size()}) : aka::shape()});
    return out;
}

std::string config_of(const test::vocabulary_model& m) {
    auto n = [](std::uint64_t v) { return std::to_string(v); };
    return "{\"model_type\":\"unheard-of\",\"hidden_size\":" + n(m.x) +
           ",\"num_hidden_layers\":" + n(m.n_layer) + ",\"num_attention_heads\":" + n(m.n_head) +
           ",\"num_key_value_heads\":" + n(m.n_head_kv) + ",\"head_dim\":" + n(m.d) +
           ",\"intermediate_size\":" + n(m.f) + ",\"vocab_size\":" + n(m.v) +
           (m.n_expert != 0 ? ",\"num_local_experts\":" + n(m.n_expert) : std::string()) + "}";
}

// Which row of an inference a name belongs to, found without the library: numbers for holes.
bool spelled_by(std::string_view pattern, std::string_view name) {
    if (pattern.empty()) return name.empty();
    if (pattern.substr(0, 6) == "{part}") return aka::find_part(name) != nullptr;
    if (pattern.substr(0, 3) == "{l}" || pattern.substr(0, 3) == "{e}") {
        std::size_t n = 0;
        while (n < name.size() && name[n] >= '0' && name[n] <= '9') ++n;
        return n != 0 && spelled_by(pattern.substr(3), name.substr(n));
    }
    return !name.empty() && name[0] == pattern[0] && spelled_by(pattern.substr(1), name.substr(1));
}
const aka::inferred_row* row_for(const aka::inference& found, const std::string& name) {
    for (const aka::inferred_row& row : found.rows())
        if (spelled_by(row.pattern, name) ||
            (!row.bias_pattern.empty() && spelled_by(row.bias_pattern, name)))
            return &row;
    return nullptr;
}
std::set<std::string> roles_of(const aka::inferred_row& row) {
    std::set<std::string> out;
    for (unsigned i = 0; i < row.role_count; ++i) out.emplace(aka::name(row.roles[i]));
    return out;
}

struct score {
    unsigned roles = 0, recovered = 0, wrong = 0, open = 0;
    void operator+=(const score& s) {
        roles += s.roles, recovered += s.recovered, wrong += s.wrong, open += s.open;
    }
    double share(unsigned n) const { return roles == 0 ? 0 : 100.0 * n / roles; }
};

// Counts roles: a fused tensor has several. The tensors of one pattern count once.
score judge(const aka::inference& found, const tensors& truth, std::string& notes) {
    score s;
    std::set<const aka::inferred_row*> seen;
    for (const test::vocabulary_tensor& t : truth) {
        if (t.bias) continue;
        const aka::inferred_row* row = row_for(found, t.name);
        REQUIRE_MESSAGE(row != nullptr, t.name);
        const std::set<std::string> is(t.roles.begin(), t.roles.end()), got = roles_of(*row);
        if (got.empty()) {
            for (const std::string& r : is)
                if (row->candidates != 0 && !row->may_be(aka::role_from_name(r)))
                    notes += "  " + t.name + " is " + r + ", not among its candidates\n", ++s.wrong;
        } else if (got != is) {
            notes += "  " + t.name + " is " + *is.begin() + ", not " + *got.begin() + "\n";
            s.wrong += static_cast<unsigned>(is.size());
        }
        if (!seen.insert(row).second) continue;
        const auto n = static_cast<unsigned>(is.size());
        s.roles += n;
        (got.empty() ? s.open : got == is ? s.recovered : s.open) += n;
        if (got.empty())
            notes += "  " + t.name + " (" + *is.begin() + ") open: " + std::string(row->why) + "\n";
    }
    return s;
}

// The table compiles, and every name that it holds comes back from what it says.
void check_table(const aka::inference& found, const tensors& truth) {
    aka::catalog c;
    const aka::status added = c.add(found.table(), "inferred");
    REQUIRE_MESSAGE(added, added.error().message().c_str() << "\n" << std::string(found.table()));
    const aka::convention* v = c.find(aka::inference::id);
    REQUIRE(v != nullptr);
    for (const test::vocabulary_tensor& t : truth) {
        const aka::inferred_row* row = row_for(found, t.name);
        REQUIRE(row != nullptr);
        const auto parsed = v->parse(t.name);
        if (!row->assigned() || row->order_open) {
            CHECK_MESSAGE(!parsed, t.name);
            continue;
        }
        if (t.bias && !parsed && row->role_count > 1) continue;  // no bias of fused roles
        REQUIRE_MESSAGE(parsed, t.name << "\n" << std::string(found.table()));
        std::set<std::string> roles;
        for (aka::role r : parsed->row->roles) roles.emplace(aka::name(r));
        CHECK_MESSAGE(roles == std::set<std::string>(t.roles.begin(), t.roles.end()), t.name);
        CHECK_MESSAGE((parsed->part == "bias") == t.bias, t.name);
        aka::coordinate at;
        at.layer = parsed->layer;
        at.expert = parsed->expert;
        at.head = parsed->head;
        at.part = parsed->part;
        std::string again;
        REQUIRE(aka::detail::spell(*parsed->row, at, [&](std::string_view s) { again += s; }));
        CHECK(again == t.name);
    }
}

const char* word(test::meaning m) {
    switch (m) {
        case test::meaning::full:
            return "full";
        case test::meaning::partial:
            return "partial";
        case test::meaning::foreign:
            return "foreign";
        case test::meaning::none:
            break;
    }
    return "none";
}

TEST_CASE("unknown spellings: nothing wrong, and what the names say is recovered") {
    score all[4];
    unsigned unknown = 0;
    std::printf("%-28s %-8s %-32s roles recovered wrong\n", "vocabulary", "meaning", "model");
    for (const test::vocabulary& v : test::vocabularies) {
        ++unknown;
        for (const test::vocabulary_model& m : test::vocabulary_models) {
            const tensors t = test::write_in(v, m);
            if (t.empty()) continue;
            for (bool with_config : {false, true}) {
                const std::string text = config_of(m);
                auto h = aka::hparams::from_config(aka::as_bytes(text));
                REQUIRE(h);
                const auto list = as_list(t);
                auto found = aka::infer(list, with_config ? &*h : nullptr);
                REQUIRE(found);
                std::string notes;
                const score s = judge(*found, t, notes);
                CHECK_MESSAGE(s.wrong == 0, std::string(v.id)
                                                << ", " << std::string(m.id) << "\n"
                                                << notes << std::string(found->table()));
                all[static_cast<unsigned>(v.says)] += s;
                if (!with_config && (s.recovered < s.roles || s.wrong != 0) &&
                    v.says == test::meaning::full)
                    std::printf("%-28s %-8s %-32s %5u %9u %5u\n%s", v.id, word(v.says), m.id,
                                s.roles, s.recovered, s.wrong, notes.c_str());
                check_table(*found, t);
                // Names alone: less, but nothing wrong either.
                const auto names = as_list(t, false);
                auto blind = aka::infer(names, with_config ? &*h : nullptr);
                REQUIRE(blind);
                std::string blind_notes;
                CHECK_MESSAGE(judge(*blind, t, blind_notes).wrong == 0,
                              std::string(v.id) << ", " << std::string(m.id) << ", names alone\n"
                                                << blind_notes);
            }
        }
    }
    for (test::meaning m : {test::meaning::full, test::meaning::partial, test::meaning::foreign,
                            test::meaning::none}) {
        const score& s = all[static_cast<unsigned>(m)];
        std::printf("meaning %-8s %5u roles: recovered %5.1f %%, open %5.1f %%, wrong %5.1f %%\n",
                    word(m), s.roles, s.share(s.recovered), s.share(s.open), s.share(s.wrong));
        CHECK(s.wrong == 0);
    }
    CHECK(unknown >= 40);
    const score& full = all[static_cast<unsigned>(test::meaning::full)];
    CHECK(full.share(full.recovered) >= 95);
}

tensors model_in(const char* id, const char* model) {
    for (const test::vocabulary& v : test::vocabularies)
        for (const test::vocabulary_model& m : test::vocabulary_models)
            if (std::string_view(v.id) == id && std::string_view(m.id) == model)
                return test::write_in(v, m);
    return {};
}

TEST_CASE("what nothing decides stays open, and says what it may be") {
    const tensors t = model_in("x1 x2", "dense MHA");
    REQUIRE(!t.empty());
    const auto list = as_list(t);
    auto found = aka::infer(list);
    REQUIRE(found);
    for (const char* name : {"m.0.x2", "m.0.x3", "m.0.x4", "m.0.x5"}) {
        const aka::inferred_row* row = row_for(*found, name);
        REQUIRE(row != nullptr);
        CHECK(row->ambiguous());
        for (aka::role r :
             {aka::role::attn_q, aka::role::attn_k, aka::role::attn_v, aka::role::attn_output})
            CHECK(row->may_be(r));
        CHECK(!row->may_be(aka::role::ffn_gate));
    }
    const aka::inferred_row* down = found->find(aka::role::ffn_down);
    REQUIRE(down != nullptr);
    CHECK(down->pattern == "m.{l}.x9");
    CHECK(aka::has(down->by, aka::evidence::shape));
    CHECK(!aka::has(down->by, aka::evidence::word));
    CHECK(!found->complete());
    CHECK(found->rope() == aka::rope_order::unknown);
    CHECK(found->table().find("inferred  # unknown") != std::string_view::npos);
}

TEST_CASE("the order of a fused tensor is said, or open") {
    const tensors t = model_in("fused qkv and gate_up", "dense GQA");
    const auto list = as_list(t);
    auto open = aka::infer(list);
    REQUIRE(open);
    const aka::inferred_row* qkv = open->find(aka::role::attn_k);
    REQUIRE(qkv != nullptr);
    CHECK(qkv->role_count == 3);
    CHECK(qkv->order_open);
    CHECK(qkv->layout == "(q kv g s i + k kv s i + v kv d) x");
    CHECK(qkv->other_layout == "kv (q g s i + k s i + v d) x");
    CHECK(!open->complete());
    aka::infer_options said;
    said.qkv = aka::fused_order::groups;
    said.gate_up = aka::fused_order::parts;
    auto closed = aka::infer(list, nullptr, said);
    REQUIRE(closed);
    CHECK(closed->complete());
    CHECK(closed->find(aka::role::attn_q)->layout == "kv (q g s i + k s i + v d) x");
    CHECK(closed->find(aka::role::ffn_up)->layout == "(gate f + up f) x");
    check_table(*closed, t);
}

TEST_CASE("transposed matrices are seen by their shapes") {
    const tensors t = model_in("transposed", "dense GQA");
    const auto list = as_list(t);
    auto found = aka::infer(list);
    REQUIRE(found);
    CHECK(found->find(aka::role::attn_k)->layout == "attn_k x , kv s i");
    CHECK(found->find(aka::role::attn_q)->layout == "attn_q x , kv g s i");
    CHECK(found->find(aka::role::ffn_down)->layout == "ffn_down f , x");
    CHECK(found->find(aka::role::token_embd)->layout.empty());
}

// A dense model of eight layers, GQA: what stands in front of a layer's number and behind it.
struct layer_name {
    std::string front, back;
    std::vector<std::uint64_t> shape;
};
struct model_names {
    std::vector<std::string> names;
    std::vector<std::vector<std::uint64_t>> shapes;

    model_names(const std::vector<layer_name>& rows, int first, int last, std::size_t digits = 1,
                bool outside = true) {
        if (outside) {
            add("embed.weight", {1000, 64});
            add("final_norm.weight", {64});
            add("lm_head.weight", {1000, 64});
        }
        for (int l = first; l <= last; ++l) {
            std::string number = std::to_string(l);
            if (number.size() < digits) number.insert(0, digits - number.size(), '0');
            for (const layer_name& r : rows) add(r.front + number + r.back, r.shape);
        }
    }
    void add(const std::string& name, const std::vector<std::uint64_t>& shape) {
        names.push_back(name);
        shapes.push_back(shape);
    }
    aka::inference infer(bool sized = true) const {
        std::vector<aka::named_shape> list;
        for (std::size_t i = 0; i < names.size(); ++i)
            list.push_back({names[i], sized ? aka::shape(aka::span<const std::uint64_t>(
                                                  shapes[i].data(), shapes[i].size()))
                                            : aka::shape()});
        auto found = aka::infer(list);
        REQUIRE(found);
        return std::move(*found);
    }
};
std::vector<layer_name> attention_rows() {
    return {{"l", ".norm_attn.weight", {64}},    {"l", ".attn.q.weight", {64, 64}},
            {"l", ".attn.k.weight", {16, 64}},   {"l", ".attn.v.weight", {16, 64}},
            {"l", ".attn.out.weight", {64, 64}}, {"l", ".norm_mlp.weight", {64}}};
}
std::vector<layer_name> with_forward(const char* a, const char* b, const char* down,
                                     const std::string& module = ".mlp.") {
    std::vector<layer_name> rows = attention_rows();
    rows.push_back({"l", module + a + ".weight", {192, 64}});
    rows.push_back({"l", module + b + ".weight", {192, 64}});
    rows.push_back({"l", module + down + ".weight", {64, 192}});
    return rows;
}

TEST_CASE("gate and up: a known scheme decides, what only looks like one does not") {
    struct {
        const char *gate, *up, *down;
        bool known;
    } schemes[] = {
        {"w1", "w3", "w2", true},       {"wi_0", "wi_1", "wo", true},
        {"w1", "v1", "w2", true},       {"wg", "wu", "wd", true},
        {"fc_1", "fc_2", "proj", true}, {"silu", "mul", "back", true},
        {"w2", "w1", "c_proj", false},  // Qwen 1: w1 is up
        {"w1", "w2", "w3", false},      // EVA
        {"a", "b", "c", false},         {"l1", "l2", "l3", false},
    };
    for (const auto& s : schemes) {
        CAPTURE(s.gate);
        CAPTURE(s.up);
        const aka::inference f = model_names(with_forward(s.gate, s.up, s.down), 0, 7).infer();
        const aka::inferred_row *gate = f.find(aka::role::ffn_gate),
                                *up = f.find(aka::role::ffn_up);
        CHECK((gate != nullptr) == s.known);
        CHECK((up != nullptr) == s.known);
        if (gate != nullptr && up != nullptr) {
            CHECK(gate->pattern == std::string("l{l}.mlp.") + s.gate + ".{part}");
            CHECK(up->pattern == std::string("l{l}.mlp.") + s.up + ".{part}");
        }
        // The other matrices do not suffer from it.
        CHECK(f.find(aka::role::attn_q) != nullptr);
        const aka::inferred_row* down = f.find(aka::role::ffn_down);
        REQUIRE(down != nullptr);
        CHECK(down->pattern == std::string("l{l}.mlp.") + s.down + ".{part}");
    }
}

TEST_CASE("layers from one, or with zeros in front") {
    const auto rows = with_forward("gate", "up", "down");
    auto q = [&](const aka::inference& f) {
        const aka::inferred_row* row = f.find(aka::role::attn_q);
        return row == nullptr ? std::string() : std::string(row->pattern);
    };
    for (bool sized : {true, false}) {
        CHECK(q(model_names(rows, 0, 7).infer(sized)) == "l{l}.attn.q.{part}");
        CHECK(q(model_names(rows, 1, 8).infer(sized)) == "l{l+1}.attn.q.{part}");
        CHECK(q(model_names(rows, 0, 11, 2).infer(sized)) == "l{l:02}.attn.q.{part}");
        CHECK(q(model_names(rows, 1, 12, 3).infer(sized)) == "l{l+1:03}.attn.q.{part}");
        const aka::inference one = model_names(rows, 1, 12, 2).infer(sized);
        CHECK(one.n_layer() == 12);
        aka::catalog c;
        REQUIRE(c.add(one.table()));
        const auto p = c.find(aka::inference::id)->parse("l09.attn.q.weight");
        REQUIRE(p);
        CHECK(p->layer == 8);
        // A part of a file, of which the first layer is 1, does not count from one.
        CHECK(q(model_names(rows, 1, 8, 1, false).infer(sized)).find("+1") == std::string::npos);
        // Experts that begin in layer 1, behind a dense one.
        model_names dense(attention_rows(), 0, 7);
        for (int l = 0; l < 8; ++l)
            for (int e = 0; e < (l == 0 ? 1 : 4); ++e) {
                const std::string at =
                    "l" + std::to_string(l) +
                    (l == 0 ? std::string(".mlp.") : ".mlp.experts." + std::to_string(e) + ".");
                dense.add(at + "gate.weight", {192, 64});
                dense.add(at + "up.weight", {192, 64});
                dense.add(at + "down.weight", {64, 192});
            }
        const aka::inference behind_dense = dense.infer(sized);
        for (const aka::inferred_row& r : behind_dense.rows())
            CHECK_MESSAGE(r.pattern.find("+1") == std::string_view::npos, std::string(r.pattern));
    }
    // Neither one width nor none: these are not numbers of one kind.
    model_names mixed(rows, 0, 7);
    for (const layer_name& r : rows) mixed.add(r.front + "08" + r.back, r.shape);
    const aka::inference neither = mixed.infer();
    for (const aka::inferred_row& r : neither.rows())
        CHECK_FALSE_MESSAGE(r.pattern.find("{l:") != std::string_view::npos,
                            std::string(r.pattern));
}

TEST_CASE("odd lists of names: no crash, no claim") {
    const std::vector<std::vector<std::string>> lists = {
        {},
        {""},
        {"a"},
        {"{l}", "{part}", "#", "a b = c", "x|y", std::string("n\0l", 3), "\x01\x02"},
        {"1.2.3.4.5.6.7.8.9", "99999999999999999999", "00", "0.0.0", "w0w1w2w3w4w5w6w7"},
        {"rope}.inv_freq", "a{b.rope.inv_freq", "rope_theta{x}.inv_freq",
         "layers.0.rope}.inv_freq"},
        {"layers.0.q", "layers.4294967296.q", "layers.999999999.q"}};
    // A vector that can only be the last norm, and has no name.
    const std::uint64_t one[] = {31};
    const aka::named_shape nameless[] = {{"", aka::shape(one)}, {"b2", {}}};
    const auto last = aka::infer({nameless, 2});
    REQUIRE(last);
    aka::catalog own;
    const aka::status taken = own.add(last->table(), "inferred");
    CHECK_MESSAGE(taken, taken.error().message().c_str() << std::string(last->table()));
    for (const auto& names : lists) {
        std::vector<aka::named_shape> list;
        for (const std::string& n : names) list.push_back({n, {}});
        auto found = aka::infer(list);
        REQUIRE(found);
        CHECK(!found->complete());
        aka::catalog c;
        const aka::status added = c.add(found->table(), "inferred");
        CHECK_MESSAGE(added, added.error().message().c_str() << std::string(found->table()));
    }
}

// `/` and `.` are one separator to the grammar, and not to the inference: the table cannot have
// both.
TEST_CASE("names that meet in the grammar: one of them is a comment that says so") {
    const std::uint64_t square[] = {8, 8}, up[] = {12, 8}, down[] = {8, 12}, one[] = {8};
    const std::uint64_t words[] = {64, 8};
    std::vector<std::pair<std::string, aka::shape>> named;
    for (const char* l : {"model.layers.0.", "model.layers.1."}) {
        auto add = [&](const char* n, const aka::shape& of) {
            named.push_back({std::string(l) + n + ".weight", of});
        };
        for (const char* n :
             {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"})
            add(n, aka::shape(square));
        for (const char* n : {"mlp.gate_proj", "mlp.up_proj"}) add(n, aka::shape(up));
        add("mlp.down_proj", aka::shape(down));
        for (const char* n : {"input_layernorm", "post_attention_layernorm"})
            add(n, aka::shape(one));
    }
    named.push_back({"model.norm.weight", aka::shape(one)});
    named.push_back({"model/layers.1.mlp.up_proj.weight", aka::shape(words)});
    std::vector<aka::named_shape> list;
    for (const auto& n : named) list.push_back({n.first, n.second});
    const auto found = aka::infer(list);
    REQUIRE(found);
    const std::string table(found->table());
    const auto* row = found->find(aka::role::token_embd);
    REQUIRE_MESSAGE(row != nullptr, table);
    CHECK(row->pattern == "model/layers.1.mlp.up_proj.{part}");
    CHECK(!found->complete());
    const std::size_t said = table.find("cannot stand here");
    REQUIRE_MESSAGE(said != std::string::npos, table);
    CHECK(table.find("cannot stand here", said + 1) == std::string::npos);
    const std::string line = table.substr(table.rfind('\n', said) + 1, 120);
    CHECK_MESSAGE(line.rfind("  # ", 0) == 0, line);
    aka::catalog c;
    const aka::status added = c.add(found->table(), "inferred");
    CHECK_MESSAGE(added, added.error().message().c_str() << table);
    REQUIRE(c.find("inferred") != nullptr);
    CHECK(c.find("inferred")->parse("model.layers.0.self_attn.q_proj.weight"));
}

TEST_CASE("out of memory is an error, at every request") {
    const tensors t = model_in("MoE flat", "MoE");
    const auto list = as_list(t);
    bool done = false;
    for (std::uint64_t n = 0; !done && n < 2000; ++n) {
        test::allocs.fail_first = test::allocs.count.load() + n;
        auto found = aka::infer(list);
        test::allocs.fail_first = test::no_limit;
        done = static_cast<bool>(found);
        if (!done) CHECK(found.code() == aka::errc::out_of_memory);
    }
    CHECK(done);
}

// Real names as if no table knew them: whatever is assigned is what the tables say.
TEST_CASE("real names, as if no convention knew them: nothing against the tables") {
    SKIP_WITHOUT_DATA();
    auto c = aka::catalog::builtin();
    REQUIRE_MESSAGE(c, c.error().message().c_str());
    unsigned models = 0, roles = 0, right = 0;
    struct known {
        const char *folder, *convention;
    };
    for (const known& k : {known{"llama2-70b-lzlv", "hf_llama"},
                           known{"llama1-7b", "hf_llama"},
                           known{"granite-3b-code", "hf_llama"},
                           known{"mistral-7b", "hf_llama"},
                           known{"yi1.5-6b", "hf_llama"},
                           known{"internlm1-7b", "internlm1"},
                           known{"llama3.2-3b-one-tensor-per-shard", "hf_llama"},
                           known{"qwen2.5-14b-cogito", "hf_qwen2"},
                           known{"qwen3-mlx", "hf_qwen3"},
                           known{"qwen3-14b-mlx-4bit", "hf_qwen3"},
                           known{"gemma", "hf_gemma"},
                           known{"gemma2-2b", "hf_gemma2"},
                           known{"phi3-mini", "phi3"},
                           known{"baichuan2-13b-chat", "baichuan"},
                           known{"internlm2-chat-7b", "internlm2"},
                           known{"qwen1-72b", "qwen1"},
                           known{"qwen1-vl-chat-gptq-int4", "qwen1"},
                           known{"chatglm3-6b", "chatglm"},
                           known{"mixtral-8x22b-wizardlm2", "mixtral_hf"},
                           known{"deepseek-ocr2", "deepseek_moe_v1"},
                           known{"kimi-k2-derived-deepseekv3", "deepseek_moe_v1"},
                           known{"qwen3.5-moe-reap", "qwen3_next"},
                           known{"qwen2-vl-olmocr", "hf_qwen2"},
                           known{"llava-onevision-1.5-8b", "hf_qwen3"},
                           known{"stablelm-stable-code-3b", "hf_stablelm"}}) {
        const auto folder = test::shared_data() / "checkpoints" / k.folder;
        std::vector<std::string> names;
        for (const char* file : {"model.safetensors.index.json", "pytorch_model.bin.index.json"}) {
            if (!std::filesystem::exists(folder / file)) continue;
            names = test::json::parse(test::read_file(folder / file))["weight_map"].keys;
            break;
        }
        REQUIRE_MESSAGE(!names.empty(), k.folder);
        const aka::convention* v = c->find(k.convention);
        REQUIRE_MESSAGE(v != nullptr, k.convention);
        std::vector<aka::named_shape> list;
        for (const std::string& n : names) list.push_back({n, {}});
        const std::string config = test::read_file(folder / "config.json");
        auto h = aka::hparams::from_config(aka::as_bytes(config));
        for (const aka::hparams* with : {static_cast<const aka::hparams*>(nullptr),
                                         static_cast<const aka::hparams*>(h.get_if())}) {
            auto found = aka::infer(list, with);
            REQUIRE(found);
            std::set<const aka::inferred_row*> seen;
            std::set<std::string> all, got;
            aka::catalog own;
            const aka::status added = own.add(found->table(), "inferred");
            CHECK_MESSAGE(added, added.error().message().c_str() << "\n"
                                                                 << std::string(found->table()));
            for (const std::string& name : names) {
                const aka::inferred_row* row = row_for(*found, name);
                REQUIRE_MESSAGE(row != nullptr, name);
                if (!seen.insert(row).second) continue;
                // A table's own names have no wrappers of a bigger model.
                std::string plain = name;
                if (const std::size_t at = plain.find("language_model."); at != plain.npos)
                    plain.erase(at, 15);
                const auto parsed = v->parse(plain);
                if (!parsed || !parsed->row->is_tensor()) {
                    // The table of DeepSeek does not have the norms that Kimi adds to q and k.
                    const bool added_norm =
                        std::string_view(k.folder) == "kimi-k2-derived-deepseekv3" &&
                        (name.find(".q_layernorm.weight") != name.npos ||
                         name.find(".k_layernorm.weight") != name.npos);
                    CHECK_MESSAGE((!row->assigned() || added_norm), std::string(k.folder)
                                                                        << ": " << name);
                    continue;
                }
                std::set<std::string> is;
                for (aka::role r : parsed->row->roles) is.emplace(aka::name(r));
                all.insert(is.begin(), is.end());
                if (!row->assigned()) continue;
                CHECK_MESSAGE(roles_of(*row) == is, std::string(k.folder) << ": " << name);
                got.insert(is.begin(), is.end());
            }
            std::printf("%-34s %-6s %3u of %3u roles, names alone\n", k.folder,
                        with != nullptr ? "config" : "", static_cast<unsigned>(got.size()),
                        static_cast<unsigned>(all.size()));
            CHECK(all.size() > 8);
            ++models;
            roles += static_cast<unsigned>(all.size());
            right += static_cast<unsigned>(got.size());
        }
    }
    std::printf("%u real lists of names: %.1f %% of the roles recovered\n", models,
                100.0 * right / roles);
    CHECK(right * 100 >= roles * 80);
}

}  // namespace

}  // namespace test_infer
