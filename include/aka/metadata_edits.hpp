// aka: changes to the keys and values of a file that is to be written: set one, take one away.
#include "version.hpp"

#ifndef AKA_METADATA_EDITS_HPP
#define AKA_METADATA_EDITS_HPP

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "arena.hpp"
#include "error.hpp"
#include "json.hpp"
#include "metadata.hpp"

AKA_BEGIN
namespace detail {

template <class T>
constexpr value_type value_type_of() noexcept {
    if constexpr (std::is_same_v<T, bool>) return value_type::boolean;
    if constexpr (std::is_floating_point_v<T>)
        return sizeof(T) == 4 ? value_type::f32 : value_type::f64;
    constexpr value_type types[] = {value_type::u8,  value_type::i8,  value_type::u16,
                                    value_type::i16, value_type::u32, value_type::i32,
                                    value_type::u64, value_type::i64};
    unsigned i = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 2 : sizeof(T) == 4 ? 4 : 6;
    return types[i + (std::is_signed_v<T> ? 1 : 0)];
}

/// A scalar as GGUF stores it, little-endian.
inline void store_le(std::byte* to, std::uint64_t bits, unsigned width) noexcept {
    for (unsigned i = 0; i < width; ++i) to[i] = static_cast<std::byte>(bits >> (8 * i));
}
template <class T>
std::uint64_t bits_of(T v) noexcept {
    if constexpr (std::is_same_v<T, float>)
        return load_native<std::uint32_t>(&v);
    else if constexpr (std::is_same_v<T, double>)
        return load_native<std::uint64_t>(&v);
    else
        return static_cast<std::uint64_t>(v);
}

}  // namespace detail

/// What is to be different in the metadata of a file that is written. Keys that are not named stay
/// as they are, byte for byte and in their order; a key that is set keeps its place, a new one goes
/// to the end. Of two edits of one key the later counts. Owns its memory. Move-only.
class metadata_edits {
  public:
    /// One edit. The value is stored as in a little-endian GGUF.
    struct edit {
        std::string_view key;     ///< of the file
        detail::raw_value value;  ///< of type `none`: the key goes
        bool plain;               ///< text that named no type: see set_text
    };

    /// Takes a key away; one that is not there is no error. Errors: out_of_memory.
    status unset(std::string_view key) noexcept { return put(key, {}, false); }

    /// A string, whatever is in it. Errors: out_of_memory.
    status set(std::string_view key, std::string_view text) noexcept {
        return set_string(key, text, false);
    }
    /// A number or flag of GGUF's type for T: std::uint32_t is u32, bool is bool. safetensors has
    /// no such values. Errors: out_of_memory.
    template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
    status set(std::string_view key, T number) noexcept {
        constexpr value_type t = detail::value_type_of<T>();
        std::byte* p = room(1, t);
        if (p == nullptr) return detail::no_memory();
        detail::store_le(p, detail::bits_of(number), width(t));
        return put(key, {p, 1, t, value_type::none, {}}, false);
    }
    /// An array of them. Errors: out_of_memory.
    template <class T>
    status set_array(std::string_view key, span<const T> numbers) noexcept {
        constexpr value_type t = detail::value_type_of<T>();
        std::byte* p = room(numbers.size(), t);
        if (p == nullptr) return detail::no_memory();
        for (std::size_t i = 0; i < numbers.size(); ++i)
            detail::store_le(p + i * width(t), detail::bits_of(numbers[i]), width(t));
        return put(key, {p, numbers.size(), value_type::array, t, {}}, false);
    }

    /// As a user writes it: `TYPE:VALUE` with a type of GGUF (`u32:32`, `f32:1e-5`, `bool:true`,
    /// `string:a text`), or `TYPE[]:VALUE` for an array (`i32[]:8,8,4`, or `[8, 8, 4]`; of strings
    /// as JSON has them, `string[]:["a", "b"]`). What names no type is a string, but writing it
    /// over a value of another type is refused (wrong_type), so that nobody makes a text of a
    /// number without knowing. Errors: bad_value_type (the value is not of the type it names),
    /// out_of_range, out_of_memory.
    status set_text(std::string_view key, std::string_view text) noexcept;

    /// All of another's edits, later than those that are here. Borrows their values, not their
    /// keys. Errors: out_of_memory.
    status add(const metadata_edits& others) noexcept {
        for (const edit& e : others.edits_)
            if (status s = put(e.key, e.value, e.plain); !s) return s;
        return {};
    }

    /// How many keys are to change.
    std::size_t size() const noexcept { return edits_.size(); }
    /// Whether none is.
    bool empty() const noexcept { return edits_.empty(); }
    /// In the order in which they were given.
    const edit& operator[](std::size_t i) const noexcept AKA_LIFETIMEBOUND { return edits_[i]; }
    /// Null: nothing is to happen to this key.
    const edit* find(std::string_view key) const noexcept AKA_LIFETIMEBOUND {
        for (const edit& e : edits_)
            if (e.key == key) return &e;
        return nullptr;
    }

  private:
    static constexpr unsigned width(value_type t) noexcept {
        return detail::value_types[static_cast<unsigned>(t)].size;
    }
    std::byte* room(std::size_t n, value_type t) noexcept {
        if (n > SIZE_MAX / 16) return nullptr;
        return static_cast<std::byte*>(memory_.allocate(n * width(t), 1));
    }
    status set_string(std::string_view key, std::string_view text, bool plain) noexcept {
        const char* p = memory_.copy(text);
        if (p == nullptr) return detail::no_memory();
        return put(key,
                   {reinterpret_cast<const std::byte*>(p),
                    text.size(),
                    value_type::string,
                    value_type::none,
                    {}},
                   plain);
    }
    status put(std::string_view key, const detail::raw_value& v, bool plain) noexcept {
        for (edit& e : edits_)
            if (e.key == key) return e.value = v, e.plain = plain, status();
        const char* p = memory_.copy(key);
        if (p == nullptr || !edits_.push({{p, key.size()}, v, plain})) return detail::no_memory();
        return {};
    }

    template <class... A>
    AKA_COLD static error bad(errc code, std::string_view key, const A&... parts) noexcept {
        return detail::fail(code, error::nowhere, "key ", detail::quoted{key}, ": ", parts...);
    }
    static std::string_view trimmed(std::string_view s) noexcept {
        while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
        while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
        return s;
    }
    static status scalar(std::string_view key, value_type t, std::string_view text,
                         std::byte* to) noexcept;
    status numbers(std::string_view key, value_type t, std::string_view text) noexcept;
    status strings(std::string_view key, std::string_view text) noexcept;

    detail::growing<edit> edits_;
    detail::arena memory_;
};

/// One number or flag of a type other than string and array.
inline status metadata_edits::scalar(std::string_view key, value_type t, std::string_view text,
                                     std::byte* to) noexcept {
    text = trimmed(text);
    std::string_view type = detail::value_types[static_cast<unsigned>(t)].name;
    auto wrong = [&] {
        return bad(errc::bad_value_type, key, detail::quoted{text}, " is no ", type);
    };
    unsigned size = width(t);
    if (t == value_type::boolean) {
        bool yes = text == "true" || text == "1";
        if (!yes && text != "false" && text != "0") return wrong();
        to[0] = static_cast<std::byte>(yes);
        return {};
    }
    if (t == value_type::f32 || t == value_type::f64) {
        detail::json_reader json(text);
        double v = 0;
        if (!json.number(v) || json.at() != json.end()) return wrong();
        auto narrow = static_cast<float>(v);
        bool fits = v - v == 0 && (t == value_type::f64 || narrow - narrow == 0);
        if (!fits) return bad(errc::out_of_range, key, text, " does not fit in ", type);
        detail::store_le(to, size == 4 ? detail::bits_of(narrow) : detail::bits_of(v), size);
        return {};
    }
    bool is_signed =
        t == value_type::i8 || t == value_type::i16 || t == value_type::i32 || t == value_type::i64;
    bool minus = !text.empty() && text.front() == '-';
    std::uint64_t n = 0;
    bool fits = true;
    std::string_view digits = text.substr(minus);
    if (digits.empty()) return wrong();
    for (char c : digits) {
        if (!detail::json_reader::is_digit(c)) return wrong();
        fits = fits && detail::checked_mul(n, 10, n) &&
               detail::checked_add(n, static_cast<std::uint64_t>(c - '0'), n);
    }
    // The largest number of the type; below zero there is room for one more.
    std::uint64_t most = ~std::uint64_t{0} >> (64 - 8 * size + (is_signed ? 1 : 0));
    if (minus) most = is_signed ? most + 1 : 0;
    if (!fits || n > most) return bad(errc::out_of_range, key, text, " does not fit in ", type);
    detail::store_le(to, minus ? 0 - n : n, size);
    return {};
}

inline status metadata_edits::numbers(std::string_view key, value_type t,
                                      std::string_view text) noexcept {
    text = trimmed(text);
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
        text = trimmed(text.substr(1, text.size() - 2));
    std::size_t n = text.empty() ? 0 : 1;
    for (char c : text) n += c == ',';
    std::byte* p = room(n, t);
    if (p == nullptr) return detail::no_memory();
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t comma = text.find(',');
        if (status s = scalar(key, t, text.substr(0, comma), p + i * width(t)); !s) return s;
        if (comma != std::string_view::npos) text.remove_prefix(comma + 1);
    }
    return put(key, {p, n, value_type::array, t, {}}, false);
}

inline status metadata_edits::strings(std::string_view key, std::string_view text) noexcept {
    // Each string is shorter decoded than in its quotes, and its length takes eight bytes.
    detail::json_reader json(text);
    std::uint64_t n = 0, bytes = 0;
    detail::json_string s;
    bool good = json.array([&] {
        if (!json.string(s)) return false;
        ++n;
        bytes += 8 + s.size;
        return true;
    });
    if (!good || !json.finish())
        return bad(errc::bad_value_type, key, "expected an array of strings as JSON writes it");
    auto* p = static_cast<std::byte*>(memory_.allocate(static_cast<std::size_t>(bytes), 1));
    if (p == nullptr) return detail::no_memory();
    std::byte* to = p;
    detail::json_reader again(text);
    (void)again.array([&] {
        if (!again.string(s)) return false;
        std::byte* length = to;
        to += 8;
        detail::decode(s, [&](char c) { *to++ = static_cast<std::byte>(c); });
        detail::store_le(length, static_cast<std::uint64_t>(to - length) - 8, 8);
        return true;
    });
    return put(key, {p, n, value_type::array, value_type::string, {}}, false);
}

inline status metadata_edits::set_text(std::string_view key, std::string_view text) noexcept {
    std::size_t colon = text.find(':');
    std::string_view type = text.substr(0, colon == std::string_view::npos ? 0 : colon);
    bool array = type.size() > 2 && type.substr(type.size() - 2) == "[]";
    if (array) type.remove_suffix(2);
    unsigned i = 0;
    while (i < detail::value_type_count && detail::value_types[i].name != type) ++i;
    auto t = static_cast<value_type>(i);
    if (i == detail::value_type_count || t == value_type::array) return set_string(key, text, true);
    text.remove_prefix(colon + 1);
    if (array) return t == value_type::string ? strings(key, text) : numbers(key, t, text);
    if (t == value_type::string) return set_string(key, text, false);
    std::byte* p = room(1, t);
    if (p == nullptr) return detail::no_memory();
    if (status s = scalar(key, t, text, p); !s) return s;
    return put(key, {p, 1, t, value_type::none, {}}, false);
}

AKA_END

#endif  // AKA_METADATA_EDITS_HPP
