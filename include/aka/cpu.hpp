// aka: what this processor can do, asked once.
#ifndef AKA_CPU_HPP
#define AKA_CPU_HPP

#include "config.hpp"

AKA_BEGIN
namespace detail {

#if AKA_VECTORS && defined(__x86_64__)

struct cpuid_registers {
    unsigned a, b, c, d;
};
inline cpuid_registers cpuid(unsigned leaf, unsigned subleaf) noexcept {
    cpuid_registers r{};
    __asm__ volatile("cpuid"
                     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                     : "a"(leaf), "c"(subleaf));
    return r;
}
/// AVX2 and F16C, and a system that saves their registers.
inline bool ask_for_vectors() noexcept {
    constexpr unsigned xsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29, avx2 = 1u << 5;
    if (cpuid(0, 0).a < 7) return false;
    if ((cpuid(1, 0).c & (xsave | avx | f16c)) != (xsave | avx | f16c)) return false;
    unsigned saved = 0, upper = 0;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(upper) : "c"(0));
    return (saved & 6) == 6 && (cpuid(7, 0).b & avx2) != 0;
}
/// Asking is slow on virtual machines: the answer is kept. Threads that ask at the same time find
/// the same, so the order in which they write it does not matter.
inline bool has_vectors() noexcept {
    static unsigned char answer = 0;  // 1: no, 2: yes
    unsigned char known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
    if (known == 0) {
        known = ask_for_vectors() ? 2 : 1;
        __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
    }
    return known == 2;
}

#else

/// Elsewhere the vector paths, if there are any, are for every processor.
constexpr bool has_vectors() noexcept { return AKA_VECTORS != 0; }

#endif

}  // namespace detail
AKA_END

#endif  // AKA_CPU_HPP
