// aka: which element types can be put into the other byte order, and how.
#ifndef AKA_BYTE_ORDER_HPP
#define AKA_BYTE_ORDER_HPP

#include <cstdint>
#include <utility>

#include "dtype.hpp"

AKA_BEGIN
namespace detail {

/// Where the multi-byte numbers of a quantised block are. Only these types exist as big-endian
/// files; of the others it is not settled which of their words are swapped.
struct swapped_field {
    aka::dtype dtype;
    std::uint16_t offset;
};
inline constexpr swapped_field swapped_fields[] = {
    {dtype::q4_0, 0}, {dtype::q8_0, 0}, {dtype::q4_k, 0}, {dtype::q4_k, 2}, {dtype::q6_k, 208},
};

/// Whether the byte order of a type can be changed at all, for certain.
inline bool can_swap(aka::dtype t) noexcept {
    if (info(t).swap_bytes != 0) return true;
    for (const swapped_field& f : swapped_fields)
        if (f.dtype == t) return true;
    return false;
}
inline void swap_in_place(aka::dtype t, std::byte* p, std::uint64_t n) noexcept {
    auto reverse = [](std::byte* b, unsigned size) {
        for (unsigned i = 0; i < size / 2; ++i) std::swap(b[i], b[size - 1 - i]);
    };
    unsigned width = info(t).swap_bytes, block = info(t).block_bytes;
    if (width > 1)
        for (std::uint64_t i = 0; i + width <= n; i += width) reverse(p + i, width);
    for (const swapped_field& f : swapped_fields)
        if (width == 0 && f.dtype == t)
            for (std::uint64_t i = 0; i + block <= n; i += block) reverse(p + i + f.offset, 2);
}

}  // namespace detail
AKA_END

#endif  // AKA_BYTE_ORDER_HPP
