// Which experts a token goes to, and how much each counts: a few hundred scores, so plain scalar code for
// every backend that computes on the host. Any thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "airframe/backend/backend.h"

namespace airframe {

struct ExpertChoice {
    int32_t expert;
    float weight;
};

struct MoeRule {
    MoeGate gating;
    bool renormalize;
    float scale;
};

namespace moe_detail {

// Softmax in place, over the scores or over the chosen ones.
template <class Scores>
void softmax(Scores scores, size_t n) {
    double peak = scores(0), sum = 0;
    for (size_t i = 1; i < n; ++i) peak = std::max(peak, static_cast<double>(scores(i)));
    for (size_t i = 0; i < n; ++i) {
        const double e = std::exp(static_cast<double>(scores(i)) - peak);
        scores(i) = static_cast<float>(e);
        sum += e;
    }
    for (size_t i = 0; i < n; ++i) scores(i) = static_cast<float>(static_cast<double>(scores(i)) / sum);
}

}  // namespace moe_detail

// Turns the router's scores of one token [n_experts] (overwritten) into the best chosen.size() experts, best
// first; of equal ones the lower number wins. REQUIRES: chosen.size() <= scores.size(), at least one.
inline void choose_experts(std::span<float> scores, const MoeRule& rule, std::span<ExpertChoice> chosen) {
    if (rule.gating == MoeGate::kSoftmax)
        moe_detail::softmax([&](size_t i) -> float& { return scores[i]; }, scores.size());
    if (rule.gating == MoeGate::kSigmoid)
        for (float& score : scores)
            score = static_cast<float>(1 / (1 + std::exp(-static_cast<double>(score))));

    size_t n = 0;  // insertion into a short sorted list
    for (size_t expert = 0; expert < scores.size(); ++expert) {
        if (n == chosen.size() && !(scores[expert] > chosen[n - 1].weight)) continue;
        size_t at = n < chosen.size() ? n++ : n - 1;
        for (; at > 0 && scores[expert] > chosen[at - 1].weight; --at) chosen[at] = chosen[at - 1];
        chosen[at] = {static_cast<int32_t>(expert), scores[expert]};
    }

    if (rule.gating == MoeGate::kSoftmaxAfterTopK)
        moe_detail::softmax([&](size_t i) -> float& { return chosen[i].weight; }, chosen.size());
    double sum = 0;
    for (const ExpertChoice& choice : chosen) sum += choice.weight;
    const double factor = rule.renormalize && sum > 0 ? rule.scale / sum : rule.scale;
    for (ExpertChoice& choice : chosen) choice.weight = static_cast<float>(choice.weight * factor);
}

}  // namespace airframe
