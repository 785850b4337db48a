// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0: blocks of 32 with one scale, two of them with an offset.
#include "airframe/quant/bits.h"
#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"

namespace airframe {
namespace {

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

}  // namespace airframe
