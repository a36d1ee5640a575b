// The programs that were built beside the tests, run as a user runs them.
#ifndef AKA_TEST_PROGRAMS_HPP
#define AKA_TEST_PROGRAMS_HPP

#include <doctest/doctest.h>

#include "files.hpp"

#include <filesystem>
#include <string>
#include <vector>

#ifndef AKA_BINARY_DIR
#define AKA_BINARY_DIR "build"
#endif

// A program that was not built is no passed test.
#define NEEDS_PROGRAM(name)                                                       \
    do {                                                                          \
        if (!std::filesystem::exists(test::program_path(name)))                   \
            SKIP_TEST(std::string(name) + " was not built in " + AKA_BINARY_DIR); \
    } while (false)

namespace test {

inline std::string program_path(const std::string& name) {
#if defined(_WIN32)
    return AKA_BINARY_DIR "/" + name + ".exe";
#else
    return AKA_BINARY_DIR "/" + name;
#endif
}
/// The words of a command line, the program's own first. Nothing of the environment changes what
/// it prints but `environment`, words such as "COLUMNS=40".
inline std::string program_command(const std::string& name,
                                   const std::vector<std::string>& arguments,
                                   const std::string& environment = {}) {
    std::string line;
#if defined(_WIN32)
    (void)environment;
#else
    line = "env -u NO_COLOR -u COLUMNS LC_ALL=C TERM=xterm " + environment + " ";
#endif
    line += std::string(AKA_TEST_EMULATOR) + " " + shell_quote(program_path(name));
    for (const std::string& a : arguments) line += " " + shell_quote(a);
    return line;
}
inline program_result run_named(const std::string& name, const std::vector<std::string>& arguments,
                                const std::string& environment = {}) {
    return run_program(program_command(name, arguments, environment));
}

}  // namespace test

#endif  // AKA_TEST_PROGRAMS_HPP
