// Damaged weights, found while loading: a NaN in one of them would make every answer nonsense. Any thread.
#pragma once

#include <cstdint>

#include "airframe/gguf/gguf.h"
#include "base/result.h"

namespace airframe {

// Decodes up to `rows_max` evenly spread rows of a tensor (all of a small one's). Tensors of integers pass.
// Errors: kBadFile naming the tensor, the row and what it holds.
base::Result<void> check_finite(const TensorInfo& tensor, int64_t rows_max);

}  // namespace airframe
