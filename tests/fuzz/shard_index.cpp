// A shard index, beside two shards: for its names alone, and with its shards. What is accepted has
// distinct UTF-8 names; with its shards, each tensor is of the shard that the index names.
#include "fuzz.hpp"
#include "strict_json.hpp"
#include "utf8.hpp"

#include <aka/checkpoint.hpp>

#include "../support/files.hpp"
#include "../support/write_safetensors.hpp"

#include <string>

namespace fuzz_shard_index {

using namespace std::string_literals;

struct folder {
    test::temp_folder at{test::memory_folder()};
    std::string index = (at / "model.safetensors.index.json").string();

    folder() {
        const auto write = [&](const char* name, const std::vector<test::st_tensor>& tensors) {
            test::write_file(at / name, test::write_safetensors(tensors));
        };
        write("a.safetensors", {{"a", "F32", {2}, "12345678"}, {"b", "U8", {}, "x"}});
        write("b.safetensors", {{"c", "F16", {1, 1}, "12"}, {"b", "U8", {2}, "xy"}});
    }
};

// Leaves that are strings: what an index has a record of is two of them.
inline std::uint64_t strings(std::string_view text) {
    std::uint64_t n = 0;
    for (const char c : text) n += c == '"';
    return n / 2;
}

}  // namespace fuzz_shard_index

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_shard_index;
    static const folder files;
    const std::string_view text = fuzz::text_of(data, size);
    test::write_file(files.index, text);
    const fuzz::no_leaks leaks;
    aka::checkpoint_options o;
    o.names_only = true;
    // Two files and their headers lie open beside the index.
    const std::uint64_t limit = fuzz::reader_limit(size, strings(text)) + 4096;
    const auto open = [&] {
        return fuzz::within(limit, [&] { return aka::checkpoint::open(files.index, o); });
    };
    const auto names = open();
    o.names_only = false;
    const auto whole = open();
    // cannot_open: a shard has a name that the system does not take.
    FUZZ_CHECK(names || names.code() == aka::errc::bad_index ||
               names.code() == aka::errc::missing_tensor ||
               names.code() == aka::errc::duplicate_key ||
               names.code() == aka::errc::missing_file || names.code() == aka::errc::cannot_open);
    if (names || whole) FUZZ_CHECK(fuzz::json_text(text, 127).good);
    if (names) {
        FUZZ_CHECK(!names->empty());
        for (std::size_t i = 0; i < names->size(); ++i) {
            const aka::tensor t = (*names)[i];
            FUZZ_CHECK(fuzz::is_utf8(t.name()));
            FUZZ_CHECK(names->find(t.name()).name().data() == t.name().data());
        }
    }
    if (!whole) return 0;
    FUZZ_CHECK(names && whole->size() == names->size() && whole->file_count() <= 2);
    for (std::size_t i = 0; i < whole->size(); ++i) {
        const aka::tensor t = (*whole)[i];
        FUZZ_CHECK(t.has_shape() && t.bytes() && t.size_bytes() <= 8);
        FUZZ_CHECK(names->find(t.name()));
    }
    return 0;
}
