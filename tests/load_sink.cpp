// Loading through buffers that are fewer and smaller than the model: every byte of every tensor
// comes once, gathered or with the copies that are left to do.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/files.hpp"
#include "support/spellings.hpp"

#include <aka/adapt.hpp>
#include <aka/checkpoint.hpp>
#include <aka/load_sink.hpp>
#include <aka/load_threads.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

namespace test_load_sink {

namespace {

using test::known;

// Three buffers, and the tensors that are put together from them.
class pool {
  public:
    // The buffers begin so many bytes behind the beginning of a page.
    explicit pool(const std::vector<aka::tensor>& tensors, std::size_t size, std::size_t odd = 0)
        : tensors_(tensors), size_(size) {
        for (const aka::tensor& t : tensors) {
            whole_.emplace_back(static_cast<std::size_t>(t.size_bytes()), '\0');
            seen_.emplace_back(static_cast<std::size_t>(t.size_bytes()), '\0');
        }
        for (std::size_t i = 0; i < 3; ++i) {
            memory_[i].resize(size + 2 * 4096);
            buffers_[i] = aka::detail::aligned(memory_[i].data(), 4096) + odd;
        }
        free_ = {0, 1, 2};
    }
    aka::load_sink sink(bool raw) {
        aka::load_sink s;
        s.self = this;
        s.acquire = [](void* self, std::size_t n) { return of(self).acquire(n); };
        s.filled = [](void* self, aka::span<std::byte> b, std::size_t item, std::uint64_t at) {
            const aka::tensor& t = of(self).tensors_[item];
            of(self).across +=
                t.is_packed() && b.size() >= 1 << 18 && (t.offset() + at) % 4096 != 0;
            of(self).put(b, item, {0, at, 1, 0, 0, b.size()}, true);
            ++of(self).filled;
        };
        if (raw)
            s.strided = [](void* self, aka::span<std::byte> b, std::size_t item,
                           aka::span<const aka::strip> copies) {
                for (const aka::strip& c : copies) of(self).put(b, item, c, false);
                of(self).give_back(b);
                ++of(self).strided;
            };
        s.failed = [](void* self, aka::span<std::byte> b) {
            of(self).give_back(b);
            ++of(self).failed;
        };
        return s;
    }
    // Tensors that are not what copying gives, or of which a byte came twice or never.
    std::size_t wrong() const {
        std::size_t n = 0;
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            std::string want(whole_[i].size(), '\0');
            const aka::span<std::byte> to(reinterpret_cast<std::byte*>(want.data()), want.size());
            const aka::tensor& t = tensors_[i];
            const aka::status s = t.is_pending() ? t.convert_to(t.dtype(), to) : t.copy_to(to);
            n += !s || want != whole_[i] || seen_[i].find_first_not_of('\1') != std::string::npos;
        }
        return n;
    }
    std::size_t free() const { return free_.size(); }
    std::atomic<std::size_t> filled{0}, strided{0}, failed{0};
    std::atomic<std::size_t> across{0};  // large pieces that do not begin where a page does
    std::size_t most = SIZE_MAX;         // buffers that are given before the end is asked for

  private:
    static pool& of(void* self) { return *static_cast<pool*>(self); }
    aka::span<std::byte> acquire(std::size_t n) {
        std::unique_lock<std::mutex> lock(mutex_);
        if (most == 0) return {};
        --most;
        some_.wait(lock, [&] { return !free_.empty(); });
        const std::size_t i = free_.back();
        free_.pop_back();
        std::memset(buffers_[i], 0x77, size_);
        return n <= size_ ? aka::span<std::byte>(buffers_[i], size_) : aka::span<std::byte>();
    }
    void give_back(aka::span<std::byte> b) {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (std::size_t i = 0; i < 3; ++i)
            if (buffers_[i] == b.data()) free_.push_back(i);
        some_.notify_one();
    }
    void put(aka::span<std::byte> b, std::size_t item, const aka::strip& c, bool last) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            for (std::uint64_t k = 0; k < c.n; ++k) {
                const auto at = static_cast<std::size_t>(c.dst + k * c.dst_step);
                const auto from = static_cast<std::size_t>(c.src + k * c.src_step);
                const auto run = static_cast<std::size_t>(c.run);
                REQUIRE(at + run <= whole_[item].size());
                REQUIRE(from + run <= b.size());
                std::memcpy(&whole_[item][at], b.data() + from, run);
                for (std::size_t j = 0; j < run; ++j) ++seen_[item][at + j];
            }
        }
        if (last) give_back(b);
    }

    const std::vector<aka::tensor>& tensors_;
    std::vector<std::string> whole_, seen_;
    std::size_t size_;
    std::vector<std::byte> memory_[3];
    std::byte* buffers_[3] = {};
    std::vector<std::size_t> free_;
    std::mutex mutex_;
    std::condition_variable some_;
};

std::vector<aka::tensor> all_of(const aka::tensor_list& list) {
    std::vector<aka::tensor> all;
    for (const aka::tensor& t : list) all.push_back(t);
    return all;
}
aka::load_options with(unsigned threads) {
    aka::load_options o;
    o.block = 4096;
    o.threads = threads;
    if (threads > 1) o.executor = aka::load_threads();
    return o;
}

}  // namespace

TEST_CASE("load into a sink: gathered, and as the file has it") {
    std::size_t strided = 0;
    for (const char* spelling : {"hf_llama", "baichuan", "internlm2", "gguf:llama", "phi3"}) {
        for (const test::named_model& m : test::standard_models("BF16")) {
            const test::spelling& s = test::find_spelling(spelling);
            if (!s.holds(m.model.config)) continue;
            const test::temp_folder folder;
            auto file =
                aka::checkpoint::open(test::write_spelling(s, m.model, folder.path()).string());
            REQUIRE(file);
            for (const char* to : {"", "hf", "meta", "gguf"}) {
                std::vector<aka::tensor> tensors = all_of(*file);
                aka::result<aka::adapter> seen = aka::error(aka::errc::not_found);
                if (*to != 0) {
                    aka::target target;
                    target.convention = to;
                    seen = aka::adapt(*file, target, known());
                    if (!seen) continue;
                    tensors = all_of(*seen);
                }
                for (unsigned threads : {1u, 3u})
                    for (bool raw : {false, true}) {
                        pool p(tensors, 4096);
                        const aka::load_sink sink = p.sink(raw);
                        auto r = aka::load({tensors.data(), tensors.size()}, sink, with(threads));
                        REQUIRE_MESSAGE(r, r.error().message().view());
                        CHECK_MESSAGE(p.wrong() == 0, spelling, ", ", m.name, " as ", to);
                        CHECK(p.free() == 3);
                        CHECK(r->read >= r->wanted);
                        strided += p.strided;
                    }
            }
        }
    }
    CHECK(strided > 100);
}

TEST_CASE("load into a sink: no buffer, a file that is cut off, a row that is too long") {
    const test::temp_folder folder;
    const auto path = test::write_spelling(test::find_spelling("hf_llama"),
                                           test::standard_models("F32")[0].model, folder.path());
    auto file = aka::checkpoint::open(path.string());
    REQUIRE(file);
    const std::vector<aka::tensor> tensors = all_of(*file);
    {
        pool p(tensors, 4096);
        p.most = 5;
        auto r = aka::load({tensors.data(), tensors.size()}, p.sink(false), with(2));
        REQUIRE_FALSE(r);
        CHECK(r.error().code() == aka::errc::cancelled);
        CHECK(p.filled == 5);
        CHECK(p.free() == 3);
    }
    const std::filesystem::path real = folder / "model.safetensors";
    const std::uintmax_t size = std::filesystem::file_size(real);
    std::filesystem::resize_file(real, size / 2);
    for (unsigned threads : {1u, 3u}) {
        pool p(tensors, 4096);
        auto r = aka::load({tensors.data(), tensors.size()}, p.sink(true), with(threads));
        REQUIRE_FALSE(r);
        CHECK(r.error().code() == aka::errc::file_changed);
        CHECK(std::string(r.error().message().view()).find("model.layers.") != std::string::npos);
        CHECK(p.failed >= 1);
        CHECK(p.free() == 3);
    }
    std::filesystem::resize_file(real, size);

    auto meta = aka::adapt(*file, "meta", known());
    REQUIRE(meta);
    const aka::tensor q = meta->find("layers.0.attention.wq.weight");
    REQUIRE(q);
    // 56 numbers a row; a buffer takes a page at least, so the whole is made one row of.
    CHECK(q.size_bytes() > 4096);
    const std::vector<aka::tensor> one{*q.select(0)};
    pool p(one, 4096);
    CHECK(aka::load({one.data(), one.size()}, p.sink(false), with(1)));
    CHECK(p.wrong() == 0);
}

TEST_CASE("load into a sink: past the page cache, whole pages at a time") {
    // The data begins 8 bytes behind a multiple of 64, as it does in most files.
    std::vector<test::st_tensor> written{
        {"large", "U8", {(3 << 20) + 808}, test::random_bytes((3 << 20) + 808, 1)},
        {"small", "U8", {5000}, test::random_bytes(5000, 2)},
        {"matrix", "F16", {600, 1000}, test::random_bytes(600 * 1000 * 2, 3)}};
    std::string image, filler;
    do {
        image = test::write_safetensors(written, {{"filler", filler += 'x'}});
    } while ((image.size() - (3 << 20) - 808 - 5000 - 1200000) % 64 != 8);
    const test::temp_folder folder;
    test::write_file(folder / "model.safetensors", image);
    auto file = aka::checkpoint::open(folder.path());
    REQUIRE(file);
    REQUIRE((*file)[0].offset() % 64 == 8);
    std::vector<aka::tensor> tensors = all_of(*file);
    tensors.push_back(*file->find("matrix").slice(1, 100, 700));
    aka::load_options o = with(2);
    o.block = std::size_t{1} << 20;
    for (const aka::reading how :
         {aka::reading::direct, aka::reading::cached, aka::reading::measured})
        for (const std::size_t odd : {0u, 8u, 513u})
            for (const bool raw : {false, true}) {
                pool p(tensors, o.block, odd);
                o.reading = how;
                o.drop_cache = odd == 8;
                const auto r = aka::load({tensors.data(), tensors.size()}, p.sink(raw), o);
                REQUIRE_MESSAGE(r, r.error().message().view());
                CHECK(p.wrong() == 0);
                CHECK(p.free() == 3);
                CHECK((p.strided != 0) == raw);
                if (how != aka::reading::cached) CHECK(p.across == 0);
                CHECK(r->wanted == image.size() - (*file)[0].offset() + 600 * 700 * 2);
                CHECK(r->read >= r->wanted);
                CHECK(r->read <= r->wanted + r->between + r->calls * 8192);
            }
}

TEST_CASE("load into a sink: pieces of a tensor of more than 4 GiB") {
    // Nothing is read: the file has no data on the disk.
    constexpr std::uint64_t size = (std::uint64_t{5} << 30) + 77;
    const test::temp_folder folder;
    test::st_tensor hole{"hole", "U8", {size}, {}};
    test::write_sparse_safetensors(folder / "model.safetensors", {hole});
    aka::checkpoint_options o;
    o.how = aka::access::read;
    auto file = aka::checkpoint::open(folder.path(), o);
    if (!file) SKIP_TEST("this system has no files of 5 GiB");
    const aka::tensor t = (*file)[0];
    for (const bool pages : {false, true}) {
        aka::detail::sink_plan plan(std::size_t{8} << 20, false, pages);
        REQUIRE(plan.add(t, 0));
        plan.in_order();
        std::uint64_t at = 0;
        for (const aka::detail::sink_piece& p : plan.pieces) {
            REQUIRE(p.first == at);
            REQUIRE(p.at == t.offset() + at);
            REQUIRE(p.count <= std::uint64_t{8} << 20);
            at += p.count;
        }
        CHECK(at == size);
        CHECK(plan.pieces.size() == 641);
    }
}

}  // namespace test_load_sink
