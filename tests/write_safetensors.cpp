// Headers of safetensors files: laid out and rendered by aka, read by a parser that is not aka's,
// by aka, and compared with what the format's reference implementation wrote.
#include <aka/safetensors.hpp>
#include <aka/write_safetensors.hpp>
#include <doctest/doctest.h>

#include "support/expect_tensors.hpp"
#include "support/files.hpp"
#include "support/read_back.hpp"
#include "support/written.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_write_safetensors {

namespace fs = std::filesystem;
using aka::dtype;
using aka::header_metadata;
using aka::header_padding;
using aka::metadata_edits;
using aka::safetensors_order;
using aka::tensor_entry;
using test::entry;
using test::text_of;

namespace {

std::string json_of(const aka::header_bytes& h) {
    const std::string_view all = text_of(h.bytes());
    return std::string(all.substr(8, all.find_last_not_of(' ') - 7));
}

// The whole file: the header, and behind it each tensor's bytes at its offset.
std::string file_of(const std::vector<test::st_tensor>& tensors,
                    const std::vector<tensor_entry>& entries, const header_metadata& keys = {},
                    const header_padding& padding = {}) {
    const auto h = aka::render_safetensors(entries, keys, padding);
    REQUIRE_OK(h);
    std::string out(text_of(h->bytes()));
    out.resize(static_cast<std::size_t>(h->file_size()), '\x5a');
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        out.replace(static_cast<std::size_t>(h->size() + entries[i].offset), tensors[i].data.size(),
                    tensors[i].data);
    }
    return out;
}
std::vector<tensor_entry> entries_of(const std::vector<test::st_tensor>& tensors) {
    std::vector<tensor_entry> out;
    for (const auto& t : tensors)
        out.push_back(entry(t.name, aka::dtype_from_name(t.dtype), t.shape, t.bytes()));
    return out;
}

}  // namespace

TEST_CASE(
    "every dtype comes back from an independent reader, from aka, and as the reference has it") {
    const auto tensors = test::every_dtype();
    auto entries = entries_of(tensors);
    REQUIRE_OK(aka::lay_out_safetensors(entries));
    const std::string file = file_of(tensors, entries);

    const test::stored_file back = test::read_back_safetensors(file);
    REQUIRE(back.tensors.size() == tensors.size());
    for (const auto& t : tensors) {
        CAPTURE(t.name);
        const test::stored_tensor& s = back.tensors.at(t.name);
        CHECK(s.dtype == t.dtype);
        CHECK(s.shape == t.shape);
        CHECK(s.data == t.data);
        // The point of the order: each tensor is aligned to its element.
        const unsigned bits = test::st_bits(t.dtype);
        if (bits >= 8) CHECK(s.offset % (bits / 8) == 0);
    }
    CHECK(back.data_begin % 8 == 0);
    const test::parsed<aka::safetensors, aka::safetensors_options> p(file);
    REQUIRE_OK(p.file);
    test::check_all(*p.file, tensors);

    // The tests' writer knows the reference's order and padding by itself.
    test::st_options reference;
    reference.reference_order = true;
    CHECK(file == test::write_safetensors(tensors, {}, reference));
}

TEST_CASE("entries may come in any order, and offsets of a source are kept") {
    const auto tensors = test::every_dtype();
    auto entries = entries_of(tensors);
    REQUIRE_OK(aka::lay_out_safetensors(entries, {safetensors_order::as_given}));
    std::uint64_t end = 0;
    for (const auto& e : entries) {
        CHECK(e.offset == end);
        end += e.bytes;
    }
    const auto straight = aka::render_safetensors(entries);
    REQUIRE_OK(straight);
    CHECK(straight->data_size() == end);
    test::rng random(7);
    for (std::size_t i = entries.size(); i > 1; --i)
        std::swap(entries[i - 1], entries[static_cast<std::size_t>(random.below(i))]);
    const auto shuffled = aka::render_safetensors(entries);
    REQUIRE_OK(shuffled);
    const auto back = test::read_back_safetensors(file_of({}, entries));
    std::uint64_t before = 0;
    for (const std::string& name : back.names) {
        CHECK(back.tensors.at(name).offset >= before);
        before = back.tensors.at(name).offset;
    }
    CHECK(shuffled->size() == straight->size());
}

TEST_CASE("alignment without gaps: large tensors first") {
    // As in a model: matrices, and norms and biases between them.
    std::vector<test::st_tensor> tensors;
    for (int l = 0; l < 4; ++l) {
        const std::string at = "layers." + std::to_string(l) + ".";
        tensors.push_back(test::filled(at + "q", "BF16", {64, 64}));
        tensors.push_back(test::filled(at + "bias", "BF16", {7}));
        tensors.push_back(test::filled(at + "norm", "F32", {48}));
        tensors.push_back(test::filled(at + "scales", "F8_E4M3", {33}));
        tensors.push_back(test::filled(at + "nothing", "F32", {0, 3}));
    }
    for (const std::uint64_t align : {8u, 64u, 4096u}) {
        CAPTURE(align);
        auto entries = entries_of(tensors);
        REQUIRE_OK(aka::lay_out_safetensors(entries, {safetensors_order::aligned, align}));
        header_padding pad;
        pad.align = align;
        const std::string file = file_of(tensors, entries, {}, pad);
        const auto back = test::read_back_safetensors(file);
        CHECK(back.data_begin % align == 0);
        for (const auto& t : tensors) {
            const test::stored_tensor& s = back.tensors.at(t.name);
            CAPTURE(t.name);
            CHECK(s.data == t.data);
            std::uint64_t low = s.data.size() & (0 - s.data.size());
            if (low == 0 || low > align) low = align;
            CHECK((back.data_begin + s.offset) % low == 0);
        }
        // What a plain order does to them: the matrices come behind the norms.
        auto plain = entries_of(tensors);
        REQUIRE_OK(aka::lay_out_safetensors(plain));
        if (align == 4096) CHECK(plain[0].offset % 4096 != 0);
    }
    auto entries = entries_of(tensors);
    const auto odd = aka::lay_out_safetensors(entries, {safetensors_order::aligned, 24});
    CHECK_REFUSED(odd, bad_alignment);
    CHECK(test::mentions(odd.error(), "an alignment of 24, not a power of two"));
}

TEST_CASE("padding: alignment, phase, room, an exact length") {
    std::vector<tensor_entry> entries = {entry("a", dtype::f32, {2, 2}, 16)};
    const auto plain = aka::render_safetensors(entries);
    REQUIRE_OK(plain);
    CHECK(plain->size() == 8 + 64);
    CHECK(plain->used() == 8 + 57);
    CHECK(plain->file_size() == 88);
    CHECK(json_of(*plain) == R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})");
    struct {
        header_padding pad;
        std::uint64_t size;
    } const cases[] = {
        {{4096, 0, 0, 0}, 4096}, {{4096, 96, 0, 0}, 96},  {{4096, 64, 0, 0}, 4160},
        {{1, 0, 0, 0}, 65},      {{0, 0, 1000, 0}, 1000}, {{64, 0, 1000, 0}, 1024},
        {{64, 0, 0, 66}, 66},    {{0, 0, 0, 75}, 75},     {{4096, 8, 0, 5000}, 5000},
        {{8, 2, 0, 0}, 66},      {{8, 3, 0, 0}, 67},
    };
    for (const auto& c : cases) {
        const auto h = aka::render_safetensors(entries, {}, c.pad);
        REQUIRE_OK(h);
        CHECK(h->size() == c.size);
        CHECK(h->used() == 65);
        CHECK(test::read_back_safetensors(file_of({}, entries, {}, c.pad)).data_begin == c.size);
    }
    const auto tight = aka::render_safetensors(entries, {}, {0, 0, 0, 64});
    CHECK_REFUSED(tight, wrong_size);
    CHECK(test::mentions(tight.error(), "takes 65 bytes, 1 more than the 64 that it may have"));
    CHECK_REFUSED(aka::render_safetensors(entries, {}, {12, 0, 0, 0}), bad_alignment);
    CHECK_REFUSED(aka::render_safetensors(entries, {}, {8, 8, 0, 0}), bad_alignment);
    const auto large = aka::render_safetensors(entries, {}, {0, 0, 100000016, 0});
    CHECK_REFUSED(large, header_too_large);
    CHECK(test::mentions(large.error(), "a header of 100000008 bytes"));
    CHECK(aka::render_safetensors(entries, {}, {0, 0, 100000008, 0}));

    const auto none = aka::render_safetensors({});
    REQUIRE_OK(none);
    CHECK(text_of(none->bytes()) == std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
}

TEST_CASE("names and values with anything in them") {
    const std::string odd =
        std::string("quote\" back\\ tab\t nl\n nul") + '\0' + "\x01\x1f\x7f end";
    const std::string german =
        "gr\xc3\xb6\xc3\x9f"
        "e \xf0\x9f\x98\x80";
    std::vector<test::st_tensor> tensors = {test::filled(odd, "F32", {2}),
                                            test::filled(german, "U8", {3}),
                                            test::filled("", "U8", {1})};
    auto entries = entries_of(tensors);
    REQUIRE_OK(aka::lay_out_safetensors(entries));
    metadata_edits edits;
    REQUIRE_OK(edits.set(odd, german));
    REQUIRE_OK(edits.set(german, odd));
    REQUIRE_OK(edits.set("", ""));
    header_metadata keys;
    keys.edits = &edits;
    const std::string file = file_of(tensors, entries, keys);
    const auto back = test::read_back_safetensors(file);
    for (const auto& t : tensors) CHECK(back.tensors.at(t.name).data == t.data);
    CHECK(back.text(odd) == german);
    CHECK(back.text(german) == odd);
    CHECK(back.keys.size() == 3);
    CHECK(back.json.find("quote\\\" back\\\\ tab\\t nl\\n nul\\u0000\\u0001\\u001f\x7f end") !=
          std::string::npos);
    const test::parsed<aka::safetensors, aka::safetensors_options> p(file);
    REQUIRE_OK(p.file);
    test::check_all(*p.file, tensors);
    CHECK(test::text_value(p.file->metadata().find(odd)) == german);
}

TEST_CASE("metadata: kept, set in place, taken away, added at the end") {
    const std::string file = test::write_safetensors(
        {test::filled("a", "F32", {1})}, {{"format", "pt"}, {"b", "2"}, {"c", "3\n\"x\""}});
    const test::parsed<aka::safetensors, aka::safetensors_options> p(file);
    REQUIRE_OK(p.file);
    std::vector<tensor_entry> entries = {tensor_entry::of((*p.file)[0], p.file->data_begin())};
    header_metadata keys;
    keys.source = &p.file->metadata();
    const auto same = aka::render_safetensors(entries, keys);
    REQUIRE_OK(same);
    CHECK(text_of(same->bytes()) == file.substr(0, file.size() - 4));

    metadata_edits edits;
    REQUIRE_OK(edits.set("new", "1"));
    REQUIRE_OK(edits.set("b", "wrong"));
    REQUIRE_OK(edits.set("b", "two"));
    REQUIRE_OK(edits.unset("format"));
    REQUIRE_OK(edits.unset("never there"));
    REQUIRE_OK(edits.set_text("plain", "https://example.org"));
    keys.edits = &edits;
    const auto edited = aka::render_safetensors(entries, keys);
    REQUIRE_OK(edited);
    CHECK(json_of(*edited) ==
          R"({"__metadata__":{"b":"two","c":"3\n\"x\"","new":"1","plain":"https://example.org"},)"
          R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
    REQUIRE_OK(edits.set("n", 7u));
    const auto number = aka::render_safetensors(entries, keys);
    CHECK_REFUSED(number, wrong_type);
    CHECK(test::mentions(number.error(), "key 'n' is u32; metadata of safetensors is strings"));
    REQUIRE_OK(edits.set("n", "\xff"));
    CHECK_REFUSED(aka::render_safetensors(entries, keys), bad_utf8);
}

TEST_CASE("what cannot be written is refused with the names and numbers") {
    const auto refused = [](std::vector<tensor_entry> entries) {
        const auto r = aka::render_safetensors(entries);
        return r ? std::string("fine") : test::said(r);
    };
    const auto a = entry("a", dtype::f32, {2}, 8);
    auto b = entry("b", dtype::f32, {2}, 8);
    CHECK(refused({a, b}) ==
          "bad_offset: tensor 'b': its data begins at 0, not at 8 where the tensor before it ends");
    b.offset = 8;
    CHECK(refused({a, b}) == "fine");
    CHECK(refused({b, a}) == "fine");
    b.offset = 16;
    CHECK(
        refused({a, b}) ==
        "bad_offset: tensor 'b': its data begins at 16, not at 8 where the tensor before it ends");
    b.offset = 8;
    b.name = "a";
    CHECK(refused({a, b}) == "duplicate_name: two tensors have the name 'a'");
    b.name = "__metadata__";
    CHECK(refused({a, b}) ==
          "bad_name: a tensor cannot be called '__metadata__': that is where the "
          "keys are");
    b.name = "bad\xff";
    CHECK(refused({a, b}) ==
          "bad_utf8: the tensor name 'bad\xff' is not UTF-8, which JSON must be: "
          "byte 3");
    CHECK(refused({entry("q", dtype::q4_k, {256}, 144)}) ==
          "bad_type: tensor 'q': safetensors has no type like Q4_K");
    CHECK(refused({entry("w", dtype::f32, {3}, 8)}) ==
          "size_mismatch: tensor 'w': F32 [3] takes 12 bytes, not 8");
    CHECK(refused({entry("f", dtype::f4, {3}, 2)}) ==
          "bad_block: tensor 'f': [3] is not whole blocks of 2 (F4)");
    CHECK(refused({entry("h", dtype::f32, {1u << 31, 1u << 31, 4}, 8)}) ==
          "size_overflow: tensor 'h': the size of [2147483648, 2147483648, 4] does not fit in 64 "
          "bits");
    tensor_entry unknown = entry("u", dtype::unknown, {3}, 9);
    unknown.ggml_type = 99;
    CHECK(refused({unknown}) ==
          "bad_type: tensor 'u': safetensors has no type like ggml's number 99");
    unknown.ggml_type = -1;
    CHECK(refused({unknown}) == "bad_type: tensor 'u': its dtype has no usable name: ''");
    unknown.raw_dtype = "F3\"";
    CHECK(refused({unknown}) == "bad_type: tensor 'u': its dtype has no usable name: 'F3\"'");
    unknown.raw_dtype = "F3";
    CHECK(refused({unknown}) == "fine");

    std::vector<tensor_entry> huge = {entry("a", dtype::u8, {~std::uint64_t{0}}, ~std::uint64_t{0}),
                                      entry("b", dtype::u8, {1}, 1)};
    const auto sum = aka::lay_out_safetensors(huge);
    CHECK_REFUSED(sum, size_overflow);
}

TEST_CASE("unknown dtypes keep their names") {
    const std::string file = test::safetensors_raw(
        R"({"x":{"dtype":"F2_E1M0","shape":[8],"data_offsets":[0,2]}})", "ab");
    aka::safetensors_options o;
    o.unknown_dtypes = true;
    const test::parsed<aka::safetensors, aka::safetensors_options> p(file, o);
    REQUIRE_OK(p.file);
    const std::vector<tensor_entry> entries = {
        tensor_entry::of((*p.file)[0], p.file->data_begin())};
    header_padding pad;
    pad.align = 1;
    const auto h = aka::render_safetensors(entries, {}, pad);
    REQUIRE_OK(h);
    CHECK(std::string(text_of(h->bytes())) + "ab" == file);
}

TEST_CASE("headers of real files are rendered as they were written") {
    SKIP_WITHOUT_DATA();
    int same = 0, unpadded = 0;
    for (const auto& f : fs::directory_iterator(test::shared_data() / "files")) {
        if (f.path().extension() != ".safetensors") continue;
        const auto opened = aka::safetensors::open(f.path());
        if (!opened) continue;
        CAPTURE(f.path().string());
        std::vector<tensor_entry> entries;
        for (const aka::tensor t : *opened)
            entries.push_back(tensor_entry::of(t, opened->data_begin()));
        header_metadata keys;
        keys.source = &opened->metadata();
        header_padding pad;
        // Older writers did not pad.
        if (opened->data_begin() % 8 != 0) pad.align = 1, ++unpadded;
        const auto h = aka::render_safetensors(entries, keys, pad);
        REQUIRE_OK(h);
        const std::string bytes = test::read_file(f.path());
        CHECK(text_of(h->bytes()) ==
              bytes.substr(0, static_cast<std::size_t>(opened->data_begin())));
        // And laid out anew, as the reference would: unless an old writer did it otherwise.
        if (pad.align == 0) {
            auto again = entries;
            REQUIRE_OK(aka::lay_out_safetensors(again));
            for (std::size_t i = 0; i < again.size(); ++i)
                CHECK(again[i].offset == entries[i].offset);
        }
        ++same;
    }
    CHECK(same >= 20);
    CHECK(unpadded >= 5);
}

TEST_CASE("random tensors and keys: written, read back by both readers") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        test::rng random(seed);
        std::vector<test::st_tensor> tensors;
        const std::uint64_t count = random.below(40);
        for (std::uint64_t i = 0; i < count; ++i) {
            std::string name = test::random_text(random, 40) + "#" + std::to_string(i);
            std::vector<std::uint64_t> shape;
            for (std::uint64_t d = random.below(10); d > 0; --d) shape.push_back(random.below(4));
            shape.push_back(4 * random.below(5));
            tensors.push_back(
                test::filled(name, test::st_dtypes[random.below(22)].name, std::move(shape)));
        }
        metadata_edits edits;
        std::map<std::string, std::string> values;
        for (std::uint64_t i = random.below(6); i > 0; --i) {
            const std::string key = test::random_text(random, 12);
            values[key] = test::random_text(random, 60);
            REQUIRE_OK(edits.set(key, values[key]));
        }
        header_metadata keys;
        keys.edits = &edits;
        auto entries = entries_of(tensors);
        const aka::safetensors_layout how = {static_cast<safetensors_order>(random.below(3)),
                                             std::uint64_t{1} << random.below(13)};
        REQUIRE_OK(aka::lay_out_safetensors(entries, how));
        header_padding pad;
        pad.align = how.align;
        pad.phase = random.below(how.align);
        const std::string file = file_of(tensors, entries, keys, pad);
        const auto back = test::read_back_safetensors(file);
        CHECK(back.data_begin % how.align == pad.phase);
        REQUIRE(back.tensors.size() == tensors.size());
        for (const auto& t : tensors) {
            CHECK(back.tensors.at(t.name).data == t.data);
            CHECK(back.tensors.at(t.name).shape == t.shape);
        }
        CHECK(back.keys.size() == values.size());
        for (const auto& [key, value] : values) CHECK(back.text(key) == value);
        const test::parsed<aka::safetensors, aka::safetensors_options> p(file);
        REQUIRE_OK(p.file);
        test::check_all(*p.file, tensors);
    }
}

TEST_CASE("a header of 92,000 tensors: fast, a few allocations, and none is an error") {
    std::vector<std::string> names;
    for (int l = 0; l < (test::emulated ? 6 : 60); ++l)
        for (int e = 0; e < 512; ++e)
            for (const char* w : {"gate_proj", "up_proj", "down_proj"})
                names.push_back("model.layers." + std::to_string(l) + ".mlp.experts." +
                                std::to_string(e) + "." + w + ".weight");
    std::vector<tensor_entry> entries;
    for (const std::string& n : names) entries.push_back(entry(n, dtype::bf16, {2, 4}, 16));
    const auto start = std::chrono::steady_clock::now();
    REQUIRE_OK(aka::lay_out_safetensors(entries));
    const auto laid = std::chrono::steady_clock::now();
    test::alloc_scope memory;
    const auto h = aka::render_safetensors(entries);
    const std::uint64_t used = memory.count();
    const auto done = std::chrono::steady_clock::now();
    REQUIRE_OK(h);
    using ms = std::chrono::duration<double, std::milli>;
    MESSAGE("layout " << ms(laid - start).count() << " ms, header of " << h->size() << " bytes "
                      << ms(done - laid).count() << " ms, " << used << " allocations");
    CHECK(used < 40);  // some grow: the runs of a sort, the table of names
    CHECK(test::read_back_safetensors(std::string(text_of(h->bytes())) +
                                      std::string(static_cast<std::size_t>(h->data_size()), 'x'))
              .tensors.size() == names.size());
}

TEST_CASE("no memory is an error, wherever it runs out") {
    const auto tensors = test::every_dtype();
    const std::string source =
        test::write_safetensors({test::filled("a", "F32", {1})}, {{"k", "v"}, {"l", "w"}});
    const test::parsed<aka::safetensors, aka::safetensors_options> p(source);
    REQUIRE_OK(p.file);
    test::every_allocation_fails([&] {
        auto entries = entries_of(tensors);
        metadata_edits edits;
        if (aka::status s = edits.set("key", "value"); !s) return s.code();
        if (aka::status s = edits.set_text("list", "string[]:[\"a\"]"); !s) return s.code();
        if (aka::status s = edits.unset("list"); !s) return s.code();
        if (aka::status s = aka::lay_out_safetensors(entries); !s) return s.code();
        header_metadata keys;
        keys.source = &p.file->metadata();
        keys.edits = &edits;
        return aka::render_safetensors(entries, keys).code();
    });
}

}  // namespace test_write_safetensors
