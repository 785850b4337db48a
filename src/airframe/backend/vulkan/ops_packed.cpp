// Products of block formats with few rows: activations packed to whole numbers, multiplied by bytes.
#include <algorithm>

#include "airframe/backend/vulkan/ops.h"
#include "base/check.h"

namespace airframe::vulkan {
namespace {

constexpr uint32_t kOuts = 16;       // outputs of one workgroup of matvec_packed.glsl
constexpr int64_t kGroup = 16;       // activations that share a scale
constexpr int64_t kGroupBytes = 40;  // of pack.glsl
constexpr int64_t kUnit = 32;        // weights of quants32.glsl

struct PackShaderArgs {
    uint64_t x, packed;
    uint32_t cols, groups;
};

struct PackedProductArgs {
    uint64_t weights, x, y, bias, experts, gate_weights, gate_bias, packed;
    uint32_t first_byte, gate_first_byte, cols, outs, rows, flags;
    float scale;
    uint32_t x_share;
};
enum PackedProductFlags : uint32_t { kBias = 1, kAdd = 2, kExperts = 4, kGateBias = 8, kPack = 16 };
enum HiddenKind : uint32_t { kPlain = 0, kActivated = 1, kGated = 2 };

bool in_blocks(QuantType type) { return traits(type).block_elems > 1; }

uint32_t blocks_of(int64_t n, uint32_t size) { return (static_cast<uint32_t>(n) + size - 1) / size; }

size_t slot_of(Room which) { return static_cast<size_t>(which) - static_cast<size_t>(Room::kPackedByNorm); }

}  // namespace

bool VulkanBackend::takes_packed(const Linear& linear, const Product& args) const {
    return in_blocks(linear.weight.type) && takes_vectors(args) && linear.weight.cols % kUnit == 0;
}

void VulkanBackend::changes(uint64_t x) {
    for (PackedRows& each : packed_)
        if (each.of == x) each = {};
}

uint64_t VulkanBackend::place_for_packed(Room which, uint64_t x, int64_t rows, int64_t cols) {
    if (!packs_ || cols % kUnit != 0 || (!deterministic_ && rows > kVectorRowsMax)) return 0;
    const int64_t floats = rows * (cols / kGroup) * kGroupBytes / static_cast<int64_t>(sizeof(float));
    const uint64_t address = room(which, floats);
    packed_[slot_of(which)] = {x, address, rows, cols};
    return address;
}

uint64_t VulkanBackend::packed(uint64_t x, int64_t rows, int64_t cols) const {
    for (const PackedRows& each : packed_)
        if (each.of == x && each.rows >= rows && each.cols == cols) return each.address;
    return 0;
}

uint64_t VulkanBackend::pack(uint64_t x, int64_t rows, int64_t cols) {
    packs_ = true;
    const int64_t groups = rows * (cols / kGroup);
    const uint64_t address =
        room(Room::kPackedAlone, groups * kGroupBytes / static_cast<int64_t>(sizeof(float)));
    packed_[slot_of(Room::kPackedAlone)] = {x, address, rows, cols};
    constexpr uint32_t kThreads = 64;
    const PackShaderArgs shader{x, address, static_cast<uint32_t>(cols), static_cast<uint32_t>(groups)};
    stream_->dispatch(pipelines_->get(Shader::kPack, {}), shader, linear_groups(blocks_of(groups, kThreads)));
    return address;
}

void VulkanBackend::packed_product(const Linear& linear, const Product& args) {
    const Weight& w = linear.weight;
    const Place place = place_of(w), gate = args.gate ? place_of(args.gate.weight) : Place{};
    const auto outs = static_cast<uint32_t>(w.rows / args.n_experts);
    After after = args.after;
    uint64_t x = packed(args.x, args.rows / args.x_share, w.cols);
    if (x == 0) {
        x = pack(args.x, args.rows / args.x_share, w.cols);
        after = After::kAll;
    }
    const uint64_t again =
        args.act ? place_for_packed(Room::kPackedByProduct, args.y, args.rows, outs) : uint64_t{0};
    const PackedProductArgs shader{.weights = place.address,
                                   .x = x,
                                   .y = args.y,
                                   .bias = address_of(linear.bias),
                                   .experts = args.experts,
                                   .gate_weights = gate.address,
                                   .gate_bias = address_of(args.gate.bias),
                                   .packed = again,
                                   .first_byte = place.first_byte,
                                   .gate_first_byte = gate.first_byte,
                                   .cols = static_cast<uint32_t>(w.cols),
                                   .outs = outs,
                                   .rows = static_cast<uint32_t>(args.rows),
                                   .flags = (linear.bias ? kBias : 0u) | (args.add ? kAdd : 0u) |
                                            (args.experts != 0 ? kExperts : 0u) |
                                            (args.gate.bias ? kGateBias : 0u) | (again != 0 ? kPack : 0u),
                                   .scale = args.scale,
                                   .x_share = static_cast<uint32_t>(args.x_share)};
    const uint32_t columns = columns_of(args);
    const uint32_t together = 1;
    const Adapter& adapter = device_->adapter();
    const uint32_t threads =
        std::min(kOuts / together * adapter.subgroup_size, adapter.workgroup_threads_max);
    const uint32_t hidden = !args.act ? kPlain : args.gate ? kGated : kActivated;
    const auto act = static_cast<uint32_t>(args.act.value_or(Activation::kSilu));
    stream_->dispatch(
        pipelines_->get(device_->multiplies_bytes() ? Shader::kMatvecPacked : Shader::kMatvecBytes,
                        {threads, static_cast<uint32_t>(w.type), columns, hidden, act, together}),
        shader, linear_groups(blocks_of(outs, kOuts), blocks_of(args.rows, columns)), after);
}

}  // namespace airframe::vulkan
