// Tensor-parallel ranks: the parts put together are the whole, from any spelling, into any other.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/spellings.hpp"

#include <aka/llama.hpp>

#include <string>
#include <vector>

namespace test_shard {

namespace {

using aka::role;
using test::bytes_of;
using test::known;
using test::st_tensor;

test::named_model heads(std::uint64_t n_head, std::uint64_t n_head_kv, std::uint64_t n_expert) {
    test::model_config c;
    c.n_layer = 2;
    c.n_embd = 24;
    c.n_head = n_head;
    c.n_head_kv = n_head_kv;
    c.head_dim = 4;
    c.n_ff = 840;  // a multiple of every world up to 8
    c.n_expert = n_expert;
    c.n_expert_used = n_expert == 0 ? 0 : 1;
    c.dtype = "F16";
    return {"h" + std::to_string(n_head) + "k" + std::to_string(n_head_kv),
            test::random_model(c, n_head * 100 + n_head_kv)};
}

bool can_cut(const test::model_config& c, std::uint64_t world) {
    if (c.n_head_kv % world == 0) return true;
    return world % c.n_head_kv == 0 && c.n_head / c.n_head_kv % (world / c.n_head_kv) == 0;
}

// Columns [rank * n, (rank + 1) * n) of a matrix of `rows` rows.
std::string columns(const std::string& whole, std::uint64_t rows, std::uint64_t world,
                    std::uint64_t rank) {
    const std::size_t row = whole.size() / rows, part = row / world;
    std::string out;
    for (std::uint64_t r = 0; r < rows; ++r) out += whole.substr(r * row + rank * part, part);
    return out;
}
std::string rows(const std::string& whole, std::uint64_t world, std::uint64_t rank) {
    const std::size_t part = whole.size() / world;
    return whole.substr(rank * part, part);
}
// k and v: where there are fewer kv heads than ranks, neighbours have the same head.
std::string kv_rows(const std::string& whole, std::uint64_t kv, std::uint64_t world,
                    std::uint64_t rank) {
    return kv % world == 0 ? rows(whole, world, rank) : rows(whole, kv, rank / (world / kv));
}

}  // namespace

TEST_CASE("ranks of every world put together are the whole") {
    std::size_t ranks = 0;
    std::vector<test::named_model> models{heads(12, 2, 0), heads(7, 7, 0),  heads(5, 5, 0),
                                          heads(6, 3, 0),  heads(16, 8, 0), heads(8, 1, 0),
                                          heads(8, 4, 3)};
    bool world_seen[9] = {};
    for (const test::named_model& m : models) {
        const test::model_config& c = m.model.config;
        for (const test::spelling& s : test::spellings()) {
            if (!s.holds(c) || s.gguf()) continue;
            test::temp_folder folder;
            auto path = test::write_spelling(s, m.model, folder.path());
            auto file = aka::checkpoint::open(path.string());
            REQUIRE(file);
            for (std::uint32_t world = 1; world <= 8; ++world) {
                for (std::uint32_t rank = 0; rank < world; ++rank) {
                    aka::llama_options o;
                    o.rope = aka::rope_order::half;
                    o.shard = {rank, world};
                    auto l = aka::llama::bind(*file, o, known());
                    CHECK_MESSAGE(static_cast<bool>(l) == can_cut(c, world), s.id, ", ", m.name,
                                  ", world ", world, ": ", l.error().message().view());
                    if (!l) continue;
                    world_seen[world] = true;
                    ++ranks;
                    std::size_t wrong = 0;
                    for (std::int64_t layer = 0; layer < 2; ++layer) {
                        auto whole = [&](const char* name, std::int64_t e = -1) {
                            std::string key = "blk." + std::to_string(layer) + "." + name;
                            if (e >= 0) key += "." + std::to_string(e);
                            return m.model.tensors.at(key + ".weight");
                        };
                        auto same = [&](role r, const std::string& want, std::int64_t e = -1) {
                            wrong += bytes_of(l->get(r, layer, e)) != want;
                        };
                        same(role::attn_q, rows(whole("attn_q").data, world, rank));
                        same(role::attn_k, kv_rows(whole("attn_k").data, c.n_head_kv, world, rank));
                        same(role::attn_v, kv_rows(whole("attn_v").data, c.n_head_kv, world, rank));
                        same(role::attn_output,
                             columns(whole("attn_output").data, c.n_embd, world, rank));
                        same(role::attn_norm, whole("attn_norm").data);
                        if (c.n_expert == 0) {
                            same(role::ffn_gate, rows(whole("ffn_gate").data, world, rank));
                            same(role::ffn_up, rows(whole("ffn_up").data, world, rank));
                            same(role::ffn_down,
                                 columns(whole("ffn_down").data, c.n_embd, world, rank));
                        }
                        for (std::int64_t e = 0; e < static_cast<std::int64_t>(c.n_expert); ++e) {
                            same(role::ffn_gate_exps, rows(whole("ffn_gate", e).data, world, rank),
                                 e);
                            same(role::ffn_up_exps, rows(whole("ffn_up", e).data, world, rank), e);
                            same(role::ffn_down_exps,
                                 columns(whole("ffn_down", e).data, c.n_embd, world, rank), e);
                        }
                    }
                    CHECK_MESSAGE(wrong == 0, s.id, ", ", m.name, ", rank ", rank, " of ", world,
                                  ": ", wrong, " wrong");
                }
            }
        }
    }
    for (int world = 1; world <= 8; ++world) CHECK(world_seen[world]);
    MESSAGE(ranks, " ranks bound");
}

TEST_CASE("a fused target of a rank is the rank's own q, k and v, gate and up") {
    auto m = heads(12, 2, 0);
    test::temp_folder folder;
    auto path = test::write_spelling(test::find_spelling("hf_llama"), m.model, folder.path());
    auto file = aka::checkpoint::open(path.string());
    REQUIRE(file);
    for (std::uint32_t world : {2u, 4u}) {
        for (std::uint32_t rank = 0; rank < world; ++rank) {
            aka::target to;
            to.convention = "phi3";
            to.shard = {rank, world};
            auto a = aka::adapt(*file, to, known());
            REQUIRE_MESSAGE(a, a.error().message().view());
            auto whole = [&](const char* name) {
                return m.model.tensors.at(std::string("blk.1.") + name + ".weight").data;
            };
            CHECK(bytes_of(a->find("model.layers.1.self_attn.qkv_proj.weight")) ==
                  rows(whole("attn_q"), world, rank) + kv_rows(whole("attn_k"), 2, world, rank) +
                      kv_rows(whole("attn_v"), 2, world, rank));
            CHECK(bytes_of(a->find("model.layers.1.mlp.gate_up_proj.weight")) ==
                  rows(whole("ffn_gate"), world, rank) + rows(whole("ffn_up"), world, rank));
        }
    }
}

TEST_CASE("a rank that cannot be cut is refused with the numbers") {
    auto m = heads(12, 2, 0);
    test::temp_folder folder;
    auto path = test::write_spelling(test::find_spelling("hf_llama"), m.model, folder.path());
    aka::llama_options o;
    o.shard = {0, 5};
    auto l = aka::llama::open(path.string(), o, known());
    REQUIRE(!l);
    CHECK(l.code() == aka::errc::bad_hparams);
    CHECK(l.error().message().view().find("12 heads and 2 kv heads") != std::string_view::npos);
    o.shard = {3, 2};
    CHECK(aka::llama::open(path.string(), o, known()).code() == aka::errc::out_of_range);
}

TEST_CASE("columns of quantised rows are cut at blocks or refused") {
    auto m = test::quantised_models("q4_0")[0];
    test::temp_folder folder;
    test::spelling_options o;
    o.container = test::container::gguf;
    auto path = test::write_spelling(test::find_spelling("hf_llama"), m.model, folder.path(), o);
    const test::model_config& c = m.model.config;
    for (std::uint32_t world = 2; world <= 4; ++world) {
        if (!can_cut(c, world) || c.n_ff % world != 0) continue;
        aka::llama_options lo;
        lo.shard = {1, world};
        auto l = aka::llama::open(path.string(), lo, known());
        bool legal = c.n_head * c.head_dim / world % 32 == 0 && c.n_ff / world % 32 == 0;
        CHECK_MESSAGE(static_cast<bool>(l) == legal, "world ", world, ": ",
                      l.error().message().view());
        if (!l) CHECK(l.code() == aka::errc::bad_block);
    }
}

}  // namespace test_shard
