// The family table: for each architecture name only what a GGUF file cannot say itself. Adding a family is
// adding a row. Sizes come from metadata; biases, q/k norms, tied heads, fused matrices, experts and
// post-norms from the tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "airframe/backend/backend.h"

namespace airframe {

enum class EmbedScale : uint8_t { kOne, kSqrtDim };
// Whether attention and feed-forward read the same input and are added together.
enum class Residual : uint8_t {
    kSerial,
    kParallel,
    kByKey,     // the key use_parallel_residual decides; parallel without it
    kByTensor,  // parallel where the layers have no ffn_norm
};
enum class LogitScale : uint8_t { kMultiply, kDivide };  // what to do with the metadata key logit_scale

struct Family {
    std::string_view name;  // general.architecture
    RopePairs rope_pairs = RopePairs::kHalves;
    Activation act = Activation::kSilu;
    Residual residual = Residual::kSerial;
    bool encoder = false;  // every position sees all, norms come behind: computes embeddings, no next token
    EmbedScale embed_scale = EmbedScale::kOne;
    uint32_t window_period = 0;      // 0: never a window; 1: every layer; n: all but each n-th layer
    uint32_t window_default = 0;     // tokens, where the file does not say
    uint32_t no_rope_period = 0;     // n: each n-th layer rotates nothing; 0: all rotate
    float rope_base_local = 0;       // layers with a window, where the file does not say; 0: as the others
    float attn_softcap_default = 0;  // where the file does not say
    float logit_softcap_default = 0;
    bool moe_renormalize = true;
    LogitScale logit_scale = LogitScale::kMultiply;
    uint32_t attn_scale_by_dim_layers =
        0;  // the size, told by its layers, whose scores scale by dim / heads instead of head_dim
};

std::span<const Family> all_families();
// Null when the name is not known.
const Family* find_family(std::string_view name);

}  // namespace airframe
