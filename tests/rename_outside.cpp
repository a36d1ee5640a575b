// Whole files that were written by renaming, read by others: an independent reader of the tests,
// ggml itself, and the JavaScript readers of Hugging Face. All see the same names, types, shapes,
// places and bytes, and those are what the source has, moved by an independent writer.
#include "support/ggml_library.hpp"
#include "support/node_readers.hpp"
#include "support/outcome.hpp"
#include "support/read_back.hpp"
#include "support/rename_files.hpp"
#include "support/spellings.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_rename_outside {

namespace {

namespace fs = std::filesystem;

struct job {
    const char *model, *from, *to;  // to: also a spelling
    const char* convention;
    test::spelling_options source;
    const char* target;  // a folder, or one file
};
test::spelling_options written_as(std::size_t shards, test::container c = test::container::native) {
    test::spelling_options o;
    o.shards = shards;
    o.container = c;
    return o;
}
std::vector<job> jobs() {
    using test::container;
    return {
        {"gqa", "yi_v1", "hf_llama", "hf", written_as(1), "a.safetensors"},
        {"gqa", "yi_v1", "hf_llama", "hf", written_as(3), "folder"},
        {"mha", "baichuan", "hf_llama", "hf", written_as(2), "folder"},
        {"gqa", "hf_llama", "meta_llama", "meta", written_as(3), "folder"},
        {"moe", "mixtral_hf", "gguf:llama", "gguf:llama", written_as(2), "a.gguf"},
        {"gqa", "hf_llama", "gguf:llama", "gguf:llama", written_as(1), "a.gguf"},
        {"gqa", "gguf:llama", "hf_llama", "hf", written_as(1), "a.safetensors"},
        {"gqa", "gguf:llama", "hf_llama", "hf", written_as(3), "folder"},
        {"mha", "yi_v1", "gguf:llama", "gguf:llama", written_as(2, container::gguf), "folder"},
        {"gqa", "hf_llama", "yi_v1", "yi_v1", written_as(1, container::gguf), "a.gguf"},
    };
}

// What the files are to hold: the model as the tests' own writer spells it. GGUF has vectors and
// routers in F32, wherever aka gives a tensor GGUF's names.
std::map<std::string, test::stored_tensor> expected_of(const test::model& m, const job& j) {
    const test::spelling& to = test::find_spelling(j.to);
    std::map<std::string, test::stored_tensor> out;
    for (const test::st_tensor& t : to.write(m)) {
        test::stored_tensor e;
        e.dtype = t.dtype, e.shape = t.shape, e.data = t.data;
        if (to.gguf() && t.name.find("ffn_gate_inp") != std::string::npos) {
            e.data = test::encode_floats(test::decode_floats(t.data, t.dtype), "F32");
            e.dtype = "F32";
        }
        out.emplace(t.name, std::move(e));
    }
    return out;
}

// Only values, whatever the type: from GGUF a vector comes as the F32 that it has there.
std::string values_of(const test::stored_tensor& t) {
    return test::encode_floats(test::decode_floats(t.data, t.dtype), "F32");
}

std::uint64_t count(const test::json& v) { return std::stoull(v.text); }

// One file as JavaScript sees it.
void check_node(const test::json& found, const test::stored_file& expected,
                const std::string& bytes) {
    const bool gguf = bytes.compare(0, 4, "GGUF") == 0;
    REQUIRE(found["tensors"].size() == expected.tensors.size());
    CHECK(found["keys"].size() == expected.keys.size());
    for (const auto& entry : expected.tensors) {
        const std::string& name = entry.first;
        const test::stored_tensor& t = entry.second;
        CAPTURE(name);
        const test::json* v = found["tensors"].find(name);
        REQUIRE(v != nullptr);
        const std::uint64_t begin = count((*v)["begin"]);
        CHECK(begin == expected.data_begin + t.offset);
        CHECK((bytes.substr(static_cast<std::size_t>(begin), t.data.size()) == t.data));
        std::vector<std::uint64_t> shape;
        for (std::size_t d = 0; d < (*v)["shape"].size(); ++d)
            shape.push_back(count((*v)["shape"][d]));
        CHECK(shape == t.shape);
        if (gguf) {
            CHECK((*v)["type"].as_u64() == test::ggml_id_of(t.dtype));
        } else {
            CHECK((*v)["type"].as_string() == t.dtype);
            CHECK(count((*v)["end"]) == begin + t.data.size());
        }
    }
}

#if defined(__unix__)
void check_ggml(const fs::path& path, const test::stored_file& expected) {
    using test::ggml;
    const test::ggml_file file(path, true);
    REQUIRE_MESSAGE(file.file != nullptr, test::last_message);
    CHECK(ggml().gguf_get_data_offset(file.file) == expected.data_begin);
    CHECK(ggml().gguf_get_alignment(file.file) == expected.alignment);
    REQUIRE(ggml().gguf_get_n_tensors(file.file) ==
            static_cast<std::int64_t>(expected.tensors.size()));
    for (const auto& entry : expected.tensors) {
        const std::string& name = entry.first;
        const test::stored_tensor& t = entry.second;
        CAPTURE(name);
        const std::int64_t id = ggml().gguf_find_tensor(file.file, name.c_str());
        REQUIRE(id >= 0);
        CHECK(ggml().gguf_get_tensor_type(file.file, id) ==
              static_cast<int>(test::ggml_id_of(t.dtype)));
        CHECK(ggml().gguf_get_tensor_offset(file.file, id) == t.offset);
        const std::int64_t* ne = ggml().gguf_get_tensor_ne(file.file, id);
        for (std::size_t d = 0; d < 4; ++d) {
            const std::size_t rank = t.shape.size();
            CHECK(static_cast<std::uint64_t>(ne[d]) == (d < rank ? t.shape[rank - 1 - d] : 1));
        }
        const ggml_tensor* loaded = ggml().ggml_get_tensor(file.context, name.c_str());
        REQUIRE(loaded != nullptr);
        REQUIRE(ggml().ggml_nbytes(loaded) == t.data.size());
        const std::string_view data(static_cast<const char*>(ggml().ggml_get_data(loaded)),
                                    t.data.size());
        CHECK((data == t.data));
    }
}
#endif

// Renames by one job, and gives the weights that were written, in order.
std::vector<fs::path> do_job(const job& j, const test::model& m, const fs::path& folder) {
    fs::create_directories(folder / "from");
    const fs::path source =
        test::write_spelling(test::find_spelling(j.from), m, folder / "from", j.source);
    aka::rewrite_options o;
    o.to = j.convention;
    const fs::path to = folder / j.target;
    if (to.has_extension())
        o.container = to.extension() == ".gguf" ? aka::checkpoint_format::gguf
                                                : aka::checkpoint_format::safetensors;
    const bool one = to.has_extension();
    const aka::status done = test::rename(source, to, o);
    REQUIRE_OK(done);
    std::vector<fs::path> out;
    if (one) return {to};
    for (const auto& f : fs::directory_iterator(to))
        if (f.path().extension() == ".gguf" || f.path().extension() == ".safetensors")
            out.push_back(f.path());
    std::sort(out.begin(), out.end());
    return out;
}

test::model model_of(const std::string& name) {
    for (test::named_model& m : test::standard_models("BF16"))
        if (m.name == name) return std::move(m.model);
    throw std::runtime_error("no model " + name);
}

}  // namespace

TEST_CASE("files written by renaming hold what the source has, by every reader") {
    const std::string no_node = test::node_problem();
    bool ggml_there = false;
#if defined(__unix__)
    ggml_there = test::ggml().problem.empty();
#endif
    for (const job& j : jobs()) {
        CAPTURE(j.from);
        CAPTURE(j.to);
        CAPTURE(j.target);
        CAPTURE(j.source.shards);
        const test::temp_folder folder;
        const test::model m = model_of(j.model);
        const std::vector<fs::path> files = do_job(j, m, folder.path());
        const std::size_t parts = fs::path(j.target).has_extension() ? 1 : j.source.shards;
        CHECK(files.size() == parts);
        auto expected = expected_of(m, j);
        const std::size_t tensors = expected.size();
        std::vector<test::json> by_node;
        if (no_node.empty()) by_node = test::read_with_node(files);
        std::size_t found = 0;
        for (std::size_t f = 0; f < files.size(); ++f) {
            CAPTURE(files[f].filename().string());
            const test::stored_file file = test::read_back(files[f]);
            CHECK_FALSE(file.tensors.empty());
            found += file.tensors.size();
            for (const auto& entry : file.tensors) {
                const std::string& name = entry.first;
                const test::stored_tensor& t = entry.second;
                CAPTURE(name);
                const auto at = expected.find(name);
                REQUIRE(at != expected.end());
                CHECK(t.shape == at->second.shape);
                if (t.shape.size() > 1) CHECK(t.dtype == at->second.dtype);
                CHECK((values_of(t) == values_of(at->second)));
                expected.erase(at);  // once, in one file
            }
            if (no_node.empty()) check_node(by_node[f], file, test::read_file(files[f]));
#if defined(__unix__)
            if (ggml_there && files[f].extension() == ".gguf") check_ggml(files[f], file);
#endif
        }
        CHECK(found == tensors);
        CHECK(expected.empty());
    }
    if (!no_node.empty()) SKIP_TEST(no_node);
    if (!ggml_there) SKIP_TEST("ggml is not there");
}

TEST_CASE("a file changed in place, by every reader") {
    if (const std::string why = test::node_problem(); !why.empty()) SKIP_TEST(why);
    const test::temp_folder folder;
    const test::model m = model_of("gqa");
    test::write_spelling(test::find_spelling("yi_v1"), m, folder.path());
    aka::rewrite_options o;
    o.to = "hf";
    for (const bool undo : {false, true}) {
        CAPTURE(undo);
        o.undo = undo;
        const aka::status done = test::rename(folder.path(), {}, o);
        REQUIRE_OK(done);
        const fs::path path = folder / "model.safetensors";
        const test::stored_file file = test::read_back(path);
        const auto expected = test::find_spelling(undo ? "yi_v1" : "hf_llama").write(m);
        CHECK(file.tensors.size() == expected.size());
        for (const test::st_tensor& t : expected) {
            CAPTURE(t.name);
            const auto at = file.tensors.find(t.name);
            REQUIRE(at != file.tensors.end());
            CHECK(at->second.dtype == t.dtype);
            CHECK(at->second.shape == t.shape);
            CHECK((at->second.data == t.data));
        }
        check_node(test::read_with_node({path})[0], file, test::read_file(path));
    }
}

}  // namespace test_rename_outside
