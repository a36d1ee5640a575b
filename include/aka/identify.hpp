// aka: which convention a checkpoint is written in, with proof: what matched, what did not, what is
// missing, and which other conventions would fit as well.
#include "version.hpp"

#ifndef AKA_IDENTIFY_HPP
#define AKA_IDENTIFY_HPP

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "checkpoint.hpp"
#include "fold.hpp"
#include "hparams.hpp"
#include "layout.hpp"
#include "names.hpp"
#include "renamed_as.hpp"

AKA_BEGIN

/// What one tensor's name says under the convention that was found. `row` is null where it says
/// nothing.
struct bound_name {
    const name_row* row = nullptr;    ///< null: no rule knows the name
    std::int32_t layer = -1;          ///< from 0
    std::int32_t expert = -1;         ///< from 0
    std::int32_t head = -1;           ///< from 0
    const part_info* part = nullptr;  ///< null: the name has none
    std::string_view part_text;       ///< as it stands in the name
};

/// A convention that fits. `unmatched` tensors, `missing` rows; `by_config` where model_type or
/// general.architecture says it.
struct candidate {
    const aka::convention* convention = nullptr;  ///< of the catalog
    std::uint64_t matched = 0;                    ///< tensors that its rules know
    std::uint64_t unmatched = 0;                  ///< tensors that they do not
    std::uint64_t missing = 0;                    ///< rules that no tensor follows, though one must
    std::uint64_t prefix = 0;  ///< how much of the names' beginnings it spells itself
    bool by_config = false;    ///< the config names its kind of model
};

/// A shape of names, with holes, and what is to be said of it.
struct shape_note {
    std::string_view pattern;  ///< numbers as {}
    std::uint64_t count = 0;   ///< tensors with such a name
    std::string_view words;    ///< of unmatched names: the nearest rule; of others: whose they are
};

/// What was found out about a checkpoint's names. Move-only; borrows from the catalog.
class identification {
  public:
    /// The convention, null when none fits. Where `ambiguous`, the first of several that do.
    const aka::convention* convention() const noexcept {
        return candidates_.empty() ? nullptr : candidates_[0].convention;
    }
    /// Whether this is a Llama-family model that can be bound. If not, `reason` says why.
    bool is_llama() const noexcept { return reason_.empty(); }
    /// Why nothing was identified; empty where it was.
    std::string_view reason() const noexcept { return reason_.view(); }

    /// The best, and all others that neither names nor config can tell from it and that would mean
    /// something else (another row order, another norm offset).
    span<const candidate> candidates() const noexcept AKA_LIFETIMEBOUND {
        return {candidates_.data(), candidates_.size()};
    }
    /// Whether several conventions fit, and nothing decides between them.
    bool ambiguous() const noexcept { return candidates_.size() > 1; }

    /// Tensors that the convention has a name for.
    std::uint64_t matched() const noexcept {
        return candidates_.empty() ? 0 : candidates_[0].matched;
    }
    /// Names that it has none for, folded.
    span<const shape_note> unmatched() const noexcept AKA_LIFETIMEBOUND { return view(unmatched_); }
    /// Tensors of something else that shares the file: a vision tower, a draft head.
    span<const shape_note> other() const noexcept AKA_LIFETIMEBOUND { return view(other_); }
    /// Rows of the convention that no tensor has.
    span<const name_row* const> missing() const noexcept AKA_LIFETIMEBOUND {
        return {missing_.data(), missing_.size()};
    }
    /// What was found around names and taken off: `model.language_model.`
    span<const std::string_view> wrappers() const noexcept AKA_LIFETIMEBOUND {
        return {wrappers_.data(), wrappers_.size()};
    }
    /// In the order of the checkpoint's tensors.
    span<const bound_name> names() const noexcept AKA_LIFETIMEBOUND {
        return {names_.data(), names_.size()};
    }
    /// All names, folded.
    const folded_names& folded() const noexcept AKA_LIFETIMEBOUND { return folded_; }
    /// What the checkpoint says of itself, and what its shapes say.
    const aka::hparams& hparams() const noexcept AKA_LIFETIMEBOUND { return hparams_; }

    /// Layers that names speak of: one more than the highest number.
    std::uint64_t n_layer() const noexcept { return n_layer_; }
    /// Experts of a layer; 0: none.
    std::uint64_t n_expert() const noexcept { return n_expert_; }

    /// The rows of q and k as stored.
    rope_order rope() const noexcept { return rope_; }
    /// The lengths of all axes in one layer, as far as hyper-parameters and shapes say.
    axis_sizes sizes(std::uint64_t layer = 0) const noexcept;

  private:
    friend class identifier;
    template <class T>
    static span<const T> view(const detail::growing<T>& g) noexcept {
        return {g.data(), g.size()};
    }

    folded_names folded_;
    aka::hparams hparams_;
    detail::arena text_;
    detail::growing<candidate> candidates_;
    detail::growing<shape_note> unmatched_, other_;
    detail::growing<const name_row*> missing_;
    detail::growing<std::string_view> wrappers_;
    detail::growing<bound_name> names_;
    std::uint64_t n_layer_ = 0, n_expert_ = 0;
    rope_order rope_ = rope_order::unknown;
    axis_sizes from_shapes_;
    detail::fixed_text<256> reason_;
};

inline axis_sizes identification::sizes(std::uint64_t layer) const noexcept {
    const aka::hparams& h = hparams_;
    axis_sizes z = from_shapes_;
    auto prefer = [](std::uint64_t said, std::uint64_t& to) {
        if (said != 0) to = said;
    };
    prefer(h.n_embd, z.x);
    prefer(h.n_head_kv_at(layer), z.kv);
    if (z.kv != 0 && h.n_head_at(layer) % z.kv == 0) prefer(h.n_head_at(layer) / z.kv, z.g);
    prefer(h.head_dim, z.head);
    prefer(h.head_dim_v != 0 ? h.head_dim_v : h.head_dim, z.d);
    prefer(h.n_rot, z.rotary);
    if (z.rotary == 0 && convention() != nullptr && convention()->rotary_percent() != 0)
        z.rotary = z.head * convention()->rotary_percent() / 100;
    if (z.rotary == 0 || z.rotary > z.head) z.rotary = z.head;
    prefer(h.n_ff_at(layer), z.f);
    prefer(h.n_ff_exp, z.f_exps);
    prefer(h.n_ff_shexp, z.f_shexp);
    prefer(h.n_expert != 0 ? h.n_expert : n_expert_, z.e);
    return z;
}

/// Identifies checkpoints; see `identify`.
class identifier {
  public:
    identifier(const catalog& c, aka::hparams h, renamed_as said = {}) noexcept
        : catalog_(c), said_(said) {
        id_.hparams_ = std::move(h);
    }

    /// `name(i)` and `dims(i)` (a shape, and whether there is one) of n tensors.
    template <class Name>
    status names(std::size_t n, Name name) noexcept {
        auto folded = folded_names::of(n, name);
        if (!folded) return folded.error();
        id_.folded_ = std::move(*folded.get_if());
        if (status s = score(); !s) return s;
        if (id_.candidates_.empty()) {
            id_.reason_ << "no convention knows any of these names";
            return all_unmatched();
        }
        if (status s = bind(); !s) return s;
        return judge();
    }
    /// What shapes say of the axes: sizes that hyper-parameters do not give.
    void shape_of(std::size_t i, const shape& dims) noexcept {
        const bound_name& b = id_.names_[i];
        if (b.row == nullptr || b.part == nullptr || b.part->kind != part_kind::weight ||
            b.row->roles.size() != 1 || !b.row->layout.empty() || dims.rank() < 1)
            return;
        axis_sizes& z = id_.from_shapes_;
        switch (b.row->roles[0]) {
            case role::token_embd:
                if (dims.rank() == 2) z.v = dims[0], z.x = dims[1];
                break;
            case role::output_norm:
                z.x = dims[0];
                break;
            case role::attn_q_norm:
                if (z.head == 0) z.head = z.d = dims.back();
                break;
            default:
                break;
        }
    }
    identification take() noexcept { return std::move(id_); }

  private:
    span<const convention* const> conventions() const noexcept { return catalog_.conventions(); }
    span<const name_shape> shapes() const noexcept { return id_.folded_.shapes(); }

    bool said_by_config(const convention& c) const noexcept {
        for (std::string_view t : c.model_types())
            if (t == id_.hparams_.model_type) return true;
        return false;
    }

    // Every convention against every shape: how many tensors it reads, and which rows go without.
    status score() noexcept {
        std::size_t n = conventions().size();
        detail::growing<candidate> all;
        detail::growing<std::uint8_t> seen;  // of the catalog's rows
        if (!all.resize(n) || !seen.resize(catalog_.row_count())) return detail::no_memory();
        for (std::size_t i = 0; i < n; ++i) all[i].convention = conventions()[i];
        detail::growing<std::uint32_t> last;  // the shape that a convention counted last
        if (!last.resize(n)) return detail::no_memory();
        std::uint64_t total = 0;
        std::uint32_t k = 0;
        for (const name_shape& s : shapes()) {
            ++k;
            total += s.count;
            catalog_.match(s, [&](const shape_match& m) {
                seen[m.row->number] = 1;
                for (std::uint16_t c : catalog_.used_by(*m.row)) {
                    if (last[c] == k) continue;
                    last[c] = k;
                    // What is not of this model is no proof for a convention, nor against it.
                    bool proof = m.row->is_tensor();
                    // But a convention that is known only to be refused has nothing else.
                    if (!proof && !conventions()[c]->not_llama().empty())
                        proof = catalog_.used_by(*m.row).size() != n && !m.row->drop;
                    if (proof) all[c].matched += s.count;
                    if (begins_itself(s.prefix, m.row->prefix))
                        all[c].prefix += s.count * (1 + m.row->prefix.size());
                    all[c].unmatched += s.count;
                }
            });
        }
        for (candidate& c : all) {
            c.unmatched = total - c.unmatched;
            c.by_config = said_by_config(*c.convention);
            for (const name_row* row : c.convention->rows())
                // Any model may have tied its output to the embedding: no proof either way.
                if (row->is_tensor() && !row->optional && !row->also && seen[row->number] == 0 &&
                    !row->holds(role::output) && !role_seen(*c.convention, *row, seen))
                    ++c.missing;
        }
        return choose(all);
    }
    // Whether what stands in front of a name ends with what the rule begins with.
    // `base_model.model.` is one wrapper, PEFT's: its second word is not the model's.
    static bool begins_itself(std::string_view around, std::string_view own) noexcept {
        constexpr std::string_view peft = "base_model.model.";
        if (detail::starts_with(around, peft)) around.remove_prefix(peft.size());
        if (!detail::ends_with(around, own)) return false;
        std::size_t left = around.size() - own.size();
        return own.empty() || left == 0 || detail::is_separator(around[left - 1]);
    }
    // Whether another row of the convention that was seen holds the same roles.
    static bool role_seen(const convention& c, const name_row& row,
                          const detail::growing<std::uint8_t>& seen) noexcept {
        std::uint64_t left = row.role_set;
        for (const name_row* other : c.rows())
            if (seen[other->number] != 0) left &= ~other->role_set;
        return left == 0;
    }
    // Names first; a config that contradicts them is not believed. Among equals the one that the
    // config names, then the one that asks for least.
    static bool better(const candidate& a, const candidate& b) noexcept {
        if (a.unmatched != b.unmatched) return a.unmatched < b.unmatched;
        if (a.missing != b.missing) return a.missing < b.missing;
        // Wrappers are taken off before names are looked up; here they tell InternLM2 (`model.`)
        // from gpt-fast, which has the same names bare and other rows behind them.
        if (a.prefix != b.prefix) return a.prefix > b.prefix;
        return a.by_config && !b.by_config;
    }
    status choose(const detail::growing<candidate>& all) noexcept {
        const candidate* best = nullptr;
        // GGUF's names say nothing of the architecture, its metadata does: GPT-2 is GPT-2.
        if (id_.hparams_.source == hparams_source::gguf)
            for (const candidate& c : all)
                if (c.by_config && !c.convention->not_llama().empty())
                    return id_.candidates_.push(c) ? status() : status(detail::no_memory());
        for (const candidate& c : all)
            if (c.matched != 0 && (best == nullptr || better(c, *best))) best = &c;
        if (best == nullptr) return {};
        // Who renamed it knows best, unless somebody has given it other names since.
        for (const candidate& c : all)
            if (c.convention == said_.convention && c.matched != 0 &&
                c.unmatched == best->unmatched && c.missing == best->missing)
                return id_.candidates_.push(c) ? status() : status(detail::no_memory());
        said_ = {};
        detail::growing<std::uint64_t> meaning, listed;
        if (status r = meanings(meaning); !r) return r;
        for (const candidate* c = all.begin(); c != all.end(); ++c) {
            const candidate* next = c == all.begin() ? best : c;
            if (c != all.begin() && c == best) next = all.begin();
            if (next != best &&
                (next->matched == 0 || better(*best, *next) || better(*next, *best)))
                continue;
            std::uint64_t m = meaning[static_cast<std::size_t>(next - all.begin())];
            bool known = false;
            for (std::uint64_t other : listed) known = known || other == m;
            if (known) continue;
            if (!listed.push(m) || !id_.candidates_.push(*next)) return detail::no_memory();
        }
        return {};
    }
    // What the tensors at hand mean under each convention, as a number: roles, layout, offset of
    // each shape. Conventions with one number are one answer under several ids.
    status meanings(detail::growing<std::uint64_t>& out) const noexcept {
        std::size_t n = conventions().size();
        if (!out.resize(n)) return detail::no_memory();
        for (std::size_t i = 0; i < n; ++i) {
            const convention& c = *conventions()[i];
            out[i] = detail::hash_step(
                static_cast<std::uint64_t>(c.rope()) << 8 | static_cast<std::uint64_t>(c.norm()),
                detail::hash_name(c.not_llama()));
        }
        std::uint64_t k = 0;
        for (const name_shape& s : shapes()) {
            ++k;
            catalog_.match(s, [&](const shape_match& m) {
                if (!m.row->is_tensor()) return;
                std::uint64_t row = detail::hash_step(m.row->role_set, k);
                row = detail::hash_step(row, detail::hash_name(m.row->layout));
                for (std::uint16_t c : catalog_.used_by(*m.row)) {
                    std::uint64_t offset = 0;
                    for (role r : m.row->roles)
                        offset = offset * 2 +
                                 static_cast<std::uint64_t>(conventions()[c]->norm_offset(r));
                    out[c] += detail::hash_step(row, offset);
                }
            });
        }
        return {};
    }
    bool in(const convention& c, const name_row& row) const noexcept {
        for (std::uint16_t i : catalog_.used_by(row))
            if (conventions()[i] == &c) return true;
        return false;
    }

    std::string_view readable(std::string_view shape_text) noexcept {
        std::size_t holes = 0;
        for (char c : shape_text) holes += c == name_hole;
        auto* p = static_cast<char*>(id_.text_.allocate(shape_text.size() + holes + 1, 1));
        if (p == nullptr) return shape_text;
        std::size_t n = 0;
        for (char c : shape_text) {
            p[n++] = c == name_hole ? '{' : c;
            if (c == name_hole) p[n++] = '}';
        }
        return {p, n};
    }
    status all_unmatched() noexcept {
        if (!id_.names_.resize(id_.folded_.size())) return detail::no_memory();
        for (const name_shape& s : shapes())
            if (!id_.unmatched_.push(shape_note{readable(s.text), s.count, {}}))
                return detail::no_memory();
        return {};
    }

    // Every name under the convention that was chosen.
    status bind() noexcept {
        const convention& c = *id_.convention();
        id_.rope_ = c.rope();
        if (id_.hparams_.rope_rows == aka::hparams::row_order::half_split)
            id_.rope_ = rope_order::half;
        if (said_.convention == &c) id_.rope_ = said_.rope;
        if (!id_.names_.resize(id_.folded_.size())) return detail::no_memory();
        detail::growing<shape_match> match;
        detail::growing<const part_info*> part;
        if (!match.resize(shapes().size()) || !part.resize(shapes().size()))
            return detail::no_memory();
        detail::growing<std::uint8_t> seen;
        if (!seen.resize(catalog_.row_count())) return detail::no_memory();
        std::size_t k = 0;
        for (const name_shape& s : shapes()) {
            shape_match& found = match[k];
            found = {};
            catalog_.match(s, [&](const shape_match& m) {
                if (in(c, *m.row) && (found.row == nullptr || m.row->is_tensor())) found = m;
            });
            if (found.row != nullptr) {
                seen[found.row->number] = 1;
                std::string_view text = found.part.empty() ? found.row->part : found.part;
                part[k] = find_part(text.empty() ? std::string_view("weight") : text);
                found.part = text.empty() ? std::string_view("weight") : text;
            }
            ++k;
            if (status r = note_shape(s, found); !r) return r;
        }
        for (std::size_t i = 0; i < id_.folded_.size(); ++i) {
            const folded_name& f = id_.folded_[i];
            const shape_match& m = match[f.shape];
            bound_name& b = id_.names_[i];
            b = {};
            if (m.row == nullptr) continue;
            parsed_name p = m.at(f.number);
            b.row = m.row;
            b.layer = p.layer;
            b.expert = p.expert;
            b.head = p.head;
            b.part = part[f.shape];
            b.part_text = m.part;
            if (!m.row->is_tensor()) continue;
            if (p.layer >= 0 && static_cast<std::uint64_t>(p.layer) >= id_.n_layer_)
                id_.n_layer_ = static_cast<std::uint64_t>(p.layer) + 1;
            if (p.expert >= 0 && static_cast<std::uint64_t>(p.expert) >= id_.n_expert_)
                id_.n_expert_ = static_cast<std::uint64_t>(p.expert) + 1;
        }
        bool tied = c.tied() == tied_kind::yes || id_.hparams_.tied == aka::hparams::answer::yes;
        for (const name_row* row : c.rows())
            if (row->is_tensor() && !row->optional && !row->also && seen[row->number] == 0 &&
                !role_seen(c, *row, seen) && !(tied && row->holds(role::output)) &&
                !id_.missing_.push(row))
                return detail::no_memory();
        return {};
    }
    status note_shape(const name_shape& s, const shape_match& m) noexcept {
        if (m.row == nullptr) {
            if (!id_.unmatched_.push(shape_note{readable(s.text), s.count, nearest(s.core)}))
                return detail::no_memory();
            return {};
        }
        if (m.row->other && !id_.other_.push(shape_note{readable(s.text), s.count, m.row->words}))
            return detail::no_memory();
        if (!m.row->is_tensor()) return {};
        // What the rule itself begins with is no wrapper.
        std::string_view around = s.prefix, own = m.row->prefix;
        std::size_t n = around.size() - own.size();
        if (around.size() >= own.size() && around.substr(n) == own &&
            (n == 0 || own.empty() || detail::is_separator(around[n - 1])))
            around = around.substr(0, n);
        if (around.empty()) return {};
        for (std::string_view w : id_.wrappers_)
            if (w == around) return {};
        return id_.wrappers_.push(around) ? status() : status(detail::no_memory());
    }
    // The rule that shares most of its beginning and end with a name: a hint, no more.
    std::string_view nearest(std::string_view core) const noexcept {
        std::string_view best;
        std::size_t most = 3;
        for (const name_row* row : id_.convention()->rows()) {
            if (!row->is_tensor()) continue;
            std::size_t head = 0, tail = 0;
            std::string_view stem = row->stem;
            while (head < core.size() && head < stem.size() && core[head] == stem[head]) ++head;
            while (tail + head < core.size() && tail + head < stem.size() &&
                   core[core.size() - 1 - tail] == stem[stem.size() - 1 - tail])
                ++tail;
            if (head + tail > most) {
                most = head + tail;
                best = row->pattern;
            }
        }
        return best;
    }

    // Whether what was found is a model of the family.
    status judge() noexcept {
        const convention& c = *id_.convention();
        if (!c.not_llama().empty()) {
            id_.reason_ << c.not_llama();
            return {};
        }
        std::uint64_t roles = 0, lora = 0, tensors = 0;
        for (const bound_name& b : id_.names_) {
            if (b.row == nullptr || !b.row->is_tensor()) continue;
            ++tensors;
            if (b.part != nullptr &&
                (b.part->scheme.substr(0, 4) == "LoRA" || b.part->scheme.substr(0, 4) == "DoRA"))
                ++lora;
            roles |= b.row->role_set;
        }
        if (lora != 0 && lora == tensors) {
            id_.reason_ << "an adapter without its base: all of its " << lora
                        << " tensors are LoRA parts";
            return {};
        }
        auto any = [&](std::initializer_list<role> of) {
            for (role r : of)
                if ((roles >> static_cast<unsigned>(r) & 1) != 0) return true;
            return false;
        };
        const char* lacks = nullptr;
        if (!any({role::token_embd}))
            lacks = "an embedding";
        else if (!any({role::attn_q, role::attn_q_b, role::attn_kv_a_mqa, role::ssm_in}))
            lacks = "queries";
        else if (!any({role::attn_output, role::ssm_out}))
            lacks = "an attention output";
        else if (!any({role::ffn_down, role::ffn_down_exps}))
            lacks = "a feed-forward";
        if (lacks != nullptr)
            id_.reason_ << "by its names it is nearest to " << c.id() << ", but has no name for "
                        << lacks;
        return {};
    }

    const catalog& catalog_;
    renamed_as said_;
    identification id_;
};

/// Identifies a checkpoint by its names, its shapes and the hyper-parameters that it comes with.
/// Works on names alone (an index): then sizes remain open. The catalog must outlive the result.
/// Errors: those of reading hyper-parameters; out_of_memory. What does not fit is no error: the
/// result says so.
inline result<identification> identify(const checkpoint& c, const catalog& known) noexcept {
    result<hparams> h = hparams::of(c);
    if (!h) return h.error();
    identifier i(known, std::move(*h.get_if()), renamed_as::of(c.metadata(), known));
    if (status s = i.names(c.size(), [&](std::size_t k) { return c[k].name(); }); !s)
        return s.error();
    for (std::size_t k = 0; k < c.size(); ++k) {
        tensor t = c[k];
        if (t.has_shape()) i.shape_of(k, t.shape());
    }
    return i.take();
}

/// The same for a list of names. Errors: out_of_memory.
inline result<identification> identify(span<const std::string_view> names, hparams h,
                                       const catalog& known) noexcept {
    identifier i(known, std::move(h));
    if (status s = i.names(names.size(), [&](std::size_t k) { return names[k]; }); !s)
        return s.error();
    return i.take();
}

AKA_END

#endif  // AKA_IDENTIFY_HPP
