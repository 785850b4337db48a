// y += scale * x
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;

layout(push_constant) uniform Args {
    F32 x;
    F32 y;
    uint n;
    float scale;
};

void main() {
    const uint i = workgroup_number() * 256u + gl_LocalInvocationID.x;
    if (i < n) y.at[i] += scale * x.at[i];
}
