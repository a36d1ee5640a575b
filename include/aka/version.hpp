// aka: the version, and the only place that has it.
//
// This check stands before the guard on purpose: a second copy of the library with another
// version must not be skipped silently because the first one already defined the guard.
#if defined(AKA_VERSION) && AKA_VERSION != 100
#error "aka: two different versions of the library are included in one translation unit"
#endif

#ifndef AKA_VERSION_HPP
#define AKA_VERSION_HPP

#define AKA_VERSION_MAJOR 0
#define AKA_VERSION_MINOR 1
#define AKA_VERSION_PATCH 0
#define AKA_VERSION 100  // MAJOR * 10000 + MINOR * 100 + PATCH, as in the check above

static_assert(AKA_VERSION ==
                  AKA_VERSION_MAJOR * 10000 + AKA_VERSION_MINOR * 100 + AKA_VERSION_PATCH,
              "aka: AKA_VERSION must say the same as its three parts");

#endif  // AKA_VERSION_HPP
