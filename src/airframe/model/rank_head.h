// The head of a model that ranks: from the first row of a pair of texts to one number, as the sequence
// classifiers of BERT and RoBERTa compute it. Small, so it runs on the host.
#pragma once

#include <span>
#include <vector>

namespace airframe {

struct RankHead {
    std::vector<float> dense;       // [dim, dim], before a tanh; empty: there is no such layer
    std::vector<float> dense_bias;  // [dim]; may be empty
    std::vector<float> out;         // [dim]
    float out_bias = 0;
};

// The raw score (a logit: any number, more is better) of a last layer's first row [dim].
double rank_score(const RankHead& head, std::span<const double> row);

}  // namespace airframe
