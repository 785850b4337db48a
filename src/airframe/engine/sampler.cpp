#include "airframe/engine/sampler.h"

#include <algorithm>
#include <bit>
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
    int32_t tokens_since_breaker;
    SamplerScratch& scratch;
    base::Rng& rng;

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

void penalize_long_repetitions(Draw& draw) {
    constexpr double kPenaltyMax = 10000;  // the largest that a bias may be: out of reach for any other stage
    const SamplingParams& params = draw.params;
    const auto window =
        params.dry_penalty_last_n < 0 ? draw.tokens.size() : static_cast<size_t>(params.dry_penalty_last_n);
    auto& repetitions = draw.scratch.repetitions;
    find_repetitions(draw.tokens.last(std::min(window, draw.tokens.size())), params.dry_allowed_length,
                     draw.tokens_since_breaker, draw.scratch.lengths, repetitions);
    for (const Repetition& repetition : repetitions) {
        const double penalty =
            static_cast<double>(params.dry_multiplier) *
            std::pow(static_cast<double>(params.dry_base), repetition.length - params.dry_allowed_length);
        draw.set(repetition.next,
                 draw.logit(repetition.next) - static_cast<float>(std::min(penalty, kPenaltyMax)));
    }
}

// Every token that counts. Beyond this distance from the best a token has less than 1e-13 of its probability:
// the whole rest of a vocabulary then weighs less than one rounding of the sum.
void gather_all(Draw& draw) {
    constexpr float kNegligible = 30;
    const float hottest = draw.params.temperature + draw.params.dynatemp_range;
    take_near_best(draw.logits, kNegligible * std::max(1.0f, hottest), draw.scratch.candidates);
}

void gather_top_k(Draw& draw) {
    const auto k = static_cast<size_t>(draw.params.top_k);
    if (k > 0 && k < draw.logits.size()) return take_top(draw.logits, k, draw.scratch.candidates);
    gather_all(draw);
}

void exclude_top_choices(Draw& draw) {
    if (draw.rng.next_double() >= static_cast<double>(draw.params.xtc_probability)) return;
    cut_top_choices(draw.scratch.candidates, draw.params.xtc_threshold);
}

struct Stage {
    bool (*active)(const SamplingParams&);
    void (*apply)(Draw&);
};

// These edit logits; then gather_top_k() takes candidates …
constexpr Stage kEdits[] = {
    {[](const SamplingParams&) { return true; }, add_bias},
    {[](const SamplingParams& p) { return p.repeat_penalty != 1 && p.repeat_last_n != 0; },
     penalize_repetition},
    {[](const SamplingParams& p) { return p.frequency_penalty != 0 || p.presence_penalty != 0; },
     penalize_frequency_and_presence},
    {[](const SamplingParams& p) { return p.dry_multiplier > 0 && p.dry_penalty_last_n != 0; },
     penalize_long_repetitions},
};

// … and these thin them out.
constexpr Stage kCuts[] = {
    {[](const SamplingParams& p) { return p.typical_p < 1; },
     [](Draw& d) { cut_typical(d.scratch.candidates, d.params.typical_p, d.scratch.surprises); }},
    {[](const SamplingParams& p) { return p.top_p < 1; },
     [](Draw& d) { cut_top_p(d.scratch.candidates, d.params.top_p, d.scratch.ranked); }},
    {[](const SamplingParams& p) { return p.min_p > 0; },
     [](Draw& d) { cut_min_p(d.scratch.candidates, d.params.min_p); }},
    {[](const SamplingParams& p) { return p.top_n_sigma > 0; },
     [](Draw& d) {
         cut_below_best(d.scratch.candidates,
                        static_cast<double>(d.params.top_n_sigma) * standard_deviation(d.logits));
     }},
    {[](const SamplingParams& p) { return p.xtc_probability > 0 && p.xtc_threshold <= 0.5f; },
     exclude_top_choices},
};

std::optional<TokenId> choose_best(const Draw& draw) {
    const TokenId best = index_of_largest(draw.logits);
    return draw.logit(best) == kForbidden ? std::nullopt : std::optional(best);
}

// Dynamic temperature (kalomaze 2023): low where the model is sure, high where it is not.
float temperature_of(const SamplingParams& params, std::span<const Candidate> candidates) {
    if (params.dynatemp_range <= 0 || candidates.size() < 2) return params.temperature;
    const float low = std::max(0.0f, params.temperature - params.dynatemp_range),
                high = params.temperature + params.dynatemp_range;
    const double sureness = entropy_of(candidates) / std::log(static_cast<double>(candidates.size()));
    return low + (high - low) * static_cast<float>(std::pow(std::clamp(sureness, 0.0, 1.0),
                                                            static_cast<double>(params.dynatemp_exponent)));
}

struct Drawn {
    TokenId id;
    double probability;  // among the candidates
};

// Changes the candidates' logits to weights.
Drawn draw_one(std::vector<Candidate>& candidates, float temperature, base::Rng& rng) {
    const float best = best_logit(candidates);
    // Two loops, because only the first becomes vector code. At temperature 0 (a dynamic one) the best alone
    // has weight: its distance is 0 / 0.
    const float divisor = std::max(temperature, std::numeric_limits<float>::min());
    for (Candidate& candidate : candidates)
        candidate.logit = exp_of_negative((candidate.logit - best) / divisor);
    double sum = 0;
    for (const Candidate& candidate : candidates) sum += static_cast<double>(candidate.logit);
    double left = rng.next_double() * sum;
    Candidate last = candidates.front();
    for (const Candidate& candidate : candidates) {
        if (candidate.logit == 0) continue;
        last = candidate;
        left -= static_cast<double>(candidate.logit);
        if (left < 0) break;
    }
    return {last.id, static_cast<double>(last.logit) / sum};
}

// Nothing, from both, when every token is forbidden.
std::optional<TokenId> choose_by_chance(Draw& draw) {
    auto& candidates = draw.scratch.candidates;
    gather_top_k(draw);
    if (best_logit(candidates) == kForbidden) return std::nullopt;
    for (const Stage& stage : kCuts)
        if (stage.active(draw.params)) stage.apply(draw);
    return draw_one(candidates, temperature_of(draw.params, candidates), draw.rng).id;
}

std::optional<TokenId> choose_by_mirostat(Draw& draw, double& bits) {
    auto& candidates = draw.scratch.candidates;
    gather_all(draw);
    const float best = best_logit(candidates);
    if (best == kForbidden) return std::nullopt;
    const float temperature = temperature_of(draw.params, candidates);
    for (Candidate& candidate : candidates)
        candidate.logit = (candidate.logit - best) / std::max(temperature, std::numeric_limits<float>::min());
    cut_surprising(candidates, bits);
    const Drawn drawn = draw_one(candidates, 1, draw.rng);
    const double surprise = -std::log2(drawn.probability);
    bits -= static_cast<double>(draw.params.mirostat_eta) *
            (surprise - static_cast<double>(draw.params.mirostat_tau));
    return drawn.id;
}

std::optional<TokenId> choose(Draw& draw, double& mirostat_bits) {
    if (draw.params.temperature == 0) return choose_best(draw);
    if (draw.params.mirostat == 2) return choose_by_mirostat(draw, mirostat_bits);
    return choose_by_chance(draw);
}

// In the logits themselves the raw distribution stays as it is.
void copy_masked(std::span<const float> logits, std::span<const uint64_t> mask, std::vector<float>& out) {
    out.assign(logits.size(), kForbidden);
    const size_t words = std::min(mask.size(), (logits.size() + 63) / 64);
    for (size_t word = 0; word < words; ++word) {
        const size_t first = word * 64, n = std::min<size_t>(64, logits.size() - first);
        if (mask[word] == ~uint64_t{0}) {
            std::copy_n(&logits[first], n, &out[first]);
            continue;
        }
        for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
            const size_t id = first + static_cast<size_t>(std::countr_zero(bits));
            if (id < logits.size()) out[id] = logits[id];
        }
    }
}

base::Error nothing_allowed(bool is_masked) {
    return {.code = base::ErrorCode::kInvalidArgument,
            .message = is_masked ? "logit_bias forbids every token that the grammar allows here."
                                 : "logit_bias forbids every token of the vocabulary.",
            .param = "logit_bias",
            .detail = {}};
}

}  // namespace

Sampler::Sampler(const SamplingParams& params, uint64_t seed, std::span<const TokenId> banned,
                 const Tokenizer* tokenizer)
    : params_(params),
      bias_(params.logit_bias.begin(), params.logit_bias.end()),
      rng_(seed),
      mirostat_bits_(2 * static_cast<double>(params.mirostat_tau)) {
    params_.logit_bias.clear();
    for (const TokenId id : banned) bias_.emplace_back(id, kForbidden);
    if (params.dry_multiplier > 0 && tokenizer != nullptr)
        breakers_.emplace(std::move(params_.dry_sequence_breakers), *tokenizer);
}

void Sampler::prepare(std::span<const TokenId> prompt) {
    if (breakers_) breakers_->follow(prompt);
}

base::Result<TokenId> Sampler::sample(std::span<float> logits, std::span<const TokenId> tokens,
                                      size_t prompt_tokens, SamplerScratch& scratch,
                                      std::span<const uint64_t> mask) {
    TRY_VOID(check_finite(logits, tokens.size()));
    if (!mask.empty()) {
        copy_masked(logits, mask, scratch.masked);
        logits = scratch.masked;
    }
    prepare(tokens);
    const auto since_breaker =
        breakers_ ? breakers_->tokens_since_breaker() : std::numeric_limits<int32_t>::max();
    Draw draw{.params = params_,
              .bias = bias_,
              .logits = logits,
              .tokens = tokens,
              .prompt_tokens = prompt_tokens,
              .tokens_since_breaker = since_breaker,
              .scratch = scratch,
              .rng = rng_};
    scratch.replaced.clear();
    for (const Stage& stage : kEdits)
        if (stage.active(params_)) stage.apply(draw);
    const std::optional<TokenId> chosen = choose(draw, mirostat_bits_);
    // The latest change first: a logit edited twice gets its first value back.
    for (size_t i = scratch.replaced.size(); i-- > 0;)
        logits[static_cast<size_t>(scratch.replaced[i].first)] = scratch.replaced[i].second;
    if (!chosen) return std::unexpected(nothing_allowed(!mask.empty()));
    return *chosen;
}

base::Result<void> check_finite(std::span<const float> logits, size_t n_tokens) {
    if (all_finite(logits)) return {};
    return base::fail(
        base::ErrorCode::kNumeric,
        "After {} tokens the model gave a value that is not a finite number. Its weights may be "
        "damaged: compare the file with its source.",
        n_tokens);
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
