#include "airframe/model/logit_distance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace airframe {
namespace {

double log_sum_exp(std::span<const float> row) {
    const double top = *std::ranges::max_element(row);
    double sum = 0;
    for (const float x : row) sum += std::exp(x - top);
    return top + std::log(sum);
}

double kl_divergence(std::span<const float> want, std::span<const float> got) {
    const double want_z = log_sum_exp(want), got_z = log_sum_exp(got);
    double kl = 0;
    for (size_t i = 0; i < want.size(); ++i)
        kl += std::exp(want[i] - want_z) * ((want[i] - want_z) - (got[i] - got_z));
    return std::max(0.0, kl);  // rounding can take a hair from a sum that is never negative
}

}  // namespace

LogitDistance logit_distance(std::span<const float> want, std::span<const float> got, size_t vocab) {
    CHECK(want.size() == got.size() && vocab > 0 && want.size() % vocab == 0, "{} and {} logits", want.size(),
          got.size());
    LogitDistance distance;
    std::vector<double> kls;
    size_t same_top = 0;
    for (size_t at = 0; at < want.size(); at += vocab) {
        const auto want_row = want.subspan(at, vocab), got_row = got.subspan(at, vocab);
        kls.push_back(kl_divergence(want_row, got_row));
        same_top += std::ranges::max_element(want_row) - want_row.begin() ==
                    std::ranges::max_element(got_row) - got_row.begin();
        for (size_t i = 0; i < vocab; ++i) distance.rms += std::pow(double{got_row[i]} - want_row[i], 2);
    }
    if (kls.empty()) return distance;
    const auto n = static_cast<double>(kls.size());
    distance.rms = std::sqrt(distance.rms / static_cast<double>(want.size()));
    distance.kl_mean = std::accumulate(kls.begin(), kls.end(), 0.0) / n;
    distance.top1_equal = static_cast<double>(same_top) / n;
    std::ranges::sort(kls);
    distance.kl_median = kls[kls.size() / 2];
    distance.kl_max = kls.back();
    return distance;
}

}  // namespace airframe
