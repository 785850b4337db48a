// The vocabulary of AVX2 with FMA and F16C, with or without VNNI: 8 floats or 32 bytes at a time.
// What each word means stands in isa/scalar/simd.h, as plain loops.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#define SIMD static inline __attribute__((always_inline))

namespace airframe::cpu {
namespace {

using Floats = __m256;
using Floats8 = __m256;
using Ints = __m256i;
using Bytes = __m256i;

constexpr int kLanes = 8;
constexpr int kBytes = 32;
constexpr int kUnroll = 8;    // of loops over the vectors of a chunk: shifts become constants
constexpr int kTileRows = 6;  // 6 x 2 sums, two operands, a broadcast: 15 of 16 registers

SIMD Floats load(const float* p) { return _mm256_loadu_ps(p); }
SIMD void store(float* p, Floats v) { _mm256_storeu_ps(p, v); }
SIMD Floats splat(float v) { return _mm256_set1_ps(v); }
SIMD Floats8 splat8(float v) { return _mm256_set1_ps(v); }
SIMD Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
SIMD Floats maximum(Floats a, Floats b) { return _mm256_max_ps(a, b); }
SIMD Floats minimum(Floats a, Floats b) { return _mm256_min_ps(a, b); }
SIMD Floats absolute(Floats a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
SIMD Floats nearest(Floats a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
SIMD Floats round_down(Floats a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
SIMD Floats times_pow2(Floats a, Floats n) {
    // In two steps, so that each factor is a normal number for n in [-252, 254].
    const __m256i whole = _mm256_cvtps_epi32(n), first = _mm256_srai_epi32(whole, 1);
    const __m256i second = _mm256_sub_epi32(whole, first), bias = _mm256_set1_epi32(127);
    const Floats f = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(first, bias), 23));
    const Floats s = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(second, bias), 23));
    return _mm256_mul_ps(_mm256_mul_ps(a, f), s);
}
SIMD Floats where_less(Floats a, Floats b, Floats yes, Floats no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
SIMD Floats iota() { return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7); }
SIMD float sum(Floats a) {
    __m128 v = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)));
}
SIMD float max_lane(Floats a) {
    __m128 v = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)));
}
SIMD Floats only_offsets8(Floats a) { return a; }

SIMD Floats load_f16(const uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
SIMD void store_f16(uint16_t* p, Floats v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
SIMD Floats load_bf16(const uint16_t* p) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
SIMD float f16(uint16_t half) { return _cvtsh_ss(half); }

SIMD Floats from_u8(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
SIMD Floats from_i8(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
SIMD Floats from_nibbles(const uint8_t* p) {
    int packed;
    std::memcpy(&packed, p, sizeof packed);
    const __m256i shifted =
        _mm256_srlv_epi32(_mm256_set1_epi32(packed), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    return _mm256_cvtepi32_ps(_mm256_and_si256(shifted, _mm256_set1_epi32(15)));
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
    st[0] = scales;
    st[1] = offsets;
}
SIMD Floats spread8(const float* scales, int i) { return _mm256_broadcast_ss(scales + i); }
SIMD Floats spread16(const float* scales, int i) {
    return _mm256_blend_ps(_mm256_broadcast_ss(scales + 2 * i), _mm256_broadcast_ss(scales + 2 * i + 1),
                           0xf0);
}

// Unpacking a chunk of 256 weights: vector i of 8.
SIMD __m256i load32(const std::byte* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
SIMD Bytes nibbles16(const std::byte* p, int stride, int i) {
    const __m256i both =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + stride * i)));
    return _mm256_and_si256(_mm256_srlv_epi64(both, _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
}
SIMD Bytes nibbles32(const std::byte* p, int i) {
    return _mm256_and_si256(_mm256_srli_epi16(load32(p + 32 * (i / 2)), 4 * (i % 2)), _mm256_set1_epi8(15));
}
SIMD Bytes two_bits(const std::byte* p, int i) {
    return _mm256_and_si256(_mm256_srli_epi16(load32(p + 32 * (i / 4)), 2 * (i % 4)), _mm256_set1_epi8(3));
}
SIMD Bytes six_bits(const std::byte* low, const std::byte* high, int i) {
    const int half = i / 4, group = i % 4;
    const __m256i quads = _mm256_srli_epi16(load32(low + 64 * half + 32 * (group % 2)), 4 * (group / 2));
    const __m256i pairs = _mm256_srli_epi16(load32(high + 32 * half), 2 * group);
    return _mm256_or_si256(_mm256_and_si256(quads, _mm256_set1_epi8(15)),
                           _mm256_slli_epi16(_mm256_and_si256(pairs, _mm256_set1_epi8(3)), 4));
}
SIMD Bytes bytes32(const std::byte* p, int stride, int i) { return load32(p + stride * i); }
SIMD Bytes with_bits32(Bytes q, const std::byte* p, int stride, int i, char value) {
    int bits;
    std::memcpy(&bits, p + stride * i, sizeof bits);
    const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
    const __m256i own = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte_of), bit);
    return _mm256_or_si256(q, _mm256_and_si256(_mm256_cmpeq_epi8(own, bit), _mm256_set1_epi8(value)));
}
SIMD Bytes with_plane(Bytes q, const std::byte* p, int i, char value) {
    const __m256i bit = _mm256_set1_epi8(static_cast<char>(1 << i));
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(load32(p), bit), bit);
    return _mm256_or_si256(q, _mm256_and_si256(set, _mm256_set1_epi8(value)));
}
SIMD Bytes lookup16(Bytes q, const int8_t* table) {
    return _mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), q);
}
SIMD void store_bytes(uint8_t* p, Bytes q) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), q); }

SIMD __m256i load_part(const int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
#ifdef __AVXVNNI__
constexpr int kSignedBias = 128;  // vpdpbusd takes one operand unsigned: signed weights come with 128 added
SIMD Floats dot2(Bytes q, const int8_t* hi, const int8_t* lo) {
    const Ints high = _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), q, load_part(hi));
    return _mm256_cvtepi32_ps(_mm256_dpbusd_avx_epi32(_mm256_slli_epi32(high, 7), q, load_part(lo)));
}
SIMD Floats dot2_signed(Bytes q, const int8_t* hi, const int8_t* lo) { return dot2(q, hi, lo); }
#else
// vpmaddubsw adds pairs in 16 bits: weights up to 127 are safe with activations in [-127, 127].
constexpr int kSignedBias = 0;
SIMD Floats dot2_parts(Bytes q, __m256i hi, __m256i lo) {
    const __m256i high = _mm256_madd_epi16(_mm256_maddubs_epi16(q, hi), _mm256_set1_epi16(128));
    const __m256i low = _mm256_madd_epi16(_mm256_maddubs_epi16(q, lo), _mm256_set1_epi16(1));
    return _mm256_cvtepi32_ps(_mm256_add_epi32(high, low));
}
SIMD Floats dot2(Bytes q, const int8_t* hi, const int8_t* lo) {
    return dot2_parts(q, load_part(hi), load_part(lo));
}
SIMD Floats dot2_signed(Bytes q, const int8_t* hi, const int8_t* lo) {
    return dot2_parts(_mm256_abs_epi8(q), _mm256_sign_epi8(load_part(hi), q),
                      _mm256_sign_epi8(load_part(lo), q));
}
#endif
SIMD Bytes biased(Bytes q) { return _mm256_xor_si256(q, _mm256_set1_epi8(static_cast<char>(kSignedBias))); }

SIMD void store_bytes_of(__m256i ints, int8_t* to) {
    const __m256i first = _mm256_set1_epi32(0x0c080400);  // the low byte of each int, in each half
    const __m256i picked = _mm256_shuffle_epi8(ints, first);
    const int low = _mm256_extract_epi32(picked, 0), high = _mm256_extract_epi32(picked, 4);
    std::memcpy(to, &low, 4);
    std::memcpy(to + 4, &high, 4);
}
SIMD void store_parts(Floats rounded, int8_t* hi, int8_t* lo) {
    const __m256i v = _mm256_cvtps_epi32(rounded);
    const __m256i high = _mm256_srai_epi32(_mm256_add_epi32(v, _mm256_set1_epi32(64)), 7);
    store_bytes_of(high, hi);
    store_bytes_of(_mm256_sub_epi32(v, _mm256_slli_epi32(high, 7)), lo);
}

// Pairs of 16-bit integers, for products of many rows.
constexpr int kPairRows =
    4;  // 4 x 2 sums as integers; the floats they become in turn live in the first cache
constexpr bool kPairsPay = true;
#ifdef __AVXVNNI__
SIMD Ints dot_pairs(Ints acc, Ints a, Ints b) {
    asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));  // see isa/avx512/simd.h
    return acc;
}
#else
SIMD Ints dot_pairs(Ints acc, Ints a, Ints b) { return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)); }
#endif
SIMD Ints no_ints() { return _mm256_setzero_si256(); }
SIMD Ints load_pairs(const int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
SIMD Ints splat_pair(const int16_t* p) {
    int pair;
    std::memcpy(&pair, p, sizeof pair);
    return _mm256_set1_epi32(pair);
}
SIMD Ints splat_two(const int16_t* p) {
    long long two;
    std::memcpy(&two, p, sizeof two);
    return _mm256_set1_epi64x(two);
}
SIMD Floats splat_two(const float* p) {
    double two;
    std::memcpy(&two, p, sizeof two);
    return _mm256_castpd_ps(_mm256_set1_pd(two));
}
SIMD void interleave(const void* a, const void* b, void* to) {
    const __m256i x = _mm256_loadu_si256(static_cast<const __m256i*>(a));
    const __m256i y = _mm256_loadu_si256(static_cast<const __m256i*>(b));
    const __m256i low = _mm256_unpacklo_epi32(x, y), high = _mm256_unpackhi_epi32(x, y);
    auto* out = static_cast<__m256i*>(to);
    _mm256_storeu_si256(out, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(low, high, 0x31));
}
SIMD Floats to_floats(Ints a) { return _mm256_cvtepi32_ps(a); }
SIMD void store_pair_vectors(int16_t* to, __m256i low, __m256i high) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 16), high);
}
SIMD void store_words(int16_t* to, Bytes q, int zero) {
    const __m256i z = _mm256_set1_epi16(static_cast<short>(zero));
    store_pair_vectors(to, _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(q)), z),
                       _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(q, 1)), z));
}
SIMD void store_signed_words(int16_t* to, Bytes q) {
    if (kSignedBias != 0) return store_words(to, q, kSignedBias);
    store_pair_vectors(to, _mm256_cvtepi8_epi16(_mm256_castsi256_si128(q)),
                       _mm256_cvtepi8_epi16(_mm256_extracti128_si256(q, 1)));
}
SIMD void store_rounded_words(int16_t* to, Floats rounded) {
    const __m256i v = _mm256_cvtps_epi32(rounded);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

SIMD void transpose(Floats* r) {
    Floats t[8];
    for (int i = 0; i < 4; ++i) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    Floats u[8];
    for (int i = 0; i < 2; ++i) {
        u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x20);
        r[4 + i] = _mm256_permute2f128_ps(u[i], u[4 + i], 0x31);
    }
}

SIMD void prefetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }

}  // namespace
}  // namespace airframe::cpu
