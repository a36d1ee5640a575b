// aka: one piece of memory for many tensors: aligned, each in its place, in huge pages where the
// system has them.
#include "version.hpp"

#ifndef AKA_LOAD_MEMORY_HPP
#define AKA_LOAD_MEMORY_HPP

#include <cstdint>
#include <utility>

#include "huge_pages.hpp"
#include "load_parts.hpp"

AKA_BEGIN

/// How the memory is laid out.
struct load_memory_options {
    /// Of every tensor: a power of two up to 2 MiB, or 0: as the file has it. Then a tensor of a
    /// MiB or more that is one range of a file gets an address that is congruent to its place there
    /// modulo 4096, so that it is aligned as in a mapped file and reading past the page cache puts
    /// it where it belongs. It is so if that suits its elements: numbers are aligned to their own
    /// size, blocks to the largest power of two, up to 8, that divides theirs. All others, those
    /// of odd files among them, are aligned to 64.
    ///
    /// Who needs more for each, for aligned vector loads or a device, says 64: what the file does
    /// not align so is moved once more while it is read. Most safetensors begin their data at any
    /// multiple of 8; from a fast disk such a load takes 1.5 to 1.7 times as long.
    std::size_t align = 0;
    /// Asks the system for huge pages.
    bool huge_pages = true;
};

/// Owns the memory. Move-only.
class load_memory {
  public:
    load_memory() noexcept = default;
    /// Takes over; the memory stays where it is.
    load_memory(load_memory&& o) noexcept
        : items_(std::move(o.items_)),
          memory_(std::exchange(o.memory_, nullptr)),
          size_(std::exchange(o.size_, 0)) {}
    /// Frees what it had, and takes over.
    load_memory& operator=(load_memory&& o) noexcept {
        load_memory t(std::move(o));
        std::swap(items_, t.items_);
        std::swap(memory_, t.memory_);
        std::swap(size_, t.size_);
        return *this;
    }
    ~load_memory() { AKA_FREE(memory_); }

    /// Room for every tensor of a list (a checkpoint, an adapter, a span of tensors), in its order.
    /// Nothing is read yet: see `load`. Errors: bad_alignment, size_overflow, out_of_memory.
    template <class List>
    static result<load_memory> lay_out(const List& tensors,
                                       const load_memory_options& o = {}) noexcept {
        load_memory m;
        if ((o.align & (o.align - 1)) != 0 || o.align > detail::huge_page)
            return detail::fail(errc::bad_alignment, error::nowhere, "an alignment of ", o.align,
                                " bytes: a power of two up to 2 MiB was expected");
        std::uint64_t size = 0;
        std::size_t n = 0;
        for (const tensor& t : tensors) {
            ++n;
            if (!detail::checked_add(size, gap(size, t, o.align), size) ||
                !detail::checked_add(size, t.size_bytes(), size))
                return error(errc::size_overflow).say("the tensors are too large for one memory");
        }
        if (!detail::fits_memory(size + detail::huge_page) || !m.items_.reserve(n))
            return detail::no_memory();
        m.size_ = static_cast<std::size_t>(size);
        m.memory_ = AKA_MALLOC(m.size_ + detail::huge_page);
        if (m.memory_ == nullptr) return detail::no_memory();
        std::byte* at = detail::aligned(m.memory_, detail::huge_page);
        if (o.huge_pages) detail::ask_for_huge_pages(at, m.size_);
        for (const tensor& t : tensors) {
            const auto bytes = static_cast<std::size_t>(t.size_bytes());
            at += gap(reinterpret_cast<std::uintptr_t>(at), t, o.align);
            (void)m.items_.push(load_item{t, {at, bytes}});  // reserved
            at += bytes;
        }
        return m;
    }

    /// Every tensor and its place.
    span<const load_item> items() const noexcept AKA_LIFETIMEBOUND {
        return {items_.data(), items_.size()};
    }
    /// A tensor and where it goes, in the order that was asked for.
    const load_item& operator[](std::size_t i) const noexcept AKA_LIFETIMEBOUND {
        return items_[i];
    }
    /// Of all tensors, alignment included.
    std::size_t size_bytes() const noexcept { return size_; }

  private:
    // How far behind `at` a tensor is put: large ones that follow each other in the file do so
    // here.
    static std::size_t gap(std::uint64_t at, const tensor& t, std::size_t align) noexcept {
        constexpr std::uint64_t large = std::uint64_t{1} << 20;
        constexpr std::size_t page = 4096;
        const bool as_filed = t.size_bytes() >= large && t.is_packed() &&
                              t.offset() % (align != 0 ? align : of_elements(t.dtype())) == 0;
        const std::uint64_t congruent_to = as_filed ? t.offset() : 0;
        const std::size_t modulo = as_filed && align < page ? page : align != 0 ? align : 64;
        return static_cast<std::size_t>((congruent_to - at) % modulo);
    }
    static std::size_t of_elements(dtype type) noexcept {
        const std::size_t n = info(type).block_bytes | 8;
        return n & (~n + 1);
    }

    detail::growing<load_item> items_;
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

AKA_END

#endif  // AKA_LOAD_MEMORY_HPP
