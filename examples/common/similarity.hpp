// How alike two ranges of numbers are: counts, relative error, cosine. No I/O and no threads: parts
// of a tensor are measured apart and merged in order, so that the result does not depend on how
// many threads there were.
//
// What these numbers can and cannot show: they say how near two ranges of numbers are. That they
// are near says nothing of how either came to be.
#ifndef AKA_CLI_SIMILARITY_HPP
#define AKA_CLI_SIMILARITY_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "rounding.hpp"
#include "similarity_block.hpp"

namespace cli {

// A sum of doubles that keeps its rounding errors (Neumaier).
class exact_sum {
  public:
    void add(double v) {
        const double s = sum_ + v;
        const bool larger = std::fabs(sum_) >= std::fabs(v);
        rest_ += larger ? (sum_ - s) + v : (v - s) + sum_;
        sum_ = s;
    }
    void add(const exact_sum& o) {
        add(o.sum_);
        add(o.rest_);
    }
    double value() const { return sum_ + rest_; }

  private:
    double sum_ = 0, rest_ = 0;
};

class similarity {
  public:
    static constexpr std::uint64_t none = ~std::uint64_t{0};

    // `n` float32 in this machine's byte order; no alignment.
    void add(const std::byte* a, const std::byte* b, std::size_t n, const rounding& r) {
        while (n != 0) {
            const std::size_t most = r.blocks ? 512 : 1024;
            const std::size_t block = n < most ? n : most, whole = block / 8 * 8;
            if (whole != 0) one(a, b, whole, whole, r);
            if (block != whole) {  // zeros add nothing
                std::byte x[32] = {}, y[32] = {};
                std::memcpy(x, a + 4 * whole, 4 * (block - whole));
                std::memcpy(y, b + 4 * whole, 4 * (block - whole));
                one(x, y, 8, block - whole, r);
            }
            a += 4 * block;
            b += 4 * block;
            n -= block;
        }
    }
    void add(const float* a, const float* b, std::size_t n, const rounding& r) {
        add(reinterpret_cast<const std::byte*>(a), reinterpret_cast<const std::byte*>(b), n, r);
    }
    // What was measured of the numbers that follow these.
    void merge(const similarity& o) {
        if (first_ == none && o.first_ != none) first_ = count_ + o.first_;
        count_ += o.count_;
        differ_ += o.differ_;
        odd_ += o.odd_;
        aa_.add(o.aa_);
        bb_.add(o.bb_);
        dd_.add(o.dd_);
        a1_.add(o.a1_);
        d1_.add(o.d1_);
        if (o.worst_ > worst_) worst_ = o.worst_;
        if (o.block_ > block_) block_ = o.block_;
    }

    std::uint64_t count() const { return count_; }
    // Numbers farther apart than rounding explains; of blocks only those that are no numbers on one
    // side. And the first of them.
    std::uint64_t differ() const { return differ_; }
    std::uint64_t first() const { return first_; }
    // NaN or infinite on one side and not the same on the other. They are in no sum.
    std::uint64_t odd() const { return odd_; }

    // |a - b| / |a|, of the vectors' lengths.
    double relative_error() const { return quotient(std::sqrt(dd_.value()), norm_a()); }
    // Sum of |a - b| / sum of |a|.
    double mean_error() const { return quotient(d1_.value(), a1_.value()); }
    // The greatest |a - b| / max(|a|, |b|) of a number; not of blocks, whose small numbers are all
    // error.
    double worst_error() const { return static_cast<double>(worst_); }
    // The greatest error among 512 numbers / the greatest of them.
    double block_error() const { return static_cast<double>(block_); }
    // From the difference, so that it tells 1 from nearly 1.
    double cosine() const {
        const double a = norm_a(), b = std::sqrt(bb_.value());
        if (a == 0 || b == 0) return a == b ? 1 : 0;
        const double c = 1 - (dd_.value() - (a - b) * (a - b)) / (2 * a * b);
        return c > 1 ? 1 : c < -1 ? -1 : c;
    }
    double norm_a() const { return std::sqrt(aa_.value()); }
    double norm_b() const { return std::sqrt(bb_.value()); }

    // Whether rounding explains it all.
    bool within(const rounding& r) const {
        if (odd_ != 0) return false;
        if (!r.blocks) return differ_ == 0;
        return block_ <= r.block && relative_error() <= static_cast<double>(r.whole);
    }

  private:
    static double quotient(double x, double y) {
        return x == 0 ? 0 : y == 0 ? std::numeric_limits<double>::infinity() : x / y;
    }
    static float number(const std::byte* p, std::size_t i) {
        float f = 0;
        std::memcpy(&f, p + 4 * i, 4);
        return f;
    }
    static bool finite(double v) { return v - v == 0; }

    // `n`: of `padded` numbers the first, the others are zeros.
    void one(const std::byte* a, const std::byte* b, std::size_t padded, std::size_t n,
             const rounding& r) {
        detail::block_sums s;
        s.worst = worst_;
        detail::sum_block(a, b, padded, r, s);
        // Squares that float32 does not have.
        const bool tiny = (s.a1 > 0 && s.aa < 1e-24) || (s.d1 > 0 && s.dd < 1e-30);
        if (tiny || !finite(s.aa + s.bb + s.dd)) return slow(a, b, n, r);
        if (s.worse && !r.blocks)
            for (std::size_t i = 0; i < n; ++i) worst_of(number(a, i), number(b, i));
        if (s.differ != 0 && first_ == none)
            for (std::size_t i = 0; i < n && first_ == none; ++i)
                if (apart(number(a, i), number(b, i), r)) first_ = count_ + i;
        take(s, n, r);
    }
    void worst_of(float x, float y) {
        const float ax = std::fabs(x), ay = std::fabs(y), m = ax > ay ? ax : ay;
        const float ratio = m == 0 ? 0 : std::fabs(x - y) / m;
        if (ratio > worst_) worst_ = ratio;
    }
    void take(const detail::block_sums& s, std::size_t n, const rounding& r) {
        count_ += n;
        differ_ += s.differ;
        aa_.add(s.aa);
        bb_.add(s.bb);
        dd_.add(s.dd);
        a1_.add(s.a1);
        d1_.add(s.d1);
        if (r.blocks && s.error > r.least)
            block_ = std::fmax(block_, (s.error - r.least) / s.magnitude);
    }
    static bool apart(float x, float y, const rounding& r) {
        return !r.blocks && detail::is_apart(x, y, r.step, r.least);
    }
    // Something in it is infinite or NaN, or has no square in float32.
    void slow(const std::byte* a, const std::byte* b, std::size_t n, const rounding& r) {
        detail::block_sums all;
        for (std::size_t i = 0; i < n; ++i) {
            const float x = number(a, i), y = number(b, i);
            bool differs = !(x == y || (x != x && y != y));
            if (finite(static_cast<double>(x)) && finite(static_cast<double>(y))) {
                detail::add_exactly(x, y, all);
                if (!r.blocks) worst_of(x, y);
                differs = apart(x, y, r);
            } else {
                odd_ += differs;
            }
            if (differs && first_ == none) first_ = count_ + i;
            all.differ += differs;
        }
        take(all, n, r);
    }

    std::uint64_t count_ = 0, differ_ = 0, odd_ = 0, first_ = none;
    exact_sum aa_, bb_, dd_, a1_, d1_;
    float worst_ = 0, block_ = 0;
};

}  // namespace cli

#endif  // AKA_CLI_SIMILARITY_HPP
