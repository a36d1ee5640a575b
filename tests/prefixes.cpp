// Files that were cut off: every prefix of every kind of file is an error, from in front of a guard
// page, with nothing left behind. And files with one wrong byte: an error, or something that can be
// walked to its end.
#include <aka/checkpoint.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/expect_gguf.hpp"
#include "support/expect_tensors.hpp"
#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace test_prefixes {

namespace {

using aka::errc;
using test::gguf_writer;

// Parses prefixes of one file, each of them ending at the guard page.
class prefix_parser {
  public:
    explicit prefix_parser(std::string_view bytes)
        : bytes_(bytes), room_(bytes, test::guard_side::behind, true) {}

    template <class File>
    errc parse(std::size_t n) {
        char* at = room_.data() + (bytes_.size() - n);
        if (n != 0) std::memcpy(at, bytes_.data(), n);
        return File::parse(aka::as_bytes(std::string_view(at, n))).code();
    }

  private:
    std::string_view bytes_;
    test::guard_buffer room_;
};

template <class File>
errc parse(std::string_view bytes) {
    return prefix_parser(bytes).parse<File>(bytes.size());
}

// Nothing of a file may be unreadable once it was accepted.
std::uint64_t walk(const aka::metadata_value& v) {
    if (v.is_string()) return test::hash_bytes(*v.as_string());
    if (!v.is_array()) return v.as<double>() || v.as<bool>() ? 1 : 2;
    std::uint64_t sum = 0;
    const auto array = v.as_array();
    for (const aka::metadata_value item : *array) sum += walk(item);
    return sum;
}
std::uint64_t walk(const aka::tensor_list& file) {
    std::uint64_t sum = 0;
    for (const aka::tensor t : file) {
        sum += test::hash_bytes(t.name()) + t.elements() + t.dtype_name().size();
        if (const auto bytes = t.bytes()) sum += test::hash_bytes(test::text_of(*bytes));
        if (t.shape().rank() != 0 && t.shape()[0] != 0)
            if (const auto row = t.row(t.shape()[0] - 1))
                sum += test::hash_bytes(test::text_of(*row));
    }
    for (const aka::metadata_value v : file.metadata()) sum += walk(v) + test::hash_bytes(v.key());
    return sum;
}

// What stands in front of the data decides which error a prefix is.
void check_safetensors_prefixes(const std::string& bytes) {
    std::uint64_t header = 0;
    for (std::size_t i = 8; i-- > 0;) header = header << 8 | static_cast<unsigned char>(bytes[i]);
    prefix_parser prefixes(bytes);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        const errc expected = n < 8            ? errc::header_too_small
                              : n < 8 + header ? errc::bad_header_length
                                               : errc::truncated;
        const errc code = prefixes.parse<aka::safetensors>(n);
        if (code != expected) {
            FAIL_CHECK("a prefix of " << n << " bytes: " << std::string(aka::errc_name(code)));
            return;
        }
    }
    CHECK(parse<aka::safetensors>(bytes) == errc::none);
}

// `needed`: where the data of the last tensor ends; behind it there is padding, which may be
// absent.
void check_gguf_prefixes(const std::string& bytes, std::uint64_t needed) {
    prefix_parser prefixes(bytes);
    for (std::size_t n = 0; n <= bytes.size(); ++n) {
        const errc code = prefixes.parse<aka::gguf>(n);
        const bool good = n >= needed ? code == errc::none
                                      : code == errc::truncated || code == errc::bad_count ||
                                            code == errc::bad_string || code == errc::bad_array;
        if (!good) {
            FAIL_CHECK("a prefix of " << n << " bytes: " << std::string(aka::errc_name(code)));
            return;
        }
    }
}

// Every type of value and some of tensors, in little space.
gguf_writer rich_gguf(std::uint32_t version, bool big) {
    gguf_writer w;
    w.version = version;
    w.big_endian = big;
    w.add("a", std::uint8_t{1}).add("b", std::int8_t{-1}).add("c", std::uint16_t{2});
    w.add("d", std::int16_t{-2}).add("e", std::uint32_t{3}).add("f", std::int32_t{-3});
    w.add("g", 1.5f).add("h", true).add("i", "text").add("j", std::uint64_t{4});
    w.add("k", std::int64_t{-4}).add("l", 2.5).add("general.alignment", std::uint32_t{32});
    w.add("m", std::vector<std::string>{"one", "", "three"});
    w.add("n", std::vector<std::uint32_t>{1, 2, 3}).add("o", test::gguf_array(8, {}));
    w.add("p", test::gguf_nested({test::gguf_of(std::vector<std::string>{"x", "y"}),
                                  test::gguf_of(std::vector<std::int8_t>{1, 2}),
                                  test::gguf_nested({test::gguf_of(std::vector<bool>{true})})}));
    w.tensors = {test::filled_gguf("token_embd.weight", 0, {3, 4}),
                 test::filled_gguf("q", 2, {2, 32}), test::filled_gguf("none", 1, {0, 2}),
                 test::filled_gguf("scalar", 30, {}), test::filled_gguf("last", 24, {5})};
    return w;
}
std::uint64_t end_of_data(const gguf_writer& w) {
    const test::gguf_layout where = w.layout();
    return where.data_start + where.offsets.back() + w.tensors.back().bytes();
}

// Every byte in turn becomes something else.
template <class File, class Options>
void check_changed_bytes(const std::string& bytes, const Options& o) {
    test::alloc_scope memory;
    std::uint64_t sum = 0, accepted = 0;
    {
        test::guard_buffer guarded(bytes, test::guard_side::behind, true);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            for (const int change : {0x01, 0x20, 0x80, 0xFF, 0x100}) {
                guarded.data()[i] = static_cast<char>(change == 0x100 ? 0 : bytes[i] ^ change);
                memory.restart();
                if (const auto file = File::parse(aka::as_bytes(guarded.view()), o)) {
                    sum += walk(*file);
                    ++accepted;
                }
                if (memory.largest() > bytes.size() + 4096)
                    FAIL_CHECK("byte " << i << " ^ " << change << " allocates "
                                       << memory.largest());
            }
            guarded.data()[i] = bytes[i];
        }
    }
    CHECK(memory.blocks() == 0);
    CHECK(accepted > 0);
    CHECK(sum != 0);
}

std::vector<std::filesystem::path> sample_files(const std::string& extension) {
    std::vector<std::filesystem::path> found;
    for (const auto& e : std::filesystem::recursive_directory_iterator(test::samples()))
        if (e.path().extension() == extension) found.push_back(e.path());
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

TEST_CASE("prefixes: safetensors") {
    const std::map<std::string, std::string> meta = {{"format", "pt"}, {"a \"b\"", "\n"}};
    const auto tensors = test::every_dtype();
    test::alloc_scope memory;
    check_safetensors_prefixes(test::write_safetensors(tensors, meta));
    test::st_options o;
    o.align = 1;
    o.escape_names = true;
    o.metadata_last = true;
    check_safetensors_prefixes(test::write_safetensors(tensors, meta, o));
    check_safetensors_prefixes(test::safetensors_raw("{}"));
    CHECK(memory.blocks() == 0);
}

TEST_CASE("prefixes: the JSON of safetensors") {
    // The length says that the header ends where it was cut: the JSON reader has to notice.
    for (const bool escape : {false, true}) {
        test::st_options o;
        o.escape_names = escape;
        o.align = 1;
        const std::string whole = test::write_safetensors(
            {{"a\"\xc3\xa9", "F32", {1, 2}, std::string(8, 'x')}, {"b", "F4", {0}, ""}},
            {{"k", "\xf0\x9f\x98\x80"}}, o);
        const std::string json = whole.substr(8, whole.size() - 16);
        REQUIRE(parse<aka::safetensors>(test::safetensors_raw(json, std::string(8, 'x'))) ==
                errc::none);
        int accepted = 0;
        for (std::size_t n = 0; n < json.size(); ++n) {
            const std::string cut = test::safetensors_raw(json.substr(0, n), std::string(8, 'x'));
            const errc code = parse<aka::safetensors>(cut);
            CHECK((code == errc::bad_json || code == errc::bad_utf8));
            // The same with a bracket behind it, which the quick way through an entry looks for:
            // good where it closes the header behind 'a', or where 'b' ends.
            const errc closed = parse<aka::safetensors>(
                test::safetensors_raw(json.substr(0, n) + "}", std::string(8, 'x')));
            accepted += closed == errc::none;
        }
        CHECK(accepted == 2);
    }
}

TEST_CASE("prefixes: gguf, versions 1 to 3, both byte orders") {
    for (const std::uint32_t version : {1u, 2u, 3u}) {
        for (const bool big : {false, true}) {
            const gguf_writer w = rich_gguf(version, big);
            test::alloc_scope memory;
            check_gguf_prefixes(w.bytes(), end_of_data(w));
            CHECK(memory.blocks() == 0);
        }
    }
    gguf_writer w;
    check_gguf_prefixes(w.bytes(), w.bytes().size());
    w.add("a", "b");
    check_gguf_prefixes(w.bytes(), w.bytes().size());
}

TEST_CASE("prefixes: files, mapped or not, say the same as memory") {
    const test::temp_folder folder;
    const gguf_writer w = rich_gguf(3, false);
    const std::string gguf = w.bytes();
    const std::string tensors = test::write_safetensors({{"a", "F32", {4}, std::string(16, 'x')}});
    for (const std::string* bytes : {&gguf, &tensors}) {
        const bool is_gguf = bytes == &gguf;
        const auto path = folder / (is_gguf ? "a.gguf" : "a.safetensors");
        test::write_file(path, *bytes);
        for (std::size_t n = bytes->size(); n-- > 0;) {
            std::filesystem::resize_file(path, n);
            const std::string_view part = std::string_view(*bytes).substr(0, n);
            const errc expected = is_gguf ? parse<aka::gguf>(part) : parse<aka::safetensors>(part);
            for (const aka::access how :
                 {aka::access::map, aka::access::read, aka::access::header}) {
                const auto ours = aka::checkpoint::open(path, {how});
                if (ours.code() == expected) continue;
                FAIL_CHECK("a prefix of " << n << " bytes: " << test::said(ours) << ", from memory "
                                          << std::string(aka::errc_name(expected)));
            }
        }
    }
}

TEST_CASE("prefixes: every sample") {
    std::size_t files = 0;
    for (const auto& path : sample_files(".safetensors")) {
        CAPTURE(path.string());
        check_safetensors_prefixes(test::read_file(path));
        ++files;
    }
    for (const auto& path : sample_files(".gguf")) {
        CAPTURE(path.string());
        const std::string bytes = test::read_file(path);
        const auto whole = aka::gguf::parse(aka::as_bytes(bytes));
        REQUIRE_OK(whole);
        // The end of the data is what the infos say, and within the padding of the file's end.
        REQUIRE(whole->data_end() <= bytes.size());
        REQUIRE(bytes.size() - whole->data_end() < whole->alignment());
        check_gguf_prefixes(bytes, whole->data_end());
        ++files;
    }
    CHECK(files >= 6);
}

TEST_CASE("changed bytes: an error, or a file that can be walked") {
    for (const std::uint32_t version : {1u, 3u})
        for (const bool big : {false, true})
            check_changed_bytes<aka::gguf>(rich_gguf(version, big).bytes(), aka::gguf_options());
    test::st_options o;
    o.align = 1;
    for (const bool escape : {false, true}) {
        o.escape_names = escape;
        const std::string bytes =
            test::write_safetensors({{"model.a", "F32", {1, 2}, std::string(8, 'x')},
                                     {"b", "F4", {1, 1, 1, 1, 1, 2}, "x"},
                                     {"none", "F8_E5M2FNUZ", {0}, ""}},
                                    {{"k", "\xf0\x9f\x98\x80"}, {"", "\\"}}, o);
        check_changed_bytes<aka::safetensors>(bytes, aka::safetensors_options());
        aka::safetensors_options lax;
        lax.names = aka::duplicates::last_wins;
        lax.trailing_bytes = true;
        lax.unknown_dtypes = true;
        check_changed_bytes<aka::safetensors>(bytes, lax);
    }
}

namespace {

// What a user can see of a checkpoint, in one line.
std::string seen(const aka::checkpoint& c) {
    std::string out = std::to_string(c.size()) + " " + std::to_string(c.file_count()) + " " +
                      std::to_string(walk(c));
    for (const aka::note& n : c.notes())
        out += "; " + std::string(n.what) + " " + std::string(n.name) + " " + std::string(n.file);
    return out;
}

// Refuses the first, the second, ... request for memory, alone and with all that come after it.
void check_out_of_memory(const std::filesystem::path& path, aka::checkpoint_options o = {}) {
    CAPTURE(path.string());
    test::alloc_scope memory;
    const auto whole = aka::checkpoint::open(path, o);
    const std::string expected = whole ? seen(*whole) : test::said(whole);
    const std::uint64_t requests = memory.count();
    const std::int64_t blocks = memory.blocks();
    CHECK(requests > 0);
    for (const bool all_later : {false, true}) {
        for (std::uint64_t n = 0; n <= requests; ++n) {
            if (all_later)
                memory.fail_from(n);
            else
                memory.fail_at(n);
            {
                const auto ours = aka::checkpoint::open(path, o);
                const std::uint64_t refused = test::allocs.refused;
                memory.lift();
                // Where something could be done without, nothing may be different.
                const std::string got = ours ? seen(*ours) : test::said(ours);
                if (got != expected && (ours.code() != errc::out_of_memory || refused == 0))
                    FAIL_CHECK("without request " << n << " of " << requests << ": " << got
                                                  << ", expected " << expected);
            }
            if (memory.blocks() != blocks) FAIL_CHECK("request " << n << ": memory is lost");
        }
    }
}

}  // namespace

TEST_CASE("out of memory: an error from wherever it happens, and nothing lost") {
    const test::temp_folder folder;
    const auto sub = [&](const char* name) {
        std::filesystem::create_directory(folder / name);
        return folder / name;
    };
    std::vector<test::st_tensor> tensors = {test::filled("model.a", "F32", {2, 2}),
                                            test::filled("b \"q\"", "U8", {1, 1, 1, 1, 1, 1, 3}),
                                            test::filled("c", "I64", {1}),
                                            test::filled("d", "F16", {4})};
    const std::map<std::string, std::string> meta = {{"format", "pt"}, {"a\nb", "\"value\""}};
    test::shard_options escaped;
    escaped.metadata = meta;
    escaped.file.escape_names = true;
    const auto sharded = sub("sharded");
    const auto map = test::write_sharded(sharded, tensors, 3, escaped);
    test::write_file(sharded / "extra.safetensors", test::write_safetensors({tensors[0]}));
    test::write_file(sharded / "other.gguf", rich_gguf(3, false).bytes());
    auto fewer = map;
    fewer.erase("c");
    test::write_file(sharded / "fewer.json", test::index_json(fewer, 5));
    const auto numbered = sub("numbered");
    escaped.index = "";
    test::write_sharded(numbered, tensors, 3, escaped);
    const auto split = sub("split");
    const auto parts = test::write_gguf_split(split, rich_gguf(3, true), 3);
    const auto names = sub("names");
    test::write_file(names / "pytorch_model.bin.index.json",
                     test::index_json({{"x", "a.bin"}, {"y\n", "b.bin"}}, 7));
    const auto several = sub("several");
    for (const char* f : {"a.safetensors", "b.safetensors"})
        test::write_file(several / f, test::write_safetensors({tensors[0]}));
    gguf_writer gaps = rich_gguf(2, false);
    gaps.tensors[0].offset = 4096;
    gaps.tensors[1].type = 77;
    gaps.save(folder / "gaps.gguf");
    test::write_file(folder / "one.safetensors",
                     test::write_safetensors(test::every_dtype(), meta, escaped.file));
    // Names that collide: the index then takes another way, which needs memory too.
    std::vector<test::st_tensor> collide;
    for (int i = 0; collide.size() < 300; ++i) {
        const std::string name = std::to_string(i);
        if ((aka::detail::hash_name(name) & 1023) == 0) collide.push_back({name, "U8", {0}, ""});
    }
    test::write_file(folder / "collide.safetensors", test::write_safetensors(collide));

    for (const aka::access how : {aka::access::map, aka::access::read, aka::access::header}) {
        aka::checkpoint_options o;
        o.how = how;
        o.names_only = true;
        for (const auto& path : {sharded, sharded / "fewer.json", numbered, split, parts[1], names,
                                 several, folder / "gaps.gguf", folder / "one.safetensors",
                                 folder / "collide.safetensors", folder / "absent", folder.path()})
            check_out_of_memory(path, o);
    }
}

}  // namespace test_prefixes
