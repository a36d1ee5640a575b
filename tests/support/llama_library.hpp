// llama.cpp itself, from the npm package @node-llama-cpp/linux-x64 (see .ci/run): only whether it
// loads a model. It runs in a child process, since it may abort.
#ifndef AKA_TEST_LLAMA_LIBRARY_HPP
#define AKA_TEST_LLAMA_LIBRARY_HPP

#if defined(__unix__)
#include "files.hpp"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace test {

struct llama_answer {
    std::string problem;  // why llama.cpp cannot be asked
    bool loaded = false;
    std::uint64_t parameters = 0;
    std::string log;  // what it said, errors last
};

namespace detail {

// llama_model_params, whose fields are not of interest: passed and returned in memory, and no
// longer than this.
struct llama_params {
    char bytes[1024];
};
inline std::string llama_log;
inline void llama_remember(int, const char* text, void*) { llama_log += text; }

// In the child: no return, a line with the answer into the file.
inline void ask_llama(const std::string& folder, const std::filesystem::path& model, int answer) {
    const auto library = [&](const char* name) -> void* {
        std::error_code ignored;
        for (const auto& f : std::filesystem::directory_iterator(folder, ignored)) {
            const std::string file = f.path().filename().string();
            if (file.rfind(name, 0) == 0) return dlopen(f.path().c_str(), RTLD_NOW | RTLD_GLOBAL);
        }
        return nullptr;
    };
    std::string out = "?";
    void *ggml = library("libggml."), *llama = library("libllama.");
    if (ggml != nullptr && llama != nullptr) {
        const auto from = [](void* lib, const char* name) { return dlsym(lib, name); };
        using log_function = void (*)(void (*)(int, const char*, void*), void*);
        reinterpret_cast<log_function>(from(llama, "llama_log_set"))(llama_remember, nullptr);
        reinterpret_cast<void (*)(const char*)>(from(ggml, "ggml_backend_load_all_from_path"))(
            folder.c_str());
        reinterpret_cast<void (*)()>(from(llama, "llama_backend_init"))();
        const llama_params params =
            reinterpret_cast<llama_params (*)()>(from(llama, "llama_model_default_params"))();
        void* loaded = reinterpret_cast<void* (*)(const char*, llama_params)>(
            from(llama, "llama_model_load_from_file"))(model.c_str(), params);
        std::uint64_t n = 0;
        if (loaded != nullptr) {
            n = reinterpret_cast<std::uint64_t (*)(const void*)>(
                from(llama, "llama_model_n_params"))(loaded);
        }
        out = (loaded != nullptr ? "+" : "-") + std::to_string(n) + "\n" + llama_log;
    }
    for (std::size_t at = 0; at < out.size();) {
        const ssize_t n = write(answer, out.data() + at, out.size() - at);
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
    }
    _exit(0);
}

}  // namespace detail

inline llama_answer load_with_llama(const std::filesystem::path& model) {
    llama_answer out;
    const std::string folder =
        AKA_SOURCE_DIR "/build/npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64";
    int ends[2];
    if (pipe(ends) != 0) return out.problem = "no pipe", out;
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        detail::ask_llama(folder, model, ends[1]);
    }
    close(ends[1]);
    std::string said;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        said.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (said.empty()) return out.log = "it crashed", out;
    if (said[0] == '?') return out.problem = "llama.cpp is not in " + folder, out;
    out.loaded = said[0] == '+';
    out.parameters = std::stoull(said.substr(1));
    out.log = said;
    return out;
}

}  // namespace test

#endif  // defined(__unix__)
#endif  // AKA_TEST_LLAMA_LIBRARY_HPP
