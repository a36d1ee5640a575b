// aka: the width of the model, and what stands outside of its layers: what reads words, what writes
// them, and the last norm.
#ifndef AKA_INFER_MODEL_HPP
#define AKA_INFER_MODEL_HPP

#include <cstdint>
#include <string_view>

#include "config.hpp"
#include "hparams.hpp"
#include "infer_units.hpp"
#include "infer_words.hpp"
#include "role_set.hpp"
#include "roles.hpp"

AKA_BEGIN
namespace detail {

class model_stage {
  public:
    explicit model_stage(unknown_names& in) noexcept : in_(in) {}
    void run() noexcept {
        find_sizes();
        assign_model();
    }

  private:
    static bool says(std::string_view name, bool projection) noexcept {
        bool yes = false;
        each_word(name, [&](std::string_view, std::string_view w) {
            if (projection)
                yes = yes || w.substr(0, 4) == "proj";
            else
                yes = yes || w.substr(0, 3) == "emb" || w == "wte" || w.find("embed") != w.npos;
        });
        return yes;
    }
    void find_sizes() noexcept {
        if (in_.h != nullptr) {
            in_.sizes.x = in_.h->n_embd;
            in_.sizes.q = in_.h->layers_differ() ? 0 : in_.h->n_head * in_.h->head_dim;
            in_.sizes.k = in_.h->layers_differ() ? 0 : in_.h->n_head_kv * in_.h->head_dim;
            if (in_.h->kv_lora_rank != 0) in_.sizes.q = in_.sizes.k = 0;
        }
        if (in_.sizes.x == 0) {
            // The width that most matrices of a layer have on one side.
            unsigned best = 0;
            for (const name_unit& u : in_.units) {
                if (!u.in_layer() || u.shape.rank() < 2) continue;
                for (unsigned side = 1; side <= 2; ++side) {
                    std::uint64_t n = u.shape[u.shape.rank() - side];
                    unsigned with = 0;
                    for (const name_unit& o : in_.units) {
                        if (!o.in_layer()) continue;
                        std::uint32_t r = o.shape.rank();
                        if (r >= 2 && (o.shape[r - 1] == n || o.shape[r - 2] == n)) with += 2;
                        if (r == 1 && o.shape[0] == n) with += 1;
                    }
                    if (with > best) best = with, in_.sizes.x = n;
                }
            }
        }
        in_.n_embd = in_.sizes.x;
        // A config that contradicts the shapes is not believed here; identify reports that.
        if (in_.sizes.x != 0) {
            bool any = false, fits = false;
            for (const name_unit& u : in_.units) {
                if (!u.in_layer() || u.shape.rank() < 2) continue;
                any = true;
                fits = fits || u.shape[u.shape.rank() - 1] == in_.sizes.x ||
                       u.shape[u.shape.rank() - 2] == in_.sizes.x;
            }
            if (any && !fits) in_.sizes = {};
        }
        if (in_.h != nullptr && in_.h->n_expert != 0 && in_.n_expert == 0)
            in_.n_expert = in_.h->n_expert;
        if (in_.n_expert == 0)
            for (const name_unit& u : in_.units)
                if (u.in_layer() && u.shape.rank() == 3) in_.n_expert = u.shape[0];
        in_.sizes.e = in_.n_expert;
    }

    void assign_model() noexcept {
        name_unit *embd = nullptr, *head = nullptr, *norm = nullptr;
        unsigned embds = 0, heads = 0, norms = 0, matrices = 0, vectors = 0;
        std::uint64_t v = in_.h != nullptr ? in_.h->n_vocab : 0;
        auto candidate = [&](const name_unit& u) {
            return !u.layered && !u.tower && !u.is_bias && !u.expert &&
                   (u.words() &
                    (about::position | about::rotary | about::side | about::low_rank)) == 0;
        };
        auto matrix_like = [&](const name_unit& u) {
            if (u.shape.rank() == 0) return (u.words() & about::norm) == 0;
            return u.shape.rank() == 2 &&
                   (in_.sizes.x == 0 || u.shape[1] == in_.sizes.x || u.shape[0] == in_.sizes.x);
        };
        auto vector_like = [&](const name_unit& u) {
            if (u.shape.rank() == 0) return (u.words() & about::norm) != 0;
            return u.shape.rank() == 1 && (in_.sizes.x == 0 || u.shape[0] == in_.sizes.x);
        };
        // Where the widest matrices differ in size, only the ones with the vocabulary's count.
        for (const name_unit& u : in_.units) {
            if (!candidate(u) || u.shape.rank() != 2 || v != 0 || !matrix_like(u)) continue;
            std::uint64_t n = u.shape[1] == in_.sizes.x ? u.shape[0] : u.shape[1];
            if (n > rows_) rows_ = n;
        }
        auto wide = [&](const name_unit& u) {
            if (u.shape.rank() != 2) return u.side || u.shape.rank() == 0;
            std::uint64_t n = u.shape[1] == in_.sizes.x ? u.shape[0] : u.shape[1];
            return n >= rows_ && n > 0;
        };
        for (name_unit& u : in_.units) {
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
            for (name_unit& u : in_.units)
                if (candidate(u) && matrix_like(u) && wide(u) && u.role_count == 0) {
                    u.candidates = bit(one) | bit(two);
                    if (u.shape.rank() == 0) u.candidates |= bit(role::output_norm);
                    u.why = why;
                }
        };
        // `embed_in` and `embed_out`: both of words, and one says which way.
        if (embds == 2 && heads == 0 && matrices == 2) {
            unsigned outs = 0;
            for (name_unit& u : in_.units) {
                if (!candidate(u) || !matrix_like(u) || !wide(u)) continue;
                if ((u.words() & (about::out | about::final)) != 0 &&
                    (u.words() & about::before) == 0)
                    head = &u, ++outs;
                else
                    embd = &u;
            }
            if (outs == 1) embds = heads = 1;
        }
        // `embedding_table` and `vocab_projection`: one says embedding, the other only of what.
        // And of two that do not, one is a projection. `softmax.embedding` and `softmax.logits` are
        // both heads at first sight.
        if (matrices == 2 && ((embds == 2 && heads == 0) || (heads == 2 && embds == 0))) {
            for (bool projection : {false, true}) {
                unsigned said = 0;
                name_unit *one = nullptr, *two = nullptr;
                for (name_unit& u : in_.units) {
                    if (!candidate(u) || !matrix_like(u) || !wide(u)) continue;
                    if (says(in_.name_of(u), projection))
                        one = &u, ++said;
                    else
                        two = &u;
                }
                if (said != 1 || two == nullptr || (projection && embds != 2)) continue;
                embd = projection ? two : one;
                head = projection ? one : two;
                embds = heads = 1;
                break;
            }
        }
        if (embds == 1) embd->give(role::token_embd, by_word);
        if (heads == 1) head->give(role::output, by_word);
        bool sized = false;
        for (const name_unit& u : in_.units) sized = sized || (candidate(u) && u.shape.rank() == 2);
        if (matrices == 1 && embds == 0 && heads == 0 && sized) {
            for (name_unit& u : in_.units)
                if (candidate(u) && matrix_like(u) && wide(u))
                    u.give(role::token_embd, by_shape | by_elimination);
        } else if (matrices == 2 && sized && (embds == 1) != (heads == 1) && embds + heads == 1) {
            for (name_unit& u : in_.units)
                if (candidate(u) && matrix_like(u) && wide(u) && u.role_count == 0)
                    u.give(embds == 1 ? role::output : role::token_embd, by_shape | by_elimination);
        } else {
            others(role::token_embd, role::output,
                   "the names do not say which reads and which writes words");
        }
        for (name_unit& u : in_.units) {
            if (u.role_count == 0 || u.shape.rank() != 2 ||
                (u.roles[0] != role::token_embd && u.roles[0] != role::output))
                continue;
            if (in_.sizes.x == 0) {
                // No layer was found: which side is the vocabulary's cannot be seen.
                u.candidates = bit(u.roles[0]);
                u.role_count = 0;
                u.why = "how wide the model is, is not known";
                continue;
            }
            u.by |= by_shape;
            u.turned = u.shape[0] == in_.sizes.x && u.shape[1] != in_.sizes.x;
        }
        if (norms == 1 && vectors == 1 &&
            (norm->shape.rank() == 1 || (norm->words() & about::norm) != 0))
            norm->give(role::output_norm, (norm->shape.rank() == 1 ? by_shape : 0) |
                                              ((norm->words() & about::norm) != 0 ? by_word : 0) |
                                              by_elimination);
        else
            for (name_unit& u : in_.units) {
                if (!candidate(u) || !vector_like(u)) continue;
                bool last =
                    (u.words() & (about::final | about::out | about::head | about::after)) != 0 &&
                    (u.words() & about::norm) != 0;
                if (norms == 1 && &u == norm && (u.words() & about::norm) != 0) last = true;
                if (last)
                    u.give(role::output_norm, by_word);
                else if (u.role_count == 0)
                    u.candidates = bit(role::output_norm), u.why = "one of several";
            }
        for (name_unit& u : in_.units)
            if (!u.tower && (u.sure & about::rotary) != 0 && u.shape.rank() < 2 &&
                (u.sure & (about::query | about::key | about::norm)) == 0)
                u.drop = true;
    }

    unknown_names& in_;
    std::uint64_t rows_ = 0;  // the vocabulary, as far as sizes tell
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_MODEL_HPP
