// Headers of GGUF files: laid out and rendered by aka, read by a parser that is not aka's, by aka,
// and compared with what others wrote.
#include <aka/gguf.hpp>
#include <aka/write_gguf.hpp>
#include <doctest/doctest.h>

#include "support/expect_gguf.hpp"
#include "support/files.hpp"
#include "support/read_back.hpp"
#include "support/written.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_write_gguf {

namespace fs = std::filesystem;
using aka::dtype;
using aka::gguf_format;
using aka::header_metadata;
using aka::header_padding;
using aka::metadata_edits;
using aka::tensor_entry;
using test::entry;
using test::gguf_of;
using test::gguf_tensor;
using test::text_of;

namespace {

std::vector<tensor_entry> entries_of(const std::vector<gguf_tensor>& tensors) {
    std::vector<tensor_entry> out;
    for (const gguf_tensor& t : tensors)
        out.push_back(entry(t.name, aka::dtype_from_ggml(t.type), t.shape, t.bytes()));
    return out;
}
// The header, and behind it each tensor's bytes at its offset; between them zeros.
std::string file_of(const std::vector<gguf_tensor>& tensors,
                    const std::vector<tensor_entry>& entries, const header_metadata& keys = {},
                    const gguf_format& format = {}, const header_padding& padding = {}) {
    const auto h = aka::render_gguf(entries, keys, format, padding);
    REQUIRE_OK(h);
    std::string out(text_of(h->bytes()));
    out.resize(static_cast<std::size_t>(h->file_size()), '\0');
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::string data =
            format.big_endian ? test::ggml_swap(tensors[i].type, tensors[i].data) : tensors[i].data;
        out.replace(static_cast<std::size_t>(h->size() + entries[i].offset), data.size(), data);
    }
    return out;
}
std::vector<tensor_entry> entries_of(const aka::gguf& file) {
    std::vector<tensor_entry> out;
    for (const aka::tensor t : file) out.push_back(tensor_entry::of(t, file.data_begin()));
    return out;
}

// Values of every type, arrays of every type, and an array of arrays.
test::gguf_writer rich() {
    test::gguf_writer w;
    w.add("u8", std::uint8_t{200}).add("i8", std::int8_t{-2}).add("u16", std::uint16_t{60000});
    w.add("i16", std::int16_t{-3}).add("u32", 4000000000u).add("i32", -5);
    w.add("u64", ~std::uint64_t{0}).add("i64", std::int64_t{-7}).add("f32", 1.5f).add("f64", 0.1);
    w.add("yes", true).add("text", "a text with \xc3\xa4, \"quotes\"\nand lines").add("empty", "");
    w.add("general.architecture", "llama");
    w.add("tokens", std::vector<std::string>{"<s>", "",
                                             "\xe2\x96\x81"
                                             "a",
                                             "b\n"});
    w.add("scores", std::vector<float>{0.0f, -1.5f, 2.25f});
    w.add("counts", std::vector<std::int64_t>{-1, 2});
    w.add("flags", std::vector<bool>{true, false});
    w.add("nothing", std::vector<std::uint16_t>{});
    w.add("nested", test::gguf_nested({gguf_of(std::vector<std::uint16_t>{1, 2, 300}),
                                       gguf_of(std::vector<std::string>{"x", "yz"})}));
    w.tensors = test::every_ggml_type();
    return w;
}

}  // namespace

TEST_CASE("every type and value: rendered as the tests' own writer does, in every form") {
    test::gguf_writer w = rich();
    for (const std::uint64_t alignment : {32u, 8u, 64u, 4096u, 1u}) {
        for (const std::uint32_t version : {2u, 3u}) {
            for (const bool big : {false, true}) {
                CAPTURE(alignment);
                CAPTURE(version);
                CAPTURE(big);
                w.alignment = alignment;
                w.version = version;
                w.big_endian = big;
                const std::string file = w.bytes();
                const test::gguf_bytes p(file);
                REQUIRE_OK(p.file);
                header_metadata keys;
                keys.source = &p.file->metadata();
                const auto found = aka::gguf_alignment(keys);
                REQUIRE_OK(found);
                CHECK(*found == alignment);
                // The source's offsets, and the same laid out anew.
                auto entries = entries_of(*p.file);
                const gguf_format format = {version, big};
                CHECK(file_of(w.tensors, entries, keys, format) == file);
                REQUIRE_OK(aka::lay_out_gguf(entries, alignment));
                CHECK(file_of(w.tensors, entries, keys, format) == file);
                std::reverse(entries.begin(), entries.end());
                const auto h = aka::render_gguf(entries, keys, format);
                REQUIRE_OK(h);
                CHECK(text_of(h->bytes()) == file.substr(0, h->size()));
            }
        }
    }
}

TEST_CASE("from each version and byte order to each other one") {
    test::gguf_writer w = rich();
    for (const std::uint32_t from : {1u, 2u, 3u}) {
        for (const bool from_big : {false, true}) {
            w.version = from;
            w.big_endian = from_big;
            const std::string source = w.bytes();
            const test::gguf_bytes p(source);
            REQUIRE_OK(p.file);
            for (const bool to_big : {false, true}) {
                CAPTURE(from);
                CAPTURE(from_big);
                CAPTURE(to_big);
                header_metadata keys;
                keys.source = &p.file->metadata();
                const std::string file = file_of(w.tensors, entries_of(*p.file), keys, {3, to_big});
                test::gguf_writer expected = w;
                expected.version = 3;
                expected.big_endian = to_big;
                CHECK(file == expected.bytes());
                const auto back = test::read_back_gguf(file);
                CHECK(back.big_endian == to_big);
                REQUIRE(back.keys.size() == w.kvs.size());
                for (std::size_t i = 0; i < w.kvs.size(); ++i) {
                    CAPTURE(w.kvs[i].first);
                    CHECK(back.keys[i].first == w.kvs[i].first);
                    CHECK((back.keys[i].second == w.kvs[i].second));
                }
            }
        }
    }
}

TEST_CASE("edits of keys, with types as text") {
    test::gguf_writer w;
    w.add("general.architecture", "llama").add("llama.block_count", 2u).add("gone", 1.0f);
    w.add("llama.rope.freq_base", 10000.0f)
        .add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"});
    const std::string source = w.bytes();
    const test::gguf_bytes p(source);
    REQUIRE_OK(p.file);
    metadata_edits edits;
    REQUIRE_OK(edits.unset("gone"));
    REQUIRE_OK(edits.set_text("llama.block_count", "u32:3"));
    REQUIRE_OK(edits.set_text("general.architecture", "mistral: a text"));
    REQUIRE_OK(edits.set_text("u8", "u8:255"));
    REQUIRE_OK(edits.set_text("i8", "i8:-128"));
    REQUIRE_OK(edits.set_text("u16", "u16:65535"));
    REQUIRE_OK(edits.set_text("i16", "i16:-32768"));
    REQUIRE_OK(edits.set_text("i32", "i32:-2147483648"));
    REQUIRE_OK(edits.set_text("u64", "u64:18446744073709551615"));
    REQUIRE_OK(edits.set_text("i64", "i64:-9223372036854775808"));
    REQUIRE_OK(edits.set_text("f32", "f32:1e-5"));
    REQUIRE_OK(edits.set_text("f64", "f64: -0.1 "));
    REQUIRE_OK(edits.set_text("yes", "bool:true"));
    REQUIRE_OK(edits.set_text("no", "bool:0"));
    REQUIRE_OK(edits.set_text("text", "string:u32:7"));
    REQUIRE_OK(edits.set_text("link", "https://example.org/?a=u32:7"));
    REQUIRE_OK(edits.set_text("heads", "i32[]:8, 0,-4"));
    REQUIRE_OK(edits.set_text("brackets", "u16[]: [1,2]"));
    REQUIRE_OK(edits.set_text("none", "f32[]:"));
    REQUIRE_OK(edits.set_text("flags", "bool[]:true,false"));
    REQUIRE_OK(edits.set_text("words", "string[]:[\"a\\n\", \"\", \"\\u00e4,b\"]"));
    REQUIRE_OK(edits.set("number", 2.5));
    REQUIRE_OK(edits.set("flag", true));
    const float two[] = {1.5f, -2.0f};
    REQUIRE_OK(edits.set_array("two", aka::span<const float>(two)));

    header_metadata keys;
    keys.source = &p.file->metadata();
    keys.edits = &edits;
    for (const bool big : {false, true}) {
        const auto back = test::read_back_gguf(file_of({}, {}, keys, {3, big}));
        const std::vector<std::pair<std::string, test::gguf_value>> expected = {
            {"general.architecture", gguf_of("mistral: a text")},
            {"llama.block_count", gguf_of(3u)},
            {"llama.rope.freq_base", gguf_of(10000.0f)},
            {"tokenizer.ggml.tokens", gguf_of(std::vector<std::string>{"a", "b"})},
            {"u8", gguf_of(std::uint8_t{255})},
            {"i8", gguf_of(std::int8_t{-128})},
            {"u16", gguf_of(std::uint16_t{65535})},
            {"i16", gguf_of(std::int16_t{-32768})},
            {"i32", gguf_of(INT32_MIN)},
            {"u64", gguf_of(~std::uint64_t{0})},
            {"i64", gguf_of(INT64_MIN)},
            {"f32", gguf_of(1e-5f)},
            {"f64", gguf_of(-0.1)},
            {"yes", gguf_of(true)},
            {"no", gguf_of(false)},
            {"text", gguf_of("u32:7")},
            {"link", gguf_of("https://example.org/?a=u32:7")},
            {"heads", gguf_of(std::vector<std::int32_t>{8, 0, -4})},
            {"brackets", gguf_of(std::vector<std::uint16_t>{1, 2})},
            {"none", gguf_of(std::vector<float>{})},
            {"flags", gguf_of(std::vector<bool>{true, false})},
            {"words", gguf_of(std::vector<std::string>{"a\n", "", "\xc3\xa4,b"})},
            {"number", gguf_of(2.5)},
            {"flag", gguf_of(true)},
            {"two", gguf_of(std::vector<float>{1.5f, -2.0f})},
        };
        REQUIRE(back.keys.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CAPTURE(expected[i].first);
            CHECK(back.keys[i].first == expected[i].first);
            CHECK((back.keys[i].second == expected[i].second));
        }
    }

    REQUIRE_OK(edits.set_text("llama.block_count", "4"));
    const auto untyped = aka::render_gguf({}, keys);
    CHECK_REFUSED(untyped, wrong_type);
    CHECK(test::mentions(untyped.error(),
                         "key 'llama.block_count' is u32; the value for it names no type (write "
                         "'u32:7', or 'string:7' for a text)"));
    REQUIRE_OK(edits.set_text("llama.block_count", "string:4"));
    CHECK(aka::render_gguf({}, keys));
}

TEST_CASE("values that are not of the type they name") {
    metadata_edits edits;
    struct {
        const char *text, *why;
    } const cases[] = {
        {"u8:256", "out_of_range: key 'k': 256 does not fit in u8"},
        {"u8:-1", "out_of_range: key 'k': -1 does not fit in u8"},
        {"i8:128", "out_of_range: key 'k': 128 does not fit in i8"},
        {"i8:-129", "out_of_range: key 'k': -129 does not fit in i8"},
        {"u64:18446744073709551616",
         "out_of_range: key 'k': 18446744073709551616 does not fit in u64"},
        {"i64:9223372036854775808",
         "out_of_range: key 'k': 9223372036854775808 does not fit in i64"},
        {"u32:", "bad_value_type: key 'k': '' is no u32"},
        {"u32:-", "bad_value_type: key 'k': '-' is no u32"},
        {"u32:1x", "bad_value_type: key 'k': '1x' is no u32"},
        {"u32:1.0", "bad_value_type: key 'k': '1.0' is no u32"},
        {"f32:x", "bad_value_type: key 'k': 'x' is no f32"},
        {"f32:1e39", "out_of_range: key 'k': 1e39 does not fit in f32"},
        {"f64:1e999", "out_of_range: key 'k': 1e999 does not fit in f64"},
        {"f32:1 2", "bad_value_type: key 'k': '1 2' is no f32"},
        {"bool:yes", "bad_value_type: key 'k': 'yes' is no bool"},
        {"u32[]:1,,2", "bad_value_type: key 'k': '' is no u32"},
        {"u32[]:1;2", "bad_value_type: key 'k': '1;2' is no u32"},
        {"string[]:a,b", "bad_value_type: key 'k': expected an array of strings as JSON writes it"},
        {"string[]:[\"a\", 1]",
         "bad_value_type: key 'k': expected an array of strings as JSON writes it"},
    };
    for (const auto& c : cases) {
        const aka::status s = edits.set_text("k", c.text);
        CHECK(test::said(s) == c.why);
    }
    CHECK(edits.empty());
    // No types of GGUF: texts.
    for (const char* text : {"array:1", "array[]:1", "u32", "[]:1", "U32:1", "u31:7", ":"}) {
        REQUIRE_OK(edits.set_text("k", text));
        CHECK(text_of({edits[0].value.at, static_cast<std::size_t>(edits[0].value.count)}) == text);
    }
}

TEST_CASE("padding goes into a key") {
    const std::vector<gguf_tensor> tensors = {test::filled_gguf("a", 0, {5}),
                                              test::filled_gguf("b", 0, {3})};
    auto entries = entries_of(tensors);
    REQUIRE_OK(aka::lay_out_gguf(entries));
    metadata_edits edits;
    REQUIRE_OK(edits.set("general.architecture", "llama"));
    header_metadata keys;
    keys.edits = &edits;
    const auto plain = aka::render_gguf(entries, keys);
    REQUIRE_OK(plain);
    const std::uint64_t used = plain->used();
    CHECK(used == 24 + 8 + 20 + 4 + 8 + 5 + 2 * (24 + 1 + 8));
    CHECK(plain->size() == test::round_up(used, 32));
    CHECK(plain->data_size() == 32 + 32);

    struct {
        header_padding pad;
        std::uint64_t size;
        bool key;
    } const cases[] = {
        {{0, 0, 0, plain->size()}, plain->size(), false},
        {{0, 0, 0, plain->size() + 32}, plain->size() + 32, true},
        {{0, 0, 0, 4096}, 4096, true},
        {{4096, 0, 0, 0}, 4096, true},
        {{4096, 2048, 0, 0}, 2048, true},
        {{4096, plain->size(), 0, 0}, plain->size(), false},
        {{4096, 32, 0, 0}, 4096 + 32, true},
        {{0, 0, 1000, 0}, 1024, true},
        {{0, 0, 10, 0}, plain->size(), false},
        {{8, 0, 0, 0}, plain->size(), false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.size);
        const std::string file = file_of(tensors, entries, keys, {}, c.pad);
        const auto back = test::read_back_gguf(file);
        CHECK(back.data_begin == c.size);
        CHECK((back.key(aka::gguf_padding_key) != nullptr) == c.key);
        for (const gguf_tensor& t : tensors) CHECK(back.tensors.at(t.name).data == t.data);
        // What was padded once is measured as it is without, and padded again.
        const test::gguf_bytes p(file);
        REQUIRE_OK(p.file);
        header_metadata again;
        again.source = &p.file->metadata();
        const auto h = aka::render_gguf(entries_of(*p.file), again);
        REQUIRE_OK(h);
        CHECK(text_of(h->bytes()) == text_of(plain->bytes()));
        CHECK(file_of(tensors, entries, again, {}, c.pad) == file);
    }
    const auto tight = aka::render_gguf(entries, keys, {}, {0, 0, 0, used - 3});
    CHECK_REFUSED(tight, wrong_size);
    CHECK(test::mentions(tight.error(), "3 more than the "));
    const auto odd = aka::render_gguf(entries, keys, {}, {0, 0, 0, 1000});
    CHECK_REFUSED(odd, wrong_size);
    CHECK(test::mentions(odd.error(),
                         "cannot be padded to 1000, which is no multiple of the "
                         "alignment 32"));
    // With an alignment of 8, some lengths are too near for a key.
    REQUIRE_OK(edits.set("general.alignment", 8u));
    REQUIRE_OK(aka::lay_out_gguf(entries, 8));
    const auto eight = aka::render_gguf(entries, keys);
    REQUIRE_OK(eight);
    const auto near = aka::render_gguf(entries, keys, {}, {0, 0, 0, eight->size() + 8});
    CHECK_REFUSED(near, wrong_size);
    CHECK(test::mentions(near.error(), "the key for that is longer; the alignment is 8"));
    CHECK(aka::render_gguf(entries, keys, {}, {0, 0, 0, eight->size() + 40}));
    const auto next = aka::render_gguf(entries, keys, {}, {0, 0, eight->size() + 8, 0});
    REQUIRE_OK(next);
    CHECK(next->size() == test::round_up(eight->used() + 31, 8));
}

TEST_CASE("alignment: from the keys, edited, with offsets to match") {
    const std::vector<gguf_tensor> tensors = {test::filled_gguf("a", 0, {5}),
                                              test::filled_gguf("b", 2, {32}),
                                              test::filled_gguf("c", 0, {0})};
    test::gguf_writer w;
    w.alignment = 64;
    w.add("general.architecture", "llama");
    w.tensors = tensors;
    const std::string source = w.bytes();
    const test::gguf_bytes p(source);
    REQUIRE_OK(p.file);
    metadata_edits edits;
    header_metadata keys;
    keys.source = &p.file->metadata();
    keys.edits = &edits;
    for (const std::uint32_t alignment : {64u, 32u, 4096u, 1u}) {
        CAPTURE(alignment);
        REQUIRE_OK(edits.set("general.alignment", alignment));
        auto entries = entries_of(*p.file);
        const auto found = aka::gguf_alignment(keys);
        REQUIRE_OK(found);
        CHECK(*found == alignment);
        REQUIRE_OK(aka::lay_out_gguf(entries, *found));
        const auto back = test::read_back_gguf(file_of(tensors, entries, keys));
        CHECK(back.alignment == alignment);
        CHECK(back.data_begin % alignment == 0);
        for (const gguf_tensor& t : tensors) CHECK(back.tensors.at(t.name).data == t.data);
    }
    auto entries = entries_of(*p.file);
    REQUIRE_OK(edits.set("general.alignment", 4096u));
    const auto old = aka::render_gguf(entries, keys);
    CHECK_REFUSED(old, bad_offset);
    CHECK(test::mentions(old.error(),
                         "tensor 'b': offset 64 is not a multiple of the alignment 4096"));
    REQUIRE_OK(edits.set("general.alignment", 48u));
    CHECK_REFUSED(aka::render_gguf(entries, keys), bad_alignment);
    CHECK_REFUSED(aka::gguf_alignment(keys), bad_alignment);
    REQUIRE_OK(edits.set("general.alignment", std::uint64_t{32}));
    const auto wide = aka::render_gguf(entries, keys);
    CHECK_REFUSED(wide, bad_alignment);
    CHECK(test::mentions(wide.error(), "general.alignment is u64, not u32"));
    CHECK_REFUSED(aka::lay_out_gguf(entries, 0), bad_alignment);
    CHECK_REFUSED(aka::lay_out_gguf(entries, 33), bad_alignment);
}

TEST_CASE("what cannot be written is refused with the names and numbers") {
    const auto refused = [](std::vector<tensor_entry> entries, gguf_format format = {}) {
        const auto r = aka::render_gguf(entries, {}, format);
        return r ? std::string("fine") : test::said(r);
    };
    const auto a = entry("a", dtype::f32, {2}, 8);
    auto b = entry("b", dtype::f32, {2}, 8);
    b.offset = 32;
    CHECK(refused({a, b}) == "fine");
    CHECK(refused({b, a}) == "fine");
    b.offset = 64;
    CHECK(refused({a, b}) ==
          "bad_offset: tensor 'b': its data begins at 64, not at 32 behind the tensor before it");
    CHECK(refused({a, b}, {3, false, false, true}) == "fine");
    b.offset = 0;
    CHECK(refused({a, b}, {3, false, false, true}) ==
          "bad_offset: tensor 'b': its data begins at 0, not at 32 behind the tensor before it");
    b.offset = 32;
    b.name = "a";
    CHECK(refused({a, b}) == "duplicate_name: two tensors have the name 'a'");

    const std::string name63(63, 'n'), name64(64, 'n'), name70(70, 'm'), vast(65536, 'v');
    b.name = name63;
    CHECK(refused({a, b}) == "fine");
    b.name = name64;
    CHECK(refused({a, b}) ==
          "bad_name: tensor '" + name64 + "': its name has 64 bytes, ggml reads 63");
    CHECK(refused({a, b}, {3, false, true}) == "fine");
    auto c = entry(name70, dtype::f32, {2}, 8);
    c.offset = 64;
    CHECK(refused({a, b, c}) == "bad_name: tensor '" + name64 +
                                    "': its name has 64 bytes, ggml reads 63; 1 other is too long");
    b.name = vast;
    CHECK(refused({a, b}, {3, false, true}).find("has 65536 bytes, GGUF allows 65535") !=
          std::string::npos);
    b.name = std::string_view("a\0b", 3);
    CHECK(refused({a, b}) == "bad_name: tensor 'a\\x00b': ggml reads names up to a NUL");

    CHECK(refused({entry("u", dtype::u8, {4}, 4)}) ==
          "bad_type: tensor 'u': GGUF has no type like U8");
    tensor_entry unknown = entry("u", dtype::unknown, {4}, 4);
    CHECK(refused({unknown}) == "bad_type: tensor 'u': GGUF has no type like unknown");
    unknown.raw_dtype = "F2";
    CHECK(refused({unknown}) == "bad_type: tensor 'u': GGUF has no type like F2");
    unknown.ggml_type = 99;
    CHECK(refused({unknown}) == "fine");
    CHECK(refused({entry("r", dtype::f32, {1, 1, 1, 1, 2}, 8)}) ==
          "bad_rank: tensor 'r': [1, 1, 1, 1, 2] has 5 dimensions, GGUF allows 4");
    CHECK(refused({entry("q", dtype::q4_0, {2, 16}, 18)}) ==
          "bad_block: tensor 'q': rows of 16 elements are not whole blocks of 32 (Q4_0)");
    CHECK(refused({entry("w", dtype::q4_0, {2, 32}, 18)}) ==
          "size_mismatch: tensor 'w': Q4_0 [2, 32] takes 36 bytes, not 18");
    CHECK(refused({entry("d", dtype::i8, {1u << 31, 1u << 31, 2}, 8)}) ==
          "bad_dimension: tensor 'd': the sizes of [2147483648, 2147483648, 2] multiply to more "
          "than 2^63");
    CHECK(refused({entry("d", dtype::i8, {0, 1u << 31, 1u << 31, 2}, 0)}).substr(0, 13) ==
          "bad_dimension");
    CHECK(refused({a}, {1}) == "bad_version: GGUF version 1, 2 and 3 can be written");
    CHECK(refused({a}, {4}) == "bad_version: GGUF version 4, 2 and 3 can be written");

    metadata_edits edits;
    REQUIRE_OK(edits.set("", 1));
    header_metadata keys;
    keys.edits = &edits;
    CHECK_REFUSED(aka::render_gguf({}, keys), bad_key);
    std::vector<tensor_entry> huge = {entry("a", dtype::i8, {1}, ~std::uint64_t{0} - 10)};
    CHECK_REFUSED(aka::lay_out_gguf(huge), size_overflow);
}

TEST_CASE("unknown types keep their numbers") {
    test::gguf_writer w;
    w.add_tensor("a", 99, {32}, std::string(40, 'x')).add_tensor("b", 0, {1}, "abcd");
    w.tensors[1].offset = 64;
    const std::string file = w.bytes();
    const test::gguf_bytes p(file);
    REQUIRE_OK(p.file);
    const auto entries = entries_of(*p.file);
    const auto h = aka::render_gguf(entries);
    REQUIRE_OK(h);
    CHECK(text_of(h->bytes()) == file.substr(0, static_cast<std::size_t>(h->size())));
}

TEST_CASE("of a key that two files have the first counts, or one file is asked for") {
    test::gguf_writer w;
    w.add("a", 1u).add("b", 2u).add("a", 3u);
    aka::gguf_options o;
    o.names = aka::duplicates::last_wins;
    const std::string source = w.bytes();
    const test::gguf_bytes p(source, o);
    REQUIRE_OK(p.file);
    header_metadata keys;
    keys.source = &p.file->metadata();
    keys.file = 0;
    const auto back = test::read_back_gguf(file_of({}, {}, keys));
    REQUIRE(back.keys.size() == 2);
    CHECK((back.keys[0] == std::make_pair(std::string("b"), gguf_of(2u))));
    CHECK((back.keys[1] == std::make_pair(std::string("a"), gguf_of(3u))));
    keys.file = 1;
    CHECK(test::read_back_gguf(file_of({}, {}, keys)).keys.empty());
}

TEST_CASE("headers of real files are rendered as they were written") {
    SKIP_WITHOUT_DATA();
    int same = 0;
    std::vector<fs::path> paths = {test::samples() / "llama.gguf"};
    for (const auto& f : fs::directory_iterator(test::shared_data() / "files"))
        if (f.path().extension() == ".gguf") paths.push_back(f.path());
    for (const fs::path& path : paths) {
        CAPTURE(path.string());
        const auto opened = aka::gguf::open(path);
        if (!opened) continue;  // one is cut off
        header_metadata keys;
        keys.source = &opened->metadata();
        const auto h = aka::render_gguf(entries_of(*opened), keys,
                                        {std::uint32_t{opened->version() < 3 ? 2u : 3u}});
        REQUIRE_OK(h);
        std::string expected = test::read_file(path);
        CHECK(h->size() == opened->data_begin());
        expected.resize(static_cast<std::size_t>(opened->data_begin()));
        const std::string_view found = text_of(h->bytes());
        // Version 1 is read, and written as 2.
        if (opened->version() != 1) CHECK(test::hash_bytes(found) == test::hash_bytes(expected));
        ++same;
    }
    CHECK(same >= 10);
}

TEST_CASE("random tensors and keys: written, read back by both readers") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        test::rng random(seed);
        std::vector<gguf_tensor> tensors;
        for (std::uint64_t i = random.below(30); i > 0; --i) {
            const std::uint32_t type = test::ggml_id("q4_0") + 0;
            std::uint32_t id = static_cast<std::uint32_t>(random.below(43));
            if (test::ggml_type(id) == nullptr) id = type;
            std::vector<std::uint64_t> shape;
            for (std::uint64_t d = random.below(4); d > 0; --d) shape.push_back(random.below(4));
            shape.push_back(test::ggml_type(id)->elems * random.below(3));
            tensors.push_back(test::filled_gguf(
                test::random_text(random, 14, false) + "#" + std::to_string(i), id, shape));
        }
        metadata_edits edits;
        std::vector<std::pair<std::string, test::gguf_value>> values;
        const std::uint32_t alignment = 1u << random.below(13);
        REQUIRE_OK(edits.set("general.alignment", alignment));
        values.emplace_back("general.alignment", gguf_of(alignment));
        for (std::uint64_t i = random.below(8); i > 0; --i) {
            std::string key = test::random_text(random, 12);
            key += std::to_string(i);
            const std::uint64_t v = random.next();
            switch (random.below(4)) {
                case 0:
                    REQUIRE_OK(edits.set(key, v));
                    values.emplace_back(key, gguf_of(v));
                    break;
                case 1:
                    REQUIRE_OK(edits.set(key, random.unit()));
                    values.emplace_back(key, gguf_of(0.0f));
                    values.back().second.bits =
                        aka::detail::load_le<std::uint32_t>(edits.find(key)->value.at);
                    break;
                case 2: {
                    const std::vector<std::int16_t> list(static_cast<std::size_t>(v % 9),
                                                         static_cast<std::int16_t>(v % 30000));
                    REQUIRE_OK(edits.set_array(key, aka::span<const std::int16_t>(list)));
                    values.emplace_back(key, gguf_of(list));
                    break;
                }
                default: {
                    const std::string text = test::random_text(random, 50);
                    REQUIRE_OK(edits.set(key, text));
                    values.emplace_back(key, gguf_of(text));
                }
            }
        }
        header_metadata keys;
        keys.edits = &edits;
        auto entries = entries_of(tensors);
        REQUIRE_OK(aka::lay_out_gguf(entries, alignment));
        const gguf_format format = {random.below(2) == 0 ? 2u : 3u, random.below(4) == 0};
        header_padding pad;
        if (random.below(2) == 0) {
            pad.align = 4096;
            pad.phase = random.below(4096) / alignment * alignment;
        }
        const std::string file = file_of(tensors, entries, keys, format, pad);
        const auto back = test::read_back_gguf(file);
        CHECK(back.alignment == alignment);
        if (pad.align != 0 && !tensors.empty()) CHECK(back.data_begin % 4096 == pad.phase);
        CHECK(back.tensors.size() == tensors.size());
        for (const gguf_tensor& t : tensors) {
            CHECK(back.tensors.at(t.name).shape == t.shape);
            CHECK(back.tensors.at(t.name).data ==
                  (format.big_endian ? test::ggml_swap(t.type, t.data) : t.data));
        }
        for (const auto& [key, value] : values) {
            const test::gguf_value* v = back.key(key);
            REQUIRE(v != nullptr);
            CHECK((*v == value));
        }
        const test::gguf_bytes p(file);
        REQUIRE_OK(p.file);
        CHECK(p.file->size() == tensors.size());
        for (const gguf_tensor& t : tensors) test::check_same(p.file->find(t.name), t);
    }
}

TEST_CASE("a header of 92,000 tensors and a large vocabulary") {
    std::vector<std::string> names;
    for (int i = 0; i < 92160; ++i)
        names.push_back("blk." + std::to_string(i / 1024) + ".expert." + std::to_string(i % 1024));
    std::vector<tensor_entry> entries;
    for (const std::string& n : names) entries.push_back(entry(n, dtype::bf16, {64, 64}, 8192));
    REQUIRE_OK(aka::lay_out_gguf(entries));
    test::gguf_writer w;
    std::vector<std::string> tokens;
    for (int i = 0; i < 128000; ++i) tokens.push_back("token" + std::to_string(i));
    w.add("tokenizer.ggml.tokens", tokens);
    const std::string source = w.bytes();
    const test::gguf_bytes p(source);
    REQUIRE_OK(p.file);
    header_metadata keys;
    keys.source = &p.file->metadata();
    test::alloc_scope memory;
    const auto start = std::chrono::steady_clock::now();
    const auto h = aka::render_gguf(entries, keys);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    REQUIRE_OK(h);
    MESSAGE("header of " << h->size() << " bytes " << took.count() << " ms, " << memory.count()
                         << " allocations");
    CHECK(memory.count() < 20);
    CHECK(h->data_size() == names.size() * 8192);
}

TEST_CASE("no memory is an error, wherever it runs out") {
    test::gguf_writer w = rich();
    const std::string source = w.bytes();
    const test::gguf_bytes p(source);
    REQUIRE_OK(p.file);
    const auto entries = entries_of(*p.file);
    test::every_allocation_fails([&] {
        metadata_edits edits;
        if (aka::status s = edits.set("key", 1u); !s) return s.code();
        if (aka::status s = edits.set_text("list", "u32[]:1,2"); !s) return s.code();
        header_metadata keys;
        keys.source = &p.file->metadata();
        keys.edits = &edits;
        return aka::render_gguf(entries, keys, {}, {4096, 0, 0, 0}).code();
    });
}

}  // namespace test_write_gguf
