// Operations on rows: embeddings, norms, activations, the end of the logits.
#include <algorithm>
#include <vector>

#include "airframe/backend/vulkan/ops.h"
#include "base/check.h"

namespace airframe::vulkan {
namespace {

constexpr uint32_t kElementThreads = 256;  // local size of the shaders that take one element per thread

Groups element_groups(int64_t n) {
    return linear_groups((static_cast<uint64_t>(n) + kElementThreads - 1) / kElementThreads);
}

struct EmbedShaderArgs {
    uint64_t weights, x, index;
    uint32_t first_byte, row_bytes, cols, add;
    float scale;
};

struct NormShaderArgs {
    uint64_t x, y, gain, bias, index, packed;
    uint32_t rows, cols, flags;
    float eps;
};
enum NormFlags : uint32_t { kLayerNorm = 1, kGain = 2, kNormBias = 4, kIndex = 8, kPack = 16 };

struct ActivateShaderArgs {
    uint64_t gate, h;
    uint32_t n, gated;
};

struct AddScaledShaderArgs {
    uint64_t x, y;
    uint32_t n;
    float scale;
};

struct FinishLogitsShaderArgs {
    uint64_t y;
    uint32_t n;
    float scale, softcap;
};

}  // namespace

void VulkanBackend::embed(const EmbedArgs& args) {
    CHECK(static_cast<int64_t>(args.tokens.size()) == args.x.rows && args.table.cols == args.x.cols);
    std::vector<int32_t> indices(args.tokens.begin(), args.tokens.end());
    for (const int32_t token : args.tokens)
        CHECK(token >= 0 && token < args.table.rows, "token {} of {}", token, args.table.rows);
    if (args.positions_table) {
        for (const int32_t position : args.positions)
            CHECK(position >= 0 && position < args.positions_table.rows, "position {} of {}", position,
                  args.positions_table.rows);
        indices.insert(indices.end(), args.positions.begin(), args.positions.end());
    }
    changes(address_of(args.x));
    const uint64_t index = stage_ints(indices);
    const auto look_up = [&](const Weight& table, uint64_t rows, bool add, float scale) {
        const Place place = place_of(table);
        const EmbedShaderArgs shader{place.address,
                                     address_of(args.x),
                                     rows,
                                     place.first_byte,
                                     static_cast<uint32_t>(row_bytes(table.type, table.cols)),
                                     static_cast<uint32_t>(table.cols),
                                     add,
                                     scale};
        stream_->dispatch(pipelines_->get(Shader::kEmbed, {static_cast<uint32_t>(table.type)}), shader,
                          {static_cast<uint32_t>(args.x.rows)});
    };
    look_up(args.table, index, false, args.scale);
    if (args.positions_table) look_up(args.positions_table, index + args.tokens.size_bytes(), true, 1);
}

void VulkanBackend::norm_rows(const Norm& norm, const NormRows& args) {
    const uint32_t flags = (norm.kind == NormKind::kLayer ? kLayerNorm : 0u) | (norm.gain ? kGain : 0u) |
                           (norm.bias ? kNormBias : 0u) | (args.index != 0 ? kIndex : 0u) |
                           (args.packed != 0 ? kPack : 0u);
    const NormShaderArgs shader{args.x,
                                args.y,
                                address_of(norm.gain),
                                address_of(norm.bias),
                                args.index,
                                args.packed,
                                static_cast<uint32_t>(args.rows),
                                static_cast<uint32_t>(args.cols),
                                flags,
                                norm.eps};
    // One workgroup takes a row: the more threads, the less each of them waits for memory.
    constexpr int64_t kWideCols = 1024;
    constexpr uint32_t kWideThreads = 1024, kNarrowThreads = 64;
    const uint32_t threads = args.cols >= kWideCols
                                 ? std::min(kWideThreads, device_->adapter().workgroup_threads_max)
                                 : kNarrowThreads;
    stream_->dispatch(pipelines_->get(Shader::kNorm, {threads}), shader,
                      linear_groups(static_cast<uint64_t>(args.rows)));
}

void VulkanBackend::norm(const Rows& x, const Norm& norm, const Rows& out) {
    CHECK(x.rows == out.rows && x.cols == out.cols);
    changes(address_of(out));
    norm_rows(norm, {.x = address_of(x),
                     .y = address_of(out),
                     .rows = x.rows,
                     .cols = x.cols,
                     .packed = place_for_packed(Room::kPackedByNorm, address_of(out), out.rows, out.cols)});
}

// Each head of a row by itself, or the whole row, as the gain's length says.
void VulkanBackend::norm_heads(const Norm& norm, const Rows& rows, int64_t head_dim) {
    if (!norm) return;
    const int64_t span = norm.gain.cols == head_dim ? head_dim : rows.cols;
    norm_rows(
        norm,
        {.x = address_of(rows), .y = address_of(rows), .rows = rows.rows * (rows.cols / span), .cols = span});
}

void VulkanBackend::activate(Activation act, uint64_t gate, uint64_t h, int64_t n) {
    changes(h);
    const ActivateShaderArgs shader{gate, h, static_cast<uint32_t>(n), gate != 0};
    stream_->dispatch(pipelines_->get(Shader::kActivate, {static_cast<uint32_t>(act)}), shader,
                      element_groups(n));
}

void VulkanBackend::linear_add(const Rows& x, const Linear& weight, const Norm& post_norm, float scale,
                               const Rows& residual) {
    CHECK(weight.weight.cols == x.cols && weight.weight.rows == residual.cols);
    Product args{.x = address_of(x), .y = address_of(residual), .rows = x.rows, .add = true, .scale = scale};
    if (!post_norm) return product(weight, args);
    const int64_t n = residual.rows * residual.cols;
    args.y = room(Room::kProduct, n);
    args.add = false;
    product(weight, args);
    changes(address_of(residual));
    norm_rows(post_norm, {.x = args.y, .y = args.y, .rows = residual.rows, .cols = residual.cols});
    const AddScaledShaderArgs shader{args.y, address_of(residual), static_cast<uint32_t>(n), scale};
    stream_->dispatch(pipelines_->get(Shader::kAddScaled, {}), shader, element_groups(n));
}

void VulkanBackend::logits(const LogitsArgs& args) {
    CHECK(static_cast<int64_t>(args.rows.size()) == args.out.rows && args.head.weight.rows == args.out.cols);
    if (args.rows.empty()) return;
    const uint64_t normed = room(Room::kNormed, args.out.rows * args.x.cols);
    changes(normed);
    const uint64_t packed_normed = place_for_packed(Room::kPackedByNorm, normed, args.out.rows, args.x.cols);
    norm_rows(args.norm, {.x = address_of(args.x),
                          .y = normed,
                          .rows = args.out.rows,
                          .cols = args.x.cols,
                          .index = stage_ints(args.rows),
                          .packed = packed_normed});
    product(args.head, {.x = normed, .y = address_of(args.out), .rows = args.out.rows});
    if (args.scale == 1 && args.softcap <= 0) return;
    const int64_t n = args.out.rows * args.out.cols;
    const FinishLogitsShaderArgs shader{address_of(args.out), static_cast<uint32_t>(n), args.scale,
                                        args.softcap};
    stream_->dispatch(pipelines_->get(Shader::kFinishLogits, {}), shader, element_groups(n));
}

}  // namespace airframe::vulkan
