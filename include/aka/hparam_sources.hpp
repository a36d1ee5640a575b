// aka: where hyper-parameters are said: a config's JSON or a GGUF's keys, asked in one way.
#ifndef AKA_HPARAM_SOURCES_HPP
#define AKA_HPARAM_SOURCES_HPP

#include <cstdint>
#include <string_view>

#include "arena.hpp"
#include "error.hpp"
#include "json.hpp"
#include "metadata.hpp"

AKA_BEGIN

/// Whose words the hyper-parameters are. `none`: there was nothing to read.
enum class hparams_source : std::uint8_t { none, config_json, params_json, gguf };

namespace detail {

// Where the language model of a larger one has its config.
inline constexpr std::string_view text_configs =
    "text_config llm_config language_config language_model_config llama_config thinker_config "
    "text_cfg lm_config";

/// Calls `f(word) -> bool` for each word until one returns true.
template <class F>
bool any_word(std::string_view words, F f) noexcept {
    while (!words.empty()) {
        std::size_t n = words.find(' ');
        if (f(words.substr(0, n))) return true;
        words = n == std::string_view::npos ? std::string_view() : words.substr(n + 1);
    }
    return false;
}

/// What a source has for a key.
struct said_value {
    enum class kind : std::uint8_t { absent, null, number, flag, text, list, object };
    kind type = kind::absent;
    bool truth = false;
    bool whole = false;  // `count` is the number; else it is only in `real`
    double real = 0;
    std::uint64_t count = 0;  // also the elements of a list or members of an object
    json_string text;         // also how a config writes a number
    std::uint64_t at = error::nowhere;
    raw_value raw;  // where a GGUF array is
    bool is(kind k) const noexcept { return type == k; }

    void number(double v) noexcept {
        type = kind::number;
        real = v;
        whole = v >= 0 && v < 9007199254740992.0 &&
                static_cast<double>(static_cast<std::uint64_t>(v)) == v;
        if (whole) count = static_cast<std::uint64_t>(v);
    }
    /// "is -3", for an error.
    AKA_COLD void describe(error& e) const noexcept {
        constexpr const char* kinds[] = {"absent", "null",     "a number", "",
                                         "text",   "an array", "an object"};
        e.say(" is ");
        if (is(kind::flag))
            e.say(truth ? "true" : "false");
        else if (!is(kind::number))
            e.say(kinds[static_cast<unsigned>(type)]);
        else if (text.size != 0)
            e.say(text.raw().substr(0, 40));
        else if (whole)
            e.say(count);
        else if (real != real)
            e.say("not a number");
        else if (real < 0 && real > -9e15)
            e.say(static_cast<std::int64_t>(real));
        else
            e.say(real > 0 && real < 1 ? "a fraction" : "out of all measure");
    }
};

/// A config as a list of members, each with the object that it is in. Arrays stay where they are.
class config_source {
  public:
    using kind = said_value::kind;
    static constexpr std::uint64_t most_bytes = std::uint64_t{4} << 20;

    config_source(byte_span b, hparams_source from) noexcept
        : text_(reinterpret_cast<const char*>(b.data()), b.size()), from_(from), json_(text_) {}

    status read() noexcept {
        if (text_.size() > most_bytes)
            return fail(errc::bad_json, error::nowhere, "a config of ", text_.size(),
                        " bytes; no model has that much to say");
        bool done = json_.peek() == '{' ? members(none) : json_.stop("expected an object");
        if (room_ && done && json_.finish()) return step_in();
        if (!room_) return no_memory();
        return fail(errc::bad_json, json_.pos(), json_.what());
    }
    hparams_source from() const noexcept { return from_; }
    bool wrapped() const noexcept { return inner_ != none; }
    /// Which keys of a row are tried, in this order.
    template <class Row>
    std::string_view keys(const Row& r, int pass) const noexcept {
        return (pass == 0) == (from_ == hparams_source::params_json) ? r.params : r.config;
    }
    bool find(std::string_view key, bool outer, said_value& v) const noexcept {
        return find_in(inner_, key, v) || (outer && wrapped() && find_in(none, key, v));
    }
    bool find_outer(std::string_view key, said_value& v) const noexcept {
        return find_in(none, key, v);
    }
    void name(std::string_view key, error& e) const noexcept { e.say(key); }
    static constexpr bool heads_may_be_zero() noexcept { return false; }

    /// Hands each element of a list to `f(const said_value&) -> bool`.
    template <class F>
    bool each(const said_value& list, F f) const noexcept {
        json_reader j(text_.substr(static_cast<std::size_t>(list.at)));
        return j.array([&] {
            said_value v;
            std::uint64_t before = j.pos();
            (void)j.peek();
            bool ok = scalar(j, v) || (j.ok() && step_over(j));
            v.at = list.at + before;
            return ok && f(v);
        });
    }
    /// Calls `f(name, ask) -> bool` for each object in the object `key`; `ask(k, v)` finds members
    /// of it. Names are whole: they may have dots.
    template <class F>
    void each_object(std::string_view key, F f) const noexcept {
        std::uint32_t in = child(inner_, key);
        if (in == none) in = child(none, key);
        if (in == none) return;
        for (std::uint32_t i = 0; i < members_.size(); ++i) {
            if (members_[i].parent != in || !members_[i].value.is(kind::object)) continue;
            // What is inside an object follows it.
            auto ask = [&, i](std::string_view k, said_value& v) {
                bool there = false;
                for (std::size_t j = i + 1;
                     j < members_.size() && members_[j].parent != none && members_[j].parent >= i;
                     ++j)
                    if (members_[j].parent == i && equal(members_[j].key, k))
                        v = members_[j].value, there = true;
                return there;
            };
            if (!f(members_[i].key, ask)) return;
        }
    }

  private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};  // as a parent: the outermost object
    struct member {
        json_string key;
        std::uint32_t parent;
        said_value value;
    };

    bool find_in(std::uint32_t parent, std::string_view key, said_value& v) const noexcept {
        while (true) {
            std::size_t dot = key.find('.');
            std::uint32_t i = child(parent, key.substr(0, dot));
            if (i == none) return false;
            v = members_[i].value;
            if (dot == std::string_view::npos) return !v.is(kind::null);
            if (!v.is(kind::object)) return false;
            parent = i;
            key.remove_prefix(dot + 1);
        }
    }
    // From the end: Python keeps the last of two equal keys.
    std::uint32_t child(std::uint32_t parent, std::string_view key) const noexcept {
        for (std::size_t i = members_.size(); i-- > 0;)
            if (members_[i].parent == parent && equal(members_[i].key, key))
                return static_cast<std::uint32_t>(i);
        return none;
    }
    bool members(std::uint32_t parent) noexcept {
        std::uint64_t n = 0;
        bool ok = json_.object([&](const json_string& key) {
            member m{key, parent, {}};
            (void)json_.peek();
            m.value.at = json_.pos();
            auto i = static_cast<std::uint32_t>(members_.size());
            if (!members_.push(m)) return room_ = false;
            ++n;
            return value(i);
        });
        if (parent != none) members_[parent].value.count = n;
        return ok;
    }
    bool value(std::uint32_t i) noexcept {
        said_value v = members_[i].value;
        char c = json_.peek();
        if (c == '{') {
            members_[i].value.type = kind::object;
            return members(i);
        }
        bool ok = true;
        if (c == '[') {
            v.type = kind::list;
            ok = json_.array([&] { return ++v.count, step_over(json_); });
        } else {
            ok = scalar(json_, v);
        }
        members_[i].value = v;
        return ok;
    }
    static bool word(json_reader& j, std::string_view w) noexcept {
        if (static_cast<std::size_t>(j.end() - j.at()) < w.size() ||
            std::string_view(j.at(), w.size()) != w)
            return false;
        return j.jump(j.at() + w.size()), true;
    }
    // Python writes NaN and the infinities, which JSON does not have, and reads them back.
    static bool scalar(json_reader& j, said_value& v) noexcept {
        switch (j.peek()) {
            case '{':
            case '[':
                return false;
            case '"':
                v.type = kind::text;
                return j.string(v.text);
            case 't':
            case 'f':
                v.type = kind::flag;
                return j.boolean(v.truth);
            case 'n':
                v.type = kind::null;
                return j.null() || j.stop("expected a value");
            default:
                break;
        }
        const char* start = j.at();
        double r = 0;
        if (word(j, "NaN"))
            r = __builtin_nan("0");
        else if (word(j, "Infinity") || word(j, "-Infinity"))
            r = *start == '-' ? -__builtin_huge_val() : __builtin_huge_val();
        else if (!j.number(r))
            return false;
        v.number(r);
        v.text.at = start;
        v.text.size = static_cast<std::uint32_t>(j.at() - start);
        return true;
    }
    static bool step_over(json_reader& j) noexcept {
        said_value v;
        switch (j.peek()) {
            case '{':
                return j.object([&](const json_string&) { return step_over(j); });
            case '[':
                return j.array([&] { return step_over(j); });
            default:
                return scalar(j, v);
        }
    }
    // Into the config of the language model, if this is of something larger.
    status step_in() noexcept {
        for (int depth = 0; depth < 3; ++depth) {
            if (!any_word(text_configs, [&](std::string_view name) {
                    std::uint32_t i = child(inner_, name);
                    if (i == none || !members_[i].value.is(kind::object)) return false;
                    if (members_[i].value.count == 0) return false;
                    return inner_ = i, true;
                }))
                break;
        }
        return {};
    }

    std::string_view text_;
    hparams_source from_;
    json_reader json_;
    growing<member> members_;
    std::uint32_t inner_ = none;
    bool room_ = true;
};

/// The keys of one architecture of a GGUF.
class gguf_source {
  public:
    using kind = said_value::kind;
    gguf_source(const metadata& m, std::string_view arch) noexcept : meta_(m), arch_(arch) {}

    static constexpr hparams_source from() noexcept { return hparams_source::gguf; }
    static constexpr bool wrapped() noexcept { return false; }
    template <class Row>
    static std::string_view keys(const Row& r, int pass) noexcept {
        return pass == 0 ? r.gguf : std::string_view();
    }
    bool find(std::string_view key, bool, said_value& v) const noexcept {
        fixed_text<256> full;
        full << arch_ << '.' << key;
        return take(meta_.find(full.view()), v);
    }
    void name(std::string_view key, error& e) const noexcept { e.say(arch_, '.', key); }
    // Recurrent models write 0 heads, because ggml asks for the key.
    bool heads_may_be_zero() const noexcept {
        said_value v;
        return find("ssm.state_size", false, v) || find("wkv.head_size", false, v);
    }
    template <class F>
    bool each(const said_value& list, F f) const noexcept {
        metadata_array all(arch_, list.raw);
        for (metadata_value m : all) {
            said_value v;
            take(m, v);
            if (!f(v)) return false;
        }
        return true;
    }

  private:
    static bool take(const metadata_value& m, said_value& v) noexcept {
        v = said_value();
        if (!m) return false;
        if (m.is_array()) {
            v.type = kind::list;
            v.count = m.raw().count;
            v.raw = m.raw();
        } else if (m.is_string()) {
            v.type = kind::text;
            v.text.at = reinterpret_cast<const char*>(m.raw().at);
            v.text.size = static_cast<std::uint32_t>(m.raw().count < 4096 ? m.raw().count : 4096);
        } else if (m.type() == value_type::boolean) {
            v.type = kind::flag;
            v.truth = m.as<bool>().value_or(false);
        } else {
            with_scalar(m.raw(), [&](auto n) { v.number(static_cast<double>(n)); });
        }
        return true;
    }

    const metadata& meta_;
    std::string_view arch_;
};

}  // namespace detail
AKA_END

#endif  // AKA_HPARAM_SOURCES_HPP
