// Files cut short by somebody while they are open: `prefetch`, `read` and what reads or copies with
// them say so, where touching a mapping would raise SIGBUS.
#include "support/rewritten.hpp"
#include "support/rounds.hpp"

#include <aka/convert_tensor.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#if !defined(_WIN32)  // there a mapped file cannot be cut at all

namespace test_truncated {
namespace {

namespace fs = std::filesystem;

struct place {
    test::temp_folder work{test::memory_folder()};
    fs::path folder = work / "a", path, cut_file;

    place(const char* id, std::size_t shards) {
        fs::create_directory(folder);
        test::spelling_options how;
        how.shards = shards;
        test::model_config c;
        c.n_layer = 4;
        path = test::write_spelling(test::find_spelling(id), test::random_model(c, 3), folder, how);
        // The last file, in the order of their names.
        for (const auto& e : fs::directory_iterator(folder))
            if (e.path().extension() != ".json" && (cut_file.empty() || cut_file < e.path()))
                cut_file = e.path();
    }
};

// What a range of bytes came to, without ever touching a mapping.
aka::errc prefetched(const aka::tensor& t) { return t.prefetch().code(); }
aka::errc copied(const aka::tensor& t) {
    std::string out(static_cast<std::size_t>(t.size_bytes()), '\0');
    return t.copy_to({reinterpret_cast<std::byte*>(out.data()), out.size()}).code();
}
aka::errc converted(const aka::tensor& t) {
    std::vector<float> out(static_cast<std::size_t>(t.elements()));
    return t.convert_to(aka::span<float>(out)).code();
}

}  // namespace

TEST_CASE("truncated: at any length, prefetching and reading say so") {
    for (const char* id : {"hf_llama", "gguf:llama"}) {
        const place p(id, 2);
        const std::string whole = test::read_file(p.cut_file);
        const auto mapped = aka::checkpoint::open(p.path.string(), {aka::access::map});
        const auto read = aka::checkpoint::open(p.path.string(), {aka::access::read});
        REQUIRE((mapped && read));
        test::rng random(7);
        std::size_t lost = 0, kept = 0;
        for (std::uint64_t round = 0; round < test::rounds(60); ++round) {
            const std::uint64_t left = random.below(whole.size());
            fs::resize_file(p.cut_file, left);
            for (std::size_t i = 0; i < read->size(); ++i) {
                const aka::tensor t = (*read)[i], m = (*mapped)[i];
                const bool in_cut = t.file() == p.cut_file.string();
                const bool there = !in_cut || t.offset() + t.size_bytes() <= left;
                CAPTURE(std::string(t.name()));
                CAPTURE(left);
                const aka::errc expected = there ? aka::errc::none : aka::errc::file_changed;
                CHECK(copied(t) == expected);
                CHECK(converted(t) == expected);
                // Of a file that is not whole any more nothing is brought into memory.
                const aka::errc whole_file = in_cut ? aka::errc::file_changed : aka::errc::none;
                CHECK(prefetched(m) == whole_file);
                CHECK(prefetched(t) == whole_file);
                ++(there ? kept : lost);
            }
            // And it is fine again when the file is whole again.
            test::write_file(p.cut_file, whole);
            CHECK(prefetched((*mapped)[0]) == aka::errc::none);
        }
        CHECK(lost > 50);
        CHECK(kept > 50);
        for (std::size_t i = 0; i < read->size(); ++i)
            CHECK(test::bytes_of((*read)[i]) == test::bytes_of((*mapped)[i]));
    }
}

TEST_CASE("truncated: without a descriptor, and replaced by a shorter one") {
    const test::temp_folder folder(test::memory_folder());
    const std::string whole = test::random_bytes(300000, 5);
    test::write_file(folder / "a", whole);
    auto f = aka::mapped_file::open(folder / "a");
    REQUIRE(f);
    f->close_descriptor();
    fs::resize_file(folder / "a", 100000);
    CHECK(f->prefetch(0, 1000).code() == aka::errc::file_changed);
    std::string out(50000, '\0');
    const aka::span<std::byte> room(reinterpret_cast<std::byte*>(out.data()), out.size());
    CHECK(f->read(250000, room).code() == aka::errc::file_changed);
    CHECK(f->read(0, room));
    CHECK(out == whole.substr(0, out.size()));
    // Deleted: there is nobody to ask for its size, and bringing it in fails all the same.
    fs::remove(folder / "a");
    const aka::errc code = f->prefetch(0, f->size()).code();
    CHECK((code == aka::errc::cannot_read || code == aka::errc::file_changed));
}

TEST_CASE("truncated: what is copied from such a file is refused, and nothing is left") {
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        const place p("yi_v1", 2);
        const auto file = aka::checkpoint::open(p.path.string(), {how});
        REQUIRE(file);
        const auto plan = aka::plan_rewrite(*file, test::to_convention("hf"), test::known());
        REQUIRE_MESSAGE(plan, plan.error().message().view());
        const auto files = aka::lay_out(*plan);
        REQUIRE_MESSAGE(files, files.error().message().view());
        const std::uint64_t size = fs::file_size(p.cut_file);
        fs::resize_file(p.cut_file, size / 2);
        const fs::path target = p.work / "b";
        const auto r = aka::write_files(*files, target.string());
        CHECK(r.code() == aka::errc::file_changed);
        CHECK((!fs::exists(target) || fs::is_empty(target)));
    }
}

}  // namespace test_truncated

#else

TEST_CASE("truncated") { SKIP_TEST("Windows lets nobody cut a file that is mapped"); }

#endif
