// What a reader said, in a form that a failed check prints, and a tensor's bytes read all ways.
#ifndef AKA_TEST_OUTCOME_HPP
#define AKA_TEST_OUTCOME_HPP

#include <aka/tensor_list.hpp>
#include <doctest/doctest.h>

#include "ggml_types.hpp"
#include "guard.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// With the whole message where it fails.
#define REQUIRE_OK(r) REQUIRE_MESSAGE(test::code(r) == "none", test::said(r))
#define CHECK_OK(r) CHECK_MESSAGE(test::code(r) == "none", test::said(r))
#define CHECK_REFUSED(r, why)                                      \
    CHECK_MESSAGE(test::code(r) == aka::errc_name(aka::errc::why), \
                  #why " expected: ", test::said(r))

namespace test {

// "none" for success.
template <class R>
std::string code(const R& r) {
    return aka::errc_name(r.code());
}
template <class R>
std::string said(const R& r) {
    return r ? std::string("no error") : code(r) + ": " + r.error().message().c_str();
}
inline bool mentions(const aka::error& e, std::string_view text) {
    return std::string_view(e.message().c_str()).find(text) != std::string_view::npos;
}

// Bytes with a guard page behind them, and what a reader makes of them.
template <class File, class Options>
struct parsed {
    guard_buffer bytes;
    aka::result<File> file;

    explicit parsed(std::string_view text, const Options& o = {})
        : bytes(text), file(File::parse(aka::as_bytes(bytes.view()), o)) {}
};

inline std::string_view text_of(aka::byte_span s) {
    return {reinterpret_cast<const char*>(s.data()), s.size()};
}
inline bool inside(const void* p, std::string_view buffer) {
    const auto at = reinterpret_cast<std::uintptr_t>(p);
    const auto from = reinterpret_cast<std::uintptr_t>(buffer.data());
    return at >= from && at <= from + buffer.size();
}

inline std::vector<std::uint64_t> shape_of(const aka::tensor& t) {
    return {t.shape().begin(), t.shape().end()};
}

// Whole elements from this machine's order to little-endian, as the writers have them, or back.
inline std::string little_endian(aka::dtype type, std::string data) {
    if (AKA_BIG_ENDIAN_HOST == 0) return data;
    const std::size_t width = aka::info(type).swap_bytes;
    for (auto p = data.begin(); width > 1 && p != data.end(); p += static_cast<int>(width))
        std::reverse(p, p + static_cast<int>(width));
    return data;
}
inline std::string little_endian(const aka::tensor& t, std::string data) {
    const bool blocks = aka::info(t.dtype()).swap_bytes == 0 && t.ggml_type() >= 0;
    if (AKA_BIG_ENDIAN_HOST == 0 || !blocks) return little_endian(t.dtype(), std::move(data));
    return ggml_swap(static_cast<std::uint32_t>(t.ggml_type()), std::move(data));
}

// A copy of what the tensor of a little-endian file holds, as it is there; where it is a view, the
// view must say the same.
inline std::string contents(const aka::tensor& t) {
    std::string out(static_cast<std::size_t>(t.size_bytes()), '\x55');
    const aka::status s = t.copy_to({reinterpret_cast<std::byte*>(out.data()), out.size()});
    // A type whose byte order is not settled is there as a view only.
    if (AKA_BIG_ENDIAN_HOST != 0 && t.is_view() && code(s) == "unsupported")
        return std::string(text_of(*t.bytes()));
    REQUIRE_OK(s);
    out = little_endian(t, out);
    if (t.is_view()) {
        const auto view = t.bytes();
        REQUIRE_OK(view);
        CHECK_MESSAGE(text_of(*view) == out, "view and copy differ: " << std::string(t.name()));
    }
    return out;
}

inline std::string text_value(const aka::metadata_value& v) {
    const auto r = v.as_string();
    REQUIRE_OK(r);
    return std::string(*r);
}

}  // namespace test

#endif  // AKA_TEST_OUTCOME_HPP
