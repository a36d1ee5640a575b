// GGUF headers at their edges. A model of the format, a list of what a reader has to have before it
// can go on, tells for a header that is cut at any byte what is missing, where, and in which words;
// of a file that ends there, and of the first part of a longer one.
#include <aka/gguf.hpp>
#include <doctest/doctest.h>

#include "support/alloc.hpp"
#include "support/expect_gguf.hpp"
#include "support/files.hpp"
#include "support/guard.hpp"
#include "support/writer.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace test_gguf_edges {

namespace {

using aka::errc;
using test::filled_gguf;
using test::gguf_bytes;
using test::gguf_of;
using test::gguf_writer;

// What bytes up to `until` are needed for.
struct step {
    std::size_t until, at;  // `at`: where the error is
    errc whole, part;       // that it is where the file is cut, and where a part of it is
    std::function<std::string(std::size_t)> says;
};

// Writes a header, and the steps of its reader.
class modelled_header {
  public:
    modelled_header(std::uint32_t version, bool big)
        : width_(version == 1 ? 4 : 8),
          out_(big ? test::byte_order::big : test::byte_order::little) {
        out_.put_raw("GGUF").put_uint(version, 4);
        read(0, "the first four bytes");
        read(4, "the version");
    }

    void counts(std::uint64_t tensors, std::uint64_t keys) {
        const std::size_t at = number(tensors, width_, "the header");
        const std::size_t keys_at = number(keys, width_, "the header");
        // A length, a type and one byte, with a key of one letter; rank, type and offset.
        claim(keys * (width_ + 1 + 4 + 1), keys_at, errc::bad_count,
              std::to_string(keys) + " keys cannot be in the ", " bytes that are left");
        claim(tensors * (width_ + 4 + 4 + 8), 8, errc::bad_count,
              std::to_string(tensors) + " tensors cannot be in the ", " bytes that are left");
        CHECK(at == 8);
    }
    void key(const std::string& name, std::uint32_t type) {
        text(name, "a key");
        number(type, 4, "the type of a key");
    }
    void value(std::uint64_t v, unsigned bytes) { number(v, bytes, "a value"); }
    void text(const std::string& s, const std::string& what) {
        const std::size_t at = number(s.size(), width_, what);
        claim(s.size(), at, errc::bad_string, what + " of " + std::to_string(s.size()) + " bytes, ",
              " are left");
        bytes(s, what);
    }
    // Of `least` bytes an element.
    void array(const std::string& name, std::uint32_t type, const char* type_name, std::uint64_t n,
               std::size_t least) {
        const std::size_t at = number(type, 4, "an array");
        number(n, width_, "an array");
        claim(n * least, at, errc::bad_array,
              "key '" + name + "': " + std::to_string(n) + " elements of " + type_name +
                  " cannot be in the ",
              " bytes that are left");
    }
    void elements(const std::string& all) { bytes(all, "an array"); }
    void element(const std::string& name, const std::string& s) {
        const std::size_t at = out_.size();
        out_.put_string(s, width_);
        steps_.push_back({out_.size(), at, errc::bad_string, errc::truncated, [=](std::size_t) {
                              return "key '" + name +
                                     "': a string reaches past the end of the file";
                          }});
    }
    void tensor(const std::string& name, const std::vector<std::uint64_t>& ne, std::uint32_t type,
                std::uint64_t offset) {
        tensor_at_.push_back(out_.size());
        text(name, "a tensor's name");
        number(ne.size(), 4, "a tensor's info");
        for (const std::uint64_t d : ne) number(d, width_, "a tensor's info");
        number(type, 4, "a tensor's info");
        number(offset, 8, "a tensor's info");
    }
    // The data: of each tensor, where it is behind the header's end.
    void data(std::uint64_t alignment,
              const std::vector<std::pair<std::uint64_t, std::uint64_t>>& all) {
        const std::size_t size = out_.size();
        out_.pad_to(alignment);
        const std::size_t begin = out_.size();
        steps_.push_back({begin, 0, errc::truncated, errc::none, [=](std::size_t) {
                              return "the file ends before its data, which begins at " +
                                     std::to_string(begin);
                          }});
        steps_.back().at = at_end;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const std::size_t from = begin + static_cast<std::size_t>(all[i].first),
                              to = from + static_cast<std::size_t>(all[i].second);
            steps_.push_back({to, tensor_at_[i], errc::truncated, errc::none, [=](std::size_t n) {
                                  return std::to_string(to - from) + " bytes of data at " +
                                         std::to_string(from) + ", the file ends " +
                                         std::to_string(to - n) + " bytes before that";
                              }});
            if (to > out_.size()) out_.put_fill(to - out_.size(), 'd');
        }
        header_ = size;
    }

    const std::string& bytes() const { return out_.str(); }
    std::size_t header() const { return header_; }
    std::size_t tensors() const { return tensor_at_.size(); }

    // Whether the reader says what the model does of the first `n` bytes.
    template <class Result>
    void check(const Result& r, std::size_t n, bool part) const {
        CAPTURE(n);
        CAPTURE(part);
        for (const step& s : steps_) {
            const errc expected = part ? s.part : s.whole;
            if (s.until <= n || expected == errc::none) continue;
            REQUIRE(r.code() == expected);
            CHECK(r.error().offset() == (s.at == at_end ? n : s.at));
            const std::string said(r.error().detail());
            CHECK_MESSAGE(said.find(expected == s.whole ? s.says(n) : inside("an array", n)) !=
                              std::string::npos,
                          said << " expected: " << s.says(n));
            return;
        }
        CHECK_OK(r);
    }

  private:
    static constexpr std::size_t at_end = ~std::size_t{0};

    static std::string inside(const std::string& what, std::size_t n) {
        return "the file ends inside " + what + ": " + std::to_string(n) + " bytes";
    }
    void read(std::size_t at, const std::string& what) {
        const std::size_t until = steps_.empty() ? 4 : out_.size();
        steps_.push_back({until, at, errc::truncated, errc::truncated,
                          [=](std::size_t n) { return inside(what, n); }});
    }
    std::size_t number(std::uint64_t v, unsigned width, const std::string& what) {
        const std::size_t at = out_.size();
        out_.put_uint(v, width);
        read(at, what);
        return at;
    }
    void bytes(const std::string& s, const std::string& what) {
        const std::size_t at = out_.size();
        out_.put_raw(s);
        read(at, what);
    }
    // `least` bytes from here on are claimed.
    void claim(std::uint64_t least, std::size_t at, errc code, const std::string& before,
               const std::string& after) {
        const std::size_t here = out_.size();
        steps_.push_back(
            {here + static_cast<std::size_t>(least), at, code, errc::none,
             [=](std::size_t n) { return before + std::to_string(n - here) + after; }});
    }

    unsigned width_;
    test::bytes_builder out_;
    std::vector<step> steps_;
    std::vector<std::size_t> tensor_at_;
    std::size_t header_ = 0;
};

// Every kind of field, none of them empty where it could hide the one behind it.
modelled_header every_field(std::uint32_t version, bool big) {
    const unsigned width = version == 1 ? 4 : 8;
    modelled_header m(version, big);
    m.counts(4, 6);
    m.key("a.byte", 0);
    m.value(7, 1);
    m.key("general.alignment", 4);
    m.value(8, 4);
    m.key("text", 8);
    m.text("words", "a string");
    m.key("halves", 9);
    m.array("halves", 2, "u16", 3, 2);
    m.elements("123456");
    m.key("tokens", 9);
    m.array("tokens", 8, "string", 3, width);
    m.element("tokens", "the");
    m.element("tokens", "");
    m.element("tokens", "end");
    m.key("nested", 9);
    m.array("nested", 9, "array", 2, 4 + width);
    m.array("nested", 10, "u64", 1, 8);
    m.elements("12345678");
    m.array("nested", 8, "string", 1, width);
    m.element("nested", "x");
    m.tensor("s", {}, 0, 0);
    m.tensor("m", {32, 2}, 2, 8);
    m.tensor("none", {0}, 1, 48);
    m.tensor("last", {1, 1, 1, 3}, 24, 48);
    m.data(8, {{0, 4}, {8, 36}, {48, 0}, {48, 3}});
    return m;
}
// Nothing but a vocabulary, the last word of which ends where the file does.
modelled_header words_only(std::uint32_t version, bool big) {
    modelled_header m(version, big);
    m.counts(0, 1);
    m.key("k", 9);
    m.array("k", 8, "string", 2, version == 1 ? 4 : 8);
    m.element("k", "");
    m.element("k", "last");
    m.data(1, {});
    return m;
}

// One tensor, behind padding.
modelled_header one_tensor(std::uint32_t version, bool big) {
    modelled_header m(version, big);
    m.counts(1, 0);
    m.tensor("t", {3}, 24, 0);
    m.data(32, {{0, 3}});
    return m;
}

// What the reader says of a file of `size` bytes that begins with `bytes`.
struct reading {
    aka::detail::store_ref store = with_a_file();
    aka::detail::gguf_reader reader = {*store, 0};
    bool more = false;

    static aka::detail::store_ref with_a_file() {
        auto s = aka::detail::store_ref::make();
        REQUIRE((s && s->files.reserve(1)));
        s->files.add();
        return s;
    }
    aka::status of(std::string_view bytes, std::uint64_t size) {
        const test::guard_buffer guarded(bytes);
        return reader.read(aka::as_bytes(guarded.view()), size, more);
    }
};

template <class F>
void in_every_form(F f) {
    for (const std::uint32_t version : {1u, 2u, 3u}) {
        for (const bool big : {false, true}) {
            CAPTURE(version);
            CAPTURE(big);
            f(every_field(version, big));
            f(words_only(version, big));
            f(one_tensor(version, big));
        }
    }
}

}  // namespace

TEST_CASE("gguf edges: a file that is cut at any byte, and not read past it") {
    in_every_form([](const modelled_header& m) {
        for (std::size_t n = 0; n <= m.bytes().size(); ++n) {
            reading r;
            m.check(r.of(m.bytes().substr(0, n), n), n, false);
            CHECK_FALSE(r.more);
        }
    });
    const modelled_header m = every_field(3, false);
    const test::temp_folder folder;
    for (std::size_t n = 0; n <= m.bytes().size(); n += 7) {
        test::write_file(folder / "a.gguf", m.bytes().substr(0, n));
        for (const aka::access how : {aka::access::map, aka::access::read, aka::access::header})
            m.check(aka::gguf::open(folder / "a.gguf", {how}), n, false);
    }
    const gguf_bytes all(m.bytes());
    REQUIRE_OK(all.file);
    CHECK(all.file->size() == 4);
    CHECK(all.file->metadata().size() == 6);
    CHECK(all.file->data_end() == m.bytes().size());
}

TEST_CASE("gguf edges: a part of a file, of any size, tells that more is needed and no more") {
    in_every_form([](const modelled_header& m) {
        reading r;
        for (std::size_t n = 0; n <= m.header(); ++n) {
            m.check(r.of(m.bytes().substr(0, n), m.bytes().size()), n, true);
            CHECK(r.more == (n < m.header()));
            if (r.more) CHECK((r.store->meta.entries().empty() && r.store->tensors.empty()));
        }
        CHECK(r.store->tensors.size() == m.tensors());
    });
}

TEST_CASE("gguf edges: a word that reaches past the file is wrong as soon as its length is there") {
    for (const std::uint32_t version : {1u, 3u}) {
        const std::size_t width = version == 1 ? 4 : 8;
        const std::string bytes = words_only(version, false).bytes();
        const std::size_t at = bytes.size() - 4 - width;  // of the length of "last"
        for (const std::uint64_t claimed : {5u, 6u, 12u, 100u}) {
            std::string wrong = bytes;
            wrong.replace(at, 1, 1, static_cast<char>(claimed));
            for (std::size_t n = at + width; n <= wrong.size(); ++n) {
                reading r;
                CHECK_REFUSED(r.of(wrong.substr(0, n), wrong.size()), bad_string);
                CHECK_FALSE(r.more);
            }
        }
    }
}

TEST_CASE("gguf edges: infos at their limits, with room behind them") {
    const auto code = [](const gguf_writer& w) {
        return gguf_bytes(w.bytes() + std::string(200, '\0')).file.code();
    };
    for (const bool big : {false, true}) {
        gguf_writer w;
        w.big_endian = big;
        w.tensors = {filled_gguf(std::string(65535, 'n'), 0, {8})};
        CHECK(code(w) == errc::none);
        w.tensors = {filled_gguf("", 0, {}), filled_gguf("b", 0, {8})};
        CHECK(code(w) == errc::none);
        w.tensors[0].type = 2;  // one element of a block of 32
        CHECK(code(w) == errc::bad_block);
        CHECK(test::mentions(gguf_bytes(w.bytes()).file.error(), "rows of 1 elements"));
        w.tensors = {filled_gguf("a", 24, {8})};
        w.tensors[0].ne = std::vector<std::uint64_t>{2, std::uint64_t{1} << 62};
        CHECK(code(w) == errc::size_overflow);
        w.tensors[0].ne = std::vector<std::uint64_t>{1, std::uint64_t{1} << 62};
        CHECK(code(w) == errc::truncated);
    }
}

TEST_CASE("gguf edges: a byte is overlapped, and data in any order, also behind another file") {
    gguf_writer w;
    w.tensors = {filled_gguf("byte", 24, {1}), filled_gguf("b", 0, {8})};
    w.tensors[1].offset = 0;
    CHECK_REFUSED(gguf_bytes(w.bytes()).file, bad_offset);
    w.tensors[0].offset = 64;
    const std::string turned = w.bytes();
    const auto s = aka::detail::store_ref::make();
    REQUIRE((s && s->files.reserve(2)));
    for (std::uint32_t file = 0; file < 2; ++file) {
        s->files.add().file = aka::mapped_file::memory(aka::as_bytes(turned));
        aka::detail::gguf_facts facts;
        CHECK_OK(aka::detail::read_gguf(*s, file, facts));
        REQUIRE(s->tensors.size() == 2 * (file + 1));
        const aka::detail::tensor_record* t = &s->tensors[2 * std::size_t{file}];
        CHECK(t[0].offset == w.layout().data_start + 64);
        CHECK(t[1].offset == w.layout().data_start);
        CHECK(s->files[file].data_end == t[0].offset + 1);
    }
}

TEST_CASE("gguf edges: of what was read to find the header's end, the header is kept") {
    gguf_writer w;
    w.add("k", "v");
    w.tensors = {filled_gguf("a", 0, {200000})};
    const test::temp_folder folder;
    w.save(folder / "a.gguf");
    test::alloc_scope memory;
    const auto file = aka::gguf::open(folder / "a.gguf", {aka::access::header});
    REQUIRE_OK(file);
    CHECK(memory.held() <= static_cast<std::int64_t>(file->data_begin()) + 4096);
    // A file whose data is read stays open.
    const auto whole = aka::gguf::open(folder / "a.gguf", {aka::access::read});
    REQUIRE_OK(whole);
    std::filesystem::remove(folder / "a.gguf");
    CHECK(test::contents((*whole)[0]) == w.tensors[0].data);
}

TEST_CASE("gguf edges: an error names its byte and the numbers in question") {
    const std::string max_name(65536, 'n');
    struct wrong {
        const char* says;
        errc code;
        std::size_t at;
    };
    const auto check = [](const std::string& bytes, const wrong& w) {
        CAPTURE(w.says);
        const gguf_bytes p(bytes);
        REQUIRE(test::code(p.file) == aka::errc_name(w.code));
        CHECK(p.file.error().offset() == w.at);
        CHECK_MESSAGE(test::mentions(p.file.error(), w.says), test::said(p.file));
    };
    const auto base = [] {
        gguf_writer w;
        w.add("first", "value");
        w.tensors = {filled_gguf("a", 0, {8}), filled_gguf("b", 0, {8})};
        return w;
    };
    {
        gguf_writer w = base();
        w.magic = "FUGG";
        check(w.bytes(), {"begins with 'FUGG', not 'GGUF'", errc::bad_magic, 0});
        CHECK_FALSE(test::mentions(gguf_bytes(w.bytes()).file.error(), "older"));
        for (const char* older : {"lmgg", "tjgg", "algg", "fmgg"}) {
            w.magic = older;
            check(w.bytes(), {": a format older than GGUF", errc::bad_magic, 0});
        }
        w = base();
        w.version = 4;
        check(w.bytes(), {"GGUF version 4, known are 1 to 3", errc::bad_version, 4});
        w.version = 0x04000000;
        check(w.bytes(), {"GGUF version 67108864, known are 1 to 3", errc::bad_version, 4});
        w.version = 0;
        check(w.bytes(), {"GGUF version 0, known are 1 to 3", errc::bad_version, 4});
    }
    // Keys: where the second one is, and its type 8 bytes and the name behind that.
    const auto second = [&](const std::string& key, const test::gguf_value& v) {
        gguf_writer w = base();
        w.add(key, v);
        return w;
    };
    const std::size_t key_at = second("k", gguf_of("v")).layout().kv_at[1];
    test::gguf_value odd;
    odd.kind = 13;
    odd.text = "12345678";
    check(second("", gguf_of("v")).bytes(), {"key 1 is empty", errc::bad_key, key_at});
    check(second("k", odd).bytes(),
          {"key 'k' has the unknown type 13", errc::bad_value_type, key_at + 8 + 1});
    check(second("k", test::gguf_array(13, {odd})).bytes(),
          {"key 'k' is an array of the unknown type 13", errc::bad_value_type, key_at + 8 + 1 + 4});
    check(second("general.alignment", gguf_of(std::uint64_t{32})).bytes(),
          {"general.alignment is u64, not u32", errc::bad_alignment, key_at + 8 + 17});
    for (const std::uint32_t a : {0u, 24u})
        check(second("general.alignment", gguf_of(a)).bytes(),
              {a == 0 ? "general.alignment is 0, not a power of two"
                      : "general.alignment is 24, not a power of two",
               errc::bad_alignment, key_at + 8 + 17 + 4});
    const auto nested = [](int depth) {
        test::gguf_value v = gguf_of(std::vector<std::uint8_t>{1});
        for (int i = 1; i < depth; ++i) v = test::gguf_nested({v});
        return v;
    };
    CHECK_OK(gguf_bytes(second("k", nested(4)).bytes()).file);
    check(second("k", nested(5)).bytes(), {"key 'k': arrays nested more than 4 deep",
                                           errc::bad_array, key_at + 8 + 1 + 4 + 3 * (4 + 8)});

    // Tensors: where the second one is, and its fields behind that.
    const auto changed = [&](auto change) {
        gguf_writer w = base();
        change(w.tensors[1]);
        return w.bytes();
    };
    const std::size_t info_at = base().layout().info_at[1], rank_at = info_at + 8 + 1,
                      dims_at = rank_at + 4, type_at = dims_at + 8;
    using tensor = test::gguf_tensor;
    using sizes = std::vector<std::uint64_t>;
    check(changed([&](tensor& t) { t.name = max_name; }),
          {"a tensor's name of 65536 bytes, at most 65535 are allowed", errc::bad_name, info_at});
    check(changed([](tensor& t) { t.n_dims = 5; }),
          {"tensor 'b' has 5 dimensions, at most 4 are allowed", errc::bad_rank, rank_at});
    check(changed([](tensor& t) {
              t.ne = sizes{8, std::uint64_t{1} << 63};
          }),
          {"tensor 'b': a dimension of 9223372036854775808", errc::bad_dimension, dims_at + 8});
    check(changed([](tensor& t) {
              t.ne = sizes{8, std::uint64_t{1} << 60};
          }),
          {"tensor 'b': its dimensions multiply to more than 2^63", errc::size_overflow,
           dims_at + 8});
    check(changed([](tensor& t) { t.type = 0x80000000u; }),
          {"tensor 'b': type 2147483648", errc::bad_type, type_at});
    check(changed([](tensor& t) { t.type = 2; }),
          {"tensor 'b': rows of 8 elements are not whole blocks of 32 (Q4_0)", errc::bad_block,
           type_at});
    check(changed([](tensor& t) {
              t.type = 0;
              t.ne = sizes{std::uint64_t{1} << 62};
          }),
          {"tensor 'b': its size does not fit in 64 bits", errc::size_overflow, type_at});
    check(
        changed([](tensor& t) { t.offset = 33; }),
        {"tensor 'b': offset 33 is not a multiple of the alignment 32", errc::bad_offset, info_at});
    check(changed([](tensor& t) { t.offset = ~std::uint64_t{0} - 31; }),
          {"tensor 'b': offset 18446744073709551584 and 32 bytes go beyond 2^64", errc::bad_offset,
           info_at});
    const std::size_t begin = static_cast<std::size_t>(base().layout().data_start);
    gguf_writer w = base();
    w.tensors[0].shape = {12};
    w.tensors[0].data.resize(48);
    w.tensors[1].offset = 32;
    const std::string overlap = "tensor 'b': its data at " + std::to_string(begin + 32) +
                                " overlaps that of 'a', which ends at " +
                                std::to_string(begin + 48);
    check(w.bytes(), {overlap.c_str(), errc::bad_offset, info_at});
}

}  // namespace test_gguf_edges
