// aka: the weights where the engine wants them: chosen tensors of a checkpoint, an adapter or a
// bound model, in the target's layout, read into the caller's memory in the order of the files.
#include "version.hpp"

#ifndef AKA_LOAD_HPP
#define AKA_LOAD_HPP

#include <cstdint>

#include "atomic.hpp"
#include "convert_tensor.hpp"
#include "load_block.hpp"
#include "load_parts.hpp"

AKA_BEGIN

/// Threads of the caller's. `run` calls work(context) up to `n` times, at least once, as many at
/// once as it can, and returns when all have returned. Null: the calling thread does everything.
/// See load_threads.hpp for one made of std::thread.
struct executor {
    void* self = nullptr;  ///< the caller's, passed back
    /// Null, or as said above.
    void (*run)(void* self, unsigned n, void (*work)(void* context), void* context) = nullptr;
};

/// How to load. Each can be changed by itself, to see what it does on another disk: no way of
/// reading is the best on all of them.
struct load_options {
    aka::executor executor;  ///< whose threads read
    /// Reads under way at once; at most 64.
    unsigned threads = 4;
    /// Bytes of a read, a page to 64 MiB, in whole pages; they begin and end at multiples of this.
    /// Less where so many threads would hold more than 64 MiB together.
    std::size_t block = std::size_t{8} << 20;
    /// Reads go across tensors, and past gaps that cost less than another call.
    bool coalesce = true;
    /// One call fills many places. Without it each piece is a call of its own.
    bool vectored = true;
    aka::reading reading = aka::reading::measured;  ///< through the page cache or past it
    /// Has the system forget what was read, so that other things stay cached.
    bool drop_cache = false;

    void* self = nullptr;  ///< for the functions that follow, which any of the threads may call
    /// Tensor number `item` is there, whole and final.
    void (*ready)(void* self, std::size_t item) = nullptr;
    /// So many bytes of so many are there.
    void (*progress)(void* self, std::uint64_t done, std::uint64_t all) = nullptr;
    /// Whether to stop: asked before each block.
    bool (*cancelled)(void* self) = nullptr;
};

namespace detail {

/// Numbers of a type no wider than F32 as F32, in the room that they share: `from` is at its end.
inline void widen(aka::dtype type, const std::byte* from, span<std::byte> to,
                  float offset) noexcept {
    const conversion c(type, dtype::f32, offset);
    constexpr std::size_t piece = 1024;
    std::byte some[piece * 4];
    for (std::size_t n = to.size() / 4, i = 0; i < n; i += piece) {
        const std::size_t count = n - i < piece ? n - i : piece;
        std::memcpy(some, from + c.bytes_in(i), c.bytes_in(count));
        c(some, to.data() + i * 4, count);
    }
}

// What was read becomes what was asked for: this machine's byte order, F32 where that is pending.
inline void complete(const load_item& i) noexcept {
    const tensor stored = i.what.stored();
    std::byte* from = place_of(i);
    if (i.what.is_swapped()) swap_in_place(stored.dtype(), from, stored.size_bytes());
    if (i.what.is_pending()) widen(stored.dtype(), from, i.to, i.what.norm_offset());
}

inline unsigned thread_count(const load_options& o) noexcept {
    constexpr unsigned most = 64;
    return o.executor.run == nullptr || o.threads == 0 ? 1 : o.threads < most ? o.threads : most;
}
inline std::size_t block_size(const load_options& o) noexcept {
    constexpr std::size_t least = 4096, most = std::size_t{64} << 20;
    return o.block < least ? least : o.block > most ? most : o.block / 4096 * 4096;
}
// What a thread holds besides the tensors, a block, up to a huge page to align it, and lists of
// places: all together at most 64 MiB.
inline std::size_t block_of_each(const load_options& o) noexcept {
    constexpr std::size_t all = std::size_t{64} << 20, lists = std::size_t{1} << 19;
    std::size_t share = all / thread_count(o) - lists;
    if (share >= 2 * huge_page)
        share -= huge_page;
    else if (share >= huge_page)
        share = huge_page - 1;  // a smaller block is in small pages
    share = share / 4096 * 4096;
    return block_size(o) < share ? block_size(o) : share;
}
// For a thread of a load of so many blocks: trying both ways of reading pays where each has many.
inline block_reader::settings reader_settings(const load_options& o, std::size_t blocks,
                                              unsigned threads) noexcept {
    const bool few = blocks < std::size_t{16} * threads;
    return {block_of_each(o), o.reading == reading::measured && few ? reading::cached : o.reading,
            o.vectored, o.drop_cache};
}
// All threads' reports together.
inline void add_report(load_report& all, const block_reader& r) noexcept {
    atomic_add(all.read, r.report.read);
    atomic_add(all.between, r.report.between);
    atomic_add(all.calls, r.report.calls);
    if (r.refused()) atomic_add(all.refused, 1);
}

class loading {
  public:
    loading(span<const load_item> items, const load_options& o) noexcept
        : items_(items), o_(o), threads_(thread_count(o)) {}

    status prepare() noexcept {
        if (!left_.resize(items_.size())) return no_memory();
        for (std::size_t i = 0; i < items_.size(); ++i) {
            const tensor& t = items_[i].what;
            if (status s = accept(t, items_[i].to.size()); !s) return s;
            left_[i] = t.stored().size_bytes();
            if (status s = plan_.add(t, static_cast<std::uint32_t>(i)); !s) return s;
        }
        if (!plan_.cut(block_of_each(o_), o_.coalesce ? 65536 : 0, !o_.coalesce))
            return no_memory();
        return {};
    }

    /// Whether a tensor can be loaded into so many bytes.
    static status accept(const tensor& t, std::uint64_t room) noexcept {
        if (!t) return error(errc::not_found).say("there is no such tensor");
        auto refuse = [&](errc code, const auto&... why) -> status {
            return fail(code, error::nowhere, "tensor ", quoted{t.name()}, ": ", why...)
                .in(t.file());
        };
        if (room != t.size_bytes())
            return refuse(errc::wrong_size, "room for ", room, " bytes, ", t.size_bytes(),
                          " are to be written");
        if (t.is_swapped() && !can_swap(t.stored_dtype()))
            return refuse(errc::unsupported, "the byte order of this type is not settled");
        if (!t.is_pending()) return {};
        // What is stored is read into the end of the tensor's own room, and converted forwards.
        if (t.dtype() != dtype::f32 || t.stored().size_bytes() > t.size_bytes() ||
            info(t.stored_dtype()).block_elements != 1)
            return refuse(errc::unsupported, "arithmetic is pending that is not done in place: ",
                          "load stored(), or use convert_to");
        return {};
    }

    result<load_report> run() noexcept {
        for (std::size_t i = 0; i < items_.size(); ++i)
            if (left_[i] == 0) finish(i);
        if (threads_ > plan_.blocks.size())
            threads_ = plan_.blocks.empty() ? 1 : static_cast<unsigned>(plan_.blocks.size());
        if (threads_ == 1)
            work(this);
        else
            o_.executor.run(o_.executor.self, threads_, work, this);
        if (!first_) return first_.error();
        report_.wanted = plan_.wanted;
        return report_;
    }

  private:
    // One of these runs in each thread.
    static void work(void* self) noexcept { static_cast<loading*>(self)->work(); }
    void work() noexcept {
        block_reader reader(plan_, items_, reader_settings(o_, plan_.blocks.size(), threads_));
        for (;;) {
            const std::uint64_t i = atomic_add(next_, 1) - 1;
            if (i >= plan_.blocks.size() || atomic_get(stop_) != 0) break;
            if (o_.cancelled != nullptr && o_.cancelled(o_.self)) {
                stop(error(errc::cancelled).say("loading was cancelled"));
                break;
            }
            status s = reader(plan_.blocks[static_cast<std::size_t>(i)],
                              [&](std::uint32_t item, std::uint64_t bytes) {
                                  const std::uint64_t left = atomic_add(left_[item], 0 - bytes);
                                  if (left == 0) finish(item);
                                  const std::uint64_t all = atomic_add(done_, bytes);
                                  if (o_.progress != nullptr)
                                      o_.progress(o_.self, all, plan_.wanted);
                              });
            if (!s) stop(s.error());
        }
        add_report(report_, reader);
    }
    void stop(const error& why) noexcept {
        if (atomic_add(stop_, 1) == 1) first_ = why;  // the first; read when all threads are done
    }

    // All bytes of a tensor are there.
    void finish(std::size_t i) noexcept {
        complete(items_[i]);
        if (o_.ready != nullptr) o_.ready(o_.self, i);
    }

    span<const load_item> items_;
    const load_options& o_;
    load_plan plan_;
    growing<std::uint64_t> left_;  // bytes of each tensor that are not there yet
    unsigned threads_;
    std::uint64_t next_ = 0, done_ = 0;
    std::uint32_t stop_ = 0;
    status first_;
    load_report report_;
};

}  // namespace detail

/// Loads the items, each into its own place; in what order is not said. Every tensor comes packed,
/// row-major in its shape, in this machine's byte order, and with pending conversions to F32 done.
/// The files are read, never touched through a mapping: one that is truncated meanwhile is an
/// error, and no signal. After an error the places hold anything. Holds at most 64 MiB besides.
///
/// Errors: wrong_size, not_found, unsupported (see tensor::for_each_box, and conversions that are
/// not done in place), no_data, cannot_open, cannot_read, file_changed, cancelled, out_of_memory.
inline result<load_report> load(span<const load_item> items, const load_options& o = {}) noexcept {
    detail::loading l(items, o);
    if (status s = l.prepare(); !s) return s.error();
    return l.run();
}

AKA_END

#endif  // AKA_LOAD_HPP
