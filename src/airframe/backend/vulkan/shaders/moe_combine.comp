// residual[row] += the sum of its experts' outputs, each times its share, and of the shared expert.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;

const uint F_SHARED = 1, F_SHARED_SCORE = 2;

layout(push_constant) uniform Args {
    F32 outputs;       // [rows, n_active, dim]
    F32 shares;        // [rows, n_active]
    F32 shared_out;    // [rows, dim]
    F32 shared_score;  // [rows]: its sigmoid scales the shared expert
    F32 residual;      // [rows, dim]
    uint rows;
    uint dim;
    uint n_active;
    uint flags;
};

void main() {
    const uint at = workgroup_number() * 256u + gl_LocalInvocationID.x;
    if (at >= rows * dim) return;
    const uint row = at / dim, column = at % dim;
    float sum = 0.0;
    for (uint i = 0; i < n_active; ++i)
        sum += shares.at[row * n_active + i] * outputs.at[(row * n_active + i) * dim + column];
    if ((flags & F_SHARED) != 0u) {
        const float share = (flags & F_SHARED_SCORE) != 0u ? 1.0 / (1.0 + exp(-shared_score.at[row])) : 1.0;
        sum += share * shared_out.at[at];
    }
    residual.at[at] += sum;
}
