// JSON as RFC 8259 has it, read the plain way and without the library: whether a text is good, and
// its leaves in order, keys among them. Recursive; `depth` arrays and objects may be nested.
#ifndef AKA_FUZZ_STRICT_JSON_HPP
#define AKA_FUZZ_STRICT_JSON_HPP

#include "utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

struct json_leaf {
    enum kind { string, number, word } what;
    std::string text;  // of a string decoded, else as it is written
};

// A cursor on JSON, for readers that know what they want: each call takes one thing, or says no.
class json_cursor {
  public:
    explicit json_cursor(std::string_view text) : text_(text) {}

    bool at_end() const { return at_ == text_.size(); }
    std::size_t place() const { return at_; }
    std::string_view from(std::size_t place) const { return text_.substr(place, at_ - place); }

    void white() {
        while (!at_end() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            ++at_;
    }
    // A character after white space.
    bool take(char c) {
        white();
        if (at_end() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    char next() {
        white();
        return at_end() ? '\0' : text_[at_];
    }
    bool word(std::string_view w) {
        white();
        if (text_.substr(at_, w.size()) != w) return false;
        at_ += w.size();
        return true;
    }
    // -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
    bool number() {
        white();
        one_of("-");
        if (!one_of("0") && digits() == 0) return false;
        if (one_of(".") && digits() == 0) return false;
        if (!one_of("eE")) return true;
        one_of("+-");
        return digits() != 0;
    }
    // Decoded into `out`.
    bool string(std::string& out) {
        out.clear();
        if (!take('"')) return false;
        while (!at_end()) {
            const char c = text_[at_++];
            if (c == '"') return is_utf8(out);
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') {
                out += c;
            } else if (!escape(out)) {
                return false;
            }
        }
        return false;
    }

  private:
    bool one_of(std::string_view any) {
        if (at_end() || any.find(text_[at_]) == std::string_view::npos) return false;
        ++at_;
        return true;
    }
    std::size_t digits() {
        const std::size_t start = at_;
        while (one_of("0123456789")) {
        }
        return at_ - start;
    }
    bool escape(std::string& out) {
        constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
        if (at_end()) return false;
        const char c = text_[at_++];
        if (const std::size_t i = from.find(c); i != std::string_view::npos)
            return out += to[i], true;
        std::uint32_t code = 0, low = 0;
        if (c != 'u' || !hex4(code)) return false;
        if (code >> 11 == 0x1b) {  // halves of a pair come together, the high one first
            if (code >= 0xdc00 || !word_here("\\u") || !hex4(low) || low >> 10 != 0x37)
                return false;
            code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
        }
        put(out, code);
        return true;
    }
    bool word_here(std::string_view w) {
        if (text_.substr(at_, w.size()) != w) return false;
        at_ += w.size();
        return true;
    }
    bool hex4(std::uint32_t& v) {
        if (text_.size() - at_ < 4) return false;
        for (const char c : text_.substr(at_, 4)) {
            const std::size_t d = std::string_view("0123456789abcdefABCDEF").find(c);
            if (d == std::string_view::npos) return false;
            v = v * 16 + static_cast<std::uint32_t>(d > 15 ? d - 6 : d);
        }
        at_ += 4;
        return true;
    }
    static void put(std::string& out, std::uint32_t code) {
        if (code < 0x80) {
            out += static_cast<char>(code);
            return;
        }
        const unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        constexpr std::uint32_t lead[] = {0, 0xc0, 0xe0, 0xf0};
        out += static_cast<char>(lead[more] | code >> 6 * more);
        for (unsigned k = more; k-- > 0;) out += static_cast<char>(0x80 | (code >> 6 * k & 0x3f));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// A whole text.
struct json_text {
    bool good = false;
    std::vector<json_leaf> leaves;

    json_text(std::string_view text, unsigned depth) : in_(text) {
        good = value(depth);
        in_.white();
        good = good && in_.at_end();
    }

  private:
    bool value(unsigned depth) {
        const char c = in_.next();
        const std::size_t start = in_.place();
        std::string s;
        if (c == '{' || c == '[') return depth != 0 && members(c, depth - 1);
        if (c == '"') {
            if (!in_.string(s)) return false;
            return leaves.push_back({json_leaf::string, s}), true;
        }
        for (const char* w : {"true", "false", "null"})
            if (in_.word(w)) return leaves.push_back({json_leaf::word, w}), true;
        if (!in_.number()) return false;
        return leaves.push_back({json_leaf::number, std::string(in_.from(start))}), true;
    }
    bool members(char open, unsigned depth) {
        const bool object = open == '{';
        in_.take(open);
        if (in_.take(object ? '}' : ']')) return true;
        std::string key;
        do {
            if (object) {
                if (!in_.string(key) || !in_.take(':')) return false;
                leaves.push_back({json_leaf::string, key});
            }
            if (!value(depth)) return false;
        } while (in_.take(','));
        return in_.take(object ? '}' : ']');
    }

    json_cursor in_;
};

}  // namespace fuzz

#endif  // AKA_FUZZ_STRICT_JSON_HPP
