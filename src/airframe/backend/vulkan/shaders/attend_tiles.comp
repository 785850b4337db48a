// Attention of prompts' rows in f32, a tile of 32 vectors per workgroup: keys and values go through shared memory,
// 32 positions and 64 dimensions at a time, and serve all of the tile; the softmax runs along.
#version 460
#include "common.glsl"
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint KV_TYPE = 0;
layout(constant_id = 1) const uint DIM_K = 1;
layout(constant_id = 2) const uint DIM_V = 1;
layout(constant_id = 3) const uint HEADS = 1;
layout(constant_id = 4) const uint PAGE_TOKENS = 1;
const uint TILE_ROWS = 32;
#include "attend_tile.glsl"

const uint kBlock = 32;            // positions at once
const uint kPart = 64;             // dimensions at once
const uint kFours = kPart / 4u;    // of a line
const uint kLine = kFours + 1u;    // one more, so that lines lie in different banks
const uint kPartsK = (DIM_K + kPart - 1u) / kPart, kPartsV = (DIM_V + kPart - 1u) / kPart;
const uint kScoreLine = kBlock / 4u + 1u;

shared vec4 tile_q[TILE_ROWS * kLine];
shared vec4 tile_kv[kBlock * kLine];  // of keys, then of values
shared vec4 shares[TILE_ROWS * kScoreLine];
shared float quarters[128];
shared float fades[TILE_ROWS];

// Four dimensions from d on of the vector at byte `at`; 0 beyond its end.
vec4 four_at(U8 cache, uint at, uint d, uint dim) {
    vec4 v = vec4(0);
    if (d < dim) v.xy = kv_pair_at(cache, at, d, dim);
    if (d + 2u < dim) v.zw = kv_pair_at(cache, at, d + 2u, dim);
    return KV_TYPE >= 2u ? v * kv_scale_at(cache, at) : v;
}

void load_kv(U8 cache, uint dim, uint part, uint begin, uvec2 range) {
    for (uint e = gl_LocalInvocationID.x; e < kBlock * kFours; e += 128u) {
        const uint t = e / kFours, four = e % kFours, position = begin + t;
        const bool seen = position >= range.x && position < range.y;
        tile_kv[t * kLine + four] =
            seen ? four_at(cache, place_of(position, dim), part * kPart + 4u * four, dim) : vec4(0);
    }
}

float q_at(uint r, uint d) { return has_vector(r) && d < DIM_K ? q.at[vector_of(r) * DIM_K + d] : 0.0; }

void load_q(uint part) {
    for (uint e = gl_LocalInvocationID.x; e < TILE_ROWS * kFours; e += 128u) {
        const uint r = e / kFours, four = e % kFours, d = part * kPart + 4u * four;
        tile_q[r * kLine + four] = vec4(q_at(r, d), q_at(r, d + 1u), q_at(r, d + 2u), q_at(r, d + 3u));
    }
}

// Products of the tile with the keys of a block, into `shares`: a thread takes 4 vectors x 2 positions.
void multiply_keys(uint begin, uvec2 range) {
    const uint tx = gl_LocalInvocationID.x % 16u, ty = gl_LocalInvocationID.x / 16u;
    float sums[4][2];
    [[unroll]] for (uint i = 0; i < 4; ++i) sums[i][0] = sums[i][1] = 0.0;
    [[unroll]] for (uint part = 0; part < kPartsK; ++part) {
        barrier();
        if (kPartsK > 1u || begin == range.x) load_q(part);
        load_kv(keys, DIM_K, part, begin, range);
        barrier();
        for (uint d = 0; d < kFours; ++d) {
            const vec4 low = tile_kv[tx * kLine + d], high = tile_kv[(tx + 16u) * kLine + d];
            [[unroll]] for (uint i = 0; i < 4; ++i) {
                const vec4 row = tile_q[(4u * ty + i) * kLine + d];
                sums[i][0] += dot(row, low);
                sums[i][1] += dot(row, high);
            }
        }
    }
    [[unroll]] for (uint i = 0; i < 4; ++i)
        [[unroll]] for (uint j = 0; j < 2; ++j) {
            const uint t = tx + 16u * j;
            shares[(4u * ty + i) * kScoreLine + t / 4u][t % 4u] = sums[i][j];
        }
}

// Four threads share a vector, eight positions each; all of them keep its peak and total.
void soften(uint begin, uvec2 mine, inout float peak, inout float total) {
    const uint id = gl_LocalInvocationID.x, r = id / 4u, at = r * kScoreLine + 2u * (id % 4u);
    const uint first = begin + 8u * (id % 4u);
    float scores[8], best = kNoPeak;
    [[unroll]] for (uint i = 0; i < 8; ++i) {
        const bool seen = first + i >= mine.x && first + i < mine.y;
        scores[i] = seen ? score_of(shares[at + i / 4u][i % 4u], scale) : kNoPeak;
        best = max(best, scores[i]);
    }
    quarters[id] = best;
    barrier();
    const vec4 bests = vec4(quarters[4u * r], quarters[4u * r + 1u], quarters[4u * r + 2u], quarters[4u * r + 3u]);
    const float new_peak = max(peak, max(max(bests.x, bests.y), max(bests.z, bests.w)));
    const float fade = exp(peak - new_peak);
    barrier();
    float sum = 0.0;
    [[unroll]] for (uint i = 0; i < 8; ++i) {
        const float share = scores[i] == kNoPeak ? 0.0 : exp(scores[i] - new_peak);
        shares[at + i / 4u][i % 4u] = share;
        sum += share;
    }
    quarters[id] = sum;
    if (id % 4u == 0u) fades[r] = fade;
    barrier();
    total = total * fade + quarters[4u * r] + quarters[4u * r + 1u] + quarters[4u * r + 2u] + quarters[4u * r + 3u];
    peak = new_peak;
}

// Adds the values of a block: a thread takes 4 vectors x 4 dimensions of each part.
void add_values(uint begin, uvec2 range, inout vec4 sums[kPartsV][4]) {
    const uint tx = gl_LocalInvocationID.x % 16u, ty = gl_LocalInvocationID.x / 16u;
    [[unroll]] for (uint part = 0; part < kPartsV; ++part) {
        if (part > 0u) barrier();
        load_kv(values, DIM_V, part, begin, range);
        barrier();
        [[unroll]] for (uint i = 0; i < 4; ++i) sums[part][i] *= fades[4u * ty + i];
        for (uint four = 0; four < kBlock / 4u; ++four) {
            vec4 row[4];
            [[unroll]] for (uint i = 0; i < 4; ++i) row[i] = shares[(4u * ty + i) * kScoreLine + four];
            [[unroll]] for (uint t = 0; t < 4; ++t) {
                const vec4 value = tile_kv[(4u * four + t) * kLine + tx];
                [[unroll]] for (uint i = 0; i < 4; ++i) sums[part][i] += row[i][t] * value;
            }
        }
    }
}

void put(vec4 sums[kPartsV][4], float total) {
    const uint id = gl_LocalInvocationID.x, tx = id % 16u, ty = id / 16u;
    barrier();
    if (id % 4u == 0u) fades[id / 4u] = total;
    barrier();
    [[unroll]] for (uint i = 0; i < 4; ++i) {
        const uint r = 4u * ty + i;
        if (!has_vector(r)) continue;
        [[unroll]] for (uint part = 0; part < kPartsV; ++part)
            [[unroll]] for (uint j = 0; j < 4; ++j) {
                const uint d = part * kPart + 4u * tx + j;
                if (d < DIM_V) y.at[vector_of(r) * DIM_V + d] = sums[part][i][j] / fades[r];
            }
    }
}

void main() {
    find_tile();
    const uvec2 range = range_of_tile(), mine = range_of(gl_LocalInvocationID.x / 4u);
    float peak = kNoPeak, total = 0.0;
    vec4 sums[kPartsV][4];
    [[unroll]] for (uint part = 0; part < kPartsV; ++part)
        [[unroll]] for (uint i = 0; i < 4; ++i) sums[part][i] = vec4(0);
    for (uint begin = range.x; begin < range.y; begin += kBlock) {
        multiply_keys(begin, range);
        barrier();
        soften(begin, mine, peak, total);
        add_values(begin, range, sums);
    }
    put(sums, total);
}
