// What the engine computes with, and how aka finds it: by role, in one order of rows, checked, and
// read into one piece of memory. Nothing of the file is needed afterwards.
#ifndef ENGINE_MODEL_HPP
#define ENGINE_MODEL_HPP

#include "aka.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "matrix.hpp"
#include "refuse.hpp"

namespace engine {

struct feed_forward {
    linear gate, up, down;  // of experts each a stack; no gate: the activation is of up
};
struct layer {
    std::size_t n_head = 0, n_head_kv = 0, head = 0, head_v = 0;
    norm attn_norm, q_norm, k_norm, attn_post_norm, ffn_norm, ffn_post_norm;
    linear q, k, v, attn_output, router, shared_gate;
    feed_forward dense, experts, shared;
};
struct model {
    std::unique_ptr<std::byte[]> memory;  // of all matrices
    linear embedding, output;             // no output: it is the embedding (tied)
    norm output_norm;
    std::vector<layer> layers;
    std::vector<double> turns;  // of each pair of rows of a head that turns: radians a position
    std::size_t n_embd = 0, n_expert_used = 1;
    std::uint64_t window = 0;  // positions that are seen; 0: all
    aka::activation act = aka::activation::silu;
    bool experts_sum_to_1 = true;
    float attn_scale = 0, embedding_scale = 1, residual_scale = 1, logit_scale = 1,
          expert_scale = 1;
};

class loader {
  public:
    // Errors: those of aka; unsupported: there is no code here for something that it needs.
    static aka::status load(const char* path, model& to) {
        aka::llama_options how;
        how.how = aka::access::read;       // everything is copied: there is no use for a mapping
        how.rope = aka::rope_order::half;  // of q and k, whatever the file has
        const auto opened = aka::llama::open(path, how);
        if (!opened) return opened.error();
        return loader(*opened, to).run();
    }

  private:
    loader(const aka::llama& m, model& to) : m_(m), h_(m.hparams()), to_(to) {}

    aka::status run() {
        const aka::forward_hparams f = aka::forward_hparams::of(h_);
        if (aka::status s = refuse(m_, f); !s) return s;
        numbers(f);
        to_.layers.resize(static_cast<std::size_t>(m_.n_layer()));  // and stays where it is
        for (std::size_t l = 0; l < to_.layers.size(); ++l) one_layer(to_.layers[l], l);
        const std::size_t n_vocab = rows_of(m_.token_embd());
        take(to_.embedding.weight, m_.token_embd(), n_vocab, to_.n_embd);
        if (!m_.tied()) take(to_.output, aka::role::output, -1, n_vocab, to_.n_embd);
        take(to_.output_norm, aka::role::output_norm, -1, to_.n_embd, bare_);
        if (!trouble_) return trouble_;
        for (const aka::tensor& t : m_.tensors())
            if (seen_.count(t.name()) == 0) return no("the tensor ", t.name());
        return read();
    }

    // ---- numbers -------------------------------------------------------------------------------

    static float said(double v, double otherwise) {  // NaN: it is not said
        return static_cast<float>(v == v ? v : otherwise);
    }
    void numbers(const aka::forward_hparams& f) {
        const aka::axis_sizes z = m_.sizes();
        to_.n_embd = static_cast<std::size_t>(z.x);
        to_.window = h_.sliding_window;
        to_.act = f.act.value;
        to_.attn_scale = static_cast<float>(f.attn_scale.value);
        if (f.attn_scale.value == 0) to_.attn_scale = 1 / std::sqrt(static_cast<float>(z.head));
        to_.embedding_scale = static_cast<float>(f.embedding_scale.value);
        to_.residual_scale = said(h_.residual_scale, 1);
        to_.logit_scale = said(h_.logit_scale, 1);
        to_.expert_scale = said(h_.expert_scale, 1);
        if (h_.n_expert_used != 0) to_.n_expert_used = static_cast<std::size_t>(h_.n_expert_used);
        // A softmax over the chosen is the same as making their sum 1.
        to_.experts_sum_to_1 =
            f.expert_norm.value || h_.expert_gating == aka::hparams::gating::softmax_weight;
        eps_ = static_cast<float>(f.norm_eps.value);
        bare_ = m_.norm() == aka::norm_kind::none;
        layer_norm_ = m_.norm() != aka::norm_kind::rms;

        // Llama 3 slows long waves down, each by a factor of its own; others all alike.
        const auto n = static_cast<std::size_t>(z.rotary / 2);
        const vec factors = floats(m_.get(aka::role::rope_freqs), n);
        for (std::size_t i = 0; m_.rope() != aka::rope_order::none && i < n; ++i) {
            const double share = static_cast<double>(i) / static_cast<double>(n);
            const float slower = factors.empty() ? said(h_.rope_factor, 1) : factors[i];
            to_.turns.push_back(std::pow(f.rope_freq_base.value, -share) /
                                static_cast<double>(slower));
        }
    }

    // ---- tensors -------------------------------------------------------------------------------

    // The first error counts; loading goes on until somebody asks.
    void fail(aka::error e) {
        if (trouble_) trouble_ = std::move(e);
    }
    static std::size_t rows_of(const aka::tensor& t) {
        return t && t.shape().rank() != 0 ? static_cast<std::size_t>(t.shape()[0]) : 0;
    }
    static std::size_t columns_of(const aka::tensor& t) {
        const std::uint32_t n = t ? t.shape().rank() : 0;
        return n != 0 ? static_cast<std::size_t>(t.shape()[n - 1]) : 0;
    }

    // A matrix, or a stack with the rows of all: its bytes are read later, with all others'.
    void take(matrix& to, const aka::tensor& t, std::size_t rows, std::size_t columns) {
        if (!t) return;
        seen_.insert(t.name());
        if (rows == 0 || columns == 0 || columns_of(t) != columns || t.elements() / columns != rows)
            return fail(aka::error(aka::errc::wrong_size)
                            .say("tensor ", t.name(), " has the shape ", t.shape(), ", not ", rows,
                                 " rows of ", columns));
        const std::size_t block = aka::info(t.dtype()).block_elements;
        if (block == 0 || columns % block != 0 || AKA_BIG_ENDIAN_HOST)
            return fail(no("rows of ", columns, " elements of ", t.dtype_name()));
        to.type = t.dtype();
        to.rows = rows, to.columns = columns;
        to.row_bytes = static_cast<std::size_t>(t.size_bytes()) / rows;
        wanted_.push_back(t);
        places_.push_back(&to);
    }
    void take(linear& to, aka::role r, std::int64_t l, std::size_t rows, std::size_t columns) {
        take(to.weight, m_.get(r, l), rows, columns);
        to.bias = floats(m_.get(r, l, -1, "bias"), rows);
    }
    // `width`: over how many numbers it goes; `anyway`: also where it has no weights.
    void take(norm& to, aka::role r, std::int64_t l, std::size_t width, bool anyway = false) {
        to.weight = floats(m_.get(r, l), width);
        to.bias = floats(m_.get(r, l, -1, "bias"), width);
        to.layer_norm = layer_norm_, to.eps = eps_;
        to.width = anyway || !to.weight.empty() ? width : 0;
    }
    // Of the heads of q or k: one row for all, one each, or (OLMo 2) over all of them at once.
    void take_heads(norm& to, aka::role r, std::int64_t l, std::size_t heads, std::size_t head) {
        const aka::tensor t = m_.get(r, l);
        const bool each = t && t.shape().rank() == 1 && t.elements() == head;
        take(to, r, l, each ? head : heads * head);
        if (t && t.shape().rank() == 2) to.width = head;
    }
    // Small ones are converted right away. Whatever is pending is done: Gemma's norms are less one.
    vec floats(const aka::tensor& t, std::size_t expected = 0) {
        if (!t) return {};
        seen_.insert(t.name());
        if (expected != 0 && t.elements() != expected)
            return fail(aka::error(aka::errc::wrong_size)
                            .say("tensor ", t.name(), " has ", t.elements(), " elements, not ",
                                 expected)),
                   vec();
        vec out(static_cast<std::size_t>(t.elements()));
        if (aka::status s = t.convert_to(out); !s) fail(s.error());
        return out;
    }

    void one_layer(layer& to, std::size_t number) {
        using aka::role;
        const auto l = static_cast<std::int64_t>(number);
        const aka::axis_sizes z = m_.sizes(number);
        const std::size_t x = to_.n_embd;
        to.n_head_kv = static_cast<std::size_t>(z.kv);
        to.n_head = static_cast<std::size_t>(z.kv * z.g);
        to.head = static_cast<std::size_t>(z.head);
        to.head_v = static_cast<std::size_t>(z.d);
        if (to.n_head == 0 || to.head == 0)
            return fail(no("layers without attention, or heads that nothing counts"));
        take(to.attn_norm, role::attn_norm, l, x, bare_);
        take(to.q, role::attn_q, l, to.n_head * to.head, x);
        take(to.k, role::attn_k, l, to.n_head_kv * to.head, x);
        take(to.v, role::attn_v, l, to.n_head_kv * to.head_v, x);
        take(to.attn_output, role::attn_output, l, x, to.n_head * to.head_v);
        take_heads(to.q_norm, role::attn_q_norm, l, to.n_head, to.head);
        take_heads(to.k_norm, role::attn_k_norm, l, to.n_head_kv, to.head);
        take(to.attn_post_norm, role::attn_post_norm, l, x);
        take(to.ffn_norm, role::ffn_norm, l, x, bare_);
        take(to.ffn_post_norm, role::ffn_post_norm, l, x);

        const auto feed = [&](feed_forward& ff, role gate, role up, role down, std::size_t n) {
            const std::size_t f = columns_of(m_.get(down, l));
            take(ff.gate, gate, l, n * f, x);
            take(ff.up, up, l, n * f, x);
            take(ff.down, down, l, n * x, f);
        };
        const auto n_expert = static_cast<std::size_t>(z.e);
        feed(to.dense, role::ffn_gate, role::ffn_up, role::ffn_down, 1);
        feed(to.experts, role::ffn_gate_exps, role::ffn_up_exps, role::ffn_down_exps, n_expert);
        feed(to.shared, role::ffn_gate_shexp, role::ffn_up_shexp, role::ffn_down_shexp, 1);
        take(to.router, role::ffn_gate_inp, l, n_expert, x);
        take(to.shared_gate, role::ffn_gate_inp_shexp, l, 1, x);
        const feed_forward& ff = to.router.weight.rows != 0 ? to.experts : to.dense;
        for (const linear& needed : {to.q, to.k, to.v, to.attn_output, ff.up, ff.down})
            if (needed.weight.rows == 0)
                fail(no("layers without q, k, v, attn_output, ffn_up or ffn_down"));
        if (!to.ffn_norm && !to.ffn_post_norm) fail(no("attention and feed-forward side by side"));
    }

    // All matrices, each where the computation wants it. An engine for large models copies
    // aka_load.hpp too, whose threads do this in the order of the files.
    aka::status read() {
        const auto bytes = [](const aka::tensor& t) {
            return static_cast<std::size_t>(t.size_bytes());
        };
        constexpr std::size_t line = 64;  // each begins on one
        std::size_t size = line;
        for (const aka::tensor& t : wanted_) size += bytes(t) + line;
        to_.memory.reset(new std::byte[size]);
        std::byte* at = to_.memory.get();
        for (std::size_t i = 0; i < wanted_.size(); ++i) {
            const aka::tensor& t = wanted_[i];
            at += (line - reinterpret_cast<std::uintptr_t>(at) % line) % line;
            if (aka::status s = t.convert_to(t.dtype(), {at, bytes(t)}); !s) return s;
            places_[i]->data = at;
            at += bytes(t);
        }
        return {};
    }

    const aka::llama& m_;
    const aka::hparams& h_;
    model& to_;
    std::vector<aka::tensor> wanted_;
    std::vector<matrix*> places_;
    std::set<std::string_view> seen_;
    aka::status trouble_;
    bool layer_norm_ = false, bare_ = false;
    float eps_ = 0;
};

}  // namespace engine

#endif  // ENGINE_MODEL_HPP
