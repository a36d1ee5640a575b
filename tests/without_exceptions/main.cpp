// Built without exceptions, without RTTI and without doctest: every request for memory of every
// step refused once.
//     aka_without_exceptions FOLDER_OF_SAMPLES FOLDER_TO_WRITE_IN
#include "../support/refused.hpp"

#include <cstdio>
#include <string_view>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this program is for -fno-exceptions -fno-rtti"
#endif

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: %s SAMPLES TARGET\n", argv[0]), 2;
    auto known = aka::catalog::builtin();
    if (!known) return std::fprintf(stderr, "%s\n", known.error().message().c_str()), 1;
    const char* const samples[][2] = {
        {"baichuan", "hf"}, {"yi", "hf"}, {"llama-sharded", "gguf"}, {"llama.gguf", "hf"}};
    std::uint64_t requests = 0, wrong = 0;
    for (const auto& sample : samples) {
        aka::detail::path source(argv[1]), target(argv[2]);
        source /= sample[0];
        target /= "without_exceptions";
        const test::step_places where{source.c_str(), target.c_str(), sample[1]};
        test::refuse_each_step(
            where, *known.get_if(), [&](const char* step, const test::refusals& r) {
                requests += r.requests;
                wrong += r.wrong + r.lost;
                if (r.wrong + r.lost == 0) return;
                const std::string_view code = aka::errc_name(r.code);
                std::printf(
                    "%s, %s: request %llu of %llu: %llu times wrong (%.*s), %llu times lost\n",
                    sample[0], step, static_cast<unsigned long long>(r.first_wrong),
                    static_cast<unsigned long long>(r.requests),
                    static_cast<unsigned long long>(r.wrong), static_cast<int>(code.size()),
                    code.data(), static_cast<unsigned long long>(r.lost));
            });
    }
    std::printf("%llu requests refused, alone and with all later ones: %llu wrong\n",
                static_cast<unsigned long long>(requests), static_cast<unsigned long long>(wrong));
    return wrong == 0 && requests > 1000 ? 0 : 1;
}
