// aka: sets of roles, as 64-bit masks. There are at most 64 roles; roles.hpp sees to that.
#ifndef AKA_ROLE_SET_HPP
#define AKA_ROLE_SET_HPP

#include <cstdint>

#include "config.hpp"
#include "roles.hpp"

AKA_BEGIN
namespace detail {

constexpr std::uint64_t bit(role r) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(r);
}
inline constexpr std::uint64_t norm_roles = bit(role::attn_norm) | bit(role::ffn_norm) |
                                            bit(role::output_norm) | bit(role::attn_post_norm) |
                                            bit(role::ffn_post_norm) | bit(role::attn_q_norm) |
                                            bit(role::attn_k_norm);

}  // namespace detail
AKA_END

#endif  // AKA_ROLE_SET_HPP
