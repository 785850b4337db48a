#include "airframe/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace airframe {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

struct Draw {
    const SamplingParams& params;
    std::span<const std::pair<TokenId, float>> bias;
    std::span<float> logits;          // [vocab]
    std::span<const TokenId> tokens;  // prompt and generated
    size_t prompt_tokens;
    SamplerScratch& scratch;

    void set(TokenId id, float logit) {
        float& slot = logits[static_cast<size_t>(id)];
        scratch.replaced.emplace_back(id, slot);
        slot = logit;
    }
    float logit(TokenId id) const { return logits[static_cast<size_t>(id)]; }
};

// Calls visit(token, times) for each different token of `tokens`.
template <class Visit>
void for_each_different(std::span<const TokenId> tokens, std::vector<TokenId>& sorted, Visit visit) {
    sorted.assign(tokens.begin(), tokens.end());
    std::ranges::sort(sorted);
    for (size_t i = 0, next = 0; i < sorted.size(); i = next) {
        while (next < sorted.size() && sorted[next] == sorted[i]) ++next;
        visit(sorted[i], static_cast<float>(next - i));
    }
}

void add_bias(Draw& draw) {
    for (const auto& [id, bias] : draw.bias) draw.set(id, draw.logit(id) + bias);
}

// Keskar et al. 2019 (CTRL), as everyone applies it: positive logits are divided, negative ones multiplied.
void penalize_repetition(Draw& draw) {
    const float penalty = draw.params.repeat_penalty;
    const auto window =
        draw.params.repeat_last_n < 0 ? draw.tokens.size() : static_cast<size_t>(draw.params.repeat_last_n);
    for_each_different(draw.tokens.last(std::min(window, draw.tokens.size())), draw.scratch.recent,
                       [&](TokenId id, float) {
                           const float logit = draw.logit(id);
                           draw.set(id, logit > 0 ? logit / penalty : logit * penalty);
                       });
}

void penalize_frequency_and_presence(Draw& draw) {
    const SamplingParams& params = draw.params;
    for_each_different(
        draw.tokens.subspan(draw.prompt_tokens), draw.scratch.recent, [&](TokenId id, float times) {
            draw.set(id, draw.logit(id) - times * params.frequency_penalty - params.presence_penalty);
        });
}

void keep_top_k(Draw& draw) {
    // Beyond this distance from the best a token has less than 1e-13 of its probability: the whole rest of a
    // vocabulary then weighs less than one rounding of the sum.
    constexpr float kNegligible = 30;
    const auto k = static_cast<size_t>(draw.params.top_k);
    if (k > 0 && k < draw.logits.size()) return take_top(draw.logits, k, draw.scratch.candidates);
    take_near_best(draw.logits, kNegligible * std::max(1.0f, draw.params.temperature),
                   draw.scratch.candidates);
}

void keep_top_p(Draw& draw) {
    auto& candidates = draw.scratch.candidates;
    const Candidate last = last_of_nucleus(candidates, draw.params.top_p, draw.scratch.ranked);
    std::erase_if(candidates, [&](const Candidate& candidate) { return better(last, candidate); });
}

void keep_min_p(Draw& draw) {
    auto& candidates = draw.scratch.candidates;
    const float least = best_logit(candidates) + std::log(draw.params.min_p);
    std::erase_if(candidates, [&](const Candidate& candidate) { return candidate.logit < least; });
}

struct Stage {
    bool (*active)(const SamplingParams&);
    void (*apply)(Draw&);
};

// These edit logits; then keep_top_k() gathers candidates …
constexpr Stage kEdits[] = {
    {[](const SamplingParams&) { return true; }, add_bias},
    {[](const SamplingParams& p) { return p.repeat_penalty != 1 && p.repeat_last_n != 0; },
     penalize_repetition},
    {[](const SamplingParams& p) { return p.frequency_penalty != 0 || p.presence_penalty != 0; },
     penalize_frequency_and_presence},
};

// … and these thin them out.
constexpr Stage kCuts[] = {
    {[](const SamplingParams& p) { return p.top_p < 1; }, keep_top_p},
    {[](const SamplingParams& p) { return p.min_p > 0; }, keep_min_p},
};

std::optional<TokenId> choose_best(const Draw& draw) {
    const TokenId best = index_of_largest(draw.logits);
    return draw.logit(best) == kForbidden ? std::nullopt : std::optional(best);
}

// Nothing when every token is forbidden.
std::optional<TokenId> choose_by_chance(Draw& draw, base::Rng& rng) {
    auto& candidates = draw.scratch.candidates;
    keep_top_k(draw);
    const float best = best_logit(candidates);
    if (best == kForbidden) return std::nullopt;
    for (const Stage& stage : kCuts)
        if (stage.active(draw.params)) stage.apply(draw);
    // From here on `logit` is the weight: two loops, because only the first becomes vector code.
    for (Candidate& candidate : candidates)
        candidate.logit = exp_of_negative((candidate.logit - best) / draw.params.temperature);
    double sum = 0;
    for (const Candidate& candidate : candidates) sum += static_cast<double>(candidate.logit);
    double left = rng.next_double() * sum;
    TokenId last = candidates.front().id;
    for (const Candidate& candidate : candidates) {
        if (candidate.logit == 0) continue;
        last = candidate.id;
        left -= static_cast<double>(candidate.logit);
        if (left < 0) break;
    }
    return last;
}

base::Error nothing_allowed() {
    return {.code = base::ErrorCode::kInvalidArgument,
            .message = "logit_bias forbids every token of the vocabulary.",
            .param = "logit_bias",
            .detail = {}};
}

}  // namespace

Sampler::Sampler(const SamplingParams& params, uint64_t seed, std::span<const TokenId> banned)
    : params_(params), bias_(params.logit_bias.begin(), params.logit_bias.end()), rng_(seed) {
    params_.logit_bias.clear();
    for (const TokenId id : banned) bias_.emplace_back(id, kForbidden);
}

base::Result<TokenId> Sampler::sample(std::span<float> logits, std::span<const TokenId> tokens,
                                      size_t prompt_tokens, SamplerScratch& scratch) {
    if (!all_finite(logits))
        return base::fail(
            base::ErrorCode::kNumeric,
            "After {} tokens the model gave a value that is not a finite number. Its weights may be "
            "damaged: compare the file with its source.",
            tokens.size());
    Draw draw{.params = params_,
              .bias = bias_,
              .logits = logits,
              .tokens = tokens,
              .prompt_tokens = prompt_tokens,
              .scratch = scratch};
    scratch.replaced.clear();
    for (const Stage& stage : kEdits)
        if (stage.active(params_)) stage.apply(draw);
    const std::optional<TokenId> chosen =
        params_.temperature == 0 ? choose_best(draw) : choose_by_chance(draw, rng_);
    // The latest change first: a logit edited twice gets its first value back.
    for (size_t i = scratch.replaced.size(); i-- > 0;)
        logits[static_cast<size_t>(scratch.replaced[i].first)] = scratch.replaced[i].second;
    if (!chosen) return std::unexpected(nothing_allowed());
    return *chosen;
}

void raw_logprobs(std::span<const float> logits, TokenId chosen, int32_t n_top, SamplerScratch& scratch,
                  Delta::Logprobs& out) {
    const double log_sum = log_sum_exp(logits);
    const auto logprob = [&](TokenId id) {
        const double value = static_cast<double>(logits[static_cast<size_t>(id)]) - log_sum;
        return TokenLogprob{.id = id, .logprob = static_cast<float>(std::min(value, 0.0))};
    };
    out.chosen = logprob(chosen);
    out.top.clear();
    if (n_top <= 0) return;
    take_top(logits, std::min(static_cast<size_t>(n_top), logits.size()), scratch.candidates);
    std::ranges::sort(scratch.candidates, better);
    for (const Candidate& candidate : scratch.candidates) out.top.push_back(logprob(candidate.id));
}

}  // namespace airframe
