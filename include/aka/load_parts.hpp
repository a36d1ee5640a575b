// aka: what a load has to read: which bytes of which files, in the order in which they lie there,
// cut into blocks that threads take one by one.
#ifndef AKA_LOAD_PARTS_HPP
#define AKA_LOAD_PARTS_HPP

#include <cstdint>

#include "arena.hpp"
#include "bytes.hpp"
#include "mapped_file.hpp"
#include "tensor.hpp"

AKA_BEGIN

/// A tensor and where it is to go: `to.size()` is `what.size_bytes()`.
struct load_item {
    tensor what;         ///< of any checkpoint, adapter or model
    span<std::byte> to;  ///< its size_bytes(), of the caller's
};

namespace detail {

/// Where an item's stored bytes go: to its place, or, where they are to be converted into something
/// longer, to the end of it.
inline std::byte* place_of(const load_item& i) noexcept {
    const std::uint64_t n = i.what.is_pending() ? i.what.stored().size_bytes() : i.to.size();
    return i.to.data() + (i.to.size() - static_cast<std::size_t>(n));
}

/// One box of one item, seen from the file: `what.dst` counts in the file, `what.src` in the item,
/// and its loops are ordered so that a walk goes through the file from the front.
struct load_part {
    box what;
    std::uint64_t end;  // of what it touches in the file
    const mapped_file* file;
    std::uint32_t item;

    std::uint64_t begin() const noexcept { return what.dst; }
};

/// A range of one file, and the parts that may touch it: [first, last).
struct load_block {
    std::uint64_t begin, end;
    std::size_t first, last;
};

class load_plan {
  public:
    growing<load_part> parts;
    growing<load_block> blocks;
    std::uint64_t wanted = 0;  // bytes of all parts

    /// Adds what item number `i` is copied from.
    status add(const tensor& t, std::uint32_t i) noexcept {
        status memory;
        status s = t.for_each_box([&](const mapped_file& f, const box& b) {
            box_extent e;
            if (!measure(b, e)) return false;  // never: readers and adapters have measured it
            if (e.bytes == 0) return true;
            load_part p{inverted(b), e.src_end, &f, i};
            sort(p.what.loops, p.what.depth,
                 [](const loop& x, const loop& y) { return x.dst > y.dst; });
            wanted += e.bytes;
            if (!parts.push(p)) memory = no_memory();
            return static_cast<bool>(memory);
        });
        return memory ? s : memory;
    }

    /// Item 0 is this range of a file and nothing else.
    bool set(const mapped_file& f, std::uint64_t at, std::uint64_t n) noexcept {
        clear();
        load_part p{};
        p.what.dst = at, p.what.run = wanted = n;
        p.end = at + n, p.file = &f;
        return parts.push(p);
    }
    void clear() noexcept { parts.clear(), blocks.clear(), wanted = 0; }

    /// Cuts into blocks of about `size` bytes; where parts lie further apart than `gap` a new one
    /// begins. Each part is put on its own where `apart` is set.
    bool cut(std::uint64_t size, std::uint64_t gap, bool apart) noexcept {
        sort(parts.data(), parts.size(), [](const load_part& a, const load_part& b) {
            return a.file != b.file ? a.file < b.file : a.begin() < b.begin();
        });
        for (std::size_t i = 0; i < parts.size();) {
            std::size_t stop = i + 1;
            while (!apart && stop < parts.size() && parts[stop].file == parts[i].file) ++stop;
            if (!cut_file(i, stop, size, gap)) return false;
            i = stop;
        }
        return true;
    }

  private:
    // Blocks end at multiples of their size, so that neighbours do not share pages of the file.
    bool cut_file(std::size_t low, std::size_t stop, std::uint64_t size,
                  std::uint64_t gap) noexcept {
        std::uint64_t at = 0;
        for (;;) {
            while (low < stop && parts[low].end <= at) ++low;
            if (low == stop) return true;
            if (at < parts[low].begin()) at = parts[low].begin();
            const std::uint64_t most = (at / size + 1) * size;
            std::uint64_t end = at;
            std::size_t last = low;
            for (; last < stop && parts[last].begin() < most &&
                   (last == low || parts[last].begin() <= end + gap);
                 ++last)
                if (parts[last].end > end) end = parts[last].end;
            if (end > most) end = most;
            if (!blocks.push(load_block{at, end, low, last})) return false;
            at = end;
        }
    }
};

}  // namespace detail
AKA_END

#endif  // AKA_LOAD_PARTS_HPP
