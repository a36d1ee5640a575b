// Text for people: escaped for terminals, measured, cut, and numbers in a readable size.
#ifndef AKA_CLI_TEXT_HPP
#define AKA_CLI_TEXT_HPP

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>

namespace cli {

// Takes the next character of UTF-8 text. Bytes that are not UTF-8 (overlong forms, surrogates,
// anything cut off) come one at a time, with `valid` false.
struct character {
    std::uint32_t code = 0;
    std::size_t size = 1;
    bool valid = false;
};
inline character next_character(std::string_view s) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    character c;
    c.code = byte(0);
    if (c.code < 0x80) return c.valid = true, c;
    const std::size_t size = c.code < 0xc2 ? 0 : c.code < 0xe0 ? 2 : c.code < 0xf0 ? 3 : 4;
    if (size == 0 || c.code > 0xf4 || s.size() < size) return c;
    std::uint32_t code = c.code & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return c;
        code = code << 6 | (byte(i) & 0x3f);
    }
    static constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return c;
    return {code, size, true};
}

// Characters that command a terminal or hide text: control characters of both sets, and those
// that change the direction of writing or have no width.
inline bool is_unsafe(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

// Printable ASCII: nearly every name, and nothing to look at twice.
inline bool is_plain(std::string_view s) {
    for (const char c : s)
        if (static_cast<signed char>(c) < 0x20 || c == 0x7f) return false;
    return true;
}

// Names, keys and values are the file's choice: whatever is not plain text becomes \xNN.
inline std::string escape(std::string_view s) {
    static constexpr char hex[] = "0123456789abcdef";
    if (is_plain(s)) return std::string(s);
    std::string out;
    while (!s.empty()) {
        const character c = next_character(s);
        for (const char b : s.substr(0, c.size)) {
            if (c.valid && !is_unsafe(c.code)) {
                out += b;
            } else {
                const auto u = static_cast<unsigned char>(b);
                (out += "\\x") += hex[u >> 4];
                out += hex[u & 15];
            }
        }
        s.remove_prefix(c.size);
    }
    return out;
}

// How many columns a terminal takes for a character: two for East Asian ones and emoji.
inline std::size_t columns_of(std::uint32_t c) {
    if (c >= 0x300 && c < 0x370) return 0;  // combining
    return (c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) ||
                   (c >= 0xac00 && c < 0xd7a4) || (c >= 0xf900 && c < 0xfb00) ||
                   (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) ||
                   (c >= 0x1f300 && c < 0x1fb00) || (c >= 0x20000 && c < 0x40000)
               ? 2
               : 1;
}
inline std::size_t width(std::string_view s) {
    if (is_plain(s)) return s.size();
    std::size_t n = 0;
    while (!s.empty()) {
        const character c = next_character(s);
        n += columns_of(c.code);
        s.remove_prefix(c.size);
    }
    return n;
}

// The longest beginning that fits.
inline std::string_view fit(std::string_view s, std::size_t columns) {
    std::size_t at = 0;
    while (at < s.size()) {
        const character c = next_character(s.substr(at));
        const std::size_t n = columns_of(c.code);
        if (n > columns) break;
        columns -= n;
        at += c.size;
    }
    return s.substr(0, at);
}

// Both ends of a long text: names differ at either, and more often at the second.
inline std::string cut_middle(std::string_view s, std::size_t columns) {
    constexpr std::size_t gap = 3;
    if (width(s) <= columns || columns < gap + 2) return std::string(s);
    const std::size_t left = (columns - gap) / 3, right = columns - gap - left;
    std::string_view tail = s;
    while (width(tail) > right) tail.remove_prefix(next_character(tail).size);
    return std::string(fit(s, left)).append("...").append(tail);
}

namespace detail {

// Three or four digits that count: 8.03, 14.96, 525.3, 1002. A whole number has no fraction.
inline std::string digits(double v) {
    char text[32];
    const int after = v < 99.995 ? 2 : v < 999.95 ? 1 : 0;
    std::snprintf(text, sizeof text, "%.*f", after, v);
    std::string out = text;
    if (after != 0 && v == static_cast<double>(static_cast<std::uint64_t>(v)))
        out.resize(out.find('.'));
    return out;
}

template <std::size_t N>
std::string with_unit(std::uint64_t n, double step, const char* const (&units)[N]) {
    auto v = static_cast<double>(n);
    std::size_t u = 0;
    // 1023.9 MiB is written 1024 MiB, which is 1 GiB.
    for (; u + 1 < N && v >= step - 0.5; ++u) v /= step;
    std::string out = u == 0 ? std::to_string(n) : digits(v);
    if (*units[u] != '\0') (out += ' ') += units[u];
    return out;
}

}  // namespace detail

// 8.03 B, 525.3 M; small counts as they are.
inline std::string human_count(std::uint64_t n) {
    static constexpr const char* units[] = {"", "k", "M", "B", "T", "P", "E"};
    return n < 100000 ? std::to_string(n) : detail::with_unit(n, 1000, units);
}
// 14.96 GiB.
inline std::string human_size(std::uint64_t n) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    return detail::with_unit(n, 1024, units);
}
inline std::string percent(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0 || part == 0) return "0 %";
    if (part == whole) return "100 %";
    const double v = 100 * static_cast<double>(part) / static_cast<double>(whole);
    if (v < 0.1) return "<0.1 %";
    if (v > 99.9) return ">99.9 %";
    char text[32];
    std::snprintf(text, sizeof text, v < 9.95 || v >= 99.5 ? "%.1f %%" : "%.0f %%", v);
    return text;
}
// The fewest digits that give the same number back.
template <class T>
std::string shortest(T v) {
    static_assert(std::is_floating_point_v<T>);
    if (v != v) return "NaN";
    if (v - v != 0) return v < 0 ? "-Infinity" : "Infinity";
    char text[40];
    for (int digits = sizeof(T) == 4 ? 6 : 15; digits <= 17; ++digits) {
        std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(v));
        if (static_cast<T>(std::strtod(text, nullptr)) == v) break;
    }
    return text;
}
// The last part of a path.
inline std::string_view file_name(std::string_view path) {
#if defined(_WIN32)
    return path.substr(path.find_last_of("/\\") + 1);
#else
    return path.substr(path.rfind('/') + 1);
#endif
}
// "1 file", "4 files".
inline std::string plural(std::uint64_t n, const std::string& one) {
    return std::to_string(n) + ' ' + one + (n == 1 ? "" : "s");
}

}  // namespace cli

#endif  // AKA_CLI_TEXT_HPP
