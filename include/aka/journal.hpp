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

/// 64 bits that tell a journal that is whole from one that a crash cut off.
class checksum {
  public:
    void add(const void* data, std::size_t n) noexcept {
        auto* p = static_cast<const unsigned char*>(data);
        size_ += n;
        while (n != 0 && held_ != 0) take(*p++), --n;
        for (; n >= 8; p += 8, n -= 8) mix(load_le<std::uint64_t>(p));
        while (n != 0) take(*p++), --n;
    }
    std::uint64_t value() const noexcept {
        checksum last = *this;
        last.mix(word_);
        last.mix(size_);
        return last.hash_;
    }

  private:
    void take(unsigned char c) noexcept {
        word_ |= static_cast<std::uint64_t>(c) << (8 * held_);
        if (++held_ == 8) mix(std::exchange(word_, 0)), held_ = 0;
    }
    void mix(std::uint64_t word) noexcept {
        hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15;
        hash_ ^= hash_ >> 29;
    }
    std::uint64_t hash_ = 0x616b612d6a726e6c, word_ = 0, size_ = 0;
    unsigned held_ = 0;
};

/// A journal as it lies beside its files.
class journal {
  public:
    static constexpr std::string_view magic = "akajrnl1";
    static constexpr std::size_t head_size = 32;  // magic, size, entries, bytes of their names
    static constexpr std::uint64_t most_entries = 1 << 16;

    path folder, name;  // of the journal; its files are in the same folder
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
    entries.clear();
    names.clear();
    std::byte head[head_size];
    if ((os = file.look(f)) != 0) return false;
    if (!f.regular || f.size < head_size + 8) return false;
    if ((os = file.read(0, head, sizeof head)) != 0)
        return os = os == raw_file::ended ? 0 : os, false;
    auto count = load_le<std::uint64_t>(head + 16), text = load_le<std::uint64_t>(head + 24);
    if (std::memcmp(head, magic.data(), magic.size()) != 0 ||
        load_le<std::uint64_t>(head + 8) != f.size || count == 0 || count > most_entries ||
        text > f.size || count * sizeof(journal_entry) > f.size)
        return false;

    constexpr std::size_t step = std::size_t{1} << 18;
    growing<std::byte> buffer;
    if (!buffer.resize(f.size < step ? static_cast<std::size_t>(f.size) : step))
        return os = ENOMEM, false;
    checksum sum;
    for (std::uint64_t at = 0, end = f.size - 8; at < end;) {
        std::size_t n = end - at < step ? static_cast<std::size_t>(end - at) : step;
        if ((os = file.read(at, buffer.data(), n)) != 0) return false;
        sum.add(buffer.data(), n);
        at += n;
    }
    std::byte last[8];
    if ((os = file.read(f.size - 8, last, 8)) != 0) return false;
    if (load_le<std::uint64_t>(last) != sum.value()) return false;

    const auto records = static_cast<std::size_t>(count) * journal_entry::fields * 8;
    if (!buffer.resize(records) || !names.resize(static_cast<std::size_t>(text)) ||
        !entries.resize(static_cast<std::size_t>(count)))
        return os = ENOMEM, false;
    if ((os = file.read(head_size, buffer.data(), records)) != 0) return false;
    if ((os = file.read(head_size + records, names.data(), names.size())) != 0) return false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        std::uint64_t v[journal_entry::fields];
        for (std::size_t k = 0; k < journal_entry::fields; ++k)
            v[k] = load_le<std::uint64_t>(buffer.data() + (i * journal_entry::fields + k) * 8);
        entries[i] = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
        if (!entry_ok(entries[i], f.size - 8)) return false;
    }
    return true;
}

/// Carries a journal out.
class job {
  public:
    explicit job(journal& j) noexcept : journal_(j) {}

    /// All files become the new ones, or, where that fails, all the old ones: then `why` is the
    /// reason. An error: neither was possible, and the journal stays. The caller holds the lock.
    status run(error& why) noexcept {
        if (status s = open_files(); !s) return s;
        status done = forward();
        if (done) return end();
        why = done.error();
        if (status s = back(); !s) {
            error e = s.error();
            return e.say("; the change cannot be finished either: ", why.detail());
        }
        return end();
    }

    /// Removes the journal, and then the links to it. What may fail of this fails harmlessly.
    status end() noexcept {
        if (int os = remove_name(journal_.beside(journal_.name.view())); os != 0 && !is_missing(os))
            return error_of(os, journal_.name.view(), "cannot remove the journal");
        if (int os = flush_folder(journal_.folder.c_str()); os != 0)
            return error_of(os, journal_.folder.view(), "cannot flush the folder");
        for (const journal_entry& e : journal_.entries) {
            path link = journal_.beside(journal_.name_of(e));
            link += journal_suffix;
            if (link.ok() && link.file_name() != journal_.name.view()) (void)remove_name(link);
        }
        return {};
    }

  private:
    error error_of(int os, std::string_view name, const char* what) noexcept {
        return write_error(os, name, what);
    }
    error error_of(int os, const journal_entry& e, const char* what) noexcept {
        return write_error(os, journal_.beside(journal_.name_of(e)).view(), what);
    }
    AKA_COLD error not_its_file(const journal_entry& e, const char* why) noexcept {
        return fail(errc::interrupted, error::nowhere,
                    "an interrupted change is noted beside this file, in ",
                    quoted{journal_.name.view()}, ", but ", why,
                    "; nothing was touched: if the file is as it should be, remove that note")
            .in(journal_.beside(journal_.name_of(e)).view());
    }

    struct files {
        raw_file* data = nullptr;
        std::size_t size = 0;
        ~files() {
            for (std::size_t i = 0; i < size; ++i) data[i].~raw_file();
            AKA_FREE(data);
        }
    };

    // Opens all, and makes sure that they are the ones before any is touched.
    status open_files() noexcept {
        std::size_t n = journal_.entries.size();
        files_.data = static_cast<raw_file*>(AKA_MALLOC(n * sizeof(raw_file)));
        if (files_.data == nullptr || !buffer_.resize(std::size_t{1} << 18)) return no_memory();
        for (; files_.size < n; ++files_.size)
            ::new (static_cast<void*>(files_.data + files_.size)) raw_file();
        for (std::size_t i = 0; i < n; ++i) {
            const journal_entry& e = journal_.entries[i];
            path p = journal_.beside(journal_.name_of(e));
            if (!p.ok()) return no_memory();
            if (int os = files_.data[i].open(p, raw_file::way::change); os != 0) {
                if (is_missing(os)) return not_its_file(e, "the file is gone");
                return fail(errc::interrupted, error::nowhere,
                            "a change of this file was interrupted, and it cannot be opened to "
                            "finish that: open the checkpoint as somebody who may write it")
                    .os(os)
                    .in(p.view());
            }
            raw_file::facts f;
            if (int os = files_.data[i].look(f); os != 0)
                return error_of(os, e, "cannot ask for the file's size");
            if (!f.regular || f.inode != e.inode) return not_its_file(e, "of another file");
            std::uint64_t more = e.new_size > e.old_size ? e.new_size : e.old_size;
            // A whole file has any size while it is written.
            if (e.whole() ? f.size > more : f.size != e.old_size && f.size != e.new_size)
                return not_its_file(e, "its size has changed since");
        }
        return {};
    }

    status forward() noexcept {
        for (std::size_t i = 0; i < files_.size; ++i)
            if (status s = set_room(i, true); !s) return s;
        for (std::size_t i = 0; i < files_.size; ++i)
            if (status s = put_head(i, true); !s) return s;
        return flush();
    }
    status back() noexcept {
        for (std::size_t i = 0; i < files_.size; ++i)
            if (status s = set_room(i, false); !s) return s;
        for (std::size_t i = 0; i < files_.size; ++i)
            if (status s = put_head(i, false); !s) return s;
        return flush();
    }
    status flush() noexcept {
        for (std::size_t i = 0; i < files_.size; ++i)
            if (int os = files_.data[i].flush(); os != 0)
                return error_of(os, journal_.entries[i], "cannot flush the file");
        return {};
    }

    // Room at the front or none, whatever there is now.
    status set_room(std::size_t i, bool wanted) noexcept {
        const journal_entry& e = journal_.entries[i];
        if (e.room() == 0) return {};
        raw_file& file = files_.data[i];
        raw_file::facts f;
        if (int os = file.look(f); os != 0)
            return error_of(os, e, "cannot ask for the file's size");
        bool there = f.size == e.new_size;
        // An insertion is not one step on the disk: the new size comes first, then the extents
        // move one by one; taking out, the new size comes last.
        if (there) {
            shifted s;
            if (status r = how_far(i, s); !r) return r;
            if (s.what == shifted::foreign) return not_its_file(e, "its blocks are others now");
            if (s.what != shifted::all) {
                int os = s.what == shifted::none ? file.resize(e.old_size)
                                                 : take_out(file.get(), s.gap, e.room());
                if (os != 0) return error_of(os, e, "cannot close a gap in the file");
                there = false;
            }
        }
        if (there == wanted) return {};
        if (wanted) {
            if (int os = insert_front(file.get(), e.room()); os != 0)
                return error_of(os, e, "the file system does not insert room in the file");
        } else if (int os = take_out(file.get(), 0, e.room()); os != 0) {
            return error_of(os, e, "cannot take the inserted room out of the file");
        }
        return {};
    }

    status how_far(std::size_t i, shifted& s) noexcept {
        const journal_entry& e = journal_.entries[i];
        growing<extent> before, now;
        if (!before.resize(static_cast<std::size_t>(e.extents))) return no_memory();
        for (std::size_t k = 0; k < before.size(); ++k) {
            std::byte b[24];
            if (int os = journal_.file.read(e.at_extents + 24 * k, b, sizeof b); os != 0)
                return error_of(os, journal_.name.view(), "cannot read the journal");
            before[k] = {load_le<std::uint64_t>(b), load_le<std::uint64_t>(b + 8),
                         load_le<std::uint64_t>(b + 16)};
        }
        if (int os = extents_of(files_.data[i].get(), 0, e.new_size, now); os != 0)
            return error_of(os, e, "cannot ask where the file's blocks are");
        s = compare_extents(before, now, e.room(), e.new_head);
        return {};
    }

    status put_head(std::size_t i, bool is_new) noexcept {
        const journal_entry& e = journal_.entries[i];
        std::uint64_t from = is_new ? e.at_new : e.at_old, n = is_new ? e.new_head : e.old_head;
        for (std::uint64_t at = 0; at < n;) {
            std::size_t k = buffer_.size();
            if (n - at < k) k = static_cast<std::size_t>(n - at);
            if (int os = journal_.file.read(from + at, buffer_.data(), k); os != 0)
                return error_of(os, journal_.name.view(), "cannot read the journal");
            if (int os = files_.data[i].write(at, buffer_.data(), k); os != 0)
                return error_of(os, e, "cannot write the file");
            at += k;
        }
        if (e.whole() && e.old_size != e.new_size)
            if (int os = files_.data[i].resize(is_new ? e.new_size : e.old_size); os != 0)
                return error_of(os, e, "cannot change the file's size");
        return {};
    }

    journal& journal_;
    files files_;
    growing<std::byte> buffer_;
};

/// Whether there is a journal beside a file: one question to the system.
inline bool has_journal(const path& file) noexcept {
    // On the stack: this is asked of every file that is opened.
    char name[512];
    std::string_view v = file.view();
    if (v.size() + journal_suffix.size() < sizeof name) {
        std::memcpy(name, v.data(), v.size());
        std::memcpy(name + v.size(), journal_suffix.data(), journal_suffix.size());
        name[v.size() + journal_suffix.size()] = 0;
#if !AKA_WINDOWS
        return ::access(name, F_OK) == 0;
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
    path near(file.view());
    near += journal_suffix;
    char to[512];
    long n = static_cast<long>(::readlink(near.c_str(), to, sizeof to));
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

/// See aka::recover; `file` is real, without links.
inline status recover_real(const path& file, recovery& what) noexcept {
    what = recovery::nothing;
    while (has_journal(file)) {
        journal j;
        j.folder = path(file.folder());
        if (int os = journal_name(file, j.name); os != 0)
            return fail(errc::interrupted, error::nowhere,
                        "what lies beside this file as its journal is none of aka's")
                .os(os)
                .in(file.view());
        path first =
            j.beside(j.name.view().substr(0, j.name.view().size() - journal_suffix.size()));
        path itself = j.beside(j.name.view());
        if (!first.ok() || !itself.ok()) return no_memory();
        raw_file lock;
        // A lock needs no more than a file that may be read.
        if (int os = lock.open(first, raw_file::way::read); os != 0)
            return fail(errc::interrupted, error::nowhere, "a change of this file and of ",
                        quoted{first.file_name()},
                        " was interrupted, and that one cannot be opened to finish it")
                .os(os)
                .in(file.view());
        if (status s = lock_for(file, lock); !s) return s;
        int os = j.file.open(itself, raw_file::way::read);
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
            if (remove_name(itself) == 0) (void)flush_folder(j.folder.c_str());
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
    if (int os = real_path(file, real); os != 0)
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
    if (int os = detail::real_path(file, real); os != 0)
        return detail::fail(detail::is_missing(os) ? errc::missing_file : errc::cannot_open,
                            error::nowhere, "cannot find the file")
            .os(os)
            .in(file.view());
    if (status s = detail::recover_real(real, what); !s) return s.error();
    return what;
}

AKA_END

#endif  // AKA_JOURNAL_HPP
