// aka: reads safetensors files: an 8-byte length, a JSON header, the data of all tensors behind
// one another. Accepts what the format's reference implementation accepts, but refuses duplicate
// names (the reference takes the last one silently) unless told otherwise.
#include "version.hpp"

#ifndef AKA_SAFETENSORS_HPP
#define AKA_SAFETENSORS_HPP

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "json.hpp"
#include "tensor_list.hpp"

AKA_BEGIN

/// How to open, and what is let pass: the defaults are the strict ones.
struct safetensors_options {
    access how = access::map;               ///< how the data is got at
    duplicates names = duplicates::refuse;  ///< of tensors, and of keys of `__metadata__`
    bool trailing_bytes = false;            ///< allow bytes behind the last tensor
    bool unknown_dtypes = false;            ///< list tensors of types that aka does not know
};

namespace detail {

constexpr std::uint64_t safetensors_max_header = 100000000;  // the reference's, 100 * 10^6

/// Reads the header of one file into a store.
class safetensors_reader {
  public:
    safetensors_reader(store& s, std::uint32_t file, const safetensors_options& o) noexcept
        : store_(s), file_(file), options_(o), first_(s.tensors.size()) {}

    /// `header` is the JSON text, which lies at byte 8 of a file of `file_size` bytes.
    status read(std::string_view header, std::uint64_t file_size) noexcept {
        base_ = header.data();
        file_entry& f = store_.files[file_];
        f.json = base_;
        f.swap = AKA_BIG_ENDIAN_HOST;
        f.data_begin = 8 + header.size();
        data_begin_ = f.data_begin;
        data_size_ = file_size - f.data_begin;
        remember(info(dtype::bf16));

        json_reader json(header);
        header_ = &json;
        // A text that ends with a bracket cannot run out inside a number or a word: the fast way
        // through a tensor's entry counts on that.
        std::size_t last = header.find_last_not_of(" \t\r\n");
        fast_ = last != std::string_view::npos && header[last] == '}';
        if (!json.object([this](const json_string& key) { return member(key); }) || !json.finish())
            return json_error(header);
        if (failed_.code() != errc::none) return failed_;
        if (status s = index(); !s) return s;
        return check();
    }

  private:
    AKA_COLD status json_error(std::string_view header) noexcept {
        if (failed_.code() == errc::out_of_memory) return failed_;
        // The reference looks at the whole header's encoding before it looks at the JSON.
        std::size_t bad = find_bad_utf8(header);
        if (bad != header.size()) return fail(errc::bad_utf8, 8 + bad, "the header is not UTF-8");
        if (failed_.code() != errc::none) return failed_;
        return fail(errc::bad_json, 8 + header_->pos(), "the header is not as it should be: ",
                    header_->what() == nullptr ? "malformed" : header_->what());
    }
    template <class... A>
    AKA_COLD bool refuse(errc code, std::uint64_t at, const A&... parts) noexcept {
        failed_ = fail(code, at, parts...);
        return false;
    }
    bool no_room() noexcept { return failed_ = no_memory(), false; }

    std::uint64_t place(const char* p) const noexcept {
        return 8 + static_cast<std::uint64_t>(p - base_);
    }

    bool member(const json_string& key) noexcept {
        if (key.size >= 12 && equal(key, "__metadata__")) return metadata_block(key);
        tensor_record* r = more_room();
        if (r == nullptr) return no_room();
        std::string_view name;
        if (!text_of(key, store_.names, name)) return no_room();
        named(*r, name.data(), name.size(), key.escaped ? hash_name(name) : key.hash, key.at);
        if (AKA_LIKELY(fast_) && run_as_written(r)) return true;
        std::uint64_t range[2];
        if (!entry(*r, range)) return false;
        place_data(*r, range[0], range[1]);
        return true;
    }
    void named(tensor_record& r, const char* name, std::size_t size, std::uint32_t hash,
               const char* at) noexcept {
        r.name = name;
        r.name_size = static_cast<std::uint32_t>(size);
        r.hash = hash;
        r.at = static_cast<std::uint32_t>(place(at) - 1);
        r.file = file_;
    }

    // Nearly every header is as it should be: data in order without gaps, sizes that fit. As long
    // as it is, a record is final at once. At the first surprise the records go back to what the
    // header says, and index() and check() find out what is wrong, in the reference's order.
    AKA_INLINE void place_data(tensor_record& r, std::uint64_t begin, std::uint64_t end) noexcept {
        if (AKA_LIKELY(settled_)) {
            if (AKA_LIKELY(begin == last_end_ && end >= begin && fits(r, end - begin))) {
                r.offset = begin + data_begin_;
                r.bytes = end - begin;
                last_end_ = end;
                return;
            }
            unsettle(store_.tensors.size() - 1);
        }
        r.offset = begin;
        r.bytes = end;
        sorted_ = sorted_ && (begin > last_begin_ || (begin == last_begin_ && end >= last_end_));
        last_begin_ = begin;
        last_end_ = end;
    }
    AKA_INLINE bool fits(const tensor_record& r, std::uint64_t bytes) const noexcept {
        if (r.type != last_id_ || r.rank > tensor_record::inline_rank) return false;
        std::uint64_t n = 1;
        for (std::uint32_t i = 0; i < r.rank; ++i)
            if (!checked_mul(n, r.dims[i], n)) return false;
        return ((n | bytes) >> 48) == 0 && n * last_bytes_ == bytes * last_elements_;
    }
    AKA_COLD void unsettle(std::size_t end) noexcept {
        settled_ = false;
        for (std::size_t i = first_; i < end; ++i) {
            tensor_record& r = store_.tensors[i];
            r.offset -= data_begin_;
            r.bytes += r.offset;
            last_begin_ = r.offset;
        }
    }

    // Room for one record, with a guess at how many there will be: as many to a byte as so far,
    // and never more than the rest of the header could hold (49 bytes each).
    tensor_record* more_room() noexcept {
        growing<tensor_record>& all = store_.tensors;
        std::size_t have = all.size() - first_;
        if (have == room_) {
            std::uint64_t seen = header_->pos(),
                          left = static_cast<std::uint64_t>(header_->end() - header_->at());
            std::uint64_t more = have < 16 ? 15 : have * (left + left / 32) / seen + have / 8;
            if (more > left / 49) more = left / 49;
            room_ = have + static_cast<std::size_t>(more) + 1;
            if (!all.reserve(first_ + room_)) return nullptr;
        }
        return all.push();
    }

    AKA_INLINE static bool match(const char*& p, std::string_view s) noexcept {
        if (std::memcmp(p, s.data(), s.size()) != 0) return false;
        return p += s.size(), true;
    }
    // Digits of a JSON whole number; the text goes on behind them, for 8 characters and more.
    AKA_INLINE static bool digits(const char*& p, std::uint64_t& v) noexcept {
        const char* start = p;
        std::uint64_t n = 0;
        while (json_reader::is_digit(*p)) n = n * 10 + static_cast<std::uint64_t>(*p++ - '0');
        v = n;
        auto count = p - start;
        return count != 0 && count < 19 && (count == 1 || *start != '0');
    }
    AKA_INLINE static bool long_digits(const char*& p, std::uint64_t& v) noexcept {
        auto w = load_le<std::uint64_t>(p) ^ 0x3030303030303030u;
        if (((w | (w + 0x7676767676767676u)) & 0x8080808080808080u) != 0) return digits(p, v);
        if (*p == '0') return false;
        // Eight digits at once: pairs, fours, all.
        w = w * 10 + (w >> 8);
        w = ((w & 0xff000000ff) * (100 + (std::uint64_t{1000000} << 32)) +
             ((w >> 16) & 0xff000000ff) * (1 + (std::uint64_t{10000} << 32))) >>
            32;
        const char* start = p;
        p += 8;
        while (json_reader::is_digit(*p)) w = w * 10 + static_cast<std::uint64_t>(*p++ - '0');
        v = w;
        return p - start < 19;
    }

    // The form that every writer but a few uses: compact, these three fields in this order. Reads
    // such entries as long as they follow each other, from behind the name of the first, which is
    // in `r`. False, with nothing read: the first has another form.
    bool run_as_written(tensor_record* r) noexcept {
        const char* p = header_->at();
        const char* const end = header_->end();
        const char* last_end = nullptr;  // the text of the end of the tensor before
        std::size_t last_size = 0;
        for (bool first = true;; first = false) {
            std::uint64_t range[2];
            if (!entry_as_written(p, end, *r, range, last_end, last_size)) {
                if (first) return false;
                store_.tensors.resize(store_.tensors.size() - 1);
                return true;
            }
            place_data(*r, range[0], range[1]);
            header_->jump(p);
            if (end - p < 2 || p[0] != ',' || p[1] != '"') return true;
            const char* name = p + 2;
            std::uint32_t hash = 0;
            const char* quote = plain_string(name, end, hash);
            if (quote == nullptr || quote[1] != ':') return true;
            if (*name == '_' && std::string_view(name, 12) == "__metadata__") return true;
            r = more_room();
            if (r == nullptr) return true;
            named(*r, name, static_cast<std::size_t>(quote - name), hash, name);
            p = quote + 2;
        }
    }
    AKA_INLINE bool entry_as_written(const char*& p, const char* end, tensor_record& r,
                                     std::uint64_t* range, const char*& last_end,
                                     std::size_t& last_size) noexcept {
        constexpr std::string_view a = "{\"dtype\":\"", b = "\",\"shape\":[",
                                   c = "],\"data_offsets\":[", d = "]}";
        constexpr std::size_t longest = 12;  // of a dtype's name, with the quote
        if (static_cast<std::size_t>(end - p) <= a.size() + longest + b.size()) return false;
        if (!match(p, a)) return false;
        // Nearly all tensors of a file have the type of the one before.
        if (AKA_LIKELY((load_le<std::uint64_t>(p) & last_mask_) == last_word_)) {
            p += last_name_;
        } else {
            std::size_t n = 0;
            while (n < longest && p[n] != '"') ++n;
            if (type_named({p, n}) == dtype::unknown) return false;
            p += n;
        }
        r.type = last_id_;
        if (!match(p, b)) return false;
        std::uint32_t rank = 0;
        if (*p != ']') {
            while (true) {
                if (rank == tensor_record::inline_rank || !digits(p, r.dims[rank])) return false;
                ++rank;
                if (*p != ',') break;
                ++p;
            }
        }
        r.rank = rank;
        if (static_cast<std::size_t>(end - p) < c.size() + 48 || !match(p, c)) {
            return false;
        }
        // It begins where the one before ended, in the same words.
        if (AKA_LIKELY(same_text(p, last_end, last_size) && p[last_size] == ',')) {
            p += last_size;
            range[0] = last_end_;
        } else if (!long_digits(p, range[0]) || *p != ',') {
            return false;
        }
        const char* text = ++p;
        if (!long_digits(p, range[1])) return false;
        last_end = text;
        last_size = static_cast<std::size_t>(p - text);
        return match(p, d);
    }
    // Whether the 8 to 16 characters at a and b are the same; false, too, for other sizes.
    AKA_INLINE static bool same_text(const char* a, const char* b, std::size_t size) noexcept {
        return size - 8 <= 8 && load_native<std::uint64_t>(a) == load_native<std::uint64_t>(b) &&
               load_native<std::uint64_t>(a + size - 8) == load_native<std::uint64_t>(b + size - 8);
    }
    dtype type_named(std::string_view s) noexcept {
        if (s != name(last_type_)) {
            const dtype_info& i = info(dtype_from_name(s));
            if (!i.in_safetensors) return dtype::unknown;
            remember(i);
        }
        return last_type_;
    }
    void remember(const dtype_info& i) noexcept {
        last_type_ = i.dtype;
        last_id_ = static_cast<std::uint32_t>(i.dtype);
        last_bytes_ = i.block_bytes;
        last_elements_ = i.block_elements;
        last_name_ = i.name.size();
        // The name and its quote as a word; none for the two names that are too long for that.
        char word[8] = {};
        last_mask_ = 0;
        last_word_ = 1;
        if (last_name_ >= 8) return;
        std::memcpy(word, i.name.data(), last_name_);
        word[last_name_] = '"';
        last_word_ = load_le<std::uint64_t>(word);
        last_mask_ = low_bytes(~std::uint64_t{0}, static_cast<unsigned>(last_name_ + 1));
    }

    // Any other form.
    bool entry(tensor_record& r, std::uint64_t* range) noexcept {
        json_reader& json = *header_;
        bool type = false, shape = false, offsets = false;
        bool good = json.object([&](const json_string& key) {
            if (equal(key, "dtype")) return once(type, "dtype") && read_type(r);
            if (equal(key, "shape")) return once(shape, "shape") && read_shape(r);
            if (equal(key, "data_offsets"))
                return once(offsets, "data_offsets") && read_offsets(range);
            return json.skip();
        });
        if (!good) return false;
        if (type && shape && offsets) return true;
        return refuse(errc::bad_json, r.at, "tensor ", quoted{r.name_view()}, " has no '",
                      !type    ? "dtype"
                      : !shape ? "shape"
                               : "data_offsets",
                      "'");
    }
    bool once(bool& seen, const char* what) noexcept {
        if (seen) return refuse(errc::bad_json, 8 + header_->pos(), "a second '", what, "'");
        return seen = true;
    }
    bool read_type(tensor_record& r) noexcept {
        json_string s;
        if (!header_->string(s)) return false;
        r.type = static_cast<std::uint32_t>(s.escaped ? dtype::unknown : type_named(s.raw()));
        if (s.escaped)
            for (const dtype_info& i : dtype_table)
                if (i.in_safetensors && equal(s, i.name))
                    r.type = static_cast<std::uint32_t>(i.dtype);
        if (r.type != 0) return true;
        if (options_.unknown_dtypes) {
            r.type = tensor_record::raw_type | static_cast<std::uint32_t>(s.at - base_);
            return true;
        }
        return refuse(errc::bad_type, place(s.at), "tensor ", quoted{r.name_view()}, ": dtype ",
                      quoted{s.raw()}, " is none of the format's");
    }
    bool read_shape(tensor_record& r) noexcept {
        growing<std::uint64_t> dims;
        bool room = true;
        if (!header_->array([&] {
                std::uint64_t n = 0;
                return header_->whole(n) && (room = dims.push(n));
            }))
            return room ? false : no_room();
        r.rank = static_cast<std::uint32_t>(dims.size());
        std::uint64_t* to = r.dims;
        if (r.rank > tensor_record::inline_rank) {
            to = store_.names.make<std::uint64_t>(r.rank);
            if (to == nullptr) return no_room();
            r.far_dims = to;
        }
        for (std::uint32_t i = 0; i < r.rank; ++i) to[i] = dims[i];
        return true;
    }
    bool read_offsets(std::uint64_t* range) noexcept {
        std::uint64_t n = 0;
        constexpr const char* two = "expected two offsets";
        if (!header_->array(
                [&] { return n < 2 ? header_->whole(range[n++]) : header_->stop(two); }))
            return false;
        return n == 2 || header_->stop(two);
    }

    bool metadata_block(const json_string& at) noexcept {
        if (metadata_seen_)
            return refuse(errc::bad_json, place(at.at) - 1, "a second '__metadata__'");
        metadata_seen_ = true;
        json_reader& json = *header_;
        if (json.peek() == 'n') return json.null() || json.stop("expected an object or null");
        return json.object([&](const json_string& key) {
            metadata::entry e;
            json_string value;
            std::string_view text;
            if (!json.string(value)) return false;
            if (!text_of(key, store_.names, e.key) || !text_of(value, store_.names, text))
                return no_room();
            e.value.at = reinterpret_cast<const std::byte*>(text.data());
            e.value.count = text.size();
            e.value.type = value_type::string;
            e.offset = place(key.at) - 1;
            e.file = file_;
            return store_.meta.entries().push(e) || no_room();
        });
    }

    // Puts the tensors in the order of their data, and finds names that occur twice. The names of
    // other files in the store are the caller's concern: it indexes all of them together.
    status index() noexcept {
        growing<tensor_record>& all = store_.tensors;
        tensor_record* mine = all.data() + first_;
        std::size_t n = all.size() - first_;
        if (!settled_ && !sorted_)
            sort(mine, n, [](const tensor_record& a, const tensor_record& b) {
                return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
            });
        constexpr std::uint32_t dropped_file = ~std::uint32_t{0};
        std::size_t dropped = 0;
        std::uint32_t twice = 0;
        auto drop_earlier = [&](std::uint32_t a, std::uint32_t b) {
            twice = b;
            if (options_.names == duplicates::refuse) return name_index::none;
            bool first_stays = mine[a].at > mine[b].at;
            // Its name stays readable: a list that has to be sorted is gone through once more.
            mine[first_stays ? b : a].file = dropped_file;
            ++dropped;
            return first_stays ? a : b;
        };
        auto build = [&] {
            return store_.index.build(
                n, [mine](std::size_t i) { return mine[i].name_view(); },
                [mine](std::size_t i) { return mine[i].hash; }, drop_earlier);
        };
        name_index::outcome o = build();
        if (o == name_index::outcome::ok && dropped != 0) {
            if (settled_) unsettle(all.size());
            std::size_t kept = 0;
            for (std::size_t i = 0; i < n; ++i)
                if (mine[i].file != dropped_file) mine[kept++] = mine[i];
            all.resize(first_ + kept);
            n = kept;
            o = build();
        }
        if (o == name_index::outcome::no_memory) return no_memory();
        if (o == name_index::outcome::duplicate)
            return fail(errc::duplicate_name, mine[twice].at, "tensor ",
                        quoted{mine[twice].name_view()}, " occurs twice");
        return {};
    }

    // The reference's checks, in its order: tensor by tensor as the data lies.
    status check() noexcept {
        growing<tensor_record>& all = store_.tensors;
        std::uint64_t start = settled_ ? last_end_ : 0;
        for (std::size_t i = first_; !settled_ && i < all.size(); ++i) {
            tensor_record& r = all[i];
            std::uint64_t begin = r.offset, end = r.bytes;
            if (begin != start || end < begin)
                return fail(errc::bad_offset, r.at, "tensor ", quoted{r.name_view()}, ": data at ",
                            begin, " to ", end, ", it should begin at ", start,
                            " where the tensor before it ends");
            if (status s = check_size(r, end - begin); !s) return s;
            start = end;
        }
        file_entry& f = store_.files[file_];
        if (start > data_size_)
            return fail(errc::truncated, f.data_begin + data_size_, "the file is ",
                        start - data_size_, " bytes short: its header describes ", start,
                        " bytes of data, it has ", data_size_);
        if (start < data_size_ && !options_.trailing_bytes)
            return fail(errc::trailing_bytes, f.data_begin + start, "the file is ",
                        data_size_ - start, " bytes longer than its header says");
        for (std::size_t i = first_; !settled_ && i < all.size(); ++i) {
            all[i].bytes -= all[i].offset;
            all[i].offset += f.data_begin;
        }
        f.data_end = f.data_begin + start;
        return {};
    }
    status check_size(const tensor_record& r, std::uint64_t bytes) noexcept {
        const aka::dtype type = r.dtype();
        const shape dims = r.shape();
        std::uint64_t n = 0, bits = 0;
        if (!dims.count(n) ||
            (type != dtype::unknown &&
             !checked_mul(n, 8u * info(type).block_bytes / info(type).block_elements, bits)))
            return fail(errc::size_overflow, r.at, "tensor ", quoted{r.name_view()},
                        ": the size of ", dims, " does not fit in 64 bits");
        if (type == dtype::unknown) return {};
        if (bits % 8 != 0)
            return fail(errc::misaligned, r.at, "tensor ", quoted{r.name_view()}, ": ", n,
                        " elements of ", name(type), " are not whole bytes");
        if (bits / 8 != bytes)
            return fail(errc::size_mismatch, r.at, "tensor ", quoted{r.name_view()}, ": ",
                        name(type), ' ', dims, " takes ", bits / 8, " bytes, its offsets span ",
                        bytes);
        return {};
    }

    store& store_;
    std::uint32_t file_;
    const safetensors_options& options_;
    std::size_t first_, room_ = 0;
    json_reader* header_ = nullptr;
    const char* base_ = nullptr;
    std::uint64_t data_begin_ = 0, data_size_ = 0;
    std::uint64_t last_begin_ = 0, last_end_ = 0;  // of the tensor before
    // The type of the tensor before, and how its name looks in the text.
    aka::dtype last_type_ = dtype::bf16;
    std::uint32_t last_id_ = 0;
    std::uint64_t last_bytes_ = 0, last_elements_ = 0;
    std::uint64_t last_word_ = 0, last_mask_ = 0;
    std::size_t last_name_ = 0;
    bool fast_ = false, settled_ = true, sorted_ = true, metadata_seen_ = false;
    error failed_;
};

/// Reads the file at `file` of the store, which is open.
inline status read_safetensors(store& s, std::uint32_t file,
                               const safetensors_options& o) noexcept {
    file_entry& f = s.files[file];
    std::uint64_t size = f.file.size();
    auto done = [&](status r) {
        if (r) return r;
        error e = r.error();
        return status(e.in(f.file.path()));
    };
    if (size < 8)
        return done(fail(errc::header_too_small, 0, "the file has ", size,
                         " bytes, a safetensors file at least 8"));
    std::byte word[8];
    if (status r = f.file.read(0, word); !r) return r;
    auto n = load_le<std::uint64_t>(word);
    if (n > safetensors_max_header)
        return done(fail(errc::header_too_large, 0, "a header of ", n, " bytes, at most ",
                         safetensors_max_header, " are allowed (is this a safetensors file?)"));
    if (n > size - 8)
        return done(fail(errc::bad_header_length, 0, "a header of ", n,
                         " bytes, but the file ends ", n - (size - 8), " bytes before that"));
    const std::byte* header = nullptr;
    if (f.file.data() != nullptr && f.data) {
        header = f.file.data() + 8;
        // One call for the whole header is cheaper than a fault every 64 KiB, and a file that was
        // cut off meanwhile becomes an error.
        if (n >= (1u << 20))
            if (status r = f.file.prefetch(0, 8 + n); !r) return r;
    } else {
        if (!f.header.resize(static_cast<std::size_t>(n))) return no_memory();
        if (status r = f.file.read(8, {f.header.data(), f.header.size()}); !r) return r;
        header = f.header.data();
    }
    safetensors_reader reader(s, file, o);
    return done(
        reader.read({reinterpret_cast<const char*>(header), static_cast<std::size_t>(n)}, size));
}

}  // namespace detail

/// One safetensors file. Tensors come in the order of their data.
///
/// Lifetime: tensors and metadata borrow from the file's store, which lives as long as any handle;
/// a file parsed from memory borrows that memory too.
class safetensors : public tensor_list {
  public:
    /// `path`: a C string, std::string, std::string_view or std::filesystem::path; UTF-8.
    /// Errors: of opening; header_too_small, header_too_large, bad_header_length, bad_utf8,
    /// bad_json, bad_type, duplicate_name, duplicate_key, bad_offset, size_overflow, misaligned,
    /// size_mismatch, truncated, trailing_bytes, out_of_memory.
    static result<safetensors> open(detail::path path, const safetensors_options& o = {}) noexcept {
        result<mapped_file> f = mapped_file::open(std::move(path), o.how);
        if (!f) return f.error();
        return make(std::move(*f.get_if()), o);
    }
    /// Bytes that the caller keeps alive and unchanged as long as anything made from them.
    static result<safetensors> parse(byte_span bytes, const safetensors_options& o = {}) noexcept {
        return make(mapped_file::memory(bytes), o);
    }

  private:
    using tensor_list::tensor_list;
    static result<safetensors> make(mapped_file f, const safetensors_options& o) noexcept {
        detail::store_ref s = detail::store_ref::make();
        if (!s || !s->files.reserve(1)) return detail::no_memory();
        detail::file_entry& entry = s->files.add();
        entry.file = std::move(f);
        entry.data = o.how != access::header;
        if (status r = detail::read_safetensors(*s, 0, o); !r) return r.error();
        if (status r = detail::index_keys(*s, o.names); !r) return r.error();
        s->tensors.shrink();
        if (o.how == access::header) entry.file.close_descriptor();
        return safetensors(std::move(s));
    }
};

AKA_END

#endif  // AKA_SAFETENSORS_HPP
