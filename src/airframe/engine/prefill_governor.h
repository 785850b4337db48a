// PrefillGovernor: how many prompt rows may ride along with rows that are being decoded, so that a long
// prompt never freezes the streams that run: such a step may take not quite twice as long as one without a
// prompt. When more requests wait for their first token than for their next one, it may take longer in that
// proportion: many short prompts at once are soon over. Learns both costs from the steps as they are. Engine
// thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace airframe {

class PrefillGovernor {
  public:
    // `fixed`: that many always; 0: by measurement. `rows_max`: of one step.
    PrefillGovernor(int32_t fixed, int32_t rows_max) : fixed_(fixed), rows_max_(rows_max) {}

    // What the next step may take beside `decode_rows`; `prompts`: Scheduler::prompts_due().
    int32_t rows(int32_t decode_rows, double prompts) const {
        if (decode_rows == 0) return rows_max_;
        if (fixed_ > 0) return std::min(fixed_, rows_max_);
        const auto decode_s = cost_of(decode_rows);
        if (!decode_s || !prompt_row_s_) return std::min(kFirstGuess, rows_max_);
        const double share = std::max(kPromptShare, prompts / decode_rows);
        const double room = std::min(share * *decode_s / std::max(*prompt_row_s_, 1e-9), 1e6);
        const int32_t all = decode_rows + static_cast<int32_t>(room);
        const int32_t whole = (all + kRowUnit / 2) / kRowUnit * kRowUnit;
        return std::clamp(whole - decode_rows, std::min(kLeast, rows_max_), rows_max_);
    }

    // What a step has taken.
    void learn(int32_t decode_rows, int32_t prompt_rows, double seconds) {
        if (decode_rows == 0) return blend(prompt_row_s_, seconds / prompt_rows);
        Cost& decode = costs_[bucket(decode_rows)];
        if (prompt_rows == 0) {
            if (!decode.alone) decode.seconds.reset();  // what was inferred so far
            decode.alone = true;
            return blend(decode.seconds, seconds);
        }
        if (!prompt_row_s_) prompt_row_s_ = seconds / (decode_rows + prompt_rows);
        const double least = seconds / 10;
        if (decode.alone)
            blend(prompt_row_s_, std::max(seconds - *decode.seconds, least) / prompt_rows);
        else
            blend(decode.seconds, std::max(seconds - prompt_rows * *prompt_row_s_, least));
    }

  private:
    static constexpr int32_t kFirstGuess = 32, kLeast = 4;
    static constexpr int32_t kRowUnit = 8;  // matrix products take rows in eights: empty seats cost as much
    static constexpr double kWeightOfNew = 0.25;
    static constexpr double kPromptShare = 0.75;  // of a step's time without a prompt: a slow step has room

    // Steps that decode between 2^i and 2^(i + 1) - 1 rows.
    struct Cost {
        std::optional<double> seconds;
        bool alone = false;  // seen without a prompt; else inferred from steps with one
    };
    static constexpr size_t kBuckets = 16;

    static size_t bucket(int32_t rows) {
        return std::min<size_t>(static_cast<size_t>(std::bit_width(static_cast<uint32_t>(rows))) - 1,
                                kBuckets - 1);
    }

    // Of as many rows, or of the most that are known to be fewer.
    std::optional<double> cost_of(int32_t decode_rows) const {
        for (size_t i = bucket(decode_rows) + 1; i-- > 0;)
            if (costs_[i].seconds) return costs_[i].seconds;
        return std::nullopt;
    }

    static void blend(std::optional<double>& average, double value) {
        average = average ? *average + kWeightOfNew * (value - *average) : value;
    }

    int32_t fixed_, rows_max_;
    std::array<Cost, kBuckets> costs_;
    std::optional<double> prompt_row_s_;
};

}  // namespace airframe
