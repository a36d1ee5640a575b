// A main for any target, in place of libFuzzer's:
//
//     replay FILE|FOLDER...              runs these inputs, folders with all that is in them
//     replay --generate N [SEED] [SECONDS]
//                                        runs N inputs that the target's mutator makes of nothing,
//                                        each from its own seed; the first failure names it
//     replay --one SEED FILE             writes the input of a seed
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#if defined(__unix__)
#include <csignal>
#include <unistd.h>
#endif

extern "C" {
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
#if defined(__GNUC__)
__attribute__((weak))
#endif
std::size_t
LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed);
#if defined(__GNUC__)
__attribute__((weak))
#endif
void aka_fuzz_summary();
}

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest = 16384;  // of a generated input

// An input in a block of just its size, so that a sanitizer sees what reads behind it.
void run(const char* bytes, std::size_t size) {
    std::vector<std::uint8_t> exact(bytes, bytes + size);
    exact.shrink_to_fit();
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}
std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
unsigned long long replay(const fs::path& path) {
    std::vector<fs::path> files;
    if (fs::is_directory(path)) {
        for (const auto& e : fs::recursive_directory_iterator(path))
            if (e.is_regular_file()) files.push_back(e.path());
        std::sort(files.begin(), files.end());
    } else {
        files.push_back(path);
    }
    for (const fs::path& file : files) {
        const std::string bytes = read(file);
        run(bytes.data(), bytes.size());
    }
    return files.size();
}

std::uint64_t seed_now = 0;  // for the handler

#if defined(__unix__)
extern "C" void say_seed(int signal) {
    char text[] = "the input of seed                      \n";
    char* at = text + sizeof text - 3;
    for (std::uint64_t n = seed_now;; n /= 10) {
        *at-- = static_cast<char>('0' + n % 10);
        if (n < 10) break;
    }
    if (write(2, text, sizeof text - 1) < 0) std::_Exit(128 + signal);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}
#endif

std::size_t generate(std::uint8_t* buffer, std::uint64_t seed) {
    // The mutator's seeds have 32 bits: the upper half comes as the bytes to begin with.
    const auto high = static_cast<std::uint32_t>(seed >> 32);
    std::memcpy(buffer, &high, sizeof high);
    return LLVMFuzzerCustomMutator(buffer, 0, largest, static_cast<unsigned>(seed));
}
int generate_all(std::uint64_t n, std::uint64_t first, double seconds) {
#if defined(__unix__)
    for (const int s : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(s, say_seed);
#endif
    const auto start = std::chrono::steady_clock::now();
    double spent = 0;
    std::vector<std::uint8_t> buffer(largest);
    std::uint64_t i = 0;
    for (; i < n && (seconds == 0 || spent < seconds); ++i) {
        seed_now = first + i;
        const std::size_t size = generate(buffer.data(), seed_now);
        LLVMFuzzerTestOneInput(buffer.data(), size);
        if (i % 256 == 0)
            spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%llu generated inputs from seed %llu, %.0f a second\n",
                static_cast<unsigned long long>(i), static_cast<unsigned long long>(first),
                static_cast<double>(i) / (spent == 0 ? 1 : spent));
    return 0;
}

std::uint64_t number(const char* s) { return std::strtoull(s, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
    const std::string first = argc > 1 ? argv[1] : "";
    int status = 0;
    if (first == "--generate" || first == "--one") {
        if (LLVMFuzzerCustomMutator == nullptr || argc < 3) {
            std::fprintf(stderr, "this target has no mutator of its own\n");
            return 2;
        }
        if (first == "--generate") {
            status = generate_all(number(argv[2]), argc > 3 ? number(argv[3]) : 0,
                                  argc > 4 ? std::atof(argv[4]) : 0);
        } else {
            std::vector<std::uint8_t> buffer(largest);
            const std::size_t size = generate(buffer.data(), number(argv[2]));
            std::ofstream(argv[3], std::ios::binary)
                .write(reinterpret_cast<const char*>(buffer.data()),
                       static_cast<std::streamsize>(size));
        }
    } else {
        unsigned long long files = 0;
        for (int i = 1; i < argc; ++i) files += replay(argv[i]);
        std::printf("%llu inputs\n", files);
    }
    if (aka_fuzz_summary != nullptr) aka_fuzz_summary();
    return status;
}
