// Whether AddressSanitizer is at work, as g++ or clang++ tell: then time and memory are others.
#ifndef AKA_TEST_SANITIZED_HPP
#define AKA_TEST_SANITIZED_HPP

#if defined(__SANITIZE_ADDRESS__)
#define AKA_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AKA_TEST_SANITIZED 1
#endif
#endif
#ifndef AKA_TEST_SANITIZED
#define AKA_TEST_SANITIZED 0
#endif

// Whether times are worth judging.
#if defined(__OPTIMIZE__) && !AKA_TEST_SANITIZED
#define AKA_TEST_TIMED 1
#else
#define AKA_TEST_TIMED 0
#endif

#endif  // AKA_TEST_SANITIZED_HPP
