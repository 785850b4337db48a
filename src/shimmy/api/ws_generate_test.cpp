// GET /ws/generate over real sockets with a fake model.
#include <gmock/gmock.h>

#include "shimmy/api/test_server.h"
#include "shimmy/api/ws_test_client.h"

namespace shimmy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kHello = R"({"model":"alpha","prompt":"Hi"})";

class WsGenerate : public ServerTest {
  protected:
    static std::string upgrade(std::string_view target = "/ws/generate", std::string_view headers = "") {
        return get(target,
                   fmt::format("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}",
                               headers));
    }
    // A client that has switched protocols; `received` holds frames only from there on.
    std::unique_ptr<TestClient> connect(std::string_view target = "/ws/generate",
                                        std::string_view headers = "") {
        auto client = std::make_unique<TestClient>(server->port());
        client->send(upgrade(target, headers));
        const std::string head = client->response();
        EXPECT_THAT(head, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
        EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        return client;
    }
    // All frames up to the end of the connection; that there is one is a part of the check.
    static std::vector<ServerFrame> frames_to_end(TestClient& client) {
        EXPECT_TRUE(client.read_to_end());
        return server_frames(client.received);
    }
    static int close_code(const ServerFrame& frame) {
        if (frame.opcode != 8 || frame.payload.size() < 2) return 0;
        return static_cast<uint8_t>(frame.payload[0]) << 8 | static_cast<uint8_t>(frame.payload[1]);
    }
};

TEST_F(WsGenerate, SendsTokensAndAnEnd) {
    start();
    const auto client = connect();
    client->send(client_frame(1, kHello));
    const auto frames = frames_to_end(*client);
    ASSERT_EQ(frames.size(), 14u);
    std::string text;
    for (size_t i = 0; i < 12; ++i) {
        const std::string expected = fmt::format(R"({{"token":"{}"}})", "Hello there."[i]);
        EXPECT_EQ(frames[i].payload, expected);
        EXPECT_EQ(frames[i].opcode, 1);
    }
    EXPECT_EQ(
        frames[12].payload,
        R"({"done":true,"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":12,"total_tokens":15}})");
    EXPECT_EQ(close_code(frames[13]), 1000);
}

TEST_F(WsGenerate, SendsTheTextItselfWhenAsked) {
    start();
    const auto client = connect("/v1/ws/generate?x=1&format=raw");
    client->send(
        client_frame(2, R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"stream":false})"));
    const auto frames = frames_to_end(*client);
    ASSERT_EQ(frames.size(), 7u);
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(frames[i].payload, std::string(1, "Hello"[i]));
    EXPECT_EQ(frames[5].payload, R"({"done":true})");
    EXPECT_EQ(close_code(frames[6]), 1000);
}

TEST_F(WsGenerate, TakesTheRequestInAnyPieces) {
    start();
    TestClient client(server->port());
    std::string bytes = upgrade();
    bytes += client_frame(9, "are you there");
    for (size_t i = 0; i < kHello.size(); ++i)
        bytes += client_frame(i == 0 ? 1 : 0, kHello.substr(i, 1), i + 1 == kHello.size());
    for (size_t at = 0; at < bytes.size(); at += 11) client.send(bytes.substr(at, 11));
    ASSERT_TRUE(client.read_to_end());
    EXPECT_THAT(client.received, HasSubstr("are you there"));
    EXPECT_THAT(client.received, HasSubstr(R"({"done":true)"));
}

TEST_F(WsGenerate, SaysWhatIsWrongWithTheRequest) {
    start();
    const std::pair<const char*, const char*> cases[] = {
        {"{", "invalid_json"},
        {R"({"model":"alpha"})", "missing_required_parameter"},
        {R"({"model":"nope","prompt":"x"})", "model_not_found"},
        {R"({"prompt":"x","top_p":7})", "invalid_value"}};
    for (const auto& [message, code] : cases) {
        const auto client = connect();
        client->send(client_frame(1, message));
        const auto frames = frames_to_end(*client);
        ASSERT_EQ(frames.size(), 2u) << message;
        EXPECT_THAT(frames[0].payload, StartsWith(R"({"error":{"message":)"));
        EXPECT_THAT(frames[0].payload, HasSubstr(code));
        EXPECT_EQ(close_code(frames[1]), 1008);
    }
}

TEST_F(WsGenerate, AFaultOfTheModelIsAnErrorAtTheEnd) {
    script->fail_after = "Hel";
    start();
    const auto client = connect();
    client->send(client_frame(1, kHello));
    const auto frames = frames_to_end(*client);
    ASSERT_EQ(frames.size(), 5u);
    EXPECT_THAT(frames[3].payload, HasSubstr("numeric_error"));
    EXPECT_EQ(close_code(frames[4]), 1011);
}

TEST_F(WsGenerate, AnExceptionEndsThisConversationOnly) {
    script->throws = true;
    start();
    for (int i = 0; i < 2; ++i) {  // before the model is loaded, and after
        const auto client = connect();
        client->send(client_frame(1, R"({"messages":[{"role":"user","content":"Hi"}]})"));
        const auto frames = frames_to_end(*client);
        ASSERT_EQ(frames.size(), 2u);
        EXPECT_THAT(frames[0].payload, HasSubstr("internal_error"));
    }
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200"));
}

TEST_F(WsGenerate, ClosesWithTheReasonWhenFramesAreWrong) {
    ServerOptions options;
    options.limits.message_bytes = 1000;
    start(options);
    const std::pair<std::string, int> cases[] = {{"\x81\x02hi", 1002},
                                                 {client_frame(1, "\xff"), 1007},
                                                 {client_frame(1, std::string(1001, 'x')), 1009},
                                                 {client_frame(8, "\x03\xe8"), 1000},
                                                 {client_frame(8, ""), 1000}};
    for (const auto& [bytes, code] : cases) {
        const auto client = connect();
        client->send(bytes);
        const auto frames = frames_to_end(*client);
        ASSERT_EQ(frames.size(), 1u);
        EXPECT_EQ(close_code(frames[0]), code);
    }
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200"));
}

TEST_F(WsGenerate, AnswersPingsWhileItGenerates) {
    script->endless = true;
    script->step = std::chrono::microseconds(500);
    start();
    const auto client = connect();
    client->send(client_frame(1, R"({"prompt":"Hi","max_tokens":100000})"));
    ASSERT_TRUE(client->read_until("token"));
    client->send(client_frame(9, "still here?"));
    EXPECT_TRUE(client->read_until("\x8a\x0bstill here?"));
    client->send(client_frame(1, kHello));
    ASSERT_TRUE(client->read_to_end());
    EXPECT_THAT(client->received, testing::EndsWith("one request a connection"));
    EXPECT_TRUE(eventually([&] { return script->running == 0; }));
}

TEST_F(WsGenerate, CancelsWhenTheClientClosesOrGoes) {
    script->endless = true;
    script->step = std::chrono::microseconds(200);
    start();
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < 6; ++i) {
        clients.push_back(connect());
        clients.back()->send(client_frame(1, R"({"model":"alpha","prompt":"Hi","max_tokens":1000000})"));
    }
    ASSERT_TRUE(eventually([&] { return script->running == 6; }));
    for (int i = 0; i < 3; ++i) clients[static_cast<size_t>(i)]->send(client_frame(8, "\x03\xe9"));
    EXPECT_TRUE(clients[0]->read_to_end());
    EXPECT_TRUE(eventually([&] { return script->running == 3; }));
    clients.clear();
    EXPECT_TRUE(eventually([&] { return script->running == 0; }));
    EXPECT_EQ(script->cancelled, 6);
}

TEST_F(WsGenerate, PingsWhileThereIsNothingToSay) {
    script->admit = false;
    ServerOptions options;
    options.limits.keep_alive = std::chrono::milliseconds(100);
    start(options);
    const auto client = connect();
    client->send(client_frame(1, kHello));
    EXPECT_TRUE(client->read_until(std::string_view("\x89\x00", 2)));
    script->admit = true;
    EXPECT_TRUE(client->read_until("done"));
}

TEST_F(WsGenerate, ASilentClientHasATime) {
    ServerOptions options;
    options.limits.body = std::chrono::milliseconds(300);
    start(options);
    const auto client = connect();
    client->send(client_frame(1, "{", false));
    EXPECT_TRUE(client->read_to_end());
}

TEST_F(WsGenerate, IsRefusedAsOtherRoutesAre) {
    ServerOptions options;
    ASSERT_TRUE(options.keys.add("secret"));
    start(options);
    const std::string key = "x-api-key: secret\r\n";
    EXPECT_THAT(ask(upgrade()), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(ask(upgrade("/ws/generate", key + "Origin: http://evil.example\r\n")),
                StartsWith("HTTP/1.1 403"));
    EXPECT_THAT(ask(upgrade("/ws/generate?format=xml", key)), StartsWith("HTTP/1.1 400"));
    const std::string plain = ask(get("/ws/generate", key));
    EXPECT_THAT(plain, StartsWith("HTTP/1.1 426 Upgrade Required\r\n"));
    EXPECT_THAT(plain, HasSubstr("Sec-WebSocket-Version: 13\r\n"));
    const auto client = connect("/ws/generate", key + "Origin: http://localhost:3000\r\n");
    client->send(client_frame(1, kHello));
    EXPECT_TRUE(client->read_until("done"));
}

TEST_F(WsGenerate, APageSendsItsKeyAsASubprotocol) {
    ServerOptions options;
    ASSERT_TRUE(options.keys.add("secret"));
    start(options);
    const auto head = [&](std::string_view protocols) {
        return ask(upgrade("/ws/generate", fmt::format("Origin: http://localhost:3000\r\n"
                                                       "Sec-WebSocket-Protocol: {}\r\n",
                                                       protocols)));
    };
    const std::string accepted = head("shimmy, openai-insecure-api-key.secret");
    EXPECT_THAT(accepted, StartsWith("HTTP/1.1 101"));
    EXPECT_THAT(accepted, HasSubstr("Sec-WebSocket-Protocol: shimmy\r\n"));
    EXPECT_THAT(accepted, testing::Not(HasSubstr("secret")));
    const std::string alone = head("openai-insecure-api-key.secret");
    EXPECT_THAT(alone, StartsWith("HTTP/1.1 101"));
    EXPECT_THAT(alone, testing::Not(HasSubstr("Sec-WebSocket-Protocol")));
    EXPECT_THAT(head("shimmy, openai-insecure-api-key.wrong"), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(head("shimmy"), StartsWith("HTTP/1.1 401"));
}

TEST_F(WsGenerate, EndsWithTheServer) {
    start();
    const auto waiting = connect();
    server->stop();
    EXPECT_TRUE(waiting->read_to_end());
    server->wait();
}

}  // namespace
}  // namespace shimmy
