// What is where in a file, from its first byte to its last: the header, runs of tensors of one kind
// and type, and what belongs to nobody.
#ifndef AKA_CLI_BYTE_MAP_HPP
#define AKA_CLI_BYTE_MAP_HPP

#include <algorithm>
#include <cstdint>
#include <vector>

#include "listing.hpp"
#include "tensor_kinds.hpp"

namespace cli {

struct byte_run {
    enum class of : std::uint8_t { header, tensors, gap } what = of::header;
    std::uint64_t begin = 0, end = 0, tensors = 0;
    std::uint32_t first = 0, last = 0;  // of those
    kind is = kind::other;
    std::uint32_t type = 0;

    std::uint64_t bytes() const { return end - begin; }
};

// Pieces side by side, without a hole between them. Alike ones are one; `least`: so are those too
// short to be seen, with what comes before them.
inline std::vector<byte_run> byte_map(const listing& l, const tensor_kinds& kinds,
                                      std::uint32_t file, std::uint64_t size, std::uint64_t least) {
    std::vector<std::uint32_t> here;
    for (const std::uint32_t i : l.which)
        if (l.all[i].file_index() == file && l.tensors[i].bytes != 0) here.push_back(i);
    std::sort(here.begin(), here.end(), [&](std::uint32_t a, std::uint32_t b) {
        return l.all[a].offset() < l.all[b].offset();
    });
    std::vector<byte_run> out;
    const auto gap = [&](std::uint64_t end) {
        const std::uint64_t at = out.empty() ? 0 : out.back().end;
        if (end <= at) return;
        byte_run r;
        r.what = out.empty() ? byte_run::of::header : byte_run::of::gap;
        r.begin = at, r.end = end;
        // A few bytes of padding between tensors cannot be seen, and are counted.
        if (r.what == byte_run::of::gap && r.bytes() < least && at != size && end != size)
            out.back().end = end;
        else
            out.push_back(r);
    };
    for (const std::uint32_t i : here) {
        const std::uint64_t begin = l.all[i].offset();
        gap(begin);
        byte_run r;
        r.what = byte_run::of::tensors;
        r.begin = begin, r.end = begin + l.tensors[i].bytes;
        r.tensors = 1, r.first = r.last = i;
        r.is = kinds[i].is, r.type = l.tensors[i].dtype;
        byte_run* before = out.empty() ? nullptr : &out.back();
        const bool beside = before != nullptr && before->what == r.what;
        const bool alike = beside && before->is == r.is && before->type == r.type;
        if (alike || (beside && std::min(r.bytes(), before->bytes()) < least)) {
            if (r.bytes() > before->bytes()) before->is = r.is, before->type = r.type;
            before->end = r.end, before->last = i, ++before->tensors;
            continue;
        }
        out.push_back(r);
    }
    gap(size);
    return out;
}

}  // namespace cli

#endif  // AKA_CLI_BYTE_MAP_HPP
