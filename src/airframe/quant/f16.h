// Conversions between float and the short float formats of model files: IEEE half, bfloat16 and the OCP MX
// exponent. Scalar and exact; usable in constant expressions. Stateless, any thread. Not for kernels of
// single instruction sets: these are inline functions, and the linker may keep the copy that was compiled for
// a wider instruction set than the machine has.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace airframe {

constexpr float f32_from_f16(uint16_t half) {
    const uint32_t sign = (half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 31;
    const uint32_t mantissa = half & 0x3FFu;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
    if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal or zero
    return sign != 0 ? -magnitude : magnitude;
}

// Rounds to nearest, ties to even; beyond the range gives infinity; NaN stays NaN.
constexpr uint16_t f16_from_f32(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
    if (magnitude >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);  // 65520 rounds to infinity
    if (magnitude >= 0x38800000u) {                                              // 2^-14: a normal half
        const uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1);
        return static_cast<uint16_t>(sign | (rounded - 0x38000000u) >> 13);
    }
    // The spacing of floats in [0.5, 1) is that of subnormal halves, so one addition rounds as needed.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000u));
}

constexpr float f32_from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// Rounds to nearest, ties to even; NaN stays NaN.
constexpr uint16_t bf16_from_f32(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
    return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
}

// The shared scale of OCP Microscaling formats: 2^(exponent - 127), and 255 is NaN.
constexpr float f32_from_e8m0(uint8_t exponent) {
    if (exponent == 255) return std::numeric_limits<float>::quiet_NaN();
    if (exponent == 0) return 0x1p-127f;
    return std::bit_cast<float>(uint32_t{exponent} << 23);
}

}  // namespace airframe
