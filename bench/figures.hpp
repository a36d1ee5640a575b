// What the programs of benchmarks have in common: benchmarks from lambdas, run in turns; what they
// came to at the end, beside the limits.
#ifndef AKA_BENCH_FIGURES_HPP
#define AKA_BENCH_FIGURES_HPP

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace bench {

// By default glibc decides from what was freed before whether memory goes back to the system: a
// benchmark would depend on those that ran before it.
inline void reuse_memory() {
#if defined(__GLIBC__)
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
#endif
}
inline void give_memory_back() {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

template <class F>
void add(const std::string& name, F body) {
    benchmark::RegisterBenchmark(name.c_str(), [body](benchmark::State& state) {
        for (auto _ : state) body();
    });
}
/// With memory fresh from the system, as when a process does it for the first time.
template <class F>
void add_fresh(const std::string& name, F body) {
    benchmark::RegisterBenchmark(name.c_str(), [body](benchmark::State& state) {
        for (auto _ : state) {
            state.PauseTiming();
            give_memory_back();
            state.ResumeTiming();
            body();
        }
    });
}

template <class Result>
void must(const Result& r) {
    if (!r) throw std::runtime_error(r.error().message().c_str());
}

/// Takes Google Benchmark's options; false where one is unknown. Many short runs of all benchmarks
/// in turns, so that a disturbance hits all alike. Options of the command line come later and win.
inline bool start(int argc, char** argv) {
    reuse_memory();
    // Google Benchmark keeps the program's name where it finds it.
    static std::vector<std::string> words;
    words = {argv[0], "--benchmark_repetitions=15", "--benchmark_min_time=0.03",
             "--benchmark_enable_random_interleaving=true"};
    words.insert(words.end(), argv + 1, argv + argc);
    std::vector<char*> args;
    for (std::string& word : words) args.push_back(word.data());
    args.push_back(nullptr);
    int count = static_cast<int>(args.size()) - 1;
    benchmark::Initialize(&count, args.data());
    return !benchmark::ReportUnrecognizedArguments(count, args.data());
}

/// A reporter that keeps the time of every run. Processor time: everything measured here is one
/// thread on files that are in memory, so that it is the time that passes on an idle machine, and
/// on a busy one what others do is left out as far as it can be.
class figures : public benchmark::BenchmarkReporter {
  public:
    bool ReportContext(const Context& context) override {
        PrintBasicContext(&GetErrorStream(), context);
        return true;
    }
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration || run.iterations == 0) continue;
            const std::string& name = run.run_name.function_name;
            if (runs_.count(name) == 0) order_.push_back(name);
            runs_[name].push_back(run.cpu_accumulated_time * 1e9 /
                                  static_cast<double>(run.iterations));
        }
    }

    /// The least time of a benchmark in ns: what disturbs a run can only make it slower. 0: it
    /// did not run.
    double least(const std::string& name) const {
        const auto found = runs_.find(name);
        if (found == runs_.end()) return 0;
        return *std::min_element(found->second.begin(), found->second.end());
    }
    double median(const std::string& name) const {
        std::vector<double> all = runs_.at(name);
        const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
        std::nth_element(all.begin(), middle, all.end());
        return *middle;
    }

    void print() {
        std::sort(order_.begin(), order_.end());
        std::printf("%-36s %12s %12s\n", "microseconds", "least", "median");
        for (const std::string& name : order_)
            std::printf("%-36s %12.2f %12.2f\n", name.c_str(), least(name) / 1e3,
                        median(name) / 1e3);
    }
    /// The least time in units of `unit` ns; a limit of 0 is none.
    void cost(const char* what, const std::string& a, double unit, double limit) const {
        if (least(a) != 0) line(what, least(a) / unit, limit);
    }
    /// `a` as a multiple of `b`.
    void ratio(const char* what, const std::string& a, const std::string& b, double limit) const {
        if (least(a) != 0 && least(b) != 0) line(what, least(a) / least(b), limit);
    }
    static void line(const char* what, double value, double limit) {
        std::printf("%-44s %8.2f", what, value);
        if (limit != 0)
            std::printf("   at most %5.2f  %s", limit, value <= limit ? "ok" : "MISSED");
        std::printf("\n");
    }

  private:
    std::map<std::string, std::vector<double>> runs_;
    std::vector<std::string> order_;
};

}  // namespace bench

#endif  // AKA_BENCH_FIGURES_HPP
