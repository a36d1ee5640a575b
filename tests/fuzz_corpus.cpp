// Every fuzz target over its corpus, and the two that compare readers over files that their
// mutators make: without libFuzzer, with any compiler. A target stops the program where something
// does not hold, and says what.
#define LLVMFuzzerTestOneInput fuzz_safetensors_input
#include "fuzz/safetensors.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_shard_index_input
#include "fuzz/shard_index.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_gguf_input
#include "fuzz/gguf.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_metadata_input
#include "fuzz/metadata.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tables_input
#include "fuzz/tables.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_names_input
#include "fuzz/names.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_rewrite_input
#include "fuzz/rewrite.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_dequantize_input
#include "fuzz/dequantize.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_json_input
#include "fuzz/json.cpp"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_diff_safetensors_input
#define LLVMFuzzerCustomMutator fuzz_safetensors_mutator
#define aka_fuzz_summary fuzz_diff_safetensors_summary
#include "fuzz/diff_safetensors.cpp"
#include "fuzz/mutate_safetensors.cpp"
#undef LLVMFuzzerTestOneInput
#undef LLVMFuzzerCustomMutator
#undef aka_fuzz_summary
#if defined(__unix__) && defined(__SIZEOF_INT128__)
#define LLVMFuzzerTestOneInput fuzz_diff_gguf_input
#define LLVMFuzzerCustomMutator fuzz_gguf_mutator
#define aka_fuzz_summary fuzz_diff_gguf_summary
#include "fuzz/diff_gguf.cpp"
#include "fuzz/mutate_gguf.cpp"
#undef LLVMFuzzerTestOneInput
#undef LLVMFuzzerCustomMutator
#undef aka_fuzz_summary
#endif

#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace test_fuzz_corpus {

namespace fs = std::filesystem;

using target = int (*)(const std::uint8_t* data, std::size_t size);

// In a block of just its size, so that a sanitizer sees what reads behind it.
void run(target t, const std::string& bytes) {
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    CHECK(t(exact.data(), exact.size()) == 0);
}

const struct {
    const char* name;
    target run;
} targets[] = {
    {"safetensors", fuzz_safetensors_input},
    {"shard_index", fuzz_shard_index_input},
    {"gguf", fuzz_gguf_input},
    {"metadata", fuzz_metadata_input},
    {"tables", fuzz_tables_input},
    {"names", fuzz_names_input},
    {"rewrite", fuzz_rewrite_input},
    {"dequantize", fuzz_dequantize_input},
    {"json", fuzz_json_input},
    {"diff_safetensors", fuzz_diff_safetensors_input},
#if defined(__unix__) && defined(__SIZEOF_INT128__)
    {"diff_gguf", fuzz_diff_gguf_input},
#endif
};

TEST_CASE("fuzz corpus: every target over its inputs") {
    std::size_t files = 0;
    for (const auto& t : targets) {
        CAPTURE(t.name);
        const fs::path folder = fs::path(AKA_SOURCE_DIR) / "tests/fuzz/corpus" / t.name;
        std::size_t here = 0;
        run(t.run, "");
        for (const auto& e : fs::directory_iterator(folder)) {
            CAPTURE(e.path().string());
            run(t.run, test::read_file(e.path()));
            ++here;
        }
        CHECK(here >= 5);
        files += here;
    }
    std::printf("fuzz corpus: %d targets, %d inputs\n",
                static_cast<int>(sizeof targets / sizeof targets[0]), static_cast<int>(files));
}

using mutator = std::size_t (*)(std::uint8_t* data, std::size_t size, std::size_t max,
                                unsigned seed);

void generate(target t, mutator make, unsigned n) {
    std::vector<std::uint8_t> buffer(16384);
    for (unsigned seed = 0; seed < n; ++seed) {
        buffer.assign(4, 0);
        buffer.resize(16384);
        CAPTURE(seed);
        const std::size_t size = make(buffer.data(), 0, buffer.size(), seed);
        run(t, std::string(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)));
    }
}

TEST_CASE("fuzz corpus: generated safetensors files against the strict reader") {
    generate(fuzz_diff_safetensors_input, fuzz_safetensors_mutator, 20000);
    fuzz_diff_safetensors_summary();
    using fuzz_diff_safetensors::counts;
    CHECK(counts[0] >= 5000);
    CHECK(counts[1] >= 5000);
}

#if defined(__unix__) && defined(__SIZEOF_INT128__)
TEST_CASE("fuzz corpus: generated GGUF files against ggml") {
    SKIP_WITHOUT_GGML();
    generate(fuzz_diff_gguf_input, fuzz_gguf_mutator, 20000);
    fuzz_diff_gguf_summary();
    for (const auto& c : fuzz_diff_gguf::counts) {
        CHECK(c.accepted >= 5000);
        CHECK(c.refused >= 5000);
        CHECK(c.ours_only >= 1000);
    }
}
#endif

}  // namespace test_fuzz_corpus
