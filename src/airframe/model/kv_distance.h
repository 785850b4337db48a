// What a type of the KV cache costs in quality: how far the distributions of one text lie from those over a
// cache of f32. For checks; serving goes through the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "airframe/model/model.h"
#include "base/result.h"

namespace airframe {

struct KvDistance {
    KvType type;
    double kl_mean = 0;     // nats per token
    double kl_median = 0;   // median of each chunk's positions, averaged over the chunks
    double top1_equal = 0;  // share of tokens with the same best next token
    uint64_t bytes_per_token = 0;
};

// Runs the tokens once per type, chunk by chunk, so that only one chunk of logits is kept. `on_progress`: 0
// to 1; may be empty. REQUIRES: tokens in the vocabulary, not empty. Errors: kOutOfMemory.
base::Result<std::vector<KvDistance>> kv_distances(Model& model, std::span<const int32_t> tokens,
                                                   std::span<const KvType> types,
                                                   const std::function<void(double)>& on_progress);

}  // namespace airframe
