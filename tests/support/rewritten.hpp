// Rewrites through the library, and what they left, read back without it.
#ifndef AKA_TEST_REWRITTEN_HPP
#define AKA_TEST_REWRITTEN_HPP

#include <aka/write_files.hpp>
#include <doctest/doctest.h>

#include "bound.hpp"
#include "read_back.hpp"
#include "spellings.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

// Every file of a folder, by its path in it.
inline std::map<std::string, std::string> folder_bytes(const std::filesystem::path& folder) {
    std::map<std::string, std::string> out;
    for (const auto& e : std::filesystem::recursive_directory_iterator(folder))
        if (e.is_regular_file() || e.is_symlink())
            out[std::filesystem::relative(e.path(), folder).generic_string()] =
                e.is_regular_file() ? read_file(e.path()) : "(link)";
    return out;
}

// All files of weights of a folder, or the one file; their tensors together.
struct stored_checkpoint {
    std::map<std::string, stored_file> files;
    std::map<std::string, stored_tensor> tensors;
};
inline stored_checkpoint read_checkpoint(const std::filesystem::path& path) {
    stored_checkpoint out;
    const auto add = [&](const std::filesystem::path& file) {
        const stored_file f = read_back(file);
        for (const auto& [name, t] : f.tensors)
            if (!out.tensors.emplace(name, t).second) throw std::runtime_error(name + " twice");
        out.files.emplace(file.filename().string(), f);
    };
    if (!std::filesystem::is_directory(path)) return add(path), out;
    for (const auto& e : std::filesystem::directory_iterator(path))
        if (e.path().extension() == ".safetensors" || e.path().extension() == ".gguf")
            add(e.path());
    return out;
}

inline std::string capitals(std::string s) {
    for (char& c : s) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return s;
}

// What is the same in value only, since one of the two is as GGUF has it: F32 for what has one
// dimension, and for routers.
inline bool same_values(const stored_tensor& a, const st_tensor& b) {
    const bool gguf_type = a.dtype == "F32" || b.dtype == "F32";
    return gguf_type && !is_quantised(a.dtype) && !is_quantised(b.dtype) &&
           decode_floats(a.data, a.dtype) == decode_floats(b.data, b.dtype);
}

// The first difference between what was written and what should have been; empty: none. `by_value`
// counts the tensors that are the same in value only. `made`: names that may be left out.
inline std::string difference(const std::map<std::string, stored_tensor>& found,
                              const std::vector<st_tensor>& expected, std::size_t& by_value,
                              const std::set<std::string>& made = {}) {
    std::set<std::string> names;
    for (const st_tensor& want : expected) {
        names.insert(want.name);
        const auto it = found.find(want.name);
        if (it == found.end()) {
            if (made.count(want.name) != 0) continue;
            return "lacks " + want.name;
        }
        if (it->second.shape != want.shape) return want.name + ": another shape";
        if (it->second.dtype == capitals(want.dtype)) {
            if (it->second.data != want.data) return want.name + ": other bytes";
        } else if (same_values(it->second, want)) {
            ++by_value;
        } else {
            return want.name + ": is " + it->second.dtype + ", expected " + want.dtype;
        }
    }
    for (const auto& [name, t] : found)
        if (names.count(name) == 0) return "has " + name + ", which is not wanted";
    return {};
}

struct rewritten {
    std::string error;  // empty: done
    aka::errc code = aka::errc::none;
    std::string from, to;        // the conventions, where there are any
    std::set<std::string> made;  // what the target leaves to others (a tied output)
    std::uint64_t moved = 0;
    bool undoable = false, header_only = false;
    std::string why_final;  // why it cannot be undone
    aka::rewrite_report report;
};

inline rewritten rewrite(const std::filesystem::path& from, const aka::rewrite_options& o,
                         const std::filesystem::path& to, const aka::rewrite_layout_options& l = {},
                         const aka::write_options& w = {}) {
    rewritten out;
    const auto failed = [&](const aka::error& e) {
        out.error = std::string(e.message().view());
        out.code = e.code();
        return out;
    };
    auto file = aka::checkpoint::open(from.string());
    if (!file) return failed(file.error());
    auto plan = aka::plan_rewrite(*file, o, known());
    if (!plan) return failed(plan.error());
    if (const aka::adapter* a = plan->adapted()) {
        if (a->source().convention() != nullptr) out.from = a->source().convention()->id();
        out.to = a->convention().id();
        for (const aka::ledger_entry& e : a->made()) out.made.insert(std::string(e.name));
    }
    out.moved = plan->bytes_moved();
    out.undoable = static_cast<bool>(plan->undoable());
    if (!out.undoable && !plan->undoes())
        out.why_final = std::string(plan->undoable().error().message().view());
    auto files = aka::lay_out(*plan, l);
    if (!files) return failed(files.error());
    out.header_only = files->header_only();
    auto wrote = aka::write_files(*files, to.string(), w);
    if (!wrote) return failed(wrote.error());
    out.report = *wrote;
    return out;
}
inline aka::rewrite_options to_convention(std::string_view id) {
    aka::rewrite_options o;
    o.to = id;
    return o;
}
inline aka::rewrite_options undoing() {
    aka::rewrite_options o;
    o.undo = true;
    return o;
}

}  // namespace test

#endif  // AKA_TEST_REWRITTEN_HPP
