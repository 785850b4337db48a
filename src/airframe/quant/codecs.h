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

}  // namespace airframe
