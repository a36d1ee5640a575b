// aka-adapt: an engine that hard-codes one spelling loads every other one.
//
//     g++ -std=c++17 -Iinclude examples/adapt.cpp -o aka-adapt
#include <aka/adapt.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "common/adapted.hpp"
#include "common/errors.hpp"

namespace {

// An engine with Hugging Face's names all over it. It takes a list of tensors, and neither knows
// nor asks where they come from.
template <class Tensors>
bool engine_loads(const Tensors& file) {
    const aka::tensor q = file.find("model.layers.0.self_attn.q_proj.weight");
    if (!q) return false;
    std::vector<std::byte> memory(static_cast<std::size_t>(q.size_bytes()));
    return static_cast<bool>(q.copy_to({memory.data(), memory.size()}));
}

int fail(const aka::error& e, int status) { return cli::print_error("aka-adapt", e), status; }

}  // namespace

int main(int argc, char** argv) {
    const bool help = argc == 2 && std::string_view(argv[1]) == "--help";
    if (help || argc < 2 || argc > 3 || argv[1][0] == '-') {
        std::fprintf(
            help ? stdout : stderr,
            "usage: aka-adapt PATH [CONVENTION]\n\nHow each tensor of another spelling "
            "(hf, gguf, meta, ...; default hf) is made from a file.\n\nExit status: 0 fine; "
            "1 the convention cannot hold it; 2 usage; 3 cannot read.\n");
        return help ? 0 : 2;
    }
    const std::string convention = argc == 3 ? argv[2] : "hf";
    const auto known = aka::catalog::builtin();
    if (!known) return fail(known.error(), 3);
    const auto file = aka::checkpoint::open(argv[1]);
    if (!file) return fail(file.error(), 3);

    const auto view = aka::adapt(*file, convention, *known);  // the line that changes
    if (!view) return fail(view.error(), 1);

    for (const aka::tensor t : *view) {
        const std::string name = cli::escape(t.name());
        if (t.is_packed() && t.file().empty())
            std::printf("%-56s made\n", name.c_str());
        else if (t.is_packed())
            std::printf("%-56s a view of %.*s at byte %llu\n", name.c_str(),
                        static_cast<int>(t.file().size()), t.file().data(),
                        static_cast<unsigned long long>(t.offset()));
        else if (t.is_pending())
            std::printf("%-56s computed: %s\n", name.c_str(), cli::how_made(t).c_str());
        else
            std::printf("%-56s copied by %zu box%s\n", name.c_str(), t.boxes().size(),
                        t.boxes().size() == 1 ? "" : "es");
    }
    for (const auto& e : view->made())
        std::printf("%s: %s\n", cli::escape(e.name).c_str(), cli::escape(e.why).c_str());
    for (const auto& e : view->missing())
        std::printf("%s: %s\n", cli::escape(e.name).c_str(), cli::escape(e.why).c_str());
    for (const auto& e : view->unbound())
        std::printf("%s: %s\n", cli::escape(e.name).c_str(), cli::escape(e.why).c_str());

    const bool before = engine_loads(*file), after = engine_loads(*view);
    std::printf("\nan engine that knows only Hugging Face's names %s the file, and %s the view\n",
                before ? "reads" : "cannot read", after ? "reads" : "cannot read");
    return 0;
}
