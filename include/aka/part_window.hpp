// aka: rows or columns of a tensor as bytes in memory: where they lie, or copied into one buffer.
#ifndef AKA_PART_WINDOW_HPP
#define AKA_PART_WINDOW_HPP

#include <cstdint>

#include "tensor.hpp"

AKA_BEGIN
namespace detail {

/// What is copied at once, unless one row is larger.
constexpr std::uint64_t window_bytes = std::uint64_t{1} << 20;

/// Bytes are little-endian, as in the file: a copy that was made native goes back.
inline void as_in_file(const tensor& t, std::byte* p, std::uint64_t n) noexcept {
    if constexpr (AKA_BIG_ENDIAN_HOST) swap_in_place(t.dtype(), p, n);
    (void)t, (void)p, (void)n;
}

/// A tensor's rows, counted through its first one or two dimensions; the others are in the row.
/// Views are read where they are, anything else through a buffer that is taken once.
class row_window {
  public:
    row_window() noexcept = default;

    /// `lead`: dimensions that count rows; 0: the whole tensor is one row.
    status open(const tensor& t, unsigned lead) noexcept {
        tensor_ = t;
        lead_ = lead;
        rows_ = 1;
        for (unsigned i = 0; i < lead; ++i) rows_ *= t.shape()[i];
        row_ = rows_ == 0 ? 0 : t.size_bytes() / rows_;
        first_ = last_ = 0;
        if (t.is_view()) {
            result<byte_span> b = t.bytes();
            if (!b) return b.error();
            at_ = b.get_if()->data();
            last_ = rows_;
            return {};
        }
        most_ = row_ == 0 || row_ > window_bytes ? 1 : window_bytes / row_;
        if (most_ > rows_) most_ = rows_;
        if (!fits_memory(most_ * row_) || !copy_.resize(static_cast<std::size_t>(most_ * row_)))
            return no_memory();
        at_ = copy_.data();
        return {};
    }
    explicit operator bool() const noexcept { return static_cast<bool>(tensor_); }
    std::uint64_t rows() const noexcept { return rows_; }
    std::uint64_t row_bytes() const noexcept { return row_; }

    /// Row r, valid until the next call. Rows are best asked for in order.
    status row(std::uint64_t r, const std::byte*& out) noexcept {
        if (r < first_ || r >= last_)
            if (status s = load(r); !s) return s;
        out = at_ + (r - first_) * row_;
        return {};
    }

    /// Rows that follow in one piece from row r on, which was asked for last.
    std::uint64_t ahead(std::uint64_t r) const noexcept { return last_ - r; }

  private:
    status load(std::uint64_t r) noexcept {
        tensor from = tensor_;
        std::uint64_t inner = rows_, outer = 0;
        if (lead_ == 2) {
            inner = tensor_.shape()[1];
            outer = r / inner;
            result<tensor> one = tensor_.select(outer);
            if (!one) return one.error();
            from = *one.get_if();
        }
        const std::uint64_t here = r - outer * inner;
        const std::uint64_t n = most_ < inner - here ? most_ : inner - here;
        const span<std::byte> to = {copy_.data(), static_cast<std::size_t>(n * row_)};
        first_ = last_ = 0;
        status s = lead_ == 0 ? from.copy_to(to) : from.copy_rows(here, n, to);
        if (!s) return s;
        as_in_file(tensor_, copy_.data(), n * row_);
        first_ = r;
        last_ = r + n;
        return {};
    }

    tensor tensor_;
    growing<std::byte> copy_;
    const std::byte* at_ = nullptr;
    std::uint64_t rows_ = 0, row_ = 0, most_ = 0, first_ = 0, last_ = 0;
    unsigned lead_ = 0;
};

/// Columns [first, first + count) of a matrix: `at` is the first of them in row 0.
class column_window {
  public:
    /// `most`: columns that are asked for at once.
    status open(const tensor& t, std::uint64_t most) noexcept {
        tensor_ = t;
        size_ = info(t.dtype()).block_bytes;
        if (t.is_view()) {
            result<byte_span> b = t.bytes();
            if (!b) return b.error();
            begin_ = b.get_if()->data();
            return {};
        }
        std::uint64_t n = 0;
        if (most > t.shape()[1]) most = t.shape()[1];
        if (!checked_mul(t.shape()[0] * size_, most, n) || !fits_memory(n) ||
            !copy_.resize(static_cast<std::size_t>(n)))
            return no_memory();
        return {};
    }
    status load(std::uint64_t first, std::uint64_t count) noexcept {
        if (begin_ != nullptr) {
            at = begin_ + first * size_;
            stride = static_cast<std::size_t>(tensor_.shape()[1] * size_);
            return {};
        }
        result<tensor> part = tensor_.slice(1, first, count);
        if (!part) return part.error();
        const std::uint64_t n = part.get_if()->size_bytes();
        if (status s = part.get_if()->copy_to({copy_.data(), static_cast<std::size_t>(n)}); !s)
            return s;
        as_in_file(tensor_, copy_.data(), n);
        at = copy_.data();
        stride = static_cast<std::size_t>(count * size_);
        return {};
    }

    const std::byte* at = nullptr;
    std::size_t stride = 0;  ///< bytes from a row to the next

  private:
    tensor tensor_;
    growing<std::byte> copy_;
    const std::byte* begin_ = nullptr;
    std::uint64_t size_ = 0;
};

}  // namespace detail
AKA_END

#endif  // AKA_PART_WINDOW_HPP
