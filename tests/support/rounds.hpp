// How often a random test is repeated: AKA_TEST_ROUNDS=10 in the environment is ten times as often.
// Round n is the same whatever that number is, so a failure seen in a long run comes back.
// And how many of many cases are tried where each takes ten times as long.
#ifndef AKA_TEST_ROUNDS_HPP
#define AKA_TEST_ROUNDS_HPP

#include "files.hpp"
#include "sanitized.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace test {

inline std::uint64_t rounds(std::uint64_t usual) {
    const char* times = std::getenv("AKA_TEST_ROUNDS");
    const std::uint64_t n = times == nullptr ? 1 : std::strtoull(times, nullptr, 10);
    return n == 0 ? usual : usual * n;
}

/// Cases that are much alike: all are tried, but one in `n`, well mixed, with sanitizers and in an
/// emulator, unless AKA_TEST_ROUNDS asks for all of them.
class one_in {
  public:
    explicit one_in(std::uint64_t n)
        : n_((emulated || AKA_TEST_SANITIZED) && std::getenv("AKA_TEST_ROUNDS") == nullptr ? n
                                                                                           : 1) {}
    /// Whether the next case is left out.
    bool skips() {
        const std::uint64_t mixed = seen_++ * 0x9e3779b97f4a7c15;
        return (mixed >> 32) % n_ != 0;
    }
    /// How many are left of so many, at least.
    std::size_t of(std::size_t all) const {
        return n_ == 1 ? all : all / static_cast<std::size_t>(n_) / 2;
    }

  private:
    std::uint64_t n_, seen_ = 0;
};

}  // namespace test

#endif  // AKA_TEST_ROUNDS_HPP
