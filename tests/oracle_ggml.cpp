// ggml's own reader beside ours: every key, value, tensor and byte of real files and of generated
// ones. ggml comes as a shared library from the npm package @node-llama-cpp/linux-x64 (see .ci/run
// and CONTRIBUTING.md). What loads data runs in a child process, since ggml may abort.
#include <aka/gguf.hpp>
#include <doctest/doctest.h>

#include "support/expect_gguf.hpp"
#include "support/files.hpp"
#include "support/ggml_library.hpp"
#include "support/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace {

using test::ggml;
using test::ggml_file;
using test::last_message;

// How many types this ggml knows: it says so itself, and must not be asked about others.
int type_count() {
    const test::temp_folder folder;
    test::gguf_writer w;
    w.add_tensor("a", 0x7fffffff, {32}, std::string(128, 'x'));
    w.save(folder / "a.gguf");
    const ggml_file refused(folder / "a.gguf", false);
    const std::size_t at = last_message.find("should be in [0, ");
    REQUIRE_MESSAGE(at != std::string::npos, last_message);
    return std::atoi(last_message.c_str() + at + 17);
}

// Everything of a file, ours against ggml's: what differs first, or nothing. Runs in children, so
// it reports by text.
class comparison {
  public:
    comparison(const fs::path& path, bool with_data) {
        const auto opened = aka::gguf::open(path);
        const ggml_file g(path, with_data);
        if (!opened || g.file == nullptr) {
            same("opening", opened ? "accepted" : test::said(opened),
                 g.file != nullptr ? "accepted" : last_message);
            return;
        }
        ours_ = &*opened;
        theirs_ = g.file;
        same("version", ours_->version(), ggml().gguf_get_version(theirs_));
        same("alignment", ours_->alignment(), ggml().gguf_get_alignment(theirs_));
        same("data offset", ours_->data_begin(), ggml().gguf_get_data_offset(theirs_));
        keys();
        tensors(g.context, with_data);
    }
    const std::string& difference() const { return difference_; }
    std::uint64_t compared() const { return compared_; }

  private:
    static std::string text(std::string_view s) { return std::string(s); }
    static std::string text(const char* s) { return s == nullptr ? "(null)" : s; }
    template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
    static std::string text(T v) {
        return std::to_string(v);
    }
    template <class A, class B>
    void same(const std::string& what, const A& ours, const B& theirs) {
        ++compared_;
        if (!difference_.empty() || text(ours) == text(theirs)) return;
        difference_ = what + ": " + text(ours) + ", ggml: " + text(theirs);
    }
    // ggml hands out C strings.
    static std::string_view to_nul(std::string_view s) { return s.substr(0, s.find('\0')); }

    void keys() {
        const aka::metadata& m = ours_->metadata();
        same("keys", m.size(), ggml().gguf_get_n_kv(theirs_));
        for (std::size_t i = 0; difference_.empty() && i < m.size(); ++i) {
            const auto id = static_cast<std::int64_t>(i);
            const aka::metadata_value v = m[i];
            const std::string key(v.key());
            same("key", key, ggml().gguf_get_key(theirs_, id));
            same("position of " + key, id, ggml().gguf_find_key(theirs_, key.c_str()));
            same("type of " + key, static_cast<int>(v.type()),
                 ggml().gguf_get_kv_type(theirs_, id));
            same("found " + key, m.find(key).raw().at == v.raw().at, true);
            if (!difference_.empty()) return;
            if (v.is_string())
                same("value of " + key, to_nul(*v.as_string()),
                     ggml().gguf_get_val_str(theirs_, id));
            else if (v.is_array())
                array(key, *v.as_array(), id);
            else
                scalar("value of " + key, v, ggml().gguf_get_val_data(theirs_, id));
        }
    }
    void array(const std::string& key, const aka::metadata_array& a, std::int64_t id) {
        same("element type of " + key, static_cast<int>(a.element_type()),
             ggml().gguf_get_arr_type(theirs_, id));
        same("size of " + key, a.size(), ggml().gguf_get_arr_n(theirs_, id));
        if (!difference_.empty() || a.empty()) return;
        const bool strings = a.element_type() == aka::value_type::string;
        const void* data = strings ? nullptr : ggml().gguf_get_arr_data(theirs_, id);
        const unsigned width = test::gguf_widths[static_cast<unsigned>(a.element_type())];
        std::size_t i = 0;
        for (const aka::metadata_value v : a) {
            if (strings)
                same(key, to_nul(*v.as_string()), ggml().gguf_get_arr_str(theirs_, id, i));
            else
                scalar(key, v, static_cast<const char*>(data) + i * width);
            if (!difference_.empty()) return;
            ++i;
        }
        same("elements of " + key, i, a.size());
    }
    // `p`: the number in this machine's order.
    void scalar(const std::string& what, const aka::metadata_value& v, const void* p) {
        switch (v.type()) {
            case aka::value_type::u8:
                return number<std::uint8_t>(what, v, p);
            case aka::value_type::i8:
                return number<std::int8_t>(what, v, p);
            case aka::value_type::u16:
                return number<std::uint16_t>(what, v, p);
            case aka::value_type::i16:
                return number<std::int16_t>(what, v, p);
            case aka::value_type::u32:
                return number<std::uint32_t>(what, v, p);
            case aka::value_type::i32:
                return number<std::int32_t>(what, v, p);
            case aka::value_type::u64:
                return number<std::uint64_t>(what, v, p);
            case aka::value_type::i64:
                return number<std::int64_t>(what, v, p);
            case aka::value_type::f32:
                return number<float>(what, v, p);
            case aka::value_type::f64:
                return number<double>(what, v, p);
            default:
                return same(what, *v.as<bool>(), *static_cast<const std::uint8_t*>(p) != 0);
        }
    }
    template <class T>
    void number(const std::string& what, const aka::metadata_value& v, const void* p) {
        const T ours = *v.as<T>();
        same(what, test::hex_encode({reinterpret_cast<const char*>(&ours), sizeof ours}),
             test::hex_encode({static_cast<const char*>(p), sizeof ours}));
    }

    void tensors(ggml_context* context, bool with_data) {
        same("tensors", ours_->size(), ggml().gguf_get_n_tensors(theirs_));
        for (std::size_t i = 0; difference_.empty() && i < ours_->size(); ++i) {
            const auto id = static_cast<std::int64_t>(i);
            const aka::tensor t = (*ours_)[i];
            const std::string name(t.name());
            same("name", name, ggml().gguf_get_tensor_name(theirs_, id));
            same("position of " + name, id, ggml().gguf_find_tensor(theirs_, name.c_str()));
            same("type of " + name, t.ggml_type(), ggml().gguf_get_tensor_type(theirs_, id));
            same("bytes of " + name, t.size_bytes(), ggml().gguf_get_tensor_size(theirs_, id));
            same("offset of " + name, t.offset() - ours_->data_begin(),
                 ggml().gguf_get_tensor_offset(theirs_, id));
            const std::int64_t* ne = ggml().gguf_get_tensor_ne(theirs_, id);
            for (std::size_t k = 0; k < 4; ++k) same("ne of " + name, t.shape().ne()[k], ne[k]);
            const ggml_tensor* g = ggml().ggml_get_tensor(context, name.c_str());
            same(name + " is there", g != nullptr, true);
            if (!difference_.empty()) return;
            same("elements of " + name, t.elements(), ggml().ggml_nelements(g));
            same("bytes of " + name, t.size_bytes(), ggml().ggml_nbytes(g));
            if (!with_data || !difference_.empty() || t.size_bytes() == 0) continue;
            const auto bytes = t.bytes();
            const int order = std::memcmp(bytes->data(), ggml().ggml_get_data(g), bytes->size());
            same("content of " + name, order == 0, true);
        }
    }

    const aka::gguf* ours_ = nullptr;
    const gguf_context* theirs_ = nullptr;
    std::string difference_;
    std::uint64_t compared_ = 0;
};

// The same in a child process: its answer, or how it ended.
std::string in_child(const fs::path& path) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::fflush(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        close(ends[0]);
        const std::string answer = "done" + comparison(path, true).difference();
        const ssize_t written = write(ends[1], answer.data(), answer.size());
        _exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string answer;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (answer.compare(0, 4, "done") == 0) return answer.substr(4);
    return "the child ended with status " + std::to_string(status);
}

void check_file(const fs::path& path, std::uint64_t& compared) {
    CAPTURE(path.string());
    const comparison here(path, false);
    CHECK(here.difference() == "");
    compared += here.compared();
    CHECK(in_child(path) == "");
}

// --- generated files

test::gguf_value random_scalar(test::rng& r, std::uint32_t kind) {
    test::gguf_value v;
    v.kind = kind;
    v.bits = r.next();
    if (kind == 7) v.bits &= 1;
    if (kind == 8) v.text = r.bytes(static_cast<std::size_t>(r.below(20)));
    return v;
}

test::gguf_writer random_file(std::uint64_t seed, int types) {
    test::rng r(seed);
    test::gguf_writer w;
    w.version = 2 + static_cast<std::uint32_t>(r.below(2));
    w.alignment = std::uint64_t{1} << r.below(10);
    const std::uint64_t n_keys = r.below(20), n_tensors = r.below(12);
    for (std::uint64_t i = 0; i < n_keys; ++i) {
        const std::string key = "key." + std::to_string(i) + std::string(r.below(30), 'k');
        auto kind = static_cast<std::uint32_t>(r.below(13));
        if (kind != 9) {
            w.add(key, random_scalar(r, kind));
            continue;
        }
        while (kind == 9) kind = static_cast<std::uint32_t>(r.below(13));
        std::vector<test::gguf_value> items;
        for (std::uint64_t k = r.below(50); k > 0; --k) items.push_back(random_scalar(r, kind));
        w.add(key, test::gguf_array(kind, items));
    }
    for (std::uint64_t i = 0; i < n_tensors; ++i) {
        std::uint32_t type = 0;
        do type = static_cast<std::uint32_t>(r.below(static_cast<std::uint64_t>(types)));
        while (test::ggml_types[type].elems == 0);
        const std::uint64_t block = test::ggml_types[type].elems;
        std::vector<std::uint64_t> shape;
        for (std::uint64_t rank = r.below(5); shape.size() < rank;) shape.push_back(r.below(6));
        if (!shape.empty()) shape.back() *= block;
        if (shape.empty() && block != 1) shape = {block};
        w.tensors.push_back(test::filled_gguf(
            "t" + std::to_string(i) + std::string(r.below(60), 'n'), type, std::move(shape)));
    }
    return w;
}

}  // namespace

TEST_CASE("ggml oracle: names and block sizes of all types") {
    SKIP_WITHOUT_GGML();
    const int count = type_count();
    std::printf("ggml oracle: this ggml knows %d types, aka %d\n", count, 43);
    CHECK(count >= 40);
    for (int id = 0; id < std::min(count, 43); ++id) {
        CAPTURE(id);
        const auto block = static_cast<std::uint64_t>(ggml().ggml_blck_size(id));
        const aka::dtype t = aka::dtype_from_ggml(static_cast<std::uint32_t>(id));
        if (block == 0) {
            CHECK(t == aka::dtype::unknown);
            CHECK(test::ggml_types[id].elems == 0);
            continue;
        }
        const aka::dtype_info& info = aka::info(t);
        CHECK(info.ggml_id == id);
        CHECK(info.block_elements == block);
        CHECK(info.block_bytes == ggml().ggml_type_size(id));
        CHECK(std::string(ggml().ggml_type_name(id)) == test::ggml_types[id].name);
        CHECK(info.name == test::gguf_dtype_name(static_cast<std::uint32_t>(id)));
    }
}

TEST_CASE("ggml oracle: real files") {
    SKIP_WITHOUT_GGML();
    std::uint64_t compared = 0, files = 0;
    std::vector<fs::path> folders = {test::samples()};
    if (test::have_shared_data()) folders.push_back(test::shared_data() / "files");
    for (const fs::path& folder : folders) {
        for (const auto& e : fs::recursive_directory_iterator(folder)) {
            if (e.path().extension() != ".gguf") continue;
            ++files;
            const auto ours = aka::gguf::open(e.path());
            if (ours) {
                check_file(e.path(), compared);
            } else {
                // Cut off: ggml reads its keys, but cannot load it either.
                CHECK_REFUSED(ours, truncated);
                CHECK(in_child(e.path()).find("ggml: accepted") == std::string::npos);
            }
        }
    }
    CHECK(files >= 1);
    std::printf("ggml oracle: %llu real files, %llu facts\n",
                static_cast<unsigned long long>(files), static_cast<unsigned long long>(compared));
    SKIP_WITHOUT_DATA();
}

TEST_CASE("ggml oracle: generated files of every type") {
    SKIP_WITHOUT_GGML();
    const int types = std::min(type_count(), 43);
    const test::temp_folder folder;
    const fs::path path = folder / "a.gguf";
    std::uint64_t compared = 0;
    test::gguf_writer every;
    for (test::gguf_tensor& t : every.tensors = test::every_ggml_type())
        if (t.shape.empty()) t.shape = {1};
    for (std::uint32_t kind = 0; kind < 13; ++kind) {
        test::rng r(kind);
        if (kind == 9) continue;
        every.add("kind " + std::to_string(kind), random_scalar(r, kind));
        every.add("none " + std::to_string(kind), test::gguf_array(kind, {}));
        every.add("some " + std::to_string(kind),
                  test::gguf_array(kind, {random_scalar(r, kind), random_scalar(r, kind)}));
    }
    every.tensors.erase(
        std::remove_if(every.tensors.begin(), every.tensors.end(),
                       [&](const auto& t) { return static_cast<int>(t.type) >= types; }),
        every.tensors.end());
    every.save(path);
    check_file(path, compared);
    std::set<std::uint32_t> seen;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        CAPTURE(seed);
        const test::gguf_writer w = random_file(seed, types);
        for (const auto& t : w.tensors) seen.insert(t.type);
        w.save(path);
        check_file(path, compared);
    }
    std::size_t existing = 0;
    for (int id = 0; id < types; ++id) existing += test::ggml_types[id].elems != 0;
    CHECK(seen.size() == existing);
    std::printf("ggml oracle: 201 generated files, %llu facts\n",
                static_cast<unsigned long long>(compared));
}

#else

TEST_CASE("ggml oracle") { SKIP_TEST("the library of ggml is loaded on POSIX systems only"); }

#endif

namespace test_oracle_ggml {}  // namespace test_oracle_ggml
