// What stdout is, and colours for it.
#ifndef AKA_CLI_TERMINAL_HPP
#define AKA_CLI_TERMINAL_HPP

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#if defined(_WIN32)
#include <io.h>
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace cli {

inline std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view() : value;
}

inline bool is_terminal(std::FILE* f) {
#if defined(_WIN32)
    return _isatty(_fileno(f)) != 0;
#else
    return isatty(fileno(f)) != 0;
#endif
}

inline std::size_t terminal_width() {
#if !defined(_WIN32)
    winsize w{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col != 0) return w.ws_col;
#endif
    const int columns = std::atoi(std::string(environment("COLUMNS")).c_str());
    return columns > 0 ? static_cast<std::size_t>(columns) : 80;
}

// Whether the user's locale writes UTF-8; otherwise output keeps to ASCII.
inline bool is_utf8_locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const std::string_view value = environment(name);
        if (value.empty()) continue;
        for (const char* end : {"UTF-8", "utf8", "UTF8", "utf-8"})
            if (value.find(end) != std::string_view::npos) return true;
        return false;
    }
    return false;
}

enum class style { plain, bold, dim, folded, good, warning, bad };

// How to write to stdout. `folded` text has its {holes} coloured.
struct look {
    bool colour = false;
    std::size_t columns = 0;  // 0: no terminal, nothing is cut
    const char* times = "x";
    const char* between = " | ";

    // `colours`: auto, always or never. https://no-color.org: any NO_COLOR means no, unless the
    // command line says otherwise.
    explicit look(std::string_view colours) {
        const bool terminal = is_terminal(stdout);
        const std::string_view term = environment("TERM");
        colour = colours == "always" || (colours == "auto" && terminal && term != "dumb" &&
                                         !term.empty() && environment("NO_COLOR").empty());
        columns = terminal ? terminal_width() : 0;
        if (is_utf8_locale()) {
            times = "\xc3\x97";
            between = " \xc2\xb7 ";
        }
    }

    std::string paint(std::string_view text, style s) const {
        static constexpr const char* codes[] = {"", "1", "2", "36", "32", "33", "31"};
        if (!colour || s == style::plain || text.empty()) return std::string(text);
        const std::string on = std::string("\x1b[") + codes[static_cast<int>(s)] + "m";
        const std::string off = "\x1b[0m";
        if (s != style::folded) return on + std::string(text) + off;
        std::string out;
        for (const char c : text) {
            if (c == '{') out += on;
            out += c;
            if (c == '}') out += off;
        }
        return out + off;
    }
};

}  // namespace cli

#endif  // AKA_CLI_TERMINAL_HPP
