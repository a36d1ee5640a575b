// aka-load, as a user runs it.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/programs.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace test_load_cli {

namespace {

using test::json;

test::program_result run(const std::vector<std::string>& arguments) {
    return test::run_named("aka-load", arguments);
}
json run_json(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const test::program_result r = run(arguments);
    CHECK_MESSAGE(r.exit_code == 0, r.err);
    return json::parse(r.out);
}
std::string sample(const char* name) { return (test::samples() / name).string(); }

}  // namespace

TEST_CASE("aka-load: what was read, and how") {
    NEEDS_PROGRAM("aka-load");
    const json whole = run_json({sample("yi")});
    CHECK(whole["tensors"].as_u64() == 21);
    const std::uint64_t bytes = whole["bytes"].as_u64();
    CHECK(whole["read"].as_u64() == bytes + whole["between"].as_u64());
    CHECK(whole["seconds"].as_double() > 0);
    // The same in every way that can be told.
    for (const std::vector<std::string>& way :
         std::vector<std::vector<std::string>>{{"--threads=3", "--block=4"},
                                               {"--no-coalesce"},
                                               {"--no-vectored", "--small-pages"},
                                               {"--align=64", "--reading=direct"},
                                               {"--drop-cache", "--cold"},
                                               {"--as=meta"},
                                               {"--as=phi3", "--reading=direct"}}) {
        std::vector<std::string> words = way;
        words.push_back(sample("yi"));
        CHECK(run_json(words)["bytes"].as_u64() == bytes);
    }
    // Two ranks have all matrices between them, and the norms and the like twice.
    std::uint64_t parts = 0;
    for (const char* rank : {"0/2", "1/2"}) {
        const json part = run_json({"--rank", rank, sample("yi")});
        CHECK(part["bytes"].as_u64() < bytes * 2 / 3);
        parts += part["bytes"].as_u64();
    }
    CHECK(parts >= bytes);

    const test::program_result text = run({sample("llama-sharded")});
    CHECK(text.exit_code == 0);
    CHECK(text.out.find(" GB/s\n") != std::string::npos);
    CHECK(text.out.find("greatest memory ") != std::string::npos);
}

TEST_CASE("aka-load: all ways beside each other") {
    NEEDS_PROGRAM("aka-load");
    const json all = run_json({"--compare", "--rounds=1", sample("baichuan")});
    // Five through the page cache, three past it where the system does that, memcpy, and ours.
    const std::size_t ways = all["ways"].size();
    CHECK((ways == 7 || ways == 10));
    CHECK(all["ways"][ways - 2]["way"].as_string() == "memcpy");
    CHECK(all["ways"][ways - 1]["way"].as_string() == "aka::load");
    CHECK(all["cold_of_best_plain"].as_double() > 0);
    CHECK(all["warm_of_memcpy"].as_double() > 0);
    for (std::size_t i = 0; i < all["ways"].size(); ++i) {
        CHECK(all["ways"][i]["cold_seconds"].as_double() > 0);
        CHECK(all["ways"][i]["warm_seconds"].as_double() > 0);
    }
    const std::string told =
        run({"--compare", "--rounds=1", "--threads=2", "--align=64", sample("yi")}).out;
    for (const char* says : {"medians of 1 round;", "\naka::load ", "\naka::load, as told ",
                             "\naka::load: cold ", " of memcpy\n"})
        CHECK_MESSAGE(told.find(says) != std::string::npos, told);
}

TEST_CASE("aka-load: what it refuses") {
    NEEDS_PROGRAM("aka-load");
    struct refusal {
        std::vector<std::string> words;
        int status;
        const char* says;
    };
    const std::string yi = sample("yi");
    for (const refusal& r :
         std::vector<refusal>{{{}, 2, "which checkpoint?"},
                              {{yi, yi}, 2, "which checkpoint?"},
                              {{"--threads=0", yi}, 2, "--threads is a number"},
                              {{"--block=x", yi}, 2, "--block is a number"},
                              {{"--align=48", yi}, 2, "--align is a power of two"},
                              {{"--rank=2/2", yi}, 2, "--rank is R/W"},
                              {{"--rank=1", yi}, 2, "--rank is R/W"},
                              {{"--slow", yi}, 2, "unknown option"},
                              {{"--rank=0/7", yi}, 1, "cannot be cut into 7 ranks"},
                              {{"--as=nobody", yi}, 1, "nobody"},
                              {{"/nowhere/at/all"}, 3, "there is no such file"}}) {
        const test::program_result got = run(r.words);
        CHECK_MESSAGE(got.exit_code == r.status, got.err);
        CHECK_MESSAGE(got.err.find(r.says) != std::string::npos, got.err);
        CHECK(got.out.empty());
    }
    const test::program_result e = run({"--json", "/nowhere/at/all"});
    CHECK(e.exit_code == 3);
    CHECK(json::parse(e.out)["error"]["code"].as_string() == "missing_file");
    CHECK(run({"--help"}).out.find("Exit status:") != std::string::npos);
    CHECK(run({"--version"}).out.find("aka-load ") == 0);
}

}  // namespace test_load_cli
