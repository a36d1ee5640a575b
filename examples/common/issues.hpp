// What is wrong or odd about a checkpoint that can be opened, and which parts of one are missing.
#ifndef AKA_CLI_ISSUES_HPP
#define AKA_CLI_ISSUES_HPP

#include <aka/checkpoint.hpp>
#include <aka/validate_blocks.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "flow.hpp"
#include "json_writer.hpp"
#include "progress.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "values.hpp"

namespace cli {

struct issue {
    const char* kind;
    std::string tensor, file, message;
};

// The index's own count of bytes.
inline std::uint64_t total_size(const aka::checkpoint& c, bool& known) {
    known = false;
    const aka::metadata& m = c.metadata();
    for (std::size_t i = 0; i < m.size(); ++i)
        // The index's own key: one of the same name in a shard says something else.
        if (m.file(i) >= c.file_count() && m[i].key() == "total_size")
            if (const auto n = m[i].as<std::uint64_t>()) return known = true, *n;
    return 0;
}

// One issue for all tensors of a file that have the same trouble.
class trouble {
  public:
    explicit trouble(const char* kind) : kind_(kind) {}
    void add(const aka::tensor& t, const std::string& message) {
        if (!issues_.empty() && issues_.back().file == t.file()) {
            ++more_.back();
            return;
        }
        issues_.push_back({kind_, std::string(t.name()), std::string(t.file()), message});
        more_.push_back(0);
    }
    void move_to(std::vector<issue>& out) {
        for (std::size_t i = 0; i < issues_.size(); ++i) {
            if (more_[i] != 0)
                issues_[i].message += "; so are " + std::to_string(more_[i]) + " more";
            out.push_back(std::move(issues_[i]));
        }
    }

  private:
    const char* kind_;
    std::vector<issue> issues_;
    std::vector<std::uint64_t> more_;
};

// Infinities and NaN among the values, or among the scales of quantised blocks: all data is read.
inline void find_bad_values(const aka::tensor& t, trouble& bad, trouble& unreadable) {
    const auto found = aka::validate_blocks(t);
    if (!found) {
        // A byte order that is not settled hides the values, but not that the file is fine.
        if (found.code() != aka::errc::unsupported && found.code() != aka::errc::no_data)
            unreadable.add(t, escape(found.error().detail()));
        return;
    }
    const aka::bad_values& b = *found.get_if();
    const bool blocks = aka::info(t.dtype()).block_elements > 1;
    if (b.count != 0)
        bad.add(t, std::string(blocks ? "scales" : "values") +
                       " are infinite or NaN: " + std::to_string(b.count) + " of its " +
                       (blocks ? "blocks, the first in block " : "elements, the first at ") +
                       std::to_string(b.first));
}

inline std::vector<issue> find_issues(const aka::checkpoint& c) {
    std::vector<issue> out;
    const bool names_only = c.format() == aka::checkpoint_format::index;
    for (const aka::note& n : c.notes())
        out.push_back({"note", std::string(n.name), std::string(n.file), n.what});
    bool known = false;
    const std::uint64_t listed = total_size(c, known);
    trouble long_names("long_name"), odd_names("unsafe_name"), types("unknown_dtype"),
        places("unaligned"), bad("bad_values"), unreadable("unreadable");
    std::uint64_t bytes = 0, all = 0;
    for (const aka::tensor t : c) all += t.size_bytes();
    progress checked("checking", all);
    for (const aka::tensor t : c) {
        bytes += t.size_bytes();
        if (c.format() == aka::checkpoint_format::gguf && t.name().size() > 63)
            long_names.add(t, "its name has " + std::to_string(t.name().size()) +
                                  " bytes, and ggml reads names of at most 63");
        if (escape(t.name()) != t.name())
            odd_names.add(t, "its name has control characters or is not UTF-8");
        if (names_only) continue;
        if (t.dtype() == aka::dtype::unknown)
            types.add(t, "its type, '" + type_name(t) + "', is unknown to this version");
        const unsigned number = aka::info(t.dtype()).swap_bytes;
        if (number > 1 && t.offset() % number != 0)
            places.add(t, "its data is at byte " + std::to_string(t.offset()) +
                              ", which is not a multiple of " + std::to_string(number));
        find_bad_values(t, bad, unreadable);
        checked.add(t.size_bytes());
    }
    if (known && !names_only && listed != bytes)
        out.push_back({"total_size",
                       {},
                       {},
                       "the index says total_size " + std::to_string(listed) +
                           ", its tensors have " + std::to_string(bytes) + " bytes"});
    for (trouble* t : {&types, &places, &long_names, &odd_names, &bad, &unreadable})
        t->move_to(out);
    return out;
}

// `model-00007-of-00030.safetensors` is not there: which of the 30 are missing too? Empty: this is
// another kind of error.
inline std::vector<issue> missing_parts(const aka::error& e, const std::string& path) {
    std::vector<issue> out;
    const std::string first(e.file());
    if (e.code() != aka::errc::missing_file || first == path) return out;
    out.push_back({"missing_shard", {}, first, escape(e.detail())});
    const std::size_t of = first.rfind("-of-");
    // An error cuts a very long path in the middle.
    if (of == first.npos || of == 0 || first.find("...") != first.npos) return out;
    std::size_t digits = of;
    while (digits > 0 && first[digits - 1] >= '0' && first[digits - 1] <= '9') --digits;
    const std::size_t width = of - digits;
    const unsigned long known = std::strtoul(first.c_str() + digits, nullptr, 10);
    const unsigned long count = std::strtoul(first.c_str() + of + 4, nullptr, 10);
    for (unsigned long n = known + 1; width != 0 && n <= count && n < 100000; ++n) {
        std::string number = std::to_string(n);
        if (number.size() < width) number.insert(0, width - number.size(), '0');
        const std::string other = first.substr(0, digits) + number + first.substr(of);
        if (std::FILE* f = std::fopen(other.c_str(), "rb"))
            std::fclose(f);
        else
            out.push_back({"missing_shard", {}, other, "there is no such file"});
    }
    return out;
}

inline void print_issues(const std::vector<issue>& issues, const look& look) {
    if (issues.empty()) {
        std::printf("issues: %s\n", look.paint("none", style::good).c_str());
        return;
    }
    std::printf("issues: %s\n", look.paint(std::to_string(issues.size()), style::warning).c_str());
    for (const issue& i : issues) {
        std::string text;
        if (!i.file.empty()) text += escape(file_name(i.file)) + ": ";
        if (!i.tensor.empty()) text += "tensor '" + escape(i.tensor) + "': ";
        print_wrapped("", text + i.message, look, 2);
    }
}

inline void write_issues(json_writer& json, const std::vector<issue>& issues) {
    json.key("issues").array(true);
    for (const issue& i : issues) {
        json.object().key("kind").string(i.kind);
        json.key("tensor");
        i.tensor.empty() ? json.null() : json.string(i.tensor);
        json.key("file");
        i.file.empty() ? json.null() : json.string(file_name(i.file));
        json.key("message").string(i.message).end();
    }
    json.end();
}

}  // namespace cli

#endif  // AKA_CLI_ISSUES_HPP
