// What opening and binding may cost at most: ratios within one run, and times on one core.
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
    // The bare walk steps from length to length and never reads a name: no reader that can answer
    // `find` comes near it, so the limit is beside the floor that can.
    {"GGUF 92,000, file: aka / floor", "gguf/92k/open", "gguf/92k/floor_file", 0},
    {"  memory: aka / floor", "gguf/92k/parse", "gguf/92k/floor", 0},
    {"  memory: aka / floor that keeps", "gguf/92k/parse", "gguf/92k/floor_keep", 1.5},
    {"identify 1,138 / reading the names' bytes", "names/1138/identify", "names/1138/walk", 0},
    {"  and bind", "names/1138/bind", "names/1138/walk", 0},
    {"  adapt to gguf", "names/1138/gguf", "names/1138/walk", 0},
    {"identify 92,000 / reading the names' bytes", "names/92k/identify", "names/92k/walk", 0},
    {"  and bind", "names/92k/bind", "names/92k/walk", 0},
    {"  adapt to gguf", "names/92k/gguf", "names/92k/walk", 0},
    // At least 0.7 of the speed of summing, and half of that of decoding.
    {"compare equal bytes / summing words", "compare/equal", "compare/equal/sum", 1 / 0.7},
    {"  rows of q and k in another order", "compare/equal/moved", "compare/equal/sum", 0},
    {"compare F32, BF16 / decoding both", "compare/f32_bf16", "compare/f32_bf16/decode", 2},
    {"  F16, BF16", "compare/f16_bf16", "compare/f16_bf16/decode", 2},
    {"  BF16, Q8_0", "compare/bf16_q8_0", "compare/bf16_q8_0/decode", 2},
};

struct time_limit {
    const char* what;
    const char* of;
    double unit;  // in ns; of one iteration, which is all names
    double most;
};
inline constexpr double ms = 1e6;
inline constexpr time_limit time_limits[] = {
    {"find in 1,138: ns a name", "lookup/1138/find", 1138, 60},
    {"  std::unordered_map", "lookup/1138/unordered_map", 1138, 0},
    {"find in 92,000: ns a name", "lookup/92k/find", 91991, 0},
    {"  std::unordered_map", "lookup/92k/unordered_map", 91991, 0},
    {"compile all conventions: ms", "names/catalog", ms, 2},
    {"identify and bind 1,138: ms", "names/1138/bind", ms, 1},
    {"  ns a name", "names/1138/bind", 1138, 0},
    {"  identify alone: ns a name", "names/1138/identify", 1138, 0},
    {"  adapt to gguf: ns a name", "names/1138/gguf", 1138, 0},
    {"  reading the names' bytes: ns a name", "names/1138/walk", 1138, 0},
    {"identify and bind 92,000: ms", "names/92k/bind", ms, 20},
    {"  with fresh memory: ms", "names/92k/bind_fresh", ms, 0},
    {"  ns a name", "names/92k/bind", 92114, 0},
    {"  identify alone: ns a name", "names/92k/identify", 92114, 0},
    {"  adapt to gguf: ns a name", "names/92k/gguf", 92114, 0},
    {"  reading the names' bytes: ns a name", "names/92k/walk", 92114, 0},
};

inline void print_limits(const figures& all) {
    std::printf("\n%-44s %8s\n", "least times, and what is allowed", "");
    for (const limit& l : limits) all.ratio(l.what, l.of, l.to, l.most);
    for (const time_limit& l : time_limits) all.cost(l.what, l.of, l.unit, l.most);
}

}  // namespace bench

#endif  // AKA_BENCH_LIMITS_HPP
