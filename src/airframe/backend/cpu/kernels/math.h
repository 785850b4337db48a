// Elementary functions on vectors, to within a few units in the last place of f32. The polynomials are our
// own minimax fits (weighted for relative error); NaN goes through.
// Read by the translation unit of each instruction set, after its simd.h.
#pragma once

namespace airframe::cpu {
namespace {

// e^x; 0 below -87.3, clamped at e^88.
SIMD Floats exponential(Floats x) {
    const Floats clamped = minimum(splat(88), maximum(splat(-87.33f), x));
    const Floats n = nearest(clamped * splat(1.44269504f));
    // ln 2 in two parts: the first has few bits, so n times it is exact
    Floats r = fma(n, splat(-0.693359375f), clamped);
    r = fma(n, splat(2.12194440e-4f), r);
    Floats p = splat(0.0013950488859241089f);  // e^r = 1 + r + r^2 p(r) on [-ln 2 / 2, ln 2 / 2]
    p = fma(p, r, splat(0.008368891500905445f));
    p = fma(p, r, splat(0.041666205828919785f));
    p = fma(p, r, splat(0.1666651882071607f));
    p = fma(p, r, splat(0.5000000095182792f));
    p = fma(p * r, r, r) + splat(1);
    return where_less(x, splat(-87.33f), splat(0), times_pow2(p, n));
}

SIMD Floats sigmoid(Floats x) { return splat(1) / (splat(1) + exponential(splat(0) - x)); }

SIMD Floats hyperbolic_tangent(Floats x) {
    const Floats z = x * x, size = absolute(x);
    Floats p = splat(-0.005716994758406328f);  // tanh x = x + x^3 p(x^2) on [-0.625, 0.625]
    p = fma(p, z, splat(0.020650542004107632f));
    p = fma(p, z, splat(-0.05374348399575816f));
    p = fma(p, z, splat(0.13331491113152416f));
    p = fma(p, z, splat(-0.33333283918475365f));
    const Floats near = fma(p * z, x, x);
    const Floats far = splat(1) - splat(2) / (exponential(size + size) + splat(1));
    const Floats far_signed = where_less(x, splat(0), splat(0) - far, far);
    return where_less(size, splat(0.625f), near, far_signed);
}

// The normal distribution function: erfc(-x / sqrt 2) / 2. Of the smaller tail, so nothing cancels.
SIMD Floats normal_cdf(Floats x) {
    const Floats z = absolute(x) * splat(0.70710678f);
    const Floats t = splat(1) / fma(z, splat(0.4f), splat(1));
    Floats p = splat(-0.029594550442020383f);  // erfc z = e^(-z^2) t p(t)
    p = fma(p, t, splat(0.19801407424152428f));
    p = fma(p, t, splat(-0.4988128170157097f));
    p = fma(p, t, splat(0.5474362880014376f));
    p = fma(p, t, splat(-0.28436663965882314f));
    p = fma(p, t, splat(0.2720658161283318f));
    p = fma(p, t, splat(0.12967987839730832f));
    p = fma(p, t, splat(0.21491901461897775f));
    p = fma(p, t, splat(0.2249520351350909f));
    p = fma(p, t, splat(0.2257069084121197f));
    const Floats tail = splat(0.5f) * exponential(splat(-0.5f) * x * x) * t * p;
    return where_less(x, splat(0), tail, splat(1) - tail);
}

// The order of airframe::Activation.
struct Silu {
    SIMD Floats of(Floats x) { return x * sigmoid(x); }
};
struct GeluTanh {
    // 0.5 (1 + tanh u) = sigmoid(2u), which keeps small results exact
    SIMD Floats of(Floats x) {
        const Floats inner = fma(splat(0.044715f) * x * x, x, x);
        return x * sigmoid(splat(1.5957691216f) * inner);
    }
};
struct Gelu {
    SIMD Floats of(Floats x) { return x * normal_cdf(x); }
};
struct ReluSquared {
    SIMD Floats of(Floats x) { return x * maximum(splat(0), x); }
};

}  // namespace
}  // namespace airframe::cpu
