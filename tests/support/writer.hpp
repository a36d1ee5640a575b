// The independent writer of the tests, whole.
#ifndef AKA_TEST_WRITER_HPP
#define AKA_TEST_WRITER_HPP

#include "bytes.hpp"
#include "ggml_types.hpp"
#include "write_gguf.hpp"
#include "write_image.hpp"
#include "write_safetensors.hpp"
#include "write_shards.hpp"

#endif  // AKA_TEST_WRITER_HPP
