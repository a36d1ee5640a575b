// aka: tensors as std::mdspan, or Kokkos' mdspan before C++23 (which was not at hand to try it
// with). Includes neither: the type is the caller's.
//
//     using matrix = std::mdspan<const float, std::dextents<std::size_t, 2>>;
//     aka::result<matrix> w = aka::as_mdspan<matrix>(model.find("output.weight"));
//
// (A std::span needs no header: `std::span<const float>(*t.as<float>())`.)
#ifndef AKA_INTEROP_MDSPAN_HPP
#define AKA_INTEROP_MDSPAN_HPP

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "elements.hpp"

AKA_BEGIN
namespace detail {

template <class M, std::size_t... I>
M mdspan_of(typename M::element_type* data, const shape& s, std::index_sequence<I...>) noexcept {
    (void)s;  // of rank 0
    return M(data, typename M::extents_type(static_cast<typename M::index_type>(s[I])...));
}

/// Whether an mdspan walks its elements in the order in which they are stored.
template <class M>
bool is_row_major(const M& view) noexcept {
    if constexpr (M::extents_type::rank() != 0) {
        std::uint64_t step = 1;
        for (auto i = M::extents_type::rank(); i-- > 0;) {
            if (static_cast<std::uint64_t>(view.stride(i)) != step) return false;
            step *= static_cast<std::uint64_t>(view.extent(i));
        }
    }
    return true;
}

}  // namespace detail

/// The elements of `t`, where they lie, as M: an mdspan of const elements with layout_right. Its
/// extents may be dynamic or fixed. Elements may also be classes of two bytes for which <limits>
/// says that they are halves (std::float16_t, std::bfloat16_t), and std::complex<float>. Lifetime:
/// as tensor::as. Errors: those of tensor::as; size_mismatch (another rank, or a fixed extent that
/// is another); size_overflow (more elements than index_type counts); unsupported (a layout that is
/// not row-major).
template <class M>
result<M> as_mdspan(const tensor& t) noexcept {
    using extents = typename M::extents_type;
    using element = typename M::element_type;
    static_assert(std::is_const_v<element>, "a checkpoint is read, not written: const elements");
    static_assert(std::is_constructible_v<M, element*, extents>,
                  "the layout must follow from the extents, and the accessor take a pointer");
    result<span<element>> data = detail::elements_as<std::remove_const_t<element>>(t);
    if (!data) return data.error();
    const shape& s = t.shape();
    bool same = s.rank() == extents::rank();
    for (std::uint32_t i = 0; same && i < s.rank(); ++i) {
        const auto fixed = extents::static_extent(i);
        same = fixed == std::numeric_limits<std::size_t>::max() || fixed == s[i];
    }
    if (!same) return detail::refuse(t, errc::size_mismatch, s, " is not what this mdspan is for");
    // Each extent, and their product, which can be 0 while an extent is large.
    constexpr auto most =
        static_cast<std::uint64_t>(std::numeric_limits<typename M::index_type>::max());
    bool fits = t.elements() <= most;
    for (std::uint64_t n : s) fits = fits && n <= most;
    if (!fits) return detail::refuse(t, errc::size_overflow, s, " does not fit in its index_type");
    M view =
        detail::mdspan_of<M>(data.get_if()->data(), s, std::make_index_sequence<extents::rank()>());
    if (!detail::is_row_major(view))
        return detail::refuse(t, errc::unsupported,
                              "row-major (layout_right), as this mdspan is not");
    return view;
}

AKA_END

#endif  // AKA_INTEROP_MDSPAN_HPP
