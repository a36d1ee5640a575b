// aka-list: what is in a checkpoint.
//
//     g++ -std=c++17 -Iinclude examples/list.cpp -o aka-list
#include <aka/adapt.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/adapted.hpp"
#include "common/args.hpp"
#include "common/content_hash.hpp"
#include "common/convention_line.hpp"
#include "common/errors.hpp"
#include "common/flow.hpp"
#include "common/fold.hpp"
#include "common/issues.hpp"
#include "common/json_writer.hpp"
#include "common/html_page.hpp"
#include "common/list_tables.hpp"
#include "common/listing.hpp"
#include "common/progress.hpp"
#include "common/rules.hpp"
#include "common/terminal.hpp"
#include "common/text.hpp"
#include "common/values.hpp"

namespace {

using cli::listing;

constexpr const char* program = "aka-list";
constexpr const char* usage =
    R"(usage: aka-list [OPTION...] PATH [GLOB...]

Says what is in a checkpoint: a .safetensors or .gguf file, an index of shards, any part of a GGUF
split, or a folder. Layers that are alike share a row; their numbers stand in braces. Says which
convention the names are written in.

With GLOBs: only tensors whose names match, and a row for each folded name. A glob matches a whole
name, or its beginning up to a dot; it may have * ? [a-z] {a,b} {0..31}.

  -l, --long        a row a tensor: offset, bytes, type, shape, name, file
      --no-fold     a row a tensor, in short
      --metadata    all keys and values (with --json: long arrays whole)
      --check       what is wrong or odd, infinities and NaN in the data included (all of it is
                    read); exit status 1 if there is something
      --hash        XXH64 of each tensor's bytes as they are in the file
      --as=CONVENTION  the tensors under another convention's names (hf, gguf, meta, yi, ...) and in
                    its layout: how each is made, of which, and what has no place there. A view is a
                    range of the file as it is, boxes are copies of parts
      --rules=FILE  a table of conventions in aka's grammar, beside the built-in ones
      --html=FILE   one page for a browser: the layers, what the bytes are for, where they are, and
                    the names in every convention that can spell them. It needs nothing else, and
                    has no script. An older page is replaced, no other file is
      --json        one JSON object on stdout, also for an error
      --color=WHEN  auto, always or never; auto: on a terminal, unless NO_COLOR is set
  -h, --help        this text
      --version     which version this is
      --completion=SHELL  completion of this command line for bash or zsh, to be sourced

Exit status: 0 fine; 1 issues found, no name matches, or the convention of --as cannot hold this
model; 2 usage; 3 cannot read or write.

Examples:
  aka-list Llama-3.1-8B             the layers, folded, of a folder with its shards
  aka-list model.gguf 'blk.*.attn_q*'   some tensors
  aka-list --as=gguf Yi-34B         what llama.cpp would call them, and how each is made
  aka-list --check model.gguf && echo good
  aka-list --html=model.html Mixtral-8x7B
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read_or_write = 3 };

struct options {
    bool long_rows = false, no_fold = false, metadata = false, check = false, hash = false;
    bool json = false;
    std::string colour = "auto";
    std::string as, rules, html, path;
    std::vector<std::string_view> globs;
};

// ---- --hash ------------------------------------------------------------------------------------

// Bytes as they are in the file; of a tensor that is put together, as it would be written.
aka::status add_hashes(listing& l) {
    cli::progress progress("hashing", l.bytes);
    std::vector<std::byte> buffer(1 << 20);
    for (const std::uint32_t i : l.which) {
        const aka::tensor t = l.all[i];
        cli::content_hash h;
        const std::uint64_t rows = t.is_packed() || t.shape().rank() == 0 ? 1 : t.shape()[0];
        const std::uint64_t row = rows == 0 ? 0 : t.size_bytes() / rows;
        for (std::uint64_t done = 0; done < t.size_bytes();) {
            std::uint64_t n = std::min<std::uint64_t>(buffer.size(), t.size_bytes() - done);
            aka::status r;
            if (t.is_packed()) {
                r = l.all.file(t.file_index())
                        .read(t.offset() + done, {buffer.data(), static_cast<std::size_t>(n)});
            } else {
                n = std::max(n / row, std::uint64_t{1}) * row;
                if (n > buffer.size()) buffer.resize(static_cast<std::size_t>(n));
                r = t.copy_rows(done / row, n / row, {buffer.data(), static_cast<std::size_t>(n)});
            }
            // Arithmetic is pending: there are no such bytes yet.
            if (!r && r.error().code() == aka::errc::unsupported) break;
            if (!r) return r;
            h.add(buffer.data(), static_cast<std::size_t>(n));
            done += n;
            progress.add(n);
        }
        l.hashes.push_back(t.is_pending() ? "" : h.hex());
    }
    return {};
}

// ---- for programs ------------------------------------------------------------------------------

void write_tensor(cli::json_writer& json, const listing& l, const cli::sources* sources,
                  std::size_t k) {
    const aka::tensor t = l.all[l.which[k]];
    json.object().key("name").string(t.name());
    json.key("dtype");
    l.names_only ? json.null() : json.string(t.dtype_name());
    if (t.dtype() == aka::dtype::unknown && t.ggml_type() >= 0)
        json.key("ggml_type").number(t.ggml_type());
    json.key("shape");
    if (t.has_shape()) {
        json.array();
        for (const std::uint64_t d : t.shape()) json.number(d);
        json.end();
    } else {
        json.null();
    }
    json.key("bytes");
    l.names_only ? json.null() : json.number(t.size_bytes());
    json.key("file");
    const bool one_place = !l.names_only && t.is_packed() && !t.file().empty();
    one_place ? json.string(cli::file_name(t.file())) : json.null();
    json.key("offset");
    one_place ? json.number(t.offset()) : json.null();
    if (!l.hashes.empty()) {
        json.key("hash");
        l.hashes[k].empty() ? json.null()
                            : json.string(cli::content_hash::name + (':' + l.hashes[k]));
    }
    if (sources != nullptr) {
        json.key("how").string(cli::how_made(t)).key("source").array();
        for (const std::string_view name : (*sources)(t)) json.string(name);
        json.end();
    }
    json.end();
}

void write_json(const listing& l, const options& o, const cli::convention_line& names,
                const std::vector<cli::issue>& issues) {
    static constexpr const char* formats[] = {"safetensors", "gguf", "index"};
    constexpr std::uint64_t long_array = 256;
    cli::json_writer json(stdout);
    json.object(true).key("path").string(o.path);
    json.key("format").string(formats[static_cast<int>(l.file.format())]);
    json.key("files").array();
    for (std::uint32_t i = 0; i < l.file.file_count(); ++i)
        json.string(cli::file_name(l.file.file(i).path()));
    json.end();
    json.key("metadata").object(true);
    const aka::metadata& m = l.file.metadata();
    for (std::size_t i = 0; i < m.size(); ++i) {
        if (m.find(m[i].key()).raw().at != m[i].raw().at) continue;  // a shard repeats it
        json.key(m[i].key());
        cli::write_value(json, m[i], o.metadata ? ~std::uint64_t{0} : long_array);
    }
    json.end();
    names.write(json);
    std::optional<cli::sources> sources;
    if (l.view != nullptr) {
        cli::write_adapted(json, *l.view);
        sources.emplace(l.file, *l.view);
    }
    json.key("tensors").array(true);
    for (std::size_t k = 0; k < l.which.size(); ++k)
        write_tensor(json, l, sources ? &*sources : nullptr, k);
    json.end();
    json.key("parameters");
    l.names_only ? json.null() : json.number(l.elements);
    json.key("bytes");
    l.names_only ? json.null() : json.number(l.bytes);
    if (o.check) cli::write_issues(json, issues);
    json.end();
}

// ---- the program -------------------------------------------------------------------------------

int report(const aka::error& e, const options& o, exit_status status = cannot_read_or_write,
           const cli::convention_line* names = nullptr) {
    const std::vector<cli::issue> missing =
        o.check ? cli::missing_parts(e, o.path) : std::vector<cli::issue>();
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("path").string(o.path);
        if (names != nullptr) names->write(json);
        json.key("error");
        cli::write_error(json, e);
        if (!missing.empty()) cli::write_issues(json, missing);
        json.end();
    }
    if (missing.empty()) return cli::print_error(program, e), status;
    if (!o.json) cli::print_issues(missing, cli::look(o.colour));
    return answer_is_no;
}

void print(const listing& l, const options& o, const cli::convention_line& names,
           const std::vector<cli::issue>& issues) {
    const cli::look look(o.colour);
    cli::print_totals(l, o.path, look);
    if (!l.file.empty()) cli::print_wrapped("names", names.text(), look);
    if (const std::string forms = l.packed.text(); !forms.empty())
        cli::print_wrapped("form", forms, look);
    if (l.view != nullptr)
        cli::print_wrapped(
            "as", cli::title_of(l.view->convention()) + ", " + cli::count_made(*l.view), look);
    if (o.metadata) std::printf("\n"), cli::print_metadata(l, look);
    const bool folded_names = !o.globs.empty() || l.names_only;
    const bool rows = o.long_rows || o.hash || o.no_fold || l.view != nullptr || !o.globs.empty();
    if (!l.which.empty() && (rows || (!o.metadata && !o.check))) {
        std::printf("\n");
        if (o.long_rows || o.hash)
            cli::print_long(l, look);
        else if (o.no_fold || folded_names)
            cli::print_names(l, !o.no_fold, look);
        else
            cli::print_layers(l, look);
    }
    if (l.view != nullptr && o.globs.empty()) cli::print_ledger(*l.view, look);
    if (o.check) std::printf("\n"), cli::print_issues(issues, look);
}

aka::result<aka::adapter> adapt(const aka::checkpoint& c, const options& o,
                                const aka::catalog& known) {
    const std::string_view as = o.as;
    const aka::convention* to = known.find(as);
    if (to != nullptr && !to->not_llama().empty())
        return aka::error(aka::errc::unsupported)
            .say(to->id(), " is not of the Llama family: ", to->not_llama());
    auto view = aka::adapt(c, as, known);
    if (view || view.error().code() != aka::errc::no_data) return view;
    aka::error e = view.error();
    return e.say(" (there are only names, no shards)");
}

int write_html(const aka::checkpoint& c, const options& o, const cli::convention_line& names,
               const aka::catalog& known) {
    const listing l(c, nullptr, {});
    std::vector<cli::issue> issues;
    if (o.check) issues = cli::find_issues(c);
    const std::string page =
        cli::html_page(l, o.path, names, known, o.as, o.check ? &issues : nullptr);
    if (const auto r = cli::write_page(o.html, page); !r) return report(r.error(), o);
    return issues.empty() ? fine : answer_is_no;
}

int list(const options& o) {
    auto known = aka::catalog::builtin();
    if (!known) return report(known.error(), o);
    if (!o.rules.empty())
        if (const auto r = cli::add_rules(*known, o.rules); !r)
            return report(r.error(), o, exit_status(cli::rules_status(r.error())));
    aka::checkpoint_options how;
    how.how = o.hash || o.check ? aka::access::read : aka::access::header;
    how.names_only = true;
    how.unknown_dtypes = true;
    const auto opened = aka::checkpoint::open(o.path, how);
    if (!opened) return report(opened.error(), o);

    const cli::convention_line names(*opened, *known);
    std::optional<aka::adapter> view;
    if (!o.as.empty()) {
        auto adapted = adapt(*opened, o, *known);
        if (!adapted) {
            // A name that no table has is a mistake on the command line.
            const aka::errc code = adapted.error().code();
            const exit_status status = code == aka::errc::not_found       ? bad_usage
                                       : code == aka::errc::out_of_memory ? cannot_read_or_write
                                                                          : answer_is_no;
            return report(adapted.error(), o, status, &names);
        }
        view.emplace(std::move(*adapted));
    }
    if (!o.html.empty()) return write_html(*opened, o, names, *known);
    listing l(*opened, view ? &*view : nullptr, o.globs);
    if (o.hash && !l.names_only)
        if (const auto r = add_hashes(l); !r) return report(r.error(), o);
    std::vector<cli::issue> issues;
    if (o.check) issues = cli::find_issues(l.file);

    o.json ? write_json(l, o, names, issues) : print(l, o, names, issues);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        std::fprintf(stderr, "%s: cannot write to stdout\n", program);
        return cannot_read_or_write;
    }
    if (l.which.empty() && !o.globs.empty()) {
        std::fprintf(stderr, "%s: no tensor's name matches\n", program);
        return answer_is_no;
    }
    return issues.empty() ? fine : answer_is_no;
}

}  // namespace

int main(int argc, char** argv) try {
    options o;
    cli::arguments args;
    args.flag("long", o.long_rows, 'l');
    args.flag("no-fold", o.no_fold);
    args.flag("metadata", o.metadata);
    args.flag("check", o.check);
    args.flag("hash", o.hash);
    args.option("as", o.as);
    args.offer("as", cli::offered_conventions);
    args.option("rules", o.rules);
    args.option("html", o.html);
    args.flag("json", o.json);
    args.option("color", o.colour, {"auto", "always", "never"});
    bool answered = false;
    const bool good = args.parse(argc, argv, program, usage, answered);
    if (answered) return fine;
    if (!good || args.words().empty()) {
        std::fprintf(stderr, "%s: %s (see --help)\n", program,
                     good ? "which file or folder?" : cli::escape(args.error()).c_str());
        return bad_usage;
    }
    if (!o.html.empty() && (o.json || args.words().size() > 1)) {
        std::fprintf(stderr, "%s: --html is of all tensors, and goes without --json\n", program);
        return bad_usage;
    }
    o.path = args.words()[0];
    o.globs.assign(args.words().begin() + 1, args.words().end());
    return list(o);
} catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return cannot_read_or_write;
}
