#include "airframe/model/load_placed.h"

#include <algorithm>
#include <string>
#include <utility>

#include "airframe/backend/vulkan/adapter.h"
#include "airframe/model/memory_estimate.h"
#include "base/log.h"

namespace airframe {
namespace {

using base::Result;
using Backends = std::vector<std::unique_ptr<Backend>>;

std::vector<std::string> devices_named(std::string_view text) {
    if (text.find_first_not_of("0123456789,") != std::string_view::npos) return {std::string(text)};
    std::vector<std::string> numbers;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find(',', at), text.size());
        numbers.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return numbers;
}

Result<std::unique_ptr<Backend>> open_gpu(const LoadWish& wish, std::string_view device) {
    BackendOptions options = wish.backend_options;
    options.device = device;
    return make_backend("vulkan", options);
}

// The GPUs asked for by name or by the number of shares; else the best one.
Result<Backends> open_gpus(const LoadWish& wish) {
    std::vector<std::string> devices = devices_named(wish.backend_options.device);
    const size_t shares = wish.placement.split.size();
    if (wish.backend_options.device.empty() && shares > 1) {
        TRY(const auto adapters, list_adapters());
        devices = several_adapters(adapters, shares);
        if (devices.size() < shares)
            return base::fail(base::ErrorCode::kInvalidArgument,
                              "--gpu-split has {} shares, and {} usable GPUs are there; `shimmy gpu-info` "
                              "shows them, --gpu-device N,N,... names others",
                              shares, devices.size());
    }
    Backends made;
    for (const std::string& device : devices) {
        TRY(auto gpu, open_gpu(wish, device));
        made.push_back(std::move(gpu));
    }
    return made;
}

class PlacedLoader {
  public:
    PlacedLoader(const GgufFile& file, const ModelSpec& spec, const LoadWish& wish)
        : file_(file), spec_(spec), wish_(wish) {}

    // The plan for the GPUs that it takes: more than one where one is not enough and nobody says which.
    Result<MemoryPlan> plan() {
        TRY(backends_, open_gpus(wish_));
        auto first = plan_with(backends_);
        const bool ours_to_choose = wish_.backend_options.device.empty() && wish_.placement.split.empty();
        if ((first && first->all_on_gpus) || !ours_to_choose) return first;
        const auto adapters = list_adapters();
        if (!adapters) return first;
        Backends more;
        for (const std::string& device : several_adapters(*adapters, adapters->size()))
            if (auto gpu = open_gpu(wish_, device)) more.push_back(*std::move(gpu));
        if (more.size() < 2) return first;
        auto second = plan_with(more);
        if (!second) return first;
        backends_ = std::move(more);
        return second;
    }

    // The backends that the placement uses, in its order, and the placement by their numbers.
    Result<std::pair<Backends, Placement>> used(Placement placement) {
        std::vector<uint8_t> number(backends_.size() + 1);
        Backends kept;
        for (uint8_t i = 0; i <= backends_.size(); ++i) {
            if (!placement.uses(i)) continue;
            number[i] = static_cast<uint8_t>(kept.size());
            if (i < backends_.size()) {
                kept.push_back(std::move(backends_[i]));
                continue;
            }
            TRY(auto cpu, make_backend("cpu", wish_.backend_options));
            kept.push_back(std::move(cpu));
        }
        placement.embedding = number[placement.embedding];
        placement.head = number[placement.head];
        for (Placement::Layer& layer : placement.layers)
            layer = {.attn = number[layer.attn], .ffn = number[layer.ffn]};
        return std::pair(std::move(kept), std::move(placement));
    }

  private:
    Result<MemoryPlan> plan_with(const Backends& gpus) const {
        PassSizes pass = wish_.pass;
        pass.batch_rows = batch_rows(spec_, wish_.model);
        pass.logit_rows = wish_.model.logit_rows_max;
        const ModelSizes sizes = measure_model(file_, spec_, *gpus.front(), pass);
        const WorkShape work = work_shape(spec_, pass.batch_rows, sizes.kv_tokens);
        std::vector<PlaceRoom> rooms;
        for (const auto& gpu : gpus)
            rooms.push_back({.name = std::string(gpu->description()),
                             .available_bytes = gpu->available_memory_bytes(),
                             .own_bytes = gpu->working_bytes(work)});
        rooms.push_back({.name = "cpu", .available_bytes = base::available_memory_bytes()});
        return plan_memory(sizes, rooms, wish_.placement);
    }

    const GgufFile& file_;
    const ModelSpec& spec_;
    const LoadWish& wish_;
    Backends backends_;  // GPUs
};

}  // namespace

Result<std::unique_ptr<Model>> load_placed(GgufFile file, const LoadWish& wish) {
    if (wish.backend != "vulkan") {
        TRY(auto backend, make_backend(wish.backend, wish.backend_options));
        return Model::load(std::move(file), std::move(backend), wish.model);
    }
    TRY(const ModelSpec spec, derive_spec(file));
    PlacedLoader loader(file, spec, wish);
    TRY(MemoryPlan plan, loader.plan());
    for (const MemoryPlan::Use& use : plan.uses)
        if (use.total() > 0) base::log_info("{}", use.text());
    TRY(auto placed, loader.used(std::move(plan.placement)));
    return Model::load(std::move(file), std::move(placed.first), std::move(placed.second), wish.model);
}

}  // namespace airframe
