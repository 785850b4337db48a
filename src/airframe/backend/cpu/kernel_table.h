// The table of functions that one instruction set offers, and the plain structs they take. Everything that
// runs once per weight, activation or cached key stands behind this table; everything that runs once per call
// does not. Plain data only: the translation units of single instruction sets include this header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "airframe/backend/kv_type.h"
#include "airframe/quant/quant_type.h"

namespace airframe::cpu {

inline constexpr int kChunk = 256;       // weights that kernels take at a time; every block format divides it
inline constexpr int kPanelRows = 48;    // weight rows that matvec, and most gemms, take in one call, at most
inline constexpr int kMatvecTokens = 4;  // activation rows of one call of matvec, at most
inline constexpr int kCacheLine = 64;    // bytes that a prefetch brings
inline constexpr int kKvBlock = 32;      // positions that attention takes at a time
inline constexpr int kQuantTypes = 40;   // size of arrays indexed by QuantType

// One row of activations for matvec: as it is, and in 15-bit blocks of 32: x = scale * (128 * hi + lo), lo in
// [-64, 63]. Of each chunk: scales8 holds 8 scales, then 8 times scale * sum of the block; scales16 the same
// for groups of 16. Columns are padded with zeros to whole chunks. The integer parts are null when no weight
// needs them.
struct ActivationRow {
    const float* f32;
    const int8_t* hi;
    const int8_t* lo;
    const float* scales8;   // [chunks, 16]
    const float* scales16;  // [chunks, 32]
};

struct QuantizeArgs {
    const float* x;
    int64_t cols;
    int8_t* hi;  // [chunks * 256]
    int8_t* lo;
    float* scales8;
    float* scales16;
};

// y[m * y_stride + n] = row n of the weights times activation row m
struct MatvecArgs {
    const std::byte* weights;
    size_t row_bytes;
    int64_t cols;
    int n_rows;    // <= kPanelRows
    int n_tokens;  // <= kMatvecTokens
    ActivationRow x[kMatvecTokens];
    float* y;
    int64_t y_stride;
};

// Blocks to floats; n is a multiple of the format's block.
using Unpack = void (*)(const std::byte* blocks, float* out, int64_t n);

// One block of tokens of activations for the products of many rows, from rows x[index[i]], or x[i] without an
// index. As floats: packed[token block][col][token_block]. As pairs: packed[token block][chunk], in the
// form that the table's gemm_pairs read.
struct PackArgs {
    const float* x;
    int64_t cols;
    const int32_t* index;
    int64_t n_tokens;
    int64_t block;                // which block of tokens
    int64_t first_col, last_col;  // which columns of it; of pairs: whole chunks, but for the last
    std::byte* packed;
};

// y[m * y_stride + n] = row n of the weights times activation row m, for many activation rows
struct GemmArgs {
    const std::byte* weights;
    size_t row_bytes;
    size_t chunk_bytes;
    Unpack unpack;  // of floats only
    int64_t cols;
    int n_rows;  // <= panel_rows of the table
    int64_t n_tokens;
    std::byte* packed;
    float* scratch;  // gemm_scratch floats
    float* y;
    int64_t y_stride;
};

// One key head for consecutive rows of one sequence, with the query heads that share it.
struct AttendTask {
    const float* q;  // [n_rows, group, head_dim_k], rows q_stride apart
    int64_t q_stride;
    float* out;  // [n_rows, group, head_dim_v], rows out_stride apart
    int64_t out_stride;
    const std::byte* keys;  // the layer's buffers
    const std::byte* values;
    KvType kv_type;
    int64_t key_bytes, value_bytes;  // of one vector: kv_vector_bytes
    const int32_t* pages;
    int32_t page_tokens, n_kv_heads, kv_head;
    int32_t head_dim_k, head_dim_v;
    int64_t first_position;  // of the first row
    int32_t n_rows, group;
    float scale, softcap;
    int32_t window;
    float* scratch;  // attend_scratch(...) floats
};

struct NormArgs {
    const float* x;
    int64_t cols;
    float eps;
    bool center;        // subtract the mean first
    const float* gain;  // may be null
    const float* bias;  // may be null
    float* out;         // may be x
};

// Up to how many activation rows matvec beats the products of many (measured: bench/kernels_bench.cpp).
struct FewRows {
    int pairs;   // as pairs of integers
    int floats;  // as floats
};

struct Kernels {
    const char* name;
    int token_block;  // tokens of one block of packed activations
    int panel_rows;   // weight rows of one gemm
    FewRows few_rows;
    void (*quantize)(const QuantizeArgs&);
    void (*matvec[kQuantTypes])(const MatvecArgs&);  // null: unpack, then matvec of kF32
    bool matvec_takes_integers[kQuantTypes];
    Unpack unpack[kQuantTypes];  // null: the normative scalar one
    void (*pack)(const PackArgs&);
    void (*gemm)(const GemmArgs&);
    void (*pack_pairs)(const PackArgs&);
    void (*gemm_pairs[kQuantTypes])(const GemmArgs&);  // null: as floats
    int64_t pairs_chunk_bytes;                         // of a block of tokens
    void (*attend)(const AttendTask&);
    void (*norm)(const NormArgs&);
    void (*activate[4])(const float* gate, float* h, int64_t n);            // h = act(gate) * h
    void (*activate_alone[4])(float* h, int64_t n);                         // h = act(h)
    void (*add_scaled)(const float* y, float scale, float* to, int64_t n);  // to += scale * y
    void (*softcap)(float* y, float scale, float cap, int64_t n);           // y = cap * tanh(scale * y / cap)
    void (*to_f16)(const float* from, int64_t n, uint16_t* to);
};

// Floats of scratch that one call needs.
constexpr int64_t gemm_scratch(int64_t n_tokens, int token_block, int panel_rows) {
    const int64_t padded = (n_tokens + token_block - 1) / token_block * token_block;
    return panel_rows * (kChunk + 32 + padded);
}
constexpr int64_t attend_scratch(int64_t n_queries, int64_t dim_k, int64_t dim_v) {
    const int64_t lanes = 16, k = (dim_k + lanes - 1) / lanes * lanes,
                  v = (dim_v + 2 * lanes - 1) / (2 * lanes) * 2 * lanes;
    return n_queries * (k + v + kKvBlock + 2) + kKvBlock * (k + v) + lanes;
}

}  // namespace airframe::cpu
