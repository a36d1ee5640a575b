// README.md and docs/ keep what they say: C++ compiles as a user would compile it, commands run and
// print what is shown, tables of conventions are read, links lead somewhere.
#include <doctest/doctest.h>

#include <aka/names.hpp>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/programs.hpp"

namespace test_readme {

namespace {

namespace fs = std::filesystem;

const fs::path root = AKA_SOURCE_DIR;

/// What stands between two fences.
struct block {
    std::string language;
    std::size_t line;  // of the fence
    std::string text;
};

struct document {
    fs::path path;
    std::string text, prose;
    std::vector<block> blocks;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

document read(const fs::path& path) {
    document d{path, test::read_file(path), {}, {}};
    bool inside = false;
    std::size_t number = 0;
    for (const std::string& line : lines_of(d.text)) {
        ++number;
        const bool fence = line.rfind("```", 0) == 0;
        if (fence && !inside) d.blocks.push_back({line.substr(3), number, ""});
        if (!inside) d.prose += line + "\n";
        if (!fence && inside) d.blocks.back().text += line + "\n";
        if (fence) inside = !inside;
    }
    CHECK_MESSAGE(!inside, path.string(), ": a code block without an end");
    return d;
}

std::vector<document> documents() {
    std::vector<document> all;
    for (const char* name : {"README.md", "SECURITY.md", "CONTRIBUTING.md"})
        all.push_back(read(root / name));
    for (const auto& e : fs::directory_iterator(root / "docs"))
        if (e.path().extension() == ".md") all.push_back(read(e.path()));
    return all;
}

/// All C++ of a document as one unit, each snippet in a namespace of its own: one that has a main
/// stands outside, and makes the unit a program.
struct unit {
    std::string source;
    bool is_program = false;
};

unit unit_of(const document& d) {
    std::string includes = "#include <aka/aka.hpp>\n", body;
    unit u;
    for (const block& b : d.blocks) {
        if (b.language != "cpp") continue;
        const bool has_main = b.text.find("int main(") != std::string::npos;
        u.is_program |= has_main;
        if (!has_main) body += "namespace line_" + std::to_string(b.line) + " {\n";
        body += "#line " + std::to_string(b.line + 1) + " \"" + d.path.filename().string() + "\"\n";
        for (const std::string& line : lines_of(b.text)) {
            const bool include = line.rfind("#include", 0) == 0;
            if (include) includes += line + "\n";
            body += (include ? "" : line) + "\n";
        }
        if (!has_main) body += "}\n";
    }
    if (!body.empty()) u.source = includes + body;
    return u;
}

}  // namespace

TEST_CASE("the C++ of the documentation compiles, and its programs run") {
    test::temp_folder folder;
    std::size_t compiled = 0;
    for (const document& d : documents()) {
        const unit u = unit_of(d);
        if (u.source.empty()) continue;
        const std::string source = folder / "unit.cpp", program = folder / "program";
        test::write_file(source, u.source);
        const bool run = u.is_program && std::string(AKA_TEST_EMULATOR).empty();
        const auto compiler = test::run_program(
            std::string(AKA_TEST_CXX) + " -std=c++17 -Wall -Wextra -Werror -Wno-unused-function " +
            (run ? "-pthread -o " + test::shell_quote(program) : "-fsyntax-only") + " -I" +
            test::shell_quote((root / "include").string()) + " " + test::shell_quote(source));
        CHECK_MESSAGE(compiler.exit_code == 0, d.path.string(), ":\n", compiler.err, compiler.out);
        ++compiled;
        if (!run || compiler.exit_code != 0) continue;
        const auto result = test::run_program("cd " + test::shell_quote(root.string()) + " && " +
                                              test::shell_quote(program));
        CHECK_MESSAGE(result.exit_code == 0, d.path.string(), ":\n", result.err, result.out);
        CHECK(!result.out.empty());
    }
    CHECK(compiled >= 2);
}

#if !defined(_WIN32)
TEST_CASE("the commands of the documentation run, and print what is shown") {
    if (!std::string(AKA_TEST_EMULATOR).empty()) SKIP_TEST("the compiler of this machine is asked");
    for (const char* name : {"aka-list", "aka-identify", "aka-rename", "aka-compare", "aka-load"})
        NEEDS_PROGRAM(name);
    std::size_t ran = 0;
    for (const document& d : documents()) {
        // A tree that can be written to, and a compiler that takes what was built already.
        test::temp_folder folder;
        const fs::path tree = folder / "tree", bin = folder / "bin";
        fs::create_directories(tree / "tests");
        fs::create_directories(bin);
        for (const char* name : {"include", "examples"})
            fs::create_directory_symlink(root / name, tree / name);
        fs::copy(test::samples(), tree / "tests/data", fs::copy_options::recursive);
        test::write_file(bin / "g++",
                         "#!/bin/sh\nfor word; do\n  case $word in aka-*) exec ln -sf '" +
                             fs::absolute(AKA_BINARY_DIR).string() +
                             "'/\"$word\" .;; esac\ndone\nexec " + AKA_TEST_CXX + " \"$@\"\n");
        fs::permissions(bin / "g++", fs::perms::owner_all);
        std::vector<std::string> printed;
        std::size_t next = 0;
        for (const block& b : d.blocks) {
            if (b.language == "sh" && b.text.find("apt-get") == std::string::npos) {
                test::write_file(folder / "block.sh", b.text);
                const auto run = test::run_program(
                    "cd " + test::shell_quote(tree.string()) + " && env -u NO_COLOR -u COLUMNS " +
                    "LC_ALL=C.UTF-8 PATH=" + test::shell_quote(bin.string()) + ":\"$PATH\" sh -e " +
                    test::shell_quote(folder / "block.sh"));
                CHECK_MESSAGE(run.exit_code == 0, d.path.string(), " line ", b.line, ":\n", run.err,
                              run.out);
                printed = lines_of(run.out + run.err);
                next = 0;
                ++ran;
            } else if (b.language == "text") {
                // Each line of it is one that the commands before it printed, in this order.
                for (const std::string& line : lines_of(b.text)) {
                    if (line == "..." || line.empty()) continue;
                    const std::size_t from = next;
                    while (next < printed.size() && printed[next] != line) ++next;
                    CHECK_MESSAGE(next < printed.size(), d.path.string(), " line ", b.line,
                                  ": not printed: ", line);
                    next = next < printed.size() ? next + 1 : from;
                }
            }
        }
    }
    CHECK(ran >= 2);
}
#endif

TEST_CASE("the tables of the documentation are read") {
    for (const document& d : documents()) {
        for (const block& b : d.blocks) {
            if (b.language != "aka") continue;
            auto known = aka::catalog::builtin();
            REQUIRE(known);
            const aka::status s = known->add(b.text, d.path.filename().string());
            CHECK_MESSAGE(s.has_value(), "line ", b.line, ": ",
                          std::string(s.error().message().view()));
        }
    }
}

TEST_CASE("links lead to files that are there") {
    for (const document& d : documents()) {
        for (std::size_t at = 0; (at = d.prose.find("](", at)) != std::string::npos;) {
            at += 2;
            std::string link = d.prose.substr(at, d.prose.find(')', at) - at);
            link = link.substr(0, link.find('#'));
            if (link.empty() || link.find("://") != std::string::npos) continue;
            CHECK_MESSAGE(fs::exists(d.path.parent_path() / link), d.path.string(), ": ", link);
        }
    }
}

TEST_CASE("the README has a name for each convention, and none that is not there") {
    const document d = read(root / "README.md");
    const std::string first = "| convention", after = "\n\n";
    const std::size_t at = d.text.find(first);
    REQUIRE(at != std::string::npos);
    const std::string table = d.text.substr(at, d.text.find(after, at) - at);
    std::set<std::string> said, known;
    for (std::size_t i = 0; (i = table.find('`', i)) != std::string::npos;) {
        const std::size_t end = table.find('`', ++i);
        said.insert(table.substr(i, end - i));
        i = end + 1;
    }
    auto builtin = aka::catalog::builtin();
    REQUIRE(builtin);
    std::size_t architectures = 0;
    for (const aka::convention* c : builtin->conventions()) {
        const std::string id(c->id());
        const bool architecture = id.rfind("gguf:", 0) == 0;
        if (!c->not_llama().empty() || id == "others") continue;
        known.insert(id);
        architectures += architecture;
        if (!architecture) CHECK_MESSAGE(said.count(id) != 0, "not in README: ", id);
    }
    for (const std::string& id : said) CHECK_MESSAGE(known.count(id) != 0, "no convention: ", id);
    CHECK(table.find(" " + std::to_string(architectures) + " architectures") != std::string::npos);
}

TEST_CASE("the commands of the README are the ones that are meant") {
    const std::string text = test::read_file(root / "README.md");
    CHECK(text.find("cmake --workflow --preset test") != std::string::npos);
    CHECK(text.find("g++ -std=c++17 -Iinclude examples/list.cpp -o aka-list") != std::string::npos);
}

}  // namespace test_readme
