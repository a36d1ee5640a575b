// The text of conventions, added to a small table, and the rules that rename. A table that is
// refused leaves everything as it was; of one that is taken, each name that a row spells is read
// back as what it was spelled from. A rule and its inverse lead there and back.
#include "fuzz.hpp"

#include <aka/names.hpp>
#include <aka/rename_rules.hpp>

#include <string>
#include <utility>

namespace fuzz_tables {

constexpr std::string_view base_text = R"(
convention base
  alias first
  title A convention to extend
  rope half
  model_type llama
  embed.{part} = token_embd
  layers.{l}.norm1.{part} = attn_norm
  layers.{l}.qkv.{part} = (q kv g s i + k kv s i + v kv d) , x
  layers.{l}.q|query.{part} = attn_q also
  layers.{l}.experts.{e}.up.{part} = ffn_up_exps
  layers.{l}.inv_freq = drop
  norm.weight = output_norm
)";

inline void check_base(const aka::catalog& c) {
    const aka::convention* base = c.find("base");
    FUZZ_CHECK(base != nullptr && c.find("first") == base);
    const auto p = base->parse("layers.12.norm1.weight");
    FUZZ_CHECK(p && p->layer == 12 && p->row->holds(aka::role::attn_norm));
}

// What a row spells for a coordinate is read as that.
inline void check_row(const aka::convention& v, const aka::name_row& row, std::int32_t number) {
    aka::coordinate at;
    at.layer = at.expert = at.head = number;
    at.part = row.has_part ? std::string_view("bias") : row.part;
    std::string name;
    const aka::status s =
        aka::detail::spell(row, at, [&](std::string_view piece) { name += piece; });
    if (!s) return FUZZ_CHECK(!row.is_tensor() || row.has_part || s.code() != aka::errc::none);
    if (name.size() > 512) return;  // longer than any that is read
    const auto read = v.parse(name);
    FUZZ_CHECK(read && read->row->is_tensor());
    FUZZ_CHECK(read->row == &row || read->row->role_set == row.role_set);
    FUZZ_CHECK(read->part == at.part);
    for (unsigned i = 0; i < row.holes; ++i) {
        if (row.hole[i] == aka::hole_kind::layer) FUZZ_CHECK(read->layer == number);
        if (row.hole[i] == aka::hole_kind::expert) FUZZ_CHECK(read->expert == number);
        if (row.hole[i] == aka::hole_kind::head) FUZZ_CHECK(read->head == number);
    }
}

inline void check_table(std::string_view text) {
    aka::catalog c;
    FUZZ_CHECK(c.add(base_text));
    const std::size_t conventions = c.conventions().size(), rows = c.row_count();
    const aka::status added = c.add(text, "table");
    check_base(c);
    if (!added) {
        FUZZ_CHECK(added.code() == aka::errc::bad_table || added.code() == aka::errc::bad_layout);
        FUZZ_CHECK(c.conventions().size() == conventions && c.row_count() == rows);
        return;
    }
    FUZZ_CHECK(c.conventions().size() >= conventions && c.row_count() >= rows);
    for (const aka::convention* v : c.conventions()) {
        FUZZ_CHECK(c.find(v->id()) == v);
        for (const aka::name_row* row : v->rows()) {
            check_row(*v, *row, 0);
            check_row(*v, *row, 7);
            check_row(*v, *row, 120);
        }
    }
}

inline void check_rule(std::string_view text, std::string_view name) {
    const auto rule = aka::rename_rule::parse(text);
    if (!rule || rule->drops()) return;
    std::string now, back;
    const bool applies = rule->apply(name, [&](std::string_view s) { now += s; });
    FUZZ_CHECK(applies == rule->matches(name));
    const auto inverse = rule->inverse();
    if (!applies || !inverse) return;
    // Free holes may divide the new name otherwise, so that the way back need not lead to the
    // same name; but it is there, and leads to the new name again.
    FUZZ_CHECK(inverse->apply(now, [&](std::string_view s) { back += s; }));
    std::string again;
    FUZZ_CHECK(rule->apply(back, [&](std::string_view s) { again += s; }));
    FUZZ_CHECK(back != name || again == now);
}

// How many rows a table may become: `a|b.c|d` in a line are four, and no line is more than 64.
inline std::uint64_t rows_of(std::string_view text) {
    std::uint64_t rows = 1, ways = 1, here = 1;
    for (const char c : text) {
        here += c == '|';
        if (c != '.' && c != '/' && c != '\n') continue;
        ways = ways * here < 64 ? ways * here : 64;
        here = 1;
        if (c == '\n') rows += std::exchange(ways, 1);
    }
    return rows + (ways * here < 64 ? ways * here : 64);
}

}  // namespace fuzz_tables

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_tables;
    const std::string_view text = fuzz::text_of(data, size);
    const fuzz::no_leaks leaks;
    // A table is copied, and becomes rows of 300 bytes and a pattern of 400 at most, with their
    // stems and places in the index and in their convention; a convention is as large, and has its
    // base's rows once more. The base has a dozen lines itself; what grows is copied while it does.
    fuzz::within(65536 + 4 * size + 4096 * rows_of(text), [&] { return check_table(text), 0; });
    fuzz::input in(text);
    const std::string_view rule = in.to('\n');
    fuzz::within(0, [&] { return check_rule(rule, in.to('\n')), 0; });
    return 0;
}
