// Up to 64 rows times a matrix, in f32: tiles of 64 outputs x all rows through shared memory.
#version 460
#include "common.glsl"
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint QUANT = 0;
layout(constant_id = 1) const uint CELLS = 1;  // sixteens of rows, up to 4
#include "quants.glsl"
#include "few_args.glsl"

const uint kDepth = 16, kPieces = kDepth / 8;  // columns at once, in eights
const uint kRows = 16 * CELLS, kFours = kOuts / 4;
const uint kRowsEach = kRows * kFours / kThreads, kRowsEachMax = 8;

shared vec4 tile_w[kDepth * kFours];  // [depth, outputs / 4]
shared float tile_x[kDepth * kRows];  // [depth, rows]

float x_at(uint row, uint k) { return k < cols ? F32(x).at[row * cols + k] : 0.0; }

void load_tiles(uint out_first, uint k0) {
    const uint id = gl_LocalInvocationID.x, line = id / kPieces, first = (id % kPieces) * 8u, k = k0 + first;
    Eight w = Eight(vec4(0), vec4(0));
    if (k < cols) w = decode8(weights, first_byte + min(out_first + line, outs - 1u) * row_bytes, k, cols);
    [[unroll]] for (uint i = 0; i < 8; ++i)
        tile_w[(first + i) * kFours + line / 4u][line % 4u] = i < 4 ? w.a[i] : w.b[i - 4];
    for (uint e = id; e < kRows * kDepth; e += kThreads)
        tile_x[e % kDepth * kRows + e / kDepth] = x_at(min(e / kDepth, rows - 1u), k0 + e % kDepth);
}

void main() {
    const uint id = gl_LocalInvocationID.x, out_first = gl_WorkGroupID.x * kOuts;
    const uint tx = id % kFours, first_row = id / kFours * kRowsEach;
    const uvec2 own = own_slabs();
    vec4 sums[kRowsEachMax];
    [[unroll]] for (uint j = 0; j < kRowsEachMax; ++j) sums[j] = vec4(0);
    for (uint k0 = own.x * kSlab; k0 < min(own.y * kSlab, cols); k0 += kDepth) {
        load_tiles(out_first, k0);
        barrier();
        for (uint d = 0; d < kDepth; ++d) {
            const vec4 w = tile_w[d * kFours + tx];
            for (uint j = 0; j < kRowsEach; ++j) sums[j] += w * tile_x[d * kRows + first_row + j];
        }
        barrier();
    }
    for (uint j = 0; j < kRowsEach; ++j) {
        const uint at = (gl_WorkGroupID.y * kRows + first_row + j) * width + out_first + 4u * tx;
        F32x4(parts).at[at / 4u] = sums[j];
    }
}
