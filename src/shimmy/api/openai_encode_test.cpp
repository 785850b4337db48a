// Golden events -> bytes: what clients see, exactly.
#include <gtest/gtest.h>

#include "shimmy/api/openai_chat.h"
#include "shimmy/api/openai_completions.h"

namespace shimmy {
namespace {

const OpenAiIdentity kIdentity{"chatcmpl-1", 1700000000, "m\"1"};
#define HEAD(object)                          \
    R"({"id":"chatcmpl-1","object":")" object \
    R"(","created":1700000000,"model":"m\"1","system_fingerprint":"fp_shimmy","choices":)"
#define USAGE                                                                \
    R"("usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,)" \
    R"("prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":0}})"
#define TIMINGS                                                                                                 \
    R"("timings":{"queue_ms":1,"ttft_ms":251,"cache_n":2,"prompt_n":5,"prompt_ms":250,"prompt_per_second":20,)" \
    R"("predicted_n":3,"predicted_ms":500,"predicted_per_second":6})"

constexpr airframe::Usage kUsage{7, 2, 3};
constexpr airframe::Timings kTimings{0.001, 0.25, 0.5};

OpenAiCall call_of(uint32_t choices, bool include_usage) {
    OpenAiCall call;
    call.request.prompts.resize(1);
    call.request.n = choices;
    call.include_usage = include_usage;
    return call;
}

std::string streamed(Encoder& encoder, const std::vector<GenerationEvent>& events) {
    std::string out;
    for (const GenerationEvent& event : events) encoder.stream(event, out);
    return out;
}

const std::vector<GenerationEvent> kEvents = {
    Started{}, TextDelta{0, "Hi\n", {}}, ChoiceEnd{0, airframe::FinishReason::kStop, "", kUsage, kTimings},
    GenerationEnd{{kUsage, kTimings}}};

TEST(OpenAiChatEncode, Streams) {
    auto encoder = openai_chat_encoder(kIdentity, call_of(1, false));
    EXPECT_EQ(
        streamed(*encoder, kEvents),
        "data: " HEAD(
            "chat.completion.chunk") R"([{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]})"
                                     "\n\n"
                                     "data: " HEAD(
                                         "chat.completion.chunk") R"([{"index":0,"delta":{"content":"Hi\n"},"logprobs":null,"finish_reason":null}]})"
                                                                  "\n\n"
                                                                  "data: " HEAD(
                                                                      "chat.completion.chunk") R"([{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],)" TIMINGS
                                                                                               "}\n\n"
                                                                                               "data: "
                                                                                               "[DONE]\n\n");
}

TEST(OpenAiChatEncode, StreamsUsageWhenAsked) {
    auto encoder = openai_chat_encoder(kIdentity, call_of(1, true));
    EXPECT_EQ(streamed(*encoder, kEvents),
              "data: " HEAD("chat.completion.chunk")
              R"([{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null})"
              "\n\n"
              "data: " HEAD("chat.completion.chunk")
              R"([{"index":0,"delta":{"content":"Hi\n"},"logprobs":null,"finish_reason":null}],"usage":null})" "\n\n"
              "data: " HEAD("chat.completion.chunk")
              R"([{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null,)" TIMINGS "}\n\n"
              "data: " HEAD("chat.completion.chunk") "[]," USAGE "}\n\n"
              "data: [DONE]\n\n");
}

TEST(OpenAiChatEncode, WritesTheWhole) {
    Completion completion;
    completion.choices.push_back({"Hi", {}, airframe::FinishReason::kLength, ""});
    completion.choices.push_back(
        {"Ho", {{{"\xf0\x9f", -0.5F}, {{"a", -1.0F}}}}, airframe::FinishReason::kStop, "x"});
    completion.totals = {kUsage, kTimings};
    EXPECT_EQ(
        openai_chat_encoder(kIdentity, call_of(2, false))->whole(completion),
        HEAD(
            "chat.completion") R"([{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"logprobs":null,"finish_reason":"length"},)"
                               R"({"index":1,"message":{"role":"assistant","content":"Ho","refusal":null},"logprobs":{"content":[)"
                               R"({"token":")"
                               "\xef\xbf\xbd"
                               R"(","logprob":-0.5,"bytes":[240,159],"top_logprobs":[{"token":"a","logprob":-1,"bytes":[97]}]}],)"
                               R"("refusal":null},"finish_reason":"stop"}],)" USAGE "," TIMINGS "}");
}

TEST(OpenAiChatEncode, TellsOfAFaultInTheStream) {
    std::string out;
    openai_chat_encoder(kIdentity, call_of(1, false))
        ->stream_fault({base::ErrorCode::kNumeric, "the model made NaN", {}, {}}, out);
    EXPECT_EQ(out,
              "data: {\"error\":{\"message\":\"the model made NaN\",\"type\":\"server_error\",\"param\":null,"
              "\"code\":\"numeric_error\"}}\n\n");
}

TEST(OpenAiCompletionsEncode, StreamsWithLogprobs) {
    auto encoder = openai_completions_encoder(kIdentity, call_of(1, false));
    const std::vector<GenerationEvent> events = {
        Started{}, TextDelta{0, "h\xc3\xa9", {{{"h\xc3\xa9", -0.25F}, {{"h", -0.5F}, {"h", -0.75F}}, 7}}},
        TextDelta{0, "o", {{{"o", -0.125F}, {}, 9}}},
        ChoiceEnd{0, airframe::FinishReason::kLength, "", kUsage, kTimings},
        GenerationEnd{{kUsage, kTimings}}};
    EXPECT_EQ(
        streamed(*encoder, events),
        "data: " HEAD(
            "text_completion") R"([{"index":0,"text":"hé","logprobs":{"tokens":["hé"],"token_logprobs":[-0.25],)"
                               R"("top_logprobs":[{"h":-0.5,"hé":-0.25}],"text_offset":[7]},"finish_reason":null}]})"
                               "\n\n"
                               "data: " HEAD(
                                   "text_completion") R"([{"index":0,"text":"o","logprobs":{"tokens":["o"],"token_logprobs":[-0.125],)"
                                                      R"("top_logprobs":[{"o":-0.125}],"text_offset":[9]},"finish_reason":null}]})"
                                                      "\n\n"
                                                      "data: " HEAD(
                                                          "text_completion") R"([{"index":0,"text":"","logprobs":null,"finish_reason":"length"}],)" TIMINGS
                                                                             "}\n\n"
                                                                             "data: [DONE]\n\n");
}

TEST(OpenAiCompletionsEncode, WritesTheWhole) {
    Completion completion;
    completion.choices.push_back({"Hi", {}, airframe::FinishReason::kStop, ""});
    completion.totals = {kUsage, kTimings};
    EXPECT_EQ(
        openai_completions_encoder(kIdentity, call_of(1, false))->whole(completion),
        HEAD("text_completion") R"([{"index":0,"text":"Hi","logprobs":null,"finish_reason":"stop"}],)" USAGE
                                "," TIMINGS "}");
}

}  // namespace
}  // namespace shimmy
