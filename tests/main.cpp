// The doctest main. Where tests were skipped (SKIP_TEST in support/files.hpp) and none failed, the
// program ends with 77, which CTest and Meson show as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
// With AddressSanitizer, a crash is its to report.
#if defined(__SANITIZE_ADDRESS__)
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#endif
#endif
#include <doctest/doctest.h>

#include "support/files.hpp"

int main(int argc, char** argv) {
    doctest::Context context;
    context.applyCommandLine(argc, argv);
    const int result = context.run();
    if (context.shouldExit()) return result;
    return result == 0 && test::skipped_tests > 0 ? 77 : result;
}
