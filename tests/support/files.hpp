// Files and programs: temporary folders, the shared data folder, running a command.
#ifndef AKA_TEST_FILES_HPP
#define AKA_TEST_FILES_HPP

#include "bytes.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(_WIN32)
#define AKA_TEST_POPEN _popen
#define AKA_TEST_PCLOSE _pclose
#else
#include <sys/wait.h>
#define AKA_TEST_POPEN popen
#define AKA_TEST_PCLOSE pclose
#endif

// The build defines both; the fallbacks are for a program started in the repository's folder.
#ifndef AKA_TEST_DATA_DEFAULT
#define AKA_TEST_DATA_DEFAULT "../shared/data"
#endif
#ifndef AKA_TEST_SAMPLES
#define AKA_TEST_SAMPLES "tests/data"
#endif

// What a program of another machine is started with, such as "qemu-s390x -L /usr/s390x-linux-gnu".
#ifndef AKA_TEST_EMULATOR
#define AKA_TEST_EMULATOR ""
#endif

// For the body of a doctest TEST_CASE; a skipped test must not look like a passed one.
#define SKIP_TEST(reason)                 \
    do {                                  \
        test::note_skipped(reason);       \
        MESSAGE("skipped: " << (reason)); \
        return;                           \
    } while (false)
#define SKIP_WITHOUT_DATA()                                                  \
    do {                                                                     \
        if (!test::have_shared_data()) {                                     \
            SKIP_TEST("no shared data at '" + test::shared_data().string() + \
                      "' (set AKA_TEST_DATA to the folder)");                \
        }                                                                    \
    } while (false)

namespace test {

// Time is not this machine's own.
constexpr bool emulated = sizeof AKA_TEST_EMULATOR > 1;

// How many tests were skipped in this process: main() can say so at its end.
inline int skipped_tests = 0;

inline void note_skipped(const std::string& reason) {
    ++skipped_tests;
    std::fprintf(stderr, "skipped: %s\n", reason.c_str());
}

// Where files need not reach a disk when they are flushed, if this machine has such a place.
inline std::filesystem::path memory_folder() {
    std::error_code ignored;
    const std::filesystem::path shm = "/dev/shm";
    return std::filesystem::is_directory(shm, ignored) ? shm
                                                       : std::filesystem::temp_directory_path();
}

// Removed with everything in it when the object goes away.
class temp_folder {
  public:
    temp_folder() : temp_folder(std::filesystem::temp_directory_path()) {}
    explicit temp_folder(const std::filesystem::path& in) {
        std::random_device seed;
        for (int tries = 0; tries < 100; ++tries) {
            bytes_builder b;
            b.put_u32(seed()).put_u32(seed());
            path_ = in / ("aka-test-" + hex_encode(b.str()));
            if (std::filesystem::create_directory(path_)) return;
        }
        throw std::runtime_error("cannot make a temporary folder");
    }
    temp_folder(const temp_folder&) = delete;
    temp_folder& operator=(const temp_folder&) = delete;
    ~temp_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }
    // The name is UTF-8, which on Windows a path made of a narrow string is not.
    std::filesystem::path operator/(const std::string& name) const {
#if defined(_WIN32)
        return path_ / std::filesystem::u8path(name);
#else
        return path_ / name;
#endif
    }

  private:
    std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path.string());
}

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    if (!in) throw std::runtime_error("cannot read " + path.string());
    std::string bytes(static_cast<std::size_t>(in.tellg()), '\0');
    in.seekg(0);
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!in) throw std::runtime_error("cannot read " + path.string());
    return bytes;
}

inline std::filesystem::path shared_data() {
    const char* from_env = std::getenv("AKA_TEST_DATA");
    return from_env != nullptr && *from_env != '\0' ? from_env : AKA_TEST_DATA_DEFAULT;
}
inline bool have_shared_data() {
    std::error_code ignored;
    return std::filesystem::exists(shared_data() / "gguf_cases.json", ignored);
}
inline std::filesystem::path samples() { return AKA_TEST_SAMPLES; }

struct program_result {
    int exit_code = -1;  // 128 + signal where a signal ended it
    std::string out, err;
    double seconds = 0;
};

// One argument for the shell, whatever it holds.
inline std::string shell_quote(const std::string& text) {
#if defined(_WIN32)
    return "\"" + text + "\"";
#else
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'')
            out += "'\\''";
        else
            out += c;
    }
    return out + "'";
#endif
}

// Runs a shell command; out and err are kept apart, since --json promises what is on stdout.
inline program_result run_program(const std::string& command) {
    const temp_folder scratch;
    const std::filesystem::path err = scratch / "stderr";
    const auto start = std::chrono::steady_clock::now();
    const std::string line = "( " + command + " ) 2>" + shell_quote(err.string());
    std::FILE* pipe = AKA_TEST_POPEN(line.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    program_result result;
    char buffer[65536];
    std::size_t n = 0;
    while ((n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) result.out.append(buffer, n);
    const int status = AKA_TEST_PCLOSE(pipe);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
#if defined(_WIN32)
    result.exit_code = status;
#else
    if (WIFEXITED(status))
        result.exit_code = WEXITSTATUS(status);
    else if (WIFSIGNALED(status))
        result.exit_code = 128 + WTERMSIG(status);
#endif
    if (std::filesystem::exists(err)) result.err = read_file(err);
    return result;
}

}  // namespace test

#endif  // AKA_TEST_FILES_HPP
