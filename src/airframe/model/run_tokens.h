// A list of tokens through a model (lone_sequence.h): logits of every position. For checks and tools.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "airframe/model/model.h"
#include "base/result.h"

namespace airframe {

struct RunOptions {
    uint32_t chunk_rows = 0;  // rows per forward pass; 0: as many as the model's options allow
    KvType kv_type = KvType::kF16;
};

// Returns [tokens.size(), vocab]. Errors: kInvalidArgument (a token outside the vocabulary, its place named;
// no tokens), kOutOfMemory.
base::Result<std::vector<float>> run_tokens(Model& model, std::span<const int32_t> tokens,
                                            const RunOptions& options = {});

}  // namespace airframe
