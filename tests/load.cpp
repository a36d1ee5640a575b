// Loading: what lies in the caller's memory afterwards is what copying tensor by tensor gives,
// however the file was read; every byte that was asked for is read once.
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/bound.hpp"
#include "support/files.hpp"
#include "support/model_gguf.hpp"
#include "support/spellings.hpp"

#include <aka/adapt.hpp>
#include <aka/llama.hpp>
#include <aka/load.hpp>
#include <aka/load_memory.hpp>
#include <aka/load_threads.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace test_load {

namespace {

namespace fs = std::filesystem;
using test::known;

std::string converted(const aka::tensor& t) {
    std::string out(static_cast<std::size_t>(t.size_bytes()), '\0');
    const aka::span<std::byte> to(reinterpret_cast<std::byte*>(out.data()), out.size());
    const aka::status s = t.is_pending() ? t.convert_to(t.dtype(), to) : t.copy_to(to);
    return s ? out : "error: " + std::string(s.error().message().view());
}
// How many tensors of a list are not what copying gives; everything is overwritten before.
template <class List>
std::size_t wrong(const List& list, const aka::load_options& o,
                  aka::load_report* report = nullptr) {
    auto memory = aka::load_memory::lay_out(list);
    REQUIRE(memory);
    for (const aka::load_item& i : memory->items()) std::memset(i.to.data(), 0x5a, i.to.size());
    auto loaded = aka::load(memory->items(), o);
    REQUIRE_MESSAGE(loaded, loaded.error().message().view());
    if (report != nullptr) *report = *loaded;
    std::size_t n = 0;
    for (const aka::load_item& i : memory->items()) {
        const std::string want = converted(i.what);
        n += want.size() != i.to.size() || std::memcmp(want.data(), i.to.data(), want.size()) != 0;
    }
    return n;
}
aka::load_options ways(unsigned i) {
    aka::load_options o;
    o.block = std::size_t{4096} << (i % 3);
    o.coalesce = i % 2 == 0;
    o.vectored = i % 5 != 0;
    o.reading = i % 7 == 1   ? aka::reading::direct
                : i % 7 == 3 ? aka::reading::cached
                             : aka::reading::measured;
    o.drop_cache = i % 7 == 2;
    if (i % 4 != 0) o.executor = aka::load_threads();
    o.threads = 1 + i % 3;
    return o;
}

}  // namespace

TEST_CASE("load: every spelling into every other is what copying gives") {
    std::size_t tensors = 0, refused = 0;
    unsigned way = 0;
    for (const test::named_model& m : test::standard_models("BF16")) {
        for (const test::spelling& s : test::spellings()) {
            if (!s.holds(m.model.config)) continue;
            const test::temp_folder folder;
            test::spelling_options how;
            how.shards = 1 + way % 3;
            auto file = aka::checkpoint::open(
                test::write_spelling(s, m.model, folder.path(), how).string());
            REQUIRE(file);
            CHECK_MESSAGE(wrong(*file, ways(way++)) == 0, s.id, ", ", m.name);
            for (const char* to : {"hf", "meta", "gguf", "phi3", "gpt_oss"}) {
                aka::target target;
                target.convention = to;
                target.shard = {way % 2, 2};
                auto seen = aka::adapt(*file, target, known());
                if (!seen) {
                    ++refused;
                    continue;
                }
                tensors += seen->size();
                CHECK_MESSAGE(wrong(*seen, ways(way++)) == 0, s.id, ", ", m.name, " as ", to);
            }
        }
    }
    CHECK(tensors > 3000);
    CHECK(refused < 400);
}

TEST_CASE("load: blocks of quantised types, files in the other byte order") {
    unsigned way = 0;
    for (const char* type : {"q4_0", "q8_0", "q4_K"})
        for (const test::named_model& m : test::quantised_models(type))
            for (const test::spelling& s : test::spellings()) {
                if (!s.gguf() || !s.holds(m.model.config)) continue;
                const test::temp_folder folder;
                auto file =
                    aka::checkpoint::open(test::write_spelling(s, m.model, folder.path()).string());
                REQUIRE(file);
                CHECK(wrong(*file, ways(way++)) == 0);
                if (auto seen = aka::adapt(*file, aka::target{}, known()))
                    CHECK(wrong(*seen, ways(way++)) == 0);
            }
    CHECK(way > 30);

    test::gguf_writer big;
    big.big_endian = true;
    std::string numbers;
    for (int i = 0; i < 3000; ++i) numbers += static_cast<char>(i * 7 / 5);
    big.add_tensor("a", 0, {10, 25}, numbers.substr(0, 1000));  // F32
    big.add_tensor("b", 1, {20, 50}, numbers.substr(0, 2000));  // F16
    const test::temp_folder folder;
    big.save(folder / "big.gguf");
    auto file = aka::checkpoint::open((folder / "big.gguf").string());
    REQUIRE_MESSAGE(file, file.error().message().view());
    REQUIRE((*file)[0].is_swapped());
    CHECK(wrong(*file, {}) == 0);
    CHECK(wrong(*file, ways(3)) == 0);
}

TEST_CASE("load: slices, rows of what is put together, and bytes of the caller's") {
    const test::temp_folder folder;
    auto file = aka::checkpoint::open(test::write_spelling(test::find_spelling("baichuan"),
                                                           test::standard_models("F16")[1].model,
                                                           folder.path())
                                          .string());
    REQUIRE(file);
    aka::target to;
    to.convention = "meta";
    auto meta = aka::adapt(*file, to, known());
    REQUIRE(meta);
    std::vector<aka::tensor> some;
    const aka::tensor pack = file->find("model.layers.0.self_attn.W_pack.weight");
    some.push_back(*pack.slice(0, 3, 20));
    some.push_back(*pack.slice(1, 5, 9));
    some.push_back(*some.back().slice(0, 1, 7));
    const aka::tensor q = meta->find("layers.0.attention.wq.weight");
    REQUIRE(q);
    REQUIRE_FALSE(q.is_packed());
    some.push_back(*q.slice(0, 5, 11));
    some.push_back(*q.slice(0, 0, 6));
    some.push_back(pack);
    some.push_back(pack);  // twice: two places
    for (unsigned i = 0; i < 12; ++i) CHECK(wrong(some, ways(i)) == 0);

    // A column of such a tensor would be as many pieces as it has rows.
    std::vector<aka::tensor> column{*q.slice(1, 2, 3)};
    auto memory = aka::load_memory::lay_out(column);
    REQUIRE(memory);
    auto refused = aka::load(memory->items());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == aka::errc::unsupported);
    CHECK(refused.error().message().view().find("attention.wq") != std::string_view::npos);

    const std::string image = test::write_safetensors(
        {{"x", "F16", {3, 5}, std::string(30, 'x')}, {"none", "F16", {0}, {}}});
    auto bytes = aka::safetensors::parse(aka::as_bytes(std::string_view(image)));
    REQUIRE(bytes);
    aka::load_report report;
    CHECK(wrong(*bytes, {}, &report) == 0);
    CHECK(report.wanted == 30);
    CHECK(report.calls == 0);
}

TEST_CASE("load: each tensor is said to be ready once, and progress ends at all of it") {
    struct told {
        std::vector<std::atomic<int>> ready;
        std::atomic<std::uint64_t> most{0}, all{0};
        explicit told(std::size_t n) : ready(n) {}
    };
    const test::temp_folder folder;
    auto file = aka::checkpoint::open(test::write_spelling(test::find_spelling("hf_llama"),
                                                           test::standard_models("F32")[0].model,
                                                           folder.path())
                                          .string());
    REQUIRE(file);
    auto memory = aka::load_memory::lay_out(*file);
    REQUIRE(memory);
    told t(memory->items().size());
    aka::load_options o = ways(5);
    o.self = &t;
    o.ready = [](void* self, std::size_t i) { ++static_cast<told*>(self)->ready[i]; };
    o.progress = [](void* self, std::uint64_t done, std::uint64_t all) {
        auto& x = *static_cast<told*>(self);
        for (std::uint64_t was = x.most; was < done && !x.most.compare_exchange_weak(was, done);) {
        }
        x.all = all;
    };
    auto report = aka::load(memory->items(), o);
    REQUIRE(report);
    std::uint64_t bytes = 0;
    for (const aka::tensor& x : *file) bytes += x.size_bytes();
    CHECK(report->wanted == bytes);
    CHECK(report->read - report->between == bytes);
    CHECK(t.most == bytes);
    CHECK(t.all == bytes);
    for (auto& n : t.ready) CHECK(n == 1);

    int left = 3;
    o = {};
    o.block = 4096;
    o.self = &left;
    o.cancelled = [](void* self) { return --*static_cast<int*>(self) < 0; };
    auto cancelled = aka::load(memory->items(), o);
    REQUIRE_FALSE(cancelled);
    CHECK(cancelled.error().code() == aka::errc::cancelled);
}

TEST_CASE("load: a rank reads its own bytes") {
    // Rows of whole pages, so that what is cut by columns shows.
    test::model_config c;
    c.n_layer = 2, c.n_embd = 1024, c.n_head = c.n_head_kv = 16, c.head_dim = 64;
    c.n_ff = 2816, c.n_vocab = 4096, c.dtype = "F16";
    const test::temp_folder folder;
    const test::spelling& s = test::find_spelling("hf_llama");
    test::write_file(folder / s.config_file, s.config(test::model_shapes(c)));
    test::write_sparse_safetensors(folder / "model.safetensors", s.write(test::model_shapes(c)),
                                   {});
    for (std::uint32_t world : {2u, 8u}) {
        aka::llama_options o;
        o.shard = {world - 1, world};
        auto model = aka::llama::open(folder.path().string(), o, known());
        REQUIRE_MESSAGE(model, model.error().message().view());
        std::vector<aka::tensor> rows, columns;
        std::uint64_t whole = 0;
        for (std::int64_t l = 0; l < 2; ++l) {
            for (aka::role r : {aka::role::attn_q, aka::role::attn_k, aka::role::attn_v,
                                aka::role::ffn_gate, aka::role::ffn_up})
                rows.push_back(model->get(r, l));
            for (aka::role r : {aka::role::attn_output, aka::role::ffn_down})
                columns.push_back(model->get(r, l));
        }
        for (const aka::tensor& t : rows) whole += t.size_bytes() * world;
        aka::load_report report;
        CHECK(wrong(rows, {}, &report) == 0);
        CHECK(report.read <= whole / world + whole / 100);
        CHECK(report.between == 0);
        // Pieces of 1024 bytes and fewer: their pages are read anyway, and so is said.
        CHECK(wrong(columns, {}, &report) == 0);
        CHECK(report.read - report.between == report.wanted);
        CHECK(report.read <= report.wanted * world);
    }
}

TEST_CASE("load: a rank's part of blocks: rows anywhere, columns where no block is cut") {
    test::model_config c;
    c.n_layer = 1, c.n_embd = 512, c.n_head = c.n_head_kv = 8, c.head_dim = 64;
    c.n_ff = 1536, c.n_vocab = 32;
    test::gguf_model_options q4_0;
    q4_0.weight_type = test::ggml_id("q4_0");
    const test::temp_folder folder;
    const std::string path = (folder / "model.gguf").string();
    test::to_gguf(test::random_model(c, 3), q4_0).save(path);
    auto file = aka::checkpoint::open(path);
    REQUIRE(file);
    constexpr std::uint32_t world = 8;
    for (std::uint32_t rank = 0; rank < world; ++rank) {
        aka::llama_options o;
        o.shard = {rank, world};
        auto model = aka::llama::open(path, o, known());
        REQUIRE_MESSAGE(model, model.error().message().view());
        const aka::llama_layer l = model->layer(0);
        const std::vector<aka::tensor> rows{l.attn_q, l.attn_k, l.attn_v, l.ffn_gate, l.ffn_up};
        const std::vector<aka::tensor> columns{l.attn_output, l.ffn_down};
        std::uint64_t whole = 0;
        for (const aka::tensor& t : rows) whole += file->find(t.name()).size_bytes();
        aka::load_report report;
        CHECK(wrong(rows, {}, &report) == 0);
        CHECK(report.wanted == whole / world);
        CHECK(report.read <= whole / world + whole / 100);
        CHECK(report.between == 0);
        CHECK(wrong(columns, {}, &report) == 0);
        CHECK(report.read - report.between == report.wanted);
        // Of each row of the file the same blocks, all of each.
        for (const aka::tensor& t : columns) {
            const std::string all = test::bytes_of(file->find(t.name())), mine = converted(t);
            const std::size_t row = all.size() / c.n_embd, part = row / world;
            CHECK(part % 18 == 0);
            std::string expected;
            for (std::size_t r = 0; r < c.n_embd; ++r)
                expected += all.substr(r * row + rank * part, part);
            CHECK(mine == expected);
        }
    }

    // 44 blocks in a row of ffn_down are not eight equal parts; two of 22 are.
    c.n_ff = 1408;
    test::to_gguf(test::random_model(c, 4), q4_0).save(path);
    aka::llama_options o;
    o.shard = {1, world};
    auto cut = aka::llama::open(path, o, known());
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code() == aka::errc::bad_block);
    const std::string said(cut.error().message().view());
    CHECK_MESSAGE(said.find("ffn_down") != std::string::npos, said);
    CHECK_MESSAGE(said.find("whole blocks") != std::string::npos, said);
    o.shard = {1, 2};
    auto half = aka::llama::open(path, o, known());
    REQUIRE_MESSAGE(half, half.error().message().view());
    CHECK(wrong(half->tensors(), {}) == 0);
}

TEST_CASE("load: where tensors are put, by where their file has them") {
    // Two that begin and end in the middle of pages, and small ones; of bytes and of numbers.
    std::vector<test::st_tensor> tensors;
    unsigned seed = 1;
    for (std::uint64_t n : {std::uint64_t{40}, (std::uint64_t{3} << 20) + 808, std::uint64_t{5000},
                            (std::uint64_t{1} << 20) + 8})
        for (const char* type : {"U8", "F32"})
            tensors.push_back({type + std::to_string(n),
                               type,
                               {type[0] == 'U' ? n : n / 4},
                               test::random_bytes(static_cast<std::size_t>(n), seed++)});
    test::st_options as_it_comes;
    as_it_comes.align = 1;
    const test::temp_folder folder;
    for (const std::size_t begin : {0u, 8u, 33u}) {
        // The data begins at such a place of every 64 bytes.
        std::string image, filler;
        do {
            image = test::write_safetensors(tensors, {{"filler", filler += 'x'}}, as_it_comes);
        } while ((image.size() - begin) % 64 != (2 * (40 + 808 + 5000 + 8) + (8 << 20)) % 64);
        test::write_file(folder / "model.safetensors", image);
        for (const aka::access how : {aka::access::map, aka::access::read}) {
            aka::checkpoint_options open;
            open.how = how;
            auto file = aka::checkpoint::open((folder / "model.safetensors").string(), open);
            REQUIRE_MESSAGE(file, file.error().message().view());
            REQUIRE((*file)[0].offset() % 64 == begin);
            for (const std::size_t align : {0u, 8u, 64u, 4096u}) {
                CAPTURE(begin);
                CAPTURE(align);
                aka::load_memory_options m;
                m.align = align;
                auto memory = aka::load_memory::lay_out(*file, m);
                REQUIRE(memory);
                std::uint64_t end = 0;
                for (const aka::load_item& i : memory->items()) {
                    CAPTURE(i.what.name());
                    const auto at = reinterpret_cast<std::uintptr_t>(i.to.data());
                    CHECK(at >= end);
                    end = at + i.to.size();
                    const std::size_t element = i.what.dtype() == aka::dtype::f32 ? 4 : 1;
                    const bool large = i.to.size() > 1 << 20;
                    const bool suits = i.what.offset() % (align != 0 ? align : element) == 0;
                    if (large && suits)
                        CHECK((at - i.what.offset()) % 4096 == 0);
                    else
                        CHECK(at % (align != 0 ? align : 64) == 0);
                    CHECK(at % std::max(align, element) == 0);
                }
                CHECK(end - reinterpret_cast<std::uintptr_t>(memory->items()[0].to.data()) <=
                      memory->size_bytes());
                for (const aka::reading reading : {aka::reading::direct, aka::reading::cached})
                    for (const std::size_t block : {std::size_t{1} << 19, std::size_t{8} << 20}) {
                        for (const aka::load_item& i : memory->items())
                            std::memset(i.to.data(), 0x5a, i.to.size());
                        aka::load_options o;
                        o.reading = reading, o.block = block;
                        auto r = aka::load(memory->items(), o);
                        REQUIRE_MESSAGE(r, r.error().message().view());
                        for (std::size_t i = 0; i < tensors.size(); ++i)
                            CHECK(std::memcmp(tensors[i].data.data(), (*memory)[i].to.data(),
                                              tensors[i].data.size()) == 0);
                        // Whole pages are read, and none of them three times.
                        CHECK(r->read <= r->wanted + 4096 * 12 * (1 + (8 << 20) / block));
                    }
            }
        }
    }
}

TEST_CASE("load: large tensors that follow each other in the file are read as one") {
    // Odd sizes, so that none begins where a page does; past the cache each would be three reads.
    std::vector<test::st_tensor> tensors;
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i < 5; ++i) {
        const std::size_t n = (std::size_t{1} << 20) + 3001 * i;
        tensors.push_back({"t" + std::to_string(i), "U8", {n}, test::random_bytes(n, i + 1)});
        bytes += n;
    }
    const test::temp_folder folder;
    test::write_file(folder / "model.safetensors", test::write_safetensors(tensors));
    auto file = aka::checkpoint::open((folder / "model.safetensors").string());
    REQUIRE(file);
    auto memory = aka::load_memory::lay_out(*file);
    REQUIRE(memory);
    for (std::size_t i = 1; i < 5; ++i)
        CHECK((*memory)[i].to.data() == (*memory)[i - 1].to.data() + (*memory)[i - 1].to.size());
    for (const aka::reading how : {aka::reading::direct, aka::reading::cached}) {
        aka::load_options o;
        o.reading = how;
        auto r = aka::load(memory->items(), o);
        REQUIRE(r);
        CHECK(r->calls <= 3);  // the middle, and the pages at its ends
        CHECK(r->read <= bytes + 3 * 4096);
        for (std::size_t i = 0; i < 5; ++i)
            CHECK(std::memcmp((*memory)[i].to.data(), tensors[i].data.data(),
                              tensors[i].data.size()) == 0);
    }
    // The one that is not there is named, though it is read with others.
    fs::resize_file(folder / "model.safetensors", file->find("t3").offset() + 5000);
    for (const aka::reading how : {aka::reading::direct, aka::reading::cached}) {
        aka::load_options o;
        o.reading = how;
        auto r = aka::load(memory->items(), o);
        REQUIRE_FALSE(r);
        CHECK(r.error().code() == aka::errc::file_changed);
        CHECK_MESSAGE(r.error().message().view().find("tensor 't3'") != std::string_view::npos,
                      r.error().message().view());
    }
}

TEST_CASE("load: blocks of a row slice are aligned as the file has them") {
    // Q4_0 blocks of 18 bytes: the second row begins two bytes behind a multiple of 4.
    test::gguf_writer writer;
    writer.add_tensor("q", test::ggml_id("q4_0"), {80, 32 * 1001},
                      test::random_bytes(18 * 1001 * 80, 1));
    const test::temp_folder folder;
    writer.save(folder / "q.gguf");
    auto file = aka::checkpoint::open((folder / "q.gguf").string());
    REQUIRE_MESSAGE(file, file.error().message().view());
    const std::vector<aka::tensor> rows{*(*file)[0].slice(0, 1, 79)};
    REQUIRE(rows[0].offset() % 4 == 2);
    auto memory = aka::load_memory::lay_out(rows);
    REQUIRE(memory);
    const auto at = reinterpret_cast<std::uintptr_t>((*memory)[0].to.data());
    CHECK((at - rows[0].offset()) % 4096 == 0);
    CHECK(wrong(rows, ways(1)) == 0);
}

TEST_CASE("load: as many threads as were asked for, in smaller blocks where that takes memory") {
    const test::temp_folder folder;
    test::st_tensor hole;
    hole.name = "hole", hole.dtype = "F16", hole.shape = {32, 1024, 1024};
    test::write_sparse_safetensors(folder / "model.safetensors", {hole}, {});
    auto file = aka::checkpoint::open((folder / "model.safetensors").string());
    REQUIRE(file);
    auto memory = aka::load_memory::lay_out(*file);
    REQUIRE(memory);
    unsigned threads = 0;
    aka::load_options o;
    o.threads = 8;
    o.executor.self = &threads;
    o.executor.run = [](void* self, unsigned n, void (*work)(void*), void* context) {
        *static_cast<unsigned*>(self) = n;
        work(context);
    };
    test::alloc_scope scope;
    auto r = aka::load(memory->items(), o);
    REQUIRE(r);
    CHECK(threads == 8);
    CHECK(r->calls == 12);  // of 5.5 MiB
    CHECK(r->read == std::uint64_t{64} << 20);
    CHECK(scope.peak() < std::uint64_t{8} << 20);
    // What one of them holds, also past the cache, is its share of 64 MiB.
    for (const unsigned many : {1u, 4u, 8u, 12u, 16u, 24u, 32u, 64u}) {
        CAPTURE(many);
        o.threads = many, o.block = std::size_t{64} << 20, o.reading = aka::reading::direct;
        test::alloc_scope one;
        REQUIRE(aka::load(memory->items(), o));
        CHECK(one.peak() * many <= std::uint64_t{64} << 20);
    }
}

TEST_CASE("load: a file that is cut off meanwhile is an error that names the tensor") {
    const test::temp_folder folder;
    const auto path = test::write_spelling(test::find_spelling("hf_llama"),
                                           test::standard_models("F32")[0].model, folder.path());
    auto file = aka::checkpoint::open(path.string());
    REQUIRE(file);
    auto memory = aka::load_memory::lay_out(*file);
    REQUIRE(memory);
    const fs::path real = folder / "model.safetensors";
    const std::uintmax_t size = fs::file_size(real);
    fs::resize_file(real, size / 2);
    for (unsigned i = 0; i < 8; ++i) {
        auto cut = aka::load(memory->items(), ways(i));
        REQUIRE_FALSE(cut);
        CHECK(cut.error().code() == aka::errc::file_changed);
        const std::string said(cut.error().message().view());
        std::size_t named = 0;
        for (const aka::tensor& t : *file) {
            if (said.find("tensor '" + std::string(t.name()) + "'") == std::string::npos) continue;
            ++named;
            CHECK_MESSAGE(t.offset() + t.size_bytes() > size / 2, said);
        }
        CHECK_MESSAGE(named == 1, said);
        CHECK_MESSAGE(said.find(std::to_string(size / 2)) != std::string::npos, said);
    }
    // Nothing of what is missing is asked for: fine.
    std::vector<aka::tensor> first;
    for (const aka::tensor& t : *file)
        if (t.offset() + t.size_bytes() <= size / 2) first.push_back(t);
    REQUIRE_FALSE(first.empty());
    CHECK(wrong(first, {}) == 0);
}

TEST_CASE("load: bad requests") {
    const test::temp_folder folder;
    auto file = aka::checkpoint::open((test::samples() / "yi").string());
    REQUIRE(file);
    std::vector<std::byte> room(1 << 20);
    auto code = [&](const aka::tensor& t, std::size_t n) {
        const aka::load_item one{t, {room.data(), n}};
        auto r = aka::load({&one, 1});
        return r ? aka::errc::none : r.error().code();
    };
    const aka::tensor t = (*file)[0];
    const auto n = static_cast<std::size_t>(t.size_bytes());
    CHECK(code(t, n) == aka::errc::none);
    CHECK(code(t, n - 1) == aka::errc::wrong_size);
    CHECK(code(t, n + 1) == aka::errc::wrong_size);
    CHECK(code(aka::tensor(), 0) == aka::errc::not_found);
    aka::checkpoint_options o;
    o.how = aka::access::header;
    auto names = aka::checkpoint::open((test::samples() / "yi").string(), o);
    REQUIRE(names);
    CHECK(code((*names)[0], n) == aka::errc::no_data);
    aka::load_memory_options align;
    align.align = 48;
    CHECK_FALSE(aka::load_memory::lay_out(*file, align));
    align.align = 4096;
    auto memory = aka::load_memory::lay_out(*file, align);
    REQUIRE(memory);
    for (const aka::load_item& i : memory->items())
        CHECK(reinterpret_cast<std::uintptr_t>(i.to.data()) % 4096 == 0);
    CHECK(aka::load({}));
}

TEST_CASE("load: without memory it is an error and nothing leaks") {
    auto file = aka::checkpoint::open((test::samples() / "baichuan").string());
    REQUIRE(file);
    aka::target to;
    to.convention = "meta";
    auto meta = aka::adapt(*file, to, known());
    REQUIRE(meta);
    auto memory = aka::load_memory::lay_out(*meta);
    REQUIRE(memory);
    bool succeeded = false;
    for (std::uint64_t k = 0; !succeeded; ++k) {
        REQUIRE(k < 1000);
        test::alloc_scope scope;
        scope.fail_at(k);
        auto r = aka::load(memory->items(), ways(1));
        scope.lift();
        succeeded = static_cast<bool>(r);
        if (!r) CHECK(r.error().code() == aka::errc::out_of_memory);
        CHECK(scope.held() == 0);
    }
}

}  // namespace test_load
