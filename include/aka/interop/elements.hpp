// aka: a tensor's elements as types of other libraries: their halves, their complex numbers.
// What the headers of this folder share.
#ifndef AKA_INTEROP_ELEMENTS_HPP
#define AKA_INTEROP_ELEMENTS_HPP

#include <cstdint>
#include <limits>
#include <type_traits>

#include "../tensor.hpp"

AKA_BEGIN
namespace detail {

/// Why a tensor does not become what another library wants.
template <class... A>
AKA_COLD error refuse(const tensor& t, errc code, const A&... why) noexcept {
    return fail(code, error::nowhere, "tensor ", quoted{t.name()}, ": ", why...).in(t.file());
}

/// Whether T is made of two floats, as std::complex<float> is.
template <class T, class = void>
inline constexpr bool is_complex_float = false;
template <class T>
inline constexpr bool is_complex_float<T, std::void_t<typename T::value_type>> =
    std::is_same_v<typename T::value_type, float> &&
    sizeof(T) == 2 * sizeof(float) && std::is_constructible_v<T, float, float>;

/// The dtype that a class of another library holds, by its size and what it says of itself: the
/// digits of a half tell F16 from BF16. `unknown` for C++'s own types, which tensor::as reads.
template <class T>
constexpr dtype dtype_of_class() noexcept {
    using limits = std::numeric_limits<T>;
    if constexpr (std::is_arithmetic_v<T> || !std::is_trivially_copyable_v<T>)
        return dtype::unknown;
    else if constexpr (is_complex_float<T>)
        return dtype::c64;
    else if constexpr (limits::is_specialized && !limits::is_integer && sizeof(T) == 2)
        return limits::digits == 11  ? dtype::f16
               : limits::digits == 8 ? dtype::bf16
                                     : dtype::unknown;
    else
        return dtype::unknown;
}

/// Whether the elements can be used where they lie. Errors: as tensor::as.
inline status can_be_lent(const tensor& t, std::size_t align) noexcept {
    result<byte_span> bytes = t.bytes();
    if (!bytes) return bytes.error();
    if (t.is_swapped() && info(t.dtype()).swap_bytes != 1)
        return refuse(t, errc::needs_copy, "its numbers are in the other byte order: use copy_to");
    if (reinterpret_cast<std::uintptr_t>(bytes.get_if()->data()) % align != 0)
        return refuse(t, errc::misaligned, "its data is not aligned for this type: use copy_to");
    return {};
}

/// tensor::as, also for such classes. Errors: the same.
template <class T>
result<span<const T>> elements_as(const tensor& t) noexcept {
    constexpr dtype held = dtype_of_class<T>();
    if (!t) return error(errc::not_found).say("there is no such tensor");
    if constexpr (held == dtype::unknown) {
        return t.as<T>();
    } else {
        if (t.dtype() != held)
            return refuse(t, errc::wrong_type, t.dtype_name(), " cannot be read as ", name(held));
        if (status s = can_be_lent(t, alignof(T)); !s) return s.error();
        const byte_span b = *t.bytes().get_if();
        return span<const T>(reinterpret_cast<const T*>(b.data()), b.size() / sizeof(T));
    }
}

}  // namespace detail
AKA_END

#endif  // AKA_INTEROP_ELEMENTS_HPP
