// The vulkan backend in the conformance test, with the validation layer watching. One device for all cases of
// the process. SHIMMY_GPU_DEVICE chooses; without it the first device that there is, a CPU too.
#include <cstdlib>

#include "airframe/backend/conformance_backends.h"
#include "airframe/backend/vulkan/vulkan_backend.h"
#include "base/check.h"
#include "base/system.h"

namespace airframe {
namespace {

// Plain formats are computed as f32: sums of a few hundred to a few thousand products.
constexpr double kFloatBound = 3e-6;

// Block formats on a few rows: activations of 16 bits per group of 16. The step is peak / 32639; with a peak
// of 2.5 sigma its error is 2e-5 of the activations, and several times that in groups whose peak is an
// outlier.
constexpr double kPackedBound = 2e-4;

// Keys that lie between two levels of their type may round differently after an f32 rotation.
constexpr double kCacheBound = 1e-4;

// With cooperative matrices both factors are rounded to f16, each with an error of up to 2^-12 of itself.
constexpr double kHalvesBound = 5e-4;

std::string device_name() { return base::env("SHIMMY_GPU_DEVICE").value_or("0"); }

base::Result<std::shared_ptr<Backend>> open_backend(bool deterministic) {
    setenv("SHIMMY_VULKAN_VALIDATION", "1", 0);
    const std::string device = device_name();
    return make_vulkan_backend({.device = device, .deterministic = deterministic});
}

const base::Result<std::shared_ptr<Backend>>& shared_backend(bool deterministic) {
    static const auto quick = open_backend(false);
    static const auto steady = open_backend(true);
    return deterministic ? steady : quick;
}

bool has_matrices() {
    const auto& backend = shared_backend(false);
    return backend && vulkan::rounds_factors(**backend);
}

}  // namespace

std::vector<std::string> conformance_names() { return {"vulkan"}; }

std::optional<std::string> why_absent() {
    const auto& backend = shared_backend(false);
    if (backend) return {};
    return backend.error().message;
}

std::shared_ptr<Backend> conformance_backend(const std::string&, const BackendOptions& options) {
    const auto& backend = shared_backend(options.deterministic);
    CHECK(backend, "{}", backend.error().message);
    return *backend;
}

double conformance_product_bound(const std::string&) { return has_matrices() ? kHalvesBound : kPackedBound; }

double conformance_short_float_bound(const std::string&) {
    return has_matrices() ? kHalvesBound : kFloatBound;
}

double conformance_short_cache_bound(const std::string&) {
    return has_matrices() ? kHalvesBound : kCacheBound;
}

int faults_seen() { return vulkan::validation_messages(); }

}  // namespace airframe
