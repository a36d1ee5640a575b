// aka: lays tensors out as a GGUF file and renders its header: versions 2 and 3, either byte order,
// as ggml's reader wants it: offsets without gaps but the alignment's, in the order of the infos.
#include "version.hpp"

#ifndef AKA_WRITE_GGUF_HPP
#define AKA_WRITE_GGUF_HPP

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "gguf.hpp"
#include "write_header.hpp"

AKA_BEGIN

/// What is written, beside tensors and keys. The defaults are what every reader takes; a header
/// rewritten in place takes over what its source has.
struct gguf_format {
    std::uint32_t version = 3;  ///< 2 or 3; a source of version 1 becomes one of these
    bool big_endian = false;    ///< the data is the caller's to match
    bool long_names = false;    ///< over 63 bytes, which ggml refuses; at most 65,535
    bool gaps = false;  ///< offsets may leave gaps, as some sources' do; ggml refuses such files
};

/// The key that fills a header up where the alignment alone does not: it holds blanks. GGUF has no
/// other room for padding.
constexpr std::string_view gguf_padding_key = "aka.padding";

namespace detail {

constexpr std::uint64_t ggml_max_name = 63;
constexpr std::uint64_t gguf_default_alignment = 32;

/// Writes into memory that was measured before.
class gguf_out {
  public:
    gguf_out(char* to, bool big) noexcept : at_(to), big_(big) {}
    char* at() const noexcept { return at_; }

    void raw(const void* p, std::uint64_t n) noexcept {
        if (n != 0) std::memcpy(at_, p, static_cast<std::size_t>(n));
        at_ += n;
    }
    template <class T>
    void number(T v) noexcept {
        if (big_ != (AKA_BIG_ENDIAN_HOST != 0)) v = byte_swapped(v);
        std::memcpy(at_, &v, sizeof(T));
        at_ += sizeof(T);
    }
    void string(std::string_view s) noexcept {
        number(std::uint64_t{s.size()});
        raw(s.data(), s.size());
    }
    /// A value as it stands behind its type.
    void value(const raw_value& v) noexcept {
        if (v.type == value_type::string)
            return string({reinterpret_cast<const char*>(v.at), static_cast<std::size_t>(v.count)});
        if (v.type != value_type::array)
            return swapped(v.at, 1, value_types[static_cast<unsigned>(v.type)].size, v.format.swap);
        number(static_cast<std::uint32_t>(v.element));
        number(v.count);
        unsigned width = value_types[static_cast<unsigned>(v.element)].size;
        if (width != 0) return swapped(v.at, v.count, width, v.format.swap);
        const std::byte* p = v.at;
        for (std::uint64_t i = 0; i < v.count; ++i) value(take_value(p, v.element, v.format));
    }

  private:
    void swapped(const std::byte* p, std::uint64_t n, unsigned width, bool from_big) noexcept {
        if (width == 1 || from_big == big_) return raw(p, n * width);
        for (std::uint64_t i = 0; i < n; ++i, p += width)
            for (unsigned k = width; k-- > 0;) *at_++ = static_cast<char>(p[k]);
    }

    char* at_;
    bool big_;
};

/// Bytes that gguf_out::value writes.
inline std::uint64_t gguf_value_size(const raw_value& v) noexcept {
    if (v.type == value_type::string) return 8 + v.count;
    if (v.type != value_type::array) return value_types[static_cast<unsigned>(v.type)].size;
    unsigned width = value_types[static_cast<unsigned>(v.element)].size;
    std::uint64_t size = 12 + v.count * width;
    const std::byte* p = v.at;
    for (std::uint64_t i = 0; width == 0 && i < v.count; ++i)
        size += gguf_value_size(take_value(p, v.element, v.format));
    return size;
}
inline std::uint64_t gguf_key_size(std::string_view key, const raw_value& v) noexcept {
    return 8 + key.size() + 4 + gguf_value_size(v);
}

inline status gguf_alignment_of(const growing<metadata::entry>& keys, std::uint64_t& out) noexcept {
    out = gguf_default_alignment;
    for (const metadata::entry& e : keys) {
        if (e.key != "general.alignment") continue;
        if (e.value.type != value_type::u32)
            return fail(errc::bad_alignment, error::nowhere, "general.alignment is ",
                        value_types[static_cast<unsigned>(e.value.type)].name, ", not u32");
        out = load_value<std::uint32_t>(e.value);
        if (!is_power_of_two(out))
            return fail(errc::bad_alignment, error::nowhere, "general.alignment is ", out,
                        ", not a power of two");
    }
    return {};
}

inline status check_gguf_names(span<const tensor_entry> all, bool long_names) noexcept {
    std::uint64_t most = long_names ? gguf_max_name : ggml_max_name;
    const tensor_entry* first = nullptr;
    std::size_t others = 0;
    for (const tensor_entry& e : all) {
        // ggml ends a name at its first NUL, and compares what is left.
        if (e.name.find('\0') != std::string_view::npos)
            return entry_error(errc::bad_name, e).say("ggml reads names up to a NUL");
        if (e.name.size() <= most) continue;
        if (first == nullptr)
            first = &e;
        else
            ++others;
    }
    if (first == nullptr) return check_names(all);
    error e = entry_error(errc::bad_name, *first);
    e.say("its name has ", first->name.size(), " bytes, ",
          long_names ? "GGUF allows " : "ggml reads ", most);
    if (others != 0) e.say("; ", others, others == 1 ? " other is" : " others are", " too long");
    return e;
}

inline status check_gguf_entry(const tensor_entry& e) noexcept {
    std::int64_t id = e.dtype == dtype::unknown ? e.ggml_type : info(e.dtype).ggml_id;
    if (id < 0 || id > 0xffffffff)
        return entry_error(errc::bad_type, e)
            .say("GGUF has no type like ", e.raw_dtype.empty() ? name(e.dtype) : e.raw_dtype);
    if (e.shape.rank() > 4)
        return entry_error(errc::bad_rank, e)
            .say(e.shape, " has ", e.shape.rank(), " dimensions, GGUF allows 4");
    // Any product of sizes that are not 0 must stay below 2^63, as ggml counts.
    std::uint64_t n = 1;
    for (std::uint64_t d : e.shape)
        if (d != 0 && (!checked_mul(n, d, n) || static_cast<std::int64_t>(n) < 0))
            return entry_error(errc::bad_dimension, e)
                .say("the sizes of ", e.shape, " multiply to more than 2^63");
    if (e.dtype != dtype::unknown && e.shape.back() % info(e.dtype).block_elements != 0)
        return entry_error(errc::bad_block, e)
            .say("rows of ", e.shape.back(), " elements are not whole blocks of ",
                 info(e.dtype).block_elements, " (", name(e.dtype), ')');
    return check_size(e);
}

/// The offsets in the order of the data. The padded end of the last in `end`.
inline status check_gguf_offsets(span<const tensor_entry> all, const growing<std::uint32_t>& order,
                                 std::uint64_t alignment, bool gaps, std::uint64_t& end) noexcept {
    end = 0;
    for (std::uint32_t i : order) {
        const tensor_entry& e = all[i];
        if (e.offset % alignment != 0)
            return entry_error(errc::bad_offset, e)
                .say("offset ", e.offset, " is not a multiple of the alignment ", alignment);
        if (gaps ? e.offset < end : e.offset != end)
            return entry_error(errc::bad_offset, e)
                .say("its data begins at ", e.offset, ", not at ", end,
                     " behind the tensor before it");
        if (!checked_add(e.offset, e.bytes, end) || !checked_align(end, alignment, end))
            return entry_error(errc::size_overflow, e).say("its data ends beyond 2^64");
    }
    return {};
}

}  // namespace detail

/// The alignment of a file with these keys: general.alignment, or 32. Errors: bad_alignment;
/// wrong_type, out_of_memory.
inline result<std::uint64_t> gguf_alignment(const header_metadata& keys) noexcept {
    detail::growing<metadata::entry> meta;
    if (status s = detail::merge_metadata(keys, meta); !s) return s.error();
    std::uint64_t alignment = 0;
    if (status s = detail::gguf_alignment_of(meta, alignment); !s) return s.error();
    return alignment;
}

/// Sets the offset of each entry: one behind the other as they are given, each at a multiple of the
/// alignment (see gguf_alignment). Needs bytes of each. Errors: bad_alignment, size_overflow.
inline status lay_out_gguf(span<tensor_entry> all,
                           std::uint64_t alignment = detail::gguf_default_alignment) noexcept {
    if (!detail::is_power_of_two(alignment))
        return detail::fail(errc::bad_alignment, error::nowhere, "an alignment of ", alignment,
                            ", not a power of two");
    std::uint64_t at = 0;
    for (tensor_entry& e : all) {
        e.offset = at;
        if (!detail::checked_add(at, e.bytes, at) || !detail::checked_align(at, alignment, at))
            return detail::entry_error(errc::size_overflow, e)
                .say("the data of all tensors is more than 2^64 bytes");
    }
    return {};
}

/// The header of a file with these tensors at their offsets: as lay_out_gguf set them, or those of
/// a source whose header alone is rewritten. Infos come in the order of the data. Keys and values
/// of a source are kept byte for byte, in the byte order asked for; general.alignment among them
/// says how the data is aligned. The data begins at a multiple of it; what else the padding asks
/// for is filled with the key `aka.padding`. The caller pads each tensor's data to the alignment,
/// the last one's too: data_size() counts it.
///
/// Errors: bad_version, bad_alignment, bad_key, duplicate_name, bad_name (too long; holds NUL),
/// bad_type, bad_rank, bad_dimension, bad_block, size_mismatch, size_overflow, bad_offset,
/// wrong_type, wrong_size (more than padding.exactly, or a length that cannot be padded to),
/// out_of_memory.
inline result<header_bytes> render_gguf(span<const tensor_entry> all,
                                        const header_metadata& keys = {},
                                        const gguf_format& format = {},
                                        const header_padding& padding = {}) noexcept {
    using detail::fail;
    if (format.version != 2 && format.version != 3)
        return fail(errc::bad_version, error::nowhere, "GGUF version ", format.version,
                    ", 2 and 3 can be written");
    detail::growing<metadata::entry> meta;
    if (status s = detail::merge_metadata(keys, meta); !s) return s.error();
    std::uint64_t alignment = 0, used = 24, data_size = 0;
    if (status s = detail::gguf_alignment_of(meta, alignment); !s) return s.error();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < meta.size(); ++i) {
        metadata::entry e = meta[i];
        if (e.key.empty() || e.key.size() > detail::gguf_max_name)
            return fail(errc::bad_key, error::nowhere, "a key of ", e.key.size(),
                        " bytes, 1 to 65535 are allowed: ", detail::quoted{e.key});
        if (e.key == gguf_padding_key) continue;
        used += detail::gguf_key_size(e.key, e.value);
        meta[kept++] = e;
    }
    meta.resize(kept);
    if (status s = detail::check_gguf_names(all, format.long_names); !s) return s.error();
    for (const tensor_entry& e : all) {
        if (status s = detail::check_gguf_entry(e); !s) return s.error();
        used += 24 + e.name.size() + 8 * std::uint64_t{e.shape.rank()};
    }
    detail::growing<std::uint32_t> order;
    if (!detail::sort_by_offset(all, order)) return detail::no_memory();
    if (status s = detail::check_gguf_offsets(all, order, alignment, format.gaps, data_size); !s)
        return s.error();

    // Readers look for the data at the first multiple of the alignment, and where there are no
    // tensors, for nothing at all.
    auto natural = [&](std::uint64_t n) {
        return all.empty() ? n : n + (alignment - n % alignment) % alignment;
    };
    std::uint64_t size = natural(used), room = 0;
    bool pad = false;
    header_padding want = padding;
    std::uint64_t align = padding.align > alignment ? padding.align : alignment;
    if (all.empty()) align = padding.align == 0 ? 1 : padding.align;
    if (padding.align != 0 || padding.at_least != 0 || padding.exactly != 0) {
        const std::uint64_t smallest =
            used + detail::gguf_key_size(gguf_padding_key,
                                         {nullptr, 0, value_type::string, value_type::none, {}});
        if (status s = detail::padded_size(used, want, align, size); !s) return s.error();
        if (size != natural(used)) {
            pad = true;
            // Too near for a key: the next place will do, where one is given to choose.
            if (size < smallest && padding.exactly == 0) {
                want.at_least = smallest;
                if (status s = detail::padded_size(used, want, align, size); !s) return s.error();
            }
            if (size < smallest || size != natural(size))
                return fail(errc::wrong_size, error::nowhere, "a header of ", used,
                            " bytes cannot be padded to ", size,
                            size != natural(size)
                                ? ", which is no multiple of the alignment "
                                : ": the key for that is longer; the alignment is ",
                            alignment);
            room = size - smallest;
        }
    }

    detail::growing<char> text;
    if (!detail::fits_memory(size) || text.extend(static_cast<std::size_t>(size)) == nullptr)
        return detail::no_memory();
    detail::gguf_out out(text.data(), format.big_endian);
    out.raw("GGUF", 4);
    out.number(format.version);
    out.number(std::uint64_t{all.size()});
    out.number(std::uint64_t{meta.size() + (pad ? 1 : 0)});
    for (const metadata::entry& e : meta) {
        out.string(e.key);
        out.number(static_cast<std::uint32_t>(e.value.type));
        out.value(e.value);
    }
    if (pad) {
        out.string(gguf_padding_key);
        out.number(static_cast<std::uint32_t>(value_type::string));
        out.number(room);
        char* blanks = out.at();
        std::memset(blanks, ' ', static_cast<std::size_t>(room));
        out = detail::gguf_out(blanks + room, format.big_endian);
    }
    for (std::uint32_t i : order) {
        const tensor_entry& e = all[i];
        out.string(e.name);
        out.number(e.shape.rank());
        for (std::uint32_t d = e.shape.rank(); d-- > 0;) out.number(e.shape[d]);
        out.number(static_cast<std::uint32_t>(e.dtype == dtype::unknown ? e.ggml_type
                                                                        : info(e.dtype).ggml_id));
        out.number(e.offset);
    }
    std::memset(out.at(), 0, static_cast<std::size_t>(text.end() - out.at()));
    return header_bytes(std::move(text), used, data_size);
}

AKA_END

#endif  // AKA_WRITE_GGUF_HPP
