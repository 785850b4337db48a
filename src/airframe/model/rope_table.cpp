#include "airframe/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace airframe {
namespace {

// YaRN: between the two borders frequencies go over from "keep" (fast ones) to "stretch" (slow ones).
struct YarnBorders {
    double low, high;
};

YarnBorders yarn_borders(const ModelSpec& spec, double base) {
    const auto& rope = spec.rope;
    const auto border = [&](double turns) {
        return rope.dims * std::log(rope.ctx_original_tokens / (turns * 2 * std::numbers::pi)) /
               (2 * std::log(base));
    };
    return {std::max(0.0, std::floor(border(rope.yarn_beta_fast))),
            std::min(rope.dims - 1.0, std::ceil(border(rope.yarn_beta_slow)))};
}

double yarn_stretch(double frequency, double pair, const YarnBorders& borders, double factor) {
    const double ramp =
        std::clamp((pair - borders.low) / std::max(0.001, borders.high - borders.low), 0.0, 1.0);
    return frequency * (1 - ramp) + frequency / factor * ramp;
}

// Llama 3: wavelengths well within the original context stay, those beyond it are stretched, between them the
// two mix.
double llama3_stretch(double frequency, const ModelSpec& spec) {
    const auto& rope = spec.rope;
    const double turns = rope.ctx_original_tokens * frequency / (2 * std::numbers::pi);
    const double keep = std::clamp(
        (turns - rope.low_freq_factor) / (double{rope.high_freq_factor} - rope.low_freq_factor), 0.0, 1.0);
    return frequency * keep + frequency / rope.factor * (1 - keep);
}

double longrope_magnitude(const ModelSpec& spec) {
    const double scale = static_cast<double>(spec.ctx_train_tokens) / spec.rope.ctx_original_tokens;
    return scale <= 1 ? 1 : std::sqrt(1 + std::log(scale) / std::log(spec.rope.ctx_original_tokens));
}

}  // namespace

RopeTable::RopeTable(const ModelSpec& spec, const RopeFactors& factors, const RopeContext& context,
                     bool local) {
    const auto& rope = spec.rope;
    const bool own_base = local && rope.base_local > 0;
    const double base = own_base ? rope.base_local : rope.base;
    // A local layer with a base of its own never looks further than its window: nothing to stretch.
    RopeScaling scaling = own_base ? RopeScaling::kNone : rope.scaling;
    // Beyond the context that file and rule are for, a rule with a factor stretches further; without one,
    // YaRN begins.
    const bool has_rule = rope.scaling != RopeScaling::kNone;
    const double reach = std::max<double>(spec.ctx_train_tokens,
                                          rope.ctx_original_tokens * (has_rule ? double{rope.factor} : 1));
    const double beyond_training = std::max(1.0, context.ctx_tokens / reach);
    double factor = rope.factor * beyond_training;
    const bool no_factor = rope.scaling == RopeScaling::kNone || rope.scaling == RopeScaling::kLlama3;
    if (!own_base && (context.yarn_factor > 0 || (no_factor && beyond_training > 1))) {
        scaling = RopeScaling::kYarn;
        factor = context.yarn_factor > 0 ? context.yarn_factor : beyond_training;
    }
    const YarnBorders borders = yarn_borders(spec, base);
    const bool beyond = context.ctx_tokens > rope.ctx_original_tokens;
    const std::vector<float>& divisors = scaling == RopeScaling::kLongRope
                                             ? (beyond ? factors.long_context : factors.short_context)
                                             : factors.always;
    frequencies_.resize(rope.dims / 2);
    for (size_t i = 0; i < frequencies_.size(); ++i) {
        double frequency = std::pow(base, -2.0 * static_cast<double>(i) / rope.dims);
        if (!divisors.empty()) frequency /= divisors[i];
        if (scaling == RopeScaling::kLinear) frequency /= factor;
        if (rope.scaling == RopeScaling::kLlama3 && divisors.empty())
            frequency = llama3_stretch(frequency, spec);
        if (scaling == RopeScaling::kYarn)
            frequency = yarn_stretch(frequency, static_cast<double>(i), borders, factor);
        frequencies_[i] = frequency;
    }
    if (scaling == RopeScaling::kYarn)
        magnitude_ = (rope.attn_factor > 0 ? rope.attn_factor : 1) * (1 + 0.1 * std::log(factor));
    if (scaling == RopeScaling::kLongRope)
        magnitude_ = rope.attn_factor > 0 ? rope.attn_factor : longrope_magnitude(spec);
}

void RopeTable::extend(int32_t position) {
    const size_t row = frequencies_.size() * 2;
    const size_t have = row == 0 ? 0 : cache_.size() / row;
    const size_t want = static_cast<size_t>(position) + 1;
    if (want <= have) return;
    const size_t grown = std::max(want, have + have / 2 + 64);
    cache_.resize(grown * row);
    for (size_t p = have; p < grown; ++p)
        for (size_t i = 0; i < frequencies_.size(); ++i) {
            const double angle = static_cast<double>(p) * frequencies_[i];
            cache_[p * row + 2 * i] = static_cast<float>(std::cos(angle) * magnitude_);
            cache_[p * row + 2 * i + 1] = static_cast<float>(std::sin(angle) * magnitude_);
        }
}

void RopeTable::fill(std::span<const int32_t> positions, float* out) {
    const size_t row = frequencies_.size() * 2;
    if (row == 0 || positions.empty()) return;
    extend(*std::ranges::max_element(positions));
    for (const int32_t position : positions) {
        std::memcpy(out, &cache_[static_cast<size_t>(position) * row], row * sizeof(float));
        out += row;
    }
}

}  // namespace airframe
