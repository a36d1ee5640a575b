// Moving rows between tensors, by plain copies: what tests use to spell a model in another layout.
// Works on any dtype whose rows are whole bytes, quantised blocks included.
#ifndef AKA_TEST_ROWS_HPP
#define AKA_TEST_ROWS_HPP

#include "write_safetensors.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace test {

inline std::size_t row_bytes(const st_tensor& t) {
    const std::uint64_t rows = t.shape.at(0);
    if (rows == 0 || t.data.size() % rows != 0) throw std::runtime_error("rows of " + t.name);
    return static_cast<std::size_t>(t.data.size() / rows);
}

// Row i of the result is row order[i] of t; order may also select or repeat.
inline st_tensor take_rows(const st_tensor& t, const std::vector<std::uint64_t>& order) {
    const std::size_t n = row_bytes(t);
    st_tensor out{t.name, t.dtype, t.shape, {}};
    out.shape[0] = order.size();
    for (const std::uint64_t row : order) {
        if (row >= t.shape[0]) throw std::runtime_error("take_rows: no such row");
        out.data.append(t.data, static_cast<std::size_t>(row) * n, n);
    }
    return out;
}
inline st_tensor take_rows(const st_tensor& t, std::uint64_t first, std::uint64_t n) {
    std::vector<std::uint64_t> order;
    for (std::uint64_t i = 0; i < n; ++i) order.push_back(first + i);
    return take_rows(t, order);
}

// One below the other: [q; k; v], [gate; up].
inline st_tensor join_rows(const std::string& name, const std::vector<st_tensor>& parts) {
    st_tensor out = parts.at(0);
    out.name = name;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        out.shape[0] += parts[i].shape[0];
        out.data += parts[i].data;
    }
    return out;
}

// A new outermost axis: experts as one tensor.
inline st_tensor stack(const std::string& name, const std::vector<st_tensor>& parts) {
    st_tensor out = join_rows(name, parts);
    out.shape = parts.at(0).shape;
    out.shape.insert(out.shape.begin(), parts.size());
    return out;
}

// Rows of q or k from Hugging Face's order (halves of a head) to interleaved pairs, as GGUF `llama`
// and Meta store them: row (head, pair, half) comes from (head, half, pair).
inline std::vector<std::uint64_t> pairs_from_halves(std::uint64_t n_head, std::uint64_t head_dim) {
    std::vector<std::uint64_t> order;
    for (std::uint64_t h = 0; h < n_head; ++h) {
        for (std::uint64_t i = 0; i < head_dim / 2; ++i) {
            for (std::uint64_t s = 0; s < 2; ++s) order.push_back((h * 2 + s) * (head_dim / 2) + i);
        }
    }
    return order;
}

// Columns and rows exchanged, for elements of whole bytes.
inline st_tensor transpose(const st_tensor& t) {
    const auto rows = static_cast<std::size_t>(t.shape.at(0));
    const auto columns = static_cast<std::size_t>(t.shape.at(1));
    const std::size_t width = st_bits(t.dtype) / 8;
    st_tensor out{t.name, t.dtype, {t.shape[1], t.shape[0]}, {}};
    for (std::size_t c = 0; c < columns; ++c) {
        for (std::size_t r = 0; r < rows; ++r) {
            out.data.append(t.data, (r * columns + c) * width, width);
        }
    }
    return out;
}

}  // namespace test

#endif  // AKA_TEST_ROWS_HPP
