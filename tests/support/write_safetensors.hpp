// Writes safetensors, independently of aka.
//
// A tensor with a shape and no data is a hole: its size comes from dtype and shape, its bytes are
// zeros. Otherwise the size is that of the data, also when it contradicts the shape.
#ifndef AKA_TEST_WRITE_SAFETENSORS_HPP
#define AKA_TEST_WRITE_SAFETENSORS_HPP

#include "bytes.hpp"
#include "write_image.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

struct st_dtype {
    const char* name;
    unsigned bits;
};

// In the order of the reference's enum; its serializer writes the last ones first.
inline constexpr st_dtype st_dtypes[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
static_assert(sizeof st_dtypes / sizeof st_dtypes[0] == 22, "the reference has 22 dtypes");

// Position in st_dtypes, or -1.
inline int st_rank(std::string_view dtype) {
    for (int i = 0; i < 22; ++i) {
        if (dtype == st_dtypes[i].name) return i;
    }
    return -1;
}
// Bits of an element; 0 for an unknown dtype.
inline unsigned st_bits(std::string_view dtype) {
    const int rank = st_rank(dtype);
    return rank < 0 ? 0 : st_dtypes[rank].bits;
}
inline std::uint64_t count_elements(const std::vector<std::uint64_t>& shape) {
    std::uint64_t n = 1;
    for (const std::uint64_t d : shape) n *= d;
    return n;
}

struct st_tensor {
    std::string name;
    std::string dtype;
    std::vector<std::uint64_t> shape;
    std::string data;

    std::uint64_t bytes() const {
        if (!data.empty()) return data.size();
        return count_elements(shape) * st_bits(dtype) / 8;
    }
};

struct st_options {
    std::size_t align = 8;         // the data begins at a multiple of this
    bool reference_order = false;  // dtype descending, then name, as the reference serializer
    bool pad_front = false;        // the padding before the JSON, not behind it
    bool metadata_last = false;
    bool escape_names = false;  // every name as \u00XX, so that no name can be a view of the file
};

// With the escapes of serde_json: short ones where they exist, other control characters as \u00xx.
inline std::string json_quote(std::string_view text, bool escape_all = false) {
    static const char digits[] = "0123456789abcdef";
    static const std::string_view special = "\"\\\b\f\n\r\t";
    static const std::string_view letter = "\"\\bfnrt";
    std::string out = "\"";
    for (const char c : text) {
        const auto b = static_cast<unsigned char>(c);
        const std::size_t k = special.find(c);
        if (escape_all && b < 0x80) {
            out += "\\u00";
            out += digits[b >> 4];
            out += digits[b & 15];
        } else if (k != std::string_view::npos) {
            out += '\\';
            out += letter[k];
        } else if (b < 0x20) {
            out += "\\u00";
            out += digits[b >> 4];
            out += digits[b & 15];
        } else {
            out += c;
        }
    }
    return out + "\"";
}

// The length, the JSON exactly as given, the data: for headers that are wrong on purpose.
inline std::string safetensors_raw(const std::string& json, const std::string& data = {}) {
    bytes_builder out;
    out.put_u64(json.size()).put_raw(json).put_raw(data);
    return std::move(out).str();
}

inline std::string st_metadata_json(const std::map<std::string, std::string>& metadata) {
    std::string json = "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
        if (json.back() != '{') json += ',';
        json += json_quote(key) + ":" + json_quote(value);
    }
    return json + "}";
}

inline std::string st_entry_json(const st_tensor& t, std::uint64_t begin, bool escape_name) {
    std::string json = json_quote(t.name, escape_name) + ":{\"dtype\":" + json_quote(t.dtype);
    json += ",\"shape\":[";
    for (std::size_t i = 0; i < t.shape.size(); ++i) {
        if (i != 0) json += ',';
        json += std::to_string(t.shape[i]);
    }
    json += "],\"data_offsets\":[" + std::to_string(begin) + ",";
    return json + std::to_string(begin + t.bytes()) + "]}";
}

// Borrows the data of `tensors`.
inline file_image safetensors_image(const std::vector<st_tensor>& tensors,
                                    const std::map<std::string, std::string>& metadata = {},
                                    const st_options& options = {}) {
    std::vector<const st_tensor*> order;
    for (const st_tensor& t : tensors) order.push_back(&t);
    if (options.reference_order) {
        std::stable_sort(order.begin(), order.end(), [](const st_tensor* a, const st_tensor* b) {
            const int ra = st_rank(a->dtype), rb = st_rank(b->dtype);
            return ra != rb ? ra > rb : a->name < b->name;
        });
    }
    std::string json = "{";
    const auto comma = [&json] {
        if (json.size() > 1) json += ',';
    };
    if (!metadata.empty() && !options.metadata_last) json += st_metadata_json(metadata);
    std::uint64_t end = 0;
    file_image image;
    for (const st_tensor* t : order) {
        comma();
        json += st_entry_json(*t, end, options.escape_names);
        if (!t->data.empty()) image.pieces.push_back({end, t->data});
        end += t->bytes();
    }
    if (!metadata.empty() && options.metadata_last) {
        comma();
        json += st_metadata_json(metadata);
    }
    json += '}';
    const auto n = static_cast<std::size_t>(round_up(8 + json.size(), options.align)) - 8;
    json.insert(options.pad_front ? 0 : json.size(), n - json.size(), ' ');

    image.head = safetensors_raw(json);
    for (file_image::piece& p : image.pieces) p.at += image.head.size();
    image.size = image.head.size() + end;
    return image;
}

inline std::string write_safetensors(const std::vector<st_tensor>& tensors,
                                     const std::map<std::string, std::string>& metadata = {},
                                     const st_options& options = {}) {
    return safetensors_image(tensors, metadata, options).bytes();
}

// Holes take no disk space. Gives the size of the file.
inline std::uint64_t write_sparse_safetensors(
    const std::filesystem::path& path, const std::vector<st_tensor>& tensors,
    const std::map<std::string, std::string>& metadata = {}, const st_options& options = {}) {
    const file_image image = safetensors_image(tensors, metadata, options);
    image.save(path);
    return image.size;
}

}  // namespace test

#endif  // AKA_TEST_WRITE_SAFETENSORS_HPP
