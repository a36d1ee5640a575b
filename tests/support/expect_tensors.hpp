// Tensors to write into safetensors files, and whether a reader gives them back.
#ifndef AKA_TEST_EXPECT_TENSORS_HPP
#define AKA_TEST_EXPECT_TENSORS_HPP

#include "outcome.hpp"
#include "write_safetensors.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace test {

// Fills the tensor with random bytes of the right number.
inline st_tensor filled(std::string name, std::string dtype, std::vector<std::uint64_t> shape) {
    st_tensor t{std::move(name), std::move(dtype), std::move(shape), {}};
    t.data = random_bytes(static_cast<std::size_t>(t.bytes()), hash_bytes(t.name));
    return t;
}

// Each dtype, in a few shapes; some are empty, some make the next one unaligned.
inline std::vector<st_tensor> every_dtype() {
    std::vector<st_tensor> all;
    for (const st_dtype& d : st_dtypes) {
        const std::string name = d.name;
        all.push_back(filled(name + ".scalars", name, {4}));
        all.push_back(filled(name + ".matrix", name, {3, 8}));
        all.push_back(filled(name + ".none", name, {2, 0, 5}));
        all.push_back(filled(name + ".five", name, {1, 2, 1, 2, 4}));
        if (d.bits >= 8) all.push_back(filled(name + ".scalar", name, {}));
    }
    return all;
}

inline void check_same(const aka::tensor& t, const st_tensor& expected) {
    CAPTURE(expected.name);
    CHECK(t.name() == expected.name);
    CHECK(t.dtype_name() == expected.dtype);
    CHECK(aka::name(t.dtype()) == expected.dtype);
    CHECK(t.has_shape());
    CHECK(shape_of(t) == expected.shape);
    CHECK(t.elements() == count_elements(expected.shape));
    CHECK(t.size_bytes() == expected.bytes());
}

// Each tensor found by name, the same in content; and the list in the order of the data.
inline void check_all(const aka::tensor_list& file, const std::vector<st_tensor>& expected) {
    REQUIRE(file.size() == expected.size());
    for (const st_tensor& e : expected) {
        const aka::tensor t = file.find(e.name);
        REQUIRE(t);
        check_same(t, e);
        CHECK(contents(t) == e.data);
    }
    std::uint64_t end = file.data_begin();
    for (const aka::tensor t : file) {
        CHECK(t.offset() == end);
        end += t.size_bytes();
    }
    CHECK(file.data_end() == end);
}

}  // namespace test

#endif  // AKA_TEST_EXPECT_TENSORS_HPP
