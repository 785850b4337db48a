#include "shimmy/app/load_model.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "airframe/model/load_placed.h"
#include "base/log.h"
#include "base/system.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace {

// Whether an option only makes sense with a GPU.
bool asks_for_gpu(const GlobalOptions& global) {
    return !global.gpu_split.empty() || (global.gpu_layers != "auto" && global.gpu_layers != "0");
}

bool lets_us_choose(const GlobalOptions& global) {
    const bool named = global.backend != "auto" && global.backend != "airframe";
    return !named && global.gpu_backend == "auto" && global.gpu_device.empty() && !asks_for_gpu(global);
}

airframe::PlacementWish placement_wish(const GlobalOptions& global) {
    airframe::PlacementWish wish{.cpu_moe = global.cpu_moe, .split = global.gpu_split};
    if (global.gpu_layers == "all")
        wish.gpu_layers = std::numeric_limits<uint32_t>::max();
    else if (uint32_t number = 0; global.gpu_layers != "auto") {
        const std::string& text = global.gpu_layers;
        std::from_chars(text.data(), text.data() + text.size(), number);  // checked by the command line
        wish.gpu_layers = number;
    }
    return wish;
}

base::Result<std::unique_ptr<airframe::Model>> load_onto(const ModelEntry& entry,
                                                         std::string_view backend_name,
                                                         const GlobalOptions& global,
                                                         const LoadOptions& options) {
    ProgressBar bar("loading " + entry.id, entry.bytes);
    const auto on_progress =
        options.on_progress ? options.on_progress : [&](double done) { bar.update(done); };
    TRY(auto file, open_model(entry));
    const auto kv_type = airframe::kv_type_of(global.kv_quant).value_or(airframe::KvType::kF16);
    return airframe::load_placed(std::move(file),
                                 {.backend = backend_name,
                                  .backend_options = backend_options(global),
                                  .placement = placement_wish(global),
                                  .pass = {.kv_type = kv_type, .kv_tokens = global.ctx_tokens},
                                  .model = {.batch_rows_max = options.batch_rows_max,
                                            .logit_rows_max = options.logit_rows_max,
                                            .on_progress = on_progress}});
}

}  // namespace

base::Result<std::unique_ptr<airframe::Model>> load_model(const ModelEntry& entry,
                                                          const GlobalOptions& global,
                                                          const LoadOptions& options) {
    const airframe::BackendChoice choice = choose_backend(global);
    base::log_debug("backend {}: {}", choice.name, choice.reason);
    auto model = load_onto(entry, choice.name, global, options);
    if (!model && model.error().detail == airframe::kDeviceLost) {
        base::log_warn("{}; loading {} once more", model.error().message, entry.id);
        model = load_onto(entry, choice.name, global, options);
    }
    if (model || choice.name == "cpu" || !lets_us_choose(global)) return model;
    const base::ErrorCode code = model.error().code;
    constexpr base::ErrorCode kOfTheDevice[] = {base::ErrorCode::kOutOfMemory, base::ErrorCode::kUnsupported,
                                                base::ErrorCode::kUnavailable};
    if (std::ranges::find(kOfTheDevice, code) == std::end(kOfTheDevice)) return model;
    base::log_warn("{} is computed on the CPU: {}", entry.id, model.error().message);
    return load_onto(entry, "cpu", global, options);
}

airframe::BackendChoice choose_backend(const GlobalOptions& global) {
    for (const std::string_view name : airframe::backend_names())
        if (name == global.backend) return {name, "--backend"};
    for (const std::string_view name : airframe::backend_names())
        if (name == global.gpu_backend) return {name, "--gpu-backend"};
    if (!global.gpu_device.empty()) return {"vulkan", "--gpu-device"};
    if (asks_for_gpu(global)) return {"vulkan", "--gpu-layers or --gpu-split"};
    return airframe::choose_backend();
}

airframe::BackendOptions backend_options(const GlobalOptions& global) {
    return {.threads = global.threads, .device = global.gpu_device, .deterministic = global.deterministic};
}

std::string backend_text(const GlobalOptions& global) {
    const airframe::BackendChoice choice = choose_backend(global);
    if (choice.name == "vulkan") return "vulkan";
    return fmt::format("{}, {} threads", choice.name,
                       global.threads > 0 ? global.threads : base::usable_cpus());
}

}  // namespace shimmy
