// aka: text that grows, for tables that are printed. It remembers when there was no memory, so that
// one look at the end is enough.
#ifndef AKA_TEXT_WRITER_HPP
#define AKA_TEXT_WRITER_HPP

#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "config.hpp"
#include "error.hpp"

AKA_BEGIN
namespace detail {

class text_writer {
  public:
    text_writer& operator<<(std::string_view s) noexcept {
        ok_ = text_.append(s.data(), s.size()) && ok_;
        return *this;
    }
    text_writer& operator<<(std::uint64_t n) noexcept {
        fixed_text<24> t;
        t << n;
        return *this << t.view();
    }
    bool ok() const noexcept { return ok_; }
    std::string_view view() const noexcept { return {text_.data(), text_.size()}; }
    void clear() noexcept { text_.clear(); }

  private:
    growing<char> text_;
    bool ok_ = true;
};

}  // namespace detail
AKA_END

#endif  // AKA_TEXT_WRITER_HPP
