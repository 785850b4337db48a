// The tables behind the IQ formats and MXFP4: facts of the formats. Plain data only: kernels for single
// instruction sets include this header too. Constant, any thread.
#pragma once

#include <cstdint>

namespace airframe {

// Points of sizeof(Point) values of one byte each, the first in the lowest byte.
template <class Point, int kPoints>
struct Grid {
    Point points[kPoints];
};

extern const Grid<uint64_t, 256> kIq2XxsGrid;  // of 8, 25, 43
extern const Grid<uint64_t, 512> kIq2XsGrid;
extern const Grid<uint64_t, 1024> kIq2SGrid;
extern const Grid<uint64_t, 2048> kIq1Grid;    // of -1, 0, 1 (signed bytes); IQ1_S and IQ1_M
extern const Grid<uint32_t, 256> kIq3XxsGrid;  // of 4, 12, 20, 28, 36, 44, 52, 62
extern const Grid<uint32_t, 512> kIq3SGrid;    // of 1, 3, 5, ... 15

// IQ4_NL and IQ4_XS, ascending.
constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Twice the values of E2M1: sign, two bits of exponent, one of mantissa.
constexpr int8_t kMxfp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace airframe
