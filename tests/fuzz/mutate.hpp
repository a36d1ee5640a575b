// For the mutators that know a format: one number changed into another that readers may not expect.
#ifndef AKA_FUZZ_MUTATE_HPP
#define AKA_FUZZ_MUTATE_HPP

#include "../support/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#if defined(__ELF__)
// libFuzzer has it, other drivers have not.
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                                              std::size_t max);
#endif

namespace fuzz {

using test::rng;

// libFuzzer's own mutator; null: it is not there.
using mutator = std::size_t (*)(std::uint8_t* data, std::size_t size, std::size_t max);
inline mutator plain_mutator() {
#if defined(__ELF__)
    return LLVMFuzzerMutate;
#else
    return nullptr;
#endif
}

// Powers of two and their neighbours, near ones of `old`, its halves and doubles, or anything.
inline std::uint64_t odd_number(std::uint64_t old, rng& r) {
    switch (r.below(8)) {
        case 0:
            return r.below(20);
        case 1:
            return (std::uint64_t{1} << r.below(64)) + r.below(3) - 1;
        case 2:
            return 0 - r.below(70);
        case 3:
            return old * (1 + r.below(4)) / (1 + r.below(4));
        case 4:
            return old ^ std::uint64_t{1} << r.below(64);
        case 5:
            return r.next();
        default:
            return old + r.below(9) - 4;
    }
}

// In most cases one change of the bytes as they are: a byte, a bit, a cut, some more, a move.
inline void change_bytes(std::string& s, rng& r) {
    const auto at = static_cast<std::size_t>(r.below(s.size()));
    const auto n = static_cast<std::size_t>(1 + r.below(8));
    switch (r.below(6)) {
        case 0:
            return s.resize(at);
        case 1:
            s += r.bytes(n);
            return;
        case 2:
            s.insert(at, r.bytes(n));
            return;
        case 3:
            s.erase(at, n);
            return;
        default:
            if (s.empty()) return;
            s[at] = static_cast<char>(r.below(2) != 0 ? r.below(256)
                                                      : static_cast<unsigned char>(s[at]) ^
                                                            std::uint64_t{1} << r.below(8));
    }
}

// A custom mutator: `make` makes a good input of nothing, `change` changes one thing in an input.
template <class Make, class Change>
std::size_t mutate(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed, Make make,
                   Change change) {
    // Seeds have 32 bits; a driver with more of them puts the rest where the input would begin.
    std::uint32_t high = 0;
    if (size == 0) std::memcpy(&high, data, sizeof high);
    rng r(std::uint64_t{high} << 32 | seed);
    const mutator plain = plain_mutator();
    const bool fresh = size == 0 || r.below(32) == 0;
    if (!fresh && plain != nullptr && r.below(3) == 0) return plain(data, size, max);
    std::string s = fresh ? make(r) : std::string(reinterpret_cast<const char*>(data), size);
    if (!fresh || r.below(4) != 0) change(s, r);
    const std::size_t n = s.size() < max ? s.size() : max;
    if (n != 0) std::memcpy(data, s.data(), n);
    return n;
}

}  // namespace fuzz

#endif  // AKA_FUZZ_MUTATE_HPP
