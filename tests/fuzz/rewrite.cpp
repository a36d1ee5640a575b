// A checkpoint with rules and options, planned, written and read back: every tensor is there with
// the bytes that the plan shows; and what can be undone is undone. The first byte says where to,
// the second how; then lines as in name_list.hpp, and `=OLD => NEW` for rules.
#include "name_list.hpp"

#include <aka/rewrite_plan.hpp>
#include <aka/verify_rewrite.hpp>
#include <aka/write_files.hpp>

namespace fuzz_rewrite {

namespace fs = std::filesystem;

inline const aka::catalog& known() {
    static const auto c = aka::catalog::builtin();
    return *c;
}

// The bytes of a planned tensor, and those that were written.
inline void check_bytes(const aka::tensor& expected, const aka::tensor& found, aka::dtype type) {
    FUZZ_CHECK(found && found.dtype() == type);
    FUZZ_CHECK(found.shape() == expected.shape());
    std::vector<std::byte> a(static_cast<std::size_t>(found.size_bytes())), b(a.size());
    const aka::status made = type == expected.dtype() && !expected.is_pending()
                                 ? expected.copy_to({a.data(), a.size()})
                                 : expected.convert_to(type, {a.data(), a.size()});
    FUZZ_CHECK(made);
    FUZZ_CHECK(found.copy_to({b.data(), b.size()}));
    FUZZ_CHECK(a == b);
}

struct scratch {
    test::temp_folder at{test::memory_folder()};
    fs::path from = at / "from", to = at / "to", back = at / "back";
    scratch() { fs::create_directory(from); }
    void clear() const {
        fs::remove_all(to);
        fs::remove_all(back);
    }
};

inline void check_undo(const aka::checkpoint& file, const aka::checkpoint& written,
                       const scratch& s) {
    aka::rewrite_options undo;
    undo.undo = true;
    const auto plan = aka::plan_rewrite(written, undo, known());
    if (!plan || !plan->ok()) return;
    const auto files = aka::lay_out(*plan);
    if (!files) return;
    FUZZ_CHECK(aka::write_files(*files, s.back));
    const auto again = aka::checkpoint::open(s.back);
    FUZZ_CHECK(again);
    // What has become F32 on the way (norms in GGUF) stays that.
    for (std::size_t i = 0; i < again->size(); ++i) {
        const aka::tensor now = (*again)[i], was = file.find(now.name());
        if (was) check_bytes(was, now, now.dtype());
    }
}

}  // namespace fuzz_rewrite

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_rewrite;
    static const scratch s;
    known();
    fuzz::input in(data, size);
    const std::uint8_t where = in.byte(), how = in.byte();
    std::vector<std::string_view> rule_texts;
    const fuzz::name_list list(in, [&](std::string_view line) {
        if (line[0] != '=') return false;
        rule_texts.push_back(line.substr(1));
        return true;
    });
    if (list.bytes > 65536) return 0;
    s.clear();
    list.write(s.from, true);

    const fuzz::no_leaks leaks;
    const auto file = aka::checkpoint::open(s.from);
    if (!file) return 0;
    std::vector<aka::rename_rule> rules;
    for (const std::string_view text : rule_texts)
        if (const auto rule = aka::rename_rule::parse(text)) rules.push_back(*rule);
    aka::rewrite_options o;
    const auto conventions = known().conventions();
    const std::string_view usual[] = {"", "hf", "gguf", "meta", "roles"};
    o.to = where < 128 ? usual[where % 5] : conventions[where % conventions.size()]->id();
    o.rules = {rules.data(), rules.size()};
    o.keep_unmatched = (how & 1) != 0;
    if ((how & 6) == 2) o.container = aka::checkpoint_format::gguf;
    if ((how & 6) == 4) o.container = aka::checkpoint_format::safetensors;
    if ((how & 8) != 0) o.dequantize = aka::dtype::f32;
    const auto plan = aka::plan_rewrite(*file, o, known());
    if (!plan) return 0;
    aka::rewrite_layout_options layout;
    if ((how & 16) != 0) layout.align = 64;
    const auto files = aka::lay_out(*plan, layout);
    FUZZ_CHECK(plan->ok() || !files);
    if (!files) return 0;
    const auto done = aka::write_files(*files, s.to);
    if (!done) std::fprintf(stderr, "%s\n", done.error().message().c_str());
    FUZZ_CHECK(done);
    const auto written = aka::checkpoint::open(s.to);
    if (!written) std::fprintf(stderr, "%s\n", written.error().message().c_str());
    FUZZ_CHECK(written && written->size() == plan->size());
    for (std::size_t i = 0; i < plan->size(); ++i)
        check_bytes(plan->view(i), written->find((*plan)[i].name), (*plan)[i].dtype);
    FUZZ_CHECK(aka::verify_rewrite(*files, *written));
    check_undo(*file, *written, s);
    return 0;
}
