// A matrix times many rows: tiles of 128 outputs x 64 rows through shared memory, 8 x 4 of them per thread.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint QUANT = 0;
#include "quants.glsl"
#include "matmul_args.glsl"

const uint kOuts = 128, kRows = 64, kDepth = 16;
const uint kPieces = kDepth / 8;  // eights of a line that are loaded at once

// [depth, outputs / 4] and [depth, rows / 4]
shared vec4 tile_w[kDepth * kOuts / 4];
shared vec4 tile_x[kDepth * kRows / 4];

void load_tiles(uint out_first, uint row_first, uint k0) {
    const uint id = gl_LocalInvocationID.x, line = id / kPieces, k_of_line = (id % kPieces) * 8u, k = k0 + k_of_line;
    const Eight none = Eight(vec4(0), vec4(0));
    Eight w = none;
    if (k < cols) w = decode8(weights, first_byte + min(out_first + line, outs - 1u) * row_bytes, k, cols);
    [[unroll]] for (uint i = 0; i < 8; ++i)
        tile_w[(k_of_line + i) * (kOuts / 4u) + line / 4u][line % 4u] = i < 4 ? w.a[i] : w.b[i - 4];
    if (line >= kRows) return;
    Eight v = none;
    if (k < cols) v = x_eight(min(row_first + line, rows - 1u), k);
    [[unroll]] for (uint i = 0; i < 8; ++i)
        tile_x[(k_of_line + i) * (kRows / 4u) + line / 4u][line % 4u] = i < 4 ? v.a[i] : v.b[i - 4];
}

void main() {
    const uint id = gl_LocalInvocationID.x;
    const uint out_first = workgroup_number() * kOuts, row_first = gl_WorkGroupID.z * kRows;
    if (out_first >= outs) return;
    const uint tx = id % 16u, ty = id / 16u;  // outputs 4 tx and 64 + 4 tx, rows 4 ty
    vec4 low[4], high[4];                     // one per row
    [[unroll]] for (uint j = 0; j < 4; ++j) low[j] = high[j] = vec4(0);
    for (uint k0 = 0; k0 < cols; k0 += kDepth) {
        load_tiles(out_first, row_first, k0);
        barrier();
        for (uint d = 0; d < kDepth; ++d) {
            const vec4 a = tile_w[d * (kOuts / 4u) + tx], b = tile_w[d * (kOuts / 4u) + 16u + tx];
            const vec4 v = tile_x[d * (kRows / 4u) + ty];
            [[unroll]] for (uint j = 0; j < 4; ++j) {
                low[j] += a * v[j];
                high[j] += b * v[j];
            }
        }
        barrier();
    }
    [[unroll]] for (uint j = 0; j < 4; ++j) {
        const uint row = row_first + 4u * ty + j;
        if (row >= rows) break;
        [[unroll]] for (uint i = 0; i < 4; ++i) {
            const uint out_row = out_first + 4u * tx + i;
            if (out_row < outs) put(row, out_row, low[j][i]);
            if (out_row + 64u < outs) put(row, out_row + 64u, high[j][i]);
        }
    }
}
