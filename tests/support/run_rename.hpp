// aka-rename, run as a user runs it.
#ifndef AKA_TEST_RUN_RENAME_HPP
#define AKA_TEST_RUN_RENAME_HPP

#include <doctest/doctest.h>

#include "json.hpp"
#include "programs.hpp"

#include <filesystem>
#include <string>
#include <vector>

#define NEEDS_RENAME() NEEDS_PROGRAM("aka-rename")

namespace test {

inline program_result run_rename(const std::vector<std::string>& arguments) {
    return run_named("aka-rename", arguments);
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
