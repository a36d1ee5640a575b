// The pull reader for JSON against the tests' own parser: what it takes, what it makes of it, and
// that it never looks past the end of the text.
#include <aka/json.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/json.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace test_json {

namespace {

using aka::detail::json_reader;
using aka::detail::json_string;

// Blanks, escapes of every kind, characters of every length, every kind of value and number.
const std::string rich =
    " {\"a\" : {\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[0,12]},\n\t\"\": [],"
    "\"\\u0000\\ud83d\\ude00\\uFFFF\\\"\\\\\\/\\b\\f\\n\\r\\t\":{},\r\n"
    "\"d\xc3\xa9j\xc3\xa0 \xe2\x82\xac \xf0\x9f\x98\x80 \x7f end\" :[true ,false,null, 0,-0.5e+7,"
    "1E-3,18446744073709551615, 123456.789 ],\"long name of more than eight bytes\":\"and a value,"
    " longer still, that ends here\\u00e9\",\"nested\":[[[{\"x\":[{}]}]]]}\t";

bool utf8_ok(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
        const auto lead = static_cast<unsigned char>(s[i]);
        const std::size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (lead / 0x40 == 2 || lead > 0xf7 || n > s.size() - i) return false;
        std::uint32_t code = n == 1 ? lead : lead & (0x7fu >> n);
        for (std::size_t k = 1; k < n; ++k) {
            const auto c = static_cast<unsigned char>(s[i + k]);
            if (c / 0x40 != 2) return false;
            code = code * 0x40 + c % 0x40;
        }
        static const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
        i += n;
    }
    return true;
}

// A text as a sequence of its parts: strings decoded, numbers as they are written.
std::string parts(const test::json& j, int depth) {
    if (j.is_null()) return "null;";
    if (j.type == test::json::kind::boolean) return j.truth ? "true;" : "false;";
    if (j.type == test::json::kind::number) return j.text + ";";
    if (j.is_string()) return "'" + j.text + "'";
    if (depth == 0) throw std::runtime_error("nested too deep");
    std::string out;
    for (std::size_t i = 0; i < j.size(); ++i) {
        if (j.is_object()) out += "'" + j.keys[i] + "'";
        out += parts(j.items[i], depth - 1);
    }
    return j.is_object() ? "{" + out + "}" : "[" + out + "]";
}
// What the text should be read as; nothing: it should be refused.
std::optional<std::string> expected(std::string_view text) {
    try {
        if (utf8_ok(text)) return parts(test::json::parse(text), 127);
    } catch (const std::runtime_error&) {
    }
    return std::nullopt;
}

std::string decoded(const json_string& s) {
    std::string out;
    aka::detail::decode(s, [&](char c) { out += c; });
    aka::detail::arena memory;
    std::string_view text;
    CHECK(aka::detail::text_of(s, memory, text));
    CHECK(text == out);
    CHECK((text.data() == s.at) == !s.escaped);  // copied only where it must be
    CHECK(aka::detail::equal(s, out));
    CHECK_FALSE(aka::detail::equal(s, out + "x"));
    if (!out.empty()) {
        std::string other = out;
        other.back() = static_cast<char>(other.back() ^ 1);
        CHECK_FALSE(aka::detail::equal(s, other));
        other.pop_back();
        CHECK_FALSE(aka::detail::equal(s, other));
    }
    if (!s.escaped) CHECK(s.hash == aka::detail::hash_name(out));
    return "'" + out + "'";
}

bool read_any(json_reader& r, std::string& out) {
    json_string s;
    bool b = false;
    double d = 0;
    const char next = r.peek();
    const char* from = r.at();
    const auto member = [&](const json_string& key) {
        out += decoded(key);
        return read_any(r, out);
    };
    if (next == '{' || next == '[') {
        out += next;
        if (!(next == '{' ? r.object(member) : r.array([&] { return read_any(r, out); })))
            return false;
        out += next == '{' ? '}' : ']';
        return true;
    }
    const bool good = next == '"'                  ? r.string(s)
                      : next == 't' || next == 'f' ? r.boolean(b)
                      : next == 'n'                ? r.null()
                                                   : r.number(d);
    if (good) out += next == '"' ? decoded(s) : std::string(from, r.at()) + ";";
    return good;
}
std::optional<std::string> found(std::string_view text) {
    std::string out;
    json_reader r(text), skipping(text);
    const bool good = read_any(r, out) && r.finish();
    const bool skipped = skipping.skip() && skipping.finish();
    CHECK(skipped == good);  // passing over a value is as strict as reading it
    CHECK(skipping.ok() == skipped);
    CHECK(r.pos() <= text.size());
    return good ? std::optional(out) : std::nullopt;
}

std::vector<std::string> words(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> out;
    for (std::string w; std::getline(in, w, ' ');) out.push_back(w);
    return out;
}

template <class T, bool (json_reader::*read)(T&) noexcept>
std::optional<T> one(std::string_view text) {
    json_reader r(text);
    T v{};
    if (!(r.*read)(v) || !r.finish()) return std::nullopt;
    return v;
}
constexpr auto number = one<double, &json_reader::number>;
constexpr auto whole = one<std::uint64_t, &json_reader::whole>;

// In memory that ends with the text.
void check(const std::string& text) {
    const test::guard_buffer bytes(text);
    const auto want = expected(text), have = found(bytes.view());
    CAPTURE(text);
    if (whole(bytes.view())) CHECK(number(bytes.view()));
    CHECK(have.has_value() == want.has_value());
    if (have && want) CHECK(*have == *want);
}

bool same(double a, double b) { return a == b && std::signbit(a) == std::signbit(b); }

void numbers_of(const test::json& j, std::vector<std::string>& out) {
    if (j.type == test::json::kind::number) out.push_back(j.text);
    for (const test::json& item : j.items) numbers_of(item, out);
}

}  // namespace

TEST_CASE("json: what is JSON, and what only looks like it") {
    std::vector<std::string> good = words(
        "{} [] \"\" true false null 0 -0 10 0.25 -1.5e-3 1E+10 0e0 123456789012345678901234567890 "
        "\"\\u0041\" \"\\ud7ff\" \"\\ue000\" \"\\uffff\" \"\\ud800\\udc00\" \"\\udbff\\udfff\" "
        "\"\x7f\" \"\xc2\x80\" \"\\\\\" \"\\/\" "
        "\"\xf4\x8f\xbf\xbf\" {\"a\":1,\"a\":2} [[],{},[[]]]");
    for (const char* text : {" [ ] ", "\t{\n}\r", "[1 , 2]", "{\"a\" :\n1 }"})
        good.emplace_back(text);
    good.push_back(rich);
    std::vector<std::string> bad = words(
        "{ [ \" {] [} [1,] {\"a\":1,} {,} [,] {\"a\"} {a:1} {'a':1} {1:1} {null:1} \"a \"\\\" "
        "\"\\q\" \"\\u12\" \"\\u12g4\" \"\\U0041\" \"\\ud800\" \"\\udc00\" \"\\ud800\\u0041\" "
        "\"\\ud800\\ue000\" \"\\udbff\\uffff\" \"\\ud800x\" \"\\ud800\\n\" \"\\udc00\\ud800\" "
        "\"\\udc00\\udc00\" \"\\udfff\" "
        "\"\\ud800\\ud800\" \"\n\" \"\x1f\" "
        "\"\x01\" "
        "{}\x0b \x0c{} \xef\xbb\xbf{} \xc2\xa0{} {}{} truex tru True nul nulll +1 01 -01 00 1. .5 "
        "- -.5 1e 1e+ 1.e5 0x10 1_0 NaN Infinity -Infinity 1e5.5 --1 /**/1 1// \"a\\ \"\x80\" "
        "\"\xc0\x80\" \"\xed\xa0\x80\" \"\xf5\x80\x80\x80\" \"\xe2\x82\" \xff 'a'");
    for (const char* text : {"", " ", "{} x", "1 .5", "[1 2]", "{\"a\" 1}"}) bad.emplace_back(text);
    bad.emplace_back("\"\0\"", 3);
    bad.emplace_back("{}\0", 3);
    for (const auto* list : {&good, &bad}) {
        for (const std::string& v : *list) {
            CAPTURE(v);
            CHECK(found(v).has_value() == (list == &good));
            for (const std::string& text : {v, "[" + v + "]", "{\"key\":" + v + "}",
                                            "{" + v + ":0}", "  " + v + ",", v + " "})
                check(text);
        }
    }
}

TEST_CASE("json: strings of every length and place, with every character") {
    for (std::size_t before = 0; before < 18; ++before) {
        for (std::size_t after = 0; after < 10; ++after) {
            for (const std::string& middle : words(" \\n \\u00e9 \xc3\xa9 \xe2\x82\xac \x1f \x80 "
                                                   "\" \\ \\u \xf0\x9f\x98\x80 \x7f"))
                check("[\"" + std::string(before, 'b') + middle + std::string(after, 'a') + "\"]");
        }
    }
    for (int i = 0; i < 256; ++i) {
        const auto c = static_cast<char>(i);
        for (const char* before : {"", "\"", "\"1234567", "\"\\", "{}"}) {
            check(before + std::string(1, c));
            check(before + std::string(1, c) + "2345678\"");
        }
    }
    // Every code point, escaped, against the other parser's UTF-8.
    for (unsigned code = 0; code < 0x110000; code += code < 0x3000 ? 1 : 251) {
        char escape[16];
        if (code < 0x10000)
            std::snprintf(escape, sizeof escape, "\"\\u%04x\"", code);
        else
            std::snprintf(escape, sizeof escape, "\"\\u%04X\\u%04x\"",
                          0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
        if (found(escape) != expected(escape)) FAIL_CHECK("wrong: " << std::string(escape));
    }
}

TEST_CASE("json: nesting to 127, not to 128") {
    for (const std::size_t depth : {1u, 126u, 127u, 128u, 129u, 400u}) {
        const std::string open(depth, '['), close(depth, ']');
        std::string objects = "0";
        for (std::size_t i = 0; i < depth; ++i) objects = "{\"k\":" + objects + "}";
        const std::string beside = "[" + open.substr(1) + close.substr(1) + ",[],[]]";
        for (const std::string& text : {open + close, open + "1" + close, objects, beside}) {
            check(text);
            if (depth > 1) CHECK(found(text).has_value() == (depth <= 127));
        }
    }
    CHECK_FALSE(found(std::string(1000000, '[')).has_value());
}

TEST_CASE("json: no prefix of a text is a text, and none is read past its end") {
    for (std::size_t n = 0; n + 1 < rich.size(); ++n) {
        const test::guard_buffer bytes(rich.substr(0, n));
        CHECK_FALSE(found(bytes.view()).has_value());
    }
    for (const std::string& text : words("18446744073709551615 -12.5e+10 true false null "
                                         "\"\\ud83d\\ude00\" \"\xf0\x9f\x98\x80\""))
        for (std::size_t n = 0; n <= text.size(); ++n) check(text.substr(0, n));
}

TEST_CASE("json: whole numbers that fit, and no others") {
    for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, UINT64_MAX,
                                  UINT64_MAX - 1, UINT64_MAX / 10, UINT64_MAX / 10 * 10}) {
        const std::string text = std::to_string(n);
        CHECK(whole(text) == n);
        CHECK(whole(" " + text + "\n") == n);
        for (const char* after : {".0", "e1", "E1", ".", "x", " 1"})
            CHECK_FALSE(whole(text + after).has_value());
        CHECK_FALSE(whole("-" + text).has_value());
        CHECK_FALSE(whole("0" + text).has_value());
    }
    for (const std::string& text :
         words(" 18446744073709551616 18446744073709551620 28446744073709551615 +1 - a \"1\" [1] "
               "99999999999999999999 100000000000000000000 184467440737095516150 true null 0x1"))
        CHECK_FALSE(whole(text).has_value());
}

TEST_CASE("json: numbers as strtod reads them") {
    std::vector<std::string> exact = words(
        "0 -0 0.0 -0.0 1 -1 1e-05 1e-06 1e-5 0.02 10000.0 500000.0 1000000.0 5e6 8.0 0.1 "
        "0.70710678 "
        "41.6 1e22 1e-22 9007199254740992 -9007199254740991 2.220446049250313e-16 1E5 0.00001 "
        "0e99999999999 1000000000000000000000 1e400 -1e400 1e-400 0.1e1 100e-2");
    test::rng random(1);
    char text[64];
    for (int i = 0; i < 20000; ++i) {
        const double v = static_cast<double>(random.below(2000000)) - 1e6;
        std::snprintf(text, sizeof text, "%.*g", 1 + static_cast<int>(random.below(15)),
                      v * std::pow(10.0, static_cast<int>(random.below(16)) - 8));
        exact.emplace_back(text);
    }
    for (const std::string& t : exact) {
        CAPTURE(t);
        CHECK(same(number(t).value_or(NAN), std::strtod(t.c_str(), nullptr)));
    }
    for (int i = 0; i < 20000; ++i) {
        // With more digits, or a large exponent: to the last digits of a double.
        const std::string t = std::to_string(random.next()) + "." + std::to_string(random.next()) +
                              "e" + std::to_string(static_cast<int>(random.below(540)) - 290);
        const double want = std::strtod(t.c_str(), nullptr);
        CHECK(std::fabs(number(t).value_or(0) - want) <= 1e-15 * want);
        // A float with all the digits of a double (Phi-3's long_factor) is the same float.
        const float f = static_cast<float>(1 + random.below(60)) + random.unit();
        std::snprintf(text, sizeof text, "%.17g", static_cast<double>(f));
        CHECK(static_cast<float>(number(text).value_or(-1)) == f);
    }
    CHECK(number("1" + std::string(1000, '0') + "e-1000") == 1.0);
    CHECK(number("0." + std::string(1000, '0') + "25e1001") == 2.5);
    CHECK(number("1e" + std::string(1000, '9')) == HUGE_VAL);
}

TEST_CASE("json: every number of the published configs") {
    SKIP_WITHOUT_DATA();
    std::vector<std::string> texts;
    for (const auto& e :
         std::filesystem::recursive_directory_iterator(test::shared_data() / "checkpoints")) {
        const std::string name = e.path().filename().string();
        if (name == "config.json" || name == "params.json")
            numbers_of(test::json::parse(test::read_file(e.path())), texts);
    }
    CHECK(texts.size() > 100);
    for (const std::string& t : texts) {
        CAPTURE(t);
        CHECK(same(number(t).value_or(-1), std::strtod(t.c_str(), nullptr)));
    }
}

TEST_CASE("json: random damage") {
    test::rng random(7);
    const auto start = std::chrono::steady_clock::now();
    const std::string bytes = "{}[]\",:\\u0123456789abcdefnrtE+-. \t\n\x1f\x80\xc3\xa9\xff";
    std::uint64_t taken = 0, refused = 0;
    while (std::chrono::steady_clock::now() - start < std::chrono::seconds(1)) {
        std::string text = rich;
        for (std::uint64_t n = random.below(3) + 1; n != 0; --n) {
            const std::size_t at = random.below(text.size()), size = random.below(6);
            const std::string some(1, bytes[random.below(bytes.size())]);
            const std::uint64_t how = random.below(4);
            if (how == 0) text[at] = some[0];
            if (how == 1) text.insert(at, some);
            if (how == 2) text.erase(at, size);
            if (how == 3) text.insert(random.below(text.size()), text.substr(at, size));
        }
        check(text);
        ++(expected(text) ? taken : refused);
    }
    CHECK((taken > 10 && refused > 10));
}

TEST_CASE("json: every character of UTF-8, and nothing else") {
    const auto check_one = [&](const std::string& s) {
        unsigned n = 0;  // of the first character
        for (unsigned k = 1; k <= s.size() && n == 0; ++k)
            if (utf8_ok(s.substr(0, k))) n = k;
        const std::size_t bad = aka::detail::find_bad_utf8(s);
        const bool right = aka::detail::utf8_length(s.data(), s.data() + s.size()) == n &&
                           (bad == s.size()) == utf8_ok(s) && utf8_ok(s.substr(0, bad));
        if (!right) FAIL_CHECK("wrong of " << test::hex_encode(s));
    };
    const std::string edges = "\x01\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xff";
    for (unsigned i = 0; i < 0x10000; ++i) {
        const std::string two = {static_cast<char>(i >> 8), static_cast<char>(i & 0xff)};
        check_one(two.substr(0, 1));
        check_one(two);
        for (const char c : edges) {
            check_one(two + c);
            if (i < 0xef00) continue;
            for (const char d : edges) check_one(two + c + d);
        }
    }
}

}  // namespace test_json
