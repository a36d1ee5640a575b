// Loading beside its floors in the same run: memcpy between memories of the same kind, and the
// plain ways of reading that anybody would write; in turns, medians of five rounds.
//
//   aka_bench_load [FOLDER [GIB]]   FOLDER: on the disk to measure (default: a temporary one)
#include "disk.hpp"
#include "support/spellings.hpp"

#include "../examples/common/load_ways.hpp"

#include <aka/llama.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace bench;
constexpr int rounds = 5;

template <class List>
aka::load_memory room(const List& tensors) {
    auto m = aka::load_memory::lay_out(tensors);
    must(m);
    return std::move(*m);
}
aka::load_options with(unsigned threads) {
    aka::load_options o;
    o.executor = aka::load_threads();
    o.threads = threads;
    return o;
}
double speed(std::uint64_t bytes, const std::vector<double>& milliseconds) {
    return static_cast<double>(bytes) / median(milliseconds) / 1e6;
}

void warm(const aka::checkpoint& file, std::uint64_t bytes) {
    const aka::load_memory source = room(file);
    must(aka::load(source.items(), with(4)));
    std::vector<double> copied, one, four, prefetched;
    for (int i = 0; i < rounds; ++i) {
        // Into fresh memory each time: what a program that starts has.
        copied.push_back([&] {
            const aka::load_memory to = room(file);
            return ms(
                [&] { std::memcpy(to[0].to.data(), source[0].to.data(), source.size_bytes()); });
        }());
        for (std::vector<double>* times : {&one, &four}) {
            const aka::load_memory to = room(file);
            times->push_back(ms([&] { must(aka::load(to.items(), with(times == &one ? 1 : 4))); }));
        }
        prefetched.push_back(ms([&] { must(file.prefetch()); }));
    }
    std::printf("warm, into fresh huge pages\n");
    line("  memcpy", speed(bytes, copied), "GB/s", 0);
    line("  aka::load, 1 thread", speed(bytes, one), "GB/s", 0);
    line("  aka::load, 4 threads", speed(bytes, four), "GB/s", 0);
    line("  1 thread / memcpy", median(copied) / median(one), "x", 0);
    line("  as it is set by default / memcpy", median(copied) / median(four), "x", 0.8, true);
    line("  prefetch of the mapped file", median(prefetched), "ms", 0);
    line("  prefetch / memcpy", median(prefetched) / median(copied), "x", 0.05);
}

void cold(const aka::checkpoint& file, std::uint64_t bytes) {
    const aka::load_memory to = room(file);
    aka::load_memory_options all_at_64;
    all_at_64.align = 64;
    const auto other = aka::load_memory::lay_out(file, all_at_64);
    must(other);
    const cli::plain_reader reader(file);
    using kind = cli::load_way::kind;
    std::vector<cli::load_way> ways = cli::plain_ways(file, reader);
    ways.pop_back();  // memcpy: warm() has it
    const std::size_t by_default = ways.size();
    ways.push_back({"aka::load", kind::aka, 1, cli::default_load(), &to});
    ways.push_back({"aka::load, the calling thread alone", kind::aka, 1, {}, &to});
    ways.push_back(
        {"aka::load, each tensor at 64 bytes", kind::aka, 1, cli::default_load(), &*other});
    std::vector<cli::way_times> times;
    must(cli::measure(ways, file, reader, rounds, true, times));
    std::printf("cold, %d rounds in turns\n", rounds);
    auto seconds = [&](std::size_t i) { return cli::way_times::median(times[i].cold); };
    for (std::size_t i = 0; i < ways.size(); ++i)
        line(("  " + ways[i].name).c_str(), static_cast<double>(bytes) / seconds(i) / 1e9, "GB/s",
             0);
    const std::size_t best = cli::best_plain(ways, times);
    line(("  aka::load / the best plain way: " + ways[best].name).c_str(),
         seconds(best) / seconds(by_default), "x", 0.85, true);
}

// Rank 3 of 8: what it reads of what all eight together have.
void rank(const fs::path& folder) {
    aka::llama_options o;
    o.shard = {3, 8};
    auto model = aka::llama::open(folder.string(), o);
    must(model);
    std::vector<aka::tensor> rows, columns;
    for (const aka::tensor& t : model->tensors()) {
        const std::string name(t.name());
        const bool cut = name.find("norm") == std::string::npos;
        const bool by_column = name.find("attn_output") != std::string::npos ||
                               name.find("ffn_down") != std::string::npos;
        if (cut) (by_column ? columns : rows).push_back(t);
    }
    std::printf("rank 3 of 8\n");
    for (const bool by_column : {false, true}) {
        const std::vector<aka::tensor>& some = by_column ? columns : rows;
        const aka::load_memory to = room(some);
        auto r = aka::load(to.items(), with(4));
        must(r);
        line(by_column ? "  read / wanted, cut by columns" : "  read / wanted, cut by rows",
             static_cast<double>(r->read) / static_cast<double>(r->wanted), "x",
             by_column ? 0 : 1.01);
    }
}

}  // namespace

int main(int argc, char** argv) try {
    const fs::path folder =
        (argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path()) / "aka-bench-load";
    const auto size = static_cast<std::uint64_t>(argc > 2 ? std::atoi(argv[2]) : 4);
    fs::create_directories(folder);
    test::model_config c;
    c.n_embd = 4096, c.n_head = c.n_head_kv = 32, c.head_dim = 128, c.n_ff = 11008;
    c.n_vocab = 32000, c.dtype = "F16";
    c.n_layer = size * 1024 / 386;  // so many MiB has a layer
    const test::spelling& s = test::find_spelling("hf_llama");
    test::write_file(folder / s.config_file, s.config(test::model_shapes(c)));
    const fs::path path = folder / "model.safetensors";
    const std::uint64_t end =
        test::write_sparse_safetensors(path, s.write(test::model_shapes(c)), {{"format", "pt"}});
    {
        auto head = aka::checkpoint::open(path.string());
        must(head);
        make_dense(path, end, head->data_begin());
    }
    auto file = aka::checkpoint::open(folder.string());
    must(file);
    std::uint64_t bytes = 0;
    for (const aka::tensor& t : *file) bytes += t.size_bytes();
    std::printf("%zu tensors, %.2f GiB\n", file->size(), static_cast<double>(bytes) / gib);
    warm(*file, bytes);
    cold(*file, bytes);
    rank(folder);
    fs::remove_all(folder);
    return missed ? 1 : 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "aka_bench_load: %s\n", e.what());
    return 3;
}
