// Keys and values of GGUF: every type, conversions that lose nothing, arrays that are walked and
// never copied.
#include <aka/gguf.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/expect_gguf.hpp"
#include "support/writer.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace test_gguf_metadata {

namespace {

using test::gguf_bytes;
using test::gguf_of;
using test::gguf_value;
using test::gguf_writer;

// Every version and byte order.
template <class F>
void in_every_form(gguf_writer w, F f) {
    for (const std::uint32_t version : {1u, 2u, 3u}) {
        for (const bool big : {false, true}) {
            w.version = version;
            w.big_endian = big;
            CAPTURE(version);
            CAPTURE(big);
            const gguf_bytes p(w.bytes());
            REQUIRE_OK(p.file);
            f(p.file->metadata(), p);
        }
    }
}

// The decimal digits of a whole number; of a float, of its exact value.
template <class T>
std::string digits(T v) {
    if constexpr (std::is_floating_point_v<T>) {
        char text[400];
        std::snprintf(text, sizeof text, "%.0f", static_cast<double>(v));
        return text;
    } else {
        return std::to_string(v);
    }
}

// The rule, by text: a whole number can be read as T if T then has the same digits.
template <class T, class From>
bool can_hold(From v) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<From, bool>) {
        return std::is_same_v<T, From>;
    } else if constexpr (std::is_floating_point_v<From>) {
        if (!std::is_floating_point_v<T>) return false;  // no key means a part of a layer
        return !std::isfinite(v) || std::isfinite(static_cast<T>(v));
    } else {
        return digits(static_cast<T>(v)) == digits(v);
    }
}

// One check for all: a check for each of the 143 pairs of types takes long to compile.
template <class T, class From>
bool good_as(const aka::metadata_value& value, From from, int& agreed) {
    const auto r = value.as<T>();
    if (!can_hold<T>(from))
        return r.code() == aka::errc::out_of_range && test::mentions(r.error(), value.key()) &&
               test::mentions(r.error(), value.type_name());
    if (!r) return false;
    ++agreed;
    const T expected = static_cast<T>(from);
    return from == from ? *r.get_if() == expected : *r.get_if() != *r.get_if();
}
template <class... T, class From>
std::string wrong_types(const aka::metadata_value& v, From from, int& agreed) {
    std::string wrong;
    ((wrong += good_as<T>(v, from, agreed) ? ""
               : std::is_integral_v<T> ? (std::is_signed_v<T> ? "i" : "u") + digits(8 * sizeof(T))
                                       : "f" + digits(8 * sizeof(T))),
     ...);
    return wrong;
}
template <class From>
void check_all_targets(const aka::metadata_value& v, From from, int& agreed) {
    const std::string wrong =
        wrong_types<bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t,
                    std::uint32_t, std::int64_t, std::uint64_t, long long, unsigned long long,
                    float, double>(v, from, agreed);
    CHECK_MESSAGE(wrong == "", std::string(v.key()) << " of type " << std::string(v.type_name()));
}

template <class T>
std::vector<T> interesting() {
    if constexpr (std::is_same_v<T, bool>) {
        return {false, true};
    } else if constexpr (std::is_floating_point_v<T>) {
        using limits = std::numeric_limits<T>;
        std::vector<T> v = {T(0),
                            T(-0.0),
                            T(1),
                            T(-2.5),
                            T(0.1),
                            T(1e30),
                            limits::max(),
                            limits::min(),
                            limits::denorm_min(),
                            limits::infinity(),
                            -limits::infinity(),
                            limits::quiet_NaN()};
        if constexpr (sizeof(T) == 8) {
            // Around the largest float, and what rounds up to infinity.
            for (const double d :
                 {3.4028234663852886e38, 3.4028235677973366e38, 3.4028235e38, 1e300})
                v.insert(v.end(), {d, -d});
        }
        return v;
    } else {
        // Every power of two, and its neighbours, as far as T goes.
        std::vector<T> v = {T(0), std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
        for (int bit = 0; bit < std::numeric_limits<T>::digits; ++bit) {
            const auto p = static_cast<T>(T(1) << bit);
            for (const T n : {p, static_cast<T>(p + 1), static_cast<T>(p - 1)}) {
                v.push_back(n);
                if (std::is_signed_v<T>) v.push_back(static_cast<T>(T(0) - n));
            }
        }
        return v;
    }
}

template <class T>
void check_scalars() {
    std::vector<T> values = interesting<T>();
    gguf_writer w;
    for (std::size_t i = 0; i < values.size(); ++i)
        w.add("key " + std::to_string(i), static_cast<T>(values[i]));
    in_every_form(w, [&](const aka::metadata& m, const gguf_bytes&) {
        REQUIRE(m.size() == values.size());
        int agreed = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const aka::metadata_value v = m.find("key " + std::to_string(i));
            CHECK(static_cast<unsigned>(v.type()) == w.kvs[i].second.kind);
            check_all_targets(v, static_cast<T>(values[i]), agreed);
            CHECK_REFUSED(v.as_string(), wrong_type);
            CHECK_REFUSED(v.as_array(), wrong_type);
        }
        CHECK(agreed >= static_cast<int>(values.size()));  // at the least, each as its own type
    });
}

template <class T>
gguf_value array_of() {
    std::vector<gguf_value> items;
    for (const T v : interesting<T>()) items.push_back(gguf_of(v));
    return test::gguf_array(static_cast<std::uint32_t>(test::gguf_kind_of<T>()), items);
}

}  // namespace

TEST_CASE("gguf metadata: every number as every type, or an error where a digit would be lost") {
    check_scalars<std::uint8_t>();
    check_scalars<std::int8_t>();
    check_scalars<std::uint16_t>();
    check_scalars<std::int16_t>();
    check_scalars<std::uint32_t>();
    check_scalars<std::int32_t>();
    check_scalars<std::uint64_t>();
    check_scalars<std::int64_t>();
    check_scalars<float>();
    check_scalars<double>();
    check_scalars<bool>();
}

TEST_CASE("gguf metadata: arrays of every type, and arrays in arrays") {
    gguf_writer w;
    w.add("u8", array_of<std::uint8_t>()).add("i8", array_of<std::int8_t>());
    w.add("u16", array_of<std::uint16_t>()).add("i16", array_of<std::int16_t>());
    w.add("u32", array_of<std::uint32_t>()).add("i32", array_of<std::int32_t>());
    w.add("u64", array_of<std::uint64_t>()).add("i64", array_of<std::int64_t>());
    w.add("f32", array_of<float>()).add("f64", array_of<double>()).add("bool", array_of<bool>());
    w.add("string",
          std::vector<std::string>{"", "a", std::string("\0", 1), std::string(5000, 'x')});
    for (std::uint32_t element = 0; element < 13; ++element)
        w.add("empty " + std::to_string(element), test::gguf_array(element, {}));
    const gguf_value numbers = gguf_of(std::vector<std::int16_t>{1, -2, 3});
    const gguf_value words = gguf_of(std::vector<std::string>{"one", "", "three"});
    const gguf_value none = test::gguf_array(8, {});
    const gguf_value two = test::gguf_nested({words, none, numbers, none});
    const gguf_value three = test::gguf_nested({two, test::gguf_nested({}), two, numbers});
    w.add("two", two).add("three", three).add("four", test::gguf_nested({three, words, three}));
    w.add("last", "behind all of them");
    in_every_form(w, [&](const aka::metadata& m, const gguf_bytes&) {
        REQUIRE(m.size() == w.kvs.size());
        std::size_t i = 0;
        for (const aka::metadata_value v : m) {
            CAPTURE(w.kvs[i].first);
            CHECK(v.key() == w.kvs[i].first);
            CHECK(m[i].key() == v.key());
            CHECK(m.file(i) == 0);
            CHECK(test::same_value(v, w.kvs[i].second));
            CHECK(test::same_value(m.find(w.kvs[i].first), w.kvs[i].second));
            if (const auto a = v.as_array()) {
                CHECK(a->empty() == (a->size() == 0));
                CHECK_REFUSED(a->at(a->size()), out_of_range);
                CHECK_REFUSED(a->at(~std::uint64_t{0}), out_of_range);
            }
            ++i;
        }
    });
    // A fifth level is refused, and says where.
    w.kvs.clear();
    w.add("five", test::gguf_nested({test::gguf_nested({three})}));
    const gguf_bytes p(w.bytes());
    CHECK_REFUSED(p.file, bad_array);
    CHECK(test::mentions(p.file.error(), "'five'"));
}

TEST_CASE("gguf metadata: copy_to converts all of an array, or says which it cannot") {
    gguf_writer w;
    w.add("small", std::vector<std::uint32_t>{0, 1, 127})
        .add("large", std::vector<std::uint32_t>{1, 128});
    w.add("reals", std::vector<float>{0.5f, -1.0f})
        .add("words", std::vector<std::string>{"a", "b"});
    w.add("none", test::gguf_array(4, {})).add("flags", std::vector<bool>{true, false, true});
    in_every_form(w, [&](const aka::metadata& m, const gguf_bytes&) {
        const auto copy = [&](const char* key, auto& out) {
            return m.find(key).as_array()->copy_to(aka::span(out.data(), out.size()));
        };
        std::vector<std::int8_t> bytes(3, -1);
        CHECK_OK(copy("small", bytes));
        CHECK(bytes == std::vector<std::int8_t>{0, 1, 127});
        std::vector<double> reals(3);
        CHECK_OK(copy("small", reals));
        CHECK(reals == std::vector<double>{0, 1, 127});
        CHECK_REFUSED(copy("reals", reals), wrong_size);
        reals.resize(2);
        CHECK_OK(copy("reals", reals));
        CHECK(reals == std::vector<double>{0.5, -1});
        bytes.resize(2);
        CHECK_REFUSED(copy("small", bytes), wrong_size);
        CHECK_REFUSED(copy("large", bytes), out_of_range);
        CHECK_REFUSED(copy("reals", bytes), out_of_range);
        CHECK_REFUSED(copy("words", bytes), wrong_type);
        CHECK_REFUSED(copy("flags", bytes), wrong_size);
        bytes.resize(3);
        CHECK_REFUSED(copy("flags", bytes), out_of_range);
        bool flags[3] = {};
        CHECK_OK(m.find("flags").as_array()->copy_to(aka::span<bool>(flags)));
        CHECK((flags[0] && !flags[1] && flags[2]));
        bytes.clear();
        CHECK_OK(copy("none", bytes));
        CHECK(test::mentions(copy("small", bytes).error(), "room for 0 elements, it has 3"));
    });
}

TEST_CASE("gguf metadata: strings and keys are views of the file") {
    gguf_writer w;
    w.add("general.name", "a name").add("empty", "");
    w.add("tokens", std::vector<std::string>{"<s>", "", std::string("a\0b", 3)});
    in_every_form(w, [&](const aka::metadata& m, const gguf_bytes& p) {
        const auto is_view = [&](std::string_view s) {
            return test::inside(s.data(), p.bytes.view());
        };
        for (const aka::metadata_value v : m) CHECK(is_view(v.key()));
        CHECK(is_view(*m.find("general.name").as_string()));
        CHECK(is_view(*m.find("empty").as_string()));
        for (const aka::metadata_value v : *m.find("tokens").as_array())
            CHECK(is_view(*v.as_string()));
        CHECK(m.find("tokens").as_array()->at(2)->as_string()->size() == 3);
    });
}

TEST_CASE("gguf metadata: what is not there or of another type says so") {
    gguf_writer w;
    w.add("llama.block_count", std::uint32_t{300}).add("words", std::vector<std::string>{"a"});
    w.add("name", "x");
    const gguf_bytes p(w.bytes());
    REQUIRE_OK(p.file);
    const aka::metadata& m = p.file->metadata();
    const auto message = [](const auto& r) { return std::string(r.error().detail()); };
    CHECK(message(m.find("name").as<int>()) == "key 'name' is string, not a number");
    CHECK(message(m.find("words").as<int>()) == "key 'words' is array, not a number");
    CHECK(message(m.find("words").as_string()) == "key 'words' is array, not a string");
    CHECK(message(m.find("llama.block_count").as_array()) ==
          "key 'llama.block_count' is u32, not an array");
    CHECK(message(m.find("llama.block_count").as<std::uint8_t>()) ==
          "key 'llama.block_count': its u32 value does not fit the type asked for");
    CHECK(message(m.find("words").as_array()->at(1)) == "key 'words': element 1 of 1");
    for (const char* absent : {"", "nam", "name ", "llama.block_coun"}) {
        CHECK_FALSE(m.find(absent));
        CHECK(m.find(absent).type() == aka::value_type::none);
        CHECK_REFUSED(m.find(absent).as<int>(), not_found);
        CHECK_REFUSED(m.find(absent).as_string(), not_found);
        CHECK_REFUSED(m.find(absent).as_array(), not_found);
    }
}

TEST_CASE("gguf metadata: a vocabulary of 256k tokens costs no memory, and is walked in order") {
    const std::size_t n = 262144;
    std::vector<std::string> tokens;
    std::vector<float> scores;
    for (std::size_t i = 0; i < n; ++i) {
        tokens.push_back("t" + std::to_string(i * 2654435761u % 1000003));
        scores.push_back(-static_cast<float>(i));
    }
    gguf_writer large, small;
    large.add("tokens", tokens).add("scores", scores).add("end", std::uint32_t{1});
    // Long enough for room to be made for its three keys at once, as for those of the large one.
    const std::string none(200, '-');
    small.add("tokens", none).add("scores", none).add("end", std::uint32_t{1});
    const gguf_bytes tiny(small.bytes()), huge(large.bytes());
    REQUIRE_OK(huge.file);

    test::alloc_scope memory;
    const auto again = aka::gguf::parse(aka::as_bytes(tiny.bytes.view()));
    REQUIRE_OK(again);
    const std::uint64_t count = memory.count();
    const std::int64_t held = memory.held();
    const auto file = aka::gguf::parse(aka::as_bytes(huge.bytes.view()));
    REQUIRE_OK(file);
    CHECK(memory.count() == 2 * count);
    CHECK(memory.held() == 2 * held);

    memory.restart();
    const auto words = file->metadata().find("tokens").as_array();
    const auto numbers = file->metadata().find("scores").as_array();
    REQUIRE_OK(words);
    REQUIRE_OK(numbers);
    REQUIRE(words->size() == n);
    std::size_t i = 0;
    bool same = true;
    for (const aka::metadata_value v : *words) same = same && *v.as_string() == tokens[i++];
    CHECK(same);
    for (const std::size_t k : {std::size_t{0}, n / 2, n - 1}) {
        CHECK(*words->at(k)->as_string() == tokens[k]);
        CHECK(*numbers->at(k)->as<float>() == scores[k]);
    }
    CHECK(memory.count() == 0);
}

}  // namespace test_gguf_metadata
