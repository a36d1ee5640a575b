// aka: reading names that no convention knows, from shapes, from the words in the names and by
// elimination; what these leave open stays open. The result is an ordinary table.
#ifndef AKA_INFER_HPP
#define AKA_INFER_HPP

#include <cstddef>

#include "config.hpp"
#include "error.hpp"
#include "hparams.hpp"
#include "infer_doubts.hpp"
#include "infer_layers.hpp"
#include "infer_matrices.hpp"
#include "infer_model.hpp"
#include "infer_norms.hpp"
#include "infer_report.hpp"
#include "infer_units.hpp"
#include "inference.hpp"
#include "span.hpp"
#include "tensor_list.hpp"

AKA_BEGIN

/// Reads one list of names; see `infer`.
class name_reader {
  public:
    name_reader(const hparams* h, const infer_options& o) noexcept : h_(h), options_(o) {}

    template <class Name, class Shape>
    result<inference> operator()(std::size_t n, Name name, Shape shape) noexcept {
        detail::unknown_names in;
        in.h = h_;
        in.options = options_;
        detail::name_layers layers(h_, in.memory);
        if (!layers.read(n, name, shape, in.patterns) || !detail::unit_maker(in).run())
            return detail::no_memory();
        in.n_layer = layers.n_layer();
        in.n_expert = layers.n_expert();
        detail::model_stage(in).run();
        detail::norm_stage norms(in);
        norms.run();
        detail::matrix_stage(in).run();
        norms.by_place();
        detail::doubt_stage(in).run();
        inference out;
        if (!detail::infer_report(in, out).run()) return detail::no_memory();
        return out;
    }

  private:
    const hparams* h_;
    infer_options options_;
};

/// Infers what names mean that no convention knows. `h` may be null, or say nothing. Errors:
/// out_of_memory; that nothing was found is no error: `complete()` and `rows()` say so.
inline result<inference> infer(span<const named_shape> list, const hparams* h = nullptr,
                               const infer_options& options = {}) noexcept {
    return name_reader(h, options)(
        list.size(), [&](std::size_t i) { return list[i].name; },
        [&](std::size_t i) { return list[i].shape; });
}
inline result<inference> infer(const tensor_list& list, const hparams* h = nullptr,
                               const infer_options& options = {}) noexcept {
    return name_reader(h, options)(
        list.size(), [&](std::size_t i) { return list[i].name(); },
        [&](std::size_t i) { return list[i].shape(); });
}

AKA_END

#endif  // AKA_INFER_HPP
