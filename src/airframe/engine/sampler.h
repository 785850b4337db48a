// Sampler: from one row of logits to one token.
//
// Stages in order, each a row of a table in sampler.cpp: logit bias, repetition penalty, frequency and
// presence penalties; then among the candidates left: top_k, top_p, min_p, temperature, draw. With
// temperature 0 the largest logit after the penalties wins, the lowest id among equals. A request draws from
// its own generator, once per token, and candidates stay in order of their ids: what is drawn depends on
// logits, parameters and seed alone. The vocabulary is never sorted. Engine thread.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "airframe/engine/engine.h"
#include "airframe/engine/top_candidates.h"
#include "base/result.h"
#include "base/rng.h"

namespace airframe {

// Working memory, shared by the samplers of one engine.
struct SamplerScratch {
    std::vector<Candidate> candidates, ranked;
    std::vector<TokenId> recent;
    std::vector<std::pair<TokenId, float>> replaced;  // logits as they were before the stages that edit them

    // Memory for all that a sequence of this length can need: untouched, it costs addresses only.
    void reserve(size_t vocab, size_t ctx_tokens) {
        candidates.reserve(vocab);
        ranked.reserve(vocab);
        recent.reserve(ctx_tokens);
        replaced.reserve(ctx_tokens);
    }
};

class Sampler {
  public:
    // `banned` tokens are never chosen. REQUIRES: params checked.
    Sampler(const SamplingParams& params, uint64_t seed, std::span<const TokenId> banned);

    // `logits` [vocab] are left as they were; `tokens`: prompt and what has been generated so far.
    // Errors: kNumeric when a logit is not finite; kInvalidArgument when logit_bias forbids every token.
    base::Result<TokenId> sample(std::span<float> logits, std::span<const TokenId> tokens,
                                 size_t prompt_tokens, SamplerScratch& scratch);

  private:
    SamplingParams params_;  // logit_bias moved to bias_
    std::vector<std::pair<TokenId, float>> bias_;
    base::Rng rng_;
};

// The raw distribution's logarithms: of `chosen` and of the `n_top` most likely tokens, most likely first.
// REQUIRES: logits finite, as sample() has found them.
void raw_logprobs(std::span<const float> logits, TokenId chosen, int32_t n_top, SamplerScratch& scratch,
                  Delta::Logprobs& out);

}  // namespace airframe
