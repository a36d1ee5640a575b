// The JavaScript readers of Hugging Face, @huggingface/gguf and @huggingface/hub (see .ci/run for
// what installs them).
#ifndef AKA_TEST_NODE_READERS_HPP
#define AKA_TEST_NODE_READERS_HPP

#include <doctest/doctest.h>

#include "files.hpp"
#include "json.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace test {

inline std::filesystem::path node_modules() {
    return std::filesystem::path(AKA_SOURCE_DIR) / "build/npm/node_modules";
}

// Why they cannot be asked; or empty.
inline std::string node_problem() {
    if (run_program("node --version").exit_code != 0) return "node is not there";
    for (const char* package : {"@huggingface/gguf", "@huggingface/hub"})
        if (!std::filesystem::exists(node_modules() / package))
            return std::string(package) + " is not in " + node_modules().string();
    return "";
}
// For each file what tests/node/read_back.mjs says of it.
inline std::vector<json> read_with_node(const std::vector<std::filesystem::path>& files) {
    std::string command = "node " + shell_quote(AKA_SOURCE_DIR "/tests/node/read_back.mjs") + " " +
                          shell_quote(node_modules().string());
    for (const std::filesystem::path& f : files) command += " " + shell_quote(f.string());
    const auto ran = run_program(command);
    REQUIRE_MESSAGE(ran.exit_code == 0, ran.err);
    std::vector<json> out;
    for (std::size_t at = 0, end; (end = ran.out.find('\n', at)) != std::string::npos; at = end + 1)
        out.push_back(json::parse(std::string_view(ran.out).substr(at, end - at)));
    REQUIRE(out.size() == files.size());
    return out;
}

}  // namespace test

#endif  // AKA_TEST_NODE_READERS_HPP
