// Names, shapes and a config.json, identified, read without any convention, and adapted. What is
// inferred is a table that compiles and names what it was made of; what an adapter shows lies
// inside the file, and its copies cover each tensor once.
#include "name_list.hpp"
#include "utf8.hpp"

#include <aka/adapt.hpp>
#include <aka/infer.hpp>

namespace fuzz_names {

inline const aka::catalog& known() {
    static const auto c = aka::catalog::builtin();
    return *c;
}

inline void check_inferred(const std::vector<aka::named_shape>& list) {
    const auto found = aka::infer({list.data(), list.size()});
    FUZZ_CHECK(found);
    aka::catalog c;
    const aka::status added = c.add(found->table(), "inferred");
    if (!added)
        std::fprintf(stderr, "%s\n%.*s\n", added.error().message().c_str(),
                     static_cast<int>(found->table().size()), found->table().data());
    FUZZ_CHECK(added);
    const aka::convention* v = c.find(aka::inference::id);
    FUZZ_CHECK(v != nullptr);
    for (const aka::named_shape& s : list) {
        const auto p = v->parse(s.name);
        if (!p || !p->row->is_tensor()) continue;
        aka::coordinate at;
        at.layer = p->layer;
        at.expert = p->expert;
        at.head = p->head;
        at.part = p->part;
        std::string again;
        FUZZ_CHECK(aka::detail::spell(*p->row, at, [&](std::string_view t) { again += t; }));
        FUZZ_CHECK(again == s.name || p->row->also);
    }
}

inline void check_identified(const aka::identification& id, std::size_t n) {
    FUZZ_CHECK(id.names().size() == n);
    for (const aka::bound_name& b : id.names()) {
        FUZZ_CHECK(b.row == nullptr || id.convention() != nullptr);
        if (b.row == nullptr || !b.row->is_tensor()) continue;
        FUZZ_CHECK(b.layer < 0 || static_cast<std::uint64_t>(b.layer) < id.n_layer());
        FUZZ_CHECK(b.expert < 0 || static_cast<std::uint64_t>(b.expert) < id.n_expert());
    }
    FUZZ_CHECK(!id.is_llama() || id.reason().empty());
}

inline void check_adapted(const aka::adapter& a, const aka::checkpoint& source) {
    const std::uint64_t file_size = source.file(0).size();
    for (std::size_t i = 0; i < a.size(); ++i) {
        const aka::tensor t = a[i], stored = t.stored();
        FUZZ_CHECK(fuzz::is_utf8(t.name()));
        FUZZ_CHECK(a.find(t.name()).name() == t.name());
        std::uint64_t bytes = 0;
        FUZZ_CHECK(aka::detail::bytes_of(t.dtype(), t.elements(), bytes));
        FUZZ_CHECK(bytes == t.size_bytes());
        if (stored.is_packed()) {
            FUZZ_CHECK(t.file().empty() || (stored.offset() <= file_size &&
                                            stored.size_bytes() <= file_size - stored.offset()));
            continue;
        }
        std::uint64_t covered = 0;
        for (const aka::box& b : stored.boxes()) {
            std::uint64_t last = 0;
            aka::for_each_strip(b, 0, ~std::uint64_t{0}, [&](const aka::strip& s) {
                covered += s.n * s.run;
                if (s.n == 0) return true;
                const std::uint64_t end = s.src + (s.n - 1) * s.src_step + s.run;
                last = end > last ? end : last;
                FUZZ_CHECK(s.dst + (s.n - 1) * s.dst_step + s.run <= stored.size_bytes());
                return covered <= stored.size_bytes();
            });
            FUZZ_CHECK(b.file != 0 || last <= file_size);
        }
        FUZZ_CHECK(covered == stored.size_bytes());
    }
    for (const aka::ledger_entry& e : a.unbound()) FUZZ_CHECK(source.find(e.name));
}

}  // namespace fuzz_names

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_names;
    static const test::temp_folder folder{test::memory_folder()};
    known();
    const fuzz::name_list in(fuzz::input(data, size), [](std::string_view) { return false; });
    std::vector<aka::named_shape> list;
    for (const test::st_tensor& t : in.tensors)
        list.push_back({t.name, aka::shape({t.shape.data(), t.shape.size()})});
    in.write(folder.path(), false);

    const fuzz::no_leaks leaks;
    check_inferred(list);
    const auto file = aka::checkpoint::open(folder.path());
    if (!file) return 0;
    const auto id = aka::identify(*file, known());
    if (!id) return 0;
    check_identified(*id, file->size());
    // To one of these, which one the text decides. An adapter has a record and a plan for each of
    // its tensors, whose number names and configuration decide: it is held to 64 KiB for each of
    // the file's.
    constexpr std::string_view targets[] = {"hf", "gguf", "roles", "meta"};
    std::size_t sum = size;
    for (std::size_t i = 0; i < size; ++i) sum += data[i];
    const auto a = fuzz::within((in.tensors.size() + 4) * 65536,
                                [&] { return aka::adapt(*file, targets[sum % 4], known()); });
    if (a) check_adapted(*a, *file);
    return 0;
}
