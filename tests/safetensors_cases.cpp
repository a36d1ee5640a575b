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
#include <array>
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

// A header as its tokens. Without blanks it has the form that writers use, which aka reads in one
// go; with blanks between them it is read token by token.
using tokens = std::vector<std::string>;

tokens header_of(const std::vector<std::array<std::uint64_t, 2>>& ranges, test::rng& random) {
    tokens t = {"{"};
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const std::uint64_t size = ranges[i][1] - ranges[i][0];
        if (i != 0) t.push_back(",");
        if (random.below(8) == 0)
            t.insert(t.end(), {"\"__metadata__\"", ":", "{", "\"k\"", ":", "\"v\"", "}", ","});
        const char* types[] = {"U8", "I8", "BOOL", "F8_E4M3FNUZ", "F8_E4M3", "I16"};
        const std::string name =
            "\"" + std::string(random.below(2), '_') + std::to_string(i) + "\"";
        t.insert(t.end(), {name, ":", "{", "\"dtype\"", ":", "\""});
        t.back() += types[random.below(20) < 15 ? 0 : random.below(6)] + std::string("\"");
        t.insert(t.end(), {",", "\"shape\"", ":", "["});
        for (std::uint64_t ones = random.below(10) == 0 ? 9 : random.below(3); ones != 0; --ones)
            t.insert(t.end(), {"1", ","});
        t.insert(t.end(), {std::to_string(size), "]", ",", "\"data_offsets\"", ":", "["});
        t.insert(t.end(), {std::to_string(ranges[i][0]), ",", std::to_string(ranges[i][1])});
        t.insert(t.end(), {"]", "}"});
    }
    t.push_back("}");
    return t;
}
// What is read from it: the error and its reason, or the tensors.
std::string said_of(const tokens& t, const std::string& between, std::size_t padding) {
    std::string json;
    for (const std::string& token : t) json += token + between;
    const std::string bytes =
        test::safetensors_raw(json + std::string(padding, ' '), std::string(40, 'x'));
    const test::guard_buffer guarded(bytes);
    const auto file = aka::safetensors::parse(aka::as_bytes(guarded.view()));
    if (!file) {
        const std::string why = file.error().message().c_str();  // "byte 12: why", or "why"
        const std::size_t from = why.compare(0, 5, "byte ") == 0 ? why.find(": ") + 2 : 0;
        return test::code(file) + ": " + why.substr(from);
    }
    std::string out;
    for (const aka::tensor tensor : *file) {
        out += std::string(tensor.name()) + " " + std::string(tensor.dtype_name());
        for (const std::uint64_t d : tensor.shape()) out += " " + std::to_string(d);
        out += " at " + std::to_string(tensor.offset() - file->data_begin()) + " + " +
               std::to_string(tensor.size_bytes()) + "\n";
    }
    return out;
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

TEST_CASE("safetensors cases: blanks between the tokens change nothing") {
    const tokens numbers = {"0",
                            "00",
                            "07",
                            "4",
                            "40",
                            "1234567",
                            "12345678",
                            "012345678",
                            "00000000",
                            "123456789012345678",
                            "0123456789012345678",
                            "1234567890123456789",
                            "12345678901234567890",
                            "18446744073709551615",
                            "18446744073709551616",
                            "118446744073709551616",
                            "-1",
                            "1.0",
                            "1e1",
                            "FFFFFFFF",
                            "true"};
    const std::string signs = ",:[]{}";
    std::map<std::string, int> seen;
    for (std::uint64_t round = 0; round < 6000; ++round) {
        test::rng random(round);
        std::vector<std::array<std::uint64_t, 2>> ranges;
        std::uint64_t end = 0;
        for (std::uint64_t n = 1 + random.below(4), digits = random.below(18); n != 0; --n) {
            std::uint64_t size = 1;
            for (std::uint64_t k = random.below(2) * digits; k != 0; --k) size *= 10;
            size = digits == 0 ? random.below(12) : random.below(size) + random.below(9);
            ranges.push_back({end, end + size});
            end += size;
        }
        if (round % 2 == 0 && end < 40) ranges.push_back({end, 40});
        tokens t = header_of(ranges, random);
        for (std::uint64_t n = random.below(3); n == 1; --n) {
            std::string& token = t[static_cast<std::size_t>(random.below(t.size()))];
            if (token[0] == '"')
                token = random.below(2) == 0 ? "\"\"" : "\"U9\"";
            else if (token[0] >= '0' && token[0] <= '9')
                token = numbers[static_cast<std::size_t>(random.below(numbers.size()))];
            else
                token = signs[static_cast<std::size_t>(random.below(signs.size()))];
        }
        const std::size_t padding = random.below(2) == 0 ? 0 : 100;
        const std::string written = said_of(t, "", padding), spaced = said_of(t, " ", padding);
        CHECK(written == spaced);
        ++seen[written.substr(0, written.find(':'))];
    }
    for (const char* code : {"bad_json", "bad_offset", "size_mismatch", "truncated"})
        CHECK(seen[code] > 20);
    CHECK(seen.size() > 100);  // the others are lists of tensors
}

TEST_CASE("safetensors cases: offsets of eight digits and more are read digit by digit") {
    const auto said = [](std::uint64_t a, std::uint64_t b) {
        test::rng random(1);
        return said_of(header_of({{0, a}, {a, b}}, random), "", 100);
    };
    for (const std::uint64_t b :
         {12345678ull, 98765432ull, 10000000ull, 99999999ull, 123456789ull, 9876543210ull,
          1234567890123456ull, 12345678901234567ull, 987654321098765432ull}) {
        const std::string all = " describes " + std::to_string(b) + " bytes of data";
        CHECK(said(5, b).find(all) != std::string::npos);
        CHECK(said(b - 9, b).find(all) != std::string::npos);
    }
}

TEST_CASE("safetensors cases: a dtype is known by its whole name") {
    for (const test::st_dtype& d : test::st_dtypes) {
        const std::string name = d.name;
        const auto code = [&](const std::string& second) {
            const auto entry = [](const std::string& tensor, const std::string& dtype) {
                return "\"" + tensor + "\":{\"dtype\":\"" + dtype +
                       "\",\"shape\":[0],\"data_offsets\":[0,0]}";
            };
            const std::string bytes = test::safetensors_raw(
                "{" + entry("a", name) + "," + entry("b", second) + "}" + std::string(99, ' '));
            const test::guard_buffer guarded(bytes);
            return aka::safetensors::parse(aka::as_bytes(guarded.view())).code();
        };
        CAPTURE(name);
        std::vector<std::string> others = {name, name + "X", name.substr(1), name.substr(0, 1)};
        for (std::size_t i = 0; i < 7 * name.size(); ++i) {
            others.push_back(name);
            char& c = others.back()[i / 7];
            c = static_cast<char>(c ^ (1 << i % 7));
            if (c < ' ' || c == '"' || c == '\\' || c == '\x7f') others.pop_back();
        }
        for (const std::string& other : others)
            CHECK(code(other) == (test::st_rank(other) >= 0 ? errc::none : errc::bad_type));
    }
}

TEST_CASE("safetensors cases: of all spans only the one of dtype and shape is taken") {
    for (const test::st_dtype& d : test::st_dtypes) {
        for (std::uint64_t span = 0; span <= 72; ++span) {
            const std::string bytes = test::safetensors_raw(
                std::string(R"({"a":{"dtype":")") + d.name + R"(","shape":[8],"data_offsets":[0,)" +
                    std::to_string(span) + "]}}" + std::string(99, ' '),
                std::string(static_cast<std::size_t>(span), 'x'));
            const auto file = aka::safetensors::parse(aka::as_bytes(bytes));
            CHECK(file.code() == (span == d.bits ? errc::none : errc::size_mismatch));
        }
    }
    // Two offsets of seventeen digits that differ in the one in the middle.
    test::rng random(1);
    tokens t = header_of({{0, 12345678012345678}, {12345678012345678, 22345678012345678}}, random);
    CHECK(said_of(t, "", 100).find("truncated") == 0);
    std::replace(t.begin() + static_cast<std::ptrdiff_t>(t.size()) - 7, t.end(),
                 std::string("12345678012345678"), std::string("12345678112345678"));
    CHECK(said_of(t, "", 100).find("bad_offset") == 0);
}

TEST_CASE("safetensors cases: a header that is cut anywhere, then closed, is not read past") {
    test::rng random(1);
    std::string json;
    for (const std::string& token :
         header_of({{0, 10000000000}, {10000000000, 20000000000}}, random))
        json += token;
    for (std::size_t n = 2; n + 1 < json.size(); ++n) {
        const std::string bytes = test::safetensors_raw(json.substr(0, n) + "}");
        const test::guard_buffer guarded(bytes);  // with no data behind it
        const auto file = aka::safetensors::parse(aka::as_bytes(guarded.view()));
        CHECK_FALSE(file);
        const bool whole = json[n - 1] == '}' && json[n] == ',';
        CHECK(file.code() == (whole ? errc::truncated : errc::bad_json));
    }
}

TEST_CASE("safetensors cases: a header that ends where the file does, and one byte later") {
    for (std::size_t n = 0; n < 8; ++n) {
        const std::string zeros(n, '\0');
        const auto file = aka::safetensors::parse(aka::as_bytes(zeros));
        CHECK_REFUSED(file, header_too_small);
        CHECK(file.error().offset() == 0);
    }
    const std::string json = "{}      ";
    for (const std::uint64_t more : {0u, 1u, 8u, 9u}) {
        test::bytes_builder b;
        b.put_u64(json.size() + more).put_raw(json);
        const test::guard_buffer guarded(b.str());
        const auto file = aka::safetensors::parse(aka::as_bytes(guarded.view()));
        CHECK(file.code() == (more == 0 ? errc::none : errc::bad_header_length));
        if (!file) CHECK(file.error().offset() == 0);
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
            CHECK(took.count() < (test::emulated ? 20 : 1));
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
