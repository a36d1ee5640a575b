// aka: a file's bytes, mapped or read on demand.
#ifndef AKA_MAPPED_FILE_HPP
#define AKA_MAPPED_FILE_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#if !AKA_WINDOWS
#include <fcntl.h>
#include <unistd.h>
#if !defined(AKA_NO_MMAP)
#include <sys/mman.h>
#endif
#endif

#include "bytes.hpp"
#include "error.hpp"
#include "journal.hpp"
#include "path.hpp"
#include "raw_file.hpp"
#include "windows.hpp"

AKA_BEGIN

class output_file;

/// How a file's data is reached. `map` falls back to `read` where the system will not map
/// (`mapped()` tells), and trusts that nobody truncates the file; `read` keeps the file open and
/// reads when asked, for network disks and for address spaces smaller than the file; `header` reads
/// the header and closes the file.
enum class access : std::uint8_t { map, read, header };

/// Advice on the order in which mapped bytes will be touched. Nothing is advised by default.
enum class pattern : std::uint8_t { normal, sequential, random };

/// A read-only file, or bytes of the caller's in its place. Move-only. The file may be renamed,
/// replaced or deleted while it is open. If somebody truncates it, `read` and `prefetch` say so;
/// touching the lost part of a mapping raises SIGBUS, which no library can turn into an error.
class mapped_file {
  public:
    mapped_file() noexcept = default;
    /// Takes over; the bytes stay where they are.
    mapped_file(mapped_file&& o) noexcept { swap(o); }
    /// Unmaps and closes what it had, and takes over.
    mapped_file& operator=(mapped_file&& o) noexcept {
        mapped_file t(std::move(o));
        swap(t);
        return *this;
    }
    ~mapped_file() { close(); }

    /// A change in place that a crash interrupted (see edit_in_place.hpp) is finished or undone
    /// first. Errors: missing_file, cannot_open, interrupted, in_use, out_of_memory.
    static result<mapped_file> open(detail::path path, access how = access::map) noexcept;

    /// Bytes that the caller keeps alive and unchanged.
    static mapped_file memory(byte_span bytes) noexcept {
        mapped_file f;
        f.data_ = bytes.data();
        f.size_ = bytes.size();
        return f;
    }

    /// As it was opened; empty for memory.
    std::string_view path() const noexcept AKA_LIFETIMEBOUND { return path_.view(); }
    /// Bytes of the file when it was opened.
    std::uint64_t size() const noexcept { return size_; }
    /// Whether the bytes are in memory, so that `data()` is not null (an empty file: true).
    bool mapped() const noexcept { return data_ != nullptr || size_ == 0; }
    /// The whole file, or null (see mapped); as long as this, or what it was moved to, lives.
    const std::byte* data() const noexcept AKA_LIFETIMEBOUND { return data_; }

    /// Copies out.size() bytes at `offset`. Positioned, thread-safe; short reads are continued.
    /// Errors: cannot_read, file_changed (it is shorter than when it was opened), no_data.
    status read(std::uint64_t offset, span<std::byte> out) const noexcept;

    /// Brings a range into memory, in windows of 64 MiB, and reports what cannot be read instead
    /// of raising a signal later. Errors: out_of_range, file_changed, cannot_read.
    status prefetch(std::uint64_t offset, std::uint64_t size) const noexcept;

    /// Asks the system to read a range soon, and does not wait. Errors: out_of_range.
    status will_need(std::uint64_t offset, std::uint64_t size) const noexcept;

    /// Lets the system forget cached pages of a range (they come back when touched).
    status drop_cache(std::uint64_t offset, std::uint64_t size) const noexcept;

    /// Tells the system how the mapping will be touched; does nothing where it takes no advice.
    status advise(pattern p) const noexcept;

    /// Gives the descriptor back; what is mapped stays mapped. Reading after this opens the path
    /// again, and makes sure that it is the same file.
    void close_descriptor() noexcept;

    /// A descriptor to read with while the file is open: its own, or one that is opened into `own`,
    /// as always for direct reading, which becomes false where the system has none of that here.
    /// Null: the bytes are memory of the caller's. Errors: cannot_open, file_changed, no_data.
    status lend(bool& direct, detail::raw_file& own, const detail::raw_file*& file) const noexcept;

  private:
    // A process has about 1,024 descriptors and a checkpoint may have more files than that: past
    // this number a mapped file gives its descriptor back, and opens the path again if need be.
    static constexpr int most_kept = 256;
    struct descriptor;  // this file's, or one opened for the occasion
    friend class output_file;

    void swap(mapped_file& o) noexcept {
        std::swap(path_, o.path_);
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        std::swap(file_, o.file_);
        std::swap(view_, o.view_);
        std::swap(device_, o.device_);
        std::swap(inode_, o.inode_);
    }
    void close() noexcept;
    error fail(errc code, int os, const char* what) const noexcept {
        return detail::fail(code, error::nowhere, what).os(os).in(path_.view());
    }
    error shrunk(std::uint64_t now) const noexcept {
        return detail::fail(errc::file_changed, error::nowhere, "the file has ", now,
                            " bytes now, it had ", size_, " when it was opened")
            .in(path_.view());
    }
#if !AKA_WINDOWS && !defined(AKA_NO_MMAP)
    // What madvise says for the pages of a range of the mapping.
    int advise_pages(std::uint64_t offset, std::uint64_t n, int advice) const noexcept {
        const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        const std::uint64_t at = offset & ~(page - 1);
        return ::madvise(const_cast<std::byte*>(data_) + at,
                         static_cast<std::size_t>(offset + n - at), advice);
    }
#endif
    status check_range(std::uint64_t offset, std::uint64_t n) const noexcept {
        if (offset <= size_ && n <= size_ - offset) return {};
        return detail::fail(errc::out_of_range, offset, n, " bytes asked for, the file has ", size_)
            .in(path_.view());
    }

    detail::path path_;
    const std::byte* data_ = nullptr;
    std::uint64_t size_ = 0;
    detail::raw_file file_;
    bool view_ = false;  // data_ is a mapping of ours
    std::uint64_t device_ = 0, inode_ = 0;
};

/// A descriptor of the file while something reads: the file's own where it is open, else one of its
/// own.
struct mapped_file::descriptor {
    detail::raw_file ours;
    const detail::raw_file* file = &ours;
    int os = 0;
    bool same = true;

    explicit descriptor(const mapped_file& f) noexcept {
        if (f.file_) file = &f.file_;
        if (f.file_ || f.path_.view().empty()) return;
        detail::raw_file::facts now;
        os = ours.open(f.path_, detail::raw_file::way::follow);
        if (os == 0) os = ours.look(now);
        if (os == 0)
            same = now.device == f.device_ && now.inode == f.inode_;
        else
            ours.close();
    }
    bool open() const noexcept { return static_cast<bool>(*file); }
    bool size(std::uint64_t& n) const noexcept {
        detail::raw_file::facts now;
        bool known = open() && same && file->look(now) == 0;
        return n = now.size, known;
    }
};

inline void mapped_file::close_descriptor() noexcept { file_.close(); }

inline void mapped_file::close() noexcept {
    close_descriptor();
#if AKA_WINDOWS
    if (view_) detail::win::UnmapViewOfFile(data_);
#elif !defined(AKA_NO_MMAP)
    if (view_)
        ::munmap(const_cast<void*>(static_cast<const void*>(data_)),
                 static_cast<std::size_t>(size_));
#endif
    view_ = false;
    data_ = nullptr;
    size_ = 0;
}

inline result<mapped_file> mapped_file::open(detail::path path, access how) noexcept {
    using raw = detail::raw_file;
    mapped_file f;
    raw::facts facts;
    if (!path.ok()) return detail::no_memory();
    f.path_ = std::move(path);
    int os = f.file_.open(f.path_, raw::way::read);
    const bool link = detail::is_link(os);
    if (link) os = f.file_.open(f.path_, raw::way::follow);
    if (os != 0)
        return f.fail(detail::is_missing(os) ? errc::missing_file : errc::cannot_open, os,
                      detail::is_missing(os) ? "there is no such file" : "cannot open the file");
    // The descriptor stays good: a file is changed where it lies.
    if (status s = detail::finish_change(f.path_, link); !s) return s.error();
    if ((os = f.file_.look(facts)) != 0)
        return f.fail(errc::cannot_open, os, "cannot ask for the file's size");
    if (!facts.regular)
        return f.fail(errc::cannot_open, 0,
                      facts.folder ? "this is a folder" : "this is not a regular file");
    f.size_ = facts.size;
    f.device_ = facts.device;
    f.inode_ = facts.inode;
#if !defined(AKA_NO_MMAP)
    if (how == access::map && f.size_ != 0 && detail::fits_memory(f.size_)) {
        void* p = nullptr;
#if AKA_WINDOWS
        namespace win = detail::win;
        void* m =
            win::CreateFileMappingW(f.file_.get(), nullptr, win::page_readonly, 0, 0, nullptr);
        if (m != nullptr) {
            p = win::MapViewOfFile(m, win::map_read, 0, 0, 0);
            win::CloseHandle(m);
        }
#else
        // Private, because some file systems refuse shared mappings; read-only, so that it costs
        // no commit charge; not populated: opening must not read 100 GB.
        p = ::mmap(nullptr, static_cast<std::size_t>(f.size_), PROT_READ, MAP_PRIVATE,
                   f.file_.get(), 0);
        if (p == MAP_FAILED) p = nullptr;
        if (p != nullptr && f.file_.get() >= most_kept) f.close_descriptor();
#endif
        f.data_ = static_cast<const std::byte*>(p);
        f.view_ = p != nullptr;
    }
#else
    (void)how;
#endif
    return f;
}

inline status mapped_file::read(std::uint64_t offset, span<std::byte> out) const noexcept {
    if (status s = check_range(offset, out.size()); !s) return s;
    if (out.empty()) return {};
    if (data_ != nullptr && !view_) {
        std::memcpy(out.data(), data_ + offset, out.size());
        return {};
    }
    descriptor d(*this);
    if (!d.open()) {
        if (d.os == 0) return fail(errc::no_data, 0, "only the header of this file was read");
        return fail(errc::cannot_open, d.os, "cannot open the file again");
    }
    if (!d.same) return fail(errc::file_changed, 0, "another file has this name now");
    int os = d.file->read(offset, out.data(), out.size());
    if (os == 0) return {};
    if (os != detail::raw_file::ended)
        return fail(errc::cannot_read, os, "cannot read the file").at(offset);
    std::uint64_t now = offset;
    (void)d.size(now);
    return shrunk(now);
}

inline status mapped_file::lend(bool& direct, detail::raw_file& own,
                                const detail::raw_file*& file) const noexcept {
    using raw = detail::raw_file;
    file = nullptr;
    if (data_ != nullptr && !view_) return direct = false, status();
    if (direct && own.open(path_, raw::way::direct) != 0) direct = false;
    if (!direct && file_) return file = &file_, status();
    if (path_.view().empty()) return fail(errc::no_data, 0, "there is no file");
    if (int os = direct ? 0 : own.open(path_, raw::way::follow); os != 0)
        return fail(errc::cannot_open, os, "cannot open the file again");
    raw::facts now;
    if (own.look(now) != 0 || now.device != device_ || now.inode != inode_)
        return fail(errc::file_changed, 0, "another file has this name now");
    return file = &own, status();
}

#if !AKA_WINDOWS

inline status mapped_file::prefetch(std::uint64_t offset, std::uint64_t size) const noexcept {
    if (status s = check_range(offset, size); !s) return s;
    if (size == 0 || (data_ != nullptr && !view_)) return {};
    {
        descriptor d(*this);
        std::uint64_t now = 0;
        const bool known = d.size(now);
        if (known && now < size_) return shrunk(now);
#if defined(POSIX_FADV_WILLNEED)
        if (!view_ && known) {
            (void)detail::advise_file(d.file->get(), offset, size, POSIX_FADV_WILLNEED);
        }
#endif
    }
#if !defined(AKA_NO_MMAP)
    if (view_) {
        const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        std::uint64_t at = offset & ~(page - 1), end = offset + size;
        while (at < end) {
            constexpr std::uint64_t window = std::uint64_t{64} << 20;
            std::uint64_t n = end - at < window ? end - at : window;
            void* p = const_cast<std::byte*>(data_) + at;
            constexpr int populate_read = 22;  // MADV_POPULATE_READ, Linux 5.14
            if (::madvise(p, static_cast<std::size_t>(n), populate_read) != 0) {
                if (errno == EINTR || errno == EAGAIN) continue;
                if (errno == EINVAL || errno == ENOSYS) {  // an older system: advice only
                    (void)::madvise(p, static_cast<std::size_t>(end - at), MADV_WILLNEED);
                    break;
                }
                return fail(errc::cannot_read, errno, "cannot bring the file into memory").at(at);
            }
            at += n;
        }
    }
#endif
    return {};
}

inline status mapped_file::will_need(std::uint64_t offset, std::uint64_t size) const noexcept {
    if (status s = check_range(offset, size); !s) return s;
    if (size == 0 || (data_ != nullptr && !view_)) return {};
#if !defined(AKA_NO_MMAP)
    if (view_) {
        (void)advise_pages(offset, size, MADV_WILLNEED);
        return {};
    }
#endif
#if defined(POSIX_FADV_WILLNEED)
    descriptor d(*this);
    if (d.open() && d.same)
        (void)detail::advise_file(d.file->get(), offset, size, POSIX_FADV_WILLNEED);
#endif
    return {};
}

inline status mapped_file::drop_cache(std::uint64_t offset, std::uint64_t size) const noexcept {
    if (status s = check_range(offset, size); !s) return s;
    if (size == 0 || (data_ != nullptr && !view_)) return {};
#if !defined(AKA_NO_MMAP)
    if (view_) {
        // Pages that are mapped stay cached, so they are let go here first.
        if (advise_pages(offset, size, MADV_DONTNEED) != 0)
            return fail(errc::cannot_read, errno, "cannot let the pages go");
    }
#endif
#if defined(POSIX_FADV_DONTNEED)
    descriptor d(*this);
    if (!d.open()) return fail(errc::cannot_open, d.os, "cannot open the file again");
    if (!d.same) return fail(errc::file_changed, 0, "another file has this name now");
    int e = detail::advise_file(d.file->get(), offset, size, POSIX_FADV_DONTNEED);
    if (e != 0) return fail(errc::cannot_read, e, "the system will not drop cached pages");
#endif
    return {};
}

inline status mapped_file::advise(pattern p) const noexcept {
#if !defined(AKA_NO_MMAP)
    if (view_) {
        int a = p == pattern::normal       ? MADV_NORMAL
                : p == pattern::sequential ? MADV_SEQUENTIAL
                                           : MADV_RANDOM;
        if (::madvise(const_cast<std::byte*>(data_), static_cast<std::size_t>(size_), a) != 0)
            return fail(errc::cannot_read, errno, "the system refuses the advice");
    }
#else
    (void)p;
#endif
    return {};
}

#else  // Windows

inline status mapped_file::prefetch(std::uint64_t offset, std::uint64_t size) const noexcept {
    if (status s = check_range(offset, size); !s) return s;
    if (!view_ || size == 0) return {};
    // Reading through the handle fills the cache behind the mapping, and fails as an error.
    static constexpr std::size_t block = std::size_t{1} << 20;
    auto* scratch = static_cast<std::byte*>(AKA_MALLOC(block));
    if (scratch == nullptr) return detail::no_memory();
    status s;
    for (std::uint64_t at = offset, end = offset + size; s && at < end;) {
        std::uint64_t n = end - at < block ? end - at : block;
        s = read(at, {scratch, static_cast<std::size_t>(n)});
        at += n;
    }
    AKA_FREE(scratch);
    return s;
}

// Windows has no way to drop a file's cached pages, and its mappings take no such advice.
inline status mapped_file::will_need(std::uint64_t offset, std::uint64_t size) const noexcept {
    return check_range(offset, size);
}
inline status mapped_file::drop_cache(std::uint64_t offset, std::uint64_t size) const noexcept {
    return check_range(offset, size);
}
inline status mapped_file::advise(pattern) const noexcept { return {}; }

#endif

AKA_END

#endif  // AKA_MAPPED_FILE_HPP
