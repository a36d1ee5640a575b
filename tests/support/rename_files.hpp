// Renaming whole files through the library, in all its steps.
#ifndef AKA_TEST_RENAME_FILES_HPP
#define AKA_TEST_RENAME_FILES_HPP

#include <aka/rewrite_in_place.hpp>
#include <aka/verify_rewrite.hpp>
#include <aka/write_files.hpp>

#include "bound.hpp"

#include <filesystem>
#include <optional>
#include <utility>

namespace test {

// As aka-rename does it: into `to`, a folder or a file, verified; or where it is, without `to`.
inline aka::status rename(const std::filesystem::path& from, const std::filesystem::path& to,
                          const aka::rewrite_options& o) {
    auto file = aka::checkpoint::open(from);
    if (!file) return file.error();
    std::optional<aka::in_place_rewrite> in_place;
    {
        const auto plan = aka::plan_rewrite(*file, o, known());
        if (!plan) return plan.error();
        for (const aka::plan_remark& r : plan->problems())
            return aka::error(r.code).say(r.name, ": ", r.why);
        aka::rewrite_layout_options l;
        l.one_file = to.has_extension();
        const auto files = aka::lay_out(*plan, l);
        if (!files) return files.error();
        if (!to.empty()) {
            const auto wrote = aka::write_files(*files, to);
            if (!wrote) return wrote.error();
            const auto written = aka::checkpoint::open(to);
            return written ? aka::verify_rewrite(*files, *written) : aka::status(written.error());
        }
        auto made = aka::rewrite_in_place(*files);
        if (!made) return made.error();
        in_place.emplace(std::move(*made));
    }
    return in_place->commit(std::move(*file));
}

}  // namespace test

#endif  // AKA_TEST_RENAME_FILES_HPP
