// aka: the page cache warmed ahead of whoever uses mapped tensors, in the order of use and no
// further than a window: reading all of a large checkpoint at once is how machines run out of it.
#include "version.hpp"

#ifndef AKA_READ_AHEAD_HPP
#define AKA_READ_AHEAD_HPP

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "load_parts.hpp"

AKA_BEGIN

/// How far ahead.
struct read_ahead_options {
    /// Bytes that are on their way or waiting, ahead of the tensor in use.
    std::uint64_t window = std::uint64_t{256} << 20;
    /// Has the system forget each tensor when the next one is used: for models larger than memory.
    bool drop_behind = false;
    /// Has `use` wait until what is used is in memory: what cannot be read is an error then, and no
    /// signal later.
    bool wait = false;
};

/// Asks the system to read tensors before they are used. Unless told to wait, nothing is read here:
/// the calls are advice and return at once. Not for several threads at a time. Borrows from the
/// tensors.
class read_ahead {
  public:
    /// The tensors in the order in which they will be used. Errors: no_data, unsupported (see
    /// tensor::for_each_box), out_of_memory.
    template <class List>
    static result<read_ahead> over(const List& in_order,
                                   const read_ahead_options& o = {}) noexcept {
        read_ahead r;
        r.options_ = o;
        for (const tensor& t : in_order)
            if (status s = r.add(t, r.count_++); !s) return s.error();
        return r;
    }
    /// All of a bound model (`llama`) in the order of a forward pass: number 0 is the embedding,
    /// 1 + l layer l, and 1 + n_layer() what comes after the layers. Errors: as over().
    template <class Model>
    static result<read_ahead> by_layer(const Model& m, const read_ahead_options& o = {}) noexcept {
        read_ahead r;
        r.options_ = o;
        status s = r.add(m.token_embd(), 0);
        const auto layers = static_cast<std::size_t>(m.n_layer());
        for (std::size_t l = 0; s && l < layers; ++l)
            m.for_each_in_layer(l, [&](const tensor& t) {
                if (s) s = r.add(t, 1 + l);
            });
        for (const tensor& t : {m.output_norm(), m.output()})
            if (s && t) s = r.add(t, 1 + layers);
        r.count_ = layers + 2;
        return s ? result<read_ahead>(std::move(r)) : s.error();
    }

    /// Number `i` is used next: what the window has behind it is asked for, and what lies
    /// before it is let go. Calling it for each, in order, is enough; i = 0 starts.
    /// Errors: out_of_range; those of asking, which a caller may well pass over; where it waits,
    /// file_changed and cannot_read.
    status use(std::size_t i) noexcept {
        if (i >= count_)
            return detail::fail(errc::out_of_range, error::nowhere, "tensor ", i, " of ", count_);
        while (used_ < ranges_.size() && ranges_[used_].item < i) {
            const range& r = ranges_[used_++];
            if (used_ <= asked_) ahead_ -= r.size;
            if (options_.drop_behind)
                if (status s = r.file->drop_cache(r.at, r.size); !s) return s;
        }
        if (asked_ < used_) asked_ = used_, ahead_ = 0;
        while (asked_ < ranges_.size() && (ahead_ < options_.window || asked_ == used_)) {
            const range& r = ranges_[asked_++];
            ahead_ += r.size;
            if (status s = r.file->will_need(r.at, r.size); !s) return s;
        }
        for (std::size_t k = used_; options_.wait && k < ranges_.size() && ranges_[k].item == i;
             ++k)
            if (status s = ranges_[k].file->prefetch(ranges_[k].at, ranges_[k].size); !s) return s;
        return {};
    }
    /// Bytes asked for and not used yet: less than the window and the range of one piece more,
    /// which may be as long as what it is cut out of.
    std::uint64_t ahead() const noexcept { return ahead_; }

  private:
    struct range {
        const mapped_file* file;
        std::uint64_t at, size;
        std::size_t item;
    };

    status add(const tensor& t, std::size_t item) noexcept {
        bool room = true;
        status s = t.for_each_box([&](const mapped_file& f, const box& b) {
            box_extent e;
            if (!measure(b, e) || e.bytes == 0) return true;
            return room = ranges_.push(range{&f, b.src, e.src_end - b.src, item});
        });
        return room ? s : detail::no_memory();
    }

    detail::growing<range> ranges_;
    read_ahead_options options_;
    std::size_t count_ = 0, used_ = 0, asked_ = 0;
    std::uint64_t ahead_ = 0;
};

AKA_END

#endif  // AKA_READ_AHEAD_HPP
