// Reads both formats into plain maps, independently of aka: for what aka has written. Strict: what
// the reference readers refuse throws, with a word on why.
#ifndef AKA_TEST_READ_BACK_HPP
#define AKA_TEST_READ_BACK_HPP

#include "bytes.hpp"
#include "files.hpp"
#include "ggml_types.hpp"
#include "json.hpp"
#include "write_gguf.hpp"
#include "write_safetensors.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

struct stored_tensor {
    std::string dtype;                 // as safetensors writes it; ggml's in capitals
    std::vector<std::uint64_t> shape;  // row-major
    std::uint64_t offset = 0;          // from the start of the data section
    std::string data;

    friend bool operator==(const stored_tensor& a, const stored_tensor& b) {
        return a.dtype == b.dtype && a.shape == b.shape && a.data == b.data;
    }
};

struct stored_file {
    std::map<std::string, stored_tensor> tensors;
    std::vector<std::string> names;                        // in the order of the header
    std::vector<std::pair<std::string, gguf_value>> keys;  // of safetensors, strings
    std::string json;                                      // the header of safetensors, whole
    std::uint32_t version = 0;                             // of GGUF
    bool big_endian = false;
    std::uint64_t alignment = 0;  // of GGUF
    std::uint64_t data_begin = 0;

    const gguf_value* key(std::string_view name) const {
        for (const auto& k : keys) {
            if (k.first == name) return &k.second;
        }
        return nullptr;
    }
    std::string text(std::string_view name) const {
        const gguf_value* v = key(name);
        return v == nullptr ? "(none)" : v->text;
    }
};

namespace detail {

[[noreturn]] inline void refuse(const std::string& why) { throw std::runtime_error(why); }

class byte_reader {
  public:
    byte_reader(std::string_view bytes, byte_order order) : bytes_(bytes), order_(order) {}

    std::size_t at() const { return at_; }
    void order(byte_order o) { order_ = o; }
    std::string_view take(std::uint64_t n) {
        if (n > bytes_.size() - at_) refuse("the file ends at byte " + std::to_string(at_));
        at_ += static_cast<std::size_t>(n);
        return bytes_.substr(at_ - static_cast<std::size_t>(n), static_cast<std::size_t>(n));
    }
    std::uint64_t number(unsigned width) {
        std::uint64_t v = 0;
        const std::string_view raw = take(width);
        for (unsigned i = 0; i < width; ++i) {
            const auto b = static_cast<unsigned char>(raw[i]);
            v |= std::uint64_t{b} << (8 * (order_ == byte_order::little ? i : width - 1 - i));
        }
        return v;
    }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }

  private:
    std::string_view bytes_;
    byte_order order_;
    std::size_t at_ = 0;
};

inline gguf_value read_value(byte_reader& r, std::uint32_t kind, unsigned length_width) {
    gguf_value v;
    v.kind = kind;
    if (kind > 12) refuse("value type " + std::to_string(kind));
    if (kind == static_cast<std::uint32_t>(gguf_kind::string)) {
        v.text = std::string(r.take(r.number(length_width)));
    } else if (kind == static_cast<std::uint32_t>(gguf_kind::array)) {
        v.element = r.u32();
        const std::uint64_t n = r.number(length_width);
        for (std::uint64_t i = 0; i < n; ++i) {
            v.items.push_back(read_value(r, v.element, length_width));
        }
    } else {
        v.bits = r.number(gguf_widths[kind]);
        // As gguf_of has it: negative numbers fill all 64 bits.
        const unsigned unused = 64 - 8 * gguf_widths[kind];
        if (kind == 1 || kind == 3 || kind == 5) {
            v.bits =
                static_cast<std::uint64_t>(static_cast<std::int64_t>(v.bits << unused) >> unused);
        }
    }
    return v;
}

}  // namespace detail

inline bool operator==(const gguf_value& a, const gguf_value& b) {
    return a.kind == b.kind && a.element == b.element && a.bits == b.bits && a.text == b.text &&
           a.items == b.items;
}
inline bool operator!=(const gguf_value& a, const gguf_value& b) { return !(a == b); }

inline stored_file read_back_safetensors(std::string_view bytes) {
    using detail::refuse;
    stored_file out;
    detail::byte_reader r(bytes, byte_order::little);
    const std::uint64_t n = r.number(8);
    if (n > 100000000) refuse("a header of " + std::to_string(n));
    out.json = std::string(r.take(n));
    out.data_begin = r.at();
    const json header = json::parse(out.json);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const std::string& name = header.keys[i];
        const json& value = header.items[i];
        if (name == "__metadata__") {
            if (!out.keys.empty()) refuse("a second __metadata__");
            for (std::size_t k = 0; k < value.size(); ++k) {
                out.keys.emplace_back(value.keys[k], gguf_of(value.items[k].as_string()));
            }
            continue;
        }
        stored_tensor t;
        t.dtype = value["dtype"].as_string();
        t.shape = value["shape"].as_u64s();
        const auto range = value["data_offsets"].as_u64s();
        if (range.size() != 2 || range[1] < range[0]) refuse(name + ": bad offsets");
        t.offset = range[0];
        const unsigned bits = st_bits(t.dtype);
        if (bits != 0 && count_elements(t.shape) * bits != (range[1] - range[0]) * 8) {
            refuse(name + ": size and offsets differ");
        }
        if (range[1] > bytes.size() - out.data_begin) refuse(name + ": beyond the end");
        t.data = std::string(bytes.substr(static_cast<std::size_t>(out.data_begin + range[0]),
                                          static_cast<std::size_t>(range[1] - range[0])));
        ranges.emplace_back(range[0], range[1]);
        out.names.push_back(name);
        if (!out.tensors.emplace(name, std::move(t)).second) refuse(name + " occurs twice");
    }
    std::sort(ranges.begin(), ranges.end());
    std::uint64_t end = 0;
    for (const auto& range : ranges) {
        if (range.first != end) refuse("a hole at " + std::to_string(end));
        end = range.second;
    }
    if (end != bytes.size() - out.data_begin) refuse("bytes behind the last tensor");
    return out;
}

// `padded`: the last tensor's padding must be there, as ggml wants when it loads data.
inline stored_file read_back_gguf(std::string_view bytes, bool padded = true) {
    using detail::refuse;
    stored_file out;
    detail::byte_reader r(bytes, byte_order::little);
    if (r.take(4) != "GGUF") refuse("no GGUF");
    out.version = r.u32();
    if ((out.version & 0xffff) == 0) {
        out.big_endian = true;
        out.version >>= 24;
        r.order(byte_order::big);
    }
    if (out.version < 1 || out.version > 3) refuse("version " + std::to_string(out.version));
    const unsigned width = out.version == 1 ? 4 : 8;
    const std::uint64_t n_tensors = r.number(width), n_keys = r.number(width);
    out.alignment = 32;
    for (std::uint64_t i = 0; i < n_keys; ++i) {
        std::string key(r.take(r.number(width)));
        const std::uint32_t kind = r.u32();
        gguf_value v = detail::read_value(r, kind, width);
        if (key.empty() || out.key(key) != nullptr) refuse("key '" + key + "' twice or empty");
        if (key == "general.alignment") out.alignment = v.bits;
        out.keys.emplace_back(std::move(key), std::move(v));
    }
    struct info {
        std::uint32_t type;
        std::uint64_t offset;
    };
    std::vector<info> infos;
    for (std::uint64_t i = 0; i < n_tensors; ++i) {
        std::string name(r.take(r.number(width)));
        const std::uint32_t rank = r.u32();
        if (rank > 4) refuse(name + ": rank " + std::to_string(rank));
        stored_tensor t;
        for (std::uint32_t d = 0; d < rank; ++d) {
            t.shape.insert(t.shape.begin(), r.number(width));
        }
        const std::uint32_t type = r.u32();
        const ggml_type_row* row = ggml_type(type);
        t.dtype = row == nullptr ? "#" + std::to_string(type) : row->name;
        for (char& c : t.dtype) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
        t.offset = r.number(8);
        infos.push_back({type, t.offset});
        out.names.push_back(name);
        if (!out.tensors.emplace(name, std::move(t)).second) refuse(name + " occurs twice");
    }
    out.data_begin = n_tensors == 0 ? r.at() : round_up(r.at(), out.alignment);
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        stored_tensor& t = out.tensors[out.names[i]];
        if (infos[i].offset != end) {
            refuse(out.names[i] + " has offset " + std::to_string(infos[i].offset) + ", expected " +
                   std::to_string(end));
        }
        const std::uint64_t size = ggml_bytes(infos[i].type, t.shape);
        const std::uint64_t at = out.data_begin + t.offset;
        if (at > bytes.size() || size > bytes.size() - at) refuse(out.names[i] + ": no such bytes");
        t.data =
            std::string(bytes.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(size)));
        end = round_up(end + size, out.alignment);
    }
    if (padded && n_tensors != 0 && bytes.size() < out.data_begin + end) {
        refuse("the last tensor is not padded");
    }
    return out;
}

// By what the file begins with.
inline stored_file read_back(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    return bytes.substr(0, 4) == "GGUF" ? read_back_gguf(bytes) : read_back_safetensors(bytes);
}

}  // namespace test

#endif  // AKA_TEST_READ_BACK_HPP
