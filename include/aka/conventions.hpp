// aka: every convention that aka knows, as text. The grammar is at `catalog` in names.hpp; the ids
// and the facts are those of the survey of conventions.
#ifndef AKA_CONVENTIONS_HPP
#define AKA_CONVENTIONS_HPP

#include <cstddef>
#include <string_view>

#include "config.hpp"
#include "conventions_foreign.hpp"
#include "conventions_gguf.hpp"
#include "conventions_hf.hpp"
#include "conventions_own.hpp"

AKA_BEGIN
namespace detail {

/// A text as long as its array. Asking for the length instead has the compiler count the letters
/// one by one, which was a tenth of its time.
template <std::size_t N>
constexpr std::string_view text_of(const char (&s)[N]) noexcept {
    return {s, N - 1};
}

// In the order in which they extend each other.
inline constexpr std::string_view builtin_tables[] = {
    text_of(hf_conventions),       text_of(hf_expert_conventions), text_of(own_conventions),
    text_of(own_more_conventions), text_of(gguf_conventions),      text_of(foreign_conventions),
};

}  // namespace detail
AKA_END

#endif  // AKA_CONVENTIONS_HPP
