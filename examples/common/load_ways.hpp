// The plain ways of getting a checkpoint's bytes, beside which a loader is measured: what anybody
// would write in ten lines, with none of aka's loader in it.
#ifndef AKA_CLI_LOAD_WAYS_HPP
#define AKA_CLI_LOAD_WAYS_HPP

#include <aka/checkpoint.hpp>
#include <aka/load.hpp>
#include <aka/load_memory.hpp>
#include <aka/load_threads.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
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
inline void touch_all(const aka::checkpoint& c, aka::pattern p, std::uint64_t& sum) {
    for (std::uint32_t i = 0; i < c.file_count(); ++i) {
        const aka::mapped_file& f = c.file(i);
        if (f.data() == nullptr) continue;
        (void)f.advise(p);
        const auto* bytes = reinterpret_cast<const volatile unsigned char*>(f.data());
        for (std::uint64_t at = 0; at < f.size(); at += 4096) sum += bytes[at];
        (void)f.advise(aka::pattern::normal);
    }
}

// Files read whole by so many threads, 8 MiB a call, into memory of the kind that loading uses; the
// memory is used over and over where the files have more than 4 GiB.
class plain_reader {
  public:
    static constexpr std::uint64_t block = std::uint64_t{8} << 20;

    explicit plain_reader(const aka::checkpoint& c) {
        for (std::uint32_t i = 0; i < c.file_count(); ++i)
            for (std::uint64_t at = 0; at < c.file(i).size(); at += block)
                blocks_.push_back({i, at, std::min(block, c.file(i).size() - at)});
        room_ = std::min(blocks_.size(), std::size_t{512});
        const auto bytes = static_cast<std::size_t>(room_ * block);
        memory_.reset(new (huge) std::byte[bytes]);
#if defined(MADV_HUGEPAGE)
        (void)::madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
        std::memset(memory_.get(), 0, bytes);  // the pages are there before anything is timed
    }

    // Past the page cache or through it. False: the system does not do it.
    bool read(const aka::checkpoint& c, unsigned threads, bool direct) const {
        std::vector<int> files;
#if defined(O_DIRECT)
        for (std::uint32_t i = 0; direct && i < c.file_count(); ++i)
            files.push_back(
                ::open(std::string(c.file(i).path()).c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
#endif
        std::atomic<std::size_t> next{0};
        std::atomic<bool> good{true};
        auto work = [&] {
            for (std::size_t i; good && (i = next++) < blocks_.size();) {
                std::byte* to = memory_.get() + (i % room_) * static_cast<std::size_t>(block);
                good =
                    good &&
                    (direct ? read_direct(files, blocks_[i], to)
                            : static_cast<bool>(c.file(blocks_[i].file)
                                                    .read(blocks_[i].at, {to, blocks_[i].size()})));
            }
        };
        std::vector<std::thread> others;
        for (unsigned k = 1; k < threads; ++k) others.emplace_back(work);
        work();
        for (std::thread& t : others) t.join();
#if defined(O_DIRECT)
        for (const int fd : files)
            if (fd >= 0) ::close(fd);
#endif
        return good;
    }
    // The same bytes from memory that they lie in.
    void copy(aka::span<const aka::load_item> items) const {
        const std::size_t all = room_ * static_cast<std::size_t>(block);
        std::size_t from = 0;
        for (const aka::load_item& i : items)
            for (std::size_t at = 0, n; at < i.to.size(); at += n, from = (from + n) % all) {
                n = std::min(i.to.size() - at, all - from);
                std::memcpy(i.to.data() + at, memory_.get() + from, n);
            }
    }

  private:
    struct range {
        std::uint32_t file;
        std::uint64_t at, bytes;
        std::size_t size() const { return static_cast<std::size_t>(bytes); }
    };
    static constexpr std::align_val_t huge{std::size_t{2} << 20};
    struct giving_back {
        void operator()(std::byte* p) const { ::operator delete[](p, huge); }
    };

    static bool read_direct(const std::vector<int>& files, const range& r, std::byte* to) {
#if defined(O_DIRECT)
        // The end of a file need not be the end of a page.
        for (std::size_t done = 0; done < r.size();) {
            const std::size_t whole = (r.size() - done + 4095) / 4096 * 4096;
            const ssize_t n = ::pread(files[r.file], to + done, whole,
                                      static_cast<off_t>(r.at) + static_cast<off_t>(done));
            if (n <= 0) return false;
            done += static_cast<std::size_t>(n);
        }
        return true;
#else
        return (void)files, (void)r, (void)to, false;
#endif
    }

    std::vector<range> blocks_;
    std::size_t room_ = 0;  // in blocks
    std::unique_ptr<std::byte[], giving_back> memory_;
};

// One row of the table of ways.
struct load_way {
    enum class kind { touch, sequential, populate, read, direct, copy, aka };
    std::string name;
    kind how;
    unsigned threads = 1;            // of those that read
    aka::load_options options = {};  // of aka's loader
    const aka::load_memory* to = nullptr;

    // Of the ten lines, and from the disk.
    bool plain() const { return how != kind::copy && how != kind::aka; }
};
// The plain ways and the floor; direct reading only where the system does it.
inline std::vector<load_way> plain_ways(const aka::checkpoint& c, const plain_reader& reader) {
    using kind = load_way::kind;
    std::vector<load_way> ways{
        {"mapped, every page touched", kind::touch},
        {"mapped, sequential advice, touched", kind::sequential},
        {"mapped, populated in windows of 64 MiB", kind::populate},
        {"read, 1 thread", kind::read, 1},
        {"read, 4 threads", kind::read, 4},
    };
    if (reader.read(c, 1, true)) {
        ways.push_back({"direct, 1 thread", kind::direct, 1});
        ways.push_back({"direct, 4 threads", kind::direct, 4});
        ways.push_back({"direct, 8 threads", kind::direct, 8});
    }
    ways.push_back({"memcpy", kind::copy});
    return ways;
}
// What a loader does that is told nothing but where to get threads.
inline aka::load_options default_load() {
    aka::load_options o;
    o.executor = aka::load_threads();
    return o;
}

struct way_times {
    std::vector<double> cold, warm;  // seconds
    load_cost last;                  // warm

    static double median(std::vector<double> v) {
        std::sort(v.begin(), v.end());
        return v.empty() ? 0 : v[v.size() / 2];
    }
};
// All ways in turns: with the files out of the page cache, then, unless `only_cold`, in it.
inline aka::status measure(const std::vector<load_way>& ways, const aka::checkpoint& c,
                           const plain_reader& reader, unsigned long rounds, bool only_cold,
                           std::vector<way_times>& times) {
    using kind = load_way::kind;
    std::uint64_t sum = 0;
    auto run = [&](const load_way& w) -> aka::status {
        switch (w.how) {
            case kind::touch:
            case kind::sequential:
                touch_all(c, w.how == kind::touch ? aka::pattern::normal : aka::pattern::sequential,
                          sum);
                break;
            case kind::populate:
                return c.prefetch();
            case kind::read:
            case kind::direct:
                if (!reader.read(c, w.threads, w.how == kind::direct))
                    return aka::error(aka::errc::cannot_read).say("cannot read the files");
                break;
            case kind::copy:
                reader.copy(w.to->items());
                break;
            case kind::aka:
                if (auto r = aka::load(w.to->items(), w.options); !r) return r.error();
                break;
        }
        return {};
    };
    times.assign(ways.size(), {});
    for (const load_way& w : ways)  // what they write into is there before anything is timed
        if (w.how == kind::aka)
            if (aka::status s = run(w); !s) return s;
    for (unsigned long round = 0; round < rounds; ++round)
        for (const bool warm : {false, true}) {
            if (warm && only_cold) break;
            if (warm)
                if (aka::status s = c.prefetch(); !s) return s;
            for (std::size_t i = 0; i < ways.size(); ++i) {
                if (!warm)
                    if (aka::status s = drop_all(c); !s) return s;
                aka::status s;
                const load_cost cost = cost_of([&] { s = run(ways[i]); });
                if (!s) return s;
                (warm ? times[i].warm : times[i].cold).push_back(cost.seconds);
                if (warm) times[i].last = cost;
            }
        }
    return sum == 1 ? aka::status(aka::error(aka::errc::cannot_read)) : aka::status();
}
// The plain way that is fastest from the disk.
inline std::size_t best_plain(const std::vector<load_way>& ways,
                              const std::vector<way_times>& times) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < ways.size(); ++i)
        if (ways[i].plain() &&
            way_times::median(times[i].cold) < way_times::median(times[best].cold))
            best = i;
    return best;
}

}  // namespace cli

#endif  // AKA_CLI_LOAD_WAYS_HPP
