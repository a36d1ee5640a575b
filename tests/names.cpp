// The grammar of conventions: what compiles, what is refused and where, and names both ways.
#include <aka/names.hpp>
#include "support/sanitized.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_names {

namespace {

struct refused {
    const char* table;
    unsigned line, column;
    const char* says;
};
const refused refused_tables[] = {
    {"x = y", 1, 1, "begins with 'convention ID'"},
    {"convention", 1, 1, "needs a name"},
    {"convention a b", 1, 14, "expected 'extends'"},
    {"convention a extends nobody", 1, 22, "unknown base 'nobody'"},
    {"convention a/b", 1, 13, "letters, digits"},
    {"convention hf_llama", 1, 1, "already"},
    {"convention a\n  alias yi", 2, 9, "already"},
    {"convention a\n\n  a.{part} = no_such_role", 3, 14, "unknown role or axis 'no_such_role'"},
    {"convention a\n  a.{part} =", 2, 3, "a role is missing"},
    {"convention a\n  a.{l}.{part} = (q kv g s i + k kv s i x", 2, 18, "never closed"},
    {"convention a\n  a.{l}.{part} = q kv) x", 2, 22, "outside of parentheses"},
    {"convention a\n  a.{l}.{part} = (q kv + ) x", 2, 26, "nothing stands here"},
    {"convention a\n  a.{l}.{part} = (q kv + g) x", 2, 25, "no role in this part"},
    {"convention a\n  a.{l}.{part} = (q kv + q kv) x", 2, 26, "role 'q' twice"},
    {"convention a\n  a.{l}.{part} = q k x", 2, 20, "two roles in one place"},
    {"convention a\n  a.{l}.{part} = q kv g s i kv x", 2, 29, "axis 'kv' twice"},
    {"convention a\n  a.{l}.{part} = , q kv x", 2, 18, "comma"},
    {"convention a\n  a.{l}.{part} = q kv x ,", 2, 25, "nothing follows"},
    {"convention a\n  a.{l}.{part} = kv x", 2, 18, "no role"},
    {"convention a\n  a.b.{part} = attn_q", 2, 3, "missing hole {l}: attn_q"},
    {"convention a\n  a.{l}.{part} = output", 2, 3, "one for the whole model"},
    {"convention a\n  a.{l}.{e}.{part} = ffn_gate", 2, 3, "no expert's"},
    {"convention a\n  a.{l}.{part} = gate_exps f , x", 2, 3, "missing hole {e}, or axis e"},
    {"convention a\n  a.{l}.{e}.{part} = gate_exps e , f , x", 2, 3, "hole {e} and axis e"},
    {"convention a\n  a.{l}.{l}.{part} = attn_q", 2, 9, "hole {l} twice"},
    {"convention a\n  a.{l}.{l+1}.{part} = attn_q", 2, 9, "hole {l} twice"},
    {"convention a\n  a.{l+0}.{part} = attn_q", 2, 5, "bad hole {l+0}: numbers are as in {l+1}"},
    {"convention a\n  a.{l+}.{part} = attn_q", 2, 5, "bad hole {l+}"},
    {"convention a\n  a.{l+12}.{part} = attn_q", 2, 5, "unknown hole {l+12}"},
    {"convention a\n  a.{l:2}.{part} = attn_q", 2, 5, "bad hole {l:2}"},
    {"convention a\n  a.{l:01}.{part} = attn_q", 2, 5, "bad hole {l:01}"},
    {"convention a\n  a.{l:02+1}.{part} = attn_q", 2, 5, "bad hole {l:02+1}"},
    {"convention a\n  a.{+1}.{part} = attn_q", 2, 5, "unknown hole {+1}"},
    {"convention a\n  a.{l-1}.{part} = attn_q", 2, 5, "unknown hole {l-1}"},
    {"convention a\n  a.{part+1} = attn_q", 2, 5, "unknown hole {part+1}"},
    {"convention a\n  a.{l:02}.x = attn_q\n  a.{l}.x = attn_k", 3, 3, "overlap"},
    {"convention a\n  a.7{l}.x = attn_q", 2, 3, "a number runs into another"},
    {"convention a\n  .{part} = attn_q", 2, 3, "{part} stands after a name and a separator"},
    {"convention a\n  a.{l+1}.x = attn_q\n  a.{l}.x = attn_k", 3, 3, "overlap"},
    {"convention a\n  a.{l}.{z} = attn_q", 2, 9, "unknown hole {z}"},
    {"convention a\n  a.{l.{part} = attn_q", 2, 5, "unknown hole {l.{part}"},
    {"convention a\n  a.{l}.q.{part = attn_q", 2, 3, "{ without }"},
    {"convention a\n  a.l}.q.{part} = attn_q", 2, 3, "} without {"},
    {"convention a\n  a.{l}{part} = attn_q", 2, 3, "runs into"},
    {"convention a\n  a.{part}.{l} = attn_q", 2, 3, "{part} stands at the end"},
    {"convention a\n  q{part} = output", 2, 3, "after a name and a separator"},
    {"convention a\n  a.** = output", 2, 3, "drop and other"},
    {"convention a\n  a.**.b = drop", 2, 3, "in front or at the end"},
    {"convention a\n  a.b = other", 2, 9, "needs words"},
    {"convention a\n  a.{l}.q.{part} = attn_q\n  b.{l}.q.{part} = attn_q", 3, 3, "a role twice"},
    {"convention a\n  a.{l}.q.{part} = attn_q\n  a.{l}.q.{part} = attn_k", 3, 3, "overlap"},
    {"convention a\n  a.{l}.q.{part} = attn_q\n  a.{l}.q.weight = attn_k", 3, 3, "overlap"},
    {"convention a\n  a.{l}.q.weight = attn_k\n  a.{l}.q.{part} = attn_q", 3, 3, "overlap"},
    {"convention a\n  a.{l}.{part} = attn_q\n  a.3.{part} = output", 3, 3, "overlap"},
    {"convention a\n  a{l}_q.{part} = attn_q\n  a{l}_q.weight = attn_k", 3, 3, "overlap"},
    {"convention a\n  a{l}.{part} = attn_q\n  a7.{part} = output", 3, 3, "overlap"},
    {"convention a\n  a.** = drop\n  a.** = other thing", 3, 3, "overlap"},
    {"convention a extends hf_llama\n  lm_head.{part} = token_embd", 2, 3, "overlap"},
    {"convention a extends hf_llama\n  without attn_sinks", 1, 1, "the base has not"},
    {"convention a\n  without attn_q", 1, 1, "no base"},
    {"convention a extends hf_llama\n  without attn_z", 2, 11, "unknown role 'attn_z'"},
    {"convention a\n  rope sideways", 2, 8, "'sideways'"},
    {"convention a\n  rotary 0%", 2, 10, "1% to 100%"},
    {"convention a\n  norm_offset 2", 2, 15, "0 or 1"},
    {"convention a\n  tied perhaps", 2, 8, "'perhaps'"},
    {"convention a\n  colour red", 2, 3, "unknown word 'colour'"},
    {"convention a:*\n  rope half", 1, 1, "'each'"},
    {"convention a\n  each b c", 1, 1, "'each'"},
};

aka::catalog builtin() {
    auto c = aka::catalog::builtin();
    REQUIRE_MESSAGE(c.has_value(), std::string(c.error().message().c_str()));
    return std::move(*c);
}
std::string spelled(const aka::parsed_name& name) {
    std::vector<char> buffer(1024);
    const auto text = aka::format(name, {buffer.data(), buffer.size()});
    REQUIRE_MESSAGE(text.has_value(), std::string(text.error().message().c_str()));
    return std::string(*text);
}
std::string part_text(const aka::part_info& p) {
    std::string text(p.text);
    const std::size_t star = text.find('*');
    return star == std::string::npos ? text : text.replace(star, 1, "default");
}
// The name of a row, made here and not by the code under test.
std::string name_of(const aka::name_row& row, int l, int e, int h, const std::string& part) {
    std::string text(row.pattern);
    const auto put = [&](const char* hole, const std::string& with) {
        const std::size_t at = text.find(hole);
        if (at != std::string::npos) text.replace(at, std::string(hole).size(), with);
    };
    put("{l}", std::to_string(l));
    put("{e}", std::to_string(e));
    put("{h}", std::to_string(h));
    put("{part}", part);
    return text;
}

}  // namespace

TEST_CASE("names: what is wrong with a table is said with line and column") {
    aka::catalog c = builtin();
    const std::size_t conventions = c.conventions().size(), rows = c.row_count();
    for (const refused& r : refused_tables) {
        CAPTURE(r.table);
        const aka::status s = c.add(r.table, "my.names");
        REQUIRE_FALSE(s.has_value());
        const std::string said(s.error().message().c_str());
        CHECK(s.error().code() == aka::errc::bad_table);
        const std::string where =
            "line " + std::to_string(r.line) + ", column " + std::to_string(r.column) + ": ";
        CHECK_MESSAGE(said.find(where) != std::string::npos, said);
        CHECK_MESSAGE(said.find(r.says) != std::string::npos, said);
        CHECK_MESSAGE(said.find("my.names") != std::string::npos, said);
        // the offset is the byte that line and column name
        const std::string_view before =
            std::string_view(r.table).substr(0, static_cast<std::size_t>(s.error().offset()));
        CHECK(std::count(before.begin(), before.end(), '\n') + 1 == r.line);
        CHECK(before.size() - (before.rfind('\n') + 1) + 1 == r.column);
        // and the catalog is as it was
        CHECK(c.conventions().size() == conventions);
        CHECK(c.row_count() == rows);
    }
    const aka::convention* hf = c.find("hf");
    REQUIRE(hf != nullptr);
    CHECK(hf->parse("model.layers.7.self_attn.q_proj.weight").has_value());
}

TEST_CASE("what was not read in any source keeps its mark") {
    const aka::catalog all = builtin();
    for (const char* id : {"gguf:command-r", "gguf:cohere2", "gguf:chameleon", "telechat2"}) {
        const aka::convention* c = all.find(id);
        REQUIRE_MESSAGE(c != nullptr, id);
        CHECK_MESSAGE(!c->verified(), id);
    }
}

TEST_CASE("names: a user's table extends a base") {
    aka::catalog c = builtin();
    std::string text =
        "# mine\n"
        "convention mine extends hf   # and not more\n"
        "  alias m\n"
        "  model_type Mine\n"
        "  norm_offset 1 attn_norm\n"
        "  rope interleaved\n"
        "  model.layers.{l}.ln1|norm_a.{part} = attn_norm\n"
        "  model.layers.{l}.attn.qkv.{part} = (q kv g s i + k kv s i + v kv d) , x\n"
        "  layer_{l}/ffn_in.{part} = ffn_up\n"
        "  model.layers.{l}.rope_table = drop\n";
    REQUIRE(c.add(text).has_value());
    std::fill(text.begin(), text.end(), '#');  // the catalog has a copy
    const aka::convention* m = c.find("m");
    REQUIRE(m != nullptr);
    CHECK(m->id() == "mine");
    CHECK(m->base() == c.find("hf_llama"));
    CHECK(m->rope() == aka::rope_order::interleaved);
    CHECK(m->norm_offset(aka::role::attn_norm) == 1);
    CHECK(m->norm_offset(aka::role::ffn_norm) == 0);
    CHECK(m->verified());
    REQUIRE(m->row_of(aka::role::attn_v) != nullptr);
    CHECK(m->row_of(aka::role::attn_v) == m->row_of(aka::role::attn_q));
    CHECK(m->row_of(aka::role::attn_v)->roles.size() == 3);
    CHECK_FALSE(m->parse("model.layers.0.self_attn.q_proj.weight").has_value());
    CHECK(m->parse("model.layers.0.self_attn.o_proj.weight").has_value());
    for (const char* name : {"model.layers.4.ln1.weight", "model.layers.4.norm_a.weight",
                             "layer_12/ffn_in.bias", "model.embed_tokens.scales"}) {
        const auto p = m->parse(name);
        REQUIRE_MESSAGE(p.has_value(), name);
        CHECK(spelled(*p) == name);
    }
    CHECK(m->parse("layer_12/ffn_in.bias")->layer == 12);
    CHECK_FALSE(m->parse("layer_012/ffn_in.bias").has_value());
    const auto drop = m->parse("model.layers.3.rope_table");
    REQUIRE(drop.has_value());
    CHECK(drop->row->drop);
}

TEST_CASE("names: format(parse(name)) is the name, for every row, number and part") {
    const aka::catalog c = builtin();
    std::mt19937 random(7);
    std::size_t names = 0;
    for (const aka::convention* v : c.conventions()) {
        for (const aka::name_row* row : v->rows()) {
            if (!row->is_tensor()) continue;
            std::vector<std::string> parts = {std::string(row->part)};
            if (row->has_part) {
                parts.clear();
                for (const aka::part_info& p : aka::detail::part_table)
                    parts.push_back(part_text(p));
            }
            for (const std::string& part : parts) {
                const int l = static_cast<int>(random() % 200),
                          e = static_cast<int>(random() % 999), h = static_cast<int>(random() % 99);
                const std::string name = name_of(*row, l, e, h, part);
                const auto p = v->parse(name);
                REQUIRE_MESSAGE(p.has_value(), v->id() << ": " << name);
                CHECK_MESSAGE(p->row == row, v->id() << ": " << name);
                CHECK(p->part == part);
                CHECK(p->layer == (row->pattern.find("{l}") != std::string_view::npos ? l : -1));
                CHECK(p->expert == (row->pattern.find("{e}") != std::string_view::npos ? e : -1));
                CHECK(p->head == (row->pattern.find("{h}") != std::string_view::npos ? h : -1));
                CHECK(spelled(*p) == name);
                ++names;
            }
        }
    }
    MESSAGE("names both ways: " << names);
}

TEST_CASE("names: numbers from 1, and with zeros in front") {
    aka::catalog c = builtin();
    const aka::status added = c.add(
        "convention counted\n"
        "  one.{l+1}.q.{part} = attn_q\n"
        "  layer_{l:02}.k.{part} = attn_k\n"
        "  both/{l+1:03}/v = attn_v\n"
        "  {l+1}.experts.{e+1:02}.up.weight = ffn_up_exps\n"
        "  blk.{l:02}.experts.{e+1}.down.weight = ffn_down_exps\n"
        "  net.6.n{l:02}.2.v.{part} = attn_output\n"
        "  x.{l+1}.gate|g = ffn_gate\n");
    REQUIRE_MESSAGE(added.has_value(), added.error().message().c_str());
    const aka::convention* v = c.find("counted");
    REQUIRE(v != nullptr);
    struct {
        const char* name;
        int layer, expert;
    } known[] = {
        {"one.1.q.weight", 0, -1},
        {"one.10.q.bias", 9, -1},
        {"layer_00.k.weight", 0, -1},
        {"layer_09.k.weight", 9, -1},
        {"layer_10.k.weight", 10, -1},
        {"layer_100.k.weight", 100, -1},
        {"both/001/v", 0, -1},
        {"both/099/v", 98, -1},
        {"both/100/v", 99, -1},
        {"both/1234/v", 1233, -1},
        {"1.experts.01.up.weight", 0, 0},
        {"12.experts.16.up.weight", 11, 15},
        {"net.6.n00.2.v.weight", 0, -1},
        {"net.6.n12.2.v.bias", 12, -1},
        {"12.experts.128.up.weight", 11, 127},
        {"blk.00.experts.1.down.weight", 0, 0},
        {"blk.11.experts.16.down.weight", 11, 15},
        {"x.5.g", 4, -1},
    };
    for (const auto& k : known) {
        const auto p = v->parse(k.name);
        REQUIRE_MESSAGE(p.has_value(), k.name);
        CHECK_MESSAGE(p->layer == k.layer, k.name);
        CHECK_MESSAGE(p->expert == k.expert, k.name);
        CHECK(spelled(*p) == k.name);
    }
    for (const char* name : {"one.0.q.weight",
                             "one.01.q.weight",
                             "layer_0.k.weight",
                             "layer_9.k.weight",
                             "layer_000.k.weight",
                             "layer_010.k.weight",
                             "both/000/v",
                             "both/01/v",
                             "both/0001/v",
                             "both/99/v",
                             "1.experts.00.up.weight",
                             "0.experts.01.up.weight",
                             "1.experts.1.up.weight",
                             "blk.0.experts.1.down.weight",
                             "blk.00.experts.0.down.weight",
                             "net.5.n00.2.v.weight",
                             "net.6.n00.3.v.weight",
                             "net.6.n0.2.v.weight",
                             "net.n00.2.v.weight",
                             "x.0.g"})
        CHECK_FALSE_MESSAGE(v->parse(name).has_value(), name);
    // Every number, both ways.
    char out[64];
    for (aka::role r : {aka::role::attn_q, aka::role::attn_k, aka::role::attn_v}) {
        const aka::name_row* row = v->row_of(r);
        REQUIRE(row != nullptr);
        for (std::int32_t l : {0, 1, 8, 9, 10, 98, 99, 100, 998, 999, 1000, 99999}) {
            const auto name = aka::format(*row, {r, l, -1, -1, "weight"}, out);
            REQUIRE(name.has_value());
            const auto p = v->parse(*name);
            REQUIRE_MESSAGE(p.has_value(), std::string(*name));
            CHECK(p->layer == l);
            CHECK(p->row == row);
        }
    }
}

TEST_CASE("names: a list of names that count from 1 is matched") {
    aka::catalog c;
    REQUIRE(c.add("convention one\n  a.{l+1}.q.{part} = attn_q\n  b.{l:02}.k.{part} = attn_k\n")
                .has_value());
    std::vector<std::string> text;
    for (int l = 0; l < 12; ++l) {
        text.push_back("a." + std::to_string(l + 1) + ".q.weight");
        text.push_back(std::string(l < 10 ? "b.0" : "b.") + std::to_string(l) + ".k.weight");
    }
    text.push_back("b.3.k.weight");  // no name of this convention
    std::vector<std::string_view> names(text.begin(), text.end());
    const auto f =
        aka::folded_names::of(aka::span<const std::string_view>(names.data(), names.size()));
    REQUIRE(f.has_value());
    unsigned matched = 0;
    for (const aka::name_shape& s : f->shapes())
        c.match(s, [&](const aka::shape_match& m) {
            for (std::uint32_t i = s.first_member; i != aka::folded_names::none;
                 i = (*f)[i].next, ++matched)
                CHECK(m.at((*f)[i].number).layer == static_cast<int>(i / 2));
        });
    // A shape is matched as a whole, or not: 3 has no zero in front.
    CHECK(matched == 12 + 10);
}

// `weight1` at the end is a number to who folds names, so that a row that has it must have it too.
TEST_CASE("names: a number behind weight is the same number") {
    aka::catalog c;
    const aka::status added = c.add(
        "convention n\n  a.weight1 = output_norm\n  a.weight20 = output\n"
        "  weight3.b = token_embd\n  a.weight04 = rope_freqs\n");
    REQUIRE_MESSAGE(added, added.error().message().c_str());
    const aka::convention& v = *c.find("n");
    const std::pair<const char*, aka::role> names[] = {{"a.weight1", aka::role::output_norm},
                                                       {"a.weight20", aka::role::output},
                                                       {"weight3.b", aka::role::token_embd},
                                                       {"a.weight04", aka::role::rope_freqs}};
    for (const auto& n : names) {
        CAPTURE(n.first);
        const auto p = v.parse(n.first);
        REQUIRE(p);
        CHECK(p->row->holds(n.second));
    }
    for (const char* n : {"a.weight", "a.weight2", "a.weight10", "weight4.b", "a.weight4"})
        CHECK_MESSAGE(!v.parse(n), n);
}

TEST_CASE("names: what cannot be spelled is refused") {
    const aka::catalog c = builtin();
    const aka::convention* hf = c.find("hf");
    REQUIRE(hf != nullptr);
    const aka::name_row* q = hf->row_of(aka::role::attn_q);
    REQUIRE(q != nullptr);
    char out[64];
    CHECK(aka::format(*q, {aka::role::attn_q, -1, -1, -1, "weight"}, out).code() ==
          aka::errc::out_of_range);
    CHECK(aka::format(*q, {aka::role::attn_q, 1, -1, -1, "nonsense"}, out).code() ==
          aka::errc::not_found);
    char little[8];
    CHECK(aka::format(*q, {aka::role::attn_q, 1, -1, -1, "weight"}, little).code() ==
          aka::errc::wrong_size);
    for (const char* name :
         {"model.layers.00.self_attn.q_proj.weight", "model.layers.1.self_attn.q_proj",
          "model.layers..self_attn.q_proj.weight", "layers.1.self_attn.q_proj.weight", "", "model.",
          "model.layers.1.self_attn.q_proj.weight.x", "model.layers.-1.self_attn.q_proj.weight"})
        CHECK_FALSE_MESSAGE(hf->parse(name).has_value(), name);
    CHECK_FALSE(hf->parse(std::string(100000, 'a')).has_value());
}

TEST_CASE("names: running out of memory is an error, whenever it happens") {
    const char* table = "convention a extends b\n  x{l}_{part} = attn_q\n  y.** = drop\n";
    aka::catalog c;
    REQUIRE(c.add("convention b\n  z.{l}.k|l|m.{part} = attn_k\n").has_value());
    bool fails = true;
    for (std::uint64_t n = 0; fails && n < 200; ++n) {
        test::allocs.fail_first = test::allocs.count.load() + n;
        const aka::status s = c.add(table);
        test::allocs.fail_first = test::no_limit;
        fails = !s.has_value();
        if (fails) {
            CHECK(s.error().code() == aka::errc::out_of_memory);
            CHECK(c.find("a") == nullptr);
            CHECK(c.find("b")->parse("z.3.l.weight").has_value());
        }
    }
    CHECK_FALSE(fails);
    CHECK(c.find("a")->parse("x3_weight").has_value());
}

TEST_CASE("names: the whole catalog compiles in no time") {
    double fastest = 1e9;
    std::uint64_t bytes = 0;
    std::size_t conventions = 0, rows = 0;
    for (int i = 0; i < 9; ++i) {
        const std::uint64_t before = test::allocs.current;
        const auto start = std::chrono::steady_clock::now();
        const aka::catalog c = builtin();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        fastest = std::min(fastest, took.count());
        bytes = test::allocs.current - before;
        conventions = c.conventions().size();
        rows = c.row_count();
    }
    MESSAGE("catalog: " << conventions << " conventions, " << rows << " rows, " << fastest * 1e3
                        << " ms, " << bytes << " bytes");
    CHECK(bytes < 1000000);
    // Generous: the machine is shared; the figure is printed.
    if (test::timed) CHECK(fastest < 0.02);
}

}  // namespace test_names
