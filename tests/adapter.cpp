// Every spelling seen through every other one: the same tensors, bit for bit, that the independent
// writer gives for the other spelling.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/rounds.hpp"
#include "support/spellings.hpp"

#include <aka/adapt.hpp>
#include <aka/llama.hpp>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace test_adapter {

namespace {

using aka::adapt;
using test::bytes_of;
using test::known;
using test::st_tensor;

std::vector<std::uint64_t> shape_of(const aka::tensor& t) {
    return {t.shape().begin(), t.shape().end()};
}

// The first difference between what an adapter shows and what a writer wrote; empty: none.
std::string difference(const aka::adapter& a, const std::vector<st_tensor>& expected,
                       bool extra_output, bool natural) {
    std::map<std::string, const st_tensor*> want;
    for (const st_tensor& t : expected) want[t.name] = &t;
    for (aka::tensor t : a) {
        auto it = want.find(std::string(t.name()));
        // A writer that spells a tied output out leaves one tensor more.
        if (it == want.end() && extra_output && a.source().names().size() != 0 &&
            bytes_of(t) == bytes_of(a.get(aka::role::token_embd)))
            continue;
        if (it == want.end()) return "has " + std::string(t.name()) + ", which is not wanted";
        if (shape_of(t) != it->second->shape) return std::string(t.name()) + ": another shape";
        if (bytes_of(t) != it->second->data) return std::string(t.name()) + ": other bytes";
        want.erase(it);
    }
    for (const auto& [name, t] : want) {
        bool tied = false;
        for (const aka::ledger_entry& e : a.made()) tied = tied || e.name == name;
        if (!tied) return "lacks " + name;
    }
    if (natural && !a.missing().empty())
        return "says that it lacks " + std::string(a.missing()[0].name);
    return {};
}

bool is_target(const test::spelling& s) {
    return s.id.find('/') == std::string::npos && known().find(s.id) != nullptr;
}

struct outcome {
    std::size_t pairs = 0;
    test::one_in tried{3};
    std::map<std::string, std::vector<std::string>> wrong;
};

void all_pairs(const test::named_model& m, outcome& out) {
    test::temp_folder folder;
    std::map<std::string, std::vector<st_tensor>> written;
    for (const test::spelling& s : test::spellings())
        if (s.holds(m.model.config) && is_target(s)) written[s.id] = s.write(m.model);
    for (const test::spelling& from : test::spellings()) {
        if (!from.holds(m.model.config)) continue;
        std::string id = from.id;
        for (char& c : id)
            if (c == '/' || c == ':') c = '-';
        std::filesystem::create_directory(folder / id);
        auto path = test::write_spelling(from, m.model, folder / id);
        auto file = aka::checkpoint::open(path.string());
        REQUIRE_MESSAGE(file, from.id, ": ", file.error().message().view());
        for (const auto& [to, tensors] : written) {
            if (out.tried.skips()) continue;
            ++out.pairs;
            auto a = adapt(*file, to, known());
            if (!a) {
                out.wrong[from.id + " -> " + to].push_back(m.name + ": " +
                                                           std::string(a.error().message().view()));
                continue;
            }
            std::string d = difference(*a, tensors, m.model.config.tied && from.writes_tied,
                                       test::find_spelling(to).natural(m.model.config));
            if (!d.empty()) out.wrong[from.id + " -> " + to].push_back(m.name + ": " + d);
        }
    }
}

}  // namespace

TEST_CASE("all pairs of spellings, dense and with experts") {
    outcome o;
    for (const test::named_model& m : test::standard_models("F32")) all_pairs(m, o);
    for (const auto& [pair, what] : o.wrong)
        for (const std::string& w : what) MESSAGE(pair, ": ", w);
    MESSAGE(o.pairs, " pairs adapted, ", o.wrong.size(), " wrong");
    CHECK(o.wrong.empty());
}

TEST_CASE("all pairs of spellings, the special models") {
    outcome o;
    for (const test::named_model& m : test::special_models("F32")) all_pairs(m, o);
    for (const auto& [pair, what] : o.wrong)
        for (const std::string& w : what) MESSAGE(pair, ": ", w);
    MESSAGE(o.pairs, " pairs adapted, ", o.wrong.size(), " wrong");
    CHECK(o.wrong.empty());
}

}  // namespace test_adapter
