// aka: the beginnings of files replaced where they lie, all or none of them, whatever happens.
#include "version.hpp"

#ifndef AKA_EDIT_IN_PLACE_HPP
#define AKA_EDIT_IN_PLACE_HPP

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#if defined(__linux__)
#include <sys/vfs.h>
#endif

#include "journal.hpp"
#include "real_path.hpp"

AKA_BEGIN
namespace detail {

/// The unit in which room can be made in front of a file's data, 0 where it cannot. ext4 and XFS
/// only: what a power cut leaves of an insertion is known of these two.
inline std::uint64_t insert_unit(raw_file::native fd) noexcept {
#if AKA_CAN_INSERT
    struct ::statfs fs;
    if (::fstatfs(fd, &fs) != 0) return 0;
    auto type = static_cast<std::uint32_t>(fs.f_type);
    auto unit = static_cast<std::uint64_t>(fs.f_bsize);
    bool known = type == 0xef53 || type == 0x58465342;
    return known && unit >= 512 && (unit & (unit - 1)) == 0 ? unit : 0;
#else
    (void)fd;
    return 0;
#endif
}

/// Writes one value after the other, and the checksum of all at the end.
class journal_writer {
  public:
    explicit journal_writer(raw_file& to) noexcept : to_(to) {}

    void number(std::uint64_t v) noexcept {
        unsigned char b[8];
        for (int i = 0; i < 8; ++i) b[i] = static_cast<unsigned char>(v >> (8 * i));
        bytes(b, sizeof b);
    }
    void text(std::string_view s) noexcept { bytes(s.data(), s.size()); }
    void bytes(const void* p, std::size_t n) noexcept {
        sum_.add(p, n);
        put(p, n);
    }
    /// A part of another file. Returns what reading says; writing is for `finish` to tell.
    int copy(const raw_file& from, std::uint64_t at, std::uint64_t n) noexcept {
        constexpr std::size_t step = std::size_t{1} << 16;
        growing<std::byte> b;
        if (!b.resize(n < step ? static_cast<std::size_t>(n) : step)) return ENOMEM;
        while (n != 0) {
            std::size_t k = n < b.size() ? static_cast<std::size_t>(n) : b.size();
            if (int os = from.read(at, b.data(), k); os != 0) return os;
            bytes(b.data(), k);
            at += k, n -= k;
        }
        return 0;
    }
    int finish() noexcept {
        std::uint64_t v = sum_.value();
        number(v);
        flush();
        return os_;
    }

  private:
    void put(const void* p, std::size_t n) noexcept {
        if (n > sizeof held_ - used_) flush();
        if (n >= sizeof held_) {
            if (os_ == 0) os_ = to_.write(at_, p, n);
            at_ += n;
            return;
        }
        if (n != 0) std::memcpy(held_ + used_, p, n);
        used_ += n;
    }
    void flush() noexcept {
        if (os_ == 0) os_ = to_.write(at_, held_, used_);
        at_ += used_;
        used_ = 0;
    }

    raw_file& to_;
    checksum sum_;
    std::uint64_t at_ = 0;
    std::size_t used_ = 0;
    int os_ = 0;
    unsigned char held_[4096];
};

}  // namespace detail

/// A change of the beginnings of one or more files of one folder. `replace_head` and
/// `replace_file` say what is to change and refuse what cannot; `commit` does it. After a crash at
/// any moment, or a failure, all files are the old ones or all are the new ones, as soon as any of
/// them is opened by aka (or `recover` is called).
///
///     aka::edit_in_place edit;
///     if (auto s = edit.replace_head("model.safetensors", old_size, header); !s) return s;
///     return edit.commit();
///
/// From `replace_head` on the files are locked against others who change them in this way. Those
/// who have a file open or mapped see it change under them: close it first.
class edit_in_place {
  public:
    edit_in_place() noexcept = default;
    /// Takes over; `o` is as new.
    edit_in_place(edit_in_place&& o) noexcept { swap(o); }
    /// Destroys what it had, and takes over.
    edit_in_place& operator=(edit_in_place&& o) noexcept {
        edit_in_place t(std::move(o));
        swap(t);
        return *this;
    }
    ~edit_in_place() { clear(); }

    /// By multiples of how many bytes the beginning of this file can grow; 0: not at all, on this
    /// file system (ext4 and XFS can). Errors: of finding the file.
    static result<std::uint64_t> growth_step(detail::path file) noexcept {
        target t;
        if (status s = t.open(file, raw::way::read); !s) return s.error();
        return t.unit;
    }

    /// The first `old_size` bytes become `bytes`: as many, or more by a multiple of `growth_step`;
    /// all that follows stays as it is. The caller keeps `bytes` alive until `commit`.
    /// `file` may be a symbolic link; the file that it leads to is changed.
    /// Errors: missing_file, cannot_open, cannot_write (read-only), in_use (somebody else changes
    /// it, or it is in this edit already), unsupported (cannot grow so, or here; a file with
    /// several names, hard links; files of several folders), out_of_range (the file is shorter),
    /// wrong_size (a beginning that shrinks), interrupted, out_of_memory.
    status replace_head(detail::path file, std::uint64_t old_size, byte_span bytes) noexcept {
        return add(std::move(file), old_size, bytes, false);
    }

    /// The whole of a small file becomes `bytes`, of any size: the index or the configuration that
    /// belongs to the others. Errors: as replace_head.
    status replace_file(detail::path file, byte_span bytes) noexcept {
        return add(std::move(file), 0, bytes, true);
    }

    /// How many files are to be edited.
    std::size_t size() const noexcept { return size_; }
    /// Whether there are none.
    bool empty() const noexcept { return size_ == 0; }

    /// Does it, and returns when it is on the disk. Errors: those of writing, and then all files
    /// are the old ones (cannot_write, no_space, cannot_read); or interrupted, where neither
    /// the new nor the old state could be reached, and opening the files tries again.
    /// The edit is empty afterwards.
    status commit() noexcept {
        status s = size_ == 0 ? status() : write();
        clear();
        return s;
    }
    /// Forgets all, touches nothing.
    void clear() noexcept {
        for (std::size_t i = 0; i < size_; ++i) targets_[i].~target();
        AKA_FREE(targets_);
        targets_ = nullptr;
        size_ = capacity_ = 0;
    }

  private:
    using path = detail::path;
    using raw = detail::raw_file;

    struct target {
        path file;  // without links
        raw data;
        raw::facts facts = {};
        std::uint64_t unit = 0;      // of growing; 0: cannot
        std::uint64_t old_size = 0;  // of what `bytes` replace
        byte_span bytes;
        detail::growing<detail::extent> extents;
        detail::journal_entry entry = {};

        status open(const path& name, raw::way w) noexcept;
        status lock() noexcept;
        status measure() noexcept;
    };

    void swap(edit_in_place& o) noexcept {
        std::swap(targets_, o.targets_);
        std::swap(size_, o.size_);
        std::swap(capacity_, o.capacity_);
    }
    target* push(target&& t) noexcept;
    status add(path file, std::uint64_t old_size, byte_span bytes, bool whole) noexcept;
    status write() noexcept;
    status write_journal(detail::journal& j) noexcept;
    void remove_traces(const detail::journal& j) noexcept;

    target* targets_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

// ---- what is to change -------------------------------------------------------------------------

inline status edit_in_place::target::open(const path& name, raw::way w) noexcept {
    if (!name.ok()) return detail::no_memory();
    int os = detail::real_path(name, file);
    if (os == 0) os = data.open(file, w);
    if (os == ENOMEM) return detail::no_memory();
    if (os != 0)
        return detail::fail(detail::is_missing(os)  ? errc::missing_file
                            : w == raw::way::change ? errc::cannot_write
                                                    : errc::cannot_open,
                            error::nowhere,
                            detail::is_missing(os)  ? "there is no such file"
                            : w == raw::way::change ? "cannot open the file to change it"
                                                    : "cannot open the file")
            .os(os)
            .in(name.view());
    os = data.look(facts);
    if (os != 0 || !facts.regular)
        return detail::fail(errc::cannot_open, error::nowhere, "this is not a regular file")
            .os(os)
            .in(name.view());
    unit = detail::insert_unit(data.get());
    return {};
}

// After this nobody else changes the file in this way, and no earlier change is unfinished.
inline status edit_in_place::target::lock() noexcept {
    for (int tries = 0; tries < 8; ++tries) {
        recovery done = recovery::nothing;
        if (status s = detail::recover_real(file, done); !s) return s;
        if (status s = open(path(file.view()), raw::way::change); !s) return s;
        int os = data.lock();
        if (os != 0 && !detail::is_busy(os))
            return detail::fail(errc::cannot_open, error::nowhere, "cannot lock the file")
                .os(os)
                .in(file.view());
        if (os != 0) break;
        if (!detail::has_journal(file)) {
            if (int e = data.look(facts); e != 0)
                return detail::fail(errc::cannot_read, error::nowhere,
                                    "cannot ask for the file's size")
                    .os(e)
                    .in(file.view());
            return {};
        }
    }
    return detail::fail(errc::in_use, error::nowhere, "another process is changing this file")
        .in(file.view());
}

// Heads are whole blocks: a block that is written holds nothing that the journal does not have.
inline status edit_in_place::target::measure() noexcept {
    const std::uint64_t size = facts.size, block = unit > 4096 ? unit : 4096;
    std::uint64_t head = 0;
    if (old_size > size)
        return detail::fail(errc::out_of_range, error::nowhere, "a beginning of ", old_size,
                            " bytes is to be replaced, the file has ", size)
            .in(file.view());
    if (!detail::checked_align(old_size, block, head) || head > size) head = size;
    entry.inode = facts.inode;
    entry.old_size = size;
    entry.old_head = head;
    if (head != size) {
        if (bytes.size() < old_size)
            return detail::fail(errc::wrong_size, error::nowhere, "a beginning of ", old_size,
                                " bytes cannot become one of ", bytes.size(),
                                " in place; fill it up, or write the file elsewhere")
                .in(file.view());
        std::uint64_t room = bytes.size() - old_size;
        if (room != 0 && unit == 0)
            return detail::fail(errc::unsupported, error::nowhere, "the new beginning is ", room,
                                " bytes longer, and this file system cannot insert room into a "
                                "file (ext4 and XFS can); write the file elsewhere")
                .in(file.view());
        if (room != 0 && room % unit != 0)
            return detail::fail(errc::unsupported, error::nowhere, "the new beginning is ", room,
                                " bytes longer; only multiples of ", unit,
                                " bytes can be inserted on this file system")
                .in(file.view());
    }
    if (!detail::checked_add(head - old_size, bytes.size(), entry.new_head) ||
        !detail::checked_add(size - head, entry.new_head, entry.new_size))
        return detail::fail(errc::size_overflow, error::nowhere, "the file would be too large")
            .in(file.view());
    return {};
}

inline edit_in_place::target* edit_in_place::push(target&& t) noexcept {
    if (size_ == capacity_) {
        std::size_t more = capacity_ == 0 ? 4 : capacity_ * 2;
        auto* p = static_cast<target*>(AKA_MALLOC(more * sizeof(target)));
        if (p == nullptr) return nullptr;
        for (std::size_t i = 0; i < size_; ++i) {
            ::new (static_cast<void*>(p + i)) target(std::move(targets_[i]));
            targets_[i].~target();
        }
        AKA_FREE(targets_);
        targets_ = p;
        capacity_ = more;
    }
    return ::new (static_cast<void*>(targets_ + size_++)) target(std::move(t));
}

inline status edit_in_place::add(path file, std::uint64_t old_size, byte_span bytes,
                                 bool whole) noexcept {
    target t;
    if (status s = t.open(file, raw::way::change); !s) return s;
    auto refuse = [&](errc code, const char* why) {
        return status(detail::fail(code, error::nowhere, why).in(t.file.view()));
    };
    for (std::size_t i = 0; i < size_; ++i) {
        if (targets_[i].facts.inode == t.facts.inode && targets_[i].facts.device == t.facts.device)
            return refuse(errc::in_use, "this file is in the same change already");
        if (targets_[i].file.folder() != t.file.folder())
            return refuse(errc::unsupported,
                          "files of several folders cannot be changed in place together; write "
                          "them elsewhere");
    }
    if (t.facts.links > 1)
        return refuse(errc::unsupported,
                      "this file has other names (hard links), which would change with it; write "
                      "it elsewhere");
    if (status s = t.lock(); !s) return s;
    t.old_size = whole ? t.facts.size : old_size;
    t.bytes = bytes;
    if (status s = t.measure(); !s) return s;
    return push(std::move(t)) == nullptr ? status(detail::no_memory()) : status();
}

// ---- the journal, and then the change ----------------------------------------------------------

inline status edit_in_place::write() noexcept {
    detail::journal j;
    const path& first = targets_[0].file;
    j.folder = path(first.folder());
    j.name = path(first.file_name());
    j.name += detail::journal_suffix;
    if (!j.folder.ok() || !j.name.ok() || !j.entries.resize(size_)) return detail::no_memory();
    for (std::size_t i = 0; i < size_; ++i) {
        target& t = targets_[i];
        if (t.entry.room() == 0) continue;
        int os = detail::extents_of(t.data.get(), t.entry.old_head, t.entry.old_size, t.extents);
        if (os != 0)
            return detail::fail(errc::unsupported, error::nowhere,
                                "the system does not say where the file's blocks are, so room "
                                "cannot be inserted safely; write the file elsewhere")
                .os(os)
                .in(t.file.view());
    }
    status s = write_journal(j);
    // On ext4 and XFS a file that is flushed takes its name with it, and all that was made before.
    if (s && targets_[0].unit == 0) {
        if (int os = detail::flush_folder(j.folder.c_str()); os != 0)
            s = detail::write_error(os, j.folder.view(), "cannot flush the folder");
    }
    if (!s) return remove_traces(j), s;
    error why;
    detail::job work(j);
    if (status done = work.run(why); !done) {
        error e = done.error();
        if (!work.touched()) {
            remove_traces(j);
            if (e.code() == errc::out_of_memory) return done;
            return detail::fail(errc::cannot_write, error::nowhere, e.detail())
                .os(e.os_error())
                .in(e.file());
        }
        return detail::fail(errc::interrupted, error::nowhere,
                            "the change could not be finished: ", e.detail())
            .os(e.os_error())
            .in(e.file());
    }
    if (why.code() != errc::none) return why;
    return {};
}

inline void edit_in_place::remove_traces(const detail::journal& j) noexcept {
    if (j.file) (void)detail::remove_name(j.itself);
    for (std::size_t i = 1; i < size_; ++i) {
        path link(targets_[i].file.view());
        link += detail::journal_suffix;
        if (link.ok()) detail::remove_link(link);
    }
}

inline status edit_in_place::write_journal(detail::journal& j) noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
        path link(targets_[i].file.view());
        link += detail::journal_suffix;
        if (!link.ok()) return detail::no_memory();
        detail::remove_link(link);  // what a crash left, without its journal
        if (i == 0) continue;
        if (int os = detail::make_link(link, j.name); os != 0)
            return detail::write_error(os, link.view(),
                                       "cannot make the note (a symbolic link) that the file is "
                                       "being changed; write the files elsewhere");
    }
    const path& itself = j.itself = j.beside(j.name.view());
    if (!itself.ok()) return detail::no_memory();
    int os = j.file.open(itself, raw::way::create, targets_[0].facts.mode & 0666);
    if (os != 0)
        return detail::write_error(os, itself.view(),
                                   "cannot make the journal of the change; write the file "
                                   "elsewhere");

    std::uint64_t at = detail::journal::head_size + size_ * detail::journal_entry::fields * 8;
    std::uint64_t names = 0;
    for (std::size_t i = 0; i < size_; ++i) {
        detail::journal_entry& e = j.entries[i];
        e = targets_[i].entry;
        std::string_view name = targets_[i].file.file_name();
        if (!j.names.append(name.data(), name.size())) return detail::no_memory();
        e.name_at = names;
        e.name_size = name.size();
        names += name.size();
    }
    at += names;
    for (std::size_t i = 0; i < size_; ++i) {
        detail::journal_entry& e = j.entries[i];
        e.at_extents = at;
        e.extents = targets_[i].extents.size();
        e.at_old = e.at_extents + e.extents * 24;
        e.at_new = e.at_old + e.old_head;
        at = e.at_new + e.new_head;
    }

    detail::journal_writer out(j.file);
    out.text(detail::journal::magic);
    for (std::uint64_t v : {at + 8, std::uint64_t{size_}, names}) out.number(v);
    for (const detail::journal_entry& e : j.entries)
        for (std::uint64_t v : {e.inode, e.old_size, e.new_size, e.old_head, e.new_head, e.at_old,
                                e.at_new, e.at_extents, e.extents, e.name_at, e.name_size})
            out.number(v);
    out.text({j.names.data(), j.names.size()});
    for (std::size_t i = 0; i < size_; ++i) {
        const target& t = targets_[i];
        for (const detail::extent& x : t.extents)
            for (std::uint64_t v : {x.logical, x.physical, x.length}) out.number(v);
        int r = out.copy(t.data, 0, t.entry.old_head);
        out.bytes(t.bytes.data(), t.bytes.size());
        if (r == 0) r = out.copy(t.data, t.old_size, t.entry.old_head - t.old_size);
        if (r == ENOMEM) return detail::no_memory();
        if (r != 0)
            return detail::fail(r == raw::ended ? errc::file_changed : errc::cannot_read,
                                error::nowhere, "cannot read the beginning of the file")
                .os(r == raw::ended ? 0 : r)
                .in(t.file.view());
    }
    os = out.finish();
    if (os == 0) os = j.file.flush();
    if (os != 0) return detail::write_error(os, itself.view(), "cannot write the journal");
    return {};
}

AKA_END

#endif  // AKA_EDIT_IN_PLACE_HPP
