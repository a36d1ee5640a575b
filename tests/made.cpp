// What a target has and the file has not: tensors that hyper-parameters give, a tied output under
// its own name, and element types that are the target's rule.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/model_gguf.hpp"
#include "support/spellings.hpp"

#include <aka/convert_tensor.hpp>
#include <aka/llama.hpp>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace test_made {

namespace {

using aka::adapt;
using test::bytes_of;
using test::known;

// A model of this config, written as Hugging Face's Llama (or Phi-3), `more` added to its config.
struct written {
    test::temp_folder folder;
    test::model model;

    written(const test::model_config& c, const std::string& more, const std::string& type = "llama",
            const std::string& dtype = "")
        : model(test::random_model(with_type(c, dtype), 21)) {
        std::string config = test::hf_config_json(model.config, type, "LlamaForCausalLM");
        config.insert(config.rfind('}'), more);
        test::write_file((folder / "config.json").string(), config);
        test::write_file((folder / "model.safetensors").string(),
                         test::write_safetensors(model.list()));
    }
    static test::model_config with_type(test::model_config c, const std::string& dtype) {
        if (!dtype.empty()) c.dtype = dtype;
        return c;
    }
    aka::checkpoint open() const {
        auto c = aka::checkpoint::open(folder.path().string());
        REQUIRE_MESSAGE(c, c.error().message().view());
        return std::move(*c);
    }
};

test::model_config wide_heads() {
    test::model_config c;
    c.n_head = 2;
    c.n_head_kv = 1;
    c.head_dim = 128;
    c.rope_theta = 500000.0f;
    return c;
}
const char* const llama3 =
    ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0,"
    " \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 8192}\n";

std::string why(aka::span<const aka::ledger_entry> entries, std::string_view name) {
    for (const aka::ledger_entry& e : entries)
        if (e.name == name) return std::string(e.why);
    return {};
}
std::size_t listed(const aka::adapter& a, std::string_view name) {
    std::size_t n = 0;
    for (aka::tensor t : a) n += t.name() == name;
    return n;
}
float value_at(const std::string& bytes, std::size_t i) {
    float f = 0;
    std::memcpy(&f, bytes.data() + 4 * i, 4);
    return f;
}

}  // namespace

TEST_CASE("rope_freqs of Llama 3.1 is computed from the config") {
    aka::tensor t;
    aka::adapter kept = [&] {
        written w(wide_heads(), llama3);
        aka::checkpoint c = w.open();
        auto a = adapt(c, "gguf", known());
        REQUIRE_MESSAGE(a, a.error().message().view());
        CHECK(a->missing().empty());
        CHECK(a->unbound().empty());
        CHECK(why(a->made(), "rope_freqs.weight").find("llama3") != std::string::npos);
        CHECK(listed(*a, "rope_freqs.weight") == 1);
        CHECK(a->size() == c.size() + 1);
        // The files of the source keep their places; the numbers come behind them.
        CHECK(a->file_count() == c.file_count() + 1);
        aka::tensor k = a->find("blk.0.attn_v.weight");
        CHECK((k.is_view() && k.file_index() == 0 &&
               bytes_of(k) == w.model.at("blk.0.attn_v.weight").data));
        return std::move(*a);
    }();
    t = kept.find("rope_freqs.weight");
    REQUIRE(t);
    CHECK((kept.get(aka::role::rope_freqs).name() == t.name()));
    CHECK(t.dtype() == aka::dtype::f32);
    CHECK((t.shape().rank() == 1 && t.shape()[0] == 64));
    CHECK((t.is_view() && t.is_packed() && !t.is_pending() && t.file().empty()));
    auto values = t.as<float>();
    REQUIRE_MESSAGE(values, values.error().message().view());
    CHECK(bytes_of(t) ==
          std::string(reinterpret_cast<const char*>(t.bytes()->data()), t.bytes()->size()));
    CHECK(t.prefetch());
    auto some = t.slice(0, 29, 3);
    REQUIRE(some);
    CHECK((*some->as<float>())[0] == (*values)[29]);
    // From the definition: a pair turns by base^(-2i/d); its wave is what a whole turn takes.
    for (std::size_t i = 0; i < 64; ++i) {
        const double wave =
            6.283185307179586 * std::pow(500000.0, 2.0 * static_cast<double>(i) / 128);
        const double s = (8192 / wave - 1) / 3;
        const double f = wave < 2048 ? 1 : wave > 8192 ? 8 : 1 / ((1 - s) / 8 + s);
        CHECK((*values)[i] == static_cast<float>(f));
    }
    // What llama.cpp's converter gives for Llama 3.1, which computes in F32, to its precision.
    const float converter[] = {1.0f,     1.207484f,  1.5534146f, 2.0263133f,
                               2.69453f, 3.6842532f, 5.2573266f, 8.0f};
    for (std::size_t i = 0; i < 8; ++i)
        CHECK(std::fabs((*values)[28 + i] / converter[i] - 1) < 4e-7f);
}

TEST_CASE("rope_freqs: who needs it, and what it needs") {
    written w(wide_heads(), llama3);
    aka::checkpoint c = w.open();
    // Only part of a head turns; other bases and factors; defaults for what is left out.
    auto hf = adapt(c, "hf", known());
    REQUIRE(hf);
    CHECK(hf->made().empty());
    CHECK(hf->size() == c.size());
    CHECK(hf->file_count() == c.file_count());
    auto l = aka::llama::bind(c, {}, known());
    REQUIRE(l);
    CHECK(l->get(aka::role::rope_freqs).elements() == 64);

    test::model_config small = wide_heads();
    small.rope_theta = 10000.0f;
    written less(small,
                 ", \"partial_rotary_factor\": 0.25, \"rope_scaling\": {\"rope_type\":"
                 " \"llama3\", \"factor\": 32}\n");
    auto a = adapt(less.open(), "gguf:qwen2", known());
    REQUIRE_MESSAGE(a, a.error().message().view());
    aka::tensor t = a->find("rope_freqs.weight");
    REQUIRE(t.elements() == 16);
    for (std::size_t i = 0; i < 16; ++i) {
        const double wave = 6.283185307179586 * std::pow(10000.0, static_cast<double>(i) / 16);
        const double s = (8192 / wave - 1) / 3;
        const double f = wave < 2048 ? 1 : wave > 8192 ? 32 : 1 / ((1 - s) / 32 + s);
        CHECK((*t.as<float>())[i] == static_cast<float>(f));
    }

    written unsaid(wide_heads(), ", \"rope_scaling\": {\"rope_type\": \"llama3\"}\n");
    auto without = adapt(unsaid.open(), "gguf", known());
    REQUIRE(without);
    CHECK(!without->find("rope_freqs.weight"));
    CHECK(why(without->missing(), "rope_freqs.weight") == "the factor of its scaling is not said");
    written nonsense(wide_heads(),
                     ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8,"
                     " \"low_freq_factor\": 4, \"high_freq_factor\": 4}\n");
    auto no = adapt(nonsense.open(), "gguf", known());
    REQUIRE(no);
    CHECK(why(no->missing(), "rope_freqs.weight") == "its scaling makes no sense");
}

TEST_CASE("rope_factors_long and _short are LongRoPE's lists") {
    test::model_config c;  // heads of 8
    const std::string lists =
        ", \"rope_scaling\": {\"type\": \"longrope\", \"long_factor\": [1.5, 2, 3.25, 4e1],"
        " \"short_factor\": [1, 1.0, 1.1, 1.2]}\n";
    written w(c, lists);
    auto a = adapt(w.open(), "gguf", known());
    REQUIRE_MESSAGE(a, a.error().message().view());
    CHECK(a->missing().empty());
    CHECK(!a->find("rope_freqs.weight"));
    CHECK(why(a->made(), "rope_factors_long.weight").find("longrope") != std::string::npos);
    CHECK(why(a->made(), "rope_factors_short.weight").find("longrope") != std::string::npos);
    const std::string far = bytes_of(a->find("rope_factors_long.weight"));
    const std::string near = bytes_of(a->find("rope_factors_short.weight"));
    REQUIRE((far.size() == 16 && near.size() == 16));
    const float long_factors[] = {1.5f, 2, 3.25f, 40}, short_factors[] = {1, 1, 1.1f, 1.2f};
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(value_at(far, i) == long_factors[i]);
        CHECK(value_at(near, i) == short_factors[i]);
    }
    written wrong(c,
                  ", \"rope_scaling\": {\"type\": \"longrope\", \"long_factor\": [1, 2, 3],"
                  " \"short_factor\": [1, \"a\", 1, 1]}\n");
    auto b = adapt(wrong.open(), "gguf", known());
    REQUIRE(b);
    CHECK(b->made().empty());
    CHECK(why(b->missing(), "rope_factors_long.weight").find("another length") !=
          std::string::npos);
    CHECK(why(b->missing(), "rope_factors_short.weight").find("no list") != std::string::npos);
}

TEST_CASE("factors that a GGUF file has: kept there, and not tensors elsewhere") {
    test::gguf_writer g = test::to_gguf(test::random_model({}, 3));
    const std::string factors = test::encode_floats({1, 2, 4, 8}, "F32");
    g.add_tensor("rope_freqs.weight", 0, {4}, factors);
    test::temp_folder folder;
    g.save(folder / "model.gguf");
    auto c = aka::checkpoint::open((folder / "model.gguf").string());
    REQUIRE_MESSAGE(c, c.error().message().view());
    auto same = adapt(*c, "gguf", known());
    REQUIRE(same);
    CHECK(bytes_of(same->find("rope_freqs.weight")) == factors);
    CHECK(same->made().empty());
    auto hf = adapt(*c, "hf", known());
    REQUIRE_MESSAGE(hf, hf.error().message().view());
    CHECK(hf->unbound().size() == 1);
    CHECK(why(hf->unbound(), "rope_freqs.weight") ==
          "no tensor there: rope_scaling in the config says it");
}

TEST_CASE("a tied output is found where readers ask for it, and listed once") {
    test::model_config tied;
    tied.tied = true;
    written w(tied, "");
    aka::checkpoint c = w.open();
    REQUIRE(!c.find("lm_head.weight"));
    auto hf = adapt(c, "hf", known());
    REQUIRE(hf);
    aka::tensor t = hf->find("lm_head.weight"), e = hf->find("model.embed_tokens.weight");
    REQUIRE((t && e));
    CHECK(t.name() == "lm_head.weight");
    CHECK((t.is_view() && t.offset() == e.offset() && t.file_index() == e.file_index()));
    CHECK(t.shape() == e.shape());
    CHECK(bytes_of(t) == w.model.at("token_embd.weight").data);
    CHECK(hf->get("lm_head.weight", e.shape()));
    CHECK(hf->get(aka::role::output).name() == "lm_head.weight");
    CHECK(hf->size() == c.size());
    CHECK(listed(*hf, "lm_head.weight") == 0);
    CHECK(why(hf->made(), "lm_head.weight") == "the embedding, which is tied to it");
    auto meta = adapt(c, "meta", known());
    REQUIRE(meta);
    CHECK(bytes_of(meta->find("output.weight")) == w.model.at("token_embd.weight").data);
    // GGUF's readers take the embedding themselves; and the ledger says so.
    auto gguf = adapt(c, "gguf", known());
    REQUIRE(gguf);
    CHECK(!gguf->find("output.weight"));
    CHECK(why(gguf->made(), "output.weight") == "the embedding, which is tied to it");
    auto l = aka::llama::bind(c, {}, known());
    REQUIRE(l);
    CHECK(l->tied());
    CHECK(!l->get(aka::role::output));
    CHECK(l->output().offset() == l->token_embd().offset());
    // One that is there is that one.
    written own(test::model_config{}, "");
    auto apart = adapt(own.open(), "hf", known());
    REQUIRE(apart);
    CHECK(bytes_of(apart->find("lm_head.weight")) == own.model.at("output.weight").data);
}

TEST_CASE("GGUF's norms, vectors and routers are F32, whatever the file has") {
    test::model_config moe = test::standard_models("BF16")[3].model.config;
    moe.biases = true;
    test::model m = test::random_model(moe, 5);
    test::temp_folder folder;
    auto path = test::write_spelling(test::find_spelling("mixtral_hf"), m, folder.path());
    auto c = aka::checkpoint::open(path.string());
    REQUIRE(c);
    auto a = adapt(*c, "gguf", known());
    REQUIRE_MESSAGE(a, a.error().message().view());
    CHECK(a->resolved().types == aka::type_rules::convention);
    std::size_t pending = 0;
    for (aka::tensor t : *a) {
        const std::string name(t.name());
        const bool f32 = t.shape().rank() == 1 || name.find("ffn_gate_inp.") != std::string::npos;
        CHECK_MESSAGE(t.is_pending() == f32, name);
        CHECK_MESSAGE(t.dtype() == (f32 ? aka::dtype::f32 : aka::dtype::bf16), name);
        CHECK(t.stored_dtype() == aka::dtype::bf16);
        CHECK(t.size_bytes() == t.elements() * (f32 ? 4 : 2));
        if (!f32) continue;
        ++pending;
        CHECK((!t.is_view() && !t.is_packed() && t.norm_offset() == 0));
        std::string room(static_cast<std::size_t>(t.size_bytes()), '\0');
        auto copied = t.copy_to({reinterpret_cast<std::byte*>(room.data()), room.size()});
        CHECK(copied.code() == aka::errc::unsupported);
        CHECK(copied.error().message().view().find("arithmetic is pending") !=
              std::string_view::npos);
        CHECK(copied.error().message().view().find("use convert_to") != std::string_view::npos);
        CHECK(t.bytes().code() == aka::errc::needs_copy);
        aka::tensor s = t.stored();
        CHECK((s.dtype() == aka::dtype::bf16 && !s.is_pending() && s.name() == t.name()));
        CHECK((s.shape() == t.shape() && s.size_bytes() == 2 * s.elements()));
    }
    CHECK(pending == moe.n_layer * 6 + 1);
    // What is underneath: a norm is where it was, a bias has its rows in the target's order.
    aka::tensor norm = a->find("blk.1.attn_norm.weight").stored();
    CHECK(norm.is_view());
    CHECK(bytes_of(norm) == m.at("blk.1.attn_norm.weight").data);
    aka::tensor router = a->find("blk.1.ffn_gate_inp.weight");
    CHECK(bytes_of(router.stored()) == m.at("blk.1.ffn_gate_inp.weight").data);
    // A part of what is pending is pending, and has its part underneath.
    const std::size_t row = static_cast<std::size_t>(moe.n_embd) * 2;
    auto part = router.slice(0, 2, 1);
    REQUIRE(part);
    CHECK((part->is_pending() && part->size_bytes() == moe.n_embd * 4));
    CHECK(part->stored().is_view());
    CHECK(bytes_of(part->stored()) == m.at("blk.1.ffn_gate_inp.weight").data.substr(2 * row, row));
    auto column = router.slice(1, 3, 2);
    REQUIRE(column);
    std::string expected;
    for (std::size_t e = 0; e < moe.n_expert; ++e)
        expected += m.at("blk.1.ffn_gate_inp.weight").data.substr(e * row + 6, 4);
    CHECK(bytes_of(column->stored()) == expected);
    aka::tensor bias = a->find("blk.0.attn_k.bias");
    const std::string& rows = m.at("blk.0.attn_k.bias").data;
    std::string pairs;
    for (std::size_t h = 0; h < moe.n_head_kv; ++h)
        for (std::size_t i = 0; i < moe.head_dim / 2; ++i)
            for (std::size_t half = 0; half < 2; ++half)
                pairs += rows.substr((h * moe.head_dim + half * moe.head_dim / 2 + i) * 2, 2);
    CHECK(bytes_of(bias.stored()) == pairs);
    auto two = bias.slice(0, 2, 3);
    REQUIRE(two);
    CHECK(bytes_of(two->stored()) == pairs.substr(4, 6));

    // As stored where it is asked for, where the target is another, and for roles.
    aka::target plain;
    plain.convention = "gguf";
    plain.types = aka::type_rules::as_stored;
    for (auto& other :
         {adapt(*c, plain, known()), adapt(*c, "hf", known()), adapt(*c, "roles", known())}) {
        REQUIRE_MESSAGE(other, other.error().message().view());
        CHECK(other->resolved().types == aka::type_rules::as_stored);
        for (aka::tensor t : *other) CHECK(!t.is_pending());
    }
}

TEST_CASE("what is pending is carried out by convert_to") {
    auto floats = [](const aka::tensor& t) {
        std::vector<float> out(static_cast<std::size_t>(t.elements()));
        auto done = t.convert_to(aka::dtype::f32, {reinterpret_cast<std::byte*>(out.data()),
                                                   out.size() * sizeof(float)});
        CHECK_MESSAGE(done, t.name(), ": ", done.error().message().view());
        return out;
    };
    for (const char* type : {"BF16", "F16"}) {
        test::model_config c;
        c.biases = true;
        c.dtype = type;
        const test::model m = test::random_model(c, 77);
        test::temp_folder folder;
        test::write_spelling(test::find_spelling("hf_qwen2"), m, folder.path());
        auto file = aka::checkpoint::open(folder.path().string());
        REQUIRE(file);
        auto a = adapt(*file, "gguf", known());
        REQUIRE_MESSAGE(a, a.error().message().view());
        std::size_t pending = 0;
        for (const std::string& key : m.order) {
            aka::tensor t = a->find(key);
            REQUIRE_MESSAGE(t, key);
            pending += t.is_pending();
            CHECK(floats(t) == test::decode_floats(m.at(key).data, type));
        }
        CHECK(pending == c.n_layer * 5 + 1);

        // Gemma's norms are stored less one; GGUF's are not, and are F32.
        test::temp_folder other;
        test::write_file((other / "model.safetensors").string(), test::write_safetensors(m.list()));
        test::write_file((other / "config.json").string(),
                         test::hf_config_json(c, "gemma", "GemmaForCausalLM"));
        auto gemma = aka::checkpoint::open(other.path().string());
        REQUIRE(gemma);
        auto g = adapt(*gemma, "gguf", known());
        REQUIRE_MESSAGE(g, g.error().message().view());
        CHECK(g->resolved().convention == "gguf:gemma");
        aka::tensor n = g->find("blk.1.ffn_norm.weight");
        CHECK((n.norm_offset() == 1 && n.dtype() == aka::dtype::f32));
        std::vector<float> expected = test::decode_floats(m.at("blk.1.ffn_norm.weight").data, type);
        for (float& v : expected) v += 1;
        CHECK(floats(n) == expected);
        CHECK(bytes_of(n.stored()) == m.at("blk.1.ffn_norm.weight").data);
    }
}

TEST_CASE("memory that runs out while tensors are made is an error") {
    written w(wide_heads(), llama3);
    aka::checkpoint c = w.open();
    (void)known();
    std::uint64_t failed = 0;
    for (std::uint64_t i = 0;; ++i) {
        REQUIRE(i < 2000);
        test::alloc_scope scope;
        scope.fail_from(i);
        auto a = adapt(c, "gguf", known());
        scope.lift();
        if (a) break;
        ++failed;
        REQUIRE(a.code() == aka::errc::out_of_memory);
    }
    CHECK(failed > 10);
}

}  // namespace test_made
