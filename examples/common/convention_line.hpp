// Which convention a checkpoint's names are written in, on one line and as a JSON member.
#ifndef AKA_CLI_CONVENTION_LINE_HPP
#define AKA_CLI_CONVENTION_LINE_HPP

#include <aka/identify.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "errors.hpp"
#include "json_writer.hpp"
#include "text.hpp"

namespace cli {

// A title, without what it says besides (", and everything that uses its names"), and the id.
inline std::string title_of(const aka::convention& c) {
    std::string out(c.title().substr(0, c.title().find(", and ")));
    out = out.empty() ? std::string(c.id()) : out + " (" + std::string(c.id()) + ")";
    return escape(c.verified() ? out : out + ", not fully verified");
}

// What else is in the file: "the vision tower", of 391 tensors, such as this.
struct other_tensors {
    std::string_view what, first;
    std::uint64_t count;
};
inline std::vector<other_tensors> others_of(const aka::identification& id) {
    std::vector<other_tensors> out;
    for (const aka::shape_note& n : id.other()) {
        const auto same = [&](const other_tensors& o) { return o.what == n.words; };
        const auto at = std::find_if(out.begin(), out.end(), same);
        if (at == out.end())
            out.push_back({n.words, n.pattern, n.count});
        else
            at->count += n.count;
    }
    return out;
}

// Not to know a checkpoint's convention is no failure to list it: an error is said in its place.
class convention_line {
  public:
    convention_line(const aka::checkpoint& c, const aka::catalog& known)
        : id_(aka::identify(c, known)), tensors_(c.size()) {
        if (!id_) return;
        for (const aka::shape_note& n : id_->unmatched()) unmatched_ += n.count;
        for (const aka::shape_note& n : id_->other()) other_ += n.count;
    }

    std::string text() const {
        const aka::convention* c = convention();
        if (c == nullptr || !id_->is_llama()) {
            const bool refused = c != nullptr && !c->not_llama().empty();
            return (refused ? "not of the Llama family: " : "not identified: ") + reason();
        }
        const std::uint64_t own = tensors_ - other_;
        std::string out = title_of(*c) + ", " + std::to_string(own - unmatched_) + " of " +
                          std::to_string(own) + " recognised";
        if (unmatched_ != 0) out += ", " + std::to_string(unmatched_) + " not known";
        for (const other_tensors& o : others_of(*id_))
            out += ", " + std::to_string(o.count) + " of " + escape(o.what);
        std::string more;
        for (const aka::candidate& k : id_->candidates())
            if (k.convention != c) (more += more.empty() ? "" : ", ") += k.convention->id();
        if (!more.empty()) out += "; ambiguous, may as well be " + escape(more);
        return out;
    }

    // Null where nothing could be said.
    const aka::identification* identification() const { return id_.get_if(); }

    // "id" also where the answer is that this cannot be bound: then there is a "reason".
    void write(json_writer& json) const {
        const aka::convention* c = convention();
        json.key("convention").object().key("id");
        c == nullptr ? json.null() : json.string(c->id());
        json.key("title");
        c == nullptr ? json.null() : json.string(c->title());
        json.key("verified").number(c != nullptr && c->verified());
        json.key("ambiguous").number(id_ && id_->ambiguous());
        json.key("candidates").array();
        if (id_)
            for (const aka::candidate& k : id_->candidates()) json.string(k.convention->id());
        json.end();
        json.key("matched").number(id_ ? id_->matched() : 0);
        json.key("unmatched").number(id_ ? unmatched_ : tensors_);
        json.key("other").number(other_).key("reason");
        const std::string why = reason();
        why.empty() ? json.null() : json.string(why);
        json.end();
    }

  private:
    const aka::convention* convention() const { return id_ ? id_->convention() : nullptr; }
    std::string reason() const { return id_ ? escape(id_->reason()) : describe(id_.error()); }

    aka::result<aka::identification> id_;
    std::uint64_t tensors_, unmatched_ = 0, other_ = 0;
};

}  // namespace cli

#endif  // AKA_CLI_CONVENTION_LINE_HPP
