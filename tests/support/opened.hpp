// Files as a reader finds them: through aka, which finishes or undoes what was interrupted.
#ifndef AKA_TEST_OPENED_HPP
#define AKA_TEST_OPENED_HPP

#include <aka/mapped_file.hpp>

#include "outcome.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

namespace test {

inline aka::mapped_file opened(const std::filesystem::path& p, aka::access how = aka::access::map) {
    aka::result<aka::mapped_file> r = aka::mapped_file::open(p, how);
    REQUIRE_OK(r);
    return std::move(*r.get_if());
}

// All that it holds, or the error.
inline std::string read_opened(const std::filesystem::path& p) {
    const auto f = aka::mapped_file::open(p, aka::access::read);
    if (!f) return "error: " + said(f);
    std::string s(static_cast<std::size_t>(f.get_if()->size()), '\0');
    const aka::status r = f.get_if()->read(0, {reinterpret_cast<std::byte*>(s.data()), s.size()});
    return r ? s : "error: " + said(r);
}

// How many names a folder has.
inline std::size_t entries(const std::filesystem::path& folder) {
    std::size_t n = 0;
    for (const auto& e : std::filesystem::directory_iterator(folder))
        n += e.is_symlink() || e.exists();
    return n;
}

}  // namespace test

#endif  // AKA_TEST_OPENED_HPP
