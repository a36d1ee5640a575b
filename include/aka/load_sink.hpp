// aka: tensors that come in pieces into buffers of the caller's: pinned memory on the way to a
// device, or a ring that is smaller than the model.
#include "version.hpp"

#ifndef AKA_LOAD_SINK_HPP
#define AKA_LOAD_SINK_HPP

#include <cstdint>

#include "load.hpp"

AKA_BEGIN

/// Takes what a load reads. Each function may be called by any of its threads, by several at once.
struct load_sink {
    void* self = nullptr;  ///< the caller's, passed back
    /// A buffer of `bytes`, at most load_options::block; waits until one is free. An empty one ends
    /// the load: cancelled. What it gives comes back through `filled` or `strided`, or, where
    /// reading it failed, through `failed`.
    span<std::byte> (*acquire)(void* self, std::size_t bytes) = nullptr;
    /// Bytes of tensor number `item`, packed as load() would write them, from byte `offset` of it
    /// on.
    void (*filled)(void* self, span<std::byte> buffer, std::size_t item,
                   std::uint64_t offset) = nullptr;
    /// Where it is set: tensors whose layout differs from the file's are not gathered but handed
    /// out as they lie there, with the copies that are left to do, as devices do them
    /// (cudaMemcpy2D): `src` counts in the buffer, `dst` in the packed tensor.
    void (*strided)(void* self, span<std::byte> buffer, std::size_t item,
                    span<const strip> copies) = nullptr;
    /// Nothing good is in this buffer. Null: buffers of a load that failed are not given back.
    void (*failed)(void* self, span<std::byte> buffer) = nullptr;
};

namespace detail {

/// A load into a sink: pieces of tensors, each in a buffer, in the order of the files.
class sinking {
  public:
    sinking(span<const tensor> tensors, const load_sink& sink, const load_options& o) noexcept
        : tensors_(tensors), sink_(sink), o_(o), block_(block_size(o)) {}

    status prepare() noexcept {
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            const tensor& t = tensors_[i];
            if (status s = loading::accept(t, t.size_bytes()); !s) return s;
            if (status s = t.size_bytes() == 0 ? status() : add(i); !s) return s;
        }
        sort(pieces_.data(), pieces_.size(), [](const piece& a, const piece& b) {
            return a.file != b.file ? a.file < b.file : a.at < b.at;
        });
        return {};
    }
    result<load_report> run() noexcept {
        const unsigned threads = o_.executor.run == nullptr || o_.threads == 0 ? 1 : o_.threads;
        if (threads == 1)
            work(this);
        else
            o_.executor.run(o_.executor.self, threads, work, this);
        if (!first_) return first_.error();
        return report_;
    }

  private:
    struct piece {
        const mapped_file* file;
        std::uint64_t at;  // in the file, where it begins
        std::uint64_t first, count;
        std::uint32_t item;
        enum : std::uint8_t { rows, bytes, part } what;  // of what first and count are
    };

    status add(std::size_t i) noexcept {
        const tensor& t = tensors_[i];
        const auto item = static_cast<std::uint32_t>(i);
        const mapped_file* file = nullptr;
        std::uint64_t at = 0;
        std::size_t boxes = 0;
        bool one_run = false;
        status s = t.for_each_box([&](const mapped_file& f, const box& b) {
            if (boxes++ == 0) file = &f, at = b.src, one_run = b.depth == 0;
            return true;
        });
        if (!s) return s;
        const bool plain = boxes == 1 && one_run && !t.is_pending() && !t.is_swapped();
        if (!plain && sink_.strided != nullptr && !t.is_pending() && !t.is_swapped())
            return add_parts(item);
        // By rows, so that what is gathered, converted or swapped is whole; else by bytes.
        std::uint64_t n = t.size_bytes(), unit = 1;
        if (!plain) {
            n = t.shape().rank() == 0 ? 1 : t.shape()[0];
            unit = t.size_bytes() / n;
            if (unit > block_)
                return fail(errc::unsupported, error::nowhere, "tensor ", quoted{t.name()},
                            ": a row of ", unit, " bytes does not fit in a buffer of ", block_)
                    .in(t.file());
        }
        for (std::uint64_t k = 0, step = block_ / unit; k < n; k += step)
            if (!pieces_.push(piece{file, at + (plain ? k : 0), k, n - k < step ? n - k : step,
                                    item, plain ? piece::bytes : piece::rows}))
                return no_memory();
        return {};
    }
    // As the file has it, in blocks of the file.
    status add_parts(std::uint32_t item) noexcept {
        load_plan all;
        if (status s = all.add(tensors_[item], item); !s) return s;
        if (!all.cut(block_, 65536, false)) return no_memory();
        for (const load_block& b : all.blocks)
            if (!pieces_.push(piece{all.parts[b.first].file, b.begin, b.begin, b.end - b.begin,
                                    item, piece::part}))
                return no_memory();
        return {};
    }

    static void work(void* self) noexcept { static_cast<sinking*>(self)->work(); }
    void work() noexcept {
        growing<strip> copies;
        load_options alone;
        alone.block = block_;
        while (atomic_get(stop_) == 0) {
            const std::uint64_t i = atomic_add(next_, 1) - 1;
            if (i >= pieces_.size()) return;
            const piece& p = pieces_[static_cast<std::size_t>(i)];
            if (o_.cancelled != nullptr && o_.cancelled(o_.self))
                return stop(error(errc::cancelled).say("loading was cancelled"));
            const tensor& t = tensors_[p.item];
            const std::uint64_t unit = p.what == piece::rows ? t.size_bytes() / rows_of(t) : 1;
            const auto n = static_cast<std::size_t>(p.count * unit);
            const span<std::byte> buffer = sink_.acquire(sink_.self, n);
            if (buffer.size() < n)
                return stop(error(errc::cancelled).say("the sink gave no buffer"));
            status s = p.what == piece::part ? read_part(p, buffer.first(n), copies)
                                             : read_piece(p, t, buffer.first(n), alone);
            if (!s) {
                if (sink_.failed != nullptr) sink_.failed(sink_.self, buffer);
                return stop(s.error());
            }
            if (p.what == piece::part)
                sink_.strided(sink_.self, buffer.first(n), p.item, {copies.data(), copies.size()});
            else
                sink_.filled(sink_.self, buffer.first(n), p.item, p.first * unit);
        }
    }
    static std::uint64_t rows_of(const tensor& t) noexcept {
        return t.shape().rank() == 0 ? 1 : t.shape()[0];
    }
    status read_piece(const piece& p, const tensor& t, span<std::byte> to,
                      const load_options& alone) noexcept {
        if (p.what == piece::bytes) {
            atomic_add(report_.wanted, to.size());
            return read_range(p, t, to);
        }
        result<tensor> rows = t.shape().rank() == 0 ? t : t.slice(0, p.first, p.count);
        if (!rows) return rows.error();
        const load_item one{*rows.get_if(), to};
        auto r = load({&one, 1}, alone);
        if (!r) return r.error();
        const load_report& did = *r.get_if();
        atomic_add(report_.wanted, did.wanted);
        atomic_add(report_.read, did.read);
        atomic_add(report_.between, did.between);
        atomic_add(report_.calls, did.calls);
        return {};
    }
    status read_range(const piece& p, const tensor& t, span<std::byte> to) noexcept {
        atomic_add(report_.read, to.size());
        atomic_add(report_.calls, 1);
        status s = p.file->read(p.at, to);
        if (s) return s;
        error e = s.error();
        return e.say("; tensor ", quoted{t.name()});
    }
    // What lies in the file from p.first on, and where it belongs.
    status read_part(const piece& p, span<std::byte> to, growing<strip>& copies) noexcept {
        copies.clear();
        status memory;
        std::uint64_t useful = 0;
        status s = tensors_[p.item].for_each_box([&](const mapped_file& f, const box& b) {
            if (&f != p.file) return true;
            for_each_strip(inverted(b), p.first, p.first + p.count, [&](const strip& c) {
                useful += c.n * c.run;
                if (!copies.push({c.dst - p.first, c.src, c.n, c.dst_step, c.src_step, c.run}))
                    memory = no_memory();
                return static_cast<bool>(memory);
            });
            return static_cast<bool>(memory);
        });
        if (!memory) return memory;
        if (!s) return s;
        atomic_add(report_.wanted, useful);
        if (to.size() > useful) atomic_add(report_.between, to.size() - useful);
        return read_range(p, tensors_[p.item], to);
    }
    void stop(const error& why) noexcept {
        if (atomic_add(stop_, 1) == 1) first_ = why;
    }

    span<const tensor> tensors_;
    const load_sink& sink_;
    const load_options& o_;
    std::size_t block_;
    growing<piece> pieces_;
    std::uint64_t next_ = 0;
    std::uint32_t stop_ = 0;
    status first_;
    load_report report_;
};

}  // namespace detail

/// Loads tensors into a sink, which gets every byte of each, in what order is not said. Of the
/// options `executor`, `threads`, `block` and `cancelled` count; reading is through the page cache.
/// Errors: as load(); unsupported also where a row that has to be gathered is longer than a block.
inline result<load_report> load(span<const tensor> tensors, const load_sink& sink,
                                const load_options& o = {}) noexcept {
    detail::sinking l(tensors, sink, o);
    if (status s = l.prepare(); !s) return s.error();
    return l.run();
}

AKA_END

#endif  // AKA_LOAD_SINK_HPP
