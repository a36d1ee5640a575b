// aka-rename: a checkpoint under other names, in the layout that goes with them.
//
//     g++ -std=c++17 -Iinclude examples/rename.cpp -o aka-rename
#include <aka/rewrite_in_place.hpp>
#include <aka/verify_rewrite.hpp>
#include <aka/write_files.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/args.hpp"
#include "common/convention_line.hpp"
#include "common/errors.hpp"
#include "common/flow.hpp"
#include "common/json_writer.hpp"
#include "common/plan_text.hpp"
#include "common/progress.hpp"
#include "common/rules.hpp"
#include "common/terminal.hpp"
#include "common/text.hpp"
#include "common/update_config.hpp"

namespace {

constexpr const char* program = "aka-rename";
constexpr const char* usage =
    R"(usage: aka-rename SRC [-o DST | --in-place] [OPTION...]

Gives a checkpoint (a file, an index of shards, a part of a GGUF split, a folder) other names, and
the layout that goes with them: fused tensors are split or made, rows put into the row order of the
other convention, experts stacked or taken apart. Without -o and --in-place it shows the plan.

what to do
      --to=CONVENTION    hf, gguf, meta, yi, ... or gguf:ARCHITECTURE
      --rule='OLD => NEW'  renames tensors of this name; may be given more than once, the first that
                         fits counts. Holes stand for what changes: {l} {e} {h} for numbers, {any}
                         for text. 'OLD => drop' leaves the tensors out. Applied before --to
      --rules=FILE       a table of conventions in aka's grammar, beside the built-in ones
      --undo             back to what it was before aka-rename
      --keep-unmatched   tensors that the convention does not know keep their names
      --dequantize=TYPE  f32, f16 or bf16: what quantised tensors of a GGUF become in safetensors
      --set=KEY=VALUE    in the metadata; GGUF: VALUE is a text or TYPE:VALUE (u32:4096)
      --unset=KEY
      --align=N          of the data: a power of two, such as 64 or 4096
      --no-provenance    do not write how it can be undone (the key aka.renamed)

where to write
  -o, --output=DST       a folder; or, for one file, a name that ends in .safetensors or .gguf: it
                         also chooses the format. Other files of the folder come along
      --in-place         the files themselves: only where nothing but their headers changes. Safe
                         against crashes: afterwards it is the old or the new file, whole
      --force            DST may be there, and is replaced
      --update-config    model_type and architectures of config.json as the new names want them
      --verify           reads what was written and compares it with the source

      --json             one JSON object on stdout, also for an error
      --all              with the plan: also what keeps its name
      --color=WHEN       auto, always or never; auto: on a terminal, unless NO_COLOR is set
  -h, --help        this text
      --version     which version this is
      --completion=SHELL  completion of this command line for bash or zsh, to be sourced

Exit status: 0 it is done, or can be; 1 the plan is refused, or --verify found a difference;
2 usage; 3 something cannot be read or written.

Examples:
  aka-rename Yi-34B --to=hf         the plan; nothing is written
  aka-rename Yi-34B --to=hf -o Yi-34B-llama --update-config
  aka-rename Llama-3-8B --to=gguf -o llama.gguf --verify
  aka-rename model.safetensors --rule='model.{any} => {any}' --in-place
)";

enum exit_status { fine, answer_is_no, bad_usage, cannot_read_or_write };

struct options {
    std::string source, to, output, rules, dequantize, align, colour = "auto";
    std::vector<std::string> rule, set, unset;
    bool undo = false, keep_unmatched = false, no_provenance = false, in_place = false;
    bool force = false, update_config = false, verify = false, json = false, all = false;
};

// What is no fault of the files or the disk.
bool is_an_answer(aka::errc code) {
    switch (code) {
        case aka::errc::out_of_memory:
        case aka::errc::cannot_open:
        case aka::errc::cannot_read:
        case aka::errc::cannot_write:
        case aka::errc::no_space:
        case aka::errc::missing_file:
        case aka::errc::file_changed:
        case aka::errc::interrupted:
        case aka::errc::in_use:
            return false;
        default:
            return true;
    }
}

int report(const aka::error& e, const options& o, int status) {
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("path").string(o.source).key("error");
        cli::write_error(json, e);
        json.end();
    }
    return cli::print_error(program, e), status;
}
int refuse(const aka::error& e, const options& o) {
    return report(e, o, is_an_answer(e.code()) ? answer_is_no : cannot_read_or_write);
}
int misuse(const std::string& what) {
    std::fprintf(stderr, "%s: %s (see --help)\n", program, what.c_str());
    return bad_usage;
}

std::string read_text(const std::string& path) {
    const auto f = aka::mapped_file::open(path);
    if (!f || f->size() > 1 << 24) return {};
    return {reinterpret_cast<const char*>(f->data()), static_cast<std::size_t>(f->size())};
}

// config.json as it is, and as the new names want it.
struct config {
    std::string path, text;
    cli::updated_config updated;
};
config config_for(const aka::checkpoint& c, const aka::adapter* a, const options& o) {
    config out;
    out.path = std::string(c.folder()) + "/config.json";
    out.text = read_text(out.path);
    if (a == nullptr || out.text.empty() || c.format() == aka::checkpoint_format::gguf) return out;
    if (a->convention().id().substr(0, 5) == "gguf:" || o.undo) return out;
    out.updated = cli::update_config(out.text, a->convention());
    return out;
}

// What a program that reads the result would still need.
std::vector<std::string> needs(const aka::rewrite_plan& p, const config& conf, const options& o) {
    std::vector<std::string> out;
    const bool gguf = p.container() == aka::checkpoint_format::gguf;
    if (gguf && p.source().format() != aka::checkpoint_format::gguf)
        out.push_back("the GGUF gets no tokenizer: the weights and hyper-parameters only");
    if (!gguf && p.source().format() == aka::checkpoint_format::gguf)
        out.push_back(
            "safetensors keep no hyper-parameters and no tokenizer: a config.json and a "
            "tokenizer.json have to be put beside them");
    else if (!gguf && p.adapted() != nullptr && conf.text.empty())
        out.push_back("there is no config.json, which programs that know these names look for");
    if (!o.update_config)
        for (const std::string& change : conf.updated.changes)
            out.push_back("config.json stays as it is; --update-config would change " + change);
    if (gguf && p.adapted() != nullptr && p.source().format() == aka::checkpoint_format::gguf) {
        const auto is = p.source().metadata().find("general.architecture").as_string();
        const std::string_view id = p.adapted()->convention().id();
        if (is && id.substr(0, 5) == "gguf:" && id.substr(5) != *is)
            out.push_back("general.architecture is still '" + std::string(*is) +
                          "', and its keys are named after it");
    }
    for (const aka::plan_remark& r : p.dropped())
        if (r.why != "by a rule" && o.in_place) out.push_back("left out: " + std::string(r.name));
    return out;
}

struct outcome {
    std::string way;  // "plan", "written", "in place"
    aka::rewrite_report wrote;
    std::optional<std::uint64_t> verified;
};

std::string way_text(const aka::rewrite_files& f) {
    const std::uint64_t moved = f.plan().bytes_moved();
    if (f.header_only() && f.plan().nothing_to_do()) return "no name changes";
    if (f.header_only())
        return "an edit of the header" + std::string(f.size() == 1 ? "" : "s") +
               ": --in-place, or -o DST";
    if (moved == 0) return "the data has to be laid out anew: -o DST";
    return cli::human_size(moved) + " are to be put into another layout: -o DST";
}

void print_plan(const aka::rewrite_plan& p, const aka::rewrite_files* files, const options& o,
                const std::vector<std::string>& needed) {
    const cli::look look(o.colour);
    cli::plan_table(p).print(look, o.all);
    cli::print_remarks("left out:", p.dropped(), look, cli::style::dim);
    cli::print_remarks("refused:", p.problems(), look, cli::style::bad);
    std::printf("\n");
    cli::flow f(look, 0);
    f.words(cli::count_steps(p));
    f.piece(files == nullptr ? "refused" : way_text(*files), look.between);
    f.print();
    if (!p.nothing_to_do() && !p.undoes() && !p.undoable())
        cli::print_wrapped("cannot be undone:", cli::describe(p.undoable().error()), look, 18);
    for (const std::string& n : needed) cli::print_wrapped("note:", cli::escape(n), look, 6);
}

void print_done(const outcome& done, const options& o, const std::string& steps,
                const std::vector<std::string>& needed) {
    const cli::look look(o.colour);
    std::printf("%s%s", steps.c_str(), look.between);
    if (done.way == "in place") {
        std::printf("%s in place, %s written\n", cli::plural(done.wrote.files, "file").c_str(),
                    cli::human_size(done.wrote.bytes).c_str());
    } else {
        std::printf("%s written, %s: %s copied, %s shared\n",
                    cli::plural(done.wrote.files, "file").c_str(),
                    cli::human_size(done.wrote.bytes).c_str(),
                    cli::human_size(done.wrote.bytes_copied).c_str(),
                    cli::human_size(done.wrote.bytes_shared).c_str());
    }
    if (done.verified)
        std::printf("verified: %s as in the source\n",
                    cli::plural(*done.verified, "tensor").c_str());
    for (const std::string& n : needed) cli::print_wrapped("note:", cli::escape(n), look, 6);
}

void write_json(const aka::rewrite_plan& p, const options& o, const outcome& done,
                const std::vector<std::string>& needed, const aka::rewrite_files* files,
                std::FILE* to) {
    cli::json_writer json(to);
    json.object(true).key("path").string(o.source);
    const auto id = [&](const char* key, const aka::convention* c) {
        json.key(key);
        c == nullptr ? json.null() : json.string(c->id());
    };
    id("from", p.adapted() == nullptr ? nullptr : p.adapted()->source().convention());
    id("to", p.adapted() == nullptr ? nullptr : &p.adapted()->convention());
    json.key("container")
        .string(p.container() == aka::checkpoint_format::gguf ? "gguf" : "safetensors");
    json.key("ok").number(p.ok()).key("way").string(done.way);
    json.key("header_only").number(files != nullptr && files->header_only());
    json.key("undoable").number(static_cast<bool>(p.undoable()));
    cli::write_plan(json, p);
    json.key("notes").array(true);
    for (const std::string& n : needed) json.string(n);
    json.end();
    if (done.way != "plan") {
        json.key("files").number(done.wrote.files).key("bytes").number(done.wrote.bytes);
        json.key("bytes_written").number(done.wrote.bytes_copied);
        json.key("bytes_shared").number(done.wrote.bytes_shared);
    }
    if (done.verified) json.key("verified").number(*done.verified);
    json.end();
}

struct shown_progress {
    cli::progress bar;
    std::uint64_t before = 0;
    static bool step(void* self, std::uint64_t done, std::uint64_t) {
        auto* s = static_cast<shown_progress*>(self);
        s->bar.add(done - s->before);
        s->before = done;
        return true;
    }
};

std::uint64_t all_bytes(const aka::rewrite_files& f) {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < f.size(); ++i) n += f[i].header_used + f[i].data_size;
    return n;
}

int write_anew(const aka::rewrite_files& files, const options& o, const config& conf,
               outcome& done) {
    shown_progress shown{{"writing", all_bytes(files)}};
    aka::write_options w;
    w.replace = o.force;
    w.progress = {&shown_progress::step, &shown};
    if (o.update_config) w.config = conf.updated.text;
    const auto wrote = aka::write_files(files, o.output, w);
    if (!wrote) return refuse(wrote.error(), o);
    done.way = "written";
    done.wrote = *wrote;
    if (!o.verify) return fine;
    aka::checkpoint_options how;
    how.unknown_dtypes = true;
    const auto written = aka::checkpoint::open(o.output, how);
    if (!written) return refuse(written.error(), o);
    if (const auto same = aka::verify_rewrite(files, *written); !same)
        return report(same.error(), o, answer_is_no);
    done.verified = files.plan().size();
    return fine;
}

int plan_and_do(const options& o, aka::checkpoint file, const aka::catalog& known,
                const aka::rewrite_options& want, const aka::metadata_edits& edits,
                std::uint64_t align) {
    std::optional<aka::in_place_rewrite> in_place;
    outcome done;
    done.way = "plan";
    config conf;
    std::string steps;
    std::vector<std::string> needed;
    std::FILE* held = nullptr;  // what is to be said when it is done
    {
        const auto plan = aka::plan_rewrite(file, want, known);
        if (!plan) return refuse(plan.error(), o);
        conf = config_for(file, plan->adapted(), o);
        if (o.update_config && !conf.updated.error.empty())
            return report(aka::error(aka::errc::bad_json).say(conf.path, ": ", conf.updated.error),
                          o, answer_is_no);
        needed = needs(*plan, conf, o);
        aka::rewrite_layout_options l;
        l.one_file = aka::detail::names_a_file(o.output);
        l.align = align;
        l.provenance = !o.no_provenance;
        l.edits = &edits;
        std::optional<aka::rewrite_files> files;
        const bool only_names = file.format() == aka::checkpoint_format::index;
        if (plan->ok() && !only_names) {
            auto laid = aka::lay_out(*plan, l);
            if (!laid) return refuse(laid.error(), o);
            files.emplace(std::move(*laid));
        }
        int status = plan->ok() ? fine : answer_is_no;
        const bool act = !o.output.empty() || o.in_place;
        if (status == fine && act && only_names)
            return refuse(aka::error(aka::errc::no_data).say("only names are there, no shards"), o);
        if (status == fine && !o.output.empty())
            if (status = write_anew(*files, o, conf, done); status != fine) return status;
        if (status == fine && o.in_place) {
            auto made = aka::rewrite_in_place(*files, o.update_config ? conf.updated.text : "");
            if (!made) return refuse(made.error(), o);
            in_place.emplace(std::move(*made));
            done.way = "in place";
            done.wrote.files = files->size();
            done.wrote.bytes = done.wrote.bytes_copied = in_place->bytes_written();
        }
        steps = cli::count_steps(*plan);
        if (o.json && in_place) held = std::tmpfile();
        if (o.json)
            write_json(*plan, o, done, needed, files ? &*files : nullptr,
                       held == nullptr ? stdout : held);
        else if (!act || !plan->ok())
            print_plan(*plan, files ? &*files : nullptr, o, needed);
        else if (!in_place)
            print_done(done, o, steps, needed);
        if (!in_place) return status;
    }
    // Nothing that looks into the files is left when they change.
    if (const auto s = in_place->commit(std::move(file)); !s) return refuse(s.error(), o);
    if (!o.json) print_done(done, o, steps, needed);
    if (held == nullptr) return fine;
    std::rewind(held);
    for (int c; (c = std::getc(held)) != EOF;) std::putchar(c);
    return std::fclose(held), fine;
}

int rename(const options& o) {
    auto known = aka::catalog::builtin();
    if (!known) return refuse(known.error(), o);
    if (!o.rules.empty())
        if (const auto r = cli::add_rules(*known, o.rules); !r)
            return report(r.error(), o, cli::rules_status(r.error()));
    aka::rewrite_options want;
    std::vector<aka::rename_rule> rules;
    for (const std::string& text : o.rule) {
        const auto r = aka::rename_rule::parse(text);
        if (!r) return report(r.error(), o, bad_usage);
        rules.push_back(*r);
    }
    want.rules = {rules.data(), rules.size()};
    want.to = o.to;
    want.undo = o.undo;
    want.keep_unmatched = o.keep_unmatched;
    if (o.dequantize == "f32") want.dequantize = aka::dtype::f32;
    if (o.dequantize == "f16") want.dequantize = aka::dtype::f16;
    if (o.dequantize == "bf16") want.dequantize = aka::dtype::bf16;
    if (aka::detail::ends_with(o.output, ".gguf")) want.container = aka::checkpoint_format::gguf;
    if (aka::detail::ends_with(o.output, ".safetensors"))
        want.container = aka::checkpoint_format::safetensors;
    if (!want.to.empty() && want.to != "hf" && want.to != "gguf" && known->find(want.to) == nullptr)
        return misuse("there is no convention '" + o.to + "'");

    aka::metadata_edits edits;
    for (const std::string& s : o.set) {
        const std::size_t equals = s.find('=');
        if (equals == s.npos || equals == 0)
            return misuse("--set wants KEY=VALUE, not '" + s + "'");
        if (const auto r = edits.set_text(s.substr(0, equals), s.substr(equals + 1)); !r)
            return report(r.error(), o, bad_usage);
    }
    for (const std::string& key : o.unset)
        if (const auto r = edits.unset(key); !r) return refuse(r.error(), o);
    std::uint64_t align = 0;
    if (!o.align.empty()) {
        char* end = nullptr;
        align = std::strtoull(o.align.c_str(), &end, 10);
        if (*end != 0 || align == 0 || (align & (align - 1)) != 0)
            return misuse("--align wants a power of two, not '" + o.align + "'");
    }

    aka::checkpoint_options how;
    how.names_only = true;
    how.unknown_dtypes = true;
    auto file = aka::checkpoint::open(o.source, how);
    if (!file) return refuse(file.error(), o);
    return plan_and_do(o, std::move(*file), *known, want, edits, align);
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    cli::arguments args;
    args.option("to", o.to);
    args.offer("to", cli::offered_conventions);
    args.list("rule", o.rule);
    args.option("rules", o.rules);
    args.flag("undo", o.undo);
    args.flag("keep-unmatched", o.keep_unmatched);
    args.option("dequantize", o.dequantize, {"f32", "f16", "bf16"});
    args.list("set", o.set);
    args.list("unset", o.unset);
    args.option("align", o.align);
    args.flag("no-provenance", o.no_provenance);
    args.option("output", o.output, {}, 'o');
    args.flag("in-place", o.in_place);
    args.flag("force", o.force);
    args.flag("update-config", o.update_config);
    args.flag("verify", o.verify);
    args.flag("json", o.json);
    args.flag("all", o.all);
    args.option("color", o.colour, {"auto", "always", "never"});
    bool answered = false;
    const bool good = args.parse(argc, argv, program, usage, answered);
    if (answered) return fine;
    if (!good) return misuse(cli::escape(args.error()));
    if (args.words().size() != 1) return misuse("which file or folder? One, please");
    if (o.in_place && !o.output.empty()) return misuse("--in-place or -o, not both");
    if (o.in_place && o.verify)
        return misuse("--verify compares with the source, which is gone after --in-place");
    if (o.undo && (!o.to.empty() || !o.rule.empty())) return misuse("--undo goes alone");
    o.source = args.words()[0];
    return rename(o);
} catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return cannot_read_or_write;
}
