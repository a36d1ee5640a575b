// aka: a whole model, however its files are cut: one file, shards with an index, the parts of a
// GGUF split, or a folder that holds one of these.
#include "version.hpp"

#ifndef AKA_CHECKPOINT_HPP
#define AKA_CHECKPOINT_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "gguf.hpp"
#include "safetensors.hpp"

AKA_BEGIN

enum class checkpoint_format : std::uint8_t { safetensors, gguf, index };

struct checkpoint_options {
    access how = access::map;
    duplicates names = duplicates::refuse;
    bool trailing_bytes = false;  ///< see safetensors_options
    bool unknown_dtypes = false;  ///< see safetensors_options
    /// Take an index whose shards are absent, or of a kind that aka does not read, for what it is:
    /// a list of names without shapes and data.
    bool names_only = false;
};

/// Something worth knowing that is no error: what, of which tensor or file.
using note = detail::note;

/// A model's tensors as one list. `open` takes
/// - a .safetensors or .gguf file,
/// - any shard index (a .json with a `weight_map`): the index decides which file has a tensor;
///   a shard or tensor that it lists and that is not there is an error, what it does not list is
///   left out with a note,
/// - any part of a GGUF split: all parts are opened,
/// - a folder, which is searched in this order: `model.safetensors.index.json`,
///   `consolidated.safetensors.index.json`, the only other `*.safetensors.index.json`;
///   `model.safetensors`; `consolidated.safetensors`; the only numbered set `X-00001-of-0000N` of
///   .safetensors; the only .safetensors; the only .gguf or GGUF split; and, with `names_only`, an
///   index of another kind. Choices are never mixed: what is passed over is noted. Where "the
///   only" are several, the error `ambiguous` names them.
///
/// Tensors come file by file, in the order of their data. Lifetime: as safetensors.
class checkpoint : public tensor_list {
  public:
    /// Errors: those of the formats; missing_file, missing_tensor, bad_index, bad_split, ambiguous,
    /// not_a_checkpoint.
    static result<checkpoint> open(detail::path path, const checkpoint_options& o = {}) noexcept;

    checkpoint_format format() const noexcept { return format_; }
    /// The folder that the files are in, for config.json and the like.
    std::string_view folder() const noexcept AKA_LIFETIMEBOUND { return store_->folder; }
    span<const note> notes() const noexcept AKA_LIFETIMEBOUND {
        return {store_->notes.data(), store_->notes.size()};
    }
    /// Of a GGUF: version, alignment and byte order of its first file.
    const detail::gguf_facts& gguf_header() const noexcept { return facts_; }

  private:
    friend class checkpoint_reader;
    explicit checkpoint(detail::store_ref s) noexcept : tensor_list(std::move(s)) {}

    checkpoint_format format_ = checkpoint_format::safetensors;
    detail::gguf_facts facts_;
};

namespace detail {

/// The parts of `prefix-00002-of-00005.gguf`: numbers as written, digits of any count.
struct numbered_name {
    std::string_view prefix, suffix;
    std::uint64_t number = 0, count = 0;
    std::size_t number_digits = 0, count_digits = 0;

    static bool parse(std::string_view name, numbered_name& n) noexcept {
        std::size_t of = name.rfind("-of-");
        if (of == std::string_view::npos) return false;
        std::size_t dot = of + 4, dash = of;
        n = {};
        for (; dot < name.size() && json_reader::is_digit(name[dot]); ++dot, ++n.count_digits)
            n.count = n.count * 10 + static_cast<std::uint64_t>(name[dot] - '0');
        while (dash > 0 && json_reader::is_digit(name[dash - 1])) --dash, ++n.number_digits;
        for (std::size_t i = dash; i < of; ++i)
            n.number = n.number * 10 + static_cast<std::uint64_t>(name[i] - '0');
        if (n.count_digits == 0 || n.number_digits == 0 || n.count_digits > 9 ||
            n.number_digits > 9 || dash == 0 || name[dash - 1] != '-')
            return false;
        n.prefix = name.substr(0, dash);
        n.suffix = name.substr(dot);
        return n.number >= 1 && n.number <= n.count;
    }
    /// The name of another part.
    fixed_text<512> part(std::uint64_t i) const noexcept {
        fixed_text<512> t;
        auto digits = [&](std::uint64_t v, std::size_t width) {
            std::uint64_t scale = 1;
            for (std::size_t k = 1; k < width; ++k) scale *= 10;
            for (; scale > v && scale > 1; scale /= 10) t << '0';
            t << v;
        };
        t << prefix;
        digits(i, number_digits);
        t << "-of-";
        digits(count, count_digits);
        t << suffix;
        return t;
    }
    bool same_set(const numbered_name& o) const noexcept {
        return prefix == o.prefix && suffix == o.suffix && count == o.count &&
               number_digits == o.number_digits && count_digits == o.count_digits;
    }
};

}  // namespace detail

/// Opens checkpoints; see checkpoint::open.
class checkpoint_reader {
  public:
    explicit checkpoint_reader(const checkpoint_options& o) noexcept : options_(o) {}

    result<checkpoint> open(detail::path p) noexcept {
        if (!p.ok()) return detail::no_memory();
        int os = 0;
        switch (detail::kind_of(p, os)) {
            case detail::path_kind::missing:
                return detail::fail(errc::missing_file, error::nowhere,
                                    "there is no such file or folder")
                    .os(os)
                    .in(p.view());
            case detail::path_kind::folder:
                return open_folder(p);
            default:
                break;
        }
        if (detail::ends_with(p.file_name(), ".json")) return open_index(p, options_.names_only);
        return open_file(std::move(p));
    }

  private:
    using path = detail::path;
    using store_ref = detail::store_ref;
    using names = detail::growing<std::string_view>;

    static path beside(const path& folder_of, std::string_view name) noexcept {
        path p(folder_of.folder());
        return p /= name, std::move(p);
    }
    static error in(error e, std::string_view file) noexcept { return e.in(file); }

    /// A store for `files` files, whose folder is known.
    static store_ref new_store(std::string_view folder, std::size_t files) noexcept {
        store_ref s = store_ref::make();
        if (!s || !s->files.reserve(files)) return {};
        const char* f = s->names.copy(folder);
        if (f == nullptr) return {};
        s->folder = {f, folder.size()};
        return s;
    }
    status add_file(store_ref& s, path p) noexcept {
        result<mapped_file> f = mapped_file::open(std::move(p), options_.how);
        if (!f) return f.error();
        detail::file_entry& e = s->files.add();
        e.file = std::move(*f.get_if());
        e.data = options_.how != access::header;
        return {};
    }
    safetensors_options of_safetensors() const noexcept {
        return {options_.how, options_.names, options_.trailing_bytes, options_.unknown_dtypes};
    }
    // The last steps of every way: names and keys become findable.
    result<checkpoint> finish(store_ref s, checkpoint_format format,
                              detail::gguf_facts facts = {}) noexcept {
        if (status r = detail::index_keys(*s, options_.names); !r) return r.error();
        if (status r = detail::index_tensors(*s, options_.names); !r) return r.error();
        s->tensors.shrink();
        s->meta.entries().shrink();
        if (options_.how == access::header)
            for (std::uint32_t i = 0; i < s->files.size(); ++i) s->files[i].file.close_descriptor();
        checkpoint c(std::move(s));
        c.format_ = format;
        c.facts_ = facts;
        return c;
    }

    result<checkpoint> open_file(path p) noexcept {
        store_ref s = new_store(p.folder(), 1);
        if (!s) return detail::no_memory();
        path again(p.view());
        if (status r = add_file(s, std::move(p)); !r) return r.error();
        const mapped_file& f = s->files[0].file;
        std::byte first[4] = {};
        if (f.size() >= 4)
            if (status r = f.read(0, first); !r) return r.error();
        std::string_view magic(reinterpret_cast<const char*>(first), 4);
        if (magic == "GGUF" || detail::ends_with(f.path(), ".gguf"))
            return open_gguf(std::move(s), again);
        if (magic == "PK\3\4" || detail::starts_with(magic, "\x80\x02"))
            return detail::fail(errc::not_a_checkpoint, 0,
                                "a PyTorch file, which aka does not read: it holds code")
                .in(f.path());
        safetensors_options o = of_safetensors();
        if (status r = detail::read_safetensors(*s, 0, o); !r) return r.error();
        return finish(std::move(s), checkpoint_format::safetensors);
    }

    // --- GGUF: one file, or the split that it is a part of

    static std::uint64_t number(const detail::store& s, std::uint32_t file, std::string_view key,
                                std::uint64_t otherwise) noexcept {
        for (const metadata::entry& e : s.meta.entries())
            if (e.file == file && e.key == key)
                return metadata_value(e.key, e.value).as<std::uint64_t>().value_or(otherwise);
        return otherwise;
    }
    result<checkpoint> open_gguf(store_ref s, const path& p) noexcept {
        detail::gguf_facts facts;
        if (status r = detail::read_gguf(*s, 0, facts); !r) return r.error();
        std::uint64_t parts = number(*s, 0, "split.count", 0);
        if (parts <= 1) return finish(std::move(s), checkpoint_format::gguf, facts);

        std::uint64_t here = number(*s, 0, "split.no", ~std::uint64_t{0});
        detail::numbered_name n;
        if (!detail::numbered_name::parse(p.file_name(), n) || n.number != here + 1 ||
            n.count != parts)
            return detail::fail(
                       errc::bad_split, error::nowhere, "part ", here, " (from 0) of ", parts,
                       ", so its name must end in that number from 1, like '-00001-of-00002.gguf'")
                .in(p.view());
        s = new_store(p.folder(), static_cast<std::size_t>(parts));
        if (!s) return detail::no_memory();
        for (std::uint32_t i = 0; i < parts; ++i) {
            auto name = n.part(i + 1);
            path part = beside(p, name.view());
            if (!part.ok()) return detail::no_memory();
            if (status r = add_file(s, std::move(part)); !r) {
                error e = r.error();
                if (e.code() == errc::missing_file)
                    e.say(": part ", i + 1, " of ", parts, " of a split model");
                return e;
            }
            detail::gguf_facts f;
            if (status r = detail::read_gguf(*s, i, f); !r) return r.error();
            if (i == 0) facts = f;
            std::uint64_t no = number(*s, i, "split.no", ~std::uint64_t{0});
            std::uint64_t count = number(*s, i, "split.count", 0);
            if (no != i || count != parts)
                return detail::fail(errc::bad_split, error::nowhere, "split.no ", no,
                                    " and split.count ", count, ", expected ", i, " and ", parts,
                                    " from its name")
                    .in(s->files[i].file.path());
        }
        std::uint64_t all = number(*s, 0, "split.tensors.count", s->tensors.size());
        if (all != s->tensors.size())
            return detail::fail(errc::bad_split, error::nowhere, "the parts hold ",
                                s->tensors.size(), " tensors, split.tensors.count says ", all)
                .in(s->files[0].file.path());
        return finish(std::move(s), checkpoint_format::gguf, facts);
    }

    // --- safetensors: a set of numbered files without an index

    result<checkpoint> open_set(const path& folder, const detail::numbered_name& n) noexcept {
        store_ref s = new_store(folder.view(), static_cast<std::size_t>(n.count));
        if (!s) return detail::no_memory();
        safetensors_options o = of_safetensors();
        for (std::uint32_t i = 0; i < n.count; ++i) {
            path part(folder.view());
            auto name = n.part(i + 1);
            part /= name.view();
            if (!part.ok()) return detail::no_memory();
            if (status r = add_file(s, std::move(part)); !r) {
                error e = r.error();
                if (e.code() == errc::missing_file)
                    e.say(": part ", i + 1, " of ", n.count, ", and there is no index");
                return e;
            }
            if (status r = detail::read_safetensors(*s, i, o); !r) return r.error();
        }
        return finish(std::move(s), checkpoint_format::safetensors);
    }

    // --- safetensors: shards with an index

    struct listed {  // one entry of weight_map
        std::string_view name, shard;
        std::uint32_t file;
        bool seen;
    };
    using weight_map = detail::growing<listed>;

    static std::uint32_t find_listed(const detail::name_index& index, const weight_map& map,
                                     std::string_view name) noexcept {
        return index.find(name, [&](std::size_t i) { return map[i].name; });
    }

    result<checkpoint> open_index(const path& p, bool names_only) noexcept {
        store_ref s = new_store(p.folder(), 0);
        if (!s) return detail::no_memory();
        weight_map map;
        if (status r = read_index(*s, p, map); !r) return in(r.error(), p.view());
        detail::name_index by_name;
        std::uint32_t again = 0;
        auto o = by_name.build(
            map.size(), [&](std::size_t i) { return map[i].name; },
            [&](std::size_t i) { return detail::hash_name(map[i].name); },
            [&](std::uint32_t, std::uint32_t later) {
                again = later;
                return detail::name_index::none;
            });
        if (o == detail::name_index::outcome::no_memory) return detail::no_memory();
        if (o == detail::name_index::outcome::duplicate)
            return detail::fail(errc::bad_index, error::nowhere, "tensor ",
                                detail::quoted{map[again].name}, " is listed twice")
                .in(p.view());

        names shards;
        if (!distinct_shards(map, shards)) return detail::no_memory();
        std::size_t readable = 0, present = 0;
        for (std::string_view shard : shards) {
            int os = 0;
            readable += detail::ends_with(shard, ".safetensors");
            present += detail::kind_of(beside(p, shard), os) == detail::path_kind::file;
        }
        if (readable != shards.size() || present == 0) {
            if (names_only) return only_names(std::move(s), map, shards);
            return in(no_shards(shards, readable == shards.size()), p.view());
        }

        store_ref whole = new_store(p.folder(), shards.size());
        if (!whole || !whole->tensors.reserve(map.size())) return detail::no_memory();
        whole->index_text = std::move(s->index_text);
        whole->meta.entries() = std::move(s->meta.entries());
        // Names and keys that had to be unescaped live in the first store's arena.
        detail::arena first_names = std::move(s->names);
        if (status r = open_shards(*whole, p, shards); !r) return r.error();
        if (status r = match(*whole, p, map, by_name, shards); !r) return r.error();
        if (!keep_keys(*whole)) return detail::no_memory();
        return finish(std::move(whole), checkpoint_format::safetensors);
    }

    status read_index(detail::store& s, const path& p, weight_map& map) noexcept {
        result<mapped_file> f = mapped_file::open(path(p.view()), access::read);
        if (!f) return f.error();
        std::uint64_t size = f.get_if()->size();
        if (!detail::fits_memory(size) || !s.index_text.resize(static_cast<std::size_t>(size)))
            return detail::no_memory();
        if (status r = f.get_if()->read(0, {s.index_text.data(), s.index_text.size()}); !r)
            return r;
        detail::json_reader json(
            {reinterpret_cast<const char*>(s.index_text.data()), static_cast<std::size_t>(size)});
        bool found = false;
        error failed;
        auto keep = [&](const detail::json_string& t, std::string_view& out) {
            if (detail::text_of(t, s.names, out)) return true;
            failed = detail::no_memory();
            return false;
        };
        bool good = json.object([&](const detail::json_string& key) {
            if (detail::equal(key, "metadata") && json.peek() == '{')
                return json.object(
                    [&](const detail::json_string& k) { return read_key(s, json, k, failed); });
            if (!detail::equal(key, "weight_map")) return json.skip();
            found = true;
            return json.object([&](const detail::json_string& k) {
                listed e = {};
                detail::json_string shard;
                std::uint64_t at = json.pos();
                if (!json.string(shard) || !keep(k, e.name) || !keep(shard, e.shard)) return false;
                if (!plain_name(e.shard)) {
                    failed = detail::fail(errc::bad_index, at, "tensor ", detail::quoted{e.name},
                                          ": a shard must be a file beside the index, not ",
                                          detail::quoted{e.shard});
                    return false;
                }
                if (map.push(e)) return true;
                failed = detail::no_memory();
                return false;
            });
        }) && json.finish();
        if (failed.code() != errc::none) return failed;
        if (!good)
            return detail::fail(errc::bad_index, json.pos(), "not the JSON of an index: ",
                                json.what() == nullptr ? "malformed" : json.what());
        if (!found) return detail::fail(errc::bad_index, error::nowhere, "it has no 'weight_map'");
        if (map.empty())
            return detail::fail(errc::bad_index, error::nowhere, "its 'weight_map' is empty");
        return {};
    }
    // A key of the index's own metadata (total_size): numbers and strings are kept.
    static bool read_key(detail::store& s, detail::json_reader& json,
                         const detail::json_string& key, error& failed) noexcept {
        metadata::entry e;
        e.offset = json.pos();
        e.file = ~std::uint32_t{0};
        e.value.count = 1;
        e.value.format.swap = AKA_BIG_ENDIAN_HOST;
        char c = json.peek();
        detail::json_string text;
        if (c == '"') {
            std::string_view v;
            if (!json.string(text)) return false;
            if (!detail::text_of(text, s.names, v)) return failed = detail::no_memory(), false;
            e.value.type = value_type::string;
            e.value.at = reinterpret_cast<const std::byte*>(v.data());
            e.value.count = v.size();
        } else if (detail::json_reader::is_digit(c) || c == '-') {
            double d = 0;
            if (!json.number(d)) return false;
            // Some writers give total_size as 1.0e9.
            bool whole = d >= 0 && d < 9007199254740992.0 &&
                         static_cast<double>(static_cast<std::uint64_t>(d)) == d;
            auto u = static_cast<std::uint64_t>(whole ? d : 0);
            void* at = s.names.allocate(8, 8);
            if (at == nullptr) return failed = detail::no_memory(), false;
            std::memcpy(at, whole ? static_cast<void*>(&u) : static_cast<void*>(&d), 8);
            e.value.type = whole ? value_type::u64 : value_type::f64;
            e.value.at = static_cast<const std::byte*>(at);
        } else {
            return json.skip();
        }
        if (detail::text_of(key, s.names, e.key) && s.meta.entries().push(e)) return true;
        return failed = detail::no_memory(), false;
    }
    // An index comes from a stranger: it may name files beside it, nothing else.
    static bool plain_name(std::string_view shard) noexcept {
        if (shard.empty() || shard == "." || shard.find("..") != std::string_view::npos)
            return false;
        for (char c : shard)
            if (c == '/' || c == '\\' || c == ':' || c == '\0') return false;
        return true;
    }
    // Each shard once, sorted; entries get their shard's position.
    static bool distinct_shards(weight_map& map, names& shards) noexcept {
        detail::name_index by_shard;
        auto o = by_shard.build(
            map.size(), [&](std::size_t i) { return map[i].shard; },
            [&](std::size_t i) { return detail::hash_name(map[i].shard); },
            [](std::uint32_t earlier, std::uint32_t) { return earlier; });
        if (o != detail::name_index::outcome::ok) return false;
        auto first = [&](std::string_view shard) {
            return by_shard.find(shard, [&](std::size_t i) { return map[i].shard; });
        };
        for (std::uint32_t i = 0; i < map.size(); ++i)
            if (first(map[i].shard) == i && !shards.push(map[i].shard)) return false;
        detail::sort(shards.data(), shards.size(),
                     [](std::string_view a, std::string_view b) { return a < b; });
        for (std::uint32_t i = 0; i < shards.size(); ++i) map[first(shards[i])].file = i;
        for (listed& e : map) e.file = map[first(e.shard)].file;
        return true;
    }
    static error no_shards(const names& shards, bool readable) noexcept {
        if (!readable)
            return detail::fail(errc::not_a_checkpoint, error::nowhere, "its shards, like ",
                                detail::quoted{shards[0]}, ", are not safetensors files");
        return detail::fail(errc::missing_file, error::nowhere, "none of its ", shards.size(),
                            " shards is there, not even ", detail::quoted{shards[0]});
    }
    result<checkpoint> only_names(store_ref s, const weight_map& map,
                                  const names& shards) noexcept {
        detail::growing<detail::tensor_record>& all = s->tensors;
        if (!all.reserve(map.size())) return detail::no_memory();
        for (const listed& e : map) {
            detail::tensor_record& r = *all.push();
            r = {};
            r.name = e.name.data();
            r.name_size = static_cast<std::uint32_t>(e.name.size());
            r.hash = detail::hash_name(e.name);
            r.file = ~std::uint32_t{0};
            r.rank = detail::tensor_record::no_shape;
        }
        for (std::string_view shard : shards)
            if (!s->notes.push(note{"this shard was not read", {}, shard}))
                return detail::no_memory();
        return finish(std::move(s), checkpoint_format::index);
    }
    status open_shards(detail::store& s, const path& p, const names& shards) noexcept {
        safetensors_options o = of_safetensors();
        for (std::uint32_t i = 0; i < shards.size(); ++i) {
            result<mapped_file> f = mapped_file::open(beside(p, shards[i]), options_.how);
            if (!f) {
                error e = f.error();
                if (e.code() == errc::missing_file)
                    e.say(": a shard that ", detail::quoted{p.file_name()}, " lists");
                return e;
            }
            detail::file_entry& entry = s.files.add();
            entry.file = std::move(*f.get_if());
            entry.data = options_.how != access::header;
            if (status r = detail::read_safetensors(s, i, o); !r) return r;
        }
        return {};
    }
    // Holds the shards against the index: it decides.
    status match(detail::store& s, const path& p, weight_map& map,
                 const detail::name_index& by_name, const names& shards) noexcept {
        detail::growing<detail::tensor_record>& all = s.tensors;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const detail::tensor_record& r = all[i];
            std::uint32_t at = find_listed(by_name, map, r.name_view());
            bool listed_here = at != detail::name_index::none && map[at].file == r.file;
            if (!listed_here) {
                const char* what = at == detail::name_index::none
                                       ? "in a shard, but not in the index"
                                       : "also in a shard that the index does not name for it";
                if (!s.notes.push(note{what, r.name_view(), s.files[r.file].file.path()}))
                    return detail::no_memory();
                continue;
            }
            map[at].seen = true;
            all[kept++] = r;
        }
        all.resize(kept);
        for (const listed& e : map)
            if (!e.seen)
                return detail::fail(errc::missing_tensor, error::nowhere, "tensor ",
                                    detail::quoted{e.name}, " is listed in ",
                                    detail::quoted{shards[e.file]}, ", but is not there")
                    .in(p.view());
        return {};
    }
    // Keys of the index whose text was unescaped into another arena move into this one.
    static bool keep_keys(detail::store& s) noexcept {
        const auto* from = s.index_text.data();
        const auto* to = from + s.index_text.size();
        auto outside = [&](const void* q) {
            return q < static_cast<const void*>(from) || q >= static_cast<const void*>(to);
        };
        for (metadata::entry& e : s.meta.entries()) {
            if (e.file != ~std::uint32_t{0}) continue;
            if (outside(e.key.data())) {
                const char* c = s.names.copy(e.key);
                if (c == nullptr) return false;
                e.key = {c, e.key.size()};
            }
            if (outside(e.value.at)) {
                std::size_t n = e.value.type == value_type::string
                                    ? static_cast<std::size_t>(e.value.count)
                                    : 8;
                void* c = s.names.allocate(n == 0 ? 1 : n, 8);
                if (c == nullptr) return false;
                if (n != 0) std::memcpy(c, e.value.at, n);
                e.value.at = static_cast<const std::byte*>(c);
            }
        }
        return true;
    }

    // --- a folder: which of its files are the model

    struct listing {
        detail::arena text;
        names indexes, foreign, tensors, ggufs;
    };
    status list(const path& folder, listing& l) noexcept {
        bool room = true;
        status s = detail::for_each_entry(folder, [&](std::string_view name) {
            names* to = detail::ends_with(name, ".safetensors.index.json") ? &l.indexes
                        : detail::ends_with(name, ".index.json")           ? &l.foreign
                        : detail::ends_with(name, ".safetensors")          ? &l.tensors
                        : detail::ends_with(name, ".gguf")                 ? &l.ggufs
                                                                           : nullptr;
            if (to == nullptr) return true;
            const char* c = l.text.copy(name);
            return room = c != nullptr && to->push(std::string_view(c, name.size()));
        });
        if (!room) return detail::no_memory();
        for (names* n : {&l.indexes, &l.foreign, &l.tensors, &l.ggufs})
            detail::sort(n->data(), n->size(),
                         [](std::string_view a, std::string_view b) { return a < b; });
        return s;
    }
    static bool has(const names& n, std::string_view name) noexcept {
        for (std::string_view s : n)
            if (s == name) return true;
        return false;
    }
    AKA_COLD static error ambiguous(const path& folder, const char* what,
                                    const names& choices) noexcept {
        error e = detail::fail(errc::ambiguous, error::nowhere, "this folder has ", choices.size(),
                               ' ', what, ", name one of them: ");
        for (std::size_t i = 0; i < choices.size() && i < 6; ++i)
            e.say(i == 0 ? "" : ", ", detail::quoted{choices[i]});
        return e.in(folder.view());
    }

    result<checkpoint> open_folder(const path& folder) noexcept {
        listing l;
        if (status s = list(folder, l); !s) return s.error();
        result<checkpoint> r = choose(folder, l);
        if (!r) return r;
        return note_unused(std::move(*r.get_if()), l);
    }
    path inside(const path& folder, std::string_view name) noexcept {
        path p(folder.view());
        return p /= name, std::move(p);
    }
    result<checkpoint> choose(const path& folder, listing& l) noexcept {
        // Shards by their index, unless none of them is there and something else is.
        std::string_view index;
        if (has(l.indexes, "model.safetensors.index.json"))
            index = "model.safetensors.index.json";
        else if (has(l.indexes, "consolidated.safetensors.index.json"))
            index = "consolidated.safetensors.index.json";
        else if (l.indexes.size() == 1)
            index = l.indexes[0];
        else if (l.indexes.size() > 1)
            return ambiguous(folder, "shard indexes", l.indexes);
        if (!index.empty()) {
            bool last_choice = l.tensors.empty() && l.ggufs.empty();
            result<checkpoint> r =
                open_index(inside(folder, index), last_choice && options_.names_only);
            if (r || last_choice ||
                (r.code() != errc::missing_file && r.code() != errc::not_a_checkpoint))
                return r;
            bool any =
                r.code() == errc::missing_file && r.error().file() != inside(folder, index).view();
            if (any)
                return r;  // some of the shards are there: a broken download, not another model
        }
        for (std::string_view name : {"model.safetensors", "consolidated.safetensors"})
            if (has(l.tensors, name)) return open_file(inside(folder, name));
        if (!l.tensors.empty()) return open_tensors(folder, l.tensors);
        if (!l.ggufs.empty()) return open_ggufs(folder, l.ggufs);
        if (!l.foreign.empty() && options_.names_only) {
            if (l.foreign.size() > 1) return ambiguous(folder, "indexes", l.foreign);
            return open_index(inside(folder, l.foreign[0]), true);
        }
        error e = detail::fail(errc::not_a_checkpoint, error::nowhere,
                               "this folder has no .safetensors and no .gguf file");
        if (!l.foreign.empty()) e.say("; ", detail::quoted{l.foreign[0]}, " gives names only");
        return e.in(folder.view());
    }
    result<checkpoint> open_tensors(const path& folder, const names& files) noexcept {
        if (files.size() > 1 && !one_set(files))
            return ambiguous(folder, ".safetensors files", files);
        detail::numbered_name n;
        if (detail::numbered_name::parse(files[0], n) && n.count > 1) return open_set(folder, n);
        return open_file(inside(folder, files[0]));
    }
    result<checkpoint> open_ggufs(const path& folder, const names& files) noexcept {
        if (files.size() == 1 || one_set(files)) return open_file(inside(folder, files[0]));
        return ambiguous(folder, ".gguf files", files);
    }
    static bool one_set(const names& files) noexcept {
        detail::numbered_name first, n;
        if (!detail::numbered_name::parse(files[0], first)) return false;
        for (std::string_view f : files)
            if (!detail::numbered_name::parse(f, n) || !n.same_set(first)) return false;
        return true;
    }
    // Says which weight files of the folder are not part of what was opened.
    result<checkpoint> note_unused(checkpoint c, const listing& l) noexcept {
        detail::store& s = *c.store_.get();
        for (const names* n : {&l.tensors, &l.ggufs}) {
            for (std::string_view file : *n) {
                bool used = false;
                for (std::uint32_t i = 0; i < s.files.size() && !used; ++i)
                    used = path(s.files[i].file.path()).file_name() == file;
                if (used) continue;
                const char* kept = s.names.copy(file);
                if (kept == nullptr ||
                    !s.notes.push(
                        note{"this file of the folder was passed over", {}, {kept, file.size()}}))
                    return detail::no_memory();
            }
        }
        return c;
    }

    checkpoint_options options_;
};

inline result<checkpoint> checkpoint::open(detail::path path,
                                           const checkpoint_options& o) noexcept {
    return checkpoint_reader(o).open(std::move(path));
}

AKA_END

#endif  // AKA_CHECKPOINT_HPP
