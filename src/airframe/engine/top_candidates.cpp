#include "airframe/engine/top_candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace airframe {
namespace {

// Independent running values: the compiler turns them into vector registers.
constexpr size_t kLanes = 16;

constexpr float kLowest = -std::numeric_limits<float>::infinity();

float largest(std::span<const float> values) {
    float lanes[kLanes];
    std::fill_n(lanes, kLanes, kLowest);
    size_t i = 0;
    for (; i + kLanes <= values.size(); i += kLanes)
        for (size_t j = 0; j < kLanes; ++j) lanes[j] = values[i + j] > lanes[j] ? values[i + j] : lanes[j];
    float result = *std::max_element(lanes, lanes + kLanes);
    for (; i < values.size(); ++i) result = std::max(result, values[i]);
    return result;
}

// A heap of the best k, the worst of them on top: after the first few hundred values almost none displaces
// it.
void take_top_few(std::span<const float> logits, size_t k, std::vector<Candidate>& out) {
    out.clear();
    for (size_t i = 0; i < k; ++i) out.push_back({logits[i], static_cast<TokenId>(i)});
    std::ranges::make_heap(out, better);
    for (size_t i = k; i < logits.size(); ++i) {
        if (!(logits[i] > out.front().logit)) continue;
        std::ranges::pop_heap(out, better);
        out.back() = {logits[i], static_cast<TokenId>(i)};
        std::ranges::push_heap(out, better);
    }
}

void take_top_many(std::span<const float> logits, size_t k, std::vector<Candidate>& out) {
    out.clear();
    for (size_t i = 0; i < logits.size(); ++i) out.push_back({logits[i], static_cast<TokenId>(i)});
    if (k < out.size())
        std::nth_element(out.begin(), out.begin() + static_cast<ptrdiff_t>(k), out.end(), better);
    out.resize(k);
}

}  // namespace

bool all_finite(std::span<const float> values) {
    // x * 0 is 0 for each finite x and NaN for the others, and a sum never loses a NaN.
    float lanes[kLanes] = {};
    size_t i = 0;
    for (; i + kLanes <= values.size(); i += kLanes)
        for (size_t j = 0; j < kLanes; ++j) lanes[j] += values[i + j] * 0.0f;
    float sum = 0;
    for (const float lane : lanes) sum += lane;
    for (; i < values.size(); ++i) sum += values[i] * 0.0f;
    return sum == 0;
}

TokenId index_of_largest(std::span<const float> values) {
    return static_cast<TokenId>(std::ranges::find(values, largest(values)) - values.begin());
}

double log_sum_exp(std::span<const float> logits) {
    constexpr size_t kBlock = 64 * kLanes;  // summed in float, the blocks in double
    const float best = largest(logits);
    double sum = 0;
    while (!logits.empty()) {
        const auto block = logits.first(std::min(kBlock, logits.size()));
        logits = logits.subspan(block.size());
        float lanes[kLanes] = {};
        size_t i = 0;
        for (; i + kLanes <= block.size(); i += kLanes)
            for (size_t j = 0; j < kLanes; ++j) lanes[j] += exp_of_negative(block[i + j] - best);
        for (; i < block.size(); ++i) lanes[0] += exp_of_negative(block[i] - best);
        for (const float lane : lanes) sum += static_cast<double>(lane);
    }
    return static_cast<double>(best) + std::log(sum);
}

void take_top(std::span<const float> logits, size_t k, std::vector<Candidate>& out) {
    constexpr size_t kFew = 1024;
    if (k <= kFew)
        take_top_few(logits, k, out);
    else
        take_top_many(logits, k, out);
    std::ranges::sort(out, {}, &Candidate::id);
}

void take_near_best(std::span<const float> logits, float distance, std::vector<Candidate>& out) {
    const float least = largest(logits) - distance;
    out.clear();
    for (size_t i = 0; i < logits.size(); ++i)
        if (logits[i] >= least) out.push_back({logits[i], static_cast<TokenId>(i)});
}

float best_logit(std::span<const Candidate> candidates) {
    return std::ranges::max_element(candidates, {}, &Candidate::logit)->logit;
}

Candidate last_of_nucleus(std::span<const Candidate> candidates, float top_p,
                          std::vector<Candidate>& ranked) {
    // Buckets by distance from the best; whatever is further away than the last one begins weighs nothing.
    constexpr size_t kBuckets = 2048;
    constexpr float kPerUnit = kBuckets / 32.0f;
    const float best = best_logit(candidates);
    const auto bucket_of = [best](const Candidate& candidate) {
        return static_cast<size_t>(
            std::min((best - candidate.logit) * kPerUnit, static_cast<float>(kBuckets - 1)));
    };
    const auto weight_of = [best](const Candidate& candidate) {
        return static_cast<double>(exp_of_negative(candidate.logit - best));
    };
    double mass[kBuckets] = {};
    for (const Candidate& candidate : candidates) mass[bucket_of(candidate)] += weight_of(candidate);
    double wanted = 0;
    for (const double part : mass) wanted += part;
    wanted *= static_cast<double>(top_p);

    // The bucket in which the nucleus ends is the only one whose order matters.
    size_t last = 0;
    while (last + 1 < kBuckets && mass[last] < wanted) wanted -= mass[last++];
    ranked.clear();
    for (const Candidate& candidate : candidates)
        if (bucket_of(candidate) == last) ranked.push_back(candidate);
    std::ranges::sort(ranked, better);
    for (const Candidate& candidate : ranked) {
        wanted -= weight_of(candidate);
        if (wanted <= 0) return candidate;
    }
    if (!ranked.empty()) return ranked.back();
    return *std::ranges::max_element(candidates,
                                     better);  // top_p is 1 but for rounding: even the worst belongs to it
}

}  // namespace airframe
