// Embeddings: one vector for a text, from the rows of a model's last layer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "airframe/model/model.h"
#include "base/result.h"

namespace airframe {

// "mean", "cls" or "last". Errors: kInvalidArgument with the list.
base::Result<Pooling> pooling_of(std::string_view name);

// The pooled rows, of length 1: [dim]. Without `pooling`: the model's own. Errors: kInvalidArgument (no
// tokens, one outside the vocabulary), kContextLength (more tokens than an encoder was trained for, or than
// one pass takes), kNumeric (no finite result), kOutOfMemory.
base::Result<std::vector<float>> embed_tokens(Model& model, std::span<const int32_t> tokens,
                                              std::optional<Pooling> pooling);

}  // namespace airframe
