// aka: new files that are there whole, or not at all.
#include "version.hpp"

#ifndef AKA_OUTPUT_FILE_HPP
#define AKA_OUTPUT_FILE_HPP

#include "config.hpp"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#if !AKA_WINDOWS
#include <ctime>
#include <sys/statvfs.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#endif

#include "copy_range.hpp"
#include "mapped_file.hpp"
#include "real_path.hpp"

AKA_BEGIN

/// How a new file is made.
struct output_options {
    /// How long the file will be; 0: as long as what is written to it.
    std::uint64_t size = 0;
    /// A file of this name may be there, and is replaced at the end, in one step.
    bool replace = false;
    /// Who may read and write the new file is as for this one. Null: as for any new file.
    const mapped_file* like = nullptr;
};

/// A new file. It has no name, or a temporary one in the target's folder, until `commit` gives it
/// its own in one step; a failure, a crash, or going away without `commit` leaves no target. (A
/// crash may leave `.aka-*.tmp` on file systems that have no files without a name.)
///
/// Each byte is written or copied once, in any order; what is never written is zeros.
/// Move-only. One thread at a time.
class output_file {
  public:
    output_file() noexcept = default;
    /// Takes over.
    output_file(output_file&& o) noexcept { swap(o); }
    /// Destroys what it had, and takes over.
    output_file& operator=(output_file&& o) noexcept {
        output_file t(std::move(o));
        swap(t);
        return *this;
    }
    ~output_file() { discard(); }

    /// The folder of `target` must be there. Errors: already_exists (without `replace`),
    /// missing_file (the folder), cannot_write, no_space, out_of_memory.
    static result<output_file> create(detail::path target, const output_options& o = {}) noexcept;

    /// As it was given.
    std::string_view path() const noexcept AKA_LIFETIMEBOUND { return target_.view(); }

    /// Whether this is where that file lies.
    static bool is_at(const detail::path& p, const mapped_file& f) noexcept {
        raw file;
        raw::facts facts;
        return file.open(p, raw::way::read) == 0 && file.look(facts) == 0 &&
               facts.inode == f.inode_ && facts.device == f.device_;
    }

    /// Refuses where the file system has less than `bytes` left for it: no_space. `bytes` are
    /// those that take space: shared blocks and holes do not, see `shares_with`.
    status need_space(std::uint64_t bytes) const noexcept;

    /// Whether `copy` will share the blocks of that file (XFS, btrfs and others, on one file
    /// system) wherever `offset` and `from` agree modulo `block`. Ask before anything is written.
    bool shares_with(const mapped_file& source) noexcept;
    /// Bytes of a block that can be shared.
    static constexpr std::uint64_t block = detail::range_copier::block;

    /// Errors: cannot_write, no_space, size_overflow, out_of_range (behind the size given).
    status write(std::uint64_t offset, byte_span bytes) noexcept;

    /// `n` bytes of `source` from `from` on. Blocks are shared where the file system can and the
    /// offsets agree; holes stay holes; the rest is copied.
    /// Errors: as write; cannot_read, file_changed, no_data, and in_use where `source` is the file
    /// that this one is to replace.
    status copy(std::uint64_t offset, const mapped_file& source, std::uint64_t from,
                std::uint64_t n) noexcept;

    std::uint64_t bytes_copied() const noexcept {
        return copied_;
    }  ///< read and written, or written
    std::uint64_t bytes_shared() const noexcept { return shared_; }    ///< in blocks of two files
    std::uint64_t bytes_skipped() const noexcept { return skipped_; }  ///< holes of a source

    /// Returns when all that was written is on the disk. Errors: cannot_write, no_space.
    status flush() noexcept;

    /// Flushes, and gives the file its name. Errors: as flush; already_exists.
    status commit() noexcept {
        if (status s = flush(); !s) return s;
        if (status s = publish(); !s) return s;
        status s = flush_folder();
        if (!s && !there_) (void)detail::remove_name(place_);  // a target that may not last is none
        return s;
    }
    /// Forgets the file.
    void discard() noexcept;

  private:
    friend class output_set;
    using raw = detail::raw_file;

    void swap(output_file& o) noexcept {
        std::swap(target_, o.target_);
        std::swap(folder_, o.folder_);
        std::swap(place_, o.place_);
        std::swap(temporary_, o.temporary_);
        std::swap(file_, o.file_);
        std::swap(size_, o.size_);
        std::swap(end_, o.end_);
        std::swap(copied_, o.copied_);
        std::swap(shared_, o.shared_);
        std::swap(skipped_, o.skipped_);
        std::swap(replace_, o.replace_);
        std::swap(shares_, o.shares_);
        std::swap(there_, o.there_);
        std::swap(device_, o.device_);
        std::swap(inode_, o.inode_);
    }
    status open(unsigned mode) noexcept;
    status publish() noexcept;
    void proc_name(char (&name)[40]) const noexcept {
        detail::fixed_text<40> t;
        t << "/proc/self/fd/" << static_cast<long long>(fd());
        std::memcpy(name, t.c_str(), t.view().size() + 1);
    }
    long long fd() const noexcept {
#if AKA_WINDOWS
        return -1;
#else
        return file_.get();
#endif
    }
    status flush_folder() noexcept {
        int os = detail::flush_folder(folder_.c_str());
        if (os == 0) return {};
        return detail::write_error(os, folder_.view(), "cannot flush the folder");
    }
    status check(std::uint64_t offset, std::uint64_t n) noexcept {
        std::uint64_t end = 0;
        if (!detail::checked_add(offset, n, end))
            return detail::fail(errc::size_overflow, offset, "the file would be too large")
                .in(path());
        if (size_ != 0 && end > size_)
            return detail::fail(errc::out_of_range, offset, n,
                                " bytes are to be written, the file was to have ", size_)
                .in(path());
        if (end > end_) end_ = end;
        return {};
    }
    error failed(int os, const char* what) const noexcept {
        return detail::write_error(os, path(), what);
    }
    error exists() const noexcept {
        return detail::fail(errc::already_exists, error::nowhere, "there is such a file already")
            .in(path());
    }

    detail::path target_, folder_, place_;  // as given; its folder; its name there, without links
    detail::path temporary_;                // empty: the file has no name
    raw file_;
    std::uint64_t size_ = 0, end_ = 0;
    std::uint64_t copied_ = 0, shared_ = 0, skipped_ = 0;
    bool replace_ = false, shares_ = true;
    bool there_ = false;  // the target, as this file:
    std::uint64_t device_ = 0, inode_ = 0;
};

/// Several new files that belong together, in the order in which they may appear: shards, then the
/// index that names them. None appears before all are on the disk, and none before those that were
/// added earlier. Where one cannot appear, those that have not replaced anything are taken away
/// again.
class output_set {
  public:
    output_set() noexcept = default;
    output_set(const output_set&) = delete;
    output_set& operator=(const output_set&) = delete;
    ~output_set() { clear(); }

    /// Takes a file that is written. Errors: out_of_memory.
    status add(output_file f) noexcept;
    /// How many files there are.
    std::size_t size() const noexcept { return size_; }
    /// In the order in which they were added.
    output_file& operator[](std::size_t i) noexcept AKA_LIFETIMEBOUND { return files_[i]; }

    /// Errors: as output_file::commit.
    status commit() noexcept;
    /// Takes away what was not committed.
    void clear() noexcept {
        for (std::size_t i = 0; i < size_; ++i) files_[i].~output_file();
        AKA_FREE(files_);
        files_ = nullptr;
        size_ = capacity_ = 0;
    }

  private:
    output_file* files_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

// ---- making one --------------------------------------------------------------------------------

namespace detail {

#if !AKA_WINDOWS
/// In one step. Without `replace`, a file that has the name already makes it fail.
inline int rename_file(const path& from, const path& to, bool replace) noexcept {
    if (!replace) {
#if defined(SYS_renameat2)
        constexpr unsigned no_replace = 1;
        if (::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), no_replace) == 0)
            return 0;
        if (errno != ENOSYS && errno != EINVAL) return errno;
#endif
        // A second name can only be a new one.
        if (::link(from.c_str(), to.c_str()) == 0) return ::unlink(from.c_str()), 0;
        if (errno == EEXIST) return EEXIST;
        file_stat st;  // neither is possible here: two steps
        if (stat_name(to.c_str(), &st) == 0) return EEXIST;
    }
    return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}
#else
inline int rename_file(const path& from, const path& to, bool replace) noexcept {
    wide_path a(from.view()), b(to.view());
    if (!a.ok() || !b.ok()) return ENOMEM;
    unsigned long flags = win::move_write_through | (replace ? win::move_replace : 0);
    return win::MoveFileExW(a.c_str(), b.c_str(), flags) != 0 ? 0 : last_error();
}
#endif

/// A name that nobody has: `.aka-` and sixteen digits; `create` makes sure.
inline path temporary_name(const path& folder) noexcept {
    static std::uint64_t counter = 0;
    checksum mix;
    std::uint64_t parts[] = {++counter, reinterpret_cast<std::uintptr_t>(&mix), 0, 0};
#if AKA_WINDOWS
    parts[2] = win::GetTickCount64();
    parts[3] = win::GetCurrentProcessId();
#else
    struct timespec t = {0, 0};
    ::clock_gettime(CLOCK_REALTIME, &t);
    parts[2] = static_cast<std::uint64_t>(t.tv_nsec) ^ static_cast<std::uint64_t>(t.tv_sec) << 30;
    parts[3] = static_cast<std::uint64_t>(::getpid());
#endif
    mix.add(parts, sizeof parts);
    char name[] = ".aka-0123456789abcdef.tmp";
    for (int i = 0; i < 16; ++i) name[5 + i] = "0123456789abcdef"[(mix.value() >> (4 * i)) & 15];
    path p(folder.view());
    return p /= name, std::move(p);
}

}  // namespace detail

inline result<output_file> output_file::create(detail::path target,
                                               const output_options& o) noexcept {
    output_file f;
    f.target_ = std::move(target);
    f.size_ = o.size;
    f.replace_ = o.replace;
    if (!f.target_.ok()) return detail::no_memory();
    detail::path given(f.target_.folder());
    if (!given.ok()) return detail::no_memory();
    int found = detail::real_path(given, f.folder_);
    if (found == ENOMEM) return detail::no_memory();
    if (int os = found; os != 0)
        return detail::fail(detail::is_missing(os) ? errc::missing_file : errc::cannot_open,
                            error::nowhere, "there is no such folder to write to")
            .os(os)
            .in(given.view());
    f.place_ = detail::path(f.folder_.view());
    f.place_ /= f.target_.file_name();
    if (!f.place_.ok()) return detail::no_memory();
    raw old;
    raw::facts facts;
    // A link is replaced as such; what it leads to is nobody's concern here.
    if (old.open(f.place_, raw::way::read) == 0 && old.look(facts) == 0) {
        f.there_ = true;
        f.device_ = facts.device;
        f.inode_ = facts.inode;
        old.close();
    }
    int os = 0;
    detail::path_kind kind = detail::kind_of(f.place_, os);
    if (kind == detail::path_kind::unknown) return detail::unknown_error(f.place_, os);
    if (kind == detail::path_kind::folder)
        return detail::fail(errc::already_exists, error::nowhere, "there is a folder of this name")
            .in(f.path());
    if (!o.replace && (f.there_ || kind != detail::path_kind::missing)) return f.exists();

    unsigned mode = 0;
    if (o.like != nullptr) {
        mapped_file::descriptor d(*o.like);
        if (d.open() && d.same && d.file->look(facts) == 0) mode = facts.mode & 0777;
    }
    if (status s = f.open(mode); !s) return s.error();
    if (o.size != 0)
        if (int e = f.file_.resize(o.size); e != 0)
            return f.failed(e, "cannot make a file of this size");
    return f;
}

inline status output_file::open(unsigned mode) noexcept {
    int os = 0;
#if defined(O_TMPFILE)
    // Without a name nothing is left behind, whatever happens. It gets one through /proc.
    file_.adopt(detail::open_file(folder_.c_str(), O_TMPFILE | O_RDWR, 0666));
    if (file_) {
        char proc[40];
        proc_name(proc);
        if (::access(proc, F_OK) != 0) file_.close();
    }
#endif
    for (int tries = 0; !file_ && tries < 100; ++tries) {
        temporary_ = detail::temporary_name(folder_);
        if (!temporary_.ok()) return detail::no_memory();
        os = file_.open(temporary_, raw::way::create);
        if (!detail::is_there(os)) break;
    }
    if (!file_) {
        temporary_ = {};
        return failed(os, "cannot make a file in this folder");
    }
#if !AKA_WINDOWS
    if (mode != 0) (void)::fchmod(file_.get(), static_cast<::mode_t>(mode));
#else
    (void)mode;
#endif
    return {};
}

inline void output_file::discard() noexcept {
    file_.close();
    if (!temporary_.view().empty()) (void)detail::remove_name(temporary_);
    temporary_ = {};
}

inline status output_file::need_space(std::uint64_t bytes) const noexcept {
    std::uint64_t free = ~std::uint64_t{0};
#if AKA_WINDOWS
    detail::wide_path wide(folder_.view());
    if (!wide.ok()) return detail::no_memory();
    (void)detail::win::GetDiskFreeSpaceExW(wide.c_str(), reinterpret_cast<_ULARGE_INTEGER*>(&free),
                                           nullptr, nullptr);
#else
    struct ::statvfs fs;
    if (::fstatvfs(file_.get(), &fs) == 0 &&
        !detail::checked_mul(static_cast<std::uint64_t>(fs.f_bavail),
                             static_cast<std::uint64_t>(fs.f_frsize), free))
        free = ~std::uint64_t{0};
#endif
    if (bytes <= free) return {};
    return detail::fail(errc::no_space, error::nowhere, bytes, " bytes are needed, the disk has ",
                        free, " left")
        .in(path());
}

// ---- filling it --------------------------------------------------------------------------------

inline status output_file::write(std::uint64_t offset, byte_span bytes) noexcept {
    if (status s = check(offset, bytes.size()); !s) return s;
    if (int os = file_.write(offset, bytes.data(), bytes.size()); os != 0)
        return failed(os, "cannot write the file");
    copied_ += bytes.size();
    return {};
}

#if !AKA_WINDOWS

inline bool output_file::shares_with(const mapped_file& source) noexcept {
    mapped_file::descriptor d(source);
    if (!d.open() || !d.same || !shares_) return false;
    detail::range_copier c(file_.get());
    bool can = c.can_share(d.file->get(), source.size());
    // The block that was tried goes away again.
    if (can) can = file_.resize(0) == 0 && file_.resize(size_) == 0;
    return can;
}

inline status output_file::copy(std::uint64_t offset, const mapped_file& source, std::uint64_t from,
                                std::uint64_t n) noexcept {
    if (status s = check(offset, n); !s) return s;
    if (status s = source.check_range(from, n); !s) return s;
    mapped_file::descriptor d(source);
    if (!d.open() && source.data() != nullptr)
        return write(offset, {source.data() + from, static_cast<std::size_t>(n)});
    if (!d.open())
        return detail::fail(d.os == 0 ? errc::no_data : errc::cannot_open, error::nowhere,
                            "cannot open the file again")
            .os(d.os)
            .in(source.path());
    if (!d.same)
        return detail::fail(errc::file_changed, error::nowhere, "another file has this name now")
            .in(source.path());
    if (there_ && source.inode_ == inode_ && source.device_ == device_)
        return detail::fail(errc::in_use, error::nowhere, "this file is to be made from itself")
            .in(path());
    detail::range_copier c(file_.get(), shares_);
    bool reading = false;
    int os = c.copy(d.file->get(), from, offset, n, reading);
    shares_ = c.shares();
    copied_ += c.counts.copied;
    shared_ += c.counts.shared;
    skipped_ += c.counts.skipped;
    if (os == 0) return {};
    if (!reading) return failed(os, "cannot write the file");
    if (os == raw::ended)
        return detail::fail(errc::file_changed, error::nowhere,
                            "the file is shorter than when it was opened")
            .in(source.path());
    return detail::fail(errc::cannot_read, error::nowhere, "cannot read the file")
        .os(os)
        .in(source.path());
}

#else

inline bool output_file::shares_with(const mapped_file&) noexcept { return false; }

inline status output_file::copy(std::uint64_t offset, const mapped_file& source, std::uint64_t from,
                                std::uint64_t n) noexcept {
    if (status s = source.check_range(from, n); !s) return s;
    if (source.data() != nullptr)
        return write(offset, {source.data() + from, static_cast<std::size_t>(n)});
    detail::growing<std::byte> buffer;
    if (!buffer.resize(std::size_t{1} << 20)) return detail::no_memory();
    while (n != 0) {
        span<std::byte> part(buffer.data(), buffer.size());
        if (n < part.size()) part = part.first(static_cast<std::size_t>(n));
        if (status s = source.read(from, part); !s) return s;
        if (status s = write(offset, {part.data(), part.size()}); !s) return s;
        offset += part.size(), from += part.size(), n -= part.size();
    }
    return {};
}

#endif

// ---- making it appear --------------------------------------------------------------------------

inline status output_file::flush() noexcept {
    if (!file_)
        return detail::fail(errc::no_data, error::nowhere, "there is no file to write").in(path());
    // What ends in a hole, or was to be longer.
    std::uint64_t size = end_ > size_ ? end_ : size_;
    raw::facts f;
    int os = file_.look(f);
    if (os == 0 && f.size != size) os = file_.resize(size);
    if (os == 0) os = file_.flush();
    return os == 0 ? status() : status(failed(os, "cannot flush the file"));
}

inline status output_file::publish() noexcept {
    int os = 0;
#if defined(O_TMPFILE)
    if (temporary_.view().empty()) {
        char proc[40];
        proc_name(proc);
        auto link_as = [&](const detail::path& name) {
            return ::linkat(AT_FDCWD, proc, AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0
                                                                                            : errno;
        };
        if (!replace_) {
            os = link_as(place_);
            if (os != 0)
                return detail::is_there(os) ? exists() : failed(os, "cannot name the file");
            return {};
        }
        for (int tries = 0; tries < 100; ++tries) {
            detail::path name = detail::temporary_name(folder_);
            if (!name.ok()) return detail::no_memory();
            os = link_as(name);
            if (os == 0) temporary_ = std::move(name);
            if (!detail::is_there(os)) break;
        }
        if (os != 0) return failed(os, "cannot name the file");
    }
#endif
    os = detail::rename_file(temporary_, place_, replace_);
    if (os != 0) return detail::is_there(os) ? exists() : failed(os, "cannot name the file");
    temporary_ = {};
    return {};
}

inline status output_set::add(output_file f) noexcept {
    if (size_ == capacity_) {
        std::size_t more = capacity_ == 0 ? 4 : capacity_ * 2;
        auto* p = static_cast<output_file*>(AKA_MALLOC(more * sizeof(output_file)));
        if (p == nullptr) return detail::no_memory();
        for (std::size_t i = 0; i < size_; ++i) {
            ::new (static_cast<void*>(p + i)) output_file(std::move(files_[i]));
            files_[i].~output_file();
        }
        AKA_FREE(files_);
        files_ = p;
        capacity_ = more;
    }
    ::new (static_cast<void*>(files_ + size_++)) output_file(std::move(f));
    return {};
}

inline status output_set::commit() noexcept {
    for (std::size_t i = 0; i < size_; ++i)
        if (status s = files_[i].flush(); !s) return s;
    status s;
    std::size_t done = 0;
    for (; s && done < size_; ++done) {
        // The last one names the others: they come first on the disk, too.
        if (done != 0 && done + 1 == size_)
            if (s = files_[done - 1].flush_folder(); !s) break;
        if (s = files_[done].publish(); !s) break;
    }
    if (s && size_ != 0) s = files_[size_ - 1].flush_folder();
    if (s) return s;
    for (std::size_t i = done; i-- > 0;)
        if (!files_[i].there_) (void)detail::remove_name(files_[i].place_);
    return s;
}

AKA_END

#endif  // AKA_OUTPUT_FILE_HPP
