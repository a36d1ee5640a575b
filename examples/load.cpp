// aka-load: a checkpoint read into memory, in any convention, and what that cost.
//
//     g++ -std=c++17 -O2 -Iinclude examples/load.cpp -o aka-load -pthread
#include <aka/adapt.hpp>
#include <aka/checkpoint.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "common/args.hpp"
#include "common/errors.hpp"
#include "common/json_writer.hpp"
#include "common/load_ways.hpp"
#include "common/rules.hpp"
#include "common/table.hpp"
#include "common/terminal.hpp"
#include "common/text.hpp"

namespace {

constexpr const char* program = "aka-load";
constexpr const char* usage =
    R"(usage: aka-load [OPTION...] PATH

Reads a checkpoint into memory and says how fast that was, and what it cost: page faults, processor
time, the greatest memory of the process. PATH is a file, a shard index, any part of a split, or a
folder.

      --as=NAME     in the names and layout of a convention (hf, meta, gguf, ...): rows are put into
                    its order while they are read
      --rank=R/W    only the part of tensor-parallel rank R (from 0) of W; with --as, or in its own
                    convention
      --compare     a table of ways: mapped and touched, read by so many threads, past the cache,
                    memcpy, and aka's loader as it is by default and as it is told below; cold and
                    warm, in turns
      --rounds=N    of --compare (default: 5)
      --cold        has the system forget the files first

      --threads=N   reads under way at once (default: 4)
      --block=N     KiB a read (default: 8192)
      --reading=HOW through the page cache (cached), past it where the system can (direct), or in
                    the way that proves faster (measured; default)
      --drop-cache  has the system forget what was read
      --align=N     each tensor at a multiple of N bytes, a power of two; where the file has it
                    otherwise that takes a copy (default: aligned as in the file)
      --small-pages not in huge pages
      --no-coalesce every tensor by itself
      --no-vectored every piece of a tensor by itself

      --json        one JSON object on stdout, also for an error
      --color=WHEN  auto, always or never; auto: on a terminal, unless NO_COLOR is set
  -h, --help        this text
      --version     which version this is
      --completion=SHELL  completion of this command line for bash or zsh, to be sourced

Exit status: 0 loaded; 1 that convention or rank cannot hold it; 2 usage; 3 cannot read.

Examples:
  aka-load Llama-3-8B
  aka-load --as=hf --rank=0/2 llama.gguf
  aka-load --compare --rounds=3 Llama-3-8B
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read = 3 };

struct options {
    bool compare = false, cold = false, drop = false, small_pages = false;
    bool no_coalesce = false, no_vectored = false, json = false;
    std::string as, rank, rounds, threads, block, align, reading = "measured", colour = "auto";
    std::string path;
    aka::load_options load;
    aka::shard shard;
    unsigned long n_rounds = 5, n_align = 0;

    // Whether anything is said about how to load.
    bool told() const {
        return !threads.empty() || !block.empty() || reading != "measured" || drop || no_coalesce ||
               no_vectored || n_align != 0 || small_pages;
    }
};

int fail(const options& o, const aka::error& e, int status) {
    if (o.json) {
        cli::json_writer json(stdout);
        json.object().key("error");
        cli::write_error(json, e);
        json.end();
    } else {
        cli::print_error(program, e);
    }
    return status;
}

std::string speed(std::uint64_t bytes, double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f GB/s", static_cast<double>(bytes) / seconds / 1e9);
    return text;
}
std::string milliseconds(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f ms", seconds * 1e3);
    return text;
}

// Loads once.
int load(const options& o, const aka::checkpoint& file, aka::span<const aka::load_item> items) {
    if (o.cold)
        if (const aka::status s = cli::drop_all(file); !s) return fail(o, s.error(), cannot_read);
    aka::result<aka::load_report> report = aka::load_report();
    const cli::load_cost cost = cli::cost_of([&] { report = aka::load(items, o.load); });
    if (!report) return fail(o, report.error(), cannot_read);
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true);
        json.key("tensors").number(std::uint64_t{items.size()});
        json.key("bytes").number(report->wanted);
        json.key("seconds").number(cost.seconds);
        json.key("read").number(report->read);
        json.key("between").number(report->between);
        json.key("calls").number(report->calls);
        json.key("reading").string(o.reading).key("refused").number(report->refused != 0);
        json.key("faults").number(cost.faults);
        json.key("cpu_seconds").number(cost.cpu_seconds);
        json.key("peak_bytes").number(cost.peak_bytes);
        json.end();
        return fine;
    }
    std::printf("%s, %s in %s: %s\n", cli::plural(items.size(), "tensor").c_str(),
                cli::human_size(report->wanted).c_str(), milliseconds(cost.seconds).c_str(),
                speed(report->wanted, cost.seconds).c_str());
    std::printf("read %s in %s", cli::human_size(report->read).c_str(),
                cli::plural(report->calls, "call").c_str());
    if (report->between != 0)
        std::printf(", %s of it between what was wanted", cli::human_size(report->between).c_str());
    std::printf("%s\n", report->refused != 0 ? "; not past the cache: the system refused" : "");
    std::printf("%s, %s of processor time, greatest memory %s\n",
                cli::plural(cost.faults, "page fault").c_str(),
                milliseconds(cost.cpu_seconds).c_str(), cli::human_size(cost.peak_bytes).c_str());
    return fine;
}

// Every way in turns, cold and warm; the medians.
int compare(const options& o, const aka::checkpoint& file, const aka::load_memory& memory,
            const aka::load_memory& as_told) {
    const cli::plain_reader reader(file);
    std::vector<cli::load_way> ways = cli::plain_ways(file, reader);
    const std::size_t floor = ways.size() - 1, by_default = ways.size();
    using kind = cli::load_way::kind;
    ways.push_back({"aka::load", kind::aka, 1, cli::default_load()});
    for (cli::load_way& w : ways) w.to = &memory;
    if (o.told()) ways.push_back({"aka::load, as told", kind::aka, 1, o.load, &as_told});
    std::vector<cli::way_times> times;
    if (const aka::status s = cli::measure(ways, file, reader, o.n_rounds, false, times); !s)
        return fail(o, s.error(), cannot_read);

    std::uint64_t bytes = 0;
    for (const aka::load_item& i : memory.items()) bytes += i.what.size_bytes();
    auto seconds = [&](std::size_t way, bool warm) {
        return cli::way_times::median(warm ? times[way].warm : times[way].cold);
    };
    const std::size_t best = cli::best_plain(ways, times);
    const double cold = seconds(best, false) / seconds(by_default, false);
    const double warm = seconds(floor, true) / seconds(by_default, true);
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("bytes").number(bytes).key("ways").array(true);
        for (std::size_t w = 0; w < ways.size(); ++w) {
            json.object().key("way").string(ways[w].name);
            json.key("cold_seconds").number(seconds(w, false));
            json.key("warm_seconds").number(seconds(w, true));
            json.key("warm_faults").number(times[w].last.faults);
            json.key("warm_cpu_seconds").number(times[w].last.cpu_seconds);
            json.end();
        }
        json.end().key("best_plain_cold").string(ways[best].name);
        json.key("cold_of_best_plain").number(cold).key("warm_of_memcpy").number(warm);
        json.key("peak_bytes").number(cli::usage_now::get().peak).end();
        return fine;
    }
    using align = cli::table::align;
    cli::table t;
    t.column("WAY").column("COLD", align::right).column("WARM", align::right);
    t.column("FAULTS", align::right).column("PROCESSOR", align::right);
    for (std::size_t w = 0; w < ways.size(); ++w)
        t.row({ways[w].name, w == floor ? "" : speed(bytes, seconds(w, false)),
               speed(bytes, seconds(w, true)), std::to_string(times[w].last.faults),
               milliseconds(times[w].last.cpu_seconds)});
    std::printf("%s, %s, medians of %s; faults and processor time: warm\n\n",
                cli::plural(memory.items().size(), "tensor").c_str(),
                cli::human_size(bytes).c_str(), cli::plural(o.n_rounds, "round").c_str());
    t.print(stdout, cli::look(o.colour));
    std::printf("\naka::load: cold %.2f of the best plain way (%s), warm %.2f of memcpy\n", cold,
                ways[best].name.c_str(), warm);
    return fine;
}

template <class List>
int with(const options& o, const aka::checkpoint& file, const List& tensors) {
    aka::load_memory_options m;
    m.huge_pages = !o.small_pages;
    m.align = o.n_align;
    const auto memory = aka::load_memory::lay_out(tensors, m);
    if (!memory) return fail(o, memory.error(), cannot_read);
    if (!o.compare) return load(o, file, memory->items());
    const auto by_default = aka::load_memory::lay_out(tensors);
    if (!by_default) return fail(o, by_default.error(), cannot_read);
    return compare(o, file, *by_default, *memory);
}

int run(const options& o) {
    const auto file = aka::checkpoint::open(o.path);
    if (!file) return fail(o, file.error(), cannot_read);
    if (o.as.empty() && o.shard.world == 1) return with(o, *file, *file);
    aka::target to;
    if (!o.as.empty()) to.convention = o.as;
    to.shard = o.shard;
    const auto known = aka::catalog::builtin();
    if (!known) return fail(o, known.error(), cannot_read);
    if (o.as.empty()) {
        const auto id = aka::identify(*file, *known);
        if (!id) return fail(o, id.error(), answer_is_no);
        if (id->convention() != nullptr) to.convention = id->convention()->id();
    }
    const auto seen = aka::adapt(*file, to, *known);
    if (!seen) return fail(o, seen.error(), answer_is_no);
    return with(o, *file, *seen);
}

// "3/8"
bool read_rank(const std::string& text, aka::shard& s) {
    unsigned rank = 0, world = 0;
    char more = 0;
    if (std::sscanf(text.c_str(), "%u/%u%c", &rank, &world, &more) != 2 || rank >= world)
        return false;
    return s = {rank, world}, true;
}
bool read_number(const std::string& text, unsigned long most, unsigned long& n) {
    char* end = nullptr;
    const unsigned long v = std::strtoul(text.c_str(), &end, 10);
    if (text.empty() || *end != 0 || v == 0 || v > most) return false;
    return n = v, true;
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    cli::arguments args;
    args.option("as", o.as);
    args.offer("as", cli::offered_conventions);
    args.option("rank", o.rank);
    args.flag("compare", o.compare);
    args.option("rounds", o.rounds);
    args.flag("cold", o.cold);
    args.option("threads", o.threads);
    args.option("block", o.block);
    args.option("align", o.align);
    args.option("reading", o.reading, {"measured", "cached", "direct"});
    args.flag("drop-cache", o.drop);
    args.flag("small-pages", o.small_pages);
    args.flag("no-coalesce", o.no_coalesce);
    args.flag("no-vectored", o.no_vectored);
    args.flag("json", o.json);
    args.option("color", o.colour, {"auto", "always", "never"});
    bool answered = false;
    const bool good = args.parse(argc, argv, program, usage, answered);
    if (answered) return fine;
    unsigned long threads = o.load.threads, kib = o.load.block >> 10;
    const char* wrong =
        args.words().size() != 1 ? "which checkpoint?"
        : !o.threads.empty() && !read_number(o.threads, 64, threads)
            ? "--threads is a number from 1 to 64"
        : !o.block.empty() && !read_number(o.block, 65536, kib)
            ? "--block is a number of KiB from 1 to 65536"
        : !o.align.empty() &&
                (!read_number(o.align, 2097152, o.n_align) || (o.n_align & (o.n_align - 1)) != 0)
            ? "--align is a power of two from 1 to 2097152"
        : !o.rounds.empty() && !read_number(o.rounds, 1000, o.n_rounds)
            ? "--rounds is a number from 1 to 1000"
        : !o.rank.empty() && !read_rank(o.rank, o.shard) ? "--rank is R/W, R from 0 and below W"
                                                         : nullptr;
    if (!good || wrong != nullptr) {
        std::fprintf(stderr, "%s: %s (see --help)\n", program,
                     good ? wrong : cli::escape(args.error()).c_str());
        return bad_usage;
    }
    o.path = args.words()[0];
    o.load.executor = aka::load_threads();
    o.load.threads = static_cast<unsigned>(threads);
    o.load.block = static_cast<std::size_t>(kib) << 10;
    o.load.reading = o.reading == "direct"   ? aka::reading::direct
                     : o.reading == "cached" ? aka::reading::cached
                                             : aka::reading::measured;
    o.load.drop_cache = o.drop;
    o.load.coalesce = !o.no_coalesce, o.load.vectored = !o.no_vectored;
    return run(o);
} catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return cannot_read;
}
