// Beginnings of files replaced where they lie: what is refused, and what is there afterwards.
#include <aka/edit_in_place.hpp>
#include <aka/mapped_file.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/mounts.hpp"
#include "support/opened.hpp"
#include "support/outcome.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace test_edit_in_place {

namespace {

using aka::edit_in_place;

aka::byte_span bytes_of(std::string_view s) { return aka::as_bytes(s); }

}  // namespace

TEST_CASE("edit in place: a beginning of the same size") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(1 << 20);
    for (const std::size_t head : {std::size_t{1}, std::size_t{4095}, std::size_t{4096},
                                   std::size_t{5000}, old.size() - 1, old.size()}) {
        CAPTURE(head);
        test::write_file(folder / "a", old);
        const std::string to = test::random_bytes(head, 2);
        edit_in_place edit;
        CHECK_OK(edit.replace_head(folder / "a", head, bytes_of(to)));
        const bool untouched = test::read_file(folder / "a") == old;
        CHECK(untouched);
        CHECK_OK(edit.commit());
        CHECK(edit.empty());
        const bool same = test::read_file(folder / "a") == to + old.substr(head);
        CHECK(same);
        CHECK(test::entries(folder.path()) == 1);
    }
}

TEST_CASE("edit in place: a beginning that grows") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes((1 << 20) + 77);
    test::write_file(folder / "a", old);
    const auto step = edit_in_place::growth_step(folder / "a");
    REQUIRE_OK(step);
    if (*step == 0) {
        const std::string to = test::random_bytes(5000 + 4096, 2);
        edit_in_place edit;
        const aka::status s = edit.replace_head(folder / "a", 5000, bytes_of(to));
        CHECK_REFUSED(s, unsupported);
        SKIP_TEST("the file system of the temporary folder does not insert ranges");
    }
    for (const std::size_t head : {std::size_t{1}, std::size_t{4096}, std::size_t{5000}}) {
        for (const std::size_t more : {std::size_t{1}, std::size_t{3}}) {
            CAPTURE(head);
            test::write_file(folder / "a", old);
            const std::string to =
                test::random_bytes(head + more * static_cast<std::size_t>(*step), 2);
            edit_in_place edit;
            CHECK_OK(edit.replace_head(folder / "a", head, bytes_of(to)));
            CHECK_OK(edit.commit());
            const bool same = test::read_file(folder / "a") == to + old.substr(head);
            CHECK(same);
            CHECK(test::entries(folder.path()) == 1);
        }
    }
    // Not by less than a block.
    const std::string odd = test::random_bytes(5000 + 100, 2);
    edit_in_place edit;
    const aka::status s = edit.replace_head(folder / "a", 5000, bytes_of(odd));
    CHECK_REFUSED(s, unsupported);
    CHECK(test::mentions(s.error(), "only multiples of"));
}

TEST_CASE("edit in place: a small file as a whole") {
    const test::temp_folder folder;
    for (const std::size_t n : {std::size_t{0}, std::size_t{10}, std::size_t{70000}}) {
        test::write_file(folder / "index", test::random_bytes(20000));
        const std::string to = test::random_bytes(n, 3);
        edit_in_place edit;
        CHECK_OK(edit.replace_file(folder / "index", bytes_of(to)));
        CHECK_OK(edit.commit());
        CHECK(test::read_file(folder / "index") == to);
    }
    CHECK(test::entries(folder.path()) == 1);
}

TEST_CASE("edit in place: what is refused touches nothing") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000), head = test::random_bytes(5000, 2);
    test::write_file(folder / "a", old);
    const auto refused = [&](const std::filesystem::path& p, std::size_t n, std::string_view to) {
        edit_in_place edit;
        const aka::status s = edit.replace_head(p, n, bytes_of(to));
        CHECK(edit.empty());
        CHECK_OK(edit.commit());  // of nothing
        return s;
    };
    CHECK_REFUSED(refused(folder / "none", 5000, head), missing_file);
    CHECK_REFUSED(refused(folder.path(), 5000, head), cannot_write);
    CHECK_REFUSED(refused(folder / "a", 5001, head), wrong_size);
    CHECK_REFUSED(refused(folder / "a", 100001, head), out_of_range);
    std::filesystem::create_directory(folder / "sub");
    test::write_file(folder / "sub" / "b", old);
    {
        edit_in_place edit;
        CHECK_OK(edit.replace_head(folder / "a", 5000, bytes_of(head)));
        CHECK_REFUSED(edit.replace_head(folder / "sub" / "b", 5000, bytes_of(head)), unsupported);
        CHECK_REFUSED(edit.replace_head(folder / "a", 5000, bytes_of(head)), in_use);
        CHECK(edit.size() == 1);
    }
    CHECK(test::read_file(folder / "a") == old);
    CHECK(test::entries(folder.path()) == 2);
#if !defined(_WIN32)
    std::filesystem::create_hard_link(folder / "a", folder / "second");
    const aka::status linked = refused(folder / "a", 5000, head);
    CHECK_REFUSED(linked, unsupported);
    CHECK(test::mentions(linked.error(), "hard links"));
#endif
}

TEST_CASE("edit in place: memory that runs out leaves the old file") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000), head = test::random_bytes(5000, 2);
    for (std::uint64_t k = 0;; ++k) {
        CAPTURE(k);
        REQUIRE(k < 100);
        test::write_file(folder / "a", old);
        test::alloc_scope scope;
        scope.fail_at(k);
        edit_in_place edit;
        aka::status s = edit.replace_head(folder / "a", 5000, bytes_of(head));
        if (s) s = edit.commit();
        scope.lift();
        const std::string now = test::read_file(folder / "a");
        CHECK(test::entries(folder.path()) == 1);
        if (s) {
            CHECK(now == head + old.substr(5000));
            if (scope.refused() == 0) break;
        } else {
            CHECK_REFUSED(s, out_of_memory);
            CHECK(now == old);
        }
    }
}

#if !defined(_WIN32)

TEST_CASE("edit in place: links lead to the file") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000), head = test::random_bytes(5000, 2);
    std::filesystem::create_directory(folder / "blobs");
    std::filesystem::create_directory(folder / "names");
    test::write_file(folder / "blobs" / "x", old);
    std::filesystem::create_symlink("../blobs/x", folder / "names" / "model");
    edit_in_place edit;
    CHECK_OK(edit.replace_head(folder / "names" / "model", 5000, bytes_of(head)));
    CHECK_OK(edit.commit());
    CHECK(std::filesystem::is_symlink(folder / "names" / "model"));
    CHECK(test::read_file(folder / "blobs" / "x") == head + old.substr(5000));
    CHECK(test::entries(folder / "names") == 1);
    CHECK(test::entries(folder / "blobs") == 1);
}

TEST_CASE("edit in place: permissions and owner stay, the journal goes") {
    const test::temp_folder folder;
    test::write_file(folder / "a", test::random_bytes(100000));
    REQUIRE(::chmod((folder / "a").c_str(), 0640) == 0);
    const std::string head = test::random_bytes(5000, 2);
    edit_in_place edit;
    CHECK_OK(edit.replace_head(folder / "a", 5000, bytes_of(head)));
    CHECK_OK(edit.commit());
    struct stat st;
    REQUIRE(::stat((folder / "a").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0640);
}

TEST_CASE("edit in place: one at a time") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000), head = test::random_bytes(5000, 2);
    test::write_file(folder / "a", old);
    edit_in_place first, second;
    CHECK_OK(first.replace_head(folder / "a", 5000, bytes_of(head)));
    CHECK_REFUSED(second.replace_head(folder / "a", 5000, bytes_of(head)), in_use);
    first.clear();
    CHECK_OK(second.replace_head(folder / "a", 5000, bytes_of(head)));
    CHECK_OK(second.commit());
    // A reader waits for who works on a journal, and then says so.
    test::write_file(folder / "a.aka-journal", "not whole");
    const int lock = ::open((folder / "a").c_str(), O_RDONLY);
    REQUIRE(::flock(lock, LOCK_EX) == 0);
    CHECK_REFUSED(aka::mapped_file::open(folder / "a"), in_use);
    ::close(lock);
    CHECK_OK(aka::mapped_file::open(folder / "a"));
    CHECK(test::entries(folder.path()) == 1);
}

#endif

// ---- journals that others left -----------------------------------------------------------------

namespace {

// As the comment in journal.hpp has it, by hand: one file, its head of whole blocks.
struct journal_text {
    std::uint64_t inode = 0, old_size = 0, new_size = 0;
    std::string old_head, new_head, name;

    std::string text() const {
        test::bytes_builder b;
        const std::uint64_t front = 32 + 88 + name.size();
        const std::uint64_t size = front + old_head.size() + new_head.size() + 8;
        b.put_raw("akajrnl1").put_u64(size).put_u64(1).put_u64(name.size());
        for (const std::uint64_t v :
             {inode, old_size, new_size, std::uint64_t{old_head.size()},
              std::uint64_t{new_head.size()}, front, front + old_head.size(), front,
              std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{name.size()}})
            b.put_u64(v);
        b.put_raw(name).put_raw(old_head).put_raw(new_head);
        std::string s = b.str();
        std::uint64_t hash = 0x616b612d6a726e6c;
        const auto mix = [&](std::uint64_t word) {
            hash = (hash ^ word) * 0x9e3779b97f4a7c15;
            hash ^= hash >> 29;
        };
        for (std::size_t i = 0; i < s.size() / 8 * 8; i += 8) {
            std::uint64_t word = 0;
            for (std::size_t k = 0; k < 8; ++k)
                word |= std::uint64_t{static_cast<unsigned char>(s[i + k])} << (8 * k);
            mix(word);
        }
        std::uint64_t word = 0;
        for (std::size_t i = s.size() / 8 * 8; i < s.size(); ++i)
            word |= std::uint64_t{static_cast<unsigned char>(s[i])} << (8 * (i % 8));
        mix(word);
        mix(s.size());
        test::bytes_builder end;
        end.put_u64(hash);
        return s + end.str();
    }
};

#if !defined(_WIN32)
std::uint64_t inode_of(const std::filesystem::path& p) {
    struct stat st;
    REQUIRE(::stat(p.c_str(), &st) == 0);
    return st.st_ino;
}
#endif

}  // namespace

#if !defined(_WIN32)

TEST_CASE("journal: a whole one is carried out, one that is cut off is removed") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000), head = test::random_bytes(8192, 2);
    test::write_file(folder / "a", old);
    journal_text j;
    j.inode = inode_of(folder / "a");
    j.old_size = j.new_size = old.size();
    j.old_head = old.substr(0, 8192);
    j.new_head = head;
    j.name = "a";
    const std::string text = j.text();
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{39}, std::size_t{40},
                                text.size() / 2, text.size() - 1}) {
        test::write_file(folder / "a.aka-journal", text.substr(0, n));
        const auto r = aka::recover(folder / "a");
        REQUIRE_OK(r);
        CHECK(*r == aka::recovery::cleared);
        CHECK(test::read_file(folder / "a") == old);
        CHECK(test::entries(folder.path()) == 1);
    }
    // Right in size, wrong in one bit, or with what a crash leaves in its place.
    for (const std::size_t at : {std::size_t{9}, std::size_t{50}, std::size_t{5000}}) {
        std::string bad = text;
        bad[at] = static_cast<char>(bad[at] ^ 4);
        test::write_file(folder / "a.aka-journal", bad);
        CHECK_OK(aka::mapped_file::open(folder / "a"));
        CHECK(test::read_file(folder / "a") == old);
        CHECK(test::entries(folder.path()) == 1);
    }
    test::write_file(folder / "a.aka-journal", std::string(text.size(), '\0'));
    CHECK_OK(aka::mapped_file::open(folder / "a"));
    CHECK(test::read_file(folder / "a") == old);

    test::write_file(folder / "a.aka-journal", text);
    const auto r = aka::recover(folder / "a");
    REQUIRE_OK(r);
    CHECK(*r == aka::recovery::finished);
    CHECK(test::read_file(folder / "a") == head + old.substr(8192));
    CHECK(test::entries(folder.path()) == 1);
    const auto nothing = aka::recover(folder / "a");
    REQUIRE_OK(nothing);
    CHECK(*nothing == aka::recovery::nothing);
}

TEST_CASE("journal: found behind any chain of links, and where the name is relative") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(20000), head = test::random_bytes(8192, 2);
    namespace fs = std::filesystem;
    for (const char* name : {"blobs", "blobs/deep", "names"}) fs::create_directory(folder / name);
    test::write_file(folder / "blobs/deep/a", old);
    journal_text j;
    j.inode = inode_of(folder / "blobs/deep/a");
    j.old_size = j.new_size = old.size();
    j.old_head = old.substr(0, 8192);
    j.new_head = head;
    j.name = "a";
    fs::create_symlink("blobs/deep", folder / "folder");
    fs::create_symlink("../folder/a", folder / "names/one");           // through a linked folder
    fs::create_symlink("one", folder / "names/two");                   // a link to a link
    fs::create_symlink(folder / "names/two", folder / "names/three");  // from the root
    fs::create_symlink("round", folder / "names/round");
    fs::create_symlink("nothing", folder / "names/dangling");

    const fs::path before = fs::current_path();
    fs::current_path(folder / "names");
    fs::create_symlink("names/one", folder / "four");
    for (const fs::path& name :
         {folder / "names/one", folder / "names/two", folder / "names/three", folder / "folder/a",
          fs::path("one"), fs::path("three"), fs::path("../four"), fs::path("./two")}) {
        CAPTURE(name);
        test::write_file(folder / "blobs/deep/a", old);
        test::write_file(folder / "blobs/deep/a.aka-journal", j.text());
        CHECK_OK(aka::mapped_file::open(name));
        CHECK(test::read_file(folder / "blobs/deep/a") == head + old.substr(8192));
        CHECK(test::entries(folder / "blobs/deep") == 1);
    }
    fs::current_path(folder / "blobs/deep");
    test::write_file("a", old);
    test::write_file("a.aka-journal", j.text());
    const auto r = aka::recover("a");
    fs::current_path(before);
    REQUIRE_OK(r);
    CHECK(*r == aka::recovery::finished);
    CHECK_REFUSED(aka::recover(folder / "names/round"), cannot_open);
    CHECK_REFUSED(aka::recover(folder / "names/dangling"), missing_file);
}

TEST_CASE("journal: of another file, it touches nothing and says so") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000);
    test::write_file(folder / "a", old);
    test::write_file(folder / "b", old);
    const auto refused = [&](journal_text j, std::string_view why) {
        j.old_head = old.substr(0, 8192);
        j.new_head = test::random_bytes(8192, 2);
        test::write_file(folder / "a.aka-journal", j.text());
        for (int i = 0; i < 2; ++i) {
            const auto r = aka::mapped_file::open(folder / "a");
            CHECK_REFUSED(r, interrupted);
            CHECK_MESSAGE(test::mentions(r.error(), why), test::said(r));
            CHECK(test::mentions(r.error(), "a.aka-journal"));
            CHECK(test::read_file(folder / "a") == old);
            CHECK(test::read_file(folder / "b") == old);
        }
    };
    journal_text j;
    j.name = "a";
    j.inode = inode_of(folder / "b");
    j.old_size = j.new_size = old.size();
    refused(j, "of another file");
    j.inode = inode_of(folder / "a");
    j.old_size = j.new_size = old.size() + 1;
    refused(j, "its size has changed");
    j.name = "gone";
    refused(j, "gone");
    std::filesystem::remove(folder / "a.aka-journal");
    CHECK_OK(aka::mapped_file::open(folder / "a"));
}

TEST_CASE("journal: it does not reach out of its folder") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000);
    std::filesystem::create_directory(folder / "in");
    test::write_file(folder / "in" / "a", old);
    test::write_file(folder / "victim", old);
    for (const char* name : {"../victim", "..", ".", "", "/etc/hostname"}) {
        journal_text j;
        j.name = name;
        j.inode = inode_of(folder / "victim");
        j.old_size = j.new_size = old.size();
        j.old_head = old.substr(0, 8192);
        j.new_head = test::random_bytes(8192, 2);
        test::write_file(folder / "in" / "a.aka-journal", j.text());
        CHECK_OK(aka::mapped_file::open(folder / "in" / "a"));  // not one of aka's: removed
        CHECK(test::read_file(folder / "victim") == old);
    }
    // Neither by a link as the file, nor by a link as the journal.
    std::filesystem::create_symlink("../victim", folder / "in" / "link");
    journal_text j;
    j.name = "link";
    j.inode = inode_of(folder / "victim");
    j.old_size = j.new_size = old.size();
    j.old_head = old.substr(0, 8192);
    j.new_head = test::random_bytes(8192, 2);
    test::write_file(folder / "in" / "a.aka-journal", j.text());
    CHECK_REFUSED(aka::mapped_file::open(folder / "in" / "a"), interrupted);
    std::filesystem::remove(folder / "in" / "a.aka-journal");
    j.name = "victim";
    test::write_file(folder / "victim.aka-journal", j.text());
    std::filesystem::create_symlink("../victim.aka-journal", folder / "in" / "a.aka-journal");
    CHECK_REFUSED(aka::mapped_file::open(folder / "in" / "a"), interrupted);
    CHECK(test::read_file(folder / "victim") == old);
}

TEST_CASE("journal: a link without its journal is nothing, and is removed by the next change") {
    const test::temp_folder folder;
    const std::string old = test::random_bytes(100000), head = test::random_bytes(5000, 2);
    test::write_file(folder / "a", old);
    std::filesystem::create_symlink("b.aka-journal", folder / "a.aka-journal");
    CHECK_OK(aka::mapped_file::open(folder / "a"));
    edit_in_place edit;
    CHECK_OK(edit.replace_head(folder / "a", 5000, bytes_of(head)));
    CHECK_OK(edit.commit());
    CHECK(test::entries(folder.path()) == 1);
}

TEST_CASE("edit in place: a read-only file system, a folder that nobody may change") {
    const std::string old = test::random_bytes(100000), head = test::random_bytes(5000, 2);
    {
        const test::mounted disk("tmpfs", 4);
        if (!disk) SKIP_TEST(disk.why());
        test::write_file(disk / "a", old);
        test::write_file(disk / "b", old);
        std::filesystem::create_symlink("b.aka-journal", disk / "a.aka-journal");
        test::write_file(disk / "b.aka-journal", "cut off");
        if (!disk.make_read_only()) SKIP_TEST("cannot be made read-only");
        edit_in_place edit;
        const aka::status s = edit.replace_head(disk / "a", 5000, bytes_of(head));
        CHECK_REFUSED(s, cannot_write);
        CHECK(s.error().os_error() == EROFS);
        // A change that never began need not be cleared away to read the file.
        CHECK_OK(aka::mapped_file::open(disk / "a"));
        CHECK(test::read_file(disk / "a") == old);
    }
    const test::mounted disk("ext4", 16);
    if (!disk) SKIP_TEST(disk.why());
    std::filesystem::create_directory(disk / "in");
    test::write_file(disk / "in" / "a", old);
    const std::string in = test::shell_quote((disk / "in").string());
    if (test::run_program("chattr +i " + in).exit_code != 0) SKIP_TEST("no chattr");
    edit_in_place edit;
    CHECK_OK(edit.replace_head(disk / "in" / "a", 5000, bytes_of(head)));
    const aka::status s = edit.commit();
    test::run_program("chattr -i " + in);
    CHECK_REFUSED(s, cannot_write);
    CHECK(test::mentions(s.error(), "journal"));
    CHECK(test::read_file(disk / "in" / "a") == old);
    CHECK(test::entries(disk / "in") == 1);
}

TEST_CASE("edit in place: an interrupted change that the reader may not finish") {
    const test::mounted disk("tmpfs", 4);
    if (!disk) SKIP_TEST(disk.why());
    const std::string old = test::random_bytes(100000);
    test::write_file(disk / "a", old);
    journal_text j;
    j.inode = inode_of(disk / "a");
    j.old_size = j.new_size = old.size();
    j.old_head = old.substr(0, 8192);
    j.new_head = test::random_bytes(8192, 2);
    j.name = "a";
    test::write_file(disk / "a.aka-journal", j.text());
    if (!disk.make_read_only()) SKIP_TEST("cannot be made read-only");
    const auto r = aka::mapped_file::open(disk / "a");
    CHECK_REFUSED(r, interrupted);
    CHECK(r.error().os_error() == EROFS);
    CHECK(test::mentions(r.error(), "somebody who may write it"));
}

// Every way of a disk that fills up: the old files are there, and nothing else.
TEST_CASE("edit in place: a full disk") {
    for (const char* kind : {"tmpfs", "ext4"}) {
        CAPTURE(kind);
        const test::mounted disk(kind, 16);
        if (!disk) SKIP_TEST(disk.why());
        const std::string old = test::random_bytes(1 << 20), head = test::random_bytes(400000, 2);
        test::write_file(disk / "a", old);
        test::write_file(disk / "b", old);
        const std::size_t before = test::entries(disk.path());
        // The rest is filled but for a few blocks, fewer each time.
        for (const std::size_t left : {3000000u, 1700000u, 900000u, 500000u, 40000u, 0u}) {
            std::error_code ignored;
            const std::size_t free = std::filesystem::space(disk.path(), ignored).available;
            if (free < left) continue;
            try {
                test::write_file(disk / "filler", std::string(free - left, 'x'));
            } catch (const std::exception&) {
            }
            edit_in_place edit;
            CHECK_OK(edit.replace_head(disk / "a", 400000, bytes_of(head)));
            CHECK_OK(edit.replace_head(disk / "b", 400000, bytes_of(head)));
            const aka::status s = edit.commit();
            const bool is_new = test::read_file(disk / "a") == head + old.substr(400000) &&
                                test::read_file(disk / "b") == head + old.substr(400000);
            const bool is_old =
                test::read_file(disk / "a") == old && test::read_file(disk / "b") == old;
            if (s) CHECK(is_new);
            if (!s) CHECK_REFUSED(s, no_space);
            if (!s) CHECK(is_old);
            if (left == 0) CHECK(!s);
            std::filesystem::remove(disk / "filler");
            CHECK(test::entries(disk.path()) == before);
            if (s) {
                test::write_file(disk / "a", old);
                test::write_file(disk / "b", old);
            }
        }
    }
}

TEST_CASE("edit in place: XFS, btrfs and tmpfs") {
    const std::string old = test::random_bytes((1 << 20) + 77);
    for (const char* kind : {"xfs", "btrfs", "tmpfs"}) {
        CAPTURE(kind);
        const test::mounted disk(kind, 400);
        if (!disk) SKIP_TEST(disk.why());
        test::write_file(disk / "a", old);
        const auto step = edit_in_place::growth_step(disk / "a");
        REQUIRE_OK(step);
        CHECK(*step == (std::string(kind) == "xfs" ? 4096 : 0));
        const std::string same = test::random_bytes(5000, 2),
                          more = test::random_bytes(5000 + 4096, 3);
        edit_in_place edit;
        CHECK_OK(edit.replace_head(disk / "a", 5000, bytes_of(same)));
        CHECK_OK(edit.commit());
        CHECK(test::read_file(disk / "a") == same + old.substr(5000));
        const aka::status s = edit.replace_head(disk / "a", 5000, bytes_of(more));
        if (*step == 0) {
            CHECK_REFUSED(s, unsupported);
            CHECK(test::mentions(s.error(), "write the file elsewhere"));
            continue;
        }
        CHECK_OK(s);
        CHECK_OK(edit.commit());
        CHECK(test::read_file(disk / "a") == more + old.substr(5000));
    }
}

#endif

}  // namespace test_edit_in_place
