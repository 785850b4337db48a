// Shapes of known models made small enough for tests.
#pragma once

#include "airframe/model/model_shape.h"

namespace airframe {

// The same structure: two layers, rows of one 256-block, a vocabulary of 288.
inline ModelShape small(ModelShape shape) {
    const uint32_t group = shape.n_heads / shape.n_kv_heads;
    shape.n_layers = 2;
    shape.dim = 256;
    shape.n_heads = 4;
    shape.n_kv_heads = group == 1 ? 4 : 2;
    shape.head_dim = 64;
    shape.ffn_dim = 256;
    shape.vocab = 288;
    shape.ctx_tokens = 64;
    shape.rope_dims = shape.rope_dims > 0 ? 32 : 0;
    shape.window = shape.window > 0 ? 8 : 0;
    shape.n_experts = shape.n_experts > 0 ? 8 : 0;
    shape.n_active = shape.n_experts > 0 ? 2 : 0;
    shape.long_rope = false;
    return shape;
}

}  // namespace airframe
