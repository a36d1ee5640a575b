// A safetensors file from memory, strict and lenient. What is accepted has UTF-8 names that are
// found again, and data in order, inside the bytes, of the size that type and shape say.
#include "fuzz.hpp"
#include "utf8.hpp"

#include <aka/safetensors.hpp>

namespace fuzz_safetensors {

using fuzz::is_utf8;

// Members whose value is a string: tensors have one (dtype), keys of the metadata are one.
inline std::uint64_t string_members(std::string_view text) {
    std::uint64_t n = 0;
    for (std::size_t i = text.find(':'); i != std::string_view::npos; i = text.find(':', i + 1)) {
        const std::size_t next = text.find_first_not_of(" \t\r\n", i + 1);
        n += next != std::string_view::npos && text[next] == '"';
    }
    return n;
}

inline void check_tensors(const aka::safetensors& f, std::string_view bytes, bool trailing,
                          bool unknown) {
    std::uint64_t at = f.data_begin(0);
    FUZZ_CHECK(at >= 8 && at <= bytes.size());
    for (std::size_t i = 0; i < f.size(); ++i) {
        const aka::tensor t = f[i];
        FUZZ_CHECK(is_utf8(t.name()));
        FUZZ_CHECK(t.offset() == at);
        FUZZ_CHECK(t.size_bytes() <= bytes.size() - at);
        at += t.size_bytes();
        FUZZ_CHECK(t.bytes() && t.bytes().get_if()->size() == t.size_bytes());
        FUZZ_CHECK(fuzz::lies_in(t.bytes().get_if()->data(), t.size_bytes(), bytes));
        const aka::dtype_info& type = aka::info(t.dtype());
        if (t.dtype() == aka::dtype::unknown) {
            FUZZ_CHECK(unknown && is_utf8(t.dtype_name()));
        } else {
            FUZZ_CHECK(type.in_safetensors);
            FUZZ_CHECK(t.elements() / type.block_elements * type.block_bytes == t.size_bytes());
            FUZZ_CHECK(t.elements() % type.block_elements == 0);
        }
        FUZZ_CHECK(f.find(t.name()).offset() == t.offset());
        FUZZ_CHECK(f.find(t.name()).name().data() == t.name().data());
    }
    FUZZ_CHECK(trailing ? at <= bytes.size() : at == bytes.size());
}
inline void check_metadata(const aka::safetensors& f, bool last) {
    for (std::size_t i = 0; i < f.metadata().size(); ++i) {
        const aka::metadata_value v = f.metadata()[i];
        FUZZ_CHECK(is_utf8(v.key()) && v.is_string() && is_utf8(*v.as_string()));
        const aka::metadata_value found = f.metadata().find(v.key());
        FUZZ_CHECK(found && (last || found.raw().at == v.raw().at));
    }
}

}  // namespace fuzz_safetensors

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_safetensors;
    const std::string_view text = fuzz::text_of(data, size);
    const fuzz::no_leaks leaks;
    const auto parse = [&](const aka::safetensors_options& o) {
        return fuzz::within(fuzz::reader_limit(size, string_members(text)),
                            [&] { return aka::safetensors::parse(fuzz::bytes_of(data, size), o); });
    };
    aka::safetensors_options lenient;
    lenient.names = aka::duplicates::last_wins;
    lenient.trailing_bytes = lenient.unknown_dtypes = true;
    const auto loose = parse(lenient), strict = parse({});
    if (loose) {
        check_tensors(*loose, text, true, true);
        check_metadata(*loose, true);
    } else {
        FUZZ_CHECK(!strict);
        FUZZ_CHECK(loose.code() != aka::errc::trailing_bytes);
        FUZZ_CHECK(loose.code() != aka::errc::duplicate_name);
        FUZZ_CHECK(loose.code() != aka::errc::duplicate_key);
        FUZZ_CHECK(loose.code() != aka::errc::bad_type);
    }
    if (strict) {
        check_tensors(*strict, text, false, false);
        check_metadata(*strict, false);
        FUZZ_CHECK(strict->size() == loose->size());
    } else {
        const std::uint64_t at = strict.error().offset();
        FUZZ_CHECK(at == aka::error::nowhere || at <= size);
        FUZZ_CHECK(strict.error().message().view().size() > 0);
    }
    aka::safetensors_options header;
    header.how = aka::access::header;
    const auto only = parse(header);
    FUZZ_CHECK(only.code() == strict.code());
    for (std::size_t i = 0; only && i < only->size(); ++i) {
        FUZZ_CHECK((*only)[i].offset() == (*strict)[i].offset());
        FUZZ_CHECK(!(*only)[i].bytes());
    }
    return 0;
}
