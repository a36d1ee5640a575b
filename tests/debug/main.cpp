// One object of each type that the debugger views show; tests/debug.cpp stops in `look_here`.
#include <aka/aka.hpp>

[[gnu::noinline]] void look_here() { asm volatile(""); }

int main(int, char** argv) {
    auto opened = aka::checkpoint::open(argv[1]);
    if (!opened) return 1;
    const aka::checkpoint model = *opened.get_if();
    auto names = aka::adapt(model, "gguf");
    auto bound = aka::llama::open(argv[1]);
    auto missing = aka::checkpoint::open("not there.gguf");
    const aka::tensor t = model.find("model.layers.0.self_attn.q_proj.weight");
    const aka::tensor none;
    const aka::shape sizes = t.shape();
    const aka::dtype type = aka::dtype::boolean;
    const aka::error why = missing.error();
    const aka::status fine;
    const aka::status failed = why;
    const aka::result<aka::tensor> got = model.get("model.norm.weight");
    const aka::span<const std::uint64_t> few(sizes.data(), sizes.rank());
    look_here();
    return names && bound && t && !none && few.size() == 2 && type != aka::dtype::f32 && fine &&
                   !failed && got
               ? 0
               : 1;
}
