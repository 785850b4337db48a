// Products with weights, and what is made of them: projections, feed-forward, mixture of experts.
#include <algorithm>
#include <array>
#include <bit>

#include "airframe/backend/vulkan/ops.h"
#include "base/check.h"

namespace airframe::vulkan {
namespace {

constexpr uint32_t kVectorOuts = 4;                  // outputs of one workgroup of matvec.comp
constexpr uint32_t kTileOuts = 128, kTileRows = 64;  // of matmul.comp
constexpr uint32_t kVectorSubgroups = 4;
constexpr uint32_t kVectorThreadsMin = 64;

struct MatmulShaderArgs {
    uint64_t weights, x, y, bias, experts;
    uint32_t first_byte, row_bytes, cols, outs, rows, flags;
    float scale;
    uint32_t expert_bytes, x_share, gate_first_byte;
    uint64_t gate_weights, gate_bias;
};
enum MatmulFlags : uint32_t { kBias = 1, kAdd = 2, kExperts = 4, kGateBias = 8 };
enum HiddenKind : uint32_t { kPlain = 0, kActivated = 1, kGated = 2 };  // of matvec.comp

struct MoeChooseShaderArgs {
    uint64_t scores, experts, shares;
    uint32_t rows, n_experts, n_active, gating, renormalize;
    float scale;
};

struct MoeCombineShaderArgs {
    uint64_t outputs, shares, shared_out, shared_score, residual;
    uint32_t rows, dim, n_active, flags;
};
enum MoeCombineFlags : uint32_t { kSharedExpert = 1, kSharedScore = 2 };

uint32_t blocks_of(int64_t n, uint32_t size) { return (static_cast<uint32_t>(n) + size - 1) / size; }

}  // namespace

bool VulkanBackend::takes_vectors(const Product& args) const {
    return args.experts != 0 || deterministic_ || args.rows <= kVectorRowsMax;
}

// Rows of x that a workgroup takes at once.
uint32_t VulkanBackend::columns_of(const Product& args) const {
    constexpr uint32_t kDeterministicColumns = 4;
    if (args.experts != 0) return 1;
    if (deterministic_) return kDeterministicColumns;
    return std::bit_ceil(static_cast<uint32_t>(std::min(args.rows, kVectorRowsMax)));
}

void VulkanBackend::product(const Linear& linear, const Product& args) {
    changes(args.y);
    if (takes_packed(linear, args)) return packed_product(linear, args);
    if (takes_few(args)) return few_product({&linear, 1}, {&args.y, 1}, args);
    if (takes_halves(linear, args)) return halves_product({&linear, 1}, {&args.y, 1}, args);
    const Weight& w = linear.weight;
    const Place place = place_of(w), gate = args.gate ? place_of(args.gate.weight) : Place{};
    const auto outs = static_cast<uint32_t>(w.rows / args.n_experts);
    const auto bytes = static_cast<uint32_t>(row_bytes(w.type, w.cols));
    const MatmulShaderArgs shader{.weights = place.address,
                                  .x = args.x,
                                  .y = args.y,
                                  .bias = address_of(linear.bias),
                                  .experts = args.experts,
                                  .first_byte = place.first_byte,
                                  .row_bytes = bytes,
                                  .cols = static_cast<uint32_t>(w.cols),
                                  .outs = outs,
                                  .rows = static_cast<uint32_t>(args.rows),
                                  .flags = (linear.bias ? kBias : 0u) | (args.add ? kAdd : 0u) |
                                           (args.experts != 0 ? kExperts : 0u) |
                                           (args.gate.bias ? kGateBias : 0u),
                                  .scale = args.scale,
                                  .expert_bytes = outs * bytes,
                                  .x_share = static_cast<uint32_t>(args.x_share),
                                  .gate_first_byte = gate.first_byte,
                                  .gate_weights = gate.address,
                                  .gate_bias = address_of(args.gate.bias)};
    const auto type = static_cast<uint32_t>(w.type);
    if (!takes_vectors(args)) {
        stream_->dispatch(pipelines_->get(Shader::kMatmul, {type}), shader,
                          linear_groups(blocks_of(outs, kTileOuts), blocks_of(args.rows, kTileRows)),
                          args.after);
        stream_->add_work(static_cast<uint64_t>(args.rows) * outs * static_cast<uint64_t>(w.cols));
        return;
    }
    const uint32_t columns = columns_of(args);
    const uint32_t threads = std::max(kVectorThreadsMin, kVectorSubgroups * device_->adapter().subgroup_size);
    const uint32_t hidden = !args.act ? kPlain : args.gate ? kGated : kActivated;
    const auto act = static_cast<uint32_t>(args.act.value_or(Activation::kSilu));
    stream_->dispatch(pipelines_->get(Shader::kMatvec, {threads, type, columns, hidden, act}), shader,
                      linear_groups(blocks_of(outs, kVectorOuts), blocks_of(args.rows, columns)), args.after);
}

void VulkanBackend::linear(const Rows& x, std::span<const Linear> weights, std::span<const Rows> outs) {
    CHECK(weights.size() == outs.size());
    const Product shared{.x = address_of(x), .rows = x.rows};
    const bool halves = std::ranges::all_of(weights, [&](const Linear& linear) {
        return takes_halves(linear, shared) && linear.weight.cols == x.cols;
    });
    for (const Rows& rows : outs) changes(address_of(rows));
    if (halves || takes_few(shared)) {
        std::vector<uint64_t> ys;
        for (const Rows& rows : outs) ys.push_back(address_of(rows));
        return takes_few(shared) ? few_product(weights, ys, shared) : halves_product(weights, ys, shared);
    }
    After after = After::kAll;
    for (size_t i = 0; i < weights.size(); ++i) {
        const Weight& w = weights[i].weight;
        CHECK(w.cols == x.cols && w.rows == outs[i].cols, "[{}, {}] times {} to {}", w.rows, w.cols, x.cols,
              outs[i].cols);
        product(weights[i], {.x = address_of(x), .y = address_of(outs[i]), .rows = x.rows, .after = after});
        after = After::kNothing;
    }
}

// args.y = act(gate x) * (up x), or act(up x) without a gate.
void VulkanBackend::hidden_of(const Linear& gate, const Linear& up, Activation act, const Product& args) {
    const bool same_type = !gate || gate.weight.type == up.weight.type;
    if (takes_vectors(args) && same_type) {
        Product fused = args;
        fused.act = act;
        fused.gate = gate;
        return product(up, fused);
    }
    if (takes_few(args)) {
        Product fused = args;
        fused.act = act;
        const Linear both[] = {up, gate};
        return few_product(std::span(both).first(gate ? 2 : 1), {&args.y, 1}, fused);
    }
    const int64_t n = args.rows * (up.weight.rows / args.n_experts);
    uint64_t gated = 0;
    if (gate && takes_halves(gate, args) && takes_halves(up, args)) {
        gated = room(Room::kGate, n);
        halves_product(std::array{gate, up}, std::array{gated, args.y}, args);
        return activate(act, gated, args.y, n);
    }
    Product second = args;
    if (gate) {
        Product first = args;
        first.y = gated = room(Room::kGate, n);
        product(gate, first);
        second.after = After::kNothing;
    }
    product(up, second);
    activate(act, gated, args.y, n);
}

void VulkanBackend::ffn_in(const FfnInArgs& args) {
    CHECK(args.up.weight.cols == args.x.cols && args.up.weight.rows == args.h.cols);
    hidden_of(args.gate, args.up, args.act,
              {.x = address_of(args.x), .y = address_of(args.h), .rows = args.x.rows});
}

void VulkanBackend::moe(const MoeArgs& args) {
    const int64_t rows = args.x.rows, dim = args.x.cols, expert_dim = args.up.weight.rows / args.n_experts;
    const int64_t chosen = rows * args.n_active;
    CHECK(args.n_active >= 1 && args.n_active <= args.n_experts, "{} of {} experts", args.n_active,
          args.n_experts);
    CHECK(args.down.weight.rows == args.n_experts * dim && args.down.weight.cols == expert_dim);
    const uint64_t scores = room(Room::kScores, rows * args.n_experts), shares = room(Room::kShares, chosen);
    const uint64_t experts = room(Room::kExperts, chosen), outputs = room(Room::kProduct, chosen * dim);
    const uint64_t hidden =
        room(Room::kHidden, std::max(chosen * expert_dim, rows * args.shared_up.weight.rows));
    const uint64_t x = address_of(args.x);

    product(args.router, {.x = x, .y = scores, .rows = rows});
    const MoeChooseShaderArgs choose{scores,
                                     experts,
                                     shares,
                                     static_cast<uint32_t>(rows),
                                     static_cast<uint32_t>(args.n_experts),
                                     static_cast<uint32_t>(args.n_active),
                                     static_cast<uint32_t>(args.gating),
                                     args.renormalize,
                                     args.scale};
    constexpr uint32_t kChooseThreads = 32;
    stream_->dispatch(pipelines_->get(Shader::kMoeChoose, {}), choose, {blocks_of(rows, kChooseThreads)});

    Product through{.x = x, .y = hidden, .rows = chosen, .experts = experts, .n_experts = args.n_experts};
    through.x_share = args.n_active;
    hidden_of(args.gate, args.up, args.act, through);
    through.x = hidden, through.y = outputs, through.x_share = 1;
    product(args.down, through);

    changes(address_of(args.residual));
    MoeCombineShaderArgs combine{outputs,
                                 shares,
                                 0,
                                 0,
                                 address_of(args.residual),
                                 static_cast<uint32_t>(rows),
                                 static_cast<uint32_t>(dim),
                                 static_cast<uint32_t>(args.n_active),
                                 0};
    if (args.shared_up) {
        combine.flags |= kSharedExpert;
        combine.shared_out = room(Room::kShared, rows * dim);
        hidden_of(args.shared_gate, args.shared_up, args.act, {.x = x, .y = hidden, .rows = rows});
        product(args.shared_down, {.x = hidden, .y = combine.shared_out, .rows = rows});
    }
    if (args.shared_up && args.shared_router) {
        combine.flags |= kSharedScore;
        combine.shared_score = room(Room::kSharedScore, rows);
        product({args.shared_router, {}}, {.x = x, .y = combine.shared_score, .rows = rows});
    }
    constexpr uint32_t kCombineThreads = 256;
    stream_->dispatch(pipelines_->get(Shader::kMoeCombine, {}), combine,
                      linear_groups(blocks_of(rows * dim, kCombineThreads)));
}

}  // namespace airframe::vulkan
