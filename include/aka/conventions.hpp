// aka: every convention that aka knows, as text. The grammar is at `catalog` in names.hpp; the ids
// and the facts are those of the survey of conventions.
#ifndef AKA_CONVENTIONS_HPP
#define AKA_CONVENTIONS_HPP

#include <string_view>

#include "config.hpp"
#include "conventions_foreign.hpp"
#include "conventions_gguf.hpp"
#include "conventions_hf.hpp"
#include "conventions_own.hpp"

AKA_BEGIN
namespace detail {

// In the order in which they extend each other.
inline constexpr std::string_view builtin_tables[] = {
    hf_conventions,       hf_expert_conventions, own_conventions,
    own_more_conventions, gguf_conventions,      foreign_conventions,
};

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTIONS_HPP
