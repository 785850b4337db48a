// A matrix of a block format times a few rows of packed activations. A workgroup makes kOuts consecutive outputs, so
// that it can pack what it made for the next product; each subgroup takes TOGETHER of them at once, its lanes along
// the rows of weights. With HIDDEN the activation comes along: act(W x), or act(gate x) * (W x).
// The including shader defines dot4(a, b, sum): sum + the products of four signed bytes.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint QUANT = 0;
layout(constant_id = 2) const uint COLUMNS = 1;  // rows of x at once
layout(constant_id = 3) const uint HIDDEN = 0;   // 0 none, 1 activated, 2 gated
layout(constant_id = 4) const uint ACT = 0;
layout(constant_id = 5) const uint TOGETHER = 1;  // divides kOuts
#include "activation.glsl"
#include "pack.glsl"
#include "quants.glsl"
#include "quants32.glsl"

const uint F_BIAS = 1, F_ADD = 2, F_EXPERTS = 4, F_GATE_BIAS = 8, F_PACK = 16;
const uint kOuts = 16;  // of one workgroup: a group of packed activations

layout(push_constant) uniform Args {
    U32 weights;
    U32x4 x;        // packed [rows / x_share, cols]
    F32 y;          // [rows, outs]
    F32 bias;       // [outs]
    U32 experts;    // [rows]: row r takes the matrix experts[r] of a stack
    U32 gate_weights;
    F32 gate_bias;
    U32x4 packed;  // y once more, packed
    uint first_byte;
    uint gate_first_byte;
    uint cols;
    uint outs;
    uint rows;
    uint flags;
    float scale;
    uint x_share;
};

// Lines of weights that a subgroup follows at once: of its outputs, then of their gates. They share what is read of x.
const uint kLines = HIDDEN == 2 ? 2 * TOGETHER : TOGETHER;
const uint kMatrices = HIDDEN == 2 ? 2 : 1;

shared float sums_of_outs[kMatrices * COLUMNS * kOuts];
shared float made[COLUMNS * kOuts];

int dot16(uvec4 a, uvec4 b) { return dot4(a.x, b.x, dot4(a.y, b.y, dot4(a.z, b.z, dot4(a.w, b.w, 0)))); }

struct XUnit {
    uvec4 high_a, low_a, high_b, low_b;
    vec2 scale_a, scale_b;
};

XUnit x_unit(uint row, uint a, uint b) {
    const uint groups = cols / 16u, first = row * groups * kPackedGroupBytes;
    const uint high = first / 16u, low = high + groups, scales = first / 8u + 4u * groups;
    return XUnit(x.at[high + a], x.at[low + a], x.at[high + b], x.at[low + b], F32x2(x).at[scales + a],
                 F32x2(x).at[scales + b]);
}

float product_of(Unit w, XUnit v) {
    const float a = float(256 * dot16(w.a, v.high_a) + dot16(w.a, v.low_a));
    const float b = float(256 * dot16(w.b, v.high_b) + dot16(w.b, v.low_b));
    return w.scale.x * v.scale_a.x * a + w.shift.x * v.scale_a.y + w.scale.y * v.scale_b.x * b + w.shift.y * v.scale_b.y;
}

void add_up(uint first_row, uint first_out, uint i) {
    const uint units = cols / 32u, row_bytes = row_bytes_of(cols);
    const uint skipped = (flags & F_EXPERTS) != 0u ? experts.at[first_row] * outs * row_bytes : 0u;
    float sums[kLines * COLUMNS];
    for (uint n = 0; n < kLines * COLUMNS; ++n) sums[n] = 0.0;
    for (uint unit = gl_SubgroupInvocationID; unit < units; unit += gl_SubgroupSize) {
        Unit w[kLines];
        for (uint line = 0; line < kLines; ++line) {
            const bool is_gate = line >= TOGETHER;
            const uint at = skipped + min(first_out + i + line % TOGETHER, outs - 1u) * row_bytes;
            U32 matrix = weights;
            if (is_gate) matrix = gate_weights;
            w[line] = unit_at(matrix, (is_gate ? gate_first_byte : first_byte) + at, unit);
        }
        for (uint c = 0; c < COLUMNS; ++c) {
            const XUnit v = x_unit(min(first_row + c, rows - 1u) / x_share, w[0].group_a, w[0].group_b);
            for (uint line = 0; line < kLines; ++line) sums[line * COLUMNS + c] += product_of(w[line], v);
        }
    }
    for (uint n = 0; n < kLines * COLUMNS; ++n) {
        const uint line = n / COLUMNS, c = n % COLUMNS;
        const float sum = subgroupAdd(sums[n]);
        const uint out_number = i + line % TOGETHER;
        if (subgroupElect()) sums_of_outs[(line / TOGETHER * COLUMNS + c) * kOuts + out_number] = sum;
    }
}

// What becomes of a sum: y's element, which is given back.
float put(uint row, uint out_row, uint at_sum) {
    float value = sums_of_outs[at_sum];
    if ((flags & F_BIAS) != 0u) value += bias.at[out_row];
    if (HIDDEN == 1u) value = activate(value);
    if (HIDDEN == 2u) {
        float gated = sums_of_outs[COLUMNS * kOuts + at_sum];
        if ((flags & F_GATE_BIAS) != 0u) gated += gate_bias.at[out_row];
        value *= activate(gated);
    }
    const uint at = row * outs + out_row;
    if ((flags & F_ADD) != 0u) value = y.at[at] + scale * value;
    y.at[at] = value;
    return value;
}

void main() {
    const uint first_row = gl_WorkGroupID.z * COLUMNS, first_out = workgroup_number() * kOuts;
    if (first_out >= outs) return;
    for (uint i = gl_SubgroupID * TOGETHER; i < kOuts; i += gl_NumSubgroups * TOGETHER) add_up(first_row, first_out, i);
    barrier();
    for (uint n = gl_LocalInvocationID.x; n < COLUMNS * kOuts; n += gl_WorkGroupSize.x) {
        const uint row = first_row + n / kOuts, out_row = first_out + n % kOuts;
        if (row < rows && out_row < outs) made[n] = put(row, out_row, n);
    }
    if ((flags & F_PACK) == 0u) return;
    barrier();
    const uint c = gl_LocalInvocationID.x;
    if (c >= COLUMNS || first_row + c >= rows) return;
    float values[16];
    [[unroll]] for (uint i = 0; i < 16; ++i) values[i] = made[c * kOuts + i];
    pack_group(packed, first_row + c, first_out / kOuts, outs, values);
}
