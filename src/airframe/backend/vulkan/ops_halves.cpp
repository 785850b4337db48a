// Many rows times matrices by cooperative matrices: both factors are brought to short floats in scratch
// memory, then multiplied. Weights a piece at a time, so that the scratch stays small beside the model.
#include <algorithm>

#include "airframe/backend/vulkan/ops.h"
#include "base/check.h"

namespace airframe::vulkan {
namespace {

constexpr uint32_t kTile = 128, kDepth = 64;  // of matmul_halves.comp
constexpr uint32_t kThreads = 256;            // of the shaders that make short floats
constexpr uint64_t kHalfBytes = 2;

struct HalveRowsArgs {
    uint64_t x, y, factors;
    uint32_t rows, cols, depth;
};

struct HalveWeightsArgs {
    uint64_t weights, y;
    uint32_t first_byte, row_bytes, cols, rows, depth;
};

struct MatmulHalvesArgs {
    uint64_t x, weights, y, bias, factors;
    uint32_t rows, outs, width, depth, flags;
    float scale;
};
enum MatmulFlags : uint32_t { kBias = 1, kAdd = 2 };

uint32_t rounded_up(int64_t n, uint32_t to) { return (static_cast<uint32_t>(n) + to - 1) / to * to; }

}  // namespace

// Floats of f32, of which short ones lose digits, go the exact way.
bool VulkanBackend::takes_halves(const Linear& linear, const Product& args) const {
    return device_->multiplies_halves() && !takes_vectors(args) && linear.weight.type != QuantType::kF32;
}

// Splits the products into pieces and lays each group of them out in the room, whose bytes it gives too.
std::vector<VulkanBackend::HalvesPiece> VulkanBackend::halves_pieces(std::span<const Linear> weights,
                                                                     std::span<const uint64_t> ys,
                                                                     uint64_t line) {
    const auto outs_max = static_cast<uint32_t>(kHalfWeightBytesMax / line / kTile * kTile);
    std::vector<HalvesPiece> pieces;
    uint64_t used = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
        const auto outs = static_cast<uint32_t>(weights[i].weight.rows);
        for (uint32_t first = 0; first < outs; first += outs_max) {
            const uint32_t n = std::min(outs_max, outs - first);
            const uint64_t bytes = rounded_up(n, kTile) * line;
            if (used + bytes > kHalfWeightBytesMax) used = 0;
            pieces.push_back({&weights[i], first, n, ys[i], used});
            used += bytes;
        }
    }
    return pieces;
}

void VulkanBackend::halve_weights(const HalvesPiece& piece, const HalvesPlaces& at, After after) {
    const Weight& w = piece.linear->weight;
    const Place place = place_of(w);
    const auto bytes = static_cast<uint32_t>(row_bytes(w.type, w.cols));
    const uint64_t start = place.first_byte + uint64_t{piece.first} * bytes;
    constexpr uint64_t kAlignment = 16;
    const HalveWeightsArgs shader{place.address + start / kAlignment * kAlignment,
                                  at.weights + piece.place,
                                  static_cast<uint32_t>(start % kAlignment),
                                  bytes,
                                  static_cast<uint32_t>(w.cols),
                                  piece.outs,
                                  at.depth};
    const uint64_t eights = uint64_t{piece.outs} * (at.depth / 8);
    stream_->dispatch(pipelines_->get(Shader::kHalveWeights, {static_cast<uint32_t>(w.type)}), shader,
                      linear_groups((eights + kThreads - 1) / kThreads), after);
}

void VulkanBackend::multiply_halves(const HalvesPiece& piece, const HalvesPlaces& at, const Product& args,
                                    After after) {
    const Weight& bias = piece.linear->bias;
    const uint64_t skipped = piece.first * sizeof(float);
    const auto rows = static_cast<uint32_t>(args.rows);
    const MatmulHalvesArgs shader{at.rows,           at.weights + piece.place,
                                  piece.y + skipped, bias ? address_of(bias) + skipped : 0,
                                  at.factors,        rows,
                                  piece.outs,        static_cast<uint32_t>(piece.linear->weight.rows),
                                  at.depth,          (bias ? kBias : 0u) | (args.add ? kAdd : 0u),
                                  args.scale};
    stream_->dispatch(pipelines_->get(Shader::kMatmulHalves, {}), shader,
                      {rounded_up(rows, kTile) / kTile, rounded_up(piece.outs, kTile) / kTile}, after);
    stream_->add_work(uint64_t{rows} * piece.outs * at.depth);
}

VulkanBackend::HalvedRows VulkanBackend::halve_rows(const Product& args, uint32_t cols, uint32_t depth) {
    const auto rows = static_cast<uint32_t>(args.rows);
    const uint64_t bytes = rounded_up(rows, kTile) * uint64_t{depth} * kHalfBytes;
    const HalvedRows halved{.rows = room(Room::kHalfRows, static_cast<int64_t>(bytes / sizeof(float))),
                            .factors = room(Room::kHalfFactors, rows)};
    stream_->dispatch(pipelines_->get(Shader::kHalveRows, {}),
                      HalveRowsArgs{args.x, halved.rows, halved.factors, rows, cols, depth},
                      linear_groups(rows));
    return halved;
}

// weights[i] x to the addresses ys[i]; the rest of `args` holds for all of them.
void VulkanBackend::halves_product(std::span<const Linear> weights, std::span<const uint64_t> ys,
                                   const Product& args) {
    const auto cols = static_cast<uint32_t>(weights[0].weight.cols);
    const uint32_t depth = rounded_up(cols, kDepth);
    const uint64_t line = depth * kHalfBytes;
    const std::vector<HalvesPiece> pieces = halves_pieces(weights, ys, line);
    uint64_t room_bytes = 0;
    for (const HalvesPiece& piece : pieces)
        room_bytes = std::max(room_bytes, piece.place + rounded_up(piece.outs, kTile) * line);
    const uint64_t room_address = room(Room::kHalfWeights, static_cast<int64_t>(room_bytes / sizeof(float)));
    const HalvedRows halved = halve_rows(args, cols, depth);
    const HalvesPlaces at{
        .weights = room_address, .rows = halved.rows, .factors = halved.factors, .depth = depth};
    for (size_t begin = 0; begin < pieces.size();) {
        size_t end = begin + 1;
        while (end < pieces.size() && pieces[end].place != 0) ++end;
        // The first group writes beside the rows; a later one overwrites what the products before it read.
        for (size_t i = begin; i < end; ++i)
            halve_weights(pieces[i], at, begin > 0 && i == begin ? After::kAll : After::kNothing);
        for (size_t i = begin; i < end; ++i)
            multiply_halves(pieces[i], at, args, i == begin ? After::kAll : After::kNothing);
        begin = end;
    }
}

}  // namespace airframe::vulkan
