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
    /// reading it failed, through `failed`. Past the page cache, one at a multiple of 4096 is read
    /// straight into, any other by way of a copy.
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

/// What goes into one buffer.
struct sink_piece {
    const mapped_file* file;
    std::uint64_t at;  // in the file, where it begins
    std::uint64_t first, count;
    std::uint32_t item;
    enum : std::uint8_t { rows, bytes, part } what;  // of what first and count are
};

/// Tensors in pieces that fit into buffers, in the order of the files.
class sink_plan {
  public:
    growing<sink_piece> pieces;

    /// `strided`: what is not packed may be handed out as the file has it. `pages`: pieces of large
    /// tensors begin at multiples of a page, as buffers do, so that they can be read past the
    /// cache; what lies before the first of them is a piece of its own.
    sink_plan(std::size_t block, bool strided, bool pages) noexcept
        : block_(block), strided_(strided), pages_(pages) {}

    status add(const tensor& t, std::uint32_t item) noexcept {
        if (status s = loading::accept(t, t.size_bytes()); !s) return s;
        if (t.size_bytes() == 0) return {};
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
        if (!plain && strided_ && !t.is_pending() && !t.is_swapped()) return add_parts(t, item);
        // By rows, so that what is gathered, converted or swapped is whole; else by bytes.
        std::uint64_t n = t.size_bytes(), unit = 1, before = 0;
        if (!plain) {
            n = rows_of(t);
            unit = t.size_bytes() / n;
            if (unit > block_)
                return fail(errc::unsupported, error::nowhere, "tensor ", quoted{t.name()},
                            ": a row of ", unit, " bytes does not fit in a buffer of ", block_)
                    .in(t.file());
        } else if (pages_ && n >= large) {
            before = (page - at % page) % page;
        }
        for (std::uint64_t k = 0, step; k < n; k += step) {
            step = k < before ? before : block_ / unit;
            if (step > n - k) step = n - k;
            if (!pieces.push(sink_piece{file, at + (plain ? k : 0), k, step, item,
                                        plain ? sink_piece::bytes : sink_piece::rows}))
                return no_memory();
        }
        return {};
    }
    void in_order() noexcept {
        sort(pieces.data(), pieces.size(), [](const sink_piece& a, const sink_piece& b) {
            return a.file != b.file ? a.file < b.file : a.at < b.at;
        });
    }
    static std::uint64_t rows_of(const tensor& t) noexcept {
        return t.shape().rank() == 0 ? 1 : t.shape()[0];
    }

  private:
    static constexpr std::uint64_t page = 4096, large = std::uint64_t{1} << 20;

    // As the file has it, in blocks of the file.
    status add_parts(const tensor& t, std::uint32_t item) noexcept {
        load_plan all;
        if (status s = all.add(t, item); !s) return s;
        if (!all.cut(block_, 65536, false)) return no_memory();
        for (const load_block& b : all.blocks) {
            const std::uint64_t at = pages_ ? b.begin / page * page : b.begin;
            if (!pieces.push(sink_piece{all.parts[b.first].file, at, at, b.end - at, item,
                                        sink_piece::part}))
                return no_memory();
        }
        return {};
    }

    std::uint64_t block_;
    bool strided_, pages_;
};

/// A load into a sink.
class sinking {
  public:
    sinking(span<const tensor> tensors, const load_sink& sink, const load_options& o) noexcept
        : tensors_(tensors),
          sink_(sink),
          o_(o),
          plan_(block_size(o), sink.strided != nullptr, o.reading != reading::cached) {}

    result<load_report> run() noexcept {
        for (std::size_t i = 0; i < tensors_.size(); ++i)
            if (status s = plan_.add(tensors_[i], static_cast<std::uint32_t>(i)); !s)
                return s.error();
        plan_.in_order();
        if (const unsigned threads = thread_count(o_); threads == 1)
            work(this);
        else
            o_.executor.run(o_.executor.self, threads, work, this);
        if (!first_) return first_.error();
        return report_;
    }

  private:
    // What a thread has: the plan of one piece, and who reads it.
    struct worker {
        load_plan plan;
        load_item one;
        growing<strip> copies;
        block_reader reader;

        explicit worker(const block_reader::settings& s) noexcept : reader(plan, {&one, 1}, s) {}
    };

    static void work(void* self) noexcept { static_cast<sinking*>(self)->work(); }
    void work() noexcept {
        worker w(reader_settings(o_, plan_.pieces.size(), thread_count(o_)));
        while (atomic_get(stop_) == 0) {
            const std::uint64_t i = atomic_add(next_, 1) - 1;
            if (i >= plan_.pieces.size()) break;
            status s = hand_out(plan_.pieces[static_cast<std::size_t>(i)], w);
            if (!s && atomic_add(stop_, 1) == 1) first_ = s;
        }
        add_report(report_, w.reader);
    }
    status hand_out(const sink_piece& p, worker& w) noexcept {
        if (o_.cancelled != nullptr && o_.cancelled(o_.self))
            return error(errc::cancelled).say("loading was cancelled");
        const tensor& t = tensors_[p.item];
        const std::uint64_t unit =
            p.what == sink_piece::rows ? t.size_bytes() / sink_plan::rows_of(t) : 1;
        const auto n = static_cast<std::size_t>(p.count * unit);
        const span<std::byte> buffer = sink_.acquire(sink_.self, n);
        if (buffer.size() < n) return error(errc::cancelled).say("the sink gave no buffer");
        w.one = {t, buffer.first(n)};
        if (status s = read(p, w); !s) {
            if (sink_.failed != nullptr) sink_.failed(sink_.self, buffer);
            return s;
        }
        if (p.what == sink_piece::part)
            sink_.strided(sink_.self, w.one.to, p.item, {w.copies.data(), w.copies.size()});
        else
            sink_.filled(sink_.self, w.one.to, p.item, p.first * unit);
        return {};
    }
    status read(const sink_piece& p, worker& w) noexcept {
        const std::size_t block = block_of_each(o_);
        if (p.what == sink_piece::rows) {
            if (w.one.what.shape().rank() != 0) {
                const result<tensor> rows = w.one.what.slice(0, p.first, p.count);
                if (!rows) return rows.error();
                w.one.what = *rows.get_if();
            }
            w.plan.clear();
            if (status s = w.plan.add(w.one.what, 0); !s) return s;
            if (!w.plan.cut(block, o_.coalesce ? 65536 : 0, !o_.coalesce)) return no_memory();
        } else {
            if (!w.plan.set(*p.file, p.at, p.count)) return no_memory();
            for (std::uint64_t at = p.at, end = p.at + p.count; at < end; at += block)
                if (!w.plan.blocks.push(load_block{at, end - at < block ? end : at + block, 0, 1}))
                    return no_memory();
        }
        if (p.what == sink_piece::part)
            if (status s = list_copies(p, w); !s) return s;
        for (const load_block& b : w.plan.blocks)
            if (status s = w.reader(b, [](std::uint32_t, std::uint64_t) {}); !s) return s;
        if (p.what == sink_piece::rows) complete(w.one);
        atomic_add(report_.wanted, w.plan.wanted);
        return {};
    }
    // Where the bytes of a range of the file belong.
    status list_copies(const sink_piece& p, worker& w) noexcept {
        w.copies.clear();
        bool room = true;
        std::uint64_t useful = 0;
        status s = w.one.what.for_each_box([&](const mapped_file& f, const box& b) {
            if (&f != p.file) return true;
            for_each_strip(inverted(b), p.first, p.first + p.count, [&](const strip& c) {
                useful += c.n * c.run;
                return room = w.copies.push(
                           {c.dst - p.first, c.src, c.n, c.dst_step, c.src_step, c.run});
            });
            return room;
        });
        if (!room) return no_memory();
        if (p.count > useful) w.reader.report.between += p.count - useful;
        w.plan.wanted = useful;
        return s;
    }

    span<const tensor> tensors_;
    const load_sink& sink_;
    const load_options& o_;
    sink_plan plan_;
    std::uint64_t next_ = 0;
    std::uint32_t stop_ = 0;
    status first_;
    load_report report_;
};

}  // namespace detail

/// Loads tensors into a sink, which gets every byte of each, in what order is not said. All options
/// count but `ready` and `progress`, which the sink knows by itself. Holds at most 64 MiB besides
/// the buffers. Errors: as load(); unsupported also where a row that has to be gathered is longer
/// than a block.
inline result<load_report> load(span<const tensor> tensors, const load_sink& sink,
                                const load_options& o = {}) noexcept {
    return detail::sinking(tensors, sink, o).run();
}

AKA_END

#endif  // AKA_LOAD_SINK_HPP
