// Checkpoints of several files: shards with an index, and GGUF splits.
#ifndef AKA_TEST_WRITE_SHARDS_HPP
#define AKA_TEST_WRITE_SHARDS_HPP

#include "write_gguf.hpp"
#include "write_safetensors.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace test {

// "model-00002-of-00005.safetensors"; number counts from 1.
inline std::string shard_name(const std::string& prefix, std::size_t number, std::size_t count,
                              const std::string& extension) {
    char digits[64];
    std::snprintf(digits, sizeof digits, "-%05zu-of-%05zu", number, count);
    return prefix + digits + extension;
}

// Which of `parts` item i of n belongs to: consecutive runs of nearly equal length.
inline std::size_t shard_of(std::size_t i, std::size_t n, std::size_t parts) {
    return n == 0 ? 0 : i * parts / n;
}

// As json.dumps(..., indent=2, sort_keys=True) writes it.
inline std::string index_json(const std::map<std::string, std::string>& weight_map,
                              std::uint64_t total_size) {
    std::string out = "{\n  \"metadata\": {\n    \"total_size\": " + std::to_string(total_size);
    out += "\n  },\n  \"weight_map\": {";
    bool first = true;
    for (const auto& [name, file] : weight_map) {
        out += first ? "\n    " : ",\n    ";
        out += json_quote(name) + ": " + json_quote(file);
        first = false;
    }
    return out + "\n  }\n}\n";
}

struct shard_options {
    std::string prefix = "model";
    std::string index = "model.safetensors.index.json";  // empty: no index
    std::map<std::string, std::string> metadata = {{"format", "pt"}};
    st_options file;
};

// Writes the shards and the index into an existing folder; gives name -> shard. Holes stay holes.
inline std::map<std::string, std::string> write_sharded(const std::filesystem::path& folder,
                                                        const std::vector<st_tensor>& tensors,
                                                        std::size_t n_shards,
                                                        const shard_options& options = {}) {
    std::map<std::string, std::string> weight_map;
    std::uint64_t total = 0;
    std::size_t i = 0;
    for (std::size_t shard = 0; shard < n_shards; ++shard) {
        const std::string file = shard_name(options.prefix, shard + 1, n_shards, ".safetensors");
        std::vector<st_tensor> mine;
        for (; i < tensors.size() && shard_of(i, tensors.size(), n_shards) == shard; ++i) {
            mine.push_back(tensors[i]);
            weight_map[tensors[i].name] = file;
            total += tensors[i].bytes();
        }
        write_sparse_safetensors(folder / file, mine, options.metadata, options.file);
    }
    if (!options.index.empty()) {
        file_image index;
        index.head = index_json(weight_map, total);
        index.save(folder / options.index);
    }
    return weight_map;
}

struct split_options {
    std::string prefix = "model";
    bool empty_first = false;          // the first part holds metadata only
    bool alignment_everywhere = true;  // gguf-py writes the key into the first part alone
};

// The parts of `whole` as llama.cpp's gguf-split makes them: the model's keys in the first part,
// split.no (from 0), split.count and split.tensors.count in each. Not written: save() each.
inline std::vector<std::pair<std::string, gguf_writer>> gguf_split(
    const gguf_writer& whole, std::size_t n_parts, const split_options& options = {}) {
    std::vector<std::pair<std::string, gguf_writer>> parts;
    const std::size_t skip = options.empty_first ? 1 : 0;
    std::size_t i = 0;
    for (std::size_t no = 0; no < n_parts; ++no) {
        gguf_writer part;
        part.version = whole.version;
        part.big_endian = whole.big_endian;
        part.alignment = whole.alignment;
        part.declare_alignment = no == 0 || options.alignment_everywhere;
        part.pad_last = whole.pad_last;
        if (no == 0) part.kvs = whole.kvs;
        part.add("split.no", static_cast<std::uint16_t>(no));
        part.add("split.count", static_cast<std::uint16_t>(n_parts));
        part.add("split.tensors.count", static_cast<std::int32_t>(whole.tensors.size()));
        while (no >= skip && i < whole.tensors.size() &&
               shard_of(i, whole.tensors.size(), n_parts - skip) == no - skip) {
            part.tensors.push_back(whole.tensors[i++]);
        }
        parts.emplace_back(shard_name(options.prefix, no + 1, n_parts, ".gguf"), std::move(part));
    }
    return parts;
}

inline std::vector<std::filesystem::path> write_gguf_split(const std::filesystem::path& folder,
                                                           const gguf_writer& whole,
                                                           std::size_t n_parts,
                                                           const split_options& options = {}) {
    std::vector<std::filesystem::path> paths;
    for (const auto& [name, part] : gguf_split(whole, n_parts, options)) {
        paths.push_back(folder / name);
        part.save(paths.back());
    }
    return paths;
}

}  // namespace test

#endif  // AKA_TEST_WRITE_SHARDS_HPP
