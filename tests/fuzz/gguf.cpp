// A GGUF file from memory. What is accepted has keys and tensors that are found again, data that is
// aligned, inside the bytes, of the size that type and shape say, and that does not overlap.
#include "fuzz.hpp"
#include "gguf_walk.hpp"

#include <aka/gguf.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace fuzz_gguf {

inline void check_tensor(const aka::gguf& f, const aka::tensor& t, std::string_view bytes,
                         bool last_wins) {
    FUZZ_CHECK(fuzz::lies_in(t.name().data(), t.name().size(), bytes));
    FUZZ_CHECK(t.name().size() <= 65535);
    FUZZ_CHECK(t.offset() >= f.data_begin() && t.offset() <= bytes.size());
    FUZZ_CHECK((t.offset() - f.data_begin()) % f.alignment() == 0);
    FUZZ_CHECK(t.size_bytes() <= bytes.size() - t.offset());
    FUZZ_CHECK(t.bytes() && fuzz::lies_in(t.bytes().get_if()->data(), t.size_bytes(), bytes));
    FUZZ_CHECK(t.shape().rank() <= 4);
    if (t.dtype() != aka::dtype::unknown) {
        const aka::dtype_info& type = aka::info(t.dtype());
        FUZZ_CHECK(t.shape().back() % type.block_elements == 0);
        FUZZ_CHECK(t.elements() / type.block_elements * type.block_bytes == t.size_bytes());
        FUZZ_CHECK(t.ggml_type() == type.ggml_id);
    } else {
        FUZZ_CHECK(aka::dtype_from_ggml(static_cast<std::uint32_t>(t.ggml_type())) ==
                   aka::dtype::unknown);
    }
    const aka::tensor found = f.find(t.name());
    FUZZ_CHECK(found && found.name() == t.name());
    FUZZ_CHECK(last_wins || found.name().data() == t.name().data());
}

inline void check(const aka::gguf& f, std::string_view bytes, bool last_wins) {
    FUZZ_CHECK(f.version() >= 1 && f.version() <= 3);
    FUZZ_CHECK(f.alignment() != 0 && (f.alignment() & (f.alignment() - 1)) == 0);
    FUZZ_CHECK(f.empty() || f.data_begin() % f.alignment() == 0);
    FUZZ_CHECK(f.data_begin() <= bytes.size());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
    for (std::size_t i = 0; i < f.size(); ++i) {
        const aka::tensor t = f[i];
        check_tensor(f, t, bytes, last_wins);
        if (t.size_bytes() != 0) places.emplace_back(t.offset(), t.offset() + t.size_bytes());
    }
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
        FUZZ_CHECK(places[i - 1].second <= places[i].first);
    for (std::size_t i = 0; i < f.metadata().size(); ++i) {
        const std::string_view key = f.metadata()[i].key();
        FUZZ_CHECK(!key.empty() && fuzz::lies_in(key.data(), key.size(), bytes));
        const aka::metadata_value found = f.metadata().find(key);
        FUZZ_CHECK(found && (last_wins || found.key().data() == key.data()));
    }
}

}  // namespace fuzz_gguf

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_gguf;
    const std::string_view text = fuzz::text_of(data, size);
    const fuzz::no_leaks leaks;
    const std::uint64_t records = fuzz::gguf_walk(text).records;
    const auto parse = [&](const aka::gguf_options& o) {
        return fuzz::within(fuzz::reader_limit(size, records),
                            [&] { return aka::gguf::parse(fuzz::bytes_of(data, size), o); });
    };
    aka::gguf_options last;
    last.names = aka::duplicates::last_wins;
    const auto loose = parse(last), strict = parse({});
    if (loose) check(*loose, text, true);
    if (strict) {
        FUZZ_CHECK(loose && loose->size() == strict->size());
        check(*strict, text, false);
    } else {
        const std::uint64_t at = strict.error().offset();
        FUZZ_CHECK(at == aka::error::nowhere || at <= size);
        FUZZ_CHECK(!loose || strict.code() == aka::errc::duplicate_key ||
                   strict.code() == aka::errc::duplicate_name);
    }
    aka::gguf_options header;
    header.how = aka::access::header;
    const auto only = parse(header);
    FUZZ_CHECK(only.code() == strict.code());
    FUZZ_CHECK(!only || (only->size() == strict->size() &&
                         only->metadata().size() == strict->metadata().size()));
    return 0;
}
