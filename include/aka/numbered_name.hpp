// aka: names of files that are parts of one thing: `model-00002-of-00005.safetensors`.
#ifndef AKA_NUMBERED_NAME_HPP
#define AKA_NUMBERED_NAME_HPP

#include <cstdint>
#include <string_view>

#include "error.hpp"
#include "json.hpp"

AKA_BEGIN
namespace detail {

/// The parts of `prefix-00002-of-00005.gguf`: numbers as written, digits of any count.
struct numbered_name {
    std::string_view prefix, suffix;
    std::uint64_t number = 0, count = 0;
    std::size_t number_digits = 0, count_digits = 0;

    static bool parse(std::string_view name, numbered_name& n) noexcept {
        std::size_t of = name.rfind("-of-");
        if (of == std::string_view::npos) return false;
        std::size_t dot = of + 4, dash = of;
        n = {};
        for (; dot < name.size() && json_reader::is_digit(name[dot]); ++dot, ++n.count_digits)
            n.count = n.count * 10 + static_cast<std::uint64_t>(name[dot] - '0');
        while (dash > 0 && json_reader::is_digit(name[dash - 1])) --dash, ++n.number_digits;
        for (std::size_t i = dash; i < of; ++i)
            n.number = n.number * 10 + static_cast<std::uint64_t>(name[i] - '0');
        if (n.count_digits == 0 || n.number_digits == 0 || n.count_digits > 9 ||
            n.number_digits > 9 || dash == 0 || name[dash - 1] != '-')
            return false;
        n.prefix = name.substr(0, dash);
        n.suffix = name.substr(dot);
        return n.number >= 1 && n.number <= n.count;
    }
    /// The name of another part.
    fixed_text<512> part(std::uint64_t i) const noexcept {
        fixed_text<512> t;
        auto digits = [&](std::uint64_t v, std::size_t width) {
            std::uint64_t scale = 1;
            for (std::size_t k = 1; k < width; ++k) scale *= 10;
            for (; scale > v && scale > 1; scale /= 10) t << '0';
            t << v;
        };
        t << prefix;
        digits(i, number_digits);
        t << "-of-";
        digits(count, count_digits);
        t << suffix;
        return t;
    }
    bool same_set(const numbered_name& o) const noexcept {
        return prefix == o.prefix && suffix == o.suffix && count == o.count &&
               number_digits == o.number_digits && count_digits == o.count_digits;
    }
};

}  // namespace detail
AKA_END

#endif  // AKA_NUMBERED_NAME_HPP
