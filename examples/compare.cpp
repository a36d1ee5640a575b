// aka-compare: two checkpoints, tensor by tensor, whatever their names, layouts, types and files.
//
//     g++ -std=c++17 -O2 -Iinclude examples/compare.cpp -o aka-compare -pthread
#include <aka/llama.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "common/args.hpp"
#include "common/compared.hpp"
#include "common/convention_line.hpp"
#include "common/errors.hpp"
#include "common/fold.hpp"
#include "common/json_writer.hpp"
#include "common/rules.hpp"
#include "common/table.hpp"
#include "common/terminal.hpp"
#include "common/text.hpp"

namespace {

using cli::compared, cli::verdict;

constexpr const char* program = "aka-compare";
constexpr const char* usage =
    R"(usage: aka-compare [OPTION...] A B

Compares two checkpoints by what their tensors are: names, fused or split storage, shards, the order
of the rows of q and k, stacked experts and file formats make no difference. Of each tensor:

  equal      the same bytes of the same type, in one layout
  row_order  the same rows, in another order than names and metadata say
  converted  of different types, and equal up to the rounding of the coarser one
  different  with the relative error |a - b| / |a|, the cosine, the share of numbers that differ
             and the first of them
  missing    on one side

This measures similarity. Equal numbers and small distances say that two checkpoints hold the same
or nearly the same numbers in the same places; they do not say how either came to be. A change that
is smaller than what a type rounds away cannot be seen across types.

  -l, --long        a row a tensor
      --threads=N   how many (default: all processors)
      --rules=FILE  a table of conventions in aka's grammar, beside the built-in ones
      --json        one JSON object on stdout, also for an error
      --color=WHEN  auto, always or never; auto: on a terminal, unless NO_COLOR is set
  -h, --help
      --version

Exit status: 0 every tensor is equal or converted; 1 something differs or is missing; 2 usage;
3 cannot read or write.
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read_or_write = 3 };

struct options {
    bool long_rows = false, json = false, help = false, version = false;
    std::string threads, rules, colour = "auto";
    std::vector<std::string> paths;
};

// ---- what is said of a pair --------------------------------------------------------------------

std::string number(double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", v);
    return text;
}
std::string types(const compared& c) {
    const auto of = [](const cli::placed* p) {
        return p == nullptr ? std::string("-") : cli::type_name(p->tensor);
    };
    const std::string a = of(c.a), b = of(c.b);
    return a == b ? a : a + ", " + b;
}
// "[4095, 17]"
std::string place(const compared& c) {
    if (!c.measured || c.alike.first() == cli::similarity::none) return {};
    const aka::shape& s = c.a->tensor.shape();
    std::uint64_t at = c.alike.first();
    std::string out;
    for (std::uint32_t i = s.rank(); i-- > 0; at /= s[i])
        out = std::to_string(at % s[i]) + (out.empty() ? "" : ", ") + out;
    return '[' + out + ']';
}
std::string role_text(const cli::placed& p) {
    if (p.role == aka::role::none) return cli::escape(p.name);
    std::string out(aka::name(p.role));
    return p.part == "weight" ? out : out + '.' + cli::escape(p.part);
}

// ---- for people --------------------------------------------------------------------------------

class printer {
  public:
    printer(const cli::placed_checkpoint& a, const cli::placed_checkpoint& b,
            const cli::compared_checkpoints& all, const options& o)
        : a_(a), b_(b), all_(all), o_(o), look_(o.colour) {}

    void print(const aka::catalog& known) {
        side("A", a_, known);
        side("B", b_, known);
        architecture();
        names();
        std::printf("\n");
        o_.long_rows ? each() : groups();
        summary();
    }

  private:
    static constexpr auto left = cli::table::align::left, right = cli::table::align::right;

    void side(const char* which, const cli::placed_checkpoint& c, const aka::catalog& known) {
        std::uint64_t bytes = 0;
        for (const aka::tensor t : c.file()) bytes += t.size_bytes();
        const cli::convention_line line(c.file(), known);
        std::string path = c.path();
        while (path.size() > 1 && path.back() == '/') path.pop_back();
        cli::print_wrapped(which,
                           cli::escape(path) + ": " + cli::plural(c.file().size(), "tensor") +
                               ", " + cli::human_size(bytes) + "; " + line.text(),
                           look_);
    }
    void line(const char* what, const std::string& text, cli::style s = cli::style::plain) {
        std::printf("%s%*s%s\n", look_.paint(what, cli::style::dim).c_str(),
                    static_cast<int>(14 - std::string_view(what).size()), "",
                    look_.paint(text, s).c_str());
    }
    void architecture() {
        std::printf("\n");
        if (!all_.by_role()) {
            for (const cli::placed_checkpoint* c : {&a_, &b_})
                if (!c->bound())
                    line("by name", "of " + cli::escape(c->path()) +
                                        " no roles are known: " + cli::describe(c->reason()));
            return;
        }
        const auto& x = a_.model().hparams();
        const auto& y = b_.model().hparams();
        std::string text;
        for (const cli::differing_field& f : cli::differing_fields(x, y))
            text += (text.empty() ? "" : ", ") + f.name + ' ' + cli::escape(f.a) + " and " +
                    cli::escape(f.b);
        if (!text.empty())
            line("architecture", "different: " + text, cli::style::warning);
        else if (!all_.same_architecture())
            line("architecture", "different: other tensors or shapes", cli::style::warning);
        else
            line("architecture", "the same: " + cli::hparams_line(x.found() ? x : y));
        const auto rows = [](const cli::placed_checkpoint& c) {
            return aka::name(c.stored_rope());
        };
        const bool same = rows(a_) == rows(b_);
        line("rows of q, k", same
                                 ? "the same order: " + std::string(rows(a_))
                                 : std::string(rows(a_)) + " in A, " + std::string(rows(b_)) +
                                       " in B; compared as " + std::string(aka::name(all_.rope())));
    }
    void names() {
        const std::uint64_t n = cli::names_in_common(a_.file(), b_.file());
        const std::uint64_t x = a_.file().size(), y = b_.file().size();
        if (n == x && n == y)
            line("names", "the same");
        else
            line("names", "different: " + (n == 0 ? "none" : std::to_string(n)) + " in common");
    }

    static cli::table columns() {
        cli::table t;
        t.column("tensor", left, cli::style::folded, cli::table::narrow::shrink);
        t.column("layer", left).column("expert", left).column("", right).column("type");
        t.column("status").column("error", right).column("cosine", right).column("differ", right);
        t.column("first", left, cli::style::plain, cli::table::narrow::leave_out).column("");
        return t;
    }
    struct distances {
        bool any = false;
        double error = 0, cosine = 1;
        std::uint64_t differ = 0, count = 0;
        std::string first;
    };
    static void add(distances& d, const compared& c) {
        if (!c.measured) return;
        d.any = true;
        d.error = std::max(d.error, c.alike.relative_error());
        d.cosine = std::min(d.cosine, c.alike.cosine());
        d.count += c.alike.count();
        d.differ += c.alike.differ();
    }
    std::string cosine(double c) const {
        char text[32];
        std::snprintf(text, sizeof text, 1 - c < 5e-7 && c != 1 ? "1 - %.1g" : "%.6f",
                      1 - c < 5e-7 && c != 1 ? 1 - c : c);
        return text;
    }
    void row(cli::table& t, const compared& c, const std::string& layers,
             const std::string& experts, std::uint64_t n, const distances& d) {
        const bool counted = d.any && c.status == verdict::different;
        const bool elements = counted && !c.allowed.blocks;
        t.row({role_text(c.any()), layers, experts,
               n == 1 ? "" : std::to_string(n) + ' ' + look_.times, types(c), cli::name(c.status),
               d.any && c.status != verdict::row_order ? number(d.error) : "",
               d.any && c.status != verdict::row_order ? cosine(d.cosine) : "",
               elements ? cli::percent(d.differ, d.count) : "", counted ? d.first : "",
               cli::escape(c.note)});
    }
    void each() {
        cli::table t = columns();
        for (const compared& c : all_.all()) {
            const cli::placed& p = c.any();
            distances d;
            add(d, c);
            d.first = place(c);
            row(t, c, p.layer < 0 ? "" : std::to_string(p.layer),
                p.expert < 0 ? "" : std::to_string(p.expert), 1, d);
        }
        t.print(stdout, look_);
    }
    // Layers and experts of which the same is to be said, on one row.
    void groups() {
        struct group {
            const compared* first;
            std::set<std::uint64_t> layers, experts;
            std::uint64_t count = 0;
            distances d;
        };
        std::vector<group> rows;
        std::map<std::tuple<std::string, std::string, verdict, std::string>, std::size_t> seen;
        for (const compared& c : all_.all()) {
            const cli::placed& p = c.any();
            const auto key = std::make_tuple(role_text(p), types(c), c.status, c.note);
            const auto at = seen.emplace(key, rows.size());
            if (at.second) rows.push_back({&c, {}, {}, 0, {}});
            group& g = rows[at.first->second];
            if (p.layer >= 0) g.layers.insert(static_cast<std::uint64_t>(p.layer));
            if (p.expert >= 0) g.experts.insert(static_cast<std::uint64_t>(p.expert));
            if (g.count++ == 0) g.d.first = place(c);
            add(g.d, c);
        }
        cli::table t = columns();
        const std::size_t most = look_.columns == 0 ? std::string::npos : 4;
        const auto list = [&](const std::set<std::uint64_t>& n) {
            return n.empty() ? std::string() : cli::list_numbers({n.begin(), n.end()}, most);
        };
        for (const group& g : rows) row(t, *g.first, list(g.layers), list(g.experts), g.count, g.d);
        t.print(stdout, look_);
    }
    void summary() {
        std::string text;
        for (std::size_t v = 0; v < cli::verdict_count; ++v)
            if (const std::size_t n = all_.count(static_cast<verdict>(v)); n != 0)
                text +=
                    (text.empty() ? "" : ", ") + std::to_string(n) + ' ' + cli::verdict_names[v];
        if (text.empty()) text = "nothing to compare";
        std::printf("\n%s\n", text.c_str());
    }

    const cli::placed_checkpoint &a_, &b_;
    const cli::compared_checkpoints& all_;
    const options& o_;
    cli::look look_;
};

// ---- for programs ------------------------------------------------------------------------------

void write_side(cli::json_writer& json, const char* key, const cli::placed_checkpoint& c,
                const aka::catalog& known) {
    json.key(key).object(true).key("path").string(c.path());
    cli::convention_line(c.file(), known).write(json);
    json.key("rope");
    c.bound() ? json.string(aka::name(c.stored_rope())) : json.null();
    json.key("tensors").number(std::uint64_t{c.file().size()});
    if (!c.bound()) json.key("reason").string(cli::describe(c.reason()));
    json.end();
}

void write_numbers(cli::json_writer& json, const compared& c) {
    const cli::similarity& s = c.alike;
    json.key("cosine").number(s.cosine());
    json.key("mean_error").number(s.mean_error());
    json.key(c.allowed.blocks ? "block_error" : "worst_error");
    json.number(c.allowed.blocks ? s.block_error() : s.worst_error());
    json.key("elements").number(s.count());
    if (c.allowed.blocks) return;
    json.key("differ").number(s.differ());
    json.key("first").array();
    const aka::shape& shape = c.a->tensor.shape();
    std::vector<std::uint64_t> at(shape.rank());
    std::uint64_t i = s.first();
    for (std::uint32_t d = shape.rank(); d-- > 0; i /= shape[d]) at[d] = i % shape[d];
    if (s.first() != cli::similarity::none)
        for (const std::uint64_t n : at) json.number(n);
    json.end();
}

// The names in the files of what a pair is made of.
class file_names {
  public:
    explicit file_names(const cli::placed_checkpoint& c) {
        if (c.bound()) of_.emplace(c.file(), c.model().tensors());
    }
    void write(cli::json_writer& json, const cli::placed* p) const {
        if (p == nullptr) return void(json.null());
        json.object().key("dtype").string(p->tensor.dtype_name()).key("names").array();
        if (p->role == aka::role::none)
            json.string(p->name);
        else
            for (const std::string_view n : (*of_)(p->tensor)) json.string(n);
        json.end().end();
    }

  private:
    std::optional<cli::sources> of_;
};

void write_json(const cli::placed_checkpoint& a, const cli::placed_checkpoint& b,
                const cli::compared_checkpoints& all, const aka::catalog& known) {
    cli::json_writer json(stdout);
    json.object(true);
    write_side(json, "a", a, known);
    write_side(json, "b", b, known);
    const std::uint64_t n = cli::names_in_common(a.file(), b.file());
    json.key("same_architecture").number(all.same_architecture());
    json.key("same_names").number(n == a.file().size() && n == b.file().size());
    json.key("names_in_common").number(n);
    json.key("architecture").array(true);
    if (all.by_role())
        for (const auto& f : cli::differing_fields(a.model().hparams(), b.model().hparams()))
            json.object()
                .key("name")
                .string(f.name)
                .key("a")
                .string(f.a)
                .key("b")
                .string(f.b)
                .end();
    json.end();
    json.key("counts").object();
    for (std::size_t v = 0; v < cli::verdict_count; ++v)
        json.key(cli::verdict_names[v]).number(std::uint64_t{all.count(static_cast<verdict>(v))});
    json.end();
    const file_names left(a), right(b);
    json.key("tensors").array(true);
    for (const compared& c : all.all()) {
        const cli::placed& p = c.any();
        const auto index = [&](const char* key, std::int32_t i) {
            json.key(key);
            i < 0 ? json.null() : json.number(std::int64_t{i});
        };
        json.object().key("role");
        p.role == aka::role::none ? json.null() : json.string(aka::name(p.role));
        index("layer", p.layer);
        index("expert", p.expert);
        if (p.head >= 0) index("head", p.head);
        json.key("part");
        p.role == aka::role::none ? json.null() : json.string(p.part);
        json.key("status").string(cli::name(c.status)).key("distance");
        if (c.status == verdict::equal || c.status == verdict::row_order)
            json.number(0.0);
        else if (c.measured)
            json.number(c.alike.relative_error());
        else
            json.null();
        if (c.measured && c.status != verdict::row_order) write_numbers(json, c);
        json.key("a");
        left.write(json, c.a);
        json.key("b");
        right.write(json, c.b);
        if (!c.note.empty()) json.key("note").string(c.note);
        json.end();
    }
    json.end().end();
}

// ---- the program -------------------------------------------------------------------------------

int report(const aka::error& e, const options& o, exit_status status = cannot_read_or_write) {
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("a").string(o.paths[0]).key("b").string(o.paths[1]).key("error");
        cli::write_error(json, e);
        json.end();
    }
    return cli::print_error(program, e), status;
}

int compare(const options& o, unsigned threads) {
    auto known = aka::catalog::builtin();
    if (!known) return report(known.error(), o);
    if (!o.rules.empty())
        if (const auto r = cli::add_rules(*known, o.rules); !r)
            return report(
                r.error(), o,
                r.error().code() == aka::errc::bad_table ? bad_usage : cannot_read_or_write);
    auto a = cli::placed_checkpoint::open(o.paths[0], *known);
    if (!a) return report(a.error(), o);
    auto b = cli::placed_checkpoint::open(o.paths[1], *known);
    if (!b) return report(b.error(), o);
    cli::compared_checkpoints all(*a, *b, threads);
    if (const auto r = all.run(); !r) return report(r.error(), o);

    o.json ? write_json(*a, *b, all, *known) : printer(*a, *b, all, o).print(*known);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        std::fprintf(stderr, "%s: cannot write to stdout\n", program);
        return cannot_read_or_write;
    }
    return all.differs() ? answer_is_no : fine;
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    cli::arguments args;
    args.flag("long", o.long_rows, 'l');
    args.option("threads", o.threads);
    args.option("rules", o.rules);
    args.flag("json", o.json);
    args.option("color", o.colour, {"auto", "always", "never"});
    args.flag("help", o.help, 'h');
    args.flag("version", o.version);
    const bool good = args.parse(argc, argv);
    if (good && o.help) return std::fputs(usage, stdout), fine;
    if (good && o.version) {
        std::printf("%s %d.%d.%d\n", program, AKA_VERSION_MAJOR, AKA_VERSION_MINOR,
                    AKA_VERSION_PATCH);
        return fine;
    }
    const unsigned long threads =
        o.threads.empty() ? cli::processors() : std::strtoul(o.threads.c_str(), nullptr, 10);
    const char* wrong = good && args.words().size() != 2 ? "which two checkpoints?"
                        : threads == 0 || threads > 1024 ? "--threads is a number from 1 to 1024"
                                                         : nullptr;
    if (!good || wrong != nullptr) {
        std::fprintf(stderr, "%s: %s (see --help)\n", program,
                     good ? wrong : cli::escape(args.error()).c_str());
        return bad_usage;
    }
    o.paths.assign(args.words().begin(), args.words().end());
    return compare(o, static_cast<unsigned>(threads));
} catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return cannot_read_or_write;
}
