// A file as a head, pieces at offsets, and a size. What no piece covers is a hole: zeros in memory,
// and no disk blocks in a file, so that a checkpoint of 140 GB costs its header.
#ifndef AKA_TEST_WRITE_IMAGE_HPP
#define AKA_TEST_WRITE_IMAGE_HPP

#include <algorithm>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

struct file_image {
    file_image() = default;
    file_image(file_image&&) = default;  // a copy would borrow from the original

    struct piece {
        std::uint64_t at;
        std::string_view data;  // borrowed from the tensors the image was made of, or from kept
    };
    std::string head;
    std::vector<piece> pieces;
    std::deque<std::string> kept;  // bytes made for this image; moving it leaves them in place
    std::uint64_t size = 0;

    std::string bytes() const {
        std::string out = head;
        out.resize(static_cast<std::size_t>(std::max<std::uint64_t>(size, head.size())), '\0');
        for (const piece& p : pieces) {
            if (!p.data.empty()) out.replace(static_cast<std::size_t>(p.at), p.data.size(), p.data);
        }
        return out;
    }

    void save(const std::filesystem::path& path) const {
        std::ofstream out(path, std::ios::binary | std::ios::trunc);
        out.write(head.data(), static_cast<std::streamsize>(head.size()));
        for (const piece& p : pieces) {
            if (p.data.empty()) continue;
            out.seekp(static_cast<std::streamoff>(p.at));
            out.write(p.data.data(), static_cast<std::streamsize>(p.data.size()));
        }
        out.close();
        if (!out) throw std::runtime_error("cannot write " + path.string());
        std::filesystem::resize_file(path, std::max<std::uint64_t>(size, head.size()));
    }
};

}  // namespace test

#endif  // AKA_TEST_WRITE_IMAGE_HPP
