// Sampler: from one row of logits to one token.
//
// First the mask of a grammar: tokens without their bit are out. Then stages in order, each a row of a table
// in sampler.cpp: logit bias, repetition penalty, frequency and presence penalties, DRY; then among the
// candidates left: top_k, typical, top_p, min_p, top-n-sigma, XTC; temperature (fixed, or by the entropy of
// what is left), draw. Mirostat 2 takes the place of the stages from top_k to XTC and works on the
// distribution after the temperature. With temperature 0 the largest logit after the penalties wins, the
// lowest id among equals. A request draws from its own generator, once per token (XTC once more), and
// candidates stay in order of their ids: what is drawn depends on logits, parameters and seed alone. The
// vocabulary is never sorted. Engine thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "airframe/engine/cuts.h"
#include "airframe/engine/dry.h"
#include "airframe/engine/engine.h"
#include "airframe/engine/top_candidates.h"
#include "base/result.h"
#include "base/rng.h"

namespace airframe {

// Working memory, shared by the samplers of one engine.
struct SamplerScratch {
    std::vector<Candidate> candidates, ranked;
    std::vector<TokenId> recent;
    std::vector<int32_t> lengths;
    std::vector<Repetition> repetitions;
    std::vector<Surprise> surprises;
    std::vector<float> masked;                        // logits without those that the grammar forbids
    std::vector<std::pair<TokenId, float>> replaced;  // logits as they were before the stages that edit them

    // Memory for all that a sequence of this length can need: untouched, it costs addresses only.
    void reserve(size_t vocab, size_t ctx_tokens) {
        candidates.reserve(vocab);
        ranked.reserve(vocab);
        surprises.reserve(vocab);
        masked.reserve(vocab);
        recent.reserve(ctx_tokens);
        lengths.reserve(ctx_tokens);
        repetitions.reserve(ctx_tokens);
        replaced.reserve(4 * ctx_tokens);
    }
};

class Sampler {
  public:
    // `banned` tokens are never chosen. `tokenizer`: tells DRY where its breakers are; it outlives the
    // sampler. REQUIRES: params checked.
    Sampler(const SamplingParams& params, uint64_t seed, std::span<const TokenId> banned,
            const Tokenizer* tokenizer = nullptr);

    // Looks at the prompt ahead of the first sample(), so that the engine thread need not. Optional.
    void prepare(std::span<const TokenId> prompt);

    // `logits` [vocab] are left as they were; `tokens`: prompt and what has been generated so far; `mask`: a
    // bit for each token that may come (token_masks.h), or empty. Errors: kNumeric when a logit is not
    // finite; kInvalidArgument when mask and logit_bias forbid every token.
    base::Result<TokenId> sample(std::span<float> logits, std::span<const TokenId> tokens,
                                 size_t prompt_tokens, SamplerScratch& scratch,
                                 std::span<const uint64_t> mask = {});

  private:
    SamplingParams params_;  // logit_bias moved to bias_
    std::vector<std::pair<TokenId, float>> bias_;
    base::Rng rng_;
    double mirostat_bits_;  // the largest surprise allowed, as it stands
    std::optional<BreakerWatch> breakers_;
};

// Errors: kNumeric when a logit is not finite. `n_tokens`: how many came before, for people.
base::Result<void> check_finite(std::span<const float> logits, size_t n_tokens);

// The raw distribution's logarithms: of `chosen` and of the `n_top` most likely tokens, most likely first.
// REQUIRES: logits finite, as check_finite() has found them.
void raw_logprobs(std::span<const float> logits, TokenId chosen, int32_t n_top, SamplerScratch& scratch,
                  Delta::Logprobs& out);

}  // namespace airframe
