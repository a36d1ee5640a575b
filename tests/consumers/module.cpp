// Somebody else's program, with the module. (The standard headers first: clang 19 wants them so.)
#include <cstdio>
#include <string>

import aka;

int main(int, char** argv) {
    auto model = aka::checkpoint::open(std::string(argv[1]));
    if (!model) return std::puts(model.error().message().c_str()), 1;
    auto names = aka::adapt(*model, "gguf");
    if (!names) return std::puts(names.error().message().c_str()), 1;
    const aka::tensor q = names->find("blk.1.attn_q.weight");
    const aka::shape& s = q.shape();
    std::string numbers(4 * q.elements(), '\0');
    aka::status converted = q.convert_to(
        aka::dtype::f32, {reinterpret_cast<std::byte*>(numbers.data()), numbers.size()});
    auto memory = aka::load_memory::lay_out(*names);
    aka::load_options how;
    how.executor = aka::load_threads();
    if (!memory || !aka::load(memory->items(), how)) return 1;
    return model->size() == 21 && s.rank() == 2 && aka::name(q.dtype()) == "F16" && converted &&
                   aka::role_from_name("attn_q") == aka::role::attn_q
               ? 0
               : 1;
}
