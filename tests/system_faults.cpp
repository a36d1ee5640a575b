// Every system call of opening, reading and writing anew fails once: what comes out is right, or an
// error that says which, and nothing is left open, held, or lying about.
#include "support/rewritten.hpp"
#include "support/rounds.hpp"
#include "support/trace.hpp"

#include <aka/convert_tensor.hpp>
#include <aka/llama.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#if AKA_TEST_INJECT

#include <unistd.h>

namespace test_system_faults {
namespace {

namespace fs = std::filesystem;
using test::fault;

// What the part in the child says by its exit code.
enum outcome { right, refused, wrong_error, wrong_result, leaks };

// The lowest that is free: another one where a descriptor was left open.
int free_descriptor() {
    const int fd = ::dup(0);
    ::close(fd);
    return fd;
}

// An error of the system's has its number, and what it was about.
outcome judged(const aka::error& e, int injected) {
    const bool known = e.code() == aka::errc::cannot_open || e.code() == aka::errc::cannot_read ||
                       e.code() == aka::errc::cannot_write || e.code() == aka::errc::no_space ||
                       e.code() == aka::errc::interrupted;
    if (injected == ENOMEM && e.code() == aka::errc::out_of_memory) return refused;
    if (known && e.os_error() == injected && !e.file().empty()) return refused;
    std::fprintf(stderr, "not an error of the system %d: %s\n", injected, e.message().c_str());
    return wrong_error;
}

// A part that uses files, and who cleans up before and judges after it, in the parent.
struct part {
    std::string name;
    std::function<outcome(int error)> run;
    std::function<void()> before = [] {};
    std::function<std::string(bool done)> after = [](bool) { return std::string(); };
};

outcome without_leaks(const part& p, int error) {
    const int descriptor = free_descriptor();
    test::alloc_scope memory;
    const outcome o = p.run(error);
    if (o <= refused && (memory.blocks() != 0 || free_descriptor() != descriptor)) return leaks;
    return o;
}

void failed_everywhere(const part& p, fault how, int error) {
    std::map<int, int> tally;
    int at = 0;
    test::one_in tried(4);
    for (;; ++at) {
        if (tried.skips()) continue;
        p.before();
        const test::traced r =
            test::run_traced([&] { return without_leaks(p, error); }, how, at, error);
        REQUIRE(r.ran);
        CAPTURE(p.name);
        CAPTURE(at);
        CAPTURE(error);
        if (r.calls <= at) {
            CHECK(r.exit_code == right);
            break;
        }
        const bool must_succeed = how == fault::cut_short || error == EINTR;
        CHECK((r.exit_code == right || (r.exit_code == refused && !must_succeed)));
        const std::string left = p.after(r.exit_code == right);
        CHECK(left == "");
        ++tally[r.exit_code];
    }
    MESSAGE(p.name << ": "
                   << (how == fault::cut_short ? std::string("half done")
                                               : "error " + std::to_string(error))
                   << " at " << at << " calls: done all the same " << tally[right] << ", refused "
                   << tally[refused]);
}
// A disk's error, a signal, and calls that do half of it. AKA_TEST_ROUNDS: the other errors, too.
const bool thorough = test::rounds(1) > 1;
void failed_everywhere(const part& p) {
    for (const int error : {EIO, EINTR}) failed_everywhere(p, fault::fail_once, error);
    failed_everywhere(p, fault::cut_short, 0);
    if (!thorough) return;
    for (const int error : {ENOMEM, ENOSPC}) failed_everywhere(p, fault::fail_once, error);
}

// --- reading -------------------------------------------------------------------------------------

using contents = std::map<std::string, std::string>;

contents contents_of(const std::vector<test::st_tensor>& tensors) {
    contents out;
    for (const test::st_tensor& t : tensors) out[t.name] = t.data;
    return out;
}

part reading(const std::string& name, const fs::path& path, aka::access how, const contents& all) {
    part p;
    p.name = name + (how == aka::access::map ? ", mapped" : ", read");
    p.run = [=](int error) {
        const auto file = aka::checkpoint::open(path.string(), {how});
        if (!file) return judged(file.error(), error);
        if (file->size() != all.size()) return wrong_result;
        for (const aka::tensor t : *file) {
            if (const aka::status s = t.prefetch(); !s) return judged(s.error(), error);
            std::string bytes(static_cast<std::size_t>(t.size_bytes()), '\0');
            const aka::status s =
                t.copy_to({reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
            if (!s) return judged(s.error(), error);
            const auto it = all.find(std::string(t.name()));
            if (it == all.end() || it->second != bytes) return wrong_result;
        }
        return right;
    };
    return p;
}

test::model small_model() {
    test::model_config c;
    c.n_layer = 1;
    return test::random_model(c, 6);
}

}  // namespace

TEST_CASE("system faults: opening and reading") {
    const test::model m = small_model();
    struct kind {
        const char *name, *spelling;
        std::size_t shards;
        aka::access usual;
    };
    for (const kind& k : {kind{"a file", "hf_llama", 1, aka::access::map},
                          kind{"shards", "hf_llama", 3, aka::access::read},
                          kind{"a GGUF file", "gguf:llama", 1, aka::access::read},
                          kind{"a GGUF split", "gguf:llama", 2, aka::access::map}}) {
        const test::temp_folder folder(test::memory_folder());
        const test::spelling& s = test::find_spelling(k.spelling);
        test::spelling_options how;
        how.shards = k.shards;
        const fs::path path = test::write_spelling(s, m, folder.path(), how);
        contents all = contents_of(s.write(m));
        for (const aka::access access : {aka::access::map, aka::access::read})
            if (thorough || access == k.usual)
                failed_everywhere(reading(k.name, path, access, all));
    }
}

TEST_CASE("system faults: cached pages") {
    const test::temp_folder folder(test::memory_folder());
    const std::string bytes = test::random_bytes(100000, 1);
    test::write_file(folder / "a", bytes);
    for (const bool closed : {false, true}) {
        part p;
        p.name = closed ? "cache, without a descriptor" : "cache";
        p.run = [&](int error) {
            auto f = aka::mapped_file::open(folder / "a");
            if (!f) return judged(f.error(), error);
            if (closed) f->close_descriptor();
            std::string out(50000, '\0');
            for (const aka::status& s :
                 {f->prefetch(1000, 90000), f->drop_cache(0, f->size()),
                  f->read(7, {reinterpret_cast<std::byte*>(out.data()), out.size()})})
                if (!s) return judged(s.error(), error);
            return out == bytes.substr(7, 50000) ? right : wrong_result;
        };
        failed_everywhere(p);
    }
}

TEST_CASE("system faults: a bound model, with its config") {
    const test::temp_folder folder(test::memory_folder());
    const test::model m = small_model();
    test::write_spelling(test::find_spelling("internlm2"), m, folder.path());
    (void)test::known();
    part p;
    p.name = "llama::open";
    const auto whole = aka::llama::open(folder.path().string(), {}, test::known());
    REQUIRE_MESSAGE(whole, whole.error().message().view());
    const std::string q = test::bytes_of(whole->layer(0).attn_q);
    p.run = [&](int error) {
        const auto l = aka::llama::open(folder.path().string(), {}, test::known());
        if (!l) return judged(l.error(), error);
        const bool same = l->hparams().n_head == whole->hparams().n_head &&
                          test::bytes_of(l->layer(0).attn_q) == q;
        return same ? right : wrong_result;
    };
    failed_everywhere(p);
}

// --- writing -------------------------------------------------------------------------------------

TEST_CASE("system faults: writing files anew") {
    const test::temp_folder work(test::memory_folder());
    const fs::path source = work / "a", target = work / "b", once = work / "once";
    fs::create_directory(source);
    test::spelling_options how;
    how.shards = 2;
    test::write_spelling(test::find_spelling("yi_v1"), small_model(), source, how);
    test::write_file(source / "tokenizer.json", "{}");
    const auto before = test::folder_bytes(source);
    const test::rewritten done = test::rewrite(source, test::to_convention("hf"), once);
    REQUIRE(done.error == "");
    const auto wanted = test::folder_bytes(once);

    part p;
    p.name = "write_files";
    p.before = [&] { fs::remove_all(target); };
    p.run = [&](int error) {
        const auto file = aka::checkpoint::open(source.string());
        if (!file) return judged(file.error(), error);
        const auto plan = aka::plan_rewrite(*file, test::to_convention("hf"), test::known());
        if (!plan) return judged(plan.error(), error);
        const auto files = aka::lay_out(*plan);
        if (!files) return judged(files.error(), error);
        const auto r = aka::write_files(*files, target.string());
        return r ? right : judged(r.error(), error);
    };
    p.after = [&](bool whole) -> std::string {
        if (test::folder_bytes(source) != before) return "the source is changed";
        if (whole) return test::folder_bytes(target) == wanted ? "" : "other files";
        if (!fs::exists(target)) return "";
        for (const auto& e : fs::directory_iterator(target)) return "left: " + e.path().string();
        return "";
    };
    failed_everywhere(p);
}

}  // namespace test_system_faults

#else

TEST_CASE("system faults") { SKIP_TEST("errors of the system are injected on x86-64 Linux only"); }

#endif
