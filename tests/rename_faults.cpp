// Rewrites that fail: without memory at any moment, or stopped by who watches. Nothing is left.
#include "support/rewritten.hpp"

#include <aka/rewrite_in_place.hpp>
#include <aka/verify_rewrite.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace test_rename_faults {

namespace {

namespace fs = std::filesystem;
// A source of one layer, so that there are few requests for memory, and a folder to write to.
struct place {
    test::temp_folder work{test::memory_folder()};
    fs::path source = work / "a", target = work / "b";
    std::string from, to;

    explicit place(const char* id, std::size_t shards = 1) {
        test::model_config c;
        c.n_layer = 1;
        fs::create_directory(source);
        test::spelling_options how;
        how.shards = shards;
        from = test::write_spelling(test::find_spelling(id), test::random_model(c, 5), source, how)
                   .string();
        test::write_file(source / "tokenizer.json", "{}");
        to = target.string();
    }
    bool nothing_there() const { return !fs::exists(target) || fs::is_empty(target); }
};

// Runs `f`, which gives a code, with each request for memory refused once: that is out_of_memory,
// or else done all the same, and then `good()` has to hold. Nothing leaks.
template <class F, class Good>
void refused_once(const std::string& what, F f, Good good) {
    std::size_t done = 0;
    for (std::uint64_t k = 0; k < 20000; ++k) {
        CAPTURE(what);
        CAPTURE(k);
        std::uint64_t refused = 0;
        {
            test::alloc_scope scope;
            scope.fail_at(k);
            const aka::errc code = f();
            CHECK(scope.blocks() == 0);
            refused = scope.refused();
            scope.lift();
            if (code == aka::errc::none) {
                done += refused != 0;
                CHECK(good());
            } else {
                CHECK(code == aka::errc::out_of_memory);
                CHECK(refused != 0);
            }
        }
        if (refused == 0) {
            MESSAGE(what, ": ", k, " requests, ", done, " that it can do without");
            CHECK(k > 0);
            return;
        }
    }
    FAIL("it never stops asking for memory");
}
template <class F>
void refused_once(const std::string& what, F f) {
    refused_once(what, f, [] { return true; });
}

}  // namespace

TEST_CASE("rewrites: every request for memory refused once") {
    const auto rule = aka::rename_rule::parse("lm_head.{p} => head.{p}");
    REQUIRE(rule);
    (void)test::known();
    for (const char* id : {"yi_v1", "gguf:llama"}) {
        const place p(id, 2);
        const auto before = test::folder_bytes(p.source);
        auto file = aka::checkpoint::open(p.from);
        REQUIRE_MESSAGE(file, file.error().message().view());
        aka::rewrite_options o = test::to_convention("meta");
        auto whole = aka::plan_rewrite(*file, o, test::known());
        REQUIRE(whole);
        bool same = false;
        refused_once(
            "plan_rewrite",
            [&] {
                auto again = aka::plan_rewrite(*file, o, test::known());
                if (!again) return again.code();
                same = again->size() == whole->size() &&
                       again->provenance() == whole->provenance() && again->ok() &&
                       again->bytes_moved() == whole->bytes_moved();
                return aka::errc::none;
            },
            [&] { return same; });
        if (std::string(id) == "yi_v1") {
            aka::rewrite_options rules;
            rules.rules = {&*rule, 1};
            refused_once("plan_rewrite of rules",
                         [&] { return aka::plan_rewrite(*file, rules, test::known()).code(); });
        }
        auto plan = aka::plan_rewrite(*file, o, test::known());
        REQUIRE_MESSAGE(plan, plan.error().message().view());
        refused_once("lay_out", [&] { return aka::lay_out(*plan).code(); });
        auto files = aka::lay_out(*plan);
        REQUIRE_MESSAGE(files, files.error().message().view());
        const fs::path once = p.work / "once";
        CHECK(aka::write_files(*files, once.string()));
        std::size_t left = 0;
        refused_once(
            "write_files",
            [&] {
                fs::remove_all(p.target);
                const auto r = aka::write_files(*files, p.to);
                if (!r && !p.nothing_there()) ++left;
                return r.code();
            },
            [&] { return test::folder_bytes(p.target) == test::folder_bytes(once); });
        CHECK(left == 0);
        auto written = aka::checkpoint::open(p.to);
        REQUIRE(written);
        refused_once("verify_rewrite",
                     [&] { return aka::verify_rewrite(*files, *written).code(); });
        CHECK((test::folder_bytes(p.source) == before));
    }
}

TEST_CASE("rewrites in place: every request for memory refused once") {
    const place p("yi_v1");
    const auto before = test::folder_bytes(p.source);
    std::size_t changed = 0;
    (void)test::known();
    refused_once("rewrite_in_place", [&] {
        // A header that fits; and the checkpoint that is consumed is opened each time.
        auto file = aka::checkpoint::open(p.from);
        if (!file) return file.code();
        const auto rule = aka::rename_rule::parse("lm_head.{p} => h.{p}");
        aka::rewrite_options o;
        o.rules = {&*rule, 1};
        auto plan = aka::plan_rewrite(*file, o, test::known());
        if (!plan) return plan.code();
        aka::rewrite_layout_options l;
        l.provenance = false;
        auto files = aka::lay_out(*plan, l);
        if (!files) return files.code();
        auto edit = aka::rewrite_in_place(*files, "{}");
        if (!edit) return edit.code();
        const auto now = test::folder_bytes(p.source);
        changed += now != before;
        return edit.code();
    });
    CHECK(changed == 0);
    CHECK((test::folder_bytes(p.source) == before));
}

TEST_CASE("rewrites: committing in place, every request for memory refused once") {
    const place p("yi_v1");
    const auto before = test::folder_bytes(p.source);
    (void)test::known();
    bool done = false;
    for (std::uint64_t k = 0; !done; ++k) {
        REQUIRE(k < 1000);
        auto file = aka::checkpoint::open(p.from);
        REQUIRE(file);
        const auto rule = aka::rename_rule::parse("lm_head.{p} => h.{p}");
        aka::rewrite_options o;
        o.rules = {&*rule, 1};
        aka::rewrite_layout_options l;
        l.provenance = false;
        aka::result<aka::in_place_rewrite> edit = [&] {
            auto plan = aka::plan_rewrite(*file, o, test::known());
            REQUIRE(plan);
            auto files = aka::lay_out(*plan, l);
            REQUIRE(files);
            return aka::rewrite_in_place(*files);
        }();
        REQUIRE(edit);
        test::alloc_scope scope;
        scope.fail_at(k);
        const auto s = edit->commit(std::move(*file));
        done = scope.refused() == 0;
        scope.lift();
        if (s) {
            if (!done)
                test::write_file(p.source / "model.safetensors", before.at("model.safetensors"));
            continue;
        }
        CHECK(s.code() == aka::errc::out_of_memory);
        CHECK((test::folder_bytes(p.source) == before));
    }
    CHECK(test::read_back(p.source / "model.safetensors").tensors.count("h.weight") == 1);
}

TEST_CASE("rewrites: who watches can stop them, and nothing is left") {
    const place p("hf_llama", 3);
    auto file = aka::checkpoint::open(p.from);
    REQUIRE(file);
    auto plan = aka::plan_rewrite(*file, test::to_convention("meta"), test::known());
    REQUIRE(plan);
    auto files = aka::lay_out(*plan);
    REQUIRE(files);
    struct watcher {
        std::uint64_t calls = 0, most = 0, done = 0, all = 0;
        static bool step(void* self, std::uint64_t done, std::uint64_t all) {
            auto* w = static_cast<watcher*>(self);
            CHECK(done >= w->done);
            CHECK(done <= all);
            w->done = done;
            w->all = all;
            return w->calls++ < w->most;
        }
    };
    for (std::uint64_t most = 0;; ++most) {
        REQUIRE(most < 1000);
        watcher w;
        w.most = most;
        aka::write_options o;
        o.progress = {&watcher::step, &w};
        const auto r = aka::write_files(*files, p.to, o);
        if (r) {
            CHECK(most > 3);
            break;
        }
        CHECK(r.code() == aka::errc::cancelled);
        CHECK(p.nothing_there());
    }
    CHECK(test::read_checkpoint(p.target).files.size() == 3);
}

TEST_CASE("rewrites: a file in the way stops all of them") {
    const place p("hf_llama", 3);
    auto file = aka::checkpoint::open(p.from);
    REQUIRE(file);
    auto plan = aka::plan_rewrite(*file, test::to_convention("meta"), test::known());
    REQUIRE(plan);
    auto files = aka::lay_out(*plan);
    REQUIRE(files);
    // The last to be written: the index.
    fs::create_directory(p.target);
    test::write_file(p.target / "model.safetensors.index.json", "mine");
    const auto before = test::folder_bytes(p.target);
    CHECK(aka::write_files(*files, p.to).code() == aka::errc::already_exists);
    CHECK((test::folder_bytes(p.target) == before));
    // A file where the folder should be, several files for one name.
    test::write_file(p.work / "c", "a file");
    CHECK(aka::write_files(*files, (p.work / "c").string()).code() == aka::errc::already_exists);
    CHECK(aka::write_files(*files, (p.work / "d.safetensors").string()).code() ==
          aka::errc::unsupported);
    CHECK_FALSE(fs::exists(p.work / "d.safetensors"));
}

}  // namespace test_rename_faults
