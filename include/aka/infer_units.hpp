// aka: patterns to units, a weight with its bias and other parts, and what the words in a unit's
// name say. The stages that follow give each unit its role.
#ifndef AKA_INFER_UNITS_HPP
#define AKA_INFER_UNITS_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "fold.hpp"
#include "hparams.hpp"
#include "infer_layers.hpp"
#include "infer_puzzle.hpp"
#include "infer_words.hpp"
#include "inference.hpp"
#include "parts.hpp"
#include "role_set.hpp"
#include "roles.hpp"
#include "shape.hpp"

AKA_BEGIN
namespace detail {

// What a role rests on: a set, as in `evidence`.
inline constexpr auto by_shape = static_cast<unsigned>(evidence::shape);
inline constexpr auto by_word = static_cast<unsigned>(evidence::word);
inline constexpr auto by_elimination = static_cast<unsigned>(evidence::elimination);

/// A weight with its bias and other parts.
struct name_unit {
    std::string_view stem;  // pattern without what the part is called
    std::uint32_t weight = nothing, bias = nothing;
    std::uint32_t tensors = 0;
    bool has_part = false, side = false;  // side: quantisers' parts, so shapes mean less
    std::uint32_t sure = 0, likely = 0, letters = 0;
    std::uint32_t number = nothing;  // the last that is no hole
    bool layered = false, expert = false, tower = false, low_rank = false;
    aka::shape shape;
    std::uint32_t low = nothing, high = 0;

    role roles[inferred_row::most_roles] = {};
    std::uint8_t role_count = 0;
    std::uint32_t is = 0;  // one of `matrix`; 0: none, or not known
    width wide = width::dense;
    bool turned = false, is_bias = false, drop = false;
    unsigned by = 0;
    std::uint64_t candidates = 0;
    const char* why = nullptr;

    std::uint32_t words() const noexcept { return sure | likely; }
    bool in_layer() const noexcept { return layered && !tower; }
    void give(role r, unsigned on) noexcept {
        roles[0] = r;
        role_count = 1;
        by = on;
        candidates = 0;
        why = nullptr;
    }
    void leave_open(std::uint32_t found, width w) noexcept {
        for (std::uint32_t m = 1; m < matrix::all; m <<= 1) {
            role r[3];
            if ((found & m) == 0) continue;
            unsigned c = roles_of(m, w, r);
            for (unsigned i = 0; i < c; ++i) candidates |= bit(r[i]);
        }
        constexpr std::uint32_t of_matrices = about::query | about::key | about::value |
                                              about::out | about::gate | about::up | about::down;
        if (shape.rank() == 0 && found != 0 && (words() & of_matrices) == 0)
            candidates |= bit(role::attn_norm) | bit(role::ffn_norm) | bit(role::attn_post_norm) |
                          bit(role::ffn_post_norm) | bit(role::attn_q_norm) |
                          bit(role::attn_k_norm);
        why = found == 0 ? "words and shapes say nothing, or contradict each other"
                         : "neither words nor shapes decide";
    }
    void take(std::uint32_t m, width w, bool is_turned, unsigned on) noexcept {
        is = m;
        wide = w;
        turned = is_turned;
        role_count = static_cast<std::uint8_t>(roles_of(m, w, roles));
        by = on;
        candidates = 0;
        why = nullptr;
    }
};

/// All that is known of a list of names, from stage to stage.
struct unknown_names {
    const hparams* h = nullptr;
    infer_options options;
    arena memory;
    growing<name_pattern> patterns;
    growing<name_unit> units;
    puzzle_sizes sizes;
    std::uint64_t n_layer = 0, n_expert = 0, n_embd = 0;

    std::string_view name_of(const name_unit& u) const noexcept {
        if (u.weight != nothing) return patterns[u.weight].text;
        if (u.bias != nothing) return patterns[u.bias].text;
        return u.stem;
    }
};

/// Makes units from patterns. False: there is no memory.
class unit_maker {
  public:
    explicit unit_maker(unknown_names& in) noexcept : in_(in) {}
    bool run() noexcept {
        if (!make()) return false;
        marry_biases();
        return read_words();
    }

  private:
    // The name without its last word, when that says this.
    static std::string_view cut_word(std::string_view s, std::uint32_t what) noexcept {
        std::string_view last;
        std::uint32_t is = 0;
        each_word(s, [&](std::string_view w, std::string_view lower) {
            last = w;
            is = find_word(lower);
        });
        if (last.empty() || last.data() + last.size() != s.data() + s.size() || (is & what) == 0 ||
            last.size() == s.size())
            return {};
        return s.substr(0, s.size() - last.size());
    }
    bool make() noexcept {
        growing<std::string_view> stems;
        if (!stems.resize(in_.patterns.size())) return false;
        enum kind : char { weight, bias, side };
        growing<char> kinds, parts;
        if (!kinds.resize(in_.patterns.size()) || !parts.resize(in_.patterns.size())) return false;
        // MLX: scales and biases beside quantised weights. Biases without scales are biases.
        bool scales = false;
        for (const name_pattern& p : in_.patterns)
            scales = scales || (p.text.size() > 6 && p.text.substr(p.text.size() - 6) == "scales");
        for (std::uint32_t i = 0; i < in_.patterns.size(); ++i) {
            std::string_view s = in_.patterns[i].text, rest, part;
            each_part(s, [&](std::string_view r, std::string_view p) {
                bool plain = p == "weight" || p == "bias";
                bool sure = find_part(p)->kind != part_kind::block_scale || p != "scale";
                if (sure && (part.empty() || (part != "weight" && part != "bias") || !plain)) {
                    if (part == "weight" && p == "q_weight") return;
                    rest = r;
                    part = p;
                }
            });
            if (part == "biases" && !scales) part = {};
            kinds[i] = weight;
            stems[i] = s;
            if (!part.empty()) {
                stems[i] = rest;
                parts[i] = 1;
                kinds[i] = part == "weight" ? weight : part == "bias" ? bias : side;
                continue;
            }
            // What has two dimensions is no bias, whatever it is called: `proj_b`.
            bool matrix = in_.patterns[i].shape.rank() > 1;
            std::string_view cut = matrix ? std::string_view() : cut_word(s, about::bias);
            if (!cut.empty()) {
                kinds[i] = bias;
            } else {
                cut = cut_word(s, about::weight);
            }
            // `kernel` is what is left of the name: the weight of what stands before it.
            if (!cut.empty() && !is_letter(cut.back())) stems[i] = cut;
        }
        growing<std::uint32_t> firsts;
        if (!first_of_equals(stems, firsts)) return false;
        growing<std::uint32_t> at;
        if (!at.resize(in_.patterns.size())) return false;
        for (std::uint32_t i = 0; i < in_.patterns.size(); ++i) {
            std::uint32_t first = firsts[i];
            bool own = first == i;
            std::uint32_t to = own ? nothing : at[first];
            // Two weights on one stem are two things.
            if (!own && kinds[i] == weight && in_.units[to].weight != nothing) own = true;
            if (!own && kinds[i] == bias && in_.units[to].bias != nothing) own = true;
            const name_pattern& p = in_.patterns[i];
            if (own) {
                name_unit u;
                u.stem = stems[i];
                u.has_part = parts[i] != 0;
                u.layered = p.layered;
                u.expert = p.expert;
                u.tower = p.tower;
                to = static_cast<std::uint32_t>(in_.units.size());
                if (first == i) at[i] = to;
                if (!in_.units.push(u)) return false;
            }
            name_unit& u = in_.units[to];
            u.tensors += static_cast<std::uint32_t>(p.tensors);
            if (kinds[i] != side && parts[i] == 0) u.has_part = false;
            if (p.low < u.low) u.low = p.low;
            if (p.high > u.high) u.high = p.high;
            if (kinds[i] == weight) u.weight = i;
            if (kinds[i] == bias) u.bias = i;
            if (kinds[i] == side) u.side = true;
        }
        for (name_unit& u : in_.units) {
            if (u.weight == nothing && u.side) {
                // qweight and its like: a weight whose shape says nothing here
            } else if (u.weight == nothing && u.bias != nothing) {
                u.is_bias = true;
                u.shape = in_.patterns[u.bias].shape;
            } else if (u.weight != nothing && !u.side && !in_.patterns[u.weight].mixed) {
                u.shape = in_.patterns[u.weight].shape;
            }
        }
        return true;
    }
    static bool is_letter(char c) noexcept {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }

    // Names that do not fold are thousands of units; comparing each with each would take minutes.
    static constexpr std::size_t most_compared = 400;

    // `b_q` is the bias of `w_q`: names that are the same but for a word for weights and one for
    // biases, and a vector as long as one side of the matrix.
    void marry_biases() noexcept {
        if (in_.units.size() > most_compared) return;
        for (name_unit& b : in_.units) {
            if (b.side || (b.weight != nothing && b.bias != nothing)) continue;
            std::uint32_t at = b.weight != nothing ? b.weight : b.bias;
            if (at == nothing || b.shape.rank() > 1) continue;
            for (name_unit& m : in_.units) {
                if (m.weight == nothing || m.bias != nothing || m.side || m.tensors == 0 ||
                    m.layered != b.layered || m.expert != b.expert || m.tower != b.tower)
                    continue;
                std::uint32_t r = m.shape.rank(), n = b.shape.rank();
                if ((r < 2) != (n == 0) || r > 2) continue;
                if (n == 1 && b.shape[0] != m.shape[0] && b.shape[0] != m.shape[1]) continue;
                if (!twins(in_.patterns[m.weight].text, in_.patterns[at].text, n == 1)) continue;
                m.bias = at;
                m.has_part = false;
                m.tensors += b.tensors;
                b.tensors = 0;
                break;
            }
        }
        std::size_t kept = 0;
        for (name_unit& u : in_.units)
            if (u.tensors != 0) in_.units[kept++] = u;
        if (kept < in_.units.size()) (void)in_.units.resize(kept);
    }
    static bool twins(std::string_view w, std::string_view b, bool sized) noexcept {
        std::size_t from = 0, most = w.size() < b.size() ? w.size() : b.size(), back = 0;
        while (from < most && w[from] == b[from]) ++from;
        while (back < most - from && w[w.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
        // The words that differ, or the letters: `weights` and `biases`, `wq` and `bq`.
        for (int whole = 0; whole < 2; ++whole) {
            std::string_view x = w.substr(from, w.size() - from - back);
            std::string_view y = b.substr(from, b.size() - from - back);
            if ((about_word(x) & about::weight) != 0 && (about_word(y) & about::bias) != 0 &&
                (sized || y.size() > 1))
                return true;
            while (from > 0 && is_letter(w[from - 1])) --from;
            while (back > 0 && is_letter(w[w.size() - back])) --back;
        }
        return false;
    }
    // Of words that say nothing else: `weight_matrix`, `bias_vector`.
    static std::uint32_t about_word(std::string_view s) noexcept {
        constexpr std::uint32_t may = about::weight | about::bias | about::plain | about::low_rank;
        std::uint32_t all = 0;
        each_word(s, [&](std::string_view, std::string_view w) { all |= find_word(w); });
        return (all & ~may) != 0 ? 0 : all;
    }
    // Whether a word of this name stands in a module of several matrices: it says what the module
    // is, and not which of them. `word` is in `name`.
    bool of_module(std::string_view name, std::string_view word) const noexcept {
        std::size_t end = static_cast<std::size_t>(word.data() - name.data()) + word.size();
        while (end < name.size() && !is_separator(name[end])) ++end;
        if (end == name.size() || in_.units.size() > most_compared) return false;
        std::string_view front = name.substr(0, end + 1);
        unsigned matrices = 0;
        for (const name_unit& u : in_.units) {
            if (u.shape.rank() == 1 || u.stem.size() <= front.size() ||
                u.stem.substr(0, front.size()) != front)
                continue;
            std::uint32_t rest = 0;
            if (u.shape.rank() == 0)
                each_word(u.stem.substr(front.size()),
                          [&](std::string_view, std::string_view w) { rest |= find_word(w); });
            matrices += (rest & about::norm) == 0 ? 1 : 0;
        }
        return matrices > 1;
    }

    // What the words say. Words that every layer's name has say nothing.
    bool read_words() noexcept {
        constexpr unsigned most = 16;
        struct common {
            char text[32];
            std::uint8_t size;
        } all[2][most];
        unsigned left[2] = {}, seen[2] = {};
        for (const name_unit& u : in_.units) {
            if (u.tower) continue;
            unsigned where = u.layered ? 1 : 0, kept = 0;
            if (seen[where]++ == 0) {
                each_word(in_.name_of(u), [&](std::string_view, std::string_view w) {
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
                each_word(in_.name_of(u), [&](std::string_view, std::string_view w) {
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
        for (name_unit& u : in_.units) {
            std::string_view n = in_.name_of(u);
            // The word that says "weight" is not part of the name proper.
            if (u.weight != nothing && n.size() > u.stem.size()) n = u.stem;
            unsigned where = u.layered ? 1 : 0;
            std::uint32_t all_words = 0, last = 0;
            each_word(n, [&](std::string_view s, std::string_view w) {
                for (unsigned i = 0; i < left[where]; ++i)
                    if (w == std::string_view(all[where][i].text, all[where][i].size)) return;
                if (is_digit(w[0])) {
                    u.number = 0;
                    for (char c : w.substr(0, 8))
                        u.number = u.number * 10 + static_cast<std::uint32_t>(c - '0');
                    return;
                }
                word_meaning m = meaning_of(w);
                constexpr std::uint32_t of_matrices = about::query | about::key | about::value |
                                                      about::out | about::gate | about::up |
                                                      about::down;
                // `q_a` is of low rank; `a_q` is q of a module that is called a.
                if (w.size() == 1 && (last & (of_matrices | about::adapter)) == 0)
                    m.sure &= ~std::uint32_t{about::low_rank};
                last = m.sure | m.likely;
                all_words |= last;
                if (((m.sure | m.likely) & of_matrices) != 0 && of_module(n, s)) {
                    m.sure &= ~of_matrices;
                    m.likely &= ~of_matrices;
                    m.letters = 0;
                }
                u.sure |= m.sure & ~m.letters;
                u.letters |= m.letters;
                u.likely |= m.likely;
            });
            u.low_rank = low_rank(all_words);
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
        for (name_unit& u : in_.units) u.sure |= u.letters & valid;
        return true;
    }

    unknown_names& in_;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_UNITS_HPP
