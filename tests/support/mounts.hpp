// File systems of a kind and size that a test wants, where the machine lets it (root on Linux).
#ifndef AKA_TEST_MOUNTS_HPP
#define AKA_TEST_MOUNTS_HPP

#include "files.hpp"

#include <filesystem>
#include <string>

namespace test {

// `kind`: tmpfs, or ext4, xfs, btrfs in an image file. Unmounted when the object goes away.
class mounted {
  public:
    mounted(const std::string& kind, std::uintmax_t mebibytes) {
#if defined(__linux__)
        std::filesystem::create_directory(at_);
        const std::string size = std::to_string(mebibytes);
        std::string command;
        if (kind == "tmpfs") {
            command = "mount -t tmpfs -o size=" + size + "m tmpfs " + shell_quote(at_.string());
        } else {
            const std::filesystem::path image = folder_ / "image";
            write_file(image, "");
            std::filesystem::resize_file(image, mebibytes << 20);
            const std::string quiet = kind == "xfs" ? " -q " : kind == "ext4" ? " -q -F " : " -q ";
            command = "mkfs." + kind + quiet + shell_quote(image.string()) + " && mount -o loop " +
                      shell_quote(image.string()) + " " + shell_quote(at_.string());
        }
        // Where users are, /usr/sbin often is not in the path.
        const program_result r = run_program("PATH=$PATH:/usr/sbin:/sbin; " + command);
        ok_ = r.exit_code == 0;
        why_ = kind + " cannot be mounted here: " + r.err;
#else
        (void)mebibytes;
        why_ = kind + " is mounted on Linux only";
#endif
    }
    mounted(const mounted&) = delete;
    mounted& operator=(const mounted&) = delete;
    ~mounted() { end(); }

    explicit operator bool() const { return ok_; }
    const std::string& why() const { return why_; }
    const std::filesystem::path& path() const { return at_; }
    std::filesystem::path operator/(const std::string& name) const { return at_ / name; }

    bool make_read_only() const {
        return run_program("mount -o remount,ro " + shell_quote(at_.string())).exit_code == 0;
    }
    void end() {
        if (ok_) run_program("umount -l " + shell_quote(at_.string()));
        ok_ = false;
    }

  private:
    temp_folder folder_;
    std::filesystem::path at_ = folder_ / "at";
    bool ok_ = false;
    std::string why_;
};

}  // namespace test

#endif  // AKA_TEST_MOUNTS_HPP
