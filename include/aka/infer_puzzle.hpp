// aka: which matrix of a block is which, from sizes and what words allow: all ways to put them
// into their places. What is the same in every way is certain.
#ifndef AKA_INFER_PUZZLE_HPP
#define AKA_INFER_PUZZLE_HPP

#include <cstddef>
#include <cstdint>

#include "config.hpp"
#include "roles.hpp"
#include "span.hpp"

AKA_BEGIN
namespace detail {

/// What a matrix of a layer may be; a set.
namespace matrix {
enum : std::uint32_t {
    q = 1,
    k = 2,
    v = 4,
    o = 8,
    qkv = 16,
    kv = 32,
    gate = 64,
    up = 128,
    down = 256,
    gate_up = 512,
    router = 1024,
};
inline constexpr unsigned count = 11;
inline constexpr std::uint32_t of_attention = q | k | v | o | qkv | kv;
inline constexpr std::uint32_t of_feed_forward = gate | up | down | gate_up;
inline constexpr std::uint32_t all = (1u << count) - 1;
}  // namespace matrix

/// Which of the three feed-forwards.
enum class width : std::uint8_t { dense, experts, shared };

inline unsigned roles_of(std::uint32_t m, width w, role* out) noexcept {
    constexpr role gates[] = {role::ffn_gate, role::ffn_gate_exps, role::ffn_gate_shexp};
    constexpr role ups[] = {role::ffn_up, role::ffn_up_exps, role::ffn_up_shexp};
    constexpr role downs[] = {role::ffn_down, role::ffn_down_exps, role::ffn_down_shexp};
    auto i = static_cast<unsigned>(w);
    switch (m) {
        case matrix::q:
            return out[0] = role::attn_q, 1;
        case matrix::k:
            return out[0] = role::attn_k, 1;
        case matrix::v:
            return out[0] = role::attn_v, 1;
        case matrix::o:
            return out[0] = role::attn_output, 1;
        case matrix::qkv:
            return out[0] = role::attn_q, out[1] = role::attn_k, out[2] = role::attn_v, 3;
        case matrix::kv:
            return out[0] = role::attn_k, out[1] = role::attn_v, 2;
        case matrix::gate:
            return out[0] = gates[i], 1;
        case matrix::up:
            return out[0] = ups[i], 1;
        case matrix::down:
            return out[0] = downs[i], 1;
        case matrix::gate_up:
            return out[0] = gates[i], out[1] = ups[i], 2;
        case matrix::router:
            return out[0] = role::ffn_gate_inp, 1;
        default:
            return 0;
    }
}

/// One matrix in a puzzle: sizes (0: not known) and what its words allow.
struct puzzle_piece {
    std::uint64_t rows = 0, columns = 0;
    std::uint32_t allowed = matrix::all;
    std::uint32_t found = 0;        // over all solutions
    std::uint8_t found_turned = 0;  // 1: as usual, 2: transposed
};
/// What is known of the sizes; 0: nothing.
struct puzzle_sizes {
    std::uint64_t x = 0, q = 0, k = 0, f = 0, e = 0;
};

/// Puts matrices into the places that a block has, in every way that shapes and words allow. What
/// is the same in every way is certain.
class puzzle {
  public:
    puzzle(span<puzzle_piece> pieces, const puzzle_sizes& sizes) noexcept
        : pieces_(pieces), known_(sizes) {}

    /// `sets`: the places, a set of matrices each. False: there is no way at all, or too many.
    bool solve(span<const std::uint32_t> sets) noexcept {
        steps_ = 0;
        solved_ = false;
        bool sized = false;
        for (puzzle_piece& p : pieces_) {
            p.found = 0;
            p.found_turned = 0;
            sized = sized || p.rows != 0;
        }
        for (std::uint32_t set : sets) {
            if (bits(set) != pieces_.size()) continue;
            for (int turned = 0; turned < (sized ? 2 : 1); ++turned) {
                turned_ = turned != 0;
                if (!place(0, set, known_, 0)) return false;
            }
        }
        return solved_;
    }
    static unsigned bits(std::uint32_t set) noexcept {
        unsigned n = 0;
        for (; set != 0; set &= set - 1) ++n;
        return n;
    }

  private:
    static bool fit(std::uint64_t& known, std::uint64_t n) noexcept {
        if (known == 0) known = n;
        return known == n;
    }
    // `fused`: the rows of a fused qkv, judged when the rest stands.
    bool fits(std::uint32_t m, const puzzle_piece& p, puzzle_sizes& s,
              std::uint64_t& fused) const noexcept {
        if (p.rows == 0) return true;
        std::uint64_t r = turned_ ? p.columns : p.rows, c = turned_ ? p.rows : p.columns;
        switch (m) {
            case matrix::q:
                return fit(s.x, c) && fit(s.q, r);
            case matrix::k:
            case matrix::v:
                return fit(s.x, c) && fit(s.k, r);
            case matrix::o:
                return fit(s.x, r) && fit(s.q, c);
            case matrix::qkv:
                return fused = r, fit(s.x, c);
            case matrix::kv:
                return r % 2 == 0 && fit(s.x, c) && fit(s.k, r / 2);
            case matrix::gate:
            case matrix::up:
                return fit(s.x, c) && fit(s.f, r);
            case matrix::down:
                return fit(s.x, r) && fit(s.f, c);
            case matrix::gate_up:
                return r % 2 == 0 && fit(s.x, c) && fit(s.f, r / 2);
            case matrix::router:
                return fit(s.x, c) && fit(s.e, r);
            default:
                return false;
        }
    }
    bool good(puzzle_sizes s, std::uint64_t fused) const noexcept {
        if (fused != 0 && s.q != 0) {
            if (fused <= s.q || (fused - s.q) % 2 != 0 || !fit(s.k, (fused - s.q) / 2))
                return false;
        }
        return s.q == 0 || s.k == 0 || (s.k <= s.q && s.q % s.k == 0);
    }
    // False: too many steps.
    bool place(std::size_t at, std::uint32_t left, const puzzle_sizes& sizes,
               std::uint64_t fused) noexcept {
        if (++steps_ > most_steps) return false;
        if (at == pieces_.size()) {
            if (!good(sizes, fused)) return true;
            solved_ = true;
            for (std::size_t i = 0; i < at; ++i) {
                pieces_[i].found |= now_[i];
                pieces_[i].found_turned |= turned_ ? std::uint8_t{2} : std::uint8_t{1};
            }
            return true;
        }
        for (std::uint32_t m = 1; m <= left; m <<= 1) {
            if ((left & m & pieces_[at].allowed) == 0) continue;
            puzzle_sizes s = sizes;
            std::uint64_t f = fused;
            if (!fits(m, pieces_[at], s, f)) continue;
            now_[at] = m;
            if (!place(at + 1, left & ~m, s, f)) return false;
        }
        return true;
    }

    static constexpr std::size_t most_steps = 400000;
    span<puzzle_piece> pieces_;
    puzzle_sizes known_;
    std::uint32_t now_[16] = {};
    std::size_t steps_ = 0;
    bool turned_ = false, solved_ = false;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_PUZZLE_HPP
