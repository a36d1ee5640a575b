// Prints name, type and shape of every tensor in a file, an index of shards, or a folder.
// (A name is whatever the file says: aka-list escapes it before a terminal sees it.)
#include <aka/checkpoint.hpp>

#include <cstdint>
#include <iostream>

int main(int argc, char** argv) {
    auto model = aka::checkpoint::open(argc > 1 ? argv[1] : ".");
    if (!model) return std::cerr << model.error().message().view() << '\n', 3;
    for (aka::tensor t : *model) {
        std::cout << t.name() << ' ' << t.dtype_name();
        for (std::uint64_t size : t.shape()) std::cout << ' ' << size;
        std::cout << '\n';
    }
}
