// Rotates a row's queries in place and its keys, and stores keys and values in the cache: a workgroup per row
// and head; the heads of q come first, then those of k, then those of v.
#version 460
#include "common.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint KV_TYPE = 0;
layout(constant_id = 1) const uint DIM_K = 1;
layout(constant_id = 2) const uint DIM_V = 1;
layout(constant_id = 3) const uint PAIRS = 0;  // 0 none, 1 adjacent, 2 halves
#include "kv.glsl"

layout(push_constant) uniform Args {
    F32 q;
    F32 k;
    F32 v;
    F32 angles;  // [rows, dims / 2, 2]
    U32 table;
    U8 keys;
    U8 values;
    uint rope_dims;
    uint n_heads;
    uint n_kv_heads;
    uint page_tokens;
};

const uint kDimMax = DIM_K > DIM_V ? DIM_K : DIM_V;
shared float vector[kDimMax];

void rotate(uint row) {
    if (PAIRS == 0u) return;
    const uint half_dims = rope_dims / 2u;
    for (uint i = gl_LocalInvocationID.x; i < half_dims; i += 64u) {
        const uint a = PAIRS == 1u ? 2u * i : i, b = PAIRS == 1u ? a + 1u : i + half_dims;
        const float cosine = angles.at[row * rope_dims + 2u * i], sine = angles.at[row * rope_dims + 2u * i + 1u];
        const float x = vector[a], y = vector[b];
        vector[a] = x * cosine - y * sine;
        vector[b] = x * sine + y * cosine;
    }
    barrier();
}

// The element of largest magnitude, with its sign; NaN when one is not finite. Every thread for itself.
float extreme(uint dim) {
    float best = 0.0, poison = 0.0;
    for (uint i = 0; i < dim; ++i) {
        poison += vector[i] * 0.0;
        if (abs(vector[i]) > abs(best)) best = vector[i];
    }
    return best + poison;
}

void put_scale(U8 cache, uint at, float scale) {
    if (gl_LocalInvocationID.x != 0u) return;
    const uint bits = f16_from_f32(scale);
    cache.at[at] = uint8_t(bits & 0xFFu);
    cache.at[at + 1u] = uint8_t(bits >> 8);
}

void store_q8(U8 cache, uint at, uint dim) {
    const float scale = abs(extreme(dim)) / 127.0;
    const float inverse = scale > 0.0 ? 1.0 / scale : 0.0;
    put_scale(cache, at, scale);
    for (uint i = gl_LocalInvocationID.x; i < dim; i += 64u) {
        const float level = scale > 0.0 ? clamp(roundEven(vector[i] * inverse), -127.0, 127.0) : 0.0;
        cache.at[at + 2u + i] = uint8_t(uint(int(level)) & 0xFFu);
    }
}

float level4(uint i, float inverse) { return clamp(roundEven(vector[i] * inverse), -8.0, 7.0); }

// The extreme gets -8; then the scale is fitted to all elements.
void store_int4(U8 cache, uint at, uint dim) {
    const float first = extreme(dim) / -8.0;
    const bool usable = !isnan(first) && !isinf(first) && first != 0.0;
    const float inverse = usable ? 1.0 / first : 0.0;
    float product = 0.0, squares = 0.0;
    for (uint i = 0; i < dim; ++i) {
        const float level = level4(i, inverse);
        product += vector[i] * level;
        squares += level * level;
    }
    put_scale(cache, at, usable && squares > 0.0 ? product / squares : first);
    for (uint i = 2u * gl_LocalInvocationID.x; i < dim; i += 128u) {
        const uint low = usable ? uint(int(level4(i, inverse)) + 8) : 8u;
        const uint high = i + 1u >= dim ? 0u : usable ? uint(int(level4(i + 1u, inverse)) + 8) : 8u;
        cache.at[at + 2u + i / 2u] = uint8_t(low | high << 4);
    }
}

void store(U8 cache, uint at, uint dim) {
    if (KV_TYPE == 2u) {
        store_q8(cache, at, dim);
        return;
    }
    if (KV_TYPE == 3u) {
        store_int4(cache, at, dim);
        return;
    }
    for (uint i = gl_LocalInvocationID.x; i < dim; i += 64u) {
        if (KV_TYPE == 0u) F32(cache).at[at / 4u + i] = vector[i];
        else U16(cache).at[at / 2u + i] = uint16_t(f16_from_f32(vector[i]));
    }
}

void main() {
    const uint slot = gl_WorkGroupID.x, row = gl_WorkGroupID.y, id = gl_LocalInvocationID.x;
    const uint position = table.at[2u * row], pages = table.at[2u * row + 1u];
    const uvec2 shape = uvec2(n_kv_heads, page_tokens);
    if (slot >= n_heads + n_kv_heads) {
        const uint head = slot - n_heads - n_kv_heads;
        for (uint i = id; i < DIM_V; i += 64u) vector[i] = v.at[(row * n_kv_heads + head) * DIM_V + i];
        barrier();
        store(values, kv_place(table, pages, position, head, shape, DIM_V), DIM_V);
        return;
    }
    const bool is_q = slot < n_heads;
    const uint head = is_q ? slot : slot - n_heads;
    const uint from = (row * (is_q ? n_heads : n_kv_heads) + head) * DIM_K;
    for (uint i = id; i < DIM_K; i += 64u) vector[i] = is_q ? q.at[from + i] : k.at[from + i];
    barrier();
    rotate(row);
    if (is_q) {
        for (uint i = id; i < DIM_K; i += 64u) q.at[from + i] = vector[i];
        return;
    }
    store(keys, kv_place(table, pages, position, head, shape, DIM_K), DIM_K);
}
