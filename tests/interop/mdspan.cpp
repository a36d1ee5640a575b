// Tensors as std::mdspan and std::span, in C++23: tests/interop.cpp compiles and runs this.
#include <aka/checkpoint.hpp>
#include <aka/interop/mdspan.hpp>

#include <complex>
#include <cstdio>
#include <cstring>
#include <mdspan>
#include <span>
#include <vector>

namespace {

int failed = 0;
#define CHECK(condition) \
    ((condition) ? void() : void((std::printf("line %d: %s\n", __LINE__, #condition), ++failed)))
#define CHECK_REFUSED(r, why) CHECK((r).code() == aka::errc::why)

template <class T, std::size_t Rank, class Index = std::size_t>
using view = std::mdspan<const T, std::dextents<Index, Rank>>;

}  // namespace

int main(int, char** argv) {
    auto opened = aka::checkpoint::open(argv[1]);
    if (!opened) return std::puts(opened.error().message().c_str()), 1;
    const aka::checkpoint& c = *opened;
    const aka::tensor w = c.find("w");
    const aka::span<const float> numbers = *w.as<float>();

    auto m = aka::as_mdspan<view<float, 2>>(w);
    CHECK(m && m->extent(0) == 3 && m->extent(1) == 5);
    CHECK((&(*m)[2, 3] == numbers.data() + 13));
    auto fixed = aka::as_mdspan<std::mdspan<const float, std::extents<int, 3, 5>>>(w);
    CHECK(fixed && (&(*fixed)[1, 4] == numbers.data() + 9));
    auto mixed =
        aka::as_mdspan<std::mdspan<const float, std::extents<int, std::dynamic_extent, 5>>>(w);
    CHECK(mixed && mixed->extent(0) == 3);
    auto complex = aka::as_mdspan<view<std::complex<float>, 2>>(c.find("c"));
    CHECK(complex && complex->size() == 4);
    auto bits = aka::as_mdspan<view<std::uint16_t, 2>>(c.find("h"));
    CHECK(bits && bits->size() == 6);
    auto scalar = aka::as_mdspan<view<double, 0>>(c.find("scalar"));
    CHECK(scalar && scalar->size() == 1);
    auto empty = aka::as_mdspan<view<float, 3>>(c.find("empty"));
    CHECK(empty && empty->size() == 0);

    CHECK_REFUSED((aka::as_mdspan<view<float, 1>>(w)), size_mismatch);
    CHECK_REFUSED((aka::as_mdspan<view<float, 3>>(w)), size_mismatch);
    CHECK_REFUSED((aka::as_mdspan<std::mdspan<const float, std::extents<int, 3, 4>>>(w)),
                  size_mismatch);
    CHECK_REFUSED((aka::as_mdspan<view<double, 2>>(w)), wrong_type);
    CHECK_REFUSED((aka::as_mdspan<view<std::complex<float>, 2>>(w)), wrong_type);
    CHECK_REFUSED((aka::as_mdspan<view<float, 2>>(*w.slice(1, 0, 2))), needs_copy);
    CHECK_REFUSED((aka::as_mdspan<view<signed char, 2, signed char>>(c.find("large"))),
                  size_overflow);
    using columns = std::mdspan<const float, std::dextents<int, 2>, std::layout_left>;
    CHECK_REFUSED(aka::as_mdspan<columns>(w), unsupported);

    // aka::span and std::span become each other.
    const std::span<const float> standard(numbers);
    CHECK(standard.data() == numbers.data() && standard.size() == 15);
    const aka::span<const float> ours = standard.subspan(5);
    CHECK(ours.data() == numbers.data() + 5 && ours.size() == 10);
    std::vector<std::byte> copied(w.size_bytes());
    CHECK(w.copy_to(std::span<std::byte>(copied)));
    CHECK(std::memcmp(copied.data(), numbers.data(), copied.size()) == 0);

    if (failed == 0) std::puts("mdspan: fine");
    return failed == 0 ? 0 : 1;
}
