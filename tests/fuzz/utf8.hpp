// Whether a text is UTF-8 (RFC 3629), by decoding it: not the library's own way.
#ifndef AKA_FUZZ_UTF8_HPP
#define AKA_FUZZ_UTF8_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fuzz {

inline bool is_utf8(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
        const auto lead = static_cast<std::uint8_t>(s[i++]);
        if (lead < 0x80) continue;
        const unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
        if (more == 0 || lead >= 0xf8 || more > s.size() - i) return false;
        std::uint32_t code = lead & (0x3fu >> more);
        for (unsigned k = 0; k < more; ++k, ++i) {
            const auto next = static_cast<std::uint8_t>(s[i]);
            if (next >> 6 != 2) return false;
            code = code << 6 | (next & 0x3fu);
        }
        const std::uint32_t least[] = {0x80, 0x800, 0x10000};
        if (code < least[more - 1] || code > 0x10ffff || code >> 11 == 0x1b) return false;
    }
    return true;
}

}  // namespace fuzz

#endif  // AKA_FUZZ_UTF8_HPP
