// The row moves between spellings that rows.hpp lacks: part of a head turned, fused parts,
// transposed and interleaved experts. Plain loops over copies.
#ifndef AKA_TEST_SPELL_ROWS_HPP
#define AKA_TEST_SPELL_ROWS_HPP

#include "rows.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

// As pairs_from_halves, where only the first n_rot rows of each head turn; the others stay.
inline std::vector<std::uint64_t> pairs_from_halves(std::uint64_t n_head, std::uint64_t head_dim,
                                                    std::uint64_t n_rot) {
    std::vector<std::uint64_t> order;
    for (std::uint64_t h = 0; h < n_head; ++h) {
        for (std::uint64_t i = 0; i < n_rot / 2; ++i) {
            order.push_back(h * head_dim + i);
            order.push_back(h * head_dim + n_rot / 2 + i);
        }
        for (std::uint64_t r = n_rot; r < head_dim; ++r) order.push_back(h * head_dim + r);
    }
    return order;
}

// For each of n groups, its rows of every part: [q of group 0; k 0; v 0; q of group 1; ...].
inline st_tensor join_groups(const std::string& name, const std::vector<st_tensor>& parts,
                             std::uint64_t n) {
    st_tensor out = parts.at(0);
    out.name = name;
    out.shape[0] = 0;
    out.data.clear();
    for (std::uint64_t group = 0; group < n; ++group) {
        for (const st_tensor& part : parts) {
            const std::uint64_t rows = part.shape.at(0) / n;
            if (rows * n != part.shape[0]) throw std::runtime_error("join_groups: " + part.name);
            out.data += take_rows(part, group * rows, rows).data;
            out.shape[0] += rows;
        }
    }
    return out;
}

// Row 0 of each, row 1 of each, ...: gpt-oss's gate and up.
inline st_tensor zip_rows(const std::string& name, const std::vector<st_tensor>& parts) {
    return join_groups(name, parts, parts.at(0).shape.at(0));
}

// A weight turned over; biases have nothing to turn.
inline st_tensor transpose_matrix(const st_tensor& t) {
    if (t.shape.size() == 1) return t;
    if (st_bits(t.dtype) == 0) throw std::runtime_error("transpose: blocks of " + t.dtype);
    return transpose(t);
}

}  // namespace test

#endif  // AKA_TEST_SPELL_ROWS_HPP
