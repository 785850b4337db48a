#include "airframe/engine/cuts.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace airframe {
namespace {

double weight_sum(std::span<const Candidate> candidates, float best) {
    double sum = 0;
    for (const Candidate& candidate : candidates)
        sum += static_cast<double>(exp_of_negative(candidate.logit - best));
    return sum;
}

bool nearer(const Surprise& a, const Surprise& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
}

// Moves to the front the fewest nearest ones that together weigh `wanted`; how many. A quickselect that
// weighs what it has put aside.
size_t gather_nearest(std::vector<Surprise>& all, double wanted) {
    auto begin = all.begin(), end = all.end();
    while (end - begin > 1) {
        const auto middle = begin + (end - begin) / 2;
        std::nth_element(begin, middle, end, nearer);
        double mass = 0;
        for (auto at = begin; at != middle; ++at) mass += static_cast<double>(at->weight);
        if (mass >= wanted) {
            end = middle;
        } else {
            wanted -= mass;
            begin = middle;
        }
    }
    return static_cast<size_t>(end - all.begin());
}

}  // namespace

void cut_top_p(std::vector<Candidate>& candidates, float top_p, std::vector<Candidate>& ranked) {
    const Candidate last = last_of_nucleus(candidates, top_p, ranked);
    std::erase_if(candidates, [&](const Candidate& candidate) { return better(last, candidate); });
}

void cut_min_p(std::vector<Candidate>& candidates, float min_p) {
    cut_below_best(candidates, -std::log(static_cast<double>(min_p)));
}

void cut_below_best(std::vector<Candidate>& candidates, double distance) {
    const double least = static_cast<double>(best_logit(candidates)) - distance;
    std::erase_if(candidates,
                  [&](const Candidate& candidate) { return static_cast<double>(candidate.logit) < least; });
}

void cut_typical(std::vector<Candidate>& candidates, float typical_p, std::vector<Surprise>& room) {
    const float best = best_logit(candidates);
    const double sum = weight_sum(candidates, best), log_sum = std::log(sum);
    const double entropy = entropy_of(candidates);
    room.clear();
    for (const Candidate& candidate : candidates) {
        const float below = candidate.logit - best;
        const double surprise = log_sum - static_cast<double>(below);
        room.push_back(
            {static_cast<float>(std::abs(surprise - entropy)), exp_of_negative(below), candidate.id});
    }
    room.resize(gather_nearest(room, static_cast<double>(typical_p) * sum));
    std::ranges::sort(room, {}, &Surprise::id);
    auto kept = room.begin();
    std::erase_if(candidates, [&](const Candidate& candidate) {
        if (kept == room.end() || kept->id != candidate.id) return true;
        ++kept;
        return false;
    });
}

void cut_top_choices(std::vector<Candidate>& candidates, float threshold) {
    const float best = best_logit(candidates);
    const double least = static_cast<double>(threshold) * weight_sum(candidates, best);
    const auto is_top = [&](const Candidate& candidate) {
        return static_cast<double>(exp_of_negative(candidate.logit - best)) >= least;
    };
    size_t n = 0;
    Candidate last{best, -1};  // before every candidate by rank
    for (const Candidate& candidate : candidates) {
        if (!is_top(candidate)) continue;
        ++n;
        if (better(last, candidate)) last = candidate;
    }
    if (n < 2) return;
    std::erase_if(candidates, [&](const Candidate& candidate) { return better(candidate, last); });
}

void cut_surprising(std::vector<Candidate>& candidates, double bits) {
    const float best = best_logit(candidates);
    // surprise = log(sum) - below, in nats
    const double most = bits * std::log(2.0) - std::log(weight_sum(candidates, best));
    std::erase_if(candidates, [&](const Candidate& candidate) {
        return candidate.logit != best && static_cast<double>(best - candidate.logit) > most;
    });
}

double entropy_of(std::span<const Candidate> candidates) {
    const float best = best_logit(candidates);
    double sum = 0, product = 0;
    for (const Candidate& candidate : candidates) {
        const float below = candidate.logit - best, weight = exp_of_negative(below);
        if (weight == 0) continue;
        sum += static_cast<double>(weight);
        product += static_cast<double>(weight) * static_cast<double>(below);
    }
    return std::log(sum) - product / sum;
}

double standard_deviation(std::span<const float> logits) {
    constexpr float kForbidden = -std::numeric_limits<float>::infinity();
    double sum = 0, squares = 0;
    size_t n = 0;
    for (const float x : logits) {
        if (x == kForbidden) continue;
        ++n;
        sum += static_cast<double>(x);
    }
    const double mean = sum / static_cast<double>(n);
    for (const float x : logits) {
        if (x == kForbidden) continue;
        squares += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
    }
    return std::sqrt(squares / static_cast<double>(n));
}

}  // namespace airframe
