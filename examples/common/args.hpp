// The command line: --flag, --option=VALUE, a letter for some, and everything else in order.
#ifndef AKA_CLI_ARGS_HPP
#define AKA_CLI_ARGS_HPP

#include <aka/version.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "completion.hpp"

namespace cli {

class arguments {
  public:
    void flag(std::string_view name, bool& to, char letter = 0) {
        known_.push_back({name, letter, &to, nullptr, {}});
    }
    // `choices`, if there are any, are the only values that it can have.
    void option(std::string_view name, std::string& to, std::vector<std::string_view> choices = {},
                char letter = 0) {
        known_.push_back({name, letter, nullptr, &to, std::move(choices)});
    }

    // An option that may be given more than once.
    void list(std::string_view name, std::vector<std::string>& to) {
        known_.push_back({name, 0, nullptr, nullptr, {}, &to});
    }

    // Words to offer for an option whose values are not only these: asked for where a shell wants
    // them, and nowhere else.
    void offer(std::string_view name, std::string (*source)()) {
        for (known& k : known_)
            if (k.name == name) k.words = source;
    }

    // Parses, and answers --help, --version and --completion, which every program has: then there
    // is nothing more to do, and `answered` is set.
    bool parse(int argc, char** argv, const char* program, const char* usage, bool& answered) {
        bool help = false, version = false;
        flag("help", help, 'h');
        flag("version", version);
        std::string shell;
        option("completion", shell, {"bash", "zsh"});
        const bool good = parse(argc, argv);
        answered = good && (help || version || !shell.empty());
        if (good && help)
            std::fputs(usage, stdout);
        else if (good && version)
            std::printf("%s %d.%d.%d\n", program, AKA_VERSION_MAJOR, AKA_VERSION_MINOR,
                        AKA_VERSION_PATCH);
        else if (good && !shell.empty())
            std::fputs(completion(shell, program, usage).c_str(), stdout);
        return good;
    }

    // False: error() says what is wrong. `--` ends the options.
    bool parse(int argc, char** argv) {
        bool only_words = false;
        for (int i = 1; i < argc; ++i) {
            const std::string_view a = argv[i];
            if (only_words || a.size() < 2 || a[0] != '-') {
                words_.push_back(a);
            } else if (a == "--") {
                only_words = true;
            } else if (a[1] == '-') {
                if (!long_option(a.substr(2), i, argc, argv)) return false;
            } else if (!letters(a.substr(1), i, argc, argv)) {
                return false;
            }
        }
        return true;
    }
    const std::vector<std::string_view>& words() const { return words_; }
    const std::string& error() const { return error_; }

  private:
    struct known {
        std::string_view name;
        char letter;
        bool* flag;
        std::string* value;
        std::vector<std::string_view> choices;
        std::vector<std::string>* values = nullptr;
        std::string (*words)() = nullptr;
    };

    std::string completion(std::string_view shell, const char* program, const char* usage) const {
        std::vector<completed_option> all;
        for (const known& k : known_) {
            completed_option o;
            o.name = k.name, o.letter = k.letter, o.takes_value = k.flag == nullptr;
            for (const std::string_view c : k.choices) (o.words += o.words.empty() ? "" : " ") += c;
            if (k.words != nullptr) o.words = k.words();
            describe_option(o, usage);
            all.push_back(std::move(o));
        }
        return shell == "zsh" ? zsh_completion(program, all) : bash_completion(program, all);
    }

    bool fail(std::string what) { return error_ = std::move(what), false; }

    bool long_option(std::string_view text, int& i, int argc, char** argv) {
        const std::size_t equals = text.find('=');
        const std::string_view name = text.substr(0, equals);
        for (const known& k : known_) {
            if (k.name != name) continue;
            if (k.flag != nullptr) {
                if (equals != text.npos) return fail("--" + std::string(name) + " takes no value");
                return *k.flag = true;
            }
            if (equals == text.npos && i + 1 >= argc)
                return fail("--" + std::string(name) + " needs a value");
            std::string value =
                equals == text.npos ? argv[++i] : std::string(text.substr(equals + 1));
            if (k.values != nullptr) return k.values->push_back(std::move(value)), true;
            *k.value = std::move(value);
            bool good = k.choices.empty();
            std::string all;
            for (const std::string_view c : k.choices) {
                good = good || *k.value == c;
                (all += all.empty() ? "" : ", ") += c;
            }
            return good || fail("--" + std::string(name) + " is one of " + all + ", not '" +
                                *k.value + "'");
        }
        return fail("unknown option '--" + std::string(name) + "'");
    }
    // -lh; -o VALUE or -oVALUE.
    bool letters(std::string_view text, int& i, int argc, char** argv) {
        for (std::size_t at = 0; at < text.size(); ++at) {
            const known* found = nullptr;
            for (const known& k : known_)
                if (k.letter == text[at]) found = &k;
            if (found == nullptr) return fail("unknown option '-" + std::string(1, text[at]) + "'");
            if (found->flag != nullptr) {
                *found->flag = true;
                continue;
            }
            const bool here = at + 1 < text.size();
            if (!here && i + 1 >= argc)
                return fail("-" + std::string(1, text[at]) + " needs a value");
            *found->value = here ? std::string(text.substr(at + 1)) : argv[++i];
            return true;
        }
        return true;
    }

    std::vector<known> known_;
    std::vector<std::string_view> words_;
    std::string error_;
};

}  // namespace cli

#endif  // AKA_CLI_ARGS_HPP
