// Rows of activations as short floats: each times a power of two that brings its peak near 2^13, so that neither
// large nor small rows leave the range. Columns beyond the row's end, up to `depth`, become 0. A workgroup per row.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;

layout(push_constant) uniform Args {
    F32 x;        // [rows, cols]
    U32 y;        // [rows, depth / 2] pairs
    F32 factors;  // [rows]: what undoes the power of two
    uint rows;
    uint cols;
    uint depth;
};

shared float parts[64];  // of up to 64 subgroups

float peak_of_workgroup(float value) {
    const float part = subgroupMax(value);
    if (subgroupElect()) parts[gl_SubgroupID] = part;
    barrier();
    float best = parts[0];
    for (uint i = 1; i < gl_NumSubgroups; ++i) best = max(best, parts[i]);
    return best;
}

float at_or_zero(uint row, uint k) { return k < cols ? x.at[row * cols + k] : 0.0; }

void main() {
    const uint row = workgroup_number(), id = gl_LocalInvocationID.x;
    if (row >= rows) return;
    float peak = 0.0;
    for (uint k = id; k < cols; k += 256u) peak = max(peak, abs(x.at[row * cols + k]));
    const int exponent = int(floatBitsToUint(peak_of_workgroup(peak)) >> 23);  // biased by 127
    // 2^(13 - exponent), within what a float and its inverse hold
    const int power = clamp(13 - (exponent - 127), -100, 100);
    const float up = uintBitsToFloat(uint(127 + power) << 23);
    if (id == 0u) factors.at[row] = uintBitsToFloat(uint(127 - power) << 23);
    for (uint k = 2u * id; k < depth; k += 512u)
        y.at[(row * depth + k) / 2u] = packHalf2x16(up * vec2(at_or_zero(row, k), at_or_zero(row, k + 1u)));
}
