// aka: where a file's blocks lie on the disk, and room made or taken away in front of them without
// moving them (Linux: ext4 and XFS).
#ifndef AKA_EXTENTS_HPP
#define AKA_EXTENTS_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/ioctl.h>
#if defined(FALLOC_FL_INSERT_RANGE) && defined(FALLOC_FL_COLLAPSE_RANGE)
#define AKA_CAN_INSERT 1
#endif
#endif
#ifndef AKA_CAN_INSERT
#define AKA_CAN_INSERT 0
#endif

#include "arena.hpp"
#include "bytes.hpp"
#include "raw_file.hpp"

AKA_BEGIN
namespace detail {

/// A run of blocks: where in the file, where on the disk, how long; in bytes.
struct extent {
    std::uint64_t logical, physical, length;
};

#if AKA_CAN_INSERT

/// Room of `n` bytes at the start of a file, before all that it has.
inline int insert_front(int fd, std::uint64_t n) noexcept {
    int r = uninterrupted(
        [&] { return ::fallocate64(fd, FALLOC_FL_INSERT_RANGE, 0, static_cast<::off64_t>(n)); });
    return r == 0 ? 0 : errno;
}
/// Takes [at, at + n) out of the file.
inline int take_out(int fd, std::uint64_t at, std::uint64_t n) noexcept {
    int r = uninterrupted([&] {
        return ::fallocate64(fd, FALLOC_FL_COLLAPSE_RANGE, static_cast<::off64_t>(at),
                             static_cast<::off64_t>(n));
    });
    return r == 0 ? 0 : errno;
}

/// The extents of [from, to), which is cut to whole blocks by the caller. What was written is
/// flushed first, so that it has a place. EOPNOTSUPP: the file system does not tell, or the data
/// lies in no blocks of its own.
inline int extents_of(int fd, std::uint64_t from, std::uint64_t to, growing<extent>& out) noexcept {
    // The system's struct fiemap and its extents.
    struct entry {
        std::uint64_t logical, physical, length, reserved[2];
        std::uint32_t flags, more[3];
    };
    struct request_head {
        std::uint64_t start, length;
        std::uint32_t flags, mapped, count, reserved;
    };
    struct {
        request_head head;
        entry entries[72];
    } r;
    constexpr std::uint32_t sync = 1, last = 1,
                            odd = 0x0002 | 0x0004 | 0x0008 | 0x0080 | 0x0100 | 0x0200 | 0x0400;
    constexpr std::size_t most = std::size_t{1} << 20;
    out.clear();
    while (from < to) {
        std::memset(&r.head, 0, sizeof r.head);
        r.head.start = from;
        r.head.length = to - from;
        r.head.flags = sync;
        r.head.count = 72;
        int done = ::ioctl(fd, _IOWR('f', 11, request_head), &r);
        if (done != 0) {
            if (errno == EINTR) continue;
            return errno == ENOTTY || errno == EBADR ? EOPNOTSUPP : errno;
        }
        if (r.head.mapped == 0) break;
        for (std::uint32_t i = 0; i < r.head.mapped; ++i) {
            entry& e = r.entries[i];
            if ((e.flags & odd) != 0) return EOPNOTSUPP;
            if (e.logical >= to) return 0;
            if (e.logical < from) {
                if (e.length <= from - e.logical) continue;
                e.length -= from - e.logical;
                e.physical += from - e.logical;
                e.logical = from;
            }
            if (e.length > to - e.logical) e.length = to - e.logical;
            if (out.size() == most) return EFBIG;
            if (!out.push({e.logical, e.physical, e.length})) return ENOMEM;
            from = e.logical + e.length;
            if ((e.flags & last) != 0) return 0;
        }
    }
    return 0;
}

#else

inline int insert_front(raw_file::native, std::uint64_t) noexcept { return ENOTSUP; }
inline int take_out(raw_file::native, std::uint64_t, std::uint64_t) noexcept { return ENOTSUP; }
inline int extents_of(raw_file::native, std::uint64_t, std::uint64_t, growing<extent>&) noexcept {
    return ENOTSUP;
}

#endif

/// How far an insertion at the front came. It moves extents one after the other, the last first,
/// and a power cut between two leaves the file with its old start, a gap, and moved rest.
struct shifted {
    enum kind : std::uint8_t { none, some, all, foreign } what = foreign;
    std::uint64_t gap = 0;  // where the gap lies that the moved part left behind (`some`)
};

/// `before`: the extents as they were (sorted by place on the disk here), `now`: as they are. What
/// lies before `front`, which counts with all moved, may have blocks that are new.
inline shifted compare_extents(growing<extent>& before, const growing<extent>& now,
                               std::uint64_t room, std::uint64_t front) noexcept {
    sort(before.data(), before.size(),
         [](const extent& a, const extent& b) { return a.physical < b.physical; });
    std::uint64_t stayed = 0, moved = 0, expected = 0, still = 0;
    shifted r;
    for (const extent& e : before) expected += e.length;
    for (const extent& e : now) {
        for (std::uint64_t done = 0; done < e.length;) {
            std::uint64_t at = e.logical + done, disk = e.physical + done;
            std::size_t low = 0, high = before.size();  // the last one that begins at or before
            while (low < high) {
                std::size_t middle = (low + high) / 2;
                if (before[middle].physical <= disk)
                    low = middle + 1;
                else
                    high = middle;
            }
            if (low == 0 || disk - before[low - 1].physical >= before[low - 1].length) {
                // A block of the new head, written since; nowhere else may there be new ones.
                if (at >= front) return {};
                done += 512;
                continue;
            }
            const extent& was = before[low - 1];
            std::uint64_t inside = disk - was.physical, n = was.length - inside;
            if (n > e.length - done) n = e.length - done;
            std::uint64_t old = was.logical + inside;
            if (at == old) {
                if (moved != 0) return {};
                stayed += n;
                still = old + n;
            } else if (at == old + room) {
                if (still > old) return {};
                if (moved == 0) r.gap = old;
                moved += n;
            } else {
                return {};
            }
            done += n;
        }
    }
    if (stayed + moved != expected) return {};
    r.what = stayed == 0 ? shifted::all : moved == 0 ? shifted::none : shifted::some;
    return r;
}

}  // namespace detail
AKA_END

#endif  // AKA_EXTENTS_HPP
