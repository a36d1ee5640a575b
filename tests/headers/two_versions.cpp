// Must not compile: two versions in one translation unit, whichever comes first.
#ifdef AKA_TEST_one
#include <aka/aka.hpp>
#include "other_version.hpp"
#else
#include "other_version.hpp"
#include <single/aka_safetensors.hpp>
#endif
