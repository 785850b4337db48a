// Choosing the largest of many logits without sorting them. Pure functions.
// Candidates are ranked by logit, equal ones by id: every choice is unique, whatever the algorithm.
#pragma once

#include <cstddef>
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
// them. Reorders `candidates`; linear time. REQUIRES: not empty.
Candidate last_of_nucleus(std::span<Candidate> candidates, float top_p);

}  // namespace airframe
