// llama.cpp itself, from the npm package @node-llama-cpp/linux-x64 (see .ci/run): whether it loads
// a model, and what the model says. It runs in a child process, since it may abort.
#ifndef AKA_TEST_LLAMA_LIBRARY_HPP
#define AKA_TEST_LLAMA_LIBRARY_HPP

#if defined(__unix__)
#include "files.hpp"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace test {

struct llama_answer {
    std::string problem;  // why llama.cpp cannot be asked
    bool loaded = false;
    std::uint64_t parameters = 0;
    std::vector<std::int32_t> tokens;  // the likeliest, one after the other
    std::vector<float> logits;         // of each of them, all words of the vocabulary
    std::string log;                   // what it said, errors last
};

// Tokens that a model is given, and how many it shall say.
struct llama_question {
    std::vector<std::int32_t> prompt;
    std::size_t answers = 0;
};

namespace detail {

// llama_model_params, llama_context_params, llama_batch, whose fields are not of interest: passed
// and returned in memory, and no longer than this.
struct llama_struct {
    char bytes[1024];
};
inline std::string llama_log;
inline void llama_remember(int, const char* text, void*) { llama_log += text; }

// One line of numbers: tokens, then logits. Empty: it could not.
inline std::string talk_to_llama(void* llama, void* model, const llama_question& question) {
    const auto from = [llama](const char* name) { return dlsym(llama, name); };
    const llama_struct params =
        reinterpret_cast<llama_struct (*)()>(from("llama_context_default_params"))();
    void* context = reinterpret_cast<void* (*)(void*, llama_struct)>(from("llama_init_from_model"))(
        model, params);
    if (context == nullptr) return "";
    reinterpret_cast<void (*)(void*, std::int32_t, std::int32_t)>(from("llama_set_n_threads"))(
        context, 1, 1);  // sums in one order
    const void* vocabulary =
        reinterpret_cast<const void* (*)(const void*)>(from("llama_model_get_vocab"))(model);
    const int n =
        reinterpret_cast<std::int32_t (*)(const void*)>(from("llama_vocab_n_tokens"))(vocabulary);
    std::vector<std::int32_t> next = question.prompt;
    std::ostringstream tokens, logits;
    for (std::size_t i = 0; i < question.answers; ++i) {
        const llama_struct batch = reinterpret_cast<llama_struct (*)(std::int32_t*, std::int32_t)>(
            from("llama_batch_get_one"))(next.data(), static_cast<std::int32_t>(next.size()));
        if (reinterpret_cast<std::int32_t (*)(void*, llama_struct)>(from("llama_decode"))(
                context, batch) != 0)
            return "";
        const float* all = reinterpret_cast<float* (*)(void*, std::int32_t)>(
            from("llama_get_logits_ith"))(context, -1);
        if (all == nullptr) return "";
        std::int32_t best = 0;
        logits.precision(9);
        for (std::int32_t t = 0; t < n; ++t) {
            if (all[t] > all[best]) best = t;
            logits << ' ' << all[t];
        }
        tokens << ' ' << best;
        next = {best};
    }
    return std::to_string(n) + tokens.str() + logits.str();
}

// In the child: no return, a line with the answer into the file.
inline void ask_llama(const std::string& folder, const std::filesystem::path& model,
                      const llama_question& question, int answer) {
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
        const llama_struct params =
            reinterpret_cast<llama_struct (*)()>(from(llama, "llama_model_default_params"))();
        void* loaded = reinterpret_cast<void* (*)(const char*, llama_struct)>(
            from(llama, "llama_model_load_from_file"))(model.c_str(), params);
        std::uint64_t n = 0;
        std::string said;
        if (loaded != nullptr) {
            n = reinterpret_cast<std::uint64_t (*)(const void*)>(
                from(llama, "llama_model_n_params"))(loaded);
            if (question.answers != 0) said = talk_to_llama(llama, loaded, question);
        }
        out = (loaded != nullptr ? "+" : "-") + std::to_string(n) + "\n" + said + "\n" + llama_log;
    }
    for (std::size_t at = 0; at < out.size();) {
        const ssize_t n = write(answer, out.data() + at, out.size() - at);
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
    }
    _exit(0);
}

}  // namespace detail

inline llama_answer load_with_llama(const std::filesystem::path& model,
                                    const llama_question& question = {}) {
    llama_answer out;
    const std::string folder =
        AKA_SOURCE_DIR "/build/npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64";
    int ends[2];
    if (pipe(ends) != 0) return out.problem = "no pipe", out;
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        detail::ask_llama(folder, model, question, ends[1]);
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
    std::istringstream in(said.substr(1));
    std::string line;
    in >> out.parameters;
    std::getline(in, line), std::getline(in, line);
    std::istringstream numbers(line);
    std::size_t words = 0;
    numbers >> words;
    for (std::int32_t t = 0; out.tokens.size() < question.answers && numbers >> t;)
        out.tokens.push_back(t);
    for (float v = 0; numbers >> v;) out.logits.push_back(v);
    out.log.assign(std::istreambuf_iterator<char>(in), {});
    return out;
}

}  // namespace test

#endif  // defined(__unix__)
#endif  // AKA_TEST_LLAMA_LIBRARY_HPP
