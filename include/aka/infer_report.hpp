// aka: the units and what they got, as an inference: names, evidence, layouts, what is open, and
// whether it is all that a Llama-like model needs.
#ifndef AKA_INFER_REPORT_HPP
#define AKA_INFER_REPORT_HPP

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "config.hpp"
#include "error.hpp"
#include "fold.hpp"
#include "hparams.hpp"
#include "infer_puzzle.hpp"
#include "infer_table.hpp"
#include "infer_units.hpp"
#include "infer_words.hpp"
#include "inference.hpp"
#include "role_set.hpp"
#include "roles.hpp"
#include "shape.hpp"
#include "table_compiler.hpp"
#include "text_writer.hpp"

AKA_BEGIN
namespace detail {

class infer_report {
  public:
    infer_report(const unknown_names& in, inference& out) noexcept : in_(in), out_(out) {}

    /// False: there is no memory.
    bool run() noexcept {
        out_.n_layer_ = in_.n_layer;
        out_.n_expert_ = in_.n_expert;
        out_.n_embd_ = in_.n_embd;
        if (!report()) return false;
        text_writer t;
        infer_table(in_, out_).print(t);
        return settle(t) && keep(out_.table_, t.view());
    }

  private:
    // Names of a stranger may meet in the grammar that do not in the file, as `model/a` and
    // `model.a` do: a row that cannot stand beside the others becomes a comment that says so.
    // Who brings many of them gets no rows from there on.
    bool settle(text_writer& t) noexcept {
        constexpr unsigned most = 64;
        for (unsigned refused = 0;; ++refused) {
            tables beside;
            std::string_view text = t.view();
            status s = t.ok() ? table_compiler(beside).add({&text, 1}, false, {}) : no_memory();
            if (s) return true;
            if (s.code() == errc::out_of_memory) return false;
            out_.complete_ = false;
            std::size_t at = static_cast<std::size_t>(s.error().offset());
            at = at < text.size() ? text.rfind('\n', at) + 1 : 0;
            text_writer next;
            next << text.substr(0, at);
            do {
                std::size_t end = text.find('\n', at);
                std::string_view line = text.substr(at, end - at);
                next << "  # " << line << "  (cannot stand here: " << s.error().detail() << ")\n";
                at = end + 1;
            } while (refused == most && at < text.size());
            next << text.substr(at);
            t = std::move(next);
        }
    }
    bool report() noexcept {
        text_writer t;
        std::uint64_t have = 0;
        for (const name_unit& u : in_.units) {
            inferred_row r;
            t.clear();
            spell(u, t);
            if (!t.ok() || !keep(r.pattern, t.view())) return false;
            bool own_bias = u.bias != nothing && u.weight != nothing && !u.has_part;
            if (own_bias && !keep(r.bias_pattern, in_.patterns[u.bias].text)) return false;
            r.tensors = u.tensors;
            if (u.shape.rank() <= shape::inline_rank) r.shape = u.shape;
            std::memcpy(r.roles, u.roles, sizeof r.roles);
            r.role_count = u.role_count;
            r.by = static_cast<evidence>(u.by);
            r.candidates = u.candidates;
            r.drop = u.drop;
            r.bias = u.is_bias && u.role_count != 0;
            if (u.why != nullptr && u.role_count == 0) r.why = u.why;
            if (u.tower && u.role_count == 0) r.why = "of something else, or not in every layer";
            t.clear();
            each_word(u.stem, [&](std::string_view w, std::string_view lower) {
                word_meaning m = meaning_of(lower);
                if (((m.sure | m.likely) & ~says_nothing & ~about::layer) == 0) return;
                if (!t.view().empty()) t << " ";
                t << w;
            });
            if (!t.ok() || !keep(r.words, t.view())) return false;
            t.clear();
            if (u.shape.rank() != 0) {
                t << "[";
                for (std::uint32_t i = 0; i < u.shape.rank() && i < 8; ++i)
                    t << (i == 0 ? "" : ", ") << u.shape[i];
                t << "]" << (in_.sizes.x != 0 ? ", width " : "");
                if (in_.sizes.x != 0) t << in_.sizes.x;
                if (u.turned) t << ", transposed";
            }
            if (!t.ok() || !keep(r.facts, t.view())) return false;
            if (u.role_count != 0) {
                int way = 0;
                r.order_open = order_open(u, way);
                r.layout = layout_of(u, way);
                if (r.order_open) r.other_layout = layout_of(u, 1);
                if (!r.order_open && !u.is_bias)
                    for (unsigned i = 0; i < u.role_count; ++i) have |= bit(u.roles[i]);
            }
            if (u.role_count == 0 && !u.drop) ++out_.open_;
            if (!out_.rows_.push(r)) return false;
        }
        if (in_.h != nullptr) {
            if (in_.h->alibi == hparams::answer::yes) out_.rope_ = rope_order::none;
            if (in_.h->rope_rows == hparams::row_order::half_split) out_.rope_ = rope_order::half;
            if (in_.h->rope_rows == hparams::row_order::interleaved)
                out_.rope_ = rope_order::interleaved;
        }
        auto all = [&](std::initializer_list<role> roles) {
            for (role r : roles)
                if ((have & bit(r)) == 0) return false;
            return true;
        };
        out_.complete_ =
            all({role::token_embd, role::attn_q, role::attn_k, role::attn_v, role::attn_output}) &&
            (all({role::ffn_gate, role::ffn_up, role::ffn_down}) ||
             all({role::ffn_gate_exps, role::ffn_up_exps, role::ffn_down_exps}));
        return true;
    }
    // A pattern in the grammar. Only parts behind . / _ can be {part}.
    void spell(const name_unit& u, text_writer& t) const noexcept {
        if (u.has_part && !u.stem.empty() && (is_separator(u.stem.back()) || u.stem.back() == '_'))
            t << u.stem << "{part}";
        else
            t << in_.name_of(u);
    }
    // In the grammar; of a fused tensor the first or the second way.
    static std::string_view layout_of(const name_unit& u, int way) noexcept {
        bool t = u.turned, three = u.shape.rank() == 3;
        switch (u.is) {
            case matrix::q:
                return t ? "attn_q x , kv g s i" : "";
            case matrix::k:
                return t ? "attn_k x , kv s i" : "";
            case matrix::v:
                return t ? "attn_v x , kv d" : "";
            case matrix::o:
                return t ? "attn_output kv g d , x" : "";
            case matrix::qkv:
                if (way == 0)
                    return t ? "x , (q kv g s i + k kv s i + v kv d)"
                             : "(q kv g s i + k kv s i + v kv d) x";
                return t ? "x , kv (q g s i + k s i + v d)" : "kv (q g s i + k s i + v d) x";
            case matrix::kv:
                if (way == 0) return t ? "x , (k kv s i + v kv d)" : "(k kv s i + v kv d) x";
                return t ? "x , kv (k s i + v d)" : "kv (k s i + v d) x";
            case matrix::router:
                return t ? "ffn_gate_inp x , e" : "";
            default:
                break;
        }
        if (u.is == 0) {
            if (u.role_count != 1 || !t) return "";
            return u.roles[0] == role::output       ? "output x , v"
                   : u.roles[0] == role::token_embd ? "token_embd x , v"
                                                    : "";
        }
        if (u.is == matrix::gate_up) {
            switch (u.wide) {
                case width::dense:
                    if (way == 0) return t ? "x , (gate f + up f)" : "(gate f + up f) x";
                    return t ? "x , f (gate + up)" : "f (gate + up) x";
                case width::shared:
                    if (way == 0)
                        return t ? "x , (gate_shexp f + up_shexp f)"
                                 : "(gate_shexp f + up_shexp f) x";
                    return t ? "x , f (gate_shexp + up_shexp)" : "f (gate_shexp + up_shexp) x";
                case width::experts:
                    break;
            }
            if (three) {
                if (way == 0)
                    return t ? "e , x , (gate_exps f + up_exps f)"
                             : "e , (gate_exps f + up_exps f) , x";
                return t ? "e , x , f (gate_exps + up_exps)" : "e , f (gate_exps + up_exps) , x";
            }
            if (way == 0)
                return t ? "x , (gate_exps f + up_exps f)" : "(gate_exps f + up_exps f) x";
            return t ? "x , f (gate_exps + up_exps)" : "f (gate_exps + up_exps) x";
        }
        if (!t) return "";
        constexpr std::string_view turned[3][3] = {
            {"ffn_gate x , f", "ffn_up x , f", "ffn_down f , x"},
            {"gate_exps x , f", "up_exps x , f", "down_exps f , x"},
            {"gate_shexp x , f", "up_shexp x , f", "down_shexp f , x"},
        };
        constexpr std::string_view stacked[3] = {"gate_exps e , x , f", "up_exps e , x , f",
                                                 "down_exps e , f , x"};
        unsigned m = u.is == matrix::gate ? 0 : u.is == matrix::up ? 1 : 2;
        if (three) return stacked[m];
        return turned[static_cast<unsigned>(u.wide)][m];
    }
    // Whether nobody says which rows of a fused tensor are whose; else `way`.
    bool order_open(const name_unit& u, int& way) const noexcept {
        way = 0;
        fused_order said = fused_order::unsaid;
        if (u.is == matrix::qkv || u.is == matrix::kv) {
            said = in_.options.qkv;
            // With one kv head both ways are the same rows.
            if (in_.h != nullptr && in_.h->n_head_kv == 1 && !in_.h->layers_differ()) return false;
        } else if (u.is == matrix::gate_up) {
            said = in_.options.gate_up;
        } else {
            return false;
        }
        way = said == fused_order::groups ? 1 : 0;
        return said == fused_order::unsaid;
    }
    // Text to where the inference keeps it.
    bool keep(std::string_view& to, std::string_view s) noexcept {
        const char* p = out_.text_.copy(s);
        to = {p, p == nullptr ? 0 : s.size()};
        return p != nullptr;
    }

    const unknown_names& in_;
    inference& out_;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_REPORT_HPP
