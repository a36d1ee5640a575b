// Programs run with a terminal for their output.
#ifndef AKA_TEST_TERMINAL_HPP
#define AKA_TEST_TERMINAL_HPP

#if !defined(_WIN32)

#include "programs.hpp"

#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NEEDS_TERMINAL()                                             \
    do {                                                             \
        if (!test::has_terminals()) SKIP_TEST("no pseudo-terminal"); \
    } while (false)

namespace test {

// A pseudo-terminal: what is written to `name` can be read from `reads`.
struct pseudo_terminal {
    int reads = posix_openpt(O_RDWR | O_NOCTTY);
    int kept = -1;  // what is written outlives the program that wrote it
    std::string name;

    pseudo_terminal() {
        if (reads < 0 || grantpt(reads) != 0 || unlockpt(reads) != 0) return;
        if (const char* other = ptsname(reads)) name = other;
        if (!name.empty()) kept = open(name.c_str(), O_RDWR | O_NOCTTY);
    }
    ~pseudo_terminal() {
        if (kept >= 0) close(kept);
        if (reads >= 0) close(reads);
    }
    pseudo_terminal(const pseudo_terminal&) = delete;
    pseudo_terminal& operator=(const pseudo_terminal&) = delete;
};
inline bool has_terminals() { return pseudo_terminal().kept >= 0; }

// What a program writes to a terminal of so many columns: a few KB, which the terminal keeps.
inline program_result on_terminal(int columns, const std::string& program,
                                  const std::vector<std::string>& arguments,
                                  const std::string& environment = {}) {
    const pseudo_terminal t;
    REQUIRE(t.kept >= 0);
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    REQUIRE(ioctl(t.reads, TIOCSWINSZ, &size) == 0);
    program_result r =
        run_program(program_command(program, arguments, environment) + " >" + t.name);
    REQUIRE(write(t.kept, "\x04", 1) == 1);  // marks the end
    r.out.clear();
    char c = 0;
    while (read(t.reads, &c, 1) == 1 && c != '\x04')
        if (c != '\r') r.out += c;
    return r;
}

}  // namespace test

#endif

#endif  // AKA_TEST_TERMINAL_HPP
