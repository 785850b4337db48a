#include "airframe/engine/request_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace airframe {
namespace {

using base::ErrorCode;

base::Error refused(EngineRequest request, uint32_t ctx_tokens = 4096) {
    const auto checked = check_request(request, 100, ctx_tokens);
    return checked
               ? base::Error{.code = ErrorCode::kInternal, .message = "taken", .param = "taken", .detail = {}}
               : checked.error();
}

TEST(RequestCheck, TakesTheDefaultsAndTheNeutralValues) {
    EXPECT_TRUE(check_request({.prompt = {1}}, 100, 10));
    const SamplingParams neutral = {.temperature = 0, .top_k = 0, .top_p = 1, .repeat_last_n = -1};
    EXPECT_TRUE(check_request({.prompt = {1}, .sampling = neutral, .max_tokens = 2147483647}, 100, 10));
    // 0.01 is not a float: the nearest one lies below it.
    EXPECT_TRUE(check_request({.prompt = {1}, .sampling = {.repeat_penalty = 0.01f}}, 100, 10));
}

TEST(RequestCheck, NamesTheFieldAndTheValueThatIsOutOfRange) {
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    struct Case {
        SamplingParams params;
        std::string param, value;
    };
    const Case cases[] = {
        {{.temperature = -0.5f}, "temperature", "-0.5"},
        {{.temperature = nan}, "temperature", "nan"},
        {{.temperature = inf}, "temperature", "inf"},
        {{.top_k = -1}, "top_k", "-1"},
        {{.top_p = 1.1f}, "top_p", "1.1"},
        {{.top_p = nan}, "top_p", "nan"},
        {{.min_p = -1}, "min_p", "-1"},
        {{.dynatemp_range = -1}, "dynatemp_range", "-1"},
        {{.dynatemp_exponent = nan}, "dynatemp_exponent", "nan"},
        {{.typical_p = 1.5f}, "typical_p", "1.5"},
        {{.top_n_sigma = inf}, "top_n_sigma", "inf"},
        {{.xtc_probability = 2}, "xtc_probability", "2"},
        {{.xtc_threshold = -0.1f}, "xtc_threshold", "-0.1"},
        {{.mirostat = 1}, "mirostat", "1"},
        {{.mirostat_tau = -1}, "mirostat_tau", "-1"},
        {{.mirostat_eta = 7}, "mirostat_eta", "7"},
        {{.dry_multiplier = -1}, "dry_multiplier", "-1"},
        {{.dry_base = 0.5f}, "dry_base", "0.5"},
        {{.dry_allowed_length = -1}, "dry_allowed_length", "-1"},
        {{.dry_penalty_last_n = -2}, "dry_penalty_last_n", "-2"},
        {{.repeat_penalty = 0}, "repeat_penalty", "0"},
        {{.repeat_last_n = -2}, "repeat_last_n", "-2"},
        {{.frequency_penalty = inf}, "frequency_penalty", "inf"},
        {{.presence_penalty = -inf}, "presence_penalty", "-inf"},
        {{.logit_bias = {{100, 1.0f}}}, "logit_bias", "100"},
        {{.logit_bias = {{-1, 1.0f}}}, "logit_bias", "-1"},
        {{.logit_bias = {{1, inf}}}, "logit_bias", "inf"},
        {{.logit_bias = {{1, nan}}}, "logit_bias", "nan"},
    };
    for (const Case& test : cases) {
        const base::Error error = refused({.prompt = {1}, .sampling = test.params});
        EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
        EXPECT_EQ(error.param, test.param);
        EXPECT_THAT(error.message, ::testing::HasSubstr(" " + test.value + ";")) << test.param;
    }
    EXPECT_EQ(refused({.prompt = {1}, .sampling = {.dry_sequence_breakers = {""}}}).param,
              "dry_sequence_breakers");
    EXPECT_EQ(
        refused({.prompt = {1}, .sampling = {.dry_sequence_breakers = std::vector<std::string>(65, "a")}})
            .param,
        "dry_sequence_breakers");
    EXPECT_EQ(refused({.prompt = {1}, .max_tokens = -2}).param, "max_tokens");
    EXPECT_EQ(refused({.prompt = {1}, .top_logprobs = -1}).param, "top_logprobs");
    EXPECT_EQ(refused({.prompt = {1}, .top_logprobs = 101}).param, "top_logprobs");
    EXPECT_EQ(refused({.prompt = {1}, .deadline = std::chrono::nanoseconds(0)}).param, "timeout");
}

TEST(RequestCheck, RefusesPromptsOutsideTheVocabulary) {
    EXPECT_EQ(refused({}).param, "prompt");
    EXPECT_THAT(refused({.prompt = {1, 100}}).message, ::testing::HasSubstr("Token 1 of the prompt is 100"));
    EXPECT_THAT(refused({.prompt = {-7}}).message, ::testing::HasSubstr("-7"));
}

TEST(RequestCheck, TellsBothNumbersWhenThePromptDoesNotFit) {
    const base::Error error = refused({.prompt = std::vector<TokenId>(9412, 1)});
    EXPECT_EQ(error.code, ErrorCode::kContextLength);
    EXPECT_EQ(error.detail, "context_length_exceeded");
    EXPECT_THAT(error.message,
                ::testing::StartsWith(
                    "Prompt is 9,412 tokens; the context of this model is loaded with 4,096 tokens"));
    EXPECT_EQ(refused({.prompt = std::vector<TokenId>(10, 1)}, 10).code, ErrorCode::kContextLength);
    EXPECT_TRUE(check_request({.prompt = std::vector<TokenId>(9, 1)}, 100, 10));
}

TEST(RequestCheck, RefusesStopStringsThatCannotWork) {
    EXPECT_EQ(refused({.prompt = {1}, .stop = {"a", ""}}).param, "stop");
    EXPECT_EQ(refused({.prompt = {1}, .stop = {"\xFF"}}).param, "stop");
    EXPECT_EQ(refused({.prompt = {1}, .stop = {std::string(5000, 'a')}}).param, "stop");
    EXPECT_EQ(refused({.prompt = {1}, .stop = std::vector<std::string>(65, "a")}).param, "stop");
}

TEST(Grouped, PutsACommaBeforeEachThirdDigit) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(1234567), "1,234,567");
}

}  // namespace
}  // namespace airframe
