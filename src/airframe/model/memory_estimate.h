// What a model will take of the machine's memory, known before anything of it is loaded. Keys and values are
// planned by the engine. Any thread.
#pragma once

#include <cstdint>

#include "airframe/backend/backend.h"
#include "airframe/model/spec.h"
#include "base/result.h"

namespace airframe {

struct MemoryEstimate {
    uint64_t weights_bytes;  // all tensors: they lie in the file's mapping, and are read for every token
    uint64_t scratch_bytes;  // activations of one pass
    uint64_t total() const { return weights_bytes + scratch_bytes; }
};

// `batch_rows`, `logit_rows`: the most of one pass (ModelOptions).
MemoryEstimate estimate_memory(const ModelSpec& spec, uint64_t weights_bytes, uint64_t batch_rows,
                               uint64_t logit_rows);

// Of passes over sequences of `kv_tokens`.
WorkShape work_shape(const ModelSpec& spec, uint64_t batch_rows, uint64_t kv_tokens);

// Errors: kOutOfMemory with what is needed and what there is.
base::Result<void> check_memory(const MemoryEstimate& estimate, uint64_t available_bytes);

}  // namespace airframe
