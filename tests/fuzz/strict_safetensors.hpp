// safetensors as its reference implementation reads it, written from the format's rules without the
// library and the plain way: what it says of a file, in the reference's order of checks. Of names
// and keys that occur twice the last counts, as there.
//
// Left out are two forms that the reference takes by the way it was made, and no writer uses: a
// tensor's entry as an array of three, and a dtype as an object.
#ifndef AKA_FUZZ_STRICT_SAFETENSORS_HPP
#define AKA_FUZZ_STRICT_SAFETENSORS_HPP

#include "../support/write_safetensors.hpp"
#include "strict_json.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

class strict_safetensors {
  public:
    enum class verdict {
        good,
        header_too_small,
        header_too_large,
        invalid_header_length,
        invalid_utf8,
        invalid_json,
        invalid_offset,
        overflow,
        misaligned,
        invalid_info,
        incomplete_buffer,
    };
    struct tensor {
        std::string name, dtype;
        std::vector<std::uint64_t> shape;
        std::uint64_t begin = 0, end = 0;
    };
    verdict said = verdict::good;
    std::vector<tensor> tensors;  // by offsets
    std::vector<std::pair<std::string, std::string>> metadata;
    bool names_twice = false, keys_twice = false;
    bool tied = false;  // two tensors have the same offsets, so that their order is anybody's
    std::uint64_t data_begin = 0;

    explicit strict_safetensors(std::string_view bytes) { said = read(bytes); }

  private:
    verdict read(std::string_view bytes) {
        if (bytes.size() < 8) return verdict::header_too_small;
        std::uint64_t n = 0;
        for (unsigned i = 8; i-- > 0;) n = n << 8 | static_cast<std::uint8_t>(bytes[i]);
        if (n > 100000000) return verdict::header_too_large;
        if (n > bytes.size() - 8) return verdict::invalid_header_length;
        data_begin = 8 + n;
        const std::string_view header = bytes.substr(8, static_cast<std::size_t>(n));
        if (!is_utf8(header)) return verdict::invalid_utf8;
        json_cursor json(header);
        if (!members(json)) return verdict::invalid_json;
        json.white();
        if (!json.at_end()) return verdict::invalid_json;
        return validate(bytes.size() - data_begin);
    }

    verdict validate(std::uint64_t buffer) {
        const auto offsets = [](const tensor& t) { return std::make_pair(t.begin, t.end); };
        std::sort(tensors.begin(), tensors.end(),
                  [&](const tensor& a, const tensor& b) { return offsets(a) < offsets(b); });
        for (std::size_t i = 1; i < tensors.size(); ++i)
            tied = tied || offsets(tensors[i]) == offsets(tensors[i - 1]);
        std::uint64_t start = 0;
        for (const tensor& t : tensors) {
            if (t.begin != start || t.end < t.begin) return verdict::invalid_offset;
            start = t.end;
            std::uint64_t bits = 1;
            for (const std::uint64_t d : t.shape)
                if (!multiply(bits, d)) return verdict::overflow;
            if (!multiply(bits, test::st_bits(t.dtype))) return verdict::overflow;
            if (bits % 8 != 0) return verdict::misaligned;
            if (t.end - t.begin != bits / 8) return verdict::invalid_info;
        }
        return start == buffer ? verdict::good : verdict::incomplete_buffer;
    }
    static bool multiply(std::uint64_t& n, std::uint64_t by) {
        if (by != 0 && n > UINT64_MAX / by) return false;
        n *= by;
        return true;
    }

    // --- the header: false is invalid_json

    template <class F>
    static bool object(json_cursor& json, F member) {
        if (!json.take('{')) return false;
        if (json.take('}')) return true;
        std::string key;
        do
            if (!json.string(key) || !json.take(':') || !member(key)) return false;
        while (json.take(','));
        return json.take('}');
    }
    template <class F>
    static bool array(json_cursor& json, F element) {
        if (!json.take('[')) return false;
        if (json.take(']')) return true;
        do
            if (!element()) return false;
        while (json.take(','));
        return json.take(']');
    }
    bool members(json_cursor& json) {
        bool seen = false;
        return object(json, [&](const std::string& key) {
            if (key != "__metadata__") return entry(json, key);
            if (seen) return false;
            seen = true;
            return json.word("null") || object(json, [&](const std::string& k) {
                       std::string value;
                       if (!json.string(value)) return false;
                       keep(metadata, keys_twice, [&](const auto& m) { return m.first == k; }) = {
                           k, value};
                       return true;
                   });
        });
    }
    bool entry(json_cursor& json, const std::string& name) {
        tensor t;
        t.name = name;
        bool dtype = false, shape = false, offsets = false;
        const auto once = [](bool& seen) { return !std::exchange(seen, true); };
        const bool good = object(json, [&](const std::string& field) {
            if (field == "dtype")
                return once(dtype) && json.string(t.dtype) && test::st_rank(t.dtype) >= 0;
            if (field == "shape")
                return once(shape) && array(json, [&] {
                           t.shape.emplace_back();
                           return whole(json, t.shape.back());
                       });
            if (field == "data_offsets") return once(offsets) && range(json, t);
            return anything(json, 125);  // 128 levels, and three are taken
        });
        if (!good || !dtype || !shape || !offsets) return false;
        keep(tensors, names_twice, [&](const tensor& other) { return other.name == name; }) = t;
        return true;
    }
    static bool range(json_cursor& json, tensor& t) {
        std::size_t n = 0;
        const bool good = array(json, [&] {
            ++n;
            return n <= 2 && whole(json, n == 1 ? t.begin : t.end);
        });
        return good && n == 2;
    }
    static bool whole(json_cursor& json, std::uint64_t& v) {
        json.white();
        const std::size_t start = json.place();
        if (!json.number()) return false;
        const std::string_view text = json.from(start);
        v = 0;
        for (const char c : text) {
            if (c < '0' || c > '9') return false;
            const auto digit = static_cast<std::uint64_t>(c - '0');
            if (!multiply(v, 10) || v > UINT64_MAX - digit) return false;
            v += digit;
        }
        return true;
    }
    static bool anything(json_cursor& json, unsigned depth) {
        std::string s;
        switch (json.next()) {
            case '{':
                return depth != 0 &&
                       object(json, [&](const std::string&) { return anything(json, depth - 1); });
            case '[':
                return depth != 0 && array(json, [&] { return anything(json, depth - 1); });
            case '"':
                return json.string(s);
            default:
                return json.word("true") || json.word("false") || json.word("null") ||
                       json.number();
        }
    }
    // The place of the one that is there already, or a new one.
    template <class List, class Same>
    static typename List::value_type& keep(List& list, bool& twice, Same same) {
        const auto found = std::find_if(list.begin(), list.end(), same);
        twice = twice || found != list.end();
        return found != list.end() ? *found : list.emplace_back();
    }
};

}  // namespace fuzz

#endif  // AKA_FUZZ_STRICT_SAFETENSORS_HPP
