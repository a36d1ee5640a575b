// Paths as users have them, kept as UTF-8; and what folders hold.
#include <aka/path.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <sys/stat.h>
#endif

namespace test_path {

namespace {

using aka::detail::path;
using aka::detail::path_kind;

// The standard's own way, where wchar_t is one code point (or, on Windows, UTF-16).
std::string utf8(char32_t c) {
    const std::u32string s(1, c);
    const auto u = std::filesystem::path(s).u8string();  // of char8_t in C++20
    return {u.begin(), u.end()};
}

std::string text(const path& p) {
    CHECK(p.ok());
    CHECK(std::string(p.c_str()) == p.view());  // NUL-terminated
    return p.c_str();
}

path_kind kind(const std::string& p) {
    int os = -1;
    const path_kind k = aka::detail::kind_of(path(p), os);
    CHECK((os != 0) == (k == path_kind::missing || k == path_kind::unknown));
    return k;
}

}  // namespace

TEST_CASE("path: made from whatever has characters") {
    const std::string string = "dir/file.gguf";
    const char* c_string = string.c_str();
    const std::string_view view = string;
    const std::filesystem::path standard = string;
    CHECK(text(path(c_string)) == string);
    CHECK(text(path(string)) == string);
    CHECK(text(path(view)) == string);
    CHECK(text(path(view.substr(0, 3))) == "dir");  // a view has no NUL behind it
    CHECK(text(path(standard)) == string);
    CHECK(text(path("dir/file.gguf")) == string);
    CHECK(text(path(L"dir/file.gguf")) == string);
    CHECK(text(path(std::wstring(L"dir/file.gguf"))) == string);
    char buffer[] = "in an array";
    CHECK(text(path(buffer)) == "in an array");
    struct theirs {
        const char* c_str() const { return "theirs"; }
    };
    CHECK(text(path(theirs())) == "theirs");

    CHECK(text(path()) == "");
    CHECK(text(path("")) == "");
    CHECK(text(path(L"")) == "");
    CHECK(text(path(std::string_view())) == "");
    CHECK(text(path(static_cast<const char*>(nullptr))) == "");
    CHECK(text(path(static_cast<const wchar_t*>(nullptr))) == "");
    static_assert(!std::is_copy_constructible_v<path>, "a copy could fail unseen");

    path moved = path("a/b");
    const path other = std::move(moved);
    CHECK(text(other) == "a/b");
    moved = path("again");
    CHECK(text(moved) == "again");
}

TEST_CASE("path: wide characters become UTF-8") {
    for (char32_t c = 1; c < 0x110000; c += c < 0x11000 ? 1 : 97) {
        if (c >= 0xd800 && c < 0xe000) continue;
        aka::detail::growing<char> out;
        REQUIRE(aka::detail::append_utf8(out, static_cast<std::uint32_t>(c)));
        if (std::string(out.data(), out.size()) != utf8(c))
            FAIL_CHECK("wrong: " << static_cast<unsigned>(c));
        // The same through a path, as one wchar_t or as a surrogate pair.
        std::vector<wchar_t> wide = {L'a'};
        if (sizeof(wchar_t) > 2 || c < 0x10000) {
            wide.push_back(static_cast<wchar_t>(c));
        } else {
            wide.push_back(static_cast<wchar_t>(0xd800 + ((c - 0x10000) >> 10)));
            wide.push_back(static_cast<wchar_t>(0xdc00 + (c & 0x3ff)));
        }
        wide.push_back(L'b');
        wide.push_back(0);
        const path p(wide.data());
        if (p.view() != "a" + utf8(c) + "b")
            FAIL_CHECK("wrong in a path: " << static_cast<unsigned>(c));
    }
    // Halves of pairs are kept, as three bytes each: Windows has such names.
    const wchar_t high[] = {0xd83d, L'x', 0}, low[] = {0xde00, 0xd83d, 0},
                  last[] = {L'x', 0xd83d, 0};
    CHECK(text(path(high)) == "\xed\xa0\xbdx");
    CHECK(text(path(low)) == "\xed\xb8\x80\xed\xa0\xbd");
    CHECK(text(path(last)) == "x\xed\xa0\xbd");
}

TEST_CASE("path: the folder and the name of a file") {
    struct row {
        const char *whole, *folder, *name;
    };
    const row rows[] = {
        {"file", ".", "file"},
        {"dir/file", "dir", "file"},
        {"/file", "/", "file"},
        {"/dir/file", "/dir", "file"},
        {"a/b/c.d", "a/b", "c.d"},
        {"dir/", "dir", ""},
        {"/", "/", ""},
        {"", ".", ""},
        {"./file", ".", "file"},
        {"../file", "..", "file"},
        {".hidden", ".", ".hidden"},
        {"a b/c d", "a b", "c d"},
    };
    for (const row& r : rows) {
        CAPTURE(r.whole);
        const path p(r.whole);
        CHECK(p.folder() == r.folder);
        CHECK(p.file_name() == r.name);
        // Put together again they name the same file.
        path again(p.folder());
        again /= p.file_name();
        CHECK(std::filesystem::path(text(again)).lexically_normal() ==
              (std::filesystem::path(r.folder) / r.name).lexically_normal());
    }
    const path p("a\\b");
    CHECK(p.file_name() == (path::separators.size() == 2 ? "b" : "a\\b"));
}

TEST_CASE("path: parts are put together with one separator") {
    const auto joined = [](const char* a, const char* b) {
        path p{std::string_view(a)};
        p /= b;
        return text(p);
    };
    CHECK(joined("a", "b") == "a/b");
    CHECK(joined("a/", "b") == "a/b");
    CHECK(joined("/", "b") == "/b");
    CHECK(joined("a", "") == "a/");
    CHECK(joined("", "b") == "b");
    CHECK(joined("", "") == "");
    path p;
    p /= "";
    p /= "x";
    p /= "y/";
    p /= "z";
    CHECK(text(p) == "x/y/z");
    path built;
    std::string expected;
    for (int i = 0; i < 300; ++i) {
        built /= std::to_string(i);
        expected += (i == 0 ? "" : "/") + std::to_string(i);
        CHECK(text(built) == expected);
    }
}

TEST_CASE("path: without memory it says so") {
    test::alloc_scope allocs;
    const std::string longer(500, 'x');
    for (std::uint64_t k = 0; k < 6; ++k) {
        for (int form = 0; form < 3; ++form) {
            allocs.restart();
            allocs.fail_at(k);
            path p;
            if (form == 0) p = path(longer);
            if (form == 1)
                p = path(L"a wide path of some length, which grows as it is put together");
            if (form == 2)
                for (int i = 0; i < 9; ++i) p /= longer;
            allocs.lift();
            const bool failed = allocs.refused() != 0;
            CHECK(p.ok() == !failed);
            if (k == 0) CHECK(failed);
            // A path that lost a part must not come back to life with the next one.
            p /= "more";
            CHECK(p.ok() == !failed);
            if (failed) CHECK(aka::detail::path_kind::missing == kind(longer));
        }
    }
    CHECK(allocs.blocks() == 0);
}

TEST_CASE("path: what is there") {
    const test::temp_folder folder;
    const std::string base = folder.path().string();
    test::write_file(folder / "file", "x");
    std::filesystem::create_directory(folder / "sub");
    CHECK(kind(base) == path_kind::folder);
    CHECK(kind(base + "/file") == path_kind::file);
    CHECK(kind(base + "/sub/") == path_kind::folder);
    CHECK(kind(base + "/none") == path_kind::missing);
    CHECK(kind(base + "/file/none") == path_kind::missing);
    CHECK(kind("") == path_kind::missing);
#if !defined(_WIN32)
    REQUIRE(::mkfifo((base + "/pipe").c_str(), 0600) == 0);
    CHECK(kind(base + "/pipe") == path_kind::other);
    std::filesystem::create_symlink("file", folder / "link");
    std::filesystem::create_symlink("gone", folder / "dangling");
    CHECK(kind(base + "/link") == path_kind::file);
    CHECK(kind(base + "/dangling") == path_kind::missing);
    CHECK(kind(base + "/" + std::string(300, 'a')) == path_kind::missing);
    // A link to itself is there, but nobody can tell what it is.
    std::filesystem::create_symlink("loop", folder / "loop");
    CHECK(kind(base + "/loop") == path_kind::unknown);
    int os = 0;
    CHECK(aka::detail::kind_of(path(base + "/none"), os) == path_kind::missing);
    CHECK(os == ENOENT);
    CHECK(aka::detail::kind_of(path(base + "/file/none"), os) == path_kind::missing);
    CHECK(os == ENOTDIR);
#endif
}

TEST_CASE("path: the entries of a folder") {
    const test::temp_folder folder;
    std::vector<std::string> expected = {".", ".."};
    for (const std::string& name : {std::string("plain"), std::string(".hidden"),
                                    std::string("a b\xc3\xa9"), std::string(200, 'l')}) {
        test::write_file(folder / name, "");
        expected.push_back(name);
    }
    std::filesystem::create_directory(folder / "sub");
    expected.push_back("sub");
    std::vector<std::string> found;
    const auto whole = aka::detail::for_each_entry(path(folder.path()), [&](std::string_view name) {
        found.emplace_back(name);
        return true;
    });
    CHECK(whole.has_value());
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    CHECK((found == expected));

    int seen = 0;
    const auto some = aka::detail::for_each_entry(path(folder.path()),
                                                  [&](std::string_view) { return ++seen < 2; });
    CHECK(some.has_value());
    CHECK(seen == 2);

    for (const char* name : {"none", "plain"}) {
        const std::string not_one = (folder / name).string();
        const auto r = aka::detail::for_each_entry(path(not_one), [](std::string_view) {
            FAIL_CHECK("it has no entries");
            return true;
        });
        CHECK(r.code() == aka::errc::cannot_open);
        CHECK(r.error().os_error() != 0);
        CHECK(r.error().file() == not_one);
    }
}

TEST_CASE("path: heads and tails of names") {
    using aka::detail::ends_with;
    using aka::detail::starts_with;
    CHECK(ends_with("model.gguf", ".gguf"));
    CHECK(ends_with(".gguf", ".gguf"));
    CHECK_FALSE(ends_with("gguf", ".gguf"));
    CHECK_FALSE(ends_with("model.GGUF", ".gguf"));
    CHECK(ends_with("x", ""));
    CHECK(starts_with("model.gguf", "model"));
    CHECK(starts_with("model", "model"));
    CHECK_FALSE(starts_with("mode", "model"));
    CHECK(starts_with("", ""));
}

}  // namespace test_path
