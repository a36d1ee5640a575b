// Rules OLD => NEW: what fits, what comes out, the way back, and what is refused where.
#include <aka/provenance.hpp>
#include <aka/rename_rules.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace test_rename_rules {

namespace {

std::string renamed(std::string_view rule, std::string_view name) {
    const auto r = aka::rename_rule::parse(rule);
    if (!r) return std::string("error: ") + r.error().message().c_str();
    std::string out;
    if (!r->apply(name, [&](std::string_view piece) { out += piece; })) return "no";
    return out;
}
std::string refused(std::string_view rule) {
    const auto r = aka::rename_rule::parse(rule);
    if (r) return "fine";
    CHECK(r.code() == aka::errc::bad_table);
    return std::string(r.error().detail());
}

}  // namespace

TEST_CASE("a rule is for the whole of a name") {
    CHECK(renamed("a.b => c", "a.b") == "c");
    CHECK(renamed("a.b => c", "a.b.c") == "no");
    CHECK(renamed("a.b => c", "xa.b") == "no");
    CHECK(renamed("a.b => c", "") == "no");
    CHECK(renamed("  a b  =>  c d  ", "a b") == "c d");
}

TEST_CASE("number holes take whole numbers without leading zeros") {
    const char* rule = "layers.{l}.x => blk.{l}.y";
    CHECK(renamed(rule, "layers.0.x") == "blk.0.y");
    CHECK(renamed(rule, "layers.117.x") == "blk.117.y");
    CHECK(renamed(rule, "layers..x") == "no");
    CHECK(renamed(rule, "layers.-1.x") == "no");
    CHECK(renamed(rule, "layers.01.x") == "no");
    CHECK(renamed(rule, "layers.1a.x") == "no");
    CHECK(renamed("h{l}w{e} => {e}.{l}", "h12w3") == "3.12");
    // Digits behind a number belong to it.
    CHECK(renamed("h{l}2 => {l}", "h12") == "no");
}

TEST_CASE("other holes take the shortest text that lets the rest match") {
    CHECK(renamed("{a}.ln1.{b} => {a}.norm.{b}", "m.layers.3.ln1.weight") ==
          "m.layers.3.norm.weight");
    CHECK(renamed("{a}.{b} => {b}|{a}", "x.y.z") == "y.z|x");
    CHECK(renamed("{a}.w => {a}", "x.w.w") == "x.w");
    CHECK(renamed("{a}.w => {a}", ".w") == "no");
    CHECK(renamed("{a}.{l}.{b} => {a}/{l}/{b}", "x.y.7.z") == "x.y/7/z");
    CHECK(renamed("{a}7{b} => {b}", "x7") == "no");
    CHECK(renamed("{whole} => p.{whole}", "anything at all") == "p.anything at all");
    CHECK(renamed("a{x}b{y}b => {x}-{y}", "a1b2b3b") == "1-2b3");
}

TEST_CASE("what comes out may leave holes out, not repeat them") {
    CHECK(renamed("{a}.{l} => {l}", "x.4") == "4");
    CHECK(renamed("{l} => {l}.{l}", "4") ==
          "error: pattern '{l}.{l}': column 12: a hole of this name twice");
}

TEST_CASE("a rule that drops matches and has no new name") {
    const auto r = aka::rename_rule::parse("{a}.inv_freq => drop");
    REQUIRE(r);
    CHECK(r->drops());
    CHECK(r->matches("x.inv_freq"));
    CHECK(!r->matches("x.weight"));
    CHECK(r->inverse().code() == aka::errc::unsupported);
}

TEST_CASE("the inverse leads back") {
    const auto r = aka::rename_rule::parse("{a}.{l}.ln1.{b} => {b}/{l}/{a}");
    REQUIRE(r);
    const auto back = r->inverse();
    REQUIRE(back);
    std::string there, again;
    const std::string_view name = "model.layers.5.ln1.weight";
    REQUIRE(r->apply(name, [&](std::string_view s) { there += s; }));
    CHECK(there == "weight/5/model.layers");
    REQUIRE(back->apply(there, [&](std::string_view s) { again += s; }));
    CHECK(again == name);
    const auto forgets = aka::rename_rule::parse("{a}.{b} => {b}");
    REQUIRE(forgets);
    CHECK(forgets->inverse().code() == aka::errc::unsupported);
}

TEST_CASE("what is wrong with a rule is said with its column") {
    CHECK(refused("a.b") == "rule 'a.b': expected OLD => NEW");
    CHECK(refused(" => b") == "rule ' => b': nothing before the =>");
    CHECK(refused("a =>") == "rule 'a =>': nothing after the =>");
    CHECK(refused("a.{l => b") == "pattern 'a.{l': column 3: a brace without its other one");
    CHECK(refused("a.l} => b") == "pattern 'a.l}': column 4: a brace without its other one");
    CHECK(refused("a.{} => b") ==
          "pattern 'a.{}': column 3: a hole needs a name, as in {l} or {part}");
    CHECK(refused("{a}{b} => {a}") == "pattern '{a}{b}': column 4: two holes side by side");
    CHECK(refused("a => b.{l}") == "rule 'a => b.{l}': column 8: {l} is not in the old name");
    CHECK(refused("{a}.{b}.{c}.{d}.{e}.{f}.{g}.{h}.{i} => x").find("too many holes") !=
          std::string::npos);
}

TEST_CASE("matching takes no more than quadratic time, whatever the name") {
    const std::string name(60000, 'a');
    CHECK(renamed("{a}a{b}a{c}a{d}a{e}ab => {a}", name) == "no");
}

TEST_CASE("few rules lead many names back") {
    aka::detail::rule_finder f;
    for (int l = 0; l < 100; ++l) {
        const std::string n = std::to_string(l);
        REQUIRE(
            f.add("model.layers." + n + ".input_layernorm.weight", "layers." + n + ".ln1.weight"));
        REQUIRE(f.add("model.layers." + n + ".mlp.weight", "model.layers." + n + ".mlp.weight"));
    }
    REQUIRE(f.add("model.norm.weight", "norm"));
    std::vector<std::string> rules;
    f.each([&](const aka::rename_rule& r) {
        rules.push_back(std::string(r.from()) + " => " + std::string(r.to()));
    });
    CHECK(rules == std::vector<std::string>{
                       "model.layers.{l}.input_layernorm.weight => layers.{l}.ln1.weight",
                       "model.norm.weight => norm"});
    CHECK(f.leads("model.layers.77.input_layernorm.weight", "layers.77.ln1.weight"));
    CHECK(!f.leads("model.layers.77.input_layernorm.weight", "layers.78.ln1.weight"));
    // One that the wide rule would get wrong goes in front of it, by name.
    REQUIRE(f.add("model.layers.100.input_layernorm.weight", "odd"));
    CHECK(f.leads("model.layers.100.input_layernorm.weight", "odd"));
    CHECK(f.leads("model.layers.99.input_layernorm.weight", "layers.99.ln1.weight"));
    CHECK(f.size() == 3);
    CHECK(f.add("{a}", "b").code() == aka::errc::unsupported);
}

TEST_CASE("provenance is written and read back") {
    aka::detail::rule_finder f;
    REQUIRE(f.add("a \"quoted\\\x01 name", "other"));
    aka::detail::text_writer out;
    const std::string_view rows[] = {"a.{l}|b"};
    aka::provenance::write(out, "yi_v1", "hf_llama", aka::rope_order::half,
                           aka::rope_order::interleaved, rows, f, "{\"version\":1}");
    REQUIRE(out.ok());
    CHECK(out.view() ==
          "{\"version\":1,\"from\":\"yi_v1\",\"to\":\"hf_llama\",\"rope\":\"half\","
          "\"to_rope\":\"interleaved\",\"rows\":[\"a.{l}|b\"],\"rules\":["
          "\"a \\\"quoted\\\\\\u0001 name => other\"],\"before\":{\"version\":1}}");
    const auto p = aka::provenance::parse(out.view());
    REQUIRE(p);
    CHECK(p->from == "yi_v1");
    CHECK(p->to == "hf_llama");
    CHECK(p->rope == aka::rope_order::half);
    CHECK(p->before == "{\"version\":1}");
    REQUIRE(p->rows.size() == 1);
    CHECK(p->rows[0] == rows[0]);
    REQUIRE(p->rules.size() == 1);
    CHECK(p->rules.rules()[0].from() == "a \"quoted\\\x01 name");

    CHECK(aka::provenance::parse("{\"version\":2}").code() == aka::errc::unsupported);
    CHECK(aka::provenance::parse("{}").code() == aka::errc::unsupported);
    CHECK(aka::provenance::parse("{\"version\":1").code() == aka::errc::bad_json);
    CHECK(aka::provenance::parse("{\"version\":1,\"rules\":[\"a\"]}").code() ==
          aka::errc::bad_table);
    CHECK(aka::provenance::parse("[]").error().offset() == 0);
}

}  // namespace test_rename_rules
