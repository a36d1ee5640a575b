// Every C++ snippet of README.md and docs/ compiles, as a user would compile it.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace test_readme {

namespace {

struct snippet {
    std::string file;
    std::size_t line;
    std::string text;
};

std::vector<snippet> snippets_of(const std::filesystem::path& file) {
    std::vector<snippet> found;
    std::string text = test::read_file(file.string());
    std::size_t line = 0;
    bool inside = false;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = text.find('\n', at);
        if (end == std::string::npos) end = text.size();
        std::string one = text.substr(at, end - at);
        at = end + 1;
        ++line;
        if (!inside && one == "```cpp") {
            inside = true;
            found.push_back({file.filename().string(), line, ""});
        } else if (inside && one == "```") {
            inside = false;
        } else if (inside) {
            found.back().text += one + "\n";
        }
    }
    CHECK_MESSAGE(!inside, file.string(), ": a code block without an end");
    return found;
}

}  // namespace

TEST_CASE("the snippets of the documentation compile") {
    namespace fs = std::filesystem;
    fs::path root = AKA_SOURCE_DIR;
    std::vector<fs::path> files{root / "README.md"};
    if (fs::exists(root / "docs"))
        for (const auto& e : fs::directory_iterator(root / "docs"))
            if (e.path().extension() == ".md") files.push_back(e.path());
    test::temp_folder folder;
    std::size_t count = 0;
    for (const fs::path& file : files) {
        for (const snippet& s : snippets_of(file)) {
            std::string source = s.text;
            if (source.find("#include <aka/") == std::string::npos)
                source = "#include <aka/aka.hpp>\n" + source;
            std::string path = folder / ("snippet" + std::to_string(count++) + ".cpp");
            test::write_file(path, source);
            auto run = test::run_program(std::string(AKA_TEST_CXX) + " -std=c++17 -Wall -Wextra " +
                                         "-Werror -fsyntax-only -I" +
                                         test::shell_quote((root / "include").string()) + " " +
                                         test::shell_quote(path));
            CHECK_MESSAGE(run.exit_code == 0, s.file, " line ", s.line, ":\n", run.err, run.out);
        }
    }
    CHECK(count >= 2);
}

TEST_CASE("the commands of the README are the ones that are meant") {
    std::string text = test::read_file(std::string(AKA_SOURCE_DIR) + "/README.md");
    CHECK(text.find("cmake --workflow --preset test") != std::string::npos);
    CHECK(text.find("g++ -std=c++17 -Iinclude examples/list.cpp -o aka-list") != std::string::npos);
}

}  // namespace test_readme
