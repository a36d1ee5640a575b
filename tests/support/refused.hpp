// Every request for memory refused once, in each step from opening a checkpoint to writing one.
// Without doctest, without exceptions and without compiled parts of the C++ library, for programs
// that are built without them, or that must know what was initialised (tests/memory).
#ifndef AKA_TEST_REFUSED_HPP
#define AKA_TEST_REFUSED_HPP

#include <aka/convert_tensor.hpp>
#include <aka/llama.hpp>
#include <aka/tools.hpp>

#include "alloc.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace test {

// What a step came to: where it succeeded, the digest of all that can be seen of it.
struct step_outcome {
    aka::errc code = aka::errc::none;
    std::uint64_t digest = 0;
};

class step_digest {
  public:
    step_digest& operator<<(std::string_view s) {
        for (const char c : s) h_ = (h_ ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
        return *this << s.size();
    }
    step_digest& operator<<(std::uint64_t n) { return h_ = (h_ ^ n) * 0x100000001B3u, *this; }
    step_digest& operator<<(const aka::tensor& t) {
        *this << t.name() << t.dtype_name() << t.size_bytes();
        if (const auto bytes = t.bytes()) {
            const aka::byte_span* b = bytes.get_if();
            *this << std::string_view(reinterpret_cast<const char*>(b->data()), b->size());
        }
        return *this;
    }
    step_digest& operator<<(const aka::tensor_list& list) {
        for (const aka::tensor t : list) *this << t << list.find(t.name()).size_bytes();
        for (const aka::metadata_value v : list.metadata()) *this << v.key();
        return *this;
    }
    operator step_outcome() const { return {aka::errc::none, h_}; }

  private:
    std::uint64_t h_ = 0xCBF29CE484222325u;
};

// Calls `f(name, path)` for each file of a folder.
template <class F>
void for_each_file(const char* folder, F f) {
    const alloc_pause pause;
    static_cast<void>(aka::detail::for_each_entry(folder, [&](std::string_view name) {
        aka::detail::path file(folder);
        if (name != "." && name != "..") f(name, (file /= name).c_str());
        return true;
    }));
}
// Of all that lies in a folder, in any order; 0: nothing.
inline std::uint64_t files_digest(const char* folder) {
    std::uint64_t sum = 0;
    for_each_file(folder, [&](std::string_view name, const char* path) {
        step_digest d;
        d << name;
        std::FILE* f = std::fopen(path, "rb");
        if (f == nullptr) return ++sum, void();
        char block[4096];
        for (std::size_t n = 0; (n = std::fread(block, 1, sizeof block, f)) != 0;)
            d << std::string_view(block, n);
        std::fclose(f);
        sum += step_outcome(d).digest;
    });
    return sum;
}
// And the folder, but on Windows, where it stays, empty.
inline void remove_files(const char* folder) {
    for_each_file(folder, [](std::string_view, const char* path) { std::remove(path); });
    std::remove(folder);
}

struct refusals {
    std::uint64_t requests = 0;  // that the step makes when none is refused
    std::uint64_t spared = 0;    // refused, and the step was done all the same
    std::uint64_t wrong = 0;     // another result, or another error than out_of_memory
    std::uint64_t lost = 0;      // runs after which memory was still held
    // Of the first that was wrong, or of the step itself.
    std::uint64_t first_wrong = 0;
    aka::errc code = aka::errc::none;
};

// `f` is run with the k-th request refused, alone and with all later ones, for every k.
template <class F>
refusals refuse_each(F f) {
    refusals r;
    const auto run = [&] {
        alloc_scope scope;
        const step_outcome o = f();
        r.lost += scope.blocks() != 0;
        r.requests = scope.count();
        return o;
    };
    const step_outcome whole = run();
    r.code = whole.code;
    if (whole.code != aka::errc::none) return ++r.wrong, r;
    const std::uint64_t requests = r.requests;
    for (std::uint64_t k = 0; k < 2 * requests; ++k) {
        alloc_scope scope;
        if (k % 2 == 0)
            scope.fail_at(k / 2);
        else
            scope.fail_from(k / 2);
        const step_outcome o = f();
        r.lost += scope.blocks() != 0;
        const bool done = o.code == aka::errc::none && o.digest == whole.digest;
        const bool refused = o.code == aka::errc::out_of_memory && scope.refused() != 0;
        r.spared += done && scope.refused() != 0;
        if (done || refused) continue;
        if (r.wrong++ == 0) r.code = o.code, r.first_wrong = k / 2;
    }
    r.requests = requests;
    return r;
}

struct step_places {
    const char *source, *target;  // a checkpoint, and a folder that is made and removed again
    const char* to;               // a convention that it is written in
};

// Calls `judge(name, refusals)` for each step of using a checkpoint.
template <class Judge>
void refuse_each_step(const step_places& where, const aka::catalog& known, Judge judge) {
    const auto failed = [](const auto& result) { return step_outcome{result.code(), 0}; };
    const auto try_step = [&](const char* name, auto f) { judge(name, refuse_each(f)); };

    try_step("open", [&]() -> step_outcome {
        const auto file = aka::checkpoint::open(where.source);
        if (!file) return failed(file);
        return step_digest() << *file.get_if();
    });
    auto opened = aka::checkpoint::open(where.source);
    if (!opened) return judge("open at all", refusals{0, 0, 1, 0, 0, opened.code()});
    const aka::checkpoint& file = *opened.get_if();

    try_step("hparams", [&]() -> step_outcome {
        const auto h = aka::hparams::of(file);
        if (!h) return failed(h);
        return step_digest() << h.get_if()->n_head << h.get_if()->n_head_kv << h.get_if()->n_ff;
    });
    try_step("identify", [&]() -> step_outcome {
        const auto id = aka::identify(file, known);
        if (!id) return failed(id);
        const aka::convention* c = id.get_if()->convention();
        return step_digest() << (c == nullptr ? "none" : c->id()) << id.get_if()->n_layer();
    });
    try_step("infer", [&]() -> step_outcome {
        const auto guess = aka::infer(file);
        if (!guess) return failed(guess);
        return step_digest() << guess.get_if()->table();
    });
    for (const char* to : {"hf", "gguf", "meta"}) {
        try_step(to, [&]() -> step_outcome {
            const auto a = aka::adapt(file, to, known);
            if (!a) return failed(a);
            step_digest d;
            d << *a.get_if() << a.get_if()->missing().size() << a.get_if()->made().size();
            for (const aka::tensor t : *a.get_if()) {
                const auto n = static_cast<std::size_t>(t.elements());
                auto* floats = static_cast<float*>(std::calloc(n + 1, sizeof(float)));
                const aka::status s = t.convert_to(aka::span<float>(floats, n));
                d << std::string_view(reinterpret_cast<const char*>(floats), n * sizeof(float));
                std::free(floats);
                if (!s) return failed(s);
            }
            return d;
        });
    }
    try_step("bind", [&]() -> step_outcome {
        const auto l = aka::llama::bind(file, {}, known);
        if (!l) return failed(l);
        const aka::llama& m = *l.get_if();
        return step_digest() << m.token_embd() << m.output() << m.layer(0).attn_q
                             << m.unbound().size();
    });

    aka::rewrite_options o;
    o.to = where.to;
    try_step("plan", [&]() -> step_outcome {
        const auto plan = aka::plan_rewrite(file, o, known);
        if (!plan) return failed(plan);
        return step_digest() << plan.get_if()->size() << plan.get_if()->bytes_moved()
                             << plan.get_if()->provenance();
    });
    auto plan = aka::plan_rewrite(file, o, known);
    if (!plan) return judge("plan at all", refusals{0, 0, 1, 0, 0, plan.code()});
    try_step("lay out", [&]() -> step_outcome {
        const auto files = aka::lay_out(*plan.get_if());
        if (!files) return failed(files);
        return step_digest() << std::uint64_t{files.get_if()->header_only()};
    });
    auto files = aka::lay_out(*plan.get_if());
    if (!files) return judge("lay out at all", refusals{0, 0, 1, 0, 0, files.code()});
    try_step("write", [&]() -> step_outcome {
        remove_files(where.target);
        const auto report = aka::write_files(*files.get_if(), where.target);
        const std::uint64_t there = files_digest(where.target);
        // Whole, or not at all.
        if (!report) return {there == 0 ? report.code() : aka::errc::already_exists, 0};
        return {aka::errc::none, there};
    });
    remove_files(where.target);
    const auto again = aka::write_files(*files.get_if(), where.target);
    if (!again) return judge("write at all", refusals{0, 0, 1, 0, 0, again.code()});
    auto back = aka::checkpoint::open(where.target);
    if (!back) return judge("read back at all", refusals{0, 0, 1, 0, 0, back.code()});
    try_step("verify", [&]() -> step_outcome {
        const auto s = aka::verify_rewrite(*files.get_if(), *back.get_if());
        if (!s) return failed(s);
        return {};
    });
    remove_files(where.target);
}

}  // namespace test

#endif  // AKA_TEST_REFUSED_HPP
