// A mutator for GGUF: makes a good file of nothing and changes one field of it in most cases, or
// changes one field of the file that it is given, or leaves that to libFuzzer.
#include "gguf_walk.hpp"
#include "mutate.hpp"

#include "../support/ggml_types.hpp"

#include <algorithm>

namespace {

using fuzz::rng;

// Writes a good file: of version 3 mostly, with what readers may differ in now and then.
class gguf_maker {
  public:
    explicit gguf_maker(rng& r) : r_(r) {}

    std::string make() {
        const std::uint64_t version = rarely() ? 1 + r_.below(3) : 3;
        big_ = rarely();
        width_ = version == 1 ? 4 : 8;
        out_ = "GGUF";
        number(version, 4);
        const std::uint64_t tensors = r_.below(5), keys = r_.below(5);
        const bool aligned = r_.below(4) == 0;
        number(tensors, width_);
        number(keys + aligned, width_);
        const std::uint64_t place = r_.below(keys + 1);
        for (std::uint64_t i = 0; i <= keys; ++i) {
            if (aligned && i == place) alignment();
            if (i < keys) key(i);
        }
        for (std::uint64_t i = 0; i < tensors; ++i) info(i);
        if (tensors != 0) pad();
        out_.append(static_cast<std::size_t>(rarely() ? data_ : end_), '\0');
        if (rarely()) out_ += r_.bytes(1 + r_.below(40));
        return std::move(out_);
    }

  private:
    bool rarely() { return r_.below(16) == 0; }
    void number(std::uint64_t v, unsigned width) {
        for (unsigned i = 0; i < width; ++i)
            out_ += static_cast<char>(v >> 8 * (big_ ? width - 1 - i : i) & 0xff);
    }
    void text(const std::string& s) {
        number(s.size(), width_);
        out_ += s;
    }
    void alignment() {
        align_ = std::uint64_t{1} << (rarely() ? r_.below(12) : r_.below(7));
        text("general.alignment");
        number(4, 4);
        number(align_, 4);
    }
    void key(std::uint64_t i) {
        text("k" + std::to_string(i) + std::string(r_.below(4) == 0 ? r_.below(30) : 0, '.'));
        const std::uint64_t type = r_.below(13);
        number(type, 4);
        value(type, 0);
    }
    void value(std::uint64_t type, unsigned depth) {
        constexpr unsigned widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        if (type == 8) {
            text(r_.bytes(r_.below(12)));
        } else if (type == 9) {
            std::uint64_t element = r_.below(13);
            while (element == 9 && (depth >= 3 || r_.below(4) != 0)) element = r_.below(13);
            const std::uint64_t n = r_.below(element == 9 ? 3 : 6);
            number(element, 4);
            number(n, width_);
            for (std::uint64_t i = 0; i < n; ++i) value(element, depth + 1);
        } else {
            number(type == 7 && !rarely() ? r_.below(2) : r_.next(), widths[type]);
        }
    }
    void info(std::uint64_t i) {
        text("t" + std::to_string(i) + std::string(rarely() ? 57 + r_.below(8) : r_.below(8), 'n'));
        std::uint64_t type = r_.below(43);
        if (r_.below(2) == 0) type = r_.below(2);
        const test::ggml_type_row& row = test::ggml_types[type];
        const std::uint64_t block = row.elems == 0 ? 1 : row.elems;
        const std::uint64_t rank = block == 1 ? r_.below(5) : 1 + r_.below(4);
        number(rank, 4);
        std::uint64_t n = 1;
        for (std::uint64_t k = 0; k < rank; ++k) {
            std::uint64_t d = rarely() ? 0 : 1 + r_.below(3);
            if (k == 0) d *= block;
            number(d, width_);
            n *= d;
        }
        number(type, 4);
        if (rarely()) end_ += align_ * (1 + r_.below(2));  // a gap
        number(end_, 8);
        data_ = end_ + n / block * row.bytes;
        end_ = (data_ + align_ - 1) / align_ * align_;
    }
    void pad() { out_.resize((out_.size() + align_ - 1) / align_ * align_); }

    rng& r_;
    std::string out_;
    std::uint64_t align_ = 32;
    std::uint64_t data_ = 0, end_ = 0;  // of the last tensor, without its padding and with it
    unsigned width_ = 8;
    bool big_ = false;
};

void change_field(std::string& s, rng& r) {
    const fuzz::gguf_walk walk(s);
    if (walk.fields.empty() || r.below(8) == 0) return fuzz::change_bytes(s, r);
    const auto any = [&] {
        return walk.fields[static_cast<std::size_t>(r.below(walk.fields.size()))];
    };
    const fuzz::gguf_field f = any(), other = any();
    if (r.below(4) == 0 && other.size == f.size) {
        // Names and keys that occur twice, types and sizes of others.
        const std::string copy = s.substr(other.at, other.size);
        s.replace(f.at, f.size, copy);
    } else if (f.text) {
        if (f.size != 0)
            s[f.at + static_cast<std::size_t>(r.below(f.size))] = static_cast<char>(r.below(256));
    } else {
        const auto byte = [&](std::size_t i) -> char& {
            return s[f.at + (walk.big ? f.size - 1 - i : i)];
        };
        std::uint64_t v = 0;
        for (std::size_t i = 0; i < f.size; ++i)
            v |= std::uint64_t{static_cast<unsigned char>(byte(i))} << 8 * i;
        v = fuzz::odd_number(v, r);
        for (std::size_t i = 0; i < f.size; ++i) byte(i) = static_cast<char>(v >> 8 * i & 0xff);
    }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
    return fuzz::mutate(
        data, size, max, seed, [](rng& r) { return gguf_maker(r).make(); }, change_field);
}
