// What somebody else's program may look like. AKA_CONSUMER_HEADER: where it gets aka from.
#ifdef AKA_CONSUMER_HEADER
#include AKA_CONSUMER_HEADER
#else
#include <aka/aka.hpp>
#endif

int main(int argc, char** argv) {
#ifdef AKA_CHECKPOINT_HPP
    if (argc > 1) {
        const aka::result<aka::checkpoint> model = aka::checkpoint::open(argv[1]);
        return model && model.get_if()->size() == 21 ? 0 : 1;
    }
#endif
#ifdef AKA_LOADING_HPP
    aka::load_options how;
    how.executor = aka::load_threads();
    if (!aka::load(aka::span<const aka::load_item>(), how)) return 1;
#endif
    return argc > 0 && argv != nullptr && AKA_VERSION_MAJOR < 1000 ? 0 : 1;
}
