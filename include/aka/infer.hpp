// aka: reading names that no convention knows, from shapes, from the words in the names and by
// elimination; what these leave open stays open. The result is an ordinary table.
#ifndef AKA_INFER_HPP
#define AKA_INFER_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "arena.hpp"
#include "bytes.hpp"
#include "error.hpp"
#include "fold.hpp"
#include "hparams.hpp"
#include "infer_puzzle.hpp"
#include "infer_words.hpp"
#include "name_index.hpp"
#include "parts.hpp"
#include "roles.hpp"
#include "shape.hpp"
#include "span.hpp"
#include "tensor_list.hpp"

AKA_BEGIN

/// A name, and its shape where that is known (rank 0: it is not).
struct named_shape {
    std::string_view name;
    aka::shape shape;
};

/// What an assignment rests on; a set.
enum class evidence : std::uint8_t { none = 0, shape = 1, word = 2, elimination = 4 };
constexpr bool has(evidence set, evidence e) noexcept {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(e)) != 0;
}

/// The order of a fused tensor cannot be seen: q, k and v (or gate and up) one after the other, or
/// group by group (row by row). Who knows can say it.
enum class fused_order : std::uint8_t { unsaid, parts, groups };
struct infer_options {
    fused_order qkv = fused_order::unsaid, gate_up = fused_order::unsaid;
};

/// What was found out about the tensors of one name pattern.
struct inferred_row {
    static constexpr unsigned most_roles = 3;

    std::string_view pattern;       ///< `net.{l}.mix.qry.{part}`
    std::string_view bias_pattern;  ///< where a bias is spelled otherwise than by {part}
    std::uint64_t tensors = 0;
    aka::shape shape;  ///< of the weight in the first layer; rank 0: not known, or layers differ
    role roles[most_roles] = {};
    std::uint8_t role_count = 0;  ///< 0: open; more than one: fused
    evidence by = evidence::none;
    std::string_view words;  ///< those of the name that say something
    std::string_view facts;  ///< what the shape says
    /// In the grammar of conventions; empty: as the role has it. Where `order_open`, the first of
    /// two ways, and `other_layout` the second: neither is in the table, both are beside it.
    std::string_view layout, other_layout;
    bool order_open = false;
    bool drop = false;             ///< holds no weights
    std::uint64_t candidates = 0;  ///< where open: the roles it may have, a set of `1 << role`
    std::string_view why;          ///< where open: why

    bool assigned() const noexcept { return role_count != 0; }
    bool ambiguous() const noexcept { return role_count == 0 && candidates != 0; }
    bool may_be(role r) const noexcept { return (candidates >> static_cast<unsigned>(r) & 1) != 0; }
};

/// What `infer` found. Views in it live as long as it does; `shape`s of more than eight sizes as
/// long as the list.
class inference {
  public:
    /// In the order in which the patterns first occur.
    span<const inferred_row> rows() const noexcept AKA_LIFETIMEBOUND {
        return {rows_.data(), rows_.size()};
    }
    /// Text in the grammar of conventions, for `catalog::add`, for printing and correcting: what
    /// is assigned as rows, what is open as comments that name the candidates.
    std::string_view table() const noexcept AKA_LIFETIMEBOUND { return table_; }
    static constexpr std::string_view id = "inferred";

    /// Whether everything that a Llama-like model needs is assigned.
    bool complete() const noexcept { return complete_; }
    std::uint64_t open() const noexcept { return open_; }

    std::uint64_t n_layer() const noexcept { return n_layer_; }
    std::uint64_t n_expert() const noexcept { return n_expert_; }
    std::uint64_t n_embd() const noexcept { return n_embd_; }
    /// Never from names or shapes: `unknown` unless the hyper-parameters say it.
    rope_order rope() const noexcept { return rope_; }

    const inferred_row* find(role r) const noexcept AKA_LIFETIMEBOUND {
        for (const inferred_row& row : rows_)
            for (unsigned i = 0; i < row.role_count; ++i)
                if (row.roles[i] == r) return &row;
        return nullptr;
    }

  private:
    friend class name_reader;

    detail::arena text_;
    detail::growing<inferred_row> rows_;
    std::string_view table_;
    std::uint64_t n_layer_ = 0, n_expert_ = 0, n_embd_ = 0, open_ = 0;
    rope_order rope_ = rope_order::unknown;
    bool complete_ = false;
};

namespace detail {

/// Text that grows; remembers when there was no memory.
class text_writer {
  public:
    text_writer& operator<<(std::string_view s) noexcept {
        ok_ = text_.append(s.data(), s.size()) && ok_;
        return *this;
    }
    text_writer& operator<<(std::uint64_t n) noexcept {
        fixed_text<24> t;
        t << n;
        return *this << t.view();
    }
    bool ok() const noexcept { return ok_; }
    std::string_view view() const noexcept { return {text_.data(), text_.size()}; }
    void clear() noexcept { text_.clear(); }

  private:
    growing<char> text_;
    bool ok_ = true;
};

}  // namespace detail

/// Reads one list of names; see `infer`.
class name_reader {
  public:
    name_reader(const hparams* h, const infer_options& o) noexcept : h_(h), options_(o) {}

    template <class Name, class Shape>
    result<inference> operator()(std::size_t n, Name name, Shape shape) noexcept {
        names_ = n;
        if (!fold(name, shape)) return detail::no_memory();
        find_layers();
        if (!make_patterns(name, shape) || !make_units() || !read_words())
            return detail::no_memory();
        find_sizes();
        assign_model();
        assign_norms();
        assign_matrices();
        assign_biases();
        settle();
        if (!report() || !print()) return detail::no_memory();
        return static_cast<inference&&>(out_);
    }

  private:
    static constexpr unsigned most_numbers = 6;
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    static constexpr char hole = '\x01';

    // A name with every number taken out.
    struct skeleton {
        std::string_view text;
        std::uint32_t numbers = 0, members = 0, first = none, last = none;
        std::uint32_t low[most_numbers] = {}, high[most_numbers] = {}, distinct[most_numbers] = {};
        bool from_zero[most_numbers] = {};  // 0, 1, 2, ... without gaps
        bool even[most_numbers] = {true, true, true, true, true, true};  // the same shapes for each
        int layer = -1, expert = -1;                                     // which number it is
        bool tower = false;
    };
    struct member {
        std::uint32_t skeleton = none, next = none;
        std::uint32_t number[most_numbers] = {};
    };
    // Names that differ in layer and expert only.
    struct pattern {
        std::string_view text;
        aka::shape shape;
        bool mixed = false, layered = false, expert = false, tower = false;
        std::uint64_t tensors = 0;
        std::uint32_t low = none, high = 0;  // layers
    };
    // A weight with its bias and other parts.
    struct unit {
        std::string_view stem;  // pattern without what the part is called
        std::uint32_t weight = none, bias = none;
        std::uint32_t tensors = 0;
        bool has_part = false, side = false;  // side: quantisers' parts, so shapes mean less
        std::uint32_t sure = 0, likely = 0, letters = 0;
        std::uint32_t number = none;  // the last that is no hole
        bool layered = false, expert = false, tower = false;
        aka::shape shape;
        std::uint32_t low = none, high = 0;

        role roles[inferred_row::most_roles] = {};
        std::uint8_t role_count = 0;
        std::uint32_t is = 0;  // detail::matrix
        detail::width wide = detail::width::dense;
        bool turned = false, is_bias = false, drop = false;
        unsigned by = 0;
        std::uint64_t candidates = 0;
        const char* why = nullptr;
        std::uint32_t words() const noexcept { return sure | likely; }
    };

    // ---- names to patterns

    template <class Name, class Shape>
    bool fold(Name name, Shape shape) noexcept {
        using detail::is_digit;
        if (names_ >= none / 4 || !members_.resize(names_)) return false;
        detail::growing<std::string_view> texts;
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
                bool number = end > at && holes < most_numbers &&
                              (end == s.size() || !is_digit(s[end])) &&
                              (end - at == 1 || s[at] != '0');
                if (number) {
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
        auto text = [&](std::size_t i) { return texts[i]; };
        detail::name_index index;
        if (index.build(
                names_, text, [&](std::size_t i) { return detail::hash_name(texts[i]); },
                [](std::uint32_t earlier, std::uint32_t) { return earlier; }) !=
            detail::name_index::outcome::ok)
            return false;
        for (std::uint32_t i = 0; i < names_; ++i) {
            std::uint32_t first = index.find(texts[i], text);
            if (first == i) {
                skeleton s;
                s.text = texts[i];
                for (char c : s.text) s.numbers += c == hole ? 1 : 0;
                s.first = i;
                for (std::uint32_t& low : s.low) low = none;
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
            }
        }
        detail::growing<std::uint64_t> seen;
        for (skeleton& s : skeletons_) {
            for (char c : s.text) s.tower = s.tower || (c > 0 && c < ' ' && c != hole);
            if (s.numbers > most_numbers) s.numbers = most_numbers;
            detail::each_word(s.text, [&](std::string_view, std::string_view w) {
                s.tower = s.tower || (detail::find_word(w) & detail::about::tower) != 0;
            });
            for (unsigned k = 0; k < s.numbers; ++k) {
                if (s.high[k] > 4 * std::uint64_t{s.members} + 8) continue;
                seen.clear();
                if (!seen.resize(std::size_t{s.high[k]} + 1)) return false;
                for (std::uint32_t i = s.first; i != none; i = members_[i].next) {
                    std::uint64_t& c = seen[members_[i].number[k]];
                    s.distinct[k] += c == 0 ? 1 : 0;
                    // Which shapes there are, roughly.
                    std::uint64_t h = 0;
                    aka::shape dims = shape(i);
                    for (std::uint64_t d : dims) h = detail::hash_step(h, d + 1);
                    c |= std::uint64_t{1} << (h >> 40 & 63);
                }
                s.from_zero[k] = s.low[k] == 0 && s.distinct[k] == s.high[k] + 1;
                for (std::uint64_t c : seen)
                    s.even[k] = s.even[k] && (c == 0 || c == seen[s.low[k]]);
            }
        }
        return true;
    }

    // Text in front of a skeleton's number.
    static std::string_view front_of(const skeleton& s, unsigned k) noexcept {
        for (std::size_t i = 0; i < s.text.size(); ++i)
            if (s.text[i] == hole && k-- == 0) return s.text.substr(0, i);
        return s.text;
    }
    static std::uint32_t words_of(std::string_view s) noexcept {
        std::uint32_t all = 0;
        detail::each_word(s, [&](std::string_view, std::string_view w) {
            detail::word_meaning m = detail::meaning_of(w);
            all |= m.sure | m.likely;
        });
        return all;
    }
    unsigned fellows(std::string_view front, unsigned k) const noexcept {
        unsigned n = 0;
        for (const skeleton& s : skeletons_) n += k < s.numbers && front_of(s, k) == front ? 1 : 0;
        return n;
    }

    void find_layers() noexcept {
        using namespace detail;
        if (skeletons_.size() > most_skeletons) return;
        // How many layers: the count that most kinds of names have.
        std::uint64_t layers = h_ != nullptr ? h_->n_layer : 0;
        std::uint32_t best = 0;
        bool said = false;
        for (const skeleton& s : skeletons_)
            for (unsigned k = 0; k < s.numbers; ++k)
                said = said || (layers != 0 && s.from_zero[k] && s.distinct[k] == layers);
        if (!said) {
            layers = 0;
            for (const skeleton& a : skeletons_) {
                for (unsigned k = 0; k < a.numbers; ++k) {
                    std::uint32_t n = a.distinct[k], with = 0;
                    if (!a.from_zero[k] || !a.even[k] || n < 2 || a.tower || n == layers) continue;
                    for (const skeleton& s : skeletons_) {
                        bool any = false;
                        for (unsigned j = 0; j < s.numbers; ++j)
                            any = any ||
                                  (s.from_zero[j] && s.even[j] && s.distinct[j] == n && !s.tower);
                        with += any ? 1 : 0;
                    }
                    if (with > best || (with == best && n > layers)) best = with, layers = n;
                }
            }
            if (several_towers(layers)) layers = 0;
        }
        out_.n_layer_ = layers;
        if (layers == 0) return;
        for (skeleton& s : skeletons_) {
            unsigned most = 0;
            bool tie = false;
            for (unsigned k = 0; k < s.numbers; ++k) {
                if (!s.from_zero[k] || s.distinct[k] != layers) continue;
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
                if (s.high[k] >= layers || s.distinct[k] == 0) continue;
                std::string_view front = front_of(s, k);
                for (const skeleton& o : skeletons_)
                    if (o.layer >= 0 && &o != &s && o.from_zero[o.layer] &&
                        o.distinct[o.layer] == layers &&
                        front_of(o, static_cast<unsigned>(o.layer)) == front) {
                        s.layer = static_cast<int>(k);
                        break;
                    }
                if (s.layer < 0 && s.numbers == 1 && s.high[k] + 1 == layers && s.distinct[k] > 1 &&
                    2 * std::uint64_t{s.distinct[k]} >= layers)
                    s.layer = static_cast<int>(k);
            }
        }
        for (skeleton& s : skeletons_) {
            if (s.layer < 0) {
                // Repeated, but not so often: another tower.
                for (unsigned k = 0; k < s.numbers; ++k)
                    s.tower = s.tower || s.distinct[k] > 4 ||
                              (s.from_zero[k] && s.distinct[k] > 1 &&
                               (last_words(front_of(s, k)) & about::layer) != 0);
                continue;
            }
            for (unsigned k = 0; k < s.numbers && s.expert < 0; ++k) {
                if (static_cast<int>(k) == s.layer || !s.from_zero[k] || !s.even[k] ||
                    s.distinct[k] < 2)
                    continue;
                std::string_view front = front_of(s, k);
                bool said_so = (words_of(s.text) & (about::expert)) != 0 ||
                               (h_ != nullptr && h_->n_expert == s.distinct[k]);
                if (said_so || (s.distinct[k] >= 4 && fellows(front, k) >= 2))
                    s.expert = static_cast<int>(k);
            }
        }
    }
    // Whether names that have no such number have another one as often as a whole model does.
    bool several_towers(std::uint64_t layers) const noexcept {
        auto counts = [](const skeleton& s, unsigned k, std::uint64_t n) {
            return s.from_zero[k] && s.even[k] && s.distinct[k] == n && !s.tower;
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
        detail::each_word(front, [&](std::string_view, std::string_view w) {
            detail::word_meaning m = detail::meaning_of(w);
            last = m.sure | m.likely;
        });
        return last;
    }

    template <class Name, class Shape>
    bool make_patterns(Name name, Shape shape) noexcept {
        detail::growing<std::string_view> texts;
        if (!texts.resize(names_)) return false;
        detail::text_writer t;
        for (std::uint32_t i = 0; i < names_; ++i) {
            const skeleton& s = skeletons_[members_[i].skeleton];
            t.clear();
            unsigned k = 0;
            for (char c : s.text) {
                if (c != hole || k >= s.numbers) {
                    t << std::string_view(&c, 1);
                    continue;
                }
                if (static_cast<int>(k) == s.layer)
                    t << "{l}";
                else if (static_cast<int>(k) == s.expert)
                    t << "{e}";
                else
                    t << std::uint64_t{members_[i].number[k]};
                ++k;
            }
            const char* copy = t.ok() ? memory_.copy(t.view()) : nullptr;
            if (copy == nullptr) return false;
            texts[i] = {copy, t.view().size()};
        }
        (void)name;
        auto text = [&](std::size_t i) { return texts[i]; };
        detail::name_index index;
        if (index.build(
                names_, text, [&](std::size_t i) { return detail::hash_name(texts[i]); },
                [](std::uint32_t earlier, std::uint32_t) { return earlier; }) !=
            detail::name_index::outcome::ok)
            return false;
        detail::growing<std::uint32_t> at;
        if (!at.resize(names_)) return false;
        for (std::uint32_t i = 0; i < names_; ++i) {
            const skeleton& s = skeletons_[members_[i].skeleton];
            std::uint32_t first = index.find(texts[i], text);
            if (first == i) {
                pattern p;
                p.text = texts[i];
                p.shape = shape(i);
                p.layered = s.layer >= 0;
                p.expert = s.expert >= 0;
                p.tower = s.tower;
                at[i] = static_cast<std::uint32_t>(patterns_.size());
                if (!patterns_.push(p)) return false;
            }
            pattern& p = patterns_[at[first]];
            ++p.tensors;
            if (p.shape != shape(i)) p.mixed = true;
            if (s.layer >= 0) {
                std::uint32_t l = members_[i].number[s.layer];
                if (l < p.low) p.low = l;
                if (l > p.high) p.high = l;
            }
            if (s.expert >= 0 && members_[i].number[s.expert] >= out_.n_expert_)
                out_.n_expert_ = members_[i].number[s.expert] + std::uint64_t{1};
        }
        return true;
    }

    // ---- patterns to units

    static std::string_view cut_word(std::string_view s, std::uint32_t what) noexcept {
        std::string_view last;
        std::uint32_t is = 0;
        detail::each_word(s, [&](std::string_view w, std::string_view lower) {
            last = w;
            is = detail::find_word(lower);
        });
        if (last.empty() || last.data() + last.size() != s.data() + s.size() || (is & what) == 0 ||
            last.size() == s.size())
            return {};
        return s.substr(0, s.size() - last.size());
    }
    bool make_units() noexcept {
        using namespace detail;
        detail::growing<std::string_view> stems;
        if (!stems.resize(patterns_.size())) return false;
        enum kind : char { weight, bias, side };
        detail::growing<char> kinds, parts;
        if (!kinds.resize(patterns_.size()) || !parts.resize(patterns_.size())) return false;
        for (std::uint32_t i = 0; i < patterns_.size(); ++i) {
            std::string_view s = patterns_[i].text, rest, part;
            each_part(s, [&](std::string_view r, std::string_view p) {
                bool plain = p == "weight" || p == "bias";
                bool sure = find_part(p)->kind != part_kind::block_scale || p != "scale";
                if (sure && (part.empty() || (part != "weight" && part != "bias") || !plain)) {
                    if (part == "weight" && p == "q_weight") return;
                    rest = r;
                    part = p;
                }
            });
            kinds[i] = weight;
            stems[i] = s;
            if (!part.empty()) {
                stems[i] = rest;
                parts[i] = 1;
                kinds[i] = part == "weight" ? weight : part == "bias" ? bias : side;
                continue;
            }
            std::string_view cut = cut_word(s, about::bias);
            if (!cut.empty()) {
                kinds[i] = bias;
            } else {
                cut = cut_word(s, about::weight);
            }
            // `kernel` is what is left of the name: the weight of what stands before it.
            if (!cut.empty() && !is_letter(cut.back())) stems[i] = cut;
        }
        auto text = [&](std::size_t i) { return stems[i]; };
        name_index index;
        if (index.build(
                stems.size(), text, [&](std::size_t i) { return hash_name(stems[i]); },
                [](std::uint32_t earlier, std::uint32_t) { return earlier; }) !=
            name_index::outcome::ok)
            return false;
        growing<std::uint32_t> at;
        if (!at.resize(patterns_.size())) return false;
        for (std::uint32_t i = 0; i < patterns_.size(); ++i) {
            std::uint32_t first = index.find(stems[i], text);
            bool own = first == i;
            std::uint32_t to = own ? none : at[first];
            // Two weights on one stem are two things.
            if (!own && kinds[i] == weight && units_[to].weight != none) own = true;
            if (!own && kinds[i] == bias && units_[to].bias != none) own = true;
            const pattern& p = patterns_[i];
            if (own) {
                unit u;
                u.stem = stems[i];
                u.has_part = parts[i] != 0;
                u.layered = p.layered;
                u.expert = p.expert;
                u.tower = p.tower;
                to = static_cast<std::uint32_t>(units_.size());
                if (first == i) at[i] = to;
                if (!units_.push(u)) return false;
            }
            unit& u = units_[to];
            u.tensors += static_cast<std::uint32_t>(p.tensors);
            if (kinds[i] != side && parts[i] == 0) u.has_part = false;
            if (p.low < u.low) u.low = p.low;
            if (p.high > u.high) u.high = p.high;
            if (kinds[i] == weight) u.weight = i;
            if (kinds[i] == bias) u.bias = i;
            if (kinds[i] == side) u.side = true;
        }
        for (unit& u : units_) {
            if (u.weight == none && u.side) {
                // qweight and its like: a weight whose shape says nothing here
            } else if (u.weight == none && u.bias != none) {
                u.is_bias = true;
                u.shape = patterns_[u.bias].shape;
            } else if (u.weight != none && !u.side && !patterns_[u.weight].mixed) {
                u.shape = patterns_[u.weight].shape;
            }
        }
        return true;
    }
    static bool is_letter(char c) noexcept {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }

    // What the words say. Words that every layer's name has say nothing.
    bool read_words() noexcept {
        using namespace detail;
        constexpr unsigned most = 16;
        struct common {
            char text[32];
            std::uint8_t size;
        } all[2][most];
        unsigned left[2] = {}, seen[2] = {};
        for (const unit& u : units_) {
            if (u.tower) continue;
            unsigned where = u.layered ? 1 : 0, kept = 0;
            if (seen[where]++ == 0) {
                each_word(name_of(u), [&](std::string_view, std::string_view w) {
                    if (left[where] == most) return;
                    common& c = all[where][left[where]++];
                    std::memcpy(c.text, w.data(), w.size());
                    c.size = static_cast<std::uint8_t>(w.size());
                });
                continue;
            }
            for (unsigned i = 0; i < left[where]; ++i) {
                bool there = false;
                const common& c = all[where][i];
                each_word(name_of(u), [&](std::string_view, std::string_view w) {
                    there = there || w == std::string_view(c.text, c.size);
                });
                if (there) all[where][kept++] = c;
            }
            left[where] = kept;
        }
        for (unsigned where = 0; where < 2; ++where)
            if (seen[where] < 3) left[where] = 0;
        std::uint32_t single = 0;
        bool labels = false;
        for (unit& u : units_) {
            std::string_view n = name_of(u);
            // The word that says "weight" is not part of the name proper.
            if (u.weight != none && n.size() > u.stem.size()) n = u.stem;
            unsigned where = u.layered ? 1 : 0;
            each_word(n, [&](std::string_view, std::string_view w) {
                for (unsigned i = 0; i < left[where]; ++i)
                    if (w == std::string_view(all[where][i].text, all[where][i].size)) return;
                if (is_digit(w[0])) {
                    u.number = 0;
                    for (char c : w.substr(0, 8))
                        u.number = u.number * 10 + static_cast<std::uint32_t>(c - '0');
                    return;
                }
                word_meaning m = meaning_of(w);
                u.sure |= m.sure & ~m.letters;
                u.letters |= m.letters;
                u.likely |= m.likely;
            });
            if (u.letters != 0 && u.layered && !u.tower) single |= u.letters;
            // a, b, c, ...: labels, and then q, k and v are labels, too.
            unsigned count = 0;
            bool label = false;
            each_word(n, [&](std::string_view, std::string_view w) {
                for (unsigned i = 0; i < left[where]; ++i)
                    if (w == std::string_view(all[where][i].text, all[where][i].size)) return;
                ++count;
                label = w.size() == 1 && find_letter(w[0]) == 0 && w[0] != 'n' && w[0] != 'w';
            });
            labels = labels || (count == 1 && label && u.layered && !u.tower);
        }
        if (labels) single = 0;
        // Letters mean something beside their fellows: q, k and v; g, u and d.
        constexpr std::uint32_t qkv = about::query | about::key | about::value;
        constexpr std::uint32_t gud = about::gate | about::up | about::down;
        std::uint32_t valid = 0;
        if ((single & qkv) == qkv) valid |= qkv | about::out;
        if ((single & gud) == gud) valid |= gud;
        for (unit& u : units_) u.sure |= u.letters & valid;
        return true;
    }
    std::string_view name_of(const unit& u) const noexcept {
        if (u.weight != none) return patterns_[u.weight].text;
        if (u.bias != none) return patterns_[u.bias].text;
        return u.stem;
    }

    // ---- sizes

    bool in_layer(const unit& u) const noexcept { return u.layered && !u.tower; }
    void find_sizes() noexcept {
        if (h_ != nullptr) {
            x_ = h_->n_embd;
            sizes_.q = h_->layers_differ() ? 0 : h_->n_head * h_->head_dim;
            sizes_.k = h_->layers_differ() ? 0 : h_->n_head_kv * h_->head_dim;
            if (h_->kv_lora_rank != 0) sizes_.q = sizes_.k = 0;
        }
        if (x_ == 0) {
            // The width that most matrices of a layer have on one side.
            unsigned best = 0;
            for (const unit& u : units_) {
                if (!in_layer(u) || u.shape.rank() < 2) continue;
                for (unsigned side = 1; side <= 2; ++side) {
                    std::uint64_t n = u.shape[u.shape.rank() - side];
                    unsigned with = 0;
                    for (const unit& o : units_) {
                        if (!in_layer(o)) continue;
                        std::uint32_t r = o.shape.rank();
                        if (r >= 2 && (o.shape[r - 1] == n || o.shape[r - 2] == n)) with += 2;
                        if (r == 1 && o.shape[0] == n) with += 1;
                    }
                    if (with > best) best = with, x_ = n;
                }
            }
        }
        out_.n_embd_ = x_;
        sizes_.x = x_;
        // A config that contradicts the shapes is not believed here; identify reports that.
        if (x_ != 0) {
            bool any = false, fits = false;
            for (const unit& u : units_) {
                if (!in_layer(u) || u.shape.rank() < 2) continue;
                any = true;
                fits =
                    fits || u.shape[u.shape.rank() - 1] == x_ || u.shape[u.shape.rank() - 2] == x_;
            }
            if (any && !fits) sizes_ = {}, x_ = 0;
        }
        if (h_ != nullptr && h_->n_expert != 0 && out_.n_expert_ == 0)
            out_.n_expert_ = h_->n_expert;
        if (out_.n_expert_ == 0)
            for (const unit& u : units_)
                if (in_layer(u) && u.shape.rank() == 3) out_.n_expert_ = u.shape[0];
        sizes_.e = out_.n_expert_;
    }

    // ---- the model's own tensors

    static void give(unit& u, role r, unsigned by) noexcept {
        u.roles[0] = r;
        u.role_count = 1;
        u.by = by;
        u.candidates = 0;
        u.why = nullptr;
    }
    static constexpr unsigned shape_ = 1, word_ = 2, elimination_ = 4;

    void assign_model() noexcept {
        using namespace detail;
        unit *embd = nullptr, *head = nullptr, *norm = nullptr;
        unsigned embds = 0, heads = 0, norms = 0, matrices = 0, vectors = 0;
        std::uint64_t v = h_ != nullptr ? h_->n_vocab : 0;
        auto candidate = [&](const unit& u) {
            return !u.layered && !u.tower && !u.is_bias && !u.expert &&
                   (u.words() &
                    (about::position | about::rotary | about::side | about::low_rank)) == 0;
        };
        auto matrix_like = [&](const unit& u) {
            if (u.shape.rank() == 0) return (u.words() & about::norm) == 0;
            return u.shape.rank() == 2 && (x_ == 0 || u.shape[1] == x_ || u.shape[0] == x_);
        };
        auto vector_like = [&](const unit& u) {
            if (u.shape.rank() == 0) return (u.words() & about::norm) != 0;
            return u.shape.rank() == 1 && (x_ == 0 || u.shape[0] == x_);
        };
        // Where the widest matrices differ in size, only the ones with the vocabulary's count.
        for (const unit& u : units_) {
            if (!candidate(u) || u.shape.rank() != 2 || v != 0 || !matrix_like(u)) continue;
            std::uint64_t n = u.shape[1] == x_ ? u.shape[0] : u.shape[1];
            if (n > rows_) rows_ = n;
        }
        auto wide = [&](const unit& u) {
            if (u.shape.rank() != 2) return u.side || u.shape.rank() == 0;
            std::uint64_t n = u.shape[1] == x_ ? u.shape[0] : u.shape[1];
            return n >= rows_ && n > 0;
        };
        for (unit& u : units_) {
            if (!candidate(u)) continue;
            if (matrix_like(u) && wide(u)) {
                ++matrices;
                bool is_head =
                    (u.words() & about::head) != 0 ||
                    ((u.words() & (about::out | about::final)) != 0 &&
                     (u.words() & (about::embedding | about::before | about::norm)) == 0);
                bool is_embd = !is_head && (u.words() & (about::embedding | about::before)) != 0 &&
                               (u.words() & about::norm) == 0;
                if (is_embd) embd = &u, ++embds;
                if (is_head) head = &u, ++heads;
            } else if (vector_like(u)) {
                ++vectors;
                bool first = (u.words() & (about::embedding | about::before)) != 0;
                if (!first) norm = &u, ++norms;
            }
        }
        auto others = [&](role one, role two, const char* why) {
            for (unit& u : units_)
                if (candidate(u) && matrix_like(u) && wide(u) && u.role_count == 0) {
                    u.candidates = role_bit(one) | role_bit(two);
                    if (u.shape.rank() == 0) u.candidates |= role_bit(role::output_norm);
                    u.why = why;
                }
        };
        if (embds == 1) give(*embd, role::token_embd, word_);
        if (heads == 1) give(*head, role::output, word_);
        bool sized = false;
        for (const unit& u : units_) sized = sized || (candidate(u) && u.shape.rank() == 2);
        if (matrices == 1 && embds == 0 && heads == 0 && sized) {
            for (unit& u : units_)
                if (candidate(u) && matrix_like(u) && wide(u))
                    give(u, role::token_embd, shape_ | elimination_);
        } else if (matrices == 2 && sized && (embds == 1) != (heads == 1) && embds + heads == 1) {
            for (unit& u : units_)
                if (candidate(u) && matrix_like(u) && wide(u) && u.role_count == 0)
                    give(u, embds == 1 ? role::output : role::token_embd, shape_ | elimination_);
        } else {
            others(role::token_embd, role::output,
                   "the names do not say which reads and which writes words");
        }
        for (unit* u : {embd, head}) {
            if (u == nullptr || u->role_count == 0 || u->shape.rank() != 2) continue;
            u->by |= shape_;
            u->turned = x_ != 0 && u->shape[0] == x_ && u->shape[1] != x_;
        }
        if (norms == 1 && vectors == 1 &&
            (norm->shape.rank() == 1 || (norm->words() & about::norm) != 0))
            give(*norm, role::output_norm,
                 (norm->shape.rank() == 1 ? shape_ : 0) |
                     ((norm->words() & about::norm) != 0 ? word_ : 0) | elimination_);
        else
            for (unit& u : units_) {
                if (!candidate(u) || !vector_like(u)) continue;
                bool last =
                    (u.words() & (about::final | about::out | about::head | about::after)) != 0 &&
                    (u.words() & about::norm) != 0;
                if (norms == 1 && &u == norm && (u.words() & about::norm) != 0) last = true;
                if (last)
                    give(u, role::output_norm, word_);
                else if (u.role_count == 0)
                    u.candidates = role_bit(role::output_norm), u.why = "one of several";
            }
        for (unit& u : units_)
            if (!u.tower && (u.sure & about::rotary) != 0 && u.shape.rank() < 2 &&
                (u.sure & (about::query | about::key | about::norm)) == 0)
                u.drop = true;
    }
    std::uint64_t rows_ = 0;

    // ---- norms

    void assign_norms() noexcept {
        using namespace detail;
        constexpr unsigned most = 8;
        unit* list[most];
        unsigned n = 0;
        bool too_many = false;
        for (unit& u : units_) {
            if (!in_layer(u) || u.is_bias || u.drop || u.expert) continue;
            std::uint32_t w = u.words();
            if ((w & (about::recurrent | about::side)) != 0 || low_rank(w)) continue;
            bool vector = u.shape.rank() == 1;
            if (u.shape.rank() > 1 && (u.shape.rank() > 2 || (w & about::norm) == 0)) continue;
            if (u.shape.rank() == 0 && (w & about::norm) == 0) continue;
            bool q = (w & about::query) != 0, k = (w & about::key) != 0;
            if ((q != k) && (w & about::norm) != 0 && (w & about::value) == 0) {
                u.candidates = role_bit(role::attn_q_norm) | role_bit(role::attn_k_norm);
                give(u, q ? role::attn_q_norm : role::attn_k_norm, word_ | (vector ? shape_ : 0));
                continue;
            }
            if (u.shape.rank() > 1) continue;
            if (vector && (u.shape[0] != x_ || x_ == 0)) {
                if (patterns_with_norm(u))
                    u.candidates = role_bit(role::attn_q_norm) | role_bit(role::attn_k_norm);
                u.why = "neither as wide as the model nor named";
                continue;
            }
            if (vector && (w & (about::bias | about::query | about::key | about::value)) != 0 &&
                (w & about::norm) == 0)
                continue;
            if (n == most)
                too_many = true;
            else
                list[n++] = &u;
        }
        if (n == 0 || too_many) return;
        enum side : unsigned { unsaid, before, after };
        struct facts {
            bool attention, feed_forward, pre, post;
        } f[most];
        for (unsigned i = 0; i < n; ++i) {
            std::uint32_t w = list[i]->words();
            f[i] = {(w & (about::attention)) != 0, (w & (about::feed_forward | about::expert)) != 0,
                    (w & about::before) != 0, (w & (about::after | about::out)) != 0};
        }
        role given[most] = {};
        if (n == 1) {
            // One norm a layer, as in Cohere's parallel blocks, when its name says so.
            bool said = (list[0]->words() & about::norm) != 0 && (f[0].pre || f[0].attention);
            if (said && !f[0].post && !f[0].feed_forward) given[0] = role::attn_norm;
        } else if (n == 2) {
            given[0] = of_two(f[0].attention, f[0].feed_forward, f[0].pre, f[0].post);
            given[1] = of_two(f[1].attention, f[1].feed_forward, f[1].pre, f[1].post);
            bool both_post = f[0].post && f[1].post;
            if (both_post) {
                for (unsigned i = 0; i < 2; ++i)
                    given[i] = f[i].attention == f[i].feed_forward ? role::none
                               : f[i].attention                    ? role::attn_post_norm
                                                                   : role::ffn_post_norm;
            } else if (given[0] == role::none && given[1] == role::none) {
                number_two(list, given);
            } else if (given[0] == role::none || given[1] == role::none) {
                unsigned open = given[0] == role::none ? 0 : 1, known = 1 - open;
                // What stands after attention says nothing about the other one: that may stand
                // after the feed-forward.
                bool safe =
                    !f[known].post && (f[known].pre || f[known].attention || f[known].feed_forward);
                if (safe && !f[open].post) {
                    given[open] =
                        given[known] == role::attn_norm ? role::ffn_norm : role::attn_norm;
                    list[open]->by |= elimination_;
                } else {
                    given[known] = role::none;
                }
            }
        } else if (n == 4) {
            for (unsigned i = 0; i < n; ++i) {
                bool a = f[i].attention, ff = f[i].feed_forward;
                if (f[i].pre && !f[i].post && !ff) given[i] = role::attn_norm;
                if (f[i].pre && !f[i].post && ff && !a) given[i] = role::ffn_norm;
                if (f[i].post && !f[i].pre && a && !ff) given[i] = role::attn_post_norm;
                if (f[i].post && !f[i].pre && ff && !a) given[i] = role::ffn_post_norm;
            }
        }
        bool all = true, twice = false;
        for (unsigned i = 0; i < n; ++i) {
            all = all && given[i] != role::none;
            for (unsigned j = 0; j < i; ++j)
                twice = twice || (given[i] == given[j] && given[i] != role::none);
        }
        for (unsigned i = 0; i < n; ++i) {
            unit& u = *list[i];
            unsigned by = u.by | (u.shape.rank() == 1 ? shape_ : 0) |
                          ((u.by & elimination_) == 0 ? word_ : 0);
            u.by = 0;
            if (all && !twice) {
                give(u, given[i], by);
                continue;
            }
            u.why = "the names do not say which norm it is";
            u.candidates = role_bit(role::attn_norm) | role_bit(role::ffn_norm);
            if (n > 2)
                u.candidates |= role_bit(role::attn_post_norm) | role_bit(role::ffn_post_norm);
        }
    }
    static bool patterns_with_norm(const unit& u) noexcept {
        return (u.words() & detail::about::norm) != 0;
    }
    static role of_two(bool attention, bool feed_forward, bool pre, bool post) noexcept {
        if (pre && post) return role::none;
        if (attention && feed_forward) return role::none;
        if (post) return role::ffn_norm;  // after attention, or after what comes first
        if (feed_forward) return role::ffn_norm;
        if (attention || pre) return role::attn_norm;
        return role::none;
    }
    static void number_two(unit* const* list, role* given) noexcept {
        std::uint32_t a = list[0]->number, b = list[1]->number;
        if (a == none || b == none || (a != b + 1 && b != a + 1)) return;
        for (unsigned i = 0; i < 2; ++i)
            if ((list[i]->words() & detail::about::norm) == 0) return;
        std::string_view x = list[0]->stem, y = list[1]->stem;
        if (x.size() != y.size()) return;
        unsigned differ = 0;
        for (std::size_t i = 0; i < x.size(); ++i) differ += x[i] != y[i] ? 1 : 0;
        if (differ != 1) return;
        given[a < b ? 0 : 1] = role::attn_norm;
        given[a < b ? 1 : 0] = role::ffn_norm;
    }

    // ---- matrices

    // `q_a`, `kv_b`, `lora_A`: a and b alone say nothing.
    static bool low_rank(std::uint32_t w) noexcept {
        using namespace detail;
        return (w & about::low_rank) != 0 &&
               (w & (about::query | about::key | about::value | about::out | about::gate |
                     about::up | about::down | about::adapter)) != 0;
    }
    enum class group : std::uint8_t { none, main, experts, shared };

    static std::uint32_t allowed(std::uint32_t w, group g, bool experts) noexcept {
        using namespace detail;
        bool q = (w & about::query) != 0, k = (w & about::key) != 0, v = (w & about::value) != 0;
        bool o = (w & about::out) != 0, gate = (w & about::gate) != 0, up = (w & about::up) != 0,
             down = (w & about::down) != 0;
        bool a = (w & about::attention) != 0, f = (w & about::feed_forward) != 0;
        if (a && f) a = f = false;
        if (g != group::main) {
            if (gate && up) return matrix::gate_up;
            if (gate) return matrix::gate;
            if (up) return matrix::up;
            if (down || o) return matrix::down;
            return matrix::of_feed_forward;
        }
        if ((w & about::router) != 0) return matrix::router;
        std::uint32_t m = matrix::all;
        if (!f && (q || k || v)) {
            m = 0;
            if (gate || up || down) return 0;
            if (k && v)
                m = q ? matrix::qkv : matrix::kv;
            else if (q + k + v == 1)
                m = q ? matrix::q : k ? matrix::k : matrix::v;
        } else if (!a && (gate || up || down)) {
            if (gate && up)
                m = matrix::gate_up;
            else if (gate && !down)
                m = experts ? std::uint32_t{matrix::gate | matrix::router} : matrix::gate;
            else if (up != down)
                m = up ? matrix::up : matrix::down;
            else
                m = 0;
        } else if (o) {
            m = matrix::o | matrix::down;
        }
        if (a) m &= matrix::of_attention;
        if (f) m &= matrix::of_feed_forward | matrix::router;
        if (!experts) m &= ~matrix::router;
        return m;
    }

    group group_of(const unit& u) const noexcept {
        using namespace detail;
        if (!in_layer(u) || u.is_bias || u.drop || u.role_count != 0) return group::none;
        std::uint32_t w = u.words();
        if ((w & (about::recurrent | about::position | about::tower)) != 0) return group::none;
        if ((w & about::rotary) != 0 && u.shape.rank() < 2) return group::none;
        if ((u.sure & about::side) != 0) return group::none;
        if (linear_attention(u)) return group::none;
        std::uint32_t rank = u.shape.rank();
        if (rank == 1 || rank > 3) return group::none;
        if (rank == 0 && (w & about::norm) != 0) return group::none;
        if (rank == 3 || u.expert) return rank == 3 && u.expert ? group::none : group::experts;
        if ((w & about::shared) != 0 && (w & about::router) == 0) return group::shared;
        if ((w & about::expert) != 0 && (w & about::router) == 0 && rank == 0 &&
            (w & about::gate) == 0 && (w & (about::up | about::down | about::out)) != 0)
            return group::experts;
        return group::main;
    }
    static bool linear_attention(const unit& u) noexcept {
        bool yes = false, last = false;
        detail::each_word(u.stem, [&](std::string_view, std::string_view w) {
            bool a = (detail::meaning_of(w).sure & detail::about::attention) != 0;
            yes = yes || (last && a);
            last = w == "linear";
        });
        return yes;
    }

    void assign_matrices() noexcept {
        using namespace detail;
        constexpr std::uint32_t split = matrix::q | matrix::k | matrix::v | matrix::o;
        constexpr std::uint32_t attention[] = {split, matrix::qkv | matrix::o,
                                               matrix::q | matrix::kv | matrix::o};
        constexpr std::uint32_t forward[] = {matrix::gate | matrix::up | matrix::down,
                                             matrix::gate_up | matrix::down,
                                             matrix::up | matrix::down};
        bool experts = false;
        for (const unit& u : units_) experts = experts || group_of(u) == group::experts;
        std::uint32_t sets[32];
        unsigned n = 0;
        for (std::uint32_t a : attention) {
            for (std::uint32_t f : forward) {
                sets[n++] = a | f;
                if (experts) sets[n++] = a | f | matrix::router;
            }
            if (experts) sets[n++] = a, sets[n++] = a | matrix::router;
        }
        solve(group::experts, width::experts, forward, experts);
        solve(group::shared, width::shared, forward, experts);
        solve(group::main, width::dense, {sets, n}, experts);
    }

    void solve(group g, detail::width wide, span<const std::uint32_t> sets, bool experts) noexcept {
        using namespace detail;
        constexpr unsigned most = 16;
        unit* list[most];
        unsigned n = 0;
        bool too_many = false;
        for (unit& u : units_) {
            if (group_of(u) != g) continue;
            if (n == most)
                too_many = true;
            else
                list[n++] = &u;
        }
        if (n == 0) return;
        if (too_many) {
            for (unit& u : units_)
                if (group_of(u) == g) u.why = "too many matrices in a layer";
            return;
        }
        puzzle_sizes sizes = sizes_;
        if (g != group::main) sizes.q = sizes.k = 0;
        puzzle_piece blank[most], piece[most];
        std::uint32_t sure[most], likely[most];
        bool odd = false;
        for (unsigned i = 0; i < n; ++i) {
            const unit& u = *list[i];
            std::uint32_t r = u.shape.rank();
            if (r >= 2) {
                blank[i].rows = u.shape[r - 2];
                blank[i].columns = u.shape[r - 1];
            }
            if (!experts) blank[i].allowed &= ~std::uint32_t{matrix::router};
            sure[i] = allowed(u.sure, g, experts) & blank[i].allowed;
            likely[i] = allowed(u.words(), g, experts) & blank[i].allowed;
            if (low_rank(u.words())) sure[i] = likely[i] = 0, odd = true;
            if ((u.sure & about::dense_word) != 0) odd_fc(list, n, i, sure, likely);
            piece[i] = blank[i];
        }
        numbered_w(list, n, likely);
        // Shapes alone, and then with the words.
        puzzle alone({blank, n}, sizes), told({piece, n}, sizes);
        bool shapes = !odd && alone.solve(sets);
        if (!shapes)
            for (unsigned i = 0; i < n; ++i) blank[i].found = matrix::all;
        auto with = [&](const std::uint32_t* words) {
            for (unsigned i = 0; i < n; ++i) piece[i].allowed = words[i];
            return told.solve(sets);
        };
        const std::uint32_t* words = likely;
        bool whole = !odd && with(likely);
        if (!whole && !odd) words = sure, whole = with(sure);
        // Without shapes a name that says nothing may be a norm: only where these are known can it
        // be the matrix that is left.
        bool norms = false;
        for (const unit& u : units_)
            norms = norms || (in_layer(u) && u.role_count == 1 && u.roles[0] == role::ffn_norm);
        if (whole) {
            for (unsigned i = 0; i < n; ++i) {
                unit& u = *list[i];
                bool one = puzzle::bits(piece[i].found) == 1 && piece[i].found_turned != 3;
                if (!one || (blank[i].rows == 0 && !norms && words[i] == piece_all(experts, g))) {
                    open(u, piece[i].found, wide);
                    continue;
                }
                unsigned by = 0;
                if (puzzle::bits(words[i]) == 1) by |= word_;
                if (puzzle::bits(blank[i].found) == 1) by |= shape_;
                if (by == 0) {
                    by = elimination_;
                    if (words[i] != piece_all(experts, g)) by |= word_;
                    if (blank[i].rows != 0) by |= shape_;
                }
                take(u, piece[i].found, wide, piece[i].found_turned == 2, by);
            }
            return;
        }
        // The layer does not look like a whole block: only what the words themselves say.
        for (unsigned i = 0; i < n; ++i) {
            unit& u = *list[i];
            std::uint32_t m = sure[i];
            bool one = puzzle::bits(m) == 1;
            for (unsigned j = 0; j < n; ++j) one = one && (j == i || sure[j] != m);
            if (one && blank[i].rows != 0) {
                puzzle_piece p = blank[i];
                p.allowed = m;
                puzzle_sizes s = sizes;
                one = x_ != 0 && puzzle({&p, 1}, s).solve({&m, 1}) && p.found_turned == 1;
            }
            // In a layer that is no whole block, the words of q, k, v and o are too little.
            if (one && shapes_known(list, n)) one = false;
            if (one)
                take(u, m, wide, false, word_);
            else
                open(u, m == piece_all(experts, g) ? 0 : m, wide);
            if (u.role_count == 0 && u.why == nullptr)
                u.why = "the layer is no block that is known";
        }
    }
    static bool shapes_known(unit* const* list, unsigned n) noexcept {
        bool all = true;
        for (unsigned i = 0; i < n; ++i) all = all && list[i]->shape.rank() != 0;
        return all && n > 0;
    }
    static std::uint32_t piece_all(bool experts, group g) noexcept {
        using namespace detail;
        if (g != group::main) return matrix::of_feed_forward;
        return experts ? matrix::all : matrix::all & ~std::uint32_t{matrix::router};
    }
    // Meta's w1, w2, w3: gate, down, up. Only all three together.
    static void numbered_w(unit* const* list, unsigned n, std::uint32_t* likely) noexcept {
        using namespace detail;
        for (unsigned i = 0; i < n; ++i) {
            unsigned at[4] = {~0u, ~0u, ~0u, ~0u};
            for (unsigned j = 0; j < n; ++j) {
                std::string_view a = list[i]->stem, b = list[j]->stem;
                if (a.size() != b.size()) continue;
                std::size_t d = a.size();
                unsigned differ = 0;
                for (std::size_t k = 0; k < a.size(); ++k)
                    if (a[k] != b[k]) d = k, ++differ;
                if (i == j) {
                    for (std::size_t k = 1; k < a.size(); ++k)
                        if (a[k] == '1' && (a[k - 1] == 'w' || a[k - 1] == 'W')) d = k, differ = 1;
                }
                if (differ != 1 || d == 0 || (b[d - 1] != 'w' && b[d - 1] != 'W')) continue;
                if (b[d] >= '1' && b[d] <= '3') at[b[d] - '0'] = j;
            }
            if (at[1] != i || at[2] == ~0u || at[3] == ~0u) continue;
            likely[at[1]] &= matrix::gate;
            likely[at[2]] &= matrix::down;
            likely[at[3]] &= matrix::up;
        }
    }
    // `fc` beside `gate`: in one spelling that is the gate, and `gate` is up.
    static void odd_fc(unit* const* list, unsigned n, unsigned fc, std::uint32_t* sure,
                       std::uint32_t* likely) noexcept {
        using namespace detail;
        std::uint32_t w = list[fc]->words();
        if ((w & (about::gate | about::up | about::down)) != 0) return;
        for (unsigned i = 0; i < n; ++i) {
            std::uint32_t s = list[i]->words();
            if ((s & about::up) != 0) return;
        }
        for (unsigned i = 0; i < fc; ++i)
            if ((list[i]->words() & about::gate) != 0)
                sure[i] |= matrix::up, likely[i] |= matrix::up;
        for (unsigned i = fc + 1; i < n; ++i)
            if ((list[i]->words() & about::gate) != 0) list[i]->likely |= about::up;
    }
    static void open(unit& u, std::uint32_t found, detail::width wide) noexcept {
        using namespace detail;
        for (std::uint32_t m = 1; m < matrix::all; m <<= 1) {
            role r[3];
            if ((found & m) == 0) continue;
            unsigned c = roles_of(m, wide, r);
            for (unsigned i = 0; i < c; ++i) u.candidates |= role_bit(r[i]);
        }
        constexpr std::uint32_t of_matrices = about::query | about::key | about::value |
                                              about::out | about::gate | about::up | about::down;
        if (u.shape.rank() == 0 && found != 0 && (u.words() & of_matrices) == 0)
            u.candidates |= role_bit(role::attn_norm) | role_bit(role::ffn_norm) |
                            role_bit(role::attn_post_norm) | role_bit(role::ffn_post_norm) |
                            role_bit(role::attn_q_norm) | role_bit(role::attn_k_norm);
        u.why = found == 0 ? "words and shapes say nothing, or contradict each other"
                           : "neither words nor shapes decide";
    }
    static void take(unit& u, std::uint32_t m, detail::width wide, bool turned,
                     unsigned by) noexcept {
        u.is = m;
        u.wide = wide;
        u.turned = turned;
        u.role_count = static_cast<std::uint8_t>(detail::roles_of(m, wide, u.roles));
        u.by = by;
        u.candidates = 0;
        u.why = nullptr;
    }

    // ---- biases that stand alone: `bq`

    void assign_biases() noexcept {
        using namespace detail;
        for (unit& u : units_) {
            if (!in_layer(u) || u.role_count != 0 || u.drop || u.expert || u.shape.rank() > 1)
                continue;
            if (!u.is_bias && (u.words() & about::bias) == 0) continue;
            if ((u.words() & (about::norm | about::side | about::recurrent)) != 0) continue;
            std::uint32_t m =
                allowed(u.sure & ~std::uint32_t{about::bias | about::low_rank}, group::main, false);
            if (puzzle::bits(m) != 1) continue;
            unit* owner = nullptr;
            unsigned owners = 0;
            for (unit& o : units_)
                if (&o != &u && o.is == m && o.wide == width::dense && o.role_count != 0)
                    owner = &o, ++owners;
            if (owners != 1 || owner->bias != none) continue;
            if (u.shape.rank() == 1 && owner->shape.rank() == 2 &&
                owner->shape[owner->turned ? 1 : 0] != u.shape[0])
                continue;
            take(u, m, width::dense, false, word_ | (u.shape.rank() == 1 ? shape_ : 0));
            u.is_bias = true;
        }
    }

    // ---- what contradicts itself stays open

    void settle() noexcept {
        using namespace detail;
        for (int pass = 0; pass < 2; ++pass) {
            std::uint64_t once[2] = {}, twice[2] = {};
            for (const unit& u : units_) {
                int b = u.is_bias ? 1 : 0;
                for (unsigned i = 0; i < u.role_count; ++i) {
                    twice[b] |= once[b] & role_bit(u.roles[i]);
                    once[b] |= role_bit(u.roles[i]);
                }
            }
            for (unit& u : units_) {
                bool clash = false;
                std::uint64_t set = 0;
                for (unsigned i = 0; i < u.role_count; ++i) {
                    set |= role_bit(u.roles[i]);
                    clash = clash || (twice[u.is_bias ? 1 : 0] & role_bit(u.roles[i])) != 0;
                }
                if (!clash) continue;
                u.role_count = 0;
                u.is = 0;
                u.candidates = set;
                u.why = "another name looks like the same role";
            }
        }
        // Hybrid models (Qwen3-Next) put a gate into q; only shapes could show that.
        bool hybrid = false;
        for (const unit& u : units_)
            hybrid = hybrid ||
                     (in_layer(u) && ((u.sure & about::recurrent) != 0 || linear_attention(u)));
        for (unit& u : units_)
            if (hybrid && u.is == matrix::q && u.shape.rank() == 0) {
                u.role_count = 0;
                u.is = 0;
                u.candidates = role_bit(role::attn_q) | role_bit(role::attn_q_gate);
                u.why = "beside linear attention q may hold a gate, and there are no shapes";
            }
        // A dense feed-forward in the layers that have experts is something else: a shared expert.
        std::uint32_t from = none, to = 0;
        for (const unit& u : units_)
            if (u.role_count != 0 && u.wide == width::experts && u.is != 0) {
                if (u.low < from) from = u.low;
                if (u.high > to) to = u.high;
            }
        for (unit& u : units_) {
            if (u.role_count == 0 || u.wide != width::dense ||
                (u.is & matrix::of_feed_forward) == 0 || from == none || u.low > to ||
                u.high < from)
                continue;
            open(u, u.is, width::dense);
            for (role r : {role::ffn_gate_shexp, role::ffn_up_shexp, role::ffn_down_shexp})
                u.candidates |= role_bit(r);
            u.role_count = 0;
            u.is = 0;
            u.why = "beside experts: a dense feed-forward, or a shared expert";
        }
    }

    // ---- the report

    static std::string_view layout_of(const unit& u, int way) noexcept {
        using namespace detail;
        bool t = u.turned, three = u.shape.rank() == 3;
        switch (u.is) {
            case matrix::q:
                return t ? "attn_q x , kv g s i" : "";
            case matrix::k:
                return t ? "attn_k x , kv s i" : "";
            case matrix::v:
                return t ? "attn_v x , kv d" : "";
            case matrix::o:
                return t ? "attn_output kv g d , x" : "";
            case matrix::qkv:
                if (way == 0)
                    return t ? "x , (q kv g s i + k kv s i + v kv d)"
                             : "(q kv g s i + k kv s i + v kv d) x";
                return t ? "x , kv (q g s i + k s i + v d)" : "kv (q g s i + k s i + v d) x";
            case matrix::kv:
                if (way == 0) return t ? "x , (k kv s i + v kv d)" : "(k kv s i + v kv d) x";
                return t ? "x , kv (k s i + v d)" : "kv (k s i + v d) x";
            case matrix::router:
                return t ? "ffn_gate_inp x , e" : "";
            default:
                break;
        }
        if (u.is == 0)
            return u.role_count == 1 && u.roles[0] == role::output && t ? "output x , v" : "";
        if (u.is == matrix::gate_up) {
            switch (u.wide) {
                case width::dense:
                    if (way == 0) return t ? "x , (gate f + up f)" : "(gate f + up f) x";
                    return t ? "x , f (gate + up)" : "f (gate + up) x";
                case width::shared:
                    if (way == 0)
                        return t ? "x , (gate_shexp f + up_shexp f)"
                                 : "(gate_shexp f + up_shexp f) x";
                    return t ? "x , f (gate_shexp + up_shexp)" : "f (gate_shexp + up_shexp) x";
                case width::experts:
                    break;
            }
            if (three) {
                if (way == 0)
                    return t ? "e , x , (gate_exps f + up_exps f)"
                             : "e , (gate_exps f + up_exps f) , x";
                return t ? "e , x , f (gate_exps + up_exps)" : "e , f (gate_exps + up_exps) , x";
            }
            if (way == 0)
                return t ? "x , (gate_exps f + up_exps f)" : "(gate_exps f + up_exps f) x";
            return t ? "x , f (gate_exps + up_exps)" : "f (gate_exps + up_exps) x";
        }
        if (!t) return "";
        constexpr std::string_view turned[3][3] = {
            {"ffn_gate x , f", "ffn_up x , f", "ffn_down f , x"},
            {"gate_exps x , f", "up_exps x , f", "down_exps f , x"},
            {"gate_shexp x , f", "up_shexp x , f", "down_shexp f , x"},
        };
        constexpr std::string_view stacked[3] = {"gate_exps e , x , f", "up_exps e , x , f",
                                                 "down_exps e , f , x"};
        unsigned m = u.is == matrix::gate ? 0 : u.is == matrix::up ? 1 : 2;
        if (three) return stacked[m];
        return turned[static_cast<unsigned>(u.wide)][m];
    }
    bool order_open(const unit& u, int& way) const noexcept {
        using namespace detail;
        way = 0;
        fused_order said = fused_order::unsaid;
        if (u.is == matrix::qkv || u.is == matrix::kv) {
            said = options_.qkv;
            // With one kv head both ways are the same rows.
            if (h_ != nullptr && h_->n_head_kv == 1 && !h_->layers_differ()) return false;
        } else if (u.is == matrix::gate_up) {
            said = options_.gate_up;
        } else {
            return false;
        }
        way = said == fused_order::groups ? 1 : 0;
        return said == fused_order::unsaid;
    }
    bool keep(std::string_view& to, std::string_view s) noexcept {
        const char* p = out_.text_.copy(s);
        to = {p, p == nullptr ? 0 : s.size()};
        return p != nullptr;
    }
    bool report() noexcept {
        using namespace detail;
        text_writer t;
        std::uint64_t have = 0;
        for (const unit& u : units_) {
            inferred_row r;
            t.clear();
            spell(u, t);
            if (!t.ok() || !keep(r.pattern, t.view())) return false;
            bool own_bias = u.bias != none && u.weight != none && !u.has_part;
            if (own_bias && !keep(r.bias_pattern, patterns_[u.bias].text)) return false;
            r.tensors = u.tensors;
            if (u.shape.rank() <= shape::inline_rank) r.shape = u.shape;
            std::memcpy(r.roles, u.roles, sizeof r.roles);
            r.role_count = u.role_count;
            r.by = static_cast<evidence>(u.by);
            r.candidates = u.candidates;
            r.drop = u.drop;
            if (u.why != nullptr && u.role_count == 0) r.why = u.why;
            if (u.tower && u.role_count == 0) r.why = "of something else, or not in every layer";
            t.clear();
            each_word(u.stem, [&](std::string_view w, std::string_view lower) {
                word_meaning m = meaning_of(lower);
                if (((m.sure | m.likely) & ~says_nothing & ~about::layer) == 0) return;
                if (!t.view().empty()) t << " ";
                t << w;
            });
            if (!t.ok() || !keep(r.words, t.view())) return false;
            t.clear();
            if (u.shape.rank() != 0) {
                t << "[";
                for (std::uint32_t i = 0; i < u.shape.rank() && i < 8; ++i)
                    t << (i == 0 ? "" : ", ") << u.shape[i];
                t << "]" << (x_ != 0 ? ", width " : "");
                if (x_ != 0) t << x_;
                if (u.turned) t << ", transposed";
            }
            if (!t.ok() || !keep(r.facts, t.view())) return false;
            if (u.role_count != 0) {
                int way = 0;
                r.order_open = order_open(u, way);
                r.layout = layout_of(u, way);
                if (r.order_open) r.other_layout = layout_of(u, 1);
                if (!r.order_open)
                    for (unsigned i = 0; i < u.role_count; ++i) have |= role_bit(u.roles[i]);
            }
            if (u.role_count == 0 && !u.drop) ++out_.open_;
            if (!out_.rows_.push(r)) return false;
        }
        if (h_ != nullptr) {
            if (h_->alibi == hparams::answer::yes) out_.rope_ = rope_order::none;
            if (h_->rope_rows == hparams::row_order::half_split) out_.rope_ = rope_order::half;
            if (h_->rope_rows == hparams::row_order::interleaved)
                out_.rope_ = rope_order::interleaved;
        }
        auto all = [&](std::initializer_list<role> roles) {
            for (role r : roles)
                if ((have & role_bit(r)) == 0) return false;
            return true;
        };
        out_.complete_ =
            all({role::token_embd, role::attn_q, role::attn_k, role::attn_v, role::attn_output}) &&
            (all({role::ffn_gate, role::ffn_up, role::ffn_down}) ||
             all({role::ffn_gate_exps, role::ffn_up_exps, role::ffn_down_exps}));
        return true;
    }
    // A pattern in the grammar. Only parts behind . / _ can be {part}.
    void spell(const unit& u, detail::text_writer& t) const noexcept {
        if (u.has_part && !u.stem.empty() &&
            (detail::is_separator(u.stem.back()) || u.stem.back() == '_'))
            t << u.stem << "{part}";
        else if (u.weight != none)
            t << patterns_[u.weight].text;
        else if (u.bias != none)
            t << patterns_[u.bias].text;
        else
            t << u.stem;
    }
    // Whether the grammar can hold these names.
    bool can_spell(const unit& u) const noexcept {
        std::string_view s = name_of(u);
        for (std::size_t i = 0; i < s.size(); ++i) {
            if (static_cast<unsigned char>(s[i]) <= ' ' || s[i] == '#' || s[i] == '|' ||
                s[i] == '*' || s[i] == '=' || static_cast<unsigned char>(s[i]) >= 0x7f)
                return false;
            if (s[i] == '}' && i + 1 < s.size() && (detail::is_digit(s[i + 1]) || s[i + 1] == '{'))
                return false;
        }
        return s.size() < 200;
    }
    static void spaces(detail::text_writer& t, std::size_t n) noexcept {
        while (n-- > 0) t << " ";
    }
    bool print() noexcept {
        using namespace detail;
        text_writer t;
        t << "convention " << inference::id << " unverified\n";
        if (out_.rope_ == rope_order::unknown)
            t << "  rope half inferred  # unknown: names and shapes cannot say it; half is usual\n";
        else
            t << "  rope " << name(out_.rope_) << "\n";
        bool layer_norm = false, norms = false, output = false, embd = false;
        for (std::size_t i = 0; i < units_.size(); ++i) {
            const unit& u = units_[i];
            if (u.role_count == 1 && is_norm(u.roles[0]))
                norms = true, layer_norm = layer_norm || u.bias != none;
            output = output || (u.role_count == 1 && u.roles[0] == role::output);
            embd = embd || (u.role_count == 1 && u.roles[0] == role::token_embd);
        }
        if (h_ != nullptr && h_->norm_kind != hparams::norm::unsaid)
            t << "  norm " << (h_->norm_kind == hparams::norm::rms ? "rms" : "layer") << "\n";
        else if (norms && layer_norm)
            t << "  norm layer\n";
        if (embd && !output) {
            bool maybe = false;
            for (const unit& u : units_)
                maybe = maybe || (u.candidates & role_bit(role::output)) != 0;
            if (!maybe) t << "  tied yes\n";
        }
        std::size_t longest = 0;
        for (const inferred_row& r : out_.rows_)
            if (r.pattern.size() > longest && r.pattern.size() < 72) longest = r.pattern.size();
        for (std::size_t i = 0; i < units_.size(); ++i) {
            const unit& u = units_[i];
            const inferred_row& r = out_.rows_[i];
            std::size_t pad = longest > r.pattern.size() ? longest - r.pattern.size() : 0;
            bool can = can_spell(u);
            if (r.drop && can) {
                t << "  " << r.pattern;
                spaces(t, pad);
                t << " = drop\n";
                continue;
            }
            auto line = [&](const char* lead, std::string_view names, std::string_view layout,
                            const char* tail) {
                t << lead << names;
                spaces(t, pad);
                t << " = ";
                if (layout.empty())
                    t << name(u.roles[0]);
                else
                    t << layout;
                t << tail;
            };
            if (r.role_count == 0 || !can) {
                t << "  # ";
                safe(t, r.pattern);
                spaces(t, pad);
                if (r.role_count != 0) {
                    t << " = " << name(r.roles[0]) << " (the grammar cannot hold this name)\n";
                    continue;
                }
                t << " = ?";
                for (unsigned k = 0; k < role_count; ++k)
                    if ((r.candidates >> k & 1) != 0) t << " " << name(static_cast<role>(k));
                t << "  (" << (r.why.empty() ? std::string_view("nothing known") : r.why) << ")\n";
                continue;
            }
            bool part = r.pattern.size() > 6 && r.pattern.substr(r.pattern.size() - 6) == "{part}";
            if (r.order_open) {
                t << "  # which rows are whose cannot be seen; one of\n";
                line("  # ", r.pattern, r.layout, "\n");
                line("  # ", r.pattern, r.other_layout, "\n");
                continue;
            }
            if (u.is_bias && !part) {
                if (u.role_count == 1) {
                    line("  ", r.pattern, {}, ".bias also\n");
                } else {
                    line("  # the grammar has no bias of fused roles: ", r.pattern, r.layout, "\n");
                }
                continue;
            }
            line("  ", r.pattern, r.layout, "");
            if (part && u.is_bias) t << " also";
            t << "  # ";
            bool any = false;
            auto by = [&](unsigned e, const char* what, std::string_view more) {
                if ((u.by & e) == 0) return;
                t << (any ? ", " : "") << what;
                if (!more.empty()) t << " " << more;
                any = true;
            };
            by(word_, "word", r.words);
            by(shape_, "shape", {});
            by(elimination_, "elimination", {});
            t << "\n";
            if (!part && u.bias != none && u.weight != none) {
                if (u.role_count == 1)
                    line("  ", patterns_[u.bias].text, {}, ".bias also\n");
                else
                    line("  # the grammar has no bias of fused roles: ", patterns_[u.bias].text,
                         r.layout, "\n");
            }
        }
        return t.ok() && keep(out_.table_, t.view());
    }
    static void safe(detail::text_writer& t, std::string_view s) noexcept {
        for (char c : s)
            t << ((static_cast<unsigned char>(c) < ' ' || c == 0x7f) ? std::string_view("?")
                                                                     : std::string_view(&c, 1));
    }
    static bool is_norm(role r) noexcept {
        return r == role::attn_norm || r == role::ffn_norm || r == role::output_norm ||
               r == role::attn_post_norm || r == role::ffn_post_norm;
    }

    static constexpr std::size_t most_skeletons = 2000;

    const hparams* h_;
    infer_options options_;
    std::size_t names_ = 0;
    detail::arena memory_;
    detail::growing<member> members_;
    detail::growing<skeleton> skeletons_;
    detail::growing<pattern> patterns_;
    detail::growing<unit> units_;
    detail::puzzle_sizes sizes_;
    std::uint64_t x_ = 0;
    inference out_;
};

/// Infers what names mean that no convention knows. `h` may be null, or say nothing. Errors:
/// out_of_memory; that nothing was found is no error: `complete()` and `rows()` say so.
inline result<inference> infer(span<const named_shape> list, const hparams* h = nullptr,
                               const infer_options& options = {}) noexcept {
    return name_reader(h, options)(
        list.size(), [&](std::size_t i) { return list[i].name; },
        [&](std::size_t i) { return list[i].shape; });
}
inline result<inference> infer(const tensor_list& list, const hparams* h = nullptr,
                               const infer_options& options = {}) noexcept {
    return name_reader(h, options)(
        list.size(), [&](std::size_t i) { return list[i].name(); },
        [&](std::size_t i) { return list[i].shape(); });
}

AKA_END

#endif  // AKA_INFER_HPP
