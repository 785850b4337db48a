// Calls, thoughts and formats on the wire, over real sockets with a scripted model.
#include <gmock/gmock.h>

#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTools =
    R"("tools":[{"type":"function","function":{"name":"get_time","parameters":{"type":"object"}}}])";

std::string chat_body(std::string_view more) {
    return fmt::format(R"({{"model":"alpha","messages":[{{"role":"user","content":"Hi"}}],{}}})", more);
}

class ChatWireTest : public ServerTest {
  protected:
    void start_with_call() {
        script->chat_template = "<tool_call> <think>";
        script->answer = R"(<think>Hm.</think>
Let me see.
<tool_call>
{"name": "get_time", "arguments": {"city": "Rome"}}
</tool_call>)";
        start();
    }
};

TEST_F(ChatWireTest, ACallIsPutTogether) {
    start_with_call();
    const std::string answer = ask(post("/v1/chat/completions", chat_body(kTools)));
    EXPECT_THAT(answer, HasSubstr(R"("content":"Let me see.","reasoning_content":"Hm.","reasoning":"Hm.")"));
    EXPECT_THAT(answer, HasSubstr(R"("tool_calls":[{"id":"call_)"));
    EXPECT_THAT(answer, HasSubstr(R"("function":{"name":"get_time","arguments":"{\"city\": \"Rome\"}"}}])"));
    EXPECT_THAT(answer, HasSubstr(R"("finish_reason":"tool_calls")"));
    EXPECT_THAT(answer, Not(HasSubstr(R"("reasoning_tokens":0)")));
}

TEST_F(ChatWireTest, ACallIsStreamedInPieces) {
    start_with_call();
    TestClient client(server->port());
    client.send(post("/v1/chat/completions", chat_body(std::string(kTools) + R"(,"stream":true)")));
    ASSERT_TRUE(client.read_until("data: [DONE]"));
    EXPECT_THAT(client.received, HasSubstr(R"("delta":{"tool_calls":[{"index":0,"id":"call_)"));
    EXPECT_THAT(client.received,
                HasSubstr(R"("type":"function","function":{"name":"get_time","arguments":""}}]})"));
    EXPECT_THAT(client.received,
                HasSubstr(R"("delta":{"tool_calls":[{"index":0,"function":{"arguments":"R"}}]})"));
    EXPECT_THAT(client.received, HasSubstr(R"("delta":{"reasoning_content":)"));
    EXPECT_THAT(client.received, HasSubstr(R"("finish_reason":"tool_calls")"));
}

// As clients did it before there were tools.
TEST_F(ChatWireTest, FunctionsAreAnsweredInTheirOwnForm) {
    start_with_call();
    const std::string functions = R"("functions":[{"name":"get_time","parameters":{"type":"object"}}])";
    const std::string answer = ask(post("/v1/chat/completions", chat_body(functions)));
    EXPECT_THAT(answer,
                HasSubstr(R"("function_call":{"name":"get_time","arguments":"{\"city\": \"Rome\"}"})"));
    EXPECT_THAT(answer, HasSubstr(R"("finish_reason":"function_call")"));
    EXPECT_THAT(answer, Not(HasSubstr("tool_calls")));
    TestClient client(server->port());
    client.send(post("/v1/chat/completions", chat_body(functions + R"(,"stream":true)")));
    ASSERT_TRUE(client.read_until("data: [DONE]"));
    EXPECT_THAT(client.received,
                HasSubstr(R"("delta":{"function_call":{"name":"get_time","arguments":""}})"));
    EXPECT_THAT(client.received, HasSubstr(R"("delta":{"function_call":{"arguments":"R"}})"));
    EXPECT_THAT(client.received, HasSubstr(R"("finish_reason":"function_call")"));
}

TEST_F(ChatWireTest, ThoughtsStayInTheTextWhenAsked) {
    start_with_call();
    EXPECT_THAT(ask(post("/v1/chat/completions", chat_body(R"("reasoning_format":"none")"))),
                HasSubstr(R"("content":"<think>Hm.</think>\nLet me see.)"));
}

TEST_F(ChatWireTest, WithoutToolsACallIsText) {
    start_with_call();
    const std::string answer =
        ask(post("/v1/chat/completions", chat_body(std::string(kTools) + R"(,"tool_choice":"none")")));
    EXPECT_THAT(answer, HasSubstr(R"(<tool_call>)"));
    EXPECT_THAT(answer, HasSubstr(R"("finish_reason":"stop")"));
    EXPECT_THAT(answer, Not(HasSubstr("tool_calls")));
}

TEST_F(ChatWireTest, OnlyOneCallWhenNotParallel) {
    script->chat_template = "<tool_call>";
    script->answer =
        R"(<tool_call>{"name": "get_time", "arguments": {}}</tool_call><tool_call>{"name": "get_time", "arguments": {}}</tool_call>)";
    start();
    const std::string two =
        ask(post("/v1/chat/completions", chat_body(std::string(kTools) + R"(,"stream":false)")));
    EXPECT_NE(two.find("call_"), two.rfind("call_", two.rfind("get_time")));
    const std::string one =
        ask(post("/v1/chat/completions", chat_body(std::string(kTools) + R"(,"parallel_tool_calls":false)")));
    EXPECT_EQ(one.find("get_time"), one.rfind("get_time"));
}

TEST_F(ChatWireTest, ToolsAreToldToAModelWhoseTemplateKnowsNone) {
    script->answer = R"({"name": "get_time", "arguments": {"n": 1}})";
    start();
    const std::string answer = ask(post("/v1/chat/completions", chat_body(kTools)));
    EXPECT_THAT(answer, HasSubstr(R"("content":null)"));
    EXPECT_THAT(answer, HasSubstr(R"("arguments":"{\"n\": 1}")"));
}

}  // namespace
}  // namespace shimmy
