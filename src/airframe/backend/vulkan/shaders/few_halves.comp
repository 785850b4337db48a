// Up to 64 rows times a matrix by cooperative matrices. Weights are decoded straight to tiles of short floats in shared
// memory, the next tile into registers while this one is multiplied; a subgroup takes 16 outputs and all rows.
//
// Written with NVIDIA's extension, as matmul_halves.comp.
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
layout(constant_id = 0) const uint QUANT = 0;
layout(constant_id = 1) const uint CELLS = 1;  // sixteens of rows, up to 4
#include "quants.glsl"
#include "quants16.glsl"
#include "few_args.glsl"

#define LEFT fcoopmatNV<16, gl_ScopeSubgroup, LEFT_ROWS, LEFT_COLS>
#define RIGHT fcoopmatNV<16, gl_ScopeSubgroup, RIGHT_ROWS, RIGHT_COLS>
#define SUMS fcoopmatNV<32, gl_ScopeSubgroup, SUM_ROWS, SUM_COLS>

const uint kCell = 16, kCellsMax = 4;
const uint kEights = kSlab / 8, kLine = kEights + 1;  // one more, so that lines lie in different banks
// Of a thread: eights of weights and, by sixteens of rows, of x.
const uint kFetches = kOuts * kEights / kThreads, kFetchesOfCell = kCell * kEights / kThreads;
// A line of weights is fetched by some threads, a unit each.
const uint kUnits = kSlab / kUnit, kLines = kThreads / kUnits, kPasses = kOuts / kLines;

shared uvec4 tile_w[kOuts * kLine];
shared uvec4 tile_x[CELLS * kCell * kLine];
shared float cells[4 * kCell * kCell];

uvec4 next_w[kFetches];
uvec4 next_x[kFetchesOfCell * kCellsMax];
uint place_a, place_b;  // of a unit's eights in a line of the tile

uvec4 halves_of(Eight w) {
    return uvec4(packHalf2x16(w.a.xy), packHalf2x16(w.a.zw), packHalf2x16(w.b.xy), packHalf2x16(w.b.zw));
}

void fetch(uint slab, uint out_first) {
    const uint id = gl_LocalInvocationID.x, unit = slab * kUnits + id % kUnits;
    [[unroll]] for (uint i = 0; i < kPasses; ++i) {
        const uint line = min(out_first + i * kLines + id / kUnits, outs - 1u);
        Sixteen w;
        w.a = w.b = Eight(vec4(0), vec4(0));
        w.ka = slab * kSlab + (id % kUnits) * kUnit;
        w.kb = w.ka + 8u;
        if (unit * kUnit < cols) w = decode_unit(weights, first_byte + line * row_bytes, unit, cols);
        if (kUnit == 16u) {
            next_w[2u * i] = halves_of(w.a);
            next_w[2u * i + 1u] = halves_of(w.b);
        } else {
            next_w[i] = halves_of(w.a);
        }
        place_a = w.ka % kSlab / 8u;
        place_b = w.kb % kSlab / 8u;
    }
    U32x4 halves = U32x4(x);
    [[unroll]] for (uint i = 0; i < kFetchesOfCell * CELLS; ++i) {
        const uint e = id + i * kThreads;
        next_x[i] = halves.at[(e / kEights * slabs + slab) * kEights + e % kEights];
    }
}

void put_tiles() {
    const uint id = gl_LocalInvocationID.x;
    [[unroll]] for (uint i = 0; i < kPasses; ++i) {
        const uint line = (i * kLines + id / kUnits) * kLine;
        if (kUnit == 16u) {
            tile_w[line + place_a] = next_w[2u * i];
            tile_w[line + place_b] = next_w[2u * i + 1u];
        } else {
            tile_w[line + place_a] = next_w[i];
        }
    }
    [[unroll]] for (uint i = 0; i < kFetchesOfCell * CELLS; ++i) {
        const uint e = id + i * kThreads;
        tile_x[e / kEights * kLine + e % kEights] = next_x[i];
    }
}

void main() {
    const uint out_first = gl_WorkGroupID.x * kOuts;
    const uvec2 own = own_slabs();
    SUMS sums[kCellsMax];
    [[unroll]] for (uint i = 0; i < kCellsMax; ++i) sums[i] = SUMS(0.0);
    fetch(own.x, out_first);
    for (uint slab = own.x; slab < own.y; ++slab) {
        barrier();
        put_tiles();
        barrier();
        if (slab + 1u < own.y) fetch(slab + 1u, out_first);
        [[unroll]] for (uint k = 0; k < kEights; k += kCell / 8u) {
            RIGHT right;
            coopMatLoadNV(right, tile_w, gl_SubgroupID * kCell * kLine + k, kLine, true);
            [[unroll]] for (uint i = 0; i < kCellsMax; ++i) {
                if (i >= CELLS) break;
                LEFT left;
                coopMatLoadNV(left, tile_x, i * kCell * kLine + k, kLine, false);
                sums[i] = coopMatMulAddNV(left, right, sums[i]);
            }
        }
    }
    const uint mine = gl_SubgroupID * kCell * kCell;
    const uint to = gl_WorkGroupID.y * CELLS * kCell * width + out_first + gl_SubgroupID * kCell;
    [[unroll]] for (uint i = 0; i < kCellsMax; ++i) {
        if (i >= CELLS) break;
        coopMatStoreNV(sums[i], cells, mine, kCell, false);
        subgroupBarrier();
        for (uint e = gl_SubgroupInvocationID; e < kCell * kCell; e += gl_SubgroupSize)
            parts.at[to + (i * kCell + e / kCell) * width + e % kCell] = cells[mine + e];
        subgroupBarrier();
    }
}
