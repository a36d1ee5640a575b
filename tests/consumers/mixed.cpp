// One of two translation units of a program: with exceptions, and without. Each has aka whole, and
// tells the other how many tensors it found.
#include <aka.hpp>

#include <cstddef>
#include <cstdio>

std::size_t with_exceptions(const char* path);
std::size_t without_exceptions(const char* path);

#if AKA_EXCEPTIONS
std::size_t with_exceptions(const char* path) {
    try {
        (void)aka::checkpoint::open("not there.gguf").value();
    } catch (const aka::exception& e) {
        if (e.error().code() == aka::errc::missing_file)
            return aka::llama::open(path)->tensors().size();
    }
    return 0;
}
int main(int, char** argv) {
    const std::size_t with = with_exceptions(argv[1]), without = without_exceptions(argv[1]);
    std::printf("%zu and %zu tensors\n", with, without);
    return with == 21 && without == 21 ? 0 : 1;
}
#else
std::size_t without_exceptions(const char* path) {
    const aka::result<aka::llama> model = aka::llama::open(path);
    return model ? model.get_if()->tensors().size() : 0;
}
#endif
