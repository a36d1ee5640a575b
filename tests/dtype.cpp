// The table of element types, against what the independent writers know of both formats.
#include <aka/dtype.hpp>
#include <doctest/doctest.h>

#include "support/ggml_types.hpp"
#include "support/write_safetensors.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace test_dtype {

namespace {

using aka::dtype;

constexpr std::size_t all_dtypes = aka::detail::dtype_count;

dtype at(std::size_t i) { return static_cast<dtype>(i); }

std::string upper(std::string s) {
    for (char& c : s) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return s;
}

// Bytes of one element, or 0 where elements come in blocks; and the types that safetensors and
// GGUF both have are written down twice, so they must agree.
unsigned plain_width(const aka::dtype_info& i) {
    return i.block_elements == 1 ? i.block_bytes : 0u;
}

// T reads exactly the dtypes of these names.
template <class T>
void check_reads(const std::set<std::string_view>& names) {
    for (std::size_t i = 0; i < all_dtypes; ++i) {
        const std::string_view name = aka::name(at(i));
        CAPTURE(std::string(name));
        CHECK(aka::reads<T>(at(i)) == (names.count(name) != 0));
        CHECK(aka::reads<const T>(at(i)) == aka::reads<T>(at(i)));
    }
}

// The names of all dtypes whose elements have `width` whole bytes.
std::set<std::string_view> names_of_width(unsigned width) {
    std::set<std::string_view> names;
    for (const test::st_dtype& d : test::st_dtypes)
        if (d.bits == 8 * width) names.insert(d.name);
    return names;
}

}  // namespace

TEST_CASE("dtype: every safetensors dtype is there, with its size") {
    std::size_t in_table = 0;
    for (std::size_t i = 0; i < all_dtypes; ++i) in_table += aka::info(at(i)).in_safetensors;
    CHECK(in_table == std::size(test::st_dtypes));
    for (const test::st_dtype& d : test::st_dtypes) {
        CAPTURE(d.name);
        const dtype t = aka::dtype_from_name(d.name);
        REQUIRE(t != dtype::unknown);
        const aka::dtype_info& i = aka::info(t);
        CHECK(i.in_safetensors);
        CHECK(i.name == d.name);
        // The smallest whole bytes: 2 elements of 4 bits, 4 of 6.
        const unsigned elements = d.bits % 8 == 0 ? 1 : d.bits == 4 ? 2 : 4;
        CHECK(i.block_elements == elements);
        CHECK(i.block_bytes * 8u == elements * d.bits);
    }
}

TEST_CASE("dtype: every ggml type is there, by its id, with its blocks") {
    std::set<dtype> seen;
    for (const test::ggml_type_row& row : test::ggml_types) {
        CAPTURE(row.id);
        const dtype t = aka::dtype_from_ggml(row.id);
        if (row.elems == 0) {  // removed
            CHECK(t == dtype::unknown);
            continue;
        }
        REQUIRE(t != dtype::unknown);
        CHECK(seen.insert(t).second);
        const aka::dtype_info& i = aka::info(t);
        CHECK(i.ggml_id == static_cast<int>(row.id));
        CHECK(i.block_elements == row.elems);
        CHECK(i.block_bytes == row.bytes);
        CHECK(i.name == upper(row.name));
        CHECK(i.in_safetensors == (test::st_rank(std::string(i.name)) >= 0));
    }
    std::size_t in_table = 0;
    for (std::size_t i = 0; i < all_dtypes; ++i) in_table += aka::info(at(i)).ggml_id >= 0;
    CHECK(in_table == seen.size());
    for (const std::uint32_t id : {43u, 44u, 100u, 255u, 256u, 0x7fffffffu, 0x80000000u, ~0u})
        CHECK(aka::dtype_from_ggml(id) == dtype::unknown);
}

TEST_CASE("dtype: names are unique, and lead back") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < all_dtypes; ++i) {
        const std::string name(aka::name(at(i)));
        CAPTURE(name);
        CHECK(aka::info(at(i)).dtype == at(i));
        CHECK(aka::dtype_from_name(name) == at(i));
        CHECK(names.insert(aka::name(at(i))).second);
        // Nothing like it is taken for it.
        CHECK(aka::dtype_from_name(name + " ") == dtype::unknown);
        CHECK(aka::dtype_from_name(name + std::string(1, '\0')) == dtype::unknown);
        if (at(i) != dtype::unknown) {
            std::string lower = name;
            for (char& c : lower)
                c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            CHECK(aka::dtype_from_name(lower) == dtype::unknown);
        }
        const std::string shorter = name.substr(0, name.size() - 1);
        const dtype other = aka::dtype_from_name(shorter);
        CHECK((other == dtype::unknown || aka::name(other) == shorter));
    }
    CHECK(aka::dtype_from_name("") == dtype::unknown);
    CHECK(aka::info(dtype::unknown).block_elements == 0);
    CHECK(aka::info(dtype::unknown).ggml_id == -1);
    static_assert(aka::dtype_from_name("BF16") == dtype::bf16);
    static_assert(aka::dtype_from_ggml(12) == dtype::q4_k);
    static_assert(aka::name(dtype::f8_e4m3) == "F8_E4M3");
}

TEST_CASE("dtype: which bytes a change of byte order swaps") {
    for (std::size_t k = 1; k < all_dtypes; ++k) {
        const aka::dtype_info& i = aka::info(at(k));
        CAPTURE(std::string(i.name));
        if (i.in_safetensors) {
            // A complex number is two of half its width; what is smaller than a byte stays.
            const unsigned width = i.name == "C64" ? 4u : plain_width(i);
            CHECK(i.swap_bytes == (width == 0 ? 1 : width));
            continue;
        }
        // Blocks: no numbers of several bytes, or numbers beside single bytes.
        bool has_fields = false;
        for (const test::ggml_field& f : test::ggml_fields)
            has_fields = has_fields || f.id == static_cast<std::uint32_t>(i.ggml_id);
        CHECK((i.swap_bytes == 0 || i.swap_bytes == 1));
        if (i.swap_bytes == 1) CHECK_FALSE(has_fields);
    }
    // Of those that GGUF and safetensors share, the two writers agree as well.
    for (const test::ggml_field& f : test::ggml_fields) {
        const aka::dtype_info& i = aka::info(aka::dtype_from_ggml(f.id));
        if (i.block_elements == 1) CHECK(i.swap_bytes == f.width);
    }
}

TEST_CASE("dtype: which C++ types read which") {
    check_reads<float>({"F32"});
    check_reads<double>({"F64"});
    check_reads<long double>({});
    check_reads<bool>({});
    check_reads<std::int8_t>({"I8"});
    check_reads<std::int16_t>({"I16"});
    check_reads<std::int32_t>({"I32"});
    check_reads<std::int64_t>({"I64"});
    check_reads<std::uint8_t>(names_of_width(1));
    // Types without a C++ type of their own lend their bits to the unsigned one.
    check_reads<std::uint16_t>({"U16", "F16", "BF16"});
    check_reads<std::uint32_t>({"U32"});
    check_reads<std::uint64_t>({"U64"});
    check_reads<void*>({});
    struct mine {
        float f;
    };
    check_reads<mine>({});
    std::set<std::string_view> every;
    for (std::size_t i = 0; i < all_dtypes; ++i) every.insert(aka::name(at(i)));
    check_reads<std::byte>(every);
}

}  // namespace test_dtype
