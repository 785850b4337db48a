// Random weights in any block format, for tests and benchmarks.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "airframe/quant/quant.h"
#include "base/rng.h"

namespace airframe {

// Blocks of a [rows, cols] matrix: bytes drawn until the weights of a block are finite, the largest of a size
// within (low, high).
inline std::vector<std::byte> random_blocks(base::Rng& rng, QuantType type, int64_t rows, int64_t cols,
                                            float low = 0.02f, float high = 2) {
    const QuantTraits& t = traits(type);
    constexpr int kTriesMax = 100000;
    std::vector<std::byte> out(static_cast<size_t>(rows * row_bytes(type, cols)));
    std::vector<float> weights(static_cast<size_t>(t.block_elems));
    for (size_t at = 0; at < out.size(); at += static_cast<size_t>(t.block_bytes)) {
        for (int tries = 0; tries < kTriesMax; ++tries) {
            for (int64_t i = 0; i < t.block_bytes; ++i)
                out[at + static_cast<size_t>(i)] = static_cast<std::byte>(rng.next_below(256));
            t.dequantize_row(&out[at], weights.data(), t.block_elems);
            const auto size = [](float w) { return std::isfinite(w) ? std::abs(w) : INFINITY; };
            const float peak = size(*std::ranges::max_element(weights, {}, size));
            if (peak > low && peak < high) break;
        }
    }
    return out;
}

}  // namespace airframe
