// Decoding of Q2_K to Q6_K and Q8_K. Their common layout: 256 weights are 8 rows of 32; two rows (4-bit) or
// four rows (2-bit) share 32 bytes, row r at bit 4 * (r % 2) or 2 * (r % 4).
#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"
#include "airframe/quant/k_scales.h"

namespace airframe {
namespace {

int two_bits(const uint8_t* qs, int row, int i) { return qs[32 * (row / 4) + i] >> (2 * (row % 4)) & 3; }

int four_bits(const uint8_t* qs, int row, int i) { return qs[32 * (row / 2) + i] >> (4 * (row % 2)) & 15; }

}  // namespace

void decode(const BlockQ2_K& block, float* out) {
    const float d = f32_from_f16(block.d), dmin = f32_from_f16(block.dmin);
    for (int group = 0; group < 16; ++group) {
        const float scale = d * static_cast<float>(block.scales[group] & 15);
        const float min = dmin * static_cast<float>(block.scales[group] >> 4);
        for (int i = 0; i < 16; ++i)
            *out++ = scale * static_cast<float>(two_bits(block.qs, group / 2, 16 * (group % 2) + i)) - min;
    }
}

void decode(const BlockQ3_K& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int group = 0; group < 16; ++group) {
        const int row = group / 2;
        const float scale = d * static_cast<float>(q3_k_scale(block.scales, group) - 32);
        for (int i = 0; i < 16; ++i) {
            const int column = 16 * (group % 2) + i;
            const int high = block.hmask[column] >> row & 1;
            *out++ = scale * static_cast<float>((two_bits(block.qs, row, column) | high << 2) - 4);
        }
    }
}

void decode(const BlockQ4_K& block, float* out) {
    const float d = f32_from_f16(block.d), dmin = f32_from_f16(block.dmin);
    for (int row = 0; row < 8; ++row) {
        const ScaleMin group = k_scale_min(block.scales, row);
        const float scale = d * static_cast<float>(group.scale), min = dmin * static_cast<float>(group.min);
        for (int i = 0; i < 32; ++i) *out++ = scale * static_cast<float>(four_bits(block.qs, row, i)) - min;
    }
}

void decode(const BlockQ5_K& block, float* out) {
    const float d = f32_from_f16(block.d), dmin = f32_from_f16(block.dmin);
    for (int row = 0; row < 8; ++row) {
        const ScaleMin group = k_scale_min(block.scales, row);
        const float scale = d * static_cast<float>(group.scale), min = dmin * static_cast<float>(group.min);
        for (int i = 0; i < 32; ++i) {
            const int high = block.qh[i] >> row & 1;
            *out++ = scale * static_cast<float>(four_bits(block.qs, row, i) | high << 4) - min;
        }
    }
}

// Two halves of 128 weights; in each, rows 0 and 1 are the low nibbles of 64 bytes, 2 and 3 the high ones.
void decode(const BlockQ6_K& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int group = 0; group < 16; ++group) {
        const float scale = d * static_cast<float>(block.scales[group]);
        const int half = group / 8, row = group / 2 % 4;
        for (int i = 0; i < 16; ++i) {
            const int column = 16 * (group % 2) + i;
            const int low = block.ql[64 * half + 32 * (row % 2) + column] >> (4 * (row / 2)) & 15;
            const int high = block.qh[32 * half + column] >> (2 * row) & 3;
            *out++ = scale * static_cast<float>((low | high << 4) - 32);
        }
    }
}

void decode(const BlockQ8_K& block, float* out) {
    for (int i = 0; i < 256; ++i) out[i] = block.d * static_cast<float>(block.qs[i]);
}

}  // namespace airframe
