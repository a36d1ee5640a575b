// Metadata of a GGUF file: every value by every accessor, arrays by position, by walking and at
// once. Numbers are held against the bytes in the file, read here.
#include "fuzz.hpp"
#include "gguf_walk.hpp"

#include <aka/gguf.hpp>

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

namespace fuzz_metadata {

using aka::metadata_array;
using aka::metadata_value;
using aka::value_type;

constexpr unsigned widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr std::size_t looked_at = 64;  // elements of an array that are asked for by position

// A scalar as the file has it: whole numbers as sign and size, others as a double.
struct scalar {
    bool whole = false, flag = false, negative = false;
    std::uint64_t size = 0;
    double real = 0;
};
inline scalar read(const metadata_value& v) {
    const aka::detail::raw_value& raw = v.raw();
    const unsigned n = widths[static_cast<unsigned>(v.type())];
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < n; ++i)
        bits |= std::to_integer<std::uint64_t>(raw.at[raw.format.swap ? n - 1 - i : i]) << 8 * i;
    scalar s;
    switch (v.type()) {
        case value_type::f32: {
            const auto half = static_cast<std::uint32_t>(bits);
            float f = 0;
            std::memcpy(&f, &half, 4);
            s.real = static_cast<double>(f);
            return s;
        }
        case value_type::f64:
            std::memcpy(&s.real, &bits, 8);
            return s;
        case value_type::boolean:
            s.flag = true;
            s.size = bits != 0;
            return s;
        case value_type::i8:
        case value_type::i16:
        case value_type::i32:
        case value_type::i64:
            s.negative = (bits >> (8 * n - 1) & 1) != 0;
            if (s.negative) bits = (n == 8 ? 0 : std::uint64_t{1} << 8 * n) - bits;
            break;
        default:
            break;
    }
    s.whole = true;
    s.size = bits;
    s.real = s.negative ? -static_cast<double>(bits) : static_cast<double>(bits);
    return s;
}

template <class T>
void check_as(const metadata_value& v, const scalar& s) {
    const aka::result<T> got = v.as<T>();
    FUZZ_CHECK(got || got.code() == aka::errc::out_of_range);
    if constexpr (std::is_same_v<T, bool>) {
        FUZZ_CHECK(static_cast<bool>(got) == s.flag);
        FUZZ_CHECK(!got || *got == (s.size != 0));
    } else if constexpr (std::is_integral_v<T>) {
        const auto most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
        const bool fits =
            s.whole && (s.negative ? std::is_signed_v<T> && s.size <= most + 1 : s.size <= most);
        FUZZ_CHECK(static_cast<bool>(got) == fits);
        if (!fits) return;
        FUZZ_CHECK(s.negative == (*got < 0));
        const auto size = static_cast<std::uint64_t>(*got);
        FUZZ_CHECK((s.negative ? 0 - size : size) == s.size);
    } else {
        if (s.flag) return FUZZ_CHECK(!got);
        if (!got) {
            // Digits would be lost, or it would become infinite.
            const T near = static_cast<T>(s.real);
            FUZZ_CHECK(s.whole ? static_cast<double>(near) != s.real || s.size >> 53 != 0
                               : std::isinf(near));
            return;
        }
        if (s.whole) {
            FUZZ_CHECK(std::fabs(static_cast<double>(*got)) == std::fabs(s.real));
            FUZZ_CHECK((*got < 0) == (s.negative && s.size != 0));
        } else {
            FUZZ_CHECK(std::isnan(s.real) ? std::isnan(*got) : *got == static_cast<T>(s.real));
        }
    }
}

inline void check_value(const metadata_value& v, std::string_view bytes);

template <class T>
void check_copy(const metadata_array& a) {
    std::vector<T> all(static_cast<std::size_t>(a.size()) + 1);
    FUZZ_CHECK(a.copy_to(aka::span<T>(all.data(), all.size())).code() == aka::errc::wrong_size);
    const aka::status s = a.copy_to(aka::span<T>(all.data(), all.size() - 1));
    std::size_t i = 0;
    bool good = true;
    for (const metadata_value v : a) {
        const aka::result<T> one = v.as<T>();
        good = good && static_cast<bool>(one);
        if (!good) break;
        FUZZ_CHECK(!s || fuzz::same_bits(&*one, &all[i], sizeof(T)));
        ++i;
    }
    FUZZ_CHECK(static_cast<bool>(s) == good);
}

inline void check_array(const metadata_array& a, std::string_view bytes) {
    std::uint64_t n = 0;
    for (const metadata_value v : a) {
        FUZZ_CHECK(v.type() == a.element_type());
        if (n < looked_at) {
            const auto same = a.at(n);
            FUZZ_CHECK(same && same.get_if()->raw().at == v.raw().at);
            FUZZ_CHECK(same.get_if()->raw().count == v.raw().count);
        }
        if (n < looked_at || v.is_array()) check_value(v, bytes);
        FUZZ_CHECK(++n <= bytes.size());
    }
    FUZZ_CHECK(n == a.size());
    FUZZ_CHECK(a.empty() == (n == 0));
    FUZZ_CHECK(a.at(n).code() == aka::errc::out_of_range);
    FUZZ_CHECK(a.at(~std::uint64_t{0}).code() == aka::errc::out_of_range);
    check_copy<std::int32_t>(a);
    check_copy<float>(a);
}

inline void check_value(const metadata_value& v, std::string_view bytes) {
    const aka::detail::raw_value& raw = v.raw();
    FUZZ_CHECK(v.is_string() == static_cast<bool>(v.as_string()));
    FUZZ_CHECK(v.is_array() == static_cast<bool>(v.as_array()));
    if (v.is_string()) {
        const std::string_view s = *v.as_string();
        FUZZ_CHECK(fuzz::lies_in(s.data(), s.size(), bytes));
    } else if (v.is_array()) {
        check_array(*v.as_array(), bytes);
    } else {
        FUZZ_CHECK(fuzz::lies_in(raw.at, widths[static_cast<unsigned>(v.type())], bytes));
        const scalar s = read(v);
        check_as<bool>(v, s);
        check_as<std::int8_t>(v, s);
        check_as<std::uint8_t>(v, s);
        check_as<std::int16_t>(v, s);
        check_as<std::uint16_t>(v, s);
        check_as<std::int32_t>(v, s);
        check_as<std::uint32_t>(v, s);
        check_as<std::int64_t>(v, s);
        check_as<std::uint64_t>(v, s);
        check_as<float>(v, s);
        check_as<double>(v, s);
        return;
    }
    FUZZ_CHECK(v.as<int>().code() == aka::errc::wrong_type);
    FUZZ_CHECK(v.as<double>().code() == aka::errc::wrong_type);
}

}  // namespace fuzz_metadata

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    const fuzz::no_leaks leaks;
    const auto f = aka::gguf::parse(fuzz::bytes_of(data, size));
    if (!f) return 0;
    fuzz::within(0, [&] {
        for (const aka::metadata_value v : f->metadata()) fuzz_metadata::check_value(v, text);
        return 0;
    });
    FUZZ_CHECK(!f->metadata().find(""));
    FUZZ_CHECK(aka::metadata_value().as<int>().code() == aka::errc::not_found);
    return 0;
}
