// Attention of consecutive rows of one sequence with one key head: blocks of 32 positions are converted to
// floats once and shared by all rows and by all query heads of the group; softmax runs along the blocks with
// a moving peak. Blocks lie at fixed positions, so a row's sums are the same whatever rows it is computed
// with.
// Read by the translation unit of each instruction set, after its simd.h.
#pragma once

#include "airframe/backend/cpu/kernel_table.h"
#include "airframe/backend/cpu/kernels/formats.h"
#include "airframe/backend/cpu/kernels/gemm.h"
#include "airframe/backend/cpu/kernels/math.h"

namespace airframe::cpu {
namespace {

// Scratch of one call; a query is a row and a head.
struct AttendScratch {
    int64_t width_k, width_v;  // head sizes padded to vectors
    float* queries;            // [queries, width_k], scaled
    float* sums;               // [queries, width_v]
    float* shares;             // [queries, kKvBlock]: scores, then e^(score - peak)
    float* peaks;              // [queries]
    float* totals;             // [queries]
    float* keys;               // [width_k, kKvBlock]
    float* values;             // [kKvBlock, width_v]
};

SIMD int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

static AttendScratch attend_layout(const AttendTask& task) {
    const int64_t n = int64_t{task.n_rows} * task.group;
    AttendScratch s;
    s.width_k = round_up(task.head_dim_k, kLanes);
    s.width_v = round_up(task.head_dim_v, 2 * kLanes);
    s.queries = task.scratch;
    s.sums = s.queries + n * s.width_k;
    s.shares = s.sums + n * s.width_v;
    s.peaks = s.shares + n * kKvBlock;
    s.totals = s.peaks + n;
    s.keys = s.totals + n;
    s.values = s.keys + kKvBlock * s.width_k;
    return s;
}

// Elements [i, i + kLanes) of a vector in the cache; beyond its end anything finite.
template <class Format>
struct PlainCache {
    using Element = typename Format::Element;
    SIMD Floats at(const std::byte* vector, int64_t i, int64_t dim) {
        const auto* p = reinterpret_cast<const Element*>(vector) + i;
        if (i + kLanes <= dim) return Format::at(p);
        Element rest[kLanes] = {};
        std::memcpy(rest, p, static_cast<size_t>(dim - i) * sizeof rest[0]);
        return Format::at(rest);
    }
};
SIMD Floats kv_scale(const std::byte* vector) { return splat(f16(half_at(vector))); }
struct Q8Cache {
    SIMD Floats at(const std::byte* vector, int64_t i, int64_t dim) {
        const auto* p = reinterpret_cast<const uint8_t*>(vector + kKvScaleBytes + i);
        if (i + kLanes <= dim) return from_i8(p) * kv_scale(vector);
        uint8_t rest[kLanes] = {};
        std::memcpy(rest, p, static_cast<size_t>(dim - i));
        return from_i8(rest) * kv_scale(vector);
    }
};
struct Int4Cache {
    SIMD Floats at(const std::byte* vector, int64_t i, int64_t dim) {
        const auto* p = reinterpret_cast<const uint8_t*>(vector + kKvScaleBytes + i / 2);
        if (i + kLanes <= dim) return (from_nibbles(p) - splat(8)) * kv_scale(vector);
        uint8_t rest[kLanes / 2] = {};
        std::memcpy(rest, p, static_cast<size_t>((dim - i + 1) / 2));
        return (from_nibbles(rest) - splat(8)) * kv_scale(vector);
    }
};

// Where the vectors of a block of positions lie.
struct KvBlock {
    const std::byte* keys[kKvBlock];
    const std::byte* values[kKvBlock];
};

// The block that begins at `first`; beyond position `last`, that one stands in. The block is fetched into the
// cache at once: between the pages of a long context the processor does not see by itself what comes next.
static void find_block(const AttendTask& task, int64_t first, int64_t last, KvBlock& block) {
    int64_t page = first / task.page_tokens, offset = first % task.page_tokens;
    for (int64_t i = 0; i < kKvBlock; ++i) {
        const int64_t token =
            (int64_t{task.pages[page]} * task.n_kv_heads + task.kv_head) * task.page_tokens + offset;
        block.keys[i] = task.keys + token * task.key_bytes;
        block.values[i] = task.values + token * task.value_bytes;
        for (int64_t at = 0; at < task.key_bytes; at += kCacheLine) prefetch(block.keys[i] + at);
        for (int64_t at = 0; at < task.value_bytes; at += kCacheLine) prefetch(block.values[i] + at);
        if (first + i >= last || ++offset < task.page_tokens) continue;
        offset = 0;
        ++page;
    }
}

template <class Cache>
static void load_block(const AttendTask& task, const AttendScratch& s, const KvBlock& block) {
    for (int64_t token = 0; token < kKvBlock; token += kLanes)
        for (int64_t k = 0; k < task.head_dim_k; k += kLanes) {
            Floats square[kLanes];
            for (int i = 0; i < kLanes; ++i) square[i] = Cache::at(block.keys[token + i], k, task.head_dim_k);
            transpose(square);
            for (int i = 0; i < kLanes; ++i) store(s.keys + (k + i) * kKvBlock + token, square[i]);
        }
    for (int64_t token = 0; token < kKvBlock; ++token) {
        int64_t k = 0;
        for (; k < task.head_dim_v; k += kLanes)
            store(s.values + token * s.width_v + k, Cache::at(block.values[token], k, task.head_dim_v));
        for (; k < s.width_v; k += kLanes) store(s.values + token * s.width_v + k, splat(0));
    }
}

// Scores of one query on one block to shares e^(score - peak), rescaling what was summed before.
SIMD void soften(const AttendTask& task, const AttendScratch& s, int64_t query, int64_t first,
                 int64_t position) {
    float* shares = s.shares + query * kKvBlock;
    const float lowest = task.window > 0 ? static_cast<float>(position - task.window + 1 - first) : 0;
    const float highest = static_cast<float>(position - first);  // small whole numbers or beyond the block
    const Floats hidden = splat(-1e30f);
    Floats scores[kKvBlock / kLanes], peak = hidden;
    for (int v = 0; v < kKvBlock / kLanes; ++v) {
        Floats score = load(shares + v * kLanes);
        if (task.softcap > 0)
            score = splat(task.softcap) * hyperbolic_tangent(score * splat(1 / task.softcap));
        const Floats at = iota() + splat(static_cast<float>(v * kLanes));
        score = where_less(splat(highest), at, hidden, where_less(at, splat(lowest), hidden, score));
        scores[v] = score;
        peak = maximum(peak, score);
    }
    const float before = s.peaks[query], block_peak = max_lane(peak),
                now = before > block_peak ? before : block_peak;
    Floats total = splat(0);
    for (int v = 0; v < kKvBlock / kLanes; ++v) {
        const Floats share = exponential(scores[v] - splat(now));
        store(shares + v * kLanes, share);
        total = total + share;
    }
    s.peaks[query] = now;
    if (now == before) {
        s.totals[query] += sum(total);
        return;
    }
    float factor[kLanes];
    store(factor, exponential(splat(before - now)));
    s.totals[query] = s.totals[query] * factor[0] + sum(total);
    for (int64_t k = 0; k < s.width_v; k += kLanes)
        store(s.sums + query * s.width_v + k, load(s.sums + query * s.width_v + k) * splat(factor[0]));
}

// The rows that see anything of the block [first, first + kKvBlock).
struct RowRange {
    int64_t begin, end;
};
SIMD RowRange rows_seeing(const AttendTask& task, int64_t first) {
    int64_t begin = first - task.first_position, end = task.n_rows;
    if (begin < 0) begin = 0;
    if (task.window > 0) {
        const int64_t past =
            first + kKvBlock - 1 + task.window - task.first_position;  // the first row beyond
        if (past < end) end = past;
    }
    return {begin, end};
}

template <class Cache>
static void attend_cache(const AttendTask& task) {
    const AttendScratch s = attend_layout(task);
    const int64_t n = int64_t{task.n_rows} * task.group, last = task.first_position + task.n_rows - 1;
    for (int64_t i = 0; i < n; ++i) {
        const float* q = task.q + i / task.group * task.q_stride + i % task.group * task.head_dim_k;
        for (int64_t k = 0; k < task.head_dim_k; ++k) s.queries[i * s.width_k + k] = q[k] * task.scale;
        for (int64_t k = 0; k < s.width_v; k += kLanes) store(s.sums + i * s.width_v + k, splat(0));
        s.peaks[i] = -1e30f;
        s.totals[i] = 0;
    }
    int64_t first = 0;
    if (task.window > 0 && task.first_position >= task.window)
        first = (task.first_position - task.window + 1) / kKvBlock * kKvBlock;
    KvBlock blocks[2];  // the one at hand and the next
    find_block(task, first, last, blocks[0]);
    for (int now = 0; first <= last; first += kKvBlock, now = 1 - now) {
        if (first + kKvBlock <= last) find_block(task, first + kKvBlock, last, blocks[1 - now]);
        load_block<Cache>(task, s, blocks[now]);
        const RowRange rows = rows_seeing(task, first);
        const int64_t begin = rows.begin * task.group, count = (rows.end - rows.begin) * task.group;
        if (count <= 0) continue;
        for (int64_t v = 0; v < kKvBlock; v += 2 * kLanes)
            tile_rows<2>(s.queries + begin * s.width_k, s.width_k, count, s.keys + v, kKvBlock,
                         task.head_dim_k, s.shares + begin * kKvBlock + v, kKvBlock, false);
        for (int64_t i = begin; i < begin + count; ++i)
            soften(task, s, i, first, task.first_position + i / task.group);
        for (int64_t v = 0; v < s.width_v; v += 2 * kLanes)
            tile_rows<2>(s.shares + begin * kKvBlock, kKvBlock, count, s.values + v, s.width_v, kKvBlock,
                         s.sums + begin * s.width_v + v, s.width_v, true);
    }
    for (int64_t i = 0; i < n; ++i) {
        float* out = task.out + i / task.group * task.out_stride + i % task.group * task.head_dim_v;
        const float inverse = 1 / s.totals[i];
        for (int64_t k = 0; k < task.head_dim_v; ++k) out[k] = s.sums[i * s.width_v + k] * inverse;
    }
}

static void attend(const AttendTask& task) {
    switch (task.kv_type) {
        case KvType::kF32:
            return attend_cache<PlainCache<FloatsF32>>(task);
        case KvType::kF16:
            return attend_cache<PlainCache<FloatsF16>>(task);
        case KvType::kQ8:
            return attend_cache<Q8Cache>(task);
        case KvType::kInt4:
            return attend_cache<Int4Cache>(task);
    }
}

}  // namespace
}  // namespace airframe::cpu
