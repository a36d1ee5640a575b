// GGUF files that are wrong, or odd: the reference reader's crafted files with its verdict beside
// ours, the cases of its own tests, and the shapes that security advisories are about. Never a
// crash, never an allocation for a count that the file only claims.
#include <aka/gguf.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/expect_gguf.hpp"
#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/json.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace test_gguf_cases {

namespace {

using aka::errc;
using test::filled_gguf;
using test::gguf_of;
using test::gguf_value;
using test::gguf_writer;

// Words of the reference's message, and what aka may call the same thing.
const struct {
    const char* message;
    std::vector<errc> ours;
} same_error[] = {
    {"only supports up to version", {errc::bad_version}},
    {"invalid magic characters", {errc::bad_magic}},
    {"number of key value pairs is", {errc::bad_count}},
    {"duplicate key", {errc::duplicate_key}},
    {"is empty", {errc::bad_key, errc::bad_count}},
    {"has invalid GGUF type", {errc::bad_value_type}},
    {"failed to read key-value pairs", {errc::bad_array, errc::bad_string}},
    {"string length", {errc::bad_string}},
    {"is not a power of 2", {errc::bad_alignment}},
    {"must be of type u32", {errc::bad_alignment}},
    {"failed to seek to beginning of data section", {errc::truncated}},
    {"duplicate tensor name", {errc::duplicate_name}},
    {"invalid number of dimensions", {errc::bad_rank}},
    {"invalid number of elements", {errc::bad_dimension}},
    {"total number of elements", {errc::size_overflow}},
    {"invalid ggml type", {errc::bad_type}},
    {"not a multiple of block size", {errc::bad_block}},
    {"has offset", {errc::bad_offset}},
    {"memory size overflow", {errc::truncated, errc::size_overflow}},
};

// The only cases in which we differ from the reference as it loads tensors, and why.
const struct {
    const char* name;
    errc ours;
    const char* why;
} differences[] = {
    {"last_tensor_unpadded(4 bytes data)", errc::none, "such files exist; nothing is missing"},
    {"arr_nested", errc::none, "the specification allows arrays in arrays"},
    {"arr_empty_nested", errc::none, "the specification allows arrays in arrays"},
    {"name64", errc::none, "63 bytes is a limit of ggml's memory, not of the format"},
    {"name_dup_after_NUL", errc::none, "names are bytes: they do not end at a NUL"},
    {"type4", errc::none, "a type that nobody knows is listed, and does not fail the file"},
    {"type31", errc::none, "a type that nobody knows is listed, and does not fail the file"},
    {"type43", errc::none, "a type that nobody knows is listed, and does not fail the file"},
    {"off_gap", errc::none, "the specification asks for aligned offsets, not for adjoining ones"},
    {"zero_dim_hides_overflow", errc::size_overflow, "its partial products overflow"},
    {"WRAP0 F32 2^32x2^32", errc::size_overflow, "the reference multiplies to zero"},
    {"PADWRAP F32 4,2^30-1,2^30+1", errc::bad_offset, "the reference pads to zero"},
    {"PADWRAP then small", errc::bad_offset, "the reference pads to zero"},
};

const std::vector<errc>& expected_codes(const std::string& message) {
    const std::vector<errc>* found = nullptr;
    for (const auto& row : same_error)
        if (message.find(row.message) != std::string::npos) found = &row.ours;
    REQUIRE_MESSAGE(found != nullptr,
                    "a message of the reference that the table has not: " << message);
    return *found;
}

// Parses from in front of a guard page, and holds what was allocated against the file's size.
errc verdict(std::string_view bytes, std::string* message = nullptr) {
    const test::guard_buffer guarded(bytes);
    test::alloc_scope memory;
    errc code = errc::none;
    {
        const auto ours = aka::gguf::parse(aka::as_bytes(guarded.view()));
        code = ours.code();
        if (message != nullptr) *message = test::said(ours);
        CHECK(memory.largest() <= bytes.size() + 4096);
    }
    CHECK(memory.blocks() == 0);
    return code;
}
void check(const gguf_writer& w, errc expected, const std::string& what) {
    std::string message;
    const errc code = verdict(w.bytes(), &message);
    CHECK_MESSAGE(code == expected, what << ": expected " << std::string(aka::errc_name(expected))
                                         << ", " << message);
}

gguf_writer tensor_of(std::uint32_t type, std::vector<std::uint64_t> ne, std::string data = "") {
    gguf_writer w;
    w.add_tensor("a", type, {}, std::move(data));
    w.tensors[0].ne = std::move(ne);
    if (w.tensors[0].data.empty()) w.tensors[0].data = std::string(64, 'd');
    return w;
}
gguf_value claiming(gguf_value v, std::uint64_t n) {
    v.claimed = n;
    return v;
}

}  // namespace

TEST_CASE("gguf cases: our verdict beside the reference's") {
    SKIP_WITHOUT_DATA();
    const test::json cases =
        test::json::parse(test::read_file(test::shared_data() / "gguf_cases.json"));
    std::set<std::string> unused;
    for (const auto& d : differences) unused.insert(d.name);
    int total = 0, accepted = 0, differing = 0;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const std::string& name = cases.keys[i];
        if (name[0] == '_') continue;
        CAPTURE(name);
        ++total;
        const std::string& load = cases[i]["load"].as_string();
        const bool theirs = load == "accept";
        REQUIRE((theirs || load == "reject" || load == "abort"));
        std::string message;
        const errc ours = verdict(test::hex_decode(cases[i]["hex"].as_string()), &message);
        CAPTURE(message);
        accepted += ours == errc::none;
        const auto d = std::find_if(std::begin(differences), std::end(differences),
                                    [&](const auto& row) { return row.name == name; });
        if (d != std::end(differences)) {
            ++differing;
            unused.erase(name);
            CHECK_MESSAGE((ours == errc::none) != theirs, "a stale difference");
            CHECK(std::string(aka::errc_name(ours)) == std::string(aka::errc_name(d->ours)));
        } else if (theirs) {
            CHECK(ours == errc::none);
        } else if (load == "abort") {
            CHECK(ours == errc::size_overflow);
        } else {
            const auto& codes = expected_codes(cases[i]["load_msg"].as_string());
            CHECK(std::count(codes.begin(), codes.end(), ours) == 1);
        }
        // What only a metadata reader of the reference takes, we refuse.
        if (cases[i]["meta"].as_string() == "reject" && theirs) FAIL_CHECK("meta and load differ");
    }
    for (const std::string& name : unused) FAIL_CHECK("a difference without a case: " << name);
    CHECK(total >= 56);
    std::printf("gguf cases: %d, accepted %d, different from the reference on purpose %d\n", total,
                accepted, differing);
}

TEST_CASE("gguf cases: headers") {
    for (const char* magic : {"FUGG", "GGML", "lmgg", "tjgg", "PK\3\4", "gguf"}) {
        gguf_writer w;
        w.magic = magic;
        check(w, errc::bad_magic, magic);
    }
    for (const std::uint32_t version : {0u, 4u, 0x03000000u, 0x02000000u, 0xFFFFFFFFu, 0x00010003u,
                                        0x01000000u, 0x04000000u, 0x00030000u}) {
        gguf_writer w;
        w.version = version;
        // A version that is small with its bytes exchanged belongs to a big-endian file.
        const bool big = version == 0x03000000u || version == 0x02000000u || version == 0x01000000u;
        check(w, big ? errc::none : errc::bad_version, "version " + std::to_string(version));
    }
    check(gguf_writer(), errc::none, "an empty file of each kind");
    // Counts: no more than the bytes that are left can hold.
    const std::uint64_t counts[] = {~std::uint64_t{0},
                                    std::uint64_t{1} << 63,
                                    std::uint64_t{1} << 40,
                                    0x2000000000000001,
                                    0x0ba2e8ba2e8ba2e9,
                                    0x0555555555555556,
                                    1000};
    for (const std::uint64_t n : counts) {
        for (const bool keys : {false, true}) {
            gguf_writer w = tensor_of(0, {8});
            w.add("k", "v");
            (keys ? w.n_kv : w.n_tensors) = n;
            check(w, errc::bad_count, "count " + std::to_string(n));
        }
    }
    // As many as could just be there: they would take four times the file if they were believed.
    for (const bool keys : {false, true}) {
        gguf_writer lying;
        (keys ? lying.n_kv : lying.n_tensors) = 65536 / (keys ? 14 : 24);
        CHECK(verdict(lying.bytes() + std::string(65536, '\xff')) == errc::bad_string);
    }
    // One more than there are, with enough behind them for it not to show at once: zeros are an
    // empty key, and a tensor without a name whose data lies on another one's.
    gguf_writer w;
    w.add("k", std::string(100, '\0'));
    w.n_kv = 2;
    CHECK(verdict(w.bytes() + std::string(100, '\0')) == errc::bad_key);
    w = tensor_of(0, {8}, std::string(200, '\0'));
    w.n_tensors = 2;
    CHECK(verdict(w.bytes()) != errc::out_of_memory);
}

TEST_CASE("gguf cases: a count is held against the least that so many infos or keys can take") {
    for (const std::uint32_t version : {1u, 2u, 3u}) {
        for (const bool infos : {true, false}) {
            gguf_writer w;
            w.version = version;
            (infos ? w.n_tensors : w.n_kv) = 100;
            // A length, the number of dimensions, type and offset; a key has at least one byte, a
            // type and a value of one byte.
            const std::size_t length = version == 1 ? 4 : 8;
            const std::size_t least = 100 * (length + (infos ? 4 + 4 + 8 : 1 + 4 + 1));
            for (const std::size_t size : {least, least - 1}) {
                const std::string bytes = w.bytes() + std::string(size, '\0');
                const auto file = aka::gguf::parse(aka::as_bytes(bytes));
                CHECK((file.code() == errc::bad_count) == (size < least));
            }
        }
    }
}

TEST_CASE("gguf cases: keys and values") {
    const auto one = [](const std::string& key, const gguf_value& v) {
        gguf_writer w;
        w.add(key, v);
        return w;
    };
    check(one("", gguf_of(std::uint8_t{1})).add("z", 1.0), errc::bad_key, "an empty key");
    check(one(std::string("a\0b", 3), gguf_of(std::uint8_t{1})), errc::none, "a NUL in a key");
    check(one(std::string(65536, 'k'), gguf_of(std::uint8_t{1})), errc::none, "a long key");
    check(one("\xff", gguf_of("\xfe")), errc::none, "what is not UTF-8");
    check(one("k", gguf_of("v")).add("k", "w"), errc::duplicate_key, "a key twice");
    gguf_value odd;
    odd.text = std::string(16, 'x');
    for (const std::uint32_t kind : {13u, 255u, 0x7fffffffu, 0x80000000u, 0xFFFFFFFFu}) {
        odd.kind = kind;
        check(one("k", odd), errc::bad_value_type, "kind " + std::to_string(kind));
        for (const std::size_t n : {0u, 1u})
            check(one("k", test::gguf_array(kind, std::vector<gguf_value>(n, odd))),
                  errc::bad_value_type, "an array of kind " + std::to_string(kind));
    }
    // Lengths of strings: keys, values, elements, names.
    for (const std::uint64_t n :
         {~std::uint64_t{0}, std::uint64_t{1} << 63, (std::uint64_t{1} << 30) + 1, std::uint64_t{4},
          std::uint64_t{1} << 61}) {
        const std::string what = "length " + std::to_string(n);
        check(one("k", claiming(gguf_of("abc"), n)), errc::bad_string, what);
        gguf_value array = gguf_of(std::vector<std::string>{"x", "y"});
        array.items[1].claimed = n;
        check(one("k", array), errc::bad_string, what);
        for (const std::uint32_t version : {1u, 3u}) {
            gguf_writer w = tensor_of(0, {8});
            w.version = version;
            w.add("k", "v");
            std::string bytes = w.bytes();
            const unsigned width = version == 1 ? 4 : 8;
            test::bytes_builder field;
            field.put_uint(n == 4 ? bytes.size() : version == 1 ? n | 0xF0000000u : n, width);
            for (const std::size_t at : {w.layout().kv_at[0], w.layout().info_at[0]}) {
                std::string patched = bytes;
                patched.replace(at, width, field.str());
                CHECK(verdict(patched) == errc::bad_string);
            }
        }
    }
    gguf_writer exact = one("k", gguf_of("abc"));
    check(exact, errc::none, "a string up to the last byte");
    // Counts of arrays, of every element type: at the limits and where their product wraps.
    for (std::uint32_t element = 0; element < 13; ++element) {
        const std::uint64_t width = test::gguf_widths[element] != 0 ? test::gguf_widths[element]
                                    : element == 8                  ? 8
                                                                    : 12;
        check(one("k", test::gguf_array(element, {})), errc::none, "an empty array");
        for (const std::uint64_t n :
             {std::uint64_t{1}, (std::uint64_t{1} << 30) + 1, std::uint64_t{1} << 61,
              ~std::uint64_t{0}, ~std::uint64_t{0} / width - 1, std::uint64_t{1} << 63}) {
            check(one("k", claiming(test::gguf_array(element, {}), n)), errc::bad_array,
                  "count " + std::to_string(n) + " of element " + std::to_string(element));
        }
    }
    for (const int value : {2, 255}) {
        gguf_value truth = gguf_of(true);
        truth.bits = static_cast<std::uint64_t>(value);
        check(one("k", truth), errc::none, "a bool that is neither 0 nor 1, as the reference");
    }
    // Arrays in arrays: four levels, and no fifth; ten thousand are no deeper a recursion.
    for (const std::size_t depth : {1u, 2u, 4u, 5u, 10000u}) {
        std::string types;
        for (std::size_t i = 1; i < depth; ++i)
            types += test::bytes_builder().put_u32(9).put_u64(1).str();
        types += test::bytes_builder().put_u32(4).put_u64(1).put_u32(7).str();
        test::bytes_builder b;
        b.put_raw("GGUF").put_u32(3).put_u64(0).put_u64(1).put_string("k").put_u32(9).put_raw(
            types);
        CHECK(verdict(b.str()) == (depth <= 4 ? errc::none : errc::bad_array));
    }
}

TEST_CASE("gguf cases: alignment") {
    for (const std::uint32_t a : {0u, 3u, 13u, 0xFFFFFFFFu, 48u}) {
        gguf_writer w = tensor_of(0, {8});
        w.add("general.alignment", a);
        check(w, errc::bad_alignment, "alignment " + std::to_string(a));
    }
    for (const std::uint32_t a : {1u, 2u, 4u, 65536u, 0x80000000u}) {
        gguf_writer w = tensor_of(0, {8});
        w.alignment = a < 0x10000000u ? a : 32;
        w.add("general.alignment", a);
        check(w, a == 0x80000000u ? errc::truncated : errc::none, "alignment " + std::to_string(a));
    }
    const gguf_value wrong[] = {
        gguf_of(std::uint8_t{32}),
        gguf_of(std::int8_t{32}),
        gguf_of(std::uint16_t{32}),
        gguf_of(std::int16_t{32}),
        gguf_of(std::int32_t{32}),
        gguf_of(32.0f),
        gguf_of(true),
        gguf_of("32"),
        gguf_of(std::uint64_t{32}),
        gguf_of(std::int64_t{32}),
        gguf_of(32.0),
        gguf_of(std::vector<std::uint32_t>{32}),
    };
    for (const gguf_value& v : wrong) {
        gguf_writer w = tensor_of(0, {8});
        w.add("general.alignment", v);
        check(w, errc::bad_alignment, "kind " + std::to_string(v.kind));
    }
    gguf_writer w = tensor_of(0, {8});
    w.add("general.alignment", std::uint32_t{32}).add("general.alignment", std::uint32_t{32});
    check(w, errc::duplicate_key, "twice");
    w = gguf_writer();
    w.alignment = 8;
    w.declare_alignment = false;
    w.tensors = {filled_gguf("a", 0, {2}), filled_gguf("b", 0, {2})};
    check(w, errc::bad_offset, "laid out for 8, not declared");
}

TEST_CASE("gguf cases: names and dimensions of tensors") {
    const auto named = [](std::initializer_list<std::string> names) {
        gguf_writer w;
        for (const std::string& n : names) w.tensors.push_back(filled_gguf(n, 0, {8}));
        return w;
    };
    check(named({"a", "b", "a"}), errc::duplicate_name, "a name twice");
    check(named({"", ""}), errc::duplicate_name, "no name, twice");
    check(named({std::string("a\0b", 3), std::string("a\0c", 3)}), errc::none, "NUL in names");
    check(named({std::string(65535, 'n')}), errc::none, "the longest name");
    check(named({std::string(65536, 'n')}), errc::bad_name, "a name that is too long");

    for (const std::uint32_t rank : {5u, 8u, 0xFFFFFFFFu, 0x80000000u}) {
        gguf_writer w = tensor_of(0, {8});
        w.tensors[0].n_dims = rank;
        check(w, errc::bad_rank, "rank " + std::to_string(rank));
    }
    check(tensor_of(0, {}), errc::none, "rank 0");
    check(tensor_of(0, {4, 1, 1, 2}), errc::none, "rank 4");

    const std::uint64_t big = std::uint64_t{1} << 62, most = ~std::uint64_t{0} >> 1;
    const struct {
        std::uint32_t type;
        std::vector<std::uint64_t> ne;
        errc code;
    } cases[] = {
        {0, {0}, errc::none},
        {0, {0, 8, 8, 8}, errc::none},
        {0, {8, 0, 8, 8}, errc::none},
        {0, {8, 8, 0, 8}, errc::none},
        {0, {8, 8, 8, 0}, errc::none},
        {2, {0, 3}, errc::none},
        {2, {32, 0}, errc::none},
        {0, {big, 0, 1}, errc::none},
        {0, {0, big, big}, errc::size_overflow},
        {0, {big, big, 0}, errc::size_overflow},
        {0, {~std::uint64_t{0}}, errc::bad_dimension},
        {0, {8, ~std::uint64_t{0}}, errc::bad_dimension},
        {0, {most + 1}, errc::bad_dimension},
        {0, {0, most + 1}, errc::bad_dimension},
        // The product fits, its bytes do not (CVE-2026-33298).
        {0, {most}, errc::size_overflow},
        {27, {(std::uint64_t{1} << 61) + 1}, errc::size_overflow},
        {2, {most - 31}, errc::truncated},  // blocks are smaller than their elements
        {24, {most}, errc::truncated},
        {0, {(std::uint64_t{1} << 42) + 1}, errc::truncated},
        // NE_TOO_BIG and NBYTES_TOO_BIG of the reference's tests.
        {24, {8589934588, 8589934588, 8589934588, 8589934588}, errc::size_overflow},
        {27, {1533692047, 1533692047}, errc::size_overflow},
        // Products that wrap to 0, to 1, to 4, to a negative number.
        {0, {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, errc::size_overflow},
        {24, {0x0000000100000001, 0xFFFFFFFF00000001 >> 1}, errc::size_overflow},
        {0, {4194305, 4194305, 211106198978564}, errc::size_overflow},
        {24, {8589934588, 8589934588}, errc::size_overflow},
        {0, {4, (1u << 30) - 1, (1u << 30) + 1}, errc::bad_offset},
    };
    for (const auto& c : cases) {
        std::string what = std::to_string(c.type) + ":";
        for (const std::uint64_t d : c.ne) what += " " + std::to_string(d);
        check(tensor_of(c.type, c.ne), c.code, what);
    }
    for (const test::ggml_type_row& row : test::ggml_types) {
        if (row.elems < 2) continue;
        const std::string data(std::size_t{4} * row.bytes, 'd');
        check(tensor_of(row.id, {row.elems, 4}, data), errc::none, row.name);
        check(tensor_of(row.id, {row.elems + 1, 4}, data), errc::bad_block, row.name);
        // Whole blocks in all, but not in a row.
        check(tensor_of(row.id, {row.elems / 2, 4}, data), errc::bad_block, row.name);
    }
    check(tensor_of(0xFFFFFFFFu, {8}), errc::bad_type, "type -1");
    check(tensor_of(0x80000000u, {8}), errc::bad_type, "type 2^31");
}

TEST_CASE("gguf cases: offsets") {
    const auto two = [](std::uint64_t first, std::uint64_t second) {
        gguf_writer w;
        w.tensors = {filled_gguf("a", 0, {16}), filled_gguf("b", 0, {16})};  // 64 bytes each
        w.tensors[0].offset = first;
        w.tensors[1].offset = second;
        return w;
    };
    const std::uint64_t start = two(0, 64).layout().data_start;
    const struct {
        std::uint64_t a, b;
        errc code;
    } cases[] = {
        {0, 64, errc::none},
        {64, 0, errc::none},  // swapped
        {0, 96, errc::none},  // a gap
        {0, 0, errc::bad_offset},
        {0, 32, errc::bad_offset},
        {32, 0, errc::bad_offset},
        {0, 65, errc::bad_offset},
        {0, 80, errc::bad_offset},
        {0, ~std::uint64_t{0}, errc::bad_offset},
        {0, ~std::uint64_t{0} - 31, errc::bad_offset},    // aligned, and its end wraps
        {0, std::uint64_t{0} - start, errc::bad_offset},  // wraps to the start of the file
        {0, std::uint64_t{0} - start + 32, errc::bad_offset},
        {0, std::uint64_t{1} << 63, errc::truncated},
        {std::uint64_t{1} << 40, 0, errc::truncated},
    };
    for (const auto& c : cases)
        check(two(c.a, c.b), c.code, std::to_string(c.a) + " " + std::to_string(c.b));
    // Beginning exactly at the end of the file, and ending a byte behind it.
    const std::string whole = two(0, 64).bytes();
    CHECK(verdict(whole.substr(0, whole.size() - 64)) == errc::truncated);
    CHECK(verdict(whole.substr(0, whole.size() - 1)) == errc::truncated);
    CHECK(verdict(whole + "junk") == errc::none);

    // Sums that overflow with contiguous offsets (CVE-2025-53630, CVE-2026-27940).
    gguf_writer w;
    w.add_tensor("a", 24, {}, std::string(32, 'd')).add_tensor("b", 24, {}, std::string(32, 'd'));
    for (test::gguf_tensor& t : w.tensors) t.ne = std::vector<std::uint64_t>{0x7FFFFFFFFFFFFFC0};
    w.tensors[1].offset = 0x7FFFFFFFFFFFFFC0;
    check(w, errc::truncated, "a sum near 2^64");
    w.tensors[0].ne = std::vector<std::uint64_t>{32};
    w.tensors[1].offset = 0xFFFFFFFFFFFFFF80;
    check(w, errc::bad_offset, "an end behind 2^64");
}

TEST_CASE("gguf cases: memory grows with the file, not with what it claims") {
    // The most that counts can ask for: every byte of the rest as the smallest info or key.
    const std::string rest(1000000, '\xff');
    for (const bool keys : {false, true}) {
        test::bytes_builder b;
        b.put_raw("GGUF").put_u32(3).put_u64(keys ? 0 : rest.size() / 24);
        b.put_u64(keys ? rest.size() / 14 : 0).put_raw(rest);
        test::alloc_scope memory;
        const auto ours = aka::gguf::parse(aka::as_bytes(b.str()));
        CHECK_REFUSED(ours, bad_string);
        CHECK(memory.largest() <= 5 * rest.size());
    }
}

TEST_CASE("gguf cases: of a large file with a wrong length, no more is read than it takes to see") {
    const test::temp_folder folder;
    gguf_writer w;
    w.add("tokens", std::vector<std::string>{"a", "b", "c"});
    w.add_tensor("a", 24, {std::uint64_t{1} << 31});
    for (const std::size_t item : {0u, 2u}) {
        w.kvs[0].second.items[item].claimed = std::uint64_t{1} << 40;
        w.save(folder / "a.gguf");
        if (std::filesystem::file_size(folder / "a.gguf") >> 31 == 0)
            SKIP_TEST("this system makes no file of 2 GiB");
        for (const aka::access how : {aka::access::map, aka::access::read, aka::access::header}) {
            test::alloc_scope memory;
            CHECK_REFUSED(aka::gguf::open(folder / "a.gguf", {how}), bad_string);
            CHECK(memory.largest() <= 2 << 20);
        }
    }
}

}  // namespace test_gguf_cases
