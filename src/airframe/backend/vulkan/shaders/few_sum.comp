// What becomes of the parts that few.comp or few_halves.comp have added up: y = W x + b, y += scale * (W x + b), or the
// activation of it, with a gate or without. Parts are added in their order. A thread per output and row.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint HIDDEN = 0;  // 0 none, 1 activated, 2 gated
layout(constant_id = 1) const uint ACT = 0;
#include "activation.glsl"

const uint F_BIAS = 1, F_ADD = 2, F_GATE_BIAS = 4, F_FACTORS = 8;

layout(push_constant) uniform Args {
    F32 parts;       // [splits, padded_rows, width]
    F32 gate_parts;  // the same
    F32 y;           // [rows, outs]
    F32 bias;        // [outs]
    F32 gate_bias;
    F32 factors;     // [rows]: each row's parts times its own
    uint rows;
    uint outs;
    uint width;
    uint splits;
    uint padded_rows;
    uint flags;
    float scale;
};

float sum_of(F32 from, uint row, uint out_row) {
    float sum = 0.0;
    for (uint i = 0; i < splits; ++i) sum += from.at[(i * padded_rows + row) * width + out_row];
    return (flags & F_FACTORS) != 0u ? sum * factors.at[row] : sum;
}

void main() {
    const uint at = workgroup_number() * 256u + gl_LocalInvocationID.x, row = at / outs, out_row = at % outs;
    if (row >= rows) return;
    float value = sum_of(parts, row, out_row);
    if ((flags & F_BIAS) != 0u) value += bias.at[out_row];
    if (HIDDEN == 1u) value = activate(value);
    if (HIDDEN == 2u) {
        float gated = sum_of(gate_parts, row, out_row);
        if ((flags & F_GATE_BIAS) != 0u) gated += gate_bias.at[out_row];
        value *= activate(gated);
    }
    y.at[at] = (flags & F_ADD) != 0u ? y.at[at] + scale * value : value;
}
