// Pairs of tensors compared: as bytes where both are of one type, as numbers where they are not or
// where bytes differ. In pieces, on a few threads, each with a few MiB of buffers.
#ifndef AKA_CLI_COMPARISON_HPP
#define AKA_CLI_COMPARISON_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "content_hash.hpp"
#include "decode.hpp"
#include "errors.hpp"
#include "parallel.hpp"
#include "placed.hpp"
#include "row_source.hpp"
#include "similarity.hpp"

namespace cli {

struct pair_of_tensors {
    row_source a, b;
    // What was found:
    bool same_shape = false, same_type = false;
    bool equal = false;      // bytes
    bool measured = false;   // `alike` says how near the numbers are
    bool same_rows = false;  // the same rows in some order
    similarity alike;
    std::string trouble;  // why nothing can be said

    pair_of_tensors(const row_source& x, const row_source& y) : a(x), b(y) {
        same_shape = a.tensor().shape() == b.tensor().shape();
        same_type = a.tensor().dtype() == b.tensor().dtype() &&
                    a.tensor().ggml_type() == b.tensor().ggml_type() &&
                    a.tensor().dtype_name() == b.tensor().dtype_name() && a.offset() == b.offset();
    }
    rounding allowed() const { return rounding_between(a.dtype(), b.dtype()); }
    bool can_measure() const {
        return same_shape && a.rows() == b.rows() && is_measured(a.dtype()) &&
               is_measured(b.dtype());
    }
    // Of another type, and the same up to rounding.
    bool within() const { return measured && !same_type && alike.within(allowed()); }
};

class comparison {
  public:
    explicit comparison(unsigned threads) : threads_(threads) {}

    // Fills in what was found, in every pair.
    aka::status run(std::deque<pair_of_tensors>& pairs) {
        std::vector<pair_of_tensors*> same, others;
        for (pair_of_tensors& p : pairs) {
            if (p.same_shape && p.same_type)
                same.push_back(&p);
            else if (p.can_measure())
                others.push_back(&p);
        }
        if (aka::status s = run(same, task::bytes); !s) return s;
        for (pair_of_tensors* p : same)
            if (!p->equal && p->trouble.empty() && p->can_measure()) others.push_back(p);
        if (aka::status s = run(others, task::numbers); !s) return s;
        // The same rows in another order have the same sum of squares, but for its rounding.
        std::vector<pair_of_tensors*> moved;
        for (pair_of_tensors* p : same) {
            const double x = p->alike.norm_a(), y = p->alike.norm_b();
            if (!p->equal && p->trouble.empty() && p->a.rows() > 1 &&
                (!p->measured || (x - y <= 1e-9 * x && y - x <= 1e-9 * x)))
                moved.push_back(p);
        }
        return run(moved, task::rows);
    }

  private:
    enum class task { bytes, numbers, rows };
    static constexpr std::uint64_t room = std::uint64_t{1} << 20;  // of a piece
    static constexpr std::size_t numbers = 2048;                   // decoded at a time
    static constexpr std::size_t step = 512;

    // A pair while pieces of it are under way.
    struct open_pair {
        pair_of_tensors* pair = nullptr;
        piece first;
        std::uint64_t pieces = 0, next = 0, left = 0;
        bool differs = false;
        std::vector<similarity> parts;
        std::uint64_t sum_a = 0, sum_b = 0;  // of hashes of rows
    };
    struct buffers {
        std::vector<std::byte> a, b;
        std::vector<float> x, y;
    };

    // Hands out pieces in order, and puts what was found together in order.
    class queue {
      public:
        queue(const std::vector<pair_of_tensors*>& pairs, task t) : pairs_(pairs), task_(t) {}

        std::shared_ptr<open_pair> take(std::uint64_t& index) {
            const std::lock_guard<std::mutex> lock(mutex_);
            while (!now_ || now_->next == now_->pieces || (task_ == task::bytes && now_->differs)) {
                if (now_) now_->left -= now_->pieces - now_->next, now_->next = now_->pieces;
                if (now_ && now_->left == 0) close(*now_);
                now_.reset();
                if (at_ == pairs_.size()) return nullptr;
                now_ = std::make_shared<open_pair>();
                now_->pair = pairs_[at_++];
                // Pieces of both: rows are the same, the longer decides.
                const row_source &a = now_->pair->a, &b = now_->pair->b;
                now_->first =
                    a.bytes(a.columns()) > b.bytes(b.columns()) ? a.first(room) : b.first(room);
                now_->pieces = now_->left = a.pieces(now_->first);
                if (task_ == task::numbers) now_->parts.resize(now_->pieces);
            }
            index = now_->next++;
            return now_;
        }
        void done(open_pair& o, std::uint64_t index, bool same, const similarity& s,
                  std::uint64_t sum_a, std::uint64_t sum_b) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!same) o.differs = true;
            if (task_ == task::numbers) o.parts[index] = s;
            o.sum_a += sum_a;
            o.sum_b += sum_b;
            if (--o.left == 0 && o.next == o.pieces) close(o);
        }
        void trouble(open_pair& o, const aka::error& e) {
            const std::lock_guard<std::mutex> lock(mutex_);
            o.pair->trouble = describe(e);
            o.differs = true;
            o.left -= 1 + o.pieces - o.next;
            o.next = o.pieces;
        }

      private:
        void close(open_pair& o) {
            pair_of_tensors& p = *o.pair;
            if (!p.trouble.empty()) return;
            if (task_ == task::bytes) p.equal = !o.differs;
            if (task_ == task::rows) p.same_rows = o.sum_a == o.sum_b;
            if (task_ != task::numbers) return;
            similarity all;
            for (const similarity& s : o.parts) all.merge(s);
            p.alike = all;
            p.measured = true;
        }

        const std::vector<pair_of_tensors*>& pairs_;
        task task_;
        std::size_t at_ = 0;
        std::shared_ptr<open_pair> now_;
        std::mutex mutex_;
    };

    aka::status run(const std::vector<pair_of_tensors*>& pairs, task t) {
        std::uint64_t total = 0;
        for (const pair_of_tensors* p : pairs) total += p->a.size_bytes() + p->b.size_bytes();
        progress shown(t == task::bytes ? "comparing bytes" : "comparing numbers", total);
        parallel threads(static_cast<unsigned>(std::min<std::uint64_t>(threads_, total / room + 1)),
                         shown);
        queue q(pairs, t);
        return threads.run([&] {
            return [&, own = std::make_shared<buffers>()]() -> aka::result<bool> {
                std::uint64_t index = 0;
                const auto o = q.take(index);
                if (!o) return false;
                const pair_of_tensors& p = *o->pair;
                const piece part = p.a.at(o->first, index);
                similarity s;
                bool same = true;
                std::uint64_t sums[2] = {};
                aka::status r;
                if (t == task::bytes)
                    r = bytes(p, part, *own, same);
                else if (t == task::numbers)
                    r = measure(p, part, *own, s);
                else
                    r = hash_rows(p, part, *own, sums);
                const aka::errc code = r ? aka::errc::none : r.error().code();
                // That the byte order of a type is not settled is no reason to stop.
                if (code == aka::errc::unsupported || code == aka::errc::bad_block)
                    return q.trouble(*o, r.error()), true;
                if (!r) return r.error();
                q.done(*o, index, same, s, sums[0], sums[1]);
                const std::uint64_t n = part.rows * part.columns;
                threads.did(p.a.bytes(n) + p.b.bytes(n));
                return true;
            };
        });
    }

    static std::byte* space(std::vector<std::byte>& v, std::uint64_t size) {
        if (v.size() < size) v.resize(static_cast<std::size_t>(size));
        return v.data();
    }
    static aka::status read(const pair_of_tensors& p, const piece& part, buffers& own,
                            const std::byte*& a, const std::byte*& b) {
        const std::uint64_t n = part.rows * part.columns;
        auto x = p.a.read(part, space(own.a, p.a.bytes(n)));
        if (!x) return x.error();
        auto y = p.b.read(part, space(own.b, p.b.bytes(n)));
        if (!y) return y.error();
        a = *x, b = *y;
        return {};
    }
    static aka::status bytes(const pair_of_tensors& p, const piece& part, buffers& own,
                             bool& same) {
        const std::uint64_t size = p.a.bytes(part.rows * part.columns);
        const std::byte *a = p.a.in_memory(), *b = p.b.in_memory();
        if (a != nullptr && b != nullptr && p.a.is_big_endian() == p.b.is_big_endian()) {
            const std::uint64_t at = p.a.bytes(part.row * p.a.columns() + part.column);
            a += at, b += at;
        } else if (aka::status s = read(p, part, own, a, b); !s) {
            return s;
        }
        same = std::memcmp(a, b, static_cast<std::size_t>(size)) == 0;
        return {};
    }
    static aka::status measure(const pair_of_tensors& p, const piece& part, buffers& own,
                               similarity& out) {
        const std::byte *a = nullptr, *b = nullptr;
        if (aka::status s = read(p, part, own, a, b); !s) return s;
        own.x.resize(numbers);
        own.y.resize(numbers);
        const rounding r = p.same_type ? rounding() : p.allowed();
        const std::uint64_t n = part.rows * part.columns;
        for (std::uint64_t i = 0; i < n; i += numbers) {
            const std::size_t some =
                static_cast<std::size_t>(std::min<std::uint64_t>(numbers, n - i));
            const std::byte* x = decode(p.a, a + p.a.bytes(i), own.x.data(), some);
            const std::byte* y = decode(p.b, b + p.b.bytes(i), own.y.data(), some);
            // What comes next is fetched while this is measured.
            const std::uint64_t then = std::min<std::uint64_t>(numbers, n - i - some);
            for (std::size_t k = 0; k < some; k += step) {
                const std::size_t now = std::min(step, some - k);
                if (then == numbers) {
                    fetch(a + p.a.bytes(i + some + k), p.a.bytes(step));
                    fetch(b + p.b.bytes(i + some + k), p.b.bytes(step));
                }
                out.add(x + 4 * k, y + 4 * k, now, r);
            }
        }
        return {};
    }
    static void fetch(const std::byte* at, std::uint64_t size) {
#if defined(__GNUC__)
        for (std::uint64_t i = 0; i < size; i += 64) __builtin_prefetch(at + i);
#else
        static_cast<void>(at), static_cast<void>(size);
#endif
    }
    // Sums of the rows' hashes, which do not depend on their order.
    static aka::status hash_rows(const pair_of_tensors& p, const piece& part, buffers& own,
                                 std::uint64_t (&sums)[2]) {
        const std::byte* at[2] = {};
        if (aka::status s = read(p, part, own, at[0], at[1]); !s) return s;
        const auto row = static_cast<std::size_t>(p.a.bytes(part.columns));
        for (int side = 0; side < 2; ++side)
            for (std::uint64_t i = 0; i < part.rows; ++i) {
                content_hash h;
                h.add(at[side] + i * row, row);
                sums[side] += h.value();
            }
        return {};
    }

    unsigned threads_;
};

}  // namespace cli

#endif  // AKA_CLI_COMPARISON_HPP
