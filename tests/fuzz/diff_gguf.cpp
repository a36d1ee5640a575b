// GGUF against ggml's own reader, without data and with: the same files are good, and of good ones
// every key, value, tensor, type, place and byte is the same. What is known to differ is described
// by rule, not by case, and has to differ. Where ggml would abort it throws instead. Without its
// library (see tests/support/ggml_library.hpp) nothing is compared.
#include "fuzz.hpp"

#include <aka/gguf.hpp>

#include "../support/ggml_comparison.hpp"

#include <set>
#include <string>

namespace fuzz_diff_gguf {

using test::ggml;

// What happened, for the summary.
struct tally {
    std::uint64_t accepted = 0, refused = 0, ours_only = 0, ggml_only = 0, aborts = 0, facts = 0;
};
inline tally counts[2];  // without data, with

__extension__ typedef unsigned __int128 wide;

// --- what we take and ggml does not

// Tensors that do not follow each other in the order of the infos, each padded; with data the last
// one's padding has to be there, too.
inline bool adjoin(const aka::gguf& f, std::uint64_t file_size, bool with_data) {
    std::uint64_t at = f.data_begin();
    for (std::size_t i = 0; i < f.size(); ++i) {
        if (f[i].offset() != at) return false;
        at = (at + f[i].size_bytes() + f.alignment() - 1) / f.alignment() * f.alignment();
    }
    return !with_data || f.empty() || at <= file_size;
}
// Why ggml refuses what we take; null: it has to take it.
inline const char* ggml_refuses(const aka::gguf& f, std::uint64_t file_size, bool with_data) {
    if (f.version() == 1) return "version 1 is too old for it";
    if (f.big_endian()) return "it reads no other byte order than the machine's";
    for (const aka::metadata_value v : f.metadata())
        if (v.is_array() && v.as_array()->element_type() == aka::value_type::array)
            return "it has no arrays of arrays";
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < f.size(); ++i) {
        const std::string_view name = f[i].name();
        if (name.size() > 63) return "it has room for 63 bytes of a name";
        if (f[i].dtype() == aka::dtype::unknown) return "it refuses types that it does not know";
        if (!names.insert(name.substr(0, name.find('\0'))).second)
            return "for it names end at a NUL, and these are the same then";
    }
    if (!adjoin(f, file_size, with_data))
        return "it wants tensors without gaps, padded to the last";
    return nullptr;
}

// --- what ggml takes and we do not

// Whether, in exact arithmetic, a tensor of ggml's lies outside the file. Without data it does not
// look; with data its own arithmetic may wrap, and make a small tensor of a large one. Or the
// dimensions other than 0 multiply to 2^63, so that partial products overflow.
inline bool outside(const gguf_context* g, std::uint64_t file_size) {
    const std::int64_t n = ggml().gguf_get_n_tensors(g);
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t* ne = ggml().gguf_get_tensor_ne(g, i);
        wide product = 1;
        bool zero = false;
        for (unsigned k = 0; k < 4; ++k) {
            zero = zero || ne[k] == 0;
            if (ne[k] != 0) product *= static_cast<std::uint64_t>(ne[k]);
            if (product >> 63 != 0) return true;
        }
        const int type = ggml().gguf_get_tensor_type(g, i);
        const auto block = static_cast<std::uint64_t>(ggml().ggml_blck_size(type));
        const wide bytes = zero ? 0 : product / block * ggml().ggml_type_size(type);
        if (bytes + ggml().gguf_get_data_offset(g) + ggml().gguf_get_tensor_offset(g, i) >
            file_size)
            return true;
    }
    return false;
}

// Whether ggml would ask for more memory than a file of a fuzzer has any use for, and abort when it
// gets none: more than that is claimed, in its own arithmetic.
inline bool too_large(const gguf_context* g) {
    const std::int64_t last = ggml().gguf_get_n_tensors(g) - 1;
    const std::uint64_t most = std::uint64_t{1} << 24;
    return last >= 0 && (ggml().gguf_get_tensor_offset(g, last) > most ||
                         ggml().gguf_get_tensor_size(g, last) > most);
}

struct aborted {};
inline void throw_instead(const char*) { throw aborted(); }

class ggml_bytes {
  public:
    ggml_bytes(std::string_view bytes, bool with_data) {
        test::last_message.clear();
        try {
            file = ggml().gguf_init_from_buffer(bytes.data(), bytes.size(), {!with_data, &context});
        } catch (const aborted&) {
            abort = true;
        }
    }
    ggml_bytes(const ggml_bytes&) = delete;
    ggml_bytes& operator=(const ggml_bytes&) = delete;
    ~ggml_bytes() {
        if (file != nullptr) ggml().gguf_free(file);
        if (context != nullptr) ggml().ggml_free(context);
    }
    ggml_context* context = nullptr;
    gguf_context* file = nullptr;
    bool abort = false;
};

// Whether it makes sense to load the data, too.
inline bool compare(const aka::result<aka::gguf>& ours, std::string_view bytes, bool with_data) {
    const ggml_bytes g(bytes, with_data);
    tally& count = counts[with_data ? 1 : 0];
    std::string wrong;
    if (!ours) {
        ++(g.file == nullptr ? count.refused : count.ggml_only);
        count.aborts += g.abort;
        if (g.file != nullptr && !outside(g.file, bytes.size())) wrong = "ggml takes it";
    } else if (const char* why = ggml_refuses(*ours, bytes.size(), with_data)) {
        ++count.ours_only;
        if (g.file != nullptr) wrong = std::string("ggml takes it, though ") + why;
    } else if (g.file == nullptr) {
        wrong = "ggml refuses it: " + test::last_message;
    } else {
        ++count.accepted;
        const test::ggml_comparison all(*ours, g.file, g.context, with_data);
        count.facts += all.compared();
        wrong = all.difference();
    }
    if (wrong.empty()) return g.file == nullptr || !too_large(g.file);
    std::fprintf(stderr, "%s, aka: %s\n%s\n", with_data ? "with data" : "without data",
                 ours ? "accepted" : ours.error().message().c_str(), wrong.c_str());
    FUZZ_CHECK(wrong.empty());
    return false;
}

}  // namespace fuzz_diff_gguf

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_diff_gguf;
    if (!ggml().problem.empty()) {
        static const int said = std::fprintf(stderr, "%s\n", ggml().problem.c_str());
        return said < 0 ? -1 : 0;
    }
    ggml().ggml_set_abort_callback(throw_instead);
    const auto ours = aka::gguf::parse(fuzz::bytes_of(data, size));
    if (compare(ours, fuzz::text_of(data, size), false))
        compare(ours, fuzz::text_of(data, size), true);
    return 0;
}

// Not called with libFuzzer.
extern "C" void aka_fuzz_summary() {
    for (const bool with_data : {false, true}) {
        const auto& c = fuzz_diff_gguf::counts[with_data ? 1 : 0];
        std::printf(
            "%s data: %llu accepted and equal in %llu facts, %llu refused (%llu by abort), "
            "%llu as documented ours only, %llu ggml's only, no disagreement\n",
            with_data ? "with" : "without", static_cast<unsigned long long>(c.accepted),
            static_cast<unsigned long long>(c.facts), static_cast<unsigned long long>(c.refused),
            static_cast<unsigned long long>(c.aborts), static_cast<unsigned long long>(c.ours_only),
            static_cast<unsigned long long>(c.ggml_only));
    }
}
