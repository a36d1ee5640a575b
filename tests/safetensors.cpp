// Reading safetensors: what is accepted, and what then is said of it. Refusals that the reference
// has a verdict on are in safetensors_cases.cpp.
#include <aka/safetensors.hpp>
#include <doctest/doctest.h>

#include "support/expect_tensors.hpp"
#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/outcome.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace test_safetensors {

namespace {

using test::check_all;
using test::check_same;
using test::filled;
using test::st_tensor;

using parsed = test::parsed<aka::safetensors, aka::safetensors_options>;

std::string entry(const std::string& name, const std::string& rest) {
    return "{\"" + name + "\":{" + rest + "}}";
}
const char fields[] = R"("dtype":"I32","shape":[2,2],"data_offsets":[0,16])";
const std::string sixteen = test::random_bytes(16, 7);

}  // namespace

TEST_CASE("safetensors: every dtype, shape and byte, from memory, mapped, read and as a header") {
    const std::vector<st_tensor> tensors = test::every_dtype();
    const test::temp_folder folder;
    for (const bool reference_order : {true, false}) {
        test::st_options o;
        o.reference_order = reference_order;
        o.align = reference_order ? 8 : 1;
        const std::string bytes = test::write_safetensors(tensors, {{"format", "pt"}}, o);
        for (const test::guard_side side : {test::guard_side::behind, test::guard_side::before}) {
            const test::guard_buffer guarded(bytes, side);
            const auto file = aka::safetensors::parse(aka::as_bytes(guarded.view()));
            REQUIRE_OK(file);
            check_all(*file, tensors);
        }
        const auto path = folder / "rich.safetensors";
        test::write_file(path, bytes);
        for (const aka::access how : {aka::access::map, aka::access::read}) {
            const auto file = aka::safetensors::open(path, {how});
            REQUIRE_OK(file);
            CHECK(file->file(0).mapped() == (how == aka::access::map));
            check_all(*file, tensors);
        }
    }
    const auto header = aka::safetensors::open(folder / "rich.safetensors", {aka::access::header});
    REQUIRE_OK(header);
    REQUIRE(header->size() == tensors.size());
    for (const st_tensor& e : tensors) {
        const aka::tensor t = header->find(e.name);
        REQUIRE(t);
        check_same(t, e);
        CHECK_REFUSED(t.bytes(), no_data);
        std::string room(e.data.size(), '\0');
        CHECK_REFUSED(t.copy_to({reinterpret_cast<std::byte*>(room.data()), room.size()}), no_data);
    }
    CHECK(test::text_value(header->metadata().find("format")) == "pt");
}

TEST_CASE("safetensors: a header-only open outlives the file, and holds the header and records") {
    const std::vector<st_tensor> tensors = test::every_dtype();
    const test::temp_folder folder;
    test::write_file(folder / "a.safetensors", test::write_safetensors(tensors));
    test::alloc_scope memory;
    const auto file = aka::safetensors::open(folder / "a.safetensors", {aka::access::header});
    REQUIRE_OK(file);
    std::filesystem::remove(folder / "a.safetensors");
    CHECK(file->size() == tensors.size());
    const auto header = static_cast<std::int64_t>(file->data_begin());
    CHECK(memory.held() <= header + 128 * static_cast<std::int64_t>(file->size()) + 4096);
}

TEST_CASE("safetensors: any rank") {
    for (std::size_t rank = 0; rank <= 40; ++rank) {
        std::vector<std::uint64_t> shape(rank, 1);
        if (rank > 0) shape[rank / 2] = 3;
        if (rank > 9) shape[9] = 2;
        const st_tensor t = filled("a", "I16", shape);
        const parsed p(test::write_safetensors({t, filled("b", "U8", {2, 3})}));
        REQUIRE_OK(p.file);
        check_same((*p.file)[0], t);
        CHECK((*p.file)[0].shape().rank() == rank);
    }
    std::vector<std::uint64_t> far(20000, 1);
    far[19999] = 5;
    const st_tensor t = filled("a", "U8", far);
    const parsed p(test::write_safetensors({t}));
    REQUIRE_OK(p.file);
    check_same((*p.file)[0], t);
}

TEST_CASE("safetensors: what is not escaped is a view of the file, also in metadata") {
    const std::vector<st_tensor> tensors = {filled("model.layers.0.weight", "F32", {2}),
                                            filled("short", "F32", {1})};
    const std::map<std::string, std::string> meta = {{"format", "pt"}, {"a key", "a \"value\""}};
    for (const bool escape : {false, true}) {
        test::st_options o;
        o.escape_names = escape;
        const parsed p(test::write_safetensors(tensors, meta, o));
        REQUIRE_OK(p.file);
        check_all(*p.file, tensors);
        for (const aka::tensor t : *p.file)
            CHECK(test::inside(t.name().data(), p.bytes.view()) == !escape);
        CHECK(test::inside(p.file->metadata().find("format").key().data(), p.bytes.view()));
        CHECK(test::inside(p.file->metadata().find("format").as_string()->data(), p.bytes.view()));
        CHECK(test::text_value(p.file->metadata().find("a key")) == "a \"value\"");
    }
}

TEST_CASE("safetensors: metadata") {
    const std::string tensor = std::string("\"a\":{") + fields + "}";
    const auto with = [&](const std::string& meta, bool first) {
        const std::string block = "\"__metadata__\":" + meta;
        const std::string json = "{" + (first ? block + "," + tensor : tensor + "," + block) + "}";
        return test::safetensors_raw(json, sixteen);
    };
    for (const bool first : {true, false}) {
        const parsed p(with(R"({"z":"1","\u0061b":"\u00e9\n","":"empty key","k":""})", first));
        REQUIRE_OK(p.file);
        const aka::metadata& m = p.file->metadata();
        REQUIRE(m.size() == 4);
        const std::vector<std::array<std::string, 2>> expected = {
            {"z", "1"}, {"ab", "\xc3\xa9\n"}, {"", "empty key"}, {"k", ""}};
        std::size_t i = 0;
        for (const aka::metadata_value v : m) {
            CHECK(v.key() == expected[i][0]);
            CHECK(test::text_value(v) == expected[i][1]);
            CHECK(test::text_value(m.find(expected[i][0])) == expected[i][1]);
            CHECK(v.type() == aka::value_type::string);
            ++i;
        }
        CHECK_REFUSED(m.find("z").as<int>(), wrong_type);
        CHECK_REFUSED(m.find("z").as_array(), wrong_type);
        CHECK_FALSE(m.find("absent"));
        CHECK_REFUSED(m.find("absent").as_string(), not_found);
        for (const char* none : {"{}", "null", "{ }"}) {
            const parsed q(with(none, first));
            REQUIRE_OK(q.file);
            CHECK(q.file->metadata().empty());
            CHECK(q.file->size() == 1);
        }
        for (const char* wrong : {"[]", "\"x\"", "1", "true", "nul", R"({"a":1})", R"({"a":null})",
                                  R"({"a":{}})", R"({"a":["b"]})", R"({"a":true})"}) {
            CAPTURE(wrong);
            CHECK_REFUSED(parsed(with(wrong, first)).file, bad_json);
        }
    }
    const parsed only(test::safetensors_raw(R"({"\u005f_metadata__":{"format":"pt"}})"));
    REQUIRE_OK(only.file);
    CHECK(only.file->empty());
    CHECK(only.file->metadata().size() == 1);
}

TEST_CASE("safetensors: names with escapes") {
    const struct {
        const char* json;
        std::string name;
    } names[] = {
        {R"(a\"b)", "a\"b"},
        {R"(a\\)", "a\\"},
        {R"(\/)", "/"},
        {R"(\b\f\n\r\t)", "\b\f\n\r\t"},
        {R"(a\u0000b)", std::string("a\0b", 3)},
        {R"(\u0041\u00e9\u20AC)", "A\xc3\xa9\xe2\x82\xac"},
        {R"(\ud83d\ude00!)", "\xf0\x9f\x98\x80!"},
        {R"(\uD800\uDC00\uDBFF\uDFFF)", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {R"(\u0080\u07ff\u0800\uffff)", "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {"t\xc3\xa9st\xf0\x9f\x98\x80", "t\xc3\xa9st\xf0\x9f\x98\x80"},
        {"a\x7f", "a\x7f"},
        {"", ""},
        {R"(model.layers.\u0030.weight)", "model.layers.0.weight"},
    };
    for (const auto& n : names) {
        CAPTURE(n.json);
        const parsed p(test::safetensors_raw(entry(n.json, fields), sixteen));
        REQUIRE_OK(p.file);
        CHECK((*p.file)[0].name() == n.name);
        CHECK(p.file->find(n.name));
        CHECK(test::contents(p.file->find(n.name)) == sixteen);
        if (n.name != n.json) CHECK_FALSE(p.file->find(n.json));
    }
    for (const char* bad : {R"(\ud800)", R"(\udc00)", R"(\ud800\u0041)", R"(\ud800\ud800)", R"(\q)",
                            R"(\u12)", R"(\u12G4)", "a\nb", "a\x01", R"(\)"}) {
        CAPTURE(bad);
        CHECK_REFUSED(parsed(test::safetensors_raw(entry(bad, fields), sixteen)).file, bad_json);
    }
}

TEST_CASE("safetensors: JSON in any form") {
    const std::array<std::string, 3> parts = {R"("dtype":"I32")", R"("shape":[2,2])",
                                              R"("data_offsets":[0,16])"};
    std::array<int, 3> order = {0, 1, 2};
    std::vector<std::string> forms;
    do {
        const std::string &a = parts[static_cast<std::size_t>(order[0])],
                          &b = parts[static_cast<std::size_t>(order[1])],
                          &c = parts[static_cast<std::size_t>(order[2])];
        forms.push_back(a + "," + b + "," + c);
        forms.push_back(a + " ,\n\t" + b + "\r, " + c + " ");
        for (const char* extra : {R"("x":1)", R"("x":{"dtype":[{"shape":null}]})", R"("":-1.5e-9)",
                                  R"("Dtype":"F32")", R"("x":"}]{[,")"}) {
            forms.push_back(extra + ("," + a) + "," + b + "," + c);
            forms.push_back(a + "," + extra + "," + b + "," + c);
            forms.push_back(a + "," + b + "," + c + "," + extra);
        }
    } while (std::next_permutation(order.begin(), order.end()));
    forms.push_back(R"("\u0064type":"I32","sh\u0061pe":[2,2],"data_offset\u0073":[0,16])");
    forms.push_back(R"("dtype":"\u004932","shape":[2,2],"data_offsets":[0,16])");
    forms.push_back(R"("dtype":"I32","shape":[ 2 , 2 ],"data_offsets":[ 0 , 16 ])");
    forms.push_back(R"("dtype":"I32","shape":[2,2],"data_offsets":[0,16] )");
    forms.push_back(R"("dtype": "I32","shape": [2,2],"data_offsets": [0,16])");
    for (const std::string& form : forms) {
        CAPTURE(form);
        for (const char* padding : {"", " ", "\n\t \r", "        "}) {
            const std::string json = padding + entry("a", form) + padding;
            const parsed p(test::safetensors_raw(json, sixteen));
            REQUIRE_OK(p.file);
            REQUIRE(p.file->size() == 1);
            check_same((*p.file)[0], {"a", "I32", {2, 2}, sixteen});
            CHECK(test::contents((*p.file)[0]) == sixteen);
        }
    }
}

TEST_CASE("safetensors: entries in any order, tensors in the order of their data") {
    std::vector<st_tensor> tensors = {filled("d", "F32", {3}), filled("b", "U8", {0}),
                                      filled("c", "U8", {5}), filled("a", "I64", {2})};
    std::vector<std::string> entries;
    std::string data;
    for (const st_tensor& t : tensors) {
        entries.push_back(test::st_entry_json(t, data.size(), false));
        data += t.data;
    }
    std::array<std::size_t, 4> order = {0, 1, 2, 3};
    do {
        std::string json = "{";
        for (const std::size_t i : order) json += (json.size() > 1 ? "," : "") + entries[i];
        const parsed p(test::safetensors_raw(json + "}", data));
        REQUIRE_OK(p.file);
        check_all(*p.file, tensors);
        for (std::size_t i = 0; i < 4; ++i) CHECK((*p.file)[i].name() == tensors[i].name);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("safetensors: tensors without elements, at any boundary and nowhere else") {
    const auto two = [](const std::string& at) {
        return parsed(
            test::safetensors_raw(R"({"z":{"dtype":"I32","shape":[0,7],"data_offsets":[)" + at +
                                      "," + at + R"(]},"a":{)" + fields + "}}",
                                  sixteen));
    };
    for (const char* at : {"0", "16"}) {
        const parsed p = two(at);
        REQUIRE_OK(p.file);
        CHECK(p.file->size() == 2);
        CHECK(test::contents(p.file->find("z")).empty());
        CHECK(p.file->find("z").is_view());
        CHECK(p.file->find("z").bytes()->empty());
        if (!AKA_BIG_ENDIAN_HOST) CHECK(p.file->find("z").as<std::int32_t>()->empty());
    }
    for (const char* at : {"1", "8", "15", "17", "100"}) CHECK_REFUSED(two(at).file, bad_offset);

    const auto shape = [](const std::string& dims) {
        return parsed(test::safetensors_raw(
            entry("a", R"("dtype":"U8","shape":[)" + dims + R"(],"data_offsets":[0,0])")));
    };
    // As the reference: products from the left, so that a zero hides what comes behind it only.
    CHECK_OK(shape("0,9223372036854775808,4").file);
    CHECK_OK(shape("0,18446744073709551615,18446744073709551615").file);
    CHECK_REFUSED(shape("9223372036854775808,4,0").file, size_overflow);
    CHECK_REFUSED(shape("0,18446744073709551616").file, bad_json);
}

TEST_CASE("safetensors: duplicates are refused, or the last one wins") {
    const auto two = [](const std::string& first, const std::string& second) {
        return test::safetensors_raw(
            "{\"a\":{" + first +
                "},\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[16,16]}," +
                "\"\\u0061\":{" + second + "}}",
            sixteen);
    };
    aka::safetensors_options last;
    last.names = aka::duplicates::last_wins;
    const std::string floats = R"("dtype":"F32","shape":[4],"data_offsets":[0,16])";
    for (const std::string& earlier :
         {std::string(fields),
          std::string(R"("dtype":"F64","shape":[9,9],"data_offsets":[5,77])")}) {
        const std::string bytes = two(earlier, floats);
        const parsed refused(bytes);
        CHECK_REFUSED(refused.file, duplicate_name);
        CHECK(test::mentions(refused.file.error(), "'a'"));
        const parsed p(bytes, last);
        REQUIRE_OK(p.file);
        REQUIRE(p.file->size() == 2);
        check_same(p.file->find("a"), {"a", "F32", {4}, sixteen});
        CHECK(p.file->find("b"));
    }
    // The one that wins must be right, whatever the other one was.
    CHECK_REFUSED(
        parsed(two(floats, R"("dtype":"F32","shape":[5],"data_offsets":[0,16])"), last).file,
        size_mismatch);

    const std::string meta = test::safetensors_raw(R"({"__metadata__":{"k":"1","o":"","k":"2"}})");
    CHECK_REFUSED(parsed(meta).file, duplicate_key);
    const parsed p(meta, last);
    REQUIRE_OK(p.file);
    CHECK(test::text_value(p.file->metadata().find("k")) == "2");
    // A block or a field twice is not a duplicate name: the reference refuses it too.
    CHECK_REFUSED(
        parsed(test::safetensors_raw(R"({"__metadata__":{},"__metadata__":{}})"), last).file,
        bad_json);
    CHECK_REFUSED(parsed(test::safetensors_raw(
                             entry("a", std::string(R"("shape":[2,2],)") + fields), sixteen),
                         last)
                      .file,
                  bad_json);
}

TEST_CASE("safetensors: names chosen to collide in the index, some of them twice") {
    // Names whose hash ends in the same bits: more of them in one place than the table probes.
    std::vector<std::string> names;
    for (std::uint64_t i = 0; names.size() < 400; ++i) {
        const std::string name = "n" + std::to_string(i);
        if ((aka::detail::hash_name(name) & 4095) == 5) names.push_back(name);
    }
    const auto make = [&](bool twice) {
        std::string json = "{";
        for (const std::string& n : names) {
            const std::string one =
                "\"" + n + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
            for (int k = 0; k < (twice ? 2 : 1); ++k) json += (json.size() > 1 ? "," : "") + one;
        }
        return test::safetensors_raw(json + "}");
    };
    CHECK_REFUSED(parsed(make(true)).file, duplicate_name);
    aka::safetensors_options last;
    last.names = aka::duplicates::last_wins;
    for (const bool twice : {false, true}) {
        const parsed p(make(twice), last);
        REQUIRE_OK(p.file);
        CHECK(p.file->size() == names.size());
        for (const std::string& n : names) CHECK(p.file->find(n).name() == n);
        CHECK_FALSE(p.file->find("n"));
    }
}

TEST_CASE("safetensors: bytes behind the last tensor") {
    const std::vector<st_tensor> tensors = {filled("a", "F32", {3}), filled("b", "U8", {0})};
    const std::string whole = test::write_safetensors(tensors);
    for (const std::size_t more : {1u, 8u, 5000u}) {
        const std::string bytes = whole + std::string(more, 'x');
        const parsed refused(bytes);
        CHECK_REFUSED(refused.file, trailing_bytes);
        CHECK(refused.file.error().offset() == whole.size());
        CHECK(test::mentions(refused.file.error(), std::to_string(more) + " bytes longer"));
        aka::safetensors_options o;
        o.trailing_bytes = true;
        const parsed p(bytes, o);
        REQUIRE_OK(p.file);
        check_all(*p.file, tensors);
        CHECK(p.file->data_end() == whole.size());
    }
    for (const std::size_t less : {1u, 11u}) {
        for (const bool trailing : {false, true}) {
            aka::safetensors_options o;
            o.trailing_bytes = trailing;
            const parsed refused(std::string_view(whole).substr(0, whole.size() - less), o);
            CHECK_REFUSED(refused.file, truncated);
            CHECK(refused.file.error().offset() == whole.size() - less);
            CHECK(test::mentions(refused.file.error(), std::to_string(less) + " bytes short"));
        }
    }
}

TEST_CASE("safetensors: dtypes that aka does not know, where asked for") {
    aka::safetensors_options o;
    o.unknown_dtypes = true;
    const std::string four = test::random_bytes(4, 3);
    for (const char* form :
         {R"("dtype":"F3_E1M1","shape":[3,7],"data_offsets":[0,4])",
          R"("data_offsets" : [0, 4], "dtype" : "F3_E1M1" , "shape" : [3, 7])"}) {
        const std::string bytes =
            test::safetensors_raw(std::string("{\"a\":{") + form +
                                      R"(},"b":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}})",
                                  four + four);
        CHECK_REFUSED(parsed(bytes).file, bad_type);
        const parsed p(bytes, o);
        REQUIRE_OK(p.file);
        const aka::tensor t = p.file->find("a");
        REQUIRE(t);
        CHECK(t.dtype() == aka::dtype::unknown);
        CHECK(t.dtype_name() == "F3_E1M1");
        CHECK(t.ggml_type() == -1);
        CHECK(test::shape_of(t) == std::vector<std::uint64_t>{3, 7});
        CHECK(test::contents(t) == four);
        CHECK_REFUSED(t.as<float>(), wrong_type);
        CHECK_REFUSED(t.row(0), bad_block);
        CHECK_REFUSED(t.slice(0, 1, 1), bad_block);
        CHECK(test::contents(p.file->find("b")) == four);
    }
    // What is not a string is no dtype, and holes and overlaps stay errors.
    const auto with = [&](const char* rest) {
        return parsed(test::safetensors_raw(entry("a", rest), four), o);
    };
    CHECK_REFUSED(with(R"("dtype":7,"shape":[1],"data_offsets":[0,4])").file, bad_json);
    CHECK_REFUSED(with(R"("dtype":"X","shape":[1],"data_offsets":[1,4])").file, bad_offset);
    CHECK_REFUSED(with(R"("dtype":"X","shape":[1],"data_offsets":[0,5])").file, truncated);
    CHECK_REFUSED(with(R"("dtype":"X","shape":[4294967296,4294967296],"data_offsets":[0,4])").file,
                  size_overflow);
}

TEST_CASE("safetensors: the smallest entries there can be") {
    // 49 bytes and a comma: more entries to a byte than any guess at their number expects.
    const auto digits = [](std::size_t i) {
        std::string s;
        for (; i != 0; i /= 64) s += static_cast<char>('0' + i % 64 + (i % 64 >= 44 ? 1 : 0));
        return s;  // no quote and no backslash among them
    };
    for (const std::size_t prefix : {0u, 1u, 20u}) {
        for (const bool long_metadata : {false, true}) {
            std::string json = "{";
            if (long_metadata)
                json += "\"__metadata__\":{\"k\":\"" + std::string(20000, 'x') + "\"}";
            std::vector<std::string> names;
            std::string data;
            for (std::size_t i = 0; i < 3000; ++i) {
                const std::string name = i < prefix ? std::string(3000 + i, 'p') : digits(i);
                const std::string at = std::to_string(i), next = std::to_string(i + 1);
                json += (json.size() > 1 ? ",\"" : "\"") + name;
                json += R"(":{"dtype":"U8","shape":[],"data_offsets":[)" + at + "," + next + "]}";
                names.push_back(name);
                data += static_cast<char>(i % 251);
            }
            const parsed p(test::safetensors_raw(json + "}", data));
            REQUIRE_OK(p.file);
            REQUIRE(p.file->size() == names.size());
            for (std::size_t i = 0; i < names.size(); ++i)
                REQUIRE(test::contents(p.file->find(names[i])) == data.substr(i, 1));
        }
    }
}

}  // namespace test_safetensors
