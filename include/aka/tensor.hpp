// aka: a tensor: name, type, shape, and its bytes wherever they lie.
#ifndef AKA_TENSOR_HPP
#define AKA_TENSOR_HPP

#include <cstdint>
#include <string_view>

#include "box_list.hpp"
#include "byte_order.hpp"
#include "store.hpp"

AKA_BEGIN
namespace detail {

/// How a tensor is put together from places that are not one packed range in order: the boxes
/// cover its bytes, row-major in its shape, without gaps. Lives in the arena of whoever made it.
struct tensor_plan {
    box_list boxes;
    float norm_offset;  // to be added to every element; 0: nothing is pending
    aka::dtype stored;  // what the boxes copy; where the tensor's own differs, that is pending too
};

/// What tensor::convert_to is made of. Where the compiler calls it incomplete, include
/// <aka/convert_tensor.hpp>: converting brings the decoders of all types, which readers do not pay.
struct include_convert_tensor_hpp;

/// Reads a strip of a file that is not mapped: neighbouring runs in one read where that pays.
inline status read_strip(const mapped_file& f, const strip& s, std::byte* out) noexcept {
    constexpr std::size_t room = 16384;
    std::byte buffer[room];
    if (s.n == 1 || s.run >= room / 2 || s.src_step > room / 2) {
        for (std::uint64_t i = 0; i < s.n; ++i) {
            status r = f.read(s.src + i * s.src_step,
                              {out + s.dst + i * s.dst_step, static_cast<std::size_t>(s.run)});
            if (!r) return r;
        }
        return {};
    }
    std::uint64_t most = s.src_step == 0 ? s.n : (room - s.run) / s.src_step + 1;
    for (std::uint64_t i = 0; i < s.n; i += most) {
        std::uint64_t n = s.n - i < most ? s.n - i : most;
        auto size = static_cast<std::size_t>((n - 1) * s.src_step + s.run);
        if (status r = f.read(s.src + i * s.src_step, {buffer, size}); !r) return r;
        copy_strip(out, buffer, {0, s.dst + i * s.dst_step, n, s.src_step, s.dst_step, s.run});
    }
    return {};
}

}  // namespace detail

/// One tensor of a checkpoint, as stored or as an adapter sees it. A small plain value that
/// borrows from the store behind the checkpoint: it stays valid while any handle on that store
/// lives, wherever the handles are moved.
///
/// "Packed" means row-major in `shape()` without gaps, as both formats store tensors.
class tensor {
  public:
    tensor() noexcept {}

    /// False: there is no such tensor (what `find` returns then).
    explicit operator bool() const noexcept { return files_ != nullptr; }

    /// As the file (or the adapter's convention) spells it. Not NUL-terminated.
    std::string_view name() const noexcept { return {name_, name_size_}; }
    /// The type of its elements; see stored_dtype.
    aka::dtype dtype() const noexcept { return dtype_; }
    /// As the format writes it: safetensors' own name, ggml's in capitals. Of an unknown dtype the
    /// text of the safetensors header, else `unknown`.
    std::string_view dtype_name() const noexcept {
        const char* json = raw_type_ < 0 ? nullptr : (*files_)[file_].json;
        if (json == nullptr) return aka::name(dtype_);
        const char* begin = json + raw_type_;
        std::size_t n = 0;
        while (begin[n] != '"' && n < 32) ++n;
        return {begin, n};
    }
    /// The ggml type id, also where a GGUF file has one that aka does not know; -1: it has none.
    std::int64_t ggml_type() const noexcept {
        if (raw_type_ >= 0 && (*files_)[file_].json == nullptr) return raw_type_;
        return info(dtype_).ggml_id;
    }
    /// Outermost first. Empty, like a scalar's, where only names are known: see has_shape.
    const aka::shape& shape() const noexcept AKA_LIFETIMEBOUND { return shape_; }
    /// False where only the name is known.
    bool has_shape() const noexcept { return has_shape_; }

    /// Bytes of the packed tensor. Of an unknown dtype: all up to the next tensor.
    std::uint64_t size_bytes() const noexcept { return bytes_; }
    /// How many; 0 where the shape is not known.
    std::uint64_t elements() const noexcept { return has_shape_ ? shape_.elements() : 0; }

    /// Which file of the checkpoint, its path, and where in it. An offset only where the tensor
    /// is one packed range of one file.
    std::uint32_t file_index() const noexcept { return file_; }
    /// The path of its file; empty: none, or not one alone.
    std::string_view file() const noexcept {
        return files_ == nullptr || file_ >= files_->size() ? std::string_view()
                                                            : (*files_)[file_].file.path();
    }
    /// From the start of the file, or error::nowhere.
    std::uint64_t offset() const noexcept { return is_packed() ? offset_ : error::nowhere; }

    /// Whether the tensor is one packed range in memory, so that `bytes`, `as` and `row` succeed.
    bool is_view() const noexcept { return is_packed() && place() != nullptr; }
    /// Whether the tensor is one packed range of one file, mapped or not.
    bool is_packed() const noexcept { return files_ != nullptr && plan_ == nullptr && cuts_ == 0; }

    /// The stored bytes, in the file's byte order. Where somebody truncated the file since,
    /// touching what is lost raises SIGBUS, here as in all that reads a mapping; `prefetch` first
    /// tells, `access::read` never maps. Errors: needs_copy (not one packed range in memory: use
    /// copy_to), no_data.
    result<byte_span> bytes() const noexcept {
        if (is_view()) return byte_span(place(), static_cast<std::size_t>(bytes_));
        return no_view();
    }

    /// The elements as T, where T reads this dtype (see aka::reads). Errors: as `bytes`;
    /// wrong_type; misaligned, needs_copy where the file's byte order is not the machine's.
    template <class T>
    result<span<const T>> as() const noexcept {
        if (!reads<T>(dtype_)) return wrong_type(sizeof(T));
        if (!is_view()) return no_view();
        if (sizeof(T) > 1 && (*files_)[file_].swap)
            return say(errc::needs_copy, "its numbers are in the other byte order: use copy_to");
        const std::byte* p = place();
        if (reinterpret_cast<std::uintptr_t>(p) % alignof(T) != 0)
            return say(errc::misaligned, "its data is not aligned for this type: use copy_to");
        return span<const T>(reinterpret_cast<const T*>(p),
                             static_cast<std::size_t>(bytes_ / sizeof(T)));
    }

    /// Row i of the outermost dimension. Errors: as `bytes`; out_of_range; bad_block where rows
    /// are not whole blocks of a quantised type.
    result<byte_span> row(std::uint64_t i) const noexcept {
        std::uint64_t size = 0;
        if (status s = rows(i, 1, size); !s) return s.error();
        if (!is_view()) return no_view();
        return byte_span(place() + i * size, static_cast<std::size_t>(size));
    }

    /// Elements [first, first + count) along dimension `dim`, the rest as it is. Costs nothing; a
    /// slice of the outermost dimension of a view is a view. Up to four dimensions can be
    /// cut. Errors: out_of_range; bad_block where the cut goes through a block; unsupported.
    result<tensor> slice(std::uint32_t dim, std::uint64_t first,
                         std::uint64_t count) const noexcept;

    /// Element i of the outermost dimension, without that dimension: an expert of a stack. Errors:
    /// as slice.
    result<tensor> select(std::uint64_t i) const noexcept;

    /// Copies the stored type, packed, in this machine's byte order. out.size() must be
    /// size_bytes(). Errors: wrong_size; no_data; unsupported where arithmetic is pending (see
    /// `is_pending`) or the byte order of the type is not settled; and those of reading.
    status copy_to(span<std::byte> out) const noexcept {
        if (out.size() != bytes_) return size_error(out.size(), bytes_);
        return copy_range(0, bytes_, out.data());
    }
    /// Copies rows [first, first + count) of the outermost dimension likewise.
    status copy_rows(std::uint64_t first, std::uint64_t count, span<std::byte> out) const noexcept {
        std::uint64_t size = 0;
        if (status s = rows(first, count, size); !s) return s;
        if (out.size() != count * size) return size_error(out.size(), count * size);
        return copy_range(first * size, (first + count) * size, out.data());
    }

    /// Writes the elements as another type, packed in this shape, in this machine's byte order,
    /// with everything applied that is pending (norm_offset): to F32, F16, BF16, F64, rounded to
    /// the nearest, ties to even; or the stored type as it is. Defined in convert_tensor.hpp, which
    /// must be included. Errors: wrong_type (no such target, or an unknown type); wrong_size
    /// (out.size() is not the target's bytes); bad_block; unsupported (C64 that is not real, or a
    /// byte order that is not settled); no_data; and those of reading.
    template <class Header = detail::include_convert_tensor_hpp>
    status convert_to(aka::dtype to, span<std::byte> out) const noexcept {
        return Header::convert(*this, to, out);
    }
    /// The elements as float32.
    template <class Header = detail::include_convert_tensor_hpp>
    status convert_to(span<float> out) const noexcept {
        return Header::convert(
            *this, aka::dtype::f32,
            span<std::byte>(reinterpret_cast<std::byte*>(out.data()), out.size_bytes()));
    }

    /// Brings the tensor's file range into memory. Errors: file_changed (the file is shorter than
    /// when it was opened), cannot_read, needs_copy (not one range of one file), no_data.
    status prefetch() const noexcept {
        if (!is_packed()) return say(errc::needs_copy, "it is not one range of one file");
        if (file_ >= files_->size()) return say(errc::no_data, "its file is not here");
        if (!(*files_)[file_].data) return say(errc::no_data, "only its header was read");
        return (*files_)[file_].file.prefetch(offset_, bytes_);
    }

    /// Whether an adapter leaves arithmetic to do: a norm offset to add, or a conversion to
    /// `dtype()`. Such a tensor has its shape, but no bytes yet; `convert_to` makes them, and
    /// `stored` is what they are made from.
    bool is_pending() const noexcept {
        return plan_ != nullptr && !as_stored_ &&
               (plan_->norm_offset != 0.0f || plan_->stored != dtype_);
    }
    /// To be added to every element by whoever computes (Gemma's norms less one); usually 0.
    float norm_offset() const noexcept {
        return plan_ == nullptr || as_stored_ ? 0.0f : plan_->norm_offset;
    }
    /// The type that the files have, from which a conversion to `dtype()` is pending where the two
    /// differ (GGUF's norms are F32, whatever the file holds).
    aka::dtype stored_dtype() const noexcept { return plan_ == nullptr ? dtype_ : plan_->stored; }
    /// The same elements before any pending arithmetic: of `stored_dtype()`, and copied by
    /// `copy_to`. The tensor itself where nothing is pending.
    tensor stored() const noexcept;

    /// How an adapter puts the whole tensor together where it is not packed: copies from places in
    /// files to places in `stored()`. Empty for a packed one. Walked from the front.
    box_list boxes() const noexcept { return plan_ == nullptr ? box_list() : plan_->boxes; }

    /// What `stored()` is copied from, in this order until it returns false: f(file, box) -> bool,
    /// the box measured, its destination counted from the start of the packed tensor. One box for
    /// a packed tensor and for a slice of one, else those that an adapter made. Errors: no_data;
    /// unsupported (a slice of what an adapter puts together).
    template <class F>
    status for_each_box(F&& f) const noexcept;
    /// Whether its numbers lie in the other byte order than this machine's.
    bool is_swapped() const noexcept { return files_ != nullptr && other_byte_order(); }

    /// For the readers and the adapter.
    tensor(const detail::file_list& files, const detail::tensor_record& r,
           const detail::tensor_plan* plan = nullptr) noexcept
        : files_(&files),
          plan_(plan),
          name_(r.name),
          offset_(r.offset),
          bytes_(r.bytes),
          shape_(r.shape()),
          name_size_(r.name_size),
          file_(r.file),
          dtype_(r.dtype()),
          has_shape_(r.rank != detail::tensor_record::no_shape) {
        if (plan != nullptr) offset_ = 0;
        if ((r.type & detail::tensor_record::raw_type) != 0)
            raw_type_ = r.type & ~detail::tensor_record::raw_type;
    }

  private:
    friend struct detail::include_convert_tensor_hpp;

    struct cut {  // of a dimension that had `full` elements, those from `first` are left
        std::uint32_t dim;
        std::uint64_t first, full;
    };
    static constexpr unsigned most_cuts = 4;

    const std::byte* place() const noexcept {
        if (file_ >= files_->size()) return nullptr;
        const detail::file_entry& f = (*files_)[file_];
        if (!f.data) return nullptr;
        alignas(16) static constexpr std::byte nothing{};  // for as<T>, whatever T is
        if (bytes_ == 0) return &nothing;
        const std::byte* p = f.file.data();
        return p == nullptr ? nullptr : p + offset_;
    }

    // Bytes of one row; and whether [first, first + count) are rows.
    status rows(std::uint64_t first, std::uint64_t count, std::uint64_t& size) const noexcept {
        std::uint64_t n = shape_.rank() == 0 ? 0 : shape_[0];
        if (first > n || count > n - first) {
            return detail::fail(errc::out_of_range, error::nowhere, "tensor ",
                                detail::quoted{name()}, ": rows ", first, " to ", first + count,
                                " of ", n);
        }
        if (n == 0) return size = 0, status();
        std::uint64_t inner = 1;
        for (std::uint32_t i = 1; i < shape_.rank(); ++i) inner *= shape_[i];
        std::uint64_t below = 0;
        if (!detail::bytes_of(dtype_, inner, size) ||
            !detail::bytes_of(stored_dtype(), inner, below)) {
            return detail::fail(errc::bad_block, error::nowhere, "tensor ", detail::quoted{name()},
                                ": a row of ", inner, " elements is not whole blocks of ",
                                aka::name(stored_dtype()));
        }
        return {};
    }

    status copy_range(std::uint64_t first, std::uint64_t last, std::byte* out) const noexcept;
    status gather(std::uint64_t first, std::uint64_t last, std::byte* out) const noexcept;
    // A file that the tensor is in: one format has one byte order, so any will do.
    std::uint32_t any_file() const noexcept {
        return plan_ == nullptr || plan_->boxes.empty() ? file_ : plan_->boxes.front().file;
    }
    bool other_byte_order() const noexcept {
        return any_file() < files_->size() && (*files_)[any_file()].swap;
    }
    status carry_out(std::uint32_t file, const strip& s, std::byte* out) const noexcept;
    box region() const noexcept;
    void unplan() noexcept;

    AKA_COLD error say(errc code, const char* what) const noexcept {
        return detail::fail(code, error::nowhere, "tensor ", detail::quoted{name()}, ": ", what)
            .in(file());
    }
    AKA_COLD error no_view() const noexcept {
        if (files_ == nullptr) return error(errc::not_found).say("there is no such tensor");
        if (!is_packed())
            return say(errc::needs_copy, "it is not one packed range in memory: use copy_to");
        if (file_ >= files_->size() || !(*files_)[file_].data)
            return say(errc::no_data, "only its header was read");
        return say(errc::needs_copy, "its file is not mapped: use copy_to");
    }
    AKA_COLD error is_to_be_converted() const noexcept {
        if (plan_->stored == dtype_)
            return say(errc::unsupported,
                       "arithmetic is pending (a norm offset is to be added): use convert_to");
        return detail::fail(errc::unsupported, error::nowhere, "tensor ", detail::quoted{name()},
                            ": arithmetic is pending (it is stored as ", aka::name(plan_->stored),
                            ", and is to be ", aka::name(dtype_), "): use convert_to")
            .in(file());
    }
    AKA_COLD error wrong_type(std::size_t size) const noexcept {
        return detail::fail(errc::wrong_type, error::nowhere, "tensor ", detail::quoted{name()},
                            ": ", dtype_name(), " cannot be read as this type of ", size, " bytes")
            .in(file());
    }
    AKA_COLD error size_error(std::uint64_t found, std::uint64_t expected) const noexcept {
        return detail::fail(errc::wrong_size, error::nowhere, "tensor ", detail::quoted{name()},
                            ": room for ", found, " bytes, ", expected, " are to be written")
            .in(file());
    }

    const detail::file_list* files_ = nullptr;
    const detail::tensor_plan* plan_ = nullptr;
    const char* name_ = nullptr;
    std::uint64_t offset_ = 0;  // in the file; of a planned tensor, in the whole that is planned
    std::uint64_t bytes_ = 0;
    aka::shape shape_;
    std::int64_t raw_type_ = -1;
    std::uint32_t name_size_ = 0;
    std::uint32_t file_ = 0;
    aka::dtype dtype_ = dtype::unknown;
    bool has_shape_ = false;
    bool as_stored_ = false;  // what is pending is left out
    std::uint8_t cuts_ = 0;
    cut cut_[most_cuts] = {};
};

inline result<tensor> tensor::slice(std::uint32_t dim, std::uint64_t first,
                                    std::uint64_t count) const noexcept {
    if (files_ == nullptr) return no_view();
    if (!has_shape_) return say(errc::no_data, "its shape is not known");
    std::uint64_t have = dim < shape_.rank() ? shape_[dim] : 0;
    if (dim >= shape_.rank() || first > have || count > have - first) {
        return detail::fail(errc::out_of_range, error::nowhere, "tensor ", detail::quoted{name()},
                            ": elements ", first, " to ", first + count, " of dimension ", dim,
                            " are not in ", shape_)
            .in(file());
    }
    if (count == have) return *this;
    std::uint64_t inner = 1, outer = 1, from = 0, step = 0;
    for (std::uint32_t i = dim + 1; i < shape_.rank(); ++i) inner *= shape_[i];
    for (std::uint32_t i = 0; i < dim; ++i) outer *= shape_[i];
    std::uint64_t block = info(stored_dtype()).block_elements;  // what is pending has none itself
    if (!detail::bytes_of(dtype_, first * inner, from) ||
        !detail::bytes_of(dtype_, count * inner, step) || first * inner % block != 0 ||
        count * inner % block != 0 || (outer > 1 && have * inner % block != 0)) {
        return detail::fail(errc::bad_block, error::nowhere, "tensor ", detail::quoted{name()},
                            ": elements ", first, " to ", first + count, " of dimension ", dim,
                            " of ", shape_, " are not whole blocks of ", aka::name(stored_dtype()))
            .in(file());
    }
    tensor t = *this;
    if (t.shape_.rank() > aka::shape::inline_rank)
        return say(errc::unsupported, "a slice of more than eight dimensions");
    std::uint64_t dims[aka::shape::inline_rank];
    for (std::uint32_t i = 0; i < shape_.rank(); ++i) dims[i] = shape_[i];
    dims[dim] = count;
    t.shape_ = aka::shape({dims, shape_.rank()});
    t.bytes_ = outer * step;
    if (outer == 1 && cuts_ == 0) {
        t.offset_ += from;
        t.unplan();
        return t;
    }
    for (unsigned i = 0; i < cuts_; ++i)
        if (cut_[i].dim == dim) return t.cut_[i].first += first, t;
    if (cuts_ == most_cuts) return say(errc::unsupported, "more than four dimensions are cut");
    unsigned at = t.cuts_++;
    for (; at > 0 && t.cut_[at - 1].dim > dim; --at) t.cut_[at] = t.cut_[at - 1];
    t.cut_[at] = {dim, first, have};
    return t;
}

inline result<tensor> tensor::select(std::uint64_t i) const noexcept {
    result<tensor> r = slice(0, i, 1);
    if (!r) return r;
    tensor t = *r.get_if();
    if (t.cuts_ != 0 && t.cut_[0].dim == 0)
        return say(errc::unsupported, "an inner dimension is cut: select first, then slice");
    if (t.shape_.rank() > aka::shape::inline_rank) {
        t.shape_ = aka::shape({t.shape_.data() + 1, t.shape_.rank() - 1});
    } else {
        std::uint64_t dims[aka::shape::inline_rank];
        for (std::uint32_t k = 1; k < t.shape_.rank(); ++k) dims[k - 1] = t.shape_[k];
        t.shape_ = aka::shape({dims, t.shape_.rank() - 1});
    }
    for (unsigned k = 0; k < t.cuts_; ++k) --t.cut_[k].dim;
    return t;
}

template <class F>
status tensor::for_each_box(F&& f) const noexcept {
    if (files_ == nullptr) return no_view();
    if (is_pending()) return stored().for_each_box(f);
    if (plan_ != nullptr && cuts_ != 0)
        return say(errc::unsupported, "it is cut out of a tensor that is put together from pieces");
    auto one = [&](const box& b) -> status {
        if (b.file >= files_->size()) return say(errc::no_data, "its file is not here");
        const detail::file_entry& e = (*files_)[b.file];
        if (!e.data) return say(errc::no_data, "only its header was read");
        return f(e.file, b) ? status() : status(error(errc::cancelled));
    };
    if (plan_ == nullptr) {
        box b;
        b.run = bytes_;
        if (cuts_ != 0) b = region();
        b.file = file_;
        b.src += offset_;
        return one(b);
    }
    status done;
    for (const box& b : plan_->boxes) {
        box_extent e;
        measure(b, e);
        if (offset_ == 0 && e.dst_end <= bytes_) {
            done = one(b);
        } else {
            // Some of its rows: what falls on them.
            for_each_strip(b, offset_, offset_ + bytes_, [&](const strip& s) {
                box part{b.file, 1, s.src, s.dst - offset_, s.run, {}};
                part.loops[0] = {s.n, s.src_step, s.dst_step};
                simplify(part);
                return static_cast<bool>(done = one(part));
            });
        }
        if (!done) return done;
    }
    return done;
}

/// A part of a planned tensor that turns out to be one range of one file is a plain tensor.
inline void tensor::unplan() noexcept {
    if (plan_ == nullptr || is_pending() || bytes_ == 0) return;
    strip only{};
    std::uint32_t file = 0;
    std::uint64_t runs = 0;
    for (const box& b : plan_->boxes) {
        for_each_strip(b, offset_, offset_ + bytes_, [&](const strip& s) {
            only = s;
            file = b.file;
            return (runs += s.n) <= 1;
        });
        if (runs > 1) return;
    }
    if (runs != 1 || only.run != bytes_) return;
    plan_ = nullptr;
    file_ = file;
    offset_ = only.src;
}

inline tensor tensor::stored() const noexcept {
    if (!is_pending()) return *this;
    tensor t = *this;
    t.as_stored_ = true;
    t.dtype_ = plan_->stored;
    const dtype_info &now = info(dtype_), &then = info(t.dtype_);
    for (std::uint64_t* n : {&t.offset_, &t.bytes_})
        *n = *n / now.block_bytes * now.block_elements / then.block_elements * then.block_bytes;
    if (cuts_ == 0) t.unplan();
    return t;
}

/// What the cuts leave, as a copy from the uncut packed tensor to the cut one: a loop a cut.
inline box tensor::region() const noexcept {
    const dtype_info& type = info(dtype_);
    auto bytes = [&](std::uint64_t n) { return n / type.block_elements * type.block_bytes; };
    box b;
    std::uint64_t full = 1, left = 1;  // elements from dimension i inwards, before and after
    unsigned c = cuts_;
    for (std::uint32_t i = shape_.rank(); i-- > 0;) {
        bool is_cut = c != 0 && cut_[c - 1].dim == i;
        if (is_cut) b.src += bytes(cut_[c - 1].first * full);
        left *= shape_[i];
        std::uint64_t before = full * (is_cut ? cut_[c - 1].full : shape_[i]);
        if (is_cut) {
            // What lies inside this cut: the run for the innermost one, else steps of a loop.
            if (c == cuts_)
                b.run = bytes(left);
            else
                b.loops[c].n = left / b.loops[c].n;
            b.loops[c - 1] = {left, bytes(before), bytes(left)};
            --c;
        }
        full = before;
    }
    b.loops[0].n = b.loops[0].n == 0 ? 0 : left / b.loops[0].n;
    b.depth = cuts_;
    simplify(b);
    return b;
}

inline status tensor::carry_out(std::uint32_t file, const strip& s, std::byte* out) const noexcept {
    if (file >= files_->size()) return say(errc::no_data, "its file is not here");
    const detail::file_entry& f = (*files_)[file];
    if (!f.data) return say(errc::no_data, "only its header was read");
    if (f.file.data() == nullptr) return detail::read_strip(f.file, s, out);
    detail::copy_strip(out, f.file.data(), s);
    return {};
}

inline status tensor::copy_range(std::uint64_t first, std::uint64_t last,
                                 std::byte* out) const noexcept {
    if (files_ == nullptr) return no_view();
    if (is_pending()) return is_to_be_converted();
    bool swap = other_byte_order();
    if (swap && !detail::can_swap(dtype_))
        return say(errc::unsupported, "the byte order of this type is not settled");
    status done = gather(first, last, out);
    if (done && swap) detail::swap_in_place(dtype_, out, last - first);
    return done;
}

/// Bytes [first, last) of the packed tensor, in the file's byte order.
inline status tensor::gather(std::uint64_t first, std::uint64_t last,
                             std::byte* out) const noexcept {
    // A stored tensor is one box; a plan has several; cuts choose parts of either. Destinations
    // count from the start of the tensor, `out` from `first`.
    status done;
    box whole;
    whole.file = file_;
    whole.src = offset_;
    whole.run = ~std::uint64_t{0} - offset_;
    const std::uint64_t begin = plan_ == nullptr ? 0 : offset_;
    auto copy = [&](std::uint64_t from, std::uint64_t to, std::uint64_t dst) {
        from += begin;
        to += begin;
        auto one = [&](const box& b) {
            return for_each_strip(b, from, to, [&](strip s) {
                s.dst = s.dst - from + dst;
                return static_cast<bool>(done = carry_out(b.file, s, out));
            });
        };
        if (plan_ == nullptr) return one(whole);
        for (const box& b : plan_->boxes)
            if (!one(b)) return false;
        return true;
    };
    if (first == last) {
        done = carry_out(any_file(), {}, out);
    } else if (cuts_ == 0) {
        copy(first, last, 0);
    } else {
        box parts = region();
        if (plan_ == nullptr) {
            for_each_strip(parts, first, last, [&](strip s) {
                s.src += offset_;
                s.dst -= first;
                return static_cast<bool>(done = carry_out(file_, s, out));
            });
        } else {
            for_each_strip(parts, first, last, [&](const strip& s) {
                for (std::uint64_t i = 0; i < s.n; ++i) {
                    std::uint64_t from = s.src + i * s.src_step;
                    if (!copy(from, from + s.run, s.dst - first + i * s.dst_step)) return false;
                }
                return true;
            });
        }
    }
    return done;
}

AKA_END

#endif  // AKA_TENSOR_HPP
