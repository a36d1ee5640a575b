// aka: a strict pull reader for the JSON that checkpoints hold. No tree, no copies: the caller
// says what it expects next, and takes it where it lies.
#ifndef AKA_JSON_HPP
#define AKA_JSON_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "bytes.hpp"
#include "name_index.hpp"

AKA_BEGIN
namespace detail {

/// Length of the UTF-8 sequence at p (1 to 4), or 0 where there is none: overlong forms,
/// surrogates and values over U+10FFFF are none.
inline unsigned utf8_length(const char* p, const char* end) noexcept {
    auto byte = [&](int i) { return static_cast<unsigned char>(p[i]); };
    auto more = [&](int i) { return (byte(i) & 0xc0) == 0x80; };
    unsigned char c = byte(0);
    if (c < 0x80) return 1;
    if (c < 0xc2) return 0;
    if (c < 0xe0) return end - p >= 2 && more(1) ? 2 : 0;
    if (c < 0xf0) {
        if (end - p < 3 || !more(1) || !more(2)) return 0;
        if ((c == 0xe0 && byte(1) < 0xa0) || (c == 0xed && byte(1) >= 0xa0)) return 0;
        return 3;
    }
    if (c > 0xf4 || end - p < 4 || !more(1) || !more(2) || !more(3)) return 0;
    if ((c == 0xf0 && byte(1) < 0x90) || (c == 0xf4 && byte(1) >= 0x90)) return 0;
    return 4;
}
/// The first byte that is not UTF-8, or text.size().
inline std::size_t find_bad_utf8(std::string_view text) noexcept {
    const char *p = text.data(), *end = p + text.size();
    while (p < end) {
        unsigned n = utf8_length(p, end);
        if (n == 0) break;
        p += n;
    }
    return static_cast<std::size_t>(p - text.data());
}

// In sixteen characters, the first that is a quote, a backslash, a control character or not ASCII;
// 16: none is.
#if defined(__SSE2__) && (defined(__GNUC__) || defined(__clang__))
typedef char sixteen __attribute__((vector_size(16)));  // <emmintrin.h> has too many lines
typedef signed char sixteen_signed __attribute__((vector_size(16)));
AKA_INLINE unsigned first_special(const char* p) noexcept {
    auto v = load_native<sixteen_signed>(p);
    auto hit = (v == '"') | (v == '\\') | (v < 0x20);  // what is not ASCII is below 0
    auto mask = static_cast<unsigned>(__builtin_ia32_pmovmskb128(reinterpret_cast<sixteen>(hit)));
    return static_cast<unsigned>(__builtin_ctz(mask | 0x10000));
}
#else
inline unsigned lowest_byte(std::uint64_t mask) noexcept {
#if defined(__GNUC__) || defined(__clang__)
    return static_cast<unsigned>(__builtin_ctzll(mask)) >> 3;
#else
    unsigned n = 0;
    for (; (mask & 0xff) == 0; mask >>= 8) ++n;
    return n;
#endif
}
AKA_INLINE std::uint64_t special(std::uint64_t w) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
    std::uint64_t quote = w ^ (ones * '"'), back = w ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((back - ones) & ~back) | ((w - ones * 0x20) & ~w) | w) &
           high;
}
AKA_INLINE unsigned first_special(const char* p) noexcept {
    std::uint64_t a = special(load_le<std::uint64_t>(p)),
                  b = special(load_le<std::uint64_t>(p + 8));
    if (a != 0) return lowest_byte(a);
    return b != 0 ? 8 + lowest_byte(b) : 16;
}
#endif

/// The closing quote of a string of plain ASCII that begins at p, its characters hashed on the way.
/// Null: something in it, or the end of the text, needs a closer look.
AKA_INLINE const char* plain_string(const char* p, const char* end, std::uint32_t& hash) noexcept {
    const char* start = p;
    std::uint64_t h = hash_start;
    for (; end - p >= 16; p += 16) {
        auto a = load_le<std::uint64_t>(p), b = load_le<std::uint64_t>(p + 8);
        unsigned k = first_special(p);
        if (k == 16) {
            h = hash_block(h, a, b);
            continue;
        }
        if (p[k] != '"') return nullptr;
        h = hash_block(h, low_bytes(a, k), k < 8 ? 0 : low_bytes(b, k - 8));
        p += k;
        hash = hash_end(h, static_cast<std::uint64_t>(p - start));
        return p;
    }
    return nullptr;
}

/// A string as it lies between its quotes.
struct json_string {
    const char* at = nullptr;
    std::uint32_t size = 0;
    std::uint32_t hash = 0;  // of the characters; only where nothing is escaped
    bool escaped = false;

    std::string_view raw() const noexcept { return {at, size}; }
};

class json_reader {
  public:
    static constexpr unsigned max_depth = 127;  // as the reference's JSON library

    explicit json_reader(std::string_view text) noexcept
        : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

    bool ok() const noexcept { return what_ == nullptr; }
    /// After a failure: what was wrong, and at which byte of the text.
    const char* what() const noexcept { return what_; }
    std::uint64_t pos() const noexcept { return static_cast<std::uint64_t>(at_ - begin_); }

    /// Reads an object, handing each key to `f(const json_string&) -> bool`, which reads the value.
    template <class F>
    bool object(F f) noexcept {
        if (!open('{', "expected an object")) return false;
        if (!take('}')) {
            do {
                json_string key;
                if (!string(key) || !expect(':', "expected ':' after a key") || !f(key))
                    return stop("expected another value");
            } while (take(','));
            if (!expect('}', "expected ',' or '}'")) return false;
        }
        return --depth_, true;
    }
    /// Reads an array, calling `f() -> bool` to read each element.
    template <class F>
    bool array(F f) noexcept {
        if (!open('[', "expected an array")) return false;
        if (!take(']')) {
            do
                if (!f()) return stop("expected another value");
            while (take(','));
            if (!expect(']', "expected ',' or ']'")) return false;
        }
        return --depth_, true;
    }
    bool string(json_string& s) noexcept {
        return expect('"', "expected a string") && string_rest(s);
    }
    /// A whole number that fits; no sign, fraction, exponent or leading zero.
    bool whole(std::uint64_t& v) noexcept {
        white();
        const char* start = at_;
        v = 0;
        for (; at_ < end_ && is_digit(*at_); ++at_) {
            auto d = static_cast<std::uint64_t>(*at_ - '0');
            if (v > ~std::uint64_t{0} / 10 || v * 10 > ~std::uint64_t{0} - d)
                return stop("this number does not fit in 64 bits");
            v = v * 10 + d;
        }
        if (at_ == start || (at_ < end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')))
            return stop("expected a whole number that is not negative");
        if (*start == '0' && at_ - start > 1) return stop("a number with a leading zero");
        return true;
    }
    /// Any number. Exactly rounded up to 2^53 with an exponent of at most 22, as in all configs.
    bool number(double& v) noexcept;
    bool boolean(bool& v) noexcept {
        white();
        if (literal("true")) return v = true, true;
        if (literal("false")) return v = false, true;
        return stop("expected true or false");
    }
    bool null() noexcept { return white(), literal("null"); }
    /// The first character of the next value: one of {["-0123456789tfn, or 0 at the end.
    char peek() noexcept { return white(), at_ < end_ ? *at_ : '\0'; }
    /// Passes over any value.
    bool skip() noexcept;
    /// Nothing but white space is left.
    bool finish() noexcept {
        white();
        return at_ == end_ || stop("something follows the JSON text");
    }

    // For a reader that knows the usual form of its files and looks for that first: where the next
    // character is, how far the text goes, and jumping ahead.
    const char* at() const noexcept { return at_; }
    const char* end() const noexcept { return end_; }
    void jump(const char* to) noexcept { at_ = to; }
    bool take(char c) noexcept {
        white();
        if (at_ >= end_ || *at_ != c) return false;
        return ++at_, true;
    }
    bool expect(char c, const char* what) noexcept {
        if (AKA_LIKELY(at_ < end_ && *at_ == c)) return ++at_, true;
        return take(c) || stop(what);
    }
    bool string_rest(json_string& s) noexcept;  // after the opening quote
    AKA_COLD bool stop(const char* what) noexcept {
        if (what_ == nullptr) what_ = at_ >= end_ ? "the text ends here" : what;
        return false;
    }

    static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
    static int hex_digit(char c) noexcept {
        if (is_digit(c)) return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    }

  private:
    void white() noexcept {
        while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    }
    bool open(char c, const char* what) noexcept {
        if (!expect(c, what)) return false;
        return ++depth_ <= max_depth || stop("nested too deep");
    }
    bool literal(std::string_view word) noexcept {
        if (static_cast<std::size_t>(end_ - at_) < word.size() ||
            std::memcmp(at_, word.data(), word.size()) != 0)
            return false;
        return at_ += word.size(), true;
    }
    bool slow_string(json_string& s, const char* from) noexcept;
    bool escape(const char*& p) noexcept;
    int hex4(const char* p) const noexcept {
        if (end_ - p < 4) return -1;
        int v = 0;
        for (int i = 0; i < 4; ++i) {
            int d = hex_digit(p[i]);
            if (d < 0) return -1;
            v = v * 16 + d;
        }
        return v;
    }

    const char* begin_;
    const char* at_;
    const char* end_;
    const char* what_ = nullptr;
    unsigned depth_ = 0;
};

inline bool json_reader::string_rest(json_string& s) noexcept {
    s.at = at_;
    s.escaped = false;
    const char* quote = plain_string(at_, end_, s.hash);
    if (!AKA_LIKELY(quote != nullptr)) return slow_string(s, at_);
    s.size = static_cast<std::uint32_t>(quote - s.at);
    at_ = quote + 1;
    return true;
}

inline bool json_reader::slow_string(json_string& s, const char* p) noexcept {
    while (true) {
        at_ = p;
        if (p >= end_) return stop("a string without an end");
        if (*p == '"') break;
        if (static_cast<unsigned char>(*p) < 0x20) return stop("a control character in a string");
        if (*p == '\\') {
            s.escaped = true;
            if (!escape(p)) return false;
            continue;
        }
        unsigned n = utf8_length(p, end_);
        if (n == 0) return stop("not UTF-8");
        p += n;
    }
    if (p - s.at > 0x7fffffff) return stop("a string of more than 2 GiB");
    s.size = static_cast<std::uint32_t>(p - s.at);
    s.hash = s.escaped ? 0 : hash_name(s.raw());
    at_ = p + 1;
    return true;
}

inline bool json_reader::escape(const char*& p) noexcept {
    ++p;
    if (p >= end_) return stop("a string without an end");
    constexpr std::string_view simple = "\"\\/bfnrt";
    if (simple.find(*p) != std::string_view::npos) return ++p, true;
    if (*p != 'u') return stop("an escape that JSON does not have");
    int u = hex4(p + 1);
    if (u < 0) return stop("expected four hexadecimal digits");
    p += 5;
    if (u < 0xd800 || u >= 0xe000) return true;
    // A surrogate must be the first half of a pair.
    int low = end_ - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
    if (u >= 0xdc00 || low < 0xdc00 || low >= 0xe000) return stop("half of a surrogate pair");
    p += 6;
    return true;
}

inline bool json_reader::number(double& v) noexcept {
    white();
    const char* p = at_;
    bool minus = p < end_ && *p == '-';
    if (minus) ++p;
    const char* first = p;
    std::uint64_t m = 0;
    int exponent = 0;
    auto digits = [&](bool fraction) {
        const char* start = p;
        for (; p < end_ && is_digit(*p); ++p) {
            if (m < 1000000000000000000u) {
                m = m * 10 + static_cast<std::uint64_t>(*p - '0');
                exponent -= fraction;
            } else if (!fraction && exponent < 100000) {
                ++exponent;
            }
        }
        return p != start;
    };
    if (!digits(false) || (*first == '0' && p - first > 1)) return stop("expected a number");
    if (p < end_ && *p == '.' && (++p, !digits(true))) return stop("expected digits after '.'");
    if (p < end_ && (*p == 'e' || *p == 'E')) {
        ++p;
        bool down = p < end_ && *p == '-';
        if (p < end_ && (*p == '-' || *p == '+')) ++p;
        const char* start = p;
        int e = 0;
        for (; p < end_ && is_digit(*p); ++p)
            if (e < 100000) e = e * 10 + (*p - '0');
        if (p == start) return stop("expected an exponent");
        exponent += down ? -e : e;
    }
    v = static_cast<double>(m);
    double scale = 1, ten = 10;
    bool down = exponent < 0;
    for (unsigned e = static_cast<unsigned>(down ? -exponent : exponent); e != 0 && v != 0;) {
        if ((e & 1) != 0) scale *= ten;
        e >>= 1;
        if (e != 0) ten *= ten;
        if (scale - scale != 0) break;
    }
    v = down ? v / scale : v * scale;
    if (minus) v = -v;
    at_ = p;
    return true;
}

// Recursive, but no deeper than max_depth.
inline bool json_reader::skip() noexcept {
    json_string text;
    double number_seen = 0;
    bool bool_seen = false;
    switch (peek()) {
        case '{':
            return object([this](const json_string&) { return skip(); });
        case '[':
            return array([this] { return skip(); });
        case '"':
            return string(text);
        case 't':
        case 'f':
            return boolean(bool_seen);
        case 'n':
            return null() || stop("expected a value");
        default:
            return number(number_seen) || stop("expected a value");
    }
}

/// Hands the characters of a string to `f(char)`, escapes decoded. The string has been read, so
/// that every escape in it is a good one.
template <class F>
void decode(const json_string& s, F f) noexcept {
    auto hex4 = [](const char* p) {
        std::uint32_t v = 0;
        for (int i = 0; i < 4; ++i)
            v = v * 16 + static_cast<std::uint32_t>(json_reader::hex_digit(p[i]));
        return v;
    };
    const char *p = s.at, *end = s.at + s.size;
    while (p < end) {
        if (*p != '\\') {
            f(*p++);
            continue;
        }
        char c = p[1];
        p += 2;
        if (c != 'u') {
            constexpr std::string_view from = "bfnrt", to = "\b\f\n\r\t";
            std::size_t i = from.find(c);
            f(i == std::string_view::npos ? c : to[i]);
            continue;
        }
        std::uint32_t u = hex4(p);
        p += 4;
        if (u >= 0xd800 && u < 0xe000) {
            u = 0x10000 + ((u - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
            p += 6;
        }
        if (u < 0x80) {
            f(static_cast<char>(u));
            continue;
        }
        if (u >= 0x10000) {
            f(static_cast<char>(0xf0 | (u >> 18)));
            f(static_cast<char>(0x80 | ((u >> 12) & 0x3f)));
        } else if (u >= 0x800) {
            f(static_cast<char>(0xe0 | (u >> 12)));
        } else {
            f(static_cast<char>(0xc0 | (u >> 6)));
        }
        if (u >= 0x800) f(static_cast<char>(0x80 | ((u >> 6) & 0x3f)));
        f(static_cast<char>(0x80 | (u & 0x3f)));
    }
}

inline bool equal(const json_string& s, std::string_view t) noexcept {
    if (!s.escaped) return s.raw() == t;
    std::size_t i = 0;
    bool same = true;
    decode(s, [&](char c) {
        same = same && i < t.size() && t[i] == c;
        ++i;
    });
    return same && i == t.size();
}

/// The text of a string: where it lies, or, if something in it is escaped, decoded into the arena.
/// False: no memory.
inline bool text_of(const json_string& s, arena& a, std::string_view& out) noexcept {
    out = s.raw();
    if (!s.escaped) return true;
    auto* p = static_cast<char*>(a.allocate(s.size, 1));
    if (p == nullptr) return false;
    std::size_t n = 0;
    decode(s, [&](char c) { p[n++] = c; });
    out = {p, n};
    return true;
}

}  // namespace detail
AKA_END

#endif  // AKA_JSON_HPP
