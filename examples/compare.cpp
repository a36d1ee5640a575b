// aka-compare: two checkpoints, tensor by tensor, whatever their names, layouts, types and files.
//
//     g++ -std=c++17 -O2 -Iinclude examples/compare.cpp -o aka-compare -pthread
#include <aka/llama.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/args.hpp"
#include "common/compared.hpp"
#include "common/convention_line.hpp"
#include "common/errors.hpp"
#include "common/fingerprint.hpp"
#include "common/fingerprint_file.hpp"
#include "common/flow.hpp"
#include "common/json_writer.hpp"
#include "common/rules.hpp"
#include "common/terminal.hpp"
#include "common/text.hpp"
#include "common/values.hpp"
#include "common/verdict_table.hpp"

namespace {

using cli::compared, cli::verdict, cli::verdict_line;

constexpr const char* program = "aka-compare";
constexpr const char* usage =
    R"(usage: aka-compare [OPTION...] A B
       aka-compare --fingerprint PATH > FILE.json

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

Instead of a checkpoint, A or B may be a fingerprint that was saved: a hash of each tensor's bytes
in one layout (aka-fp1: XXH64, q and k in half-split row order), a hash of its numbers whatever
type they are in, one that the order of rows does not change, and some of the sorted lengths of
its rows. Hashes that are equal are as good as equal tensors where nobody made them so; lengths of
rows are a coarse measure, and different tensors may have the same.

      --fingerprint  print the fingerprint of one checkpoint, as JSON
  -l, --long        a row a tensor
      --threads=N   how many (default: all processors)
      --rules=FILE  a table of conventions in aka's grammar, beside the built-in ones
      --json        one JSON object on stdout, also for an error
      --color=WHEN  auto, always or never; auto: on a terminal, unless NO_COLOR is set
  -h, --help        this text
      --version     which version this is
      --completion=SHELL  completion of this command line for bash or zsh, to be sourced

Exit status: 0 every tensor is equal or converted; 1 something differs or is missing; 2 usage;
3 cannot read or write.

Examples:
  aka-compare Llama-3-8B llama.gguf
  aka-compare --fingerprint Llama-3-8B > llama.json
  aka-compare llama.json Yi-34B
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read_or_write = 3 };

struct options {
    bool fingerprint = false, long_rows = false, json = false;
    std::string threads, rules, colour = "auto";
    std::vector<std::string> paths;
};

// ---- what is said of a pair --------------------------------------------------------------------

std::vector<std::uint64_t> place(const compared& c) {
    std::vector<std::uint64_t> at;
    if (!c.measured || c.alike.first() == cli::similarity::none) return at;
    const aka::shape& s = c.a->tensor.shape();
    at.resize(s.rank());
    std::uint64_t i = c.alike.first();
    for (std::uint32_t d = s.rank(); d-- > 0; i /= s[d]) at[d] = i % s[d];
    return at;
}
std::string both(const std::string& a, const std::string& b) { return a == b ? a : a + ", " + b; }
std::string label(std::string_view role, std::string_view part, std::string_view name) {
    if (role.empty()) return cli::escape(name);
    return std::string(role) + (part == "weight" ? "" : '.' + cli::escape(part));
}

verdict_line line_of(const compared& c) {
    const cli::placed& p = c.any();
    const auto type = [](const cli::placed* q) {
        return q == nullptr ? std::string("-") : cli::type_name(q->tensor);
    };
    verdict_line l;
    l.tensor = label(p.role == aka::role::none ? "" : aka::name(p.role), p.part, p.name);
    l.types = both(type(c.a), type(c.b));
    l.layer = p.layer;
    l.expert = p.expert;
    l.status = c.status;
    l.counts = c.counts;
    l.has_error = l.has_cosine = c.measured && c.status != verdict::row_order;
    l.has_share = l.has_error && c.status == verdict::different && !c.allowed.blocks;
    l.error = c.alike.relative_error();
    l.cosine = c.alike.cosine();
    l.differ = c.alike.differ();
    l.of = c.alike.count();
    if (c.status == verdict::different)
        for (const std::uint64_t n : place(c))
            l.first += (l.first.empty() ? "[" : ", ") + std::to_string(n);
    if (!l.first.empty()) l.first += ']';
    l.note = c.note;
    return l;
}
verdict_line line_of(const cli::compared_prints& c) {
    const cli::print_of_tensor& p = c.any();
    const auto type = [](const cli::print_of_tensor* q) {
        return q == nullptr ? std::string("-") : cli::escape(q->dtype);
    };
    verdict_line l;
    l.tensor = label(cli::escape(p.role), p.part, p.name);
    l.types = both(type(c.a), type(c.b));
    l.layer = static_cast<std::int32_t>(p.layer);
    l.expert = static_cast<std::int32_t>(p.expert);
    l.status = c.status;
    l.counts = c.counts;
    l.has_error = c.status == verdict::converted || c.status == verdict::different;
    l.error = c.distance;
    l.note = c.note;
    return l;
}
template <class Compared>
std::vector<verdict_line> lines_of(const std::vector<Compared>& all) {
    std::vector<verdict_line> out;
    for (const Compared& c : all) out.push_back(line_of(c));
    return out;
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
        cli::verdict_table(look_, o_.long_rows).print(lines_of(all_.all()));
    }

  private:
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
        cli::print_wrapped(what, look_.paint(text, s), look_, 14);
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

template <class Compared>
void write_counts(cli::json_writer& json, const std::vector<Compared>& all) {
    json.key("counts").object();
    for (std::size_t v = 0; v < cli::verdict_count; ++v)
        json.key(cli::verdict_names[v])
            .number(std::uint64_t{cli::count(all, static_cast<verdict>(v))});
    json.end();
}
void write_index(cli::json_writer& json, const char* key, std::int64_t i) {
    json.key(key);
    i < 0 ? json.null() : json.number(i);
}
void write_fields(cli::json_writer& json, const std::vector<cli::differing_field>& fields) {
    json.key("architecture").array(true);
    for (const cli::differing_field& f : fields)
        json.object().key("name").string(f.name).key("a").string(f.a).key("b").string(f.b).end();
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
    for (const std::uint64_t n : place(c)) json.number(n);
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
    write_fields(json, all.by_role()
                           ? cli::differing_fields(a.model().hparams(), b.model().hparams())
                           : std::vector<cli::differing_field>());
    write_counts(json, all.all());
    const file_names left(a), right(b);
    json.key("tensors").array(true);
    for (const compared& c : all.all()) {
        const cli::placed& p = c.any();
        json.object().key("role");
        p.role == aka::role::none ? json.null() : json.string(aka::name(p.role));
        write_index(json, "layer", p.layer);
        write_index(json, "expert", p.expert);
        if (p.head >= 0) write_index(json, "head", p.head);
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

// ---- fingerprints ------------------------------------------------------------------------------

// A fingerprint that was saved, or that of a checkpoint.
aka::status fingerprint_of(const std::string& path, const aka::catalog& known, unsigned threads,
                           cli::fingerprint& out) {
    if (cli::fingerprint_reader::is_one(path)) return cli::fingerprint_reader::read(path, out);
    auto c = cli::placed_checkpoint::open(path, known);
    return c ? cli::take_fingerprint(*c, threads, out) : c.error();
}

void print_prints(const cli::fingerprint& a, const cli::fingerprint& b,
                  const std::vector<cli::compared_prints>& all, const options& o) {
    const cli::look look(o.colour);
    const cli::fingerprint* sides[] = {&a, &b};
    for (int i = 0; i < 2; ++i)
        cli::print_wrapped(i == 0 ? "A" : "B",
                           cli::escape(sides[i]->path) + ": " +
                               cli::plural(sides[i]->tensors.size(), "tensor") + ", " +
                               cli::fingerprint::version + ' ' + sides[i]->content(),
                           look);
    std::string text;
    for (const cli::differing_field& f : cli::differing_fields(a.hparams, b.hparams))
        text += (text.empty() ? "" : ", ") + cli::escape(f.name) + ' ' + cli::escape(f.a) +
                " and " + cli::escape(f.b);
    std::printf("\n");
    cli::print_wrapped("architecture",
                       text.empty() ? "nothing that both say differs" : "different: " + text, look,
                       14);
    std::printf("\n");
    cli::verdict_table(look, o.long_rows).print(lines_of(all));
}

void write_prints(const cli::fingerprint& a, const cli::fingerprint& b,
                  const std::vector<cli::compared_prints>& all) {
    cli::json_writer json(stdout);
    json.object(true);
    for (const cli::fingerprint* f : {&a, &b}) {
        json.key(f == &a ? "a" : "b").object().key("path").string(f->path);
        json.key("content").string(cli::content_hash::name + (':' + f->content()));
        json.key("tensors").number(std::uint64_t{f->tensors.size()}).end();
    }
    const auto fields = cli::differing_fields(a.hparams, b.hparams);
    bool same = fields.empty();
    for (const cli::compared_prints& c : all)
        same = same && (c.a != nullptr && c.b != nullptr ? c.a->shape == c.b->shape : !c.counts);
    json.key("same_architecture").number(same);
    json.key("same_names").null();  // a fingerprint keeps none
    write_fields(json, fields);
    write_counts(json, all);
    json.key("tensors").array(true);
    for (const cli::compared_prints& c : all) {
        const cli::print_of_tensor& p = c.any();
        json.object().key("role");
        p.role.empty() ? json.null() : json.string(p.role);
        write_index(json, "layer", p.layer);
        write_index(json, "expert", p.expert);
        if (p.head >= 0) write_index(json, "head", p.head);
        json.key("part");
        p.role.empty() ? json.null() : json.string(p.part);
        if (p.role.empty()) json.key("name").string(p.name);
        json.key("status").string(cli::name(c.status)).key("distance");
        const bool exact = c.status == verdict::equal || c.status == verdict::row_order;
        c.status == verdict::missing ? json.null() : json.number(exact ? 0.0 : c.distance);
        if (!c.note.empty()) json.key("note").string(c.note);
        json.end();
    }
    json.end().end();
}

// ---- the program -------------------------------------------------------------------------------

int report(const aka::error& e, const options& o, exit_status status = cannot_read_or_write) {
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("a").string(o.paths[0]);
        if (o.paths.size() > 1) json.key("b").string(o.paths[1]);
        json.key("error");
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
            return report(r.error(), o, exit_status(cli::rules_status(r.error())));
    bool answer = false;  // whether something differs
    const bool prints = o.fingerprint || cli::fingerprint_reader::is_one(o.paths[0]) ||
                        cli::fingerprint_reader::is_one(o.paths[1]);
    if (prints) {
        cli::fingerprint a, b;
        if (const auto r = fingerprint_of(o.paths[0], *known, threads, a); !r)
            return report(r.error(), o);
        if (o.fingerprint) {
            cli::json_writer json(stdout);
            cli::write_fingerprint(json, a);
        } else {
            if (const auto r = fingerprint_of(o.paths[1], *known, threads, b); !r)
                return report(r.error(), o);
            const auto all = cli::compare_fingerprints(a, b);
            o.json ? write_prints(a, b, all) : print_prints(a, b, all, o);
            answer = cli::differs(all);
        }
    } else {
        auto a = cli::placed_checkpoint::open(o.paths[0], *known);
        if (!a) return report(a.error(), o);
        auto b = cli::placed_checkpoint::open(o.paths[1], *known);
        if (!b) return report(b.error(), o);
        cli::compared_checkpoints all(*a, *b, threads);
        if (const auto r = all.run(); !r) return report(r.error(), o);
        o.json ? write_json(*a, *b, all, *known) : printer(*a, *b, all, o).print(*known);
        answer = cli::differs(all.all());
    }
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        std::fprintf(stderr, "%s: cannot write to stdout\n", program);
        return cannot_read_or_write;
    }
    return answer ? answer_is_no : fine;
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    cli::arguments args;
    args.flag("fingerprint", o.fingerprint);
    args.flag("long", o.long_rows, 'l');
    args.option("threads", o.threads);
    args.option("rules", o.rules);
    args.flag("json", o.json);
    args.option("color", o.colour, {"auto", "always", "never"});
    bool answered = false;
    const bool good = args.parse(argc, argv, program, usage, answered);
    if (answered) return fine;
    const unsigned long threads =
        o.threads.empty() ? cli::processors() : std::strtoul(o.threads.c_str(), nullptr, 10);
    const char* wrong = good && args.words().size() != (o.fingerprint ? 1 : 2)
                            ? (o.fingerprint ? "which checkpoint?" : "which two checkpoints?")
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
