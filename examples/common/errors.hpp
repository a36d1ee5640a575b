// How the programs say what went wrong: one line on stderr, or a JSON object.
#ifndef AKA_CLI_ERRORS_HPP
#define AKA_CLI_ERRORS_HPP

#include <aka/error.hpp>

#include <cstdio>
#include <cstring>
#include <string>

#include "json_writer.hpp"
#include "text.hpp"

namespace cli {

// As error::message(), with the system's words for a system error.
inline std::string describe(const aka::error& e) {
    std::string out;
    if (!e.file().empty()) (out += e.file()) += ": ";
    if (e.offset() != aka::error::nowhere) out += "byte " + std::to_string(e.offset()) + ": ";
    out += e.detail().empty() ? std::string_view(aka::errc_name(e.code())) : e.detail();
#if defined(_WIN32)
    if (e.os_error() != 0) out += " (system error " + std::to_string(e.os_error()) + ")";
#else
    if (e.os_error() != 0 && e.code() != aka::errc::missing_file)
        out += std::string(" (") + std::strerror(e.os_error()) + ")";
#endif
    return escape(out);
}

inline void print_error(const char* program, const aka::error& e) {
    std::fprintf(stderr, "%s: %s\n", program, describe(e).c_str());
}

// {"code": ..., "message": ..., "file": ..., "offset": ...}
inline void write_error(json_writer& json, const aka::error& e) {
    json.object();
    json.key("code").string(aka::errc_name(e.code()));
    json.key("message").string(describe(e));
    json.key("file");
    e.file().empty() ? json.null() : json.string(e.file());
    json.key("offset");
    e.offset() == aka::error::nowhere ? json.null() : json.number(e.offset());
    json.end();
}

}  // namespace cli

#endif  // AKA_CLI_ERRORS_HPP
