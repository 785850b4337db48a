#include "airframe/engine/prefill_governor.h"

#include <gtest/gtest.h>

namespace airframe {
namespace {

TEST(PrefillGovernor, LetsAStepTakeNotQuiteTwiceAsLongAsDecodingAlone) {
    PrefillGovernor governor(0, 512);
    constexpr double kDecode = 0.040, kRow = 0.001;
    for (int step = 0; step < 50; ++step) {
        governor.learn(4, 0, kDecode);
        const int32_t rows = governor.rows(4, 1);
        governor.learn(4, rows, kDecode + rows * kRow);
    }
    EXPECT_NEAR(governor.rows(4, 1), 30, 4);
    EXPECT_EQ((4 + governor.rows(4, 1)) % 8, 0) << "no seat stays empty";
}

// Sixteen prompts at once: more and more of them decode, and never without another prompt.
TEST(PrefillGovernor, LearnsWhatDecodingCostsFromStepsWithPrompts) {
    PrefillGovernor governor(0, 512);
    const auto seconds = [](int32_t decode, int32_t prompt) { return 0.010 + 0.003 * (decode + prompt); };
    governor.learn(0, 512, seconds(0, 512));
    governor.learn(1, 0, seconds(1, 0));
    for (int32_t decoding = 1; decoding <= 16; ++decoding)
        for (int step = 0; step < 10; ++step)
            governor.learn(decoding, governor.rows(decoding, 1),
                           seconds(decoding, governor.rows(decoding, 1)));
    EXPECT_NEAR(governor.rows(16, 1), 0.75 * 0.058 / 0.003, 5);
}

TEST(PrefillGovernor, GivesMoreWhenMoreWaitForTheirFirstToken) {
    PrefillGovernor governor(0, 512);
    governor.learn(0, 500, 1.0);
    governor.learn(2, 0, 0.020);
    EXPECT_NEAR(governor.rows(2, 0.1), 0.75 * 10, 4) << "a part of a long prompt";
    EXPECT_NEAR(governor.rows(2, 1), 0.75 * 10, 4);
    EXPECT_NEAR(governor.rows(2, 14), 7 * 10, 4);
}

TEST(PrefillGovernor, TakesAllWhenNobodyDecodes) {
    PrefillGovernor governor(0, 512);
    EXPECT_EQ(governor.rows(0, 1), 512);
    governor.learn(0, 512, 2.0);
    governor.learn(4, 0, 0.0001);
    EXPECT_EQ(governor.rows(0, 1), 512);
    EXPECT_EQ(governor.rows(4, 1), 4) << "a prompt moves on however slow it is";
}

TEST(PrefillGovernor, StaysWithinTheStep) {
    PrefillGovernor governor(0, 4);
    EXPECT_EQ(governor.rows(4, 1), 4);
    governor.learn(0, 4, 1e-12);
    governor.learn(4, 0, 10);
    EXPECT_EQ(governor.rows(4, 1), 4);
}

TEST(PrefillGovernor, AFixedChunkIsKept) {
    PrefillGovernor governor(64, 512);
    governor.learn(1, 0, 10);
    governor.learn(0, 512, 0.001);
    EXPECT_EQ(governor.rows(4, 1), 64);
    EXPECT_EQ(governor.rows(0, 1), 512);
}

}  // namespace
}  // namespace airframe
