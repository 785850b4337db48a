// The backend for graphics processors of any maker, over Vulkan 1.2. docs/GPU_PIPELINE.md tells how a token
// flows through it.
#pragma once

#include <memory>

#include "airframe/backend/backend.h"
#include "base/result.h"

namespace airframe {

// options.device: a number or a part of a name; empty: the best GPU that is no CPU.
// Errors: kUnsupported (no loader, driver or usable device; what is missing), kOutOfMemory.
base::Result<std::unique_ptr<Backend>> make_vulkan_backend(const BackendOptions& options);

namespace vulkan {

// Warnings and errors of the validation layer (SHIMMY_VULKAN_VALIDATION=1) in this process so far; each was
// logged as an error.
int validation_messages();

// Whether this backend, a vulkan one, rounds the factors of products to f16: cooperative matrices compute
// them.
bool rounds_factors(const Backend& backend);

}  // namespace vulkan
}  // namespace airframe
