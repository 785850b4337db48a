// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0: blocks of 32 with one scale, two of them with an offset.
#include <algorithm>
#include <cmath>

#include "airframe/quant/bits.h"
#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"
#include "airframe/quant/fit.h"

namespace airframe {
namespace {

// Halves are rounded up; NaN gives 0.
int round_up_half(float value, int high) {
    const float shifted = value + 0.5f;
    return shifted > 0 ? (shifted < static_cast<float>(high) ? static_cast<int>(shifted) : high) : 0;
}

// Clears the numbers and writes `number_of(weight)`, of 4 or 5 bits, for each weight.
template <class Block, class NumberOf>
void put_numbers(const float* in, Block& block, NumberOf number_of) {
    constexpr bool kFiveBits = requires { block.qh; };
    std::fill(block.qs, block.qs + 16, uint8_t{0});
    if constexpr (kFiveBits) std::fill(block.qh, block.qh + 4, uint8_t{0});
    for (int i = 0; i < 32; ++i) {
        const int number = number_of(in[i]);
        add_nibble_of_32(block.qs, i, number & 15);
        if constexpr (kFiveBits)
            block.qh[i / 8] = static_cast<uint8_t>(block.qh[i / 8] | number >> 4 << (i % 8));
    }
}

// d * (q - middle): the weight of the largest magnitude becomes the lowest number, 0.
template <class Block>
void encode_around_zero(const float* in, Block& block, int middle) {
    const float d = peak_of({in, 32}) / static_cast<float>(-middle);
    const float inverse = d != 0 ? 1 / d : 0;
    block.d = f16_from_f32(d);
    put_numbers(in, block, [&](float x) {
        return round_up_half(x * inverse + static_cast<float>(middle), 2 * middle - 1);
    });
}

// d * q + m: the lowest weight becomes 0, the highest the highest number.
template <class Block>
void encode_from_lowest(const float* in, Block& block, int highest) {
    const auto [low, high] = std::minmax_element(in, in + 32);
    const float d = (*high - *low) / static_cast<float>(highest);
    const float inverse = d != 0 ? 1 / d : 0;
    block.d = f16_from_f32(d);
    block.m = f16_from_f32(*low);
    put_numbers(in, block, [&](float x) { return round_up_half((x - *low) * inverse, highest); });
}

int fifth_bit(const uint8_t* qh, int i) { return (qh[i / 8] >> (i % 8) & 1) << 4; }

}  // namespace

void decode(const BlockQ4_0& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(nibble_of_32(block.qs, i) - 8);
}

void decode(const BlockQ4_1& block, float* out) {
    const float d = f32_from_f16(block.d), m = f32_from_f16(block.m);
    for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(nibble_of_32(block.qs, i)) + m;
}

void decode(const BlockQ5_0& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i)
        out[i] = d * static_cast<float>((nibble_of_32(block.qs, i) | fifth_bit(block.qh, i)) - 16);
}

void decode(const BlockQ5_1& block, float* out) {
    const float d = f32_from_f16(block.d), m = f32_from_f16(block.m);
    for (int i = 0; i < 32; ++i)
        out[i] = d * static_cast<float>(nibble_of_32(block.qs, i) | fifth_bit(block.qh, i)) + m;
}

void decode(const BlockQ8_0& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(block.qs[i]);
}

void encode(const float* in, BlockQ4_0& block) { encode_around_zero(in, block, 8); }

void encode(const float* in, BlockQ4_1& block) { encode_from_lowest(in, block, 15); }

void encode(const float* in, BlockQ5_0& block) { encode_around_zero(in, block, 16); }

void encode(const float* in, BlockQ5_1& block) { encode_from_lowest(in, block, 31); }

void encode(const float* in, BlockQ8_0& block) {
    const float d = std::fabs(peak_of({in, 32})) / 127;
    const float inverse = d != 0 ? 1 / d : 0;
    block.d = f16_from_f32(d);
    for (int i = 0; i < 32; ++i) {
        const float q = std::round(in[i] * inverse);  // halves away from zero
        block.qs[i] = static_cast<int8_t>(q > -127 ? std::min(q, 127.0f) : -127);
    }
}

}  // namespace airframe
