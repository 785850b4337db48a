// Which experts a row goes to, best first (of equal ones the lower number), and how much each counts. One
// thread per row: a few hundred scores.
#version 460
#include "common.glsl"
layout(local_size_x = 32) in;

layout(push_constant) uniform Args {
    F32 scores;   // [rows, n_experts], overwritten
    U32 experts;  // [rows, n_active]
    F32 shares;   // [rows, n_active]
    uint rows;
    uint n_experts;
    uint n_active;
    uint gating;  // 0 softmax, 1 softmax of the chosen, 2 sigmoid
    uint renormalize;
    float scale;
};

void softmax(F32 values, uint first, uint n) {
    float peak = values.at[first], sum = 0.0;
    for (uint i = 1; i < n; ++i) peak = max(peak, values.at[first + i]);
    for (uint i = 0; i < n; ++i) {
        const float share = exp(values.at[first + i] - peak);
        values.at[first + i] = share;
        sum += share;
    }
    for (uint i = 0; i < n; ++i) values.at[first + i] /= sum;
}

void main() {
    const uint row = gl_WorkGroupID.x * 32u + gl_LocalInvocationID.x;
    if (row >= rows) return;
    const uint from = row * n_experts, to = row * n_active;
    if (gating == 0u) softmax(scores, from, n_experts);
    if (gating == 2u)
        for (uint i = 0; i < n_experts; ++i) scores.at[from + i] = 1.0 / (1.0 + exp(-scores.at[from + i]));
    uint n = 0;
    for (uint expert = 0; expert < n_experts; ++expert) {
        const float score = scores.at[from + expert];
        if (n == n_active && !(score > shares.at[to + n - 1u])) continue;
        uint at = n < n_active ? n++ : n - 1u;
        for (; at > 0u && score > shares.at[to + at - 1u]; --at) {
            shares.at[to + at] = shares.at[to + at - 1u];
            experts.at[to + at] = experts.at[to + at - 1u];
        }
        shares.at[to + at] = score;
        experts.at[to + at] = expert;
    }
    if (gating == 1u) softmax(shares, to, n_active);
    float sum = 0.0;
    for (uint i = 0; i < n_active; ++i) sum += shares.at[to + i];
    const float factor = renormalize != 0u && sum > 0.0 ? scale / sum : scale;
    for (uint i = 0; i < n_active; ++i) shares.at[to + i] *= factor;
}
