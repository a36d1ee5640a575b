// The plain ways of getting a checkpoint's bytes, beside which a loader is measured: what anybody
// would write in ten lines.
#ifndef AKA_CLI_LOAD_WAYS_HPP
#define AKA_CLI_LOAD_WAYS_HPP

#include <aka/checkpoint.hpp>
#include <aka/load.hpp>
#include <aka/load_memory.hpp>
#include <aka/load_threads.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#if !defined(_WIN32)
#include <sys/resource.h>
#endif

namespace cli {

// What a run costs.
struct load_cost {
    double seconds = 0, cpu_seconds = 0;
    std::uint64_t faults = 0, peak_bytes = 0;  // of the whole process, since it began
};

struct usage_now {
    double cpu = 0;
    std::uint64_t faults = 0, peak = 0;

    static usage_now get() {
        usage_now u;
#if !defined(_WIN32)
        struct rusage r;
        if (::getrusage(RUSAGE_SELF, &r) != 0) return u;
        for (const timeval& t : {r.ru_utime, r.ru_stime})
            u.cpu += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
        u.faults = static_cast<std::uint64_t>(r.ru_minflt + r.ru_majflt);
#if defined(__APPLE__)
        u.peak = static_cast<std::uint64_t>(r.ru_maxrss);
#else
        u.peak = static_cast<std::uint64_t>(r.ru_maxrss) * 1024;
#endif
#endif
        return u;
    }
};
template <class F>
load_cost cost_of(F&& body) {
    const usage_now before = usage_now::get();
    const auto start = std::chrono::steady_clock::now();
    body();
    load_cost c;
    c.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const usage_now after = usage_now::get();
    c.cpu_seconds = after.cpu - before.cpu;
    c.faults = after.faults - before.faults;
    c.peak_bytes = after.peak;
    return c;
}

inline aka::status drop_all(const aka::checkpoint& c) {
    for (std::uint32_t i = 0; i < c.file_count(); ++i)
        if (aka::status s = c.file(i).drop_cache(0, c.file(i).size()); !s) return s;
    return {};
}

// Reads a byte of every page through the mapping. `sum` keeps the compiler from leaving it out.
inline aka::status touch_all(const aka::checkpoint& c, aka::pattern p, std::uint64_t& sum) {
    for (std::uint32_t i = 0; i < c.file_count(); ++i) {
        const aka::mapped_file& f = c.file(i);
        if (f.data() == nullptr) continue;
        (void)f.advise(p);
        const auto* bytes = reinterpret_cast<const volatile unsigned char*>(f.data());
        for (std::uint64_t at = 0; at < f.size(); at += 4096) sum += bytes[at];
        (void)f.advise(aka::pattern::normal);
    }
    return {};
}
inline aka::status prefetch_all(const aka::checkpoint& c) {
    for (std::uint32_t i = 0; i < c.file_count(); ++i)
        if (aka::status s = c.file(i).prefetch(0, c.file(i).size()); !s) return s;
    return {};
}

// One row of the table of ways.
struct load_way {
    std::string name;
    bool plain;  // of the ten lines; else aka's loader
    aka::load_options options;
    enum class kind { touch, sequential, populate, read } how = kind::read;
};
inline std::vector<load_way> load_ways(const aka::load_options& mine) {
    auto reads = [](unsigned threads, bool direct) {
        aka::load_options o;
        o.executor = aka::load_threads();
        o.threads = threads;
        o.reading = direct ? aka::reading::direct : aka::reading::cached;
        o.coalesce = false;  // tensor by tensor
        return o;
    };
    using kind = load_way::kind;
    return {
        {"mapped, every page touched", true, {}, kind::touch},
        {"mapped, sequential advice, touched", true, {}, kind::sequential},
        {"mapped, populated in windows of 64 MiB", true, {}, kind::populate},
        {"read, 1 thread", true, reads(1, false)},
        {"read, 4 threads", true, reads(4, false)},
        {"read, 8 threads", true, reads(8, false)},
        {"direct, 1 thread", true, reads(1, true)},
        {"direct, 8 threads", true, reads(8, true)},
        {"aka::load", false, mine},
    };
}

// Carries a way out; `memory` is only written by those that read.
inline aka::status carry_out(const load_way& w, const aka::checkpoint& c,
                             aka::span<const aka::load_item> items, aka::load_report* report,
                             std::uint64_t& sum) {
    switch (w.how) {
        case load_way::kind::touch:
            return touch_all(c, aka::pattern::normal, sum);
        case load_way::kind::sequential:
            return touch_all(c, aka::pattern::sequential, sum);
        case load_way::kind::populate:
            return prefetch_all(c);
        case load_way::kind::read:
            break;
    }
    auto r = aka::load(items, w.options);
    if (!r) return r.error();
    if (report != nullptr) *report = *r;
    return {};
}

}  // namespace cli

#endif  // AKA_CLI_LOAD_WAYS_HPP
