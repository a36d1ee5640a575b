// What aka-list and aka-identify show of quantised and vision-language checkpoints, word for word;
// and how all that they show fits a terminal.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/model.hpp"
#include "support/programs.hpp"
#include "support/terminal.hpp"
#include "support/writer.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test_views {

namespace {

namespace fs = std::filesystem;
using test::st_tensor;
using sizes = std::vector<std::uint64_t>;

// Llama 3.1 8B.
test::model_config llama_8b() {
    test::model_config c;
    c.n_layer = 32;
    c.n_embd = 4096;
    c.n_head = 32;
    c.n_head_kv = 8;
    c.head_dim = 128;
    c.n_ff = 14336;
    c.n_vocab = 128256;
    c.dtype = "F16";
    return c;
}
// The parts that a weight of [out, in] is stored in.
std::vector<st_tensor> gptq(const std::string& base, std::uint64_t out, std::uint64_t in) {
    return {{base + "qweight", "I32", {in / 8, out}, {}},
            {base + "qzeros", "I32", {in / 128, out / 8}, {}},
            {base + "scales", "F16", {in / 128, out}, {}},
            {base + "g_idx", "I32", {in}, {}}};
}
std::vector<st_tensor> awq(const std::string& base, std::uint64_t out, std::uint64_t in) {
    return {{base + "qweight", "I32", {in, out / 8}, {}},
            {base + "qzeros", "I32", {in / 128, out / 8}, {}},
            {base + "scales", "F16", {in / 128, out}, {}}};
}

void write_folder(const fs::path& folder, const std::vector<st_tensor>& tensors,
                  const test::model_config& c, const std::string& type,
                  const std::string& settings = {}) {
    fs::create_directories(folder);
    test::write_sparse_safetensors(folder / "model.safetensors", tensors);
    std::string config = test::hf_config_json(c, type, "ForCausalLM");
    if (!settings.empty())
        config.replace(config.rfind('}'), 1, ", \"quantization_config\": {" + settings + "}}");
    test::write_file(folder / "config.json", config);
}
// Returns how many weights there are, whatever they are packed in.
template <class Pack>
std::uint64_t write_packed(const fs::path& folder, Pack pack, const std::string& settings) {
    const test::model_config c = llama_8b();
    std::vector<st_tensor> all;
    std::uint64_t weights = 0;
    for (const st_tensor& t : test::model_shapes(c).list()) {
        weights += test::count_elements(t.shape);
        const std::size_t end = t.name.rfind("_proj.weight");
        if (end == t.name.npos) {
            all.push_back(t);
            continue;
        }
        for (const st_tensor& p : pack(t.name.substr(0, end + 6), t.shape[0], t.shape[1]))
            all.push_back(p);
    }
    write_folder(folder, all, c, "llama", settings);
    return weights;
}

// Qwen2-VL 7B.
void write_vision(const fs::path& folder) {
    test::model_config c;
    c.n_layer = 28;
    c.n_embd = 3584;
    c.n_head = 28;
    c.n_head_kv = 4;
    c.head_dim = 128;
    c.n_ff = 18944;
    c.n_vocab = 152064;
    c.dtype = "BF16";
    std::vector<st_tensor> all;
    for (const st_tensor& t : test::model_shapes(c).list()) {
        all.push_back(t);
        for (const char* end : {"q_proj.weight", "k_proj.weight", "v_proj.weight"})
            if (const std::size_t at = t.name.rfind(end); at != t.name.npos)
                all.push_back({t.name.substr(0, at + 7) + "bias", "BF16", {t.shape[0]}, {}});
    }
    const std::pair<const char*, sizes> block[] = {
        {"attn.proj", {1280, 1280}}, {"attn.qkv", {3840, 1280}}, {"mlp.fc1", {5120, 1280}},
        {"mlp.fc2", {1280, 5120}},   {"norm1", {1280}},          {"norm2", {1280}}};
    const auto add = [&](const std::string& module, const sizes& shape) {
        all.push_back({module + ".weight", "BF16", shape, {}});
        all.push_back({module + ".bias", "BF16", {shape[0]}, {}});
    };
    for (int l = 0; l < 32; ++l)
        for (const auto& m : block)
            add("visual.blocks." + std::to_string(l) + "." + m.first, m.second);
    add("visual.merger.ln_q", {1280});
    add("visual.merger.mlp.0", {5120, 5120});
    add("visual.merger.mlp.2", {3584, 5120});
    all.push_back({"visual.patch_embed.proj.weight", "BF16", {1280, 3, 2, 14, 14}, {}});
    write_folder(folder, all, c, "qwen2_vl");
}

std::string shown(const std::string& program, const std::vector<std::string>& arguments) {
    const test::program_result r = test::run_named(program, arguments);
    CHECK(r.exit_code == 0);
    CHECK(r.err == "");
    return r.out;
}
std::string golden(const std::string& name) {
    return test::read_file(test::samples() / "views" / (name + ".txt"));
}
std::uint64_t parameters(const fs::path& folder) {
    return test::json::parse(shown("aka-list", {"--json", folder.string()}))["parameters"].as_u64();
}

}  // namespace

// ---- word for word -----------------------------------------------------------------------------

TEST_CASE("views: GPTQ, whose integers are eight weights each") {
    NEEDS_PROGRAM("aka-list");
    NEEDS_PROGRAM("aka-identify");
    const test::temp_folder folder;
    const fs::path path = folder / "Llama-3.1-8B-GPTQ";
    const std::uint64_t weights =
        write_packed(path, gptq, R"("quant_method": "gptq", "bits": 4, "group_size": 128)");
    CHECK(weights == 8030261248);
    CHECK(parameters(path) == weights);
    CHECK(shown("aka-list", {path.string()}) == golden("gptq_list"));
    CHECK(shown("aka-list", {path.string(), "*.q_proj"}) == golden("gptq_names"));
    CHECK(shown("aka-identify", {path.string()}) == golden("gptq_identify"));
}

TEST_CASE("views: AWQ") {
    NEEDS_PROGRAM("aka-list");
    NEEDS_PROGRAM("aka-identify");
    const test::temp_folder folder;
    const fs::path path = folder / "Llama-3.1-8B-AWQ";
    const std::uint64_t weights = write_packed(
        path, awq, R"("quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm")");
    CHECK(parameters(path) == weights);
    CHECK(shown("aka-list", {path.string()}) == golden("awq_list"));
    CHECK(shown("aka-identify", {path.string()}) == golden("awq_identify"));
}

TEST_CASE("views: a language model and its eyes") {
    NEEDS_PROGRAM("aka-list");
    NEEDS_PROGRAM("aka-identify");
    const test::temp_folder folder;
    const fs::path path = folder / "Qwen2-VL-7B";
    write_vision(path);
    CHECK(shown("aka-list", {path.string()}) == golden("vision_list"));
    CHECK(shown("aka-identify", {path.string()}) == golden("vision_identify"));
}

TEST_CASE("views: integers of which nobody knows how many weights they are") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    test::write_sparse_safetensors(folder / "a.safetensors", gptq("h.0.c_attn.", 256, 512));
    const std::string text = shown("aka-list", {(folder / "a.safetensors").string()});
    CHECK_MESSAGE(text.find(" stored numbers") != text.npos, text);
    CHECK(text.find("parameters") == text.npos);
}

// ---- on a terminal -----------------------------------------------------------------------------

#if !defined(_WIN32)
namespace {

struct command {
    const char* program;
    std::vector<std::string> arguments;
};
std::vector<command> commands(const std::string& path) {
    return {{"aka-list", {path}},
            {"aka-list", {path, "*"}},
            {"aka-list", {"--long", path}},
            {"aka-list", {"--no-fold", path}},
            {"aka-list", {"--metadata", path}},
            {"aka-list", {"--check", path}},
            {"aka-list", {"--as=gguf", path}},
            {"aka-identify", {path}},
            {"aka-identify", {"--hparams", path}},
            {"aka-compare", {path, path}},
            {"aka-rename", {"--to=gguf", path}}};
}
// Of UTF-8: Han characters are two columns wide, everything else that is written here one.
std::size_t columns_of(std::string_view line) {
    std::size_t n = 0;
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 || byte >= 0xc0) ++n;
        if (byte >= 0xe4 && byte <= 0xe9) ++n;
    }
    return n;
}
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
        out.push_back(text.substr(begin, end - begin));
    return out;
}

}  // namespace

TEST_CASE("views: no line is longer than the terminal, and none is lost") {
    NEEDS_PROGRAM("aka-list");
    NEEDS_PROGRAM("aka-identify");
    NEEDS_PROGRAM("aka-compare");
    NEEDS_PROGRAM("aka-rename");
    NEEDS_TERMINAL();
    for (const char* sample : {"yi", "baichuan", "llama.gguf"}) {
        const std::string path = (test::samples() / sample).string();
        for (const command& c : commands(path)) {
            CAPTURE(c.program);
            CAPTURE(c.arguments[0]);
            const auto piped =
                lines_of(test::run_named(c.program, c.arguments, "LC_ALL=C.UTF-8").out);
            for (const int columns : {40, 80, 120, 200}) {
                CAPTURE(columns);
                const auto r =
                    test::on_terminal(columns, c.program, c.arguments, "NO_COLOR=1 LC_ALL=C.UTF-8");
                CHECK(r.exit_code == 0);
                const auto lines = lines_of(r.out);
                CHECK(lines.size() >= piped.size());
                for (const std::string& line : lines)
                    CHECK_MESSAGE(columns_of(line) <= static_cast<std::size_t>(columns), line);
            }
        }
    }
}

TEST_CASE("views: escapes are for terminals that want them") {
    NEEDS_PROGRAM("aka-list");
    NEEDS_PROGRAM("aka-identify");
    NEEDS_PROGRAM("aka-compare");
    NEEDS_PROGRAM("aka-rename");
    NEEDS_TERMINAL();
    const auto escapes = [](const std::string& text) { return text.find('\x1b') != text.npos; };
    for (const command& c : commands((test::samples() / "yi").string())) {
        CAPTURE(c.program);
        CAPTURE(c.arguments[0]);
        CHECK(escapes(test::on_terminal(80, c.program, c.arguments).out));
        for (const std::string no : {"NO_COLOR=1", "TERM=dumb", "TERM="})
            CHECK_FALSE(escapes(test::on_terminal(80, c.program, c.arguments, no).out));
        CHECK_FALSE(escapes(test::run_named(c.program, c.arguments).out));
        // Colours take no room: without them, the text is the same.
        std::string plain, coloured = test::on_terminal(60, c.program, c.arguments).out;
        for (std::size_t i = 0; i < coloured.size(); ++i)
            coloured[i] == '\x1b' ? void(i = coloured.find('m', i)) : plain.push_back(coloured[i]);
        CHECK(plain == test::on_terminal(60, c.program, c.arguments, "NO_COLOR=1").out);
    }
}

TEST_CASE("views: wide characters are two columns") {
    NEEDS_PROGRAM("aka-list");
    NEEDS_TERMINAL();
    const test::temp_folder folder;
    // One long, of 32 characters; one short; and one of plain letters.
    std::string han;
    for (int i = 0; i < 16; ++i) han += "\xe6\x9d\x83\xe9\x87\x8d";
    const std::vector<st_tensor> all = {{han + ".a", "F32", {4, 4}, {}},
                                        {"\xe6\x9d\x83.b", "F32", {4, 4}, {}},
                                        {"plain.c", "F32", {4, 4}, {}}};
    const fs::path path = folder / "\xe6\xa8\xa1\xe5\x9e\x8b.safetensors";
    test::write_sparse_safetensors(path, all);
    for (const int columns : {40, 80, 120}) {
        CAPTURE(columns);
        const auto lines =
            lines_of(test::on_terminal(columns, "aka-list", {"--no-fold", path.string()},
                                       "NO_COLOR=1 LC_ALL=C.UTF-8")
                         .out);
        std::vector<std::size_t> where;  // the size's last column
        for (const std::string& line : lines) {
            CHECK_MESSAGE(columns_of(line) <= static_cast<std::size_t>(columns), line);
            if (const std::size_t at = line.find("64 B");
                at != line.npos && line.find("192 B") == line.npos)
                where.push_back(columns_of(line.substr(0, at)));
        }
        REQUIRE(where.size() == 3);
        CHECK(where[0] == where[1]);
        CHECK(where[1] == where[2]);
    }
}
#endif

}  // namespace test_views
