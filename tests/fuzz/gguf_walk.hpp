// Where the fields of a GGUF file are, and how many keys and tensor infos are really there,
// whatever its header claims. Stops where the file makes no sense any more.
#ifndef AKA_FUZZ_GGUF_WALK_HPP
#define AKA_FUZZ_GGUF_WALK_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fuzz {

struct gguf_field {
    std::size_t at = 0, size = 0;
    bool text = false;  // else a number
};

class gguf_walk {
  public:
    explicit gguf_walk(std::string_view bytes) : bytes_(bytes) {
        if (bytes.size() < 8) return;
        at_ = 4;
        std::uint64_t version = number(4);
        if (version > 3 || version == 0) {
            big = true;
            at_ = 4;
            fields.clear();
            version = number(4);
        }
        width_ = version == 1 ? 4 : 8;
        const std::uint64_t tensors = number(width_), keys = number(width_);
        for (std::uint64_t i = 0; good_ && i < keys; ++i, ++records) {
            text();
            value(number(4), 0);
        }
        for (std::uint64_t i = 0; good_ && i < tensors; ++i, ++records) {
            text();
            const std::uint64_t rank = number(4);
            good_ = good_ && rank <= 4;
            for (std::uint64_t k = 0; good_ && k < rank; ++k) number(width_);
            number(4);
            number(8);
        }
        head = at_;
    }

    std::vector<gguf_field> fields;
    std::uint64_t records = 0;  // keys and infos that begin in the bytes
    std::size_t head = 0;       // bytes that were walked over
    bool big = false;

  private:
    void skip(std::uint64_t n, bool is_text) {
        if (good_ = good_ && n <= bytes_.size() - at_; !good_) return;
        fields.push_back({at_, static_cast<std::size_t>(n), is_text});
        at_ += static_cast<std::size_t>(n);
    }
    std::uint64_t number(unsigned width) {
        std::uint64_t v = 0;
        skip(width, false);
        for (unsigned i = 0; good_ && i < width; ++i) {
            const std::size_t k = fields.back().at + (big ? width - 1 - i : i);
            v |= std::uint64_t{static_cast<std::uint8_t>(bytes_[k])} << 8 * i;
        }
        return v;
    }
    void text() {
        const std::uint64_t n = number(width_);
        skip(n, true);
    }
    void value(std::uint64_t type, unsigned depth) {
        constexpr unsigned widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        if (good_ = good_ && type < 13 && depth < 8; !good_) return;
        if (type == 8) return text();
        if (type != 9) return skip(widths[type], false);
        const std::uint64_t element = number(4), n = number(width_);
        for (std::uint64_t i = 0; good_ && i < n; ++i) value(element, depth + 1);
    }

    std::string_view bytes_;
    std::size_t at_ = 0;
    unsigned width_ = 8;
    bool good_ = true;
};

}  // namespace fuzz

#endif  // AKA_FUZZ_GGUF_WALK_HPP
