// Weight rows times many activation rows in integers of 16 bits: panels of up to 48 rows and 256 columns are
// unpacked once and meet blocks of tokens, which lie along the vectors; pairs of weights are broadcast.
// Within a group of weights that share a scale the sums are exact; activations have 16 bits and a scale for
// each 256 of them (relative error about 3e-5). Twice the rate of floats wherever one instruction multiplies
// and adds pairs. Few tokens leave half of a vector empty: then each lies in two lanes, for two rows at once
// ("twins"). A token's result is the same whatever tile computes it. Read by the translation unit of each
// instruction set, after its simd.h.
#pragma once

#include "airframe/backend/cpu/kernel_table.h"
#include "airframe/backend/cpu/kernels/formats.h"
#include "airframe/backend/cpu/kernels/gemm.h"

namespace airframe::cpu {
namespace {

constexpr int kPairStride = kChunk + 32;  // not a power of two: rows must not share cache sets
constexpr int kGroupsMax = 16;
constexpr int kTwinTokens = kLanes / 2;  // up to here rows go in twos

// One chunk of kPanelRows weight rows: weight = scale * word + offset.
struct PairPanel {
    int16_t* words;  // [kPanelRows, kPairStride]
    float* scales;   // [kPanelRows, kGroupsMax]
    float* offsets;  // [kPanelRows, kGroupsMax], of formats with minimums
};

// A chunk of a block of tokens: x = scale * integer, a scale for each token.
struct PairsChunk {
    int16_t* integers;  // [kChunk / 2, kTokenBlock, 2]
    float* scales;      // [kTokenBlock]
    float* sums8;       // [8, kTokenBlock], scale * sum over 32 integers
    float* sums16;      // [16, kTokenBlock], over 16
};
constexpr int64_t kPairsChunkBytes = int64_t{kTokenBlock} * (kChunk * 2 + (1 + 8 + 16) * 4);

SIMD PairsChunk pairs_chunk(std::byte* packed, int64_t index) {
    std::byte* at = packed + index * kPairsChunkBytes;
    auto* scales = reinterpret_cast<float*>(at + int64_t{kTokenBlock} * kChunk * 2);
    return {reinterpret_cast<int16_t*>(at), scales, scales + kTokenBlock, scales + 9 * kTokenBlock};
}

SIMD PairPanel pair_panel(float* scratch) {
    auto* words = reinterpret_cast<int16_t*>(scratch + 2 * kPanelRows * kGroupsMax);
    return {words, scratch, scratch + kPanelRows * kGroupsMax};
}

template <class Format>
SIMD void unpack_pairs(const std::byte* p, const PairPanel& panel, int row) {
    constexpr int kVectors = 2 * Format::kGroups / kLanes;
    alignas(64) float st[kVectors * kLanes];
    Floats vectors[kVectors];
    Format::scales(p, vectors);
    for (int v = 0; v < kVectors; ++v) store(st + v * kLanes, vectors[v]);
    std::memcpy(panel.scales + row * kGroupsMax, st, Format::kGroups * sizeof(float));
    if (Format::kMins)
        std::memcpy(panel.offsets + row * kGroupsMax, st + Format::kGroups, Format::kGroups * sizeof(float));
    int16_t* words = panel.words + row * kPairStride;
#pragma GCC unroll kUnroll
    for (int i = 0; i < kChunk / kBytes; ++i) {
        const Bytes q = Format::bytes(p, i);
        if (Format::kSigned)
            store_signed_words(words + i * kBytes, q);
        else
            store_words(words + i * kBytes, q, Format::kZero);
    }
}

// Two rows of the weights as one of the panel: their pairs, scales and offsets in turn.
template <class Format>
SIMD void unpack_twins(const std::byte* first, const std::byte* second, const PairPanel& panel, int row) {
    alignas(64) int16_t words[2 * kPairStride];
    alignas(64) float scales[2 * kGroupsMax] = {}, offsets[2 * kGroupsMax] = {};
    const PairPanel both{words, scales, offsets};
    unpack_pairs<Format>(first, both, 0);
    unpack_pairs<Format>(second, both, 1);
    for (int i = 0; i < kChunk; i += 2 * kLanes)
        interleave(words + i, words + kPairStride + i, panel.words + 2 * (row * kPairStride + i));
    for (int i = 0; i < kGroupsMax; i += kLanes) {
        interleave(scales + i, scales + kGroupsMax + i, panel.scales + 2 * (row * kGroupsMax + i));
        if (Format::kMins)
            interleave(offsets + i, offsets + kGroupsMax + i, panel.offsets + 2 * (row * kGroupsMax + i));
    }
}

// How a tile reads the rows of a panel: one for all lanes, or two for every other lane.
struct OneRow {
    static constexpr int kRows = 1;
    SIMD Ints pairs(const int16_t* p) { return splat_pair(p); }
    SIMD Floats scale(const float* p) { return splat(*p); }
};
struct TwinRows {
    static constexpr int kRows = 2;
    SIMD Ints pairs(const int16_t* p) { return splat_two(p); }
    SIMD Floats scale(const float* p) { return splat_two(p); }
};

// sums[row][token] (+)= the products of one chunk, for kRows rows of the panel and kVectors vectors of
// tokens.
template <class Lanes, int kGroups, bool kMins, int kRows, int kVectors>
SIMD void pair_tile(const PairPanel& panel, int row, const PairsChunk& x, float* sums, int64_t stride,
                    bool add) {
    constexpr int kPairs = kChunk / kGroups / 2, kOf = Lanes::kRows;
    const int16_t* words = panel.words + row * kOf * kPairStride;
    const float* scales = panel.scales + row * kOf * kGroupsMax;
    Floats total[kRows][kVectors];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v) total[r][v] = splat(0);
    for (int group = 0; group < kGroups; ++group) {
        Ints acc[kRows][kVectors];
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v) acc[r][v] = no_ints();
        for (int pair = group * kPairs; pair < (group + 1) * kPairs; ++pair) {
            Ints column[kVectors];
            for (int v = 0; v < kVectors; ++v)
                column[v] = load_pairs(x.integers + (pair * kTokenBlock + v * kLanes) * 2);
#pragma GCC unroll 12
            for (int r = 0; r < kRows; ++r) {
                const Ints weights = Lanes::pairs(words + kOf * (r * kPairStride + pair * 2));
                for (int v = 0; v < kVectors; ++v) acc[r][v] = dot_pairs(acc[r][v], weights, column[v]);
            }
        }
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v)
                total[r][v] = fma(to_floats(acc[r][v]), Lanes::scale(scales + kOf * (r * kGroupsMax + group)),
                                  total[r][v]);
    }
    const float* offsets = panel.offsets + row * kOf * kGroupsMax;
    const float* x_sums = kGroups == 8 ? x.sums8 : x.sums16;
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v) {
            float* at = sums + r * stride + v * kLanes;
            Floats sum = add ? load(at) : splat(0);
            sum = fma(total[r][v], load(x.scales + v * kLanes), sum);
            for (int group = 0; kMins && group < kGroups; ++group)
                sum = fma(Lanes::scale(offsets + kOf * (r * kGroupsMax + group)),
                          load(x_sums + group * kTokenBlock + v * kLanes), sum);
            store(at, sum);
        }
}

// The same for all rows of a panel.
template <class Lanes, int kGroups, bool kMins, int kVectors>
static void pair_rows(const PairPanel& panel, int n_rows, const PairsChunk& x, float* sums, int64_t stride,
                      bool add) {
    constexpr int kRows = kPairRows * 2 / kVectors;  // as many sums as the registers hold
    int row = 0;
    for (; row + kRows <= n_rows; row += kRows)
        pair_tile<Lanes, kGroups, kMins, kRows, kVectors>(panel, row, x, sums + row * stride, stride, add);
    for (; row + 2 <= n_rows; row += 2)
        pair_tile<Lanes, kGroups, kMins, 2, kVectors>(panel, row, x, sums + row * stride, stride, add);
    for (; row < n_rows; ++row)
        pair_tile<Lanes, kGroups, kMins, 1, kVectors>(panel, row, x, sums + row * stride, stride, add);
}

// sums [row pairs, kLanes], which hold two rows for each token in turn, to y
static void untwin_sums(const float* sums, const GemmArgs& args) {
    for (int64_t token = 0; token < args.n_tokens; ++token)
        for (int row = 0; row < args.n_rows; row += 2)
            std::memcpy(args.y + token * args.y_stride + row, sums + row / 2 * kLanes + token * 2,
                        2 * sizeof(float));
}

template <class Format>
static void gemm_twins(const GemmArgs& args) {
    const int64_t chunks = (args.cols + kChunk - 1) / kChunk;
    const PairPanel panel = pair_panel(args.scratch);
    float* sums = args.scratch + kPanelRows * (kChunk + 32);
    alignas(64) std::byte padded[2][kChunkBytes<Format>];
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        for (int n = 0; n < args.n_rows; n += 2) {
            const int other = n + 1 < args.n_rows ? n + 1 : n;  // of an odd last row: its own twin
            prefetch_chunk(args, n, chunk + 1);
            prefetch_chunk(args, other, chunk + 1);
            unpack_twins<Format>(find_chunk<Format>(args, n, chunk, padded[0]),
                                 find_chunk<Format>(args, other, chunk, padded[1]), panel, n / 2);
        }
        pair_rows<TwinRows, Format::kGroups, Format::kMins, 1>(
            panel, (args.n_rows + 1) / 2, pairs_chunk(args.packed, chunk), sums, kLanes, chunk > 0);
    }
    untwin_sums(sums, args);
}

template <class Format>
static void gemm_pairs(const GemmArgs& args) {
    if (args.n_tokens <= kTwinTokens) return gemm_twins<Format>(args);
    const int64_t blocks = (args.n_tokens + kTokenBlock - 1) / kTokenBlock, padded = blocks * kTokenBlock;
    const int64_t chunks = (args.cols + kChunk - 1) / kChunk;
    const PairPanel panel = pair_panel(args.scratch);
    float* sums = args.scratch + kPanelRows * (kChunk + 32);
    alignas(64) std::byte padded_chunk[kChunkBytes<Format>];
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        for (int n = 0; n < args.n_rows; ++n) {
            prefetch_chunk(args, n, chunk + 1);
            unpack_pairs<Format>(find_chunk<Format>(args, n, chunk, padded_chunk), panel, n);
        }
        for (int64_t block = 0; block < blocks; ++block) {
            const PairsChunk x = pairs_chunk(args.packed, block * chunks + chunk);
            float* to = sums + block * kTokenBlock;
            const auto rows = args.n_tokens - block * kTokenBlock > kLanes
                                  ? pair_rows<OneRow, Format::kGroups, Format::kMins, 2>
                                  : pair_rows<OneRow, Format::kGroups, Format::kMins, 1>;
            rows(panel, args.n_rows, x, to, padded, chunk > 0);
        }
    }
    transpose_sums(sums, padded, args);
}

// One chunk of one token to integers, and what belongs to them in the columns of the token.
static void quantize_pairs(const float* x, int64_t n, int16_t* words, const PairsChunk& to, int64_t token) {
    constexpr float kTop = 32767;
    alignas(64) float padded[kChunk] = {};
    if (n < kChunk) {
        if (n > 0) std::memcpy(padded, x, static_cast<size_t>(n) * sizeof(float));
        x = padded;
    }
    Floats peak = splat(0), poison = splat(0);
    for (int i = 0; i < kChunk; i += kLanes) {
        peak = maximum(absolute(load(x + i)), peak);
        poison = poison + load(x + i) * splat(0);  // NaN if any is NaN or infinite: it must reach the result
    }
    const float top = max_lane(peak), inverse = top > 0 ? kTop / top : 0, scale = top / kTop + sum(poison);
    to.scales[token] = scale;
    for (int group = 0; group < 8; ++group) {
        float sums[2];
        for (int half = 0; half < 2; ++half) {
            Floats total = splat(0);
            for (int i = group * 32 + half * 16; i < group * 32 + half * 16 + 16; i += kLanes) {
                const Floats rounded = nearest(load(x + i) * splat(inverse));
                store_rounded_words(words + i, rounded);
                total = total + rounded;
            }
            sums[half] = sum(total);  // whole numbers below 2^20: exact
            to.sums16[(2 * group + half) * kTokenBlock + token] = scale * sums[half];
        }
        to.sums8[group * kTokenBlock + token] = scale * (sums[0] + sums[1]);
    }
}

static void pack_pairs(const PackArgs& args) {
    const int64_t chunks = (args.cols + kChunk - 1) / kChunk;
    const int64_t copies = args.n_tokens <= kTwinTokens ? 2 : 1;
    alignas(64) int16_t words[kLanes][kChunk];
    for (int64_t k = args.first_col; k < args.last_col; k += kChunk) {
        const PairsChunk to = pairs_chunk(args.packed, args.block * chunks + k / kChunk);
        for (int v = 0; v < 2 && args.block * kTokenBlock + v * kLanes < args.n_tokens; ++v) {
            for (int i = 0; i < kLanes; ++i) {
                const int64_t token = (args.block * kTokenBlock + v * kLanes + i) / copies;
                const bool real = token < args.n_tokens;
                const float* row = args.x;
                if (real) row += (args.index ? args.index[token] : token) * args.cols + k;
                quantize_pairs(row, real ? args.cols - k : 0, words[i], to, v * kLanes + i);
            }
            for (int pair = 0; pair < kChunk / 2; pair += kLanes) {
                Floats square[kLanes];  // of pairs, which move as if they were floats
                for (int i = 0; i < kLanes; ++i) std::memcpy(&square[i], words[i] + 2 * pair, sizeof(Floats));
                transpose(square);
                for (int i = 0; i < kLanes; ++i)
                    std::memcpy(to.integers + ((pair + i) * kTokenBlock + v * kLanes) * 2, &square[i],
                                sizeof(Floats));
            }
        }
    }
}

}  // namespace
}  // namespace airframe::cpu
