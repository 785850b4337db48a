// The oracle: every op as plain loops over rows, sums in double, one thread. Slow and easy to read; each fast
// path is compared with it. A row's result never depends on the other rows of its batch, bit by bit.
#pragma once

#include <memory>

#include "airframe/backend/backend.h"
#include "base/result.h"

namespace airframe {

// The options do not matter: one thread, no special instructions.
base::Result<std::unique_ptr<Backend>> make_reference_backend(const BackendOptions& options);

}  // namespace airframe
