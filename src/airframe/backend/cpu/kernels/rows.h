// What runs along one row: norms, activations, additions, conversion to half.
// Read by the translation unit of each instruction set, after its simd.h.
#pragma once

#include "airframe/backend/cpu/kernel_table.h"
#include "airframe/backend/cpu/kernels/math.h"

namespace airframe::cpu {
namespace {

// Calls body on each vector of p[0, n); a short last one goes through a copy.
template <class Function>
SIMD void map_row(float* p, int64_t n, Function function) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(p + i, function(load(p + i), i));
    if (i == n) return;
    float rest[kLanes] = {};
    std::memcpy(rest, p + i, static_cast<size_t>(n - i) * sizeof(float));
    store(rest, function(load(rest), i));
    std::memcpy(p + i, rest, static_cast<size_t>(n - i) * sizeof(float));
}

// kLanes floats at p + i, zeros beyond n.
SIMD Floats load_until(const float* p, int64_t i, int64_t n) {
    if (i + kLanes <= n) return load(p + i);
    float rest[kLanes] = {};
    std::memcpy(rest, p + i, static_cast<size_t>(n - i) * sizeof(float));
    return load(rest);
}

template <class Act>
static void activate_gated(const float* gate, float* h, int64_t n) {
    map_row(h, n, [&](Floats up, int64_t i) __attribute__((always_inline)) {
        return Act::of(load_until(gate, i, n)) * up;
    });
}

template <class Act>
static void activate_alone(float* h, int64_t n) {
    map_row(h, n, [](Floats x, int64_t) __attribute__((always_inline)) { return Act::of(x); });
}

static void add_scaled(const float* y, float scale, float* to, int64_t n) {
    map_row(to, n, [&](Floats sum, int64_t i) __attribute__((always_inline)) {
        return fma(load_until(y, i, n), splat(scale), sum);
    });
}

static void softcap(float* y, float scale, float cap, int64_t n) {
    map_row(y, n, [&](Floats x, int64_t) __attribute__((always_inline)) {
        return splat(cap) * hyperbolic_tangent(x * splat(scale / cap));
    });
}

static void to_f16(const float* from, int64_t n, uint16_t* to) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store_f16(to + i, load(from + i));
    if (i == n) return;
    uint16_t rest[kLanes];
    store_f16(rest, load_until(from, i, n));
    std::memcpy(to + i, rest, static_cast<size_t>(n - i) * sizeof(uint16_t));
}

static void norm(const NormArgs& args) {
    const int64_t n = args.cols;
    const float count = static_cast<float>(n);
    float mean = 0;
    if (args.center) {
        Floats total = splat(0);
        for (int64_t i = 0; i < n; i += kLanes) total = total + load_until(args.x, i, n);
        mean = sum(total) / count;
    }
    Floats squares[4] = {splat(0), splat(0), splat(0), splat(0)};
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes)
        for (int s = 0; s < 4; ++s) {
            const Floats x = load(args.x + i + s * kLanes) - splat(mean);
            squares[s] = fma(x, x, squares[s]);
        }
    for (; i + kLanes <= n; i += kLanes) {
        const Floats x = load(args.x + i) - splat(mean);
        squares[0] = fma(x, x, squares[0]);
    }
    float square = sum((squares[0] + squares[1]) + (squares[2] + squares[3]));
    for (; i < n; ++i) square += (args.x[i] - mean) * (args.x[i] - mean);
    const float factor = 1 / __builtin_sqrtf(square / count + args.eps);
    if (args.out != args.x) std::memcpy(args.out, args.x, static_cast<size_t>(n) * sizeof(float));
    map_row(args.out, n, [&](Floats x, int64_t at) __attribute__((always_inline)) {
        Floats y = (x - splat(mean)) * splat(factor);
        if (args.gain) y = y * load_until(args.gain, at, n);
        if (args.bias) y = y + load_until(args.bias, at, n);
        return y;
    });
}

}  // namespace
}  // namespace airframe::cpu
