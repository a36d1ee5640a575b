// One token after the other: a model, and what it remembers of the positions so far.
#ifndef ENGINE_ENGINE_HPP
#define ENGINE_ENGINE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "matrix.hpp"
#include "model.hpp"

namespace engine {

class generator {
  public:
    explicit generator(const model& m) : m_(m), keys_(m.layers.size()), values_(m.layers.size()) {}

    // The logits after the last of these tokens: a whole prompt, then one at a time.
    vec operator()(const std::vector<std::size_t>& tokens) {
        const std::size_t x_size = m_.n_embd;
        vec x, room;
        for (const std::size_t t : tokens) {
            const float* row = m_.embedding.weight.row(t, room);
            x.insert(x.end(), row, row + x_size);
        }
        for (float& v : x) v *= m_.embedding_scale;
        turns(tokens.size());
        for (std::size_t l = 0; l < m_.layers.size(); ++l) {
            const layer& it = m_.layers[l];
            step(x, it.attn_norm, it.attn_post_norm, [&](const vec& v) { return attention(l, v); });
            step(x, it.ffn_norm, it.ffn_post_norm, [&](const vec& v) {
                return it.router.weight ? mixture(it, v) : feed(it.dense, v);
            });
        }
        position_ += tokens.size();
        x.erase(x.begin(), x.end() - static_cast<std::ptrdiff_t>(x_size));
        m_.output_norm(x);
        vec logits = m_.output.weight ? m_.output(x) : m_.embedding(x);
        for (float& v : logits) v *= m_.logit_scale;
        return logits;
    }

  private:
    // Adds to the stream what a part of a block makes of it.
    template <class Part>
    void step(vec& x, const norm& before, const norm& after, Part part) const {
        vec in = x;
        before(in);
        vec out = part(in);
        after(out);
        add(x.data(), out.data(), x.size(), m_.residual_scale);
    }

    // ---- attention -----------------------------------------------------------------------------

    void turns(std::size_t n) {
        turns_.clear();
        for (std::size_t p = 0; p < n; ++p)
            for (const double each : m_.turns) {
                const double angle = static_cast<double>(position_ + p) * each;
                turns_.push_back(static_cast<float>(std::cos(angle)));
                turns_.push_back(static_cast<float>(std::sin(angle)));
            }
    }
    // Row i of a head and row i + half are a pair: the order that aka was asked for.
    void rotate(vec& x, std::size_t heads, std::size_t head) const {
        const std::size_t half = m_.turns.size();
        for (std::size_t h = 0; h < x.size() / head; ++h) {
            const float* turn = turns_.data() + h / heads * half * 2;
            float *a = &x[h * head], *b = a + half;
            for (std::size_t i = 0; i < half; ++i) {
                const float c = turn[2 * i], s = turn[2 * i + 1], turned = a[i] * c - b[i] * s;
                b[i] = a[i] * s + b[i] * c;
                a[i] = turned;
            }
        }
    }
    vec attention(std::size_t number, const vec& x) {
        const layer& l = m_.layers[number];
        vec q = l.q(x), k = l.k(x);
        const vec v = l.v(x);
        l.q_norm(q);
        l.k_norm(k);
        rotate(q, l.n_head, l.head);
        rotate(k, l.n_head_kv, l.head);
        vec &keys = keys_[number], &values = values_[number];
        keys.insert(keys.end(), k.begin(), k.end());
        values.insert(values.end(), v.begin(), v.end());

        const std::size_t n = x.size() / m_.n_embd, kv = l.n_head_kv, together = l.n_head / kv;
        vec out(n * l.n_head * l.head_v), score;
        for (std::size_t p = 0; p < n; ++p)
            for (std::size_t h = 0; h < l.n_head; ++h) {
                const std::size_t at = p * l.n_head + h;
                score.resize(position_ + p + 1);
                for (std::size_t i = 0; i < score.size(); ++i)
                    score[i] = m_.attn_scale * dot(&q[at * l.head],
                                                   &keys[(i * kv + h / together) * l.head], l.head);
                softmax(score.data(), score.size());
                for (std::size_t i = 0; i < score.size(); ++i)
                    add(&out[at * l.head_v], &values[(i * kv + h / together) * l.head_v], l.head_v,
                        score[i]);
            }
        return l.attn_output(out);
    }

    // ---- feed-forward --------------------------------------------------------------------------

    vec feed(const feed_forward& f, const vec& x) const {
        vec up = f.up(x);
        if (f.gate.weight) {
            const vec gate = f.gate(x);
            for (std::size_t i = 0; i < up.size(); ++i) up[i] *= activate(m_.act, gate[i]);
        } else {
            for (float& v : up) v = activate(m_.act, v);
        }
        return f.down(up);
    }
    // The experts that the router likes best; each computes all its positions at once.
    vec mixture(const layer& l, const vec& x) const {
        const std::size_t n_expert = l.router.weight.rows, width = m_.n_embd;
        const std::size_t n = x.size() / width, used = std::min(m_.n_expert_used, n_expert);
        vec chance = l.router(x), out(x.size());
        std::vector<std::vector<std::size_t>> of(n_expert);  // positions of each
        for (std::size_t p = 0; p < n; ++p) {
            float* c = &chance[p * n_expert];
            softmax(c, n_expert);
            std::vector<std::size_t> best(n_expert);
            for (std::size_t e = 0; e < n_expert; ++e) best[e] = e;
            std::stable_sort(best.begin(), best.end(),
                             [&](std::size_t a, std::size_t b) { return c[a] > c[b]; });
            float sum = 0;
            for (std::size_t i = 0; i < used; ++i) sum += c[best[i]];
            if (!m_.experts_sum_to_1) sum = 1;
            for (std::size_t i = 0; i < used; ++i) {
                of[best[i]].push_back(p);
                c[best[i]] *= m_.expert_scale / sum;
            }
        }
        for (std::size_t e = 0; e < n_expert; ++e) {
            vec some;
            for (const std::size_t p : of[e])
                some.insert(some.end(), &x[p * width], &x[p * width] + width);
            if (some.empty()) continue;
            const vec y = feed(expert(l.experts, e, n_expert), some);
            for (std::size_t i = 0; i < of[e].size(); ++i)
                add(&out[of[e][i] * width], &y[i * width], width, chance[of[e][i] * n_expert + e]);
        }
        if (!l.shared.down.weight) return out;
        const vec shared = feed(l.shared, x),
                  gate = l.shared_gate.weight ? l.shared_gate(x) : vec();
        for (std::size_t p = 0; p < n; ++p)
            add(&out[p * width], &shared[p * width], width,
                gate.empty() ? 1 : 1 / (1 + std::exp(-gate[p])));
        return out;
    }
    static feed_forward expert(const feed_forward& stack, std::size_t e, std::size_t n) {
        feed_forward f;
        if (stack.gate.weight) f.gate.weight = stack.gate.weight.of_stack(e, n);
        f.up.weight = stack.up.weight.of_stack(e, n);
        f.down.weight = stack.down.weight.of_stack(e, n);
        return f;
    }

    const model& m_;
    std::vector<vec> keys_, values_;  // of each layer: all positions so far
    vec turns_;                       // of the positions at hand: cosine and sine of each pair
    std::size_t position_ = 0;
};

}  // namespace engine

#endif  // ENGINE_ENGINE_HPP
