// aka: what was written, read back and held against what was to be written.
#include "version.hpp"

#ifndef AKA_VERIFY_REWRITE_HPP
#define AKA_VERIFY_REWRITE_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "convert_tensor.hpp"
#include "rewrite_files.hpp"

AKA_BEGIN
namespace detail {

class rewrite_verifier {
  public:
    status one(const planned_tensor& p, const tensor& expected, const tensor& found) noexcept {
        if (!found)
            return fail(errc::missing_tensor, error::nowhere, "tensor ", quoted{p.name},
                        " is not in what was written");
        if (expected.has_shape() && !(found.shape() == expected.shape()))
            return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{p.name},
                        ": expected ", expected.shape(), ", found ", found.shape())
                .in(found.file());
        if (found.dtype() != p.dtype || found.size_bytes() != p.bytes)
            return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{p.name},
                        ": expected ", name(p.dtype), " of ", p.bytes, " bytes, found ",
                        found.dtype_name(), " of ", found.size_bytes())
                .in(found.file());
        constexpr std::uint64_t window = std::uint64_t{4} << 20;
        std::uint64_t all = expected.shape().rank() == 0 ? 1 : expected.shape()[0];
        if (all == 0 || p.bytes == 0) return {};
        std::uint64_t row = p.bytes / all, most = row >= window ? 1 : window / row;
        if (most > all) most = all;
        auto n = static_cast<std::size_t>(most * row);
        if (!fits_memory(most * row) || !a_.resize(n) || !b_.resize(n)) return no_memory();
        for (std::uint64_t first = 0; first < all; first += most) {
            std::uint64_t rows = all - first < most ? all - first : most;
            n = static_cast<std::size_t>(rows * row);
            bool whole = rows == all;
            tensor e = expected, f = found;
            if (!whole) {
                result<tensor> part = expected.slice(0, first, rows);
                if (!part) return part.error();
                e = *part.get_if();
                part = found.slice(0, first, rows);
                if (!part) return part.error();
                f = *part.get_if();
            }
            status s = p.step == rewrite_step::compute ? e.convert_to(p.dtype, {a_.data(), n})
                                                       : e.copy_to({a_.data(), n});
            if (s) s = f.copy_to({b_.data(), n});
            if (!s) return s;
            if (std::memcmp(a_.data(), b_.data(), n) != 0)
                return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{p.name},
                            ": other bytes than in the source, in rows ", first, " to ",
                            first + rows)
                    .in(found.file());
        }
        return {};
    }

  private:
    growing<std::byte> a_, b_;
};

}  // namespace detail

/// Whether every tensor of `written` is what the plan makes of its source, byte for byte, and none
/// is missing or too many. Errors: missing_tensor, size_mismatch; those of reading.
inline status verify_rewrite(const rewrite_files& f, const checkpoint& written) noexcept {
    const rewrite_plan& plan = f.plan();
    detail::rewrite_verifier v;
    if (written.size() != plan.size())
        return detail::fail(errc::missing_tensor, error::nowhere, "expected ", plan.size(),
                            " tensors, found ", written.size())
            .in(written.folder());
    for (std::size_t i = 0; i < plan.size(); ++i)
        if (status s = v.one(plan[i], plan.view(i), written.find(plan[i].name)); !s) return s;
    return {};
}

AKA_END

#endif  // AKA_VERIFY_REWRITE_HPP
