// aka: thousands of names are a few shapes: `model.layers.{}.mlp.up_proj.weight` and the numbers.
#ifndef AKA_FOLD_HPP
#define AKA_FOLD_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "error.hpp"
#include "name_index.hpp"
#include "parts.hpp"
#include "span.hpp"

AKA_BEGIN

/// Stands in a shape where its names have numbers. A name with a control character in it is not
/// folded, so that none can pretend.
inline constexpr char name_hole = '\x01';

/// What a training framework or a bigger model puts around a name.
struct wrapper_info {
    std::string_view text;  ///< as names have it, with its separator
    bool anywhere;          ///< at any level, not only in front
    std::string_view from;  ///< who puts it there
};

namespace detail {

// `.` stands for `/` too.
inline constexpr wrapper_info wrapper_table[] = {
    {"module.", false, "DataParallel, DDP or DeepSpeed"},
    {"_orig_mod.", true, "torch.compile"},
    {"_fsdp_wrapped_module.", true, "FSDP"},
    {"_checkpoint_wrapped_module.", true, "activation checkpointing"},
    {"base_model.", false, "PEFT"},
    {"base_layer.", true, "PEFT, around a layer with an adapter"},
    {"model.", false, "the model without its head"},
    {"language_model.", false, "a vision-language model's text tower"},
    {"text_model.", false, "a vision-language model's text tower"},
    {"llm.", false, "MiniCPM-V's text tower"},
    {"transformer.", false, "the model without its head"},
    {"ernie.", false, "ERNIE"},
    {"backbone.", false, "the model without its head"},
};
inline constexpr std::string_view modules_to_save = "modules_to_save.";

inline bool begins_with(std::string_view s, std::string_view word) noexcept {
    if (s.size() < word.size() || s.substr(0, word.size() - 1) != word.substr(0, word.size() - 1))
        return false;
    char c = s[word.size() - 1];
    return c == word.back() || (word.back() == '.' && c == '/');
}

/// Bytes of wrappers in front, to a fixed point. What is left is never empty.
inline std::size_t wrapped_prefix(std::string_view s) noexcept {
    std::size_t at = 0;
    for (bool more = true; more;) {
        more = false;
        for (const wrapper_info& w : wrapper_table) {
            if (s.size() - at > w.text.size() && begins_with(s.substr(at), w.text)) {
                at += w.text.size();
                more = true;
            }
        }
    }
    return at;
}

/// Removes the wrappers that stand inside; `out` has room for the whole. Returns what is left.
inline std::size_t unwrapped_inside(std::string_view s, char* out) noexcept {
    std::size_t n = 0;
    for (std::size_t i = 0; i < s.size();) {
        std::size_t skip = 0;
        if (i > 0) {
            for (const wrapper_info& w : wrapper_table)
                if (w.anywhere && s.size() - i > w.text.size() && begins_with(s.substr(i), w.text))
                    skip = w.text.size();
            if (skip == 0 && begins_with(s.substr(i), modules_to_save)) {
                // modules_to_save.ADAPTER.
                std::size_t end = i + modules_to_save.size();
                while (end < s.size() && !is_separator(s[end])) ++end;
                if (end + 1 < s.size()) skip = end + 1 - i;
            }
        }
        if (skip != 0) {
            i += skip;
            continue;
        }
        do out[n++] = s[i++];
        while (i < s.size() && !is_separator(s[i - 1]));
    }
    return n;
}

inline constexpr unsigned max_holes = 4;
inline constexpr std::string_view weight_word = "weight";

/// Writes a name with holes for its numbers (at most as long as the name). A number is a whole
/// segment, or what follows `weight` at the end, and has no leading zeros.
struct folded_text {
    std::size_t size = 0;
    std::uint32_t holes = 0;
    std::uint32_t number[max_holes] = {};
    std::uint16_t at[max_holes] = {};  // of the holes
};
AKA_INLINE bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

inline bool fold_name(std::string_view name, char* out, folded_text& f) noexcept {
    f = {};
    if (name.size() > 0xffff) return false;
    const char* p = name.data();
    const char* end = p + name.size();
    char* o = out;
    while (p < end) {
        const char* segment = p;
        char* segment_out = o;
        if (is_digit(*p) && f.holes < max_holes) {
            std::uint32_t v = 0;
            while (p < end && is_digit(*p) && p - segment < 9)
                v = v * 10 + static_cast<std::uint32_t>(*p++ - '0');
            bool whole = p == end || is_separator(*p);
            if (whole && (p - segment == 1 || *segment != '0')) {
                f.number[f.holes] = v;
                f.at[f.holes++] = static_cast<std::uint16_t>(o - out);
                *o++ = name_hole;
                if (p < end) *o++ = *p++;
                continue;
            }
            p = segment;
        }
        for (; p < end && !is_separator(*p); ++p) {
            if (static_cast<unsigned char>(*p) < 0x20) return false;
            *o++ = *p;
        }
        if (p < end) {
            *o++ = *p++;
        } else if (is_digit(p[-1]) && p - segment > 6 && f.holes < max_holes &&
                   std::memcmp(segment, weight_word.data(), 6) == 0 && p - segment < 6 + 10 &&
                   (segment[6] != '0' || p - segment == 7)) {
            std::uint32_t v = 0;
            const char* d = segment + 6;
            while (d < p && is_digit(*d)) v = v * 10 + static_cast<std::uint32_t>(*d++ - '0');
            if (d == p) {
                o = segment_out + 6;
                f.number[f.holes] = v;
                f.at[f.holes++] = static_cast<std::uint16_t>(o - out);
                *o++ = name_hole;
            }
        }
    }
    f.size = static_cast<std::size_t>(o - out);
    return true;
}

}  // namespace detail

/// Names that differ only in their numbers.
struct name_shape {
    std::string_view first;   ///< the first name of this shape
    std::string_view text;    ///< it, with holes
    std::string_view prefix;  ///< the wrappers in front: `model.language_model.`
    std::string_view core;    ///< what matching looks at: without wrappers, inside neither
    std::uint32_t count = 0;  ///< names of this shape
    std::uint32_t holes = 0;  ///< numbers in it
    std::uint32_t low[detail::max_holes] = {};   ///< the least of each
    std::uint32_t high[detail::max_holes] = {};  ///< the greatest of each

    /// Whether a wrapper stands in the middle of the name.
    bool wrapped_inside() const noexcept { return prefix.size() + core.size() != text.size(); }

    /// @cond
    // positions of names: the first, the last; and how the next name is guessed
    std::uint32_t first_member = 0, last_member = 0;
    std::uint32_t guess = 0;
    std::uint16_t hole_at[detail::max_holes] = {};
    /// @endcond
};

/// One name: its shape, its numbers from left to right, the next name of the same shape.
struct folded_name {
    std::uint32_t shape = 0;                       ///< position in folded_names::shapes
    std::uint32_t next = 0;                        ///< the next name of this shape, or `none`
    std::uint32_t number[detail::max_holes] = {};  ///< what is in its holes
};

/// Folds names in the order in which they are added. Borrows them.
class folded_names {
  public:
    /// Where there is no next name.
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    folded_names() noexcept = default;

    /// Anything with `size()` whose elements, `name(i)`, are string views.
    template <class Name>
    static result<folded_names> of(std::size_t n, Name name) noexcept {
        folded_names f;
        if (n >= none / 4 || !f.names_.reserve(n)) return detail::no_memory();
        for (std::size_t i = 0; i < n; ++i)
            if (!f.add_name(name(i))) return detail::no_memory();
        for (name_shape& s : f.shapes_)
            if (!f.unwrap(s)) return detail::no_memory();
        return f;
    }
    /// Folds names, which are borrowed. Errors: out_of_memory.
    static result<folded_names> of(span<const std::string_view> names) noexcept {
        return of(names.size(), [&](std::size_t i) { return names[i]; });
    }

    /// How many names there are.
    std::size_t size() const noexcept { return names_.size(); }
    /// In the order in which they were added.
    const folded_name& operator[](std::size_t i) const noexcept { return names_[i]; }
    /// The few shapes that the names have.
    span<const name_shape> shapes() const noexcept AKA_LIFETIMEBOUND {
        return {shapes_.data(), shapes_.size()};
    }

  private:
    bool add_name(std::string_view name) noexcept {
        folded_name* n = names_.push();
        if (n == nullptr) return false;
        *n = {};
        // Files repeat themselves: what came after the last name's shape before comes again.
        std::uint32_t at = last_ == none ? none : shapes_[last_].guess;
        if (at == none || !fits(shapes_[at], name, n->number)) {
            at = look_up(name, *n);
            if (at == none) return false;
            if (last_ != none) shapes_[last_].guess = at;
        }
        name_shape& s = shapes_[at];
        auto position = static_cast<std::uint32_t>(names_.size() - 1);
        n->shape = at;
        n->next = none;
        if (s.count++ == 0)
            s.first_member = position;
        else
            names_[s.last_member].next = position;
        s.last_member = position;
        for (std::uint32_t i = 0; i < s.holes; ++i) {
            if (n->number[i] < s.low[i]) s.low[i] = n->number[i];
            if (n->number[i] > s.high[i]) s.high[i] = n->number[i];
        }
        last_ = at;
        return true;
    }

    static bool fits(const name_shape& s, std::string_view name, std::uint32_t* number) noexcept {
        const char* p = name.data();
        const char* end = p + name.size();
        const char* text = s.text.data();
        std::size_t at = 0;
        for (std::uint32_t h = 0; h < s.holes; ++h) {
            std::size_t n = s.hole_at[h] - at;
            if (static_cast<std::size_t>(end - p) <= n || std::memcmp(p, text + at, n) != 0)
                return false;
            p += n;
            at += n + 1;
            const char* digits = p;
            std::uint32_t v = 0;
            while (p < end && detail::is_digit(*p) && p - digits < 9)
                v = v * 10 + static_cast<std::uint32_t>(*p++ - '0');
            if (p == digits || (*digits == '0' && p - digits != 1)) return false;
            number[h] = v;
        }
        std::size_t left = s.text.size() - at;
        return static_cast<std::size_t>(end - p) == left && std::memcmp(p, text + at, left) == 0;
    }

    std::uint32_t look_up(std::string_view name, folded_name& n) noexcept {
        if (buffer_.size() < name.size() && !buffer_.resize(2 * name.size() + 256)) return none;
        detail::folded_text f;
        std::string_view text = name;
        if (detail::fold_name(name, buffer_.data(), f))
            text = {buffer_.data(), f.size};
        else
            f = {};
        std::memcpy(n.number, f.number, sizeof f.number);
        std::uint32_t h = detail::hash_name(text);
        if (2 * (shapes_.size() + 1) > slots_.size() && !grow()) return none;
        std::size_t mask = slots_.size() - 1, at = h & mask;
        for (std::size_t steps = 0; slots_[at].shape != 0; at = (at + 1) & mask, ++steps) {
            // Names chosen to collide cost shapes of their own, not time without end.
            if (steps == most_steps) break;
            const name_shape& s = shapes_[slots_[at].shape - 1];
            if (slots_[at].hash == h && s.holes == f.holes && s.text == text)
                return slots_[at].shape - 1;
        }
        name_shape* s = shapes_.push();
        const char* copy = s == nullptr ? nullptr : arena_.copy(text);
        if (copy == nullptr) return none;
        *s = {};
        s->first = name;
        s->text = {copy, text.size()};
        s->holes = f.holes;
        s->guess = none;
        for (std::uint32_t i = 0; i < f.holes; ++i) {
            s->low[i] = none;
            s->hole_at[i] = f.at[i];
        }
        if (slots_[at].shape == 0) slots_[at] = {static_cast<std::uint32_t>(shapes_.size()), h};
        return static_cast<std::uint32_t>(shapes_.size() - 1);
    }
    bool grow() noexcept {
        detail::growing<slot> old = static_cast<detail::growing<slot>&&>(slots_);
        slots_ = {};
        if (!slots_.resize(old.size() < 64 ? 64 : 2 * old.size())) return false;
        std::size_t mask = slots_.size() - 1;
        for (const slot& s : old) {
            if (s.shape == 0) continue;
            std::size_t at = s.hash & mask;
            while (slots_[at].shape != 0) at = (at + 1) & mask;
            slots_[at] = s;
        }
        return true;
    }
    bool unwrap(name_shape& s) noexcept {
        std::size_t n = detail::wrapped_prefix(s.text);
        s.prefix = s.text.substr(0, n);
        s.core = s.text.substr(n);
        if (buffer_.size() < s.core.size() && !buffer_.resize(s.core.size())) return false;
        std::size_t left = detail::unwrapped_inside(s.core, buffer_.data());
        if (left == s.core.size()) return true;
        const char* copy = arena_.copy({buffer_.data(), left});
        if (copy == nullptr) return false;
        s.core = {copy, left};
        return true;
    }

    struct slot {
        std::uint32_t shape;  // plus one; 0 is an empty slot
        std::uint32_t hash;
    };
    static constexpr std::size_t most_steps = 256;

    detail::arena arena_;
    detail::growing<folded_name> names_;
    detail::growing<name_shape> shapes_;
    detail::growing<slot> slots_;
    detail::growing<char> buffer_;
    std::uint32_t last_ = none;
};

AKA_END

#endif  // AKA_FOLD_HPP
