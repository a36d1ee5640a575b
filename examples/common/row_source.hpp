// A tensor as a matrix that is read piece by piece: where it lies if that is one place in memory,
// otherwise copied into the caller's buffer. Never as a whole.
#ifndef AKA_CLI_ROW_SOURCE_HPP
#define AKA_CLI_ROW_SOURCE_HPP

#include <aka/tensor_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace cli {

// Columns [column, column + columns) of rows [row, row + rows): whole rows, or a part of one.
struct piece {
    std::uint64_t row = 0, rows = 0, column = 0, columns = 0;
};

// A row is what lies along the last dimension; a vector is one row. Borrows the tensor's store and
// the list that the tensor is of.
class row_source {
  public:
    row_source() = default;
    row_source(const aka::tensor& seen, const aka::tensor_list& of)
        : tensor_(seen.stored()), offset_(seen.norm_offset()) {
        const aka::tensor& t = tensor_;
        const aka::dtype_info& type = aka::info(t.dtype());
        const std::uint32_t rank = t.shape().rank();
        const std::uint64_t last = rank == 0 ? 1 : t.shape()[rank - 1];
        if (type.block_elements == 0) {  // unknown: bytes are all there is
            rows_ = 1, columns_ = t.size_bytes();
        } else {
            unit_ = type.block_bytes, per_unit_ = type.block_elements;
            const bool whole = last % per_unit_ == 0;
            columns_ = whole ? last : t.elements();
            rows_ = last == 0 ? 0 : t.elements() / columns_;
        }
        const auto& files = of.keep()->data();
        std::uint32_t file = t.file_index();
        for (const aka::box& b : t.boxes()) file = b.file;
        swapped_ = file < files.size() && files[file].swap;
        if (t.is_view() && (!is_big_endian() || unit_ == 1)) data_ = in_memory();
    }

    // As stored.
    const aka::tensor& tensor() const { return tensor_; }
    aka::dtype dtype() const { return tensor_.dtype(); }
    // To be added to every element.
    float offset() const { return offset_; }
    std::uint64_t rows() const { return rows_; }
    std::uint64_t columns() const { return columns_; }
    std::uint64_t size_bytes() const { return bytes(rows_ * columns_); }
    std::uint64_t bytes(std::uint64_t elements) const { return elements / per_unit_ * unit_; }
    // Elements that only go together.
    std::uint64_t block() const { return per_unit_; }

    // As many rows, or as much of one, as take about `room` bytes.
    piece first(std::uint64_t room) const {
        piece p{0, 0, 0, columns_};
        const std::uint64_t row = std::max<std::uint64_t>(bytes(columns_), 1);
        p.rows = std::min(rows_, std::max<std::uint64_t>(room / row, 1));
        if (row > 4 * room) p.columns = std::max<std::uint64_t>(room / unit_, 1) * per_unit_;
        // Whole blocks of every type.
        if (p.columns != columns_) p.columns = (p.columns + 1023) / 1024 * 1024;
        p.columns = std::min(p.columns, columns_);
        return p;
    }
    std::uint64_t pieces(const piece& first) const {
        if (rows_ == 0 || columns_ == 0) return 0;
        if (first.columns != columns_)
            return rows_ * ((columns_ + first.columns - 1) / first.columns);
        return (rows_ + first.rows - 1) / first.rows;
    }
    piece at(const piece& first, std::uint64_t i) const {
        if (first.columns != columns_) {
            const std::uint64_t each = (columns_ + first.columns - 1) / first.columns;
            const std::uint64_t column = i % each * first.columns;
            return {i / each, 1, column, std::min(first.columns, columns_ - column)};
        }
        const std::uint64_t row = i * first.rows;
        return {row, std::min(first.rows, rows_ - row), 0, columns_};
    }

    // Little-endian, as stored: what is pending is not added. `buffer` has room for
    // the piece and is used where the tensor is not in memory as it is.
    aka::result<const std::byte*> read(const piece& p, std::byte* buffer) const {
        const std::uint64_t size = bytes(p.rows * p.columns);
        if (data_ != nullptr) return data_ + bytes(p.row * columns_ + p.column);
        const aka::status s = read(tensor_, p, {buffer, static_cast<std::size_t>(size)});
        if (!s) return s.error();
#if AKA_BIG_ENDIAN_HOST
        aka::detail::swap_in_place(tensor_.dtype(), buffer, size);
#endif
        return static_cast<const std::byte*>(buffer);
    }
    // As they lie in the file, in its byte order; null: not in one place in memory.
    const std::byte* in_memory() const {
        return tensor_.is_view() ? tensor_.bytes().value().data() : nullptr;
    }
    bool is_big_endian() const { return swapped_ != bool(AKA_BIG_ENDIAN_HOST); }

  private:
    aka::status read(const aka::tensor& t, const piece& p, aka::span<std::byte> out) const {
        const std::uint32_t rank = t.shape().rank();
        if (rank == 0 || out.size() == t.size_bytes()) return t.copy_to(out);
        if (rank == 1) return t.copy_rows(p.column, p.columns, out);
        if (rank == 2) {
            if (p.columns == columns_) return t.copy_rows(p.row, p.rows, out);
            const auto part = t.slice(1, p.column, p.columns);
            return part ? part->copy_rows(p.row, p.rows, out) : part.error();
        }
        const std::uint64_t inner = rows_of(t) / std::max<std::uint64_t>(t.shape()[0], 1);
        std::size_t done = 0;
        for (std::uint64_t row = p.row; row < p.row + p.rows;) {
            const auto one = t.select(row / inner);
            if (!one) return one.error();
            piece q = p;
            q.row = row % inner;
            q.rows = std::min(inner - q.row, p.row + p.rows - row);
            const auto size = static_cast<std::size_t>(bytes(q.rows * q.columns));
            if (aka::status s = read(*one, q, out.subspan(done, size)); !s) return s;
            done += size;
            row += q.rows;
        }
        return {};
    }
    std::uint64_t rows_of(const aka::tensor& t) const { return t.elements() / columns_; }

    aka::tensor tensor_;
    float offset_ = 0;
    std::uint64_t rows_ = 0, columns_ = 0;
    std::uint64_t unit_ = 1, per_unit_ = 1;  // bytes and elements of a block
    const std::byte* data_ = nullptr;
    bool swapped_ = false;  // the file's numbers are not in this machine's byte order
};

}  // namespace cli

#endif  // AKA_CLI_ROW_SOURCE_HPP
