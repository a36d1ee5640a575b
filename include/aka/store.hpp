// aka: what a checkpoint is made of: files, one record a tensor, metadata. Built once, then only
// read, and counted, so that handles may be moved, copied and dropped in any thread.
#ifndef AKA_STORE_HPP
#define AKA_STORE_HPP

#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include "arena.hpp"
#include "atomic.hpp"
#include "dtype.hpp"
#include "mapped_file.hpp"
#include "metadata.hpp"
#include "name_index.hpp"
#include "shape.hpp"

AKA_BEGIN

/// What to do about a name that occurs twice.
enum class duplicates : std::uint8_t { refuse, last_wins };

namespace detail {

/// One tensor as its file says. 80 bytes; the name is a view of the header, or, where JSON
/// escapes it, of the arena.
struct tensor_record {
    const char* name;
    std::uint64_t offset;  // of the data, from the start of the file
    std::uint64_t bytes;
    union {
        std::uint64_t dims[4];
        const std::uint64_t* far_dims;  // for a rank over four
    };
    std::uint32_t at;    // where the file speaks of it, for error messages; beyond 4 GiB cut off.
                         // Of an adapter: the place of the source's tensor that it is, if it is one
    std::uint32_t hash;  // of the name
    std::uint32_t name_size;
    std::uint32_t file;
    std::uint32_t rank;
    std::uint32_t type;  // dtype; or raw_type | what the file says and aka does not know: a ggml
                         // type id, or where in a safetensors header the dtype's text is

    static constexpr std::uint32_t inline_rank = 4;
    static constexpr std::uint32_t raw_type = 0x80000000;
    static constexpr std::uint32_t no_shape = ~std::uint32_t{0};  // as a rank: names only

    std::string_view name_view() const noexcept { return {name, name_size}; }
    aka::dtype dtype() const noexcept {
        return (type & raw_type) != 0 ? aka::dtype::unknown : static_cast<aka::dtype>(type);
    }
    aka::shape shape() const noexcept {
        if (rank == no_shape) return {};
        return aka::shape({rank <= inline_rank ? dims : far_dims, rank});
    }
};
static_assert(sizeof(tensor_record) <= 80, "128 bytes a tensor, its place in the index included");

struct file_entry {
    mapped_file file;
    growing<std::byte> header;   // what was read of a file that is not mapped
    const char* json = nullptr;  // the header text of a safetensors file
    std::uint64_t data_begin = 0;
    std::uint64_t data_end = 0;  // behind the last tensor
    bool swap = false;           // numbers are in the other byte order than this machine's
    bool data = true;            // false: only the header was kept
};

/// Files do not move once they are here: records and views point into them.
class file_list {
  public:
    file_list() noexcept = default;
    /// Another list, which stays where it is, and room for `n` more behind its files. For a list
    /// that has nothing yet.
    bool extend(const file_list& below, std::size_t n) noexcept {
        if (!reserve(n)) return false;
        below_ = &below;
        from_ = below.size();
        return true;
    }
    file_list(const file_list&) = delete;
    file_list& operator=(const file_list&) = delete;
    ~file_list() {
        for (std::uint32_t i = 0; i < size_; ++i) files_[i].~file_entry();
        AKA_FREE(files_);
    }
    bool reserve(std::size_t n) noexcept {
        if (files_ != nullptr || n > SIZE_MAX / 2 / sizeof(file_entry)) return false;
        files_ = static_cast<file_entry*>(AKA_MALLOC((n == 0 ? 1 : n) * sizeof(file_entry)));
        return files_ != nullptr;
    }
    file_entry& add() noexcept {
        return *::new (static_cast<void*>(files_ + size_++)) file_entry();
    }
    void drop_last() noexcept { files_[--size_].~file_entry(); }
    std::uint32_t size() const noexcept { return from_ + size_; }
    file_entry& operator[](std::uint32_t i) noexcept { return files_[i - from_]; }
    const file_entry& operator[](std::uint32_t i) const noexcept {
        return i < from_ ? (*below_)[i] : files_[i - from_];
    }

  private:
    const file_list* below_ = nullptr;
    file_entry* files_ = nullptr;
    std::uint32_t size_ = 0, from_ = 0;
};

/// Something that a user should know and that is no error: a tensor that the index does not list,
/// a file that was passed over.
struct note {
    const char* what;
    std::string_view name;
    std::string_view file;
};

struct tensor_plan;  // tensor.hpp

struct store {
    file_list files;
    growing<tensor_record> tensors;
    growing<const tensor_plan*> plans;  // of an adapter: how each tensor is put together, or null
    name_index index;
    metadata meta;
    arena names;
    growing<note> notes;
    growing<std::byte> index_text;  // a shard index, whose names and keys are viewed
    std::string_view folder;
    std::string_view index_file;  // the path of a shard index, if one was opened
    std::uint32_t hidden = 0;     // tensors at the end that are found by name and not listed
    store* source = nullptr;      // of an adapter: whose files and keys these are; counted
    std::uint32_t references = 1;

    store() noexcept = default;
    store(const store&) = delete;
    store& operator=(const store&) = delete;
    ~store();

    const file_list& data() const noexcept {
        return source == nullptr || files.size() != 0 ? files : source->data();
    }
    const metadata& keys() const noexcept { return source == nullptr ? meta : source->keys(); }
    std::uint32_t find(std::string_view name) const noexcept {
        return index.find(name, [this](std::size_t i) { return tensors[i].name_view(); });
    }
    /// Indexes the tensors by name; see name_index::build.
    template <class Twice>
    name_index::outcome build_index(Twice twice) noexcept {
        return index.build(
            tensors.size(), [this](std::size_t i) { return tensors[i].name_view(); },
            [this](std::size_t i) { return tensors[i].hash; }, twice);
    }
};

/// Indexes the keys of all files of a store. Of a key that two files have, the first file's is
/// found; twice in one file is what `twice` says.
inline status index_keys(store& s, duplicates twice) noexcept {
    const growing<metadata::entry>& all = s.meta.entries();
    std::uint32_t again = 0;
    name_index::outcome o = s.meta.build_index([&](std::uint32_t earlier, std::uint32_t later) {
        if (all[earlier].file != all[later].file) return earlier;
        again = later;
        return twice == duplicates::refuse ? name_index::none : later;
    });
    if (o == name_index::outcome::ok) return {};
    if (o == name_index::outcome::no_memory) return no_memory();
    error e = fail(errc::duplicate_key, all[again].offset, "key ", quoted{all[again].key},
                   " occurs twice");
    const std::uint32_t file = all[again].file;
    e.in(file < s.files.size() ? s.files[file].file.path() : s.index_file);
    return e;
}

/// A counted reference to a store.
class store_ref {
  public:
    store_ref() noexcept = default;
    explicit store_ref(store* s) noexcept : store_(s) {}
    store_ref(const store_ref& o) noexcept : store_(o.store_) {
        if (store_ != nullptr) count(+1);
    }
    store_ref(store_ref&& o) noexcept : store_(std::exchange(o.store_, nullptr)) {}
    store_ref& operator=(store_ref o) noexcept { return std::swap(store_, o.store_), *this; }
    ~store_ref() {
        if (store_ != nullptr && count(-1) == 0) {
            store_->~store();
            AKA_FREE(store_);
        }
    }
    static store_ref make() noexcept {
        void* p = AKA_MALLOC(sizeof(store));
        return p == nullptr ? store_ref() : store_ref(::new (p) store());
    }
    explicit operator bool() const noexcept { return store_ != nullptr; }
    store* get() const noexcept { return store_; }
    /// Gives the count away.
    store* release() noexcept { return std::exchange(store_, nullptr); }
    store* operator->() const noexcept { return store_; }
    store& operator*() const noexcept { return *store_; }

    /// Whether no other handle holds this store.
    bool alone() const noexcept { return count(0) == 1; }

  private:
    std::uint32_t count(int change) const noexcept {
        return atomic_add(store_->references, static_cast<std::uint32_t>(change));
    }
    store* store_ = nullptr;
};

inline store::~store() { store_ref drop(source); }

}  // namespace detail
AKA_END

#endif  // AKA_STORE_HPP
