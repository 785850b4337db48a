#include <gmock/gmock.h>

#include "base/test_name.h"
#include "shimmy/api/json_read.h"
#include "shimmy/api/openai_chat.h"
#include "shimmy/api/openai_completions.h"

namespace shimmy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

base::Result<OpenAiCall> chat(const std::string& fields) {
    const std::string messages = fields.find("\"messages\"") == std::string::npos
                                     ? R"("messages":[{"role":"user","content":"Hi"}],)"
                                     : "";
    auto body = parse_json_object(R"({"model":"m",)" + messages + fields + "}");
    EXPECT_TRUE(body) << body.error().message;
    return parse_openai_chat(*body);
}

base::Result<OpenAiCall> text(const std::string& fields) {
    const std::string prompt = fields.find("\"prompt\"") == std::string::npos ? R"("prompt":"Once",)" : "";
    auto body = parse_json_object(R"({"model":"m",)" + prompt + fields + "}");
    EXPECT_TRUE(body) << body.error().message;
    return parse_openai_completions(*body);
}

std::string messages_of(const base::Result<OpenAiCall>& call) {
    return boost::json::serialize(std::get<ChatInput>(call->request.prompts[0]).messages);
}

TEST(OpenAiChatParse, TakesEveryParameter) {
    const auto call = chat(R"("temperature":0,"top_p":0.5,"top_k":7,"min_p":0.1,"repeat_penalty":1.2,
        "frequency_penalty":-1,"presence_penalty":2,"seed":42,"n":3,"max_tokens":5,"max_completion_tokens":9,
        "stop":["a","b"],"stream":true,"stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":4,
        "logit_bias":{"17":-100,"3":2.5}, "user":"u","metadata":{},"store":false,"service_tier":"auto","x":[1])");
    ASSERT_TRUE(call) << call.error().message;
    const GenerateRequest& request = call->request;
    EXPECT_EQ(request.model, "m");
    EXPECT_EQ(request.sampling.temperature, 0);
    EXPECT_EQ(request.sampling.top_p, 0.5F);
    EXPECT_EQ(request.sampling.top_k, 7);
    EXPECT_EQ(request.sampling.min_p, 0.1F);
    EXPECT_EQ(request.sampling.repeat_penalty, 1.2F);
    EXPECT_EQ(request.sampling.frequency_penalty, -1);
    EXPECT_EQ(request.sampling.presence_penalty, 2);
    EXPECT_EQ(request.sampling.seed, 42u);
    EXPECT_EQ(request.n, 3u);
    EXPECT_EQ(request.max_tokens, 9);
    EXPECT_THAT(request.stop, ElementsAre("a", "b"));
    EXPECT_TRUE(call->stream);
    EXPECT_TRUE(call->include_usage);
    EXPECT_EQ(request.top_logprobs, 4);
    EXPECT_EQ(request.sampling.logit_bias.at(17), -100);
    EXPECT_EQ(request.sampling.logit_bias.at(3), 2.5F);
}

TEST(OpenAiChatParse, NullIsAbsent) {
    const auto call =
        chat(R"("temperature":null,"stop":null,"n":null,"max_tokens":null,"stream":null,"tools":null,
        "logprobs":null,"logit_bias":null,"response_format":null,"stream_options":null,"seed":null)");
    ASSERT_TRUE(call) << call.error().message;
    EXPECT_FALSE(call->request.sampling.temperature);
    EXPECT_EQ(call->request.max_tokens, -1);
    EXPECT_EQ(call->request.n, 1u);
    EXPECT_FALSE(call->stream);
    EXPECT_FALSE(call->request.top_logprobs);
}

TEST(OpenAiChatParse, MessagesBecomeWhatTemplatesKnow) {
    EXPECT_EQ(messages_of(chat(R"("messages":[{"role":"developer","content":"Be brief"},
        {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},
        {"role":"tool","tool_call_id":"1","content":"4"}])")),
              R"([{"role":"system","content":"Be brief"},{"role":"user","content":"a\nb"},)"
              R"({"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},)"
              R"({"role":"tool","tool_call_id":"1","content":"4"}])");
}

TEST(OpenAiChatParse, ToolsGoToTheTemplate) {
    const auto tools_of = [](const base::Result<OpenAiCall>& call) {
        return std::get<ChatInput>(call->request.prompts[0]).tools.size();
    };
    constexpr const char* kTools =
        R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"web_search"}])";
    EXPECT_EQ(tools_of(chat(kTools)), 1u);
    EXPECT_EQ(tools_of(chat(std::string(kTools) + R"(,"tool_choice":"auto")")), 1u);
    EXPECT_EQ(tools_of(chat(std::string(kTools) + R"(,"tool_choice":"none")")), 0u);
}

struct Refused {
    const char* fields;
    const char* param;
    const char* detail;
};

class OpenAiChatRefuses : public testing::TestWithParam<Refused> {};
TEST_P(OpenAiChatRefuses, WithThePath) {
    const auto call = chat(GetParam().fields);
    ASSERT_FALSE(call) << GetParam().fields;
    EXPECT_EQ(call.error().param, GetParam().param);
    EXPECT_EQ(call.error().detail, GetParam().detail);
    EXPECT_THAT(call.error().message, HasSubstr(GetParam().param));
}
INSTANTIATE_TEST_SUITE_P(
    All, OpenAiChatRefuses,
    testing::Values(
        Refused{R"("temperature":2.1)", "temperature", "invalid_value"},
        Refused{R"("temperature":"hot")", "temperature", "invalid_type"},
        Refused{R"("top_p":-0.1)", "top_p", "invalid_value"}, Refused{R"("n":0)", "n", "invalid_value"},
        Refused{R"("n":10000)", "n", "invalid_value"}, Refused{R"("n":1.5)", "n", "invalid_type"},
        Refused{R"("max_tokens":0)", "max_tokens", "invalid_value"},
        Refused{R"("max_tokens":2147483648)", "max_tokens", "invalid_value"},
        Refused{R"("max_tokens":1e30)", "max_tokens", "invalid_value"},
        Refused{R"("seed":99999999999999999999)", "seed", "invalid_value"},
        Refused{R"("stop":["1","2","3","4","5"])", "stop", "invalid_value"},
        Refused{R"("stop":[1])", "stop[0]", "invalid_type"}, Refused{R"("stop":"")", "stop", "invalid_value"},
        Refused{R"("stream":"yes")", "stream", "invalid_type"},
        Refused{R"("stream_options":{"include_usage":true})", "stream_options", "invalid_value"},
        Refused{R"("top_logprobs":2)", "top_logprobs", "invalid_value"},
        Refused{R"("logprobs":true,"top_logprobs":21)", "top_logprobs", "invalid_value"},
        Refused{R"("logit_bias":{"x":1})", "logit_bias.x", "invalid_value"},
        Refused{R"("logit_bias":{"1":101})", "logit_bias.1", "invalid_value"},
        Refused{R"("response_format":{"type":"xml"})", "response_format.type", "invalid_value"},
        Refused{R"("response_format":{"type":"json_schema","json_schema":{"name":"a"}})",
                "response_format.json_schema.schema", "missing_required_parameter"},
        Refused{R"("response_format":{"type":"json_schema"})", "response_format.json_schema",
                "missing_required_parameter"},
        Refused{R"("response_format":{"type":"json_object"},"grammar":"root ::= [a]")", "grammar",
                "invalid_value"},
        Refused{
            R"("tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"b"}})",
            "tool_choice", "invalid_value"},
        Refused{R"("reasoning_effort":"enormous")", "reasoning_effort", "invalid_value"},
        Refused{R"("truncation":"middle")", "truncation", "invalid_value"},
        Refused{R"("mirostat":1)", "mirostat", "invalid_value"},
        Refused{R"("tool_choice":"required")", "tool_choice", "invalid_value"},
        Refused{R"("messages":[{"role":"user","content":"u","name":5}])", "messages[0].name", "invalid_type"},
        Refused{R"("messages":[{"role":"assistant","tool_calls":"x"}])", "messages[0].tool_calls",
                "invalid_type"},
        Refused{R"("messages":[{"role":"assistant","tool_calls":[5]}])", "messages[0].tool_calls[0]",
                "invalid_type"},
        Refused{R"("messages":[{"role":"assistant","tool_calls":[{"function":{}}]}])",
                "messages[0].tool_calls[0].function.name", "missing_required_parameter"},
        Refused{R"("messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":5}}]}])",
                "messages[0].tool_calls[0].function.arguments", "invalid_type"},
        Refused{R"("function_call":"required")", "function_call", "invalid_value"},
        Refused{R"("messages":[])", "messages", "invalid_value"},
        Refused{R"("messages":"Hi")", "messages", "invalid_type"},
        Refused{R"("messages":["Hi"])", "messages[0]", "invalid_type"},
        Refused{R"("messages":[{"content":"x"}])", "messages[0].role", "missing_required_parameter"},
        Refused{R"("messages":[{"role":"user"}])", "messages[0].content", "missing_required_parameter"},
        Refused{R"("messages":[{"role":"robot","content":"x"}])", "messages[0].role", "invalid_value"},
        Refused{R"("messages":[{"role":"user","content":5}])", "messages[0].content", "invalid_type"},
        Refused{R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}])",
                "messages[0].content[0].type", "unsupported_value"},
        Refused{R"("tools":[{"type":"function","function":{}}])", "tools[0].function.name",
                "missing_required_parameter"}),
    [](const auto& info) { return base::test_name(info.index, info.param.fields); });

TEST(OpenAiChatParse, NeedsModelAndMessages) {
    EXPECT_EQ(parse_openai_chat({}).error().param, "model");
    EXPECT_EQ(parse_openai_chat({{"model", "m"}}).error().param, "messages");
    EXPECT_EQ(parse_openai_chat({{"model", 3}}).error().detail, "invalid_type");
}

TEST(OpenAiCompletionsParse, TakesEveryFormOfPrompt) {
    const auto prompts = [](const char* fields) { return text(fields)->request.prompts; };
    EXPECT_EQ(std::get<std::string>(prompts(R"("prompt":"a")")[0]), "a");
    EXPECT_EQ(std::get<std::string>(prompts(R"("prompt":["a","b"])")[1]), "b");
    EXPECT_THAT(std::get<std::vector<airframe::TokenId>>(prompts(R"("prompt":[5,6])")[0]), ElementsAre(5, 6));
    EXPECT_THAT(std::get<std::vector<airframe::TokenId>>(prompts(R"("prompt":[[5],[6,7]])")[1]),
                ElementsAre(6, 7));
}

TEST(OpenAiCompletionsParse, KnowsOpenAisDefaults) {
    const auto call = text(R"("user":"u")");
    EXPECT_EQ(call->request.max_tokens, 16);
    EXPECT_FALSE(call->request.echo);
    EXPECT_FALSE(call->request.top_logprobs);
    EXPECT_EQ(text(R"("max_tokens":0,"echo":true)")->request.max_tokens, 0);
    EXPECT_EQ(text(R"("logprobs":5)")->request.top_logprobs, 5);
    EXPECT_EQ(text(R"("n":2,"best_of":7)")->request.best_of, 7u);
    EXPECT_TRUE(text(R"("truncation":"auto")")->request.truncate);
    EXPECT_FALSE(text(R"("truncation":"disabled")")->request.truncate);
}

TEST(OpenAiChatParse, TakesCallsAndResultsInTheirOlderForm) {
    const auto call = chat(
        R"("messages":[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},)"
        R"({"role":"function","name":"f","content":"42"}])");
    ASSERT_TRUE(call);
    const boost::json::array& messages = std::get<ChatInput>(call->request.prompts[0]).messages;
    EXPECT_EQ(boost::json::serialize(messages[0]),
              R"({"role":"assistant","content":null,"tool_calls":[{"id":"call00000","type":"function",)"
              R"("function":{"name":"f","arguments":"{}"}}]})");
    EXPECT_EQ(boost::json::serialize(messages[1]),
              R"({"role":"tool","name":"f","content":"42","tool_call_id":"call00000"})");
    const auto wrong = chat(R"("messages":[{"role":"assistant","function_call":{"name":5}}])");
    EXPECT_EQ(wrong.error().param, "messages[0].function_call.name");
}

class OpenAiCompletionsRefuses : public testing::TestWithParam<Refused> {};
TEST_P(OpenAiCompletionsRefuses, WithThePath) {
    const auto call = text(GetParam().fields);
    ASSERT_FALSE(call) << GetParam().fields;
    EXPECT_EQ(call.error().param, GetParam().param);
    EXPECT_EQ(call.error().detail, GetParam().detail);
}
INSTANTIATE_TEST_SUITE_P(
    All, OpenAiCompletionsRefuses,
    testing::Values(Refused{R"("prompt":null)", "prompt", "missing_required_parameter"},
                    Refused{R"("prompt":[])", "prompt", "invalid_value"},
                    Refused{R"("prompt":{})", "prompt", "invalid_type"},
                    Refused{R"("prompt":["a",5])", "prompt[1]", "invalid_type"},
                    Refused{R"("prompt":[5,"a"])", "prompt[1]", "invalid_type"},
                    Refused{R"("prompt":[-5])", "prompt[0]", "invalid_type"},
                    Refused{R"("prompt":[["a"]])", "prompt[0][0]", "invalid_type"},
                    Refused{R"("suffix":7)", "suffix", "invalid_type"},
                    Refused{R"("best_of":3,"stream":true)", "best_of", "invalid_value"},
                    Refused{R"("n":2,"best_of":1)", "best_of", "invalid_value"},
                    Refused{R"("prompt":["a","b"],"best_of":65)", "prompt", "invalid_value"},
                    Refused{R"("truncation":"auto","suffix":"x")", "truncation", "invalid_value"},
                    Refused{R"("truncation":true)", "truncation", "invalid_type"},
                    Refused{R"("logprobs":6)", "logprobs", "invalid_value"},
                    Refused{R"("prompt":["a","b"],"n":100)", "prompt", "invalid_value"}),
    [](const auto& info) { return base::test_name(info.index, info.param.fields); });

}  // namespace
}  // namespace shimmy
