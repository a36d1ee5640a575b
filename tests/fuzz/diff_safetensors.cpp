// safetensors against the strict reader of the tests: the same files are good, what is wrong with
// the others is the same thing, and of good ones every name, type, shape, offset and key is.
// By rule, not by case, they differ in one thing: names and keys that occur twice are refused.
#include "fuzz.hpp"
#include "strict_safetensors.hpp"

#include <aka/safetensors.hpp>

namespace fuzz_diff_safetensors {

using strict = fuzz::strict_safetensors;
using verdict = strict::verdict;
using aka::errc;

inline std::uint64_t counts[2];  // refused, accepted

inline verdict verdict_of(errc code) {
    switch (code) {
        case errc::none:
            return verdict::good;
        case errc::header_too_small:
            return verdict::header_too_small;
        case errc::header_too_large:
            return verdict::header_too_large;
        case errc::bad_header_length:
            return verdict::invalid_header_length;
        case errc::bad_utf8:
            return verdict::invalid_utf8;
        case errc::bad_json:
        case errc::bad_type:
            return verdict::invalid_json;
        case errc::bad_offset:
            return verdict::invalid_offset;
        case errc::size_overflow:
            return verdict::overflow;
        case errc::misaligned:
            return verdict::misaligned;
        case errc::size_mismatch:
            return verdict::invalid_info;
        default:
            FUZZ_CHECK(code == errc::truncated || code == errc::trailing_bytes);
            return verdict::incomplete_buffer;
    }
}
inline void check_verdict(errc code, const strict& truth) {
    const verdict ours = verdict_of(code);
    if (ours == truth.said) return;
    // Which of two tensors at one place comes first is anybody's choice, and with it the error.
    if (truth.tied && ours != verdict::good && truth.said != verdict::good) return;
    std::fprintf(stderr, "aka: %s, the strict reader: %d\n", aka::errc_name(code),
                 static_cast<int>(truth.said));
    FUZZ_CHECK(ours == truth.said);
}
inline void check_values(const aka::safetensors& f, const strict& truth) {
    FUZZ_CHECK(f.size() == truth.tensors.size());
    FUZZ_CHECK(f.data_begin() == truth.data_begin);
    for (std::size_t i = 0; i < f.size(); ++i) {
        const strict::tensor& expected = truth.tensors[i];
        const aka::tensor t = truth.tied ? f.find(expected.name) : f[i];
        FUZZ_CHECK(t && t.name() == expected.name);
        FUZZ_CHECK(t.dtype_name() == expected.dtype);
        FUZZ_CHECK(t.offset() == truth.data_begin + expected.begin);
        FUZZ_CHECK(t.size_bytes() == expected.end - expected.begin);
        FUZZ_CHECK(t.shape().rank() == expected.shape.size());
        for (std::size_t k = 0; k < expected.shape.size(); ++k)
            FUZZ_CHECK(t.shape()[k] == expected.shape[k]);
    }
    for (const auto& [key, value] : truth.metadata) {
        const aka::metadata_value v = f.metadata().find(key);
        FUZZ_CHECK(v && *v.as_string() == value);
    }
}

}  // namespace fuzz_diff_safetensors

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_diff_safetensors;
    const strict truth(fuzz::text_of(data, size));
    aka::safetensors_options last;
    last.names = aka::duplicates::last_wins;
    const auto as_reference = aka::safetensors::parse(fuzz::bytes_of(data, size), last);
    check_verdict(as_reference.code(), truth);
    if (as_reference) check_values(*as_reference, truth);

    const auto ours = aka::safetensors::parse(fuzz::bytes_of(data, size));
    ++counts[ours ? 1 : 0];
    const bool json_good = truth.said == verdict::good || truth.said >= verdict::invalid_offset;
    if (json_good && truth.names_twice) {
        FUZZ_CHECK(ours.code() == errc::duplicate_name);
    } else if (truth.said == verdict::good && truth.keys_twice) {
        FUZZ_CHECK(ours.code() == errc::duplicate_key);
    } else {
        check_verdict(ours.code(), truth);
        if (!ours) return 0;
        check_values(*ours, truth);
        FUZZ_CHECK(ours->metadata().size() == truth.metadata.size());
    }
    return 0;
}

// Not called with libFuzzer.
extern "C" void aka_fuzz_summary() {
    using fuzz_diff_safetensors::counts;
    std::printf("compared: %llu accepted, %llu refused, no disagreement\n",
                static_cast<unsigned long long>(counts[1]),
                static_cast<unsigned long long>(counts[0]));
}
