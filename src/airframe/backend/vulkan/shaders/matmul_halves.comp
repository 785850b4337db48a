// Many rows times a matrix, both short floats, by cooperative matrices: tiles of 128 rows x 128 outputs, a quarter of
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
layout(local_size_x = 128) in;

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

const uint kTile = 128, kPart = 64, kDepth = 64, kThreads = 128, kCell = 16;
const uint kEights = kDepth / 8, kLine = kEights + 1;  // one more, so that lines lie in different banks
const uint kFetches = kTile * kEights / kThreads;
const uint kCells = kPart / kCell;

shared uvec4 tile_x[kTile * kLine];
shared uvec4 tile_w[kTile * kLine];
shared float cells[4 * kCell * kCell];

void put(uint row, uint out_row, float value) {
    if (row >= rows || out_row >= outs) return;
    value *= factors.at[row];
    if ((flags & F_BIAS) != 0u) value += bias.at[out_row];
    const uint at = row * width + out_row;
    y.at[at] = (flags & F_ADD) != 0u ? y.at[at] + scale * value : value;
}

void main() {
    const uint id = gl_LocalInvocationID.x, part_row = gl_SubgroupID / 2u, part_out = gl_SubgroupID % 2u;
    const uint row_first = gl_WorkGroupID.x * kTile, out_first = gl_WorkGroupID.y * kTile, line = depth / 8u;
    fcoopmatNV<32, gl_ScopeSubgroup, SUM_ROWS, SUM_COLS> sums[kCells][kCells];
    [[unroll]] for (uint i = 0; i < kCells; ++i)
        [[unroll]] for (uint j = 0; j < kCells; ++j)
            sums[i][j] = fcoopmatNV<32, gl_ScopeSubgroup, SUM_ROWS, SUM_COLS>(0.0);
    uvec4 next_x[kFetches], next_w[kFetches];
    [[unroll]] for (uint i = 0; i < kFetches; ++i) {
        const uint e = id + i * kThreads;
        next_x[i] = x.at[(row_first + e / kEights) * line + e % kEights];
        next_w[i] = weights.at[(out_first + e / kEights) * line + e % kEights];
    }
    for (uint k0 = 0; k0 < line; k0 += kEights) {
        barrier();
        [[unroll]] for (uint i = 0; i < kFetches; ++i) {
            const uint e = id + i * kThreads, at = (e / kEights) * kLine + e % kEights;
            tile_x[at] = next_x[i];
            tile_w[at] = next_w[i];
        }
        barrier();
        if (k0 + kEights < line)
            [[unroll]] for (uint i = 0; i < kFetches; ++i) {
                const uint e = id + i * kThreads, k = k0 + kEights + e % kEights;
                next_x[i] = x.at[(row_first + e / kEights) * line + k];
                next_w[i] = weights.at[(out_first + e / kEights) * line + k];
            }
        [[unroll]] for (uint k = 0; k < kEights; k += kCell / 8u) {
            fcoopmatNV<16, gl_ScopeSubgroup, LEFT_ROWS, LEFT_COLS> left[kCells];
            fcoopmatNV<16, gl_ScopeSubgroup, RIGHT_ROWS, RIGHT_COLS> right;
            [[unroll]] for (uint i = 0; i < kCells; ++i)
                coopMatLoadNV(left[i], tile_x, (part_row * kPart + i * kCell) * kLine + k, kLine, false);
            [[unroll]] for (uint j = 0; j < kCells; ++j) {
                coopMatLoadNV(right, tile_w, (part_out * kPart + j * kCell) * kLine + k, kLine, true);
                [[unroll]] for (uint i = 0; i < kCells; ++i) sums[i][j] = coopMatMulAddNV(left[i], right, sums[i][j]);
            }
        }
    }
    const uint mine = gl_SubgroupID * kCell * kCell;
    [[unroll]] for (uint i = 0; i < kCells; ++i)
        [[unroll]] for (uint j = 0; j < kCells; ++j) {
            coopMatStoreNV(sums[i][j], cells, mine, kCell, false);
            subgroupBarrier();
            for (uint e = gl_SubgroupInvocationID; e < kCell * kCell; e += gl_SubgroupSize)
                put(row_first + part_row * kPart + i * kCell + e / kCell,
                    out_first + part_out * kPart + j * kCell + e % kCell, cells[mine + e]);
            subgroupBarrier();
        }
}
