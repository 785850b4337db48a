// Weight rows times many activation rows: prefill. Weights are unpacked to floats a panel at a time (48 rows
// x 256, in L1 and L2) and shared by all tokens; a vector's lanes are tokens, weights are broadcast. Each
// result is one chain of fused multiply-adds along the row, whatever tile computes it.
// Read by the translation unit of each instruction set, after its simd.h.
#pragma once

#include "airframe/backend/cpu/kernel_table.h"
#include "airframe/backend/cpu/kernels/formats.h"

namespace airframe::cpu {
namespace {

constexpr int kTokenBlock = 2 * kLanes;
constexpr int64_t kPanelStride = kChunk + 16;  // not a power of two: rows must not share cache sets

// c[row][column] (+)= sum over k of a[row][k] * b[k][column], for kRows rows and kVectors vectors of columns.
template <int kRows, int kVectors>
SIMD void tile(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int64_t depth, float* c,
               int64_t c_stride, bool add) {
    Floats acc[kRows][kVectors];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v) acc[r][v] = add ? load(c + r * c_stride + v * kLanes) : splat(0);
    for (int64_t k = 0; k < depth; ++k) {
        Floats column[kVectors];
        for (int v = 0; v < kVectors; ++v) column[v] = load(b + k * b_stride + v * kLanes);
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) {
            const Floats weight = splat(a[r * a_stride + k]);
            for (int v = 0; v < kVectors; ++v) acc[r][v] = fma(weight, column[v], acc[r][v]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < kVectors; ++v) store(c + r * c_stride + v * kLanes, acc[r][v]);
}

// The same for any number of rows.
template <int kVectors>
static void tile_rows(const float* a, int64_t a_stride, int64_t rows, const float* b, int64_t b_stride,
                      int64_t depth, float* c, int64_t c_stride, bool add) {
    int64_t r = 0;
    for (; r + kTileRows <= rows; r += kTileRows)
        tile<kTileRows, kVectors>(a + r * a_stride, a_stride, b, b_stride, depth, c + r * c_stride, c_stride,
                                  add);
    for (; r + 4 <= rows; r += 4)
        tile<4, kVectors>(a + r * a_stride, a_stride, b, b_stride, depth, c + r * c_stride, c_stride, add);
    for (; r < rows; ++r)
        tile<1, kVectors>(a + r * a_stride, a_stride, b, b_stride, depth, c + r * c_stride, c_stride, add);
}

template <class Format>
constexpr int kChunkBytes = kChunk / Format::kBlock * Format::kBlockBytes;

// Blocks to floats, for formats.h; n is a multiple of the block.
template <class Format>
static void unpack(const std::byte* p, float* out, int64_t n) {
    constexpr int kVectors = 2 * Format::kGroups / kLanes, kGroup = kChunk / Format::kGroups;
    alignas(64) std::byte padded[kChunkBytes<Format>];
    alignas(64) float scales[kVectors * kLanes];
    alignas(64) uint8_t q[kChunk];
    alignas(64) float last[kChunk];
    for (int64_t at = 0; at < n; at += kChunk, p += kChunkBytes<Format>) {
        const std::byte* from = p;
        const bool whole = n - at >= kChunk;
        if (!whole) {
            std::memset(padded, 0, sizeof padded);
            std::memcpy(padded, p, static_cast<size_t>((n - at) / Format::kBlock * Format::kBlockBytes));
            from = padded;
        }
        Floats st[kVectors];
        Format::scales(from, st);
        for (int v = 0; v < kVectors; ++v) store(scales + v * kLanes, st[v]);
#pragma GCC unroll kUnroll
        for (int i = 0; i < kChunk / kBytes; ++i) store_bytes(q + i * kBytes, Format::bytes(from, i));
        float* to = whole ? out + at : last;
#pragma GCC unroll 4
        for (int j = 0; j < kChunk; j += kLanes) {
            const Floats whole_q = Format::kSigned && kSignedBias == 0 ? from_i8(q + j) : from_u8(q + j);
            store(to + j,
                  fma(whole_q, splat(scales[j / kGroup]), splat(scales[Format::kGroups + j / kGroup])));
        }
        if (!whole) std::memcpy(out + at, last, static_cast<size_t>(n - at) * sizeof(float));
    }
}

template <class Format>
static void unpack_float(const std::byte* p, float* out, int64_t n) {
    const auto* in = reinterpret_cast<const typename Format::Element*>(p);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(out + i, Format::at(in + i));
    for (; i < n; ++i) out[i] = Format::one(in[i]);
}

// Where a chunk of a weight row lies. A short last one, as only formats with blocks of 32 have, is copied to
// `padded` [kChunkBytes] and filled up with blocks of zeros.
template <class Format>
SIMD const std::byte* find_chunk(const GemmArgs& args, int row, int64_t chunk, std::byte* padded) {
    const std::byte* p = args.weights + static_cast<size_t>(row) * args.row_bytes +
                         static_cast<size_t>(chunk) * args.chunk_bytes;
    const int64_t depth = args.cols - chunk * kChunk;
    if (depth >= kChunk) return p;
    std::memset(padded, 0, kChunkBytes<Format>);
    std::memcpy(padded, p, static_cast<size_t>(depth / Format::kBlock * Format::kBlockBytes));
    return padded;
}

// The pieces of rows that a panel reads next lie far apart: no hardware foresees them. Behind the last chunk
// come the rows of the next panel.
SIMD void prefetch_chunk(const GemmArgs& args, int row, int64_t chunk) {
    const bool last = chunk * kChunk >= args.cols;
    const std::byte* p = args.weights + static_cast<size_t>(last ? row + args.n_rows : row) * args.row_bytes +
                         (last ? 0 : static_cast<size_t>(chunk) * args.chunk_bytes);
    for (size_t i = 0; i < args.chunk_bytes; i += kCacheLine) prefetch(p + i);
}

static void pack(const PackArgs& args) {
    float* block = reinterpret_cast<float*>(args.packed) + args.block * args.cols * kTokenBlock;
    for (int v = 0; v < 2; ++v) {
        const int64_t first = args.block * kTokenBlock + v * kLanes;
        const float* rows[kLanes];  // null beyond the last token
        for (int i = 0; i < kLanes; ++i) {
            rows[i] = nullptr;
            if (first + i < args.n_tokens)
                rows[i] = args.x + (args.index ? args.index[first + i] : first + i) * args.cols;
        }
        int64_t k = args.first_col;
        for (; k + kLanes <= args.last_col; k += kLanes) {
            Floats square[kLanes];
            for (int i = 0; i < kLanes; ++i) square[i] = rows[i] ? load(rows[i] + k) : splat(0);
            transpose(square);
            for (int i = 0; i < kLanes; ++i) store(block + (k + i) * kTokenBlock + v * kLanes, square[i]);
        }
        for (; k < args.last_col; ++k)
            for (int i = 0; i < kLanes; ++i)
                block[k * kTokenBlock + v * kLanes + i] = rows[i] ? rows[i][k] : 0;
    }
}

// sums [kPanelRows, padded] to y, in whole vectors of rows
static void transpose_sums(const float* sums, int64_t padded, const GemmArgs& args) {
    for (int64_t token = 0; token < args.n_tokens; token += kLanes) {
        for (int row = 0; row < args.n_rows; row += kLanes) {
            Floats square[kLanes];
            for (int i = 0; i < kLanes; ++i) square[i] = load(sums + (row + i) * padded + token);
            transpose(square);
            for (int i = 0; i < kLanes && token + i < args.n_tokens; ++i)
                store(args.y + (token + i) * args.y_stride + row, square[i]);
        }
    }
}

static void gemm(const GemmArgs& args) {
    const int64_t blocks = (args.n_tokens + kTokenBlock - 1) / kTokenBlock, padded = blocks * kTokenBlock;
    float* panel = args.scratch;
    float* sums = panel + kPanelRows * kPanelStride;
    for (int64_t k = 0; k < args.cols; k += kChunk) {
        const int64_t depth = args.cols - k < kChunk ? args.cols - k : kChunk;
        for (int n = 0; n < args.n_rows; ++n) {
            prefetch_chunk(args, n, k / kChunk + 1);
            const std::byte* p = args.weights + static_cast<size_t>(n) * args.row_bytes +
                                 static_cast<size_t>(k / kChunk) * args.chunk_bytes;
            args.unpack(p, panel + n * kPanelStride, depth);
        }
        for (int64_t block = 0; block < blocks; ++block) {
            const float* x =
                reinterpret_cast<const float*>(args.packed) + (block * args.cols + k) * kTokenBlock;
            float* to = sums + block * kTokenBlock;
            if (args.n_tokens - block * kTokenBlock > kLanes)
                tile_rows<2>(panel, kPanelStride, args.n_rows, x, kTokenBlock, depth, to, padded, k > 0);
            else
                tile_rows<1>(panel, kPanelStride, args.n_rows, x, kTokenBlock, depth, to, padded, k > 0);
        }
    }
    transpose_sums(sums, padded, args);
}

}  // namespace
}  // namespace airframe::cpu
