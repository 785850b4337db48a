// Decoding of the IQ formats: 256 weights are 8 groups of 32, each four points of 8 weights (IQ3: eight of
// 4).
#include <bit>
#include <cstring>

#include "airframe/quant/bits.h"
#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"
#include "airframe/quant/iq_tables.h"

namespace airframe {
namespace {

// Seven signs are stored; the eighth makes the number of negative weights even.
uint8_t signs_of_code(uint32_t code) { return static_cast<uint8_t>(code | (std::popcount(code) & 1) << 7); }

// A point's values times `scale`; bit i of `signs` makes value i negative. Returns the place after them.
template <class Point>
float* put_signed(Point point, unsigned signs, float scale, float* out) {
    for (size_t i = 0; i < sizeof(Point); ++i) {
        const float value = scale * static_cast<float>(point >> (8 * i) & 255);
        *out++ = (signs >> i & 1) != 0 ? -value : value;
    }
    return out;
}

// A point of kIq1Grid, shifted and scaled.
float* put_shifted(uint64_t point, float shift, float scale, float* out) {
    for (int i = 0; i < 8; ++i)
        *out++ = scale * (static_cast<float>(static_cast<int8_t>(point >> (8 * i) & 255)) + shift);
    return out;
}

constexpr float kIq1Shift = 0.125f;

uint32_t load_u32(const void* bytes) {
    uint32_t value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

float iq2_scale(float d, int nibble) { return d * (0.5f + static_cast<float>(nibble)) * 0.25f; }

}  // namespace

void decode(const BlockIQ2_XXS& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int group = 0; group < 8; ++group) {
        const uint32_t points = load_u32(block.qs + 4 * group);
        const uint32_t signs_scale = load_u32(block.qs + 4 * group + 2);
        const float scale = iq2_scale(d, static_cast<int>(signs_scale >> 28));
        for (int i = 0; i < 4; ++i)
            out = put_signed(kIq2XxsGrid.points[points >> (8 * i) & 255],
                             signs_of_code(signs_scale >> (7 * i) & 127), scale, out);
    }
}

void decode(const BlockIQ2_XS& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) {
        const float scale = iq2_scale(d, nibble(block.scales[i / 4], i / 2 % 2));
        out = put_signed(kIq2XsGrid.points[block.qs[i] & 511], signs_of_code(block.qs[i] >> 9), scale, out);
    }
}

void decode(const BlockIQ2_S& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) {
        const float scale = iq2_scale(d, nibble(block.scales[i / 4], i / 2 % 2));
        const int high = block.qh[i / 4] >> (2 * (i % 4)) & 3;
        out = put_signed(kIq2SGrid.points[block.qs[i] | high << 8], block.signs[i], scale, out);
    }
}

void decode(const BlockIQ3_XXS& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int group = 0; group < 8; ++group) {
        const uint32_t signs_scale = load_u32(block.signs_scales + 4 * group);
        const float scale = d * (0.5f + static_cast<float>(signs_scale >> 28)) * 0.5f;
        for (int i = 0; i < 8; ++i) {
            const unsigned signs = signs_of_code(signs_scale >> (7 * (i / 2)) & 127);
            out = put_signed(kIq3XxsGrid.points[block.qs[8 * group + i]], signs >> (4 * (i % 2)), scale, out);
        }
    }
}

void decode(const BlockIQ3_S& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 64; ++i) {
        const float scale = d * static_cast<float>(1 + 2 * nibble(block.scales[i / 16], i / 8 % 2));
        const int high = block.qh[i / 8] >> (i % 8) & 1;
        out = put_signed(kIq3SGrid.points[block.qs[i] | high << 8], nibble(block.signs[i / 2], i % 2), scale,
                         out);
    }
}

void decode(const BlockIQ1_S& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) {
        const uint16_t qh = block.qh[i / 4];
        const float scale = d * static_cast<float>(2 * (qh >> 12 & 7) + 1);
        const float shift = (qh & 0x8000) != 0 ? -kIq1Shift : kIq1Shift;
        const int high = qh >> (3 * (i % 4)) & 7;
        out = put_shifted(kIq1Grid.points[block.qs[i] | high << 8], shift, scale, out);
    }
}

void decode(const BlockIQ1_M& block, float* out) {
    uint16_t d_bits = 0;
    for (int i = 0; i < 4; ++i) d_bits = static_cast<uint16_t>(d_bits | (block.scales[i] >> 12) << (4 * i));
    const float d = f32_from_f16(d_bits);
    for (int i = 0; i < 32; ++i) {
        const int three_bits = block.scales[i / 8] >> (3 * (i / 2 % 4)) & 7;
        const int qh = nibble(block.qh[i / 2], i % 2);
        const float scale = d * static_cast<float>(2 * three_bits + 1);
        const float shift = (qh & 8) != 0 ? -kIq1Shift : kIq1Shift;
        out = put_shifted(kIq1Grid.points[block.qs[i] | (qh & 7) << 8], shift, scale, out);
    }
}

void decode(const BlockIQ4_NL& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(kIq4Values[nibble_of_32(block.qs, i)]);
}

void decode(const BlockIQ4_XS& block, float* out) {
    const float d = f32_from_f16(block.d);
    for (int group = 0; group < 8; ++group) {
        const int low = nibble(block.scales_l[group / 2], group % 2);
        const int high = block.scales_h >> (2 * group) & 3;
        const float scale = d * static_cast<float>((low | high << 4) - 32);
        for (int i = 0; i < 32; ++i)
            *out++ = scale * static_cast<float>(kIq4Values[nibble_of_32(block.qs + 16 * group, i)]);
    }
}

}  // namespace airframe
