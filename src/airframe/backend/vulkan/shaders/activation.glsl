// activate(x). The including shader declares ACT: 0 SiLU, 1 GELU by tanh, 2 GELU, 3 squared ReLU.

// Abramowitz and Stegun 7.1.26: within 1.5e-7.
float erf_near(float x) {
    const float t = 1.0 / (1.0 + 0.3275911 * abs(x));
    const float poly =
        ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    const float value = 1.0 - poly * exp(-x * x);
    return x < 0.0 ? -value : value;
}

float activate(float x) {
    if (ACT == 0) return x / (1.0 + exp(-x));
    if (ACT == 1) return 0.5 * x * (1.0 + tanh_safe(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    if (ACT == 2) return 0.5 * x * (1.0 + erf_near(x * 0.70710678118654752440));
    return x > 0.0 ? x * x : 0.0;
}
