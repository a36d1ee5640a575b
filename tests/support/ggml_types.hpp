// ggml's tensor types as the tests know them: written down from the format's description, not taken
// from aka's own table, so that the two can be compared.
#ifndef AKA_TEST_GGML_TYPES_HPP
#define AKA_TEST_GGML_TYPES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

struct ggml_type_row {
    std::uint32_t id;
    const char* name;     // as ggml_type_name says it
    std::uint32_t elems;  // of a block; 0: the id was removed
    std::uint32_t bytes;  // of a block
};

inline constexpr ggml_type_row ggml_types[] = {
    {0, "f32", 1, 4},
    {1, "f16", 1, 2},
    {2, "q4_0", 32, 18},
    {3, "q4_1", 32, 20},
    {4, "", 0, 0},
    {5, "", 0, 0},
    {6, "q5_0", 32, 22},
    {7, "q5_1", 32, 24},
    {8, "q8_0", 32, 34},
    {9, "q8_1", 32, 36},
    {10, "q2_K", 256, 84},
    {11, "q3_K", 256, 110},
    {12, "q4_K", 256, 144},
    {13, "q5_K", 256, 176},
    {14, "q6_K", 256, 210},
    {15, "q8_K", 256, 292},
    {16, "iq2_xxs", 256, 66},
    {17, "iq2_xs", 256, 74},
    {18, "iq3_xxs", 256, 98},
    {19, "iq1_s", 256, 50},
    {20, "iq4_nl", 32, 18},
    {21, "iq3_s", 256, 110},
    {22, "iq2_s", 256, 82},
    {23, "iq4_xs", 256, 136},
    {24, "i8", 1, 1},
    {25, "i16", 1, 2},
    {26, "i32", 1, 4},
    {27, "i64", 1, 8},
    {28, "f64", 1, 8},
    {29, "iq1_m", 256, 56},
    {30, "bf16", 1, 2},
    {31, "", 0, 0},
    {32, "", 0, 0},
    {33, "", 0, 0},
    {34, "tq1_0", 256, 54},
    {35, "tq2_0", 256, 66},
    {36, "", 0, 0},
    {37, "", 0, 0},
    {38, "", 0, 0},
    {39, "mxfp4", 32, 17},
    {40, "nvfp4", 64, 36},
    {41, "q1_0", 128, 18},
    {42, "q2_0", 64, 18},
};
static_assert(sizeof ggml_types / sizeof ggml_types[0] == 43, "ids 0 to 42");

inline const ggml_type_row* ggml_type(std::uint32_t id) {
    return id < 43 && ggml_types[id].elems != 0 ? &ggml_types[id] : nullptr;
}
inline std::uint32_t ggml_id(std::string_view name) {
    for (const ggml_type_row& row : ggml_types) {
        if (row.elems != 0 && name == row.name) return row.id;
    }
    throw std::runtime_error("no ggml type " + std::string(name));
}

// Bytes of a tensor with a row-major shape; 0 for unknown types. Wraps where the shape is absurd.
inline std::uint64_t ggml_bytes(std::uint32_t id, const std::vector<std::uint64_t>& shape) {
    const ggml_type_row* row = ggml_type(id);
    if (row == nullptr) return 0;
    std::uint64_t n = 1;
    for (const std::uint64_t d : shape) n *= d;
    return n / row->elems * row->bytes;
}

struct ggml_field {
    std::uint32_t id, at, width, count;  // a run of multi-byte numbers inside a block
};

// What a big-endian file stores in the other order. Formats with 32-bit words inside a packed part
// (q5_x, the iq types) have no agreed big-endian form and are left out.
inline constexpr ggml_field ggml_fields[] = {
    {0, 0, 4, 1},     {1, 0, 2, 1},    {2, 0, 2, 1},  {3, 0, 2, 2},  {8, 0, 2, 1},    {9, 0, 2, 2},
    {10, 80, 2, 2},   {11, 108, 2, 1}, {12, 0, 2, 2}, {13, 0, 2, 2}, {14, 208, 2, 1}, {15, 0, 4, 1},
    {15, 260, 2, 16}, {25, 0, 2, 1},   {26, 0, 4, 1}, {27, 0, 8, 1}, {28, 0, 8, 1},   {30, 0, 2, 1},
    {34, 52, 2, 1},   {35, 64, 2, 1},  {41, 0, 2, 1}, {42, 0, 2, 1},
};

// Little-endian blocks to big-endian ones and back; whole blocks only.
inline std::string ggml_swap(std::uint32_t id, std::string data) {
    const ggml_type_row* row = ggml_type(id);
    if (row == nullptr) return data;
    for (std::size_t block = 0; block + row->bytes <= data.size(); block += row->bytes) {
        for (const ggml_field& f : ggml_fields) {
            if (f.id != id) continue;
            for (std::size_t k = 0; k < f.count; ++k) {
                const auto from = static_cast<std::ptrdiff_t>(block + f.at + k * f.width);
                std::reverse(data.begin() + from,
                             data.begin() + from + static_cast<std::ptrdiff_t>(f.width));
            }
        }
    }
    return data;
}

}  // namespace test

#endif  // AKA_TEST_GGML_TYPES_HPP
