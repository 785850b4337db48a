#include "airframe/quant/quant.h"

#include <gtest/gtest.h>

namespace airframe {
namespace {

TEST(Quant, TheTableIsFoundByNumberAndName) {
    EXPECT_EQ(all_quants().size(), 31u);
    for (const QuantTraits& quant : all_quants()) {
        EXPECT_EQ(find_quant(static_cast<uint32_t>(quant.type)), &quant);
        EXPECT_EQ(find_quant(quant.name), &quant);
        EXPECT_EQ(&traits(quant.type), &quant);
    }
    EXPECT_EQ(find_quant("q4_k"), find_quant(12));
    EXPECT_EQ(find_quant("Q4_K_M"), nullptr);
}

TEST(Quant, NumbersThatAreNoTypeAreUnknown) {
    for (const uint32_t number : {4u, 5u, 9u, 31u, 33u, 36u, 38u, 40u, 1000u, 0x80000000u, 0xFFFFFFFFu})
        EXPECT_EQ(find_quant(number), nullptr) << number;
}

TEST(Quant, SizesOfRows) {
    EXPECT_EQ(row_bytes(QuantType::kF32, 3), 12);
    EXPECT_EQ(row_bytes(QuantType::kQ4_0, 64), 36);
    EXPECT_EQ(row_bytes(QuantType::kQ6_K, 512), 420);
    EXPECT_EQ(row_bytes(QuantType::kI64, 2), 16);
}

TEST(Quant, IntegersHoldNoWeights) {
    for (const QuantType type :
         {QuantType::kI8, QuantType::kI16, QuantType::kI32, QuantType::kI64, QuantType::kF64})
        EXPECT_EQ(traits(type).dequantize_row, nullptr);
}

}  // namespace
}  // namespace airframe
