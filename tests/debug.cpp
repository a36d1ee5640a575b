// The debugger views: gdb stops in a small program and shows one object of each type, and holds
// the members that the natvis file names against the types.
#include <doctest/doctest.h>

#include "support/files.hpp"

#include <string>

namespace test_debug {

TEST_CASE("gdb shows tensors, checkpoints and errors as what they are") {
#if defined(__linux__)
    const std::string source = AKA_SOURCE_DIR;
    if (test::emulated || test::run_program("gdb --version").exit_code != 0)
        SKIP_TEST("no gdb (Debian: gdb)");
    const test::temp_folder folder;
    const std::string program = (folder / "program").string();
    const auto built =
        test::run_program(std::string(AKA_TEST_CXX) + " -std=c++17 -g -O0 -I" + source +
                          "/include " + source + "/tests/debug/main.cpp -o " + program);
    REQUIRE_MESSAGE(built.exit_code == 0, built.err);

    std::string commands = "set pagination off\nset width 0\nset startup-with-shell off\n";
    commands += "set auto-load no\n";
    commands += "source " + source + "/tools/debug/aka_gdb.py\n";
    commands += "break look_here\nrun " + (test::samples() / "yi").string() + "\nup\n";
    for (const char* name :
         {"t", "none", "sizes", "type", "why", "fine", "failed", "got", "few", "model", "bound"})
        commands += std::string("echo ") + name + "=\noutput " + name + "\necho \\n\n";
    commands += "source " + source + "/tests/debug/natvis_members.py\n";
    test::write_file(folder / "commands", commands);
    const auto run = test::run_program("cd " + folder.path().string() +
                                       " && gdb -batch -nx -x commands " + program);
    if (run.out.find("look_here ()") == std::string::npos)
        SKIP_TEST("gdb cannot run a program here: " + run.out + run.err);

    const auto line = [&](const std::string& name) {
        const std::size_t at = run.out.find("\n" + name + "=") + name.size() + 2;
        return run.out.substr(at, run.out.find('\n', at) - at);
    };
    const std::string gone =
        "missing_file: not there.gguf: there is no such file or folder (system error 2)";
    CHECK(line("t") == "F16 [32, 32] model.layers.0.self_attn.q_proj.weight");
    CHECK(line("none") == "no tensor");
    CHECK(line("sizes") == "[32, 32]");
    CHECK(line("type") == "BOOL");
    CHECK(line("why") == gone);
    CHECK(line("fine") == "ok");
    CHECK(line("failed") == gone);
    CHECK(line("got") == "ok = {value = F16 [32] model.norm.weight}");
    CHECK(line("few") == "span of 2 = {32, 32}");
    const std::string yi = (test::samples() / "yi").string();
    CHECK(line("model").rfind(
              "21 tensors in 1 file of " + yi +
                  " = {F16 [40, 32] lm_head.weight, F16 [40, 32] model.embed_tokens.weight, ",
              0) == 0);
    CHECK(line("bound").rfind("ok = {value = 21 tensors in 1 file of " + yi +
                                  " = {F16 [40, 32] token_embd.weight, ",
                              0) == 0);
    CHECK(run.err.find("Python Exception") == std::string::npos);
    CHECK(run.out.find("Python Exception") == std::string::npos);
    CHECK_MESSAGE(run.out.find(" types: fine\n") != std::string::npos, run.out);
#else
    SKIP_TEST("gdb is tested on Linux");
#endif
}

}  // namespace test_debug
