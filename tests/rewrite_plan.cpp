// Plans of rewrites: what is done to each tensor, what it costs, and what stops a plan.
#include <aka/rewrite_plan.hpp>

#include "support/bound.hpp"
#include "support/spellings.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace test_rewrite_plan {

namespace {

using aka::rewrite_step;
using test::known;
using test::st_tensor;

struct opened {
    aka::checkpoint file;
    aka::result<aka::rewrite_plan> plan;
};
aka::rewrite_options to(std::string_view convention) {
    aka::rewrite_options o;
    o.to = convention;
    return o;
}
opened plan_of(const std::filesystem::path& path, const aka::rewrite_options& o) {
    auto file = aka::checkpoint::open(path.string());
    REQUIRE_MESSAGE(file, file.error().message().view());
    auto plan = aka::plan_rewrite(*file, o, known());
    return {std::move(*file), std::move(plan)};
}
opened plan_of_names(const test::temp_folder& folder, const std::vector<std::string>& names,
                     const aka::rewrite_options& o) {
    std::vector<st_tensor> tensors;
    for (const std::string& n : names) tensors.push_back({n, "F32", {2, 2}, std::string(16, 'x')});
    test::write_sparse_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
    return plan_of(folder.path(), o);
}

// "step: name <- source source"
std::vector<std::string> lines(const aka::rewrite_plan& p) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < p.size(); ++i) {
        std::string line(aka::name(p[i].step));
        line += ": " + std::string(p[i].name) + " <-";
        for (const std::uint32_t s : p.sources(i)) line += " " + std::string(p.original_name(s));
        out.push_back(std::move(line));
    }
    std::sort(out.begin(), out.end());
    return out;
}
std::vector<std::string> problems(const aka::rewrite_plan& p) {
    std::vector<std::string> out;
    for (const aka::plan_remark& r : p.problems())
        out.push_back(std::string(r.name) + ": " + std::string(r.why));
    return out;
}
bool has(const std::vector<std::string>& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_CASE("Yi to Llama is an edit of the header") {
    const opened o1 = plan_of(test::samples() / "yi", to("hf"));
    const auto& plan = o1.plan;
    const aka::checkpoint& file = o1.file;
    REQUIRE_MESSAGE(plan, plan.error().message().view());
    CHECK(plan->ok());
    CHECK(plan->bytes_moved() == 0);
    CHECK(plan->size() == file.size());
    CHECK(plan->count(rewrite_step::rename) == 4);
    CHECK(plan->count(rewrite_step::keep) == file.size() - 4);
    CHECK(
        has(lines(*plan),
            "rename: model.layers.1.post_attention_layernorm.weight <- model.layers.1.ln2.weight"));
    CHECK(plan->provenance() ==
          "{\"version\":1,\"from\":\"yi_v1\",\"to\":\"hf_llama\",\"rope\":\"half\"}");
    CHECK(plan->undoable());
    CHECK(!plan->nothing_to_do());
}

TEST_CASE("the parts of W_pack lie in order, so that a split costs nothing") {
    const opened o2 = plan_of(test::samples() / "baichuan", to("hf"));
    const auto& plan = o2.plan;
    REQUIRE(plan);
    CHECK(plan->bytes_moved() == 0);
    CHECK(plan->count(rewrite_step::split) == 6);
    CHECK(has(lines(*plan),
              "split: model.layers.0.self_attn.k_proj.weight <- "
              "model.layers.0.self_attn.W_pack.weight"));
    // In the other row order q and k have to be moved, v has not.
    const opened o3 = plan_of(test::samples() / "baichuan", to("meta"));
    const auto& meta = o3.plan;
    const aka::checkpoint& again = o3.file;
    REQUIRE(meta);
    std::uint64_t expected = 0;
    for (const aka::tensor t : again)
        if (t.name().find("W_pack") != std::string_view::npos) expected += t.size_bytes() / 3 * 2;
    CHECK(meta->bytes_moved() == expected);
}

TEST_CASE("a model that is written so already has nothing to do") {
    test::temp_folder folder;
    const auto m = test::standard_models("F16")[0];
    test::write_spelling(test::find_spelling("hf_llama"), m.model, folder.path());
    const opened o4 = plan_of(folder.path(), to("hf"));
    const auto& plan = o4.plan;
    REQUIRE(plan);
    CHECK(plan->nothing_to_do());
    CHECK(plan->provenance().empty());
}

TEST_CASE("fusing, stacking and their like are told apart") {
    test::temp_folder folder;
    const auto models = test::standard_models("F16");
    const auto steps = [&](const char* from, const char* to_id, std::size_t model) {
        const std::filesystem::path place = folder / std::to_string(model);
        std::filesystem::remove_all(place);
        std::filesystem::create_directory(place);
        const auto path =
            test::write_spelling(test::find_spelling(from), models[model].model, place);
        const opened o5 = plan_of(path, to(to_id));
        const auto& plan = o5.plan;
        REQUIRE_MESSAGE(plan, plan.error().message().view());
        std::set<rewrite_step> seen;
        for (std::size_t i = 0; i < plan->size(); ++i) {
            seen.insert((*plan)[i].step);
            const bool one =
                (*plan)[i].step == rewrite_step::keep || (*plan)[i].step == rewrite_step::rename;
            if (one) CHECK(plan->sources(i).size() == 1);
            if (one) CHECK((*plan)[i].moved == 0);
        }
        return seen;
    };
    CHECK(steps("hf_llama", "baichuan", 1).count(rewrite_step::fuse) == 1);
    CHECK(steps("hf_llama", "meta", 0).count(rewrite_step::reorder) == 1);
    CHECK(steps("mixtral_hf", "gguf:llama", 3).count(rewrite_step::stack) == 1);
    CHECK(steps("gguf:llama", "mixtral_hf", 3).count(rewrite_step::unstack) == 1);
}

TEST_CASE("of every spelling the plan's views are the tensors, and sources hold their bytes") {
    test::temp_folder folder;
    std::size_t plans = 0, tensors = 0;
    for (const auto& m : test::standard_models("F16")) {
        for (const test::spelling& s : test::spellings()) {
            if (!s.holds(m.model.config)) continue;
            const std::filesystem::path place = folder / std::to_string(plans);
            std::filesystem::create_directory(place);
            const opened o6 = plan_of(test::write_spelling(s, m.model, place), to("roles"));
            const auto& plan = o6.plan;
            REQUIRE_MESSAGE(plan, s.id, ": ", plan.error().message().view());
            CHECK_MESSAGE(plan->ok(), s.id, ": ", problems(*plan)[0]);
            ++plans;
            for (std::size_t i = 0; i < plan->size(); ++i) {
                const aka::planned_tensor& p = (*plan)[i];
                const aka::tensor t = plan->view(i);
                REQUIRE(t);
                CHECK(p.bytes == t.size_bytes());
                CHECK(p.moved == (t.is_packed() ? 0 : p.bytes));
                // Together the sources have at least these bytes, and each has some of them.
                std::uint64_t there = 0;
                for (const std::uint32_t k : plan->sources(i)) {
                    const aka::tensor source = plan->source()[k];
                    there += source.size_bytes();
                    bool touched = false;
                    const auto inside = [&](std::uint64_t at) {
                        touched = touched || (at >= source.offset() &&
                                              at < source.offset() + source.size_bytes());
                    };
                    if (t.is_packed())
                        for (std::uint64_t at = t.offset(); at < t.offset() + t.size_bytes(); ++at)
                            inside(at);
                    for (const aka::box& b : t.boxes())
                        for (std::uint64_t r = 0; r < (b.depth == 0 ? b.run : 1); ++r)
                            inside(b.src + r);
                    CHECK_MESSAGE(touched, s.id, ": ", p.name, " <- ", source.name());
                }
                CHECK_MESSAGE(there >= p.bytes, s.id, ": ", p.name);
                ++tensors;
            }
        }
    }
    MESSAGE(plans, " plans, ", tensors, " tensors");
}

TEST_CASE("rules rename, and what no rule names stays") {
    test::temp_folder folder;
    const auto rule = aka::rename_rule::parse("{a}.x => {a}.y");
    REQUIRE(rule);
    aka::rewrite_options o;
    o.rules = {&*rule, 1};
    const opened o7 = plan_of_names(folder, {"a.x", "b.x", "c"}, o);
    const auto& plan = o7.plan;
    REQUIRE(plan);
    CHECK(lines(*plan) ==
          std::vector<std::string>{"keep: c <- c", "rename: a.y <- a.x", "rename: b.y <- b.x"});
    CHECK(plan->provenance() == "{\"version\":1,\"rules\":[\"a.y => a.x\",\"b.y => b.x\"]}");
}

TEST_CASE("rules that collide, drop, or fit nothing") {
    test::temp_folder folder;
    const auto parse = [](const char* text) {
        auto r = aka::rename_rule::parse(text);
        REQUIRE(r);
        return *r;
    };
    aka::rename_rule rules[] = {parse("a => b")};
    aka::rewrite_options o;
    o.rules = rules;
    const auto collides = plan_of_names(folder, {"a", "b"}, o);
    REQUIRE(collides.plan);
    CHECK(problems(*collides.plan) ==
          std::vector<std::string>{"b: two tensors would have this name: 'a' and 'b'"});
    rules[0] = parse("none.{l} => b.{l}");
    const auto unused = plan_of_names(folder, {"a", "b"}, o);
    REQUIRE(unused.plan);
    CHECK(problems(*unused.plan) ==
          std::vector<std::string>{"none.{l}: no tensor has a name like this"});
    rules[0] = parse("a => drop");
    const auto drops = plan_of_names(folder, {"a", "b"}, o);
    REQUIRE(drops.plan);
    CHECK(drops.plan->ok());
    CHECK(lines(*drops.plan) == std::vector<std::string>{"keep: b <- b"});
    REQUIRE(drops.plan->dropped().size() == 1);
    CHECK(drops.plan->dropped()[0].name == "a");
    CHECK(drops.plan->dropped()[0].why == "by a rule");
}

TEST_CASE("names that a convention does not know stop the plan, unless they are to stay") {
    test::temp_folder folder;
    const auto m = test::standard_models("F16")[0];
    std::vector<st_tensor> tensors = test::find_spelling("yi_v1").write(m.model);
    tensors.push_back({"model.strange.thing", "F16", {2}, std::string(4, 'x')});
    tensors.push_back({"visual.patch.weight", "F16", {2}, std::string(4, 'y')});
    tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {1}, "zzzz"});
    test::write_file(folder / "config.json", test::find_spelling("yi_v1").config(m.model));
    test::write_sparse_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
    aka::rewrite_options o = to("hf");
    const opened o8 = plan_of(folder.path(), o);
    const auto& plan = o8.plan;
    REQUIRE_MESSAGE(plan, plan.error().message().view());
    CHECK(problems(*plan) == std::vector<std::string>{
                                 "model.strange.thing: no rule of the convention knows this name"});
    o.keep_unmatched = true;
    const opened o9 = plan_of(folder.path(), o);
    const auto& kept = o9.plan;
    REQUIRE(kept);
    CHECK(kept->ok());
    CHECK(has(lines(*kept), "keep: model.strange.thing <- model.strange.thing"));
    CHECK(has(lines(*kept), "keep: visual.patch.weight <- visual.patch.weight"));
    REQUIRE(kept->dropped().size() == 1);
    CHECK(kept->dropped()[0].name == "model.layers.0.self_attn.rotary_emb.inv_freq");
}

TEST_CASE("what a container cannot hold stops the plan") {
    test::temp_folder folder;
    aka::rewrite_options o;
    o.container = aka::checkpoint_format::gguf;
    const std::string longest(63, 'n');
    const opened o10 = plan_of_names(folder, {longest, longest + "x"}, o);
    const auto& plan = o10.plan;
    REQUIRE(plan);
    CHECK(problems(*plan) ==
          std::vector<std::string>{longest + "x: a name of 64 bytes, ggml reads at most 63"});
    test::write_sparse_safetensors(
        folder / "model.safetensors",
        {{"a", "F8_E4M3", {4}, "abcd"}, {"b", "U8", {1, 1, 1, 1, 1}, "x"}}, {});
    const auto types = plan_of(folder.path(), o);
    REQUIRE(types.plan);
    auto said = problems(*types.plan);
    std::sort(said.begin(), said.end());
    CHECK(said == std::vector<std::string>{"a: GGUF has no type F8_E4M3",
                                           "b: 5 dimensions, GGUF has at most 4"});

    const auto q = test::quantised_models("q8_0")[0];
    const auto path =
        test::write_spelling(test::find_spelling("gguf:llama"), q.model, folder.path());
    aka::rewrite_options st = to("hf");
    st.container = aka::checkpoint_format::safetensors;
    const auto refused = plan_of(path, st);
    REQUIRE_MESSAGE(refused.plan, refused.plan.error().message().view());
    REQUIRE(!refused.plan->ok());
    CHECK(std::string(refused.plan->problems()[0].why).find("safetensors has no type Q8_0") == 0);
    st.dequantize = aka::dtype::bf16;
    const auto plain = plan_of(path, st);
    REQUIRE(plain.plan);
    CHECK(plain.plan->ok());
    for (std::size_t i = 0; i < plain.plan->size(); ++i) {
        const aka::planned_tensor& p = (*plain.plan)[i];
        const bool quantised = plain.plan->view(i).dtype() == aka::dtype::q8_0;
        CHECK(p.dtype == (quantised ? aka::dtype::bf16 : plain.plan->view(i).dtype()));
        if (quantised) CHECK(p.bytes == plain.plan->view(i).elements() * 2);
        if (quantised) CHECK(p.step == rewrite_step::compute);
    }
}

TEST_CASE("undoing needs something to undo") {
    aka::rewrite_options o;
    o.undo = true;
    const opened o11 = plan_of(test::samples() / "yi", o);
    const auto& plan = o11.plan;
    CHECK(plan.code() == aka::errc::not_found);
}

TEST_CASE("wrapped names are led back by few rules") {
    test::temp_folder folder;
    const auto m = test::standard_models("F16")[3];
    test::spelling_options w;
    w.wrapper = "model.language_model.";
    test::write_spelling(test::find_spelling("mixtral_hf"), m.model, folder.path(), w);
    const opened o12 = plan_of(folder.path(), to("gguf"));
    const auto& plan = o12.plan;
    REQUIRE_MESSAGE(plan, plan.error().message().view());
    REQUIRE_MESSAGE(plan->undoable(), plan->undoable().error().message().view());
    const auto p = aka::provenance::parse(plan->provenance());
    REQUIRE(p);
    CHECK(p->from == "mixtral_hf");
    CHECK(p->rules.size() < 16);
    std::string led;
    const aka::rename_rule* r =
        aka::detail::rule_list::find(p->rules.rules(), "model.layers.1.self_attn.q_proj.weight");
    REQUIRE(r != nullptr);
    r->apply("model.layers.1.self_attn.q_proj.weight", [&](std::string_view s) { led += s; });
    CHECK(led == "model.language_model.layers.1.self_attn.q_proj.weight");
}

}  // namespace test_rewrite_plan
