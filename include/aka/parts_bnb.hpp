// aka: bitsandbytes' 4-bit weights to float32: one flat run of codes in blocks, and the JSON that
// describes it.
#ifndef AKA_PARTS_BNB_HPP
#define AKA_PARTS_BNB_HPP

#include <cstdint>
#include <string_view>

#include "convert.hpp"
#include "json.hpp"

AKA_BEGIN
namespace detail {

/// n codes times the block's largest value; the first of a byte is in its upper half
/// (bitsandbytes' quantize_4bit). `odd`: the first wanted one is in the lower half.
inline void bnb4_run(const std::byte* in, bool odd, const float* map, float absmax, std::size_t n,
                     float* out) noexcept {
    float table[16];
    for (unsigned q = 0; q < 16; ++q) table[q] = map[q] * absmax;
    if (odd && n != 0) {
        *out++ = table[static_cast<unsigned>(*in++) & 15];
        --n;
    }
    for (std::size_t i = 0; i < n / 2; ++i) {
        const auto b = static_cast<unsigned>(in[i]);
        out[2 * i] = table[b >> 4];
        out[2 * i + 1] = table[b & 15];
    }
    if (n % 2 != 0) out[n - 1] = table[static_cast<unsigned>(in[n / 2]) >> 4];
}
/// A block's largest value where these are quantised themselves: value * largest + offset, product
/// and sum rounded to float32 one after the other (see plus_bias_apart).
inline float bnb_nested(float value, float absmax, float offset) noexcept {
    return static_cast<float>(static_cast<double>(value) * static_cast<double>(absmax)) + offset;
}
/// `weight.quant_state.bitsandbytes__nf4`: a JSON text as U8.
struct bnb_state {
    std::uint64_t block = 0, nested_block = 0;
    std::uint64_t rows = 0, columns = 0;
    float nested_offset = 0;

    static constexpr std::uint64_t most_bytes = 4096;

    /// False: not such a text, `what` says why.
    bool read(std::string_view json, const char*& what) noexcept {
        json_reader j(json);
        std::uint64_t dims = 0;
        bool good = j.object([&](const json_string& key) {
            if (equal(key, "blocksize")) return j.whole(block);
            if (equal(key, "nested_blocksize")) return j.whole(nested_block);
            if (equal(key, "nested_offset")) {
                double v = 0;
                if (!j.number(v)) return false;
                return nested_offset = static_cast<float>(v), true;
            }
            if (!equal(key, "shape") || j.peek() != '[') return j.skip();
            columns = 1;
            return j.array([&] {
                std::uint64_t d = 0;
                if (!j.whole(d)) return false;
                if (dims++ == 0) return rows = d, true;
                return checked_mul(columns, d, columns) || j.stop("a shape that is too large");
            });
        });
        good = good && j.finish();
        what = !good ? j.what() : block == 0 ? "no blocksize" : dims == 0 ? "no shape" : nullptr;
        return what == nullptr;
    }
};

}  // namespace detail
AKA_END

#endif  // AKA_PARTS_BNB_HPP
