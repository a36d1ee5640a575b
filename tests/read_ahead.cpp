// Reading ahead: never further than the window and one tensor, in the order of use.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/files.hpp"
#include "support/spellings.hpp"

#include <aka/adapt.hpp>
#include <aka/checkpoint.hpp>
#include <aka/llama.hpp>
#include <aka/read_ahead.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace test_read_ahead {

namespace {

// The share of a file's pages that are in memory.
double cached(const aka::mapped_file& f) {
#if defined(__linux__)
    std::vector<unsigned char> pages(static_cast<std::size_t>((f.size() + 4095) / 4096));
    if (::mincore(const_cast<std::byte*>(f.data()), static_cast<std::size_t>(f.size()),
                  pages.data()) != 0)
        return -1;
    double n = 0;
    for (unsigned char p : pages) n += p & 1;
    return n / static_cast<double>(pages.size());
#else
    (void)f;
    return -1;
#endif
}

}  // namespace

TEST_CASE("read_ahead: the window is kept full and no fuller") {
    const test::temp_folder folder;
    auto file = aka::checkpoint::open(test::write_spelling(test::find_spelling("baichuan"),
                                                           test::standard_models("F32")[1].model,
                                                           folder.path())
                                          .string());
    REQUIRE(file);
    auto hf = aka::adapt(*file, "meta", test::known());
    REQUIRE(hf);
    std::uint64_t largest = 0, all = 0;
    std::vector<aka::tensor> backwards;
    for (const aka::tensor& t : *hf) {
        largest = std::max(largest, t.stored().size_bytes());
        all += t.stored().size_bytes();
        backwards.insert(backwards.begin(), t);
    }
    for (std::uint64_t window : {std::uint64_t{0}, std::uint64_t{3000}, std::uint64_t{1} << 30}) {
        aka::read_ahead_options o;
        o.window = window;
        o.drop_behind = window == 3000;
        auto ahead = aka::read_ahead::over(backwards, o);
        REQUIRE(ahead);
        for (std::size_t i = 0; i < backwards.size(); ++i) {
            REQUIRE(ahead->use(i));
            CHECK(ahead->ahead() >= std::min(backwards[i].size_bytes(), window));
            // A box's range may be as long as what it is cut out of.
            CHECK(ahead->ahead() <= window + 3 * largest);
        }
        CHECK(ahead->use(backwards.size()).error().code() == aka::errc::out_of_range);
    }
    // Leaving some out is no harm.
    auto ahead = aka::read_ahead::over(*file, {});
    REQUIRE(ahead);
    CHECK(ahead->use(0));
    CHECK(ahead->use(5));
    CHECK(ahead->use(file->size() - 1));
    CHECK(all > 0);
}

TEST_CASE(
    "read_ahead: a bound model, layer after layer, though files list layer 10 before layer 2") {
    test::model_config c = test::standard_models("F16")[0].model.config;
    c.n_layer = 12;
    const test::temp_folder folder;
    const test::model m = test::random_model(c, 3);
    auto model = aka::llama::open(
        test::write_spelling(test::find_spelling("hf_llama"), m, folder.path()).string(), {},
        test::known());
    REQUIRE(model);
    const auto layer_bytes = [&](std::uint64_t l) {
        std::uint64_t n = 0;
        for (const aka::tensor& t : model->tensors())
            if (std::string(t.name()).find("blk." + std::to_string(l) + ".") == 0)
                n += t.size_bytes();
        return n;
    };
    REQUIRE(layer_bytes(2) > 0);
    aka::read_ahead_options o;
    o.window = 1;  // what is used itself, and nothing more
    auto ahead = aka::read_ahead::by_layer(*model, o);
    REQUIRE(ahead);
    REQUIRE(ahead->use(0));
    CHECK(ahead->ahead() == model->token_embd().size_bytes());
    o.window = model->token_embd().size_bytes() + layer_bytes(0) + layer_bytes(1) + layer_bytes(2);
    ahead = aka::read_ahead::by_layer(*model, o);
    REQUIRE(ahead->use(0));
    CHECK(ahead->ahead() == o.window);  // exactly the first three, so in this order
    REQUIRE(ahead->use(3));
    CHECK(ahead->ahead() >= o.window);
    REQUIRE(ahead->use(13));
    CHECK(ahead->ahead() == model->output_norm().size_bytes() + model->output().size_bytes());
    CHECK(ahead->use(14).error().code() == aka::errc::out_of_range);
}

TEST_CASE("read_ahead: what was asked for comes") {
    const test::temp_folder folder;
    std::vector<test::st_tensor> tensors;
    for (int i = 0; i < 8; ++i)
        tensors.push_back({"t" + std::to_string(i), "F16", {512, 1024}, std::string(1 << 20, 'x')});
    test::write_file(folder / "model.safetensors", test::write_safetensors(tensors));
    auto file = aka::checkpoint::open((folder / "model.safetensors").string());
    REQUIRE(file);
    const aka::mapped_file& f = file->file(0);
#if defined(__linux__)
    // Only what is on the disk can be forgotten.
    const int fd = ::open((folder / "model.safetensors").c_str(), O_RDONLY);
    ::fsync(fd);
    ::close(fd);
#endif
    REQUIRE(f.drop_cache(0, f.size()));
    if (cached(f) < 0 || cached(f) > 0.5)
        SKIP_TEST("this system does not say what is cached, or does not let it go");
    aka::read_ahead_options o;
    o.window = std::uint64_t{2} << 20;
    auto ahead = aka::read_ahead::over(*file, o);
    REQUIRE(ahead);
    REQUIRE(ahead->use(0));
    CHECK(ahead->ahead() == std::uint64_t{2} << 20);
    double came = 0;
    for (int i = 0; i < 200 && came < 0.2; ++i, came = cached(f))
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(came >= 0.2);
    for (std::size_t i = 1; i < file->size(); ++i) REQUIRE(ahead->use(i));
    for (int i = 0; i < 200 && came < 0.99; ++i, came = cached(f))
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(came >= 0.99);
}

TEST_CASE("read_ahead: told to wait, it says what cannot be read") {
    const test::temp_folder folder;
    const auto path = test::write_spelling(test::find_spelling("hf_llama"),
                                           test::standard_models("F32")[0].model, folder.path());
    auto file = aka::checkpoint::open(path.string());
    REQUIRE(file);
    aka::read_ahead_options o;
    o.window = 0;
    o.wait = true;
    auto ahead = aka::read_ahead::over(*file, o);
    REQUIRE(ahead);
    CHECK(ahead->use(0));
    std::filesystem::resize_file(folder / "model.safetensors", file->file(0).size() / 2);
    const std::size_t last = file->size() - 1;
    CHECK(ahead->use(last).error().code() == aka::errc::file_changed);
    o.wait = false;
    ahead = aka::read_ahead::over(*file, o);
    CHECK(ahead->use(last));
}

TEST_CASE("checkpoint::prefetch: all files, a window at a time, as far as it may") {
    const test::temp_folder folder;
    test::spelling_options shards;
    shards.shards = 3;
    test::write_spelling(test::find_spelling("hf_llama"), test::standard_models("F32")[0].model,
                         folder.path(), shards);
    struct told {
        std::uint64_t calls = 0, done = 0, all = 0, most = ~std::uint64_t{0};
        static bool go_on(void* self, std::uint64_t done, std::uint64_t all) {
            told& t = *static_cast<told*>(self);
            if (done >= t.most) return false;
            CHECK(done >= t.done);
            t.done = done, t.all = all;
            return ++t.calls, true;
        }
    };
    std::string cut;
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        aka::checkpoint_options o;
        o.how = how;
        auto file = aka::checkpoint::open(folder.path(), o);
        REQUIRE(file);
        REQUIRE(file->file_count() == 3);
        std::uint64_t bytes = 0, windows = 0;
        for (std::uint32_t i = 0; i < 3; ++i) {
            const std::uint64_t n = file->data_end(i) - file->data_begin(i);
            bytes += n, windows += (n + 9999) / 10000;
        }
        CHECK(file->prefetch());
        if (how == aka::access::map)
            for (std::uint32_t i = 0; i < 3; ++i)
                CHECK((cached(file->file(i)) < 0 || cached(file->file(i)) > 0.99));
        told t;
        aka::prefetch_policy p{10000, &t, told::go_on};
        CHECK(file->prefetch(p));
        CHECK(t.calls == windows);
        CHECK(t.all == bytes);
        CHECK(bytes - t.done <= 10000);

        t = {};
        t.most = bytes / 2;
        CHECK(file->prefetch(p).error().code() == aka::errc::cancelled);
        CHECK(t.done < bytes / 2);
        cut = std::string(file->file(2).path());
    }
    aka::checkpoint_options o;
    o.how = aka::access::header;
    CHECK(aka::checkpoint::open(folder.path(), o)->prefetch().error().code() == aka::errc::no_data);

    auto file = aka::checkpoint::open(folder.path());
    REQUIRE(file);
    std::filesystem::resize_file(cut, file->file(2).size() - 1);
    const aka::status s = file->prefetch();
    REQUIRE_FALSE(s);
    CHECK(s.error().code() == aka::errc::file_changed);
    CHECK(std::string(s.error().message().view()).find(cut) != std::string::npos);
}

}  // namespace test_read_ahead
