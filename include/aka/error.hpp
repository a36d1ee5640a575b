// aka: what went wrong, where, with which numbers; and result<T>, a value or that.
#ifndef AKA_ERROR_HPP
#define AKA_ERROR_HPP

#include "config.hpp"

#include <cstdint>
#include <cstring>
#include <new>  // std::exception too, the base of its bad_alloc
#include <string_view>
#include <type_traits>
#include <utility>

AKA_BEGIN

/// Why. `errc_name` gives the word, `error::message()` the sentence.
enum class errc : std::uint8_t {
    none,
    // this machine
    out_of_memory,
    cannot_open,
    cannot_read,
    cannot_map,
    file_changed,
    cannot_write,
    no_space,
    already_exists,
    interrupted,
    // both formats
    not_a_checkpoint,
    truncated,
    trailing_bytes,
    duplicate_name,
    duplicate_key,
    size_overflow,
    size_mismatch,
    bad_offset,
    misaligned,
    // safetensors
    header_too_small,
    header_too_large,
    bad_header_length,
    bad_utf8,
    bad_json,
    // GGUF
    bad_magic,
    bad_version,
    bad_count,
    bad_key,
    bad_value_type,
    bad_string,
    bad_array,
    bad_alignment,
    bad_name,
    bad_rank,
    bad_dimension,
    bad_type,
    bad_block,
    // checkpoints
    bad_index,
    bad_split,
    missing_file,
    missing_tensor,
    ambiguous,
    // names and layouts
    bad_table,
    bad_layout,
    bad_hparams,
    not_identified,
    collision,
    // asking
    not_found,
    wrong_type,
    out_of_range,
    wrong_size,
    needs_copy,
    no_data,
    unsupported,
    in_use,
    cancelled,
};

constexpr const char* errc_name(errc code) noexcept {
    constexpr const char* names[] = {"none",
                                     "out_of_memory",
                                     "cannot_open",
                                     "cannot_read",
                                     "cannot_map",
                                     "file_changed",
                                     "cannot_write",
                                     "no_space",
                                     "already_exists",
                                     "interrupted",
                                     "not_a_checkpoint",
                                     "truncated",
                                     "trailing_bytes",
                                     "duplicate_name",
                                     "duplicate_key",
                                     "size_overflow",
                                     "size_mismatch",
                                     "bad_offset",
                                     "misaligned",
                                     "header_too_small",
                                     "header_too_large",
                                     "bad_header_length",
                                     "bad_utf8",
                                     "bad_json",
                                     "bad_magic",
                                     "bad_version",
                                     "bad_count",
                                     "bad_key",
                                     "bad_value_type",
                                     "bad_string",
                                     "bad_array",
                                     "bad_alignment",
                                     "bad_name",
                                     "bad_rank",
                                     "bad_dimension",
                                     "bad_type",
                                     "bad_block",
                                     "bad_index",
                                     "bad_split",
                                     "missing_file",
                                     "missing_tensor",
                                     "ambiguous",
                                     "bad_table",
                                     "bad_layout",
                                     "bad_hparams",
                                     "not_identified",
                                     "collision",
                                     "not_found",
                                     "wrong_type",
                                     "out_of_range",
                                     "wrong_size",
                                     "needs_copy",
                                     "no_data",
                                     "unsupported",
                                     "in_use",
                                     "cancelled"};
    static_assert(sizeof(names) / sizeof(names[0]) == static_cast<unsigned>(errc::cancelled) + 1,
                  "one name for each code");
    return names[static_cast<unsigned>(code)];
}

namespace detail {

/// Text in a fixed place: what does not fit is cut, with "..." at the end. Never allocates,
/// so that saying what went wrong cannot go wrong itself. Control characters are escaped:
/// names come from strangers, and messages go to terminals.
template <std::size_t N>
class fixed_text {
  public:
    constexpr fixed_text() noexcept = default;

    std::string_view view() const noexcept { return {text_, size_}; }
    const char* c_str() const noexcept { return text_; }
    bool empty() const noexcept { return size_ == 0; }

    /// A name or path, escaped; longer than `most` it is cut in the middle.
    void name(std::string_view s, std::size_t most = 96) noexcept {
        if (s.size() <= most) return escaped(s);
        escaped(s.substr(0, most / 2));
        *this << "...";
        escaped(s.substr(s.size() - most / 2));
    }
    fixed_text& operator<<(std::string_view s) noexcept {
        for (char c : s) put(c);
        return *this;
    }
    fixed_text& operator<<(const char* s) noexcept { return *this << std::string_view(s); }
    fixed_text& operator<<(char c) noexcept { return put(c), *this; }
    template <class I, std::enable_if_t<std::is_integral_v<I>, int> = 0>
    fixed_text& operator<<(I value) noexcept {
        if constexpr (std::is_signed_v<I>)
            if (value < 0) put('-');
        auto u = static_cast<std::uint64_t>(value);
        if constexpr (std::is_signed_v<I>)
            if (value < 0) u = 0 - u;
        char digits[20];
        int n = 0;
        do digits[n++] = static_cast<char>('0' + u % 10);
        while ((u /= 10) != 0);
        while (n != 0) put(digits[--n]);
        return *this;
    }

  private:
    void escaped(std::string_view s) noexcept {
        constexpr char hex[] = "0123456789abcdef";
        bool second = false;  // of U+0080 to U+009F, control characters of two bytes in UTF-8
        for (std::size_t i = 0; i < s.size(); ++i) {
            auto u = static_cast<unsigned char>(s[i]);
            bool first = u == 0xc2 && i + 1 < s.size() &&
                         (static_cast<unsigned char>(s[i + 1]) & 0xe0) == 0x80;
            if (u >= 0x20 && u != 0x7f && !first && !second)
                put(s[i]);
            else
                *this << "\\x" << hex[u >> 4] << hex[u & 15];
            second = first;
        }
    }
    void put(char c) noexcept {
        if (size_ + 1 < N) {
            text_[size_++] = c;
        } else if (N > 4) {
            std::memcpy(text_ + N - 4, "...", 4);
        }
    }

    std::size_t size_ = 0;
    char text_[N] = {};
};

/// Quotes and escapes a name that comes from a file.
struct quoted {
    std::string_view name;
};
template <std::size_t N>
fixed_text<N>& operator<<(fixed_text<N>& t, quoted q) noexcept {
    t << '\'';
    t.name(q.name);
    return t << '\'';
}

}  // namespace detail

/// What went wrong. A plain value: it owns no memory, making and copying one cannot fail, and it
/// outlives the file that it speaks of.
class error {
  public:
    /// The offset of an error that is at no byte.
    static constexpr std::uint64_t nowhere = ~std::uint64_t{0};
    /// A text in a fixed place, which ends in NUL.
    using text = detail::fixed_text<640>;

    error() noexcept = default;
    /// `offset`: of the byte that is wrong, in its file.
    explicit error(errc code, std::uint64_t offset = nowhere) noexcept
        : code_(code), offset_(offset) {}

    /// Why.
    errc code() const noexcept { return code_; }
    /// Bytes from the start of the file, or `nowhere`.
    std::uint64_t offset() const noexcept { return offset_; }
    /// errno or GetLastError(), or 0.
    int os_error() const noexcept { return os_error_; }
    /// The file, as it was opened; empty for memory.
    std::string_view file() const noexcept AKA_LIFETIMEBOUND { return file_.view(); }
    /// The sentence without file and offset.
    std::string_view detail() const noexcept AKA_LIFETIMEBOUND { return detail_.view(); }

    /// `model.safetensors: byte 1234: tensor 'a.b': data ends at 99, the file has 64 bytes`
    text message() const noexcept {
        text t;
        if (!file_.empty()) t << file_.view() << ": ";
        if (offset_ != nowhere) t << "byte " << offset_ << ": ";
        t << (detail_.empty() ? std::string_view(errc_name(code_)) : detail_.view());
        if (os_error_ != 0) t << " (system error " << os_error_ << ')';
        return t;
    }

    // How the library fills one in; returns itself so that it can stand in a `return`.
    /// For the library: more of the sentence.
    template <class... A>
    AKA_COLD error& say(const A&... parts) noexcept {
        (void)(detail_ << ... << parts);
        return *this;
    }
    /// For the library: the file, where none is named yet.
    AKA_COLD error& in(std::string_view file) noexcept {
        if (file_.empty()) file_.name(file, 160);
        return *this;
    }
    /// For the library: the byte.
    AKA_COLD error& at(std::uint64_t offset) noexcept { return offset_ = offset, *this; }
    /// For the library: what the system said.
    AKA_COLD error& os(int number) noexcept { return os_error_ = number, *this; }

  private:
    errc code_ = errc::none;
    int os_error_ = 0;
    std::uint64_t offset_ = nowhere;
    detail::fixed_text<176> file_;
    detail::fixed_text<320> detail_;
};

namespace detail {

template <class... A>
AKA_COLD error fail(errc code, std::uint64_t offset, const A&... parts) noexcept {
    return error(code, offset).say(parts...);
}
AKA_COLD inline error no_memory() noexcept {
    return error(errc::out_of_memory).say("out of memory");
}

}  // namespace detail

#if AKA_EXCEPTIONS
/// Thrown by result<T>::value(), `*` and `->` only, never by the core.
class exception : public std::exception {
  public:
    /// With the whole message.
    explicit exception(const aka::error& e) noexcept : error_(e), text_(e.message()) {}
    /// The message; lives as long as this.
    const char* what() const noexcept override { return text_.c_str(); }
    /// What went wrong.
    const aka::error& error() const noexcept { return error_; }

  private:
    aka::error error_;
    aka::error::text text_;
};
#endif

/// A value or an error. Test it (`if (r)`), then take `*r`, `r->` or `r.value()`, which throw
/// aka::exception when there is none; without exceptions these do not exist, and `get_if()` (null
/// when there is none) takes their place, so that unchecked code does not compile.
template <class T>
class [[nodiscard]] result {
  public:
    /// A value.
    result(T value) noexcept : ok_(true) {
        ::new (static_cast<void*>(&value_)) T(std::move(value));
    }
    /// An error; its code is not `none`.
    result(const aka::error& e) noexcept : ok_(false) {
        ::new (static_cast<void*>(&error_)) aka::error(e);
    }
    /// Moved from, `o` still has what is left of its value, or its error.
    result(result&& o) noexcept : ok_(o.ok_) {
        if (ok_)
            ::new (static_cast<void*>(&value_)) T(std::move(o.value_));
        else
            ::new (static_cast<void*>(&error_)) aka::error(o.error_);
    }
    /// Likewise.
    result& operator=(result&& o) noexcept {
        if (this != &o) {
            this->~result();
            ::new (static_cast<void*>(this)) result(std::move(o));
        }
        return *this;
    }
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    ~result() {
        if (ok_) value_.~T();
    }

    /// Whether there is no error.
    explicit operator bool() const noexcept { return ok_; }
    /// Whether there is a value: no error.
    bool has_value() const noexcept { return ok_; }

    /// What went wrong; code `none` when nothing did.
    aka::error error() const noexcept { return ok_ ? aka::error() : error_; }
    /// `none` where nothing went wrong.
    errc code() const noexcept { return ok_ ? errc::none : error_.code(); }

    /// The value; null where there is an error.
    T* get_if() noexcept AKA_LIFETIMEBOUND { return ok_ ? &value_ : nullptr; }
    /// The value; null where there is an error.
    const T* get_if() const noexcept AKA_LIFETIMEBOUND { return ok_ ? &value_ : nullptr; }
    /// The value, or what is given.
    T value_or(T other) && noexcept { return ok_ ? std::move(value_) : std::move(other); }

#if AKA_EXCEPTIONS
    /// The value. Throws aka::exception where there is an error; without exceptions there is no
    /// such member, and `get_if` is the way.
    ///@{
    T& value() & AKA_LIFETIMEBOUND { return check(), value_; }
    const T& value() const& AKA_LIFETIMEBOUND { return check(), value_; }
    T value() && { return check(), std::move(value_); }
    T& operator*() & AKA_LIFETIMEBOUND { return check(), value_; }
    const T& operator*() const& AKA_LIFETIMEBOUND { return check(), value_; }
    T operator*() && { return check(), std::move(value_); }
    T* operator->() AKA_LIFETIMEBOUND { return check(), &value_; }
    const T* operator->() const AKA_LIFETIMEBOUND { return check(), &value_; }
    ///@}
#endif

  private:
#if AKA_EXCEPTIONS
    void check() const {
        if (!AKA_LIKELY(ok_)) throw aka::exception(error_);
    }
#endif

    union {
        T value_;
        aka::error error_;
    };
    bool ok_;
};

/// Success or an error.
template <>
class [[nodiscard]] result<void> {
  public:
    result() noexcept : ok_(true) {}
    /// An error; its code is not `none`.
    result(const aka::error& e) noexcept : ok_(false) {
        ::new (static_cast<void*>(&error_)) aka::error(e);
    }
    /// A copy.
    result(const result& o) noexcept : ok_(o.ok_) {
        if (!ok_) ::new (static_cast<void*>(&error_)) aka::error(o.error_);
    }
    /// A copy.
    result& operator=(const result& o) noexcept {
        if (!o.ok_) ::new (static_cast<void*>(&error_)) aka::error(o.error_);
        ok_ = o.ok_;
        return *this;
    }

    /// Whether there is no error.
    explicit operator bool() const noexcept { return ok_; }
    /// Whether there is a value: no error.
    bool has_value() const noexcept { return ok_; }
    /// What went wrong; code `none` when nothing did.
    aka::error error() const noexcept { return ok_ ? aka::error() : error_; }
    /// `none` where nothing went wrong.
    errc code() const noexcept { return ok_ ? errc::none : error_.code(); }
#if AKA_EXCEPTIONS
    /// Throws aka::exception where there is an error.
    void value() const {
        if (!ok_) throw aka::exception(error_);
    }
#endif

  private:
    union {
        char none_;
        aka::error error_;
    };
    bool ok_;
};
using status = result<void>;

AKA_END

#endif  // AKA_ERROR_HPP
