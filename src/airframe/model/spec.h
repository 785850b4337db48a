// ModelSpec: what a model is, derived once from metadata (how much), tensors (whether) and its family's row
// (the rest).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/gguf/gguf.h"
#include "base/result.h"

namespace airframe {

// How the rows of a text become one vector.
enum class Pooling : uint8_t {
    kMean,
    kFirst,
    kLast,
    kRank,  // no vector but one number, by the model's rank head: how well a pair of texts goes together
};
enum class RopeScaling : uint8_t { kNone, kLinear, kYarn, kLongRope, kLlama3 };

// Immutable; counts in elements, lengths in tokens.
struct ModelSpec {
    std::string name;
    std::string family;  // general.architecture
    uint32_t vocab = 0, dim = 0, n_layers = 0, ctx_train_tokens = 0;

    struct {
        NormKind kind = NormKind::kRms;
        float eps = 0;
    } norm;

    struct {
        uint32_t n_heads = 0, n_kv_heads = 0, head_dim_k = 0, head_dim_v = 0;
        float scale = 0, softcap = 0;
        std::vector<uint32_t> window;  // per layer; 0: no window
    } attn;

    struct {
        RopePairs pairs = RopePairs::kNone;
        uint32_t dims = 0;
        float base = 10000, base_local = 0;  // base_local: layers with a window, when it differs; else 0
        RopeScaling scaling = RopeScaling::kNone;
        float factor = 1;       // context extension
        float attn_factor = 0;  // multiplies cosine and sine; 0: by the scaling's own rule
        uint32_t ctx_original_tokens = 0;
        float yarn_beta_fast = 32, yarn_beta_slow = 1;
        float low_freq_factor = 1, high_freq_factor = 4;  // Llama 3
        uint32_t none_period = 0;                         // n: each n-th layer rotates nothing; 0: all rotate
    } rope;

    struct {
        Activation act = Activation::kSilu;
        uint32_t dim = 0;
    } ffn;

    struct {
        uint32_t n_experts = 0, n_active = 0, expert_dim = 0;
        MoeGate gating = MoeGate::kSoftmax;
        bool renormalize = false;
        float scale = 1;
    } moe;  // n_experts == 0: dense

    struct {
        float embed_scale = 1, residual_scale = 1, logit_scale = 1, logit_softcap = 0;
    } ends;
    bool parallel_residual = false;
    bool encoder = false;  // sees in both directions, gives embeddings and no logits
    Pooling pooling =
        Pooling::kMean;      // the file's own; mean for encoders and last for others where it is silent
    bool rank_head = false;  // an encoder whose file has one
};

// Errors: kUnsupported (a family that is not known: message lists those that are), kBadFile naming the key,
// the value and what was expected.
base::Result<ModelSpec> derive_spec(const GgufFile& file);

}  // namespace airframe
