// ggml's own decoders, from its shared library (see tests/oracle_ggml.cpp and CONTRIBUTING.md).
#ifndef AKA_TEST_GGML_DECODERS_HPP
#define AKA_TEST_GGML_DECODERS_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#if defined(__unix__)
#include <dlfcn.h>
#endif

namespace test {

class ggml_decoders {
  public:
    using to_float = void (*)(const void* from, float* to, std::int64_t n);
    using validate = bool (*)(int type, const void* data, std::size_t bytes);
    std::string problem;  // why it cannot be used; empty when it can

    ggml_decoders() {
#if defined(__unix__)
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
        get_ = reinterpret_cast<get>(dlsym(library, "ggml_get_type_traits"));
        validate_ = reinterpret_cast<validate>(dlsym(library, "ggml_validate_row_data"));
        if (get_ == nullptr || validate_ == nullptr) problem = path + " lacks a function";
#else
        problem = "ggml is loaded as a shared object of Unix";
#endif
    }

    // Null where ggml has no decoder of this type, or other blocks than `elements` and `bytes`.
    to_float of(int id, std::size_t elements, std::size_t bytes) const {
        const traits* t = get_(id);
        if (t == nullptr || t->elements != static_cast<std::int64_t>(elements) || t->bytes != bytes)
            return nullptr;
        return t->decode;
    }
    // Prints what it refuses, to the standard error output.
    validate validator() const { return validate_; }

  private:
    struct traits {  // ggml_type_traits of ggml.h
        const char* name;
        std::int64_t elements, interleaved;
        std::size_t bytes;
        bool quantised;
        to_float decode;
    };
    using get = const traits* (*)(int);
    get get_ = nullptr;
    validate validate_ = nullptr;
};

inline const ggml_decoders& ggml_functions() {
    static const ggml_decoders library;
    return library;
}

}  // namespace test

#endif  // AKA_TEST_GGML_DECODERS_HPP
