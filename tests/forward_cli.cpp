// aka-forward: the same logits, bit for bit, from every spelling of a model; and the right ones.
#include <doctest/doctest.h>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/programs.hpp"
#include "support/rounds.hpp"
#include "support/spellings.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace test_forward_cli {

namespace {

using test::json;
using test::model;
using test::named_model;
using test::spelling;
using vec = std::vector<double>;

test::program_result run(const std::vector<std::string>& arguments) {
    return test::run_named("aka-forward", arguments);
}

const std::vector<std::string> tokens = {"3", "17", "0", "39", "17", "8"};

test::program_result forward(const std::filesystem::path& path,
                             std::vector<std::string> options = {"--exact", "--json"}) {
    options.push_back(path.string());
    options.insert(options.end(), tokens.begin(), tokens.end());
    return run(options);
}
// The logits as the program writes them: text, to be compared bit for bit.
std::vector<std::string> logits_of(const test::program_result& r) {
    std::vector<std::string> out;
    const json parsed = json::parse(r.out);
    for (const json& v : parsed["logits"].items) out.push_back(v.as_string());
    return out;
}

// ---- what the logits should be: the same computation, in double, without aka --------------------

class reference {
  public:
    std::string act = "silu";

    explicit reference(const model& m) : m_(m), c_(m.config) {}

    vec operator()() const {
        std::vector<vec> x;
        for (const std::string& t : tokens)
            x.push_back(row("token_embd.weight", std::strtoul(t.c_str(), nullptr, 10)));
        for (std::uint64_t l = 0; l < c_.n_layer; ++l) {
            const auto key = [&](const std::string& role) { return test::layer_key(l, role); };
            std::vector<vec> q, k, v;
            for (std::size_t p = 0; p < x.size(); ++p) {
                const vec h = norm(x[p], key("attn_norm"));
                q.push_back(turn(linear(key("attn_q"), h), p));
                k.push_back(turn(linear(key("attn_k"), h), p));
                v.push_back(linear(key("attn_v"), h));
            }
            for (std::size_t p = 0; p < x.size(); ++p) {
                add(x[p], linear(key("attn_output"), attend(q[p], k, v, p)));
                add(x[p], feed_forward(l, norm(x[p], key("ffn_norm"))));
            }
        }
        const vec last = norm(x.back(), "output_norm.weight");
        return linear(c_.tied ? "token_embd.weight" : "output.weight", last);
    }

  private:
    const vec& values(const std::string& key) const {
        vec& out = cache_[key];
        if (out.empty())
            for (const float f : test::decode_floats(m_.at(key).data, m_.at(key).dtype))
                out.push_back(static_cast<double>(f));
        return out;
    }
    vec row(const std::string& key, std::size_t r) const {
        const vec& all = values(key);
        vec out;
        for (std::size_t i = 0; i < c_.n_embd; ++i) out.push_back(all[r * c_.n_embd + i]);
        return out;
    }
    vec linear(const std::string& key, const vec& x) const {
        const vec& w = values(key);
        vec out(w.size() / x.size());
        const std::string bias = key.substr(0, key.rfind('.')) + ".bias";
        for (std::size_t r = 0; r < out.size(); ++r) {
            for (std::size_t i = 0; i < x.size(); ++i) out[r] += w[r * x.size() + i] * x[i];
            if (m_.has(bias)) out[r] += values(bias)[r];
        }
        return out;
    }
    static void add(vec& x, const vec& y) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
    }
    vec norm(vec x, const std::string& key) const {
        // Without weights it is OLMo 1, whose norm takes the mean off.
        double mean = 0, squares = 0;
        if (!c_.norms)
            for (const double v : x) mean += v / static_cast<double>(x.size());
        for (const double v : x) squares += (v - mean) * (v - mean) / static_cast<double>(x.size());
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = (x[i] - mean) / std::sqrt(squares + static_cast<double>(c_.norm_eps)) *
                   (c_.norms ? values(key)[i] : 1.0);
        return x;
    }
    vec turn(vec x, std::size_t position) const {
        const std::size_t n = c_.n_rot == 0 ? c_.head_dim : c_.n_rot;
        for (std::size_t head = 0; head < x.size(); head += c_.head_dim)
            for (std::size_t i = 0; i < n / 2; ++i) {
                const double angle =
                    static_cast<double>(position) *
                    std::pow(static_cast<double>(c_.rope_theta),
                             -2.0 * static_cast<double>(i) / static_cast<double>(n));
                const double a = x[head + i], b = x[head + i + n / 2];
                x[head + i] = a * std::cos(angle) - b * std::sin(angle);
                x[head + i + n / 2] = a * std::sin(angle) + b * std::cos(angle);
            }
        return x;
    }
    vec attend(const vec& q, const std::vector<vec>& k, const std::vector<vec>& v,
               std::size_t last) const {
        const std::size_t d = c_.head_dim;
        vec out(c_.n_head * d);
        for (std::size_t h = 0; h < c_.n_head; ++h) {
            const std::size_t kv = h * c_.n_head_kv / c_.n_head;
            vec weight;
            double sum = 0;
            for (std::size_t p = 0; p <= last; ++p) {
                double dot = 0;
                for (std::size_t i = 0; i < d; ++i) dot += q[h * d + i] * k[p][kv * d + i];
                weight.push_back(std::exp(dot / std::sqrt(static_cast<double>(d))));
                sum += weight.back();
            }
            for (std::size_t p = 0; p <= last; ++p)
                for (std::size_t i = 0; i < d; ++i)
                    out[h * d + i] += weight[p] / sum * v[p][kv * d + i];
        }
        return out;
    }
    double activated(double v) const {
        if (act == "gelu") return v * 0.5 * std::erfc(-v / std::sqrt(2.0));
        if (act == "gelu_pytorch_tanh")
            return v / (1 + std::exp(-2 * 0.7978845608028654 * (v + 0.044715 * v * v * v)));
        if (act == "relu") return std::max(v, 0.0);
        return v / (1 + std::exp(-v));
    }
    vec expert(std::uint64_t l, const std::string& e, const vec& x) const {
        vec gate = linear(test::layer_key(l, "ffn_gate" + e), x);
        const vec up = linear(test::layer_key(l, "ffn_up" + e), x);
        for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = activated(gate[i]) * up[i];
        return linear(test::layer_key(l, "ffn_down" + e), gate);
    }
    vec feed_forward(std::uint64_t l, const vec& x) const {
        if (c_.n_expert == 0) return expert(l, "", x);
        vec chance = linear(test::layer_key(l, "ffn_gate_inp"), x), out(x.size());
        std::vector<std::size_t> best;
        for (std::size_t e = 0; e < chance.size(); ++e) best.push_back(e);
        std::sort(best.begin(), best.end(),
                  [&](std::size_t a, std::size_t b) { return chance[a] > chance[b]; });
        best.resize(c_.n_expert_used);
        double sum = 0;
        for (const std::size_t e : best) sum += std::exp(chance[e]);
        for (const std::size_t e : best) {
            vec y = expert(l, "." + std::to_string(e), x);
            for (double& v : y) v *= std::exp(chance[e]) / sum;
            add(out, y);
        }
        return out;
    }

    const model& m_;
    const test::model_config& c_;
    mutable std::map<std::string, vec> cache_;
};

std::vector<named_model> models(const std::string& dtype) {
    std::vector<named_model> out = test::standard_models(dtype);
    for (named_model& m : test::special_models(dtype))
        if (m.name != "gpt-oss") out.push_back(std::move(m));
    return out;
}
// Hugging Face's own, as far as it has the model at all.
const spelling& home(const model& m) {
    for (const char* id : {"hf_llama", "hf_olmo", "mixtral_hf"})
        if (test::find_spelling(id).holds(m.config)) return test::find_spelling(id);
    throw std::runtime_error("no home");
}

}  // namespace

TEST_CASE("forward: the logits are right") {
    NEEDS_PROGRAM("aka-forward");
    for (const char* dtype : {"F32", "F16", "BF16"})
        for (const named_model& m : models(dtype)) {
            CAPTURE(m.name);
            CAPTURE(dtype);
            const test::temp_folder folder;
            const auto path = test::write_spelling(home(m.model), m.model, folder.path());
            const test::program_result r = forward(path, {"--json"});
            CAPTURE(r.err);
            REQUIRE(r.exit_code == 0);
            const json answer = json::parse(r.out);
            const vec expected = reference(m.model)();
            REQUIRE(answer["logits"].size() == expected.size());
            double worst = 0, largest = 0;
            for (std::size_t i = 0; i < expected.size(); ++i) {
                const double got = answer["logits"][i].as_double();
                worst = std::max(worst, std::abs(got - expected[i]));
                largest = std::max(largest, std::abs(expected[i]));
            }
            CHECK(worst < 1e-4 * largest);
            CHECK(largest > 1e-3);
            // The likeliest first.
            std::size_t best = 0;
            for (std::size_t i = 0; i < expected.size(); ++i)
                if (expected[i] > expected[best]) best = i;
            REQUIRE(answer["top"].size() == 5);
            CHECK(answer["top"][0]["token"].as_u64() == best);
            CHECK(answer["top"][0]["logit"].as_double() == answer["logits"][best].as_double());
        }
}

TEST_CASE("forward: every spelling gives the same bits") {
    NEEDS_PROGRAM("aka-forward");
    test::one_in tried(6);
    for (const char* dtype : {"F32", "F16", "BF16"})
        for (const named_model& m : models(dtype)) {
            CAPTURE(m.name);
            CAPTURE(dtype);
            const test::temp_folder first;
            const spelling& hf = home(m.model);
            const auto expected =
                logits_of(forward(test::write_spelling(hf, m.model, first.path())));
            REQUIRE(expected.size() == m.model.config.n_vocab);
            std::size_t compared = 0;
            for (const spelling& s : test::spellings()) {
                if (!s.holds(m.model.config) || tried.skips()) continue;
                CAPTURE(s.id);
                const test::temp_folder folder;
                const test::program_result r =
                    forward(test::write_spelling(s, m.model, folder.path()));
                CAPTURE(r.err);
                // Some names say more than where weights are: gpt-oss has an activation of its own,
                // and of qwen2moe llama.cpp takes the experts' weights as the softmax gives them.
                if (s.id.find("oss") != std::string::npos) {
                    CHECK(r.exit_code == 1);
                    CHECK(r.err.find("activation of gpt") != std::string::npos);
                    continue;
                }
                CHECK(r.exit_code == 0);
                if (r.exit_code != 0) continue;
                CHECK((logits_of(r) == expected) == (s.id != "gguf:qwen2moe"));
                ++compared;
            }
            MESSAGE(m.name << ", " << dtype << ": " << compared << " spellings");
            CHECK(compared >= tried.of(m.model.config.norms ? 7 : 3));
        }
}

TEST_CASE("forward: another activation is computed, or refused, not taken for SiLU") {
    NEEDS_PROGRAM("aka-forward");
    const named_model m = test::standard_models("F32")[0];
    const auto with = [&](const std::string& act, const std::string& more = "") {
        const test::temp_folder folder;
        const auto path = test::write_spelling(home(m.model), m.model, folder.path());
        std::string config = test::read_file(folder / "config.json");
        const std::string was = "\"hidden_act\": \"silu\"";
        REQUIRE(config.find(was) != std::string::npos);
        config.replace(config.find(was), was.size(), "\"hidden_act\": \"" + act + "\"" + more);
        test::write_file(folder / "config.json", config);
        return forward(path, {"--json"});
    };
    const auto logits = [&](const std::string& act) {
        const test::program_result r = with(act);
        CHECK_MESSAGE(r.exit_code == 0, r.err);
        vec out;
        const json answer = json::parse(r.out);
        for (const json& v : answer["logits"].items) out.push_back(v.as_double());
        return out;
    };
    for (const char* act : {"silu", "gelu", "gelu_pytorch_tanh", "relu"}) {
        reference expected(m.model);
        expected.act = act;
        const vec want = expected(), got = logits(act);
        REQUIRE(got.size() == want.size());
        double worst = 0, largest = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            worst = std::max(worst, std::abs(got[i] - want[i]));
            largest = std::max(largest, std::abs(want[i]));
        }
        CHECK_MESSAGE(worst < 1e-4 * largest, act);
    }
    const vec one = logits("gelu"), other = logits("silu");
    CHECK(one != other);
    const test::program_result r = with("mish");
    CHECK(r.exit_code == 1);
    CHECK(r.err.find("activation mish") != std::string::npos);
    const test::program_result scaled =
        with("silu", ", \"rope_scaling\": {\"rope_type\": \"llama3\"}");
    CHECK(scaled.exit_code == 1);
    CHECK(scaled.err.find("RoPE scaling") != std::string::npos);
}

TEST_CASE("forward: shards and wrappers change nothing") {
    NEEDS_PROGRAM("aka-forward");
    const named_model m = test::standard_models("BF16")[0];
    const spelling& hf = home(m.model);
    const test::temp_folder first;
    const auto expected = logits_of(forward(test::write_spelling(hf, m.model, first.path())));
    for (const std::string& wrapper : test::wrapper_ids())
        for (const std::size_t shards : {std::size_t{1}, std::size_t{3}}) {
            CAPTURE(wrapper);
            CAPTURE(shards);
            test::spelling_options options;
            options.wrapper = wrapper;
            options.shards = shards;
            const test::temp_folder folder;
            const auto path = test::write_spelling(hf, m.model, folder.path(), options);
            const test::program_result r = forward(path);
            CAPTURE(r.err);
            CHECK(r.exit_code == 0);
            if (r.exit_code == 0) CHECK(logits_of(r) == expected);
        }
}

TEST_CASE("forward: for people, and what it refuses") {
    NEEDS_PROGRAM("aka-forward");
    const named_model m = test::standard_models("F16")[0];
    const test::temp_folder folder;
    const auto path = test::write_spelling(home(m.model), m.model, folder.path());
    const test::program_result shown = forward(path, {"--top=3"});
    CHECK(shown.exit_code == 0);
    CHECK(std::count(shown.out.begin(), shown.out.end(), '\n') == 3);
    const json answer = json::parse(forward(path, {"--json"}).out);
    CHECK(std::strtoul(shown.out.c_str(), nullptr, 10) == answer["top"][0]["token"].as_u64());

    CHECK(run({path.string()}).exit_code == 2);
    CHECK(run({path.string(), "x"}).exit_code == 2);
    CHECK(run({path.string(), "40"}).exit_code == 2);  // of 0 to 39
    CHECK(run({}).exit_code == 2);
    CHECK(run({"--help"}).exit_code == 0);
    CHECK(forward(folder / "nothing").exit_code == 3);

    const test::temp_folder quantised;
    const auto blocks = test::quantised_models("q8_0")[0];
    const auto gguf =
        test::write_spelling(test::find_spelling("gguf:llama"), blocks.model, quantised.path());
    const test::program_result refused = forward(gguf);
    CHECK(refused.exit_code == 1);
    CHECK(json::parse(refused.out)["error"]["message"].as_string().find("Q8_0") !=
          std::string::npos);
    const test::temp_folder sinks;
    for (const named_model& s : test::special_models("F16"))
        if (s.name == "gpt-oss") {
            const auto p =
                test::write_spelling(test::find_spelling("gpt_oss_hf"), s.model, sinks.path());
            const test::program_result r = forward(p, {});
            CHECK(r.exit_code == 1);
            CHECK(r.err.find("attn_sinks") != std::string::npos);
        }
}

}  // namespace test_forward_cli
