// The bytes of one block of each quantised format, as they lie in the file (little-endian).
// docs/QUANTIZATION.md draws them bit by bit. Plain data only: kernels for single instruction sets include
// this header too.
//
// d, m and dmin are IEEE halves, kept as their bits (f16.h converts). kElems is the number of weights in a
// block.
#pragma once

#include <cstdint>

namespace airframe {

// 32 weights of 4 bits: d * (q - 8).
struct BlockQ4_0 {
    static constexpr int kElems = 32;
    uint16_t d;
    uint8_t qs[16];  // low nibbles: weights 0-15; high nibbles: 16-31
};
static_assert(sizeof(BlockQ4_0) == 18);

// d * q + m
struct BlockQ4_1 {
    static constexpr int kElems = 32;
    uint16_t d;
    uint16_t m;
    uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

// d * (q - 16), bit 4 of weight i is bit i of qh.
struct BlockQ5_0 {
    static constexpr int kElems = 32;
    uint16_t d;
    uint8_t qh[4];
    uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

// d * q + m
struct BlockQ5_1 {
    static constexpr int kElems = 32;
    uint16_t d;
    uint16_t m;
    uint8_t qh[4];
    uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

// d * q
struct BlockQ8_0 {
    static constexpr int kElems = 32;
    uint16_t d;
    int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

// The K formats: 256 weights in 8 or 16 groups, each group with its own small integer scale.

// 16 groups of 16: d * scale * q - dmin * min, q of 2 bits.
struct BlockQ2_K {
    static constexpr int kElems = 256;
    uint8_t scales[16];  // per group: scale in the low nibble, min in the high one
    uint8_t qs[64];
    uint16_t d;
    uint16_t dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

// 16 groups of 16: d * (scale - 32) * (q - 4), q of 3 bits.
struct BlockQ3_K {
    static constexpr int kElems = 256;
    uint8_t hmask[32];   // the third bit of each q
    uint8_t qs[64];      // the two low bits
    uint8_t scales[12];  // 16 scales of 6 bits
    uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110);

// 8 groups of 32: d * scale * q - dmin * min, q of 4 bits.
struct BlockQ4_K {
    static constexpr int kElems = 256;
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[12];  // 8 scales and 8 mins of 6 bits
    uint8_t qs[128];
};
static_assert(sizeof(BlockQ4_K) == 144);

// As Q4_K, q of 5 bits.
struct BlockQ5_K {
    static constexpr int kElems = 256;
    uint16_t d;
    uint16_t dmin;
    uint8_t scales[12];
    uint8_t qh[32];  // the fifth bit of each q
    uint8_t qs[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

// 16 groups of 16: d * scale * (q - 32), q of 6 bits.
struct BlockQ6_K {
    static constexpr int kElems = 256;
    uint8_t ql[128];  // the four low bits of each q
    uint8_t qh[64];   // the two high bits
    int8_t scales[16];
    uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210);

// d * q; made for activations, so d is a float and the sums of 16 are kept.
struct BlockQ8_K {
    static constexpr int kElems = 256;
    float d;
    int8_t qs[256];
    int16_t bsums[16];
};
static_assert(sizeof(BlockQ8_K) == 292);

// The IQ formats: q is a place in a table, of single values (IQ4) or of grid points that hold 4 or 8 values
// at once.

// 32 weights: d * kIq4Values[q].
struct BlockIQ4_NL {
    static constexpr int kElems = 32;
    uint16_t d;
    uint8_t qs[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

// 8 groups of 32: d * (scale - 32) * kIq4Values[q].
struct BlockIQ4_XS {
    static constexpr int kElems = 256;
    uint16_t d;
    uint16_t scales_h;    // two high bits of each scale
    uint8_t scales_l[4];  // four low bits
    uint8_t qs[128];
};
static_assert(sizeof(BlockIQ4_XS) == 136);

struct BlockIQ2_XXS {
    static constexpr int kElems = 256;
    uint16_t d;
    uint16_t qs[32];  // per 32 weights: four 8-bit grid points, then four 7-bit sign codes and a 4-bit scale
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

struct BlockIQ2_XS {
    static constexpr int kElems = 256;
    uint16_t d;
    uint16_t qs[32];    // per 8 weights: 9-bit grid point, 7-bit sign code
    uint8_t scales[8];  // per 16 weights: a nibble
};
static_assert(sizeof(BlockIQ2_XS) == 74);

struct BlockIQ2_S {
    static constexpr int kElems = 256;
    uint16_t d;
    uint8_t qs[32];     // per 8 weights: the eight low bits of the grid point
    uint8_t signs[32];  // per 8 weights: a sign bit each
    uint8_t qh[8];      // two high bits of each grid point
    uint8_t scales[8];
};
static_assert(sizeof(BlockIQ2_S) == 82);

struct BlockIQ3_XXS {
    static constexpr int kElems = 256;
    uint16_t d;
    uint8_t qs[64];            // per 4 weights: an 8-bit grid point
    uint8_t signs_scales[32];  // per 32 weights: 32 bits of four 7-bit sign codes and a 4-bit scale
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

struct BlockIQ3_S {
    static constexpr int kElems = 256;
    uint16_t d;
    uint8_t qs[64];     // per 4 weights: the eight low bits of the grid point
    uint8_t qh[8];      // the ninth bit
    uint8_t signs[32];  // per weight: a sign bit
    uint8_t scales[4];  // per 32 weights: a nibble
};
static_assert(sizeof(BlockIQ3_S) == 110);

struct BlockIQ1_S {
    static constexpr int kElems = 256;
    uint16_t d;
    uint8_t qs[32];  // per 8 weights: the eight low bits of the grid point
    uint16_t qh[8];  // per 32 weights: four times three high bits, a 3-bit scale, the sign of the shift
};
static_assert(sizeof(BlockIQ1_S) == 50);

// Its d is spread over the top nibbles of the scales.
struct BlockIQ1_M {
    static constexpr int kElems = 256;
    uint8_t qs[32];      // per 8 weights: the eight low bits of the grid point
    uint8_t qh[16];      // per 8 weights, a nibble: three high bits, the sign of the shift
    uint16_t scales[4];  // per 64 weights: four 3-bit scales, then a quarter of d
};
static_assert(sizeof(BlockIQ1_M) == 56);

// Ternary: d * (q - 1), q of 0, 1, 2; five of them in one byte.
struct BlockTQ1_0 {
    static constexpr int kElems = 256;
    uint8_t qs[48];
    uint8_t qh[4];
    uint16_t d;
};
static_assert(sizeof(BlockTQ1_0) == 54);

// Ternary, two bits each.
struct BlockTQ2_0 {
    static constexpr int kElems = 256;
    uint8_t qs[64];
    uint16_t d;
};
static_assert(sizeof(BlockTQ2_0) == 66);

// OCP Microscaling: 2^(e - 127) times a 4-bit float (E2M1).
struct BlockMXFP4 {
    static constexpr int kElems = 32;
    uint8_t e;
    uint8_t qs[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

}  // namespace airframe
