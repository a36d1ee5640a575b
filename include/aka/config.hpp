// aka: every macro of the library, and what it knows of compilers and systems.
//
// What a user may define before the first include (the same in every translation unit):
//   AKA_EXCEPTIONS   0 or 1: whether result<T>::value(), * and -> exist. Default: as the compiler.
//   AKA_MALLOC(n), AKA_REALLOC(p, n), AKA_FREE(p)
//                    the allocator of everything aka allocates. May return null: that becomes
//                    errc::out_of_memory, never a crash.
//   AKA_NO_MMAP      never map files; every open reads instead (some sandboxes and consoles).
//   AKA_NO_DISPATCH  decode with plain C++ only: no instructions that are chosen at run time.
#ifndef AKA_CONFIG_HPP
#define AKA_CONFIG_HPP

#include "version.hpp"

#ifndef AKA_EXCEPTIONS
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define AKA_EXCEPTIONS 1
#else
#define AKA_EXCEPTIONS 0
#endif
#endif

// Two copies of aka, of different versions or exception modes, can live in one program: each has
// its own inline namespace.
#define AKA_PASTE_(a, b, c, d) v##a##_##b##_##c##d
#define AKA_PASTE(a, b, c, d) AKA_PASTE_(a, b, c, d)
#if AKA_EXCEPTIONS
#define AKA_ABI AKA_PASTE(AKA_VERSION_MAJOR, AKA_VERSION_MINOR, AKA_VERSION_PATCH, )
#else
#define AKA_ABI AKA_PASTE(AKA_VERSION_MAJOR, AKA_VERSION_MINOR, AKA_VERSION_PATCH, _ne)
#endif
#define AKA_BEGIN   \
    namespace aka { \
    inline namespace AKA_ABI {
#define AKA_END \
    }           \
    }

#ifndef AKA_MALLOC
#if defined(__GNUC__) || defined(__clang__)  // these have the three without a header
#define AKA_MALLOC(n) __builtin_malloc(n)
#define AKA_REALLOC(p, n) __builtin_realloc(p, n)
#define AKA_FREE(p) __builtin_free(p)
#else
#include <cstdlib>
#define AKA_MALLOC(n) std::malloc(n)
#define AKA_REALLOC(p, n) std::realloc(p, n)
#define AKA_FREE(p) std::free(p)
#endif
#endif

#if defined(_WIN32)
#define AKA_WINDOWS 1
#else
#define AKA_WINDOWS 0
#endif

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__)
#define AKA_BIG_ENDIAN_HOST (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#else
#define AKA_BIG_ENDIAN_HOST 0
#endif

#if defined(__GNUC__) || defined(__clang__)
#define AKA_LIKELY(x) __builtin_expect(static_cast<bool>(x), 1)
#define AKA_COLD __attribute__((cold, noinline))
#define AKA_INLINE __attribute__((always_inline)) inline
#define AKA_PREFETCH(p) __builtin_prefetch(p, 1)
#elif defined(_MSC_VER)
#define AKA_LIKELY(x) (x)
#define AKA_COLD __declspec(noinline)
#define AKA_INLINE __forceinline
#define AKA_PREFETCH(p) ((void)(p))
#else
#define AKA_LIKELY(x) (x)
#define AKA_COLD
#define AKA_INLINE inline
#define AKA_PREFETCH(p) ((void)(p))
#endif

// Vectors of eight numbers by the extensions of gcc and clang: on x86-64 in functions for AVX2 and
// F16C, which run where the processor has both, on arm64 everywhere.
#if (defined(__GNUC__) || defined(__clang__)) && !defined(AKA_NO_DISPATCH) && \
    !AKA_BIG_ENDIAN_HOST && defined(__x86_64__)
#define AKA_VECTORS 1
#define AKA_VECTOR_FN __attribute__((target("avx2,f16c")))
#elif (defined(__GNUC__) || defined(__clang__)) && !defined(AKA_NO_DISPATCH) && \
    !AKA_BIG_ENDIAN_HOST && defined(__aarch64__)
#define AKA_VECTORS 1
#define AKA_VECTOR_FN
#else
#define AKA_VECTORS 0
#define AKA_VECTOR_FN
#endif
#define AKA_VECTOR_INLINE AKA_VECTOR_FN AKA_INLINE

// Marks a view that must not outlive what it was taken from; clang warns where it does.
#if defined(__clang__)
#define AKA_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define AKA_LIFETIMEBOUND
#endif

#endif  // AKA_CONFIG_HPP
