// The vocabulary of NEON (ARMv8), with or without the dot products of ARMv8.2: 8 floats or 32 bytes at a
// time, in two registers. What each word means stands in isa/scalar/simd.h, as plain loops.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#define SIMD static inline __attribute__((always_inline))

namespace airframe::cpu {
namespace {

struct Floats {
    float32x4_t a, b;
};
using Floats8 = Floats;
struct Ints {
    int32x4_t a, b;
};
struct Bytes {
    uint8x16_t a, b;
};

constexpr int kLanes = 8;
constexpr int kBytes = 32;
constexpr int kUnroll = 8;    // of loops over the vectors of a chunk: shifts become constants
constexpr int kTileRows = 6;  // 6 x 2 x 2 sums, four operands, a broadcast: 29 of 32 registers

SIMD Floats operator+(Floats x, Floats y) { return {vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b)}; }
SIMD Floats operator-(Floats x, Floats y) { return {vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b)}; }
SIMD Floats operator*(Floats x, Floats y) { return {vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b)}; }
SIMD Floats operator/(Floats x, Floats y) { return {vdivq_f32(x.a, y.a), vdivq_f32(x.b, y.b)}; }

SIMD Floats load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
SIMD void store(float* p, Floats v) {
    vst1q_f32(p, v.a);
    vst1q_f32(p + 4, v.b);
}
SIMD Floats splat(float v) { return {vdupq_n_f32(v), vdupq_n_f32(v)}; }
SIMD Floats8 splat8(float v) { return splat(v); }
SIMD Floats fma(Floats x, Floats y, Floats z) { return {vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b)}; }
SIMD Floats maximum(Floats x, Floats y) {
    return {vbslq_f32(vcgtq_f32(x.a, y.a), x.a, y.a), vbslq_f32(vcgtq_f32(x.b, y.b), x.b, y.b)};
}
SIMD Floats minimum(Floats x, Floats y) {
    return {vbslq_f32(vcltq_f32(x.a, y.a), x.a, y.a), vbslq_f32(vcltq_f32(x.b, y.b), x.b, y.b)};
}
SIMD Floats absolute(Floats x) { return {vabsq_f32(x.a), vabsq_f32(x.b)}; }
SIMD Floats nearest(Floats x) { return {vrndnq_f32(x.a), vrndnq_f32(x.b)}; }
SIMD Floats round_down(Floats x) { return {vrndmq_f32(x.a), vrndmq_f32(x.b)}; }
SIMD float32x4_t times_pow2(float32x4_t x, int32x4_t n) {
    // In two steps, so that each factor is a normal number for n in [-252, 254].
    const int32x4_t first = vshrq_n_s32(n, 1), second = vsubq_s32(n, first), bias = vdupq_n_s32(127);
    const float32x4_t f = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(first, bias), 23));
    const float32x4_t s = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(second, bias), 23));
    return vmulq_f32(vmulq_f32(x, f), s);
}
SIMD Ints to_ints(Floats x) { return {vcvtq_s32_f32(x.a), vcvtq_s32_f32(x.b)}; }
SIMD Floats times_pow2(Floats x, Floats n) {
    const Ints whole = to_ints(n);
    return {times_pow2(x.a, whole.a), times_pow2(x.b, whole.b)};
}
SIMD Floats where_less(Floats x, Floats y, Floats yes, Floats no) {
    return {vbslq_f32(vcltq_f32(x.a, y.a), yes.a, no.a), vbslq_f32(vcltq_f32(x.b, y.b), yes.b, no.b)};
}
SIMD Floats iota() {
    const float numbers[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7};
    return load(numbers);
}
SIMD float sum(Floats x) {
    const float32x4_t four = vaddq_f32(x.a, x.b);
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
SIMD float max_lane(Floats x) {
    const float32x4_t four = vbslq_f32(vcgtq_f32(x.a, x.b), x.a, x.b);
    return vmaxvq_f32(four);
}
SIMD Floats only_offsets8(Floats x) { return x; }

SIMD Floats load_f16(const uint16_t* p) {
    const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(p));
    return {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
}
SIMD void store_f16(uint16_t* p, Floats x) {
    vst1q_u16(p, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.a), x.b)));
}
SIMD Floats load_bf16(const uint16_t* p) {
    const uint16x8_t halves = vld1q_u16(p);
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(halves, 16))};
}
SIMD float f16(uint16_t half) {
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}

SIMD Floats from_bytes(uint8x8_t bytes) {
    const uint16x8_t words = vmovl_u8(bytes);
    return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), vcvtq_f32_u32(vmovl_high_u16(words))};
}
SIMD Floats from_u8(const uint8_t* p) { return from_bytes(vld1_u8(p)); }
SIMD Floats from_i8(const uint8_t* p) {
    const int16x8_t words = vmovl_s8(vreinterpret_s8_u8(vld1_u8(p)));
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), vcvtq_f32_s32(vmovl_high_s16(words))};
}
SIMD Floats from_nibbles(const uint8_t* p) {
    uint32_t packed;
    std::memcpy(&packed, p, sizeof packed);
    const uint8x8_t both = vcreate_u8(packed);
    return from_bytes(vzip1_u8(vand_u8(both, vdup_n_u8(15)), vshr_n_u8(both, 4)));
}
SIMD Floats8 floats8_of_u8(uint64_t bytes) { return from_bytes(vcreate_u8(bytes)); }
SIMD Floats8 floats8_of_f16(const std::byte* p, int stride) {
    uint16_t halves[8];
    for (int i = 0; i < 8; ++i) std::memcpy(halves + i, p + i * stride, sizeof(uint16_t));
    return load_f16(halves);
}
SIMD void put_scales8(Floats* st, Floats8 scales, Floats8 offsets) {
    st[0] = scales;
    st[1] = offsets;
}
SIMD Floats spread8(const float* scales, int i) { return splat(scales[i]); }
SIMD Floats spread16(const float* scales, int i) {
    return {vdupq_n_f32(scales[2 * i]), vdupq_n_f32(scales[2 * i + 1])};
}

// Unpacking a chunk of 256 weights: vector i of 8.
SIMD uint8x16_t load16(const std::byte* p) { return vld1q_u8(reinterpret_cast<const uint8_t*>(p)); }
SIMD uint8x16_t bits_at(uint8x16_t bytes, int shift, int mask) {
    return vandq_u8(vshlq_u8(bytes, vdupq_n_s8(static_cast<int8_t>(-shift))),
                    vdupq_n_u8(static_cast<uint8_t>(mask)));
}
SIMD Bytes bits_at(const std::byte* p, int shift, int mask) {
    return {bits_at(load16(p), shift, mask), bits_at(load16(p + 16), shift, mask)};
}
SIMD Bytes nibbles16(const std::byte* p, int stride, int i) {
    const uint8x16_t both = load16(p + stride * i);
    return {vandq_u8(both, vdupq_n_u8(15)), vshrq_n_u8(both, 4)};
}
SIMD Bytes nibbles32(const std::byte* p, int i) { return bits_at(p + 32 * (i / 2), 4 * (i % 2), 15); }
SIMD Bytes two_bits(const std::byte* p, int i) { return bits_at(p + 32 * (i / 4), 2 * (i % 4), 3); }
SIMD Bytes six_bits(const std::byte* low, const std::byte* high, int i) {
    const int half = i / 4, group = i % 4;
    const Bytes quads = bits_at(low + 64 * half + 32 * (group % 2), 4 * (group / 2), 15);
    const Bytes pairs = bits_at(high + 32 * half, 2 * group, 3);
    return {vsliq_n_u8(quads.a, pairs.a, 4), vsliq_n_u8(quads.b, pairs.b, 4)};
}
SIMD Bytes bytes32(const std::byte* p, int stride, int i) {
    return {load16(p + stride * i), load16(p + stride * i + 16)};
}
SIMD uint8x16_t with_set(uint8x16_t q, uint8x16_t bytes, uint8x16_t bits, char value) {
    return vorrq_u8(q, vandq_u8(vtstq_u8(bytes, bits), vdupq_n_u8(static_cast<uint8_t>(value))));
}
SIMD Bytes with_bits32(Bytes q, const std::byte* p, int stride, int i, char value) {
    const auto* at = reinterpret_cast<const uint8_t*>(p + stride * i);
    const uint8x8_t each = vcreate_u8(0x8040201008040201u);
    const uint8x16_t bits = vcombine_u8(each, each);
    return {with_set(q.a, vcombine_u8(vdup_n_u8(at[0]), vdup_n_u8(at[1])), bits, value),
            with_set(q.b, vcombine_u8(vdup_n_u8(at[2]), vdup_n_u8(at[3])), bits, value)};
}
SIMD Bytes with_plane(Bytes q, const std::byte* p, int i, char value) {
    const uint8x16_t bit = vdupq_n_u8(static_cast<uint8_t>(1 << i));
    return {with_set(q.a, load16(p), bit, value), with_set(q.b, load16(p + 16), bit, value)};
}
SIMD Bytes lookup16(Bytes q, const int8_t* table) {
    const uint8x16_t values = vreinterpretq_u8_s8(vld1q_s8(table));
    return {vqtbl1q_u8(values, q.a), vqtbl1q_u8(values, q.b)};
}
SIMD void store_bytes(uint8_t* p, Bytes q) {
    vst1q_u8(p, q.a);
    vst1q_u8(p + 16, q.b);
}

constexpr int kSignedBias = 0;
SIMD Bytes biased(Bytes q) { return q; }
#ifdef __ARM_FEATURE_DOTPROD
SIMD int32x4_t dot4(int32x4_t acc, int8x16_t q, int8x16_t x) { return vdotq_s32(acc, q, x); }
#else
SIMD int32x4_t dot4(int32x4_t acc, int8x16_t q, int8x16_t x) {
    const int16x8_t low = vmull_s8(vget_low_s8(q), vget_low_s8(x)), high = vmull_high_s8(q, x);
    return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}
#endif
SIMD float32x4_t dot2(uint8x16_t q, const int8_t* hi, const int8_t* lo) {
    const int8x16_t weights = vreinterpretq_s8_u8(q);  // unsigned ones are at most 127
    const int32x4_t high = dot4(vdupq_n_s32(0), weights, vld1q_s8(hi));
    return vcvtq_f32_s32(dot4(vshlq_n_s32(high, 7), weights, vld1q_s8(lo)));
}
SIMD Floats dot2(Bytes q, const int8_t* hi, const int8_t* lo) {
    return {dot2(q.a, hi, lo), dot2(q.b, hi + 16, lo + 16)};
}
SIMD Floats dot2_signed(Bytes q, const int8_t* hi, const int8_t* lo) { return dot2(q, hi, lo); }

SIMD void store_low_bytes(int8_t* to, Ints v) {
    vst1_s8(to, vmovn_s16(vcombine_s16(vmovn_s32(v.a), vmovn_s32(v.b))));
}
SIMD void store_parts(Floats rounded, int8_t* hi, int8_t* lo) {
    const Ints v = to_ints(rounded);
    const int32x4_t half = vdupq_n_s32(64);
    const Ints high = {vshrq_n_s32(vaddq_s32(v.a, half), 7), vshrq_n_s32(vaddq_s32(v.b, half), 7)};
    store_low_bytes(hi, high);
    store_low_bytes(lo, {vsubq_s32(v.a, vshlq_n_s32(high.a, 7)), vsubq_s32(v.b, vshlq_n_s32(high.b, 7))});
}

// Pairs of 16-bit integers, for products of many rows.
constexpr int kPairRows = 4;
constexpr bool kPairsPay = false;  // four products an instruction, as many as of floats
SIMD Ints no_ints() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
SIMD Ints load_pairs(const int16_t* p) {
    return {vreinterpretq_s32_s16(vld1q_s16(p)), vreinterpretq_s32_s16(vld1q_s16(p + 8))};
}
SIMD Ints splat_pair(const int16_t* p) {
    int32_t pair;
    std::memcpy(&pair, p, sizeof pair);
    return {vdupq_n_s32(pair), vdupq_n_s32(pair)};
}
SIMD Ints splat_two(const int16_t* p) {
    int64_t two;
    std::memcpy(&two, p, sizeof two);
    const int32x4_t twice = vreinterpretq_s32_s64(vdupq_n_s64(two));
    return {twice, twice};
}
SIMD Floats splat_two(const float* p) {
    const float32x2_t two = vld1_f32(p);
    const float32x4_t twice = vcombine_f32(two, two);
    return {twice, twice};
}
SIMD void interleave(const void* a, const void* b, void* to) {
    for (int i = 0; i < 2; ++i) {
        const uint8x16_t x = vld1q_u8(static_cast<const uint8_t*>(a) + 16 * i);
        const uint8x16_t y = vld1q_u8(static_cast<const uint8_t*>(b) + 16 * i);
        const uint32x4_t x4 = vreinterpretq_u32_u8(x), y4 = vreinterpretq_u32_u8(y);
        auto* out = static_cast<uint8_t*>(to) + 32 * i;
        vst1q_u8(out, vreinterpretq_u8_u32(vzip1q_u32(x4, y4)));
        vst1q_u8(out + 16, vreinterpretq_u8_u32(vzip2q_u32(x4, y4)));
    }
}
SIMD int32x4_t dot_pairs(int32x4_t acc, int32x4_t x, int32x4_t y) {
    const int16x8_t a = vreinterpretq_s16_s32(x), b = vreinterpretq_s16_s32(y);
    return vaddq_s32(acc, vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b)));
}
SIMD Ints dot_pairs(Ints acc, Ints x, Ints y) {
    return {dot_pairs(acc.a, x.a, y.a), dot_pairs(acc.b, x.b, y.b)};
}
SIMD Floats to_floats(Ints x) { return {vcvtq_f32_s32(x.a), vcvtq_f32_s32(x.b)}; }
SIMD void store_words16(int16_t* to, uint8x16_t q, int16x8_t zero) {
    vst1q_s16(to, vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(q))), zero));
    vst1q_s16(to + 8, vsubq_s16(vreinterpretq_s16_u16(vmovl_high_u8(q)), zero));
}
SIMD void store_words(int16_t* to, Bytes q, int zero) {
    const int16x8_t z = vdupq_n_s16(static_cast<int16_t>(zero));
    store_words16(to, q.a, z);
    store_words16(to + 16, q.b, z);
}
SIMD void store_signed_words(int16_t* to, Bytes q) {
    const int8x16_t a = vreinterpretq_s8_u8(q.a), b = vreinterpretq_s8_u8(q.b);
    vst1q_s16(to, vmovl_s8(vget_low_s8(a)));
    vst1q_s16(to + 8, vmovl_high_s8(a));
    vst1q_s16(to + 16, vmovl_s8(vget_low_s8(b)));
    vst1q_s16(to + 24, vmovl_high_s8(b));
}
SIMD void store_rounded_words(int16_t* to, Floats rounded) {
    const Ints v = to_ints(rounded);
    vst1q_s16(to, vqmovn_high_s32(vqmovn_s32(v.a), v.b));
}

SIMD void transpose4(float32x4_t* r) {
    const float32x4_t t0 = vzip1q_f32(r[0], r[2]), t1 = vzip2q_f32(r[0], r[2]);
    const float32x4_t t2 = vzip1q_f32(r[1], r[3]), t3 = vzip2q_f32(r[1], r[3]);
    r[0] = vzip1q_f32(t0, t2), r[1] = vzip2q_f32(t0, t2);
    r[2] = vzip1q_f32(t1, t3), r[3] = vzip2q_f32(t1, t3);
}
SIMD void transpose(Floats* r) {
    float32x4_t top_left[4], top_right[4], bottom_left[4], bottom_right[4];
    for (int i = 0; i < 4; ++i) {
        top_left[i] = r[i].a, top_right[i] = r[i].b;
        bottom_left[i] = r[4 + i].a, bottom_right[i] = r[4 + i].b;
    }
    transpose4(top_left);
    transpose4(top_right);
    transpose4(bottom_left);
    transpose4(bottom_right);
    for (int i = 0; i < 4; ++i) {
        r[i] = {top_left[i], bottom_left[i]};
        r[4 + i] = {top_right[i], bottom_right[i]};
    }
}

SIMD void prefetch(const std::byte* p) { __builtin_prefetch(p); }

}  // namespace
}  // namespace airframe::cpu
