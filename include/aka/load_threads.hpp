// aka: threads for a load, made of std::thread. Not part of aka.hpp: engines have their own.
#include "version.hpp"

#ifndef AKA_LOAD_THREADS_HPP
#define AKA_LOAD_THREADS_HPP

#include <thread>

#include "load.hpp"

AKA_BEGIN
namespace detail {

inline void run_in_threads(void*, unsigned n, void (*work)(void*), void* context) {
    constexpr unsigned most = 63;
    std::thread others[most];
    unsigned made = 0;
#if AKA_EXCEPTIONS
    try {
#endif
        while (made < most && made + 1 < n) {
            others[made] = std::thread(work, context);
            ++made;
        }
#if AKA_EXCEPTIONS
    } catch (...) {
        // The system has no more threads: those that there are do it all.
    }
#endif
    work(context);
    for (unsigned i = 0; i < made; ++i) others[i].join();
}

}  // namespace detail

/// Threads that are made for a load and are gone after it, the calling one among them; at most 64.
inline executor load_threads() noexcept {
    executor e;
    e.run = detail::run_in_threads;
    return e;
}

AKA_END

#endif  // AKA_LOAD_THREADS_HPP
