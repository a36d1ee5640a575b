// Writes JSON, one value after the other, straight to a file.
#ifndef AKA_CLI_JSON_WRITER_HPP
#define AKA_CLI_JSON_WRITER_HPP

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "text.hpp"

namespace cli {

class json_writer {
  public:
    explicit json_writer(std::FILE* out) : out_(out) {}
    json_writer(const json_writer&) = delete;
    json_writer& operator=(const json_writer&) = delete;
    ~json_writer() { flush(); }

    // `lines`: a member or element a line; otherwise all on one.
    json_writer& object(bool lines = false) { return open('{', '}', lines); }
    json_writer& array(bool lines = false) { return open('[', ']', lines); }
    json_writer& end() {
        const level l = levels_.back();
        levels_.pop_back();
        if (l.lines && l.count != 0) new_line();
        text_ += l.close;
        if (levels_.empty()) text_ += '\n';
        return *this;
    }
    json_writer& key(std::string_view k) {
        next();
        quote(k);
        text_ += ": ";
        after_key_ = true;
        return *this;
    }

    json_writer& string(std::string_view s) { return next(), quote(s), *this; }
    json_writer& number(std::uint64_t n) { return raw(std::to_string(n)); }
    json_writer& number(std::int64_t n) { return raw(std::to_string(n)); }
    // JSON has no words for infinities and NaN: they become strings.
    json_writer& number(float v) { return real(v); }
    json_writer& number(double v) { return real(v); }
    json_writer& number(bool b) { return raw(b ? "true" : "false"); }
    json_writer& null() { return raw("null"); }

  private:
    struct level {
        char close;
        bool lines;
        std::size_t count;
    };

    json_writer& open(char c, char close, bool lines) {
        next();
        text_ += c;
        levels_.push_back({close, lines, 0});
        return *this;
    }
    json_writer& raw(std::string_view s) { return next(), text_ += s, *this; }
    template <class T>
    json_writer& real(T v) {
        return v - v == 0 ? raw(shortest(v)) : string(shortest(v));
    }

    // What stands between this value and the one before.
    void next() {
        if (after_key_) {
            after_key_ = false;
            return;
        }
        if (levels_.empty()) return;
        level& l = levels_.back();
        if (l.count++ != 0) text_ += l.lines ? "," : ", ";
        if (l.lines) new_line();
    }
    void new_line() {
        if (text_.size() > 1 << 16) flush();
        text_ += '\n';
        text_.append(2 * levels_.size(), ' ');
    }
    void flush() {
        std::fwrite(text_.data(), 1, text_.size(), out_);
        text_.clear();
    }

    // Valid JSON for any bytes, and nothing in it that a terminal would obey. What is not UTF-8
    // cannot be in a JSON string: such a byte is written as the four characters \xNN.
    void quote(std::string_view s) {
        text_ += '"';
        if (is_plain(s) && s.find_first_of("\"\\") == s.npos) {
            (text_ += s) += '"';
            return;
        }
        while (!s.empty()) {
            const character c = next_character(s);
            const std::string_view bytes = s.substr(0, c.size);
            if (c.valid && (c.code == '"' || c.code == '\\')) {
                (text_ += '\\') += bytes;
            } else if (c.valid && is_unsafe(c.code)) {
                char text[8];
                std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c.code));
                text_ += text;
            } else if (c.valid) {
                text_ += bytes;
            } else {
                (text_ += '\\') += escape(bytes);
            }
            s.remove_prefix(c.size);
        }
        text_ += '"';
    }

    std::FILE* out_;
    std::string text_;
    std::vector<level> levels_;
    bool after_key_ = false;
};

}  // namespace cli

#endif  // AKA_CLI_JSON_WRITER_HPP
