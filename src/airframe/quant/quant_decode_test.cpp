// Decoding against goldens: random blocks of every format, whose values another program computed from the
// published layouts. Equal to the last bit.
#include <gtest/gtest.h>

#include <algorithm>

#include "airframe/quant/blocks.h"
#include "airframe/quant/quant.h"
#include "airframe/quant/test_bytes.h"

namespace airframe {
namespace {

struct Golden {
    QuantType type;
    int blocks;
    uint64_t digest;  // of the values of the blocks; their bytes are those of Lcg(type number)
};

constexpr Golden kGoldens[] = {
    {QuantType::kF32, 4096, 0x1fcf58b616668a7f},  {QuantType::kF16, 4096, 0x13cd152728ce6619},
    {QuantType::kQ4_0, 64, 0xbe154e511d5e13de},   {QuantType::kQ4_1, 64, 0x7d6c0a4407aca2bd},
    {QuantType::kQ5_0, 64, 0xdb26350f6c326d27},   {QuantType::kQ5_1, 64, 0xf5566495ebbcd3ac},
    {QuantType::kQ8_0, 64, 0x2677c3f55f55558c},   {QuantType::kQ2_K, 64, 0xb577488975cf3058},
    {QuantType::kQ3_K, 64, 0xf66d0c345b426b63},   {QuantType::kQ4_K, 64, 0x173484ca1d0125f8},
    {QuantType::kQ5_K, 64, 0xd4b5624ac5b0f061},   {QuantType::kQ6_K, 64, 0xe542330a681193f5},
    {QuantType::kQ8_K, 64, 0x2f28d912306d63f6},   {QuantType::kIQ2_XXS, 64, 0x83b980054a6e8d3f},
    {QuantType::kIQ2_XS, 64, 0x184a54e971fdac15}, {QuantType::kIQ3_XXS, 64, 0xbc390e8947afba3d},
    {QuantType::kIQ1_S, 64, 0x0e9747d943d1aafe},  {QuantType::kIQ4_NL, 64, 0x6452f06bf28499d2},
    {QuantType::kIQ3_S, 64, 0xed725cb1b25f38b1},  {QuantType::kIQ2_S, 64, 0xdcbce9ae127b687e},
    {QuantType::kIQ4_XS, 64, 0x179414b96b2658b7}, {QuantType::kIQ1_M, 64, 0xb3d6b75ffdc62d10},
    {QuantType::kBF16, 4096, 0x2bdb631ceeaca90e}, {QuantType::kTQ1_0, 64, 0x32a2af0190d41a3e},
    {QuantType::kTQ2_0, 64, 0x0e014f0e7b20286d},  {QuantType::kMXFP4, 64, 0xe66aed9acab4b827},
};

TEST(QuantDecode, EveryFormatEqualsItsGolden) {
    for (const Golden& golden : kGoldens) {
        const QuantTraits& quant = traits(golden.type);
        const auto bytes = testing::random_bytes(static_cast<uint32_t>(golden.type),
                                                 static_cast<size_t>(golden.blocks * quant.block_bytes));
        std::vector<float> values(static_cast<size_t>(golden.blocks * quant.block_elems));
        quant.dequantize_row(bytes.data(), values.data(), static_cast<int64_t>(values.size()));
        EXPECT_EQ(testing::digest_values(values), golden.digest) << quant.name;
    }
}

TEST(QuantDecode, EveryFormatWithWeightsHasAGolden) {
    for (const QuantTraits& quant : all_quants()) {
        if (quant.dequantize_row == nullptr) continue;
        const auto is_it = [&](const Golden& golden) { return golden.type == quant.type; };
        EXPECT_TRUE(std::any_of(std::begin(kGoldens), std::end(kGoldens), is_it)) << quant.name;
    }
}

// The example of docs/QUANTIZATION.md, worked out there by hand.
TEST(QuantDecode, Q4KExampleOfTheDocumentation) {
    BlockQ4_K block{};
    block.d = 0x3800;     // 0.5
    block.dmin = 0x3400;  // 0.25
    block.scales[1] = 0xC5;
    block.scales[5] = 0x42;
    block.scales[9] = 0x9A;
    block.qs[3] = 0x20;
    block.qs[67] = 0x7C;
    float out[256];
    traits(QuantType::kQ4_K).dequantize_row(reinterpret_cast<const std::byte*>(&block), out, 256);
    EXPECT_EQ(out[1 * 32 + 3], 4.5f);     // group 1: 0.5 * 5 * 2 - 0.25 * 2
    EXPECT_EQ(out[5 * 32 + 3], 196.75f);  // group 5: 0.5 * 58 * 7 - 0.25 * 25
    EXPECT_EQ(out[5 * 32 + 4], -6.25f);
    EXPECT_EQ(out[4 * 32 + 3], 0.0f);  // group 4 has the scale and the min 0
}

}  // namespace
}  // namespace airframe
