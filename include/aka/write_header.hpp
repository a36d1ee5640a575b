// aka: what the writers of both formats share: the tensors of a file to be written, the keys it
// gets, the finished header. Writers make bytes in memory; they open and write no file.
#include "version.hpp"

#ifndef AKA_WRITE_HEADER_HPP
#define AKA_WRITE_HEADER_HPP

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "metadata_edits.hpp"
#include "tensor.hpp"

AKA_BEGIN

/// One tensor of a file to be written. Borrows its name, and a shape of more than eight sizes.
struct tensor_entry {
    std::string_view name;                   ///< UTF-8
    aka::dtype dtype = aka::dtype::unknown;  ///< of a type that the format has
    aka::shape shape;                        ///< row-major, outermost first, for GGUF as well
    std::uint64_t offset = 0;                ///< of its data, from the start of the data section
    std::uint64_t bytes = 0;                 ///< of its data; must be what dtype and shape say
    std::string_view raw_dtype;   ///< where dtype is unknown: its name in a safetensors header
    std::int64_t ggml_type = -1;  ///< where dtype is unknown: its id in a GGUF

    /// A tensor under its own name at its own place. `data_begin` is that of its file
    /// (tensor_list::data_begin); of a tensor that is not one range of one file the offset is 0.
    static tensor_entry of(const tensor& t, std::uint64_t data_begin = 0) noexcept {
        tensor_entry e;
        e.name = t.name();
        e.dtype = t.dtype();
        e.shape = t.shape();
        e.bytes = t.size_bytes();
        if (t.is_packed() && t.offset() >= data_begin) e.offset = t.offset() - data_begin;
        if (e.dtype == aka::dtype::unknown) {
            e.ggml_type = t.ggml_type();
            if (e.ggml_type < 0) e.raw_dtype = t.dtype_name();
        }
        return e;
    }
};

/// Which keys a header gets: those of a source, changed as the edits say.
struct header_metadata {
    /// As `file`: those of all files.
    static constexpr std::uint32_t every_file = ~std::uint32_t{0};

    const aka::metadata* source = nullptr;  ///< null: none
    std::uint32_t file = every_file;        ///< of the source, when it has several (shards)
    const metadata_edits* edits = nullptr;  ///< null: keys stay as they are
};

/// How long a header is made. The data section begins where it ends.
struct header_padding {
    std::uint64_t align = 0;  ///< a power of two; 0: what the format does by itself
    /// The header ends this many bytes (fewer than `align`) behind a multiple of `align`. A file
    /// that shares blocks of 4096 bytes with its source needs the source's phase.
    std::uint64_t phase = 0;
    std::uint64_t at_least = 0;  ///< room to grow in place later
    std::uint64_t exactly = 0;   ///< if not 0, and regardless of the others: for headers in place
};

/// A finished header. Move-only; owns its bytes.
class header_bytes {
  public:
    /// The header, as it is to stand at the front of the file.
    byte_span bytes() const noexcept AKA_LIFETIMEBOUND {
        return {reinterpret_cast<const std::byte*>(text_.data()), text_.size()};
    }
    /// Where the data section begins.
    std::uint64_t size() const noexcept { return text_.size(); }
    /// Bytes without the padding at the end.
    std::uint64_t used() const noexcept { return used_; }
    /// Bytes of the data section. GGUF: with the padding behind the last tensor, which ggml reads.
    std::uint64_t data_size() const noexcept { return data_size_; }
    /// Of the header and the data behind it.
    std::uint64_t file_size() const noexcept { return size() + data_size_; }

    /// For the writers.
    header_bytes(detail::growing<char> text, std::uint64_t used, std::uint64_t data_size) noexcept
        : text_(std::move(text)), used_(used), data_size_(data_size) {}

  private:
    detail::growing<char> text_;
    std::uint64_t used_, data_size_;
};

namespace detail {

constexpr bool is_power_of_two(std::uint64_t n) noexcept { return n != 0 && (n & (n - 1)) == 0; }

/// Merge sort of the positions 0 to n - 1. Takes what is in order already as it is: the tensors of
/// a file or of a few shards are nearly sorted, whatever they are sorted by. Stable. False: no
/// memory.
template <class Less>
bool sort_positions(std::size_t n, growing<std::uint32_t>& order, Less less) noexcept {
    if (n > 0xffffffff || !order.resize(n)) return false;
    growing<std::uint32_t> ends, other;
    for (std::size_t i = 0; i < n; ++i) {
        order[i] = static_cast<std::uint32_t>(i);
        bool last = i + 1 == n || less(order[i] + 1, order[i]);
        if (last && !ends.push(static_cast<std::uint32_t>(i + 1))) return false;
    }
    if (ends.size() > 1 && !other.resize(n)) return false;
    while (ends.size() > 1) {
        std::size_t begin = 0, kept = 0;
        for (std::size_t r = 0; r < ends.size(); r += 2) {
            std::size_t mid = ends[r], end = r + 1 < ends.size() ? ends[r + 1] : mid;
            std::size_t a = begin, b = mid;
            for (std::size_t to = begin; to < end; ++to) {
                bool second = a == mid || (b < end && less(order[b], order[a]));
                other[to] = order[second ? b++ : a++];
            }
            ends[kept++] = static_cast<std::uint32_t>(end);
            begin = end;
        }
        ends.resize(kept);
        std::swap(order, other);
    }
    return true;
}

/// By where their data is; what is empty goes before what begins at the same place.
inline bool sort_by_offset(span<const tensor_entry> all, growing<std::uint32_t>& order) noexcept {
    return sort_positions(all.size(), order, [&](std::uint32_t a, std::uint32_t b) {
        if (all[a].offset != all[b].offset) return all[a].offset < all[b].offset;
        return all[a].bytes < all[b].bytes;
    });
}

AKA_COLD inline error entry_error(errc code, const tensor_entry& e) noexcept {
    return fail(code, error::nowhere, "tensor ", quoted{e.name}, ": ");
}

inline status check_names(span<const tensor_entry> all) noexcept {
    growing<std::uint32_t> hashes;
    if (!hashes.resize(all.size())) return no_memory();
    for (std::size_t i = 0; i < all.size(); ++i) hashes[i] = hash_name(all[i].name);
    name_index index;
    std::uint32_t twice = 0;
    name_index::outcome o = index.build(
        all.size(), [&](std::size_t i) { return all[i].name; },
        [&](std::size_t i) { return hashes[i]; },
        [&](std::uint32_t, std::uint32_t later) { return twice = later, name_index::none; });
    if (o == name_index::outcome::ok) return {};
    if (o == name_index::outcome::no_memory) return no_memory();
    return fail(errc::duplicate_name, error::nowhere, "two tensors have the name ",
                quoted{all[twice].name});
}

/// Whether the bytes of an entry are what its type and shape say.
inline status check_size(const tensor_entry& e) noexcept {
    if (e.dtype == dtype::unknown) return {};
    std::uint64_t n = 0, bytes = 0;
    const dtype_info& t = info(e.dtype);
    if (!e.shape.count(n))
        return entry_error(errc::size_overflow, e)
            .say("the size of ", e.shape, " does not fit in 64 bits");
    if (n % t.block_elements != 0)
        return entry_error(errc::bad_block, e)
            .say(e.shape, " is not whole blocks of ", t.block_elements, " (", t.name, ')');
    if (!bytes_of(e.dtype, n, bytes))
        return entry_error(errc::size_overflow, e)
            .say("the size of ", e.shape, " does not fit in 64 bits");
    if (bytes != e.bytes)
        return entry_error(errc::size_mismatch, e)
            .say(t.name, ' ', e.shape, " takes ", bytes, " bytes, not ", e.bytes);
    return {};
}

/// The keys of the source without those that are taken away, edited values in their places, new
/// keys behind. Of a key that occurs twice in one file (read so) the last counts, of one that two
/// files have the first file's: as aka::metadata finds them.
inline status merge_metadata(const header_metadata& from, growing<metadata::entry>& out) noexcept {
    const metadata_edits none;
    const metadata_edits& edits = from.edits == nullptr ? none : *from.edits;
    if (from.source != nullptr) {
        const growing<metadata::entry>& all = from.source->entries();
        for (const metadata::entry& e : all)
            if (from.file == header_metadata::every_file || e.file == from.file)
                if (!out.push(e)) return no_memory();
        name_index index;
        growing<std::uint32_t> hashes;
        if (!hashes.resize(out.size())) return no_memory();
        for (std::size_t i = 0; i < out.size(); ++i) hashes[i] = hash_name(out[i].key);
        constexpr std::uint32_t dropped = ~std::uint32_t{0};
        growing<std::uint32_t> drop;
        bool room = true;
        name_index::outcome o = index.build(
            out.size(), [&](std::size_t i) { return out[i].key; },
            [&](std::size_t i) { return hashes[i]; },
            [&](std::uint32_t a, std::uint32_t b) {
                bool later = out[a].file == out[b].file;
                room = drop.push(later ? a : b) && room;
                return later ? b : a;
            });
        if (!room || o == name_index::outcome::no_memory) return no_memory();
        for (std::uint32_t i : drop) out[i].file = dropped;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < out.size(); ++i) {
            metadata::entry e = out[i];
            if (e.file == dropped) continue;
            if (const metadata_edits::edit* edit = edits.find(e.key)) {
                if (edit->value.type == value_type::none) continue;
                if (edit->plain && e.value.type != value_type::string)
                    return fail(errc::wrong_type, error::nowhere, "key ", quoted{e.key}, " is ",
                                value_types[static_cast<unsigned>(e.value.type)].name,
                                "; the value for it names no type (write 'u32:7', or 'string:7' "
                                "for a text)");
                e.value = edit->value;
            }
            out[kept++] = e;
        }
        out.resize(kept);
    }
    std::size_t old = out.size();
    for (std::size_t i = 0; i < edits.size(); ++i) {
        const metadata_edits::edit& e = edits[i];
        bool there = e.value.type == value_type::none;
        for (std::size_t k = 0; k < old && !there; ++k) there = out[k].key == e.key;
        if (!there && !out.push({e.key, e.value, error::nowhere, 0})) return no_memory();
    }
    return {};
}

/// The size of a header of `used` bytes when it is padded.
inline status padded_size(std::uint64_t used, const header_padding& p, std::uint64_t align,
                          std::uint64_t& out) noexcept {
    if (p.exactly != 0) {
        if (used > p.exactly)
            return fail(errc::wrong_size, error::nowhere, "the header takes ", used, " bytes, ",
                        used - p.exactly, " more than the ", p.exactly, " that it may have");
        return out = p.exactly, status();
    }
    if (!is_power_of_two(align))
        return fail(errc::bad_alignment, error::nowhere, "an alignment of ", align,
                    ", not a power of two");
    if (p.phase >= align)
        return fail(errc::bad_alignment, error::nowhere, "a phase of ", p.phase,
                    " for an alignment of ", align);
    std::uint64_t n = used > p.at_least ? used : p.at_least;
    n = n > p.phase ? n - p.phase : 0;
    if (!checked_align(n, align, n) || !checked_add(n, p.phase, n))
        return fail(errc::size_overflow, error::nowhere, "the size of the header overflows");
    return out = n, status();
}

}  // namespace detail
AKA_END

#endif  // AKA_WRITE_HEADER_HPP
