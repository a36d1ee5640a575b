// safetensors headers at their edges: the byte and the numbers that an error names; the form that
// writers use, which is read without memory for each tensor, and what is just not of that form;
// room for records; several files in one store.
#include <aka/safetensors.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/json.hpp"
#include "support/outcome.hpp"
#include "support/writer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace test_safetensors_edges {

namespace {

using aka::errc;

using parsed = test::parsed<aka::safetensors, aka::safetensors_options>;

// An entry as writers write it.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
           "],\"data_offsets\":[" + offsets + "]}";
}

std::uint64_t requests_of(const std::string& json) {
    const std::string bytes = test::safetensors_raw(json);
    const test::guard_buffer guarded(bytes);
    test::alloc_scope memory;
    const auto file = aka::safetensors::parse(aka::as_bytes(guarded.view()));
    return memory.count();
}

// The error, or the tensors.
std::string outcome_of(const std::string& json) {
    const parsed p(test::safetensors_raw(json));
    if (!p.file) return test::code(p.file) + ": " + std::string(p.file.error().detail());
    std::string out;
    for (const aka::tensor t : *p.file)
        out += std::string(t.name()) + std::string(t.dtype_name()) + std::to_string(t.offset());
    return out;
}
// With a blank between all tokens, which is read token by token.
std::string spaced(const test::json& j) {
    if (j.is_string()) return test::json_quote(j.text);
    if (!j.is_object() && !j.is_array()) return j.is_null() ? "null" : j.text;
    std::string out = j.is_object() ? "{ " : "[ ";
    for (std::size_t i = 0; i < j.size(); ++i) {
        if (i != 0) out += ", ";
        if (j.is_object()) out += test::json_quote(j.keys[i]) + " : ";
        out += spaced(j.items[i]);
    }
    return out + (j.is_object() ? " }" : " ]");
}

// Whether a header of one entry, with a blank in front of the brackets that end it for each of
// `padding`, is read in one go: then its shape needs no memory.
bool at_once(const std::string& one, std::size_t padding = 100) {
    const std::string written = "{" + one + std::string(padding, ' ') + "}";
    std::string other = written;
    other.insert(other.find(":{") + 2, " ");
    const std::uint64_t saved = requests_of(other) - requests_of(written);
    CHECK(saved <= 1);
    return saved == 1;
}

}  // namespace

TEST_CASE("safetensors edges: an error says at which byte, and names the numbers in question") {
    // '@' marks the byte, and is not part of the header. 16 bytes of data follow it.
    const std::string fields = R"("dtype":"I32","shape":[2,2],"data_offsets":[0,16])",
                      a = entry("a", "I32", "2,2", "0,16"), none = entry("z", "U8", "0", "0,0");
    const std::string json_error = "the header is not as it should be: ";
    const struct {
        std::string json;
        errc code;
        std::string says;
    } cases[] = {
        {"@[]", errc::bad_json, json_error + "expected an object"},
        {"{" + entry("a", "I32", "2,@-2", "0,16") + "}", errc::bad_json,
         json_error + "expected a whole number that is not negative"},
        {"{" + entry("a", "I32", "2,2@.0", "0,16") + "}", errc::bad_json,
         json_error + "expected a whole number that is not negative"},
        {"{" + entry("a", "I32", "2,2", "0,16,@32") + "}", errc::bad_json,
         json_error + "expected two offsets"},
        {R"({"a":{"dtype":"I32","shape":[2,2],"data_offsets":[0]@}})", errc::bad_json,
         json_error + "expected two offsets"},
        {"{" + entry("a", "@X32", "2,2", "0,16") + "}", errc::bad_type,
         "tensor 'a': dtype 'X32' is none of the format's"},
        {R"({"a":{"dtype":@null,"shape":[2,2],"data_offsets":[0,16]}})", errc::bad_json,
         json_error + "expected a string"},
        {R"({@"a":{"shape":[2,2],"data_offsets":[0,16]}})", errc::bad_json,
         "tensor 'a' has no 'dtype'"},
        {R"({@"a":{"dtype":"I32","data_offsets":[0,16]}})", errc::bad_json,
         "tensor 'a' has no 'shape'"},
        {R"({@"a":{"dtype":"I32","shape":[2,2]}})", errc::bad_json,
         "tensor 'a' has no 'data_offsets'"},
        {R"({"a":{"dtype":"I32","dtype":@"I32","shape":[2,2],"data_offsets":[0,16]}})",
         errc::bad_json, "a second 'dtype'"},
        {R"({"a":{"shape":[2,2],"dtype":"I32","shape":@[2,2],"data_offsets":[0,16]}})",
         errc::bad_json, "a second 'shape'"},
        {"{" + none + ",\"a\":{" + fields + ",\"data_offsets\":@[0,16]}}", errc::bad_json,
         "a second 'data_offsets'"},
        {"{" + a + ",@}", errc::bad_json, json_error + "expected a string"},
        {"{" + a + "@", errc::bad_json, json_error + "the text ends here"},
        {"{" + a + "}  @x", errc::bad_json, json_error + "something follows the JSON text"},
        {R"({"a@\q":{}})", errc::bad_json, json_error + "an escape that JSON does not have"},
        {"{\"ab@\nc\":{}}", errc::bad_json, json_error + "a control character in a string"},
        {"{\"ab@\xff"
         "c\":{}}",
         errc::bad_utf8, "the header is not UTF-8"},
        {"{},,,@\xc0\x80", errc::bad_utf8, ""},  // the encoding is looked at before the JSON
        {"{\"a\":{\"shape\":[]},@\xfd", errc::bad_utf8, ""},
        {"{" + a + ",@" + a + "}", errc::duplicate_name, "tensor 'a' occurs twice"},
        {R"({"__metadata__":{"k":"v",@"k":"w"},)" + a + "}", errc::duplicate_key,
         "key 'k' occurs twice"},
        {R"({"__metadata__":{"k":@1}})", errc::bad_json, json_error + "expected a string"},
        {"{" + a + R"(,"__metadata__":{"dtype":"U8","shape":@[0],"data_offsets":[16,16]}})",
         errc::bad_json, json_error + "expected a string"},
        {R"({"__metadata__":@nul})", errc::bad_json, json_error + "expected an object or null"},
        {R"({"__metadata__":{},@"__metadata__":{}})", errc::bad_json, "a second '__metadata__'"},
        {"{" + none + ",@" + entry("a", "I32", "2", "8,16") + "}", errc::bad_offset,
         "tensor 'a': data at 8 to 16, it should begin at 0 where the tensor before it ends"},
        {"{" + a + ",@" + entry("b", "I32", "0", "16,8") + "}", errc::bad_offset,
         "tensor 'b': data at 16 to 8, it should begin at 16 where the tensor before it ends"},
        {"{@" + entry("a", "I32", "2", "0,16") + "}", errc::size_mismatch,
         "tensor 'a': I32 [2] takes 8 bytes, its offsets span 16"},
        {"{" + a + ",@" + entry("b", "U8", "40", "16,24") + "}", errc::size_mismatch,
         "tensor 'b': U8 [40] takes 40 bytes, its offsets span 8"},
        {"{" + none + ",@" + entry("a", "F4", "3", "0,16") + "}", errc::misaligned,
         "tensor 'a': 3 elements of F4 are not whole bytes"},
        {"{@" + entry("a", "U8", "2305843009213693952", "0,16") + "}", errc::size_overflow,
         "tensor 'a': the size of [2305843009213693952] does not fit in 64 bits"},
        {"{@" + entry("a", "U8", "4294967296,4294967296", "0,16") + "}", errc::size_overflow,
         "tensor 'a': the size of [4294967296, 4294967296] does not fit in 64 bits"},
    };
    const test::temp_folder folder;
    for (const auto& c : cases) {
        std::string json = c.json;
        const std::size_t at = json.find('@');
        json.erase(at, 1);
        for (const std::size_t before : {0u, 1u, 10u}) {
            // Behind it, too: near its end a header is not read in one go.
            const std::size_t behind = at == json.size() ? 0 : 50 * (before % 10);
            const std::string bytes = test::safetensors_raw(
                std::string(before, ' ') + json + std::string(behind, '\t'), std::string(16, '\0'));
            const std::size_t place = 8 + before + at;
            CAPTURE(json);
            const auto ours = aka::safetensors::parse(aka::as_bytes(bytes));
            REQUIRE_FALSE(ours);
            CHECK(test::code(ours) == std::string(aka::errc_name(c.code)));
            CHECK_MESSAGE(ours.error().offset() == place, test::said(ours));
            if (!c.says.empty()) CHECK(std::string(ours.error().detail()) == c.says);
            CHECK(ours.error().file().empty());
        }
        // The same from a file, with its name.
        test::write_file(folder / "bad.safetensors",
                         test::safetensors_raw(json, std::string(16, '\0')));
        const auto file = aka::safetensors::open(folder / "bad.safetensors");
        CHECK(test::said(file).find("bad.safetensors: byte " + std::to_string(8 + at) + ": ") !=
              std::string::npos);
    }
}

TEST_CASE("safetensors edges: an error of the file's size names both sizes") {
    const auto check = [](const std::string& bytes, errc code, std::uint64_t at,
                          const std::string& says) {
        const test::guard_buffer guarded(bytes);
        const auto file = aka::safetensors::parse(aka::as_bytes(guarded.view()));
        REQUIRE(test::code(file) == aka::errc_name(code));
        CHECK(file.error().offset() == at);
        CHECK(std::string(file.error().detail()) == says);
    };
    check("1234567", errc::header_too_small, 0,
          "the file has 7 bytes, a safetensors file at least 8");
    const auto claimed = [](std::uint64_t n) {
        return test::bytes_builder().put_u64(n).put_raw("{}").str();
    };
    check(claimed(100000001), errc::header_too_large, 0,
          "a header of 100000001 bytes, at most 100000000 are allowed (is this a safetensors "
          "file?)");
    check(claimed(100000000), errc::bad_header_length, 0,
          "a header of 100000000 bytes, but the file ends 99999998 bytes before that");
    check(claimed(3), errc::bad_header_length, 0,
          "a header of 3 bytes, but the file ends 1 bytes before that");
    for (const std::string& form : {std::string("{"), std::string("{ ")}) {
        const std::string json = form + entry("a", "U8", "10", "0,10") + "}";
        const std::uint64_t begin = 8 + json.size();
        check(test::safetensors_raw(json, "123456789"), errc::truncated, begin + 9,
              "the file is 1 bytes short: its header describes 10 bytes of data, it has 9");
        check(test::safetensors_raw(json), errc::truncated, begin,
              "the file is 10 bytes short: its header describes 10 bytes of data, it has 0");
        check(test::safetensors_raw(json, "1234567890123"), errc::trailing_bytes, begin + 10,
              "the file is 3 bytes longer than its header says");
    }
}

TEST_CASE("safetensors edges: what writers write is read without memory for each tensor") {
    for (const test::st_dtype& d : test::st_dtypes)
        CHECK(at_once(entry("a", d.name, "8", "0," + std::to_string(d.bits))));
    // Shapes of up to four sizes, of up to eighteen digits.
    CHECK(at_once(entry("a", "U8", "2,2,2,2", "0,16")));
    CHECK_FALSE(at_once(entry("a", "U8", "2,2,2,2,2", "0,32")));
    const std::string digits = "123456789012345678";
    for (std::size_t n = 1; n <= digits.size(); ++n) {
        const std::string number = digits.substr(0, n);
        CHECK(at_once(entry("a", "U8", number, "0," + number)));
        CHECK(at_once(entry("a", "U8", "1," + number, number + "," + number)));
        CHECK_FALSE(at_once(entry("a", "U8", "0" + number, "0," + number)));
        CHECK_FALSE(at_once(entry("a", "U8", number, "0,0" + number)));
        CHECK_FALSE(at_once(entry("a", "U8", number, "0" + number + "," + number)));
    }
    CHECK(at_once(entry("a", "U8", "0", "0,0")));
    CHECK(at_once(entry("a", "U8", "0,0,0", "0,0")));
    CHECK_FALSE(at_once(entry("a", "U8", "00", "0,0")));
    CHECK_FALSE(at_once(entry("a", "U8", digits + "9", "0,1")));
    CHECK_FALSE(at_once(entry("a", "U8", "1", "0," + digits + "9")));
    CHECK_FALSE(at_once(entry("a", "U8", "1", digits + "9," + digits)));
    CHECK_FALSE(at_once(R"("a":{"shape":[1],"dtype":"U8","data_offsets":[0,1]})"));
    // Behind a shape there must be the next field's name and 48 bytes, which no numbers go past.
    const std::string last = entry("a", "U8", "1", "0,1");
    const std::size_t behind = last.size() - last.find("0,1") + 1;
    for (std::size_t padding = 0; padding < 60; ++padding)
        CHECK(at_once(last, padding) == (padding + behind >= 48));
    // Of many, only the last ones are too near to the end for that, and what is between them costs
    // no more than itself.
    std::string many, others;
    for (std::size_t i = 0; i < 500; ++i) {
        const std::string at = std::to_string(i), next = std::to_string(i + 1);
        if (i != 0) many += ",";
        many += entry("tensor " + at, i % 7 == 0 ? "I8" : "U8", "1", at + "," + next);
        if (i % 50 == 0) many += "," + entry("\\u0061" + at, "U8", "0", next + "," + next);
    }
    const std::string data(500, 'x');
    const std::string bytes = test::safetensors_raw("{" + many + "}" + std::string(100, ' '), data);
    test::alloc_scope memory;
    const auto file = aka::safetensors::parse(aka::as_bytes(bytes));
    REQUIRE_OK(file);
    CHECK(file->size() == 510);
    CHECK(memory.count() < 20);
}

TEST_CASE("safetensors edges: room for records is made a few times, and for few too many") {
    for (const std::size_t n : {1u, 2u, 5u, 10u, 15u, 16u, 17u, 100u, 5000u}) {
        CAPTURE(n);
        std::string json = "{";
        for (std::size_t i = 0; i < n; ++i)
            json += (i == 0 ? "" : ",") + entry(std::to_string(100000 + i), "U8", "0", "0,0");
        const std::string bytes = test::safetensors_raw(json + "}");
        test::alloc_scope memory;
        const auto file = aka::safetensors::parse(aka::as_bytes(bytes));
        REQUIRE_OK(file);
        CHECK(memory.count() <= 7);
        // No entry is smaller than 49 bytes; there are two other things of 288 bytes.
        if (n >= 4 && n <= 15)
            CHECK(memory.largest() <= (1 + json.size() / 49) * sizeof(aka::detail::tensor_record));
        CHECK(memory.largest() <= (n + n / 30 + 16) * sizeof(aka::detail::tensor_record));
    }
}

TEST_CASE("safetensors edges: a file behind others in a store") {
    const std::string other = test::safetensors_raw(
        "{" + entry("x", "U8", "2", "0,2") + "," + entry("y", "U8", "1", "2,3") + "}", "abc");
    // In order; with another order of data; with a name three times, the last of which is right.
    const std::string a = entry("a", "U8", "2", "0,2"), b = entry("b", "U8", "1", "2,3"),
                      early = entry("a", "U8", "1", "0,1"), late = entry("a", "U8", "9", "2,11");
    for (const std::string& list :
         {a + "," + b, b + "," + a, early + "," + b + "," + late + "," + a,
          b + "," + late + "," + a, a + "," + a + "," + b,
          late + "," + early + "," + a + "," + b}) {
        CAPTURE(list);
        const bool twice = list.find("\"a\"") != list.rfind("\"a\"");
        const std::string bytes = test::safetensors_raw("{" + list + "}", "123");
        for (const aka::duplicates names : {aka::duplicates::refuse, aka::duplicates::last_wins}) {
            const auto s = aka::detail::store_ref::make();
            REQUIRE((s && s->files.reserve(2)));
            s->files.add().file = aka::mapped_file::memory(aka::as_bytes(other));
            s->files.add().file = aka::mapped_file::memory(aka::as_bytes(bytes));
            aka::safetensors_options o;
            o.names = names;
            CHECK_OK(aka::detail::read_safetensors(*s, 0, o));
            const auto r = aka::detail::read_safetensors(*s, 1, o);
            if (twice && names == aka::duplicates::refuse) {
                CHECK_REFUSED(r, duplicate_name);
                continue;
            }
            REQUIRE_OK(r);
            const struct {
                const char* name;
                std::uint32_t file;
                std::uint64_t at, size;
            } expected[] = {{"x", 0, 0, 2}, {"y", 0, 2, 1}, {"a", 1, 0, 2}, {"b", 1, 2, 1}};
            REQUIRE(s->tensors.size() == 4);
            for (std::size_t i = 0; i < 4; ++i) {
                const aka::detail::tensor_record& t = s->tensors[i];
                CHECK(t.name_view() == expected[i].name);
                CHECK(t.file == expected[i].file);
                CHECK(t.offset == s->files[t.file].data_begin + expected[i].at);
                CHECK(t.bytes == expected[i].size);
            }
        }
    }
}

TEST_CASE("safetensors edges: one character more, less or another one, in the form writers use") {
    const std::string json = "{" + entry("a", "U8", "12345678", "0,12345678") + "," +
                             entry("b", "U8", "10000000", "12345678,22345678") + "}",
                      others = "\"{}[],:/;0159aex _-.\\\t\x7f";
    std::size_t refused = 0, same = 0;
    const auto check = [&](std::size_t at, std::size_t cut, const std::string& put) {
        std::string text = json;
        text.replace(at, cut, put);
        const std::string said = outcome_of(text + std::string(60, ' '));
        test::json j;
        try {
            j = test::json::parse(text);
        } catch (const std::runtime_error&) {
            ++refused;
            CHECK_MESSAGE(said.find("bad_") == 0, text << " " << said);
            return;
        }
        ++same;
        CHECK_MESSAGE(said == outcome_of(spaced(j)), text);
    };
    check(0, 0, "");
    for (std::size_t i = 0; i < json.size(); ++i) {
        for (const std::size_t cut : {1u, 2u}) check(i, cut, "");
        for (const char c : others)
            for (const std::size_t cut : {0u, 1u}) check(i, cut, std::string(1, c));
    }
    CHECK(refused > 3000);
    CHECK(same > 500);
}

TEST_CASE("safetensors edges: a tensor begins where the one before it ends, to the last digit") {
    for (const char* pattern : {"111111111111111111", "123456789123456789"}) {
        for (std::size_t n = 1; n <= 18; ++n) {
            const std::string end(pattern, n);
            const auto code = [&](const std::string& begin) {
                const std::string bytes = test::safetensors_raw(
                    "{" + entry("a", "U8", end, "0," + end) + "," +
                    entry("b", "U8", "0", begin + "," + begin) + "}" + std::string(60, ' '));
                return aka::safetensors::parse(aka::as_bytes(bytes)).code();
            };
            CHECK(code(end) == errc::truncated);
            for (std::size_t i = 0; i < n; ++i) {
                std::string other = end;
                other[i] = other[i] == '9' ? '8' : static_cast<char>(other[i] + 1);
                CHECK(code(other) == errc::bad_offset);
            }
            CHECK(code(end + "1") == errc::bad_offset);
        }
    }
}

TEST_CASE("safetensors edges: a file that is read stays open, a header does not") {
    const std::string bytes =
        test::safetensors_raw("{" + entry("a", "U8", "3", "0,3") + "}", "abc");
    for (const aka::access how : {aka::access::read, aka::access::header}) {
        const test::temp_folder folder;
        test::write_file(folder / "a.safetensors", bytes);
        const auto file = aka::safetensors::open(folder / "a.safetensors", {how});
        REQUIRE_OK(file);
        std::filesystem::remove(folder / "a.safetensors");
        std::string out(3, '\0');
        const aka::status s =
            (*file)[0].copy_to({reinterpret_cast<std::byte*>(out.data()), out.size()});
        CHECK(s.code() == (how == aka::access::read ? errc::none : errc::no_data));
        if (s) CHECK(out == "abc");
    }
}

}  // namespace test_safetensors_edges
