// aka: tensors as Eigen maps. Does not include Eigen: the type is the caller's.
//
//     using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
//     auto w = aka::as_eigen<Eigen::Map<const matrix>>(model.find("output.weight"));
#ifndef AKA_INTEROP_EIGEN_HPP
#define AKA_INTEROP_EIGEN_HPP

#include <cstdint>
#include <limits>
#include <type_traits>

#include "elements.hpp"

AKA_BEGIN

/// The elements of `t`, where they lie, as Map: an Eigen::Map of a const row-major matrix or array
/// for a tensor of rank 2, of a const vector for one of rank 1. Sizes may be dynamic or fixed.
/// Scalars may be Eigen::half, Eigen::bfloat16 and std::complex<float>. The map must not claim more
/// alignment than the file gives; Unaligned, the default, always holds. Lifetime: as tensor::as.
/// Errors: those of tensor::as; size_mismatch (another rank or other fixed sizes: take a tensor
/// of a higher rank apart with tensor::select); size_overflow (more than Eigen::Index counts).
template <class Map>
result<Map> as_eigen(const tensor& t) noexcept {
    using scalar = typename Map::Scalar;
    using index = typename Map::Index;
    constexpr bool vector = Map::IsVectorAtCompileTime;
    static_assert(!std::is_constructible_v<scalar*, typename Map::PointerType>,
                  "a checkpoint is read, not written: Eigen::Map<const ...>");
    static_assert(vector || Map::IsRowMajor, "tensors are row-major: Eigen::RowMajor");
    result<span<const scalar>> data = detail::elements_as<scalar>(t);
    if (!data) return data.error();
    const shape& s = t.shape();
    for (std::uint64_t n : s)
        if (n > static_cast<std::uint64_t>(std::numeric_limits<index>::max()))
            return detail::refuse(t, errc::size_overflow, s, " does not fit in Eigen::Index");
    auto is = [](int fixed, std::uint64_t n) {  // -1: Eigen::Dynamic
        return fixed == -1 || static_cast<std::uint64_t>(fixed) == n;
    };
    const scalar* p = data.get_if()->data();
    if constexpr (vector) {
        if (s.rank() != 1 || !is(Map::SizeAtCompileTime, s[0]))
            return detail::refuse(t, errc::size_mismatch, s, " is not what this vector is for");
        return Map(p, static_cast<index>(s[0]));
    } else {
        if (s.rank() != 2 || !is(Map::RowsAtCompileTime, s[0]) || !is(Map::ColsAtCompileTime, s[1]))
            return detail::refuse(t, errc::size_mismatch, s, " is not what this matrix is for");
        return Map(p, static_cast<index>(s[0]), static_cast<index>(s[1]));
    }
}

AKA_END

#endif  // AKA_INTEROP_EIGEN_HPP
