#include "airframe/engine/prefill_governor.h"

#include <gtest/gtest.h>

namespace airframe {
namespace {

TEST(PrefillGovernor, LetsAStepTakeNotQuiteTwiceAsLongAsDecodingAlone) {
    PrefillGovernor governor(0, 512);
    constexpr double kDecode = 0.040, kRow = 0.001;
    for (int step = 0; step < 50; ++step) {
        governor.learn(4, 0, kDecode);
        const int32_t rows = governor.rows(true);
        governor.learn(4, rows, kDecode + rows * kRow);
    }
    EXPECT_NEAR(governor.rows(true), 30, 2);
}

TEST(PrefillGovernor, TakesAllWhenNobodyDecodes) {
    PrefillGovernor governor(0, 512);
    EXPECT_EQ(governor.rows(false), 512);
    governor.learn(0, 512, 2.0);
    governor.learn(1, 0, 0.0001);
    EXPECT_EQ(governor.rows(false), 512);
    EXPECT_EQ(governor.rows(true), 4) << "a prompt moves on however slow it is";
}

TEST(PrefillGovernor, StaysWithinTheStep) {
    PrefillGovernor governor(0, 4);
    EXPECT_EQ(governor.rows(true), 4);
    governor.learn(0, 4, 1e-12);
    governor.learn(1, 0, 10);
    EXPECT_EQ(governor.rows(true), 4);
}

TEST(PrefillGovernor, AFixedChunkIsKept) {
    PrefillGovernor governor(64, 512);
    governor.learn(1, 0, 10);
    governor.learn(0, 512, 0.001);
    EXPECT_EQ(governor.rows(true), 64);
    EXPECT_EQ(governor.rows(false), 512);
}

}  // namespace
}  // namespace airframe
