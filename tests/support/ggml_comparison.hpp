// Everything of a GGUF file, ours against ggml's. Makes text only of what differs, so that millions
// of files can be compared.
#ifndef AKA_TEST_GGML_COMPARISON_HPP
#define AKA_TEST_GGML_COMPARISON_HPP

#if defined(__unix__)
#include <aka/gguf.hpp>

#include "bytes.hpp"
#include "ggml_library.hpp"
#include "write_gguf.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace test {

class ggml_comparison {
  public:
    // `context` has the tensors of `theirs`, with data or without.
    ggml_comparison(const aka::gguf& ours, const gguf_context* theirs, ggml_context* context,
                    bool with_data)
        : ours_(ours), theirs_(theirs) {
        same("version", {}, ours.version(), ggml().gguf_get_version(theirs));
        same("alignment", {}, ours.alignment(), ggml().gguf_get_alignment(theirs));
        same("data offset", {}, ours.data_begin(), ggml().gguf_get_data_offset(theirs));
        keys();
        tensors(context, with_data);
    }
    // What differs first, or nothing.
    const std::string& difference() const { return difference_; }
    std::uint64_t compared() const { return compared_; }

  private:
    static std::string text(std::string_view s) { return std::string(s); }
    template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
    static std::string text(T v) {
        return std::to_string(v);
    }
    // Equal as numbers, whatever their types.
    template <class A, class B>
    static bool equal(const A& a, const B& b) {
        if constexpr (std::is_arithmetic_v<A>)
            return static_cast<std::int64_t>(a) == static_cast<std::int64_t>(b);
        else
            return a == std::string_view(b);
    }
    template <class A, class B>
    bool same(const char* what, std::string_view of, const A& ours, const B& theirs) {
        ++compared_;
        if (difference_.empty() && !equal(ours, theirs)) {
            difference_ = what + (of.empty() ? std::string() : " of " + std::string(of));
            difference_ += ": " + text(ours) + ", ggml: " + text(theirs);
        }
        return difference_.empty();
    }
    // ggml hands out C strings.
    static std::string_view to_nul(std::string_view s) { return s.substr(0, s.find('\0')); }

    void keys() {
        const aka::metadata& m = ours_.metadata();
        same("keys", {}, m.size(), ggml().gguf_get_n_kv(theirs_));
        for (std::size_t i = 0; difference_.empty() && i < m.size(); ++i) {
            const auto id = static_cast<std::int64_t>(i);
            const aka::metadata_value v = m[i];
            const std::string_view key = to_nul(v.key());
            const char* name = ggml().gguf_get_key(theirs_, id);
            same("key", {}, key, name);
            // Of keys that are equal up to a NUL ggml finds the first.
            const std::int64_t found = ggml().gguf_find_key(theirs_, name);
            if (key.size() == v.key().size() && found >= 0 &&
                m[static_cast<std::size_t>(found)].key() == key)
                same("position", key, id, found);
            same("type", key, static_cast<int>(v.type()), ggml().gguf_get_kv_type(theirs_, id));
            if (!same("found", key, m.find(v.key()).raw().at == v.raw().at, true)) return;
            if (v.is_string())
                same("value", key, to_nul(*v.as_string()), ggml().gguf_get_val_str(theirs_, id));
            else if (v.is_array())
                array(key, *v.as_array(), id);
            else
                scalar("value", key, v, ggml().gguf_get_val_data(theirs_, id));
        }
    }
    void array(std::string_view key, const aka::metadata_array& a, std::int64_t id) {
        same("element type", key, static_cast<int>(a.element_type()),
             ggml().gguf_get_arr_type(theirs_, id));
        same("size", key, a.size(), ggml().gguf_get_arr_n(theirs_, id));
        if (!difference_.empty() || a.empty()) return;
        const bool strings = a.element_type() == aka::value_type::string;
        const void* data = strings ? nullptr : ggml().gguf_get_arr_data(theirs_, id);
        const unsigned width = gguf_widths[static_cast<unsigned>(a.element_type())];
        std::size_t i = 0;
        for (const aka::metadata_value v : a) {
            if (strings)
                same("element", key, to_nul(*v.as_string()),
                     ggml().gguf_get_arr_str(theirs_, id, i));
            else
                scalar("element", key, v, static_cast<const char*>(data) + i * width);
            if (!difference_.empty()) return;
            ++i;
        }
        same("elements", key, i, a.size());
    }
    // `p`: the number in this machine's order.
    void scalar(const char* what, std::string_view key, const aka::metadata_value& v,
                const void* p) {
        aka::detail::with_scalar(v.raw(), [&](auto ours) {
            ++compared_;
            using T = decltype(ours);
            // Any byte but 0 is true.
            if constexpr (std::is_same_v<T, bool>) {
                same(what, key, ours, *static_cast<const std::uint8_t*>(p) != 0);
            } else if (std::memcmp(&ours, p, sizeof ours) != 0) {
                same(what, key, hex_encode({reinterpret_cast<const char*>(&ours), sizeof ours}),
                     hex_encode({static_cast<const char*>(p), sizeof ours}));
            }
        });
    }

    void tensors(ggml_context* context, bool with_data) {
        same("tensors", {}, ours_.size(), ggml().gguf_get_n_tensors(theirs_));
        for (std::size_t i = 0; difference_.empty() && i < ours_.size(); ++i) {
            const auto id = static_cast<std::int64_t>(i);
            const aka::tensor t = ours_[i];
            const std::string_view name = to_nul(t.name());
            const char* c_name = ggml().gguf_get_tensor_name(theirs_, id);
            same("name", {}, name, c_name);
            same("position", name, id, ggml().gguf_find_tensor(theirs_, c_name));
            same("type", name, t.ggml_type(), ggml().gguf_get_tensor_type(theirs_, id));
            same("bytes", name, t.size_bytes(), ggml().gguf_get_tensor_size(theirs_, id));
            same("offset", name, t.offset() - ours_.data_begin(),
                 ggml().gguf_get_tensor_offset(theirs_, id));
            const std::int64_t* ne = ggml().gguf_get_tensor_ne(theirs_, id);
            for (std::size_t k = 0; k < 4; ++k) same("ne", name, t.shape().ne()[k], ne[k]);
            const ggml_tensor* g = ggml().ggml_get_tensor(context, c_name);
            if (!same("presence", name, g != nullptr, true)) return;
            same("elements", name, t.elements(), ggml().ggml_nelements(g));
            same("bytes", name, t.size_bytes(), ggml().ggml_nbytes(g));
            if (!with_data || !difference_.empty() || t.size_bytes() == 0) continue;
            const auto bytes = t.bytes();
            const int order = std::memcmp(bytes->data(), ggml().ggml_get_data(g), bytes->size());
            same("content", name, order == 0, true);
        }
    }

    const aka::gguf& ours_;
    const gguf_context* theirs_;
    std::string difference_;
    std::uint64_t compared_ = 0;
};

}  // namespace test

#endif  // defined(__unix__)
#endif  // AKA_TEST_GGML_COMPARISON_HPP
