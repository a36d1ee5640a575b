// A part of a test in a process of its own that is stopped at each system call: to end it there, as
// a crash would, or to have the call fail.
#ifndef AKA_TEST_TRACE_HPP
#define AKA_TEST_TRACE_HPP

#include <cstdint>

#if defined(__linux__)
#define AKA_TEST_TRACE 1
#include <cerrno>
#include <csignal>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#define AKA_TEST_INJECT 1
#include <sys/user.h>
#else
#define AKA_TEST_INJECT 0
#endif
#else
#define AKA_TEST_TRACE 0
#define AKA_TEST_INJECT 0
#endif

namespace test {

enum class fault {
    none,
    kill_before,  // the call is not made
    kill_after,   // the call has been made
    fail_once,    // the call is not made and returns an error
    fail_on,      // so does every later one of its kind
    cut_short,    // a read or write of half the bytes (and of this kind: counted apart)
};

struct traced {
    bool ran = false;    // false: this system does not trace
    int calls = 0;       // system calls seen; with an injected error: those that can fail
    int exit_code = -1;  // of the part, or -1 where it was killed
};

#if AKA_TEST_TRACE

namespace detail {

#if AKA_TEST_INJECT
// Those that ask for files and their data, and which of them a signal can interrupt or leave half
// done.
struct failing_call {
    long number;
    bool interrupted, shortened;
};
inline constexpr failing_call failing_calls[] = {
    {SYS_pread64, true, true},      {SYS_pwrite64, true, true},   {SYS_copy_file_range, true, true},
    {SYS_open, true, false},        {SYS_openat, true, false},    {SYS_fsync, true, false},
    {SYS_ftruncate, true, false},   {SYS_fallocate, true, false}, {SYS_flock, true, false},
    {SYS_madvise, true, false},     {SYS_mmap, false, false},     {SYS_fstat, false, false},
    {SYS_newfstatat, false, false}, {SYS_stat, false, false},     {SYS_lstat, false, false},
    {SYS_access, false, false},     {SYS_statx, false, false},    {SYS_readlink, false, false},
    {SYS_getdents64, false, false}, {SYS_rename, false, false},   {SYS_renameat2, false, false},
    {SYS_link, false, false},       {SYS_linkat, false, false},   {SYS_unlink, false, false},
    {SYS_symlink, false, false},    {SYS_mkdir, false, false},    {SYS_ioctl, false, false},
};
inline bool can_fail(const user_regs_struct& regs, fault what, int error) {
    // Memory of the allocator's is not a file's: see AKA_MALLOC for that.
    const auto call = static_cast<long>(regs.orig_rax);
    if (call == SYS_mmap && static_cast<std::int32_t>(regs.r8) < 0) return false;
    for (const failing_call& c : failing_calls) {
        if (c.number != call) continue;
        if (what == fault::cut_short) return c.shortened;
        // Of all advice only to bring pages in (MADV_POPULATE_READ) takes long enough.
        const bool quick = call == SYS_madvise && regs.rdx != 22;
        return error != EINTR || (c.interrupted && !quick);
    }
    return false;
}
#endif

}  // namespace detail

// Runs `body` (which returns an exit code) in a child, with `what` at the `at`-th system call,
// counted from 0.
template <class F>
traced run_traced(F body, fault what = fault::none, int at = 0, int error = 0) {
    traced r;
    const pid_t child = fork();
    if (child < 0) return r;
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(99);
        raise(SIGSTOP);
        _exit(body());
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return r;
    ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    r.ran = true;
    bool inside = false, failing = false;
    std::uint64_t kind = 0;
    int signal = 0;
    while (true) {
        ptrace(PTRACE_SYSCALL, child, nullptr,
               reinterpret_cast<void*>(static_cast<std::intptr_t>(signal)));
        signal = 0;
        if (waitpid(child, &status, 0) != child) break;
        if (WIFEXITED(status)) {
            r.exit_code = WEXITSTATUS(status);
            break;
        }
        if (WIFSIGNALED(status)) break;
        if (!WIFSTOPPED(status)) continue;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            signal = WSTOPSIG(status);
            continue;
        }
        inside = !inside;
        const bool kills =
            what == fault::kill_before || what == fault::kill_after || what == fault::none;
        if (kills) {
            if (inside) ++r.calls;
            const bool here = r.calls == at + 1;
            if ((here && inside && what == fault::kill_before) ||
                (here && !inside && what == fault::kill_after)) {
                kill(child, SIGKILL);
                waitpid(child, &status, 0);
                break;
            }
            continue;
        }
#if AKA_TEST_INJECT
        user_regs_struct regs;
        ptrace(PTRACE_GETREGS, child, nullptr, &regs);
        if (inside) {
            if (!detail::can_fail(regs, what, error)) continue;
            const int n = r.calls++;
            if (n == at) kind = regs.orig_rax;
            if (what == fault::cut_short) {
                // copy_file_range has its length in the fifth argument, the others in the third.
                auto& length = regs.orig_rax == SYS_copy_file_range ? regs.r8 : regs.rdx;
                if (n != at || length < 2) continue;
                length /= 2;
                ptrace(PTRACE_SETREGS, child, nullptr, &regs);
                continue;
            }
            if (n != at && !(what == fault::fail_on && n > at && regs.orig_rax == kind)) continue;
            regs.orig_rax = static_cast<unsigned long long>(-1);
            ptrace(PTRACE_SETREGS, child, nullptr, &regs);
            failing = true;
        } else if (failing) {
            regs.rax = static_cast<unsigned long long>(-error);
            ptrace(PTRACE_SETREGS, child, nullptr, &regs);
            failing = false;
        }
#else
        (void)error, (void)failing, (void)kind;
#endif
    }
    return r;
}

#else

template <class F>
traced run_traced(F, fault = fault::none, int = 0, int = 0) {
    return {};
}

#endif

}  // namespace test

#endif  // AKA_TEST_TRACE_HPP
