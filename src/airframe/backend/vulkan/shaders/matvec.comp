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
#include "quants16.glsl"
#include "matmul_args.glsl"

const uint kOuts = 4;      // of one workgroup
const uint kTogether = 1;  // of one subgroup at once: more take registers, and fewer subgroups hide the wait for memory

void put_hidden(uint row, uint out_row, float sum, float gated) {
    if ((flags & F_BIAS) != 0u) sum += bias.at[out_row];
    if ((flags & F_GATE_BIAS) != 0u) gated += gate_bias.at[out_row];
    y.at[row * outs + out_row] = HIDDEN == 2u ? activate(gated) * sum : activate(sum);
}

float product_of(Eight w, Eight v) { return dot(w.a, v.a) + dot(w.b, v.b); }

// Lines of weights that a subgroup follows at once: of its outputs, then of their gates. They share what is read of x.
const uint kLines = HIDDEN == 2 ? 2 * kTogether : kTogether;

void main() {
    const uint first = gl_WorkGroupID.z * COLUMNS, units = (cols + kUnit - 1u) / kUnit;
    const uint skipped = (flags & F_EXPERTS) != 0u ? experts.at[first] * expert_bytes : 0u;
    for (uint i = gl_SubgroupID; i < kOuts / kTogether; i += gl_NumSubgroups) {
        const uint out_first = workgroup_number() * kOuts + i * kTogether;
        if (out_first >= outs) return;
        float sums[kLines * COLUMNS];
        for (uint n = 0; n < kLines * COLUMNS; ++n) sums[n] = 0.0;
        for (uint unit = gl_SubgroupInvocationID; unit < units; unit += gl_SubgroupSize)
            for (uint line = 0; line < kLines; ++line) {
                const bool is_gate = line >= kTogether;
                const uint at = skipped + min(out_first + line % kTogether, outs - 1u) * row_bytes;
                U32 matrix = weights;
                if (is_gate) matrix = gate_weights;
                const Sixteen w = decode_unit(matrix, (is_gate ? gate_first_byte : first_byte) + at, unit, cols);
                for (uint c = 0; c < COLUMNS; ++c) {
                    const uint row = min(first + c, rows - 1u) / x_share;
                    float sum = product_of(w.a, x_eight(row, w.ka));
                    if (kUnit == 16u) sum += product_of(w.b, x_eight(row, w.kb));
                    sums[line * COLUMNS + c] += sum;
                }
            }
        for (uint n = 0; n < kTogether * COLUMNS; ++n) {
            const uint row = first + n % COLUMNS, out_row = out_first + n / COLUMNS;
            const float sum = subgroupAdd(sums[n]);
            const float gated = HIDDEN == 2u ? subgroupAdd(sums[kTogether * COLUMNS + n]) : 0.0;
            if (!subgroupElect() || row >= rows || out_row >= outs) continue;
            if (HIDDEN == 0u) put(row, out_row, sum);
            else put_hidden(row, out_row, sum, gated);
        }
    }
}
