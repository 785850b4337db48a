// Attention of prompts' rows by cooperative matrices, a tile of 64 vectors per workgroup, 16 per subgroup: scores and
// values are products of short floats summed in f32; the softmax between them is f32 and runs along.
//
// Written with NVIDIA's extension, as matmul_halves.comp.
#version 460
#include "common.glsl"
#extension GL_NV_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_shader_subgroup_shuffle : require
layout(constant_id = 100) const uint LEFT_ROWS = 16;
layout(constant_id = 101) const uint LEFT_COLS = 16;
layout(constant_id = 102) const uint RIGHT_ROWS = 16;
layout(constant_id = 103) const uint RIGHT_COLS = 16;
layout(constant_id = 104) const uint SUM_ROWS = 16;
layout(constant_id = 105) const uint SUM_COLS = 16;
layout(local_size_x = 128) in;
layout(constant_id = 0) const uint KV_TYPE = 0;
layout(constant_id = 1) const uint DIM_K = 16;  // a multiple of 16, as DIM_V
layout(constant_id = 2) const uint DIM_V = 16;
layout(constant_id = 3) const uint HEADS = 1;
layout(constant_id = 4) const uint PAGE_TOKENS = 1;
const uint TILE_ROWS = 64;
#include "attend_tile.glsl"
#include "kv_halves.glsl"

#define LEFT fcoopmatNV<16, gl_ScopeSubgroup, LEFT_ROWS, LEFT_COLS>
#define RIGHT fcoopmatNV<16, gl_ScopeSubgroup, RIGHT_ROWS, RIGHT_COLS>
#define SUMS fcoopmatNV<32, gl_ScopeSubgroup, SUM_ROWS, SUM_COLS>

const uint kCell = 16, kEights = kCell / 8u;
const uint kPerLane = kCell * kCell / 32u;  // sums of a cell: drivers refuse to tell this as a constant
const uint kBlock = DIM_K > 64u || DIM_V > 64u ? 32u : 64u;  // positions at once
const uint kCellsK = DIM_K / kCell, kCellsV = DIM_V / kCell, kCellsT = kBlock / kCell;
// Lines of shared memory in 16 bytes, one more each, so that they lie in different banks.
const uint kLineK = DIM_K / 8u + 1u, kLineV = DIM_V / 8u + 1u;
const uint kLineScores = kBlock / 4u + 1u, kLineShares = kBlock / 8u + 1u;
const uint kRoom = kCell * kLineScores;        // of a subgroup: its scores, or its shares and its fades
const uint kFadesAt = kCell * kLineShares;
const uint kFoursPerLane = kBlock / 8u;        // scores of a lane: half a line
const uint kThreads = 128, kFetchesK = (kBlock * DIM_K / 8u + kThreads - 1u) / kThreads,
           kFetchesV = (kBlock * DIM_V / 8u + kThreads - 1u) / kThreads;
const float kShareOfPeak = 1024.0;             // so that small shares are no subnormal short floats

shared uvec4 tile_k[kBlock * kLineK];
shared uvec4 tile_v[kBlock * kLineV];
shared uvec4 rooms[4 * kRoom];

// A block of keys and values as short floats; 0 where the tile does not look.
void load_kv(uint begin, uvec2 range) {
    const uint id = gl_LocalInvocationID.x, eights_k = DIM_K / 8u, eights_v = DIM_V / 8u;
    [[unroll]] for (uint n = 0; n < kFetchesK; ++n) {
        const uint e = id + n * kThreads, position = begin + e / eights_k, i = e % eights_k;
        if (e >= kBlock * eights_k) break;
        const bool seen = position >= range.x && position < range.y;
        tile_k[e / eights_k * kLineK + i] = seen ? kv_eight_at(keys, place_of(position, DIM_K), i) : uvec4(0);
    }
    [[unroll]] for (uint n = 0; n < kFetchesV; ++n) {
        const uint e = id + n * kThreads, position = begin + e / eights_v, i = e % eights_v;
        if (e >= kBlock * eights_v) break;
        const bool seen = position >= range.x && position < range.y;
        tile_v[e / eights_v * kLineV + i] = seen ? kv_eight_at(values, place_of(position, DIM_V), i) : uvec4(0);
    }
}

// Eight elements of a query from its element d on.
void q_eight(bool there, uint vector, uint d, out vec4 a, out vec4 b) {
    F32x4 wide = F32x4(q);
    const uint at = (vector * DIM_K + d) / 4u;
    a = there ? wide.at[at] : vec4(0);
    b = there ? wide.at[at + 1u] : vec4(0);
}

// The subgroup's queries, each times a power of two that brings its peak near 2^10. Two lanes share a vector. What
// undoes the power comes back.
float load_q(uint r, uint room, out LEFT queries[kCellsK]) {
    const uint lane = gl_SubgroupInvocationID, half_line = lane % 2u;
    const bool there = has_vector(r);
    const uint vector = vector_of(r);
    vec4 a, b, peaks = vec4(0);
    for (uint cell = 0; cell < kCellsK; ++cell) {
        q_eight(there, vector, cell * kCell + 8u * half_line, a, b);
        peaks = max(peaks, max(abs(a), abs(b)));
    }
    float peak = max(max(peaks.x, peaks.y), max(peaks.z, peaks.w));
    peak = max(peak, subgroupShuffleXor(peak, 1u));
    const int power = clamp(10 - (int(floatBitsToUint(peak) >> 23) - 127), -100, 100);
    const float up = uintBitsToFloat(uint(127 + power) << 23);
    [[unroll]] for (uint cell = 0; cell < kCellsK; ++cell) {
        q_eight(there, vector, cell * kCell + 8u * half_line, a, b);
        rooms[room + lane] = uvec4(packHalf2x16(up * a.xy), packHalf2x16(up * a.zw), packHalf2x16(up * b.xy),
                                   packHalf2x16(up * b.zw));
        subgroupBarrier();
        coopMatLoadNV(queries[cell], rooms, room, kEights, false);
        subgroupBarrier();
    }
    return uintBitsToFloat(uint(127 - power) << 23);
}

// Products of the subgroup's queries with the keys of the block, left in its room.
void multiply_keys(LEFT queries[kCellsK], uint room) {
    [[unroll]] for (uint j = 0; j < kCellsT; ++j) {
        SUMS products = SUMS(0.0);
        [[unroll]] for (uint i = 0; i < kCellsK; ++i) {
            RIGHT block_keys;
            coopMatLoadNV(block_keys, tile_k, j * kCell * kLineK + i * kEights, kLineK, true);
            products = coopMatMulAddNV(queries[i], block_keys, products);
        }
        coopMatStoreNV(products, rooms, room + j * 4u, kLineScores, false);
    }
    subgroupBarrier();
}

// A factor for each line as a matrix of sums; every lane gives that of its line.
SUMS matrix_of(float factor, uint room) {
    const uint lane = gl_SubgroupInvocationID;
    rooms[room + kFadesAt + 2u * lane] = rooms[room + kFadesAt + 2u * lane + 1u] = floatBitsToUint(vec4(factor));
    subgroupBarrier();
    SUMS matrix;
    coopMatLoadNV(matrix, rooms, room + kFadesAt, 4u, false);
    return matrix;
}

// Scores of the room become shares, as short floats. Gives the factor for what was summed before.
float soften(uint room, uint begin, uvec2 mine, float factor, inout float peak, inout float total) {
    const uint lane = gl_SubgroupInvocationID, line = lane / 2u, half_line = lane % 2u;
    const uint first = begin + half_line * (kBlock / 2u);
    vec4 scores[kFoursPerLane];
    float best = kNoPeak;
    [[unroll]] for (uint i = 0; i < kFoursPerLane; ++i) {
        scores[i] = uintBitsToFloat(rooms[room + line * kLineScores + half_line * kFoursPerLane + i]);
        [[unroll]] for (uint j = 0; j < 4; ++j) {
            const uint position = first + 4u * i + j;
            const bool seen = position >= mine.x && position < mine.y;
            scores[i][j] = seen ? score_of(scores[i][j], factor) : kNoPeak;
            best = max(best, scores[i][j]);
        }
    }
    const float new_peak = max(peak, max(best, subgroupShuffleXor(best, 1u)));
    const float fade = exp(peak - new_peak);
    subgroupBarrier();
    float sum = 0.0;
    [[unroll]] for (uint i = 0; i < kFoursPerLane; i += 2u) {
        uvec4 eight;
        [[unroll]] for (uint j = 0; j < 4; ++j) {
            vec2 pair;
            [[unroll]] for (uint h = 0; h < 2; ++h) {
                const float score = scores[i + j / 2u][2u * (j % 2u) + h];
                pair[h] = score == kNoPeak ? 0.0 : kShareOfPeak * exp(score - new_peak);
            }
            eight[j] = packHalf2x16(pair);
            pair = unpackHalf2x16(eight[j]);
            sum += pair.x + pair.y;
        }
        rooms[room + line * kLineShares + (half_line * kFoursPerLane + i) / 2u] = eight;
    }
    total = total * fade + sum + subgroupShuffleXor(sum, 1u);
    peak = new_peak;
    return fade;
}

void add_values(uint room, SUMS fades, inout SUMS sums[kCellsV]) {
    LEFT shares[kCellsT];
    [[unroll]] for (uint t = 0; t < kCellsT; ++t)
        coopMatLoadNV(shares[t], rooms, room + t * kEights, kLineShares, false);
    [[unroll]] for (uint j = 0; j < kCellsV; ++j) {
        [[unroll]] for (uint e = 0; e < kPerLane; ++e) sums[j][e] *= fades[e];
        [[unroll]] for (uint t = 0; t < kCellsT; ++t) {
            RIGHT block_values;
            coopMatLoadNV(block_values, tile_v, t * kCell * kLineV + j * kEights, kLineV, false);
            sums[j] = coopMatMulAddNV(shares[t], block_values, sums[j]);
        }
    }
    subgroupBarrier();
}

void put(uint r, uint room, SUMS inverse, SUMS sums[kCellsV]) {
    const uint lane = gl_SubgroupInvocationID, half_line = lane % 2u;
    F32x4 wide = F32x4(y);
    [[unroll]] for (uint j = 0; j < kCellsV; ++j) {
        [[unroll]] for (uint e = 0; e < kPerLane; ++e) sums[j][e] *= inverse[e];
        subgroupBarrier();
        coopMatStoreNV(sums[j], rooms, room, 4u, false);
        subgroupBarrier();
        if (!has_vector(r)) continue;
        const uint at = (vector_of(r) * DIM_V + j * kCell + 8u * half_line) / 4u;
        wide.at[at] = uintBitsToFloat(rooms[room + 2u * lane]);
        wide.at[at + 1u] = uintBitsToFloat(rooms[room + 2u * lane + 1u]);
    }
}

void main() {
    find_tile();
    const uint r = gl_SubgroupID * kCell + gl_SubgroupInvocationID / 2u, room = gl_SubgroupID * kRoom;
    const uvec2 range = range_of_tile(), mine = range_of(r);
    const uvec2 ours = uvec2(subgroupMin(mine.x), subgroupMax(mine.y));
    LEFT queries[kCellsK];
    const float factor = scale * load_q(r, room, queries);
    SUMS sums[kCellsV];
    [[unroll]] for (uint j = 0; j < kCellsV; ++j) sums[j] = SUMS(0.0);
    float peak = kNoPeak, total = 0.0;
    for (uint begin = range.x; begin < range.y; begin += kBlock) {
        barrier();
        load_kv(begin, range);
        barrier();
        if (begin >= ours.y || begin + kBlock <= ours.x) continue;
        multiply_keys(queries, room);
        const float fade = soften(room, begin, mine, factor, peak, total);
        add_values(room, matrix_of(fade, room), sums);
    }
    put(r, room, matrix_of(1.0 / total, room), sums);
}
