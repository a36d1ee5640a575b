// Memory runs out anywhere between opening a checkpoint and writing it anew: an error that says so,
// or the same result; nothing held, nothing half written.
#include "support/bound.hpp"
#include "support/files.hpp"
#include "support/refused.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace test_out_of_memory {
namespace {

struct sample {
    const char *path, *to;
};
// A fused tensor taken apart, names alone, shards, and another format's names and row order.
constexpr sample samples[] = {
    {"baichuan", "hf"}, {"yi", "hf"}, {"llama-sharded", "gguf"}, {"llama.gguf", "hf"}};

}  // namespace

TEST_CASE("out of memory: every request of every step refused once") {
    const test::temp_folder work(test::memory_folder());
    for (const sample& s : samples) {
        std::uint64_t requests = 0, spared = 0;
        const std::string source = (test::samples() / s.path).string();
        const std::string target = (work / "out").string();
        const test::step_places where{source.c_str(), target.c_str(), s.to};
        test::refuse_each_step(where, test::known(),
                               [&](const std::string& step, const test::refusals& r) {
                                   CHECK_MESSAGE(r.wrong == 0, std::string(s.path), ", ", step,
                                                 ": ", std::string(aka::errc_name(r.code)));
                                   CHECK_MESSAGE(r.lost == 0, std::string(s.path), ", ", step);
                                   requests += r.requests;
                                   spared += r.spared;
                               });
        MESSAGE(std::string(s.path), ": ", requests, " requests, ", spared, " refused in vain");
        CHECK(requests > 100);
    }
}

TEST_CASE("out of memory: the catalog") {
    const test::refusals r = test::refuse_each([]() -> test::step_outcome {
        const auto c = aka::catalog::builtin();
        if (!c) return {c.code(), 0};
        return {aka::errc::none, c->row_count() * 1000 + c->conventions().size()};
    });
    CHECK(r.requests > 10);
    CHECK(r.wrong == 0);
    CHECK(r.lost == 0);
    MESSAGE(r.requests, " requests, ", r.spared, " refused in vain");
}

}  // namespace test_out_of_memory
