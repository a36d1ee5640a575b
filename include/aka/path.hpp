// aka: paths as users have them (char, wchar_t, std::string, std::filesystem::path), kept as
// UTF-8, and what folders hold.
#ifndef AKA_PATH_HPP
#define AKA_PATH_HPP

#include "config.hpp"

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <type_traits>

#if !AKA_WINDOWS
#include <dirent.h>
#include <sys/stat.h>
#endif

#include "arena.hpp"
#include "error.hpp"
#include "windows.hpp"

AKA_BEGIN
namespace detail {

/// UTF-16 or UTF-32, whatever wchar_t is, to UTF-8. Unpaired surrogates are kept (as three bytes),
/// because Windows has such file names.
inline bool append_utf8(growing<char>& out, std::uint32_t c) noexcept {
    char b[4];
    std::size_t n = 0;
    if (c < 0x80) {
        b[n++] = static_cast<char>(c);
    } else {
        if (c < 0x800) {
            b[n++] = static_cast<char>(0xc0 | (c >> 6));
        } else {
            if (c < 0x10000) {
                b[n++] = static_cast<char>(0xe0 | (c >> 12));
            } else {
                b[n++] = static_cast<char>(0xf0 | (c >> 18));
                b[n++] = static_cast<char>(0x80 | ((c >> 12) & 0x3f));
            }
            b[n++] = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
        }
        b[n++] = static_cast<char>(0x80 | (c & 0x3f));
    }
    return out.append(b, n);
}

/// An owned, NUL-terminated UTF-8 path.
class path {
  public:
    path() noexcept = default;
    path(std::string_view s) noexcept { *this /= s; }
    path(const char* s) noexcept : path(std::string_view(s == nullptr ? "" : s)) {}
    path(const wchar_t* s) noexcept { append_wide(s); }
    template <class P, class = decltype(std::declval<const P&>().c_str())>
    path(const P& p) noexcept : path(p.c_str()) {}

    /// False: there was no memory for it.
    bool ok() const noexcept { return ok_; }
    const char* c_str() const noexcept { return text_.empty() ? "" : text_.data(); }
    std::string_view view() const noexcept {
        return text_.empty() ? std::string_view()
                             : std::string_view(text_.data(), text_.size() - 1);
    }
    /// The folder of this file, "." when it names none.
    std::string_view folder() const noexcept {
        std::string_view v = view();
        std::size_t cut = v.find_last_of(separators);
        if (cut == std::string_view::npos) return ".";
        return v.substr(0, cut == 0 ? 1 : cut);
    }
    std::string_view file_name() const noexcept { return file_name(view()); }
    static std::string_view file_name(std::string_view path) noexcept {
        std::size_t cut = path.find_last_of(separators);
        return cut == std::string_view::npos ? path : path.substr(cut + 1);
    }
    /// Appends one more part, with a separator where one is missing.
    path& operator/=(std::string_view part) noexcept {
        bool slash = !view().empty() && separators.find(view().back()) == std::string_view::npos;
        if (!text_.empty()) text_.resize(text_.size() - 1);
        ok_ = ok_ && (!slash || text_.append("/", 1)) && text_.append(part.data(), part.size()) &&
              text_.append("", 1);
        if (!ok_) text_.clear();  // no half of a path, and none without its NUL
        return *this;
    }
    /// Appends to the last part.
    path& operator+=(std::string_view tail) noexcept {
        if (!text_.empty()) text_.resize(text_.size() - 1);
        ok_ = ok_ && text_.append(tail.data(), tail.size()) && text_.append("", 1);
        if (!ok_) text_.clear();
        return *this;
    }

    static constexpr std::string_view separators = AKA_WINDOWS ? "/\\" : "/";

  private:
    void append_wide(const wchar_t* s) noexcept {
        for (; ok_ && s != nullptr && *s != 0; ++s) {
            auto c = static_cast<std::uint32_t>(*s);
            if (sizeof(wchar_t) == 2 && c >= 0xd800 && c < 0xdc00) {
                auto low = static_cast<std::uint32_t>(s[1]);
                if (low >= 0xdc00 && low < 0xe000) {
                    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                    ++s;
                }
            }
            ok_ = append_utf8(text_, c);
        }
        ok_ = ok_ && text_.append("", 1);
    }

    growing<char> text_;
    bool ok_ = true;
};

inline bool ends_with(std::string_view s, std::string_view tail) noexcept {
    return s.size() >= tail.size() && s.substr(s.size() - tail.size()) == tail;
}
inline bool starts_with(std::string_view s, std::string_view head) noexcept {
    return s.substr(0, head.size()) == head;
}

/// `unknown`: the system does not tell, whatever may be there.
enum class path_kind : std::uint8_t { missing, file, folder, other, unknown };

/// The error for what is `unknown`.
AKA_COLD inline error unknown_error(const path& p, int os) noexcept {
    if (os == ENOMEM) return no_memory();
    return fail(errc::cannot_open, error::nowhere, "the system does not tell what this is")
        .os(os)
        .in(p.view());
}

#if !AKA_WINDOWS

inline bool is_missing(int os) noexcept { return os == ENOENT; }

// Sizes, inodes and places in folders of 64 bits also where the system's own types have 32: there
// the large-file names stand beside, and the others fail where a number does not fit.
#if defined(__USE_LARGEFILE64) && defined(__GLIBC__) && !defined(__LP64__)
using file_stat = struct ::stat64;
inline int stat_path(const char* p, file_stat* st) noexcept { return ::stat64(p, st); }
inline struct ::dirent64* next_entry(DIR* d) noexcept { return ::readdir64(d); }
#else
using file_stat = struct ::stat;
inline int stat_path(const char* p, file_stat* st) noexcept { return ::stat(p, st); }
inline struct ::dirent* next_entry(DIR* d) noexcept { return ::readdir(d); }
#endif

inline path_kind kind_of(const path& p, int& os_error) noexcept {
    file_stat st;
    os_error = 0;
    if (stat_path(p.c_str(), &st) != 0) {
        os_error = errno;
        const bool missing = is_missing(errno) || errno == ENOTDIR || errno == ENAMETOOLONG;
        return missing ? path_kind::missing : path_kind::unknown;
    }
    if (S_ISDIR(st.st_mode)) return path_kind::folder;
    return S_ISREG(st.st_mode) ? path_kind::file : path_kind::other;
}

/// Calls `f(name) -> bool` for each entry of a folder; stops when it returns false.
template <class F>
status for_each_entry(const path& folder, F f) noexcept {
    DIR* d = nullptr;
    do d = ::opendir(folder.c_str());
    while (d == nullptr && errno == EINTR);
    if (d == nullptr)
        return fail(errc::cannot_open, error::nowhere, "cannot list this folder")
            .os(errno)
            .in(folder.view());
    int failed = 0;
    while (true) {
        errno = 0;
        const auto* e = next_entry(d);
        if (e == nullptr) {
            failed = errno;
            break;
        }
        if (!f(std::string_view(e->d_name))) break;
    }
    ::closedir(d);
    if (failed != 0)
        return fail(errc::cannot_read, error::nowhere, "cannot list this folder")
            .os(failed)
            .in(folder.view());
    return {};
}

#else

/// A path in the UTF-16 that Windows wants. Of usual length it takes no memory, so that what must
/// not fail halfway, such as a change of a file where it lies, does not fail for its name.
class wide_path {
  public:
    explicit wide_path(std::string_view s) noexcept {
        if (s.size() >= usual && !long_.resize(s.size() + 1)) return;
        text_ = s.size() < usual ? short_ : long_.data();
        wchar_t* out = text_;  // a unit for each byte is enough
        for (std::size_t i = 0; i < s.size();) {
            auto b = static_cast<unsigned char>(s[i++]);
            std::uint32_t c = b;
            int more = b < 0x80 ? 0 : b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
            if (more != 0) c = b & (0x3fu >> more);
            for (; more > 0 && i < s.size(); --more)
                c = (c << 6) | (static_cast<unsigned char>(s[i++]) & 0x3f);
            if (c >= 0x10000) {
                c -= 0x10000;
                *out++ = static_cast<wchar_t>(0xd800 + (c >> 10));
                c = 0xdc00 + (c & 0x3ff);
            }
            *out++ = static_cast<wchar_t>(c);
        }
        *out = L'\0';
    }
    wide_path(const wide_path&) = delete;
    wide_path& operator=(const wide_path&) = delete;

    /// False: there was no memory for it.
    bool ok() const noexcept { return text_ != nullptr; }
    const wchar_t* c_str() const noexcept { return text_; }

  private:
    static constexpr std::size_t usual = 260;
    wchar_t* text_ = nullptr;
    wchar_t short_[usual];
    growing<wchar_t> long_;
};

inline bool is_missing(int os) noexcept { return os == 2 || os == 3; }

inline path_kind kind_of(const path& p, int& os_error) noexcept {
    wide_path wide(p.view());
    os_error = 0;
    if (!wide.ok()) return os_error = ENOMEM, path_kind::unknown;
    unsigned long a = win::GetFileAttributesW(wide.c_str());
    if (a == win::invalid_attributes) {
        os_error = static_cast<int>(win::GetLastError());
        return is_missing(os_error) ? path_kind::missing : path_kind::unknown;
    }
    return (a & win::attribute_directory) != 0 ? path_kind::folder : path_kind::file;
}

template <class F>
status for_each_entry(const path& folder, F f) noexcept {
    path pattern(folder.view());
    pattern /= "*";
    wide_path wide(pattern.view());
    if (!pattern.ok() || !wide.ok()) return no_memory();
    win::find_data found;
    void* h = win::FindFirstFileW(wide.c_str(), &found);
    if (h == win::invalid_handle())
        return fail(errc::cannot_open, error::nowhere, "cannot list this folder")
            .os(static_cast<int>(win::GetLastError()))
            .in(folder.view());
    do {
        path name(static_cast<const wchar_t*>(found.name));
        if (!name.ok()) return win::FindClose(h), status(no_memory());
        if (!f(name.view())) break;
    } while (win::FindNextFileW(h, &found) != 0);
    win::FindClose(h);
    return {};
}

#endif

}  // namespace detail
AKA_END

#endif  // AKA_PATH_HPP
