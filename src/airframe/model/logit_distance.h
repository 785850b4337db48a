// How far two sets of logits are from each other.
#pragma once

#include <cstddef>
#include <span>

namespace airframe {

struct LogitDistance {
    double rms = 0;      // root mean square of the differences
    double kl_mean = 0;  // Kullback-Leibler divergence of `got` from `want`, mean over positions, in nats
    double kl_median = 0;
    double kl_max = 0;
    double top1_equal = 0;  // share of positions with the same most likely token
};

// want, got: [positions, vocab], finite.
LogitDistance logit_distance(std::span<const float> want, std::span<const float> got, size_t vocab);

}  // namespace airframe
