// Which convention a checkpoint's names are written in, on one line and as a JSON member.
#ifndef AKA_CLI_CONVENTION_LINE_HPP
#define AKA_CLI_CONVENTION_LINE_HPP

#include <aka/identify.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "errors.hpp"
#include "json_writer.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace cli {

// A title, without what it says besides (", and everything that uses its names"), and the id.
inline std::string title_of(const aka::convention& c) {
    std::string out(c.title().substr(0, c.title().find(", and ")));
    out = out.empty() ? std::string(c.id()) : out + " (" + std::string(c.id()) + ")";
    return escape(c.verified() ? out : out + ", not fully verified");
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
        if (other_ != 0) out += ", " + std::to_string(other_) + " of something else";
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

// One line; on a terminal too narrow for it, cut between words.
inline void print_wrapped(const char* head, const std::string& text, const look& look) {
    const std::size_t indent = 7;
    std::printf("%s", look.paint(head, style::dim).c_str());
    std::size_t at = width(head);
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t end = rest.find(' ');
        std::string_view word = rest.substr(0, end);
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        const std::size_t n = width(word);
        const std::size_t gap = at == width(head) ? indent - at : at == indent ? 0 : 1;
        if (look.columns != 0 && at + gap + n > look.columns && at > indent) {
            std::printf("\n%*s", static_cast<int>(indent), "");
            at = indent;
        } else {
            std::printf("%*s", static_cast<int>(gap), "");
            at += gap;
        }
        std::printf("%.*s", static_cast<int>(word.size()), word.data());
        at += n;
    }
    std::printf("\n");
}

}  // namespace cli

#endif  // AKA_CLI_CONVENTION_LINE_HPP
