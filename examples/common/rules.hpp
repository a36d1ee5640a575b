// A user's table of conventions, from a file, beside the built-in ones.
#ifndef AKA_CLI_RULES_HPP
#define AKA_CLI_RULES_HPP

#include <aka/mapped_file.hpp>
#include <aka/names.hpp>

#include <cstddef>
#include <string>

namespace cli {

// Errors: those of opening the file; of the table, with file, line and column.
inline aka::status add_rules(aka::catalog& known, const std::string& path) {
    const auto file = aka::mapped_file::open(path);
    if (!file) return file.error();
    return known.add(
        {reinterpret_cast<const char*>(file->data()), static_cast<std::size_t>(file->size())},
        path);
}
// The exit status for that: a wrong table is wrong usage (2), a file that is not read 3.
inline int rules_status(const aka::error& e) {
    return e.code() == aka::errc::bad_table || e.code() == aka::errc::bad_layout ? 2 : 3;
}

// The conventions that a shell offers. A word with a colon is two for bash, so GGUF's architectures
// are left to those who type them.
inline std::string offered_conventions() {
    std::string out = "hf gguf meta";
    const auto known = aka::catalog::builtin();
    if (!known) return out;
    for (const aka::convention* c : known.get_if()->conventions())
        if (c->id().find(':') == c->id().npos && c->not_llama().empty() && c->id() != "gguf" &&
            c->id() != "others")
            (out += ' ') += c->id();
    return out;
}

}  // namespace cli

#endif  // AKA_CLI_RULES_HPP
