// aka: one range of a file read into many places, where the system has it with one call.
#ifndef AKA_READ_PIECES_HPP
#define AKA_READ_PIECES_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdint>

#if defined(__linux__)
#include <sys/uio.h>
#endif

#include "raw_file.hpp"
#include "span.hpp"

AKA_BEGIN
namespace detail {

#if defined(__linux__)
inline long read_vector(int fd, const ::iovec* v, int n, std::uint64_t at) noexcept {
#if defined(__USE_LARGEFILE64) && defined(__GLIBC__) && !defined(__LP64__)  // see raw_file.hpp
    return static_cast<long>(::preadv64(fd, v, n, static_cast<file_offset>(at)));
#else
    return static_cast<long>(::preadv(fd, v, n, static_cast<file_offset>(at)));
#endif
}

/// One range of the file into one place after the other. Returns as raw_file's functions do.
inline int read_pieces(const raw_file& f, std::uint64_t at,
                       span<const span<std::byte>> to) noexcept {
    constexpr std::size_t most = 256;  // of 1,024 that the system takes
    ::iovec v[most];
    for (std::size_t i = 0; i < to.size();) {
        std::size_t n = 0, bytes = 0;
        for (; n < most && i + n < to.size() && bytes < most_at_once; ++n) {
            v[n].iov_base = to[i + n].data();
            v[n].iov_len = to[i + n].size();
            bytes += to[i + n].size();
        }
        long k = read_vector(f.get(), v, static_cast<int>(n), at);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return errno;
        auto left = static_cast<std::size_t>(k);
        for (const std::size_t stop = i + n; i < stop; ++i) {
            const std::size_t size = to[i].size(), have = left < size ? left : size;
            at += have, left -= have;
            if (have == size) continue;
            // Cut short: what this piece lacks is read by itself, the others again together.
            if (int os = f.read(at, to[i].data() + have, size - have); os != 0) return os;
            at += size - have, ++i;
            break;
        }
    }
    return 0;
}
#else
inline int read_pieces(const raw_file& f, std::uint64_t at,
                       span<const span<std::byte>> to) noexcept {
    for (const span<std::byte>& s : to) {
        if (int os = f.read(at, s.data(), s.size()); os != 0) return os;
        at += s.size();
    }
    return 0;
}
#endif

}  // namespace detail
AKA_END

#endif  // AKA_READ_PIECES_HPP
