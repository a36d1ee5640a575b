// What all programs have in common: help of one shape, exit statuses, completion by the shell.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/programs.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace test_programs {

namespace {

using words = std::vector<std::string>;

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// What each is called with for the answer yes, for no, and for a file that is not there. YI, GGUF
// and ODD (a file of no model) stand for paths.
struct program {
    const char* name;
    words yes, no, unreadable;
};
const program programs[] = {
    {"aka-list", {"YI"}, {"YI", "nothing.*"}, {"GONE"}},
    {"aka-identify", {"YI"}, {"ODD"}, {"GONE"}},
    {"aka-rename", {"YI", "--to=hf"}, {"ODD", "--to=hf"}, {"GONE", "--to=hf"}},
    {"aka-compare", {"YI", "YI"}, {"YI", "BAICHUAN"}, {"YI", "GONE"}},
    {"aka-forward", {"YI", "1"}, {"ODD", "1"}, {"GONE", "1"}},
    {"aka-load", {"YI"}, {"--as=hf", "ODD"}, {"GONE"}},
};

std::string first_word(const std::string& line) {
    std::istringstream in(line);
    std::string out;
    in >> out;
    return out;
}
// --name of every option that the help begins a line with.
std::set<std::string> options_in(const std::string& help) {
    std::set<std::string> out;
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
        const std::string first = first_word(line);
        if (line.substr(0, 2) != "  " || first.substr(0, 1) != "-") continue;
        const std::size_t at = line.find("--");
        if (at != 6) continue;
        const std::size_t end = line.find_first_of("= ", at);
        out.insert(line.substr(at, end - at));
    }
    return out;
}

}  // namespace

TEST_CASE("programs: help has one shape, and what is wrong is said on one line") {
    for (const program& p : programs) {
        NEEDS_PROGRAM(p.name);
        CAPTURE(std::string(p.name));
        const test::program_result help = test::run_named(p.name, {"--help"});
        CHECK(help.exit_code == 0);
        CHECK(help.err == "");
        CHECK(help.out.find("usage: " + std::string(p.name) + " ") == 0);
        CHECK(help.out == test::run_named(p.name, {"-h"}).out);
        const std::size_t status = help.out.find("\n\nExit status: 0 ");
        const std::size_t examples = help.out.find("\n\nExamples:\n  " + std::string(p.name) + " ");
        CHECK(status != help.out.npos);
        CHECK((examples != help.out.npos && examples > status));
        std::string flat = help.out.substr(std::min(status, help.out.size()));
        std::replace(flat.begin(), flat.end(), '\n', ' ');
        for (const char* code : {" 1 ", " 2 usage", " 3 "}) CHECK(has(flat, code));
        for (const char* option : {"--help", "--version", "--completion", "--json"})
            CHECK(options_in(help.out).count(option) == 1);
        std::istringstream lines(help.out);
        for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);

        const std::string version = test::run_named(p.name, {"--version"}).out;
        CHECK(version.find(p.name + std::string(" ")) == 0);
        CHECK(std::count(version.begin(), version.end(), '\n') == 1);
    }
}

TEST_CASE("programs: exit status 0, 1, 2 and 3 say the same everywhere") {
    const test::temp_folder folder;
    const std::string odd = (folder / "odd.safetensors").string();
    test::write_file(odd, test::write_safetensors({{"x.0.y", "F16", {2}, std::string(4, '\0')}}));
    const auto run = [&](const char* name, words arguments) {
        for (std::string& a : arguments) {
            if (a == "YI") a = (test::samples() / "yi").string();
            if (a == "BAICHUAN") a = (test::samples() / "baichuan").string();
            if (a == "ODD") a = odd;
            if (a == "GONE") a = (folder / "gone.safetensors").string();
        }
        return test::run_named(name, arguments);
    };
    for (const program& p : programs) {
        NEEDS_PROGRAM(p.name);
        CAPTURE(std::string(p.name));
        CHECK(run(p.name, p.yes).exit_code == 0);
        CHECK(run(p.name, p.no).exit_code == 1);
        for (const words& wrong : {words{}, words{"--no-such-option", "YI"},
                                   words{"--completion=fish"}, words{"--json=1", "YI"}}) {
            const test::program_result r = run(p.name, wrong);
            CHECK(r.exit_code == 2);
            CHECK(r.out == "");
            CHECK(r.err.find(p.name + std::string(": ")) == 0);
            CHECK(has(r.err, "--help"));
            CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
        }
        const test::program_result gone = run(p.name, p.unreadable);
        CHECK(gone.exit_code == 3);
        CHECK(gone.out == "");
        CHECK(has(gone.err, "gone.safetensors"));
        words json = p.unreadable;
        json.insert(json.begin(), "--json");
        const test::program_result told = run(p.name, json);
        CHECK(told.exit_code == 3);
        CHECK(has(told.out, "\"code\": \"missing_file\""));
    }
}

#if !defined(_WIN32)
TEST_CASE("programs: the shell offers the options of the help, no more and no less") {
    if (test::run_program("command -v bash").exit_code != 0) SKIP_TEST("there is no bash");
    const bool zsh = test::run_program("command -v zsh").exit_code == 0;
    for (const program& p : programs) {
        NEEDS_PROGRAM(p.name);
        CAPTURE(std::string(p.name));
        const test::temp_folder folder;
        const auto script = [&](const std::string& shell) {
            const test::program_result r = test::run_named(p.name, {"--completion=" + shell});
            CHECK(r.exit_code == 0);
            CHECK(r.err == "");
            test::write_file(folder / shell, r.out);
            return r.out;
        };
        script("bash");
        std::string function = "_" + std::string(p.name);
        std::replace(function.begin(), function.end(), '-', '_');
        // As bash calls it: the words so far, and which of them is being typed.
        const auto offered = [&](const std::string& typed, int at) {
            const test::program_result r = test::run_program(
                "bash -uc " +
                test::shell_quote("source " + (folder / "bash").string() + "; COMP_WORDS=(" +
                                  p.name + " " + typed + ") COMP_CWORD=" + std::to_string(at) +
                                  "; " + function + "; echo \"${COMPREPLY[*]-}\""));
            CHECK(r.exit_code == 0);
            CHECK(r.err == "");
            std::set<std::string> out;
            std::istringstream in(r.out);
            for (std::string word; in >> word;) out.insert(word);
            return out;
        };
        const std::set<std::string> told = options_in(test::run_named(p.name, {"--help"}).out);
        CHECK(told.size() > 5);
        std::set<std::string> names;
        for (const std::string& o : offered("--", 1)) names.insert(o.substr(0, o.find('=')));
        CHECK(names == told);
        CHECK(offered("--vers", 1) == std::set<std::string>{"--version"});
        CHECK(offered("--completion = z", 3) == std::set<std::string>{"zsh"});
        CHECK(offered("--completion =", 2) == std::set<std::string>{"bash", "zsh"});
        CHECK(offered("some-file", 1).empty());  // left to bash: file names

        const std::string other = script("zsh");
        CHECK(other.find("#compdef " + std::string(p.name) + "\n") == 0);
        for (const std::string& o : told) CHECK(has(other, "'*" + o));
        CHECK(has(other,
                  "--completion=[completion of this command line for bash or zsh, to be "
                  "sourced]:SHELL:(bash zsh)'"));
        if (zsh) CHECK(test::run_program("zsh -n " + (folder / "zsh").string()).exit_code == 0);
    }
    const std::string list = test::run_named("aka-list", {"--completion=bash"}).out;
    CHECK(has(list, "--as) COMPREPLY=($(compgen -W 'hf gguf meta "));
    CHECK(has(list, " yi_v1 "));
}
#endif

}  // namespace test_programs
