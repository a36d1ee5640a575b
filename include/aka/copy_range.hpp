// aka: bytes from one file to another by the cheapest way there is: blocks that both files share,
// holes that stay holes, the system's own copying, large reads and writes.
#ifndef AKA_COPY_RANGE_HPP
#define AKA_COPY_RANGE_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdint>

#if defined(__linux__)
#include <sys/ioctl.h>
#include <sys/syscall.h>
#endif

#include "arena.hpp"
#include "raw_file.hpp"

AKA_BEGIN
namespace detail {

/// What became of the bytes that were to be copied.
struct copy_counts {
    std::uint64_t copied = 0;   // read and written
    std::uint64_t shared = 0;   // blocks that both files have now
    std::uint64_t skipped = 0;  // holes, left as holes
};

/// Copies ranges of one file into another, which has nothing there yet.
class range_copier {
  public:
    /// `shares`: whether it is worth trying to share blocks.
    explicit range_copier(raw_file::native to, bool shares = true) noexcept
        : to_(to), shares_(shares) {}
    bool shares() const noexcept { return shares_; }

    /// Blocks are shared in this unit; source and destination have to agree modulo it.
    static constexpr std::uint64_t block = 4096;

    copy_counts counts;

    /// 0, the system's error, or raw_file::ended; then `reading` tells whose it is.
    int copy(raw_file::native from, std::uint64_t at, std::uint64_t to, std::uint64_t n,
             bool& reading) noexcept {
        reading = false;
        // Less than this is copied faster than it is shared, and leaves fewer extents.
        constexpr std::uint64_t least = std::uint64_t{1} << 16;
        if (shares_ && at % block == to % block && n >= least) {
            std::uint64_t lead = (block - at % block) % block;
            std::uint64_t middle = (n - lead) / block * block;
            if (share(from, at + lead, to + lead, middle)) {
                counts.shared += middle;
                if (int os = plain(from, at, to, lead, reading); os != 0) return os;
                at += lead + middle, to += lead + middle, n -= lead + middle;
            }
        }
        return plain(from, at, to, n, reading);
    }

    /// Whether blocks of that file can be shared: tries it with one, at the start.
    bool can_share(raw_file::native from, std::uint64_t size) noexcept {
        if (size >= block && shares_ && !share(from, 0, 0, block)) shares_ = false;
        return shares_ && size >= block;
    }

  private:
    static constexpr std::size_t buffer_size = std::size_t{1} << 20;

    bool share(raw_file::native from, std::uint64_t at, std::uint64_t to,
               std::uint64_t n) noexcept {
#if defined(__linux__)
        struct {  // struct file_clone_range
            std::int64_t source;
            std::uint64_t at, n, to;
        } r = {from, at, n, to};
        if (uninterrupted([&] { return ::ioctl(to_, _IOW(0x94, 13, decltype(r)), &r); }) == 0)
            return true;
        shares_ = false;  // another file system, or one that cannot: no use asking again
#else
        (void)from, (void)at, (void)to, (void)n;
#endif
        return false;
    }

    // A fresh file reads as zeros, and so do holes: they need not be written.
    int plain(raw_file::native from, std::uint64_t at, std::uint64_t to, std::uint64_t n,
              bool& reading) noexcept {
#if defined(SEEK_DATA) && defined(SEEK_HOLE) && !AKA_WINDOWS
        // Small ranges have small holes.
        while (n >= buffer_size) {
            auto data = seek_file(from, at, SEEK_DATA);
            if (data < 0 && errno != ENXIO) break;  // the file system does not tell
            std::uint64_t begin = data < 0 ? at + n : static_cast<std::uint64_t>(data);
            if (begin < at) break;
            std::uint64_t hole = begin - at < n ? begin - at : n;
            at += hole, to += hole, n -= hole, counts.skipped += hole;
            if (n == 0) return 0;
            auto stop = seek_file(from, at, SEEK_HOLE);
            std::uint64_t end = stop < 0 ? at + n : static_cast<std::uint64_t>(stop);
            std::uint64_t k = end > at && end - at < n ? end - at : n;
            if (int os = data_range(from, at, to, k, reading); os != 0) return os;
            at += k, to += k, n -= k;
        }
#endif
        return data_range(from, at, to, n, reading);
    }

    int data_range(raw_file::native from, std::uint64_t at, std::uint64_t to, std::uint64_t n,
                   bool& reading) noexcept {
#if defined(SYS_copy_file_range)
        // In another phase the system would take each page in two halves.
        while (n >= buffer_size && in_kernel_ && at % block == to % block) {
            auto source = static_cast<long long>(at), target = static_cast<long long>(to);
            std::size_t k = n < most_at_once ? static_cast<std::size_t>(n) : most_at_once;
            long done = ::syscall(SYS_copy_file_range, from, &source, to_, &target, k, 0);
            if (done < 0 && errno == EINTR) continue;
            if (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) return errno;
            // Another file system, an old kernel, or (0) a file that it does not really read.
            if (done <= 0) {
                in_kernel_ = false;
                break;
            }
            auto moved = static_cast<std::uint64_t>(done);
            at += moved, to += moved, n -= moved, counts.copied += moved;
        }
#endif
        if (n == 0) return 0;
        if (buffer_.empty() && !buffer_.resize(buffer_size)) return ENOMEM;
        borrowed source(from), target(to_);
        while (n != 0) {
            std::size_t k = buffer_size - static_cast<std::size_t>(to % block);
            if (n < k) k = static_cast<std::size_t>(n);
            if (int os = source.file.read(at, buffer_.data(), k); os != 0)
                return reading = true, os;
            if (int os = target.file.write(to, buffer_.data(), k); os != 0) return os;
            at += k, to += k, n -= k, counts.copied += k;
        }
        return 0;
    }

    struct borrowed {
        raw_file file;
        explicit borrowed(raw_file::native f) noexcept { file.adopt(f); }
        ~borrowed() { file.release(); }
    };

    raw_file::native to_;
    bool shares_;
    [[maybe_unused]] bool in_kernel_ = true;  // Linux alone can
    growing<std::byte> buffer_;
};

}  // namespace detail
AKA_END

#endif  // AKA_COPY_RANGE_HPP
