// Encoding of Q2_K to Q6_K, Q8_K and the IQ4 formats. Each group of weights gets its best scale by itself
// (fit.h); the groups' scales are then rounded to small integers under one or two halves, and the weights are
// rounded last, with the scales that a reader will see. Large weights count more in the fit: their errors
// cost a model more.
#include <algorithm>
#include <cmath>

#include "airframe/quant/bits.h"
#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"
#include "airframe/quant/fit.h"
#include "airframe/quant/iq_tables.h"
#include "airframe/quant/k_scales.h"

namespace airframe {
namespace {

constexpr int kElems = 256;

using Weights = void (*)(std::span<const float> x, float* weights);

void weigh_by_square(std::span<const float> x, float* weights) {
    for (const float value : x) *weights++ = value * value;
}

void weigh_by_magnitude(std::span<const float> x, float* weights) {
    for (const float value : x) *weights++ = std::fabs(value);
}

void weigh_by_magnitude_and_mean(std::span<const float> x, float* weights) {
    float sum = 0;
    for (const float value : x) sum += value * value;
    const float mean = std::sqrt(sum / static_cast<float>(x.size()));
    for (const float value : x) *weights++ = mean + std::fabs(value);
}

// d * scale * q - dmin * min, before packing.
template <int kGroups>
struct AffineBlock {
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[kGroups];
    uint8_t mins[kGroups];
    uint8_t q[kElems];
};

// Rounds the groups' scales (or mins) to 0..max under one half, which is returned.
template <int kGroups>
uint16_t round_scales(const float (&values)[kGroups], int max, uint8_t (&rounded)[kGroups]) {
    const float highest = *std::max_element(values, values + kGroups);
    const float inverse = highest > 0 ? static_cast<float>(max) / highest : 0;
    for (int g = 0; g < kGroups; ++g)
        rounded[g] = static_cast<uint8_t>(nearest_level(values[g] * inverse, {0, static_cast<float>(max)}));
    return f16_from_f32(highest / static_cast<float>(max));
}

template <int kGroups>
AffineBlock<kGroups> encode_affine(const float* in, int q_max, int scale_max, Weights weigh) {
    constexpr int kGroup = kElems / kGroups;
    float scales[kGroups], mins[kGroups], weights[kGroup];
    for (int g = 0; g < kGroups; ++g) {
        const std::span x(in + g * kGroup, kGroup);
        weigh(x, weights);
        const ScaleAndMin fit = fit_scale_and_min(x, weights, static_cast<float>(q_max));
        scales[g] = fit.scale;
        mins[g] = fit.min;
    }
    AffineBlock<kGroups> block;
    block.d = round_scales(scales, scale_max, block.scales);
    block.dmin = round_scales(mins, scale_max, block.mins);
    const float d = f32_from_f16(block.d), dmin = f32_from_f16(block.dmin);
    for (int i = 0; i < kElems; ++i) {
        const float scale = d * static_cast<float>(block.scales[i / kGroup]);
        const float min = dmin * static_cast<float>(block.mins[i / kGroup]);
        const float q = scale > 0 ? (in[i] + min) / scale : 0;
        block.q[i] = static_cast<uint8_t>(nearest_level(q, {0, static_cast<float>(q_max)}));
    }
    return block;
}

// d * scale, signed, before packing. The group with the largest scale gets the lowest integer, so d may be
// negative.
template <int kGroups>
struct ScaledGroups {
    uint16_t d;
    int scales[kGroups];

    float scale_of(int group) const { return f32_from_f16(d) * static_cast<float>(scales[group]); }
};

template <int kGroups, class Fit>
ScaledGroups<kGroups> encode_scales(const float* in, Levels levels, Fit fit) {
    constexpr int kGroup = kElems / kGroups;
    float scales[kGroups], weights[kGroup];
    for (int g = 0; g < kGroups; ++g) {
        const std::span x(in + g * kGroup, kGroup);
        weigh_by_square(x, weights);
        scales[g] = fit(x, std::span<const float>(weights));
    }
    ScaledGroups<kGroups> groups{};
    const float peak = peak_of(scales);
    if (peak == 0) return groups;
    groups.d = f16_from_f32(peak / levels.low);
    for (int g = 0; g < kGroups; ++g)
        groups.scales[g] = static_cast<int>(nearest_level(scales[g] * (levels.low / peak), levels));
    return groups;
}

int nearest_multiple(float value, float scale, Levels levels) {
    return static_cast<int>(nearest_level(scale != 0 ? value / scale : 0, levels));
}

// The layouts of k_quants.cpp, written.
void add_two_bits(uint8_t* qs, int i, int value) {
    uint8_t& byte = qs[32 * (i / 128) + i % 32];
    byte = static_cast<uint8_t>(byte | value << (2 * (i / 32 % 4)));
}

void add_four_bits(uint8_t* qs, int i, int value) {
    uint8_t& byte = qs[32 * (i / 64) + i % 32];
    byte = static_cast<uint8_t>(byte | value << (4 * (i / 32 % 2)));
}

// One bit per weight: weight i at bit i / 32 of byte i % 32.
void add_bit(uint8_t* bits, int i, int value) {
    bits[i % 32] = static_cast<uint8_t>(bits[i % 32] | value << (i / 32));
}

constexpr Levels kSixBits{-32, 31};

// Q4_K and Q5_K differ in the fifth bit only.
template <class Block>
void encode_q4_or_q5(const float* in, Block& out, int q_max) {
    const auto block = encode_affine<8>(in, q_max, 63, weigh_by_magnitude_and_mean);
    out = {};
    out.d = block.d;
    out.dmin = block.dmin;
    for (int g = 0; g < 8; ++g) put_k_scale_min(out.scales, g, {block.scales[g], block.mins[g]});
    for (int i = 0; i < kElems; ++i) {
        add_four_bits(out.qs, i, block.q[i] & 15);
        if constexpr (requires { out.qh; }) add_bit(out.qh, i, block.q[i] >> 4);
    }
}

}  // namespace

void encode(const float* in, BlockQ2_K& out) {
    const auto block = encode_affine<16>(in, 3, 15, weigh_by_magnitude);
    out = {};
    out.d = block.d;
    out.dmin = block.dmin;
    for (int g = 0; g < 16; ++g) out.scales[g] = static_cast<uint8_t>(block.scales[g] | block.mins[g] << 4);
    for (int i = 0; i < kElems; ++i) add_two_bits(out.qs, i, block.q[i]);
}

void encode(const float* in, BlockQ3_K& out) {
    constexpr Levels kLevels{-4, 3};
    const auto groups =
        encode_scales<16>(in, kSixBits, [&](auto x, auto weights) { return fit_scale(x, weights, kLevels); });
    out = {};
    out.d = groups.d;
    for (int g = 0; g < 16; ++g) put_q3_k_scale(out.scales, g, groups.scales[g] + 32);
    for (int i = 0; i < kElems; ++i) {
        const int q = nearest_multiple(in[i], groups.scale_of(i / 16), kLevels) + 4;
        add_two_bits(out.qs, i, q & 3);
        add_bit(out.hmask, i, q >> 2);
    }
}

void encode(const float* in, BlockQ4_K& out) { encode_q4_or_q5(in, out, 15); }

void encode(const float* in, BlockQ5_K& out) { encode_q4_or_q5(in, out, 31); }

void encode(const float* in, BlockQ6_K& out) {
    const auto groups = encode_scales<16>(
        in, {-128, 127}, [](auto x, auto weights) { return fit_scale(x, weights, kSixBits); });
    out = {};
    out.d = groups.d;
    for (int g = 0; g < 16; ++g) out.scales[g] = static_cast<int8_t>(groups.scales[g]);
    for (int i = 0; i < kElems; ++i) {
        const int q = nearest_multiple(in[i], groups.scale_of(i / 16), kSixBits) + 32;
        const int half = i / 128, row = i / 32 % 4;
        uint8_t& low = out.ql[64 * half + 32 * (row % 2) + i % 32];
        low = static_cast<uint8_t>(low | (q & 15) << (4 * (row / 2)));
        add_two_bits(out.qh, i, q >> 4);
    }
}

void encode(const float* in, BlockQ8_K& out) {
    const float d = peak_of({in, kElems}) / -127;
    const float inverse = d != 0 ? 1 / d : 0;
    out.d = d;
    for (int i = 0; i < kElems; ++i)
        out.qs[i] = static_cast<int8_t>(nearest_level(in[i] * inverse, {-127, 127}));
    for (int g = 0; g < 16; ++g) {
        int sum = 0;
        for (int i = 0; i < 16; ++i) sum += out.qs[16 * g + i];
        out.bsums[g] = static_cast<int16_t>(sum);
    }
}

void encode(const float* in, BlockIQ4_NL& out) {
    float weights[32];
    weigh_by_square({in, 32}, weights);
    out = {};
    out.d = f16_from_f32(fit_iq4_scale({in, 32}, weights));
    const float d = f32_from_f16(out.d);
    for (int i = 0; i < 32; ++i) add_nibble_of_32(out.qs, i, nearest_iq4(d != 0 ? in[i] / d : 0));
}

void encode(const float* in, BlockIQ4_XS& out) {
    const auto groups = encode_scales<8>(in, kSixBits, fit_iq4_scale);
    out = {};
    out.d = groups.d;
    for (int g = 0; g < 8; ++g) {
        const int scale = groups.scales[g] + 32;
        out.scales_l[g / 2] = static_cast<uint8_t>(out.scales_l[g / 2] | (scale & 15) << (4 * (g % 2)));
        out.scales_h = static_cast<uint16_t>(out.scales_h | scale >> 4 << (2 * g));
    }
    for (int i = 0; i < kElems; ++i) {
        const float scale = groups.scale_of(i / 32);
        add_nibble_of_32(out.qs + 16 * (i / 32), i % 32, nearest_iq4(scale != 0 ? in[i] / scale : 0));
    }
}

}  // namespace airframe
