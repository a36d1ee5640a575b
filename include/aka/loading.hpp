// aka: tensors read into the caller's memory by threads, in the order of the files, or into the
// page cache ahead of use. Goes beside any header that opens the files.
#include "version.hpp"

#ifndef AKA_LOADING_HPP
#define AKA_LOADING_HPP

#include "load.hpp"
#include "load_memory.hpp"
#include "load_sink.hpp"
#include "load_threads.hpp"
#include "read_ahead.hpp"

#endif  // AKA_LOADING_HPP
