// A whole model as one list of tensors, however its files are cut and whatever lies beside them.
#include <aka/checkpoint.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/expect_gguf.hpp"
#include "support/expect_tensors.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/model.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace test_checkpoint {

namespace fs = std::filesystem;

namespace {

using aka::checkpoint;
using aka::errc;
using test::filled;
using test::st_tensor;

const aka::checkpoint_options names_only = [] {
    aka::checkpoint_options o;
    o.names_only = true;
    return o;
}();

std::vector<st_tensor> model() { return test::random_model({}, 11).list(); }

void check_model(const checkpoint& c, const std::vector<st_tensor>& expected) {
    REQUIRE(c.size() == expected.size());
    for (const st_tensor& e : expected) {
        const aka::tensor t = c.find(e.name);
        REQUIRE_MESSAGE(t, e.name);
        test::check_same(t, e);
        CHECK_MESSAGE(test::contents(t) == e.data, e.name);
    }
}
void save(const fs::path& path, const std::vector<st_tensor>& tensors) {
    test::write_file(path, test::write_safetensors(tensors));
}
void save_index(const fs::path& path, const std::map<std::string, std::string>& map) {
    test::write_file(path, test::index_json(map, 1));
}
// What the notes say, as "what|name|file name", sorted.
std::vector<std::string> notes(const checkpoint& c) {
    std::vector<std::string> out;
    for (const aka::note& n : c.notes())
        out.push_back(std::string(n.what) + "|" + std::string(n.name) + "|" +
                      fs::path(std::string(n.file)).filename().string());
    std::sort(out.begin(), out.end());
    return out;
}
std::string passed_over(const std::string& file) {
    return "this file of the folder was passed over||" + file;
}

test::gguf_writer gguf_model(std::size_t n) {
    test::gguf_writer w;
    w.add("general.architecture", "llama").add("tokens", std::vector<std::string>{"a", "b"});
    for (std::size_t i = 0; i < n; ++i)
        w.tensors.push_back(test::filled_gguf("blk." + std::to_string(i) + ".x", 0, {i + 1, 4}));
    return w;
}
void check_gguf(const checkpoint& c, const test::gguf_writer& w) {
    CHECK(c.format() == aka::checkpoint_format::gguf);
    REQUIRE(c.size() == w.tensors.size());
    for (const test::gguf_tensor& e : w.tensors) {
        test::check_same(c.find(e.name), e);
        CHECK(test::contents(c.find(e.name)) == e.data);
    }
    for (const auto& [key, value] : w.kvs) CHECK(c.metadata().find(key));
}

}  // namespace

TEST_CASE("checkpoint: one file, by any kind of path, told by its first bytes") {
    const test::temp_folder folder;
    const auto tensors = model();
    save(folder / "model.safetensors", tensors);
    const fs::path path = folder / "model.safetensors";
    const std::string text = path.string();
    for (const auto& open :
         {std::function<aka::result<checkpoint>()>([&] { return checkpoint::open(path); }),
          {[&] { return checkpoint::open(text); }},
          {[&] { return checkpoint::open(text.c_str()); }},
          {[&] { return checkpoint::open(std::string_view(text)); }},
          {[&] { return checkpoint::open(path.wstring()); }},
          {[&] { return checkpoint::open(folder.path()); }}}) {
        const auto c = open();
        REQUIRE_OK(c);
        check_model(*c, tensors);
        CHECK(c->format() == aka::checkpoint_format::safetensors);
        CHECK(fs::path(std::string(c->folder())) == folder.path());
        CHECK(c->file_count() == 1);
        CHECK(fs::path(std::string(c->file(0).path())) == path);
        CHECK(c->notes().empty());
    }
    const auto w = gguf_model(3);
    w.save(folder / "no-extension");
    const auto c = checkpoint::open(folder / "no-extension");
    REQUIRE_OK(c);
    check_gguf(*c, w);
    CHECK(c->gguf_header().version == 3);
    CHECK(c->gguf_header().alignment == 32);

    const auto refused = [&](const std::string& name, const std::string& bytes) {
        test::write_file(folder / name, bytes);
        return checkpoint::open(folder / name);
    };
    CHECK_REFUSED(refused("a.bin", "PK\3\4 and so on"), not_a_checkpoint);
    CHECK_REFUSED(refused("a.pth", "\x80\x02}q"), not_a_checkpoint);
    CHECK_REFUSED(refused("a.pth",
                          "\x80\x02\x8a\nl\xfc\x9c"
                          "F\xf9 j\xa8P\x19.\x80\x02M\xe9"),
                  not_a_checkpoint);
    // The length of a header may begin as a pickle does.
    for (const std::size_t header : {0x280u, 0x10280u}) {
        std::string json = R"({"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
        json.resize(header, ' ');
        test::write_file(folder / "b.safetensors", test::safetensors_raw(json, "xy"));
        CHECK_OK(checkpoint::open(folder / "b.safetensors"));
    }
    CHECK_REFUSED(refused("a.gguf", "GGMF"), bad_magic);
    CHECK_REFUSED(refused("a.gguf", ""), truncated);
    CHECK_REFUSED(refused("a", ""), header_too_small);
    CHECK_REFUSED(refused("a.json", "{}"), bad_index);
    CHECK_REFUSED(checkpoint::open(folder / "absent"), missing_file);
    CHECK_REFUSED(checkpoint::open(""), missing_file);
    const test::temp_folder empty;
    CHECK_REFUSED(checkpoint::open(empty.path()), not_a_checkpoint);
}

TEST_CASE("checkpoint: shards by their index, mapped, read and as headers") {
    const test::temp_folder folder;
    const auto tensors = model();
    const auto map = test::write_sharded(folder.path(), tensors, 4);
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        for (const fs::path& path : {folder.path(), folder / "model.safetensors.index.json"}) {
            const auto c = checkpoint::open(path, {how});
            REQUIRE_OK(c);
            check_model(*c, tensors);
            CHECK(c->file_count() == 4);
            for (const aka::tensor t : *c) {
                const fs::path file = std::string(t.file());
                CHECK(file.filename().string() == map.at(std::string(t.name())));
                CHECK(t.file() == c->file(t.file_index()).path());
            }
            std::uint64_t total = 0;
            for (const st_tensor& t : tensors) total += t.bytes();
            CHECK(*c->metadata().find("total_size").as<std::uint64_t>() == total);
            CHECK(test::text_value(c->metadata().find("format")) == "pt");
            CHECK(c->notes().empty());
        }
    }
    const auto header = checkpoint::open(folder.path(), {aka::access::header});
    REQUIRE_OK(header);
    fs::remove_all(folder.path());
    for (const st_tensor& t : tensors) test::check_same(header->find(t.name), t);
}

TEST_CASE("checkpoint: a snapshot whose files are links into a store of blobs") {
    const test::temp_folder cache;
    const fs::path snapshot = cache / "snapshots" / "abc", blobs = cache / "blobs";
    fs::create_directories(snapshot);
    fs::create_directories(blobs);
    const auto tensors = model();
    test::write_sharded(snapshot, tensors, 3);
    std::vector<fs::path> files;
    for (const auto& e : fs::directory_iterator(snapshot)) files.push_back(e.path());
    for (const fs::path& f : files) {
        const std::string blob = std::to_string(test::hash_bytes(f.filename().string()));
        fs::rename(f, blobs / blob);
        std::error_code refused;
        fs::create_symlink(fs::path("../../blobs") / blob, f, refused);
        if (refused) SKIP_TEST("this system makes no symbolic links: " + refused.message());
    }
    for (const fs::path& path : {snapshot, snapshot / "model.safetensors.index.json"}) {
        const auto c = checkpoint::open(path);
        REQUIRE_OK(c);
        check_model(*c, tensors);
        CHECK(fs::path(std::string(c->folder())) == snapshot);
    }
    fs::remove(blobs / std::to_string(test::hash_bytes("model-00002-of-00003.safetensors")));
    CHECK_REFUSED(checkpoint::open(snapshot), missing_file);
}

TEST_CASE("checkpoint: a tensor a shard, more shards than a process keeps files open") {
    const test::temp_folder folder;
    std::vector<st_tensor> tensors;
    std::map<std::string, std::string> map;
    for (int i = 0; i < 400; ++i) {
        const std::string name = "model.layers." + std::to_string(i) + ".weight";
        tensors.push_back(filled(name, "F32", {2, 3}));
        map[name] = "model-00001-" + name + ".safetensors";
        save(folder / map[name], {tensors.back()});
    }
    save_index(folder / "model.safetensors.index.json", map);
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        const auto c = checkpoint::open(folder.path(), {how});
        REQUIRE_OK(c);
        check_model(*c, tensors);
        CHECK(c->notes().empty());
    }
    const auto c = checkpoint::open(folder.path());
    for (const aka::tensor t : *c) CHECK_OK(t.prefetch());
}

TEST_CASE("checkpoint: several choices in a folder are never mixed") {
    const auto tensors = model();
    const std::vector<st_tensor> other = {filled("layers.0.wq.weight", "F32", {2})};
    const test::temp_folder folder;
    const auto open = [&] { return checkpoint::open(folder.path()); };
    test::write_sharded(folder.path(), tensors, 2);
    save(folder / "consolidated.safetensors", other);
    gguf_model(1).save(folder / "a.gguf");
    {
        const auto c = open();
        REQUIRE_OK(c);
        check_model(*c, tensors);
        CHECK(notes(*c) ==
              std::vector{passed_over("a.gguf"), passed_over("consolidated.safetensors")});
    }
    // A shard is missing: that is an incomplete download, not a reason to take another model.
    fs::remove(folder / "model-00002-of-00002.safetensors");
    CHECK_REFUSED(open(), missing_file);
    // No shard is there at all: the index says nothing about what is.
    fs::remove(folder / "model-00001-of-00002.safetensors");
    {
        const auto c = open();
        REQUIRE_OK(c);
        check_model(*c, other);
        CHECK(notes(*c) == std::vector{passed_over("a.gguf")});
    }
    save(folder / "model.safetensors", tensors);
    save(folder / "adapter_model.safetensors", other);
    {
        const auto c = open();
        REQUIRE_OK(c);
        check_model(*c, tensors);
        CHECK(notes(*c).size() == 3);
    }
    fs::remove(folder / "model.safetensors");
    fs::remove(folder / "consolidated.safetensors");
    {
        const auto c = open();
        REQUIRE_OK(c);
        check_model(*c, other);
    }
    fs::remove(folder / "adapter_model.safetensors");
    {
        const auto c = open();
        REQUIRE_OK(c);
        check_gguf(*c, gguf_model(1));
    }
    fs::remove(folder / "a.gguf");
    CHECK_REFUSED(open(), missing_file);
}

TEST_CASE("checkpoint: the same choice under a path of any length") {
    const test::temp_folder folder;
    fs::path deep = folder.path();
    for (int i = 0; i < 5; ++i) {
        deep /= std::string(80, static_cast<char>('a' + i));
        fs::create_directory(deep);
        CAPTURE(deep.string().size());
        save_index(deep / "model.safetensors.index.json", {{"a", "absent.safetensors"}});
        const auto tensors = model();
        save(deep / "consolidated.safetensors", tensors);
        const auto c = checkpoint::open(deep);
        REQUIRE_OK(c);
        check_model(*c, tensors);
    }
}

TEST_CASE("checkpoint: numbered files without an index") {
    const test::temp_folder folder;
    const auto tensors = model();
    test::shard_options o;
    o.index = "";
    test::write_sharded(folder.path(), tensors, 3, o);
    const auto open = [&] { return checkpoint::open(folder.path()); };
    {  // not longer: on Windows a mapped file cannot be removed
        const auto c = open();
        REQUIRE_OK(c);
        check_model(*c, tensors);
        CHECK(c->file_count() == 3);
    }
    // Beside one of the preferred names it is passed over.
    save(folder / "consolidated.safetensors", {tensors[0]});
    CHECK(open()->size() == 1);
    fs::remove(folder / "consolidated.safetensors");
    fs::remove(folder / "model-00002-of-00003.safetensors");
    const auto missing = open();
    CHECK_REFUSED(missing, missing_file);
    CHECK(test::mentions(missing.error(), "model-00002-of-00003.safetensors"));
    CHECK(test::mentions(missing.error(), "part 2 of 3"));
    // A tensor in two of them.
    save(folder / "model-00002-of-00003.safetensors", {tensors[0]});
    const auto twice = open();
    CHECK_REFUSED(twice, duplicate_name);
    CHECK(test::mentions(twice.error(), "model-00001-of-00003.safetensors"));
    // A name that claims a hundred million parts is no reason to make room for them.
    const test::temp_folder claim;
    save(claim / "model-00001-of-100000000.safetensors", tensors);
    save(claim / "model-00002-of-100000000.safetensors", {});
    test::alloc_scope memory;
    CHECK_REFUSED(checkpoint::open(claim.path()), missing_file);
    CHECK(memory.largest() < 1000000);
}

TEST_CASE("checkpoint: a folder with several models is ambiguous, and says which they are") {
    const auto in_folder = [](const std::vector<std::string>& files) {
        const test::temp_folder folder;
        for (const std::string& f : files) {
            if (fs::path(f).extension() == ".gguf")
                gguf_model(1).save(folder / f);
            else if (fs::path(f).extension() == ".json")
                save_index(folder / f, {{"a", "x.safetensors"}});
            else
                save(folder / f, {filled("a", "U8", {1})});
        }
        return checkpoint::open(folder.path());
    };
    for (const auto& files : std::vector<std::vector<std::string>>{
             {"a.safetensors", "b.safetensors"},
             {"a.gguf", "b.gguf"},
             {"a-00001-of-00001.safetensors", "b-00001-of-00001.safetensors"},
             {"m-00001-of-00002.gguf", "m-00001-of-00003.gguf"},
             {"a.safetensors.index.json", "b.safetensors.index.json"}}) {
        const auto c = in_folder(files);
        CHECK_REFUSED(c, ambiguous);
        for (const std::string& f : files) CHECK(test::mentions(c.error(), f));
    }
    CHECK_OK(in_folder({"a.safetensors", "b.safetensors", "model.safetensors"}));
    CHECK_OK(in_folder({"b.safetensors", "a.gguf", "b.gguf"}));
    CHECK_OK(in_folder({"model-00001-of-00001.safetensors"}));
}

TEST_CASE("checkpoint: the index decides") {
    const test::temp_folder folder;
    const st_tensor a = filled("a", "F32", {4}), b = filled("b", "F32", {2}),
                    c = filled("c", "U8", {3});
    st_tensor stale = a;
    stale.data = std::string(16, 's');
    const fs::path index = folder / "model.safetensors.index.json";
    save(folder / "1.safetensors", {stale, c});
    save(folder / "2.safetensors", {a, b});
    save_index(index, {{"a", "2.safetensors"}, {"b", "2.safetensors"}, {"c", "1.safetensors"}});
    {
        const auto r = checkpoint::open(index);
        REQUIRE_OK(r);
        check_model(*r, {a, b, c});
        CHECK(notes(*r) ==
              std::vector<std::string>{
                  "also in a shard that the index does not name for it|a|1.safetensors"});
    }
    save_index(index, {{"a", "1.safetensors"}, {"c", "1.safetensors"}, {"b", "2.safetensors"}});
    {
        const auto r = checkpoint::open(index);
        REQUIRE_OK(r);
        check_model(*r, {stale, b, c});
    }
    save_index(index, {{"a", "2.safetensors"}});
    {
        const auto r = checkpoint::open(folder.path());
        REQUIRE_OK(r);
        check_model(*r, {a});
        CHECK(notes(*r) ==
              std::vector<std::string>{"in a shard, but not in the index|b|2.safetensors",
                                       passed_over("1.safetensors")});
    }
    save_index(index, {{"a", "1.safetensors"}, {"b", "1.safetensors"}});
    const auto missing = checkpoint::open(index);
    CHECK_REFUSED(missing, missing_tensor);
    CHECK(test::mentions(missing.error(), "'b' is listed in '1.safetensors'"));
    CHECK(test::mentions(missing.error(), index.filename().string()));
    save_index(index, {{"a", "1.safetensors"}, {"b", "3.safetensors"}});
    const auto shard = checkpoint::open(index);
    CHECK_REFUSED(shard, missing_file);
    CHECK(test::mentions(shard.error(), "3.safetensors"));
    CHECK(test::mentions(shard.error(), "'model.safetensors.index.json' lists"));
}

TEST_CASE("checkpoint: an index names files beside it and nothing else") {
    const test::temp_folder folder;
    const fs::path index = folder / "x.safetensors.index.json";
    fs::create_directory(folder / "sub");
    for (const char* f : {"a.safetensors", "sub/a.safetensors"})
        save(folder / f, {filled("a", "U8", {1})});
    const std::string absolute = (folder / "a.safetensors").string();
    for (const std::string& name :
         {std::string("sub/a.safetensors"), std::string("./a.safetensors"),
          std::string("../a.safetensors"), std::string(".."), std::string("."), std::string(""),
          std::string("sub\\a.safetensors"), std::string("C:a.safetensors"),
          std::string("a.safetensors\0", 14), absolute,
          std::string("\\\\server\\share\\a.safetensors")}) {
        CAPTURE(name);
        for (const aka::checkpoint_options& o : {aka::checkpoint_options(), names_only}) {
            save_index(index, {{"a", name}});
            CHECK_REFUSED(checkpoint::open(index, o), bad_index);
        }
    }
    // The same in JSON's disguise.
    test::write_file(index, R"({"weight_map":{"a":"\u002e\u002e\u002fa.safetensors"}})");
    CHECK_REFUSED(checkpoint::open(index), bad_index);
    test::write_file(index, R"({"weight_map":{"\u0061":"\u0061.safetensors"}})");
    const auto c = checkpoint::open(index);
    REQUIRE_OK(c);
    CHECK(c->find("a"));
}

TEST_CASE("checkpoint: a key that an index has twice is said with the name of the index") {
    const test::temp_folder folder;
    const fs::path index = folder / "model.safetensors.index.json";
    const std::string json =
        R"({"metadata":{"a":"1","a":"2"},"weight_map":{"x":"none.safetensors"}})";
    test::write_file(index, json);
    const auto c = checkpoint::open(index, names_only);
    CHECK_REFUSED(c, duplicate_key);
    CHECK(c.error().offset() == json.find("\"2\""));  // where its value is
    CHECK(fs::path(std::string(c.error().file())) == index);
}

TEST_CASE("checkpoint: an index that is none says where it goes wrong") {
    const test::temp_folder folder;
    const fs::path index = folder / "model.safetensors.index.json";
    save(folder / "s", {filled("a", "U8", {1})});
    for (const std::string& marked :
         {std::string("@"), std::string("@[]"), std::string(R"({"weight_map":@[]})"),
          std::string(R"({"weight_map":@null})"), std::string(R"({"weight_map":{"a":@1}})"),
          std::string(R"({"weight_map":{"a":@null}})"),
          std::string(R"({"weight_map":{"a":"s"}}@x)"),
          std::string(R"({"weight_map":{"a":"s"},@})"), std::string(R"({"weight_map":{"a":"s"}@)"),
          std::string("{\"weight_map\":{\"a\":\"@\xff\"}}"),
          std::string(R"({"metadata":{"a":@x}})")}) {
        std::string json = marked;
        const std::size_t at = json.find('@');
        json.erase(at, 1);
        CAPTURE(json);
        test::write_file(index, json);
        const auto c = checkpoint::open(folder.path());
        CHECK_REFUSED(c, bad_index);
        CHECK_MESSAGE(c.error().offset() == at, test::said(c));
        CHECK(fs::path(std::string(c.error().file())) == index);
    }
    for (const char* json :
         {"{}", R"({"weight_map":{}})", R"({"metadata":{"weight_map":{"a":"s"}}})",
          R"({"weight_map":{"a":"s","b":"s","\u0061":"s"}})"}) {
        test::write_file(index, json);
        CHECK_REFUSED(checkpoint::open(index), bad_index);
    }
    const std::string whole = R"({"metadata":{"n":1.5,"t":"x","l":[{}],"b":true},"weight_map":)"
                              R"({"a\n":"\u0073"},"more":[1,{"x":null}]})";
    for (std::size_t n = 0; n < whole.size(); ++n) {
        test::write_file(index, whole.substr(0, n));
        CHECK_REFUSED(checkpoint::open(index, names_only), bad_index);
    }
}

TEST_CASE("checkpoint: tensors live as long as any handle, wherever the handles go") {
    const test::temp_folder folder;
    const auto tensors = model();
    test::write_sharded(folder.path(), tensors, 3);
    test::alloc_scope memory;
    {
        auto opened = checkpoint::open(folder.path());
        REQUIRE_OK(opened);
        const aka::tensor first = (*opened)[0];
        const std::string before = test::contents(first);
        checkpoint moved = std::move(*opened);
        std::vector<checkpoint> many;
        for (int i = 0; i < 20; ++i) many.push_back(moved);  // the vector moves them as it grows
        CHECK(moved.keep().alone() == false);
        moved = many[7];
        many.clear();
        CHECK(test::contents(first) == before);
        const auto kept = moved.keep();
        {
            const checkpoint last = std::move(moved);
            check_model(last, tensors);
        }
        CHECK(moved.size() == 0);
        CHECK_FALSE(moved.find(tensors[0].name));
        CHECK(test::contents(first) == before);
        CHECK(kept.alone());
    }
    CHECK(memory.blocks() == 0);
    CHECK(memory.held() == 0);
}

TEST_CASE("checkpoint: used from four threads, mapped and not") {
    const test::temp_folder folder;
    const auto tensors = model();
    test::write_sharded(folder.path(), tensors, 3);
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        const auto opened = checkpoint::open(folder.path(), {how});
        REQUIRE_OK(opened);
        std::atomic<int> wrong{0};
        const auto work = [&] {
            for (int round = 0; round < 20; ++round) {
                const checkpoint mine = *opened;  // counted from several threads at once
                for (const st_tensor& e : tensors) {
                    const aka::tensor t = mine.find(e.name);
                    std::string out(e.data.size(), '\0');
                    if (!t.copy_to({reinterpret_cast<std::byte*>(out.data()), out.size()})) ++wrong;
                    if (test::little_endian(t, out) != e.data || test::shape_of(t) != e.shape)
                        ++wrong;
                }
                if (!mine.metadata().find("total_size").as<std::uint64_t>()) ++wrong;
            }
        };
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back(work);
        for (std::thread& t : threads) t.join();
        CHECK(wrong == 0);
        CHECK(opened->keep().alone() == false);
    }
}

}  // namespace test_checkpoint
