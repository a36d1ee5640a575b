// aka ("also known as"): reads safetensors and GGUF, and gives every Llama-family tensor one name
// and one layout, whatever the file calls it; and its numbers. This header includes all that an
// engine needs to use them where they are; loading.hpp reads them into its own memory, and what
// programs need that change checkpoints is in tools.hpp.
#include "version.hpp"

#ifndef AKA_AKA_HPP
#define AKA_AKA_HPP

#include "adapt.hpp"
#include "checkpoint.hpp"
#include "convert_tensor.hpp"
#include "forward_hparams.hpp"
#include "gguf.hpp"
#include "hparams.hpp"
#include "identify.hpp"
#include "llama.hpp"
#include "names.hpp"
#include "safetensors.hpp"

#endif  // AKA_AKA_HPP
