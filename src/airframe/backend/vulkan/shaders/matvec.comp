// A matrix times a few rows: each subgroup one output at a time, its lanes along the row of weights.
#version 460
#include "common.glsl"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint QUANT = 0;
layout(constant_id = 2) const uint COLUMNS = 1;  // rows of x at once
#include "quants.glsl"
#include "matmul_args.glsl"

const uint kOuts = 4;  // of one workgroup

void main() {
    const uint first = gl_WorkGroupID.z * COLUMNS;
    uint matrix = first_byte;
    if ((flags & F_EXPERTS) != 0u) matrix += experts.at[first] * expert_bytes;
    for (uint i = gl_SubgroupID; i < kOuts; i += gl_NumSubgroups) {
        const uint out_row = workgroup_number() * kOuts + i;
        if (out_row >= outs) return;
        float sums[COLUMNS];
        for (uint c = 0; c < COLUMNS; ++c) sums[c] = 0.0;
        for (uint k = gl_SubgroupInvocationID * 8u; k < cols; k += gl_SubgroupSize * 8u) {
            const Eight w = decode8(weights, matrix + out_row * row_bytes, k, cols);
            for (uint c = 0; c < COLUMNS; ++c) {
                const Eight v = x_eight(min(first + c, rows - 1u) / x_share, k);
                sums[c] += dot(w.a, v.a) + dot(w.b, v.b);
            }
        }
        for (uint c = 0; c < COLUMNS; ++c) {
            const float sum = subgroupAdd(sums[c]);
            if (subgroupElect() && first + c < rows) put(first + c, out_row, sum);
        }
    }
}
