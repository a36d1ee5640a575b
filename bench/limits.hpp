// What opening may cost at most, as ratios within one run.
//
// The ratios without a limit stand beside them to say where the time goes: the floor that keeps has
// a record for each tensor and a table of names at the end, as every opened checkpoint has.
#ifndef AKA_BENCH_LIMITS_HPP
#define AKA_BENCH_LIMITS_HPP

#include <cstdio>

#include "figures.hpp"

namespace bench {

struct limit {
    const char* what;
    const char* of;
    const char* to;
    double most;  // 0: none was set
};
inline constexpr limit limits[] = {
    {"safetensors 92,000, file: aka / simdjson", "safetensors/92k/open",
     "safetensors/92k/simdjson_file", 0.8},
    {"  memory: aka / simdjson, its copy timed", "safetensors/92k/parse",
     "safetensors/92k/simdjson_copy", 0.8},
    {"  memory: aka / simdjson, its copy free", "safetensors/92k/parse", "safetensors/92k/simdjson",
     0.8},
    {"  file, fresh memory: aka / simdjson", "safetensors/92k/open_fresh",
     "safetensors/92k/simdjson_file_fresh", 0},
    {"safetensors 92,000, file: aka / floor", "safetensors/92k/open", "safetensors/92k/floor_file",
     1.5},
    {"  memory: aka / floor", "safetensors/92k/parse", "safetensors/92k/floor", 1.5},
    {"  memory: aka / floor that keeps", "safetensors/92k/parse", "safetensors/92k/floor_keep", 0},
    {"safetensors 291, file: aka / floor", "safetensors/291/open", "safetensors/291/floor_file",
     1.5},
    {"  memory: aka / floor", "safetensors/291/parse", "safetensors/291/floor", 1.5},
    {"  memory: aka / floor that keeps", "safetensors/291/parse", "safetensors/291/floor_keep", 0},
    {"GGUF vocabulary, file: aka / floor", "gguf/vocabulary/open", "gguf/vocabulary/floor_file",
     1.3},
    {"  memory: aka / floor", "gguf/vocabulary/parse", "gguf/vocabulary/floor", 1.3},
    {"GGUF 92,000, file: aka / floor", "gguf/92k/open", "gguf/92k/floor_file", 1.5},
    {"  memory: aka / floor", "gguf/92k/parse", "gguf/92k/floor", 1.5},
    {"  memory: aka / floor that keeps", "gguf/92k/parse", "gguf/92k/floor_keep", 0},
};

inline void print_limits(const figures& all) {
    std::printf("\n%-44s %8s\n", "ratios of the least times, and their limits", "");
    for (const limit& l : limits) all.ratio(l.what, l.of, l.to, l.most);
    auto lookup = [&all](const char* what, const char* of, double n, double most) {
        if (double ns = all.least(of); ns != 0) figures::line(what, ns / n, most);
    };
    lookup("find in 1,138: ns a name", "lookup/1138/find", 1138, 60);
    lookup("  std::unordered_map", "lookup/1138/unordered_map", 1138, 0);
    lookup("find in 92,000: ns a name", "lookup/92k/find", 91991, 0);
    lookup("  std::unordered_map", "lookup/92k/unordered_map", 91991, 0);
}

}  // namespace bench

#endif  // AKA_BENCH_LIMITS_HPP
