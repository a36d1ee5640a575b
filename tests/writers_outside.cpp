// Files with headers that aka rendered, read by others: ggml itself, and the JavaScript readers of
// Hugging Face, @huggingface/gguf and @huggingface/hub (see .ci/run for what installs them).
#include <aka/write_gguf.hpp>
#include <aka/write_safetensors.hpp>
#include <doctest/doctest.h>

#include "support/expect_gguf.hpp"
#include "support/expect_tensors.hpp"
#include "support/files.hpp"
#include "support/ggml_library.hpp"
#include "support/json.hpp"
#include "support/node_readers.hpp"
#include "support/read_back.hpp"
#include "support/written.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace test_writers_outside {

namespace fs = std::filesystem;
using aka::header_metadata;
using aka::metadata_edits;
using aka::tensor_entry;

namespace {

void save(const fs::path& path, const aka::header_bytes& h, const std::vector<tensor_entry>& places,
          const std::vector<std::string>& data) {
    std::string out(test::text_of(h.bytes()));
    out.resize(static_cast<std::size_t>(h.file_size()), '\0');
    for (std::size_t i = 0; i < places.size(); ++i)
        out.replace(static_cast<std::size_t>(h.size() + places[i].offset), data[i].size(), data[i]);
    test::write_file(path, out);
}

const std::string odd = "quote\" back\\ tab\t gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \x7f\x01";

void set_keys(metadata_edits& e) {
    REQUIRE_OK(e.set("general.architecture", "llama"));
    REQUIRE_OK(e.set_text("u8", "u8:255"));
    REQUIRE_OK(e.set_text("i8", "i8:-128"));
    REQUIRE_OK(e.set_text("u16", "u16:65535"));
    REQUIRE_OK(e.set_text("i16", "i16:-32768"));
    REQUIRE_OK(e.set_text("u32", "u32:4294967295"));
    REQUIRE_OK(e.set_text("i32", "i32:-2147483648"));
    REQUIRE_OK(e.set_text("u64", "u64:18446744073709551615"));
    REQUIRE_OK(e.set_text("i64", "i64:-9223372036854775808"));
    REQUIRE_OK(e.set_text("f32", "f32:1e-5"));
    REQUIRE_OK(e.set_text("f64", "f64:-0.1"));
    REQUIRE_OK(e.set_text("yes", "bool:true"));
    REQUIRE_OK(e.set_text("heads", "i32[]:8,0,-4"));
    REQUIRE_OK(e.set_text("scores", "f32[]:0.5,-1.25"));
    REQUIRE_OK(e.set_text("flags", "bool[]:true,false"));
    REQUIRE_OK(e.set_text("words", R"(string[]:["a\n", "", "\u00e4,b"])"));
    REQUIRE_OK(e.set("text " + odd, odd));
}

// One of each form of GGUF: version, byte order, alignment, padding.
struct gguf_form {
    const char* name;
    aka::gguf_format format;
    std::uint32_t alignment;
    aka::header_padding padding;
};
const gguf_form gguf_forms[] = {
    {"plain", {3}, 32, {}},
    {"version2", {2}, 32, {}},
    {"aligned", {3}, 4096, {}},
    {"packed", {3}, 1, {}},
    {"padded", {3}, 32, {4096, 64, 0, 0}},
    {"big", {3, true}, 64, {}},
};

std::vector<test::gguf_tensor> gguf_tensors() {
    std::vector<test::gguf_tensor> all = test::every_ggml_type();
    all.push_back(test::filled_gguf(odd, 0, {3}));
    all.push_back(test::filled_gguf(std::string(63, 'n'), 1, {2, 5}));
    return all;
}
fs::path save_gguf(const test::temp_folder& folder, const gguf_form& form,
                   const std::vector<test::gguf_tensor>& tensors) {
    std::vector<tensor_entry> entries;
    std::vector<std::string> data;
    for (const test::gguf_tensor& t : tensors) {
        entries.push_back(test::entry(t.name, aka::dtype_from_ggml(t.type), t.shape, t.bytes()));
        data.push_back(form.format.big_endian ? test::ggml_swap(t.type, t.data) : t.data);
    }
    metadata_edits edits;
    set_keys(edits);
    REQUIRE_OK(edits.set("general.alignment", form.alignment));
    header_metadata keys;
    keys.edits = &edits;
    REQUIRE_OK(aka::lay_out_gguf(entries, form.alignment));
    const auto h = aka::render_gguf(entries, keys, form.format, form.padding);
    REQUIRE_OK(h);
    const fs::path path = folder / (std::string(form.name) + ".gguf");
    save(path, *h, entries, data);
    return path;
}

// What JavaScript has for a value: large integers came as text.
bool same(const test::json& found, const test::gguf_value& expected) {
    using test::gguf_kind;
    switch (static_cast<gguf_kind>(expected.kind)) {
        case gguf_kind::string:
            return found.is_string() && found.text == expected.text;
        case gguf_kind::boolean:
            return found.as_bool() == (expected.bits != 0);
        case gguf_kind::array: {
            if (found.size() != expected.items.size()) return false;
            for (std::size_t i = 0; i < found.size(); ++i)
                if (!same(found[i], expected.items[i])) return false;
            return true;
        }
        case gguf_kind::f32:
            return test::gguf_of(static_cast<float>(found.as_double())).bits == expected.bits;
        case gguf_kind::f64:
            return test::gguf_of(found.as_double()).bits == expected.bits;
        case gguf_kind::i8:
        case gguf_kind::i16:
        case gguf_kind::i32:
        case gguf_kind::i64:
            return found.text == std::to_string(static_cast<std::int64_t>(expected.bits));
        default:
            return found.text == std::to_string(expected.bits);
    }
}
std::uint64_t count(const test::json& v) { return std::stoull(v.text); }

}  // namespace

TEST_CASE("@huggingface/gguf reads what was written") {
    if (const std::string why = test::node_problem(); !why.empty()) SKIP_TEST(why);
    const test::temp_folder folder;
    const auto tensors = gguf_tensors();
    std::vector<fs::path> files;
    for (const gguf_form& form : gguf_forms) files.push_back(save_gguf(folder, form, tensors));
    const auto all = test::read_with_node(files);
    for (std::size_t f = 0; f < files.size(); ++f) {
        CAPTURE(files[f].string());
        const std::string bytes = test::read_file(files[f]);
        const test::stored_file expected = test::read_back_gguf(bytes);
        const test::json& found = all[f];
        CHECK(found["version"].as_u64() == expected.version);
        CHECK(found["littleEndian"].as_bool() == !expected.big_endian);
        CHECK(found["keys"].size() == expected.keys.size());
        for (const auto& k : expected.keys) {
            const std::string& key = k.first;
            const test::gguf_value& value = k.second;
            CAPTURE(key);
            const test::json* v = found["keys"].find(key);
            REQUIRE(v != nullptr);
            CHECK((*v)["type"].as_u64() == value.kind);
            CHECK((*v)["element"].as_u64() == value.element);
            CHECK(same((*v)["value"], value));
        }
        CHECK(found["tensors"].size() == tensors.size());
        for (const test::gguf_tensor& t : tensors) {
            CAPTURE(t.name);
            const test::json* v = found["tensors"].find(t.name);
            REQUIRE(v != nullptr);
            CHECK((*v)["type"].as_u64() == t.type);
            REQUIRE((*v)["shape"].size() == t.shape.size());
            for (std::size_t d = 0; d < t.shape.size(); ++d)
                CHECK(count((*v)["shape"][d]) == t.shape[d]);
            CHECK(bytes.substr(static_cast<std::size_t>(count((*v)["begin"])), t.data.size()) ==
                  (expected.big_endian ? test::ggml_swap(t.type, t.data) : t.data));
        }
    }
}

TEST_CASE("@huggingface/hub reads what was written") {
    if (const std::string why = test::node_problem(); !why.empty()) SKIP_TEST(why);
    const test::temp_folder folder;
    auto tensors = test::every_dtype();
    tensors.push_back(test::filled(odd, "F32", {3}));
    tensors.push_back(test::filled(std::string(300, 'n'), "BF16", {1, 2, 3, 4, 5, 6}));
    metadata_edits edits;
    REQUIRE_OK(edits.set("format", "pt"));
    REQUIRE_OK(edits.set(odd, odd + "\n"));
    header_metadata keys;
    keys.edits = &edits;
    std::vector<fs::path> files;
    for (const std::uint64_t align : {1u, 8u, 4096u}) {
        std::vector<tensor_entry> entries;
        std::vector<std::string> data;
        for (const test::st_tensor& t : tensors) {
            entries.push_back(
                test::entry(t.name, aka::dtype_from_name(t.dtype), t.shape, t.bytes()));
            data.push_back(t.data);
        }
        REQUIRE_OK(aka::lay_out_safetensors(entries, {aka::safetensors_order::aligned, align}));
        aka::header_padding pad;
        pad.align = align;
        const auto h = aka::render_safetensors(entries, keys, pad);
        REQUIRE_OK(h);
        files.push_back(folder / ("a" + std::to_string(align) + ".safetensors"));
        save(files.back(), *h, entries, data);
    }
    const auto all = test::read_with_node(files);
    for (std::size_t f = 0; f < files.size(); ++f) {
        CAPTURE(files[f].string());
        const std::string bytes = test::read_file(files[f]);
        const test::json& found = all[f];
        CHECK(found["keys"].size() == 2);
        CHECK(found["keys"]["format"].as_string() == "pt");
        CHECK(found["keys"][odd].as_string() == odd + "\n");
        CHECK(found["tensors"].size() == tensors.size());
        for (const test::st_tensor& t : tensors) {
            CAPTURE(t.name);
            const test::json* v = found["tensors"].find(t.name);
            REQUIRE(v != nullptr);
            CHECK((*v)["type"].as_string() == t.dtype);
            CHECK((*v)["shape"].as_u64s() == t.shape);
            const std::uint64_t begin = (*v)["begin"].as_u64(), end = (*v)["end"].as_u64();
            CHECK(bytes.substr(static_cast<std::size_t>(begin),
                               static_cast<std::size_t>(end - begin)) == t.data);
        }
    }
}

#if defined(__unix__)
TEST_CASE("ggml loads what was written, all data of it") {
    SKIP_WITHOUT_GGML();
    using test::ggml;
    const test::temp_folder folder;
    const auto tensors = gguf_tensors();
    for (const gguf_form& form : gguf_forms) {
        CAPTURE(form.name);
        const fs::path path = save_gguf(folder, form, tensors);
        const test::ggml_file file(path, true);
        if (form.format.big_endian) {  // ggml reads its machine's byte order only
            CHECK(file.file == nullptr);
            continue;
        }
        REQUIRE_MESSAGE(file.file != nullptr, test::last_message);
        const test::stored_file expected = test::read_back(path);
        CHECK(ggml().gguf_get_version(file.file) == form.format.version);
        CHECK(ggml().gguf_get_alignment(file.file) == form.alignment);
        CHECK(ggml().gguf_get_data_offset(file.file) == expected.data_begin);
        REQUIRE(ggml().gguf_get_n_kv(file.file) == static_cast<std::int64_t>(expected.keys.size()));
        for (std::size_t i = 0; i < expected.keys.size(); ++i) {
            const auto id = static_cast<std::int64_t>(i);
            const test::gguf_value& v = expected.keys[i].second;
            CAPTURE(expected.keys[i].first);
            CHECK(expected.keys[i].first == ggml().gguf_get_key(file.file, id));
            REQUIRE(ggml().gguf_get_kv_type(file.file, id) == static_cast<int>(v.kind));
            if (v.kind == 8) CHECK(v.text == ggml().gguf_get_val_str(file.file, id));
            if (v.kind == 9) {
                REQUIRE(ggml().gguf_get_arr_type(file.file, id) == static_cast<int>(v.element));
                REQUIRE(ggml().gguf_get_arr_n(file.file, id) == v.items.size());
                for (std::size_t k = 0; v.element == 8 && k < v.items.size(); ++k)
                    CHECK(v.items[k].text == ggml().gguf_get_arr_str(file.file, id, k));
            }
            if (const unsigned width = test::gguf_widths[v.kind]; width != 0) {
                const void* at = ggml().gguf_get_val_data(file.file, id);
                CHECK(std::memcmp(at, &v.bits, width) == 0);
            }
        }
        REQUIRE(ggml().gguf_get_n_tensors(file.file) == static_cast<std::int64_t>(tensors.size()));
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            const auto id = static_cast<std::int64_t>(i);
            const test::gguf_tensor& t = tensors[i];
            CAPTURE(t.name);
            CHECK(t.name == ggml().gguf_get_tensor_name(file.file, id));
            CHECK(ggml().gguf_get_tensor_type(file.file, id) == static_cast<int>(t.type));
            const ggml_tensor* loaded = ggml().ggml_get_tensor(file.context, t.name.c_str());
            REQUIRE(loaded != nullptr);
            REQUIRE(ggml().ggml_nbytes(loaded) == t.bytes());
            const std::string_view data(static_cast<const char*>(ggml().ggml_get_data(loaded)),
                                        t.data.size());
            CHECK(data == t.data);
        }
    }
}
#endif

}  // namespace test_writers_outside
