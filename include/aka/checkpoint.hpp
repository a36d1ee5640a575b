// aka: a whole model, however its files are cut: one file, shards with an index, the parts of a
// GGUF split, or a folder that holds one of these.
#include "version.hpp"

#ifndef AKA_CHECKPOINT_HPP
#define AKA_CHECKPOINT_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "gguf.hpp"
#include "numbered_name.hpp"
#include "safetensors.hpp"
#include "shard_index.hpp"

AKA_BEGIN

enum class checkpoint_format : std::uint8_t { safetensors, gguf, index };

/// How to open, and what is let pass: the defaults are the strict ones.
struct checkpoint_options {
    access how = access::map;               ///< how the data is got at
    duplicates names = duplicates::refuse;  ///< of tensors, over all files
    bool trailing_bytes = false;            ///< see safetensors_options
    bool unknown_dtypes = false;            ///< see safetensors_options
    /// Take an index whose shards are absent, or of a kind that aka does not read, for what it is:
    /// a list of names without shapes and data.
    bool names_only = false;
};

/// How checkpoint::prefetch goes about it.
struct prefetch_policy {
    std::uint64_t window = std::uint64_t{64} << 20;  ///< bytes that are brought in at a time
    void* self = nullptr;                            ///< the caller's, passed back
    /// Asked before each window, when `done` bytes of `all` are there. It may wait until they are
    /// used, and so bounds how far ahead of their user it runs; false ends it.
    bool (*go_on)(void* self, std::uint64_t done, std::uint64_t all) = nullptr;
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

    /// What the files are.
    checkpoint_format format() const noexcept { return format_; }
    /// The folder that the files are in, for config.json and the like.
    std::string_view folder() const noexcept AKA_LIFETIMEBOUND { return store_->folder; }
    /// The path of the shard index that was opened; empty: there is none.
    std::string_view index_file() const noexcept AKA_LIFETIMEBOUND { return store_->index_file; }
    /// What is worth knowing and no error: tensors that the index does not list, files passed over.
    span<const note> notes() const noexcept AKA_LIFETIMEBOUND {
        return {store_->notes.data(), store_->notes.size()};
    }
    /// Brings the data of all tensors into the page cache, file by file and window by window, while
    /// it waits: for a thread ahead of whoever uses mapped tensors. What cannot be read is an error
    /// here, and no signal later. Where files are not mapped it is advice. In the order of a
    /// forward pass, without a thread: read_ahead::by_layer. Errors: file_changed, cannot_read,
    /// no_data, cancelled (`go_on` ended it).
    status prefetch(const prefetch_policy& p = {}) const noexcept;
    /// Of a GGUF: version, alignment and byte order of its first file.
    const detail::gguf_facts& gguf_header() const noexcept { return facts_; }

  private:
    friend class checkpoint_reader;
    template <class Name>
    friend result<checkpoint> renamed(const checkpoint&, Name) noexcept;
    explicit checkpoint(detail::store_ref s) noexcept : tensor_list(std::move(s)) {}

    checkpoint_format format_ = checkpoint_format::safetensors;
    detail::gguf_facts facts_;
};

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
            case detail::path_kind::unknown:
                return detail::unknown_error(p, os);
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

    /// A store for `files` files (0: not known yet), whose folder is known.
    static store_ref new_store(std::string_view folder, std::size_t files) noexcept {
        store_ref s = store_ref::make();
        if (!s || (files != 0 && !s->files.reserve(files))) return {};
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
        path again(p.view());
        store_ref s = new_store(p.folder(), 1);
        if (!s || !p.ok() || !again.ok()) return detail::no_memory();
        if (status r = add_file(s, std::move(p)); !r) return r.error();
        const mapped_file& f = s->files[0].file;
        std::byte first[8] = {};
        const std::size_t n = f.size() < 8 ? static_cast<std::size_t>(f.size()) : 8;
        if (status r = f.read(0, {first, n}); !r) return r.error();
        std::string_view magic(reinterpret_cast<const char*>(first), 4);
        if (magic == "GGUF" || detail::ends_with(f.path(), ".gguf"))
            return open_gguf(std::move(s), again);
        // A header of 0x280 bytes begins like a pickle, but its length ends in zeros.
        const bool length = n == 8 && detail::load_le<std::uint32_t>(first + 4) == 0;
        if (!length && (magic == "PK\3\4" || detail::starts_with(magic, "\x80\x02")))
            return detail::fail(errc::not_a_checkpoint, 0,
                                "a PyTorch file, which aka does not read: it holds code")
                .in(f.path());
        safetensors_options o = of_safetensors();
        if (status r = detail::read_safetensors(*s, 0, o); !r) return r.error();
        return finish(std::move(s), checkpoint_format::safetensors);
    }

    /// Whether all parts are there. Their number is only a name's word: no room is made on that.
    static status find_parts(std::string_view folder, const detail::numbered_name& n,
                             const char* of_what) noexcept {
        for (std::uint64_t i = 1; i <= n.count; ++i) {
            path part(folder);
            part /= n.part(i).view();
            int os = 0;
            if (!part.ok()) return detail::no_memory();
            if (detail::kind_of(part, os) == detail::path_kind::missing)
                return detail::fail(errc::missing_file, error::nowhere,
                                    "there is no such file: part ", i, " of ", n.count, of_what)
                    .os(os)
                    .in(part.view());
        }
        return {};
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
        if (status r = find_parts(p.folder(), n, " of a split model"); !r) return r.error();
        s = new_store(p.folder(), static_cast<std::size_t>(parts));
        if (!s) return detail::no_memory();
        for (std::uint32_t i = 0; i < parts; ++i) {
            if (status r = add_file(s, beside(p, n.part(i + 1).view())); !r) return r.error();
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
        if (status r = find_parts(folder.view(), n, ", and there is no index"); !r)
            return r.error();
        store_ref s = new_store(folder.view(), static_cast<std::size_t>(n.count));
        if (!s) return detail::no_memory();
        safetensors_options o = of_safetensors();
        for (std::uint32_t i = 0; i < n.count; ++i) {
            if (status r = add_file(s, inside(folder, n.part(i + 1).view())); !r) return r.error();
            if (status r = detail::read_safetensors(*s, i, o); !r) return r.error();
        }
        return finish(std::move(s), checkpoint_format::safetensors);
    }

    // --- safetensors: shards with an index

    result<checkpoint> open_index(const path& p, bool names_only) noexcept {
        store_ref s = new_store(p.folder(), 0);
        const char* kept = s ? s->names.copy(p.view()) : nullptr;
        if (kept == nullptr || !p.ok()) return detail::no_memory();
        s->index_file = {kept, p.view().size()};
        detail::shard_index index;
        if (status r = index.read(*s, p); !r) return in(r.error(), p.view());
        std::size_t readable = 0, present = 0;
        for (std::string_view shard : index.shards()) {
            int os = 0;
            path there = beside(p, shard);
            if (!there.ok()) return detail::no_memory();
            readable += detail::ends_with(shard, ".safetensors");
            const detail::path_kind kind = detail::kind_of(there, os);
            present += kind == detail::path_kind::file || kind == detail::path_kind::unknown;
        }
        some_shards_ = present != 0;
        if (readable != index.shards().size() || present == 0) {
            bool foreign = readable != index.shards().size();
            if (!names_only) return in(no_shards(index.shards(), foreign), p.view());
            if (status r = index.only_names(*s); !r) return r.error();
            return finish(std::move(s), checkpoint_format::index);
        }
        if (!s->files.reserve(index.shards().size()) || !s->tensors.reserve(index.size()))
            return detail::no_memory();
        safetensors_options o = of_safetensors();
        for (std::uint32_t i = 0; i < index.shards().size(); ++i) {
            if (status r = add_file(s, beside(p, index.shards()[i])); !r) {
                error e = r.error();
                if (e.code() == errc::missing_file)
                    e.say(": a shard that ", detail::quoted{p.file_name()}, " lists");
                return e;
            }
            if (status r = detail::read_safetensors(*s, i, o); !r) return r.error();
        }
        if (status r = index.match(*s); !r) return in(r.error(), p.view());
        return finish(std::move(s), checkpoint_format::safetensors);
    }
    static error no_shards(const names& shards, bool foreign) noexcept {
        if (foreign)
            return detail::fail(errc::not_a_checkpoint, error::nowhere, "its shards, like ",
                                detail::quoted{shards[0]}, ", are not safetensors files");
        return detail::fail(errc::missing_file, error::nowhere, "none of its ", shards.size(),
                            " shards is there, not even ", detail::quoted{shards[0]});
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
            // Some of the shards are there: a broken download, not another model.
            if (r.code() == errc::missing_file && some_shards_) return r;
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
                    used = path::file_name(s.files[i].file.path()) == file;
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
    bool some_shards_ = false;  // of the index that was tried last
};

inline status checkpoint::prefetch(const prefetch_policy& p) const noexcept {
    std::uint64_t done = 0, all = 0;
    for (std::uint32_t i = 0; i < file_count(); ++i) {
        if (!store_->data()[i].data)
            return detail::fail(errc::no_data, error::nowhere, "only its header was read")
                .in(file(i).path());
        all += data_end(i) - data_begin(i);
    }
    for (std::uint32_t i = 0; i < file_count(); ++i)
        for (std::uint64_t at = data_begin(i), n; at < data_end(i); at += n, done += n) {
            if (p.go_on != nullptr && !p.go_on(p.self, done, all))
                return error(errc::cancelled).say("bringing tensors into memory was ended");
            n = data_end(i) - at;
            if (p.window != 0 && p.window < n) n = p.window;
            if (status s = file(i).prefetch(at, n); !s) return s;
        }
    return {};
}

inline result<checkpoint> checkpoint::open(detail::path path,
                                           const checkpoint_options& o) noexcept {
    return checkpoint_reader(o).open(std::move(path));
}

AKA_END

#endif  // AKA_CHECKPOINT_HPP
