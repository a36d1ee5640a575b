// A small JSON reader, independent of aka's: for the case files, index files and the --json output
// of the programs. Numbers keep their text, members their order, duplicates stay. Throws.
#ifndef AKA_TEST_JSON_HPP
#define AKA_TEST_JSON_HPP

#include "bytes.hpp"

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace test {

struct json {
    enum class kind { null, boolean, number, string, array, object };

    kind type = kind::null;
    bool truth = false;
    std::string text;         // a string's value, or a number as it was written
    std::vector<json> items;  // of an array; of an object, the values in the order of `keys`
    std::vector<std::string> keys;

    static json parse(std::string_view text);

    bool is_null() const { return type == kind::null; }
    bool is_string() const { return type == kind::string; }
    bool is_array() const { return type == kind::array; }
    bool is_object() const { return type == kind::object; }
    std::size_t size() const { return items.size(); }

    const json* find(std::string_view key) const {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (keys[i] == key) return &items[i];
        }
        return nullptr;
    }
    const json& operator[](std::string_view key) const {
        if (const json* value = find(key)) return *value;
        throw std::runtime_error("json: no member '" + std::string(key) + "'");
    }
    const json& operator[](const char* key) const { return (*this)[std::string_view(key)]; }
    template <class I, class = std::enable_if_t<std::is_integral_v<I>>>
    const json& operator[](I i) const {
        if (static_cast<std::size_t>(i) < items.size()) return items[static_cast<std::size_t>(i)];
        throw std::runtime_error("json: no item " + std::to_string(i));
    }

    const std::string& as_string() const { return need(kind::string).text; }
    bool as_bool() const { return need(kind::boolean).truth; }
    double as_double() const { return std::strtod(need(kind::number).text.c_str(), nullptr); }
    std::uint64_t as_u64() const {
        std::uint64_t n = 0;
        for (const char c : need(kind::number).text) {
            if (c < '0' || c > '9') throw std::runtime_error("json: not a count: " + text);
            const auto digit = static_cast<std::uint64_t>(c - '0');
            if (n > (UINT64_MAX - digit) / 10) throw std::runtime_error("json: too large: " + text);
            n = n * 10 + digit;
        }
        return n;
    }
    std::vector<std::uint64_t> as_u64s() const {
        std::vector<std::uint64_t> out;
        for (const json& item : need(kind::array).items) out.push_back(item.as_u64());
        return out;
    }

  private:
    const json& need(kind k) const {
        if (type != k) throw std::runtime_error("json: value is of another type: " + text);
        return *this;
    }
};

namespace detail {

class json_parser {
  public:
    explicit json_parser(std::string_view text) : text_(text) {}

    json document() {
        json value = any(0);
        skip_space();
        if (at_ != text_.size()) fail("text after the value");
        return value;
    }

  private:
    json any(int depth) {
        if (depth > 500) fail("nested too deep");
        skip_space();
        json out;
        switch (peek()) {
            case '{':
                object(out, depth);
                break;
            case '[':
                array(out, depth);
                break;
            case '"':
                out.type = json::kind::string;
                out.text = string();
                break;
            case 't':
                word("true");
                out.type = json::kind::boolean;
                out.truth = true;
                break;
            case 'f':
                word("false");
                out.type = json::kind::boolean;
                break;
            case 'n':
                word("null");
                break;
            default:
                number(out);
        }
        return out;
    }

    void object(json& out, int depth) {
        out.type = json::kind::object;
        take('{');
        if (empty('}')) return;
        do {
            skip_space();
            out.keys.push_back(string());
            skip_space();
            take(':');
            out.items.push_back(any(depth + 1));
        } while (more('}'));
    }
    void array(json& out, int depth) {
        out.type = json::kind::array;
        take('[');
        if (empty(']')) return;
        do out.items.push_back(any(depth + 1));
        while (more(']'));
    }
    bool empty(char close) {
        skip_space();
        if (peek() != close) return false;
        ++at_;
        return true;
    }
    bool more(char close) {
        skip_space();
        const char c = peek();
        if (c != ',' && c != close) fail("expected a comma or the end");
        ++at_;
        return c == ',';
    }

    void number(json& out) {
        out.type = json::kind::number;
        const std::size_t begin = at_;
        if (peek() == '-') ++at_;
        if (peek() == '0')
            ++at_;
        else
            digits();
        if (at_ < text_.size() && text_[at_] == '.') {
            ++at_;
            digits();
        }
        if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            digits();
        }
        out.text = std::string(text_.substr(begin, at_ - begin));
    }
    void digits() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
        if (at_ == begin) fail("expected a digit");
    }

    std::string string() {
        take('"');
        std::string out;
        for (;;) {
            const char c = peek();
            if (static_cast<unsigned char>(c) < 0x20) fail("control character in a string");
            ++at_;
            if (c == '"') return out;
            if (c == '\\')
                escape(out);
            else
                out += c;
        }
    }
    void escape(std::string& out) {
        static const std::string_view letters = "\"\\/bfnrt", meaning = "\"\\/\b\f\n\r\t";
        const char c = peek();
        ++at_;
        if (c != 'u') {
            const std::size_t k = letters.find(c);
            if (k == std::string_view::npos) fail("unknown escape");
            out += meaning[k];
            return;
        }
        std::uint32_t code = hex4();
        if (code >= 0xD800 && code < 0xDC00) {
            word("\\u");
            const std::uint32_t low = hex4();
            if (low < 0xDC00 || low > 0xDFFF) fail("lone surrogate");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        } else if (code >= 0xDC00 && code <= 0xDFFF) {
            fail("lone surrogate");
        }
        utf8(out, code);
    }
    std::uint32_t hex4() {
        if (text_.size() - at_ < 4) fail("short \\u escape");
        const std::string two = hex_decode(text_.substr(at_, 4));
        at_ += 4;
        return static_cast<std::uint32_t>(static_cast<unsigned char>(two[0]) * 256u +
                                          static_cast<unsigned char>(two[1]));
    }
    static void utf8(std::string& out, std::uint32_t code) {
        const auto put = [&out](std::uint32_t b) {
            out += static_cast<char>(static_cast<unsigned char>(b));
        };
        if (code < 0x80) return put(code);
        if (code < 0x800) {
            put(0xC0 | code >> 6);
        } else {
            if (code < 0x10000) {
                put(0xE0 | code >> 12);
            } else {
                put(0xF0 | code >> 18);
                put(0x80 | (code >> 12 & 63));
            }
            put(0x80 | (code >> 6 & 63));
        }
        put(0x80 | (code & 63));
    }

    void skip_space() {
        while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) < 4) ++at_;
    }
    char peek() const {
        if (at_ >= text_.size()) fail("the text ends");
        return text_[at_];
    }
    void take(char c) {
        if (peek() != c) fail("expected another character");
        ++at_;
    }
    void word(std::string_view w) {
        if (text_.substr(at_, w.size()) != w) fail("expected another word");
        at_ += w.size();
    }
    [[noreturn]] void fail(const char* what) const {
        throw std::runtime_error("json: byte " + std::to_string(at_) + ": " + what);
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace detail

inline json json::parse(std::string_view text) { return detail::json_parser(text).document(); }

}  // namespace test

#endif  // AKA_TEST_JSON_HPP
