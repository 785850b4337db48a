// Scalar mathematics of the oracle: one row or one head at a time, sums in double in a fixed order.
#pragma once

#include <cstdint>

#include "airframe/backend/backend.h"

namespace airframe::reference {

// y = W x + b for each row of x [n_rows, in], written to y [n_rows, out].
void matmul(const Linear& linear, const float* x, int64_t n_rows, float* y);

// out = norm(x); in place is fine.
void norm_row(const Norm& norm, const float* x, int64_t cols, float* out);

double activate(Activation act, double x);

// Rotates the pairs of one head; angles [dims/2, 2] are cosine and sine.
void rotate_head(RopePairs pairs, int32_t dims, const float* angles, float* head);

// Element i of a vector in the KV cache; kv_vector.h writes them.
double load_kv(KvType type, const std::byte* from, int64_t i);

// Byte offset of the vector of `position` for one head in a KvLayer's buffer.
int64_t kv_offset_bytes(const KvLayer& kv, std::span<const int32_t> pages, int64_t position, int64_t kv_head,
                        int64_t head_dim);

}  // namespace airframe::reference
