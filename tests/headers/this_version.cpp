#include <single/aka.hpp>

#include "versions.hpp"

const char* this_version_word() { return aka::errc_name(aka::errc::truncated); }
any_function this_version_function() { return reinterpret_cast<any_function>(&aka::errc_name); }
int this_version() { return AKA_VERSION; }
