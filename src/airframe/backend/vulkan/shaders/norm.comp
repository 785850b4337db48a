// y[row] = norm(x[index[row]]), RMS or layer norm; in place is fine without an index.
#version 460
#include "common.glsl"
#include "pack.glsl"
layout(local_size_x_id = 0) in;

const uint F_LAYER = 1, F_GAIN = 2, F_BIAS = 4, F_INDEX = 8, F_PACK = 16;

layout(push_constant) uniform Args {
    F32 x;      // [.., cols]
    F32 y;      // [rows, cols]
    F32 gain;   // [cols]
    F32 bias;   // [cols]
    U32 index;  // [rows]
    U32x4 packed;  // y once more, packed
    uint rows;
    uint cols;
    uint flags;
    float eps;
};

shared float parts[256];  // of all subgroups: 1024 threads, four or more in each

float sum_of_workgroup(float value) {
    const float part = subgroupAdd(value);
    if (subgroupElect()) parts[gl_SubgroupID] = part;
    barrier();
    float sum = 0.0;
    for (uint i = 0; i < gl_NumSubgroups; ++i) sum += parts[i];
    barrier();
    return sum;
}

float normed(uint i, float value, float mean, float factor) {
    value = (value - mean) * factor;
    if ((flags & F_GAIN) != 0u) value *= gain.at[i];
    if ((flags & F_BIAS) != 0u) value += bias.at[i];
    return value;
}

void main() {
    const uint row = workgroup_number(), id = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
    if (row >= rows) return;
    const uint from = ((flags & F_INDEX) != 0u ? index.at[row] : row) * cols;
    float mean = 0.0;
    if ((flags & F_LAYER) != 0u) {
        float sum = 0.0;
        for (uint i = id; i < cols; i += step) sum += x.at[from + i];
        mean = sum_of_workgroup(sum) / float(cols);
    }
    float squares = 0.0;
    for (uint i = id; i < cols; i += step) {
        const float value = x.at[from + i] - mean;
        squares += value * value;
    }
    const float factor = 1.0 / sqrt(sum_of_workgroup(squares) / float(cols) + eps);
    if ((flags & F_PACK) == 0u) {
        for (uint i = id; i < cols; i += step) y.at[row * cols + i] = normed(i, x.at[from + i], mean, factor);
        return;
    }
    float values[16];
    for (uint group = id; group < cols / 16u; group += step) {
        [[unroll]] for (uint i = 0; i < 16; ++i) {
            const uint at = group * 16u + i;
            values[i] = normed(at, x.at[from + at], mean, factor);
            y.at[row * cols + at] = values[i];
        }
        pack_group(packed, row, group, cols, values);
    }
}
