// Weight rows times many activation rows on AMX tiles of bf16 (8 bits of mantissa; relative error about
// 2e-3).
//
// 32 weight rows by 256 columns are unpacked to 16 KB, which stay in the first cache while the tokens pass
// over them; scales and minimums are applied while unpacking, so that tiles add up along the whole row in
// f32. Weights are the first operand, whose rows are rows of the matrix: nothing is transposed. Two tiles of
// 16 weight rows meet two tiles of 16 tokens, four sums in flight. A token's result is the same whatever it
// is computed with. Read by the translation unit of AMX, after the kernel text.
#pragma once

#include "airframe/backend/cpu/kernel_table.h"
#include "airframe/backend/cpu/kernels/formats.h"
#include "airframe/backend/cpu/kernels/gemm.h"
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {
namespace {

constexpr int kTileSide = 16;   // weight rows, or tokens, of one tile
constexpr int kTileDepth = 32;  // columns of one tile
constexpr int kTileSteps = kChunk / kTileDepth;
constexpr int kTileElements = kTileSide * kTileDepth;  // 1 KB of bf16
constexpr int kSumElements = kTileSide * kTileSide;    // 1 KB of f32
constexpr int kSubRows = 2 * kTileSide;                // weight rows unpacked at a time
constexpr int kTilePanelRows = 128;  // the tokens are read from the second cache once for so many weight rows
constexpr int64_t kTileChunkBytes = int64_t{kTokenBlock} * kChunk * 2;
static_assert(kTokenBlock == 2 * kTileSide);

struct alignas(64) TileConfig {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
};

// All eight tiles 16 rows of 64 bytes. Sums are tiles 0 to 3, weights 4 and 5, tokens 6 and 7.
SIMD void configure_tiles() {
    TileConfig config;
    for (int i = 0; i < 8; ++i) config.row_bytes[i] = 64, config.rows[i] = kTileSide;
    asm volatile("" ::"m"(config) : "memory");  // g++ 12 believes that only 8 bytes of it are read
    _tile_loadconfig(&config);
}

SIMD __m512i bf16_of(Floats first, Floats second) {
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
}

// One chunk of one weight row to its rows of kTileSteps tiles.
template <class Format>
SIMD void unpack_tiles(const std::byte* p, uint16_t* to) {
    constexpr int kVectors = 2 * Format::kGroups / kLanes, kGroup = kChunk / Format::kGroups;
    alignas(64) float scales[kVectors * kLanes];
    alignas(64) uint8_t q[kChunk];
    Floats st[kVectors];
    Format::scales(p, st);
    for (int v = 0; v < kVectors; ++v) store(scales + v * kLanes, st[v]);
#pragma GCC unroll kUnroll
    for (int i = 0; i < kChunk / kBytes; ++i) store_bytes(q + i * kBytes, Format::bytes(p, i));
    const auto weights = [&](int at) __attribute__((always_inline)) {
        const int group = at / kGroup;
        return fma(from_u8(q + at), splat(scales[group]), splat(scales[Format::kGroups + group]));
    };
#pragma GCC unroll 8
    for (int step = 0; step < kTileSteps; ++step)
        _mm512_storeu_si512(to + step * kTileElements,
                            bf16_of(weights(step * kTileDepth), weights(step * kTileDepth + kLanes)));
}

// c (+)= weights times tokens along one chunk: tiles [half of the tokens][half of the weight rows].
template <bool kBothHalves>
static void multiply_tiles(const uint16_t* weights, const uint16_t* tokens, float* c, bool add) {
    constexpr int kRow = 64;
    asm volatile("" ::: "memory");  // the loads below declare no memory that they read
    if (add) {
        _tile_loadd(0, c, kRow);
        _tile_loadd(1, c + kSumElements, kRow);
        if (kBothHalves) _tile_loadd(2, c + 2 * kSumElements, kRow);
        if (kBothHalves) _tile_loadd(3, c + 3 * kSumElements, kRow);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int step = 0; step < kTileSteps; ++step) {
        const uint16_t* rows = weights + step * kTileElements;
        const uint16_t* columns = tokens + step * 2 * kTileElements;
        _tile_loadd(4, rows, kRow);
        _tile_loadd(6, columns, kRow);
        _tile_dpbf16ps(0, 4, 6);
        if (kBothHalves) _tile_loadd(7, columns + kTileElements, kRow);
        if (kBothHalves) _tile_dpbf16ps(2, 4, 7);
        _tile_loadd(5, rows + kTileSteps * kTileElements, kRow);
        _tile_dpbf16ps(1, 5, 6);
        if (kBothHalves) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, kRow);
    _tile_stored(1, c + kSumElements, kRow);
    if (kBothHalves) _tile_stored(2, c + 2 * kSumElements, kRow);
    if (kBothHalves) _tile_stored(3, c + 3 * kSumElements, kRow);
    asm volatile("" ::: "memory");
}

// Sums [sub-panel][token block][half of the tokens][half of the rows] of tiles to y.
static void transpose_tile_sums(const float* sums, int64_t blocks, const GemmArgs& args) {
    for (int64_t row = 0; row < args.n_rows; row += kTileSide)
        for (int64_t token = 0; token < args.n_tokens; token += kTileSide) {
            const int64_t block = row / kSubRows * blocks + token / kTokenBlock;
            const int64_t tile = block * 4 + token / kTileSide % 2 * 2 + row / kTileSide % 2;
            Floats square[kTileSide];
            for (int i = 0; i < kTileSide; ++i) square[i] = load(sums + tile * kSumElements + i * kTileSide);
            transpose(square);
            for (int i = 0; i < kTileSide && token + i < args.n_tokens; ++i)
                store(args.y + (token + i) * args.y_stride + row, square[i]);
        }
}

template <class Format>
static void gemm_tiles(const GemmArgs& args) {
    const int64_t blocks = (args.n_tokens + kTokenBlock - 1) / kTokenBlock;
    const int64_t chunks = (args.cols + kChunk - 1) / kChunk;
    auto* panel = reinterpret_cast<uint16_t*>(args.scratch);
    float* sums = args.scratch + kSubRows * kChunk / 2;
    alignas(64) std::byte padded[kChunkBytes<Format>];
    configure_tiles();
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
        for (int first = 0; first < args.n_rows; first += kSubRows) {
            const int n = args.n_rows - first < kSubRows ? args.n_rows - first : kSubRows;
            for (int r = 0; r < n; ++r) {
                prefetch_chunk(args, first + r, chunk + 1);
                uint16_t* to =
                    panel + r / kTileSide * kTileSteps * kTileElements + r % kTileSide * kTileDepth;
                unpack_tiles<Format>(find_chunk<Format>(args, first + r, chunk, padded), to);
            }
            for (int64_t block = 0; block < blocks; ++block) {
                const auto* tokens = reinterpret_cast<const uint16_t*>(
                    args.packed + (block * chunks + chunk) * kTileChunkBytes);
                float* c = sums + (first / kSubRows * blocks + block) * 4 * kSumElements;
                if (args.n_tokens - block * kTokenBlock > kTileSide)
                    multiply_tiles<true>(panel, tokens, c, chunk > 0);
                else
                    multiply_tiles<false>(panel, tokens, c, chunk > 0);
            }
        }
    _tile_release();
    transpose_tile_sums(sums, blocks, args);
}

// Tokens to tiles: [step][half of the tokens][16 pairs of columns][16 tokens][2].
static void pack_tiles(const PackArgs& args) {
    const int64_t chunks = (args.cols + kChunk - 1) / kChunk;
    for (int64_t k = args.first_col; k < args.last_col; k += kTileDepth) {
        auto* to =
            reinterpret_cast<uint16_t*>(args.packed + (args.block * chunks + k / kChunk) * kTileChunkBytes) +
            k % kChunk / kTileDepth * 2 * kTileElements;
        for (int half = 0; half < 2; ++half, to += kTileElements) {
            Floats square[kTileSide];  // of pairs, which move as if they were floats
            for (int i = 0; i < kTileSide; ++i) {
                const int64_t token = args.block * kTokenBlock + half * kTileSide + i;
                square[i] = splat(0);
                if (token >= args.n_tokens) continue;
                const float* row = args.x + (args.index ? args.index[token] : token) * args.cols;
                const __m512i pairs =
                    bf16_of(load_until(row, k, args.cols), load_until(row, k + kLanes, args.cols));
                square[i] = _mm512_castsi512_ps(pairs);
            }
            transpose(square);
            for (int i = 0; i < kTileSide; ++i)
                store(reinterpret_cast<float*>(to) + i * kTileSide, square[i]);
        }
    }
    for (int64_t k = (args.last_col + kTileDepth - 1) / kTileDepth * kTileDepth;
         args.last_col == args.cols && k % kChunk != 0; k += kTileDepth)
        std::memset(args.packed + (args.block * chunks + k / kChunk) * kTileChunkBytes +
                        k % kChunk / kTileDepth * 4 * kTileElements,
                    0, 4 * kTileElements);
}

// The table of a processor with tiles: products of many rows of block formats go over them.
constexpr Kernels with_tiles(Kernels kernels) {
    for_block_formats([&]<class Format>(QuantType type) {
        kernels.gemm_pairs[static_cast<int>(type)] = gemm_tiles<Format>;
    });
    kernels.pack_pairs = pack_tiles;
    kernels.pairs_chunk_bytes = kTileChunkBytes;
    kernels.panel_rows = kTilePanelRows;
    return kernels;
}

}  // namespace
}  // namespace airframe::cpu
