// aka-list --html: the page says what the file holds, nothing of a stranger's file becomes markup,
// and it works in a browser.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/model.hpp"
#include "support/programs.hpp"
#include "support/spellings.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace test_list_html {

namespace {

namespace fs = std::filesystem;

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }
std::size_t count(std::string_view text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++n;
    return n;
}

test::program_result run(const std::vector<std::string>& arguments) {
    return test::run_named("aka-list", arguments);
}
std::string page_of(const fs::path& checkpoint, std::vector<std::string> more = {},
                    int exit_code = 0) {
    const test::temp_folder folder;
    const fs::path to = folder / "page.html";
    more.push_back("--html=" + to.string());
    more.push_back(checkpoint.string());
    const test::program_result r = run(more);
    CHECK(r.exit_code == exit_code);
    CHECK(r.out == "");
    CHECK(r.err == "");
    REQUIRE(fs::exists(to));
    return test::read_file(to);
}

// ---- a reader of the page that knows the few things that it may hold ---------------------------

struct tag {
    std::string name;
    std::map<std::string, std::string> attributes;
};
// Every tag, in order. Whatever is not one of ours fails: another element, an attribute that loads
// or runs something, a bare < or & in a text.
std::vector<tag> tags_of(const std::string& page) {
    static const std::vector<std::string> elements = {
        "!doctype", "html",   "head",    "meta",    "title", "style", "body",    "main",
        "h1",       "h2",     "h3",      "p",       "span",  "label", "input",   "i",
        "div",      "code",   "table",   "tr",      "th",    "td",    "section", "small",
        "select",   "option", "details", "summary", "footer"};
    static const std::vector<std::string> attributes = {
        "html", "lang", "charset", "http-equiv", "content", "name",     "class",        "style",
        "id",   "type", "title",   "value",      "checked", "selected", "autocomplete", "colspan"};
    const auto known = [](const std::vector<std::string>& all, const std::string& s) {
        return std::find(all.begin(), all.end(), s) != all.end();
    };
    std::vector<tag> out;
    std::size_t at = 0;
    while (at < page.size()) {
        const std::size_t open = page.find('<', at);
        const std::string text = page.substr(at, open - at);
        if (out.empty() || out.back().name != "style") {
            CHECK(text.find('>') == text.npos);
            for (std::size_t a = 0; (a = text.find('&', a)) != text.npos; ++a) {
                const std::string entity = text.substr(a, text.find(';', a) - a);
                CAPTURE(entity);
                CHECK(known({"&amp", "&lt", "&gt", "&quot", "&#39", "&times"}, entity));
            }
        }
        if (open == page.npos) break;
        at = open + 1;
        if (page.compare(open, 4, "<!--") == 0) {
            CHECK(page.compare(open, 17, "<!-- aka-list -->") == 0);
            at = open + 17;
            continue;
        }
        const auto word = [&] {
            const std::size_t from = at;
            while (at < page.size() && !has(" =>\"\n", std::string(1, page[at]))) ++at;
            return page.substr(from, at - from);
        };
        const bool closes = page[at] == '/';
        at += closes;
        tag t;
        t.name = word();
        CAPTURE(t.name);
        REQUIRE(known(elements, t.name));
        while (page.at(at) == ' ') {
            ++at;
            const std::string name = word();
            CAPTURE(name);
            REQUIRE(known(attributes, name));
            if (page.at(at) != '=') {
                t.attributes[name] = "";
                continue;
            }
            REQUIRE(page.at(at + 1) == '"');
            const std::size_t end = page.find('"', at += 2);
            REQUIRE(end != page.npos);
            t.attributes[name] = page.substr(at, end - at);
            at = end + 1;
        }
        REQUIRE(page.at(at) == '>');
        ++at;
        if (!closes) out.push_back(t);
        // What follows </style> is text again.
        if (closes && t.name == "style") out.push_back({"p", {}});
    }
    return out;
}

void check_alone(const std::string& page) {
    CHECK(page.substr(0, 34) == "<!doctype html>\n<!-- aka-list -->\n");
    CHECK(has(page, "content=\"default-src 'none'; style-src 'unsafe-inline';"));
    for (const tag& t : tags_of(page))
        if (t.name == "style") CHECK(t.attributes.empty());
    const std::string styles = page.substr(page.find("<style>"), page.find("</style>"));
    for (const char* outside : {"url(", "@import", "http"}) CHECK(!has(styles, outside));
}

// The byte maps: of each file, its pieces from the first byte to the last.
std::vector<std::uint64_t> mapped_bytes(const std::string& page) {
    std::vector<std::uint64_t> ends;
    for (const tag& t : tags_of(page)) {
        const auto title = t.attributes.find("title");
        std::string text = title == t.attributes.end() ? "" : title->second;
        if (t.name != "i" || text.substr(0, 6) != "bytes ") continue;
        const std::uint64_t from = std::strtoull(text.c_str() + 6, nullptr, 10);
        text = text.substr(text.find(" to ") + 4);
        const std::uint64_t to = std::strtoull(text.c_str(), nullptr, 10);
        if (from == 0) ends.push_back(0);
        CHECK(from == ends.back());
        CHECK(to > from);
        ends.back() = to;
    }
    return ends;
}

// ---- names of a stranger -----------------------------------------------------------------------

const std::vector<std::string> hostile = {
    "</style><script>window.owned=1</script>",
    "\"><img src=x onerror=window.owned=2>",
    "' onmouseover='window.owned=3",
    "</title></select><svg onload=window.owned=4>",
    "<!--&lt;b&gt;",
    "<a href=javascript:window.owned=5>x</a>",
};
// Wherever a name goes: whole names, in front of and behind numbers, keys, values, a folder.
fs::path write_hostile(const fs::path& folder) {
    const fs::path inside = folder / "<b onclick=x>&\"'";
    fs::create_directories(inside);
    test::model_config config;
    config.n_layer = 5;
    std::vector<test::st_tensor> all = test::model_shapes(config).list();
    for (const std::string& h : hostile) {
        all.push_back({h, "F16", {4}, {}});
        for (int l = 0; l < 5; ++l) {
            all.push_back({h + "." + std::to_string(l) + "." + h + "a", "F16", {4, 4}, {}});
            all.push_back({h + "." + std::to_string(l) + "." + h + "b", "F32", {4, 4}, {}});
        }
    }
    test::write_sparse_safetensors(inside / "model.safetensors", all,
                                   {{hostile[0], hostile[1]}, {"k", hostile[3]}});
    test::write_file(inside / "config.json",
                     test::hf_config_json(config, "llama", "LlamaForCausalLM"));
    return inside;
}

std::string browser() {
#if !defined(_WIN32)
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"})
        if (test::run_program(std::string("command -v ") + name).exit_code == 0) return name;
#endif
    return {};
}

}  // namespace

TEST_CASE("aka-list --html: all bytes, layers, roles and types of the samples") {
    NEEDS_PROGRAM("aka-list");
    for (const char* name : {"llama.gguf", "llama-sharded", "yi", "baichuan"}) {
        CAPTURE(name);
        const fs::path path = test::samples() / name;
        const std::string page = page_of(path);
        check_alone(page);
        CHECK(has(page, "<h1>" + std::string(name) + "</h1>"));
        std::vector<fs::path> files;
        if (fs::is_directory(path)) {
            for (const auto& f : fs::directory_iterator(path))
                if (f.path().extension() == ".safetensors") files.push_back(f.path());
            std::sort(files.begin(), files.end());
        } else {
            files.push_back(path);
        }
        std::vector<std::uint64_t> sizes;
        for (const fs::path& f : files) sizes.push_back(fs::file_size(f));
        CHECK(mapped_bytes(page) == sizes);
        for (const char* role : {"attn_norm", "ffn_down", "token_embd", "output_norm"})
            CHECK(has(page, "<tr><td class=\"n\">" + std::string(role) + "<td"));
    }
    const std::string page = page_of(test::samples() / "llama.gguf");
    CHECK(has(page, "ffn_down<td class=\"r\">2<td class=\"r p\">4096<td class=\"r\">"));
    CHECK(has(page,
              "<td class=\"n key-name\">llama.block_count<td class=\"dim\">u32<td class=\"n\">2"));
    // Fused q, k and v are one role's row.
    CHECK(has(page_of(test::samples() / "baichuan"), ">attn_q + attn_k + attn_v<td"));
}

TEST_CASE("aka-list --html: the names in every convention that can spell the model") {
    NEEDS_PROGRAM("aka-list");
    const std::string page = page_of(test::samples() / "yi");
    for (const char* name :
         {"model.layers.{0,1}.ln1.weight", "model.layers.{0,1}.input_layernorm.weight",
          "blk.{0,1}.attn_norm.weight", "layers.{0,1}.attention_norm.weight",
          "model.layers.{0,1}.self_attn.W_pack.weight"})
        CHECK(has(page, "<td class=\"n\">" + std::string(name) + "<td"));
    // An option, its table, and the rule that shows the one for the other.
    const std::size_t options = count(page, "<option value=");
    CHECK(options > 15);
    CHECK(options == count(page, "<div class=\"spelling n"));
    CHECK(options == count(page, "]:checked) .n"));
    CHECK(has(page, "<option value=\"0\" selected>as in the file"));
    CHECK(has(page, "<td>view<td class=\"n o dim\">model.layers.*.ln1.weight"));
    CHECK(has(page_of(test::samples() / "yi", {"--as=gguf"}),
              "<option value=\"1\" selected>GGUF (gguf:llama)"));
}

TEST_CASE("aka-list --html: a column for each layer") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    std::vector<test::st_tensor> all;
    for (int l = 0; l < 7; ++l) {
        const std::string p = "model.layers." + std::to_string(l) + ".";
        all.push_back({p + "self_attn.q_proj.weight", "BF16", {64, 64}, {}});
        all.push_back({p + "mlp.up_proj.weight", l == 3 ? "F32" : "BF16", {128, 64}, {}});
    }
    test::write_sparse_safetensors(folder / "m.safetensors", all);
    const std::string page = page_of(folder / "m.safetensors");
    check_alone(page);
    CHECK(count(page, "<div title=\"model.layers.") == 7);
    CHECK(has(page,
              "<div title=\"model.layers.2: 2 tensors, 24 KiB, BF16\">"
              "<i class=\"k1 t0\" style=\"height:40.000%\"></i>"
              "<i class=\"k0 t0\" style=\"height:20.000%\"></i></div>"));
    CHECK(has(page,
              "<div title=\"model.layers.3: 2 tensors, 40 KiB, F32 80 %, BF16 20 %\">"
              "<i class=\"k1 t1\" style=\"height:80.000%\"></i>"));
}

TEST_CASE("aka-list --html: the names of a stranger stay text") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const std::string page = page_of(write_hostile(folder.path()));
    check_alone(page);
    for (const std::string& h : hostile) CHECK(!has(page, h));
    CHECK(count(page, "&lt;/style&gt;&lt;script&gt;window.owned=1&lt;/script&gt;") > 10);
    CHECK(has(page, "<title>&lt;b onclick=x&gt;&amp;&quot;&#39;</title>"));
    CHECK(!has(page, "<script"));

    // What a terminal would obey, or would turn around, is spelled out here as well.
    test::write_sparse_safetensors(folder / "m.safetensors", {{"a\x1b[31m\n\xe2\x80\xae"
                                                               "b",
                                                               "F16",
                                                               {4},
                                                               {}}});
    CHECK(has(page_of(folder / "m.safetensors"), "a\\x1b[31m\\x0a\\xe2\\x80\\xaeb"));
}

TEST_CASE("aka-list --html: files without tensors, names alone, unknown models, issues") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    test::write_sparse_safetensors(folder / "empty.safetensors", {});
    check_alone(page_of(folder / "empty.safetensors"));
    test::write_file(folder / "model.safetensors.index.json",
                     R"({"weight_map":{"model.norm.weight":"a-1-of-1.safetensors"}})");
    const std::string names = page_of(folder / "model.safetensors.index.json");
    check_alone(names);
    CHECK(has(names, "<td class=\"n\">model.norm.weight<td"));
    CHECK(!has(names, "id=\"bytes\""));
    test::write_file(folder / "nan.safetensors",
                     test::write_safetensors({{"h.0.mlp.fc.weight", "F16", {1}, "\x01\x7c"}}));
    const std::string odd = page_of(folder / "nan.safetensors", {"--check"}, 1);
    check_alone(odd);
    CHECK(has(odd, "values are infinite or NaN"));
    CHECK(has(odd, "<td class=\"n\">h.*<td"));
}

TEST_CASE("aka-list --html: replaces an older page, and nothing else") {
    NEEDS_PROGRAM("aka-list");
    const test::temp_folder folder;
    const std::string to = (folder / "page.html").string();
    const std::string yi = (test::samples() / "yi").string();
    CHECK(run({"--html", to, yi}).exit_code == 0);
    const std::string page = test::read_file(to);
    CHECK(run({"--html", to, (test::samples() / "llama.gguf").string()}).exit_code == 0);
    CHECK(test::read_file(to) != page);
    CHECK(run({"--html", to, yi}).exit_code == 0);
    CHECK(test::read_file(to) == page);  // the same again, byte for byte

    const std::string other = (folder / "model.safetensors").string();
    for (const char* bytes : {"", "<!doctype html>\n", "a checkpoint of another day"}) {
        test::write_file(other, bytes);
        const test::program_result r = run({"--html", other, yi});
        CHECK(r.exit_code == 3);
        CHECK(has(r.err, "there is such a file already"));
        CHECK(test::read_file(other) == bytes);
    }
    CHECK(run({"--html", (folder / "no" / "page.html").string(), yi}).exit_code == 3);
    CHECK(run({"--html", to, yi, "model.*"}).exit_code == 2);
    CHECK(run({"--html", to, "--json", yi}).exit_code == 2);
    std::size_t files = 0;
    for (const auto& f : fs::directory_iterator(folder.path())) ++files, (void)f;
    CHECK(files == 2);
}

TEST_CASE("aka-list --html: in a browser, names are not run and the switches work") {
    NEEDS_PROGRAM("aka-list");
    const std::string program = browser();
    if (program.empty()) SKIP_TEST("there is no chromium (Debian: chromium)");
    const test::temp_folder folder;
    std::string page = page_of(write_hostile(folder.path()));
    // Without the policy that forbids scripts: the names have to be harmless by themselves.
    const std::size_t policy = page.find("<meta http-equiv");
    page.erase(policy, page.find('>', policy) + 1 - policy);
    page += R"(<script>
const shown = () => [...document.querySelectorAll('.spelling')]
    .map((e, i) => getComputedStyle(e).display != 'none' ? i : -1).filter(i => i >= 0).join();
const select = document.querySelector('select'), said = [];
let alone = select.options.length > 15;
for (const option of select.options) {
    select.value = option.value;
    alone = alone && shown() == option.value;
}
const piece = document.querySelector('.map .k1');
const colour = () => getComputedStyle(piece).backgroundColor;
const before = colour();
document.getElementById('by-type').click();
const result = document.createElement('p');
result.id = 'result';
result.textContent = ['owned', window.owned, 'alone', alone, 'switched', before != colour(),
    'images', document.images.length, 'scripts', document.scripts.length,
    'wide', document.documentElement.scrollWidth > innerWidth].join(' ');
document.body.append(result);
</script>)";
    test::write_file(folder / "page.html", page);
    const test::program_result r = test::run_program(
        "timeout 100 " + program +
        " --headless --no-sandbox --disable-gpu --no-first-run --window-size=400,800"
        " --user-data-dir=" +
        test::shell_quote((folder / "profile").string()) + " --dump-dom " +
        test::shell_quote("file://" + (folder / "page.html").string()));
    if (r.exit_code != 0) SKIP_TEST(program + " does not run here: " + r.err.substr(0, 200));
    CHECK(has(r.out,
              "<p id=\"result\">owned  alone true switched true images 0 scripts 1 wide false"));
}

}  // namespace test_list_html
