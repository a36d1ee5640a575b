// aka: the key-value metadata of a checkpoint, read where it lies: nothing is copied, arrays are
// walked when asked.
#ifndef AKA_METADATA_HPP
#define AKA_METADATA_HPP

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "error.hpp"
#include "name_index.hpp"

AKA_BEGIN

/// GGUF's value types, by their ids. safetensors metadata is `string` throughout.
// clang-format off
enum class value_type : std::uint8_t {
    u8 = 0, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64,
    none = 255,
};
// clang-format on

/// A type of value: its name, and the bytes of a plain one.
struct value_type_info {
    std::string_view name;  ///< "u32", "string"
    std::uint8_t size;      ///< bytes of a scalar; 0: strings and arrays carry their own length
};

namespace detail {

inline constexpr value_type_info value_types[] = {
    {"u8", 1},   {"i8", 1},     {"u16", 2},   {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4},
    {"bool", 1}, {"string", 0}, {"array", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8}};
inline constexpr unsigned value_type_count = sizeof(value_types) / sizeof(value_types[0]);

/// How the bytes of a value are to be read.
struct value_format {
    bool swap = false;    ///< a big-endian file
    bool narrow = false;  ///< GGUF v1: lengths and counts have 32 bits
};

/// A value where it lies. Its extent was checked when the file was opened.
struct raw_value {
    const std::byte* at = nullptr;  ///< the scalar, the characters, or the first element
    std::uint64_t count = 0;        ///< characters or elements
    value_type type = value_type::none;
    value_type element = value_type::none;
    value_format format;
};

inline std::uint64_t load_length(const std::byte*& p, value_format f) noexcept {
    std::uint64_t n = 0;
    if (f.narrow)
        n = f.swap ? load_be<std::uint32_t>(p) : load_le<std::uint32_t>(p);
    else
        n = f.swap ? load_be<std::uint64_t>(p) : load_le<std::uint64_t>(p);
    p += f.narrow ? 4 : 8;
    return n;
}

/// The value at `p`, whose type is known, and `p` moved behind it.
inline raw_value take_value(const std::byte*& p, value_type t, value_format f) noexcept {
    raw_value v{nullptr, 1, t, value_type::none, f};
    if (t == value_type::string) {
        v.count = load_length(p, f);
    } else if (t == value_type::array) {
        v.element =
            static_cast<value_type>(f.swap ? load_be<std::uint32_t>(p) : load_le<std::uint32_t>(p));
        p += 4;
        v.count = load_length(p, f);
        v.at = p;
        // Strings and arrays have to be walked to find their end; numbers need not.
        std::uint8_t size = value_types[static_cast<unsigned>(v.element)].size;
        if (size != 0)
            p += v.count * size;
        else
            for (std::uint64_t i = 0; i < v.count; ++i) take_value(p, v.element, f);
        return v;
    }
    v.at = p;
    p += t == value_type::string ? v.count : value_types[static_cast<unsigned>(t)].size;
    return v;
}

template <class T>
T load_value(const raw_value& v) noexcept {
    return v.format.swap ? load_be<T>(v.at) : load_le<T>(v.at);
}

/// Calls `f` with the scalar as its own C++ type. False: it is a string or an array.
template <class F>
bool with_scalar(const raw_value& v, F f) noexcept {
    switch (v.type) {
        case value_type::u8:
            return f(load_value<std::uint8_t>(v)), true;
        case value_type::i8:
            return f(load_value<std::int8_t>(v)), true;
        case value_type::u16:
            return f(load_value<std::uint16_t>(v)), true;
        case value_type::i16:
            return f(load_value<std::int16_t>(v)), true;
        case value_type::u32:
            return f(load_value<std::uint32_t>(v)), true;
        case value_type::i32:
            return f(load_value<std::int32_t>(v)), true;
        case value_type::u64:
            return f(load_value<std::uint64_t>(v)), true;
        case value_type::i64:
            return f(load_value<std::int64_t>(v)), true;
        case value_type::f32:
            return f(load_value<float>(v)), true;
        case value_type::f64:
            return f(load_value<double>(v)), true;
        case value_type::boolean:
            return f(load_value<std::uint8_t>(v) != 0), true;
        default:
            return false;
    }
}

/// Whether `from` survives the way to T and back: no sign lost, nothing cut off.
template <class T, class F>
bool convert_number(F from, T& to) noexcept {
    if constexpr (std::is_same_v<T, F>) {
        return to = from, true;
    } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<F, bool>) {
        return false;  // a flag is not a number, nor the other way round
    } else if constexpr (std::is_floating_point_v<T>) {
        to = static_cast<T>(from);
        if constexpr (std::is_floating_point_v<F>) {
            return !(from == from) || static_cast<F>(to) - static_cast<F>(to) == 0 ||
                   from - from != 0;  // a narrowing that overflows is refused, one that rounds not
        } else {
            constexpr int digits = sizeof(T) == 4 ? 24 : 53;
            std::uint64_t m =
                from < 0 ? 0 - static_cast<std::uint64_t>(from) : static_cast<std::uint64_t>(from);
            while (m != 0 && (m & 1) == 0) m >>= 1;
            return (m >> digits) == 0;
        }
    } else if constexpr (std::is_floating_point_v<F>) {
        return false;  // 0.5 layers: never what a key means
    } else {
        to = static_cast<T>(from);
        return static_cast<F>(to) == from && (to < 0) == (from < 0);
    }
}

}  // namespace detail

class metadata_array;

/// One value. Borrows from the checkpoint (or whatever file class it was asked of).
class metadata_value {
  public:
    metadata_value() noexcept = default;
    /// For the readers.
    metadata_value(std::string_view key, const detail::raw_value& raw) noexcept
        : key_(key), raw_(raw) {}

    /// False: there is no such key.
    explicit operator bool() const noexcept { return raw_.type != value_type::none; }
    /// As the file spells it.
    std::string_view key() const noexcept { return key_; }
    /// As the file says.
    value_type type() const noexcept { return raw_.type; }
    /// Whether it is a text.
    bool is_string() const noexcept { return raw_.type == value_type::string; }
    /// Whether it is an array.
    bool is_array() const noexcept { return raw_.type == value_type::array; }

    /// The number as T, if T can hold it exactly: a u32 of 7 can be read as std::int8_t, one of 300
    /// cannot. Integers become float or double where no digit is lost; f64 may be rounded to
    /// float. bool reads bool only. Errors: not_found, wrong_type, out_of_range.
    template <class T>
    result<T> as() const noexcept {
        static_assert(std::is_arithmetic_v<T>,
                      "numbers and bool; as_string and as_array for others");
        T out{};
        bool fits = false;
        if (!detail::with_scalar(raw_, [&](auto v) { fits = detail::convert_number(v, out); }))
            return wrong("a number");
        if (fits) return out;
        return detail::fail(errc::out_of_range, error::nowhere, "key ", detail::quoted{key_},
                            ": its ", type_name(), " value does not fit the type asked for");
    }
    /// The bytes of a string; encoding is not checked, NUL may occur.
    result<std::string_view> as_string() const noexcept {
        if (!is_string()) return wrong("a string");
        return std::string_view(reinterpret_cast<const char*>(raw_.at),
                                static_cast<std::size_t>(raw_.count));
    }
    /// The array that it is. Errors: wrong_type.
    result<metadata_array> as_array() const noexcept;

    /// As GGUF calls it, such as "u32"; of an array "array".
    std::string_view type_name() const noexcept {
        return raw_.type == value_type::none
                   ? std::string_view("none")
                   : detail::value_types[static_cast<unsigned>(raw_.type)].name;
    }
    /// For the writers.
    const detail::raw_value& raw() const noexcept { return raw_; }

  private:
    AKA_COLD error wrong(const char* wanted) const noexcept {
        if (!*this) return detail::fail(errc::not_found, error::nowhere, "there is no such key");
        return detail::fail(errc::wrong_type, error::nowhere, "key ", detail::quoted{key_}, " is ",
                            type_name(), ", not ", wanted);
    }

    std::string_view key_;
    detail::raw_value raw_;
};

/// An array where it lies: a range of values, walked from the front. Numbers can be taken by
/// position; strings and nested arrays lie one behind the other, each with its own length, so that
/// `at` walks there.
class metadata_array {
  public:
    /// For the readers.
    explicit metadata_array(std::string_view key, const detail::raw_value& raw) noexcept
        : key_(key), raw_(raw) {}

    /// How many elements there are.
    std::uint64_t size() const noexcept { return raw_.count; }
    /// Whether there are none.
    bool empty() const noexcept { return raw_.count == 0; }
    /// What all of them are.
    value_type element_type() const noexcept { return raw_.element; }

    class iterator {
      public:
        using value_type = metadata_value;
        using difference_type = std::ptrdiff_t;
        using reference = metadata_value;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;

        metadata_value operator*() const noexcept {
            const std::byte* p = at_;
            return {array_->key_, detail::take_value(p, array_->raw_.element, array_->raw_.format)};
        }
        iterator& operator++() noexcept {
            detail::take_value(at_, array_->raw_.element, array_->raw_.format);
            return ++index_, *this;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.index_ == b.index_;
        }
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

      private:
        friend class metadata_array;
        iterator(const metadata_array* a, const std::byte* at, std::uint64_t i) noexcept
            : array_(a), at_(at), index_(i) {}
        const metadata_array* array_;
        const std::byte* at_;
        std::uint64_t index_;
    };
    /// From the first to the last: strings and arrays have to be walked.
    iterator begin() const noexcept AKA_LIFETIMEBOUND { return {this, raw_.at, 0}; }
    /// Behind the last.
    iterator end() const noexcept AKA_LIFETIMEBOUND { return {this, nullptr, raw_.count}; }

    /// The element at a position. Constant time for numbers. Errors: out_of_range.
    result<metadata_value> at(std::uint64_t i) const noexcept {
        if (i >= raw_.count)
            return detail::fail(errc::out_of_range, error::nowhere, "key ", detail::quoted{key_},
                                ": element ", i, " of ", raw_.count);
        const std::byte* p = raw_.at;
        std::uint8_t size = detail::value_types[static_cast<unsigned>(raw_.element)].size;
        p += i * size;
        if (size == 0)
            for (; i > 0; --i) detail::take_value(p, raw_.element, raw_.format);
        return metadata_value(key_, detail::take_value(p, raw_.element, raw_.format));
    }

    /// All numbers at once, converted as metadata_value::as does.
    template <class T>
    status copy_to(span<T> out) const noexcept {
        if (out.size() != raw_.count)
            return detail::fail(errc::wrong_size, error::nowhere, "key ", detail::quoted{key_},
                                ": room for ", out.size(), " elements, it has ", raw_.count);
        std::size_t i = 0;
        for (metadata_value v : *this) {
            result<T> r = v.template as<T>();
            if (!r) return r.error();
            out[i++] = *r.get_if();
        }
        return {};
    }

  private:
    std::string_view key_;
    detail::raw_value raw_;
};

inline result<metadata_array> metadata_value::as_array() const noexcept {
    if (!is_array()) return wrong("an array");
    return metadata_array(key_, raw_);
}

/// All keys of a checkpoint, in file order.
class metadata {
  public:
    metadata() noexcept = default;

    /// How many keys there are, over all files.
    std::size_t size() const noexcept { return entries_.size(); }
    /// Whether there are none.
    bool empty() const noexcept { return entries_.size() == 0; }
    /// The value of a key; false in a condition when there is none. Of a key that several files
    /// have (the shards of a checkpoint), the first file's.
    metadata_value find(std::string_view key) const noexcept AKA_LIFETIMEBOUND {
        std::uint32_t i = index_.find(key, [this](std::size_t k) { return entries_[k].key; });
        return i == detail::name_index::none ? metadata_value() : (*this)[i];
    }
    /// In the order of the files.
    metadata_value operator[](std::size_t i) const noexcept AKA_LIFETIMEBOUND {
        return {entries_[i].key, entries_[i].value};
    }
    /// Which file (of checkpoint::files) a key is from.
    std::uint32_t file(std::size_t i) const noexcept { return entries_[i].file; }

    class iterator {
      public:
        using value_type = metadata_value;
        using difference_type = std::ptrdiff_t;
        using reference = metadata_value;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;

        metadata_value operator*() const noexcept { return (*all_)[at_]; }
        iterator& operator++() noexcept { return ++at_, *this; }
        friend bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.at_ == b.at_;
        }
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

      private:
        friend class metadata;
        iterator(const metadata* all, std::size_t at) noexcept : all_(all), at_(at) {}
        const metadata* all_;
        std::size_t at_;
    };
    /// In the order of the files.
    iterator begin() const noexcept AKA_LIFETIMEBOUND { return {this, 0}; }
    /// Behind the last.
    iterator end() const noexcept AKA_LIFETIMEBOUND { return {this, entries_.size()}; }

    // For the readers.
    /// A key as its file has it.
    struct entry {
        std::string_view key;
        detail::raw_value value;
        std::uint64_t offset;  // in the file, for error messages
        std::uint32_t file;
    };
    /// For the readers.
    detail::growing<entry>& entries() noexcept { return entries_; }
    /// For the readers.
    const detail::growing<entry>& entries() const noexcept { return entries_; }
    /// For the readers.
    template <class Twice>
    detail::name_index::outcome build_index(Twice twice) noexcept {
        return index_.build(
            entries_.size(), [this](std::size_t i) { return entries_[i].key; },
            [this](std::size_t i) { return detail::hash_name(entries_[i].key); }, twice);
    }

  private:
    detail::growing<entry> entries_;
    detail::name_index index_;
};

AKA_END

#endif  // AKA_METADATA_HPP
