// Collects the runs of all benchmarks, and says at the end what they came to, beside the limits.
#ifndef AKA_BENCH_FIGURES_HPP
#define AKA_BENCH_FIGURES_HPP

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace bench {

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
    /// `a` as a multiple of `b`; a limit of 0 is none.
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
