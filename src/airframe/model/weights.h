// Weights: the tensors of a file, found by name, checked against the spec and given to a backend.
// Fused matrices become row views of the same bytes: the forward pass never learns which it was.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/gguf/gguf.h"
#include "airframe/model/placement.h"
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
    std::vector<uint64_t> bytes;                   // on each backend
    std::vector<std::unique_ptr<Buffer>> buffers;  // what the views above point into
    std::vector<std::vector<float>> converted;     // small vectors the file stores in another type than f32
    std::vector<std::vector<std::byte>> requantised;  // matrices in a type that the backend lacks
};

// Where the parts of a model go.
struct WeightHomes {
    std::span<const std::unique_ptr<Backend>> backends;
    const Placement& placement;
};

// Errors: kBadFile naming the tensor, its shape and the expected one; kUnsupported (a tensor's type);
// kOutOfMemory.
base::Result<Weights> load_weights(const GgufFile& file, const ModelSpec& spec, const WeightHomes& homes,
                                   const std::function<void(double)>& on_progress);

// Bytes that a tensor takes on a backend; one in a type that it lacks counts as converted.
uint64_t bytes_on(const Backend& backend, const TensorInfo& tensor);

}  // namespace airframe
