// Large things: files of 60 GiB, offsets over 2^32, a million tensors, a million keys, models of
// 140 GB. The files are sparse: they take no room on the disk.
#include <aka/checkpoint.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/expect_gguf.hpp"
#include "support/expect_tensors.hpp"
#include "support/files.hpp"
#include "support/model.hpp"
#include "support/sanitized.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace test_large {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

class stopwatch {
  public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Linear work takes a second or two here, also under sanitizers; quadratic work, hours.
constexpr double patience = 30;

// Whether this system gives us a file of that size for nothing.
bool can_be_sparse(const fs::path& folder, std::uint64_t size) {
    std::error_code failed;
    const fs::path path = folder / "probe";
    test::write_file(path, "x");
    fs::resize_file(path, size, failed);
    fs::remove(path);
    return !failed && sizeof(std::size_t) == 8;
}

void patch(const fs::path& path, std::uint64_t at, const std::string& bytes) {
    std::fstream f(path, std::ios::binary | std::ios::in | std::ios::out);
    f.seekp(static_cast<std::streamoff>(at));
    f.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    f.close();
    REQUIRE(f);
}

std::string rows(const aka::tensor& t, std::uint64_t first, std::uint64_t n, std::size_t bytes) {
    std::string out(bytes, '\0');
    const auto s = t.copy_rows(first, n, {reinterpret_cast<std::byte*>(out.data()), out.size()});
    REQUIRE_OK(s);
    return out;
}

// `vast` is [30 * 2^20, 1024] bytes; rows 7 and 20 * 2^20 of it have been written.
void check_vast(const aka::tensor_list& file, const std::string& row, const std::string& end) {
    const aka::tensor t = file.find("vast");
    REQUIRE(t);
    CHECK(t.size_bytes() == 30 * gib);
    const std::uint64_t far = 20 << 20;
    CHECK(rows(t, 7, 1, 1024) == row);
    CHECK(rows(t, far, 1, 1024) == row);
    CHECK(rows(t, far - 1, 2, 2048) == std::string(1024, '\0') + row);
    CHECK(rows(t, (30u << 20) - 1, 1, 1024) == std::string(1024, '\0'));
    const auto slice = t.slice(0, far, 3);
    REQUIRE_OK(slice);
    CHECK(test::contents(*slice).substr(0, 1024) == row);
    const auto column = t.slice(1, 1000, 24);
    REQUIRE_OK(column);
    CHECK(column->size_bytes() == (std::uint64_t{30} << 20) * 24);
    CHECK(rows(*column, far, 1, 24) == row.substr(1000));
    if (t.is_view()) CHECK(test::text_of(*t.row(far)) == row);
    CHECK(test::contents(file.find("end")) == end);
    CHECK(file.find("end").offset() > 60 * gib);
    CHECK_OK(file.find("end").prefetch());
    CHECK_OK(file.file(0).prefetch(file.find("end").offset() - 5000, 4000));
    CHECK_OK(file.file(0).drop_cache(0, 60 * gib));
    CHECK(test::contents(file.find("end")) == end);
}

}  // namespace

TEST_CASE("large: a file of 60 GiB, safetensors and gguf") {
    const test::temp_folder folder;
    if (!can_be_sparse(folder.path(), 61 * gib)) SKIP_TEST("this system makes no file of 60 GiB");
    const std::string row = test::random_bytes(1024, 1), end = test::random_bytes(4000, 2);
    const auto place = [&](const fs::path& path, std::uint64_t vast) {
        patch(path, vast + 7 * 1024, row);
        patch(path, vast + (std::uint64_t{20} << 20) * 1024, row);
    };
    const fs::path st = folder / "a.safetensors", gguf = folder / "a.gguf";
    const std::vector<test::st_tensor> tensors = {{"hole", "BF16", {15 << 20, 1024}, ""},
                                                  {"vast", "U8", {30 << 20, 1024}, ""},
                                                  {"end", "F32", {1000}, end}};
    const std::uint64_t size = test::write_sparse_safetensors(st, tensors);
    CHECK(size > 60 * gib);
    place(st, size - end.size() - 30 * gib);
    test::gguf_writer w;
    w.add("general.architecture", "llama");
    w.add_tensor("hole", 30, {15 << 20, 1024}).add_tensor("vast", 24, {30 << 20, 1024});
    w.add_tensor("end", 0, {1000}, end);
    w.save(gguf);
    place(gguf, w.layout().data_start + 30 * gib);
    for (const fs::path& path : {st, gguf}) {
        for (const aka::access how : {aka::access::map, aka::access::read}) {
            test::alloc_scope memory;
            const stopwatch watch;
            const auto c = aka::checkpoint::open(path, {how});
            if (test::timed) CHECK(watch.seconds() < 1);
            REQUIRE_OK(c);
            check_vast(*c, row, end);
            CHECK(memory.largest() < 8 << 20);
        }
        const auto header = aka::checkpoint::open(path, {aka::access::header});
        REQUIRE_OK(header);
        CHECK(header->find("vast").size_bytes() == 30 * gib);
    }
    // Cut off in the last tensor, far behind 2^32.
    fs::resize_file(st, size - 1);
    const auto cut = aka::checkpoint::open(st);
    CHECK_REFUSED(cut, truncated);
    CHECK(test::mentions(cut.error(), "1 bytes short"));
    CHECK(cut.error().offset() == size - 1);
}

TEST_CASE("large: a million tensors, safetensors and gguf") {
    const std::uint32_t n = 1000000;
    const auto name = [](std::uint32_t i) {
        return "model.layers." + std::to_string(i / 10) + ".part." + std::to_string(i % 10) +
               ".weight";
    };
    std::string data, json = "{";
    test::bytes_builder infos;
    infos.put_raw("GGUF").put_u32(3).put_u64(n).put_u64(1);
    infos.put_string("general.alignment").put_u32(4).put_u32(1);
    for (std::uint32_t i = 0; i < n; ++i) {
        data += static_cast<char>(i % 251);
        const std::string one = name(i), at = std::to_string(i), next = std::to_string(i + 1);
        json +=
            (i == 0 ? "\"" : ",\"") + one + R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" + at;
        json += "," + next + "]}";
        infos.put_string(one).put_u32(1).put_u64(1).put_u32(24).put_u64(i);
    }
    const std::string st = test::safetensors_raw(json + "}", data);
    const std::string gguf = std::move(infos).str() + data;
    const auto check = [&](const auto& file) {
        REQUIRE_OK(file);
        REQUIRE(file->size() == n);
        const stopwatch watch;
        std::uint32_t wrong = 0;
        for (std::uint32_t i = 0; i < n; ++i) {
            const aka::tensor t = file->find(name(i));
            if (!t || t.size_bytes() != 1 || !t.is_view() ||
                static_cast<char>((*t.bytes())[0]) != data[i])
                ++wrong;
        }
        CHECK(wrong == 0);
        CHECK_FALSE(file->find(name(n)));
        CHECK_FALSE(file->find(""));
        CHECK(watch.seconds() < patience);
    };
    const stopwatch first;
    check(aka::safetensors::parse(aka::as_bytes(st)));
    CHECK(first.seconds() < patience);
    const stopwatch second;
    check(aka::gguf::parse(aka::as_bytes(gguf)));
    CHECK(second.seconds() < patience);
}

TEST_CASE("large: a million tensors in the worst order") {
    // Backwards, so that they have to be sorted; and in GGUF, so that gaps have to be looked for.
    const std::uint32_t n = 1000000;
    std::string json = "{";
    test::bytes_builder infos;
    infos.put_raw("GGUF").put_u32(3).put_u64(n).put_u64(1);
    infos.put_string("general.alignment").put_u32(4).put_u32(1);
    for (std::uint32_t i = n; i-- > 0;) {
        const std::string one = std::to_string(i), next = std::to_string(i + 1);
        json += (json.size() == 1 ? "\"" : ",\"") + one +
                R"(":{"dtype":"U8","shape":[1],"data_offsets":[)";
        json += one + "," + next + "]}";
        infos.put_string(one).put_u32(1).put_u64(1).put_u32(24).put_u64(i);
    }
    const std::string data(n, 'x');
    const stopwatch watch;
    const std::string st = test::safetensors_raw(json + "}", data);
    const auto a = aka::safetensors::parse(aka::as_bytes(st));
    REQUIRE_OK(a);
    CHECK((*a)[0].name() == "0");
    CHECK((*a)[n - 1].name() == std::to_string(n - 1));
    const std::string gguf = std::move(infos).str() + data;
    const auto b = aka::gguf::parse(aka::as_bytes(gguf));
    REQUIRE_OK(b);
    CHECK(b->find("0").offset() == b->data_begin());
    CHECK(watch.seconds() < patience);
}

TEST_CASE("large: a million keys, safetensors and gguf") {
    const std::uint32_t n = 1000000;
    std::string json = "{\"__metadata__\":{";
    test::bytes_builder kvs;
    kvs.put_raw("GGUF").put_u32(3).put_u64(0).put_u64(n);
    for (std::uint32_t i = 0; i < n; ++i) {
        const std::string key = "key." + std::to_string(i);
        json += (i == 0 ? "\"" : ",\"") + key + "\":\"" + std::to_string(i) + "\"";
        kvs.put_string(key).put_u32(4).put_u32(i);
    }
    const std::string st = test::safetensors_raw(json + "}}"), gguf = std::move(kvs).str();
    const stopwatch watch;
    const auto a = aka::safetensors::parse(aka::as_bytes(st));
    const auto b = aka::gguf::parse(aka::as_bytes(gguf));
    REQUIRE_OK(a);
    REQUIRE_OK(b);
    REQUIRE(a->metadata().size() == n);
    REQUIRE(b->metadata().size() == n);
    std::uint32_t wrong = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
        const std::string key = "key." + std::to_string(i);
        wrong += a->metadata().find(key).as_string().value_or("") != std::to_string(i);
        wrong += b->metadata().find(key).as<std::uint32_t>().value_or(n) != i;
    }
    CHECK(wrong == 0);
    CHECK_FALSE(a->metadata().find("key.1000000"));
    CHECK(watch.seconds() < patience);
}

TEST_CASE("large: a model of 140 GB in thirty shards opens at once") {
    const test::temp_folder folder;
    if (!can_be_sparse(folder.path(), 8 * gib)) SKIP_TEST("this system makes no sparse files");
    test::model_config config;
    config.n_layer = 80;
    config.n_embd = 8192;
    config.n_head = 64;
    config.n_head_kv = 8;
    config.head_dim = 128;
    config.n_ff = 28672;
    config.n_vocab = 128256;
    config.dtype = "BF16";
    const auto tensors = test::model_shapes(config).list();
    test::write_sharded(folder.path(), tensors, 30);
    double best = 1e9;
    for (int i = 0; i < 5; ++i) {
        const stopwatch watch;
        const auto c = aka::checkpoint::open(folder.path());
        best = std::min(best, watch.seconds());
        REQUIRE_OK(c);
        CHECK(c->size() == tensors.size());
        std::uint64_t bytes = 0;
        for (const aka::tensor t : *c) bytes += t.size_bytes();
        CHECK(bytes > 140000000000);
        for (const auto& t : tensors) test::check_same(c->find(t.name), t);
    }
    std::printf("large: 140 GB in 30 shards: opened in %.1f ms\n", best * 1e3);
    if (test::timed) CHECK(best < 0.25);
}

TEST_CASE("large: at most 128 bytes of memory for each of 92,000 tensors") {
    // Around powers of two, where tables double.
    for (const std::size_t n : {std::size_t{65536}, std::size_t{65537}, std::size_t{92000}}) {
        const test::temp_folder folder;
        std::vector<test::st_tensor> tensors;
        test::gguf_writer w;
        for (std::size_t i = 0; i < n; ++i) {
            const std::string name = "model.layers." + std::to_string(i) + ".mlp.down_proj.weight";
            tensors.push_back({name, "F32", {2, 4}, ""});
            w.add_tensor(name, 0, {2, 4});
        }
        tensors.push_back({"a large one", "F32", {1 << 20, 64}, ""});
        w.add_tensor("a large one", 0, {1 << 20, 64});
        test::write_sparse_safetensors(folder / "a.safetensors", tensors);
        w.save(folder / "a.gguf");
        const auto bound = static_cast<std::int64_t>(128 * (n + 1) + 16384);
        for (const char* file : {"a.safetensors", "a.gguf"}) {
            for (const aka::access how :
                 {aka::access::map, aka::access::read, aka::access::header}) {
                test::alloc_scope memory;
                const auto c = aka::checkpoint::open(folder / file, {how});
                REQUIRE_OK(c);
                CHECK(c->size() == n + 1);
                const auto header = static_cast<std::int64_t>(c->data_begin());
                CAPTURE(file);
                CAPTURE(static_cast<int>(how));
                CHECK(memory.held() <= bound + (how == aka::access::map ? 0 : header));
            }
        }
    }
}

TEST_CASE("large: a safetensors header of 100,000,000 bytes, and one more") {
    const std::uint64_t most = 100000000;
    for (const std::uint64_t size : {most, most + 1}) {
        test::bytes_builder b;
        b.put_u64(size).put_raw("{}").put_fill(static_cast<std::size_t>(size) - 2, ' ');
        test::alloc_scope memory;
        const auto ours = aka::safetensors::parse(aka::as_bytes(b.str()));
        CHECK(ours.code() == (size == most ? aka::errc::none : aka::errc::header_too_large));
        CHECK(memory.largest() <= 4096);
        // From a file: a header that is too large is not read, nor is room made for it.
        const test::temp_folder folder;
        test::write_file(folder / "a.safetensors", b.str());
        memory.restart();
        const auto file = aka::safetensors::open(folder / "a.safetensors", {aka::access::header});
        CHECK(file.code() == (size == most ? aka::errc::none : aka::errc::header_too_large));
        CHECK(memory.largest() <= (size == most ? most : 4096));
    }
}

}  // namespace test_large
