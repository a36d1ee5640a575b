// What the tests of the writers have in common.
#ifndef AKA_TEST_WRITTEN_HPP
#define AKA_TEST_WRITTEN_HPP

#include <aka/write_header.hpp>
#include <doctest/doctest.h>

#include "bytes.hpp"
#include "outcome.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace test {

// Borrows name and, over eight sizes, shape.
inline aka::tensor_entry entry(std::string_view name, aka::dtype dtype,
                               const std::vector<std::uint64_t>& shape, std::uint64_t bytes) {
    aka::tensor_entry e;
    e.name = name;
    e.dtype = dtype;
    e.shape = aka::shape({shape.data(), shape.size()});
    e.bytes = bytes;
    return e;
}

// UTF-8 with everything that has to be escaped; NUL only where it may be.
inline std::string random_text(rng& random, std::uint64_t most, bool nul = true) {
    std::string out;
    for (std::uint64_t n = random.below(most); n > 0; --n) {
        switch (random.below(6)) {
            case 0:
                out += static_cast<char>(nul ? random.below(32) : 1 + random.below(31));
                break;
            case 1:
                out += "\"\\/"[random.below(3)];
                break;
            case 2:
                out += std::string("\xc3") + static_cast<char>(0x80 + random.below(64));
                break;
            case 3:
                out += "\xf0\x9f\x98\x80";
                break;
            default:
                out += static_cast<char>(32 + random.below(96));
        }
    }
    return out;
}

// Runs `f`, which gives an errc, with the first request for memory refused, then the second, until
// none is left to refuse. Each must come out as out_of_memory, and nothing may leak.
template <class F>
void every_allocation_fails(F f) {
    for (std::uint64_t k = 0; k < 10000; ++k) {
        alloc_scope scope;
        scope.fail_at(k);
        const aka::errc code = f();
        CHECK(scope.blocks() == 0);
        if (scope.refused() == 0) {
            CHECK(code == aka::errc::none);
            CHECK(k > 0);
            return;
        }
        CHECK(code == aka::errc::out_of_memory);
    }
    FAIL("it never stops asking for memory");
}

}  // namespace test

#endif  // AKA_TEST_WRITTEN_HPP
