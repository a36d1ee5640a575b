// A copy of the single header with another number in it, as another library might vendor it.
#include "other_version.hpp"

#include "versions.hpp"

const char* other_version_word() { return aka::errc_name(aka::errc::truncated); }
any_function other_version_function() { return reinterpret_cast<any_function>(&aka::errc_name); }
int other_version() { return AKA_VERSION; }
