// aka: the few Win32 functions in use, declared here so that <windows.h> and its macros reach
// nobody. The declarations repeat those of the system's headers, and may stand beside them.
#ifndef AKA_WINDOWS_HPP
#define AKA_WINDOWS_HPP

#include "config.hpp"

#if AKA_WINDOWS

struct _SECURITY_ATTRIBUTES;
struct _OVERLAPPED;
struct _WIN32_FIND_DATAW;
struct _BY_HANDLE_FILE_INFORMATION;
union _ULARGE_INTEGER;
union _LARGE_INTEGER;

extern "C" {
__declspec(dllimport) void* __stdcall CreateFileW(const wchar_t*, unsigned long, unsigned long,
                                                  _SECURITY_ATTRIBUTES*, unsigned long,
                                                  unsigned long, void*);
__declspec(dllimport) void* __stdcall CreateFileMappingW(void*, _SECURITY_ATTRIBUTES*,
                                                         unsigned long, unsigned long,
                                                         unsigned long, const wchar_t*);
#if defined(_WIN64)
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long,
                                                    unsigned long, unsigned long long);
#else
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long,
                                                    unsigned long, unsigned long);
#endif
__declspec(dllimport) int __stdcall UnmapViewOfFile(const void*);
__declspec(dllimport) int __stdcall CloseHandle(void*);
__declspec(dllimport) int __stdcall GetFileSizeEx(void*, _LARGE_INTEGER*);
__declspec(dllimport) int __stdcall ReadFile(void*, void*, unsigned long, unsigned long*,
                                             _OVERLAPPED*);
__declspec(dllimport) unsigned long __stdcall GetFileType(void*);
__declspec(dllimport) unsigned long __stdcall GetLastError();
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t*);
__declspec(dllimport) void* __stdcall FindFirstFileW(const wchar_t*, _WIN32_FIND_DATAW*);
__declspec(dllimport) int __stdcall FindNextFileW(void*, _WIN32_FIND_DATAW*);
__declspec(dllimport) int __stdcall FindClose(void*);
__declspec(dllimport) int __stdcall WriteFile(void*, const void*, unsigned long, unsigned long*,
                                              _OVERLAPPED*);
__declspec(dllimport) int __stdcall FlushFileBuffers(void*);
__declspec(dllimport) unsigned long __stdcall SetFilePointer(void*, long, long*, unsigned long);
__declspec(dllimport) int __stdcall SetEndOfFile(void*);
__declspec(dllimport) int __stdcall LockFileEx(void*, unsigned long, unsigned long, unsigned long,
                                               unsigned long, _OVERLAPPED*);
__declspec(dllimport) int __stdcall GetFileInformationByHandle(void*, _BY_HANDLE_FILE_INFORMATION*);
__declspec(dllimport) int __stdcall DeleteFileW(const wchar_t*);
__declspec(dllimport) int __stdcall CreateDirectoryW(const wchar_t*, _SECURITY_ATTRIBUTES*);
__declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
__declspec(dllimport) int __stdcall GetDiskFreeSpaceExW(const wchar_t*, _ULARGE_INTEGER*,
                                                        _ULARGE_INTEGER*, _ULARGE_INTEGER*);
__declspec(dllimport) void __stdcall Sleep(unsigned long);
__declspec(dllimport) unsigned long long __stdcall GetTickCount64();
__declspec(dllimport) unsigned long __stdcall GetCurrentProcessId();
}

AKA_BEGIN
namespace detail {
namespace win {

inline void* invalid_handle() noexcept {
    return reinterpret_cast<void*>(static_cast<long long>(-1));
}
inline constexpr unsigned long invalid_attributes = 0xffffffff;
inline constexpr unsigned long attribute_directory = 0x10;
inline constexpr unsigned long generic_read = 0x80000000;
inline constexpr unsigned long generic_write = 0x40000000;
inline constexpr unsigned long share_all = 1 | 2 | 4;  // read, write, delete
inline constexpr unsigned long create_new = 1;
inline constexpr unsigned long open_existing = 3;
inline constexpr unsigned long attribute_normal = 0x80;
inline constexpr unsigned long page_readonly = 2;
inline constexpr unsigned long map_read = 4;
inline constexpr unsigned long type_disk = 1;
inline constexpr unsigned long error_handle_eof = 38;
inline constexpr unsigned long lock_no_wait = 1;
inline constexpr unsigned long lock_exclusive = 2;
inline constexpr unsigned long move_replace = 1;
inline constexpr unsigned long move_write_through = 8;

// WIN32_FIND_DATAW, OVERLAPPED and BY_HANDLE_FILE_INFORMATION by their documented layout.
struct find_data {
    unsigned long attributes, times[6], size_high, size_low, reserved[2];
    wchar_t name[260], alternate[14];
};
struct overlapped {
    void* internal[2];
    unsigned long offset, offset_high;
    void* event;
};
struct file_information {
    unsigned long attributes, times[6], volume, size_high, size_low, links, index_high, index_low;
};

using ::CloseHandle;
using ::CreateDirectoryW;
using ::CreateFileMappingW;
using ::CreateFileW;
using ::DeleteFileW;
using ::FindClose;
using ::FlushFileBuffers;
using ::GetCurrentProcessId;
using ::GetDiskFreeSpaceExW;
using ::GetFileAttributesW;
using ::GetFileSizeEx;
using ::GetFileType;
using ::GetLastError;
using ::GetTickCount64;
using ::LockFileEx;
using ::MapViewOfFile;
using ::MoveFileExW;
using ::ReadFile;
using ::SetEndOfFile;
using ::SetFilePointer;
using ::Sleep;
using ::UnmapViewOfFile;
using ::WriteFile;

inline int GetFileInformationByHandle(void* h, file_information* i) noexcept {
    return ::GetFileInformationByHandle(h, reinterpret_cast<_BY_HANDLE_FILE_INFORMATION*>(i));
}
inline void* FindFirstFileW(const wchar_t* p, find_data* d) noexcept {
    return ::FindFirstFileW(p, reinterpret_cast<_WIN32_FIND_DATAW*>(d));
}
inline int FindNextFileW(void* h, find_data* d) noexcept {
    return ::FindNextFileW(h, reinterpret_cast<_WIN32_FIND_DATAW*>(d));
}

}  // namespace win
}  // namespace detail
AKA_END

#endif  // AKA_WINDOWS
#endif  // AKA_WINDOWS_HPP
