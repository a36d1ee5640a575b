// aka-rename, the program itself, on large checkpoints: in place beside the bare calls of the
// system, and into new files beside `cp`; in the same run and in turns. Times are the least of
// several rounds on a clock on the wall, flushed, with all that starting a process costs.
//
//   aka_bench_rename [FOLDER [PART...]]   FOLDER: on the file system to measure; needs 7 GB.
//                        PART: slack, grow, copy, xfs, btrfs. Root also measures shared blocks, on
//                        images. The program is the one beside this, or what AKA_RENAME says.
//
// The checkpoints have Yi's and Baichuan's names and layout, of 60 and 40 layers.
#include "disk.hpp"
#include "support/files.hpp"
#include "support/mounts.hpp"
#include "support/spellings.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace bench;
std::string program;

struct used {
    double ms = 0, cpu = 0, mb = 0;
};
// In a process of its own: how long it takes, of that its own work, and its greatest memory.
used run(std::vector<std::string> words) {
    words.insert(words.begin(), program);
    std::vector<char*> args;
    for (std::string& w : words) args.push_back(w.data());
    args.push_back(nullptr);
    used u;
    u.ms = ms([&] {
        const pid_t child = ::vfork();  // a copy of this process's tables would be timed, too
        if (child == 0) {
            const int quiet = ::open("/dev/null", O_WRONLY);
            ::dup2(quiet, 1);
            ::execv(args[0], args.data());
            ::_exit(127);
        }
        int status = 0;
        struct rusage usage;
        must(::wait4(child, &status, 0, &usage) == child && status == 0, "run aka-rename");
        u.mb = static_cast<double>(usage.ru_maxrss) / 1024;
        for (const timeval& t : {usage.ru_utime, usage.ru_stime})
            u.cpu += static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
    });
    return u;
}

struct family {
    const char* name;
    const char* spelling;
    test::model_config config;
};
family yi(std::uint64_t n_embd, std::uint64_t n_ff) {
    test::model_config c;
    c.n_layer = 60, c.n_embd = n_embd, c.n_head = n_embd / 128,
    c.n_head_kv = c.n_head / (c.n_head % 5 == 0 ? 5 : 7);
    c.head_dim = 128, c.n_ff = n_ff, c.n_vocab = 64000, c.dtype = "BF16";
    return {"Yi", "yi_v1", c};
}
family baichuan(std::uint64_t n_embd, std::uint64_t n_ff) {
    test::model_config c;
    c.n_layer = 40, c.n_embd = n_embd, c.n_head = c.n_head_kv = n_embd / 128;
    c.head_dim = 128, c.n_ff = n_ff, c.n_vocab = 64000, c.dtype = "BF16";
    return {"Baichuan", "baichuan", c};
}

// One file and its config; holes, or noise as data.
class checkpoint {
  public:
    checkpoint(const fs::path& folder, const family& f, bool dense, std::size_t align)
        : folder_(folder) {
        fs::create_directories(folder);
        const test::spelling& s = test::find_spelling(f.spelling);
        const test::model m = test::model_shapes(f.config);
        test::write_file(folder / s.config_file, s.config(m));
        test::st_options o;
        o.align = align;
        const auto size = test::write_sparse_safetensors(path(), s.write(m), {{"format", "pt"}}, o);
        descriptor d(path(), O_RDWR);
        std::uint64_t json = 0;
        must(::pread(d.fd, &json, 8, 0) == 8, "read a header");
        head_.resize(static_cast<std::size_t>(8 + json));
        must(::pread(d.fd, head_.data(), head_.size(), 0) > 0, "read a header");
        if (dense) make_dense(path(), size, head_.size());
        must(::fsync(d.fd) == 0, "flush");
        size_ = size;
    }
    fs::path path() const { return folder_ / "model.safetensors"; }
    std::string text() const { return path().string(); }
    std::uint64_t size() const { return size_; }
    // As it was: what was put in front of the data is taken away.
    void restore() const {
        const std::uint64_t more = fs::file_size(path()) - size_;
        descriptor f(path(), O_RDWR);
        must(more == 0 ||
                 ::fallocate(f.fd, FALLOC_FL_COLLAPSE_RANGE, 0, static_cast<off_t>(more)) == 0,
             "take blocks away");
        must(::pwrite(f.fd, head_.data(), head_.size(), 0) > 0 && ::fsync(f.fd) == 0, "write");
    }

  private:
    fs::path folder_;
    std::string head_;
    std::uint64_t size_ = 0;
};

void slack(const family& f, const char* size, const fs::path& folder) {
    const checkpoint c(folder, f, false, 1 << 16);
    std::vector<double> ours, cpu, plan, bare;
    double mb = 0;
    for (int i = 0; i < 15; ++i) {
        plan.push_back(run({c.text(), "--to=hf"}).ms);
        bare.push_back(ms([&] { c.restore(); }));
        const used u = run({c.text(), "--to=hf", "--in-place"});
        ours.push_back(u.ms);
        cpu.push_back(u.cpu);
        mb = std::max(mb, u.mb);
        must(fs::file_size(c.path()) == c.size(), "leave the size of a file with slack");
        c.restore();
    }
    std::printf("%s -> Llama in place, %s sparse, with slack\n", f.name, size);
    line("  bare write of the header and flush", least(bare), "ms", 0);
    line("  the plan alone", least(plan), "ms", 0);
    line("  renamed, median", median(ours), "ms", 0);
    line("  renamed", least(ours), "ms", 20);
    line("  of that, processor", least(cpu), "ms", 0);
    line("  greatest memory of the process", mb, "MB", 20);
    fs::remove_all(folder);
}

// What any way that is safe against crashes does at least: the header saved and flushed beside the
// file, the change, and the saved one removed.
void insert_safely(const checkpoint& c, std::uint64_t more, std::size_t header) {
    const fs::path saved = c.path().parent_path() / "saved";
    const std::string text(header, 's');
    {
        descriptor j(saved, O_RDWR | O_CREAT);
        must(::pwrite(j.fd, text.data(), text.size(), 0) > 0 && ::fsync(j.fd) == 0, "save");
    }
    descriptor d(c.path(), O_RDWR), folder(c.path().parent_path(), O_RDONLY);
    must(::fsync(folder.fd) == 0, "flush a folder");
    must(::fallocate(d.fd, FALLOC_FL_INSERT_RANGE, 0, static_cast<off_t>(more)) == 0 &&
             ::pwrite(d.fd, text.data(), text.size(), 0) > 0 && ::fsync(d.fd) == 0,
         "insert a range");
    must(::unlink(saved.c_str()) == 0 && ::fsync(folder.fd) == 0, "remove");
}

void grow(const family& f, const char* what, const fs::path& folder, bool dense, int rounds) {
    const checkpoint c(folder, f, dense, 8);
    for (const bool cached : {true, false}) {
        if (cached && !dense) continue;
        std::vector<double> ours, cpu, bare, safe;
        double mb = 0;
        std::uint64_t more = 4096;
        const auto ready = [&] { cached ? cache(c.path()) : drop(c.path()); };
        for (int i = 0; i < rounds; ++i) {
            ready();
            const used u = run({c.text(), "--to=hf", "--in-place"});
            ours.push_back(u.ms);
            cpu.push_back(u.cpu);
            mb = std::max(mb, u.mb);
            more = fs::file_size(c.path()) - c.size();
            must(more != 0, "make a header that has to grow");
            c.restore();
            ready();
            bare.push_back(ms([&] {
                descriptor d(c.path(), O_RDWR);
                must(::fallocate(d.fd, FALLOC_FL_INSERT_RANGE, 0, static_cast<off_t>(more)) == 0 &&
                         ::fsync(d.fd) == 0,
                     "insert a range");
            }));
            c.restore();
            ready();
            safe.push_back(ms([&] { insert_safely(c, more, 1 << 16); }));
            c.restore();
        }
        std::printf("%s -> Llama in place, %s, %s, grown by %llu bytes\n", f.name, what,
                    cached ? "cached" : "dropped", static_cast<unsigned long long>(more));
        line("  bare insert and flush", least(bare), "ms", 0);
        line("  and with what any crash-safe way needs", least(safe), "ms", 0);
        line("  renamed", least(ours), "ms", 0);
        line("  of that, processor", least(cpu), "ms", 0);
        line("  renamed / crash-safe", least(ours) / least(safe), "x", 0);
        line("  renamed / bare", least(ours) / least(bare), "x", 1.2);
        line("  greatest memory of the process", mb, "MB", 20);
    }
    fs::remove_all(folder);
}

void copy(const family& f, const fs::path& folder) {
    const checkpoint c(folder / "source", f, true, 8);
    const fs::path a = folder / "by-aka.safetensors", b = folder / "by-cp.safetensors";
    std::vector<double> ours, cp, flushed;
    double mb = 0;
    for (int i = 0; i < 4; ++i) {
        cache(c.path());
        double first = ms([&] {
            must(test::run_program("cp " + test::shell_quote(c.text()) + " " +
                                   test::shell_quote(b.string()))
                         .exit_code == 0,
                 "run cp");
        });
        cp.push_back(first);
        flushed.push_back(first + ms([&] {
                              descriptor d(b, O_RDWR);
                              must(::fsync(d.fd) == 0, "flush");
                          }));
        fs::remove(b);
        cache(c.path());
        const used u = run({c.text(), "--to=hf", "-o", a.string()});
        ours.push_back(u.ms);
        mb = std::max(mb, u.mb);
        fs::remove(a);
    }
    std::printf("%s -> Llama into a new file, 2 GiB, dense and cached\n", f.name);
    line("  cp", least(cp), "ms", 0);
    line("  cp, flushed", least(flushed), "ms", 0);
    line("  renamed, flushed", least(ours), "ms", 0);
    line("  speed of aka-rename / speed of cp, both flushed", least(flushed) / least(ours), "x",
         0.9, true);
    line("  greatest memory of the process", mb, "MB", 0);
    fs::remove_all(folder);
}

// What a block device wrote, in MiB; less than 0: it does not say.
double written(const fs::path& p) {
    struct stat st;
    must(::stat(p.c_str(), &st) == 0, "ask for a device");
    const std::string name = "/sys/dev/block/" + std::to_string(st.st_dev >> 8 & 0xfff) + ":" +
                             std::to_string(st.st_dev & 0xff) + "/stat";
    if (!fs::exists(name)) return -1;
    std::FILE* f = std::fopen(name.c_str(), "r");
    unsigned long long v[7] = {};
    for (unsigned long long& x : v)
        if (std::fscanf(f, "%llu", &x) != 1) break;
    std::fclose(f);
    return static_cast<double>(v[6]) * 512 / static_cast<double>(mib);
}
double taken(const fs::path& p) {
    struct statvfs st;
    must(::statvfs(p.c_str(), &st) == 0, "ask for free space");
    return static_cast<double>((st.f_blocks - st.f_bfree) * st.f_frsize) / static_cast<double>(mib);
}

void shared(const char* kind, const family& f) {
    const test::mounted disk(kind, 6500);
    if (!disk) return void(std::printf("shared blocks on %s: %s\n", kind, disk.why().c_str()));
    const checkpoint c(disk / "source", f, false, 8);
    {  // Blocks that are taken and never written take no space in the image.
        descriptor d(c.path(), O_RDWR);
        must(::fallocate(d.fd, 0, 0, static_cast<off_t>(c.size())) == 0, "reserve space");
    }
    std::vector<double> ours;
    double most = 0, grown = 0;
    const fs::path target = disk / "copy.safetensors";
    for (int i = 0; i < 5; ++i) {
        fs::remove(target);
        ::sync();
        const double before = taken(disk.path()), w = written(disk.path());
        ours.push_back(run({c.text(), "--to=hf", "-o", target.string()}).ms);
        ::sync();
        if (w >= 0) most = std::max(most, written(disk.path()) - w);
        grown = std::max(grown, taken(disk.path()) - before);
    }
    std::printf("%s -> Llama into a new file of %.2f GiB, %s\n", f.name,
                static_cast<double>(c.size()) / static_cast<double>(gib), kind);
    line("  renamed, flushed", least(ours), "ms", 0);
    if (most != 0) line("  written to the device, its own books included", most, "MiB", 1);
    line("  more space taken", grown, "MiB", 1);
}

}  // namespace

int main(int argc, char** argv) try {
    const char* said = std::getenv("AKA_RENAME");
    program = said != nullptr ? said : (fs::path(argv[0]).parent_path() / "aka-rename").string();
    must(fs::exists(program), "find aka-rename");
    const fs::path folder =
        (argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path()) / "aka-bench-rename";
    const std::set<std::string> parts(argv + std::min(argc, 2), argv + argc);
    const auto wanted = [&](const char* part) { return parts.empty() || parts.count(part) != 0; };
    fs::remove_all(folder);
    if (wanted("slack")) {
        slack(yi(1280, 3072), "2 GiB", folder);
        slack(yi(7168, 20480), "64 GiB", folder);
        slack(baichuan(1280, 3584), "2 GiB", folder);
        slack(baichuan(7168, 24576), "64 GiB", folder);
    }
    if (wanted("grow")) {
        grow(yi(7168, 20480), "64 GiB sparse", folder, false, 15);
        grow(baichuan(7168, 24576), "64 GiB sparse", folder, false, 15);
        grow(yi(1280, 3072), "2 GiB dense", folder, true, 5);
        grow(baichuan(1280, 3584), "2 GiB dense", folder, true, 5);
    }
    if (wanted("copy")) copy(yi(1280, 3072), folder);
    if (wanted("xfs")) shared("xfs", yi(1792, 5120));
    if (wanted("btrfs")) shared("btrfs", yi(1792, 5120));
    fs::remove_all(folder);
    return missed ? 1 : 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "aka_bench_rename: %s\n", e.what());
    return 3;
}
