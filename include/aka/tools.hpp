// aka: for programs that look into checkpoints and change them: everything in aka.hpp, weights that
// are kept in several tensors, unknown spellings inferred, names and layouts rewritten.
#include "version.hpp"

#ifndef AKA_TOOLS_HPP
#define AKA_TOOLS_HPP

#include "aka.hpp"
#include "dequantize_parts.hpp"
#include "infer.hpp"
#include "rewrite_in_place.hpp"
#include "verify_rewrite.hpp"
#include "write_files.hpp"

#endif  // AKA_TOOLS_HPP
