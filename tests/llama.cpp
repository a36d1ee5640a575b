// Binding: every spelling gives the same tensors by role, in either row order, whole or cut for
// ranks, quantised rows moved as whole blocks.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/rounds.hpp"
#include "support/spellings.hpp"

#include <aka/llama.hpp>

#include <string>
#include <vector>

namespace test_llama {

namespace {

using aka::role;
using test::bytes_of;
using test::known;
using test::model;
using test::st_tensor;

// Rows of q or k of a model (Hugging Face order) with the pairs of each head's rotary part side by
// side: row 2i + s of the result is row s * n / 2 + i of the head.
std::string interleaved(const st_tensor& t, std::uint64_t head_dim, std::uint64_t n_rot) {
    const std::uint64_t rows = t.shape[0], row = t.data.size() / rows;
    std::string out = t.data;
    for (std::uint64_t h = 0; h < rows / head_dim; ++h)
        for (std::uint64_t i = 0; i < n_rot / 2; ++i)
            for (std::uint64_t s = 0; s < 2; ++s)
                out.replace((h * head_dim + 2 * i + s) * row, row, t.data,
                            (h * head_dim + s * (n_rot / 2) + i) * row, row);
    return out;
}

struct known_tensor {
    role r;
    std::int64_t layer, expert;
    std::string part, data;
};

// What the model holds, by coordinate, from its own keys: "blk.3.ffn_gate.2.weight".
std::vector<known_tensor> expected(const model& m, aka::rope_order rope) {
    std::vector<known_tensor> all;
    for (const std::string& key : m.order) {
        std::vector<std::string> words;
        for (std::size_t at = 0; at <= key.size();) {
            std::size_t end = std::min(key.find('.', at), key.size());
            words.push_back(key.substr(at, end - at));
            at = end + 1;
        }
        known_tensor k{role::none, -1, -1, words.back(), m.tensors.at(key).data};
        std::size_t at = 0;
        if (words[0] == "blk") {
            k.layer = std::stoll(words[1]);
            at = 2;
        }
        std::string name = words[at];
        if (words.size() == at + 3) {
            k.expert = std::stoll(words[at + 1]);
            name += "_exps";
        }
        k.r = aka::role_from_name(name);
        REQUIRE_MESSAGE(k.r != role::none, key);
        if (rope == aka::rope_order::interleaved && (k.r == role::attn_q || k.r == role::attn_k))
            k.data = interleaved(m.tensors.at(key), m.config.head_dim,
                                 m.config.n_rot == 0 ? m.config.head_dim : m.config.n_rot);
        all.push_back(k);
    }
    return all;
}

void check_bound(const aka::llama& l, const model& m, const std::string& what) {
    std::size_t wrong = 0;
    std::string first;
    for (const known_tensor& k : expected(m, l.rope())) {
        aka::tensor t = l.get(k.r, k.layer, k.expert, k.part);
        if (t && bytes_of(t) == k.data) continue;
        if (wrong++ == 0)
            first = std::string(aka::name(k.r)) + " of layer " + std::to_string(k.layer) +
                    (t ? ": other bytes" : ": not bound");
    }
    CHECK_MESSAGE(wrong == 0, what, ": ", wrong, " wrong, first ", first);
}

std::vector<test::named_model> models(const std::string& dtype) {
    auto all = test::standard_models(dtype);
    for (auto& m : test::special_models(dtype)) all.push_back(std::move(m));
    return all;
}

}  // namespace

TEST_CASE("every spelling binds to the same tensors in each row order") {
    std::size_t bound = 0;
    test::one_in tried(3);
    for (const char* dtype : {"F16", "BF16"}) {
        for (const test::named_model& m : models(dtype)) {
            test::temp_folder folder;
            for (const test::spelling& s : test::spellings()) {
                // GGUF keeps 1-D tensors in F32, which the model's own bytes are not.
                if (!s.holds(m.model.config) || s.gguf() || tried.skips()) continue;
                auto dir = folder / ("m" + std::to_string(bound));
                std::filesystem::create_directory(dir);
                auto path = test::write_spelling(s, m.model, dir, {bound % 3 + 1, "", {}});
                for (aka::rope_order rope : {aka::rope_order::unknown, aka::rope_order::half,
                                             aka::rope_order::interleaved}) {
                    aka::llama_options o;
                    o.rope = rope;
                    auto l = aka::llama::open(path.string(), o, known());
                    REQUIRE_MESSAGE(l, s.id, ", ", m.name, ": ", l.error().message().view());
                    check_bound(*l, m.model, s.id + ", " + m.name);
                    ++bound;
                }
                CHECK_MESSAGE(aka::llama::open(path.string(), {}, known())->unbound().empty(), s.id,
                              ", ", m.name);
            }
        }
    }
    MESSAGE(bound, " models bound");
}

TEST_CASE("what kind of norms a model has, whoever says it") {
    const auto of = [](const test::spelling& s, const model& m, const std::string& type = {}) {
        const test::temp_folder folder;
        const auto path = test::write_spelling(s, m, folder.path());
        if (!type.empty()) {
            std::string config = test::read_file(folder / "config.json");
            const std::string was = "\"model_type\": \"llama\"";
            REQUIRE(config.find(was) != std::string::npos);
            config.replace(config.find(was), was.size(), "\"model_type\": \"" + type + "\"");
            test::write_file(folder / "config.json", config);
        }
        const auto l = aka::llama::open(path.string(), {}, known());
        REQUIRE_OK(l);
        CHECK(l->sizes(1) == l->source().sizes(1));
        return l->norm();
    };
    const model plain = test::standard_models("F16")[0].model;
    CHECK(of(test::find_spelling("hf_llama"), plain) == aka::norm_kind::rms);
    CHECK(of(test::find_spelling("hf_llama"), plain, "stablelm") == aka::norm_kind::layer);
    for (const test::named_model& m : test::special_models("F16"))
        for (const test::spelling& s : test::spellings())
            if (m.name == "no-norms" && s.holds(m.model.config))
                CHECK_MESSAGE(of(s, m.model) == aka::norm_kind::none, s.id);
}

TEST_CASE("wrappers around names change nothing") {
    auto m = test::standard_models("F16")[0];
    std::size_t bound = 0;
    test::one_in tried(3);
    for (const test::spelling& s : test::spellings()) {
        if (!s.holds(m.model.config) || s.gguf()) continue;
        for (const std::string& w : test::wrapper_ids()) {
            if (!test::can_wrap(w, s) || tried.skips()) continue;
            test::temp_folder folder;
            test::spelling_options o;
            o.wrapper = w;
            auto path = test::write_spelling(s, m.model, folder.path(), o);
            auto l = aka::llama::open(path.string(), {}, known());
            CHECK_MESSAGE(l, s.id, " in ", w, ": ", l.error().message().view());
            if (l) check_bound(*l, m.model, s.id + " in " + w);
            ++bound;
        }
    }
    MESSAGE(bound, " wrapped spellings bound");
    CHECK(bound > tried.of(50));
}

TEST_CASE("quantised rows are moved as whole blocks, byte for byte") {
    std::size_t bound = 0;
    test::one_in tried(3);
    for (const char* type : {"q4_0", "q8_0", "q4_K"}) {
        for (const test::named_model& m : test::quantised_models(type)) {
            for (const test::spelling& s : test::spellings()) {
                if (!s.holds(m.model.config) || s.gguf() || tried.skips()) continue;
                test::temp_folder folder;
                test::spelling_options o;
                o.container = test::container::gguf;
                auto path = test::write_spelling(s, m.model, folder.path(), o);
                for (aka::rope_order rope : {aka::rope_order::half, aka::rope_order::interleaved}) {
                    aka::llama_options lo;
                    lo.rope = rope;
                    auto l = aka::llama::open(path.string(), lo, known());
                    CHECK_MESSAGE(l, s.id, ", ", m.name, ", ", type, ": ",
                                  l.error().message().view());
                    if (l) check_bound(*l, m.model, s.id + ", " + m.name + ", " + type);
                    ++bound;
                }
            }
        }
    }
    MESSAGE(bound, " quantised models bound");
    CHECK(bound > tried.of(20));
}

}  // namespace test_llama
