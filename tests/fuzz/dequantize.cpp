// Random blocks of every type. The first byte chooses the type, the second where a range is cut;
// the rest are the blocks. However they are cut the numbers are the same to the bit, those of one
// block of its own included; halves survive the way to float32 and back; nothing is allocated.
#include "fuzz.hpp"

#include <aka/convert.hpp>
#include <aka/dequantize.hpp>
#include <aka/validate_blocks.hpp>

#include <cmath>
#include <vector>

namespace fuzz_dequantize {

using floats = std::vector<float>;

inline aka::span<float> span_of(floats& v, std::size_t from = 0) {
    return {v.data() + from, v.size() - from};
}
// NaN by its bits is too much to ask: x87 and compilers may quiet one.
inline bool same(const floats& a, const floats& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!fuzz::same_bits(&a[i], &b[i], sizeof(float)) && !(a[i] != a[i] && b[i] != b[i]))
            return false;
    return a.size() == b.size();
}

inline void check_ranges(aka::dtype t, aka::byte_span in, const floats& whole, std::size_t cut) {
    floats parts(whole.size());
    const aka::span<float> all = span_of(parts);
    FUZZ_CHECK(aka::dequantize_range(t, in, 0, {all.data(), cut}));
    FUZZ_CHECK(aka::dequantize_range(t, in, cut, {all.data() + cut, all.size() - cut}));
    FUZZ_CHECK(same(parts, whole));
    float one = 0;
    FUZZ_CHECK(aka::dequantize_range(t, in, whole.size(), {&one, 1}).code() ==
               aka::errc::out_of_range);
    FUZZ_CHECK(aka::dequantize_range(t, in, ~std::uint64_t{0}, {&one, 1}).code() ==
               aka::errc::out_of_range);
}
// What the portable decoders say, block by block, and the one of this machine, all at once.
inline void check_blocks(aka::dtype t, aka::byte_span in, const floats& whole) {
    const aka::dtype_info& type = aka::info(t);
    floats plain(whole.size());
    for (std::size_t i = 0; i < whole.size() / type.block_elements; ++i)
        aka::detail::portable_decoders.of[static_cast<std::size_t>(t)](
            in.data() + i * type.block_bytes, plain.data() + i * type.block_elements, 1);
    FUZZ_CHECK(same(plain, whole));
}
inline void check_back(aka::dtype t, aka::byte_span in, const floats& whole) {
    std::vector<std::byte> back(in.size());
    FUZZ_CHECK(aka::from_f32(t, {whole.data(), whole.size()}, {back.data(), back.size()}));
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const std::size_t width = in.size() / whole.size();
        FUZZ_CHECK(whole[i] != whole[i] ||
                   fuzz::same_bits(&back[i * width], in.data() + i * width, width));
    }
}

}  // namespace fuzz_dequantize

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_dequantize;
    if (size < 2) return 0;
    constexpr std::size_t types =
        sizeof aka::detail::dtype_table / sizeof aka::detail::dtype_table[0];
    const aka::dtype_info& type = aka::detail::dtype_table[data[0] % types];
    const std::size_t blocks = type.block_bytes == 0 ? 0 : (size - 2) / type.block_bytes;
    const aka::byte_span in = fuzz::bytes_of(data + 2, blocks * type.block_bytes);
    floats whole(blocks * type.block_elements);
    const fuzz::no_leaks leaks;
    fuzz::within(0, [&] {
        const aka::status done = aka::dequantize(type.dtype, in, span_of(whole));
        if (type.dtype == aka::dtype::unknown) {
            FUZZ_CHECK(done.code() == aka::errc::wrong_type);
            return 0;
        }
        FUZZ_CHECK(done || done.code() == aka::errc::unsupported);
        FUZZ_CHECK(done || type.dtype == aka::dtype::c64);
        if (blocks != 0)
            FUZZ_CHECK(
                aka::dequantize(type.dtype, fuzz::bytes_of(data + 2, in.size() - 1), span_of(whole))
                    .code() == aka::errc::wrong_size);
        static_cast<void>(aka::validate_blocks(type.dtype, in));
        if (!done) return 0;
        check_blocks(type.dtype, in, whole);
        check_ranges(type.dtype, in, whole, data[1] % (whole.size() + 1));
        const bool exact = type.dtype == aka::dtype::f32 || type.dtype == aka::dtype::f16 ||
                           type.dtype == aka::dtype::bf16;
        if (exact && !AKA_BIG_ENDIAN_HOST)  // it writes this machine's byte order
            check_back(type.dtype, in, whole);
        return 0;
    });
    return 0;
}
