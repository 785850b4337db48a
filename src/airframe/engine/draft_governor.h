// DraftGovernor: how many guesses are worth computing behind a token. Learns what a step costs by its number
// of rows; with the share of guesses that come true it knows what a draft brings. Where rows are cheap beside
// the weights that are read anyway, drafts pay; in company or where computing is the bottleneck they soon do
// not. Engine thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "airframe/engine/sequence.h"

namespace airframe {

// How often one request's guesses come true.
class Acceptance {
  public:
    double share() const { return share_; }
    // `checked` guesses were computed, the first `right` of them were right.
    void learn(int32_t checked, int32_t right) {
        for (int32_t i = 0; i < std::min(checked, right + 1); ++i)
            share_ += kWeightOfNew * ((i < right ? 1.0 : 0.0) - share_);
    }
    // A draft was not tried: what is known grows old, and some day it is tried again.
    void forget() { share_ += kForgetting * (kPrior - share_); }

  private:
    static constexpr double kPrior = 0.5, kWeightOfNew = 0.15, kForgetting = 0.004;
    double share_ = kPrior;
};

class DraftGovernor {
  public:
    // A step of `rows` rows, none of them of a prompt, has taken `seconds`.
    void learn(int32_t rows, double seconds) {
        const double x = rows;
        for (double* sum : {&n_, &x_, &y_, &xx_, &xy_}) *sum *= kMemory;
        n_ += 1, x_ += x, y_ += seconds, xx_ += x * x, xy_ += x * seconds;
    }

    // A draft model has taken `seconds` for so many guesses.
    void learn_draft(int32_t guesses, double seconds) {
        if (guesses > 0) guess_s_ += kWeightOfNew * (seconds / guesses - guess_s_);
    }

    // The best number of guesses for one of `sequences` that are being decoded.
    int32_t guesses(int32_t sequences, double acceptance) const {
        const double spread = n_ * xx_ - x_ * x_;
        if (spread <= kLeastSpread * n_ * n_) return acceptance >= kWorthATry ? kMost : 0;
        const double slope = std::max(0.0, (n_ * xy_ - x_ * y_) / spread);
        const double base = std::max(0.0, (y_ - slope * x_) / n_);
        const auto rate = [&](int32_t guessed) {
            const double tokens = (1 - std::pow(acceptance, guessed + 1)) / std::max(1 - acceptance, 1e-6);
            return (sequences - 1 + tokens) /
                   std::max(base + slope * (sequences + guessed) + guess_s_ * guessed, 1e-12);
        };
        int32_t best = 0;
        double best_rate = rate(0) * kLeastGain;
        for (int32_t guessed = 1; guessed <= kMost; ++guessed)
            if (const double reached = rate(guessed); reached > best_rate)
                best = guessed, best_rate = reached;
        return best;
    }

  private:
    static constexpr int32_t kMost = static_cast<int32_t>(kDraftTokensMax);
    static constexpr double kMemory = 0.98;       // of the past, per step
    static constexpr double kLeastSpread = 0.05;  // variance of the rows: with less, costs are unknown
    static constexpr double kLeastGain = 1.03;
    static constexpr double kWorthATry = 0.25;

    static constexpr double kWeightOfNew = 0.1;

    double guess_s_ = 0;  // what a guess costs; from the text itself they are free
    double n_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;  // sums of a least-squares line, seconds by rows
};

}  // namespace airframe
