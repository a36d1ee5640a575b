// What the benchmarks of files on a disk have in common: large files, clocks, and verdicts.
#ifndef AKA_BENCH_DISK_HPP
#define AKA_BENCH_DISK_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bench {

namespace fs = std::filesystem;
inline constexpr std::uint64_t gib = std::uint64_t{1} << 30, mib = std::uint64_t{1} << 20;

template <class R>
void must(const R& r) {
    if (!r) throw std::runtime_error(r.error().message().c_str());
}
inline void must(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(std::string("cannot ") + what);
}

inline double ms(const std::function<void()>& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}
inline double least(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }
inline double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

inline bool missed = false;
inline void line(const char* what, double value, const char* unit, double most,
                 bool at_least = false) {
    std::printf("%-58s %10.3f %-3s", what, value, unit);
    if (most != 0) {
        const bool ok = at_least ? value >= most : value <= most;
        missed = missed || !ok;
        std::printf("  at %s %g: %s", at_least ? "least" : "most", most, ok ? "ok" : "MISSED");
    }
    std::printf("\n");
    std::fflush(stdout);
}

struct descriptor {
    int fd;
    descriptor(const fs::path& p, int flags) : fd(::open(p.c_str(), flags | O_CLOEXEC, 0644)) {
        must(fd >= 0, "open a file of the benchmark");
    }
    ~descriptor() { ::close(fd); }
    descriptor(const descriptor&) = delete;
};

// Noise from `begin` on, up to `size`.
inline void make_dense(const fs::path& p, std::uint64_t size, std::uint64_t begin = 0) {
    descriptor f(p, O_RDWR | O_CREAT);
    std::vector<std::uint64_t> block(8 * mib / 8);
    std::uint64_t x = 1;
    for (std::uint64_t at = begin; at < size; at += 8 * mib) {
        for (std::uint64_t& w : block) w = x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9 + 1;
        const auto n = static_cast<std::size_t>(std::min(8 * mib, size - at));
        must(::pwrite(f.fd, block.data(), n, static_cast<off_t>(at)) == static_cast<ssize_t>(n),
             "write a large file");
    }
    must(::fsync(f.fd) == 0, "flush");
}
inline void cache(const fs::path& p) {
    descriptor f(p, O_RDONLY);
    std::vector<char> b(4 * mib);
    while (::read(f.fd, b.data(), b.size()) > 0) {
    }
}
inline void drop(const fs::path& p) {
    descriptor f(p, O_RDONLY);
    ::fsync(f.fd);
    ::posix_fadvise(f.fd, 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace bench

#endif  // AKA_BENCH_DISK_HPP
