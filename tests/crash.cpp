// Killed at every system call, and failed at each one that can fail: what is there afterwards, when
// it is opened again, is the old or the new, whole.
#include <aka/edit_in_place.hpp>
#include <aka/mapped_file.hpp>
#include <aka/output_file.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/opened.hpp"
#include "support/outcome.hpp"
#include "support/trace.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace test_crash {

namespace {

namespace fs = std::filesystem;
using test::fault;

using files = std::map<std::string, std::string>;  // name, contents

// One change of a folder: what is there before, what it does, what is there after.
struct scenario {
    files before, after;
    std::function<aka::status(const fs::path&)> change;
};

struct head {
    std::string name;
    std::size_t old_size;
    std::string bytes;
    bool whole = false;
};
scenario editing(const files& before, const std::vector<head>& heads) {
    scenario s;
    s.before = s.after = before;
    for (const head& h : heads) {
        std::string& f = s.after[h.name];
        f = h.bytes + (h.whole ? "" : f.substr(h.old_size));
    }
    s.change = [heads](const fs::path& folder) -> aka::status {
        aka::edit_in_place edit;
        for (const head& h : heads) {
            const aka::byte_span to = aka::as_bytes(std::string_view(h.bytes));
            const aka::status r = h.whole ? edit.replace_file(folder / h.name, to)
                                          : edit.replace_head(folder / h.name, h.old_size, to);
            if (!r) return r;
        }
        return edit.commit();
    };
    return s;
}

std::size_t step_of_temporary_folder() {
    const test::temp_folder folder;
    test::write_file(folder / "a", "abc");
    const auto r = aka::edit_in_place::growth_step(folder / "a");
    return r ? static_cast<std::size_t>(*r) : 0;
}

scenario same_size() {
    return editing({{"a", test::random_bytes(300000, 1)}},
                   {{"a", 5000, test::random_bytes(5000, 2)}});
}
scenario grown(std::size_t step) {
    return editing({{"a", test::random_bytes(300000, 1)}},
                   {{"a", 5000, test::random_bytes(5000 + step, 2)}});
}
scenario several(std::size_t step) {
    return editing({{"s1", test::random_bytes(100000, 1)},
                    {"s2", test::random_bytes(200000, 2)},
                    {"s3", test::random_bytes(50000, 3)},
                    {"index", test::random_bytes(3000, 4)},
                    {"other", "not touched"}},
                   {{"s1", 5000, test::random_bytes(5000 + step, 5)},
                    {"s2", 7000, test::random_bytes(7000, 6)},
                    {"s3", 100, test::random_bytes(100 + 2 * step, 7)},
                    {"index", 0, test::random_bytes(2500, 8), true}});
}
scenario copying(bool replace) {
    scenario s;
    const std::string source = test::random_bytes(std::size_t{5} << 18, 1);  // two buffers
    s.before = {{"source", source}};
    if (replace) s.before["target"] = "what was there";
    s.after = {{"source", source}, {"target", "head" + source}};
    s.change = [replace](const fs::path& folder) -> aka::status {
        const auto in = aka::mapped_file::open(folder / "source");
        if (!in) return in.error();
        aka::output_options o;
        o.like = in.get_if();
        o.size = 4 + in.get_if()->size();
        o.replace = replace;
        auto out = aka::output_file::create(folder / "target", o);
        if (!out) return out.error();
        aka::output_file& f = *out.get_if();
        if (aka::status r = f.need_space(o.size); !r) return r;
        if (aka::status r = f.write(0, aka::as_bytes(std::string_view("head"))); !r) return r;
        if (aka::status r = f.copy(4, *in.get_if(), 0, in.get_if()->size()); !r) return r;
        return f.commit();
    };
    return s;
}

void set_up(const fs::path& folder, const files& what) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    for (const auto& f : what) test::write_file(folder / f.first, f.second);
}
// All files that the scenario knows; one that is not there is left out.
files seen(const fs::path& folder, const scenario& s) {
    files r;
    for (const auto& f : s.after)
        if (fs::exists(folder / f.first)) r[f.first] = test::read_opened(folder / f.first);
    return r;
}
std::string outcome(const fs::path& folder, const scenario& s) {
    const files now = seen(folder, s);
    if (now == s.before) return "old";
    if (now == s.after) return "new";
    std::string text = "neither";
    for (const auto& f : now) {
        const auto b = s.before.find(f.first);
        text += "; " + f.first + " (" + std::to_string(f.second.size()) + ") ";
        text += b != s.before.end() && f.second == b->second ? "old"
                : f.second == s.after.at(f.first)            ? "new"
                                                             : f.second.substr(0, 200);
    }
    return text;
}
// Nothing of the change is left lying about. What may be: a link without its journal, and the
// temporary name that a file has for a moment when it is to replace another.
std::string litter(const fs::path& folder, const scenario& s) {
    for (const auto& e : fs::directory_iterator(folder)) {
        const std::string name = e.path().filename().string();
        const bool temporary = s.before.count("target") != 0 && name.substr(0, 5) == ".aka-";
        if (s.before.count(name) + s.after.count(name) == 0 && fs::exists(e.path()) && !temporary)
            return name;
    }
    return "";
}

int exit_code(const aka::status& s) { return s ? 0 : s.code() == aka::errc::interrupted ? 2 : 1; }

struct tally {
    int runs = 0, as_old = 0, as_new = 0;
};

// Killed before and after each system call of the change, and opened again.
void killed_everywhere(const std::string& name, const scenario& s) {
    const test::temp_folder root;
    const fs::path folder = root / "f";
    set_up(folder, s.before);
    const auto change = [&] { return exit_code(s.change(folder)); };
    const test::traced all = test::run_traced(change);
    if (!all.ran) SKIP_TEST("this system does not trace processes");
    REQUIRE(all.exit_code == 0);
    REQUIRE(outcome(folder, s) == "new");
    REQUIRE(litter(folder, s) == "");
    tally t;
    // Before the first, and after each: after one is before the next.
    for (int at = -1; at < all.calls; ++at) {
        set_up(folder, s.before);
        const test::traced r = test::run_traced(
            change, at < 0 ? fault::kill_before : fault::kill_after, at < 0 ? 0 : at);
        REQUIRE((r.exit_code == -1 || at + 1 >= r.calls));
        const std::string is = outcome(folder, s);
        CHECK_MESSAGE((is == "old" || is == "new"),
                      name << ", killed at call " << at << " of " << all.calls << ": " << is);
        CHECK(litter(folder, s) == "");
        ++t.runs;
        t.as_old += is == "old";
        t.as_new += is == "new";
        // And the change can be made after that.
        if (is == "old" && at % 4 == 0) {
            const aka::status again = s.change(folder);
            CHECK_OK(again);
            CHECK(outcome(folder, s) == "new");
            CHECK(litter(folder, s) == "");
        }
    }
    CHECK(t.as_old > 0);
    CHECK(t.as_new > 0);
    CHECK(t.as_old + t.as_new == t.runs);
    MESSAGE(name << ": killed at " << t.runs << " places of " << all.calls << " system calls: old "
                 << t.as_old << ", new " << t.as_new << ", neither "
                 << t.runs - t.as_old - t.as_new);
}

// An error of the system at each call that can have one.
void failed_everywhere(const std::string& name, const scenario& s, fault how, int error) {
    const test::temp_folder root;
    const fs::path folder = root / "f";
    const auto change = [&] { return exit_code(s.change(folder)); };
    tally t;
    int refused = 0, open_jobs = 0;
    for (int at = 0;; ++at) {
        set_up(folder, s.before);
        const test::traced r = test::run_traced(change, how, at, error);
        if (!r.ran) SKIP_TEST("this system does not trace processes");
        if (r.calls <= at) break;
        CAPTURE(name);
        CAPTURE(at);
        CAPTURE(error);
        REQUIRE(r.exit_code >= 0);
        // What was only interrupted, or done in part, is carried on.
        if (how == fault::cut_short || error == EINTR) CHECK(r.exit_code == 0);
        // Refused: all is as it was, without a reader's help. A name that cannot be removed or
        // flushed at the very end is refused too, when the change is done.
        const bool journal =
            fs::exists(folder / "a.aka-journal") || fs::exists(folder / "s1.aka-journal");
        const std::string is = outcome(folder, s);
        CHECK_MESSAGE((is == "old" || is == "new"), name << ", failed at " << at << ": " << is);
        if (r.exit_code == 0) CHECK(is == "new");
        if (journal) CHECK(r.exit_code == 2);
        CHECK(litter(folder, s) == "");
        ++t.runs;
        t.as_old += is == "old";
        t.as_new += is == "new";
        refused += r.exit_code == 1;
        open_jobs += r.exit_code == 2;
    }
    CHECK(t.as_old + t.as_new == t.runs);
    MESSAGE(name << ": "
                 << std::string(how == fault::cut_short   ? "short"
                                : how == fault::fail_once ? "error once "
                                                          : "error from then on ")
                 << error << " at " << t.runs << " places: old " << t.as_old << ", new " << t.as_new
                 << ", neither " << t.runs - t.as_old - t.as_new << "; refused " << refused
                 << ", left to the next "
                 << "open " << open_jobs);
}

void failed_everywhere(const std::string& name, const scenario& s) {
#if AKA_TEST_INJECT
    for (const int error : {ENOSPC, EIO}) {
        failed_everywhere(name, s, fault::fail_once, error);
        failed_everywhere(name, s, fault::fail_on, error);
    }
    failed_everywhere(name, s, fault::fail_once, EINTR);
    failed_everywhere(name, s, fault::cut_short, 0);
#else
    (void)name, (void)s;
    SKIP_TEST("errors of the system are injected on x86-64 Linux only");
#endif
}

}  // namespace

TEST_CASE("crash: a beginning of the same size") { killed_everywhere("same size", same_size()); }

TEST_CASE("crash: a beginning that grows") {
    const std::size_t step = step_of_temporary_folder();
    if (step == 0) SKIP_TEST("the temporary folder's file system does not insert ranges");
    killed_everywhere("grown", grown(step));
}

TEST_CASE("crash: several files at once") {
    killed_everywhere("several files", several(step_of_temporary_folder()));
}

TEST_CASE("crash: a copy") {
    killed_everywhere("copy", copying(false));
    killed_everywhere("copy over another", copying(true));
}

TEST_CASE("crash: recovery is killed as well") {
    const std::size_t step = step_of_temporary_folder();
    const scenario s = several(step);
    const test::temp_folder root;
    const fs::path folder = root / "f";
    const auto change = [&] { return exit_code(s.change(folder)); };
    const auto open_one = [&] { return aka::mapped_file::open(folder / "s2") ? 0 : 1; };
    set_up(folder, s.before);
    const test::traced all = test::run_traced(change);
    if (!all.ran) SKIP_TEST("this system does not trace processes");
    tally t;
    // Every seventh place of the change, every third of what opening does then.
    for (int at = 0; at < all.calls; at += 7) {
        for (int again = 0;; again += 3) {
            set_up(folder, s.before);
            test::run_traced(change, fault::kill_after, at);
            const test::traced r = test::run_traced(open_one, fault::kill_before, again);
            const std::string is = outcome(folder, s);
            CHECK_MESSAGE((is == "old" || is == "new"),
                          "killed at " << at << ", then at " << again << ": " << is);
            CHECK(litter(folder, s) == "");
            ++t.runs;
            t.as_old += is == "old";
            t.as_new += is == "new";
            if (r.exit_code >= 0) break;
        }
    }
    CHECK(t.as_old + t.as_new == t.runs);
    MESSAGE("killed twice: " << t.runs << " times: old " << t.as_old << ", new " << t.as_new);
}

#if defined(__linux__) && defined(FALLOC_FL_INSERT_RANGE)

// On the disk an insertion moves one extent after the other, the last first, and the new size comes
// before all: where the power goes in between, the file has its start, a gap, and a moved rest. The
// same as room inserted in the middle.
TEST_CASE("crash: an insertion that came halfway") {
    const std::size_t step = step_of_temporary_folder();
    if (step == 0) SKIP_TEST("the temporary folder's file system does not insert ranges");
    const scenario s = grown(step);
    const test::temp_folder root;
    const fs::path folder = root / "f", journal = folder / "a.aka-journal";
    const std::size_t size = s.before.at("a").size(), front = 8192;
    const auto change = [&] { return exit_code(s.change(folder)); };
    if (!test::run_traced([] { return 0; }).ran) SKIP_TEST("this system does not trace processes");
    // Killed when the journal is there and the file not yet touched: two calls are enough, but the
    // allocator's own make their number vary.
    int last = 60;
    const auto left = [&](std::uint64_t gap) {
        for (int at = last + 2;; --at) {
            REQUIRE(at >= 0);
            last = at;
            set_up(folder, s.before);
            test::run_traced(change, fault::kill_after, at);
            if (fs::exists(journal) && fs::file_size(folder / "a") == size) break;
        }
        if (gap >= size) return fs::resize_file(folder / "a", size + step);
        const int fd = ::open((folder / "a").c_str(), O_RDWR);
        REQUIRE(::fallocate(fd, FALLOC_FL_INSERT_RANGE, static_cast<off_t>(gap),
                            static_cast<off_t>(step)) == 0);
        ::close(fd);
    };
    for (std::uint64_t gap = 0; gap < size + step; gap += 5 * step) {
        CAPTURE(gap);
        left(gap);
        CHECK(outcome(folder, s) == "new");
        CHECK(litter(folder, s) == "");
    }
    // And one more crash at each call of the recovery.
    for (int again = 0;; ++again) {
        left(front + 5 * step);
        const test::traced r = test::run_traced(
            [&] { return aka::mapped_file::open(folder / "a") ? 0 : 1; }, fault::kill_after, again);
        CHECK(outcome(folder, s) == "new");
        if (r.exit_code >= 0) break;
    }
    // Blocks that are others than the journal says: nothing is touched.
    left(front + 5 * step);
    fs::copy_file(folder / "a", folder / "copy");
    {
        const std::string bytes = test::read_file(folder / "copy");
        const int fd = ::open((folder / "a").c_str(), O_RDWR);
        REQUIRE(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 40960, 8192) == 0);
        ::close(fd);
        const std::string punched = test::read_file(folder / "a");
        const auto r = aka::mapped_file::open(folder / "a");
        CHECK_REFUSED(r, interrupted);
        CHECK(test::mentions(r.error(), "its blocks are others now"));
        CHECK(test::read_file(folder / "a") == punched);
    }
}

#endif

TEST_CASE("system errors: a beginning of the same size") {
    failed_everywhere("same size", same_size());
}
TEST_CASE("system errors: a beginning that grows") {
    const std::size_t step = step_of_temporary_folder();
    if (step == 0) SKIP_TEST("the temporary folder's file system does not insert ranges");
    failed_everywhere("grown", grown(step));
}
TEST_CASE("system errors: several files at once") {
    failed_everywhere("several files", several(step_of_temporary_folder()));
}
TEST_CASE("system errors: a copy") { failed_everywhere("copy", copying(false)); }

}  // namespace test_crash
