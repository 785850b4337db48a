// Many rows times a matrix, both short floats, by cooperative matrices: tiles of 128 rows x 128 outputs, 32 x 64 of
// each per subgroup. Sums are f32. The next tiles are fetched to registers while these are multiplied.
//
// Written with NVIDIA's extension, which glslc knows; cooperative_matrix.cpp turns it into the one of Khronos. It tells
// the use of a matrix from the constant_id of its number of rows: 100 left, 102 right, 104 sums.
#version 460
#include "common.glsl"
#extension GL_NV_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
layout(constant_id = 100) const uint LEFT_ROWS = 16;
layout(constant_id = 101) const uint LEFT_COLS = 16;
layout(constant_id = 102) const uint RIGHT_ROWS = 16;
layout(constant_id = 103) const uint RIGHT_COLS = 16;
layout(constant_id = 104) const uint SUM_ROWS = 16;
layout(constant_id = 105) const uint SUM_COLS = 16;
layout(local_size_x = 256) in;

const uint F_BIAS = 1, F_ADD = 2;

layout(push_constant) uniform Args {
    U32x4 x;        // [rows up to a multiple of 128, depth / 8] eights
    U32x4 weights;  // [outs up to a multiple of 128, depth / 8]
    F32 y;          // [rows, width], from the first output on
    F32 bias;       // [outs]
    F32 factors;    // [rows]
    uint rows;
    uint outs;
    uint width;
    uint depth;  // a multiple of 64
    uint flags;
    float scale;
};

const uint kTile = 128, kPartRows = 32, kPartOuts = 64, kDepth = 64, kThreads = 256, kCell = 16;
const uint kEights = kDepth / 8, kLine = kEights + 1;  // one more, so that lines lie in different banks
const uint kFetches = kTile * kEights / kThreads, kFetchLines = kThreads / kEights;
const uint kDown = kPartRows / kCell, kAcross = kPartOuts / kCell;
const uint kPerLane = kCell * kCell / 32;

shared uvec4 tile_x[kTile * kLine];
shared uvec4 tile_w[kTile * kLine];
shared float cells[8 * kCell * kCell];
shared float row_factors[kTile];
shared float out_bias[kTile];

// One cell of sums, which lies in the subgroup's part of `cells`: row and output of its corner within the tile.
void put_cell(uint mine, uint row_first, uint out_first, uvec2 corner) {
    uint at[kPerLane];
    float before[kPerLane];
    bool inside[kPerLane];
    [[unroll]] for (uint n = 0; n < kPerLane; ++n) {
        const uint e = gl_SubgroupInvocationID + 32u * n;
        const uint row = row_first + corner.x + e / kCell, out_row = out_first + corner.y + e % kCell;
        at[n] = row * width + out_row;
        inside[n] = row < rows && out_row < outs;
        before[n] = inside[n] && (flags & F_ADD) != 0u ? y.at[at[n]] : 0.0;
    }
    const float share = (flags & F_ADD) != 0u ? scale : 1.0;
    [[unroll]] for (uint n = 0; n < kPerLane; ++n) {
        const uint e = gl_SubgroupInvocationID + 32u * n;
        const float value = cells[mine + e] * row_factors[corner.x + e / kCell] + out_bias[corner.y + e % kCell];
        if (inside[n]) y.at[at[n]] = before[n] + share * value;
    }
}

void main() {
    const uint id = gl_LocalInvocationID.x, part_row = gl_SubgroupID / 2u, part_out = gl_SubgroupID % 2u;
    const uint row_first = gl_WorkGroupID.x * kTile, out_first = gl_WorkGroupID.y * kTile, line = depth / 8u;
    if (id < kTile) {
        row_factors[id] = row_first + id < rows ? factors.at[row_first + id] : 0.0;
        out_bias[id] = (flags & F_BIAS) != 0u && out_first + id < outs ? bias.at[out_first + id] : 0.0;
    }
    fcoopmatNV<32, gl_ScopeSubgroup, SUM_ROWS, SUM_COLS> sums[kDown][kAcross];
    [[unroll]] for (uint i = 0; i < kDown; ++i)
        [[unroll]] for (uint j = 0; j < kAcross; ++j)
            sums[i][j] = fcoopmatNV<32, gl_ScopeSubgroup, SUM_ROWS, SUM_COLS>(0.0);
    const uint to = (id / kEights) * kLine + id % kEights;
    uint from_x = (row_first + id / kEights) * line + id % kEights;
    uint from_w = (out_first + id / kEights) * line + id % kEights;
    uvec4 next_x[kFetches], next_w[kFetches];
    [[unroll]] for (uint i = 0; i < kFetches; ++i) {
        next_x[i] = x.at[from_x + i * kFetchLines * line];
        next_w[i] = weights.at[from_w + i * kFetchLines * line];
    }
    for (uint k0 = 0; k0 < line; k0 += kEights) {
        barrier();
        [[unroll]] for (uint i = 0; i < kFetches; ++i) {
            tile_x[to + i * kFetchLines * kLine] = next_x[i];
            tile_w[to + i * kFetchLines * kLine] = next_w[i];
        }
        barrier();
        from_x += kEights;
        from_w += kEights;
        if (k0 + kEights < line)
            [[unroll]] for (uint i = 0; i < kFetches; ++i) {
                next_x[i] = x.at[from_x + i * kFetchLines * line];
                next_w[i] = weights.at[from_w + i * kFetchLines * line];
            }
        [[unroll]] for (uint k = 0; k < kEights; k += kCell / 8u) {
            fcoopmatNV<16, gl_ScopeSubgroup, LEFT_ROWS, LEFT_COLS> left[kDown];
            fcoopmatNV<16, gl_ScopeSubgroup, RIGHT_ROWS, RIGHT_COLS> right;
            [[unroll]] for (uint i = 0; i < kDown; ++i)
                coopMatLoadNV(left[i], tile_x, (part_row * kPartRows + i * kCell) * kLine + k, kLine, false);
            [[unroll]] for (uint j = 0; j < kAcross; ++j) {
                coopMatLoadNV(right, tile_w, (part_out * kPartOuts + j * kCell) * kLine + k, kLine, true);
                [[unroll]] for (uint i = 0; i < kDown; ++i) sums[i][j] = coopMatMulAddNV(left[i], right, sums[i][j]);
            }
        }
    }
    const uint mine = gl_SubgroupID * kCell * kCell;
    [[unroll]] for (uint i = 0; i < kDown; ++i)
        [[unroll]] for (uint j = 0; j < kAcross; ++j) {
            coopMatStoreNV(sums[i][j], cells, mine, kCell, false);
            subgroupBarrier();
            put_cell(mine, row_first, out_first,
                     uvec2(part_row * kPartRows + i * kCell, part_out * kPartOuts + j * kCell));
            subgroupBarrier();
        }
}
