// aka: the tensors of a checkpoint under other names: a view, which shares its files and keys.
#include "version.hpp"

#ifndef AKA_RENAMED_HPP
#define AKA_RENAMED_HPP

#include <cstdint>
#include <string_view>

#include "checkpoint.hpp"

AKA_BEGIN

/// `name(i, put)` calls `put(text)` with the pieces of the new name of tensor i, and returns
/// whether the tensor stays at all. The view keeps the files open; names live in it. Errors:
/// duplicate_name, out_of_memory.
template <class Name>
result<checkpoint> renamed(const checkpoint& c, Name name) noexcept {
    detail::store_ref s = detail::store_ref::make();
    if (!s) return detail::no_memory();
    const detail::store& from = *c.store_;
    s->source = c.keep().release();
    s->folder = from.folder;  // these live in the source
    s->index_file = from.index_file;
    if (!s->tensors.reserve(from.tensors.size())) return detail::no_memory();
    detail::growing<char> text;
    for (std::uint32_t i = 0; i < from.tensors.size(); ++i) {
        bool room = true;
        text.clear();
        auto put = [&](std::string_view piece) {
            room = text.append(piece.data(), piece.size()) && room;
        };
        if (!name(i, put)) continue;
        detail::tensor_record r = from.tensors[i];
        std::string_view now(text.data(), text.size());
        if (now != r.name_view()) {
            char* kept = room ? s->names.copy(now) : nullptr;
            if (kept == nullptr) return detail::no_memory();
            r.name = kept;
            r.name_size = static_cast<std::uint32_t>(now.size());
            r.hash = detail::hash_name(now);
        }
        if (!s->tensors.push(r)) return detail::no_memory();
    }
    if (status r = detail::index_tensors(*s, duplicates::refuse); !r) return r.error();
    checkpoint view(std::move(s));
    view.format_ = c.format_;
    view.facts_ = c.facts_;
    return view;
}

AKA_END

#endif  // AKA_RENAMED_HPP
