// y = softcap * tanh(scale * y / softcap); softcap 0: none.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;

layout(push_constant) uniform Args {
    F32 y;
    uint n;
    float scale;
    float softcap;
};

void main() {
    const uint i = workgroup_number() * 256u + gl_LocalInvocationID.x;
    if (i >= n) return;
    float value = scale * y.at[i];
    if (softcap > 0.0) value = softcap * tanh_safe(value / softcap);
    y.at[i] = value;
}
