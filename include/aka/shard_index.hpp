// aka: `*.index.json`, which says in which file each tensor is.
#ifndef AKA_SHARD_INDEX_HPP
#define AKA_SHARD_INDEX_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "json.hpp"
#include "store.hpp"

AKA_BEGIN
namespace detail {

/// A shard index. Its text, and what had to be unescaped, live in the store that it is read into.
class shard_index {
  public:
    using names = growing<std::string_view>;

    std::size_t size() const noexcept { return map_.size(); }
    /// The files that it lists, each once, sorted.
    const names& shards() const noexcept { return shards_; }

    /// Errors: of reading; bad_index.
    status read(store& s, const path& p) noexcept {
        if (status r = parse(s, p); !r) return r;
        std::uint32_t again = 0;
        auto o = by_name_.build(
            map_.size(), [&](std::size_t i) { return map_[i].name; },
            [&](std::size_t i) { return hash_name(map_[i].name); },
            [&](std::uint32_t, std::uint32_t later) {
                again = later;
                return name_index::none;
            });
        if (o == name_index::outcome::duplicate)
            return fail(errc::bad_index, map_[again].at, "tensor ", quoted{map_[again].name},
                        " is listed twice");
        if (o == name_index::outcome::no_memory || !distinct_shards()) return no_memory();
        return {};
    }

    /// Makes tensors of the names alone.
    status only_names(store& s) noexcept {
        if (!s.tensors.reserve(map_.size())) return no_memory();
        for (const entry& e : map_) {
            tensor_record& r = *s.tensors.push();
            r = {};
            r.name = e.name.data();
            r.name_size = static_cast<std::uint32_t>(e.name.size());
            r.hash = hash_name(e.name);
            r.file = ~std::uint32_t{0};
            r.rank = tensor_record::no_shape;
        }
        for (std::string_view shard : shards_)
            if (!s.notes.push(note{"this shard was not read", {}, shard})) return no_memory();
        return {};
    }

    /// Holds the tensors of the shards, which have been read into the store in the order of
    /// `shards()`, against the index: it decides. Errors: missing_tensor.
    status match(store& s) noexcept {
        growing<tensor_record>& all = s.tensors;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const tensor_record& r = all[i];
            std::uint32_t at = find(r.name_view());
            if (at == name_index::none || map_[at].file != r.file) {
                const char* what = at == name_index::none
                                       ? "in a shard, but not in the index"
                                       : "also in a shard that the index does not name for it";
                if (!s.notes.push(note{what, r.name_view(), s.files[r.file].file.path()}))
                    return no_memory();
                continue;
            }
            map_[at].seen = true;
            all[kept++] = r;
        }
        all.resize(kept);
        for (const entry& e : map_)
            if (!e.seen)
                return fail(errc::missing_tensor, e.at, "tensor ", quoted{e.name}, " is listed in ",
                            quoted{shards_[e.file]}, ", but is not there");
        return {};
    }

  private:
    struct entry {
        std::string_view name, shard;
        std::uint64_t at;  // in the index
        std::uint32_t file;
        bool seen;
    };

    std::uint32_t find(std::string_view name) const noexcept {
        return by_name_.find(name, [this](std::size_t i) { return map_[i].name; });
    }

    status parse(store& s, const path& p) noexcept {
        result<mapped_file> f = mapped_file::open(path(p.view()), access::read);
        if (!f) return f.error();
        std::uint64_t size = f.get_if()->size();
        if (size > 0x7fffffff)
            return fail(errc::bad_index, error::nowhere, "an index of ", size, " bytes");
        if (!fits_memory(size) || !s.index_text.resize(static_cast<std::size_t>(size)))
            return no_memory();
        if (status r = f.get_if()->read(0, {s.index_text.data(), s.index_text.size()}); !r)
            return r;
        json_reader json(
            {reinterpret_cast<const char*>(s.index_text.data()), static_cast<std::size_t>(size)});
        bool found = false;
        error failed;
        auto keep = [&](const json_string& t, std::string_view& out) {
            if (text_of(t, s.names, out)) return true;
            failed = no_memory();
            return false;
        };
        bool good = json.object([&](const json_string& key) {
            if (equal(key, "metadata") && json.peek() == '{')
                return json.object(
                    [&](const json_string& k) { return read_key(s, json, k, failed); });
            if (!equal(key, "weight_map")) return json.skip();
            found = true;
            return json.object([&](const json_string& k) {
                entry e = {};
                json_string shard;
                e.at = json.pos();
                if (!json.string(shard) || !keep(k, e.name) || !keep(shard, e.shard)) return false;
                if (!plain_name(e.shard)) {
                    failed =
                        fail(errc::bad_index, e.at, "tensor ", quoted{e.name},
                             ": a shard must be a file beside the index, not ", quoted{e.shard});
                    return false;
                }
                if (map_.push(e)) return true;
                failed = no_memory();
                return false;
            });
        }) && json.finish();
        if (failed.code() != errc::none) return failed;
        if (!good)
            return fail(errc::bad_index, json.pos(), "not the JSON of an index: ",
                        json.what() == nullptr ? "malformed" : json.what());
        if (!found) return fail(errc::bad_index, error::nowhere, "it has no 'weight_map'");
        if (map_.empty()) return fail(errc::bad_index, error::nowhere, "its 'weight_map' is empty");
        return {};
    }
    // A key of the index's own metadata (total_size): numbers and strings are kept.
    static bool read_key(store& s, json_reader& json, const json_string& key,
                         error& failed) noexcept {
        metadata::entry e;
        e.offset = json.pos();
        e.file = ~std::uint32_t{0};
        e.value.count = 1;
        e.value.format.swap = AKA_BIG_ENDIAN_HOST;
        char c = json.peek();
        json_string text;
        if (c == '"') {
            std::string_view v;
            if (!json.string(text)) return false;
            if (!text_of(text, s.names, v)) return failed = no_memory(), false;
            e.value.type = value_type::string;
            e.value.at = reinterpret_cast<const std::byte*>(v.data());
            e.value.count = v.size();
        } else if (json_reader::is_digit(c) || c == '-') {
            double d = 0;
            if (!json.number(d)) return false;
            // Some writers give total_size as 1.0e9.
            bool whole = d >= 0 && d < 9007199254740992.0 &&
                         static_cast<double>(static_cast<std::uint64_t>(d)) == d;
            auto u = static_cast<std::uint64_t>(whole ? d : 0);
            void* at = s.names.allocate(8, 8);
            if (at == nullptr) return failed = no_memory(), false;
            std::memcpy(at, whole ? static_cast<void*>(&u) : static_cast<void*>(&d), 8);
            e.value.type = whole ? value_type::u64 : value_type::f64;
            e.value.at = static_cast<const std::byte*>(at);
        } else {
            return json.skip();
        }
        if (text_of(key, s.names, e.key) && s.meta.entries().push(e)) return true;
        return failed = no_memory(), false;
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
    bool distinct_shards() noexcept {
        name_index by_shard;
        auto o = by_shard.build(
            map_.size(), [&](std::size_t i) { return map_[i].shard; },
            [&](std::size_t i) { return hash_name(map_[i].shard); },
            [](std::uint32_t earlier, std::uint32_t) { return earlier; });
        if (o != name_index::outcome::ok) return false;
        auto first = [&](std::string_view shard) {
            return by_shard.find(shard, [&](std::size_t i) { return map_[i].shard; });
        };
        for (std::uint32_t i = 0; i < map_.size(); ++i)
            if (first(map_[i].shard) == i && !shards_.push(map_[i].shard)) return false;
        sort(shards_.data(), shards_.size(),
             [](std::string_view a, std::string_view b) { return a < b; });
        for (std::uint32_t i = 0; i < shards_.size(); ++i) map_[first(shards_[i])].file = i;
        for (entry& e : map_) e.file = map_[first(e.shard)].file;
        return true;
    }

    growing<entry> map_;
    name_index by_name_;
    names shards_;
};

}  // namespace detail
AKA_END

#endif  // AKA_SHARD_INDEX_HPP
