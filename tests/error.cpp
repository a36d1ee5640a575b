// What errors say, and what result<T> does with the value or the error that it holds.
#include <aka/error.hpp>
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

namespace test_error {

namespace {

using aka::errc;
using aka::error;
using aka::detail::fixed_text;

constexpr int codes = static_cast<int>(errc::in_use) + 1;

template <std::size_t N>
std::string text(const fixed_text<N>& t) {
    CHECK(t.c_str() == std::string(t.view()));  // the NUL stands where the text ends
    CHECK(t.empty() == t.view().empty());
    return std::string(t.view());
}

// The same text, as far as it goes into a place of N bytes with a NUL.
std::string cut(const std::string& s, std::size_t N) {
    return s.size() < N ? s : s.substr(0, N - 4) + "...";
}

// Control characters as \xNN: those of ASCII, and those of Latin-1 as UTF-8 spells them (U+009B
// alone begins a terminal's control sequence).
std::string escaped(const std::string& s) {
    static const char hex[] = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto c = static_cast<unsigned char>(s[i]);
        const unsigned after = i + 1 < s.size() ? static_cast<unsigned char>(s[i + 1]) : 0u;
        const unsigned before = i > 0 ? static_cast<unsigned char>(s[i - 1]) : 0u;
        const bool latin = (c == 0xc2 && after >= 0x80 && after < 0xa0) ||
                           (before == 0xc2 && c >= 0x80 && c < 0xa0);
        if (c >= 0x20 && c != 0x7f && !latin)
            out += s[i];
        else
            out += std::string("\\x") + hex[c >> 4] + hex[c & 15];
    }
    return out;
}

template <class I>
void check_number(I v) {
    fixed_text<64> t;
    t << v;
    CHECK(text(t) == std::to_string(v));
}
template <class I>
void check_numbers() {
    for (const I v : {std::numeric_limits<I>::min(), std::numeric_limits<I>::max(), I{0}, I{1},
                      static_cast<I>(-1), I{9}, I{10}, I{99}, I{100}})
        check_number(v);
}

}  // namespace

TEST_CASE("error: each code has a name of its own") {
    std::set<std::string> names;
    for (int i = 0; i < codes; ++i) {
        const std::string name = aka::errc_name(static_cast<errc>(i));
        CAPTURE(name);
        CHECK(names.insert(name).second);
        CHECK(!name.empty());
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string::npos);
    }
}

TEST_CASE("error: numbers are written whole") {
    check_numbers<signed char>();
    check_numbers<unsigned char>();
    check_numbers<short>();
    check_numbers<unsigned short>();
    check_numbers<int>();
    check_numbers<unsigned>();
    check_numbers<long>();
    check_numbers<unsigned long>();
    check_numbers<long long>();
    check_numbers<unsigned long long>();
    fixed_text<16> t;
    t << 'c' << true << "s" << std::string_view("view") << -3;
    CHECK(text(t) == "c1sview-3");
}

TEST_CASE("error: text that does not fit is cut, in whatever pieces it comes") {
    constexpr std::size_t room = 16;
    for (std::size_t n = 0; n < room + 12; ++n) {
        std::string whole;
        for (std::size_t i = 0; i < n; ++i) whole += static_cast<char>('a' + i % 26);
        for (std::size_t first = 0; first <= n; ++first) {
            fixed_text<room> t;
            t << std::string_view(whole).substr(0, first);
            for (const char c : whole.substr(first)) t << c;
            CHECK(text(t) == cut(whole, room));
        }
    }
    fixed_text<room> t;
    t << std::string(1000, 'x') << 12345 << 'y' << aka::detail::quoted{"name"};
    CHECK(text(t) == cut(std::string(1000, 'x'), room));
    fixed_text<4> tiny;  // no room for the dots: cut without them
    tiny << "abcdef";
    CHECK(text(tiny) == "abc");
}

TEST_CASE("error: names cannot speak to a terminal") {
    for (int c = 0; c < 256; ++c) {
        const std::string name = std::string("a") + static_cast<char>(c) + "b";
        fixed_text<64> t;
        t << aka::detail::quoted{name};
        CHECK(text(t) == "'" + escaped(name) + "'");
        for (int d = 0x78; d < 0xc4; ++d) {  // two bytes, of which some are U+0080 to U+009F
            const std::string two = std::string(1, static_cast<char>(c)) + static_cast<char>(d);
            fixed_text<64> u;
            u.name(two);
            CHECK(text(u) == escaped(two));
        }
    }
    const std::string evil =
        "\x1b]0;owned\x07\r\n\x7f\xc2\x9b"
        "31m";
    const std::string said = text(error(errc::not_found).say(aka::detail::quoted{evil}).message());
    CHECK(said == "'" + escaped(evil) + "'");
    const std::string file = text(error(errc::cannot_open).in(evil).message());
    CHECK(file == escaped(evil) + ": cannot_open");
}

TEST_CASE("error: long names are cut in the middle") {
    for (const std::size_t n : {0u, 1u, 95u, 96u, 97u, 98u, 1000u}) {
        std::string name;
        for (std::size_t i = 0; i < n; ++i) name += static_cast<char>('!' + i % 90);
        const std::string expected =
            n <= 96 ? name : name.substr(0, 48) + "..." + name.substr(n - 48);
        fixed_text<256> t;
        t << aka::detail::quoted{name};
        CHECK(text(t) == "'" + expected + "'");
    }
    for (std::size_t most = 2; most < 40; most += 2) {
        const std::string name = std::string(20, '\n') + std::string(20, 'z');
        const std::string half = escaped(name.substr(0, most / 2));
        fixed_text<256> t;
        t.name(name, most);
        CHECK(text(t) == half + "..." + name.substr(40 - most / 2));
    }
}

TEST_CASE("error: the message puts file, offset, sentence and system error together") {
    for (const std::string file : {"", "model.safetensors"}) {
        for (const std::uint64_t offset : {error::nowhere, std::uint64_t{0}, ~std::uint64_t{1}}) {
            for (const std::string detail : {"", "tensor 'a.b': data ends at 99"}) {
                for (const int os : {0, 2, -5}) {
                    error e(errc::truncated, offset);
                    e.say(detail).in(file).os(os);
                    std::string expected = file.empty() ? "" : file + ": ";
                    if (offset != error::nowhere)
                        expected += "byte " + std::to_string(offset) + ": ";
                    expected += detail.empty() ? "truncated" : detail;
                    if (os != 0) expected += " (system error " + std::to_string(os) + ")";
                    CHECK(text(e.message()) == expected);
                    CHECK(e.code() == errc::truncated);
                    CHECK(e.offset() == offset);
                    CHECK(e.os_error() == os);
                    CHECK(e.file() == file);
                    CHECK(e.detail() == detail);
                }
            }
        }
    }
    CHECK(error().code() == errc::none);
    CHECK(error().offset() == error::nowhere);
    CHECK(text(error().message()) == "none");
}

TEST_CASE("error: it owns what it says, and the first file named stays") {
    static_assert(std::is_trivially_copyable_v<error>, "copying one cannot fail");
    static_assert(std::is_nothrow_default_constructible_v<error>);
    test::alloc_scope allocs;
    error e;
    {
        const auto file = std::make_unique<std::string>("first");
        const auto name = std::make_unique<std::string>("tensor");
        e = aka::detail::fail(errc::bad_offset, 7, "tensor ", aka::detail::quoted{*name}, ": ", 1u);
        e.in(*file).in("second").at(8);
    }
    const error copy = e;
    CHECK(text(copy.message()) == "first: byte 8: tensor 'tensor': 1");
    CHECK(aka::detail::no_memory().code() == errc::out_of_memory);
    CHECK(allocs.count() == 0);
}

TEST_CASE("error: no message is longer than its room") {
    error e(errc::out_of_memory, ~std::uint64_t{1});
    e.in(std::string(1000, '\x01')).say(std::string(2000, 'd')).os(-2147483647 - 1);
    const std::string all = text(e.message());
    // The system error comes last: it stands there whole, so nothing before it pushed it out.
    const std::string tail = "... (system error -2147483648)";
    REQUIRE(all.size() > tail.size());
    CHECK(all.substr(all.size() - tail.size()) == tail);
    CHECK(e.file().size() < 180);
    CHECK(e.detail().substr(e.detail().size() - 3) == "...");
}

namespace {

// Counts how many there are; can be moved, not copied.
struct counted {
    static inline int alive = 0, from_itself = 0;
    int value;
    explicit counted(int v) noexcept : value(v) { ++alive; }
    counted(counted&& o) noexcept : value(std::exchange(o.value, -1)) {
        ++alive;
        from_itself += this == &o;
    }
    counted& operator=(counted&&) = delete;  // result must not need it
    ~counted() { --alive; }
};
using box = aka::result<counted>;

static_assert(!std::is_copy_constructible_v<box> && !std::is_copy_assignable_v<box>);
static_assert(std::is_nothrow_move_constructible_v<box> && std::is_nothrow_move_assignable_v<box>);
static_assert(std::is_constructible_v<bool, box> && !std::is_convertible_v<box, bool>);
static_assert(std::is_copy_constructible_v<aka::status> && std::is_copy_assignable_v<aka::status>);
static_assert(!std::is_convertible_v<aka::status, bool>);

box made(int v) { return counted(v); }
box failed(std::uint64_t at) { return error(errc::bad_magic, at).say("no ", at); }

// What a box holds: its value, or the offset of its error as a negative number.
std::int64_t seen(const box& b) {
    CHECK(b.has_value() == static_cast<bool>(b));
    CHECK((b.get_if() != nullptr) == b.has_value());
    if (b) {
        CHECK(b.code() == errc::none);
        CHECK(b.error().code() == errc::none);
        return b.get_if()->value;
    }
    CHECK(b.code() == errc::bad_magic);
    return -static_cast<std::int64_t>(b.error().offset());
}

}  // namespace

TEST_CASE("result: construction, moves and assignment keep one object alive") {
    REQUIRE(counted::alive == 0);
    for (int from = 0; from < 2; ++from) {
        for (int to = 0; to < 2; ++to) {
            CAPTURE(from);
            CAPTURE(to);
            const std::int64_t value = from == 0 ? 5 : -6;
            box source = from == 0 ? made(5) : failed(6);
            CHECK(seen(source) == value);
            box moved = std::move(source);
            CHECK(seen(moved) == value);
            box target = to == 0 ? made(1) : failed(2);
            target = std::move(moved);
            CHECK(seen(target) == value);
            box& alias = target;  // -Wself-move would object to the plain spelling
            target = std::move(alias);
            CHECK(seen(target) == value);
            CHECK(counted::alive == (from == 0 ? 3 : 0));  // two of them moved from
        }
    }
    CHECK(counted::alive == 0);
    CHECK(counted::from_itself == 0);
    CHECK(made(3).value_or(counted(4)).value == 3);
    CHECK(failed(3).value_or(counted(4)).value == 4);
    CHECK(counted::alive == 0);
}

TEST_CASE("result<void>: copies and assignments, to itself too") {
    const aka::status good, bad = error(errc::cannot_read, 9).in("f").say("no");
    for (const aka::status* from : {&good, &bad}) {
        for (const aka::status* to : {&good, &bad}) {
            aka::status s = *to;
            s = *from;
            aka::status& alias = s;
            s = alias;
            CHECK(static_cast<bool>(s) == (from == &good));
            CHECK(s.has_value() == (from == &good));
            CHECK(s.code() == (from == &good ? errc::none : errc::cannot_read));
            CHECK(text(s.error().message()) == (from == &good ? "none" : "f: byte 9: no"));
        }
    }
}

#if AKA_EXCEPTIONS

TEST_CASE("result: asking for what is not there throws what was wrong") {
    const auto what_of = [](auto ask) {
        try {
            ask();
        } catch (const aka::exception& e) {
            CHECK(e.error().code() == errc::bad_magic);
            CHECK(e.error().offset() == 6);
            const std::exception& base = e;  // whoever catches std::exception sees the sentence
            return std::string(base.what());
        }
        return std::string("nothing was thrown");
    };
    box b = failed(6);
    const box& c = b;
    const std::string said = "byte 6: no 6";
    CHECK(what_of([&] { (void)b.value(); }) == said);
    CHECK(what_of([&] { (void)c.value(); }) == said);
    CHECK(what_of([&] { (void)std::move(b).value(); }) == said);
    CHECK(what_of([&] { (void)*b; }) == said);
    CHECK(what_of([&] { (void)*c; }) == said);
    CHECK(what_of([&] { (void)*std::move(b); }) == said);
    CHECK(what_of([&] { (void)b->value; }) == said);
    CHECK(what_of([&] { (void)c->value; }) == said);
    const aka::status s = error(errc::bad_magic, 6).say("no ", 6);
    CHECK(what_of([&] { s.value(); }) == said);
    CHECK(what_of([] { aka::status().value(); }) == "nothing was thrown");
}

TEST_CASE("result: asking for what is there gives it") {
    {
        box b = made(7);
        const box& c = b;
        CHECK(b->value == 7);
        CHECK(c->value == 7);
        CHECK(&*b == b.get_if());
        CHECK(&*c == c.get_if());
        CHECK(&b.value() == b.get_if());
        CHECK(&c.value() == c.get_if());
        b->value = 8;
        const counted taken = *std::move(b);
        CHECK(taken.value == 8);
        CHECK(c->value == -1);
        CHECK(made(9).value().value == 9);
    }
    CHECK(counted::alive == 0);
}

#endif

}  // namespace test_error
