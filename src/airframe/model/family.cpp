#include "airframe/model/family.h"

namespace airframe {
namespace {

constexpr auto kAdjacent = RopePairs::kAdjacent;
constexpr auto kGeluTanh = Activation::kGeluTanh;

// Rope pairing and activations follow the models' published configurations and the GGUF converters' tensor
// layouts.
constexpr Family kFamilies[] = {
    {.name = "llama", .rope_pairs = kAdjacent},  // Mistral, Mixtral, SmolLM, DeepSeek LLM and Coder too
    {.name = "deepseek", .rope_pairs = kAdjacent, .moe_renormalize = false},
    {.name = "internlm2", .rope_pairs = kAdjacent},
    {.name = "granite", .rope_pairs = kAdjacent, .logit_scale = LogitScale::kDivide},
    {.name = "smollm3", .rope_pairs = kAdjacent, .no_rope_period = 4},
    {.name = "command-r", .rope_pairs = kAdjacent, .residual = Residual::kParallel},
    {.name = "gpt2", .rope_pairs = RopePairs::kNone, .act = kGeluTanh},
    {.name = "gptneox", .act = Activation::kGelu, .residual = Residual::kByKey},
    {.name = "phi2", .act = kGeluTanh, .residual = Residual::kParallel},
    {.name = "phi3", .window_period = 1},
    {.name = "starcoder2", .act = kGeluTanh},
    {.name = "stablelm", .residual = Residual::kByTensor},
    {.name = "qwen2"},
    {.name = "qwen2moe", .moe_renormalize = false},
    {.name = "qwen3"},
    {.name = "qwen3moe"},
    {.name = "olmo2"},
    {.name = "exaone"},
    {.name = "bert", .rope_pairs = RopePairs::kNone, .act = Activation::kGelu, .encoder = true},
    {.name = "nomic-bert", .encoder = true},
    {.name = "gemma", .act = kGeluTanh, .embed_scale = EmbedScale::kSqrtDim},
    {.name = "gemma2",
     .act = kGeluTanh,
     .embed_scale = EmbedScale::kSqrtDim,
     .window_period = 2,
     .window_default = 4096,
     .attn_softcap_default = 50,
     .logit_softcap_default = 30,
     .attn_scale_by_dim_layers = 46},  // the 27B model
    {.name = "gemma3",
     .act = kGeluTanh,
     .embed_scale = EmbedScale::kSqrtDim,
     .window_period = 6,
     .window_default = 1024,
     .rope_base_local = 10000,
     .attn_scale_by_dim_layers = 62},  // the 27B model
};

}  // namespace

std::span<const Family> all_families() { return kFamilies; }

const Family* find_family(std::string_view name) {
    for (const Family& family : kFamilies)
        if (family.name == name) return &family;
    return nullptr;
}

}  // namespace airframe
