// aka: renames where the files lie: headers alone are written, however large the files are.
#include "version.hpp"

#ifndef AKA_REWRITE_IN_PLACE_HPP
#define AKA_REWRITE_IN_PLACE_HPP

#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include "edit_in_place.hpp"
#include "folder_files.hpp"
#include "rewrite_files.hpp"

AKA_BEGIN

/// New headers for the files of a checkpoint, ready to be written. Made by `rewrite_in_place`, and
/// independent of the plan from then on.
class in_place_rewrite {
  public:
    /// Takes over.
    in_place_rewrite(in_place_rewrite&& o) noexcept
        : headers_(std::exchange(o.headers_, nullptr)),
          count_(std::exchange(o.count_, 0)),
          index_(std::move(o.index_)),
          config_(std::move(o.config_)),
          edit_(std::move(o.edit_)),
          grown_(o.grown_),
          written_(o.written_) {}
    in_place_rewrite& operator=(in_place_rewrite&&) = delete;
    ~in_place_rewrite() {
        edit_.clear();
        for (std::size_t i = 0; i < count_; ++i) headers_[i].~header_bytes();
        AKA_FREE(headers_);
    }

    /// Files whose header needs more room than it has: room is made in front of the data.
    std::uint64_t files_grown() const noexcept { return grown_; }
    /// Bytes of all new headers.
    std::uint64_t bytes_written() const noexcept { return written_; }

    /// Writes them, safe against a crash at any moment (see edit_in_place). Takes the checkpoint,
    /// which must be the last handle on its files: everything that was mapped becomes another
    /// thing. Errors: in_use (a plan, an adapter or another handle still lives); those of
    /// edit_in_place::commit.
    status commit(checkpoint c) noexcept {
        if (!c.only_handle())
            return detail::fail(errc::in_use, error::nowhere,
                                "another handle on this checkpoint is still open")
                .in(c.folder());
        drop(std::move(c));
        return edit_.commit();
    }

  private:
    friend result<in_place_rewrite> rewrite_in_place(const rewrite_files&,
                                                     std::string_view) noexcept;
    in_place_rewrite() noexcept = default;
    static void drop(checkpoint c) noexcept { (void)c; }

    status add(const rewrite_files& f, std::size_t i) noexcept {
        const planned_file& p = f[i];
        const mapped_file& file = f.plan().source().file(p.source);
        std::uint64_t old = f.plan().source().data_begin(p.source);
        header_padding want;
        want.exactly = old;
        result<header_bytes> h = f.header(i, want);
        if (!h && h.code() == errc::wrong_size) {
            result<std::uint64_t> step = edit_in_place::growth_step(file.path());
            if (!step) return step.error();
            if (*step.get_if() == 0)
                return detail::fail(errc::unsupported, error::nowhere, "the new header takes ",
                                    p.header_used, " bytes, ", old,
                                    " are there, and this file system cannot make room in front of "
                                    "the data: write the files anew (-o)")
                    .in(file.path());
            want.exactly = old;
            // A GGUF header cannot be padded by a few bytes: then the next step will do.
            for (int tries = 0; !h && h.code() == errc::wrong_size && tries < 3; ++tries) {
                std::uint64_t more =
                    p.header_used > want.exactly ? p.header_used - want.exactly : 1;
                if (!detail::checked_align(more, *step.get_if(), more)) break;
                want.exactly += more;
                h = f.header(i, want);
            }
            ++grown_;
        }
        if (!h) return h.error();
        written_ += h.get_if()->size();
        ::new (static_cast<void*>(headers_ + count_)) header_bytes(std::move(*h.get_if()));
        ++count_;
        return edit_.replace_head(file.path(), old, headers_[count_ - 1].bytes());
    }

    status replace(const detail::path& file, std::string_view text) noexcept {
        if (!file.ok()) return detail::no_memory();
        return edit_.replace_file(detail::path(file.view()),
                                  {reinterpret_cast<const std::byte*>(text.data()), text.size()});
    }

    header_bytes* headers_ = nullptr;
    std::size_t count_ = 0;
    detail::text_writer index_, config_;
    edit_in_place edit_;
    std::uint64_t grown_ = 0, written_ = 0;
};

/// Renders new headers for the files that the plan's source lies in. Nothing is written yet.
/// `config`, if not empty, takes the place of what config.json holds. Errors: unsupported, where
/// data would have to be moved, or a header must grow and the file system cannot; those of the
/// writers and of edit_in_place.
inline result<in_place_rewrite> rewrite_in_place(const rewrite_files& f,
                                                 std::string_view config = {}) noexcept {
    const checkpoint& c = f.plan().source();
    if (!f.header_only() && f.plan().bytes_moved() != 0)
        return detail::fail(errc::unsupported, error::nowhere, f.plan().bytes_moved(),
                            " bytes would have to be moved, so that the files cannot be rewritten "
                            "where they are: write new ones (-o)")
            .in(c.folder());
    if (!f.header_only())
        return detail::fail(errc::unsupported, error::nowhere,
                            "the data would lie in another order or in other files, so that the "
                            "files cannot be rewritten where they are: write new ones (-o)")
            .in(c.folder());
    in_place_rewrite r;
    if (f.size() > SIZE_MAX / 2 / sizeof(header_bytes)) return detail::no_memory();
    r.headers_ = static_cast<header_bytes*>(AKA_MALLOC((f.size() + 1) * sizeof(header_bytes)));
    if (r.headers_ == nullptr) return detail::no_memory();
    for (std::size_t i = 0; i < f.size(); ++i)
        if (status s = r.add(f, i); !s) return s.error();
    if (!c.index_file().empty()) {
        if (!detail::write_index(f, r.index_)) return detail::no_memory();
        if (status s = r.replace(detail::path(c.index_file()), r.index_.view()); !s)
            return s.error();
    }
    if (config.empty()) return r;
    r.config_ << config;
    detail::path p(c.folder());
    p /= "config.json";
    if (!r.config_.ok()) return detail::no_memory();
    if (status s = r.replace(p, r.config_.view()); !s) return s.error();
    return r;
}

AKA_END

#endif  // AKA_REWRITE_IN_PLACE_HPP
