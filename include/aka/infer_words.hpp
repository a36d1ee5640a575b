// aka: what the words in a tensor's name say about it, in several languages and abbreviations, and
// with slips of the pen.
#ifndef AKA_INFER_WORDS_HPP
#define AKA_INFER_WORDS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config.hpp"
#include "parts.hpp"

AKA_BEGIN
namespace detail {

/// What a word may be about; a set.
namespace about {
enum : std::uint32_t {
    query = 1u << 0,
    key = 1u << 1,
    value = 1u << 2,
    out = 1u << 3,
    gate = 1u << 4,
    up = 1u << 5,
    down = 1u << 6,
    attention = 1u << 7,
    feed_forward = 1u << 8,
    norm = 1u << 9,
    expert = 1u << 10,
    shared = 1u << 11,
    router = 1u << 12,
    embedding = 1u << 13,
    head = 1u << 14,
    final = 1u << 15,
    before = 1u << 16,
    after = 1u << 17,
    bias = 1u << 18,
    weight = 1u << 19,
    tower = 1u << 20,     // vision, audio, draft heads
    position = 1u << 21,  // learned positions, token types
    rotary = 1u << 22,
    recurrent = 1u << 23,  // Mamba, linear attention, convolutions
    low_rank = 1u << 24,   // LoRA and MLA
    layer = 1u << 25,
    plain = 1u << 26,  // known to say nothing
    side = 1u << 27,   // scales and masks that stand beside weights
    linear = 1u << 28,
    dense_word = 1u << 29,  // fc: what it is depends on whom one asks
    adapter = 1u << 30,     // LoRA and its like
};
}  // namespace about

struct known_word {
    std::string_view text;
    std::uint32_t about;
};

// clang-format off
inline constexpr known_word word_table[] = {
    {"query", about::query}, {"queries", about::query}, {"qry", about::query},
    {"key", about::key}, {"keys", about::key},
    {"value", about::value}, {"values", about::value}, {"val", about::value}, {"vals", about::value},
    {"output", about::out}, {"out", about::out}, {"outputs", about::out}, {"merge", about::out},
    {"gate", about::gate}, {"gated", about::gate}, {"gating", about::gate}, {"gates", about::gate},
    // what the activation function is applied to
    {"silu", about::gate}, {"swish", about::gate}, {"gelu", about::gate}, {"sigmoid", about::gate}, {"activated", about::gate},
    {"up", about::up}, {"expand", about::up}, {"widen", about::up}, {"grow", about::up}, {"upward", about::up}, {"noact", about::up},
    {"down", about::down}, {"contract", about::down}, {"shrink", about::down}, {"reduce", about::down},
    {"narrow", about::down}, {"downward", about::down}, {"squeeze", about::down},
    {"attention", about::attention}, {"attn", about::attention}, {"att", about::attention},
    {"mha", about::attention}, {"gqa", about::attention}, {"mqa", about::attention},
    {"sa", about::attention}, {"mixer", about::attention}, {"selfattn", about::attention},
    {"self", about::plain}, {"multi", about::plain}, {"multihead", about::attention},
    {"mlp", about::feed_forward}, {"ffn", about::feed_forward}, {"ff", about::feed_forward}, {"ffw", about::feed_forward},
    {"feedforward", about::feed_forward}, {"feed", about::feed_forward}, {"forward", about::feed_forward}, {"fwd", about::feed_forward},
    {"swiglu", about::feed_forward}, {"glu", about::feed_forward}, {"geglu", about::feed_forward},
    {"norm", about::norm}, {"ln", about::norm}, {"rms", about::norm}, {"rmsnorm", about::norm},
    {"layernorm", about::norm}, {"normalization", about::norm}, {"normalisation", about::norm},
    {"normalize", about::norm}, {"norms", about::norm}, {"nrm", about::norm},
    {"expert", about::expert}, {"experts", about::expert}, {"exp", about::expert}, {"exps", about::expert},
    {"moe", about::expert}, {"specialist", about::expert}, {"specialists", about::expert},
    {"shared", about::shared}, {"shexp", about::shared | about::expert}, {"common", about::shared}, {"always", about::shared},
    {"router", about::router}, {"route", about::router}, {"routing", about::router},
    {"dispatch", about::router}, {"selector", about::router}, {"chooser", about::router},
    {"embed", about::embedding}, {"embedding", about::embedding}, {"embeddings", about::embedding}, {"emb", about::embedding},
    {"embd", about::embedding}, {"wte", about::embedding}, {"tok", about::embedding}, {"token", about::embedding},
    {"tokens", about::embedding}, {"vocab", about::embedding}, {"vocabulary", about::embedding}, {"word", about::embedding},
    {"words", about::embedding}, {"embedder", about::embedding}, {"lexicon", about::embedding}, {"lookup", about::embedding}, {"lut", about::embedding}, {"voc", about::embedding},
    {"head", about::head}, {"unembed", about::head}, {"unembedding", about::head}, {"logits", about::head}, {"logit", about::head},
    {"classifier", about::head}, {"cls", about::head}, {"softmax", about::head}, {"reverse", about::head}, {"scores", about::head}, {"scoring", about::head}, {"readout", about::head}, {"decode", about::head}, {"predict", about::head}, {"prediction", about::head}, {"lm", about::plain},
    {"final", about::final}, {"last", about::final}, {"end", about::final}, {"closing", about::final}, {"top", about::final},
    {"pre", about::before}, {"input", about::before}, {"in", about::before}, {"before", about::before}, {"entry", about::before},
    {"first", about::before}, {"incoming", about::before},
    {"post", about::after}, {"after", about::after}, {"second", about::after},
    {"bias", about::bias}, {"biases", about::bias}, {"beta", about::bias}, {"shift", about::bias},
    {"weight", about::weight}, {"weights", about::weight}, {"kernel", about::weight}, {"gamma", about::weight}, {"wt", about::weight},
    {"wgt", about::weight}, {"param", about::weight}, {"parameter", about::weight}, {"matrix", about::weight}, {"mat", about::weight},
    {"tensor", about::weight}, {"scale", about::weight}, {"w", about::weight}, {"b", about::bias | about::low_rank},
    {"vision", about::tower}, {"visual", about::tower}, {"vit", about::tower}, {"image", about::tower}, {"img", about::tower},
    {"clip", about::tower}, {"siglip", about::tower}, {"audio", about::tower}, {"speech", about::tower}, {"whisper", about::tower},
    {"sam", about::tower}, {"video", about::tower}, {"mtp", about::tower}, {"draft", about::tower}, {"medusa", about::tower},
    {"eagle", about::tower}, {"nextn", about::tower}, {"projector", about::tower}, {"resampler", about::tower}, {"connector", about::tower},
    {"patch", about::tower}, {"cross", about::tower}, {"pooler", about::tower},
    {"pos", about::position}, {"position", about::position}, {"positions", about::position}, {"positional", about::position},
    {"wpe", about::position}, {"segment", about::position}, {"type", about::position},
    {"rope", about::rotary}, {"rotary", about::rotary}, {"freq", about::rotary}, {"freqs", about::rotary}, {"cos", about::rotary}, {"sin", about::rotary},
    {"ssm", about::recurrent}, {"mamba", about::recurrent}, {"conv", about::recurrent}, {"rnn", about::recurrent},
    {"rwkv", about::recurrent}, {"recurrent", about::recurrent}, {"delta", about::recurrent}, {"dt", about::recurrent},
    {"lora", about::low_rank | about::adapter}, {"rank", about::low_rank}, {"latent", about::low_rank}, {"a", about::low_rank}, {"compress", about::low_rank},
    {"compressed", about::low_rank}, {"adapter", about::low_rank | about::adapter},
    {"layer", about::layer}, {"layers", about::layer}, {"block", about::layer}, {"blocks", about::layer}, {"blk", about::layer},
    {"decoder", about::layer}, {"h", about::layer}, {"stage", about::layer}, {"stack", about::layer}, {"level", about::layer},
    {"mask", about::side}, {"masked", about::side}, {"inv", about::rotary}, {"cache", about::side}, {"sinks", about::side}, {"sink", about::side},
    {"scales", about::side}, {"zeros", about::side}, {"qweight", about::side}, {"qzeros", about::side}, {"absmax", about::side},
    {"linear", about::linear}, {"lin", about::linear}, {"fc", about::dense_word},
    {"proj", about::plain}, {"projection", about::plain}, {"prj", about::plain}, {"dense", about::plain}, {"model", about::plain},
    {"transformer", about::plain}, {"heads", about::plain}, {"to", about::plain}, {"of", about::plain}, {"the", about::plain},
    {"for", about::plain}, {"module", about::plain}, {"sub", about::plain}, {"sublayer", about::plain}, {"core", about::plain},
    {"main", about::plain}, {"net", about::plain}, {"network", about::plain}, {"vec", about::plain}, {"pack", about::plain},
    {"packed", about::plain}, {"fused", about::plain}, {"encoder", about::plain}, {"root", about::plain}, {"table", about::plain}, {"tab", about::plain},
    {"c", about::plain}, {"residual", about::plain}, {"mul", about::plain}, {"matmul", about::plain}, {"trunk", about::plain}, {"state", about::plain},
    {"causal", about::plain}, {"lang", about::plain}, {"language", about::plain}, {"text", about::plain}, {"params", about::plain},
    // German
    {"abfrage", about::query}, {"anfrage", about::query}, {"schluessel", about::key}, {"wert", about::value}, {"werte", about::value},
    {"ausgabe", about::out}, {"ausgang", about::out}, {"eingabe", about::before}, {"eingang", about::before}, {"vor", about::before}, {"nach", about::after},
    {"tor", about::gate}, {"gatter", about::gate}, {"hoch", about::up}, {"aufwaerts", about::up}, {"runter", about::down}, {"abwaerts", about::down},
    {"aufmerksamkeit", about::attention}, {"normierung", about::norm}, {"schicht", about::layer}, {"einbettung", about::embedding},
    {"kopf", about::head}, {"ende", about::final}, {"experte", about::expert}, {"experten", about::expert}, {"gewicht", about::weight},
    // French
    {"requete", about::query}, {"cle", about::key}, {"clef", about::key}, {"valeur", about::value}, {"sortie", about::out}, {"entree", about::before},
    {"porte", about::gate}, {"montee", about::up}, {"haut", about::up}, {"descente", about::down}, {"bas", about::down}, {"avant", about::before},
    {"apres", about::after}, {"couche", about::layer}, {"tete", about::head}, {"plongement", about::embedding}, {"poids", about::weight}, {"norme", about::norm},
    {"expertes", about::expert}, {"biais", about::bias},
    // Spanish, Portuguese, Italian
    {"consulta", about::query}, {"clave", about::key}, {"llave", about::key}, {"chave", about::key}, {"chiave", about::key}, {"valor", about::value},
    {"valore", about::value}, {"salida", about::out}, {"saida", about::out}, {"uscita", about::out}, {"entrada", about::before}, {"compuerta", about::gate},
    {"puerta", about::gate}, {"porta", about::gate}, {"subida", about::up}, {"arriba", about::up}, {"bajada", about::down}, {"abajo", about::down},
    {"atencion", about::attention}, {"atencao", about::attention}, {"attenzione", about::attention}, {"norma", about::norm}, {"capa", about::layer},
    {"camada", about::layer}, {"cabeza", about::head}, {"peso", about::weight}, {"sesgo", about::bias}, {"experto", about::expert},
    // Chinese in Pinyin, Russian in Latin letters
    {"chaxun", about::query}, {"jian", about::key}, {"zhi", about::value}, {"shuchu", about::out}, {"shuru", about::before}, {"men", about::gate},
    {"shang", about::up}, {"xia", about::down}, {"zhuyili", about::attention}, {"guiyi", about::norm}, {"guiyihua", about::norm}, {"qianru", about::embedding},
    {"ceng", about::layer}, {"qian", about::before}, {"hou", about::after}, {"quanzhong", about::weight}, {"zhuanjia", about::expert},
    {"zapros", about::query}, {"klyuch", about::key}, {"znachenie", about::value}, {"vyhod", about::out}, {"vhod", about::before}, {"vnimanie", about::attention},
    {"vorota", about::gate}, {"vverh", about::up}, {"vniz", about::down}, {"sloy", about::layer},
};
// Spelled out, to be recognised from abbreviations and slips.
inline constexpr known_word long_words[] = {
    {"query", about::query}, {"key", about::key}, {"value", about::value}, {"output", about::out}, {"gate", about::gate},
    {"down", about::down}, {"attention", about::attention}, {"feedforward", about::feed_forward}, {"norm", about::norm},
    {"normalization", about::norm}, {"layernorm", about::norm}, {"expert", about::expert}, {"shared", about::shared}, {"router", about::router},
    {"embedding", about::embedding}, {"vocabulary", about::embedding}, {"token", about::embedding}, {"head", about::head}, {"final", about::final},
    {"weight", about::weight}, {"bias", about::bias}, {"layer", about::layer}, {"block", about::layer}, {"projection", about::plain},
    {"linear", about::linear}, {"matrix", about::weight}, {"expand", about::up}, {"contract", about::down}, {"input", about::before},
    {"model", about::plain}, {"decoder", about::layer}, {"transformer", about::plain}, {"position", about::position}, {"kernel", about::weight},
};
// clang-format on

inline std::uint32_t find_word(std::string_view s) noexcept {
    for (const known_word& w : word_table)
        if (w.text == s) return w.about;
    return 0;
}
inline constexpr std::uint32_t says_nothing = about::plain | about::weight | about::linear;

/// A single letter, which means something only beside its fellows (q, k and v; g, u and d).
inline std::uint32_t find_letter(char c) noexcept {
    switch (c) {
        case 'q':
            return about::query;
        case 'k':
            return about::key;
        case 'v':
            return about::value;
        case 'o':
            return about::out;
        case 'g':
            return about::gate;
        case 'u':
            return about::up;
        case 'd':
            return about::down;
        default:
            return 0;
    }
}

/// Words that run together: `querymat`, `wqkv`, `attnorm`. `letters`: which single letters count
/// in it.
struct split_word {
    std::uint32_t about = 0, letters = 0;
    unsigned pieces = ~0u;
};
inline split_word split_run(std::string_view s) noexcept {
    constexpr std::size_t longest = 28;
    split_word best[longest + 1];
    best[0].pieces = 0;
    if (s.size() > longest) return {};
    for (std::size_t end = 1; end <= s.size(); ++end) {
        for (std::size_t from = 0; from < end; ++from) {
            if (best[from].pieces == ~0u) continue;
            std::string_view piece = s.substr(from, end - from);
            split_word next = best[from];
            std::uint32_t is = 0;
            unsigned cost = 2;
            if (piece.size() == 1) {
                char c = piece[0];
                // `wg` beside `wu` and `wd`; in longer runs g, u and d are too little.
                std::uint32_t letter = c == 'q' || c == 'k' || c == 'v' || c == 'o' || s.size() == 2
                                           ? find_letter(c)
                                           : 0;
                if (letter == 0 && c != 'w' && !(c == 'p' && from != 0)) continue;
                next.letters |= letter;
                is = letter != 0 ? letter : std::uint32_t{about::plain};
                cost = 3;
            } else {
                is = find_word(piece);
                if (is == 0) continue;
            }
            next.about |= is;
            next.pieces += cost;
            if (next.pieces < best[end].pieces) best[end] = next;
        }
    }
    split_word& r = best[s.size()];
    if (r.pieces > 9) return {};
    // Letters count beside words that say nothing, or as q, k, v together.
    constexpr std::uint32_t qkv = about::query | about::key | about::value;
    std::uint32_t rest = r.about & ~r.letters & ~says_nothing & ~about::attention;
    bool together = r.letters == qkv || r.letters == (about::key | about::value);
    bool one = (r.letters & (r.letters - 1)) == 0;
    if (r.letters != 0 && (rest != 0 || (!one && !together))) return {};
    return r;
}

/// `ky` of `key`: the same first letter, the others in order.
inline bool abbreviates(std::string_view s, std::string_view word) noexcept {
    if (s.size() < 2 || s.size() >= word.size() || s[0] != word[0]) return false;
    if (s.size() == 2 && word.size() > 6) return false;
    std::size_t at = 0;
    for (char c : word) at += at < s.size() && s[at] == c ? 1 : 0;
    return at == s.size();
}
/// One letter too many, too few or other, or two exchanged.
inline bool slips(std::string_view s, std::string_view word) noexcept {
    if (word.size() < 5 || s.size() < 4 || s[0] != word[0]) return false;
    std::size_t a = 0, most = s.size() < word.size() ? s.size() : word.size(), b = 0;
    while (a < most && s[a] == word[a]) ++a;
    while (b < most - a && s[s.size() - 1 - b] == word[word.size() - 1 - b]) ++b;
    std::size_t left = s.size() - a - b, right = word.size() - a - b;
    if (left <= 1 && right <= 1) return true;
    return left == 2 && right == 2 && s[a] == word[a + 1] && s[a + 1] == word[a];
}

struct word_meaning {
    std::uint32_t sure = 0;     ///< the word itself
    std::uint32_t likely = 0;   ///< from an abbreviation or a slip
    std::uint32_t letters = 0;  ///< of `sure`, what single letters say
};

/// One word of a name, in lower case.
inline word_meaning meaning_of(std::string_view s) noexcept {
    word_meaning m;
    if (s.size() == 1) {
        m.letters = m.sure = find_letter(s[0]);
        if (m.sure == 0) m.sure = find_word(s);
        return m;
    }
    m.sure = find_word(s);
    if (m.sure == 0 && s.size() > 4 && s.back() == 's')
        m.sure = find_word(s.substr(0, s.size() - 1));
    if (m.sure != 0) return m;
    split_word run = split_run(s);
    if (run.pieces != ~0u) {
        m.sure = run.about;
        m.letters = run.letters;
        return m;
    }
    std::uint32_t found = 0;
    bool two = false;
    auto add = [&](std::uint32_t a) {
        two = two || (found != 0 && found != a);
        found = a;
    };
    for (const known_word& w : long_words)
        if (slips(s, w.text)) add(w.about);
    if (found == 0)
        for (const known_word& w : long_words)
            if (abbreviates(s, w.text)) add(w.about);
    if (found == 0 && s.size() >= 5) {
        // A word that begins with one of ours, or holds a long one.
        for (const known_word& w : long_words)
            if (w.text.size() >= (s.substr(0, w.text.size()) == w.text ? 4u : 5u) &&
                s.find(w.text) != std::string_view::npos)
                add(w.about);
    }
    if (!two) m.likely = found;
    return m;
}

/// Calls `f(word, in_lower_case)` for the words of a name: letters between separators, digits and
/// changes of case; a number is a word, too. Holes, `{l}`, are none.
template <class F>
void each_word(std::string_view s, F f) noexcept {
    auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    for (std::size_t i = 0; i < s.size();) {
        if (s[i] == '{') {
            while (i < s.size() && s[i] != '}') ++i;
            continue;
        }
        std::size_t n = i + 1;
        if (digit(s[i])) {
            while (n < s.size() && digit(s[n])) ++n;
        } else if (lower(s[i])) {
            while (n < s.size() && lower(s[n])) ++n;
        } else if (upper(s[i])) {
            while (n < s.size() && upper(s[n])) ++n;
            if (n < s.size() && lower(s[n])) {
                // `LMHead`: the last capital begins the next word, unless it is the only one.
                if (n - i > 1)
                    --n;
                else
                    while (n < s.size() && lower(s[n])) ++n;
            }
        } else {
            ++i;
            continue;
        }
        char text[32];
        std::size_t size = n - i < sizeof text ? n - i : sizeof text;
        for (std::size_t k = 0; k < size; ++k)
            text[k] = upper(s[i + k]) ? static_cast<char>(s[i + k] - 'A' + 'a') : s[i + k];
        f(s.substr(i, n - i), std::string_view(text, size));
        i = n;
    }
}

/// `q_a`, `kv_b`, `lora_A`: a and b alone say nothing.
inline bool low_rank(std::uint32_t w) noexcept {
    return (w & about::low_rank) != 0 &&
           (w & (about::query | about::key | about::value | about::out | about::gate | about::up |
                 about::down | about::adapter)) != 0;
}
/// `linear_attn`, which is a recurrent net.
inline bool linear_attention(std::string_view name) noexcept {
    // `linear.attention_q` is a linear map in attention: the two words are one only side by side.
    bool yes = false;
    const char* end = nullptr;
    each_word(name, [&](std::string_view s, std::string_view w) {
        bool a = (meaning_of(w).sure & about::attention) != 0;
        bool beside = end != nullptr && (s.data() == end || !is_separator(*end));
        yes = yes || (beside && a);
        end = w == "linear" ? s.data() + s.size() : nullptr;
    });
    return yes;
}

}  // namespace detail
AKA_END

#endif  // AKA_INFER_WORDS_HPP
