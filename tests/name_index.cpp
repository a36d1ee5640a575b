// Finding names: among a million, among twins, and among names made to collide.
#include <aka/gguf.hpp>
#include <aka/name_index.hpp>
#include <doctest/doctest.h>

#include "support/guard.hpp"
#include "support/write_gguf.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace test_name_index {

namespace {

using aka::detail::hash_name;
using aka::detail::name_index;
using outcome = name_index::outcome;
using strings = std::vector<std::string>;

constexpr std::uint32_t none = name_index::none;

// The index and the names that it is of.
struct indexed {
    const strings& names;
    name_index index;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> twins;

    explicit indexed(const strings& n) : names(n) {}
    // stays: what to do about twins, 0: the earlier stays, 1: the later, -1: refuse.
    outcome build(int stays = -1) {
        return index.build(
            names.size(), [this](std::size_t i) { return std::string_view(names[i]); },
            [this](std::size_t i) { return hash_name(names[i]); },
            [&](std::uint32_t earlier, std::uint32_t later) {
                twins.emplace_back(earlier, later);
                return stays < 0 ? none : stays == 0 ? earlier : later;
            });
    }
    std::uint32_t find(std::string_view s) const {
        return index.find(s, [this](std::size_t i) { return std::string_view(names[i]); });
    }
};

// The hash is no secret, and can be run backwards: names of eight bytes with the hash that one
// wants, as many as one wants. If the hash changes, this has to as well.
constexpr std::uint64_t inverse(std::uint64_t odd) {
    std::uint64_t x = odd;
    for (int i = 0; i < 6; ++i) x *= 2 - odd * x;
    return x;
}
std::string forged(std::uint32_t hash, std::uint32_t number) {
    const std::uint64_t end = std::uint64_t{hash} << 32 | number;
    const std::uint64_t h = (end * inverse(0xd6e8feb86659fd93u)) ^ 8;
    const std::uint64_t x = h ^ (h >> 29) ^ (h >> 58);
    const std::uint64_t word = (x * inverse(0x9e3779b97f4a7c15u)) ^ aka::detail::hash_start;
    return test::bytes_builder().put_u64(word).str();
}
strings forged_names(std::size_t n, std::uint32_t hash = 0x12345678) {
    strings out(n);
    for (std::size_t i = 0; i < n; ++i) out[i] = forged(hash, static_cast<std::uint32_t>(i));
    return out;
}

strings plain_names(std::size_t n) {
    strings out(n);
    for (std::size_t i = 0; i < n; ++i)
        out[i] = "model.layers." + std::to_string(i / 1000) + ".mlp.experts." +
                 std::to_string(i % 1000) + ".down_proj.weight";
    return out;
}

void check_all_found(const indexed& x) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.names.size(); ++i) wrong += x.find(x.names[i]) != i;
    CHECK(wrong == 0);
}
void check_none_found(const indexed& x, const strings& others) {
    std::size_t wrong = 0;
    for (const std::string& s : others) wrong += x.find(s) != none;
    CHECK(wrong == 0);
}

// Far more than it takes with a sanitizer on a slow machine; far less than anything quadratic. Of
// the processor's time: what else runs there is no fault of the index.
class deadline {
  public:
    explicit deadline(double seconds) : seconds_(seconds) {}
    ~deadline() { CHECK(static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC < seconds_); }

  private:
    double seconds_;
    std::clock_t start_ = std::clock();
};

}  // namespace

TEST_CASE("name index: a million names") {
    const strings names = plain_names(1000000);
    strings others;
    for (const std::string& s : names) others.push_back(s.substr(0, s.size() - 1));
    test::alloc_scope allocs;
    const deadline d(30);
    indexed x(names);
    REQUIRE(x.build() == outcome::ok);
    CHECK(allocs.held() <= static_cast<std::int64_t>(32 * names.size()));
    CHECK(allocs.count() == 1);
    check_all_found(x);
    check_none_found(x, others);
}

TEST_CASE("name index: few names, of any length") {
    strings names;
    for (std::size_t n = 0; n < 70; ++n) {
        indexed x(names);
        REQUIRE(x.build() == outcome::ok);
        check_all_found(x);
        const std::string next(n, 'n');  // each length once
        CHECK(x.find(next) == none);
        CHECK(x.find(next + '\0') == none);
        CHECK(x.find("other") == none);
        names.push_back(next);
    }
    const indexed never(names);
    CHECK(never.find("") == none);
}

TEST_CASE("name index: hashing looks at every byte, and at none behind them") {
    std::set<std::uint32_t> seen;
    std::size_t made = 0;
    for (std::size_t n = 0; n < 50; ++n) {
        const std::string text = test::random_bytes(n, 1);
        const test::guard_buffer bytes(text);
        const std::uint32_t h = hash_name(bytes.view());
        CHECK(h == hash_name(std::string(text)));
        seen.insert(h);
        seen.insert(hash_name(text + '\0'));  // as long as the next, or as padded with zeros
        made += 2;
        for (std::size_t i = 0; i < n; ++i) {
            std::string other = text;
            other[i] = static_cast<char>(other[i] ^ 0x10);
            seen.insert(hash_name(other));
            ++made;
        }
    }
    CHECK(seen.size() + 1 >= made);  // of so few hashes of 32 bits hardly two are equal
}

TEST_CASE("name index: what to do about twins is asked") {
    // The same with names that collide, which are sorted instead of hashed.
    for (const bool collide : {false, true}) {
        const strings some = collide ? forged_names(400) : plain_names(400);
        strings names;
        std::map<std::string, std::pair<std::uint32_t, std::uint32_t>> places;  // first and last
        test::rng random(5);
        for (std::uint32_t i = 0; i < 1000; ++i) {
            names.push_back(some[random.below(some.size())]);
            places.try_emplace(names[i], i, i).first->second.second = i;
        }
        for (const int stays : {0, 1}) {
            indexed x(names);
            REQUIRE(x.build(stays) == outcome::ok);
            CHECK(x.twins.size() >= names.size() - places.size());
            for (const auto& [earlier, later] : x.twins) {
                CHECK(earlier < later);
                CHECK(names[earlier] == names[later]);
            }
            for (const auto& [name, place] : places)
                CHECK(x.find(name) == (stays == 0 ? place.first : place.second));
        }
        indexed x(names);
        CHECK(x.build(-1) == outcome::duplicate);
        REQUIRE(x.twins.size() == 1);
        CHECK(names[x.twins[0].first] == names[x.twins[0].second]);
        CHECK(x.twins[0].first < x.twins[0].second);
    }
}

TEST_CASE("name index: names that all have one hash") {
    for (const std::uint32_t hash : {0u, 1u, 0xffffffffu, 0x12345678u})
        for (std::uint32_t i = 0; i < 100; ++i) REQUIRE(hash_name(forged(hash, i)) == hash);
    for (const std::size_t n : {2u, 255u, 256u, 257u, 258u, 259u, 300u, 5000u, 300000u}) {
        CAPTURE(n);
        strings names = forged_names(n + 1000);
        const strings others(names.end() - 1000, names.end());
        names.resize(n);
        const deadline d(20);
        indexed x(names);
        REQUIRE(x.build() == outcome::ok);
        check_all_found(x);
        check_none_found(x, others);  // of the same hash
        check_none_found(x, plain_names(1000));
        names.push_back(names[n / 2]);
        CHECK(x.build() == outcome::duplicate);
        CHECK(x.twins == decltype(x.twins){
                             {static_cast<std::uint32_t>(n / 2), static_cast<std::uint32_t>(n)}});
    }
}

TEST_CASE("name index: a few collisions among many other names") {
    for (const std::size_t collide : {100u, 256u, 257u, 600u}) {
        strings names = plain_names(20000);
        const strings forgeries = forged_names(collide);
        for (std::size_t i = 0; i < collide; ++i) names[i * 31] = forgeries[i];
        indexed x(names);
        REQUIRE(x.build() == outcome::ok);
        check_all_found(x);
        check_none_found(x, forged_names(2000, 77));
    }
}

TEST_CASE("name index: names that fill places side by side") {
    // None of them collides with another, but whoever looks for a name that is not there, and
    // belongs at their beginning, must not walk along them all.
    constexpr std::uint32_t n = 1u << 18;
    strings names(n), others(n);
    for (std::uint32_t i = 0; i < n; ++i) names[i] = forged(i, 0);
    for (std::uint32_t i = 0; i < n; ++i) others[i] = forged(0, i + 1);
    indexed x(names);
    REQUIRE(x.build() == outcome::ok);
    const deadline d(10);
    check_all_found(x);
    check_none_found(x, others);
}

TEST_CASE("name index: displaced as far as they go, names are found") {
    // Names of eight places, far apart in a table of any size; the last of each lie far behind.
    for (const std::uint32_t run : {2u, 16u, 128u, 254u, 255u, 256u, 257u, 258u, 259u}) {
        CAPTURE(run);
        strings names, others;
        for (std::uint32_t place = 0; place < 8; ++place) {
            std::uint32_t hash = 0;  // the number of the place, in every three bits
            for (unsigned bit = 0; bit < 32; ++bit) hash |= (place >> bit % 3 & 1) << bit;
            for (std::uint32_t i = 0; i < run; ++i) names.push_back(forged(hash, i));
            for (std::uint32_t i = 0; i < run; ++i) others.push_back(forged(hash, run + i));
        }
        indexed x(names);
        REQUIRE(x.build() == outcome::ok);
        check_all_found(x);
        check_none_found(x, others);
    }
}

TEST_CASE("name index: no memory, and building again") {
    const strings many = plain_names(5000), few = plain_names(3), same = forged_names(1000);
    test::alloc_scope allocs;
    for (const strings* names : {&many, &few, &same}) {
        indexed x(*names);
        allocs.fail_at(0);
        CHECK(x.build() == outcome::no_memory);
        allocs.lift();
        CHECK(x.build() == outcome::ok);
        check_all_found(x);
    }
    // An index that was of other names, hashed or sorted, forgets them.
    strings names;
    indexed x(names);
    for (const strings* next : {&many, &same, &few, &same, &many}) {
        names = *next;
        REQUIRE(x.build() == outcome::ok);
        check_all_found(x);
        for (const strings* other : {&many, &same, &few})
            if (other != next && other->size() > next->size()) CHECK(x.find(other->back()) == none);
    }
    names.clear();
    CHECK(x.build() == outcome::ok);
    CHECK(x.find(many[0]) == none);
}

TEST_CASE("name index: a file of colliding names opens as fast as another") {
    test::gguf_writer w;
    const strings names = forged_names(100000);
    for (const std::string& name : names) w.add_tensor(name, test::ggml_id("i8"), {0});
    std::string bytes = w.bytes();
    const deadline d(20);
    const auto file = aka::gguf::parse(aka::as_bytes(bytes));
    REQUIRE_MESSAGE(file.has_value(), std::string(file.error().message().view()));
    std::size_t wrong = 0;
    for (const std::string& name : names) wrong += file.get_if()->find(name).name() != name;
    CHECK(wrong == 0);
    CHECK_FALSE(file.get_if()->find(forged(0x12345678, 100000)));
    // With a twin it is refused.
    w.add_tensor(names[4711], test::ggml_id("i8"), {0});
    bytes = w.bytes();
    CHECK(aka::gguf::parse(aka::as_bytes(bytes)).code() == aka::errc::duplicate_name);
}

}  // namespace test_name_index
