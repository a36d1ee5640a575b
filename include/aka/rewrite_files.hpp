// aka: the files that a plan makes: which tensors are in each, where, and with which header.
#include "version.hpp"

#ifndef AKA_REWRITE_FILES_HPP
#define AKA_REWRITE_FILES_HPP

#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include "gguf_hparam_keys.hpp"
#include "rewrite_plan.hpp"
#include "write_gguf.hpp"
#include "write_safetensors.hpp"

AKA_BEGIN

/// How the files of a rewrite are laid out.
struct rewrite_layout_options {
    /// One file, whatever number of them the source has.
    bool one_file = false;
    /// To what the data is aligned; 0: as the format does by itself, and where nothing moves, as it
    /// lies. safetensors: see safetensors_order::aligned.
    std::uint64_t align = 0;
    /// Whether the key `aka.renamed` is written (and by undoing taken away).
    bool provenance = true;
    /// Changes to the other keys, in every file. Borrowed; null: none.
    const metadata_edits* edits = nullptr;
};

/// One file to be written.
struct planned_file {
    std::string_view name;     ///< without its folder
    std::uint32_t source = 0;  ///< the file of the source that it goes with
    std::uint32_t first = 0;   ///< of rewrite_files::entries
    std::uint32_t count = 0;   ///< of those, from `first` on
    /// The data stays as it is, byte for byte and in its order: only the header is new.
    bool stays = false;
    std::uint64_t header_used = 0;  ///< bytes of the header without padding
    std::uint64_t data_size = 0;    ///< bytes behind the header
};

/// Made by `lay_out`. Borrows the plan.
class rewrite_files {
  public:
    /// The plan that they are of.
    const rewrite_plan& plan() const noexcept { return *plan_; }
    /// How many files there will be.
    std::size_t size() const noexcept { return files_.size(); }
    /// In the order of their numbers.
    const planned_file& operator[](std::size_t i) const noexcept AKA_LIFETIMEBOUND {
        return files_[i];
    }
    /// The tensors of a file, in the order of their data, with offsets in its data section.
    span<const tensor_entry> entries(std::size_t file) const noexcept AKA_LIFETIMEBOUND {
        return {entries_.data() + files_[file].first, files_[file].count};
    }
    /// For each of them its place in the plan.
    span<const std::uint32_t> items(std::size_t file) const noexcept AKA_LIFETIMEBOUND {
        return {items_.data() + files_[file].first, files_[file].count};
    }
    /// Whether the data of all files stays.
    bool header_only() const noexcept {
        for (const planned_file& f : files_)
            if (!f.stays) return false;
        return true;
    }
    /// Numbers are turned to the other byte order, so that no byte can be copied as it is.
    bool swaps() const noexcept { return swaps_; }

    /// The header of a file. `padding` as for the writers; by default that of the layout.
    result<header_bytes> header(std::size_t file, header_padding padding) const noexcept {
        const planned_file& f = files_[file];
        bool gguf = plan_->container() == checkpoint_format::gguf;
        header_metadata keys;
        metadata_edits own;
        // Of a split GGUF the first part has the keys, each the numbers of the split.
        if (!gguf || file == 0)
            if (status s = own.add(edits_); !s) return s.error();
        if (gguf)
            if (status s = split_keys(file, own); !s) return s.error();
        keys.edits = &own;
        if (plan_->container() == detail::container_of(plan_->source())) {
            keys.source = &plan_->source().metadata();
            if (files_.size() == plan_->source().file_count()) keys.file = f.source;
        }
        if (padding.align == 0 && padding.exactly == 0) padding.align = align_;
        if (gguf) return render_gguf(entries(file), keys, gguf_, padding);
        return render_safetensors(entries(file), keys, padding);
    }

  private:
    friend class file_layout;
    explicit rewrite_files(const rewrite_plan& p) noexcept : plan_(&p) {}

    // As llama.cpp's gguf-split writes them.
    status split_keys(std::size_t file, metadata_edits& e) const noexcept {
        if (alignment_ != 0)
            if (status s = e.set("general.alignment", alignment_); !s) return s;
        if (files_.size() == 1) {
            for (const char* key : {"split.no", "split.count", "split.tensors.count"})
                if (status s = e.unset(key); !s) return s;
            return {};
        }
        if (files_.size() > 0xffff || plan_->size() > 0x7fffffff)
            return detail::fail(errc::bad_split, error::nowhere, files_.size(), " parts");
        status s = e.set("split.no", static_cast<std::uint16_t>(file));
        if (s) s = e.set("split.count", static_cast<std::uint16_t>(files_.size()));
        if (s) s = e.set("split.tensors.count", static_cast<std::int32_t>(plan_->size()));
        return s;
    }

    const rewrite_plan* plan_;
    detail::growing<planned_file> files_;
    detail::growing<tensor_entry> entries_;
    detail::growing<std::uint32_t> items_;
    detail::arena text_;
    metadata_edits edits_;
    gguf_format gguf_;
    std::uint64_t align_ = 0;      // of the data of a safetensors file
    std::uint32_t alignment_ = 0;  // of a GGUF, where it is to be another one
    bool swaps_ = false;
};

/// Lays out one plan; see `lay_out`.
class file_layout {
  public:
    file_layout(const rewrite_plan& p, const rewrite_layout_options& o) noexcept
        : plan_(p), options_(o), out_(p) {}

    result<rewrite_files> make() noexcept {
        const checkpoint& c = plan_.source();
        if (!plan_.ok())
            return detail::fail(plan_.problems()[0].code, error::nowhere,
                                "the plan cannot be carried "
                                "out: ",
                                detail::quoted{plan_.problems()[0].name}, ": ",
                                plan_.problems()[0].why);
        if (c.format() == checkpoint_format::index || c.file_count() == 0)
            return detail::fail(errc::no_data, error::nowhere,
                                "only names are there, no files to be written anew")
                .in(c.folder());
        bool same = plan_.container() == detail::container_of(c);
        if (status s = edits(same); !s) return s.error();
        if (status s = distribute(); !s) return s.error();
        // What is written is little-endian, but for a header in front of data that stays.
        out_.swaps_ = c.format() == checkpoint_format::gguf && c.gguf_header().big_endian;
        for (std::size_t i = 0; i < out_.files_.size(); ++i)
            if (status s = file(i, same); !s) return s.error();
        // A model is of one kind: where one shard is laid out anew, the others' headers are, too.
        out_.gguf_.big_endian = out_.header_only() && c.gguf_header().big_endian;
        return std::move(out_);
    }

  private:
    // --- keys

    status edits(bool same) noexcept {
        metadata_edits& e = out_.edits_;
        // What the caller sets, the new keys leave as it is.
        if (options_.edits != nullptr)
            if (status s = e.add(*options_.edits); !s) return s;
        if (!same)
            if (status s = new_keys(e); !s) return s;
        if (options_.align != 0 && plan_.container() == checkpoint_format::gguf) {
            if (options_.align > 0xffffffff)
                return detail::fail(errc::bad_alignment, error::nowhere, "an alignment of ",
                                    options_.align);
            out_.alignment_ = static_cast<std::uint32_t>(options_.align);
        }
        if (!options_.provenance) return e.unset(provenance_key);
        if (plan_.nothing_to_do() && !plan_.undoes()) return {};
        if (plan_.provenance().empty()) return e.unset(provenance_key);
        return e.set(provenance_key, plan_.provenance());
    }
    // The other format's own: keys of one mean nothing in the other.
    status new_keys(metadata_edits& e) noexcept {
        if (plan_.container() == checkpoint_format::safetensors)
            return e.find("format") != nullptr ? status() : e.set("format", "pt");
        const adapter* a = plan_.adapted();
        if (a == nullptr || a->convention().id().substr(0, 5) != "gguf:")
            return detail::fail(
                errc::unsupported, error::nowhere,
                "a GGUF file needs an architecture: ask for the names of one (gguf)");
        return gguf_hparam_keys(a->hparams(), a->convention().id().substr(5), e);
    }

    // --- which tensors are in which file

    status distribute() noexcept {
        const checkpoint& c = plan_.source();
        std::uint32_t files = options_.one_file ? 1 : c.file_count();
        for (std::uint32_t i = 0; i < files; ++i) {
            planned_file f;
            f.source = i;
            if (status s = name(i, f.name); !s) return s;
            if (!out_.files_.push(f)) return detail::no_memory();
        }
        if (!out_.entries_.resize(plan_.size()) || !out_.items_.resize(plan_.size()))
            return detail::no_memory();
        auto file_of = [&](std::size_t i) { return options_.one_file ? 0 : plan_[i].file; };
        for (std::size_t i = 0; i < plan_.size(); ++i) ++out_.files_[file_of(i)].count;
        std::uint32_t at = 0;
        for (planned_file& f : out_.files_) {
            f.first = at;
            at += f.count;
            f.count = 0;
        }
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            planned_file& f = out_.files_[file_of(i)];
            out_.items_[f.first + f.count++] = static_cast<std::uint32_t>(i);
        }
        return {};
    }
    status name(std::uint32_t i, std::string_view& out) noexcept {
        std::string_view old = detail::path::file_name(plan_.source().file(i).path());
        std::string_view suffix =
            plan_.container() == checkpoint_format::gguf ? ".gguf" : ".safetensors";
        std::size_t dot = detail::ends_with(old, ".safetensors") ? old.size() - 12
                          : detail::ends_with(old, ".gguf")      ? old.size() - 5
                                                                 : old.size();
        if (dot == old.size()) suffix = {};
        detail::fixed_text<1024> text;
        text << old.substr(0, dot) << suffix;
        const char* kept = out_.text_.copy(text.view());
        if (kept == nullptr) return detail::no_memory();
        return out = {kept, text.view().size()}, status();
    }

    // --- where they are

    tensor_entry entry(std::uint32_t item, std::uint64_t data_begin) noexcept {
        const planned_tensor& p = plan_[item];
        tensor t = plan_.view(item);
        tensor_entry e = tensor_entry::of(t, data_begin);
        e.name = p.name;
        e.bytes = p.bytes;
        if (p.dtype != t.dtype()) e.dtype = p.dtype;
        return e;
    }
    status file(std::size_t i, bool same) noexcept {
        planned_file& f = out_.files_[i];
        std::uint64_t begin = plan_.source().data_begin(f.source);
        tensor_entry* e = out_.entries_.data() + f.first;
        std::uint32_t* items = out_.items_.data() + f.first;
        for (std::uint32_t k = 0; k < f.count; ++k) e[k] = entry(items[k], begin);
        bool may_stay =
            same && options_.align == 0 && out_.files_.size() == plan_.source().file_count();
        if (may_stay)
            if (status s = stays(f, e, items, f.stays); !s) return s;
        if (!f.stays)
            if (status s = place(f, e); !s) return s;
        if (status s = in_order(f, e, items); !s) return s;
        result<header_bytes> h = out_.header(i, {});
        if (!h) return h.error();
        f.header_used = h.get_if()->used();
        f.data_size = h.get_if()->data_size();
        if (f.stays) f.data_size = plan_.source().file(f.source).size() - begin;
        return {};
    }
    // Whether the tensors lie in this file as they are wanted, and there is nothing else in it.
    status stays(const planned_file& f, const tensor_entry* e, const std::uint32_t* items,
                 bool& yes) noexcept {
        yes = false;
        const checkpoint& c = plan_.source();
        std::uint64_t begin = c.data_begin(f.source), sum = 0;
        for (std::uint32_t k = 0; k < f.count; ++k) {
            tensor t = plan_.view(items[k]);
            if (plan_[items[k]].moved != 0 || !t.is_packed() || t.file_index() != f.source ||
                t.offset() < begin)
                return {};
            sum += e[k].bytes;
        }
        detail::growing<std::uint32_t> order;
        if (!detail::sort_by_offset({e, f.count}, order)) return detail::no_memory();
        bool gguf = plan_.container() == checkpoint_format::gguf;
        std::uint64_t alignment = gguf ? c.gguf_header().alignment : 1, at = 0;
        // The source itself may have gaps, and then they stay; there are no new ones.
        std::uint64_t stored = 0;
        for (tensor t : plan_.original())
            if (t.file_index() == f.source) stored += t.size_bytes();
        if (stored != sum) return {};
        for (std::uint32_t k : order) {
            if (e[k].offset < at || e[k].offset % alignment != 0) return {};
            if (!gguf && e[k].offset != at) return {};
            if (!detail::checked_align(at, alignment, at)) return {};
            if (e[k].offset != at) out_.gguf_.gaps = true;
            at = e[k].offset + e[k].bytes;
        }
        return yes = true, status();
    }
    status place(planned_file& f, tensor_entry* e) noexcept {
        if (plan_.container() == checkpoint_format::gguf) {
            header_metadata keys;
            if (plan_.container() == detail::container_of(plan_.source()))
                keys.source = &plan_.source().metadata();
            keys.edits = &out_.edits_;
            result<std::uint64_t> alignment = gguf_alignment(keys);
            if (!alignment) return alignment.error();
            return lay_out_gguf({e, f.count},
                                out_.alignment_ != 0 ? out_.alignment_ : *alignment.get_if());
        }
        safetensors_layout how;
        if (options_.align != 0) {
            how.order = safetensors_order::aligned;
            how.align = out_.align_ = options_.align;
        }
        return lay_out_safetensors({e, f.count}, how);
    }
    // Entries and items in the order of the data, so that they are written from front to back.
    status in_order(const planned_file& f, tensor_entry* e, std::uint32_t* items) noexcept {
        detail::growing<std::uint32_t> order, was;
        detail::growing<tensor_entry> all;
        bool room = detail::sort_by_offset({e, f.count}, order) && all.append(e, f.count) &&
                    was.append(items, f.count);
        if (!room) return detail::no_memory();
        for (std::uint32_t k = 0; k < f.count; ++k) {
            e[k] = all[order[k]];
            items[k] = was[order[k]];
        }
        return {};
    }

    const rewrite_plan& plan_;
    const rewrite_layout_options& options_;
    rewrite_files out_;
};

/// Lays out the files that a plan makes. The plan must outlive them. Errors: what stops the plan;
/// no_data (an index without its shards); unsupported; those of the writers.
inline result<rewrite_files> lay_out(const rewrite_plan& plan,
                                     const rewrite_layout_options& o = {}) noexcept {
    return file_layout(plan, o).make();
}

AKA_END

#endif  // AKA_REWRITE_FILES_HPP
