// What the two translation units with different versions of aka tell main.
#ifndef AKA_TESTS_VERSIONS_HPP
#define AKA_TESTS_VERSIONS_HPP

using any_function = void (*)();

const char* this_version_word();
any_function this_version_function();
int this_version();

const char* other_version_word();
any_function other_version_function();
int other_version();

#endif  // AKA_TESTS_VERSIONS_HPP
