// Random tensors of every type and shape, for files of both formats.
#ifndef AKA_TEST_RANDOM_FILES_HPP
#define AKA_TEST_RANDOM_FILES_HPP

#include "bytes.hpp"
#include "ggml_types.hpp"
#include "write_gguf.hpp"
#include "write_safetensors.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace test {

// Mostly small, now and then without elements, the last a multiple of `unit`.
inline std::vector<std::uint64_t> random_shape(rng& random, std::uint64_t most_rank,
                                               std::uint64_t unit) {
    std::vector<std::uint64_t> shape;
    const std::uint64_t rank = random.below(most_rank + 1);
    for (std::uint64_t i = 0; i < rank; ++i)
        shape.push_back(random.below(12) == 0 ? 0 : 1 + random.below(3));
    if (rank != 0) shape.back() *= unit;
    if (rank == 0 && unit != 1) shape.push_back(unit);
    return shape;
}

// Names that nobody has to escape: block.3.ab.7, of `most` tensors at the most.
inline std::string random_name(rng& random, std::uint64_t number) {
    std::string part;
    for (std::uint64_t n = 1 + random.below(12); n > 0; --n)
        part += static_cast<char>('a' + random.below(26));
    return "block." + std::to_string(random.below(200)) + "." + part + "_" + std::to_string(number);
}

inline std::vector<st_tensor> random_tensors(rng& random, std::uint64_t most) {
    std::vector<st_tensor> out;
    for (std::uint64_t i = 0, n = 1 + random.below(most); i < n; ++i) {
        const st_dtype& type = st_dtypes[random.below(22)];
        st_tensor t;
        t.name = random_name(random, i);
        t.dtype = type.name;
        t.shape = random_shape(random, 7, type.bits % 8 == 0 ? 1 : 4);  // whole bytes
        t.data = random.bytes(static_cast<std::size_t>(t.bytes()));
        out.push_back(std::move(t));
    }
    return out;
}

inline gguf_writer random_gguf(rng& random, std::uint64_t most) {
    gguf_writer out;
    out.version = 2 + static_cast<std::uint32_t>(random.below(2));
    out.alignment = std::uint64_t{8} << random.below(4);
    out.add("general.name", random.bytes(static_cast<std::size_t>(random.below(20))));
    out.add("some.numbers", std::vector<std::int32_t>(random.below(5), -7));
    for (std::uint64_t i = 0, n = 1 + random.below(most); i < n; ++i) {
        const ggml_type_row& type =
            ggml_types[random.below(sizeof ggml_types / sizeof ggml_types[0])];
        if (type.elems == 0) continue;  // a number that ggml does not use any more
        const auto shape = random_shape(random, 4, type.elems);
        out.add_tensor(random_name(random, i), type.id, shape,
                       random.bytes(static_cast<std::size_t>(ggml_bytes(type.id, shape))));
    }
    return out;
}

}  // namespace test

#endif  // AKA_TEST_RANDOM_FILES_HPP
