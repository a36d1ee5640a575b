// aka: which norm of a layer is which: before or after, attention's or the feed-forward's, or of q
// and k.
#ifndef AKA_INFER_NORMS_HPP
#define AKA_INFER_NORMS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config.hpp"
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
            if ((w & (about::recurrent | about::side)) != 0 || low_rank(w)) continue;
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

  private:
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
    static void number_two(name_unit* const* list, role* given) noexcept {
        std::uint32_t a = list[0]->number, b = list[1]->number;
        if (a == nothing || b == nothing || (a != b + 1 && b != a + 1)) return;
        for (unsigned i = 0; i < 2; ++i)
            if ((list[i]->words() & about::norm) == 0) return;
        std::string_view x = list[0]->stem, y = list[1]->stem;
        if (x.size() != y.size()) return;
        unsigned differ = 0;
        for (std::size_t i = 0; i < x.size(); ++i) differ += x[i] != y[i] ? 1 : 0;
        if (differ != 1) return;
        given[a < b ? 0 : 1] = role::attn_norm;
        given[a < b ? 1 : 0] = role::ffn_norm;
    }

    unknown_names& in_;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_NORMS_HPP
