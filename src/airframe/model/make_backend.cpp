// The one place that knows the concrete backends.
#include <fmt/ranges.h>

#include "airframe/backend/cpu/cpu_backend.h"
#include "airframe/backend/reference/reference_backend.h"
#include "airframe/backend/vulkan/adapter.h"
#include "airframe/backend/vulkan/vulkan_backend.h"
#include "airframe/model/model.h"

namespace airframe {
namespace {

struct BackendRow {
    std::string_view name;
    base::Result<std::unique_ptr<Backend>> (*make)(const BackendOptions&);
};

constexpr BackendRow kBackends[] = {
    {"cpu", make_cpu_backend},
    {"vulkan", make_vulkan_backend},
    {"reference", make_reference_backend},
};

}  // namespace

std::vector<std::string_view> backend_names() {
    std::vector<std::string_view> names;
    for (const BackendRow& row : kBackends) names.push_back(row.name);
    return names;
}

BackendChoice choose_backend() {
    if (!may_have_gpu()) return {"cpu", "this machine has no GPU"};
    const auto adapters = list_adapters();
    if (!adapters) return {"cpu", adapters.error().message};
    const AdapterChoice choice = choose_adapter(*adapters, "");
    return {choice.index ? "vulkan" : "cpu", choice.reason};
}

base::Result<std::unique_ptr<Backend>> make_backend(std::string_view name, const BackendOptions& options) {
    for (const BackendRow& row : kBackends)
        if (row.name == name) return row.make(options);
    return base::fail(base::ErrorCode::kInvalidArgument, "there is no backend \"{}\"; there are {}", name,
                      fmt::join(backend_names(), ", "));
}

}  // namespace airframe
