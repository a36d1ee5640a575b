// aka: lays tensors out as a safetensors file and renders its header, as the format's reference
// implementation does: compact JSON in the order of the data, `__metadata__` first, padded with
// spaces.
#include "version.hpp"

#ifndef AKA_WRITE_SAFETENSORS_HPP
#define AKA_WRITE_SAFETENSORS_HPP

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "json.hpp"
#include "safetensors.hpp"
#include "write_header.hpp"

AKA_BEGIN

/// In which order the data lies. The format allows no gaps between tensors, so that alignment is a
/// matter of order alone: behind tensors whose sizes are multiples of 64, the next one is aligned
/// to 64. (A tensor of padding bytes, the other way, would be one that no model has.)
enum class safetensors_order : std::uint8_t {
    /// By dtype, wide ones first, then by name: each tensor is aligned to its element.
    reference,
    /// First those whose size is the greatest power of two (up to `align`) times something, then as
    /// `reference`: each tensor is aligned to what divides its own size, the matrices of a model to
    /// 64 or 4096, and all to their elements.
    aligned,
    as_given,
};

/// In which order, and how aligned, the data of a new file lies.
struct safetensors_layout {
    safetensors_order order = safetensors_order::reference;  ///< of the data
    std::uint64_t align = 8;  ///< for `aligned`; give the same to the header's padding
};

namespace detail {

// From first to last as the reference lays them out; F6 and F4 come last but one, since after them
// nothing is aligned. What has no name here goes behind all.
inline constexpr dtype safetensors_dtype_order[] = {
    dtype::u64,     dtype::i64,         dtype::f64,         dtype::c64,     dtype::f32,
    dtype::u32,     dtype::i32,         dtype::bf16,        dtype::f16,     dtype::u16,
    dtype::i16,     dtype::f8_e5m2fnuz, dtype::f8_e4m3fnuz, dtype::f8_e8m0, dtype::f8_e4m3,
    dtype::f8_e5m2, dtype::i8,          dtype::u8,          dtype::f6_e3m2, dtype::f6_e2m3,
    dtype::f4,      dtype::boolean};

struct dtype_ranks {
    std::uint8_t of[dtype_count];
};
constexpr dtype_ranks make_safetensors_ranks() noexcept {
    dtype_ranks r{};
    for (std::uint8_t& rank : r.of) rank = 255;
    std::uint8_t n = 0;
    for (dtype t : safetensors_dtype_order) r.of[static_cast<unsigned>(t)] = n++;
    return r;
}
inline constexpr dtype_ranks safetensors_ranks = make_safetensors_ranks();
constexpr bool safetensors_ranks_are_whole() noexcept {
    for (const dtype_info& i : dtype_table)
        if (i.in_safetensors != (safetensors_ranks.of[static_cast<unsigned>(i.dtype)] != 255))
            return false;
    return true;
}
static_assert(safetensors_ranks_are_whole(), "each type of the format has its place");

/// Whether JSON writes a text as it is: ASCII without quotes, backslashes, control characters.
inline bool is_plain_json(std::string_view s) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101;
    std::uint64_t found = 0;
    auto look = [&](std::uint64_t w) {
        std::uint64_t quote = w ^ (ones * '"'), back = w ^ (ones * '\\');
        found |= ((quote - ones) & ~quote) | ((back - ones) & ~back) | ((w - ones * 0x20) & ~w) | w;
    };
    const char* p = s.data();
    std::size_t n = s.size();
    for (; n >= 8; n -= 8, p += 8) look(load_native<std::uint64_t>(p));
    if (n != 0) look(load_few(p, n) | (ones * ' ' << (8 * n)));
    return (found & (ones * 0x80)) == 0;
}

// The reference's escapes: short ones where JSON has them, \u00 and two digits for other control
// characters, everything else as it is.
constexpr std::string_view json_escaped = "\"\\\b\f\n\r\t", json_letters = "\"\\bfnrt";

/// Bytes of a text in JSON, without the quotes.
inline std::uint64_t json_size(std::string_view s) noexcept {
    if (is_plain_json(s)) return s.size();
    std::uint64_t n = 0;
    for (char c : s) {
        if (json_escaped.find(c) != std::string_view::npos)
            n += 2;
        else
            n += static_cast<unsigned char>(c) < 0x20 ? 6 : 1;
    }
    return n;
}

/// Writes JSON into memory that was measured before.
class json_out {
  public:
    explicit json_out(char* to) noexcept : at_(to) {}
    char* at() const noexcept { return at_; }

    json_out& operator<<(std::string_view s) noexcept {
        if (!s.empty()) std::memcpy(at_, s.data(), s.size());
        at_ += s.size();
        return *this;
    }
    json_out& operator<<(char c) noexcept { return *at_++ = c, *this; }
    json_out& operator<<(std::uint64_t n) noexcept {
        // Two digits a division.
        constexpr char pairs[] =
            "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
            "8081828384858687888990919293949596979899";
        char digits[20];
        char* p = digits + sizeof(digits);
        for (; n >= 100; n /= 100) std::memcpy(p -= 2, pairs + 2 * (n % 100), 2);
        if (n >= 10)
            std::memcpy(p -= 2, pairs + 2 * n, 2);
        else
            *--p = static_cast<char>('0' + n);
        return *this << std::string_view(p, static_cast<std::size_t>(digits + sizeof(digits) - p));
    }
    void quote(std::string_view s) noexcept {
        *this << '"';
        if (is_plain_json(s)) {
            *this << s << '"';
            return;
        }
        constexpr char hex[] = "0123456789abcdef";
        for (char c : s) {
            std::size_t k = json_escaped.find(c);
            auto u = static_cast<unsigned char>(c);
            if (k != std::string_view::npos)
                *this << '\\' << json_letters[k];
            else if (u < 0x20)
                *this << "\\u00" << hex[u >> 4] << hex[u & 15];
            else
                *this << c;
        }
        *this << '"';
    }

  private:
    char* at_;
};

inline status check_json_text(std::string_view s, const char* what) noexcept {
    if (is_plain_json(s)) return {};
    std::size_t bad = find_bad_utf8(s);
    if (bad == s.size()) return {};
    return fail(errc::bad_utf8, error::nowhere, what, ' ', quoted{s},
                " is not UTF-8, which JSON must be: byte ", bad);
}

/// The name of an entry's type in the header.
inline status safetensors_dtype(const tensor_entry& e, std::string_view& out) noexcept {
    out = name(e.dtype);
    if (info(e.dtype).in_safetensors) return {};
    if (e.dtype != dtype::unknown)
        return entry_error(errc::bad_type, e).say("safetensors has no type like ", out);
    out = e.raw_dtype;
    if (out.empty() && e.ggml_type >= 0)
        return entry_error(errc::bad_type, e)
            .say("safetensors has no type like ggml's number ", e.ggml_type);
    // tensor::dtype_name() cuts names at 32 characters.
    if (out.empty() || out.size() >= 32 || !is_plain_json(out))
        return entry_error(errc::bad_type, e).say("its dtype has no usable name: ", quoted{out});
    return {};
}

inline status check_safetensors_entry(const tensor_entry& e, std::uint64_t begin) noexcept {
    std::string_view type;
    std::uint64_t end = 0;
    if (status s = check_json_text(e.name, "the tensor name"); !s) return s;
    if (e.name == "__metadata__")
        return fail(errc::bad_name, error::nowhere,
                    "a tensor cannot be called '__metadata__': that is where the keys are");
    if (status s = safetensors_dtype(e, type); !s) return s;
    if (status s = check_size(e); !s) return s;
    if (e.offset != begin)
        return entry_error(errc::bad_offset, e)
            .say("its data begins at ", e.offset, ", not at ", begin,
                 " where the tensor before it ends");
    if (!checked_add(e.offset, e.bytes, end))
        return entry_error(errc::size_overflow, e).say("its data ends beyond 2^64");
    return {};
}

}  // namespace detail

/// Sets the offset of each entry; the entries themselves stay where they are, and
/// render_safetensors finds their order again. Needs bytes, dtype and name of each. Errors:
/// bad_alignment, size_overflow, out_of_memory.
inline status lay_out_safetensors(span<tensor_entry> all,
                                  const safetensors_layout& how = {}) noexcept {
    using detail::fail;
    if (!detail::is_power_of_two(how.align))
        return fail(errc::bad_alignment, error::nowhere, "an alignment of ", how.align,
                    ", not a power of two");
    detail::growing<std::uint32_t> order;
    auto rank = [&](const tensor_entry& e) {
        return detail::safetensors_ranks.of[static_cast<unsigned>(e.dtype)];
    };
    // What divides the size, as far as it is wanted; everything divides nothing.
    auto divisor = [&](const tensor_entry& e) {
        std::uint64_t low = e.bytes & (0 - e.bytes);
        return low == 0 || low > how.align ? how.align : low;
    };
    bool room = detail::sort_positions(all.size(), order, [&](std::uint32_t i, std::uint32_t k) {
        const tensor_entry &a = all[i], &b = all[k];
        if (how.order == safetensors_order::as_given) return false;
        if (how.order == safetensors_order::aligned && divisor(a) != divisor(b))
            return divisor(a) > divisor(b);
        return rank(a) != rank(b) ? rank(a) < rank(b) : a.name < b.name;
    });
    if (!room) return detail::no_memory();
    std::uint64_t at = 0;
    for (std::uint32_t i : order) {
        all[i].offset = at;
        if (!detail::checked_add(at, all[i].bytes, at))
            return detail::entry_error(errc::size_overflow, all[i])
                .say("the data of all tensors is more than 2^64 bytes");
    }
    return {};
}

/// The header of a file with these tensors at their offsets: as lay_out_safetensors set them, or
/// those of a source whose header alone is rewritten. In which order the entries come does not
/// matter. By default the data begins at a multiple of 8, as in the reference's files; 64 or 4096
/// cost nothing but spaces. Values of the metadata are kept byte for byte; how JSON escapes them is
/// the reference's way, which is never longer. Checked before anything is rendered.
///
/// Errors: duplicate_name, bad_name, bad_utf8, bad_type, bad_block, size_mismatch, size_overflow,
/// bad_offset (gaps, overlaps), wrong_type (a key that is no string), bad_alignment, wrong_size
/// (more than padding.exactly), header_too_large (the reference reads 100,000,000 bytes),
/// out_of_memory.
inline result<header_bytes> render_safetensors(span<const tensor_entry> all,
                                               const header_metadata& keys = {},
                                               const header_padding& padding = {}) noexcept {
    using detail::fail;
    detail::growing<metadata::entry> meta;
    if (status s = detail::merge_metadata(keys, meta); !s) return s.error();
    if (status s = detail::check_names(all); !s) return s.error();
    detail::growing<std::uint32_t> order;
    if (!detail::sort_by_offset(all, order)) return detail::no_memory();

    std::uint64_t most = 8 + 2 + 18;  // braces and "__metadata__":{},
    for (const metadata::entry& e : meta) {
        std::string_view value(reinterpret_cast<const char*>(e.value.at),
                               static_cast<std::size_t>(e.value.count));
        if (e.value.type != value_type::string)
            return fail(errc::wrong_type, error::nowhere, "key ", detail::quoted{e.key}, " is ",
                        detail::value_types[static_cast<unsigned>(e.value.type)].name,
                        "; metadata of safetensors is strings");
        if (status s = detail::check_json_text(e.key, "the key"); !s) return s.error();
        if (status s = detail::check_json_text(value, "the value"); !s) return s.error();
        most += detail::json_size(e.key) + detail::json_size(value) + 6;
    }
    std::uint64_t end = 0;
    for (std::uint32_t i : order) {
        const tensor_entry& e = all[i];
        if (status s = detail::check_safetensors_entry(e, end); !s) return s.error();
        end = e.offset + e.bytes;
        // ,"":{"dtype":"","shape":[],"data_offsets":[,]} with a dtype of at most 31 characters,
        // and numbers of at most 20.
        most += detail::json_size(e.name) + 48 + 31 + 21 * (std::uint64_t{e.shape.rank()} + 2);
    }

    detail::growing<char> text;
    if (!detail::fits_memory(most) || text.extend(static_cast<std::size_t>(most)) == nullptr)
        return detail::no_memory();
    detail::json_out out(text.data() + 8);
    out << '{';
    bool first = true;
    auto comma = [&] {
        if (!first) out << ',';
        first = false;
    };
    if (!meta.empty()) {
        out << "\"__metadata__\":{";
        for (const metadata::entry& e : meta) {
            comma();
            out.quote(e.key);
            out << ':';
            out.quote({reinterpret_cast<const char*>(e.value.at),
                       static_cast<std::size_t>(e.value.count)});
        }
        out << '}';
        first = false;
    }
    for (std::uint32_t i : order) {
        const tensor_entry& e = all[i];
        std::string_view type;
        (void)detail::safetensors_dtype(e, type);
        comma();
        out.quote(e.name);
        out << ":{\"dtype\":\"" << type << "\",\"shape\":[";
        for (std::uint32_t d = 0; d < e.shape.rank(); ++d) {
            if (d != 0) out << ',';
            out << e.shape[d];
        }
        out << "],\"data_offsets\":[" << e.offset << ',' << e.offset + e.bytes << "]}";
    }
    out << '}';

    auto used = static_cast<std::uint64_t>(out.at() - text.data());
    std::uint64_t size = 0;
    std::uint64_t align = padding.align == 0 ? 8 : padding.align;
    if (status s = detail::padded_size(used, padding, align, size); !s) return s.error();
    if (size - 8 > detail::safetensors_max_header)
        return fail(errc::header_too_large, error::nowhere, "a header of ", size - 8,
                    " bytes, the format's readers take at most ", detail::safetensors_max_header);
    text.resize(static_cast<std::size_t>(used));
    const auto blanks = static_cast<std::size_t>(size - used);
    char* behind = text.extend(blanks);
    if (behind == nullptr) return detail::no_memory();
    std::memset(behind, ' ', blanks);
    for (unsigned i = 0; i < 8; ++i) text[i] = static_cast<char>((size - 8) >> (8 * i));
    return header_bytes(std::move(text), used, end);
}

AKA_END

#endif  // AKA_WRITE_SAFETENSORS_HPP
