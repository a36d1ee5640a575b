// aka: what lies beside the weights of a rewritten checkpoint: the shard index, which is made anew,
// and small files, which come along.
#include "version.hpp"

#ifndef AKA_FOLDER_FILES_HPP
#define AKA_FOLDER_FILES_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>
#if !AKA_WINDOWS
#include <sys/stat.h>
#endif

#include "output_file.hpp"
#include "rewrite_files.hpp"
#include "windows.hpp"

AKA_BEGIN
namespace detail {

inline bool names_a_file(std::string_view path) noexcept {
    return ends_with(path, ".safetensors") || ends_with(path, ".gguf");
}

/// One that is there already is fine.
inline status make_folder(const path& p) noexcept {
    int os = 0;
    path_kind kind = kind_of(p, os);
    if (kind == path_kind::folder) return {};
    if (kind == path_kind::unknown) return unknown_error(p, os);
    if (kind != path_kind::missing)
        return fail(errc::already_exists, error::nowhere, "there is a file of this name")
            .in(p.view());
#if AKA_WINDOWS
    wide_path wide(p.view());
    if (!wide.ok()) return no_memory();
    os = win::CreateDirectoryW(wide.c_str(), nullptr) != 0 ? 0
                                                           : static_cast<int>(win::GetLastError());
#else
    os = ::mkdir(p.c_str(), 0777) == 0 ? 0 : errno;
#endif
    if (os == 0) return {};
    return fail(errc::cannot_write, error::nowhere, "cannot make this folder").os(os).in(p.view());
}

/// As json.dumps with indent=2 and sort_keys=True writes it, as the files on the hub are. False: no
/// memory.
inline bool write_index(const rewrite_files& f, text_writer& out) noexcept {
    struct place {
        std::string_view name;
        std::uint32_t file;
    };
    growing<place> all;
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < f.size(); ++i)
        for (const tensor_entry& e : f.entries(i)) {
            total += e.bytes;
            if (!all.push({e.name, i})) return false;
        }
    sort(all.data(), all.size(), [](const place& a, const place& b) { return a.name < b.name; });
    out << "{\n  \"metadata\": {\n    \"total_size\": " << total << "\n  },\n  \"weight_map\": {";
    for (std::size_t i = 0; i < all.size(); ++i) {
        out << (i == 0 ? "\n    \"" : ",\n    \"");
        json_escape(out, all[i].name);
        out << "\": \"";
        json_escape(out, f[all[i].file].name);
        out << "\"";
    }
    out << (all.empty() ? "}\n}\n" : "\n  }\n}\n");
    return out.ok();
}

/// The name of the index that belongs to these files: of the source's, or
/// model.safetensors.index.json.
inline fixed_text<512> index_name(const rewrite_files& f) noexcept {
    fixed_text<512> out;
    std::string_view old = path::file_name(f.plan().source().index_file());
    numbered_name n;
    if (ends_with(old, ".index.json"))
        out << old;
    else if (numbered_name::parse(f[0].name, n))
        out << n.prefix.substr(0, n.prefix.size() - 1) << ".safetensors.index.json";
    else
        out << "model.safetensors.index.json";
    return out;
}

inline status add_text(path to, std::string_view text, bool replace, output_set& set) noexcept {
    output_options o;
    o.replace = replace;
    o.size = text.size();
    result<output_file> f = output_file::create(std::move(to), o);
    if (!f) return f.error();
    if (status s = set.add(std::move(*f.get_if())); !s) return s;
    return set[set.size() - 1].write(
        0, {reinterpret_cast<const std::byte*>(text.data()), text.size()});
}

/// Whether a file of a checkpoint's folder holds weights, in whatever format, or lists such files.
inline bool is_of_weights(std::string_view name) noexcept {
    constexpr std::string_view endings[] = {
        ".safetensors", ".gguf", ".bin",       ".pt",  ".pth",        ".ckpt",        ".msgpack",
        ".h5",          ".onnx", ".onnx_data", ".npz", ".index.json", ".aka-journal", ".tmp"};
    for (std::string_view e : endings)
        if (ends_with(name, e)) return true;
    return name.empty() || name[0] == '.';
}

/// The other files of a folder, but not what lies in folders of it. `config`, if not empty, takes
/// the place of what config.json holds.
inline status carry_files(std::string_view from, const path& to, std::string_view config,
                          bool replace, output_set& set) noexcept {
    constexpr std::uint64_t most = std::uint64_t{256} << 20;  // a tokenizer takes some 20 MB
    path folder(from);
    if (!folder.ok()) return no_memory();
    arena names;
    growing<std::string_view> all;
    bool room = true;
    status listed = for_each_entry(folder, [&](std::string_view name) {
        if (is_of_weights(name)) return true;
        const char* kept = names.copy(name);
        return room = kept != nullptr && all.push(std::string_view(kept, name.size()));
    });
    if (!room) return no_memory();
    if (!listed) return listed;
    for (std::string_view name : all) {
        path source(from), target(to.view());
        source /= name;
        target /= name;
        int os = 0;
        if (!source.ok() || !target.ok()) return no_memory();
        const path_kind kind = kind_of(source, os);
        if (kind == path_kind::unknown) return unknown_error(source, os);
        if (kind != path_kind::file) continue;
        if (name == "config.json" && !config.empty()) {
            if (status s = add_text(std::move(target), config, replace, set); !s) return s;
            continue;
        }
        result<mapped_file> f = mapped_file::open(std::move(source), access::read);
        if (!f) return f.error();
        if (f.get_if()->size() > most) continue;
        output_options o;
        o.replace = replace;
        o.like = f.get_if();
        o.size = f.get_if()->size();
        result<output_file> out = output_file::create(std::move(target), o);
        if (!out) return out.error();
        if (status s = set.add(std::move(*out.get_if())); !s) return s;
        if (status s = set[set.size() - 1].copy(0, *f.get_if(), 0, o.size); !s) return s;
    }
    return {};
}

}  // namespace detail
AKA_END

#endif  // AKA_FOLDER_FILES_HPP
