// The two functions of each block format: decode (normative) and encode. Private to this folder: quant.cpp
// puts them into the table that everybody else uses. Stateless, any thread.
#pragma once

#include <cstdint>

#include "airframe/quant/blocks.h"

namespace airframe {

// One block to its kElems weights.
void decode(const BlockQ4_0& block, float* out);
void decode(const BlockQ4_1& block, float* out);
void decode(const BlockQ5_0& block, float* out);
void decode(const BlockQ5_1& block, float* out);
void decode(const BlockQ8_0& block, float* out);
void decode(const BlockQ2_K& block, float* out);
void decode(const BlockQ3_K& block, float* out);
void decode(const BlockQ4_K& block, float* out);
void decode(const BlockQ5_K& block, float* out);
void decode(const BlockQ6_K& block, float* out);
void decode(const BlockQ8_K& block, float* out);
void decode(const BlockIQ2_XXS& block, float* out);
void decode(const BlockIQ2_XS& block, float* out);
void decode(const BlockIQ2_S& block, float* out);
void decode(const BlockIQ3_XXS& block, float* out);
void decode(const BlockIQ3_S& block, float* out);
void decode(const BlockIQ1_S& block, float* out);
void decode(const BlockIQ1_M& block, float* out);
void decode(const BlockIQ4_NL& block, float* out);
void decode(const BlockIQ4_XS& block, float* out);
void decode(const BlockTQ1_0& block, float* out);
void decode(const BlockTQ2_0& block, float* out);
void decode(const BlockMXFP4& block, float* out);

// kElems weights to one block. NaN and infinity give some block, never undefined behaviour.
void encode(const float* in, BlockQ4_0& block);
void encode(const float* in, BlockQ4_1& block);
void encode(const float* in, BlockQ5_0& block);
void encode(const float* in, BlockQ5_1& block);
void encode(const float* in, BlockQ8_0& block);
void encode(const float* in, BlockQ2_K& block);
void encode(const float* in, BlockQ3_K& block);
void encode(const float* in, BlockQ4_K& block);
void encode(const float* in, BlockQ5_K& block);
void encode(const float* in, BlockQ6_K& block);
void encode(const float* in, BlockQ8_K& block);
void encode(const float* in, BlockIQ4_NL& block);
void encode(const float* in, BlockIQ4_XS& block);
void encode(const float* in, BlockTQ1_0& block);
void encode(const float* in, BlockTQ2_0& block);
void encode(const float* in, BlockMXFP4& block);

}  // namespace airframe
