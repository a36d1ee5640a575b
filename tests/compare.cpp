// Every spelling compared with every other one: the same model is found equal, or converted where
// the type is another, and a single weight that was changed is named. Nothing else is.
#include "../examples/common/compared.hpp"
#include "../examples/common/fingerprint_file.hpp"

#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/rounds.hpp"
#include "support/spellings.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace test_compare {

namespace {

using cli::compared;
using cli::verdict;
using test::known;
using test::model;
using test::named_model;
using test::spelling;
using test::st_tensor;
namespace fs = std::filesystem;

// Opened once, compared many times.
std::unique_ptr<cli::placed_checkpoint> open(const fs::path& path) {
    auto c = cli::placed_checkpoint::open(path.string(), known());
    REQUIRE_MESSAGE(c, path.string(), ": ", c.error().message().view());
    return std::make_unique<cli::placed_checkpoint>(std::move(*c));
}

// "blk.3.ffn_gate.2.weight", as the models' keys are.
std::string key_of(const cli::placed& p) {
    std::string role(aka::name(p.role));
    std::string out = p.layer < 0 ? "" : "blk." + std::to_string(p.layer) + ".";
    if (p.expert >= 0) role.resize(role.size() - 5);  // _exps
    out += role;
    if (p.expert >= 0) out += "." + std::to_string(p.expert);
    return out + "." + std::string(p.part);
}

struct outcome {
    std::set<std::string> different;  // keys
    std::string wrong;
    std::size_t equal = 0, converted = 0;
};

// Of the same model: equal where the types are the same, else converted.
outcome compare(cli::placed_checkpoint& a, cli::placed_checkpoint& b) {
    outcome out;
    cli::compared_checkpoints all(a, b, 1);
    const auto s = all.run();
    REQUIRE_MESSAGE(s, s.error().message().view());
    if (!all.by_role()) out.wrong = "not compared by role";
    for (const compared& c : all.all()) {
        const std::string key = key_of(c.any());
        if (c.status == verdict::missing || c.status == verdict::row_order) {
            out.wrong = key + " is " + cli::name(c.status) + ", " + c.note;
            continue;
        }
        const bool same_type = c.a->tensor.dtype() == c.b->tensor.dtype();
        if (c.status == verdict::different)
            out.different.insert(key);
        else if ((c.status == verdict::equal) != same_type)
            out.wrong = key + " is " + cli::name(c.status);
        out.equal += c.status == verdict::equal;
        out.converted += c.status == verdict::converted;
    }
    return out;
}

std::string folder_name(std::string id) {
    for (char& c : id)
        if (c == '/' || c == ':') c = '-';
    return id;
}

struct written {
    std::string id;
    std::unique_ptr<cli::placed_checkpoint> file;
};
// In every spelling that holds it, in one to three shards or splits.
std::vector<written> write_all(const model& m, const fs::path& folder, const std::string& prefix,
                               test::container where = test::container::native) {
    std::vector<written> out;
    std::size_t n = 0;
    for (const spelling& s : test::spellings()) {
        if (!s.holds(m.config) || (where == test::container::gguf && s.gguf())) continue;
        const fs::path at = folder / (prefix + folder_name(s.id));
        fs::create_directory(at);
        test::spelling_options o;
        o.shards = n++ % 3 + 1;
        o.container = where;
        out.push_back({s.id, open(test::write_spelling(s, m, at, o))});
    }
    return out;
}

// One weight, the least that its type can be changed by.
std::string change_one(model& m, std::size_t pick, std::size_t at) {
    const std::string key = m.order[pick % m.order.size()];
    st_tensor& t = m.tensors.at(key);
    const std::size_t width = t.dtype == "F32" ? 4 : 2;
    const std::size_t i = at % (t.data.size() / width) * width;
    t.data[i] = static_cast<char>(t.data[i] ^ 1);
    return key;
}

std::vector<named_model> models(const std::string& dtype) {
    auto all = test::standard_models(dtype);
    for (auto& m : test::special_models(dtype)) all.push_back(std::move(m));
    return all;
}

struct tally {
    std::size_t pairs = 0, false_alarms = 0, changed = 0, misses = 0, tensors = 0;
    std::string first;
    test::one_in tried{4};

    void alarm(const std::string& what) {
        ++false_alarms;
        if (first.empty()) first = what;
    }
    void miss(const std::string& what) {
        ++misses;
        if (first.empty()) first = what;
    }
    void print(const std::string& what) const {
        MESSAGE(what, ": ", pairs, " pairs of the same model, ", tensors, " tensors, ",
                false_alarms, " false alarms; ", changed, " pairs with one weight changed, ",
                misses, " misses");
        CHECK_MESSAGE(false_alarms == 0, first);
        CHECK_MESSAGE(misses == 0, first);
    }
};

void same(cli::placed_checkpoint& a, cli::placed_checkpoint& b, const std::string& what, tally& t) {
    if (t.tried.skips()) return;
    const outcome o = compare(a, b);
    ++t.pairs;
    t.tensors += o.equal + o.converted;
    if (!o.wrong.empty()) return t.alarm(what + ": " + o.wrong);
    if (!o.different.empty()) t.alarm(what + ": " + *o.different.begin() + " is different");
}
void changed(cli::placed_checkpoint& a, cli::placed_checkpoint& b, const std::string& key,
             const std::string& what, tally& t) {
    if (t.tried.skips()) return;
    const outcome o = compare(a, b);
    ++t.changed;
    if (!o.wrong.empty()) return t.alarm(what + ": " + o.wrong);
    if (o.different.count(key) == 0) return t.miss(what + ": " + key + " is not different");
    // A tied output is the embedding.
    for (const std::string& other : o.different)
        if (other != key && !(key == "token_embd.weight" && other == "output.weight"))
            t.alarm(what + ": " + other + " is different, not only " + key);
}

}  // namespace

TEST_CASE("compare: every spelling with every other one, and with one weight changed") {
    tally t;
    std::size_t pick = 0;
    for (const char* dtype : {"F16", "F32"}) {
        for (const named_model& m : models(dtype)) {
            const test::temp_folder folder;
            std::vector<written> all = write_all(m.model, folder.path(), "a");
            for (std::size_t i = 0; i < all.size(); ++i)
                for (std::size_t k = i;
                     k < (dtype[1] == '1' ? all.size() : std::min(all.size(), i + 3)); ++k)
                    same(*all[i].file, *all[k].file,
                         m.name + ", " + all[i].id + " and " + all[k].id, t);
            // Every spelling of a changed model with two of the one that it was.
            std::size_t i = 0;
            for (const spelling& s : test::spellings()) {
                if (!s.holds(m.model.config)) continue;
                model other = m.model;
                pick += 7;
                const std::string key = change_one(other, pick, pick * 31);
                const fs::path at = folder / ("b" + folder_name(s.id));
                fs::create_directory(at);
                auto b = open(test::write_spelling(s, other, at));
                for (const std::size_t k : {std::size_t{0}, (i * 5 + 1) % all.size()})
                    changed(*all[k].file, *b, key, m.name + ", " + all[k].id + " and " + s.id, t);
                ++i;
            }
        }
    }
    t.print("F16 and F32");
    CHECK(t.pairs > t.tried.of(2000));
    CHECK(t.changed > t.tried.of(500));
}

TEST_CASE("compare: across types") {
    tally t;
    const char* types[] = {"F32", "F16", "BF16"};
    std::size_t pick = 0;
    // GGUF keeps what is 1-D in F32 whatever it was before: so it is here from the start.
    const auto make = [](const char* type, std::size_t n) {
        named_model m = models(type)[n];
        m.model.config.norm_dtype = "F32";
        m.model = test::random_model(m.model.config, n);
        return m;
    };
    for (std::size_t n = 0; n < models("F32").size(); ++n) {
        const test::temp_folder folder;
        std::map<std::string, std::vector<written>> all;
        for (const char* type : types) {
            const named_model m = make(type, n);
            all[type] = write_all(m.model, folder.path(), type);
        }
        for (const char* x : types)
            for (const char* y : types) {
                if (std::string(x) == y) continue;
                for (std::size_t i = 0; i < all[x].size(); ++i) {
                    const std::size_t k = (i * 3 + 1) % all[y].size();
                    const std::string what =
                        std::string(x) + " " + all[x][i].id + " and " + y + " " + all[y][k].id;
                    same(*all[x][i].file, *all[y][k].file, what, t);
                }
                // A weight that is more than rounding away.
                for (int i = 0; i < 10; ++i) {
                    model other = make(y, n).model;
                    pick += 11;
                    const std::string key = other.order[pick % other.order.size()];
                    st_tensor& w = other.tensors.at(key);
                    std::vector<float> v = test::decode_floats(w.data, w.dtype);
                    float& one = v[pick * 17 % v.size()];
                    one = one * 1.02f + 1e-5f;
                    w.data = test::encode_floats(v, w.dtype);
                    const fs::path at = folder / ("c" + std::to_string(pick));
                    fs::create_directory(at);
                    const std::size_t k = pick % all[x].size();
                    auto b =
                        open(test::write_spelling(test::find_spelling(all[y][0].id), other, at));
                    changed(*all[x][k].file, *b, key, std::string(x) + " and " + y, t);
                }
            }
    }
    t.print("F32, F16 and BF16");
    CHECK(t.pairs > t.tried.of(500));
}

TEST_CASE("compare: quantised rows, and names in the other container") {
    tally t;
    for (const char* type : {"q4_0", "q8_0", "q4_K"}) {
        for (const named_model& m : test::quantised_models(type)) {
            const test::temp_folder folder;
            auto native = test::write_spelling(
                test::find_spelling(m.name == "moe" ? "gguf:llama/each" : "gguf:llama"), m.model,
                folder.path());
            auto a = open(native);
            std::vector<written> all =
                write_all(m.model, folder.path(), "q", test::container::gguf);
            model other = m.model;
            st_tensor& w = other.tensors.at("blk.1.attn_k.weight");
            w.data[w.data.size() / 2] = static_cast<char>(w.data[w.data.size() / 2] ^ 0x10);
            fs::create_directory(folder / "changed");
            auto b = open(
                test::write_spelling(test::find_spelling("gguf:llama"), other, folder / "changed"));
            for (written& f : all) {
                same(*a, *f.file, std::string(type) + " " + f.id, t);
                changed(*f.file, *b, "blk.1.attn_k.weight", std::string(type) + " " + f.id, t);
            }
        }
    }
    t.print("quantised");
    CHECK(t.pairs > t.tried.of(20));
}

TEST_CASE("compare: wrapped names") {
    tally t;
    const named_model m = test::standard_models("BF16")[0];
    const test::temp_folder folder;
    auto a = open(test::write_spelling(test::find_spelling("gguf:llama"), m.model, folder.path()));
    std::size_t n = 0;
    for (const spelling& s : test::spellings()) {
        if (!s.holds(m.model.config) || s.gguf()) continue;
        for (const std::string& w : test::wrapper_ids()) {
            if (!test::can_wrap(w, s)) continue;
            const fs::path at = folder / std::to_string(n++);
            fs::create_directory(at);
            test::spelling_options o;
            o.wrapper = w;
            auto b = open(test::write_spelling(s, m.model, at, o));
            same(*a, *b, s.id + " in " + w, t);
        }
    }
    t.print("wrapped");
}

namespace {

// Both in the spelling of that name.
std::map<std::string, compared> statuses(const model& a, const model& b, const char* x,
                                         const char* y, const test::temp_folder& folder) {
    static int n = 0;
    const fs::path at = folder / std::to_string(n++);
    fs::create_directory(at);
    fs::create_directory(at / "a");
    fs::create_directory(at / "b");
    auto p = open(test::write_spelling(test::find_spelling(x), a, at / "a"));
    auto q = open(test::write_spelling(test::find_spelling(y), b, at / "b"));
    cli::compared_checkpoints all(*p, *q, 2);
    REQUIRE(all.run());
    std::map<std::string, compared> out;
    for (compared c : all.all()) {
        const std::string key = key_of(c.any());
        c.a = c.b = nullptr;
        out.emplace(key, c);
    }
    return out;
}

}  // namespace

TEST_CASE("compare: rows of q and k in the order that the names do not say") {
    const test::temp_folder folder;
    const model m = test::standard_models("F16")[0].model;
    model wrong = m;
    const auto turn = [&](const char* key, std::uint64_t heads) {
        st_tensor& t = wrong.tensors.at(key);
        t = test::take_rows(t, test::pairs_from_halves(heads, m.config.head_dim));
    };
    turn("blk.1.attn_q.weight", m.config.n_head);
    turn("blk.1.attn_k.weight", m.config.n_head_kv);
    struct row {
        const char *x, *y, *note;
    };
    const row rows[] = {
        {"hf_llama", "hf_llama",
         "equal if the rows of q and k in B are taken as interleaved, not half"},
        {"phi3", "litgpt", "equal if the rows of q and k in B are taken as interleaved, not half"},
        {"meta_llama", "hf_llama",
         "equal if the rows of q and k in A are taken as half, not interleaved, or those in B are "
         "taken as interleaved, not half"},
        {"meta_llama", "gguf:llama",
         "equal if the rows of q and k in A are taken as half, not interleaved"},
        {"hf_llama", "gguf:llama", "equal if the rows of q and k in A are turned once more"},
    };
    for (const row& r : rows) {
        CAPTURE(r.x);
        CAPTURE(r.y);
        const auto all = statuses(m, wrong, r.x, r.y, folder);
        for (const auto& named : all) {
            const std::string& key = named.first;
            const compared& c = named.second;
            const bool turned = key == "blk.1.attn_q.weight" || key == "blk.1.attn_k.weight";
            CAPTURE(key);
            if (turned) {
                CHECK(c.status == verdict::row_order);
                CHECK(c.note == r.note);
            } else {
                CHECK(c.status != verdict::row_order);
                CHECK(c.status != verdict::different);
            }
        }
    }
    // Also where the type is another.
    model half = wrong;
    for (auto& [key, t] : half.tensors) {
        t.data = test::encode_floats(test::decode_floats(t.data, t.dtype), "F32");
        t.dtype = "F32";
    }
    const auto all = statuses(m, half, "hf_llama", "hf_llama", folder);
    CHECK(all.at("blk.1.attn_q.weight").status == verdict::row_order);
    CHECK(all.at("blk.0.attn_q.weight").status == verdict::converted);
}

TEST_CASE("compare: rows in some other order") {
    const test::temp_folder folder;
    const model m = test::standard_models("BF16")[0].model;
    model moved = m;
    st_tensor& t = moved.tensors.at("token_embd.weight");
    std::vector<std::uint64_t> order;
    for (std::uint64_t i = t.shape[0]; i-- > 0;) order.push_back(i);
    t = test::take_rows(t, order);
    const auto all = statuses(m, moved, "yi_v1", "gguf:llama", folder);
    CHECK(all.at("token_embd.weight").status == verdict::row_order);
    CHECK(all.at("token_embd.weight").note == "the same rows in another order");
    CHECK(all.at("output.weight").status == verdict::equal);
}

TEST_CASE("compare: other models, shapes, and what one side lacks") {
    const test::temp_folder folder;
    const model m = test::standard_models("F16")[0].model;
    test::model_config config = m.config;
    const model other = test::random_model(config, 99);
    auto all = statuses(m, other, "hf_llama", "yi_v1", folder);
    for (const auto& named : all) {
        const compared& c = named.second;
        CAPTURE(named.first);
        CHECK(c.status == verdict::different);
        CHECK(c.measured);
        CHECK(c.alike.relative_error() > 0.1);
        CHECK(c.alike.first() < 8);
    }
    CHECK(std::fabs(all.at("blk.0.ffn_up.weight").alike.cosine()) < 0.1);

    config.n_ff += 20;
    all = statuses(m, test::random_model(config, 1), "hf_llama", "hf_llama", folder);
    CHECK(all.at("blk.0.ffn_up.weight").status == verdict::different);
    CHECK(all.at("blk.0.ffn_up.weight").note == "shapes [76, 56] and [96, 56]");

    config = m.config;
    config.tied = true;
    model untied = test::random_model(config, 1);
    all = statuses(m, untied, "hf_llama", "gguf:llama", folder);
    CHECK(all.at("output.weight").status == verdict::different);
    CHECK(all.at("output.weight").note == "tied to the embedding in B");

    model less = m;
    less.tensors.erase("blk.1.ffn_norm.weight");
    const fs::path at = folder / "less";
    fs::create_directory(at);
    std::vector<st_tensor> tensors;
    for (const st_tensor& t : test::find_spelling("hf_llama").write(m))
        if (t.name != "model.layers.1.post_attention_layernorm.weight") tensors.push_back(t);
    test::write_sparse_safetensors(at / "model.safetensors", tensors);
    test::write_file(at / "config.json", test::find_spelling("hf_llama").config(m));
    auto b = open(at);
    fs::create_directory(folder / "whole");
    auto a = open(
        test::write_spelling(test::find_spelling("mistral_consolidated"), m, folder / "whole"));
    cli::compared_checkpoints pair(*a, *b, 1);
    REQUIRE(pair.run());
    CHECK(cli::count(pair.all(), verdict::missing) == 1);
    CHECK(cli::differs(pair.all()));
    CHECK_FALSE(pair.same_architecture());
    for (const compared& c : pair.all())
        if (c.status == verdict::missing) {
            CHECK(key_of(*c.a) == "blk.1.ffn_norm.weight");
            CHECK(c.b == nullptr);
            CHECK(c.note == "not in B");
        }
}

TEST_CASE("compare: tensors that no role is known of, and models that are no Llama, by name") {
    const test::temp_folder folder;
    const model m = test::standard_models("F16")[0].model;
    const auto write = [&](const char* where, const std::string& extra, bool llama) {
        const fs::path at = folder / where;
        fs::create_directory(at);
        std::vector<st_tensor> tensors;
        if (llama) tensors = test::find_spelling("hf_llama").write(m);
        tensors.push_back({"something.else", "I32", {4}, extra});
        tensors.push_back({"one.more", "F32", {1}, std::string(4, '\1')});
        test::write_sparse_safetensors(at / "model.safetensors", tensors);
        if (llama) test::write_file(at / "config.json", test::find_spelling("hf_llama").config(m));
        return open(at);
    };
    const std::string x(16, 'x'), y(16, 'y');
    const auto named = [](cli::compared_checkpoints& all, const std::string& name) {
        for (const compared& c : all.all())
            if (c.any().name == name) return c.status;
        return verdict::missing;
    };
    for (const bool llama : {true, false}) {
        auto a = write(llama ? "a" : "c", x, llama), b = write(llama ? "b" : "d", y, llama);
        cli::compared_checkpoints all(*a, *b, 1), itself(*a, *a, 1);
        REQUIRE(all.run());
        CHECK(all.by_role() == llama);
        CHECK(named(all, "something.else") == verdict::different);
        CHECK(named(all, "one.more") == verdict::equal);
        CHECK(cli::count(all.all(), verdict::different) == 1);
        REQUIRE(itself.run());
        CHECK_FALSE(cli::differs(itself.all()));
    }
}

TEST_CASE("compare: threads change nothing") {
    const test::temp_folder folder;
    test::model_config c = test::standard_models("F32")[0].model.config;
    c.n_vocab = 9000;  // several pieces
    c.n_layer = 2;
    const model m = test::random_model(c, 5), other = test::random_model(c, 6);
    fs::create_directory(folder / "a");
    fs::create_directory(folder / "b");
    auto a = open(test::write_spelling(test::find_spelling("hf_llama"), m, folder / "a"));
    auto b = open(test::write_spelling(test::find_spelling("meta_llama"), other, folder / "b"));
    std::vector<std::vector<double>> seen;
    for (const unsigned threads : {1u, 2u, 5u}) {
        cli::compared_checkpoints all(*a, *b, threads);
        REQUIRE(all.run());
        seen.emplace_back();
        for (const compared& p : all.all()) {
            seen.back().push_back(p.alike.cosine());
            seen.back().push_back(p.alike.relative_error());
            seen.back().push_back(static_cast<double>(p.alike.first()));
        }
    }
    CHECK(seen[0] == seen[1]);
    CHECK(seen[0] == seen[2]);
}

TEST_CASE("compare: fingerprints do not depend on names, layout and files") {
    std::size_t pairs = 0, alarms = 0, changes = 0, misses = 0, pick = 0;
    std::string first;
    test::one_in tried(4);
    for (const named_model& m : models("F32")) {
        const test::temp_folder folder;
        std::vector<written> all = write_all(m.model, folder.path(), "a");
        cli::fingerprint one;
        REQUIRE(cli::take_fingerprint(*all[0].file, 1, one));
        for (written& w : all) {
            if (tried.skips()) continue;
            cli::fingerprint f;
            REQUIRE(cli::take_fingerprint(*w.file, 2, f));
            ++pairs;
            const auto found = cli::compare_fingerprints(one, f);
            const bool same = f.content() == one.content() && !cli::differs(found) &&
                              cli::count(found, verdict::equal) == found.size();
            if (!same && alarms++ == 0) first = m.name + ", " + w.id;
            // One weight, by the least that can be.
            if (++pick % 3 != 0) continue;
            model other = m.model;
            const std::string key = change_one(other, pick, pick * 31);
            const fs::path at = folder / ("b" + std::to_string(pick));
            fs::create_directory(at);
            auto b = open(test::write_spelling(test::find_spelling(w.id), other, at));
            cli::fingerprint g;
            REQUIRE(cli::take_fingerprint(*b, 1, g));
            ++changes;
            const auto now = cli::compare_fingerprints(one, g);
            // A tied output is the embedding.
            const std::size_t n = 1 + (m.model.config.tied && key == "token_embd.weight" ? 1u : 0u);
            if (cli::count(now, verdict::different) != n || g.content() == one.content())
                if (misses++ == 0) first = m.name + ", " + w.id + ", " + key;
        }
    }
    MESSAGE(pairs, " fingerprints of the same models, ", alarms, " false alarms; ", changes,
            " with one weight changed, ", misses, " misses");
    CHECK_MESSAGE(alarms == 0, first);
    CHECK_MESSAGE(misses == 0, first);
    CHECK(pairs > tried.of(150));
}

TEST_CASE("compare: fingerprints across types, and of moved rows") {
    const test::temp_folder folder;
    test::model_config c = test::standard_models("F16")[0].model.config;
    const auto print = [&](const char* where, const model& m, const char* spelled) {
        fs::create_directory(folder / where);
        auto file = open(test::write_spelling(test::find_spelling(spelled), m, folder / where));
        cli::fingerprint f;
        REQUIRE(cli::take_fingerprint(*file, 1, f));
        return f;
    };
    const model half = test::random_model(c, 1);
    // Widened: the same numbers, exactly.
    model wide = half;
    for (auto& named : wide.tensors) {
        st_tensor& t = named.second;
        t.data = test::encode_floats(test::decode_floats(t.data, t.dtype), "F32");
        t.dtype = "F32";
    }
    const auto a = print("a", half, "hf_llama"), b = print("b", wide, "gguf:llama");
    auto all = cli::compare_fingerprints(a, b);
    CHECK(cli::count(all, verdict::converted) == all.size());
    for (const auto& p : all) CHECK(p.note.empty());
    CHECK(a.content() != b.content());
    // Narrowed: as far as lengths of rows show.
    c.dtype = "F32";
    const auto whole = print("g", test::random_model(c, 1), "gguf:llama");
    c.dtype = "BF16";
    const auto d = print("d", test::random_model(c, 1), "phi3");
    all = cli::compare_fingerprints(whole, d);
    CHECK(cli::count(all, verdict::converted) == all.size());
    CHECK(all[3].note == "as far as lengths of rows show");
    CHECK(all[3].distance > 0);
    // Another model.
    const auto e = print("e", test::random_model(c, 2), "hf_llama");
    all = cli::compare_fingerprints(d, e);
    CHECK(cli::count(all, verdict::different) == all.size());
    // Rows of k in the other order.
    model moved = half;
    st_tensor& k = moved.tensors.at("blk.0.attn_k.weight");
    k = test::take_rows(k, test::pairs_from_halves(c.n_head_kv, c.head_dim));
    all = cli::compare_fingerprints(a, print("f", moved, "phi3"));
    CHECK(cli::count(all, verdict::row_order) == 1);
    CHECK(cli::count(all, verdict::equal) == all.size() - 1);
}

TEST_CASE("compare: the numbers of a fingerprint, by hand") {
    const test::temp_folder folder;
    const std::vector<float> w = {3, 4, 0, 1, 0, 0};
    test::write_sparse_safetensors(folder / "a.safetensors",
                                   {{"m", "F32", {3, 2}, test::encode_floats(w, "F32")},
                                    {"v", "BF16", {3}, test::encode_floats({2, -1, 0.5f}, "BF16")},
                                    {"i", "I32", {1}, std::string(4, '\1')},
                                    {"none", "F32", {0, 4}, ""}});
    auto file = open(folder / "a.safetensors");
    cli::fingerprint f;
    REQUIRE(cli::take_fingerprint(*file, 1, f));
    REQUIRE(f.tensors.size() == 4);
    const auto& m = f.tensors[1];
    CHECK(m.name == "m");
    const auto hash = [](const std::string& bytes) {
        cli::content_hash h;
        h.add(bytes.data(), bytes.size());
        return h.value();
    };
    const std::string bytes = test::encode_floats(w, "F32");
    std::string rows;
    std::uint64_t sum = 0;
    for (int i = 0; i < 3; ++i) {
        const std::uint64_t h = hash(bytes.substr(static_cast<std::size_t>(8 * i), 8));
        sum += h;
        for (int k = 0; k < 8; ++k) rows += static_cast<char>(h >> (8 * k) & 255);
    }
    const auto hex = [](std::uint64_t v) {
        char text[17];
        std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(v));
        return std::string(text);
    };
    CHECK(m.hash == hex(hash(bytes)));
    CHECK(m.values == hex(hash(rows)));
    CHECK(m.rows == hex(sum));
    // Lengths 0, 1, 5: of 17 places five or six each.
    REQUIRE(m.norms.size() == 17);
    CHECK(m.norms[0] == 0);
    CHECK(m.norms[8] == 1);
    CHECK(m.norms[16] == 5);
    // Of a vector, each number is a row.
    const auto& v = f.tensors[3];
    CHECK(v.norms[0] == 0.5);
    CHECK(v.norms[16] == 2);
    CHECK(v.hash == hex(hash(test::encode_floats({2, -1, 0.5f}, "BF16"))));
    CHECK(f.tensors[0].values.empty());
    CHECK(f.tensors[0].norms.empty());
    CHECK(f.tensors[2].hash == hex(hash("")));
}

}  // namespace test_compare
