// Crafted safetensors files with the verdict of the reference implementation, and ours beside it.
#include <aka/safetensors.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/json.hpp"
#include "support/outcome.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace test_safetensors_cases {

namespace {

using aka::errc;

// What the reference calls an error, and what aka may call the same one.
const struct {
    const char* reference;
    std::vector<errc> ours;
} same_error[] = {
    {"HeaderTooSmall", {errc::header_too_small}},
    {"HeaderTooLarge", {errc::header_too_large}},
    {"InvalidHeaderLength", {errc::bad_header_length}},
    {"InvalidHeader", {errc::bad_utf8}},
    {"InvalidHeaderDeserialization", {errc::bad_json}},
    {"InvalidHeaderDeserialization: invalid JSON in header: unknown variant", {errc::bad_type}},
    {"InvalidOffset", {errc::bad_offset}},
    {"ValidationOverflow", {errc::size_overflow}},
    {"MisalignedSlice", {errc::misaligned}},
    {"TensorInvalidInfo", {errc::size_mismatch}},
    {"MetadataIncompleteBuffer", {errc::truncated, errc::trailing_bytes}},
};

// The only cases in which we differ, and why.
const struct {
    const char* name;
    errc ours;
    const char* why;
} differences[] = {
    {"c01_dup_tensor_same", errc::duplicate_name, "the reference takes the last one silently"},
    {"c02_dup_tensor_diff", errc::duplicate_name, "the reference takes the last one silently"},
    {"c04_dup_metadata_key", errc::duplicate_key, "the reference takes the last one silently"},
    {"e09_dtype_map", errc::bad_json, "an accident of the reference's JSON library: no writer"},
    {"e11_info_array", errc::bad_json, "an accident of the reference's JSON library: no writer"},
};

// As the reference's test program prints text: Rust's {:?}.
std::string debug(std::string_view s) {
    std::string out = "\"";
    for (const char c : s) {
        if (c == '\0')
            out += "\\0";
        else if (c == '\x7f')
            out += "\\u{7f}";
        else if (c == '"' || c == '\\')
            (out += '\\') += c;
        else
            out += c;
    }
    return out + "\"";
}

// As that program prints a file: OK n=60 ["a":I32[2, 2]@(0, 16)] meta=None
std::string as_reference(const aka::safetensors& f, bool has_metadata) {
    std::string out = "OK n=" + std::to_string(f.data_begin() - 8) + " [";
    for (const aka::tensor t : f) {
        if (out.back() != '[') out += ", ";
        out += debug(t.name()) + ":" + std::string(t.dtype_name()) + "[";
        for (std::size_t i = 0; i < t.shape().rank(); ++i)
            out += (i == 0 ? "" : ", ") + std::to_string(t.shape()[i]);
        const std::uint64_t begin = t.offset() - f.data_begin();
        out += "]@(" + std::to_string(begin) + ", " + std::to_string(begin + t.size_bytes()) + ")";
    }
    if (!has_metadata) return out + "] meta=None";
    std::map<std::string, std::string> sorted;
    for (const aka::metadata_value v : f.metadata())
        sorted[std::string(v.key())] = test::text_value(v);
    std::string meta = "[";
    for (const auto& [key, value] : sorted)
        meta += (meta.size() > 1 ? ", (" : "(") + debug(key) + ", " + debug(value) + ")";
    return out + "] meta=Some(" + debug(meta + "]") + ")";
}

// The longest row that fits decides.
const std::vector<errc>& expected_codes(const std::string& reference) {
    const std::vector<errc>* best = nullptr;
    std::size_t longest = 0;
    for (const auto& row : same_error) {
        const std::string prefix = std::string("ERR ") + row.reference;
        const bool fits =
            reference.compare(0, prefix.size(), prefix) == 0 &&
            (prefix.find(' ', 4) != std::string::npos || reference[prefix.size()] == ':');
        if (fits && prefix.size() > longest) {
            longest = prefix.size();
            best = &row.ours;
        }
    }
    REQUIRE_MESSAGE(best != nullptr,
                    "an error of the reference that the table has not: " << reference);
    return *best;
}

}  // namespace

TEST_CASE("safetensors cases: our verdict beside the reference's") {
    SKIP_WITHOUT_DATA();
    const test::json cases =
        test::json::parse(test::read_file(test::shared_data() / "safetensors_cases.json"));
    std::set<std::string> unused;
    for (const auto& d : differences) unused.insert(d.name);
    unused.erase("e11_info_array");  // not among the files; below
    int total = 0, accepted = 0, differing = 0;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const std::string& name = cases.keys[i];
        if (name[0] == '_') continue;
        CAPTURE(name);
        ++total;
        const std::string bytes = test::hex_decode(cases[i]["hex"].as_string());
        const std::string& reference = cases[i]["reference"].as_string();
        const bool theirs = cases[i]["verdict"].as_string() == "accept";
        REQUIRE((theirs || cases[i]["verdict"].as_string() == "reject"));
        REQUIRE(theirs == (reference.compare(0, 3, "OK ") == 0));

        const test::guard_buffer guarded(bytes);
        test::alloc_scope memory;
        {
            const auto ours = aka::safetensors::parse(aka::as_bytes(guarded.view()));
            // 150 keys of ten bytes: a record takes more than its key does, in proportion to it.
            const std::size_t factor = name == "d13_meta_150_keys" ? 16 : 1;
            CHECK(memory.largest() <= factor * bytes.size() + 4096);
            const auto d = std::find_if(std::begin(differences), std::end(differences),
                                        [&](const auto& row) { return row.name == name; });
            accepted += static_cast<bool>(ours);
            if (d != std::end(differences)) {
                ++differing;
                unused.erase(name);
                CHECK_MESSAGE(static_cast<bool>(ours) != theirs, "a stale difference");
                CHECK_MESSAGE(ours.code() == d->ours, test::said(ours));
            } else if (theirs) {
                REQUIRE_OK(ours);
                const bool meta = reference.find("meta=None") == std::string::npos;
                const std::string text = as_reference(*ours, meta);
                // The reference's lines were cut where they were long.
                CHECK(text.compare(0, reference.size(), reference) == 0);
                if (reference.back() == ')' || !meta) CHECK(text == reference);
            } else {
                const auto& codes = expected_codes(reference);
                CHECK_MESSAGE(std::count(codes.begin(), codes.end(), ours.code()) == 1,
                              test::said(ours) << ", the reference: " << reference);
            }
        }
        CHECK(memory.blocks() == 0);
    }
    for (const std::string& name : unused) FAIL_CHECK("a difference without a case: " << name);
    CHECK(total >= 120);
    std::printf("safetensors cases: %d, accepted %d, different from the reference on purpose %d\n",
                total, accepted, differing);
}

TEST_CASE("safetensors cases: an error says at which byte") {
    // '@' marks the byte, and is not part of the header.
    const std::string fields = R"("dtype":"I32","shape":[2,2],"data_offsets":[0,16])";
    const struct {
        std::string json;
        aka::errc code;
    } cases[] = {
        {"@[]", errc::bad_json},
        {R"({"a":{"dtype":"I32","shape":[2,@-2],"data_offsets":[0,16]}})", errc::bad_json},
        {R"({"a":{"dtype":"I32","shape":[2,2@.0],"data_offsets":[0,16]}})", errc::bad_json},
        {R"({"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16,@32]}})", errc::bad_json},
        {R"({"a":{"dtype":"@X32","shape":[2,2],"data_offsets":[0,16]}})", errc::bad_type},
        {R"({"a":{"dtype":@null,"shape":[2,2],"data_offsets":[0,16]}})", errc::bad_json},
        {R"({@"a":{"shape":[2,2],"data_offsets":[0,16]}})", errc::bad_json},
        {R"({"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]},@})", errc::bad_json},
        {R"({"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}@)", errc::bad_json},
        {R"({"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}  @x)", errc::bad_json},
        {R"({"a@\q":{}})", errc::bad_json},
        {"{\"ab@\nc\":{}}", errc::bad_json},
        {"{\"ab@\xff"
         R"(c":{}})",
         errc::bad_utf8},
        {"{},,,@\xc0\x80", errc::bad_utf8},  // the encoding is looked at before the JSON
        {R"({"a":{"shape":[]},)"
         "@\xfd",
         errc::bad_utf8},
        {R"({"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]},@"a":{)" + fields + "}}",
         errc::duplicate_name},
        {R"({"__metadata__":{"k":"v",@"k":"w"},"a":{)" + fields + "}}", errc::duplicate_key},
        {R"({"__metadata__":{"k":@1}})", errc::bad_json},
        {R"({"__metadata__":{},@"__metadata__":{}})", errc::bad_json},
        {R"({"z":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},@"a":{"dtype":"I32","shape":[2],)"
         R"("data_offsets":[8,16]}})",
         errc::bad_offset},
        {R"({@"a":{"dtype":"I32","shape":[2],"data_offsets":[0,16]}})", errc::size_mismatch},
        {R"({@"a":{"dtype":"F4","shape":[3],"data_offsets":[0,16]}})", errc::misaligned},
        {R"({@"a":{"dtype":"U8","shape":[2305843009213693952],"data_offsets":[0,16]}})",
         errc::size_overflow},
    };
    const test::temp_folder folder;
    for (const auto& c : cases) {
        std::string json = c.json;
        const std::size_t at = json.find('@');
        json.erase(at, 1);
        CAPTURE(json);
        const std::string bytes = test::safetensors_raw(json, std::string(16, '\0'));
        const auto ours = aka::safetensors::parse(aka::as_bytes(bytes));
        REQUIRE_FALSE(ours);
        CHECK(test::code(ours) == aka::errc_name(c.code));
        CHECK_MESSAGE(ours.error().offset() == 8 + at, test::said(ours));
        CHECK(ours.error().file().empty());
        // The same from a file, with its name.
        test::write_file(folder / "bad.safetensors", bytes);
        const auto file = aka::safetensors::open(folder / "bad.safetensors");
        CHECK(test::said(file).find("bad.safetensors: byte " + std::to_string(8 + at) + ": ") !=
              std::string::npos);
    }
}

TEST_CASE("safetensors cases: a tensor's entry as an array is refused") {
    const auto r = [](const std::string& json) {
        const std::string bytes = test::safetensors_raw(json, std::string(16, '\0'));
        const test::guard_buffer guarded(bytes);
        return aka::safetensors::parse(aka::as_bytes(guarded.view())).code();
    };
    const auto& row = differences[4];
    REQUIRE(std::string(row.name) == "e11_info_array");
    CHECK(r(R"({"a":["I32",[2,2],[0,16]]})") == row.ours);
    CHECK(r(R"({"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}})") == errc::none);
}

TEST_CASE("safetensors cases: a header of 100,000,000 bytes, and one more") {
    const std::uint64_t most = 100000000;
    for (const std::uint64_t size : {most, most + 1}) {
        test::bytes_builder b;
        b.put_u64(size).put_raw("{}").put_fill(static_cast<std::size_t>(size) - 2, ' ');
        test::alloc_scope memory;
        const auto ours = aka::safetensors::parse(aka::as_bytes(b.str()));
        CHECK(ours.code() == (size == most ? errc::none : errc::header_too_large));
        CHECK(memory.largest() <= 4096);
        // From a file: a header that is too large is not read, nor is room made for it.
        const test::temp_folder folder;
        test::write_file(folder / "a.safetensors", b.str());
        memory.restart();
        const auto file = aka::safetensors::open(folder / "a.safetensors", {aka::access::header});
        CHECK(file.code() == (size == most ? errc::none : errc::header_too_large));
        CHECK(memory.largest() <= (size == most ? most : 4096));
    }
}

TEST_CASE("safetensors cases: nested a million deep") {
    for (const char open : {'[', '{'}) {
        std::string deep;
        for (int i = 0; i < 1000000; ++i) deep += open == '[' ? "[" : "{\"\":";
        for (const bool closed : {true, false}) {
            std::string json =
                R"({"a":{"dtype":"I32","shape":[0],"data_offsets":[0,0],"x":)" + deep;
            if (closed) {
                json += open == '{' ? "0" : "";
                json += std::string(1000000, open == '[' ? ']' : '}') + "}}";
            }
            const std::string bytes = test::safetensors_raw(json);
            const test::guard_buffer guarded(bytes);
            test::alloc_scope memory;
            const auto start = std::chrono::steady_clock::now();
            const auto ours = aka::safetensors::parse(aka::as_bytes(guarded.view()));
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
            CHECK_REFUSED(ours, bad_json);
            CHECK(took.count() < 1.0);
            CHECK(memory.largest() <= 4096);
        }
    }
    // The deepest that the reference takes, and the first that it does not.
    for (const std::size_t depth : {125u, 126u}) {
        const std::string json = R"({"a":{"dtype":"I32","shape":[0],"data_offsets":[0,0],"x":)" +
                                 std::string(depth, '[') + std::string(depth, ']') + "}}";
        const std::string bytes = test::safetensors_raw(json);
        const auto ours = aka::safetensors::parse(aka::as_bytes(bytes));
        CHECK(ours.code() == (depth == 125 ? errc::none : errc::bad_json));
    }
}

TEST_CASE("safetensors cases: a header that asks for much memory gets little") {
    // Linear in the header, whatever is in it; no count is believed.
    const auto largest = [](const std::string& json, const std::string& data) {
        const std::string bytes = test::safetensors_raw(json, data);
        test::alloc_scope memory;
        const auto ours = aka::safetensors::parse(aka::as_bytes(bytes));
        return static_cast<double>(memory.largest()) / static_cast<double>(bytes.size());
    };
    std::string dims = R"({"a":{"dtype":"U8","shape":[1)";
    for (int i = 0; i < 500000; ++i) dims += ",1";
    CHECK(largest(dims + R"(],"data_offsets":[0,1]}})", "x") <= 8);
    std::string small = "{", meta = "{\"__metadata__\":{\"\":\"\"";
    for (int i = 0; i < 100000; ++i) {
        const std::string n = std::to_string(i);
        small +=
            (i == 0 ? "\"" : ",\"") + n + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
        meta += ",\"" + n + "\":\"\"";
    }
    CHECK(largest(small + "}", "") <= 2);
    CHECK(largest(meta + "}}", "") <= 16);
}

}  // namespace test_safetensors_cases
