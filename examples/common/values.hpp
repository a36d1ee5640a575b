// Metadata values, types and shapes, for people and as JSON.
#ifndef AKA_CLI_VALUES_HPP
#define AKA_CLI_VALUES_HPP

#include <aka/tensor.hpp>

#include <cstdint>
#include <string>
#include <type_traits>

#include "json_writer.hpp"
#include "text.hpp"

namespace cli {

// A type that aka does not know is called what the file has in its place.
inline std::string type_name(const aka::tensor& t) {
    if (t.dtype() == aka::dtype::unknown && t.ggml_type() >= 0)
        return "type " + std::to_string(t.ggml_type());
    return escape(t.dtype_name());
}
inline std::string shape_text(const aka::tensor& t) {
    if (!t.has_shape()) return {};
    std::string out = "[";
    for (const std::uint64_t d : t.shape())
        (out += out.size() > 1 ? ", " : "") += std::to_string(d);
    return out + ']';
}

// Calls `f` with a scalar: bool, float, double, or the widest integer of its sign.
template <class F>
void with_scalar(const aka::metadata_value& v, F f) {
    switch (v.type()) {
        case aka::value_type::boolean:
            return f(v.as<bool>().value_or(false));
        case aka::value_type::f32:
            return f(v.as<float>().value_or(0));
        case aka::value_type::f64:
            return f(v.as<double>().value_or(0));
        case aka::value_type::u8:
        case aka::value_type::u16:
        case aka::value_type::u32:
        case aka::value_type::u64:
            return f(v.as<std::uint64_t>().value_or(0));
        default:
            return f(v.as<std::int64_t>().value_or(0));
    }
}

// "u32", "string", "string[32000]".
inline std::string value_type_text(const aka::metadata_value& v) {
    const auto a = v.as_array();
    if (!a) return std::string(v.type_name());
    const std::string element = a->empty() ? "array" : value_type_text(*a->begin());
    return element + '[' + std::to_string(a->size()) + ']';
}

// In short: the beginning of a long text or array.
inline std::string value_text(const aka::metadata_value& v, std::size_t most = 100) {
    if (const auto s = v.as_string()) {
        const std::string text = escape(s->substr(0, 4 * most));
        if (s->size() <= 4 * most && width(text) <= most) return text;
        return std::string(fit(text, most)) + "... (" + std::to_string(s->size()) + " bytes)";
    }
    std::string out;
    if (const auto a = v.as_array()) {
        for (const aka::metadata_value element : *a) {
            if (!out.empty()) out += ", ";
            if (width(out) >= most) return out + "...";
            out += value_text(element, most / 4 < 16 ? 16 : most / 4);
        }
        return out;
    }
    with_scalar(v, [&](auto n) {
        if constexpr (std::is_same_v<decltype(n), bool>)
            out = n ? "true" : "false";
        else if constexpr (std::is_floating_point_v<decltype(n)>)
            out = shortest(n);
        else
            out = std::to_string(n);
    });
    return out;
}

// Arrays of more than `most` elements are only counted: {"array": "string", "count": 128256}.
inline void write_value(json_writer& json, const aka::metadata_value& v, std::uint64_t most) {
    if (const auto s = v.as_string()) {
        json.string(*s);
    } else if (const auto a = v.as_array()) {
        if (a->size() > most) {
            const std::string type((*a->begin()).type_name());
            json.object().key("array").string(type).key("count").number(a->size()).end();
            return;
        }
        json.array();
        for (const aka::metadata_value element : *a) write_value(json, element, most);
        json.end();
    } else {
        with_scalar(v, [&](auto n) { json.number(n); });
    }
}

}  // namespace cli

#endif  // AKA_CLI_VALUES_HPP
