// TQ1_0 and TQ2_0: weights of -1, 0 and 1 times one scale per 256.
#include <algorithm>
#include <cmath>

#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"
#include "airframe/quant/fit.h"

namespace airframe {
namespace {

// Where weight i of a TQ1_0 block lies: its byte (qs, then qh) and its digit in it, the first the most
// significant.
struct Trit {
    int byte;
    int digit;
};
Trit trit_of(int i) {
    if (i < 160) return {i % 32, i / 32};               // 32 bytes of five
    if (i < 240) return {32 + i % 16, (i - 160) / 16};  // 16 bytes of five
    return {48 + i % 4, (i - 240) / 4};                 // 4 bytes of four
}

constexpr int kPowersOf3[] = {1, 3, 9, 27, 81};

// A byte holds its five digits as the fraction byte / 256 in base 3, so a digit is found with a product and
// no division.
int digit_of(uint8_t byte, int digit) { return static_cast<uint8_t>(byte * kPowersOf3[digit]) * 3 >> 8; }

// -1, 0 or 1, with halves away from zero; `inverse` is 1 / the largest magnitude, or 0.
int ternary(float value, float inverse) {
    const float scaled = value * inverse;
    return scaled >= 0.5f ? 1 : scaled <= -0.5f ? -1 : 0;
}

}  // namespace

void decode(const BlockTQ1_0& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 256; ++i) {
        const Trit trit = trit_of(i);
        const uint8_t byte = trit.byte < 48 ? block.qs[trit.byte] : block.qh[trit.byte - 48];
        out[i] = d * static_cast<float>(digit_of(byte, trit.digit) - 1);
    }
}

void encode(const float* in, BlockTQ1_0& block) {
    const float peak = std::fabs(peak_of({in, 256})), inverse = peak > 0 ? 1 / peak : 0;
    int numbers[52] = {};
    for (int i = 0; i < 256; ++i) {
        const Trit trit = trit_of(i);
        numbers[trit.byte] += (ternary(in[i], inverse) + 1) * kPowersOf3[4 - trit.digit];
    }
    // The number of 0 to 242 as a fraction of 256, rounded up so that the digits come out exactly.
    const auto fraction = [](int number) { return static_cast<uint8_t>((number * 256 + 242) / 243); };
    std::transform(numbers, numbers + 48, block.qs, fraction);
    std::transform(numbers + 48, numbers + 52, block.qh, fraction);
    block.d = f16_from_f32(peak);
}

// Two halves of 128 weights in 32 bytes each: weight i at bit 2 * (i / 32).
void decode(const BlockTQ2_0& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 256; ++i) {
        const int q = block.qs[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3;
        out[i] = d * static_cast<float>(q - 1);
    }
}

void encode(const float* in, BlockTQ2_0& block) {
    const float peak = std::fabs(peak_of({in, 256})), inverse = peak > 0 ? 1 / peak : 0;
    std::fill(block.qs, block.qs + 64, uint8_t{0});
    for (int i = 0; i < 256; ++i) {
        uint8_t& byte = block.qs[32 * (i / 128) + i % 32];
        byte = static_cast<uint8_t>(byte | (ternary(in[i], inverse) + 1) << (2 * (i / 32 % 4)));
    }
    block.d = f16_from_f32(peak);
}

}  // namespace airframe
