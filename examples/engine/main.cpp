// aka-engine: generates tokens from any checkpoint of the Llama family, whatever it calls things.
//
//     g++ -std=c++17 -O3 -march=native -Iinclude/single examples/engine/main.cpp -o aka-engine
//
// How an engine uses aka that has dropped one file, aka.hpp, into its source. model.hpp is what aka
// is for: from a path to matrices in memory; refuse.hpp is what no such engine should leave out.
// engine.hpp is the transformer, matrix.hpp the arithmetic; neither knows about files. One thread,
// no tokenizer: tokens are numbers.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "engine.hpp"
#include "model.hpp"

namespace {

constexpr const char* usage =
    R"(usage: aka-engine PATH --tokens A,B,C... [-n N] [--logits]

Reads the tokens (numbers: there is no tokenizer here) and prints the N likeliest next ones, one
after the other (default 16). PATH is anything that aka opens: a safetensors file or folder, GGUF.

  --logits   a line for each: the token, and the logits that it was chosen by
  -h, --help

Exit status: 0 fine; 1 this is no model that can be computed here; 2 usage; 3 cannot read or write.
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read_or_write = 3 };

struct options {
    const char* path = nullptr;
    std::vector<std::size_t> tokens;
    std::size_t n = 16;
    bool logits = false, help = false;
};

bool read_numbers(const char* text, std::vector<std::size_t>& out) {
    out.clear();
    for (;; ++text) {
        char* end = nullptr;
        if (*text < '0' || *text > '9') return false;
        out.push_back(std::strtoul(text, &end, 10));
        if (end - text > 9 || (*end != 0 && *end != ',')) return false;
        text = end;
        if (*text == 0) return true;
    }
}
bool read_options(int argc, char** argv, options& o) {
    std::vector<std::size_t> n;
    for (int i = 1; i < argc; ++i) {
        const std::string_view a = argv[i];
        const char* value = i + 1 < argc ? argv[i + 1] : "";
        if (a == "-h" || a == "--help")
            o.help = true;
        else if (a == "--logits")
            o.logits = true;
        else if (a == "--tokens" && read_numbers(value, o.tokens))
            ++i;
        else if (a == "-n" && read_numbers(value, n) && n.size() == 1)
            o.n = n[0], ++i;
        else if (!a.empty() && a[0] != '-' && o.path == nullptr)
            o.path = argv[i];
        else
            return false;
    }
    return o.help || (o.path != nullptr && !o.tokens.empty());
}

int complain(exit_status status, const char* what) {
    std::fprintf(stderr, "aka-engine: %s\n", what);
    return status;
}

int run(const options& o) {
    engine::model m;
    if (const aka::status s = engine::loader::load(o.path, m); !s) {
        const aka::errc code = s.error().code();
        const bool no = code == aka::errc::unsupported || code == aka::errc::not_identified ||
                        code == aka::errc::missing_tensor;
        return complain(no ? answer_is_no : cannot_read_or_write, s.error().message().c_str());
    }
    for (const std::size_t t : o.tokens)
        if (t >= m.embedding.weight.rows)
            return complain(bad_usage, "a token is not in the vocabulary");
    if (m.window != 0 && o.tokens.size() + o.n - 1 > m.window)
        return complain(answer_is_no,
                        "no code here for more positions than this model sees at once");

    engine::generator next(m);
    std::vector<std::size_t> tokens = o.tokens;
    for (std::size_t i = 0; i < o.n; ++i) {
        const engine::vec logits = next(tokens);
        const auto best = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) -
                                                   logits.begin());
        std::printf("%s%zu", i == 0 || o.logits ? "" : " ", best);
        for (std::size_t k = 0; o.logits && k < logits.size(); ++k)
            std::printf(" %.9g", static_cast<double>(logits[k]));
        if (o.logits) std::printf("\n");
        std::fflush(stdout);
        tokens = {best};
    }
    if (!o.logits) std::printf("\n");
    const bool good = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    return good ? fine : cannot_read_or_write;
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    if (!read_options(argc, argv, o)) return std::fputs(usage, stderr), bad_usage;
    if (o.help) return std::fputs(usage, stdout), fine;
    return run(o);
} catch (const std::exception& e) {  // out of memory
    return complain(cannot_read_or_write, e.what());
}
