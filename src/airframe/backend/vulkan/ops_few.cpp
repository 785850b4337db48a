// Batches of 9 to 64 rows, as concurrent decoding makes them: weights are read once and decoded on the way,
// columns are split over workgroups where there are few outputs, and what these add up is put together by a
// second dispatch.
#include <algorithm>

#include "airframe/backend/vulkan/ops.h"
#include "base/check.h"

namespace airframe::vulkan {
namespace {

constexpr int64_t kRowsMax = 64;
constexpr uint32_t kOuts = 64, kSlab = 128;  // of few_args.glsl
constexpr uint32_t kCell = 16;
// Workgroups that keep the largest devices busy; more parts than that only cost.
constexpr uint32_t kGroupsWanted = 768;
constexpr uint32_t kSumThreads = 256;

struct FewTilesArgs {
    uint64_t weights, x, parts;
    uint32_t first_byte, row_bytes, cols, outs, rows, slabs, slabs_each, width;
};

struct FewSumShaderArgs {
    uint64_t parts, gate_parts, y, bias, gate_bias, factors;
    uint32_t rows, outs, width, splits, padded_rows, flags;
    float scale;
};
enum FewSumFlags : uint32_t { kBias = 1, kAdd = 2, kGateBias = 4, kFactors = 8 };

uint32_t units_of(int64_t n, uint32_t size) { return (static_cast<uint32_t>(n) + size - 1) / size; }

}  // namespace

bool VulkanBackend::takes_few(const Product& args) const {
    return !takes_vectors(args) && args.rows <= kRowsMax;
}

// How the products of one group are cut: all have the same columns.
VulkanBackend::FewPlan VulkanBackend::few_plan(std::span<const Linear> weights, const Product& args) const {
    uint32_t tiles = 0;
    for (const Linear& linear : weights) tiles += units_of(linear.weight.rows, kOuts);
    const uint32_t slabs = units_of(weights[0].weight.cols, kSlab);
    const uint32_t each = units_of(slabs, std::clamp(units_of(kGroupsWanted, tiles), 1u, slabs));
    return {.halves = std::ranges::all_of(weights,
                                          [&](const Linear& linear) { return takes_halves(linear, args); }),
            .rows = static_cast<uint32_t>(args.rows),
            .padded_rows = units_of(args.rows, kCell) * kCell,
            .slabs = slabs,
            .slabs_each = each,
            .splits = units_of(slabs, each),
            .x = args.x};
}

void VulkanBackend::few_parts(const FewPart& part, const FewPlan& plan, After after) {
    const Weight& w = part.linear->weight;
    const Place place = place_of(w);
    const uint32_t tiles = units_of(w.rows, kOuts);
    const FewTilesArgs shader{.weights = place.address,
                              .x = plan.x,
                              .parts = part.parts,
                              .first_byte = place.first_byte,
                              .row_bytes = static_cast<uint32_t>(row_bytes(w.type, w.cols)),
                              .cols = static_cast<uint32_t>(w.cols),
                              .outs = static_cast<uint32_t>(w.rows),
                              .rows = plan.rows,
                              .slabs = plan.slabs,
                              .slabs_each = plan.slabs_each,
                              .width = tiles * kOuts};
    stream_->dispatch(pipelines_->get(plan.halves ? Shader::kFewHalves : Shader::kFew,
                                      {static_cast<uint32_t>(w.type), plan.padded_rows / kCell}),
                      shader, {tiles, plan.splits}, after);
    stream_->add_work(uint64_t{plan.rows} * static_cast<uint64_t>(w.rows * w.cols));
}

// y = what the parts of `of` add up to, and with a gate's the activation of them.
void VulkanBackend::few_sum(const FewPart& of, const FewPart* gate, const FewPlan& plan, uint64_t y,
                            const Product& args) {
    const Weight& bias = of.linear->bias;
    const Weight gate_bias = gate != nullptr ? gate->linear->bias : Weight{};
    const auto outs = static_cast<uint32_t>(of.linear->weight.rows);
    const FewSumShaderArgs sum{.parts = of.parts,
                               .gate_parts = gate != nullptr ? gate->parts : 0,
                               .y = y,
                               .bias = address_of(bias),
                               .gate_bias = address_of(gate_bias),
                               .factors = plan.factors,
                               .rows = static_cast<uint32_t>(args.rows),
                               .outs = outs,
                               .width = units_of(outs, kOuts) * kOuts,
                               .splits = plan.splits,
                               .padded_rows = plan.padded_rows,
                               .flags = (bias ? kBias : 0u) | (args.add ? kAdd : 0u) |
                                        (gate_bias ? kGateBias : 0u) | (plan.factors != 0 ? kFactors : 0u),
                               .scale = args.scale};
    const uint32_t hidden = !args.act ? 0u : gate != nullptr ? 2u : 1u;
    const auto act = static_cast<uint32_t>(args.act.value_or(Activation::kSilu));
    const After after = of.parts == plan.parts ? After::kAll : After::kNothing;
    stream_->dispatch(pipelines_->get(Shader::kFewSum, {hidden, act}), sum,
                      linear_groups(units_of(args.rows * outs, kSumThreads)), after);
}

// weights[i] x to the addresses ys[i], the rest as args says; with args.act act(weights[0] x) to ys[0], or,
// with two of them, act(weights[1] x) * (weights[0] x).
void VulkanBackend::few_product(std::span<const Linear> weights, std::span<const uint64_t> ys,
                                const Product& args) {
    for (const uint64_t y : ys) changes(y);
    FewPlan plan = few_plan(weights, args);
    const auto floats_of = [&](const Linear& linear) {
        return uint64_t{plan.splits} * plan.padded_rows * units_of(linear.weight.rows, kOuts) * kOuts;
    };
    uint64_t floats = 0;
    for (const Linear& linear : weights) floats += floats_of(linear);
    plan.parts = room(Room::kParts, static_cast<int64_t>(floats));
    if (plan.halves) {
        const HalvedRows halved =
            halve_rows(args, static_cast<uint32_t>(weights[0].weight.cols), plan.slabs * kSlab);
        plan.x = halved.rows, plan.factors = halved.factors;
    }
    std::vector<FewPart> parts;
    After after = plan.halves ? After::kAll : args.after;
    uint64_t next = plan.parts;
    for (const Linear& linear : weights) {
        parts.push_back({&linear, next});
        few_parts(parts.back(), plan, after);
        next += floats_of(linear) * sizeof(float);
        after = After::kNothing;
    }
    if (args.act) return few_sum(parts[0], parts.size() > 1 ? &parts[1] : nullptr, plan, ys[0], args);
    for (size_t i = 0; i < parts.size(); ++i) few_sum(parts[i], nullptr, plan, ys[i], args);
}

}  // namespace airframe::vulkan
