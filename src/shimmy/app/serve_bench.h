// shimmy bench --serve: the engine under many streams at once: time to the first token, time between tokens,
// tokens per second; and what a long prompt does to streams that run. In this process, without HTTP.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "airframe/engine/engine.h"
#include "base/result.h"

namespace shimmy {

struct Percentiles {
    double p50 = 0, p95 = 0, p99 = 0, max = 0;
};

struct ServeLoad {
    uint32_t streams = 0;
    double seconds = 0;
    double output_tokens_per_s = 0, all_tokens_per_s = 0;  // all: prompts too
    Percentiles first_token_s, between_tokens_s;
    double accepted_draft_share = 0;  // of the answer's tokens
};

struct LongPrompt {
    uint32_t streams = 0, prompt_tokens = 0;
    double first_token_s = 0;      // of the long prompt
    double quiet_median_s = 0;     // between tokens of the running streams before it came
    Percentiles between_tokens_s;  // while it was computed
};

struct ServeLengths {
    uint32_t prompt_tokens = 0, output_tokens = 0;
};

// `streams` requests with prompts of their own, all submitted at once. Errors: those of submit().
base::Result<ServeLoad> measure_load(airframe::Engine& engine, uint32_t streams, const ServeLengths& lengths);

// A prompt of `prompt_tokens` arrives while `streams` others are being answered.
base::Result<LongPrompt> measure_long_prompt(airframe::Engine& engine, uint32_t streams,
                                             uint32_t prompt_tokens);

// Throughput against streams, for docs and reports.
std::string throughput_svg(const std::string& title, const std::vector<ServeLoad>& loads);

}  // namespace shimmy
