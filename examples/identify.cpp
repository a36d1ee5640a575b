// aka-identify: which convention a checkpoint's names are written in, with proof.
//
//     g++ -std=c++17 -Iinclude examples/identify.cpp -o aka-identify
#include <aka/identify.hpp>
#include <aka/infer.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/args.hpp"
#include "common/convention_line.hpp"
#include "common/errors.hpp"
#include "common/flow.hpp"
#include "common/hparams_text.hpp"
#include "common/identified.hpp"
#include "common/json_writer.hpp"
#include "common/packed_weights.hpp"
#include "common/rules.hpp"
#include "common/table.hpp"
#include "common/terminal.hpp"
#include "common/text.hpp"

namespace {

using cli::identified, cli::joined, cli::layout, cli::quantisation, cli::renamed, cli::said_field;

constexpr const char* program = "aka-identify";
constexpr const char* usage =
    R"(usage: aka-identify [OPTION...] PATH

Says which convention a checkpoint is written in: a .safetensors or .gguf file, an index of shards
(the shards need not be there), or a folder. Of a folder with only a config it says what the config
says.

      --rules=FILE  a table of conventions in aka's grammar, beside the built-in ones
      --hparams     all hyper-parameters, and the keys that give them
      --json        one JSON object on stdout, also when the answer is no
      --color=WHEN  auto, always or never; auto: on a terminal, unless NO_COLOR is set
  -h, --help        this text
      --version     which version this is
      --completion=SHELL  completion of this command line for bash or zsh, to be sourced

Exit status: 0 identified, also where several conventions fit; 1 not identified, or not of the
Llama family; 2 usage; 3 cannot read or write.

Examples:
  aka-identify Yi-34B               which convention, and what it calls what
  aka-identify model.safetensors.index.json
  aka-identify --json model.gguf
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read_or_write = 3 };

struct options {
    bool hparams = false, json = false;
    std::string rules, colour = "auto", path;
};

// ---- for people --------------------------------------------------------------------------------

class printer {
  public:
    printer(const identified& r, const options& o) : r_(r), o_(o), look_(o.colour) {}

    void print() {
        answer();
        if (r_.id != nullptr && r_.convention() != nullptr) {
            if (r_.id->ambiguous()) candidates();
            facts();
            names();
            layouts();
        }
        if (r_.id != nullptr) {
            if (r_.names.empty() || r_.convention() != nullptr)
                unmatched();
            else
                inferred();
            if (r_.id->is_llama()) others();
        }
        if (o_.hparams) hparams();
    }

  private:
    static constexpr auto left = cli::table::align::left, right = cli::table::align::right;

    // What it is, is known.
    bool refused() const {
        return r_.id != nullptr && r_.id->convention() != nullptr &&
               !r_.id->convention()->not_llama().empty();
    }
    void title(const char* text) {
        std::printf("\n");
        say(text, cli::style::dim);
    }
    void say(std::string_view text, cli::style s = cli::style::plain) {
        cli::flow f(look_, 0);
        f.words(text, " ", s);
        f.print();
    }
    void line(const std::string& what, const std::string& text) const {
        if (!text.empty()) cli::print_wrapped("  " + what, text, look_, 15);
    }
    std::string id_of(const aka::convention& c) const {
        std::string out = look_.paint(c.id(), cli::style::bold);
        if (!c.title().empty()) out += ": " + std::string(c.title());
        if (!c.verified()) out += look_.paint(" (not fully verified)", cli::style::warning);
        return out;
    }

    void answer() {
        const aka::convention* c = r_.convention();
        if (c != nullptr) {
            say(id_of(*c));
            if (r_.id->ambiguous())
                say("ambiguous: names and config fit several conventions that mean different "
                    "things",
                    cli::style::warning);
        } else {
            const char* no = refused() ? "not of the Llama family" : "not identified";
            say(look_.paint(no, cli::style::bad) + ": " + cli::escape(r_.reason));
            for (const aka::convention* t : r_.by_type) line("config says", id_of(*t));
        }
        if (c == nullptr) line("config", cli::hparams_line(r_.hparams()));
    }
    void candidates() {
        for (const aka::candidate& k : r_.id->candidates()) {
            const aka::convention& c = *k.convention;
            std::string text = id_of(c) + " (rows " + std::string(aka::name(c.rope()));
            if (c.norm_offset(aka::role::attn_norm) != 0) text += ", norms less 1";
            if (c.norm() == aka::norm_kind::layer) text += ", LayerNorm";
            line("or", text + ")");
        }
    }
    void facts() {
        const aka::identification& id = *r_.id;
        std::uint64_t unmatched = 0, other = 0;
        for (const aka::shape_note& n : id.unmatched()) unmatched += n.count;
        for (const aka::shape_note& n : id.other()) other += n.count;
        std::string text =
            cli::plural(id.matched(), "tensor") + " in " + cli::plural(id.n_layer(), "layer");
        if (unmatched != 0) text += ", " + std::to_string(unmatched) + " not known";
        if (other != 0) text += ", " + std::to_string(other) + " of something else";
        if (const std::uint64_t n = cli::dropped(id))
            text += ", " + std::to_string(n) + " that hold no weights";
        line("matched", text);
        line("config", r_.hparams().found() ? cli::hparams_line(r_.hparams())
                                            : std::string("none: sizes are open"));
        if (const std::string_view type = r_.hparams().model_type; !r_.by_type.empty()) {
            const bool agrees = std::find(r_.by_type.begin(), r_.by_type.end(), id.convention()) !=
                                r_.by_type.end();
            if (!agrees)
                line("but", "the config says '" + cli::escape(type) + "' (" +
                                std::string(r_.by_type[0]->id()) +
                                "), which these names are not: names are believed");
        }
        std::vector<std::string> words;
        for (const std::string_view w : id.wrappers()) words.push_back(cli::escape(w));
        line("wrapped in", joined(words));
        line("form", r_.forms.empty() ? parts() : r_.forms);
        if (r_.tied) line("output", "tied to the embedding");
        words.clear();
        for (const std::string_view m : r_.missing) words.emplace_back(m);
        line("missing", joined(words));
    }
    // What helps to make a weight, where nobody knows how.
    std::string parts() const {
        std::vector<std::string> words;
        for (const quantisation& q : r_.parts)
            words.push_back(std::string(q.part) + " (" + std::string(q.scheme) + ") " +
                            look_.times + ' ' + std::to_string(q.count));
        return joined(words);
    }
    void names() {
        if (r_.names.empty()) {
            line("names", "as Hugging Face's");
            return;
        }
        title("names that are not Hugging Face's");
        cli::table t;
        t.column("role").column("here", left, cli::style::folded, cli::table::narrow::shrink);
        t.column("hf", left, cli::style::folded, cli::table::narrow::shrink);
        for (const renamed& n : r_.names)
            t.row({std::string(aka::name(n.role)), cli::escape(n.name),
                   n.hf.empty() ? "-" : std::string(n.hf)});
        t.print(stdout, look_);
    }
    void layouts() {
        title("layouts");
        for (const layout& l : r_.layouts) {
            const bool row = !l.axes.empty() && l.kind != std::string_view("experts");
            cli::print_wrapped(
                "", row ? cli::escape(std::string(l.name) + " = " + std::string(l.axes)) : l.text,
                look_, 2);
        }
    }
    // A table that the user can correct and pass back.
    void inferred() {
        title("inferred from words and shapes (save it, correct it, pass it back with --rules)");
        std::string_view text = r_.guess.table();
        for (std::size_t n; !text.empty(); text.remove_prefix(std::min(n + 1, text.size()))) {
            n = std::min(text.find('\n'), text.size());
            std::printf("%s\n", cli::escape(text.substr(0, n)).c_str());
        }
    }
    void unmatched() {
        const auto notes = r_.id->unmatched();
        if (notes.empty() || refused()) return;
        title("no rule knows");
        cli::table t;
        t.column("name", left, cli::style::folded, cli::table::narrow::shrink)
            .column("tensors", right);
        t.column("nearest rule", left, cli::style::plain, cli::table::narrow::shrink);
        constexpr std::size_t most = 24;
        for (std::size_t i = 0; i < notes.size() && i < most; ++i)
            t.row({cli::escape(notes[i].pattern), std::to_string(notes[i].count),
                   cli::escape(notes[i].words)});
        t.print(stdout, look_);
        if (notes.size() > most)
            std::printf("and %s more (--json has all)\n",
                        cli::plural(notes.size() - most, "name").c_str());
    }
    // A row for each thing that shares the file, not for each of its names.
    void others() {
        const auto groups = cli::others_of(*r_.id);
        if (groups.empty()) return;
        title("in the same file");
        cli::table t;
        t.column("what").column("tensors", right);
        t.column("such as", left, cli::style::folded, cli::table::narrow::shrink);
        for (const cli::other_tensors& g : groups)
            t.row({cli::escape(g.what), std::to_string(g.count), cli::escape(g.first)});
        t.print(stdout, look_);
    }
    void hparams() {
        title("hyper-parameters");
        cli::table t;
        t.column("name").column("value", left, cli::style::plain, cli::table::narrow::shrink);
        t.column("key", left, cli::style::dim, cli::table::narrow::leave_out);
        for (const said_field& f : cli::said_fields(r_.hparams()))
            t.row({f.name, cli::escape(f.value), cli::escape(f.key)});
        if (t.empty())
            std::printf("none\n");
        else
            t.print(stdout, look_);
    }

    const identified& r_;
    const options& o_;
    cli::look look_;
};

// ---- for programs ------------------------------------------------------------------------------

void text_or_null(cli::json_writer& json, std::string_view s) {
    s.empty() ? json.null() : json.string(s);
}
void write_notes(cli::json_writer& json, const char* key, const char* words,
                 aka::span<const aka::shape_note> notes) {
    json.key(key).array(true);
    for (const aka::shape_note& n : notes) {
        json.object().key("name").string(n.pattern).key("count").number(n.count);
        json.key(words);
        text_or_null(json, n.words);
        json.end();
    }
    json.end();
}
void write_candidate(cli::json_writer& json, const aka::convention& c, const aka::candidate* k) {
    json.object().key("convention").string(c.id()).key("title").string(c.title());
    json.key("rope").string(aka::name(c.rope())).key("verified").number(c.verified());
    if (k != nullptr) {
        json.key("matched").number(k->matched).key("unmatched").number(k->unmatched);
        json.key("missing").number(k->missing).key("by_config").number(k->by_config);
    }
    json.end();
}

void write_json(const identified& r, const options& o) {
    const aka::convention* const c = r.convention();
    const aka::identification* const id = r.id;
    const bool known = id != nullptr && id->convention() != nullptr;
    cli::json_writer json(stdout);
    json.object(true).key("path").string(o.path);
    json.key("family");
    c == nullptr ? json.null() : json.string("llama");
    if (c == nullptr) json.key("reason").string(r.reason);
    json.key("convention");
    known ? json.string(id->convention()->id()) : json.null();
    json.key("title");
    known ? json.string(id->convention()->title()) : json.null();
    json.key("verified").number(known && id->convention()->verified());
    json.key("ambiguous").number(known && id->ambiguous());
    json.key("candidates").array(true);
    if (known)
        for (const aka::candidate& k : id->candidates()) write_candidate(json, *k.convention, &k);
    else
        for (const aka::convention* t : r.by_type) write_candidate(json, *t, nullptr);
    json.end();
    json.key("matched").number(id == nullptr ? 0 : id->matched());
    json.key("unmatched").array();
    if (id != nullptr)
        for (const aka::shape_note& n : id->unmatched()) json.string(n.pattern);
    json.end();
    const aka::span<const aka::shape_note> none;
    write_notes(json, "nearest", "rule", id == nullptr ? none : id->unmatched());
    write_notes(json, "other", "of", id == nullptr ? none : id->other());
    json.key("dropped").number(id == nullptr ? 0 : cli::dropped(*id));
    json.key("missing").array();
    for (const std::string_view m : r.missing) json.string(m);
    json.end();
    json.key("tied").number(r.tied);
    json.key("wrappers").array();
    if (id != nullptr)
        for (const std::string_view w : id->wrappers()) json.string(w);
    json.end();
    json.key("renamed").array(true);
    for (const renamed& n : r.names) {
        json.object().key("role").string(aka::name(n.role)).key("name").string(n.name).key("hf");
        text_or_null(json, n.hf);
        if (n.by != aka::evidence::none) {
            json.key("evidence").array();
            if (has(n.by, aka::evidence::shape)) json.string("shape");
            if (has(n.by, aka::evidence::word)) json.string("word");
            if (has(n.by, aka::evidence::elimination)) json.string("elimination");
            json.end();
        }
        json.end();
    }
    json.end();
    json.key("inferred");
    text_or_null(json, r.names.empty() ? std::string_view() : r.guess.table());
    json.key("layouts").array(true);
    for (const layout& l : r.layouts) {
        json.object().key("kind").string(l.kind).key("name").string(l.name).key("layout");
        text_or_null(json, l.axes);
        json.key("text").string(l.text).end();
    }
    json.end();
    json.key("parts").array(true);
    for (const quantisation& q : r.parts)
        json.object()
            .key("part")
            .string(q.part)
            .key("scheme")
            .string(q.scheme)
            .key("count")
            .number(q.count)
            .end();
    json.end();
    json.key("layers").number(id == nullptr ? r.hparams().n_layer : id->n_layer());
    json.key("hparams").object(true);
    json.key("model_type");
    text_or_null(json, r.hparams().model_type);
    json.key("architecture");
    text_or_null(json, r.hparams().architecture);
    for (const said_field& f : cli::said_fields(r.hparams())) {
        json.key(f.name).object().key("value");
        if (!f.number)
            json.string(f.value);
        else if (f.value.find_first_not_of("0123456789") == f.value.npos)
            json.number(std::uint64_t{std::strtoull(f.value.c_str(), nullptr, 10)});
        else
            json.number(std::strtod(f.value.c_str(), nullptr));
        json.key("key");
        text_or_null(json, f.key);
        json.end();
    }
    json.end().end();
}

// ---- the program -------------------------------------------------------------------------------

int fail(const aka::error& e, const options& o, int status = cannot_read_or_write) {
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("path").string(o.path).key("family").null();
        json.key("reason").string(cli::describe(e)).key("error");
        cli::write_error(json, e);
        json.end();
    }
    cli::print_error(program, e);
    return status;
}

int say(const identified& r, const options& o) {
    o.json ? write_json(r, o) : printer(r, o).print();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        std::fprintf(stderr, "%s: cannot write to stdout\n", program);
        return cannot_read_or_write;
    }
    return r.convention() == nullptr ? answer_is_no : fine;
}

// A folder without tensors may still have a config.
int config_only(const aka::error& why, const aka::catalog& known, const options& o) {
    auto h = aka::hparams::from_folder(o.path);
    if (!h) return fail(h.error(), o);
    if (!h->found()) return fail(why, o);
    identified r;
    r.only_config = std::move(*h);
    r.reason = "there is only a config, and no tensor's name";
    cli::find_types(r, known);
    return say(r, o);
}

int identify(const options& o) {
    auto known = aka::catalog::builtin();
    if (!known) return fail(known.error(), o);
    if (!o.rules.empty())
        if (const auto r = cli::add_rules(*known, o.rules); !r)
            return fail(r.error(), o, cli::rules_status(r.error()));
    aka::checkpoint_options how;
    how.how = aka::access::header;
    how.names_only = true;
    how.unknown_dtypes = true;
    const auto opened = aka::checkpoint::open(o.path, how);
    if (!opened) {
        const bool folder = opened.error().code() == aka::errc::not_a_checkpoint ||
                            opened.error().code() == aka::errc::missing_file;
        return folder ? config_only(opened.error(), *known, o) : fail(opened.error(), o);
    }
    const auto id = aka::identify(*opened, *known);
    if (!id) return fail(id.error(), o);
    identified r = cli::make_report(*id, *known);
    r.forms = cli::packed_weights(*opened, *opened).text();
    if (!id->is_llama())
        if (const auto guessed = cli::infer_names(r, *opened, *known); !guessed)
            return fail(guessed.error(), o);
    return say(r, o);
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    cli::arguments args;
    args.option("rules", o.rules);
    args.flag("hparams", o.hparams);
    args.flag("json", o.json);
    args.option("color", o.colour, {"auto", "always", "never"});
    bool answered = false;
    const bool good = args.parse(argc, argv, program, usage, answered);
    if (answered) return fine;
    if (!good || args.words().size() != 1) {
        std::fprintf(stderr, "%s: %s (see --help)\n", program,
                     good ? "one file or folder" : cli::escape(args.error()).c_str());
        return bad_usage;
    }
    o.path = args.words()[0];
    return identify(o);
} catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return cannot_read_or_write;
}
