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

}  // namespace cli

#endif  // AKA_CLI_RULES_HPP
