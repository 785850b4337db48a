// Shapes of well-known models, and the list of tensors that a model of a shape has: what benchmarks and tests
// are made from.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace airframe {

struct ModelShape {
    std::string_view name, family;
    uint32_t n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim, vocab, ctx_tokens;
    float rope_base = 10000;
    uint32_t rope_dims = 0;  // 0: the whole head
    uint32_t n_experts = 0, n_active = 0;
    uint32_t window = 0;
    float attn_softcap = 0, logit_softcap = 0;
    bool layer_norm = false, gated = true, tied = false, fused_qkv = false, fused_gate_up = false;
    bool qkv_bias = false, other_bias = false, head_bias = false;
    bool post_norms = false, qk_norm = false, learned_positions = false, one_norm = false;
    bool rope_factors = false, long_rope = false;
};

std::span<const ModelShape> all_shapes();
// Errors: kInvalidArgument with the names there are.
base::Result<const ModelShape*> find_shape(std::string_view name);

enum class TensorFill : uint8_t { kMatrix, kGain, kBias, kFactors };

struct ShapeTensor {
    std::string name;
    std::vector<int64_t> dims;  // dims[0] is a row
    TensorFill fill;
};

// All tensors in the order in which files have them.
std::vector<ShapeTensor> tensors_of(const ModelShape& shape);

}  // namespace airframe
