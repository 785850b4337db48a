// Weight rows times a few activation rows, the weights read once: decode. Block formats multiply integers
// (15-bit activations, relative error about 4e-5), float formats multiply floats.
// Read by the translation unit of each instruction set, after its simd.h.
#pragma once

#include "airframe/backend/cpu/kernel_table.h"
#include "airframe/backend/cpu/kernels/formats.h"
#include "airframe/backend/cpu/kernels/gemm.h"

namespace airframe::cpu {
namespace {

constexpr int kPrefetchBytes = 2048;  // ahead in the stream of weights; measured best of 0.5 to 4 KB

template <class Format>
SIMD const float* scales_of(const ActivationRow& x, int64_t chunk) {
    return Format::kGroups == 8 ? x.scales8 + chunk * 16 : x.scales16 + chunk * 32;
}

// One chunk of one weight row: acc gets scaled products, offsets gets offset times sum of activations.
template <class Format, int kTokens>
SIMD void dot_chunk(const std::byte* p, const ActivationRow* x, int64_t chunk, Floats* acc, Floats* offsets) {
    constexpr int kVectors = 2 * Format::kGroups / kLanes;
    Floats st[kVectors];
    Format::scales(p, st);
    alignas(64) float scales[kTokens][16];
    for (int m = 0; m < kTokens; ++m) {
        const float* row = scales_of<Format>(x[m], chunk);
        for (int v = 0; v < kVectors; ++v) {
            const Floats product = st[v] * load(row + v * kLanes);
            if (v * kLanes < Format::kGroups) store(scales[m] + v * kLanes, product);
            if ((v + 1) * kLanes > Format::kGroups) offsets[m] = offsets[m] + product;
        }
    }
#pragma GCC unroll kUnroll
    for (int i = 0; i < kChunk / kBytes; ++i) {
        const Bytes q = Format::bytes(p, i);
        for (int m = 0; m < kTokens; ++m) {
            const int8_t* hi = x[m].hi + chunk * kChunk + i * kBytes;
            const int8_t* lo = x[m].lo + chunk * kChunk + i * kBytes;
            const Floats dots = Format::kSigned ? dot2_signed(q, hi, lo) : dot2(q, hi, lo);
            const Floats scale = Format::kGroups == 8 ? spread8(scales[m], i) : spread16(scales[m], i);
            acc[m] = fma(dots, scale, acc[m]);
        }
    }
}

template <class Format, int kTokens>
static void matvec_rows(const MatvecArgs& args, const ActivationRow* x, float* y) {
    const int64_t chunks = args.cols / kChunk, rest = args.cols % kChunk;
    for (int n = 0; n < args.n_rows; ++n) {
        Floats acc[kTokens], offsets[kTokens];
        for (int m = 0; m < kTokens; ++m) acc[m] = offsets[m] = splat(0);
        const std::byte* p = args.weights + static_cast<size_t>(n) * args.row_bytes;
        for (int64_t chunk = 0; chunk < chunks; ++chunk, p += kChunkBytes<Format>) {
            for (int i = 0; i < kChunkBytes<Format>; i += kCacheLine) prefetch(p + kPrefetchBytes + i);
            dot_chunk<Format, kTokens>(p, x, chunk, acc, offsets);
        }
        if (rest > 0) {  // only formats with blocks of 32: blocks of zeros fill the chunk
            alignas(64) std::byte padded[kChunkBytes<Format>] = {};
            std::memcpy(padded, p, static_cast<size_t>(rest / Format::kBlock * Format::kBlockBytes));
            dot_chunk<Format, kTokens>(padded, x, chunks, acc, offsets);
        }
        for (int m = 0; m < kTokens; ++m)
            y[m * args.y_stride + n] =
                sum(acc[m] + (Format::kGroups < kLanes ? only_offsets8(offsets[m]) : offsets[m]));
    }
}

template <class Format, int kTokens>
static void matvec_float_rows(const MatvecArgs& args, const ActivationRow* x, float* y) {
    using Element = typename Format::Element;
    for (int n = 0; n < args.n_rows; ++n) {
        const auto* w =
            reinterpret_cast<const Element*>(args.weights + static_cast<size_t>(n) * args.row_bytes);
        Floats acc[kTokens][4];  // four chains hide the latency of an addition
        for (int m = 0; m < kTokens; ++m)
            for (int s = 0; s < 4; ++s) acc[m][s] = splat(0);
        int64_t k = 0;
        for (; k + 4 * kLanes <= args.cols; k += 4 * kLanes) {
            prefetch(reinterpret_cast<const std::byte*>(w + k) + kPrefetchBytes);
            if (sizeof(Element) == 4)
                prefetch(reinterpret_cast<const std::byte*>(w + k) + kPrefetchBytes + kCacheLine);
#pragma GCC unroll 4
            for (int s = 0; s < 4; ++s) {
                const Floats weight = Format::at(w + k + s * kLanes);
                for (int m = 0; m < kTokens; ++m)
                    acc[m][s] = fma(weight, load(x[m].f32 + k + s * kLanes), acc[m][s]);
            }
        }
        for (; k + kLanes <= args.cols; k += kLanes)
            for (int m = 0; m < kTokens; ++m)
                acc[m][0] = fma(Format::at(w + k), load(x[m].f32 + k), acc[m][0]);
        for (int m = 0; m < kTokens; ++m) {
            float total = sum((acc[m][0] + acc[m][1]) + (acc[m][2] + acc[m][3]));
            for (int64_t i = k; i < args.cols; ++i) total += Format::one(w[i]) * x[m].f32[i];
            y[m * args.y_stride + n] = total;
        }
    }
}

// As many tokens at once as the registers hold.
template <class Format>
static void matvec(const MatvecArgs& args) {
    int m = 0;
    for (; m + 4 <= args.n_tokens; m += 4)
        matvec_rows<Format, 4>(args, args.x + m, args.y + m * args.y_stride);
    for (; m + 2 <= args.n_tokens; m += 2)
        matvec_rows<Format, 2>(args, args.x + m, args.y + m * args.y_stride);
    if (m < args.n_tokens) matvec_rows<Format, 1>(args, args.x + m, args.y + m * args.y_stride);
}

template <class Format>
static void matvec_float(const MatvecArgs& args) {
    int m = 0;
    for (; m + 4 <= args.n_tokens; m += 4)
        matvec_float_rows<Format, 4>(args, args.x + m, args.y + m * args.y_stride);
    for (; m + 2 <= args.n_tokens; m += 2)
        matvec_float_rows<Format, 2>(args, args.x + m, args.y + m * args.y_stride);
    if (m < args.n_tokens) matvec_float_rows<Format, 1>(args, args.x + m, args.y + m * args.y_stride);
}

// A row into blocks of 32 of 15 bits, and the sums that offsets of weights multiply.
static void quantize(const QuantizeArgs& args) {
    constexpr float kTop = 127 * 128;  // the largest |128 * hi + lo| with hi and lo in their ranges
    const int64_t chunks = (args.cols + kChunk - 1) / kChunk;
    for (int64_t block = 0; block < chunks * 8; ++block) {
        alignas(64) float x[32] = {};
        const int64_t at = block * 32, n = args.cols - at;
        if (n > 0) std::memcpy(x, args.x + at, static_cast<size_t>(n < 32 ? n : 32) * sizeof(float));
        Floats peak = splat(0), poison = splat(0);
        for (int i = 0; i < 32; i += kLanes) {
            peak = maximum(absolute(load(x + i)), peak);
            poison =
                poison + load(x + i) * splat(0);  // NaN if any is NaN or infinite: it must reach the result
        }
        const float top = max_lane(peak), scale = top / kTop, inverse = top > 0 ? kTop / top : 0;
        float sums[2];
        for (int half = 0; half < 2; ++half) {
            Floats total = splat(0);
            for (int i = 16 * half; i < 16 * half + 16; i += kLanes) {
                const Floats rounded = nearest(load(x + i) * splat(inverse));
                store_parts(rounded, args.hi + at + i, args.lo + at + i);
                total = total + rounded;
            }
            sums[half] = sum(total);  // whole numbers below 2^18: exact
        }
        const float kept = scale + sum(poison);
        float* s8 = args.scales8 + block / 8 * 16 + block % 8;
        float* s16 = args.scales16 + block / 8 * 32 + block % 8 * 2;
        s8[0] = s16[0] = s16[1] = kept;
        s8[8] = kept * (sums[0] + sums[1]);
        s16[16] = kept * sums[0];
        s16[17] = kept * sums[1];
    }
}

}  // namespace
}  // namespace airframe::cpu
