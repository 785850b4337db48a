// x[row] = scale * table[index[row]], or x[row] += table[index[row]].
#version 460
#include "common.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint QUANT = 0;
#include "quants.glsl"

layout(push_constant) uniform Args {
    U32 weights;
    F32 x;      // [rows, cols]
    U32 index;  // [rows]
    uint first_byte;
    uint row_bytes;
    uint cols;
    uint add;
    float scale;
};

void main() {
    const uint row = gl_WorkGroupID.x;
    for (uint k = gl_LocalInvocationID.x * 8u; k < cols; k += 64u * 8u) {
        const Eight w = decode8(weights, first_byte + index.at[row] * row_bytes, k, cols);
        for (uint i = 0; i < 8u && k + i < cols; ++i) {
            const float value = scale * (i < 4u ? w.a[i] : w.b[i - 4u]);
            const uint at = row * cols + k + i;
            x.at[at] = add != 0u ? x.at[at] + value : value;
        }
    }
}
