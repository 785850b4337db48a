// Of more choices than were asked for, the best: those with the highest mean logprob per token, as OpenAI's
// best_of wants it.
#pragma once

#include <memory>

#include "shimmy/service/generation.h"

namespace shimmy {

// Takes a generation of `best_of` choices for each prompt, whose ends tell their mean logprob, for one of `n`
// choices: their events come when all have ended, the best first. The totals count what was computed.
// REQUIRES: best_of > n > 0.
std::unique_ptr<Generation> best_of(std::unique_ptr<Generation> all, uint32_t best_of, uint32_t n);

}  // namespace shimmy
