// aka: second thoughts when all roles are given: what contradicts another name, or what its
// fellows make doubtful, is open again.
#ifndef AKA_INFER_DOUBTS_HPP
#define AKA_INFER_DOUBTS_HPP

#include <cstdint>

#include "config.hpp"
#include "infer_puzzle.hpp"
#include "infer_units.hpp"
#include "infer_words.hpp"
#include "role_set.hpp"
#include "roles.hpp"

AKA_BEGIN
namespace detail {

class doubt_stage {
  public:
    explicit doubt_stage(unknown_names& in) noexcept : in_(in) {}
    void run() noexcept {
        for (int pass = 0; pass < 2; ++pass) {
            std::uint64_t once[2] = {}, twice[2] = {};
            for (const name_unit& u : in_.units) {
                int b = u.is_bias ? 1 : 0;
                for (unsigned i = 0; i < u.role_count; ++i) {
                    twice[b] |= once[b] & bit(u.roles[i]);
                    once[b] |= bit(u.roles[i]);
                }
            }
            for (name_unit& u : in_.units) {
                bool clash = false;
                std::uint64_t set = 0;
                for (unsigned i = 0; i < u.role_count; ++i) {
                    set |= bit(u.roles[i]);
                    clash = clash || (twice[u.is_bias ? 1 : 0] & bit(u.roles[i])) != 0;
                }
                if (!clash) continue;
                u.role_count = 0;
                u.is = 0;
                u.candidates = set;
                u.why = "another name looks like the same role";
            }
        }
        // Hybrid models (Qwen3-Next) put a gate into q; only shapes could show that.
        bool hybrid = false;
        for (const name_unit& u : in_.units)
            hybrid = hybrid || (u.in_layer() &&
                                ((u.sure & about::recurrent) != 0 || linear_attention(u.stem)));
        for (name_unit& u : in_.units)
            if (hybrid && u.is == matrix::q && u.shape.rank() == 0) {
                u.role_count = 0;
                u.is = 0;
                u.candidates = bit(role::attn_q) | bit(role::attn_q_gate);
                u.why = "beside linear attention q may hold a gate, and there are no shapes";
            }
        // A dense feed-forward in the layers that have experts is something else: a shared expert.
        std::uint32_t from = nothing, to = 0;
        for (const name_unit& u : in_.units)
            if (u.role_count != 0 && u.wide == width::experts && u.is != 0) {
                if (u.low < from) from = u.low;
                if (u.high > to) to = u.high;
            }
        for (name_unit& u : in_.units) {
            if (u.role_count == 0 || u.wide != width::dense ||
                (u.is & matrix::of_feed_forward) == 0 || from == nothing || u.low > to ||
                u.high < from)
                continue;
            u.leave_open(u.is, width::dense);
            for (role r : {role::ffn_gate_shexp, role::ffn_up_shexp, role::ffn_down_shexp})
                u.candidates |= bit(r);
            u.role_count = 0;
            u.is = 0;
            u.why = "beside experts: a dense feed-forward, or a shared expert";
        }
    }

  private:
    unknown_names& in_;
};

}  // namespace detail
AKA_END

#endif  // AKA_INFER_DOUBTS_HPP
