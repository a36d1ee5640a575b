// aka: memory that can run out politely. Everything allocates here, nothing with new.
#ifndef AKA_ARENA_HPP
#define AKA_ARENA_HPP

#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>

#include "config.hpp"

AKA_BEGIN
namespace detail {

/// Gives out memory that is freed all at once. Null when there is none.
class arena {
  public:
    arena() noexcept = default;
    arena(arena&& o) noexcept : head_(o.head_), at_(o.at_), end_(o.end_) { o.forget(); }
    arena& operator=(arena&& o) noexcept {
        if (this != &o) {
            clear();
            head_ = o.head_, at_ = o.at_, end_ = o.end_;
            o.forget();
        }
        return *this;
    }
    ~arena() { clear(); }

    void* allocate(std::size_t size, std::size_t align) noexcept {
        std::size_t pad = (align - reinterpret_cast<std::uintptr_t>(at_) % align) % align;
        // A block of no bytes has an address too: null is for a lack of memory.
        if (at_ == nullptr || size > SIZE_MAX - pad ||
            size + pad > static_cast<std::size_t>(end_ - at_)) {
            if (!grow(size, align)) return nullptr;
            pad = (align - reinterpret_cast<std::uintptr_t>(at_) % align) % align;
        }
        char* p = at_ + pad;
        at_ = p + size;
        return p;
    }
    template <class T>
    T* make(std::size_t n = 1) noexcept {
        static_assert(std::is_trivially_destructible_v<T>, "an arena destroys nothing");
        if (n > SIZE_MAX / 2 / sizeof(T)) return nullptr;
        auto* p = static_cast<T*>(allocate(n * sizeof(T), alignof(T)));
        for (std::size_t i = 0; p != nullptr && i < n; ++i) ::new (static_cast<void*>(p + i)) T();
        return p;
    }
    /// A copy with a NUL behind it.
    char* copy(std::string_view s) noexcept {
        auto* p = static_cast<char*>(allocate(s.size() + 1, 1));
        if (p == nullptr) return nullptr;
        if (!s.empty()) std::memcpy(p, s.data(), s.size());
        p[s.size()] = 0;
        return p;
    }
    void clear() noexcept {
        while (head_ != nullptr) {
            chunk* next = head_->next;
            AKA_FREE(head_);
            head_ = next;
        }
        forget();
    }

  private:
    struct chunk {
        chunk* next;
        std::size_t usual;  // its size, were it not for one large piece: the next one is twice that
    };
    void forget() noexcept { head_ = nullptr, at_ = end_ = nullptr; }
    bool grow(std::size_t size, std::size_t align) noexcept {
        constexpr std::size_t first = 512, most = std::size_t{1} << 16;
        if (size > SIZE_MAX / 2 - align - sizeof(chunk)) return false;
        std::size_t want = head_ == nullptr ? first : head_->usual * 2;
        if (want > most) want = most;
        const std::size_t usual = want;
        if (want < size + align + sizeof(chunk)) want = size + align + sizeof(chunk);
        auto* c = static_cast<chunk*>(AKA_MALLOC(want));
        if (c == nullptr) return false;
        c->next = head_;
        c->usual = usual;
        head_ = c;
        at_ = reinterpret_cast<char*>(c + 1);
        end_ = reinterpret_cast<char*>(c) + want;
        return true;
    }

    chunk* head_ = nullptr;
    char* at_ = nullptr;
    char* end_ = nullptr;
};

/// A growing array of plain values in one piece. False, or null, when there is no memory.
template <class T>
class growing {
    static_assert(std::is_trivially_copyable_v<T>, "moved by realloc");

  public:
    growing() noexcept = default;
    growing(growing&& o) noexcept : data_(o.data_), size_(o.size_), capacity_(o.capacity_) {
        o.data_ = nullptr;
        o.size_ = o.capacity_ = 0;
    }
    growing& operator=(growing&& o) noexcept {
        if (this != &o) {
            AKA_FREE(data_);
            data_ = o.data_, size_ = o.size_, capacity_ = o.capacity_;
            o.data_ = nullptr;
            o.size_ = o.capacity_ = 0;
        }
        return *this;
    }
    ~growing() { AKA_FREE(data_); }

    T* data() noexcept { return data_; }
    const T* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    T& operator[](std::size_t i) noexcept { return data_[i]; }
    const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    T& back() noexcept { return data_[size_ - 1]; }
    T* begin() noexcept { return data_; }
    T* end() noexcept { return data_ + size_; }
    const T* begin() const noexcept { return data_; }
    const T* end() const noexcept { return data_ + size_; }

    /// A place for one more, not yet written.
    [[nodiscard]] T* push() noexcept {
        if (!AKA_LIKELY(size_ < capacity_) && !reserve(capacity_ < 4 ? 4 : capacity_ * 2))
            return nullptr;
        return data_ + size_++;
    }
    /// Places for n more, not yet written, with room for no further ones.
    [[nodiscard]] T* extend(std::size_t n) noexcept {
        if (n > SIZE_MAX / 2 - size_ || !reserve(size_ + n)) return nullptr;
        size_ += n;
        return data_ + (size_ - n);
    }
    [[nodiscard]] bool push(const T& v) noexcept {
        T copy = v;  // v may lie in this array
        T* p = push();
        if (p == nullptr) return false;
        std::memcpy(static_cast<void*>(p), &copy, sizeof(T));
        return true;
    }
    [[nodiscard]] bool append(const T* p, std::size_t n) noexcept {
        if (n > SIZE_MAX / 2 - size_) return false;
        if (size_ + n > capacity_) {
            std::size_t want = capacity_ * 2;
            if (!reserve(want > size_ + n ? want : size_ + n)) return false;
        }
        if (n != 0) std::memcpy(static_cast<void*>(data_ + size_), p, n * sizeof(T));
        size_ += n;
        return true;
    }
    [[nodiscard]] bool reserve(std::size_t n) noexcept {
        if (n <= capacity_) return true;
        if (n > SIZE_MAX / 2 / sizeof(T)) return false;
        return reallocate(n);
    }
    /// Grows with zero bytes, or shrinks.
    bool resize(std::size_t n) noexcept {
        if (!reserve(n)) return false;
        if (n > size_) std::memset(static_cast<void*>(data_ + size_), 0, (n - size_) * sizeof(T));
        size_ = n;
        return true;
    }
    /// Gives back what is not used. Keeps everything if the system will not.
    void shrink() noexcept {
        if (size_ == 0) {
            AKA_FREE(data_);
            data_ = nullptr;
            capacity_ = 0;
        } else if (size_ < capacity_) {
            reallocate(size_);
        }
    }
    void clear() noexcept { size_ = 0; }

  private:
    bool reallocate(std::size_t n) noexcept {
        auto* p = static_cast<T*>(AKA_REALLOC(static_cast<void*>(data_), n * sizeof(T)));
        if (p == nullptr) return false;
        data_ = p;
        capacity_ = n;
        return true;
    }

    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace detail
AKA_END

#endif  // AKA_ARENA_HPP
