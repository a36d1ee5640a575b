// Runs a fuzz target over the files of a folder, with C functions alone.
//     memory_TARGET FOLDER
#include "../support/alloc.hpp"  // before every header of the library

#include <aka/path.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// False: the file cannot be read. The block is just as large, so that reading behind it shows.
bool run(const char* path) {
    std::FILE* f = std::fopen(path, "rb");
    if (f == nullptr) return false;
    std::fseek(f, 0, SEEK_END);
    const auto size = static_cast<std::size_t>(std::ftell(f));
    std::rewind(f);
    auto* data = static_cast<std::uint8_t*>(std::malloc(size));
    const bool whole = data != nullptr && std::fread(data, 1, size, f) == size;
    std::fclose(f);
    if (whole) LLVMFuzzerTestOneInput(data, size);
    std::free(data);
    return whole;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
    unsigned inputs = 0, unread = 0;
    const aka::status listed = aka::detail::for_each_entry(argv[1], [&](std::string_view name) {
        aka::detail::path file(argv[1]);
        if (name != "." && name != "..") ++(run((file /= name).c_str()) ? inputs : unread);
        return true;
    });
    std::printf("%u inputs, %u that cannot be read\n", inputs, unread);
    return listed && inputs != 0 && unread == 0 ? 0 : 1;
}
