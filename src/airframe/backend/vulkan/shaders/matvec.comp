// A matrix times a few rows: each subgroup one output at a time, its lanes along the row of weights. With HIDDEN
// the activation comes along: act(W x), or act(gate x) * (W x).
#version 460
#include "common.glsl"
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint QUANT = 0;
layout(constant_id = 2) const uint COLUMNS = 1;  // rows of x at once
layout(constant_id = 3) const uint HIDDEN = 0;   // 0 none, 1 activated, 2 gated
layout(constant_id = 4) const uint ACT = 0;
#include "activation.glsl"
#include "quants.glsl"
#include "matmul_args.glsl"

const uint kOuts = 4;  // of one workgroup

void put_hidden(uint row, uint out_row, float sum, float gated) {
    if ((flags & F_BIAS) != 0u) sum += bias.at[out_row];
    if ((flags & F_GATE_BIAS) != 0u) gated += gate_bias.at[out_row];
    y.at[row * outs + out_row] = HIDDEN == 2u ? activate(gated) * sum : activate(sum);
}

void main() {
    const uint first = gl_WorkGroupID.z * COLUMNS;
    const uint skipped = (flags & F_EXPERTS) != 0u ? experts.at[first] * expert_bytes : 0u;
    const uint matrix = first_byte + skipped, gate = gate_first_byte + skipped;
    for (uint i = gl_SubgroupID; i < kOuts; i += gl_NumSubgroups) {
        const uint out_row = workgroup_number() * kOuts + i;
        if (out_row >= outs) return;
        float sums[COLUMNS], gates[COLUMNS];
        for (uint c = 0; c < COLUMNS; ++c) sums[c] = gates[c] = 0.0;
        for (uint k = gl_SubgroupInvocationID * 8u; k < cols; k += gl_SubgroupSize * 8u) {
            const Eight w = decode8(weights, matrix + out_row * row_bytes, k, cols);
            Eight g = w;
            if (HIDDEN == 2u) g = decode8(gate_weights, gate + out_row * row_bytes, k, cols);
            for (uint c = 0; c < COLUMNS; ++c) {
                const Eight v = x_eight(min(first + c, rows - 1u) / x_share, k);
                sums[c] += dot(w.a, v.a) + dot(w.b, v.b);
                if (HIDDEN == 2u) gates[c] += dot(g.a, v.a) + dot(g.b, v.b);
            }
        }
        for (uint c = 0; c < COLUMNS; ++c) {
            const float sum = subgroupAdd(sums[c]);
            const float gated = HIDDEN == 2u ? subgroupAdd(gates[c]) : 0.0;
            if (!subgroupElect() || first + c >= rows) continue;
            if (HIDDEN == 0u) put(first + c, out_row, sum);
            else put_hidden(first + c, out_row, sum, gated);
        }
    }
}
