// aka: boxes as an adapter keeps them: only the loops that they use. Most have none, and a
// checkpoint with tens of thousands of experts has as many boxes.
#ifndef AKA_BOX_LIST_HPP
#define AKA_BOX_LIST_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>  // for iterator tags: <iterator> itself costs 8,000 lines

#include "box.hpp"

AKA_BEGIN

/// Boxes one after the other, to be walked from the front. Borrows from whoever packed them.
class box_list {
  public:
    box_list() noexcept = default;

    /// How many boxes there are.
    std::size_t size() const noexcept { return count_; }
    /// Whether there are none.
    bool empty() const noexcept { return count_ == 0; }
    /// The first; there must be one.
    box front() const noexcept { return *begin(); }

    class iterator {
      public:
        using value_type = box;
        using difference_type = std::ptrdiff_t;
        using reference = box;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;

        box operator*() const noexcept {
            head h;
            std::memcpy(&h, at_, sizeof h);
            box b;
            b.file = h.file;
            b.depth = static_cast<std::uint8_t>(h.depth);
            b.src = h.src;
            b.dst = h.dst;
            b.run = h.run;
            std::memcpy(b.loops, at_ + sizeof h, h.depth * sizeof(loop));
            return b;
        }
        iterator& operator++() noexcept {
            head h;
            std::memcpy(&h, at_, sizeof h);
            return at_ += sizeof h + h.depth * sizeof(loop), --left_, *this;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.left_ == b.left_;
        }
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

      private:
        friend class box_list;
        iterator(const std::byte* at, std::uint32_t left) noexcept : at_(at), left_(left) {}
        const std::byte* at_;
        std::uint32_t left_;
    };
    /// Boxes are made one by one, by value.
    iterator begin() const noexcept { return {data_, count_}; }
    /// Behind the last.
    iterator end() const noexcept { return {nullptr, 0}; }

    /// How many bytes these boxes take, aligned as std::uint64_t is.
    static std::size_t packed_size(const box* boxes, std::uint32_t n) noexcept {
        std::size_t size = n * sizeof(head);
        for (std::uint32_t i = 0; i < n; ++i) size += boxes[i].depth * sizeof(loop);
        return size;
    }
    /// Packs them into `to`, which has that many bytes and is kept as long as the list.
    static box_list pack(const box* boxes, std::uint32_t n, void* to) noexcept {
        auto* p = static_cast<std::byte*>(to);
        box_list list;
        list.data_ = p;
        list.count_ = n;
        for (std::uint32_t i = 0; i < n; ++i) {
            const box& b = boxes[i];
            head h{b.src, b.dst, b.run, b.file, b.depth};
            std::memcpy(p, &h, sizeof h);
            std::memcpy(p + sizeof h, b.loops, b.depth * sizeof(loop));
            p += sizeof h + b.depth * sizeof(loop);
        }
        return list;
    }

  private:
    struct head {
        std::uint64_t src, dst, run;
        std::uint32_t file, depth;
    };

    const std::byte* data_ = nullptr;
    std::uint32_t count_ = 0;
};

AKA_END

#endif  // AKA_BOX_LIST_HPP
