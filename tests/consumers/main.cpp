// What somebody else's program may look like. AKA_CONSUMER_HEADER: where it gets aka from.
#ifdef AKA_CONSUMER_HEADER
#include AKA_CONSUMER_HEADER
#else
#include <aka/aka.hpp>
#endif

int main() { return AKA_VERSION_MAJOR < 1000 ? 0 : 1; }
