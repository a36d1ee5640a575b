// aka: writes what was planned into new files, which appear together, whole, or not at all.
#include "version.hpp"

#ifndef AKA_WRITE_FILES_HPP
#define AKA_WRITE_FILES_HPP

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "convert_tensor.hpp"
#include "output_file.hpp"
#include "folder_files.hpp"
#include "rewrite_files.hpp"

AKA_BEGIN

/// Called now and then with bytes done and bytes in all; false stops the rewrite.
struct rewrite_progress {
    /// Bytes done of all; false: stop. Null: nobody asks.
    bool (*step)(void* context, std::uint64_t done, std::uint64_t all) = nullptr;
    void* context = nullptr;  ///< the caller's, passed back

    /// Whether to go on.
    bool operator()(std::uint64_t done, std::uint64_t all) const noexcept {
        return step == nullptr || step(context, done, all);
    }
};

/// How new files are written.
struct write_options {
    bool replace = false;  ///< targets may be there
    /// To a folder: its other files (configuration, tokenizer) come along, those of weights do not.
    bool carry = true;
    /// In place of what the source's config.json holds; empty: as it is.
    std::string_view config;
    rewrite_progress progress;  ///< called now and then
};

/// What a rewrite did.
struct rewrite_report {
    std::uint64_t files = 0;          ///< written
    std::uint64_t bytes = 0;          ///< of the new files
    std::uint64_t bytes_copied = 0;   ///< read and written, or computed and written
    std::uint64_t bytes_shared = 0;   ///< blocks that old and new files have in common
    std::uint64_t bytes_skipped = 0;  ///< holes
};

/// Writes new files; see `write_files`.
class file_writer {
  public:
    file_writer(const rewrite_files& f, const write_options& o) noexcept
        : files_(f), plan_(f.plan()), options_(o) {}

    result<rewrite_report> write(const detail::path& to) noexcept {
        std::uint64_t need = 0;
        bool folder = !detail::names_a_file(to.view());
        if (!folder && files_.size() != 1)
            return detail::fail(errc::unsupported, error::nowhere, files_.size(),
                                " files cannot have one name: name a folder")
                .in(to.view());
        if (folder)
            if (status s = detail::make_folder(to); !s) return s.error();
        for (std::size_t i = 0; i < files_.size(); ++i) {
            detail::path p(to.view());
            if (folder) p /= files_[i].name;
            if (!p.ok()) return detail::no_memory();
            if (status s = is_other(p); !s) return s.error();
            const mapped_file& source = plan_.source().file(files_[i].source);
            result<bool> shares = will_share(i, p, source);
            if (!shares) return shares.error();
            result<header_bytes> h = files_.header(i, padding_of(i, *shares.get_if()));
            if (!h) return h.error();
            output_options o;
            o.replace = options_.replace;
            o.like = &source;
            o.size = h.get_if()->size() + files_[i].data_size;
            all_ += o.size;
            result<output_file> out = output_file::create(std::move(p), o);
            if (!out) return out.error();
            need += *shares.get_if() ? h.get_if()->size() + 2 * output_file::block : o.size;
            if (status s = set_.add(std::move(*out.get_if())); !s) return s.error();
            if (status s = set_[i].write(0, h.get_if()->bytes()); !s) return s.error();
            if (!begins_.push(h.get_if()->size())) return detail::no_memory();
        }
        // For all files before the first byte of data, since it may take an hour to find out.
        if (files_.size() != 0)
            if (status s = set_[0].need_space(need); !s) return s.error();
        for (std::size_t i = 0; i < files_.size(); ++i)
            if (status s = data(i); !s) return s.error();
        if (folder)
            if (status s = others(to); !s) return s.error();
        if (status s = set_.commit(); !s) return s.error();
        return report();
    }

  private:
    // No file of the source is replaced, not even by one that would be made of it.
    status is_other(const detail::path& to) noexcept {
        const checkpoint& c = plan_.source();
        for (std::uint32_t i = 0; i < c.file_count(); ++i)
            if (output_file::is_at(to, c.file(i)))
                return detail::fail(errc::in_use, error::nowhere,
                                    "this is a file of the source: rewrite it in place "
                                    "(--in-place), or write elsewhere")
                    .in(to.view());
        return {};
    }
    rewrite_report report() noexcept {
        rewrite_report r;
        r.files = set_.size();
        r.bytes = all_;
        for (std::size_t i = 0; i < set_.size(); ++i) {
            r.bytes_copied += set_[i].bytes_copied();
            r.bytes_shared += set_[i].bytes_shared();
            r.bytes_skipped += set_[i].bytes_skipped();
            if (i >= files_.size()) r.bytes += set_[i].bytes_copied() + set_[i].bytes_shared();
        }
        return r;
    }

    // Small files, and last of all the index, which says that the shards are there.
    status others(const detail::path& to) noexcept {
        if (options_.carry)
            if (status s = detail::carry_files(plan_.source().folder(), to, options_.config,
                                               options_.replace, set_);
                !s)
                return s;
        if (files_.size() < 2 || plan_.container() != checkpoint_format::safetensors) return {};
        detail::text_writer text;
        if (!detail::write_index(files_, text)) return detail::no_memory();
        detail::path p(to.view());
        p /= detail::index_name(files_).view();
        return detail::add_text(std::move(p), text.view(), options_.replace, set_);
    }

    // Whether the new file can have blocks in common with the old one: asked of a file that is
    // forgotten at once, since the answer decides how long the header is.
    result<bool> will_share(std::size_t i, const detail::path& to,
                            const mapped_file& source) noexcept {
        if (!files_[i].stays) return false;
        output_options o;
        o.replace = options_.replace;
        result<output_file> probe = output_file::create(detail::path(to.view()), o);
        if (!probe) return probe.error();
        return probe.get_if()->shares_with(source);
    }
    // Blocks are shared where the data has the same place in them.
    header_padding padding_of(std::size_t i, bool shares) const noexcept {
        header_padding p;
        if (!shares) return p;
        p.align = output_file::block;
        p.phase = plan_.source().data_begin(files_[i].source) % output_file::block;
        return p;
    }

    status data(std::size_t i) noexcept {
        const planned_file& f = files_[i];
        out_ = &set_[i];
        begin_ = begins_[i];
        if (f.stays) {
            const mapped_file& from = plan_.source().file(f.source);
            return copy(begin_, from, plan_.source().data_begin(f.source), f.data_size);
        }
        // What GGUF wants between tensors, zeros, is what a new file has.
        for (std::uint32_t k = 0; k < f.count; ++k)
            if (status s = one(files_.items(i)[k], begin_ + files_.entries(i)[k].offset); !s)
                return s;
        return flush_run();
    }

    status one(std::uint32_t item, std::uint64_t to) noexcept {
        const planned_tensor& p = plan_[item];
        tensor t = plan_.view(item);
        if (p.bytes == 0) return {};
        if (p.step == rewrite_step::compute) return computed(p, t, to);
        if (!t.is_packed() || files_.swaps()) return gathered(t, to);
        // What lies side by side on both sides is one range.
        if (run_ != 0 && run_file_ == t.file_index() && run_from_ + run_ == t.offset() &&
            run_to_ + run_ == to)
            return run_ += p.bytes, status();
        if (status s = flush_run(); !s) return s;
        run_file_ = t.file_index();
        run_from_ = t.offset();
        run_to_ = to;
        run_ = p.bytes;
        return {};
    }
    status flush_run() noexcept {
        std::uint64_t n = run_;
        run_ = 0;
        return n == 0 ? status() : copy(run_to_, plan_.source().file(run_file_), run_from_, n);
    }
    // In steps, for whoever watches.
    status copy(std::uint64_t to, const mapped_file& from, std::uint64_t at,
                std::uint64_t n) noexcept {
        constexpr std::uint64_t step = std::uint64_t{256} << 20;
        while (n != 0) {
            std::uint64_t k = n < step ? n : step - at % output_file::block;
            if (status s = out_->copy(to, from, at, k); !s) return s;
            to += k, at += k, n -= k;
            if (status s = did(k); !s) return s;
        }
        return {};
    }
    status did(std::uint64_t n) noexcept {
        done_ += n;
        if (options_.progress(done_, all_)) return {};
        return detail::fail(errc::cancelled, error::nowhere, "stopped after ", done_, " bytes");
    }
    // Rows, in pieces of at most a window.
    status gathered(const tensor& t, std::uint64_t to) noexcept {
        if (AKA_BIG_ENDIAN_HOST && !detail::can_swap(t.dtype()))
            return detail::fail(errc::unsupported, error::nowhere, "tensor ",
                                detail::quoted{t.name()},
                                ": the byte order of this type is not settled")
                .in(t.file());
        return rows(t, t.dtype(), t.size_bytes(), to,
                    [&](std::uint64_t first, std::uint64_t n, span<std::byte> out) {
                        return t.shape().rank() == 0 ? t.copy_to(out) : t.copy_rows(first, n, out);
                    });
    }
    status computed(const planned_tensor& p, const tensor& t, std::uint64_t to) noexcept {
        const auto make = [&](std::uint64_t first, std::uint64_t n, span<std::byte> out) {
            if (t.shape().rank() == 0 || n == t.shape()[0]) return t.convert_to(p.dtype, out);
            result<tensor> part = t.slice(0, first, n);
            return part ? part.get_if()->convert_to(p.dtype, out) : status(part.error());
        };
        return rows(t, p.dtype, p.bytes, to, make);
    }
    template <class Make>
    status rows(const tensor& t, dtype type, std::uint64_t bytes, std::uint64_t to,
                Make make) noexcept {
        if (status s = flush_run(); !s) return s;
        constexpr std::uint64_t window = std::uint64_t{16} << 20;
        std::uint64_t all = t.shape().rank() == 0 ? 1 : t.shape()[0];
        if (all == 0) return {};
        std::uint64_t row = bytes / all, most = row >= window ? 1 : window / row;
        if (most > all) most = all;
        if (!detail::fits_memory(most * row) ||
            !buffer_.resize(static_cast<std::size_t>(most * row)))
            return detail::no_memory();
        for (std::uint64_t first = 0; first < all; first += most) {
            std::uint64_t n = all - first < most ? all - first : most;
            span<std::byte> out(buffer_.data(), static_cast<std::size_t>(n * row));
            if (status s = make(first, n, out); !s) return s;
            // It comes in this machine's order, files are little-endian.
            if (AKA_BIG_ENDIAN_HOST) detail::swap_in_place(type, out.data(), out.size());
            if (status s = out_->write(to + first * row, {out.data(), out.size()}); !s) return s;
            if (status s = did(n * row); !s) return s;
        }
        return {};
    }

    const rewrite_files& files_;
    const rewrite_plan& plan_;
    const write_options& options_;
    output_set set_;
    output_file* out_ = nullptr;
    detail::growing<std::byte> buffer_;
    detail::growing<std::uint64_t> begins_;  // of the data of each file
    std::uint64_t begin_ = 0, done_ = 0, all_ = 0;
    std::uint64_t run_ = 0, run_from_ = 0, run_to_ = 0;
    std::uint32_t run_file_ = 0;
};

/// Writes the files of a layout to a path: a folder, which is made if need be, or, where there is
/// one file and the path ends in .safetensors or .gguf, that file. They appear together when all
/// are whole and on the disk; until then, and after any failure, there is nothing. Blocks are
/// shared with the source where the data stays and the file system can. Errors: already_exists,
/// cannot_write, no_space, in_use (a file of the source itself), cancelled; those of reading.
inline result<rewrite_report> write_files(const rewrite_files& f, detail::path to,
                                          const write_options& o = {}) noexcept {
    if (!to.ok()) return detail::no_memory();
    return file_writer(f, o).write(to);
}

AKA_END

#endif  // AKA_WRITE_FILES_HPP
