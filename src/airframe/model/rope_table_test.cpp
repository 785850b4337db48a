#include "airframe/model/rope_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace airframe {
namespace {

ModelSpec spec_of(uint32_t dims, uint32_t ctx) {
    ModelSpec spec;
    spec.ctx_train_tokens = ctx;
    spec.rope.pairs = RopePairs::kHalves;
    spec.rope.dims = dims;
    spec.rope.ctx_original_tokens = ctx;
    return spec;
}

TEST(RopeTable, PlainFrequenciesAndAngles) {
    RopeTable table(spec_of(4, 2048), {}, {2048}, false);
    ASSERT_EQ(table.frequencies().size(), 2u);
    EXPECT_DOUBLE_EQ(table.frequencies()[0], 1.0);
    EXPECT_NEAR(table.frequencies()[1], 0.01, 1e-12);
    const std::vector<int32_t> positions = {3, 0};
    std::vector<float> out(8);
    table.fill(positions, out.data());
    EXPECT_FLOAT_EQ(out[0], std::cos(3.0f));
    EXPECT_FLOAT_EQ(out[1], std::sin(3.0f));
    EXPECT_FLOAT_EQ(out[2], static_cast<float>(std::cos(0.03)));
    EXPECT_EQ(out[4], 1.0f);
    EXPECT_EQ(out[5], 0.0f);
}

TEST(RopeTable, LinearScalingStretchesEveryFrequency) {
    ModelSpec spec = spec_of(8, 2048);
    spec.rope.scaling = RopeScaling::kLinear;
    spec.rope.factor = 4;
    const RopeTable plain(spec_of(8, 2048), {}, {2048}, false), stretched(spec, {}, {8192}, false);
    for (size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(stretched.frequencies()[i], plain.frequencies()[i] / 4);
    EXPECT_EQ(stretched.magnitude(), 1.0);
}

TEST(RopeTable, YarnKeepsFastFrequenciesStretchesSlowOnesAndRaisesTheTemperature) {
    const ModelSpec spec = spec_of(64, 2048);
    const RopeTable plain(spec, {}, {2048}, false), longer(spec, {}, {8192}, false);
    EXPECT_DOUBLE_EQ(longer.frequencies().front(), plain.frequencies().front());
    EXPECT_NEAR(longer.frequencies().back(), plain.frequencies().back() / 4, 1e-15);
    EXPECT_NEAR(longer.magnitude(), 1 + 0.1 * std::log(4.0), 1e-12);
    EXPECT_EQ(plain.magnitude(), 1.0);
}

TEST(RopeTable, BeyondItsReachARuleStretchesFurther) {
    ModelSpec spec = spec_of(64, 8192);
    spec.rope.scaling = RopeScaling::kYarn;
    spec.rope.factor = 4;
    spec.rope.ctx_original_tokens = 2048;
    const RopeTable within(spec, {}, {8192}, false), beyond(spec, {}, {16384}, false);
    EXPECT_NEAR(beyond.frequencies().back(), within.frequencies().back() / 2, 1e-15);
    EXPECT_EQ(beyond.frequencies().front(), within.frequencies().front());
    EXPECT_NEAR(beyond.magnitude(), 1 + 0.1 * std::log(8.0), 1e-12);
}

TEST(RopeTable, Llama3KeepsShortWavesAndStretchesLongOnes) {
    ModelSpec spec = spec_of(128, 131072);
    spec.rope.scaling = RopeScaling::kLlama3;
    spec.rope.base = 500000;
    spec.rope.factor = 8;
    spec.rope.ctx_original_tokens = 8192;
    const RopeTable plain(spec_of(128, 131072), {}, {8192}, false);
    const RopeTable scaled(spec, {}, {8192}, false);
    EXPECT_DOUBLE_EQ(scaled.frequencies().front(), plain.frequencies().front());
    EXPECT_NEAR(scaled.frequencies().back(), std::pow(500000.0, -126.0 / 128) / 8, 1e-15);
    EXPECT_EQ(scaled.magnitude(), 1.0);
    const RopeFactors tensor{.always = std::vector<float>(64, 1.0f), .long_context = {}, .short_context = {}};
    EXPECT_NEAR(RopeTable(spec, tensor, {8192}, false).frequencies().back(), std::pow(500000.0, -126.0 / 128),
                1e-15)
        << "the file's factors stand for the rule";
}

TEST(RopeTable, AGivenYarnFactorOverridesTheFile) {
    ModelSpec spec = spec_of(64, 2048);
    spec.rope.scaling = RopeScaling::kLinear;
    spec.rope.factor = 2;
    const RopeTable given(spec, {}, {.ctx_tokens = 2048, .yarn_factor = 4}, false),
        by_itself(spec_of(64, 2048), {}, {8192}, false);
    EXPECT_TRUE(std::ranges::equal(given.frequencies(), by_itself.frequencies()));
    EXPECT_EQ(given.magnitude(), by_itself.magnitude());
}

TEST(RopeTable, LongRopeTakesTheFactorsOfItsContext) {
    ModelSpec spec = spec_of(4, 8192);
    spec.rope.scaling = RopeScaling::kLongRope;
    spec.rope.ctx_original_tokens = 2048;
    const RopeFactors factors{.always = {}, .long_context = {2, 8}, .short_context = {1, 1}};
    EXPECT_DOUBLE_EQ(RopeTable(spec, factors, {2048}, false).frequencies()[0], 1.0);
    EXPECT_DOUBLE_EQ(RopeTable(spec, factors, {4096}, false).frequencies()[0], 0.5);
    EXPECT_NEAR(RopeTable(spec, factors, {4096}, false).magnitude(),
                std::sqrt(1 + std::log(4.0) / std::log(2048.0)), 1e-12);
}

TEST(RopeTable, LayersWithAWindowKeepTheirOwnBase) {
    ModelSpec spec = spec_of(4, 8192);
    spec.rope.base = 1e6f;
    spec.rope.base_local = 1e4f;
    spec.rope.scaling = RopeScaling::kLinear;
    spec.rope.factor = 8;
    EXPECT_NEAR(RopeTable(spec, {}, {8192}, true).frequencies()[1], 0.01, 1e-9);
    EXPECT_NEAR(RopeTable(spec, {}, {8192}, false).frequencies()[1], 0.001 / 8, 1e-9);
}

}  // namespace
}  // namespace airframe
