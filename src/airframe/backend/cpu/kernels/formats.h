// The block formats as kernels see them: a chunk of 256 weights is vectors of small integers q in order, and
// weight = scale * q + offset, with one scale and offset for each of 8 groups of 32 or 16 groups of 16.
//
// A format gives: kBlock, kBlockBytes; kGroups; kSigned (q is signed, else 0 to 127); kMins (offsets are
// stored ones, else they come to -kZero * scale); scales(p, st), which puts kGroups scales, then kGroups
// offsets into the vectors st; and bytes(p, i), vector i of the chunk. Read by the translation unit of each
// instruction set, after its simd.h.
#pragma once

#include "airframe/quant/blocks.h"
#include "airframe/quant/iq_tables.h"

namespace airframe::cpu {
namespace {

constexpr int kScaleVectors8 = 16 / kLanes;   // 8 scales and 8 offsets
constexpr int kScaleVectors16 = 16 / kLanes;  // 16 scales, or 16 offsets

SIMD uint16_t half_at(const std::byte* p) {
    uint16_t bits;
    std::memcpy(&bits, p, sizeof bits);
    return bits;
}
SIMD uint32_t word_at(const std::byte* p) {
    uint32_t bits;
    std::memcpy(&bits, p, sizeof bits);
    return bits;
}

template <class Block>
struct Blocks32 {
    static constexpr int kBlock = 32, kBlockBytes = sizeof(Block), kGroups = 8;
};
template <class Block, int kGroupsOfBlock>
struct Blocks256 {
    static constexpr int kBlock = 256, kBlockBytes = sizeof(Block), kGroups = kGroupsOfBlock;
};

struct FormatQ4_0 : Blocks32<BlockQ4_0> {
    static constexpr bool kSigned = false, kMins = false;
    static constexpr int kZero = 8;
    SIMD void scales(const std::byte* p, Floats* st) {
        const Floats8 d = floats8_of_f16(p, kBlockBytes);
        put_scales8(st, d, d * splat8(-kZero));
    }
    SIMD Bytes bytes(const std::byte* p, int i) { return nibbles16(p + 2, kBlockBytes, i); }
};

struct FormatQ4_1 : Blocks32<BlockQ4_1> {
    static constexpr bool kSigned = false, kMins = true;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) {
        put_scales8(st, floats8_of_f16(p, kBlockBytes), floats8_of_f16(p + 2, kBlockBytes));
    }
    SIMD Bytes bytes(const std::byte* p, int i) { return nibbles16(p + 4, kBlockBytes, i); }
};

struct FormatQ5_0 : Blocks32<BlockQ5_0> {
    static constexpr bool kSigned = false, kMins = false;
    static constexpr int kZero = 16;
    SIMD void scales(const std::byte* p, Floats* st) {
        const Floats8 d = floats8_of_f16(p, kBlockBytes);
        put_scales8(st, d, d * splat8(-kZero));
    }
    SIMD Bytes bytes(const std::byte* p, int i) {
        return with_bits32(nibbles16(p + 6, kBlockBytes, i), p + 2, kBlockBytes, i, 16);
    }
};

struct FormatQ5_1 : Blocks32<BlockQ5_1> {
    static constexpr bool kSigned = false, kMins = true;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) {
        put_scales8(st, floats8_of_f16(p, kBlockBytes), floats8_of_f16(p + 2, kBlockBytes));
    }
    SIMD Bytes bytes(const std::byte* p, int i) {
        return with_bits32(nibbles16(p + 8, kBlockBytes, i), p + 4, kBlockBytes, i, 16);
    }
};

struct FormatQ8_0 : Blocks32<BlockQ8_0> {
    static constexpr bool kSigned = true, kMins = false;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) {
        const Floats8 d = floats8_of_f16(p, kBlockBytes);
        put_scales8(st, d, d * splat8(-kSignedBias));
    }
    SIMD Bytes bytes(const std::byte* p, int i) { return biased(bytes32(p + 2, kBlockBytes, i)); }
};

// The 6-bit scales and mins of Q4_K and Q5_K, eight of each, as bytes.
struct ScalesAndMins {
    uint64_t scales, mins;
};
SIMD ScalesAndMins scales_and_mins(const std::byte* packed) {
    const uint32_t a = word_at(packed), b = word_at(packed + 4), c = word_at(packed + 8);
    const uint32_t high_scales = (c & 0x0f0f0f0fu) | (a >> 2 & 0x30303030u);
    const uint32_t high_mins = (c >> 4 & 0x0f0f0f0fu) | (b >> 2 & 0x30303030u);
    return {(a & 0x3f3f3f3fu) | static_cast<uint64_t>(high_scales) << 32,
            (b & 0x3f3f3f3fu) | static_cast<uint64_t>(high_mins) << 32};
}
SIMD void put_k_scales(const std::byte* p, Floats* st) {
    const ScalesAndMins packed = scales_and_mins(p + 4);
    put_scales8(st, floats8_of_u8(packed.scales) * splat8(f16(half_at(p))),
                floats8_of_u8(packed.mins) * splat8(-f16(half_at(p + 2))));
}

struct FormatQ4_K : Blocks256<BlockQ4_K, 8> {
    static constexpr bool kSigned = false, kMins = true;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) { put_k_scales(p, st); }
    SIMD Bytes bytes(const std::byte* p, int i) { return nibbles32(p + 16, i); }
};

struct FormatQ5_K : Blocks256<BlockQ5_K, 8> {
    static constexpr bool kSigned = false, kMins = true;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) { put_k_scales(p, st); }
    SIMD Bytes bytes(const std::byte* p, int i) { return with_plane(nibbles32(p + 48, i), p + 16, i, 16); }
};

// 16 byte scales times d, and offsets of `factor` scales.
template <bool kSignedScales>
SIMD void put_scales16(const uint8_t* scales, float d, float factor, Floats* st) {
    for (int v = 0; v < kScaleVectors16; ++v) {
        const uint8_t* at = scales + v * kLanes;
        const Floats s = (kSignedScales ? from_i8(at) : from_u8(at)) * splat(d);
        st[v] = s;
        st[kScaleVectors16 + v] = s * splat(factor);
    }
}

struct FormatQ6_K : Blocks256<BlockQ6_K, 16> {
    static constexpr bool kSigned = false, kMins = false;
    static constexpr int kZero = 32;
    SIMD void scales(const std::byte* p, Floats* st) {
        put_scales16<true>(reinterpret_cast<const uint8_t*>(p + 192), f16(half_at(p + 208)), -kZero, st);
    }
    SIMD Bytes bytes(const std::byte* p, int i) { return six_bits(p, p + 128, i); }
};

struct FormatQ3_K : Blocks256<BlockQ3_K, 16> {
    static constexpr bool kSigned = false, kMins = false;
    static constexpr int kZero = 4;
    SIMD void scales(const std::byte* p, Floats* st) {
        const uint32_t a = word_at(p + 96), b = word_at(p + 100), c = word_at(p + 104), nibble = 0x0f0f0f0fu;
        const uint32_t high =
            0x30303030u;  // two bits of byte g % 4 of c, at 2 * (g / 4), go on top of the nibbles
        const uint32_t packed[4] = {(a & nibble) | (c << 4 & high), (b & nibble) | (c << 2 & high),
                                    (a >> 4 & nibble) | (c & high), (b >> 4 & nibble) | (c >> 2 & high)};
        uint8_t scales[16];
        std::memcpy(scales, packed, sizeof scales);
        for (uint8_t& s : scales) s = static_cast<uint8_t>(s - 32);
        put_scales16<true>(scales, f16(half_at(p + 108)), -kZero, st);
    }
    SIMD Bytes bytes(const std::byte* p, int i) { return with_plane(two_bits(p + 32, i), p, i, 4); }
};

struct FormatQ2_K : Blocks256<BlockQ2_K, 16> {
    static constexpr bool kSigned = false, kMins = true;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) {
        const Floats d = splat(f16(half_at(p + 80))), least = splat(-f16(half_at(p + 82)));
        for (int v = 0; v < kScaleVectors16; ++v) {
            const Floats packed = from_u8(reinterpret_cast<const uint8_t*>(p) + v * kLanes);
            const Floats mins = round_down(packed * splat(0.0625f));  // the high nibbles
            st[v] = (packed - mins * splat(16)) * d;
            st[kScaleVectors16 + v] = mins * least;
        }
    }
    SIMD Bytes bytes(const std::byte* p, int i) { return two_bits(p + 16, i); }
};

struct FormatTQ2_0 : Blocks256<BlockTQ2_0, 8> {
    static constexpr bool kSigned = false, kMins = false;
    static constexpr int kZero = 1;
    SIMD void scales(const std::byte* p, Floats* st) {
        const float d = f16(half_at(p + 64));
        put_scales8(st, splat8(d), splat8(-d * kZero));
    }
    SIMD Bytes bytes(const std::byte* p, int i) { return two_bits(p, i); }
};

// Formats whose nibbles are places in a table of signed bytes.
struct FormatIQ4_NL : Blocks32<BlockIQ4_NL> {
    static constexpr bool kSigned = true, kMins = false;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) {
        const Floats8 d = floats8_of_f16(p, kBlockBytes);
        put_scales8(st, d, d * splat8(-kSignedBias));
    }
    SIMD Bytes bytes(const std::byte* p, int i) {
        return biased(lookup16(nibbles16(p + 2, kBlockBytes, i), kIq4Values));
    }
};

struct FormatIQ4_XS : Blocks256<BlockIQ4_XS, 8> {
    static constexpr bool kSigned = true, kMins = false;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) {
        const uint32_t low = word_at(p + 4), high = half_at(p + 2);
        uint64_t scales = 0;
        for (int g = 0; g < 8; ++g) {
            const uint64_t scale = (low >> (4 * g) & 15) | (high >> (2 * g) & 3) << 4;
            scales |= scale << (8 * g);
        }
        const Floats8 s = (floats8_of_u8(scales) - splat8(32)) * splat8(f16(half_at(p)));
        put_scales8(st, s, s * splat8(-kSignedBias));
    }
    SIMD Bytes bytes(const std::byte* p, int i) {
        return biased(lookup16(nibbles16(p + 8, 16, i), kIq4Values));
    }
};

struct FormatMXFP4 : Blocks32<BlockMXFP4> {
    static constexpr bool kSigned = true, kMins = false;
    static constexpr int kZero = 0;
    SIMD void scales(const std::byte* p, Floats* st) {
        uint32_t bits[8];  // of half the shared scale, as the table holds doubled values: 2^(e - 128)
        for (int b = 0; b < 8; ++b) {
            const uint32_t e = static_cast<uint32_t>(p[b * kBlockBytes]);
            bits[b] = e < 2 ? 0x00200000u << e : e == 255 ? 0x7fc00000u : (e - 1) << 23;
        }
        Floats8 s;
        std::memcpy(&s, bits, sizeof s);
        put_scales8(st, s, s * splat8(-kSignedBias));
    }
    SIMD Bytes bytes(const std::byte* p, int i) {
        return biased(lookup16(nibbles16(p + 1, kBlockBytes, i), kMxfp4Values));
    }
};

// Formats of plain floats: Element; at(p), a vector of them as f32; one(element).
struct FloatsF32 {
    using Element = float;
    SIMD Floats at(const float* p) { return load(p); }
    SIMD float one(float element) { return element; }
};
struct FloatsF16 {
    using Element = uint16_t;
    SIMD Floats at(const uint16_t* p) { return load_f16(p); }
    SIMD float one(uint16_t element) { return f16(element); }
};
struct FloatsBF16 {
    using Element = uint16_t;
    SIMD Floats at(const uint16_t* p) { return load_bf16(p); }
    SIMD float one(uint16_t element) {
        const uint32_t bits = static_cast<uint32_t>(element) << 16;
        float value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
};

}  // namespace
}  // namespace airframe::cpu
