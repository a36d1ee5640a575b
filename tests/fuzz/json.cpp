// The JSON reader against the plain one of the tests: the same texts are good, and strings say the
// same. Numbers are compared with strtod to one part in 10^15 (the reader promises no more).
#include "fuzz.hpp"
#include "strict_json.hpp"

#include <aka/json.hpp>

#include <cmath>
#include <string>

namespace fuzz_json {

using aka::detail::json_reader;
using aka::detail::json_string;

struct walker {
    json_reader in;
    const fuzz::json_text& truth;
    std::size_t next = 0;  // of truth.leaves

    bool leaf(fuzz::json_leaf::kind kind, const fuzz::json_leaf** out) {
        FUZZ_CHECK(next < truth.leaves.size());
        *out = &truth.leaves[next++];
        FUZZ_CHECK((*out)->what == kind);
        return true;
    }
    bool text(const json_string& s) {
        const fuzz::json_leaf* expected = nullptr;
        leaf(fuzz::json_leaf::string, &expected);
        aka::detail::arena memory;
        std::string_view decoded;
        FUZZ_CHECK(aka::detail::text_of(s, memory, decoded));
        FUZZ_CHECK(decoded == expected->text);
        FUZZ_CHECK(aka::detail::equal(s, expected->text));
        FUZZ_CHECK(!aka::detail::equal(s, expected->text + "x"));
        FUZZ_CHECK(s.escaped || s.hash == aka::detail::hash_name(s.raw()));
        return true;
    }
    bool number() {
        double v = 0;
        if (!in.number(v)) return false;
        const fuzz::json_leaf* expected = nullptr;
        leaf(fuzz::json_leaf::number, &expected);
        const double true_value = std::strtod(expected->text.c_str(), nullptr);
        const double close = std::fabs(true_value) * 1e-12 + 1e-290;
        FUZZ_CHECK(v == true_value || std::fabs(v - true_value) <= close ||
                   (std::isinf(v) && std::fabs(true_value) > 1e290) ||
                   (std::isinf(true_value) && std::fabs(v) > 1e290));
        return true;
    }
    bool value() {
        json_string s;
        bool b = false;
        const fuzz::json_leaf* expected = nullptr;
        switch (in.peek()) {
            case '{':
                return in.object([&](const json_string& key) { return text(key) && value(); });
            case '[':
                return in.array([&] { return value(); });
            case '"':
                return in.string(s) && text(s);
            case 't':
            case 'f':
                if (!in.boolean(b)) return false;
                return leaf(fuzz::json_leaf::word, &expected) &&
                       expected->text == (b ? "true" : "false");
            case 'n':
                return in.null() && leaf(fuzz::json_leaf::word, &expected);
            default:
                return number();
        }
    }
};

}  // namespace fuzz_json

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_json;
    const std::string_view text = fuzz::text_of(data, size);
    const fuzz::no_leaks leaks;
    const fuzz::json_text truth(text, json_reader::max_depth);
    json_reader skipping(text);
    const bool good = fuzz::within(0, [&] { return skipping.skip() && skipping.finish(); });
    FUZZ_CHECK(good == truth.good);
    if (!good) {
        FUZZ_CHECK(skipping.what() != nullptr && skipping.pos() <= size);
        return 0;
    }
    walker w{json_reader(text), truth};
    FUZZ_CHECK(w.value() && w.in.finish() && w.next == truth.leaves.size());
    return 0;
}
