// Completion of a program's command line for bash and zsh, made of the options that it knows and
// of what its usage text says of them: there is no second list that could be forgotten.
#ifndef AKA_CLI_COMPLETION_HPP
#define AKA_CLI_COMPLETION_HPP

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

struct completed_option {
    std::string_view name;
    char letter = 0;
    bool takes_value = false;
    std::string words;  // that it may be, blanks between them; empty: files, or anything

    std::string help;   // from the usage text
    std::string value;  // what the value is called there
};

// Finds `--name=VALUE  what it does` in the usage text; the description may go on in the next
// lines, further to the right than any option.
inline void describe_option(completed_option& o, std::string_view usage) {
    const std::string key = "--" + std::string(o.name);
    bool found = false;
    while (!usage.empty()) {
        const std::size_t end = std::min(usage.find('\n'), usage.size());
        std::string_view line = usage.substr(0, end);
        usage.remove_prefix(std::min(end + 1, usage.size()));
        const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
        if (found) {
            if (indent < 12 || indent == line.size() || line[indent] == '-') break;
            (o.help += ' ') += line.substr(indent);
            continue;
        }
        const std::size_t at = line.find(key);
        if (indent < 2 || at == line.npos || at > 6 || line[indent] != '-') continue;
        line.remove_prefix(at + key.size());
        if (!line.empty() && line[0] != ' ' && line[0] != '=') continue;
        found = true;
        const std::size_t gap = std::min(line.find("  "), line.size());
        const std::size_t text = std::min(line.find_first_not_of(' ', gap), line.size());
        if (line.substr(0, 1) == "=") o.value = line.substr(1, gap - 1);
        o.help = line.substr(line.substr(0, 1) == "=" || gap == 0 ? text : 1);
    }
    // The first of what it says is enough.
    o.help.resize(std::min({o.help.find(". "), o.help.find("; "), o.help.find(": "),
                            o.help.find(" ("), o.help.size()}));
}

inline std::string bash_completion(const std::string& program,
                                   const std::vector<completed_option>& options) {
    std::string function = "_" + program, all, cases;
    std::replace(function.begin(), function.end(), '-', '_');
    for (const completed_option& o : options) {
        const std::string name = "--" + std::string(o.name);
        (all += all.empty() ? "" : " ") += name + (o.takes_value ? "=" : "");
        if (!o.words.empty())
            cases += "        " + name + ") COMPREPLY=($(compgen -W '" + o.words +
                     "' -- \"$word\")); return ;;\n";
    }
    return "# bash completion for " + program + ": source <(" + program + " --completion=bash)\n" +
           function + R"(() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]}
    if [[ $word == = ]]; then word=
    elif [[ $option == = ]]; then option=${COMP_WORDS[COMP_CWORD-2]}
    fi
    COMPREPLY=()
    case $option in
)" + cases +
           R"(    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W ')" +
           all + R"(' -- "$word"))
        if [[ ${COMPREPLY-} == *= ]]; then compopt -o nospace 2>/dev/null; fi
    fi
    return 0
}
complete -o bashdefault -o default -F )" +
           function + " " + program + "\n";
}

inline std::string zsh_completion(const std::string& program,
                                  const std::vector<completed_option>& options) {
    // In single quotes, and inside [] of _arguments.
    const auto quoted = [](std::string_view s) {
        std::string out;
        for (const char c : s) {
            if (c == '\'')
                out += "'\\''";
            else if (c == '[' || c == ']' || c == ':' || c == '\\')
                (out += '\\') += c;
            else
                out += c;
        }
        return out;
    };
    std::string out = "#compdef " + program + "\n_" + program + "() {\n    _arguments -s -S \\\n";
    for (const completed_option& o : options) {
        const std::string name = "--" + std::string(o.name);
        std::string what = "[" + quoted(o.help) + "]";
        if (o.takes_value) {
            what += ":" + quoted(o.value.empty() ? "value" : o.value) + ":";
            what += o.words.empty() ? "_files" : "(" + quoted(o.words) + ")";
        }
        // `*`: may be given again, as some may.
        out += "        '*" + name + (o.takes_value ? "=" : "") + what + "' \\\n";
        if (o.letter != 0)
            out += "        '*-" + std::string(1, o.letter) + (o.takes_value ? "+" : "") + what +
                   "' \\\n";
    }
    out += "        '*:path:_files'\n}\n";
    out += "if [ \"$funcstack[1]\" = \"_" + program + "\" ]; then\n    _" + program +
           " \"$@\"\nelse\n    compdef _" + program + " " + program + "\nfi\n";
    return out;
}

}  // namespace cli

#endif  // AKA_CLI_COMPLETION_HPP
