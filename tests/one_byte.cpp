// A valid file with one byte changed is refused, or what it holds makes sense: names that are text,
// each once, and tensors inside the file whose sizes are those of their shapes.
#include <aka/gguf.hpp>
#include <aka/safetensors.hpp>
#include <doctest/doctest.h>

#include "support/guard.hpp"
#include "support/outcome.hpp"
#include "support/random_files.hpp"
#include "support/rounds.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_one_byte {
namespace {

// As RFC 3629 says it: no more bytes than needed, no surrogates, nothing past U+10FFFF.
bool is_utf8(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
        const auto at = [&](std::size_t k) { return static_cast<unsigned char>(s[i + k]); };
        const unsigned first = at(0);
        const std::size_t n = first < 0x80             ? 1
                              : (first & 0xe0) == 0xc0 ? 2
                              : (first & 0xf0) == 0xe0 ? 3
                              : (first & 0xf8) == 0xf0 ? 4
                                                       : 0;
        if (n == 0 || n > s.size() - i) return false;
        std::uint32_t c = n == 1 ? first : first & (0x7fu >> n);
        for (std::size_t k = 1; k < n; ++k) {
            if ((at(k) & 0xc0) != 0x80) return false;
            c = c << 6 | (at(k) & 0x3fu);
        }
        const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
        i += n;
    }
    return true;
}

// The first thing that makes no sense; empty: all does.
std::string nonsense(const aka::tensor_list& file, std::uint64_t size, bool text) {
    std::set<std::string> names;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const aka::tensor t : file) {
        const std::string name(t.name());
        if (!names.insert(name).second) return "a name twice: " + name;
        if (text && !is_utf8(name)) return "a name that is no text";
        if (file.find(name).size_bytes() != t.size_bytes()) return "another tensor by its name";
        const std::uint64_t from = t.offset(), bytes = t.size_bytes();
        if (from > size || bytes > size - from) return "outside the file: " + name;
        if (from < file.data_begin()) return "in the header: " + name;
        const aka::dtype_info& type = aka::info(t.dtype());
        std::uint64_t elements = 1;
        for (const std::uint64_t d : t.shape()) elements *= d;
        if (elements != t.elements()) return "other elements than its shape: " + name;
        if (type.block_elements != 0 && bytes * type.block_elements != elements * type.block_bytes)
            return "other bytes than its shape: " + name;
        const auto view = t.bytes();
        if (!view || view->size() != bytes) return "no view: " + name;
        if (bytes != 0) ranges.emplace_back(from, from + bytes);
    }
    std::sort(ranges.begin(), ranges.end());
    for (std::size_t i = 1; i < ranges.size(); ++i)
        if (ranges[i].first < ranges[i - 1].second) return "two tensors share bytes";
    std::set<std::string> keys;
    for (const aka::metadata_value v : file.metadata()) {
        const std::string key(v.key());
        if (!keys.insert(key).second) return "a key twice: " + key;
        if (text && (!is_utf8(key) || !v.is_string() || !is_utf8(*v.as_string())))
            return "a value that is no text";
    }
    return {};
}

struct tally {
    std::uint64_t refused = 0, accepted = 0;
};

template <class File>
void change(test::guard_buffer& bytes, std::size_t at, unsigned to, bool text, tally& n) {
    const char was = bytes.data()[at];
    bytes.data()[at] = static_cast<char>(to);
    if (const auto file = File::parse(aka::as_bytes(bytes.view()))) {
        ++n.accepted;
        const std::string what = nonsense(*file, bytes.size(), text);
        CHECK_MESSAGE(what.empty(), "byte ", at, " as ", to, ": ", what);
    } else {
        ++n.refused;
    }
    bytes.data()[at] = was;
}

// Every byte of the header as every other byte.
template <class File>
tally change_each(const std::string& file, std::size_t header, bool text) {
    tally n;
    test::guard_buffer bytes(file, test::guard_side::behind, true);
    REQUIRE_OK(File::parse(aka::as_bytes(bytes.view())));
    for (std::size_t at = 0; at < header; ++at)
        for (unsigned to = 0; to < 256; ++to)
            if (to != static_cast<unsigned char>(file[at])) change<File>(bytes, at, to, text, n);
    return n;
}

std::size_t header_of(const std::string& file) {
    return static_cast<std::size_t>(aka::safetensors::parse(aka::as_bytes(file))->data_begin());
}

}  // namespace

TEST_CASE("one byte: every byte of a header as every other") {
    const std::string tensors =
        test::write_safetensors({{"a.b", "F32", {2, 3}, std::string(24, 'x')},
                                 {"\xc3\xa9", "F6_E2M3", {4}, "xyz"},
                                 {"none", "I64", {0}, ""}},
                                {{"format", "pt"}});
    const tally st = change_each<aka::safetensors>(tensors, header_of(tensors), true);
    CHECK(st.accepted > 100);
    CHECK(st.refused > 10000);
    for (const bool big : {false, true}) {
        test::gguf_writer w;
        w.big_endian = big;
        w.version = big ? 3 : 2;
        w.add("general.alignment", std::uint32_t{16}).add("k", std::vector<std::string>{"a", ""});
        w.add_tensor("token", 0, {2, 3}, std::string(24, 'x'));
        w.add_tensor("q", 2, {32}, std::string(18, 'y'));
        w.add_tensor("none", 1, {0, 2});
        const auto header = static_cast<std::size_t>(w.layout().data_start);
        const tally g = change_each<aka::gguf>(w.bytes(), header, false);
        CHECK(g.accepted > 100);
        CHECK(g.refused > 10000);
        MESSAGE("gguf: ", g.refused, " refused, ", g.accepted, " accepted");
    }
    MESSAGE("safetensors: ", st.refused, " refused, ", st.accepted, " accepted");
}

TEST_CASE("one byte: of random files") {
    tally st, gguf;
    for (std::uint64_t round = 0; round < test::rounds(150); ++round) {
        CAPTURE(round);
        test::rng random(round);
        const std::string a =
            test::write_safetensors(test::random_tensors(random, 12), {{"k", "v"}});
        test::gguf_writer w = test::random_gguf(random, 12);
        w.big_endian = random.below(3) == 0;
        const std::string b = w.bytes();
        test::guard_buffer first(a, test::guard_side::behind, true);
        test::guard_buffer second(b, test::guard_side::behind, true);
        const std::size_t ends[] = {header_of(a), static_cast<std::size_t>(w.layout().data_start)};
        for (int i = 0; i < 300; ++i) {
            const unsigned to = static_cast<unsigned>(random.below(256));
            change<aka::safetensors>(first, static_cast<std::size_t>(random.below(ends[0])), to,
                                     true, st);
            change<aka::gguf>(second, static_cast<std::size_t>(random.below(ends[1])), to, false,
                              gguf);
        }
    }
    CHECK(st.accepted > 1000);
    CHECK(st.refused > 1000);
    CHECK(gguf.accepted > 1000);
    CHECK(gguf.refused > 1000);
}

}  // namespace test_one_byte
