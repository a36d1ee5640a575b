// A mutator for safetensors: makes a good file of nothing and changes one word, number or sign of
// its header in most cases, or changes one of the file that it is given, or leaves that to
// libFuzzer.
#include "mutate.hpp"

#include "../support/write_safetensors.hpp"

#include <string_view>
#include <vector>

namespace {

using fuzz::rng;

// Writes a good file: compact as most writers do, or in any other way that JSON allows.
class safetensors_maker {
  public:
    explicit safetensors_maker(rng& r) : r_(r), plain_(r.below(2) == 0) {}

    std::string make() {
        std::vector<std::string> members;
        const std::uint64_t n = r_.below(6);
        for (std::uint64_t i = 0; i < n; ++i) members.push_back(tensor(i));
        if (r_.below(3) == 0) members.push_back(metadata());
        for (std::size_t i = members.size(); !plain_ && i > 1; --i)
            std::swap(members[i - 1], members[static_cast<std::size_t>(r_.below(i))]);
        std::string json = list('{', members, '}');
        if (r_.below(2) == 0) json.resize((json.size() + 7) / 8 * 8, ' ');
        return test::safetensors_raw(json, std::string(static_cast<std::size_t>(end_), '\0'));
    }

  private:
    std::string space() {
        return plain_ || r_.below(4) != 0 ? std::string() : std::string(1, " \t\r\n"[r_.below(4)]);
    }
    std::string list(char open, const std::vector<std::string>& items, char close) {
        std::string s = space() + open + space();
        for (const std::string& item : items) {
            if (&item != items.data()) s += ',' + space();
            s += item + space();
        }
        return s + close + space();
    }
    std::string quoted(const std::string& s) {
        return test::json_quote(s, !plain_ && r_.below(8) == 0);
    }
    std::string member(const std::string& key, const std::string& value) {
        return quoted(key) + space() + ':' + space() + value;
    }
    std::string word() {
        static const char* const words[] = {
            "",   "a",         "model.w", "caf\xc3\xa9",     "\xe2\x82\xac",
            "\t", "\"\\/\b\f", "pt",      "\xf0\x9f\x98\x80"};
        return words[r_.below(sizeof words / sizeof words[0])];
    }
    std::string tensor(std::uint64_t i) {
        const test::st_dtype& type = test::st_dtypes[r_.below(22)];
        std::vector<std::string> shape;
        std::uint64_t bits = type.bits;
        for (std::uint64_t rank = r_.below(plain_ ? 4 : 6); rank > 0; --rank) {
            const std::uint64_t d = r_.below(12) == 0 ? 0 : 1 + r_.below(4);
            shape.push_back(std::to_string(d));
            bits *= d;
        }
        if (bits % 8 != 0) {
            shape.push_back("8");
            bits *= 8;
        }
        const std::uint64_t begin = end_;
        end_ += bits / 8;
        std::vector<std::string> fields = {
            member("dtype", quoted(type.name)), member("shape", list('[', shape, ']')),
            member("data_offsets", list('[', {std::to_string(begin), std::to_string(end_)}, ']'))};
        if (!plain_ && r_.below(4) == 0) fields.push_back(member("x" + word(), anything(3)));
        if (!plain_)
            std::swap(fields[static_cast<std::size_t>(r_.below(fields.size()))], fields[0]);
        return member((plain_ ? "model.layers." : word()) + std::to_string(i),
                      list('{', fields, '}'));
    }
    std::string metadata() {
        if (r_.below(8) == 0) return member("__metadata__", "null");
        std::vector<std::string> pairs;
        for (std::uint64_t n = r_.below(4); n > 0; --n)
            pairs.push_back(member(std::to_string(n) + word(), quoted(word())));
        return member("__metadata__", list('{', pairs, '}'));
    }
    std::string anything(unsigned depth) {
        static const char* const leaves[] = {"null", "true",    "false",
                                             "0",    "-1.5e-3", "\"\\u0041\""};
        if (depth == 0 || r_.below(2) == 0) return leaves[r_.below(6)];
        std::vector<std::string> items;
        const bool object = r_.below(2) == 0;
        for (std::uint64_t n = r_.below(3); n > 0; --n)
            items.push_back(object ? member(word(), anything(depth - 1)) : anything(depth - 1));
        return object ? list('{', items, '}') : list('[', items, ']');
    }

    rng& r_;
    bool plain_;
    std::uint64_t end_ = 0;
};

// Words and numbers of a JSON text whole, anything else by the character.
std::vector<std::string_view> tokens(std::string_view json) {
    std::vector<std::string_view> out;
    for (std::size_t i = 0, n = 0; i < json.size(); i += n) {
        const auto run = [&](std::string_view of) {
            const std::size_t end = json.find_first_not_of(of, i);
            return (end == std::string_view::npos ? json.size() : end) - i;
        };
        n = 1;
        if (json[i] == '"') {
            while (i + n < json.size() && json[i + n] != '"') n += json[i + n] == '\\' ? 2 : 1;
            ++n;
        } else if (n = run("0123456789+-.eE"); n == 0) {
            n = 1;
        }
        out.push_back(json.substr(i, n));
    }
    return out;
}

std::string odd_decimal(std::string_view old, rng& r) {
    std::uint64_t v = 0;
    for (const char c : old.substr(0, 19))
        if (c >= '0' && c <= '9') v = v * 10 + static_cast<std::uint64_t>(c - '0');
    const std::string plain = std::to_string(fuzz::odd_number(v, r));
    switch (r.below(12)) {
        case 0:
            return "-" + plain;
        case 1:
            return "0" + plain;
        case 2:
            return plain + ".0";
        case 3:
            return plain + "e1";
        case 4:
            return plain + plain;
        default:
            return plain;
    }
}

void change_token(std::string& json, rng& r) {
    const std::vector<std::string_view> all = tokens(json);
    if (all.empty()) return fuzz::change_bytes(json, r);
    const auto any = [&] { return all[static_cast<std::size_t>(r.below(all.size()))]; };
    std::string_view old = any();
    // Most characters are signs: look for more than one a few times.
    for (int i = 0; i < 3 && old.size() == 1 && (old[0] < '0' || old[0] > '9'); ++i) old = any();
    const auto at = static_cast<std::size_t>(old.data() - json.data());
    const bool number = (old[0] >= '0' && old[0] <= '9') || old[0] == '-';
    std::string now;
    switch (r.below(6)) {
        case 0:
            break;
        case 1:
            now = std::string(old) + std::string(old);
            break;
        case 2:
            now = any();
            break;
        default:
            now = number ? odd_decimal(old, r) : std::string(any());
            if (old[0] == '"' && r.below(2) == 0) {
                now = old;
                fuzz::change_bytes(now, r);
            }
    }
    json.replace(at, old.size() < json.size() - at ? old.size() : json.size() - at, now);
}

void change_header(std::string& s, rng& r) {
    if (s.size() < 8 || r.below(8) == 0) return fuzz::change_bytes(s, r);
    std::uint64_t n = 0;
    for (unsigned i = 8; i-- > 0;) n = n << 8 | static_cast<std::uint8_t>(s[i]);
    const std::size_t have = n < s.size() - 8 ? static_cast<std::size_t>(n) : s.size() - 8;
    std::string json = s.substr(8, have);
    const std::string data = s.substr(8 + have);
    if (r.below(16) == 0) {
        n = fuzz::odd_number(n, r);
    } else {
        change_token(json, r);
        n = json.size();
    }
    s = test::bytes_builder().put_u64(n).put_raw(json).put_raw(data).str();
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
    return fuzz::mutate(
        data, size, max, seed, [](rng& r) { return safetensors_maker(r).make(); }, change_header);
}
