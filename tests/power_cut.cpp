// The power goes at every system call of a change in place: what was not flushed is lost. The file
// system lies in an image file on XFS, whose blocks can be shared: a copy of the image at that
// moment, made in one step, is the disk as the machine finds it when it starts again.
#include <aka/edit_in_place.hpp>
#include <aka/mapped_file.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/mounts.hpp"
#include "support/opened.hpp"
#include "support/outcome.hpp"
#include "support/trace.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <unistd.h>
#endif

namespace test_power_cut {

namespace {

namespace fs = std::filesystem;

bool sh(const std::string& command) {
    return test::run_program("PATH=$PATH:/usr/sbin:/sbin; " + command).exit_code == 0;
}
std::string q(const fs::path& p) { return test::shell_quote(p.string()); }

// What a reader finds: the two files as one text, or the error.
std::string opened(const fs::path& folder) {
    std::string all;
    for (const char* name : {"b", "a"}) {
        const std::string s = test::read_opened(folder / name);
        if (s.compare(0, 7, "error: ") == 0) return s;
        all = s + all;
    }
    return all;
}

struct disk {
    fs::path image, at;
    bool mount() const { return sh("mount -o loop " + q(image) + " " + q(at)); }
    void unmount() const { sh("umount " + q(at)); }
};

void cut_everywhere(const std::string& kind) {
    const test::mounted store("xfs", 1500);
    if (!store) SKIP_TEST(store.why());
    const test::temp_folder folder;
    const disk used{store / "used", folder / "used"}, cut{store / "cut", folder / "cut"};
    const fs::path fresh = store / "fresh";
    fs::create_directory(used.at);
    fs::create_directory(cut.at);
    test::write_file(used.image, "");
    fs::resize_file(used.image, static_cast<std::uintmax_t>(kind == "xfs" ? 320 : 48) << 20);
    if (!sh("mkfs." + kind + (kind == "ext4" ? " -q -F " : " -q ") + q(used.image)) ||
        !used.mount())
        SKIP_TEST(kind + " cannot be mounted in an image here");

    // Files of many extents, so that an insertion is many steps.
    const std::string a = test::random_bytes(300000, 1), b = test::random_bytes(2 << 20, 2);
    test::write_file(used.at / "a", a);
    test::write_file(used.at / "b", "");
    for (std::size_t at = 0; at < b.size(); at += 65536) {
        std::ofstream(used.at / "b", std::ios::binary | std::ios::app).write(b.data() + at, 65536);
        std::ofstream(used.at / "between", std::ios::binary | std::ios::app)
            .write(b.data() + at, 4096);
        sh("sync -f " + q(used.at));
    }
    const auto step = aka::edit_in_place::growth_step(used.at / "a");
    if (!step || *step == 0) {
        used.unmount();
        SKIP_TEST(kind + " does not insert ranges here");
    }
    used.unmount();
    const auto snapshot = [&](const fs::path& from, const fs::path& to) {
        return sh("cp --reflink=always " + q(from) + " " + q(to));
    };
    REQUIRE(snapshot(used.image, fresh));

    const std::string head_a = test::random_bytes(5000 + static_cast<std::size_t>(*step), 3),
                      head_b = test::random_bytes(7000 + 2 * static_cast<std::size_t>(*step), 4);
    const std::string before = a + b, after = head_a + a.substr(5000) + head_b + b.substr(7000);
    const auto change = [&] {
        aka::edit_in_place edit;
        aka::status s =
            edit.replace_head(used.at / "a", 5000, aka::as_bytes(std::string_view(head_a)));
        if (s) s = edit.replace_head(used.at / "b", 7000, aka::as_bytes(std::string_view(head_b)));
        if (s) s = edit.commit();
        return s ? 0 : 1;
    };
    int as_old = 0, as_new = 0, neither = 0, calls = 1;
    for (int at = 0; at < calls; ++at) {
        REQUIRE(snapshot(fresh, used.image));
        REQUIRE(used.mount());
        // The last run is not killed: after commit nothing may be lost.
        const test::traced r = test::run_traced(
            change, at + 1 < calls || at == 0 ? test::fault::kill_after : test::fault::none, at);
        if (!r.ran) {
            used.unmount();
            SKIP_TEST("this system does not trace processes");
        }
        const bool copied = snapshot(used.image, cut.image);
        used.unmount();
        REQUIRE(copied);
        if (at == 0) {
            REQUIRE(snapshot(fresh, used.image));
            REQUIRE(used.mount());
            calls = test::run_traced(change).calls + 1;
            used.unmount();
        }
        REQUIRE(cut.mount());
        const std::string now = opened(cut.at);
        as_old += now == before;
        as_new += now == after;
        if (now != before && now != after) ++neither;
        CHECK_MESSAGE((now == before || now == after),
                      kind << ", cut at call " << at << " of " << calls << ": "
                           << now.substr(0, now.find('\0')).substr(0, 300));
        if (r.exit_code == 0) CHECK(now == after);
        cut.unmount();
    }
    CHECK(as_old > 0);
    CHECK(as_new > 0);
    MESSAGE(kind << ": power cut after each of " << calls << " system calls: old " << as_old
                 << ", new " << as_new << ", neither " << neither);
}

}  // namespace

TEST_CASE("power cut: ext4") { cut_everywhere("ext4"); }
TEST_CASE("power cut: XFS") { cut_everywhere("xfs"); }

}  // namespace test_power_cut
