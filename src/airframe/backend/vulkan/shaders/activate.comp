// h = act(gate) * h, or act(h) without a gate.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint ACT = 0;
#include "activation.glsl"

layout(push_constant) uniform Args {
    F32 gate;
    F32 h;
    uint n;
    uint gated;
};

void main() {
    const uint i = workgroup_number() * 256u + gl_LocalInvocationID.x;
    if (i >= n) return;
    h.at[i] = gated != 0u ? activate(gate.at[i]) * h.at[i] : activate(h.at[i]);
}
