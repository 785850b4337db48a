// Encoding: the formats with one public definition byte for byte, the others by the error they leave, and all
// of them on hostile input.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "airframe/quant/blocks.h"
#include "airframe/quant/quant.h"
#include "airframe/quant/test_bytes.h"

namespace airframe {
namespace {

std::vector<float> decoded(const QuantTraits& quant, const std::vector<std::byte>& bytes) {
    std::vector<float> out(bytes.size() / static_cast<size_t>(quant.block_bytes) *
                           static_cast<size_t>(quant.block_elems));
    quant.dequantize_row(bytes.data(), out.data(), static_cast<int64_t>(out.size()));
    return out;
}

std::vector<std::byte> encoded(const QuantTraits& quant, const std::vector<float>& values) {
    const auto n = static_cast<int64_t>(values.size());
    std::vector<std::byte> bytes(static_cast<size_t>(row_bytes(quant.type, n)));
    quant.quantize_row(values.data(), bytes.data(), n);
    return bytes;
}

struct Golden {
    QuantType type;
    std::vector<uint8_t> block;
};

// Of the values ((37 i + 11) mod 101 - 50) / 64, computed by another program.
const Golden kGoldens[] = {
    {QuantType::kQ4_0,
     {0x40, 0x2e, 0xf2, 0x58, 0xbe, 0x13, 0x79, 0xdf, 0x35, 0x9b, 0xf1, 0x47, 0xac, 0x02, 0x68, 0xce, 0x24,
      0x8a}},
    {QuantType::kQ5_0, {0x40, 0x2a, 0xb4, 0xb4, 0xa5, 0x25, 0xf4, 0xbf, 0x7b, 0x27, 0xe3,
                        0xae, 0x5a, 0x16, 0xd1, 0x9d, 0x49, 0x04, 0xc0, 0x8c, 0x38, 0xf4}},
    {QuantType::kQ4_1, {0x89, 0x2e, 0x40, 0xba, 0xf2, 0x57, 0xbd, 0x13, 0x79, 0xcf,
                        0x35, 0x8a, 0xe1, 0x46, 0xac, 0x02, 0x68, 0xbd, 0x24, 0x79}},
    {QuantType::kQ5_1, {0x53, 0x2a, 0x40, 0xba, 0xb4, 0xb4, 0xa5, 0x25, 0xf3, 0xbf, 0x6b, 0x27,
                        0xe2, 0xae, 0x5a, 0x16, 0xd1, 0x9d, 0x49, 0x04, 0xc0, 0x7c, 0x38, 0xf3}},
    {QuantType::kQ8_0,
     {0x4d, 0x1e, 0x9d, 0xfb, 0x59, 0xb6, 0x14, 0x72, 0xd0, 0x2e, 0x8b, 0xe9, 0x47, 0xa5, 0x03, 0x61, 0xbe,
      0x1c, 0x7a, 0xd7, 0x35, 0x93, 0xf1, 0x4f, 0xac, 0x0a, 0x68, 0xc6, 0x24, 0x81, 0xdf, 0x3d, 0x9a, 0xf8}},
    {QuantType::kMXFP4,
     {0x7c, 0x7e, 0xc8, 0x56, 0xfe, 0x92, 0x67, 0xec, 0x14, 0x7f, 0xda, 0x35, 0xfe, 0xb0, 0x56, 0xed, 0x93}},
    {QuantType::kTQ2_0,
     {0x58, 0x61, 0x16, 0x58, 0x85, 0x16, 0x61, 0x85, 0x18, 0x61, 0x86, 0x58, 0x61, 0x16, 0x58, 0x85, 0x16,
      0x61, 0x85, 0x18, 0x61, 0x86, 0x58, 0x65, 0x16, 0x59, 0x85, 0x14, 0x61, 0x85, 0x58, 0x61, 0x14, 0x61,
      0x85, 0x58, 0x61, 0x16, 0x58, 0x45, 0x16, 0x61, 0x85, 0x18, 0x61, 0x86, 0x58, 0x61, 0x16, 0x58, 0x85,
      0x16, 0x61, 0x85, 0x18, 0x61, 0x86, 0x58, 0x61, 0x16, 0x59, 0x85, 0x16, 0x61, 0x40, 0x3a}},
    {QuantType::kTQ1_0, {0x46, 0x6d, 0xd2, 0x46, 0x7a, 0xd3, 0x6c, 0x7a, 0x45, 0x6d, 0xcf, 0x46, 0x6d, 0xd3,
                         0x46, 0x7a, 0xd3, 0x6c, 0x7a, 0x45, 0x6d, 0xcf, 0x46, 0x89, 0xd3, 0x9b, 0x7a, 0x29,
                         0x6d, 0x7a, 0x48, 0x6d, 0x7f, 0x51, 0x74, 0xd5, 0x1b, 0x7c, 0xf2, 0x5d, 0x7c, 0x51,
                         0x5e, 0xd4, 0x51, 0x74, 0xd5, 0x1b, 0x33, 0x9f, 0xb5, 0x20, 0x40, 0x3a}},
};

TEST(QuantEncode, SimpleFormatsEqualTheirPublicDefinition) {
    for (const Golden& golden : kGoldens) {
        const QuantTraits& quant = traits(golden.type);
        std::vector<float> values(static_cast<size_t>(quant.block_elems));
        for (size_t i = 0; i < values.size(); ++i)
            values[i] = (static_cast<float>((i * 37 + 11) % 101) - 50) / 64;
        const auto bytes = encoded(quant, values);
        EXPECT_EQ(std::vector<uint8_t>(reinterpret_cast<const uint8_t*>(bytes.data()),
                                       reinterpret_cast<const uint8_t*>(bytes.data() + bytes.size())),
                  golden.block)
            << quant.name;
    }
}

struct Bound {
    QuantType type;
    float relative_rms;  // of normal values; a few per cent above what the encoder reaches
};

constexpr Bound kBounds[] = {
    {QuantType::kF32, 0},          {QuantType::kF16, 0.00025f}, {QuantType::kBF16, 0.0018f},
    {QuantType::kQ4_0, 0.089f},    {QuantType::kQ4_1, 0.081f},  {QuantType::kQ5_0, 0.044f},
    {QuantType::kQ5_1, 0.039f},    {QuantType::kQ8_0, 0.0056f}, {QuantType::kQ2_K, 0.297f},
    {QuantType::kQ3_K, 0.158f},    {QuantType::kQ4_K, 0.074f},  {QuantType::kQ5_K, 0.037f},
    {QuantType::kQ6_K, 0.0183f},   {QuantType::kQ8_K, 0.0073f}, {QuantType::kIQ4_NL, 0.079f},
    {QuantType::kIQ4_XS, 0.0795f}, {QuantType::kMXFP4, 0.118f},
};

TEST(QuantEncode, ErrorOfNormalValuesStaysBelowItsBound) {
    testing::Lcg random(7);
    std::vector<float> values(256 * 256);
    for (float& value : values) value = 0.02f * random.next_normal();
    for (const Bound& bound : kBounds) {
        const QuantTraits& quant = traits(bound.type);
        const auto back = decoded(quant, encoded(quant, values));
        double error = 0, power = 0;
        for (size_t i = 0; i < values.size(); ++i) {
            error += (back[i] - values[i]) * (back[i] - values[i]);
            power += values[i] * values[i];
        }
        EXPECT_LE(std::sqrt(error / power), bound.relative_rms) << quant.name;
    }
}

TEST(QuantEncode, TernaryValuesSurvive) {
    testing::Lcg random(3);
    std::vector<float> values(512);
    for (float& value : values) value = 0.25f * static_cast<float>(random.next_byte() % 3 - 1);
    for (const QuantType type : {QuantType::kTQ1_0, QuantType::kTQ2_0})
        EXPECT_EQ(decoded(traits(type), encoded(traits(type), values)), values) << traits(type).name;
}

TEST(QuantEncode, ZerosStayZeros) {
    const std::vector<float> zeros(512, 0.0f);
    for (const QuantTraits& quant : all_quants())
        EXPECT_TRUE(quant.quantize_row == nullptr || decoded(quant, encoded(quant, zeros)) == zeros)
            << quant.name;
}

// Equal values of one sign, the hardest case for an offset that cannot be positive.
TEST(QuantEncode, ConstantsStayClose) {
    for (const float constant : {0.75f, -0.75f}) {
        const std::vector<float> values(512, constant);
        for (const Bound& bound : kBounds) {
            const auto back = decoded(traits(bound.type), encoded(traits(bound.type), values));
            for (const float value : back) ASSERT_NEAR(value, constant, 0.04f) << traits(bound.type).name;
        }
    }
}

TEST(QuantEncode, SumsOfQ8KAreThoseOfItsNumbers) {
    std::vector<float> values(256);
    testing::Lcg random(5);
    for (float& value : values) value = random.next_normal();
    const auto bytes = encoded(traits(QuantType::kQ8_K), values);
    const auto* block = reinterpret_cast<const BlockQ8_K*>(bytes.data());
    for (int g = 0; g < 16; ++g) {
        int sum = 0;
        for (int i = 0; i < 16; ++i) sum += block->qs[16 * g + i];
        EXPECT_EQ(block->bsums[g], sum);
    }
}

TEST(QuantEncode, HostileValuesAreHarmless) {
    const float hostile[] = {
        std::numeric_limits<float>::quiet_NaN(),  std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(),  std::numeric_limits<float>::max(),
        std::numeric_limits<float>::denorm_min(), -std::numeric_limits<float>::denorm_min(),
        std::numeric_limits<float>::lowest(),     1e-20f};
    for (const QuantTraits& quant : all_quants()) {
        if (quant.quantize_row == nullptr) continue;
        for (const float value : hostile) {
            std::vector<float> one(256, 0.5f);
            one[17] = value;
            EXPECT_EQ(decoded(quant, encoded(quant, one)).size(), one.size());
            const std::vector<float> all(256, value);
            EXPECT_EQ(decoded(quant, encoded(quant, all)).size(), all.size());
        }
    }
}

}  // namespace
}  // namespace airframe
