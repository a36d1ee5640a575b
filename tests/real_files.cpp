// Files that others wrote: each of them read by a few lines of the test as well, and compared.
#include <aka/checkpoint.hpp>
#include <doctest/doctest.h>

#include "support/expect_gguf.hpp"
#include "support/expect_tensors.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace test_real_files {

namespace fs = std::filesystem;

namespace {

using aka::checkpoint;
using test::gguf_value;

std::vector<fs::path> files_in(const fs::path& folder, const std::string& extension) {
    std::vector<fs::path> found;
    for (const auto& e : fs::recursive_directory_iterator(folder))
        if (e.path().extension() == extension) found.push_back(e.path());
    std::sort(found.begin(), found.end());
    return found;
}

// Little-endian bytes one after the other.
struct bytes_reader {
    std::string_view bytes;
    std::size_t at = 0;
    bool ok = true;

    std::string_view take(std::uint64_t n) {
        ok = ok && n <= bytes.size() - at;
        if (!ok) return {};
        at += static_cast<std::size_t>(n);
        return bytes.substr(at - static_cast<std::size_t>(n), static_cast<std::size_t>(n));
    }
    std::uint64_t number(unsigned width) {
        std::uint64_t n = 0;
        unsigned shift = 0;
        for (const char c : take(width)) {
            n |= std::uint64_t{static_cast<unsigned char>(c)} << shift;
            shift += 8;
        }
        return n;
    }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::string string() { return std::string(take(number(8))); }
};

// --- safetensors

// Every tensor of `file` against the header as JSON and the bytes of the file.
void check_safetensors(const fs::path& path, const aka::access how, int& tensors) {
    CAPTURE(path.string());
    const std::string bytes = test::read_file(path);
    bytes_reader r{bytes};
    const std::uint64_t n = r.number(8);
    const auto c = checkpoint::open(path, {how});
    const std::string text(r.take(n));
    if (!r.ok) {
        CHECK_REFUSED(c, bad_header_length);
        return;
    }
    REQUIRE_OK(c);
    const test::json header = test::json::parse(text);
    std::size_t count = 0;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const std::string& name = header.keys[i];
        if (name == "__metadata__") continue;
        ++count;
        CAPTURE(name);
        const std::uint64_t begin = header[i]["data_offsets"][0].as_u64();
        const std::uint64_t end = header[i]["data_offsets"][1].as_u64();
        const aka::tensor t = c->find(name);
        REQUIRE(t);
        CHECK(t.name() == name);
        CHECK(t.dtype_name() == header[i]["dtype"].as_string());
        CHECK(test::shape_of(t) == header[i]["shape"].as_u64s());
        CHECK(t.offset() == 8 + n + begin);
        CHECK(t.size_bytes() == end - begin);
        if (how == aka::access::header) continue;
        const std::string data = bytes.substr(static_cast<std::size_t>(8 + n + begin),
                                              static_cast<std::size_t>(end - begin));
        CHECK((test::contents(t) == data));
    }
    CHECK(c->size() == count);
    tensors += static_cast<int>(count);
    const test::json* meta = header.find("__metadata__");
    CHECK(c->metadata().size() == (meta == nullptr ? 0 : meta->size()));
    for (std::size_t i = 0; meta != nullptr && i < meta->size(); ++i) {
        CHECK(c->metadata()[i].key() == meta->keys[i]);
        CHECK((test::text_value(c->metadata().find(meta->keys[i])) == (*meta)[i].as_string()));
    }
}

// --- GGUF

gguf_value read_value(bytes_reader& r, std::uint32_t kind) {
    gguf_value v;
    v.kind = kind;
    if (kind == 8) {
        v.text = r.string();
    } else if (kind == 9) {
        v.element = r.u32();
        const std::uint64_t n = r.number(8);
        for (std::uint64_t i = 0; r.ok && i < n; ++i) v.items.push_back(read_value(r, v.element));
    } else {
        v.bits = r.number(test::gguf_widths[kind]);
        // As the writer keeps them: negative numbers in two's complement of 64 bits.
        const unsigned unused = 64 - 8 * test::gguf_widths[kind];
        if (kind == 1 || kind == 3 || kind == 5)
            v.bits =
                static_cast<std::uint64_t>(static_cast<std::int64_t>(v.bits << unused) >> unused);
    }
    return v;
}

void check_gguf(const fs::path& path, const aka::access how, std::uint64_t& keys) {
    CAPTURE(path.string());
    const std::string bytes = test::read_file(path);
    bytes_reader r{bytes};
    REQUIRE(r.take(4) == "GGUF");
    const std::uint32_t version = r.u32();
    REQUIRE((version == 2 || version == 3));
    const std::uint64_t n_tensors = r.number(8), n_keys = r.number(8);
    std::vector<std::pair<std::string, gguf_value>> kvs;
    for (std::uint64_t i = 0; i < n_keys; ++i) {
        std::string key = r.string();
        const std::uint32_t kind = r.u32();
        REQUIRE(kind < 13);
        kvs.emplace_back(std::move(key), read_value(r, kind));
    }
    std::uint64_t alignment = 32;
    for (const auto& [key, value] : kvs)
        if (key == "general.alignment") alignment = value.bits;
    struct info {
        test::gguf_tensor t;
        std::uint64_t at;
    };
    std::vector<info> infos;
    for (std::uint64_t i = 0; i < n_tensors; ++i) {
        info one;
        one.t.name = r.string();
        one.t.shape.resize(r.u32());
        REQUIRE(one.t.shape.size() <= 4);
        for (std::size_t k = one.t.shape.size(); k-- > 0;) one.t.shape[k] = r.number(8);
        one.t.type = r.u32();
        one.at = r.number(8);
        infos.push_back(one);
    }
    REQUIRE(r.ok);
    const std::uint64_t data = test::round_up(r.at, alignment);
    bool whole = true;
    for (const info& i : infos) whole = whole && data + i.at + i.t.bytes() <= bytes.size();

    const auto c = checkpoint::open(path, {how});
    if (!whole) {
        CHECK_REFUSED(c, truncated);
        return;
    }
    REQUIRE_OK(c);
    CHECK(c->gguf_header().version == version);
    REQUIRE(c->metadata().size() == kvs.size());
    for (std::size_t i = 0; i < kvs.size(); ++i) {
        CAPTURE(kvs[i].first);
        CHECK(c->metadata()[i].key() == kvs[i].first);
        CHECK(test::same_value(c->metadata()[i], kvs[i].second));
        CHECK(test::same_value(c->metadata().find(kvs[i].first), kvs[i].second));
        keys += 1 + kvs[i].second.items.size();
    }
    REQUIRE(c->size() == infos.size());
    for (std::size_t i = 0; i < infos.size(); ++i) {
        const test::gguf_tensor& e = infos[i].t;
        test::check_same((*c)[i], e);
        CHECK((*c)[i].offset() == data + infos[i].at);
        if (how == aka::access::header) continue;
        CHECK((test::contents((*c)[i]) == bytes.substr(static_cast<std::size_t>(data + infos[i].at),
                                                       static_cast<std::size_t>(e.bytes()))));
    }
}

constexpr aka::access every_access[] = {aka::access::map, aka::access::read, aka::access::header};

// name -> shard, as the test's own JSON reader has it.
std::map<std::string, std::string> weight_map(const fs::path& index) {
    const test::json all = test::json::parse(test::read_file(index));
    const test::json& map = all["weight_map"];
    std::map<std::string, std::string> out;
    for (std::size_t i = 0; i < map.size(); ++i) out[map.keys[i]] = map[i].as_string();
    REQUIRE(out.size() == map.size());
    return out;
}

std::vector<fs::path> real_indexes() {
    std::vector<fs::path> found;
    for (const fs::path& path : files_in(test::shared_data() / "checkpoints", ".json"))
        if (path.filename().string().find(".index.json") != std::string::npos)
            found.push_back(path);
    return found;
}

}  // namespace

TEST_CASE("real files: safetensors") {
    SKIP_WITHOUT_DATA();
    const auto paths = files_in(test::shared_data() / "files", ".safetensors");
    CHECK(paths.size() >= 20);
    int tensors = 0;
    for (const fs::path& path : paths)
        for (const aka::access how : every_access) check_safetensors(path, how, tensors);
    CHECK(tensors >= 3 * 80);
    std::printf("real files: %zu safetensors, %d tensors\n", paths.size(), tensors / 3);
}

TEST_CASE("real files: gguf") {
    SKIP_WITHOUT_DATA();
    const auto paths = files_in(test::shared_data() / "files", ".gguf");
    CHECK(paths.size() >= 10);
    std::uint64_t values = 0;
    for (const fs::path& path : paths)
        for (const aka::access how : every_access) check_gguf(path, how, values);
    CHECK(values >= 3 * 300000);
    std::printf("real files: %zu gguf, %llu keys and elements\n", paths.size(),
                static_cast<unsigned long long>(values / 3));
}

TEST_CASE("real files: the samples of the repository") {
    int tensors = 0;
    std::uint64_t values = 0;
    for (const aka::access how : every_access) {
        for (const fs::path& path : files_in(test::samples(), ".safetensors"))
            check_safetensors(path, how, tensors);
        for (const fs::path& path : files_in(test::samples(), ".gguf"))
            check_gguf(path, how, values);
    }
    CHECK(tensors > 0);
    CHECK(values > 0);
    const auto sharded = checkpoint::open(test::samples() / "llama-sharded");
    REQUIRE_OK(sharded);
    const auto map = weight_map(test::samples() / "llama-sharded" / "model.safetensors.index.json");
    CHECK(sharded->size() == map.size());
    for (const aka::tensor t : *sharded)
        CHECK(fs::path(std::string(t.file())).filename().string() == map.at(std::string(t.name())));
}

TEST_CASE(
    "real files: what an index alone gives, where asked for, of shards that are absent or "
    "foreign") {
    aka::checkpoint_options list_names;
    list_names.names_only = true;
    const test::temp_folder folder;
    const std::map<std::string, std::string> map = {
        {"x", "model-1.bin"}, {"y", "model-1.bin"}, {"a", "model-2.bin"}};
    const auto check = [&](const aka::result<checkpoint>& c) {
        REQUIRE_OK(c);
        CHECK(c->format() == aka::checkpoint_format::index);
        CHECK(c->size() == 3);
        CHECK(c->file_count() == 0);
        CHECK(c->notes().size() == 2);
        CHECK(*c->metadata().find("total_size").as<int>() == 1);
        for (const auto& entry : map) {
            const aka::tensor t = c->find(entry.first);
            REQUIRE(t);
            CHECK(t.name() == entry.first);
            CHECK_FALSE(t.has_shape());
            CHECK(t.dtype() == aka::dtype::unknown);
            CHECK(t.file().empty());
            CHECK_FALSE(t.is_view());
            CHECK_REFUSED(t.bytes(), no_data);
            CHECK_REFUSED(t.slice(0, 0, 0), no_data);
            CHECK_REFUSED(t.copy_to({}), no_data);
            CHECK_REFUSED(t.prefetch(), no_data);
        }
    };
    test::write_file(folder / "pytorch_model.bin.index.json", test::index_json(map, 1));
    const auto refused = checkpoint::open(folder.path());
    CHECK_REFUSED(refused, not_a_checkpoint);
    CHECK(test::mentions(refused.error(), "pytorch_model.bin.index.json"));
    check(checkpoint::open(folder.path(), list_names));
    for (const char* present : {"", "model-1.bin"}) {
        if (*present != '\0') test::write_file(folder / present, "PK");
        const fs::path index = folder / "pytorch_model.bin.index.json";
        CHECK_REFUSED(checkpoint::open(index), not_a_checkpoint);
        check(checkpoint::open(index, list_names));
    }
    // With shards there, the option changes nothing.
    test::write_file(folder / "s.safetensors",
                     test::write_safetensors({test::filled("x", "U8", {1})}));
    test::write_file(folder / "model.safetensors.index.json",
                     test::index_json({{"x", "s.safetensors"}}, 1));
    CHECK(checkpoint::open(folder.path(), list_names)->format() ==
          aka::checkpoint_format::safetensors);
}

TEST_CASE("real files: indexes of real models, as lists of names") {
    SKIP_WITHOUT_DATA();
    aka::checkpoint_options names_only;
    names_only.names_only = true;
    std::size_t indexes = 0, names = 0;
    for (const fs::path& index : real_indexes()) {
        CAPTURE(index.string());
        const auto map = weight_map(index);
        for (const fs::path& path : {index, index.parent_path()}) {
            // In a folder with two, the one of safetensors is taken.
            const bool other = path != index && fs::exists(path / "model.safetensors.index.json") &&
                               index.filename() != "model.safetensors.index.json";
            if (other) continue;
            const auto c = checkpoint::open(path, names_only);
            REQUIRE_OK(c);
            CHECK(c->format() == aka::checkpoint_format::index);
            CHECK(c->size() == map.size());
            std::size_t missing = 0;
            for (const auto& [name, shard] : map) missing += !c->find(name);
            CHECK(missing == 0);
            const bool foreign = map.begin()->second.find(".safetensors") == std::string::npos;
            const auto refused = checkpoint::open(path);
            CHECK(refused.code() ==
                  (foreign ? aka::errc::not_a_checkpoint : aka::errc::missing_file));
        }
        ++indexes;
        names += map.size();
    }
    CHECK(indexes >= 30);
    std::printf("real files: %zu indexes, %zu names\n", indexes, names);
    for (const auto& e : fs::directory_iterator(test::shared_data() / "checkpoints")) {
        bool has_index = false;
        for (const fs::path& index : real_indexes())
            has_index = has_index || index.parent_path() == e.path();
        if (e.is_directory() && !has_index)
            CHECK_REFUSED(checkpoint::open(e.path(), names_only), not_a_checkpoint);
    }
}

TEST_CASE("real files: indexes of real models, with shards that fit them") {
    SKIP_WITHOUT_DATA();
    for (const fs::path& index : real_indexes()) {
        if (index.filename() != "model.safetensors.index.json") continue;
        CAPTURE(index.string());
        const auto map = weight_map(index);
        std::map<std::string, std::vector<test::st_tensor>> shards;
        for (const auto& [name, shard] : map)
            shards[shard].push_back(test::filled(name, "U8", {2}));
        const test::temp_folder folder;
        for (const auto& [shard, tensors] : shards)
            test::write_file(folder / shard, test::write_safetensors(tensors));
        fs::copy_file(index, folder / index.filename().string());
        const auto c = checkpoint::open(folder.path());
        REQUIRE_OK(c);
        CHECK(c->size() == map.size());
        CHECK(c->file_count() == shards.size());
        CHECK(c->notes().empty());
        std::size_t wrong = 0;
        for (const auto& [shard, tensors] : shards) {
            for (const test::st_tensor& e : tensors) {
                const aka::tensor t = c->find(e.name);
                wrong += !t || fs::path(std::string(t.file())).filename().string() != shard ||
                         test::text_of(*t.bytes()) != e.data;
            }
        }
        CHECK(wrong == 0);
    }
}

}  // namespace test_real_files
