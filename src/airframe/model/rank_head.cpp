#include "airframe/model/rank_head.h"

#include <cmath>
#include <numeric>

namespace airframe {
namespace {

double dot(std::span<const float> weights, std::span<const double> x) {
    return std::inner_product(x.begin(), x.end(), weights.begin(), 0.0);
}

}  // namespace

double rank_score(const RankHead& head, std::span<const double> row) {
    if (head.dense.empty()) return dot(head.out, row) + head.out_bias;
    std::vector<double> hidden(row.size());
    for (size_t i = 0; i < hidden.size(); ++i) {
        const double bias = head.dense_bias.empty() ? 0 : head.dense_bias[i];
        hidden[i] = std::tanh(dot(std::span(head.dense).subspan(i * row.size(), row.size()), row) + bias);
    }
    return dot(head.out, hidden) + head.out_bias;
}

}  // namespace airframe
