// config.json of a checkpoint under another convention: the fields that name the architecture.
#ifndef AKA_CLI_UPDATE_CONFIG_HPP
#define AKA_CLI_UPDATE_CONFIG_HPP

#include <aka/json.hpp>
#include <aka/names.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

// What transformers calls the model of a type: its name in capitals, with a few exceptions.
inline std::string class_of(std::string_view type) {
    constexpr std::pair<std::string_view, std::string_view> odd[] = {
        {"gpt_oss", "GptOssForCausalLM"},      {"qwen2_moe", "Qwen2MoeForCausalLM"},
        {"qwen3_moe", "Qwen3MoeForCausalLM"},  {"phi3", "Phi3ForCausalLM"},
        {"olmo", "OlmoForCausalLM"},           {"olmo2", "Olmo2ForCausalLM"},
        {"internlm2", "InternLM2ForCausalLM"}, {"smollm3", "SmolLM3ForCausalLM"}};
    for (const auto& [t, name] : odd)
        if (t == type) return std::string(name);
    std::string out;
    bool capital = true;
    for (const char c : type) {
        if (c == '_') {
            capital = true;
            continue;
        }
        out += capital && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        capital = false;
    }
    return out + "ForCausalLM";
}

struct updated_config {
    std::string text;
    std::vector<std::string> changes;  // "model_type: \"baichuan\" -> \"llama\""
    std::string error;
};

// Replaces `model_type` and `architectures`, takes `auto_map` (the model's own code) away, and
// leaves every other byte as it is.
inline updated_config update_config(std::string_view text, const aka::convention& to) {
    updated_config out;
    struct field {
        std::size_t key, begin, end;
        std::string name;
    };
    std::vector<field> fields;
    aka::detail::json_reader json(text);
    const bool good = json.object([&](const aka::detail::json_string& key) {
        field f;
        aka::detail::decode(key, [&](char c) { f.name += c; });
        f.key = static_cast<std::size_t>(key.at - text.data()) - 1;  // with its quote
        json.peek();
        f.begin = static_cast<std::size_t>(json.pos());
        if (!json.skip()) return false;
        f.end = static_cast<std::size_t>(json.pos());
        fields.push_back(f);
        return true;
    });
    if (!good || !json.finish()) {
        out.error = json.what() == nullptr ? "not a JSON object" : json.what();
        return out;
    }
    if (to.model_types().empty()) {
        out.error = "convention " + std::string(to.id()) + " has no model_type";
        return out;
    }
    const std::string type(to.model_types()[0]);
    std::size_t at = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const field& f = fields[i];
        std::string value;
        if (f.name == "model_type") value = '"' + type + '"';
        if (f.name == "architectures") value = "[\"" + class_of(type) + "\"]";
        if (f.name == "auto_map") {
            // With the comma that goes with it.
            const std::size_t cut = i == 0 ? f.key : fields[i - 1].end;
            const std::size_t end = i == 0 && fields.size() > 1 ? fields[1].key : f.end;
            out.text += text.substr(at, cut - at);
            at = end;
            out.changes.push_back("auto_map: taken away");
            continue;
        }
        const std::string_view old = text.substr(f.begin, f.end - f.begin);
        std::string was, plain;
        for (const char c : old) {
            const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
            if (!blank || (c == ' ' && was.back() != ' ')) was += c;
            if (!blank) plain += c;
        }
        if (value.empty() || plain == value) continue;
        out.text += text.substr(at, f.begin - at);
        out.text += value;
        at = f.end;
        out.changes.push_back(f.name + ": " + was + " -> " + value);
    }
    out.text += text.substr(at);
    return out;
}

}  // namespace cli

#endif  // AKA_CLI_UPDATE_CONFIG_HPP
