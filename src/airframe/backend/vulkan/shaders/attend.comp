// Attention of one row and head over the cache. Positions come in spans of kSpan; each is computed by itself, and
// the spans are merged in their order: by one workgroup after the other (SPLIT 0), or each by a workgroup of its
// own and merged by attend_merge.comp (SPLIT 1). Both ways give the same bits.
#version 460
#include "common.glsl"
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint KV_TYPE = 0;
layout(constant_id = 1) const uint DIM_K = 1;
layout(constant_id = 2) const uint DIM_V = 1;
layout(constant_id = 3) const uint SPLIT = 0;
#include "kv.glsl"
#include "attend_merge.glsl"
#include "pack.glsl"

layout(push_constant) uniform Args {
    F32 q;      // [rows, n_heads, DIM_K]
    F32 y;      // [rows, n_heads, DIM_V]
    F32 parts;  // with SPLIT: [rows, n_heads, spans, 2 + DIM_V]: peak, total, sums
    U32 table;
    U8 keys;
    U8 values;
    U32x4 packed;  // y once more; null: nowhere
    uint n_heads;
    uint n_kv_heads;
    uint page_tokens;
    uint window;  // 0: all earlier positions
    float scale;
    float softcap;
    uint first_row;  // of those that one dispatch takes
};

const uint kBlock = 128;  // positions at once, one per thread
// Values: a thread takes pairs of elements; where a vector has few, threads also share the positions.
const uint kPairs = (DIM_V + 1) / 2;
const uint kLanes = kPairs < kBlock ? kPairs : kBlock;
const uint kGroups = kBlock / kLanes;
const uint kPerThread = (kPairs + kLanes - 1) / kLanes;

shared float query[DIM_K];
shared float shares[kBlock];
shared uint places[kBlock];
shared float subgroup_parts[kBlock];
shared vec2 group_sums[kBlock];

float score_of(uint at) {
    float sum = 0.0;
    for (uint i = 0; i < DIM_K; i += 2u) {
        const vec2 key = kv_pair_at(keys, at, i, DIM_K);
        sum += query[i] * key.x;
        if (i + 1u < DIM_K) sum += query[i + 1u] * key.y;
    }
    if (KV_TYPE >= 2u) sum *= kv_scale_at(keys, at);
    sum *= scale;
    return softcap > 0.0 ? softcap * tanh_safe(sum / softcap) : sum;
}

float max_of_workgroup(float value) {
    const float part = subgroupMax(value);
    if (subgroupElect()) subgroup_parts[gl_SubgroupID] = part;
    barrier();
    float best = subgroup_parts[0];
    for (uint i = 1; i < gl_NumSubgroups; ++i) best = max(best, subgroup_parts[i]);
    barrier();
    return best;
}

float sum_of_workgroup(float value) {
    const float part = subgroupAdd(value);
    if (subgroupElect()) subgroup_parts[gl_SubgroupID] = part;
    barrier();
    float sum = 0.0;
    for (uint i = 0; i < gl_NumSubgroups; ++i) sum += subgroup_parts[i];
    barrier();
    return sum;
}

uint pages_of_row, kv_head;

uint place_of(uint position, uint dim) {
    return kv_place(table, pages_of_row, position, kv_head, uvec2(n_kv_heads, page_tokens), dim);
}

// Adds the values of n positions, each times its share.
void add_values(uint n, inout vec2 sums[kPerThread]) {
    const uint lane = gl_LocalInvocationID.x % kLanes, group = gl_LocalInvocationID.x / kLanes;
    if (group >= kGroups) return;
    for (uint t = group; t < n; t += kGroups) {
        const uint at = places[t];
        const float share = KV_TYPE >= 2u ? shares[t] * kv_scale_at(values, at) : shares[t];
        for (uint i = 0; i < kPerThread; ++i) {
            const uint pair = lane + i * kLanes;
            if (pair < kPairs) sums[i] += share * kv_pair_at(values, at, 2u * pair, DIM_V);
        }
    }
}

// Positions first .. last - 1, at least one. The sums of a vector end in the threads of the first group.
void attend_span(uint first, uint last, out float peak, out float total, out vec2 sums[kPerThread]) {
    const uint id = gl_LocalInvocationID.x;
    for (uint i = 0; i < kPerThread; ++i) sums[i] = vec2(0);
    peak = kNoPeak;
    total = 0.0;
    for (uint begin = first; begin < last; begin += kBlock) {
        const uint n = min(kBlock, last - begin);
        const float score = id < n ? score_of(place_of(begin + id, DIM_K)) : kNoPeak;
        const float new_peak = max(peak, max_of_workgroup(score));
        const float fade = exp(peak - new_peak);
        const float share = id < n ? exp(score - new_peak) : 0.0;
        shares[id] = share;
        if (id < n) places[id] = place_of(begin + id, DIM_V);
        total = total * fade + sum_of_workgroup(share);  // its barriers show shares and places to all
        for (uint i = 0; i < kPerThread; ++i) sums[i] *= fade;
        add_values(n, sums);
        peak = new_peak;
        barrier();
    }
    if (kGroups == 1u) return;
    group_sums[id] = sums[0];  // several groups: one pair per thread
    barrier();
    if (id < kLanes)
        for (uint group = 1; group < kGroups; ++group) sums[0] += group_sums[group * kLanes + id];
    barrier();
}

void put(F32 to, uint at, vec2 sums[kPerThread], float factor) {
    const uint id = gl_LocalInvocationID.x;
    if (id >= kLanes) return;
    for (uint i = 0; i < kPerThread; ++i) {
        const uint d = 2u * (id + i * kLanes);
        if (d < DIM_V) to.at[at + d] = sums[i].x / factor;
        if (d + 1u < DIM_V) to.at[at + d + 1u] = sums[i].y / factor;
    }
}

#include "pack_head.glsl"

void keep(vec2 sums[kPerThread], float factor) {
    const uint id = gl_LocalInvocationID.x;
    if (id >= kLanes) return;
    for (uint i = 0; i < kPerThread; ++i) {
        const uint d = 2u * (id + i * kLanes);
        if (d < DIM_V) made[d] = sums[i].x / factor;
        if (d + 1u < DIM_V) made[d + 1u] = sums[i].y / factor;
    }
}

void main() {
    const uint head = gl_WorkGroupID.x, row = first_row + gl_WorkGroupID.y, id = gl_LocalInvocationID.x;
    const uint position = table.at[2u * row];
    pages_of_row = table.at[2u * row + 1u];
    kv_head = head / (n_heads / n_kv_heads);
    const uint begin = window > 0u && position >= window ? position - window + 1u : 0u;
    const uint first_span = begin / kSpan, last_span = position / kSpan;
    const uint vector = row * n_heads + head;
    if (SPLIT != 0u && first_span + gl_WorkGroupID.z > last_span) return;
    for (uint i = id; i < DIM_K; i += kBlock) query[i] = q.at[vector * DIM_K + i];
    barrier();
    float peak, total;
    vec2 sums[kPerThread];
    if (SPLIT != 0u) {
        const uint span = first_span + gl_WorkGroupID.z;
        attend_span(max(begin, span * kSpan), min(position + 1u, (span + 1u) * kSpan), peak, total, sums);
        const uint at = (vector * gl_NumWorkGroups.z + gl_WorkGroupID.z) * (2u + DIM_V);
        if (id == 0u) {
            parts.at[at] = peak;
            parts.at[at + 1u] = total;
        }
        put(parts, at + 2u, sums, 1.0);
        return;
    }
    float all_peak = kNoPeak, all_total = 0.0;
    vec2 all_sums[kPerThread];
    for (uint i = 0; i < kPerThread; ++i) all_sums[i] = vec2(0);
    for (uint span = first_span; span <= last_span; ++span) {
        attend_span(max(begin, span * kSpan), min(position + 1u, (span + 1u) * kSpan), peak, total, sums);
        const Fades fades = merge_fades(all_peak, peak);
        all_total = merged(all_total, total, fades);
        for (uint i = 0; i < kPerThread; ++i) {
            all_sums[i].x = merged(all_sums[i].x, sums[i].x, fades);
            all_sums[i].y = merged(all_sums[i].y, sums[i].y, fades);
        }
        all_peak = fades.peak;
    }
    put(y, vector * DIM_V, all_sums, all_total);
    if (uvec2(packed) == uvec2(0)) return;
    keep(all_sums, all_total);
    barrier();
    pack_head(packed, row, head);
}
