// Globs over tensor names: * ? [a-z] {a,b} {0..31} {0..30..2}. The folded names that aka-list shows
// are globs too.
#ifndef AKA_CLI_GLOB_HPP
#define AKA_CLI_GLOB_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

namespace detail {

// A whole number without leading zeros at the front of s; 0 characters: there is none.
inline std::size_t leading_number(std::string_view s, std::uint64_t& n) {
    std::size_t size = 0;
    n = 0;
    while (size < s.size() && size < 18 && s[size] >= '0' && s[size] <= '9')
        n = n * 10 + static_cast<std::uint64_t>(s[size++] - '0');
    return size > 1 && s[0] == '0' ? 1 : size;
}

// "0..31" and "0..30..2".
inline bool parse_range(std::string_view s, std::uint64_t& low, std::uint64_t& high,
                        std::uint64_t& step) {
    step = 1;
    for (std::uint64_t* to : {&low, &high, &step}) {
        const std::size_t n = leading_number(s, *to);
        if (n == 0) return false;
        s.remove_prefix(n);
        if (s.empty()) return to != &low && step != 0;
        if (s.substr(0, 2) != "..") return false;
        s.remove_prefix(2);
    }
    return false;
}

// [abc], [a-z], [!a]; `p` is behind the opening bracket and moves behind the closing one. Without
// a closing one it is no set.
inline bool match_set(std::string_view& p, char c, bool& is_in) {
    const std::size_t close = p.find(']', p.empty() || p[0] != '!' ? 1 : 2);
    if (close == std::string_view::npos) return false;
    std::string_view set = p.substr(0, close);
    p.remove_prefix(close + 1);
    const bool invert = set[0] == '!';
    if (invert) set.remove_prefix(1);
    is_in = false;
    while (!set.empty()) {
        const bool range = set.size() >= 3 && set[1] == '-';
        is_in = is_in || (range ? set[0] <= c && c <= set[2] : set[0] == c);
        set.remove_prefix(range ? 3 : 1);
    }
    is_in = is_in != invert;
    return true;
}

enum class matched { no, yes, never };  // never: nor would any shorter rest of the name

inline matched match_choice(std::string_view choices, std::string_view rest, std::string_view name);
inline matched match_rest(std::string_view p, std::string_view name) {
    for (; !p.empty(); name.remove_prefix(1)) {
        const char c = p[0];
        if (c == '*') {
            while (!p.empty() && p[0] == '*') p.remove_prefix(1);
            if (p.empty()) return matched::yes;
            for (std::size_t i = 0; i <= name.size(); ++i)
                if (const matched m = match_rest(p, name.substr(i)); m != matched::no) return m;
            return matched::never;
        }
        const std::size_t close = c == '{' ? p.find('}') : p.npos;
        if (close != p.npos) return match_choice(p.substr(1, close - 1), p.substr(close + 1), name);
        if (name.empty()) return matched::never;
        p.remove_prefix(1);
        bool same = c == '?' || c == name[0];
        if (c == '[') match_set(p, name[0], same);
        if (!same) return matched::no;
    }
    return name.empty() ? matched::yes : matched::no;
}

// One of `choices`, between commas, and then `rest`.
inline matched match_choice(std::string_view choices, std::string_view rest,
                            std::string_view name) {
    matched best = matched::never;
    while (true) {
        const std::size_t comma = choices.find(',');
        const std::string_view one = choices.substr(0, comma);
        std::uint64_t low = 0, high = 0, step = 1, n = 0;
        matched m = matched::no;
        if (!parse_range(one, low, high, step)) {
            m = match_rest(std::string(one).append(rest), name);
        } else if (const std::size_t size = leading_number(name, n)) {
            if (n >= low && n <= high && (n - low) % step == 0)
                m = match_rest(rest, name.substr(size));
        }
        if (m == matched::yes) return m;
        if (m == matched::no) best = m;
        if (comma == choices.npos) return best;
        choices.remove_prefix(comma + 1);
    }
}

}  // namespace detail

// Whether the whole name matches.
inline bool match_glob(std::string_view glob, std::string_view name) {
    return detail::match_rest(glob, name) == detail::matched::yes;
}
// A glob selects whole names, and all that begin with it up to a dot: blk.3 selects blk.3.*.
inline bool selects(std::string_view glob, std::string_view name) {
    return match_glob(glob, name) || match_glob(std::string(glob) + ".*", name);
}

}  // namespace cli

#endif  // AKA_CLI_GLOB_HPP
