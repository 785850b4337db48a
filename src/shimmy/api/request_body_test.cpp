// --strict, and what an answer says of what was cut.
#include "shimmy/api/request_body.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "shimmy/api/json_read.h"
#include "shimmy/api/routes.h"
#include "shimmy/api/test_server.h"
#include "shimmy/api/ws_test_client.h"

namespace shimmy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct UnknownName {
    const char* name;  // of the case
    const RequestBody* kind;
    const char* body;
    const char* param;  // empty: nothing is unknown
    const char* message = "";
};
void PrintTo(const UnknownName& each, std::ostream* out) { *out << each.name; }

class Strict : public testing::TestWithParam<UnknownName> {};
TEST_P(Strict, NamesTheFirst) {
    static const KnownNames known;
    const auto body = parse_json_object(GetParam().body);
    ASSERT_TRUE(body);
    const auto checked = known.check(*body, *GetParam().kind);
    EXPECT_EQ(checked ? "" : checked.error().param, GetParam().param);
    if (checked) return;
    EXPECT_EQ(checked.error().detail, "unknown_parameter");
    EXPECT_THAT(checked.error().message, AllOf(HasSubstr(GetParam().param), HasSubstr(GetParam().message)));
}
INSTANTIATE_TEST_SUITE_P(
    All, Strict,
    testing::Values(
        UnknownName{"nothing", &kChatBody, R"({"model":"m","messages":[],"temperature":1,"repeat_last_n":2})",
                    ""},
        UnknownName{"typo", &kChatBody, R"({"temperatur":1})", "temperatur", "did you mean 'temperature'?"},
        UnknownName{"far_off", &kChatBody, R"({"zzzzzzzz":1})", "zzzzzzzz", "knows."},
        UnknownName{"null_is_absent", &kChatBody, R"({"zzzzzzzz":null})", ""},
        UnknownName{"of_another_route", &kChatBody, R"({"best_of":1})", "best_of"},
        UnknownName{"its_own_route", &kCompletionsBody, R"({"best_of":1})", ""},
        UnknownName{"stream_options", &kChatBody, R"({"stream_options":{"include_usage":true,"usage":1}})",
                    "stream_options.usage"},
        UnknownName{"message", &kChatBody, R"({"messages":[{"role":"user","content":"x","contents":"y"}]})",
                    "messages[0].contents", "did you mean 'content'?"},
        UnknownName{"content_part", &kChatBody,
                    R"({"messages":[{"content":[{"type":"text","text":"a"},{"type":"text","txt":"b"}]}]})",
                    "messages[0].content[1].txt"},
        UnknownName{"answer_sent_back", &kChatBody,
                    R"({"messages":[{"role":"assistant","content":null,"refusal":null,"reasoning_content":"t",
                        "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}]})",
                    ""},
        UnknownName{"function", &kChatBody,
                    R"({"tools":[{"type":"function","function":{"name":"f","params":{}}}]})",
                    "tools[0].function.params"},
        UnknownName{"schemas_are_free", &kChatBody,
                    R"({"tools":[{"type":"function","function":{"name":"f","parameters":{"x-any":{"y":1}}}}],
                        "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"x-any":1}}}})",
                    ""},
        UnknownName{"response_format", &kChatBody,
                    R"({"response_format":{"type":"json_schema","json_schema":{"name":"n","shema":{}}}})",
                    "response_format.json_schema.shema"},
        UnknownName{"tool_choice", &kChatBody,
                    R"({"tool_choice":{"type":"function","function":{"name":"f","x":1}}})",
                    "tool_choice.function.x"},
        UnknownName{"free_objects", &kChatBody,
                    R"({"logit_bias":{"5":1},"metadata":{"a":"b"},"chat_template_kwargs":{"c":{}}})", ""},
        UnknownName{"embeddings", &kEmbeddingsBody, R"({"input":"x","inputs":"y"})", "inputs"},
        UnknownName{"documents", &kRerankBody, R"({"documents":["a",{"text":"b","titel":"c"}]})",
                    "documents[1].titel"}),
    [](const auto& info) { return std::string(info.param.name); });

class StrictServer : public ServerTest {
  protected:
    void start_strict(bool strict = true) {
        ServerOptions options;
        options.strict = strict;
        start(options);
    }
};

TEST_F(StrictServer, EveryRouteWithABodyRefusesWhatItDoesNotKnow) {
    start_strict();
    const std::pair<const char*, const char*> requests[] = {
        {"/v1/chat/completions", R"("messages":[{"role":"user","content":"Hi"}])"},
        {"/v1/completions", R"("prompt":"Hi")"},
        {"/v1/embeddings", R"("input":"Hi")"},
        {"/v1/rerank", R"("query":"Hi","documents":["a"])"},
        {"/tokenize", R"("content":"Hi")"},
        {"/detokenize", R"("tokens":[5])"},
        {"/apply-template", R"("messages":[{"role":"user","content":"Hi"}])"},
        {"/infill", R"("input_prefix":"Hi")"},
        {"/api/generate", R"("prompt":"Hi","stream":false)"}};
    size_t tried = 0;
    for (const auto& [path, fields] : requests) {
        const std::string answer =
            ask(post(path, fmt::format(R"({{"model":"alpha",{},"frobnicate":1}})", fields)));
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << path;
        EXPECT_THAT(answer, HasSubstr(R"("param":"frobnicate","code":"unknown_parameter")")) << path;
        const std::string right = ask(post(path, fmt::format(R"({{"model":"alpha",{}}})", fields)));
        EXPECT_THAT(right, Not(HasSubstr("unknown_parameter"))) << path;
        ++tried;
    }
    EXPECT_EQ(tried, static_cast<size_t>(std::ranges::count_if(
                         endpoints(), [](const Endpoint& each) { return each.body_bytes_max > 0; })));
}

TEST_F(StrictServer, AWrongValueIsToldBeforeAnUnknownName) {
    start_strict();
    EXPECT_THAT(
        ask(post("/v1/completions", R"({"frobnicate":1,"model":"alpha","prompt":"x","temperature":3})")),
        HasSubstr(R"("param":"temperature")"));
}

TEST_F(StrictServer, TheWebSocketToo) {
    start_strict();
    TestClient client(server->port());
    client.send(get("/ws/generate",
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") +
                client_frame(1, R"({"prompt":"x","frobnicate":1})"));
    EXPECT_TRUE(client.read_until(R"("code":"unknown_parameter")"));
}

TEST_F(StrictServer, OthersIgnoreIt) {
    start_strict(false);
    EXPECT_THAT(ask(post("/v1/completions", R"({"frobnicate":1,"model":"alpha","prompt":"x"})")),
                StartsWith("HTTP/1.1 200"));
}

class TruncationWire : public ServerTest {
  protected:
    void SetUp() override {
        script->ctx_tokens = 200;
        start();
    }
    static std::string chat(std::string_view fields) {
        std::string messages;
        for (int i = 0; i < 9; ++i)
            messages +=
                fmt::format(R"({{"role":"{}","content":"{:20}"}},)", i % 2 == 0 ? "user" : "assistant", i);
        messages.pop_back();
        return fmt::format(R"({{"model":"alpha","max_tokens":5,"messages":[{}]{}}})", messages, fields);
    }
};

TEST_F(TruncationWire, WithoutAWordItIsAnError) {
    EXPECT_THAT(ask(post("/v1/chat/completions", chat(""))), HasSubstr("context_length_exceeded"));
}

TEST_F(TruncationWire, WholeAndStreamedAnswersSayWhatWasCut) {
    constexpr std::string_view kCut = R"("truncation":{"messages":6,"tokens":)";
    EXPECT_THAT(ask(post("/v1/chat/completions", chat(R"(,"truncation":"auto")"))), HasSubstr(kCut));
    TestClient client(server->port());
    client.send(post("/v1/chat/completions",
                     chat(R"(,"truncation":"auto","stream":true,"stream_options":{"include_usage":true})")));
    ASSERT_TRUE(client.read_until("data: [DONE]"));
    const size_t last_choice = client.received.find(kCut), usage = client.received.rfind(kCut);
    ASSERT_NE(last_choice, std::string::npos);
    EXPECT_GT(usage, last_choice) << "in the chunk that ends the choice, and in the one with the usage";
}

TEST_F(TruncationWire, NothingCutIsTold) {
    EXPECT_THAT(ask(post("/v1/completions", R"({"model":"alpha","prompt":"x","truncation":"auto"})")),
                HasSubstr(R"("truncation":{"messages":0,"tokens":0})"));
    EXPECT_THAT(ask(post("/v1/completions", R"({"model":"alpha","prompt":"x"})")),
                Not(HasSubstr("truncation")));
}

TEST_F(TruncationWire, TheNativeRouteTellsItWhereThereIsAPlace) {
    const std::string text =
        R"({"prompt":")" + std::string(300, 'x') + R"(","max_tokens":5,"truncation":"auto")";
    EXPECT_THAT(ask(post("/api/generate", text + R"(,"stream":false})")),
                HasSubstr(R"("truncation":{"messages":0,"tokens":106})"));
    EXPECT_THAT(ask(post("/api/generate", text + "}")), HasSubstr(R"("param":"truncation")"));
    for (const char* target : {"/ws/generate", "/ws/generate?format=raw"}) {
        TestClient client(server->port());
        client.send(get(target,
                        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") +
                    client_frame(1, text + "}"));
        EXPECT_TRUE(client.read_until(R"("truncation":{"messages":0,"tokens":106})"));
    }
}

}  // namespace
}  // namespace shimmy
