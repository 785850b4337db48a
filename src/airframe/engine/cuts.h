// Stages of sampling that thin out candidates. Each keeps at least one; candidates stay in order of id.
// Probabilities are those among the candidates given. Pure functions. REQUIRES, for all: at least one
// candidate whose logit is finite, none above the largest finite float.
#pragma once

#include <span>
#include <vector>

#include "airframe/engine/top_candidates.h"

namespace airframe {

// Working memory of cut_typical.
struct Surprise {
    float distance;  // of the token's surprise from the entropy
    float weight;
    TokenId id;
};

// The fewest best that together have the probability `top_p` (Holtzman et al. 2019).
void cut_top_p(std::vector<Candidate>& candidates, float top_p, std::vector<Candidate>& ranked);

// Those with at least `min_p` of the best one's probability.
void cut_min_p(std::vector<Candidate>& candidates, float min_p);

// The fewest whose surprise lies nearest to the entropy and that together have the probability `typical_p`
// (locally typical sampling, Meister et al. 2022). Linear time on average.
void cut_typical(std::vector<Candidate>& candidates, float typical_p, std::vector<Surprise>& room);

// Those at most `distance` below the best: top-n-sigma (Tang et al. 2024) takes n standard deviations.
void cut_below_best(std::vector<Candidate>& candidates, double distance);

// When at least two have the probability `threshold`, of these only the least likely one stays ("exclude top
// choices", p-e-w 2024).
void cut_top_choices(std::vector<Candidate>& candidates, float threshold);

// Those whose surprise is at most `bits` (Mirostat 2, Basu et al. 2021), and the best one.
void cut_surprising(std::vector<Candidate>& candidates, double bits);

// In nats.
double entropy_of(std::span<const Candidate> candidates);

// The standard deviation of those that are not -infinity.
double standard_deviation(std::span<const float> logits);

}  // namespace airframe
