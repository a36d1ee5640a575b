// Two checkpoints, tensor by tensor: which belong together, and what there is to say of each pair.
#ifndef AKA_CLI_COMPARED_HPP
#define AKA_CLI_COMPARED_HPP

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comparison.hpp"
#include "hparams_text.hpp"
#include "placed.hpp"
#include "values.hpp"
#include "verdict_table.hpp"

namespace cli {

struct compared {
    const placed *a = nullptr, *b = nullptr;  // null: there is none on this side
    verdict status = verdict::missing;
    bool counts = true;  // false: to be missing is no difference here
    bool measured = false;
    similarity alike;
    rounding allowed;
    std::string note;

    const placed& any() const { return a != nullptr ? *a : *b; }
};

struct differing_field {
    std::string name, a, b;
};

// What both sides say of the architecture, and say differently. How long a context is, and how
// weights are packed, is not the architecture.
inline std::vector<differing_field> differing_fields(
    const std::vector<std::pair<std::string, std::string>>& a,
    const std::vector<std::pair<std::string, std::string>>& b) {
    std::vector<differing_field> out;
    for (const auto& [name, x] : a) {
        if (name == "n_ctx" || name == "quant_method") continue;
        for (const auto& [other, y] : b) {
            if (name != other || x == y) continue;
            // GGUF keeps numbers as float32.
            char *x_end = nullptr, *y_end = nullptr;
            const float u = std::strtof(x.c_str(), &x_end), v = std::strtof(y.c_str(), &y_end);
            const bool numbers = x_end != x.c_str() && y_end != y.c_str();
            if (!numbers || u < v || v < u) out.push_back({name, x, y});
        }
    }
    return out;
}
inline std::vector<std::pair<std::string, std::string>> said_pairs(const aka::hparams& h) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const said_field& f : said_fields(h)) out.emplace_back(f.name, f.value);
    return out;
}
inline std::vector<differing_field> differing_fields(const aka::hparams& a, const aka::hparams& b) {
    return differing_fields(said_pairs(a), said_pairs(b));
}

inline std::uint64_t names_in_common(const aka::checkpoint& a, const aka::checkpoint& b) {
    std::uint64_t n = 0;
    for (const aka::tensor t : a) n += static_cast<bool>(b.find(t.name()));
    return n;
}

class compared_checkpoints {
  public:
    compared_checkpoints(placed_checkpoint& a, placed_checkpoint& b, unsigned threads)
        : a_(a), b_(b), threads_(threads) {}
    compared_checkpoints(const compared_checkpoints&) = delete;
    compared_checkpoints& operator=(const compared_checkpoints&) = delete;

    aka::status run() {
        choose_layout();
        left_ = a_.tensors();
        right_ = b_.tensors();
        match();
        if (aka::status s = compare(); !s) return s;
        return by_role_ ? try_other_orders() : aka::status();
    }

    // In the order of the model.
    const std::vector<compared>& all() const { return all_; }
    bool by_role() const { return by_role_; }
    // In which order the rows of q and k were compared.
    aka::rope_order rope() const { return rope_; }
    bool same_architecture() const {
        if (by_role_ && !differing_fields(a_.model().hparams(), b_.model().hparams()).empty())
            return false;
        for (const compared& c : all_) {
            if (c.status == verdict::missing && c.counts) return false;
            if (c.a != nullptr && c.b != nullptr && c.a->tensor.shape() != c.b->tensor.shape())
                return false;
        }
        return true;
    }

  private:
    // One row order for both: halves if they can be made of both, otherwise as both have them.
    void choose_layout() {
        using aka::rope_order;
        by_role_ = true;
        for (const rope_order want : {rope_order::half, rope_order::interleaved}) {
            rope_ = want;
            if (a_.bind(want) && b_.bind(want)) return;
        }
        rope_ = rope_order::unknown;
        if (a_.bind(rope_) && b_.bind(rope_) && a_.stored_rope() == b_.stored_rope()) {
            rope_ = a_.stored_rope();
            return;
        }
        // By their names, then.
        a_.unbind();
        b_.unbind();
        by_role_ = false;
    }

    void match() {
        auto x = left_.begin(), y = right_.begin();
        while (x != left_.end() || y != right_.end()) {
            compared c;
            if (y == right_.end() || (x != left_.end() && *x < *y))
                c.a = &*x++;
            else if (x == left_.end() || *y < *x)
                c.b = &*y++;
            else
                c.a = &*x++, c.b = &*y++;
            fill_in(c);
            all_.push_back(std::move(c));
        }
    }
    // What one side has and the other makes of something else.
    void fill_in(compared& c) {
        if (c.a != nullptr && c.b != nullptr) return;
        const placed& p = c.any();
        const placed_checkpoint& other = c.a == nullptr ? a_ : b_;
        const char* side = c.a == nullptr ? "A" : "B";
        if (p.role == aka::role::output && p.part == "weight" && by_role_ && other.tied()) {
            for (const placed& e : c.a == nullptr ? left_ : right_)
                if (e.role == aka::role::token_embd && e.part == "weight")
                    (c.a == nullptr ? c.a : c.b) = &e;
            c.note = std::string("tied to the embedding in ") + side;
            return;
        }
        c.note = std::string("not in ") + side;
        if (is_factor(p.role)) {
            c.counts = false;
            c.note += ": follows from hyper-parameters";
        }
    }

    aka::status compare() {
        std::deque<pair_of_tensors> pairs;
        std::vector<compared*> of;
        for (compared& c : all_) {
            if (c.a == nullptr || c.b == nullptr) continue;
            pairs.emplace_back(row_source(c.a->tensor, *c.a->list),
                               row_source(c.b->tensor, *c.b->list));
            of.push_back(&c);
        }
        if (aka::status s = comparison(threads_).run(pairs); !s) return s;
        for (std::size_t i = 0; i < of.size(); ++i) judge(pairs[i], *of[i]);
        return {};
    }
    static void add_note(compared& c, const std::string& text) {
        (c.note += c.note.empty() ? "" : "; ") += text;
    }
    static void judge(const pair_of_tensors& p, compared& c) {
        c.measured = p.measured;
        c.alike = p.alike;
        c.allowed = p.same_type ? rounding() : p.allowed();
        c.status = p.equal       ? verdict::equal
                   : p.within()  ? verdict::converted
                   : p.same_rows ? verdict::row_order
                                 : verdict::different;
        // Computed in another order, the last bit may be another one.
        if (c.status == verdict::different && p.measured && is_factor(c.any().role) &&
            p.alike.worst_error() < 1e-6)
            c.status = verdict::converted;
        if (p.same_rows && !p.equal) add_note(c, "the same rows in another order");
        if (!p.same_shape)
            add_note(c, "shapes " + shape_text(p.a.tensor()) + " and " + shape_text(p.b.tensor()));
        else if (!p.trouble.empty())
            add_note(c, p.trouble);
        else if (!p.equal && !p.measured && !p.same_rows)
            add_note(c, "compared as bytes");
        else if (!p.equal && p.same_type && p.measured && p.alike.differ() == 0)
            add_note(c, "bits differ, but no number as float32");
    }

    // What hyper-parameters give where a file has no tensor of it.
    static bool is_factor(aka::role r) {
        return r == aka::role::rope_freqs || r == aka::role::rope_factors_long ||
               r == aka::role::rope_factors_short;
    }
    static bool turns(aka::role r) {
        return r == aka::role::attn_q || r == aka::role::attn_k || r == aka::role::attn_q_norm ||
               r == aka::role::attn_k_norm;
    }
    // Rows of q and k that are not in the order that names and metadata say: equal when one side is
    // put into the other order once more.
    aka::status try_other_orders() {
        std::vector<compared*> suspects;
        for (compared& c : all_)
            if ((c.status == verdict::different || c.status == verdict::row_order) &&
                turns(c.any().role) && c.a != nullptr && c.b != nullptr)
                suspects.push_back(&c);
        if (suspects.empty() || rope_ == aka::rope_order::none) return {};
        const auto other =
            rope_ == aka::rope_order::half ? aka::rope_order::interleaved : aka::rope_order::half;
        const auto x = a_.bound_in(other), y = b_.bound_in(other);
        if (!x || !y) return {};
        const std::vector<placed> left = placed_checkpoint::of(*x),
                                  right = placed_checkpoint::of(*y);
        for (const bool turn_b : {true, false}) {
            std::deque<pair_of_tensors> pairs;
            std::vector<compared*> of;
            for (compared* c : suspects) {
                const std::vector<placed>& turned = turn_b ? right : left;
                const placed& p = turn_b ? *c->b : *c->a;
                const auto at = std::find_if(turned.begin(), turned.end(),
                                             [&](const placed& q) { return q.key() == p.key(); });
                if (at == turned.end()) continue;
                const row_source plain(turn_b ? c->a->tensor : c->b->tensor,
                                       turn_b ? *c->a->list : *c->b->list);
                const row_source moved(at->tensor, *at->list);
                pairs.emplace_back(turn_b ? plain : moved, turn_b ? moved : plain);
                of.push_back(c);
            }
            if (aka::status s = comparison(threads_).run(pairs); !s) return s;
            for (std::size_t i = 0; i < of.size(); ++i) {
                if (!pairs[i].equal && !pairs[i].within()) continue;
                of[i]->status = verdict::row_order;
                of[i]->note = "equal if the rows of q and k in " + suspect(turn_b);
                suspects.erase(std::find(suspects.begin(), suspects.end(), of[i]));
            }
        }
        return {};
    }
    // Which side's rows may be in the other order than is said: one whose rows, taken as said, were
    // turned once too often or not at all.
    std::string suspect(bool turn_b) const {
        const auto is = [](const placed_checkpoint& c, aka::rope_order r) {
            return c.stored_rope() == r;
        };
        const bool a_may = is(a_, turn_b ? aka::rope_order::half : aka::rope_order::interleaved);
        const bool b_may = is(b_, turn_b ? aka::rope_order::interleaved : aka::rope_order::half);
        const auto say = [&](const placed_checkpoint& c, const char* side) {
            const bool half = is(c, aka::rope_order::half);
            return std::string(side) + " are taken as " + (half ? "interleaved" : "half") +
                   ", not " + (half ? "half" : "interleaved");
        };
        if (a_may && b_may) return say(a_, "A") + ", or those in " + say(b_, "B");
        if (a_may) return say(a_, "A");
        if (b_may) return say(b_, "B");
        return turn_b ? "B are turned once more" : "A are turned once more";
    }

    placed_checkpoint &a_, &b_;
    unsigned threads_;
    bool by_role_ = false;
    aka::rope_order rope_ = aka::rope_order::unknown;
    std::vector<placed> left_, right_;
    std::vector<compared> all_;
};

}  // namespace cli

#endif  // AKA_CLI_COMPARED_HPP
