// The built-in conventions against the survey they come from, and against real checkpoints.
#include <aka/names.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace test_conventions {

namespace {

aka::catalog builtin() {
    auto c = aka::catalog::builtin();
    REQUIRE_MESSAGE(c.has_value(), std::string(c.error().message().c_str()));
    return std::move(*c);
}

// The survey's names of roles, where they are not aka's.
const std::map<std::string, std::vector<aka::role>> survey_roles = {
    {"tok_embd", {aka::role::token_embd}},
    {"attn_o", {aka::role::attn_output}},
    {"attn_qkv", {aka::role::attn_q, aka::role::attn_k, aka::role::attn_v}},
    {"attn_kv", {aka::role::attn_k, aka::role::attn_v}},
    {"attn_kb", {aka::role::attn_k_b}},
    {"ffn_gate_up", {aka::role::ffn_gate, aka::role::ffn_up}},
    {"ffn_up_gate", {aka::role::ffn_up, aka::role::ffn_gate}},
    {"moe_router", {aka::role::ffn_gate_inp}},
    {"moe_router_bias", {aka::role::exp_probs_b}},
    {"exp_gate", {aka::role::ffn_gate_exps}},
    {"exp_up", {aka::role::ffn_up_exps}},
    {"exp_down", {aka::role::ffn_down_exps}},
    {"exp_gate_stacked", {aka::role::ffn_gate_exps}},
    {"exp_up_stacked", {aka::role::ffn_up_exps}},
    {"exp_down_stacked", {aka::role::ffn_down_exps}},
    {"exp_gate_stacked2d", {aka::role::ffn_gate_exps}},
    {"exp_up_stacked2d", {aka::role::ffn_up_exps}},
    {"exp_down_stacked2d", {aka::role::ffn_down_exps}},
    {"exp_gate_up", {aka::role::ffn_gate_exps, aka::role::ffn_up_exps}},
    {"exp_gate_up_stacked", {aka::role::ffn_gate_exps, aka::role::ffn_up_exps}},
    {"exp_gate_up_blocks", {aka::role::ffn_gate_exps, aka::role::ffn_up_exps}},
    {"exp_gate_up_scales", {aka::role::ffn_gate_exps, aka::role::ffn_up_exps}},
    {"exp_gate_up_bias", {aka::role::ffn_gate_exps, aka::role::ffn_up_exps}},
    {"exp_down_blocks", {aka::role::ffn_down_exps}},
    {"exp_down_scales", {aka::role::ffn_down_exps}},
    {"exp_down_bias", {aka::role::ffn_down_exps}},
    {"shexp_gate", {aka::role::ffn_gate_shexp}},
    {"shexp_up", {aka::role::ffn_up_shexp}},
    {"shexp_down", {aka::role::ffn_down_shexp}},
    {"shexp_gate_up", {aka::role::ffn_gate_shexp, aka::role::ffn_up_shexp}},
    {"shexp_router", {aka::role::ffn_gate_inp_shexp}},
    {"rope_inv_freq", {}},
};

// Where the survey's text is no name, or aka says it otherwise.
struct exception {
    const char* convention;
    const char* role;
    const char* why;
};
const exception exceptions[] = {
    {"llama2c", "order", "a file without names"},
    {"mlx", "attn_kb", "a sentence, not a name: embed_q and unembed_out are roles of their own"},
    {"qwen3_next", "linear", "a list: each tensor has a row of its own"},
    {"deepseek_mla_hf", "mtp", "a list: draft layers are 'other' rows"},
    {"qwen3_next", "attn_q", "its rows hold attn_q_gate as well: checked below"},
    {"meta_llama", "rope_freqs", "dropped, not kept as a role"},
};

// "a.b (remark)", "v1: x; v2/3: y", "new | older": the names without the talk. An alternative that
// is only an end ("input_layernorm") stands for the first with that end.
std::vector<std::string> names_in(std::string text) {
    const std::size_t v23 = text.find("v2/3: ");
    if (v23 != std::string::npos) text = text.substr(v23 + 6);
    if (text.rfind("(transformer.)", 0) == 0 || text.rfind("(model.)", 0) == 0)
        text = (text[1] == 't' ? "transformer." : "") + text.substr(text.find(')') + 1);
    std::vector<std::string> out;
    for (std::size_t at = 0; at <= text.size();) {
        std::size_t end = text.find(" | ", at);
        if (end == std::string::npos) end = text.size();
        std::string one = text.substr(at, end - at);
        one = one.substr(0, one.find_first_of(" ["));
        if (one.rfind("...", 0) == 0) {
            const std::string tail = one.substr(3);
            const std::string& first = out.front();
            one = tail.rfind("experts", 0) == 0 ? first.substr(0, first.find("experts")) + tail
                                                : first.substr(0, first.find("experts") + 8) + tail;
        } else if (!out.empty() && one.find('.') == std::string::npos) {
            one = out.front().substr(0, out.front().rfind('.') + 1) + one;
        }
        out.push_back(one);
        at = end + 3;
    }
    return out;
}
std::string with_numbers(std::string text) {
    for (const auto& [hole, number] :
         {std::pair<const char*, const char*>{"{l}", "5"}, {"{e}", "9"}, {"{h}", "2"}}) {
        const std::size_t at = text.find(hole);
        if (at != std::string::npos) text.replace(at, 3, number);
    }
    return text;
}

}  // namespace

TEST_CASE("conventions: every name of the survey is a name of that convention") {
    SKIP_WITHOUT_DATA();
    const aka::catalog c = builtin();
    const test::json survey =
        test::json::parse(test::read_file(test::shared_data() / "conventions.json"));
    std::size_t checked = 0, conventions = 0;
    std::set<const exception*> used;
    for (const test::json& entry : survey["conventions"].items) {
        const std::string id = entry["id"].as_string();
        const aka::convention* v = c.find(id);
        if (id == "llama2c") {
            CHECK(v == nullptr);
        } else {
            REQUIRE_MESSAGE(v != nullptr, id);
            CHECK(v->id() == id);
            ++conventions;
            const bool partly = entry["verified"].as_string().rfind("yes", 0) != 0;
            CHECK_MESSAGE(v->verified() == !partly, id);
            const std::string& rope = entry["layout"]["rope"].as_string();
            if (id != "gguf") {
                const aka::rope_order expected = rope.rfind("half", 0) == 0 ? aka::rope_order::half
                                                 : rope.rfind("inter", 0) == 0
                                                     ? aka::rope_order::interleaved
                                                     : aka::rope_order::none;
                CHECK_MESSAGE(v->rope() == expected, id);
                const test::json& offset = entry["layout"]["norm_offset"];
                const bool one = !offset.text.empty() && offset.text[0] == '1';
                CHECK_MESSAGE(v->norm_offset(aka::role::attn_norm) == (one ? 1 : 0), id);
            }
        }
        const test::json& names = entry["names"];
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::string& role = names.keys[i];
            bool excepted = false;
            for (const exception& e : exceptions) {
                if (id == e.convention && role == e.role) {
                    excepted = true;
                    used.insert(&e);
                }
            }
            if (excepted) continue;
            const auto known = survey_roles.find(role);
            const std::vector<aka::role> roles =
                known != survey_roles.end() ? known->second
                                            : std::vector<aka::role>{aka::role_from_name(role)};
            for (const std::string& text : names_in(names.items[i].as_string())) {
                const std::string name = with_numbers(text);
                auto p = v->parse(name);
                for (const char* part : {".weight", ".bias"})
                    if (!p) p = v->parse(name + part);
                REQUIRE_MESSAGE(p.has_value(), id << " " << role << ": " << name);
                if (!v->not_llama().empty()) {
                    CHECK(p->row->other);
                } else if (roles.empty()) {
                    CHECK(p->row->drop);
                } else {
                    const std::vector<aka::role> found(p->row->roles.begin(), p->row->roles.end());
                    CHECK_MESSAGE(found == roles, id << " " << role << ": " << name);
                }
                ++checked;
            }
        }
    }
    CHECK(used.size() == sizeof(exceptions) / sizeof(exceptions[0]));
    MESSAGE("survey: " << conventions << " conventions, " << checked << " names");
    CHECK(conventions == 61);
}

TEST_CASE("conventions: every architecture of GGUF that the survey lists") {
    SKIP_WITHOUT_DATA();
    const aka::catalog c = builtin();
    const test::json survey =
        test::json::parse(test::read_file(test::shared_data() / "conventions.json"));
    std::size_t llama = 0, other = 0;
    for (const test::json& arch : survey["gguf_archs"].items) {
        const std::string id = "gguf:" + arch["arch"].as_string();
        const aka::convention* v = c.find(id);
        REQUIRE_MESSAGE(v != nullptr, id);
        REQUIRE(v->model_types().size() == 1);
        CHECK("gguf:" + std::string(v->model_types()[0]) == id);
        if (!v->not_llama().empty()) {
            ++other;
            continue;
        }
        ++llama;
        // as the newest table has it; the variants with M-RoPE are the other kind's kin
        std::string rope = arch["rope_2026_05"].as_string();
        const std::size_t colon = rope.rfind(": ");
        if (colon != std::string::npos) rope = rope.substr(colon + 2);
        CHECK_MESSAGE(
            v->rope() == (rope == "NORM" ? aka::rope_order::interleaved : aka::rope_order::half),
            id);
        CHECK(v->norm_offset(aka::role::attn_norm) == 0);
        const test::json* meaning = arch.find("post_attention_norm_semantics");
        if (meaning != nullptr && meaning->is_string() &&
            meaning->as_string().find("not checked") == std::string::npos) {
            const auto p = v->parse("blk.0.post_attention_norm.weight");
            REQUIRE_MESSAGE(p.has_value(), id);
            const bool pre = meaning->as_string().rfind("pre-FFN", 0) == 0;
            CHECK_MESSAGE(p->row->holds(pre ? aka::role::ffn_norm : aka::role::attn_post_norm), id);
        }
        for (const char* name : {"token_embd.weight", "output_norm.weight", "blk.3.ffn_down.weight",
                                 "blk.3.attn_output.weight"})
            CHECK_MESSAGE((v->parse(name).has_value() || id == "gguf:olmo"), id << " " << name);
    }
    MESSAGE("GGUF: " << llama << " architectures of the family, " << other << " others");
}

TEST_CASE("conventions: no name of a real checkpoint is unknown") {
    SKIP_WITHOUT_DATA();
    const aka::catalog c = builtin();
    std::size_t files = 0;
    std::printf("%-34s %6s %6s %6s %6s %6s  %s\n", "checkpoint", "names", "shapes", "known",
                "other", "drop", "conventions that know all of the model");
    std::vector<std::filesystem::path> paths;
    for (const auto& folder :
         std::filesystem::directory_iterator(test::shared_data() / "checkpoints")) {
        if (!folder.is_directory()) continue;
        for (const auto& file : std::filesystem::directory_iterator(folder))
            if (file.path().string().find(".index.json") != std::string::npos)
                paths.push_back(file.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::filesystem::path& path : paths) {
        const test::json index = test::json::parse(test::read_file(path));
        const std::vector<std::string>& names = index["weight_map"].keys;
        const auto f = aka::folded_names::of(
            names.size(), [&](std::size_t i) { return std::string_view(names[i]); });
        REQUIRE(f.has_value());
        std::vector<std::size_t> score(c.conventions().size());
        std::size_t known = 0, other = 0, dropped = 0, shapes = 0;
        for (const aka::name_shape& s : f->shapes()) {
            bool tensor = false, is_other = false, is_drop = false;
            std::set<std::uint16_t> by;
            c.match(s, [&](const aka::shape_match& m) {
                tensor = tensor || m.row->is_tensor();
                is_other = is_other || m.row->other;
                is_drop = is_drop || m.row->drop;
                for (const std::uint16_t v : c.used_by(*m.row)) by.insert(v);
                // the first name's numbers come out where they belong
                const aka::parsed_name p = m.at((*f)[s.first_member].number);
                if (m.row->is_tensor() && m.row->pattern.find("{l}") != std::string_view::npos)
                    CHECK(p.layer >= 0);
            });
            CHECK_MESSAGE((tensor || is_other || is_drop), path.parent_path().filename().string()
                                                               << ": " << std::string(s.first));
            (tensor ? known : is_other ? other : dropped) += s.count;
            ++shapes;
            for (const std::uint16_t v : by) ++score[v];
        }
        std::string best;
        for (std::size_t v = 0; v < score.size(); ++v)
            if (score[v] == shapes)
                best += (best.empty() ? "" : " ") + std::string(c.conventions()[v]->id());
        std::printf("%-34s %6zu %6zu %6zu %6zu %6zu  %s\n",
                    path.parent_path().filename().string().c_str(), names.size(), shapes, known,
                    other, dropped, best.c_str());
        CHECK_MESSAGE(!best.empty(), path.parent_path().filename().string());
        CHECK(known + other + dropped == names.size());
        ++files;
    }
    CHECK(files > 25);
}

TEST_CASE("conventions: what they say of themselves") {
    const aka::catalog c = builtin();
    for (const auto& named : {std::pair<const char*, const char*>{"hf", "hf_llama"},
                              {"meta", "meta_llama"},
                              {"yi", "yi_v1"},
                              {"mistral", "mistral_consolidated"},
                              {"mixtral", "mixtral_hf"},
                              {"megatron", "megatron_core"},
                              {"torchtitan", "torchtitan_llama3"}}) {
        const aka::convention* v = c.find(named.first);
        REQUIRE_MESSAGE(v != nullptr, named.first);
        CHECK(v->id() == named.second);
    }
    std::set<std::string> ids;
    for (const aka::convention* v : c.conventions()) {
        CHECK_MESSAGE(ids.insert(std::string(v->id())).second, v->id());
        for (std::string_view a : v->aliases()) CHECK(ids.insert(std::string(a)).second);
        // a convention of the family has the parts of a block
        if (!v->not_llama().empty() || v->id() == "others") continue;
        for (const aka::role r : {aka::role::token_embd, aka::role::attn_output})
            CHECK_MESSAGE(v->row_of(r) != nullptr, v->id() << " " << aka::name(r));
        CHECK_MESSAGE((v->row_of(aka::role::ffn_down) != nullptr ||
                       v->row_of(aka::role::ffn_down_exps) != nullptr),
                      v->id());
        CHECK_MESSAGE(
            (v->row_of(aka::role::attn_q) != nullptr || v->row_of(aka::role::attn_q_b) != nullptr),
            v->id());
    }
    const aka::name_row* gated = c.find("qwen3_next")->row_of(aka::role::attn_q);
    REQUIRE(gated != nullptr);
    CHECK(gated->pattern == "model.layers.{l}.self_attn.q_proj.{part}");
    CHECK(gated->holds(aka::role::attn_q_gate));
    CHECK(c.find("gguf:llama")->rope() == aka::rope_order::interleaved);
    CHECK(c.find("gguf:qwen2")->rope() == aka::rope_order::half);
    CHECK(c.find("trtllm")->rope_inferred());
    CHECK(c.find("trtllm")
              ->parse("transformer.layers.0.mlp.gate.weight")
              ->row->holds(aka::role::ffn_up));
    const auto flax = c.find("flax_gemma")->parse("model/layers/3/self_attn/q_proj/kernel");
    REQUIRE(flax.has_value());
    CHECK(flax->row->layout == "attn_q x , kv g s i");
    CHECK(flax->layer == 3);
    const auto early = c.find("gguf:llama")->parse("blk.3.ffn_gate.7.weight");
    REQUIRE(early.has_value());
    CHECK(early->expert == 7);
    CHECK(early->row->also);
}

}  // namespace test_conventions
