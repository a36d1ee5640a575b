// aka-list: what is in a checkpoint.
//
//     g++ -std=c++17 -Iinclude examples/list.cpp -o aka-list
#include <aka/checkpoint.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/args.hpp"
#include "common/content_hash.hpp"
#include "common/errors.hpp"
#include "common/fold.hpp"
#include "common/glob.hpp"
#include "common/issues.hpp"
#include "common/json_writer.hpp"
#include "common/progress.hpp"
#include "common/table.hpp"
#include "common/terminal.hpp"
#include "common/text.hpp"
#include "common/values.hpp"

namespace {

constexpr const char* program = "aka-list";
constexpr const char* usage =
    R"(usage: aka-list [OPTION...] PATH [GLOB...]

Says what is in a checkpoint: a .safetensors or .gguf file, an index of shards, any part of a GGUF
split, or a folder. Layers that are alike share a row; their numbers stand in braces.

With GLOBs: only tensors whose names match, and a row for each folded name. A glob matches a whole
name, or its beginning up to a dot; it may have * ? [a-z] {a,b} {0..31}.

  -l, --long        a row a tensor: offset, bytes, type, shape, name, file
      --no-fold     a row a tensor, in short
      --metadata    all keys and values (with --json: long arrays whole)
      --check       what is wrong or odd; exit status 1 if there is something
      --hash        XXH64 of each tensor's bytes as they are in the file
      --json        one JSON object on stdout, also for an error
      --color=WHEN  auto, always or never; auto: on a terminal, unless NO_COLOR is set
  -h, --help
      --version

Exit status: 0 fine; 1 issues found, or no name matches; 2 usage; 3 cannot read or write.
)";

enum exit_status { fine = 0, answer_is_no = 1, bad_usage = 2, cannot_read_or_write = 3 };

struct options {
    bool long_rows = false, no_fold = false, metadata = false, check = false, hash = false;
    bool json = false, help = false, version = false;
    std::string colour = "auto";
    std::string path;
    std::vector<std::string_view> globs;
};

// ---- what was asked for ------------------------------------------------------------------------

// Bytes are there and can be added up; of an unknown type, a shape may claim any number.
std::uint64_t saturated(std::uint64_t a, std::uint64_t b) {
    return a > ~b ? ~std::uint64_t{0} : a + b;
}

struct listing {
    listing(const aka::checkpoint& c, const options& o) : all(c) {
        names_only = c.format() == aka::checkpoint_format::index;
        tensors.resize(c.size());
        for (std::uint32_t i = 0; i < c.size(); ++i) {
            const aka::tensor t = c[i];
            bool wanted = o.globs.empty();
            for (const std::string_view g : o.globs) wanted = wanted || cli::selects(g, t.name());
            if (!wanted) continue;
            which.push_back(i);
            cli::facts& f = tensors[i];
            f.name = t.name();
            f.dtype = number_of(cli::type_name(t), seen_types_, types);
            f.shape = number_of(cli::shape_text(t), seen_shapes_, shapes);
            f.elements = t.elements();
            f.bytes = t.size_bytes();
            elements = saturated(elements, f.elements);
            bytes += f.bytes;
            quantised = quantised || aka::info(t.dtype()).block_elements > 1;
        }
    }

    const aka::checkpoint& all;
    bool names_only = false;           // an index alone: no types, shapes and bytes
    std::vector<cli::facts> tensors;   // at the checkpoint's positions
    std::vector<std::uint32_t> which;  // positions of those that were asked for
    std::vector<std::string> types, shapes;
    std::vector<std::string> hashes;  // in the order of `which`
    std::uint64_t elements = 0, bytes = 0;
    bool quantised = false;

  private:
    using numbering = std::unordered_map<std::string, std::uint32_t>;
    static std::uint32_t number_of(const std::string& text, numbering& seen,
                                   std::vector<std::string>& distinct) {
        const auto at = seen.emplace(text, static_cast<std::uint32_t>(distinct.size()));
        if (at.second) distinct.push_back(text);
        return at.first->second;
    }
    numbering seen_types_, seen_shapes_;
};

// What a row, or the first line, says of its tensors.
class sums {
  public:
    std::uint64_t elements = 0, bytes = 0;

    void add(const cli::facts& f) {
        elements = saturated(elements, f.elements);
        bytes += f.bytes;
        by_type_[f.dtype] += f.bytes;
        if (largest_ == nullptr || f.bytes > largest_->bytes) {
            largest_ = &f;
            as_large_ = 0;
        }
        as_large_ += f.shape == largest_->shape && f.dtype == largest_->dtype;
    }
    // The types by their bytes: "Q4_K, Q6_K, F32", or with their shares.
    std::string types(const listing& l, bool shares, std::size_t most) const {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
        for (const auto& t : by_type_) order.emplace_back(t.second, t.first);
        std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
            return a.first != b.first ? a.first > b.first : a.second < b.second;
        });
        const std::size_t shown = order.size() > most ? most - 1 : order.size();
        std::string out;
        for (std::size_t i = 0; i < shown; ++i) {
            out += (i == 0 ? "" : ", ") + l.types[order[i].second];
            if (shares && order.size() > 1) out += ' ' + cli::percent(order[i].first, bytes);
        }
        if (order.size() > shown) out += ", +" + std::to_string(order.size() - shown);
        return out;
    }
    std::string largest(const listing& l, const cli::look& look) const {
        std::string out = l.shapes[largest_->shape];
        if (as_large_ > 1) (out += " ") += look.times + (" " + std::to_string(as_large_));
        return out;
    }

  private:
    std::unordered_map<std::uint32_t, std::uint64_t> by_type_;
    const cli::facts* largest_ = nullptr;
    std::uint64_t as_large_ = 0;
};

// ---- for people --------------------------------------------------------------------------------

using table = cli::table;
constexpr auto shrink = table::narrow::shrink;
constexpr auto leave_out = table::narrow::leave_out;
constexpr auto right = table::align::right;
constexpr auto left = table::align::left;

std::string format_name(const aka::checkpoint& c) {
    if (c.format() == aka::checkpoint_format::index)
        return "names only, " + cli::plural(c.notes().size(), "shard") + " not read";
    if (c.format() == aka::checkpoint_format::safetensors) return "safetensors";
    const auto& g = c.gguf_header();
    return "GGUF v" + std::to_string(g.version) + (g.big_endian ? " big-endian" : "");
}
std::string title(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    const std::string_view name = cli::file_name(path);
    return cli::escape(name.empty() || name == "." || name == ".." ? path : name);
}

void print_totals(const listing& l, const options& o, const cli::look& look) {
    std::vector<std::string> parts{title(o.path), format_name(l.all)};
    if (l.all.file_count() > 1) parts.push_back(cli::plural(l.all.file_count(), "file"));
    std::string count = l.which.size() == l.all.size() ? "" : std::to_string(l.which.size());
    if (!count.empty()) count += " of ";
    parts.push_back(count + cli::plural(l.all.size(), "tensor"));
    if (l.all.empty()) parts.push_back(cli::plural(l.all.metadata().size(), "key"));
    bool known = false;
    const std::uint64_t listed = cli::total_size(l.all, known);
    if (l.names_only) {
        if (known) parts.push_back(cli::human_size(listed));
    } else if (!l.which.empty()) {
        sums s;
        for (const std::uint32_t i : l.which) s.add(l.tensors[i]);
        parts.push_back(cli::human_count(s.elements) + " parameters");
        parts.push_back(cli::human_size(s.bytes));
        if (l.quantised && s.elements != 0) {
            char text[40];
            std::snprintf(text, sizeof text, "%.2f bits a weight",
                          8 * static_cast<double>(s.bytes) / static_cast<double>(s.elements));
            parts.emplace_back(text);
        }
        parts.push_back(s.types(l, true, 6));
    }
    std::size_t at = 0;
    for (const std::string& p : parts) {
        if (p.empty()) continue;
        const std::size_t n = cli::width(p), gap = cli::width(look.between);
        if (at != 0 && look.columns != 0 && at + gap + n > look.columns) {
            std::printf("\n  ");
            at = 2;
        } else if (at != 0) {
            std::printf("%s", look.paint(look.between, cli::style::dim).c_str());
            at += gap;
        }
        at += n;
        const bool name = &p == &parts[0];
        std::printf("%s", look.paint(p, name ? cli::style::bold : cli::style::plain).c_str());
    }
    std::printf("\n");
}

std::string times(std::uint64_t n, const cli::look& look) {
    return n == 1 ? "" : std::to_string(n) + ' ' + look.times;
}

// A terminal is narrow: of many numbers, the first and last are shown.
std::size_t most_parts(const cli::look& look) { return look.columns == 0 ? std::string::npos : 4; }

void add_group(table& t, const listing& l, const cli::layer_group& g, std::uint64_t outer,
               bool inner, const cli::look& look) {
    sums one, all;
    for (const auto& i : g.items) one.add(l.tensors[i.index]);
    for (const auto& i : g.all) all.add(l.tensors[i.index]);
    // Where the layers' types differ, the size is the mean.
    const std::uint64_t bytes = g.mixed ? all.bytes / g.count() : one.bytes;
    std::string label = cli::escape(g.label(most_parts(look)));
    if (inner) label = "  " + label.substr(label.find_first_not_of("./"));
    t.row({label, times(g.count(), look), std::to_string(g.items.size()),
           cli::human_count(one.elements), (g.mixed ? "~" : "") + cli::human_size(bytes),
           cli::percent((g.mixed ? all.bytes : one.bytes * g.count()) * outer, l.bytes),
           (g.mixed ? all : one).types(l, false, 3), one.largest(l, look)});
    for (const cli::layer_group& in : g.inside) add_group(t, l, in, g.count() * outer, true, look);
}

// Layers that are alike on one row.
void print_layers(const listing& l, const cli::look& look) {
    std::vector<cli::layer_group::item> items;
    for (const std::uint32_t i : l.which) items.push_back({l.tensors[i].name, i});
    table t;
    t.column("name", left, cli::style::folded, shrink).column("", right).column("tensors", right);
    t.column("params", right).column("size", right);
    t.column("share", right, cli::style::dim, leave_out).column("type");
    t.column("largest", left, cli::style::plain, leave_out);
    for (const cli::layer_group& g : cli::layer_folder(l.tensors).fold(items))
        add_group(t, l, g, 1, false, look);
    t.print(stdout, look);
}

// Names that are alike on one row, or each on its own.
void print_names(const listing& l, bool fold, const cli::look& look) {
    table t;
    t.column("name", left, fold ? cli::style::folded : cli::style::plain, shrink).column("", right);
    t.column("params", right).column("size", right).column("type").column("shape");
    const auto row = [&](const std::string& label, std::uint64_t count, const cli::facts& f) {
        const bool n = l.names_only;
        t.row({cli::escape(label), times(count, look), n ? "" : cli::human_count(f.elements),
               n ? "" : cli::human_size(f.bytes), n ? "" : l.types[f.dtype], l.shapes[f.shape]});
    };
    if (fold)
        for (const cli::name_group& g : cli::fold_names(l.tensors, l.which))
            row(g.label(most_parts(look)), g.count, l.tensors[g.first]);
    else
        for (const std::uint32_t i : l.which) row(std::string(l.tensors[i].name), 1, l.tensors[i]);
    t.print(stdout, look);
}

void print_long(const listing& l, const cli::look& look) {
    table t;
    t.column(cli::content_hash::name, left, cli::style::dim).column("offset", right);
    t.column("bytes", right).column("type").column("shape");
    t.column("name", left, cli::style::plain, shrink);
    t.column("file", left, cli::style::dim, leave_out);
    for (std::size_t k = 0; k < l.which.size(); ++k) {
        const aka::tensor a = l.all[l.which[k]];
        const cli::facts& f = l.tensors[l.which[k]];
        const bool n = l.names_only;
        t.row({l.hashes.empty() ? "" : l.hashes[k], n ? "" : std::to_string(a.offset()),
               n ? "" : std::to_string(f.bytes), n ? "" : l.types[f.dtype], l.shapes[f.shape],
               cli::escape(f.name),
               l.all.file_count() < 2 ? "" : cli::escape(cli::file_name(a.file()))});
    }
    t.print(stdout, look);
}

void print_metadata(const listing& l, const cli::look& look) {
    const aka::metadata& m = l.all.metadata();
    std::size_t keys = 0, types = 0;
    for (const aka::metadata_value v : m) {
        keys = std::max(keys, cli::width(cli::escape(v.key())));
        types = std::max(types, cli::value_type_text(v).size());
    }
    // A value is cut at its end, and then says how long it was.
    const std::size_t taken = keys + types + 4 + 18;
    const std::size_t most = look.columns == 0 ? 100 : std::max(look.columns, taken + 20) - taken;
    table t;
    t.column("key").column("type", left, cli::style::dim).column("value");
    t.column("file", left, cli::style::dim, leave_out);
    for (std::size_t i = 0; i < m.size(); ++i) {
        const std::string value = cli::value_text(m[i], most);
        // Shards repeat each other's keys: what they say again is left out.
        const aka::metadata_value first = m.find(m[i].key());
        const bool again = first.raw().at != m[i].raw().at;
        if (again && (cli::value_text(first, most) == value || m.file(i) >= l.all.file_count()))
            continue;
        t.row({cli::escape(m[i].key()), cli::value_type_text(m[i]), value,
               again ? cli::escape(cli::file_name(l.all.file(m.file(i)).path())) : ""});
    }
    if (t.empty())
        std::printf("no metadata\n");
    else
        t.print(stdout, look);
}

// ---- --hash ------------------------------------------------------------------------------------

aka::status add_hashes(listing& l) {
    cli::progress progress("hashing", l.bytes);
    std::vector<std::byte> buffer(1 << 20);
    for (const std::uint32_t i : l.which) {
        const aka::tensor t = l.all[i];
        cli::content_hash h;
        for (std::uint64_t done = 0; done < t.size_bytes();) {
            const std::uint64_t n = std::min<std::uint64_t>(buffer.size(), t.size_bytes() - done);
            const aka::span<std::byte> part(buffer.data(), static_cast<std::size_t>(n));
            if (auto r = l.all.file(t.file_index()).read(t.offset() + done, part); !r) return r;
            h.add(buffer.data(), part.size());
            done += n;
            progress.add(n);
        }
        l.hashes.push_back(h.hex());
    }
    return {};
}

// ---- for programs ------------------------------------------------------------------------------

void write_tensor(cli::json_writer& json, const listing& l, std::size_t k) {
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
    l.names_only ? json.null() : json.string(cli::file_name(t.file()));
    json.key("offset");
    l.names_only ? json.null() : json.number(t.offset());
    if (!l.hashes.empty())
        json.key("hash").string(std::string(cli::content_hash::name) + ':' + l.hashes[k]);
    json.end();
}

void write_json(const listing& l, const options& o, const std::vector<cli::issue>& issues) {
    static constexpr const char* formats[] = {"safetensors", "gguf", "index"};
    constexpr std::uint64_t long_array = 256;
    cli::json_writer json(stdout);
    json.object(true).key("path").string(o.path);
    json.key("format").string(formats[static_cast<int>(l.all.format())]);
    json.key("files").array();
    for (std::uint32_t i = 0; i < l.all.file_count(); ++i)
        json.string(cli::file_name(l.all.file(i).path()));
    json.end();
    json.key("metadata").object(true);
    const aka::metadata& m = l.all.metadata();
    for (std::size_t i = 0; i < m.size(); ++i) {
        if (m.find(m[i].key()).raw().at != m[i].raw().at) continue;  // a shard repeats it
        json.key(m[i].key());
        cli::write_value(json, m[i], o.metadata ? ~std::uint64_t{0} : long_array);
    }
    json.end();
    json.key("tensors").array(true);
    for (std::size_t k = 0; k < l.which.size(); ++k) write_tensor(json, l, k);
    json.end();
    json.key("parameters");
    l.names_only ? json.null() : json.number(l.elements);
    json.key("bytes");
    l.names_only ? json.null() : json.number(l.bytes);
    if (o.check) cli::write_issues(json, issues);
    json.end();
}

// ---- the program -------------------------------------------------------------------------------

int report(const aka::error& e, const options& o) {
    const std::vector<cli::issue> missing =
        o.check ? cli::missing_parts(e, o.path) : std::vector<cli::issue>();
    if (o.json) {
        cli::json_writer json(stdout);
        json.object(true).key("path").string(o.path);
        json.key("error");
        cli::write_error(json, e);
        if (!missing.empty()) cli::write_issues(json, missing);
        json.end();
    }
    if (missing.empty()) return cli::print_error(program, e), cannot_read_or_write;
    if (!o.json) cli::print_issues(missing, cli::look(o.colour));
    return answer_is_no;
}

int list(const options& o) {
    aka::checkpoint_options how;
    how.how = o.hash ? aka::access::read : aka::access::header;
    how.names_only = true;
    how.unknown_dtypes = true;
    const auto opened = aka::checkpoint::open(o.path, how);
    if (!opened) return report(opened.error(), o);

    listing l(*opened, o);
    if (o.hash && !l.names_only)
        if (const auto r = add_hashes(l); !r) return report(r.error(), o);
    std::vector<cli::issue> issues;
    if (o.check) issues = cli::find_issues(l.all);

    if (o.json) {
        write_json(l, o, issues);
    } else {
        const cli::look look(o.colour);
        print_totals(l, o, look);
        if (o.metadata) std::printf("\n"), print_metadata(l, look);
        const bool folded_names = !o.globs.empty() || l.names_only;
        const bool rows = o.long_rows || o.hash || o.no_fold || !o.globs.empty();
        if (!l.which.empty() && (rows || (!o.metadata && !o.check))) {
            std::printf("\n");
            if (o.long_rows || o.hash)
                print_long(l, look);
            else if (o.no_fold || folded_names)
                print_names(l, !o.no_fold, look);
            else
                print_layers(l, look);
        }
        if (o.check) std::printf("\n"), cli::print_issues(issues, look);
    }
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
    if (!good || args.words().empty()) {
        std::fprintf(stderr, "%s: %s (see --help)\n", program,
                     good ? "which file or folder?" : cli::escape(args.error()).c_str());
        return bad_usage;
    }
    o.path = args.words()[0];
    o.globs.assign(args.words().begin() + 1, args.words().end());
    return list(o);
} catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
    return cannot_read_or_write;
}
