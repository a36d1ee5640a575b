// Inputs that are a checkpoint: lines of text, each a tensor, `NAME DTYPE 2,3`; a line that begins
// with a brace is its config.json. Written as safetensors with holes for data, or with data where
// that is small.
#ifndef AKA_FUZZ_NAME_LIST_HPP
#define AKA_FUZZ_NAME_LIST_HPP

#include "fuzz.hpp"

#include "../support/files.hpp"
#include "../support/write_safetensors.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

struct name_list {
    std::vector<test::st_tensor> tensors;
    std::string config;
    std::uint64_t bytes = 0;  // of data

    // Lines that begin with another one of `marks` are left to `other`.
    template <class Other>
    name_list(input in, Other other) {
        while (!in.empty() && tensors.size() < 300) {
            const std::string_view line = in.to('\n');
            if (line.empty() || other(line)) continue;
            if (line[0] == '{')
                config = line;
            else
                add(line);
        }
    }

    // Into a folder, which has nothing else.
    void write(const std::filesystem::path& folder, bool with_data) const {
        std::error_code ignored;
        if (config.empty())
            std::filesystem::remove(folder / "config.json", ignored);
        else
            test::write_file(folder / "config.json", config);
        std::vector<test::st_tensor> full;
        if (with_data) full = tensors;
        test::rng r(bytes);
        for (test::st_tensor& t : full) t.data = r.bytes(static_cast<std::size_t>(t.bytes()));
        test::write_sparse_safetensors(folder / "model.safetensors", with_data ? full : tensors,
                                       {{"format", "pt"}});
    }

  private:
    void add(std::string_view line) {
        test::st_tensor t;
        const std::size_t end = line.find(' ');
        t.name = line.substr(0, end);
        input rest(end == std::string_view::npos ? std::string_view() : line.substr(end + 1));
        t.dtype = rest.to(' ');
        if (test::st_rank(t.dtype) < 0) t.dtype = "F32";
        constexpr std::uint64_t most = std::uint64_t{1} << 34;
        std::uint64_t n = 1;
        while (!rest.empty() && t.shape.size() < 6) {
            std::uint64_t d = 0;
            for (const char c : rest.to(','))
                if (c >= '0' && c <= '9' && d < 1000000)
                    d = d * 10 + static_cast<std::uint64_t>(c - '0');
            if (n * d > most) d = 1;
            n *= d == 0 ? 1 : d;
            t.shape.push_back(d);
        }
        if (t.bytes() * 8 != test::count_elements(t.shape) * test::st_bits(t.dtype)) t.dtype = "U8";
        bytes += t.bytes();
        if (bytes > most)
            bytes -= t.bytes();
        else
            tensors.push_back(std::move(t));
    }
};

}  // namespace fuzz

#endif  // AKA_FUZZ_NAME_LIST_HPP
