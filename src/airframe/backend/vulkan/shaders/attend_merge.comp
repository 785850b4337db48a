// Merges the spans that attend.comp left, in their order: a workgroup per row and head.
#version 460
#include "common.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint DIM_V = 1;
#include "attend_merge.glsl"
#include "pack.glsl"

layout(push_constant) uniform Args {
    F32 parts;  // [rows, n_heads, spans, 2 + DIM_V]: peak, total, sums
    F32 y;      // [rows, n_heads, DIM_V]
    U32 table;
    U32x4 packed;  // y once more; null: nowhere
    uint n_heads;
    uint spans;
    uint window;
    uint first_row;  // of those that one dispatch takes
};

#include "pack_head.glsl"

void main() {
    const uint head = gl_WorkGroupID.x, row = first_row + gl_WorkGroupID.y, vector = row * n_heads + head;
    const uint position = table.at[2u * row];
    const uint begin = window > 0u && position >= window ? position - window + 1u : 0u;
    const uint n = position / kSpan - begin / kSpan + 1u;
    for (uint d = gl_LocalInvocationID.x; d < DIM_V; d += 64u) {
        float peak = kNoPeak, total = 0.0, sum = 0.0;
        for (uint span = 0; span < n; ++span) {
            const uint at = (vector * spans + span) * (2u + DIM_V);
            const Fades fades = merge_fades(peak, parts.at[at]);
            total = merged(total, parts.at[at + 1u], fades);
            sum = merged(sum, parts.at[at + 2u + d], fades);
            peak = fades.peak;
        }
        made[d] = sum / total;
        y.at[vector * DIM_V + d] = made[d];
    }
    if (uvec2(packed) == uvec2(0)) return;
    barrier();
    pack_head(packed, row, head);
}
