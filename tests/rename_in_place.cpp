// Renaming where the files lie: what stays byte for byte, what is refused, what it costs.
#include "support/rewritten.hpp"
#include "support/run_rename.hpp"
#include "support/sanitized.hpp"

#include <aka/rewrite_in_place.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/resource.h>
#endif

namespace test_rename_in_place {

namespace {

namespace fs = std::filesystem;
using test::folder_bytes;
using test::read_back;
using test::st_tensor;

struct result {
    std::string error;  // empty: done
    aka::errc code = aka::errc::none;
    std::uint64_t grown = 0, written = 0;
};

result in_place(const fs::path& path, const aka::rewrite_options& o,
                const aka::rewrite_layout_options& l = {}, std::string_view config = {}) {
    result out;
    const auto failed = [&](const aka::error& e) {
        out.error = std::string(e.message().view());
        out.code = e.code();
        return out;
    };
    auto file = aka::checkpoint::open(path.string());
    if (!file) return failed(file.error());
    std::optional<aka::in_place_rewrite> edit;
    {
        auto plan = aka::plan_rewrite(*file, o, test::known());
        if (!plan) return failed(plan.error());
        auto files = aka::lay_out(*plan, l);
        if (!files) return failed(files.error());
        auto made = aka::rewrite_in_place(*files, config);
        if (!made) return failed(made.error());
        edit.emplace(std::move(*made));
    }
    out.grown = edit->files_grown();
    out.written = edit->bytes_written();
    if (auto s = edit->commit(std::move(*file)); !s) return failed(s.error());
    return out;
}

bool can_grow(const fs::path& file) {
    const auto step = aka::edit_in_place::growth_step(file.string());
    return step && *step != 0;
}
std::string data_of(const fs::path& file) {
    const std::string bytes = test::read_file(file);
    return bytes.substr(static_cast<std::size_t>(read_back(file).data_begin));
}

// With room behind the header, as aligning it leaves some.
void write_yi(const fs::path& folder, const test::model& m, std::size_t align,
              const char* id = "yi_v1") {
    const test::spelling& s = test::find_spelling(id);
    test::st_options o;
    o.align = align;
    test::write_file(folder / "config.json", s.config(m));
    test::write_sparse_safetensors(folder / "model.safetensors", s.write(m),
                                   {{"format", "pt"}, {"who", "\"me\" \\ \n"}}, o);
}

// Under the names of a spelling, each with its bytes.
void check_is(const fs::path& path, const char* id, const test::model& m) {
    std::size_t by_value = 0;
    const std::string d = test::difference(test::read_checkpoint(path).tensors,
                                           test::find_spelling(id).write(m), by_value);
    CHECK_MESSAGE(d.empty(), d);
    CHECK(by_value == 0);
}

}  // namespace

TEST_CASE("in place: a header with room takes the new names, and no other byte changes") {
    for (const char* from : {"yi_v1", "baichuan"}) {
        CAPTURE(from);
        const test::temp_folder folder;
        const auto m = test::standard_models("F16")[1];  // as many kv heads as heads
        write_yi(folder.path(), m.model, 8192, from);
        const fs::path file = folder / "model.safetensors";
        const std::string before = test::read_file(file), data = data_of(file);
        const auto config = test::read_file(folder / "config.json");
        const result r = in_place(folder.path(), test::to_convention("hf"));
        REQUIRE_MESSAGE(r.error.empty(), r.error);
        CHECK(r.grown == 0);
        CHECK(r.written == 8192);
        CHECK(fs::file_size(file) == before.size());
        CHECK((data_of(file) == data));
        check_is(folder.path(), "hf_llama", m.model);
        CHECK(read_back(file).text("who") == "\"me\" \\ \n");
        CHECK(folder_bytes(folder.path()).size() == 2);  // no journal is left
        CHECK(test::read_file(folder / "config.json") == config);

        const result u = in_place(folder.path(), test::undoing());
        REQUIRE_MESSAGE(u.error.empty(), u.error);
        CHECK((test::read_file(file) == before));
    }
}

TEST_CASE("in place: a header without room grows by blocks in front of the data") {
    const test::temp_folder folder;
    const auto m = test::standard_models("F16")[1];
    write_yi(folder.path(), m.model, 8);
    const fs::path file = folder / "model.safetensors";
    const std::string data = data_of(file);
    const auto size = fs::file_size(file);
    const auto before = folder_bytes(folder.path());
    const result r = in_place(folder.path(), test::to_convention("hf"));
    if (!can_grow(file)) {
        CHECK(r.code == aka::errc::unsupported);
        CHECK(test::says(r.error, "cannot make room"));
        CHECK((folder_bytes(folder.path()) == before));
        SKIP_TEST("this file system makes no room in front of data");
    }
    REQUIRE_MESSAGE(r.error.empty(), r.error);
    CHECK(r.grown == 1);
    CHECK(fs::file_size(file) == size + 4096);
    CHECK((data_of(file) == data));
    check_is(folder.path(), "hf_llama", m.model);
    const result u = in_place(folder.path(), test::undoing());
    REQUIRE_MESSAGE(u.error.empty(), u.error);
    CHECK(u.grown == 0);
    CHECK((data_of(file) == data));
    check_is(folder.path(), "yi_v1", m.model);
}

TEST_CASE("in place: shards and their index change together") {
#if defined(_WIN32)
    SKIP_TEST("links note that files change together, a privilege on Windows: one at a time there");
#endif
    const test::temp_folder folder;
    const auto m = test::standard_models("F16")[0];
    const test::spelling& yi = test::find_spelling("yi_v1");
    test::shard_options how;
    how.file.align = 4096;
    test::write_file(folder / "config.json", yi.config(m.model));
    test::write_sharded(folder.path(), yi.write(m.model), 3, how);
    const auto before = folder_bytes(folder.path());
    const result r = in_place(folder.path(), test::to_convention("hf"), {}, "{\"new\": 1}");
    REQUIRE_MESSAGE(r.error.empty(), r.error);
    check_is(folder.path(), "hf_llama", m.model);
    const auto after = folder_bytes(folder.path());
    CHECK(after.size() == before.size());
    CHECK(after.at("config.json") == "{\"new\": 1}");
    const test::json index = test::json::parse(after.at("model.safetensors.index.json"));
    for (std::size_t i = 0; i < index["weight_map"].size(); ++i)
        CHECK(read_back(folder / index["weight_map"].items[i].as_string())
                  .tensors.count(index["weight_map"].keys[i]) == 1);
    CHECK(index["weight_map"].size() == yi.write(m.model).size());
    const result u = in_place(folder.path(), test::undoing(), {}, before.at("config.json"));
    REQUIRE_MESSAGE(u.error.empty(), u.error);
    CHECK((folder_bytes(folder.path()) == before));
}

TEST_CASE("in place: a GGUF with foreign names") {
    const test::temp_folder folder;
    const auto m = test::standard_models("F32")[0];
    test::gguf_writer w = test::find_spelling("gguf:llama").write_gguf(m.model);
    for (test::gguf_tensor& t : w.tensors)
        if (const std::size_t at = t.name.find("ffn_"); at != std::string::npos)
            t.name = t.name.substr(0, at) + "feed_forward_network_" + t.name.substr(at + 4);
    w.alignment = 4096;
    w.save(folder / "model.gguf");
    const fs::path file = folder / "model.gguf";
    const auto before = read_back(file);
    const std::string bytes = test::read_file(file), data = data_of(file);
    const auto rule =
        aka::rename_rule::parse("blk.{l}.feed_forward_network_{a} => blk.{l}.ffn_{a}");
    REQUIRE(rule);
    aka::rewrite_options o;
    o.rules = {&*rule, 1};
    const result r = in_place(file, o);
    REQUIRE_MESSAGE(r.error.empty(), r.error);
    CHECK(r.grown == 0);
    const auto after = read_back(file);
    CHECK(test::read_file(file).size() == bytes.size());
    CHECK((data_of(file) == data));
    std::size_t by_value = 0;
    CHECK(test::difference(after.tensors, test::find_spelling("gguf:llama").write(m.model),
                           by_value) == "");
    for (const auto& [key, value] : before.keys) {
        REQUIRE(after.key(key) != nullptr);
        CHECK(*after.key(key) == value);
    }
    const result u = in_place(file, test::undoing());
    REQUIRE_MESSAGE(u.error.empty(), u.error);
    CHECK(read_back(file).names == before.names);
    CHECK((data_of(file) == data));
}

TEST_CASE("in place: refused where data would move, and while somebody else looks") {
    const test::temp_folder folder(test::memory_folder());
    const auto m = test::standard_models("F16")[0];
    write_yi(folder.path(), m.model, 8192);
    const auto before = folder_bytes(folder.path());
    const auto unchanged = [&] { return folder_bytes(folder.path()) == before; };
    const result moves = in_place(folder.path(), test::to_convention("meta"));
    CHECK(moves.code == aka::errc::unsupported);
    CHECK(test::says(moves.error, "bytes would have to be moved"));
    aka::rewrite_layout_options l;
    l.align = 64;
    const result aligned = in_place(folder.path(), test::to_convention("hf"), l);
    CHECK(aligned.code == aka::errc::unsupported);
    CHECK(test::says(aligned.error, "in another order"));
    const auto rule = aka::rename_rule::parse("lm_head.weight => drop");
    REQUIRE(rule);
    aka::rewrite_options drops = test::to_convention("hf");
    drops.rules = {&*rule, 1};
    CHECK(in_place(folder.path(), drops).code == aka::errc::unsupported);
    CHECK(unchanged());

    auto file = aka::checkpoint::open(folder.path().string());
    REQUIRE(file);
    const aka::checkpoint other = *file;
    std::optional<aka::in_place_rewrite> edit;
    {
        auto plan = aka::plan_rewrite(*file, test::to_convention("hf"), test::known());
        REQUIRE(plan);
        auto files = aka::lay_out(*plan);
        REQUIRE(files);
        auto made = aka::rewrite_in_place(*files);
        REQUIRE_MESSAGE(made, made.error().message().view());
        edit.emplace(std::move(*made));
    }
    CHECK(edit->commit(std::move(*file)).code() == aka::errc::in_use);
    CHECK(unchanged());
}

TEST_CASE("in place: the program") {
    NEEDS_RENAME();
    const test::temp_folder folder;
    const auto m = test::standard_models("F16")[0];
    write_yi(folder.path(), m.model, 8192);
    const auto before = folder_bytes(folder.path());
    const std::string path = folder.path().string();
    const auto r = test::run_rename(0, {path, "--to=hf", "--in-place", "--update-config"});
    CHECK(test::says(r.out, "1 file in place, 8 KiB written"));
    check_is(folder.path(), "hf_llama", m.model);
    CHECK(test::says(test::read_file(folder / "config.json"), "\"model_type\": \"llama\""));
    const test::json j = test::rename_json(0, {path, "--undo", "--in-place"});
    CHECK(j["way"].as_string() == "in place");
    CHECK(test::read_file(folder / "model.safetensors") == before.at("model.safetensors"));
    CHECK(test::says(test::run_rename(1, {path, "--to=meta", "--in-place"}).err, "(-o)"));
}

#if defined(__linux__)
namespace {

double cpu_seconds() {
    rusage u = {};
    getrusage(RUSAGE_SELF, &u);
    return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}
// In KiB; the peak since `forget_peak`.
std::uint64_t memory_of(const char* field) {
    std::FILE* f = std::fopen("/proc/self/status", "r");
    if (f == nullptr) return 0;
    char line[256];
    unsigned long long n = 0;
    while (std::fgets(line, sizeof line, f) != nullptr)
        if (std::string_view(line).substr(0, std::string_view(field).size()) == field)
            std::sscanf(line + std::string_view(field).size(), ": %llu", &n);
    std::fclose(f);
    return n;
}
bool forget_peak() {
    std::FILE* f = std::fopen("/proc/self/clear_refs", "w");
    if (f == nullptr) return false;
    const bool done = std::fputs("5", f) >= 0;
    return (std::fclose(f) == 0) && done;
}

}  // namespace

TEST_CASE("in place: 64 GiB in 60 layers cost a header") {
    test::model_config c;
    c.n_layer = 60;
    c.n_embd = 7168;
    c.n_head = 56;
    c.n_head_kv = 8;
    c.head_dim = 128;
    c.n_ff = 20480;
    c.n_vocab = 64000;
    c.dtype = "BF16";
    const test::model m = test::model_shapes(c);
    const test::spelling& yi = test::find_spelling("yi_v1");
    const std::vector<st_tensor> tensors = yi.write(m);
    (void)test::known();
    for (const std::size_t shards : {std::size_t{1}, std::size_t{15}}) {
        const test::temp_folder folder;
        test::write_file(folder / "config.json", yi.config(m));
        test::shard_options how;
        how.file.align = shards == 1 ? 1 << 17 : 1 << 13;
        try {
            if (shards == 1)
                test::write_sparse_safetensors(folder / "model.safetensors", tensors, {}, how.file);
            else
                test::write_sharded(folder.path(), tensors, shards, how);
        } catch (const std::exception&) {
            SKIP_TEST("this system makes no file of 64 GiB");
        }
        const bool peak = forget_peak();
        const std::uint64_t held = memory_of("VmRSS");
        const double before = cpu_seconds();
        const auto start = std::chrono::steady_clock::now();
        const result r = in_place(folder.path(), test::to_convention("hf"));
        const double cpu = cpu_seconds() - before;
        const double all =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        REQUIRE_MESSAGE(r.error.empty(), r.error);
        CHECK(r.grown == 0);
        const std::uint64_t most = memory_of("VmHWM");
        MESSAGE(shards, " file(s), ", tensors.size(), " tensors: ", cpu * 1e3, " ms of processor, ",
                all * 1e3, " ms in all, ", r.written >> 10, " KiB of headers, ",
                peak ? std::to_string(most - held) : std::string("?"), " KiB of memory");
        if (peak && !AKA_TEST_SANITIZED && !test::emulated) CHECK(most - held < 20 << 10);
        // Ten times what it takes, since others use this machine, too.
        if (test::timed) CHECK(cpu < 0.5);
        auto file = aka::checkpoint::open(folder.path().string());
        REQUIRE(file);
        CHECK(file->find("model.layers.59.post_attention_layernorm.weight"));
        CHECK_FALSE(file->find("model.layers.59.ln2.weight"));
    }
}
#endif

}  // namespace test_rename_in_place
