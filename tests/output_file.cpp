// New files: whole or not at all, with the source's permissions, and never over what is there.
#include <aka/output_file.hpp>
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

#if !defined(_WIN32)
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace test_output_file {

namespace {

using aka::mapped_file;
using aka::output_file;
using aka::output_options;
using way = aka::access;

aka::byte_span bytes_of(std::string_view s) { return aka::as_bytes(s); }

output_file created(const std::filesystem::path& p, const output_options& o = {}) {
    aka::result<output_file> r = output_file::create(p, o);
    REQUIRE_OK(r);
    return std::move(*r.get_if());
}

}  // namespace

TEST_CASE("output file: written in any order, and nothing is there before commit") {
    const test::temp_folder folder;
    const std::string all = test::random_bytes(3 << 20);
    {
        output_file f = created(folder / "a");
        CHECK_OK(f.write(1 << 20, bytes_of(std::string_view(all).substr(1 << 20))));
        CHECK_OK(f.write(0, bytes_of(std::string_view(all).substr(0, 1 << 20))));
        CHECK(!std::filesystem::exists(folder / "a"));
        CHECK_OK(f.commit());
        CHECK(f.bytes_copied() == all.size());
    }
    CHECK(test::read_file(folder / "a") == all);
    CHECK(test::entries(folder.path()) == 1);

    // Gaps are zeros, a given size is kept.
    output_options o;
    o.size = 10000;
    output_file f = created(folder / "b", o);
    CHECK_OK(f.write(5000, bytes_of("xyz")));
    CHECK_OK(f.commit());
    CHECK(test::read_file(folder / "b") ==
          std::string(5000, '\0') + "xyz" + std::string(4997, '\0'));
}

TEST_CASE("output file: given up, it leaves nothing") {
    const test::temp_folder folder;
    {
        output_file f = created(folder / "a");
        CHECK_OK(f.write(0, bytes_of("abc")));
        output_file moved = std::move(f);
        CHECK_OK(moved.flush());
        CHECK_REFUSED(f.flush(), no_data);
    }
    CHECK(test::entries(folder.path()) == 0);
    output_file f = created(folder / "a");
    f.discard();
    CHECK(test::entries(folder.path()) == 0);
    CHECK_REFUSED(f.commit(), no_data);
}

TEST_CASE("output file: what is there stays, unless it is to be replaced") {
    const test::temp_folder folder;
    test::write_file(folder / "a", "old");
    CHECK_REFUSED(output_file::create(folder / "a"), already_exists);
    CHECK_REFUSED(output_file::create(folder.path()), already_exists);
    CHECK_REFUSED(output_file::create(folder / "no" / "a"), missing_file);

    output_options o;
    o.replace = true;
    {
        output_file f = created(folder / "a", o);
        CHECK_OK(f.write(0, bytes_of("new")));
        CHECK(test::read_file(folder / "a") == "old");
    }
    CHECK(test::read_file(folder / "a") == "old");
    output_file f = created(folder / "a", o);
    CHECK_OK(f.write(0, bytes_of("newer")));
    CHECK_OK(f.commit());
    CHECK(test::read_file(folder / "a") == "newer");
    CHECK(test::entries(folder.path()) == 1);

    // One that came while it was written.
    output_file late = created(folder / "b");
    test::write_file(folder / "b", "first");
    CHECK_REFUSED(late.commit(), already_exists);
    late.discard();
    CHECK(test::read_file(folder / "b") == "first");
    CHECK(test::entries(folder.path()) == 2);
}

TEST_CASE("output file: ranges") {
    const test::temp_folder folder;
    test::write_file(folder / "source", test::random_bytes(1000));
    const mapped_file source = test::opened(folder / "source");
    output_options o;
    o.size = 100;
    output_file f = created(folder / "a", o);
    CHECK_REFUSED(f.write(98, bytes_of("xyz")), out_of_range);
    CHECK_REFUSED(f.write(~std::uint64_t{0}, bytes_of("xyz")), size_overflow);
    CHECK_REFUSED(f.copy(0, source, 990, 11), out_of_range);
    CHECK_REFUSED(f.copy(50, source, 0, 51), out_of_range);
    CHECK_OK(f.need_space(1));
    const aka::status full = f.need_space(std::uint64_t{1} << 60);
    CHECK_REFUSED(full, no_space);
    CHECK(test::mentions(full.error(), "1152921504606846976 bytes are needed"));
}

TEST_CASE("output file: copies of ranges, in every phase") {
    const test::temp_folder folder;
    const std::string all = test::random_bytes(5 << 20);
    test::write_file(folder / "source", all);
    for (const way how : {way::map, way::read}) {
        const mapped_file source = test::opened(folder / "source", how);
        for (const std::uint64_t shift : {0u, 8u, 4096u, 4104u}) {
            CAPTURE(shift);
            output_file f = created(folder / "copy");
            CHECK_OK(f.copy(shift, source, 0, 1000));
            CHECK_OK(f.copy(shift + 1000, source, 1000, all.size() - 1001));
            CHECK_OK(f.copy(shift + all.size() - 1, source, all.size() - 1, 1));
            CHECK(f.bytes_copied() + f.bytes_shared() == all.size());
            CHECK_OK(f.commit());
            const bool same = test::read_file(folder / "copy").substr(shift) == all;
            CHECK(same);
            std::filesystem::remove(folder / "copy");
        }
    }
    // From memory, and from a descriptor that was given back.
    output_file f = created(folder / "copy");
    const mapped_file memory = mapped_file::memory(bytes_of(all));
    mapped_file closed = test::opened(folder / "source");
    closed.close_descriptor();
    CHECK_OK(f.copy(0, memory, 7, 100));
    CHECK_OK(f.copy(100, closed, 107, all.size() - 107));
    CHECK_OK(f.commit());
    const bool same = test::read_file(folder / "copy") == all.substr(7);
    CHECK(same);
}

#if !defined(_WIN32)

TEST_CASE("output file: permissions of the source, the user's mask for others") {
    const test::temp_folder folder;
    test::write_file(folder / "source", "abc");
    const auto mode = [&](const std::string& name) {
        struct stat st;
        REQUIRE(::stat((folder / name).c_str(), &st) == 0);
        return st.st_mode & 07777;
    };
    for (const unsigned m : {0600u, 0640u, 0444u, 0664u}) {
        REQUIRE(::chmod((folder / "source").c_str(), m) == 0);
        const mapped_file source = test::opened(folder / "source");
        output_options o;
        o.like = &source;
        output_file f = created(folder / "copy", o);
        CHECK_OK(f.write(0, bytes_of("x")));
        CHECK_OK(f.commit());
        CHECK(mode("copy") == m);
        std::filesystem::remove(folder / "copy");
    }
    const mode_t old = ::umask(027);
    output_file f = created(folder / "other");
    ::umask(old);
    CHECK_OK(f.commit());
    CHECK(mode("other") == 0640);
}

TEST_CASE("output file: never made from the file it is to replace") {
    const test::temp_folder folder;
    test::write_file(folder / "a", test::random_bytes(100000));
    std::filesystem::create_hard_link(folder / "a", folder / "b");
    const mapped_file source = test::opened(folder / "a");
    output_options o;
    o.replace = true;
    for (const char* name : {"a", "b"}) {
        output_file f = created(folder / name, o);
        CHECK_REFUSED(f.copy(0, source, 0, 1000), in_use);
    }
    CHECK(test::read_file(folder / "a") == test::random_bytes(100000));
}

TEST_CASE("output file: a source that changes is noticed") {
    const test::temp_folder folder;
    test::write_file(folder / "source", test::random_bytes(100000));
    const mapped_file source = test::opened(folder / "source", way::read);
    output_file f = created(folder / "a");
    std::filesystem::resize_file(folder / "source", 50000);
    CHECK_REFUSED(f.copy(0, source, 0, 100000), file_changed);
}

TEST_CASE("output file: holes stay holes") {
    const test::temp_folder folder;
    test::write_file(folder / "source", test::random_bytes(4096));
    std::filesystem::resize_file(folder / "source", std::uintmax_t{8} << 30);
    aka::detail::file_stat st;  // also where stat itself has only 32 bits for a size
    REQUIRE(aka::detail::stat_name((folder / "source").c_str(), &st) == 0);
    if (st.st_blocks * 512 > (1 << 20)) SKIP_TEST("this file system has no sparse files");
    const mapped_file source = test::opened(folder / "source");
    output_options o;
    o.size = source.size() + 8;
    output_file f = created(folder / "copy", o);
    CHECK_OK(f.copy(8, source, 0, source.size()));
    CHECK_OK(f.commit());
    CHECK(f.bytes_skipped() + f.bytes_copied() == source.size());
    CHECK(f.bytes_copied() < (1 << 20));
    REQUIRE(aka::detail::stat_name((folder / "copy").c_str(), &st) == 0);
    CHECK(static_cast<std::uint64_t>(st.st_size) == source.size() + 8);
    CHECK(st.st_blocks * 512 < (1 << 20));
    const mapped_file copy = test::opened(folder / "copy", way::read);
    std::string head(4096, '\0');
    CHECK_OK(copy.read(8, {reinterpret_cast<std::byte*>(head.data()), head.size()}));
    CHECK(head == test::random_bytes(4096));
}

#endif

TEST_CASE("output set: in order, all or nothing") {
    const test::temp_folder folder;
    const auto filled = [&](const char* name) {
        output_file f = created(folder / name);
        CHECK_OK(f.write(0, bytes_of(name)));
        return f;
    };
    aka::output_set set;
    CHECK_OK(set.commit());
    for (const char* name : {"1", "2", "3", "4", "5", "index"}) CHECK_OK(set.add(filled(name)));
    CHECK(set.size() == 6);
    CHECK(set[5].path() == (folder / "index").string());
    for (const char* name : {"1", "index"}) CHECK(!std::filesystem::exists(folder / name));
    CHECK_OK(set.commit());
    CHECK(test::entries(folder.path()) == 6);
    CHECK(test::read_file(folder / "index") == "index");

    // The third is taken meanwhile: the first two go away again.
    const test::temp_folder other;
    aka::output_set second;
    for (const char* name : {"1", "2", "3", "index"}) {
        output_file f = created(other / name);
        CHECK_OK(second.add(std::move(f)));
    }
    test::write_file(other / "3", "somebody's");
    CHECK_REFUSED(second.commit(), already_exists);
    second.clear();
    CHECK(test::entries(other.path()) == 1);
    CHECK(test::read_file(other / "3") == "somebody's");
}

TEST_CASE("output file: a full disk") {
    const test::mounted disk("tmpfs", 4);
    if (!disk) SKIP_TEST(disk.why());
    const test::temp_folder folder;
    test::write_file(folder / "source", test::random_bytes(6 << 20));
    const mapped_file source = test::opened(folder / "source");
    output_file f = created(disk / "a");
    CHECK_REFUSED(f.need_space(6 << 20), no_space);
    CHECK_OK(f.need_space(1 << 20));
    CHECK_REFUSED(f.copy(0, source, 0, source.size()), no_space);
    f.discard();
    CHECK(test::entries(disk.path()) == 0);
    output_file g = created(disk / "a");
    CHECK_REFUSED(g.write(0, {source.data(), static_cast<std::size_t>(source.size())}), no_space);
    g.discard();
    CHECK(test::entries(disk.path()) == 0);
}

TEST_CASE("output file: a read-only file system") {
    const test::mounted disk("tmpfs", 4);
    if (!disk) SKIP_TEST(disk.why());
    test::write_file(disk / "a", "abc");
    if (!disk.make_read_only()) SKIP_TEST("cannot be made read-only");
    const auto r = output_file::create(disk / "b");
    CHECK_REFUSED(r, cannot_write);
    CHECK(r.error().os_error() == EROFS);
    CHECK(test::entries(disk.path()) == 1);
}

// The data's place in the file keeps its phase modulo the block: nearly all blocks are shared.
TEST_CASE("output file: shared blocks") {
    for (const char* kind : {"xfs", "btrfs"}) {
        CAPTURE(kind);
        const test::mounted disk(kind, 400);
        if (!disk) SKIP_TEST(disk.why());
        const std::string all = test::random_bytes((48 << 20) + 1234);
        test::write_file(disk / "source", all);
        const mapped_file source = test::opened(disk / "source");
        output_options o;
        o.size = all.size() + 4096;
        output_file f = created(disk / "copy", o);
        CHECK(f.shares_with(source));
        const std::string head = test::random_bytes(5000 + 4096, 2);
        CHECK_OK(f.write(0, bytes_of(head)));
        CHECK_OK(f.copy(5000 + 4096, source, 5000, all.size() - 5000));
        CHECK_OK(f.commit());
        CHECK(f.bytes_shared() >= all.size() - 16384);
        CHECK(f.bytes_copied() - head.size() <= 16384);
        CHECK(f.bytes_shared() + f.bytes_copied() == o.size);
        const bool same = test::read_file(disk / "copy") == head + all.substr(5000);
        CHECK(same);
        // Another phase: copied.
        output_file g = created(disk / "odd");
        CHECK_OK(g.copy(1, source, 0, all.size()));
        CHECK_OK(g.commit());
        CHECK(g.bytes_shared() == 0);
        const bool odd = test::read_file(disk / "odd").substr(1) == all;
        CHECK(odd);
        // Another file system: copied.
        const test::temp_folder folder;
        output_file h = created(folder / "copy");
        CHECK(!h.shares_with(source));
        CHECK_OK(h.copy(0, source, 0, all.size()));
        CHECK_OK(h.commit());
        CHECK(h.bytes_copied() == all.size());
        const bool far = test::read_file(folder / "copy") == all;
        CHECK(far);
        // What was tried leaves nothing: what is not written is zeros.
        output_options small;
        small.size = 8192;
        output_file z = created(disk / "zeros", small);
        CHECK(z.shares_with(source));
        CHECK_OK(z.commit());
        CHECK(test::read_file(disk / "zeros") == std::string(8192, '\0'));
    }
}

}  // namespace test_output_file
