// Weights: the tensors of a file, found by name, checked against the spec and given to a backend.
// Fused matrices become row views of the same bytes: the forward pass never learns which it was.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/gguf/gguf.h"
#include "airframe/model/rank_head.h"
#include "airframe/model/rope_table.h"
#include "airframe/model/spec.h"
#include "base/result.h"

namespace airframe {

struct MoeWeights {
    Linear router, gate, up, down;
    Linear shared_gate, shared_up, shared_down;
    Weight shared_router;
};

struct LayerWeights {
    Norm attn_norm, attn_post_norm, ffn_norm, ffn_post_norm, q_norm, k_norm;
    Linear q, k, v, o;
    Linear gate, up, down;  // dense
    MoeWeights moe;         // router present: mixture of experts instead of dense
};

struct Weights {
    Weight embedding, positions;
    Norm embedding_norm;             // encoders
    std::vector<float> token_types;  // [segments, dim], added to the embeddings; may be empty
    RankHead rank;
    std::vector<LayerWeights> layers;
    Norm output_norm;
    Linear head;
    RopeFactors rope_factors;
    uint32_t ffn_dim_max = 0;                      // widest hidden row of a dense layer
    std::vector<std::unique_ptr<Buffer>> buffers;  // what the views above point into
    std::vector<std::vector<float>> converted;     // small vectors the file stores in another type than f32
    std::vector<std::vector<std::byte>> requantised;  // matrices in a type that the backend lacks
};

// Errors: kBadFile naming the tensor, its shape and the expected one; kUnsupported (a tensor's type);
// kOutOfMemory.
base::Result<Weights> load_weights(const GgufFile& file, const ModelSpec& spec, Backend& backend,
                                   const std::function<void(double)>& on_progress);

// Bytes that the tensors take in a backend that owns its memory: those in types it lacks count as converted.
uint64_t uploaded_bytes(const GgufFile& file, const Backend& backend);

}  // namespace airframe
