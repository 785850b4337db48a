// RopeTable: cosine and sine of every position and frequency pair, with all context-extension rules applied
// once.
//
// Rules: linear (Chen et al. 2023), YaRN with attention temperature (Peng et al. 2023), Llama 3 and LongRoPE
// factor tensors (one divisor per frequency). Angles are computed in double: at position 100,000 a float is
// off by 0.004.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "airframe/model/spec.h"

namespace airframe {

// Divisors of the frequencies, each [dims/2] or empty.
struct RopeFactors {
    std::vector<float> always;                       // rope_freqs.weight
    std::vector<float> long_context, short_context;  // LongRoPE
};

// How far sequences may reach. `yarn_factor` 0: the file's own rule, or YaRN by itself where the context
// exceeds the trained one; else YaRN with this factor (>= 1), whatever the file says.
struct RopeContext {
    uint32_t ctx_tokens = 0;
    float yarn_factor = 0;
};

class RopeTable {
  public:
    // `local`: for layers with a window, which may have their own base and are never stretched.
    RopeTable(const ModelSpec& spec, const RopeFactors& factors, const RopeContext& context, bool local);
    RopeTable() = default;

    // Writes [positions.size(), dims/2, 2]: cosine, sine. Positions seen before come from a cache that grows.
    void fill(std::span<const int32_t> positions, float* out);

    std::span<const double> frequencies() const { return frequencies_; }
    double magnitude() const { return magnitude_; }

  private:
    void extend(int32_t position);

    std::vector<double> frequencies_;  // radians per token
    double magnitude_ = 1;
    std::vector<float> cache_;  // [cached positions, dims/2, 2]
};

}  // namespace airframe
