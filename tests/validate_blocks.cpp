// What ggml's validation refuses, counted: against ggml itself on random blocks, and by hand.
#include <aka/gguf.hpp>
#include <aka/validate_blocks.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/ggml_decoders.hpp"
#include "support/ggml_types.hpp"
#include "support/numbers.hpp"
#include "support/outcome.hpp"
#include "support/writer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#if defined(__unix__)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace test_validate_blocks {

namespace {

using aka::dtype;

aka::bad_values bad(dtype t, const std::string& s) {
    return aka::validate_blocks(t, aka::as_bytes(std::string_view(s)));
}

}  // namespace

TEST_CASE("validate_blocks: plain numbers, at every place") {
    struct row {
        dtype t;
        std::size_t width;
        std::vector<std::uint64_t> refused, fine;
    };
    const row rows[] = {
        {dtype::f16, 2, {0x7c00, 0xfc00, 0x7c01, 0xffff}, {0x7bff, 0xfbff, 0x0001, 0x8000}},
        {dtype::bf16, 2, {0x7f80, 0xff80, 0x7f81, 0xffff}, {0x7f7f, 0xff7f, 0x0001, 0x8000}},
        {dtype::f32, 4, {0x7f800000, 0xff800000, 0x7f800001}, {0x7f7fffff, 0xff7fffff, 1}},
        {dtype::f64,
         8,
         {0x7ff0000000000000, 0xfff0000000000001, 0x47effffff0000000},
         {0x47efffffefffffff, 1}},
        {dtype::i32, 4, {}, {0x7f800000, 0xffffffff}},
        {dtype::u8, 1, {}, {0xff, 0x7f}},
    };
    for (const row& r : rows) {
        CAPTURE(std::string(aka::name(r.t)));
        for (const std::size_t n : {1u, 31u, 32u, 33u, 100u}) {
            for (std::size_t at = 0; at < n; ++at) {
                for (const bool wrong : {false, true}) {
                    for (const std::uint64_t v : wrong ? r.refused : r.fine) {
                        std::string data(n * r.width, '\x11');
                        for (std::size_t k = 0; k < r.width; ++k)
                            data[at * r.width + k] = static_cast<char>(v >> (8 * k));
                        const aka::bad_values found = bad(r.t, data);
                        CHECK(found.count == (wrong ? 1 : 0));
                        if (wrong) CHECK(found.first == at);
                    }
                }
            }
        }
    }
    const std::string all(4000, '\xff');
    CHECK(bad(dtype::bf16, all).count == 2000);
    CHECK(bad(dtype::bf16, all).first == 0);
    CHECK(bad(dtype::unknown, all).count == 0);
}

TEST_CASE("validate_blocks: as ggml refuses, block by block") {
    if (!test::ggml_functions().problem.empty()) SKIP_TEST(test::ggml_functions().problem);
#if defined(__unix__)
    // ggml says on the standard error output what it refuses: 20,000 lines of it.
    std::fflush(stderr);
    const int kept = dup(2), nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, 2);
#endif
    test::rng r(77);
    std::size_t types = 0, refused = 0, wrong = 0;
    std::string which;
    for (const test::ggml_type_row& row : test::ggml_types) {
        // Q8_1 is "invalid" to ggml in any case: it is no type of weights.
        if (row.elems == 0 || std::string_view(row.name) == "q8_1") continue;
        if (test::ggml_functions().of(static_cast<int>(row.id), row.elems, row.bytes) == nullptr &&
            row.elems > 1 && std::string_view(row.name) != "q8_K")
            continue;  // not known to this version of ggml
        ++types;
        const dtype t = aka::dtype_from_ggml(row.id);
        for (int i = 0; i < 3000; ++i) {
            std::string block = r.bytes(row.bytes);
            for (std::size_t at = 0; at + 2 <= block.size(); at += 2) {
                if (r.below(8) != 0) continue;
                block[at] = static_cast<char>(r.below(2) * 3);
                block[at + 1] = static_cast<char>(r.below(2) == 0 ? 0x7c : 0xff);
            }
            if (row.bytes == 17 && r.below(4) == 0) block[0] = '\xff';
            const bool theirs = test::ggml_functions().validator()(static_cast<int>(row.id),
                                                                   block.data(), block.size());
            refused += !theirs;
            if ((bad(t, block).count == 0) != theirs && wrong++ == 0) which = row.name;
        }
    }
#if defined(__unix__)
    std::fflush(stderr);
    dup2(kept, 2);
    close(kept);
    close(nothing);
#endif
    MESSAGE(types << " types, " << refused << " refused");
    CHECK(types > 30);
    CHECK(refused > 1000);
    CHECK_MESSAGE(wrong == 0, which);
}

TEST_CASE("validate_blocks: tensors, in either byte order, mapped and read") {
    for (const bool big : {false, true}) {
        test::gguf_writer w;
        w.big_endian = big;
        std::string q(300 * 18, '\x11'), f(3000 * 4, '\x11');
        for (const std::size_t at : {7u, 299u}) q.replace(at * 18, 2, "\x00\x7c", 2);
        f.replace(2999 * 4, 4, "\x00\x00\xc0\x7f", 4);  // NaN
        w.add_tensor("q", 2, {300, 32}, q);
        w.add_tensor("f", 0, {3, 1000}, f);
        w.add_tensor("i", 26, {3}, std::string(12, '\xff'));
        w.add_tensor("k", 13, {256}, std::string(176, '\xff'));
        const test::temp_folder folder;
        w.save(folder / "a.gguf");
        for (const aka::access how : {aka::access::map, aka::access::read}) {
            aka::gguf_options o;
            o.how = how;
            const auto file = aka::gguf::open((folder / "a.gguf").string(), o);
            REQUIRE_OK(file);
            const auto found = [&](const char* name) {
                const auto v = aka::validate_blocks(file.get_if()->find(name));
                REQUIRE_OK(v);
                return *v.get_if();
            };
            CHECK(found("q").count == 2);
            CHECK(found("q").first == 7);
            CHECK(found("f").count == 1);
            CHECK(found("f").first == 2999);
            CHECK(found("i").count == 0);
            const auto k = aka::validate_blocks(file.get_if()->find("k"));
            if (big)
                CHECK_REFUSED(k, unsupported);
            else
                CHECK(k.get_if()->count == 1);
        }
    }
}

}  // namespace test_validate_blocks
