// A matrix times many rows: tiles of 64 outputs x 64 rows through shared memory, 4 x 4 of them per thread.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint QUANT = 0;
#include "quants.glsl"
#include "matmul_args.glsl"

const uint kTile = 64, kDepth = 32, kStride = kTile + 1;

shared float tile_w[kDepth * kStride];
shared float tile_x[kDepth * kStride];

void put_eight(Eight v, uint k, uint line, bool is_x) {
    [[unroll]] for (uint i = 0; i < 8; ++i) {
        const float value = i < 4 ? v.a[i] : v.b[i - 4];
        if (is_x) tile_x[(k + i) * kStride + line] = value;
        else tile_w[(k + i) * kStride + line] = value;
    }
}

void main() {
    const uint id = gl_LocalInvocationID.x;
    const uint out_first = workgroup_number() * kTile, row_first = gl_WorkGroupID.z * kTile;
    if (out_first >= outs) return;
    const uint line = id / 4u, k_of_line = (id % 4u) * 8u;  // what this thread loads
    const uint tx = id % 16u, ty = id / 16u;                // what it computes
    float sums[4][4];
    [[unroll]] for (uint i = 0; i < 4; ++i)
        [[unroll]] for (uint j = 0; j < 4; ++j) sums[i][j] = 0.0;
    for (uint k0 = 0; k0 < cols; k0 += kDepth) {
        const uint k = k0 + k_of_line;
        Eight w = Eight(vec4(0), vec4(0)), v = w;
        if (k < cols) {
            w = decode8(weights, first_byte + min(out_first + line, outs - 1u) * row_bytes, k, cols);
            v = x_eight(min(row_first + line, rows - 1u), k);
        }
        put_eight(w, k_of_line, line, false);
        put_eight(v, k_of_line, line, true);
        barrier();
        for (uint d = 0; d < kDepth; ++d) {
            float a[4], b[4];
            [[unroll]] for (uint i = 0; i < 4; ++i) {
                a[i] = tile_w[d * kStride + tx + 16u * i];
                b[i] = tile_x[d * kStride + ty + 16u * i];
            }
            [[unroll]] for (uint i = 0; i < 4; ++i)
                [[unroll]] for (uint j = 0; j < 4; ++j) sums[i][j] += a[i] * b[j];
        }
        barrier();
    }
    [[unroll]] for (uint i = 0; i < 4; ++i)
        [[unroll]] for (uint j = 0; j < 4; ++j) {
            const uint out_row = out_first + tx + 16u * i, row = row_first + ty + 16u * j;
            if (out_row < outs && row < rows) put(row, out_row, sums[i][j]);
        }
}
