// How one head's key or value vector lies in the cache. Plain data: instruction-set units take the types and
// constants from here; kv_vector_bytes is for the rest.
//   f32, f16   dim floats
//   q8         f16 scale, then dim signed bytes:             x = scale * q
//   int4       f16 scale, then dim nibbles, low one first:   x = scale * (q - 8)
// Each vector has a scale of its own and lies in kv_vector_bytes, without padding or alignment.
#pragma once

#include <cstdint>

namespace airframe {

enum class KvType : uint8_t { kF32, kF16, kQ8, kInt4 };

inline constexpr int64_t kKvScaleBytes = 2;

constexpr int64_t kv_vector_bytes(KvType type, int64_t dim) {
    switch (type) {
        case KvType::kF32:
            return 4 * dim;
        case KvType::kF16:
            return 2 * dim;
        case KvType::kQ8:
            return kKvScaleBytes + dim;
        case KvType::kInt4:
            return kKvScaleBytes + (dim + 1) / 2;
    }
    return 0;
}

}  // namespace airframe
