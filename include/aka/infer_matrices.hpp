// aka: which matrix of a layer is which: the puzzle of sizes, with what the words in the names
// allow. Biases whose names stand alone follow their matrices.
#ifndef AKA_INFER_MATRICES_HPP
#define AKA_INFER_MATRICES_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config.hpp"
#include "fold.hpp"
#include "infer_puzzle.hpp"
#include "infer_units.hpp"
#include "infer_words.hpp"
#include "roles.hpp"
#include "span.hpp"

AKA_BEGIN
namespace detail {

class matrix_stage {
  public:
    explicit matrix_stage(unknown_names& in) noexcept : in_(in) {}
    void run() noexcept {
        assign_matrices();
        assign_biases();
    }

  private:
    enum class group : std::uint8_t { none, main, experts, shared };

    static std::uint32_t allowed(std::uint32_t w, group g, bool experts) noexcept {
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

    group group_of(const name_unit& u) const noexcept {
        if (!u.in_layer() || u.is_bias || u.drop || u.role_count != 0) return group::none;
        std::uint32_t w = u.words();
        if ((w & (about::recurrent | about::position | about::tower)) != 0) return group::none;
        if ((w & about::rotary) != 0 && u.shape.rank() < 2) return group::none;
        if ((u.sure & about::side) != 0) return group::none;
        if (linear_attention(u.stem)) return group::none;
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

    void assign_matrices() noexcept {
        constexpr std::uint32_t split = matrix::q | matrix::k | matrix::v | matrix::o;
        constexpr std::uint32_t attention[] = {split, matrix::qkv | matrix::o,
                                               matrix::q | matrix::kv | matrix::o};
        constexpr std::uint32_t forward[] = {matrix::gate | matrix::up | matrix::down,
                                             matrix::gate_up | matrix::down,
                                             matrix::up | matrix::down};
        bool experts = false;
        for (const name_unit& u : in_.units) experts = experts || group_of(u) == group::experts;
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

    void solve(group g, width wide, span<const std::uint32_t> sets, bool experts) noexcept {
        constexpr unsigned most = 16;
        name_unit* list[most];
        unsigned n = 0;
        bool too_many = false;
        for (name_unit& u : in_.units) {
            if (group_of(u) != g) continue;
            if (n == most)
                too_many = true;
            else
                list[n++] = &u;
        }
        if (n == 0) return;
        if (too_many) {
            for (name_unit& u : in_.units)
                if (group_of(u) == g) u.why = "too many matrices in a layer";
            return;
        }
        puzzle_sizes sizes = in_.sizes;
        if (g != group::main) sizes.q = sizes.k = 0;
        puzzle_piece blank[most], piece[most];
        std::uint32_t sure[most], likely[most];
        bool odd = false;
        for (unsigned i = 0; i < n; ++i) {
            const name_unit& u = *list[i];
            std::uint32_t r = u.shape.rank();
            if (r >= 2) {
                blank[i].rows = u.shape[r - 2];
                blank[i].columns = u.shape[r - 1];
            }
            if (!experts) blank[i].allowed &= ~std::uint32_t{matrix::router};
            sure[i] = allowed(contrast(list, n, u.sure), g, experts) & blank[i].allowed;
            likely[i] = allowed(contrast(list, n, u.words()), g, experts) & blank[i].allowed;
            if (u.low_rank) sure[i] = likely[i] = 0, odd = true;
            if ((u.sure & about::dense_word) != 0) odd_fc(list, n, i, sure, likely);
            piece[i] = blank[i];
        }
        schemes(list, n, likely);
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
        // Words that contradict each other in one half of a block say nothing about the other half:
        // that half is read by shapes alone.
        std::uint32_t half[most];
        for (std::uint32_t of : {std::uint32_t{matrix::of_feed_forward | matrix::router},
                                 std::uint32_t{matrix::of_attention}}) {
            if (whole || odd || g != group::main || !shapes_known(list, n)) break;
            unsigned others = 0;
            for (unsigned i = 0; i < n; ++i) {
                bool in = sure[i] != 0 ? (sure[i] & ~of) == 0 : half_of(*list[i], of);
                half[i] = in ? of & blank[i].allowed : sure[i];
                others += !in && puzzle::bits(sure[i]) == 1 ? 1 : 0;
            }
            if (others >= 2) words = half, whole = with(half);
        }
        // Without shapes a name that says nothing may be a norm: only where these are known can it
        // be the matrix that is left.
        bool norms = false;
        for (const name_unit& u : in_.units)
            norms = norms || (u.in_layer() && u.role_count == 1 && u.roles[0] == role::ffn_norm);
        if (whole) {
            for (unsigned i = 0; i < n; ++i) {
                name_unit& u = *list[i];
                bool one = puzzle::bits(piece[i].found) == 1 && piece[i].found_turned != 3;
                if (!one || (blank[i].rows == 0 && !norms && words[i] == piece_all(experts, g))) {
                    u.leave_open(piece[i].found, wide);
                    continue;
                }
                unsigned by = 0;
                if (puzzle::bits(words[i]) == 1) by |= by_word;
                if (puzzle::bits(blank[i].found) == 1) by |= by_shape;
                if (by == 0) {
                    by = by_elimination;
                    if (words[i] != piece_all(experts, g)) by |= by_word;
                    if (blank[i].rows != 0) by |= by_shape;
                }
                u.take(piece[i].found, wide, piece[i].found_turned == 2, by);
            }
            return;
        }
        // The layer does not look like a whole block: only what the words themselves say.
        for (unsigned i = 0; i < n; ++i) {
            name_unit& u = *list[i];
            std::uint32_t m = sure[i];
            bool one = puzzle::bits(m) == 1;
            for (unsigned j = 0; j < n; ++j) one = one && (j == i || sure[j] != m);
            if (one && blank[i].rows != 0) {
                puzzle_piece p = blank[i];
                p.allowed = m;
                puzzle_sizes s = sizes;
                one = in_.sizes.x != 0 && puzzle({&p, 1}, s).solve({&m, 1}) && p.found_turned == 1;
            }
            // In a layer that is no whole block, the words of q, k, v and o are too little.
            if (one && shapes_known(list, n)) one = false;
            if (one)
                u.take(m, wide, false, by_word);
            else
                u.leave_open(m == piece_all(experts, g) ? 0 : m, wide);
            if (u.role_count == 0 && u.why == nullptr)
                u.why = "the layer is no block that is known";
        }
    }
    // `expand_gated` beside `expand_linear`: what both say is no difference.
    static std::uint32_t contrast(name_unit* const* list, unsigned n, std::uint32_t w) noexcept {
        constexpr std::uint32_t both = about::gate | about::up;
        if ((w & both) != both) return w;
        bool gate = false, up = false;
        for (unsigned i = 0; i < n; ++i) {
            std::uint32_t o = list[i]->words() & (both | about::down);
            gate = gate || o == about::gate;
            up = up || o == about::up;
        }
        return gate == up ? w : w & ~std::uint32_t{up ? about::up : about::gate};
    }
    static bool half_of(const name_unit& u, std::uint32_t of) noexcept {
        bool a = (u.words() & about::attention) != 0, f = (u.words() & about::feed_forward) != 0;
        return a != f && a == (of == matrix::of_attention);
    }
    static bool shapes_known(name_unit* const* list, unsigned n) noexcept {
        bool all = true;
        for (unsigned i = 0; i < n; ++i) all = all && list[i]->shape.rank() != 0;
        return all && n > 0;
    }
    static std::uint32_t piece_all(bool experts, group g) noexcept {
        if (g != group::main) return matrix::of_feed_forward;
        return experts ? matrix::all : matrix::all & ~std::uint32_t{matrix::router};
    }
    // Names that are the same but for what one of these has for gate, up and down. All three.
    static void schemes(name_unit* const* list, unsigned n, std::uint32_t* likely) noexcept {
        struct scheme {
            std::string_view gate, up, down;
        };
        constexpr scheme known[] = {
            {"w1", "w3", "w2"},        // Meta
            {"wi_0", "wi_1", "wo"},    // T5 1.1 and what follows it
            {"w1", "v1", "w2"},        // the paper on GLU variants: W, V and W2
            {"fc_1", "fc_2", "proj"},  // LitGPT
            {"fc1", "fc2", "proj"},
        };
        for (const scheme& s : known) {
            for (unsigned i = 0; i < n; ++i) {
                std::string_view a = list[i]->stem;
                for (std::size_t at = 0; at + s.gate.size() <= a.size(); ++at) {
                    if (!same(a.substr(at, s.gate.size()), s.gate) ||
                        (at > 0 && (is_letter(a[at - 1]) || is_digit(a[at - 1]))))
                        continue;
                    std::string_view front = a.substr(0, at), back = a.substr(at + s.gate.size());
                    unsigned up = n, down = n;
                    for (unsigned j = 0; j < n; ++j) {
                        std::string_view b = list[j]->stem;
                        if (b.size() < front.size() + back.size() || b.substr(0, at) != front ||
                            b.substr(b.size() - back.size()) != back)
                            continue;
                        b = b.substr(at, b.size() - at - back.size());
                        if (same(b, s.up)) up = j;
                        if (same(b, s.down)) down = j;
                    }
                    if (up == n || down == n) continue;
                    // In a flat layer `proj` may be attention's.
                    bool inside = list[i]->expert || (list[i]->words() & about::feed_forward) != 0;
                    if (s.down == "proj" && !inside) continue;
                    likely[i] = matrix::gate;
                    likely[up] = matrix::up;
                    likely[down] = matrix::down;
                }
            }
        }
    }
    static bool is_letter(char c) noexcept {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    // `low` is in lower case.
    static bool same(std::string_view s, std::string_view low) noexcept {
        if (s.size() != low.size()) return false;
        for (std::size_t i = 0; i < s.size(); ++i)
            if (s[i] != low[i] && !(is_letter(s[i]) && (s[i] | 0x20) == low[i])) return false;
        return true;
    }
    // `fc` beside `gate`: in one spelling that is the gate, and `gate` is up.
    static void odd_fc(name_unit* const* list, unsigned n, unsigned fc, std::uint32_t* sure,
                       std::uint32_t* likely) noexcept {
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

    // Biases whose names stand alone: `bq`.
    void assign_biases() noexcept {
        for (name_unit& u : in_.units) {
            if (!u.in_layer() || u.role_count != 0 || u.drop || u.expert || u.shape.rank() > 1)
                continue;
            if (!u.is_bias && (u.words() & about::bias) == 0) continue;
            if ((u.words() & (about::norm | about::side | about::recurrent)) != 0) continue;
            std::uint32_t m =
                allowed(u.sure & ~std::uint32_t{about::bias | about::low_rank}, group::main, false);
            if (puzzle::bits(m) != 1) continue;
            name_unit* owner = nullptr;
            unsigned owners = 0;
            for (name_unit& o : in_.units)
                if (&o != &u && o.is == m && o.wide == width::dense && o.role_count != 0)
                    owner = &o, ++owners;
            if (owners != 1 || owner->bias != nothing) continue;
            if (u.shape.rank() == 1 && owner->shape.rank() == 2 &&
                owner->shape[owner->turned ? 1 : 0] != u.shape[0])
                continue;
            u.take(m, width::dense, false, by_word | (u.shape.rank() == 1 ? by_shape : 0));
            u.is_bias = true;
        }
    }

    unknown_names& in_;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_MATRICES_HPP
