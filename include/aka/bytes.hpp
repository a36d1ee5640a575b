// aka: arithmetic that notices overflow, loads that say their byte order, and a reader of bytes
// that cannot leave them.
#ifndef AKA_BYTES_HPP
#define AKA_BYTES_HPP

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "span.hpp"

AKA_BEGIN
namespace detail {

// All sums and products on data of a file go through these. False: the result does not fit.
#if defined(__GNUC__) || defined(__clang__)
constexpr bool checked_add(std::uint64_t a, std::uint64_t b, std::uint64_t& out) noexcept {
    return !__builtin_add_overflow(a, b, &out);
}
constexpr bool checked_mul(std::uint64_t a, std::uint64_t b, std::uint64_t& out) noexcept {
    return !__builtin_mul_overflow(a, b, &out);
}
#else
constexpr bool checked_add(std::uint64_t a, std::uint64_t b, std::uint64_t& out) noexcept {
    return out = a + b, out >= a;
}
constexpr bool checked_mul(std::uint64_t a, std::uint64_t b, std::uint64_t& out) noexcept {
    return out = a * b, a == 0 || out / a == b;
}
#endif

/// The next multiple of `alignment`, a power of two. False: it does not fit.
constexpr bool checked_align(std::uint64_t n, std::uint64_t alignment,
                             std::uint64_t& out) noexcept {
    if (!checked_add(n, alignment - 1, out)) return false;
    return out &= ~(alignment - 1), true;
}

/// Whether a count of bytes can be a size in memory here (32-bit systems: less than files have).
constexpr bool fits_memory(std::uint64_t n) noexcept { return n <= SIZE_MAX / 2; }

template <class T>
constexpr T byte_swapped(T v) noexcept {
    static_assert(std::is_integral_v<T>);
    auto u = static_cast<std::make_unsigned_t<T>>(v);
    std::make_unsigned_t<T> r = 0;
    for (unsigned i = 0; i < sizeof(T); ++i) {
        r = static_cast<std::make_unsigned_t<T>>(
            r | (((u >> (8 * i)) & 0xff) << (8 * (sizeof(T) - 1 - i))));
    }
    return static_cast<T>(r);
}

// Loads from any address: files promise no alignment.
template <class T>
AKA_INLINE T load_native(const void* p) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T v;
    std::memcpy(&v, p, sizeof(T));
    return v;
}
template <class T, bool Swap>
AKA_INLINE T load_as(const void* p) noexcept {
    if constexpr (sizeof(T) == 1 || !Swap) {
        return load_native<T>(p);
    } else {
        using bits =
            std::conditional_t<sizeof(T) == 2, std::uint16_t,
                               std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
        bits b = byte_swapped(load_native<bits>(p));
        return load_native<T>(&b);
    }
}
template <class T>
AKA_INLINE T load_le(const void* p) noexcept {
    return load_as<T, AKA_BIG_ENDIAN_HOST>(p);
}
template <class T>
AKA_INLINE T load_be(const void* p) noexcept {
    return load_as<T, !AKA_BIG_ENDIAN_HOST>(p);
}

/// Reads fixed-size values one after the other and never past the end. A read that does not fit
/// returns zero and makes the cursor fail for good; the caller looks at `ok()` when it matters.
/// `pos()` is then the byte at which the read began.
class cursor {
  public:
    cursor(byte_span bytes, bool swap) noexcept
        : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()), swap_(swap) {}

    bool ok() const noexcept { return ok_; }
    std::uint64_t pos() const noexcept { return static_cast<std::uint64_t>(at_ - begin_); }
    std::uint64_t left() const noexcept { return static_cast<std::uint64_t>(end_ - at_); }
    const std::byte* at() const noexcept { return at_; }

    template <class T>
    T get() noexcept {
        if (!need(sizeof(T))) return T{};
        T v = swap_ ? load_be_or_le<T, true>(at_) : load_be_or_le<T, false>(at_);
        at_ += sizeof(T);
        return v;
    }
    /// `n` bytes where they lie; null when there are not so many.
    const std::byte* take(std::uint64_t n) noexcept {
        if (!need(n)) return nullptr;
        const std::byte* p = at_;
        at_ += n;
        return p;
    }
    /// For a reader that has looked at `left()` itself.
    void jump(const std::byte* to) noexcept { at_ = to; }
    bool need(std::uint64_t n) noexcept {
        if (!AKA_LIKELY(n <= left())) ok_ = false;
        return ok_;
    }

  private:
    // `swap` is relative to the formats' usual order, little-endian, not to this machine's.
    template <class T, bool Big>
    static T load_be_or_le(const void* p) noexcept {
        if constexpr (Big)
            return load_be<T>(p);
        else
            return load_le<T>(p);
    }

    const std::byte* begin_;
    const std::byte* at_;
    const std::byte* end_;
    bool swap_;
    bool ok_ = true;
};

/// In-place heap sort, n log n on any input: the order of a file's tensors is the file's choice.
template <class T, class Less>
void sort(T* a, std::size_t n, Less less) noexcept {
    auto sift = [&](std::size_t root, std::size_t end) {
        for (std::size_t child; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && less(a[child], a[child + 1])) ++child;
            if (!less(a[root], a[child])) return;
            T t = a[root];
            a[root] = a[child];
            a[child] = t;
        }
    };
    for (std::size_t i = n / 2; i-- > 0;) sift(i, n);
    for (std::size_t end = n; end > 1;) {
        --end;
        T t = a[0];
        a[0] = a[end];
        a[end] = t;
        sift(0, end);
    }
}

}  // namespace detail
AKA_END

#endif  // AKA_BYTES_HPP
