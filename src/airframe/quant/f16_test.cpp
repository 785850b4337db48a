#include "airframe/quant/f16.h"

#include <gtest/gtest.h>

#include <cmath>

namespace airframe {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(F16, HoldsKnownValues) {
    EXPECT_EQ(f32_from_f16(0x0000), 0.0f);
    EXPECT_TRUE(std::signbit(f32_from_f16(0x8000)));
    EXPECT_EQ(f32_from_f16(0x3C00), 1.0f);
    EXPECT_EQ(f32_from_f16(0xC000), -2.0f);
    EXPECT_EQ(f32_from_f16(0x7BFF), 65504.0f);
    EXPECT_EQ(f32_from_f16(0x0001), 0x1p-24f);
    EXPECT_EQ(f32_from_f16(0x03FF), 1023 * 0x1p-24f);
    EXPECT_EQ(f32_from_f16(0x7C00), kInfinity);
    EXPECT_TRUE(std::isnan(f32_from_f16(0x7E00)));
}

TEST(F16, EveryHalfSurvivesTheWayThroughFloat) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
        const auto half = static_cast<uint16_t>(bits);
        const float value = f32_from_f16(half);
        if (std::isnan(value)) {
            EXPECT_TRUE(std::isnan(f32_from_f16(f16_from_f32(value)))) << bits;
        } else {
            ASSERT_EQ(f16_from_f32(value), half);
        }
    }
}

TEST(F16, RoundsToNearestWithTiesToEven) {
    for (uint16_t half = 0; half < 0x7BFF; ++half) {
        const float low = f32_from_f16(half), high = f32_from_f16(static_cast<uint16_t>(half + 1));
        const float middle = (low + high) / 2;  // exact: a float has 13 bits more
        ASSERT_EQ(f16_from_f32(middle), half % 2 == 0 ? half : half + 1);
        ASSERT_EQ(f16_from_f32(std::nextafter(middle, low)), half);
        ASSERT_EQ(f16_from_f32(std::nextafter(middle, high)), half + 1);
    }
    EXPECT_EQ(f16_from_f32(std::nextafter(65520.0f, 0.0f)), 0x7BFF);
    EXPECT_EQ(f16_from_f32(65520.0f), 0x7C00);
    EXPECT_EQ(f16_from_f32(-1e30f), 0xFC00);
    EXPECT_EQ(f16_from_f32(1e-30f), 0);
}

TEST(Bf16, RoundsToNearestWithTiesToEven) {
    EXPECT_EQ(bf16_from_f32(1.0f), 0x3F80);
    EXPECT_EQ(bf16_from_f32(1.0f + 0x1p-8f), 0x3F80);            // a tie: 0x3F80 is even
    EXPECT_EQ(bf16_from_f32(1.0f + 0x1p-7f + 0x1p-8f), 0x3F82);  // a tie: 0x3F81 is odd
    EXPECT_EQ(bf16_from_f32(1.0f + 0x1p-8f + 0x1p-20f), 0x3F81);
    EXPECT_EQ(bf16_from_f32(-kInfinity), 0xFF80);
    EXPECT_EQ(bf16_from_f32(std::numeric_limits<float>::max()), 0x7F80);
    EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(std::bit_cast<float>(0x7F800001u)))));
    EXPECT_EQ(f32_from_bf16(0xC040), -3.0f);
}

TEST(E8m0, IsAPowerOfTwo) {
    EXPECT_EQ(f32_from_e8m0(127), 1.0f);
    EXPECT_EQ(f32_from_e8m0(0), 0x1p-127f);
    EXPECT_EQ(f32_from_e8m0(1), 0x1p-126f);
    EXPECT_EQ(f32_from_e8m0(254), 0x1p127f);
    EXPECT_TRUE(std::isnan(f32_from_e8m0(255)));
}

}  // namespace
}  // namespace airframe
