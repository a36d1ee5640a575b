// What of a checkpoint does not depend on its names, files and layout, in a few hundred KiB:
// aka-fp1.
//
// For each role, layer, expert and part, in the layout of Hugging Face's Llama (rows of q and k
// with the first halves of all pairs before the second, parts apart, experts one by one):
//   hash    XXH64 (seed 0) of the stored bytes, little-endian
//   values  XXH64 of the hashes of all rows in their order, 8 bytes each, little-endian; the hash
//   of
//           a row is XXH64 of its numbers as float32, little-endian, pending offsets added. It is
//           the same for every type that holds the same numbers
//   rows    the sum of the hashes of all rows modulo 2^64: the same in any order of the rows
//   norms   17 order statistics of the rows' lengths: sorted, those at round(i (n - 1) / 16)
// A row is what lies along the last dimension; of a vector, each number is one. Of more than 2^22
// rows every k-th has its length taken, k the least that leaves no more. A tied output is the
// embedding's. What is packed otherwise than as numbers has only `hash`.
//
// XXH64 tells accidents apart; it is no proof against somebody who wants two hashes to be the same.
#ifndef AKA_CLI_FINGERPRINT_HPP
#define AKA_CLI_FINGERPRINT_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "content_hash.hpp"
#include "decode.hpp"
#include "hparams_text.hpp"
#include "parallel.hpp"
#include "placed.hpp"
#include "rounding.hpp"
#include "row_source.hpp"

namespace cli {

struct print_of_tensor {
    std::string role, part, name, dtype;  // the name only where there is no role
    std::int64_t layer = -1, expert = -1, head = -1;
    std::vector<std::uint64_t> shape;
    std::string hash, values, rows;  // the last two and the norms only of numbers
    std::vector<double> norms;

    auto key() const { return std::tie(layer, role, expert, head, part, name); }
};

struct fingerprint {
    static constexpr const char* version = "aka-fp1";
    static constexpr std::uint64_t most_norms = std::uint64_t{1} << 22;
    static constexpr std::size_t kept_norms = 17;

    std::string path, convention, rope;
    std::vector<std::pair<std::string, std::string>> hparams;
    std::vector<print_of_tensor> tensors;  // in the order of their keys

    // One hash for all of them.
    std::string content() const {
        content_hash h;
        for (const print_of_tensor& t : tensors) {
            std::string line =
                t.role + '\0' + t.part + '\0' + t.name + '\0' + t.dtype + '\0' + t.hash;
            for (const std::int64_t n : {t.layer, t.expert, t.head})
                line += '\0' + std::to_string(n);
            for (const std::uint64_t n : t.shape) line += '\0' + std::to_string(n);
            h.add(line.data(), line.size() + 1);
        }
        return h.hex();
    }
};

namespace detail {

// Takes a tensor's pieces in order.
class tensor_printer {
  public:
    explicit tensor_printer(const row_source& s)
        : source_(s), numbers_(is_measured(s.dtype())), vector_(s.tensor().shape().rank() < 2) {
        const std::uint64_t n = vector_ ? s.columns() : s.rows();
        every_ =
            std::max<std::uint64_t>((n + fingerprint::most_norms - 1) / fingerprint::most_norms, 1);
    }
    void add(const piece& p, const std::byte* bytes, std::vector<float>& buffer) {
        const std::uint64_t n = p.rows * p.columns;
        bytes_.add(bytes, static_cast<std::size_t>(source_.bytes(n)));
        if (!numbers_) return;
        constexpr std::uint64_t most = 8192;
        buffer.resize(most);
        std::uint64_t column = p.column;  // in the row
        for (std::uint64_t i = 0; i < n;) {
            const auto some = static_cast<std::size_t>(std::min(most, n - i));
            const std::byte* f = decode(source_, bytes + source_.bytes(i), buffer.data(), some);
            for (std::size_t k = 0; k < some;) {
                const std::uint64_t width = vector_ ? 1 : source_.columns();
                const auto part = static_cast<std::size_t>(
                    std::min<std::uint64_t>(some - k, vector_ ? 1 : width - column));
                part_of_row(f + 4 * k, part);
                column += part;
                k += part;
                if (vector_ || column == width) end_row(), column = 0;
            }
            i += some;
        }
    }
    void finish(print_of_tensor& out) {
        out.hash = bytes_.hex();
        if (!numbers_) return;
        out.values = values_.hex();
        static constexpr char digits[] = "0123456789abcdef";
        for (int shift = 60; shift >= 0; shift -= 4) out.rows += digits[sum_ >> shift & 15];
        std::sort(norms_.begin(), norms_.end());
        for (std::size_t i = 0; i < fingerprint::kept_norms && !norms_.empty(); ++i)
            out.norms.push_back(static_cast<double>(
                norms_[(i * (norms_.size() - 1) + 8) / (fingerprint::kept_norms - 1)]));
    }

  private:
    void part_of_row(const std::byte* f, std::size_t n) {
        double lanes[4] = {};
        for (std::size_t i = 0; i < n; ++i) {
            float v = 0;
            std::memcpy(&v, f + 4 * i, 4);
            lanes[i % 4] += static_cast<double>(v) * static_cast<double>(v);
        }
        squares_ += (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
#if AKA_BIG_ENDIAN_HOST
        for (std::size_t i = 0; i < n; ++i) {
            const unsigned char* p = reinterpret_cast<const unsigned char*>(f) + 4 * i;
            const unsigned char turned[4] = {p[3], p[2], p[1], p[0]};
            row_.add(turned, 4);
        }
#else
        row_.add(f, 4 * n);
#endif
    }
    void end_row() {
        const std::uint64_t h = row_.value();
        unsigned char little[8];
        for (int i = 0; i < 8; ++i) little[i] = static_cast<unsigned char>(h >> (8 * i));
        values_.add(little, sizeof little);
        sum_ += h;
        if (count_++ % every_ == 0) {
            // What is no number counts as the longest.
            const auto length = static_cast<float>(std::sqrt(squares_));
            norms_.push_back(length == length ? length : std::numeric_limits<float>::infinity());
        }
        row_ = {};
        squares_ = 0;
    }

    const row_source& source_;
    bool numbers_, vector_;
    content_hash bytes_, values_, row_;
    double squares_ = 0;
    std::uint64_t sum_ = 0, count_ = 0, every_ = 1;
    std::vector<float> norms_;
};

}  // namespace detail

// Of a checkpoint that can be bound, by role; of others, by name.
inline aka::status take_fingerprint(placed_checkpoint& c, unsigned threads, fingerprint& out) {
    if (!c.bind(aka::rope_order::half)) c.bind(aka::rope_order::unknown);
    out.path = c.path();
    std::vector<placed> all = c.tensors();
    if (c.bound()) {
        out.convention = c.model().source().convention()->id();
        out.rope = aka::name(c.model().rope());
        for (const said_field& f : said_fields(c.model().hparams()))
            out.hparams.emplace_back(f.name, f.value);
        const auto has = [&](aka::role r) {
            return std::find_if(all.begin(), all.end(),
                                [r](const placed& p) { return p.role == r && p.part == "weight"; });
        };
        if (const auto e = has(aka::role::token_embd);
            e != all.end() && has(aka::role::output) == all.end() && c.tied()) {
            placed output = *e;
            output.role = aka::role::output;
            all.push_back(output);
        }
    }
    out.tensors.resize(all.size());
    std::uint64_t total = 0;
    for (const placed& p : all) total += p.tensor.size_bytes();
    progress shown("taking a fingerprint", total);
    parallel pool(static_cast<unsigned>(std::min<std::uint64_t>(threads, all.size())), shown);
    std::mutex mutex;
    std::size_t next = 0;
    const aka::status done = pool.run([&] {
        return [&, buffer = std::vector<std::byte>(),
                floats = std::vector<float>()]() mutable -> aka::result<bool> {
            std::size_t i = 0;
            {
                const std::lock_guard<std::mutex> lock(mutex);
                if (next == all.size()) return false;
                i = next++;
            }
            const placed& p = all[i];
            print_of_tensor& t = out.tensors[i];
            const row_source source(p.tensor, *p.list);
            if (p.role != aka::role::none) t.role = aka::name(p.role);
            t.part = p.part;
            t.name = p.name;
            t.layer = p.layer, t.expert = p.expert, t.head = p.head;
            t.dtype = source.tensor().dtype_name();
            t.shape.assign(p.tensor.shape().begin(), p.tensor.shape().end());
            const piece first = source.first(std::uint64_t{1} << 20);
            const std::uint64_t pieces = source.pieces(first);
            detail::tensor_printer printer(source);
            for (std::uint64_t k = 0; k < pieces; ++k) {
                const piece part = source.at(first, k);
                const std::uint64_t size = source.bytes(part.rows * part.columns);
                if (buffer.size() < size) buffer.resize(static_cast<std::size_t>(size));
                const auto bytes = source.read(part, buffer.data());
                if (!bytes) return bytes.error();
                printer.add(part, *bytes, floats);
                pool.did(size);
            }
            printer.finish(t);
            return true;
        };
    });
    if (!done) return done;
    std::sort(out.tensors.begin(), out.tensors.end(),
              [](const print_of_tensor& a, const print_of_tensor& b) { return a.key() < b.key(); });
    return {};
}

}  // namespace cli

#endif  // AKA_CLI_FINGERPRINT_HPP
