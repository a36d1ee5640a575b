// Opening a checkpoint: reading its header, validating it, indexing its names. Beside it, in the
// same run: copying the header, readers that do less, and floors that do next to nothing.
//
// "open" and "..._file" begin with a path and a warm page cache, the others with bytes in memory.
// "..._fresh": with memory fresh from the system, as when a process opens its first file; all
// others reuse memory, so that the readers are measured and not the system's clearing of pages.
// Takes Google Benchmark's options; `--benchmark_filter=/vocabulary/` runs a part.
#include <aka/aka.hpp>

#include "data.hpp"
#include "figures.hpp"
#include "floors.hpp"
#include "json_readers.hpp"
#include "limits.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bench {
namespace {

/// A file that was written for the benchmarks, mapped and touched once.
struct input {
    std::string name, path;
    std::size_t tensors = 0;
    std::size_t header = 0;  // bytes before the data
    file map;

    input(std::string n, const std::filesystem::path& p)
        : name(std::move(n)), path(p.string()), map(path, true) {}
    aka::byte_span bytes() const { return {map.data(), map.size()}; }
};

// ---- safetensors -------------------------------------------------------------------------------

tally tally_of(const aka::safetensors& opened) {
    tally t;
    for (const aka::tensor& x : opened) {
        t.name(x.name());
        t.text(x.dtype_name());
        for (std::uint32_t i = 0; i < x.shape().rank(); ++i) t.dim(i, x.shape()[i]);
        std::uint64_t begin = x.offset() - opened.data_begin();
        t.range(begin, begin + x.size_bytes());
    }
    return t;
}

/// That all readers read the same of this file: else a figure would compare nothing.
void check_readers(const input& in) {
    const std::string_view json = header_of(in.map);
    auto opened = aka::safetensors::open(in.path);
    must(opened);
    const tally expected = tally_of(*opened);
    require(expected.tensors == in.tensors, "aka does not see every tensor");
    tally floor, simd, rapid;
    require(canonical_header(json).read(floor) && floor == expected, "the floor reads otherwise");
    require(read_with_simdjson(simdjson::padded_string(json), simd) && simd == expected,
            "simdjson reads otherwise");
    require(read_with_rapidjson(json, rapid) && rapid == expected, "RapidJSON reads otherwise");
}

void add_safetensors(const input& in) {
    const std::string_view json = header_of(in.map);
    const std::string at = "safetensors/" + in.name + "/";
    auto open = [&in] {
        auto r = aka::safetensors::open(in.path);
        must(r);
        benchmark::DoNotOptimize(r.get_if()->size());
    };
    add(at + "open", open);
    add_fresh(at + "open_fresh", open);
    add(at + "parse", [&in] {
        auto r = aka::safetensors::parse(in.bytes());
        must(r);
        benchmark::DoNotOptimize(r.get_if()->size());
    });
    add(at + "floor_file", [&in] {
        file f(in.path, true);
        tally t;
        require(canonical_header(header_of(f)).read(t), "not canonical");
        benchmark::DoNotOptimize(t.sum);
    });
    add(at + "floor", [json] {
        tally t;
        require(canonical_header(json).read(t), "not canonical");
        benchmark::DoNotOptimize(t.sum);
    });
    add(at + "floor_keep", [json] {
        keeper kept(json.size() / 90);
        require(canonical_header(json).read(kept), "not canonical");
        benchmark::DoNotOptimize(kept.index());
    });
    auto simdjson_file = [&in] {
        file f(in.path, false);
        std::uint64_t n = 0;
        f.read(0, &n, sizeof n);
        simdjson::padded_string text(n);  // simdjson reads beyond the end: mapping does not do
        f.read(8, text.data(), n);
        tally t;
        require(read_with_simdjson(text, t), "simdjson fails");
        benchmark::DoNotOptimize(t.sum);
    };
    add(at + "simdjson_file", simdjson_file);
    add_fresh(at + "simdjson_file_fresh", simdjson_file);
    add(at + "simdjson_copy", [json] {
        tally t;
        require(read_with_simdjson(simdjson::padded_string(json), t), "simdjson fails");
        benchmark::DoNotOptimize(t.sum);
    });
    auto padded = std::make_shared<simdjson::padded_string>(json);
    add(at + "simdjson", [padded] {
        tally t;
        require(read_with_simdjson(*padded, t), "simdjson fails");
        benchmark::DoNotOptimize(t.sum);
    });
    add(at + "rapidjson", [json] {
        tally t;
        require(read_with_rapidjson(json, t), "RapidJSON fails");
        benchmark::DoNotOptimize(t.sum);
    });
    auto copy = std::make_shared<std::string>(json);
    add(at + "memcpy", [json, copy] {
        std::memcpy(copy->data(), json.data(), json.size());
        benchmark::DoNotOptimize(copy->data());
        benchmark::ClobberMemory();
    });
}

// ---- GGUF --------------------------------------------------------------------------------------

/// That the walk ends where aka's reading does: strings of both, and the same tensors.
void check_walk(input& in) {
    gguf_walk walk;
    walk.read(in.map.data());
    auto opened = aka::gguf::open(in.path);
    must(opened);
    std::uint64_t strings = opened->size();
    for (const aka::metadata_value& v : opened->metadata()) {
        strings += v.is_string() ? 2 : 1;
        if (v.is_array() && v.raw().element == aka::value_type::string) strings += v.raw().count;
    }
    require(walk.tensors == in.tensors && opened->size() == in.tensors, "a tensor is missing");
    require(walk.strings == strings, "the floor walks otherwise");
    in.header = opened->data_begin();
}

void add_gguf(const input& in) {
    const std::string at = "gguf/" + in.name + "/";
    auto open = [&in] {
        auto r = aka::gguf::open(in.path);
        must(r);
        benchmark::DoNotOptimize(r.get_if()->size());
    };
    add(at + "open", open);
    add_fresh(at + "open_fresh", open);
    add(at + "parse", [&in] {
        auto r = aka::gguf::parse(in.bytes());
        must(r);
        benchmark::DoNotOptimize(r.get_if()->size());
    });
    add(at + "floor_file", [&in] {
        file f(in.path, true);
        gguf_walk walk;
        walk.read(f.data());
        benchmark::DoNotOptimize(walk.sum);
    });
    add(at + "floor", [&in] {
        gguf_walk walk;
        walk.read(in.map.data());
        benchmark::DoNotOptimize(walk.sum);
    });
    add(at + "floor_keep", [&in] {
        keeper kept(in.tensors);
        gguf_walk walk;
        walk.read(in.map.data(), &kept);
        benchmark::DoNotOptimize(walk.sum);
        benchmark::DoNotOptimize(kept.index());
    });
    auto copy = std::make_shared<std::vector<std::byte>>(in.header);
    add(at + "memcpy", [&in, copy] {
        std::memcpy(copy->data(), in.map.data(), in.header);
        benchmark::DoNotOptimize(copy->data());
        benchmark::ClobberMemory();
    });
}

// ---- lookup ------------------------------------------------------------------------------------

/// Every name once, in an order that has nothing to do with the file's. One iteration is all names.
void add_lookup(const input& in) {
    auto opened = aka::checkpoint::open(in.path);
    must(opened);
    auto ckpt = std::make_shared<aka::checkpoint>(std::move(*opened));
    auto names = std::make_shared<std::vector<std::string>>();
    auto map = std::make_shared<std::unordered_map<std::string, std::size_t>>();
    for (const aka::tensor& t : *ckpt) {
        map->emplace(t.name(), names->size());
        names->emplace_back(t.name());
    }
    std::shuffle(names->begin(), names->end(), std::mt19937(1));
    add("lookup/" + in.name + "/find", [ckpt, names] {
        for (const std::string& name : *names) {
            aka::tensor t = ckpt->find(name);
            benchmark::DoNotOptimize(t);
        }
    });
    add("lookup/" + in.name + "/unordered_map", [map, names] {
        for (const std::string& name : *names) {
            std::size_t i = map->find(name)->second;
            benchmark::DoNotOptimize(i);
        }
    });
}

// ---- all together ------------------------------------------------------------------------------

int run(int argc, char** argv) {
    if (!start(argc, argv)) return 2;
    const test::temp_folder folder;
    std::deque<input> files;
    auto safetensors = [&](const char* name, const tensors& list) {
        write_safetensors(folder / (std::string(name) + ".safetensors"), list);
        input& in = files.emplace_back(name, folder / (std::string(name) + ".safetensors"));
        in.tensors = list.size();
        check_readers(in);
        add_safetensors(in);
    };
    auto gguf = [&](const char* name, std::size_t n, void (*write)(const std::filesystem::path&)) {
        write(folder / (std::string(name) + ".gguf"));
        input& in = files.emplace_back(name, folder / (std::string(name) + ".gguf"));
        in.tensors = n;
        check_walk(in);
        add_gguf(in);
    };
    safetensors("291", test::model_shapes(llama_8b()).list());
    tensors large = test::model_shapes(llama_405b()).list();
    large.push_back({"rope_freqs.weight", "F32", {64}, {}});
    safetensors("1138", large);
    add_lookup(files.back());
    safetensors("92k", deepseek_v3());
    add_lookup(files.back());
    safetensors("1M", a_million());
    gguf("vocabulary", 291, write_gguf_vocabulary);
    gguf("92k", 92000, write_gguf_tensors);

    figures all;
    if (benchmark::RunSpecifiedBenchmarks(&all) == 0) return 0;
    all.print();
    print_limits(all);
    return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) try {
    return bench::run(argc, argv);
} catch (const std::exception& e) {
    std::fprintf(stderr, "aka_bench: %s\n", e.what());
    return 1;
}
