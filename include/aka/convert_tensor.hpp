// aka: tensor::convert_to: the elements of any tensor as float32 and its like, wherever they lie.
//
// A tensor that is one packed range in memory is decoded where it lies, and of one that an adapter
// puts together each range of some length likewise. What is finer, in a file that is not mapped, or
// in the other byte order, comes through a buffer of fixed size on the stack.
#ifndef AKA_CONVERT_TENSOR_HPP
#define AKA_CONVERT_TENSOR_HPP

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "convert.hpp"
#include "dequantize.hpp"
#include "tensor.hpp"

AKA_BEGIN
namespace detail {

// ---- numbers that float32 rounds before the target would ---------------------------------------

/// A float64 as a float32 rounded to odd: rounding that to a shorter type gives what rounding once
/// would have given.
inline float to_odd_float(double d) noexcept {
    const auto f = static_cast<float>(d);
    const auto back = static_cast<double>(f);
    if (back == d || d != d) return f;
    std::uint32_t bits = bits_of(f);
    if (d > 0 ? back > d : back < d) --bits;  // towards zero, from infinity too
    return float_of(bits | 1);
}
/// An integer as a float64 rounded to odd.
template <class T>
double to_odd_double(T v) noexcept {
    if constexpr (std::is_floating_point_v<T>) {
        return v;
    } else {
        const bool minus = v < 0;
        auto m = static_cast<std::uint64_t>(v);
        if (minus) m = ~m + 1;
        unsigned extra = 0;  // bits beyond the 53 that fit
        while (m >> extra >> 53 != 0) ++extra;
        const std::uint64_t rest = m & ((std::uint64_t{1} << extra) - 1);
        m -= rest;
        if (rest != 0) m |= std::uint64_t{1} << extra;
        return minus ? -static_cast<double>(m) : static_cast<double>(m);
    }
}
template <class T>
void numbers_to_f64(const std::byte* in, double* out, std::size_t n, bool odd) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        const T v = load_le<T>(in + i * sizeof(T));
        out[i] = odd ? to_odd_double(v) : static_cast<double>(v);
    }
}
struct wide_type {
    aka::dtype dtype;
    void (*decode)(const std::byte* in, double* out, std::size_t n, bool odd);
};
inline constexpr wide_type wide_types[] = {
    {dtype::f64, numbers_to_f64<double>},        {dtype::i64, numbers_to_f64<std::int64_t>},
    {dtype::u64, numbers_to_f64<std::uint64_t>}, {dtype::i32, numbers_to_f64<std::int32_t>},
    {dtype::u32, numbers_to_f64<std::uint32_t>},
};
inline const wide_type* wide_type_of(aka::dtype t) noexcept {
    for (const wide_type& w : wide_types)
        if (w.dtype == t) return &w;
    return nullptr;
}

/// One conversion: what it is from and to, and the arithmetic that is pending.
class conversion {
  public:
    static constexpr std::size_t piece = 2048;  // elements at once; all blocks divide it

    conversion(aka::dtype from, aka::dtype to, float offset) noexcept
        : from_(from), to_(to), offset_(offset), wide_(wide_type_of(from)) {
        if (to == dtype::f32 && offset == 0.0f) wide_ = nullptr;  // rounded once in any case
    }
    std::size_t bytes_in(std::size_t n) const noexcept {
        return n / info(from_).block_elements * info(from_).block_bytes;
    }
    std::size_t bytes_out(std::size_t n) const noexcept { return n * info(to_).block_bytes; }

    /// `n` elements in whole blocks.
    void operator()(const std::byte* in, std::byte* out, std::size_t n) const noexcept {
        if (to_ == dtype::f32 && offset_ == 0.0f &&
            reinterpret_cast<std::uintptr_t>(out) % alignof(float) == 0) {
            decode(from_, in, reinterpret_cast<float*>(out), n / info(from_).block_elements);
            return;
        }
        for (std::size_t at = 0; at < n; at += piece) {
            const std::size_t count = n - at < piece ? n - at : piece;
            step(in + bytes_in(at), out + bytes_out(at), count);
        }
    }

  private:
    void step(const std::byte* in, std::byte* out, std::size_t n) const noexcept {
        float numbers[piece];
        if (wide_ != nullptr) {
            double wide[piece];
            wide_->decode(in, wide, n, to_ != dtype::f64);
            if (offset_ != 0.0f)
                for (std::size_t i = 0; i < n; ++i) wide[i] += static_cast<double>(offset_);
            if (to_ == dtype::f64) {
                std::memcpy(out, wide, n * sizeof(double));
                return;
            }
            for (std::size_t i = 0; i < n; ++i)
                numbers[i] =
                    to_ == dtype::f32 ? static_cast<float>(wide[i]) : to_odd_float(wide[i]);
        } else {
            decode(from_, in, numbers, n / info(from_).block_elements);
            if (offset_ != 0.0f)
                for (std::size_t i = 0; i < n; ++i) numbers[i] += offset_;
        }
        narrow(to_, numbers, out, n);
    }

    aka::dtype from_, to_;
    float offset_;
    const wide_type* wide_;
};

struct include_convert_tensor_hpp {
    static status convert(const tensor& asked, aka::dtype to, span<std::byte> out) noexcept {
        if (!asked) return asked.no_view();
        if (to == asked.dtype() && !asked.is_pending()) return asked.copy_to(out);
        const tensor t = asked.stored();
        const float offset = asked.norm_offset();
        const dtype_info& type = info(t.dtype());
        if (type.block_elements == 0)
            return refuse(errc::wrong_type, t, t.dtype_name(), " is no type that is known here");
        if (to != dtype::f32 && to != dtype::f16 && to != dtype::bf16 && to != dtype::f64)
            return refuse(errc::wrong_type, t, type.name, " is not converted to ", name(to));
        if (!t.has_shape()) return t.say(errc::no_data, "its shape is not known");

        const aka::shape& s = t.shape();
        const std::uint64_t n = t.elements();
        const std::uint64_t row = s.rank() == 0 ? 1 : s[s.rank() - 1];
        // Quantised rows are whole blocks; F4 and F6 are packed across rows.
        std::uint64_t bytes = 0;
        if (!bytes_of(t.dtype(), n, bytes) ||
            (type.block_elements >= 32 && row % type.block_elements != 0)) {
            return refuse(errc::bad_block, t, "a row of ", row, " elements is not whole blocks of ",
                          type.name, ", which have ", type.block_elements, " each");
        }
        if (bytes != t.size_bytes())
            return refuse(errc::wrong_size, t, t.size_bytes(), " bytes for ", n, " elements of ",
                          type.name, ", which take ", bytes);
        std::uint64_t room = 0;
        if (!checked_mul(n, info(to).block_bytes, room) || out.size() != room)
            return refuse(errc::wrong_size, t, "room for ", out.size(), " bytes, ", n,
                          " elements of ", name(to), " take ", room);
        if (big_endian(t) && !can_swap(t.dtype()))
            return t.say(errc::unsupported, "the byte order of this type is not settled");

        const conversion c(t.dtype(), to, offset);
        if (!big_endian(t) && t.dtype() != dtype::c64) {
            if (t.is_view()) return c(t.place(), out.data(), static_cast<std::size_t>(n)), status();
            if (ranges_in_memory(t)) return by_ranges(t, c, out.data()), status();
        }
        return by_pieces(t, c, out.data(), n);
    }

    /// Hands the elements of a tensor, in whole blocks of little-endian bytes, to
    /// `f(bytes, count, first) -> status` in pieces that fit on the stack. Nothing may be pending.
    template <class F>
    static status for_each_piece(const tensor& t, std::uint64_t n, F f) noexcept {
        const dtype_info& type = info(t.dtype());
        std::byte raw[conversion::piece * 8];  // no element takes more
        for (std::uint64_t at = 0; at < n || at == 0; at += conversion::piece) {
            const auto count =
                static_cast<std::size_t>(n - at < conversion::piece ? n - at : conversion::piece);
            const std::uint64_t begin = at / type.block_elements * type.block_bytes;
            const std::uint64_t size = count / type.block_elements * type.block_bytes;
            if (status s = t.gather(begin, begin + size, raw); !s || count == 0) return s;
            if (big_endian(t)) swap_in_place(t.dtype(), raw, size);
            if (status s = f(raw, count, at); !s) return s;
        }
        return {};
    }
    /// Decoders read little-endian bytes on every machine.
    static bool big_endian(const tensor& t) noexcept {
        return t.other_byte_order() != (AKA_BIG_ENDIAN_HOST != 0);
    }

  private:
    template <class... A>
    AKA_COLD static error refuse(errc code, const tensor& t, const A&... parts) noexcept {
        return fail(code, error::nowhere, "tensor ", quoted{t.name()}, ": ", parts...).in(t.file());
    }

    /// Whether all that a plan copies are whole blocks in memory, and long enough that a call for
    /// each costs nothing.
    static bool ranges_in_memory(const tensor& t) noexcept {
        constexpr std::uint64_t least = 128;  // bytes
        if (t.plan_ == nullptr || t.cuts_ != 0 || t.offset_ != 0) return false;
        const std::uint64_t block = info(t.dtype()).block_bytes;
        std::uint64_t all = 0;
        for (const box& b : t.boxes()) {
            box_extent e;
            if (b.run < least || b.run % block != 0 || b.dst % block != 0) return false;
            for (unsigned i = 0; i < b.depth; ++i)
                if (b.loops[i].dst % block != 0) return false;
            if (b.file >= t.files_->size()) return false;
            const file_entry& f = (*t.files_)[b.file];
            if (!f.data || f.file.data() == nullptr || !measure(b, e)) return false;
            if (e.dst_end > t.size_bytes()) return false;  // of the whole, a part is asked for
            all += e.bytes;
        }
        return all == t.size_bytes();
    }
    static void by_ranges(const tensor& t, const conversion& c, std::byte* out) noexcept {
        const dtype_info& type = info(t.dtype());
        auto elements = [&](std::uint64_t bytes) {
            return static_cast<std::size_t>(bytes / type.block_bytes * type.block_elements);
        };
        for (const box& b : t.boxes()) {
            const std::byte* from = (*t.files_)[b.file].file.data();
            for_each_strip(b, 0, ~std::uint64_t{0}, [&](const strip& s) {
                for (std::uint64_t i = 0; i < s.n; ++i)
                    c(from + s.src + i * s.src_step,
                      out + c.bytes_out(elements(s.dst + i * s.dst_step)), elements(s.run));
                return true;
            });
        }
    }

    static status by_pieces(const tensor& t, const conversion& c, std::byte* out,
                            std::uint64_t n) noexcept {
        return for_each_piece(
            t, n, [&](const std::byte* in, std::size_t count, std::uint64_t first) -> status {
                for (std::size_t i = 0; t.dtype() == dtype::c64 && i < count; ++i)
                    if ((load_le<std::uint32_t>(in + 8 * i + 4) & 0x7fffffffu) != 0)
                        return refuse(errc::unsupported, t, "element ", first + i,
                                      " has an imaginary part: it is not one number");
                return c(in, out + c.bytes_out(static_cast<std::size_t>(first)), count), status();
            });
    }
};

}  // namespace detail
AKA_END

#endif  // AKA_CONVERT_TENSOR_HPP
