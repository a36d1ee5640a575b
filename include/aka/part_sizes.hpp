// aka: a quantised weight with its parts bound to what they are for, and what all forms ask of the
// shapes of payloads and scales.
#ifndef AKA_PART_SIZES_HPP
#define AKA_PART_SIZES_HPP

#include <cstdint>
#include <string_view>

#include "convert.hpp"
#include "part_form.hpp"
#include "part_window.hpp"
#include "parts_bnb.hpp"

AKA_BEGIN
namespace detail {

constexpr std::uint64_t divided_up(std::uint64_t n, std::uint64_t by) noexcept {
    return n / by + (n % by != 0);
}

/// One weight with its parts bound to what they are for. Everything that is small and the same for
/// all rows is read when it is made, where the data is there.
struct bound_parts {
    part_form form;
    tensor payload, scale, zero, global, index, nested;
    plain_decoder decode_scale = nullptr, decode_nested = nullptr;
    unsigned lead = 0;                // dimensions of the payload that count rows
    unsigned scale_lead = 0;          // of the scales
    std::uint64_t scale_step = 0;     // rows of scales for one matrix of a stack
    std::uint64_t groups = 0;         // scales in a row of them
    bool zero_packed = false;         // along the rows, as codes of form.bits
    bool divide_global = false;       // nvfp4: the global scale divides
    bool plus_one = false;            // GPTQ's first form
    bool index_missing = false;       // there is one, and its data is not here
    growing<std::uint32_t> in_group;  // of each column, where that is not column / group
    bnb_state state;
    float map[16] = {};
    float nested_map[256] = {};
};

/// What the forms share: errors with names and numbers, and the shapes of payloads and scales.
class part_checks {
  protected:
    part_checks(const part_set& p, std::string_view base, const quant_settings& q,
                bound_parts& b) noexcept
        : p_(p), base_(base), q_(q), b_(b), said_(q.of(base)) {}

    part_form& form() noexcept { return b_.form; }

    AKA_COLD static error mismatch(const tensor& t, const char* expected) noexcept {
        return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{t.name()}, ": expected ",
                    expected, ", found ", t.shape())
            .in(t.file());
    }
    template <class... A>
    AKA_COLD static error mismatch(const tensor& t, const shape& expected,
                                   const A&... why) noexcept {
        return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{t.name()}, ": expected ",
                    expected, why..., ", found ", t.shape())
            .in(t.file());
    }
    AKA_COLD static error type(const tensor& t, const char* expected) noexcept {
        return fail(errc::wrong_type, error::nowhere, "tensor ", quoted{t.name()}, ": expected ",
                    expected, ", found ", t.dtype_name())
            .in(t.file());
    }
    template <class... A>
    AKA_COLD error unclear(const A&... what) const noexcept {
        return fail(errc::ambiguous, error::nowhere, "tensor ", quoted{b_.payload.name()}, ": ",
                    what...)
            .in(b_.payload.file());
    }
    AKA_COLD error missing(part_slot s) const noexcept {
        return fail(errc::missing_tensor, error::nowhere, "tensor ", quoted{b_.payload.name()},
                    ": there is no ", part_slots[static_cast<unsigned>(s)], " beside it")
            .in(b_.payload.file());
    }

    static bool is_number(dtype t) noexcept {
        switch (t) {
            case dtype::f32:
            case dtype::f16:
            case dtype::bf16:
            case dtype::f64:
            case dtype::f8_e4m3:
            case dtype::f8_e5m2:
            case dtype::f8_e8m0:
                return true;
            default:
                return false;
        }
    }
    status numbers(const tensor& t, plain_decoder& decode) noexcept {
        if (!is_number(t.dtype())) return type(t, "a floating-point type");
        decode = plain_decoder_of(t.dtype());
        return {};
    }

    /// Rows and columns of a payload whose last `inner` dimensions make a row of `columns`.
    status sizes(unsigned inner, std::uint64_t columns) noexcept {
        const tensor& t = b_.payload;
        const unsigned rank = t.shape().rank();
        if (rank < inner || rank - inner > 2) return mismatch(t, "a matrix, or a stack of them");
        b_.lead = rank - inner;
        form().columns = columns;
        form().rows = 1;
        for (unsigned i = 0; i < b_.lead; ++i) form().rows *= t.shape()[i];
        form().matrix_rows = b_.lead == 0 ? 1 : t.shape()[b_.lead - 1];
        std::uint64_t all = 0;
        if (!checked_mul(form().rows, columns, all) || !fits_memory(all))
            return fail(errc::size_overflow, error::nowhere, "tensor ", quoted{t.name()}, ": ",
                        form().rows, " rows of ", columns, " weights")
                .in(t.file());
        form().sized = true;
        return {};
    }
    std::uint64_t matrices() noexcept {
        return form().matrix_rows == 0 ? 0 : form().rows / form().matrix_rows;
    }

    /// Scales: one, one a matrix, one a row, `groups` a row, or one for a block of rows and columns
    /// (the last of either may be partial).
    status grid(const tensor& t, bool blocks_first) noexcept {
        const std::uint64_t rows = form().matrix_rows, columns = form().columns;
        const std::uint64_t stack = matrices(), n = t.elements();
        const unsigned rank = t.shape().rank();
        auto take = [&](std::uint64_t block_rows, std::uint64_t group, std::uint64_t step,
                        std::uint64_t groups, unsigned lead) {
            form().block_rows = block_rows;
            form().group = group;
            b_.scale_step = step;
            b_.groups = groups;
            b_.scale_lead = lead;
            return status();
        };
        if (rows == 0 || columns == 0) return take(1, 1, 0, 0, 0);
        if (n == 1) return take(rows, columns, 0, 1, 0);
        if (rank == 1 && n == form().rows && (stack == 1 || rows == 1))
            return take(1, columns, rows, 1, 1);
        if (rank == 1 && n == stack) return take(rows, columns, 1, 1, 1);
        const std::uint64_t br = q_.block_rows == 0 ? 128 : q_.block_rows;
        const std::uint64_t bc = q_.block_columns == 0 ? 128 : q_.block_columns;
        if ((rank == 2 && stack == 1) || (rank == 3 && t.shape()[0] == stack)) {
            const std::uint64_t a = t.shape()[rank - 2], c = t.shape()[rank - 1];
            const bool blocks = a == divided_up(rows, br) && c == divided_up(columns, bc);
            if (blocks && (blocks_first || a != rows || columns % c != 0))
                return take(br, bc, a, c, rank - 1);
            if (c != 0 && columns % c == 0 && (a == rows || a == 1))
                return take(a == rows ? 1 : rows, columns / c, a, c, rank - 1);
        }
        return fail(errc::size_mismatch, error::nowhere, "tensor ", quoted{t.name()},
                    ": expected [1], [", rows, "], [", rows, ", groups] or, for blocks of ", br,
                    " x ", bc, ", [", divided_up(rows, br), ", ", divided_up(columns, bc),
                    "] for a weight of ", b_.payload.shape(), ", found ", t.shape())
            .in(t.file());
    }
    /// Groups of exactly `group` columns in every row.
    status groups_of(const tensor& t, std::uint64_t group) noexcept {
        std::uint64_t want[3];
        for (unsigned i = 0; i < b_.lead; ++i) want[i] = b_.payload.shape()[i];
        want[b_.lead] = form().columns / group;
        const shape expected({want, b_.lead + 1});
        if (form().columns % group != 0 || t.shape() != expected)
            return mismatch(t, expected, " (rows of ", form().columns, " in groups of ", group,
                            ")");
        form().group = group;
        form().block_rows = 1;
        b_.groups = want[b_.lead];
        b_.scale_step = form().matrix_rows;
        b_.scale_lead = b_.lead;
        return {};
    }

    const part_set& p_;
    std::string_view base_;
    const quant_settings& q_;
    bound_parts& b_;
    std::pair<std::uint64_t, std::uint64_t> said_;  // bits and group, by the config
    bool known_ = false;                            // types and shapes, not only names
};

}  // namespace detail
AKA_END

#endif  // AKA_PART_SIZES_HPP
