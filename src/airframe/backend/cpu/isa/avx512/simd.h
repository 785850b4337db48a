// The vocabulary of AVX-512 (F, BW, VL, DQ), with or without VNNI: 16 floats or 64 bytes at a time.
// What each word means stands in isa/scalar/simd.h, as plain loops.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#define SIMD static inline __attribute__((always_inline))

namespace airframe::cpu {
namespace {

using Floats = __m512;
using Floats8 = __m256;
using Ints = __m512i;
using Bytes = __m512i;

constexpr int kLanes = 16;
constexpr int kBytes = 64;
constexpr int kUnroll = 8;     // of loops over the vectors of a chunk: shifts become constants
constexpr int kTileRows = 12;  // 12 x 2 sums, two operands, a broadcast: 27 of 32 registers

SIMD Floats load(const float* p) { return _mm512_loadu_ps(p); }
SIMD void store(float* p, Floats v) { _mm512_storeu_ps(p, v); }
SIMD Floats splat(float v) { return _mm512_set1_ps(v); }
SIMD Floats8 splat8(float v) { return _mm256_set1_ps(v); }
SIMD Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
SIMD Floats maximum(Floats a, Floats b) { return _mm512_max_ps(a, b); }
SIMD Floats minimum(Floats a, Floats b) { return _mm512_min_ps(a, b); }
SIMD Floats absolute(Floats a) { return _mm512_abs_ps(a); }
SIMD Floats nearest(Floats a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
SIMD Floats round_down(Floats a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
SIMD Floats times_pow2(Floats a, Floats n) { return _mm512_scalef_ps(a, n); }
SIMD Floats where_less(Floats a, Floats b, Floats yes, Floats no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
SIMD Floats iota() { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
SIMD float sum(Floats a) { return _mm512_reduce_add_ps(a); }
SIMD float max_lane(Floats a) { return _mm512_reduce_max_ps(a); }
SIMD Floats only_offsets8(Floats a) { return _mm512_maskz_mov_ps(0xff00, a); }

SIMD Floats load_f16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
SIMD void store_f16(uint16_t* p, Floats v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
SIMD Floats load_bf16(const uint16_t* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}
SIMD float f16(uint16_t half) { return _cvtsh_ss(half); }

SIMD Floats from_u8(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
SIMD Floats from_i8(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
SIMD Floats from_nibbles(const uint8_t* p) {
    int packed[2];
    std::memcpy(packed, p, sizeof packed);
    const __m512i both = _mm512_inserti64x4(_mm512_set1_epi32(packed[0]), _mm256_set1_epi32(packed[1]), 1);
    const __m512i shifted =
        _mm512_srlv_epi32(both, _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28));
    return _mm512_cvtepi32_ps(_mm512_and_si512(shifted, _mm512_set1_epi32(15)));
}
SIMD Floats8 floats8_of_u8(uint64_t bytes) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes))));
}
SIMD Floats8 floats8_of_f16(const std::byte* p, int stride) {
    short h[8];
    for (int i = 0; i < 8; ++i) std::memcpy(h + i, p + i * stride, sizeof(short));
    return _mm256_cvtph_ps(_mm_setr_epi16(h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]));
}
SIMD void put_scales8(Floats* st, Floats8 scales, Floats8 offsets) {
    st[0] = _mm512_insertf32x8(_mm512_castps256_ps512(scales), offsets, 1);
}
SIMD Floats spread8(const float* scales, int i) {
    const __m512i half = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    return _mm512_permutexvar_ps(_mm512_add_epi32(half, _mm512_set1_epi32(2 * i)), load(scales));
}
SIMD Floats spread16(const float* scales, int i) {
    const __m512i quarter = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    return _mm512_permutexvar_ps(_mm512_add_epi32(quarter, _mm512_set1_epi32(4 * i)), load(scales));
}

// Unpacking a chunk of 256 weights: vector i of 4.
SIMD __m512i twice32(const std::byte* p) {
    return _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
SIMD __m512i halves(long long low, long long high) {
    return _mm512_setr_epi64(low, low, low, low, high, high, high, high);
}
SIMD Bytes nibbles16(const std::byte* p, int stride, int i) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + stride * 2 * i));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + stride * (2 * i + 1)));
    const __m512i both = _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(a), 0xff00, b);
    return _mm512_and_si512(_mm512_srlv_epi64(both, _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4)),
                            _mm512_set1_epi8(15));
}
SIMD Bytes nibbles32(const std::byte* p, int i) {
    return _mm512_and_si512(_mm512_srlv_epi64(twice32(p + 32 * i), halves(0, 4)), _mm512_set1_epi8(15));
}
SIMD Bytes two_bits(const std::byte* p, int i) {
    const int shift = 4 * (i % 2);
    return _mm512_and_si512(_mm512_srlv_epi64(twice32(p + 32 * (i / 2)), halves(shift, shift + 2)),
                            _mm512_set1_epi8(3));
}
SIMD Bytes six_bits(const std::byte* low, const std::byte* high, int i) {
    const __m512i quads =
        _mm512_srli_epi64(_mm512_loadu_si512(low + 64 * (i / 2)), static_cast<unsigned>(4 * (i % 2)));
    const __m512i pairs = twice32(high + 32 * (i / 2));
    const __m512i placed =
        i % 2 == 0 ? _mm512_sllv_epi64(pairs, halves(4, 2)) : _mm512_srlv_epi64(pairs, halves(0, 2));
    return _mm512_or_si512(_mm512_and_si512(quads, _mm512_set1_epi8(15)),
                           _mm512_and_si512(placed, _mm512_set1_epi8(0x30)));
}
SIMD Bytes bytes32(const std::byte* p, int stride, int i) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + stride * 2 * i));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + stride * (2 * i + 1)));
    return _mm512_mask_broadcast_i64x4(_mm512_castsi256_si512(a), 0xf0, b);
}
SIMD Bytes with_bits32(Bytes q, const std::byte* p, int stride, int i, char value) {
    uint32_t low, high;
    std::memcpy(&low, p + stride * 2 * i, sizeof low);
    std::memcpy(&high, p + stride * (2 * i + 1), sizeof high);
    return _mm512_or_si512(q, _mm512_maskz_set1_epi8(low | static_cast<uint64_t>(high) << 32, value));
}
SIMD Bytes with_plane(Bytes q, const std::byte* p, int i, char value) {
    const __m512i bit = _mm512_inserti64x4(_mm512_set1_epi8(static_cast<char>(1 << (2 * i))),
                                           _mm256_set1_epi8(static_cast<char>(2 << (2 * i))), 1);
    return _mm512_or_si512(q, _mm512_maskz_set1_epi8(_mm512_test_epi8_mask(twice32(p), bit), value));
}
SIMD Bytes lookup16(Bytes q, const int8_t* table) {
    return _mm512_shuffle_epi8(
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), q);
}
SIMD void store_bytes(uint8_t* p, Bytes q) { _mm512_storeu_si512(p, q); }

// Dot products of four bytes, with both parts of an activation.
#ifdef __AVX512VNNI__
constexpr int kSignedBias = 128;  // vpdpbusd takes one operand unsigned: signed weights come with 128 added
SIMD Floats dot2(Bytes q, const int8_t* hi, const int8_t* lo) {
    const Ints high = _mm512_dpbusd_epi32(_mm512_setzero_si512(), q, _mm512_loadu_si512(hi));
    return _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_slli_epi32(high, 7), q, _mm512_loadu_si512(lo)));
}
SIMD Floats dot2_signed(Bytes q, const int8_t* hi, const int8_t* lo) { return dot2(q, hi, lo); }
#else
constexpr int kSignedBias = 0;
SIMD Floats dot2_parts(Bytes q, __m512i hi, __m512i lo) {
    const __m512i high = _mm512_madd_epi16(_mm512_maddubs_epi16(q, hi), _mm512_set1_epi16(128));
    const __m512i low = _mm512_madd_epi16(_mm512_maddubs_epi16(q, lo), _mm512_set1_epi16(1));
    return _mm512_cvtepi32_ps(_mm512_add_epi32(high, low));
}
SIMD Floats dot2(Bytes q, const int8_t* hi, const int8_t* lo) {
    return dot2_parts(q, _mm512_loadu_si512(hi), _mm512_loadu_si512(lo));
}
SIMD Floats dot2_signed(Bytes q, const int8_t* hi, const int8_t* lo) {
    const __mmask64 negative = _mm512_movepi8_mask(q);
    const __m512i h = _mm512_loadu_si512(hi), l = _mm512_loadu_si512(lo), zero = _mm512_setzero_si512();
    return dot2_parts(_mm512_abs_epi8(q), _mm512_mask_sub_epi8(h, negative, zero, h),
                      _mm512_mask_sub_epi8(l, negative, zero, l));
}
#endif
SIMD Bytes biased(Bytes q) { return _mm512_xor_si512(q, _mm512_set1_epi8(static_cast<char>(kSignedBias))); }

SIMD void store_parts(Floats rounded, int8_t* hi, int8_t* lo) {
    const __m512i v = _mm512_cvtps_epi32(rounded);
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(64)), 7);
    const __m512i low = _mm512_sub_epi32(v, _mm512_slli_epi32(high, 7));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hi), _mm512_cvtepi32_epi8(high));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(lo), _mm512_cvtepi32_epi8(low));
}

// Pairs of 16-bit integers, for products of many rows.
constexpr int kPairRows = 6;  // 6 x 2 sums as integers and floats, two operands, a broadcast: 27 registers
#ifdef __AVX512VNNI__
constexpr bool kPairsPay = true;
SIMD Ints dot_pairs(Ints acc, Ints a, Ints b) {
    asm("vpdpwssd %2, %1, %0"
        : "+v"(acc)
        : "v"(a), "v"(b));  // g++ 12 copies each sum to and fro around its builtin
    return acc;
}
#else
constexpr bool kPairsPay = false;  // two instructions: no faster than floats, and less exact
SIMD Ints dot_pairs(Ints acc, Ints a, Ints b) { return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b)); }
#endif
SIMD Ints no_ints() { return _mm512_setzero_si512(); }
SIMD Ints load_pairs(const int16_t* p) { return _mm512_loadu_si512(p); }
SIMD Ints splat_pair(const int16_t* p) {
    int pair;
    std::memcpy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}
SIMD Ints splat_two(const int16_t* p) {
    long long two;
    std::memcpy(&two, p, sizeof two);
    return _mm512_set1_epi64(two);
}
SIMD Floats splat_two(const float* p) {
    double two;
    std::memcpy(&two, p, sizeof two);
    return _mm512_castpd_ps(_mm512_set1_pd(two));
}
SIMD void interleave(const void* a, const void* b, void* to) {
    const __m512i x = _mm512_loadu_si512(a), y = _mm512_loadu_si512(b);
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    _mm512_storeu_si512(to, _mm512_permutex2var_epi32(x, first, y));
    _mm512_storeu_si512(static_cast<std::byte*>(to) + 64,
                        _mm512_permutex2var_epi32(x, _mm512_add_epi32(first, _mm512_set1_epi32(8)), y));
}
SIMD Floats to_floats(Ints a) { return _mm512_cvtepi32_ps(a); }
SIMD void store_words(int16_t* to, Bytes q, int zero) {
    const __m512i z = _mm512_set1_epi16(static_cast<short>(zero));
    const __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(q));
    const __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(q, 1));
    _mm512_storeu_si512(to, _mm512_sub_epi16(low, z));
    _mm512_storeu_si512(to + 32, _mm512_sub_epi16(high, z));
}
SIMD void store_signed_words(int16_t* to, Bytes q) {
    if (kSignedBias != 0) return store_words(to, q, kSignedBias);
    _mm512_storeu_si512(to, _mm512_cvtepi8_epi16(_mm512_castsi512_si256(q)));
    _mm512_storeu_si512(to + 32, _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(q, 1)));
}
SIMD void store_rounded_words(int16_t* to, Floats rounded) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(rounded)));
}

SIMD void transpose(Floats* r) {
    Floats t[16];
    for (int i = 0; i < 8; ++i) {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; ++i) {  // r[4i + j]: element j of each quarter, of rows 4i to 4i + 3
        const __m512d a = _mm512_castps_pd(t[4 * i]), b = _mm512_castps_pd(t[4 * i + 2]);
        const __m512d c = _mm512_castps_pd(t[4 * i + 1]), d = _mm512_castps_pd(t[4 * i + 3]);
        r[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        r[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        r[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(c, d));
        r[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(c, d));
    }
    for (int j = 0; j < 4; ++j) {
        const Floats a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88),
                     b = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
        const Floats c = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
        const Floats d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
        t[j] = _mm512_shuffle_f32x4(a, c, 0x88);
        t[8 + j] = _mm512_shuffle_f32x4(a, c, 0xdd);
        t[4 + j] = _mm512_shuffle_f32x4(b, d, 0x88);
        t[12 + j] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
    for (int i = 0; i < 16; ++i) r[i] = t[i];
}

SIMD void prefetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }

}  // namespace
}  // namespace airframe::cpu
