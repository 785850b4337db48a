#include "airframe/engine/request_check.h"

#include <cmath>
#include <limits>

#include "base/utf8.h"

namespace airframe {
namespace {

using base::ErrorCode;

constexpr size_t kStopStringsMax = 64;
constexpr size_t kStopBytesMax = 4096;
constexpr int32_t kTopLogprobsMax = 100;
constexpr float kBiasMax = 10000;
constexpr size_t kSaltBytesMax = 1024;
constexpr size_t kBreakersMax = 64;
constexpr size_t kBreakerBytesMax = 256;

std::unexpected<base::Error> refuse(std::string_view param, std::string message) {
    return std::unexpected(base::Error{.code = ErrorCode::kInvalidArgument,
                                       .message = std::move(message),
                                       .param = std::string(param),
                                       .detail = {}});
}

// A parameter and the values it may have. Infinite values and NaN are in no range.
struct Range {
    std::string_view param;
    double (*value)(const EngineRequest&);
    double low, high;
};

constexpr double kAnyCount = std::numeric_limits<int32_t>::max();
constexpr Range kRanges[] = {
    {"temperature", [](const EngineRequest& r) -> double { return r.sampling.temperature; }, 0, 100},
    {"top_k", [](const EngineRequest& r) -> double { return r.sampling.top_k; }, 0, kAnyCount},
    {"top_p", [](const EngineRequest& r) -> double { return r.sampling.top_p; }, 0, 1},
    {"min_p", [](const EngineRequest& r) -> double { return r.sampling.min_p; }, 0, 1},
    {"repeat_penalty", [](const EngineRequest& r) -> double { return r.sampling.repeat_penalty; }, 0.01f,
     100},
    {"repeat_last_n", [](const EngineRequest& r) -> double { return r.sampling.repeat_last_n; }, -1,
     kAnyCount},
    {"typical_p", [](const EngineRequest& r) -> double { return r.sampling.typical_p; }, 0, 1},
    {"top_n_sigma", [](const EngineRequest& r) -> double { return r.sampling.top_n_sigma; }, -1, 1000},
    {"xtc_probability", [](const EngineRequest& r) -> double { return r.sampling.xtc_probability; }, 0, 1},
    {"xtc_threshold", [](const EngineRequest& r) -> double { return r.sampling.xtc_threshold; }, 0, 1},
    {"mirostat_tau", [](const EngineRequest& r) -> double { return r.sampling.mirostat_tau; }, 0, 100},
    {"mirostat_eta", [](const EngineRequest& r) -> double { return r.sampling.mirostat_eta; }, 0, 1},
    {"dynatemp_range", [](const EngineRequest& r) -> double { return r.sampling.dynatemp_range; }, 0, 100},
    {"dynatemp_exponent", [](const EngineRequest& r) -> double { return r.sampling.dynatemp_exponent; }, 0,
     100},
    {"dry_multiplier", [](const EngineRequest& r) -> double { return r.sampling.dry_multiplier; }, 0, 100},
    {"dry_base", [](const EngineRequest& r) -> double { return r.sampling.dry_base; }, 1, 100},
    {"dry_allowed_length", [](const EngineRequest& r) -> double { return r.sampling.dry_allowed_length; }, 0,
     kAnyCount},
    {"dry_penalty_last_n", [](const EngineRequest& r) -> double { return r.sampling.dry_penalty_last_n; }, -1,
     kAnyCount},
    {"frequency_penalty", [](const EngineRequest& r) -> double { return r.sampling.frequency_penalty; }, -100,
     100},
    {"presence_penalty", [](const EngineRequest& r) -> double { return r.sampling.presence_penalty; }, -100,
     100},
    {"max_tokens", [](const EngineRequest& r) -> double { return r.max_tokens; }, -1, kAnyCount},
    {"top_logprobs", [](const EngineRequest& r) -> double { return r.top_logprobs.value_or(0); }, 0,
     kTopLogprobsMax},
    {"prompt_logprobs", [](const EngineRequest& r) -> double { return r.prompt_logprobs.value_or(0); }, 0,
     kTopLogprobsMax},
};

base::Result<void> check_ranges(const EngineRequest& request) {
    for (const Range& range : kRanges) {
        const double value = range.value(request);
        if (value >= range.low && value <= range.high) continue;
        if (range.high == kAnyCount)
            return refuse(range.param, fmt::format("{} is {:.7g}; it must be at least {:.7g}.", range.param,
                                                   value, range.low));
        return refuse(range.param, fmt::format("{} is {:.7g}; it must lie between {:.7g} and {:.7g}.",
                                               range.param, value, range.low, range.high));
    }
    if (request.deadline && request.deadline->count() <= 0)
        return refuse("timeout", fmt::format("The time allowed is {} s; it must be more than 0.",
                                             std::chrono::duration<double>(*request.deadline).count()));
    return {};
}

base::Result<void> check_prompt(const EngineRequest& request, uint32_t vocab, uint32_t ctx_tokens) {
    if (request.prompt.empty()) return refuse("prompt", "The prompt is empty: it needs at least one token.");
    for (size_t i = 0; i < request.prompt.size(); ++i) {
        const TokenId id = request.prompt[i];
        if (id < 0 || static_cast<uint32_t>(id) >= vocab)
            return refuse("prompt",
                          fmt::format("Token {} of the prompt is {}; the vocabulary of this model goes from "
                                      "0 to {}.",
                                      i, id, vocab - 1));
    }
    if (request.prompt.size() < ctx_tokens) return {};
    return std::unexpected(base::Error{
        .code = ErrorCode::kContextLength,
        .message = fmt::format(
            "Prompt is {} tokens; the context of this model is loaded with {} tokens, and at least "
            "one must be left for the answer. Shorten the prompt, or load the model with a larger "
            "context.",
            grouped(request.prompt.size()), grouped(ctx_tokens)),
        .param = "prompt",
        .detail = "context_length_exceeded"});
}

base::Result<void> check_stop(const EngineRequest& request) {
    if (request.stop.size() > kStopStringsMax)
        return refuse("stop", fmt::format("There are {} stop strings; at most {} can be watched for.",
                                          request.stop.size(), kStopStringsMax));
    for (size_t i = 0; i < request.stop.size(); ++i) {
        const std::string& stop = request.stop[i];
        if (stop.empty())
            return refuse("stop", fmt::format("Stop string {} is empty: it would end every text.", i));
        if (stop.size() > kStopBytesMax)
            return refuse("stop", fmt::format("Stop string {} has {} bytes; at most {} can be watched for.",
                                              i, grouped(stop.size()), grouped(kStopBytesMax)));
        if (!base::is_valid_utf8(stop))
            return refuse("stop", fmt::format("Stop string {} is not valid UTF-8.", i));
    }
    return {};
}

base::Result<void> check_bias(const EngineRequest& request, uint32_t vocab) {
    for (const auto& [id, bias] : request.sampling.logit_bias) {
        if (id < 0 || static_cast<uint32_t>(id) >= vocab)
            return refuse("logit_bias",
                          fmt::format("logit_bias names token {}; the vocabulary of this model goes from "
                                      "0 to {}.",
                                      id, vocab - 1));
        const bool forbids = std::isinf(bias) && bias < 0;
        if (!forbids && !(std::abs(bias) <= kBiasMax))
            return refuse("logit_bias",
                          fmt::format("logit_bias of token {} is {}; it must lie between {} and {}.", id,
                                      bias, -kBiasMax, kBiasMax));
    }
    return {};
}

base::Result<void> check_mirostat(const EngineRequest& request) {
    if (const int32_t mirostat = request.sampling.mirostat; mirostat != 0 && mirostat != 2)
        return refuse("mirostat",
                      fmt::format("mirostat is {}; it must be 0 (off) or 2 (version 2).", mirostat));
    return {};
}

base::Result<void> check_salt(const EngineRequest& request) {
    if (request.cache_salt.size() <= kSaltBytesMax) return {};
    return refuse("cache_salt", fmt::format("cache_salt has {} bytes; it may have {}.",
                                            request.cache_salt.size(), kSaltBytesMax));
}

base::Result<void> check_breakers(const EngineRequest& request) {
    const auto& breakers = request.sampling.dry_sequence_breakers;
    if (breakers.size() > kBreakersMax)
        return refuse("dry_sequence_breakers",
                      fmt::format("There are {} sequence breakers; at most {} can be watched for.",
                                  breakers.size(), kBreakersMax));
    for (size_t i = 0; i < breakers.size(); ++i)
        if (breakers[i].empty() || breakers[i].size() > kBreakerBytesMax)
            return refuse("dry_sequence_breakers",
                          fmt::format("Sequence breaker {} has {} bytes; it must have 1 to {}.", i,
                                      breakers[i].size(), kBreakerBytesMax));
    return {};
}

}  // namespace

base::Result<void> check_request(const EngineRequest& request, uint32_t vocab, uint32_t ctx_tokens) {
    TRY_VOID(check_ranges(request));
    TRY_VOID(check_mirostat(request));
    TRY_VOID(check_breakers(request));
    TRY_VOID(check_salt(request));
    TRY_VOID(check_stop(request));
    TRY_VOID(check_bias(request, vocab));
    return check_prompt(request, vocab, ctx_tokens);
}

std::string grouped(uint64_t number) {
    std::string digits = std::to_string(number);
    for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

}  // namespace airframe
