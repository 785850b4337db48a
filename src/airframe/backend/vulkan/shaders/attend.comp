// Attention of one row and head over the cache: a block of positions at a time, with a running softmax.
#version 460
#include "common.glsl"
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint KV_TYPE = 0;
layout(constant_id = 1) const uint DIM_K = 1;
layout(constant_id = 2) const uint DIM_V = 1;
#include "kv.glsl"

layout(push_constant) uniform Args {
    F32 q;    // [rows, n_heads, DIM_K]
    F32 y;    // [rows, n_heads, DIM_V]
    U32 table;
    U8 keys;
    U8 values;
    uint n_heads;
    uint n_kv_heads;
    uint page_tokens;
    uint window;  // 0: all earlier positions
    float scale;
    float softcap;
};

const uint kBlock = 128;  // positions at once, one per thread
const uint kPerThread = (DIM_V + kBlock - 1) / kBlock;

shared float query[DIM_K];
shared float shares[kBlock];
shared uint places[kBlock];
shared float parts[kBlock];

float scale_at(U8 cache, uint at) {
    return f32_from_f16(uint(cache.at[at]) | uint(cache.at[at + 1u]) << 8);
}

// Element i of the vector at byte `at`, without its scale.
float element(U8 cache, uint at, uint i) {
    if (KV_TYPE == 0u) return F32(cache).at[at / 4u + i];
    if (KV_TYPE == 1u) return f32_from_f16(uint(U16(cache).at[at / 2u + i]));
    if (KV_TYPE == 2u) return float(bitfieldExtract(int(uint(cache.at[at + 2u + i])), 0, 8));
    return float((uint(cache.at[at + 2u + i / 2u]) >> (4u * (i & 1u))) & 15u) - 8.0;
}

float score_of(uint at) {
    float sum = 0.0;
    for (uint i = 0; i < DIM_K; ++i) sum += query[i] * element(keys, at, i);
    if (KV_TYPE >= 2u) sum *= scale_at(keys, at);
    sum *= scale;
    return softcap > 0.0 ? softcap * tanh_safe(sum / softcap) : sum;
}

float max_of_workgroup(float value) {
    const float part = subgroupMax(value);
    if (subgroupElect()) parts[gl_SubgroupID] = part;
    barrier();
    float best = parts[0];
    for (uint i = 1; i < gl_NumSubgroups; ++i) best = max(best, parts[i]);
    barrier();
    return best;
}

void main() {
    const uint head = gl_WorkGroupID.x, row = gl_WorkGroupID.y, id = gl_LocalInvocationID.x;
    const uint kv_head = head / (n_heads / n_kv_heads);
    const uint position = table.at[2u * row], pages = table.at[2u * row + 1u];
    const uint begin = window > 0u && position >= window ? position - window + 1u : 0u;
    const uvec2 shape = uvec2(n_kv_heads, page_tokens);
    for (uint i = id; i < DIM_K; i += kBlock) query[i] = q.at[(row * n_heads + head) * DIM_K + i];
    float sums[kPerThread];
    for (uint i = 0; i < kPerThread; ++i) sums[i] = 0.0;
    float peak = -3.0e38, total = 0.0;
    barrier();
    for (uint first = begin; first <= position; first += kBlock) {
        const uint n = min(kBlock, position + 1u - first);
        float score = -3.0e38;
        if (id < n) score = score_of(kv_place(table, pages, first + id, kv_head, shape, DIM_K));
        const float new_peak = max(peak, max_of_workgroup(score));
        const float fade = exp(peak - new_peak);
        shares[id] = id < n ? exp(score - new_peak) : 0.0;
        if (id < n) places[id] = kv_place(table, pages, first + id, kv_head, shape, DIM_V);
        barrier();
        total *= fade;
        for (uint i = 0; i < kPerThread; ++i) sums[i] *= fade;
        for (uint t = 0; t < n; ++t) {
            const uint at = places[t];
            total += shares[t];
            const float share = KV_TYPE >= 2u ? shares[t] * scale_at(values, at) : shares[t];
            for (uint i = 0; i < kPerThread; ++i) {
                const uint d = id + i * kBlock;
                if (d < DIM_V) sums[i] += share * element(values, at, d);
            }
        }
        peak = new_peak;
        barrier();
    }
    for (uint i = 0; i < kPerThread; ++i) {
        const uint d = id + i * kBlock;
        if (d < DIM_V) y.at[(row * n_heads + head) * DIM_V + d] = sums[i] / total;
    }
}
