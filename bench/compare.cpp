// Comparing two checkpoints, on one thread and files that are in memory: equal bytes beside one
// pass that sums the 64-bit words of both files, and numbers of two types beside decoding both.
//
// Takes Google Benchmark's options.
#include "../examples/common/compared.hpp"

#include "figures.hpp"
#include "floors.hpp"
#include "limits.hpp"

#include "support/spellings.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

test::model_config config() {
    test::model_config c;
    c.n_layer = 1;
    c.n_embd = 1024;
    c.n_head = 16;
    c.n_head_kv = 4;
    c.head_dim = 64;
    c.n_ff = 4096;
    c.n_vocab = 12000;
    c.dtype = "F32";
    c.norm_dtype = "F32";
    return c;
}

/// Matrices as Q8_0: the greatest of 32 numbers is 127 steps.
test::model quantised(test::model m) {
    m.config.dtype = "q8_0";
    for (auto& named : m.tensors) {
        test::st_tensor& t = named.second;
        if (t.shape.size() < 2) continue;
        const std::vector<float> v = test::decode_floats(t.data, t.dtype);
        std::string out;
        for (std::size_t i = 0; i < v.size(); i += 32) {
            float most = 0;
            for (std::size_t k = 0; k < 32; ++k) most = std::max(most, std::fabs(v[i + k]));
            const std::uint16_t d = test::f32_to_f16(most / 127);
            out += static_cast<char>(d & 255);
            out += static_cast<char>(d >> 8);
            for (std::size_t k = 0; k < 32; ++k)
                out += static_cast<char>(std::lround(v[i + k] / most * 127));
        }
        t.dtype = "q8_0";
        t.data = std::move(out);
    }
    return m;
}
test::model of_type(test::model m, const char* type) {
    m.config.dtype = type;
    for (auto& named : m.tensors) {
        test::st_tensor& t = named.second;
        if (t.shape.size() < 2) continue;
        t.data = test::encode_floats(test::decode_floats(t.data, t.dtype), type);
        t.dtype = type;
    }
    return m;
}

cli::placed_checkpoint open(const test::model& m, const char* spelled,
                            const std::filesystem::path& folder, const aka::catalog& known) {
    std::filesystem::create_directory(folder);
    auto c = cli::placed_checkpoint::open(
        test::write_spelling(test::find_spelling(spelled), m, folder).string(), known);
    must(c);
    require(c->bind(aka::rope_order::half), "cannot be bound");
    return std::move(*c);
}

/// Tensors of both sides by what they are.
struct both {
    std::vector<cli::placed> a, b;

    both(const cli::placed_checkpoint& x, const cli::placed_checkpoint& y)
        : a(x.tensors()), b(y.tensors()) {
        require(a.size() == b.size(), "not the same tensors");
    }
    std::deque<cli::pair_of_tensors> pairs() const {
        std::deque<cli::pair_of_tensors> out;
        for (std::size_t i = 0; i < a.size(); ++i)
            out.emplace_back(cli::row_source(a[i].tensor, *a[i].list),
                             cli::row_source(b[i].tensor, *b[i].list));
        return out;
    }
};

void compare(const both& t, bool equal) {
    std::deque<cli::pair_of_tensors> pairs = t.pairs();
    must(cli::comparison(1).run(pairs));
    for (const cli::pair_of_tensors& p : pairs)
        require(equal ? p.equal : p.equal || p.within(), "found to be different");
}

std::uint64_t sum_words(const aka::checkpoint& c) {
    std::uint64_t sums[4] = {};
    for (std::uint32_t f = 0; f < c.file_count(); ++f) {
        const std::byte* p = c.file(f).data();
        for (std::uint64_t n = c.file(f).size() / 32; n != 0; --n, p += 32)
            for (int i = 0; i < 4; ++i) sums[i] += load<std::uint64_t>(p + 8 * i);
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/// All numbers of one side, a buffer at a time.
void decode(const std::vector<cli::placed>& all, std::vector<float>& out) {
    for (const cli::placed& p : all) {
        const cli::row_source s(p.tensor, *p.list);
        const std::uint64_t n = p.tensor.elements();
        for (std::uint64_t i = 0; i < n; i += out.size()) {
            const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), n - i));
            must(aka::dequantize(
                s.dtype(), {s.in_memory() + s.bytes(i), static_cast<std::size_t>(s.bytes(some))},
                {out.data(), some}));
            benchmark::DoNotOptimize(out.data());
        }
    }
}

int run(int argc, char** argv) {
    if (!start(argc, argv)) return 2;
    auto known = aka::catalog::builtin();
    must(known);
    const test::temp_folder folder;
    const test::model m = test::random_model(config(), 1);
    const test::model half = of_type(m, "F16"), brain = of_type(m, "BF16");
    std::deque<cli::placed_checkpoint> files;
    const auto file = [&](const test::model& model, const char* spelled, const char* name) {
        return &files.emplace_back(open(model, spelled, folder / name, *known));
    };
    const auto* f32 = file(m, "hf_llama", "f32");
    const auto* again = file(m, "yi_v1", "again");
    const auto* turned = file(m, "meta_llama", "turned");
    const auto* f16 = file(half, "hf_llama", "f16");
    const auto* bf16 = file(brain, "yi_v1", "bf16");
    const auto* q8 = file(quantised(m), "gguf:qwen2", "q8");

    const both same(*f32, *again), moved(*f32, *turned);
    add("compare/equal", [&] { compare(same, true); });
    add("compare/equal/moved", [&] { compare(moved, true); });
    add("compare/equal/sum",
        [&] { benchmark::DoNotOptimize(sum_words(f32->file()) + sum_words(again->file())); });
    struct mixed {
        const char* name;
        both tensors;
    };
    const mixed all[] = {{"f32_bf16", both(*f32, *bf16)},
                         {"f16_bf16", both(*f16, *bf16)},
                         {"bf16_q8_0", both(*bf16, *q8)}};
    std::vector<float> buffer(8192);
    for (const mixed& t : all) {
        const std::string at = std::string("compare/") + t.name;
        add(at, [&t] { compare(t.tensors, false); });
        add(at + "/decode", [&t, &buffer] {
            decode(t.tensors.a, buffer);
            decode(t.tensors.b, buffer);
        });
    }

    figures every;
    if (benchmark::RunSpecifiedBenchmarks(&every) == 0) return 0;
    every.print();
    print_limits(every);
    return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) try {
    return bench::run(argc, argv);
} catch (const std::exception& e) {
    std::fprintf(stderr, "aka_bench_compare: %s\n", e.what());
    return 1;
}
