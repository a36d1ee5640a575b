// Several threads at once on one checkpoint, one adapter, one bound model and one catalog, without
// locks: each sees what a thread alone sees. ThreadSanitizer tells whether it was luck.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/rounds.hpp"
#include "support/spellings.hpp"

#include <aka/adapt.hpp>
#include <aka/convert_tensor.hpp>
#include <aka/identify.hpp>
#include <aka/infer.hpp>
#include <aka/llama.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace test_threads {
namespace {

// What all threads have in common.
struct shared {
    const aka::checkpoint& file;
    const aka::adapter& view;
    const aka::llama& model;
    const aka::catalog& known;
};

std::string said(const aka::error& e) { return "error: " + std::string(e.message().view()); }

std::string tensors_of(const aka::tensor_list& list) {
    std::string out;
    for (const aka::tensor t : list) {
        const aka::tensor found = list.find(t.name());
        out += std::string(t.name()) + ' ' + std::string(t.dtype_name()) + ' ';
        out += test::bytes_of(found) + '\n';
        std::vector<float> floats(static_cast<std::size_t>(t.elements()));
        if (const aka::status s = found.convert_to(aka::span<float>(floats)); !s)
            out += said(s.error());
        else if (!floats.empty())
            out += std::to_string(floats.front()) + ' ' + std::to_string(floats.back()) + '\n';
        if (t.shape().rank() == 0 || t.is_pending()) continue;
        std::string row(static_cast<std::size_t>(t.size_bytes() / t.shape()[0]), '\0');
        const aka::status s = t.copy_rows(t.shape()[0] - 1, 1,
                                          {reinterpret_cast<std::byte*>(row.data()), row.size()});
        out += s ? row : said(s.error());
    }
    return out;
}

std::string metadata_of(const aka::tensor_list& list) {
    std::string out;
    for (const aka::metadata_value v : list.metadata())
        out += std::string(v.key()) + (list.metadata().find(v.key()) ? "; " : " is lost; ");
    return out;
}

// Each thing that a thread may do with it, and all that comes of it.
std::string read_all(const shared& all) {
    const aka::checkpoint mine = all.file;  // counted
    return tensors_of(mine) + metadata_of(mine) + std::string(mine.folder());
}
std::string see_all(const shared& all) {
    return tensors_of(all.view) + std::to_string(all.view.made().size());
}
std::string bound_layers(const shared& all) {
    std::string out = test::bytes_of(all.model.token_embd()) + test::bytes_of(all.model.output());
    for (std::uint64_t l = 0; l < all.model.n_layer(); ++l) {
        const aka::llama_layer layer = all.model.layer(l);
        for (const aka::tensor& t : {layer.attn_q, layer.attn_k, layer.attn_v, layer.ffn_down})
            out += test::bytes_of(t);
    }
    return out + test::bytes_of(all.model.get(aka::role::attn_norm, 1));
}
std::string adapt_anew(const shared& all) {
    std::string out;
    for (const char* to : {"hf", "gguf", "meta", "no such convention"}) {
        const auto a = aka::adapt(all.file, to, all.known);
        out += a ? tensors_of(*a) : said(a.error());
    }
    const auto l = aka::llama::bind(all.file, {}, all.known);
    return out + (l ? test::bytes_of(l->layer(0).attn_k) : said(l.error()));
}
std::string identify_anew(const shared& all) {
    const auto id = aka::identify(all.file, all.known);
    const auto guess = aka::infer(all.file);
    const auto h = aka::hparams::of(all.file);
    return (id ? std::string(id->convention()->id()) : said(id.error())) +
           (guess ? std::string(guess->table()) : said(guess.error())) +
           (h ? std::to_string(h->n_head_kv) : said(h.error()));
}
std::string use_cache(const shared& all) {
    std::string out;
    for (const aka::tensor t : all.file)
        if (const aka::status s = t.prefetch(); !s) out += said(s.error());
    return out;
}
std::string open_anew(const shared& all) {
    const auto again = aka::checkpoint::open(all.file.folder());
    return again ? tensors_of(*again) : said(again.error());
}

using task = std::string (*)(const shared&);
constexpr task tasks[] = {read_all,      see_all,   bound_layers, adapt_anew,
                          identify_anew, use_cache, open_anew};
constexpr std::size_t task_count = sizeof tasks / sizeof tasks[0];

void together(const aka::checkpoint& file) {
    const auto view = aka::adapt(file, "gguf", test::known());
    REQUIRE_MESSAGE(view, view.error().message().view());
    const auto model = aka::llama::bind(file, {}, test::known());
    REQUIRE_MESSAGE(model, model.error().message().view());
    const shared all{file, *view, *model, test::known()};
    std::vector<std::string> alone;
    for (const task t : tasks) alone.push_back(t(all));
    CHECK(alone[0].size() > 10000);
    CHECK(alone[5].empty());

    std::atomic<std::size_t> wrong{0}, done{0};
    const auto work = [&](std::size_t first) {
        for (std::size_t round = 0; round < 2 * task_count; ++round) {
            const std::size_t k = (first + round) % task_count;
            wrong += tasks[k](all) != alone[k];
            ++done;
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) threads.emplace_back(work, 2 * i);
    for (std::thread& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(done == 8 * task_count);
}

}  // namespace

TEST_CASE("threads: one checkpoint, one adapter, one model, one catalog") {
    const auto models = test::standard_models("BF16");
    for (const char* id : {"baichuan", "internlm2", "mixtral_hf", "gguf:llama"}) {
        const test::spelling& s = test::find_spelling(id);
        for (const test::named_model& m : models) {
            if (!s.holds(m.model.config)) continue;
            CAPTURE(id);
            CAPTURE(m.name);
            const test::temp_folder folder;
            test::spelling_options how;
            how.shards = 3;
            const auto path = test::write_spelling(s, m.model, folder.path(), how);
            for (const aka::access access : {aka::access::map, aka::access::read}) {
                const auto file = aka::checkpoint::open(path.string(), {access});
                REQUIRE_MESSAGE(file, file.error().message().view());
                together(*file);
            }
            break;
        }
    }
}

TEST_CASE("threads: the last handle may go in any thread") {
    const test::temp_folder folder;
    test::write_spelling(test::find_spelling("hf_llama"), test::standard_models("F16")[0].model,
                         folder.path());
    (void)test::known();
    test::alloc_scope memory;
    for (std::uint64_t round = 0; round < test::rounds(50); ++round) {
        std::atomic<int> waiting{4};
        std::atomic<std::size_t> empty{0};
        auto file = aka::checkpoint::open(folder.path().string());
        REQUIRE(file);
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            auto hf = aka::adapt(*file, "hf", test::known());
            REQUIRE(hf);
            threads.emplace_back([&waiting, &empty, mine = std::move(*hf)]() mutable {
                for (--waiting; waiting > 0;) std::this_thread::yield();
                empty += test::bytes_of(*mine.begin()).empty();
                const aka::adapter last = std::move(mine);
            });
        }
        file = aka::error(aka::errc::no_data);
        for (std::thread& t : threads) t.join();
        CHECK(empty == 0);
    }
    CHECK(memory.blocks() == 0);
}

}  // namespace test_threads
