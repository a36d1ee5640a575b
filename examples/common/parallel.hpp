// Work in numbered pieces on a few threads. The calling thread is one of them, and the one that
// shows how far it is.
#ifndef AKA_CLI_PARALLEL_HPP
#define AKA_CLI_PARALLEL_HPP

#include <aka/error.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "progress.hpp"

namespace cli {

inline unsigned processors() {
    const unsigned n = std::thread::hardware_concurrency();
    return n == 0 ? 1 : n;
}

// `worker(turn)` is called once on each thread; `turn.next` hands out work until there is none.
class parallel {
  public:
    parallel(unsigned threads, progress& shown)
        : threads_(threads == 0 ? 1 : threads), shown_(shown) {}

    // Runs `make()` on each thread, which gives a function that does one piece of work and says
    // whether there was one: `aka::result<bool>()`. Stops at the first error.
    template <class Make>
    aka::status run(Make make) {
        std::vector<std::thread> others;
        const auto body = [&](bool shows) {
            try {
                auto work = make();
                while (!stop_) {
                    aka::result<bool> more = work();
                    if (!more) fail(more.error());
                    if (!more || !*more) break;
                    if (shows) shown_.add(done_.exchange(0));
                }
            } catch (...) {
                const std::lock_guard<std::mutex> lock(mutex_);
                if (!thrown_) thrown_ = std::current_exception();
                stop_ = true;
            }
        };
        for (unsigned i = 1; i < threads_; ++i) {
            try {
                others.emplace_back(body, false);
            } catch (const std::system_error&) {
                break;  // fewer will do
            }
        }
        body(true);
        for (std::thread& t : others) t.join();
        if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
        return std::move(error_);
    }
    void did(std::uint64_t bytes) { done_ += bytes; }

  private:
    void fail(const aka::error& e) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (error_) error_ = e;
        stop_ = true;
    }

    unsigned threads_;
    progress& shown_;
    std::mutex mutex_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> done_{0};
    aka::status error_;
    std::exception_ptr thrown_;
};

}  // namespace cli

#endif  // AKA_CLI_PARALLEL_HPP
