// That this program compiled and linked is most of the test. What is left to ask: two versions of
// the library in one program stay apart and both work.
#include <cstdio>
#include <cstring>

#include "versions.hpp"

int main() {
#ifdef AKA_TEST_OTHER_VERSION
    const bool apart =
        this_version() != other_version() && this_version_function() != other_version_function();
    const bool work = std::strcmp(this_version_word(), other_version_word()) == 0;
    std::printf("versions %d and %d: %s, %s\n", this_version(), other_version(),
                apart ? "apart" : "MIXED", work ? "both work" : "BROKEN");
    return apart && work ? 0 : 1;
#else
    std::printf("no single header to compare versions with\n");
    return 0;
#endif
}
