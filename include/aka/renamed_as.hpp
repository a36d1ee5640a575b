// aka: what the metadata of a rewritten checkpoint say of the names that it has now. Names alone
// may be those of several conventions, and a config that came along is of the names that were.
#include "version.hpp"

#ifndef AKA_RENAMED_AS_HPP
#define AKA_RENAMED_AS_HPP

#include <string_view>

#include "json.hpp"
#include "metadata.hpp"
#include "names.hpp"

AKA_BEGIN

/// The metadata key that a rewrite leaves; see `provenance`.
inline constexpr std::string_view provenance_key = "aka.renamed";

/// The convention of the names, and the rows of q and k. Null: nothing is said, or of a convention
/// that the catalog does not have.
struct renamed_as {
    const aka::convention* convention = nullptr;  ///< of the catalog that was given
    rope_order rope = rope_order::unknown;        ///< of q and k, as the file was written

    /// From the metadata of a checkpoint.
    static renamed_as of(const metadata& m, const catalog& known) noexcept {
        renamed_as out;
        metadata_value v = m.find(provenance_key);
        if (!v) return out;
        result<std::string_view> text = v.as_string();
        if (!text) return out;
        detail::json_reader json(*text.get_if());
        detail::json_string s;
        bool good = json.object([&](const detail::json_string& key) {
            bool to = detail::equal(key, "to");
            if (!to && !detail::equal(key, "to_rope")) return json.skip();
            if (!json.string(s)) return false;
            if (to) {
                for (const aka::convention* c : known.conventions())
                    if (detail::equal(s, c->id())) out.convention = c;
            } else {
                for (rope_order r : {rope_order::half, rope_order::interleaved, rope_order::none})
                    if (detail::equal(s, name(r))) out.rope = r;
            }
            return true;
        });
        if (!good || !json.finish() || out.convention == nullptr) return renamed_as();
        if (out.rope == rope_order::unknown) out.rope = out.convention->rope();
        return out;
    }
};

AKA_END

#endif  // AKA_RENAMED_AS_HPP
