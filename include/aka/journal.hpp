// aka: files changed in place so that a crash at any moment leaves the old or the new ones.
//
// A job changes the beginnings of one or more files of one folder, for all or for none. Before it
// touches them it writes FILE.aka-journal beside the first: what each file's beginning was and is
// to be, and a checksum. Beside each other file it puts a symbolic link of that name to the one
// journal. So a file that a job may have left half done has a journal beside it, which costs who
// opens the file one question; a link without its journal is nothing. The job begins when the
// journal is on the disk, whole, and ends when its name is gone: two single moments for all files.
//
// Whoever finds a journal carries the job out again from the beginning, which does no harm where
// it was done already, or, where that fails, puts back what was. A journal that is not whole was
// never acted on.
#ifndef AKA_JOURNAL_HPP
#define AKA_JOURNAL_HPP

#include "config.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "arena.hpp"
#include "bytes.hpp"
#include "error.hpp"
#include "extents.hpp"
#include "path.hpp"
#include "raw_file.hpp"

AKA_BEGIN

/// What was to be done about an interrupted change, see `recover`.
enum class recovery : std::uint8_t {
    nothing,   ///< no change was interrupted
    cleared,   ///< it had not touched any file yet; its traces are removed
    finished,  ///< the files are the new ones now
    undone,    ///< the files are the old ones again: finishing it was not possible
};

namespace detail {

inline constexpr std::string_view journal_suffix = ".aka-journal";

/// What a job does to one file. All numbers in bytes.
///
/// The heads are whole blocks of the file system, so that no block that is written has bytes of
/// anything else, or end with the file. A file whose head is all of it may change its size to any
/// other; else it grows by whole blocks that are inserted at its beginning, or not at all.
struct journal_entry {
    std::uint64_t inode;
    std::uint64_t old_size, new_size;
    std::uint64_t old_head, new_head;
    std::uint64_t at_old, at_new;       // of the heads in the journal
    std::uint64_t at_extents, extents;  // of the data behind the old head; where room is inserted
    std::uint64_t name_at, name_size;

    static constexpr std::size_t fields = 11;
    bool whole() const noexcept { return old_head == old_size; }
    std::uint64_t room() const noexcept { return whole() ? 0 : new_size - old_size; }
};
static_assert(sizeof(journal_entry) == journal_entry::fields * 8, "all numbers, in this order");

/// 64 bits that tell a journal that is whole from one that a crash cut off.
class checksum {
  public:
    void add(const void* data, std::size_t n) noexcept {
        auto* p = static_cast<const unsigned char*>(data);
        while (n != 0) {
            if (size_ % 8 == 0 && n >= 8) {
                mix(load_le<std::uint64_t>(p));
                p += 8, n -= 8, size_ += 8;
                continue;
            }
            word_ |= static_cast<std::uint64_t>(*p++) << (8 * (size_++ % 8)), --n;
            if (size_ % 8 == 0) mix(std::exchange(word_, 0));
        }
    }
    std::uint64_t value() const noexcept {
        checksum last = *this;
        return last.mix(word_), last.mix(size_), last.hash_;
    }

  private:
    void mix(std::uint64_t word) noexcept {
        hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15;
        hash_ ^= hash_ >> 29;
    }
    std::uint64_t hash_ = 0x616b612d6a726e6c, word_ = 0, size_ = 0;
};

/// A journal as it lies beside its files.
class journal {
  public:
    static constexpr std::string_view magic = "akajrnl1";
    static constexpr std::size_t head_size = 32;  // magic, size, entries, bytes of their names
    static constexpr std::uint64_t most_entries = 1 << 16;

    path folder, name, itself;  // the journal's; its files are in the same folder
    raw_file file;
    growing<journal_entry> entries;
    growing<char> names;

    std::string_view name_of(const journal_entry& e) const noexcept {
        return {names.data() + e.name_at, static_cast<std::size_t>(e.name_size)};
    }
    path beside(std::string_view file_name) const noexcept {
        path p(folder.view());
        return p /= file_name, std::move(p);
    }

    /// Reads what `file` has. False: it is not whole (or `os`: could not be read).
    bool load(int& os) noexcept;

  private:
    bool entry_ok(const journal_entry& e, std::uint64_t end) const noexcept {
        auto inside = [&](std::uint64_t at, std::uint64_t n) { return at <= end && n <= end - at; };
        std::uint64_t list = 0;
        if (!checked_mul(e.extents, 3 * 8, list) || !inside(e.at_old, e.old_head) ||
            !inside(e.at_new, e.new_head) || !inside(e.at_extents, list) ||
            e.old_head > e.old_size || e.new_head > e.new_size || e.name_at > names.size() ||
            e.name_size > names.size() - e.name_at)
            return false;
        if (e.whole()
                ? e.new_head != e.new_size
                : e.new_size < e.old_size || e.new_size - e.old_size != e.new_head - e.old_head)
            return false;
        std::string_view n = name_of(e);
        // Of this folder and no other: nobody's journal reaches out of it.
        return !n.empty() && n != "." && n != ".." &&
               n.find_first_of("/\\:") == std::string_view::npos &&
               n.find('\0') == std::string_view::npos;
    }
};

inline bool journal::load(int& os) noexcept {
    raw_file::facts f;
    std::byte head[head_size], last[8];
    growing<std::byte> buffer;
    entries.clear();
    auto read = [&](std::uint64_t at, void* to, std::size_t n) {
        os = file.read(at, to, n);
        if (os == raw_file::ended) return os = 0, false;  // cut off
        return os == 0;
    };
    if ((os = file.look(f)) != 0 || f.size < head_size + 8) return false;
    const std::uint64_t end = f.size - 8;
    if (!read(0, head, sizeof head) || !read(end, last, 8)) return false;
    auto count = load_le<std::uint64_t>(head + 16), text = load_le<std::uint64_t>(head + 24);
    if (std::memcmp(head, magic.data(), magic.size()) != 0 ||
        load_le<std::uint64_t>(head + 8) != f.size || count == 0 || count > most_entries ||
        text > end || count * sizeof(journal_entry) > end)
        return false;

    const auto records = static_cast<std::size_t>(count) * sizeof(journal_entry);
    constexpr std::size_t step = std::size_t{1} << 18;
    if (!buffer.resize(records > step ? records : step) ||
        !names.resize(static_cast<std::size_t>(text)) ||
        !entries.resize(static_cast<std::size_t>(count)))
        return os = ENOMEM, false;
    checksum sum;
    for (std::uint64_t at = 0; at < end; at += step) {
        std::size_t n = end - at < step ? static_cast<std::size_t>(end - at) : step;
        if (!read(at, buffer.data(), n)) return false;
        sum.add(buffer.data(), n);
    }
    if (load_le<std::uint64_t>(last) != sum.value() || !read(head_size, buffer.data(), records) ||
        !read(head_size + records, names.data(), names.size()))
        return false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        std::uint64_t v[journal_entry::fields];
        const std::byte* from = buffer.data() + i * sizeof v;
        for (std::uint64_t& x : v) x = load_le<std::uint64_t>(from), from += 8;
        std::memcpy(&entries[i], v, sizeof v);
        if (!entry_ok(entries[i], end)) return false;
    }
    return true;
}

/// Carries a journal out.
class job {
  public:
    explicit job(journal& j) noexcept : journal_(j) {}
    ~job() {
        raw_file f;
        for (raw_file::native n : files_) f.adopt(n);
    }
    job(const job&) = delete;

    /// All files become the new ones, or, where that fails, all the old ones: then `why` is the
    /// reason. An error: neither was possible, and the journal stays. The caller holds the lock.
    status run(error& why) noexcept {
        if (status s = open_files(); !s) return s;
        touched_ = true;
        if (status s = bring(true); !s) {
            why = s.error();
            if (s = bring(false); !s) {
                error e = s.error();
                return e.say("; the change cannot be finished either: ", why.detail());
            }
        }
        return end();
    }
    /// Whether any file may have been written.
    bool touched() const noexcept { return touched_; }

  private:
    // Removes the journal, and then the links to it.
    status end() noexcept {
        int os = remove_name(journal_.itself);
        if (os == 0 || is_missing(os)) os = flush_folder(journal_.folder.c_str());
        if (os != 0)
            return write_error(os, journal_.folder.view(), "cannot remove the journal from it");
        for (const journal_entry& e : journal_.entries) {
            path link = journal_.beside(journal_.name_of(e));
            link += journal_suffix;
            if (link.ok() && link.file_name() != journal_.name.view()) (void)remove_name(link);
        }
        return {};
    }

    AKA_COLD error failed(int os, const journal_entry& e, const char* what) noexcept {
        return write_error(os, journal_.beside(journal_.name_of(e)).view(), what);
    }
    AKA_COLD error not_its_file(const journal_entry& e, const char* why) noexcept {
        return fail(errc::interrupted, error::nowhere,
                    "an interrupted change is noted beside this file, in ",
                    quoted{journal_.name.view()}, ", but ", why,
                    "; nothing was touched: if the file is as it should be, remove that note")
            .in(journal_.beside(journal_.name_of(e)).view());
    }

    // Opens all, and makes sure that they are the ones before any is touched.
    status open_files() noexcept {
        if (!buffer_.resize(std::size_t{1} << 18) || !files_.reserve(journal_.entries.size()))
            return no_memory();
        for (const journal_entry& e : journal_.entries) {
            path p = journal_.beside(journal_.name_of(e));
            raw_file file;
            raw_file::facts f;
            if (!p.ok()) return no_memory();
            int os = file.open(p, raw_file::way::change);
            if (is_missing(os)) return not_its_file(e, "the file is gone");
            if (os == 0) os = file.look(f);
            if (os != 0)
                return fail(errc::interrupted, error::nowhere,
                            "a change of this file was interrupted, and it cannot be opened to "
                            "finish that: open the checkpoint as somebody who may write it")
                    .os(os)
                    .in(p.view());
            if (!f.regular || f.inode != e.inode) return not_its_file(e, "of another file");
            // A whole file has any size while it is written.
            bool known = e.whole() ? f.size <= e.old_size || f.size <= e.new_size
                                   : f.size == e.old_size || f.size == e.new_size;
            if (!known) return not_its_file(e, "its size has changed since");
            if (!files_.push(file.get())) return no_memory();
            file.release();
        }
        return {};
    }

    // To the new state or the old one, from any in between.
    status bring(bool is_new) noexcept {
        status s;
        for (std::size_t i = 0; s && i < files_.size(); ++i) s = with(i, is_new, &job::set_room);
        for (std::size_t i = 0; s && i < files_.size(); ++i) s = with(i, is_new, &job::put_head);
        for (std::size_t i = 0; s && i < files_.size(); ++i) s = with(i, is_new, &job::flush);
        return s;
    }
    using step = status (job::*)(const journal_entry&, const raw_file&, bool);
    status with(std::size_t i, bool is_new, step what) noexcept {
        raw_file f;
        f.adopt(files_[i]);
        status s = (this->*what)(journal_.entries[i], f, is_new);
        f.release();
        return s;
    }

    status flush(const journal_entry& e, const raw_file& file, bool) noexcept {
        int os = file.flush();
        return os == 0 ? status() : status(failed(os, e, "cannot flush the file"));
    }

    // Room at the front or none, whatever there is now.
    status set_room(const journal_entry& e, const raw_file& file, bool wanted) noexcept {
        raw_file::facts f;
        int os = 0;
        if (e.room() == 0) return {};
        if ((os = file.look(f)) != 0) return failed(os, e, "cannot ask for the file's size");
        bool there = f.size == e.new_size;
        // An insertion is not one step on the disk: the new size comes first, then the extents
        // move one by one; taking out, the new size comes last.
        if (there) {
            shifted s;
            if ((os = how_far(e, file, s)) != 0)
                return failed(os, e, "cannot find out where the file's blocks are");
            if (s.what == shifted::foreign) return not_its_file(e, "its blocks are others now");
            there = s.what == shifted::all;
            if (s.what == shifted::none) os = file.resize(e.old_size);
            if (s.what == shifted::some) os = take_out(file.get(), s.gap, e.room());
            if (os != 0) return failed(os, e, "cannot close a gap in the file");
        }
        if (there == wanted) return {};
        os = wanted ? insert_front(file.get(), e.room()) : take_out(file.get(), 0, e.room());
        if (os == 0) return {};
        return failed(os, e,
                      wanted ? "the file system does not insert room in the file"
                             : "cannot take the inserted room out of the file");
    }

    int how_far(const journal_entry& e, const raw_file& file, shifted& s) noexcept {
        growing<extent> before, now;
        if (!before.resize(static_cast<std::size_t>(e.extents))) return ENOMEM;
        for (std::size_t k = 0; k < before.size(); ++k) {
            std::byte b[24];
            if (int os = journal_.file.read(e.at_extents + 24 * k, b, sizeof b); os != 0) return os;
            before[k] = {load_le<std::uint64_t>(b), load_le<std::uint64_t>(b + 8),
                         load_le<std::uint64_t>(b + 16)};
        }
        int os = extents_of(file.get(), 0, e.new_size, now);
        s = compare_extents(before, now, e.room(), e.new_head);
        return os;
    }

    status put_head(const journal_entry& e, const raw_file& file, bool is_new) noexcept {
        std::uint64_t from = is_new ? e.at_new : e.at_old, n = is_new ? e.new_head : e.old_head;
        int os = 0;
        for (std::uint64_t at = 0; at < n && os == 0; at += buffer_.size()) {
            std::size_t k =
                n - at < buffer_.size() ? static_cast<std::size_t>(n - at) : buffer_.size();
            os = journal_.file.read(from + at, buffer_.data(), k);
            if (os == 0) os = file.write(at, buffer_.data(), k);
        }
        if (os == 0 && e.whole() && e.old_size != e.new_size)
            os = file.resize(is_new ? e.new_size : e.old_size);
        return os == 0 ? status() : status(failed(os, e, "cannot write the file"));
    }

    journal& journal_;
    growing<raw_file::native> files_;
    growing<std::byte> buffer_;
    bool touched_ = false;
};

/// Whether there is a journal beside a file, or may be: one question to the system.
inline bool has_journal(const path& file) noexcept {
    // On the stack: this is asked of every file that is opened.
    char name[512];
    std::string_view v = file.view();
    if (v.size() + journal_suffix.size() < sizeof name) {
        std::memcpy(name, v.data(), v.size());
        std::memcpy(name + v.size(), journal_suffix.data(), journal_suffix.size());
        name[v.size() + journal_suffix.size()] = 0;
#if !AKA_WINDOWS
        if (::access(name, F_OK) == 0) return true;
        if (is_missing(errno)) return false;
#endif
    }
    path p(v);
    p += journal_suffix;
    int os = 0;
    return p.ok() && kind_of(p, os) != path_kind::missing;
}

inline void wait_a_little() noexcept {
#if AKA_WINDOWS
    win::Sleep(10);
#else
    ::usleep(10 * 1000);
#endif
}

/// The name of the journal that `file` has beside it, or that a link there leads to: in the same
/// folder, whatever the link says.
inline int journal_name(const path& file, path& out) noexcept {
    out = path(file.file_name());
    out += journal_suffix;
#if !AKA_WINDOWS
    path beside(file.view());
    beside += journal_suffix;
    char to[512];
    long n = static_cast<long>(::readlink(beside.c_str(), to, sizeof to));
    if (n > 0 && n < static_cast<long>(sizeof to)) {
        std::string_view v(to, static_cast<std::size_t>(n));
        if (v.find('/') != std::string_view::npos || !ends_with(v, journal_suffix)) return EINVAL;
        out = path(v);
    }
#endif
    return out.ok() ? 0 : ENOMEM;
}

/// Locks the file that a journal is named after; who works on the journal holds that lock. Others
/// that open the checkpoint at the same time do the same, so it waits for them for a while.
inline status lock_for(const path& file, raw_file& lock) noexcept {
    constexpr int tries = 300;  // three seconds
    for (int i = 0;; ++i) {
        int os = lock.lock();
        if (os == 0) return {};
        if (!is_busy(os))
            return fail(errc::cannot_open, error::nowhere, "cannot lock the file")
                .os(os)
                .in(file.view());
        if (i == tries)
            return fail(errc::in_use, error::nowhere, "another process is changing this file")
                .in(file.view());
        wait_a_little();
    }
}

/// See aka::recover; `file` is no link.
inline status recover_real(const path& file, recovery& what) noexcept {
    what = recovery::nothing;
    for (int tries = 0; tries < 100 && has_journal(file); ++tries) {
        journal j;
        j.folder = path(file.folder());
        if (int os = journal_name(file, j.name); os != 0)
            return fail(errc::interrupted, error::nowhere,
                        "what lies beside this file as its journal is none of aka's")
                .os(os)
                .in(file.view());
        path first =
            j.beside(j.name.view().substr(0, j.name.view().size() - journal_suffix.size()));
        j.itself = j.beside(j.name.view());
        if (!first.ok() || !j.itself.ok()) return no_memory();
        raw_file lock;
        // A lock needs no more than a file that may be read.
        if (int os = lock.open(first, raw_file::way::read); os != 0)
            return fail(errc::interrupted, error::nowhere, "a change of this file and of ",
                        quoted{first.file_name()},
                        " was interrupted, and that one cannot be opened to finish it")
                .os(os)
                .in(file.view());
        if (status s = lock_for(file, lock); !s) return s;
        int os = j.file.open(j.itself, raw_file::way::read);
        if (is_missing(os)) continue;  // done by somebody else meanwhile
        if (os != 0)
            return fail(errc::interrupted, error::nowhere,
                        "a change of this file was interrupted, and its journal cannot be opened")
                .os(os)
                .in(file.view());
        if (!j.load(os)) {
            if (os != 0)
                return fail(errc::interrupted, error::nowhere,
                            "a change of this file was interrupted, and its journal cannot be read")
                    .os(os)
                    .in(file.view());
            // Never acted on. Who may not remove it may read the file all the same.
            if (remove_name(j.itself) == 0) (void)flush_folder(j.folder.c_str());
            what = recovery::cleared;
            return {};
        }
        error why;
        job work(j);
        if (status s = work.run(why); !s) {
            if (s.code() == errc::interrupted || s.code() == errc::out_of_memory) return s;
            error e = s.error();
            return fail(errc::interrupted, error::nowhere,
                        "a change of this file was interrupted, and finishing it failed: ",
                        e.detail())
                .os(e.os_error())
                .in(e.file());
        }
        what = why.code() == errc::none ? recovery::finished : recovery::undone;
        return {};
    }
    return {};
}

/// What opening a file does first: it must not read a beginning that is half written. A journal
/// lies beside the file itself, not beside a link to it.
inline status finish_change(const path& file, bool is_link) noexcept {
    if (!is_link && !has_journal(file)) return {};
    path real;
    recovery what = recovery::nothing;
    if (int os = behind_links(file, real); os != 0)
        return fail(errc::cannot_open, error::nowhere, "cannot find the file behind this name")
            .os(os)
            .in(file.view());
    return recover_real(real, what);
}

}  // namespace detail

/// Finishes or undoes a change in place of this file, and of all that were changed with it, that
/// was interrupted by a crash. Opening a file does this by itself. Costs one question to the system
/// where nothing is to be done.
/// Errors: interrupted (neither is possible: what stands in the way; nothing is read from such a
/// file), in_use (another process is at it), out_of_memory.
inline result<recovery> recover(detail::path file) noexcept {
    detail::path real;
    recovery what = recovery::nothing;
    if (!file.ok()) return detail::no_memory();
    if (int os = detail::behind_links(file, real); os != 0)
        return detail::fail(detail::is_missing(os) ? errc::missing_file : errc::cannot_open,
                            error::nowhere, "cannot find the file")
            .os(os)
            .in(file.view());
    if (status s = detail::recover_real(real, what); !s) return s.error();
    return what;
}

AKA_END

#endif  // AKA_JOURNAL_HPP
