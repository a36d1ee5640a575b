// Writes GGUF, independently of aka: versions 1 to 3, both byte orders, every value type, and every
// field open to being wrong.
#ifndef AKA_TEST_WRITE_GGUF_HPP
#define AKA_TEST_WRITE_GGUF_HPP

#include "bytes.hpp"
#include "ggml_types.hpp"
#include "write_image.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace test {

enum class gguf_kind : std::uint32_t {
    u8,
    i8,
    u16,
    i16,
    u32,
    i32,
    f32,
    boolean,
    string,
    array,
    u64,
    i64,
    f64
};

inline constexpr unsigned gguf_widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

// kind and element are plain numbers, so that files with unknown kinds can be written.
struct gguf_value {
    std::uint32_t kind = 0;
    std::uint32_t element = 0;  // arrays: kind of the items
    std::uint64_t bits = 0;     // scalars: two's complement or IEEE bits
    std::string text;
    std::vector<gguf_value> items;
    std::optional<std::uint64_t> claimed;  // written as length or count instead of the true one
};

template <class T>
constexpr gguf_kind gguf_kind_of() {
    if constexpr (std::is_same_v<T, bool>)
        return gguf_kind::boolean;
    else if constexpr (std::is_same_v<T, float>)
        return gguf_kind::f32;
    else if constexpr (std::is_same_v<T, double>)
        return gguf_kind::f64;
    else if constexpr (std::is_same_v<T, std::string>)
        return gguf_kind::string;
    else if constexpr (std::is_same_v<T, std::uint8_t>)
        return gguf_kind::u8;
    else if constexpr (std::is_same_v<T, std::int8_t>)
        return gguf_kind::i8;
    else if constexpr (std::is_same_v<T, std::uint16_t>)
        return gguf_kind::u16;
    else if constexpr (std::is_same_v<T, std::int16_t>)
        return gguf_kind::i16;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return gguf_kind::u32;
    else if constexpr (std::is_same_v<T, std::int32_t>)
        return gguf_kind::i32;
    else if constexpr (std::is_same_v<T, std::uint64_t>)
        return gguf_kind::u64;
    else {
        static_assert(std::is_same_v<T, std::int64_t>, "GGUF has no such value type");
        return gguf_kind::i64;
    }
}

// The kind follows from the exact C++ type: gguf_of(std::uint16_t{7}), gguf_of(1.0f).
template <class T>
gguf_value gguf_of(const T& v) {
    gguf_value out;
    out.kind = static_cast<std::uint32_t>(gguf_kind_of<T>());
    if constexpr (std::is_same_v<T, std::string>) {
        out.text = v;
    } else if constexpr (std::is_same_v<T, float>) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &v, sizeof bits);
        out.bits = bits;
    } else if constexpr (std::is_same_v<T, double>) {
        std::memcpy(&out.bits, &v, sizeof out.bits);
    } else {
        out.bits = static_cast<std::uint64_t>(v);
    }
    return out;
}
inline gguf_value gguf_of(const char* text) { return gguf_of(std::string(text)); }
inline gguf_value gguf_of(gguf_value v) { return v; }

inline gguf_value gguf_array(std::uint32_t element, std::vector<gguf_value> items) {
    gguf_value out;
    out.kind = static_cast<std::uint32_t>(gguf_kind::array);
    out.element = element;
    out.items = std::move(items);
    return out;
}
template <class T>
gguf_value gguf_of(const std::vector<T>& items) {
    gguf_value out = gguf_array(static_cast<std::uint32_t>(gguf_kind_of<T>()), {});
    out.items.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        out.items.push_back(gguf_of(static_cast<T>(items[i])));
    }
    return out;
}
// An array whose items are arrays.
inline gguf_value gguf_nested(std::vector<gguf_value> arrays) {
    return gguf_array(static_cast<std::uint32_t>(gguf_kind::array), std::move(arrays));
}

struct gguf_tensor {
    std::string name;
    std::uint32_t type = 0;
    std::vector<std::uint64_t> shape;     // row-major; the file gets it reversed
    std::string data;                     // little-endian; empty with a shape: a hole of zeros
    std::optional<std::uint64_t> offset;  // else after the tensor before, aligned
    std::optional<std::uint32_t> n_dims;  // written instead of the true number
    std::optional<std::vector<std::uint64_t>> ne;  // written instead of the reversed shape

    std::uint64_t bytes() const { return data.empty() ? ggml_bytes(type, shape) : data.size(); }
};

struct gguf_layout {
    std::string head;  // up to the data section, without its padding
    std::vector<std::size_t> kv_at, info_at;
    std::vector<std::uint64_t> offsets;  // as written, from data_start
    std::uint64_t data_start = 0;
    std::uint64_t size = 0;
};

struct gguf_writer {
    std::string magic = "GGUF";
    std::uint32_t version = 3;
    bool big_endian = false;
    std::uint64_t alignment = 32;   // of the layout
    bool declare_alignment = true;  // adds general.alignment when it is not 32 and not there
    bool pad_last = true;
    std::optional<std::uint64_t> n_tensors, n_kv;  // written instead of the true counts
    // Explicit offsets can be absurd: from here on they are written down, but no data goes there.
    std::uint64_t place_below = std::uint64_t{1} << 28;
    std::vector<std::pair<std::string, gguf_value>> kvs;
    std::vector<gguf_tensor> tensors;

    template <class T>
    gguf_writer& add(std::string key, const T& value) {
        kvs.emplace_back(std::move(key), gguf_of(value));
        return *this;
    }
    gguf_writer& add_tensor(std::string name, std::uint32_t type, std::vector<std::uint64_t> shape,
                            std::string data = {}) {
        gguf_tensor t;
        t.name = std::move(name);
        t.type = type;
        t.shape = std::move(shape);
        t.data = std::move(data);
        tensors.push_back(std::move(t));
        return *this;
    }

    gguf_layout layout() const {
        gguf_layout out;
        bytes_builder b(big_endian ? byte_order::big : byte_order::little);
        const auto pairs = all_kvs();
        b.put_raw(magic).put_u32(version);
        b.put_uint(n_tensors.value_or(tensors.size()), count_width());
        b.put_uint(n_kv.value_or(pairs.size()), count_width());
        for (const auto& [key, value] : pairs) {
            out.kv_at.push_back(b.size());
            b.put_string(key, count_width()).put_u32(value.kind);
            put_value(b, value);
        }
        std::uint64_t next = 0, end = 0;
        for (const gguf_tensor& t : tensors) {
            out.info_at.push_back(b.size());
            out.offsets.push_back(t.offset.value_or(next));
            put_info(b, t, out.offsets.back());
            // A tensor without a place of its own follows the last one that has none either.
            if (!t.offset) next += round_up(t.bytes(), alignment);
            if (placed(out.offsets.back(), t)) {
                const std::uint64_t stop = out.offsets.back() + t.bytes();
                end = std::max(end, pad_last ? round_up(stop, alignment) : stop);
            }
        }
        out.head = std::move(b).str();
        // The reference reads no padding where there are no tensors.
        out.data_start = tensors.empty() ? out.head.size() : round_up(out.head.size(), alignment);
        out.size = out.data_start + end;
        return out;
    }

    // Borrows the data of the tensors.
    file_image image() const {
        const gguf_layout where = layout();
        file_image out;
        out.head = where.head;
        out.size = where.size;
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            const gguf_tensor& t = tensors[i];
            if (t.data.empty() || !placed(where.offsets[i], t)) continue;
            std::string_view data = t.data;
            if (big_endian) data = out.kept.emplace_back(ggml_swap(t.type, t.data));
            out.pieces.push_back({where.data_start + where.offsets[i], data});
        }
        return out;
    }
    std::string bytes() const { return image().bytes(); }
    // Holes take no disk space.
    void save(const std::filesystem::path& path) const { image().save(path); }

  private:
    unsigned count_width() const { return version == 1 ? 4 : 8; }

    bool placed(std::uint64_t at, const gguf_tensor& t) const {
        return !t.offset || (at < place_below && t.bytes() < place_below);
    }

    std::vector<std::pair<std::string, gguf_value>> all_kvs() const {
        auto out = kvs;
        bool there = alignment == 32 || !declare_alignment;
        for (const auto& kv : kvs) there = there || kv.first == "general.alignment";
        if (!there) {
            out.emplace_back("general.alignment", gguf_of(static_cast<std::uint32_t>(alignment)));
        }
        return out;
    }

    void put_value(bytes_builder& b, const gguf_value& v) const {
        if (v.kind == static_cast<std::uint32_t>(gguf_kind::string)) {
            b.put_uint(v.claimed.value_or(v.text.size()), count_width()).put_raw(v.text);
        } else if (v.kind == static_cast<std::uint32_t>(gguf_kind::array)) {
            b.put_u32(v.element).put_uint(v.claimed.value_or(v.items.size()), count_width());
            for (const gguf_value& item : v.items) put_value(b, item);
        } else if (v.kind < 13) {
            b.put_uint(v.bits, gguf_widths[v.kind]);
        } else {
            b.put_raw(v.text);  // an unknown kind: whatever bytes the test wants
        }
    }

    void put_info(bytes_builder& b, const gguf_tensor& t, std::uint64_t offset) const {
        const std::vector<std::uint64_t> ne =
            t.ne.value_or(std::vector<std::uint64_t>(t.shape.rbegin(), t.shape.rend()));
        b.put_string(t.name, count_width());
        b.put_u32(t.n_dims.value_or(static_cast<std::uint32_t>(ne.size())));
        for (const std::uint64_t d : ne) b.put_uint(d, count_width());
        b.put_u32(t.type).put_u64(offset);
    }
};

}  // namespace test

#endif  // AKA_TEST_WRITE_GGUF_HPP
