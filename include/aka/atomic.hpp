// aka: the three things that threads do to one number. <atomic> costs more lines than a reader.
#ifndef AKA_ATOMIC_HPP
#define AKA_ATOMIC_HPP

#include <cstdint>

#include "config.hpp"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

AKA_BEGIN
namespace detail {

/// Adds, and returns the sum. Nothing that the program says before it happens after it, nor the
/// other way round.
inline std::uint32_t atomic_add(std::uint32_t& n, std::uint32_t change) noexcept {
#if defined(__GNUC__) || defined(__clang__)
    return __atomic_add_fetch(&n, change, __ATOMIC_ACQ_REL);
#else
    auto* p = reinterpret_cast<volatile long*>(&n);
    return static_cast<std::uint32_t>(_InterlockedExchangeAdd(p, static_cast<long>(change))) +
           change;
#endif
}
inline std::uint64_t atomic_add(std::uint64_t& n, std::uint64_t change) noexcept {
#if defined(__GNUC__) || defined(__clang__)
    return __atomic_add_fetch(&n, change, __ATOMIC_ACQ_REL);
#else
    auto* p = reinterpret_cast<volatile long long*>(&n);
    return static_cast<std::uint64_t>(
               _InterlockedExchangeAdd64(p, static_cast<long long>(change))) +
           change;
#endif
}
inline std::uint32_t atomic_get(const std::uint32_t& n) noexcept {
    return atomic_add(const_cast<std::uint32_t&>(n), 0);
}

}  // namespace detail
AKA_END

#endif  // AKA_ATOMIC_HPP
