// Counts and limits what the library allocates: it takes memory only through AKA_MALLOC,
// AKA_REALLOC and AKA_FREE, and this header defines them.
//
// Force-include it (-include tests/support/alloc.hpp, /FI for MSVC) into EVERY source file of a
// test binary: inline functions of the library that call malloc in one file and these in another
// would be two definitions of one function. Files without it belong in another binary.
#ifndef AKA_TEST_ALLOC_HPP
#define AKA_TEST_ALLOC_HPP

#if defined(AKA_MALLOC) || defined(AKA_REALLOC) || defined(AKA_FREE)
#error "tests/support/alloc.hpp must come before every aka header: force-include it"
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace test {

inline constexpr std::uint64_t no_limit = UINT64_MAX;

struct alloc_counters {
    std::atomic<std::uint64_t> current{0};  // bytes held now
    std::atomic<std::uint64_t> peak{0};     // most bytes held at once
    std::atomic<std::uint64_t> largest{0};  // largest single request, refused ones included
    std::atomic<std::uint64_t> count{0};    // requests, refused ones included
    std::atomic<std::uint64_t> blocks{0};   // blocks held now
    std::atomic<std::uint64_t> refused{0};  // requests that failed
    std::atomic<std::uint64_t> fail_first{no_limit};  // requests from this one on fail (0 = first)
    std::atomic<std::uint64_t> fail_last{no_limit};   // ... up to this one
    std::atomic<std::uint64_t> fail_above{no_limit};  // requests of more bytes than this fail
};

inline alloc_counters allocs;

namespace detail {

// In front of each block: its size. As large as the strictest alignment, to keep the block aligned.
inline constexpr std::size_t alloc_header =
    alignof(std::max_align_t) < 16 ? 16 : alignof(std::max_align_t);

inline void raise(std::atomic<std::uint64_t>& value, std::uint64_t to) {
    std::uint64_t seen = value.load();
    while (seen < to && !value.compare_exchange_weak(seen, to)) {
    }
}

inline bool alloc_allowed(std::size_t n) {
    const std::uint64_t number = allocs.count.fetch_add(1);
    raise(allocs.largest, n);
    const bool fails = (number >= allocs.fail_first && number <= allocs.fail_last) ||
                       n > allocs.fail_above || n > SIZE_MAX - alloc_header;
    if (fails) ++allocs.refused;
    return !fails;
}

// Puts the size in front and counts the block as held.
inline void* alloc_adopt(void* base, std::size_t n) {
    const std::uint64_t size = n;
    std::memcpy(base, &size, sizeof size);
    ++allocs.blocks;
    raise(allocs.peak, allocs.current.fetch_add(size) + size);
    return static_cast<char*>(base) + alloc_header;
}

inline char* alloc_base(void* p) { return static_cast<char*>(p) - alloc_header; }

inline std::uint64_t alloc_size(void* p) {
    std::uint64_t size = 0;
    std::memcpy(&size, alloc_base(p), sizeof size);
    return size;
}

inline void alloc_forget(std::uint64_t size) {
    --allocs.blocks;
    allocs.current -= size;
}

}  // namespace detail

inline void* counting_malloc(std::size_t n) {
    if (!detail::alloc_allowed(n)) return nullptr;
    void* base = std::malloc(n + detail::alloc_header);
    return base == nullptr ? nullptr : detail::alloc_adopt(base, n);
}

inline void counting_free(void* p) {
    if (p == nullptr) return;
    detail::alloc_forget(detail::alloc_size(p));
    std::free(detail::alloc_base(p));
}

// As realloc: a failure leaves the block alone. A size of 0 keeps a block of 0 bytes.
inline void* counting_realloc(void* p, std::size_t n) {
    if (p == nullptr) return counting_malloc(n);
    if (!detail::alloc_allowed(n)) return nullptr;
    const std::uint64_t old = detail::alloc_size(p);
    void* base = std::realloc(detail::alloc_base(p), n + detail::alloc_header);
    if (base == nullptr) return nullptr;
    detail::alloc_forget(old);
    return detail::alloc_adopt(base, n);
}

// Counts from its construction, lifts every limit when it goes away:
//     test::alloc_scope scope;
//     scope.fail_at(k);              // the k-th request from now, from 0, fails
//     ... scope.peak() ...           // bytes above what was held before
class alloc_scope {
  public:
    alloc_scope() : held_(allocs.current), blocks_(allocs.blocks) { restart(); }
    alloc_scope(const alloc_scope&) = delete;
    alloc_scope& operator=(const alloc_scope&) = delete;
    ~alloc_scope() { lift(); }

    void fail_at(std::uint64_t k) { fail_between(k, k); }
    void fail_from(std::uint64_t k) { fail_between(k, no_limit - 1); }
    void fail_above(std::uint64_t bytes) { allocs.fail_above = bytes; }
    void lift() {
        allocs.fail_first = no_limit;
        allocs.fail_last = no_limit;
        allocs.fail_above = no_limit;
    }
    void restart() {
        lift();
        allocs.count = 0;
        allocs.refused = 0;
        allocs.largest = 0;
        allocs.peak = allocs.current.load();
    }

    std::uint64_t count() const { return allocs.count; }
    std::uint64_t refused() const { return allocs.refused; }
    std::uint64_t largest() const { return allocs.largest; }
    std::uint64_t peak() const { return allocs.peak - held_; }
    // What was taken since and not given back.
    std::int64_t held() const { return static_cast<std::int64_t>(allocs.current - held_); }
    std::int64_t blocks() const { return static_cast<std::int64_t>(allocs.blocks - blocks_); }

  private:
    void fail_between(std::uint64_t first, std::uint64_t last) {
        const std::uint64_t now = allocs.count;
        allocs.fail_last = last > no_limit - 1 - now ? no_limit - 1 : now + last;
        allocs.fail_first = now + first;
    }

    std::uint64_t held_, blocks_;
};

// Requests while it lives are neither refused nor counted: what a test itself does with the
// library's own functions in the middle of a scope.
class alloc_pause {
  public:
    alloc_pause() = default;
    alloc_pause(const alloc_pause&) = delete;
    alloc_pause& operator=(const alloc_pause&) = delete;
    ~alloc_pause() {
        allocs.count = count_;
        allocs.fail_first = first_;
        allocs.fail_last = last_;
        allocs.fail_above = above_;
    }

  private:
    const std::uint64_t count_ = allocs.count;
    const std::uint64_t first_ = allocs.fail_first.exchange(no_limit);
    const std::uint64_t last_ = allocs.fail_last.exchange(no_limit);
    const std::uint64_t above_ = allocs.fail_above.exchange(no_limit);
};

}  // namespace test

#define AKA_MALLOC(n) (::test::counting_malloc(n))
#define AKA_REALLOC(p, n) (::test::counting_realloc((p), (n)))
#define AKA_FREE(p) (::test::counting_free(p))

#endif  // AKA_TEST_ALLOC_HPP
