// aka: names to patterns: which number in a name counts the layers, and which the experts, seen
// from what repeats. Names that differ in these two only are one pattern.
#ifndef AKA_INFER_LAYERS_HPP
#define AKA_INFER_LAYERS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "fold.hpp"
#include "hparams.hpp"
#include "infer_words.hpp"
#include "name_index.hpp"
#include "shape.hpp"
#include "text_writer.hpp"

AKA_BEGIN
namespace detail {

/// No such index, or number.
inline constexpr std::uint32_t nothing = ~std::uint32_t{0};

/// Names that differ in layer and expert only.
struct name_pattern {
    std::string_view text;
    aka::shape shape;
    bool mixed = false, layered = false, expert = false, tower = false;
    std::uint64_t tensors = 0;
    std::uint32_t low = nothing, high = 0;  // layers
};

/// For each text the first that is the same. False: there is no memory.
inline bool first_of_equals(const growing<std::string_view>& texts,
                            growing<std::uint32_t>& first) noexcept {
    auto text = [&](std::size_t i) { return texts[i]; };
    name_index index;
    if (index.build(
            texts.size(), text, [&](std::size_t i) { return hash_name(texts[i]); },
            [](std::uint32_t earlier, std::uint32_t) { return earlier; }) !=
        name_index::outcome::ok)
        return false;
    if (!first.resize(texts.size())) return false;
    for (std::size_t i = 0; i < texts.size(); ++i) first[i] = index.find(texts[i], text);
    return true;
}

class name_layers {
  public:
    /// `h` may be null. Texts of patterns go into `memory`.
    name_layers(const hparams* h, arena& memory) noexcept : h_(h), memory_(memory) {}

    /// False: there is no memory.
    template <class Name, class Shape>
    bool read(std::size_t n, Name name, Shape shape, growing<name_pattern>& patterns) noexcept {
        names_ = n;
        if (!fold(name, shape)) return false;
        find_layers();
        return make_patterns(shape, patterns);
    }
    std::uint64_t n_layer() const noexcept { return n_layer_; }
    std::uint64_t n_expert() const noexcept { return n_expert_; }

  private:
    static constexpr std::size_t most_skeletons = 2000;
    static constexpr unsigned most_numbers = 6;
    static constexpr char hole = '\x01';

    // A name with every number taken out.
    struct skeleton {
        std::string_view text;
        std::uint32_t numbers = 0, members = 0, first = nothing, last = nothing;
        std::uint32_t low[most_numbers] = {}, high[most_numbers] = {}, distinct[most_numbers] = {};
        bool counted[most_numbers] = {};       // 0, 1, 2, ... or 1, 2, 3, ... without gaps
        std::uint8_t base[most_numbers] = {};  // which of these
        std::uint8_t digits[most_numbers] = {9, 9, 9, 9, 9, 9};  // the least that are written
        bool zeros[most_numbers] = {};                           // some have zeros in front
        bool ragged[most_numbers] = {};  // zeros in front of some, but not up to one width
        bool even[most_numbers] = {true, true, true, true, true, true};  // the same shapes for each
        int layer = -1, expert = -1;                                     // which number it is
        bool tower = false;
        bool stacked = false;  // three dimensions: all experts
    };
    struct member {
        std::uint32_t skeleton = nothing, next = nothing;
        std::uint32_t number[most_numbers] = {};
        std::uint8_t digits[most_numbers] = {};
    };

    // Names to skeletons, and what is known of each number.
    template <class Name, class Shape>
    bool fold(Name name, Shape shape) noexcept {
        if (names_ >= nothing / 4 || !members_.resize(names_)) return false;
        growing<std::string_view> texts;
        if (!texts.resize(names_)) return false;
        for (std::size_t i = 0; i < names_; ++i) {
            std::string_view s = name(i);
            auto* out = static_cast<char*>(memory_.allocate(s.size() + 1, 1));
            if (out == nullptr) return false;
            std::size_t n = 0;
            unsigned holes = 0;
            members_[i] = {};
            for (std::size_t at = 0; at < s.size();) {
                std::size_t end = at;
                std::uint32_t v = 0;
                while (end < s.size() && is_digit(s[end]) && end - at < 9)
                    v = v * 10 + static_cast<std::uint32_t>(s[end++] - '0');
                bool number =
                    end > at && holes < most_numbers && (end == s.size() || !is_digit(s[end]));
                if (number) {
                    members_[i].digits[holes] = static_cast<std::uint8_t>(end - at);
                    members_[i].number[holes++] = v;
                    out[n++] = hole;
                    at = end;
                    continue;
                }
                do out[n++] = s[at++];
                while (at < end);
            }
            texts[i] = {out, n};
        }
        growing<std::uint32_t> firsts;
        if (!first_of_equals(texts, firsts)) return false;
        for (std::uint32_t i = 0; i < names_; ++i) {
            std::uint32_t first = firsts[i];
            if (first == i) {
                skeleton s;
                s.text = texts[i];
                for (char c : s.text) s.numbers += c == hole ? 1 : 0;
                s.first = i;
                s.stacked = shape(i).rank() > 2;
                for (std::uint32_t& low : s.low) low = nothing;
                members_[i].skeleton = static_cast<std::uint32_t>(skeletons_.size());
                if (!skeletons_.push(s)) return false;
            } else {
                members_[i].skeleton = members_[first].skeleton;
                members_[skeletons_[members_[i].skeleton].last].next = i;
            }
            skeleton& s = skeletons_[members_[i].skeleton];
            s.last = i;
            ++s.members;
            for (unsigned k = 0; k < s.numbers && k < most_numbers; ++k) {
                std::uint32_t v = members_[i].number[k];
                if (v < s.low[k]) s.low[k] = v;
                if (v > s.high[k]) s.high[k] = v;
                std::uint8_t digits = members_[i].digits[k];
                if (digits < s.digits[k]) s.digits[k] = digits;
                s.zeros[k] = s.zeros[k] || zeros_of(members_[i], k) != 0;
            }
        }
        growing<std::uint64_t> seen;
        for (skeleton& s : skeletons_) {
            for (char c : s.text) s.tower = s.tower || (c > 0 && c < ' ' && c != hole);
            if (s.numbers > most_numbers) s.numbers = most_numbers;
            each_word(s.text, [&](std::string_view, std::string_view w) {
                s.tower = s.tower || (find_word(w) & about::tower) != 0;
            });
            for (unsigned k = 0; k < s.numbers; ++k) {
                if (s.high[k] > 4 * std::uint64_t{s.members} + 8) continue;
                seen.clear();
                if (!seen.resize(std::size_t{s.high[k]} + 1)) return false;
                for (std::uint32_t i = s.first; i != nothing; i = members_[i].next) {
                    std::uint64_t& c = seen[members_[i].number[k]];
                    s.distinct[k] += c == 0 ? 1 : 0;
                    // Which shapes there are, roughly.
                    std::uint64_t h = 0;
                    aka::shape dims = shape(i);
                    for (std::uint64_t d : dims) h = hash_step(h, d + 1);
                    c |= std::uint64_t{1} << (h >> 40 & 63);
                }
                s.counted[k] = s.low[k] <= 1 && s.distinct[k] == s.high[k] + 1 - s.low[k];
                s.base[k] = s.low[k] == 1 ? 1 : 0;
                for (std::uint64_t c : seen)
                    s.even[k] = s.even[k] && (c == 0 || c == seen[s.low[k]]);
            }
        }
        compare_fronts();
        return true;
    }
    // How many zeros stand in front of a number.
    static unsigned zeros_of(const member& m, unsigned k) noexcept {
        unsigned digits = 1;
        for (std::uint32_t v = m.number[k]; v >= 10; v /= 10) ++digits;
        // A name may hold our mark for a number, and no number.
        return m.digits[k] > digits ? m.digits[k] - digits : 0;
    }
    // Names that are the same up to a number count alike: from 0 where one of them does, and with
    // as many digits.
    void compare_fronts() noexcept {
        if (skeletons_.size() > most_skeletons) return;
        for (skeleton& s : skeletons_) {
            for (unsigned k = 0; k < s.numbers; ++k) {
                bool outside = false;
                if (s.base[k] == 0 && !s.zeros[k] && s.digits[k] == 1) continue;
                std::string_view front = front_of(s, k);
                for (const skeleton& o : skeletons_) {
                    bool repeats = false;
                    for (unsigned j = 0; j < o.numbers; ++j)
                        repeats = repeats || o.distinct[j] != 1;
                    outside = outside || !repeats;
                    if (&o == &s || k >= o.numbers || front_of(o, k) != front) continue;
                    if (o.low[k] == 0 && s.base[k] == 1) s.base[k] = 0, s.counted[k] = false;
                    if (o.digits[k] < s.digits[k]) s.digits[k] = o.digits[k];
                    s.zeros[k] = s.zeros[k] || o.zeros[k];
                }
                // w1, w2 and w3 are no layers; nor does a part of a file have to begin with 0.
                std::uint32_t w = last_words(front);
                bool said = (w & (about::layer | about::expert)) != 0 ||
                            (h_ != nullptr &&
                             (h_->n_layer == s.distinct[k] || h_->n_expert == s.distinct[k]));
                if (s.base[k] == 1 && (!outside || (s.distinct[k] < 4 && !said)))
                    s.counted[k] = false;
                if (!s.zeros[k]) s.digits[k] = 1;
                for (std::uint32_t i = s.first; i != nothing && s.zeros[k]; i = members_[i].next)
                    s.ragged[k] = s.ragged[k] || (zeros_of(members_[i], k) != 0 &&
                                                  members_[i].digits[k] != s.digits[k]);
                if (s.ragged[k]) s.counted[k] = false;
            }
        }
    }

    // Text in front of a skeleton's number.
    static std::string_view front_of(const skeleton& s, unsigned k) noexcept {
        for (std::size_t i = 0; i < s.text.size(); ++i)
            if (s.text[i] == hole && k-- == 0) return s.text.substr(0, i);
        return s.text;
    }
    static std::uint32_t words_of(std::string_view s) noexcept {
        std::uint32_t all = 0;
        each_word(s, [&](std::string_view, std::string_view w) {
            word_meaning m = meaning_of(w);
            all |= m.sure | m.likely;
        });
        return all;
    }
    unsigned fellows(std::string_view front, unsigned k) const noexcept {
        unsigned n = 0;
        for (const skeleton& s : skeletons_) n += k < s.numbers && front_of(s, k) == front ? 1 : 0;
        return n;
    }

    // Which number is the layer's, and which the expert's.
    void find_layers() noexcept {
        if (skeletons_.size() > most_skeletons) return;
        // How many layers: the count that most kinds of names have.
        std::uint64_t layers = h_ != nullptr ? h_->n_layer : 0;
        std::uint32_t best = 0;
        bool said = false;
        for (const skeleton& s : skeletons_)
            for (unsigned k = 0; k < s.numbers; ++k)
                said = said || (layers != 0 && s.counted[k] && s.distinct[k] == layers);
        if (!said) {
            layers = 0;
            for (const skeleton& a : skeletons_) {
                for (unsigned k = 0; k < a.numbers; ++k) {
                    std::uint32_t n = a.distinct[k], with = 0;
                    if (!a.counted[k] || !a.even[k] || n < 2 || a.tower || n == layers) continue;
                    for (const skeleton& s : skeletons_) {
                        bool any = false;
                        for (unsigned j = 0; j < s.numbers; ++j)
                            any = any ||
                                  (s.counted[j] && s.even[j] && s.distinct[j] == n && !s.tower);
                        with += any ? 1 : 0;
                    }
                    if (with > best || (with == best && n > layers)) best = with, layers = n;
                }
            }
            if (several_towers(layers)) layers = 0;
        }
        n_layer_ = layers;
        if (layers == 0) return;
        for (skeleton& s : skeletons_) {
            unsigned most = 0;
            bool tie = false;
            for (unsigned k = 0; k < s.numbers; ++k) {
                if (!s.counted[k] || s.distinct[k] != layers) continue;
                std::string_view front = front_of(s, k);
                // Of several numbers that could be it: the one that more names have so, or whose
                // words say so.
                unsigned n = 2 * fellows(front, k) + 1;
                std::uint32_t w = last_words(front);
                if ((w & about::layer) != 0) n += 1000;
                if ((w & about::expert) != 0) n = 1;
                tie = n == most || (tie && n < most);
                if (n > most) most = n, s.layer = static_cast<int>(k);
            }
            if (tie) s.layer = -1, s.tower = true;
        }
        // Names that not every layer has.
        for (skeleton& s : skeletons_) {
            if (s.layer >= 0) continue;
            for (unsigned k = 0; k < s.numbers && s.layer < 0; ++k) {
                if (s.distinct[k] == 0 || s.ragged[k]) continue;
                std::string_view front = front_of(s, k);
                for (const skeleton& o : skeletons_)
                    if (o.layer >= 0 && &o != &s && o.counted[o.layer] &&
                        o.distinct[o.layer] == layers &&
                        front_of(o, static_cast<unsigned>(o.layer)) == front &&
                        s.high[k] < layers + o.base[o.layer] && s.low[k] >= o.base[o.layer]) {
                        s.layer = static_cast<int>(k);
                        s.base[k] = o.base[o.layer];
                        s.digits[k] = o.digits[o.layer];
                        break;
                    }
                if (s.layer < 0 && s.numbers == 1 && s.base[k] == 0 && s.high[k] + 1 == layers &&
                    s.distinct[k] > 1 && 2 * std::uint64_t{s.distinct[k]} >= layers)
                    s.layer = static_cast<int>(k);
            }
        }
        for (skeleton& s : skeletons_) {
            if (s.layer < 0) {
                // Repeated, but not so often: another tower.
                for (unsigned k = 0; k < s.numbers; ++k)
                    s.tower = s.tower || s.distinct[k] > 4 ||
                              (s.counted[k] && s.distinct[k] > 1 &&
                               (last_words(front_of(s, k)) & about::layer) != 0);
                continue;
            }
            for (unsigned k = 0; k < s.numbers && s.expert < 0 && !s.stacked; ++k) {
                if (static_cast<int>(k) == s.layer || !s.counted[k] || !s.even[k] ||
                    s.distinct[k] < 2)
                    continue;
                std::string_view front = front_of(s, k);
                // w1, w2 and w3 of a mixture of experts are no experts.
                std::uint32_t w = s.base[k] == 1 ? last_words(front) : words_of(s.text);
                bool said_so = ((w & about::expert) != 0 &&
                                (s.distinct[k] > 3 || (last_words(front) & about::expert) != 0)) ||
                               (h_ != nullptr && h_->n_expert == s.distinct[k]);
                if (said_so || (s.base[k] == 0 && s.distinct[k] >= 4 && fellows(front, k) >= 2))
                    s.expert = static_cast<int>(k);
            }
        }
    }
    // Whether names that have no such number have another one as often as a whole model does.
    bool several_towers(std::uint64_t layers) const noexcept {
        auto counts = [](const skeleton& s, unsigned k, std::uint64_t n) {
            return s.counted[k] && s.even[k] && s.distinct[k] == n && !s.tower;
        };
        auto has_count = [&](const skeleton& s, std::uint64_t n) {
            bool any = false;
            for (unsigned k = 0; k < s.numbers; ++k) any = any || counts(s, k, n);
            return any;
        };
        for (const skeleton& a : skeletons_) {
            for (unsigned k = 0; k < a.numbers; ++k) {
                std::uint32_t n = a.distinct[k], with = 0;
                if (n < 3 || n == layers || !counts(a, k, n)) continue;
                for (const skeleton& s : skeletons_)
                    with += has_count(s, n) && !has_count(s, layers) ? 1 : 0;
                if (with >= 5) return true;
            }
        }
        return false;
    }
    static std::uint32_t last_words(std::string_view front) noexcept {
        std::uint32_t last = 0;
        each_word(front, [&](std::string_view, std::string_view w) {
            word_meaning m = meaning_of(w);
            last = m.sure | m.likely;
        });
        return last;
    }

    template <class Shape>
    bool make_patterns(Shape shape, growing<name_pattern>& patterns) noexcept {
        growing<std::string_view> texts;
        if (!texts.resize(names_)) return false;
        text_writer t;
        for (std::uint32_t i = 0; i < names_; ++i) {
            const skeleton& s = skeletons_[members_[i].skeleton];
            t.clear();
            unsigned k = 0;
            for (char c : s.text) {
                if (c != hole || k >= s.numbers) {
                    t << std::string_view(&c, 1);
                    continue;
                }
                if (static_cast<int>(k) == s.layer || static_cast<int>(k) == s.expert) {
                    t << (static_cast<int>(k) == s.layer ? "{l" : "{e");
                    if (s.base[k] == 1) t << "+1";
                    if (s.digits[k] > 1) t << ":0" << std::uint64_t{s.digits[k]};
                    t << "}";
                } else {
                    for (unsigned z = zeros_of(members_[i], k); z > 0; --z) t << "0";
                    t << std::uint64_t{members_[i].number[k]};
                }
                ++k;
            }
            const char* copy = t.ok() ? memory_.copy(t.view()) : nullptr;
            if (copy == nullptr) return false;
            texts[i] = {copy, t.view().size()};
        }
        growing<std::uint32_t> firsts;
        if (!first_of_equals(texts, firsts)) return false;
        growing<std::uint32_t> at;
        if (!at.resize(names_)) return false;
        for (std::uint32_t i = 0; i < names_; ++i) {
            const skeleton& s = skeletons_[members_[i].skeleton];
            std::uint32_t first = firsts[i];
            if (first == i) {
                name_pattern p;
                p.text = texts[i];
                p.shape = shape(i);
                p.layered = s.layer >= 0;
                p.expert = s.expert >= 0;
                p.tower = s.tower;
                at[i] = static_cast<std::uint32_t>(patterns.size());
                if (!patterns.push(p)) return false;
            }
            name_pattern& p = patterns[at[first]];
            ++p.tensors;
            if (p.shape != shape(i)) p.mixed = true;
            if (s.layer >= 0) {
                std::uint32_t l = members_[i].number[s.layer] - s.base[s.layer];
                if (l < p.low) p.low = l;
                if (l > p.high) p.high = l;
            }
            if (s.expert >= 0) {
                std::uint64_t count =
                    members_[i].number[s.expert] - s.base[s.expert] + std::uint64_t{1};
                if (count > n_expert_) n_expert_ = count;
            }
        }
        return true;
    }

    const hparams* h_;
    arena& memory_;
    std::size_t names_ = 0;
    growing<member> members_;
    growing<skeleton> skeletons_;
    std::uint64_t n_layer_ = 0, n_expert_ = 0;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_LAYERS_HPP
