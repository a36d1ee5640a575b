// MPI ranks that load their parts of one checkpoint: put together they are the whole, bit for bit,
// whatever the spelling.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/model_gguf.hpp"
#include "support/programs.hpp"
#include "support/spellings.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace test_load_mpi {

namespace {

namespace fs = std::filesystem;

std::string mpirun(unsigned ranks) {
    // Open MPI itself never frees some of what it allocates, which LeakSanitizer would report.
    return "ASAN_OPTIONS=\"$ASAN_OPTIONS:detect_leaks=0\" mpirun --allow-run-as-root "
           "--oversubscribe -np " +
           std::to_string(ranks) + " ";
}

}  // namespace

TEST_CASE("aka-load-mpi: one to eight ranks have the whole between them") {
    NEEDS_PROGRAM("aka-load-mpi");
    if (test::run_program(mpirun(1) + "true").exit_code != 0)
        SKIP_TEST("mpirun does not run here (Debian: openmpi-bin)");
    test::model_config c;
    c.n_layer = 2, c.n_embd = 64, c.n_head = 8, c.n_head_kv = 4, c.head_dim = 8;
    c.n_ff = 96, c.n_vocab = 40, c.dtype = "BF16";
    const test::model m = test::random_model(c, 5);
    unsigned ranks = 0;
    for (const char* spelling : {"hf_llama", "baichuan", "internlm2", "phi3", "gguf:llama"}) {
        const test::spelling& s = test::find_spelling(spelling);
        if (!s.holds(c)) continue;  // Baichuan has no grouped heads
        ranks = ranks == 8 ? 1 : ranks == 0 ? 8 : ranks * 2;
        const test::temp_folder folder;
        const auto path = test::write_spelling(s, m, folder.path());
        const test::program_result r = test::run_program(
            mpirun(ranks) + test::program_command("aka-load-mpi", {path.string(), "--check"}));
        CAPTURE(r.err);
        CHECK_MESSAGE(r.exit_code == 0, r.out);
        CHECK_MESSAGE(r.out.find("the whole, bit for bit") != std::string::npos, spelling);
    }
    CHECK(ranks != 0);
    // Blocks: rows and columns are cut between them, or the ranks say why not.
    c.head_dim = 64, c.n_ff = 256;
    test::gguf_model_options q4_0;
    q4_0.weight_type = test::ggml_id("q4_0");
    const test::temp_folder quantised;
    const auto blocks = quantised / "model.gguf";
    const auto of_8 = [&] {
        test::to_gguf(test::random_model(c, 6), q4_0).save(blocks);
        return test::run_program(
            mpirun(8) +
            test::program_command("aka-load-mpi", {fs::path(blocks).string(), "--check"}));
    };
    const test::program_result put_together = of_8();
    CHECK_MESSAGE(put_together.exit_code == 0, put_together.err);
    CHECK(put_together.out.find("the whole, bit for bit") != std::string::npos);
    c.n_ff = 128;  // 16 columns a rank
    const test::program_result cut = of_8();
    CHECK(cut.exit_code != 0);
    CHECK_MESSAGE(cut.err.find("whole blocks") != std::string::npos, cut.err);
    // Nine query heads' worth of ranks do not divide eight heads.
    const test::temp_folder folder;
    const auto path = test::write_spelling(test::find_spelling("hf_llama"), m, folder.path());
    const test::program_result r = test::run_program(
        mpirun(3) + test::program_command("aka-load-mpi", {path.string(), "--check"}));
    CHECK(r.exit_code != 0);
    CHECK(r.err.find("cannot be cut into 3 ranks") != std::string::npos);
}

}  // namespace test_load_mpi
