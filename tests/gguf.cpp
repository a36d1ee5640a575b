// Reading GGUF: what is accepted, and what then is said of tensors; models in several parts.
// Refusals are in gguf_cases.cpp, keys and values in gguf_metadata.cpp.
#include <aka/checkpoint.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/expect_gguf.hpp"
#include "support/files.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace test_gguf {

namespace {

using test::check_same;
using test::filled_gguf;
using test::gguf_bytes;
using test::gguf_tensor;
using test::gguf_writer;

gguf_writer rich(std::uint32_t version = 3, bool big = false, std::uint64_t alignment = 32) {
    gguf_writer w;
    w.version = version;
    w.big_endian = big;
    w.alignment = alignment;
    w.add("general.architecture", "llama").add("a.count", std::uint32_t{7});
    w.tensors = test::every_ggml_type();
    return w;
}

// F32 F16 BF16, the integers, F64, and the blocks that big-endian files are known of.
constexpr std::uint32_t settled_types[] = {0, 1, 30, 24, 25, 26, 27, 28, 2, 8, 12, 14};

// What the writer has a big-endian form for, beside types of single bytes.
bool swappable(std::uint32_t id) {
    return id == 24 || id == 39 || id == 40 ||
           std::any_of(std::begin(test::ggml_fields), std::end(test::ggml_fields),
                       [&](const test::ggml_field& f) { return f.id == id; });
}

void check_all(const aka::gguf& file, const gguf_writer& w) {
    CHECK(file.version() == w.version);
    CHECK(file.big_endian() == w.big_endian);
    CHECK(file.alignment() == w.alignment);
    const test::gguf_layout where = w.layout();
    CHECK(file.data_begin() == where.data_start);
    REQUIRE(file.size() == w.tensors.size());
    for (std::size_t i = 0; i < w.tensors.size(); ++i) {
        const gguf_tensor& e = w.tensors[i];
        const aka::tensor t = file[i];
        check_same(t, e);
        check_same(file.find(e.name), e);
        CHECK(t.offset() == where.data_start + where.offsets[i]);
        CAPTURE(e.name);
        if (!w.big_endian) {
            // Where the machine has the other order, the other types are there as views only.
            const bool settled = std::find(std::begin(settled_types), std::end(settled_types),
                                           e.type) != std::end(settled_types);
            if (!AKA_BIG_ENDIAN_HOST || t.is_view() || settled) CHECK(test::contents(t) == e.data);
            continue;
        }
        if (t.is_view()) CHECK((test::text_of(*t.bytes()) == test::ggml_swap(e.type, e.data)));
        std::string out(e.data.size(), '\0');
        const aka::status s = t.copy_to({reinterpret_cast<std::byte*>(out.data()), out.size()});
        if (s) {
            CHECK((AKA_BIG_ENDIAN_HOST || swappable(e.type)));
            CHECK(test::little_endian(t, out) == e.data);  // was in this machine's order again
        } else {
            CHECK(s.code() == aka::errc::unsupported);
        }
    }
}

}  // namespace

TEST_CASE("gguf: every type and shape, versions 1 to 3, both byte orders, all alignments") {
    const test::temp_folder folder;
    for (const std::uint32_t version : {1u, 2u, 3u}) {
        for (const bool big : {false, true}) {
            for (const std::uint64_t alignment : {1u, 2u, 4u, 8u, 16u, 32u, 64u, 4096u}) {
                gguf_writer w = rich(version, big, alignment);
                for (const bool pad : {true, false}) {
                    w.pad_last = pad;
                    const gguf_bytes p(w.bytes());
                    REQUIRE_OK(p.file);
                    check_all(*p.file, w);
                }
            }
            const gguf_writer w = rich(version, big);
            w.save(folder / "rich.gguf");
            for (const aka::access how : {aka::access::map, aka::access::read}) {
                const auto file = aka::gguf::open(folder / "rich.gguf", {how});
                REQUIRE_OK(file);
                CHECK(file->file(0).mapped() == (how == aka::access::map));
                check_all(*file, w);
            }
            const auto header = aka::gguf::open(folder / "rich.gguf", {aka::access::header});
            REQUIRE_OK(header);
            for (std::size_t i = 0; i < w.tensors.size(); ++i) {
                check_same((*header)[i], w.tensors[i]);
                CHECK_REFUSED((*header)[i].bytes(), no_data);
            }
            CHECK(*header->metadata().find("a.count").as<int>() == 7);
        }
    }
}

TEST_CASE("gguf: types whose byte order is settled can be copied from a big-endian file") {
    for (const std::uint32_t id : settled_types) {
        gguf_writer w;
        w.big_endian = true;
        w.tensors = {filled_gguf("a", id, {2, 2ull * test::ggml_types[id].elems})};
        const gguf_bytes p(w.bytes());
        REQUIRE_OK(p.file);
        std::string out(w.tensors[0].data.size(), '\0');
        CHECK_OK((*p.file)[0].copy_to({reinterpret_cast<std::byte*>(out.data()), out.size()}));
        CHECK(test::little_endian((*p.file)[0], out) == w.tensors[0].data);
        out.resize(out.size() / 2);
        CHECK_OK(
            (*p.file)[0].copy_rows(1, 1, {reinterpret_cast<std::byte*>(out.data()), out.size()}));
        CHECK(test::little_endian((*p.file)[0], out) == w.tensors[0].data.substr(out.size()));
    }
    gguf_writer w;
    w.big_endian = true;
    w.tensors = {filled_gguf("a", 0, {8}), filled_gguf("b", 24, {8})};
    const gguf_bytes p(w.bytes());
    REQUIRE_OK(p.file);
    if (AKA_BIG_ENDIAN_HOST)
        CHECK_OK((*p.file)[0].as<float>());
    else
        CHECK_REFUSED((*p.file)[0].as<float>(), needs_copy);
    CHECK_OK((*p.file)[1].as<std::int8_t>());
}

TEST_CASE("gguf: types that aka does not know are listed, their bytes reach to the next tensor") {
    for (const std::uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 90u, 0x7fffffffu}) {
        CAPTURE(id);
        gguf_writer w;
        w.add("k", std::uint32_t{1});
        w.tensors = {filled_gguf("first", 0, {8}), {}, filled_gguf("last", 0, {3})};
        gguf_tensor& odd = w.tensors[1];
        odd.name = "odd";
        odd.type = id;
        odd.shape = {3, 7};
        odd.data = test::random_bytes(64, id);
        for (const bool at_end : {false, true}) {
            if (at_end) std::swap(w.tensors[1], w.tensors[2]);
            const gguf_bytes p(w.bytes());
            REQUIRE_OK(p.file);
            const aka::tensor t = p.file->find("odd");
            REQUIRE(t);
            CHECK(t.dtype() == aka::dtype::unknown);
            CHECK(t.ggml_type() == id);
            CHECK(t.dtype_name() == "unknown");
            CHECK(test::shape_of(t) == std::vector<std::uint64_t>{3, 7});
            CHECK(test::contents(t) == w.tensors[at_end ? 2 : 1].data);
            CHECK_REFUSED(t.as<float>(), wrong_type);
            CHECK_REFUSED(t.row(0), bad_block);
            CHECK(test::contents(p.file->find("first")) == w.tensors[0].data);
            CHECK(test::contents(p.file->find("last")) == w.tensors[at_end ? 1 : 2].data);
            CHECK(*p.file->metadata().find("k").as<int>() == 1);
        }
    }
    gguf_writer w;
    w.tensors = {filled_gguf("a", 0, {8})};
    w.tensors[0].type = 0x80000000u;
    CHECK_REFUSED(gguf_bytes(w.bytes()).file, bad_type);
}

TEST_CASE("gguf: nothing but a type that aka does not know, or such a one where another lies") {
    const std::string data = test::random_bytes(64, 3);
    gguf_writer w;
    w.add_tensor("unknown", 200, {8}, data);
    const gguf_bytes alone(w.bytes());
    REQUIRE_OK(alone.file);
    CHECK((*alone.file)[0].size_bytes() == 64);
    CHECK(alone.file->data_end() == alone.bytes.view().size());

    w.add_tensor("known", 0, {16}, data);
    w.tensors[1].offset = 0;
    const gguf_bytes both(w.bytes());
    REQUIRE_OK(both.file);  // it ends where the next one begins: there
    CHECK(both.file->find("unknown").size_bytes() == 0);
    CHECK(both.file->find("known").size_bytes() == 64);
    std::swap(w.tensors[0], w.tensors[1]);
    w.tensors[1].offset = 0;
    const gguf_bytes turned(w.bytes());
    REQUIRE_OK(turned.file);
    CHECK(turned.file->find("unknown").size_bytes() == 0);
}

TEST_CASE("gguf: tensors in any order, with gaps, sharing a place when they are empty") {
    gguf_writer w;
    w.tensors = {filled_gguf("late", 0, {8}), filled_gguf("early", 0, {16}),
                 filled_gguf("none", 0, {0, 3}), filled_gguf("middle", 2, {2, 32})};
    w.tensors[0].offset = 512;
    w.tensors[1].offset = 0;
    w.tensors[2].offset = 64;
    w.tensors[3].offset = 64;
    const std::string bytes = w.bytes() + "and more behind it";
    const gguf_bytes p(bytes);
    REQUIRE_OK(p.file);
    check_all(*p.file, w);
    CHECK(p.file->data_end() == w.layout().data_start + 512 + 32);
    w.tensors[2].offset = 544;  // the first byte behind all others
    const gguf_bytes q(w.bytes());
    REQUIRE_OK(q.file);
    check_all(*q.file, w);
}

TEST_CASE("gguf: the padding of the last tensor may be missing, its last byte not") {
    gguf_writer w = rich();
    w.tensors = {filled_gguf("a", 0, {8}), filled_gguf("b", 1, {3})};
    w.pad_last = false;
    const std::string bytes = w.bytes();
    CHECK_OK(gguf_bytes(bytes).file);
    const gguf_bytes cut(std::string_view(bytes).substr(0, bytes.size() - 1));
    CHECK_REFUSED(cut.file, truncated);
    CHECK(test::mentions(cut.file.error(), "'b'"));
    CHECK(test::mentions(cut.file.error(), "1 bytes before"));
    CHECK(cut.file.error().offset() == w.layout().info_at[1]);
}

TEST_CASE("gguf: names and keys of any length and content") {
    for (const std::size_t size : {0u, 1u, 63u, 64u, 1000u, 65535u}) {
        gguf_writer w;
        w.tensors = {filled_gguf(std::string(size, 'n'), 0, {4})};
        w.add(std::string(size + 1, 'k'), std::uint8_t{3});
        const gguf_bytes p(w.bytes());
        REQUIRE_OK(p.file);
        check_all(*p.file, w);
        CHECK(test::inside((*p.file)[0].name().data(), p.bytes.view()));
        CHECK(*p.file->metadata().find(w.kvs[0].first).as<int>() == 3);
    }
    gguf_writer w;
    w.tensors = {filled_gguf(std::string(65536, 'n'), 0, {4})};
    CHECK_REFUSED(gguf_bytes(w.bytes()).file, bad_name);
    // Neither NUL nor what is not UTF-8 ends or spoils a name: they are bytes.
    w.tensors.clear();
    for (const std::string& name : {std::string("a"), std::string("a\0", 2), std::string("a\0b", 3),
                                    std::string("\xff\xfe"), std::string("A"), std::string("\n")}) {
        w.tensors.push_back(filled_gguf(name, 0, {4}));
        w.add(name, static_cast<std::uint32_t>(w.tensors.size()));
    }
    const gguf_bytes p(w.bytes());
    REQUIRE_OK(p.file);
    check_all(*p.file, w);
    for (std::size_t i = 0; i < w.kvs.size(); ++i)
        CHECK(*p.file->metadata().find(w.kvs[i].first).as<std::size_t>() == i + 1);
    CHECK_FALSE(p.file->find(std::string("a\0c", 3)));
}

TEST_CASE("gguf: general.alignment may stand anywhere") {
    for (const std::size_t at : {0u, 1u, 2u}) {
        gguf_writer w;
        w.alignment = 128;
        w.add("a", "b").add("c", std::vector<std::int32_t>{1, 2});
        w.kvs.insert(w.kvs.begin() + static_cast<std::ptrdiff_t>(at),
                     {"general.alignment", test::gguf_of(std::uint32_t{128})});
        w.tensors = {filled_gguf("x", 0, {5}), filled_gguf("y", 0, {5})};
        const gguf_bytes p(w.bytes());
        REQUIRE_OK(p.file);
        check_all(*p.file, w);
        CHECK((*p.file)[1].offset() - (*p.file)[0].offset() == 128);
    }
}

TEST_CASE("gguf: inside something larger, at any offset") {
    const gguf_writer w = rich(3, false, 64);
    const std::string bytes = w.bytes();
    for (const std::size_t before : {1u, 7u, 33u, 4095u}) {
        const test::guard_buffer buffer(std::string(before, 'x') + bytes);
        const auto file = aka::gguf::parse(aka::as_bytes(buffer.view().substr(before)));
        REQUIRE_OK(file);
        check_all(*file, w);
    }
}

TEST_CASE("gguf: without tensors nothing is padded, and nothing need be there at all") {
    for (std::size_t i = 0; i < 40; ++i) {
        gguf_writer w;
        if (i != 0) w.add("k", std::string(i, 'v'));
        const gguf_bytes p(w.bytes());
        REQUIRE_OK(p.file);
        CHECK(p.file->empty());
        CHECK(p.file->metadata().size() == (i == 0 ? 0 : 1));
        CHECK(p.file->data_begin() == w.bytes().size());
        CHECK_FALSE(p.file->find("k"));
        CHECK_OK(gguf_bytes(w.bytes() + "more").file);
    }
}

TEST_CASE("gguf: duplicates are refused, or the last one wins") {
    gguf_writer w;
    w.tensors = {filled_gguf("a", 0, {8}), filled_gguf("b", 0, {8}), filled_gguf("c", 0, {8})};
    w.tensors[2].name = "a";
    const aka::gguf_options last{aka::access::map, aka::duplicates::last_wins};
    {
        const gguf_bytes refused(w.bytes());
        CHECK_REFUSED(refused.file, duplicate_name);
        CHECK(refused.file.error().offset() == w.layout().info_at[2]);
        const gguf_bytes p(w.bytes(), last);
        REQUIRE_OK(p.file);
        CHECK(test::contents(p.file->find("a")) == w.tensors[2].data);
    }
    w.tensors.clear();
    w.add("k", std::uint32_t{1}).add("l", std::uint32_t{5}).add("k", "2");
    const gguf_bytes refused(w.bytes());
    CHECK_REFUSED(refused.file, duplicate_key);
    CHECK(refused.file.error().offset() == w.layout().kv_at[2]);
    const gguf_bytes p(w.bytes(), last);
    REQUIRE_OK(p.file);
    CHECK(test::text_value(p.file->metadata().find("k")) == "2");
}

TEST_CASE("gguf: a header of several megabytes in a file that is not mapped") {
    gguf_writer w;
    std::vector<std::string> words;
    for (int i = 0; i < 300000; ++i) words.push_back("token " + std::to_string(i));
    w.add("tokens", words).add("behind", std::int16_t{-5});
    w.tensors = {filled_gguf("a", 0, {1000})};
    const test::temp_folder folder;
    w.save(folder / "a.gguf");
    for (const aka::access how : {aka::access::read, aka::access::header}) {
        test::alloc_scope memory;
        const auto file = aka::gguf::open(folder / "a.gguf", {how});
        REQUIRE_OK(file);
        CHECK(file->size() == 1);
        CHECK(*file->metadata().find("behind").as<int>() == -5);
        const auto tokens = file->metadata().find("tokens").as_array();
        REQUIRE_OK(tokens);
        CHECK(tokens->size() == words.size());
        std::size_t i = 0;
        bool same = true;
        for (const aka::metadata_value v : *tokens) same = same && *v.as_string() == words[i++];
        CHECK(same);
        if (how == aka::access::read) CHECK(test::contents((*file)[0]) == w.tensors[0].data);
        CHECK(memory.largest() <= w.layout().size + 4096);
    }
}

TEST_CASE("gguf: a mapped file holds little memory, and can be removed while it is open") {
    const gguf_writer w = rich();
    const test::temp_folder folder;
    w.save(folder / "a.gguf");
    test::alloc_scope memory;
    const auto file = aka::gguf::open(folder / "a.gguf");
    REQUIRE_OK(file);
    const auto n = static_cast<std::int64_t>(w.tensors.size());
    CHECK(memory.held() <= 128 * n + 4096);
    std::filesystem::remove(folder / "a.gguf");
    check_all(*file, w);
}

namespace {

gguf_writer whole_model() {
    gguf_writer w;
    w.add("general.architecture", "llama").add("tokens", std::vector<std::string>{"a", "b", ""});
    for (std::size_t i = 0; i < 9; ++i)
        w.tensors.push_back(
            filled_gguf("blk." + std::to_string(i) + ".x", i % 2 == 0 ? 0 : 2, {i + 1, 32}));
    return w;
}
void check_split(const aka::checkpoint& c, const gguf_writer& whole, std::size_t parts) {
    CHECK(c.format() == aka::checkpoint_format::gguf);
    CHECK(c.file_count() == parts);
    CHECK(c.notes().empty());
    REQUIRE(c.size() == whole.tensors.size());
    for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
        check_same(c[i], whole.tensors[i]);
        check_same(c.find(whole.tensors[i].name), whole.tensors[i]);
        CHECK(test::contents(c[i]) == whole.tensors[i].data);
        CHECK(c[i].file() == c.file(c[i].file_index()).path());
    }
    for (const auto& [key, value] : whole.kvs) CHECK(c.metadata().find(key));
    CHECK(*c.metadata().find("split.no").as<int>() == 0);  // the first part's
    CHECK(c.metadata().find("tokens").as_array()->size() == 3);
}

}  // namespace

TEST_CASE("gguf split: the whole model, from every part and from the folder") {
    const gguf_writer whole = whole_model();
    for (const std::size_t parts : {2u, 3u, 5u}) {
        for (const bool empty_first : {false, true}) {
            const test::temp_folder folder;
            test::split_options o;
            o.empty_first = empty_first;
            auto paths = test::write_gguf_split(folder.path(), whole, parts, o);
            paths.push_back(folder.path());
            for (const auto& path : paths) {
                for (const aka::access how : {aka::access::map, aka::access::read}) {
                    const auto c = aka::checkpoint::open(path, {how});
                    REQUIRE_OK(c);
                    check_split(*c, whole, parts);
                }
            }
        }
    }
}

TEST_CASE("gguf split: a count of 0 or 1 is no split, whatever the file is called") {
    for (const std::uint16_t count : {std::uint16_t{0}, std::uint16_t{1}}) {
        const test::temp_folder folder;
        gguf_writer w = whole_model();
        w.add("split.no", std::uint16_t{0}).add("split.count", count);
        w.save(folder / "merged-00002-of-00007.gguf");
        const auto c = aka::checkpoint::open(folder / "merged-00002-of-00007.gguf");
        REQUIRE_OK(c);
        CHECK(c->size() == w.tensors.size());
    }
}

TEST_CASE("gguf split: parts that do not belong together") {
    const gguf_writer whole = whole_model();
    // Changes one key of one part, and opens from the first part and from the folder.
    const auto with = [&](std::size_t at, const std::string& key, const test::gguf_value& value) {
        const test::temp_folder folder;
        auto parts = test::gguf_split(whole, 3);
        for (auto& [k, v] : parts[at].second.kvs)
            if (k == key) v = value;
        for (const auto& [name, part] : parts) part.save(folder / name);
        auto r = aka::checkpoint::open(folder / parts[0].first);
        CHECK(aka::checkpoint::open(folder.path()).code() == r.code());
        return r;
    };
    using test::gguf_of;
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK_REFUSED(with(i, "split.no", gguf_of(std::uint16_t{7})), bad_split);
        CHECK_REFUSED(with(i, "split.no", gguf_of("0")), bad_split);
        CHECK_REFUSED(with(i, "split.count", gguf_of(std::uint16_t{4})), bad_split);
        CHECK_REFUSED(with(i, "split.count", gguf_of(std::uint16_t{65535})), bad_split);
    }
    CHECK_REFUSED(with(1, "split.count", gguf_of(std::uint16_t{0})), bad_split);
    CHECK_REFUSED(with(0, "split.tensors.count", gguf_of(std::int32_t{8})), bad_split);
    CHECK_REFUSED(with(0, "split.tensors.count", gguf_of(std::int32_t{10})), bad_split);
    // Another width of number says the same thing.
    CHECK_OK(with(0, "split.count", gguf_of(std::uint32_t{3})));
    CHECK_OK(with(1, "split.no", gguf_of(std::int64_t{1})));

    const test::temp_folder folder;
    const auto paths = test::write_gguf_split(folder.path(), whole, 3);
    std::filesystem::rename(paths[1], folder / "elsewhere.gguf");
    for (const auto& path : {paths[0], paths[2]}) {
        const auto c = aka::checkpoint::open(path);
        CHECK_REFUSED(c, missing_file);
        CHECK(test::mentions(c.error(), paths[1].filename().string()));
        CHECK(test::mentions(c.error(), "part 2 of 3"));
    }
    // A part under a name that says nothing about the others.
    const auto renamed = aka::checkpoint::open(folder / "elsewhere.gguf");
    CHECK_REFUSED(renamed, bad_split);
    CHECK(test::mentions(renamed.error(), "-00001-of-00002.gguf"));
    // The same tensors twice.
    auto parts = test::gguf_split(whole, 3);
    parts[1].second.tensors[0].name = whole.tensors[0].name;
    parts[1].second.save(paths[1]);
    const auto twice = aka::checkpoint::open(paths[0]);
    CHECK_REFUSED(twice, duplicate_name);
    CHECK(test::mentions(twice.error(), paths[0].filename().string()));
    CHECK(test::mentions(twice.error(), paths[1].filename().string()));
    // A number of parts is a claim: no room is made for them before they are there.
    const test::temp_folder claim;
    gguf_writer w;
    w.add("split.no", std::uint16_t{0}).add("split.count", std::uint32_t{900000000});
    w.save(claim / "a-00001-of-900000000.gguf");
    test::alloc_scope memory;
    CHECK_REFUSED(aka::checkpoint::open(claim.path()), missing_file);
    CHECK(memory.largest() < 10000);
}

TEST_CASE("gguf split: each part has its own alignment, as llama.cpp splits") {
    gguf_writer whole = whole_model();
    whole.alignment = 4096;
    const test::temp_folder folder;
    auto parts = test::gguf_split(whole, 3);
    for (std::size_t i = 0; i < 3; ++i) {
        if (i != 0) parts[i].second.alignment = 32;
        parts[i].second.save(folder / parts[i].first);
    }
    const auto c = aka::checkpoint::open(folder.path());
    REQUIRE_OK(c);
    CHECK(c->gguf_header().alignment == 4096);
    check_split(*c, whole, 3);
}

}  // namespace test_gguf
