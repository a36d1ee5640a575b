// aka: what ggml needs to make a tensor. Does not include ggml: plain numbers come back.
//
//     aka::result<aka::ggml_description<>> d = aka::to_ggml(t);
//     ggml_tensor* w = ggml_new_tensor(ctx, ggml_type(d->type), d->n_dims, d->ne);
//     ggml_set_name(w, d->name);
//     aka::status s = t.copy_to({static_cast<std::byte*>(w->data), ggml_nbytes(w)});
#ifndef AKA_INTEROP_GGML_HPP
#define AKA_INTEROP_GGML_HPP

#include <cstdint>
#include <cstring>

#include "elements.hpp"

AKA_BEGIN

/// A tensor as ggml_new_tensor takes it. `MaxName`: GGML_MAX_NAME, which some programs change.
template <std::size_t MaxName = 64>
struct ggml_description {
    int type = 0;                       ///< enum ggml_type
    int n_dims = 1;                     ///< as the file counts them; 1 for a scalar
    std::int64_t ne[4] = {1, 1, 1, 1};  ///< innermost first
    char name[MaxName] = {};            ///< ends in NUL
};

/// Describes `t` to ggml. Its type is `dtype()`: where a conversion to that is pending
/// (tensor::is_pending), fill the tensor with convert_to. Errors: wrong_type (ggml has no such
/// type); no_data (no shape); bad_rank (over 4); bad_name (ggml would cut it: MaxName bytes or
/// more, or a NUL inside); bad_block (rows are not whole blocks of the type); size_overflow.
template <std::size_t MaxName = 64>
result<ggml_description<MaxName>> to_ggml(const tensor& t) noexcept {
    if (!t) return error(errc::not_found).say("there is no such tensor");
    if (!t.has_shape()) return detail::refuse(t, errc::no_data, "its shape is not known");
    const dtype_info& type = info(t.dtype());
    const shape& s = t.shape();
    if (type.ggml_id < 0)
        return detail::refuse(t, errc::wrong_type, "ggml has no type ", t.dtype_name());
    if (s.rank() > 4)
        return detail::refuse(t, errc::bad_rank, s, " has more than ggml's four dimensions");
    if (t.name().size() >= MaxName || t.name().find('\0') != std::string_view::npos)
        return detail::refuse(t, errc::bad_name, "a name of ", t.name().size(),
                              " bytes, ggml keeps ", MaxName - 1, " and ends them at a NUL");
    if (s.back() % type.block_elements != 0)
        return detail::refuse(t, errc::bad_block, "a row of ", s.back(),
                              " elements is not whole blocks of ", type.name);
    ggml_description<MaxName> d;
    d.type = type.ggml_id;
    if (s.rank() != 0) d.n_dims = static_cast<int>(s.rank());
    const ne4 ne = s.ne();
    for (int i = 0; i < 4; ++i) {
        if (ne[static_cast<std::size_t>(i)] > static_cast<std::uint64_t>(INT64_MAX))
            return detail::refuse(t, errc::size_overflow, s, " does not fit in ggml's sizes");
        d.ne[i] = static_cast<std::int64_t>(ne[static_cast<std::size_t>(i)]);
    }
    if (!t.name().empty()) std::memcpy(d.name, t.name().data(), t.name().size());
    return d;
}

AKA_END

#endif  // AKA_INTEROP_GGML_HPP
