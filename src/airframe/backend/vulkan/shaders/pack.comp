// Packs rows of activations: a thread per sixteen of them.
#version 460
#include "common.glsl"
#include "pack.glsl"
layout(local_size_x = 64) in;

layout(push_constant) uniform Args {
    F32 x;  // [rows, cols]
    U32x4 packed;
    uint cols;
    uint groups;  // of all rows
};

void main() {
    const uint at = workgroup_number() * 64u + gl_LocalInvocationID.x;
    if (at >= groups) return;
    float values[16];
    [[unroll]] for (uint i = 0; i < 16; ++i) values[i] = x.at[at * 16u + i];
    const uint of_row = cols / 16u;
    pack_group(packed, at / of_row, at % of_row, cols, values);
}
