// How far a long task is: on stderr, only on a terminal, only past a second.
#ifndef AKA_CLI_PROGRESS_HPP
#define AKA_CLI_PROGRESS_HPP

#include <chrono>
#include <cstdint>
#include <cstdio>

#include "terminal.hpp"
#include "text.hpp"

namespace cli {

class progress {
  public:
    progress(const char* what, std::uint64_t bytes)
        : what_(what), all_(bytes), terminal_(is_terminal(stderr)) {}
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;
    ~progress() {
        if (shown_) std::fputs("\r\x1b[K", stderr);
    }

    void add(std::uint64_t bytes) {
        done_ += bytes;
        if (!terminal_) return;
        const auto now = std::chrono::steady_clock::now();
        if (now < next_) return;
        next_ = now + std::chrono::milliseconds(200);
        shown_ = true;
        const double seconds = std::chrono::duration<double>(now - start_).count();
        const auto rate = static_cast<std::uint64_t>(static_cast<double>(done_) / seconds);
        std::fprintf(stderr, "\r\x1b[K%s %s, %s/s", what_, percent(done_, all_).c_str(),
                     human_size(rate).c_str());
    }

  private:
    const char* what_;
    std::uint64_t all_, done_ = 0;
    bool terminal_, shown_ = false;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point next_ = start_ + std::chrono::seconds(1);
};

}  // namespace cli

#endif  // AKA_CLI_PROGRESS_HPP
