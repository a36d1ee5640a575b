// aka: memory in huge pages, where the system has them: a fresh page of 4 KiB costs more than
// copying into it.
#ifndef AKA_HUGE_PAGES_HPP
#define AKA_HUGE_PAGES_HPP

#include <cstddef>
#include <cstdint>

#include "config.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

AKA_BEGIN
namespace detail {

inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// The first multiple of a power of two from `p` on.
inline std::byte* aligned(void* p, std::size_t to) noexcept {
    const std::size_t over = reinterpret_cast<std::uintptr_t>(p) % to;
    return static_cast<std::byte*>(p) + (over == 0 ? 0 : to - over);
}

/// Asks for huge pages in `n` bytes from `at`, which is a multiple of their size.
inline void ask_for_huge_pages(std::byte* at, std::size_t n) noexcept {
#if defined(MADV_HUGEPAGE)
    if (n >= huge_page) (void)::madvise(at, n / huge_page * huge_page, MADV_HUGEPAGE);
#else
    (void)at, (void)n;
#endif
}

}  // namespace detail
AKA_END

#endif  // AKA_HUGE_PAGES_HPP
