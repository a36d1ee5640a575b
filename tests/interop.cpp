// The headers of interop/ with the libraries themselves: DLPack and Eigen of Debian, ggml of npm
// (see .ci/run), std::mdspan of libc++ 19. What is not installed is skipped.
#include <aka/checkpoint.hpp>
#include <aka/interop/dlpack.hpp>
#include <aka/interop/eigen.hpp>
#include <aka/interop/ggml.hpp>
#include <aka/interop/mdspan.hpp>
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/ggml_library.hpp"
#include "support/outcome.hpp"
#include "support/writer.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#define AKA_TEST_DLPACK 1
#endif
#if __has_include(<eigen3/Eigen/Core>)
#include <eigen3/Eigen/Core>
#define AKA_TEST_EIGEN 1
#endif

namespace test_interop {

using test::st_tensor;
using dims = std::vector<std::uint64_t>;

st_tensor made(std::string name, std::string dtype, dims shape) {
    st_tensor t{std::move(name), std::move(dtype), std::move(shape), {}};
    t.data = test::random_bytes(static_cast<std::size_t>(t.bytes()), test::hash_bytes(t.name));
    return t;
}

// A file of these tensors, mapped. Beside a handle on it, so that the handle can be dropped.
struct saved {
    test::temp_folder folder;
    explicit saved(const std::vector<st_tensor>& tensors) {
        test::write_file(folder / "model.safetensors", test::write_safetensors(tensors));
    }
    aka::checkpoint open(aka::access how = aka::access::map) const {
        aka::checkpoint_options o;
        o.how = how;
        auto r = aka::checkpoint::open(folder / "model.safetensors", o);
        REQUIRE_OK(r);
        return std::move(*r.get_if());
    }
};

// ---- DLPack ------------------------------------------------------------------------------------
// The struct of DLPack 1, which Debian 12's header does not have yet, as its specification has it.
struct dl1 {
    struct version_type {
        std::uint32_t major, minor;
    };
    enum device_code : std::int32_t { cpu = 1 };
    struct device_type {
        device_code device_type;
        std::int32_t device_id;
    };
    struct data_type {
        std::uint8_t code, bits;
        std::uint16_t lanes;
    };
    struct tensor {
        void* data;
        struct device_type device;
        std::int32_t ndim;
        data_type dtype;
        std::int64_t *shape, *strides;
        std::uint64_t byte_offset;
    };
    version_type version;
    void* manager_ctx;
    void (*deleter)(dl1*);
    std::uint64_t flags;
    tensor dl_tensor;
};
#if AKA_TEST_DLPACK
using dl0 = DLManagedTensor;
#else
struct dl0 {
    dl1::tensor dl_tensor;
    void* manager_ctx;
    void (*deleter)(dl0*);
};
#endif

// What a consumer reads through sizes and strides: the elements in order, byte by byte.
template <class M>
std::string walked(const M& m) {
    const auto& d = m.dl_tensor;
    std::string out;
    std::int64_t n = 1;
    for (int i = 0; i < d.ndim; ++i) n *= d.shape[i];
    const std::int64_t size = d.dtype.bits * d.dtype.lanes / 8;
    for (std::int64_t e = 0; e < n; ++e) {
        std::int64_t at = 0, rest = e;
        for (int i = d.ndim; i-- > 0; rest /= d.shape[i]) at += rest % d.shape[i] * d.strides[i];
        out.append(static_cast<const char*>(d.data) + d.byte_offset + at * size,
                   static_cast<std::size_t>(size));
    }
    return out;
}
template <class M>
dims sizes(const M& m) {
    return {m.dl_tensor.shape, m.dl_tensor.shape + m.dl_tensor.ndim};
}

TEST_CASE_TEMPLATE("DLPack: lent tensors outlive every handle", M, dl0, dl1) {
    if (AKA_BIG_ENDIAN_HOST != 0) SKIP_TEST("the numbers are in the other byte order");
    const std::vector<st_tensor> tensors = {made("a", "F32", {3, 4, 5}), made("b", "BF16", {6, 2}),
                                            made("scalar", "F64", {}), made("none", "F32", {2, 0})};
    const saved file(tensors);
    const test::alloc_scope leaks;
    std::vector<M*> lent;
    {
        const aka::checkpoint c = file.open();
        for (const st_tensor& t : tensors) {
            auto m = aka::to_dlpack<M>(c, c.find(t.name));
            REQUIRE_OK(m);
            lent.push_back(*m.get_if());
        }
        auto row = c.find("a").select(2);
        REQUIRE_OK(row);
        auto m = aka::to_dlpack<M>(c, *row.get_if());
        REQUIRE_OK(m);
        lent.push_back(*m.get_if());
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        CAPTURE(tensors[i].name);
        const M& m = *lent[i];
        CHECK(sizes(m) == tensors[i].shape);
        CHECK(walked(m) == tensors[i].data);
        CHECK(static_cast<int>(m.dl_tensor.device.device_type) == 1);
        CHECK(m.dl_tensor.device.device_id == 0);
        CHECK((m.dl_tensor.data == nullptr) == (tensors[i].name == "none"));
        if constexpr (std::is_same_v<M, dl1>) {
            CHECK(m.version.major == 1);
            CHECK(m.flags == 1);  // read-only
        }
    }
    CHECK(sizes(*lent.back()) == dims{4, 5});
    CHECK(walked(*lent.back()) == tensors[0].data.substr(2 * 4 * 5 * 4));
    for (M* m : lent) m->deleter(m);
    CHECK(leaks.blocks() == 0);
}

TEST_CASE("DLPack: the code and bits of every type") {
    // DLDataTypeCode of DLPack 1.1.
    static const struct {
        const char* dtype;
        int code, bits;
    } expected[] = {
        {"I8", 0, 8},       {"I16", 0, 16},         {"I32", 0, 32},     {"I64", 0, 64},
        {"U8", 1, 8},       {"U16", 1, 16},         {"U32", 1, 32},     {"U64", 1, 64},
        {"F16", 2, 16},     {"F32", 2, 32},         {"F64", 2, 64},     {"BF16", 4, 16},
        {"C64", 5, 64},     {"BOOL", 6, 8},         {"F8_E4M3", 10, 8}, {"F8_E4M3FNUZ", 11, 8},
        {"F8_E5M2", 12, 8}, {"F8_E5M2FNUZ", 13, 8}, {"F8_E8M0", 14, 8}, {"F6_E2M3", 15, 6},
        {"F6_E3M2", 16, 6}, {"F4", 17, 4},
    };
    static_assert(sizeof expected / sizeof expected[0] == 22, "all of safetensors");
    std::vector<st_tensor> tensors;
    for (const auto& e : expected) tensors.push_back(made(e.dtype, e.dtype, {2, 4}));
    const saved file(tensors);
    const aka::checkpoint c = file.open();
    for (const auto& e : expected) {
        CAPTURE(e.dtype);
        auto m = aka::copy_to_dlpack<dl1>(c.find(e.dtype));
        REQUIRE_OK(m);
        dl1* d = *m.get_if();
        CHECK(d->dl_tensor.dtype.code == e.code);
        CHECK(d->dl_tensor.dtype.bits == e.bits);
        CHECK(d->dl_tensor.dtype.lanes == 1);
        d->deleter(d);
    }
#if AKA_TEST_DLPACK
    CHECK(kDLCPU == 1);
    CHECK(kDLInt == 0);
    CHECK(kDLUInt == 1);
    CHECK(kDLFloat == 2);
    CHECK(kDLBfloat == 4);
    CHECK(kDLComplex == 5);
#else
    SKIP_TEST("no dlpack/dlpack.h (Debian: libdlpack-dev)");
#endif
}

TEST_CASE("DLPack: a copy is the consumer's own, aligned, and made where nothing can be lent") {
    if (AKA_BIG_ENDIAN_HOST != 0) SKIP_TEST("the numbers are in the other byte order");
    const std::vector<st_tensor> tensors = {made("bytes", "U8", {8}), made("w", "F32", {4, 6})};
    const saved file(tensors);
    const aka::checkpoint c = file.open();
    const aka::tensor w = c.find("w");
    auto columns = w.slice(1, 2, 3);
    REQUIRE_OK(columns);
    CHECK_REFUSED(aka::to_dlpack<dl1>(c, *columns.get_if()), needs_copy);
    CHECK_REFUSED(aka::to_dlpack<dl1>(file.open(aka::access::read), w), not_found);
    CHECK_REFUSED(aka::to_dlpack<dl1>(c, c.find("nobody")), not_found);
    CHECK_REFUSED(aka::copy_to_dlpack<dl1>(c.find("nobody")), not_found);
    for (const aka::access how : {aka::access::map, aka::access::read}) {
        const aka::checkpoint same = file.open(how);
        auto cut = same.find("w").slice(1, 2, 3);
        REQUIRE_OK(cut);
        const test::alloc_scope leaks;
        auto m = aka::copy_to_dlpack<dl1>(*cut.get_if());
        REQUIRE_OK(m);
        dl1* d = *m.get_if();
        CHECK(d->flags == 2);  // a copy, which may be written to
        CHECK(reinterpret_cast<std::uintptr_t>(d->dl_tensor.data) % 256 == 0);
        std::string expected;
        for (std::size_t row = 0; row < 4; ++row)
            expected += tensors[1].data.substr(row * 24 + 8, 12);
        CHECK(test::little_endian(w.dtype(), walked(*d)) == expected);
        std::memset(d->dl_tensor.data, 0, 4 * 12);
        d->deleter(d);
        CHECK(leaks.blocks() == 0);
    }
    const aka::checkpoint unmapped = file.open(aka::access::read);
    CHECK_REFUSED(aka::to_dlpack<dl1>(unmapped, unmapped.find("w")), needs_copy);
}

TEST_CASE("DLPack: what is refused leaves nothing behind") {
    test::gguf_writer g;
    g.add_tensor("blocks", 2, {2, 32}, test::random_bytes(36));
    const std::string quantised = g.bytes();
    auto blocks = aka::gguf::parse(aka::as_bytes(quantised));
    REQUIRE_OK(blocks);
    const aka::tensor q = blocks.get_if()->find("blocks");
    REQUIRE(q);
    CHECK_REFUSED(aka::to_dlpack<dl1>(*blocks.get_if(), q), wrong_type);
    CHECK_REFUSED(aka::copy_to_dlpack<dl1>(q), wrong_type);

    // One byte in front: no number of more bytes is aligned.
    const std::string image = test::write_safetensors(
        {made("a", "U8", {1}), made("w", "I16", {2}), made("huge", "U8", {0, UINT64_MAX})});
    auto file = aka::safetensors::parse(aka::as_bytes(image));
    REQUIRE_OK(file);
    const aka::tensor w = file.get_if()->find("w");
    CHECK_REFUSED(aka::to_dlpack<dl1>(*file.get_if(), w), misaligned);
    CHECK_REFUSED(aka::to_dlpack<dl1>(*file.get_if(), file.get_if()->find("huge")), size_overflow);
    test::alloc_scope memory;
    memory.fail_at(0);
    CHECK_REFUSED(aka::to_dlpack<dl1>(*file.get_if(), file.get_if()->find("a")), out_of_memory);
    memory.restart();
    memory.fail_at(0);
    CHECK_REFUSED(aka::copy_to_dlpack<dl1>(w), out_of_memory);
    memory.lift();
    CHECK(memory.blocks() == 0);
}

// ---- Eigen -------------------------------------------------------------------------------------
#if AKA_TEST_EIGEN
template <class Scalar, int Rows, int Columns>
using map_of = Eigen::Map<const Eigen::Matrix<Scalar, Rows, Columns, Eigen::RowMajor>>;
template <class Scalar>
using matrix = map_of<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

TEST_CASE("Eigen: matrices and vectors are what the file has") {
    if (AKA_BIG_ENDIAN_HOST != 0) SKIP_TEST("the numbers are in the other byte order");
    const saved file({made("v", "F64", {7}), made("w", "F32", {3, 5}), made("h", "F16", {2, 3}),
                      made("b", "BF16", {4}), made("c", "C64", {2, 2}),
                      made("three", "F32", {2, 3, 4})});
    const aka::checkpoint c = file.open();
    const auto data = [&](const char* name) {
        return test::text_of(*c.find(name).bytes().get_if());
    };

    auto w = aka::as_eigen<matrix<float>>(c.find("w"));
    REQUIRE_OK(w);
    const auto& m = *w.get_if();
    CHECK(m.rows() == 3);
    CHECK(m.cols() == 5);
    float number = 0;
    std::memcpy(&number, data("w").data() + (2 * 5 + 3) * 4, 4);
    const float there = m(2, 3);
    CHECK(std::memcmp(&there, &number, 4) == 0);
    CHECK(static_cast<const void*>(m.data()) == data("w").data());

    auto fixed = aka::as_eigen<map_of<float, 3, 5>>(c.find("w"));
    CHECK_OK(fixed);
    auto v = aka::as_eigen<Eigen::Map<const Eigen::VectorXd>>(c.find("v"));
    REQUIRE_OK(v);
    CHECK(v.get_if()->size() == 7);
    auto row = aka::as_eigen<Eigen::Map<const Eigen::RowVectorXf>>(*c.find("w").select(1).get_if());
    REQUIRE_OK(row);
    CHECK(row.get_if()->data() == m.data() + 5);

    auto h = aka::as_eigen<matrix<Eigen::half>>(c.find("h"));
    REQUIRE_OK(h);
    std::uint16_t bits = 0;
    std::memcpy(&bits, data("h").data() + 4 * 2, 2);
    CHECK(Eigen::numext::bit_cast<std::uint16_t>((*h.get_if())(1, 1)) == bits);
    auto b = aka::as_eigen<Eigen::Map<const Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, 1>>>(
        c.find("b"));
    CHECK_OK(b);
    CHECK_OK(aka::as_eigen<matrix<std::complex<float>>>(c.find("c")));

    CHECK_REFUSED(aka::as_eigen<matrix<double>>(c.find("w")), wrong_type);
    CHECK_REFUSED(aka::as_eigen<matrix<Eigen::bfloat16>>(c.find("h")), wrong_type);
    CHECK_REFUSED(aka::as_eigen<matrix<Eigen::half>>(c.find("b")), wrong_type);
    CHECK_REFUSED((aka::as_eigen<map_of<float, 3, 4>>(c.find("w"))), size_mismatch);
    CHECK_REFUSED((aka::as_eigen<map_of<float, 5, 5>>(c.find("w"))), size_mismatch);
    CHECK_REFUSED(aka::as_eigen<Eigen::Map<const Eigen::Vector4d>>(c.find("v")), size_mismatch);
    CHECK_REFUSED(aka::as_eigen<Eigen::Map<const Eigen::VectorXf>>(c.find("w")), size_mismatch);
    CHECK_REFUSED(aka::as_eigen<matrix<float>>(c.find("three")), size_mismatch);
    CHECK_REFUSED(aka::as_eigen<matrix<float>>(*c.find("w").slice(1, 0, 2).get_if()), needs_copy);
    CHECK_REFUSED(aka::as_eigen<matrix<float>>(c.find("nobody")), not_found);
}
#else
TEST_CASE("Eigen") { SKIP_TEST("no Eigen (Debian: libeigen3-dev)"); }
#endif

// ---- ggml --------------------------------------------------------------------------------------
TEST_CASE("ggml: descriptions") {
    test::gguf_writer g;
    g.add_tensor("blk.0.attn_q.weight", 12, {3, 2, 256}, test::random_bytes(6 * 144));
    g.add_tensor(std::string(63, 'x'), 0, {2}, test::random_bytes(8));
    g.add_tensor(std::string(64, 'x'), 0, {2}, test::random_bytes(8));
    const std::string image = g.bytes();
    auto file = aka::gguf::parse(aka::as_bytes(image));
    REQUIRE_OK(file);
    const auto& f = *file.get_if();
    auto d = aka::to_ggml(f.find("blk.0.attn_q.weight"));
    REQUIRE_OK(d);
    CHECK(d.get_if()->type == 12);
    CHECK(d.get_if()->n_dims == 3);
    CHECK(std::vector<std::int64_t>(d.get_if()->ne, d.get_if()->ne + 4) ==
          std::vector<std::int64_t>{256, 2, 3, 1});
    CHECK(std::string(d.get_if()->name) == "blk.0.attn_q.weight");
    CHECK_OK(aka::to_ggml(f.find(std::string(63, 'x'))));
    CHECK_REFUSED(aka::to_ggml(f.find(std::string(64, 'x'))), bad_name);
    CHECK_OK(aka::to_ggml<128>(f.find(std::string(64, 'x'))));
    CHECK_REFUSED(aka::to_ggml(f.find("nobody")), not_found);

    const std::string other =
        test::write_safetensors({made("u", "U64", {2}), made("five", "F32", {1, 1, 1, 1, 2}),
                                 made("nul\0inside", "F32", {2}), made("scalar", "F32", {}),
                                 made("huge", "I8", {UINT64_MAX, 0})});
    auto st = aka::safetensors::parse(aka::as_bytes(other));
    REQUIRE_OK(st);
    CHECK_REFUSED(aka::to_ggml(st.get_if()->find("u")), wrong_type);
    CHECK_REFUSED(aka::to_ggml(st.get_if()->find("five")), bad_rank);
    CHECK_REFUSED(aka::to_ggml(st.get_if()->find("huge")), size_overflow);
    CHECK(aka::to_ggml(st.get_if()->find("scalar")).get_if()->n_dims == 1);
}

#if defined(__unix__)
TEST_CASE("ggml: its tensors have our type, sizes, name and bytes") {
    SKIP_WITHOUT_GGML();
    test::gguf_writer g;
    std::uint64_t seed = 0;
    for (const test::ggml_type_row& row : test::ggml_types)
        for (std::size_t rank = 1; row.elems != 0 && rank <= 4; ++rank) {
            dims shape(rank, 2);
            for (std::size_t i = 0; i < rank; ++i) shape[i] += rank - i;
            shape.back() = std::uint64_t{2} * row.elems;
            const auto size = static_cast<std::size_t>(test::ggml_bytes(row.id, shape));
            g.add_tensor(std::string(row.name) + "." + std::to_string(rank), row.id, shape,
                         test::random_bytes(size, ++seed));
        }
    const std::string image = g.bytes();
    auto file = aka::gguf::parse(aka::as_bytes(image));
    REQUIRE_OK(file);
    REQUIRE(file.get_if()->size() > 100);
    const auto& lib = test::ggml();
    ggml_context* context = lib.ggml_init({std::size_t{1} << 20, nullptr, true});
    gguf_context* made_by_ggml = lib.gguf_init_empty();
    REQUIRE(context != nullptr);
    std::int64_t at = 0;
    for (const aka::tensor t : *file.get_if()) {
        const std::string name(t.name());
        CAPTURE(name);
        auto d = aka::to_ggml(t);
        REQUIRE_OK(d);
        const auto& o = *d.get_if();
        ggml_tensor* w = lib.ggml_new_tensor(context, o.type, o.n_dims, o.ne);
        REQUIRE(w != nullptr);
        lib.ggml_set_name(w, o.name);
        CHECK(lib.ggml_nbytes(w) == t.size_bytes());
        CHECK(static_cast<std::uint64_t>(lib.ggml_nelements(w)) == t.elements());
        // What ggml itself would write of this tensor.
        lib.gguf_add_tensor(made_by_ggml, w);
        CHECK(lib.gguf_get_tensor_name(made_by_ggml, at) == name);
        CHECK(lib.gguf_get_tensor_type(made_by_ggml, at) == t.ggml_type());
        for (std::size_t i = 0; i < 4; ++i)
            CHECK(static_cast<std::uint64_t>(lib.gguf_get_tensor_ne(made_by_ggml, at)[i]) ==
                  t.shape().ne()[i]);
        ++at;
    }
    lib.gguf_free(made_by_ggml);
    lib.ggml_free(context);
}

// ---- mdspan before C++23: what the header asks of a type, and no more --------------------------

struct extents17 {
    using index_type = int;
    static constexpr std::size_t rank() noexcept { return 2; }
    static constexpr std::size_t static_extent(std::size_t i) noexcept {
        return i == 0 ? static_cast<std::size_t>(-1) : 5;  // any number of rows of 5
    }
    extents17(int r, int c) : n{r, c} {}
    int n[2];
};
template <bool RowMajor>
struct mdspan17 {
    using element_type = const float;
    using index_type = int;
    using extents_type = extents17;
    mdspan17(const float* p, extents17 e) : data(p), extents(e) {}
    int extent(std::size_t i) const { return extents.n[i]; }
    int stride(std::size_t i) const { return (i == 0) == RowMajor ? extent(RowMajor ? 1 : 0) : 1; }
    const float* data;
    extents17 extents;
};

TEST_CASE("an mdspan of C++17") {
    if (AKA_BIG_ENDIAN_HOST != 0) SKIP_TEST("the numbers are in the other byte order");
    const saved file({made("w", "F32", {3, 5}), made("other", "F32", {5, 3})});
    const aka::checkpoint c = file.open();
    const auto w = aka::as_mdspan<mdspan17<true>>(c.find("w"));
    REQUIRE_OK(w);
    CHECK(w.get_if()->data == c.find("w").as<float>().get_if()->data());
    CHECK(w.get_if()->extent(0) == 3);
    CHECK(aka::as_mdspan<mdspan17<true>>(c.find("other")).code() == aka::errc::size_mismatch);
    CHECK(aka::as_mdspan<mdspan17<false>>(c.find("w")).code() == aka::errc::unsupported);
}

// ---- std::mdspan: C++23 and libc++, so a program of its own ------------------------------------

TEST_CASE("std::mdspan and std::span") {
    if (AKA_BIG_ENDIAN_HOST != 0) SKIP_TEST("the numbers are in the other byte order");
    const saved file({made("w", "F32", {3, 5}), made("h", "F16", {2, 3}), made("c", "C64", {2, 2}),
                      made("scalar", "F64", {}), made("large", "I8", {2, 200}),
                      made("empty", "F32", {4, 0, 2})});
    const std::string program = (file.folder / "mdspan").string();
    const std::string compile =
        "clang++-19 -std=c++23 -stdlib=libc++ -Wall -Wextra -Wpedantic -Wconversion -Wshadow "
        "-Werror -I" AKA_SOURCE_DIR "/include ";
    if (test::run_program(compile + "-include mdspan -fsyntax-only -x c++ /dev/null").exit_code !=
        0)
        SKIP_TEST("no std::mdspan (Debian: clang-19 and libc++-19-dev)");
    const auto built =
        test::run_program(compile + AKA_SOURCE_DIR "/tests/interop/mdspan.cpp -o " + program);
    REQUIRE_MESSAGE(built.exit_code == 0, built.err);
    const auto run =
        test::run_program(program + " " + (file.folder / "model.safetensors").string());
    CHECK_MESSAGE(run.exit_code == 0, run.out);
    CHECK(run.out == "mdspan: fine\n");
}
#endif

}  // namespace test_interop
