#include "airframe/backend/reference/math.h"

#include <cmath>
#include <vector>

#include "airframe/backend/host_memory.h"
#include "airframe/quant/f16.h"
#include "base/check.h"

namespace airframe::reference {
namespace {

// Eight sums, so that a compiler may keep several in flight: the order depends on n alone.
double dot(const float* a, const float* b, int64_t n) {
    double sums[8] = {};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int lane = 0; lane < 8; ++lane)
            sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    for (; i < n; ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

void matmul(const Linear& linear, const float* x, int64_t n_rows, float* y) {
    const Weight& w = linear.weight;
    const float* bias = floats_of(linear.bias);
    std::vector<float> weights(static_cast<size_t>(w.cols));
    for (int64_t out = 0; out < w.rows; ++out) {
        traits(w.type).dequantize_row(row_of(w, out), weights.data(), w.cols);
        for (int64_t r = 0; r < n_rows; ++r) {
            const double sum = dot(weights.data(), x + r * w.cols, w.cols);
            y[r * w.rows + out] = static_cast<float>(bias ? sum + bias[out] : sum);
        }
    }
}

void norm_row(const Norm& norm, const float* x, int64_t cols, float* out) {
    const double n = static_cast<double>(cols);
    double mean = 0, square = 0;
    if (norm.kind == NormKind::kLayer) {
        for (int64_t i = 0; i < cols; ++i) mean += x[i];
        mean /= n;
    }
    for (int64_t i = 0; i < cols; ++i) square += (x[i] - mean) * (x[i] - mean);
    const double factor = 1 / std::sqrt(square / n + norm.eps);
    const float* gain = floats_of(norm.gain);
    const float* bias = floats_of(norm.bias);
    for (int64_t i = 0; i < cols; ++i) {
        double value = (x[i] - mean) * factor;
        if (gain) value *= gain[i];
        if (bias) value += bias[i];
        out[i] = static_cast<float>(value);
    }
}

double activate(Activation act, double x) {
    switch (act) {
        case Activation::kSilu:
            return x / (1 + std::exp(-x));
        case Activation::kGeluTanh: {
            const double root_two_over_pi = 0.79788456080286535588;
            return 0.5 * x * (1 + std::tanh(root_two_over_pi * (x + 0.044715 * x * x * x)));
        }
        case Activation::kGelu:
            return 0.5 * x * std::erfc(-x * 0.70710678118654752440);
        case Activation::kReluSquared:
            return x > 0 ? x * x : 0;
    }
    CHECK(false, "activation {}", static_cast<int>(act));
}

void rotate_head(RopePairs pairs, int32_t dims, const float* angles, float* head) {
    if (pairs == RopePairs::kNone) return;
    const int32_t half = dims / 2;
    for (int32_t i = 0; i < half; ++i) {
        float& a = pairs == RopePairs::kAdjacent ? head[2 * i] : head[i];
        float& b = pairs == RopePairs::kAdjacent ? head[2 * i + 1] : head[i + half];
        const double cosine = angles[2 * i], sine = angles[2 * i + 1];
        const double x = a, y = b;
        a = static_cast<float>(x * cosine - y * sine);
        b = static_cast<float>(x * sine + y * cosine);
    }
}

double load_kv(KvType type, const std::byte* from, int64_t i) {
    const auto half_at = [&](int64_t offset) {
        uint16_t half;
        std::memcpy(&half, from + offset, sizeof half);
        return static_cast<double>(f32_from_f16(half));
    };
    switch (type) {
        case KvType::kF32: {
            float value;
            std::memcpy(&value, from + 4 * i, sizeof value);
            return value;
        }
        case KvType::kF16:
            return half_at(2 * i);
        case KvType::kQ8:
            return half_at(0) * static_cast<int8_t>(from[kKvScaleBytes + i]);
        case KvType::kInt4: {
            const int nibble = static_cast<int>(from[kKvScaleBytes + i / 2]) >> (i % 2 * 4) & 15;
            return half_at(0) * (nibble - 8);
        }
    }
    return 0;
}

int64_t kv_offset_bytes(const KvLayer& kv, std::span<const int32_t> pages, int64_t position, int64_t kv_head,
                        int64_t head_dim) {
    const int64_t page = pages[static_cast<size_t>(position / kv.page_tokens)];
    const int64_t token = (page * kv.n_kv_heads + kv_head) * kv.page_tokens + position % kv.page_tokens;
    return token * kv_vector_bytes(kv.type, head_dim);
}

}  // namespace airframe::reference
