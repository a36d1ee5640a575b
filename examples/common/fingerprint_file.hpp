// Fingerprints as JSON, written and read; and two of them compared.
#ifndef AKA_CLI_FINGERPRINT_FILE_HPP
#define AKA_CLI_FINGERPRINT_FILE_HPP

#include <aka/json.hpp>
#include <aka/mapped_file.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compared.hpp"
#include "fingerprint.hpp"
#include "json_writer.hpp"
#include "verdict_table.hpp"

namespace cli {

inline void write_fingerprint(json_writer& json, const fingerprint& f) {
    const auto text = [&](const char* key, const std::string& s) {
        json.key(key);
        s.empty() ? json.null() : json.string(s);
    };
    const auto index = [&](const char* key, std::int64_t i) {
        json.key(key);
        i < 0 ? json.null() : json.number(i);
    };
    json.object(true).key("fingerprint").string(fingerprint::version);
    json.key("path").string(f.path);
    text("convention", f.convention);
    text("rope", f.rope);
    json.key("content").string(content_hash::name + (':' + f.content()));
    json.key("hparams").object(true);
    for (const auto& [name, value] : f.hparams) json.key(name).string(value);
    json.end().key("tensors").array(true);
    for (const print_of_tensor& t : f.tensors) {
        json.object();
        text("role", t.role);
        index("layer", t.layer);
        index("expert", t.expert);
        if (t.head >= 0) index("head", t.head);
        text("part", t.part);
        if (!t.name.empty()) text("name", t.name);
        json.key("dtype").string(t.dtype).key("shape").array();
        for (const std::uint64_t n : t.shape) json.number(n);
        json.end();
        text("hash", t.hash);
        text("values", t.values);
        text("rows", t.rows);
        json.key("norms").array();
        for (const double v : t.norms) {
            char digits[32];
            std::snprintf(digits, sizeof digits, "%.6g", v);
            json.number(std::strtod(digits, nullptr));
        }
        json.end().end();
    }
    json.end().end();
}

class fingerprint_reader {
  public:
    // Whether a file begins as one does; shard indexes are JSON, too.
    static bool is_one(const std::string& path) {
        const auto file = aka::mapped_file::open(path, aka::access::read);
        if (!file) return false;
        char begin[256] = {};
        const auto n =
            static_cast<std::size_t>(std::min<std::uint64_t>(file->size(), sizeof begin));
        if (!file->read(0, {reinterpret_cast<std::byte*>(begin), n})) return false;
        const std::string_view text(begin, n);
        return text.substr(0, 1) == "{" && text.find("\"fingerprint\":") != text.npos;
    }
    // Errors: those of opening; bad_json with the place; unsupported, another version.
    static aka::status read(const std::string& path, fingerprint& out) {
        const auto file = aka::mapped_file::open(path);
        if (!file) return file.error();
        fingerprint_reader r(
            {reinterpret_cast<const char*>(file->data()), static_cast<std::size_t>(file->size())},
            out);
        const auto fail = [&](aka::errc code, std::string_view what) {
            aka::error e(code, r.json_.pos());
            return e.say("fingerprint: ", what).in(path);
        };
        if (!r.top() || !r.json_.finish()) return fail(aka::errc::bad_json, r.json_.what());
        if (r.version_ != fingerprint::version)
            return fail(aka::errc::unsupported, "its version is not the one that is known");
        for (std::size_t i = 1; i < out.tensors.size(); ++i)
            if (!(out.tensors[i - 1].key() < out.tensors[i].key()))
                return fail(aka::errc::bad_json, "its tensors are not in order");
        return {};
    }

  private:
    fingerprint_reader(std::string_view text, fingerprint& out) : json_(text), out_(out) {}

    bool top() {
        return json_.object([&](const aka::detail::json_string& key) {
            if (equal(key, "fingerprint")) return text(version_);
            if (equal(key, "path")) return text(out_.path);
            if (equal(key, "convention")) return text(out_.convention);
            if (equal(key, "rope")) return text(out_.rope);
            if (equal(key, "hparams"))
                return json_.object([&](const aka::detail::json_string& k) {
                    out_.hparams.emplace_back();
                    decode(k, [&](char c) { out_.hparams.back().first += c; });
                    return text(out_.hparams.back().second);
                });
            if (equal(key, "tensors")) return json_.array([&] { return tensor(); });
            return json_.skip();
        });
    }
    bool tensor() {
        out_.tensors.emplace_back();
        print_of_tensor& t = out_.tensors.back();
        const struct {
            std::string_view key;
            std::string* to;
        } texts[] = {{"role", &t.role},   {"part", &t.part}, {"name", &t.name},
                     {"dtype", &t.dtype}, {"hash", &t.hash}, {"values", &t.values},
                     {"rows", &t.rows}};
        const struct {
            std::string_view key;
            std::int64_t* to;
        } numbers[] = {{"layer", &t.layer}, {"expert", &t.expert}, {"head", &t.head}};
        return json_.object([&](const aka::detail::json_string& key) {
            for (const auto& row : texts)
                if (equal(key, row.key)) return text(*row.to);
            for (const auto& row : numbers)
                if (equal(key, row.key)) return index(*row.to);
            if (equal(key, "shape"))
                return json_.array([&] {
                    t.shape.push_back(0);
                    return json_.whole(t.shape.back());
                });
            if (equal(key, "norms")) return json_.array([&] { return norm(t.norms); });
            return json_.skip();
        });
    }
    bool text(std::string& to) {
        if (json_.peek() == 'n') return json_.null();
        aka::detail::json_string s;
        if (!json_.string(s)) return false;
        to.clear();
        decode(s, [&](char c) { to += c; });
        return true;
    }
    bool index(std::int64_t& to) {
        if (json_.peek() == 'n') return json_.null();
        std::uint64_t n = 0;
        if (!json_.whole(n)) return false;
        to = static_cast<std::int64_t>(std::min<std::uint64_t>(n, 1u << 31));
        return true;
    }
    bool norm(std::vector<double>& to) {
        to.push_back(std::numeric_limits<double>::infinity());  // written as a word
        aka::detail::json_string s;
        return json_.peek() == '"' ? json_.string(s) : json_.number(to.back());
    }

    aka::detail::json_reader json_;
    fingerprint& out_;
    std::string version_;
};

struct compared_prints {
    const print_of_tensor *a = nullptr, *b = nullptr;
    verdict status = verdict::missing;
    bool counts = true;
    double distance = 0;  // the greatest relative difference of the kept lengths
    std::string note;

    const print_of_tensor& any() const { return a != nullptr ? *a : *b; }
};

inline double norm_distance(const print_of_tensor& a, const print_of_tensor& b) {
    double most = 0;
    for (std::size_t i = 0; i < std::min(a.norms.size(), b.norms.size()); ++i) {
        const double x = a.norms[i], y = b.norms[i], m = std::max(x, y);
        if (x != y && m > 0) most = std::max(most, m - m == 0 ? std::fabs(x - y) / m : 1.0);
    }
    return most;
}

inline void judge(compared_prints& c) {
    const print_of_tensor &a = *c.a, &b = *c.b;
    c.status = verdict::different;
    if (a.shape != b.shape) {
        c.note = "other shapes";
        return;
    }
    c.distance = norm_distance(a, b);
    const bool numbers = !a.values.empty() && !b.values.empty(), one_type = a.dtype == b.dtype;
    // Lengths are kept to six digits.
    const rounding r =
        rounding_between(aka::dtype_from_name(a.dtype), aka::dtype_from_name(b.dtype));
    const double allowed = 2e-6 + static_cast<double>(r.blocks ? r.whole : r.step);
    if (one_type && a.hash == b.hash) {
        c.status = verdict::equal;
    } else if (numbers && a.values == b.values) {
        c.status = one_type ? verdict::different : verdict::converted;
        if (one_type) c.note = "bits differ, but no number as float32";
    } else if (numbers && a.rows == b.rows) {
        c.status = verdict::row_order;
        c.note = "the same rows in another order";
    } else if (numbers && !one_type && c.distance <= allowed) {
        c.status = verdict::converted;
        c.note = "as far as lengths of rows show";
    }
}

inline std::vector<compared_prints> compare_fingerprints(const fingerprint& a,
                                                         const fingerprint& b) {
    std::vector<compared_prints> out;
    auto x = a.tensors.begin(), y = b.tensors.begin();
    while (x != a.tensors.end() || y != b.tensors.end()) {
        compared_prints c;
        if (y == b.tensors.end() || (x != a.tensors.end() && x->key() < y->key())) {
            c.a = &*x++;
        } else if (x == a.tensors.end() || y->key() < x->key()) {
            c.b = &*y++;
        } else {
            c.a = &*x++, c.b = &*y++;
            judge(c);
            out.push_back(c);
            continue;
        }
        c.note = c.a == nullptr ? "not in A" : "not in B";
        c.counts = c.any().role.compare(0, 5, "rope_") != 0;
        out.push_back(c);
    }
    return out;
}

}  // namespace cli

#endif  // AKA_CLI_FINGERPRINT_FILE_HPP
