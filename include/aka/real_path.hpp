// aka: where a file or folder is, whatever leads there.
#ifndef AKA_REAL_PATH_HPP
#define AKA_REAL_PATH_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdlib>

#include "path.hpp"
#include "raw_file.hpp"

AKA_BEGIN
namespace detail {

/// Its own path, without symbolic links: from the root, so that it stays the same wherever the
/// process goes. (Windows: as it was given.)
inline int real_path(const path& p, path& out) noexcept {
#if AKA_WINDOWS
    return behind_links(p, out);
#else
    char* r = ::realpath(p.c_str(), nullptr);
    if (r == nullptr) return errno;
    out = path(static_cast<const char*>(r));
    std::free(r);
    return out.ok() ? 0 : ENOMEM;
#endif
}

}  // namespace detail
AKA_END

#endif  // AKA_REAL_PATH_HPP
