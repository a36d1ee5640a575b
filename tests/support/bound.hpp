// What tests of adapters share: the catalog, compiled once, and a tensor's bytes as it is seen.
#ifndef AKA_TEST_BOUND_HPP
#define AKA_TEST_BOUND_HPP

#include <aka/names.hpp>
#include <aka/tensor.hpp>
#include <doctest/doctest.h>

#include "outcome.hpp"

#include <string>
#include <utility>

namespace test {

inline const aka::catalog& known() {
    static const aka::catalog c = [] {
        auto made = aka::catalog::builtin();
        REQUIRE_MESSAGE(made, made.error().message().view());
        return std::move(*made);
    }();
    return c;
}

// Little-endian, as the writers have them.
inline std::string bytes_of(const aka::tensor& t) {
    std::string out(static_cast<std::size_t>(t.size_bytes()), '\0');
    auto copied = t.copy_to({reinterpret_cast<std::byte*>(out.data()), out.size()});
    return copied ? little_endian(t, out)
                  : "error: " + std::string(copied.error().message().view());
}

}  // namespace test

#endif  // AKA_TEST_BOUND_HPP
