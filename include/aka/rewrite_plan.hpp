// aka: what a rewrite would do, tensor by tensor, before anything is written.
#include "version.hpp"

#ifndef AKA_REWRITE_PLAN_HPP
#define AKA_REWRITE_PLAN_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "adapt.hpp"
#include "provenance.hpp"
#include "renamed.hpp"
#include "rewrite_steps.hpp"

AKA_BEGIN

/// What a rewrite is to make of a checkpoint. Everything in it is borrowed until the plan is made.
struct rewrite_options {
    /// Names and layout, as `target::convention` says; empty: they stay, but for the rules.
    std::string_view to;
    rope_order rope = rope_order::unknown;  ///< unknown: the convention's own
    /// Renamed first, by the first rule that fits: what the convention then reads.
    span<const rename_rule> rules;
    /// Back to what the metadata say that it was: `to` and `rules` are not looked at.
    bool undo = false;
    /// Tensors that the convention does not know keep their names instead of stopping the plan.
    bool keep_unmatched = false;
    /// The format of the files to be written; `index`: as the source.
    checkpoint_format container = checkpoint_format::index;
    /// What quantised tensors become where the format cannot hold them; unknown: they stop the
    /// plan.
    aka::dtype dequantize = dtype::unknown;
};

/// A tensor to be written.
struct planned_tensor {
    std::string_view name;                   ///< as written
    rewrite_step step = rewrite_step::keep;  ///< what has to be done
    aka::dtype dtype = dtype::unknown;       ///< as written
    std::uint64_t bytes = 0;                 ///< as written
    /// Bytes that do not lie in a file as they are wanted: 0 is an edit of the header.
    std::uint64_t moved = 0;
    std::uint32_t file = 0;  ///< of the source, that it goes with

    /// @cond
    // for the plan
    std::uint32_t at = 0;  // in the adapter, or in the checkpoint where it is kept
    bool adapted = false;
    std::uint32_t first_source = 0, sources = 0;
    /// @endcond
};

/// Why nothing may be written, or (of drops) why a tensor is left out.
struct plan_remark {
    errc code = errc::none;  ///< what kind of remark it is
    std::string_view name;   ///< of a tensor
    std::string_view why;    ///< for people
};

/// Made by `plan_rewrite`. Keeps the checkpoint's store alive; the catalog must outlive it.
class rewrite_plan {
  public:
    /// How many tensors there will be.
    std::size_t size() const noexcept { return items_.size(); }
    /// In the order in which they are written.
    const planned_tensor& operator[](std::size_t i) const noexcept AKA_LIFETIMEBOUND {
        return items_[i];
    }
    /// What gives the bytes of a planned tensor: under its new shape, of the old or new name.
    tensor view(std::size_t i) const noexcept AKA_LIFETIMEBOUND {
        const planned_tensor& p = items_[i];
        return p.adapted ? (*adapter_.get_if())[p.at] : source()[p.at];
    }
    /// The tensors of the source that it is made of, by their places there; none: it is computed.
    span<const std::uint32_t> sources(std::size_t i) const noexcept AKA_LIFETIMEBOUND {
        return {sources_.data() + items_[i].first_source, items_[i].sources};
    }
    /// The checkpoint under the names that the rules give; without rules the checkpoint itself.
    const checkpoint& source() const noexcept AKA_LIFETIMEBOUND { return source_; }
    /// The checkpoint as it is.
    const checkpoint& original() const noexcept AKA_LIFETIMEBOUND { return original_; }
    /// The name that a tensor of the source has in its file, rules or not.
    std::string_view original_name(std::uint32_t source) const noexcept AKA_LIFETIMEBOUND {
        return original_[original_place_.empty() ? source : original_place_[source]].name();
    }
    /// Null where no convention is asked for.
    const adapter* adapted() const noexcept AKA_LIFETIMEBOUND { return adapter_.get_if(); }
    /// The format of the files to be written.
    checkpoint_format container() const noexcept { return container_; }

    /// Why nothing may be written; none: the plan can be carried out.
    span<const plan_remark> problems() const noexcept AKA_LIFETIMEBOUND { return view_of(bad_); }
    /// Whether it can be carried out: see `problems`.
    bool ok() const noexcept { return bad_.empty(); }
    /// Tensors that are left out: buffers without weights, what a rule drops.
    span<const plan_remark> dropped() const noexcept AKA_LIFETIMEBOUND { return view_of(drops_); }

    /// Of all tensors: bytes that do not lie in the files as they are wanted.
    std::uint64_t bytes_moved() const noexcept { return moved_; }
    /// Tensors to which this is done.
    std::uint64_t count(rewrite_step s) const noexcept {
        return s == rewrite_step::drop ? drops_.size() : counts_[static_cast<unsigned>(s)];
    }
    /// Whether no name, type or place changes at all.
    bool nothing_to_do() const noexcept {
        return count(rewrite_step::keep) == size() && drops_.empty();
    }

    /// The value for the key `aka.renamed`; empty where nothing is to be undone. It holds the value
    /// of an earlier rewrite, which undoing brings back, so that it can be undone in turn.
    /// `undoable` tells whether the names can be led back exactly, and if not, why.
    std::string_view provenance() const noexcept AKA_LIFETIMEBOUND { return provenance_; }
    /// Whether the names can be led back exactly; the error says why not.
    status undoable() const noexcept { return undoable_; }
    /// Whether this plan leads back itself.
    bool undoes() const noexcept { return undoes_; }

  private:
    friend class plan_builder;
    rewrite_plan(checkpoint original, checkpoint source) noexcept
        : original_(std::move(original)), source_(std::move(source)) {}
    static span<const plan_remark> view_of(const detail::growing<plan_remark>& g) noexcept {
        return {g.data(), g.size()};
    }

    checkpoint original_, source_;                   // source_: under the names that the rules give
    detail::growing<std::uint32_t> original_place_;  // of a tensor of source_; empty: the same
    result<adapter> adapter_ = error(errc::not_found);
    detail::growing<planned_tensor> items_;
    detail::growing<std::uint32_t> sources_;
    detail::growing<plan_remark> bad_, drops_;
    detail::arena text_;
    std::string_view provenance_;
    status undoable_;
    std::uint64_t moved_ = 0;
    std::uint64_t counts_[rewrite_step_count] = {};
    checkpoint_format container_ = checkpoint_format::safetensors;
    bool undoes_ = false;
};

namespace detail {
/// The format of a checkpoint's files.
inline checkpoint_format container_of(const checkpoint& c) noexcept {
    return c.format() == checkpoint_format::gguf ? checkpoint_format::gguf
                                                 : checkpoint_format::safetensors;
}
}  // namespace detail

/// Makes one plan; see `plan_rewrite`.
class plan_builder {
  public:
    plan_builder(const checkpoint& c, const rewrite_options& o, const catalog& known) noexcept
        : original_(c), options_(o), catalog_(known) {}

    result<rewrite_plan> make() noexcept {
        if (status s = read_provenance(); !s) return s.error();
        if (status s = rename_source(); !s) return s.error();
        rewrite_plan& p = *plan_;
        p.container_ = options_.container != checkpoint_format::index
                           ? options_.container
                           : detail::container_of(original_);
        if (!places_.start(p.source_)) return detail::no_memory();
        if (status s = options_.to.empty() ? keep_all() : adapt_all(); !s) return s.error();
        if (status s = undo_rules(); !s) return s.error();
        if (status s = check(); !s) return s.error();
        if (status s = options_.undo ? keep_earlier() : write_provenance(); !s) return s.error();
        return std::move(p);
    }

  private:
    status problem(errc code, std::string_view name, std::string_view why) noexcept {
        return remark(plan_->bad_, code, name, why);
    }
    status remark(detail::growing<plan_remark>& to, errc code, std::string_view name,
                  std::string_view why) noexcept {
        const char* kept = plan_->text_.copy(why);
        bool room = kept != nullptr && to.push({code, name, {kept, why.size()}});
        return room ? status() : status(detail::no_memory());
    }

    // --- what the names are before a convention reads them

    status read_provenance() noexcept {
        metadata_value v = original_.metadata().find(provenance_key);
        if (!options_.undo) {
            // What cannot be read can be led back to by nobody.
            result<std::string_view> text = v ? v.as_string() : std::string_view();
            result<provenance> p = text ? provenance::parse(*text.get_if()) : text.error();
            if (p) before_ = *text.get_if();
            return p.code() == errc::out_of_memory ? status(p.error()) : status();
        }
        if (!v)
            return detail::fail(errc::not_found, error::nowhere,
                                "there is nothing to undo: no key ", provenance_key,
                                " in the metadata")
                .in(original_.folder());
        result<std::string_view> text = v.as_string();
        if (!text) return text.error();
        result<provenance> p = provenance::parse(*text.get_if());
        if (!p) return p.error();
        earlier_ = std::move(*p.get_if());
        options_.to = earlier_.from;
        options_.rope = earlier_.rope;
        options_.rules = {};
        return {};
    }
    status rename_source() noexcept {
        detail::growing<std::uint32_t> dropped;
        bool room = true;
        result<checkpoint> view = renamed(original_, [&](std::uint32_t i, auto put) {
            std::string_view name = original_[i].name();
            const rename_rule* r = detail::rule_list::find(options_.rules, name);
            if (r == nullptr) return put(name), true;
            if (r->drops()) return room = dropped.push(i) && room, false;
            return r->apply(name, put);
        });
        if (view.code() == errc::duplicate_name) return rules_collide();
        if (!view) return view.error();
        if (!room) return detail::no_memory();
        made_ = rewrite_plan(original_, std::move(*view.get_if()));
        plan_ = made_.get_if();
        for (const rename_rule& r : options_.rules) {
            bool used = false;
            for (std::uint32_t i = 0; i < original_.size() && !used; ++i)
                used = detail::rule_list::find(options_.rules, original_[i].name()) == &r;
            if (used) continue;
            if (status s = problem(errc::not_found, r.from(), "no tensor has a name like this"); !s)
                return s;
        }
        std::size_t next = 0;
        for (std::uint32_t i = 0; !dropped.empty() && i < original_.size(); ++i) {
            bool drops = next < dropped.size() && dropped[next] == i;
            next += drops;
            if (!drops && !plan_->original_place_.push(i)) return detail::no_memory();
            if (!drops) continue;
            if (status s = remark(plan_->drops_, errc::none, original_[i].name(), "by a rule"); !s)
                return s;
        }
        plan_->undoes_ = options_.undo;
        return {};
    }

    // Nothing is renamed then, so that the plan can be shown; and nothing will be written.
    AKA_COLD status rules_collide() noexcept {
        made_ = rewrite_plan(original_, original_);
        plan_ = made_.get_if();
        options_.to = {};
        span<const rename_rule> rules = options_.rules;
        detail::growing<std::string_view> names;
        status s;
        for (std::uint32_t i = 0; i < original_.size(); ++i) {
            if (!detail::rule_list::spell(rules, original_[i].name(), name_))
                return detail::no_memory();
            const char* kept = plan_->text_.copy(name_.view());
            if (kept == nullptr || !names.push(std::string_view(kept, name_.view().size())))
                return detail::no_memory();
        }
        detail::name_index index;
        auto o = index.build(
            names.size(), [&](std::size_t i) { return names[i]; },
            [&](std::size_t i) { return detail::hash_name(names[i]); },
            [&](std::uint32_t a, std::uint32_t b) {
                if (s) s = collision(names[b], original_[a].name(), original_[b].name());
                return a;
            });
        return o == detail::name_index::outcome::no_memory ? detail::no_memory() : s;
    }
    status collision(std::string_view name, std::string_view a, std::string_view b) noexcept {
        detail::fixed_text<240> why;
        why << "two tensors would have this name: " << detail::quoted{a} << " and "
            << detail::quoted{b};
        return problem(errc::collision, name, why.view());
    }

    // --- what is written

    status add(planned_tensor p, span<const std::uint32_t> from) noexcept {
        p.first_source = static_cast<std::uint32_t>(plan_->sources_.size());
        p.sources = static_cast<std::uint32_t>(from.size());
        bool room = plan_->sources_.append(from.data(), from.size()) && plan_->items_.push(p);
        return room ? status() : status(detail::no_memory());
    }
    status keep(std::uint32_t i) noexcept {
        tensor t = plan_->source_[i];
        planned_tensor p;
        p.name = t.name();
        p.at = i;
        p.file = t.file_index();
        p.dtype = t.dtype();
        p.bytes = t.size_bytes();
        if (plan_->original_name(i) != t.name()) p.step = rewrite_step::rename;
        return add(p, {&i, 1});
    }
    status keep_all() noexcept {
        for (std::uint32_t i = 0; i < plan_->source_.size(); ++i)
            if (status s = keep(i); !s) return s;
        return {};
    }
    status adapt_all() noexcept {
        target to;
        to.convention = options_.to;
        to.rope = options_.rope;
        to.rows = {earlier_.rows.data(), earlier_.rows.size()};
        plan_->adapter_ = adapt(plan_->source_, to, catalog_);
        if (!plan_->adapter_) return plan_->adapter_.error();
        const adapter& a = *plan_->adapter_.get_if();
        detail::growing<std::uint32_t> from;
        for (std::uint32_t i = 0; i < a.size(); ++i) {
            tensor t = a[i];
            from.clear();
            if (!places_.sources(t, a.keep()->tensors[i].at, from)) return detail::no_memory();
            planned_tensor p;
            p.name = t.name();
            p.at = i;
            p.adapted = true;
            p.dtype = t.dtype();
            p.bytes = t.size_bytes();
            p.file = from.empty() ? 0 : plan_->source_[from[0]].file_index();
            p.step = detail::step_of(t, plan_->source_, {from.data(), from.size()});
            if (p.step == rewrite_step::keep && plan_->original_name(from[0]) != t.name())
                p.step = rewrite_step::rename;
            p.moved = t.is_packed() && p.step != rewrite_step::compute ? 0 : p.bytes;
            if (status s = add(p, {from.data(), from.size()}); !s) return s;
        }
        return rest(a);
    }
    // What the adapter has no place for: in the order of the source, as its ledger is.
    status rest(const adapter& a) noexcept {
        std::size_t next = 0;
        for (std::uint32_t i = 0; i < plan_->source_.size() && next < a.unbound().size(); ++i) {
            tensor t = plan_->source_[i];
            const ledger_entry& e = a.unbound()[next];
            if (e.name.data() != t.name().data()) continue;
            ++next;
            const bound_name& b = a.source().names()[i];
            status s;
            if (b.row != nullptr && b.row->drop)
                s = remark(plan_->drops_, errc::none, t.name(), e.why);
            else if (b.row != nullptr && b.row->other)
                s = plan_->container_ == detail::container_of(original_)
                        ? keep(i)
                        : remark(plan_->drops_, errc::none, t.name(), e.why);
            else if (options_.keep_unmatched)
                s = keep(i);
            else
                s = problem(errc::not_found, t.name(), e.why);
            if (!s) return s;
        }
        return {};
    }
    // Back from the names that a convention makes to those that were.
    status undo_rules() noexcept {
        if (!options_.undo || earlier_.rules.size() == 0) return {};
        for (planned_tensor& p : plan_->items_) {
            const rename_rule* r = detail::rule_list::find(earlier_.rules.rules(), p.name);
            if (r == nullptr || r->drops()) continue;
            if (!detail::rule_list::spell(earlier_.rules.rules(), p.name, name_))
                return detail::no_memory();
            const char* kept = plan_->text_.copy(name_.view());
            if (kept == nullptr) return detail::no_memory();
            p.name = {kept, name_.view().size()};
            bool same =
                p.sources == 1 && plan_->source_[plan_->sources_[p.first_source]].name() == p.name;
            if (p.step == rewrite_step::rename && same) p.step = rewrite_step::keep;
            if (p.step == rewrite_step::keep && !same) p.step = rewrite_step::rename;
        }
        return {};
    }

    // --- whether it can be

    status check() noexcept {
        auto& items = plan_->items_;
        detail::name_index names;
        status s;
        auto o = names.build(
            items.size(), [&](std::size_t i) { return items[i].name; },
            [&](std::size_t i) { return detail::hash_name(items[i].name); },
            [&](std::uint32_t a, std::uint32_t b) {
                if (s) s = collision(items[b].name, first_name(items[a]), first_name(items[b]));
                return a;
            });
        if (o == detail::name_index::outcome::no_memory) return detail::no_memory();
        if (!s) return s;
        for (planned_tensor& p : items) {
            if (status r = check(p); !r) return r;
            plan_->moved_ += p.moved;
            ++plan_->counts_[static_cast<unsigned>(p.step)];
        }
        return {};
    }
    std::string_view first_name(const planned_tensor& p) const noexcept {
        if (p.sources == 0) return "a computed tensor";
        return plan_->source_[plan_->sources_[p.first_source]].name();
    }
    status check(planned_tensor& p) noexcept {
        constexpr std::size_t ggml_longest_name = 63;  // GGML_MAX_NAME less the NUL
        tensor t = p.adapted ? (*plan_->adapter_.get_if())[p.at] : plan_->source_[p.at];
        detail::fixed_text<200> why;
        if (plan_->container_ == checkpoint_format::gguf) {
            if (p.name.size() > ggml_longest_name)
                why << "a name of " << p.name.size() << " bytes, ggml reads at most "
                    << ggml_longest_name;
            else if (t.has_shape() && t.shape().rank() > 4)
                why << t.shape().rank() << " dimensions, GGUF has at most 4";
            else if (t.has_shape() && t.ggml_type() < 0)
                why << "GGUF has no type " << t.dtype_name();
        } else if (t.has_shape() && t.dtype() != dtype::unknown &&
                   !info(t.dtype()).in_safetensors) {
            if (options_.dequantize != dtype::unknown) return dequantize(p, t);
            why << "safetensors has no type " << t.dtype_name()
                << ": ask for F32, F16 or BF16 (--dequantize), or write GGUF";
        } else if (t.has_shape() && t.dtype() == dtype::unknown && p.moved != 0) {
            why << "its type is not known, so it cannot be put into another layout";
        }
        return why.empty() ? status() : problem(errc::unsupported, p.name, why.view());
    }
    status dequantize(planned_tensor& p, const tensor& t) noexcept {
        p.dtype = options_.dequantize;
        p.step = rewrite_step::compute;
        if (!detail::bytes_of(p.dtype, t.elements(), p.bytes))
            return problem(errc::size_overflow, p.name, "too large");
        p.moved = p.bytes;
        return {};
    }

    // --- how it can be undone

    // What the names would be after undoing, against what they are now.
    status write_provenance() noexcept {
        rewrite_plan& p = *plan_;
        if (p.nothing_to_do()) return {};
        detail::rule_finder rules;
        const convention* from = p.adapter_ ? p.adapter_.get_if()->source().convention() : nullptr;
        status s = lead_back(rules, from);
        if (!s) {
            if (s.code() == errc::out_of_memory) return s;
            return p.undoable_ = s, status();
        }
        detail::text_writer out;
        provenance::write(
            out, from == nullptr ? std::string_view() : from->id(),
            from == nullptr ? std::string_view() : p.adapter_.get_if()->convention().id(),
            from == nullptr ? rope_order::unknown : p.adapter_.get_if()->source().rope(),
            from == nullptr ? rope_order::unknown : other_rope(*p.adapter_.get_if()),
            {rows_.data(), rows_.size()}, rules, before_);
        const char* kept = out.ok() ? p.text_.copy(out.view()) : nullptr;
        if (kept == nullptr) return detail::no_memory();
        p.provenance_ = {kept, out.view().size()};
        return {};
    }
    // Of the target, where it is not the convention's own.
    static rope_order other_rope(const adapter& a) noexcept {
        rope_order is = a.resolved().rope;
        return is == a.convention().rope() ? rope_order::unknown : is;
    }
    status keep_earlier() noexcept {
        const char* kept = plan_->text_.copy(earlier_.before);
        if (kept == nullptr) return detail::no_memory();
        plan_->provenance_ = {kept, earlier_.before.size()};
        return {};
    }
    // The rows of a pair are found again only where as much of each head is known to turn.
    static status same_rotary(const adapter& a) noexcept {
        const hparams& h = a.hparams();
        const axis_sizes z = a.source().sizes();
        std::uint64_t read = z.head;
        if (unsigned percent = a.convention().rotary_percent(); percent != 0)
            read = z.head * percent / 100;
        bool said = h.n_rot != 0 || read == z.rotary;
        if (said || a.source().rope() == a.resolved().rope) return {};
        return detail::fail(errc::unsupported, error::nowhere, "convention ", a.convention().id(),
                            " turns ", read, " rows of each head, this model ", z.rotary);
    }
    status lead_back(detail::rule_finder& rules, const convention* from) noexcept {
        if (from != nullptr)
            if (status s = same_rotary(*plan_->adapter_.get_if()); !s) return s;
        for (int pass = 0; pass < 2; ++pass)
            for (std::uint32_t i = 0; i < plan_->source_.size(); ++i) {
                std::string_view is = plan_->original_name(i), would_be;
                if (status s = undone(i, from, would_be); !s) return s;
                if (would_be.empty() || (pass != 0 && rules.leads(would_be, is))) continue;
                if (status s = rules.add(would_be, is); !s) return s;
            }
        return {};
    }
    // What undoing makes of the name of tensor i before its rules.
    status undone(std::uint32_t i, const convention* from, std::string_view& out) noexcept {
        std::string_view now = plan_->source_[i].name();
        out = now;
        if (from == nullptr) return {};
        const bound_name& b = plan_->adapter_.get_if()->source().names()[i];
        if (b.row == nullptr || b.row->other) return {};
        if (b.row->drop) return out = {}, status();
        const name_row* row = b.row;
        // What is only read is written by another row, if by any.
        if (row->also) {
            bool others = false;
            for (const name_row* r : from->rows()) {
                if (!r->is_tensor() || r->also || (r->role_set & b.row->role_set) == 0 ||
                    !has_name_for(*r, b.part_text))
                    continue;
                others = true;
                if (same_layout(*r, *b.row)) row = r;
            }
            // By none that has its layout: then undoing has to ask for this one.
            if (others && row->also && !note_row(row->pattern)) return detail::no_memory();
        }
        coordinate at;
        at.layer = b.layer;
        at.expert = b.expert;
        at.head = b.head;
        at.part = row->has_part ? b.part_text : row->part;
        name_.clear();
        status made = detail::spell(*row, at, [&](std::string_view piece) { name_ << piece; });
        if (!made) return made;
        if (!name_.ok()) return detail::no_memory();
        return out = name_.view(), status();
    }

    bool note_row(std::string_view pattern) noexcept {
        for (std::string_view p : rows_)
            if (p == pattern) return true;
        return rows_.push(pattern);
    }
    static bool has_name_for(const name_row& row, std::string_view part) noexcept {
        if (!row.has_part)
            return part == (row.part.empty() ? std::string_view("weight") : row.part);
        return part != "weight" || row.pattern.find("_{part}") == std::string_view::npos;
    }
    static bool same_layout(const name_row& a, const name_row& b) noexcept {
        bool same = a.role_set == b.role_set && a.layout == b.layout;
        for (hole_kind h : {hole_kind::expert, hole_kind::head})
            same = same && detail::has_hole(a, h) == detail::has_hole(b, h);
        return same;
    }

    const checkpoint& original_;
    rewrite_options options_;
    const catalog& catalog_;
    provenance earlier_;                      // to be undone
    std::string_view before_;                 // the key's value, where nothing is to be undone
    detail::growing<std::string_view> rows_;  // patterns that undoing needs; see target::rows
    detail::source_places places_;
    detail::text_writer name_;
    result<rewrite_plan> made_ = error(errc::none);
    rewrite_plan* plan_ = nullptr;  // in it
};

/// Plans to rewrite a checkpoint. That a plan is not `ok()` is no error: it says why. Errors: those
/// of adapting; bad_json, not_found (nothing to undo); collision of names that rules make;
/// out_of_memory.
inline result<rewrite_plan> plan_rewrite(const checkpoint& c, const rewrite_options& o,
                                         const catalog& known) noexcept {
    return plan_builder(c, o, known).make();
}

AKA_END

#endif  // AKA_REWRITE_PLAN_HPP
