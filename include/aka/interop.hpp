// aka: tensors as other libraries want them, all of interop/. No other library is included: the
// types are the caller's.
#include "version.hpp"

#ifndef AKA_INTEROP_HPP
#define AKA_INTEROP_HPP

#include "interop/dlpack.hpp"
#include "interop/eigen.hpp"
#include "interop/ggml.hpp"
#include "interop/mdspan.hpp"

#endif  // AKA_INTEROP_HPP
