// Changing and copying files, flushed: each beside the bare calls of the system, or beside `cp`, in
// the same run and in turns. Times are medians of what a clock on the wall says.
//
//   aka_bench_edit [FOLDER]    FOLDER: on the file system to measure; needs 5 GB. Default: the
//                              temporary folder. Root also measures shared blocks, on images.
//
// A file's beginning here is that of Yi-34B's first shard: 60 kB of header.
#include <aka/checkpoint.hpp>
#include <aka/edit_in_place.hpp>
#include <aka/output_file.hpp>

#include "disk.hpp"
#include "support/files.hpp"
#include "support/mounts.hpp"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace bench;
constexpr std::size_t head_size = 60000;

void make_sparse(const fs::path& p, std::uint64_t size) {
    descriptor f(p, O_RDWR | O_CREAT | O_TRUNC);
    must(::ftruncate(f.fd, static_cast<off_t>(size)) == 0, "make a sparse file");
    const std::string head(head_size, 'h');
    must(::pwrite(f.fd, head.data(), head.size(), 0) > 0, "write");
    must(::fsync(f.fd) == 0, "flush");
}
void edit(const fs::path& p, std::size_t more) {
    const std::string head(head_size + more, 'n');
    aka::edit_in_place e;
    must(e.replace_head(p, head_size, aka::as_bytes(std::string_view(head))));
    must(e.commit());
}
// In a process of its own: its greatest memory, in MB.
double memory_of(const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            body();
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    int status = 0;
    struct rusage used;
    must(::wait4(child, &status, 0, &used) == child && status == 0, "run a child");
    return static_cast<double>(used.ru_maxrss) / 1024;
}

void overwrite(const char* what, const fs::path& p) {
    std::vector<double> aka, bare;
    for (int i = 0; i < 15; ++i) {
        bare.push_back(ms([&] {
            descriptor f(p, O_RDWR);
            const std::string head(head_size, 'b');
            must(::pwrite(f.fd, head.data(), head.size(), 0) > 0 && ::fsync(f.fd) == 0, "write");
        }));
        aka.push_back(ms([&] { edit(p, 0); }));
    }
    std::printf("%s\n", what);
    line("  bare write and flush", median(bare), "ms", 0);
    line("  aka, crash-safe", median(aka), "ms", 20);
    line("  aka, greatest memory of the process", memory_of([&] { edit(p, 0); }), "MB", 20);
}

void grow(const char* what, const fs::path& p, bool cached, int rounds) {
    const auto step = aka::edit_in_place::growth_step(p);
    must(step);
    if (*step == 0) return void(std::printf("%s: not on this file system\n", what));
    std::vector<double> aka, bare;
    const auto ready = [&] { cached ? cache(p) : drop(p); };
    for (int i = 0; i < rounds; ++i) {
        ready();
        bare.push_back(ms([&] {
            descriptor f(p, O_RDWR);
            must(::fallocate(f.fd, FALLOC_FL_INSERT_RANGE, 0, static_cast<off_t>(*step)) == 0 &&
                     ::fsync(f.fd) == 0,
                 "insert a range");
        }));
        ready();
        aka.push_back(ms([&] { edit(p, static_cast<std::size_t>(*step)); }));
    }
    std::printf("%s\n", what);
    line("  bare insert and flush", median(bare), "ms", 0);
    line("  aka, crash-safe", median(aka), "ms", 0);
    line("  aka / bare", median(aka) / median(bare), "x", 1.2);
    line("  greatest memory of the process",
         memory_of([&] { edit(p, static_cast<std::size_t>(*step)); }), "MB", 20);
}

void copy(const fs::path& from, const fs::path& folder, std::uint64_t shift, bool flushed) {
    std::vector<double> aka, cp;
    const fs::path a = folder / "by-aka", b = folder / "by-cp";
    const auto flush = [&](const fs::path& p) {
        descriptor f(p, O_RDWR);
        must(::fsync(f.fd) == 0, "flush");
    };
    for (int i = 0; i < 3; ++i) {
        cache(from);
        cp.push_back(ms([&] {
            must(test::run_program("cp " + test::shell_quote(from.string()) + " " +
                                   test::shell_quote(b.string()))
                         .exit_code == 0,
                 "run cp");
            if (flushed) flush(b);
        }));
        drop(b);
        fs::remove(b);
        cache(from);
        aka::output_file out;
        aka.push_back(ms([&] {
            const auto in = aka::mapped_file::open(from);
            must(in);
            auto f = aka::output_file::create(a);
            must(f);
            must(f->copy(shift, *in, 0, in->size()));
            if (flushed) must(f->commit());
            out = std::move(*f);
        }));
        out.discard();
        fs::remove(a);
    }
    std::printf("copy of 2 GiB, dense and cached%s%s\n", flushed ? ", flushed" : "",
                shift % 4096 != 0 ? ", in another phase" : "");
    line("  cp", median(cp), "ms", 0);
    line("  aka", median(aka), "ms", 0);
    line("  speed of aka / speed of cp", median(cp) / median(aka), "x", 0.9, true);
}

void shared(const char* kind) {
    const test::mounted disk(kind, 6000);
    if (!disk) return void(std::printf("shared blocks on %s: %s\n", kind, disk.why().c_str()));
    const fs::path source = disk / "source";
    {
        // Blocks that are taken and never written take no space in the image.
        descriptor f(source, O_RDWR | O_CREAT);
        must(::fallocate(f.fd, 0, 0, static_cast<off_t>(4 * gib)) == 0, "reserve 4 GiB");
        const std::string some(8 * mib, 's');
        must(::pwrite(f.fd, some.data(), some.size(), 0) > 0 && ::fsync(f.fd) == 0, "write");
    }
    const std::string head(head_size + 4096, 'n');
    std::uint64_t copied = 0;
    std::vector<double> aka;
    for (int i = 0; i < 5; ++i) {
        fs::remove(disk / "copy");
        aka.push_back(ms([&] {
            const auto in = aka::mapped_file::open(source);
            must(in);
            aka::output_options o;
            o.size = in->size() + 4096;
            auto f = aka::output_file::create(disk / "copy", o);
            must(f);
            must(f->write(0, aka::as_bytes(std::string_view(head))));
            must(f->copy(head.size(), *in, head_size, in->size() - head_size));
            must(f->commit());
            copied = f->bytes_copied();
        }));
    }
    std::printf("copy of 4 GiB with a header that grew by a block, %s\n", kind);
    line("  aka, flushed", median(aka), "ms", 0);
    line("  physically copied", static_cast<double>(copied) / static_cast<double>(mib), "MiB", 1);
}

// What opening asks about journals, beside all that opening 163 shards does.
void opening(const fs::path& folder) {
    fs::create_directory(folder / "shards");
    const auto name = [&](int i) {
        char text[64];
        std::snprintf(text, sizeof text, "model-%05d-of-00163.safetensors", i);
        return folder / "shards" / text;
    };
    for (int i = 1; i <= 163; ++i) {
        const std::string json = "{\"t" + std::to_string(i) +
                                 "\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}";
        std::string text(8, '\0');
        text[0] = static_cast<char>(json.size());
        test::write_file(name(i), text + json + "12345678");
    }
    std::vector<double> all, ask;
    for (int i = 0; i < 21; ++i) {
        all.push_back(ms([&] { must(aka::checkpoint::open(folder / "shards")); }));
        std::vector<aka::detail::path> paths;
        for (int k = 1; k <= 163; ++k) paths.emplace_back(name(k));
        ask.push_back(ms([&] {
            for (const aka::detail::path& p : paths)
                must(!aka::detail::has_journal(p), "be without a journal");
        }));
    }
    std::printf("opening 163 shards\n");
    line("  all", median(all), "ms", 0);
    line("  asking for journals, of that", median(ask), "ms", 0);
    line("  asking / all", median(ask) / median(all), "x", 0.1);
}

}  // namespace

int main(int argc, char** argv) try {
    const fs::path folder =
        (argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path()) / "aka-bench-edit";
    fs::remove_all(folder);
    fs::create_directories(folder);
    const fs::path dense = folder / "dense", sparse = folder / "sparse";
    make_sparse(sparse, 64 * gib);
    make_dense(dense, 2 * gib);
    overwrite("beginning overwritten, 2 GiB dense", dense);
    overwrite("beginning overwritten, 64 GiB sparse", sparse);
    grow("beginning grown by a block, 64 GiB sparse, cached", sparse, false, 15);
    grow("beginning grown by a block, 2 GiB dense, dropped", dense, false, 9);
    grow("beginning grown by a block, 2 GiB dense, cached", dense, true, 7);
    copy(dense, folder, 0, false);
    copy(dense, folder, 0, true);
    copy(dense, folder, 8, false);
    fs::remove(dense);
    fs::remove(sparse);
    opening(folder);
    fs::remove_all(folder);
    shared("xfs");
    shared("btrfs");
    return missed ? 1 : 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "aka_bench_edit: %s\n", e.what());
    return 3;
}
