// aka-load-mpi: every MPI rank opens the same checkpoint and loads its tensor-parallel part of it.
//
//     mpicxx -std=c++17 -O2 -Iinclude examples/load_mpi.cpp -o aka-load-mpi -pthread
//     mpirun -np 4 aka-load-mpi PATH --check
#include <aka/llama.hpp>
#include <aka/loading.hpp>

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/errors.hpp"
#include "common/text.hpp"

namespace {

constexpr const char* program = "aka-load-mpi";
enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read = 3 };

struct world {
    int rank = 0, size = 1;
};

// Bytes of a tensor from one rank to another, in messages that MPI can count.
constexpr std::size_t most = std::size_t{256} << 20;
void send(aka::span<const std::byte> b, int to) {
    for (std::size_t at = 0; at < b.size(); at += most)
        MPI_Send(b.data() + at, static_cast<int>(std::min(most, b.size() - at)), MPI_BYTE, to, 0,
                 MPI_COMM_WORLD);
}
void receive(std::vector<std::byte>& b, int from) {
    for (std::size_t at = 0; at < b.size(); at += most)
        MPI_Recv(b.data() + at, static_cast<int>(std::min(most, b.size() - at)), MPI_BYTE, from, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

// Whether `part` is what rank `r` of `n` has to have of `whole`: all of it, or one of the equal
// pieces along the dimension that is shorter; where there are fewer pieces than ranks (kv heads),
// neighbours have the same.
bool is_part(const aka::load_item& whole, const std::vector<std::uint64_t>& shape,
             const std::vector<std::byte>& part, std::uint64_t r, std::uint64_t n) {
    const aka::shape& all = whole.what.shape();
    if (shape.size() != all.rank()) return false;
    std::size_t outer = 1;
    for (std::uint32_t d = 0; d < all.rank(); ++d) {
        if (shape[d] != all[d]) {
            if (shape[d] == 0 || all[d] % shape[d] != 0) return false;
            const std::uint64_t pieces = all[d] / shape[d];
            if (n % pieces != 0 || part.size() * pieces != whole.to.size()) return false;
            const std::size_t run = part.size() / outer, step = whole.to.size() / outer;
            const std::byte* from = whole.to.data() + r / (n / pieces) * run;
            for (std::size_t i = 0; i < outer; ++i)
                if (std::memcmp(part.data() + i * run, from + i * step, run) != 0) return false;
            return true;
        }
        outer *= static_cast<std::size_t>(all[d]);
    }
    return part.size() == whole.to.size() &&
           std::memcmp(part.data(), whole.to.data(), part.size()) == 0;
}

// Rank 0 loads the whole model as well and holds every part against it.
int check(const world& w, const char* path, const aka::load_memory& mine,
          const aka::load_options& how) {
    if (w.rank != 0) {
        for (const aka::load_item& i : mine.items()) {
            std::vector<std::uint64_t> shape(i.what.shape().begin(), i.what.shape().end());
            MPI_Send(shape.data(), static_cast<int>(shape.size()), MPI_UINT64_T, 0, 0,
                     MPI_COMM_WORLD);
            send({i.to.data(), i.to.size()}, 0);
        }
        return fine;
    }
    const auto model = aka::llama::open(path);
    if (!model) return cli::print_error(program, model.error()), cannot_read;
    const auto whole = aka::load_memory::lay_out(model->tensors());
    if (!whole) return cli::print_error(program, whole.error()), cannot_read;
    const auto loaded = aka::load(whole->items(), how);
    if (!loaded) return cli::print_error(program, loaded.error()), cannot_read;

    std::size_t wrong = 0;
    for (int r = 0; r < w.size; ++r)
        for (std::size_t k = 0; k < mine.items().size(); ++k) {
            const aka::load_item& i = mine[k];
            std::vector<std::uint64_t> shape(i.what.shape().begin(), i.what.shape().end());
            std::vector<std::byte> part(i.to.begin(), i.to.end());
            if (r != 0) {  // every rank has parts of one shape
                MPI_Recv(shape.data(), static_cast<int>(shape.size()), MPI_UINT64_T, r, 0,
                         MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                receive(part, r);
            }
            if (is_part((*whole)[k], shape, part, static_cast<std::uint64_t>(r),
                        static_cast<std::uint64_t>(w.size)))
                continue;
            ++wrong;
            std::printf("rank %d: %s is not its part of the whole\n", r,
                        cli::escape(i.what.name()).c_str());
        }
    std::printf("%s of %s put together: %s\n", cli::plural(mine.items().size(), "tensor").c_str(),
                cli::plural(static_cast<std::uint64_t>(w.size), "rank").c_str(),
                wrong == 0 ? "the whole, bit for bit" : "NOT the whole");
    return wrong == 0 ? fine : answer_is_no;
}

int run(const world& w, const char* path, bool checked) {
    aka::llama_options o;
    o.shard = {static_cast<std::uint32_t>(w.rank), static_cast<std::uint32_t>(w.size)};
    const auto model = aka::llama::open(path, o);
    if (!model) return cli::print_error(program, model.error()), answer_is_no;
    const auto memory = aka::load_memory::lay_out(model->tensors());
    if (!memory) return cli::print_error(program, memory.error()), cannot_read;
    aka::load_options how;
    how.executor = aka::load_threads();
    const auto start = std::chrono::steady_clock::now();
    const auto report = aka::load(memory->items(), how);
    if (!report) return cli::print_error(program, report.error()), cannot_read;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("rank %d of %d: %s of its own, %s read, %.2f GB/s\n", w.rank, w.size,
                cli::human_size(report->wanted).c_str(), cli::human_size(report->read).c_str(),
                static_cast<double>(report->wanted) / seconds / 1e9);
    std::fflush(stdout);
    return checked ? check(w, path, *memory, how) : fine;
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    world w;
    MPI_Comm_rank(MPI_COMM_WORLD, &w.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &w.size);
    const char* path = nullptr;
    bool checked = false, good = true;
    for (int i = 1; i < argc; ++i) {
        if (std::string_view(argv[i]) == "--check")
            checked = true;
        else if (argv[i][0] != '-' && path == nullptr)
            path = argv[i];
        else
            good = false;
    }
    if (!good || path == nullptr) {
        if (w.rank == 0)
            std::printf(
                "usage: mpirun -np N aka-load-mpi PATH [--check]\n\nEach of N ranks loads its "
                "tensor-parallel part of a checkpoint; --check: rank 0 holds them against the "
                "whole.\n");
        MPI_Finalize();
        return bad_usage;
    }
    const int status = run(w, path, checked);
    // A rank that gave up leaves the others waiting for its part.
    if (status > answer_is_no || (checked && status != fine)) MPI_Abort(MPI_COMM_WORLD, status);
    MPI_Finalize();
    return status;
}
