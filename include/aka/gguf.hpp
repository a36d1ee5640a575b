// aka: reads GGUF files, versions 1 to 3, of either byte order: a header, typed metadata, tensor
// infos, aligned data. Counts and lengths are held against the bytes that are left before they are
// used; nothing is allocated but a record for each tensor and key.
#include "version.hpp"

#ifndef AKA_GGUF_HPP
#define AKA_GGUF_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "tensor_list.hpp"

AKA_BEGIN

/// How to open, and what is let pass.
struct gguf_options {
    access how = access::map;               ///< how the data is got at
    duplicates names = duplicates::refuse;  ///< of tensors and of keys
};

namespace detail {

constexpr std::uint64_t gguf_max_name = 65535;  // the specification's; ggml reads 63 bytes
constexpr unsigned gguf_max_nesting = 4;        // arrays in arrays; ggml reads none

/// Reads the header of one file into a store.
class gguf_reader {
  public:
    gguf_reader(store& s, std::uint32_t file) noexcept
        : store_(s),
          file_(file),
          first_tensor_(s.tensors.size()),
          first_key_(s.meta.entries().size()) {}

    std::uint32_t version = 0;
    std::uint64_t alignment = 32;
    bool big = false;

    /// `bytes` is the file from its start, or the first part of it. True in `more`: that part was
    /// too short to tell.
    status read(byte_span bytes, std::uint64_t file_size, bool& more) noexcept {
        more = false;
        file_size_ = file_size;
        size_ = bytes.size();
        cursor c(bytes, false);
        status s = parts(c, bytes);
        more = !s && !c.ok() && size_ < file_size_;
        if (more) {
            store_.tensors.resize(first_tensor_);
            store_.meta.entries().resize(first_key_);
        }
        return s;
    }

    /// The bytes that were read are at `to` now, so names, keys and values are too.
    void moved(const std::byte* from, const std::byte* to) noexcept {
        auto there = [&](const void* p) { return to + (static_cast<const std::byte*>(p) - from); };
        growing<tensor_record>& tensors = store_.tensors;
        for (std::size_t i = first_tensor_; i < tensors.size(); ++i)
            tensors[i].name = reinterpret_cast<const char*>(there(tensors[i].name));
        growing<metadata::entry>& keys = store_.meta.entries();
        for (std::size_t i = first_key_; i < keys.size(); ++i) {
            metadata::entry& e = keys[i];
            e.key = {reinterpret_cast<const char*>(there(e.key.data())), e.key.size()};
            e.value.at = there(e.value.at);
        }
    }

  private:
    status parts(cursor& c, byte_span bytes) noexcept {
        if (status s = header(c, bytes); !s) return s;
        if (status s = keys(c); !s) return s;
        if (status s = infos(c); !s) return s;
        return data(c);
    }
    std::uint64_t left(const cursor& c) const noexcept { return file_size_ - c.pos(); }
    AKA_COLD status cut_off(const cursor& c, const char* what) const noexcept {
        return fail(errc::truncated, c.pos(), "the file ends inside ", what, ": ", size_, " bytes");
    }

    status header(cursor& c, byte_span bytes) noexcept {
        const std::byte* magic = c.take(4);
        if (magic == nullptr) return cut_off(c, "the first four bytes");
        std::string_view word(reinterpret_cast<const char*>(magic), 4);
        if (word != "GGUF") {
            bool older = word == "lmgg" || word == "tjgg" || word == "algg" || word == "fmgg";
            return fail(errc::bad_magic, 0, "the file begins with ", quoted{word}, ", not 'GGUF'",
                        older ? ": a format older than GGUF" : "");
        }
        version = c.get<std::uint32_t>();
        if (!c.ok()) return cut_off(c, "the version");
        if (std::uint32_t swapped = byte_swapped(version);
            version > 3 && swapped <= 3 && swapped != 0) {
            // GGUF says nowhere that it is big-endian; its version number gives it away.
            big = true;
            version = swapped;
            c = cursor(bytes, true);
            c.take(8);
        }
        if (version == 0 || version > 3)
            return fail(errc::bad_version, 4, "GGUF version ", version, ", known are 1 to 3");
        format_ = {big, version == 1};
        tensors_ = length(c);
        std::uint64_t at = c.pos();
        keys_ = length(c);
        if (!c.ok()) return cut_off(c, "the header");
        // The least that an info or a key can take, so that no count is believed blindly.
        std::uint64_t least_info = version == 1 ? 20 : 24, least_key = version == 1 ? 10 : 14;
        if (keys_ > left(c) / least_key)
            return fail(errc::bad_count, at, keys_, " keys cannot be in the ", left(c),
                        " bytes that are left");
        if (tensors_ > left(c) / least_info)
            return fail(errc::bad_count, 8, tensors_, " tensors cannot be in the ", left(c),
                        " bytes that are left");
        return {};
    }

    std::uint64_t length(cursor& c) const noexcept {
        return format_.narrow ? c.get<std::uint32_t>() : c.get<std::uint64_t>();
    }
    status string(cursor& c, std::string_view& out, const char* what) const noexcept {
        std::uint64_t at = c.pos(), n = length(c);
        if (!c.ok()) return cut_off(c, what);
        if (n > left(c))
            return fail(errc::bad_string, at, what, " of ", n, " bytes, ", left(c), " are left");
        const std::byte* p = c.take(n);
        if (p == nullptr) return cut_off(c, what);
        out = {reinterpret_cast<const char*>(p), static_cast<std::size_t>(n)};
        return {};
    }

    // Room for the records that the header claims, but for no more bytes than the file has left:
    // beyond that, records have to be there first.
    template <class T>
    static bool make_room(growing<T>& all, std::uint64_t claimed, std::uint64_t left) noexcept {
        std::uint64_t most = left / sizeof(T);
        if (most > claimed) most = claimed;
        return all.reserve(all.size() + static_cast<std::size_t>(most));
    }
    status keys(cursor& c) noexcept {
        growing<metadata::entry>& all = store_.meta.entries();
        if (!make_room(all, keys_, left(c))) return no_memory();
        for (std::uint64_t i = 0; i < keys_; ++i) {
            metadata::entry e;
            e.offset = c.pos();
            e.file = file_;
            if (status s = string(c, e.key, "a key"); !s) return s;
            if (e.key.empty()) return fail(errc::bad_key, e.offset, "key ", i, " is empty");
            std::uint64_t at = c.pos();
            auto type = c.get<std::uint32_t>();
            if (!c.ok()) return cut_off(c, "the type of a key");
            if (type >= value_type_count)
                return fail(errc::bad_value_type, at, "key ", quoted{e.key},
                            " has the unknown type ", type);
            if (status s = value(c, e.key, static_cast<value_type>(type), 0, &e.value); !s)
                return s;
            if (e.key == "general.alignment")
                if (status s = set_alignment(e, at); !s) return s;
            if (!all.push(e)) return no_memory();
        }
        return {};
    }
    status set_alignment(const metadata::entry& e, std::uint64_t at) noexcept {
        if (e.value.type != value_type::u32)
            return fail(errc::bad_alignment, at, "general.alignment is ",
                        value_types[static_cast<unsigned>(e.value.type)].name, ", not u32");
        alignment = load_value<std::uint32_t>(e.value);
        if (alignment == 0 || (alignment & (alignment - 1)) != 0)
            return fail(errc::bad_alignment, at + 4, "general.alignment is ", alignment,
                        ", not a power of two");
        return {};
    }

    // Passes over one value, and says where it is.
    status value(cursor& c, std::string_view key, value_type type, unsigned depth,
                 raw_value* out) noexcept {
        raw_value v{nullptr, 1, type, value_type::none, format_};
        if (type == value_type::string) {
            std::string_view s;
            if (status r = string(c, s, "a string"); !r) return r;
            v.at = reinterpret_cast<const std::byte*>(s.data());
            v.count = s.size();
        } else if (type == value_type::array) {
            if (status r = array(c, key, depth, v); !r) return r;
        } else {
            v.at = c.take(value_types[static_cast<unsigned>(type)].size);
            if (v.at == nullptr) return cut_off(c, "a value");
        }
        if (out != nullptr) *out = v;
        return {};
    }

    status array(cursor& c, std::string_view key, unsigned depth, raw_value& v) noexcept {
        std::uint64_t at = c.pos();
        auto type = c.get<std::uint32_t>();
        std::uint64_t n = length(c);
        if (!c.ok()) return cut_off(c, "an array");
        if (type >= value_type_count)
            return fail(errc::bad_value_type, at, "key ", quoted{key},
                        " is an array of the unknown type ", type);
        v.element = static_cast<value_type>(type);
        v.count = n;
        v.at = c.at();
        std::uint64_t size = value_types[type].size, least = size;
        if (v.element == value_type::string) least = format_.narrow ? 4 : 8;
        if (v.element == value_type::array) {
            least = format_.narrow ? 8 : 12;
            if (depth + 1 >= gguf_max_nesting)
                return fail(errc::bad_array, at, "key ", quoted{key}, ": arrays nested more than ",
                            gguf_max_nesting, " deep");
        }
        if (n > left(c) / least)
            return fail(errc::bad_array, at, "key ", quoted{key}, ": ", n, " elements of ",
                        value_types[type].name, " cannot be in the ", left(c),
                        " bytes that are left");
        if (size != 0) {
            if (c.take(n * size) == nullptr) return cut_off(c, "an array");
        } else if (v.element == value_type::string) {
            if (!skip_strings(c, n)) return long_string(c, key);
        } else {
            for (std::uint64_t i = 0; i < n; ++i)
                if (status r = value(c, key, v.element, depth + 1, nullptr); !r) return r;
        }
        return {};
    }

    // Vocabularies have hundreds of thousands of strings: one load and one comparison each.
    template <bool Swap, class Length>
    static bool skip_strings_as(cursor& c, std::uint64_t n) noexcept {
        const std::byte* p = c.at();
        std::uint64_t left = c.left();
        for (; n != 0; --n) {
            if (left < sizeof(Length)) break;
            std::uint64_t size = Swap ? load_be<Length>(p) : load_le<Length>(p);
            left -= sizeof(Length);
            if (size > left) break;
            p += sizeof(Length) + size;
            left -= size;
        }
        c.take(static_cast<std::uint64_t>(p - c.at()));
        return n == 0;
    }
    bool skip_strings(cursor& c, std::uint64_t n) const noexcept {
        if (format_.narrow)
            return big ? skip_strings_as<true, std::uint32_t>(c, n)
                       : skip_strings_as<false, std::uint32_t>(c, n);
        return big ? skip_strings_as<true, std::uint64_t>(c, n)
                   : skip_strings_as<false, std::uint64_t>(c, n);
    }

    // The string at the cursor does not end in the bytes that are here. If it does not in the file
    // either, reading more of that is no use.
    AKA_COLD status long_string(cursor& c, std::string_view key) const noexcept {
        const std::byte* p = c.at();
        std::uint64_t width = format_.narrow ? 4 : 8;
        bool past =
            size_ == file_size_ || (c.left() >= width && load_length(p, format_) > left(c) - width);
        if (past)
            return fail(errc::bad_string, c.pos(), "key ", quoted{key},
                        ": a string reaches past the end of the file");
        c.need(~std::uint64_t{0});
        return cut_off(c, "an array");
    }

    status infos(cursor& c) noexcept {
        growing<tensor_record>& all = store_.tensors;
        if (!make_room(all, tensors_, left(c))) return no_memory();
        for (std::uint64_t i = 0; i < tensors_; ++i) {
            tensor_record* r = all.push();
            if (r == nullptr) return no_memory();
            if (AKA_LIKELY(info_as_usual(c, *r))) continue;
            if (status s = info_at(c, *r); !s) return s;
        }
        return {};
    }
    // One look at how much is left, then plain loads. False, with nothing read: something is
    // unusual or wrong, or the end of the file is near, and info_at() has a closer look.
    AKA_INLINE bool info_as_usual(cursor& c, tensor_record& r) const noexcept {
        constexpr std::uint64_t behind_name = 4 + 4 * 8 + 4 + 8;
        const std::byte* p = c.at();
        std::uint64_t left = c.left();
        if (big || format_.narrow || left < 8 + behind_name) return false;
        auto size = load_le<std::uint64_t>(p);
        if (size > gguf_max_name || size > left - 8 - behind_name) return false;
        r.at = static_cast<std::uint32_t>(c.pos());
        p += 8;
        r.name = reinterpret_cast<const char*>(p);
        r.name_size = static_cast<std::uint32_t>(size);
        r.hash = hash_inner_name(r.name, static_cast<std::size_t>(size));
        r.file = file_;
        p += size;
        r.rank = load_le<std::uint32_t>(p);
        p += 4;
        if (r.rank > 4) return false;
        std::uint64_t n = 1, row = 1;
        for (std::uint32_t i = r.rank; i-- > 0; p += 8) {
            r.dims[i] = load_le<std::uint64_t>(p);
            if (r.dims[i] == 0 || !checked_mul(n, r.dims[i], n)) return false;
        }
        if (r.rank != 0) row = r.dims[r.rank - 1];
        const dtype t = dtype_from_ggml(load_le<std::uint32_t>(p));
        r.type = static_cast<std::uint32_t>(t);
        r.offset = load_le<std::uint64_t>(p + 4);
        unsigned shift = block_shifts.of[r.type];
        if (t == dtype::unknown || static_cast<std::int64_t>(n) < 0 ||
            (row & ((std::uint64_t{1} << shift) - 1)) != 0 ||
            !checked_mul(n >> shift, info(t).block_bytes, r.bytes))
            return false;
        c.jump(p + 12);
        return true;
    }
    status info_at(cursor& c, tensor_record& r) noexcept {
        std::uint64_t at = c.pos();
        std::string_view name;
        if (status s = string(c, name, "a tensor's name"); !s) return s;
        if (name.size() > gguf_max_name)
            return fail(errc::bad_name, at, "a tensor's name of ", name.size(), " bytes, at most ",
                        gguf_max_name, " are allowed");
        r.name = name.data();
        r.name_size = static_cast<std::uint32_t>(name.size());
        r.hash = hash_name(name);
        r.at = static_cast<std::uint32_t>(at);
        r.file = file_;
        at = c.pos();
        r.rank = c.get<std::uint32_t>();
        if (!c.ok()) return cut_off(c, "a tensor's info");
        if (r.rank > 4)
            return fail(errc::bad_rank, at, "tensor ", quoted{name}, " has ", r.rank,
                        " dimensions, at most 4 are allowed");
        // The fastest dimension comes first in the file and last in a shape. The product of all
        // that are not zero must fit, so that no partial product can overflow later.
        std::uint64_t n = 1;
        bool zero = false;
        for (std::uint32_t i = r.rank; i-- > 0;) {
            at = c.pos();
            std::uint64_t d = length(c);
            if (!c.ok()) return cut_off(c, "a tensor's info");
            r.dims[i] = d;
            zero = zero || d == 0;
            if (static_cast<std::int64_t>(d) < 0)
                return fail(errc::bad_dimension, at, "tensor ", quoted{name}, ": a dimension of ",
                            d);
            if (d != 0 && (!checked_mul(n, d, n) || static_cast<std::int64_t>(n) < 0))
                return fail(errc::size_overflow, at, "tensor ", quoted{name},
                            ": its dimensions multiply to more than 2^63");
        }
        at = c.pos();
        auto type = c.get<std::uint32_t>();
        r.offset = c.get<std::uint64_t>();
        if (!c.ok()) return cut_off(c, "a tensor's info");
        r.bytes = 0;
        const dtype t = dtype_from_ggml(type);
        if (t == dtype::unknown) {
            r.type = tensor_record::raw_type | type;
            if ((type & tensor_record::raw_type) != 0)
                return fail(errc::bad_type, at, "tensor ", quoted{name}, ": type ", type);
            return {};
        }
        r.type = static_cast<std::uint32_t>(t);
        std::uint64_t row = r.rank == 0 ? 1 : r.dims[r.rank - 1];
        if (row % info(t).block_elements != 0)
            return fail(errc::bad_block, at, "tensor ", quoted{name}, ": rows of ", row,
                        " elements are not whole blocks of ", info(t).block_elements, " (",
                        aka::name(t), ')');
        if (!checked_mul(zero ? 0 : n / info(t).block_elements, info(t).block_bytes, r.bytes))
            return fail(errc::size_overflow, at, "tensor ", quoted{name},
                        ": its size does not fit in 64 bits");
        return {};
    }

    // Offsets are aligned, inside the file, and do not overlap. Not demanded, though ggml's own
    // reader does: that tensors follow each other without gaps, and the padding of the last one.
    status data(cursor& c) noexcept {
        growing<tensor_record>& all = store_.tensors;
        file_entry& f = store_.files[file_];
        std::uint64_t begin = c.pos();
        if (tensors_ != 0 && !checked_align(begin, alignment, begin))
            return fail(errc::size_overflow, c.pos(), "the data begins beyond 2^64");
        f.data_begin = begin;
        f.data_end = begin;
        f.swap = big != (AKA_BIG_ENDIAN_HOST != 0);
        if (tensors_ != 0 && begin > file_size_)
            return fail(errc::truncated, file_size_,
                        "the file ends before its data, which begins at ", begin);
        bool in_order = true;
        std::uint64_t end_before = 0;
        for (std::size_t i = first_tensor_; i < all.size(); ++i) {
            tensor_record& r = all[i];
            if ((r.offset & (alignment - 1)) != 0)
                return fail(errc::bad_offset, r.at, "tensor ", quoted{r.name_view()}, ": offset ",
                            r.offset, " is not a multiple of the alignment ", alignment);
            std::uint64_t from = 0, to = 0;
            if (!checked_add(begin, r.offset, from) || !checked_add(from, r.bytes, to))
                return fail(errc::bad_offset, r.at, "tensor ", quoted{r.name_view()}, ": offset ",
                            r.offset, " and ", r.bytes, " bytes go beyond 2^64");
            if (to > file_size_)
                return fail(errc::truncated, r.at, "tensor ", quoted{r.name_view()}, ": ", r.bytes,
                            " bytes of data at ", from, ", the file ends ", to - file_size_,
                            " bytes before that");
            in_order = in_order && from >= end_before && r.dtype() != dtype::unknown;
            if (r.bytes != 0) end_before = to;
            if (to > f.data_end) f.data_end = to;
            r.offset = from;
        }
        return in_order ? status() : gaps();
    }

    // Any order and unknown sizes: look at the tensors as they lie.
    status gaps() noexcept {
        growing<tensor_record>& all = store_.tensors;
        growing<std::uint32_t> order;
        std::size_t n = all.size() - first_tensor_;
        if (!order.resize(n)) return no_memory();
        for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::uint32_t>(i);
        tensor_record* mine = all.data() + first_tensor_;
        sort(order.data(), n, [&](std::uint32_t a, std::uint32_t b) {
            if (mine[a].offset != mine[b].offset) return mine[a].offset < mine[b].offset;
            return mine[a].bytes < mine[b].bytes;
        });
        std::uint64_t end = 0;
        const tensor_record* before = nullptr;
        for (std::size_t i = 0; i < n; ++i) {
            tensor_record& r = mine[order[i]];
            if (r.dtype() == dtype::unknown) {
                // All that can be said: it ends where the next one begins.
                r.bytes = (i + 1 < n ? mine[order[i + 1]].offset : file_size_) - r.offset;
                if (r.offset + r.bytes > store_.files[file_].data_end)
                    store_.files[file_].data_end = r.offset + r.bytes;
            }
            if (r.bytes == 0) continue;
            if (r.offset < end)
                return fail(errc::bad_offset, r.at, "tensor ", quoted{r.name_view()},
                            ": its data at ", r.offset, " overlaps that of ",
                            quoted{before->name_view()}, ", which ends at ", end);
            end = r.offset + r.bytes;
            before = &r;
        }
        return {};
    }

    store& store_;
    std::uint32_t file_;
    std::size_t first_tensor_, first_key_;
    std::uint64_t file_size_ = 0, size_ = 0;
    std::uint64_t tensors_ = 0, keys_ = 0;
    value_format format_;
};

/// What a GGUF file says of itself, beside tensors and keys.
struct gguf_facts {
    std::uint32_t version = 0;
    std::uint64_t alignment = 32;
    bool big_endian = false;
};

/// Reads the file at `file` of the store, which is open.
inline status read_gguf(store& s, std::uint32_t file, gguf_facts& facts) noexcept {
    file_entry& f = s.files[file];
    gguf_reader reader(s, file);
    std::uint64_t size = f.file.size();
    bool more = false;
    status r;
    if (f.file.mapped() && f.data) {
        r = reader.read({f.file.data(), static_cast<std::size_t>(size)}, size, more);
    } else {
        // How long the header is shows only at its end: read more and more of the file.
        for (std::uint64_t part = std::uint64_t{1} << 20;; part *= 4) {
            if (part > size) part = size;
            if (!fits_memory(part) || !f.header.resize(static_cast<std::size_t>(part)))
                return no_memory();
            if (r = f.file.read(0, {f.header.data(), f.header.size()}); !r) return r;
            r = reader.read({f.header.data(), f.header.size()}, size, more);
            if (!more) break;
        }
        // Of what was read, only the header is kept.
        growing<std::byte> header;
        if (r && f.data_begin < f.header.size() &&
            header.append(f.header.data(), static_cast<std::size_t>(f.data_begin))) {
            reader.moved(f.header.data(), header.data());
            f.header = std::move(header);
        }
    }
    facts = {reader.version, reader.alignment, reader.big};
    if (r) return r;
    error e = r.error();
    return e.in(f.file.path());
}

/// Indexes the tensors of all files of a store. Twice in one file is what `twice` says, twice in
/// different files an error.
inline status index_tensors(store& s, duplicates twice) noexcept {
    const growing<tensor_record>& all = s.tensors;
    std::uint32_t first = 0, again = 0;
    name_index::outcome o = s.build_index([&](std::uint32_t earlier, std::uint32_t later) {
        first = earlier;
        again = later;
        bool refuse = twice == duplicates::refuse || all[earlier].file != all[later].file;
        return refuse ? name_index::none : later;
    });
    if (o == name_index::outcome::ok) return {};
    if (o == name_index::outcome::no_memory) return no_memory();
    std::uint64_t at = s.source == nullptr ? all[again].at : error::nowhere;
    error e =
        fail(errc::duplicate_name, at, "tensor ", quoted{all[again].name_view()}, " occurs twice");
    if (all[first].file != all[again].file)
        e.say(", first in ", quoted{s.data()[all[first].file].file.path()});
    return e.in(s.data()[all[again].file].file.path());
}

}  // namespace detail

/// One GGUF file (of a split model: one part of it; see checkpoint for the whole). Tensors come in
/// the order of their infos; shapes are row-major, `shape().ne()` is GGUF's order.
///
/// Lifetime: as safetensors. Alignment counts from the first byte, also of a GGUF that lies inside
/// something larger: parse that part of it.
class gguf : public tensor_list {
  public:
    /// Errors: of opening; bad_magic, bad_version, bad_count, bad_key, bad_value_type, bad_string,
    /// bad_array, duplicate_key, bad_alignment, bad_name, bad_rank, bad_dimension, bad_block,
    /// size_overflow, duplicate_name, bad_offset, truncated, out_of_memory.
    static result<gguf> open(detail::path path, const gguf_options& o = {}) noexcept {
        result<mapped_file> f = mapped_file::open(std::move(path), o.how);
        if (!f) return f.error();
        return make(std::move(*f.get_if()), o);
    }
    /// Bytes that the caller keeps alive and unchanged as long as anything made from them.
    static result<gguf> parse(byte_span bytes, const gguf_options& o = {}) noexcept {
        return make(mapped_file::memory(bytes), o);
    }

    /// 1, 2 or 3.
    std::uint32_t version() const noexcept { return facts_.version; }
    /// Of the data: 32, or `general.alignment`.
    std::uint64_t alignment() const noexcept { return facts_.alignment; }
    /// Whether the file is; values come in this machine's order all the same.
    bool big_endian() const noexcept { return facts_.big_endian; }

  private:
    using tensor_list::tensor_list;
    static result<gguf> make(mapped_file f, const gguf_options& o) noexcept {
        detail::store_ref s = detail::store_ref::make();
        if (!s || !s->files.reserve(1)) return detail::no_memory();
        detail::file_entry& entry = s->files.add();
        entry.file = std::move(f);
        entry.data = o.how != access::header;
        gguf g(s);
        if (status r = detail::read_gguf(*s, 0, g.facts_); !r) return r.error();
        if (status r = detail::index_keys(*s, o.names); !r) return r.error();
        if (status r = detail::index_tensors(*s, o.names); !r) return r.error();
        if (o.how == access::header) entry.file.close_descriptor();
        return g;
    }

    detail::gguf_facts facts_;
};

AKA_END

#endif  // AKA_GGUF_HPP
