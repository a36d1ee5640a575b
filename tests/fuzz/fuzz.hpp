// What all fuzz targets share: a check that stops the run, a limit on what the library allocates,
// and an input that is read from the front.
//
// A target is one file with LLVMFuzzerTestOneInput, so that libFuzzer and AFL++ build it as it is;
// replay.cpp gives it a plain main, and tests/fuzz_corpus.cpp runs all of them over the corpus.
#ifndef AKA_FUZZ_HPP
#define AKA_FUZZ_HPP

#include "../support/alloc.hpp"  // before every header of the library

#include <aka/span.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace fuzz {

[[noreturn]] inline void broken(const char* file, int line, const char* what) {
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    std::abort();
}
#define FUZZ_CHECK(condition) \
    ((condition) ? static_cast<void>(0) : ::fuzz::broken(__FILE__, __LINE__, #condition))

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}
inline aka::byte_span bytes_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}
// Whether [part, part + n) lies in a text, or is nothing.
inline bool lies_in(const void* part, std::uint64_t n, std::string_view whole) {
    const auto at = reinterpret_cast<std::uintptr_t>(part);
    const auto from = reinterpret_cast<std::uintptr_t>(whole.data());
    return n == 0 || (at >= from && n <= whole.size() && at - from <= whole.size() - n);
}
// The bits, so that NaN equals itself.
inline bool same_bits(const void* a, const void* b, std::size_t n) {
    return n == 0 || std::memcmp(a, b, n) == 0;
}

// What the library may hold at once while it reads an input: twice the input and 4 KiB; and, since
// a record has its size however few bytes a stranger spends on it (a key of GGUF 14, a member of
// safetensors' metadata 6), 128 bytes for each of `records` that are really there.
constexpr std::uint64_t reader_limit(std::uint64_t input, std::uint64_t records = 0) {
    return 2 * input + 4096 + 128 * records;
}
// Calls `f`, which takes no more than `most` bytes at once.
template <class F>
auto within(std::uint64_t most, F f) {
    const test::alloc_scope scope;
    auto made = f();
    if (scope.peak() > most)
        std::fprintf(stderr, "%llu bytes were held, %llu are allowed\n",
                     static_cast<unsigned long long>(scope.peak()),
                     static_cast<unsigned long long>(most));
    FUZZ_CHECK(scope.peak() <= most);
    return made;
}
// Everything that the library takes after this is given back before it goes away.
class no_leaks {
  public:
    no_leaks() = default;
    no_leaks(const no_leaks&) = delete;
    no_leaks& operator=(const no_leaks&) = delete;
    ~no_leaks() { FUZZ_CHECK(test::allocs.blocks == blocks_); }

  private:
    std::uint64_t blocks_ = test::allocs.blocks;
};

// Takes an input apart, from the front. At its end there are zeros.
class input {
  public:
    input(const std::uint8_t* data, std::size_t size) : text_(text_of(data, size)) {}
    explicit input(std::string_view text) : text_(text) {}

    bool empty() const { return text_.empty(); }
    std::uint8_t byte() {
        if (text_.empty()) return 0;
        const char c = text_.front();
        text_.remove_prefix(1);
        return static_cast<std::uint8_t>(c);
    }
    std::uint64_t below(std::uint64_t n) {
        const std::uint64_t low = byte(), v = low | std::uint64_t{byte()} << 8;
        return n == 0 ? 0 : v % n;
    }
    // Up to a character, which is passed over; else all that is left.
    std::string_view to(char end) {
        const std::size_t n = text_.find(end);
        const std::string_view part = text_.substr(0, n);
        text_.remove_prefix(n == std::string_view::npos ? text_.size() : n + 1);
        return part;
    }
    std::string_view rest() const { return text_; }

  private:
    std::string_view text_;
};

}  // namespace fuzz

#endif  // AKA_FUZZ_HPP
