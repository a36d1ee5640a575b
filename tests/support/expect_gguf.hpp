// Tensors to write into GGUF files, and whether a reader gives them back.
#ifndef AKA_TEST_EXPECT_GGUF_HPP
#define AKA_TEST_EXPECT_GGUF_HPP

#include <aka/gguf.hpp>

#include "ggml_types.hpp"
#include "outcome.hpp"
#include "write_gguf.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace test {

// safetensors' word for the types of both formats; ggml's own in capitals for the rest.
inline std::string gguf_dtype_name(std::uint32_t id) {
    std::string out = ggml_types[id].name;
    for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return out;
}

// With random bytes of the right number.
inline gguf_tensor filled_gguf(std::string name, std::uint32_t type,
                               std::vector<std::uint64_t> shape) {
    gguf_tensor t;
    t.name = std::move(name);
    t.type = type;
    t.shape = std::move(shape);
    t.data = random_bytes(static_cast<std::size_t>(t.bytes()), hash_bytes(t.name));
    return t;
}

// Each type that exists, in ranks 0 to 4 where its blocks allow, some without elements.
inline std::vector<gguf_tensor> every_ggml_type() {
    std::vector<gguf_tensor> all;
    for (const ggml_type_row& row : ggml_types) {
        if (row.elems == 0) continue;
        const std::string name = row.name;
        const std::uint64_t n = row.elems;
        if (n == 1) all.push_back(filled_gguf(name + ".0", row.id, {}));
        all.push_back(filled_gguf(name + ".1", row.id, {2 * n}));
        all.push_back(filled_gguf(name + ".2", row.id, {3, n}));
        all.push_back(filled_gguf(name + ".none", row.id, {3, 0}));
        all.push_back(filled_gguf(name + ".3", row.id, {2, 1, n}));
        all.push_back(filled_gguf(name + ".4", row.id, {1, 2, 1, 3 * n}));
    }
    return all;
}

inline void check_same(const aka::tensor& t, const gguf_tensor& expected) {
    CAPTURE(expected.name);
    CHECK(t.name() == expected.name);
    CHECK(t.dtype_name() == gguf_dtype_name(expected.type));
    CHECK(t.ggml_type() == expected.type);
    CHECK(shape_of(t) == expected.shape);
    CHECK(t.size_bytes() == expected.bytes());
    const aka::ne4 ne = t.shape().ne();
    for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t rank = expected.shape.size();
        CHECK(ne[i] == (i < rank ? expected.shape[rank - 1 - i] : 1));
    }
}

// Walks any value, and compares all of it with what was written.
inline bool same_value(const aka::metadata_value& v, const gguf_value& expected) {
    if (static_cast<std::uint32_t>(v.type()) != expected.kind) return false;
    if (v.is_string()) return *v.as_string() == expected.text;
    if (v.type() == aka::value_type::f32) return gguf_of(*v.as<float>()).bits == expected.bits;
    if (v.type() == aka::value_type::f64) return gguf_of(*v.as<double>()).bits == expected.bits;
    if (v.type() == aka::value_type::boolean) return *v.as<bool>() == (expected.bits != 0);
    if (!v.is_array()) {
        if (const auto u = v.as<std::uint64_t>()) return *u == expected.bits;
        return static_cast<std::uint64_t>(*v.as<std::int64_t>()) == expected.bits;
    }
    const auto array = v.as_array();
    if (static_cast<std::uint32_t>(array->element_type()) != expected.element) return false;
    if (array->size() != expected.items.size()) return false;
    std::size_t i = 0;
    for (const aka::metadata_value item : *array) {
        if (!same_value(item, expected.items[i])) return false;
        // By position too; of long arrays of strings only some, since each is a walk.
        if (i < 100 || gguf_widths[expected.element] != 0)
            if (!same_value(*array->at(i), expected.items[i])) return false;
        ++i;
    }
    return i == expected.items.size();
}

using gguf_bytes = parsed<aka::gguf, aka::gguf_options>;

}  // namespace test

#endif  // AKA_TEST_EXPECT_GGUF_HPP
