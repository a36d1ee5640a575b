// How often a random test is repeated: AKA_TEST_ROUNDS=10 in the environment is ten times as often.
// Round n is the same whatever that number is, so a failure seen in a long run comes back. And what
// is left out where an emulator takes thirty times as long.
#ifndef AKA_TEST_ROUNDS_HPP
#define AKA_TEST_ROUNDS_HPP

#include "files.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace test {

inline std::uint64_t rounds(std::uint64_t usual) {
    const char* times = std::getenv("AKA_TEST_ROUNDS");
    const std::uint64_t n = times == nullptr ? 1 : std::strtoull(times, nullptr, 10);
    return n == 0 ? usual : usual * n;
}

// Of a long list of combinations, counted from 0: all, under an emulator every `step`-th. A step
// that shares no factor with the lists' lengths meets every entry of each.
inline bool sampled(std::size_t i, std::size_t step) { return !emulated || i % step == 0; }

}  // namespace test

#endif  // AKA_TEST_ROUNDS_HPP
