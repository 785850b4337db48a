#include "shimmy/api/sampling_parameters.h"

#include <limits>

namespace shimmy {

namespace {

using Overrides = SamplingOverrides;

constexpr int64_t kAnyInt32 = std::numeric_limits<int32_t>::max();

constexpr NumberParameter kNumbers[] = {
    {"temperature", 0, 2, &Overrides::temperature, "How freely tokens are drawn; 0: always the likeliest"},
    {"dynatemp_range", 0, 2, &Overrides::dynatemp_range,
     "The temperature moves by this much with the entropy"},
    {"dynatemp_exponent", 0, 100, &Overrides::dynatemp_exponent, "How the entropy moves the temperature"},
    {"top_p", 0, 1, &Overrides::top_p, "Only the likeliest tokens that reach this probability together"},
    {"min_p", 0, 1, &Overrides::min_p, "Only tokens at least this likely, relative to the likeliest"},
    {"typical_p", 0, 1, &Overrides::typical_p, "Only the tokens closest to the expected information"},
    {"top_n_sigma", -1, 100, &Overrides::top_n_sigma, "Only tokens within so many deviations of the best"},
    {"xtc_probability", 0, 1, &Overrides::xtc_probability, "How often the top choices are excluded"},
    {"xtc_threshold", 0, 1, &Overrides::xtc_threshold, "What counts as a top choice"},
    {"mirostat_tau", 0, 100, &Overrides::mirostat_tau, "Mirostat's target of surprise"},
    {"mirostat_eta", 0, 1, &Overrides::mirostat_eta, "Mirostat's rate of learning"},
    {"repeat_penalty", 0.01, 100, &Overrides::repeat_penalty, "Divides the logits of tokens seen lately"},
    {"repetition_penalty", 0.01, 100, &Overrides::repeat_penalty, "Another name of repeat_penalty"},
    {"frequency_penalty", -2, 2, &Overrides::frequency_penalty, "Lowers a token with each use"},
    {"presence_penalty", -2, 2, &Overrides::presence_penalty, "Lowers a token once it was used"},
    {"dry_multiplier", 0, 100, &Overrides::dry_multiplier, "How strongly repeated passages are punished"},
    {"dry_base", 1, 100, &Overrides::dry_base, "How that grows with the length of the passage"},
};

constexpr IntegerParameter kIntegers[] = {
    {"repeat_last_n", -1, kAnyInt32, &Overrides::repeat_last_n, "Tokens that penalties look back; -1: all"},
    {"dry_allowed_length", 0, kAnyInt32, &Overrides::dry_allowed_length, "Passages this long go unpunished"},
    {"dry_penalty_last_n", -1, kAnyInt32, &Overrides::dry_penalty_last_n, "Tokens DRY looks back; -1: all"},
};

}  // namespace

std::span<const NumberParameter> number_parameters() { return kNumbers; }
std::span<const IntegerParameter> integer_parameters() { return kIntegers; }

}  // namespace shimmy
