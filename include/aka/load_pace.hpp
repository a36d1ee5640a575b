// aka: through the page cache or past it? Which is faster depends on the disk, on what is cached
// already, and on who else is at work: so both are tried while reading.
#ifndef AKA_LOAD_PACE_HPP
#define AKA_LOAD_PACE_HPP

#include <cstdint>
#include <ctime>

#include "config.hpp"

AKA_BEGIN

/// How a load reads.
enum class reading : std::uint8_t {
    measured,  ///< in the way that proves faster here, block by block; small loads: `cached`
    cached,    ///< through the page cache, which keeps it for the next one
    direct,    ///< past it: for more memory than the machine has. Where the system refuses that,
               ///< through the cache after all, and the report says so
};

namespace detail {

inline std::uint64_t nanoseconds() noexcept {
#if AKA_WINDOWS
    return 0;  // there is nothing to choose from: no direct reading there
#else
    ::timespec t;
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1000000000 +
           static_cast<std::uint64_t>(t.tv_nsec);
#endif
}

/// What the two ways have cost. Each is tried first; then the cheaper one is taken for as long as
/// it stays that, by an average that forgets.
class load_pace {
  public:
    /// Whether the next block is read past the cache.
    bool direct() const noexcept {
        for (unsigned past = 2; past-- != 0;)
            if (ways_[past].tried < tries) return past != 0;
        return ways_[true].cost < ways_[false].cost;
    }
    void took(bool direct, std::uint64_t bytes, std::uint64_t ns) noexcept {
        if (bytes == 0) return;
        way& w = ways_[direct];
        const std::uint64_t cost = ns * 1024 / bytes;  // ns a KiB
        w.cost = w.tried == 0 ? cost : (3 * w.cost + cost) / 4;
        if (w.tried < tries) ++w.tried;
    }

  private:
    static constexpr unsigned tries = 2;
    struct way {
        std::uint64_t cost = 0;
        unsigned tried = 0;
    };
    way ways_[2];
};

}  // namespace detail
AKA_END

#endif  // AKA_LOAD_PACE_HPP
