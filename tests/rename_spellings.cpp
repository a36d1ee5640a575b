// Every spelling written anew under Hugging Face's names, Meta's and GGUF's, from Hugging Face's
// back to every spelling, and undone: the tensors that the independent writer gives for the target.
#include "support/rewritten.hpp"
#include "support/rounds.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace test_rename_spellings {

namespace {

namespace fs = std::filesystem;
using test::named_model;
using test::spelling;
using test::st_tensor;

struct outcome {
    std::size_t written = 0, undone = 0, by_value = 0;
    std::map<std::string, std::size_t> not_written;  // targets that the writer does not have
    std::map<std::string, std::string> family;       // spelling -> what "hf" was
    std::vector<std::string> wrong, final_;          // final_: cannot be undone
    test::one_in tried{4};
};

const spelling* spelling_of(const std::string& id) {
    for (const spelling& s : test::spellings())
        if (s.id == id) return &s;
    return nullptr;
}
bool is_target(const spelling& s) {
    return s.id.find('/') == std::string::npos && test::known().find(s.id) != nullptr;
}

class tried {
  public:
    tried(const named_model& m, outcome& out) : m_(m), out_(out) {}

    // From a spelling to a target, held against the writer's; then back by --undo.
    void there_and_back(const spelling& from, const std::string& to,
                        const test::spelling_options& how = {}) {
        if (out_.tried.skips()) return;
        const test::temp_folder work(test::memory_folder());
        fs::create_directory(work / "a");
        const fs::path path = test::write_spelling(from, m_.model, work / "a", how);
        const std::string what =
            m_.name + ": " + how.wrapper + from.id + " -> " + to + (how.shards > 1 ? " (3)" : "");
        const auto bad = [&](const std::string& why) { out_.wrong.push_back(what + ": " + why); };
        const test::rewritten r = test::rewrite(path, test::to_convention(to), work / "b");
        if (!r.error.empty()) return bad(r.error);
        if (!r.undoable) out_.final_.push_back(what + ": " + r.why_final);
        ++out_.written;
        if (to == "hf") out_.family[from.id + " " + (m_.model.config.n_expert ? "moe" : "")] = r.to;
        const spelling* target = spelling_of(r.to);
        const test::stored_checkpoint b = test::read_checkpoint(work / "b");
        std::size_t by_value = 0;
        if (target == nullptr || !target->holds(m_.model.config)) {
            ++out_.not_written[r.to];
        } else {
            std::set<std::string> made = r.made;
            std::vector<st_tensor> want = target->write(m_.model);
            // A writer that spells a tied output out leaves one tensor more.
            const bool more = m_.model.config.tied && from.writes_tied && !target->writes_tied;
            if (more) {
                st_tensor extra = m_.model.at("token_embd.weight");
                extra.name = test::fill_hole(target->names.output, "{part}", "weight");
                want.push_back(extra);
            }
            const std::string d = test::difference(b.tensors, want, by_value, made);
            if (!d.empty()) bad(d);
            if (by_value != 0 && !from.gguf() && !target->gguf())
                bad("other types, though neither is GGUF");
        }
        out_.by_value += by_value;
        if (how.shards > 1 && b.files.size() != 3) bad("not three files");
        if (how.shards > 1) {
            const std::string why = of_several(work / "b", b);
            if (!why.empty()) bad(why);
        }
        back(b, path, work / "b", work / "c", r, bad);
    }

  private:
    template <class F>
    void back(const test::stored_checkpoint& b, const fs::path& original, const fs::path& written,
              const fs::path& to, const test::rewritten& r, F bad) {
        bool nothing = true;
        for (const auto& [name, f] : b.files)
            nothing = nothing && f.text("aka.renamed") == "(none)";
        const fs::path folder = fs::is_directory(original) ? original : original.parent_path();
        const test::stored_checkpoint a = test::read_checkpoint(folder);
        if (!r.undoable) {
            if (!nothing) bad("a key, though it cannot be undone");
            return;
        }
        if (nothing) {
            if (a.tensors != b.tensors) bad("no key to undo it by, and it is another one");
            return;
        }
        const test::rewritten u = test::rewrite(written, test::undoing(), to);
        if (!u.error.empty()) return bad("undo: " + u.error);
        ++out_.undone;
        const test::stored_checkpoint c = test::read_checkpoint(to);
        std::vector<st_tensor> want;
        for (const auto& [name, t] : a.tensors) want.push_back({name, t.dtype, t.shape, t.data});
        std::size_t by_value = 0;
        const std::string d = test::difference(c.tensors, want, by_value);
        if (!d.empty()) bad("undo: " + d);
        if (by_value != 0 && r.to.compare(0, 5, "gguf:") != 0 && r.from.compare(0, 5, "gguf:") != 0)
            bad("undo: other types");
        for (const auto& [name, f] : c.files) {
            if (f.text("aka.renamed") != "(none)") bad("undo: the key is still there");
            const auto was = a.files.find(name);
            if (was == a.files.end())
                bad("undo: a file " + name);
            else if (a.files.size() == 1 && was->second.names.size() != f.names.size())
                bad("undo: other tensors in " + name);
            else if (was->second.keys != f.keys)
                bad("undo: other keys in " + name);
        }
        if (c.files.size() != a.files.size()) bad("undo: other files");
    }

    // An index that lists each tensor where it is; or the numbers of a split.
    static std::string of_several(const fs::path& folder, const test::stored_checkpoint& c) {
        std::size_t tensors = 0, parts = 0;
        for (const auto& file : c.files) {
            const std::string& name = file.first;
            const test::stored_file& f = file.second;
            tensors += f.tensors.size();
            if (f.version == 0) continue;
            ++parts;
            const auto number = [&](const char* key) {
                const test::gguf_value* v = f.key(key);
                return v == nullptr ? ~std::uint64_t{0} : v->bits;
            };
            if (number("split.count") != c.files.size()) return name + ": split.count";
            if (name.find("-0000" + std::to_string(number("split.no") + 1) + "-of-") ==
                std::string::npos)
                return name + ": split.no";
            if (number("split.tensors.count") != c.tensors.size())
                return name + ": split.tensors.count";
        }
        if (parts != 0) return {};
        for (const auto& e : fs::directory_iterator(folder)) {
            if (e.path().string().find(".index.json") == std::string::npos) continue;
            const test::json index = test::json::parse(test::read_file(e.path()));
            std::uint64_t total = 0;
            for (const auto& [name, t] : c.tensors) total += t.data.size();
            if (index["metadata"]["total_size"].as_u64() != total) return "total_size";
            const test::json& map = index["weight_map"];
            if (map.size() != tensors) return "the index has other tensors";
            for (std::size_t i = 0; i < map.size(); ++i) {
                const auto f = c.files.find(map.items[i].as_string());
                if (f == c.files.end() || f->second.tensors.count(map.keys[i]) == 0)
                    return "the index is wrong about " + map.keys[i];
            }
            return {};
        }
        return "there is no index";
    }

    const named_model& m_;
    outcome& out_;
};

void report(const outcome& o) {
    for (const std::string& w : o.wrong) MESSAGE(w);
    for (const std::string& f : o.final_) MESSAGE("cannot be undone: ", f);
    std::string others;
    for (const auto& [id, n] : o.not_written) others += " " + id + " (" + std::to_string(n) + ")";
    MESSAGE(o.written, " written, ", o.undone, " undone, ", o.by_value,
            " tensors the same in value only; not in the writer:", others);
    CHECK(o.wrong.empty());
    CHECK(o.written > 0);
    // hf_glm's half of each head is in no config of a model whose heads turn whole.
    for (const std::string& f : o.final_) CHECK(f.find("-> hf_glm") != f.npos);
}

const char* const targets[] = {"hf", "gguf", "meta"};

// Meta's names are for models without experts, biases, and odd heads.
bool can_be(const std::string& target, const test::model_config& c) {
    return target != "meta" || test::find_spelling("meta_llama").holds(c);
}

void all_of(const std::vector<named_model>& models, const test::spelling_options& how, outcome& o) {
    for (const named_model& m : models) {
        tried t(m, o);
        for (const spelling& s : test::spellings()) {
            if (!s.holds(m.model.config)) continue;
            for (const char* to : targets)
                if (can_be(to, m.model.config)) t.there_and_back(s, to, how);
        }
    }
}

}  // namespace

TEST_CASE("every spelling to Hugging Face, GGUF and Meta, and back") {
    outcome o;
    all_of(test::standard_models("F16"), {}, o);
    for (const auto& [s, hf] : o.family) MESSAGE(s, " = ", hf);
    report(o);
}

TEST_CASE("the special models to Hugging Face, GGUF and Meta, and back") {
    outcome o;
    all_of(test::special_models("F32"), {}, o);
    for (const auto& [s, hf] : o.family) MESSAGE(s, " = ", hf);
    report(o);
}

TEST_CASE("from Hugging Face to every spelling, and back") {
    outcome o;
    for (const named_model& m : test::standard_models("BF16")) {
        tried t(m, o);
        const char* from = m.model.config.n_expert != 0 ? "mixtral_hf"
                           : m.model.config.biases      ? "hf_qwen2"
                                                        : "hf_llama";
        for (const spelling& s : test::spellings())
            if (s.holds(m.model.config) && is_target(s))
                t.there_and_back(test::find_spelling(from), s.id);
    }
    report(o);
}

TEST_CASE("shards stay shards, splits stay splits") {
    outcome o;
    test::spelling_options how;
    how.shards = 3;
    const auto models = test::standard_models("F16");
    all_of({models[0], models[3]}, how, o);
    report(o);
}

TEST_CASE("quantised models, under any names") {
    outcome o;
    test::spelling_options how;
    how.container = test::container::gguf;
    for (const char* type : {"q8_0", "q4_K"}) {
        const auto models = test::quantised_models(type);
        all_of({models[0], models[3]}, how, o);
    }
    report(o);
}

TEST_CASE("wrapped names lead back, too") {
    outcome o;
    const auto models = test::standard_models("F16");
    for (const std::size_t i : {std::size_t{0}, std::size_t{3}}) {
        tried t(models[i], o);
        for (const char* id : {"hf_llama", "yi_v1", "baichuan", "mixtral_hf", "meta_llama"})
            for (const std::string& w : test::wrapper_ids()) {
                const spelling& s = test::find_spelling(id);
                if (!s.holds(models[i].model.config) || !test::can_wrap(w, s)) continue;
                test::spelling_options how;
                how.wrapper = w;
                t.there_and_back(s, "hf", how);
            }
    }
    report(o);
}

}  // namespace test_rename_spellings
