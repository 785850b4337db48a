// Writing vectors into the cache in their type (kv_type.h): the host code that all backends on the host
// share. Stateless; not for instruction-set units.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "airframe/backend/kv_type.h"
#include "airframe/quant/f16.h"

namespace airframe {

// The element of largest magnitude, with its sign; NaN when an element is not finite.
inline float kv_extreme(const float* x, int64_t n) {
    float extreme = 0, poison = 0;
    for (int64_t i = 0; i < n; ++i) {
        poison += x[i] * 0;  // NaN from NaN and infinities: they must reach the result
        if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
    }
    return extreme + poison;
}

inline void put_kv_scale(float scale, std::byte* to) {
    const uint16_t half = f16_from_f32(scale);
    std::memcpy(to, &half, sizeof half);
}

inline void store_kv_q8(const float* x, int64_t n, std::byte* to) {
    constexpr float kTop = 127;
    const float scale = std::abs(kv_extreme(x, n)) / kTop;
    const float inverse = scale > 0 ? 1 / scale : 0;
    put_kv_scale(scale, to);
    for (int64_t i = 0; i < n; ++i) {
        const float q = std::clamp(std::nearbyint(x[i] * inverse), -kTop, kTop);
        to[kKvScaleBytes + i] = static_cast<std::byte>(static_cast<int8_t>(scale > 0 ? q : 0));
    }
}

// The extreme element gets -8, the level without a counterpart. With the levels chosen the scale is fitted to
// all elements (least squares): that takes about a tenth of the error away.
inline void store_kv_int4(const float* x, int64_t n, std::byte* to) {
    const float first_scale = kv_extreme(x, n) / -8;
    const bool usable = std::isfinite(first_scale) && first_scale != 0;
    const float inverse = usable ? 1 / first_scale : 0;
    std::fill_n(to + kKvScaleBytes, (n + 1) / 2, std::byte{0});
    float product = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) {
        const float level = usable ? std::clamp(std::nearbyint(x[i] * inverse), -8.0f, 7.0f) : 0;
        product += x[i] * level;
        squares += level * level;
        to[kKvScaleBytes + i / 2] |= static_cast<std::byte>(static_cast<int>(level + 8) << (i % 2 * 4));
    }
    put_kv_scale(usable && squares > 0 ? product / squares : first_scale, to);
}

inline void store_kv_f16(const float* x, int64_t n, std::byte* to) {
    for (int64_t i = 0; i < n; ++i) {
        const uint16_t half = f16_from_f32(x[i]);
        std::memcpy(to + 2 * i, &half, sizeof half);
    }
}

inline void store_kv(KvType type, const float* x, int64_t n, std::byte* to) {
    switch (type) {
        case KvType::kF32:
            std::memcpy(to, x, static_cast<size_t>(n) * sizeof(float));
            return;
        case KvType::kF16:
            return store_kv_f16(x, n, to);
        case KvType::kQ8:
            return store_kv_q8(x, n, to);
        case KvType::kInt4:
            return store_kv_int4(x, n, to);
    }
}

}  // namespace airframe
