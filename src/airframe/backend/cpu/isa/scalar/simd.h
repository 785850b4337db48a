// The vocabulary of every instruction set, said in plain loops over 8 floats or 32 bytes: the definition that
// the others follow, and what runs on processors without anything better.
//
// A chunk is 256 weights; its vector i holds weights [kBytes * i, kBytes * (i + 1)) as bytes, in their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#define SIMD static inline __attribute__((always_inline))

namespace airframe::cpu {
namespace {

typedef float Floats __attribute__((vector_size(32), aligned(4)));
using Floats8 = Floats;
typedef int32_t Ints __attribute__((vector_size(32)));
struct Bytes {
    uint8_t at[32];
};

constexpr int kLanes = 8;
constexpr int kBytes = 32;    // always 4 * kLanes
constexpr int kUnroll = 1;    // of loops over the vectors of a chunk
constexpr int kTileRows = 4;  // rows of a gemm tile; it is two vectors wide

SIMD Floats load(const float* p) {
    Floats v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
SIMD void store(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
SIMD Floats splat(float v) { return Floats{v, v, v, v, v, v, v, v}; }
SIMD Floats8 splat8(float v) { return splat(v); }
SIMD Floats fma(Floats a, Floats b, Floats c) { return a * b + c; }
// If either is NaN: b.
SIMD Floats maximum(Floats a, Floats b) { return a > b ? a : b; }
SIMD Floats minimum(Floats a, Floats b) { return a < b ? a : b; }
SIMD Floats absolute(Floats a) {
    for (int i = 0; i < kLanes; ++i) a[i] = __builtin_fabsf(a[i]);
    return a;
}
// To the nearest integer, ties to even. REQUIRES: |a| < 2^22, else a comes back nearly unchanged.
SIMD Floats nearest(Floats a) {
    const Floats magic = splat(0x1.8p23f);
    Floats shifted = a + magic;
    asm("" : "+m"(shifted));  // the subtraction must not cancel the addition
    return shifted - magic;
}
SIMD Floats round_down(Floats a) {
    const Floats near = nearest(a);
    return near > a ? near - splat(1) : near;
}
// a * 2^n for whole n in [-252, 254]
SIMD Floats times_pow2(Floats a, Floats n) {
    for (int i = 0; i < kLanes; ++i) {
        const int whole = static_cast<int>(n[i]), first = whole >> 1, second = whole - first;
        const uint32_t bits[2] = {static_cast<uint32_t>(first + 127) << 23,
                                  static_cast<uint32_t>(second + 127) << 23};
        float factors[2];
        std::memcpy(factors, bits, sizeof factors);
        a[i] = a[i] * factors[0] * factors[1];
    }
    return a;
}
SIMD Floats where_less(Floats a, Floats b, Floats yes, Floats no) { return a < b ? yes : no; }
SIMD Floats iota() { return Floats{0, 1, 2, 3, 4, 5, 6, 7}; }
SIMD float sum(Floats a) { return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7])); }
SIMD float max_lane(Floats a) {
    float best = a[0];
    for (int i = 1; i < kLanes; ++i) best = best > a[i] ? best : a[i];
    return best;
}
// A vector that may hold 8 scales before 8 offsets: zeroes the scales.
SIMD Floats only_offsets8(Floats a) { return a; }

SIMD float f16(uint16_t half) {
    // Subnormal halves come out right because the scaling by 2^112 happens in f32.
    const uint32_t magnitude = (half & 0x7fffu) << 13;
    float value;
    std::memcpy(&value, &magnitude, sizeof value);
    value *= 0x1p112f;
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if (magnitude >= 0x7c00u << 13) bits = magnitude | 0x7f800000u;  // infinity and NaN
    bits |= (half & 0x8000u) << 16;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
SIMD Floats load_f16(const uint16_t* p) {
    Floats v;
    for (int i = 0; i < kLanes; ++i) v[i] = f16(p[i]);
    return v;
}
#ifdef __aarch64__
using Half = __fp16;  // g++ 12 knows _Float16 on x86 only
#else
using Half = _Float16;
#endif
SIMD void store_f16(uint16_t* p, Floats v) {
    for (int i = 0; i < kLanes; ++i) {
        const Half half = static_cast<Half>(v[i]);
        std::memcpy(p + i, &half, sizeof half);
    }
}
SIMD Floats load_bf16(const uint16_t* p) {
    Floats v;
    for (int i = 0; i < kLanes; ++i) {
        const uint32_t bits = static_cast<uint32_t>(p[i]) << 16;
        float value;
        std::memcpy(&value, &bits, sizeof value);
        v[i] = value;
    }
    return v;
}

SIMD Floats from_u8(const uint8_t* p) {
    Floats v;
    for (int i = 0; i < kLanes; ++i) v[i] = static_cast<float>(p[i]);
    return v;
}
SIMD Floats from_i8(const uint8_t* p) {
    Floats v;
    for (int i = 0; i < kLanes; ++i) v[i] = static_cast<float>(static_cast<int8_t>(p[i]));
    return v;
}
// The low nibble of each byte, then its high one.
SIMD Floats from_nibbles(const uint8_t* p) {
    Floats v;
    for (int i = 0; i < kLanes; ++i) v[i] = static_cast<float>(p[i / 2] >> (4 * (i % 2)) & 15);
    return v;
}
SIMD Floats8 floats8_of_u8(uint64_t bytes) {
    uint8_t b[8];
    std::memcpy(b, &bytes, sizeof b);
    return from_u8(b);
}
// Eight halves, `stride` bytes apart.
SIMD Floats8 floats8_of_f16(const std::byte* p, int stride) {
    Floats8 v;
    for (int i = 0; i < 8; ++i) {
        uint16_t half;
        std::memcpy(&half, p + i * stride, sizeof half);
        v[i] = f16(half);
    }
    return v;
}
// Eight scales, then eight offsets, as the vectors st[16 / kLanes].
SIMD void put_scales8(Floats* st, Floats8 scales, Floats8 offsets) {
    st[0] = scales;
    st[1] = offsets;
}
// The scale of each lane of dot2's result for vector i, with 8 or 16 scales in a chunk.
SIMD Floats spread8(const float* scales, int i) { return splat(scales[i]); }
SIMD Floats spread16(const float* scales, int i) {
    const float a = scales[2 * i], b = scales[2 * i + 1];
    return Floats{a, a, a, a, b, b, b, b};
}

// Groups of 32 weights, `stride` bytes apart: 16 low nibbles, then the 16 high ones of the same bytes.
SIMD Bytes nibbles16(const std::byte* p, int stride, int i) {
    Bytes q;
    for (int j = 0; j < 16; ++j) {
        const uint8_t byte = static_cast<uint8_t>(p[stride * i + j]);
        q.at[j] = byte & 15;
        q.at[16 + j] = byte >> 4;
    }
    return q;
}
// Groups of 64 weights: 32 low nibbles, then the 32 high ones of the same bytes.
SIMD Bytes nibbles32(const std::byte* p, int i) {
    Bytes q;
    for (int j = 0; j < 32; ++j)
        q.at[j] = static_cast<uint8_t>(static_cast<uint8_t>(p[32 * (i / 2) + j]) >> (4 * (i % 2)) & 15);
    return q;
}
// Groups of 128 weights: four times two bits of the same 32 bytes.
SIMD Bytes two_bits(const std::byte* p, int i) {
    Bytes q;
    for (int j = 0; j < 32; ++j)
        q.at[j] = static_cast<uint8_t>(static_cast<uint8_t>(p[32 * (i / 4) + j]) >> (2 * (i % 4)) & 3);
    return q;
}
// Groups of 128 weights: the nibbles of 64 bytes (64 low ones first) under two bits of 32 bytes.
SIMD Bytes six_bits(const std::byte* low, const std::byte* high, int i) {
    const int half = i / 4, group = i % 4;
    Bytes q;
    for (int j = 0; j < 32; ++j) {
        const int quad = static_cast<int>(low[64 * half + 32 * (group % 2) + j]) >> (4 * (group / 2)) & 15;
        const int pair = static_cast<int>(high[32 * half + j]) >> (2 * group) & 3;
        q.at[j] = static_cast<uint8_t>(quad | pair << 4);
    }
    return q;
}
// Groups of 32 bytes, `stride` bytes apart.
SIMD Bytes bytes32(const std::byte* p, int stride, int i) {
    Bytes q;
    std::memcpy(q.at, p + stride * i, 32);
    return q;
}
// Adds value where the weight's bit is set: bit j of 32, groups of 32 weights `stride` bytes apart.
SIMD Bytes with_bits32(Bytes q, const std::byte* p, int stride, int i, char value) {
    uint32_t bits;
    std::memcpy(&bits, p + stride * i, sizeof bits);
    for (int j = 0; j < 32; ++j) q.at[j] = static_cast<uint8_t>(q.at[j] | (bits >> j & 1 ? value : 0));
    return q;
}
// Adds value where the weight's bit is set: group g of 32 weights has bit g of 32 bytes.
SIMD Bytes with_plane(Bytes q, const std::byte* p, int i, char value) {
    for (int j = 0; j < 32; ++j)
        q.at[j] = static_cast<uint8_t>(q.at[j] | (static_cast<int>(p[j]) >> i & 1 ? value : 0));
    return q;
}
SIMD Bytes lookup16(Bytes q, const int8_t* table) {
    for (int j = 0; j < 32; ++j) q.at[j] = static_cast<uint8_t>(table[q.at[j]]);
    return q;
}
SIMD void store_bytes(uint8_t* p, Bytes q) { std::memcpy(p, q.at, sizeof q.at); }

// Where only unsigned weights can be multiplied, signed ones come with this added.
constexpr int kSignedBias = 0;
SIMD Bytes biased(Bytes q) { return q; }
// Lane l: the sum over four weights of q * (128 * hi + lo). Weights up to 127.
template <class Element>
SIMD Floats dot2_of(Bytes q, const int8_t* hi, const int8_t* lo) {
    int32_t products[32];
    for (int j = 0; j < 32; ++j) products[j] = static_cast<Element>(q.at[j]) * (128 * hi[j] + lo[j]);
    Floats v;
    for (int l = 0; l < kLanes; ++l)
        v[l] = static_cast<float>(products[4 * l] + products[4 * l + 1] + products[4 * l + 2] +
                                  products[4 * l + 3]);
    return v;
}
SIMD Floats dot2(Bytes q, const int8_t* hi, const int8_t* lo) { return dot2_of<uint8_t>(q, hi, lo); }
SIMD Floats dot2_signed(Bytes q, const int8_t* hi, const int8_t* lo) { return dot2_of<int8_t>(q, hi, lo); }

// A whole number v in [-16256, 16256] as 128 * hi + lo.
SIMD void store_parts(Floats rounded, int8_t* hi, int8_t* lo) {
    for (int i = 0; i < kLanes; ++i) {
        const int v = static_cast<int>(rounded[i]), high = (v + 64) >> 7;
        hi[i] = static_cast<int8_t>(high);
        lo[i] = static_cast<int8_t>(v - 128 * high);
    }
}

// Pairs of 16-bit integers, for products of many rows.
constexpr int kPairRows = 2;       // rows of a tile of pairs; it is two vectors wide
constexpr bool kPairsPay = false;  // without an instruction that multiplies and adds pairs floats are faster
SIMD Ints no_ints() { return Ints{}; }
// kLanes pairs, their two halves in one lane.
SIMD Ints load_pairs(const int16_t* p) {
    Ints v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
// The same pair in every lane.
SIMD Ints splat_pair(const int16_t* p) {
    int32_t pair;
    std::memcpy(&pair, p, sizeof pair);
    return Ints{pair, pair, pair, pair, pair, pair, pair, pair};
}
// Two neighbours in every other lane.
SIMD Ints splat_two(const int16_t* p) {
    int32_t two[2];
    std::memcpy(two, p, sizeof two);
    return Ints{two[0], two[1], two[0], two[1], two[0], two[1], two[0], two[1]};
}
SIMD Floats splat_two(const float* p) { return Floats{p[0], p[1], p[0], p[1], p[0], p[1], p[0], p[1]}; }
// kLanes pairs, or floats, of each of two rows in turn: to a0 b0 a1 b1 ...
SIMD void interleave(const void* a, const void* b, void* to) {
    for (int i = 0; i < kLanes; ++i) {
        std::memcpy(static_cast<std::byte*>(to) + 8 * i, static_cast<const std::byte*>(a) + 4 * i, 4);
        std::memcpy(static_cast<std::byte*>(to) + 8 * i + 4, static_cast<const std::byte*>(b) + 4 * i, 4);
    }
}
// acc + both products of each lane; the caller sees to it that nothing overflows.
SIMD Ints dot_pairs(Ints acc, Ints a, Ints b) {
    return acc + (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
}
SIMD Floats to_floats(Ints a) { return __builtin_convertvector(a, Floats); }
// Bytes as words: less `zero`; or signed, as Format::bytes gives signed ones.
SIMD void store_words(int16_t* to, Bytes q, int zero) {
    for (int i = 0; i < kBytes; ++i) to[i] = static_cast<int16_t>(q.at[i] - zero);
}
SIMD void store_signed_words(int16_t* to, Bytes q) {
    for (int i = 0; i < kBytes; ++i) to[i] = static_cast<int8_t>(q.at[i]);
}
SIMD void store_rounded_words(int16_t* to, Floats rounded) {
    for (int i = 0; i < kLanes; ++i) to[i] = static_cast<int16_t>(rounded[i]);
}

// kLanes vectors as a square matrix, in place.
SIMD void transpose(Floats* r) {
    for (int i = 0; i < kLanes; ++i)
        for (int j = 0; j < i; ++j) {
            const float t = r[i][j];
            r[i][j] = r[j][i];
            r[j][i] = t;
        }
}

SIMD void prefetch(const std::byte* p) { __builtin_prefetch(p); }

}  // namespace
}  // namespace airframe::cpu
