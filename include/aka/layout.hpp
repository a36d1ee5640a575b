// aka: layouts. Every trick of the family (fused tensors, RoPE row orders, stacked experts,
// transpositions) is a way to put a role's axes in memory; walking two layouts of one role and
// zipping their strides gives the boxes that copy one into the other.
#ifndef AKA_LAYOUT_HPP
#define AKA_LAYOUT_HPP

#include <cstdint>
#include <string_view>

#include "box.hpp"
#include "dtype.hpp"
#include "error.hpp"
#include "roles.hpp"

AKA_BEGIN

/// How long the axes of one layer are. `f` differs between the dense, the expert and the shared
/// feed-forward.
struct axis_sizes {
    std::uint64_t v = 0;        ///< rows of the embedding
    std::uint64_t x = 0;        ///< width of the residual stream
    std::uint64_t kv = 0;       ///< heads of k and v
    std::uint64_t g = 0;        ///< heads of q for each of those
    std::uint64_t d = 0;        ///< a head of v
    std::uint64_t head = 0;     ///< a head of q and k: the same in most models
    std::uint64_t rotary = 0;   ///< rows of a head that turn: 2 * i; the rest of them is r
    std::uint64_t f = 0;        ///< rows of gate, dense layers
    std::uint64_t f_exps = 0;   ///< rows of gate, one expert
    std::uint64_t f_shexp = 0;  ///< rows of gate, all shared experts together
    std::uint64_t e = 0;        ///< experts

    /// All of them.
    friend bool operator==(const axis_sizes& a, const axis_sizes& b) noexcept {
        return a.v == b.v && a.x == b.x && a.kv == b.kv && a.g == b.g && a.d == b.d &&
               a.head == b.head && a.rotary == b.rotary && a.f == b.f && a.f_exps == b.f_exps &&
               a.f_shexp == b.f_shexp && a.e == b.e;
    }
    /// How long an axis of this role is.
    std::uint64_t of(axis a, role r) const noexcept {
        switch (a) {
            case axis::v:
                return v;
            case axis::x:
                return x;
            case axis::kv:
                return kv;
            case axis::g:
                return g;
            case axis::s:
                return 2;
            case axis::i:
                return rotary / 2;
            case axis::r:
                return head - rotary;
            case axis::d:
                return d;
            case axis::e:
                return e;
            case axis::f:
                break;
        }
        if (is_expert(r)) return f_exps;
        bool shared =
            r == role::ffn_gate_shexp || r == role::ffn_up_shexp || r == role::ffn_down_shexp;
        return shared ? f_shexp : f;
    }
};

/// Where a role lies in a tensor: element `base`, and a stride for each of its axes. A head's
/// rotary rows and the `rest` behind them are two places.
struct atom_axis {
    aka::axis axis;        ///< which one
    std::uint64_t n;       ///< its size
    std::uint64_t stride;  ///< elements from one to the next
};
/// How one role lies in a tensor: its axes with their lengths and strides, in elements.
struct atom_place {
    static constexpr unsigned most_axes = 6;  ///< that an atom can have
    aka::role role = role::none;              ///< whose elements they are
    bool rest = false;                        ///< those of a head that do not turn
    std::uint8_t axes = 0;                    ///< in use
    std::uint64_t base = 0;                   ///< element of the tensor where it begins
    atom_axis axis[most_axes] = {};           ///< the first `axes`

    /// Null where the role has no such axis here.
    const atom_axis* find(aka::axis a) const noexcept {
        for (unsigned i = 0; i < axes; ++i)
            if (axis[i].axis == a) return &axis[i];
        return nullptr;
    }
    /// Keeps steps [first, first + count) of an axis. False: the place does not have them.
    bool restrict_to(aka::axis a, std::uint64_t first, std::uint64_t count) noexcept {
        for (unsigned i = 0; i < axes; ++i) {
            if (axis[i].axis != a) continue;
            if (first > axis[i].n || count > axis[i].n - first) return false;
            base += first * axis[i].stride;
            axis[i].n = count;
            return true;
        }
        return false;
    }
};

/// All places of one tensor, and its shape.
struct placement {
    static constexpr unsigned most_atoms = 8;  ///< in one tensor
    static constexpr unsigned most_dims = 4;   ///< of a tensor
    std::uint8_t atoms = 0;                    ///< in use
    std::uint8_t rank = 0;                     ///< dimensions in use
    bool opaque = false;                       ///< `*`: one thing, its shape its own affair
    atom_place atom[most_atoms];               ///< where each lies
    std::uint64_t dims[most_dims] = {};        ///< row-major, outermost first
    std::uint64_t elements = 0;                ///< their product

    /// Null where the tensor does not hold this role (or, `rest`: rows behind its rotary part).
    const atom_place* find(role r, bool rest = false) const noexcept {
        for (unsigned i = 0; i < atoms; ++i)
            if (atom[i].role == r && atom[i].rest == rest) return &atom[i];
        return nullptr;
    }
};

namespace detail {

/// Reads a layout's text; see names.hpp for the grammar. Used twice: to check a table (no sizes
/// needed) and to walk.
class layout_walk {
  public:
    /// `rope` decides the order of `s i` in a role's own layout; a written layout says it itself.
    layout_walk(std::string_view text, role own, rope_order rope, const axis_sizes& sizes,
                bool inputs) noexcept
        : text_(text), sizes_(sizes), inputs_(inputs) {
        if (text_.empty()) {
            text_ = info(own).axes;
            swap_pair_ = rope == rope_order::interleaved;
            commas_ = true;
        }
        own_ = own;
        vocabulary_ = own == role::token_embd || own == role::output ||
                      text_.find(name(role::token_embd)) != std::string_view::npos;
    }

    status operator()(placement& out) noexcept {
        out = placement();
        out_ = &out;
        if (text_ == "*") {
            out.opaque = true;
            out.atoms = 1;
            out.atom[0].role = own_;
            return {};
        }
        commas_ = text_.find(',') != std::string_view::npos;
        first_ = first_role();
        // Extents are products over what stands to the right, so the text is read from its end:
        // once to measure, then once more from the front with every stride known.
        std::uint64_t total = 0;
        pos_ = 0;
        if (!extent_of_seq(total, own_)) return bad();
        if (pos_ != text_.size()) return what_ = "unexpected text", bad();
        out.elements = total;
        pos_ = 0;
        atom_place path;
        path.role = own_;
        std::uint64_t inner = 1;
        if (!place_seq(path, total, inner)) return bad();
        if (!shape()) return bad();
        return {};
    }
    std::uint64_t error_at() const noexcept { return pos_; }

  private:
    enum class token : std::uint8_t { end, open, close, plus, comma, word };

    status bad() const noexcept {
        return fail(errc::bad_layout, error::nowhere, "layout ", quoted{text_}, ", column ",
                    pos_ + 1, ": ", what_ == nullptr ? "malformed" : what_);
    }
    bool stop(const char* what) noexcept {
        if (what_ == nullptr) what_ = what;
        return false;
    }

    token peek(std::string_view& word) noexcept {
        while (pos_ < text_.size() && text_[pos_] == ' ') ++pos_;
        if (pos_ >= text_.size()) return token::end;
        switch (text_[pos_]) {
            case '(':
                return token::open;
            case ')':
                return token::close;
            case '+':
                return token::plus;
            case ',':
                return token::comma;
            default:
                break;
        }
        std::size_t end = text_.find_first_of(" ()+,", pos_);
        word = text_.substr(pos_, end == std::string_view::npos ? end : end - pos_);
        return token::word;
    }
    bool axis_named(std::string_view word, axis& a) const noexcept {
        // `v` is the vocabulary in the two roles that have one, and else the short name of attn_v.
        if (word == axis_names[0] && !vocabulary_) return false;
        for (unsigned i = 0; i < axis_count; ++i)
            if (axis_names[i] == word) return a = static_cast<axis>(i), true;
        return false;
    }
    static bool contains(std::string_view axes, axis a) noexcept {
        std::string_view n = axis_names[static_cast<unsigned>(a)];
        for (std::size_t at = 0; at < axes.size();) {
            std::size_t end = axes.find(' ', at);
            if (end == std::string_view::npos) end = axes.size();
            if (axes.substr(at, end - at) == n) return true;
            at = end + 1;
        }
        return false;
    }
    // The role that decides which axes are inputs where none is in force yet (outer axes).
    role first_role() const noexcept {
        if (own_ != role::none) return own_;
        for (std::size_t at = 0; at < text_.size();) {
            std::size_t from = text_.find_first_not_of(" ()+,", at);
            if (from == std::string_view::npos) break;
            at = text_.find_first_of(" ()+,", from);
            if (at == std::string_view::npos) at = text_.size();
            axis a;
            std::string_view word = text_.substr(from, at - from);
            if (!axis_named(word, a)) return role_from_name(word);
        }
        return role::none;
    }
    bool is_input(axis a) const noexcept { return contains(info(first_).inputs, a); }

    // One item: an axis, the pair `s i` or `i s` (with the rest of the head behind it), an atom's
    // name, a comma, or a sum in parentheses.
    struct item {
        enum : std::uint8_t { none, one_axis, pair, atom, comma, sum } kind = none;
        axis a = axis::x;  // of a pair: the outer one
        role r = role::none;
        std::uint64_t extent = 1;
    };
    bool next(item& it, role here) noexcept {
        std::string_view word;
        it = item();
        switch (peek(word)) {
            case token::end:
            case token::close:
            case token::plus:
                return true;
            case token::comma:
                return ++pos_, it.kind = item::comma, true;
            case token::open:
                it.kind = item::sum;
                return true;
            case token::word:
                break;
        }
        axis a;
        if (!axis_named(word, a)) {
            it.r = role_from_name(word);
            if (it.r == role::none) return stop("neither an axis nor a role");
            pos_ += word.size();
            return it.kind = item::atom, true;
        }
        pos_ += word.size();
        if (!inputs_ && is_input(a)) return next(it, here);
        it.kind = item::one_axis;
        it.a = a;
        it.extent = sizes_.of(a, here == role::none ? first_ : here);
        if (a == axis::s || a == axis::i) {
            std::size_t at = pos_;
            axis b = a;
            if (peek(word) != token::word || !axis_named(word, b) || b == a ||
                (b != axis::s && b != axis::i))
                return pos_ = at, stop("'s' and 'i' stand side by side");
            pos_ += word.size();
            it.kind = item::pair;
            if (swap_pair_) it.a = b;
            it.extent = sizes_.head;
        }
        return true;
    }

    // The elements of a sequence; leaves the position behind it.
    bool extent_of_seq(std::uint64_t& n, role here) noexcept {
        n = 1;
        // An atom's name may stand anywhere in its product; its axes before it need it too.
        here = role_ahead(here);
        while (true) {
            item it;
            if (!next(it, here)) return false;
            if (it.kind == item::none) return true;
            if (it.kind == item::sum && !extent_of_sum(it.extent, here)) return false;
            if (!checked_mul(n, it.extent, n)) return stop("more than 2^64 elements");
        }
    }
    bool extent_of_sum(std::uint64_t& n, role here) noexcept {
        if (++depth_ > 4) return stop("nested too deep");
        n = 0;
        do {
            ++pos_;  // '(' or '+'
            std::uint64_t m = 0;
            if (!extent_of_seq(m, here)) return false;
            if (!checked_add(n, m, n)) return stop("more than 2^64 elements");
            std::string_view word;
            token t = peek(word);
            if (t == token::close) break;
            if (t != token::plus) return stop("expected '+' or ')'");
        } while (true);
        ++pos_;
        --depth_;
        return true;
    }
    // The atom that stands in this sequence itself, not in a sum inside it.
    role role_ahead(role here) noexcept {
        std::size_t at = pos_;
        int depth = 0;
        for (; at < text_.size(); ++at) {
            char c = text_[at];
            if (c == '(') ++depth;
            if (c == ')' && --depth < 0) break;
            if (c == '+' && depth == 0) break;
            bool begins = at == 0 || text_[at - 1] == ' ' || text_[at - 1] == '(';
            if (depth != 0 || !begins || c == ' ' || c == ',' || c == '(' || c == ')') continue;
            std::size_t end = text_.find_first_of(" ()+,", at);
            std::string_view word =
                text_.substr(at, end == std::string_view::npos ? end : end - at);
            axis a;
            if (!axis_named(word, a) && role_from_name(word) != role::none)
                return role_from_name(word);
        }
        return here;
    }

    // Places the atoms of a sequence of `total` elements whose elements are `inner` apart. `path`
    // has the axes around it.
    bool place_seq(atom_place path, std::uint64_t total, std::uint64_t inner) noexcept {
        path.role = role_ahead(path.role);
        std::uint64_t left = total;  // elements of one step of what is read next
        std::size_t sum_at = 0;
        bool has_sum = false, has_pair = false;
        atom_axis pair[2] = {};
        std::uint64_t rest_stride = 0;
        std::uint64_t sum_left = 0;
        while (true) {
            item it;
            if (!next(it, path.role)) return false;
            if (it.kind == item::none) break;
            if (it.kind == item::comma || it.kind == item::atom) continue;
            if (it.kind == item::sum) {
                if (has_sum) return stop("two sums in one product");
                has_sum = true;
                sum_at = pos_;
                if (!extent_of_sum(it.extent, path.role)) return false;
                left = it.extent == 0 ? 0 : left / it.extent;
                sum_left = left;
                continue;
            }
            left = it.extent == 0 ? 0 : left / it.extent;
            if (it.kind == item::one_axis) {
                if (!add(path, {it.a, it.extent, left * inner})) return false;
                continue;
            }
            if (has_pair) return stop("two rotary pairs in one product");
            has_pair = true;
            axis b = it.a == axis::s ? axis::i : axis::s;
            std::uint64_t n = sizes_.of(b, path.role);
            pair[0] = {it.a, sizes_.of(it.a, path.role), n * left * inner};
            pair[1] = {b, n, left * inner};
            rest_stride = left * inner;
        }
        std::size_t end = pos_;
        if (has_sum) {
            if (has_pair) return stop("a rotary pair outside its atom");
            pos_ = sum_at;
            if (!place_sum(path, sum_left * inner)) return false;
            pos_ = end;
            return true;
        }
        if (path.role == role::none) return stop("no role for these axes");
        if (!has_pair) return emit(path);
        atom_place rotary = path;
        if (!add(rotary, pair[0]) || !add(rotary, pair[1]) || !emit(rotary)) return false;
        std::uint64_t rest = sizes_.head - sizes_.rotary;
        if (rest == 0) return true;
        path.rest = true;
        path.base += sizes_.rotary * rest_stride;
        return add(path, {axis::r, rest, rest_stride}) && emit(path);
    }
    bool place_sum(const atom_place& path, std::uint64_t inner) noexcept {
        std::uint64_t before = 0;
        std::string_view word;
        do {
            ++pos_;
            std::size_t at = pos_;
            std::uint64_t m = 0;
            if (!extent_of_seq(m, path.role)) return false;
            pos_ = at;
            atom_place p = path;
            p.base += before * inner;
            if (!place_seq(p, m, inner)) return false;
            before += m;
        } while (peek(word) != token::close);
        ++pos_;
        return true;
    }
    bool add(atom_place& p, const atom_axis& a) noexcept {
        if (p.find(a.axis) != nullptr) return stop("an axis twice");
        if (p.axes == atom_place::most_axes) return stop("too many axes");
        p.axis[p.axes++] = a;
        return true;
    }
    bool emit(const atom_place& p) noexcept {
        if (out_->find(p.role, p.rest) != nullptr) return stop("a role twice");
        if (out_->atoms == placement::most_atoms) return stop("too many roles");
        out_->atom[out_->atoms++] = p;
        return true;
    }

    // The dimensions: parted by commas, or else `e` in front on its own, then wherever axes that
    // are summed over meet others.
    bool shape() noexcept {
        pos_ = 0;
        std::uint64_t n = 1;
        bool any = false;
        int side = -1;
        auto close = [&] {
            if (!any) return true;
            if (out_->rank == placement::most_dims) return stop("too many dimensions");
            out_->dims[out_->rank++] = n;
            n = 1;
            any = false;
            return true;
        };
        role here = role_ahead(own_);
        while (true) {
            item it;
            if (!next(it, here)) return false;
            if (it.kind == item::none) break;
            if (it.kind == item::atom) continue;
            if (it.kind == item::comma) {
                if (!close()) return false;
                continue;
            }
            int now = side;
            bool alone = false;
            if (it.kind == item::sum) {
                std::size_t at = pos_;
                if (!extent_of_sum(it.extent, here)) return false;
                now = side_of(text_.substr(at, pos_ - at), side);
            } else {
                now = is_input(it.a) ? 1 : 0;
                alone = it.kind == item::one_axis && it.a == axis::e && !any && out_->rank == 0;
            }
            if (!commas_ && any && side >= 0 && now != side && !close()) return false;
            n *= it.extent;
            any = true;
            side = now;
            if (!commas_ && alone && info(first_).axes != std::string_view("e") && !close())
                return false;
            if (alone) side = -1;
        }
        return close();
    }
    int side_of(std::string_view sum, int before) const noexcept {
        for (std::size_t at = 0; at < sum.size();) {
            std::size_t from = sum.find_first_not_of(" ()+,", at);
            if (from == std::string_view::npos) break;
            at = sum.find_first_of(" ()+,", from);
            axis a;
            if (axis_named(sum.substr(from, at - from), a)) return is_input(a) ? 1 : 0;
        }
        return before;
    }

    std::string_view text_;
    const axis_sizes& sizes_;
    bool inputs_, swap_pair_ = false, commas_ = false, vocabulary_ = false;
    role own_ = role::none, first_ = role::none;
    placement* out_ = nullptr;
    std::size_t pos_ = 0;
    int depth_ = 0;
    const char* what_ = nullptr;
};

}  // namespace detail

/// Walks a layout: where each role of a tensor lies. `text` is a layout of the convention grammar;
/// empty means the own layout of `own`, with the rows of q and k in the order `rope`. Without
/// `inputs` the axes that are summed over are left out, as in a bias. Errors: bad_layout.
inline status walk(std::string_view text, role own, rope_order rope, const axis_sizes& sizes,
                   bool inputs, placement& out) noexcept {
    return detail::layout_walk(text, own, rope, sizes, inputs)(out);
}

/// The copy of one role from one place to another, in bytes of `type`: one box. Axes must be the
/// same on both sides (restrict them first). Errors: bad_layout (axes differ), bad_block (the copy
/// would cut through blocks of a quantised type), size_overflow.
inline status zip(const atom_place& from, const atom_place& to, dtype type, box& out) noexcept {
    struct step {
        std::uint64_t n, src, dst;
    };
    step steps[atom_place::most_axes];
    unsigned count = 0, source_axes = 0;
    for (unsigned i = 0; i < from.axes; ++i) source_axes += from.axis[i].n != 1;
    for (unsigned i = 0; i < to.axes; ++i) {
        const atom_axis& t = to.axis[i];
        if (t.n == 1) continue;  // one step has no stride
        const atom_axis* f = from.find(t.axis);
        if (f == nullptr || f->n != t.n)
            return detail::fail(errc::bad_layout, error::nowhere, name(to.role), ": axis ",
                                axis_names[static_cast<unsigned>(t.axis)], " has ",
                                f == nullptr ? 1 : f->n, " steps on one side and ", t.n,
                                " on the other");
        unsigned at = count++;
        for (; at > 0 && steps[at - 1].dst < t.stride; --at) steps[at] = steps[at - 1];
        steps[at] = {t.n, f->stride, t.stride};
    }
    if (source_axes != count)
        return detail::fail(errc::bad_layout, error::nowhere, name(to.role), ": ", source_axes,
                            " axes on one side and ", count, " on the other");
    // Neighbours that follow each other on both sides become one, in elements.
    step merged[atom_place::most_axes];
    unsigned left = 0;
    for (unsigned i = 0; i < count; ++i) {
        const step& s = steps[i];
        if (left != 0 && merged[left - 1].src == s.n * s.src && merged[left - 1].dst == s.n * s.dst)
            merged[left - 1] = {merged[left - 1].n * s.n, s.src, s.dst};
        else
            merged[left++] = s;
    }
    std::uint64_t run = 1;
    if (left != 0 && merged[left - 1].src == 1 && merged[left - 1].dst == 1) run = merged[--left].n;
    const dtype_info& t = info(type);
    bool whole = t.block_elements != 0 && left <= box::max_depth;
    auto bytes = [&](std::uint64_t n) {
        if (t.block_elements == 0 || n % t.block_elements != 0)
            return whole = false, std::uint64_t{0};
        return n / t.block_elements * t.block_bytes;
    };
    out = box();
    out.src = bytes(from.base);
    out.dst = bytes(to.base);
    out.run = bytes(run);
    out.depth = static_cast<std::uint8_t>(left);
    for (unsigned i = 0; i < left && whole; ++i)
        out.loops[i] = {merged[i].n, bytes(merged[i].src), bytes(merged[i].dst)};
    if (whole) return {};
    return detail::fail(errc::bad_block, error::nowhere, name(to.role), ": runs of ", run,
                        " elements are not whole blocks of ", name(type), " (", t.block_elements,
                        ')');
}

AKA_END

#endif  // AKA_LAYOUT_HPP
