// aka: the sizes of a tensor, outermost first.
#ifndef AKA_SHAPE_HPP
#define AKA_SHAPE_HPP

#include <cstdint>
#include <cstring>

#include "dtype.hpp"
#include "error.hpp"
#include "span.hpp"

AKA_BEGIN

/// GGUF's view of a shape: always four numbers, the fastest first, missing ones are 1.
struct ne4 {
    std::uint64_t n[4];  ///< n[0] is the length of a row
    /// Likewise.
    constexpr std::uint64_t operator[](std::size_t i) const noexcept { return n[i]; }
};

/// Row-major, outermost first, for both formats: a matrix of `rows` rows is [rows, columns].
/// Any rank; up to eight sizes are held inside, more are borrowed from the checkpoint.
class shape {
  public:
    static constexpr std::uint32_t inline_rank = 8;  ///< sizes that are held inside

    constexpr shape() noexcept {}
    /// Borrows `dims` when there are more than eight.
    explicit shape(span<const std::uint64_t> dims) noexcept
        : rank_(static_cast<std::uint32_t>(dims.size())) {
        if (rank_ <= inline_rank)
            for (std::uint32_t i = 0; i < rank_; ++i) inline_[i] = dims[i];
        else
            far_ = dims.data();
    }

    /// Number of dimensions; 0: a scalar.
    std::uint32_t rank() const noexcept { return rank_; }
    /// The size of a dimension, the outermost first: of a matrix, s[0] rows of s[1].
    std::uint64_t operator[](std::size_t i) const noexcept { return data()[i]; }
    /// All sizes, outermost first. Lifetime: this shape's; of more than eight, the checkpoint's.
    const std::uint64_t* data() const& noexcept AKA_LIFETIMEBOUND {
        return rank_ <= inline_rank ? inline_ : far_;
    }
    const std::uint64_t* data() && = delete;
    /// Number of dimensions, as containers call it.
    std::size_t size() const noexcept { return rank_; }
    /// From the outermost on.
    const std::uint64_t* begin() const& noexcept AKA_LIFETIMEBOUND { return data(); }
    /// Behind the innermost.
    const std::uint64_t* end() const& noexcept AKA_LIFETIMEBOUND { return data() + rank_; }
    const std::uint64_t* begin() && = delete;
    const std::uint64_t* end() && = delete;
    /// The innermost: the length of a row; 1 of a scalar.
    std::uint64_t back() const noexcept { return rank_ == 0 ? 1 : (*this)[rank_ - 1]; }

    /// Product of all sizes, 1 for a scalar. False: it does not fit in 64 bits.
    bool count(std::uint64_t& out) const noexcept {
        out = 1;
        for (std::uint64_t d : *this)
            if (!detail::checked_mul(out, d, out)) return false;
        return true;
    }
    /// The same, for a shape that a reader has checked already.
    std::uint64_t elements() const noexcept {
        std::uint64_t n = 0;
        return count(n) ? n : 0;
    }
    /// GGUF's four, fastest first; a rank over four has its outer sizes multiplied into the last.
    ne4 ne() const noexcept {
        ne4 r{{1, 1, 1, 1}};
        for (std::uint32_t i = 0; i < rank_; ++i) {
            std::uint64_t d = (*this)[rank_ - 1 - i];
            r.n[i < 3 ? i : 3] *= d;
        }
        return r;
    }
    /// The same rank and sizes: [4] is not [1, 4].
    friend bool operator==(const shape& a, const shape& b) noexcept {
        if (a.rank_ != b.rank_) return false;
        for (std::uint32_t i = 0; i < a.rank_; ++i)
            if (a[i] != b[i]) return false;
        return true;
    }
    /// Likewise.
    friend bool operator!=(const shape& a, const shape& b) noexcept { return !(a == b); }

  private:
    std::uint32_t rank_ = 0;
    union {
        std::uint64_t inline_[inline_rank] = {};
        const std::uint64_t* far_;
    };
};

namespace detail {

/// Bytes of `elements` elements; false when that overflows or is no whole number of blocks.
inline bool bytes_of(dtype t, std::uint64_t elements, std::uint64_t& out) noexcept {
    const dtype_info& i = info(t);
    if (i.block_elements == 0 || elements % i.block_elements != 0) return false;
    return checked_mul(elements / i.block_elements, i.block_bytes, out);
}

template <std::size_t N>
fixed_text<N>& operator<<(fixed_text<N>& t, const shape& s) noexcept {
    t << '[';
    for (std::uint32_t i = 0; i < s.rank(); ++i) {
        if (i != 0) t << ", ";
        if (i == 12) return t << "... " << s.rank() << " sizes]";
        t << s[i];
    }
    return t << ']';
}

}  // namespace detail
AKA_END

#endif  // AKA_SHAPE_HPP
