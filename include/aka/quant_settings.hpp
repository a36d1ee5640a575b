// aka: what a config says of quantisation, as far as the parts of a weight do not say it
// themselves.
#include "version.hpp"

#ifndef AKA_QUANT_SETTINGS_HPP
#define AKA_QUANT_SETTINGS_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "checkpoint.hpp"
#include "hparam_sources.hpp"

AKA_BEGIN

/// `quantization_config` (transformers) or `quantization` (MLX) of config.json, or AutoGPTQ's own
/// quantize_config.json. Move-only; texts live as long as it does.
class quant_settings {
  public:
    /// A group of all columns.
    static constexpr std::uint64_t whole_rows = ~std::uint64_t{0};

    /// GPTQ has two forms of one layout: the first stores zero points less one.
    enum class gptq : std::uint8_t { unsaid, v1, v2, other };

    /// "gptq", "awq", "fp8", ...; "mlx" where only `quantization` is there; empty: nothing was
    /// said.
    std::string_view method;
    std::uint64_t bits = 0;   ///< 0: unsaid
    std::uint64_t group = 0;  ///< weights that share a scale; 0: unsaid; whole_rows: -1 in the file
    std::uint64_t block_rows = 0;     ///< FP8: rows that share a scale; 0: unsaid
    std::uint64_t block_columns = 0;  ///< FP8: columns that do
    gptq gptq_format = gptq::unsaid;  ///< how zero points are stored

    /// Bits and group of one module: MLX lists those that differ from the rest by name.
    std::pair<std::uint64_t, std::uint64_t> of(std::string_view module) const noexcept {
        for (const exception& e : exceptions_)
            if (e.module == module)
                return {e.bits == 0 ? bits : e.bits, e.group == 0 ? group : e.group};
        return {bits, group};
    }

    /// From the text of a config; what it does not say stays unsaid. Errors: bad_json,
    /// bad_hparams, out_of_memory.
    static result<quant_settings> from_config(byte_span json) noexcept {
        quant_settings q;
        detail::config_source s(json, hparams_source::config_json);
        if (status r = s.read(); !r) return r.error();
        if (status r = q.read_objects(s); !r) return r.error();
        return q;
    }
    /// From the files in a checkpoint's folder. None: says nothing. Errors: as from_config, and
    /// those of reading.
    static result<quant_settings> of(const checkpoint& c) noexcept {
        quant_settings q;
        for (std::string_view name : {"config.json", "quantize_config.json"}) {
            detail::path p(c.folder());
            p /= name;
            if (!p.ok()) return detail::no_memory();
            result<mapped_file> f = mapped_file::open(std::move(p), access::read);
            if (f.code() == errc::missing_file) continue;
            if (!f) return f.error();
            const mapped_file& file = *f.get_if();
            detail::growing<std::byte> text;
            std::uint64_t n = file.size(), most = detail::config_source::most_bytes + 1;
            if (!text.resize(static_cast<std::size_t>(n < most ? n : most)))
                return detail::no_memory();
            if (status r = file.read(0, {text.data(), text.size()}); !r) return r.error();
            detail::config_source s({text.data(), text.size()}, hparams_source::config_json);
            status r = s.read();
            // The second file holds nothing else, and was AutoGPTQ's alone.
            if (r) r = name == "config.json" ? q.read_objects(s) : q.read(s, "");
            if (!r) {
                error e = r.error();
                return e.in(file.path());
            }
            if (!q.method.empty()) break;
        }
        return q;
    }

  private:
    using kind = detail::said_value::kind;
    struct exception {
        std::string_view module;
        std::uint64_t bits, group;
    };

    template <class Find>
    static status numbers(Find find, std::uint64_t& bits, std::uint64_t& group) noexcept {
        detail::said_value v;
        for (std::string_view key : {"bits", "w_bit"})
            if (find(key, v) && v.is(kind::number) && bits == 0) {
                if (!v.whole || v.count == 0 || v.count > 16) return bad(key, v, "1 to 16");
                bits = v.count;
            }
        for (std::string_view key : {"group_size", "q_group_size"})
            if (find(key, v) && v.is(kind::number) && group == 0) {
                if (v.real == -1) {
                    group = whole_rows;
                    continue;
                }
                if (!v.whole || v.count == 0 || v.count > (std::uint64_t{1} << 31))
                    return bad(key, v, "-1 or a number of weights");
                group = v.count;
            }
        return {};
    }
    AKA_COLD static error bad(std::string_view key, const detail::said_value& v,
                              const char* expected) noexcept {
        error e(errc::bad_hparams, v.at);
        e.say(key);
        v.describe(e);
        return e.say(", expected ", expected);
    }
    bool keep(const detail::said_value& v, std::string_view& to) noexcept {
        std::string_view t;
        if (!detail::text_of(v.text, text_, t)) return false;
        const char* p = text_.copy(t);
        if (p == nullptr) return false;
        return to = {p, t.size()}, true;
    }
    status block_size(const detail::config_source& s, std::string_view key,
                      const detail::said_value& v) noexcept {
        std::uint64_t n[2] = {}, i = 0;
        bool good = s.each(v, [&](const detail::said_value& d) {
            if (i == 2 || !d.is(kind::number) || !d.whole || d.count == 0) return false;
            return n[i++] = d.count, true;
        });
        if (!good || i != 2) return bad(key, v, "two numbers");
        block_rows = n[0], block_columns = n[1];
        return {};
    }
    // compressed-tensors: what is said of one group of modules, if there is but one.
    template <class Find>
    status config_groups(const detail::config_source& s, Find find) noexcept {
        detail::said_value v;
        if (find("config_groups.group_1", v)) return {};
        if (find("config_groups.group_0.weights.num_bits", v) && v.is(kind::number)) {
            if (!v.whole || v.count == 0 || v.count > 16) return bad("num_bits", v, "1 to 16");
            if (bits == 0) bits = v.count;
        }
        if (find("config_groups.group_0.weights.group_size", v) && v.is(kind::number)) {
            if (v.real == -1)
                group = whole_rows;
            else if (v.whole && v.count != 0 && v.count <= (std::uint64_t{1} << 31))
                group = v.count;
            else
                return bad("group_size", v, "-1 or a number of weights");
        }
        constexpr std::string_view blocks = "config_groups.group_0.weights.block_structure";
        if (find(blocks, v) && v.is(kind::list)) return block_size(s, blocks, v);
        return {};
    }
    status read_objects(const detail::config_source& s) noexcept {
        for (std::string_view object :
             {"quantization_config", "compression_config", "quantization"})
            if (status r = read(s, object); !r) return r;
        return {};
    }
    // An object of the config, or, with an empty name, all of it. The first that is there counts.
    status read(const detail::config_source& s, std::string_view object) noexcept {
        detail::said_value v;
        if (!method.empty()) return {};
        if (!object.empty() && (!s.find(object, true, v) || !v.is(kind::object) || v.count == 0))
            return {};
        auto find = [&](std::string_view key, detail::said_value& out) {
            detail::fixed_text<96> path;
            if (!object.empty()) path << object << '.';
            path << key;
            return s.find(path.view(), true, out);
        };
        method = object == "quantization"         ? "mlx"
                 : object.empty()                 ? "gptq"
                 : object == "compression_config" ? "compressed-tensors"
                                                  : "unnamed";
        if (find("quant_method", v) && v.is(kind::text) && !keep(v, method))
            return detail::no_memory();
        if (status r = numbers(find, bits, group); !r) return r;
        for (std::string_view key : {"checkpoint_format", "format"}) {
            if (!find(key, v) || !v.is(kind::text) || gptq_format != gptq::unsaid) continue;
            std::string_view t = v.text.raw();
            if (key == "format" && !detail::starts_with(t, "gptq")) continue;
            gptq_format = t == "gptq" ? gptq::v1 : t == "gptq_v2" ? gptq::v2 : gptq::other;
        }
        // AutoGPTQ wrote no format before there were two.
        if (method == "gptq" && gptq_format == gptq::unsaid) gptq_format = gptq::v1;
        if (find("weight_block_size", v) && v.is(kind::list))
            if (status r = block_size(s, "weight_block_size", v); !r) return r;
        if (status r = config_groups(s, find); !r) return r;
        // MLX: modules that differ, by name.
        bool room = true;
        status inner;
        if (!object.empty())
            s.each_object(object, [&](const detail::json_string& name, auto ask) {
                exception e{{}, 0, 0};
                inner = numbers(ask, e.bits, e.group);
                if (!inner) return false;
                if (e.bits == 0 && e.group == 0) return true;
                detail::said_value n;
                n.text = name;
                return room = keep(n, e.module) && exceptions_.push(e);
            });
        if (!room) return detail::no_memory();
        return inner;
    }

    detail::arena text_;
    detail::growing<exception> exceptions_;
};

AKA_END

#endif  // AKA_QUANT_SETTINGS_HPP
