// The native routes over real sockets with a scripted model.
#include <gmock/gmock.h>

#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class NativeTest : public ServerTest {};

TEST_F(NativeTest, TextBecomesTokensAndTextAgain) {
    start();
    EXPECT_THAT(ask(post("/tokenize", R"({"model":"alpha","content":"Hi"})")),
                EndsWith(R"({"tokens":[72,105],"count":2})"));
    EXPECT_THAT(
        ask(post("/tokenize", R"({"model":"alpha","content":"Hé","with_pieces":true})")),
        EndsWith(R"({"tokens":[{"id":72,"piece":"H"},{"id":195,"piece":[195]},{"id":169,"piece":[169]}],)"
                 R"("count":3})"));
    EXPECT_THAT(ask(post("/v1/detokenize", R"({"model":"alpha","tokens":[72,195,169]})")),
                EndsWith(R"({"content":"Hé"})"));
    EXPECT_EQ(loads->load(), 1);
}

TEST_F(NativeTest, SaysWhatIsWrongWithTokens) {
    start();
    EXPECT_THAT(ask(post("/tokenize", R"({"model":"alpha"})")),
                AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr(R"("param":"content")")));
    EXPECT_THAT(ask(post("/detokenize", R"({"model":"alpha","tokens":[72,258]})")),
                AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("is 258; the model's ids end at 257"),
                      HasSubstr(R"("param":"tokens[1]")")));
    EXPECT_THAT(ask(post("/detokenize", R"({"model":"alpha","tokens":[-1]})")),
                AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr(R"("code":"invalid_type")")));
    EXPECT_THAT(ask(post("/tokenize", R"({"model":"nope","content":"x"})")),
                AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr(R"("code":"model_not_found")")));
    EXPECT_THAT(ask(post("/tokenize", R"({"model":"broken","content":"x"})")),
                AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr(R"("code":"model_load_failed")")));
}

TEST_F(NativeTest, ShowsTheRenderedConversation) {
    start();
    EXPECT_THAT(
        ask(post("/apply-template", R"({"model":"alpha","messages":[{"role":"user","content":"Hi"}]})")),
        EndsWith(R"({"prompt":"{\"role\":\"user\",\"content\":\"Hi\"}\n"})"));
    EXPECT_TRUE(script->requests.empty());
}

TEST_F(NativeTest, GenerateStreamsTextUnlessToldOtherwise) {
    script->answer = "a\nb";
    start();
    TestClient client(server->port());
    client.send(post("/api/generate", R"({"model":"alpha","prompt":"x"})"));
    ASSERT_TRUE(client.read_until("data: [DONE]\n\n"));
    EXPECT_THAT(client.received, HasSubstr("data: a\n\n"));
    EXPECT_THAT(client.received, HasSubstr("data: \ndata: \n\n"));
    EXPECT_THAT(client.received, HasSubstr("data: b\n\n"));
    EXPECT_THAT(ask(post("/api/generate", R"({"model":"alpha","prompt":"x","stream":false})")),
                EndsWith(R"({"response":"a\nb","choices":[{"index":0,"text":"a\nb","finish_reason":"stop"}],)"
                         R"("usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}})"));
    ASSERT_EQ(script->requests.size(), 2u);
    EXPECT_EQ(script->requests[0].max_tokens, 256);
}

TEST_F(NativeTest, GenerateTakesASystemTextWithMessages) {
    start();
    const std::string answer = ask(
        post("/api/generate",
             R"({"model":"alpha","stream":false,"system":"Be","messages":[{"role":"user","content":"x"}]})"));
    EXPECT_THAT(answer, HasSubstr(R"({"response":"Hello there.")"));
    ASSERT_EQ(script->requests.size(), 1u);
    const auto& ids = script->requests[0].prompt;
    std::string prompt(ids.begin() + 1, ids.end());
    EXPECT_THAT(prompt, StartsWith(R"({"role":"system","content":"Be"})"));
    for (const char* bad : {R"({"model":"alpha"})", R"({"model":"alpha","prompt":"x","n":2})",
                            R"({"model":"alpha","system":"Be","messages":"x"})"}) {
        EXPECT_THAT(ask(post("/api/generate", bad)), StartsWith("HTTP/1.1 400 ")) << bad;
    }
}

TEST_F(NativeTest, InfillNeedsAModelThatKnowsGaps) {
    start();
    EXPECT_THAT(ask(post("/infill", R"({"model":"alpha","input_prefix":"a","input_suffix":"b"})")),
                AllOf(StartsWith("HTTP/1.1 501 "), HasSubstr(R"("code":"unsupported")")));
    EXPECT_THAT(ask(post("/infill", R"({"model":"alpha"})")), HasSubstr(R"("param":"input_prefix")"));
    EXPECT_THAT(ask(post("/infill", R"({"model":"alpha","input_prefix":"a","input_extra":[]})")),
                HasSubstr(R"("param":"input_extra")"));
}

TEST_F(NativeTest, ASilentStreamSendsComments) {
    script->step = std::chrono::milliseconds(1500);
    ServerOptions options;
    options.limits.keep_alive = std::chrono::milliseconds(300);
    start(std::move(options));
    TestClient client(server->port());
    client.send(post("/v1/completions", R"({"model":"alpha","prompt":"x","stream":true,"max_tokens":1})"));
    ASSERT_TRUE(client.read_until("data: [DONE]"));
    EXPECT_LT(client.received.find("\r\n\r\ne\r\n: keep-alive\n\n\r\n"), client.received.find("data: "));
}

TEST_F(NativeTest, AnAnswerThatIsNotStreamedStaysSilent) {
    script->step = std::chrono::milliseconds(800);
    ServerOptions options;
    options.limits.keep_alive = std::chrono::milliseconds(300);
    start(std::move(options));
    EXPECT_THAT(ask(post("/v1/completions", R"({"model":"alpha","prompt":"x","max_tokens":1})")),
                AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("keep-alive\n"))));
}

}  // namespace
}  // namespace shimmy
