// aka-rename, run as a user runs it.
#ifndef AKA_TEST_RUN_RENAME_HPP
#define AKA_TEST_RUN_RENAME_HPP

#include <doctest/doctest.h>

#include "files.hpp"
#include "json.hpp"

#include <filesystem>
#include <string>
#include <vector>

#ifndef AKA_BINARY_DIR
#define AKA_BINARY_DIR "build"
#endif

#define NEEDS_RENAME()                                                             \
    do {                                                                           \
        if (!std::filesystem::exists(test::rename_program()))                      \
            SKIP_TEST(std::string("aka-rename was not built in " AKA_BINARY_DIR)); \
    } while (false)

namespace test {

inline std::string rename_program() {
#if defined(_WIN32)
    return AKA_BINARY_DIR "/aka-rename.exe";
#else
    return AKA_BINARY_DIR "/aka-rename";
#endif
}
inline program_result run_rename(const std::vector<std::string>& arguments) {
#if defined(_WIN32)
    std::string line = shell_quote(rename_program());
#else
    std::string line =
        "env -u NO_COLOR -u COLUMNS LC_ALL=C TERM=xterm " + shell_quote(rename_program());
#endif
    for (const std::string& a : arguments) line += " " + shell_quote(a);
    return run_program(line);
}
// With the exit status that it must have; what it says where it has another one.
inline program_result run_rename(int status, const std::vector<std::string>& arguments) {
    program_result r = run_rename(arguments);
    CHECK_MESSAGE(r.exit_code == status, r.err, r.out);
    return r;
}
inline json rename_json(int status, std::vector<std::string> arguments) {
    arguments.push_back("--json");
    return json::parse(run_rename(status, arguments).out);
}
inline bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace test

#endif  // AKA_TEST_RUN_RENAME_HPP
