// PrefillGovernor: how many prompt rows may ride along with rows that are being decoded, so that a long
// prompt never freezes the streams that run: such a step may take not quite twice as long as one
// without a prompt. Learns both costs from the steps as they are. Engine thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace airframe {

class PrefillGovernor {
  public:
    // `fixed`: that many always; 0: by measurement. `rows_max`: of one step.
    PrefillGovernor(int32_t fixed, int32_t rows_max) : fixed_(fixed), rows_max_(rows_max) {}

    // What the next step may take. REQUIRES: decoding is true when a row is to be decoded in it.
    int32_t rows(bool decoding) const {
        if (!decoding) return rows_max_;
        if (fixed_ > 0) return std::min(fixed_, rows_max_);
        if (!decode_s_ || !prefill_row_s_) return std::min(kFirstGuess, rows_max_);
        const double rows = kPromptShare * *decode_s_ / std::max(*prefill_row_s_, 1e-9);
        return std::clamp(static_cast<int32_t>(std::min(rows, 1e6)), std::min(kLeast, rows_max_), rows_max_);
    }

    // What a step has taken.
    void learn(int32_t decode_rows, int32_t prefill_rows, double seconds) {
        if (prefill_rows == 0) return blend(decode_s_, seconds);
        const double prompt_s = decode_rows == 0 ? seconds : seconds - decode_s_.value_or(0);
        blend(prefill_row_s_, std::max(prompt_s, seconds / 10) / prefill_rows);
    }

  private:
    static constexpr int32_t kFirstGuess = 32, kLeast = 4;
    static constexpr double kWeightOfNew = 0.25;
    static constexpr double kPromptShare =
        0.75;  // of a step's time without a prompt; leaves room for a slow step

    static void blend(std::optional<double>& average, double value) {
        average = average ? *average + kWeightOfNew * (value - *average) : value;
    }

    int32_t fixed_, rows_max_;
    std::optional<double> decode_s_, prefill_row_s_;
};

}  // namespace airframe
