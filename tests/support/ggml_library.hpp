// ggml itself, as the shared library of the npm package @node-llama-cpp/linux-x64 (see .ci/run and
// CONTRIBUTING.md). It may abort on files that it does not like.
#ifndef AKA_TEST_GGML_LIBRARY_HPP
#define AKA_TEST_GGML_LIBRARY_HPP

#if defined(__unix__)
#include "files.hpp"

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

// The part of ggml.h and gguf.h that is used here.
extern "C" {
struct ggml_context;
struct ggml_tensor;
struct gguf_context;
struct gguf_init_params {
    bool no_alloc;
    ggml_context** ctx;
};
struct ggml_init_params {
    std::size_t mem_size;
    void* mem_buffer;
    bool no_alloc;
};
}

// X(return type, name, parameters)
#define GGML_FUNCTIONS(X)                                                                 \
    X(void, ggml_log_set, (void (*)(int, const char*, void*), void*))                     \
    X(const char*, ggml_type_name, (int))                                                 \
    X(std::int64_t, ggml_blck_size, (int))                                                \
    X(std::size_t, ggml_type_size, (int))                                                 \
    X(ggml_tensor*, ggml_get_tensor, (ggml_context*, const char*))                        \
    X(void*, ggml_get_data, (const ggml_tensor*))                                         \
    X(std::size_t, ggml_nbytes, (const ggml_tensor*))                                     \
    X(std::int64_t, ggml_nelements, (const ggml_tensor*))                                 \
    X(ggml_context*, ggml_init, (ggml_init_params))                                       \
    X(ggml_tensor*, ggml_new_tensor, (ggml_context*, int, int, const std::int64_t*))      \
    X(ggml_tensor*, ggml_set_name, (ggml_tensor*, const char*))                           \
    X(void, ggml_free, (ggml_context*))                                                   \
    X(gguf_context*, gguf_init_from_file, (const char*, gguf_init_params))                \
    X(gguf_context*, gguf_init_from_buffer, (const void*, std::size_t, gguf_init_params)) \
    X(void, ggml_set_abort_callback, (void (*)(const char*)))                             \
    X(gguf_context*, gguf_init_empty, ())                                                 \
    X(void, gguf_add_tensor, (gguf_context*, const ggml_tensor*))                         \
    X(void, gguf_free, (gguf_context*))                                                   \
    X(std::uint32_t, gguf_get_version, (const gguf_context*))                             \
    X(std::size_t, gguf_get_alignment, (const gguf_context*))                             \
    X(std::size_t, gguf_get_data_offset, (const gguf_context*))                           \
    X(std::int64_t, gguf_get_n_kv, (const gguf_context*))                                 \
    X(std::int64_t, gguf_find_key, (const gguf_context*, const char*))                    \
    X(const char*, gguf_get_key, (const gguf_context*, std::int64_t))                     \
    X(int, gguf_get_kv_type, (const gguf_context*, std::int64_t))                         \
    X(int, gguf_get_arr_type, (const gguf_context*, std::int64_t))                        \
    X(const void*, gguf_get_val_data, (const gguf_context*, std::int64_t))                \
    X(bool, gguf_get_val_bool, (const gguf_context*, std::int64_t))                       \
    X(const char*, gguf_get_val_str, (const gguf_context*, std::int64_t))                 \
    X(std::size_t, gguf_get_arr_n, (const gguf_context*, std::int64_t))                   \
    X(const void*, gguf_get_arr_data, (const gguf_context*, std::int64_t))                \
    X(const char*, gguf_get_arr_str, (const gguf_context*, std::int64_t, std::size_t))    \
    X(std::int64_t, gguf_get_n_tensors, (const gguf_context*))                            \
    X(std::int64_t, gguf_find_tensor, (const gguf_context*, const char*))                 \
    X(const char*, gguf_get_tensor_name, (const gguf_context*, std::int64_t))             \
    X(int, gguf_get_tensor_type, (const gguf_context*, std::int64_t))                     \
    X(const std::int64_t*, gguf_get_tensor_ne, (const gguf_context*, std::int64_t))       \
    X(std::size_t, gguf_get_tensor_size, (const gguf_context*, std::int64_t))             \
    X(std::size_t, gguf_get_tensor_offset, (const gguf_context*, std::int64_t))

namespace test {

inline std::string last_message;  // what ggml said last
inline void remember(int, const char* text, void*) { last_message += text; }

struct ggml_library {
#define X(result, name, parameters) result(*name) parameters = nullptr;
    GGML_FUNCTIONS(X)
#undef X
    std::string problem;  // why it cannot be used

    ggml_library() {
        const char* from_env = std::getenv("AKA_GGML_BASE");
        const std::string path = from_env != nullptr ? from_env
                                                     : AKA_SOURCE_DIR
                                     "/build/npm/node_modules/@node-llama-cpp/"
                                     "linux-x64/bins/linux-x64/libggml-base.so";
        void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) {
            problem = std::string("ggml is not there: ") + dlerror() + " (set AKA_GGML_BASE)";
            return;
        }
#define X(result, name, parameters)                                       \
    name = reinterpret_cast<result(*) parameters>(dlsym(library, #name)); \
    if (name == nullptr) problem = path + " has no " #name;
        GGML_FUNCTIONS(X)
#undef X
        if (problem.empty()) ggml_log_set(remember, nullptr);
    }
};
inline const ggml_library& ggml() {
    static const ggml_library library;
    return library;
}
#define SKIP_WITHOUT_GGML() \
    if (!test::ggml().problem.empty()) SKIP_TEST(test::ggml().problem)

// A file as ggml holds it.
struct ggml_file {
    ggml_context* context = nullptr;
    gguf_context* file = nullptr;

    ggml_file(const std::filesystem::path& path, bool with_data) {
        last_message.clear();
        file = ggml().gguf_init_from_file(path.c_str(), {!with_data, &context});
    }
    ggml_file(const ggml_file&) = delete;
    ggml_file& operator=(const ggml_file&) = delete;
    ~ggml_file() {
        if (file != nullptr) ggml().gguf_free(file);
        if (context != nullptr) ggml().ggml_free(context);
    }
};

}  // namespace test

#endif  // defined(__unix__)
#endif  // AKA_TEST_GGML_LIBRARY_HPP
