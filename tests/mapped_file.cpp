// Files mapped and read: what cannot be opened, ranges, files that change under one's feet, files
// larger than memory, and more files than descriptors.
#include <aka/mapped_file.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/opened.hpp"
#include "support/outcome.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace test_mapped_file {

namespace {

using way = aka::access;
using aka::mapped_file;

constexpr way ways[] = {way::map, way::read, way::header};

// The range through read(), into memory with a guard behind it; the code instead where it fails.
std::string read(const mapped_file& f, std::uint64_t offset, std::size_t size) {
    test::guard_buffer out(std::string(size, '\x55'), test::guard_side::behind, true);
    const aka::status s = f.read(offset, {reinterpret_cast<std::byte*>(out.data()), out.size()});
    return s ? std::string(out.view()) : "error: " + test::code(s);
}
std::string view(const mapped_file& f) {
    return {reinterpret_cast<const char*>(f.data()), static_cast<std::size_t>(f.size())};
}

}  // namespace

TEST_CASE("mapped file: what cannot be opened") {
    const test::temp_folder folder;
    const auto refused = [&](const std::filesystem::path& p, aka::errc code, bool os) {
        for (const way how : ways) {
            CAPTURE(p.string());
            const auto r = mapped_file::open(p, how);
            CHECK(test::code(r) == aka::errc_name(code));
            CHECK((r.error().os_error() != 0) == os);
            CHECK(r.error().file() == p.string());
        }
    };
    test::write_file(folder / "file", "text");
    refused(folder / "none", aka::errc::missing_file, true);
    refused(folder / "no/where", aka::errc::missing_file, true);
    refused("", aka::errc::missing_file, true);
#if !defined(_WIN32)
    refused(folder / "file/x", aka::errc::cannot_open, true);
    refused(folder.path(), aka::errc::cannot_open, false);
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    refused(folder / "pipe", aka::errc::cannot_open, false);  // at once: it does not wait
    refused("/dev/null", aka::errc::cannot_open, false);
    std::filesystem::create_symlink("gone", folder / "dangling");
    refused(folder / "dangling", aka::errc::missing_file, true);
    std::filesystem::create_symlink("loop", folder / "loop");
    refused(folder / "loop", aka::errc::cannot_open, true);
    std::filesystem::create_symlink("file", folder / "link");
    CHECK(view(test::opened(folder / "link")) == "text");
#endif
    test::alloc_scope allocs;
    allocs.fail_at(0);
    CHECK_REFUSED(mapped_file::open(folder / "file"), out_of_memory);
    CHECK(allocs.blocks() == 0);
}

TEST_CASE("mapped file: its path in every form") {
    const test::temp_folder folder;
    const std::filesystem::path standard = folder / "d\xc3\xa9j\xc3\xa0 vu";
    const std::string string = standard.string(), longer = string + "/and more";
    test::write_file(standard, "text");
    const auto check = [&](aka::result<mapped_file> r) {
        REQUIRE_OK(r);
        CHECK(r.get_if()->path() == string);
        CHECK(view(*r.get_if()) == "text");
    };
    check(mapped_file::open(standard));
    check(mapped_file::open(string));
    check(mapped_file::open(string.c_str()));
    check(mapped_file::open(std::string_view(longer).substr(0, string.size())));
}

TEST_CASE("mapped file: every range, and none beyond") {
    const test::temp_folder folder;
    const std::string data = test::random_bytes(10000, 1);
    test::write_file(folder / "file", data);
    std::vector<mapped_file> files;
    for (const way how : ways) files.push_back(test::opened(folder / "file", how));
    files.push_back(mapped_file::memory(aka::as_bytes(data)));
    for (const mapped_file& f : files) {
        const bool memory = f.path().empty(), map = &f == &files[0] || memory;
        CHECK(f.size() == data.size());
        CHECK(f.mapped() == map);
        CHECK((f.data() != nullptr) == map);
        if (map) CHECK((view(f) == data));
        if (memory) CHECK(static_cast<const void*>(f.data()) == data.data());
        test::rng random(2);
        for (int i = 0; i < 500; ++i) {
            const std::size_t at = random.below(data.size() + 1);
            const std::size_t size = random.below(data.size() - at + 1);
            CHECK((read(f, at, size) == data.substr(at, size)));
            CHECK_OK(f.prefetch(at, size));
            if (i % 20 == 0) CHECK_OK(f.drop_cache(at, size));
        }
        for (const aka::pattern p :
             {aka::pattern::random, aka::pattern::sequential, aka::pattern::normal})
            CHECK_OK(f.advise(p));
        CHECK(read(f, 10000, 0).empty());
        CHECK(read(f, 10000, 1) == "error: out_of_range");
        CHECK(read(f, 10001, 0) == "error: out_of_range");
        CHECK(read(f, 9999, 2) == "error: out_of_range");
        CHECK(read(f, UINT64_MAX, 1) == "error: out_of_range");
        CHECK(read(f, UINT64_MAX, 0) == "error: out_of_range");
        const std::uint64_t beyond[][2] = {
            {10000, 1}, {0, 10001}, {1, UINT64_MAX}, {UINT64_MAX, 1}};
        for (const auto& range : beyond) {
            CHECK_REFUSED(f.prefetch(range[0], range[1]), out_of_range);
            CHECK_REFUSED(f.drop_cache(range[0], range[1]), out_of_range);
        }
        // What was dropped comes back.
        CHECK_OK(f.drop_cache(0, data.size()));
        CHECK((read(f, 0, data.size()) == data));
        if (map) CHECK((view(f) == data));
    }
}

TEST_CASE("mapped file: empty ones") {
    const test::temp_folder folder;
    test::write_file(folder / "empty", "");
    std::vector<mapped_file> files;
    for (const way how : ways) files.push_back(test::opened(folder / "empty", how));
    files.push_back(mapped_file::memory({}));
    files.emplace_back();
    for (const mapped_file& f : files) {
        CHECK(f.size() == 0);
        CHECK(f.mapped());
        CHECK(read(f, 0, 0).empty());
        CHECK(read(f, 0, 1) == "error: out_of_range");
        CHECK_OK(f.prefetch(0, 0));
        CHECK_OK(f.drop_cache(0, 0));
        CHECK_OK(f.advise(aka::pattern::sequential));
    }
}

TEST_CASE("mapped file: moving") {
    static_assert(!std::is_copy_constructible_v<mapped_file>);
    static_assert(std::is_nothrow_move_constructible_v<mapped_file>);
    const test::temp_folder folder;
    test::write_file(folder / "a", "first");
    test::write_file(folder / "b", "second");
    for (const way how : ways) {
        mapped_file a = test::opened(folder / "a", how);
        const std::byte* at = a.data();
        mapped_file b = std::move(a);
        CHECK(b.data() == at);
        CHECK(a.size() == 0);
        CHECK(a.path().empty());
        CHECK(read(b, 0, 5) == "first");
        mapped_file c = test::opened(folder / "b", how);
        c = std::move(b);
        CHECK(read(c, 0, 5) == "first");
        mapped_file& alias = c;
        c = std::move(alias);
        CHECK(read(c, 0, 5) == "first");
        CHECK(c.path() == (folder / "a").string());
        a = test::opened(folder / "b", how);
        CHECK(read(a, 0, 6) == "second");
    }
}

TEST_CASE("mapped file: without its descriptor") {
    const test::temp_folder folder;
    test::write_file(folder / "file", "text");
    mapped_file map = test::opened(folder / "file"),
                header = test::opened(folder / "file", way::header);
    map.close_descriptor();
    header.close_descriptor();
    map.close_descriptor();  // twice is nothing
    CHECK(view(map) == "text");
    CHECK(read(map, 0, 4) == "text");
    CHECK_OK(map.prefetch(0, 4));
}

TEST_CASE("mapped file: far larger than memory") {
    const test::temp_folder folder;
    const std::filesystem::path p = folder / "sparse";
    const std::uint64_t gib = std::uint64_t{1} << 30;
#if defined(_WIN32)  // where a file has no holes by itself
    const std::uint64_t last = 6;
#else
    const std::uint64_t last = 64;
#endif
    const std::uint64_t places[] = {0,       2 * gib - 3,      4 * gib - 3,
                                    5 * gib, (last - 1) * gib, last * gib - 8};
    {
        std::ofstream out(p, std::ios::binary);
        for (const std::uint64_t at : places) {
            out.seekp(static_cast<std::streamoff>(at));
            out << "at " << at / gib << "..";
        }
        REQUIRE(out.good());
    }
    std::filesystem::resize_file(p, last * gib);
    for (const way how : ways) {
        const mapped_file f = test::opened(p, how);
        CHECK(f.size() == last * gib);
        for (const std::uint64_t at : places) {
            const std::string expected = "at " + std::to_string(at / gib) + "..";
            const std::size_t n = std::min<std::size_t>(expected.size(), 6);
            CHECK(read(f, at, n) == expected.substr(0, n));
            if (f.data() != nullptr) CHECK(std::memcmp(f.data() + at, expected.data(), n) == 0);
            CHECK_OK(f.prefetch(at, 8));
            CHECK_OK(f.drop_cache(at, 8));
        }
        CHECK(read(f, 3 * gib, 100) == std::string(100, '\0'));
        CHECK(read(f, last * gib, 1) == "error: out_of_range");
        CHECK_OK(f.prefetch((last - 1) * gib - 1, 100 << 20));  // of two windows and an odd start
        CHECK_OK(f.drop_cache((last - 1) * gib - 1, 100 << 20));
    }
}

// A file that is mapped cannot be deleted there, one that is read can; its bytes stay either way.
#if defined(_WIN32)

TEST_CASE("mapped file: deleted while it is open, on Windows") {
    const std::string before = test::random_bytes(20000, 1);
    for (const way how : {way::map, way::read}) {
        const test::temp_folder folder;
        test::write_file(folder / "file", before);
        const mapped_file f = test::opened(folder / "file", how);
        CHECK(f.mapped() == (how == way::map));
        std::error_code refused;
        std::filesystem::remove(folder / "file", refused);
        if (how == way::read) CHECK(!refused);
        CHECK((read(f, 100, 19900) == before.substr(100)));
        if (how == way::map) CHECK((view(f) == before));
    }
}

#else

TEST_CASE("mapped file: deleted or replaced while it is open") {
    const std::string before = test::random_bytes(20000, 1), after = test::random_bytes(20000, 2);
    for (const bool replaced : {false, true}) {
        for (const way how : ways) {
            for (const bool closed : {false, true}) {
                if (closed && how != way::map) continue;
                CAPTURE(replaced);
                CAPTURE(static_cast<int>(how));
                const test::temp_folder folder;
                test::write_file(folder / "file", before);
                mapped_file f = test::opened(folder / "file", how);
                if (closed) f.close_descriptor();
                test::write_file(folder / "other", after);
                if (replaced)
                    std::filesystem::rename(folder / "other", folder / "file");
                else
                    std::filesystem::remove(folder / "file");
                if (how == way::map) CHECK((view(f) == before));
                CHECK_OK(f.prefetch(0, f.size()));
                if (!closed) {
                    CHECK((read(f, 100, 19900) == before.substr(100)));
                    CHECK_OK(f.drop_cache(0, f.size()));
                } else {
                    // The path is all that is left of the file, and leads to another or to none.
                    const char* why = replaced ? "file_changed" : "cannot_open";
                    CHECK(read(f, 0, 10) == std::string("error: ") + why);
                    CHECK(test::code(f.drop_cache(0, f.size())) == why);
                }
                if (how == way::map) CHECK((view(f) == before));
            }
        }
    }
}

TEST_CASE("mapped file: truncated while it is open") {
    const std::string data = test::random_bytes(100000, 3);
    for (const way how : ways) {
        const test::temp_folder folder;
        test::write_file(folder / "file", data);
        const mapped_file f = test::opened(folder / "file", how);
        std::filesystem::resize_file(folder / "file", 5000);
        CHECK((read(f, 0, 5000) == data.substr(0, 5000)));
        for (const auto& [at, size] : {std::pair{0u, 5001u}, {4999u, 2u}, {50000u, 10u}}) {
            std::string out(size, '\0');
            const aka::status s = f.read(at, {reinterpret_cast<std::byte*>(out.data()), size});
            CHECK_REFUSED(s, file_changed);
            CHECK(test::mentions(s.error(), "has 5000 bytes now"));
            CHECK(test::mentions(s.error(), "had 100000"));
            CHECK(s.error().file() == f.path());
        }
        for (const std::uint64_t at : {0u, 4000u, 90000u}) {
            CHECK_REFUSED(f.prefetch(at, 100000 - at), file_changed);
            CHECK(test::mentions(f.prefetch(at, 1).error(), "has 5000 bytes now"));
        }
    }
}

TEST_CASE("mapped file: what is prefetched is in memory") {
    const test::temp_folder folder;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::string data = test::random_bytes(64 * page + 5, 4);
    test::write_file(folder / "file", data);
    const mapped_file f = test::opened(folder / "file");
    CHECK_OK(f.drop_cache(0, f.size()));
    CHECK_OK(f.prefetch(10 * page + 1, 20 * page));
    std::vector<unsigned char> resident(65);
    REQUIRE(::mincore(const_cast<std::byte*>(f.data()), data.size(), resident.data()) == 0);
    for (std::size_t i = 10; i <= 30; ++i) CHECK((resident[i] & 1) == 1);
}

TEST_CASE("mapped file: more files than descriptors") {
    const test::temp_folder folder;
    struct limit {
        rlimit before{};
        limit() {
            REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
            rlimit now = before;
            now.rlim_cur = 512;
            REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
        }
        ~limit() { ::setrlimit(RLIMIT_NOFILE, &before); }
    };
    constexpr std::size_t n = 600;
    const auto name = [](std::size_t i) { return "file" + std::to_string(i); };
    for (std::size_t i = 0; i < n; ++i) test::write_file(folder / name(i), name(i));
    const limit low;
    std::vector<mapped_file> files;
    for (std::size_t i = 0; i < n; ++i) files.push_back(test::opened(folder / name(i)));
    for (std::size_t i = 0; i < n; ++i) {
        CHECK(view(files[i]) == name(i));
        CHECK(read(files[i], 0, name(i).size()) == name(i));
        CHECK_OK(files[i].prefetch(0, 4));
        CHECK_OK(files[i].drop_cache(0, 4));
    }
    // Files that are read keep theirs: past the limit that is an error, and no descriptor leaks.
    files.clear();
    for (int round = 0; round < 3; ++round) {
        std::size_t open = 0;
        aka::result<mapped_file> r = mapped_file::open(folder / name(0), way::read);
        for (; r && open < n; ++open) {
            files.push_back(std::move(*r.get_if()));
            r = mapped_file::open(folder / name(open), way::read);
        }
        const std::string hundredth = read(files[100], 0, 4);
        files.clear();  // before any check: doctest and sanitizers want descriptors, too
        CHECK_REFUSED(r, cannot_open);
        CHECK(r.error().os_error() == EMFILE);
        CHECK(open > 400);
        CHECK(hundredth == "file");
    }
}

#endif

}  // namespace test_mapped_file
