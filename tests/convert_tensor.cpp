// tensor::convert_to: every dtype, in every way of reading, sliced, in both byte orders, put
// together by adapters, with norm offsets; against decoding what copy_to gives.
#include <aka/convert_tensor.hpp>

#include <aka/adapt.hpp>
#include <aka/gguf.hpp>
#include <aka/llama.hpp>
#include <aka/safetensors.hpp>
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/files.hpp"
#include "support/ggml_types.hpp"
#include "support/guard.hpp"
#include "support/numbers.hpp"
#include "support/outcome.hpp"
#include "support/rounds.hpp"
#include "support/spellings.hpp"
#include "support/writer.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_convert_tensor {

namespace {

using aka::dtype;
using aka::errc;
using dims = std::vector<std::uint64_t>;
using room = aka::span<std::byte>;

constexpr dtype targets[] = {dtype::f32, dtype::f16, dtype::bf16, dtype::f64};

// What a conversion writes, here in little-endian order; behind it is a guard, and the address is
// odd when `shift` is.
std::string converted(const aka::tensor& t, dtype to, std::size_t shift = 0) {
    const std::uint64_t size =
        t.dtype() == to ? t.size_bytes() : t.elements() * aka::info(to).block_bytes;
    test::guard_buffer out(std::string(static_cast<std::size_t>(size), '\x55'),
                           shift != 0 ? test::guard_side::before : test::guard_side::behind, true);
    const auto s = t.convert_to(to, room(reinterpret_cast<std::byte*>(out.data()), out.size()));
    if (!s) return test::said(s);
    return t.dtype() == to ? test::little_endian(t, std::string(out.view()))
                           : test::little_endian(to, std::string(out.view()));
}

// An exact number in the nearest value with `digits` binary digits, ties to even.
long double nearest(long double v, int digits, int least_exponent, long double infinite_from) {
    if (v == 0 || std::isnan(v) || std::isinf(v)) return v;
    int e = 0;
    std::frexp(v, &e);
    const int last = (e - digits < least_exponent ? least_exponent : e - digits);
    const long double r = std::ldexp(std::nearbyint(std::ldexp(v, -last)), last);
    if (std::fabs(r) >= infinite_from) return std::copysign(INFINITY, v);
    return r;
}
long double value_at(const std::string& bytes, dtype t, std::size_t i) {
    const std::size_t width = aka::info(t).block_bytes;
    std::uint64_t bits = 0;
    for (std::size_t k = width; k-- != 0;)
        bits = bits << 8 | static_cast<unsigned char>(bytes[i * width + k]);
    const auto h = static_cast<std::uint16_t>(bits);
    const auto word = static_cast<std::uint32_t>(bits);
    float f = 0;
    double d = 0;
    if (t == dtype::f16) return static_cast<long double>(test::f16_to_f32(h));
    if (t == dtype::bf16) return static_cast<long double>(test::bf16_to_f32(h));
    if (t == dtype::f32) return std::memcpy(&f, &word, 4), static_cast<long double>(f);
    return std::memcpy(&d, &bits, 8), static_cast<long double>(d);
}
long double rounded_to(dtype t, long double v) {
    switch (t) {
        case dtype::f16:
            return nearest(v, 11, -24, 65536.0L);
        case dtype::bf16:
            return nearest(v, 8, -133, std::ldexp(1.0L, 128));
        case dtype::f32:
            return nearest(v, 24, -149, std::ldexp(1.0L, 128));
        default:
            return nearest(v, 53, -1074, std::ldexp(1.0L, 1024));
    }
}
bool same_value(long double a, long double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

// Exact values of packed elements, little-endian.
std::vector<long double> exact(dtype t, const std::string& bytes) {
    const aka::dtype_info& type = aka::info(t);
    const std::size_t n = bytes.size() / type.block_bytes * type.block_elements;
    std::vector<long double> out(n);
    const auto number = [&](std::size_t i) {
        std::uint64_t v = 0;
        for (unsigned k = 0; k < type.block_bytes; ++k)
            v |= std::uint64_t{static_cast<unsigned char>(bytes[i * type.block_bytes + k])}
                 << (8 * k);
        return v;
    };
    const bool plain = t == dtype::i64 || t == dtype::u64 || t == dtype::i32 || t == dtype::u32;
    if (t == dtype::f64) {
        for (std::size_t i = 0; i < n; ++i) out[i] = value_at(bytes, t, i);
    } else if (plain) {
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint64_t v = number(i);
            if (t == dtype::i64)
                out[i] = static_cast<long double>(static_cast<std::int64_t>(v));
            else if (t == dtype::i32)
                out[i] = static_cast<long double>(static_cast<std::int32_t>(v));
            else
                out[i] = static_cast<long double>(v);
        }
    } else {
        std::vector<float> floats(n);
        aka::detail::portable_decoders.of[static_cast<std::size_t>(t)](
            reinterpret_cast<const std::byte*>(bytes.data()), floats.data(),
            n / type.block_elements);
        for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<long double>(floats[i]);
    }
    return out;
}

// The little-endian bytes of t, its values, and every target.
void check(const aka::tensor& t, const std::string& bytes) {
    const std::vector<long double> values = exact(t.dtype(), bytes);
    REQUIRE(values.size() == t.elements());
    for (const dtype to : targets) {
        CAPTURE(std::string(aka::name(to)));
        const std::string got = converted(t, to);
        REQUIRE_MESSAGE(got.size() == values.size() * aka::info(to).block_bytes, got);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < values.size(); ++i)
            wrong += !same_value(value_at(got, to, i), rounded_to(to, values[i]));
        CHECK(wrong == 0);
    }
}

template <class Reader, class Options>
std::vector<Reader> all_ways(const std::string&& image, const test::temp_folder&,
                             Options = {}) = delete;  // parsed tensors view the image
template <class Reader, class Options>
std::vector<Reader> all_ways(const std::string& image, const test::temp_folder& folder,
                             Options o = {}) {
    std::vector<Reader> ways;
    const auto add = [&ways](aka::result<Reader> r) {
        REQUIRE_OK(r);
        ways.push_back(std::move(*r.get_if()));
    };
    test::write_file(folder / "file", image);
    add(Reader::parse(aka::as_bytes(image), o));
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        o.how = how;
        add(Reader::open(folder / "file", o));
    }
    return ways;
}

}  // namespace

TEST_CASE("convert_tensor: every safetensors dtype, whole and sliced, in every way of reading") {
    std::vector<test::st_tensor> all;
    for (const test::st_dtype& d : test::st_dtypes) {
        test::st_tensor t{d.name, d.name, {70, 84}, {}};  // longer than the buffer of a gather
        t.data = test::random_bytes(static_cast<std::size_t>(t.bytes()), d.bits);
        if (t.dtype == "C64")  // real numbers
            for (std::size_t i = 4; i < t.data.size(); i += 8) t.data.replace(i, 4, 4, '\0');
        all.push_back(t);
    }
    const test::temp_folder folder;
    const std::string image = test::write_safetensors(all);
    for (const auto& file : all_ways<aka::safetensors, aka::safetensors_options>(image, folder)) {
        for (const test::st_tensor& t : all) {
            CAPTURE(t.name);
            const aka::tensor whole = file.find(t.name);
            check(whole, t.data);
            // Columns 8 to 20: pieces with gaps between them.
            const auto part = whole.slice(1, 8, 12);
            REQUIRE_OK(part);
            std::string bytes(static_cast<std::size_t>(part.get_if()->size_bytes()), '\0');
            REQUIRE_OK(
                part.get_if()->copy_to({reinterpret_cast<std::byte*>(&bytes[0]), bytes.size()}));
            check(*part.get_if(), test::little_endian(whole, bytes));
        }
    }
}

TEST_CASE("convert_tensor: whole numbers of 64 bits are rounded once") {
    // Rounding to float32 or float64 first would make a tie of these, and the wrong neighbour.
    test::bytes_builder b;
    const std::uint64_t odd[] = {0x8080000000000001, 0x8000000000000401, 0x0101000000000001,
                                 0x00800000008000ff, 0xfffffffffffffbff, 0x7fffffffffffffff,
                                 0x8000008000000001, 0x0000000001010001, 0x8000000000000000};
    for (const std::uint64_t v : odd) b.put_u64(v);
    for (const std::uint64_t v : odd) b.put_u64(~v);
    const std::string data = b.str();
    test::bytes_builder d;
    for (int e = -160; e < 140; ++e)
        for (const double m : {1 + std::ldexp(1, -8) + std::ldexp(1, -50),
                               1 + std::ldexp(1, -11) + std::ldexp(1, -40),
                               1 + std::ldexp(1, -24) + std::ldexp(1, -52),
                               2 - std::ldexp(1, -9) - std::ldexp(1, -52)})
            d.put_f64(std::ldexp(m, e)).put_f64(-std::ldexp(m, e));
    d.put_f64(INFINITY).put_f64(1e300).put_f64(-1e300).put_f64(NAN).put_f64(1e-320);
    const std::uint64_t n = d.str().size() / 8;
    const std::string image = test::write_safetensors(
        {{"i", "I64", {18}, data}, {"u", "U64", {18}, data}, {"d", "F64", {n}, d.str()}});
    const auto parsed = aka::safetensors::parse(aka::as_bytes(image));
    REQUIRE_OK(parsed);
    check(parsed.get_if()->find("i"), data);
    check(parsed.get_if()->find("u"), data);
    check(parsed.get_if()->find("d"), d.str());
}

TEST_CASE("convert_tensor: every ggml type in both byte orders, whole and by rows") {
    // Rows of two blocks each.
    const std::uint64_t rows = test::emulated ? 6 : 21;
    for (const bool big : {false, true}) {
        test::gguf_writer w;
        w.big_endian = big;
        for (const test::ggml_type_row& row : test::ggml_types) {
            if (row.elems == 0) continue;
            const dims shape = {rows / 3, 3, std::uint64_t{2} * row.elems};
            const auto size = static_cast<std::size_t>(test::ggml_bytes(row.id, shape));
            w.add_tensor(row.name, row.id, shape, test::random_bytes(size, row.id));
        }
        const test::temp_folder folder;
        const std::string image = w.bytes();
        for (const auto& file : all_ways<aka::gguf, aka::gguf_options>(image, folder)) {
            for (const test::gguf_tensor& t : w.tensors) {
                CAPTURE(t.name);
                const aka::tensor whole = file.find(t.name);
                if (big && !aka::detail::can_swap(whole.dtype())) {
                    std::vector<float> out(static_cast<std::size_t>(whole.elements()));
                    CHECK_REFUSED(whole.convert_to(aka::span<float>(out)), unsupported);
                    continue;
                }
                check(whole, t.data);
                const std::uint64_t unit = test::ggml_type(t.type)->elems;
                const auto part = whole.slice(2, unit, unit);  // the second block of each row
                REQUIRE_OK(part);
                std::string bytes;
                const auto block = test::ggml_type(t.type)->bytes;
                for (std::size_t i = 1; i < 2 * rows; i += 2)
                    bytes += t.data.substr(i * block, block);
                check(*part.get_if(), bytes);
            }
        }
    }
}

TEST_CASE("convert_tensor: in the layout of another convention") {
    std::size_t tensors = 0, put_together = 0, pending = 0;
    test::one_in tried(8);
    for (const char* const type : {"F32", "BF16", "q8_0", "q6_K"}) {
        const bool quantised = type[0] == 'q';
        const auto models = quantised ? test::quantised_models(type) : test::standard_models(type);
        for (const test::named_model& m : models) {
            for (const test::spelling& s : test::spellings()) {
                if (!s.holds(m.model.config) || (quantised && !s.gguf())) continue;
                if (tried.skips()) continue;
                const test::temp_folder folder;
                const auto path = test::write_spelling(s, m.model, folder.path());
                const auto file = aka::checkpoint::open(path.string());
                REQUIRE_OK(file);
                for (const char* const to : {"hf", "meta", "phi3", "gguf"}) {
                    const auto a = aka::adapt(*file.get_if(), to, test::known());
                    if (!a) continue;
                    for (const aka::tensor t : *a.get_if()) {
                        if (t.norm_offset() != 0.0f) continue;
                        CAPTURE(s.id + " -> " + to + ": " + std::string(t.name()));
                        const aka::tensor stored = t.stored();
                        const std::string packed = test::bytes_of(stored);
                        std::vector<float> got(static_cast<std::size_t>(t.elements()));
                        REQUIRE_OK(t.convert_to(aka::span<float>(got)));
                        std::vector<float> want(got.size());
                        REQUIRE_OK(aka::dequantize(stored.dtype(),
                                                   aka::as_bytes(std::string_view(packed)),
                                                   aka::span<float>(want)));
                        CHECK((std::memcmp(got.data(), want.data(), 4 * got.size()) == 0));
                        // F32 where GGUF wants it, whatever the file has.
                        if (t.is_pending()) {
                            ++pending;
                            CHECK(converted(t, t.dtype()) ==
                                  test::encode_floats(want, aka::name(t.dtype())));
                        }
                        ++tensors;
                        put_together += !t.is_packed();
                    }
                }
            }
        }
    }
    CHECK(tensors > tried.of(1000));
    CHECK(put_together > tried.of(100));
    CHECK(pending > tried.of(10));
}

TEST_CASE("convert_tensor: a norm offset that is pending is applied") {
    const test::temp_folder folder;
    auto catalog = aka::catalog::builtin();
    REQUIRE_OK(catalog);
    REQUIRE_OK(catalog.get_if()->add("convention less_one extends hf_llama\n  norm_offset 1\n"));
    std::size_t shifted = 0;
    for (const char* const type : {"F32", "BF16", "F16"}) {
        for (const test::named_model& m : test::standard_models(type)) {
            for (const test::spelling& s : test::spellings()) {
                if (s.id != "hf_llama" && s.id != "hf/llama" && s.id != "llama") continue;
                if (!s.holds(m.model.config)) continue;
                const auto path = test::write_spelling(s, m.model, folder.path());
                const auto file = aka::checkpoint::open(path.string());
                REQUIRE_OK(file);
                const auto a = aka::adapt(*file.get_if(), "less_one", *catalog.get_if());
                REQUIRE_OK(a);
                for (const aka::tensor t : *a.get_if()) {
                    if (t.norm_offset() == 0.0f) continue;
                    ++shifted;
                    CAPTURE(std::string(t.name()));
                    const aka::tensor source = file.get_if()->find(t.name());
                    const std::string packed = test::bytes_of(source);
                    const std::vector<float> stored =
                        test::decode_floats(packed, aka::name(source.dtype()));
                    std::vector<float> got(stored.size());
                    REQUIRE_OK(t.convert_to(aka::span<float>(got)));
                    for (std::size_t i = 0; i < got.size(); ++i)
                        CHECK(got[i] == stored[i] + t.norm_offset());
                    // Its own type is arithmetic too, not a copy.
                    CHECK_REFUSED(t.copy_to({reinterpret_cast<std::byte*>(got.data()), 0}),
                                  wrong_size);
                    CHECK(converted(t, t.dtype()) ==
                          test::encode_floats(got, aka::name(t.dtype())));
                }
            }
        }
    }
    CHECK(shifted > 0);
}

TEST_CASE("convert_tensor: another dtype that is pending, with an offset") {
    // Rows of a file of BF16, in reverse order, as a tensor of F32 less one.
    std::vector<float> numbers;
    for (int i = 0; i < 4 * 512; ++i) numbers.push_back(static_cast<float>(i % 251) / 8 - 7);
    const std::string data = test::encode_floats(numbers, "BF16");
    const test::temp_folder folder;
    const std::string image = test::write_safetensors({{"n", "BF16", {4, 512}, data}});
    for (const auto& file : all_ways<aka::safetensors, aka::safetensors_options>(image, folder)) {
        const std::uint64_t first = image.size() - data.size();
        aka::box boxes[4];
        for (std::uint64_t i = 0; i < 4; ++i) {
            boxes[i].src = first + (3 - i) * 1024;
            boxes[i].dst = i * 1024;
            boxes[i].run = 1024;
        }
        std::vector<std::uint64_t> kept(aka::box_list::packed_size(boxes, 4) / 8);
        for (const float offset : {0.0f, -1.0f}) {
            const aka::detail::tensor_plan plan{aka::box_list::pack(boxes, 4, kept.data()), offset,
                                                dtype::bf16};
            aka::detail::tensor_record r{};
            r.name = "n", r.name_size = 1, r.rank = 2, r.dims[0] = 4, r.dims[1] = 512;
            r.bytes = 4 * 2048;
            r.type = static_cast<std::uint32_t>(dtype::f32);
            const aka::tensor t(file.keep()->data(), r, &plan);
            REQUIRE(t.is_pending());
            std::vector<float> want;
            for (std::size_t i = 0; i < 4; ++i)
                for (std::size_t k = 0; k < 512; ++k)
                    want.push_back(numbers[(3 - i) * 512 + k] + offset);
            CHECK(converted(t, dtype::f32) == test::encode_floats(want, "F32"));
            CHECK(converted(t, dtype::f16) == test::encode_floats(want, "F16"));
            const auto part = t.slice(1, 3, 250);
            REQUIRE_OK(part);
            want.clear();
            for (std::size_t i = 0; i < 4; ++i)
                for (std::size_t k = 3; k < 253; ++k)
                    want.push_back(numbers[(3 - i) * 512 + k] + offset);
            CHECK(converted(*part.get_if(), dtype::f32) == test::encode_floats(want, "F32"));
        }
    }
}

TEST_CASE("convert_tensor: what is refused, and why") {
    const std::string image = test::write_safetensors({{"a", "F32", {2, 3}, std::string(24, '\1')},
                                                       {"c", "C64", {2}, std::string(16, '\1')},
                                                       {"e", "BF16", {0, 4}, ""}});
    const auto file = aka::safetensors::parse(aka::as_bytes(image));
    REQUIRE_OK(file);
    const aka::tensor a = file.get_if()->find("a"), c = file.get_if()->find("c");
    std::byte out[64];
    CHECK(test::said(a.convert_to(dtype::bf16, room(out, 11))) ==
          "wrong_size: tensor 'a': room for 11 bytes, 6 elements of BF16 take 12");
    CHECK(test::said(a.convert_to(dtype::q8_0, room(out, 34))) ==
          "wrong_type: tensor 'a': F32 is not converted to Q8_0");
    CHECK_REFUSED(a.convert_to(dtype::unknown, room(out, 0)), wrong_type);
    CHECK(test::said(c.convert_to(dtype::f32, room(out, 8))) ==
          "unsupported: tensor 'c': element 0 has an imaginary part: it is not one number");
    CHECK_OK(c.convert_to(dtype::c64, room(out, 16)));
    CHECK_REFUSED(aka::tensor().convert_to(dtype::f32, room(out, 0)), not_found);
    CHECK_OK(file.get_if()->find("e").convert_to(dtype::f32, room(out, 0)));
    CHECK_REFUSED(a.convert_to(dtype::f32, room(out, 28)), wrong_size);
    CHECK_OK(a.convert_to(dtype::f32, room(out, 24)));
}

TEST_CASE("convert_tensor: rows of blocks that are none") {
    // Three rows of 96 are whole blocks of 32; seen as nine rows of 32 cut to other sizes they are
    // not, which slicing refuses; a record that claims it is refused when converting.
    aka::detail::file_list files;
    REQUIRE(files.reserve(1));
    const std::uint64_t shape[] = {4, 24};
    aka::detail::tensor_record r{};
    r.name = "blk.0.ffn_up.weight";
    r.name_size = 19;
    r.bytes = 3 * 18;
    r.rank = 2;
    r.dims[0] = shape[0], r.dims[1] = shape[1];
    r.type = static_cast<std::uint32_t>(dtype::q4_0);
    const aka::tensor t(files, r);
    float out[96];
    CHECK(test::said(t.convert_to(aka::span<float>(out))) ==
          "bad_block: tensor 'blk.0.ffn_up.weight': a row of 24 elements is not whole blocks of "
          "Q4_0, which have 32 each");
}

}  // namespace test_convert_tensor
