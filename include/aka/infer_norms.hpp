// aka: which norm of a layer is which: before or after, attention's or the feed-forward's, or of q
// and k.
#ifndef AKA_INFER_NORMS_HPP
#define AKA_INFER_NORMS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config.hpp"
#include "infer_puzzle.hpp"
#include "infer_units.hpp"
#include "infer_words.hpp"
#include "role_set.hpp"
#include "roles.hpp"

AKA_BEGIN
namespace detail {

class norm_stage {
  public:
    explicit norm_stage(unknown_names& in) noexcept : in_(in) {}
    void run() noexcept {
        constexpr unsigned most = 8;
        name_unit* list[most];
        unsigned n = 0;
        bool too_many = false;
        for (name_unit& u : in_.units) {
            if (!u.in_layer() || u.is_bias || u.drop || u.expert) continue;
            std::uint32_t w = u.words();
            if ((w & (about::recurrent | about::side)) != 0 || u.low_rank) continue;
            bool vector = u.shape.rank() == 1;
            if (u.shape.rank() > 1 && (u.shape.rank() > 2 || (w & about::norm) == 0)) continue;
            if (u.shape.rank() == 0 && (w & about::norm) == 0) continue;
            bool q = (w & about::query) != 0, k = (w & about::key) != 0;
            if ((q != k) && (w & about::norm) != 0 && (w & about::value) == 0) {
                u.candidates = bit(role::attn_q_norm) | bit(role::attn_k_norm);
                u.give(q ? role::attn_q_norm : role::attn_k_norm,
                       by_word | (vector ? by_shape : 0));
                continue;
            }
            if (u.shape.rank() > 1) continue;
            if (vector && (u.shape[0] != in_.sizes.x || in_.sizes.x == 0)) {
                if (patterns_with_norm(u))
                    u.candidates = bit(role::attn_q_norm) | bit(role::attn_k_norm);
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
                    list[open]->by |= by_elimination;
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
            name_unit& u = *list[i];
            unsigned by = u.by | (u.shape.rank() == 1 ? by_shape : 0) |
                          ((u.by & by_elimination) == 0 ? by_word : 0);
            u.by = 0;
            if (all && !twice) {
                u.give(given[i], by);
                continue;
            }
            u.why = "the names do not say which norm it is";
            u.candidates = bit(role::attn_norm) | bit(role::ffn_norm);
            if (n > 2) u.candidates |= bit(role::attn_post_norm) | bit(role::ffn_post_norm);
        }
    }

    /// When matrices have their roles: two norms that are still open, by the modules in which they
    /// stand.
    void by_place() noexcept {
        name_unit* open[2] = {};
        unsigned n = 0;
        for (name_unit& u : in_.units) {
            if (!u.in_layer()) continue;
            for (unsigned i = 0; i < u.role_count; ++i)
                if (!u.is_bias && (u.roles[i] == role::attn_norm || u.roles[i] == role::ffn_norm))
                    return;
            if (u.role_count != 0 || (u.candidates & bit(role::attn_norm)) == 0) continue;
            if (n == 2 || u.is_bias || (u.words() & about::after) != 0 || u.shape.rank() > 1)
                return;
            open[n++] = &u;
        }
        if (n != 2) return;
        unsigned a = place_of(*open[0]), b = place_of(*open[1]);
        if (a == 3 || b == 3 || a == b) return;
        bool turned = a == 2 || b == 1;
        open[turned ? 1 : 0]->give(role::attn_norm, by_shape | by_word);
        open[turned ? 0 : 1]->give(role::ffn_norm, by_shape | by_word);
    }

  private:
    // Words that every matrix of attention (or every one of the feed-forward) has: what the module
    // is called.
    bool names_module(std::string_view word, bool attention) const noexcept {
        unsigned n = 0;
        for (const name_unit& u : in_.units) {
            constexpr std::uint32_t forward = matrix::of_feed_forward;
            if (u.role_count == 0 || u.is_bias ||
                (u.is & (attention ? std::uint32_t{matrix::of_attention} : forward)) == 0)
                continue;
            bool there = false;
            each_word(in_.name_of(u), [&](std::string_view, std::string_view w) {
                there = there || w == word ||
                        (word.size() <= 3 && w.size() > word.size() &&
                         w.substr(0, word.size()) == word);
            });
            if (!there) return false;
            ++n;
        }
        return n >= 2;
    }
    // 1: beside attention; 2: beside the feed-forward; 3: both; 0: not to be seen.
    unsigned place_of(const name_unit& u) const noexcept {
        unsigned at = 0;
        each_word(in_.name_of(u), [&](std::string_view, std::string_view w) {
            // `an`, `ln_f`: what is left without a word for norms
            if (w.size() > 1 && w.size() <= 4 && w.back() == 'n') {
                std::string_view rest = w.substr(0, w.size() - 1);
                if (rest.size() > 1 && rest.back() == 'l') rest.remove_suffix(1);
                if (find_word(w) == 0) w = rest;
            }
            if ((find_word(w) & (about::norm | about::weight | about::layer)) != 0) return;
            bool a = names_module(w, true), f = names_module(w, false);
            if (a != f) at |= a ? 1 : 2;
        });
        return at;
    }
    // Whether the layers' matrices are called by words. Where they are only numbered, in whatever
    // order, numbers of norms say nothing either.
    bool words_for_matrices() const noexcept {
        std::uint32_t said = 0;
        for (const name_unit& u : in_.units)
            if (u.in_layer() && u.shape.rank() != 1) said |= u.words();
        constexpr std::uint32_t kinds[] = {about::query, about::key,      about::value,
                                           about::out,   about::gate,     about::down,
                                           about::up,    about::attention};
        unsigned n = 0;
        for (std::uint32_t k : kinds) n += (said & k) != 0 ? 1 : 0;
        return n >= 3 || (said & (about::attention | about::feed_forward)) != 0;
    }
    static bool patterns_with_norm(const name_unit& u) noexcept {
        return (u.words() & about::norm) != 0;
    }
    static role of_two(bool attention, bool feed_forward, bool pre, bool post) noexcept {
        if (pre && post) return role::none;
        if (attention && feed_forward) return role::none;
        if (post) return role::ffn_norm;  // after attention, or after what comes first
        if (feed_forward) return role::ffn_norm;
        if (attention || pre) return role::attn_norm;
        return role::none;
    }
    void number_two(name_unit* const* list, role* given) const noexcept {
        if (!words_for_matrices()) return;
        std::uint32_t a = list[0]->number, b = list[1]->number;
        if (a == nothing || b == nothing || (a != b + 1 && b != a + 1)) return;
        std::string_view x = list[0]->stem, y = list[1]->stem;
        if (x.size() != y.size()) return;
        unsigned differ = 0;
        std::size_t at = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
            if (x[i] != y[i]) at = i, ++differ;
        if (differ != 1) return;
        for (unsigned i = 0; i < 2; ++i) {
            // `n1` of a vector as wide as the model
            bool n = list[i]->shape.rank() == 1 && at > 0 && (x[at - 1] == 'n' || x[at - 1] == 'N');
            if ((list[i]->words() & about::norm) == 0 && !n) return;
        }
        given[a < b ? 0 : 1] = role::attn_norm;
        given[a < b ? 1 : 0] = role::ffn_norm;
    }

    unknown_names& in_;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_NORMS_HPP
