// Which GGUF architecture "gguf" comes down to where a config names its model oddly, or not at all.
#include <doctest/doctest.h>

#include "support/bound.hpp"
#include "support/spellings.hpp"

#include <aka/adapt.hpp>

#include <string>
#include <vector>

namespace test_gguf_choice {

namespace {

using test::known;

struct named_oddly {
    const char *spelling, *type, *architecture, *gguf;
    bool biases = false, experts = false;
};

// A small model in a spelling, under a config that calls it `type`; the target that was chosen.
std::string chosen(const named_oddly& n) {
    test::model_config c;
    c.dtype = "F32";
    c.biases = n.biases;
    c.n_head_kv = c.n_head;
    if (n.experts) c.n_expert = 4, c.n_expert_used = 2;
    const test::model m = test::random_model(c, 4);
    test::temp_folder folder;
    test::write_file((folder / "model.safetensors").string(),
                     test::write_safetensors(test::find_spelling(n.spelling).write(m)));
    test::write_file((folder / "config.json").string(),
                     test::hf_config_json(c, n.type, n.architecture));
    auto file = aka::checkpoint::open(folder.path().string());
    REQUIRE_MESSAGE(file, file.error().message().view());
    auto a = aka::adapt(*file, "gguf", known());
    if (!a) return std::string(a.error().message().view());
    CHECK_MESSAGE(a->missing().empty(), n.type);
    CHECK_MESSAGE(a->unbound().empty(), n.type);
    return std::string(a->resolved().convention);
}

}  // namespace

TEST_CASE("gguf: the architecture follows from what the config says, and its kin") {
    const named_oddly all[] = {
        // Llama by other names, and names that nobody knows.
        {"hf_llama", "llama", "LlamaForCausalLM", "gguf:llama"},
        {"hf_llama", "mistral", "MistralForCausalLM", "gguf:llama"},
        {"hf_llama", "internlm", "InternLMForCausalLM", "gguf:llama"},
        {"hf_llama", "something_new", "SomethingNewForCausalLM", "gguf:llama"},
        {"yi_v1", "Yi", "YiForCausalLM", "gguf:llama"},
        {"yi_v1", "llama", "LlamaForCausalLM", "gguf:llama"},
        // Families that have one of their own.
        {"hf_llama", "xverse", "XverseForCausalLM", "gguf:xverse"},
        {"hf_qwen2", "qwen2", "Qwen2ForCausalLM", "gguf:qwen2", true},
        {"hf_qwen2", "qwen2_5_vl_text", "Qwen2_5_VLForConditionalGeneration", "gguf:qwen2vl", true},
        {"baichuan", "baichuan", "BaichuanForCausalLM", "gguf:baichuan"},
        {"internlm2", "internlm2", "InternLM2ForCausalLM", "gguf:internlm2"},
        {"phi3", "phi3", "Phi3ForCausalLM", "gguf:phi3"},
        {"hf_llama", "orion", "OrionForCausalLM", "gguf:orion"},
        {"hf_llama", "smollm3", "SmolLM3ForCausalLM", "gguf:smollm3"},
        {"hf_llama", "gemma", "GemmaForCausalLM", "gguf:gemma"},
        {"qwen2_moe", "qwen2_moe", "Qwen2MoeForCausalLM", "gguf:qwen2moe", false, true},
        {"qwen2_moe", "qwen3_moe", "Qwen3MoeForCausalLM", "gguf:qwen3moe", false, true},
        {"mixtral_hf", "mixtral", "MixtralForCausalLM", "gguf:llama", false, true},
    };
    for (const named_oddly& n : all) {
        const std::string got = chosen(n);
        CHECK_MESSAGE(got == n.gguf, n.spelling, ", ", n.type, ": ", got);
    }
}

// Configs and names of real checkpoints, without their weights: where nothing has to be moved.
TEST_CASE("gguf: of real checkpoints") {
    if (!test::have_shared_data()) SKIP_TEST("no shared data");
    struct real {
        const char *folder, *gguf;
    };
    for (const real& r : {real{"qwen2.5-14b-cogito", "gguf:qwen2"},
                          {"llava-onevision-1.5-8b", "gguf:qwen3"},
                          {"qwen2-vl-olmocr", "gguf:qwen2vl"},
                          {"stablelm-stable-code-3b", "gguf:stablelm"},
                          {"gemma2-2b", "gguf:gemma2"}}) {
        const auto path = test::shared_data() / "checkpoints" / r.folder;
        aka::checkpoint_options o;
        o.names_only = true;
        auto file = aka::checkpoint::open(path.string(), o);
        REQUIRE_MESSAGE(file, r.folder, ": ", file.error().message().view());
        auto a = aka::adapt(*file, "gguf", known());
        const std::string got =
            a ? std::string(a->resolved().convention) : std::string(a.error().message().view());
        CHECK_MESSAGE(got == r.gguf, r.folder, ": ", got);
    }
}

}  // namespace test_gguf_choice
