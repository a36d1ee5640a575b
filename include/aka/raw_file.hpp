// aka: a file as the system has it: positioned reads and writes that are carried on where the
// system stops halfway, flushing that reaches the disk, and a lock against other processes.
#ifndef AKA_RAW_FILE_HPP
#define AKA_RAW_FILE_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdint>
#include <utility>

#if !AKA_WINDOWS
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "path.hpp"
#include "windows.hpp"

AKA_BEGIN
namespace detail {

#if !AKA_WINDOWS
/// Makes a call again for as long as a signal interrupts it.
template <class F>
auto uninterrupted(F call) noexcept {
    auto r = call();
    while (r < 0 && errno == EINTR) r = call();
    return r;
}

// 64-bit offsets also where off_t has 32 bits: there the large-file names stand beside.
#if defined(__USE_LARGEFILE64) && defined(__GLIBC__) && !defined(__LP64__)
using file_offset = ::off64_t;
inline int open_file(const char* p, int flags, unsigned mode = 0) noexcept {
    return uninterrupted([&] { return ::open64(p, flags | O_CLOEXEC | O_LARGEFILE, mode); });
}
inline int stat_file(int fd, file_stat* st) noexcept { return ::fstat64(fd, st); }
inline int stat_name(const char* p, file_stat* st) noexcept { return ::lstat64(p, st); }
inline int resize_file(int fd, std::uint64_t n) noexcept {
    return ::ftruncate64(fd, static_cast<file_offset>(n));
}
inline long read_file(int fd, void* p, std::size_t n, std::uint64_t at) noexcept {
    return ::pread64(fd, p, n, static_cast<file_offset>(at));
}
inline long write_file(int fd, const void* p, std::size_t n, std::uint64_t at) noexcept {
    return ::pwrite64(fd, p, n, static_cast<file_offset>(at));
}
inline file_offset seek_file(int fd, std::uint64_t at, int whence) noexcept {
    return ::lseek64(fd, static_cast<file_offset>(at), whence);
}
inline int advise_file(int fd, std::uint64_t at, std::uint64_t n, int advice) noexcept {
    return ::posix_fadvise64(fd, static_cast<file_offset>(at), static_cast<file_offset>(n), advice);
}
#else
using file_offset = ::off_t;
inline int open_file(const char* p, int flags, unsigned mode = 0) noexcept {
    return uninterrupted([&] { return ::open(p, flags | O_CLOEXEC, mode); });
}
inline int stat_file(int fd, file_stat* st) noexcept { return ::fstat(fd, st); }
inline int stat_name(const char* p, file_stat* st) noexcept { return ::lstat(p, st); }
inline int resize_file(int fd, std::uint64_t n) noexcept {
    return ::ftruncate(fd, static_cast<file_offset>(n));
}
inline long read_file(int fd, void* p, std::size_t n, std::uint64_t at) noexcept {
    return static_cast<long>(::pread(fd, p, n, static_cast<file_offset>(at)));
}
inline long write_file(int fd, const void* p, std::size_t n, std::uint64_t at) noexcept {
    return static_cast<long>(::pwrite(fd, p, n, static_cast<file_offset>(at)));
}
inline file_offset seek_file(int fd, std::uint64_t at, int whence) noexcept {
    return ::lseek(fd, static_cast<file_offset>(at), whence);
}
#if defined(POSIX_FADV_NORMAL)
inline int advise_file(int fd, std::uint64_t at, std::uint64_t n, int advice) noexcept {
    return ::posix_fadvise(fd, static_cast<file_offset>(at), static_cast<file_offset>(n), advice);
}
#endif
#endif
#endif

/// A file with a descriptor of its own. All functions return 0 or the system's error number, or
/// `ended` where the file is shorter than what was asked for.
class raw_file {
  public:
    enum class way : std::uint8_t { read, follow, direct, change, create };
    static constexpr int ended = -1;
    struct facts {
        std::uint64_t device = 0, inode = 0, size = 0, links = 0;
        unsigned mode = 0;
        bool regular = false, folder = false;
    };
#if AKA_WINDOWS
    using native = void*;
    static native none() noexcept { return win::invalid_handle(); }
#else
    using native = int;
    static constexpr native none() noexcept { return -1; }
#endif

    raw_file() noexcept = default;
    raw_file(raw_file&& o) noexcept : file_(std::exchange(o.file_, none())) {}
    raw_file& operator=(raw_file&& o) noexcept {
        raw_file t(std::move(o));
        std::swap(file_, t.file_);
        return *this;
    }
    ~raw_file() { close(); }

    explicit operator bool() const noexcept { return file_ != none(); }
    native get() const noexcept { return file_; }
    void adopt(native f) noexcept { close(), file_ = f; }
    void release() noexcept { file_ = none(); }

    /// A name that is a symbolic link is refused, but by `follow` and `direct`, which read;
    /// `direct` goes past the page cache, where the system has such a way; `create` wants a name
    /// that nobody has.
    int open(const path& p, way w, unsigned mode = 0666) noexcept;
    void close() noexcept;
    int read(std::uint64_t at, void* to, std::size_t n) const noexcept;
    int write(std::uint64_t at, const void* from, std::size_t n) const noexcept;
    int resize(std::uint64_t size) const noexcept;
    /// Returns when the data is where a power cut does not reach it.
    int flush() const noexcept;
    int look(facts& f) const noexcept;
    /// Does not wait. Gone when the file is closed, also by the end of the process.
    int lock() const noexcept;

  private:
    native file_ = none();
};

/// Whether a lock was refused because somebody has it.
bool is_busy(int os) noexcept;

#if !AKA_WINDOWS

inline bool is_busy(int os) noexcept { return os == EWOULDBLOCK || os == EAGAIN; }

inline int raw_file::open(const path& p, way w, unsigned mode) noexcept {
    close();
    // O_NONBLOCK: opening a pipe by mistake must not hang; it means nothing to a regular file.
    int flags = O_NONBLOCK | (w == way::change || w == way::create ? O_RDWR : O_RDONLY);
    if (w == way::create) flags |= O_CREAT | O_EXCL;
    if (w != way::follow && w != way::direct) flags |= O_NOFOLLOW;
    if (w == way::direct) {
#if defined(O_DIRECT)
        flags |= O_DIRECT;
#else
        return EINVAL;
#endif
    }
    file_ = open_file(p.c_str(), flags, mode);
    return file_ < 0 ? errno : 0;
}

inline void raw_file::close() noexcept {
    if (file_ >= 0) ::close(file_);
    file_ = none();
}

// Linux moves at most 2 GiB - 4 KiB a call, macOS less.
inline constexpr std::size_t most_at_once = 0x40000000;

inline int raw_file::read(std::uint64_t at, void* to, std::size_t n) const noexcept {
    for (auto* p = static_cast<char*>(to); n != 0;) {
        long k = read_file(file_, p, n < most_at_once ? n : most_at_once, at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return k < 0 ? errno : ended;
        p += k, at += static_cast<std::uint64_t>(k), n -= static_cast<std::size_t>(k);
    }
    return 0;
}

inline int raw_file::write(std::uint64_t at, const void* from, std::size_t n) const noexcept {
    for (auto* p = static_cast<const char*>(from); n != 0;) {
        long k = write_file(file_, p, n < most_at_once ? n : most_at_once, at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return k < 0 ? errno : EIO;
        p += k, at += static_cast<std::uint64_t>(k), n -= static_cast<std::size_t>(k);
    }
    return 0;
}

inline int raw_file::resize(std::uint64_t size) const noexcept {
    return uninterrupted([&] { return resize_file(file_, size); }) == 0 ? 0 : errno;
}

inline int raw_file::flush() const noexcept {
#if defined(F_FULLFSYNC)  // macOS: fsync alone leaves the data in the disk's own cache
    if (::fcntl(file_, F_FULLFSYNC) == 0) return 0;
#endif
    return uninterrupted([&] { return ::fsync(file_); }) == 0 ? 0 : errno;
}

inline int raw_file::look(facts& f) const noexcept {
    file_stat st;
    if (stat_file(file_, &st) != 0) return errno;
    f.device = static_cast<std::uint64_t>(st.st_dev);
    f.inode = static_cast<std::uint64_t>(st.st_ino);
    f.size = static_cast<std::uint64_t>(st.st_size);
    f.links = static_cast<std::uint64_t>(st.st_nlink);
    f.mode = static_cast<unsigned>(st.st_mode) & 07777;
    f.regular = S_ISREG(st.st_mode);
    f.folder = S_ISDIR(st.st_mode);
    return 0;
}

inline int raw_file::lock() const noexcept {
    return uninterrupted([&] { return ::flock(file_, LOCK_EX | LOCK_NB); }) == 0 ? 0 : errno;
}

/// Makes names that were added to or taken from a folder last.
inline int flush_folder(const char* folder) noexcept {
    raw_file f;
    f.adopt(open_file(folder, O_RDONLY | O_DIRECTORY));
    if (!f) return errno;
    int os = f.flush();
    return os == EINVAL || os == ENOTSUP ? 0 : os;  // a file system without such a thing
}
inline int remove_name(const path& p) noexcept { return ::unlink(p.c_str()) == 0 ? 0 : errno; }
inline bool is_there(int os) noexcept { return os == EEXIST; }
inline bool is_link(int os) noexcept {
    // O_NOFOLLOW: ELOOP by POSIX, EMLINK on FreeBSD.
    return os == ELOOP || os == EMLINK;
}
inline bool is_full(int os) noexcept { return os == ENOSPC || os == EDQUOT; }

/// A symbolic link; removing takes links only.
inline int make_link(const path& name, const path& to) noexcept {
    return ::symlink(to.c_str(), name.c_str()) == 0 ? 0 : errno;
}
inline void remove_link(const path& name) noexcept {
    file_stat st;
    if (stat_name(name.c_str(), &st) == 0 && S_ISLNK(st.st_mode)) (void)::unlink(name.c_str());
}

/// What a name leads to, in its folder or another: the links that it is are followed, those of
/// folders before it are not.
inline int behind_links(const path& p, path& out) noexcept {
    out = path(p.view());
    for (int links = 0; links < 40 && out.ok(); ++links) {
        char to[4096];
        const auto n = ::readlink(out.c_str(), to, sizeof to);
        if (n < 0) return errno == EINVAL ? 0 : errno;  // EINVAL: it is none
        const std::string_view target(to, static_cast<std::size_t>(n));
        if (target.size() == sizeof to) return ENAMETOOLONG;
        path next(starts_with(target, "/") ? std::string_view() : out.folder());
        next /= target;
        out = std::move(next);
    }
    return out.ok() ? ELOOP : ENOMEM;
}

#else  // Windows

inline bool is_busy(int os) noexcept { return os == 33 || os == 32; }  // lock, sharing violation

inline int last_error() noexcept { return static_cast<int>(win::GetLastError()); }

inline int raw_file::open(const path& p, way w, unsigned) noexcept {
    close();
    if (w == way::direct) return EINVAL;
    wide_path wide(p.view());
    if (!wide.ok()) return ENOMEM;
    file_ = win::CreateFileW(
        wide.c_str(),
        w == way::change || w == way::create ? win::generic_read | win::generic_write
                                             : win::generic_read,
        win::share_all, nullptr, w == way::create ? win::create_new : win::open_existing,
        win::attribute_normal, nullptr);
    return file_ == none() ? last_error() : 0;
}

inline void raw_file::close() noexcept {
    if (file_ != none()) win::CloseHandle(file_);
    file_ = none();
}

inline constexpr std::size_t most_at_once = std::size_t{64} << 20;

inline int raw_file::read(std::uint64_t at, void* to, std::size_t n) const noexcept {
    for (auto* p = static_cast<char*>(to); n != 0;) {
        win::overlapped o = {};
        o.offset = static_cast<unsigned long>(at);
        o.offset_high = static_cast<unsigned long>(at >> 32);
        unsigned long k = 0;
        auto most = static_cast<unsigned long>(n < most_at_once ? n : most_at_once);
        if (win::ReadFile(file_, p, most, &k, reinterpret_cast<_OVERLAPPED*>(&o)) == 0) {
            int os = last_error();
            return os == static_cast<int>(win::error_handle_eof) ? ended : os;
        }
        if (k == 0) return ended;
        p += k, at += k, n -= k;
    }
    return 0;
}

inline int raw_file::write(std::uint64_t at, const void* from, std::size_t n) const noexcept {
    for (auto* p = static_cast<const char*>(from); n != 0;) {
        win::overlapped o = {};
        o.offset = static_cast<unsigned long>(at);
        o.offset_high = static_cast<unsigned long>(at >> 32);
        unsigned long k = 0;
        auto most = static_cast<unsigned long>(n < most_at_once ? n : most_at_once);
        if (win::WriteFile(file_, p, most, &k, reinterpret_cast<_OVERLAPPED*>(&o)) == 0)
            return last_error();
        if (k == 0) return 29;  // ERROR_WRITE_FAULT
        p += k, at += k, n -= k;
    }
    return 0;
}

inline int raw_file::resize(std::uint64_t size) const noexcept {
    auto high = static_cast<long>(size >> 32);
    auto low = static_cast<long>(static_cast<std::uint32_t>(size));
    if (win::SetFilePointer(file_, low, &high, 0) == 0xffffffff && last_error() != 0)
        return last_error();
    return win::SetEndOfFile(file_) != 0 ? 0 : last_error();
}

inline int raw_file::flush() const noexcept {
    return win::FlushFileBuffers(file_) != 0 ? 0 : last_error();
}

inline int raw_file::look(facts& f) const noexcept {
    win::file_information i;
    if (win::GetFileInformationByHandle(file_, &i) == 0) return last_error();
    auto both = [](unsigned long high, unsigned long low) {
        return (static_cast<std::uint64_t>(high) << 32) | low;
    };
    f.device = i.volume;
    f.inode = both(i.index_high, i.index_low);
    f.size = both(i.size_high, i.size_low);
    f.links = i.links;
    f.mode = 0666;
    f.folder = (i.attributes & win::attribute_directory) != 0;
    f.regular = !f.folder;
    return 0;
}

inline int raw_file::lock() const noexcept {
    // Far behind every file's end: on Windows the bytes of a lock cannot be read by others.
    win::overlapped o = {};
    o.offset_high = 0x7fffffff;
    return win::LockFileEx(file_, win::lock_exclusive | win::lock_no_wait, 0, 1, 0,
                           reinterpret_cast<_OVERLAPPED*>(&o)) != 0
               ? 0
               : last_error();
}

// NTFS keeps its folders in order by itself and has no call for it.
inline int flush_folder(const char*) noexcept { return 0; }
inline int remove_name(const path& p) noexcept {
    wide_path wide(p.view());
    if (!wide.ok()) return ENOMEM;
    return win::DeleteFileW(wide.c_str()) != 0 ? 0 : last_error();
}
inline bool is_there(int os) noexcept { return os == 80 || os == 183; }
inline bool is_link(int) noexcept { return false; }
inline bool is_full(int os) noexcept { return os == 112 || os == 39; }
// Symbolic links are a privilege on Windows: one file at a time there.
inline int make_link(const path&, const path&) noexcept { return 50; }  // ERROR_NOT_SUPPORTED
inline void remove_link(const path&) noexcept {}
inline int behind_links(const path& p, path& out) noexcept {
    int os = 0;
    (void)kind_of(p, os);
    if (os != 0) return os;
    out = path(p.view());
    return out.ok() ? 0 : ENOMEM;
}

#endif

/// The error for what a raw_file could not write.
AKA_COLD inline error write_error(int os, std::string_view file, const char* what) noexcept {
    if (os == ENOMEM) return no_memory();
    return fail(is_full(os) ? errc::no_space : errc::cannot_write, error::nowhere, what)
        .os(os)
        .in(file);
}

}  // namespace detail
AKA_END

#endif  // AKA_RAW_FILE_HPP
