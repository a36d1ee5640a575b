// aka: what has to be done to stored tensors so that they become another one.
#include "version.hpp"

#ifndef AKA_REWRITE_STEPS_HPP
#define AKA_REWRITE_STEPS_HPP

#include <cstdint>
#include <string_view>

#include "checkpoint.hpp"

AKA_BEGIN

enum class rewrite_step : std::uint8_t {
    keep,       ///< name and bytes stay
    rename,     ///< another name (or shape) for the same bytes
    split,      ///< a part of a tensor
    fuse,       ///< several tensors, one after the other
    reorder,    ///< the same rows in another order
    transpose,  ///< the same elements in another order
    stack,      ///< the tensors of all experts as one
    unstack,    ///< one expert of a stack
    compute,    ///< other values: another type, an offset, a tensor that was not there
    drop,       ///< left out
};
inline constexpr unsigned rewrite_step_count = 10;

constexpr std::string_view name(rewrite_step s) noexcept {
    constexpr std::string_view names[rewrite_step_count] = {
        "keep",      "rename", "split",   "fuse",    "reorder",
        "transpose", "stack",  "unstack", "compute", "drop"};
    return names[static_cast<unsigned>(s)];
}

namespace detail {

/// Finds the tensors of a checkpoint by where they lie.
class source_places {
  public:
    bool start(const checkpoint& c) noexcept {
        source_ = &c;
        order_.clear();
        for (std::uint32_t i = 0; i < c.size(); ++i)
            if (c[i].size_bytes() != 0 && c[i].has_shape() && !order_.push(i)) return false;
        sort(order_.data(), order_.size(), [&](std::uint32_t a, std::uint32_t b) {
            return before(c[a].file_index(), c[a].offset(), c[b].file_index(), c[b].offset());
        });
        return true;
    }
    /// Those that an adapter's tensor takes bytes from, each once, in the order in which it does.
    /// `one` is a guess, for those that lie nowhere. False: no memory.
    bool sources(const tensor& t, std::uint32_t one, growing<std::uint32_t>& out) const noexcept {
        const checkpoint& c = *source_;
        if (t.is_packed()) {
            bool whole = one < c.size() && c[one].file_index() == t.file_index() &&
                         c[one].offset() == t.offset() && c[one].size_bytes() == t.size_bytes();
            if (whole) return out.push(one);
            return range(t.file_index(), t.offset(), t.size_bytes(), out);
        }
        for (const box& b : t.boxes())
            if (!range(b.file, b.src, b.depth == 0 ? b.run : 1, out)) return false;
        return true;
    }

  private:
    static bool before(std::uint32_t file_a, std::uint64_t a, std::uint32_t file_b,
                       std::uint64_t b) noexcept {
        return file_a != file_b ? file_a < file_b : a < b;
    }
    bool range(std::uint32_t file, std::uint64_t offset, std::uint64_t bytes,
               growing<std::uint32_t>& out) const noexcept {
        if (bytes == 0) return true;
        std::size_t low = 0, high = order_.size();  // the first that begins behind `offset`
        while (low < high) {
            std::size_t mid = low + (high - low) / 2;
            tensor t = (*source_)[order_[mid]];
            if (before(file, offset, t.file_index(), t.offset()))
                high = mid;
            else
                low = mid + 1;
        }
        std::size_t i = low == 0 ? 0 : low - 1;
        for (; i < order_.size(); ++i) {
            tensor t = (*source_)[order_[i]];
            if (t.file_index() != file) {
                if (t.file_index() > file) break;
                continue;
            }
            if (t.offset() >= offset + bytes) break;
            if (t.offset() + t.size_bytes() <= offset) continue;
            bool known = !out.empty() && out.back() == order_[i];
            // Interleaved parts come again and again, of few tensors.
            for (std::size_t k = out.size(); !known && k > 0 && k + 8 > out.size(); --k)
                known = out[k - 1] == order_[i];
            if (!known && !out.push(order_[i])) return false;
        }
        return true;
    }

    const checkpoint* source_ = nullptr;
    growing<std::uint32_t> order_;
};

inline rewrite_step step_of(const tensor& t, const checkpoint& c,
                            span<const std::uint32_t> from) noexcept {
    if (from.empty() || t.is_pending()) return rewrite_step::compute;
    tensor first = c[from[0]];
    if (!t.has_shape()) return t.name() == first.name() ? rewrite_step::keep : rewrite_step::rename;
    if (t.dtype() != first.dtype()) return rewrite_step::compute;
    if (from.size() > 1)
        return t.shape().rank() > first.shape().rank() ? rewrite_step::stack : rewrite_step::fuse;
    if (t.is_packed() && t.size_bytes() == first.size_bytes()) {
        bool same = t.name() == first.name() && t.shape() == first.shape();
        return same ? rewrite_step::keep : rewrite_step::rename;
    }
    if (t.size_bytes() != first.size_bytes())
        return t.shape().rank() < first.shape().rank() ? rewrite_step::unstack
                                                       : rewrite_step::split;
    // Whole rows, or elements of them.
    std::uint64_t row = 0;
    std::uint64_t inner = t.shape().rank() == 0 ? 1 : t.shape().back();
    if (t.shape().rank() > 1 && bytes_of(t.dtype(), inner, row))
        for (const box& b : t.boxes())
            if (b.run % row != 0) return rewrite_step::transpose;
    return rewrite_step::reorder;
}

}  // namespace detail
AKA_END

#endif  // AKA_REWRITE_STEPS_HPP
