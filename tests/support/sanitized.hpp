// Whether AddressSanitizer or ThreadSanitizer is at work, as g++ or clang++ tell: then time and
// memory are others.
#ifndef AKA_TEST_SANITIZED_HPP
#define AKA_TEST_SANITIZED_HPP

#include "files.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AKA_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AKA_TEST_SANITIZED 1
#endif
#endif
#ifndef AKA_TEST_SANITIZED
#define AKA_TEST_SANITIZED 0
#endif

namespace test {

// Whether times are worth judging: of optimised code that nothing watches or translates.
#if defined(__OPTIMIZE__) && !AKA_TEST_SANITIZED
constexpr bool timed = !emulated;
#else
constexpr bool timed = false;
#endif

}  // namespace test

#endif  // AKA_TEST_SANITIZED_HPP
