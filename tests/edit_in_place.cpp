// Beginnings of files replaced where they lie: what is refused, and what is there afterwards.
#include <aka/edit_in_place.hpp>
#include <aka/mapped_file.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/outcome.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using aka::edit_in_place;

aka::byte_span bytes_of(std::string_view s) { return aka::as_bytes(s); }

// Bytes that repeat nowhere in a file of this size.
std::string pattern(std::size_t n, std::uint64_t seed = 1) {
    std::string s(n, '\0');
    std::uint64_t x = seed * 0x9e3779b97f4a7c15;
    for (std::size_t i = 0; i < n; ++i) {
        if (i % 8 == 0) x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9 + 0x94d049bb133111eb;
        s[i] = static_cast<char>(x >> (8 * (i % 8)));
    }
    return s;
}
std::size_t entries(const std::filesystem::path& folder) {
    std::size_t n = 0;
    for (const auto& e : std::filesystem::directory_iterator(folder))
        n += e.is_symlink() || e.exists();
    return n;
}

}  // namespace

TEST_CASE("edit in place: a beginning of the same size") {
    const test::temp_folder folder;
    const std::string old = pattern(1 << 20);
    for (const std::size_t head : {std::size_t{1}, std::size_t{4095}, std::size_t{4096},
                                   std::size_t{5000}, old.size() - 1, old.size()}) {
        CAPTURE(head);
        test::write_file(folder / "a", old);
        const std::string to = pattern(head, 2);
        edit_in_place edit;
        CHECK_OK(edit.replace_head(folder / "a", head, bytes_of(to)));
        const bool untouched = test::read_file(folder / "a") == old;
        CHECK(untouched);
        CHECK_OK(edit.commit());
        CHECK(edit.empty());
        const bool same = test::read_file(folder / "a") == to + old.substr(head);
        CHECK(same);
        CHECK(entries(folder.path()) == 1);
    }
}

TEST_CASE("edit in place: a beginning that grows") {
    const test::temp_folder folder;
    const std::string old = pattern((1 << 20) + 77);
    test::write_file(folder / "a", old);
    const auto step = edit_in_place::growth_step(folder / "a");
    REQUIRE_OK(step);
    if (*step == 0) {
        const std::string to = pattern(5000 + 4096, 2);
        edit_in_place edit;
        const aka::status s = edit.replace_head(folder / "a", 5000, bytes_of(to));
        CHECK_REFUSED(s, unsupported);
        SKIP_TEST("the file system of the temporary folder does not insert ranges");
    }
    for (const std::size_t head : {std::size_t{1}, std::size_t{4096}, std::size_t{5000}}) {
        for (const std::size_t more : {std::size_t{1}, std::size_t{3}}) {
            CAPTURE(head);
            test::write_file(folder / "a", old);
            const std::string to = pattern(head + more * static_cast<std::size_t>(*step), 2);
            edit_in_place edit;
            CHECK_OK(edit.replace_head(folder / "a", head, bytes_of(to)));
            CHECK_OK(edit.commit());
            const bool same = test::read_file(folder / "a") == to + old.substr(head);
            CHECK(same);
            CHECK(entries(folder.path()) == 1);
        }
    }
    // Not by less than a block.
    const std::string odd = pattern(5000 + 100, 2);
    edit_in_place edit;
    const aka::status s = edit.replace_head(folder / "a", 5000, bytes_of(odd));
    CHECK_REFUSED(s, unsupported);
    CHECK(test::mentions(s.error(), "only multiples of"));
}
