#include "airframe/model/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "airframe/model/memory_estimate.h"
#include "airframe/model/weights.h"
#include "base/check.h"

namespace airframe {
namespace {

// Where nobody says how long a context is to be: room for one that is of use.
constexpr uint32_t kDefaultKvTokens = 4096;

double mib(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void add(ModelSizes::Part& part, const ModelSizes::Part& more) {
    part.on_gpu += more.on_gpu;
    part.on_host += more.on_host;
}

// Plans for one model and one set of rooms.
class Planner {
  public:
    Planner(const ModelSizes& sizes, const std::vector<PlaceRoom>& rooms, const PlacementWish& wish)
        : sizes_(sizes), rooms_(rooms), wish_(wish), n_layers_(static_cast<uint32_t>(sizes.layers.size())) {}

    base::Result<MemoryPlan> run() const {
        TRY_VOID(check_split());
        if (wish_.gpu_layers) return as_asked(std::min(*wish_.gpu_layers, units()));
        if (auto plan = most(units()); plan && plan->placement.head != host()) return *std::move(plan);
        return does_not_fit(1, "not one layer fits on a GPU");
    }

  private:
    uint32_t units() const { return n_layers_ + 1; }
    uint8_t host() const { return static_cast<uint8_t>(rooms_.size() - 1); }

    base::Result<void> check_split() const {
        const auto& split = wish_.split;
        if (split.empty()) return {};
        const bool shares = std::ranges::all_of(split, [](double share) { return share >= 0; }) &&
                            std::ranges::any_of(split, [](double share) { return share > 0; });
        if (split.size() == host() && shares) return {};
        return base::fail(base::ErrorCode::kInvalidArgument,
                          "--gpu-split has {} shares for {} GPUs; it takes one number for each, none "
                          "negative and not all of them 0",
                          split.size(), host());
    }

    base::Result<MemoryPlan> as_asked(uint32_t on_gpus) const {
        if (auto plan = fitting(on_gpus)) return *std::move(plan);
        return does_not_fit(on_gpus, fmt::format("{} of {} layers do not fit on the GPU", on_gpus, units()));
    }

    // As many units as fit, up to `on_gpus`.
    std::optional<MemoryPlan> most(uint32_t on_gpus) const {
        for (uint32_t n = on_gpus + 1; n-- > 0;)
            if (auto plan = fitting(n)) return plan;
        return {};
    }

    // Exactly so many.
    std::optional<MemoryPlan> fitting(uint32_t on_gpus) const {
        if (!wish_.split.empty() || host() == 1) {
            MemoryPlan plan = planned(on_gpus, wish_.split.empty() ? std::vector{1.0} : wish_.split);
            return fits(plan) ? std::optional(std::move(plan)) : std::nullopt;
        }
        // All GPUs filled to the same part of their free memory, the smallest that will do.
        constexpr int kSteps = 32;
        for (int step = 1; step <= kSteps; ++step) {
            const auto counts = filled(on_gpus, static_cast<double>(step) / kSteps);
            if (!counts) continue;
            MemoryPlan plan = planned(on_gpus, *counts);
            if (fits(plan)) return plan;
        }
        return {};
    }

    // How many of the last `on_gpus` units each GPU takes, in order, when `part` of each is used.
    std::optional<std::vector<double>> filled(uint32_t on_gpus, double part) const {
        std::vector<double> counts(host());
        uint8_t gpu = 0;
        uint64_t used = 0;
        for (uint32_t unit = units() - on_gpus; unit < units(); ++unit) {
            const uint64_t bytes = unit_bytes(unit, on_gpus);
            const auto full = [&] {
                const PlaceRoom& room = rooms_[gpu];
                const uint64_t taken = used + bytes + room.own_bytes + sizes_.scratch + kHeadroomLeast;
                return static_cast<double>(taken) > part * static_cast<double>(room.available_bytes);
            };
            while (gpu < host() && full()) ++gpu, used = 0;
            if (gpu == host()) return {};
            used += bytes;
            ++counts[gpu];
        }
        return counts;
    }

    uint64_t unit_bytes(uint32_t unit, uint32_t on_gpus) const {
        if (unit == n_layers_) {
            const bool copied = sizes_.tied && (on_gpus <= n_layers_ || host() > 1);
            return sizes_.head.on_gpu + sizes_.logits + (copied ? sizes_.embedding.on_gpu : 0);
        }
        const ModelSizes::Layer& layer = sizes_.layers[unit];
        return layer.attn.on_gpu + (experts_stay(layer) ? 0 : layer.ffn.on_gpu) + sizes_.kv_layer +
               (unit == 0 && on_gpus > n_layers_ ? sizes_.embedding.on_gpu : 0);
    }

    bool experts_stay(const ModelSizes::Layer& layer) const { return wish_.cpu_moe && layer.experts; }

    MemoryPlan planned(uint32_t on_gpus, const std::vector<double>& proportions) const {
        LayerSplit split{.n_layers = n_layers_, .on_gpus = on_gpus, .proportions = proportions};
        for (const ModelSizes::Layer& layer : sizes_.layers) split.ffn_on_host.push_back(experts_stay(layer));
        MemoryPlan plan{.placement = split_layers(split), .all_on_gpus = on_gpus >= units()};
        for (uint8_t i = 0; i < rooms_.size(); ++i) plan.uses.push_back(use(plan.placement, i));
        return plan;
    }

    MemoryPlan::Use use(const Placement& placement, uint8_t number) const {
        MemoryPlan::Use use{.room = rooms_[number],
                            .layers = placement.attention_layers(number),
                            .of_layers = n_layers_,
                            .head = placement.head == number,
                            .host = number == host()};
        if (!placement.uses(number)) return use;
        ModelSizes::Part weights;
        for (uint32_t i = 0; i < n_layers_; ++i) {
            if (placement.layers[i].attn == number) add(weights, sizes_.layers[i].attn);
            if (placement.layers[i].ffn == number) add(weights, sizes_.layers[i].ffn);
        }
        const bool copied = sizes_.tied && use.head && placement.embedding != number;
        if (placement.embedding == number || copied) add(weights, sizes_.embedding);
        if (use.head) add(weights, sizes_.head);
        use.weights_bytes = use.host ? weights.on_host : weights.on_gpu;
        use.kv_bytes = use.layers * sizes_.kv_layer;
        use.scratch_bytes = sizes_.scratch + (use.head ? sizes_.logits : 0) + use.room.own_bytes;
        return use;
    }

    // Whether the engine will find room for the keys and values beside the rest, on GPUs; on the CPU, where
    // less of a context is taken instead, whether there is room for the rest.
    static bool fits(const MemoryPlan::Use& use) {
        const uint64_t fixed = use.weights_bytes + use.scratch_bytes, available = use.room.available_bytes;
        if (use.total() == 0) return true;
        if (fixed > available) return false;
        const uint64_t left = available - fixed;
        return use.host || use.kv_bytes + std::max(kHeadroomLeast, left / 10) <= left;
    }
    static bool fits(const MemoryPlan& plan) {
        return std::ranges::all_of(plan.uses, [](const auto& each) { return fits(each); });
    }

    // What stands in the way of so many, and what would do.
    std::unexpected<base::Error> does_not_fit(uint32_t on_gpus, const std::string& what) const {
        std::vector<double> proportions = wish_.split;
        for (uint8_t i = 0; proportions.size() < host(); ++i)
            proportions.push_back(static_cast<double>(rooms_[i].available_bytes) + 1);
        std::string reasons;
        for (const MemoryPlan::Use& each : planned(on_gpus, proportions).uses)
            if (!fits(each)) reasons += (reasons.empty() ? "" : "; ") + each.text();
        const auto possible = most(on_gpus);
        const uint32_t n = possible ? possible->placement.on_gpus(host()) : 0;
        std::string advice = n > 0 ? fmt::format("{} would fit (--gpu-layers {}, or auto)", n, n)
                                   : std::string("--gpu-backend cpu computes without a GPU");
        return base::fail(base::ErrorCode::kOutOfMemory,
                          "{}: {} (with {:.0f} MiB to spare). {}; a smaller --ctx, --kv-quant or a smaller "
                          "file needs less{}",
                          what, reasons, mib(kHeadroomLeast), advice,
                          wish_.cpu_moe || !has_experts() ? "" : "; --cpu-moe leaves the experts on the CPU");
    }
    bool has_experts() const { return std::ranges::any_of(sizes_.layers, &ModelSizes::Layer::experts); }

    static constexpr uint64_t kHeadroomLeast = uint64_t{256} << 20;  // as the engine leaves

    const ModelSizes& sizes_;
    const std::vector<PlaceRoom>& rooms_;
    const PlacementWish& wish_;
    const uint32_t n_layers_;
};

}  // namespace

std::string MemoryPlan::Use::text() const {
    return fmt::format(
        "{}: {} of {} layers{}; {:.0f} MiB of weights + {:.0f} of keys and values + {:.0f} to compute in = "
        "{:.0f} MiB of {:.0f} free",
        room.name, layers, of_layers, head ? " and the output" : "", mib(weights_bytes), mib(kv_bytes),
        mib(scratch_bytes), mib(total()), mib(room.available_bytes));
}

ModelSizes measure_model(const GgufFile& file, const ModelSpec& spec, const Backend& gpu,
                         const PassSizes& pass) {
    ModelSizes sizes;
    sizes.layers.resize(spec.n_layers);
    sizes.tied = file.find_tensor("output.weight") == nullptr && !spec.encoder;
    for (const TensorInfo& tensor : file.tensors()) {
        const ModelPart part = part_of(tensor.name);
        const ModelSizes::Part bytes{bytes_on(gpu, tensor), tensor.bytes};
        if (part.kind == ModelPart::kEmbedding)
            add(sizes.embedding, bytes);
        else if (part.kind == ModelPart::kHead || part.layer >= spec.n_layers)
            add(sizes.head, bytes);
        else
            add(part.kind == ModelPart::kFfn ? sizes.layers[part.layer].ffn : sizes.layers[part.layer].attn,
                bytes);
    }
    for (uint32_t i = 0; i < spec.n_layers; ++i)
        sizes.layers[i].experts = spec.moe.n_experts > 0 && !spec.parallel_residual &&
                                  file.find_tensor(fmt::format("blk.{}.ffn_gate_inp.weight", i)) != nullptr;
    sizes.kv_tokens = pass.kv_tokens > 0 ? pass.kv_tokens : std::min(spec.ctx_train_tokens, kDefaultKvTokens);
    sizes.kv_layer = kv_bytes_per_token(spec, pass.kv_type) / std::max(spec.n_layers, 1u) * sizes.kv_tokens;
    sizes.scratch = estimate_memory(spec, 0, pass.batch_rows, 0).scratch_bytes;
    sizes.logits = uint64_t{pass.logit_rows} * spec.vocab * sizeof(float);
    return sizes;
}

base::Result<MemoryPlan> plan_memory(const ModelSizes& sizes, const std::vector<PlaceRoom>& rooms,
                                     const PlacementWish& wish) {
    CHECK(rooms.size() >= 2, "{} rooms: a GPU and the CPU are needed", rooms.size());
    return Planner(sizes, rooms, wish).run();
}

}  // namespace airframe
