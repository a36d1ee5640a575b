// Decoding every type to float32, beside memcpy of as many bytes as come out and beside ggml's own
// decoders, in the same run and on one core.
//
// In cache: 256 KiB of floats; from memory: 256 MiB. The three are run in turns, many times, and
// the least time of each counts: what disturbs a run can only make it slower. Processor time, since
// other programs run too. Arguments: names of types (Q4_K ...), all without; --cache or --memory
// for one of the two; --rounds N.
#include <aka/dequantize.hpp>

#include "support/ggml_decoders.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

using aka::dtype;

// What the fast types may cost at most, as a ratio to memcpy: from memory, and in cache.
constexpr dtype fast_types[] = {
    dtype::f16,  dtype::bf16, dtype::q8_0,   dtype::q4_0,   dtype::q4_1,
    dtype::q5_0, dtype::q5_1, dtype::q4_k,   dtype::q5_k,   dtype::q6_k,
    dtype::q2_k, dtype::q3_k, dtype::iq4_nl, dtype::iq4_xs, dtype::mxfp4,
};
constexpr double fast_memory = 0.8, fast_cache = 0.44, other_memory = 0.3, ggml_limit = 1.0;

bool is_fast(dtype t) {
    for (const dtype f : fast_types)
        if (f == t) return true;
    return false;
}

double now() {
    std::timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
template <class F>
void time(double& least, int repeat, F f) {
    const double begin = now();
    for (int i = 0; i < repeat; ++i) f();
    const double one = (now() - begin) / repeat;
    if (least == 0 || one < least) least = one;
}

// Room that is touched before it is measured, at the start of a cache line.
class room {
  public:
    explicit room(std::size_t bytes, std::uint32_t seed) : data_(new std::byte[bytes + 64]) {
        std::uint64_t x = seed;
        for (std::size_t i = 0; i + 8 <= bytes + 64; i += 8) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            const std::uint64_t v = x ^ x >> 29;
            std::memcpy(data_.get() + i, &v, 8);
        }
        first_ = data_.get() + (64 - reinterpret_cast<std::uintptr_t>(data_.get()) % 64) % 64;
    }
    std::byte* get() const { return first_; }

  private:
    std::unique_ptr<std::byte[]> data_;
    std::byte* first_;
};

struct figures {
    double copy = 0, ours = 0, ggml = 0;  // ns of one pass
};

void print(const aka::dtype_info& type, const figures& f, double bytes, double limit) {
    const double ratio = f.copy / f.ours, beside = f.ggml / f.ours;
    std::printf("%-12s %8.2f %8.2f %8.2f", std::string(type.name).c_str(), bytes / f.copy,
                bytes / f.ours, ratio);
    if (limit != 0)
        std::printf("  %.2f %-6s", limit, ratio >= limit ? "ok" : "MISSED");
    else
        std::printf("  %-11s", "");
    if (f.ggml != 0)
        std::printf(" %8.2f  %8.2f  %s", bytes / f.ggml, beside,
                    beside >= ggml_limit ? "ok" : "MISSED");
    std::printf("\n");
    std::fflush(stdout);
}

void measure(bool cache, int rounds, const std::set<std::string>& wanted) {
    const std::size_t floats = cache ? std::size_t{64} << 10 : std::size_t{64} << 20;
    const int repeat = cache ? 20 : 1;
    const double bytes = static_cast<double>(floats) * sizeof(float);
    const room source(floats * 8, 1), from(floats * 4, 2), to(floats * 4, 3);
    auto* out = reinterpret_cast<float*>(to.get());
    std::printf("\n%s: GB/s of float32, one core\n%-12s %8s %8s %8s  %-11s %8s  %8s\n",
                cache ? "in cache (256 KiB)" : "from memory (256 MiB)", "", "memcpy", "aka",
                "ratio", "at least", "ggml", "aka/ggml");
    for (std::size_t i = 1; i < aka::detail::dtype_count; ++i) {
        const aka::dtype_info& type = aka::info(static_cast<dtype>(i));
        if (!wanted.empty() && wanted.count(std::string(type.name)) == 0) continue;
        const std::size_t n = floats / type.block_elements;
        test::ggml_decoders::to_float theirs = nullptr;
        if (test::ggml_functions().problem.empty() && type.ggml_id >= 0)
            theirs = test::ggml_functions().of(type.ggml_id, type.block_elements, type.block_bytes);
        figures f;
        for (int k = 0; k < rounds; ++k) {
            time(f.copy, repeat, [&] {
                std::memcpy(to.get(), from.get(), floats * 4);
                __asm__ volatile("" : : "r"(to.get()) : "memory");
            });
            time(f.ours, repeat, [&] { aka::detail::decode(type.dtype, source.get(), out, n); });
            if (theirs != nullptr)
                time(f.ggml, repeat,
                     [&] { theirs(source.get(), out, static_cast<std::int64_t>(floats)); });
        }
        const bool fast = is_fast(type.dtype);
        print(type, f, bytes, cache ? (fast ? fast_cache : 0) : fast ? fast_memory : other_memory);
    }
}

int run(int argc, char** argv) {
    bool cache = true, memory = true;
    int rounds = 0;
    std::set<std::string> wanted;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--cache")
            memory = false;
        else if (word == "--memory")
            cache = false;
        else if (word == "--rounds" && i + 1 < argc)
            rounds = std::atoi(argv[++i]);
        else if (aka::dtype_from_name(word) != dtype::unknown)
            wanted.insert(argv[i]);
        else
            return std::fprintf(stderr, "aka_bench_values: what is %s?\n", argv[i]), 2;
    }
    if (!test::ggml_functions().problem.empty())
        std::printf("without ggml: %s\n", test::ggml_functions().problem.c_str());
    std::printf("%s decoders\n", aka::detail::has_vectors() ? "vector" : "portable");
    if (cache) measure(true, rounds != 0 ? rounds : 40, wanted);
    if (memory) measure(false, rounds != 0 ? rounds : 7, wanted);
    return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc, argv); }
