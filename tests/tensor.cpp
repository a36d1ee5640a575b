// Tensors: views, rows, slices and copies against plain copying by hand; of every dtype, from
// memory, mapped and read.
#include <aka/gguf.hpp>
#include <aka/safetensors.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/outcome.hpp"
#include "support/writer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_tensor {

namespace {

using dims = std::vector<std::uint64_t>;
using test::st_tensor;
using room = aka::span<std::byte>;

std::string part(const std::string& s, std::uint64_t at, std::uint64_t n) {
    return s.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(n));
}
std::uint64_t product(const dims& d, std::size_t first, std::size_t last) {
    std::uint64_t n = 1;
    for (std::size_t i = first; i < last && i < d.size(); ++i) n *= d[i];
    return n;
}

// A tensor as it should be: blocks of `elems` elements in `bytes` bytes, packed.
struct packed {
    dims shape;
    std::uint64_t elems = 1, bytes = 1;
    std::string data;

    std::uint64_t outer(std::size_t dim) const { return product(shape, 0, dim); }
    std::uint64_t inner(std::size_t dim) const { return product(shape, dim + 1, shape.size()); }
    // Elements [first, first + count) of a dimension, piece by piece; the code where that fails.
    std::string slice(std::size_t dim, std::uint64_t first, std::uint64_t count) {
        if (dim >= shape.size() || first > shape[dim] || count > shape[dim] - first)
            return "out_of_range";
        if (count == shape[dim]) return "none";
        std::string out;
        const std::uint64_t size = count * inner(dim), pieces = outer(dim);
        for (std::uint64_t i = 0; i == 0 || i < pieces; ++i) {
            const std::uint64_t start = (i * shape[dim] + first) * inner(dim);
            if (start % elems != 0 || size % elems != 0) return "bad_block";
            if (pieces != 0) out += part(data, start / elems * bytes, size / elems * bytes);
        }
        shape[dim] = count;
        data = out;
        return "none";
    }
};

// The same file from memory, mapped and read on demand.
template <class Reader, class Options>
struct opened {
    test::temp_folder folder;
    std::string image;
    std::vector<Reader> ways;

    explicit opened(std::string bytes, Options o = {}) : image(std::move(bytes)) {
        test::write_file(folder / "file", image);
        add(Reader::parse(aka::as_bytes(image), o));
        for (const aka::access how : {aka::access::map, aka::access::read}) {
            o.how = how;
            add(Reader::open(folder / "file", o));
        }
    }
    void add(aka::result<Reader> r) {
        REQUIRE_OK(r);
        ways.push_back(std::move(*r.get_if()));
    }
};
using opened_st = opened<aka::safetensors, aka::safetensors_options>;
using opened_gguf = opened<aka::gguf, aka::gguf_options>;

packed packed_of(const st_tensor& t) {
    const unsigned bits = test::st_bits(t.dtype), elems = bits % 8 == 0 ? 1 : bits == 4 ? 2 : 4;
    return {t.shape, elems, elems * bits / 8, t.data};
}
st_tensor made(std::string name, std::string dtype, dims shape) {
    st_tensor t{std::move(name), std::move(dtype), std::move(shape), {}};
    t.data = test::random_bytes(static_cast<std::size_t>(t.bytes()), test::hash_bytes(t.name));
    return t;
}
constexpr bool big_endian_host = AKA_BIG_ENDIAN_HOST != 0;

// Whether the other byte order of a type is known: what converters write in both; and MXFP4 and
// NVFP4, of single bytes only.
bool settled(const test::ggml_type_row& row) {
    static const std::string names = " q4_0 q8_0 q4_K q6_K mxfp4 nvfp4 ";
    return row.elems == 1 || names.find(" " + std::string(row.name) + " ") != std::string::npos;
}
// One of each ggml type that can be copied here, of whole blocks.
test::gguf_writer all_ggml_types(bool big_endian) {
    test::gguf_writer w;
    w.big_endian = big_endian;
    for (const test::ggml_type_row& row : test::ggml_types) {
        const dims shape = {3, 2, std::uint64_t{2} * row.elems};
        if (row.elems == 0 || (big_endian_host && !big_endian && !settled(row))) continue;
        const auto size = static_cast<std::size_t>(test::ggml_bytes(row.id, shape));
        w.add_tensor(row.name, row.id, shape, test::random_bytes(size, row.id));
    }
    return w;
}
packed packed_of(const test::gguf_tensor& t) {
    const test::ggml_type_row& row = *test::ggml_type(t.type);
    return {t.shape, row.elems, row.bytes, t.data};
}

// What a copy into a buffer of this size writes, after "="; the code where it fails.
template <class Copy>
std::string into(std::uint64_t size, Copy copy) {
    const std::string before(static_cast<std::size_t>(size), '\x55');
    test::guard_buffer out(before, test::guard_side::behind, true);
    const aka::status s = copy(room(reinterpret_cast<std::byte*>(out.data()), out.size()));
    return s ? "=" + std::string(out.view()) : test::code(s);
}
std::string in_order(const aka::tensor& t, const std::string& r) {
    return r[0] == '=' ? "=" + test::little_endian(t, r.substr(1)) : r;
}
std::string rows(const aka::tensor& t, std::uint64_t first, std::uint64_t n, std::uint64_t size) {
    return in_order(t, into(size, [&](room out) { return t.copy_rows(first, n, out); }));
}
std::string copied(const aka::tensor& t) {
    return in_order(t, into(t.size_bytes(), [&](room out) { return t.copy_to(out); }));
}

void check_same(const aka::tensor& t, const packed& p, bool view, test::rng& random) {
    REQUIRE(test::shape_of(t) == p.shape);
    CHECK(t.elements() == test::count_elements(p.shape));
    CHECK(t.is_view() == view);
    CHECK((test::contents(t) == p.data));
    CHECK(into(p.data.size() + 1, [&](room out) { return t.copy_to(out); }) == "wrong_size");
    if (!view) CHECK_REFUSED(t.bytes(), needs_copy);
    if (p.shape.empty()) return;
    const bool whole = p.shape[0] == 0 || p.inner(0) % p.elems == 0;
    const std::uint64_t n = p.shape[0], row = p.inner(0) / p.elems * p.bytes;
    const std::uint64_t first = random.below(n + 1), count = random.below(n - first + 1);
    const std::string expected = "=" + (whole ? part(p.data, first * row, count * row) : "");
    CHECK((rows(t, first, count, count * row) == (whole ? expected : "bad_block")));
    if (whole) CHECK(rows(t, first, count, count * row + 1) == "wrong_size");
    for (std::uint64_t i = 0; view && i < n; ++i) {
        const auto r = t.row(i);
        CHECK(test::code(r) == (whole ? "none" : "bad_block"));
        if (r) CHECK((test::text_of(*r) == part(p.data, i * row, row)));
    }
    for (const std::uint64_t i : {n, UINT64_MAX}) CHECK(rows(t, i, 1, row) == "out_of_range");
    CHECK(rows(t, 1, UINT64_MAX, row) == "out_of_range");
    CHECK_REFUSED(t.select(n), out_of_range);
    if (n == 0 || p.shape.size() > 8) return;
    // One of them, without its dimension: where an inner one is cut, only if it is the only one.
    const std::uint64_t i = random.below(n), size = p.data.size() / n;
    const auto one = t.select(i);
    if (t.is_packed()) CHECK(test::code(one) == (whole || n == 1 ? "none" : "bad_block"));
    if (!one) return;
    CHECK(test::shape_of(*one) == dims(p.shape.begin() + 1, p.shape.end()));
    CHECK((copied(*one) == "=" + part(p.data, i * size, size)));
}

// Slices of slices of ..., the same in every way of reading.
template <class Opened>
void check_slices(const Opened& file, std::string_view name, packed p, test::rng& random) {
    std::vector<aka::tensor> ways;
    for (const auto& way : file.ways) ways.push_back(way.find(name));
    bool contiguous = true;
    for (int step = 0; step < 6; ++step) {
        for (std::size_t i = 0; i < ways.size(); ++i)
            check_same(ways[i], p, contiguous && (i < 2 || p.data.empty()), random);
        // Mostly good ones, now and then through a block or out of range.
        const std::size_t dim = random.below(p.shape.size() + (random.below(9) == 0));
        const std::uint64_t have = dim < p.shape.size() ? p.shape[dim] : 1;
        const std::uint64_t unit = dim + 1 == p.shape.size() && random.below(4) != 0 ? p.elems : 1;
        const std::uint64_t first = random.below(have + 1) / unit * unit;
        std::uint64_t count = random.below(have - first + 1 + (random.below(9) == 0)) / unit * unit;
        if (random.below(3) != 0 && count == 0) count = unit;
        const bool one_piece = p.outer(dim) == 1 || count == have;
        const std::string code = p.slice(dim, first, count);
        contiguous = contiguous && (code != "none" || one_piece);
        for (aka::tensor& t : ways) {
            const auto r = t.slice(static_cast<std::uint32_t>(dim), first, count);
            CHECK(test::code(r) == code);
            if (r) t = *r;
        }
    }
}

template <class... T>
void check_as(const aka::tensor& t, const std::string& data) {
    const auto at = reinterpret_cast<std::uintptr_t>(t.bytes().get_if()->data());
    const auto one = [&](const auto& r, bool reads, std::size_t align) {
        const bool turned = big_endian_host && align != 1;
        CHECK(test::code(r) == (!reads            ? "wrong_type"
                                : turned          ? "needs_copy"
                                : at % align == 0 ? "none"
                                                  : "misaligned"));
        if (r) CHECK((test::text_of(aka::as_bytes(*r.get_if())) == data));
    };
    (one(t.as<T>(), aka::reads<T>(t.dtype()), alignof(T)), ...);
}

}  // namespace

TEST_CASE("tensor: of every dtype, bytes and elements where they lie") {
    std::vector<st_tensor> all = {made("one byte", "U8", {1})};
    for (const test::st_dtype& d : test::st_dtypes) all.push_back(made(d.name, d.name, {2, 4}));
    for (std::size_t shift = 0; shift < 9; ++shift) {  // of the whole file in memory
        const std::string buffer = std::string(shift, '\0') + test::write_safetensors(all);
        const auto file = aka::safetensors::parse(aka::as_bytes(buffer).subspan(shift));
        REQUIRE_OK(file);
        for (const st_tensor& e : all) {
            CAPTURE(e.name);
            const aka::tensor t = file.get_if()->find(e.name);
            REQUIRE(t.is_view());
            CHECK(test::contents(t) == e.data);
            CHECK(test::inside(t.bytes().get_if()->data(), buffer));
            CHECK(part(buffer, shift + t.offset(), e.data.size()) == e.data);
            check_as<float, double, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                     std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, std::byte, bool>(
                t, e.data);
        }
    }
}

TEST_CASE("tensor: slices of slices, against copying by hand") {
    test::rng random(1);
    for (const std::string dtype : {"U8", "F32", "C64", "F4", "F6_E2M3"}) {
        std::vector<st_tensor> all;
        for (int i = 0; i < 40; ++i) {
            dims shape(1 + random.below(4));
            for (std::uint64_t& n : shape) n = 1 + random.below(5);
            shape.back() *= random.below(4) == 0 ? 1 : 4;
            if (test::count_elements(shape) * test::st_bits(dtype) % 8 != 0) shape.back() *= 4;
            all.push_back(made(std::to_string(i), dtype, shape));
        }
        const opened_st file(test::write_safetensors(all));
        for (const st_tensor& t : all)
            for (int i = 0; i < (test::emulated ? 1 : 4); ++i)
                check_slices(file, t.name, packed_of(t), random);
    }
    const test::gguf_writer w = all_ggml_types(false);
    const opened_gguf file(w.bytes());
    for (const test::gguf_tensor& t : w.tensors)
        for (int i = 0; i < (test::emulated ? 2 : 10); ++i)
            check_slices(file, t.name, packed_of(t), random);
}

TEST_CASE("tensor: short and long pieces with short and long gaps, read from a file") {
    struct row {
        dims shape;
        std::uint32_t dim;
        std::uint64_t first, count;
    };
    const row table[] = {
        {{3000, 64}, 1, 5, 1},         {{3000, 64}, 1, 0, 63},     {{20000, 2}, 1, 1, 1},
        {{40, 8192}, 1, 8191, 1},      {{40, 8193}, 1, 8000, 1},   {{9, 8192}, 1, 1, 8191},
        {{9, 8191}, 1, 0, 8190},       {{5, 20000}, 1, 77, 9000},  {{5, 20000}, 1, 19990, 10},
        {{7, 16384}, 1, 1, 8192},      {{300, 9, 11}, 1, 3, 2},    {{300, 9, 11}, 2, 3, 2},
        {{2, 3, 4000, 5}, 2, 7, 3990}, {{2, 3, 4000, 5}, 3, 4, 1}, {{16385, 1, 3}, 2, 0, 1},
    };
    test::rng random(3);
    std::vector<st_tensor> all;
    for (const row& r : table) all.push_back(made(std::to_string(all.size()), "U8", r.shape));
    const opened_st file(test::write_safetensors(all));
    for (std::size_t i = 0; i < all.size(); ++i) {
        CAPTURE(i);
        packed p = packed_of(all[i]);
        REQUIRE(p.slice(table[i].dim, table[i].first, table[i].count) == "none");
        for (const auto& way : file.ways) {
            const auto t = way[i].slice(table[i].dim, table[i].first, table[i].count);
            REQUIRE_OK(t);
            for (int k = 0; k < 3; ++k) check_same(*t, p, false, random);
            CHECK_REFUSED((*t).prefetch(), needs_copy);
        }
    }
}

TEST_CASE("tensor: four dimensions can be cut, a fifth cannot") {
    const st_tensor e = made("five", "U8", {2, 3, 3, 3, 3, 3});
    const opened_st file(test::write_safetensors({e}));
    for (const auto& way : file.ways) {
        packed p = packed_of(e);
        aka::tensor t = way[0];
        for (std::uint32_t dim = 5; dim > 1; --dim) {
            REQUIRE(p.slice(dim, 1, 2) == "none");
            t = t.slice(dim, 1, 2).value();
        }
        CHECK(copied(t) == "=" + p.data);
        CHECK_REFUSED(t.slice(1, 1, 2), unsupported);
        CHECK_OK(t.slice(1, 0, 3));  // all of it is no cut
        REQUIRE(p.slice(3, 1, 1) == "none");
        CHECK(copied(t.slice(3, 1, 1).value()) == "=" + p.data);  // nor is more of the same one
    }
}

TEST_CASE("tensor: nothing, scalars, and many dimensions") {
    test::rng random(4);
    std::vector<st_tensor> all = {made("scalar", "F32", {}), made("none", "F32", {0}),
                                  made("no rows", "F4", {0, 3}), made("no columns", "F4", {3, 0}),
                                  made("hollow", "U8", {2, 0, std::uint64_t{1} << 62})};
    for (const std::size_t rank : {5u, 8u, 9u, 25u}) {
        dims shape(rank, 1);
        shape[0] = shape[rank / 2] = 3;
        all.push_back(made("rank " + std::to_string(rank), "F32", shape));
    }
    const opened_st file(test::write_safetensors(all));
    for (std::size_t way = 0; way < 3; ++way) {
        for (const st_tensor& e : all) {
            CAPTURE(e.name);
            const aka::tensor t = file.ways[way].find(e.name);
            check_same(t, packed_of(e), way < 2 || e.data.empty(), random);
            CHECK_OK(t.prefetch());
            if (e.shape.empty()) CHECK(rows(t, 0, 1, 4) == "out_of_range");
            if (e.shape.size() > 8) CHECK_REFUSED(t.slice(0, 0, 1), unsupported);
        }
    }
    const aka::tensor nobody{};
    CHECK_REFUSED(nobody.slice(0, 0, 1), not_found);
    CHECK(copied(nobody) == "not_found");
}

TEST_CASE("tensor: of a header alone, and of an unknown type, all that can be said") {
    const std::string data = test::random_bytes(12, 1);
    const std::string json =
        "{\"t\":{\"dtype\":\"F3\",\"shape\":[2,4],\"data_offsets\":[0,12]},"
        "\"none\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[12,12]}}";
    aka::safetensors_options o;
    o.unknown_dtypes = true;
    const opened_st file(test::safetensors_raw(json, data), o);
    for (const auto& way : file.ways) {
        const aka::tensor t = way.find("t");
        CHECK(t.dtype_name() == "F3");
        CHECK(copied(t) == (big_endian_host ? "unsupported" : "=" + data));
        CHECK_REFUSED(t.as<float>(), wrong_type);
        CHECK_REFUSED(t.row(0), bad_block);
        CHECK_REFUSED(t.slice(0, 0, 1), bad_block);
    }
    o.how = aka::access::header;
    const auto header = aka::safetensors::open(file.folder / "file", o);
    REQUIRE_OK(header);
    for (const aka::tensor t : *header) {
        CHECK(test::shape_of(t) == test::shape_of(file.ways[0].find(t.name())));
        CHECK_REFUSED(t.bytes(), no_data);
        CHECK_REFUSED(t.as<std::byte>(), no_data);
        CHECK_REFUSED(t.prefetch(), no_data);
        CHECK(copied(t) == (big_endian_host && t.name() == "t" ? "unsupported" : "no_data"));
        if (t.dtype() == aka::dtype::u8) CHECK(rows(t, 0, 0, 0) == "no_data");
    }
}

TEST_CASE("tensor: big-endian files are read in this machine's order, or refused") {
    const test::gguf_writer w = all_ggml_types(true);
    const opened_gguf file(w.bytes());
    for (std::size_t way = 0; way < 3; ++way) {
        for (const test::gguf_tensor& e : w.tensors) {
            CAPTURE(e.name);
            packed p = packed_of(e);
            const std::string other = test::ggml_swap(e.type, e.data);
            const aka::tensor t = file.ways[way].find(e.name);
            const aka::tensor cut = t.slice(2, p.elems, p.elems).value();
            const std::uint64_t row = p.data.size() / 3;
            // The stored bytes are as they are stored.
            if (way < 2 && p.elems == 1) CHECK((test::text_of(t.bytes().value()) == other));
            if (e.name == "f32") CHECK(t.as<float>().has_value() == (big_endian_host && way < 2));
            if (e.name == "i8") CHECK(t.as<std::int8_t>().has_value() == (way < 2));
            if (!big_endian_host && !settled(*test::ggml_type(e.type))) {
                for (const aka::tensor& some : {t, cut}) CHECK(copied(some) == "unsupported");
                CHECK(rows(t, 0, 1, row) == "unsupported");
                continue;
            }
            CHECK((copied(t) == "=" + p.data));
            CHECK((rows(t, 1, 1, row) == "=" + part(p.data, row, row)));
            REQUIRE(p.slice(2, p.elems, p.elems) == "none");
            CHECK((copied(cut) == "=" + p.data));
        }
    }
}

}  // namespace test_tensor
