// aka-list as a user meets it: what it prints, in which form, and how it ends.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/model.hpp"
#include "support/model_gguf.hpp"
#include "support/programs.hpp"
#include "support/rounds.hpp"
#include "support/sanitized.hpp"
#include "support/spellings.hpp"
#include "support/terminal.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace test_list_cli {

namespace {

using test::json;
namespace fs = std::filesystem;

test::program_result run(const std::vector<std::string>& arguments,
                         const std::string& environment = {},
                         const std::string& program = "aka-list") {
    return test::run_named(program, arguments, environment);
}
json run_json(std::vector<std::string> arguments, int exit_code = 0) {
    arguments.insert(arguments.begin(), "--json");
    const test::program_result r = run(arguments);
    CAPTURE(r.err);
    CHECK(r.exit_code == exit_code);
    if (exit_code == 0) CHECK(r.err == "");
    return json::parse(r.out);
}

// ---- what the other side says: rows without aka ------------------------------------------------

struct row {
    std::string name, dtype, file;
    std::vector<std::uint64_t> shape;
    std::uint64_t offset = 0, bytes = 0;
};

// The header of a safetensors file, read in a few lines. False: it is cut off.
bool read_rows(const std::string& bytes, const std::string& file, std::vector<row>& out) {
    std::uint64_t n = 0;
    for (std::size_t i = 8; i-- > 0;) n = n << 8 | static_cast<unsigned char>(bytes.at(i));
    if (n > bytes.size() - 8) return false;
    const json header = json::parse(std::string_view(bytes).substr(8, static_cast<std::size_t>(n)));
    const std::size_t first = out.size();
    for (std::size_t i = 0; i < header.size(); ++i) {
        if (header.keys[i] == "__metadata__") continue;
        const json& t = header.items[i];
        const std::uint64_t begin = t["data_offsets"][0].as_u64();
        out.push_back({header.keys[i], t["dtype"].as_string(), file, t["shape"].as_u64s(),
                       8 + n + begin, t["data_offsets"][1].as_u64() - begin});
    }
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
              [](const row& a, const row& b) {
                  return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
              });
    return true;
}
std::vector<row> rows_of(const fs::path& file) {
    std::vector<row> out;
    REQUIRE(read_rows(test::read_file(file), file.filename().string(), out));
    return out;
}

std::string upper(std::string s) {
    for (char& c : s)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return s;
}
std::vector<row> rows_of(const test::gguf_writer& w, const std::string& file) {
    const test::gguf_layout where = w.layout();
    std::vector<row> out;
    for (std::size_t i = 0; i < w.tensors.size(); ++i) {
        const test::gguf_tensor& t = w.tensors[i];
        out.push_back({t.name, upper(test::ggml_type(t.type)->name), file, t.shape,
                       where.data_start + where.offsets[i], t.bytes()});
    }
    return out;
}

void check_rows(const json& listed, const std::vector<row>& expected, const std::string& format) {
    CHECK(listed["format"].as_string() == format);
    REQUIRE(listed["tensors"].size() == expected.size());
    std::uint64_t elements = 0, bytes = 0;
    std::vector<std::string> files;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const json& t = listed["tensors"][i];
        const row& e = expected[i];
        CAPTURE(e.name);
        CHECK(t["name"].as_string() == e.name);
        CHECK(t["dtype"].as_string() == e.dtype);
        CHECK(t["shape"].as_u64s() == e.shape);
        CHECK(t["bytes"].as_u64() == e.bytes);
        CHECK(t["file"].as_string() == e.file);
        CHECK(t["offset"].as_u64() == e.offset);
        elements += test::count_elements(e.shape);
        bytes += e.bytes;
        if (files.empty() || files.back() != e.file) files.push_back(e.file);
    }
    CHECK(listed["parameters"].as_u64() == elements);
    CHECK(listed["bytes"].as_u64() == bytes);
    if (expected.empty()) return;
    std::vector<std::string> said;
    for (const json& f : listed["files"].items) said.push_back(f.as_string());
    CHECK(said == files);
}

// What no JSON string can hold is written as \xNN.
std::string as_json_text(const std::string& s) {
    std::string out;
    for (std::size_t i = 0; i < s.size();) {
        const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(s[k]); };
        const std::size_t n = byte(i) < 0x80 ? 1 : byte(i) < 0xe0 ? 2 : byte(i) < 0xf0 ? 3 : 4;
        bool good = byte(i) < 0x80 || (byte(i) >= 0xc2 && byte(i) < 0xf5 && i + n <= s.size());
        for (std::size_t k = 1; good && k < n; ++k) good = (byte(i + k) & 0xc0) == 0x80;
        out += good ? s.substr(i, n) : "\\x" + test::hex_encode(s.substr(i, 1));
        i += good ? n : 1;
    }
    return out;
}

void check_value(const json& said, const test::gguf_value& v) {
    using kind = test::gguf_kind;
    const auto k = static_cast<kind>(v.kind);
    if (k == kind::string) {
        CHECK(said.as_string() == as_json_text(v.text));
    } else if (k == kind::array) {
        REQUIRE(said.is_array());
        REQUIRE(said.size() == v.items.size());
        for (std::size_t i = 0; i < v.items.size(); ++i) check_value(said[i], v.items[i]);
    } else if (k == kind::boolean) {
        CHECK(said.as_bool() == (v.bits != 0));
    } else if (k == kind::f32) {
        const float f = test::f32_from_bits(static_cast<std::uint32_t>(v.bits));
        if (std::isfinite(f))
            CHECK(test::f32_bits(std::strtof(said.text.c_str(), nullptr)) == v.bits);
        else
            CHECK(said.as_string() == (std::isnan(f) ? "NaN" : f < 0 ? "-Infinity" : "Infinity"));
    } else if (k == kind::f64) {
        double d = 0;
        std::memcpy(&d, &v.bits, sizeof d);
        CHECK(said.as_double() == d);
    } else if (k == kind::i8 || k == kind::i16 || k == kind::i32 || k == kind::i64) {
        CHECK(said.text == std::to_string(static_cast<std::int64_t>(v.bits)));
    } else {
        CHECK(said.as_u64() == v.bits);
    }
}
void check_metadata(const json& said, const test::gguf_writer& w) {
    std::vector<std::string> keys;
    for (const auto& kv : w.kvs) keys.push_back(as_json_text(kv.first));
    if (w.alignment != 32) keys.push_back("general.alignment");
    CHECK(said.keys == keys);
    for (const auto& kv : w.kvs) {
        CAPTURE(kv.first);
        check_value(said[as_json_text(kv.first)], kv.second);
    }
}

// A little-endian GGUF of version 2 or 3, read in a few lines into what the writer would be given.
class gguf_file {
  public:
    explicit gguf_file(std::string bytes) : bytes_(std::move(bytes)), at_(8) {
        const std::uint64_t tensors = number(8), keys = number(8);
        for (std::uint64_t i = 0; i < keys; ++i) {
            const std::string key = text();
            const auto kind = static_cast<std::uint32_t>(number(4));
            parts.kvs.emplace_back(key, value(kind));
        }
        for (std::uint64_t i = 0; i < tensors; ++i) {
            test::gguf_tensor t;
            t.name = text();
            t.shape.resize(static_cast<std::size_t>(number(4)));
            for (std::size_t d = t.shape.size(); d-- > 0;) t.shape[d] = number(8);
            t.type = static_cast<std::uint32_t>(number(4));
            t.offset = number(8);
            parts.tensors.push_back(t);
        }
        const std::uint64_t begin = test::round_up(at_, 32);
        for (const test::gguf_tensor& t : parts.tensors) {
            rows.push_back({t.name,
                            upper(test::ggml_type(t.type)->name),
                            {},
                            t.shape,
                            begin + *t.offset,
                            t.bytes()});
            whole = whole && begin + *t.offset + t.bytes() <= bytes_.size();
        }
    }
    test::gguf_writer parts;
    std::vector<row> rows;
    bool whole = true;

  private:
    std::uint64_t number(unsigned width) {
        std::uint64_t v = 0;
        for (unsigned i = width; i-- > 0;)
            v = v << 8 | static_cast<unsigned char>(bytes_.at(at_ + i));
        at_ += width;
        return v;
    }
    std::string text() {
        const auto n = static_cast<std::size_t>(number(8));
        at_ += n;
        return bytes_.substr(at_ - n, n);
    }
    test::gguf_value value(std::uint32_t kind) {
        test::gguf_value v;
        v.kind = kind;
        if (kind == static_cast<std::uint32_t>(test::gguf_kind::string)) {
            v.text = text();
        } else if (kind == static_cast<std::uint32_t>(test::gguf_kind::array)) {
            v.element = static_cast<std::uint32_t>(number(4));
            for (std::uint64_t n = number(8); n > 0; --n) v.items.push_back(value(v.element));
        } else {
            const unsigned width = test::gguf_widths[kind];
            v.bits = number(width);
            const bool is_signed = kind == 1 || kind == 3 || kind == 5;  // i8, i16, i32
            if (is_signed && v.bits >> (8 * width - 1) != 0)
                v.bits |= ~std::uint64_t{0} << 8 * width;
        }
        return v;
    }
    std::string bytes_;
    std::size_t at_;
};

// XXH64 with seed 0, as its specification says it, over a whole string.
std::string xxh64(std::string_view s) {
    const std::uint64_t p1 = 11400714785074694791u, p2 = 14029467366897019727u,
                        p3 = 1609587929392839161u, p4 = 9650029242287828579u,
                        p5 = 2870177450012600261u;
    const auto rotl = [](std::uint64_t v, int n) { return (v << n) | (v >> (64 - n)); };
    const auto read = [&](std::size_t at, std::size_t n) {
        std::uint64_t v = 0;
        while (n-- > 0) v = v << 8 | static_cast<unsigned char>(s[at + n]);
        return v;
    };
    const auto round = [&](std::uint64_t acc, std::uint64_t lane) {
        return rotl(acc + lane * p2, 31) * p1;
    };
    std::size_t at = 0;
    std::uint64_t h = p5;
    if (s.size() >= 32) {
        std::uint64_t acc[] = {p1 + p2, p2, 0, 0 - p1};
        for (; at + 32 <= s.size(); at += 32)
            for (std::size_t k = 0; k < 4; ++k) acc[k] = round(acc[k], read(at + 8 * k, 8));
        h = rotl(acc[0], 1) + rotl(acc[1], 7) + rotl(acc[2], 12) + rotl(acc[3], 18);
        for (const std::uint64_t a : acc) h = (h ^ round(0, a)) * p1 + p4;
    }
    h += s.size();
    for (; at + 8 <= s.size(); at += 8) h = rotl(h ^ round(0, read(at, 8)), 27) * p1 + p4;
    if (at + 4 <= s.size()) {
        h = rotl(h ^ (read(at, 4) * p1), 23) * p2 + p3;
        at += 4;
    }
    for (; at < s.size(); ++at) h = rotl(h ^ (read(at, 1) * p5), 11) * p1;
    h = (h ^ (h >> 33)) * p2;
    h = (h ^ (h >> 29)) * p3;
    h ^= h >> 32;
    test::bytes_builder big(test::byte_order::big);
    return test::hex_encode(big.put_u64(h).str());
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}
std::size_t count_lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// A table without its alignment.
std::string squeeze(const std::string& text) {
    std::string out;
    for (const char c : text)
        if (c != ' ' || out.empty() || out.back() != ' ') out += c;
    return out;
}

test::st_tensor hole(const std::string& name, const std::string& dtype,
                     std::vector<std::uint64_t> shape) {
    return {name, dtype, std::move(shape), {}};
}

// All but the line that says which convention it is.
std::string without_names(std::string text) {
    const std::size_t at = text.find("\nnames  ");
    return at == text.npos ? text : text.erase(at, text.find('\n', at + 1) - at);
}

// Of a program that is measured around the shell that starts it.
constexpr double seconds_to_list = test::timed ? 0.05 : 30;

// The size in the name of Llama 3.1 70B, in 30 shards: 141 GB, of which a few KB are on the disk.
test::model llama_70b() {
    test::model_config c;
    c.n_layer = 80;
    c.n_embd = 8192;
    c.n_head = 64;
    c.n_head_kv = 8;
    c.head_dim = 128;
    c.n_ff = 28672;
    c.n_vocab = 128256;
    c.dtype = "BF16";
    return test::model_shapes(c);
}

}  // namespace

// ---- --json against other readers --------------------------------------------------------------

TEST_CASE("aka-list --json: the samples") {
    NEEDS_PROGRAM("aka-list");
    for (const std::string name : {"yi", "baichuan"}) {
        const fs::path file = test::samples() / name / "model.safetensors";
        for (const fs::path& path : {file, file.parent_path()}) {
            const json listed = run_json({path.string()});
            check_rows(listed, rows_of(file), "safetensors");
            CHECK(listed["path"].as_string() == path.string());
            CHECK(listed["metadata"]["format"].as_string() == "pt");
        }
    }
    const fs::path sharded = test::samples() / "llama-sharded";
    std::vector<row> rows;
    for (const std::string part : {"1", "2", "3"})
        for (const row& r : rows_of(sharded / ("model-0000" + part + "-of-00003.safetensors")))
            rows.push_back(r);
    for (const fs::path& path : {sharded, sharded / "model.safetensors.index.json"}) {
        const json listed = run_json({path.string()});
        check_rows(listed, rows, "safetensors");
        CHECK(listed["metadata"]["total_size"].as_u64() == listed["bytes"].as_u64());
    }
    const fs::path gguf = test::samples() / "llama.gguf";
    gguf_file expected(test::read_file(gguf));
    for (row& r : expected.rows) r.file = "llama.gguf";
    const json listed = run_json({gguf.string()});
    check_rows(listed, expected.rows, "gguf");
    check_metadata(listed["metadata"], expected.parts);
}

TEST_CASE("aka-list --json: every file of the shared data") {
    NEEDS_PROGRAM("aka-list");
    SKIP_WITHOUT_DATA();
    std::size_t read = 0, refused = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(test::shared_data() / "files")) {
        const fs::path path = entry.path();
        const std::string file = path.filename().string();
        if (path.extension() != ".safetensors" && path.extension() != ".gguf") continue;
        CAPTURE(file);
        std::vector<row> rows;
        bool whole = true;
        const bool is_gguf = path.extension() == ".gguf";
        if (!is_gguf) {
            whole = read_rows(test::read_file(path), file, rows);
        } else {
            gguf_file expected(test::read_file(path));
            for (row& r : expected.rows) r.file = file;
            rows = expected.rows;
            whole = expected.whole;
            if (whole)
                check_metadata(run_json({"--metadata", path.string()})["metadata"], expected.parts);
        }
        ++(whole ? read : refused);
        if (whole)
            check_rows(run_json({path.string()}), rows, is_gguf ? "gguf" : "safetensors");
        else
            CHECK(run_json({path.string()}, 3)["error"]["file"].as_string() == path.string());
    }
    CHECK(read >= 25);
    CHECK(refused == 2);  // an abuse attempt, and a GGUF whose data is not there
}

TEST_CASE("aka-list --json: generated files of every type, order and cut") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    SUBCASE("safetensors") {
        std::vector<test::st_tensor> all;
        for (const test::st_dtype& d : test::st_dtypes) {
            all.push_back(hole(std::string(d.name) + ".matrix", d.name, {3, 8}));
            all.push_back(hole(std::string(d.name) + ".none", d.name, {2, 0, 5}));
            all.push_back(hole(std::string(d.name) + ".five", d.name, {1, 2, 1, 2, 4}));
            if (d.bits >= 8) all.push_back(hole(std::string(d.name) + ".scalar", d.name, {}));
        }
        test::st_options o;
        o.metadata_last = true;
        test::write_sparse_safetensors(folder / "a.safetensors", all, {{"k", "v \"w\""}}, o);
        const json listed = run_json({(folder / "a.safetensors").string()});
        check_rows(listed, rows_of(folder / "a.safetensors"), "safetensors");
        CHECK(listed["metadata"]["k"].as_string() == "v \"w\"");
    }
    for (const std::uint32_t version : {1u, 2u, 3u}) {
        for (const bool big : {false, true}) {
            CAPTURE(version);
            CAPTURE(big);
            test::gguf_writer w;
            w.version = version;
            w.big_endian = big;
            w.alignment = version == 3 ? 64 : 32;
            w.add("general.architecture", std::string("llama"));
            for (const test::ggml_type_row& t : test::ggml_types)
                if (t.elems != 0) w.add_tensor(t.name, t.id, {3, 2 * t.elems});
            w.save(folder / "a.gguf");
            const json listed = run_json({(folder / "a.gguf").string()});
            check_rows(listed, rows_of(w, "a.gguf"), "gguf");
            check_metadata(listed["metadata"], w);
        }
    }
    SUBCASE("a split GGUF, opened by any part") {
        test::model_config c;
        const test::gguf_writer whole = test::to_gguf(test::random_model(c, 7));
        std::vector<row> rows;
        for (const auto& [name, part] : test::gguf_split(whole, 3))
            for (const row& r : rows_of(part, name)) rows.push_back(r);
        for (const fs::path& part : test::write_gguf_split(folder.path(), whole, 3))
            check_rows(run_json({part.string()}), rows, "gguf");
    }
}

TEST_CASE("aka-list --json: metadata of every kind") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    test::gguf_writer w;
    w.add("u8", std::uint8_t{255}).add("i8", std::int8_t{-128}).add("u16", std::uint16_t{65535});
    w.add("i16", std::int16_t{-32768}).add("u32", UINT32_MAX).add("i32", INT32_MIN);
    w.add("u64", UINT64_MAX).add("i64", INT64_MIN).add("yes", true).add("no", false);
    for (const float f :
         {0.1f, 1e-5f, 3.4028235e38f, 1.4e-45f, -0.0f, 10000.0f, INFINITY, -INFINITY})
        w.add("f32 " + std::to_string(w.kvs.size()), f);
    w.add("nan", NAN).add("f64", 0.1).add("f64 least", 5e-324);
    const std::string controls = std::string("\n\x1b[31m \x7f \xc2\x85 \xe2\x80\xae ") + '\0';
    w.add("text", "a \"b\" \\ " + controls + " \xe2\x96\x81 z");
    w.add("bad text", std::string("\xff\xc0\x80 \xe2\x96"));
    w.add("key \x1b \xfe", std::string("v"));
    test::gguf_value names, numbers, nested;
    names.kind = numbers.kind = nested.kind = static_cast<std::uint32_t>(test::gguf_kind::array);
    names.element = static_cast<std::uint32_t>(test::gguf_kind::string);
    nested.element = names.kind;
    for (int i = 0; i < 5000; ++i) names.items.push_back(test::gguf_of("t" + std::to_string(i)));
    for (std::int32_t i = 0; i < 80; ++i) numbers.items.push_back(test::gguf_of(i - 40));
    numbers.element = static_cast<std::uint32_t>(test::gguf_kind::i32);
    nested.items = {numbers, numbers};
    w.kvs.emplace_back("nested", nested);
    w.kvs.emplace_back("numbers", numbers);
    w.kvs.emplace_back("tokens", names);
    w.save(folder / "m.gguf");
    const std::string path = (folder / "m.gguf").string();

    check_metadata(run_json({"--metadata", path})["metadata"], w);
    const json brief = run_json({path});
    CHECK(brief["metadata"]["tokens"]["array"].as_string() == "string");
    CHECK(brief["metadata"]["tokens"]["count"].as_u64() == 5000);
    check_value(brief["metadata"]["numbers"], numbers);  // one number a layer is no vocabulary
    CHECK(!has(run({"--json", path}).out, "\x1b"));

    const std::string text = run({"--metadata", path}).out;
    CHECK(has(text, "string[5000]  t0, t1, t2"));
    CHECK(has(text, "i32[80]"));
    CHECK(has(text, "i32[80][2]"));
    CHECK(has(text, "18446744073709551615"));
    CHECK(has(text, "-9223372036854775808"));
    CHECK(has(text, "\\x0a\\x1b[31m \\x7f \\xc2\\x85 \\xe2\\x80\\xae \\x00 \xe2\x96\x81 z"));
    CHECK(has(text, "\\xff\\xc0\\x80 \\xe2\\x96"));
    CHECK(!has(text, "t4999"));
}

// ---- for people --------------------------------------------------------------------------------

TEST_CASE("aka-list: rows of a dense model") {
    NEEDS_PROGRAM("aka-list");
    const test::program_result r = run({(test::samples() / "llama.gguf").string()});
    CHECK(r.exit_code == 0);
    CHECK(r.err == "");
    CHECK(r.out ==
          "llama.gguf | GGUF v3 | 21 tensors | 21152 parameters | 30.38 KiB | 11.76 bits a weight "
          "| F16 56 %, Q8_0 42 %, F32 2.1 %\n"
          "names  GGUF (gguf:llama), 21 of 21 recognised\n"
          "\n"
          "name                     tensors  params       size  share  type            largest\n"
          "token_embd.weight              1    1280   2.50 KiB  8.2 %  F16             [40, 32]\n"
          "blk.{0,1}           2 x        9    9280  12.62 KiB   83 %  Q8_0, F16, F32  [32, 64]\n"
          "output_norm.weight             1      32      128 B  0.4 %  F32             [32]\n"
          "output.weight                  1    1280   2.50 KiB  8.2 %  F16             [40, 32]\n");
    const std::string utf8 = run({(test::samples() / "yi").string()}, "LC_ALL=C.UTF-8").out;
    CHECK(has(utf8, "yi \xc2\xb7 safetensors \xc2\xb7 21 tensors"));
    CHECK(has(squeeze(utf8), "model.layers.{0,1} 2 \xc3\x97 9 9280 18.12 KiB 88 % F16 [32, 64]"));
}

TEST_CASE("aka-list: experts fold inside their layers, layers that differ do not") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    std::vector<test::st_tensor> all;
    all.push_back(hole("wte.weight", "BF16", {1000, 64}));
    for (int l = 0; l < 12; ++l) {
        const std::string p = "h." + std::to_string(l) + ".";
        all.push_back(hole(p + "self_attn.q_proj.weight", "BF16", {64, 64}));
        all.push_back(hole(p + "input_layernorm.weight", "F32", {64}));
        if (l == 0) all.push_back(hole(p + "mlp.up_proj.weight", "BF16", {512, 64}));
        for (int e = 0; l > 0 && e < 16; ++e) {
            const std::string x = p + "mlp.experts." + std::to_string(e) + ".";
            all.push_back(hole(x + "up_proj.weight", l % 3 == 0 ? "F16" : "F8_E4M3", {128, 64}));
            all.push_back(hole(x + "down_proj.weight", "F8_E4M3", {64, 128}));
        }
    }
    all.push_back(hole("merger.0.weight", "BF16", {64, 64}));
    all.push_back(hole("merger.0.bias", "BF16", {64}));
    test::write_sparse_safetensors(folder / "moe.safetensors", all);
    const std::string path = (folder / "moe.safetensors").string();
    // Layers 3, 6 and 9 have F16 in them; layer 0 has no experts.
    std::string expected = R"(moe.safetensors | safetensors | TOTALS

name                          tensors   params       size  share  type                largest
wte.weight                          1    64000    125 KiB  3.6 %  BF16                [1000, 64]
h.0                                 3    36928  72.25 KiB  2.1 %  BF16, F32           [512, 64]
h.{1,2,4,5,7,8,10,11}    8 x       34  266.3 k  264.2 KiB   60 %  F8_E4M3, BF16, F32  [64, 128] x 16
  mlp.experts.{0..15}   16 x        2    16384     16 KiB   59 %  F8_E4M3             [64, 128]
h.{3,6,9}                3 x       34  266.3 k  392.2 KiB   34 %  F16, F8_E4M3, +2    [128, 64] x 16
  mlp.experts.{0..15}   16 x        2    16384     24 KiB   33 %  F16, F8_E4M3        [128, 64]
merger.0.{bias,weight}              2     4160   8.12 KiB  0.2 %  BF16                [64, 64]
)";
    const std::string totals = std::to_string(all.size()) +
                               " tensors | 3.03 M parameters | "
                               "3.41 MiB | F8_E4M3 70 %, F16 22 %, BF16 8.4 %, F32 <0.1 %";
    expected.replace(expected.find("TOTALS"), 6, totals);
    CHECK(without_names(run({path}).out) == expected);
}

TEST_CASE("aka-list: many kinds of layers are one row with the mean size") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    test::gguf_writer w;
    for (std::uint32_t l = 0; l < 12; ++l) {
        const std::string p = "blk." + std::to_string(l) + ".";
        w.add_tensor(p + "attn_q.weight", 10 + l % 5, {256, 256});  // q2_k to q6_k
        w.add_tensor(p + "attn_norm.weight", 0, {256});
    }
    w.save(folder / "mixed.gguf");
    std::uint64_t bytes = 0;
    for (const test::gguf_tensor& t : w.tensors) bytes += t.bytes();
    const test::program_result r = run({(folder / "mixed.gguf").string()});
    CHECK(count_lines(without_names(r.out)) == 4);
    CHECK(has(squeeze(r.out), "blk.{0..11} 12 x 2 65792 ~" + std::to_string(bytes / 12 / 1024)));
    CHECK(has(r.out, "100 %"));
    char bits[40];
    std::snprintf(bits, sizeof bits, "%.2f bits a weight",
                  static_cast<double>(8 * bytes) / (12.0 * (65536 + 256)));
    CHECK(has(r.out, bits));
}

TEST_CASE("aka-list: globs, --no-fold, --long") {
    NEEDS_PROGRAM("aka-list");
    const std::string path = (test::samples() / "llama-sharded").string();
    const auto names = [&](std::vector<std::string> globs) {
        globs.insert(globs.begin(), path);
        std::vector<std::string> out;
        const json listed = run_json(globs);
        for (const json& t : listed["tensors"].items) out.push_back(t["name"].as_string());
        std::sort(out.begin(), out.end());
        return out;
    };
    using list = std::vector<std::string>;
    const list norms = {"model.layers.0.input_layernorm.weight",
                        "model.layers.1.input_layernorm.weight"};
    CHECK(names({"*.input_layernorm.weight"}) == norms);
    CHECK(names({"model.layers.{0..31}.input_layernorm.weight"}) == norms);
    CHECK(names({"model.layers.?.input_*"}) == norms);
    CHECK(names({"model.layers.[0-9].input_layernorm.weight"}) == norms);
    CHECK(names({norms[1], norms[0]}) == norms);
    CHECK(names({"model.layers.{1..9..2}.input_*"}) == list{norms[1]});
    CHECK(names({"model.layers.{0..9..2}.input_*"}) == list{norms[0]});
    CHECK(names({"model.layers.[!1].input_*"}) == list{norms[0]});
    CHECK(names({"{lm_head,model.norm}.weight"}) == list{"lm_head.weight", "model.norm.weight"});
    CHECK(names({"model.layers.1"}).size() == 9);
    CHECK(names({"model.layers"}).size() == 18);
    CHECK(names({"*"}).size() == 21);
    CHECK(names({"*layers*norm*weight"}).size() == 4);
    CHECK(names({"*.{0,1}.self_attn.[kq]_*t"}).size() == 4);

    // Nothing found is an answer, not a failure to read.
    CHECK(run_json({path, "odel.norm.weight", "model.nor", "model.layers.{1*"}, 1)["tensors"]
              .size() == 0);
    const test::program_result none = run({path, "blk.*"});
    CHECK(none.exit_code == 1);
    CHECK(has(none.err, "no tensor's name matches"));

    const std::string folded = run({path, "model.layers.*"}).out;
    CHECK(count_lines(folded) == 3 + 1 + 9);
    CHECK(has(folded, "18 of 21 tensors"));
    CHECK(has(squeeze(folded),
              "model.layers.{0,1}.mlp.up_proj.weight 2 x 2048 4 KiB F16 [64, 32]\n"));
    const std::string each = run({"--no-fold", path, "model.layers.*"}).out;
    CHECK(count_lines(each) == 3 + 1 + 18);

    std::vector<row> rows;
    for (const std::string part : {"1", "2", "3"})
        for (const row& r : rows_of(test::samples() / "llama-sharded" /
                                    ("model-0000" + part + "-of-00003.safetensors")))
            rows.push_back(r);
    const std::string listed = run({"-l", path}).out;
    CHECK(count_lines(listed) == 3 + 1 + rows.size());
    std::size_t at = 0;
    for (const row& r : rows) {  // in this order, each with its facts on its line
        CAPTURE(r.name);
        at = listed.find("  " + r.name + " ", at);
        REQUIRE(at != std::string::npos);
        const std::size_t begin = listed.rfind('\n', at) + 1, end = listed.find('\n', at);
        const std::string line = listed.substr(begin, end - begin);
        CHECK(has(" " + line, " " + std::to_string(r.offset) + "  "));
        CHECK(has(line, " " + std::to_string(r.bytes) + "  " + r.dtype));
        CHECK(line.substr(line.size() - r.file.size()) == r.file);
    }
}

TEST_CASE("aka-list: a long name makes no glob slow") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    test::gguf_writer w;
    w.add_tensor(std::string(65535, 'a'), 0, {1});
    w.add_tensor(std::string(65534, 'a') + "b", 0, {1});
    w.save(folder / "a.gguf");
    const std::string path = (folder / "a.gguf").string();
    const test::program_result r = run({"--no-fold", path, "*a*a*a*a*a*{a,aa}*a*b"});
    CHECK(r.exit_code == 0);
    CHECK(has(r.out, "1 of 2 tensors"));
    CHECK(r.seconds < 10);
}

TEST_CASE("aka-list: an index alone gives names") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const std::vector<test::st_tensor> all = test::model_shapes({}).list();
    const auto map = test::write_sharded(folder.path(), all, 4);
    for (const auto& entry : map) fs::remove(folder / entry.second);
    const json listed = run_json({folder.path().string()});
    CHECK(listed["format"].as_string() == "index");
    REQUIRE(listed["tensors"].size() == all.size());
    CHECK(listed["parameters"].is_null());
    CHECK(listed["bytes"].is_null());
    for (const json& t : listed["tensors"].items) {
        CHECK(map.count(t["name"].as_string()) == 1);
        for (const char* key : {"dtype", "shape", "bytes", "file", "offset"})
            CHECK(t[key].is_null());
    }
    const test::program_result r = run({folder.path().string()});
    CHECK(r.exit_code == 0);
    CHECK(has(r.out, "names only, 4 shards not read"));
    CHECK(has(squeeze(r.out), "model.layers.{0,1}.mlp.up_proj.weight 2 x\n"));
    CHECK(run({"--check", folder.path().string()}).exit_code == 1);
    CHECK(run({"--hash", folder.path().string()}).exit_code == 0);
}

TEST_CASE("aka-list: a sparse folder of 141 GB in under 50 ms") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const test::model m = llama_70b();
    test::write_sharded(folder.path(), m.list(), 30);
    std::uint64_t bytes = 0, elements = 0;
    for (const test::st_tensor& t : m.list()) {
        bytes += t.bytes();
        elements += test::count_elements(t.shape);
    }
    REQUIRE(bytes > 140000000000u);
    const std::string path = folder.path().string();
    const json listed = run_json({path});
    CHECK(listed["bytes"].as_u64() == bytes);
    CHECK(listed["parameters"].as_u64() == elements);
    CHECK(listed["tensors"].size() == m.order.size());
    CHECK(listed["files"].size() == 30);
    double best = 1e9;
    test::program_result r;
    for (int i = 0; i < 5 || (i < 50 && best >= seconds_to_list); ++i) {  // others use the machine
        r = run({path});
        best = std::min(best, r.seconds);
    }
    CHECK(r.exit_code == 0);
    CHECK(has(r.out, "30 files | 723 tensors | 70.55 B parameters | 131.4 GiB | BF16\n"));
    CHECK(has(squeeze(r.out), "model.layers.{0..79} 80 x 9 855.7 M 1.59 GiB 97 % BF16"));
    MESSAGE("the best: " << best * 1000 << " ms");
    CHECK(best < seconds_to_list);
}

// ---- the convention ----------------------------------------------------------------------------

static std::string line(const std::vector<std::string>& arguments) {  // the one about names
    const std::string out = run(arguments).out;
    const std::size_t at = out.find('\n') + 1, end = out.find('\n', at);
    return out.substr(at, end - at);
}

TEST_CASE("aka-list: which convention the names are written in") {
    NEEDS_PROGRAM("aka-list");
    const std::map<std::string, std::string> samples = {{"yi", "yi_v1"},
                                                        {"llama-sharded", "hf_llama"},
                                                        {"llama.gguf", "gguf:llama"},
                                                        {"baichuan", "baichuan"}};
    for (const auto& sample : samples) {
        const std::string &name = sample.first, &id = sample.second;
        CAPTURE(name);
        const std::string path = (test::samples() / name).string();
        const json listed = run_json({path});
        const std::uint64_t n = listed["tensors"].size();
        const json& said = listed["convention"];
        CHECK(said["id"].as_string() == id);
        CHECK(said["verified"].as_bool());
        CHECK(!said["ambiguous"].as_bool());
        REQUIRE(said["candidates"].size() == 1);
        CHECK(said["candidates"][0].as_string() == id);
        CHECK(said["matched"].as_u64() == n);
        CHECK(said["unmatched"].as_u64() == 0);
        CHECK(said["other"].as_u64() == 0);
        CHECK(said["reason"].is_null());
        const std::string count = std::to_string(n) + " of " + std::to_string(n) + " recognised";
        for (const std::string option : {"--color=auto", "--long", "--no-fold", "--hash"}) {
            const std::string text = line({option, path});
            CHECK(text.substr(0, 7) == "names  ");
            CHECK(has(text, id));
            CHECK(has(text, ", " + count));
            CHECK(text.substr(text.size() - 10) == "recognised");
        }
    }
    CHECK(line({(test::samples() / "llama-sharded").string()}) ==
          "names  Hugging Face Llama (hf_llama), 21 of 21 recognised");
}

TEST_CASE("aka-list: names of other kinds") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const std::string path = folder.path().string();
    const test::model_config c;
    const auto write = [&](std::vector<test::st_tensor> all, const std::string& config) {
        test::write_sparse_safetensors(folder / "model.safetensors", all);
        test::write_file(folder / "config.json", config);
    };
    const std::vector<test::st_tensor> model = test::model_shapes(c).list();
    const std::string llama = test::hf_config_json(c, "llama", "LlamaForCausalLM");
    SUBCASE("names that no rule knows") {
        std::vector<test::st_tensor> all = model;
        all.push_back(hole("model.layers.0.novelty.weight", "F16", {4}));
        all.push_back(hole("model.layers.1.novelty.weight", "F16", {4}));
        write(all, llama);
        const std::string n = std::to_string(model.size());
        CHECK(has(line({path}), "(hf_llama), " + n + " of " + std::to_string(all.size()) +
                                    " recognised, 2 not known"));
        CHECK(run_json({path})["convention"]["unmatched"].as_u64() == 2);
    }
    SUBCASE("something else in the same file") {
        std::vector<test::st_tensor> all = model;
        all.push_back(hole("vision_tower.patch_embed.weight", "F16", {4}));
        write(all, llama);
        CHECK(has(line({path}), ", 1 of the vision tower"));
        CHECK(run_json({path})["convention"]["other"].as_u64() == 1);
    }
    SUBCASE("names alone cannot decide") {
        write(model, "{}");
        const json said = run_json({path})["convention"];
        CHECK(said["ambiguous"].as_bool());
        REQUIRE(said["candidates"].size() > 1);
        const std::string text = line({path});
        CHECK(has(text, "ambiguous"));
        for (const json& id : said["candidates"].items) CHECK(has(text, id.as_string()));
    }
    SUBCASE("not of the family") {
        write({hole("wte.weight", "F32", {8, 4}), hole("wpe.weight", "F32", {8, 4}),
               hole("h.0.attn.c_attn.weight", "F32", {4, 12}),
               hole("h.0.attn.c_proj.weight", "F32", {4, 4})},
              R"({"model_type": "gpt2"})");
        const json said = run_json({path})["convention"];
        CHECK(said["id"].as_string() == "gpt2_style");
        CHECK(has(said["reason"].as_string(), "GPT-2"));
        CHECK(line({path}) == "names  not of the Llama family: " + said["reason"].as_string());
        CHECK(run({path}).exit_code == 0);
    }
    SUBCASE("not identified") {
        write({hole("a\x1b", "F32", {8}), hole("b", "F32", {8})}, "{}");
        const json said = run_json({path})["convention"];
        CHECK(said["id"].is_null());
        CHECK(said["candidates"].size() == 0);
        CHECK(said["unmatched"].as_u64() == 2);
        CHECK(line({path}) == "names  not identified: " + said["reason"].as_string());
        CHECK(run({path}).exit_code == 0);
    }
    SUBCASE("a config that cannot be read is no reason not to list") {
        write(model, "{\"hidden_size\": ");
        const json listed = run_json({path});
        CHECK(listed["tensors"].size() == model.size());
        CHECK(has(listed["convention"]["reason"].as_string(), "config.json"));
        CHECK(has(line({path}), "not identified: "));
        CHECK(has(line({path}), "config.json"));
    }
    SUBCASE("one that rests on hearsay") {
        SKIP_WITHOUT_DATA();
        const fs::path kimi = test::shared_data() / "checkpoints" / "kimi-k2-derived-deepseekv3";
        CHECK(has(line({kimi.string()}), ", not fully verified, "));
        CHECK(!run_json({kimi.string()})["convention"]["verified"].as_bool());
    }
}

// ---- --as --------------------------------------------------------------------------------------

// What is listed is what the writer of that spelling writes: names, types, shapes and bytes.
void check_adapted(const json& listed, const std::vector<test::st_tensor>& expected,
                   const std::vector<test::st_tensor>& stored, const std::string& file) {
    std::map<std::string, const test::st_tensor*> by_name;
    for (const test::st_tensor& t : expected) by_name[t.name] = &t;
    CHECK(listed["tensors"].size() == expected.size());
    CHECK(listed["as"]["missing"].size() == 0);
    CHECK(listed["as"]["unbound"].size() == 0);
    for (const json& t : listed["tensors"].items) {
        CAPTURE(t["name"].as_string());
        REQUIRE(by_name.count(t["name"].as_string()) == 1);
        const test::st_tensor& e = *by_name[t["name"].as_string()];
        CHECK(t["dtype"].as_string() == e.dtype);
        CHECK(t["shape"].as_u64s() == e.shape);
        CHECK(t["bytes"].as_u64() == e.data.size());
        CHECK(t["hash"].as_string() == "xxh64:" + xxh64(e.data));
        if (t["how"].as_string() == "view") {
            const auto at = static_cast<std::size_t>(t["offset"].as_u64());
            CHECK(file.compare(at, e.data.size(), e.data) == 0);
        } else {
            CHECK(t["offset"].is_null());
            CHECK(t["file"].is_null());
            CHECK(has(t["how"].as_string(), " box"));
            // What lies in the file as one piece needs no box of its own.
            if (t["how"].as_string() == "1 box") CHECK(file.find(e.data) == file.npos);
        }
        REQUIRE(t["source"].size() != 0);
        for (const test::st_tensor& s : stored)
            if (s.data == e.data) {
                CHECK(t["source"].size() == 1);
                CHECK(t["source"][0].as_string() == s.name);
            }
    }
}

TEST_CASE("aka-list --as: names, shapes and bytes are the other spelling's own") {
    NEEDS_PROGRAM("aka-list");
    std::size_t pairs = 0;
    test::one_in tried(3);
    for (const test::named_model& m : test::standard_models("F32")) {
        for (const char* from : {"hf_llama", "yi_v1", "baichuan", "meta_llama", "phi3", "internlm2",
                                 "mixtral_hf", "gguf:llama"}) {
            const test::spelling* source = &test::find_spelling(from);
            if (!source->natural(m.model.config)) continue;
            const test::temp_folder folder;
            const fs::path path = test::write_spelling(*source, m.model, folder.path());
            const fs::path file = source->gguf() ? path : folder / (source->file + ".safetensors");
            const std::string bytes = test::read_file(file);
            for (const char* to :
                 {"hf_llama", "yi_v1", "baichuan", "phi3", "mixtral_hf", "gguf:llama"}) {
                const test::spelling* target = &test::find_spelling(to);
                if (!target->natural(m.model.config) || tried.skips()) continue;
                CAPTURE(m.name);
                CAPTURE(from);
                CAPTURE(to);
                const json listed = run_json({"--hash", "--as", to, path.string()});
                CHECK(listed["as"]["convention"].as_string() == to);
                check_adapted(listed, target->write(m.model), source->write(m.model), bytes);
                ++pairs;
            }
        }
    }
    MESSAGE(pairs << " pairs");
    CHECK(pairs >= tried.of(40));
}

TEST_CASE("aka-list --as hf: the samples have the names of the Llama sample") {
    NEEDS_PROGRAM("aka-list");
    const auto names = [](const json& listed) {
        std::vector<std::string> out;
        for (const json& t : listed["tensors"].items) out.push_back(t["name"].as_string());
        std::sort(out.begin(), out.end());
        return out;
    };
    std::vector<std::string> expected;
    std::map<std::string, std::string> hashes;
    for (const std::string part : {"1", "2", "3"}) {
        const fs::path file =
            test::samples() / "llama-sharded" / ("model-0000" + part + "-of-00003.safetensors");
        const std::string bytes = test::read_file(file);
        for (const row& r : rows_of(file)) {
            expected.push_back(r.name);
            hashes[r.name] =
                "xxh64:" + xxh64(std::string_view(bytes).substr(static_cast<std::size_t>(r.offset),
                                                                static_cast<std::size_t>(r.bytes)));
        }
    }
    std::sort(expected.begin(), expected.end());
    for (const std::string name : {"yi", "baichuan", "llama-sharded", "llama.gguf"}) {
        CAPTURE(name);
        const json listed = run_json({"--as=hf", "--hash", (test::samples() / name).string()});
        CHECK(names(listed) == expected);
        // One model in three spellings; GGUF's F16 ones are the same bytes once in this order.
        std::size_t same = 0;
        for (const json& t : listed["tensors"].items)
            same += t["hash"].as_string() == hashes.at(t["name"].as_string());
        CHECK(same == (name == "baichuan" ? 0u : name == "llama.gguf" ? 10u : expected.size()));
    }
    const std::string path = (test::samples() / "baichuan").string();
    const json one = run_json({"--as=hf", path, "model.layers.1.self_attn.?_proj.weight"});
    REQUIRE(one["tensors"].size() == 4);
    for (const json& t : one["tensors"].items) {
        const bool fused = !has(t["name"].as_string(), "o_proj");
        CHECK(t["how"].as_string() == "view");
        REQUIRE(t["source"].size() == 1);
        CHECK(has(t["source"][0].as_string(), "W_pack") == fused);
    }
    CHECK(run({"--as=hf", path, "*W_pack*"}).exit_code == 1);  // globs are of the new names
}

TEST_CASE("aka-list --as: for people") {
    NEEDS_PROGRAM("aka-list");
    const std::string yi = (test::samples() / "yi").string();
    const std::string turned = run({"--as", "gguf", yi}).out;
    CHECK(has(turned, "\nas     GGUF (gguf:llama), 12 views, 9 made of boxes\n"));
    CHECK(has(squeeze(turned),
              "blk.{0,1} 2 x 9 9280 18.25 KiB 88 % F16, F32 [32, 64] "
              "view (5), 1 box, from F16 (2), 1 box (2)\n"));
    CHECK(has(run({"--as", "phi3", yi}).out, "\nas     Phi-3, Phi-3.5 and Phi-4 (phi3), "));
    const std::string rows = squeeze(run({"--as", "phi3", yi, "*qkv_proj*", "*o_proj*"}).out);
    CHECK(has(rows,
              "model.layers.{0,1}.self_attn.qkv_proj.weight 2 x 2048 4 KiB F16 [64, 32] "
              "3 boxes\n"));
    CHECK(has(rows,
              "model.layers.{0,1}.self_attn.o_proj.weight 2 x 1024 2 KiB F16 [32, 32] "
              "view\n"));
    const std::string listed = squeeze(run({"-l", "--as", "phi3", yi}).out);
    CHECK(has(listed,
              "model.layers.1.self_attn.qkv_proj.weight 3 boxes "
              "model.layers.1.self_attn.q_proj.weight +2\n"));
    CHECK(has(listed, "model.layers.1.input_layernorm.weight view model.layers.1.ln1.weight\n"));
    // Norms that are stored less one: nothing that could be copied.
    const std::string path = (test::samples() / "llama-sharded").string();
    const json norm = run_json({"--as=hf_gemma", "--hash", path, "model.norm.weight"});
    REQUIRE(norm["tensors"].size() == 1);
    CHECK(norm["tensors"][0]["how"].as_string() == "1 box, less 1");
    CHECK(norm["tensors"][0]["hash"].is_null());
    CHECK(norm["tensors"][0]["source"][0].as_string() == "model.norm.weight");
}

TEST_CASE("aka-list --as: what has no place on the other side") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const std::string path = folder.path().string();
    test::model_config c;
    c.tied = true;
    std::vector<test::st_tensor> all = test::model_shapes(c).list();
    for (const char* layer : {"0", "1"})
        all.push_back(hole(std::string("model.layers.") + layer + ".novelty.weight", "F16", {4}));
    all.push_back(hole("vision_tower.patch_embed.weight", "F16", {4}));
    test::write_sparse_safetensors(folder / "model.safetensors", all);
    const auto config = [&](bool tied) {
        c.tied = tied;
        test::write_file(folder / "config.json",
                         test::hf_config_json(c, "llama", "LlamaForCausalLM"));
    };
    config(true);
    json as = run_json({"--as=yi", path})["as"];
    REQUIRE(as["unbound"].size() == 3);
    std::vector<std::string> unbound;
    for (const json& e : as["unbound"].items) {
        unbound.push_back(e["name"].as_string());
        CHECK(!e["why"].as_string().empty());
    }
    std::sort(unbound.begin(), unbound.end());
    CHECK(unbound == std::vector<std::string>{"model.layers.0.novelty.weight",
                                              "model.layers.1.novelty.weight",
                                              "vision_tower.patch_embed.weight"});
    CHECK(as["missing"].size() == 0);
    REQUIRE(as["made"].size() == 1);
    CHECK(as["made"][0]["name"].as_string() == "lm_head.weight");
    std::string text = squeeze(run({"--as=yi", path}).out);
    CHECK(has(text, "\nunbound:\n"));
    CHECK(has(text, "\nmodel.layers.{0,1}.novelty.weight 2 x "));
    CHECK(has(text, "\nvision_tower.patch_embed.weight "));
    CHECK(has(text, "\nnot in the file, but made:\n"));
    CHECK(!has(text, "\nmissing:\n"));

    config(false);
    as = run_json({"--as=yi", path})["as"];
    CHECK(as["made"].size() == 0);
    REQUIRE(as["missing"].size() == 1);
    CHECK(as["missing"][0]["name"].as_string() == "lm_head.weight");
    text = squeeze(run({"--as=yi", path}).out);
    CHECK(has(text, "\nmissing:\nname why\nlm_head.weight "));
    CHECK(run({"--as=yi", path}).exit_code == 0);
}

TEST_CASE("aka-list --as: a convention that cannot hold the model says why") {
    NEEDS_PROGRAM("aka-list");
    const auto refused = [](const std::string& as, const std::string& path,
                            const std::vector<std::string>& words, int exit_code = 1) {
        CAPTURE(as);
        const test::program_result r = run({"--as", as, path});
        CHECK(r.exit_code == exit_code);
        CHECK(r.out == "");
        CHECK(count_lines(r.err) == 1);
        const test::program_result j = run({"--json", "--as", as, path});
        CHECK(j.exit_code == exit_code);
        const json said = json::parse(j.out);
        for (const std::string& w : words) {
            CHECK_MESSAGE(has(r.err, w), w << " in " << r.err);
            CHECK(has(said["error"]["message"].as_string(), w));
        }
        CHECK(said.find("convention") != nullptr);
        CHECK(said.find("tensors") == nullptr);
    };
    const std::string yi = (test::samples() / "yi").string();
    refused("bloom", yi, {"bloom", "BLOOM"});
    refused("no-such", yi, {"'no-such'"}, 2);
    const test::temp_folder folder;
    for (const test::named_model& m : test::standard_models("F16")) {
        if (m.name != "moe") continue;
        const fs::path path =
            test::write_spelling(test::find_spelling("mixtral_hf"), m.model, folder.path());
        refused("yi", path.string(), {"yi_v1", "ffn_gate_inp", "mixtral_hf"});
    }
    const test::temp_folder other;
    test::write_sparse_safetensors(other / "model.safetensors",
                                   {hole("a", "F32", {8}), hole("b", "F32", {8})});
    refused("hf", other.path().string(), {"no convention knows"});
}

TEST_CASE("aka-list --as: an index alone is translated where names are all that changes") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const test::model m = test::model_shapes({});
    const auto map = test::write_sharded(folder.path(), m.list(), 4);
    for (const auto& entry : map) fs::remove(folder / entry.second);
    test::write_file(folder / "config.json",
                     test::hf_config_json(m.config, "llama", "LlamaForCausalLM"));
    const std::string path = folder.path().string();
    const auto renamed = [](std::string name) {
        for (const auto& [hf, yi] : {std::pair<std::string, std::string>{"input_layernorm", "ln1"},
                                     {"post_attention_layernorm", "ln2"}})
            if (const std::size_t at = name.find(hf); at != name.npos)
                name.replace(at, hf.size(), yi);
        return name;
    };
    const json listed = run_json({"--as=yi", path});
    REQUIRE(listed["tensors"].size() == map.size());
    for (const json& t : listed["tensors"].items) {
        CHECK(t["dtype"].is_null());
        CHECK(t["offset"].is_null());
        REQUIRE(t["source"].size() == 1);
        const std::string of = t["source"][0].as_string();
        CHECK(map.count(of) == 1);
        CHECK(t["name"].as_string() == renamed(of));
    }
    CHECK(has(run({"--as=yi", path}).out, "model.layers.{0,1}.ln1.weight"));
    const test::program_result r = run({"--as=phi3", path});
    CHECK(r.exit_code == 1);
    CHECK(has(r.err, "only names"));
}

TEST_CASE("aka-list --as: 141 GB in another layout in under 50 ms") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const test::model m = llama_70b();
    test::write_sharded(folder.path(), m.list(), 30);
    test::write_file(folder / "config.json",
                     test::hf_config_json(m.config, "llama", "LlamaForCausalLM"));
    double best = 1e9;
    test::program_result r;
    for (int i = 0; i < 5 || (i < 50 && best >= seconds_to_list); ++i) {  // others use the machine
        r = run({"--as=gguf", folder.path().string()});
        best = std::min(best, r.seconds);
    }
    CHECK(r.exit_code == 0);
    CHECK(has(squeeze(r.out), "blk.{0..79} 80 x 9 855.7 M 1.59 GiB 97 % BF16"));
    CHECK(has(r.out, "402 views, 321 made of boxes"));  // q, k and norms of 80 layers
    MESSAGE("the best: " << best * 1000 << " ms");
    CHECK(best < seconds_to_list);
}

// ---- --rules -----------------------------------------------------------------------------------

TEST_CASE("aka-list --rules: a table of the user's own") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const fs::path rules = folder / "acme.txt";
    test::write_file(rules,
                     "convention acme extends hf_llama  # ours\n"
                     "  model.layers.{l}.zebra.{part} = attn_norm\n"
                     "  model.layers.{l}.okapi.{part} = ffn_norm\n");
    const std::vector<test::st_tensor> hf = test::model_shapes({}).list();
    std::vector<test::st_tensor> all = hf;
    for (test::st_tensor& t : all)
        for (const auto& [from, to] :
             {std::pair<std::string, std::string>{"input_layernorm", "zebra"},
              {"post_attention_layernorm", "okapi"}})
            if (const std::size_t at = t.name.find(from); at != t.name.npos)
                t.name.replace(at, from.size(), to);
    fs::create_directory(folder / "m");
    test::write_sparse_safetensors(folder / "m" / "model.safetensors", all);
    test::write_file(folder / "m" / "config.json",
                     test::hf_config_json({}, "llama", "LlamaForCausalLM"));
    const std::string path = (folder / "m").string();
    CHECK(run_json({path})["convention"]["unmatched"].as_u64() == 4);
    const json listed = run_json({"--rules", rules.string(), "--as=hf_llama", path});
    CHECK(listed["convention"]["id"].as_string() == "acme");
    CHECK(listed["convention"]["unmatched"].as_u64() == 0);
    std::vector<std::string> said, expected;
    for (const json& t : listed["tensors"].items) said.push_back(t["name"].as_string());
    for (const test::st_tensor& t : hf) expected.push_back(t.name);
    std::sort(said.begin(), said.end());
    std::sort(expected.begin(), expected.end());
    CHECK(said == expected);
    const std::string yi = (test::samples() / "yi").string();
    CHECK(run({"--as=acme", yi}).exit_code == 2);
    CHECK(has(run({"--as=acme", "--rules=" + rules.string(), yi, "*.1.zebra"}).out,
              "model.layers.1.zebra.weight"));

    test::write_file(rules,
                     "convention acme extends hf_llama\n"
                     "  model.layers.{l}.zebra.{part} = attn_nrom\n");
    const test::program_result bad = run({"--rules", rules.string(), yi});
    CHECK(bad.exit_code == 2);
    CHECK(bad.out == "");
    CHECK(has(bad.err, rules.string() + ": "));
    CHECK(has(bad.err, "line 2, column 35"));
    CHECK(has(bad.err, "'attn_nrom'"));
    CHECK(run_json({"--rules", rules.string(), yi}, 2)["error"]["code"].as_string() == "bad_table");
    CHECK(run({"--rules", (folder / "absent").string(), yi}).exit_code == 3);
}

// ---- --check -----------------------------------------------------------------------------------

TEST_CASE("aka-list --check: no issues") {
    NEEDS_PROGRAM("aka-list");
    for (const std::string name : {"yi", "llama-sharded", "llama.gguf", "baichuan"}) {
        CAPTURE(name);
        const test::program_result r = run({"--check", (test::samples() / name).string()});
        CHECK(r.exit_code == 0);
        CHECK(has(r.out, "issues: none\n"));
        CHECK(run_json({"--check", (test::samples() / name).string()})["issues"].size() == 0);
    }
}

TEST_CASE("aka-list --check: each kind of issue") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    std::string path;
    // The only issue is of this kind, and its line has these words.
    const auto check = [&](const std::string& kind, const std::vector<std::string>& words) {
        CAPTURE(kind);
        const test::program_result r = run({"--check", path});
        CHECK(r.exit_code == 1);
        CHECK(has(r.out, "issues: 1\n"));
        for (const std::string& w : words) CHECK_MESSAGE(has(r.out, w), w << " in " << r.out);
        const json issues = run_json({"--check", path}, 1)["issues"];
        REQUIRE(issues.size() == 1);
        CHECK(issues[0]["kind"].as_string() == kind);
    };
    const auto write = [&](const std::vector<test::st_tensor>& tensors) {
        path = (folder / "a.safetensors").string();
        test::write_file(path, test::write_safetensors(tensors));
    };
    SUBCASE("unaligned data") {
        write({hole("a", "U8", {3}), hole("b", "F32", {2}), hole("c", "F16", {2}),
               hole("d", "F8_E4M3", {2})});
        const std::uint64_t at = rows_of(path)[1].offset;
        check("unaligned", {"tensor 'b'", "byte " + std::to_string(at), "multiple of 4", "1 more"});
    }
    SUBCASE("an unknown type") {
        test::st_tensor t = hole("future", "F7_E3M3", {8});
        t.data = "1234567";
        write({t});
        check("unknown_dtype", {"'future'", "'F7_E3M3'"});
        const json listed = run_json({path});
        CHECK(listed["tensors"][0]["dtype"].as_string() == "F7_E3M3");
        CHECK(listed["tensors"][0]["bytes"].as_u64() == 7);
    }
    SUBCASE("an unknown ggml type") {
        test::gguf_writer w;
        w.add_tensor("known", 0, {8});
        w.add_tensor("future", 77, {8}, std::string(32, 'x'));
        path = (folder / "a.gguf").string();
        w.save(path);
        check("unknown_dtype", {"'future'", "'type 77'"});
        CHECK(run_json({path})["tensors"][1]["ggml_type"].as_u64() == 77);
    }
    SUBCASE("a name that ggml cannot read") {
        test::gguf_writer w;
        w.add_tensor(std::string(63, 'n'), 0, {8});
        w.add_tensor(std::string(64, 'm'), 0, {8});
        path = (folder / "a.gguf").string();
        w.save(path);
        check("long_name", {std::string(64, 'm'), "64 bytes", "at most 63"});
    }
    SUBCASE("a name that commands a terminal") {
        write({hole("a\x1b[2J", "U8", {3})});
        check("unsafe_name", {"tensor 'a\\x1b[2J'"});
    }
    SUBCASE("values that are infinite or NaN") {
        test::st_tensor a = hole("a", "BF16", {4}), b = hole("b", "F32", {2});
        a.data = std::string("\x80\x3f\x80\x3f\x80\x7f\xc0\x7f", 8);  // 1, 1, infinity, NaN
        b.data = std::string("\0\0\x80\x7f\0\0\0\0", 8);
        write({a, b});
        check("bad_values", {"tensor 'a'", "2 of its elements, the first at 2", "1 more"});
    }
    SUBCASE("a scale that is NaN") {
        test::gguf_writer w;
        std::string blocks(2 * 144, '\x11');
        blocks.replace(144 + 2, 2, "\x01\x7e");  // dmin of the second block
        w.add_tensor("q", 12, {512}, blocks);
        path = (folder / "a.gguf").string();
        w.save(path);
        check("bad_values", {"tensor 'q'", "scales", "1 of its blocks, the first in block 1"});
    }
    SUBCASE("an index with another total_size") {
        const std::vector<test::st_tensor> all = {hole("a", "F32", {2}), hole("b", "F32", {3})};
        const auto map = test::write_sharded(folder.path(), all, 2);
        const fs::path index = folder / "model.safetensors.index.json";
        test::write_file(index, test::index_json(map, 24));
        path = folder.path().string();
        check("total_size", {"total_size 24", "20 bytes"});
        test::write_file(index, test::index_json(map, 20));
        CHECK(run({"--check", path}).exit_code == 0);
    }
    SUBCASE("a tensor that the index does not list") {
        auto map = test::write_sharded(
            folder.path(), {hole("a", "F32", {2}), hole("b", "F32", {3}), hole("c", "F32", {1})},
            1);
        map.erase("b");
        test::write_file(folder / "model.safetensors.index.json", test::index_json(map, 12));
        path = folder.path().string();
        check("note", {"tensor 'b'", "not in the index"});
    }
    SUBCASE("a file that was passed over") {
        write({hole("a", "F32", {2})});
        test::write_file(folder / "model.safetensors",
                         test::write_safetensors({hole("a", "F32", {2})}));
        path = folder.path().string();
        check("note", {"a.safetensors", "passed over"});
    }
}

TEST_CASE("aka-list --check: missing shards are named, all of them") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    test::write_sharded(folder.path(), test::model_shapes({}).list(), 5);
    const std::string path = folder.path().string();
    CHECK(run({"--check", path}).exit_code == 0);
    for (const char* shard :
         {"model-00002-of-00005.safetensors", "model-00004-of-00005.safetensors"})
        fs::remove(folder / shard);
    const test::program_result r = run({"--check", path});
    CHECK(r.exit_code == 1);
    CHECK(has(r.out, "issues: 2\n"));
    CHECK(has(r.out, "model-00002-of-00005.safetensors: "));
    CHECK(has(r.out, "model.safetensors.index.json"));
    CHECK(has(r.out, "model-00004-of-00005.safetensors: "));
    const json said = run_json({"--check", path}, 1);
    REQUIRE(said["issues"].size() == 2);
    CHECK(said["issues"][1]["kind"].as_string() == "missing_shard");
    CHECK(said["issues"][1]["file"].as_string() == "model-00004-of-00005.safetensors");
    CHECK(said["error"]["code"].as_string() == "missing_file");
}

// ---- what cannot be read -----------------------------------------------------------------------

TEST_CASE("aka-list: usage") {
    NEEDS_PROGRAM("aka-list");
    const std::string yi = (test::samples() / "yi").string();
    const auto fails = [](const std::vector<std::string>& arguments, const std::string& word) {
        CAPTURE(word);
        const test::program_result r = run(arguments);
        CHECK(r.exit_code == 2);
        CHECK(r.out == "");
        CHECK(r.err.substr(0, 10) == "aka-list: ");
        CHECK(has(r.err, word));
        CHECK(count_lines(r.err) == 1);
    };
    fails({}, "--help");
    fails({"--jsno", yi}, "'--jsno'");
    fails({"-x", yi}, "'-x'");
    fails({"--color=blue", yi}, "'blue'");
    fails({"--long=1", yi}, "takes no value");
    fails({yi, "--color"}, "needs a value");
    fails({yi, "--as"}, "needs a value");
    fails({yi, "--as=nope"}, "'nope'");
    fails({"--\x1b[2J"}, "\\x1b[2J");
    for (const char* help : {"--help", "-h"}) {
        const test::program_result r = run({help});
        CHECK(r.exit_code == 0);
        CHECK(r.err == "");
        for (const char* option : {"--long", "--no-fold", "--metadata", "--check", "--hash",
                                   "--json", "--color", "--version", "--as", "--rules"})
            CHECK(has(r.out, option));
    }
    const std::string version = run({"--version"}).out;
    CHECK(version.substr(0, 9) == "aka-list ");
    CHECK(std::count(version.begin(), version.end(), '.') == 2);
    CHECK(run({"--", yi}).exit_code == 0);
    CHECK(run({"--", "--json"}).exit_code == 3);  // a file of this name
}

TEST_CASE("aka-list: what cannot be read says why, on one line, with the numbers") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const auto fails = [](const std::string& path, const std::string& code,
                          const std::vector<std::string>& words) {
        CAPTURE(path);
        const test::program_result r = run({path});
        CHECK(r.exit_code == 3);
        CHECK(r.out == "");
        CHECK(r.err.substr(0, 10) == "aka-list: ");
        CHECK(count_lines(r.err) == 1);
        const json said = run_json({path}, 3);
        CHECK(said["path"].as_string() == path);
        CHECK(said["error"]["code"].as_string() == code);
        for (const std::string& w : words) {
            CHECK_MESSAGE(has(r.err, w), w << " in " << r.err);
            CHECK(has(said["error"]["message"].as_string(), w));
        }
    };
    fails((folder / "absent").string(), "missing_file", {"absent"});
    fails(folder.path().string(), "not_a_checkpoint", {".safetensors"});

    const std::string whole =
        test::write_safetensors({hole("a", "F32", {100}), hole("b", "F32", {100})});
    test::write_file(folder / "cut.safetensors", whole.substr(0, whole.size() - 123));
    fails((folder / "cut.safetensors").string(), "truncated", {"cut.safetensors", "123 bytes"});
    test::write_file(folder / "long.safetensors", whole + "1234567");
    fails((folder / "long.safetensors").string(), "trailing_bytes", {"7 bytes"});
    test::write_file(folder / "twice.safetensors",
                     test::write_safetensors({hole("a", "U8", {1}), hole("a", "U8", {1})}));
    fails((folder / "twice.safetensors").string(), "duplicate_name", {"'a'", "twice"});

    test::gguf_writer w;
    w.pad_last = false;
    w.add_tensor("blk.0.attn_q.weight", 0, {100});
    const std::string gguf = w.bytes();
    test::write_file(folder / "cut.gguf", gguf.substr(0, gguf.size() - 45));
    fails((folder / "cut.gguf").string(), "truncated", {"blk.0.attn_q.weight", "45 bytes"});

    const fs::path shards = folder / "shards";
    fs::create_directory(shards);
    test::write_sharded(shards, test::model_shapes({}).list(), 3);
    fs::remove(shards / "model-00003-of-00003.safetensors");
    fails(shards.string(), "missing_file",
          {"model-00003-of-00003.safetensors", "'model.safetensors.index.json'"});

    // The file's own words are escaped on their way to the terminal.
    test::write_file(folder / "bad\x1b[31m.safetensors", "123");
    const test::program_result r = run({(folder / "bad\x1b[31m.safetensors").string()});
    CHECK(r.exit_code == 3);
    CHECK(has(r.err, "bad\\x1b[31m"));
    CHECK(!has(r.err, "\x1b"));
}

#if defined(__linux__)
TEST_CASE("aka-list: a full disk is an error") {
    NEEDS_PROGRAM("aka-list");
    const std::string yi = (test::samples() / "yi").string();
    for (const std::string option : {"--json", "--long", "--metadata", "--color=auto", "--as=hf"}) {
        const auto r =
            test::run_program(test::program_command("aka-list", {option, yi}) + " >/dev/full");
        CHECK(r.exit_code == 3);
        CHECK(has(r.err, "cannot write"));
    }
}
#endif

// ---- terminals ---------------------------------------------------------------------------------

TEST_CASE("aka-list: names cannot command the terminal") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const std::string evil =
        "a\x1b]0;owned\x07\r\n\x7f\xc2\x9b"
        "2J\xe2\x80\xae\xff\xe6\x97\xa5";
    const std::string shown =
        "a\\x1b]0;owned\\x07\\x0d\\x0a\\x7f\\xc2\\x9b"
        "2J\\xe2\\x80\\xae\\xff\xe6\x97\xa5";
    test::gguf_writer w;
    w.add(evil, evil);
    w.add_tensor(evil, 0, {8});
    w.add_tensor(evil + ".0." + evil, 0, {8});
    w.save(folder / "evil.gguf");
    const std::string path = (folder / "evil.gguf").string();
    for (const std::string option :
         {"--color=never", "--long", "--no-fold", "--metadata", "--check", "--hash", "--json"}) {
        CAPTURE(option);
        const test::program_result r = run({option, path});
        std::string out = r.out;
        out.erase(std::remove(out.begin(), out.end(), '\n'), out.end());
        for (const char c : out) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
        CHECK(!has(r.out, "\xc2\x9b"));
        CHECK(!has(r.out, "\xe2\x80\xae"));
        CHECK(!has(r.out, "\xff"));
        if (option != "--json") CHECK(has(r.out, shown));
    }
    CHECK(run_json({path})["tensors"][0]["name"].as_string() == as_json_text(evil));
}

TEST_CASE("aka-list: colours") {
    NEEDS_PROGRAM("aka-list");
    const std::string yi = (test::samples() / "yi").string();
    const std::string plain = run({yi}).out;
    CHECK(!has(plain, "\x1b"));  // stdout is no terminal
    const std::string coloured = run({"--color=always", yi}).out;
    CHECK(has(coloured, "\x1b[1myi\x1b[0m"));
    std::string without;
    for (std::size_t i = 0; i < coloured.size(); ++i) {
        if (coloured[i] == '\x1b')
            i = coloured.find('m', i);
        else
            without += coloured[i];
    }
    CHECK(without == plain);
    CHECK(run({"--color=never", yi}).out == plain);
    CHECK(!has(run({"--color=always", "--json", yi}).out, "\x1b"));
}

#if !defined(_WIN32)
std::string on_terminal(int columns, const std::vector<std::string>& arguments,
                        const std::string& environment = {}) {
    return test::on_terminal(columns, "aka-list", arguments, environment).out;
}

TEST_CASE("aka-list: a terminal has colours and a width") {
    NEEDS_PROGRAM("aka-list");
    NEEDS_TERMINAL();
    const std::string yi = (test::samples() / "yi").string();
    CHECK(has(on_terminal(200, {yi}), "\x1b[1myi\x1b[0m"));
    const std::string wide = on_terminal(200, {yi}, "NO_COLOR=1");
    CHECK(wide == run({yi}).out);
    CHECK(on_terminal(200, {yi}, "NO_COLOR=") != wide);  // empty is not set
    CHECK(on_terminal(200, {yi}, "TERM=dumb") == wide);
    CHECK(has(on_terminal(200, {"--color=always", yi}, "NO_COLOR=1"), "\x1b["));

    const std::string narrow = on_terminal(60, {"-l", yi}, "NO_COLOR=1");
    CHECK(count_lines(narrow) > 21);
    std::size_t begin = 0, cut = 0;
    for (std::size_t end = 0; (end = narrow.find('\n', begin)) != narrow.npos; begin = end + 1) {
        CHECK(end - begin <= 60);
        const std::string line = narrow.substr(begin, end - begin);
        cut += has(line, "...");
        if (has(line, "...")) CHECK(has(line, "weight"));  // both ends of the name are there
    }
    CHECK(cut > 0);
    CHECK(!has(run({"-l", yi}).out, "..."));
}
#endif

// ---- --hash ------------------------------------------------------------------------------------

TEST_CASE("aka-list --hash: XXH64 of the bytes in the file") {
    NEEDS_PROGRAM("aka-list");
    // The published values, for the hash of this test.
    CHECK(xxh64("") == "ef46db3751d8e999");
    CHECK(xxh64("a") == "d24ec4f1a98c6e5b");
    CHECK(xxh64("abc") == "44bc2cf5ad770999");
    CHECK(xxh64("Nobody inspects the spammish repetition") == "fbcea83c8a378bf1");

    const test::temp_folder folder;
    std::vector<test::st_tensor> all;
    const std::vector<std::size_t> sizes = {0,  1,  3,  4,   7,       8,       31,     32,
                                            33, 63, 64, 100, 1000003, 1048576, 3145729};
    for (const std::size_t n : sizes) {
        all.push_back(hole("t" + std::to_string(n), "U8", {n}));
        all.back().data = test::random_bytes(n, n);
    }
    test::write_file(folder / "a.safetensors", test::write_safetensors(all));
    const std::string path = (folder / "a.safetensors").string();
    const json listed = run_json({"--hash", path});
    REQUIRE(listed["tensors"].size() == all.size());
    const std::string text = run({"--hash", path}).out;
    CHECK(has(text, "xxh64 "));
    for (const json& t : listed["tensors"].items) {
        for (const test::st_tensor& e : all) {
            if (e.name != t["name"].as_string()) continue;
            CHECK(t["hash"].as_string() == "xxh64:" + xxh64(e.data));
            CHECK(has(text, xxh64(e.data)));
        }
    }
    CHECK(run_json({path})["tensors"][0].find("hash") == nullptr);

    // As they are in the file: a big-endian one has other bytes.
    test::gguf_writer w;
    w.big_endian = true;
    w.add_tensor("a", 0, {64}, test::random_bytes(256, 1));
    w.save(folder / "big.gguf");
    const json big = run_json({"--hash", (folder / "big.gguf").string()});
    CHECK(big["tensors"][0]["hash"].as_string() ==
          "xxh64:" + xxh64(test::ggml_swap(0, w.tensors[0].data)));

    // The same tensors in one file and in three: the same hashes.
    std::map<std::string, std::string> one, three;
    test::write_sharded(folder.path(), all, 3);
    for (const json& t : listed["tensors"].items) one[t["name"].text] = t["hash"].text;
    fs::remove(folder / "big.gguf");
    const json sharded = run_json({"--hash", folder.path().string()});
    for (const json& t : sharded["tensors"].items) three[t["name"].text] = t["hash"].text;
    CHECK(one == three);
}

// ---- the smallest program ----------------------------------------------------------------------

TEST_CASE("aka-minimal prints name, type and shape of each tensor") {
    NEEDS_PROGRAM("aka-minimal");
    const fs::path file = test::samples() / "yi" / "model.safetensors";
    std::string expected;
    for (const row& r : rows_of(file)) {
        expected += r.name + " " + r.dtype;
        for (const std::uint64_t d : r.shape) expected += " " + std::to_string(d);
        expected += "\n";
    }
    CHECK(run({file.parent_path().string()}, "", "aka-minimal").out == expected);
    const test::program_result r = run({"absent"}, "", "aka-minimal");
    CHECK(r.exit_code == 3);
    CHECK(has(r.err, "absent"));
}

}  // namespace test_list_cli
