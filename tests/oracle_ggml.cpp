// ggml's own reader beside ours: every key, value, tensor and byte of real files and of generated
// ones. ggml comes as a shared library from the npm package @node-llama-cpp/linux-x64 (see .ci/run
// and CONTRIBUTING.md). What loads data runs in a child process, since ggml may abort.
#include <aka/gguf.hpp>
#include <doctest/doctest.h>

#include "support/expect_gguf.hpp"
#include "support/files.hpp"
#include "support/ggml_comparison.hpp"
#include "support/ggml_library.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace {

using test::ggml;
using test::ggml_file;
using test::last_message;

// How many types this ggml knows: it says so itself, and must not be asked about others.
int type_count() {
    const test::temp_folder folder;
    test::gguf_writer w;
    w.add_tensor("a", 0x7fffffff, {32}, std::string(128, 'x'));
    w.save(folder / "a.gguf");
    const ggml_file refused(folder / "a.gguf", false);
    const std::size_t at = last_message.find("should be in [0, ");
    REQUIRE_MESSAGE(at != std::string::npos, last_message);
    return std::atoi(last_message.c_str() + at + 17);
}

// A file, ours against ggml's: what differs first, or nothing. Runs in children, so it reports by
// text.
struct comparison {
    std::string difference;
    std::uint64_t compared = 1;

    comparison(const fs::path& path, bool with_data) {
        const auto opened = aka::gguf::open(path);
        const ggml_file g(path, with_data);
        if (!opened || g.file == nullptr) {
            if (opened || g.file != nullptr)
                difference = "opening: " + test::said(opened) +
                             ", ggml: " + (g.file != nullptr ? "accepted" : last_message);
            return;
        }
        const test::ggml_comparison all(*opened, g.file, g.context, with_data);
        difference = all.difference();
        compared = all.compared();
    }
};

// The same in a child process: its answer, or how it ended.
std::string in_child(const fs::path& path) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::fflush(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        close(ends[0]);
        const std::string answer = "done" + comparison(path, true).difference;
        const ssize_t written = write(ends[1], answer.data(), answer.size());
        _exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string answer;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (answer.compare(0, 4, "done") == 0) return answer.substr(4);
    return "the child ended with status " + std::to_string(status);
}

void check_file(const fs::path& path, std::uint64_t& compared) {
    CAPTURE(path.string());
    const comparison here(path, false);
    CHECK(here.difference == "");
    compared += here.compared;
    CHECK(in_child(path) == "");
}

// --- generated files

test::gguf_value random_scalar(test::rng& r, std::uint32_t kind) {
    test::gguf_value v;
    v.kind = kind;
    v.bits = r.next();
    if (kind == 7) v.bits &= 1;
    if (kind == 8) v.text = r.bytes(static_cast<std::size_t>(r.below(20)));
    return v;
}

test::gguf_writer random_file(std::uint64_t seed, int types) {
    test::rng r(seed);
    test::gguf_writer w;
    w.version = 2 + static_cast<std::uint32_t>(r.below(2));
    w.alignment = std::uint64_t{1} << r.below(10);
    const std::uint64_t n_keys = r.below(20), n_tensors = r.below(12);
    for (std::uint64_t i = 0; i < n_keys; ++i) {
        const std::string key = "key." + std::to_string(i) + std::string(r.below(30), 'k');
        auto kind = static_cast<std::uint32_t>(r.below(13));
        if (kind != 9) {
            w.add(key, random_scalar(r, kind));
            continue;
        }
        while (kind == 9) kind = static_cast<std::uint32_t>(r.below(13));
        std::vector<test::gguf_value> items;
        for (std::uint64_t k = r.below(50); k > 0; --k) items.push_back(random_scalar(r, kind));
        w.add(key, test::gguf_array(kind, items));
    }
    for (std::uint64_t i = 0; i < n_tensors; ++i) {
        std::uint32_t type = 0;
        do type = static_cast<std::uint32_t>(r.below(static_cast<std::uint64_t>(types)));
        while (test::ggml_types[type].elems == 0);
        const std::uint64_t block = test::ggml_types[type].elems;
        std::vector<std::uint64_t> shape;
        for (std::uint64_t rank = r.below(5); shape.size() < rank;) shape.push_back(r.below(6));
        if (!shape.empty()) shape.back() *= block;
        if (shape.empty() && block != 1) shape = {block};
        w.tensors.push_back(test::filled_gguf(
            "t" + std::to_string(i) + std::string(r.below(60), 'n'), type, std::move(shape)));
    }
    return w;
}

}  // namespace

TEST_CASE("ggml oracle: names and block sizes of all types") {
    SKIP_WITHOUT_GGML();
    const int count = type_count();
    std::printf("ggml oracle: this ggml knows %d types, aka %d\n", count, 43);
    CHECK(count >= 40);
    for (int id = 0; id < std::min(count, 43); ++id) {
        CAPTURE(id);
        const auto block = static_cast<std::uint64_t>(ggml().ggml_blck_size(id));
        const aka::dtype t = aka::dtype_from_ggml(static_cast<std::uint32_t>(id));
        if (block == 0) {
            CHECK(t == aka::dtype::unknown);
            CHECK(test::ggml_types[id].elems == 0);
            continue;
        }
        const aka::dtype_info& info = aka::info(t);
        CHECK(info.ggml_id == id);
        CHECK(info.block_elements == block);
        CHECK(info.block_bytes == ggml().ggml_type_size(id));
        CHECK(std::string(ggml().ggml_type_name(id)) == test::ggml_types[id].name);
        CHECK(info.name == test::gguf_dtype_name(static_cast<std::uint32_t>(id)));
    }
}

TEST_CASE("ggml oracle: real files") {
    SKIP_WITHOUT_GGML();
    std::uint64_t compared = 0, files = 0;
    std::vector<fs::path> folders = {test::samples()};
    if (test::have_shared_data()) folders.push_back(test::shared_data() / "files");
    for (const fs::path& folder : folders) {
        for (const auto& e : fs::recursive_directory_iterator(folder)) {
            if (e.path().extension() != ".gguf") continue;
            ++files;
            const auto ours = aka::gguf::open(e.path());
            if (ours) {
                check_file(e.path(), compared);
            } else {
                // Cut off: ggml reads its keys, but cannot load it either.
                CHECK_REFUSED(ours, truncated);
                CHECK(in_child(e.path()).find("ggml: accepted") == std::string::npos);
            }
        }
    }
    CHECK(files >= 1);
    std::printf("ggml oracle: %llu real files, %llu facts\n",
                static_cast<unsigned long long>(files), static_cast<unsigned long long>(compared));
    SKIP_WITHOUT_DATA();
}

TEST_CASE("ggml oracle: generated files of every type") {
    SKIP_WITHOUT_GGML();
    const int types = std::min(type_count(), 43);
    const test::temp_folder folder;
    const fs::path path = folder / "a.gguf";
    std::uint64_t compared = 0;
    test::gguf_writer every;
    for (test::gguf_tensor& t : every.tensors = test::every_ggml_type())
        if (t.shape.empty()) t.shape = {1};
    for (std::uint32_t kind = 0; kind < 13; ++kind) {
        test::rng r(kind);
        if (kind == 9) continue;
        every.add("kind " + std::to_string(kind), random_scalar(r, kind));
        every.add("none " + std::to_string(kind), test::gguf_array(kind, {}));
        every.add("some " + std::to_string(kind),
                  test::gguf_array(kind, {random_scalar(r, kind), random_scalar(r, kind)}));
    }
    every.tensors.erase(
        std::remove_if(every.tensors.begin(), every.tensors.end(),
                       [&](const auto& t) { return static_cast<int>(t.type) >= types; }),
        every.tensors.end());
    every.save(path);
    check_file(path, compared);
    std::set<std::uint32_t> seen;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        CAPTURE(seed);
        const test::gguf_writer w = random_file(seed, types);
        for (const auto& t : w.tensors) seen.insert(t.type);
        w.save(path);
        check_file(path, compared);
    }
    std::size_t existing = 0;
    for (int id = 0; id < types; ++id) existing += test::ggml_types[id].elems != 0;
    CHECK(seen.size() == existing);
    std::printf("ggml oracle: 201 generated files, %llu facts\n",
                static_cast<unsigned long long>(compared));
}

#else

TEST_CASE("ggml oracle") { SKIP_TEST("the library of ggml is loaded on POSIX systems only"); }

#endif

namespace test_oracle_ggml {}  // namespace test_oracle_ggml
