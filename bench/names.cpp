// From a checkpoint's names to a bound model: identifying, binding by role, adapting to GGUF's
// names and layouts. Beside it, in the same run: reading the bytes of all names once.
//
// The checkpoints are folders with a config.json, which every iteration reads; opening them is
// what aka_bench measures. The conventions are compiled once, and that is measured by itself.
// "..._fresh": as in aka_bench, with memory fresh from the system; all others reuse memory.
// Takes Google Benchmark's options; `--benchmark_filter=/92k/` runs a part.
#include <aka/aka.hpp>

#include "data.hpp"
#include "figures.hpp"
#include "floors.hpp"
#include "limits.hpp"

#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

/// A checkpoint that was written for the benchmarks, and its names in the order of the file.
struct input {
    std::string name;
    aka::checkpoint checkpoint;
    std::vector<std::string_view> names;

    input(std::string n, aka::checkpoint c) : name(std::move(n)), checkpoint(std::move(c)) {
        for (const aka::tensor& t : checkpoint) names.push_back(t.name());
    }
};

/// That everything is bound: else a figure would be of half the work.
void check(const input& in, const aka::catalog& known, const test::model_config& c) {
    auto bound = aka::llama::bind(in.checkpoint, {}, known);
    must(bound);
    auto gguf = aka::adapt(in.checkpoint, "gguf", known);
    must(gguf);
    const std::size_t layer = c.n_expert == 0 ? 9 : 10;  // a stack for all experts, and a router
    const std::size_t expected = 3 + c.n_layer * layer;
    const aka::adapter& roles = bound->tensors();
    require(roles.size() == expected && gguf->size() == expected, "not every role is there");
    // The one that is left over is the buffer.
    require(roles.missing().empty() && roles.unbound().size() == 1, "the bound model has gaps");
    require(gguf->missing().empty() && gguf->unbound().size() == 1, "the adapter has gaps");
    require(roles.source().unmatched().empty(), "a name did not match");
}

void add_names(const input& in, const aka::catalog& known) {
    const std::string at = "names/" + in.name + "/";
    add(at + "walk", [&in] {
        std::uint64_t sum = 0;
        for (std::string_view name : in.names)
            for (char c : name) sum += static_cast<unsigned char>(c);
        benchmark::DoNotOptimize(sum);
    });
    add(at + "identify", [&in, &known] {
        auto r = aka::identify(in.checkpoint, known);
        must(r);
        benchmark::DoNotOptimize(r.get_if()->matched());
    });
    auto bind = [&in, &known] {
        auto r = aka::llama::bind(in.checkpoint, {}, known);
        must(r);
        benchmark::DoNotOptimize(r.get_if()->tensors().size());
    };
    add(at + "bind", bind);
    add_fresh(at + "bind_fresh", bind);
    add(at + "gguf", [&in, &known] {
        auto r = aka::adapt(in.checkpoint, "gguf", known);
        must(r);
        benchmark::DoNotOptimize(r.get_if()->size());
    });
}

int run(int argc, char** argv) {
    if (!start(argc, argv)) return 2;
    auto known = aka::catalog::builtin();
    must(known);
    const test::temp_folder folder;
    std::deque<input> inputs;
    auto model = [&](const char* name, const test::model_config& c, std::size_t tensors) {
        write_folder(folder / name, c);
        auto opened = aka::checkpoint::open((folder / name).string());
        must(opened);
        const input& in = inputs.emplace_back(name, std::move(*opened));
        require(in.names.size() == tensors, "not as many tensors as the figures are divided by");
        check(in, *known, c);
        add_names(in, *known);
    };
    model("1138", llama_405b(), 1138);
    model("92k", many_experts(), 92114);
    add("names/catalog", [] {
        auto r = aka::catalog::builtin();
        must(r);
        benchmark::DoNotOptimize(r.get_if()->row_count());
    });

    figures all;
    if (benchmark::RunSpecifiedBenchmarks(&all) == 0) return 0;
    all.print();
    print_limits(all);
    return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) try {
    return bench::run(argc, argv);
} catch (const std::exception& e) {
    std::fprintf(stderr, "aka_bench_names: %s\n", e.what());
    return 1;
}
