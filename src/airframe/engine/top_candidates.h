// Choosing the largest of many logits without sorting them. Pure functions.
// Candidates are ranked by logit, equal ones by id: every choice is unique, whatever the algorithm.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "airframe/text/tokenizer.h"

namespace airframe {

struct Candidate {
    float logit;
    TokenId id;
};

inline bool better(const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

bool all_finite(std::span<const float> values);

// The lowest index among equals. REQUIRES: no NaN, not empty.
TokenId index_of_largest(std::span<const float> values);

// log(sum(exp(logits))). REQUIRES: finite, not empty.
double log_sum_exp(std::span<const float> logits);

// The k best, in order of id. REQUIRES: 0 < k <= logits.size().
void take_top(std::span<const float> logits, size_t k, std::vector<Candidate>& out);

// Those whose logit is at most `distance` below the best, in order of id.
void take_near_best(std::span<const float> logits, float distance, std::vector<Candidate>& out);

// REQUIRES: not empty.
float best_logit(std::span<const Candidate> candidates);

// The last, by rank, of the fewest best candidates that together have the probability `top_p` among all of
// them. Overwrites `ranked`. Linear time, unless nearly all logits are equal. REQUIRES: not empty, not all
// -infinity.
Candidate last_of_nucleus(std::span<const Candidate> candidates, float top_p, std::vector<Candidate>& ranked);

// exp(x) for x <= 0 within 3e-7 of its value, 0 below -87. Free of branches and calls: loops over it become
// vector code. Cody and Waite 1980: 2^n times a polynomial (minimax, degree 6) of the rest.
inline float exp_of_negative(float x) {
    const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: rounds to a whole number …
    const float n = shifted - 12582912.0f;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const uint32_t exponent = std::bit_cast<uint32_t>(shifted) << 23;  // … whose low bits are n
    const uint32_t keep = 0u - static_cast<uint32_t>(x >= -87.0f);
    return std::bit_cast<float>((std::bit_cast<uint32_t>(p) + exponent) & keep);
}

}  // namespace airframe
