// aka-forward: the next token, by a plain float32 forward pass over a bound model.
//
//     g++ -std=c++17 -O2 -Iinclude examples/forward.cpp -o aka-forward
//
// Short and clear, not fast: it shows what an engine gets from aka::llama, and that the same model
// gives the same logits, bit for bit, however its files spell it. What it cannot compute it
// refuses; what no config says is what the model's own code would take (aka::forward_hparams).
#include <aka/convert_tensor.hpp>
#include <aka/forward_hparams.hpp>
#include <aka/llama.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/args.hpp"
#include "common/errors.hpp"
#include "common/json_writer.hpp"

namespace {

constexpr const char* program = "aka-forward";
constexpr const char* usage =
    R"(usage: aka-forward [OPTION...] PATH TOKEN...

Reads the tokens (numbers: there is no tokenizer here) and prints the likeliest next ones with
their logits. PATH is anything that aka opens; weights are F32, F16 or BF16.

      --top=N    how many to print (default 5)
      --exact    logits as hexadecimal floats, to compare bit for bit
      --json     one JSON object on stdout, with all logits, also for an error
  -h, --help        this text
      --version     which version this is
      --completion=SHELL  completion of this command line for bash or zsh, to be sourced

Exit status: 0 fine; 1 this is no model that can be computed here; 2 usage; 3 cannot read or write.

Examples:
  aka-forward Llama-3-8B 1 15043 3186
  aka-forward --top=1 --exact llama.gguf 1 15043
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read_or_write = 3 };

using vec = std::vector<float>;
using aka::role;

// ---- weights -----------------------------------------------------------------------------------

float from_bits(std::uint32_t u) {
    float f = 0;
    std::memcpy(&f, &u, sizeof f);
    return f;
}
float from_f16(std::uint16_t h) {
    const std::uint32_t sign = std::uint32_t{h} >> 15 << 31, low = h & 0x3ffu;
    const std::uint32_t exponent = h >> 10 & 31u;
    if (exponent == 31) return from_bits(sign | 0x7f800000u | low << 13);
    if (exponent != 0) return from_bits(sign | (exponent + 112) << 23 | low << 13);
    const float tiny = static_cast<float>(low) * 0x1p-24f;  // subnormal, or zero
    return sign == 0 ? tiny : -tiny;
}

// A matrix as it is stored: in the file where the file has it so, else put together here once.
struct matrix {
    std::vector<std::byte> own;
    const std::byte* data = nullptr;
    aka::dtype type = aka::dtype::f32;
    std::size_t rows = 0, columns = 0;

    explicit operator bool() const { return data != nullptr; }

    aka::status load(const aka::tensor& t) {
        if (!t) return {};
        type = t.dtype();
        if (type != aka::dtype::f32 && type != aka::dtype::f16 && type != aka::dtype::bf16)
            return aka::error(aka::errc::unsupported)
                .say("tensor ", t.name(), " is ", t.dtype_name(), ", not F32, F16 or BF16");
        const aka::shape& s = t.shape();
        columns = static_cast<std::size_t>(s.rank() == 0 ? 1 : s[s.rank() - 1]);
        rows = columns == 0 ? 0 : static_cast<std::size_t>(t.elements()) / columns;
        if (const auto floats = t.as<float>()) {
            data = reinterpret_cast<const std::byte*>(floats->data());
        } else if (const auto words = t.as<std::uint16_t>()) {
            data = reinterpret_cast<const std::byte*>(words->data());
        } else {
            own.resize(static_cast<std::size_t>(t.size_bytes()));
            // Gemma's norms are less one in Hugging Face's files: then there is arithmetic to do.
            if (auto r = t.convert_to(type, {own.data(), own.size()}); !r) return r;
            data = own.data();
        }
        return {};
    }
    float at(std::size_t i) const {
        std::uint32_t wide = 0;
        std::uint16_t half = 0;
        if (type == aka::dtype::f32) return std::memcpy(&wide, data + 4 * i, 4), from_bits(wide);
        std::memcpy(&half, data + 2 * i, 2);
        return type == aka::dtype::f16 ? from_f16(half) : from_bits(std::uint32_t{half} << 16);
    }
    vec row(std::size_t r) const {
        vec out(columns);
        for (std::size_t i = 0; i < columns; ++i) out[i] = at(r * columns + i);
        return out;
    }
    // Every row times x, in one order of sums.
    vec operator*(const vec& x) const {
        vec out(rows);
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t i = 0; i < columns; ++i) out[r] += at(r * columns + i) * x[i];
        return out;
    }
};

struct linear {
    matrix weight, bias;

    vec operator()(const vec& x) const {
        vec y = weight * x;
        for (std::size_t i = 0; bias && i < y.size(); ++i) y[i] += bias.at(i);
        return y;
    }
};

float activate(aka::activation a, float x) {
    if (a == aka::activation::gelu) return 0.5f * x * (1 + std::erf(x * 0.70710678f));
    if (a == aka::activation::gelu_tanh)
        return 0.5f * x * (1 + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    if (a == aka::activation::relu) return x > 0 ? x : 0;
    return x / (1 + std::exp(-x));
}

struct feed_forward {
    linear gate, up, down;

    vec operator()(const vec& x, aka::activation a) const {
        vec g = gate(x);
        const vec u = up(x);
        for (std::size_t i = 0; i < g.size(); ++i) g[i] = activate(a, g[i]) * u[i];
        return down(g);
    }
};

struct layer {
    std::size_t n_head = 0, n_head_kv = 0;
    linear attn_norm, q, k, v, attn_output, q_norm, k_norm, attn_post_norm;
    linear ffn_norm, ffn_post_norm, router, shared_gate;
    feed_forward dense, shared;
    std::vector<feed_forward> experts;
    std::vector<vec> keys, values;  // a position each
};

// ---- the model ---------------------------------------------------------------------------------

class transformer {
  public:
    explicit transformer(const aka::llama& m)
        : model_(m), h_(m.hparams()), f_(aka::forward_hparams::of(m.hparams())) {}

    aka::status load() {
        const aka::axis_sizes z = model_.source().sizes();
        head_ = static_cast<std::size_t>(z.head);
        rotary_ = model_.rope() == aka::rope_order::none ? 0 : static_cast<std::size_t>(z.rotary);
        eps_ = static_cast<float>(f_.norm_eps.value);
        load(embedding_, role::token_embd);
        load(output_, role::output);
        load(output_norm_, role::output_norm);
        load(rope_freqs_, role::rope_freqs);
        layers_.resize(static_cast<std::size_t>(model_.n_layer()));
        for (std::size_t l = 0; l < layers_.size(); ++l) load(layers_[l], l);
        // A LayerNorm's weights come with biases, or the convention says so. Norms without weights
        // are OLMo 1's.
        bare_ = !output_norm_.weight;
        layer_norm_ = bare_ || model_.source().convention()->norm() != aka::norm_kind::rms ||
                      (h_.norm_kind == aka::hparams::norm::layer && output_norm_.bias);
        frequencies();
        return trouble_ ? refuse() : std::move(trouble_);
    }
    std::size_t n_vocab() const { return embedding_.weight.rows; }

    // The next position.
    vec operator()(std::size_t token) {
        vec x = embedding_.weight.row(token);
        scale(x, f_.embedding_scale.value);
        for (layer& l : layers_) {
            add(x, post(l.attn_post_norm, attention(l, norm(l.attn_norm, x))));
            add(x, post(l.ffn_post_norm, mix(l, norm(l.ffn_norm, x))));
        }
        ++position_;
        const linear& output = output_.weight ? output_ : embedding_;  // tied
        vec logits = output(norm(output_norm_, x));
        scale(logits, h_.logit_scale);
        return logits;
    }

  private:
    static double said(double v, double otherwise) { return v == v ? v : otherwise; }

    // Loading goes on after an error, and the first one counts.
    void load(matrix& to, role r, std::int64_t l, std::int64_t e, std::string_view part) {
        if (auto s = to.load(model_.get(r, l, e, part)); !s && trouble_) trouble_ = std::move(s);
    }
    void load(linear& to, role r, std::int64_t l = -1, std::int64_t e = -1) {
        used_ |= std::uint64_t{1} << static_cast<unsigned>(r);
        load(to.weight, r, l, e, "weight");
        load(to.bias, r, l, e, "bias");
    }
    void load(layer& to, std::size_t number) {
        const auto l = static_cast<std::int64_t>(number);
        to.n_head = static_cast<std::size_t>(h_.n_head_at(number));
        to.n_head_kv = static_cast<std::size_t>(h_.n_head_kv_at(number));
        load(to.attn_norm, role::attn_norm, l);
        load(to.q, role::attn_q, l);
        load(to.k, role::attn_k, l);
        load(to.v, role::attn_v, l);
        load(to.attn_output, role::attn_output, l);
        load(to.q_norm, role::attn_q_norm, l);
        load(to.k_norm, role::attn_k_norm, l);
        load(to.attn_post_norm, role::attn_post_norm, l);
        load(to.ffn_norm, role::ffn_norm, l);
        load(to.ffn_post_norm, role::ffn_post_norm, l);
        load(to.dense.gate, role::ffn_gate, l);
        load(to.dense.up, role::ffn_up, l);
        load(to.dense.down, role::ffn_down, l);
        load(to.router, role::ffn_gate_inp, l);
        // One by one, whether the file has them so or as a stack.
        to.experts.resize(to.router.weight.rows);
        for (std::size_t i = 0; i < to.experts.size(); ++i) {
            const auto e = static_cast<std::int64_t>(i);
            load(to.experts[i].gate, role::ffn_gate_exps, l, e);
            load(to.experts[i].up, role::ffn_up_exps, l, e);
            load(to.experts[i].down, role::ffn_down_exps, l, e);
        }
        load(to.shared_gate, role::ffn_gate_inp_shexp, l);
        load(to.shared.gate, role::ffn_gate_shexp, l);
        load(to.shared.up, role::ffn_up_shexp, l);
        load(to.shared.down, role::ffn_down_shexp, l);
    }

    // What there is no code for: tensors that nothing here asked for, layers without what every
    // layer needs, and what the config wants.
    aka::status refuse() const {
        aka::error no(aka::errc::unsupported);
        for (const aka::bound_name& b : model_.source().names()) {
            if (b.row == nullptr || !b.row->is_tensor()) continue;
            for (const role r : b.row->roles)
                if ((used_ >> static_cast<unsigned>(r) & 1) == 0)
                    return no.say("no code here for ", aka::name(r));
            if (b.part_text != "weight" && b.part_text != "bias")
                return no.say("no code here for quantised parts (", b.part_text, ")");
        }
        for (const layer& l : layers_) {
            const feed_forward& f = l.experts.empty() ? l.dense : l.experts.back();
            for (const linear* p : {&l.q, &l.k, &l.v, &l.attn_output, &f.gate, &f.up, &f.down})
                if (!p->weight)
                    return no.say(
                        "no code here for layers without q, k, v, attn_output, or a "
                        "feed-forward with a gate");
        }
        if (f_.act.value == aka::activation::relu2 || f_.act.value == aka::activation::other)
            return no.say("no code here for the activation ", f_.act.is_default ? "of " : "",
                          f_.act.is_default ? h_.model_type : f_.act_name);
        if (!f_.besides.empty()) return no.say("no code here for ", f_.besides);
        using gating = aka::hparams::gating;
        using scaling = aka::hparams::scaling;
        if (h_.expert_gating == gating::sigmoid || h_.expert_gating == gating::other)
            return no.say("no code here for experts that are not chosen by a softmax");
        if (h_.rope_scaling != scaling::unsaid && h_.rope_scaling != scaling::none &&
            h_.rope_scaling != scaling::linear && h_.rope_scaling != scaling::llama3)
            return no.say("no code here for RoPE scaling '", h_.rope_scaling_name, "'");
        if (h_.rope_scaling == scaling::llama3 && !rope_freqs_.weight)
            return no.say("the numbers of its RoPE scaling are not said");
        if (h_.alibi == aka::hparams::answer::yes || h_.attn_softcap > 0 || h_.final_softcap > 0 ||
            h_.clip_qkv > 0)
            return no.say("no code here for ALiBi, capped logits and clipped q, k and v");
        return {};
    }
    // Of the pairs of a head; Llama 3 slows the long waves down, by a tensor of factors.
    void frequencies() {
        const matrix& factors = rope_freqs_.weight;
        const double base = static_cast<float>(f_.rope_freq_base.value);
        const double factor = said(h_.rope_factor, 1);
        for (std::size_t i = 0; i < rotary_ / 2; ++i) {
            double f = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(rotary_));
            if (factors && i < factors.columns) {
                f /= static_cast<double>(factors.at(i));
            } else {
                f /= factor;
            }
            frequency_.push_back(f);
        }
    }

    static void scale(vec& x, double by) {
        if (by == by)
            for (float& v : x) v *= static_cast<float>(by);
    }
    // Adds what a block gives to the stream.
    void add(vec& x, vec y) const {
        scale(y, h_.residual_scale);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
    }
    // `width` numbers at a time: the stream, or heads, which may have a row of weights each.
    void normalise(const linear& n, vec& x, std::size_t width) const {
        const std::size_t weights = n.weight.rows * n.weight.columns;
        for (std::size_t begin = 0; begin < x.size(); begin += width) {
            float mean = 0, squares = 0;
            for (std::size_t i = 0; layer_norm_ && i < width; ++i) mean += x[begin + i];
            mean /= static_cast<float>(width);
            for (std::size_t i = 0; i < width; ++i)
                squares += (x[begin + i] - mean) * (x[begin + i] - mean);
            const float s = 1 / std::sqrt(squares / static_cast<float>(width) + eps_);
            for (std::size_t i = 0; i < width; ++i) {
                float& v = x[begin + i];
                v = (v - mean) * s;
                if (weights != 0) v *= n.weight.at((begin + i) % weights);
                if (n.bias) v += n.bias.at((begin + i) % weights);
            }
        }
    }
    vec norm(const linear& n, vec x) const {
        if (n.weight || bare_) normalise(n, x, x.size());  // OLMo 2: none before a block
        return x;
    }
    vec post(const linear& n, vec x) const {
        if (n.weight) normalise(n, x, x.size());
        return x;
    }
    void head_norm(const linear& n, vec& x) const {
        if (!n.weight) return;
        // One row: a head's weights for all heads, or the whole vector's.
        const bool whole = n.weight.rows == 1 && n.weight.columns == x.size();
        normalise(n, x, whole ? x.size() : head_);
    }
    // Row i of a head and row i + rotary/2 are a pair: the order that was asked for.
    void rotate(vec& x) const {
        const std::size_t half = rotary_ / 2;
        for (std::size_t head = 0; head < x.size(); head += head_)
            for (std::size_t i = 0; i < half; ++i) {
                const double angle = static_cast<double>(position_) * frequency_[i];
                const auto c = static_cast<float>(std::cos(angle));
                const auto s = static_cast<float>(std::sin(angle));
                float &a = x[head + i], &b = x[head + i + half];
                const float turned = a * c - b * s;
                b = a * s + b * c;
                a = turned;
            }
    }
    static void softmax(vec& x) {
        const float most = *std::max_element(x.begin(), x.end());
        float sum = 0;
        for (float& v : x) sum += v = std::exp(v - most);
        for (float& v : x) v /= sum;
    }

    vec attention(layer& l, const vec& x) const {
        vec q = l.q(x), k = l.k(x);
        head_norm(l.q_norm, q);
        head_norm(l.k_norm, k);
        rotate(q);
        rotate(k);
        l.keys.push_back(std::move(k));
        l.values.push_back(l.v(x));
        const std::size_t width = l.values[0].size() / l.n_head_kv;  // of a head of v
        const auto by =
            static_cast<float>(said(h_.attn_scale, 1 / std::sqrt(static_cast<double>(head_))));
        const std::size_t window = static_cast<std::size_t>(h_.sliding_window);
        const std::size_t first = window == 0 || position_ < window ? 0 : position_ - window + 1;
        vec out(l.n_head * width);
        for (std::size_t h = 0; h < l.n_head; ++h) {
            const std::size_t kv = h / (l.n_head / l.n_head_kv);
            vec score(position_ + 1 - first);
            for (std::size_t p = first; p <= position_; ++p)
                for (std::size_t i = 0; i < head_; ++i)
                    score[p - first] += q[h * head_ + i] * l.keys[p][kv * head_ + i];
            for (float& s : score) s *= by;
            softmax(score);
            for (std::size_t p = first; p <= position_; ++p)
                for (std::size_t i = 0; i < width; ++i)
                    out[h * width + i] += score[p - first] * l.values[p][kv * width + i];
        }
        return l.attn_output(out);
    }

    // The feed-forward: dense, or the experts that the router likes best.
    vec mix(const layer& l, const vec& x) const {
        if (l.experts.empty()) return l.dense(x, f_.act.value);
        vec chance = l.router(x);
        std::vector<std::size_t> best(chance.size());
        for (std::size_t e = 0; e < best.size(); ++e) best[e] = e;
        std::stable_sort(best.begin(), best.end(),
                         [&](std::size_t a, std::size_t b) { return chance[a] > chance[b]; });
        best.resize(std::min(
            best.size(), static_cast<std::size_t>(h_.n_expert_used == 0 ? 1 : h_.n_expert_used)));
        softmax(chance);
        // softmax_weight is a softmax over the chosen: the same as making their sum 1.
        float sum = 0;
        for (const std::size_t e : best) sum += chance[e];
        if (!f_.expert_norm.value && h_.expert_gating != aka::hparams::gating::softmax_weight)
            sum = 1;
        vec out(x.size());
        for (const std::size_t e : best) {
            const vec y = l.experts[e](x, f_.act.value);
            const float weight = chance[e] / sum * static_cast<float>(said(h_.expert_scale, 1));
            for (std::size_t i = 0; i < y.size(); ++i) out[i] += weight * y[i];
        }
        if (!l.shared.down.weight) return out;
        const vec y = l.shared(x, f_.act.value);
        const float gate = l.shared_gate.weight ? 1 / (1 + std::exp(-l.shared_gate(x)[0])) : 1.0f;
        for (std::size_t i = 0; i < y.size(); ++i) out[i] += gate * y[i];
        return out;
    }

    const aka::llama& model_;
    const aka::hparams& h_;
    const aka::forward_hparams f_;
    aka::status trouble_;
    std::uint64_t used_ = 0;  // roles
    linear embedding_, output_norm_, output_, rope_freqs_;
    std::vector<layer> layers_;
    std::vector<double> frequency_;
    std::size_t head_ = 0, rotary_ = 0, position_ = 0;
    float eps_ = 0;
    bool layer_norm_ = false, bare_ = false;
};

// ---- the program -------------------------------------------------------------------------------

struct options {
    bool exact = false, json = false;
    std::string top = "5", path;
    std::vector<std::size_t> tokens;
};

std::string number(float v, bool exact) {
    if (!exact) return cli::shortest(v);
    char text[48];
    std::snprintf(text, sizeof text, "%a", static_cast<double>(v));
    return text;
}

int report(const aka::error& e, const options& o) {
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("path").string(o.path).key("error");
        cli::write_error(json, e);
        json.end();
    }
    cli::print_error(program, e);
    const bool no = e.code() == aka::errc::not_identified || e.code() == aka::errc::unsupported ||
                    e.code() == aka::errc::missing_tensor;
    return no ? answer_is_no : cannot_read_or_write;
}

int run(const options& o) {
    aka::llama_options how;
    how.rope = aka::rope_order::half;  // whatever the file has
    const auto model = aka::llama::open(o.path, how);
    if (!model) return report(model.error(), o);
    transformer t(*model);
    if (const auto r = t.load(); !r) return report(r.error(), o);
    vec logits;
    for (const std::size_t token : o.tokens) {
        if (token >= t.n_vocab()) {
            std::fprintf(stderr, "%s: token %zu: there are %zu\n", program, token, t.n_vocab());
            return bad_usage;
        }
        logits = t(token);
    }
    std::vector<std::size_t> best(logits.size());
    for (std::size_t i = 0; i < best.size(); ++i) best[i] = i;
    std::stable_sort(best.begin(), best.end(),
                     [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
    best.resize(std::min<std::size_t>(best.size(), std::strtoul(o.top.c_str(), nullptr, 10)));
    if (!o.json) {
        for (const std::size_t i : best)
            std::printf("%8zu  %s\n", i, number(logits[i], o.exact).c_str());
    } else {
        cli::json_writer json(stdout);
        const auto write = [&](float v) {
            o.exact ? json.string(number(v, true)) : json.number(v);
        };
        json.object(true).key("path").string(o.path);
        json.key("convention").string(model->source().convention()->id());
        json.key("top").array(true);
        for (const std::size_t i : best) {
            json.object().key("token").number(std::uint64_t{i}).key("logit");
            write(logits[i]);
            json.end();
        }
        json.end().key("logits").array();
        for (const float v : logits) write(v);
        json.end().end();
    }
    const bool good = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    return good ? fine : cannot_read_or_write;
}

bool read_numbers(const std::vector<std::string_view>& words, std::vector<std::size_t>& out) {
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string w(words[i]);
        if (w.size() > 9 || w.find_first_not_of("0123456789") != w.npos) return false;
        out.push_back(std::strtoul(w.c_str(), nullptr, 10));
    }
    return !out.empty();
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    cli::arguments args;
    args.flag("exact", o.exact);
    args.flag("json", o.json);
    args.option("top", o.top);
    bool answered = false;
    const bool good = args.parse(argc, argv, program, usage, answered);
    if (answered) return fine;
    if (!good || args.words().empty() || !read_numbers(args.words(), o.tokens)) {
        std::fprintf(stderr, "%s: %s (see --help)\n", program,
                     !good                  ? cli::escape(args.error()).c_str()
                     : args.words().empty() ? "which model?"
                                            : "tokens are whole numbers, at least one");
        return bad_usage;
    }
    o.path = args.words()[0];
    return run(o);
} catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return cannot_read_or_write;
}
