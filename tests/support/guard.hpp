// A copy of bytes with an unreadable page right behind it or right before it: a read one byte too
// far ends the test with a signal, also without a sanitizer.
#ifndef AKA_TEST_GUARD_HPP
#define AKA_TEST_GUARD_HPP

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#define AKA_TEST_GUARD_PAGES 1
#include <sys/mman.h>
#include <unistd.h>
#else
#define AKA_TEST_GUARD_PAGES 0
#endif

namespace test {

enum class guard_side {
    behind,  // the last byte is the last before the guard
    before,  // the first byte is the first after the guard
};

class guard_buffer {
  public:
    // writable: for destinations of copies. Otherwise writing ends the test too.
    explicit guard_buffer(std::string_view bytes, guard_side side = guard_side::behind,
                          bool writable = false)
        : size_(bytes.size()), writable_(writable) {
#if AKA_TEST_GUARD_PAGES
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t inner = (size_ + page - 1) / page * page;
        total_ = inner + 2 * page;
        const bool again = writable && kept().base_ != nullptr && kept().total_ == total_;
        if (again) {
            std::swap(base_, kept().base_);
        } else {
            void* p = mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (p == MAP_FAILED) throw std::runtime_error("guard_buffer: mmap failed");
            base_ = static_cast<char*>(p);
        }
        data_ = base_ + page + (side == guard_side::behind ? inner - size_ : 0);
        if (inner == 0) return;
        if (!again && mprotect(base_ + page, inner, PROT_READ | PROT_WRITE) != 0) fail();
        std::memcpy(data_, bytes.data(), size_);
        if (!writable && mprotect(base_ + page, inner, PROT_READ) != 0) fail();
#else
        // Exactly as large as the bytes: a sanitizer still sees what steps outside.
        static_cast<void>(side);
        static_cast<void>(writable);
        base_ = new char[size_ == 0 ? 1 : size_];
        data_ = base_;
        if (size_ != 0) std::memcpy(data_, bytes.data(), size_);
#endif
    }
    guard_buffer(guard_buffer&& other) noexcept
        : base_(std::exchange(other.base_, nullptr)),
          data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          total_(std::exchange(other.total_, 0)),
          writable_(other.writable_) {}
    guard_buffer& operator=(guard_buffer&& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(total_, other.total_);
        std::swap(writable_, other.writable_);
        return *this;
    }
    ~guard_buffer() {
        if (writable_ && base_ != nullptr) {
            std::swap(base_, kept().base_);
            std::swap(total_, kept().total_);
        }
        release();
    }

    char* data() { return data_; }
    const char* data() const { return data_; }
    std::size_t size() const { return size_; }
    std::string_view view() const { return {data_, size_}; }

  private:
    guard_buffer() = default;
    // The pages of the last destination: tests that copy much would mostly map new ones.
    static guard_buffer& kept() {
        static thread_local guard_buffer pages;
        return pages;
    }
    void release() {
#if AKA_TEST_GUARD_PAGES
        if (base_ != nullptr) munmap(base_, total_);
#else
        delete[] base_;
#endif
        base_ = nullptr;
    }
    [[noreturn]] void fail() {
        release();
        throw std::runtime_error("guard_buffer: mprotect failed");
    }

    char* base_ = nullptr;
    char* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t total_ = 0;
    bool writable_ = false;
};

}  // namespace test

#endif  // AKA_TEST_GUARD_HPP
