// MXFP4, of the OCP Microscaling Formats (MX) specification 1.0: 32 floats of 4 bits (E2M1) share a power of
// two (E8M0).
#include <algorithm>
#include <cmath>

#include "airframe/quant/bits.h"
#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"
#include "airframe/quant/fit.h"
#include "airframe/quant/iq_tables.h"

namespace airframe {
namespace {

// The nearest of the eight magnitudes of E2M1 (kMxfp4Values holds them doubled); the smaller one at a tie.
int nearest_e2m1(float value, float inverse) {
    const float doubled = 2 * std::fabs(value) * inverse;
    int code = 0;
    while (code < 7 && doubled > 0.5f * static_cast<float>(kMxfp4Values[code] + kMxfp4Values[code + 1]))
        ++code;
    return std::signbit(value) ? code | 8 : code;
}

}  // namespace

void decode(const BlockMXFP4& block, float* out) {
    const float scale = 0.5f * f32_from_e8m0(block.e);
    for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(kMxfp4Values[nibble_of_32(block.qs, i)]);
}

// The scale of the specification: the largest magnitude's power of two, over that of the largest E2M1
// value, 4.
void encode(const float* in, BlockMXFP4& block) {
    const float peak = std::fabs(peak_of({in, 32}));
    const int exponent = peak > 0 && std::isfinite(peak) ? std::ilogb(peak) - 2 : -127;
    block.e = static_cast<uint8_t>(std::clamp(exponent, -127, 127) + 127);
    const float inverse = 1 / f32_from_e8m0(block.e);
    std::fill(block.qs, block.qs + 16, uint8_t{0});
    for (int i = 0; i < 32; ++i) add_nibble_of_32(block.qs, i, nearest_e2m1(in[i], inverse));
}

}  // namespace airframe
