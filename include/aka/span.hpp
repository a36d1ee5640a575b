// aka: a pointer and a count, until C++20 is everywhere.
#ifndef AKA_SPAN_HPP
#define AKA_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "config.hpp"

AKA_BEGIN

/// A view of `size()` elements that somebody else owns. Converts from anything contiguous that
/// has `data()` and `size()` (std::span, std::vector, std::array), and to any class that can be
/// made from a pointer and a count (std::span again), without including either.
template <class T>
class span {
  public:
    /// As of std::span.
    ///@{
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using iterator = T*;
    ///@}

    constexpr span() noexcept = default;
    /// Borrows `size` elements from `data` on.
    constexpr span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
    /// Borrows an array.
    template <std::size_t N>
    constexpr span(T (&a)[N]) noexcept : data_(a), size_(N) {}
    /// Borrows what has data() and size(), which has to outlive it.
    template <class C,
              class = std::enable_if_t<
                  !std::is_array_v<std::remove_reference_t<C>> &&
                  std::is_convertible_v<
                      std::remove_pointer_t<decltype(std::declval<C&>().data())> (*)[], T (*)[]> &&
                  std::is_integral_v<decltype(std::declval<C&>().size())>>>
    constexpr span(C&& c) noexcept : data_(c.data()), size_(c.size()) {}

    /// As another span, or a vector of copies.
    template <class S, class = std::enable_if_t<!std::is_arithmetic_v<S> &&
                                                std::is_constructible_v<S, T*, std::size_t> &&
                                                !std::is_same_v<S, std::string_view>>>
    constexpr explicit operator S() const noexcept {
        return S(data_, size_);
    }

    /// As of std::span; no index is checked.
    ///@{
    constexpr T* data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }
    constexpr T& front() const noexcept { return data_[0]; }
    constexpr T& back() const noexcept { return data_[size_ - 1]; }
    constexpr T* begin() const noexcept { return data_; }
    constexpr T* end() const noexcept { return data_ + size_; }
    ///@}

    /// Elements [first, first + count); both are clamped to what is there.
    constexpr span subspan(std::size_t first, std::size_t count = SIZE_MAX) const noexcept {
        if (first > size_) first = size_;
        return {data_ + first, count < size_ - first ? count : size_ - first};
    }
    /// The first `count`, clamped likewise.
    constexpr span first(std::size_t count) const noexcept { return subspan(0, count); }

  private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Bytes of a file. `as_bytes` looks at anything contiguous as such.
using byte_span = span<const std::byte>;

template <class T>
byte_span as_bytes(span<T> s) noexcept {
    return {reinterpret_cast<const std::byte*>(s.data()), s.size_bytes()};
}
inline byte_span as_bytes(std::string_view s) noexcept {
    return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}

AKA_END

#endif  // AKA_SPAN_HPP
