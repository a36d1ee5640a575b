// Random checkpoints of both formats, every type and shape, written by the independent writer, read
// by aka, written by aka under other names and back, and read by the independent reader; and random
// models from any spelling to any other (fused, split, re-ordered) and back.
#include "support/random_files.hpp"
#include "support/rewritten.hpp"
#include "support/rounds.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace test_random_checkpoints {
namespace {

namespace fs = std::filesystem;
using stored = std::map<std::string, test::stored_tensor>;

// A random file, shards or a split, and what the independent reader makes of it.
struct random_checkpoint {
    fs::path folder, path;
    stored tensors;

    random_checkpoint(test::rng& random, const fs::path& in) : folder(in), path(in) {
        fs::create_directory(folder);
        const auto parts = static_cast<std::size_t>(1 + random.below(4));
        if (random.below(2) == 0) {
            const auto all = test::random_tensors(random, 40);
            if (parts == 1)
                test::write_sparse_safetensors(folder / "model.safetensors", all);
            else
                test::write_sharded(folder, all, parts);
        } else {
            test::gguf_writer all = test::random_gguf(random, 40);
            all.big_endian = random.below(4) == 0;
            path = folder / "model.gguf";
            if (parts == 1)
                all.save(path);
            else
                path = test::write_gguf_split(folder, all, parts).back();
        }
        tensors = test::read_checkpoint(folder).tensors;
    }
};

// Through aka: every tensor, and no other.
std::string read_by_aka(const fs::path& path, aka::access how, const stored& expected) {
    const auto file = aka::checkpoint::open(path.string(), {how});
    if (!file) return std::string(file.error().message().view());
    if (file->size() != expected.size()) return "another number of tensors";
    for (const auto& [name, want] : expected) {
        const aka::tensor t = file->find(name);
        if (!t) return "lacks " + name;
        if (t.dtype_name() != want.dtype) return name + ": another type";
        if (std::vector<std::uint64_t>(t.shape().begin(), t.shape().end()) != want.shape)
            return name + ": another shape";
        // What the file holds; in this machine's byte order it is another matter.
        std::string bytes(static_cast<std::size_t>(t.size_bytes()), '\0');
        const auto raw = aka::mapped_file::open(std::string(t.file()));
        if (!raw) return std::string(raw.error().message().view());
        const aka::status s =
            raw->read(t.offset(), {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
        if (!s) return std::string(s.error().message().view());
        if (bytes != want.data) return name + ": other bytes";
    }
    return {};
}

stored renamed(const stored& all, const std::string& from, const std::string& to) {
    stored out;
    for (const auto& [name, t] : all) {
        const bool ours = name.compare(0, from.size(), from) == 0;
        out[ours ? to + name.substr(from.size()) : name] = t;
    }
    return out;
}

aka::rewrite_options by_rule(const aka::rename_rule& rule) {
    aka::rewrite_options o;
    o.rules = {&rule, 1};
    return o;
}

}  // namespace

TEST_CASE("random checkpoints: written, read, renamed there and back") {
    std::size_t tensors = 0, files = 0;
    const auto there = aka::rename_rule::parse("block.{l}.{p} => a.much.longer.name.{l}.{p}");
    const auto back = aka::rename_rule::parse("a.much.longer.name.{l}.{p} => block.{l}.{p}");
    REQUIRE((there && back));
    for (std::uint64_t round = 0; round < test::rounds(60); ++round) {
        CAPTURE(round);
        test::rng random(round);
        const test::temp_folder work(test::memory_folder());
        const random_checkpoint a(random, work / "a");
        if (a.tensors.empty()) continue;
        for (const aka::access how : {aka::access::map, aka::access::read})
            CHECK(read_by_aka(a.path, how, a.tensors) == "");

        const test::rewritten b = test::rewrite(a.path, by_rule(*there), work / "b");
        REQUIRE_MESSAGE(b.error.empty(), b.error);
        const stored named = renamed(a.tensors, "block.", "a.much.longer.name.");
        const test::stored_checkpoint found = test::read_checkpoint(work / "b");
        CHECK((found.tensors == named));
        const fs::path path =
            a.path == a.folder ? work / "b" : work / "b" / a.path.filename().string();
        for (const aka::access how : {aka::access::map, aka::access::read})
            CHECK(read_by_aka(path, how, named) == "");

        const test::rewritten c = test::rewrite(path, by_rule(*back), work / "c");
        REQUIRE_MESSAGE(c.error.empty(), c.error);
        CHECK((test::read_checkpoint(work / "c").tensors == a.tensors));
        const test::rewritten d = test::rewrite(path, test::undoing(), work / "d");
        REQUIRE_MESSAGE(d.error.empty(), d.error);
        CHECK((test::read_checkpoint(work / "d").tensors == a.tensors));
        CHECK(test::read_checkpoint(work / "d").files.size() == found.files.size());
        tensors += a.tensors.size();
        files += found.files.size();
    }
    MESSAGE(tensors, " tensors in ", files, " files");
    CHECK(tensors > 200);
}

namespace {

test::model_config random_config(test::rng& random) {
    const auto few = [&](std::uint64_t most) { return 1 + random.below(most); };
    test::model_config c;
    c.n_layer = few(3);
    c.n_head_kv = few(3);
    c.n_head = c.n_head_kv * few(3);
    c.head_dim = 4 * few(4);
    c.n_embd = 8 * (2 + random.below(5));
    c.n_ff = 4 * (5 + random.below(9));
    c.n_vocab = 24 + random.below(30);
    c.biases = random.below(3) == 0;
    if (random.below(3) == 0) c.n_expert = 2 + random.below(4), c.n_expert_used = 1;
    const char* const types[] = {"F32", "F16", "BF16"};
    c.dtype = types[random.below(3)];
    return c;
}

bool is_target(const test::spelling& s) {
    return s.id.find('/') == std::string::npos && test::known().find(s.id) != nullptr;
}

}  // namespace

TEST_CASE("random checkpoints: models from any spelling to any other and back") {
    std::size_t pairs = 0;
    for (std::uint64_t round = 0; round < test::rounds(80); ++round) {
        test::rng random(round + (std::uint64_t{1} << 32));
        const test::model m = test::random_model(random_config(random), round);
        std::vector<const test::spelling*> fit;
        for (const test::spelling& s : test::spellings())
            if (is_target(s) && s.natural(m.config) && s.holds(m.config)) fit.push_back(&s);
        if (fit.size() < 2) continue;
        const test::spelling& from = *fit[static_cast<std::size_t>(random.below(fit.size()))];
        const test::spelling& to = *fit[static_cast<std::size_t>(random.below(fit.size()))];
        test::spelling_options how;
        how.shards = 1 + static_cast<std::size_t>(random.below(3));
        CAPTURE(round);
        CAPTURE(from.id);
        CAPTURE(to.id);

        const test::temp_folder work(test::memory_folder());
        fs::create_directory(work / "a");
        const fs::path a = test::write_spelling(from, m, work / "a", how);
        std::size_t by_value = 0;
        const test::rewritten there = test::rewrite(a, test::to_convention(to.id), work / "b");
        REQUIRE_MESSAGE(there.error.empty(), there.error);
        const auto b = test::read_checkpoint(work / "b");
        CHECK(test::difference(b.tensors, to.write(m), by_value, there.made) == "");

        ++pairs;
        if (!there.undoable) {
            // Half of each head turns in GLM, and the config of another model does not say so.
            CHECK(to.id == "hf_glm");
            continue;
        }
        const test::rewritten back =
            test::rewrite(work / "b", test::to_convention(from.id), work / "c");
        CHECK_MESSAGE(back.error.empty(), back.error);
        if (!back.error.empty()) continue;
        const auto c = test::read_checkpoint(work / "c");
        CHECK(test::difference(c.tensors, from.write(m), by_value, back.made) == "");
    }
    MESSAGE(pairs, " pairs of spellings");
    CHECK(pairs > 30);
}

}  // namespace test_random_checkpoints
