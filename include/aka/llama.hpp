// aka: a Llama-family model by role, layer and expert, whatever its files call things.
#include "version.hpp"

#ifndef AKA_LLAMA_HPP
#define AKA_LLAMA_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "adapt.hpp"

AKA_BEGIN

/// How to open a model, and as what.
struct llama_options {
    access how = access::map;  ///< how the data is got at
    /// Row order of q and k. `unknown`: as stored, and `rope()` tells.
    rope_order rope = rope_order::unknown;
    aka::shard shard;  ///< this rank's part only
};

/// The tensors of one layer, each false in a condition where the model has none. Biases are beside
/// their weights: `attn_q_bias`. Of experts `ffn_*_exps` is the stack; `llama::expert` takes one.
struct llama_layer {
    /// Row-major: a matrix is [outputs, inputs], a stack of experts [experts, outputs, inputs], a
    /// norm or a bias one row. Rows of q and k lie in the order that was asked for.
    ///@{
    tensor attn_norm, attn_norm_bias;
    tensor attn_q, attn_q_bias, attn_k, attn_k_bias, attn_v, attn_v_bias;
    tensor attn_output, attn_output_bias;
    tensor attn_q_norm, attn_k_norm, attn_sinks, attn_post_norm;
    tensor ffn_norm, ffn_norm_bias;
    tensor ffn_gate, ffn_gate_bias, ffn_up, ffn_up_bias, ffn_down, ffn_down_bias;
    tensor ffn_gate_inp, ffn_gate_inp_bias, exp_probs_b;
    tensor ffn_gate_exps, ffn_up_exps, ffn_down_exps;
    tensor ffn_gate_exps_bias, ffn_up_exps_bias, ffn_down_exps_bias;
    tensor ffn_gate_inp_shexp, ffn_gate_shexp, ffn_up_shexp, ffn_down_shexp;
    tensor ffn_post_norm;
    ///@}
};

namespace detail {

struct llama_field {
    tensor llama_layer::*field;
    aka::role role;
    std::string_view part;
};
inline constexpr llama_field llama_fields[] = {
    {&llama_layer::attn_norm, role::attn_norm, "weight"},
    {&llama_layer::attn_norm_bias, role::attn_norm, "bias"},
    {&llama_layer::attn_q, role::attn_q, "weight"},
    {&llama_layer::attn_q_bias, role::attn_q, "bias"},
    {&llama_layer::attn_k, role::attn_k, "weight"},
    {&llama_layer::attn_k_bias, role::attn_k, "bias"},
    {&llama_layer::attn_v, role::attn_v, "weight"},
    {&llama_layer::attn_v_bias, role::attn_v, "bias"},
    {&llama_layer::attn_output, role::attn_output, "weight"},
    {&llama_layer::attn_output_bias, role::attn_output, "bias"},
    {&llama_layer::attn_q_norm, role::attn_q_norm, "weight"},
    {&llama_layer::attn_k_norm, role::attn_k_norm, "weight"},
    {&llama_layer::attn_sinks, role::attn_sinks, "weight"},
    {&llama_layer::attn_post_norm, role::attn_post_norm, "weight"},
    {&llama_layer::ffn_norm, role::ffn_norm, "weight"},
    {&llama_layer::ffn_norm_bias, role::ffn_norm, "bias"},
    {&llama_layer::ffn_gate, role::ffn_gate, "weight"},
    {&llama_layer::ffn_gate_bias, role::ffn_gate, "bias"},
    {&llama_layer::ffn_up, role::ffn_up, "weight"},
    {&llama_layer::ffn_up_bias, role::ffn_up, "bias"},
    {&llama_layer::ffn_down, role::ffn_down, "weight"},
    {&llama_layer::ffn_down_bias, role::ffn_down, "bias"},
    {&llama_layer::ffn_gate_inp, role::ffn_gate_inp, "weight"},
    {&llama_layer::ffn_gate_inp_bias, role::ffn_gate_inp, "bias"},
    {&llama_layer::exp_probs_b, role::exp_probs_b, "bias"},
    {&llama_layer::ffn_gate_exps, role::ffn_gate_exps, "weight"},
    {&llama_layer::ffn_up_exps, role::ffn_up_exps, "weight"},
    {&llama_layer::ffn_down_exps, role::ffn_down_exps, "weight"},
    {&llama_layer::ffn_gate_exps_bias, role::ffn_gate_exps, "bias"},
    {&llama_layer::ffn_up_exps_bias, role::ffn_up_exps, "bias"},
    {&llama_layer::ffn_down_exps_bias, role::ffn_down_exps, "bias"},
    {&llama_layer::ffn_gate_inp_shexp, role::ffn_gate_inp_shexp, "weight"},
    {&llama_layer::ffn_gate_shexp, role::ffn_gate_shexp, "weight"},
    {&llama_layer::ffn_up_shexp, role::ffn_up_shexp, "weight"},
    {&llama_layer::ffn_down_shexp, role::ffn_down_shexp, "weight"},
    {&llama_layer::ffn_post_norm, role::ffn_post_norm, "weight"},
};

}  // namespace detail

/// A bound model: an adapter to roles. Tensors come as views where the file has them so, and are
/// put together on `copy_to` where it has not. Move-only; tensors stay valid while the model lives,
/// wherever it is moved.
class llama {
  public:
    /// Opens anything that checkpoint::open takes, identifies it and binds it. Errors: those of
    /// opening, identifying and adapting; missing_tensor where a layer lacks what every
    /// Llama-family layer has.
    static result<llama> open(detail::path path, const llama_options& o,
                              const catalog& known) noexcept {
        checkpoint_options c;
        c.how = o.how;
        result<checkpoint> opened = checkpoint::open(std::move(path), c);
        if (!opened) return opened.error();
        return bind(*opened.get_if(), o, known);
    }
    /// The same with aka's own conventions.
    static result<llama> open(detail::path path, const llama_options& o = {}) noexcept {
        result<catalog> known = catalog::builtin();
        if (!known) return known.error();
        result<llama> r = open(std::move(path), o, *known.get_if());
        if (r) r.get_if()->known_ = std::move(*known.get_if());
        return r;
    }
    /// Binds a checkpoint that is open. Both borrow: keep `known` as long as the model. Errors: as
    /// open.
    static result<llama> bind(const checkpoint& c, const llama_options& o,
                              const catalog& known) noexcept {
        result<identification> id = identify(c, known);
        if (!id) return id.error();
        target to;
        to.convention = "gguf";
        to.rope = o.rope == rope_order::unknown ? id.get_if()->rope() : o.rope;
        to.shard = o.shard;
        result<adapter> a = adapter_builder(c, known, to).to_roles().build(std::move(*id.get_if()));
        if (!a) return a.error();
        return llama(std::move(*a.get_if()));
    }

    /// From config.json, params.json or GGUF metadata, and from the shapes.
    const aka::hparams& hparams() const noexcept AKA_LIFETIMEBOUND { return roles_.hparams(); }
    /// What the files' own names are.
    const identification& source() const noexcept AKA_LIFETIMEBOUND { return roles_.source(); }
    /// How many layers it has.
    std::uint64_t n_layer() const noexcept { return roles_.source().n_layer(); }
    /// Experts of a layer; 0: none.
    std::uint64_t n_expert() const noexcept { return roles_.source().sizes(0).e; }
    /// How long everything is in one layer: heads, their widths, the feed-forward.
    axis_sizes sizes(std::uint64_t layer = 0) const noexcept { return source().sizes(layer); }
    /// What kind its norms are; `none`: LayerNorms without weights, as OLMo 1 has them.
    norm_kind norm() const noexcept {
        if (!output_norm()) return norm_kind::none;
        const norm_kind named = source().convention()->norm();
        // Names that others use for RMSNorms: then a config says it, and there is a bias.
        const bool layer =
            hparams().norm_kind == hparams::norm::layer && get(role::output_norm, -1, -1, "bias");
        return named == norm_kind::rms && layer ? norm_kind::layer : named;
    }
    /// In which order the rows of q and k come.
    rope_order rope() const noexcept { return roles_.rope(); }

    /// Any tensor by what it is. Of experts: -1 the stack, else one of them, however they are
    /// stored.
    tensor get(role r, std::int64_t layer = -1, std::int64_t expert = -1,
               std::string_view part = "weight") const noexcept AKA_LIFETIMEBOUND {
        if (expert >= 0) {
            tensor stack = roles_.get(r, layer, -1, part);
            if (!stack) return {};
            result<tensor> one = stack.select(static_cast<std::uint64_t>(expert));
            return one ? *one.get_if() : tensor();
        }
        return roles_.get(r, layer, -1, part);
    }
    /// The embedding, `v x`.
    tensor token_embd() const noexcept AKA_LIFETIMEBOUND { return get(role::token_embd); }
    /// The norm in front of the output.
    tensor output_norm() const noexcept AKA_LIFETIMEBOUND { return get(role::output_norm); }
    /// The embedding where the output is tied to it.
    tensor output() const noexcept AKA_LIFETIMEBOUND {
        tensor t = get(role::output);
        return t ? t : token_embd();
    }
    /// Whether the output is the embedding.
    bool tied() const noexcept { return !get(role::output); }
    /// All of a layer, by its roles.
    llama_layer layer(std::uint64_t l) const noexcept AKA_LIFETIMEBOUND {
        llama_layer out;
        for (const detail::llama_field& f : detail::llama_fields)
            out.*f.field = get(f.role, static_cast<std::int64_t>(l), -1, f.part);
        return out;
    }

    /// Calls f(tensor) for all that a layer has, in the order of llama_layer.
    template <class F>
    void for_each_in_layer(std::uint64_t l, F&& f) const {
        for (const detail::llama_field& field : detail::llama_fields)
            if (const tensor t = get(field.role, static_cast<std::int64_t>(l), -1, field.part))
                f(t);
    }

    /// Every bound tensor, by GGUF's names; and the ledger.
    const adapter& tensors() const noexcept AKA_LIFETIMEBOUND { return roles_; }
    /// What the model needs and the files lack.
    span<const ledger_entry> missing() const noexcept AKA_LIFETIMEBOUND { return roles_.missing(); }
    /// What the files have and no role is.
    span<const ledger_entry> unbound() const noexcept AKA_LIFETIMEBOUND { return roles_.unbound(); }

  private:
    explicit llama(adapter a) noexcept : roles_(std::move(a)) {}

    catalog known_;
    adapter roles_;
};

AKA_END

#endif  // AKA_LLAMA_HPP
